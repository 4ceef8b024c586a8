"""What memcached's clients make of each failure, what the real server's own error makes of them, and what is left behind."""
import re
import struct
import threading

import pytest

from harness import SAN, Clock, dial, until
from server_memcache import Memcached, cache, locked, memcached     # noqa: F401: fixtures
from test_memcache import connect, proxies, proxy, raw, told, tool      # noqa: F401: fixtures

BIG = "v" * 100000


def full(memcached, *lines):
    """A server that has no room for another BIG; these lines came first."""
    server = memcached("-M", "-m", "8", "-t", "1")
    for line in lines:
        server.ask(line, b"STORED\r\n")
    with dial(server.port) as end:
        for i in range(1000):
            if end.send(b"set fill%d 0 0 100000\r\n%s\r\n" % (i, BIG.encode())).read_to(b"\r\n") != b"STORED\r\n":
                return server
    pytest.fail("it is never full")


# ---- (b) a failure by name, as pymemcache raises it, and as it raises the real one ----

def crowd(server, connect):
    """One client too many: of 40 connections the server keeps some for itself."""
    before = [dial(server.port) for _ in range(40)]
    try:
        return told(connect(server).get, "k")
    finally:
        for end in before:
            end.close()


def stopped(server, connect):
    client = connect(server)
    client.get("k")
    server.stop()
    return told(client.get, "k")


def set_k(client, value="v"):
    return told(client.set, "k", value, noreply=False)


REAL = {                # the same from the server itself
    "out_of_memory": lambda memcached, connect, request: set_k(connect(full(memcached)), BIG),
    "too_big": lambda memcached, connect, request: set_k(connect(memcached()), BIG * 20),
    "conflict": lambda memcached, connect, request: conflict(connect(memcached())),
    "miss": lambda memcached, connect, request: connect(memcached()).get("k"),
    "no_auth": lambda memcached, connect, request: told(connect(request.getfixturevalue("locked")).get, "k"),
    "access_denied": lambda memcached, connect, request: set_k(connect(request.getfixturevalue("locked")), "app wrong"),
    "overloaded": lambda memcached, connect, request: crowd(memcached("-c", "40", "-t", "1"), connect),
    "too_many_connections": lambda memcached, connect, request: crowd(memcached("-c", "40", "-t", "1"), connect),
    "gone": lambda memcached, connect, request: stopped(memcached(), connect),
    "shutting_down": lambda memcached, connect, request: stopped(memcached(), connect),
}


def conflict(client):
    client.set("k", "1", noreply=False)
    cas = client.gets("k")[1]
    client.set("k", "2", noreply=False)
    return told(client.cas, "k", "3", cas)


def server_error(text):
    return "MemcacheServerError", "b'%s'" % text


CLOSED = ("MemcacheUnexpectedCloseError", "")
FAILURES = [
    # name, what pymemcache does, what comes of it, whether the connection can be used afterwards
    ("out_of_memory", set_k, server_error("out of memory storing object"), True),
    ("out_of_memory", lambda client: told(client.get, "k"), server_error("out of memory writing get response"), True),
    ("out_of_memory", lambda client: told(client.incr, "k", 1), server_error("out of memory"), True),
    ("too_big", set_k, server_error("object too large for cache"), True),
    ("pooler_timeout", set_k, server_error("Connection timed out"), True),
    ("bad_gateway", lambda client: told(client.get, "k"), server_error("backend failure"), True),
    ("conflict", lambda client: told(client.cas, "k", "3", "1"), False, True),
    ("miss", lambda client: client.get("k"), None, True),
    ("no_auth", lambda client: told(client.get, "k"), ("MemcacheClientError", "b'unauthenticated'"), True),
    ("access_denied", set_k, ("MemcacheClientError", "b'authentication failure'"), True),
    ("overloaded", lambda client: told(client.get, "k"), ("MemcacheUnknownCommandError", "b'get'"), False),
    ("too_many_connections", lambda client: told(client.get, "k"), ("MemcacheUnknownCommandError", "b'get'"), False),
    ("out_of_memory_reading", lambda client: told(client.get, "k"), server_error("out of memory reading request"), False),
    ("shutting_down", lambda client: told(client.get, "k"), CLOSED, False),
    ("gone", lambda client: told(client.get, "k"), CLOSED, False),
    ("crash", lambda client: told(client.get, "k"), ("ConnectionResetError", "[Errno 104] Connection reset by peer"), False),
]
AT_THE_BEGINNING = ("overloaded", "too_many_connections", "access_denied")


