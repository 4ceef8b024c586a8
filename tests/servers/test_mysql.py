"""MariaDB and its real drivers through vaurien: invisible as dummy, and each fault as the application sees it."""
import json
import os
import re
import socket
import statistics
import subprocess
import threading
import time

import pytest

from conftest import ACCOUNT, Control, MariaDB, ask, error_of, need
from harness import ROOT, SAN, Clock, dial, need_module, patience, until
from pools import fill, meet_every_behavior, outcome, pool, query, recover

pymysql = need_module("pymysql")
from pymysql.constants import CLIENT                        # noqa: E402

PREPARED = os.environ.get("PREPARED_BIN") or os.path.join(ROOT, "build", "plain", "tests", "servers", "prepared")

# By name of failure: the statement it strikes, the number that the driver raises, and whether the
# connection can be used afterwards.
FAILURES = [
    ("deadlock", "SELECT 1", 1213, True),
    ("lock_wait_timeout", "SELECT 1", 1205, True),
    ("read_only", "INSERT INTO kept VALUES (1)", 1290, True),
    ("server_shutdown", "SELECT 1", 2013, False),      # MariaDB breaks the connection without a word
    ("gone", "SELECT 1", 2013, False),
]


@pytest.fixture
def table(mariadb, connect):
    """An empty table `kept` (n INT), and a direct connection that reads it."""
    direct = connect(mariadb)
    ask(direct, "DROP TABLE IF EXISTS kept")
    ask(direct, "CREATE TABLE kept (n INT) ENGINE=InnoDB")
    direct.rows = lambda: sorted(n for n, in ask(direct, "SELECT n FROM kept"))
    return direct


def failing(make):
    """The number of the error with which a new connection fails."""
    with pytest.raises(pymysql.err.MySQLError) as caught:
        make()
    return caught.value.args[0]


# ---- (a) dummy: nothing to see ----

