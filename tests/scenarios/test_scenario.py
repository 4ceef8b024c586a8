"""vaurien scenario: its list and its mistakes, every outage to its end, and every way to end early."""
import json
import os
import re
import socket
import subprocess

import pytest

from harness import ROOT, RUNTIME_ERROR, VAURIEN, End, free_port, listening, patience

OUTAGES = ["slow", "lossy", "brownout", "deadlock", "overloaded", "full", "disk_full", "read_only", "demoted", "failover",
           "idle_closed", "restart", "crash", "blackout", "flapping", "hang", "half_open", "blackhole", "tls_stall", "lost_reply", "cold_cache",
           "cut_reply", "corrupt", "credentials", "certificate_expired", "rolling-restart", "pool-exhaustion", "retry-storm", "gray"]


# ---- --list and --show ----

def test_all_outages_are_listed_once(run):
    done = run("scenario", "--list")
    assert "()" not in done.stdout and done.stdout.count(", with client_tls)\n") == 2
    assert (done.returncode, done.stderr) == (0, "")
    assert re.findall(r"^  [qda ]  ([\w-]+) +\S", done.stdout, re.M) == OUTAGES
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_one_is_shown_as_a_file(run, tmp_path):
    assert "rule = tls_stall\n" in run("scenario", "--show", "tls_stall", "--protocol", "mysql").stdout
    done = run("scenario", "--show", "restart", "--protocol", "mysql")
    assert (done.returncode, done.stderr) == (0, "")
    assert "rule = error failure=shutting_down\n" in done.stdout and "rule = refuse\nfor = 2s\n" in done.stdout
    file = tmp_path / "mine.ini"
    file.write_text(done.stdout)
    listed = run("scenario", file, "--list")
    assert listed.returncode == 0 and re.search(r"^%s\n +restart " % re.escape(str(file)), listed.stdout, re.M), listed.stdout


def read(name):
    with open(os.path.join(ROOT, name)) as text:
        return text.read()


def test_the_page_has_all_keys_and_figures():
    page, source = read("docs/audit.md").split("## Scenarios of one's own")[1], read("audit/scenario_read.c")
    keys = set(re.findall(r'\{ "(\w+)", take_\w+', source)) - {"set", "group"}       # CONTRIBUTING.md has these
    assert len(keys) > 18 and not [key for key in keys if "`%s" % key not in page]
    figures = re.findall(r'= \{ "([\w.]+)", METRIC_', read("audit/condition.c"))
    assert len(figures) > 12 and not [name for name in figures if not re.search(r"`[\w.]*%s`" % re.escape(name), page)]
    shown = re.search(r"```ini\n(\[scenario:primary-failover\].*?)```", page, re.S).group(1)
    assert shown in read("examples/audit/scenarios.ini")


@pytest.mark.parametrize("words, sentence", [
    (["--show", "restrt"], "did you mean 'restart'?"),
    (["--show", "deadlock", "--protocol", "redis"], "deadlock does not fit the protocol redis"),
    (["--show", "deadlock", "--protocol", "reddis"], "did you mean 'redis'?"),
    (["/no/such/file"], "/no/such/file"),
    (["hang"], "expected FILE, got the name of an outage; run it with: vaurien audit --faults hang"),
    (["one.ini", "one", "two"], "expected FILE [NAME], got another word, 'two'"),
    ([], "expected FILE"),
])
def test_a_wrong_word_is_one_sentence(run, words, sentence):
    done = run("scenario", *words)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done.stderr
    assert sentence in done.stderr


# ---- mistakes in a file ----

@pytest.mark.parametrize("line, text, sentence", [
    (3, "[scenario:a]\n[phase:b]\nrule = delay slep=1s\nfor = 1s\n", "slep"),
    (3, "[scenario:a]\n[phase:b]\nrule = error failure=deadlok\nfor = 1s\n", "did you mean 'deadlock'?"),
    (3, "[scenario:a]\n[phase:b]\nrule = error failure=deadlock\nfor = 1s\n", "'deadlock' is not a failure of redis"),
    (2, "[scenario:a]\n[phase:b]\nrule = refuse\n", "no fault is without an end"),
    (4, "[scenario:a]\n[phase:b]\nfor = 1s\nexpect = probe.frnt = ok\n", "there is no probe 'frnt'; expected one of front"),
    (4, "[scenario:a]\n[phase:b]\nfor = 1s\nuntil = db:waiting > 3\n", "there is no proxy 'db'; expected one of default"),
    (2, "[scenario:a]\nproxy = db\n[phase:b]\nfor = 1s\n", "there is no proxy 'db'"),
    (3, "[scenario:a]\n[phase:b]\nuse = a\n", "expected no circle"),
    (1, "[phase:b]\nfor = 1s\n", "expected a section [scenario:NAME] above [phase:b]"),
    (1, "[scenaro:a]\n", "did you mean 'scenario'?"),
])
@pytest.mark.parametrize("command", ["scenario", "audit"])
def test_a_wrong_line_is_named_and_nothing_is_started(run, start, backend, tmp_path, command, line, text, sentence):
    file, port = tmp_path / "mine.ini", free_port()
    file.write_text(text)
    words = [file] if command == "scenario" else ["--scenario", file, "--faults", "slow"]
    done = run(command, *words, "--protocol", "redis", "--proxy", "127.0.0.1:%d" % port, "--backend", backend.serve().address,
               "--probe", "front=http://127.0.0.1:1/", "--", "touch", tmp_path / "started")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done.stdout + done.stderr
    assert "%s:%d: " % (file, line) in done.stderr and sentence in done.stderr
    assert not (tmp_path / "started").exists() and not listening(port)