def test_every_failure_is_tried(run):
    offered = re.search(r"\n## memcache\n(.*?)(\n## |\Z)", run("--list=protocols.md").stdout, re.S).group(1)
    names = set(re.findall(r"^\| `(\w+)` \|[^|]*\|[^|]*\|[^|]*\|[^|]*\|$", offered, re.M))
    assert names == {name for name, *_ in FAILURES} | {"idle_timeout"}


@pytest.mark.parametrize("name, do, outcome, usable", FAILURES, ids=["%s-%d" % (row[0], i) for i, row in enumerate(FAILURES)])
def test_a_failure_by_name(proxies, connect, cache, name, do, outcome, usable):
    application = connect(proxies)
    if name not in AT_THE_BEGINNING:
        application.get("k")
    port = application.sock and application.sock.getsockname()[1]
    proxies.set("error", failure=name, match=".")
    assert do(application) == outcome
    proxies.set("dummy")
    assert application.set("k", "after", noreply=False) and application.get("k") == b"after"
    # pymemcache closes its connection at every error; at what is none it stays
    assert (application.sock.getsockname()[1] == port) == (not isinstance(outcome, tuple)) or not port


@pytest.mark.parametrize("name", sorted(REAL))
def test_the_real_error_is_raised_alike(memcached, connect, request, name):
    outcome = next(row[2] for row in FAILURES if row[0] == name)
    assert REAL[name](memcached, connect, request) == outcome


@pytest.mark.parametrize("name, usable", sorted({(row[0], row[3]) for row in FAILURES}))
def test_the_connection_afterwards(proxies, cache, raw, name, usable):
    cache.ask(b"set k 0 0 1\r\nx\r\n", b"STORED\r\n")
    one = raw(proxies)
    if name not in AT_THE_BEGINNING:
        one.send(b"version\r\n").read_to(b"\r\n")
    proxies.set("error", failure=name, match=".")
    if name in ("overloaded", "too_many_connections"):
        one = raw(proxies)                      # they come at accept
    asks = {"miss": b"get k\r\n", "conflict": b"cas k 0 0 1 1\r\nx\r\n"}.get(name, b"set k 0 0 1\r\nx\r\n")
    if usable:
        assert one.send(asks).read_to(b"\r\n")
        proxies.set("dummy")
        assert one.send(b"get nothing\r\nmn\r\n").read_to(b"MN\r\n") == b"END\r\nMN\r\n"
    else:
        data, how = one.send(asks + b"version\r\n").rest()
        assert data.count(b"\r\n") == (0 if name in ("gone", "shutting_down", "crash") else 1)
        assert how == "rst" if name == "crash" else how in ("fin", "rst")


@pytest.mark.parametrize("name", ["overloaded", "too_many_connections"])
def test_a_client_too_many_is_refused_at_accept(proxies, raw, name):
    proxies.set("error", failure=name)
    assert raw(proxies).rest() == (b"ERROR Too many open connections\r\n", "fin")


def test_who_is_in_stays_in(proxies, connect):
    before = connect(proxies)
    before.get("k")
    proxies.set("error", failure="overloaded")
    assert told(connect(proxies).get, "k") == ("MemcacheUnknownCommandError", "b'get'")
    assert before.get("k") is None


@pytest.mark.parametrize("name", ["gone", "idle_timeout", "shutting_down", "crash"])
def test_idle_connections_end(proxies, raw, name):
    one = raw(proxies)
    one.send(b"version\r\n").read_to(b"\r\n")
    proxies.set("error", failure=name)
    assert one.ends() == ("rst" if name == "crash" else "fin")


