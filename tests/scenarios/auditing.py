"""What the tests of vaurien audit share: a small application before a real Redis, and a running auditor."""
import json
import os
import re
import subprocess

import pytest

from harness import RUNTIME_ERROR, VAURIEN, free_port, listening, need, need_module, patience, until

# /        asks nothing
# /stock   asks Redis on a pooled connection; TIMEOUT: of the driver, "" is none
# /add     writes to it
# /slow    takes a second
APPLICATION = '''
import http.server, os, signal, socketserver, sys
import redis
times = float(os.environ["TIMEOUT"]) if os.environ.get("TIMEOUT") else None
secure = {"connection_class": redis.SSLConnection, "ssl_ca_certs": os.environ["CACHE_CA"]} if os.environ.get("CACHE_CA") else {}
pool = redis.ConnectionPool(host=os.environ["CACHE_HOST"], port=int(os.environ["CACHE_PORT"]), socket_timeout=times,
                            socket_connect_timeout=times, **secure)

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status = 200
        try:
            body = b"hello"
            if self.path == "/stock":
                body = redis.Redis(connection_pool=pool).get("tea") or b"none"
            elif self.path == "/add":
                body = b"%d" % redis.Redis(connection_pool=pool).incr("orders")
        except Exception as error:
            if os.environ.get("DIES"):
                os.kill(os.getpid(), signal.SIGKILL)
            status, body = 500, repr(error).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET

    def log_message(self, *_):
        pass

class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads, request_queue_size = True, 50

Server(("127.0.0.1", int(sys.argv[1])), Page).serve_forever()
'''

SHORT = ["--probe-every", "100ms", "--probe-timeout", "1s", "--baseline", "1s", "--fault-time", "1s", "--hang-time", "2s",
         "--aftermath", "200ms", "--give-up", "6s", "--recover-within", "5s", "--app-start", "20s"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """The address of a Redis."""
    need_module("redis")
    port = free_port()
    process = subprocess.Popen([need("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir",
                                str(tmp_path_factory.mktemp("redis"))], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    until(lambda: listening(port), what="Redis to listen")
    yield "127.0.0.1:%d" % port
    process.kill()
    process.wait()


@pytest.fixture
def application(tmp_path):
    """application(): the words of the program, and its port. application(cache=ADDRESS): it runs."""
    path, running = tmp_path / "application.py", []
    path.write_text(APPLICATION)

    def make(cache=None, **environment):
        port = free_port()
        words = ["/usr/bin/python3", str(path), str(port)]
        if not cache:
            return words, port
        host, _, number = cache.rpartition(":")
        running.append(subprocess.Popen(words, env=dict(os.environ, CACHE_HOST=host, CACHE_PORT=number, **environment)))
        until(lambda: listening(port), what="the application to listen")
        return words, port
    yield make
    for process in running:
        process.kill()
        process.wait()


class Done:
    def __init__(self, code, said, errors, file):
        self.code, self.said, self.errors = code, said, errors
        self.report = json.loads(file.read_text()) if file.exists() else None
        assert not RUNTIME_ERROR.search(errors), errors

    def experiment(self, name):
        return next(one for one in self.report["experiments"] if "%s/%s" % (one["proxy"], one["outage"]) == name)

    def cell(self, name):
        """"cache/hang/stock": the verdict, and the findings' names."""
        experiment = self.experiment(name.rpartition("/")[0])
        probe = next(one for one in experiment["probes"] if one["name"] == name.rpartition("/")[2])
        return probe["verdict"], {finding["id"] for finding in probe["findings"]}

    def notes(self):
        return {note["id"] for note in self.report["notes"]}


class Audit:
    """A running auditor."""

    def __init__(self, tmp_path, words, action="audit", **environment):
        self.folder = tmp_path / ("audit%d" % len(list(tmp_path.glob("audit*"))))
        self.folder.mkdir()
        self.json = self.folder / "audit.json"
        self.out, self.err = self.folder / "out", self.folder / "err"
        front = [str(word) for word in words]
        at = front.index("--") if "--" in front else len(front)
        front[at:at] = ["--json", str(self.json)]
        self.process = subprocess.Popen([VAURIEN, action] + front, stdin=subprocess.DEVNULL, stdout=open(str(self.out), "w"),
                                        stderr=open(str(self.err), "w"), cwd=str(self.folder),
                                        env=dict(os.environ, **environment))

    def says(self, pattern, seconds=30):
        def there():
            assert self.process.poll() is None or re.search(pattern, self.out.read_text()), self.err.read_text()
            return re.search(pattern, self.out.read_text())
        return until(there, seconds, lambda: "%r in %s" % (pattern, self.out.read_text()))

    def done(self, seconds=60):
        try:
            self.process.wait(patience(seconds))
        except subprocess.TimeoutExpired:
            self.process.kill()
            pytest.fail("it did not end:\n%s" % self.out.read_text())
        return Done(self.process.returncode, self.out.read_text(), self.err.read_text(), self.json)


@pytest.fixture
def start_audit(tmp_path):
    running = []

    def start_it(*words, **options):
        running.append(Audit(tmp_path, words, **options))
        return running[-1]
    yield start_it
    for audit in running:
        if audit.process.poll() is None:
            audit.process.kill()
            audit.process.wait()


@pytest.fixture
def audit(start_audit):
    """audit(*words): its whole run."""
    return lambda *words, **options: start_audit(*words, **options).done()


def probes(port, *names):
    """The words of --probe for pages of the application. The front page asks nothing, and is as slow as the machine is."""
    return [word for name in names or ["front", "stock"]
            for word in ("--probe", "%s=http://127.0.0.1:%d/%s" % (
                name, port, " within=%dms" % patience(250) if name == "front" else name))]


def started(cache, words):
    """The words of an audit that starts the application."""
    return ["--add", "cache=127.0.0.1:0=%s,redis" % cache, "--env", "CACHE_HOST={cache.host}", "--env",
            "CACHE_PORT={cache.port}", *SHORT, "--", *words]


def serve_page(end):
    """A player of a Backend: a page for each request."""
    end.read_to(b"\r\n\r\n")
    end.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
