/* servers.js - addresses that a proxy's server names to clients, and before which no proxy stood. */
import { ask, of } from "./api.js";
import { h } from "./dom.js";
import { count, name, short } from "./format.js";
import { act, say, state } from "./state.js";

const MOST = 100;

const FATES = { passed: "clients go there, past Vaurien", hidden: "left out of answers", added: "a proxy was added" };

/* The proxy that stands before the address by now. */
function before(proxy, one) {
	const known = p => (p.known_as || "").split(/[\s,]+/);
	return state.stats.proxies.find(p => p.name === one.proxy || (p.protocol === proxy.protocol && (p.backend === one.address || known(p).includes(one.address))));
}

/* Where this proxy listens, on any port. */
function place(proxy) {
	return proxy.listen.startsWith("unix:") ? "127.0.0.1:0" : proxy.listen.replace(/:\d+$/, ":0");
}

/* The rules of one proxy for another, its behavior's included. */
async function rulesTo(from, to) {
	const { rules } = await ask("GET", of(from.name, "/rules"));
	const behavior = rules.filter(r => r.name === "behavior"), others = rules.filter(r => r.name !== "behavior");
	if (behavior.length === 1)
		await ask("PUT", of(to, "/behavior"), { name: behavior[0].behavior, ...behavior[0].options });
	else if (behavior.length)
		await ask("PUT", of(to, "/behavior"), { name: from.behavior });
	if (others.length)
		await ask("PUT", of(to, "/rules"), { rules: others });
}

async function add(proxy, one) {
	const called = one.address.replace(/[^\x21-\x7e]|[/?#%]/g, "-").slice(0, 56);
	const made = await act(`A proxy before ${name(one.address)} is added.`, "POST", "/proxies", {
		name: called, listen: place(proxy), upstream: one.address, protocol: proxy.protocol, topology: proxy.topology || "rewrite", unmapped: proxy.unmapped || "pass" });
	try {
		if (made)
			await rulesTo(proxy, called);
	} catch (e) {
		say(`The proxy is added, without the rules: ${e.message}`, true);
	}
}

function row(proxy, one) {
	const stands = before(proxy, one);
	return h("tr", { key: one.address }, h("th", { scope: "row" }, name(one.address)), h("td", { class: "n" }, count(one.times)),
		h("td", {}, stands ? ["proxy ", h("a", { href: "#" + encodeURIComponent(stands.name) }, short(stands.name, 40))] : FATES[one.fate]),
		h("td", { class: "do" }, !stands && h("button", { "aria-label": `Add a proxy before ${one.address}`, onclick: () => add(proxy, one) }, "Add a proxy")));
}

function fields(proxy) {
	return ["known_as", "topology", "unmapped"].filter(key => proxy[key] !== undefined).map(key => h("code", { key }, `${key} = ${name(proxy[key])}`));
}

export function servers(proxy) {
	const list = proxy.unmapped_addresses || [], words = fields(proxy);
	if (!list.length && !words.length)
		return null;
	return h("section", { "aria-labelledby": "servers", key: "servers" },
		h("h2", { id: "servers" }, "Addresses of servers ", h("small", { class: "to" }, words.flatMap((word, i) => i ? [" · ", word] : [word])), h("span", { class: "grow" }),
			list.length > 0 && proxy.unmapped !== "add" && h("button", { title: "unmapped = add: from now on a proxy like this one is added when the server names an address without one",
				onclick: () => act("From now on missing proxies are added.", "PATCH", "/proxies/" + encodeURIComponent(proxy.name), { unmapped: "add" }) }, "Add all from now on")),
		list.length > 0 && h("div", { class: "card scroll", tabindex: 0, role: "region", "aria-labelledby": "servers" }, h("table", {},
			h("thead", {}, h("tr", {}, ["address", "times named", "now"].map(t => h("th", { scope: "col", class: t === "times named" ? "n" : null }, t)), h("th", {}, h("span", { class: "hidden" }, "actions")))),
			h("tbody", {}, list.slice(0, MOST).map(one => row(proxy, one))))));
}