def test_errors_without_a_name_fit_what_was_asked(proxies, raw):
    one = raw(proxies)
    one.send(b"version\r\n").read_to(b"\r\n")
    proxies.set("error")
    texts = {words: {one.send(words).read_to(b"\r\n").split(b"\r\n")[0] for _ in range(40)}
             for words in (b"get k\r\n", b"set k 0 0 1\r\nx\r\n", b"delete k\r\n", b"cas k 0 0 1 1\r\nx\r\n")}
    proxied = {b"SERVER_ERROR Connection timed out", b"SERVER_ERROR backend failure"}
    assert texts[b"get k\r\n"] == proxied | {b"SERVER_ERROR out of memory writing get response"}
    assert texts[b"set k 0 0 1\r\nx\r\n"] == proxied | {b"SERVER_ERROR out of memory storing object"}
    assert texts[b"delete k\r\n"] == proxied
    assert texts[b"cas k 0 0 1 1\r\nx\r\n"] == proxied | {b"SERVER_ERROR out of memory storing object", b"EXISTS"}
    assert one.send(b"version\r\n").read_to(b"\r\n").startswith(b"VERSION")         # nothing fits: it passes


# ---- (c) what is left behind is what the real error leaves ----

def binary(op, key=b"", extras=b"", value=b"", opaque=0):
    return struct.pack(">BBHBBHIIQ", 0x80, op, len(key), len(extras), 0, 0, len(key) + len(extras) + len(value), opaque, 0) + extras + key + value


FLAGS = b"\0" * 8
STORING = {             # each in place of an item "k" that is there
    "set": b"set k 0 0 %d\r\n%s\r\n", "add": b"add k 0 0 %d\r\n%s\r\n", "replace": b"replace k 0 0 %d\r\n%s\r\n",
    "append": b"append k 0 0 %d\r\n%s\r\n", "prepend": b"prepend k 0 0 %d\r\n%s\r\n", "cas": b"cas k 0 0 %d 1\r\n%s\r\n",
    "ms": b"ms k %d k O1\r\n%s\r\n", "ms-q": b"ms k %d q k O1\r\n%s\r\nmn\r\n", "ms-replace": b"ms k %d MR\r\n%s\r\n",
    "ms-append": b"ms k %d MA q\r\n%s\r\nmn\r\n", "ms-base64": b"ms aw== %d b\r\n%s\r\n",
}
OPS = {"set": (0x01, FLAGS), "setq": (0x11, FLAGS), "add": (0x02, FLAGS), "replace": (0x03, FLAGS), "append": (0x0e, b""), "prependq": (0x1a, b"")}


def left(server, words, tail):
    """What is answered, and what is under k then."""
    with dial(server.port) as end:
        answer = end.send(words).read_to(tail) if isinstance(tail, bytes) else end.send(words).read(tail)
    return answer, Memcached.get(server, "k")


@pytest.mark.parametrize("name", sorted(STORING))
@pytest.mark.parametrize("failure", ["out_of_memory", "too_big"])
def test_a_refused_value_leaves_what_the_real_error_leaves(memcached, proxies, cache, bufsize, failure, name):
    value = (BIG if failure == "out_of_memory" else BIG * 11).encode()
    words = STORING[name] % (len(value), value)
    tail = b"MN\r\n" if words.endswith(b"mn\r\n") else b"\r\n"
    old = b"set k 0 0 1\r\nx\r\n"
    if failure == "out_of_memory":
        server = full(memcached, old)
    else:
        server = memcached()
        server.ask(old, b"STORED\r\n")
    expected = left(server, words, tail)
    cache.ask(old, b"STORED\r\n")
    if bufsize:
        words = STORING[name] % (1, b"y")
    proxies.set("error", failure=failure, match="^(?!GET)")
    answer, _ = left(proxies, words, tail)
    assert (answer, cache.get("k")) == expected


@pytest.mark.parametrize("name", sorted(OPS))
def test_a_refused_value_in_binary(memcached, proxies, cache, name):
    op, extras = OPS[name]
    expected = left(full(memcached, b"set k 0 0 1\r\nx\r\n"), binary(op, b"k", extras, BIG.encode(), 7), 24 + 29)
    cache.ask(b"set k 0 0 1\r\nx\r\n", b"STORED\r\n")
    proxies.set("error", failure="out_of_memory", match="^(?!GET)")
    answer, _ = left(proxies, binary(op, b"k", extras, b"y", 7), 24 + 29)
    assert (answer, cache.get("k")) == expected


