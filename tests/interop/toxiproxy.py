"""Toxiproxy's clients of four languages with Vaurien as toxiproxy-server. Each effect is measured on a TCP connection.

The programs toxiproxy.go, toxiproxy.java, toxiproxy.js and toxiproxy_client.py are told one command a line: `op`, and the
words that it needs. Each calls its client, and answers what that returned or raised.
"""
import os
import socket
import struct
import time

from harness import Backend, dial, patience
from interop import (HERE, ROOT, Asked, Server, free_port, go_program, java_words, listening, node_words, pip_installed,
                     until)

TITLE = "Clients of Toxiproxy"
NEEDS = ["go", "node", "npm", "java", "javac", "mvn"]
TELLS = """`bin/toxiproxy-server` with github.com/Shopify/toxiproxy/v2/client 2.12.0 (Go), toxiproxy-python 0.1.1
(PyPI), toxiproxy-java 2.1.11 (Maven) and toxiproxy-node-client 4.1.0 (npm). Each effect is measured
on a TCP connection through the proxy. Where a client lacks a call, its case is left out:
toxiproxy-python has no update, toxiproxy-java no populate, and toxiproxy-node-client lists no
toxics."""

CLIENTS = ("Go", "Python", "Java", "Node")
LACKS = {"Python": {"update", "upstream"}, "Java": {"populate"}, "Node": {"toxics"}, "Go": set()}
ERRORS = {                      # of whom: an absent proxy, one that is there already, a bad toxic; then the server's text
    "Go": ("ApiError 404", "ApiError 409", "ApiError 400"),
    "Python": ("AttributeError", "ProxyExists", "InvalidToxic"),        # get_proxy() gives None for one that is absent
    "Java": ("IOException", "IOException", "IOException"),
    "Node": ("ToxiproxyError", "ToxiproxyError", "ToxiproxyError"),
}


def words_of(client):
    return {"Go": lambda: [go_program("toxiproxy")], "Java": lambda: java_words("toxiproxy", "ToxiproxyProgram"),
            "Node": lambda: node_words("toxiproxy.js"),
            "Python": lambda: [pip_installed(), "-P", os.path.join(HERE, "toxiproxy_client.py")]}[client]()


class Bench:
    """The server, a client's program, and a backend behind the proxy `db`, made anew for each case."""

    def __init__(self, server, asked):
        self.server, self.asked, self.do, self.raised = server, asked, asked.do, asked.raised

    def __enter__(self):
        self.backend = Backend()
        self.port = free_port()
        made = self.do("create", name="db", listen="127.0.0.1:%d" % self.port, upstream=self.backend.address)
        assert made["listen"] == "127.0.0.1:%d" % self.port and made["enabled"] is True, made
        return self

    def __exit__(self, *_):
        self.asked.answer("reset")
        for name in self.do("list"):
            self.do("delete", name=name)
        self.backend.close()
        until(lambda: not listening(self.port), what="the proxy to be gone")

    def meet(self):
        client = dial(self.port)
        return client, self.backend.accept()

    def add(self, kind, stream="downstream", toxicity=1, **attributes):
        return self.do("add", name="db", toxic="t-" + kind, type=kind, stream=stream, toxicity=toxicity, attributes=attributes)

    def remove(self, kind):
        return self.do("remove", name="db", toxic="t-" + kind)


def took(function):
    begun = time.monotonic()
    function()
    return time.monotonic() - begun


def trip(from_end, to_end, data=b"x"):
    return took(lambda: (from_end.send(data), to_end.read(len(data))))


def between(least, seconds, most):
    assert least <= seconds <= most * patience() / 15, "%.3f s, not %s to %s" % (seconds, least, most)
    return "%.0f ms" % (seconds * 1000)


# ---- proxies ----

def lives(bench):
    do = bench.do
    assert do("version").strip() in ('{"version": "2.12.0"}', "2.12.0"), do("version")
    assert set(do("list")) == {"db"} and do("get", name="db")["upstream"] == bench.backend.address
    client, server = bench.meet()
    assert trip(client, server) < patience()
    do("disable", name="db")
    assert not listening(bench.port) and client.ends() == "fin" and server.ends() == "fin"
    assert do("get", name="db")["enabled"] is False
    do("enable", name="db")
    client, server = bench.meet()
    trip(client, server)
    do("delete", name="db")
    assert not listening(bench.port) and do("list") == {} and client.ends() == "fin"
    bench.do("create", name="db", listen="127.0.0.1:0", upstream=bench.backend.address)
    assert not do("list")["db"]["listen"].endswith(":0")


