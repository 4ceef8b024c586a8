"""The events `exchange`, `gave_up` and `mark`, what `closed` tells of its client, and the figures of GET /info."""
import json
import socket
import struct
import time

import pytest

from harness import dial, patience, until
from test_events import Stream

KEYS = {"id", "time", "type", "proxy", "connection", "exchange", "verb", "kinds", "shape", "digest", "asked", "answered", "by", "rule",
        "error", "lost", "in_transaction", "rules"}


def redis(replies):
    """A backend that answers each inline command by its table; what is not there gets no answer."""
    def play(end):
        while line := end.read_to(b"\r\n").decode().strip():
            reply = replies.get(line, replies.get(line.split()[0]))
            if reply:
                end.send(reply.encode() + b"\r\n")
    return play


OK = {"SET": "+OK", "GET": "$1\r\nx", "PING": "+PONG", "BAD": "-WRONGTYPE Operation against a key", "AUTH": "+OK",
      "MULTI": "+OK", "EXEC": "*1\r\n+OK", "vaurien-refuses": "-ERR unknown command"}


def ask(client, line, reply=None):
    client.send(line.encode() + b"\r\n")
    return client.read_to(b"\r\n") if reply is None else client.read(len(reply))


def api_ok(proxy, method, path, body=None):
    status, answer = proxy.api(method, path, body)
    assert status in (200, 201), answer
    return answer


def info(proxy):
    return proxy.api("GET", "/info")[1]["proxies"][0]


# ---- exchange ----

@pytest.mark.threads
def test_what_is_told_of_an_exchange(vaurien, backend):
    backend.serve(redis(OK))
    proxy = vaurien("--protocol", "redis", backend=backend)
    with Stream(proxy, "?type=exchange") as stream:
        client = proxy.client()
        before = time.time()
        ask(client, "SET a 1")
        one = stream.next()
        assert set(one) == KEYS and one["type"] == "exchange"
        assert before - 1 <= one["asked"] <= one["answered"] <= time.time() + 1
        assert (one["connection"], one["exchange"], one["verb"], one["kinds"]) == (1, 1, "SET", ["writes", "commands"])
        assert (one["by"], one["rule"], one["error"], one["lost"], one["rules"]) == ("backend", None, None, False, [])
        ask(client, "BAD a")
        assert (stream.next()["error"]) == "WRONGTYPE"
        for line in ("SET a 1", "SET a 2", "SET b 2", "GET a"):
            ask(client, line)
            client.read(3) if line.startswith("GET") else None
        same, other, key, get = stream.take(4)
        assert same["digest"] == one["digest"] != other["digest"] and same["shape"] == one["shape"] == other["shape"]
        assert key["shape"] != one["shape"] != get["shape"] and get["kinds"] == ["reads", "commands"]
        ask(client, "AUTH secret")
        login = stream.next()
        assert (login["kinds"], login["shape"], login["digest"]) == (["logins"], None, None)


def test_only_for_who_asks(vaurien, backend, tmp_path):
    """Neither a stream without types nor the file has it."""
    backend.serve(redis(OK))
    lines = tmp_path / "events"
    proxy = vaurien("--protocol", "redis", "--events", lines, backend=backend)
    with Stream(proxy) as all_of_them, Stream(proxy, "?type=exchange,closed") as some:
        with proxy.client() as client:
            ask(client, "PING")
        assert [e["type"] for e in some.take(2)] == ["exchange", "closed"]
        seen = []
        while not seen or seen[-1] != "closed":
            seen.append(all_of_them.next()["type"])
        assert seen == ["opened", "closed"]
    until(lambda: '"closed"' in lines.read_text())
    assert '"exchange", "proxy"' not in lines.read_text()


