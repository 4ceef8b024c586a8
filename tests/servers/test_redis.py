"""Redis and its real clients through vaurien: invisible as dummy, and each fault as the application sees it."""
import os
import re
import select
import subprocess
import threading

import pytest

from conftest import need
from harness import SAN, Clock, End, dial, need_module, patience, until
from server_redis import Redis, server     # noqa: F401: a fixture

redis = need_module("redis")
from redis import exceptions                                        # noqa: E402


@pytest.fixture
def proxy(start, server):
    return start("--protocol", "redis", backend=server)


@pytest.fixture
def proxies(vaurien, server):
    """The same twice: the second one reads byte by byte."""
    return vaurien("--protocol", "redis", backend=server)


@pytest.fixture
def connect():
    """connect(server or proxy, **options): a redis.Redis; closed at the end."""
    opened = []

    def to(end, **options):
        words = dict(host="127.0.0.1", port=end.port, socket_timeout=patience(), socket_connect_timeout=patience())
        opened.append(redis.Redis(**dict(words, **options)))
        return opened[-1]
    yield to
    for client in opened:
        client.close()
        client.connection_pool.disconnect()


@pytest.fixture
def direct(server, connect):
    """A client of the server itself, which is empty."""
    client = connect(server)
    client.flushall()
    return client


class Raw(End):
    """A connection by hand; replies as Python's values, errors as their line, pushes as ("push", ...)."""

    def __init__(self, end):
        super().__init__(dial(end.port).sock)
        self.file = self.sock.makefile("rb")

    def close(self):
        self.file.close()
        super().close()

    def reply(self):
        line = self.file.readline()
        assert line.endswith(b"\r\n"), "end of stream: %r" % line
        kind, text = line[:1], line[1:-2].decode(errors="replace")
        if kind in b"$=!":
            return self.file.read(int(text) + 2)[:-2].decode(errors="replace") if int(text) >= 0 else None
        if kind in b"*~>%":
            n = int(text) * (2 if kind == b"%" else 1)
            items = [self.reply() for _ in range(n)] if n >= 0 else None
            return ("push", *items) if kind == b">" else items
        if kind in b":,":
            return float(text) if kind == b"," else int(text)
        return {b"_": None, b"-": "-" + text, b"#": text == "t"}.get(kind, text)

    def ask(self, *lines, answers=None):
        """Send lines at once; their replies, a list of them where there are many."""
        self.send(b"".join(line if isinstance(line, bytes) else line.encode() + b"\r\n" for line in lines))
        replies = [self.reply() for _ in range(len(lines) if answers is None else answers)]
        return replies if len(lines) > 1 or answers is not None else replies[0]


@pytest.fixture
def raw():
    opened = []

    def to(end, resp=2):
        one = Raw(end)
        opened.append(one)
        if resp == 3:
            one.ask("HELLO 3")
        return one
    yield to
    for one in opened:
        one.close()


def command(*words):
    """A request as drivers write it."""
    words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


# ---- (a) dummy: nothing to see ----