def test_a_conflict_stores_nothing(proxies, connect, cache):
    application = connect(proxies)
    application.set("k", "1", noreply=False)
    proxies.set("error", failure="conflict")
    assert application.cas("k", "2", application.gets("k")[1]) is False
    assert cache.get("k") == b"1"


def test_a_refused_value_of_many_bytes_is_swallowed(proxy, connect, cache):
    application = connect(proxy)
    application.get("k")
    proxy.set("error", failure="too_big")
    before = proxy.memory()
    for _ in range(3):
        assert set_k(application, "v" * (20 << 20)) == server_error("object too large for cache")
    assert proxy.memory() - before < 30 << 20 or SAN
    proxy.set("dummy")
    assert application.get("k") is None


# ---- pipelines, and those who are not answered ----

def test_failures_in_the_middle_of_a_pipeline(proxies, raw, cache):
    one = raw(proxies)
    one.send(b"set a 0 0 1\r\n1\r\n").read_to(b"\r\n")
    proxies.set("error", failure="out_of_memory", match="^(SET b|GETS|INCR) ?")
    words = b"set b 0 0 5\r\nget a\r\nget a\r\ngets a\r\nincr a 1\r\nset c 0 0 1\r\n2\r\nset b 0 0 1 noreply\r\n3\r\nget a b c\r\nversion\r\n"
    expected = (b"SERVER_ERROR out of memory storing object\r\nVALUE a 0 1\r\n1\r\nEND\r\nSERVER_ERROR out of memory writing get response\r\n"
                b"SERVER_ERROR out of memory\r\nSTORED\r\nVALUE a 0 1\r\n1\r\nVALUE c 0 1\r\n2\r\nEND\r\nVERSION ")
    assert one.send(words.replace(b"5\r\nget a", b"5\r\nxxxxx", 1)).read_to(b"VERSION ") == expected
    one.read_to(b"\r\n")
    assert one.send(words.replace(b"5\r\nget a", b"5\r\nxxxxx", 1) * 20).read_to(expected) == expected


def test_what_is_not_answered_is_refused_without_a_word(proxies, raw, cache):
    """noreply: no word comes, and what is left behind is what the error leaves."""
    one = raw(proxies)
    one.send(b"version\r\n").read_to(b"\r\n")
    words = b"set k 0 0 1 noreply\r\nx\r\n" * 10 + b"incr n 1 noreply\r\nget k\r\n"
    for failure in ("out_of_memory", "too_big", "pooler_timeout", "bad_gateway"):
        cache.ask(b"set k 0 0 1\r\ny\r\nset n 0 0 1\r\n1\r\n", b"STORED\r\nSTORED\r\n")
        proxies.set("error", failure=failure, match="^(SET|INCR)")
        gone = failure in ("out_of_memory", "too_big")
        assert one.send(words).read_to(b"END\r\n") == (b"END\r\n" if gone else b"VALUE k 0 1\r\ny\r\nEND\r\n")
        assert proxies.api("GET", "/behavior")[1]["hits"] == 11 - (failure == "too_big")
        assert cache.get("n") == (b"2" if failure == "too_big" else b"1")
    proxies.set("drop", match="^SET")
    cache.ask(b"set k 0 0 1\r\ny\r\n", b"STORED\r\n")
    assert one.send(words).read_to(b"END\r\n") == b"VALUE k 0 1\r\ny\r\nEND\r\n"
    proxies.set("error", failure="out_of_memory", match="^SET", skip=3, times=2)
    assert one.send(words).read_to(b"END\r\n") == b"VALUE k 0 1\r\nx\r\nEND\r\n"
    proxies.set("dummy")
    assert one.send(words).read_to(b"END\r\n") == b"VALUE k 0 1\r\nx\r\nEND\r\n"
    assert "raw" not in proxies.log()


