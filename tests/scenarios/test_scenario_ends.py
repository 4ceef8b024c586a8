"""vaurien scenario, ended in every way: whatever was on, no fault is left."""
import random
import signal
import time

import pytest

from harness import Clock, patience, until
from test_scenario import audit, calm, faults, page, short      # noqa: F401: a fixture

OWN = """
[scenario:own]
repeat = 40
[phase:gone]
do = disable
for = 300ms
[phase:back]
do = enable
rule = %s
for = 400ms
meanwhile = true
[phase:more]
rule = delay sleep=100ms
do = reset
for = 500ms
"""


@pytest.fixture
def under_way(start, backends, audit, tmp_path):
    """under_way(n): n times (a proxy, an audit of it whose faults come and go), as soon as the first fault of each is on."""
    (tmp_path / "own.ini").write_text(OWN % "vanish connections=open")

    def make(n, *more):
        made = []
        for i in range(n):
            proxy = start("--protocol", "http", backend=backends().serve(page))
            made.append((proxy, audit(tmp_path / "own.ini", "own", "--attach", "127.0.0.1:%d" % proxy.http, "--probe",
                                      "page=http://127.0.0.1:%d/" % proxy.port, *short(), *more, action="scenario")))
        for proxy, one in made:
            def fault():
                assert one.process.poll() is None, one.said()
                return faults(proxy)
            until(fault, 30, "a fault")
        return made
    return make


def test_killed_at_any_moment_it_leaves_no_fault(under_way):
    """Twenty, each at a moment of its own: what is on then is gone ten seconds later."""
    dice, made = random.Random(), under_way(20)
    begun, left, on = time.monotonic(), [], 0
    for moment, (proxy, one) in sorted(((dice.uniform(0, 4), pair) for pair in made), key=lambda each: each[0]):
        time.sleep(max(0, begun + moment - time.monotonic()))
        one.process.kill()
        one.process.wait()
        on += bool(faults(proxy))
        left.append((time.monotonic(), proxy))
    assert on >= 5, "few faults were on, so this shows little"
    for killed, proxy in left:
        until(lambda: calm(proxy), 12, "no rule to be left")
        assert time.monotonic() - killed < patience(14)
        assert proxy.api("GET", "/info")[1]["proxies"][0]["listening"]
        with proxy.client() as client:
            assert client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").read_to(b"hello")


SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


def test_a_signal_takes_all_back_at_once(under_way):
    dice, made = random.Random(), under_way(6)
    for (proxy, one), number in zip(made, [*SIGNALS] * 2):
        time.sleep(dice.uniform(0, 0.5))
        one.process.send_signal(number)
        code, report = one.done(10)
        assert calm(proxy), "before it ends"
        assert code == SIGNALS[number] == report["exit"], one.said()
        assert report["ended"]["how"] == "interrupted" and report["experiments"][0]["verdict"] in ("inconclusive", "fail")


def test_a_silent_api_ends_it(under_way):
    (proxy, one), = under_way(1)
    proxy.process.send_signal(signal.SIGSTOP)
    try:
        with Clock() as took:
            code, report = one.done(30)
    finally:
        proxy.process.send_signal(signal.SIGCONT)
    assert code == 4 and report["ended"]["how"] == "api_lost", one.said()
    assert took.seconds < patience(10), "5 s of silence, and 2 s to take the fault back"
