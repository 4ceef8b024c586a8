// ferretdb.js - the driver of npm: "work PORT [OPTIONS]" prints what a workload gets, "fail PORT" the first error.
const { MongoClient } = require("mongodb");

async function work(client) {
	const users = client.db("npm").collection("users"), out = [];
	await client.db("npm").dropDatabase();
	out.push((await users.insertMany(Array.from({ length: 300 }, (_, i) => ({ _id: i, n: i % 7 })))).insertedCount);
	out.push((await users.insertMany(Array.from({ length: 3 }, (_, i) => ({ _id: 1000 + i, text: "y".repeat(200000) })))).insertedCount);
	out.push(await users.find({ n: 3 }).sort({ _id: 1 }).batchSize(7).toArray());
	out.push((await users.find({ _id: { $gte: 1000 } }).toArray()).length);
	out.push((await users.updateMany({ n: 1 }, { $inc: { n: 10 } })).modifiedCount);
	out.push((await users.deleteMany({ n: 0 })).deletedCount);
	out.push(await users.findOneAndUpdate({ _id: 5 }, { $set: { n: 99 } }, { returnDocument: "after" }));
	out.push(await users.countDocuments({}), (await users.distinct("n")).sort());
	out.push(await users.aggregate([{ $match: { n: 2 } }, { $count: "many" }]).toArray());
	out.push(await users.insertOne({ _id: 6 }).catch((error) => error.code));
	out.push((await client.db("npm").listCollections().toArray()).map((one) => one.name));
	console.log(JSON.stringify(out));
}

async function fail(client) {
	const users = client.db("npm").collection("failing");
	try {
		await users.insertOne({ n: 1 });
		await users.find().batchSize(1).toArray();
		console.log("none");
	} catch (error) {
		console.log(error.name, error.code ?? "", (error.errorLabels ?? []).join(","));
	}
}

const [what, port, options] = process.argv.slice(2);
const client = new MongoClient(`mongodb://127.0.0.1:${port}/?${options ?? ""}`, { heartbeatFrequencyMS: 500 });
(what === "work" ? work : fail)(client).then(() => client.close(), (error) => {
	console.error(error);
	process.exit(1);
});
