"""A proxy that Toxiproxy's API makes, before a real MariaDB: its toxics and ours, as PyMySQL meets them."""
import time

import pytest

from conftest import ask
from harness import need_module

pymysql = need_module("pymysql")


class Toxi:
    """The dialect, for one proxy."""

    def __init__(self, proxy, name):
        self.api, self.path = proxy.api, "/proxies/" + name

    def add(self, type, attributes=None, **more):
        status, toxic = self.api("POST", self.path + "/toxics", dict({"type": type, "attributes": attributes or {}}, **more))
        assert status == 200, toxic
        return toxic["name"]

    def toxic(self, name):
        return self.api("GET", "%s/toxics/%s" % (self.path, name))[1]

    def remove(self, name):
        assert self.api("DELETE", "%s/toxics/%s" % (self.path, name))[0] == 204


@pytest.fixture
def world(start, mariadb, connect):
    proxy = start(listen="127.0.0.1:0", up=lambda: True)
    status, made = proxy.api("POST", "/proxies", {"name": "db", "listen": "127.0.0.1:0", "upstream": mariadb.address, "protocol": "mysql"})
    assert status == 201, made

    class Place:
        address, port = made["listen"], int(made["listen"].rsplit(":", 1)[1])
    direct = connect(mariadb)
    ask(direct, "CREATE OR REPLACE TABLE toxic (n INT PRIMARY KEY, changes INT DEFAULT 0) ENGINE=InnoDB")
    ask(direct, "INSERT INTO toxic (n) VALUES (1), (2)")
    toxi = Toxi(proxy, "db")
    toxi.proxy, toxi.direct, toxi.connect = proxy, direct, lambda: connect(Place)
    return toxi


def error(connection, query):
    with pytest.raises(pymysql.err.MySQLError) as caught:
        ask(connection, query)
    return caught.value.args[0]


def test_a_statement_is_refused_in_mariadb_s_words(world):
    client = world.connect()
    name = world.add("error", {"failure": "deadlock"}, match="^QUERY UPDATE", times=1)
    assert ask(client, "SELECT COUNT(*) FROM toxic") == ((2,),)
    assert error(client, "UPDATE toxic SET changes = changes + 1") == 1213
    ask(client, "UPDATE toxic SET changes = changes + 1")
    assert ask(world.direct, "SELECT changes FROM toxic") == ((1,), (1,))
    toxic = world.toxic(name)
    assert (toxic["per"], toxic["hits"]) == ("exchange", 1) and toxic["seen"] >= 2


def test_every_statement_of_a_connection(world):
    """As toxics are decided: once for each connection."""
    name = world.add("error", {"failure": "lock_wait_timeout"}, toxicity=0.5)
    refused = []
    for _ in range(20):
        try:
            client = world.connect()
            refused.append({error_or_none(client) for _ in range(5)})
        except pymysql.err.MySQLError as e:
            refused.append({e.args[0]})
    assert all(len(met) == 1 for met in refused)            # all of it, or none
    assert {1205} in refused and {None} in refused
    world.remove(name)


def error_or_none(client):
    try:
        ask(client)
        return None
    except pymysql.err.MySQLError as e:
        return e.args[0]


def test_latency_and_what_it_holds(world):
    client = world.connect()
    name = world.add("latency", {"latency": 200})
    began = time.monotonic()
    assert ask(client) == ((1,),)
    assert time.monotonic() - began >= 0.2
    world.remove(name)
    cut = world.add("bandwidth", {"rate": 0})               # how testcontainers cuts a connection
    client._execute_command(3, "SELECT 7")
    assert world.toxic(cut)["hits"] >= 0
    world.remove(cut)
    assert client._read_query_result(unbuffered=False) == 1


def test_down_and_up_again(world):
    client = world.connect()
    assert world.api("POST", world.path, {"enabled": False})[0] == 200
    assert error(client, "SELECT 1") in (2006, 2013)
    with pytest.raises(pymysql.err.OperationalError) as caught:
        world.connect()
    assert caught.value.args[0] == 2003
    assert world.api("POST", "/reset")[0] == 204
    assert ask(world.connect()) == ((1,),)


def test_reset_peer_and_limit_data(world):
    client = world.connect()
    reset = world.add("reset_peer")
    assert error(client, "SELECT 1") in (2006, 2013)
    world.remove(reset)
    client = world.connect()
    world.add("limit_data", {"bytes": 100})
    assert error(client, "SELECT REPEAT('x', 1000)") == 2013
