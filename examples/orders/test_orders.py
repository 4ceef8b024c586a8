"""What becomes of an order when the database misbehaves. Each test is run with the shop as it was written at first, where
it shows the bug, and with the repaired one.

    pip install vaurien pytest flask sqlalchemy pymysql
    ORDERS_DATABASE=user:password@127.0.0.1:3306/database pytest examples/orders
"""
import os
import threading
import time
import uuid

import pytest
import sqlalchemy
from app import PATIENCE, TABLES, create_app

DATABASE = os.environ.get("ORDERS_DATABASE", "app:secret@127.0.0.1:3306/app")
ACCOUNT, _, REST = DATABASE.partition("@")
SERVER, _, SCHEMA = REST.partition("/")


@pytest.fixture(scope="session")
def proxy(vaurien_session_proxy):
    """Between the shop and its database, as long as the shop's pool lives."""
    return vaurien_session_proxy(SERVER, protocol="mysql")


@pytest.fixture(scope="session")
def direct():
    """The database itself, to look behind the shop's back."""
    engine = sqlalchemy.create_engine("mysql+pymysql://" + DATABASE)
    with engine.begin() as connection:
        for table in TABLES:
            connection.execute(sqlalchemy.text(table))
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def shops(proxy, direct):
    url = "mysql+pymysql://%s@%s/%s" % (ACCOUNT, proxy.address, SCHEMA)
    shops = {kind: create_app(url, repaired=kind == "repaired") for kind in ("naive", "repaired")}
    yield shops
    for shop in shops.values():
        shop.engine.dispose()


@pytest.fixture
def item(direct):
    """Something of which there are ten in stock."""
    name = str(uuid.uuid4())
    with direct.begin() as connection:
        connection.execute(sqlalchemy.text("INSERT INTO stock VALUES (:item, 10)"), {"item": name})
    return name


@pytest.fixture(params=["naive", "repaired"])
def shop(request, shops, item):
    """A customer of one of the two shops, whose pool has a connection that was used before."""
    customer = shops[request.param].test_client()
    customer.kind = request.param
    customer.get("/stock/" + item)              # may still pay for what an earlier test did to its pool
    assert customer.get("/stock/" + item).json == {"pieces": 10}
    return customer


def kept(direct, item):
    """(pieces in stock, orders)"""
    with direct.begin() as connection:
        count = [connection.execute(sqlalchemy.text(query), {"item": item}).scalar() for query in
                 ("SELECT pieces FROM stock WHERE item = :item", "SELECT COUNT(*) FROM orders WHERE item = :item")]
    return tuple(count)


def test_all_is_well(shop, item, direct):
    assert shop.post("/orders/" + item).status_code == 201
    assert kept(direct, item) == (9, 1)


def test_the_database_hangs(shop, item, proxy, direct):
    """No time-out: the request waits as long as the database does not answer."""
    answers = []
    customer = threading.Thread(target=lambda: answers.append(shop.post("/orders/" + item)), daemon=True)
    with proxy.behavior("hang") as fault:
        begin = time.monotonic()
        customer.start()
        if shop.kind == "naive":
            customer.join(3 * PATIENCE)
            assert customer.is_alive()          # and so it would for ever
        else:
            customer.join(60)
            assert answers[0].status_code == 503 and answers[0].headers["Retry-After"]
            assert time.monotonic() - begin >= PATIENCE
        assert fault.hits
    customer.join(60)
    assert answers[0].status_code == (201 if shop.kind == "naive" else 503)
    assert shop.post("/orders/" + item).status_code == 201      # a hung database does no lasting harm


def test_the_database_was_restarted(shop, item, proxy, direct):
    """No reconnect: the pool's connection has died, and the next customer pays for it."""
    with proxy.behavior("blackout"):
        pass
    assert shop.get("/stock/" + item).status_code == (500 if shop.kind == "naive" else 200)
    assert shop.get("/stock/" + item).status_code == 200


def test_a_deadlock(shop, item, proxy, direct):
    """No retry: the server gives a transaction up, and asks for it to be tried again."""
    with proxy.behavior("error", failure="deadlock", match="^QUERY UPDATE", times=1) as fault:
        status = shop.post("/orders/" + item).status_code
    assert fault.hits == 1
    if shop.kind == "naive":
        assert status == 500 and kept(direct, item) == (10, 0)
    else:
        assert status == 201 and kept(direct, item) == (9, 1)   # once, not twice


def test_a_deadlock_that_does_not_end(shop, item, proxy, direct):
    """A retry has an end."""
    with proxy.behavior("error", failure="deadlock", match="^QUERY UPDATE") as fault:
        status = shop.post("/orders/" + item).status_code
    assert (status, fault.hits) == ((500, 1) if shop.kind == "naive" else (503, 3))
    assert kept(direct, item) == (10, 0)
