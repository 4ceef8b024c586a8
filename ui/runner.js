/* runner.js - runs a scenario: sets the rules of each phase, renews them, takes them back.
 *
 * Every rule ends by itself after TTL seconds and is renewed while the page lives, so a page that is
 * gone leaves no fault. The rules of a phase are set before those of the last one are removed, so that
 * nothing passes between the two. */
import { ask, leave, of } from "./api.js";
import { name, short } from "./format.js";
import { draw, say, state } from "./state.js";

const TTL = 10, RENEW = 3;              /* seconds */
const GIVE_UP = 90;                     /* seconds: that connections are waited for in a cure by reconnecting */
const OURS = /^(scenario|audit)-/;

/* proxy -> its scenario, or the last one it had: { plan, at, begun, ends, rules, warning, over, stop } */
const runs = new Map();

export const runOf = proxy => runs.get(proxy) || null;
export const seconds = () => performance.now() / 1000;

export function forget(run) {
	for (const proxy of run.plan.proxies)
		if (runs.get(proxy) === run)
			runs.delete(proxy);
	draw();
}

const path = rule => of(rule.proxy, "/rules/" + encodeURIComponent(rule.name));

/* ---- rules ---- */

/* The answer about a rule of this run. It throws if others have switched it off, or removed it. */
async function still(rule, method, body) {
	let answer = null;
	try {
		answer = await ask(method, path(rule), body);
	} catch (e) {
		throw e.status === 404 ? new Error("its rule was removed") : e;
	}
	if (answer.options.enabled === false)
		throw new Error("its rule was switched off");
	rule.step.hits = (rule.step.hits || 0) + answer.hits - rule.hits;
	rule.hits = answer.hits;
}

async function set(run, step, body) {
	const rule = { proxy: step.proxy, name: `scenario-${run.plan.name}-${++run.named}`, step, hits: 0 };
	const answer = await ask("POST", of(step.proxy, "/rules"), { ...body, name: rule.name, ttl: TTL + "s" });
	run.rules.push(rule);
	run.warning = answer.warning || run.warning;
	step.hits = step.hits || 0;
}

/* What is gone already is as it should be. */
async function remove(run, rules) {
	run.rules = run.rules.filter(rule => !rules.includes(rule));
	await Promise.all(rules.map(rule => ask("DELETE", path(rule)).catch(e => {
		if (e.status !== 404)
			run.warning = `${rule.name} could not be removed (${e.message}). It ends by itself within ${TTL} s.`;
	})));
}

/* An API that does not answer is asked again: the next phase finds out whether the rules still hold. */
function renew(run) {
	for (const rule of run.rules)
		still(rule, "PUT", { ttl: TTL }).catch(e => {
			if (run.rules.includes(rule) && e.name !== "TimeoutError" && !(e instanceof TypeError))
				run.stop(e.message, true);
		});
}

/* ---- phases ---- */

function mark(run, text) {
	const where = run.plan.proxies.length > 1 ? `${run.plan.proxies.length} proxies` : short(run.plan.proxies[0], 40);
	return ask("POST", "/marks", { text: `${where}/${run.plan.name}${text}` }).catch(() => {});
}

/* Sleeps, unless the run is stopped meanwhile. */
function sleep(run, time) {
	return Promise.race([run.stopped, new Promise(done => setTimeout(done, time * 1000))]);
}

async function phase(run, step) {
	const old = run.rules.slice();
	await Promise.all(old.map(rule => still(rule, "GET")));
	for (const body of step.rules)
		await set(run, step, body);
	await remove(run, old);
	for (const deed of step.deeds)
		await ask("DELETE", of(step.proxy, "/connections") + (deed === "reset" ? "?how=reset" : ""));
	run.ends = seconds() + step.seconds;
	mark(run, ": " + short(step.name, 40));
	draw();
	await sleep(run, step.seconds);
}

