"""A rule strikes exactly the statements it names, among many others at once, and the same ones in the next run."""
import contextlib
import threading

import pytest

from conftest import ask, connect                           # noqa: F401: a fixture
from harness import need_module, until
from server_postgres import postgres, psycopg2              # noqa: F401
from test_rules_mysql import DEADLOCK, execute, prepare

pymysql = need_module("pymysql")
psycopg = need_module("psycopg")

RULE = 'error failure=deadlock match="^(QUERY|EXECUTE) INSERT INTO orders" skip=1 times=2 name=aimed'
ODDS = 'error failure=deadlock match="^(QUERY|EXECUTE) INSERT INTO orders" probability=0.4 name=drawn'
OTHERS = 5


@contextlib.contextmanager
def others_busy(open_one, statements):
    """Meanwhile other connections say these, none of which is meant."""
    errors, stop = [], threading.Event()

    def work(connection):
        try:
            while not stop.is_set():
                for statement in statements:
                    with connection.cursor() as cursor:
                        cursor.execute(statement)
                connection.commit()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(open_one(),)) for _ in range(OTHERS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert errors == []


def struck(proxy):
    """Which exchanges of which connections, by their numbers."""
    return [(int(s["connection"]), int(s["exchange"]), s["verb"]) for s in proxy.strikes()]


def runs(start, protocol, backend, rule, play):
    """What play(proxy) returns and what was struck, of two runs with one seed."""
    told = []
    for _ in range(2):
        proxy = start("--protocol", protocol, "--seed", 2012, "--rule", rule, backend=backend)
        met = play(proxy)
        until(lambda: len(struck(proxy)) >= sum(met), what="the log to tell all strikes")
        told.append((met, struck(proxy)))
    return told


SAID_BY_OTHERS = ["SELECT COUNT(*) FROM orders", "INSERT INTO others VALUES (1)", "UPDATE others SET n = 2 WHERE 1 = 0",
                "SELECT 'INSERT INTO orders'"]


@pytest.mark.parametrize("rule", [RULE, ODDS], ids=["counted", "drawn"])
def test_mysql(start, mariadb, connect, rule):              # noqa: F811
    direct = connect(mariadb)
    ask(direct, "CREATE OR REPLACE TABLE others (n INT) ENGINE=InnoDB")

    def play(proxy):
        ask(direct, "CREATE OR REPLACE TABLE orders (n INT) ENGINE=InnoDB")
        application = connect(proxy)
        prepared = [prepare(application, "INSERT INTO orders VALUES (%d)" % n) for n in range(10)]
        met = []
        with others_busy(lambda: connect(proxy), SAID_BY_OTHERS):
            for n in range(10):
                try:
                    met.append(execute(application, prepared[n]) if n % 2
                               else ask(application, "INSERT INTO orders VALUES (%d)" % n) and None)
                except pymysql.err.MySQLError as error:
                    met.append(error.args[0])
                ask(application, "SELECT 1")
        rows = {n for n, in ask(direct, "SELECT n FROM orders")}
        assert rows == {n for n in range(10) if met[n] != DEADLOCK}
        return [code == DEADLOCK for code in met]

    (one, first), (two, second) = runs(start, "mysql", mariadb, rule, play)
    assert one == two and first == second
    if rule == RULE:
        assert one == [False, True, True] + [False] * 7
        assert [verb for _, _, verb in first] == ["EXECUTE", "QUERY"]
    else:
        assert 0 < sum(one) < 10 and len(first) == sum(one)


@pytest.mark.parametrize("rule", [RULE, ODDS], ids=["counted", "drawn"])
def test_postgres(start, postgres, rule):                   # noqa: F811
    words = dict(host="127.0.0.1", user="app", password="secret", dbname="app")
    direct = psycopg.connect(port=postgres.port, autocommit=True, **words)
    direct.execute("DROP TABLE IF EXISTS others; CREATE TABLE others (n int)")
    opened = []

    def open_one(port):
        opened.append(psycopg2.connect(port=port, **words))
        return opened[-1]

    def play(proxy):
        direct.execute("DROP TABLE IF EXISTS orders; CREATE TABLE orders (n int)")
        met = []
        with psycopg.connect(port=proxy.port, autocommit=True, **words) as application:
            with others_busy(lambda: open_one(proxy.port), SAID_BY_OTHERS):
                for n in range(10):
                    try:        # by turns in one message, and as a named prepared statement
                        if n % 2:
                            application.execute("INSERT INTO orders VALUES (%s)", (n,), prepare=True)
                        else:
                            application.execute("INSERT INTO orders VALUES (%d)" % n, prepare=False)
                        met.append(False)
                    except psycopg.errors.DeadlockDetected:
                        met.append(True)
                    application.execute("SELECT %s", (n,))
        assert {n for n, in direct.execute("SELECT n FROM orders")} == {n for n in range(10) if not met[n]}
        return met

    (one, first), (two, second) = runs(start, "postgres", postgres, rule, play)
    assert one == two and first == second
    if rule == RULE:
        assert one == [False, True, True] + [False] * 7
    else:
        assert 0 < sum(one) < 10 and len(first) == sum(one)
    for connection in opened:
        connection.close()
    direct.close()
