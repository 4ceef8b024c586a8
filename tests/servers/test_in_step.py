"""A fault in mid-transaction, then the application's retry: the tables hold what the real error would have left."""
import threading

import pytest

from conftest import ask, connect                           # noqa: F401: a fixture
from harness import need_module, until
from server_postgres import postgres, psycopg2              # noqa: F401
from test_rules_mysql import execute, prepare

pymysql = need_module("pymysql")
psycopg = need_module("psycopg")

FIRST, SECOND = "INSERT INTO stepped VALUES (1)", "INSERT INTO stepped VALUES (2)"
AT_SECOND = r"^(QUERY|EXECUTE) INSERT INTO stepped VALUES \(2\)"


# ---- MySQL ----

class MySQL:
    """An application whose transaction is two inserts, in text or prepared; autocommit is off."""

    def __init__(self, connect, end, prepared):             # noqa: F811
        self.open = lambda: connect(end, autocommit=False)
        self.prepared = prepared
        self.begins = True                                  # else a transaction begins with its first statement
        self.connection = self.open()

    def say(self, statement):
        if not self.prepared:
            return ask(self.connection, statement)
        code = execute(self.connection, prepare(self.connection, statement))
        if code:
            raise pymysql.err.OperationalError(code, "")

    def transaction(self, between=lambda: None):
        if self.begins:
            ask(self.connection, "BEGIN")
        self.say(FIRST)
        between()
        self.say(SECOND)
        self.connection.commit()

    def tries(self, after, between=lambda: None):
        """Once, and once more: `after` the error, whose number is returned, it does nothing, rolls back, or connects again."""
        self.begins = after != "goes on"
        with pytest.raises(pymysql.err.MySQLError) as caught:
            self.transaction(between)
        if after == "connects":
            self.connection = self.open()
        elif after == "rolls back":
            self.connection.rollback()
        self.transaction()
        return caught.value.args[0]


@pytest.fixture
def stepped(mariadb, connect):                              # noqa: F811
    """An empty table; stepped() reads it directly."""
    direct = connect(mariadb)
    ask(direct, "CREATE OR REPLACE TABLE stepped (n INT) ENGINE=InnoDB")
    return lambda: [n for n, in ask(direct, "SELECT n FROM stepped ORDER BY n")]


MYSQL_FAULTS = [
    # what a deadlock takes back is the whole transaction, what a read-only server refuses is the statement
    ({"name": "error", "failure": "deadlock"}, 1213, "begins", [1, 2]),
    ({"name": "error", "failure": "deadlock"}, 1213, "rolls back", [1, 2]),
    ({"name": "error", "failure": "deadlock"}, 1213, "goes on", [1, 2]),
    ({"name": "error", "failure": "read_only"}, 1290, "goes on", [1, 1, 2]),
    ({"name": "error", "failure": "read_only"}, 1290, "begins", [1, 1, 2]),         # BEGIN commits what was open
    ({"name": "error", "failure": "read_only"}, 1290, "rolls back", [1, 2]),
    ({"name": "error", "failure": "lock_timeout"}, 1205, "begins", [1, 1, 2]),
    ({"name": "lost_reply"}, 2013, "connects", [1, 2]),     # the server rolls back who is gone
    ({"name": "error", "failure": "shutting_down"}, 2013, "connects", [1, 2]),     # MariaDB ends without a word
    ({"name": "lost_reply", "match": "^QUERY COMMIT"}, 2013, "connects", [1, 1, 2, 2]),     # it had committed
    ({"name": "error", "failure": "deadlock", "match": "^QUERY COMMIT"}, 1213, "begins", [1, 2]),
]


def mysql_in_step(proxy, connect, stepped, prepared, fault, code, after, left):     # noqa: F811
    application = MySQL(connect, proxy, prepared)
    proxy.set(**dict({"match": AT_SECOND, "times": 1}, **fault))
    assert application.tries(after) == code
    until(lambda: stepped() == left, what=lambda: "%r, got %r" % (left, stepped()))


@pytest.mark.parametrize("prepared", [False, True], ids=["text", "prepared"])
@pytest.mark.parametrize("fault, code, after, left", MYSQL_FAULTS)
def test_mysql(proxies, connect, stepped, prepared, fault, code, after, left):     # noqa: F811
    mysql_in_step(proxies, connect, stepped, prepared, fault, code, after, left)