def workload(connection, directory, big):
    """All sorts of statements; what they answered."""
    told = []

    def say(query, *args):
        with connection.cursor() as cursor:
            try:
                cursor.execute(query, args or None)
                told.append((cursor.rowcount, cursor.lastrowid, cursor.fetchall()))
                while cursor.nextset():
                    told.append((cursor.rowcount, cursor.lastrowid, cursor.fetchall()))
            except pymysql.err.MySQLError as error:
                told.append(error.args)

    say("DROP TABLE IF EXISTS mixed")
    say("CREATE TABLE mixed (id INT PRIMARY KEY AUTO_INCREMENT, word VARCHAR(100), blob_ LONGBLOB)")
    for i in range(20):
        say("INSERT INTO mixed (word) VALUES (%s)", "word %d" % i)
    say("SELECT id, word FROM mixed ORDER BY id")
    say("SELECT '' AS empty, NULL AS nothing")
    say("SELECT * FROM mixed WHERE id < 0")
    say("SELECT * FROM nowhere")
    say("INSERT INTO mixed (id) VALUES (1)")
    for last in ("ROLLBACK", "COMMIT"):
        for query in ("BEGIN", "UPDATE mixed SET word = 'x' WHERE id < 5", "SELECT COUNT(*) FROM mixed WHERE word = 'x'", last,
                      "SELECT COUNT(*) FROM mixed WHERE word = 'x'"):
            say(query)
    say("SELECT 1; SELECT 2, 3; UPDATE mixed SET word = 'y' WHERE id = 7; SELECT 4; SELECT bad; SELECT 5")
    say("DO 0")
    blob = os.urandom(1 << 16) * (big >> 16)
    say("UPDATE mixed SET blob_ = _binary %s WHERE id = 3", blob)
    told.append(ask(connection, "SELECT blob_ FROM mixed WHERE id = 3")[0][0] == blob)
    say("UPDATE mixed SET blob_ = NULL")
    source = os.path.join(str(directory), "rows.txt")
    with open(source, "w") as rows:
        rows.writelines("%d\tloaded %d\n" % (i, i) for i in range(100, big // 2000 + 200))
    say("LOAD DATA LOCAL INFILE %s INTO TABLE mixed (id, word)", source)
    say("LOAD DATA LOCAL INFILE '/nowhere/at/all' INTO TABLE mixed (id, word)")
    say("SELECT COUNT(*), MIN(id), MAX(id) FROM mixed")
    with connection.cursor(pymysql.cursors.SSCursor) as cursor:     # rows as they come
        cursor.execute("SELECT seq, REPEAT('z', 200) FROM seq_1_to_%d" % (big // 2000))
        told.append((cursor.fetchone(), sum(1 for _ in cursor.fetchall_unbuffered())))
    say("DROP PROCEDURE IF EXISTS two")
    say("CREATE PROCEDURE two() BEGIN SELECT 'one'; SELECT 'two', 2; END")
    say("CALL two()")
    connection.ping(reconnect=False)
    connection.select_db("app")
    say("SELECT DATABASE()")
    say("SHOW WARNINGS")
    say("DROP TABLE mixed")
    say("DROP PROCEDURE two")
    return told


def test_a_mixed_workload_through_dummy_is_as_direct(mariadb, proxies, connect, tmp_path, bufsize):
    words = {"client_flag": CLIENT.MULTI_STATEMENTS, "local_infile": True}
    big = 200 << 10 if bufsize else 20 << 20
    direct = workload(connect(mariadb, **words), tmp_path, big)
    through = workload(connect(proxies, **words), tmp_path, big)
    assert through == direct
    assert True in direct


def test_the_binary_protocol_through_dummy_is_as_direct(mariadb, proxy, run):
    direct = run(mariadb.port, program=PREPARED, seconds=120)
    assert direct.returncode == 0, direct.stdout
    through = run(proxy.port, program=PREPARED, seconds=120)
    assert through.stdout == direct.stdout
    assert through.returncode == 0
    assert "raw" not in proxy.log().lower()


def test_the_command_line_client_and_a_dump(mariadb, proxies, connect, bufsize):
    direct = connect(mariadb)
    ask(direct, "DROP TABLE IF EXISTS dumped")
    ask(direct, "CREATE TABLE dumped AS SELECT seq, MD5(seq) AS digest FROM seq_1_to_%d" % (500 if bufsize else 50000))

    def say(port, program, *words):
        return subprocess.run([need(program), "--no-defaults", "-h127.0.0.1", "-P%d" % port, "-uapp", "-psecret", *words],
                              check=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=patience(120)).stdout
    for words in (("mariadb", "--batch", "-e", "SELECT * FROM dumped; SHOW TABLES; HELP 'SELECT'", "app"),
                  ("mariadb-dump", "--skip-dump-date", "app", "dumped")):
        assert say(mariadb.port, *words) == say(proxies.port, *words)


# ---- (b) each behavior, set live; the same process and the same pool recover ----

def make_engine(proxy, **words):
    url = "mysql+pymysql://app:secret@127.0.0.1:%d/app?connect_timeout=%d&read_timeout=%d" % (proxy.port, patience(), patience())
    return pool(url, **words)


@pytest.mark.parametrize("pre_ping", [False, True])
def test_a_pool_meets_every_behavior_and_recovers(proxies, pre_ping):
    raised = meet_every_behavior(make_engine(proxies, pool_pre_ping=pre_ping), proxies)
    assert set(raised) <= {"OperationalError", "InternalError", "ProgrammingError", "InterfaceError"}


# ---- (c) a failure by name, as PyMySQL raises it ----

@pytest.mark.parametrize("name, statement, number, usable", FAILURES)
def test_a_failure_by_name(proxies, connect, table, name, statement, number, usable):
    application = connect(proxies)
    proxies.ctl.set("error", failure=name)
    assert error_of(application, statement) == number
    assert table.rows() == []
    proxies.ctl.set("dummy")
    if usable:
        assert ask(application) == ((1,),)
    else:
        assert error_of(application) in (0, 2006, 2013)         # PyMySQL: 0 where it has closed its socket itself
        assert ask(connect(proxies)) == ((1,),)


def test_a_read_only_server_still_reads(proxies, connect, table):
    application = connect(proxies)
    proxies.ctl.set("error", failure="read_only")
    assert ask(application, "SELECT 1") == ((1,),)
    for statement in ("INSERT INTO kept VALUES (1)", "UPDATE kept SET n = 2", "DELETE FROM kept", "CREATE TABLE other (n INT)"):
        assert error_of(application, statement) == 1290, statement
    assert ask(application, "SELECT COUNT(*) FROM kept") == ((0,),)


def last_place(mariadb):
    """The place that is kept for a login that may be an administrator's: a greeted connection, or None if it is taken."""
    end = dial(mariadb.port)
    if end.read(5)[4:] == b"\x0a":
        return end
    end.close()
    return None


def real_errors(mariadb, connect):
    """Real errors of the server, one by one: {failure: (code, text)}."""
    found = {}
    one, two = connect(mariadb, autocommit=False), connect(mariadb, autocommit=False)
    root = pymysql.connect(unix_socket=mariadb.socket, user="root", autocommit=True)

    def error(name, query, connection=one):
        with pytest.raises(pymysql.err.MySQLError) as caught:
            ask(connection, query)
        found[name] = caught.value.args
        connection.rollback()

    def waiting():
        return "LOCK WAIT" in ask(root, "SHOW ENGINE INNODB STATUS")[0][2]
    ask(one, "CREATE OR REPLACE TABLE fought (n INT PRIMARY KEY, v INT) ENGINE=InnoDB")
    ask(one, "INSERT INTO fought SELECT seq, 0 FROM seq_1_to_500")
    one.commit()
    ask(two, "UPDATE fought SET v = 1 WHERE n > 1")         # the heavier one wins
    ask(one, "UPDATE fought SET v = 2 WHERE n = 1")
    other = threading.Thread(target=lambda: (ask(two, "UPDATE fought SET v = 1 WHERE n = 1"), two.rollback()))
    other.start()
    until(waiting, what="a lock that is waited for")
    error("deadlock", "UPDATE fought SET v = 2 WHERE n = 2")
    other.join()
    ask(two, "UPDATE fought SET v = 1")
    ask(one, "SET innodb_lock_wait_timeout = 1")
    error("lock_timeout", "UPDATE fought SET v = 2 WHERE n = 2")
    two.rollback()
    error("query_timeout", "SET STATEMENT max_statement_time = 0.05 FOR SELECT SLEEP(60)")
    ask(root, "SET GLOBAL read_only = 1")
    error("read_only", "UPDATE fought SET v = 2 WHERE n = 2")
    ask(root, "SET GLOBAL read_only = 0")
    ask(one, "SET SESSION TRANSACTION READ ONLY")
    error("read_only_transaction", "UPDATE fought SET v = 2 WHERE n = 2")
    killer = threading.Thread(target=lambda: (until(lambda: ask(root, "SELECT 1 FROM information_schema.processlist "
                                                                "WHERE state = 'User sleep'")),
                                              ask(root, "KILL QUERY %d" % one.thread_id())))
    killer.start()
    error("query_interrupted", "SELECT SLEEP(60) UNION SELECT 1")
    killer.join()
    ask(root, "SET GLOBAL max_connections = 10")
    with pytest.raises(pymysql.err.OperationalError):
        while True:
            connect(mariadb)
    spare = until(lambda: last_place(mariadb), what="the place of the rejected login")
    with spare, pytest.raises(pymysql.err.OperationalError) as caught:
        connect(mariadb)
    found["too_many_connections"] = caught.value.args
    ask(root, "SET GLOBAL max_connections = 300")
    root.close()
    return found


def test_the_words_are_the_servers_own(mariadb, proxy, connect, table):
    for name, words in real_errors(mariadb, connect).items():
        proxy.ctl.set("dummy")
        application = None if name == "too_many_connections" else connect(proxy)
        proxy.ctl.set("error", failure=name)
        with pytest.raises(pymysql.err.MySQLError) as caught:
            ask(application, "UPDATE kept SET n = 1") if application else connect(proxy)
        assert caught.value.args == words, name


def test_too_many_connections(proxies, connect):
    before = connect(proxies)
    proxies.ctl.set("error", failure="too_many_connections")
    assert failing(lambda: connect(proxies)) == 1040
    assert ask(before) == ((1,),)               # those who are in stay in
    proxies.ctl.set("dummy")
    assert ask(connect(proxies)) == ((1,),)


def offered(run):
    """The failures of the page docs/protocols.md: {name: number}; 0 where the server says nothing."""
    page = re.search(r"^## mysql$(.*?)(?=^## |\Z)", run("--list=protocols.md").stdout, re.S | re.M).group(1)
    rows = re.findall(r"^\| `(\w+)` \| (?:(\d+)/\w+|FIN|RST) \|", page, re.M)
    return {name: int(number or 0) for name, number in rows}


def test_every_failure_that_is_offered_can_be_had(proxy, connect, run, table):
    """Each name in turn: one of a client's deeds meets it, and dummy is the end of it."""
    failures = offered(run)
    assert {name for name, _, _, _ in FAILURES} < set(failures)
    deeds = [lambda c: ask(c), lambda c: ask(c, "INSERT INTO kept VALUES (1)"), lambda c: ask(c, "BEGIN"),
             lambda c: ask(c, "COMMIT"), lambda c: connect(proxy)]
    for name, number in failures.items():
        met = set()
        for deed in deeds:
            application = connect(proxy)
            proxy.set("error", failure=name)
            try:
                deed(application)
            except pymysql.err.MySQLError as error:
                met.add(error.args[0])
            proxy.set("dummy")
        # MariaDB has a number of its own for one, and no words for others; what comes unasked, PyMySQL calls a lost connection
        wanted = {number, 1969 if name == "query_timeout" else number}
        if name in ("idle_timeout", "connection_killed", "gone", "crash", "shutting_down", "server_shutdown"):
            wanted = {2006, 2013} | ({2003} if name == "crash" else set())     # 2003: reset while it connects
        assert met and met <= wanted, (name, number, met)


# ---- compression: it was taken out of the greeting ----

MYSQLI = """mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT); $c = mysqli_init();
$c->real_connect('127.0.0.1', 'app', 'secret', 'app', %d, null, MYSQLI_CLIENT_COMPRESS);
echo $c->query("SELECT REPEAT('x', 70000) UNION ALL SELECT 6 * 7")->fetch_all()[1][0];
echo $c->query("SHOW STATUS LIKE 'Compression'")->fetch_row()[1];"""
PDO = """$c = new PDO('mysql:host=127.0.0.1;port=%d;dbname=app', 'app', 'secret', [PDO::MYSQL_ATTR_COMPRESS => 1]);
echo $c->query('SELECT 6 * 7')->fetchColumn(); echo $c->query("SHOW STATUS LIKE 'Compression'")->fetch()[1];"""


@pytest.mark.parametrize("program", [MYSQLI, PDO], ids=["mysqli", "PDO"])
def test_a_client_that_compresses_unasked(mariadb, proxies, program):
    """PHP does so whatever the greeting offers: direct and proxied it gets the same, and the log has the reason."""
    for end in (mariadb, proxies):
        done = subprocess.run([need("php"), "-r", program % end.port], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              universal_newlines=True, timeout=patience())
        assert done.stdout == "42ON", done.stdout
    proxies.logged("raw .*compression")


@pytest.mark.parametrize("words", [["--compress"], ["--skip-compress"]])
def test_a_client_that_looks_at_the_greeting(mariadb, proxies, words):
    done = subprocess.run([need("mariadb"), "--no-defaults", "-h127.0.0.1", "-P%d" % proxies.port, "-uapp", "-psecret", "-NBe",
                           "SELECT 6 * 7", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
                          timeout=patience())
    assert done.stdout == "42\n"
    assert proxies.api("GET", "/info")[1]["proxies"][0]["raw"] == 0


def test_no_words_are_put_into_what_is_compressed(mariadb, proxies):
    """An idle connection that is compressed is raw at once, so that no failure of idle connections is written into it."""
    program = MYSQLI.split("echo")[0] + "sleep(1); echo $c->query('SELECT 6 * 7')->fetch_row()[0];"
    proxies.set("error", failure="idle_timeout")
    done = subprocess.run([need("php"), "-r", program % proxies.port], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          universal_newlines=True, timeout=patience())
    assert done.stdout == "42"


# ---- (d) transactions ----

def test_a_deadlock_leaves_nothing_of_the_transaction(proxies, connect, table):
    application = connect(proxies, autocommit=False)
    ask(application, "BEGIN")
    ask(application, "INSERT INTO kept VALUES (1)")
    proxies.ctl.set("error", failure="deadlock")
    assert error_of(application, "INSERT INTO kept VALUES (2)") == 1213
    proxies.ctl.set("dummy")
    ask(application, "BEGIN")                   # the retry: it would commit what a false deadlock left behind
    ask(application, "INSERT INTO kept VALUES (10)")
    application.commit()
    assert table.rows() == [10]


def test_a_lock_time_out_leaves_the_transaction_open(proxies, connect, table):
    application = connect(proxies, autocommit=False)
    ask(application, "BEGIN")
    ask(application, "INSERT INTO kept VALUES (1)")
    proxies.ctl.set("error", failure="lock_wait_timeout")
    assert error_of(application, "INSERT INTO kept VALUES (2)") == 1205
    proxies.ctl.set("dummy")
    assert ask(application, "SELECT @@in_transaction") == ((1,),)
    ask(application, "INSERT INTO kept VALUES (3)")
    assert table.rows() == []
    application.commit()
    assert table.rows() == [1, 3]


def test_blackout_in_mid_transaction_rolls_back(proxies, connect, table):
    application = connect(proxies, autocommit=False)
    ask(application, "BEGIN")
    ask(application, "INSERT INTO kept VALUES (1)")
    proxies.ctl.set("blackout")
    assert error_of(application, "COMMIT") in (2006, 2013)
    proxies.ctl.set("dummy")
    assert table.rows() == []


def test_abort_runs_the_statement_and_loses_the_answer(proxies, connect, table):
    application = connect(proxies)
    proxies.ctl.set("abort")
    assert error_of(application, "INSERT INTO kept VALUES (7)") == 2013
    until(lambda: table.rows() == [7], what="the statement whose answer was lost")


# ---- an invitation to send a file is not the answer ----

@pytest.mark.parametrize("rule", [{"name": "lost_reply"}, {"name": "lost_reply", "end": "reset"}, {"name": "truncate", "bytes": 3},
                                  {"name": "corrupt", "random": True}])
def test_a_file_is_loaded_and_the_answer_is_lost(proxies, connect, table, tmp_path, rule):
    source = tmp_path / "rows"
    source.write_text("1\n2\n3\n")
    load = "LOAD DATA LOCAL INFILE '%s' INTO TABLE kept (n)" % source
    application = connect(proxies, local_infile=True)
    proxies.set(**dict(rule, match="^QUERY LOAD"))
    with pytest.raises(Exception):
        ask(application, load)
    until(lambda: table.rows() == [1, 2, 3], what="the rows whose answer was lost")
    proxies.set("dummy")
    ask(connect(proxies, local_infile=True), load)
    assert table.rows() == [1, 1, 2, 2, 3, 3]


# ---- a load balancer's header ----

@pytest.mark.parametrize("header", [
    b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 3306\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\1\xc0\0\2\2\x9c\x40\x0c\xea",
])
def test_the_server_sees_the_client_that_a_header_names(vaurien, tmp_path, header):
    server = MariaDB(tmp_path, "--proxy-protocol-networks=*").start()
    try:
        proxy = vaurien("--protocol", "mysql", "--rule", "error failure=deadlock match='^QUERY UPDATE'", backend=server)
        connection = pymysql.connect(defer_connect=True, **ACCOUNT)
        sock = socket.create_connection(("127.0.0.1", proxy.port), patience())
        sock.sendall(header)
        connection.connect(sock)
        assert ask(connection, "SELECT SUBSTRING_INDEX(USER(), '@', -1)") == (("192.0.2.1",),)
        assert error_of(connection, "UPDATE nowhere SET a = 1") == 1213
        assert proxy.api("GET", "/connections")[1]["connections"][0]["exchanges"] == 4      # with the login and SET AUTOCOMMIT
        connection.close()
    finally:
        server.stop()


# ---- (e) (f) (g) outages ----

def test_a_hang_longer_than_the_time_out_and_then_the_answer(start, mariadb, connect):
    proxy = start("--protocol", "mysql", "--timeout", 1, backend=mariadb)
    control = Control(proxy)
    application = connect(proxy)
    control.set("hang")
    answers = []
    waiter = threading.Thread(target=lambda: answers.append(ask(application, "SELECT 'held'")))
    waiter.start()
    waiter.join(2.5)
    assert waiter.is_alive()
    control.set("dummy")
    waiter.join()
    assert answers == [(("held",),)]


@pytest.mark.parametrize("pre_ping", [False, True])
def test_blackout_kills_idle_connections_of_a_pool_at_once(proxies, connect, pre_ping):
    engine = make_engine(proxies, pool_pre_ping=pre_ping)
    fill(engine)
    idle = connect(proxies)
    proxies.ctl.set("blackout")
    idle._sock.settimeout(patience())
    with pytest.raises(ConnectionResetError):
        idle._sock.recv(1)
    assert failing(lambda: connect(proxies)) in (2003, 2013)
    proxies.ctl.set("dummy")
    assert recover(engine) <= (0 if pre_ping else 1)
    engine.dispose()


def test_the_server_stops_and_starts_behind_the_proxy(mariadb, proxy):
    engine = make_engine(proxy, pool_pre_ping=True)
    assert query(engine) == 42
    mariadb.stop()
    assert outcome(engine) == "OperationalError"
    mariadb.start()
    assert query(engine) == 42
    engine.dispose()


# ---- (h) delay, measured ----

@pytest.mark.parametrize("clients", [1, 50])
def test_delay_is_as_long_as_it_says(mariadb, proxy, connect, clients):
    connections = [connect(proxy) for _ in range(clients)]
    directs = [connect(mariadb) for _ in range(clients)]
    proxy.ctl.set("delay", sleep=0.2)
    more = 0.2 if SAN else 0.015 if clients == 1 else 0.1       # once, not twice
    medians = []

    def measured(some, wait):
        took = []

        def measure(connection):
            for _ in range(5):
                with Clock() as clock:
                    time.sleep(wait)
                    ask(connection)
                took.append(clock.seconds)
        threads = [threading.Thread(target=measure, args=(connection,)) for connection in some]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(took) == 5 * clients and min(took) >= 0.2
        return statistics.median(took)

    def exact():
        """As long as who sleeps himself and then asks the server, by what this machine can just now."""
        medians.append((measured(connections, 0), measured(directs, 0.2)))
        print("\ndelay of 0.2 s, %d clients: a SELECT took %.4f s at the median, %.4f who slept himself" % (clients, *medians[-1]))
        return medians[-1][0] < medians[-1][1] + more
    until(exact, what=lambda: "0.2 s, others use this machine too: %r" % medians)


# ---- (i) TLS ----

def test_tls_is_stripped_so_that_errors_can_strike(start, mariadb_tls, connect):
    direct = connect(mariadb_tls, ssl={"any": True})
    assert ask(direct, "SHOW STATUS LIKE 'Ssl_cipher'")[0][1] != ""
    proxy = start("--protocol", "mysql", backend=mariadb_tls)
    application = connect(proxy, ssl={"any": True})
    assert ask(application, "SHOW STATUS LIKE 'Ssl_cipher'") == (("Ssl_cipher", ""),)
    connect(proxy, ssl={"any": True})
    Control(proxy).set("error", failure="deadlock")
    assert error_of(application) == 1213
    told = [line for line in proxy.whole_log().splitlines() if "TLS" in line]
    assert len(told) == 1, proxy.log()


def test_tls_passed_is_out_of_reach_and_that_is_said(start, mariadb_tls, connect):
    proxy = start("--protocol", "mysql", "--protocol-mysql-tls", "pass", backend=mariadb_tls)
    application = connect(proxy, ssl={"any": True})
    assert ask(application, "SHOW STATUS LIKE 'Ssl_cipher'")[0][1] != ""
    control = Control(proxy)
    control.set("error", failure="deadlock")
    assert ask(application) == ((1,),)
    proxy.logged(r"(?i)unreachable|out of reach|cannot reach")
    assert "unreachable" in json.dumps(proxy.api("GET", "/behavior")[1])
    control.set("blackout")                     # that needs no words
    assert error_of(application) in (2006, 2013)
