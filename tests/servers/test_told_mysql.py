"""The events of exchanges with a real MariaDB: codes, kinds, transactions, digests, and clients that cancel."""
import os
import sys
import threading

import pytest

from conftest import ask, error_of
from harness import need_module, until

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "scenarios"))
from test_events import Stream                                                          # noqa: E402

pymysql = need_module("pymysql")


@pytest.fixture
def told(proxy):
    with Stream(proxy, "?type=exchange,gave_up") as stream:
        yield stream


def statement(stream, verb="QUERY"):
    """The next exchange of that verb."""
    while True:
        event = stream.next()
        if event["type"] == "exchange" and event["verb"] == verb and event["kinds"] != ["commands"]:
            return event


def test_codes_and_transactions(proxy, told, mariadb, connect):
    direct = connect(mariadb)
    ask(direct, "DROP TABLE IF EXISTS told")
    ask(direct, "CREATE TABLE told (n INT PRIMARY KEY) ENGINE=InnoDB")
    client = connect(proxy)
    insert = "INSERT INTO told VALUES (1)"
    ask(client, insert)
    one = statement(told)
    assert (one["kinds"], one["error"], one["in_transaction"], one["by"]) == (["writes", "commands"], None, False, "backend")
    assert error_of(client, insert) == 1062
    again = statement(told)
    assert (again["error"], again["digest"], again["shape"]) == ("1062", one["digest"], one["shape"])
    assert error_of(client, "SELECT nothing") == 1054
    assert statement(told)["error"] == "1054"
    client.autocommit(False)
    ask(client, "INSERT INTO told VALUES (2)")
    other = statement(told)
    assert (other["in_transaction"], other["shape"]) == (True, one["shape"]) and other["digest"] != one["digest"]
    client.commit()
    done = statement(told)
    assert (done["kinds"], done["in_transaction"], done["error"]) == (["commits", "commands"], False, None)
    ask(client, "INSERT INTO told VALUES (3)")
    assert statement(told)["in_transaction"] is True
    client.rollback()
    gone = statement(told)
    assert gone["kinds"] == ["rollbacks", "commands"] and gone["in_transaction"] is False


def test_errors_of_rules_have_the_servers_code(proxy, told, connect):
    client = connect(proxy)
    proxy.api("POST", "/rules", {"behavior": "error", "failure": "query_timeout", "kind": "reads", "name": "slow"})
    assert error_of(client, "SELECT 41") == 1969
    one = statement(told)
    assert (one["by"], one["rule"], one["error"], one["rules"]) == ("rule", "slow", "1969", ["slow"])


def test_no_room_and_a_wrong_password(proxy, told, connect):
    with pytest.raises(pymysql.err.OperationalError):
        connect(proxy, password="wrong")
    greeting, login = told.take(2)
    assert (greeting["exchange"], greeting["verb"], greeting["error"]) == (0, "GREETING", None)
    assert (login["verb"], login["kinds"], login["error"], login["shape"]) == ("LOGIN", ["logins"], "1045", None)
    proxy.api("POST", "/rules", {"behavior": "error", "failure": "too_many_connections", "name": "full"})
    with pytest.raises(pymysql.err.OperationalError):
        connect(proxy)
    greeting = told.next()
    assert (greeting["exchange"], greeting["by"], greeting["rule"], greeting["error"]) == (0, "rule", "full", "1040")


def test_a_query_that_is_killed(proxy, told, connect):
    client, killer = connect(proxy), connect(proxy)
    number = client.thread_id()
    asks = threading.Thread(target=lambda: error_of(client, "SELECT SLEEP(20), nothing FROM (SELECT 1 AS nothing) AS t"))
    asks.start()
    until(lambda: proxy.api("GET", "/info")[1]["proxies"][0]["waiting"] == 1)
    while asks.is_alive():                      # one that comes before the query begins is in vain
        ask(killer, "KILL QUERY %d" % number)
        asks.join(0.1)
    seen = []
    while not any(e["verb"] == "QUERY" and e["type"] == "exchange" and e["connection"] == 1 and e["kinds"] == ["reads", "commands"]
                  for e in seen):
        seen.append(told.next())
    gave_up = [e for e in seen if e["type"] == "gave_up"]
    assert [(e["connection"], e["how"], e["verb"], e["rule"]) for e in gave_up] == [(1, "cancelled", "QUERY", None)]
    assert gave_up[0]["waited"] < 20


def test_rules_by_kind(proxy, connect):
    client = connect(proxy)
    for kind in ("reads", "writes", "begins", "commits", "logins", "commands"):
        proxy.api("POST", "/rules", {"behavior": "delay", "sleep": 0.001, "kind": kind, "name": kind})
    ask(client, "BEGIN")
    ask(client, "SELECT 1")
    ask(client, "CREATE TEMPORARY TABLE t (n INT)")
    ask(client, "INSERT INTO t VALUES (1)")
    ask(client, "COMMIT")
    connect(proxy)
    hits = {r["name"]: r["hits"] for r in proxy.api("GET", "/rules")[1]["rules"]}
    assert (hits["reads"] >= 1, hits["begins"], hits["commits"], hits["logins"]) == (True, 1, 1, 1)
    assert hits["writes"] >= 1 and hits["commands"] >= 5
