"""PostgreSQL and its real drivers through vaurien: invisible as dummy, and each fault as the application sees it."""
import asyncio
import contextlib
import io
import json
import os
import random
import re
import signal
import socket
import struct
import subprocess
import threading

import pytest

from conftest import Control
from harness import Clock, need_module, patience, until
from pools import meet_every_behavior, outcome, pool, query
from server_postgres import AS_OTHER, Postgres, connect, need_postgres, postgres, proxies, proxy  # noqa: F401: fixtures
from server_postgres import psycopg2

asyncpg = need_module("asyncpg")
psycopg = need_module("psycopg")

WORDS = {"host": "127.0.0.1", "user": "app", "password": "secret"}


def ask(connection, query="SELECT 1", *args):
    """All rows of one statement; None where it has none."""
    with connection.cursor() as cursor:
        cursor.execute(query, args or None)
        return cursor.fetchall() if cursor.description else None


def error_of(connection, query="SELECT 1"):
    """The error that a statement meets."""
    with pytest.raises(psycopg2.Error) as caught:
        ask(connection, query)
    return caught.value


def code_of(connection, query="SELECT 1"):
    return error_of(connection, query).pgcode


class Table:
    """An empty table `kept` (n), read by a direct connection."""

    def __init__(self, direct):
        self.direct = direct
        ask(direct, "DROP TABLE IF EXISTS kept; CREATE TABLE kept (n int)")

    def rows(self):
        return sorted(n for n, in ask(self.direct, "SELECT n FROM kept"))


@pytest.fixture
def table(postgres, connect):
    return Table(connect(postgres))


def with_asyncpg(end, play, **options):
    """What play(connection) returns, with an asyncpg connection."""
    async def go():
        connection = await asyncpg.connect(port=end.port, database="app", timeout=patience(), command_timeout=patience(),
                                           **dict(WORDS, **options))
        try:
            return await play(connection)
        finally:
            connection.terminate()
    return asyncio.run(go())


def with_psycopg(end, **options):
    return psycopg.connect(port=end.port, dbname="app", connect_timeout=patience(), **dict(WORDS, **options))


def piped(end, *steps, between=None):
    """Statements sent all at once, None being a Sync: of each its status, the error's code and the rows."""
    told = []
    with with_psycopg(end, autocommit=True) as c:
        if between:
            between()
        c.pgconn.enter_pipeline_mode()
        for step in steps:
            if step is None:
                c.pgconn.pipeline_sync()
            else:
                c.pgconn.send_query_params(step.encode(), None)
        for step in steps:
            result = c.pgconn.get_result()
            code = result.error_field(psycopg.pq.DiagnosticField.SQLSTATE)
            told.append((psycopg.pq.ExecStatus(result.status).name, code and code.decode(),
                         [result.get_value(row, 0) for row in range(result.ntuples)]))
            assert step is None or c.pgconn.get_result() is None
        c.pgconn.exit_pipeline_mode()
    return told


# ---- (a) dummy: nothing to see ----

