"""Very many proxies and connections, while toxics come and go: each byte arrives, each call is answered, nothing is left behind.

    VAURIEN_CROWD=1000,9400,30 pytest tests/scenarios/test_crowd.py -s      proxies, connections, seconds: all that 20,000 descriptors allow
"""
import http.client
import json
import os
import random
import resource
import selectors
import socket
import subprocess
import sys
import threading
import time

import pytest

from conftest import SAN, Clock, Deadline, patience, until

PROXIES, CONNECTIONS, SECONDS = [int(n) for n in os.environ.get("VAURIEN_CROWD", "60,300,2" if SAN else "150,900,3").split(",")]
CALLS = 100                                                 # a second
SIZE = 256                                                  # of a message

ECHO = """
import selectors, socket, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
listener = socket.socket(); listener.bind(("127.0.0.1", 0)); listener.listen(4096); listener.setblocking(False)
print(listener.getsockname()[1], flush=True)
poll = selectors.DefaultSelector(); poll.register(listener, selectors.EVENT_READ)
while True:
    for key, _ in poll.select():
        if key.fileobj is listener:
            try:
                while True:
                    sock, _ = listener.accept(); sock.setblocking(False); sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    poll.register(sock, selectors.EVENT_READ)
            except BlockingIOError:
                continue
        try:
            data = key.fileobj.recv(65536)
            if data:
                key.fileobj.sendall(data)
        except OSError:
            data = b""
        if not data:
            poll.unregister(key.fileobj); key.fileobj.close()
"""

TOXICS = [
    {"type": "latency", "attributes": {"latency": 5, "jitter": 3}}, {"type": "latency", "attributes": {"latency": 1}, "stream": "upstream"},
    {"type": "bandwidth", "attributes": {"rate": 1000}}, {"type": "slicer", "attributes": {"average_size": 64, "size_variation": 16, "delay": 10}},
    {"type": "slow_close", "attributes": {"delay": 10}}, {"type": "noop"}, {"type": "latency", "name": "half", "toxicity": 0.5, "attributes": {"latency": 3}},
]


class Calls(threading.Thread):
    """Adds, changes and removes toxics, so many calls a second, by one connection that is kept."""

    def __init__(self, port, proxies):
        super().__init__(daemon=True)
        self.port, self.proxies, self.stop, self.took, self.bad, self.on = port, proxies, False, [], [], []

    def call(self, method, path, body=None):
        began = time.monotonic()
        self.api.request(method, path, body and json.dumps(body))
        answer = self.api.getresponse()
        text = answer.read()
        self.took.append(time.monotonic() - began)
        if answer.status not in (200, 204):
            self.bad.append((method, path, answer.status, text))
        return text

    def one(self, dice):
        what = dice.random()
        if self.on and what < 0.4:
            self.call("DELETE", self.on.pop(dice.randrange(len(self.on))))
        elif self.on and what < 0.5:
            self.call("PATCH", dice.choice(self.on), {"toxicity": dice.random()})
        else:
            path = "/proxies/%s/toxics" % dice.choice(self.proxies)
            toxic = dice.choice(TOXICS)
            name = "%s-%d" % (toxic["type"], len(self.took))
            self.call("POST", path, dict(toxic, name=name))
            self.on.append("%s/%s" % (path, name))

    def run(self):
        self.api = http.client.HTTPConnection("127.0.0.1", self.port, timeout=patience())
        dice, began = random.Random(7), time.monotonic()
        while not self.stop:
            time.sleep(max(0, began + len(self.took) / CALLS - time.monotonic()))
            self.one(dice)
        self.seconds = time.monotonic() - began
        while self.on:
            self.call("DELETE", self.on.pop())
        self.api.close()


