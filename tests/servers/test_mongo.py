"""The protocol mongo, met by PyMongo with its default settings.

The server is the toy of server_mongo.py: what only MongoDB itself could show (the labels of a release, real elections) is
not shown here. FerretDB is met in tests/interop.
"""
import os
import re
import subprocess
import sys
import threading

import pytest

from harness import ROOT, SAN, free_port, listening, missing, need_module, patience, until
from server_mongo import replica_set, toy                   # noqa: F401: a fixture

pymongo = need_module("pymongo")
once = pytest.mark.skipif(bool(SAN), reason="once is enough")
from pymongo import errors                                  # noqa: E402
from pymongo.write_concern import WriteConcern              # noqa: E402


@pytest.fixture
def connect():
    """connect(end, **options): a client, closed at the end."""
    opened = []

    def to(end, **options):
        words = dict(host="127.0.0.1", port=end.port, directConnection=True, heartbeatFrequencyMS=500,
                     serverSelectionTimeoutMS=int(1000 * patience()))
        if "replicaSet" in options:
            words.pop("directConnection")
        opened.append(pymongo.MongoClient(**dict(words, **options)))
        return opened[-1]
    yield to
    for client in opened:
        client.close()


@pytest.fixture
def proxy(start, toy):
    """A proxy before the toy, without documents and known commands in it."""
    with toy.store.lock:
        toy.store.data.of.clear()
        toy.store.cursors.clear()
        toy.store.transactions.clear()
        del toy.seen[:], toy.hellos[:]
    return start("--protocol", "mongo", backend=toy)


class Secure:
    """A proxy with TLS on both legs before the toy, which has none: its TLS is that of a second Vaurien. `options` are a
    client's, which verifies certificate and name."""

    def __init__(self, start, toy, directory, *words):
        theirs, ours = str(directory / "theirs"), str(directory / "ours")
        behind = start("--protocol", "mongo", "--tls-dir", theirs, "--client-tls", "require", backend=toy)
        behind.address = "127.0.0.1:%d" % behind.port
        self.proxy = start("--protocol", "mongo", "--tls-dir", ours, "--client-tls", "require", "--backend-tls", "verify",
                           "--backend-tls-ca", theirs + "/ca.pem", *words, backend=behind)
        self.options = {"tls": True, "tlsCAFile": ours + "/ca.pem"}


def labels(error):
    return sorted(label for label in ("TransientTransactionError", "RetryableWriteError", "NoWritesPerformed",
                                      "SystemOverloadedError", "RetryableError", "UnknownTransactionCommitResult")
                  if error.has_error_label(label))


def stats(proxy):
    return proxy.api("GET", "/stats")[1]["proxies"][0]


def hits(proxy):
    return proxy.api("GET", "/behavior")[1]["hits"]


def values(toy, name="app.users"):
    return sorted(document["n"] for document in toy.store.documents(name))


# ---- (a) as if it were not there ----

def workload(client, n):
    """What a client of all kinds of commands gets, without what differs each time."""
    users, out = client.app["users%d" % n], []
    client.app.drop_collection(users.name)
    out.append(users.insert_one({"_id": 1, "name": "Ann", "n": 1}).inserted_id)
    out.append(users.insert_many([{"_id": i, "n": i, "text": "x" * i} for i in range(2, 250)]).inserted_ids)
    out.append(users.insert_many([{"_id": 1000 + i, "text": "y" * 30000} for i in range(5)]).inserted_ids)
    out += [list(users.find({"n": {"$lt": 20}}, sort=[("n", -1)])), list(users.find(batch_size=7))]
    out.append(users.update_one({"_id": 2}, {"$set": {"name": "Bob"}}).raw_result["nModified"])
    out.append(users.update_many({"n": {"$gt": 200}}, {"$inc": {"n": 1000}}).modified_count)
    out.append(users.delete_one({"_id": 3}).deleted_count)
    out += [users.count_documents({}), users.distinct("name"), users.find_one_and_update({"_id": 4}, {"$set": {"n": 0}})]
    out.append(list(users.aggregate([{"$group": {"_id": None, "sum": {"$sum": "$n"}}}])))
    with pytest.raises(errors.DuplicateKeyError) as caught:
        users.insert_one({"_id": 1})
    out += [caught.value.code, client.app.command("ping"), sorted(client.app.list_collection_names()), client.list_database_names()]
    out.append(users.bulk_write([pymongo.InsertOne({"_id": 3}), pymongo.DeleteOne({"_id": 5})]).bulk_api_result)
    with client.start_session() as session:
        with session.start_transaction():
            users.insert_one({"_id": 5000}, session=session)
            out.append(users.find_one({"_id": 5000}, session=session))
        session.start_transaction()
        users.insert_one({"_id": 5001}, session=session)
        session.abort_transaction()
    out += [users.find_one({"_id": 5000}), users.find_one({"_id": 5001})]
    users.with_options(write_concern=WriteConcern(w=0)).insert_one({"_id": 6000})
    until(lambda: users.find_one({"_id": 6000}), what="a write without an answer")
    with pytest.raises(errors.OperationFailure) as caught:
        client.app.command("frobnicate")
    out.append(caught.value.code)
    client.app.drop_collection(users.name)
    return out


