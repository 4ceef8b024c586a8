// shop.js - an application of one event loop: one connection, as a first version has it, or a pool.
//
// --pool: connections of a pool, whose errors it handles, and time-outs. Else there is no handler of
// 'error' events, and no time-out.
"use strict";
const fs = require("fs");
const http = require("http");
const mysql = require("mysql");

const MS = 250;
const place = {host: process.env.VAURIEN_DB_HOST, port: Number(process.env.VAURIEN_DB_PORT),
	user: "app", password: "secret", database: "app"};
const pooled = process.argv.includes("--pool");
const database = pooled ? mysql.createPool({...place, connectTimeout: MS, acquireTimeout: MS}) :
	mysql.createConnection(place);

function note(what, more) {
	if (process.env.APP_LOG)
		fs.appendFileSync(process.env.APP_LOG, JSON.stringify({...more, what, time: Date.now() / 1000}) + "\n");
}

function answer(request, response, begun, status, text) {
	note("request", {path: request.url, begun, status});
	response.writeHead(status);
	response.end(text + "\n");
}

http.createServer((request, response) => {
	const begun = Date.now() / 1000;
	if (request.url === "/")
		return answer(request, response, begun, 200, "welcome");
	const question = {sql: "SELECT 'tea', 5", timeout: pooled ? MS : undefined};
	database.query(question, error => answer(request, response, begun, error ? 500 : 200, error ? error.code : "5 tea"));
}).listen(Number(process.argv[process.argv.length - 1]), "127.0.0.1");
