"""pytest -p tests.again: what failed beside others runs again, alone.

Foreign servers and the clock have a part in these tests, and a loaded machine may do anything. So up to MOST failed
tests run a second time, one by one. If all pass then, they are "unsteady": not passed, not failed, named at the end.
An unsteady test is a fault to mend, but it does not hold up all else. What a sanitizer or an assertion of
the program reports, and its end by a signal, is a failure at once."""
import os
import re
import subprocess
import sys
import textwrap

import pytest

MOST = 3
OURS = re.compile(r"Sanitizer|runtime error:|Assertion `|\brc -\d")
KINDS = ("failed", "error")
WORDS = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.bytecode"]


def excusable(report):
    said = [getattr(report, "longreprtext", "")] + [text for _, text in report.sections]
    return getattr(report, "when", None) and not OURS.search("\n".join(said))


def passes_alone(config, node):
    done = subprocess.run([*WORDS, node], cwd=str(config.rootpath), env={**os.environ, "AGAIN": "no"},
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    passed = done.returncode == 0
    print("again, alone: %s %s" % ("passed" if passed else "failed", node))
    if not passed:
        print(textwrap.indent(done.stdout, "    "))         # tests/summary does not count it
    return passed


def are_unsteady(config, reports):
    nodes = dict.fromkeys(report.nodeid for report in reports)
    return 0 < len(nodes) <= MOST and all(map(excusable, reports)) and all([passes_alone(config, node) for node in nodes])


@pytest.hookimpl(hookwrapper=True)
def pytest_terminal_summary(terminalreporter, config):
    yield
    stats = terminalreporter.stats
    reports = [report for kind in KINDS for report in stats.get(kind, [])]
    config.unsteady = os.environ.get("AGAIN") != "no" and are_unsteady(config, reports)
    if config.unsteady:
        stats["unsteady"] = list({report.nodeid: report for report in reports}.values())
        for kind in KINDS:
            stats.pop(kind, None)


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_sessionfinish(session):
    yield
    if getattr(session.config, "unsteady", False) and session.exitstatus == pytest.ExitCode.TESTS_FAILED:
        session.exitstatus = pytest.ExitCode.OK