def without_times(result):
    """Without what a server says of itself and of time."""
    return re.sub(r"'(operationTime|\$clusterTime)': \S+", "", repr(result))


def test_as_if_it_were_not_there(vaurien, toy, connect, bufsize):
    proxy = vaurien("--protocol", "mongo", "--rule", "delay sleep=0 name=all match=^(?!HELLO|ISMASTER|PUSH)", backend=toy)
    toy.store.data.of.clear()
    before = len(toy.seen)
    direct = without_times(workload(connect(toy), 1))
    between = len(toy.seen)
    assert without_times(workload(connect(proxy), 1)) == direct
    sent = [verb for verb, _ in toy.seen[between:]]
    assert [verb for verb in sent if verb != "endSessions"] == [
        verb for verb, _ in toy.seen[before:between] if verb != "endSessions"]
    assert proxy.api("GET", "/rules")[1]["rules"][0]["seen"] == len(sent)       # the proxy has counted each of them
    assert stats(proxy)["raw"] == 0


@once
def test_as_if_it_were_not_there_through_tls(start, toy, connect, tmp_path):
    secure = Secure(start, toy, tmp_path, "--rule", "delay sleep=0 name=all match=^(?!HELLO|ISMASTER|PUSH)")
    toy.store.data.of.clear()
    direct = without_times(workload(connect(toy), 1))
    before = len(toy.seen)
    assert without_times(workload(connect(secure.proxy, **secure.options), 1)) == direct
    assert secure.proxy.api("GET", "/rules")[1]["rules"][0]["seen"] == len(toy.seen) - before
    assert stats(secure.proxy)["raw"] == 0


@once
def test_a_transaction_through_tls(start, toy, connect, mongoc, tmp_path):
    """PyMongo and libmongoc run an aborted transaction again; the server has its documents once."""
    secure = Secure(start, toy, tmp_path)
    toy.store.data.of.clear()
    client = connect(secure.proxy, **secure.options)
    secure.proxy.set("error", failure="write_conflict", match="^INSERT", times=1)
    with client.start_session() as session:
        session.with_transaction(lambda one: client.app.users.insert_one({"n": 1}, session=one))
    assert values(toy) == [1] and not toy.store.open_transactions()
    secure.proxy.set("error", failure="write_conflict", match="^INSERT", skip=1, times=2)
    assert mongoc(secure.proxy, "transaction", more="&tls=true&tlsCAFile=" + secure.options["tlsCAFile"]) == ["transaction ok"]
    assert (hits(secure.proxy), values(toy)) == (2, [1, 1, 2]) and not toy.store.open_transactions()


