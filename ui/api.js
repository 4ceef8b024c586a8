/* api.js - requests to the control API that this page came from, and its stream of events.
 *
 * The token, if one is set, is asked for once and kept for this tab. */

const KEY = "vaurien-token";

export const token = {
	get: () => sessionStorage.getItem(KEY) || "",
	set: text => sessionStorage.setItem(KEY, text),
	wanted: null,                   /* called when the API wants one */
};

export class Refused extends Error {
	constructor(status, body) {
		const first = body?.errors?.[0];
		super(first?.description || body?.error || body?.message || `the API answered ${status}`);
		this.status = status;
		this.name = first?.name || "";
	}
}

function headers(more) {
	return token.get() ? { Authorization: "Bearer " + token.get(), ...more } : more || {};
}

async function answered(response) {
	if (response.status === 401)
		token.wanted?.();
	if (response.ok)
		return response;
	let body = null;
	try {
		body = await response.json();
	} catch {
		/* the status is enough */
	}
	throw new Refused(response.status, body);
}

export async function ask(method, path, body) {
	const response = await fetch(path, {
		method,
		headers: headers(body === undefined ? {} : { "Content-Type": "application/json" }),
		body: body === undefined ? undefined : JSON.stringify(body),
		cache: "no-store",
		signal: AbortSignal.timeout(10000),
	});
	return (await answered(response)).json();
}

const pause = ms => new Promise(done => setTimeout(done, ms));

const TURN = 300, MOST = 30000;         /* ms; characters that are read in a turn */

function parsed(block) {
	const data = block.split("\n").find(line => line.startsWith("data: "));
	return data ? [JSON.parse(data.slice(6))] : [];
}

/* Calls `begun` once, and `each` with lists of events, at most once a turn, until the stream ends. A flood is not read
 * as it comes: it waits in the proxy, which counts what it drops. */
export async function follow(types, begun, each) {
	const response = await answered(await fetch("/events?type=" + types.join(","), { headers: headers(), cache: "no-store" }));
	begun();
	const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
	let rest = "", blocks = [], read = 0, due = 0;
	const pass = () => {
		due = 0;
		each(blocks.splice(0).slice(-100).flatMap(parsed));
	};
	for (;;) {
		const { value, done } = await reader.read();
		if (done)
			throw new Error("the stream has ended");
		const parts = (rest + value).split("\n\n");
		rest = parts.pop();
		blocks.push(...parts);
		due = due || setTimeout(pass, TURN);
		read += value.length;
		if (read > MOST) {
			await pause(TURN);
			read = 0;
		}
		setTimeout(() => { read = Math.max(0, read - value.length); }, TURN);
	}
}

/* A removal that outlives the page. Nobody waits for its answer. */
export function leave(path) {
	fetch(path, { method: "DELETE", headers: headers(), keepalive: true }).catch(() => {});
}

/* The path of a proxy's own route. */
export function of(proxy, path) {
	return "/" + encodeURIComponent(proxy) + path;
}
