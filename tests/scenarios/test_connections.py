"""The live connections: what the API tells of each, and how it ends them."""
import threading

import pytest

from harness import Clock, dial, until
from test_metrics import comes, metrics

REDIS = ("--protocol", "redis")


def connections(proxy, path="/connections"):
    status, answer = proxy.api("GET", path)
    assert status == 200 and set(answer) == {"connections", "open"}
    return answer["connections"]


def one(proxy):
    found = connections(proxy)
    assert len(found) == 1
    return found[0]


def becomes(proxy, **wanted):
    """Wait until the one connection is so; it as a whole."""
    def so():
        found = one(proxy)
        return all(found[key] == value for key, value in wanted.items()) and found
    return until(so, what=lambda: "%r, not %r" % (wanted, one(proxy)))


# ---- listed ----

def test_what_is_told(vaurien, backend):
    proxy = vaurien("--threads", "2", *REDIS, backend=backend)
    assert connections(proxy) == []
    client, server = proxy.meet(backend)
    client.send(b"PING\r\nGET x\r\n")
    server.read(13)
    server.send(b"+PONG\r\n")
    client.read(7)
    told = becomes(proxy, asks={"exchange": 2, "verb": "GET"})
    assert list(told) == ["connection", "client", "backend", "state", "age", "idle", "exchanges", "request", "response",
                          "asks", "held_by"]
    assert (told["connection"], told["state"], told["exchanges"], told["held_by"]) == (1, "open", 2, None)
    assert told["client"] == "127.0.0.1:%d" % client.local[1]
    assert told["backend"] == backend.address
    assert told["request"] == {"received": 13, "sent": 13, "held": 0, "ended": False}
    assert told["response"] == {"received": 7, "sent": 7, "held": 0, "ended": False}
    assert 0 <= told["idle"] <= told["age"] < 60
    server.send(b"$-1\r\n")
    client.read(5)
    assert becomes(proxy, asks=None)["response"]["sent"] == 12
    client.finish()
    until(lambda: one(proxy)["request"]["ended"])


@pytest.mark.parametrize("path", ["/connections", "/default/connections", "/%d/connections", "/proxies/default/connections"])
def test_paths(start, backend, path):
    proxy = start(backend=backend)
    proxy.meet(backend)
    path = path.replace("%d", str(proxy.port))
    assert [c["connection"] for c in connections(proxy, path)] == [1]
    assert proxy.api("DELETE", path + "/1") == (200, {"status": "ok", "ended": 1})


def test_a_rule_that_holds_the_request(vaurien, backend):
    proxy = vaurien(*REDIS, "--rule", "hang match=^SET name=mine", backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"SET a b\r\n")
    told = becomes(proxy, held_by={"rule": "mine", "for": None})
    assert told["request"] == {"received": 9, "sent": 0, "held": 9, "ended": False}
    assert told["asks"] == {"exchange": 1, "verb": "SET"}


def test_a_rule_that_holds_the_response(vaurien, backend):
    proxy = vaurien(*REDIS, "--rule", "delay sleep=50 before=no", backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"PING\r\n")
    server.read(6)
    server.send(b"+PONG\r\n")
    told = becomes(proxy, response={"received": 7, "sent": 0, "held": 7, "ended": False})
    assert told["held_by"]["rule"] == "delay" and 0 < told["held_by"]["for"] <= 50


def test_of_two_rules_the_one_with_the_greater_part(start, backend):
    proxy = start("--rule", "delay sleep=3 name=short", "--rule", "delay sleep=30 name=long", backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"x")
    told = until(lambda: one(proxy)["held_by"] and one(proxy))
    assert told["held_by"]["rule"] == "long" and 0 < told["held_by"]["for"] <= 33


def test_a_dial_that_waits(start, backend):
    proxy = start("--rule", "slow_connect sleep=50", backend=backend)
    client = proxy.client()
    told = until(lambda: connections(proxy))[0]
    assert (told["backend"], told["held_by"]["rule"]) == (None, "slow_connect")
    assert 0 < told["held_by"]["for"] <= 50


def test_a_stall(start, backend):
    proxy = start("--behavior", "stall", backend=backend)
    proxy.client().send(b"x")
    until(lambda: connections(proxy))
    becomes(proxy, held_by={"rule": "behavior", "for": None})


def test_raw(start, backend):
    proxy = start(*REDIS, backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"*x\r\n")
    becomes(proxy, state="raw")


def test_many(start, backend):
    """All of them, in order, from several threads; and no more than asked for, the newest."""
    backend.serve()
    proxy = start("--threads", "3", backend=backend)
    clients = [proxy.client() for _ in range(300)]
    for client in clients:
        client.send(b"x").read(1)
    assert [c["connection"] for c in connections(proxy)] == list(range(1, 301))
    assert sorted(c["client"] for c in connections(proxy)) == sorted("127.0.0.1:%d" % c.local[1] for c in clients)
    status, answer = proxy.api("GET", "/connections?limit=5")
    assert (status, answer["open"]) == (200, 300)
    assert [c["connection"] for c in answer["connections"]] == list(range(296, 301))


