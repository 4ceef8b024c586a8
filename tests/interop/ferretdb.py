"""FerretDB 1, which speaks MongoDB's protocol before SQLite, with PyMongo and the drivers of npm and of Maven."""
import os
import shutil
import time

import pymongo
from pymongo import errors

from interop import Proxied, Server, free_port, go_built, java, node

TITLE = "FerretDB 1.24"
NEEDS = ["go", "node", "npm", "java", "javac", "mvn"]
TELLS = """FerretDB speaks MongoDB's protocol and keeps documents in SQLite. It has no transactions, no replica
sets, no retryable writes and no exhaust cursors, sends no labels, and answers writes that want no
answer. These are tested with a scripted server only: `tests/servers/test_mongo.py`. Drivers:
PyMongo 3.11, mongodb 7.9 from npm, and mongodb-driver-sync 5.14 from Maven."""

MODULE, VERSION = "github.com/FerretDB/FerretDB", "v1.24.2"
FAILURES = [                    # by name: what is done, PyMongo's exception, the code
    ("not_primary", "insert", errors.NotMasterError, 10107), ("not_primary_read", "find", errors.NotMasterError, 13435),
    ("recovering", "find", errors.NotMasterError, 13436), ("stepped_down", "find", errors.NotMasterError, 11602),
    ("query_timeout", "find", errors.ExecutionTimeout, 50), ("overloaded", "find", errors.OperationFailure, 462),
    ("cursor_not_found", "getMore", errors.CursorNotFound, 43), ("disk_full", "insert", errors.OperationFailure, 14031),
    ("no_auth", "find", errors.OperationFailure, 13), ("write_concern_timeout", "insert", errors.WTimeoutError, 64),
    ("shutting_down", "find", errors.NotMasterError, 91), ("gone", "find", errors.AutoReconnect, None),
    ("crash", "find", errors.AutoReconnect, None),
]


def prepare(work):
    # what `go install` builds does not start, for want of this file
    program = go_built(work, "%s@%s" % (MODULE, VERSION), MODULE + "/cmd/ferretdb", {"build/version/version.txt": VERSION})
    state = os.path.join(work, "state")
    shutil.rmtree(state, ignore_errors=True)
    os.makedirs(state)
    port = free_port()
    return Server(work, port, program, "--handler=sqlite", "--sqlite-url=file:%s/" % state, "--listen-addr=127.0.0.1:%d" % port,
                  "--state-dir=" + state, "--telemetry=disable", "--debug-addr=-")


def client(end, **words):
    return pymongo.MongoClient("127.0.0.1", end.port, **words)


def workload(of):
    """All kinds of commands that FerretDB has."""
    users, out = of.app.users, []
    of.drop_database("app")
    out.append(users.insert_many([{"_id": i, "n": i % 7, "text": "x" * i} for i in range(400)]).inserted_ids)
    out.append(users.insert_many([{"_id": 1000 + i, "text": "y" * 200000} for i in range(5)]).inserted_ids)
    out += [list(users.find({"n": {"$gt": 3}}, batch_size=11, sort=[("_id", -1)])), users.count_documents({"n": 2})]
    out.append(len(list(users.find({"_id": {"$gte": 1000}}))))
    out += [users.update_many({"n": 1}, {"$inc": {"n": 10}}).modified_count, sorted(users.distinct("n"))]
    out += [users.find_one_and_update({"_id": 5}, {"$set": {"n": 99}}), users.delete_many({"n": 0}).deleted_count]
    out.append(sorted((row["_id"], row["sum"]) for row in
                      users.aggregate([{"$match": {"_id": {"$lt": 400}}}, {"$group": {"_id": "$n", "sum": {"$sum": 1}}}])))
    out += [of.app.command("ping"), of.app.list_collection_names(), users.create_index("n"), sorted(users.index_information())]
    try:
        users.insert_one({"_id": 6})
    except errors.DuplicateKeyError as error:
        out.append(error.code)
    result = users.bulk_write([pymongo.InsertOne({"_id": "a"}), pymongo.UpdateOne({"_id": "a"}, {"$set": {"b": 1}}),
                               pymongo.DeleteOne({"_id": 7})])
    out.append({key: value for key, value in result.bulk_api_result.items() if key != "upserted"})
    return out


def alike(server):
    with Proxied(server, "--protocol", "mongo") as proxy:
        direct = workload(client(server))
        assert workload(client(proxy)) == direct
        assert proxy.api("GET", "/stats")[1]["proxies"][0]["raw"] == 0


