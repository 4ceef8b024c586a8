"""`vaurien run` for tests: commands whose connections it carries, and callers of connect() in C.

    def test_hello(running, echo):
        done = running("--behavior", "reset", command=["curl", echo.url])
        assert done.code == 56 and "1 fault" in done.summary
"""
import fcntl
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import tempfile

import pytest

import harness
from harness import RUNTIME_ERROR, SEED, VAURIEN, Backend, need, patience, until

HERE = os.path.dirname(os.path.abspath(__file__))
NOBODY = 65534


def compiled(name, *flags):
    """The path of a C program of tests/scenarios, which anybody may execute."""
    folder = "/tmp/vaurien-tests-%d" % os.getuid()
    os.makedirs(folder, 0o755, exist_ok=True)
    source, made = os.path.join(HERE, "scenarios", name + ".c"), os.path.join(folder, name)
    with open(made + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(made) or os.path.getmtime(made) < os.path.getmtime(source):
            subprocess.run([need("gcc"), "-O1", "-D_GNU_SOURCE", *flags, "-o", made + ".new", source, "-lpthread"],
                           check=True)
            os.chmod(made + ".new", 0o755)
            os.replace(made + ".new", made)
    return made


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=patience())
        self.path = path

    def connect(self):
        """The file is there a moment before anyone listens."""
        end = time.monotonic() + patience(2)
        while True:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(patience())
            try:
                return self.sock.connect(self.path)
            except ConnectionRefusedError:
                self.sock.close()
                if time.monotonic() > end:
                    raise
                time.sleep(0.01)


class Run:
    """A `vaurien run`, under way. Its private directory is a folder of the test's own."""

    def __init__(self, folder, options, command, user=None, deny=None, env=None, binary=None, stdin=subprocess.DEVNULL,
                 **popen):
        self.folder = folder            # short: the path of a socket has 107 bytes at most
        words = [binary or VAURIEN, "run"]
        if not {"--seed", "--config"} & set(options):
            words += ["--seed", SEED]
        words += [str(word) for word in options] + ["--"] + [str(word) for word in command]
        if deny:
            words = [compiled("run_deny"), deny] + words
        if user:
            words = [need("setpriv"), "--reuid=%d" % user, "--regid=%d" % user, "--clear-groups"] + words
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=stdin, text=True,
                                        env=dict(os.environ, XDG_RUNTIME_DIR=self.folder, **(env or {})), **popen)
        self.pid = self.process.pid
        self.out = self.err = None

    @property
    def code(self):
        return self.process.returncode

    @property
    def summary(self):
        """What it says at its end."""
        return "\n".join(line for line in self.err.split("\n") if line.startswith("vaurien: "))

    def wait(self, seconds=10):
        self.out, self.err = self.process.communicate(timeout=patience(seconds))
        assert not RUNTIME_ERROR.search(self.err), self.err
        assert os.listdir(self.folder) == [], "left behind: %r" % os.listdir(self.folder)
        return self

    @property
    def socket_path(self):
        def found():
            for name in os.listdir(self.folder):
                path = os.path.join(self.folder, name, "api")
                if os.path.exists(path):
                    return path
        return until(found, what="the API of a run")

    def api(self, method, path, body=None):
        """(status, JSON)"""
        connection = UnixConnection(self.socket_path)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.communicate(timeout=patience(5))
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.communicate()


@pytest.fixture
def starting():
    """starting(OPTION, ..., command=[...]): a Run that goes on."""
    runs, copy = [], "/tmp/vaurien-tests-%d/vaurien.%d" % (os.getuid(), os.getpid())

    def start(*options, command, **how):
        folder = tempfile.mkdtemp(prefix="vr-", dir="/tmp")
        os.chmod(folder, 0o777)
        if how.get("user"):             # the build may be in a folder that is closed to others
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            how["binary"] = copy if os.path.exists(copy) else shutil.copy(VAURIEN, copy)
        runs.append(Run(folder, options, command, **how))
        return runs[-1]
    yield start
    for each in runs:
        each.stop()
        shutil.rmtree(each.folder, ignore_errors=True)
    if os.path.exists(copy):
        os.unlink(copy)


@pytest.fixture
def running(starting):
    """The same until its end."""
    return lambda *options, command, **how: starting(*options, command=command, **how).wait()


@pytest.fixture
def echo():
    """Backends that echo: echo("127.0.0.2")."""
    made = []

    def make(host="127.0.0.2", play=None):
        made.append(Backend(host, backlog=4096).serve(play))
        made[-1].host = host
        return made[-1]
    yield make
    for each in made:
        each.close()


@pytest.fixture(scope="session")
def calls():
    """The program of tests/scenarios/run_calls.c, linked statically."""
    return compiled("run_calls", "-static")
