/* proxies.js - the list of proxies: what each is, what is in force, and its figures. */
import { h } from "./dom.js";
import { spark } from "./charts.js";
import { bytes, count, rate, ruleText, short, span, took } from "./format.js";
import { histories, recent } from "./history.js";
import { draw, state } from "./state.js";

const MOST = 60;                        /* cards at a time: with more proxies, use the filter */

export function pill(proxy) {
	const on = proxy.rules.filter(r => r.options.enabled !== false).length;
	if (!proxy.enabled)
		return h("span", { class: "pill warn" }, "disabled");
	if (!proxy.listening)
		return h("span", { class: "pill bad" }, "does not listen");
	if (on)
		return h("span", { class: "pill bad" }, `${on} ${on === 1 ? "rule" : "rules"} on`);
	if (!proxy.opened)
		return h("span", { class: "pill warn" }, "no traffic yet");
	return h("span", { class: "pill ok" }, "calm");
}

export function addresses(proxy) {
	const listen = proxy.listen.replace(/^localhost:/, ":");
	return `${proxy.protocol} · ${short(listen)} → ${short(proxy.backend)}`;
}

function figure(label, value) {
	return h("div", { key: label }, h("dt", {}, label), h("dd", {}, value));
}

/* On both legs. */
function tlsFailures(proxy) {
	return Object.values(proxy.tls || {}).reduce((n, leg) => n + leg.failures, 0);
}

function ruleLine(rule) {
	const left = rule.left === null ? "" : ` · ${span(rule.left)} left`;
	return h("li", { key: rule.name + rule.behavior }, short(rule.name, 24), " ", h("span", {}, short(ruleText(state.schema, rule), 44)), left);
}

function card(proxy) {
	const on = proxy.rules.filter(r => r.options.enabled !== false);
	const one = field => recent(proxy.name, field);
	const current = proxy.name === state.chosen;
	return h("a", { class: "card", href: "#" + encodeURIComponent(proxy.name), key: proxy.name, "aria-current": current ? "page" : null },
		h("h2", {}, h("bdi", {}, short(proxy.name)), " ", pill(proxy)),
		h("div", { class: "to" }, addresses(proxy)),
		on.length > 0 && h("ul", { class: "force" }, on.slice(0, 4).map(ruleLine), on.length > 4 && h("li", {}, `and ${on.length - 4} more`)),
		h("dl", {},
			figure("clients", count(proxy.connections)), figure("requests/s", rate(one("asked"))), figure("errors/s", rate(one("errors"))),
			figure("p50", took(one("p50"))), figure("p99", took(one("p99"))), figure("bytes/s", bytes((one("up") || 0) + (one("down") || 0))),
			on.length > 0 && figure("faults/s", rate(one("fault"))), proxy.waiting > 0 && figure("waiting", count(proxy.waiting)), proxy.held > 0 && figure("held", bytes(proxy.held)), proxy.raw > 0 && figure("raw", count(proxy.raw)),
			tlsFailures(proxy) > 0 && figure("TLS failed", count(tlsFailures(proxy)))),
		spark(histories.get(proxy.name)?.points || [], "asked", state.now));
}

export function proxies() {
	const all = state.stats.proxies, words = state.find.toLowerCase();
	const found = all.filter(p => !words || (p.name + " " + p.protocol + " " + p.listen + " " + p.backend).toLowerCase().includes(words));
	return h("nav", { "aria-label": "Proxies" },
		all.length > 6 && h("label", { class: "find" }, h("span", { class: "hidden" }, "Filter the proxies"),
			h("input", { type: "search", placeholder: `Filter ${all.length} proxies`, value: state.find, oninput: e => { state.find = e.target.value; draw(); } })),
		h("div", { class: "cards" }, found.slice(0, MOST).map(card)),
		found.length > MOST && h("p", { class: "dim" }, `${MOST} of ${found.length}: use the filter.`),
		!found.length && h("p", { class: "dim" }, all.length ? "No proxy fits the filter." : "There is no proxy yet. Create one: ", !all.length && h("code", {}, "vaurienctl create")));
}
