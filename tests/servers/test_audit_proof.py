"""The proof of `vaurien audit`: small applications, naive and repaired, on real servers.

Each naive one gets the finding that it was written for, and each repaired one does not. The figures
are compared with what the application itself noted. The applications are in audit_apps/; a run is
an audit that starts one of them. Runs wait most of the time, so several go on at once: all that the
selected tests need begin with the first test.
"""
import bisect
import concurrent.futures
import functools
import json
import os
import subprocess
import sys

import pytest

from conftest import ask
from harness import ROOT, SAN, VAURIEN, free_port, missing, need, need_module, patience
from server_postgres import postgres            # noqa: F401: a fixture
from server_redis import server as redis        # noqa: F401: a fixture

APPS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "audit_apps")
NODE_PATH = "/usr/share/nodejs"                 # where only Debian's own Node looks by itself
AT_ONCE = 8
SHORT = {"baseline": "2s", "probe-every": "200ms", "probe-timeout": "1500ms", "fault-time": "3s", "hang-time": "4s",
         "recover-within": "4s", "give-up": "6s", "aftermath": "1s", "app-start": "30s"}
STOCK = ("stock=http://127.0.0.1:{port}/stock",)
ORDER = ("order=http://127.0.0.1:{port}/order method=POST",)
BOTH = ("front=http://127.0.0.1:{port}/",) + STOCK

# name: application and its options, outages, probes, backends by proxy, further options of the audit
RUNS = {
    "no time-out": ("time_outs.py", "hang", STOCK, {"db": "mysql"}, {}),
    "time-out": ("time_outs.py --time-out=0.5", "hang", STOCK, {"db": "mysql"}, {}),
    "silence": ("time_outs.py", "half_open", STOCK, {"db": "mysql"}, {}),
    "silence, time-out": ("time_outs.py --time-out=0.5", "half_open", STOCK, {"db": "mysql"}, {}),
    "unanswered": ("time_outs.py", "unanswered.ini", STOCK, {"db": "mysql"}, {"aftermath": "3s"}),
    "unanswered, time-out": ("time_outs.py --time-out=0.5", "unanswered.ini", STOCK, {"db": "mysql"}, {"aftermath": "3s"}),
    "untested pool": ("pool.py --size=12", "idle_closed", STOCK, {"db": "mysql"}, {"probe-every": "400ms"}),
    "tested pool": ("pool.py --size=12 --test", "idle_closed", STOCK, {"db": "mysql"}, {"probe-every": "400ms"}),
    "SQLAlchemy": ("shop.py", "closed.ini", STOCK, {"db": "mysql"}, {"probe-every": "1s", "baseline": "3s"}),
    "SQLAlchemy, tested": ("shop.py --test", "closed.ini", STOCK, {"db": "mysql"}, {"probe-every": "1s", "baseline": "3s"}),
    "long breaker": ("breaker.py --open=5", "blackout", STOCK, {"db": "mysql"}, {"recover-within": "1s"}),
    "short breaker": ("breaker.py --open=0.3", "blackout", STOCK, {"db": "mysql"}, {"recover-within": "1s"}),
    "pool that empties": ("pool.py --size=4 --forget", "blackout", STOCK, {"db": "mysql"}, {}),
    "pool that refills": ("pool.py --size=4", "blackout", STOCK, {"db": "mysql"}, {}),
    "demoted": ("writer.py", "demoted", ORDER + STOCK, {"db": "mysql"}, {}),
    "demoted and left": ("writer.py --discard", "demoted", ORDER + STOCK, {"db": "mysql"}, {}),
    "aborted": ("transaction.py", "deadlock", STOCK, {"db": "postgres"}, {}),
    "rolled back": ("transaction.py --rollback", "deadlock", STOCK, {"db": "postgres"}, {}),
    "listener dies": ("listener.py", "restart", STOCK, {"db": "postgres"}, {}),
    "listener lives": ("listener.py --connect-again", "restart", STOCK, {"db": "postgres"}, {}),
    "one worker": ("workers.py", "hang", BOTH, {"db": "mysql"}, {}),
    "threads": ("workers.py --threads", "hang", BOTH, {"db": "mysql"}, {}),
    "retries at once": ("retries.py --times=8", "read_only", ORDER, {"db": "mysql"}, {}),
    "retries with back-off": ("retries.py --times=2 --wait=0.1", "read_only", ORDER, {"db": "mysql"}, {"probe-every": "400ms"}),
    "twice": ("orders.py", "lost_reply", ORDER, {"db": "mysql"}, {}),
    "once": ("orders.py --key", "lost_reply", ORDER, {"db": "mysql"}, {}),
    "forgotten sockets": ("sockets.py", "deadlock,read_only,disk_full", STOCK, {"db": "mysql"}, {"fault-time": "2s"}),
    "closed sockets": ("sockets.py --close", "deadlock,read_only,disk_full", STOCK, {"db": "mysql"}, {"fault-time": "2s"}),
    "pool that grew": ("growing.py", "slow,deadlock,hang", STOCK, {"db": "mysql"}, {"fault-time": "2s"}),
    "empty cache": ("cached.py", "cold_cache", STOCK, {"db": "mysql", "cache": "redis"}, {}),
    "empty cache, local": ("cached.py --local", "cold_cache", STOCK, {"db": "mysql", "cache": "redis"}, {}),
    "past the proxy": ("past.py --port={db}", "restart,hang", STOCK, {"db": "mysql"}, {}),
    "in TLS": ("past.py --tls", "deadlock", STOCK, {"db": "mysql_tls"}, {"protocol-mysql-tls": "pass"}),
}
if not SAN:
    RUNS["Node"] = ("shop.js", "restart,hang", BOTH, {"db": "mysql"}, {})
    RUNS["Node, pool"] = ("shop.js --pool", "restart,hang", BOTH, {"db": "mysql"}, {})


