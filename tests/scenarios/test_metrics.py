"""GET /metrics: what is said there equals what a client and a backend have done, while they do it; strictly parsed."""
import os
import re

import pytest

from harness import dial, http_ask, patience, until

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)')
SAMPLE = re.compile(r"(%s)(?:\{(.*)\})? (\S+)" % NAME)
ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


def labels_read(text):
    labels, at = {}, 0
    while at < len(text or ""):
        found = LABEL.match(text, at)
        assert found, "no label at %r" % text[at:]
        assert found.group(1) not in labels
        labels[found.group(1)] = re.sub(r"\\.", lambda e: ESCAPES[e.group()], found.group(2))
        at = found.end()
    assert not (text or "").endswith(",")
    return labels


class Metrics:
    """Prometheus' text format 0.0.4, as strictly as the format is told: families in one piece, HELP and TYPE once and
    before their samples, no sample twice, histograms that add up."""

    def __init__(self, text):
        assert text.endswith("\n")
        self.types, self.samples, self.helped = {}, {}, set()
        family = None
        for line in text[:-1].split("\n"):
            if line.startswith("# HELP "):
                family = line.split(" ", 3)[2]
                assert family not in self.helped and len(line.split(" ", 3)) == 4
                self.helped.add(family)
            elif line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                assert name == family and name not in self.types
                assert kind in ("counter", "gauge", "histogram")
                self.types[name] = kind
            else:
                self.sample(line, family)
        for name, kind in self.types.items():
            if kind == "histogram":
                self.histogram(name)

    def sample(self, line, family):
        found = SAMPLE.fullmatch(line)
        assert found, "not a sample: %r" % line
        name, labels, value = found.group(1), labels_read(found.group(2)), float(found.group(3))
        endings = ("_bucket", "_sum", "_count") if self.types[family] == "histogram" else ("",)
        assert name in [family + ending for ending in endings], "%s is not of %s" % (name, family)
        assert value >= 0 or self.types[family] == "gauge"
        key = name, frozenset(labels.items())
        assert key not in self.samples, "twice: %r" % line
        self.samples[key] = value

    def histogram(self, name):
        series = {}
        for (n, labels), value in self.samples.items():
            if n == name + "_bucket":
                rest = dict(labels)
                le = float(rest.pop("le").replace("+Inf", "inf"))
                series.setdefault(frozenset(rest.items()), []).append((le, value))
        for labels, buckets in series.items():
            buckets.sort()
            assert [v for _, v in buckets] == sorted(v for _, v in buckets)
            assert buckets[-1][0] == float("inf")
            assert buckets[-1][1] == self.samples[(name + "_count", labels)]
            assert (name + "_sum", labels) in self.samples

    def get(self, name, /, **labels):
        """The one sample that has at least these labels."""
        found = [v for (n, has), v in self.samples.items() if n == name and labels.items() <= dict(has).items()]
        assert len(found) == 1, "%s%r: %r" % (name, labels, found)
        return found[0]

    def all(self, name):
        return [(dict(labels), value) for (n, labels), value in self.samples.items() if n == name]


