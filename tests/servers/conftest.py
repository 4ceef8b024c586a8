"""The real MariaDB, in a directory of its own, and the ways to talk to it: direct and through vaurien."""
import os
import signal
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
pytest.register_assert_rewrite("harness")
from harness import ROOT, SAN, free_port, need, need_module, patience, until            # noqa: E402
from harness import backend, backends, bufsize, run, start, vaurien     # noqa: E402,F401: fixtures
from harness import pytest_collection_modifyitems, pytest_terminal_summary      # noqa: E402,F401: hooks

try:
    import pymysql
except ImportError:
    pymysql = None                              # see MariaDB: others are tested without it

def pytest_configure(config):
    config.addinivalue_line("markers", "threads: of tests that are taken from tests/scenarios")


CTL = os.environ.get("VAURIENCTL_BIN") or os.path.join(ROOT, "bin", "vaurienctl")
ACCOUNT = {"user": "app", "password": "secret", "database": "app"}


class MariaDB:
    def __init__(self, directory, *words):
        need_module("pymysql")
        self.directory = str(directory)
        self.words = words
        self.port = free_port()
        self.address = "127.0.0.1:%d" % self.port
        self.socket = os.path.join(self.directory, "socket")
        self.process = None
        data = os.path.join(self.directory, "data")
        self.always = ["--user=root"] if os.getuid() == 0 else []
        os.mkdir(os.path.join(self.directory, "tmp"))       # in one that is shared, a server that starts removes others' files
        self.always += ["--tmpdir=" + os.path.join(self.directory, "tmp")]
        done = subprocess.run(
            [need("mariadb-install-db"), "--no-defaults", "--datadir=" + data, "--auth-root-authentication-method=normal",
             "--skip-test-db", "--force"] + self.always,  # force: also where no name can be looked up
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
        assert done.returncode == 0, done.stdout
        self.data = data

    def start(self):
        need("mariadbd")
        with open(os.path.join(self.directory, "log"), "a") as log:
            self.process = subprocess.Popen(
                [need("mariadbd"), "--no-defaults", "--datadir=" + self.data, "--port=%d" % self.port,
                 "--socket=" + self.socket, "--pid-file=" + os.path.join(self.directory, "pid"),
                 "--bind-address=127.0.0.1", "--local-infile=1", "--max-allowed-packet=64M", "--max-connections=300",
                 "--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=0", "--skip-name-resolve",
                 *self.always, *self.words],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL)

        def answers():
            assert self.process.poll() is None, open(os.path.join(self.directory, "log")).read()[-3000:]
            try:
                return pymysql.connect(unix_socket=self.socket, user="root")
            except pymysql.err.OperationalError:
                return None
        with until(answers, 60, "MariaDB to start") as root, root.cursor() as cursor:
            cursor.execute("CREATE DATABASE IF NOT EXISTS app")
            cursor.execute("CREATE USER IF NOT EXISTS app@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('secret')")
            cursor.execute("GRANT ALL ON app.* TO app@'%'")
        return self

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(patience(60))
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory):
    server = MariaDB(tmp_path_factory.mktemp("mariadb")).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def mariadb_tls(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls")
    key, cert = str(directory / "key.pem"), str(directory / "cert.pem")
    subprocess.run([need("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-keyout", key, "-out", cert], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    server = MariaDB(directory, "--ssl-cert=" + cert, "--ssl-key=" + key).start()
    yield server
    server.stop()


@pytest.fixture
def connect():
    """connect(server or proxy, **options): a PyMySQL connection; closed at the end."""
    opened = []

    def to(end, **options):
        words = dict(ACCOUNT, host="127.0.0.1", port=end.port, connect_timeout=patience(), read_timeout=patience(),
                     autocommit=True, charset="utf8mb4", max_allowed_packet=64 << 20)
        opened.append(pymysql.connect(**dict(words, **options)))
        return opened[-1]
    yield to
    for connection in opened:
        try:
            connection.close()
        except pymysql.err.Error:
            pass                                # closed before: that is what these tests do


class Control:
    """The proxy's behavior, changed by vaurienctl as a person would."""

    def __init__(self, proxy):
        self.proxy = proxy

    def __call__(self, *words):
        done = subprocess.run([CTL, "--http-host", "127.0.0.1", "--http-port", str(self.proxy.http)] + list(map(str, words)),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, timeout=patience())
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def set(self, name, **options):
        words = ["set-behavior", name]
        for option, value in options.items():
            words += ["--" + option.replace("_", "-"), str(value)]
        assert self(*words) == 'Behavior changed to "%s"\n' % name


@pytest.fixture
def proxy(start, mariadb):
    """vaurien before the MariaDB of the session, with .ctl"""
    one = start("--protocol", "mysql", backend=mariadb)
    one.ctl = Control(one)
    return one


@pytest.fixture
def proxies(vaurien, mariadb):
    """The same twice: the second one reads byte by byte."""
    one = vaurien("--protocol", "mysql", backend=mariadb)
    one.ctl = Control(one)
    return one


def ask(connection, query="SELECT 1", *args):
    """All rows of one statement."""
    with connection.cursor() as cursor:
        cursor.execute(query, args or None)
        return cursor.fetchall()


def error_of(connection, query="SELECT 1"):
    """The number of the error that a statement meets."""
    with pytest.raises(pymysql.err.MySQLError) as caught:
        ask(connection, query)
    return caught.value.args[0]
