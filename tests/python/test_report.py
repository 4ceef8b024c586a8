"""vaurien.audit and its report, with a program that writes down how it was called."""
import copy
import inspect
import json
import os
import pickle
import signal
import subprocess
import sys
import time

import pytest
from conftest import TESTS
from harness import patience

import vaurien
from vaurien.report import Report, _words

sys.path.insert(0, os.path.join(TESTS, "audit"))
import reports                                  # noqa: E402

PROGRAM = """#!/usr/bin/python3
import json, os, signal, sys, time
path = sys.argv[sys.argv.index("--json") + 1]
plan = json.load(open(os.environ["PLAN"]))
json.dump({"words": sys.argv[1:], "color": os.environ.get("COLOR")}, open(os.environ["PLAN"] + ".words", "w"))
print(plan["says"], flush=True)
if plan.get("waits"):
    signal.signal(signal.SIGINT, lambda *_: (open(os.environ["PLAN"] + ".off", "w").close(), print("faults are off", flush=True), sys.exit(130)))
    open(os.environ["PLAN"] + ".waits", "w").close()
    time.sleep(60)
if plan["report"]:
    json.dump(plan["report"], open(path, "w"))
sys.exit(plan["code"])
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    """program(code, report, says): the next audit ends so. Returns what reads how it was called."""
    path, plan = tmp_path / "vaurien", tmp_path / "plan"
    path.write_text(PROGRAM)
    path.chmod(0o755)
    monkeypatch.setenv("VAURIEN_BIN", str(path))
    monkeypatch.setenv("PLAN", str(plan))

    def prepare(code=0, report=None, says="", **more):
        plan.write_text(json.dumps(dict(more, code=code, report=report, says=says)))
        return lambda: json.loads((tmp_path / "plan.words").read_text())["words"]
    prepare.plan = str(plan)
    return prepare


# ---- the report ----

def test_report():
    report = Report(reports.usual())
    assert (report.verdict, report.exit_code, report.seed, report.took) == ("fail", 1, 8124905712, 371.2)
    assert report.counts["degraded"] == 7 and report.notes == ["The clocks may be 2 ms apart"]
    assert [each.outage for each in report.experiments] == list(reports.OUTAGES)
    assert report.findings[0].id == "hangs" and "db/hang/stock" in report.findings[0].where
    cell = report.cell("stock", "restart")
    assert (cell.verdict, cell.detect, cell.recover, cell.place) == ("degraded", 0.4, 1.7, "db/restart/stock")
    assert cell.has("stale_pool") and not cell.has("hangs") and cell.findings[0].remedy == "test connections before use"
    assert cell.during["error"] == 11
    assert report.experiment("restart").request_timeout == 3.0 and report.experiment("hang").request_timeout is None
    assert report.experiment("half_open").connections.json["silent"] == 5
    assert report.experiment("lost_reply").connections is None and report.experiment("lost_reply").cells == []
    assert len(report.cells()) == 15
    assert repr(report) == "<Report fail: 8 pass, 7 degraded, 0 inconclusive, 5 fail>"
    assert repr(cell) == "<Cell db/restart/stock: degraded, stale_pool>"
    assert pickle.loads(pickle.dumps(report)) == report == Report(reports.usual()) and hash(report)
    assert "verdict" in inspect.getdoc(Report) and Report.verdict is not None


def test_what_is_not_there():
    report = Report(reports.usual())
    with pytest.raises(KeyError, match="no such experiment; there are db/slow, db/restart"):
        report.cell("stock", "restarts")
    with pytest.raises(KeyError, match="db/hang/sock: no such probe in it .it is done.; there are front, stock, order"):
        report.cell("sock", "hang")
    with pytest.raises(KeyError, match="it is left_out"):
        report.cell("stock", "lost_reply")
    twice = reports.usual()
    twice["experiments"].append(dict(copy.deepcopy(twice["experiments"][3]), proxy="cache"))
    with pytest.raises(KeyError, match="several proxies have it"):
        Report(twice).cell("stock", "hang")
    assert Report(twice).cell("stock", "hang", "cache").place == "cache/hang/stock"
    with pytest.raises(ValueError, match="expected a report of the schema vaurien-audit/1, got 'x/2'"):
        Report({"schema": "x/2"})


def test_check():
    with pytest.raises(AssertionError) as error:
        Report(reports.usual()).check()
    text = str(error.value)
    assert "  fail         db/hang/stock\n    hangs: 20 samples had no answer in 5 s; set a time-out in the driver" in text
    assert "restart" not in text                # degraded is no failure
    with pytest.raises(AssertionError, match="degraded     db/restart/stock"):
        Report(reports.usual()).check("pass")
    Report(reports.usual()).check("fail")
    with pytest.raises(ValueError, match="expected one of pass, degraded"):
        Report(reports.usual()).check("good")


def test_check_known_and_early():
    report = reports.usual()
    for experiment in report["experiments"]:
        for part in experiment["probes"]:
            part["known"] = True
    Report(report).check()
    report["ended"] = {"how": "interrupted", "text": "SIGINT"}
    with pytest.raises(AssertionError, match="ended early: SIGINT"):
        Report(report).check()


def test_check_an_expectation():
    report = reports.usual()
    report["experiments"] = [reports.experiment(1, "restart", 5, [("front", {})], verdict="fail", findings=[
        reports.finding("expectation", "fail", "probe.front was error at 12.4 s")])]
    with pytest.raises(AssertionError, match="fail         db/restart\n    expectation: probe.front was error"):
        Report(report).check()


def test_saved(tmp_path):
    report = Report(reports.usual())
    report.save(tmp_path / "audit.json")
    assert Report.load(tmp_path / "audit.json") == report


# ---- the audit ----

def test_words(program):
    words = program(report=reports.usual())
    report = vaurien.audit("shop.ini", probes={"front": "http://localhost/"}, command=["./shop", "--port", "5000"],
                           env={"DB": "{db}"}, add=["db=:0=:3306,mysql"], faults="quick", fault_time=2.5, stay=True, plan=False,
                           options=["--seed", 7])
    assert report == Report(reports.usual())
    said = words()
    assert said[said.index("--json") + 1].endswith("audit.json")
    del said[said.index("--json"):said.index("--json") + 2]
    assert said == ["audit", "--config", "shop.ini", "--probe", "front=http://localhost/", "--env", "DB={db}", "--add",
                    "db=:0=:3306,mysql", "--faults", "quick", "--fault-time", "2.5s", "--stay", "--seed", "7",
                    "--", "./shop", "--port", "5000"]
    assert _words({"probe": ("a", "b"), "only": None}) == ["--probe", "a", "--probe", "b"]


def test_codes(program, capsys):
    for code in (0, 1, 3):
        program(code, reports.usual(), "said")
        assert vaurien.audit("x", echo=True).log == "said\n"
    assert capsys.readouterr().out == "said\n" * 3
    program(2, None, "vaurien audit: --faults: expected ...")
    with pytest.raises(ValueError, match="^vaurien audit: --faults: expected ...$"):
        vaurien.audit("x")
    program(4, reports.usual(), "stock: error 500")
    with pytest.raises(vaurien.AuditError, match="exit code 4\nstock: error 500") as error:
        vaurien.audit("x")
    assert error.value.report == Report(reports.usual())
    assert pickle.loads(pickle.dumps(error.value)).exit_code == 4
    program(0, None, "crashed")
    with pytest.raises(vaurien.AuditError, match="crashed"):
        vaurien.audit("x")


def test_an_earlier_report_is_no_report(program, tmp_path):
    path = tmp_path / "old.json"
    Report(reports.usual()).save(path)
    program(1, None)
    with pytest.raises(vaurien.AuditError):
        vaurien.audit("x", json=path)


def test_interrupted(program):
    """Who interrupts the tests interrupts the audit, and that takes its faults back first."""
    program(0, None, waits=True)
    code = "import vaurien\nvaurien.audit('x')"
    child = subprocess.Popen([sys.executable, "-c", code], env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)),
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
                             preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))   # a shell may have it ignored
    end = time.monotonic() + patience(20)
    while not os.path.exists(program.plan + ".waits") and time.monotonic() < end:
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    assert child.wait(patience(20)) != 0
    while not os.path.exists(program.plan + ".off") and time.monotonic() < end:
        time.sleep(0.02)
    assert os.path.exists(program.plan + ".off")
