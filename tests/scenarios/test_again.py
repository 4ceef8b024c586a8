"""How a run of tests judges what fails once: tests/again.py, and the counts of tests/summary."""
import os
import subprocess
import sys

import pytest

from harness import ROOT

FILE = """
import os
import pytest

def first(name):
    path = os.path.join(os.path.dirname(__file__), name)
    new = not os.path.exists(path)
    open(path, "w").close()
    return new

@pytest.fixture
def ends():
    yield
    assert not first("ends")

def test_passes():
    pass

def test_once():
    assert not first("once")

def test_ends_badly_once(ends):
    pass
"""
MORE = {
    "steadily": "\ndef test_more():\n    assert False\n",
    "by an assertion": "\ndef test_more():\n    assert not first('more'), 'Assertion `at->n` failed'\n",
    "by a sanitizer": "\ndef test_more():\n    assert not first('more'), 'ThreadSanitizer: data race'\n",
    "by a signal": "\ndef test_more():\n    assert not first('more'), 'rc -11'\n",
    "two more": "\n@pytest.mark.parametrize('n', 'ab')\ndef test_more(n):\n    assert not first(n)\n",
}


@pytest.fixture
def part(tmp_path):
    """part(text): (rc of this part of a check, its output, the sum of the check)."""
    def run(text):
        (tmp_path / "test_it.py").write_text(text)
        inside = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "GO_ON"))}
        options = dict(cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
                       env=dict(inside, COUNTS=str(tmp_path / "counts"), PYTHONPATH=ROOT))
        done = subprocess.run(["tests/summary", "it", sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
                               "-p", "tests.bytecode", "-p", "tests.again", "--rootdir", str(tmp_path), str(tmp_path)], **options)
        return done.returncode, done.stdout, subprocess.run(["tests/summary"], **options).stdout
    return run


def test_what_passes_alone_is_unsteady(part):
    rc, said, total = part(FILE)
    assert rc == 0, said
    assert total.splitlines() == ["unsteady in: it (a test failed, and passed when it ran again alone)",
                                  "2 passed, 0 failed, 2 unsteady"], said   # a teardown that fails comes after a pass
    assert said.count("again, alone: passed") == 2 and said.count("assert not True") == 2


@pytest.mark.parametrize("how", MORE)
def test_it_fails(part, how):
    rc, said, total = part(FILE + MORE[how])
    assert rc and "unsteady" not in total and total.startswith("failed in: it\n"), said
    assert ", %d failed" % (4 if how == "two more" else 3) in total, said
