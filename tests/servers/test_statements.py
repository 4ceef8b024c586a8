"""What read-only refuses, statement by statement: the real server beside the proxy before one that may write.

Both columns are written to build/statements-*.txt; a statement where they differ is a failure, and so is one that is
listed as a limit where they do not. The words of the refusals are compared, too."""
import contextlib
import os
import shutil
import subprocess
import tempfile

import pymysql
import pytest

from conftest import ROOT, need
from harness import free_port, patience, until
from server_postgres import AS_OTHER, need_postgres, postgres, psycopg2     # noqa: F401

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "statements")
READ_ONLY, READ_ONLY_TRANSACTION, LEAST = 1290, 1792, 120


def listed(name):
    """What to prepare, and (statements of one connection, is it a limit) for each line."""
    before, cases = [], []
    with open(os.path.join(HERE, name)) as text:
        for line in text.read().splitlines():
            if line.startswith("SETUP "):
                before.append(line[6:])
            elif line and not line.startswith("# "):
                limit = line.startswith("LIMIT ")
                cases.append((line[6 * limit:].replace("\\n", "\n").split(" ## "), limit))
    assert len(cases) >= LEAST
    return before, cases


def compared(name, heads, rows):
    """rows: (statements, limit, outcomes...), an outcome the words of the refusal, or None."""
    path = os.path.join(ROOT, "build", "statements-%s.txt" % name)
    with open(path, "w") as out:
        for cells in [("statement", "") + heads] + rows:
            statements = cells[0] if isinstance(cells[0], str) else " ## ".join(cells[0]).replace("\n", "\\n")
            out.write("%-80s | %s\n" % (statements, " | ".join("%-50s" % (each or "passes") for each in cells[2:])))
    wrong = [(row[0], row[2:]) for row in rows if (row[2] == row[3]) == row[1]]
    assert wrong == [], "the limits are those that are listed, and nothing else differs: see " + path


# ---- PostgreSQL ----

ACCOUNT = {"host": "127.0.0.1", "user": "app", "password": "secret"}


def refusal_of_postgres(port, statements, **options):
    """What 25006 says of the last of them; None: that is not what became of it."""
    with contextlib.closing(psycopg2.connect(port=port, dbname="statements", connect_timeout=patience(), **ACCOUNT, **options)) as connection:
        connection.autocommit = True
        said = None
        for statement in statements:
            said = None
            with connection.cursor() as cursor:
                try:
                    if "STDOUT" in statement:
                        with open(os.devnull, "w") as nowhere:
                            cursor.copy_expert(statement, nowhere)
                    else:
                        cursor.execute(statement)
                except psycopg2.Error as error:
                    said = str(error).strip() if error.pgcode == "25006" else None
        return said


