"""Everything at once: proxies are made, moved, put down and deleted, toxics come and go, the file is read again, and clients talk
meanwhile. Nothing crashes, nothing hangs, and nothing is left behind."""
import http.client
import json
import os
import random
import signal
import socket
import threading
import time

import pytest

from conftest import dial, free_port, patience, until

SECONDS = float(os.environ.get("VAURIEN_STORM", "2"))
EXPECTED = {200, 201, 204, 400, 404, 409, 500}


class Caller(threading.Thread):
    """One client of the API, with a mind of its own."""

    def __init__(self, storm, seed):
        super().__init__(daemon=True)
        self.storm, self.dice, self.calls, self.fault = storm, random.Random(seed), 0, None

    def call(self, method, path, body=None):
        self.api.request(method, path, None if body is None else json.dumps(body))
        answer = self.api.getresponse()
        text = answer.read()
        assert answer.status in EXPECTED, (method, path, answer.status, text)
        self.calls += 1

    def one(self):
        dice = self.dice
        name = "/proxies/p%d" % dice.randrange(8)
        listen = "%s:%d" % (dice.choice(("127.0.0.1", "localhost", "", "[::1]")), dice.choice(self.storm.ports + [0]))
        proxy = {"name": name[9:], "listen": listen, "upstream": self.storm.backend, "enabled": dice.random() < 0.8}
        what = dice.randrange(12)
        if what == 0:
            self.call("POST", "/proxies", dict(proxy, protocol=dice.choice(("tcp", "http", "redis"))))
        elif what == 1:
            self.call("DELETE", name)
        elif what == 2:
            self.call("POST", name, {"enabled": dice.random() < 0.5})
        elif what == 3:
            self.call("PATCH", name, {"listen": listen})
        elif what == 4:
            self.call("POST", "/populate", [proxy, dict(proxy, name="p%d" % dice.randrange(8), listen="127.0.0.1:0")])
        elif what == 5:
            self.call("GET", dice.choice(("/proxies", "/info", "/metrics", "/connections", name)))
        elif what == 6 and dice.random() < 0.2:
            self.call("POST", "/reset")
        elif what == 7:
            self.call("PUT", "/%s/behavior" % name[9:], {"name": dice.choice(("dummy", "delay", "hang", "refuse", "10:abort,20:reset"))})
        elif what == 8:
            self.call("DELETE", "%s/toxics/t%d" % (name, dice.randrange(3)))
        elif what == 9 and dice.random() < 0.3:
            os.kill(self.storm.pid, signal.SIGHUP)
        else:
            self.call("POST", name + "/toxics", {
                "name": "t%d" % dice.randrange(3), "stream": dice.choice(("upstream", "downstream", "both")), "toxicity": dice.random(),
                "type": dice.choice(("latency", "timeout", "bandwidth", "reset_peer", "slow_close", "limit_data", "slicer", "noop", "vanish"))})

    def run(self):
        try:
            self.api = http.client.HTTPConnection("127.0.0.1", self.storm.http, timeout=patience())
            while not self.storm.over:
                self.one()
        except Exception as e:                              # told by the test, not by the thread
            self.fault = repr(e)
        finally:
            self.api.close()


class Talker(threading.Thread):
    """Clients of the proxies: they connect, say something, hear or hear not, and go."""

    def __init__(self, storm, seed):
        super().__init__(daemon=True)
        self.storm, self.dice = storm, random.Random(seed)

    def run(self):
        while not self.storm.over:
            try:
                with socket.create_connection(("127.0.0.1", self.dice.choice(self.storm.ports)), timeout=0.05) as sock:
                    sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * self.dice.randrange(1, 50))
                    sock.recv(100)
                    if self.dice.random() < 0.3:
                        sock.shutdown(socket.SHUT_WR)
                        sock.recv(65536)
            except OSError:
                time.sleep(0.001)


@pytest.mark.threads
@pytest.mark.parametrize("threads", [1, 2])
def test_a_storm(start, backend, tmp_path, threads):
    backend.serve()
    path = tmp_path / "v.ini"
    ports = [free_port() for _ in range(6)]
    path.write_text("[proxy:p0]\nlisten = 127.0.0.1:%d\nbackend = %s\n[proxy:p1]\nlisten = 127.0.0.1:%d\nbackend = %s\nrule = delay sleep=1ms\n"
                    % (ports[0], backend.address, ports[1], backend.address))
    proxy = start("--config", path, "--threads", threads, "--linger", "0.1", "--log-level", "info", "--timeout", "1", listen="", up=lambda: True)

    class Storm:
        over, http, pid = False, proxy.http, proxy.pid
    Storm.ports, Storm.backend = ports, backend.address
    assert proxy.api("GET", "/proxies")[0] == 200
    callers = [Caller(Storm, seed) for seed in range(4)]
    talkers = [Talker(Storm, seed) for seed in range(4)]
    for thread in callers + talkers:
        thread.start()
    swap = path.read_text().replace(str(ports[0]), "X").replace(str(ports[1]), str(ports[0])).replace("X", str(ports[1]))
    began = time.monotonic()

    def raging():
        """For so long, and until enough has been asked, where a busy machine takes longer for it."""
        now = time.monotonic()
        return now < began + SECONDS or (sum(c.calls for c in callers) <= 50 and now < began + patience())
    while raging() and proxy.process.poll() is None:
        time.sleep(0.05)
        now = path.read_text()
        (tmp_path / "new").write_text(swap)
        os.replace(tmp_path / "new", path)
        swap = now
    Storm.over = True
    for thread in callers + talkers:
        thread.join(patience())
        assert not thread.is_alive()
    assert proxy.process.poll() is None, proxy.said()
    assert not [c.fault for c in callers if c.fault], [c.fault for c in callers]
    assert sum(c.calls for c in callers) > 50
    for name in proxy.api("GET", "/proxies")[1]:
        assert proxy.api("DELETE", "/proxies/" + name)[0] == 204
    until(lambda: proxy.descriptors() < 40, what=lambda: "all descriptors to be closed: %d" % proxy.descriptors())
    assert proxy.api("POST", "/proxies", {"name": "after", "listen": "127.0.0.1:%d" % ports[0], "upstream": backend.address})[0] == 201
    with dial(ports[0]) as client:
        assert client.send(b"x").read(1) == b"x"