def workload(client, big):
    """All sorts of commands; what they answered."""
    told = []

    def say(*words, **options):
        try:
            told.append(client.execute_command(*words, **options))
        except redis.RedisError as error:
            told.append((type(error).__name__, str(error)))

    say("FLUSHALL")
    say("SET", "a", "1")
    say("GET", "a")
    say("GET", "nothing")
    say("INCR", "a")
    say("INCRBYFLOAT", "a", "0.5")
    say("SET", "empty", "")
    say("GET", "empty")
    say("SET", "lines", b"\r\n$5\r\n*3\r\n+OK\r\n-ERR\r\n\0\xff")
    say("GET", "lines")
    say("LPUSH", "list", *range(2000))
    say("LRANGE", "list", 0, -1)
    say("LRANGE", "list", 5, 4)
    say("HSET", "hash", "f", 1, "g", "h" * 5000)
    say("HGETALL", "hash")
    say("HGETALL", "nowhere")
    say("SADD", "set", "x", "y")
    say("ZADD", "z", 1.5, "one", 2, "two")
    say("ZRANGE", "z", 0, -1, "WITHSCORES")
    say("EVAL", "return {1, {2, {3, 'four', false, {}}}, redis.status_reply('fine')}", 0)
    say("EVAL", "return redis.status_reply(string.rep('x', 100000))", 0)
    say("EVAL", "return redis.error_reply('MINE alone')", 0)
    say("INCR", "list")
    say("NOSUCH", "command")
    say("XADD", "s", "1-1", "f", "v")
    say("XRANGE", "s", "-", "+")
    say("SCAN", 0, "COUNT", 100)
    say("BLPOP", "nowhere", 0.05)
    say("BLPOP", "list", 1)
    say("ECHO", "")
    body = os.urandom(1 << 16) * (big >> 16)
    say("SET", "big", body)
    told.append(client.get("big") == body)
    say("STRLEN", "big")
    say("MSET", *[word for i in range(big >> 10) for word in ("k%d" % i, "v" * (i % 300))])
    told.append(client.mget(["k%d" % i for i in range(big >> 10)]))
    with client.pipeline(transaction=False) as pipe:
        for i in range(min(big >> 8, 10000)):
            pipe.set("p", i).get("p").incr("q").get("no")
        told.append(pipe.execute())
    with client.pipeline(transaction=True) as pipe:
        pipe.set("t", 1).incr("t").lrange("list", 0, 3).get("no")
        told.append(pipe.execute())
    with client.pipeline(transaction=True) as pipe:
        pipe.set("t", 1).incr("list").incr("t")
        told.append([str(reply) for reply in pipe.execute(raise_on_error=False)])
    with client.pipeline() as pipe:
        pipe.watch("t")
        client.incr("t")
        pipe.multi()
        pipe.set("t", "never")
        with pytest.raises(exceptions.WatchError):
            pipe.execute()
    say("GET", "t")
    return told


def test_a_mixed_workload_through_dummy_is_as_direct(server, proxies, connect, bufsize):
    big = 64 << 10 if bufsize else 16 << 20
    assert workload(connect(proxies), big) == workload(connect(server), big)
    assert "raw" not in proxies.log()


