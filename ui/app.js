/* app.js - the page: reads the API once a second, follows its events, and shows all of it. */
import { ask, follow, of, token } from "./api.js";
import { connections } from "./connections.js";
import { h, show } from "./dom.js";
import { TYPES, events, note as noteEvents } from "./events.js";
import { matchToTry } from "./form.js";
import { short } from "./format.js";
import { keep, note, noteVerbs, restore } from "./history.js";
import { proxies } from "./proxies.js";
import { opener, report } from "./report.js";
import { rules } from "./rules.js";
import { stopAll } from "./runner.js";
import { scenarios } from "./scenarios.js";
import { servers } from "./servers.js";
import { calm, chosen, draw, onRefresh, paint, say, state } from "./state.js";
import { traffic } from "./traffic.js";

const pause = ms => new Promise(done => setTimeout(done, ms));

/* ---- which proxy ---- */

function choose() {
	let wanted = "";
	try {
		wanted = decodeURIComponent(location.hash.slice(1));
	} catch {
		/* a hash that somebody typed */
	}
	const all = state.stats?.proxies || [];
	if (wanted && wanted !== "proxy" && all.some(p => p.name === wanted))
		state.chosen = wanted;
	else if (!all.some(p => p.name === state.chosen))
		state.chosen = all[0]?.name ?? null;
}

/* ---- reading ---- */

/* The texts of requests that were recorded, and the rates of their verbs. */
async function readRecent(proxy) {
	const match = matchToTry();
	let answer = null;
	try {
		answer = await ask("GET", of(proxy.name, "/recent") + (match ? "?match=" + encodeURIComponent(match) : ""));
	} catch (e) {
		if (e.status !== 400 && e.status !== 404)   /* the proxy may be gone */
			throw e;
		return;
	}
	state.recent = { ...answer, proxy: proxy.name };
	for (const r of answer.latest)
		state.texts.set(r.connection + ":" + r.exchange, r.text);
	while (state.texts.size > 4000)
		state.texts.delete(state.texts.keys().next().value);
	noteVerbs(proxy.name, answer, performance.now() / 1000);
}

async function readConnections(proxy) {
	const answer = await ask("GET", of(proxy.name, "/connections?limit=200"));
	state.connections = { proxy: proxy.name, open: answer.open, list: answer.connections };
}

let turn = 0;

async function read() {
	if (!state.schema)
		state.schema = await ask("GET", "/schema");
	const stats = await ask("GET", "/stats");
	state.now = Date.now() / 1000;
	if (state.stats && state.stats.run !== stats.run) {
		state.connections = state.recent = state.form = state.scenario = null;
		state.texts.clear();
		state.missed.clear();
		say("Vaurien was started again.");
		state.schema = await ask("GET", "/schema");
	}
	state.stats = stats;
	choose();
	note(stats, state.schema, state.now);
	const proxy = chosen();
	if (proxy && !document.hidden) {
		const due = turn++ % 2 === 0 || state.connections?.proxy !== proxy.name;
		await Promise.all([readRecent(proxy), due && readConnections(proxy)]);
	}
}

/* One reading after another. While the API does not answer, a try every second. */
let again = null;

async function readAlways() {
	for (;;) {
		const begun = performance.now();
		try {
			await read();
			state.live = true;
		} catch (e) {
			state.live = e.status === 401 ? "needs a token" : e.status ? e.message : "not reachable";
		}
		draw();
		await Promise.race([pause(Math.max(200, 1000 - (performance.now() - begun))), new Promise(done => { again = done; })]);
		while (state.token)
			await pause(200);
	}
}

/* A flood is drawn with the next reading. */
function eventsCame(list) {
	noteEvents(list);
	if (list.length < 30)
		draw();
}

/* While the API answers. */
async function followAlways() {
	for (;;) {
		try {
			if (state.live === true)
				await follow(TYPES, () => { state.follows = true; draw(); }, eventsCame);
		} catch {
			/* the line of the status shows it */
		}
		state.follows = false;
		draw();
		await pause(250);
	}
}

/* ---- the token ---- */

token.wanted = () => {
	state.token = true;
	draw();
};

function tokenDialog() {
	return h("dialog", { class: "card", made: d => requestAnimationFrame(() => d.isConnected && !d.open && d.showModal()), oncancel: e => e.preventDefault(), "aria-labelledby": "token-title", key: "token" },
		h("form", { onsubmit: e => {
			e.preventDefault();
			token.set(e.target.elements.token.value.trim());
			state.token = false;
			draw();
		} },
		h("h2", { id: "token-title" }, "Token"),
		h("p", {}, "This API has a token: the text of ", h("code", {}, "--http-token"), ". This tab keeps it until it is closed."),
		h("label", { for: "token" }, token.get() ? "That was not it" : "Token"),
		h("input", { id: "token", name: "token", type: "password", autocomplete: "off", required: true, autofocus: true }),
		h("div", { class: "go" }, h("button", { class: "primary", type: "submit" }, "Open"))));
}

/* ---- the page ---- */

function status() {
	if (state.live === true && state.follows)
		return h("span", { class: "pill ok", role: "status" }, "live");
	return h("span", { class: state.live && state.live !== true ? "pill bad" : "pill warn", role: "status" }, state.live && state.live !== true ? state.token ? state.live : `${state.live}, trying again` : "connecting");
}

function head() {
	return h("header", { key: "head" }, h("h1", {}, "Vaurien"),
		state.stats && h("span", { class: "seed" }, `seed ${state.stats.seed}`), h("span", { class: "grow" }), status(), opener(),
		h("button", { class: "calm", disabled: state.stats ? null : true, title: "Switch every rule of every proxy off, at once", onclick: () => { calm(); stopAll(); } }, "All calm"));
}

function main() {
	const proxy = chosen();
	return h("main", { key: "main" }, proxies(),
		h("div", { id: "proxy", class: state.live === true ? null : "stale", tabindex: -1, key: proxy ? "p" + proxy.number : "none" },
			proxy ? [traffic(proxy), rules(proxy), servers(proxy), scenarios(proxy), h("div", { class: "pair" }, connections(proxy), events(proxy))] : h("p", { class: "empty" }, "There is no proxy to show.")));
}

paint(() => {
	const on = state.stats?.proxies.reduce((n, p) => n + p.rules.filter(r => r.options.enabled !== false).length, 0);
	document.title = (on ? `(${on}) ` : "") + (state.chosen !== null ? short(state.chosen, 30) + " · " : "") + "Vaurien";
	show(document.getElementById("page"), head(), state.report ? report() : state.stats ? main() : h("p", { class: "empty", key: "main" }, state.token ? "" : "Loading …"), state.token && tokenDialog());
});

addEventListener("hashchange", () => {
	state.report = null;
	choose();
	state.eventsShown = state.form = state.scenario = null;
	again?.();
	draw();
});
addEventListener("pagehide", keep);
document.addEventListener("visibilitychange", () => { if (!document.hidden) again?.(); });
onRefresh(() => again?.());

restore();
readAlways();
followAlways();