def fetch(proxy, method="GET"):
    status, headers, text = http_ask(proxy, method, "/metrics")
    assert (status, headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    return text


def metrics(proxy):
    return Metrics(fetch(proxy))


def comes(program, name, value, **labels):
    """Wait until a sample has this value: what happened last may not have been counted yet."""
    return until(lambda: metrics(program).get(name, **labels) == value, what=lambda: "%s %r = %s, not %s" % (
        name, labels, value, metrics(program).get(name, **labels)))


@pytest.mark.threads
def test_bytes_are_counted_as_they_pass(vaurien, backend):
    proxy = vaurien("--threads", "2", backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"q" * 1000)
    server.read(1000)
    comes(proxy, "vaurien_received_bytes_total", 1000, direction="request")
    comes(proxy, "vaurien_sent_bytes_total", 1000, direction="request")
    server.send(b"a" * 70000)
    client.read(70000)
    comes(proxy, "vaurien_sent_bytes_total", 70000, direction="response")
    now = metrics(proxy)
    where = {"listener": "127.0.0.1:%d" % proxy.port, "proxy": "default", "upstream": backend.address}
    for way in "received", "sent":
        assert now.get("toxiproxy_proxy_%s_bytes_total" % way, direction="upstream", **where) == 1000
        assert now.get("toxiproxy_proxy_%s_bytes_total" % way, direction="downstream", **where) == 70000
    assert now.get("vaurien_connections_total") == now.get("vaurien_connections_open") == 1


def test_dropped_bytes_are_received_and_not_sent(start, backend):
    backend.serve()
    proxy = start("--behavior", "drop", backend=backend)
    proxy.client().send(b"gone")
    comes(proxy, "vaurien_received_bytes_total", 4, direction="request")
    assert metrics(proxy).get("vaurien_sent_bytes_total", direction="request") == 0


@pytest.mark.threads
def test_connections_end_by_reason(start, backend):
    proxy = start("--threads", "2", backend=backend)
    for reason, end in (("both_ended", lambda client, server: (client.close(), server.close())),
                        ("client_reset", lambda client, server: client.reset()),
                        ("backend_reset", lambda client, server: server.reset())):
        client, server = proxy.meet(backend)
        client.send(b"x")
        server.read(1)                  # the proxy knows by now that it is connected
        end(client, server)
        comes(proxy, "vaurien_connections_ended_total", 1, reason=reason)
    proxy.set("blackout")
    assert proxy.refuses() == "rst"
    comes(proxy, "vaurien_connections_ended_total", 1, reason="rule_reset")
    now = metrics(proxy)
    ended = now.all("vaurien_connections_ended_total")
    assert sum(value for _, value in ended) == now.get("vaurien_connections_total") == 4
    assert now.get("vaurien_connections_open") == 0


def test_a_backend_that_is_not_there(start):
    proxy = start(backend="127.0.0.1:1")
    assert proxy.refuses() == "rst"
    comes(proxy, "vaurien_connections_ended_total", 1, reason="no_backend")


def test_how_long_exchanges_take(start, backend):
    """Three at once, and two that a rule makes late: one on its way there, one on its way back."""
    backend.serve()
    proxy = start(backend=backend)
    client = proxy.client()
    for _ in range(3):
        client.send(b"x").read(1)
    for before in True, False:
        proxy.set("delay", sleep=0.3, before=before)
        client.send(b"x").read(1)
    client.finish()
    assert client.ends() == "fin"
    comes(proxy, "vaurien_exchanges_total", 5)
    now = metrics(proxy)
    assert now.get("vaurien_exchange_seconds_count") == 5
    assert now.get("vaurien_exchange_seconds_bucket", le="0.25") == 3
    assert now.get("vaurien_exchange_seconds_bucket", le="300") == 5
    assert 0.6 <= now.get("vaurien_exchange_seconds_sum") < 0.6 + patience()


REDIS = ("--protocol", "redis")


def test_exchanges_with_messages(vaurien, backend):
    proxy = vaurien(*REDIS, backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"PING\r\n" * 3)
    server.read(18)
    server.send(b"+PONG\r\n" * 2)
    client.read(14)
    comes(proxy, "vaurien_exchanges_total", 2)
    server.send(b"+PONG\r\n")
    client.read(7)
    comes(proxy, "vaurien_exchange_seconds_count", 3)


def test_an_answer_that_is_held_is_not_there_yet(vaurien, backend):
    proxy = vaurien(*REDIS, backend=backend)
    assert proxy.api("POST", "/proxies", {"name": "calm", "listen": "127.0.0.1:0", "upstream": backend.address})[0] == 201
    proxy.set("delay", sleep=30, before=False)
    client, server = proxy.meet(backend)
    client.send(b"PING\r\n")
    server.read(6)
    server.send(b"+PONG\r\n")
    until(lambda: 7 <= metrics(proxy).get("vaurien_held_bytes", proxy="default") < 1000)        # with what it costs to keep them
    now = metrics(proxy)
    assert now.get("vaurien_held_bytes", proxy="calm") == 0
    assert now.get("vaurien_thread_held_bytes") == now.get("vaurien_held_bytes", proxy="default")
    assert now.get("vaurien_exchanges_total", proxy="default") == 1
    assert now.get("vaurien_exchange_seconds_count", proxy="default") == 0
    proxy.set("dummy")
    assert client.read(7) == b"+PONG\r\n"
    comes(proxy, "vaurien_exchange_seconds_count", 1, proxy="default")
    comes(proxy, "vaurien_held_bytes", 0, proxy="default")


def test_rules(start, backend):
    backend.serve()
    proxy = start("--rule", "delay sleep=1ms times=2 name=few", "--behavior", "100:delay", "--behavior-delay-sleep", "0.001",
                  backend=backend)
    client = proxy.client()
    for _ in range(5):
        client.send(b"x").read(1)
    now = metrics(proxy)
    for rule, hits in ("few", 2), ("behavior", 5):
        assert now.get("vaurien_rule_seen_total", rule=rule, behavior="delay", proxy="default") == 5
        assert now.get("vaurien_rule_hits_total", rule=rule) == hits
        assert now.get("vaurien_rule_unreachable_total", rule=rule) == 0


def test_raw_connections(start, backend):
    proxy = start(*REDIS, "--behavior", "error", backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"*x\r\n")
    server.read(4)
    comes(proxy, "vaurien_raw_total", 1)
    assert metrics(proxy).get("vaurien_raw_open") == 1
    client.close()
    server.close()
    comes(proxy, "vaurien_raw_open", 0)


def test_loops_and_the_process(start, backend):
    backend.serve()
    proxy = start("--threads", "2", backend=backend)
    client = proxy.client()
    client.send(b"x").read(1)
    now = metrics(proxy)
    assert [labels["thread"] for labels, _ in now.all("vaurien_loop_seconds_count")] == ["control", "worker 0", "worker 1"]
    assert now.get("vaurien_loop_seconds_count", thread="worker 0") > 0
    assert 0 <= now.get("process_open_fds") - proxy.descriptors() <= 1          # the connection that asked
    assert now.get("process_resident_memory_bytes") > 1 << 20
    assert abs(now.get("process_start_time_seconds") - os.stat("/proc/%d" % proxy.pid).st_ctime) < 5
    assert now.get("process_cpu_seconds_total") >= 0
    assert now.get("process_max_fds") >= 256


@pytest.mark.parametrize("name", ['say"hi"', "back\\slash"])
def test_names_are_escaped(start, name):
    proxy = start("--proxy-name", name)
    assert [labels["proxy"] for labels, _ in metrics(proxy).all("vaurien_connections_total")] == [name]


@pytest.mark.parametrize("path, shown", [("caf\u00e9-\u4e16", None), (os.fsdecode(b"a\xff\xc3b\xed\xa0\x80"), "a??b???")])
def test_what_is_no_utf8_is_not_said(start, path, shown):
    proxy = start(backend="unix:/" + path)
    assert metrics(proxy).get("vaurien_proxy_info", backend="unix:/" + (shown or path)) == 1


def test_several_proxies(start, backend):
    """Each counts for itself, under whatever name, from its making to its end."""
    backend.serve()
    proxy = start(backend=backend)
    names = ["a b/c", 'say "hi"\nthere', "caf\u00e9"]
    ports = {}
    for name in names:
        status, made = proxy.api("POST", "/proxies", {"name": name, "upstream": backend.address, "listen": "127.0.0.1:0"})
        assert status == 201
        ports[name] = int(made["listen"].rsplit(":", 1)[1])
    for i, name in enumerate(names):
        with dial(ports[name]) as client:
            client.send(b"x" * (i + 1)).read(i + 1)
    for i, name in enumerate(names):
        comes(proxy, "vaurien_connections_ended_total", 1, proxy=name, reason="both_ended")
        now = metrics(proxy)
        assert now.get("vaurien_received_bytes_total", proxy=name, direction="request") == i + 1
        assert now.get("toxiproxy_proxy_sent_bytes_total", proxy=name, direction="downstream", listener="127.0.0.1:%d" % ports[name],
                       upstream=backend.address) == i + 1
    assert now.get("vaurien_connections_total", proxy="default") == 0
    assert proxy.api("DELETE", "/proxies/caf%C3%A9")[0] == 204
    assert {labels["proxy"] for labels, _ in metrics(proxy).all("vaurien_connections_total")} == {"default", *names[:2]}


def test_a_toxic_is_a_rule(start, backend):
    backend.serve()
    proxy = start(backend=backend)
    status, _ = proxy.api("POST", "/proxies/default/toxics", {"name": "slow", "type": "latency", "attributes": {"latency": 1}})
    assert status == 200
    proxy.client().send(b"x").read(1)
    assert metrics(proxy).get("vaurien_rule_hits_total", proxy="default", rule="slow", behavior="latency") >= 1


def test_browsers_are_not_served(start):
    status, headers, text = http_ask(start(), "GET", "/metrics", headers={"User-Agent": "Mozilla/5.0"})
    assert (status, text) == (403, "User agent not allowed\n")
    assert len(headers["X-Toxiproxy-Request-Id"]) == 20


def test_any_method(start):
    proxy = start()
    Metrics(fetch(proxy, "POST"))
    assert fetch(proxy, "HEAD") == ""
