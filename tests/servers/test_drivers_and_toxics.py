"""Toxics between real drivers and real servers, under each protocol: what they slow and slice arrives whole, what they
end or silence the driver notices, and when they are gone all is as before."""
import threading
import urllib.request

import pytest

from harness import Clock, need_module, patience
from server_http import nginx                               # noqa: F401: fixtures
from server_memcache import cache                           # noqa: F401
from server_postgres import postgres, psycopg2              # noqa: F401
from server_redis import server as redis_server             # noqa: F401

pymysql = need_module("pymysql")
redis = need_module("redis")
pymemcache = need_module("pymemcache")
from pymemcache.client.base import Client                   # noqa: E402

LONG = bytes(range(97, 123)) * 40


class MySQL:
    protocol, server, rounds = "mysql", "mariadb", 4        # so many round trips at the least, login included

    def __init__(self, port):
        self.connection = pymysql.connect(host="127.0.0.1", port=port, user="app", password="secret", database="app", read_timeout=patience(20))

    def work(self):
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT seq FROM seq_1_to_50")
            rows = cursor.fetchall()
            cursor.execute("SELECT %s", (LONG,))
            return rows, cursor.fetchall()

    def close(self):
        self.connection.close()


class Postgres:
    protocol, server, rounds = "postgres", "postgres", 4

    def __init__(self, port):
        self.connection = psycopg2.connect(host="127.0.0.1", port=port, user="app", password="secret", dbname="app", connect_timeout=patience(20))
        self.connection.autocommit = True

    def work(self):
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT * FROM generate_series(1, 50)")
            rows = cursor.fetchall()
            cursor.execute("SELECT %s", (LONG.decode(),))
            return rows, cursor.fetchall()

    def close(self):
        self.connection.close()


class Redis:
    protocol, server, rounds = "redis", "redis_server", 2

    def __init__(self, port):
        self.connection = redis.Redis(port=port, socket_timeout=patience(20), retry_on_timeout=False)

    def work(self):
        pipeline = self.connection.pipeline(transaction=True)
        pipeline.set("long", LONG)
        pipeline.get("long")
        for i in range(20):
            pipeline.rpush("list", i)
        pipeline.lrange("list", 0, -1)
        pipeline.delete("list")
        return pipeline.execute(), self.connection.get("long")

    def close(self):
        self.connection.close()


class Memcache:
    protocol, server, rounds = "memcache", "cache", 3

    def __init__(self, port):
        self.connection = Client(("127.0.0.1", port), timeout=patience(20), connect_timeout=patience(20))

    def work(self):
        stored = self.connection.set("long", LONG, noreply=False), self.connection.set_many({str(i): b"x" for i in range(20)}, noreply=False)
        return stored, self.connection.get("long"), self.connection.get_many([str(i) for i in range(20)])

    def close(self):
        self.connection.close()


class Http:
    protocol, server, rounds = "http", "nginx", 2

    def __init__(self, port):
        self.port = port

    def work(self):
        return [urllib.request.urlopen("http://127.0.0.1:%d/%s" % (self.port, name), timeout=patience(20)).read()[:5000] for name in ("small.txt", "page.txt")]

    def close(self):
        pass


@pytest.fixture(params=[MySQL, Postgres, Redis, Memcache, Http], ids=lambda driver: driver.protocol)
def driver(request):
    return request.param


@pytest.fixture
def real(driver, request):
    return request.getfixturevalue(driver.server)


@pytest.fixture
def proxy(start, driver, real):
    return start("--protocol", driver.protocol, backend=real)


def add(proxy, type, stream="both", **attributes):
    status, answer = proxy.api("POST", "/proxies/default/toxics", {"type": type, "stream": stream, "attributes": attributes})
    assert status == 200, answer
    return answer["name"]


def remove(proxy, name):
    assert proxy.api("DELETE", "/proxies/default/toxics/" + name)[0] == 204


def done(driver, port):
    """What its work comes to on a connection of its own."""
    one = driver(port)
    try:
        return one.work()
    finally:
        one.close()


def test_what_is_slow_or_sliced_is_whole(proxy, driver, real):
    direct = done(driver, real.port)
    for type, attributes in (("latency", {"latency": 10, "jitter": 5}), ("bandwidth", {"rate": 500}), ("slow_open", {"delay": 30}),
                             ("slicer", {"average_size": 3, "size_variation": 2}), ("slow_close", {"delay": 30}),
                             ("limit_data", {"bytes": 10_000_000}), ("noop", {})):
        name = add(proxy, type, **attributes)
        assert done(driver, proxy.port) == direct, type
        remove(proxy, name)
    assert proxy.api("GET", "/info")[1]["proxies"][0]["raw"] == 0


def test_a_round_trip_is_as_late_as_there_and_back(proxy, driver, real):
    direct = done(driver, real.port)
    add(proxy, "latency", latency=20)
    with Clock() as took:
        assert done(driver, proxy.port) == direct
    assert driver.rounds * 0.04 <= took.seconds < patience(10)


def test_what_ends_is_noticed_and_then_forgotten(proxy, driver, real):
    direct = done(driver, real.port)
    for type, attributes in (("limit_data", {"bytes": 5}), ("reset_peer", {"timeout": 0}), ("timeout", {"timeout": 100})):
        one = driver(proxy.port)
        assert one.work() == direct
        name = add(proxy, type, stream="downstream", **attributes)
        with pytest.raises(Exception):
            for _ in range(2):                  # a pool may make one good again, but not two
                one.work()
        with pytest.raises(Exception):
            done(driver, proxy.port)
        remove(proxy, name)
        assert done(driver, proxy.port) == direct
        one.close()


def test_a_cut_line_that_is_mended(proxy, driver, real):
    """bandwidth 0, as Testcontainers cuts a connection: nothing is lost of what waits."""
    direct = done(driver, real.port)
    one = driver(proxy.port)
    assert one.work() == direct
    name = add(proxy, "bandwidth", rate=0)
    asked = threading.Thread(target=lambda: answers.append(one.work()))
    answers = []
    asked.start()
    asked.join(0.3)
    assert not answers
    remove(proxy, name)
    asked.join(patience(20))
    assert answers == [direct]
    one.close()
