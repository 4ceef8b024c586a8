#!/usr/bin/python3
"""What a connect() costs under `vaurien run`, beside a plain one: make bench-run.

Each round measures a plain connect on loopback, one that is reported and left alone, and one that is led to a proxy, in
turn. The smallest times are compared, for other programs only add to them; the medians are shown. Then four processes
connect as fast as they can. Exit code 1 if a ratio is above its bound, or a connect fails.
"""
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VAURIEN = os.environ.get("VAURIEN_BIN") or os.path.join(ROOT, "bin", "vaurien")
ROUNDS, CONNECTS = 5, 3000
BOUNDS = {"left alone": 2.5, "redirected": 6.0}


def sink(program):
    """A server that closes what it accepts, in a process of its own; (process, port)."""
    process = subprocess.Popen([program, "127.0.0.2"], stdout=subprocess.PIPE, text=True)
    return process, int(process.stdout.readline())


def connects(before, program, port, n=CONNECTS):
    done = subprocess.run([*before, program, "127.0.0.2", str(port), str(n)], stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.PIPE)
    return json.loads(done.stdout)


def main():
    folder = tempfile.mkdtemp()
    program = os.path.join(folder, "connects")
    subprocess.run(["gcc", "-O2", "-D_GNU_SOURCE", "-o", program, os.path.join(ROOT, "bench", "run", "connects.c")], check=True)
    server, port = sink(program)
    ways = {"plain": [], "left alone": [VAURIEN, "run", "--except", "*:%d" % port, "--"],
            "redirected": [VAURIEN, "run", "--protocol", "tcp", "--backend", "127.0.0.2:%d" % port, "--"]}
    least, median, failed = {}, {}, 0
    for _ in range(ROUNDS):
        for way, before in ways.items():
            one = connects(before, program, port)
            least[way] = min(one["min"], least.get(way, 1e9))
            median.setdefault(way, []).append(one["median"])
            failed += one["failed"]
    bad = failed > 0
    print("%-12s %9s %9s %7s" % ("connect", "least", "median", "ratio"))
    for way in ways:
        ratio = least[way] / least["plain"]
        bad |= ratio > BOUNDS.get(way, 2)
        print("%-12s %6.1f us %6.1f us %6.1fx" % (way, least[way], sorted(median[way])[ROUNDS // 2], ratio))
    script = "".join("%s 127.0.0.2 %d 10000 & " % (program, port) for _ in range(4)) + "wait"
    began = time.monotonic()
    done = subprocess.run([*ways["redirected"], "sh", "-c", script], stdout=subprocess.PIPE, text=True, stderr=subprocess.PIPE)
    took = time.monotonic() - began
    failed = sum(json.loads(line)["failed"] for line in done.stdout.splitlines())
    print("4 processes: %d connects/s, %d failed; %s" % (40000 / took, failed, done.stderr.strip().splitlines()[-1]))
    server.kill()
    return bad or failed > 0


if __name__ == "__main__":
    sys.exit(main())
