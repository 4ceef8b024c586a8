"""A test suite that fails when a page of the shop hangs, or does not come back. It starts a MariaDB and a Redis of its own.

    pip install . pytest flask sqlalchemy pymysql redis
    pytest examples/audit                       the repaired shop: all is well
    SHOP=naive pytest examples/audit            the first version: what is to be mended is in the failures
"""
import os
import sys

import pytest
import vaurien

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from servers import servers                     # noqa: E402

SHOP = os.environ.get("SHOP", "repaired")
PAGES = ("front", "stock", "order")


@pytest.fixture(scope="session")
def report():
    """One audit for all tests: the database restarts, and then it hangs. Times are short, so that it takes 30 s."""
    with servers() as environment:
        return vaurien.audit(
            os.path.join(HERE, "shop.ini"), command=[sys.executable, os.path.join(HERE, SHOP + ".py"), environment["SHOP_PORT"]],
            environ=dict(os.environ, **environment), faults="restart,hang", only="db", baseline="3s", hang_time="5s",
            probe_timeout="3s", probe_every="250ms", aftermath="1s")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_answers_while_the_database_hangs(report, page):
    """Be it with an error: who waits for an answer can at least be told."""
    cell = report.cell(page, "hang")
    assert not cell.has("hangs") and not cell.has("collateral"), cell.findings


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_back_after_a_restart(report, page):
    assert report.cell(page, "restart").recover < 5


def test_the_front_page_needs_no_database(report):
    for outage in ("restart", "hang"):
        assert report.cell("front", outage).verdict == "pass"


def test_requests_have_a_time_out(report):
    timeout = report.experiment("hang").request_timeout
    assert timeout is not None and timeout < 3
