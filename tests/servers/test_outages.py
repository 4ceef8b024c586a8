"""Each failure beside the real error: the same outage is brought about in the real server and, by name, through vaurien.

What both did is compared: the text, and what became of the connection. The table is docs/failures.md's, and
build/outages.md.

    BELIEVED=write /usr/bin/python3 -m pytest tests/servers/test_outages.py      writes that part of the page
"""
import itertools
import os
import signal
import subprocess

import pytest

from conftest import MariaDB, need, pymysql
from harness import End, ROOT, SAN, backends, free_port, listening, machine, patience, until   # noqa: F401: a fixture
from server_http import nginx                   # noqa: F401
from server_memcache import locked, memcached       # noqa: F401
from server_postgres import Postgres, need_postgres, psycopg2
from server_redis import Redis
from server_smtp import Postfix
from test_believed import cell, judged
import wires
from wires import dialled, heard, outcome

pytestmark = pytest.mark.skipif(bool(SAN), reason="once is enough")
BUILD = os.path.join(ROOT, "build")
SLOW = "SELECT SLEEP(60)"


class Table:
    """Of one protocol: what the real server did, by failure and moment; then what ours do."""

    def __init__(self, protocol, server):
        self.protocol, self.server, self.rows = protocol, server, []

    def add(self, failure, moment, real, ours, why=""):
        """`why`: the two differ on purpose."""
        self.rows.append((failure, moment, real, ours, why))

    def judge(self):
        lines = ["## The real error, and ours: %s\n" % self.server,
                 "| failure | strikes | the real server | the connection then | ours |", "|---|---|---|---|---|"]
        for failure, moment, (text, how), ours, why in self.rows:
            same = "the same" if ours == (text, how) else "%s: %s (%s)" % (why, ours[0] or "no text", ours[1])
            lines.append("| `%s` | %s | %s | %s | %s |" % (failure, moment, cell(text) or "no text", how, cell(same)))
        text = "\n".join(lines) + "\n"
        with open(os.path.join(BUILD, "outages-%s.md" % self.server.split()[0].lower()), "w") as page:
            page.write(text)
        wrong = [row for row in self.rows if (row[2] == row[3]) != (not row[4]) and (row[2] != row[3] or machine.factor == 1)]
        assert not wrong, "\n".join("%s, %s: real %r, ours %r" % row[:4] for row in wrong)
        judged("The real error, and ours: %s" % self.server, text)


def struck(proxy, failure, act, **words):
    """What `act` returns while this failure is set."""
    proxy.set("error", failure=failure, **words)
    try:
        return act()
    finally:
        proxy.set("dummy")


def idle(wire, session, proxy, failure, first=None):
    sock = session(proxy.port)
    return struck(proxy, failure, lambda: outcome(wire, sock, first))


def asked(wire, session, proxy, failure, statement):
    sock = session(proxy.port)

    def ask():
        wire.ask(sock, statement)
        return outcome(wire, sock)
    return struck(proxy, failure, ask, match=".")       # with a match it strikes no one who rests


def connected(wire, proxy, failure, **words):
    return struck(proxy, failure, lambda: outcome(wire, dialled(proxy.port, **words)))


# ---- MariaDB ----

def entering(port, user="app", password="secret"):
    sock, greeting = wires.MySQL.greeted(port)
    wires.MySQL.log_in(sock, greeting, user, password)
    return outcome(wires.MySQL, sock)


