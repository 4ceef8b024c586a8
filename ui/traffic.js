/* traffic.js - the charts of one proxy. */
import { h } from "./dom.js";
import { figure } from "./charts.js";
import { bytes, count, rate, took } from "./format.js";
import { histories, marksOf } from "./history.js";
import { addresses } from "./proxies.js";
import { draw, state } from "./state.js";

const LINES = 5;                        /* of a chart: the others are summed up */

/* The names that carry most, over all points. */
function leading(points, field) {
	const sums = new Map();
	for (const p of points)
		for (const [key, n] of Object.entries(p[field] || {}))
			sums.set(key, (sums.get(key) || 0) + n);
	return [...sums].sort((a, b) => b[1] - a[1]).map(([key]) => key);
}

/* A line for each name; one for the rest. */
function byName(points, field) {
	const names = leading(points, field), alone = names.slice(0, names.length > LINES ? LINES - 1 : LINES);
	const lines = alone.sort().map(key => ({ label: key, value: p => p[field] ? p[field][key] || 0 : null, show: rate }));
	if (names.length > LINES)
		lines.push({ label: "others", value: p => p[field] ? names.filter(n => !alone.includes(n)).reduce((sum, n) => sum + (p[field][n] || 0), 0) : null, show: rate });
	return lines;
}

function charts(points) {
	const verbs = byName(points, "verbs"), faults = byName(points, "faults");
	return [
		{ title: "Exchange time", wide: true, unit: "request to last byte", tick: took,
		  lines: [["p50"], ["p90"], ["p99"]].map(([p]) => ({ label: p, value: at => at[p], show: took })) },
		{ title: "Requests", unit: verbs.length ? "per second, by verb" : "per second", tick: rate,
		  lines: verbs.length ? verbs : [{ label: "answered", value: p => p.asked, show: rate }] },
		{ title: "Faults and errors", unit: faults.length ? "per second, by rule" : "per second", tick: rate,
		  lines: [...faults, { label: faults.some(f => f.label === "errors") ? "errors of all" : "errors", value: p => p.errors, show: rate, own: "bad" }] },
		{ title: "Connections", unit: "open", tick: n => Number.isInteger(n) ? count(n) : rate(n),
		  lines: [{ label: "open", value: p => p.open, show: n => n === null ? "–" : count(n) }] },
		{ title: "Bytes", unit: "per second", tick: bytes,
		  lines: [{ label: "requests", value: p => p.up, show: n => n === null ? "–" : bytes(n) }, { label: "responses", value: p => p.down, show: n => n === null ? "–" : bytes(n) }] },
	];
}

/* The width of the charts' column decides how wide each is drawn: texts keep their size. */
const watcher = new ResizeObserver(() => measure(document.querySelector(".charts")));

function measure(box) {
	const width = of => Math.floor(box?.querySelector(of)?.clientWidth || 0);
	const wide = width(".chart.wide"), narrow = width(".chart:not(.wide)");
	if (wide && narrow && (wide !== state.wide || narrow !== state.narrow)) {
		Object.assign(state, { wide, narrow });
		draw();
	}
}

let still = null;                       /* paused: what is shown */

export function traffic(proxy) {
	const of = histories.get(proxy.name) || { points: [], spans: [] };
	if (!state.paused)
		still = null;
	else if (still?.name !== proxy.name)
		still = { name: proxy.name, points: of.points.slice(), spans: of.spans.map(s => ({ ...s })), now: state.now };
	const { points, spans, now } = still || { ...of, now: state.now };
	return h("section", { "aria-labelledby": "traffic" },
		h("h2", { id: "traffic" }, h("bdi", {}, proxy.name), " ", h("small", { class: "to" }, addresses(proxy)), h("span", { class: "grow" }),
			h("button", { "aria-pressed": state.paused ? "true" : "false", onclick: () => { state.paused = !state.paused; draw(); } }, state.paused ? "Go on" : "Pause")),
		h("div", { class: "card" },
			h("div", { class: "charts", made: box => { watcher.observe(box); requestAnimationFrame(() => measure(box)); } },
				charts(points).map(chart => figure({ ...chart, points, spans, told: marksOf(proxy.name), now, width: chart.wide ? state.wide : state.narrow, cursor: state.cursor,
					point: t => { state.cursor = t; draw(); } })))));
}
