/* report.js - a report of `vaurien audit --json`, opened from a file. It stays in this tab. */
import { h } from "./dom.js";
import { count, name, short, span, took } from "./format.js";
import { draw, say, state } from "./state.js";

const MOST = 16 << 20;                  /* bytes of a file */
const PILLS = { pass: "ok", degraded: "warn", inconclusive: "off", fail: "bad", note: "off" };

/* ---- opening ---- */

async function read(file) {
	try {
		if (file.size > MOST)
			throw new Error("it is too long");
		const report = JSON.parse(await file.text());
		if (!String(report?.schema).startsWith("vaurien-audit/") || !Array.isArray(report.experiments) || !Array.isArray(report.findings))
			throw new Error("expected a report of vaurien audit --json");
		state.report = report;
		scrollTo(0, 0);
	} catch (e) {
		say(`${name(file.name)}: ${e instanceof SyntaxError ? "expected a report of vaurien audit --json" : e.message}`, true);
	}
	draw();
}

export function opener() {
	return h("label", { class: "button", key: "opener" }, "Open a report",
		h("input", { type: "file", class: "hidden", accept: ".json,application/json", onchange: e => { if (e.target.files[0]) read(e.target.files[0]); e.target.value = ""; } }));
}

/* ---- showing ---- */

function verdict(word) {
	return h("span", { class: "pill " + (PILLS[word] || "off") }, name(String(word)));
}

function findings(list, places) {
	return list.map((f, i) => h("li", { key: i }, verdict(f.severity), " ", name(f.text), ".", f.remedy && h("span", { class: "dim" }, " " + name(f.remedy) + "."),
		places && f.where?.length > 0 && h("span", { class: "to" }, " " + f.where.map(w => short(w, 80)).join(", "))));
}

function probe(p) {
	const back = p.recover === null ? "did not recover" : p.detect === null ? "" : `recovered in ${took(p.recover)}`;
	return h("li", { key: p.name }, verdict(p.verdict), " ", h("b", {}, short(p.name, 40)), " ", h("span", { class: "dim" }, back), h("ul", {}, findings(p.findings)));
}

function experiment(e) {
	const length = e.t_on !== null && e.t_off !== null ? `fault for ${span(e.t_off - e.t_on)}` : "";
	return h("article", { class: "card rule", key: e.number },
		h("h3", {}, verdict(e.verdict), " ", h("bdi", {}, short(e.proxy, 40)), " · ", name(e.outage)),
		h("p", {}, name(e.question || e.summary)),
		h("div", { class: "counts" }, h("span", {}, h("b", {}, count(e.struck)), " struck"), length && h("span", {}, length), e.state !== "done" && h("span", { class: "warn" }, e.state.replace("_", " "))),
		h("ul", { class: "found" }, findings(e.findings), e.probes.map(probe)));
}

export function report() {
	const r = state.report;
	return h("main", { key: "report", class: "report" }, h("div", {},
		h("section", { "aria-labelledby": "report" },
			h("h2", { id: "report" }, "Audit ", verdict(r.verdict), h("small", { class: "to" }, name(`${r.started} · ${span(r.took)} · seed ${r.seed}`)), h("span", { class: "grow" }),
				h("button", { onclick: () => { state.report = null; draw(); } }, "Back to the proxies")),
			r.ended?.text && h("p", { class: "warn" }, name(r.ended.text)),
			h("div", { class: "card counts" }, ["pass", "degraded", "inconclusive", "fail"].map(word => h("span", {}, h("b", {}, count(r.counts?.[word] || 0)), " " + word)))),
		h("section", { "aria-labelledby": "findings" }, h("h2", { id: "findings" }, "Findings"),
			r.findings.length ? h("ul", { class: "card found" }, findings(r.findings, true)) : h("p", { class: "empty" }, "None.")),
		h("section", { "aria-labelledby": "experiments" }, h("h2", { id: "experiments" }, "Experiments"),
			h("div", { class: "rules" }, r.experiments.slice(0, 500).map(experiment)))));
}
