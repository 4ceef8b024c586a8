"""Datagrams: what a proxy on udp:// passes, loses, delays and refuses, counted by clients that number theirs."""
import json
import select
import signal
import socket
import struct
import time

import pytest

from harness import SAN, free_port, patience, until

QUIET = 0.3                     # seconds in which nothing more comes


class Peer:
    """A socket for datagrams."""

    def __init__(self, port=None, host="127.0.0.1"):
        self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        if port is None:
            self.sock.bind((host, 0))
        else:
            self.sock.connect((host, port))
        self.port = self.sock.getsockname()[1]
        self.address = "127.0.0.1:%d" % self.port
        self.sock.settimeout(patience())

    def send(self, data):
        self.sock.send(data)
        return self

    def numbers(self, n, first=0):
        for i in range(first, first + n):
            self.sock.send(struct.pack(">I", i) + b"x" * 12)
        return self

    def read(self):
        return self.sock.recv(1 << 17)

    def all(self, quiet=QUIET):
        """All that comes until it is quiet."""
        got = []
        while select.select([self.sock], [], [], quiet)[0]:
            got.append(self.sock.recv(1 << 17))
        return got

    def come(self, n):
        """The numbers of n datagrams, and nothing follows."""
        got = [struct.unpack(">I", self.read()[:4])[0] for _ in range(n)]
        assert not self.all(0.1)
        return got

    def rest(self, enough, quiet=QUIET):
        """The numbers of all that comes until it is quiet and enough(so many) came."""
        got = []
        until(lambda: got.extend(self.all(quiet)) or enough(len(got)), what=lambda: "the rest: %d came" % len(got))
        return [struct.unpack(">I", data[:4])[0] for data in got]

    def readable(self, seconds=0):
        return bool(select.select([self.sock], [], [], seconds)[0])

    def echo(self, n=1):
        for _ in range(n):
            data, who = self.sock.recvfrom(1 << 17)
            self.sock.sendto(data, who)


@pytest.fixture
def server():
    peer = Peer()
    yield peer
    peer.sock.close()


@pytest.fixture
def udp(start, server):
    """udp(*args): a proxy on udp:// before the server. udp.client(): a client of it."""
    def make(*args, listen=None, **options):
        port = free_port()
        proxy = start(*args, listen=listen or "udp://127.0.0.1:%d" % port, backend=options.pop("backend", server),
                      up=lambda: bound(port), **options)
        proxy.port = port
        proxy.peer = lambda host="127.0.0.1": Peer(port, host)
        return proxy
    return make


def bound(port):
    wanted = ":%04X" % port
    for table in ("/proc/net/udp", "/proc/net/udp6"):
        with open(table) as lines:
            if any(line.split()[1].endswith(wanted) for line in lines):
                return True
    return False


def metric(proxy, name, **labels):
    status, text = proxy.api("GET", "/metrics")
    assert status == 200
    for line in text.splitlines():
        if line.startswith(name + "{") and all('%s="%s"' % pair in line for pair in labels.items()):
            return float(line.rsplit(" ", 1)[1])
    return None


def hits(proxy, rule=0):
    return proxy.api("GET", "/rules")[1]["rules"][rule]["hits"]


def test_all_pass_in_order_and_answers_find_back(udp, server):
    proxy = udp()
    clients = [proxy.peer() for _ in range(5)]
    for i, client in enumerate(clients):
        client.numbers(20, 100 * i)
    server.echo(100)
    for i, client in enumerate(clients):
        assert client.come(20) == list(range(100 * i, 100 * i + 20))
    listed = proxy.api("GET", "/connections")[1]
    assert listed["open"] == 5 and [c["connection"] for c in listed["connections"]] == [1, 2, 3, 4, 5]
    assert {c["client"] for c in listed["connections"]} == {"127.0.0.1:%d" % c.port for c in clients}
    assert metric(proxy, "vaurien_datagrams_received_total", direction="request") == 100
    until(lambda: metric(proxy, "vaurien_datagrams_sent_total", direction="response") == 100)     # counted once it is sent
    assert proxy.api("GET", "/info")[1]["proxies"][0]["listen"] == "udp://127.0.0.1:%d" % proxy.port


