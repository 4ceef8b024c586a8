"""What a statsd server gets to hear: counts of connections, reads and faults."""
import collections
import re
import socket

import pytest

from conftest import Deadline, dial

LINE = re.compile(r"(.+):(\d+)\|(?:c(?:\|@(.+))?|(g))")


class Statsd:
    """A statsd server: sums of all that came, by name."""

    def __init__(self):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.sums = collections.Counter()
        self.gauges = {}
        self.rates = set()

    def take(self, seconds):
        self.sock.settimeout(seconds)
        try:
            datagram = self.sock.recv(65536)
        except socket.timeout:
            return False
        assert 0 < len(datagram) <= 1400
        for line in datagram.decode().split("\n"):
            name, n, rate, gauge = LINE.fullmatch(line).groups()
            if gauge:
                self.gauges[name] = int(n)
                continue
            assert int(n) > 0
            self.sums[name] += int(n)
            self.rates.add(rate)
        return True

    def until(self, **wanted):
        deadline = Deadline()
        while any(self.sums[name] < n for name, n in wanted.items()) and not deadline.passed():
            self.take(0.2)
        return self.sums

    def rest(self):
        while self.take(0.1):
            pass
        return self.sums


@pytest.fixture
def statsd():
    server = Statsd()
    yield server
    server.sock.close()


def flags(statsd, *more):
    return ("--statsd.enabled", "--statsd.host", "127.0.0.1", "--statsd.port", statsd.port) + more


def round_trips(proxy, n):
    with proxy.client() as client:
        for _ in range(n):
            client.send(b"x").read(1)


def test_counts(start, backend, statsd):
    backend.serve()
    proxy = start(*flags(statsd, "--statsd.prefix", "foo"), backend=backend)
    for _ in range(3):
        round_trips(proxy, 4)
    sums = statsd.until(**{"foo.tcp.end": 3})
    assert sums["foo.tcp.start"] == 3 and sums["foo.tcp.end"] == 3
    assert sums["foo.tcp.to_backend"] == 12 and sums["foo.tcp.to_client"] == 12
    proxy.stop()
    assert set(statsd.rest()) == {"foo.tcp." + name for name in (
        "start", "end", "ended.both_ended", "to_backend", "to_client", "received.request", "received.response", "sent.request",
        "sent.response", "exchanges", "exchange_us")}
    assert [sums["foo.tcp." + name] for name in ("ended.both_ended", "exchanges", "received.request", "sent.response")] == [3, 12, 12, 12]
    assert statsd.gauges == {"foo.open": 0, "foo.held": 0}
    assert statsd.rates == {None}


def test_gauges(start, backend, statsd):
    proxy = start(*flags(statsd), backend=backend)
    pairs = [proxy.meet(backend) for _ in range(3)]
    deadline = Deadline()
    while statsd.gauges.get("vaurien.open") != len(pairs) and not deadline.passed():
        statsd.take(0.2)
    assert statsd.gauges["vaurien.open"] == 3


def test_a_rule_that_went_has_its_last_hits_counted(start, backend, statsd):
    backend.serve()
    proxy = start(*flags(statsd), backend=backend)
    proxy.set("delay", sleep=0.01)
    round_trips(proxy, 3)
    statsd.until(**{"vaurien.tcp.fault.delay": 1})
    round_trips(proxy, 5)
    proxy.set("dummy")
    assert statsd.until(**{"vaurien.tcp.fault.delay": 8})["vaurien.tcp.fault.delay"] == 8


def test_a_proxy_that_was_there_for_a_moment(start, backend, statsd):
    backend.serve()
    proxy = start(*flags(statsd), backend=backend)
    for i in range(1, 4):
        status, made = proxy.api("POST", "/proxies", {"name": "p", "upstream": backend.address, "listen": "127.0.0.1:0"})
        proxy.api("POST", "/proxies/p/toxics", {"type": "latency", "attributes": {"latency": 1}})
        with dial(int(made["listen"].rsplit(":", 1)[1])) as client:
            client.send(b"x" * 10).read(10)
        assert proxy.api("DELETE", "/proxies/p")[0] == 204
        if i == 2:                      # one that lives over a tick
            statsd.until(**{"vaurien.tcp.end": 2})
    sums = statsd.until(**{"vaurien.tcp.end": 3})
    proxy.stop()
    sums = statsd.rest()
    assert [sums["vaurien.tcp." + name] for name in ("start", "end", "received.request", "sent.response")] == [3, 3, 30, 30]
    assert sums["vaurien.tcp.fault.latency"] == 3


def test_faults_by_behavior(start, backend, statsd):
    backend.serve()
    proxy = start(*flags(statsd, "--behavior", "delay", "--behavior-delay-sleep", "0.01"), backend=backend)
    round_trips(proxy, 6)
    assert statsd.until(**{"vaurien.tcp.fault.delay": 6})["vaurien.tcp.fault.delay"] == 6


def test_the_last_words(start, backend, statsd):
    backend.serve()
    proxy = start(*flags(statsd), backend=backend)
    round_trips(proxy, 2)
    proxy.stop()
    assert statsd.rest()["vaurien.tcp.start"] == 1


def test_a_sample(start, backend, statsd):
    backend.serve()
    proxy = start(*flags(statsd, "--statsd.sample-rate", "0.25"), backend=backend)
    round_trips(proxy, 400)
    proxy.stop()
    assert 80 <= statsd.rest()["vaurien.tcp.to_backend"] <= 120
    assert statsd.rates == {"0.25"}


def test_nobody_listens(start, backend):
    backend.serve()
    proxy = start("--statsd.enabled", "--statsd.port", "9", backend=backend)
    round_trips(proxy, 2)


def test_no_such_host(start, backend):
    proxy = start("--statsd.enabled", "--statsd.host", "nosuch.invalid", backend=backend)
    proxy.logged(r"\[WARNING\] statsd is off: no address for nosuch\.invalid:8125")
    assert proxy.api("GET", "/behavior")[0] == 200
