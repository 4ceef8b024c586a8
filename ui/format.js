/* format.js - figures, times and rules as short texts. */

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export function count(n) {
	return n >= 1e7 ? (n / 1e6).toFixed(0) + " M" : whole.format(n);
}

/* Three digits or so: 0.4, 12, 1,920. */
export function rate(n) {
	if (n === null || n === undefined || Number.isNaN(n))
		return "–";
	return n > 0 && n < 9.95 ? String(Number(n.toFixed(1))) : count(n);
}

export function bytes(n) {
	const units = ["B", "kB", "MB", "GB", "TB"];
	let i = 0;
	while (n >= 999.5 && i < units.length - 1) {
		n /= 1000;
		i++;
	}
	return (n < 9.95 && i ? n.toFixed(1) : n.toFixed(0)) + " " + units[i];
}

/* Of an exchange: "0.31 ms", "512 ms", "1.3 s". */
export function took(seconds) {
	if (seconds === null || seconds === undefined)
		return "–";
	if (seconds >= 9.95)
		return seconds.toFixed(0) + " s";
	if (seconds >= 0.9995)
		return seconds.toFixed(1) + " s";
	const ms = seconds * 1000;
	return (ms >= 9.95 ? ms.toFixed(0) : ms >= 0.95 ? ms.toFixed(1) : ms.toFixed(2)) + " ms";
}

/* How long ago, how long still: "12 s", "3 min", "2 h". */
export function span(seconds) {
	if (seconds < 10)
		return seconds.toFixed(1) + " s";
	if (seconds < 120)
		return seconds.toFixed(0) + " s";
	if (seconds < 7200)
		return (seconds / 60).toFixed(0) + " min";
	return seconds < 172800 ? (seconds / 3600).toFixed(0) + " h" : (seconds / 86400).toFixed(0) + " d";
}

export function clock(seconds) {
	const d = new Date(seconds * 1000), two = n => String(n).padStart(2, "0");
	return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}.${String(d.getMilliseconds()).padStart(3, "0")}`;
}

/* Names come from others: control and direction marks are shown as what they are. */
export function name(text) {
	return text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
		c => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
}

export function short(text, most = 60) {
	const shown = name(text);
	return shown.length > most ? shown.slice(0, most - 1) + "…" : shown;
}

/* ---- rules in the words of --rule ---- */

const UNITS = { ns: 1e-9, us: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 };

function timeWord(value, unit) {
	const s = value * (UNITS[unit] || 1);
	for (const [word, size] of [["s", 1], ["ms", 1e-3], ["us", 1e-6]]) {
		const n = Number((s / size).toPrecision(12));
		if (Number.isInteger(n) || (word === "s" && n > 10) || word === "us")
			return n + word;
	}
}

/* The value of an option as one would type it. */
export function typed(option, value) {
	if (value === null || value === undefined)
		return "";
	if (option?.type === "time" && typeof value === "number")
		return value ? timeWord(value, option.unit) : "0";
	return String(value);
}

/* [["sleep", "300ms"], ...]: the options of a rule that are not at their defaults. */
export function ruleWords(schema, rule) {
	const own = schema?.behaviors.find(b => b.name === rule.behavior)?.options || [];
	const all = own.concat(schema?.rule_fields || []);
	const words = [];
	for (const [key, value] of Object.entries(rule.options)) {
		const option = all.find(o => o.name === key);
		if (key !== "enabled" && value !== null && JSON.stringify(value) !== JSON.stringify(option?.default))
			words.push([key, typed(option, value)]);
	}
	return words;
}

export function quoted(value) {
	return /^[\w.:,\/^$%*+-]+$/.test(value) ? value : JSON.stringify(value);
}

export function ruleText(schema, rule) {
	return [rule.behavior].concat(ruleWords(schema, rule).map(([k, v]) => `${k}=${quoted(name(v))}`)).join(" ");
}

/* One word of a POSIX shell. */
export function shell(word) {
	return /^[\w@%+=:,.\/-]+$/.test(word) ? word : "'" + word.replace(/'/g, "'\\''") + "'";
}

export const onDatagrams = proxy => proxy.listen.startsWith("udp://");