def test_the_biggest_and_the_empty_one(udp, server):
    client = udp().peer()
    for data in (b"", b"x", bytes(range(256)) * 255 + bytes(227)):
        client.send(data)
        server.echo()
        assert client.read() == data


def test_loss_is_exact(udp, server):
    proxy = udp("--rule", "loss rate=0.25 direction=request")
    proxy.peer().numbers(400)
    there = server.rest(lambda n: n + hits(proxy) == 400)
    lost = hits(proxy)
    assert 60 <= lost <= 140
    assert there == sorted(there)
    struck = {int(s["exchange"]) - 1 for s in proxy.strikes()}
    assert struck.isdisjoint(there) and len(struck) == lost


def test_both_directions_are_the_default(udp, server):
    """Each fourth of all datagrams is dropped, of requests and answers together: request 1, answers 3 and 5."""
    proxy = udp("--rule", "drop every=4 skip=2")
    client, came, back = proxy.peer(), [], []
    for i in range(6):
        before = hits(proxy)
        client.numbers(1, i)
        until(lambda: server.readable() or hits(proxy) > before)
        if hits(proxy) == before:
            came.append(i)
            server.echo()
            back += client.rest(lambda n: n + hits(proxy) - before == 1, 0.1)
    assert (came, back) == ([0, 2, 3, 4, 5], [0, 2, 4]) and hits(proxy) == 3


def test_every_second_answer_is_dropped(udp, server):
    proxy = udp("--rule", "drop every=2 direction=response")
    client = proxy.peer().numbers(20)
    server.echo(20)
    assert client.rest(lambda n: n == 10) == list(range(1, 20, 2))
    assert hits(proxy) == 10


def test_delay_is_exact_and_keeps_the_order(udp, server):
    proxy = udp("--rule", "delay sleep=200ms direction=request")
    client = proxy.peer()
    began = time.monotonic()
    client.numbers(50)
    first = server.read()
    took = time.monotonic() - began
    assert 0.2 <= took < patience(0.5) and struct.unpack(">I", first[:4])[0] == 0
    assert server.rest(lambda n: n == 49) == list(range(1, 50))


def test_delay_goes_both_ways_unless_told(udp, server):
    client = udp("--rule", "delay sleep=100ms").peer()
    began = time.monotonic()
    client.send(b"x")
    server.echo()
    client.read()
    assert 0.2 <= time.monotonic() - began < patience(0.5)


def test_jitter_reorders_and_in_order_does_not(udp, server):
    proxy = udp("--rule", "latency latency=50ms jitter=50ms direction=request")
    client = proxy.peer().numbers(100)
    got = server.come(100)
    assert sorted(got) == list(range(100)) and got != sorted(got)
    status, _ = proxy.api("PUT", "/rules/latency", {"in_order": True})
    assert status == 200
    client.numbers(100)
    assert server.come(100) == list(range(100))


def test_reorder_lets_others_pass(udp, server):
    proxy = udp("--rule", "reorder behind=2 every=5 direction=request wait=30s")
    proxy.peer().numbers(20)
    assert server.come(20) == [1, 2, 0, 3, 4, 6, 7, 5, 8, 9, 11, 12, 10, 13, 14, 16, 17, 15, 18, 19]
    assert hits(proxy) == 4


def test_reorder_waits_no_longer_than_told(udp, server):
    proxy = udp("--rule", "reorder wait=100ms direction=request times=1")
    client = proxy.peer()
    began = time.monotonic()
    client.numbers(1)
    server.read()
    assert 0.1 <= time.monotonic() - began < patience(0.5)


def test_duplicates(udp, server):
    proxy = udp("--rule", "duplicate copies=2 every=3 direction=request")
    proxy.peer().numbers(6)
    assert server.come(10) == [0, 0, 0, 1, 2, 3, 3, 3, 4, 5]