def test_a_file_that_extends_another(run, tmp_path):
    """Its own scenario comes before the other file's of that name, phases and all; variables are replaced."""
    (tmp_path / "base.ini").write_text("[scenario:a]\nquestion = The base?\n[phase:x]\nfor = 1s\n[phase:y]\nfor = 1s\n"
                                       "[scenario:b]\nquestion = Both?\n[phase:x]\nuse = a\n")
    (tmp_path / "mine.ini").write_text("[DEFAULT]\nextends = base.ini\n[scenario:a]\nquestion = ${WHOSE}?\n[phase:z]\nfor = 1s\n")
    done = run("scenario", tmp_path / "mine.ini", "--list", env=dict(os.environ, WHOSE="Mine"))
    assert done.returncode == 0, done.stderr
    assert re.search(r"mine.ini\n +a +Mine\?\n\n.*base.ini\n +b +Both\?\n", done.stdout), done.stdout
    assert "The base?" not in done.stdout
    (tmp_path / "mine.ini").write_text("[phase:z]\nfor = 1s\n[DEFAULT]\nextends = base.ini\n")
    done = run("scenario", tmp_path / "mine.ini", "--list")
    assert done.returncode == 2 and "mine.ini:1: expected a section [scenario:NAME] above [phase:z]" in done.stderr


# ---- a shop of its own: no server, no application, so that many run at once ----

def redis_of_one_key(end):
    """Answers requests in Redis's format: GET with a value, PING with PONG, all else with OK."""
    file = end.sock.makefile("rb")
    while True:
        head = file.readline()
        if not head:
            return
        words = [file.read(int(file.readline()[1:]) + 2)[:-2] for _ in range(int(head[1:]))]
        end.send({b"GET": b"$3\r\ntea\r\n", b"PING": b"+PONG\r\n"}.get(words[0].upper(), b"+OK\r\n"))


def short():
    """The words of an audit that takes seconds."""
    return ["--probe-every", "200ms", "--probe-timeout", "%gs" % patience(1), "--baseline", "600ms", "--fault-time", "400ms",
            "--hang-time", "600ms", "--aftermath", "100ms", "--recover-within", "%gs" % patience(3), "--give-up", "%gs" % patience(3)]


class Audit:
    """A running auditor."""

    def __init__(self, folder, words, action):
        self.json, self.out, self.err = folder / "audit.json", folder / "out", folder / "err"
        self.process = subprocess.Popen([VAURIEN, action, *map(str, words), "--json", str(self.json)], stdin=subprocess.DEVNULL,
                                        stdout=self.out.open("w"), stderr=self.err.open("w"), cwd=str(folder))

    def said(self):
        return self.out.read_text() + self.err.read_text()

    def done(self, seconds=60):
        """Its exit code and its report."""
        try:
            code = self.process.wait(patience(seconds))
        except subprocess.TimeoutExpired:
            pytest.fail("it did not end:\n" + self.said())
        assert not RUNTIME_ERROR.search(self.said()), self.said()
        return code, json.loads(self.json.read_text())


