"""The scenarios' fixtures: all of them are in tests/harness.py, which says how a scenario is told."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
pytest.register_assert_rewrite("harness")
from harness import *               # noqa: the names that tests import from here or there
from harness import backend, backends, bufsize, run, start, vaurien     # noqa: fixtures


def pytest_configure(config):
    config.addinivalue_line("markers", "threads: also run with the program built for -fsanitize=thread")
