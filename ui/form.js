/* form.js - the form that adds or edits a rule, made from the tables of GET /schema.
 *
 * The server checks while one types (?check=true changes nothing), and its sentence stands at the
 * field that it names. */
import { ask, of, token } from "./api.js";
import { h } from "./dom.js";
import { count, name, onDatagrams, quoted, shell, short, typed } from "./format.js";
import { act, chosen, draw, state } from "./state.js";

const FIRST = ["match", "probability", "times", "ttl"];        /* fields of rules that are seen at once */
const UNITS = { ns: "nanoseconds", us: "microseconds", ms: "milliseconds", s: "seconds", m: "minutes", h: "hours" };

/* ---- what is in it ---- */

/* editing: the rule's name; null: a new rule. `values` has texts by option, and booleans. */
function fresh(proxy, behavior) {
	return { proxy, editing: null, behavior, name: "", values: {}, given: [], errors: {}, general: "", warning: "", checks: 0, good: "", more: false };
}

/* The form comes into view, at its first field. */
function bring() {
	draw();
	check();
	requestAnimationFrame(() => requestAnimationFrame(() => {
		const box = document.getElementById("rule-form");
		box?.scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
		box?.querySelector("input, select:not(:disabled)")?.focus({ preventScroll: true });
	}));
}

let latest = "delay";                   /* the behavior that was added last */

/* Those that a proxy may have: some concern streams alone, some datagrams alone. */
function offered(proxy) {
	return state.schema.behaviors.filter(b => proxy && onDatagrams(proxy) ? b.datagrams : !b.only_datagrams);
}

export function add(proxy) {
	const all = offered(proxy);
	state.form = fresh(proxy.name, (all.find(b => b.name === latest) || all.find(b => b.name === "delay") || all[0]).name);
	bring();
}

const behaviorOf = f => state.schema.behaviors.find(b => b.name === f.behavior);
const optionsOf = f => behaviorOf(f).options.concat(state.schema.rule_fields).filter(o => o.name !== "enabled");
const isDefault = (o, value) => o.type === "bool" ? value === undefined || value === o.default : !(value ?? "").trim();

export function edit(proxy, rule) {
	const f = state.form = fresh(proxy.name, rule.behavior);
	f.editing = f.name = rule.name;
	for (const o of optionsOf(f)) {
		const value = rule.options[o.name];
		if (value !== undefined && JSON.stringify(value) !== JSON.stringify(o.default)) {
			f.values[o.name] = o.type === "bool" ? value : typed(o, value);
			f.given.push(o.name);
		}
	}
	f.more = f.given.some(key => state.schema.rule_fields.some(o => o.name === key) && !FIRST.includes(key));
	bring();
}

/* [[option, value], ...]: what is sent. A field that was emptied gets its default again. */
function words(f) {
	const all = [];
	for (const o of optionsOf(f)) {
		const value = f.values[o.name];
		if (!isDefault(o, value))
			all.push([o, o.type === "bool" ? value : value.trim()]);
		else if (f.editing && f.given.includes(o.name))
			all.push([o, o.default]);
	}
	return all;
}

/* The request that the form makes: what curl shows is what is sent. */
function request(f) {
	const options = Object.fromEntries(words(f).map(([o, value]) => [o.name, value]));
	if (f.editing === "behavior")
		return ["PUT", of(f.proxy, "/behavior"), { name: f.behavior, ...options }];
	if (f.editing)
		return ["PUT", of(f.proxy, "/rules/" + encodeURIComponent(f.editing)), options];
	return ["POST", of(f.proxy, "/rules"), { behavior: f.behavior, ...(f.name.trim() ? { name: f.name.trim() } : {}), ...options }];
}

/* ---- the same as command lines ---- */

function curl(f) {
	const [method, path, body] = request(f);
	const auth = token.get() ? ' -H "Authorization: Bearer $VAURIEN_TOKEN"' : "";
	return `curl -X ${method} ${shell(location.origin + path)}${auth} -d ${shell(JSON.stringify(body))}`;
}

