"""The pages' commands, run as they stand: a real MariaDB answers on port 3306. Only the ports are others.

A block ```console is a session: its commands are run in turn, and their output is compared; `...` there stands for
any text. `vaurien` starts in place of the one before. A block ```ini that begins with `# NAME` is that file. Commands
in the cells of a table, and the Python of docs/python.md and README.md, are run too.
"""
import os
import re
import shlex
import signal
import subprocess

import pymysql
import pytest
from harness import ROOT, VAURIEN, free_port, listening, patience, until
from servers.conftest import mariadb, mariadb_tls       # noqa: F401: fixtures

SESSIONS = ["README.md", "docs/recipes.md", "docs/rules.md", "docs/configuration.md", "docs/migrating.md", "docs/toxiproxy.md",
            "docs/api.md"]
TABLES = ["README.md", "docs/recipes.md"]
SHOWN = "vaurien --protocol mysql --proxy localhost:3307 --backend localhost:3306 --http"    # README's, where a page has none
BESIDE = "--add cache=localhost:6380=localhost:6379,redis"                                   # as README says under its recipes
ACCOUNT = {"host": "127.0.0.1", "user": "app", "password": "secret", "database": "app", "connect_timeout": patience(),
           "read_timeout": patience()}


def read(page):
    with open(os.path.join(ROOT, page)) as text:
        return text.read()


def blocks(page, kind):
    """The texts of the page's blocks ```kind, without the indentation of a list."""
    for indent, text in re.findall(r"^( *)```%s\n(.*?)^ *```$" % kind, read(page), re.S | re.M):
        yield re.sub("^" + indent, "", text, flags=re.M)


def typed_in_tables(page):
    """The commands of vaurienctl in the page's tables, in their order."""
    for line in re.findall(r"^\|.*\|$", read(page), re.M):
        for code in re.findall(r"`(vaurienctl [^`]*)`", line):
            if " ..." not in code and not code.endswith("disable"):
                yield code.replace("\\|", "|")