def beside_sanitizers(function):
    return pytest.mark.skip("sanitizers see nothing new")(function) if SAN else function


def needs(*names):
    """The runs that a test looks at. A loaded machine may disturb one: then they are carried out once more, one by one."""
    def take(function):
        @functools.wraps(function)
        def test(**given):
            try:
                function(**given)
            except AssertionError:
                given["runs"].again(names)
                function(**given)
        test.needs = names
        return test
    return take


# ---- a run ----

class Report:
    """What an audit reported, and what its application noted."""

    def __init__(self, name, done, directory):
        self.name, self.exit, self.text = name, done.returncode, done.stdout
        with open(os.path.join(directory, "audit.json")) as text:
            self.json = json.load(text)
        self.notes = []
        if os.path.exists(os.path.join(directory, "log")):
            with open(os.path.join(directory, "log")) as text:
                self.notes = [json.loads(line) for line in text]

    def experiment(self, outage):
        return next(x for x in self.json["experiments"] if x["outage"] == outage)

    def cell(self, outage, probe="stock"):
        cells = [cell for cell in self.experiment(outage)["probes"] if cell["name"] == probe]
        assert cells, self                      # it was not run: the machine was too busy
        return cells[0]

    def found(self, outage, place="stock"):
        """The ids of a place: a probe, "connections", or None for the experiment's own."""
        x = self.experiment(outage)
        owner = x if place is None else x["connections"] if place == "connections" else self.cell(outage, place)
        return {finding["id"] for finding in owner["findings"]}

    def run_found(self):
        return {finding["id"] for finding in self.json["findings"]}

    def noted(self, what, after=None, before=None):
        """The application's notes of a kind. Times are those of the report."""
        offset = self.offset()
        times = [note["time"] - offset for note in self.notes if note["what"] == what]
        return [t for t in times if (after is None or t >= after) and (before is None or t <= before)]

    def offset(self):
        """From the report's clock to the wall clock. Each sample is a request with the same status, a moment later: the offset
        under which most samples have theirs."""
        samples = [(s[0], s[3]) for x in self.json["experiments"] for s in x["probes"][0]["samples"] if s[3] in ("200", "500")]
        path = "/" + self.json["probes"][0]["name"] if self.json["probes"][0]["name"] != "front" else "/"
        begun = {answer: sorted(note["begun"] for note in self.notes if note["what"] == "request" and note["path"] == path
                                and str(note["status"]) == answer) for answer in ("200", "500")}

        def matches(offset, late):
            found = 0
            for time, answer in samples:
                at = bisect.bisect_left(begun[answer], time + offset - 0.002)
                found += at < len(begun[answer]) and begun[answer][at] < time + offset + late
            return found
        # Any of the last samples may have been taken up late. The least offset is that of the one that was not.
        offsets = [each - time for time, answer in samples[-8:] for each in begun[answer]]
        for late in (0.03, 0.1):
            found, offset = max((matches(offset, late), -offset) for offset in offsets)
            if found > len(samples) / 2:
                return -offset
        raise AssertionError(self)

    def overlapping(self, outage, probe):
        """How many samples of a probe had another one of it beside them."""
        samples = self.cell(outage, probe)["samples"]
        beside = set()
        for (i, one), (j, two) in zip(enumerate(samples), list(enumerate(samples))[1:]):
            if one[0] + one[1] >= two[0]:
                beside |= {i, j}
        return len(beside)

    def __repr__(self):
        return "%s: exit %d\n%s\n%s" % (self.name, self.exit, self.text, json.dumps(self.json["findings"], indent=1))