function ctl(f) {
	const host = location.host === "localhost:8080" ? "" : ` --host ${location.origin}`;
	const start = `vaurienctl${host} --proxy ${shell(f.proxy)}`;
	const pairs = words(f).map(([o, value]) => [o.name, value === null ? "" : String(value)]);
	if (f.editing === "behavior")
		return [start, "set-behavior", f.behavior, ...pairs.map(([k, v]) => `--${k.replace(/_/g, "-")}=${shell(v)}`)].join(" ");
	const text = pairs.map(([k, v]) => shell(`${k}=${quoted(v)}`));
	if (f.editing)
		return [start, "rule set", shell(f.editing), ...text].join(" ");
	return [start, "rule add", f.behavior, ...text, ...(f.name.trim() ? [shell(`name=${quoted(f.name.trim())}`)] : [])].join(" ");
}

/* ---- checks, and what is done ---- */

let timer = 0;

function changed() {
	clearTimeout(timer);
	timer = setTimeout(check, 250);
	draw();
}

/* The answer to a check: true if nothing is wrong. */
function judged(f, answer) {
	const e = answer.errors?.[0];
	f.errors = {};
	f.general = "";
	f.warning = answer.warning || "";
	if (!e)
		return true;
	if (e.name === "name" || e.name === "behavior" || optionsOf(f).some(o => o.name === e.name))
		f.errors[e.name] = e.description;
	else
		f.general = e.description;
	if (state.schema.rule_fields.some(o => o.name === e.name) && !FIRST.includes(e.name))
		f.more = true;
	return false;
}

async function check() {
	const f = state.form;
	if (!f)
		return;
	const turn = ++f.checks, [method, path, body] = request(f), match = (f.values.match || "").trim();
	try {
		const answer = await ask(method, path + "?check=true", body);
		if (turn === f.checks)
			judged(f, answer);
		if (turn === f.checks && !f.errors.match)
			f.good = match;
	} catch {
		/* the line of the status shows it */
	}
	draw();
}

async function submit(event) {
	event.preventDefault();
	const f = state.form, [method, path, body] = request(f);
	clearTimeout(timer);
	f.checks++;
	try {
		if (!judged(f, await ask(method, path + "?check=true", body))) {
			draw();
			requestAnimationFrame(() => requestAnimationFrame(() => document.querySelector("#rule-form [aria-invalid=true]")?.focus()));
			return;
		}
	} catch {
		/* the same request without a check has the same error, which is shown */
	}
	const answer = await act(f.editing ? `${name(f.editing)} is changed.` : "The rule is set.", method, path, body);
	if (answer) {
		latest = f.behavior;
		state.form = null;
	}
	draw();
}

/* ---- fields ---- */

function field(f, key, label, help, input, hint) {
	const bad = f.errors[key], id = "f-" + key;
	return h("div", { class: bad ? "field bad" : "field", key },
		h("label", { for: id }, label, hint && h("span", { class: "hint" }, " ", hint)),
		input({ id, "aria-describedby": `${id}-note`, "aria-invalid": bad ? "true" : null, title: help }),
		h("div", { id: `${id}-note`, class: bad ? "say" : "help" }, bad || help));
}

function choice(f, o, list, none) {
	return props => h("select", { ...props, value: f.values[o.name] ?? "", onchange: e => { f.values[o.name] = e.target.value; changed(); } },
		h("option", { value: "" }, none), list.map(([value, text]) => h("option", { value, key: value }, text)));
}

function failures(proxy) {
	return state.schema.failures.filter(x => x.protocol === proxy.protocol).map(x => [x.name, x.code ? `${x.name} (${x.code})` : x.name]);
}

function optionField(f, proxy, o) {
	const byDefault = typed(o, o.default), label = o.name.replace(/_/g, " ");
	const set = value => { f.values[o.name] = value; changed(); };
	if (o.type === "bool")
		return field(f, o.name, label, o.help, props => h("select", { ...props, value: String(f.values[o.name] ?? o.default), onchange: e => set(e.target.value === "true") },
			h("option", { value: "true" }, "true"), h("option", { value: "false" }, "false")));
	if (o.type === "choice")
		return field(f, o.name, label, o.help, choice(f, o, o.choices.filter(c => c !== o.default).map(c => [c, c]), o.default || "–"));
	if (o.type === "failure")
		return field(f, o.name, label, o.help, choice(f, o, failures(proxy), "drawn"));
	const number = o.type === "int" || o.type === "real";
	return field(f, o.name, label, o.help, props => h("input", {
		...props, type: "text", inputmode: number ? "decimal" : null, autocomplete: "off", spellcheck: "false", autocapitalize: "off",
		placeholder: byDefault || (o.type === "table" ? "50:10ms,99:1s" : "none"), value: f.values[o.name] ?? "", oninput: e => set(e.target.value),
	}), o.type === "time" ? `${UNITS[o.unit] || o.unit}, or 250ms` : "");
}

