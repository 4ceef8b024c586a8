// toxiproxy.js - npm's toxiproxy-node-client: see toxiproxy.py for the commands, one JSON object a line.
const { Toxiproxy } = require("toxiproxy-node-client");
const serve = require("./serve.js");

const client = new Toxiproxy(`http://${process.argv[2]}`);
const proxy = (c) => client.get(c.name);
const toxic = async (c) => (await proxy(c)).getToxic(c.toxic);
const commands = {
	version: () => client.getVersion(),
	list: async () => Object.fromEntries(Object.entries(await client.getAll()).map(([name, one]) => [name, one.toJson()])),
	create: async ({ name, listen, upstream }) => (await client.createProxy({ name, listen, upstream })).toJson(),
	get: async (c) => (await proxy(c)).toJson(),
	enable: async (c) => (await (await proxy(c)).update({ enabled: true })).toJson(),
	disable: async (c) => (await (await proxy(c)).update({ enabled: false })).toJson(),
	upstream: async (c) => (await (await proxy(c)).update({ upstream: c.upstream })).toJson(),
	delete: async (c) => (await proxy(c)).remove(),
	populate: async (c) => Object.values(await client.populate(c.proxies)).map((one) => one.toJson()),
	add: async (c) => (await (await proxy(c)).addToxic({ name: c.toxic, type: c.type, stream: c.stream,
		toxicity: c.toxicity, attributes: c.attributes })).toJson(),
	toxic: async (c) => (await toxic(c)).toJson(),
	update: async (c) => (await (await toxic(c)).update({ toxicity: c.toxicity, attributes: c.attributes })).toJson(),
	remove: async (c) => (await toxic(c)).remove(),
	reset: () => client.reset(),
};

serve(commands, (error) => ({ raised: error.constructor.name, text: error.message }));