def test_by_a_rule(vaurien, backend):
    backend.serve(redis(OK))
    proxy = vaurien("--protocol", "redis", backend=backend)
    api_ok(proxy, "POST", "/rules", {"behavior": "error", "failure": "read_only", "name": "ro", "kind": "writes"})
    api_ok(proxy, "POST", "/rules", {"behavior": "delay", "sleep": "1ms", "name": "late"})
    with Stream(proxy, "?type=exchange") as stream:
        client = proxy.client()
        ask(client, "SET a 1")
        ask(client, "PING")
        refused, passed = stream.take(2)
        assert (refused["by"], refused["rule"], refused["error"], sorted(refused["rules"])) == ("rule", "ro", "READONLY", ["late", "ro"])
        assert (passed["by"], passed["rule"], passed["error"], passed["rules"]) == ("backend", None, None, ["late"])


def test_a_lost_reply(vaurien, backend):
    """The backend has done it; the client has no answer."""
    backend.serve(redis(OK))
    proxy = vaurien("--protocol", "redis", backend=backend)
    api_ok(proxy, "POST", "/rules", {"behavior": "lost_reply", "kind": "writes", "name": "lost"})
    with Stream(proxy, "?type=exchange") as stream:
        client = proxy.client()
        ask(client, "PING")
        client.send(b"SET a 1\r\n")
        assert client.ends() == "fin"
        _, one = stream.take(2)
        assert (one["answered"], one["by"], one["error"], one["lost"], one["rules"]) == (None, None, None, True, ["lost"])
        assert one["in_transaction"] is False


def test_a_transaction(vaurien, backend):
    backend.serve(redis(dict(OK, **{"SET a 1": "+QUEUED"})))
    proxy = vaurien("--protocol", "redis", backend=backend)
    with Stream(proxy, "?type=exchange") as stream:
        client = proxy.client()
        for line in ("PING", "MULTI", "SET a 1", "EXEC"):
            ask(client, line)
        client.read(5)
        ask(client, "SET b 1")
        assert [e["in_transaction"] for e in stream.take(5)] == [False, True, True, False, False]


def test_held_answers_and_rules_that_go(vaurien, backend):
    """Answered is when the client has it; a rule that has gone is still named."""
    backend.serve(redis(OK))
    proxy = vaurien("--protocol", "redis", backend=backend)
    api_ok(proxy, "POST", "/rules", {"behavior": "hang", "direction": "response", "name": "held"})
    with Stream(proxy, "?type=exchange") as stream:
        client = proxy.client()
        client.send(b"PING\r\n")
        until(lambda: info(proxy)["waiting"] == 1)
        assert client.silent(0.2)
        api_ok(proxy, "DELETE", "/rules/held")
        assert client.read_to(b"\r\n") == b"+PONG\r\n"
        one = stream.next()
        assert one["answered"] - one["asked"] >= 0.2 and one["by"] == "backend" and one["rules"] == ["held"]
        assert info(proxy)["waiting"] == 0


def test_no_answer(vaurien, backend):
    """Its connection ends first."""
    backend.serve(redis(OK))
    proxy = vaurien("--protocol", "redis", backend=backend)
    with Stream(proxy, "?type=exchange,closed") as stream:
        client = proxy.client()
        client.send(b"SUBSTR a\r\n")
        until(lambda: info(proxy)["waiting"] == 1)
        client.reset()
        one, closed = stream.take(2)
        assert (one["type"], one["answered"], one["by"], one["lost"], one["kinds"]) == ("exchange", None, None, False, ["reads", "commands"])
        assert closed["client_closed"] is None
        until(lambda: info(proxy)["waiting"] == 0)


@pytest.mark.parametrize("status, error", [("200 OK", None), ("404 Not Found", "404"), ("500 Oh", "500")])
def test_http(vaurien, backend, status, error):
    def play(end):
        while end.read_to(b"\r\n\r\n"):
            end.read(1)
            end.send(b"HTTP/1.1 %s\r\nContent-Length: 2\r\n\r\nok" % status.encode())
    backend.serve(play)
    proxy = vaurien("--protocol", "http", backend=backend)
    with Stream(proxy, "?type=exchange") as stream:
        client = proxy.client()
        told = []
        for trace, body in ((b"1", b"a"), (b"2", b"a"), (b"3", b"b")):
            client.send(b"POST /orders/7 HTTP/1.1\r\nHost: x\r\nTrace: %s\r\nContent-Length: 1\r\n\r\n" % trace)
            time.sleep(0.02)                    # the body comes apart: it is part of the digest all the same
            client.send(body)
            client.read_to(b"ok")
            told.append(stream.next())
        one, again, other = told
        assert one["error"] == error and one["kinds"] == ["writes", "commands"] and one["in_transaction"] is None
        assert one["digest"] == again["digest"] != other["digest"] and one["shape"] == other["shape"]