class MariaDBs:
    """A server whose errors are brought about one by one, and a calm one behind a proxy."""

    def __init__(self, directory, start, calm):
        self.server = MariaDB(directory, "--max-connect-errors=1", "--max-user-connections=200",
                              "--skip-skip-name-resolve").start()
        self.port, self.proxy = self.server.port, start("--protocol", "mysql", backend=calm)
        self.root = pymysql.connect(unix_socket=self.server.socket, user="root", autocommit=True)
        self.do("CREATE TABLE app.t (i INT) ENGINE=InnoDB", "INSERT INTO app.t VALUES (1)",
                "CREATE USER one@'%' IDENTIFIED BY 'secret' WITH MAX_USER_CONNECTIONS 1",
                "GRANT ALL ON app.* TO one@'%'")
        self.table = Table("mysql", "MariaDB")

    def do(self, *statements):
        with self.root.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def ran(self, failure, statement, *before, first=None):
        sock = wires.MySQL.session(self.port)
        for one in before:
            wires.MySQL.ask(sock, one)
            heard(sock)
        wires.MySQL.ask(sock, statement)
        real = outcome(wires.MySQL, sock, first)
        self.table.add(failure, "statement", real, asked(wires.MySQL, wires.MySQL.session, self.proxy, failure, statement))

    def number(self):
        sock = wires.MySQL.session(self.port)
        wires.MySQL.ask(sock, "SET @me = 1")
        heard(sock)
        with self.root.cursor() as cursor:
            cursor.execute("SELECT MAX(id) FROM information_schema.processlist WHERE user = 'app'")
            return sock, cursor.fetchone()[0]

    def resting(self, failure, real):
        self.table.add(failure, "idle", real, idle(wires.MySQL, wires.MySQL.session, self.proxy, failure))

    def statements(self):
        self.ran("query_timeout", SLOW, "SET max_statement_time = 0.2")
        self.ran("read_only_transaction", "INSERT INTO app.t VALUES (2)", "START TRANSACTION READ ONLY")
        self.do("SET GLOBAL read_only = 1")
        self.ran("read_only", "INSERT INTO app.t VALUES (2)")
        self.do("SET GLOBAL read_only = 0", "BEGIN", "UPDATE app.t SET i = 3")
        self.ran("lock_timeout", "UPDATE app.t SET i = 4", "SET innodb_lock_wait_timeout = 1")
        self.do("ROLLBACK")
        for failure, kill in (("query_interrupted", "KILL QUERY %d"), ("connection_killed", "KILL %d")):
            sock, number = self.number()
            statement = "SELECT SLEEP(60) UNION SELECT 1"
            wires.MySQL.ask(sock, statement)
            until(lambda: self.state(number) == "User sleep", what="a statement to run")
            self.do(kill % number)
            self.table.add(failure, "statement", outcome(wires.MySQL, sock),
                           asked(wires.MySQL, wires.MySQL.session, self.proxy, failure, statement))

    def state(self, number):
        with self.root.cursor() as cursor:
            cursor.execute("SELECT state FROM information_schema.processlist WHERE id = %d" % number)
            return (cursor.fetchone() or [None])[0]

    def idles(self):
        sock, number = self.number()
        self.do("KILL %d" % number)
        self.resting("connection_killed", outcome(wires.MySQL, sock))
        sock = wires.MySQL.session(self.port)
        wires.MySQL.ask(sock, "SET wait_timeout = 1")
        heard(sock)
        self.resting("idle_timeout", outcome(wires.MySQL, sock))

    def logins(self):
        mysql, proxy = wires.MySQL, self.proxy
        for user, password in (("app", "wrong"), ("app", ""), ("nobody", "wrong")):
            self.table.add("access_denied", "login", entering(self.port, user, password),
                           struck(proxy, "access_denied", lambda: entering(proxy.port, user, password)))
        kept = mysql.session(self.port, "one")
        self.table.add("resource_limit", "login", entering(self.port, "one"),
                       struck(proxy, "resource_limit", lambda: entering(proxy.port, "one")))
        self.do("SET GLOBAL max_user_connections = 1")
        other = mysql.session(self.port)
        self.table.add("too_many_user_connections", "login", entering(self.port),
                       struck(proxy, "too_many_user_connections", lambda: entering(proxy.port)))
        self.do("SET GLOBAL max_user_connections = 200")
        for one in (kept, other):
            one.close()

    def greetings(self):
        mysql, proxy = wires.MySQL, self.proxy
        self.do("SET GLOBAL max_connections = 10")
        kept = []
        while len(kept) < 20:                   # the last place is for a login that may be an administrator's
            kept.append(dialled(self.port))
            if heard(kept[-1], 1)[0][4:5] == b"\xff":
                break
        self.table.add("too_many_connections", "greeting", outcome(mysql, dialled(self.port)),
                       connected(mysql, proxy, "too_many_connections"))
        for one in kept:
            one.close()
        self.do("SET GLOBAL max_connections = 300")
        for _ in range(3):
            sock = dialled(self.port, "127.0.0.2")
            heard(sock, 1)
            mysql.send(sock, 1, b"xx")          # no login: an error of this host's
            heard(sock, 1)
            sock.close()
        self.table.add("host_blocked", "greeting", outcome(mysql, dialled(self.port, "127.0.0.2")),
                       connected(mysql, proxy, "host_blocked", source="127.0.0.2"))
        self.do("FLUSH HOSTS", "DROP USER app@'%'", "DROP USER one@'%'", "FLUSH PRIVILEGES")
        self.table.add("host_not_allowed", "greeting", outcome(mysql, dialled(self.port, "127.0.0.3")),
                       connected(mysql, proxy, "host_not_allowed", source="127.0.0.3"))
        self.do("CREATE USER app@'%' IDENTIFIED BY 'secret'", "GRANT ALL ON *.* TO app@'%'")

    def shutdown(self):
        mysql, proxy = wires.MySQL, self.proxy
        rests, running, begun = (mysql.session(self.port) for _ in range(3))
        mysql.ask(begun, "BEGIN")
        heard(begun)
        entered, greeting = mysql.greeted(self.port)
        mysql.ask(running, SLOW)
        until(lambda: self.state_of_any("User sleep"), what="a statement to run")
        self.do("SHUTDOWN")
        self.resting("shutting_down", outcome(mysql, rests))
        self.table.add("shutting_down", "open transaction", outcome(mysql, begun), self.begun("shutting_down"))
        self.table.add("shutting_down", "statement", outcome(mysql, running),
                       asked(mysql, mysql.session, proxy, "shutting_down", SLOW))
        try:
            mysql.log_in(entered, greeting)
        except OSError:
            pass
        self.table.add("shutting_down", "login", ("", heard(entered)[1].replace("reset", "closed")), self.entered("shutting_down"))
        self.table.add("shutting_down", "PING", ("", "closed"), asked(Pinging, mysql.session, proxy, "shutting_down", ""))

    def state_of_any(self, state):
        with self.root.cursor() as cursor:
            cursor.execute("SELECT 1 FROM information_schema.processlist WHERE state = %s", (state,))
            return cursor.fetchone()

    def begun(self, failure):
        sock = wires.MySQL.session(self.proxy.port)
        wires.MySQL.ask(sock, "BEGIN")
        heard(sock)
        return struck(self.proxy, failure, lambda: outcome(wires.MySQL, sock))

    def entered(self, failure):
        sock, greeting = wires.MySQL.greeted(self.proxy.port)

        def enter():
            wires.MySQL.log_in(sock, greeting)
            return outcome(wires.MySQL, sock)
        return struck(self.proxy, failure, enter)