def test_pymemcache_as_it_comes_meets_faults_of_writes(proxies, connect, cache):
    """It asks for no reply to what it writes."""
    application = connect(proxies)
    application.set("k", "1")
    assert application.get("k") == b"1"
    proxies.set("error", failure="out_of_memory", match="^SET")
    application.set("k", "2")
    assert application.get("k") is None and cache.get("k") is None
    proxies.set("delay", sleep=0.3, match="^SET")
    with Clock() as took:
        application.set("k", "3")
        assert application.get("k") == b"3"
    assert took.seconds >= 0.3
    proxies.set("error", failure="overloaded")
    late = connect(proxies)
    late.set("k", "4")
    assert told(late.get, "k")[0] in ("MemcacheUnknownCommandError", "ConnectionResetError", "BrokenPipeError")
    assert cache.get("k") == b"3"
    proxies.set("abort", match="^SET")
    application.set("k", "5")
    assert told(application.get, "k")[0] in ("MemcacheUnexpectedCloseError", "ConnectionResetError", "BrokenPipeError")
    until(lambda: cache.get("k") == b"5", what="the write before the end")


def test_a_hung_write_holds_what_is_behind_it(proxies, raw, cache):
    one = raw(proxies)
    one.send(b"version\r\n").read_to(b"\r\n")
    proxies.set("hang", match="^SET")
    one.send(b"set k 0 0 1 noreply\r\nx\r\nget k\r\n")
    assert one.silent(0.3) and cache.get("k") is None
    proxies.set("dummy")
    assert one.read_to(b"END\r\n") == b"VALUE k 0 1\r\nx\r\nEND\r\n"


def test_quiet_requests_are_refused_as_the_server_does(proxies, raw, cache):
    one = raw(proxies)
    cache.ask(b"set a 0 0 1\r\nx\r\n", b"STORED\r\n")
    one.send(b"version\r\n").read_to(b"\r\n")
    words = (b"mg a q v k\r\nms a 1 q\r\n1\r\nmg a q v O1\r\nmg b q v k O2\r\nms c 1 q k\r\n2\r\nmg a v k O3\r\nmd b q\r\nmg a q k\r\nmn\r\n")
    proxies.set("error", failure="out_of_memory", match="^MS c")
    assert one.send(words).read_to(b"MN\r\n") == (
        b"VA 1 ka\r\nx\r\nVA 1 O1\r\n1\r\nSERVER_ERROR out of memory storing object\r\nVA 1 ka O3\r\n1\r\nNF\r\nHD ka\r\nMN\r\n")
    proxies.set("cold_cache")
    assert one.send(words).read_to(b"MN\r\n") == b"EN ka O3\r\nNF\r\nMN\r\n"
    proxies.set("cold_cache", match="O[12]")
    assert one.send(words).read_to(b"MN\r\n") == b"VA 1 ka\r\n1\r\nVA 1 ka O3\r\n1\r\nNF\r\nHD ka\r\nMN\r\n"
    proxies.set("error", failure="pooler_timeout", match="^MN")
    assert one.send(words + b"get c\r\n").read_to(b"END\r\n") == (
        b"VA 1 ka\r\n1\r\nVA 1 O1\r\n1\r\nVA 1 ka O3\r\n1\r\nNF\r\nHD ka\r\nMN\r\nVALUE c 0 1\r\n2\r\nEND\r\n")
    proxies.set("error", failure="pooler_timeout", match="^GET")
    assert one.send(b"mg a q v k\r\nmg b q v k\r\nget a\r\n").read_to(b"out\r\n") == b"VA 1 ka\r\n1\r\nSERVER_ERROR Connection timed out\r\n"
    proxies.set("abort", match="^GET")
    assert one.send(b"mg a q v k\r\nmg b q v k\r\nget a\r\n").rest()[0] in (b"VA 1 ka\r\n1\r\n", b"VA 1 ka\r\n1\r\nVALUE a 0 1\r\n1\r\nEND\r\n")


