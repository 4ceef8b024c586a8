/* events.js - the stream of events, with filters and a pause. */
import { h } from "./dom.js";
import { bytes, clock, name, short, span, took } from "./format.js";
import { client } from "./connections.js";
import { noteMark } from "./history.js";
import { draw, state } from "./state.js";

const KEPT = 400, SHOWN = 60;

const KINDS = {
	fault: "faults", unreachable: "faults", missed: "faults",
	opened: "connections", closed: "connections", raw: "connections",
	gave_up: "connections", tls: "connections", changed: "changes", mark: "changes", lost: "changes",
};
export const TYPES = ["fault", "unreachable", "missed", "opened", "closed", "raw", "changed", "gave_up", "tls", "mark"];

let last = 0;

export function note(events) {
	for (const e of events) {
		e.key = ++last;
		if (e.type === "mark")
			noteMark(e.text, Date.now() / 1000);
		if (e.type === "missed" || e.type === "unreachable")
			state.missed.set(e.proxy + "\n" + e.rule, e);
	}
	state.events.unshift(...events.reverse());
	state.events.length = Math.min(state.events.length, KEPT);
	if (state.missed.size > 500)
		state.missed.delete(state.missed.keys().next().value);
}

/* ---- one event as words ---- */

/* "pass,hold:0.3" as "300 ms late", "reply:deadlock,close" as "reply deadlock, close". */
function verdict(text) {
	return text.split(",").map(part => {
		const [word, value] = part.split(":");
		if (word === "hold")
			return value === "until-changed" ? "held until the rule is removed" : took(Number(value)) + " late";
		return value ? `${word} ${value}` : word;
	}).filter((word, i, all) => word !== "pass" || all.length === 1).join(", ");
}

const who = e => `#${e.connection}`;
const exchange = e => e.exchange === undefined ? e.push === undefined ? "" : ` push ${e.push}` : e.exchange ? ` exchange ${e.exchange}` : "";
const text = e => state.texts.get(e.connection + ":" + e.exchange) || e.verb;

const WORDS = {
	fault: e => `${who(e)}${exchange(e)}${text(e) ? " · " + text(e) : ""} · ${e.rule} → ${verdict(e.verdict)}`,
	unreachable: e => `${who(e)}${exchange(e)}${text(e) ? " · " + text(e) : ""} · ${e.rule} could not strike: ${e.why}`,
	missed: e => `${e.rule} · ${e.messages ?? e.connections} ${e.messages === undefined ? "connections" : "messages"}, ${e.why}${e.nearest ? "; nearest: " + e.nearest : ""}`,
	opened: e => `${who(e)} from ${client(e)}`,
	closed: e => `${who(e)} ${e.reason} (${e.how}) after ${span(e.age)}, ${e.exchanges} requests, ${bytes(e.request_received + e.response_received)}`,
	raw: e => `${who(e)} is raw: ${e.why}`,
	changed: e => `${e.what} by ${e.by}${e.rules?.length ? " · rules: " + [].concat(e.rules).join(", ") : " · no rules"}`,
	tls: e => `${who(e)} TLS with the ${e.leg} ${e.outcome}${e.reason ? " (" + e.reason + "): " + e.why : e.version ? ", " + e.version : ""}`,
	gave_up: e => `${who(e)}${exchange(e)} client gave up (${e.how}) after ${span(e.waited)}${e.rule ? " · " + e.rule : ""}`,
	mark: e => e.text,
	lost: e => `${e.lost} events were dropped: this page reads no faster`,
};

function row(e, withProxy) {
	return h("div", { key: e.key, class: "event" },
		h("span", { class: "t" }, clock(e.time)), h("span", { class: "kind " + e.type }, e.type),
		h("span", { class: "what" }, withProxy && e.proxy !== undefined && h("bdi", { class: "dim" }, short(e.proxy, 24), " "), name(WORDS[e.type]?.(e) || "")));
}

/* ---- the section ---- */

function fits(e, proxy) {
	const f = state.filter;
	if (!f[KINDS[e.type]] || (!f.all && e.proxy !== undefined && e.proxy !== proxy.name))
		return false;
	return !f.text || WORDS[e.type]?.(e).toLowerCase().includes(f.text.toLowerCase());
}

function toggle(label, key) {
	const on = state.filter[key];
	return h("button", { class: on ? "toggle on" : "toggle", "aria-pressed": on ? "true" : "false", onclick: () => { state.filter[key] = !on; draw(); } }, label);
}

export function events(proxy) {
	const held = state.eventsShown, list = (held || state.events).filter(e => fits(e, proxy)).slice(0, SHOWN);
	const more = held ? state.events.findIndex(e => e.key <= (held[0]?.key || 0)) : 0;
	return h("section", { "aria-labelledby": "events" },
		h("h2", { id: "events" }, "Events", h("span", { class: "grow" }),
			h("span", { class: "tools", role: "group", "aria-label": "Events to show" }, toggle("faults", "faults"), toggle("connections", "connections"), toggle("changes", "changes"), toggle("all proxies", "all")),
			h("label", {}, h("span", { class: "hidden" }, "Filter the events"), h("input", { type: "search", class: "small", placeholder: "filter", value: state.filter.text, oninput: e => { state.filter.text = e.target.value; draw(); } })),
			h("button", { "aria-pressed": held ? "true" : "false", onclick: () => { state.eventsShown = held ? null : state.events.slice(); draw(); } },
				held ? `Go on${more > 0 ? ` (${more} new)` : more < 0 ? ` (${KEPT}+ new)` : ""}` : "Pause")),
		h("div", { class: "card log", role: "log", "aria-live": "off", "aria-labelledby": "events", tabindex: 0 },
			list.length ? list.map(e => row(e, state.filter.all)) : h("p", { class: "dim" }, "Nothing has happened since this page was opened.")));
}
