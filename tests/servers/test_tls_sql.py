"""MariaDB and PostgreSQL with TLS on either leg, as their drivers meet it: four combinations of legs, their default settings,
require and verify-full; and the backend's state stays in step."""
import contextlib
import re
import socket
import ssl
import struct
import subprocess
import threading

import pytest

import test_in_step
import test_mysql
import test_postgres
from conftest import MariaDB, ask, need
from harness import SAN, dial, need_module, patience, until
from server_postgres import AS_OTHER, Postgres, need_postgres
from test_in_step import stepped, table         # noqa: F401: fixtures
from tls_files import authority, legs           # noqa: F401: fixtures

pymysql = need_module("pymysql")
psycopg2 = need_module("psycopg2")
from pymysql.constants import CLIENT                        # noqa: E402

SECRET = {"user": "app", "password": "secret", "database": "app", "host": "localhost"}
BACKENDS = pytest.mark.parametrize("backend", ["off", "verify"])
OF_CLIENTS = pytest.mark.skipif(bool(SAN), reason="the same bytes of another client")


# ---- MariaDB ----

@pytest.fixture(scope="module")
def mariadb(tmp_path_factory, authority):       # noqa: F811
    """With TLS; the account `tls` is for those who use it."""
    cert, key = authority.leaf("mariadb")
    server = MariaDB(tmp_path_factory.mktemp("mariadb"), "--ssl-cert=" + cert, "--ssl-key=" + key, "--ssl-ca=" + authority.ca).start()
    with pymysql.connect(unix_socket=server.socket, user="root") as root:
        for query in ("CREATE USER tls@'%' IDENTIFIED BY 'secret' REQUIRE SSL", "GRANT ALL ON app.* TO tls@'%'",
                      "CREATE USER x509@'%' IDENTIFIED BY 'secret' REQUIRE X509", "GRANT ALL ON app.* TO x509@'%'",
                      "CREATE TABLE app.kept (n INT) ENGINE=InnoDB"):
            ask(root, query)
    yield server
    server.stop()


def mysql(proxy, ca=None, **options):
    """`ca`: TLS that verifies certificate and name."""
    how = {"ca": ca, "check_hostname": True} if ca else None
    return pymysql.connect(**dict(SECRET, port=proxy.port, ssl=how, connect_timeout=patience(), read_timeout=patience(), **options))


def cipher(connection):
    """Of the connection that the server has; "": it is not encrypted."""
    return ask(connection, "SHOW STATUS LIKE 'Ssl_cipher'")[0][1]


def tls_of(proxy):
    """(client leg, backend leg) of the only connection: which are in TLS."""
    (one,) = proxy.api("GET", "/connections")[1]["connections"]
    return tuple(bool(one.get("tls", {}).get(leg)) for leg in ("client", "backend"))


@BACKENDS
@pytest.mark.parametrize("client", ["plain", "verify"])
def test_mysql_in_step(legs, mariadb, authority, backend, client):      # noqa: F811
    """A substitute for a refused statement rolls the transaction back, over any legs."""
    proxy = legs(mariadb, "mysql", backend=backend)
    one = mysql(proxy, authority.own_ca if client == "verify" else None, autocommit=True)
    assert bool(cipher(one)) == (backend == "verify")
    assert isinstance(one._sock, ssl.SSLSocket) == (client == "verify")
    ask(one, "DELETE FROM kept")
    ask(one, "BEGIN")
    ask(one, "INSERT INTO kept VALUES (1)")
    proxy.ctl.set("error", failure="deadlock", match="INSERT", times=1)
    with pytest.raises(pymysql.err.OperationalError) as caught:
        ask(one, "INSERT INTO kept VALUES (2)")
    assert caught.value.args[0] == 1213
    assert ask(one, "SELECT COUNT(*) FROM kept") == ((0,),)
    assert ask(one, "SELECT @@in_transaction") == ((0,),)
    assert len(ask(one, "SELECT REPEAT('x', 5000000)")[0][0]) == 5000000
    one.close()