def workload(connection, big):
    """The simple protocol: all sorts of statements; what they answered."""
    told = []

    def say(query, *args):
        with connection.cursor() as cursor:
            try:
                cursor.execute(query, args or None)
                told.append((cursor.rowcount, cursor.statusmessage, cursor.fetchall() if cursor.description else None))
            except psycopg2.Error as error:
                told.append((error.pgcode, error.diag.message_primary))

    say("DROP TABLE IF EXISTS mixed")
    say("CREATE TABLE mixed (id serial PRIMARY KEY, word text, data bytea)")
    for i in range(20):
        say("INSERT INTO mixed (word) VALUES (%s) RETURNING id", "word %d" % i)
    say("SELECT id, word FROM mixed ORDER BY id")
    say("SELECT '' AS empty, NULL AS nothing")
    say("SELECT * FROM mixed WHERE id < 0")
    say("SELECT * FROM nowhere")
    say("INSERT INTO mixed (id) VALUES (1)")
    say("SELECT 1; SELECT 2, 3; UPDATE mixed SET word = 'y' WHERE id = 7; SELECT 4")
    say("SELECT 1; SELECT bad; SELECT 5")
    for last in ("ROLLBACK", "COMMIT"):
        for query in ("BEGIN", "UPDATE mixed SET word = 'x' WHERE id < 5", "SELECT count(*) FROM mixed WHERE word = 'x'", last,
                      "SELECT count(*) FROM mixed WHERE word = 'x'"):
            say(query)
    say("BEGIN; SELECT bad")
    say("SELECT 1")
    say("COMMIT")
    say("DO $$ BEGIN FOR i IN 1..3 LOOP RAISE NOTICE 'notice %%', i; END LOOP; END $$")
    told.append(connection.notices[-3:])
    say("SET application_name = 'mixed'")
    told.append(connection.get_parameter_status("application_name"))
    say("LISTEN ears")
    say("NOTIFY ears, 'payload'")
    told.append([(n.channel, n.payload) for n in connection.notifies])
    blob = os.urandom(1 << 16) * (big >> 16)
    say("UPDATE mixed SET data = %s WHERE id = 3", psycopg2.Binary(blob))
    told.append(bytes(ask(connection, "SELECT data FROM mixed WHERE id = 3")[0][0]) == blob)
    rows = "".join("%d\tcopied %d\n" % (i, i) for i in range(100, big // 200 + 200))
    with connection.cursor() as cursor:
        cursor.copy_expert("COPY mixed (id, word) FROM STDIN", io.StringIO(rows))
        told.append(cursor.rowcount)
        try:
            cursor.copy_expert("COPY mixed (id, word) FROM STDIN", io.StringIO("1000000\tgood\nbad\tbad\n" + rows))
        except psycopg2.Error as error:
            told.append(error.pgcode)
        out = io.StringIO()
        cursor.copy_expert("COPY (SELECT id, word FROM mixed WHERE id >= 100 ORDER BY id) TO STDOUT", out)
        told.append(out.getvalue() == rows)
    connection.autocommit = False
    large = connection.lobject(0, "wb")         # function calls
    large.write(b"large" * (big // 100))
    oid = large.oid
    large.close()
    told.append(len(connection.lobject(oid, "rb").read()))
    connection.lobject(oid).unlink()
    connection.commit()
    with connection.cursor("by_name") as cursor:        # rows as they are fetched
        cursor.execute("SELECT g, repeat('z', 200) FROM generate_series(1, %s) g", (big // 2000,))
        told.append(sum(1 for _ in cursor))
    connection.rollback()
    connection.autocommit = True
    say("DROP TABLE mixed")
    return told


def test_a_mixed_workload_through_dummy_is_as_direct(postgres, proxies, connect, bufsize):
    big = 200 << 10 if bufsize else 20 << 20
    direct = workload(connect(postgres), big)
    through = workload(connect(proxies), big)
    assert through == direct
    assert True in direct and False not in direct
    assert " raw " not in proxies.log()


def binary(end, big):
    """The extended protocol, with pipelines: what was answered."""
    told, rows = [], min(big // 200, 10_000)

    async def play(c):
        await c.execute("DROP TABLE IF EXISTS extended; CREATE TABLE extended (id int PRIMARY KEY, data bytea)")
        statement = await c.prepare("SELECT $1::int + 1, $2::text")
        told.append([tuple(await statement.fetchrow(i, "x" * i)) for i in range(20)])
        blob = os.urandom(1 << 16) * (big >> 16)
        await c.execute("INSERT INTO extended VALUES ($1, $2)", 0, blob)
        told.append(await c.fetchval("SELECT data FROM extended WHERE id = $1", 0) == blob)
        await c.executemany("INSERT INTO extended VALUES ($1, $2)", [(i, b"many") for i in range(1, rows)])
        told.append(await c.fetchval("SELECT count(*) FROM extended"))
        for query, *args in (("SELECT 1 / $1::int", 0), ("SELECT * FROM nowhere",), ("INSERT INTO extended VALUES ($1)", 1)):
            with pytest.raises(asyncpg.PostgresError) as caught:
                await c.fetch(query, *args)
            told.append(caught.value.sqlstate)
        with pytest.raises(asyncpg.UniqueViolationError):
            await c.executemany("INSERT INTO extended VALUES ($1, $2)", [(-1, b""), (1, b""), (-2, b"")])
        told.append(await c.fetchval("SELECT count(*) FROM extended WHERE id < 0"))
        async with c.transaction():
            told.append([row[0] async for row in c.cursor("SELECT generate_series(1, 500)", prefetch=40)])
        told.append(await c.copy_records_to_table("extended", records=[(-i, b"copied") for i in range(1, 1000)]))
        out = io.BytesIO()
        told.append(await c.copy_from_query("SELECT id FROM extended WHERE id < $1", 0, output=out))
        told.append(out.getvalue())
        await c.execute("DROP TABLE extended")
    with_asyncpg(end, play)
    with with_psycopg(end) as c:
        with c.pipeline():
            cursors = [c.execute("SELECT %s::int", (i,)) for i in range(100)]
            told.append([cursor.fetchone() for cursor in cursors])
        c.execute("CREATE TEMP TABLE piped (n int PRIMARY KEY, word text)")
        c.cursor().executemany("INSERT INTO piped VALUES (%s, %s)", [(i, "w") for i in range(rows)])
        with c.cursor().copy("COPY piped FROM STDIN") as copy:
            copy.write_row((-1, "by copy"))
        with c.cursor().copy("COPY (SELECT n FROM piped WHERE n < 0) TO STDOUT") as copy:
            told.append(b"".join(bytes(piece) for piece in copy))
        told.append(c.execute("SELECT count(*) FROM piped WHERE n > %s", (10,), prepare=True, binary=True).fetchone())
    told.append(piped(end, "CREATE TEMP TABLE piped (n int PRIMARY KEY)", None, "INSERT INTO piped VALUES (1)", "SELECT 1", None,
                      "INSERT INTO piped VALUES (2)", "INSERT INTO piped VALUES (1)", "SELECT 2", "SELECT 3", None,
                      "SELECT n FROM piped", None, None))
    return told


def test_the_extended_protocol_through_dummy_is_as_direct(postgres, proxies, bufsize):
    big = 100 << 10 if bufsize else 20 << 20
    assert binary(proxies, big) == binary(postgres, big)
    assert " raw " not in proxies.log()


def programs(end, directory, *words):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=patience(120), cwd=str(directory),
                          env=dict(os.environ, PGHOST="127.0.0.1", PGPORT=str(end.port), PGUSER="app", PGPASSWORD="secret",
                                   PGDATABASE="app", PGSSLMODE=os.environ.get("PGSSLMODE", "disable"))).stdout


def test_psql_a_dump_and_a_restore(postgres, proxies, connect, tmp_path, bufsize):
    direct = connect(postgres)
    ask(direct, "DROP TABLE IF EXISTS dumped")
    ask(direct, "CREATE TABLE dumped AS SELECT g, md5(g::text) FROM generate_series(1, %d) g" % (500 if bufsize else 50000))
    for words in (["psql", "-c", "SELECT * FROM dumped", "-c", "\\d dumped", "-c", "\\dt"],
                  ["psql", "-v", "FETCH_COUNT=100", "-c", "SELECT * FROM dumped"],
                  ["pg_dump", "-t", "dumped"]):
        words[0] = need_postgres(words[0])
        said = [re.sub(rb"(?m)^\\(un)?restrict .*", b"", programs(end, tmp_path, *words)) for end in (postgres, proxies)]
        assert said[0] == said[1]               # but for a word that a dump draws
    (tmp_path / "dump.sql").write_bytes(said[1])
    ask(direct, "DROP TABLE dumped")
    programs(proxies, tmp_path, need_postgres("psql"), "-v", "ON_ERROR_STOP=1", "-q", "-f", "dump.sql")
    assert ask(direct, "SELECT count(*) FROM dumped") == [(500 if bufsize else 50000,)]
    assert " raw " not in proxies.log()


@pytest.mark.parametrize("mode", ["simple", "extended", "prepared"])
def test_pgbench(postgres, proxies, tmp_path, mode, bufsize):
    """Its ten megabytes are copied in through the proxy once, and not byte by byte: the test before this one has a COPY for that."""
    bench = need_postgres("pgbench")
    programs(proxies if mode == "simple" else postgres, tmp_path, bench, "-i", "-q", "-I", "dtGvp" if bufsize else "dtgvp")
    said = programs(proxies, tmp_path, bench, "-M", mode, "-c", "4", "-t", "50").decode()
    assert "200/200" in said and "number of failed transactions: 0 " in said
    (tmp_path / "pipeline.sql").write_text("\\startpipeline\n" + "SELECT 1;\nSELECT abalance FROM pgbench_accounts WHERE aid = 7;\n" * 20 +
                                           "\\endpipeline\n")
    if mode != "simple":
        said = programs(proxies, tmp_path, bench, "-n", "-f", "pipeline.sql", "-M", mode, "-c", "2", "-t", "50").decode()
        assert "100/100" in said
    assert " raw " not in proxies.log()


def test_a_replica_is_let_by_raw(postgres, proxy, tmp_path):
    programs(proxy, tmp_path, need_postgres("pg_basebackup"), "-D", str(tmp_path / "copy"), "-X", "stream", "-c", "fast")
    assert (tmp_path / "copy" / "PG_VERSION").exists()
    proxy.logged("raw .*replication")


def test_a_statement_is_cancelled_through_the_proxy(proxies, connect):
    application = connect(proxies)
    timer = threading.Timer(0.3, application.cancel)
    timer.start()
    with Clock() as took:
        assert code_of(application, "SELECT pg_sleep(600)") == "57014"
    assert took.seconds < patience(5)
    timer.join()
    assert ask(application) == [(1,)]


# ---- (b) each behavior, set live; the same process and the same pool recover ----

def make_engine(end, **words):
    url = "postgresql+psycopg2://app:secret@127.0.0.1:%d/app?connect_timeout=%d" % (end.port, patience())
    return pool(url, **words)


@pytest.mark.parametrize("pre_ping", [False, True])
def test_a_pool_meets_every_behavior_and_recovers(proxies, pre_ping):
    meet_every_behavior(make_engine(proxies, pool_pre_ping=pre_ping), proxies)


def test_the_extended_protocol_meets_every_behavior_and_recovers(proxies):
    """One asyncpg pool, all the while."""
    async def go():
        pool = await asyncpg.create_pool(port=proxies.port, database="app", min_size=2, max_size=2, timeout=patience(),
                                         command_timeout=patience(), **WORDS)

        async def outcome_of():
            try:
                return await pool.fetchval("SELECT $1::int + 2", 40)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                return type(error).__name__

        async def recovers():
            for _ in range(6):
                if await outcome_of() == 42:
                    assert [await outcome_of() for _ in range(3)] == [42] * 3
                    return True
        assert await outcome_of() == 42
        proxies.ctl.set("delay", sleep=0.1)
        with Clock() as took:
            assert await outcome_of() == 42
        assert took.seconds > 0.1
        for name in ("error", "abort", "blackout"):
            proxies.ctl.set(name)
            assert isinstance(await outcome_of(), str), name
            proxies.ctl.set("dummy")
            assert await recovers(), name
        proxies.ctl.set("error", failure="deadlock")
        assert await outcome_of() == "DeadlockDetectedError"
        proxies.ctl.set("hang")
        waiter = asyncio.ensure_future(outcome_of())
        await asyncio.sleep(0.5)
        assert not waiter.done()
        proxies.ctl.set("dummy")
        assert await waiter == 42
        pool.terminate()
    asyncio.run(go())
    assert " raw " not in proxies.log()


# ---- (c) failures by name ----

# Name: the statement it strikes, the code, and whether the connection can be used afterwards.
FAILURES = [
    ("serialization_failure", "SELECT 1", "40001", True),
    ("deadlock", "SELECT 1", "40P01", True),
    ("recovery_conflict", "SELECT 1", "40001", True),
    ("read_only", "INSERT INTO kept VALUES (1)", "25006", True),
    ("lock_timeout", "UPDATE kept SET n = 1", "55P03", True),
    ("query_timeout", "SELECT 1", "57014", True),
    ("query_canceled", "SELECT 1", "57014", True),
    ("disk_full", "INSERT INTO kept VALUES (1)", "53100", True),
    ("out_of_memory", "SET x.y = 1", "53200", True),
    ("io_error", "SELECT 1", "58030", True),
    ("shutting_down", "SELECT 1", "57P01", False),
    ("crash", "SELECT 1", None, False),                 # a notice, then the end
    ("pooler_timeout", "SELECT 1", "08P01", False),
    ("pooler_server_shutting_down", "SELECT 1", "08P01", False),
    ("pooler_shutting_down", "SELECT 1", "08P01", False),
    ("gone", "SELECT 1", None, False),
]
AT_LOGIN = {
    "starting_up": "the database system is starting up", "shutting_down": "the database system is shutting down",
    "crash": "the database system is in recovery mode", "too_many_connections": "sorry, too many clients already",
    "overloaded": "remaining connection slots are reserved", "access_denied": "password authentication failed",
    "too_many_user_connections": "too many connections for role \"app\"",
    "pooler_overloaded": "no more connections allowed", "pooler_login_failing": "server login has been failing",
    "pooler_shutting_down": "pooler is shutting down", "gone": "server closed the connection unexpectedly",
}
AT_REST = {
    "shutting_down": "administrator command", "crash": "because of crash", "idle_timeout": "idle-session timeout",
    "idle_in_transaction_timeout": "idle-in-transaction timeout", "pooler_idle_timeout": "client_idle_timeout",
    "pooler_shutting_down": "pooler is shutting down", "gone": "",
}


@pytest.mark.parametrize("name, statement, code, usable", [row for row in FAILURES if row[0] not in AT_REST])
def test_a_failure_by_name(proxies, connect, table, name, statement, code, usable):
    application = connect(proxies)
    proxies.ctl.set("error", failure=name)
    error = error_of(application, statement)
    assert table.rows() == []
    proxies.ctl.set("dummy")
    if usable:
        assert error.pgcode == code
        assert ask(application) == [(1,)]
    else:                                       # psycopg2 keeps the last word: that the connection is lost
        assert isinstance(error, psycopg2.OperationalError) and application.closed
        assert ask(connect(proxies)) == [(1,)]


@pytest.mark.parametrize("name, code", [(name, code) for name, _, code, usable in FAILURES if not usable])
def test_a_failure_that_ends_the_connection_comes_in_turn(proxies, table, name, code):
    """What is being answered when the outage comes is answered; then the connection ends."""
    with contextlib.closing(with_psycopg(proxies, autocommit=True)) as c:
        c.pgconn.enter_pipeline_mode()
        for statement in ("SELECT pg_sleep(1)", "INSERT INTO kept VALUES (1)"):
            c.pgconn.send_query_params(statement.encode(), None)
            c.pgconn.pipeline_sync()
            proxies.ctl.set("error", failure=name)
        results = [c.pgconn.get_result() for _ in range(4)]
        assert [result and psycopg.pq.ExecStatus(result.status).name for result in results] == [
            "TUPLES_OK", None, "PIPELINE_SYNC", "FATAL_ERROR"]
        got = results[3].error_field(psycopg.pq.DiagnosticField.SQLSTATE)
        assert (got and got.decode()) == code
    proxies.ctl.set("dummy")
    assert table.rows() == []


@pytest.mark.parametrize("name", [name for name, _, code, usable in FAILURES if usable])
def test_a_failure_by_name_in_the_extended_protocol(proxies, table, name):
    _, statement, code, _ = next(row for row in FAILURES if row[0] == name)
    statement = "SELECT 1" if name == "out_of_memory" else statement

    async def play(c):
        prepared = await c.prepare(statement)
        proxies.ctl.set("error", failure=name)
        for _ in range(2):
            with pytest.raises(asyncpg.PostgresError) as caught:
                await prepared.fetch()
            assert caught.value.sqlstate == code
        proxies.ctl.set("dummy")
        assert await c.fetchval("SELECT $1::int", 7) == 7
    with_asyncpg(proxies, play)
    assert table.rows() == []


@pytest.mark.parametrize("name", sorted(AT_LOGIN))
def test_no_login(proxies, connect, name):
    proxies.ctl.set("error", failure=name)
    with pytest.raises(psycopg2.OperationalError, match=AT_LOGIN[name]):
        connect(proxies)
    proxies.ctl.set("dummy")
    assert ask(connect(proxies)) == [(1,)]


@pytest.mark.parametrize("name", sorted(AT_REST))
def test_idle_connections_are_told_and_closed(proxies, connect, name):
    application = connect(proxies, autocommit=name != "idle_in_transaction_timeout")
    assert ask(application) == [(1,)]
    proxies.ctl.set("error", failure=name)
    with socket.socket(fileno=os.dup(application.fileno())) as sock:
        sock.setblocking(True)
        sock.settimeout(patience())
        said = b""
        while True:
            piece = sock.recv(4096)
            if not piece:
                break
            said += piece
    assert AT_REST[name].encode() in said and (said != b"" or name == "gone")
    proxies.ctl.set("dummy")
    with pytest.raises(psycopg2.Error):
        ask(application)
    assert ask(connect(proxies)) == [(1,)]


def test_who_is_idle_in_no_transaction_stays(proxies, connect):
    application, other = connect(proxies), connect(proxies, autocommit=False)
    assert ask(application) == ask(other) == [(1,)]
    other.rollback()
    proxies.ctl.set("error", failure="idle_in_transaction_timeout")
    assert ask(application) == [(1,)]
    assert proxies.api("GET", "/behavior")[1]["hits"] == 0
    with pytest.raises(psycopg2.OperationalError):
        ask(other)
        ask(other)
    assert ask(application) == [(1,)]


def offered(run):
    """The failures of this protocol on the page docs/protocols.md."""
    page = run("--list=protocols.md").stdout
    part = re.split(r"^## ", page, flags=re.M)
    mine = next(text for text in part if text.startswith("postgres"))
    return set(re.findall(r"^\| `(\w+)` \| [0-9A-Z]{3,5} \|", mine, re.M))


def test_every_failure_that_is_offered_is_tested(run):
    assert offered(run) == {row[0] for row in FAILURES} | set(AT_LOGIN) | set(AT_REST)


def test_a_read_only_server_still_reads(proxies, connect, table):
    application = connect(proxies)
    proxies.ctl.set("error", failure="read_only")
    assert ask(application, "SELECT 1") == [(1,)]
    for statement, named in (("INSERT INTO kept VALUES (1)", "INSERT"), ("UPDATE kept SET n = 2", "UPDATE"),
                             ("DELETE FROM kept", "DELETE"), ("CREATE TABLE other (n int)", "CREATE TABLE"),
                             ("COPY kept FROM STDIN", "COPY FROM")):
        assert error_of(application, statement).diag.message_primary == "cannot execute %s in a read-only transaction" % named
    assert ask(application, "SELECT count(*) FROM kept") == [(0,)]


# ---- words: as the real server says them ----

def words_of(error):
    return error.pgcode, error.diag.severity, error.diag.message_primary


def real_errors(server, connect):
    """Real outages, one by one: {failure: (code, severity, text)}."""
    found = {}
    one, two, watch = connect(server), connect(server), connect(server)
    ask(one, "DROP TABLE IF EXISTS fought; CREATE TABLE fought (n int PRIMARY KEY, v int); INSERT INTO fought VALUES (1, 1), (2, 2)")
    ask(one, "SET default_transaction_read_only = on")
    found["read_only"] = words_of(error_of(one, "INSERT INTO fought VALUES (3, 3)"))
    ask(one, "SET default_transaction_read_only = off")
    ask(one, "SET statement_timeout = 50")
    found["query_timeout"] = words_of(error_of(one, "SELECT pg_sleep(9)"))
    ask(one, "SET statement_timeout = 0; SET lock_timeout = 50")
    ask(two, "BEGIN; LOCK fought")
    found["lock_timeout"] = words_of(error_of(one, "UPDATE fought SET v = 9"))
    ask(two, "ROLLBACK")
    ask(one, "SET lock_timeout = 0")
    for connection in one, two:
        ask(connection, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM fought")
    ask(one, "UPDATE fought SET v = 5 WHERE n = 1; COMMIT")
    found["serialization_failure"] = words_of(error_of(two, "UPDATE fought SET v = 6 WHERE n = 1"))
    ask(two, "ROLLBACK")
    ask(one, "SET deadlock_timeout = 50; BEGIN; UPDATE fought SET v = 1 WHERE n = 1")
    ask(two, "SET deadlock_timeout = 9000; BEGIN; UPDATE fought SET v = 1 WHERE n = 2")
    other = threading.Thread(target=lambda: ask(two, "UPDATE fought SET v = 1 WHERE n = 1"))
    other.start()
    until(lambda: ask(watch, "SELECT count(*) FROM pg_locks WHERE NOT granted") == [(1,)], what="the other to wait")
    found["deadlock"] = words_of(error_of(one, "UPDATE fought SET v = 1 WHERE n = 2"))
    other.join()
    ask(two, "ROLLBACK")
    ask(one, "ROLLBACK")
    return found


def test_the_words_are_the_servers_own(postgres, proxies, connect, table):
    real = real_errors(postgres, connect)
    for name, words in real.items():
        application = connect(proxies)
        statement = "INSERT INTO kept VALUES (1)" if name == "read_only" else "UPDATE kept SET n = 1"
        proxies.ctl.set("error", failure=name)
        assert words_of(error_of(application, statement)) == words, name
        proxies.ctl.set("dummy")


def login_bytes(port):
    """A login without a password's exchange is refused early enough: what the server said then."""
    with socket.create_connection(("127.0.0.1", port), patience()) as sock:
        body = struct.pack("!I", 196608) + b"user\0app\0database\0app\0\0"
        sock.sendall(struct.pack("!I", len(body) + 4) + body)
        said = b""
        try:
            while True:
                piece = sock.recv(4096)
                if not piece or piece[:1] == b"R":
                    return said
                said += piece
        except OSError:
            return said


def fields(message):
    """An error's or notice's own: without file, line and routine."""
    return message[:1], [part for part in message[5:].split(b"\0") if part and part[:1] in b"SVCMDH"]


def idle_bytes(connection):
    with socket.socket(fileno=os.dup(connection.fileno())) as sock:
        sock.setblocking(True)
        sock.settimeout(patience())
        said = b""
        try:
            while True:
                piece = sock.recv(4096)
                if not piece:
                    return said
                said += piece
        except OSError:
            return said


def test_outages_of_a_whole_server_are_worded_as_it_does(start, connect):
    """A server of its own: crashed, recovering, full, shutting down; then the same by name."""
    server = Postgres("-c", "restart_after_crash=on", "-c", "max_connections=4", "-c", "superuser_reserved_connections=0",
                      "-c", "max_wal_senders=0", "-c", "idle_in_transaction_session_timeout=300ms").start()
    try:
        one = start("--protocol", "postgres", backend=server)
        one.ctl = Control(one)
        plain = {"sslmode": "disable"}
        real = {}

        def come():
            try:
                return connect(server, **plain)
            except psycopg2.OperationalError:   # who asked whether it is up has not gone quite yet
                return None
        four = [until(come) for _ in range(4)]
        real["too_many_connections"] = login_bytes(server.port)
        ask(four[0], "BEGIN")
        real["idle_in_transaction_timeout"] = idle_bytes(four[0])
        pid = ask(four[1], "SELECT pg_backend_pid()")[0][0]
        os.kill(pid, signal.SIGKILL)            # a crash of one is a crash of all
        real["crash"] = idle_bytes(four[2])
        until(lambda: not login_bytes(server.port), what="the server to recover")
        idle = connect(server, **plain)
        server.process.send_signal(signal.SIGINT)
        real["shutting_down"] = idle_bytes(idle)
        server.stop()
        server.start()
        for name, said in real.items():
            idle = None if name == "too_many_connections" else connect(one, **plain)
            if name == "idle_in_transaction_timeout":
                ask(idle, "BEGIN")
            one.ctl.set("error", failure=name)
            mine = idle_bytes(idle) if idle else login_bytes(one.port)
            assert fields(mine) == fields(said), name
            one.ctl.set("dummy")
    finally:
        server.destroy()


# ---- (d) transactions ----

def test_a_refused_statement_fails_its_transaction_for_real(proxies, connect, table):
    application = connect(proxies, autocommit=False)
    ask(application, "INSERT INTO kept VALUES (1)")
    proxies.ctl.set("error", failure="serialization_failure")
    assert code_of(application, "INSERT INTO kept VALUES (2)") == "40001"
    proxies.ctl.set("dummy")
    assert application.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_INERROR
    assert code_of(application, "INSERT INTO kept VALUES (3)") == "25P02"
    application.commit()                        # which the server answers with ROLLBACK
    assert table.rows() == []
    ask(application, "INSERT INTO kept VALUES (10)")
    application.commit()
    assert table.rows() == [10]


def test_a_savepoint_saves_what_was_before(proxies, connect, table):
    application = connect(proxies, autocommit=False)
    ask(application, "INSERT INTO kept VALUES (1)")
    ask(application, "SAVEPOINT here")
    proxies.ctl.set("error", failure="deadlock")
    assert code_of(application, "INSERT INTO kept VALUES (2)") == "40P01"
    ask(application, "ROLLBACK TO here")
    proxies.ctl.set("dummy")
    ask(application, "INSERT INTO kept VALUES (3)")
    application.commit()
    assert table.rows() == [1, 3]


def test_a_refused_commit_ends_the_transaction(proxies, connect, table):
    application = connect(proxies, autocommit=False)
    ask(application, "SET LOCAL application_name = 'inside'")
    ask(application, "INSERT INTO kept VALUES (1)")
    proxies.ctl.set("error", failure="serialization_failure")
    with pytest.raises(psycopg2.errors.SerializationFailure):
        application.commit()
    proxies.ctl.set("dummy")
    assert application.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_IDLE
    assert application.get_parameter_status("application_name") == ""  # the rollback's word of it got through
    assert table.rows() == []
    ask(application, "INSERT INTO kept VALUES (2)")
    application.commit()
    assert table.rows() == [2]


def test_error_strikes_statements_and_lets_roll_back(proxies, connect, table):
    """All fails, under any name; the driver's rollback works all the same."""
    application = connect(proxies, autocommit=False)
    proxies.ctl.set("error")
    for _ in range(20):
        with pytest.raises(psycopg2.Error):
            ask(application, "INSERT INTO kept VALUES (1)")
        application.rollback()
    proxies.ctl.set("dummy")
    assert ask(application) == [(1,)]
    assert table.rows() == []


def test_many_statements_in_one_query_are_one_transaction(proxies, connect, table):
    application = connect(proxies)
    proxies.ctl.set("error", failure="disk_full")
    assert code_of(application, "INSERT INTO kept VALUES (1); INSERT INTO kept VALUES (2)") == "53100"
    proxies.ctl.set("dummy")
    assert table.rows() == []


def test_a_refused_execute_fails_its_transaction_and_its_unit(proxies, table):
    async def play(c):
        inside = c.transaction()
        await inside.start()
        await c.execute("INSERT INTO kept VALUES ($1)", 1)
        proxies.ctl.set("error", failure="serialization_failure")
        with pytest.raises(asyncpg.SerializationError):
            await c.execute("INSERT INTO kept VALUES ($1)", 2)
        proxies.ctl.set("dummy")
        with pytest.raises(asyncpg.InFailedSQLTransactionError):
            await c.execute("INSERT INTO kept VALUES ($1)", 3)
        await inside.rollback()
        proxies.ctl.set("transient", failure="deadlock", agitate=1, warmup=5)
        with pytest.raises(asyncpg.DeadlockDetectedError):      # the sixth of the pipeline: all of it is undone
            await c.executemany("INSERT INTO kept VALUES ($1)", [(i,) for i in range(100, 120)])
        proxies.ctl.set("dummy")
        await c.execute("INSERT INTO kept VALUES ($1)", 10)
    with_asyncpg(proxies, play)
    assert table.rows() == [10]


INSERT = "INSERT INTO kept VALUES (%d)"


def test_a_pipeline_of_many_units(proxies, table):
    """Only the unit of the refused one is undone."""
    steps = [step for i in range(5) for step in (INSERT % i, "SELECT 1", None)]
    told = piped(proxies, *steps, between=lambda: proxies.ctl.set("transient", failure="deadlock", agitate=1, warmup=4))
    assert [code for _, code, _ in told] == [None] * 6 + ["40P01"] + [None] * 8
    assert [status for status, _, _ in told[6:10]] == ["FATAL_ERROR", "PIPELINE_ABORTED", "PIPELINE_SYNC", "COMMAND_OK"]
    assert table.rows() == [0, 1, 3, 4]


def test_a_pipeline_of_one_unit(proxies, table):
    """What was before the refused one is undone; what comes behind is skipped, and therefore not struck."""
    steps = [INSERT % i for i in range(5)] + [None, INSERT % 9, None, INSERT % 10, None]
    told = piped(proxies, *steps, between=lambda: proxies.ctl.set("transient", failure="deadlock", agitate=2, warmup=2))
    assert [status for status, _, _ in told] == ["COMMAND_OK"] * 2 + ["FATAL_ERROR"] + ["PIPELINE_ABORTED"] * 2 + [
        "PIPELINE_SYNC", "FATAL_ERROR", "PIPELINE_SYNC", "COMMAND_OK", "PIPELINE_SYNC"]
    assert table.rows() == [10]
    now = proxies.api("GET", "/behavior")[1]
    assert (now["seen"], now["hits"]) == (7, 2)


def test_a_refused_one_behind_a_real_error(proxies, table):
    steps = ["SELECT 1/0", INSERT % 1, None, "SELECT bad", None, INSERT % 2, None]
    told = piped(proxies, *steps, between=lambda: proxies.ctl.set("transient", failure="deadlock", agitate=2, warmup=1))
    assert [code for _, code, _ in told] == ["22012", None, None, "42703", None, None, None]
    assert told[5][0] == "COMMAND_OK"
    assert table.rows() == [2]


def test_a_refused_commit_by_the_extended_protocol(proxies, table):
    for steps in (["BEGIN", INSERT % 1, "COMMIT", None], ["BEGIN", None, INSERT % 1, None, "COMMIT", None]):
        told = piped(proxies, *steps, INSERT % 2, None,
                     between=lambda: proxies.ctl.set("transient", failure="serialization_failure", agitate=1,
                                                     warmup=1))
        assert [code for _, code, _ in told if code] == ["40001"]
    assert table.rows() == [2, 2]               # in no transaction any more


def test_a_prepared_statement_outlives_its_refusals(proxies, table):
    async def play(c):
        statement = await c.prepare("INSERT INTO kept VALUES ($1)")
        for i in range(4):
            proxies.ctl.set("error" if i % 2 else "dummy", **({"failure": "read_only"} if i % 2 else {}))
            if i % 2:
                with pytest.raises(asyncpg.ReadOnlySQLTransactionError) as caught:
                    await statement.fetch(i)
                assert "cannot execute INSERT" in str(caught.value)
            else:
                await statement.fetch(i)
        proxies.ctl.set("dummy")
    with_asyncpg(proxies, play)
    assert table.rows() == [0, 2]


def test_a_refused_copy_takes_nothing(proxies, connect, table):
    application = connect(proxies)
    proxies.ctl.set("error", failure="disk_full")
    with application.cursor() as cursor, pytest.raises(psycopg2.errors.DiskFull):
        cursor.copy_expert("COPY kept FROM STDIN", io.StringIO("1\n2\n"))
    proxies.ctl.set("dummy")
    with application.cursor() as cursor:
        cursor.copy_expert("COPY kept FROM STDIN", io.StringIO("3\n"))
    assert table.rows() == [3]


def test_a_refused_function_call(proxies, connect):
    application = connect(proxies, autocommit=False)
    large = application.lobject(0, "wb")
    proxies.ctl.set("error", failure="out_of_memory")
    with pytest.raises(psycopg2.Error, match="out of memory"):
        large.write(b"lost")
    proxies.ctl.set("dummy")
    application.rollback()
    assert ask(application) == [(1,)]


def test_blackout_in_mid_transaction_rolls_back(proxies, connect, table):
    application = connect(proxies, autocommit=False)
    ask(application, "INSERT INTO kept VALUES (1)")
    proxies.ctl.set("blackout")
    with pytest.raises(psycopg2.OperationalError):
        application.commit()
    proxies.ctl.set("dummy")
    assert table.rows() == []


def test_abort_runs_the_statement_and_loses_the_answer(proxies, connect, table):
    application = connect(proxies)
    proxies.ctl.set("abort")
    with pytest.raises(psycopg2.OperationalError):
        ask(application, "INSERT INTO kept VALUES (7)")
    until(lambda: table.rows() == [7], what="the statement whose answer was lost")


def test_abort_of_an_execute_loses_what_its_sync_would_commit(proxies, table):
    async def play(c):
        statement = await c.prepare("INSERT INTO kept VALUES ($1)")
        proxies.ctl.set("abort")
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await statement.fetch(7)
        proxies.ctl.set("dummy")
    with_asyncpg(proxies, play)
    assert table.rows() == []


# ---- an invitation to send rows is not the answer ----

def copied_by_psycopg2(end):
    connection = psycopg2.connect(port=end.port, dbname="app", connect_timeout=patience(), **WORDS)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.copy_expert("COPY kept FROM STDIN", io.StringIO("1\n2\n"))
    finally:
        connection.close()


def copied_by_psycopg(end):
    with with_psycopg(end, autocommit=True) as c, c.cursor().copy("COPY kept FROM STDIN") as copy:
        copy.write_row((1,))
        copy.write_row((2,))


def copied_by_asyncpg(end):
    async def play(c):
        await c.copy_records_to_table("kept", records=[(1,), (2,)])
    with_asyncpg(end, play)


def copied_by_psql(end):
    done = subprocess.run(["psql", "-X", "-h", "127.0.0.1", "-p", str(end.port), "-U", "app", "-d", "app", "-v", "ON_ERROR_STOP=1",
                           "-c", "\\copy kept from stdin"], env=dict(os.environ, PGPASSWORD="secret"), input=b"1\n2\n",
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=patience())
    if done.returncode:
        raise psycopg2.OperationalError(done.stderr.decode())


COPIERS = [copied_by_psycopg2, copied_by_psycopg, copied_by_asyncpg, copied_by_psql]
LOST = (psycopg2.Error, psycopg.Error, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


@pytest.mark.parametrize("copied", COPIERS)
@pytest.mark.parametrize("rule", [{"name": "lost_reply"}, {"name": "lost_reply", "end": "reset"}, {"name": "truncate", "bytes": 3}])
def test_rows_are_copied_and_the_answer_is_lost(proxies, table, copied, rule):
    proxies.set(**dict(rule, match="^(QUERY|EXECUTE) (?i)copy"))
    with pytest.raises(LOST):
        copied(proxies)
    until(lambda: table.rows() == [1, 2], what="the rows whose answer was lost")
    proxies.set("dummy")
    copied(proxies)
    assert table.rows() == [1, 1, 2, 2]


def test_who_is_invited_in_a_lost_answer_does_not_wait(proxies, table):
    proxies.set("lost_reply", match="^QUERY SELECT")
    with with_psycopg(proxies, autocommit=True) as c, pytest.raises(psycopg.OperationalError):
        with c.cursor().copy("SELECT 1; COPY kept FROM STDIN") as copy:
            copy.write_row((1,))


# ---- what the protocol does not count shifts no answer ----

def frame(kind, body=b""):
    return kind + struct.pack("!i", len(body) + 4) + body


PIECES = [
    frame(b"P", b"\0select 1\0\0\0"), frame(b"P", b"\0selec 1\0\0\0"), frame(b"P", b"\0select 1 as %s\0\0\0" % (b"n" * 80)),
    frame(b"P", b"\0select 1/0\0\0\0"), frame(b"B", b"\0" * 8), frame(b"B", b"\0nope\0" + b"\0" * 6), frame(b"D", b"S\0"), frame(b"D", b"P\0"),
    frame(b"D", b"Snope\0"), frame(b"C", b"S\0"), frame(b"C", b"Pnope\0"), frame(b"E", b"\0" * 5), frame(b"E", b"nope\0" + b"\0" * 4), frame(b"H"),
    frame(b"S"), frame(b"Q", b"select 9\0"), frame(b"Q", b"select bad\0"), frame(b"Q", b"\0"), frame(b"Q", b"select 1; select 1/0\0"),
    frame(b"Q", b"do $$ begin raise notice 'x'; end $$\0"), frame(b"Q", b"copy (select 1) to stdout\0"),
    frame(b"F", struct.pack("!ihhhi", 1215, 0, 0, 0, 0)),
]


class Wire:
    """The messages of a connection that psycopg has logged in."""

    def __init__(self, end):
        self.connection = with_psycopg(end, autocommit=True, sslmode="disable")
        self.sock = socket.socket(fileno=os.dup(self.connection.pgconn.socket))
        self.sock.settimeout(patience())
        self.file = self.sock.makefile("rb")

    def message(self):
        kind, n = struct.unpack("!ci", self.file.read(5))
        return kind, self.file.read(n - 4)

    def ask(self, batch):
        """What this brings, up to the answer to a query behind it that nothing skips."""
        self.sock.sendall(batch + frame(b"S") + frame(b"Q", b"select 'the end'\0"))
        told = []
        while not told or b"the end" not in told[-1][1] or told[-1][0] != b"D":
            told.append(self.message())
        while told[-1][0] != b"Z":
            told.append(self.message())
        return told

    def close(self):
        self.file.close()
        self.sock.close()
        self.connection.close()


@pytest.mark.parametrize("seed", range(4))
def test_pipelines_of_all_sorts_are_answered_as_direct(postgres, proxies, table, seed):
    """Of each kind of message good ones and bad ones, in any order; then each query has its own answer."""
    draw = random.Random(seed)
    proxies.set("error", failure="disk_full", match="^QUERY INSERT")
    direct, proxied = Wire(postgres), Wire(proxies)
    for _ in range(40):
        batch = b"".join(draw.choice(PIECES) for _ in range(draw.randint(1, 8)))
        assert direct.ask(batch) == proxied.ask(batch), batch
        refused = proxied.ask(frame(b"Q", b"INSERT INTO kept VALUES (1)\0"))
        assert b"53100" in refused[0][1] and b"refused" not in refused[0][1], batch
    direct.close()
    proxied.close()
    assert table.rows() == []
    assert "raw proxy=" not in proxies.whole_log()


@pytest.mark.parametrize("seed", range(2))
def test_refused_queries_among_them_shift_nothing(proxies, table, seed):
    """Where the server skips one, for an error before it, it says nothing; else it is refused in its place."""
    draw = random.Random(seed)
    proxies.set("error", failure="disk_full", match="INSERT")
    wire = Wire(proxies)
    insert = [frame(b"Q", b"INSERT INTO kept VALUES (1)\0"),
              frame(b"P", b"\0INSERT INTO kept VALUES (1)\0\0\0") + frame(b"B", b"\0" * 8) + frame(b"E", b"\0" * 5)]
    for _ in range(40):
        batch = [draw.choice(PIECES) for _ in range(draw.randint(1, 6))]
        batch.insert(draw.randint(0, len(batch)), draw.choice(insert))
        told = wire.ask(b"".join(batch))
        assert not any(b"refused by" in body for _, body in told), batch
        assert [kind for kind, _ in told[-4:]] == [b"T", b"D", b"C", b"Z"], batch
    wire.close()
    assert table.rows() == []
    assert "raw proxy=" not in proxies.whole_log()


# ---- (e) outages ----

def test_the_server_stops_and_starts_behind_the_proxy(postgres, proxy):
    engine = make_engine(proxy, pool_pre_ping=True)
    assert query(engine) == 42
    postgres.stop()
    assert outcome(engine) == "OperationalError"
    postgres.start()
    assert query(engine) == 42
    engine.dispose()


# ---- (f) TLS ----

def in_tls(connection):
    return ask(connection, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == [(True,)]


def test_tls_is_stripped_so_that_errors_can_strike(postgres, proxies, connect):
    assert in_tls(connect(postgres))            # it is there, and drivers prefer it
    application = connect(proxies)
    assert not in_tls(application)
    connect(proxies)
    with pytest.raises(psycopg2.OperationalError, match="does not support SSL"):
        connect(proxies, sslmode="require")
    proxies.ctl.set("error", failure="deadlock")
    assert code_of(application) == "40P01"
    told = [line for line in proxies.whole_log().splitlines() if "TLS" in line and "WARNING" in line]
    assert len(told) == 1, proxies.log()


def test_tls_passed_is_out_of_reach_and_that_is_said(vaurien, postgres, connect):
    proxy = vaurien("--protocol", "postgres", "--protocol-postgres-tls", "pass", backend=postgres)
    application = connect(proxy)
    assert in_tls(application)
    proxy.logged("raw .*TLS begins")
    plain = connect(proxy, sslmode="disable")
    control = Control(proxy)
    control.set("error", failure="deadlock")
    assert code_of(plain) == "40P01"
    assert ask(application) == [(1,)]
    proxy.logged("unreachable")
    assert "unreachable" in json.dumps(proxy.api("GET", "/behavior")[1])
    control.set("blackout")                     # that needs no words
    with pytest.raises(psycopg2.OperationalError):
        ask(application)


def test_tls_passed_to_a_server_that_has_none(vaurien, connect):
    server = Postgres("-c", "ssl=off").start()
    try:
        proxy = vaurien("--protocol", "postgres", "--protocol-postgres-tls", "pass", backend=server)
        application = connect(proxy)
        assert ask(application) == [(1,)]
        Control(proxy).set("error", failure="deadlock")
        assert code_of(application) == "40P01"
    finally:
        server.destroy()