QUIET_TEXT = b"ms b 1 q\r\n1\r\n", b"mg a v\r\n", b"mg a v O1\r\n", b"SERVER_ERROR Connection timed out\r\n"
QUIET_BINARY = binary(0x11, b"b", bytes(8), b"1"), binary(0x0c, b"a"), binary(0x00, b"a"), b"Temporary failure"


@pytest.mark.parametrize("quiet, one_more, last, refusal", [QUIET_TEXT, QUIET_BINARY])
@pytest.mark.parametrize("behavior", ["reset", "blackout", "error"])
def test_what_is_hushed_waits_for_nobody_that_is_dropped(proxies, raw, cache, behavior, quiet, one_more, last, refusal):
    """Its silence is known by the answer to the next, which a rule keeps from the server."""
    end = raw(proxies)
    proxies.api("POST", "/rules", {"behavior": "drop", "skip": 1, "times": 1})
    proxies.api("POST", "/rules", dict({"behavior": behavior, "skip": 2, "match": "."}, **({"failure": "pooler_timeout"} if behavior == "error" else {})))
    end.send(quiet + one_more + last)
    if behavior == "error":
        assert end.read_to(refusal)[-len(refusal):] == refusal
    else:
        assert end.ends() == "rst"
    until(lambda: cache.get("b") == b"1", what="what was hushed to be done")


def test_a_dropped_request_leaves_no_doubt(proxies, raw, cache):
    """Whose error this is: nobody's else, since the server never saw the other."""
    end = raw(proxies)
    proxies.set("drop", match="^MG a")
    words = b"ms b 1 q\r\n1\r\nmg a v\r\nmn\r\nmg b q q\r\nmn\r\n"
    assert end.send(words).read_to(b"flag\r\nMN\r\n") == b"MN\r\nCLIENT_ERROR duplicate flag\r\nMN\r\n"
    assert proxies.api("GET", "/info")[1]["proxies"][0]["raw"] == 0


# ---- (d) a cold cache ----

READS = [b"get k\r\n", b"gets k l\r\n", b"gat 0 k\r\n", b"gats 0 k l\r\n", b"bget k\r\n", b"me k\r\n", b"mg k\r\n", b"mg k v\r\n",
         b"mg k v f t k O1 c\r\n", b"mg m1 N30 v t f k O1 q\r\n", b"mg m2 t s h l N30\r\n", b"mg aw== b k\r\n", b"mg k q v\r\nmn\r\n", b"mg k q v k\r\nmg l\r\n", b"get " + b"k " * 100 + b"\r\n"]
OTHERS = [b"get\r\n", b"mg\r\n", b"version\r\n", b"mn\r\n"]


def test_a_cold_cache_answers_as_an_empty_server(memcached, proxies, cache, raw):
    cache.ask(b"set k 0 0 1\r\nx\r\nset m1 0 0 1\r\nx\r\nset m2 0 0 1\r\nx\r\n", b"STORED\r\n" * 3)
    one, other = raw(proxies), raw(memcached())
    proxies.set("cold_cache")
    once = [words for words in READS if b" N30" not in words]       # what is made by one is there for the next
    for words in READS + OTHERS + [b"".join(once + OTHERS)]:
        ends = [end.send(words + b"mn\r\n").read_to(b"MN\r\n") for end in (one, other)]
        while ends[0].count(b"MN\r\n") < words.count(b"mn\r\n") + 1:
            ends = [ends[0] + one.read_to(b"MN\r\n"), ends[1] + other.read_to(b"MN\r\n")]
        assert ends[0] == ends[1], words
    assert one.send(b"set k 0 0 1\r\ny\r\nget k\r\nincr k 1\r\n").read_to(b"value\r\n").startswith(b"STORED\r\nEND\r\nCLIENT_ERROR")
    proxies.set("dummy")
    assert one.send(b"get k\r\n").read_to(b"END\r\n") == b"VALUE k 0 1\r\ny\r\nEND\r\n"


