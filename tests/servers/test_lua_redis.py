"""Behaviors in Lua between Redis and redis-py as it comes: pipelines of many commands, each asked of."""
import threading

import pytest

from harness import SAN, need_module, patience
from server_redis import server         # noqa: F401: a fixture

redis = need_module("redis")

MANY = 200 if SAN else 2000


@pytest.fixture
def through(start, server, tmp_path):
    """through(body): a proxy whose behavior has this act(), and a function that makes clients of it."""
    clients = []

    def made(body, on="ON_REQUEST"):
        path = tmp_path / "own.lua"
        path.write_text('return { name = "own", help = "h", on = { %s }, act = function(event, verdict)\n%s\nend }' % (on, body))
        proxy = start("--plugin", path, "--protocol", "redis", "--behavior", "own", backend=server)

        def client():
            clients.append(redis.Redis(host="127.0.0.1", port=proxy.port, socket_timeout=patience()))
            return clients[-1]
        client().flushall()
        return proxy, client

    yield made
    for client in clients:
        client.close()
        client.connection_pool.disconnect()


def test_calm_in_a_pipeline(through):
    proxy, client = through("""
        local subject = event.message.subject or ""         -- of a response nobody kept it
        event.state.n = (event.state.n or 0) + #subject
        assert(#event.data > 0 and (event.message.verb ~= "GET" or event.moment == ON_RESPONSE or subject:starts("key:")))""", "ON_REQUEST, ON_RESPONSE")
    one = client()
    with one.pipeline(transaction=False) as line:
        for i in range(MANY):
            line.set("key:%d" % i, "x" * (i % 100))
            line.get("key:%d" % i)
        said = line.execute()
    assert said == [answer for i in range(MANY) for answer in (True, b"x" * (i % 100))]
    assert proxy.api("GET", "/info")[1]["plugins"][0]["errors"] == 0
    assert proxy.api("GET", "/behavior")[1]["seen"] >= 2 * MANY


def test_each_third_write_is_refused(through, server):
    proxy, client = through("""
        if event.moment == ON_REQUEST and event.message.verb == "SET" then
            event.state.n = (event.state.n or 0) + 1
            if event.state.n % 3 == 0 then verdict:refuse("out_of_memory") end
        end""", "ON_REQUEST, ON_RESPONSE")
    one = client()
    with one.pipeline(transaction=False) as line:
        for i in range(1, MANY + 1):
            line.set("key:%d" % i, i)
        said = line.execute(raise_on_error=False)
    for i, answer in enumerate(said, 1):
        assert isinstance(answer, redis.exceptions.ResponseError) and "maxmemory" in str(answer) if i % 3 == 0 else answer is True, (i, answer)
    there = redis.Redis(port=server.port)
    assert there.dbsize() == MANY - MANY // 3
    there.close()
    assert proxy.api("GET", "/info")[1]["plugins"][0]["errors"] == 0


@pytest.mark.parametrize("wrong", ["while true do end", "local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end"])
def test_a_wrong_script_hurts_nobody(through, wrong):
    proxy, client = through("if event.message.subject and event.message.subject:starts('bad') then %s end" % wrong)
    bad, good, said = client(), client(), []

    def spoil():
        said.extend(bad.set("bad:%d" % i, i) for i in range(20))
    thread = threading.Thread(target=spoil)
    thread.start()
    for i in range(200):
        assert good.set("good", i) and good.get("good") == b"%d" % i
    thread.join(patience())
    assert said == [True] * 20 and bad.get("bad:19") == b"19"
    assert proxy.api("GET", "/info")[1]["plugins"][0]["errors"] == 21
    if not SAN:
        assert proxy.memory() < 100 << 20
