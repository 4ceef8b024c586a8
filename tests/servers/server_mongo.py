"""A toy mongod: it speaks OP_MSG and the legacy hello, keeps documents and transactions, and may be a replica set.

What drivers make of the proxy is tested against it, because Debian has no MongoDB. It does what a server does that the
tests look at: retried writes run once, a transaction is seen by nobody until its commit, a hello is awaited and goes on
(exhaust), and a node that is not primary refuses.
"""
import copy
import socket
import struct
import threading
import time
import zlib

import pytest

from harness import free_port, need_module

bson = need_module("bson")
from bson.objectid import ObjectId                          # noqa: E402

CODES = {10107: "NotWritablePrimary", 13435: "NotPrimaryNoSecondaryOk", 251: "NoSuchTransaction", 43: "CursorNotFound",
         59: "CommandNotFound", 11000: "DuplicateKey", 26: "NamespaceNotFound"}
WRITES = {"insert", "update", "delete", "findAndModify", "create", "drop", "createIndexes", "dropDatabase"}
READS = {"find", "aggregate", "count", "distinct", "listCollections", "listIndexes"}


class Rejected(Exception):
    def __init__(self, code, text, *labels):
        super().__init__(text)
        self.reply = {"ok": 0.0, "errmsg": text, "code": code, "codeName": CODES[code]}
        if labels:
            self.reply["errorLabels"] = list(labels)


# ---- documents ----

OPERATORS = {
    "$gt": lambda a, b: a is not None and a > b, "$gte": lambda a, b: a is not None and a >= b,
    "$lt": lambda a, b: a is not None and a < b, "$lte": lambda a, b: a is not None and a <= b,
    "$ne": lambda a, b: a != b, "$in": lambda a, b: a in b, "$exists": lambda a, b: (a is not None) == bool(b),
}


def matches(document, query):
    for name, wanted in query.items():
        value = document.get(name)
        if isinstance(wanted, dict) and any(key.startswith("$") for key in wanted):
            if not all(OPERATORS[key](value, bound) for key, bound in wanted.items()):
                return False
        elif value != wanted:
            return False
    return True


def updated(document, change):
    if not any(key.startswith("$") for key in change):
        return dict(change, _id=document["_id"])
    made = copy.deepcopy(document)
    for name, value in change.get("$set", {}).items():
        made[name] = value
    for name, value in change.get("$inc", {}).items():
        made[name] = made.get(name, 0) + value
    for name in change.get("$unset", {}):
        made.pop(name, None)
    return made


