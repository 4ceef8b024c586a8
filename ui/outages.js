/* outages.js - the scenarios that the program has, and what each is on a proxy.
 *
 * outages.ini has all files of audit/outages/. The page runs what is made of rules and times; what
 * waits for conditions, or expects something, is a matter of `vaurien scenario`. */
import { ask, of } from "./api.js";
import { onDatagrams } from "./format.js";
import { state } from "./state.js";

const TIMES = { T: 10, H: 20 };         /* seconds: as long as the auditor's */
const UNITS = { ms: 1e-3, s: 1, m: 60, h: 3600 };
const SCENARIO_KEYS = new Set(["question", "summary", "group", "set", "protocols", "needs", "cure", "repeat", "proxy"]);
const PHASE_KEYS = new Set(["rule", "for", "do", "use", "repeat"]);

/* ---- reading ---- */

/* [{ name, keys, phases: [{ name, keys }] }]; keys: Map of the values of each key. */
function parsed(text) {
	const all = [];
	let keys = null;
	for (const line of text.split("\n").map(l => l.trim())) {
		const section = /^\[(scenario|phase):(.+)\]$/.exec(line), at = line.indexOf("=");
		if (section) {
			const one = { name: section[2], keys: keys = new Map(), phases: [] };
			(section[1] === "scenario" ? all : all.at(-1).phases).push(one);
		} else if (at > 0 && !/^[#;]/.test(line)) {
			const key = line.slice(0, at).trim();
			keys.set(key, [...keys.get(key) || [], line.slice(at + 1).trim()]);
		}
	}
	return all;
}

let read = null;

export function outages() {
	read = read || fetch("outages.ini").then(answer => answer.ok ? answer.text() : Promise.reject(new Error("the outages cannot be read"))).then(parsed);
	read.catch(() => { read = null; });
	return read;
}

const first = (one, key) => one.keys.get(key)?.[0];

/* Seconds; NaN: it is no time. */
function seconds(text) {
	const [, n, unit] = /^([\d.]+)(ms|s|m|h)$/.exec(text) || [];
	return TIMES[text] ?? n * UNITS[unit];
}

/* ---- rules ---- */

/* [[word, ...], ...]: behind a "|" stands another rule, or another failure of the one before. */
function choices(text) {
	const all = [];
	let begun = 0, fresh = true;
	for (const word of text.match(/(?:"(?:\\.|[^"\\])*"|'[^']*'|\S)+/g) || []) {
		if (word === "|") {
			fresh = true;
			continue;
		}
		if (!fresh)
			all.slice(begun).forEach(words => words.push(word));
		else if (all.length && !state.schema.behaviors.some(b => b.name === word))
			all.push([...all.at(-1).slice(0, -1), "failure=" + word]);
		else
			begun = all.push([word]) - 1;
		fresh = false;
	}
	return all;
}

/* The request that sets this rule. */
function body([behavior, ...words]) {
	const options = (state.schema.behaviors.find(b => b.name === behavior)?.options || []).concat(state.schema.rule_fields);
	return { behavior, ...Object.fromEntries(words.map(word => {
		const at = word.indexOf("="), key = word.slice(0, at), value = word.slice(at + 1).replace(/^(["'])(.*)\1$/, "$2");
		return [key, TIMES[value] && options.find(o => o.name === key)?.type === "time" ? TIMES[value] + "s" : value];
	})) };
}

/* Answers of the server to whether a protocol has a rule, on streams or on datagrams, as long as its schema is in force. */
const known = new WeakMap();

function fits(proxy, rule) {
	if (!known.has(state.schema))
		known.set(state.schema, new Map());
	const answers = known.get(state.schema), key = onDatagrams(proxy) + proxy.protocol + JSON.stringify(rule);
	if (!answers.has(key))
		answers.set(key, ask("POST", of(proxy.name, "/rules?check=true"), rule).then(answer => !answer.errors));
	return answers.get(key);
}

/* The first choice that the protocol and the machine have. null: there is none. */
async function pick(proxy, text) {
	const all = choices(text);
	for (const [i, words] of all.entries()) {
		const rule = body(words);
		if (words[0] === "vanish" && i + 1 < all.length && state.vanish !== "filter")
			continue;
		if (await fits(proxy, rule))
			return rule;
	}
	return null;
}

/* ---- plans ---- */

class Misfit extends Error {}           /* the proxy's protocol has not got it */

function forProtocol(outage, proxy) {
	const list = (first(outage, "protocols") || "not").split(/\s+/);
	return list.includes(proxy.protocol) !== (list[0] === "not");
}

/* What the page cannot do. */
function beyond(outage) {
	const odd = [...outage.keys.keys()].filter(key => !SCENARIO_KEYS.has(key) || (key === "proxy" && first(outage, key) !== "each"));
	for (const phase of outage.phases) {
		odd.push(...[...phase.keys.keys()].filter(key => !PHASE_KEYS.has(key)));
		odd.push(...(phase.keys.get("do") || []).filter(deed => deed !== "close" && deed !== "reset"));
		if (phase.keys.has("for") && !(seconds(first(phase, "for")) > 0))
			odd.push("for");
	}
	return [...new Set(odd)];
}

/* The phases on one proxy, in turn, those of `use` and `repeat` too. */
async function stepsOf(all, outage, proxy, prefix = "", depth = 0) {
	const steps = [], times = Number(first(outage, "repeat") || 1);
	if (!forProtocol(outage, proxy))
		throw new Misfit();
	for (let n = 1; n <= times; n++)
		for (const phase of outage.phases) {
			const used = all.find(o => o.name === first(phase, "use")), label = prefix + (times > 1 ? n + "." : "") + phase.name;
			if (phase.keys.has("use")) {
				if (!used || depth > 15 || beyond(used).length)
					throw new Misfit();
				for (let i = Number(first(phase, "repeat") || 1); i > 0; i--)
					steps.push(...await stepsOf(all, used, proxy, label + ".", depth + 1));
				continue;
			}
			const rules = await Promise.all((phase.keys.get("rule") || []).map(text => pick(proxy, text)));
			if (rules.includes(null))
				throw new Misfit();
			steps.push({ proxy: proxy.name, name: label, rules, deeds: phase.keys.get("do") || [], seconds: seconds(first(phase, "for") || "0s") || 0, hits: null });
		}
	return steps;
}

async function stepsOfEach(all, outage, proxies) {
	const steps = [];
	for (const proxy of proxies)
		try {
			steps.push(...await stepsOf(all, outage, proxy, proxies.length > 1 ? proxy.name + "." : ""));
		} catch (e) {
			if (!(e instanceof Misfit))
				throw e;
		}
	if (!steps.length)
		throw new Misfit();
	return steps;
}

/* { name, question, group, needs, reconnect, beyond, steps, proxies }. null: it does not fit this proxy. */
async function plan(all, outage, proxy) {
	const odd = beyond(outage), each = first(outage, "proxy") === "each";
	const it = {
		name: outage.name, question: first(outage, "question") || "", group: first(outage, "group") || "others", needs: first(outage, "needs"),
		reconnect: first(outage, "cure") === "reconnect", beyond: odd, steps: [], proxies: [proxy.name],
	};
	try {
		if (!odd.length)
			it.steps = each ? await stepsOfEach(all, outage, state.stats.proxies) : await stepsOf(all, outage, proxy);
	} catch (e) {
		if (e instanceof Misfit)
			return null;
		throw e;
	}
	it.proxies = odd.length ? it.proxies : [...new Set(it.steps.map(step => step.proxy))];
	return it;
}

/* All that fit this proxy, and the names of the others. */
export async function plansFor(proxy) {
	state.vanish = (await ask("GET", "/info")).vanish;
	const all = await outages(), plans = await Promise.all(all.map(outage => plan(all, outage, proxy)));
	return { plans: plans.filter(p => p), others: all.filter((o, i) => !plans[i]).map(o => o.name) };
}
