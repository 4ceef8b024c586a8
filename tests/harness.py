"""What a scenario is told with: the proxy, a backend and a client whose every move is the test's own.

    def test_hello(vaurien, backend):
        proxy = vaurien(backend=backend)
        client, server = proxy.meet(backend)    # a connection: both ends of it
        client.send(b"ping")
        assert server.read(4) == b"ping"

A test that uses `vaurien` runs twice: as it is, and with each read of the proxy cut to one byte. No
end waits longer than patience() allows; nothing here sleeps to let something happen: see until().
"""
import collections
import functools
import http.client
import importlib
import json
import os
import random
import re
import resource
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
import zlib

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VAURIEN = os.environ.get("VAURIEN_BIN") or os.path.join(ROOT, "bin", "vaurien")
SAN = os.environ.get("VAURIEN_SAN", "")         # which sanitizers the program was built with
SEED = os.environ.get("VAURIEN_SEED") or "1"      # of the dice, where a test has none of its own
RUNTIME_ERROR = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|Assertion")


# ---- how slow the machine is ----

class Machine(threading.Thread):
    """Measures how slow the machine is. `factor` is 1 on a quiet machine and at most WORST; a sanitizer doubles it.

    Two things raise it, and the higher one counts: how many threads want a CPU, for each CPU; and how many times LATE a
    sleep ends after its time, without what this process computed meanwhile. Parallel test workers count by the load that
    they make. What was measured in the last MEMORY seconds counts: a bound is compared after the time that it bounds.
    """
    TICK, LATE, MEMORY, WORST = 0.05, 0.02, 60, 10

    def __init__(self):
        super().__init__(daemon=True)
        self.cpus = len(os.sched_getaffinity(0))
        self.seen = collections.deque([(time.monotonic(), self.load()[0] / self.cpus)])     # (when, factor)
        self.start()

    @staticmethod
    def load():
        """(mean of the last minute, threads that want a CPU now)"""
        try:
            with open("/proc/loadavg") as text:
                words = text.read().split()
            return float(words[0]), int(words[3].split("/")[0])
        except OSError:
            return os.getloadavg()[:2]

    def run(self):
        while True:
            wanting, latest, begun = [], 0, time.monotonic()
            while time.monotonic() < begun + 20 * self.TICK:
                then, used = time.monotonic(), time.process_time()
                time.sleep(self.TICK)
                latest = max(latest, time.monotonic() - then - self.TICK - (time.process_time() - used))
                wanting.append(self.load()[1])
            self.seen.append((time.monotonic(), max(sum(wanting) / len(wanting) / self.cpus, latest / self.LATE)))
            while self.seen[0][0] < self.seen[-1][0] - self.MEMORY:
                self.seen.popleft()

    @property
    def factor(self):
        worst = max(factor for _, factor in list(self.seen))
        return max(1, min(int(worst), self.WORST)) * (2 if SAN else 1)      # whole: a queue of one is no load yet


machine = Machine()


def patience(seconds=15):
    """The seconds that a test waits at most for what takes less than `seconds` on a quiet machine. All upper bounds of
    time go through here. What takes `at least` so long is compared with the plain number."""
    return seconds * machine.factor


class Deadline:
    """The end of patience(seconds), counted from now; it moves away while the machine gets slower."""

    def __init__(self, seconds=15):
        self.begun, self.seconds, self.most = time.monotonic(), seconds, 0

    def left(self):
        self.most = max(self.most, patience(self.seconds))
        return self.begun + self.most - time.monotonic()

    def passed(self):
        return self.left() <= 0


def until(condition, seconds=15, what="a condition"):
    """Wait for condition() to be true and return what it returned. `what`: text, or a function that makes it. The longer
    it takes the more seldom it is asked, which adds a tenth of the wait at most: a condition may cost more CPU than 5 ms."""
    deadline = Deadline(seconds)
    while True:
        value = condition()
        if value:
            return value
        if deadline.passed():
            pytest.fail("waited %s s in vain for %s" % (deadline.most, what() if callable(what) else what))
        time.sleep(min(max(0.005, (time.monotonic() - deadline.begun) / 10), 0.03))


class Clock:
    """How long a block took: with Clock() as took: ...; assert took.seconds < 1"""

    def __enter__(self):
        self.start = time.monotonic()
        return self

    def __exit__(self, *_):
        self.seconds = time.monotonic() - self.start


# ---- what tests need that is not ours ----