@BACKENDS
def test_mysql_accounts(legs, mariadb, authority, backend):     # noqa: F811
    """An account that requires TLS works where the backend leg has it, whatever the client has; other users are changed to."""
    proxy = legs(mariadb, "mysql", backend=backend)
    for ca in (None, authority.own_ca):
        if backend == "off":
            with pytest.raises(pymysql.err.OperationalError) as caught:
                mysql(proxy, ca, user="tls")
            assert caught.value.args[0] == 1045
        else:
            with mysql(proxy, ca, user="tls") as one:
                assert cipher(one)
        with pytest.raises(pymysql.err.OperationalError) as caught:
            mysql(proxy, ca, password="wrong")
        assert caught.value.args == (1045, "Access denied for user 'app'@'127.0.0.1' (using password: YES)")
        with pytest.raises(pymysql.err.OperationalError) as caught:
            mysql(proxy, ca, user="x509")
        assert caught.value.args[0] == 1045


def test_mysql_client_certificate(legs, mariadb, authority):    # noqa: F811
    cert, key = authority.leaf("client", "DNS:client")
    proxy = legs(mariadb, "mysql", "--backend-tls-cert", cert, "--backend-tls-key", key, backend="verify")
    with mysql(proxy, user="x509") as one:
        assert cipher(one)