class Pinging(wires.MySQL):
    @classmethod
    def ask(cls, sock, statement):
        cls.send(sock, 0, b"\x0e")


def test_mariadb(start, mariadb, tmp_path):
    all_of_it = MariaDBs(tmp_path, start, mariadb)
    try:
        wires.MySQL.session(all_of_it.proxy.port).close()       # whose server it is, the proxy knows from a greeting
        for part in ("statements", "idles", "logins", "greetings", "shutdown"):
            getattr(all_of_it, part)()
    finally:
        all_of_it.server.stop()
    all_of_it.table.judge()


# ---- MySQL 8: from its manual, for there is none here ----

GREETING = (b"\x0a8.0.36\0" + b"\1\0\0\0" + b"abcdefgh\0" + b"\xff\xf7\xff\2\0\xff\xdf\x15" + bytes(10) + b"ijklmnopqrst\0" +
            b"mysql_native_password\0")
MANUAL = [
    ("idle_timeout", "idle", ("4031/HY000 The client was disconnected by the server because of inactivity. See wait_timeout and "
                              "interactive_timeout for configuring this behavior.", "closed")),
    ("shutting_down", "idle", ("", "closed")),
    ("shutting_down", "statement", ("1053/08S01 Server shutdown in progress", "closed")),
    ("connection_killed", "idle", ("", "closed")),
    ("connection_killed", "statement", ("", "closed")),
    ("read_only", "statement", ("1290/HY000 The MySQL server is running with the --read-only option so it cannot execute this "
                                "statement", "stays")),
    ("query_timeout", "statement", ("3024/HY000 Query execution was interrupted, maximum statement execution time exceeded", "stays")),
    ("too_many_connections", "greeting", ("1040 Too many connections", "closed")),
    ("host_blocked", "greeting", ("1129 Host '127.0.0.1' is blocked because of many connection errors; unblock with "
                                  "'mysqladmin flush-hosts'", "closed")),
    ("host_not_allowed", "greeting", ("1130 Host '127.0.0.1' is not allowed to connect to this MySQL server", "closed")),
]