@once
def test_many_at_once(start, toy, connect):
    proxy = start("--protocol", "mongo", backend=toy)
    toy.store.data.of.clear()
    client, wrong = connect(proxy), []

    def one(n):
        for i in range(20):
            client.app.crowd.insert_one({"_id": n * 100 + i, "n": n})
            if client.app.crowd.find_one({"_id": n * 100 + i})["n"] != n:
                wrong.append(n)
    threads = [threading.Thread(target=one, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and len(toy.store.documents("app.crowd")) == 160


def test_no_compression_reaches_the_server(proxy, toy, connect):
    client = connect(proxy, compressors="zlib")
    client.app.users.insert_one({"n": 1})
    assert toy.hellos and not any(hello.get("compression") for hello in toy.hellos)
    connect(toy, compressors="zlib").admin.command("ping")
    assert any(hello.get("compression") == ["zlib"] for hello in toy.hellos)


# ---- (b) retries, which hang on labels ----

def test_a_retry_is_seen_and_runs_once(proxy, toy, connect):
    client = connect(proxy, replicaSet="rs")
    client.app.users.find_one()
    proxy.set("error", failure="not_primary", times=1)
    client.app.users.insert_one({"n": 1})               # the driver sends it twice
    assert (hits(proxy), toy.verbs().count("insert"), values(toy)) == (1, 1, [1])
    proxy.set("error", failure="not_primary_read", times=1)
    assert client.app.users.find_one()["n"] == 1
    assert hits(proxy) == 1


@once
def test_what_is_retried_once_fails_the_second_time(proxy, toy, connect):
    client = connect(proxy, replicaSet="rs")
    client.app.users.find_one()
    proxy.set("error", failure="not_primary", times=2)
    with pytest.raises(errors.NotMasterError) as caught:
        client.app.users.insert_one({"n": 1})
    assert caught.value.details["code"] == 10107 and labels(caught.value) == ["NoWritesPerformed", "RetryableWriteError"]
    assert (hits(proxy), values(toy)) == (2, [])


@once
def test_without_a_label_nothing_is_retried(start, toy, connect):
    toy.store.data.of.clear()
    proxy = start("--protocol", "mongo", "--protocol-mongo-error-labels", "none", backend=toy)
    client = connect(proxy, replicaSet="rs")
    client.app.users.find_one()
    proxy.set("error", failure="not_primary", times=1)
    with pytest.raises(errors.NotMasterError):
        client.app.users.insert_one({"n": 1})
    assert (hits(proxy), values(toy)) == (1, [])


@once
def test_a_lost_reply_is_retried_and_runs_once(proxy, toy, connect):
    client = connect(proxy, replicaSet="rs")
    client.app.users.find_one()
    proxy.set("lost_reply", match="^INSERT", times=1)
    client.app.users.insert_one({"n": 1})
    assert toy.verbs().count("insert") == 2 and values(toy) == [1]


# ---- (c) in step ----

def transaction(client, session):
    client.app.users.insert_one({"n": 1}, session=session)
    client.app.users.insert_one({"n": 2}, session=session)


def struck(proxy, toy, client, session, failure, error):
    """A transaction whose second write fails: its labels."""
    client.app.users.find_one()
    proxy.set("error", failure=failure, match="^INSERT", skip=1, times=1)
    session.start_transaction()
    with pytest.raises(error) as caught:
        transaction(client, session)
    assert not toy.store.open_transactions()
    return labels(caught.value)


@pytest.mark.parametrize("failure", ["write_conflict", "deadlock", "lock_timeout", "no_such_transaction", "stepped_down",
                                     "not_primary", "recovering"][:1 if SAN else None])
def test_a_transaction_is_aborted_and_runs_again(proxy, toy, connect, failure):
    client = connect(proxy, replicaSet="rs")
    with client.start_session() as session:
        assert struck(proxy, toy, client, session, failure, errors.PyMongoError) == ["TransientTransactionError"]
        assert toy.verbs()[-1] == "abortTransaction"
        session.abort_transaction()                     # which the server knows not: as after the real error
        session.with_transaction(lambda session: transaction(client, session))
    assert values(toy) == [1, 2]


@once
def test_with_transaction_tries_again(proxy, toy, connect):
    client = connect(proxy, replicaSet="rs")
    client.app.users.find_one()
    proxy.set("error", failure="write_conflict", match="^INSERT", skip=1, times=2)
    with client.start_session() as session:
        session.with_transaction(lambda session: transaction(client, session))
    assert (hits(proxy), values(toy)) == (2, [1, 2])


@once
@pytest.mark.parametrize("failure", ["query_timeout", "disk_full"])
def test_what_ends_a_transaction_for_good(proxy, toy, connect, failure):
    client = connect(proxy, replicaSet="rs")
    with client.start_session() as session:
        assert struck(proxy, toy, client, session, failure, errors.OperationFailure) == []
        session.abort_transaction()
    assert values(toy) == []


@once
def test_a_rate_limiter_leaves_the_transaction_open(proxy, toy, connect):
    client = connect(proxy, replicaSet="rs")
    client.app.users.find_one()
    proxy.set("error", failure="overloaded", match="^INSERT", skip=1, times=1)
    with client.start_session() as session:
        session.start_transaction()
        with pytest.raises(errors.OperationFailure) as caught:
            transaction(client, session)
        assert (caught.value.code, labels(caught.value)) == (462, ["RetryableError", "SystemOverloadedError"])
        assert len(toy.store.open_transactions()) == 1
        client.app.users.insert_one({"n": 2}, session=session)
        session.commit_transaction()
    assert values(toy) == [1, 2]


def test_a_shutdown_aborts_and_closes(proxy, toy, connect):
    client = connect(proxy, replicaSet="rs")
    client.app.users.find_one()
    proxy.set("error", failure="shutting_down", match="^INSERT", skip=1, times=1)
    with client.start_session() as session:
        session.start_transaction()
        with pytest.raises(errors.PyMongoError) as caught:
            transaction(client, session)
        assert labels(caught.value) == ["TransientTransactionError"]
        until(lambda: not toy.store.open_transactions(), what="the transaction to end")
        session.abort_transaction()
        session.with_transaction(lambda session: transaction(client, session))
    assert values(toy) == [1, 2]


@once
@pytest.mark.parametrize("failure", ["stepped_down", "shutting_down"])
def test_a_commit_is_sent_again(proxy, toy, connect, failure):
    client = connect(proxy, replicaSet="rs")
    client.app.users.find_one()
    proxy.set("error", failure=failure, match="^COMMITTRANSACTION", times=1)
    with client.start_session() as session:
        with session.start_transaction():
            transaction(client, session)
    assert (hits(proxy), values(toy), toy.verbs().count("commitTransaction")) == (1, [1, 2], 1)


@once
def test_a_commit_of_what_is_gone(proxy, toy, connect):
    client = connect(proxy, replicaSet="rs")
    client.app.users.find_one()
    proxy.set("error", failure="no_such_transaction", match="^COMMITTRANSACTION", times=1)
    with client.start_session() as session:
        session.start_transaction()
        transaction(client, session)
        with pytest.raises(errors.OperationFailure) as caught:
            session.commit_transaction()
        assert labels(caught.value) == ["TransientTransactionError"]
        assert caught.value.code == 251 and "number 1 does not match" in str(caught.value)
    assert values(toy) == [] and not toy.store.open_transactions()


@once
def test_a_lost_commit_is_unknown_and_done(proxy, toy, connect):
    client = connect(proxy, replicaSet="rs")
    client.app.users.find_one()
    proxy.set("lost_reply", match="^COMMITTRANSACTION", times=2)
    with client.start_session() as session:
        session.start_transaction()
        transaction(client, session)
        with pytest.raises(errors.ConnectionFailure) as caught:
            session.commit_transaction()
        assert caught.value.has_error_label("UnknownTransactionCommitResult")
    assert values(toy) == [1, 2]


def test_a_lost_cursor_is_killed(proxy, toy, connect):
    client = connect(proxy)
    client.app.users.insert_many([{"n": n} for n in range(30)])
    proxy.set("error", failure="cursor_not_found", times=1)
    with pytest.raises(errors.CursorNotFound) as caught:
        list(client.app.users.find(batch_size=10))
    assert re.match("cursor id 7[0-9]+ not found", str(caught.value)) and not toy.store.cursors
    assert "killCursors" in toy.verbs()


# ---- (d) write concerns ----

def test_a_write_concern_that_times_out_is_done(proxy, toy, connect):
    client = connect(proxy)
    for deed in (lambda users: users.insert_one({"n": 1}), lambda users: users.update_one({"n": 1}, {"$set": {"n": 2}}),
                 lambda users: users.find_one_and_delete({"n": 2})):
        proxy.set("error", failure="write_concern_timeout", times=1)
        with pytest.raises(errors.WTimeoutError) as caught:
            deed(client.app.users)
        assert caught.value.details["errInfo"] == {"wtimeout": True} and hits(proxy) == 1
    assert values(toy) == []
    assert [verb for verb in toy.verbs() if verb != "endSessions"] == ["insert", "update", "findAndModify"]


def test_a_write_without_an_answer(proxy, toy, connect):
    """A server that is not primary closes, other errors vanish."""
    client = connect(proxy)
    silent = client.app.users.with_options(write_concern=WriteConcern(w=0))
    client.app.users.insert_one({"n": 1})
    for failure, left in (("disk_full", [1]), ("not_primary", [1])):
        proxy.set("error", failure=failure, match="^INSERT", times=1)
        silent.insert_one({"n": 2})
        until(lambda: hits(proxy) == 1, what="the write to be refused")
        client.app.users.find_one()                     # on the same connection, or on a new one
        assert values(toy) == left


# ---- (e) hello, and what monitors make of it ----

@once
def test_no_unnamed_error_meets_a_hello(proxy, toy, connect):
    proxy.set("error")
    client = connect(proxy, retryReads=False)
    for _ in range(5):
        with pytest.raises(errors.PyMongoError):
            client.app.users.find_one()
    assert client.nodes


def test_hello_that_goes_on_tells_of_a_new_version(proxy, toy, connect):
    client = connect(proxy, replicaSet="rs")
    client.admin.command("ping")
    version = toy.store.version
    seen = len(toy.hellos)
    toy.store.elect(0)

    def known():
        description, = client._topology.description.server_descriptions().values()
        return (description.topology_version or {}).get("counter") == version + 1
    until(known, what="the monitor to be told")
    assert len(toy.hellos) <= seen + 2                  # it was told without asking
    assert stats(proxy)["raw"] == 0


@once
def test_a_connection_that_rests_ends_and_comes_again(proxy, toy, connect):
    client = connect(proxy, heartbeatFrequencyMS=600000)
    before = client.admin.command("whatsmyuri")["you"]
    proxy.set("error", failure="gone")
    until(lambda: hits(proxy) > 1, what="the connections to end")
    proxy.set("dummy")
    client.app.users.find_one()                         # a read is sent again, on a new connection
    assert client.admin.command("whatsmyuri")["you"] != before


@once
def test_rules_of_one_application(start, toy, connect):
    proxy = start("--protocol", "mongo", "--protocol-mongo-app-name", "shop", backend=toy)
    proxy.set("error", failure="query_timeout")
    connect(proxy).app.users.find_one()
    connect(proxy, appname="bank").app.users.find_one()
    with pytest.raises(errors.ExecutionTimeout):
        connect(proxy, appname="shop").app.users.find_one()


# ---- libmongoc ----

@pytest.fixture(scope="module")
def mongoc(tmp_path_factory):
    """mongoc(end, deed...): the lines that the program prints."""
    program = str(tmp_path_factory.mktemp("mongoc") / "mongoc")
    found = subprocess.run(["pkg-config", "--cflags", "--libs", "libmongoc-1.0"], stdout=subprocess.PIPE, universal_newlines=True)
    if found.returncode:
        missing("libmongoc-dev")
    words = found.stdout.split()
    subprocess.run(["gcc", "-Wall", "-o", program, os.path.join(ROOT, "tests/servers/mongoc.c"), *words], check=True)

    def run(end, *deeds, more=""):
        uri = "mongodb://127.0.0.1:%d/?replicaSet=rs&heartbeatFrequencyMS=500%s" % (end.port, more)
        return subprocess.run([program, uri, *deeds], stdout=subprocess.PIPE, universal_newlines=True, check=True,
                              timeout=patience(60)).stdout.splitlines()
    return run


@once
def test_libmongoc(proxy, toy, mongoc):
    assert mongoc(proxy, "insert", "find", "transaction") == ["insert ok", "find ok", "transaction ok"]
    assert values(toy) == [1, 1, 2]
    toy.store.data.of.clear()
    proxy.set("error", failure="not_primary", match="^INSERT", times=1)
    assert mongoc(proxy, "insert") == ["insert ok"] and (hits(proxy), values(toy)) == (1, [1])
    proxy.set("error", failure="not_primary", match="^INSERT")
    assert mongoc(proxy, "insert") == ["insert 10107 RetryableWriteError NoWritesPerformed"]
    proxy.set("error", failure="write_conflict", match="^INSERT", skip=1, times=2)
    assert mongoc(proxy, "transaction") == ["transaction ok"]
    assert (hits(proxy), values(toy)) == (2, [1, 1, 2]) and not toy.store.open_transactions()
    proxy.set("error", failure="disk_full", match="^INSERT")
    assert mongoc(proxy, "transaction", "find") == ["transaction 14031", "find ok"]


# ---- (f) behind the map ----

CLIENT = """
import sys, pymongo
client = pymongo.MongoClient("mongodb://127.0.0.1:%s/?replicaSet=rs%s" % (sys.argv[1], sys.argv[2]), heartbeatFrequencyMS=500,
                             serverSelectionTimeoutMS=60000)
for line in sys.stdin:
    n = int(line)
    client.app.users.insert_one({"n": n})
    print(n, sorted(client.nodes), flush=True)
"""


def peers(pid):
    """The ports that a process is connected to."""
    inodes = set()
    for fd in os.listdir("/proc/%d/fd" % pid):
        try:
            inodes.add(os.readlink("/proc/%d/fd/%s" % (pid, fd)))
        except OSError:
            pass
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table][1:]
    return {int(row[2].split(":")[1], 16) for row in rows if "socket:[%s]" % row[9] in inodes and row[3] != "0A"}


@pytest.fixture
def apart():
    """apart(port): a client in a process of its own. It has .say(n): it writes n, and tells the ports of the servers that
    it knows; and .dialed: the ports that it was seen connected to."""
    started = []

    def to(port, more=""):
        client = subprocess.Popen([sys.executable, "-c", CLIENT, str(port), more], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  universal_newlines=True)

        def say(n):
            client.stdin.write("%d\n" % n)
            client.stdin.flush()
            answer = client.stdout.readline()
            client.dialed.update(peers(client.pid))
            return {int(port) for port in re.findall(r"\('127.0.0.1', (\d+)\)", answer)}
        client.say, client.dialed = say, set()
        started.append(client)
        return client
    yield to
    for client in started:
        client.kill()
        client.communicate()


@pytest.fixture
def nodes():
    made = replica_set()
    yield made
    made[0].store.stop()


@pytest.mark.parametrize("tls", [False, pytest.param(True, marks=once)], ids=["plain", "tls"])
def test_a_client_never_leaves_the_proxies(start, nodes, apart, tmp_path, tls):
    """Three members behind three proxies, through a change of primary."""
    ports = [free_port() for _ in nodes]
    words = []
    for name, node, port in zip("bc", nodes[1:], ports[1:]):
        words += ["--add", "%s=127.0.0.1:%d=127.0.0.1:%d,mongo" % (name, port, node.port)]
    if tls:
        words += ["--tls-dir", tmp_path / "ca", "--client-tls", "require"]
    proxy = start("--protocol", "mongo", *words, backend=nodes[0], listen="127.0.0.1:%d" % ports[0],
                  up=lambda: all(map(listening, ports)))
    client = apart(ports[0], "&tls=true&tlsCAFile=%s/ca/ca.pem" % tmp_path if tls else "")
    until(lambda: len(client.say(1)) == 3, what="the client to know all three")
    nodes[0].store.elect(2)
    until(lambda: client.say(2) == set(ports), what="the client to know all three again")
    assert "insert" in nodes[2].verbs()
    assert client.dialed and client.dialed <= set(ports), "the client has dialed %r, the proxies are %r" % (client.dialed, ports)

    def all_came():
        opened = sum(one["opened"] for one in proxy.api("GET", "/stats")[1]["proxies"])
        return opened == sum(len(node.came) for node in nodes)
    until(all_came, what="who came to the servers to be who came to the proxies")
    assert not any(one["raw"] for one in proxy.api("GET", "/stats")[1]["proxies"])


@once
def test_proxies_are_added_before_the_other_members(start, nodes, apart):
    proxy = start("--protocol", "mongo", "--unmapped", "add", backend=nodes[0])
    client = apart(proxy.port)
    until(lambda: len(client.say(1)) == 3, what="the client to know all three")
    nodes[0].store.elect(1)
    until(lambda: len(client.say(2)) == 3 and "insert" in nodes[1].verbs(), what="a write to the new primary")
    assert not client.dialed & {node.port for node in nodes}
    assert len(proxy.api("GET", "/stats")[1]["proxies"]) == 3


@once
def test_the_other_members_are_hidden(start, nodes, apart):
    proxy = start("--protocol", "mongo", "--topology", "hide", backend=nodes[0])
    client = apart(proxy.port)
    assert client.say(1) == {proxy.port} == client.say(2) and client.dialed == {proxy.port}
