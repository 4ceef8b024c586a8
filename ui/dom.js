/* dom.js - a tree of plain objects, and the changes that make the document like it.
 *
 * h("p", {class: "dim"}, "text", ...) makes a node; show(element, nodes) makes it real. Only what
 * differs from the last time is touched, so focus, selection and scrolling stay. Texts become text
 * nodes, never markup. */

const SVG = "http://www.w3.org/2000/svg";

export function h(tag, props, ...kids) {
	return { tag, props: props || {}, key: props?.key, kids: flat(kids, []) };
}

function flat(kids, to) {
	for (const kid of kids) {
		if (Array.isArray(kid))
			flat(kid, to);
		else if (kid !== null && kid !== undefined && kid !== false && kid !== true)
			to.push(typeof kid === "object" ? kid : { text: String(kid) });
	}
	return to;
}

/* Values that the user changes: compared with the element, not with the last node. */
const LIVE = new Set(["value", "checked", "open"]);

function setProp(element, name, value, was) {
	if (name === "key" || name === "made")
		return;
	if (name.startsWith("on")) {
		element[name] = value || null;
	} else if (LIVE.has(name)) {
		if (value !== undefined && element[name] !== value)
			element[name] = value;
	} else if (value !== was) {
		if (value === undefined || value === null || value === false)
			element.removeAttribute(name);
		else
			element.setAttribute(name, value === true ? "" : value);
	}
}

function props(element, now, was) {
	for (const name in was)
		if (!(name in now))
			setProp(element, name, undefined, was[name]);
	for (const name in now)
		if (!LIVE.has(name))
			setProp(element, name, now[name], was[name]);
}

/* After the children: a select has its value from them. */
function liveProps(element, now) {
	for (const name of LIVE)
		if (name in now)
			setProp(element, name, now[name]);
}

function make(node, inSvg) {
	if (node.text !== undefined)
		return node.element = document.createTextNode(node.text);
	const svg = inSvg || node.tag === "svg";
	const element = svg ? document.createElementNS(SVG, node.tag) : document.createElement(node.tag);
	node.element = element;
	props(element, node.props, {});
	children(element, node.kids, [], svg);
	liveProps(element, node.props);
	node.props.made?.(element);
	return element;
}

function same(a, b) {
	return a.tag === b.tag && a.key === b.key;
}

function change(node, was, inSvg) {
	const element = node.element = was.element;
	if (node === was)
		return;
	if (node.text !== undefined) {
		if (node.text !== was.text)
			element.data = node.text;
		return;
	}
	const svg = inSvg || node.tag === "svg";
	props(element, node.props, was.props);
	children(element, node.kids, was.kids, svg);
	liveProps(element, node.props);
}

/* Nodes with a key find the one of that key; the others go by their place. What is gone is removed
 * first, so that what stays need not move: an element that moves loses the focus. */
function children(parent, now, was, svg) {
	const keyed = new Map(), plain = [], used = new Set();
	for (const old of was)
		old.key === undefined ? plain.push(old) : keyed.set(old.key, old);
	const olds = now.map(node => {
		const old = node.key === undefined ? plain.find(o => !used.has(o) && same(o, node)) : keyed.get(node.key);
		if (!old || !same(old, node))
			return null;
		used.add(old);
		return old;
	});
	for (const old of was)
		if (!used.has(old))
			old.element.remove();
	let at = parent.firstChild;
	now.forEach((node, i) => {
		if (olds[i])
			change(node, olds[i], svg);
		const element = olds[i] ? node.element : make(node, svg);
		if (element === at)
			at = at.nextSibling;
		else
			parent.insertBefore(element, at);
	});
}

const shown = new WeakMap();

export function show(parent, ...nodes) {
	const now = flat(nodes, []);
	if (!shown.has(parent))
		parent.replaceChildren();
	children(parent, now, shown.get(parent) || [], false);
	shown.set(parent, now);
}