def test_tcp(vaurien, backend):
    """A turn: answered with its first byte, of no kind."""
    backend.serve()
    proxy = vaurien(backend=backend)
    with Stream(proxy, "?type=exchange") as stream:
        client = proxy.client()
        for _ in range(2):
            client.send(b"x").read(1)
        one, two = stream.take(2)
        assert (one["exchange"], two["exchange"]) == (1, 2)
        assert (one["verb"], one["kinds"], one["shape"], one["by"], one["error"]) == ("DATA", [], None, "backend", None)
        api_ok(proxy, "POST", "/rules", {"behavior": "hang", "name": "held"})
        client.send(b"x")
        until(lambda: info(proxy)["waiting"] == 1)
        api_ok(proxy, "DELETE", "/rules/held")
        assert client.read(1) == b"x"
        assert stream.next()["rules"] == ["held"]


def test_smtp_and_memcache(vaurien, backends):
    mail, cache = backends(), backends()

    def post(end):
        end.send(b"220 x ESMTP\r\n")
        for reply in (b"250 x\r\n", b"451 4.3.2 busy\r\n"):
            end.read_to(b"\r\n")
            end.send(reply)
        end.read(1)

    def keep(end):
        for reply in (b"END\r\n", b"SERVER_ERROR out of memory\r\n"):
            end.read_to(b"\r\n")
            end.send(reply)
        end.read(1)
    mail.serve(post)
    cache.serve(keep)
    proxy = vaurien("--protocol", "smtp", backend=mail)
    with Stream(proxy, "?type=exchange") as stream:
        client = proxy.client()
        client.read_to(b"\r\n")
        for line in (b"EHLO x\r\n", b"MAIL FROM:<a@x>\r\n"):
            client.send(line).read_to(b"\r\n")
        greeting, hello, refused = stream.take(3)
        assert (greeting["exchange"], greeting["verb"], greeting["kinds"]) == (0, "GREETING", [])
        assert (hello["error"], refused["error"]) == (None, "451")
    proxy = vaurien("--protocol", "memcache", backend=cache)
    with Stream(proxy, "?type=exchange") as stream:
        client = proxy.client()
        for line in (b"get a\r\n", b"incr a 1\r\n"):
            client.send(line).read_to(b"\r\n")
        assert [e["error"] for e in stream.take(2)] == [None, "SERVER_ERROR"]


# ---- gave_up ----

def test_a_client_that_gives_up(vaurien, backend):
    backend.serve(redis(OK))
    proxy = vaurien("--protocol", "redis", "--linger", "1s", backend=backend)
    with Stream(proxy, "?type=gave_up") as stream:
        with proxy.client() as client:          # it is owed nothing when it leaves
            ask(client, "PING")
        api_ok(proxy, "POST", "/rules", {"behavior": "hang", "name": "held"})
        for way, how in (("finish", "closed"), ("reset", "reset")):
            client = proxy.client()
            client.send(b"GET a\r\n")
            until(lambda: info(proxy)["waiting"] >= 1)
            time.sleep(0.1)
            getattr(client, way)()
            one = stream.next()
            assert (one["exchange"], one["verb"], one["how"], one["rule"]) == (1, "GET", how, "held")
            assert 0.08 <= one["waited"] < patience(5)          # counted from when the proxy has the last byte


