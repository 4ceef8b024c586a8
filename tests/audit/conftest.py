"""Tests of the audit's reports: fixtures that write a report in a format."""
import json
import os
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
WRITERS = os.environ.get("WRITERS_BIN", os.path.join(ROOT, "build", "plain", "tests", "audit", "writers"))


@pytest.fixture
def write(tmp_path):
    """write(format, report): the bytes that the writer made of it."""
    def run(form, report, **environment):
        path = tmp_path / "report.json"
        path.write_text(json.dumps(report))
        clean = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
        done = subprocess.run([WRITERS, form, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120,
                              env=dict(clean, **environment))
        assert done.returncode == 0 and done.stderr == b"", done.stderr.decode(errors="replace")
        return done.stdout
    return run


@pytest.fixture(scope="session")
def schema():
    with open(os.path.join(ROOT, "docs", "audit-report.schema.json"), encoding="utf-8") as file:
        return json.load(file)