def play_mysql(end):
    mysql = wires.MySQL
    mysql.send(end.sock, 0, GREETING)
    mysql.packet(end.sock)
    mysql.send(end.sock, 2, b"\0\0\0\2\0\0\0")
    try:
        while True:
            mysql.packet(end.sock)
            mysql.send(end.sock, 1, b"\0\0\0\2\0\0\0")
    except (AssertionError, OSError):
        end.close()


def test_mysql_8(start, backend):
    backend.serve(play_mysql)
    proxy = start("--protocol", "mysql", backend=backend)
    wires.MySQL.session(proxy.port).close()
    table = Table("mysql", "MySQL 8.0.36 (from its manual)")
    deeds = {"idle": lambda f: idle(wires.MySQL, wires.MySQL.session, proxy, f),
             "statement": lambda f: asked(wires.MySQL, wires.MySQL.session, proxy, f,
                                          "INSERT INTO t VALUES (1)" if f == "read_only" else "SELECT 1"),
             "greeting": lambda f: connected(wires.MySQL, proxy, f)}
    for failure, moment, real in MANUAL:
        table.add(failure, moment, real, deeds[moment](failure))
    table.judge()


# ---- PostgreSQL ----

def pg_entering(port, user, password=None):
    sock = dialled(port)
    wires.Postgres.log_in(sock, user)
    if password:
        heard(sock)
        sock.sendall(b"p" + (len(password) + 5).to_bytes(4, "big") + password.encode() + b"\0")
    return outcome(wires.Postgres, sock)


@pytest.fixture
def postgres_pair():
    need_postgres("postgres")
    made = []
    try:
        for words in ([], ["-c", "max_connections=8", "-c", "superuser_reserved_connections=2", "-c", "max_wal_senders=0"]):
            one = Postgres(*words)
            made.append(one)
            with open(os.path.join(one.data, "pg_hba.conf"), "w") as rules:
                rules.write("local all all scram-sha-256\nhost all shop 127.0.0.1/32 password\nhost all all 127.0.0.1/32 trust\n")
            one.start()
        yield made
    finally:
        for one in made:
            one.destroy()


def pg_direct(server):
    direct = psycopg2.connect(host=server.directory, port=server.port, user="app", password="secret", dbname="app")
    direct.autocommit = True

    def do(*statements):
        with direct.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return cursor.fetchall() if cursor.description else None
    do.close = direct.close
    return do


def test_postgres(start, postgres_pair):
    calm, server = postgres_pair
    pg, proxy, do = wires.Postgres, start("--protocol", "postgres", backend=calm), pg_direct(server)
    table = Table("postgres", "PostgreSQL")
    for one in (do, pg_direct(calm)):
        one("CREATE TABLE t (i INT)", "INSERT INTO t VALUES (1)", "CREATE ROLE shop LOGIN PASSWORD 'secret'",
            "CREATE ROLE few LOGIN CONNECTION LIMIT 0", "CREATE ROLE web LOGIN", "GRANT ALL ON t TO PUBLIC")

    def ran(failure, statement, *before):
        sock = pg.session(server.port)
        for text in before:
            pg.done(sock, text)
        pg.ask(sock, statement)
        table.add(failure, "statement", outcome(pg, sock), asked(pg, pg.session, proxy, failure, statement))

    def entered(failure, user, password=None):
        table.add(failure, "login", pg_entering(server.port, user, password), struck(proxy, failure, lambda: pg_entering(proxy.port, user)))

    def rested(failure, sock, begun=False):
        other = pg.session(proxy.port)
        if begun:
            pg.done(other, "BEGIN")
        real = outcome(pg, sock)
        table.add(failure, "open transaction" if begun else "idle", real, struck(proxy, failure, lambda: outcome(pg, other)))

    ran("query_timeout", "SELECT pg_sleep(60)", "SET statement_timeout = 200")
    ran("read_only", "INSERT INTO t VALUES (2)", "SET default_transaction_read_only = on")
    do("BEGIN", "LOCK TABLE t")
    ran("lock_timeout", "UPDATE t SET i = 2", "SET lock_timeout = 200")
    do("ROLLBACK")
    for failure, function in (("query_canceled", "pg_cancel_backend"), ("shutting_down", "pg_terminate_backend")):
        sock = pg.session(server.port)
        pg.ask(sock, "SELECT pg_sleep(60)")
        until(lambda: do("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")[0][0] == 1, what="a statement to run")
        do("SELECT %s(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'" % function)
        table.add(failure, "statement", outcome(pg, sock), asked(pg, pg.session, proxy, failure, "SELECT pg_sleep(60)"))
    for failure, setting, begun in (("idle_in_transaction_timeout", "idle_in_transaction_session_timeout", True),
                                    ("idle_timeout", "idle_session_timeout", False)):
        sock = pg.session(server.port)
        pg.done(sock, "SET %s = 600" % setting)
        if begun:
            pg.done(sock, "BEGIN")
        rested(failure, sock, begun)
    entered("access_denied", "shop", "wrong")
    entered("too_many_user_connections", "few")
    kept = [pg.session(server.port, "app") for _ in range(5)]
    entered("overloaded", "web")
    kept += [pg.session(server.port, "app") for _ in range(2)]
    entered("too_many_connections", "app")
    do.close()
    rests, alive = kept[0], kept[1]
    server.process.send_signal(signal.SIGTERM)          # smart: who is in stays in, no one else comes
    until(lambda: "57P03" in pg_entering(server.port, "app")[0], what="the server to shut down")
    entered("shutting_down", "app")
    server.process.send_signal(signal.SIGINT)
    rested("shutting_down", rests)
    alive.close()
    server.stop()
    server.start()
    rests, victim = pg.session(server.port), pg.session(server.port)
    number = int(pg.done(victim, "SELECT 'pid ' || pg_backend_pid()").split(b"pid ")[1].split(b"C")[0])
    os.kill(number, signal.SIGKILL)
    rested("crash", rests)
    table.judge()