/* How many of the last requests the match would have found. */
function tried(f) {
	const r = state.recent?.proxy === f.proxy && state.recent.match;
	if (!r || f.errors.match || !(f.values.match || "").trim() || r.text !== f.values.match.trim())
		return null;
	const share = r.messages ? ` (${(100 * r.hits / r.messages).toFixed(r.hits && r.hits < r.messages / 100 ? 1 : 0)} %)` : "";
	return h("p", { class: r.hits ? "tried" : "tried none", key: "tried" },
		r.messages ? `Would have found ${r.exact ? "" : "about "}${count(r.hits)} of ${count(r.messages)} requests in the last 10 s${share}.` : "No requests in the last 10 s to try it on.",
		!r.hits && r.nearest && [" Nearest: ", h("code", {}, name(r.nearest))]);
}

function behaviorField(f, proxy) {
	const b = behaviorOf(f), all = offered(proxy), groups = state.schema.groups.filter(g => all.some(x => x.group === g.name));
	return field(f, "behavior", "behavior", b.help, props => h("select", {
		...props, value: f.behavior, disabled: f.editing ? true : null,
		onchange: e => { const next = fresh(f.proxy, e.target.value); next.name = f.name; for (const o of state.schema.rule_fields) if (f.values[o.name] !== undefined) next.values[o.name] = f.values[o.name]; next.more = f.more; state.form = next; changed(); },
	}, groups.map(g => h("optgroup", { label: g.title, key: g.name },
		all.filter(x => x.group === g.name).map(x => h("option", { value: x.name, key: x.name }, x.name))))));
}

/* ---- the section ---- */

export function ruleForm(proxy) {
	const f = state.form;
	if (!state.schema || f?.proxy !== proxy.name)
		return null;
	const b = behaviorOf(f), messages = state.schema.protocols.find(p => p.name === proxy.protocol)?.messages;
	const fields = state.schema.rule_fields.filter(o => o.name !== "enabled" && (o.name !== "match" || (messages && b.has_match)));
	const one = o => optionField(f, proxy, o);
	return h("form", { class: "card", id: "rule-form", key: "form", novalidate: true, onsubmit: submit, "aria-labelledby": "form-title", onkeydown: e => { if (e.key === "Escape") { state.form = null; draw(); } } },
		h("h3", { id: "form-title" }, f.editing ? ["Edit ", h("bdi", {}, short(f.editing, 40))] : "Add a rule"),
		h("fieldset", {}, h("legend", {}, "What happens"),
			behaviorField(f, proxy),
			!f.editing && field(f, "name", "name", "The rule's own name; else the behavior's", props => h("input", { ...props, type: "text", autocomplete: "off", spellcheck: "false", placeholder: f.behavior, value: f.name, oninput: e => { f.name = e.target.value; changed(); } })),
			b.options.map(one)),
		h("fieldset", {}, h("legend", {}, "To what, and for how long"),
			FIRST.map(key => fields.find(o => o.name === key)).filter(Boolean).map(one)),
		tried(f),
		h("details", { open: f.more, ontoggle: e => { f.more = e.currentTarget.open; } }, h("summary", {}, "More conditions"),
			h("fieldset", {}, h("legend", { class: "hidden" }, "More conditions"), fields.filter(o => !FIRST.includes(o.name)).map(one))),
		f.general && h("p", { class: "say", role: "alert" }, f.general),
		f.warning && h("p", { class: "warn" }, f.warning),
		h("div", { class: "go" },
			h("button", { class: "primary", type: "submit" }, f.editing ? "Change the rule" : "Add rule"),
			h("button", { type: "button", onclick: () => { state.form = null; draw(); } }, "Cancel")),
		h("div", { class: "cmd", role: "group", "aria-label": "The same as commands" }, h("code", {}, ctl(f)), h("code", {}, curl(f))));
}

/* The match that is being typed, if the server takes it: GET /recent tries it. */
export function matchToTry() {
	const f = state.form, proxy = chosen();
	return f && proxy && f.proxy === proxy.name ? f.good : "";
}

