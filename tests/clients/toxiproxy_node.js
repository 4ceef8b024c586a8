// What npm's toxiproxy-node-client is used for, by itself: node toxiproxy_node.js FOLDER URL UPSTREAM. FOLDER has it in node_modules.
const assert = require("assert");
const net = require("net");
const path = require("path");

const [folder, url, upstream] = process.argv.slice(2);
const client = require(path.join(folder, "node_modules", "toxiproxy-node-client"));
const toxiproxy = new client.Toxiproxy(url);

const refused = (promise, status) => assert.rejects(promise, (e) => {
	assert.strictEqual(e.message, `Request failed with status code ${status}`);
	return true;
});
const create = (name, more) => toxiproxy.createProxy(Object.assign({ name, listen: "localhost:0", upstream }, more));

// One byte there and back, and how long that took.
const ask = (proxy) => new Promise((resolve, reject) => {
	const began = process.hrtime.bigint();
	const socket = net.connect(Number(proxy.listen.split(":").pop()), "127.0.0.1", () => socket.write("x"));
	socket.on("data", () => { socket.destroy(); resolve(Number(process.hrtime.bigint() - began) / 1e6); });
	socket.on("error", reject);
	socket.on("end", () => reject(new Error("ended")));
});

const types = {
	latency: { latency: 1000, jitter: 100 }, bandwidth: { rate: 1000 }, slow_close: { delay: 1000 }, timeout: { timeout: 5000 },
	slicer: { average_size: 1000, size_variation: 1000, delay: 1000 }, reset_peer: { timeout: 1000 }, limit_data: { bytes: 42 },
};

async function proxies() {
	for (const proxy of Object.values(await toxiproxy.getAll()))
		await proxy.remove();
	assert.deepStrictEqual(await toxiproxy.getAll(), {});
	assert.strictEqual(JSON.parse(await toxiproxy.getVersion()).version, "2.12.0");

	let proxy = await create("update-proxy-test");
	assert.strictEqual((await toxiproxy.get(proxy.name)).listen, proxy.listen);
	await ask(proxy);
	const off = await proxy.update({ enabled: false, listen: proxy.listen, upstream: proxy.upstream });
	assert.strictEqual(off.enabled, false);
	await assert.rejects(ask(proxy), /ECONNREFUSED/);
	const moved = await proxy.update({ enabled: true, listen: proxy.listen, upstream: "somehost:12345" });
	assert.deepStrictEqual(moved.toJson(), { enabled: true, listen: proxy.listen, name: proxy.name, upstream: "somehost:12345" });
	await refused(create("update-proxy-test"), 409);
	await refused(create("taken", { listen: proxy.listen }), 500);
	await refused(toxiproxy.createProxy({ name: "no-upstream" }), 400);
	await proxy.remove();
	await refused(toxiproxy.get("update-proxy-test"), 404);
	await refused(proxy.remove(), 404);
}

async function toxics() {
	const proxy = await create("toxics");
	for (const [type, attributes] of Object.entries(types)) {
		const toxic = await proxy.addToxic({ type, attributes });
		assert.deepStrictEqual(toxic.toJson(), { attributes, name: `${type}_downstream`, stream: "downstream", toxicity: 1, type });
		assert.deepStrictEqual((await proxy.getToxic(toxic.name)).toJson(), toxic.toJson());
		await refused(proxy.addToxic({ type, attributes }), 409);
		await toxic.remove();
		await refused(proxy.getToxic(toxic.name), 404);
	}
	const late = await proxy.addToxic({ type: "latency", name: "late", stream: "upstream", toxicity: 0.5, attributes: { latency: 5, jitter: 1 } });
	assert.strictEqual(late.toxicity, 0.5);
	const later = await late.update({ attributes: { latency: 80 }, toxicity: 1 });
	assert.deepStrictEqual(later.attributes, { latency: 80, jitter: 1 });
	assert((await ask(proxy)) >= 78);
	await refused(proxy.addToxic({ type: "latency", attributes: { latency: "long" } }), 400);
	await refused(proxy.addToxic({ type: "down", attributes: {} }), 400);
	await refused(later.update({ attributes: { latency: 0.5 } }), 400);
	await proxy.update({ enabled: false });
	await toxiproxy.reset();
	await refused(proxy.getToxic("late"), 404);
	await ask(proxy);
	await proxy.remove();
}

async function populate() {
	const wanted = [1, 2, 3].map((i) => ({ name: `populated-${i}`, listen: "localhost:0", upstream }));
	const made = await toxiproxy.populate(wanted);
	assert.deepStrictEqual(Object.keys(made), wanted.map((w) => w.name));
	const again = await toxiproxy.populate(wanted);
	for (const name of Object.keys(made))
		assert.strictEqual(again[name].listen, made[name].listen);
	assert.strictEqual(Object.keys(await toxiproxy.getAll()).length, 3);
	await Promise.all(Object.values(made).map(ask));
	await Promise.all(Object.values(made).map((proxy) => proxy.remove()));
	await refused(toxiproxy.populate([{ name: "no-upstream" }]), 400);
}

proxies().then(toxics).then(populate).then(() => console.log("all done"), (e) => { console.error(e); process.exit(1); });
