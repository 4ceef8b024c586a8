// kafka.js - npm's kafkajs: see kafka.py for the commands, one JSON object a line.
const { Kafka, CompressionTypes, logLevel } = require("kafkajs");
const serve = require("./serve.js");

const once = { retries: 0 }, patient = { retries: 20, initialRetryTime: 50, maxRetryTime: 500 };
const made = (retry) => new Kafka({ brokers: [process.argv[2]], logLevel: logLevel.NOTHING, retry, requestTimeout: 8000 });
const short = (value) => (value.length > 20 ? `${value.length} bytes` : value.toString());
let member, told;

async function closing(client, act) {
	await client.connect();
	try {
		return await act(client);
	} finally {
		await client.disconnect().catch(() => {});
	}
}

// reads n values of a topic by a group, then what `then` does with the consumer
function read(topic, groupId, n, then, words = {}, retry = patient) {
	return closing(made(retry).consumer({ groupId, heartbeatInterval: 300, sessionTimeout: 10000, maxWaitTimeInMs: 100, ...words }),
		async (one) => {
			const values = [];
			let done, failed;
			const all = new Promise((resolve, reject) => { done = resolve; failed = reject; });
			one.on(one.events.CRASH, (event) => failed(event.payload.error));
			await one.subscribe({ topic, fromBeginning: true });
			await one.run({ autoCommit: false, eachMessage: async ({ message, partition }) => {
				values.push(short(message.value));
				if (values.length >= n)
					done({ partition, offset: message.offset });
			} });
			const last = await all;
			return { values: values.sort(), then: then && await then(one, last) };
		});
}

async function transact(topic, id, retry = patient) {
	const out = [];
	await closing(made(retry).producer({ transactionalId: id, maxInFlightRequests: 1, idempotent: true, retry }), async (to) => {
		for (const value of ["one", "aborted", "two"]) {
			const transaction = await to.transaction();
			await transaction.send({ topic, messages: [{ value, partition: 0 }] });
			await (value === "aborted" ? transaction.abort() : transaction.commit());
		}
	});
	out.push((await read(topic, `${id}-committed`, 2)).values);
	out.push((await read(topic, `${id}-all`, 3, null, { readUncommitted: true })).values);
	return out;
}

async function create(topics, retry) {
	return closing(made(retry).admin(), async (admin) => {
		await admin.createTopics({ topics: topics.map((topic) => ({ topic, numPartitions: 3, replicationFactor: 1 })), waitForLeaders: true });
		return (await admin.describeCluster()).brokers.map((node) => node.nodeId).sort();
	});
}

async function work({ topic }) {
	const out = [await create([topic, `${topic}-tx`], patient)];
	out.push(await closing(made(patient).producer(), async (to) => {
		const messages = Array.from({ length: 300 }, (_, i) => ({ key: `k${i}`, value: `v${i}`, partition: i % 3 }));
		const sent = await to.send({ topic, messages, compression: CompressionTypes.GZIP });
		for (let i = 0; i < 3; i++)
			sent.push(...await to.send({ topic, messages: [{ value: "x".repeat(300000), partition: i }] }));
		return sent.map((one) => `${one.partition}@${one.baseOffset}`).sort();
	}));
	const group = `${topic}-group`;
	out.push(await read(topic, group, 303, (one) => one.commitOffsets([0, 1, 2].map((partition) => ({ topic, partition, offset: "101" })))));
	out.push(await closing(made(patient).admin(), async (admin) => [
		(await admin.fetchTopicOffsets(topic)).map((one) => `${one.partition}@${one.high}`).sort(),
		(await admin.fetchOffsets({ groupId: group, topics: [topic] }))[0].partitions.map((one) => `${one.partition}@${one.offset}`).sort(),
	]));
	out.push(await transact(`${topic}-tx`, topic));
	return out;
}

const commands = {
	work,
	send: ({ topic, value }) => closing(made(once).producer({ retry: once }), async (to) =>
		Number((await to.send({ topic, acks: -1, messages: [{ value, partition: 0 }], timeout: 3000 }))[0].baseOffset)),
	fetch: async ({ topic }) => (await read(topic, `fetch-${Date.now()}`, 1, null, {}, once)).values,
	join: async ({ topic, group }) => {
		let ready;
		const first = new Promise((resolve) => { ready = resolve; });
		member = made(patient).consumer({ groupId: group, heartbeatInterval: 300, sessionTimeout: 10000, maxWaitTimeInMs: 100, retry: once });
		await member.connect();
		await member.subscribe({ topic, fromBeginning: true });
		await member.run({ autoCommit: false, eachMessage: async ({ partition }) => ready(told = { topic, partition, offset: "1" }) });
		await first;
		return 1;
	},
	commit: () => member.commitOffsets([told]),
	leave: () => member.disconnect(),
	transact: ({ topic, id }) => transact(topic, id, { retries: 2, initialRetryTime: 50 }),
	throttled: ({ topic }) => closing(made(patient).producer(), async (to) => {
		let most = 0;
		to.on(to.events.REQUEST, () => {});
		for (let i = 0; i < 3; i++) {
			const begun = Date.now();
			await to.send({ topic, messages: [{ value: "v", partition: 0 }] });
			most = Math.max(most, Date.now() - begun);
		}
		return most;
	}),
	produce: ({ topic, n, pause }) => closing(made(patient).producer(), async (to) => {
		for (let i = 0; i < n; i++) {
			await to.send({ topic, messages: [{ value: "v", partition: 0 }] });
			await new Promise((resolve) => setTimeout(resolve, pause));
		}
	}),
	create: ({ topic }) => create([topic], once),
};

function named(error) {
	let cause = error;
	while (cause.cause && !cause.type)
		cause = cause.cause;
	if (cause.errors?.length)
		cause = cause.errors[0];
	return { raised: [cause.name, cause.type ?? cause.code ?? ""].join(" ").trim(), text: cause.message };
}

serve(commands, named);
