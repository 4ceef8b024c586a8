"""vaurien audit is stopped or killed in any step, or loses the proxy: no fault is left on."""
import os
import random
import re
import signal
import time

from auditing import SHORT, application, cache, probes, serve_page, start_audit, started        # noqa: F401: fixtures
from harness import SEED, http_ask, listening, patience, until


SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


def test_a_signal_in_every_step(start_audit, start, cache, application):
    """Several at once, each at another moment, from the search for needs to the recovery: no rule is left when it has ended,
    and its report is whole."""
    moments = [0.5, 2.8, 4.2, 6.0, 6.8, 8.5]
    proxies, running = [], []
    for _ in moments:
        proxies.append(start("--protocol", "redis", backend=cache))
        _, port = application("127.0.0.1:%d" % proxies[-1].port, TIMEOUT="0.5")
        running.append((time.monotonic(), start_audit("--attach", "127.0.0.1:%d" % proxies[-1].http, *probes(port), *SHORT,
                                                      "--faults", "slow,hang", "--hang-time", "60s")))
    for i, (begun, one) in enumerate(running):
        time.sleep(max(0, begun + moments[i] - time.monotonic()))
        number = list(SIGNALS)[i % 3]
        one.process.send_signal(number)
        done = one.done(10)
        assert proxies[i].api("GET", "/rules") == (200, {"rules": []})
        assert done.code == done.report["exit"] == SIGNALS[number], done.said + done.errors
        assert done.report["ended"]["how"] == "interrupted" and "interrupted" in done.said + done.errors
        assert not [one for one in done.report["experiments"] if one["state"] != "done" and one["verdict"] == "pass"]


def test_a_signal_takes_the_fault_back_first(start_audit, start, cache, application):
    proxy = start("--protocol", "redis", backend=cache)
    _, port = application("127.0.0.1:%d" % proxy.port)
    running = start_audit("--attach", "127.0.0.1:%d" % proxy.http, *probes(port), *SHORT, "--faults", "hang", "--hang-time", "60s")
    until(lambda: len(proxy.api("GET", "/rules")[1]["rules"]) > 1, what="its fault")
    sent = time.monotonic()
    running.process.send_signal(signal.SIGINT)
    done = running.done(10)
    assert done.code == 130 and time.monotonic() - sent < patience(3)
    assert done.experiment("default/hang")["verdict"] == "inconclusive" and "interrupted" in done.said


def test_a_second_signal_ends_it_at_once(start_audit, cache, application):
    """COMMAND does not heed SIGTERM, for which the auditor waits 10 s: a second signal ends both."""
    words, port = application()
    running = start_audit(*probes(port), "--faults", "slow", "--fault-time", "60s",
                          *started(cache, ["sh", "-c", "trap '' TERM; %s & wait; sleep 60" % " ".join(words)]))
    running.says("plan  ")
    running.process.send_signal(signal.SIGINT)
    running.says("interrupted")
    sent = time.monotonic()
    running.process.send_signal(signal.SIGINT)
    assert running.done(9).code == 130 and time.monotonic() - sent < patience(3)
    until(lambda: not listening(port), what="the application to end")


def test_killed_at_any_moment_it_leaves_nothing(start_audit, start, backends):
    """Twenty at once, each killed at another moment: ten seconds later no rule is left, whatever was on."""
    page, chance = backends(), random.Random(SEED)
    page.serve(serve_page)
    proxies = [start("--protocol", "http", backend=page) for _ in range(20)]
    running = [start_audit("--attach", "127.0.0.1:%d" % proxy.http, "--probe", "http://127.0.0.1:%d/" % proxy.port, *SHORT,
                           "--baseline", "300ms", "--faults", "restart,hang,half_open", "--hang-time", "10s") for proxy in proxies]
    begun, strikes = time.monotonic(), 0
    for moment, one, proxy in sorted(
            ((chance.uniform(0.2, 12), one, proxy) for one, proxy in zip(running, proxies)), key=lambda row: row[0]):
        time.sleep(max(0, begun + moment - time.monotonic()))
        strikes += len(proxy.api("GET", "/rules")[1]["rules"]) > 1
        one.process.kill()
        one.process.wait()
    assert strikes > 3, "most were killed while no fault was on"
    until(lambda: all(proxy.api("GET", "/rules")[1]["rules"] == [] for proxy in proxies), 11, "no rule to be left")
    for proxy in proxies:
        until(lambda: proxy.api("GET", "/info")[1]["proxies"][0]["listening"])     # a moment after its rule has expired
        assert http_ask(proxy.port, "GET", "/")[0] == 200


def keeper_of(process):
    """The process that would give a backend back. It is in a session of its own, and so in a process group, too."""
    def there():
        children = open("/proc/%d/task/%d/children" % (process.pid, process.pid)).read().split()
        return [int(pid) for pid in children if open("/proc/%s/comm" % pid).read() == "audit-keeper\n"]
    keeper, = until(there, what="a child that keeps the backend in mind")
    assert os.getsid(keeper) == keeper
    return keeper


def test_a_backend_is_given_back(start_audit, start, backends, tmp_path):
    """It has no lease as rules have: a process that outlives the auditor gives it back, and is gone then."""
    page, other, file = backends().serve(serve_page), backends().serve(serve_page), tmp_path / "moved.ini"
    file.write_text("[scenario:moved]\nproxy = default\n[phase:a]\ndo = backend %s\nfor = 60s\n" % other.address)
    proxies = [start("--protocol", "http", backend=page) for _ in range(2)]
    running = [start_audit(str(file), "--attach", "127.0.0.1:%d" % proxy.http, "--probe", "http://127.0.0.1:%d/" % proxy.port,
                           *SHORT, action="scenario") for proxy in proxies]
    for proxy, one, number in zip(proxies, running, (signal.SIGKILL, signal.SIGTERM)):
        until(lambda: proxy.api("GET", "/backend")[1]["backend"] == other.address, what="the other backend")
        keeper = keeper_of(one.process)
        one.process.send_signal(number)
        one.process.wait()
        until(lambda: proxy.api("GET", "/backend")[1]["backend"] == page.address, what="its own backend")
        until(lambda: not os.path.exists("/proc/%d" % keeper), what="nobody to be left")


def test_killed_it_takes_its_own_children_along(start_audit, cache, application):
    words, port = application()
    running = start_audit(*probes(port), "--faults", "hang", *started(cache, words))
    running.says("plan  ")
    address = re.search(r"cache +redis 127.0.0.1:(\d+)", running.out.read_text())
    running.process.kill()
    running.process.wait()
    until(lambda: not listening(port) and not listening(int(address.group(1))), what="application and proxies to end")


def test_the_api_is_lost(start_audit, start, cache, application):
    proxy = start("--protocol", "redis", backend=cache)
    _, port = application("127.0.0.1:%d" % proxy.port)
    running = start_audit("--attach", "127.0.0.1:%d" % proxy.http, *probes(port), *SHORT, "--faults", "hang", "--hang-time", "60s")
    until(lambda: len(proxy.api("GET", "/rules")[1]["rules"]) > 1, what="its fault")
    proxy.process.kill()
    proxy.owes = -signal.SIGKILL
    done = running.done(20)
    assert done.code == 4 and done.report["ended"]["how"] == "api_lost"