@pytest.mark.parametrize("limit", ["0", "-1", "x", "100001", "", "1e3", "99999999999999999999"])
def test_limits_are_checked(start, limit):
    status, answer = start().api("GET", "/connections?limit=" + limit)
    assert status == 400
    assert answer["errors"][0]["description"] == "limit: expected a number from 1 to 100000, got '%s'" % limit


# ---- ended ----

@pytest.mark.threads
@pytest.mark.parametrize("how, end", [("", "fin"), ("?how=close", "fin"), ("?how=reset", "rst")])
def test_one_of_many_is_ended(vaurien, backend, how, end):
    proxy = vaurien("--threads", "2", backend=backend)
    pairs = [proxy.meet(backend) for _ in range(10)]
    status, answer = proxy.api("DELETE", "/connections/7" + how)
    assert (status, answer) == (200, {"status": "ok", "ended": 1})
    client, server = pairs.pop(6)
    assert (client.ends(), server.ends()) == (end, end)
    for client, server in pairs:
        client.send(b"x")
        assert server.read(1) == b"x"
    comes(proxy, "vaurien_connections_ended_total", 1, reason="api")
    assert [c["connection"] for c in connections(proxy)] == [1, 2, 3, 4, 5, 6, 8, 9, 10]


def test_what_is_due_is_sent_first_and_what_is_held_is_not(start, backend):
    proxy = start(*REDIS, "--rule", "hang match=^SET", backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"PING\r\nSET a b\r\n")
    server.read(6)
    becomes(proxy, held_by={"rule": "hang", "for": None})
    proxy.api("DELETE", "/connections/1")
    assert server.ends() == client.ends() == "fin"


@pytest.mark.threads
def test_all_are_ended(start, backend):
    proxy = start("--threads", "2", backend=backend)
    pairs = [proxy.meet(backend) for _ in range(20)]
    assert proxy.api("DELETE", "/proxies/default/connections?how=reset") == (200, {"status": "ok", "ended": 20})
    for client, server in pairs:
        assert (client.ends(), server.ends()) == ("rst", "rst")
    assert connections(proxy) == []
    assert proxy.api("DELETE", "/connections") == (200, {"status": "ok", "ended": 0})
    client, server = proxy.meet(backend)
    client.send(b"x")
    assert server.read(1) == b"x"


def test_what_is_not_there(start, backend):
    proxy = start(backend=backend)
    client, server = proxy.meet(backend)
    client.close()
    server.close()
    until(lambda: metrics(proxy).get("vaurien_connections_open") == 0)
    for number in "1", "2", "999999999999":
        status, answer = proxy.api("DELETE", "/connections/" + number)
        assert status == 404
        assert answer["errors"][0]["description"] == "there is no connection %s, or none any more" % number
    for path in "/proxies/nobody/connections", "/nobody/connections":
        assert proxy.api("GET", path)[0] == 404
        assert proxy.api("DELETE", path)[0] == 404
    assert proxy.api("DELETE", "/proxies/nobody/connections/1")[0] == 404


@pytest.mark.parametrize("path, sentence", [
    ("/connections/x", "connection: expected a number, got 'x'"), ("/connections/0", "connection: expected a number, got '0'"),
    ("/connections/-1", "connection: expected a number, got '-1'"),
    ("/connections/1?how=kill", "how: expected close or reset, got 'kill'"),
])
def test_requests_are_checked(start, backend, path, sentence):
    proxy = start(backend=backend)
    proxy.meet(backend)
    status, answer = proxy.api("DELETE", path)
    assert (status, answer["errors"][0]["description"]) == (400, sentence)
    assert len(connections(proxy)) == 1


@pytest.mark.threads
def test_a_proxy_that_goes_while_it_is_listed(start, backend):
    backend.serve()
    proxy = start("--threads", "2", backend=backend)
    for i in range(10):
        name = "p%d" % i
        status, made = proxy.api("POST", "/proxies", {"name": name, "upstream": backend.address, "listen": "127.0.0.1:0"})
        clients = [dial(int(made["listen"].rsplit(":", 1)[1])) for _ in range(20)]
        answers = []
        lister = threading.Thread(target=lambda: answers.extend(proxy.api("GET", "/proxies/%s/connections" % name) for _ in range(3)))
        lister.start()
        assert proxy.api("DELETE", "/proxies/" + name)[0] == 204
        lister.join()
        assert {status for status, _ in answers} <= {200, 404}
        for client in clients:
            client.rest()


@pytest.mark.threads
def test_listing_and_ending_while_they_come_and_go(start, backend):
    backend.serve()
    proxy = start("--threads", "2", backend=backend)
    for _ in range(20):
        clients = [proxy.client() for _ in range(10)]
        for client in clients[:5]:
            client.send(b"x").read(1)
        numbers = [c["connection"] for c in connections(proxy)]
        for number in numbers[:3]:
            assert proxy.api("DELETE", "/connections/%d" % number)[0] in (200, 404)
        for client in clients:
            client.close()
    until(lambda: not connections(proxy))