class Reader:
    """Who types what a page shows: a shell with programs of this build, an account in ~/.my.cnf, and ports of its own."""

    def __init__(self, folder, mariadb):        # noqa: F811
        self.folder, self.process = folder, None
        self.log = folder / "log"
        ports = {3306: mariadb.port}
        self.ports = {str(port): str(ports.get(port) or free_port())
                      for port in (25, 2525, 3306, 3307, 3308, 6379, 6380, 8080)}
        self.ports["8081"] = self.ports["8080"]         # "another Vaurien"
        os.symlink(os.path.join(ROOT, "examples"), str(folder / "examples"))
        (folder / ".my.cnf").write_text("[client]\nhost=127.0.0.1\nuser=app\npassword=secret\n")
        (folder / "pidof").write_text('#!/bin/sh\ncat "%s"\n' % (folder / "pid"))
        (folder / "pidof").chmod(0o755)
        self.env = dict(os.environ, HOME=str(folder), VAURIEN_URL="http://localhost:" + self.ports["8080"],
                        PATH="%s:%s:%s" % (folder, os.path.dirname(VAURIEN), os.environ["PATH"]))

    def ours(self, text):
        """With our ports in place of the page's."""
        return re.sub(r"(?<=[:= ])(%s)\b" % "|".join(self.ports), lambda port: self.ports[port.group()], text)

    def theirs(self, text):
        return re.sub(r"\b(%s)\b" % "|".join(self.ports.values()),
                      lambda port: next(theirs for theirs, ours in self.ports.items() if ours == port.group()), text)

    def start(self, line):
        self.stop()
        words = [VAURIEN] + shlex.split(self.ours(line), comments=True)[1:]
        if "--config" not in words:
            words += ["--http", "--http-port", self.ports["8080"]]
        with open(str(self.log), "w") as log:
            self.process = subprocess.Popen(words, cwd=str(self.folder), env=self.env, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        (self.folder / "pid").write_text(str(self.process.pid))
        until(lambda: self.process.poll() is not None or listening(int(self.ports["8080"])), what="%s to listen" % line)
        assert self.process.poll() is None, line + "\n" + self.log.read_text()
        assert "unknown key" not in self.log.read_text()

    def type(self, line):
        """What the command prints, and its exit code."""
        if line.split()[0] == "vaurien":
            self.start(line)
            return "", 0
        done = subprocess.run(["/bin/sh", "-c", self.ours(line)], cwd=str(self.folder), env=self.env, timeout=patience(),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, universal_newlines=True)
        return self.theirs(done.stdout), done.returncode

    def reload(self):
        """After SIGHUP: when the file has been read."""
        until(lambda: "SIGHUP: " in self.log.read_text(), what="the file to be read again")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(patience())
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        rc, self.process = self.process.returncode if self.process else 0, None
        assert rc == 0, self.log.read_text()


@pytest.fixture
def reader(tmp_path, mariadb):                  # noqa: F811
    one = Reader(tmp_path, mariadb)
    yield one
    one.stop()


def same(shown, printed):
    """Is that what the page shows? `...` on it stands for any text of one line. (curl ends without a newline.)"""
    return re.fullmatch("[^\n]*".join(re.escape(part) for part in shown.rstrip("\n").split("...")), printed.rstrip("\n"))


# ---- sessions and tables ----

@pytest.mark.parametrize("page", SESSIONS)
def test_the_sessions(reader, page):
    n = 0
    for text in blocks(page, "ini"):
        name = re.match(r"# (\S+)\n", text)
        if name:
            (reader.folder / name.group(1)).write_text(reader.ours(text))
    reader.start(SHOWN)
    for text in blocks(page, "console"):
        for line, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", text, re.M):
            printed, _ = reader.type(line)
            if "kill -HUP" in line:
                reader.reload()
            assert same(shown, printed), "%s\n%s" % (line, printed)
            n += 1
    assert n


@pytest.mark.parametrize("page", TABLES)
def test_the_commands_in_tables(reader, page):
    first = next(line for text in blocks(page, "console") for line in re.findall(r"^\$ (vaurien .*)$", text, re.M))
    reader.start(first if "--add" in first else first + " " + BESIDE)
    n = 0
    for line in typed_in_tables(page):
        printed, rc = reader.type(line)
        assert rc == 0, "%s\n%s" % (line, printed)
        n += 1
    assert n >= 15


def test_what_readme_starts_is_what_it_shows_later():
    assert "`%s`" % SHOWN in read("README.md") and "`%s`" % BESIDE in read("README.md")


def examples_of(page):
    """The commands of a manual page's frame."""
    for block in re.findall(r"^\.EX\n(.*?)^\.EE$", read("packaging/" + page), re.S | re.M):
        yield from re.sub(r" *\\e\n *", " ", block).replace("\\-", "-").strip().split("\n")


@pytest.mark.parametrize("page", ["vaurien.1.in", "vaurienctl.1.in"])
def test_the_examples_of_the_manual_pages(reader, page):
    lines = [line.strip() for line in examples_of(page)]
    assert len(lines) >= 5
    reader.start(SHOWN + " " + BESIDE)
    for line in lines:
        if "/etc/" not in line and not line.startswith("vaurien run "):         # that is tested in test_running.py
            printed, rc = reader.type(line)
            assert rc == 0, "%s\n%s" % (line, printed)


# ---- README's first screen ----

@pytest.fixture
def stock(mariadb):                             # noqa: F811
    """A table with tea in it; how many pieces there are, as the server itself sees it."""
    direct = pymysql.connect(port=mariadb.port, autocommit=True, **ACCOUNT)

    def pieces():
        with direct.cursor() as cursor:
            cursor.execute("SELECT pieces FROM stock WHERE item = 'tea'")
            return cursor.fetchone()[0]
    with direct.cursor() as cursor:
        for text in ("DROP TABLE IF EXISTS stock, orders", "CREATE TABLE stock (item VARCHAR(40) PRIMARY KEY, pieces INT NOT NULL) ENGINE=InnoDB",
                     "CREATE TABLE orders (id INT AUTO_INCREMENT PRIMARY KEY, item VARCHAR(40) NOT NULL) ENGINE=InnoDB",
                     "INSERT INTO stock VALUES ('tea', 10)"):
            cursor.execute(text)
    yield pieces
    with direct.cursor() as cursor:
        cursor.execute("DROP TABLE stock, orders")
    direct.close()


def test_what_a_client_sees(reader, stock):
    """README's first table, in its order. The numbers of its errors are those of the page."""
    table = re.search(r"^\| command \| a client.*?\n\n", read("README.md"), re.S | re.M).group()
    rows = [[cell.strip() for cell in line[1:-1].split(" | ")] for line in table.strip().split("\n")[2:]]
    names = [re.search(r"set-behavior (\w+)", command).group(1) for command, _ in rows]
    assert names == ["delay", "error", "lost_reply", "blackout", "dummy"]
    reader.start(SHOWN)

    def connect():
        return pymysql.connect(port=int(reader.ports["3307"]), **ACCOUNT)

    def ask(db, *texts):
        """None, or the number of the error that one of the statements meets."""
        try:
            with db.cursor() as cursor:
                for text in texts:
                    cursor.execute(text)
            return None
        except pymysql.MySQLError as error:
            return error.args[0]

    def said(row, which=slice(None)):
        return [int(n) for n in re.findall(r"\b\d{4}\b", rows[row][1])][which]

    db = connect()
    for row, name in enumerate(names):
        before = stock()
        _, rc = reader.type(rows[row][0].strip("`"))
        assert rc == 0
        if name == "delay":
            begun = os.times().elapsed
            assert ask(db, "SELECT 1") is None and os.times().elapsed - begun >= 2
        elif name == "error":
            assert [ask(db, "INSERT INTO orders (item) VALUES ('lost')", "UPDATE stock SET pieces = 0")] == said(row)
            assert ask(db, "SELECT 1 / (SELECT COUNT(*) FROM orders) IS NULL") is None
            with db.cursor() as cursor:
                cursor.execute("SELECT COUNT(*) FROM orders")
                assert cursor.fetchone() == (0,)        # the INSERT is rolled back
            db.rollback()
        elif name == "lost_reply":
            assert [ask(db, "UPDATE stock SET pieces = pieces - 1", "COMMIT")] == said(row)
            assert stock() == before - 1
            db = connect()
        elif name == "blackout":
            assert ask(db, "SELECT 1") in said(row, slice(0, 2))
            with pytest.raises(pymysql.OperationalError) as caught:
                connect()
            assert caught.value.args[0] in said(row, slice(2, 4))
        else:
            assert ask(connect(), "SELECT 1") is None


PRELUDE = """
import sys
sys.path.insert(0, %r)
from app import create_app
"""


def test_the_test_of_readme(tests_in, stock, mariadb):  # noqa: F811
    (text,) = blocks("README.md", "python")
    assert text.count("127.0.0.1:3306") == 1
    said = tests_in(PRELUDE % os.path.join(ROOT, "examples", "orders") + text.replace("127.0.0.1:3306", mariadb.address))
    assert "1 passed" in said and stock() == 9


def test_an_account_that_requires_tls(reader, mariadb_tls):     # noqa: F811
    """README, Troubleshooting: its password is right, and it is rejected; with TLS passed it is not."""
    with pymysql.connect(unix_socket=mariadb_tls.socket, user="root") as root, root.cursor() as cursor:
        cursor.execute("CREATE OR REPLACE USER secured@'%' IDENTIFIED BY 'secret' REQUIRE SSL")
    reader.ports["3306"] = str(mariadb_tls.port)
    account = dict(ACCOUNT, user="secured", database=None, port=int(reader.ports["3307"]), ssl={"verify_mode": "none"})
    reader.start(SHOWN)
    with pytest.raises(pymysql.OperationalError, match="Access denied") as caught:
        pymysql.connect(**account)
    assert caught.value.args[0] == 1045
    reader.start(SHOWN + " --protocol-mysql-tls pass")
    pymysql.connect(**account).close()


# ---- docs/python.md ----

def test_the_tests_it_shows(tests_in, mariadb):     # noqa: F811
    text = "\n".join(block for block in blocks("docs/python.md", "python") if "def test_" in block)
    assert text.count("127.0.0.1:3306") == 3
    assert "3 passed" in tests_in(text.replace("127.0.0.1:3306", mariadb.address))


def test_the_session_it_shows(mariadb):             # noqa: F811
    (text,) = [block for block in blocks("docs/python.md", "python") if "start_proxy(" in block]
    for here, there in (("8080", str(free_port())), ("3306", "%d, proxy_port=%d" % (mariadb.port, free_port()))):
        assert here in text
        text = re.sub(r"(?<!:)\b%s\b" % here, there, text)
    exec(text, {})
