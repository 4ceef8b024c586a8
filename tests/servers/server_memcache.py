"""The real memcached."""
import os
import subprocess
import tempfile

import pytest

from conftest import need
from harness import dial, free_port, listening, patience, until


class Memcached:
    """Started with these words beside its defaults."""

    def __init__(self, *words):
        self.words = words
        self.port = free_port()
        self.address = "127.0.0.1:%d" % self.port
        self.process = None

    def start(self):
        user = ["-u", "nobody"] if os.getuid() == 0 else []
        self.process = subprocess.Popen([need("memcached"), "-l", "127.0.0.1", "-p", str(self.port), *user, *self.words],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        until(lambda: self.process.poll() is not None or listening(self.port), what="memcached to listen")
        assert self.process.poll() is None, self.process.stderr.read()
        return self

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.kill()                 # on SIGTERM it takes its time, and it has nothing to save
            self.process.wait(patience())
        if self.process:
            self.process.stderr.close()
        self.process = None

    def ask(self, lines, tail=b"END\r\n"):
        """Something of the server itself, on a connection of its own."""
        with dial(self.port) as end:
            return end.send(lines).read_to(tail)

    def get(self, key):
        """The bytes under a key; None: there is no such item."""
        with dial(self.port) as end:
            words = end.send(b"get %s\r\n" % key.encode()).read_to(b"\r\n").split()
            return end.read(int(words[3])) if words[0] == b"VALUE" else None

    def stats(self):
        """{"cmd_get": 3, ...}, what is counted."""
        rows = [line.split() for line in self.ask(b"stats\r\n").decode().splitlines()[:-1]]
        return {row[1]: int(row[2]) for row in rows if row[2].isdigit()}


@pytest.fixture
def memcached():
    """memcached(*words): a server, stopped at the end."""
    running = []

    def one(*words):
        running.append(Memcached(*words))
        return running[-1].start()
    yield one
    for server in running:
        server.stop()


@pytest.fixture
def locked(memcached):
    """A server that wants a password: of app it is "secret". It reads that as another user."""
    with tempfile.NamedTemporaryFile("w", prefix="vaurien-") as secrets:
        secrets.write("app:secret\n")
        secrets.flush()
        os.chmod(secrets.name, 0o644)
        yield memcached("-Y", secrets.name)


@pytest.fixture(scope="session")
def cache():
    one = Memcached().start()
    yield one
    one.stop()