def test_duplicates_of_delayed_ones(udp, server):
    proxy = udp("--rule", "duplicate", "--rule", "delay sleep=50ms")
    client = proxy.peer().numbers(1)
    assert server.come(2) == [0, 0]


def test_hang_holds_and_releases_in_order(udp, server):
    proxy = udp().set("hang")
    client = proxy.peer().numbers(10)
    assert not server.all(0.2)
    listed = proxy.api("GET", "/connections")[1]["connections"][0]
    assert listed["held_by"] == {"rule": "behavior", "for": None} and listed["request"]["held"] > 160
    proxy.set("dummy")
    assert server.come(10) == list(range(10))
    client.numbers(1, 10)
    assert server.come(1) == [10]


def test_truncate_and_corrupt(udp, server):
    proxy = udp("--rule", "truncate bytes=5 direction=request")
    client = proxy.peer().send(b"0123456789").send(b"0123")
    assert (server.read(), server.read()) == (b"01234", b"0123")
    proxy.api("DELETE", "/rules/truncate")
    proxy.set("corrupt", bits=1)
    client.send(bytes(100))
    spoilt = server.read()
    assert len(spoilt) == 100 and sum(bin(byte).count("1") for byte in spoilt) == 1
    proxy.set("corrupt", random=True)
    client.send(bytes(100))
    spoilt = server.read()
    assert len(spoilt) == 100 and spoilt.count(0) < 20


def test_bandwidth_has_a_queue_and_drops_its_tail(udp, server):
    proxy = udp("--rule", "bandwidth rate=20 queue=10 direction=request")
    client = proxy.peer()
    began = time.monotonic()
    for _ in range(30):
        client.send(bytes(1000))
    for _ in range(10):
        server.read()
    assert 0.45 <= time.monotonic() - began < patience(1)

    def lost():
        return metric(proxy, "vaurien_datagrams_lost_total", reason="bandwidth") or 0
    server.rest(lambda n: 10 + n + lost() == 30)
    assert lost() > 10


def test_limit_data(udp, server):
    proxy = udp("--rule", "limit_data bytes=100 direction=request")
    client = proxy.peer()
    for _ in range(10):
        client.send(bytes(30))
    server.rest(lambda n: n == 3)
    assert hits(proxy) == 1         # one session


@pytest.mark.parametrize("behavior", ["blackout", "refuse"])
def test_the_port_closes_and_opens(udp, server, behavior):
    proxy = udp()
    client = proxy.peer().send(b"before")
    server.read()
    proxy.set(behavior)
    with pytest.raises(ConnectionRefusedError):
        client.send(b"x")
        client.read()
    proxy.set("dummy")
    client.send(b"after")
    assert server.read() == b"after"


def test_vanish_lets_nothing_pass_and_refuses_nobody(udp, server):
    proxy = udp().set("vanish")
    client = proxy.peer().send(b"x").send(b"y")
    assert not server.all(0.2) and not client.all(0.1)
    proxy.set("dummy")
    client.send(b"after")
    assert server.read() == b"after"


def test_a_server_that_is_not_there_is_counted(udp, server):
    proxy = udp()
    client = proxy.peer().send(b"x")
    server.read()
    server.sock.close()
    until(lambda: client.send(b"x") and metric(proxy, "vaurien_datagrams_lost_total", reason="refused"))


def test_what_ends_connections_is_refused(udp, run):
    proxy = udp()
    for behavior in "close reset abort stall slicer slow_open slow_close reset_peer lost_reply limit_time timeout".split():
        status, answer = proxy.api("PUT", "/behavior", {"name": behavior})
        assert status == 400 and "%s makes no sense on datagrams" % behavior in json.dumps(answer)
    status, answer = proxy.api("PUT", "/behavior", {"name": "blackout", "probability": 0.5})
    assert status == 400 and "closes the port" in json.dumps(answer)
    for words, said in ((("--proxy", "127.0.0.1:0", "--behavior", "duplicate"), "concerns datagrams"),
                        (("--proxy", "127.0.0.1:0", "--backend", "udp://127.0.0.1:53"), "needs a proxy that listens on udp"),
                        (("--proxy", "udp://127.0.0.1:0", "--backend", "unix:/x"), "expected HOST:PORT"),
                        (("--proxy", "udp://127.0.0.1:0", "--protocol", "mysql"), "mysql is no protocol of datagrams"),
                        (("--proxy", "udp://127.0.0.1:0", "--rule", "close"), "makes no sense on datagrams"),
                        (("--proxy", "udp://127.0.0.1:0", "--client-tls", "on"), "TLS needs a stream"),
                        (("--proxy", "udp://nonsense"), "expected udp://HOST:PORT")):
        done = run(*words)
        assert done.returncode == 1 and said in done.stderr, (words, done.stderr)


