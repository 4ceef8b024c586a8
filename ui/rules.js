/* rules.js - the rules of a proxy as cards: what each has done, and why it has done nothing. */
import { h } from "./dom.js";
import { count, name, ruleText, short, span } from "./format.js";
import { add, edit, ruleForm } from "./form.js";
import { ruleRemove, ruleSwitch, state } from "./state.js";

function pill(rule) {
	if (rule.options.enabled === false)
		return h("span", { class: "pill off" }, "off");
	if (rule.left !== null)
		return h("span", { class: "pill bad" }, `on · ${span(rule.left)} left`);
	return h("span", { class: "pill bad" }, "on");
}

/* One sentence, if there is something to know. */
function remark(proxy, rule) {
	const event = state.missed.get(proxy.name + "\n" + rule.name);
	const tried = state.recent?.rules?.[rule.name];
	if (rule.hits || rule.options.enabled === false)
		return null;
	if (tried && !tried.hits && tried.messages)
		return [`${count(tried.messages)} requests in the last 10 s, no match.`, tried.nearest && [" Nearest: ", h("code", {}, name(tried.nearest))]];
	if (event?.type === "missed") {
		const n = event.messages ?? event.connections;
		return [`${count(n)} ${event.messages === undefined ? "connections" : "messages"}, ${event.why}.`, event.nearest && [" Nearest: ", h("code", {}, name(event.nearest))],
			event.but_for && ` Only ${event.but_for} differ.`];
	}
	if (event?.type === "unreachable")
		return `Could not strike: ${event.why}.`;
	return null;
}

/* One of several behaviors with shares, "80:delay,20:error": they are set together. */
function weighted(proxy, rule) {
	return rule.name === "behavior" && proxy.behavior !== rule.behavior;
}

function card(proxy, rule, i) {
	const on = rule.options.enabled !== false, note = remark(proxy, rule), called = short(rule.name, 40);
	return h("article", { class: note ? "card rule near" : on ? "card rule" : "card rule resting", key: rule.name + "\n" + rule.behavior + i },
		h("h3", {}, h("bdi", {}, called), " ", pill(rule)),
		h("code", {}, ruleText(state.schema, rule)),
		h("div", { class: "counts" }, h("span", {}, h("b", {}, count(rule.seen)), " seen"), h("span", {}, h("b", {}, count(rule.hits)), " hits"),
			rule.unreachable > 0 && h("span", { class: "warn" }, h("b", {}, count(rule.unreachable)), " unreachable")),
		note && h("p", {}, note),
		h("footer", {},
			h("button", { role: "switch", "aria-checked": on ? "true" : "false", "aria-label": `Rule ${called}`, onclick: () => ruleSwitch(proxy, rule, !on) }, on ? "Switch off" : "Switch on"),
			!weighted(proxy, rule) && h("button", { "aria-label": `Edit rule ${called}`, onclick: () => edit(proxy, rule) }, "Edit"),
			h("button", { "aria-label": `Remove rule ${called}`, onclick: () => ruleRemove(proxy, rule) }, "Remove")));
}

export function rules(proxy) {
	return h("section", { "aria-labelledby": "rules" },
		h("h2", { id: "rules" }, "Rules", h("span", { class: "grow" }),
			state.schema && !state.form && h("button", { class: "primary", onclick: () => add(proxy) }, "Add a rule")),
		ruleForm(proxy),
		proxy.rules.length ? h("div", { class: "rules" }, proxy.rules.map((rule, i) => card(proxy, rule, i)))
			: h("p", { class: "empty" }, "No rules: all traffic passes as it is."));
}
