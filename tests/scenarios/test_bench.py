"""The benchmark runs, and measures what it says it does."""
import os
import re
import subprocess
import sys

import pytest

from harness import ROOT, SAN, patience


@pytest.mark.skipif(bool(SAN), reason="once is enough")
def test_rows(tmp_path):
    load = str(tmp_path / "load")
    subprocess.check_call(["make", "-s", "-C", ROOT, "LOAD=" + load, load])
    page = tmp_path / "page.md"
    done = subprocess.run([sys.executable, os.path.join(ROOT, "bench", "bench.py"), "--only", "bulk,pingpong,churn,delay", "--rounds", "1",
                           "--seconds", "0.1", "--quick", "--page", str(page)], env=dict(os.environ, LOAD_BIN=load),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, timeout=patience(300))
    assert done.returncode == 0, done.stdout
    for row in ("up, 8 connections", "down, 1 connection", "64 connections", "16 at a time"):
        rate, cpu = re.search(r"^%s +vaurien +([\d.]+) +([\d.]+)" % row, done.stdout, re.M).groups()
        assert float(rate) > 0 and float(cpu) >= 0, done.stdout
    assert len(re.findall(r"^ +direct +[\d.]+ ", done.stdout, re.M)) == 8, done.stdout
    rows = re.findall(r"^\d+ ms, \d+ others held +([\d.-]+) +[\d.-]+ +([\d.-]+)", done.stdout, re.M)
    for more, without in rows:
        assert float(more) + float(without) > 0, done.stdout    # nothing comes before its time
    assert len(rows) == 6, done.stdout
    assert not page.exists()
