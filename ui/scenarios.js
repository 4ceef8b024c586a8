/* scenarios.js - the choice of a scenario for a proxy, and what the one that runs does now. */
import { h } from "./dom.js";
import { count, name, quoted, shell, short, span } from "./format.js";
import { plansFor } from "./outages.js";
import { forget, hitsNow, runOf, seconds, start, stop } from "./runner.js";
import { draw, say, state } from "./state.js";

const SHOWN = 12;                       /* phases at a time */

/* ---- choosing ---- */

/* The element comes into view, or the `box` around it. */
function focusOn(id, box = id) {
	draw();
	requestAnimationFrame(() => requestAnimationFrame(() => {
		document.getElementById(id)?.focus({ preventScroll: true });
		document.getElementById(box)?.scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
	}));
}

/* state.scenario: { proxy, plans, others, chosen: the name of a plan } */
async function open(proxy) {
	try {
		const found = await plansFor(proxy);
		if (state.chosen !== proxy.name)
			return;
		const last = runOf(proxy.name);
		if (last?.result)
			forget(last);
		state.scenario = { proxy: proxy.name, ...found, chosen: found.plans.find(p => p.name === last?.plan.name)?.name || found.plans[0]?.name };
		focusOn("scenario", "scenario-form");
	} catch (e) {
		say(e.message, true);
	}
}

function close() {
	state.scenario = null;
	focusOn("scenario-open");
}

async function go(plan) {
	state.scenario = null;
	const end = start(plan);
	focusOn("scenario-stop");
	await end;
	if (document.activeElement?.id === "scenario-stop")
		focusOn("scenario-open");
}

function options(plans) {
	const groups = [...new Set(plans.map(p => p.group))];
	return groups.map(group => h("optgroup", { key: group, label: group }, plans.filter(p => p.group === group)
		.map(p => h("option", { key: p.name, value: p.name }, p.name))));
}

/* Rules that are in force already. */
function besides(plan) {
	const on = state.stats.proxies.filter(p => plan.proxies.includes(p.name)).flatMap(p => p.rules).filter(r => r.options.enabled !== false);
	return on.length > 0 && h("p", { class: "warn" }, on.length === 1 ? "1 rule is on already" : `${on.length} rules are on already`, ": they stay, and the scenario's come on top.");
}

const attach = () => `--attach ${shell(location.origin)}`;

function chosenPlan(proxy) {
	const s = state.scenario, plan = s.plans.find(p => p.name === s.chosen);
	if (!plan)
		return h("p", { class: "empty" }, "No outage fits this proxy.");
	const total = plan.steps.reduce((n, step) => n + step.seconds, 0);
	return h("div", { key: plan.name },
		h("p", { id: "scenario-question" }, plan.question),
		plan.beyond.length ? [h("p", { class: "dim" }, `It has ${plan.beyond.join(", ")}, which this page cannot judge. In a terminal:`),
			h("div", { class: "cmd" }, h("code", {}, `vaurien audit ${attach()} --only ${shell(proxy.name)} --faults ${plan.name}`))]
			: [phases(plan, -1), besides(plan), plan.needs && h("p", { class: "dim" }, `It needs clients that send ${plan.needs}.`),
				plan.reconnect && h("p", { class: "dim" }, "Then its rule stays on the connections that were open until they are gone, 90 s at most."),
				h("div", { class: "go" }, h("button", { class: "primary", type: "submit" }, `Start (${span(total)})`), h("button", { type: "button", onclick: close }, "Cancel"))]);
}

function chooser(proxy) {
	const s = state.scenario;
	return h("form", { id: "scenario-form", class: "card", key: "choose", "aria-label": "Start a scenario",
		onkeydown: e => { if (e.key === "Escape") close(); },
		onsubmit: e => {
			e.preventDefault();
			const plan = s.plans.find(p => p.name === s.chosen);
			if (plan && !plan.beyond.length)
				go(plan);
		} },
	h("div", { class: "field" }, h("label", { for: "scenario" }, "Outage"),
		h("select", { id: "scenario", "aria-describedby": "scenario-question", value: s.chosen, onchange: e => { s.chosen = e.target.value; draw(); } }, options(s.plans))),
	chosenPlan(proxy),
	s.others.length > 0 && h("p", { class: "dim" }, `Not for ${name(proxy.protocol)}: ${s.others.join(", ")}.`),
	h("p", { class: "dim" }, "A scenario of your own, with conditions and expectations:"),
	h("div", { class: "cmd" }, h("code", {}, `vaurien scenario FILE ${attach()}`)));
}