def interpreter(app):
    """The program that an application is a text for."""
    if not app.endswith(".js"):
        return sys.executable
    node = need("node")
    done = subprocess.run([node, "-e", "require('mysql')"], env=dict(os.environ, NODE_PATH=NODE_PATH), timeout=patience(60),
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return missing("node-mysql") if done.returncode else node


def carry_out(name, directory, servers, more=()):
    app, outages, probes, proxies, options = RUNS[name]
    port = free_port()
    words = [VAURIEN, "audit", "--faults", outages]
    if outages.endswith(".ini"):
        words = [VAURIEN, "scenario", os.path.join(APPS, outages)]
    words += ["--json", os.path.join(directory, "audit.json")]
    for proxy, server in proxies.items():
        words += ["--add", "%s=127.0.0.1:0=%s,%s" % (proxy, servers[server].address, server.partition("_")[0])]
    for probe in probes:
        words += ["--probe", probe.format(port=port)]
    for option, value in dict(SHORT, **options).items():
        words += ["--" + option, value] if value else []
    command = [os.path.join(APPS, app.split()[0])] + app.split()[1:]
    command = [word.format(db=servers["mysql"].port if "mysql" in servers else "") for word in command]
    words += [*more, "--", interpreter(command[0]), *command, str(port)]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
                          env=dict(os.environ, APP_LOG=os.path.join(directory, "log"), PYTHONDONTWRITEBYTECODE="1",
                                   NODE_PATH=NODE_PATH),
                          timeout=patience(600), cwd=directory)
    assert os.path.exists(os.path.join(directory, "audit.json")), done.stdout
    return Report(name, done, directory)


class Runs:
    """runs(NAME): the report of that run, when it has ended."""

    def __init__(self, futures, carry):
        self.futures, self.carry, self.known = futures, carry, {}

    def __call__(self, name):
        if name not in self.known:
            self.known[name] = self.futures[name].result()
        return self.known[name]

    def again(self, names):
        concurrent.futures.wait(self.futures.values())
        for name in names:
            self.known[name] = self.carry(name)


@pytest.fixture(scope="module")
def runs(request, tmp_path_factory):
    """A Runs of all that the selected tests need."""
    need_module("pymysql")
    names = []
    for item in request.session.items:
        if item.fspath == request.fspath and not item.get_closest_marker("skip"):
            wanted = [item.callspec.params["name"]] if hasattr(item, "callspec") else item.function.needs
            names += [name for name in wanted if name not in names]
    kinds = {kind for name in names for kind in RUNS[name][3].values()}
    fixtures = {"mysql": "mariadb", "mysql_tls": "mariadb_tls", "postgres": "postgres", "redis": "redis"}
    servers = {kind: request.getfixturevalue(fixtures[kind]) for kind in sorted(kinds | {"mysql"})}
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        futures = {name: pool.submit(carry_out, name, str(tmp_path_factory.mktemp("run")), servers) for name in names}
        yield Runs(futures, lambda name: carry_out(name, str(tmp_path_factory.mktemp("again")), servers))
        for future in futures.values():
            future.cancel()


