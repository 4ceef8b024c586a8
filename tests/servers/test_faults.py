"""The faults of the wire before MariaDB, as PyMySQL and its user meet them."""
import statistics

import pytest

from conftest import ask, error_of
from harness import SAN, Clock, need_module, patience, until

pymysql = need_module("pymysql")

LOST = 2013                             # the connection was lost during a query


@pytest.fixture
def rows(mariadb, connect):
    """An empty table `faulty` (n INT); rows() reads it directly."""
    direct = connect(mariadb)
    ask(direct, "DROP TABLE IF EXISTS faulty")
    ask(direct, "CREATE TABLE faulty (n INT) ENGINE=InnoDB")
    return lambda: [n for n, in ask(direct, "SELECT n FROM faulty ORDER BY n")]


def impatient(connection):
    """It gives up what is expected not to be answered; it is connected, so that no slow machine can mislead it."""
    connection._read_timeout = 0.7
    return connection


def insert(n):
    return "INSERT INTO faulty VALUES (%d)" % n


def test_lost_reply_is_an_ambiguous_commit(proxies, connect, rows):
    connection = connect(proxies, autocommit=False)
    ask(connection, insert(1))
    proxies.ctl.set("lost_reply", match="^QUERY COMMIT")
    with pytest.raises(pymysql.err.OperationalError) as caught:
        connection.commit()
    assert caught.value.args[0] == LOST
    assert rows() == [1]                        # it did commit
    other = connect(proxies)                    # logins get through, and what does not match
    ask(other, insert(2))
    assert rows() == [1, 2]


def test_lost_reply_by_reset(proxies, connect, rows):
    proxies.ctl.set("lost_reply", match="INSERT", end="reset")
    assert error_of(connect(proxies), insert(1)) == LOST
    assert rows() == [1]


def test_a_dropped_request_was_never_made(proxies, connect, rows):
    connection = impatient(connect(proxies))
    proxies.ctl.set("drop", match="INSERT")
    assert error_of(connection, insert(1)) == LOST
    assert rows() == []


def test_a_dropped_answer_was(proxies, connect, rows):
    connection = impatient(connect(proxies))
    proxies.ctl.set("drop", match="INSERT", direction="response")
    assert error_of(connection, insert(1)) == LOST
    until(lambda: rows() == [1], what="the row whose answer was dropped")


@pytest.mark.parametrize("options", [{"where": "prefix"}, {"where": "boundary"}, {"where": "middle"}, {"bytes": 30},
                                     {"where": "prefix", "end": "reset"}], ids=str)
def test_a_truncated_result(proxies, connect, options):
    connection = connect(proxies)
    proxies.ctl.set("truncate", match="seq", **options)
    assert ask(connection) == ((1,),)
    assert error_of(connection, "SELECT * FROM seq_1_to_1000") == LOST
    assert ask(connect(proxies)) == ((1,),)


def test_a_corrupt_result_is_an_error_or_another_result(proxies, connect):
    """Whatever the driver makes of it: the next connection is sound."""
    proxies.ctl.set("corrupt", match="seq", random=True)
    for _ in range(3):
        connection = impatient(connect(proxies))
        try:
            seen = ask(connection, "SELECT * FROM seq_1_to_3")
        except Exception as error:              # a driver that is told nonsense has many words for it
            seen = error
        assert seen != ((1,), (2,), (3,))
        connection._force_close()
    proxies.ctl.set("dummy")
    assert ask(connect(proxies), "SELECT * FROM seq_1_to_3") == ((1,), (2,), (3,))


@pytest.mark.parametrize("name", ["reset", "close"])
def test_an_idle_connection_ends(proxies, connect, name):
    connection = connect(proxies)
    proxies.ctl.set(name)
    proxies.ctl.set("dummy")
    assert error_of(connection) in (LOST, 2006)
    connection.ping(reconnect=True)
    assert ask(connection) == ((1,),)


def test_closed_behind_the_answer(proxies, connect, rows):
    connection = connect(proxies)
    proxies.ctl.set("close", match="INSERT")
    ask(connection, insert(1))                  # no error: it was answered
    assert error_of(connection, insert(2)) in (LOST, 2006)
    assert rows() == [1]


def test_in_the_middle_of_a_result(proxies, connect):
    connection = connect(proxies)
    proxies.ctl.set("reset", bytes=5000, direction="response")
    assert ask(connection) == ((1,),)
    assert error_of(connection, "SELECT * FROM seq_1_to_10000") == LOST


def test_a_slow_connect(proxy, connect):
    proxy.ctl.set("slow_connect", sleep=0.5)
    with Clock() as took:
        connection = connect(proxy)
    assert took.seconds > 0.5
    seen = len(proxy.strikes())
    assert ask(connection) == ((1,),)           # once it is connected, nothing waits
    assert len(proxy.strikes()) == seen
    with pytest.raises(pymysql.err.OperationalError):
        proxy.ctl.set("slow_connect", sleep=60)
        connect(proxy, connect_timeout=1, read_timeout=1)


def test_a_stalled_connection(proxies, connect):
    connection = impatient(connect(proxies))
    proxies.ctl.set("stall")
    assert error_of(connection) == LOST
    proxies.ctl.set("dummy")
    assert ask(connect(proxies)) == ((1,),)


def test_loss_loses_nothing(proxies, connect, rows):
    proxies.ctl.set("loss", rate=0.2, rto=2)
    connection = connect(proxies)
    for n in range(20):
        ask(connection, insert(n))
    assert rows() == list(range(20))
    assert len(ask(connection, "SELECT * FROM seq_1_to_300")) == 300


def test_waves_and_percentiles_are_felt(proxy, connect):
    connection = connect(proxy)

    def trips(n):
        took = []
        for _ in range(n):
            with Clock() as one:
                ask(connection)
            took.append(one.seconds)
        return took
    proxy.ctl.set("delay", percentiles="0:20ms,50:20ms,80:60ms,100:60ms")
    took = trips(60)
    slack = 0.1 if SAN else 0.02
    assert 0.02 <= min(took) < 0.02 + patience(slack)
    assert max(took) >= 0.055
    assert statistics.median(took) < patience(0.06)
    proxy.ctl.set("waves", shape="square", period="1000", low="0.05", high="9")
    assert min(trips(5)) >= 0.05
