/* charts.js - time series as SVG: five minutes, lines, and marks where rules came or went. */
import { h } from "./dom.js";
import { KEPT } from "./history.js";
import { short } from "./format.js";

const HEIGHT = 172, TOP = 8, FOOT = 18, MARKS = 15;

/* A round number at or above n, and so is its half. */
function ceiling(n) {
	const power = 10 ** Math.floor(Math.log10(n));
	for (const step of [1, 2, 3, 4, 6, 8, 10])
		if (n <= step * power * 1.0001)
			return step * power;
	return 10 * power;
}

function path(points, value, x, y) {
	let d = "", pen = false;
	for (const p of points) {
		const v = p.gap ? null : value(p);
		if (v === null || v === undefined) {
			pen = false;
			continue;
		}
		d += (pen ? "L" : "M") + x(p.t).toFixed(1) + " " + y(v).toFixed(1);
		pen = true;
	}
	return d;
}

/* A point between two gaps has no line: it is drawn as a dot. */
function dots(points, value, x, y) {
	const there = p => p && !p.gap && value(p) !== null && value(p) !== undefined;
	return points.filter((p, i) => there(p) && !there(points[i - 1]) && !there(points[i + 1]))
		.map(p => ({ x: x(p.t), y: y(value(p)) }));
}

export function spark(points, field, now) {
	const x = t => 150 - (now - t) / period(points, now) * 150;
	const most = Math.max(...points.map(p => p.gap ? 0 : p[field] || 0), 1e-9);
	const y = v => 25 - v / most * 22;
	return h("svg", { class: "spark", viewBox: "0 0 150 26", preserveAspectRatio: "none", "aria-hidden": "true" },
		h("path", { class: "base", d: "M0 25.5H150" }),
		h("path", { d: path(points, p => p[field], x, y) }));
}

/* ---- marks ---- */

/* Texts that would overlap go to the next row, of three. Marks of its own tell where a scenario's rules come and go. */
function marks(spans, told, now, shownFor, x, width, texts) {
	const all = [], ends = [0, 0, 0];
	for (const s of spans.filter(one => !one.name.startsWith("scenario-"))) {
		if (s.from !== null && s.from > now - shownFor)
			all.push({ t: s.from, text: short(s.text, 42), kind: "" });
		if (s.to !== null && s.to > now - shownFor)
			all.push({ t: s.to, text: short(s.name, 20) + " off", kind: "off" });
	}
	for (const m of told)
		if (m.t > now - shownFor && m.t <= now)
			all.push({ t: m.t, text: short(m.text, 34), kind: "told" });
	all.sort((a, b) => a.t - b.t);
	return all.slice(-24).map(m => {
		const at = x(m.t), size = m.text.length * 6.2 + 8, flip = at + size > width;
		const from = flip ? at - size : at;
		const row = ends.findIndex(end => end <= from);
		const shown = texts && row >= 0;
		if (shown)
			ends[row] = from + size;
		return h("g", { class: "flag " + m.kind },
			h("line", { x1: at.toFixed(1), x2: at.toFixed(1), y1: shown ? 2 + row * 13 : 0, y2: HEIGHT - FOOT }),
			shown && h("text", { x: (flip ? at - 4 : at + 4).toFixed(1), y: 11 + row * 13, "text-anchor": flip ? "end" : "start" }, m.text));
	});
}

/* Of rules that came or went meanwhile. */
function bands(spans, points, now, x) {
	return h("g", { class: "bands" }, spans.filter(s => s.from !== null || s.to !== null).map(s => {
		const from = Math.max(0, x(s.from ?? points[0]?.t ?? now)), to = s.to === null ? x(now) : x(s.to);
		return to > from && h("rect", { class: "band", x: from.toFixed(1), y: 0, width: (to - from).toFixed(1), height: HEIGHT - FOOT });
	}));
}

/* Five minutes, or as long as there is something to show: one minute at least. */
function period(points, now) {
	return Math.min(KEPT, Math.max(60, Math.ceil((now - (points[0]?.t ?? now)) / 10) * 10));
}