def test_sessions_are_bounded(udp, server):
    proxy = udp("--sessions", 3)
    clients = [proxy.peer() for _ in range(5)]
    for client in clients:
        client.numbers(1)
        server.read()
    listed = proxy.api("GET", "/connections")[1]
    assert [c["connection"] for c in listed["connections"]] == [3, 4, 5]
    assert metric(proxy, "vaurien_connections_ended_total", reason="evicted") == 2


def test_silence_ends_a_session(udp, server):
    proxy = udp("--timeout", "300ms")
    client = proxy.peer().send(b"x")
    server.read()
    until(lambda: metric(proxy, "vaurien_connections_ended_total", reason="idle") == 1)
    client.send(b"again")
    assert server.read() == b"again"
    assert metric(proxy, "vaurien_connections_open") == 1


def test_a_wildcard_answers_from_the_address_that_was_asked(udp, server, start):
    port = free_port()
    proxy = start(listen="udp://0.0.0.0:%d" % port, backend=server, up=lambda: bound(port))
    for host in ("127.0.0.1", "127.0.0.2", "127.8.8.8"):
        client = Peer(port, host)       # connected: the kernel drops what comes from elsewhere
        client.send(b"x")
        server.echo()
        assert client.read() == b"x"
    assert proxy.api("GET", "/connections")[1]["open"] == 3


def test_ipv6_and_a_name(udp, start, server):
    port = free_port()
    proxy = start(listen="udp://[::1]:%d" % port, backend="udp://localhost:%d" % server.port, up=lambda: bound(port))
    client = Peer(port, "::1").send(b"x")
    server.echo()
    assert client.read() == b"x"
    assert proxy.api("GET", "/connections")[1]["connections"][0]["client"] == "[::1]:%d" % client.port


def test_events(udp, server, tmp_path):
    out = tmp_path / "events"
    proxy = udp("--events", out, "--rule", "drop times=1 direction=request", "--timeout", "200ms")
    client = proxy.peer().send(b"x").send(b"y")
    server.read()
    until(lambda: metric(proxy, "vaurien_connections_ended_total", reason="idle") == 1)
    events = until(lambda: [e for e in map(json.loads, out.read_text().splitlines())
                            if e["type"] in ("connection_closed", "closed")] and
                   list(map(json.loads, out.read_text().splitlines())))
    types = [e["type"] for e in events]
    assert "fault" in types
    fault = [e for e in events if e["type"] == "fault"][0]
    assert (fault["connection"], fault["exchange"], fault["behavior"]) == (1, 1, "drop")


def test_the_api_makes_moves_and_removes_it(start, server):
    port, other = free_port(), free_port()
    proxy = start(listen="127.0.0.1:%d" % free_port(), backend=server, up=lambda: True)
    made = {"name": "game", "listen": "udp://127.0.0.1:%d" % port, "upstream": server.address}
    assert proxy.api("POST", "/proxies", made)[0] == 201
    client = Peer(port).send(b"x")
    server.echo()
    assert client.read() == b"x"
    status, answer = proxy.api("POST", "/proxies/game", {"listen": "udp://127.0.0.1:%d" % other})
    assert status == 200 and answer["listen"] == "udp://127.0.0.1:%d" % other
    assert not bound(port)
    Peer(other).send(b"y")
    assert server.read() == b"y"
    assert proxy.api("POST", "/proxies/game", {"enabled": False})[0] == 200 and not bound(other)
    assert proxy.api("POST", "/proxies/game", {"enabled": True})[0] == 200 and bound(other)
    assert proxy.api("POST", "/proxies/game", {"listen": "127.0.0.1:%d" % port})[0] == 200 and not bound(other)
    assert proxy.api("DELETE", "/proxies/game")[0] == 204
    status, answer = proxy.api("POST", "/proxies", dict(made, upstream="unix:/x"))
    assert status == 400 and "backend" in json.dumps(answer)


