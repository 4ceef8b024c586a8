// cluster.js - npm's ioredis: see cluster.py for the commands, one JSON object a line.
const Redis = require("ioredis");
const serve = require("./serve.js");

let client;
function kept(made) {
	client = made;
	client.on("error", () => {});
	return null;
}

async function work() {
	const out = [], keys = Array.from({ length: 90 }, (_, i) => `key:${i}`);
	for (const key of keys)
		out.push(await client.set(key, key.repeat(3)));
	out.push(await Promise.all(keys.map((key) => client.get(key))));
	out.push(await client.pipeline().set("{t}a", 1).incr("{t}a").lrange("{t}none", 0, -1).exec());
	out.push(await client.multi().set("{t}b", 5).decr("{t}b").exec());
	out.push(await client.mset("{t}c", "1", "{t}d", "x".repeat(200000)), (await client.mget("{t}c", "{t}d"))[1].length);
	out.push(await client.eval("return {KEYS[1], redis.call('GET', KEYS[1])}", 1, "{t}c"));
	out.push(await client.set("key:1", "x", "XX", "GET"), await client.hset("hash", "a", 1, "b", 2), await client.hgetall("hash"));
	out.push(await client.set("key:2", "x").then(() => client.lpush("key:2", 1)).catch((error) => `${error.name} ${error.message}`));
	let found = 0;
	for (const node of client.nodes("master"))
		found += (await node.keys("key:*")).length;
	out.push(found, client.nodes("master").length);
	return out;
}

const commands = {
	cluster: (c) => kept(new Redis.Cluster([{ host: "127.0.0.1", port: c.port }], {
		redisOptions: { connectTimeout: 60000 }, clusterRetryStrategy: () => 100, maxRedirections: c.redirections ?? 16 })),
	sentinel: (c) => kept(new Redis({ sentinels: [{ host: "127.0.0.1", port: c.port }], name: "shop", failoverDetector: true,
		sentinelRetryStrategy: () => 100, retryStrategy: () => 100, maxRetriesPerRequest: null })),
	run: (c) => client.call(c.words[0], ...c.words.slice(1)),
	work,
	close: async () => client.disconnect(),
};

serve(commands);