/* The numbers of the last connection that is open, and whether one up to `last` is. */
async function connections(proxy, last) {
	const answer = await ask("GET", of(proxy, "/connections?limit=10000")), numbers = answer.connections.map(c => c.connection);
	return { last: Math.max(0, ...numbers), old: numbers.length < answer.open || numbers.some(n => n <= last) };
}

/* The rules stay until the connections that they strike are gone. Under vanish not even their end is seen. */
async function reconnect(run, last) {
	const proxy = run.plan.proxies[0], end = seconds() + GIVE_UP;
	run.waits = run.plan.steps.at(-1).rules.some(rule => rule.behavior === "vanish") ? "blind" : "sees";
	run.ends = end;
	while (!run.over && seconds() < end && (await connections(proxy, last)).old)
		await sleep(run, 0.5);
	run.warning = !run.over && seconds() >= end && run.waits === "sees" ? `After ${GIVE_UP} s connections from before are still open.` : run.warning;
}

/* Not a second scenario on a proxy, nor one beside an audit, of any page. */
async function only(plan) {
	const stats = await ask("GET", "/stats");
	for (const proxy of stats.proxies.filter(p => plan.proxies.includes(p.name))) {
		const other = proxy.rules.find(rule => OURS.test(rule.name));
		if (other)
			throw new Error(`${short(proxy.name, 40)} has the rule ${short(other.name, 40)} of another scenario`);
	}
}

async function play(run) {
	const { plan } = run, last = plan.reconnect ? (await connections(plan.proxies[0], 0)).last : 0;
	await only(plan);
	await mark(run, " begins");
	for (run.at = 0; run.at < plan.steps.length && !run.over; run.at++)
		await phase(run, plan.steps[run.at]);
	if (plan.reconnect && !run.over)
		await reconnect(run, last);
	await Promise.all(run.rules.map(rule => still(rule, "GET")));
}

const hits = run => run.plan.steps.reduce((n, step) => n + (step.hits || 0), 0);

function ended(run) {
	const n = hits(run), struck = n ? `${n} ${n === 1 ? "hit" : "hits"}` : "nothing was hit";
	return run.over ? `${run.plan.name}: ${run.over}; ${struck}.` : `${run.plan.name} has ended: ${struck}.`;
}

/* Until its end. */
export async function start(plan) {
	const run = { plan: { ...plan, steps: plan.steps.map(step => ({ ...step })) }, at: -1, begun: seconds(), ends: 0, rules: [], named: 0, warning: "", over: "", bad: false, result: "", waits: "" };
	run.stopped = new Promise(done => {
		run.stop = (why, bad) => {
			run.bad = run.over ? run.bad : Boolean(bad);
			run.over = run.over || why;
			done();
		};
	});
	for (const proxy of plan.proxies)
		runs.set(proxy, run);
	const renewal = setInterval(() => renew(run), RENEW * 1000), redraw = setInterval(draw, 250);
	try {
		await play(run);
	} catch (e) {
		run.stop(e.message, true);
	}
	clearInterval(renewal);
	clearInterval(redraw);
	await remove(run, run.rules);
	await mark(run, run.over ? " was stopped" : " has ended");
	run.result = name(ended(run));
	say(run.result, run.bad);
	draw();
}

export function stop(run) {
	run.stop("stopped");
}

export function stopAll() {
	for (const run of runs.values())
		if (!run.result)
			run.stop("stopped by All calm");
}

/* The page goes: its rules with it, at once. If that fails, they end by themselves. */
addEventListener("pagehide", () => {
	for (const run of new Set(runs.values())) {
		run.rules.forEach(rule => leave(path(rule)));
		run.stop("the page was left");
	}
});

/* Of the current phase, as far as the last reading of the page knows. */
export function hitsNow(run, step) {
	const own = run.rules.filter(rule => rule.step === step);
	const rules = state.stats.proxies.find(p => p.name === step.proxy)?.rules || [];
	return own.reduce((n, rule) => n + Math.max(0, (rules.find(r => r.name === rule.name)?.hits || 0) - rule.hits), step.hits || 0);
}