@pytest.fixture(scope="module")
def schema():
    jsonschema = need_module("jsonschema")
    with open(os.path.join(ROOT, "docs", "audit-report.schema.json")) as text:
        return jsonschema.validators.validator_for({})(json.load(text))


# ---- each naive one has its finding, and the repaired one has not ----

@needs("no time-out", "time-out")
def test_time_out(runs):
    naive, repaired = runs("no time-out"), runs("time-out")
    assert "hangs" in naive.found("hang"), naive
    assert "hangs" not in repaired.found("hang"), repaired
    waits = naive.experiment("hang")["timeouts"]["request"]
    assert waits["given_up"] == 0 and waits["waited"] >= 1, naive
    assert "no_timeout" in naive.found("hang", "connections")
    given_up = repaired.experiment("hang")["timeouts"]["request"]
    assert given_up["given_up"] >= 1 and abs(given_up["median"] - 0.5) < patience(0.15), repaired
    connect = repaired.experiment("hang")["timeouts"]["connect"]
    assert connect["given_up"] >= 1 and abs(connect["median"] - 0.5) < patience(0.15), repaired
    assert naive.exit == 1 and repaired.exit in (0, 3)


@needs("silence", "silence, time-out")
def test_half_open(runs):
    naive, repaired = runs("silence"), runs("silence, time-out")
    connections = naive.experiment("half_open")["connections"]
    assert (connections["before"], connections["silent"], connections["replaced"]) == (1, 1, 1), naive
    assert "hangs" in naive.found("half_open")
    assert "hangs" not in repaired.found("half_open"), repaired


@needs("unanswered", "unanswered, time-out")
def test_stuck(runs):
    naive, repaired = runs("unanswered"), runs("unanswered, time-out")
    assert "stuck" in naive.found("unanswered", "connections"), naive
    assert naive.experiment("unanswered")["connections"]["stuck"] == 1
    assert naive.experiment("unanswered")["timeouts"]["request"]["given_up"] == 0
    assert "stuck" not in repaired.found("unanswered", "connections"), repaired
    assert abs(repaired.experiment("unanswered")["timeouts"]["request"]["median"] - 0.5) < patience(0.15), repaired


@needs("untested pool", "tested pool")
def test_stale_pool(runs):
    naive, repaired = runs("untested pool"), runs("tested pool")
    assert "stale_pool" in naive.found("idle_closed"), naive
    x, cell = naive.experiment("idle_closed"), naive.cell("idle_closed")
    dead = len(naive.noted("dead", after=x["t_off"]))       # one of them may answer a request from before
    assert cell["without_asking"] == cell["failures_after"] and 0 <= dead - cell["failures_after"] <= 1, naive
    assert cell["without_asking"] >= 5
    assert "stale_pool" not in repaired.found("idle_closed"), repaired
    assert repaired.cell("idle_closed")["failures_after"] == 0


@needs("SQLAlchemy", "SQLAlchemy, tested")
def test_pool_that_the_first_failure_empties(runs):
    naive, repaired = runs("SQLAlchemy"), runs("SQLAlchemy, tested")
    assert "stale_pool" in naive.found("closed"), naive
    cell = naive.cell("closed")
    assert (cell["failures_after"], cell["without_asking"]) == (1, 1), naive
    assert any("the first failure empties the pool" in finding["text"] for finding in cell["findings"]), naive
    assert naive.experiment("closed")["connections"]["unnoticed"] in (4, 5), naive     # one may be used within 1 s
    assert "stale_pool" not in repaired.found("closed") and not repaired.cell("closed")["failures_after"], repaired


@needs("long breaker", "short breaker")
def test_breaker(runs):
    naive, repaired = runs("long breaker"), runs("short breaker")
    assert "recovered_late" in naive.found("blackout"), naive
    assert "recovered_late" not in repaired.found("blackout"), repaired
    for report in (naive, repaired):
        t_off = report.experiment("blackout")["t_off"]
        closed = report.noted("closed", after=t_off)[0] - t_off
        assert abs(report.cell("blackout")["recover"] - closed) < 0.2 + patience(0.05), report
    assert naive.cell("blackout")["without_asking"] >= 5