class Crowd:
    """Connections, each of which sends its own messages and wants just these back."""

    def __init__(self, ports):
        self.poll = selectors.DefaultSelector()
        self.dice = random.Random(5)
        self.socks, self.messages = [], 0
        for i in range(CONNECTIONS):
            sock = socket.create_connection(("127.0.0.1", ports[i % len(ports)]), timeout=patience())
            sock.setblocking(False)
            self.socks.append(sock)
            self.poll.register(sock, selectors.EVENT_READ, i)

    def message(self, i, round):
        return (b"%d %d " % (i, round)).ljust(SIZE, b"%d" % ((i + round) % 10))

    def round(self, round):
        """One message on each connection, and its echo."""
        missing = {}
        for i, sock in enumerate(self.socks):
            assert sock.send(self.message(i, round)) == SIZE
            missing[i] = self.message(i, round)
        deadline = Deadline(60)
        while missing:
            assert not deadline.passed(), "%d echoes are missing, as of %s" % (len(missing), list(missing)[:5])
            for key, _ in self.poll.select(1):
                data = key.fileobj.recv(65536)
                assert data, "connection %d was ended" % key.data
                assert missing[key.data].startswith(data), "a wrong byte on connection %d" % key.data
                missing[key.data] = missing[key.data][len(data):]
                if not missing[key.data]:
                    del missing[key.data]
                    self.messages += 1

    def close(self):
        for sock in self.socks:
            sock.close()


@pytest.mark.threads
@pytest.mark.parametrize("threads", [1, 2])
def test_a_crowd(start, threads):
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    echo = subprocess.Popen([sys.executable, "-c", ECHO], stdout=subprocess.PIPE, universal_newlines=True)
    try:
        upstream = "127.0.0.1:%d" % int(echo.stdout.readline())
        proxy = start("--log-level", "info", "--threads", threads, listen="127.0.0.1:0", up=lambda: True)
        assert proxy.api("GET", "/proxies")[0] == 200
        descriptors, memory = proxy.descriptors(), proxy.memory()
        with Clock() as populated:
            status, answer = proxy.api("POST", "/populate", [
                {"name": "crowd-%d" % i, "listen": "127.0.0.1:0", "upstream": upstream} for i in range(PROXIES)])
        assert status == 201 and len(answer["proxies"]) == PROXIES
        with Clock() as connected:
            crowd = Crowd([int(p["listen"].rsplit(":", 1)[1]) for p in answer["proxies"]])
            crowd.round(0)
        full = proxy.memory()
        assert proxy.descriptors() <= descriptors + PROXIES + 2 * CONNECTIONS + 8       # one for a proxy, two for a connection
        calls = Calls(proxy.http, [p["name"] for p in answer["proxies"]])
        calls.start()
        began, round = time.monotonic(), 1
        while time.monotonic() < began + SECONDS:
            crowd.round(round)
            round += 1
        calls.stop = True
        calls.join(patience(60))
        most = proxy.memory()
        assert not calls.bad, calls.bad[:3]
        assert len(calls.took) > (CALLS * SECONDS / 3 if os.environ.get("VAURIEN_QUIET") else 10)
        with Clock() as listed:
            assert len(proxy.api("GET", "/proxies")[1]) == PROXIES + 1
        crowd.round(round)
        crowd.close()
        with Clock() as deleted:
            for p in answer["proxies"]:
                assert proxy.api("DELETE", "/proxies/" + p["name"])[0] == 204
        until(lambda: proxy.descriptors() <= descriptors, what="all descriptors to be closed")
        assert not [line for line in proxy.log().splitlines() if "[ERROR]" in line or "[WARNING]" in line]
        took = sorted(calls.took)
        print("\n%d threads: %d proxies made in %.3f s, %d connections in %.2f s; %d messages of %d bytes verified in %.1f s; %d calls in %.1f s, %.1f ms at the "
              "median, %.1f ms at most; listed in %.3f s, deleted in %.2f s; memory %.0f MB at first, %.0f MB with all, %.0f MB at most, %.0f MB at the end" % (
                  threads, PROXIES, populated.seconds, CONNECTIONS, connected.seconds, crowd.messages, SIZE, SECONDS, len(took), calls.seconds,
                  1000 * took[len(took) // 2], 1000 * took[-1], listed.seconds, deleted.seconds,
                  *[n / 1e6 for n in (memory, full, most, proxy.memory())]))
        assert proxy.memory() < memory + (full - memory) * 2 + (64 << 20)
    finally:
        echo.kill()
        echo.wait()
        echo.stdout.close()
