"""Rules that name statements, with MariaDB and PyMySQL: just those are struck, and a match that finds none says so."""
import struct

import pytest

from conftest import Control, ask, error_of
from harness import need_module, until

pymysql = need_module("pymysql")

DEADLOCK = 1213
COM_STMT_PREPARE, COM_STMT_EXECUTE = 0x16, 0x17


@pytest.fixture
def table(mariadb, connect):
    """Rows 1 to 5 of `counted` (n, changes), and a direct connection that reads them."""
    direct = connect(mariadb)
    ask(direct, "DROP TABLE IF EXISTS counted")
    ask(direct, "CREATE TABLE counted (n INT PRIMARY KEY, changes INT DEFAULT 0) ENGINE=InnoDB")
    ask(direct, "INSERT INTO counted (n) VALUES (1), (2), (3), (4), (5)")
    direct.changes = lambda: [changes for changes, in ask(direct, "SELECT changes FROM counted ORDER BY n")]
    return direct


@pytest.fixture
def ruled(start, mariadb):
    """ruled(*rules): a proxy with these."""
    def make(*rules):
        words = [word for one in rules for word in ("--rule", one)]
        proxy = start("--protocol", "mysql", *words, backend=mariadb)
        proxy.ctl = Control(proxy)
        proxy.rule = lambda: {r["name"]: r for r in proxy.api("GET", "/rules")[1]["rules"]}
        return proxy
    return make


def tried(connection, query):
    """None, or the number of the error."""
    try:
        ask(connection, query)
        return None
    except pymysql.err.MySQLError as error:
        return error.args[0]


def prepare(connection, query):
    connection._execute_command(COM_STMT_PREPARE, query)
    _, statement, columns, parameters = struct.unpack("<BIHH", connection._read_packet().get_all_data()[:9])
    for n in (columns, parameters):
        for _ in range(n + 1 if n else 0):      # each list has an end
            connection._read_packet()
    return statement


def execute(connection, statement):
    """An UPDATE; None, or the number of the error."""
    connection._execute_command(COM_STMT_EXECUTE, struct.pack("<IBI", statement, 0, 1))
    try:
        connection._read_packet()
        return None
    except pymysql.err.MySQLError as error:
        return error.args[0]


def test_exactly_the_third_update(ruled, table, connect):
    proxy = ruled('error failure=deadlock match="^QUERY UPDATE" skip=2 times=1 name=third')
    app = connect(proxy)
    met = []
    for n in range(1, 6):
        met.append(tried(app, "SELECT * FROM counted WHERE changes = 'UPDATE' OR n = %d" % n))
        met.append(tried(app, "UPDATE counted SET changes = changes + 1 WHERE n = %d" % n))
        met.append(tried(app, "/* UPDATE */ DO 0"))
    assert met == [None] * 7 + [DEADLOCK] + [None] * 7
    assert table.changes() == [1, 1, 0, 1, 1]
    rule = proxy.rule()["third"]
    assert (rule["seen"], rule["hits"], rule["unreachable"]) == (5, 1, 0)
    assert rule["options"]["match"] == "^QUERY UPDATE"
    assert [s["verb"] for s in proxy.strikes()] == ["QUERY"]
    proxy.stop()
    assert "no match" not in proxy.log()


def test_counted_over_all_connections(ruled, table, connect):
    proxy = ruled('error failure=deadlock match="^QUERY UPDATE" skip=2 times=1')
    met = [tried(connect(proxy), "UPDATE counted SET changes = 1 WHERE n = %d" % n) for n in range(1, 5)]
    assert met == [None, None, DEADLOCK, None]
    assert table.changes() == [1, 1, 0, 1, 0]


def test_the_deadlock_is_a_real_one(ruled, table, connect):
    """The transaction behind it is gone, as the error says."""
    proxy = ruled('error failure=deadlock match="^QUERY UPDATE" skip=1 times=1')
    app = connect(proxy, autocommit=False)
    assert tried(app, "UPDATE counted SET changes = 1 WHERE n = 1") is None
    assert tried(app, "UPDATE counted SET changes = 1 WHERE n = 2") == DEADLOCK
    app.commit()
    assert table.changes() == [0, 0, 0, 0, 0]


@pytest.mark.parametrize("match, wanted", [
    ("^(QUERY|EXECUTE) UPDATE", [DEADLOCK, DEADLOCK]),
    ("^EXECUTE UPDATE", [None, DEADLOCK]),
    ("^QUERY UPDATE", [DEADLOCK, None]),
    ("^PREPARE UPDATE", [None, None]),          # preparing meets no deadlock
])
def test_prepared_text(ruled, table, connect, match, wanted):
    proxy = ruled('error failure=deadlock match="%s"' % match)
    app = connect(proxy)
    text = "UPDATE counted SET changes = changes + 1 WHERE n = 1"
    statement = prepare(app, text)
    assert [tried(app, text), execute(app, statement)] == wanted
    assert table.changes()[0] == wanted.count(None)