@needs("pool that empties", "pool that refills")
def test_pool_that_never_refills(runs):
    naive, repaired = runs("pool that empties"), runs("pool that refills")
    assert "not_recovered" in naive.found("blackout"), naive
    assert naive.cell("blackout")["tried"] == "nothing"
    assert naive.experiment("blackout")["needed_restart"]
    assert "not_recovered" not in repaired.found("blackout"), repaired


@needs("demoted", "demoted and left")
def test_writer_on_a_demoted_primary(runs):
    naive, repaired = runs("demoted"), runs("demoted and left")
    assert "poisoned" in naive.found("demoted", "connections"), naive
    assert naive.experiment("demoted")["connections"]["poisoned"] == 1
    assert "not_recovered" in naive.found("demoted", "order")
    assert "not_recovered" not in naive.found("demoted", "stock")       # it reads
    assert "poisoned" not in repaired.found("demoted", "connections"), repaired
    assert "not_recovered" not in repaired.found("demoted", "order")


@needs("aborted", "rolled back")
def test_aborted_transaction(runs):
    naive, repaired = runs("aborted"), runs("rolled back")
    assert "poisoned" in naive.found("deadlock", "connections"), naive
    assert naive.experiment("deadlock")["connections"]["poisoned"] == 1
    assert "poisoned" not in repaired.found("deadlock", "connections"), repaired
    assert "not_recovered" not in repaired.found("deadlock")


@needs("listener dies", "listener lives")
def test_process_that_dies(runs):
    naive, repaired = runs("listener dies"), runs("listener lives")
    assert "exited" in naive.found("restart", None), naive
    assert naive.experiment("restart")["connections"]["verdict"] == "fail"
    assert "exited" not in repaired.found("restart", None), repaired
    assert "down" not in repaired.found("restart")


@beside_sanitizers
@needs("Node", "Node, pool")
def test_node(runs):
    """An 'error' event of an idle connection that nobody handles ends the process. Pages beside those that hang are well."""
    naive, repaired = runs("Node"), runs("Node, pool")
    assert "exited" in naive.found("restart", None) and naive.experiment("restart")["needed_restart"], naive
    assert "down" in naive.found("restart", "front") and "hangs" in naive.found("hang"), naive
    assert "exited" not in repaired.found("restart", None) and "hangs" not in repaired.found("hang"), repaired
    assert repaired.exit in (0, 3) and repaired.cell("restart", "front")["verdict"] == "pass", repaired
    for report in (naive, repaired):
        assert report.cell("hang", "front")["verdict"] == "pass", report


@needs("one worker", "threads")
def test_one_worker_for_all_pages(runs):
    naive, repaired = runs("one worker"), runs("threads")
    assert "collateral" in naive.found("hang", "front"), naive
    assert repaired.cell("hang", "front")["verdict"] == "pass", repaired
    asks = {probe["name"]: probe["asks"] for probe in repaired.json["probes"]}
    assert asks["front"] == {} and asks["stock"]["db"]["reads"] == 1


@needs("retries at once", "retries with back-off")
def test_retries(runs):
    naive, repaired = runs("retries at once"), runs("retries with back-off")
    assert "retry_storm" in naive.found("read_only", "connections"), naive
    retries = naive.experiment("read_only")["retries"]
    assert (retries["most"], retries["median"], retries["spacing"]) == (8, 8, "immediate"), naive
    assert "no_backoff" in naive.found("read_only", "connections")
    retries = repaired.experiment("read_only")["retries"]
    assert (retries["most"], retries["median"], retries["spacing"]) == (2, 2, "growing"), repaired
    assert not repaired.found("read_only", "connections") & {"retry_storm", "no_backoff"}