def moved(bench):
    """Another upstream: open connections end, new ones go there."""
    client, _ = bench.meet()
    other = Backend()
    assert bench.do("upstream", name="db", upstream=other.address)["upstream"] == other.address
    assert client.ends() == "fin"
    client = dial(bench.port)
    trip(client, other.accept())
    other.close()


def populated(bench):
    two = [{"name": "one", "listen": "127.0.0.1:%d" % free_port(), "upstream": bench.backend.address, "enabled": True},
           {"name": "two", "listen": "127.0.0.1:%d" % free_port(), "upstream": bench.backend.address, "enabled": True}]
    assert sorted(one["name"] for one in bench.do("populate", proxies=two)) == ["one", "two"]
    client = dial(int(two[0]["listen"].rsplit(":", 1)[1]))
    server = bench.backend.accept()
    bench.do("populate", proxies=two)
    trip(client, server)                                    # the second time nothing changes
    assert set(bench.do("list")) == {"db", "one", "two"}


# ---- toxics ----

def latency(bench):
    client, server = bench.meet()
    bench.add("latency", latency=150, jitter=10)
    assert took(lambda: trip(client, server)) < 0.1 * patience() / 15
    return between(0.138, trip(server, client), 0.25)


def upstream(bench):
    client, server = bench.meet()
    bench.add("latency", "upstream", latency=150)
    assert trip(server, client) < 0.1 * patience() / 15
    return between(0.149, trip(client, server), 0.25)


def bandwidth(bench):
    client, server = bench.meet()
    bench.add("bandwidth", rate=200)
    return between(0.4, trip(server, client, b"x" * 100000), 0.7)


def cut(bench):
    """A rate of 0: nothing passes, until the toxic is removed."""
    client, server = bench.meet()
    bench.add("bandwidth", rate=0)
    server.send(b"late")
    client.silent(0.3)
    bench.remove("bandwidth")
    assert client.read(4) == b"late"


def slow_close(bench):
    client, server = bench.meet()
    bench.add("slow_close", delay=300)
    assert trip(server, client) < 0.2 * patience() / 15
    server.close()
    return between(0.299, took(client.ends), 0.5)


def timeout(bench):
    client, server = bench.meet()
    bench.add("timeout", timeout=300)
    begun = time.monotonic()
    server.send(b"lost")
    assert client.ends() == "fin" and server.ends() == "fin"
    return between(0.299, time.monotonic() - begun, 0.6)


def timeout_never(bench):
    """0: data is lost and nothing ends, until the toxic is removed."""
    client, server = bench.meet()
    bench.add("timeout", timeout=0)
    server.send(b"lost")
    client.silent(0.3)
    bench.remove("timeout")
    assert client.ends() == "fin"


def reset_peer(bench):
    client, server = bench.meet()
    bench.add("reset_peer", timeout=200)
    begun = time.monotonic()
    assert client.rest()[1] == "rst" and server.rest()[1] == "rst"
    return between(0.15, time.monotonic() - begun, 0.5)


def slicer(bench):
    client, server = bench.meet()
    bench.add("slicer", average_size=100, size_variation=10, delay=5000)
    server.send(b"x" * 2000)
    client.read(2000)
    # tcpi_data_segs_in: the kernel counts the pieces, however late they are read
    pieces = struct.unpack_from("I", client.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192), 152)[0]
    assert 2000 / 110 <= pieces <= 2000 / 90 + 1, pieces
    return "%d pieces of 2000 bytes" % pieces


def limit_data(bench):
    client, server = bench.meet()
    bench.add("limit_data", bytes=1000)
    server.send(b"x" * 3000)
    assert client.rest() == (b"x" * 1000, "fin")


# ---- rules of toxics ----

def toxicity(bench):
    bench.add("latency", toxicity=0.5, latency=150)
    late = 0
    for _ in range(40):
        client, server = bench.meet()
        late += trip(server, client) > 0.149
        client.close()
    assert 8 <= late <= 32, late
    return "%d of 40 connections" % late


def changed(bench):
    client, server = bench.meet()
    bench.add("latency", latency=100)
    between(0.099, trip(server, client), 0.2)
    bench.do("update", name="db", toxic="t-latency", toxicity=1, attributes={"latency": 250})
    seconds = between(0.249, trip(server, client), 0.4)
    bench.do("update", name="db", toxic="t-latency", toxicity=0, attributes={"latency": 250})
    fresh, server = bench.meet()
    assert trip(server, fresh) < 0.2 * patience() / 15
    return seconds


