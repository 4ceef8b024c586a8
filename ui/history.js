/* history.js - the last five minutes of each proxy, from one answer of GET /stats a second.
 *
 * A point has the rates of one second; `null` is a gap. Spans are the times during which rules were
 * on: the charts mark where they begin and end. The tab keeps all of it across a reload. */
import { ruleText, short } from "./format.js";

export const KEPT = 300;                /* seconds */
const KEY = "vaurien-history";

/* name -> { points: [...], spans: [...], last: the proxy in the last answer, at } */
export const histories = new Map();
let run = null, before = null;

/* ---- percentiles ---- */

/* The counts of `now` without those of `then`, as [from, to, count]. */
function timesSince(now, then) {
	const old = new Map(then.map(([from, , n]) => [from, n]));
	return now.map(([from, to, n]) => [from, to, n - (old.get(from) || 0)]).filter(([, , n]) => n > 0);
}

/* Linear within a bucket. */
function percentile(times, total, share) {
	let left = total * share;
	for (const [from, to, n] of times) {
		if (left <= n)
			return to === null ? from : from + (to - from) * left / n;
		left -= n;
	}
	return null;
}

/* Texts of POST /marks: phases of an audit, for example. */
const marks = [];

export function noteMark(text, t) {
	marks.push({ t, text });
	while (marks.length > 40 || marks[0]?.t < t - KEPT)
		marks.shift();
}

/* The marks for the charts of a proxy: all but those of a scenario of another proxy, "NAME/...". */
export function marksOf(name) {
	const others = [...histories.keys()].filter(other => other !== name).map(other => short(other, 40) + "/");
	return marks.filter(m => !others.some(other => m.text.startsWith(other)));
}

/* ---- points ---- */

function point(now, then, t, seconds) {
	const per = (a, b) => Math.max(0, a - b) / seconds;
	const times = timesSince(now.times, then.times);
	const total = times.reduce((sum, [, , n]) => sum + n, 0);
	const faults = {};
	for (const rule of now.rules) {
		const old = then.rules.find(r => r.name === rule.name && r.behavior === rule.behavior);
		const hits = rule.hits - (old && old.hits <= rule.hits ? old.hits : 0);
		if (rule.hits || hits)
			faults[rule.name] = (faults[rule.name] || 0) + hits / seconds;
	}
	return {
		t, asked: per(now.exchanges, then.exchanges), errors: per(now.errors, then.errors), faults,
		fault: Object.values(faults).reduce((a, b) => a + b, 0),
		p50: total ? percentile(times, total, 0.5) : null,
		p90: total ? percentile(times, total, 0.9) : null,
		p99: total ? percentile(times, total, 0.99) : null,
		open: now.connections, held: now.held,
		up: per(now.received.request, then.received.request),
		down: per(now.received.response, then.received.response),
	};
}

function spans(of, proxy, schema, t, first) {
	const on = new Map();
	for (const rule of proxy.rules)
		if (rule.options.enabled !== false)
			on.set(rule.name + "\n" + rule.behavior, ruleText(schema, { ...rule, options: { ...rule.options, ttl: null } }));
	for (const s of of.spans)
		if (s.to === null && on.get(s.key) !== s.text)
			s.to = t;
	for (const [key, text] of on)
		if (!of.spans.some(s => s.to === null && s.key === key))
			of.spans.push({ key, text, name: key.split("\n")[0], from: first ? null : t, to: null });
}

/* A new answer. `t`: seconds, of this machine. */
export function note(stats, schema, t) {
	if (run !== stats.run || (before && t - before.t > 30))
		before = null;
	run = stats.run;
	for (const proxy of stats.proxies) {
		let of = histories.get(proxy.name);
		const first = !of;
		if (!of)
			histories.set(proxy.name, of = { points: [], spans: [] });
		const then = before?.byName.get(proxy.name);
		if (then && then.number === proxy.number)
			of.points.push(point(proxy, then, t, t - before.t));
		else
			of.points.push({ t, gap: true });
		if (schema)
			spans(of, proxy, schema, t, first || of.points.length < 2);
		of.points.splice(0, of.points.findIndex(p => p.t > t - KEPT - 2));
		of.spans = of.spans.filter(s => s.to === null || s.to > t - KEPT);
	}
	before = { t, byName: new Map(stats.proxies.map(p => [p.name, p])) };
	for (const name of histories.keys())
		if (!before.byName.has(name))
			histories.delete(name);
}

let verbsBefore = null;

/* The counts by verb of GET /recent become rates of the latest point. */
export function noteVerbs(proxy, answer, t) {
	const last = latest(proxy), then = verbsBefore;
	verbsBefore = { proxy, t, began: answer.began, counts: answer.verbs };
	if (!last || then?.proxy !== proxy || then.began !== answer.began || t <= then.t)
		return;
	last.verbs = {};
	for (const [verb, n] of Object.entries(answer.verbs))
		last.verbs[verb] = Math.max(0, n - (then.counts[verb] || 0)) / (t - then.t);
}

export function latest(proxy) {
	const points = histories.get(proxy)?.points;
	const last = points?.[points.length - 1];
	return last && !last.gap ? last : null;
}

/* Over the last `seconds`: what one second shows is nervous. */
export function recent(proxy, field, seconds = 5) {
	const points = (histories.get(proxy)?.points || []).slice(-seconds).filter(p => !p.gap && p[field] !== null);
	return points.length ? points.reduce((sum, p) => sum + p[field], 0) / points.length : null;
}

/* ---- across a reload ---- */

export function keep() {
	const all = [...histories].slice(0, 20);
	try {
		sessionStorage.setItem(KEY, JSON.stringify({ run, all, t: Date.now() / 1000 }));
	} catch {
		/* too long for this browser: a reload begins anew */
	}
}

export function restore() {
	try {
		const kept = JSON.parse(sessionStorage.getItem(KEY) || "null");
		if (kept && Date.now() / 1000 - kept.t < KEPT) {
			run = kept.run;
			for (const [name, of] of kept.all)
				histories.set(name, of);
		}
	} catch {
		/* as if there were none */
	}
	sessionStorage.removeItem(KEY);
}