def left_out(text):
    """Skip, with a line at the end that is seen also where pytest is quiet: see pytest_terminal_summary()."""
    pytest.skip("*** %s ***" % text, allow_module_level=True)


def pytest_terminal_summary(terminalreporter):
    reasons = {report.longrepr[2] for report in terminalreporter.stats.get("skipped", []) if isinstance(report.longrepr, tuple)}
    for reason in sorted(reasons):
        if "***" in reason:
            terminalreporter.write_line(reason.replace("Skipped: ", ""))


def missing(what):
    """A server, tool or module is not there. With CI in the environment that is a failure; elsewhere a loud skip."""
    text = "%s is not installed: what needs it is not tested" % what
    if os.environ.get("CI"):
        pytest.fail(text)
    left_out(text)


def need(program):
    """The path of a program; see missing()."""
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin") or missing(program)


def need_module(name):
    """A Python module that is not in the standard library; see missing()."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return missing("Python's " + name)


# ---- ports and addresses ----

taken = collections.deque()                     # sockets whose names are those numbers, ours for a while


def free_port(host="127.0.0.1"):
    """A port for TCP and UDP below the range that the kernel hands out, so that no other socket gets it meanwhile; nor do
    tests that run beside this one: they see that its name, of no file, is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        port = random.SystemRandom().randrange(10000, 30000)
        mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            mark.bind("\0port %d of a test" % port)
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(family, kind) as probe:
                    probe.bind((host, port))
        except OSError:
            mark.close()
            continue
        taken.append(mark)
        if len(taken) > 100:
            taken.popleft().close()
        return port


def listeners(family, port=0):
    """The kernel's rows of TCP sockets that listen, on this port or on any: its list of all connections, as /proc/net/tcp
    tells it, takes some ms to walk. Nothing can be asked in some sandboxes: OSError."""
    rows = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as kernel:           # NETLINK_SOCK_DIAG
        ask = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 0, 0, 1 << 10)     # in the state LISTEN
        ask += struct.pack(">H", port) + bytes(46)
        kernel.send(struct.pack("=IHHII", 16 + len(ask), 20, 0x301, 0, 0) + ask)   # SOCK_DIAG_BY_FAMILY; REQUEST, DUMP
        while True:
            data, at = kernel.recv(1 << 16), 0
            while at < len(data):
                size, kind = struct.unpack_from("=IH", data, at)
                if kind == 3:                                                      # DONE
                    return rows
                if kind != 20:
                    raise OSError("the kernel does not tell who listens")
                rows.append(data[at + 16:at + size])
                at += (size + 3) & ~3


def listening(port):
    """Does anyone listen on this TCP port? Asked of the kernel: no connection is made."""
    try:
        return any(listeners(family, port) for family in (socket.AF_INET, socket.AF_INET6))
    except OSError:
        pass
    wanted = ":%04X" % port
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if os.path.exists(table):
            with open(table) as lines:
                for line in lines:
                    words = line.split()
                    if words[1].endswith(wanted) and words[3] == "0A":
                        return True
    return False


# ---- the two ends ----

class End:
    """One end of a connection, under the test's command."""

    def __init__(self, sock):
        self.sock = sock
        sock.settimeout(patience())
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data):
        self.sock.sendall(data)
        return self

    def read(self, n):
        """Exactly n bytes."""
        data = bytearray()
        while len(data) < n:
            piece = self.sock.recv(min(n - len(data), 1 << 20))
            assert piece, "end of stream after %d of %d bytes: %r" % (len(data), n, bytes(data[:80]))
            data += piece
        return bytes(data)

    def read_to(self, tail):
        """All that comes until these bytes have."""
        data = b""
        while not data.endswith(tail):
            data += self.read(1)
        return data

    def rest(self):
        """All that comes until the end, and how it ended: (bytes, "fin" | "rst")."""
        data = bytearray()
        try:
            while True:
                piece = self.sock.recv(1 << 16)
                if not piece:
                    return bytes(data), "fin"
                data += piece
        except (ConnectionResetError, BrokenPipeError):
            return bytes(data), "rst"

    def ends(self):
        """How the connection ends, with no byte before."""
        data, how = self.rest()
        assert data == b"", "expected an end, got %r" % data[:80]
        return how

    def silent(self, seconds):
        """Nothing comes, not even an end, for so long."""
        self.sock.settimeout(seconds)
        try:
            assert False, "expected silence, got %r" % self.sock.recv(1 << 16)
        except socket.timeout:
            return True
        finally:
            self.sock.settimeout(patience())

    def finish(self):
        """No more from here: FIN."""
        self.sock.shutdown(socket.SHUT_WR)
        return self

    def reset(self):
        """RST to the other end."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()

    @property
    def local(self):
        return self.sock.getsockname()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def http_ask(at, method, path, body=None, headers=None):
    """What a control API answers, as it came: (status, headers, text). `at`: a Vaurien, or a port."""
    connection = http.client.HTTPConnection("127.0.0.1", getattr(at, "http", at), timeout=patience())
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


def dial(address, **options):
    """A client's end. `address`: a port of 127.0.0.1, (host, port), or the path of a unix socket."""
    if isinstance(address, str):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(patience())
        sock.connect(address)
        return End(sock)
    if isinstance(address, int):
        address = ("127.0.0.1", address)
    return End(socket.create_connection(address, patience(), **options))