@pytest.fixture(scope="module")
def prepared_postgres(postgres):        # noqa: F811
    before, cases = listed("postgres.txt")
    with contextlib.closing(psycopg2.connect(port=postgres.port, dbname="postgres", **ACCOUNT)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("DROP DATABASE IF EXISTS statements")
            cursor.execute("DROP ROLE IF EXISTS someone")
            cursor.execute("CREATE DATABASE statements")
    with contextlib.closing(psycopg2.connect(port=postgres.port, dbname="statements", **ACCOUNT)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in before:
                cursor.execute(statement)
    return cases


@contextlib.contextmanager
def hot_standby(primary):
    """A copy of it that follows it; its port."""
    directory = tempfile.mkdtemp(prefix="vaurien-standby-")
    if AS_OTHER:
        shutil.chown(directory, "postgres", "postgres")
    data, port = os.path.join(directory, "data"), free_port()
    env = dict(os.environ, PGPASSWORD="secret")
    done = subprocess.run([*AS_OTHER, need_postgres("pg_basebackup"), "-h", "127.0.0.1", "-p", str(primary.port), "-U", "app", "-D", data, "-R",
                           "-X", "stream", "-c", "fast"], env=env, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    assert done.returncode == 0, done.stdout
    process = subprocess.Popen([*AS_OTHER, need_postgres("postgres"), "-D", data, "-p", str(port), "-k", directory], cwd="/",
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        def answers():
            assert process.poll() is None
            try:
                psycopg2.connect(port=port, dbname="statements", **ACCOUNT).close()
                return True
            except psycopg2.OperationalError:
                return False
        until(answers, 60, "the standby to start")
        yield port
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(directory, ignore_errors=True)


def test_postgres(start, postgres, prepared_postgres):      # noqa: F811
    proxy = start("--protocol", "postgres", "--rule", "error failure=read_only name=r", backend=postgres)
    rows = []
    for statements, limit in prepared_postgres:
        real = refusal_of_postgres(postgres.port, statements, options="-c default_transaction_read_only=on")
        rows.append((statements, limit, real, refusal_of_postgres(proxy.port, statements)))
    compared("postgres", ("read-only transaction", "through the proxy"), rows)


def test_postgres_standby(start, postgres, prepared_postgres):      # noqa: F811
    """A standby refuses all that we refuse, in the same words or because of its recovery; that is also why it refuses more."""
    proxy = start("--protocol", "postgres", "--rule", "error failure=read_only name=r", backend=postgres)
    wrong = []
    with hot_standby(postgres) as port:
        for statements, limit in prepared_postgres:
            real, ours = refusal_of_postgres(port, statements), refusal_of_postgres(proxy.port, statements)
            if not limit and real != ours and not (real and "during recovery" in real):
                wrong.append((statements, real, ours))
    assert wrong == []


# ---- MariaDB ----

def refusal_of_mariadb(port, statements, number, before=None):
    options = dict(host="127.0.0.1", user="careful", password="secret", database="statements", autocommit=True, read_timeout=patience(),
                   client_flag=pymysql.constants.CLIENT.MULTI_STATEMENTS, local_infile=True)
    with contextlib.closing(pymysql.connect(port=port, **options)) as connection, connection.cursor() as cursor:
        cursor.execute("SET SESSION lock_wait_timeout = 5, innodb_lock_wait_timeout = 5")
        if before:
            cursor.execute(before)
        said = None
        for statement in statements:
            said = None
            try:
                cursor.execute(statement)
                while cursor.nextset():
                    pass
            except pymysql.err.MySQLError as error:
                said = error.args[1] if error.args[0] == number and "secure-file-priv" not in error.args[1] else None
        return said


@pytest.fixture(scope="module")
def prepared_mariadb(mariadb):
    before, cases = listed("mariadb.txt")
    with contextlib.closing(pymysql.connect(unix_socket=mariadb.socket, user="root", autocommit=True)) as root, root.cursor() as cursor:
        cursor.execute("DROP DATABASE IF EXISTS statements")
        cursor.execute("DROP DATABASE IF EXISTS other")
        cursor.execute("CREATE DATABASE statements")
        cursor.execute("CREATE DATABASE other")
        cursor.execute("USE statements")
        cursor.execute("CREATE OR REPLACE USER careful@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('secret')")
        cursor.execute("GRANT ALL ON *.* TO careful@'%' WITH GRANT OPTION")
        cursor.execute("REVOKE SUPER, READ ONLY ADMIN, SHUTDOWN, BINLOG REPLAY, BINLOG ADMIN ON *.* FROM careful@'%'")
        for statement in before:
            cursor.execute(statement)
        yield cases
        cursor.execute("DROP USER careful@'%'")


@contextlib.contextmanager
def read_only(mariadb, on):
    with contextlib.closing(pymysql.connect(unix_socket=mariadb.socket, user="root", autocommit=True)) as root, root.cursor() as cursor:
        cursor.execute("SET GLOBAL read_only = %d" % on)
        try:
            yield
        finally:
            cursor.execute("SET GLOBAL read_only = 0")


def test_mariadb(start, mariadb, prepared_mariadb):
    need("mariadbd")
    proxy = start("--protocol", "mysql", "--rule", "error failure=read_only name=r", backend=mariadb)
    with read_only(mariadb, True):
        real = [refusal_of_mariadb(mariadb.port, statements, READ_ONLY) for statements, _ in prepared_mariadb]
    rows = [(statements, limit, said, refusal_of_mariadb(proxy.port, statements, READ_ONLY))
            for (statements, limit), said in zip(prepared_mariadb, real)]
    compared("mariadb", ("read-only server", "through the proxy"), rows)


# What differs in a read-only transaction because the server looks into what it calls, or at what is there.
THERE = {"CALL writing()", "SELECT inserting()", "IF 0 THEN INSERT INTO t VALUES (31, ''); END IF", "WITH y AS (SELECT 1) DELETE FROM t",
         "BEGIN NOT ATOMIC IF 0 THEN DELETE FROM t; END IF; END", "WITH y AS (SELECT 1) UPDATE t SET b = ''"}


def test_mariadb_read_only_transaction(start, mariadb, prepared_mariadb):
    """One statement each: what an earlier one was to make is not there."""
    proxy = start("--protocol", "mysql", "--rule", "error failure=read_only_transaction name=r", backend=mariadb)
    rows = []
    for statements, _ in prepared_mariadb:
        if len(statements) > 1:
            continue
        real = refusal_of_mariadb(mariadb.port, statements, READ_ONLY_TRANSACTION, "SET SESSION TRANSACTION READ ONLY")
        rows.append((statements, statements[0] in THERE, real, refusal_of_mariadb(proxy.port, statements, READ_ONLY_TRANSACTION)))
    compared("mariadb-transaction", ("read-only transaction", "through the proxy"), rows)