def test_the_third_execution(ruled, table, connect):
    proxy = ruled('error failure=deadlock match="^(QUERY|EXECUTE) UPDATE" skip=2 times=1')
    app = connect(proxy)
    statement = prepare(app, "UPDATE counted SET changes = changes + 1 WHERE n = 2")
    assert [execute(app, statement) for _ in range(2)] == [None, None]
    assert tried(app, "UPDATE counted SET changes = 9 WHERE n = 2") == DEADLOCK
    assert [execute(app, statement) for _ in range(2)] == [None, None]
    assert table.changes() == [0, 4, 0, 0, 0]


def test_upper_and_lower_case(ruled, table, connect):
    proxy = ruled('error failure=deadlock match="^QUERY UPDATE" name=exact',
                  'error failure=lock_wait_timeout match="(?i)^query select .* from counted" name=any')
    app = connect(proxy)
    assert tried(app, "update counted SET changes = 1") is None
    assert tried(app, "UPDATE counted SET changes = 1") == DEADLOCK
    assert tried(app, "SeLeCt n\nFROM\tx") is not DEADLOCK
    assert tried(app, "SeLeCt n\n from COUNTED") == 1205
    assert [proxy.rule()[name]["hits"] for name in ("exact", "any")] == [1, 1]


def test_set_live(ruled, table, connect):
    proxy = ruled()
    app = connect(proxy)
    proxy.ctl("set-behavior", "error", "--failure", "deadlock", "--match", "^QUERY UPDATE", "--times", "1")
    assert tried(app, "SELECT 1") is None
    assert error_of(app, "UPDATE counted SET changes = 1") == DEADLOCK
    assert tried(app, "UPDATE counted SET changes = 2") is None
    connect(proxy)                              # the statements of a login are not meant
    now = proxy.api("GET", "/behavior")[1]
    assert (now["seen"], now["hits"]) == (2, 1)
    assert proxy.api("PUT", "/behavior", dict(now, name=now["behavior"])) == (200, {"status": "ok"})
    assert error_of(app, "UPDATE counted SET changes = 3") == DEADLOCK      # counted from nothing again


def test_logins_and_greetings_have_verbs(ruled, connect):
    proxy = ruled("error failure=too_many_connections match=^GREETING times=1")
    with pytest.raises(pymysql.err.OperationalError) as caught:
        connect(proxy)
    assert caught.value.args[0] == 1040
    assert tried(connect(proxy), "SELECT 1") is None


def test_a_match_that_finds_nothing_is_told(ruled, table, connect):
    """With what came nearest, and none of its values."""
    proxy = ruled('error failure=deadlock match="^QUERY UPDATE" times=1 name=typo', "delay sleep=0.001 name=other")
    app = connect(proxy)
    tried(app, "SELECT 1")
    tried(app, "update counted set changes = 4711 where n = 'secret' or n = 3")
    tried(app, "SELECT 'more secrets'")
    proxy.ctl("set-behavior", "delay", "--match", "^QUERY DELETE FROM nothing")
    tried(app, "SELECT n FROM counted WHERE n = 77")
    proxy.ctl("set-behavior", "dummy")
    assert proxy.api("DELETE", "/rules/typo")[0] == 200         # what it has found so far is told now, not in ten seconds

    def lines():
        return [line.split("] ", 2)[-1] for line in proxy.log().splitlines() if "no match" in line]
    said = until(lambda: lines() if len(lines()) >= 2 else None, what="both to be told")
    typo, = [line for line in said if line.startswith("no match proxy=default rule=typo behavior=error: ")]
    assert typo.endswith("none of which its match finds; nearest (but for upper and lower case): "
                            "QUERY update counted set changes = ? where n = '?' or n = ?")
    mine = [line for line in said if "rule=behavior behavior=delay: 1 messages" in line]
    assert len(mine) == 1 and mine[0].endswith("nearest: QUERY SELECT n FROM counted WHERE n = ?")
    assert not [line for line in said if "rule=other" in line]
    told = proxy.log()
    assert "secret" not in told and "4711" not in told and "77" not in "".join(said)


def test_out_of_reach(start, mariadb_tls, connect):
    """Under TLS that is passed there is nothing to match: said, counted, and answered to who asks for it."""
    proxy = start("--protocol", "mysql", "--protocol-mysql-tls", "pass", "--rule", 'error failure=deadlock match="^QUERY" name=blind',
                  backend=mariadb_tls)
    app = connect(proxy, ssl={"verify_mode": "none"})
    assert tried(app, "SELECT 1") is None
    rule = proxy.api("GET", "/rules")[1]["rules"][0]
    assert rule["unreachable"] > 0 and rule["hits"] == 0
    assert len([line for line in proxy.whole_log().splitlines() if "unreachable" in line]) == 1
    status, answer = proxy.api("PUT", "/behavior", {"name": "delay", "match": "^QUERY"})
    assert (status, answer) == (200, {"status": "ok", "unreachable": 1})