@needs("twice", "once")
def test_order_after_a_lost_reply(runs, connect, mariadb):
    naive, repaired = runs("twice"), runs("once")
    assert "executed_twice" in naive.found("lost_reply", "connections"), naive
    twice = ask(connect(mariadb), "SELECT name FROM orders GROUP BY name HAVING count(*) > 1")
    assert len(twice) == len(naive.noted("again"))
    # A sample that was not alone does not count: on a busy machine some overlap.
    assert len(twice) - naive.overlapping("lost_reply", "order") <= naive.experiment("lost_reply")["executed_twice"] <= len(twice)
    assert repaired.experiment("lost_reply")["executed_twice"] == 0, repaired
    assert repaired.noted("again") and "executed_twice" not in repaired.found("lost_reply", "connections")


@needs("forgotten sockets", "closed sockets", "pool that grew")
def test_leak(runs):
    naive, repaired, grown = runs("forgotten sockets"), runs("closed sockets"), runs("pool that grew")
    assert "leak" in naive.run_found(), naive
    suspects = sum(x["connections"]["suspects"] for x in naive.json["experiments"])
    assert suspects == len(naive.noted("forgotten")), naive
    assert "leak" not in repaired.run_found(), repaired
    assert "leak" not in grown.run_found(), grown
    assert any(x["connections"]["suspects"] for x in grown.json["experiments"])


@needs("empty cache", "empty cache, local")
def test_stampede(runs):
    naive, repaired = runs("empty cache"), runs("empty cache, local")
    assert "stampede" in naive.found("cold_cache", "connections"), naive
    assert "stampede" not in repaired.found("cold_cache", "connections"), repaired


# ---- what did not happen is never a pass ----

@needs("past the proxy")
def test_past_the_proxy(runs):
    report = runs("past the proxy")
    assert report.exit == 3 and report.json["verdict"] == "inconclusive", report
    assert "no_traffic" in report.found("restart", None)
    assert report.json["counts"]["pass"] == 0


@needs("in TLS")
def test_tls(runs):
    report = runs("in TLS")
    assert report.exit == 3 and report.json["verdict"] == "inconclusive", report
    assert "unreachable" in report.found("deadlock", None)
    assert report.json["counts"]["pass"] == 0


# ---- every report ----

@pytest.mark.parametrize("name", sorted(RUNS))
def test_report(runs, schema, name):
    """It is as its schema says; its exit code is the program's; no traffic was missed."""
    report = runs(name)
    schema.validate(report.json)
    assert report.json["exit"] == report.exit
    assert report.json["ended"]["how"] == "complete", report
    assert report.json["events_lost"] == 0
    done = [x for x in report.json["experiments"] if x["state"] == "done"]
    assert all(later["t_on"] >= earlier["end"] for earlier, later in zip(done, done[1:])), report
    assert all(x["t_on"] - x["begun"] >= 1.99 for x in done), report           # settled, if only in what was watched before


# ---- how long it takes; not in `make check`: AUDIT_LONG=1 ----

THREE = BOTH + ORDER
DEFAULTS = dict.fromkeys(SHORT)
RUNS.update({
    "default": ("shop.py --test", "default", THREE, {"db": "mysql"}, DEFAULTS),
    "quick": ("shop.py --test", "quick", THREE, {"db": "mysql"}, DEFAULTS),
    "quick again": ("shop.py --test", "quick", THREE, {"db": "mysql"}, DEFAULTS),
})


def long(function):
    return function if "AUDIT_LONG" in os.environ else pytest.mark.skip("takes ten minutes: AUDIT_LONG=1")(function)


@long
@needs("default")
def test_default_takes_seven_minutes(runs):
    report = runs("default")
    assert report.json["took"] <= 7 * 60, report
    assert report.json["counts"]["inconclusive"] == 0, report


@long
@needs("quick", "quick again")
def test_two_runs_have_the_same_verdicts(runs):
    one, two = runs("quick"), runs("quick again")
    assert one.json["took"] <= 90 and two.json["took"] <= 90
    assert verdicts(one) == verdicts(two)


def verdicts(report):
    return {(x["outage"], cell.get("name")): cell["verdict"]
            for x in report.json["experiments"] for cell in x["probes"] + [x["connections"]]}