def test_given_up_while_connecting_or_stalled(vaurien, backend):
    backend.serve(redis(OK))
    proxy = vaurien("--protocol", "redis", "--linger", "1s", backend=backend)
    with Stream(proxy, "?type=gave_up") as stream:
        old = proxy.client()
        ask(old, "PING")
        api_ok(proxy, "POST", "/rules", {"behavior": "stall", "connections": "open", "name": "half"})
        old.send(b"GET a\r\n")
        time.sleep(0.2)
        old.close()
        one = stream.next()
        assert (one["exchange"], one["verb"], one["how"], one["rule"]) == (2, "UNREAD", "closed", "half") and one["waited"] >= 0.1
        api_ok(proxy, "POST", "/rules", {"behavior": "slow_connect", "sleep": 60, "name": "dials"})
        client = proxy.client()
        client.send(b"PING\r\n")
        until(lambda: '"dials"' in json.dumps(proxy.api("GET", "/connections")[1]), what="the client to be accepted")
        time.sleep(0.1)
        client.close()
        one = stream.next()
        assert (one["exchange"], one["verb"], one["rule"]) == (0, "ACCEPT", "dials") and one["waited"] >= 0.1


# ---- closed ----

def test_did_its_client_close(vaurien, backend):
    backend.serve(redis(OK))
    proxy = vaurien("--protocol", "redis", backend=backend)
    with Stream(proxy, "?type=closed") as stream:
        clients = [proxy.client() for _ in range(3)]
        for client in clients:
            ask(client, "PING")
        asked = time.time()
        api_ok(proxy, "DELETE", "/connections")
        clients[0].close()
        clients[1].reset()
        told = {e["connection"]: e for e in stream.take(3)}
        assert [told[n]["client_closed"] for n in (1, 2, 3)] == [True, True, False]
        assert all(abs(e["time"] - asked) < patience(0.9) for e in told.values())        # when it was closed, not when it is told
        with proxy.client() as client:
            ask(client, "PING")
        assert stream.next()["client_closed"] is True           # it was first
        client = proxy.client()
        ask(client, "PING")
        api_ok(proxy, "DELETE", "/connections?how=reset")
        assert stream.next()["client_closed"] is None


# ---- marks, figures ----

def test_marks(start, backend):
    proxy = start(backend=backend)
    assert proxy.api("POST", "/marks", {"text": "nobody reads"}) == (200, {"status": "ok"})
    with Stream(proxy, "?proxy=default") as stream, Stream(proxy, "?type=fault") as other:
        assert proxy.api("POST", "/marks", {"text": "phase \"two\""}) == (200, {"status": "ok"})
        one = stream.next()
        assert (one["type"], one["text"]) == ("mark", 'phase "two"') and "proxy" not in one and one["by"].startswith("127.0.0.1:")
        other.close()
    for bad in ({}, {"text": ""}, {"text": "x" * 201}, {"text": 1}):
        status, answer = proxy.api("POST", "/marks", bad)
        assert status == 400 and answer["errors"][0]["description"] == "text: expected 1 to 200 bytes of text"


def test_figures(vaurien, backend):
    backend.serve(redis(OK))
    proxy = vaurien("--protocol", "redis", backend=backend)
    before = time.time()
    told = proxy.api("GET", "/info")[1]
    assert before - 0.01 <= told["time"] <= time.time() + 0.01
    clients = [proxy.client() for _ in range(3)]
    for client in clients[:2]:
        ask(client, "PING")
    clients[2].send(b"SUBSTR a\r\nSUBSTR b\r\n")
    until(lambda: info(proxy)["waiting"] == 2)
    clients[0].close()
    until(lambda: info(proxy)["connections"] == 2)
    now = info(proxy)
    assert (now["opened"], now["exchanges"], now["waiting"]) == (3, 2, 2)
    clients[2].close()
    until(lambda: info(proxy)["waiting"] == 0)


def test_figures_of_turns(vaurien, backend):
    proxy = vaurien(backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"x")
    until(lambda: info(proxy)["waiting"] == 1)
    server.read(1)
    server.send(b"y")
    client.read(1)
    assert info(proxy)["waiting"] == 0
    client.send(b"x")
    until(lambda: info(proxy)["waiting"] == 1)
    client.close()
    server.close()
    until(lambda: info(proxy)["waiting"] == 0)
