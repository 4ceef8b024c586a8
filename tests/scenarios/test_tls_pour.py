"""A stream through TLS on both legs, with new keys all the time and rules that change a hundred times a second: every byte
arrives. A few MiB here; `make pour` pours 1 GiB each way."""
import http.client
import itertools
import json
import os
import re
import subprocess
import threading
import time

from tls_ends import backend_certificate

from harness import free_port, patience
from running import compiled

MIB = int(os.environ.get("POUR_MIB", "2"))
CHANGES = 100                   # at least; 100 a second
UPDATE = 64                     # KiB between two KeyUpdates of each end
PACE = [] if MIB > 100 else [{"behavior": "bandwidth", "rate": 8000, "direction": "both", "name": "pace"}]      # remains in force
RULES = [
    [{"behavior": "delay", "sleep": "1ms", "direction": "both"}],
    [{"behavior": "slicer", "average_size": 5000, "size_variation": 4000, "direction": "both"}, {"behavior": "latency", "latency": "1ms"}],
    [],
    [{"behavior": "bandwidth", "rate": 30000, "direction": "both"}],
    [{"behavior": "latency", "latency": "2ms", "jitter": "2ms", "direction": "request"}, {"behavior": "dummy"}],
]


class Changers:
    """Threads, each of which sets the next rules each 320 ms, so that a busy worker does not make them fewer."""

    def __init__(self, proxy):
        self.proxy, self.over, self.turn, self.changes, self.fault = proxy, False, itertools.count(), 0, None
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(32)]

    def run(self):
        api = http.client.HTTPConnection("127.0.0.1", self.proxy.http, timeout=patience())
        due = time.monotonic()
        while not self.over and not self.fault:
            turn = next(self.turn)
            api.request("PUT", "/rules", json.dumps({"rules": PACE + RULES[turn % len(RULES)]}))
            answer = api.getresponse()
            text = answer.read()
            if answer.status != 200:
                self.fault = text
            self.changes = max(self.changes, turn + 1)
            due += 0.32
            time.sleep(max(0, due - time.monotonic()))
        api.close()


def test_every_byte_arrives(start, tmp_path):
    port = free_port()
    proxy = start("--tls-dir", tmp_path / "ca", "--client-tls", "on", "--backend-tls", "on", backend="127.0.0.1:%d" % port)
    changer = Changers(proxy)
    began = time.monotonic()
    pour = subprocess.Popen([compiled("pour", "-Wl,--no-as-needed", "-lssl", "-lcrypto"), str(proxy.port), str(port), str(MIB), str(UPDATE),
                             backend_certificate()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        for thread in changer.threads:
            thread.start()
        while pour.poll() is None and changer.changes < CHANGES and not changer.fault:
            time.sleep(0.02)        # its end of stdin lets it end
        told = pour.communicate(timeout=patience() + MIB * 2)[0]
    finally:
        changer.over = True
        pour.kill()
    for thread in changer.threads:
        thread.join(patience())
    took = time.monotonic() - began
    assert pour.returncode == 0, told + proxy.log()[-2000:]
    assert not changer.fault and changer.changes >= CHANGES, (changer.fault, changer.changes)
    client, server, *updates = map(int, re.match(r"(\d+) and (\d+) bytes, (\d+) and (\d+) updates", told).groups())
    for sent, updated in zip((client, server), updates):            # a write of 64 KiB ends before the next update begins
        assert sent >= MIB << 20 and updated >= max(1, sent // ((UPDATE + 64) << 10) - 1)
    print("%s%d changes of rules in %.1f s" % (told, changer.changes, took))
