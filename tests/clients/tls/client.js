// client asks a server once per line of stdin, over TLS, and says in one line what came of it.
// A line is the time-out in ms.
// Arguments: the file of its CA, "" for those of the system; and the port.
const tls = require("tls");
const fs = require("fs");
const lines = require("readline").createInterface({ input: process.stdin });
const ca = process.argv[2] ? fs.readFileSync(process.argv[2]) : undefined;

function ask(limit, done) {
	let n = 0, over = false;
	const end = (text) => { if (!over) { over = true; socket.destroy(); done(text.replace(/\n/g, " ")); } };
	const socket = tls.connect({ host: "127.0.0.1", port: +process.argv[3], servername: "localhost", ca });
	socket.setTimeout(limit, () => end("timeout"));
	let secure = false;
	socket.on("secureConnect", () => { secure = true; socket.write("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); });
	socket.on("data", (data) => { n += data.length; });
	socket.on("end", () => secure && end("ok " + n));
	socket.on("error", (e) => end((e.code || "") + " " + e.message));
	socket.on("close", () => end("closed " + n));
}

(async () => {
	for await (const line of lines)
		console.log(await new Promise((done) => ask(+line, done)));
})();