def fails(server, failure, deed, kind, code):
    with Proxied(server, "--protocol", "mongo") as proxy:
        of = client(proxy, heartbeatFrequencyMS=500)
        of.app.failing.drop()
        of.app.failing.insert_many([{"n": n} for n in range(5)])
        proxy.set("error", failure=failure, match="^(?!HELLO|ISMASTER)")
        try:
            if deed == "insert":
                of.app.failing.insert_one({"n": 5})
            else:
                list(of.app.failing.find(batch_size=2))
            assert False, "nothing failed"
        except errors.PyMongoError as error:
            got = (error.details or {}).get("code") if hasattr(error, "details") else None
            assert type(error) is kind and got == code, repr(error)
        assert proxy.api("GET", "/behavior")[1]["hits"] > 0
        proxy.set("dummy")
        left = client(server).app.failing.count_documents({})
        assert left == (6 if failure == "write_concern_timeout" else 5), left
        assert of.app.failing.count_documents({}) == left       # the driver goes on
        of.close()
        return "%s%s" % (kind.__name__, " %d" % code if code else "")


def rate(end):
    """Finds a second of one client."""
    users = client(end).app.quick
    users.drop()
    users.insert_one({"_id": 1, "text": "x" * 100})
    begun = time.monotonic()
    for _ in range(1500):
        users.find_one({"_id": 1})
    return 1500 / (time.monotonic() - begun)


def speed(server):
    """The best of five, by turns, as the machine may do other things."""
    with Proxied(server, "--protocol", "mongo") as mongo, Proxied(server, "--protocol", "tcp") as tcp:
        rates = [(rate(mongo), rate(tcp)) for _ in range(5)]
    return "%.2f of the finds a second of `--protocol tcp`" % (max(a for a, _ in rates) / max(b for _, b in rates))


PROGRAMS = {"mongodb": lambda *words: node("ferretdb.js", *words), "mongodb-driver-sync": lambda *words: java("ferretdb", "FerretProgram", *words)}
RAISED = {                      # by failure: the driver of npm, that of Maven
    "not_primary": ("MongoServerError 10107", "MongoNotPrimaryException 10107"),
    "overloaded": ("MongoServerError 462", "MongoCommandException 462 RetryableError,SystemOverloadedError"),
    "query_timeout": ("MongoServerError 50", "MongoExecutionTimeoutException 50"),
    "cursor_not_found": ("MongoServerError 43", "MongoCursorNotFoundException 43"),
    "disk_full": ("MongoServerError 14031", "MongoCommandException 14031"),
    "no_auth": ("MongoServerError 13", "MongoCommandException 13"),
    "shutting_down": ("MongoServerError 91", "MongoNodeIsRecoveringException 91"),
    "write_concern_timeout": ("MongoWriteConcernError 64", "MongoWriteConcernException 64"),
    "gone": ("MongoNetworkError", "MongoSocketReadException"), "crash": ("MongoNetworkError", "MongoSocketReadException"),
}


def program_alike(server, program):
    with Proxied(server, "--protocol", "mongo") as proxy:
        direct = program("work", server.port)
        assert direct.count(",") > 8 and program("work", proxy.port) == direct
        assert proxy.api("GET", "/stats")[1]["proxies"][0]["raw"] == 0


def program_compression(server, program):
    """The proxy takes the offer out of hello, so nothing is compressed, and all is understood."""
    with Proxied(server, "--protocol", "mongo") as proxy:
        program("work", proxy.port, "compressors=zlib")
        assert proxy.api("GET", "/stats")[1]["proxies"][0]["raw"] == 0


def program_fails(server, program, failure, expected):
    with Proxied(server, "--protocol", "mongo") as proxy:
        proxy.set("error", failure=failure, match="^(FIND|INSERT|GETMORE) ")
        got = program("fail", proxy.port).strip()
        assert got.startswith(expected), got
        assert proxy.api("GET", "/behavior")[1]["hits"] > 0
        return got


def cases(work, server):
    try:
        yield "PyMongo", "a workload of all commands, equal to direct; nothing raw", lambda: alike(server)
        for row in FAILURES:
            yield "PyMongo", "`%s`; the documents counted directly" % row[0], lambda row=row: fails(server, *row)
        yield "PyMongo", "speed of finds", lambda: speed(server)
        for n, (who, program) in enumerate(PROGRAMS.items()):
            yield who, "a workload of all commands, equal to direct; nothing raw", lambda: program_alike(server, program)
            yield who, "compressors=zlib: not offered to the server", lambda: program_compression(server, program)
            for failure, expected in RAISED.items():
                yield who, "`%s`" % failure, lambda: program_fails(server, program, failure, expected[n])
    finally:
        server.stop()