def test_sighup_moves_it_between_addresses_and_to_tcp_and_back(start, server, tmp_path):
    port, other, config = free_port(), free_port(), tmp_path / "vaurien.ini"

    def write(listen):
        config.write_text("[vaurien]\nproxy = %s\nbackend = %s\nprotocol = dns\n" % (listen, server.address))
    write("udp://0.0.0.0:%d" % port)
    proxy = start("--config", config, listen="", up=lambda: bound(port))
    for listen in ("udp://127.0.0.1:%d" % port, "udp://127.0.0.1:%d" % other, "127.0.0.1:%d" % other, "udp://127.0.0.1:%d" % other,
                   "udp://127.0.0.1:0"):
        write(listen)
        proxy.process.send_signal(signal.SIGHUP)
        now = until(lambda: (lambda at: (at == listen or listen.endswith(":0") and at != "udp://127.0.0.1:%d" % other) and at)(
            proxy.api("GET", "/info")[1]["proxies"][0]["listen"]), what="SIGHUP: " + listen)
        at = int(now.rsplit(":", 1)[1])
        until(lambda: bound(at) == now.startswith("udp"))
        with socket.create_connection(("127.0.0.1", at), patience()):
            pass                    # dns listens on TCP, too
        if now.startswith("udp"):
            Peer(at).send(b"hello")
            assert server.read() == b"hello"
    assert not bound(port)


def test_a_script_may_have_datagrams(udp, server, tmp_path):
    script = tmp_path / "twice.lua"
    script.write_text("""return { name = "twice", help = "Twice", on = { ON_DATA }, traits = { TRAIT_DATAGRAMS },
        act = function(event, verdict) if event.datagram then verdict.copies = 1 end end }""")
    proxy = udp("--plugin", script, "--rule", "twice direction=request")
    proxy.peer().numbers(3)
    assert server.come(6) == [0, 0, 1, 1, 2, 2]


def test_dice_repeat(udp, server):
    """The same datagrams of the same sessions are lost in every run with one seed."""
    def run_once():
        proxy = udp("--rule", "loss rate=0.5 direction=request", "--seed", 7)
        proxy.peer().numbers(100)
        return server.rest(lambda n: n + hits(proxy) == 100, 0.2)
    first = run_once()
    assert 25 < len(first) < 75 and first == run_once()


def test_all_of_many_pass(udp, server):
    """Never more on their way than sockets hold: what is missing then was lost by us, or by the kernel, which counts."""
    many, window = (4000 if SAN else 40000), 64
    proxy = udp()
    client = proxy.peer()
    for first in range(0, many, window):
        client.numbers(min(window, many - first), first)
        for i in range(first, min(first + window, many)):
            data, who = server.sock.recvfrom(64)
            server.sock.sendto(data, who)
        for i in range(first, min(first + window, many)):
            assert struct.unpack(">I", client.read()[:4])[0] == i
    until(lambda: metric(proxy, "vaurien_datagrams_sent_total", direction="response") == many)
    assert metric(proxy, "vaurien_datagrams_lost_total", reason="kernel") == 0


def test_many_sessions_in_little_memory(udp, server):
    many = 300 if SAN else 1000
    proxy = udp("--sessions", 100000)
    before, clients = proxy.memory(), []
    for i in range(many):
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.sendto(b"x", ("127.0.0.1", proxy.port))
        clients.append(client)
        server.read()
    assert metric(proxy, "vaurien_connections_open") == many
    if not SAN:
        assert proxy.memory() - before < many * 4096 + (4 << 20)
    for client in clients:
        client.close()