class Backend:
    """A listening server. Either the test accepts and plays it, or a thread does: see serve()."""

    def __init__(self, host="127.0.0.1", path=None, backlog=512, receive=None):
        self.ends = []
        if path:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.bind(path)
            self.address = "unix:" + path
        else:
            self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if receive:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
            self.sock.bind((host, free_port(host)))
            self.port = self.sock.getsockname()[1]
            self.address = "%s:%d" % ("[%s]" % host if ":" in host else host, self.port)
        self.sock.listen(backlog)
        self.sock.settimeout(patience())

    def accept(self):
        sock, _ = self.sock.accept()
        self.ends.append(End(sock))
        return self.ends[-1]

    def waiting(self, seconds=0.2):
        """Does a connection wait to be accepted?"""
        self.sock.settimeout(seconds)
        try:
            return self.accept()
        except socket.timeout:
            return None
        finally:
            self.sock.settimeout(patience())

    def serve(self, play=None):
        """From now on a thread accepts, and one thread per connection plays: play(End). Default: echo."""
        def echo(end):
            while True:
                data = end.sock.recv(1 << 16)
                if not data:
                    return
                end.send(data)

        def one(end):
            try:
                end.sock.settimeout(None)
                (play or echo)(end)
            except (OSError, AssertionError):
                pass                    # the proxy may do anything to us: that is what is tested
            finally:
                end.close()

        def accept():
            while True:
                try:
                    sock, _ = self.sock.accept()
                except OSError:
                    return
                threading.Thread(target=one, args=(End(sock),), daemon=True).start()

        self.sock.settimeout(None)
        threading.Thread(target=accept, daemon=True).start()
        return self

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)        # wakes a thread in accept()
        except OSError:
            pass
        self.sock.close()
        for end in self.ends:
            end.close()


def late_ones(proxy, clients, least):
    """All that the proxy has met, in their order, say a byte at once and are answered: the indices of those whose answers
    took so many seconds or more. They are those of whom the log tells a strike; where a busy machine makes others late
    too, all speak again."""
    def by_the_clock():
        late, begun = set(), time.monotonic()
        with selectors.DefaultSelector() as waiting:
            for i, client in enumerate(clients):
                waiting.register(client.sock, selectors.EVENT_READ, i)
                client.send(b"x")
            while waiting.get_map():
                for key, _ in waiting.select(patience()):
                    if time.monotonic() - begun >= least:
                        late.add(key.data)
                    assert clients[key.data].read(1) == b"x"
                    waiting.unregister(key.fileobj)
        return late

    def agreed():
        told = len(proxy.strikes())
        late = by_the_clock()
        struck = {int(strike["connection"]) - 1 for strike in proxy.strikes()[told:]}
        assert struck <= late, "%r were struck, only %r late" % (struck, late)
        return (late,) if late == struck else None
    return until(agreed, what="none to be late but who is struck")[0]


# ---- the proxy ----

