"""Rules that concern some connections, by their age, or some requests, by what they do; and rules that are renewed."""
import signal
import time

import pytest

from harness import patience, until
from test_rules import BRIEF, counts, rounds, rule, struck


def put(proxy, name, **fields):
    status, answer = proxy.api("PUT", "/rules/" + name, fields)
    assert status == 200, answer
    return answer


# ---- connections: by their age ----

def test_open_ones(vaurien, backend):
    """Those that are open when it comes; a renewal does not change that, another `connections` does."""
    backend.serve()
    proxy = vaurien(backend=backend)
    old = proxy.client()
    rounds(old)
    assert proxy.api("POST", "/rules", {"behavior": "stall", "connections": "open", "name": "half", "ttl": 60})[0] == 200
    new = proxy.client()
    rounds(new)
    assert old.send(b"x").silent(0.2)
    put(proxy, "half", ttl="50s")
    assert rule(proxy, "half")["options"]["connections"] == "open" and rule(proxy, "half")["options"]["ttl"] == 50
    rounds(new)
    assert old.silent(0.2)
    put(proxy, "half", connections="new")
    assert old.read(1) == b"x"
    rounds(new)
    assert proxy.client().send(b"x").silent(0.2)
    assert new.send(b"y").read(1) == b"y"
    put(proxy, "half", connections="open")
    assert new.send(b"z").silent(0.2)


def test_new_ones(vaurien, backend):
    backend.serve()
    proxy = vaurien(backend=backend)
    old = proxy.client()
    rounds(old)
    assert proxy.api("POST", "/rules", {"behavior": "delay", "sleep": 0.001, "connections": "new", "name": "late"})[0] == 200
    rounds(old, 3)
    rounds(proxy.client(), 2)
    assert counts(proxy, "late") == (2, 2, 0)
    assert struck(proxy) == [(2, 1), (2, 2)]


def test_the_port_stays_open_for_new_ones(vaurien, backend):
    """vanish of open connections leaves the listening socket alone."""
    backend.serve()
    proxy = vaurien(backend=backend)
    old = proxy.client()
    rounds(old)
    assert proxy.api("POST", "/rules", {"behavior": "vanish", "connections": "open"})[0] == 200
    rounds(proxy.client(), 2)
    assert old.send(b"x").silent(0.2)
    status, answer = proxy.api("POST", "/rules", {"behavior": "refuse", "connections": "open"})
    assert status == 400 and answer["errors"][0]["description"] == (
        "name: refuse concerns the port, expected no odds, match, kind, client, open connections or counts beside it")


def test_a_rule_without_connections_is_a_warning(start, backend):
    backend.serve()
    proxy = start("--rule", BRIEF + "connections=open name=nobody", backend=backend)
    rounds(proxy.client())
    assert counts(proxy, "nobody") == (0, 0, 0)
    proxy = start(backend=backend)
    assert proxy.api("POST", "/rules", {"behavior": "hang", "connections": "open"})[1]["warning"] == (
        "connections=open: no connection is open, so nothing will happen")


# ---- kind: by what a request does ----

def ask(client, *words):
    client.send(" ".join(words).encode() + b"\r\n")
    return client.read_to(b"\r\n")


def test_kinds_of_redis(vaurien, backend):
    def play(end):
        while line := end.read_to(b"\r\n"):
            end.send(b"+OK\r\n")
    backend.serve(play)
    proxy = vaurien("--rule", BRIEF + "kind=reads name=r", "--rule", BRIEF + "kind=writes,commits name=w", "--rule",
                    BRIEF + "kind=begins name=b", "--rule", BRIEF + "kind=logins name=l", "--rule", BRIEF + "kind=commands name=c",
                    "--protocol", "redis", backend=backend)
    client = proxy.client()
    for words in ("AUTH x", "GET a", "SET a 1", "MULTI", "SET b 2", "EXEC", "PING", "NOSUCH a"):
        ask(client, *words.split())
    assert [counts(proxy, n)[1] for n in "rwblc"] == [1, 3, 1, 1, 7]
    assert [counts(proxy, n)[2] for n in "rwblc"] == [1, 1, 1, 0, 0]            # NOSUCH: nobody knows


