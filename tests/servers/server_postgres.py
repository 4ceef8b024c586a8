"""The real PostgreSQL, in a directory of its own, with TLS on as Debian has it."""
import glob
import os
import shutil
import signal
import subprocess
import tempfile

import pytest

from conftest import Control, need
from harness import free_port, need_module, patience, until

psycopg2 = need_module("psycopg2")

# It refuses to run as root, and so do its tools.
AS_OTHER = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []


def need_postgres(program):
    """The newest that is installed; Debian keeps it off the PATH."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/" + program), key=lambda path: float(path.split("/")[4]))
    return found[-1] if found else need(program)


class Postgres:
    def __init__(self, *words):
        self.directory = tempfile.mkdtemp(prefix="vaurien-postgres-")
        self.data = os.path.join(self.directory, "data")
        self.log = os.path.join(self.directory, "log")
        self.port = free_port()
        self.address = "127.0.0.1:%d" % self.port
        self.words = words
        self.process = None
        secret, key, cert = (os.path.join(self.directory, name) for name in ("secret", "key.pem", "cert.pem"))
        with open(secret, "w") as text:
            text.write("secret")
        self.run(need("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                 "-keyout", key, "-out", cert)
        if AS_OTHER:
            for name in (self.directory, secret, key, cert):
                shutil.chown(name, "postgres", "postgres")
        self.run(*AS_OTHER, need_postgres("initdb"), "-D", self.data, "-U", "app", "-A", "scram-sha-256", "--pwfile=" + secret,
                 "-E", "UTF8", "--locale=C.UTF-8", "-N")
        with open(os.path.join(self.data, "postgresql.conf"), "a") as conf:
            conf.write("ssl = on\nssl_cert_file = '%s'\nssl_key_file = '%s'\nfsync = off\nmax_connections = 100\n"
                       "max_prepared_transactions = 10\nmax_wal_senders = 4\nlisten_addresses = '127.0.0.1'\n"
                       "unix_socket_directories = '%s'\nport = %d\n" % (cert, key, self.directory, self.port))

    def run(self, *words):
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, cwd="/")
        assert done.returncode == 0, done.stdout

    def start(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen([*AS_OTHER, need_postgres("postgres"), "-D", self.data, *self.words], cwd="/",
                                            stdout=log, stderr=log, stdin=subprocess.DEVNULL)

        def answers():
            assert self.process.poll() is None, self.said()
            try:
                return psycopg2.connect(host=self.directory, port=self.port, user="app", password="secret", dbname="postgres")
            except psycopg2.OperationalError:
                return None
        direct = until(answers, 60, "PostgreSQL to start")
        direct.autocommit = True
        with direct.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = 'app'")
            if not cursor.fetchone():
                cursor.execute("CREATE DATABASE app")
        direct.close()
        return self

    def said(self):
        with open(self.log, errors="replace") as text:
            return text.read()[-5000:]

    def stop(self, how=signal.SIGINT):
        """Clients are disconnected."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(patience(60))
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def destroy(self):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres():
    need_postgres("postgres")
    server = Postgres()
    try:
        yield server.start()
    finally:
        server.destroy()


@pytest.fixture
def connect():
    """connect(server or proxy, **options): a psycopg2 connection; closed at the end."""
    opened = []

    def to(end, autocommit=True, **options):
        words = dict(host="127.0.0.1", port=end.port, user="app", password="secret", dbname="app", connect_timeout=patience())
        opened.append(psycopg2.connect(**dict(words, **options)))
        opened[-1].autocommit = autocommit
        return opened[-1]
    yield to
    for connection in opened:
        connection.close()


@pytest.fixture
def proxy(start, postgres):
    """vaurien before the PostgreSQL of the session, with .ctl"""
    one = start("--protocol", "postgres", backend=postgres)
    one.ctl = Control(one)
    return one


@pytest.fixture
def proxies(vaurien, postgres):
    """The same twice: the second one reads byte by byte."""
    one = vaurien("--protocol", "postgres", backend=postgres)
    one.ctl = Control(one)
    return one