class Data:
    """Collections, by "db.name": lists of documents."""

    def __init__(self):
        self.of = {}

    def find(self, name, query, sort=None):
        found = [document for document in self.of.get(name, []) if matches(document, query)]
        for key, way in reversed(list((sort or {}).items())):
            found.sort(key=lambda document: (document.get(key) is not None, document.get(key)), reverse=way < 0)
        return copy.deepcopy(found)

    # commands, as (data, command, name of the collection) -> reply

    def insert(self, command, name):
        kept, n, errors = self.of.setdefault(name, []), 0, []
        for i, document in enumerate(command["documents"]):
            document = dict(document)
            document.setdefault("_id", ObjectId())
            if any(other["_id"] == document["_id"] for other in kept):
                errors.append({"index": i, "code": 11000, "errmsg": "E11000 duplicate key error collection: %s" % name})
                if command.get("ordered", True):
                    break
                continue
            kept.append(document)
            n += 1
        return dict({"n": n}, **({"writeErrors": errors} if errors else {}))

    def update(self, command, name):
        kept, n, modified, upserted = self.of.setdefault(name, []), 0, 0, []
        for index, one in enumerate(command["updates"]):
            found = [i for i, document in enumerate(kept) if matches(document, one["q"])]
            for i in found if one.get("multi") else found[:1]:
                made = updated(kept[i], one["u"])
                n, modified, kept[i] = n + 1, modified + (made != kept[i]), made
            if not found and one.get("upsert"):
                kept.append(updated(dict({"_id": ObjectId()}, **one["q"]), one["u"]))
                upserted.append({"index": index, "_id": kept[-1]["_id"]})
                n += 1
        return dict({"n": n, "nModified": modified}, **({"upserted": upserted} if upserted else {}))

    def delete(self, command, name):
        kept, n = self.of.setdefault(name, []), 0
        for one in command["deletes"]:
            found = [document for document in kept if matches(document, one["q"])]
            for document in found[:1] if one.get("limit") else found:
                kept.remove(document)
                n += 1
        return {"n": n}

    def findAndModify(self, command, name):
        kept = self.of.setdefault(name, [])
        found = self.find(name, command.get("query", {}), command.get("sort"))[:1]
        if not found:
            return {"value": None, "lastErrorObject": {"n": 0, "updatedExisting": False}}
        i = next(i for i, document in enumerate(kept) if document["_id"] == found[0]["_id"])
        if command.get("remove"):
            kept.pop(i)
            return {"value": found[0], "lastErrorObject": {"n": 1}}
        kept[i] = updated(kept[i], command["update"])
        return {"value": copy.deepcopy(kept[i]) if command.get("new") else found[0],
                "lastErrorObject": {"n": 1, "updatedExisting": True}}

    def create(self, command, name):
        self.of.setdefault(name, [])
        return {}

    def createIndexes(self, command, name):
        self.of.setdefault(name, [])
        return {"numIndexesBefore": 1, "numIndexesAfter": 2}

    def drop(self, command, name):
        if self.of.pop(name, None) is None:
            raise Rejected(26, "ns not found")
        return {"ns": name}

    def dropDatabase(self, command, name):
        for each in [each for each in self.of if each.split(".")[0] == command["$db"]]:
            del self.of[each]
        return {}

    def count(self, command, name):
        return {"n": len(self.find(name, command.get("query", {})))}

    def distinct(self, command, name):
        found = [document.get(command["key"]) for document in self.find(name, command.get("query", {}))]
        return {"values": [value for i, value in enumerate(found) if value is not None and value not in found[:i]]}

    def rows(self, command, name, verb):
        """What a command that opens a cursor finds."""
        if verb == "listCollections":
            prefix = command["$db"] + "."
            return [{"name": each[len(prefix):], "type": "collection"} for each in sorted(self.of) if each.startswith(prefix)]
        if verb == "listIndexes":
            return [{"v": 2, "key": {"_id": 1}, "name": "_id_"}]
        if verb == "find":
            found = self.find(name, command.get("filter", {}), command.get("sort"))[command.get("skip", 0):]
            return found[:command.get("limit") or None]
        found = self.find(name, {})
        for stage in command["pipeline"]:
            (operator, words), = stage.items()
            if operator == "$match":
                found = [document for document in found if matches(document, words)]
            elif operator == "$group":
                sums = {key: sum(document.get(of["$sum"][1:], 0) if isinstance(of["$sum"], str) else of["$sum"] for document in found)
                        for key, of in words.items() if key != "_id"}
                found = [dict({"_id": None}, **sums)] if found else []
            elif operator == "$out":
                self.of[command["$db"] + "." + words] = found
                found = []
        return found


class Transaction:
    """Its own copy of the data; the commit runs its writes again."""

    def __init__(self, number, data):
        self.number, self.data, self.writes, self.state = number, copy.deepcopy(data), [], "open"


# ---- a node ----

