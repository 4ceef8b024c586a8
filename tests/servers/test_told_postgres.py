"""The events of exchanges with a real PostgreSQL: codes, transactions, parameters, and clients that cancel."""
import os
import sys
import threading

import pytest

from harness import need_module, until
from server_postgres import connect, postgres, proxy        # noqa: F401: fixtures
from server_postgres import psycopg2
from test_postgres import ask, code_of

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "scenarios"))
from test_events import Stream                                                          # noqa: E402

psycopg = need_module("psycopg")


@pytest.fixture
def told(proxy):
    with Stream(proxy, "?type=exchange,gave_up") as stream:
        yield stream


def exchange(stream, *verbs):
    while True:
        event = stream.next()
        if event["type"] == "exchange" and event["verb"] in verbs:
            return event


def test_codes_and_transactions(proxy, told, connect):
    client = connect(proxy)
    ask(client, "CREATE TEMPORARY TABLE told (\"n\" int PRIMARY KEY)")
    exchange(told, "QUERY")
    ask(client, "INSERT INTO told VALUES (1)")
    one = exchange(told, "QUERY")
    assert (one["error"], one["in_transaction"], one["kinds"]) == (None, False, ["writes", "commands"])
    assert code_of(client, "INSERT INTO told VALUES (1)") == "23505"
    again = exchange(told, "QUERY")
    assert (again["error"], again["digest"]) == ("23505", one["digest"])
    client.autocommit = False
    ask(client, "INSERT INTO told VALUES (2)")
    begin, insert = exchange(told, "QUERY"), exchange(told, "QUERY")
    assert (begin["kinds"], insert["in_transaction"], insert["shape"]) == (["begins", "commands"], True, one["shape"])
    client.commit()
    assert exchange(told, "QUERY")["in_transaction"] is False
    with pytest.raises(psycopg2.Error):
        connect(proxy, password="wrong")
    assert exchange(told, "LOGIN")["error"] == "28P01"


def test_parameters(proxy, told):
    """They are part of the digest, and no part of the shape; a name of a statement is neither."""
    words = {"host": "127.0.0.1", "port": proxy.port, "user": "app", "password": "secret", "dbname": "app"}
    with psycopg.connect(**words, autocommit=True) as client, psycopg.connect(**words, autocommit=True) as other:
        digests = []
        for one, value in ((client, 1), (client, 2), (client, 1), (other, 1)):
            one.execute("SELECT %s::int", (value,))
            event = exchange(told, "EXECUTE")
            digests.append((event["digest"], event["shape"]))
    assert digests[0] == digests[2] == digests[3]
    assert digests[0][0] != digests[1][0] and digests[0][1] == digests[1][1]


def test_an_error_of_the_extended_protocol(proxy, told):
    words = {"host": "127.0.0.1", "port": proxy.port, "user": "app", "password": "secret", "dbname": "app"}
    with psycopg.connect(**words, autocommit=True) as client:
        with pytest.raises(psycopg.Error):
            client.execute("SELECT nothing FROM nowhere WHERE n = %s", (1,))
        assert exchange(told, "EXECUTE")["error"] == "42P01"
        with pytest.raises(psycopg.Error):
            client.execute("SELECT 1 / %s::int", (0,))
        assert exchange(told, "EXECUTE")["error"] == "22012"


def test_a_cancelled_query(proxy, told, connect):
    client = connect(proxy)

    def sleep():
        with pytest.raises(psycopg2.Error) as caught:
            ask(client, "SELECT pg_sleep(20)")
        assert caught.value.pgcode == "57014"
    asks = threading.Thread(target=sleep)
    asks.start()
    until(lambda: proxy.api("GET", "/info")[1]["proxies"][0]["waiting"] == 1)
    while asks.is_alive():                      # a cancel that comes before the query begins is in vain
        client.cancel()
        asks.join(0.1)
    seen = [told.next()]
    while seen[-1]["type"] != "gave_up":
        seen.append(told.next())
    assert (seen[-1]["connection"], seen[-1]["how"], seen[-1]["verb"]) == (1, "cancelled", "QUERY")
    assert exchange(told, "QUERY")["error"] == "57014"


def test_a_cancel_that_a_rule_keeps_in_vain(proxy, told, connect):
    """The request waits here, so that the server cannot cancel it: the client has given up all the same."""
    client = connect(proxy)
    proxy.api("POST", "/rules", {"behavior": "hang", "kind": "reads", "name": "held"})
    asks = threading.Thread(target=lambda: ask(client, "SELECT 1"))
    asks.start()
    until(lambda: proxy.api("GET", "/info")[1]["proxies"][0]["waiting"] == 1)
    client.cancel()
    event = told.next()
    while event["type"] != "gave_up":
        event = told.next()
    assert (event["how"], event["rule"]) == ("cancelled", "held")
    proxy.api("DELETE", "/rules/held")
    asks.join()