/* Seconds ago that are written below. */
function ago(shownFor) {
	const step = shownFor > 150 ? 60 : shownFor > 75 ? 30 : 15;
	return [1, 2, 3, 4].map(i => i * step).filter(s => s < shownFor * 0.93).reverse();
}

/* ---- a chart ----
 *
 * chart: { title, unit, points, lines: [{ label, value(point), show(number) }], spans, told, now, width,
 * cursor, point(t): called with the time under the pointer or null } */
export function figure(chart) {
	const { points, lines, now, width, spans } = chart;
	const shownFor = period(points, now);
	const x = t => width - (now - t) / shownFor * width;
	const seen = points.filter(p => !p.gap && p.t > now - shownFor);
	const most = Math.max(...lines.map(l => Math.max(...seen.map(p => l.value(p) ?? 0), 0)), 0);
	const roof = most > 0 ? ceiling(most) : 1;
	const top = TOP + (chart.wide && spans.length ? 2 * MARKS : 6);
	const y = v => HEIGHT - FOOT - v / roof * (HEIGHT - FOOT - top);
	const at = chart.cursor === null ? null : nearest(points, chart.cursor);
	const shown = at || lastPoint(points);
	const ticks = most > 0 ? [roof / 2, roof] : [];
	return h("figure", { class: chart.wide ? "chart wide" : "chart", key: chart.title },
		h("figcaption", {}, h("b", {}, chart.title), " ", h("small", {}, chart.unit),
			h("span", { class: "keys" }, lines.map((l, i) => h("span", { class: `key ${l.own || "l" + (i + 1)}`, key: l.label },
				short(l.label, 24), " ", h("b", {}, shown ? l.show(l.value(shown) ?? null) : "–"))))),
		h("svg", {
			viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img",
			"aria-label": `${chart.title}, ${chart.unit}: ` + (shown ? lines.map(l => `${l.label} ${l.show(l.value(shown) ?? null)}`).join(", ") : "no traffic yet"),
			onpointermove: e => chart.point(now - shownFor * (1 - e.offsetX / e.currentTarget.clientWidth)),
			onpointerleave: () => chart.point(null),
		},
		bands(spans, points, now, x),
		ticks.map(v => h("g", {}, h("line", { class: "grid", x1: 0, x2: width, y1: y(v).toFixed(1), y2: y(v).toFixed(1) }),
			h("text", { class: "tick", x: 3, y: (y(v) - 3).toFixed(1) }, chart.tick(v)))),
		h("line", { class: "grid floor", x1: 0, x2: width, y1: HEIGHT - FOOT, y2: HEIGHT - FOOT }),
		ago(shownFor).map(s => h("text", { class: "tick", x: x(now - s).toFixed(0), y: HEIGHT - 4, "text-anchor": "middle" }, s % 60 ? `−${s} s` : `−${s / 60} min`)),
		h("text", { class: "tick", x: width - 2, y: HEIGHT - 4, "text-anchor": "end" }, "now"),
		lines.map((l, i) => h("path", { class: `line ${l.own || "l" + (i + 1)}`, key: l.label, d: path(seen, l.value, x, y) })),
		lines.map((l, i) => dots(seen, l.value, x, y).map(d => h("circle", { class: `dot ${l.own || "l" + (i + 1)}`, cx: d.x.toFixed(1), cy: d.y.toFixed(1), r: 1.8 }))),
		marks(spans, chart.told, now, shownFor, x, width, chart.wide),
		at && h("line", { class: "cursor", x1: x(at.t).toFixed(1), x2: x(at.t).toFixed(1), y1: 0, y2: HEIGHT - FOOT }),
		!seen.length && h("text", { class: "tick", x: width / 2, y: HEIGHT / 2, "text-anchor": "middle" }, "no data yet")));
}

function lastPoint(points) {
	const last = points[points.length - 1];
	return last && !last.gap ? last : null;
}

function nearest(points, t) {
	let best = null;
	for (const p of points)
		if (!p.gap && (!best || Math.abs(p.t - t) < Math.abs(best.t - t)))
			best = p;
	return best && Math.abs(best.t - t) < 3 ? best : null;
}