class Proxy:
    """A running vaurien. Its control API answers on .http, its log is a file."""

    def __init__(self, directory, args, backend, http, listen, env=None, limit=None, prefix=()):
        self.log_path = os.path.join(directory, "vaurien.log")
        self.errors = open(os.path.join(directory, "stderr"), "w+")
        self.port = free_port() if listen is None else None     # listen "": none but what args add
        self.http = free_port() if http else None
        words = [VAURIEN, "--log-level", "debug", "--log-output", self.log_path]
        if listen != "":
            words += ["--proxy", listen or "127.0.0.1:%d" % self.port]
        if backend is not None:
            words += ["--backend", getattr(backend, "address", backend)]
        if http:
            words += ["--http", "--http-host", "127.0.0.1", "--http-port", str(self.http)]
        if not {"--seed", "--config"} & set(args):
            words += ["--seed", SEED]       # chance decides alike in every run
        self.words = list(prefix) + words + [str(word) for word in args]    # prefix: a command that executes the rest

        def before():
            if limit:
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        self.process = subprocess.Popen(self.words, stdout=self.errors, stderr=self.errors, stdin=subprocess.DEVNULL,
                                        preexec_fn=before, env={**os.environ, "XDG_DATA_HOME": directory, **(env or {})})
        self.pid = self.process.pid
        self.owes = 0

    def wait_ready(self, up):
        def ready():
            assert self.process.poll() is None, "vaurien left with rc %s:\n%s\n%s" % (
                self.process.returncode, self.said(), self.log())
            return up() and (self.http is None or listening(self.http))
        until(ready, what="vaurien to listen")
        return self

    def said(self):
        """What came on stdout and stderr."""
        self.errors.flush()
        with open(self.errors.name) as text:
            return text.read()

    def log(self):
        try:
            with open(self.log_path, errors="replace") as text:
                return text.read()
        except FileNotFoundError:
            return ""

    def logged(self, pattern, seconds=15):
        """The first match of a regular expression in the log; waited for."""
        return until(lambda: re.search(pattern, self.log()), seconds,
                     lambda: "%r in the log:\n%s" % (pattern, self.log()[-2000:]))

    def whole_log(self):
        """The log, with all that has been said by now: who answers the API has written what was on its way there before."""
        if self.http and self.process.poll() is None:
            for _ in range(2):
                self.api("GET", "/info")
        return self.log()

    def strikes(self):
        """Each strike that the debug log tells, as a dict of its key=value words."""
        lines = re.findall(r"(?<!no )strike (proxy=.*)", self.whole_log())
        return [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in lines]

    def api(self, method, path, body=None):
        """(status, body as JSON or text)"""
        status, _, text = http_ask(self, method, path, None if body is None else json.dumps(body))
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text

    def set(self, name, **options):
        status, answer = self.api("PUT", "/behavior", dict(options, name=name))
        if status == 200 and "warning" in answer:       # what it warns of is tested in test_warnings.py
            assert answer.pop("warning").startswith(tuple(part.split(":")[-1] + ": " for part in name.split(",")))
        assert (status, answer) == (200, {"status": "ok"}), "%s: %r" % (status, answer)
        return self

    def client(self, **options):
        return dial(self.port, **options)

    def meet(self, backend):
        """A new connection: (the client's end, the backend's end)."""
        client = self.client()
        return client, backend.accept()

    def refuses(self):
        """How a new connection ends that is never let speak: "rst", "fin"; also where that is seen while connecting."""
        try:
            with self.client() as client:
                return client.ends()
        except ConnectionResetError:
            return "rst"

    # what the kernel knows of the process
    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.pid))

    def memory(self):
        """Resident bytes."""
        with open("/proc/%d/statm" % self.pid) as text:
            return int(text.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def cpu(self):
        """Seconds of CPU used so far."""
        with open("/proc/%d/stat" % self.pid) as text:
            words = text.read().rsplit(")", 1)[1].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        """SIGTERM, then what every run owes: rc 0 (or what a test has set as `owes`), and not a word from assert or a sanitizer."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            rc = self.process.wait(patience())
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("did not stop on SIGTERM:\n" + self.log()[-2000:])
        said = self.said()
        assert not RUNTIME_ERROR.search(said), said
        assert rc == self.owes, "rc %s\n%s\n%s" % (rc, said, self.log()[-2000:])

    def destroy(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.errors.close()


# ---- guests of one's own ----

@functools.lru_cache(maxsize=None)
def compiler():
    """The words that compile a plugin: the program's own flags, and the public header alone."""
    words = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    asked = subprocess.check_output(["make", "-s", "SAN=" + SAN, "--eval=flags-of-guests: ; @echo $(GUEST)", "flags-of-guests"],
                                    cwd=ROOT, env=words, universal_newlines=True)
    return asked.split()


def compiled(source, text=None, flags=("-Werror",)):
    """The path of a plugin made from a C file, which is written first if there is a text."""
    source = str(source)
    if text is not None:
        with open(source, "w") as out:
            out.write(text)
    made = re.sub(r"\.c$", ".so", source)
    done = subprocess.run([*compiler(), *flags, "-o", made, source], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          universal_newlines=True)
    assert done.returncode == 0, done.stdout
    return made


# ---- make quick ----

# File -> its test for `make quick`, where its first one takes long or needs more built. None: all do.
QUICK = {
    "test_bench": None, "test_crowd": None, "test_storm": None, "test_waves": "test_a_saw_rises",
    "test_limits": "test_pool_max_size_is_the_most_clients_at_once", "test_bandwidth": "test_an_idle_neighbor_takes_nothing",
    "test_plugins": "test_a_plugin_that_is_wrong", "test_examples_plugins": "test_jobs_pass",
    "test_audit_ends": "test_rules_in_force_are_named", "test_scenario_ends": "test_a_signal_takes_all_back_at_once",
    "test_audit_signals": "test_a_signal_takes_the_fault_back_first", "test_change": "test_outages_come_and_go_and_nothing_leaks",
}


# These mostly wait, for leases and for applications: a sanitizer has seen their code in other tests of the same parts.
WAITS = {"test_audit_signals", "test_audit_ends", "test_scenario_ends", "test_audit_proof", "test_scenarios", "test_fleet_ctl"}


# Under a sanitizer a third of these is enough: their conversations run there in each protocol's vectors, at every chunk size.
VECTORS = {"test_tls_sql", "test_tls_others", "test_tls_scripted", "test_kafka", "test_mongo", "test_proxy_header", "test_invitation",
           "test_comments"}


def third(text):
    return zlib.crc32(text.encode()) % 3 == 0


def sanitized(item):
    """Does it run under a sanitizer? Not if it waits. Of a test's two runs, with whole reads and with reads of one byte, one
    does: of a third of the tests the second. The choice is always the same."""
    name, bytewise = item.module.__name__, "bytewise" in item.nodeid
    if name in WAITS or (name in VECTORS and not third(item.nodeid[::-1])):
        return False
    return bytewise == third(item.nodeid.replace("bytewise", "whole")) or not re.search("bytewise|whole", item.nodeid)


def chosen(item):
    """A run with reads of one byte is made once: under a sanitizer, or without."""
    return sanitized(item) if SAN else not ("bytewise" in item.nodeid and sanitized(item))


def pytest_collection_modifyitems(config, items):
    """With VAURIEN_QUICK=1, one test of each file, with its first parameters; of a target of make, see chosen(); else all."""
    firsts, left = {}, []
    if os.environ.get("VAURIEN_QUICK"):
        for item in items:
            wanted = QUICK.get(item.module.__name__, item.originalname)
            if item.originalname != wanted or firsts.setdefault(item.module, item) is not item:
                left.append(item)
    elif os.environ.get("COUNTS"):                      # a part of the check
        left = [item for item in items if not chosen(item)]
    config.hook.pytest_deselected(items=left)
    gone = set(left)
    items[:] = [item for item in items if item not in gone]


# ---- fixtures ----

@pytest.fixture(params=[None, 1], ids=["whole", "bytewise"])
def bufsize(request):
    """The proxy's read buffer: its own choice, or one byte."""
    return request.param


@pytest.fixture
def start(tmp_path):
    """start(*args, backend=, http=, listen=, up=): a proxy with just these words; stopped and judged at the end."""
    running = []

    def start_one(*args, backend=None, http=True, listen=None, up=None, **options):
        directory = tmp_path / ("vaurien%d" % len(running))
        directory.mkdir()
        proxy = Proxy(str(directory), args, backend, http, listen, **options)
        running.append(proxy)
        return proxy.wait_ready(up or (lambda: listening(proxy.port)))

    yield start_one
    try:
        for proxy in running:
            proxy.stop()
    finally:
        for proxy in running:
            proxy.destroy()


@pytest.fixture
def vaurien(start, bufsize):
    """As start, and with the buffer size of the run."""
    words = ["--bufsize", str(bufsize)] if bufsize else []

    def start_one(*args, **options):
        return start(*words, *args, **options)
    return start_one


@pytest.fixture
def backends():
    """backends(host=, path=, ...): a Backend; closed at the end."""
    made = []

    def make(**options):
        made.append(Backend(**options))
        return made[-1]
    yield make
    for backend in made:
        backend.close()


@pytest.fixture
def backend(backends):
    return backends()


@pytest.fixture
def run():
    """run(*words, stdin=): the program, to its end; rc, stdout and stderr as text."""
    def run_it(*words, program=VAURIEN, seconds=15, **options):
        done = subprocess.run([program] + [str(word) for word in words], stdin=subprocess.DEVNULL, timeout=patience(seconds),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, **options)
        assert not RUNTIME_ERROR.search(done.stderr), done.stderr
        return done
    return run_it