def test_errors_and_kinds(vaurien, backend):
    backend.serve(lambda end: [end.read_to(b"\r\n\r\n") and end.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") for _ in range(4)])
    proxy = vaurien("--rule", "error failure=unavailable kind=writes", "--protocol", "http", backend=backend)
    client = proxy.client()
    for method, status in (("GET", b"200"), ("POST", b"503"), ("PUT", b"503"), ("HEAD", b"200")):
        client.send(method.encode() + b" / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        head = client.read_to(b"\r\n\r\n")
        assert head.split()[1] == status
        if status == b"503":
            client.read_to(b"</p>\n")


@pytest.mark.parametrize("protocol, kind, sentence", [
    ("tcp", "reads", "kind: tcp has no requests, so it cannot tell their kinds"),
    ("http", "commits", "kind: http has no commits; expected some of reads, writes, commands"),
    ("redis", "read", "kind: expected some of reads, writes, begins, commits, logins, commands, got 'read'; did you mean 'reads'?"),
    ("redis", "reads,", "kind: expected some of reads, writes, begins, commits, logins, commands, got ''"),
])
def test_a_kind_refused(start, backend, run, protocol, kind, sentence):
    proxy = start("--protocol", protocol, backend=backend)
    status, answer = proxy.api("POST", "/rules", {"behavior": "delay", "kind": kind})
    assert (status, answer["errors"][0]["name"], answer["errors"][0]["description"]) == (400, "kind", sentence)
    done = run("--protocol", protocol, "--rule", "delay kind=" + kind)
    assert done.returncode and done.stderr == "rule: " + sentence + "\n"


def test_a_kind_of_connections(start, backend):
    proxy = start("--protocol", "http", backend=backend)
    for behavior, fields, sentence in (
            ("slow_close", {"per": "exchange"}, "kind: slow_close concerns connections, which are decided before anything is requested"),
            ("delay", {"per": "connection"},
             "kind: expected per = exchange beside it, a connection is decided before anything is requested")):
        status, answer = proxy.api("POST", "/rules", dict(fields, behavior=behavior, kind="reads"))
        assert status == 400 and answer["errors"][0]["description"] == sentence


def test_a_kind_that_does_not_come(start, backend):
    backend.serve(lambda end: end.read_to(b"\r\n") and end.send(b"+OK\r\n") and end.read(1))
    proxy = start("--rule", "delay kind=commits name=idle", "--protocol", "redis", backend=backend)
    ask(proxy.client(), "GET", "a")
    proxy.api("DELETE", "/rules/idle")
    proxy.logged(r"no match proxy=default rule=idle behavior=delay: 1 messages, none of which is of its kind; nearest: GET a")


def test_flags_and_toxics(start, backend):
    """Exported and populated, which is the identity."""
    proxy = start("--rule", "delay kind=reads,commits connections=new name=one", "--protocol", "redis", backend=backend)
    assert {k: rule(proxy, "one")["options"][k] for k in ("kind", "connections")} == {"kind": "reads,commits", "connections": "new"}
    status, toxic = proxy.api("POST", "/proxies/default/toxics", {
        "type": "delay", "name": "two", "attributes": {"sleep": 1}, "kind": "writes", "connections": "open"})
    assert status == 200 and (toxic["kind"], toxic["connections"]) == ("writes", "open")
    was = proxy.api("GET", "/proxies")[1]
    status, _ = proxy.api("POST", "/populate", list(was.values()))
    assert status == 201
    assert proxy.api("GET", "/proxies")[1] == was


# ---- renewed ----

def test_a_ttl_alone_renews(vaurien, backend):
    """The clock begins anew; what is counted and held stays."""
    proxy = vaurien(backend=backend)
    client, server = proxy.meet(backend)
    ttl = patience(1)
    proxy.api("POST", "/rules", {"behavior": "hang", "name": "held", "ttl": ttl})
    client.send(b"x")
    until(lambda: counts(proxy, "held")[1] == 1)
    over = time.monotonic() + 1.5 * ttl
    while time.monotonic() < over:
        for body in ({"ttl": ttl}, {}, {"behavior": "hang", "options": {"ttl": ttl}}):
            assert put(proxy, "held", **body)["hits"] == 1
        assert proxy.api("PUT", "/rules", {"rules": proxy.api("GET", "/rules")[1]["rules"]})[0] == 200
        assert server.silent(0.1)
    assert counts(proxy, "held") == (1, 1, 0)
    put(proxy, "held", skip=1)                  # a change lets go
    assert server.read(1) == b"x"
    until(lambda: rule(proxy, "held") is None)


def test_a_lease_that_ends(vaurien, backend):
    proxy = vaurien(backend=backend)
    client, server = proxy.meet(backend)
    proxy.api("POST", "/rules", {"behavior": "hang", "name": "held", "ttl": 60})
    client.send(b"x")
    until(lambda: counts(proxy, "held")[1] == 1)
    put(proxy, "held", ttl="300ms")
    assert server.read(1) == b"x"
    assert rule(proxy, "held") is None


def test_a_toxic_of_the_same_words(vaurien, backend):
    proxy = vaurien(backend=backend)
    client, server = proxy.meet(backend)
    status, toxic = proxy.api("POST", "/proxies/default/toxics", {"type": "hang", "name": "t", "stream": "both"})
    assert status == 200
    client.send(b"x")
    assert server.silent(0.2)
    assert proxy.api("POST", "/proxies/default/toxics/t", {"toxicity": 1.0, "attributes": {}})[0] == 200
    assert server.silent(0.2)
    assert proxy.api("POST", "/proxies/default/toxics/t", {"attributes": {}, "skip": 9})[0] == 200
    assert server.read(1) == b"x"


def test_a_reload_keeps_them(start, backend, tmp_path):
    """What an unchanged section of the file holds goes on; a changed `kind` is another rule."""
    ini = tmp_path / "vaurien.ini"
    text = "[rule:one]\nbehavior = hang\nkind = reads\nconnections = all\n"
    ini.write_text(text)
    proxy = start("--config", ini, "--protocol", "redis", backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"GET a\r\n")
    until(lambda: counts(proxy, "one")[1] == 1)
    ini.write_text(text + "\n[rule:two]\nbehavior = delay\nkind = writes\n")
    proxy.process.send_signal(signal.SIGHUP)
    until(lambda: rule(proxy, "two"))
    assert server.silent(0.1) and counts(proxy, "one") == (1, 1, 0)
    ini.write_text(text.replace("reads", "writes"))
    proxy.process.send_signal(signal.SIGHUP)
    assert server.read_to(b"\r\n") == b"GET a\r\n"
    assert rule(proxy, "one")["options"]["kind"] == "writes"