def removed(bench):
    client, server = bench.meet()
    bench.add("latency", latency=10000)
    server.send(b"held")
    client.silent(0.1)
    bench.remove("latency")
    return between(0, took(lambda: client.read(4)), 0.2)


def listed(bench):
    bench.add("latency", latency=1)
    bench.add("slow_close", "upstream", toxicity=0.25, delay=1)
    first, second = bench.do("toxics", name="db")
    assert (first["name"], first["stream"], second["name"], second["stream"]) == (
        "t-slow_close", "upstream", "t-latency", "downstream"), (first, second)
    assert (first["toxicity"], second["toxicity"]) == (0.25, 1)


def reset(bench):
    bench.add("latency", latency=10000)
    bench.do("disable", name="db")
    bench.do("reset")
    client, server = bench.meet()
    return between(0, trip(server, client), 0.2)


# ---- errors ----

def errors(bench, who):
    absent, there, bad = ERRORS[who]
    words = dict(name="db", listen="127.0.0.1:0", upstream="127.0.0.1:1")
    told = [(bench.raised("get", name="none"), absent, "404" if who in ("Java", "Node") else "proxy not found"),
            (bench.raised("create", **words), there, "409" if who in ("Java", "Node") else "already exists")]
    if who != "Java":           # its toxics are typed; it has no word for a bad one
        text = "400" if who == "Node" else "invalid toxic type"
        told.append((bench.raised("add", name="db", toxic="t", type="none", stream="downstream", toxicity=1, attributes={}),
                     bad, text))
    bench.add("latency", latency=1)
    text = "409" if who in ("Java", "Node") else "toxic already exists"
    told.append((bench.raised("add", name="db", toxic="t-latency", type="latency", stream="downstream", toxicity=1,
                              attributes={"latency": 1}), there, text))
    if who != "Python":
        text = "404" if who in ("Java", "Node") else "toxic not found"
        told.append((bench.raised("remove", name="db", toxic="none"), absent, text))
        taken = bench.backend.address
        answer = bench.raised("create", name="x", listen=taken, upstream=taken)
        assert "500" in answer["raised"] + answer["text"], answer
    for answer, kind, text in told:
        # Go's client makes plain errors of some, with their text
        assert answer["raised"] == kind or answer["text"].endswith("HTTP %s: %s" % (kind.split()[-1], text)), answer
        assert text in answer["text"] or kind == "AttributeError", answer
    return ", ".join(sorted({kind for _, kind, _ in told}))


CASES = [
    ("create, get, list, disable, enable, delete; what open connections get", lives, None),
    ("another upstream", moved, "upstream"), ("populate, twice", populated, "populate"),
    ("`latency` 150 ms, downstream alone", latency, None), ("`latency` 150 ms, upstream alone", upstream, None),
    ("`bandwidth` 200 kB/s, of 100 kB", bandwidth, None), ("`bandwidth` 0, removed", cut, None),
    ("`slow_close` 300 ms", slow_close, None), ("`timeout` 300 ms", timeout, None),
    ("`timeout` 0, removed", timeout_never, None), ("`reset_peer` 200 ms", reset_peer, None),
    ("`slicer` 100 +- 10 bytes, 5 ms", slicer, None), ("`limit_data` 1000 bytes", limit_data, None),
    ("a toxicity of 0.5", toxicity, None), ("an update to 250 ms, then to toxicity 0", changed, "update"),
    ("bytes that wait 10 s come when the toxic is removed", removed, None), ("the list of toxics", listed, "toxics"),
    ("reset: enabled, and no toxics", reset, None),
]


def prepare(work):
    port = free_port()
    return Server(work, port, os.path.join(ROOT, "bin", "toxiproxy-server"), "-host", "127.0.0.1", "-port", port)


def one(server, asked, case, *words):
    with Bench(server, asked) as bench:
        return case(bench, *words)


def cases(work, server):
    try:
        for who in CLIENTS:
            asked = Asked(work, who, *words_of(who), server.address)
            for what, case, needs in CASES:
                if needs not in LACKS[who]:
                    yield who, what, lambda asked=asked, case=case: one(server, asked, case)
            yield who, "errors: absent, there already, wrong, an address in use", lambda: one(server, asked, errors, who)
            asked.stop()
    finally:
        server.stop()