/* ---- phases ---- */

function ruleWords(body) {
	return [body.behavior].concat(Object.entries(body).filter(([key]) => key !== "behavior").map(([key, value]) => `${key}=${quoted(name(value))}`)).join(" ");
}

function doing(step) {
	const all = step.deeds.map(deed => `${deed} all connections`).concat(step.rules.map(ruleWords));
	return all.length ? h("code", {}, all.join("; ")) : "no fault";
}

/* "1.2 s left", "3 hits". */
function progressOf(run, step, current) {
	const n = current ? hitsNow(run, step) : step.hits;
	return [current && h("b", {}, `${span(Math.max(0, run.ends - seconds()))} left`), n !== null && h("span", { class: "dim" }, ` ${count(n)} ${n === 1 ? "hit" : "hits"}`)];
}

/* Those around the current one. */
function phases(plan, at, run = null) {
	const from = Math.max(0, Math.min(at - 3, plan.steps.length - SHOWN)), more = plan.steps.length - from - SHOWN;
	return [h("ol", { class: "phases", start: from + 1, "aria-label": "Phases" }, plan.steps.slice(from, from + SHOWN).map((step, i) => {
		const current = run && !run.result && from + i === at;
		return h("li", { key: from + i, class: current ? "now" : from + i < at ? "past" : null, "aria-current": current ? "step" : null },
			h("b", {}, short(step.name, 60)), h("span", { class: "dim" }, ` ${span(step.seconds)} `), doing(step), " ", run && step.hits !== null && progressOf(run, step, current));
	})), more > 0 && h("p", { class: "dim" }, `and ${more} more`)];
}

/* After the phases of an outage that reconnecting cures. */
const WAITS = {
	sees: "The rule stays until the connections that were open are gone.",
	blind: "The rule stays on the connections that were open. Nobody sees them end under vanish: press Stop when your clients are well.",
};

/* Seconds of the phases before, and of this one. */
function done(run) {
	const before = run.plan.steps.slice(0, Math.max(0, run.at)).reduce((n, step) => n + step.seconds, 0);
	const now = run.plan.steps[run.at];
	return before + (now && run.ends ? Math.min(now.seconds, Math.max(0, now.seconds - (run.ends - seconds()))) : 0);
}

function phaseSpoken(run) {
	if (run.waits)
		return WAITS[run.waits];
	return run.plan.steps[run.at] ? short(run.plan.steps[run.at].name, 60) : "begins";
}

function running(run) {
	const { plan } = run, total = plan.steps.reduce((n, step) => n + step.seconds, 0);
	return h("div", { class: "card", key: "run" },
		h("h3", {}, name(plan.name), " ", h("span", { class: run.result ? run.bad ? "pill bad" : "pill off" : "pill bad" }, run.result ? run.bad ? "failed" : run.over ? "stopped" : "ended" : "runs")),
		h("p", {}, plan.question),
		phases(plan, run.at, run),
		run.warning && h("p", { class: "warn" }, name(run.warning)),
		run.result ? h("p", { class: run.bad ? "say" : null }, run.result) : [
			run.waits && h("p", {}, WAITS[run.waits], ` ${span(Math.max(0, run.ends - seconds()))} left.`),
			h("progress", { max: total, value: done(run), "aria-label": "Progress of the scenario" }),
			h("span", { class: "hidden", role: "status" }, `Scenario ${plan.name}: ${phaseSpoken(run)}`),
			h("div", { class: "go" }, h("button", { id: "scenario-stop", onclick: () => stop(run) }, "Stop"))]);
}

/* ---- the section ---- */

export function scenarios(proxy) {
	const run = runOf(proxy.name), choosing = state.scenario?.proxy === proxy.name, free = !run || run.result;
	return h("section", { "aria-labelledby": "scenarios" },
		h("h2", { id: "scenarios" }, "Scenarios", h("span", { class: "grow" }),
			state.schema && free && !choosing && h("button", { id: "scenario-open", onclick: () => open(proxy) }, "Start a scenario")),
		choosing && free && chooser(proxy),
		run && !(choosing && free) && running(run),
		!run && !choosing && h("p", { class: "empty" }, "No scenario runs: an outage in phases, such as a restart."));
}
