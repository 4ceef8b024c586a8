/* state.js - what the page knows, and what it does: requests that change something.
 *
 * Each view is a function of this state; draw() shows all of them anew, once per frame. */
import { ask, of } from "./api.js";
import { name } from "./format.js";

export const state = {
	stats: null,                    /* the last answer of GET /stats */
	schema: null,
	live: null,                     /* true: the API answers; a text: why it does not */
	follows: false,                 /* the stream of events is open */
	chosen: null,                   /* the name of the proxy that is shown */
	find: "",                       /* filters the list of proxies */
	now: Date.now() / 1000,         /* of the last answer */
	paused: false,                  /* charts stand still */
	cursor: null,                   /* the time under the pointer */
	wide: 600, narrow: 300,         /* widths of charts, in pixels */
	connections: null,              /* { proxy, open, list } */
	recent: null,                   /* the last answer of GET /recent, of the proxy that is shown */
	texts: new Map(),               /* "connection:exchange" -> its text, as far as it was recorded */
	missed: new Map(),              /* "proxy\nrule" -> its latest event `missed` or `unreachable` */
	events: [],                     /* the newest first */
	eventsShown: null,              /* paused: those that stay */
	filter: { faults: true, connections: true, changes: true, all: false, text: "" },
	form: null,                     /* the rule that is added or edited, see form.js; null: none */
	scenario: null,                 /* the choice of a scenario, see scenarios.js; null: it is closed */
	vanish: "",                     /* how, of GET /info: only "filter" has no answer at all */
	report: null,                   /* of an audit, from a file; else the proxies are shown */
	token: false,                   /* a token is wanted */
};

let drawing = false, painter = null;

export function paint(with_) {
	painter = with_;
}

export function draw() {
	if (drawing)
		return;
	drawing = true;
	requestAnimationFrame(() => {
		drawing = false;
		painter();
	});
	/* A page that is not visible has no frames; its title and history go on all the same. */
}

export function chosen() {
	return state.stats?.proxies.find(p => p.name === state.chosen) || null;
}

/* ---- messages, seen and read aloud ---- */

let silence = 0;

export function say(text, bad = false) {
	const box = document.getElementById("said");
	box.textContent = text;
	box.className = bad ? "said shown bad" : "said shown";
	clearTimeout(silence);
	silence = setTimeout(() => { box.className = "said"; box.textContent = ""; }, bad ? 9000 : 5000);
}

/* What an action did, in a sentence; or why it did not. */
export async function act(done, method, path, body) {
	try {
		const answer = await ask(method, path, body);
		say(answer.warning ? `${done} ${answer.warning}` : done);
		refresh();
		return answer;
	} catch (e) {
		say(e.message, true);
		return null;
	}
}

/* Set by app.js: reads everything anew, now. */
let refresh = () => {};
export function onRefresh(f) {
	refresh = f;
}

/* ---- changes ---- */

export function ruleSwitch(proxy, rule, on) {
	return act(`${name(rule.name)} is ${on ? "on" : "off"}.`, "PUT", of(proxy.name, "/rules/" + encodeURIComponent(rule.name)), { enabled: on });
}

export function ruleRemove(proxy, rule) {
	return act(`${name(rule.name)} is removed.`, "DELETE", of(proxy.name, "/rules/" + encodeURIComponent(rule.name)));
}

export async function calm() {
	const answer = await act("All calm.", "POST", "/calm");
	if (answer)
		say(answer.rules ? `All calm: ${answer.rules} ${answer.rules === 1 ? "rule is" : "rules are"} off.` : "All is calm already.");
}

export function connectionEnd(proxy, number, reset) {
	return act(`Connection ${number} is ${reset ? "reset" : "closed"}.`, "DELETE",
		"/proxies/" + encodeURIComponent(proxy.name) + "/connections/" + number + (reset ? "?how=reset" : ""));
}