@pytest.mark.parametrize("after", ["begins", "rolls back", "goes on"])
def test_mysql_s_own_deadlock_leaves_the_same(mariadb, connect, stepped, after):   # noqa: F811
    direct = connect(mariadb, autocommit=False)
    ask(direct, "CREATE OR REPLACE TABLE fought (n INT PRIMARY KEY, v INT) ENGINE=InnoDB")
    ask(direct, "INSERT INTO fought SELECT seq, 0 FROM seq_1_to_500")
    direct.commit()
    application = MySQL(connect, mariadb, False)
    other = threading.Thread(target=lambda: (ask(direct, "UPDATE fought SET v = 1 WHERE n = 1"), direct.rollback()))

    def meet():
        """The other has changed more, so it is this one that is rolled back."""
        ask(direct, "UPDATE fought SET v = 1 WHERE n > 1")
        ask(application.connection, "UPDATE fought SET v = 2 WHERE n = 1")
        other.start()
        until(lambda: "LOCK WAIT" in ask(watch, "SHOW ENGINE INNODB STATUS")[0][2], what="the other to wait")
        ask(application.connection, "UPDATE fought SET v = 2 WHERE n = 2")

    watch = pymysql.connect(unix_socket=mariadb.socket, user="root")
    assert application.tries(after, meet) == 1213
    other.join()
    watch.close()
    assert stepped() == [1, 2]


# ---- PostgreSQL ----

@pytest.fixture
def table(postgres):                                        # noqa: F811
    direct = psycopg.connect(host="127.0.0.1", port=postgres.port, user="app", password="secret", dbname="app", autocommit=True)
    direct.execute("DROP TABLE IF EXISTS stepped; CREATE TABLE stepped (n int)")

    def rows():
        return [n for n, in direct.execute("SELECT n FROM stepped ORDER BY n")]
    rows.clear = lambda: direct.execute("DELETE FROM stepped")
    yield rows
    direct.close()


def transaction(connection, how):
    """Two inserts and a commit: as two queries, as a prepared statement, or pipelined as one unit."""
    if how == "pipelined":
        with connection.pipeline():
            connection.execute(FIRST, prepare=False)
            connection.execute(SECOND)
    else:
        connection.execute(FIRST, prepare=how == "prepared")
        connection.execute(SECOND, prepare=how == "prepared")
    connection.commit()


POSTGRES_FAULTS = [
    ({"name": "error", "failure": "deadlock"}, False, [1, 2]),
    ({"name": "error", "failure": "read_only"}, False, [1, 2]),
    ({"name": "lost_reply"}, True, [1, 2]),
    ({"name": "error", "failure": "shutting_down"}, True, [1, 2]),
    ({"name": "lost_reply", "match": "COMMIT"}, True, [1, 1, 2, 2]),
]


def postgres_in_step(proxy, table, how, fault, lost, left, **options):         # noqa: F811
    words = dict(host="127.0.0.1", port=proxy.port, user="app", password="secret", dbname="app", **options)
    connection = psycopg.connect(**words)
    proxy.set(**dict({"match": AT_SECOND, "times": 1}, **fault))
    with pytest.raises(psycopg.Error):
        transaction(connection, how)
    if lost:
        connection.close()
        connection = psycopg.connect(**words)
    else:
        connection.rollback()
    transaction(connection, how)
    connection.close()
    until(lambda: table() == left, what=lambda: "%r, got %r" % (left, table()))


@pytest.mark.parametrize("how", ["text", "prepared", "pipelined"])
@pytest.mark.parametrize("fault, lost, left", POSTGRES_FAULTS)
def test_postgres(start, postgres, table, how, fault, lost, left):         # noqa: F811
    postgres_in_step(start("--protocol", "postgres", backend=postgres), table, how, fault, lost, left)


def test_postgres_takes_no_more_until_it_is_rolled_back(start, postgres, table):   # noqa: F811
    """A retry that does not roll back is told so, by the server itself, and its COMMIT commits nothing."""
    proxy = start("--protocol", "postgres", backend=postgres)
    connection = psycopg2.connect(host="127.0.0.1", port=proxy.port, user="app", password="secret", dbname="app")
    cursor = connection.cursor()
    cursor.execute(FIRST)
    proxy.set("error", failure="deadlock", match=AT_SECOND, times=1)
    with pytest.raises(psycopg2.errors.DeadlockDetected):
        cursor.execute(SECOND)
    with pytest.raises(psycopg2.errors.InFailedSqlTransaction):
        cursor.execute(FIRST)
    connection.commit()
    assert table() == []
    connection.close()