# ---- Redis ----

@pytest.fixture
def redises(tmp_path):
    running = []

    def one(*words):
        directory = tmp_path / str(len(running))
        directory.mkdir()
        port = free_port()
        running.append(subprocess.Popen([need("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir",
                                         str(directory), *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        until(lambda: listening(port), what="Redis to listen")
        return port
    one.running = running
    yield one
    for process in running:
        process.kill()
        process.wait()


def test_redis(start, redises, tmp_path_factory):
    lines, table = wires.Lines, Table("redis", "Redis")
    calm = Redis(tmp_path_factory.mktemp("calm")).start()
    try:
        redis_rows(lines, table, start("--protocol", "redis", backend=calm), redises)
    finally:
        calm.stop()
    table.judge()


def redis_rows(lines, table, proxy, redises):
    def ran(failure, port, line, *before):
        sock = dialled(port)
        for text in before:
            lines.done(sock, text)
        lines.ask(sock, line)
        table.add(failure, line, outcome(lines, sock), asked(lines, lines.session, proxy, failure, line))

    def rested(failure, sock):
        table.add(failure, "idle", outcome(lines, sock), idle(lines, lines.session, proxy, failure))

    port = redises("--maxclients", "2", "--timeout", "1")
    full = [dialled(port), dialled(port)]
    real = outcome(lines, dialled(port))
    for failure in ("too_many_connections", "overloaded"):
        table.add(failure, "accept", real, connected(lines, proxy, failure))
    rested("idle_timeout", full[0])
    port = redises("--requirepass", "secret")
    ran("no_auth", port, "GET k")
    ran("no_auth", port, "PING")
    ran("no_auth", port, "HELLO 3")
    ran("access_denied", port, "AUTH wrong")
    ran("access_denied", port, "AUTH app wrong")
    ran("access_denied", port, "HELLO 3 AUTH app wrong")
    ran("out_of_memory", redises("--maxmemory", "1"), "SET k v")
    ran("slot_not_served", redises("--cluster-enabled", "yes", "--cluster-port", str(free_port())), "GET k")
    ran("read_only", redises("--replicaof", "127.0.0.1", "1"), "SET k v")
    ran("masterdown", redises("--replicaof", "127.0.0.1", "1", "--replica-serve-stale-data", "no"), "GET k")
    ran("no_replicas", redises("--min-replicas-to-write", "1"), "SET k v")
    port = redises("--lua-time-limit", "50")
    looping, sock = dialled(port), dialled(port)
    lines.ask(looping, "EVAL \"while true do end\" 0")
    until(lambda: b"BUSY" in lines.done(sock, "PING"), what="a script to be too slow")
    ran("busy", port, "GET k")
    lines.done(sock, "SCRIPT KILL")
    port = redises()
    blocked, sock = dialled(port), dialled(port)
    lines.ask(blocked, "BLPOP list 0")
    until(lambda: b"blocked_clients:1" in lines.done(sock, "INFO clients"), what="a client to be blocked")
    lines.done(sock, "REPLICAOF 127.0.0.1 1")
    table.add("unblocked", "BLPOP list 0", outcome(lines, blocked), asked(lines, lines.session, proxy, "unblocked", "BLPOP list 0"))
    lines.done(sock, "REPLICAOF NO ONE")
    rests, blocked = dialled(port), dialled(port)
    lines.ask(blocked, "BLPOP list 0")
    until(lambda: b"blocked_clients:1" in lines.done(sock, "INFO clients"), what="a client to be blocked")
    lines.ask(sock, "SHUTDOWN NOSAVE")
    rested("shutting_down", rests)
    table.add("shutting_down", "BLPOP list 0", outcome(lines, blocked), asked(lines, lines.session, proxy, "shutting_down", "BLPOP list 0"))


# ---- memcached ----

def test_memcached(start, memcached, locked):          # noqa: F811
    lines, table, numbers = wires.Lines, Table("memcache", "memcached"), itertools.count()
    calm = memcached()
    proxy = start("--protocol", "memcache", backend=calm)

    def ran(failure, port, line, *before):
        sock = dialled(port)
        for text in before:
            lines.done(sock, text)
        lines.ask(sock, line)
        table.add(failure, line.split("\r\n")[0], outcome(lines, sock), asked(lines, lines.session, proxy, failure, line))

    crowded = memcached("-c", "20", "-t", "1")
    full = [dialled(crowded.port) for _ in range(20)]
    real = outcome(lines, dialled(crowded.port))
    for failure in ("too_many_connections", "overloaded"):
        table.add(failure, "accept", real, connected(lines, proxy, failure))
    for one in full:
        one.close()
    lazy = memcached("-o", "idle_timeout=1")
    sock = lines.session(lazy.port)
    lines.done(sock, "version")
    table.add("idle_timeout", "idle", outcome(lines, sock), idle(lines, lines.session, proxy, "idle_timeout"))
    small, value = memcached("-M", "-m", "8", "-t", "1"), "x" * 100000
    filler = End(lines.session(small.port))
    until(lambda: filler.send(b"set k%d 0 0 100000\r\n%s\r\n" % (next(numbers), value.encode())).read_to(b"\r\n") != b"STORED\r\n",
          what="the memory to be full")
    ran("out_of_memory", small.port, "set other 0 0 100000\r\n" + value)
    ran("too_big", calm.port, "set k 0 0 3000000\r\n" + "x" * 3000000)
    ran("no_auth", locked.port, "get k")
    ran("access_denied", locked.port, "set k 0 0 9\r\napp wrong")
    ran("miss", calm.port, "get nothing")
    lines.done(lines.session(calm.port), "set k 0 0 1\r\nx")
    ran("conflict", calm.port, "cas k 0 0 1 999\r\nx")
    leaving = memcached()
    sock = lines.session(leaving.port)
    lines.done(sock, "version")
    leaving.process.send_signal(signal.SIGTERM)
    table.add("shutting_down", "idle", outcome(lines, sock), idle(lines, lines.session, proxy, "shutting_down"))
    table.judge()


# ---- Postfix ----

def test_postfix(start):
    need("postfix")
    if os.getuid():
        pytest.skip("Postfix runs as root only")
    smtp, table = wires.SMTP, Table("smtp", "Postfix")
    calm = Postfix()
    server = Postfix(smtpd_client_connection_count_limit="3", smtpd_recipient_limit="1", smtpd_client_event_limit_exceptions="",
                     smtpd_hard_error_limit="2", smtpd_timeout="1s", message_size_limit="2000", smtpd_client_message_rate_limit="9",
                     smtpd_soft_error_limit="100")
    try:
        for one in (calm, server):
            for moment, code, text in (("mail", "553 5.1.8", "Domain not found"), ("rcpt", "451 4.7.1", "Greylisted, try again later"),
                                       ("rcpt", "452 4.2.2", "Mailbox full"), ("rcpt", "450 4.2.1", "mailbox busy")):
                with open(one.path(moment), "a") as rules:
                    rules.write("/^%s-/ %s %s\n" % (code.replace(" ", "."), code, text))
            one.start()
        postfix_rows(smtp, table, server, start("--protocol", "smtp", backend=calm))
    finally:
        calm.destroy()
        server.destroy()
    table.judge()


def greeted(port):
    """A client that Postfix has taken: it learns a moment later that others have left."""
    def one():
        sock = dialled(port)
        if sock.recv(100).startswith(b"220"):
            return sock
        sock.close()
        return None
    return until(one, what="Postfix to take a client")


def postfix_rows(smtp, table, server, proxy):
    def ran(failure, line, *before):
        both = []
        for port in (server.port, proxy.port):
            sock = smtp.session(port)
            for text in before:
                assert smtp.done(sock, text)[:1] in b"23", text
            if port == proxy.port:
                proxy.set("error", failure=failure, match=".")
            smtp.ask(sock, line)
            both.append(outcome(smtp, sock))
            proxy.set("dummy")
        # Postfix waits for no more than a second here, and says so
        real = (both[0][0].split("; 421 4.4.2")[0], "stays" if "421 4.4.2" in both[0][0] else both[0][1])
        table.add(failure, line.split(":")[0].split(" ")[0], real, both[1])

    mail = "MAIL FROM:<me@example.test>"
    ran("too_big", "MAIL FROM:<me@example.test> SIZE=100000")
    ran("sender_rejected", "MAIL FROM:<553.5.1.8-me@example.test>")
    ran("user_unknown", "RCPT TO:<nobody@example.test>", mail)
    ran("user_unknown", "VRFY nobody@example.test")
    ran("relay_denied", "RCPT TO:<bob@elsewhere.test>", mail)
    ran("greylisted", "RCPT TO:<451.4.7.1-bob@example.test> NOTIFY=NEVER", mail)
    ran("mailbox_full", "RCPT TO:<452.4.2.2-bob@example.test>", mail)
    ran("mailbox_busy", "RCPT TO:450.4.2.1-bob@example.test", mail)
    ran("too_many_recipients", "RCPT TO:<bob@example.test>", mail, "RCPT TO:<alice@example.test>")
    sock = smtp.session(server.port)
    table.add("idle_timeout", "idle", outcome(smtp, sock), idle(smtp, smtp.session, proxy, "idle_timeout"))
    full = [greeted(server.port) for _ in range(3)]
    table.add("too_many_connections", "greeting", outcome(smtp, dialled(server.port)), connected(smtp, proxy, "too_many_connections"))
    for one in full:
        one.close()
    sock = greeted(server.port)
    assert smtp.done(sock, "EHLO client.test").startswith(b"250")
    server.stop()
    table.add("shutting_down", "idle", outcome(smtp, sock), idle(smtp, smtp.session, proxy, "shutting_down"),
              "as RFC 5321 (3.8) has servers answer")


# ---- nginx ----

class HTTP(wires.Lines):
    @classmethod
    def session(cls, port):
        sock = dialled(port)
        assert cls.done(sock, "GET /small.txt HTTP/1.1\r\nHost: x\r\n").startswith(b"HTTP/1.1 200")
        return sock


def test_nginx(start, nginx, tmp_path):                # noqa: F811
    table, proxy = Table("http", "nginx"), start("--protocol", "http", backend=nginx)
    port = free_port()
    conf = tmp_path / "conf"
    conf.write_text("daemon off; master_process on; error_log stderr; pid %s/pid; worker_processes 1; events {}\n"
                    "http { access_log off; keepalive_timeout 1s; client_body_temp_path %s/body;\n"
                    "server { listen 127.0.0.1:%d; location / { return 200 small; } } }\n" % (tmp_path, tmp_path, port))
    process = subprocess.Popen([need("nginx"), "-p", str(tmp_path), "-c", str(conf)], stderr=subprocess.DEVNULL)
    try:
        until(lambda: listening(port), what="nginx to listen")
        table.add("idle_timeout", "idle", outcome(HTTP, HTTP.session(port)), idle(HTTP, HTTP.session, proxy, "idle_timeout"))
        sock = HTTP.session(port)
        process.send_signal(signal.SIGQUIT)             # in good order: requests are answered, who has none is closed
        table.add("shutting_down", "idle", outcome(HTTP, sock), idle(HTTP, HTTP.session, proxy, "shutting_down", patience(2)),
                  "as a server behind a load balancer, whose next request gets 503")
    finally:
        process.kill()
        process.wait()
    table.judge()