@pytest.fixture
def shop(start, backends):
    """shop(): (a proxy before a little Redis, the words of an audit of it). Each visit of the shop reads and writes, on a
    connection of its own and with a time-out."""
    def make():
        proxy = start("--protocol", "redis", backend=backends().serve(redis_of_one_key))

        def visit(end):
            end.read_to(b"\r\n\r\n")
            try:
                with End(socket.create_connection(("127.0.0.1", proxy.port), patience(0.4))) as redis:
                    redis.sock.settimeout(patience(0.4))
                    redis.send(b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n")
                    found = redis.read_to(b"\r\n") == b"$3\r\n" and redis.read(5)
                    redis.send(b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n")
                    good = found == b"tea\r\n" and redis.read_to(b"\r\n") == b"+OK\r\n"
            except (OSError, AssertionError):
                good = False
            end.send(b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % (b"200 OK" if good else b"500 Closed"))

        page = "visit=http://%s/ within=%gs" % (backends().serve(visit).address, patience(0.5))
        return proxy, ["--attach", "127.0.0.1:%d" % proxy.http, "--probe", page, *short()]
    return make


@pytest.fixture
def audit(tmp_path):
    """audit(*words, action=): an Audit, killed at the end."""
    running = []

    def start_one(*words, action="audit"):
        folder = tmp_path / ("run%d" % len(running))
        folder.mkdir()
        running.append(Audit(folder, words, action))
        return running[-1]
    yield start_one
    for one in running:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


def page(end):
    """Answers each request of HTTP with a page."""
    while True:
        end.read_to(b"\r\n\r\n")
        end.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


def rules(proxy):
    return proxy.api("GET", "/rules")[1]["rules"]


def faults(proxy):
    """The rules that do something: a reservation does not."""
    return [rule for rule in rules(proxy) if rule["behavior"] != "dummy"]


def calm(proxy):
    return rules(proxy) == [] and proxy.api("GET", "/info")[1]["proxies"][0]["listening"]


# ---- every outage ----

def hardly_visited(experiment):
    """On a loaded machine: what nobody asked for in that time was not struck, and the report says so."""
    return any(finding["id"] == "too_few" for probe in experiment["probes"] for finding in probe["findings"])


def test_every_outage_leaves_the_proxy_calm(shop, audit):
    """All that fit, shared among eight that run at once. Some strike by chance, and need more visits than these few. Others
    need logins or connections that stay open, and the visitors here have neither."""
    unsure = {"lossy", "overloaded", "pool-exhaustion", "gray", "credentials", "blackhole", "demoted", "half_open"}
    fit = [name for name in OUTAGES if name not in ("deadlock", "retry-storm", "tls_stall", "certificate_expired")]
    running = []
    for part in range(8):
        proxy, words = shop()
        running.append((proxy, audit(*words, "--faults", ",".join(fit[part::8]))))
    seen = []
    for proxy, one in running:
        code, report = one.done()
        assert report["ended"]["how"] == "complete", one.said()
        seen += [experiment["outage"] for experiment in report["experiments"]]
        assert all(experiment["struck"] for experiment in report["experiments"] if experiment["outage"] not in unsure
                   and not hardly_visited(experiment)), one.said()
        assert calm(proxy)
    assert sorted(seen) == sorted(fit)


# ---- what phases do ----

DEEDS = """
[scenario:moves]
question = Does it follow to another backend?
proxy = one
[phase:moved]
do = mark the backend moves
do = backend %s
do = run echo hello
for = 500ms
expect = finally probe.one = ok
[phase:other]
proxy = two
do = run exit 3
rule = refuse
for = 600ms
expect = ever probe.two >= error
expect = always probe.one = ok
[scenario:never]
proxy = one
[phase:first]
rule = delay sleep=10ms
for = 5s
meanwhile = true
[phase:second]
when = connections > 1000
within = 500ms
rule = close
for = 1s
"""


def test_deeds_other_proxies_and_conditions_that_never_hold(start, run, backends, audit, tmp_path):
    """What is planned, and what comes of it."""
    one, two, other = (backends().serve(page) for _ in range(3))
    ports = free_port(), free_port()
    proxy = start("--add", "one=127.0.0.1:%d=%s,http" % (ports[0], one.address), "--add",
                  "two=127.0.0.1:%d=%s,http" % (ports[1], two.address), listen="", up=lambda: listening(ports[1]))
    (tmp_path / "deeds.ini").write_text(DEEDS % other.address)
    words = [tmp_path / "deeds.ini", "--attach", "127.0.0.1:%d" % proxy.http, "--probe",
             "one=http://127.0.0.1:%d/ within=2s" % ports[0], "--probe", "two=http://127.0.0.1:%d/ within=2s" % ports[1], *short()]
    plan = run("scenario", *words, "--plan")
    assert plan.returncode == 0 and plan.stdout.startswith("2 experiments, about "), plan.stderr
    assert "      moved               mark the backend moves; backend %s; run echo hello, 0.5 s\n" % other.address in plan.stdout
    assert "      other               two: refuse; run exit 3, 0.6 s\n" in plan.stdout
    done = audit(*words, "--probe-every", "100ms", action="scenario")
    code, report = done.done()
    moves, never = report["experiments"]
    moved, refused = moves["phases"]
    assert code == 1, done.said()
    assert moved["does"] == ["mark the backend moves", "backend " + other.address, "run echo"], "no more of a command"
    assert refused["rules"] == ["refuse"] and refused["does"] == ["run exit"]
    assert {each["text"]: each["held"] for phase in moves["phases"] for each in phase["expectations"]} == {
        "finally probe.one = ok": True, "run echo hello": True, "ever probe.two >= error": True, "always probe.one = ok": True,
        "run exit 3": False}
    found = {probe["name"]: {finding["id"] for finding in probe["findings"]} for probe in moves["probes"]}
    assert found == {"one": set(), "two": {"down"}}, "it asks what is struck, so it is no collateral"
    assert "never_struck" not in {finding["id"] for finding in report["findings"]}
    assert never["verdict"] == "inconclusive" and [phase["name"] for phase in never["phases"]][:1] == ["first"]
    assert "did not hold within 0.5 s" in json.dumps(never)
    assert calm(proxy) and [each["backend"] for each in proxy.api("GET", "/info")[1]["proxies"]] == [one.address, two.address]