def test_a_cold_cache_as_its_clients_see_it(proxies, connect, cache):
    application = connect(proxies)
    application.set_many({"a": "1", "b": "2"}, noreply=False)
    assert application.get_many(["a", "b"]) == {"a": b"1", "b": b"2"}
    proxies.set("cold_cache")
    assert application.get("a") is None and application.gets("a") == (None, None) and application.get_many(["a", "b"]) == {}
    assert application.add("a", "3", noreply=False) is False       # what is there is there
    for words in ([], ["--binary"]):
        assert tool(proxies.port, "memccat", "a", *words).returncode != 0
    proxies.set("50:cold_cache")
    assert {application.get("a") for _ in range(60)} == {None, b"1"}
    for words in ([], ["--binary"]):
        proxies.set("dummy")
        assert tool(proxies.port, "memccat", "a", *words).stdout == b"1\n"


# ---- aimed, and hostile ----

def test_rules_aim_at_verbs_and_keys(proxies, connect):
    application = connect(proxies)
    application.get("a")
    proxies.set("error", failure="bad_gateway", match="^GET user:[0-9]+$", skip=1, times=2)
    outcomes = [told(application.get, key) for key in ("user:1", "other", "user:2", "user:3", "user:4", "users")]
    failed = server_error("backend failure")
    assert outcomes == [None, None, failed, failed, None, None]
    proxies.set("error", failure="bad_gateway", match="^(SET|DELETE) session ?")
    assert set_k(application) is True and told(application.delete, "session", noreply=False) == failed


def test_rules_count_over_all_clients(proxy, connect):
    proxy.set("error", failure="bad_gateway", match="^GET hot$", skip=10, times=7)
    outcomes = []

    def run():
        client = connect(proxy)
        for i in range(40):
            client.get("cold%d" % i)
            client.set("hot", "1")
            outcomes.append(told(client.get, "hot"))
    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count(server_error("backend failure")) == 7 and outcomes.count(b"1") == 233


HOSTILE_SERVERS = [
    b"VALUE a 0 99999999999999999999\r\n", b"VALUE a 0 -1\r\nx\r\nEND\r\n", b"VALUE a\r\nEND\r\n", b"VALUE " + b"k" * 5000, b"\0" * 100, b"\x81" * 100,
    b"STORED\r\n", b"VALUE a 0 1000000000000\r\nshort"]
HOSTILE_CLIENTS = [
    b"set k 0 0 2147483645\r\nx", b"ms k 2147483645\r\nx", b"get " + b"k" * 200000, b"get " + b"k " * 300000, b"x" * 200000, b"\0" * 200000,
    b"mg k" + b" O" * 90000 + b"\r\n", b"\x80\x01\xff\xff\xff\0\0\0\xff\xff\xff\xff" + b"\0" * 12, b"\x80" * 100000, b"\r\n" * 100000,
    b"mg k q O1\r\n" * 100000]


@pytest.mark.parametrize("words", HOSTILE_SERVERS, ids=range(len(HOSTILE_SERVERS)))
def test_a_hostile_server(start, backend, words):
    proxy = start("--protocol", "memcache", backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"get a\r\n")
    server.read_to(b"get a\r\n")
    server.send(words).finish()
    assert client.rest() == (words, "fin")          # it is passed on as it came


@pytest.mark.parametrize("words", HOSTILE_CLIENTS, ids=range(len(HOSTILE_CLIENTS)))
def test_a_hostile_client(proxy, raw, words):
    before = proxy.memory()
    for _ in range(5):
        one = raw(proxy)
        try:
            one.send(words)
            one.reset()
        except OSError:
            pass                                    # the server closes at some of these
    until(lambda: not proxy.api("GET", "/info")[1]["proxies"][0]["connections"], what="the connections to be gone")
    assert proxy.memory() - before < 20 << 20 or SAN
    with dial(proxy.port) as end:
        assert end.send(b"get k\r\n").read_to(b"\r\n") == b"END\r\n"


def test_many_requests_before_anything_is_read(proxy, raw, cache):
    one = raw(proxy)
    n = 20000 if SAN else 100000
    one.send(b"get k\r\n" * n + b"mg k q\r\n" * n + b"set k 0 0 1 noreply\r\nx\r\n" * n + b"mn\r\n")
    assert one.read(5 * n + 4) == b"END\r\n" * n + b"MN\r\n"
    assert "raw" not in proxy.log()
