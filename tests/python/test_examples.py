"""examples/: the suite there runs, with the plugin and a real MariaDB, its tests side by side."""
import subprocess

from conftest import PACKAGE, bare_environment
from harness import ROOT, VAURIEN, need_module, patience

from servers.conftest import mariadb        # noqa: F401: a fixture

need_module("flask")


def test_orders(mariadb):                       # noqa: F811
    done = subprocess.run(
        ["/usr/bin/python3", "-m", "pytest", "-p", "vaurien.pytest_plugin", "-p", "no:cacheprovider", "-q", "-n", "2", "examples/orders"],
        cwd=ROOT, env=bare_environment(PYTHONPATH=PACKAGE, VAURIEN_BIN=VAURIEN, ORDERS_DATABASE="app:secret@%s/app" % mariadb.address),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, universal_newlines=True, timeout=patience(120))
    assert done.returncode == 0 and "10 passed" in done.stdout, done.stdout
