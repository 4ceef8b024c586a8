"""examples/: the suites there run, with the package, a real MariaDB and a Redis."""
import re
import subprocess

from conftest import PACKAGE, bare_environment
from harness import ROOT, VAURIEN, need_module, patience

from servers.conftest import mariadb        # noqa: F401: a fixture

need_module("flask")
need_module("redis")


def test_orders(mariadb):                       # noqa: F811
    done = subprocess.run(
        ["/usr/bin/python3", "-m", "pytest", "-p", "vaurien.pytest_plugin", "-p", "no:cacheprovider", "-q", "-n", "2", "examples/orders"],
        cwd=ROOT, env=bare_environment(PYTHONPATH=PACKAGE, VAURIEN_BIN=VAURIEN, ORDERS_DATABASE="app:secret@%s/app" % mariadb.address),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, universal_newlines=True, timeout=patience(120))
    assert done.returncode == 0 and "10 passed" in done.stdout, done.stdout


def test_audit():
    """The audit of the naive shop fails where a page hangs, and that of the repaired one does not. Both at once."""
    runs = {shop: subprocess.Popen(
        ["/usr/bin/python3", "-m", "pytest", "-p", "no:cacheprovider", "-q", "examples/audit"], cwd=ROOT,
        env=bare_environment(PYTHONPATH=PACKAGE, VAURIEN_BIN=VAURIEN, SHOP=shop),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, universal_newlines=True)
        for shop in ("naive", "repaired")}
    told = {shop: run.communicate(timeout=patience(180))[0] for shop, run in runs.items()}
    assert runs["repaired"].returncode == 0 and "8 passed" in told["repaired"], told["repaired"]
    assert runs["naive"].returncode == 1, told["naive"]
    failed = re.findall("^FAILED examples/audit/test_shop.py::([^ \n]+)", told["naive"], re.M)
    assert set(failed) >= {"test_a_page_answers_while_the_database_hangs[order]", "test_requests_have_a_time_out"}, told["naive"]
