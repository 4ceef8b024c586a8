// serve.js - commands of a program, one JSON object a line: {"op": NAME, ...} is answered by {"value": ...}, or by what
// `named` makes of the error.
const lines = require("readline").createInterface({ input: process.stdin });

module.exports = async function serve(commands, named = (error) => ({ raised: error.name, text: error.message })) {
	for await (const line of lines) {
		const asked = JSON.parse(line);
		try {
			console.log(JSON.stringify({ value: (await commands[asked.op](asked)) ?? null }));
		} catch (error) {
			console.log(JSON.stringify(named(error)));
		}
	}
	process.exit(0);
};
