"""The Python package, from the source tree, with the programs that `make` left."""
import os
import subprocess
import sys

import pytest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PACKAGE = os.path.join(os.path.dirname(TESTS), "clients", "python")
sys.path[:0] = [TESTS, PACKAGE]
pytest.register_assert_rewrite("harness")
from harness import VAURIEN, backend, backends, patience, run       # noqa: E402,F401: fixtures
from harness import pytest_terminal_summary                      # noqa: E402,F401: a hook

os.environ["VAURIEN_BIN"] = VAURIEN


def bare_environment(**words):
    """Ours without what points at this source tree, or at the make that runs this."""
    gone = {"PYTHONPATH", "VAURIEN_BIN", "VAURIENCTL_BIN", "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "SAN", "GO_ON", "COUNTS"}
    return dict({name: value for name, value in os.environ.items() if name not in gone and not name.startswith("PYTEST_")},
                PYTHONDONTWRITEBYTECODE="1", **words)


def call(*words, cwd, **more):
    """All that a command says; it must succeed."""
    done = subprocess.run([str(word) for word in words], cwd=str(cwd), env=bare_environment(PIP_ROOT_USER_ACTION="ignore", **more),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, universal_newlines=True)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture
def tests_in(tmp_path):
    """tests_in(text, *words): pytest's run of a test file of its own, with the plugin; all that it said."""
    def run_it(text, *words, rc=0):
        (tmp_path / "test_it.py").write_text(text)
        done = subprocess.run(
            ["/usr/bin/python3", "-m", "pytest", "-p", "vaurien.pytest_plugin", "-p", "no:cacheprovider", *words, "test_it.py"],
            cwd=str(tmp_path), env=bare_environment(PYTHONPATH=PACKAGE, VAURIEN_BIN=VAURIEN), timeout=patience(60),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, universal_newlines=True)
        assert done.returncode == rc, done.stdout
        return done.stdout
    return run_it