def talk(one, version):
    """RESP3 as it comes, pushes among it."""
    told = [one.ask("HELLO %d" % version)[2:6], one.ask("FLUSHALL", "HSET h f 1 g 2", "SADD s m", "ZADD z 1.5 m")]
    told.append(one.ask("HGETALL h", "SMEMBERS s", "ZRANGE z 0 -1 WITHSCORES", "GET no", "LRANGE no 0 1", "EXISTS h"))
    told.append(one.ask("MULTI", "HGETALL h", "GET no", "EXEC"))
    told.append(one.ask("MULTI", "NOSUCH", "EXEC", "PING"))
    told.append(one.ask("EVAL \"redis.setresp(3); return {map={a=1}, double=3.5}\" 0", "SUBSCRIBE a b a", "PSUBSCRIBE p*",
                        "UNSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "PING", answers=10))
    told.append(one.ask(b"*0\r\n\r\n  \r\n*-1\r\n", "PING", answers=1))
    told.append(one.ask("CLIENT REPLY SKIP", "PING 1", "PING 2", "CLIENT REPLY OFF", "PING 3", "SUBSCRIBE c", "UNSUBSCRIBE c",
                        "CLIENT REPLY ON", "PING 4", answers=5))
    told.append(one.ask("SET \"a b\" 'c \\'d'", "GET \"a b\"", "RESET", "PING"))
    return told


@pytest.mark.parametrize("version", [2, 3])
def test_conversations_by_hand_are_as_direct(server, proxies, raw, version):
    assert talk(raw(proxies), version) == talk(raw(server), version)
    assert "raw" not in proxies.log()


def test_a_publication_reaches_its_subscribers(proxies, connect, direct):
    listener = connect(proxies).pubsub(ignore_subscribe_messages=True)
    listener.subscribe("news", "sport")
    listener.psubscribe("w*")
    until(lambda: direct.pubsub_numpat() == 1 and direct.pubsub_numsub("news")[0][1] == 1)

    def next_one():
        return until(lambda: listener.get_message(timeout=0.2))
    for i in range(3):
        direct.publish("news", "item %d" % i)
        direct.publish("weather", b"w" * 70000)
        assert next_one()["data"] == b"item %d" % i
        assert next_one()["data"] == b"w" * 70000
    listener.ping()
    assert next_one()["type"] == "pong"
    listener.unsubscribe()
    listener.punsubscribe()
    until(lambda: direct.pubsub_numpat() == 0)
    assert "raw" not in proxies.log()


def test_invalidations_come_between_answers(proxies, direct, raw):
    one = raw(proxies, 3)
    assert one.ask("CLIENT TRACKING ON", "GET k") == ["OK", None]
    direct.set("k", 1)
    assert one.reply() == ("push", "invalidate", ["k"])
    assert one.ask("GET k") == "1"


def test_a_blocked_client_waits_as_long_as_it_takes(proxies, connect, direct):
    answers = []
    waiter = threading.Thread(target=lambda: answers.append(connect(proxies).blpop("queue", 0)))
    waiter.start()
    until(lambda: direct.info("clients")["blocked_clients"] == 1)
    direct.rpush("queue", "work")
    waiter.join(patience())
    assert answers == [(b"queue", b"work")]


def test_redis_cli_and_benchmark(server, proxies, direct, bufsize):
    direct.mset({"key%d" % i: "value %d" % i for i in range(500)})

    def say(port, program, *words):
        return subprocess.run([need(program), "-p", str(port), *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, universal_newlines=True, check=True, timeout=patience(120)).stdout
    for words in (["KEYS", "key1*"], ["-3", "HGETALL", "none"], ["--scan", "--pattern", "key9*"], ["COMMAND", "COUNT"]):
        assert sorted(say(proxies.port, "redis-cli", *words).split()) == sorted(say(server.port, "redis-cli", *words).split())
    requests = "300" if bufsize or SAN else "20000"
    told = say(proxies.port, "redis-benchmark", "-n", requests, "-P", "16", "-q", "-t", "set,get,lpush,lrange_100,mset")
    assert told.count("requests per second") == 6, told
    assert "raw" not in proxies.log()


def test_monitoring_is_raw_and_that_is_said(proxies, direct, raw):
    one = raw(proxies)
    one.send(b"MONITOR\r\n")
    assert one.reply() == "OK"
    direct.set("seen", 1)
    assert '"SET" "seen"' in one.reply()
    proxies.logged("raw .*MONITOR")


# ---- (b) a failure by name, as redis-py raises it ----

FAILURES = [
    # name, command, exception, its text, whether the connection can be used afterwards
    ("starting_up", "GET k", exceptions.BusyLoadingError, "loading", True),
    ("read_only", "SET k 1", exceptions.ReadOnlyError, "read only replica", True),
    ("masterdown", "GET k", exceptions.ResponseError, "MASTERDOWN", True),
    ("out_of_memory", "SET k 1", exceptions.ResponseError, "maxmemory", True),
    ("disk_full", "SET k 1", exceptions.ResponseError, "MISCONF", True),
    ("disk_full", "PING", exceptions.ResponseError, "MISCONF", True),
    ("append_failed", "SET k 1", exceptions.ResponseError, "AOF", True),
    ("busy", "GET k", exceptions.ResponseError, "BUSY", True),
    ("no_replicas", "SET k 1", exceptions.ResponseError, "NOREPLICAS", True),
    ("no_auth", "GET k", exceptions.AuthenticationError, "Authentication required", True),
    ("access_denied", "AUTH secret", exceptions.ResponseError, "WRONGPASS", True),
    ("cluster_down", "GET k", exceptions.ResponseError, "CLUSTERDOWN", True),
    ("slot_not_served", "GET k", exceptions.ResponseError, "Hash slot not served", True),
    ("moved", "GET k", exceptions.ResponseError, r"^MOVED 7629 127\.0\.0\.1:\d+$", True),
    ("ask", "GET k", exceptions.ResponseError, r"^ASK 7629 127\.0\.0\.1:\d+$", True),
    ("try_again", "MGET k l", exceptions.ResponseError, "TRYAGAIN", True),
    ("pooler_timeout", "GET k", exceptions.ResponseError, "Connection timed out", True),
    ("unblocked", "BLPOP k 1", exceptions.ResponseError, "UNBLOCKED", False),
    ("shutting_down", "GET k", exceptions.ConnectionError, "closed by server", False),
    ("gone", "GET k", exceptions.ConnectionError, "closed by server", False),
    ("crash", "GET k", exceptions.ConnectionError, "reset by peer", False),
]


def test_every_failure_is_tried(run):
    offered = re.search(r"\n## redis\n(.*?)(\n## |\Z)", run("--list=protocols.md").stdout, re.S).group(1)
    names = set(re.findall(r"^\| `(\w+)` \|[^|]*\|[^|]*\|[^|]*\|[^|]*\|$", offered, re.M))
    assert names == {name for name, *_ in FAILURES} | {"overloaded", "too_many_connections", "idle_timeout", "conflict", "miss"}


@pytest.mark.parametrize("name, words, exception, text, usable", FAILURES)
def test_a_failure_by_name(proxies, connect, direct, name, words, exception, text, usable):
    application = connect(proxies, single_connection_client=True)
    application.ping()
    before = direct.info("clients")["connected_clients"]
    proxies.set("error", failure=name)
    with pytest.raises(exception, match=text) as caught:
        application.execute_command(*words.split())
    if name in ("starting_up", "access_denied"):
        assert isinstance(caught.value, (exceptions.ConnectionError, exceptions.ResponseError))
    assert direct.keys() == []
    if not usable:
        until(lambda: direct.info("clients")["connected_clients"] < before)
    proxies.set("dummy")
    if name == "unblocked":             # that this is the end of the connection comes as a surprise
        with pytest.raises(exceptions.ConnectionError):
            application.ping()
    assert application.set("k", "after") and application.get("k") == b"after"
    assert direct.get("k") == b"after"


@pytest.mark.parametrize("name", ["overloaded", "too_many_connections"])
def test_too_many_clients(proxies, connect, raw, name):
    before = connect(proxies, single_connection_client=True)
    before.ping()
    proxies.set("error", failure=name)
    with pytest.raises(exceptions.ConnectionError, match="max number of clients|not ready"):      # redis-py looks before it asks
        connect(proxies).ping()
    one = raw(proxies)
    assert one.reply() == "-ERR max number of clients reached"      # at accept: nothing was asked
    assert one.ends() == "fin"
    assert before.ping()                # those who are in stay in
    proxies.set("dummy")
    assert connect(proxies).ping()


def test_clients_refused_at_accept_are_counted_once(proxies, raw, direct):
    """Half of them, by odds that are drawn at accept; the others' first requests are not drawn again."""
    before = direct.info("stats")["total_connections_received"]
    proxies.set("error", failure="too_many_connections", probability=0.5)
    ends = [raw(proxies) for _ in range(60)]
    replies = [one.ask("PING") for one in ends]
    refused = replies.count("-ERR max number of clients reached")
    assert 10 < refused < 50 and refused + replies.count("PONG") == 60
    assert proxies.api("GET", "/behavior")[1]["hits"] == refused
    assert direct.info("stats")["total_connections_received"] - before == 60 - refused      # no backend is needed


@pytest.mark.parametrize("name, end", [("gone", "fin"), ("idle_timeout", "fin"), ("crash", "rst")])
def test_idle_connections_are_closed(proxies, raw, name, end):
    one = raw(proxies)
    assert one.ask("PING") == "PONG"
    proxies.set("error", failure=name)
    assert one.ends() == end


def test_idle_for_so_long(proxies, raw):
    """The time-out strikes who is idle for all of it; nothing is counted before it strikes."""
    one, other = raw(proxies), raw(proxies)
    assert one.ask("PING") == other.ask("PING") == "PONG"
    asked = 0
    with Clock() as took:
        proxies.set("error", failure="idle_timeout", after=1.5)
        while not select.select([other.sock], [], [], 0.3)[0]:
            assert one.ask("PING") == "PONG"
            asked += 1
        assert other.ends() == "fin"
    assert took.seconds >= 1.5
    behavior = proxies.api("GET", "/behavior")[1]
    assert behavior["hits"] == 1 and behavior["seen"] == asked + 1      # each PING, and the rest that was struck
    assert one.ends() == "fin"
    assert proxies.api("GET", "/behavior")[1]["hits"] == 2


# Where what a failure strikes is told by what COMMAND says of each command: whether it is refused.
STRUCK = {
    "read_only": ("READONLY", lambda flags: "write" in flags, {"EVAL", "EVALSHA", "FCALL"}),
    "out_of_memory": ("OOM", lambda flags: "denyoom" in flags, {"EVAL", "EVALSHA", "FCALL"}),
    "starting_up": ("LOADING", lambda flags: "loading" not in flags, set()),
    "masterdown": ("MASTERDOWN", lambda flags: "stale" not in flags, set()),
    "busy": ("BUSY", lambda flags: "allow_busy" not in flags, set()),
    "no_auth": ("NOAUTH", lambda flags: "no_auth" not in flags, {"HELLO"}),     # HELLO looks for itself: without AUTH it refuses
}
LEFT_OUT = {"MONITOR", "SYNC", "PSYNC", "REPLCONF", "SHUTDOWN", "QUIT", "RESET", "FAILOVER", "PFSELFTEST", "SAVE"}


def all_commands(one):
    """{"SET": flags, "XINFO|STREAM": flags}, as the server knows them."""
    flags = {}
    for row in one.ask("COMMAND"):
        for sub in row[9] or [row]:
            flags[sub[0].upper()] = set(sub[2])
    return {name: words for name, words in flags.items() if name.split("|")[0] not in LEFT_OUT and "|HELP" not in name}


@pytest.mark.parametrize("name", sorted(STRUCK))
def test_each_command_is_struck_as_the_server_would(proxy, server, direct, raw, name):
    code, strikes, besides = STRUCK[name]
    one, flags = raw(proxy), all_commands(raw(server))
    one.ask("PING")
    proxy.set("error", failure=name)
    assert len(flags) > 300
    wrong = []
    for each, words in sorted(flags.items()):
        reply = one.ask(each.replace("|", " "))         # mostly with too few words: what is not refused does no harm
        if bool(re.match("-(EXECABORT .*: )?%s " % code, str(reply))) != (strikes(words) or each in besides):
            wrong.append((each, reply))
        if each == "MULTI" and reply == "OK":
            one.ask("DISCARD")
    assert wrong == []


def test_a_read_only_replica_still_reads(proxies, connect, direct):
    application = connect(proxies)
    direct.set("k", 1)
    proxies.set("error", failure="read_only")
    assert application.get("k") == b"1"
    assert application.mget("k", "l") == [b"1", None]
    for words in ("SET k 2", "DEL k", "EXPIRE k 1", "FLUSHALL", "LPUSH l 1", "EVAL x 0"):
        with pytest.raises(exceptions.ReadOnlyError):
            application.execute_command(*words.split())
    assert direct.get("k") == b"1"


# ---- (c) transactions: what is left behind ----

def test_a_command_refused_in_a_transaction_spoils_it(proxies, direct, raw):
    one = raw(proxies)
    assert one.ask("MULTI", "SET k 1") == ["OK", "QUEUED"]
    proxies.set("error", failure="out_of_memory")
    assert one.ask("SET l 1").startswith("-OOM ")
    proxies.set("dummy")
    assert one.ask("SET m 1", "EXEC") == ["QUEUED", "-EXECABORT Transaction discarded because of previous errors."]
    assert direct.keys() == []
    assert one.ask("SET k 2", "EXEC") == ["OK", "-ERR EXEC without MULTI"]


def test_a_refused_transaction_as_redis_py_sees_it(proxies, connect, direct):
    application = connect(proxies)
    proxies.set("error", failure="read_only")
    with application.pipeline() as pipe:
        pipe.set("k", 1).set("l", 2)
        with pytest.raises(exceptions.ReadOnlyError):
            pipe.execute()
    assert direct.keys() == []
    proxies.set("dummy")
    with application.pipeline() as pipe:
        assert pipe.set("k", 1).set("l", 2).execute() == [True, True]


@pytest.mark.parametrize("version", [2, 3])
def test_a_refused_exec_ends_the_transaction(proxies, direct, raw, version):
    one = raw(proxies, version)
    one.ask("MULTI", "SET k 1")
    proxies.set("error", failure="read_only")
    assert one.ask("EXEC") == ("-EXECABORT Transaction discarded because of: "
                               "READONLY You can't write against a read only replica.")
    proxies.set("dummy")
    assert one.ask("GET k", "EXEC") == [None, "-ERR EXEC without MULTI"]


def test_the_real_server_words_a_refused_exec_alike(server, raw):
    """What the test before this one expects, from a server that is made a replica."""
    one, other = raw(server), raw(server)
    one.ask("MULTI", "SET k 1")
    other.ask("REPLICAOF 127.0.0.1 1")
    try:
        assert one.ask("EXEC", "GET k", "EXEC") == [
            "-EXECABORT Transaction discarded because of: READONLY You can't write against a read only replica.",
            None, "-ERR EXEC without MULTI"]
    finally:
        other.ask("REPLICAOF NO ONE")


def test_a_conflict_is_what_watching_is_for(proxies, connect, direct):
    application = connect(proxies)
    direct.set("n", 1)
    proxies.set("transient", failure="conflict", agitate=2)
    tries = []

    def increment(pipe):
        tries.append(int(pipe.get("n")))
        pipe.multi()
        pipe.set("n", tries[-1] + 1)
    assert application.transaction(increment, "n") == [True]
    assert tries == [1, 1, 1]
    assert direct.get("n") == b"2"


@pytest.mark.parametrize("version", [2, 3])
def test_a_refusal_among_publications(proxies, direct, raw, version):
    one = raw(proxies, version)
    one.ask("SUBSCRIBE a")
    proxies.set("error", failure="no_auth")
    direct.publish("a", "before")
    one.send(b"SUBSCRIBE b c\r\n")
    direct.publish("a", "behind")
    got = [one.reply() for _ in range(3)]
    assert "-NOAUTH Authentication required." in got
    assert [item[-1] for item in got if isinstance(item, (list, tuple))] == ["before", "behind"]
    proxies.set("dummy")
    assert direct.pubsub_numsub("b") == [(b"b", 0)]


@pytest.mark.parametrize("mixed", [False, True], ids=["alike", "mixed"])
def test_a_million_commands_before_an_answer_is_read(proxy, direct, raw, mixed):
    """All are written before the first answer is read. Alike, they stay understood; of too many kinds by turns the
    connection goes raw, which is said, and every byte passes all the same."""
    many = 100000 if SAN else 1000000
    one = raw(proxy)
    one.send((b"INCR n\r\nECHO x\r\n" if mixed else b"INCR n\r\n") * (many // 2 if mixed else many))
    wanted = b"".join(b":%d\r\n%s" % (n + 1, b"$1\r\nx\r\n" if mixed else b"") for n in range(many // 2 if mixed else many))
    assert one.read(len(wanted)) == wanted
    assert bool(re.search("raw .*unanswered", proxy.whole_log())) == mixed
    assert proxy.memory() < (1 << 30 if SAN else 100 << 20)


def test_a_refused_pipeline_keeps_its_order(proxies, connect, direct):
    application = connect(proxies)
    proxies.set("transient", failure="out_of_memory", agitate=3)
    with application.pipeline(transaction=False) as pipe:
        for i in range(10):
            pipe.get("k").set("k", i)
        replies = pipe.execute(raise_on_error=False)
    assert [type(reply) for reply in replies[1:7:2]] == [exceptions.OutOfMemoryError] * 3 \
        if hasattr(exceptions, "OutOfMemoryError") else all("OOM" in str(reply) or "maxmemory" in str(reply) for reply in replies[1:7:2])
    assert replies[0:8:2] == [None] * 4
    assert replies[8::2] == [b"%d" % i for i in range(3, 9)]
    assert direct.get("k") == b"9"


def test_a_refused_value_of_many_bytes_is_swallowed(proxy, connect, direct):
    application = connect(proxy, single_connection_client=True)
    proxy.set("error", failure="out_of_memory")
    for _ in range(3):
        with pytest.raises(exceptions.ResponseError, match="maxmemory"):
            application.set("k", b"v" * (10 << 20))
    proxy.set("dummy")
    assert application.ping() and direct.keys() == []


# What is read of keys of each type, and where there is nothing to read.
READS = """GET s|GETRANGE s 0 1|SUBSTR s 0 1|STRLEN s|MGET a b c|EXISTS a b nope|TOUCH a b|TTL s|PTTL s|EXPIRETIME s|PEXPIRETIME s
TYPE s|BITCOUNT s|BITPOS s 1|BITPOS s 0|GETBIT s 1|BITFIELD_RO s GET u8 0 GET u4 0|DUMP s|LCS a b|LCS a b LEN|LCS a b IDX
HGET h f|HGETALL h|HKEYS h|HVALS h|HLEN h|HEXISTS h f|HMGET h f g q|HSTRLEN h f|HRANDFIELD h|HRANDFIELD h 2 WITHVALUES|HSCAN h 0
LINDEX l 0|LLEN l|LPOS l a|LPOS l a COUNT 0|LRANGE l 0 -1|SCARD t|SMEMBERS t|SISMEMBER t x|SMISMEMBER t x y|SRANDMEMBER t
SRANDMEMBER t 3|SSCAN t 0|SDIFF t u|SINTER t u|SUNION t u|SINTERCARD 2 t u|ZCARD z|ZCOUNT z 0 9|ZSCORE z a|ZMSCORE z a b|ZRANK z a
ZREVRANK z a|ZRANGE z 0 -1 WITHSCORES|ZREVRANGE z 0 -1|ZRANGEBYSCORE z 0 9|ZREVRANGEBYSCORE z 9 0|ZRANGEBYLEX z - +
ZREVRANGEBYLEX z + -|ZLEXCOUNT z - +|ZRANDMEMBER z|ZRANDMEMBER z 2 WITHSCORES|ZSCAN z 0|ZDIFF 2 z y|ZUNION 2 z y WITHSCORES
ZINTER 2 z z|ZINTERCARD 1 z|XLEN x|XRANGE x - +|XREVRANGE x + -|XREAD COUNT 1 STREAMS x 0|XREAD STREAMS x y 0 0|XINFO STREAM x
XINFO GROUPS x|GEODIST g p p|GEOPOS g p q|GEOHASH g p|GEOSEARCH g FROMLONLAT 1 1 BYRADIUS 100 km|GEORADIUS_RO g 1 1 100 km
GEORADIUSBYMEMBER_RO g p 100 km|PFCOUNT p q|SORT_RO l ALPHA|OBJECT ENCODING s|OBJECT REFCOUNT s|OBJECT HELP|MEMORY USAGE s|DBSIZE
KEYS *|RANDOMKEY|SCAN 0|SCAN 0 MATCH a* COUNT 100|EVAL_RO "return redis.call('GET',KEYS[1])" 1 s|GET|GET a b|LRANGE l x y|MGET"""
READS = READS.replace("\n", "|").split("|")
KEYS = ["SET s hello", "HSET h f 1 g 2", "RPUSH l a b c", "SADD t x y", "ZADD z 1 a 2 b", "XADD x 1-1 f v", "GEOADD g 1 1 p",
        "PFADD p a", "MSET a 1 b 2 c 3", "XGROUP CREATE x grp 0"]


@pytest.mark.parametrize("version", [2, 3])
def test_a_cold_cache_answers_as_an_empty_server(proxies, server, direct, raw, tmp_path, version):
    empty = Redis(tmp_path).start()
    try:
        raw(server).ask(*KEYS)
        before = raw(server).ask("DBSIZE")
        one, other = raw(proxies, version), raw(empty, version)
        transaction = ["MULTI", *READS, "EXEC", "PING"]
        assert one.ask("MGET a b c") != other.ask("MGET a b c")
        proxies.set("cold_cache")
        for line in READS:
            assert one.ask(line) == other.ask(line), line
        assert one.ask(*READS) == other.ask(*READS)
        assert one.ask(*transaction) == other.ask(*transaction)
        keys = [b"k%d" % i for i in range(9000)]
        assert one.ask(command("MGET", *keys), answers=1) == [[None] * 9000]
        assert proxies.api("GET", "/behavior")[1]["hits"] > 2 * len(READS)
        proxies.set("dummy")
        assert one.ask("MGET a b c") == ["1", "2", "3"]
        assert raw(server).ask("DBSIZE") == before
    finally:
        empty.stop()


def test_more_keys_than_can_be_asked_anew_are_found_and_unreachable(start, server, connect, direct):
    direct.set("k", "v")
    proxy = start("--protocol", "redis", "--behavior", "cold_cache", backend=server)
    application = connect(proxy)
    assert application.mget(["k"] * 65536) == [b"v"] * 65536
    assert application.mget(["k"] * 65535) == [None] * 65535
    behavior = proxy.api("GET", "/behavior")[1]
    assert (behavior["hits"], behavior["unreachable"]) == (1, 1)
    proxy.logged("unreachable .*more than 65536 arguments")
    assert len(proxy.strikes()) == 1


def test_a_cold_cache_is_filled_in_vain(proxies, connect, direct):
    application = connect(proxies)
    proxies.set("cold_cache")
    assert application.get("k") is None and application.set("k", 1)
    assert application.get("k") is None and application.mget("k", "l") == [None, None]
    assert application.incr("k") == 2 and application.exists("k") == 0
    proxies.set("50:cold_cache")
    assert {application.get("k") for _ in range(60)} == {None, b"2"}
    assert direct.get("k") == b"2"


# ---- (d) behaviors, as the application sees them ----

def outcome(client):
    try:
        return client.get("k")
    except redis.RedisError as error:
        return type(error)


def test_a_pool_meets_every_behavior_and_recovers(proxies, connect, direct):
    application = connect(proxies)
    direct.set("k", "v")
    assert outcome(application) == b"v"
    proxies.set("delay", sleep=0.1)
    with Clock() as took:
        assert outcome(application) == b"v"
    assert 0.1 < took.seconds < 0.1 + patience(7.5)
    for name in ("error", "abort", "blackout"):
        proxies.set(name)
        assert outcome(application) != b"v", name
        proxies.set("dummy")
        until(lambda: outcome(application) == b"v", what="recovery from " + name)
    proxies.set("transient", agitate=2)
    assert [outcome(application) == b"v" for _ in range(4)] == [False, False, True, True]

    proxies.set("hang")
    answers = []
    waiter = threading.Thread(target=lambda: answers.append(outcome(application)))
    waiter.start()
    waiter.join(0.5)
    assert waiter.is_alive()
    proxies.set("dummy")
    waiter.join(patience())
    assert answers == [b"v"]


def test_errors_without_a_name_fit_what_was_asked(proxies, raw, direct):
    one = raw(proxies)
    one.ask("PING")
    proxies.set("error")
    codes = {ask: {one.ask(ask).split()[0] for _ in range(60)} for ask in ("GET k", "SET k 1", "INFO")}
    assert codes["GET k"] == {"-LOADING", "-BUSY"}          # no cluster, no replica, no password: this server has none
    assert codes["SET k 1"] == {"-LOADING", "-BUSY", "-READONLY", "-OOM", "-MISCONF"}
    assert codes["INFO"] == {"-BUSY"}
    assert direct.keys() == []


def test_abort_runs_the_command_and_loses_the_answer(proxies, connect, direct):
    proxies.set("abort")
    with pytest.raises(exceptions.ConnectionError):
        connect(proxies).incr("n")
    until(lambda: direct.get("n") == b"1", what="the command whose answer was lost")


def test_delay_is_once_per_command_also_in_a_pipeline(proxy, connect, direct):
    application = connect(proxy)
    application.ping()
    proxy.set("delay", sleep=0.2)
    with Clock() as took:
        with application.pipeline(transaction=False) as pipe:
            for _ in range(50):
                pipe.incr("n")
            assert pipe.execute()[-1] == 50
    assert 0.2 <= took.seconds < patience(5)      # and not 50 times


def test_odds_hit_their_part(proxy, connect, direct):
    application = connect(proxy)
    proxy.set("20:error")
    failed = sum(isinstance(outcome(application), type) for _ in range(500))
    assert 60 < failed < 140


def test_the_server_stops_and_starts_behind_the_proxy(proxy, server, connect):
    application = connect(proxy)
    assert application.ping()
    server.stop()
    with pytest.raises(exceptions.ConnectionError):
        application.ping()
    server.start()
    until(lambda: outcome(application) is None)


def test_a_login_through_the_proxy(proxies, server, connect, direct):
    direct.config_set("requirepass", "secret")
    try:
        assert connect(proxies, password="secret").ping()
        with pytest.raises(exceptions.AuthenticationError):
            connect(proxies).ping()
        with pytest.raises(exceptions.ResponseError, match="WRONGPASS"):
            connect(proxies, password="wrong").ping()
        assert "secret" not in proxies.log()
    finally:
        direct.config_set("requirepass", "")


def test_what_is_not_known_is_unreachable(proxy, raw, direct):
    """A command of another server: nobody here knows whether it writes."""
    one = raw(proxy)
    proxy.set("error", failure="read_only")
    for _ in range(3):
        assert "unknown command" in one.ask("FROBNIC k")
    assert one.ask("GET k") is None
    behavior = proxy.api("GET", "/behavior")[1]
    assert (behavior["hits"], behavior["unreachable"]) == (0, 3)
    proxy.logged("unreachable .*the effect of this message is not known")
    assert len([line for line in proxy.whole_log().splitlines() if "unreachable" in line]) == 1
    proxy.set("error", failure="conflict")          # which is for EXEC alone
    assert "unknown command" in one.ask("FROBNIC k")
    assert proxy.api("GET", "/behavior")[1]["unreachable"] == 0