class Toy:
    """One mongod. Nodes of a set share `store`."""

    def __init__(self, store=None, number=0, host="127.0.0.1"):
        self.store = store or Store()
        self.store.nodes.append(self)
        self.number, self.port = number, free_port()
        self.address = "127.0.0.1:%d" % self.port
        self.known_as = "%s:%d" % (host, self.port)
        self.seen, self.came, self.hellos, self.ids = [], [], [], 1000
        self.streams = True                     # monitors may wait for a change; else they ask again and again
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", self.port))
        self.socket.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def stop(self):
        self.store.stopped = True
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
        with self.store.changed:
            self.store.changed.notify_all()

    def accept(self):
        while True:
            try:
                one, peer = self.socket.accept()
            except OSError:
                return
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.came.append(peer[1])
            threading.Thread(target=self.serve, args=(one,), daemon=True).start()

    # ---- the wire ----

    @staticmethod
    def exactly(one, n):
        data = b""
        while len(data) < n:
            piece = one.recv(n - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    @staticmethod
    def command_of(opcode, body):
        """(command, flags)"""
        if opcode == 2004:
            end = body.index(b"\0", 4)
            size, = struct.unpack_from("<i", body, end + 9)
            command = bson.decode(body[end + 9:end + 9 + size])
            command = command.get("$query", command)
            return dict(command, **{"$db": body[4:end].decode().split(".")[0]}), 0
        flags, = struct.unpack_from("<I", body)
        at, command, lists = 4, {}, {}
        while at < len(body):
            kind = body[at]
            size, = struct.unpack_from("<i", body, at + 1)
            if kind == 0:
                command = bson.decode(body[at + 1:at + 1 + size])
            else:
                name = body.index(b"\0", at + 5)
                lists[body[at + 5:name].decode()] = bson.decode_all(body[name + 1:at + 1 + size])
            at += 1 + size
        return dict(command, **lists), flags

    def answer(self, one, opcode, to, reply, flags=0):
        with self.store.lock:           # the next part of this answer names the id, and others take ids meanwhile
            self.ids += 1
            number = self.ids
        document = bson.encode(reply)
        if opcode == 2004:
            body, opcode = struct.pack("<IqII", 8, 0, 0, 1) + document, 1
        else:
            body = struct.pack("<IB", flags, 0) + document
        one.sendall(struct.pack("<IIII", 16 + len(body), number, to, opcode) + body)
        return number

    def serve(self, one):
        try:
            while True:
                length, number, _, opcode = struct.unpack("<IIII", self.exactly(one, 16))
                body = self.exactly(one, length - 16)
                if opcode == 2012:                      # opcode, length, compressor
                    opcode, body = struct.unpack_from("<I", body)[0], zlib.decompress(body[9:])
                command, flags = self.command_of(opcode, body)
                verb = next(iter(command))
                if verb.lower() in ("hello", "ismaster"):
                    self.greet(one, opcode, number, command, flags)
                    continue
                with self.store.lock:
                    self.seen.append((verb, command))
                    reply = {"you": "%s:%d" % one.getpeername()} if verb == "whatsmyuri" else self.run(verb, command)
                if not flags & 2:
                    self.answer(one, opcode, number, dict({"ok": 1.0}, **reply))
                elif not self.primary and verb in WRITES:
                    return
        except (OSError, EOFError, struct.error):
            pass
        finally:
            one.close()

    # ---- hello ----

    @property
    def primary(self):
        return self.store.primary == self.number

    def hello(self, command):
        store = self.store
        reply = {"ismaster": self.primary, "isWritablePrimary": self.primary, "maxBsonObjectSize": 16 << 20,
                 "maxMessageSizeBytes": 48000000, "maxWriteBatchSize": 100000, "logicalSessionTimeoutMinutes": 30,
                 "minWireVersion": 0, "maxWireVersion": 17, "readOnly": False, "ok": 1.0}
        if self.streams:
            reply["topologyVersion"] = {"processId": store.process, "counter": bson.Int64(store.version)}
        if "helloOk" in command:
            reply["helloOk"] = True
        if "compression" in command:
            reply["compression"] = [name for name in command["compression"] if name == "zlib"]
        if store.name:
            places = [node.known_as for node in store.nodes]
            reply.update(setName=store.name, setVersion=1, hosts=places, me=self.known_as, secondary=not self.primary,
                         primary=places[store.primary], electionId=ObjectId("7fffffff%016x" % store.version))
        return reply

    @staticmethod
    def left(one):
        """Has the client ended the connection?"""
        try:
            return one.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False

    def greet(self, one, opcode, number, command, flags):
        """With topologyVersion it waits until that is an old one; with exhaustAllowed it goes on by itself."""
        self.hellos.append(command)
        store = self.store
        known, most = command.get("topologyVersion"), command.get("maxAwaitTimeMS", 0) / 1000
        while True:
            with store.changed:
                if known:
                    until = time.monotonic() + most
                    while store.version <= known["counter"] and time.monotonic() < until and not store.stopped:
                        store.changed.wait(min(0.05, until - time.monotonic()))
                        if self.left(one):
                            return
                reply = self.hello(command)
            goes_on = opcode == 2013 and flags & 1 << 16 and known
            number = self.answer(one, opcode, number, reply, 2 if goes_on else 0)
            if not goes_on:
                return
            if store.stopped:
                raise EOFError
            known = reply.get("topologyVersion")

    # ---- commands ----

    def run(self, verb, command):
        try:
            return self.execute(verb, command)
        except Rejected as error:
            return error.reply

    def execute(self, verb, command):
        store = self.store
        session = command["lsid"]["id"].bytes if "lsid" in command else None
        name = "%s.%s" % (command["$db"], command[verb]) if isinstance(command[verb], str) else command["$db"]
        if verb in WRITES and not self.primary:
            raise Rejected(10107, "not primary", *["RetryableWriteError"] * ("txnNumber" in command))
        if verb in READS and not self.primary and command.get("$readPreference", {"mode": "primary"})["mode"] == "primary":
            raise Rejected(13435, "not primary and secondaryOk=false")
        if verb in ("commitTransaction", "abortTransaction"):
            return store.end(verb, session, command["txnNumber"])
        if "autocommit" in command:
            transaction = store.transaction(session, command)
            if verb in WRITES:
                transaction.writes.append((verb, command, name))
            return self.work(transaction.data, verb, command, name)
        if verb in WRITES and "txnNumber" in command:
            key = (session, command["txnNumber"])
            if key not in store.done:
                store.done[key] = self.work(store.data, verb, command, name)
            return store.done[key]
        return self.work(store.data, verb, command, name)

    def work(self, data, verb, command, name):
        if verb in ("find", "aggregate", "listCollections", "listIndexes"):
            return self.cursor(data.rows(command, name, verb), name, command)
        if verb == "getMore":
            return self.more(command)
        if verb == "killCursors":
            known = [number for number in command["cursors"] if self.store.cursors.pop(number, None) is not None]
            return {"cursorsKilled": known, "cursorsNotFound": [], "cursorsAlive": [], "cursorsUnknown": []}
        if verb in ("ping", "endSessions", "killSessions"):
            return {}
        if verb == "buildInfo":
            return {"version": "6.0.0", "versionArray": [6, 0, 0, 0]}
        if verb == "listDatabases":
            return {"databases": [{"name": each} for each in sorted({key.split(".")[0] for key in data.of})]}
        if verb not in WRITES | READS:
            raise Rejected(59, "no such command: '%s'" % verb)
        return getattr(data, verb)(command, name)

    def cursor(self, rows, name, command):
        size = command.get("batchSize", command.get("cursor", {}).get("batchSize", 101))
        number = 0
        if len(rows) > size and not command.get("singleBatch"):
            self.store.numbers += 1
            number = self.store.numbers
            self.store.cursors[number] = (name, rows[size:])
        return {"cursor": {"firstBatch": rows[:size], "id": bson.Int64(number), "ns": name}}

    def more(self, command):
        number = command["getMore"]
        if number not in self.store.cursors:
            raise Rejected(43, "cursor id %d not found" % number)
        name, rows = self.store.cursors.pop(number)
        size = command.get("batchSize", 101)
        if len(rows) > size:
            self.store.cursors[number] = (name, rows[size:])
        return {"cursor": {"nextBatch": rows[:size], "id": bson.Int64(number if len(rows) > size else 0), "ns": name}}

    def verbs(self):
        """The commands that came, without those of monitors."""
        return [verb for verb, _ in self.seen]


class Store:
    """What the nodes of a set share."""

    def __init__(self, name=None):
        self.name, self.nodes, self.primary, self.version = name, [], 0, 1
        self.process = ObjectId()
        self.data, self.done, self.cursors, self.transactions, self.numbers = Data(), {}, {}, {}, 7000
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.stopped = False

    def transaction(self, session, command):
        number = command["txnNumber"]
        if command.get("startTransaction"):
            self.transactions[session] = Transaction(number, self.data)
        found = self.transactions.get(session)
        if not found or found.number != number or found.state != "open":
            raise Rejected(251, "Given transaction number %d does not match any in-progress transactions." % number,
                           "TransientTransactionError")
        return found

    def end(self, verb, session, number):
        found = self.transactions.get(session)
        done = "committed" if verb == "commitTransaction" else "aborted"
        if not found or found.number != number or found.state not in ("open", done if done == "committed" else "open"):
            raise Rejected(251, "Given transaction number %d does not match any in-progress transactions." % number)
        if found.state == "open" and done == "committed":
            for each, command, name in found.writes:
                getattr(self.data, each)(command, name)
        found.state = done
        return {}

    def elect(self, number):
        """Another node is primary from now on, and awaited hellos are answered."""
        with self.changed:
            self.primary = number
            self.version += 1
            self.changed.notify_all()

    def documents(self, name):
        with self.lock:
            return copy.deepcopy(self.data.of.get(name, []))

    def open_transactions(self):
        with self.lock:
            return [each for each in self.transactions.values() if each.state == "open"]

    def stop(self):
        for node in self.nodes:
            node.stop()


def replica_set(n=3, name="rs"):
    """Its nodes; the first one is primary."""
    store = Store(name)
    return [Toy(store, number) for number in range(n)]


@pytest.fixture(scope="module")
def toy():
    one = Toy(Store("rs"))
    yield one
    one.store.stop()