@OF_CLIENTS
@BACKENDS
def test_mariadb_client(legs, mariadb, authority, backend):     # noqa: F811
    """The command line client: as it is, with --ssl, and verifying the certificate's name."""
    proxy = legs(mariadb, "mysql", backend=backend)
    for words in ([], ["--skip-ssl"], ["--ssl"], ["--ssl-ca=" + authority.own_ca, "--ssl-verify-server-cert"]):
        done = subprocess.run([need("mariadb"), "--no-defaults", "-hlocalhost", "--protocol=TCP", "-P%d" % proxy.port, "-uapp",
                               "-psecret", *words, "app", "-Ne", r"SHOW STATUS LIKE 'Ssl_cipher'; \s"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, timeout=patience())
        assert done.returncode == 0, done.stdout
        assert ("Ssl_cipher\tTLS" in done.stdout) == (backend == "verify"), done.stdout
        assert ("Cipher in use" in done.stdout) == ("--skip-ssl" not in words), done.stdout


@pytest.mark.skipif(bool(SAN), reason="the pour and the vectors have shown it")
def test_mysql_workloads_are_as_direct(legs, mariadb, authority, connect, run, tmp_path):      # noqa: F811
    """All that PyMySQL, the C client and the command line client say elsewhere, verifying, through TLS on both legs."""
    proxy = legs(mariadb, "mysql", client="require", backend="verify")
    both = authority.both()
    words = {"client_flag": CLIENT.MULTI_STATEMENTS, "local_infile": True, "ssl": {"ca": both, "check_hostname": True}}
    direct = test_mysql.workload(connect(mariadb, **words), tmp_path, 2 << 20)
    assert test_mysql.workload(connect(proxy, **words), tmp_path, 2 << 20) == direct and True in direct
    prepared = [run(end.port, both, program=test_mysql.PREPARED, seconds=120).stdout for end in (mariadb, proxy)]
    assert prepared[0] == prepared[1] and "direct" in prepared[0]

    def say(port, program, *words):
        return subprocess.run([need(program), "--no-defaults", "-h127.0.0.1", "-P%d" % port, "-uapp", "-psecret", "--ssl-ca=" + both,
                               "--ssl-verify-server-cert", *words], check=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                              timeout=patience(120)).stdout
    for deed in (("mariadb", "--batch", "-e", "SELECT seq, MD5(seq) FROM seq_1_to_9000; SHOW TABLES", "app"),
                 ("mariadb-dump", "--skip-dump-date", "app")):
        assert say(mariadb.port, *deed) == say(proxy.port, *deed)
    assert proxy.api("GET", "/stats")[1]["proxies"][0]["raw"] == 0


@OF_CLIENTS
@pytest.mark.parametrize("fault, code, after, left", test_in_step.MYSQL_FAULTS)
def test_mysql_transactions_in_step(legs, mariadb, authority, connect, stepped, fault, code, after, left):     # noqa: F811
    """What an application's transaction and its retry leave in the server, seen directly, is what they leave without TLS."""
    proxy = legs(mariadb, "mysql", client="require", backend="verify")

    def secure(end, **words):
        return connect(end, ssl={"ca": authority.own_ca, "check_hostname": True}, **words)
    for prepared in (False, True):
        test_in_step.mysql_in_step(proxy, secure, stepped, prepared, fault, code, after, left)
        ask(connect(mariadb), "DELETE FROM stepped")


def test_mysql_require(legs, mariadb, authority):       # noqa: F811
    """MariaDB's own words are ours; MySQL has an error of its own for it: see tests/protocols/mysql.txt."""
    proxy = legs(mariadb, "mysql", client="require")
    with pytest.raises(pymysql.err.OperationalError) as caught:
        mysql(proxy)
    with pymysql.connect(unix_socket=mariadb.socket, user="root") as root:
        ask(root, "SET GLOBAL require_secure_transport = ON")
        try:
            with pytest.raises(pymysql.err.OperationalError) as real:
                mysql(mariadb)
        finally:
            ask(root, "SET GLOBAL require_secure_transport = OFF")
    assert caught.value.args == (1045, "Access denied for user 'app'@'localhost' (using password: YES)")
    # who looks up no names has an address for it
    assert real.value.args == (1045, "Access denied for user 'app'@'127.0.0.1' (using password: YES)")
    with mysql(proxy, authority.own_ca) as one:
        assert ask(one) == ((1,),)


# ---- PostgreSQL ----

@pytest.fixture(scope="module")
def postgres(authority):        # noqa: F811
    """With TLS; the user `tls` is for those who use it. Its certificate can be read: .cert and .key."""
    need_postgres("postgres")
    server = Postgres()
    server.cert, server.key = authority.leaf("postgres")
    for path, name in ((server.cert, "cert.pem"), (server.key, "key.pem")):
        with open(path) as text, open("%s/%s" % (server.directory, name), "w") as copy:
            copy.write(text.read())
    with open(server.data + "/pg_hba.conf", "w") as hba:
        hba.write("local all all scram-sha-256\nhostssl all tls 127.0.0.1/32 scram-sha-256\nhost all app 127.0.0.1/32 scram-sha-256\n")
    try:
        server.start()
        with psycopg2.connect(host=server.directory, port=server.port, user="app", password="secret", dbname="app") as direct:
            direct.cursor().execute("CREATE USER tls PASSWORD 'secret'; CREATE TABLE kept (n INT); GRANT ALL ON kept TO tls")
        direct.close()
        yield server
    finally:
        server.destroy()


def libpq(proxy, **options):
    words = dict(SECRET, port=proxy.port, connect_timeout=int(patience()))
    words["dbname"] = words.pop("database")
    return psycopg2.connect(**dict(words, **options))


def rows(connection, query):
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


IN_TLS = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"


@BACKENDS
@pytest.mark.parametrize("mode", ["disable", "verify-full"] if SAN else ["disable", "prefer", "require", "verify-full"])
def test_postgres_in_step(legs, postgres, authority, backend, mode):    # noqa: F811
    """A refused statement fails the transaction in the server too. Channel binding is off where the proxy has another
    certificate: the next test is about that."""
    proxy = legs(postgres, "postgres", backend=backend)
    options = {"sslmode": mode, "channel_binding": "disable", "user": "tls" if backend == "verify" else "app"}
    if mode == "verify-full":
        options["sslrootcert"] = authority.own_ca
    one = libpq(proxy, **options)
    assert one.info.ssl_in_use == (mode != "disable")
    assert rows(one, IN_TLS) == [(backend == "verify",)]
    one.rollback()
    rows(one, "DELETE FROM kept RETURNING n")
    one.commit()
    rows(one, "INSERT INTO kept VALUES (1) RETURNING n")
    proxy.ctl.set("error", failure="deadlock", match="INSERT", times=1)
    with pytest.raises(psycopg2.errors.DeadlockDetected):
        rows(one, "INSERT INTO kept VALUES (2) RETURNING n")
    with pytest.raises(psycopg2.errors.InFailedSqlTransaction):
        rows(one, "SELECT 1")
    one.commit()
    assert rows(one, "SELECT COUNT(*) FROM kept") == [(0,)]
    assert len(rows(one, "SELECT repeat('x', 5000000)")[0][0]) == 5000000
    one.close()


# client leg, backend leg, whose certificate: what libpq meets with channel_binding=prefer, disable, require
BINDING = [
    ("disable", "verify", "auto", "ok", "ok", "channel binding"),
    ("require", "off", "auto", "ok", "ok", "channel binding"),
    ("require", "verify", "auto", "SCRAM channel binding check failed", "ok", "SCRAM channel binding check failed"),
    ("require", "verify", "server", "ok", "ok", "ok"),
]


@pytest.mark.parametrize("mode, backend, whose, prefer, disable, require", BINDING)
def test_postgres_channel_binding(legs, postgres, mode, backend, whose, prefer, disable, require):      # noqa: F811
    words = ["--client-tls-cert", postgres.cert, "--client-tls-key", postgres.key] if whose == "server" else []
    proxy = legs(postgres, "postgres", *words, backend=backend)
    for binding, expected in (("prefer", prefer), ("disable", disable), ("require", require)):
        if expected == "ok":
            libpq(proxy, sslmode=mode, channel_binding=binding).close()
            continue
        with pytest.raises(psycopg2.OperationalError, match=expected):
            libpq(proxy, sslmode=mode, channel_binding=binding)
    warned = proxy.whole_log().count("channel binding cannot work")
    assert warned == (1 if whose == "auto" and (mode, backend) == ("require", "verify") else 0)


@pytest.mark.skipif(bool(SAN), reason="the pour and the vectors have shown it")
def test_postgres_workloads_are_as_direct(legs, postgres, authority, tmp_path, monkeypatch):   # noqa: F811
    """All that psycopg, asyncpg, psql and pg_dump say elsewhere, with sslmode=verify-full and channel binding as it comes,
    through TLS on both legs. The proxy shows the server's certificate, as in production."""
    proxy = legs(postgres, "postgres", "--client-tls-cert", postgres.cert, "--client-tls-key", postgres.key,
                 client="require", backend="verify")
    for name, value in (("PGSSLMODE", "verify-full"), ("PGSSLROOTCERT", authority.ca), ("PGCHANNELBINDING", "prefer")):
        monkeypatch.setenv(name, value)

    def by_psycopg2(end):
        with contextlib.closing(libpq(end, host="127.0.0.1")) as one:
            one.autocommit = True
            assert one.info.ssl_in_use
            return test_postgres.workload(one, 2 << 20)

    def by_programs(end):
        words = [["psql", "-c", "SELECT g, md5(g::text) FROM generate_series(1, 9000) g", "-c", "\\d kept"], ["pg_dump", "-t", "kept"]]
        return [re.sub(rb"(?m)^\\(un)?restrict .*", b"", test_postgres.programs(end, tmp_path, need_postgres(program), *more))
                for program, *more in words]
    for work in (by_psycopg2, by_programs, lambda end: test_postgres.binary(end, 2 << 20)):
        assert work(proxy) == work(postgres)
    assert " raw " not in proxy.log()


@OF_CLIENTS
@pytest.mark.parametrize("fault, lost, left", test_in_step.POSTGRES_FAULTS)
def test_postgres_transactions_in_step(legs, postgres, authority, table, fault, lost, left):   # noqa: F811
    proxy = legs(postgres, "postgres", client="require", backend="verify")
    for how in ("text", "prepared", "pipelined"):
        table.clear()
        test_in_step.postgres_in_step(proxy, table, how, fault, lost, left, sslmode="verify-full", sslrootcert=authority.own_ca,
                                      channel_binding="disable")


@OF_CLIENTS
def test_asyncpg(legs, postgres, authority):    # noqa: F811
    """It has no channel binding, so any certificate is good."""
    asyncpg = need_module("asyncpg")
    import asyncio

    async def select(proxy, how):
        one = await asyncpg.connect(host="localhost", port=proxy.port, user="tls", password="secret", database="app", ssl=how)
        try:
            return await one.fetchval("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        finally:
            await one.close()
    proxy = legs(postgres, "postgres", backend="verify")
    for how in (False, "prefer", ssl.create_default_context(cafile=authority.own_ca)):
        assert asyncio.run(select(proxy, how))


def test_postgres_require(legs, postgres):      # noqa: F811
    """The error is PostgreSQL's own; a request to cancel comes without TLS, from libpq, and is let in."""
    proxy = legs(postgres, "postgres", client="require", backend="verify")
    with pytest.raises(psycopg2.OperationalError) as real:
        libpq(postgres, user="tls", sslmode="disable")
    with pytest.raises(psycopg2.OperationalError) as ours:
        libpq(proxy, user="tls", sslmode="disable")
    assert str(ours.value).replace(str(proxy.port), "PORT") == str(real.value).replace(str(postgres.port), "PORT")
    one = libpq(proxy, user="tls", channel_binding="disable")
    failed = []

    def sleep():
        try:
            rows(one, "SELECT pg_sleep(%d)" % (patience() + 60))
        except psycopg2.Error as error:
            failed.append(error)
    sleeper = threading.Thread(target=sleep)
    sleeper.start()
    direct = psycopg2.connect(host=postgres.directory, port=postgres.port, user="app", password="secret", dbname="app")
    direct.autocommit = True
    until(lambda: rows(direct, "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%' AND state = 'active'"), what="the sleep")
    one.cancel()
    sleeper.join(patience())
    direct.close()
    assert failed and failed[0].pgcode == "57014"
    one.close()


STARTUP = b"\0\x03\0\0user\0tls\0database\0app\0\0"
STARTUP = struct.pack("!I", len(STARTUP) + 4) + STARTUP
SSL_REQUEST = struct.pack("!II", 8, 80877103)


def tls_client(proxy, ca, alpn=None):
    context = ssl.create_default_context(cafile=ca)
    if alpn:
        context.set_alpn_protocols(alpn)
    return context.wrap_socket(socket.create_connection(("127.0.0.1", proxy.port), patience()), server_hostname="localhost")


def test_postgres_direct(legs, postgres, authority):    # noqa: F811
    """PostgreSQL 17's TLS from the first byte: with the name of ALPN, or not at all."""
    proxy = legs(postgres, "postgres", backend="verify")
    with tls_client(proxy, authority.own_ca, ["postgresql"]) as one:
        assert one.selected_alpn_protocol() == "postgresql"
        one.sendall(STARTUP)
        assert one.recv(1) == b"R"
    with tls_client(proxy, authority.own_ca) as one:
        with pytest.raises((ConnectionError, ssl.SSLError, AssertionError)):
            one.sendall(STARTUP)
            assert one.recv(1)
    with pytest.raises(ssl.SSLError, match="NO_APPLICATION_PROTOCOL|no application protocol"):
        tls_client(proxy, authority.own_ca, ["http/1.1"])


def test_postgres_injection(legs, postgres, authority): # noqa: F811
    """Bytes behind SSLRequest, and SSLRequest inside TLS, close the connection. Nothing of it reaches the server."""
    proxy = legs(postgres, "postgres", backend="verify")
    with dial(proxy.port) as one:
        one.send(SSL_REQUEST + STARTUP)
        assert one.rest()[0] == b""
    proxy.logged("plain bytes came behind the request for TLS")
    with dial(proxy.port) as one:
        assert one.send(SSL_REQUEST).read(1) == b"S"
        context = ssl.create_default_context(cafile=authority.own_ca)
        with context.wrap_socket(one.sock, server_hostname="localhost") as inside:
            inside.sendall(SSL_REQUEST)
            assert inside.recv(1) == b""
    proxy.logged("asked for encryption inside TLS")


@OF_CLIENTS
def test_psql(legs, postgres, authority):       # noqa: F811
    proxy = legs(postgres, "postgres", backend="verify", client="require")
    done = subprocess.run([*AS_OTHER, need_postgres("psql"), "host=localhost port=%d user=tls password=secret dbname=app sslmode=verify-full "
                           "channel_binding=disable sslrootcert=%s" % (proxy.port, "system-ca"), "-Atc", IN_TLS],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, cwd="/")
    assert done.returncode != 0                 # not our CA: the certificate is not trusted
    done = subprocess.run([need_postgres("psql"), "host=localhost port=%d user=tls password=secret dbname=app sslmode=verify-full "
                           "channel_binding=disable sslrootcert=%s" % (proxy.port, authority.own_ca), "-Atc", IN_TLS],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, cwd="/")
    assert (done.returncode, done.stdout) == (0, "t\n"), done.stdout
