/* connections.js - the open connections of a proxy: what each waits for, and what holds it. */
import { h } from "./dom.js";
import { count, name, short, span } from "./format.js";
import { connectionEnd, state } from "./state.js";

const MOST = 50;

function waits(c) {
	if (!c.asks)
		return c.state === "dials" ? "the backend" : "–";
	return state.texts.get(c.connection + ":" + c.asks.exchange) || c.asks.verb;
}

function holder(c) {
	if (!c.held_by)
		return "";
	return `${short(c.held_by.rule, 24)} · ${c.held_by.for === null ? "until removed" : span(c.held_by.for)}`;
}

/* Of `vaurien run` the program that connected is known, too. */
export function client(c) {
	const who = c.client || "unix";
	return c.process ? `${short(c.process.name, 20)} (${c.process.pid}) ${who}` : who;
}

function row(proxy, c) {
	return h("tr", { key: c.connection, class: c.held_by ? "held" : null },
		h("th", { scope: "row" }, c.connection), h("td", {}, client(c)), h("td", {}, span(c.age)), h("td", { class: "n" }, count(c.exchanges)),
		h("td", { class: "stmt" }, name(waits(c))), h("td", {}, holder(c), c.state === "raw" && h("span", { class: "pill warn" }, "raw")),
		h("td", { class: "do" },
			h("button", { "aria-label": `Close connection ${c.connection}`, onclick: () => connectionEnd(proxy, c.connection, false) }, "Close"), " ",
			h("button", { "aria-label": `Reset connection ${c.connection}`, onclick: () => connectionEnd(proxy, c.connection, true) }, "Reset")));
}

export function connections(proxy) {
	const known = state.connections?.proxy === proxy.name ? state.connections : { list: [], open: proxy.connections };
	const list = known.list.slice().sort((a, b) => (b.held_by ? 1 : 0) - (a.held_by ? 1 : 0) || b.connection - a.connection).slice(0, MOST);
	return h("section", { "aria-labelledby": "connections" },
		h("h2", { id: "connections" }, "Connections ", h("small", {}, list.length < known.open ? `${list.length} of ${count(known.open)}, held ones first` : count(known.open))),
		list.length ? h("div", { class: "card scroll", tabindex: 0, role: "region", "aria-labelledby": "connections" }, h("table", {},
			h("thead", {}, h("tr", {}, ["#", "client", "age", "exch.", "waits for", "held by"].map(t => h("th", { scope: "col", class: t === "exch." ? "n" : null }, t)), h("th", {}, h("span", { class: "hidden" }, "actions")))),
			h("tbody", {}, list.map(c => row(proxy, c)))))
			: h("p", { class: "empty" }, known.open ? "Reading …" : "Nobody is connected."));
}
