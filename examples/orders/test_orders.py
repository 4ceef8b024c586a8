"""What happens to an order when the database misbehaves. Each test runs with the first version of the shop, where it
shows the fault, and with the repaired one.

    pip install . pytest flask sqlalchemy pymysql
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
    """The proxy between the shop and its database; it lasts as long as the shop's pool."""
    return vaurien_session_proxy(SERVER, protocol="mysql")


@pytest.fixture(scope="session")
def direct():
    """A direct connection to the database, to check what the shop did."""
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
    """The name of an item of which ten pieces are in stock."""
    name = str(uuid.uuid4())
    with direct.begin() as connection:
        connection.execute(sqlalchemy.text("INSERT INTO stock VALUES (:item, 10)"), {"item": name})
    return name


@pytest.fixture(params=["naive", "repaired"])
def shop(request, shops, item):
    """A client of one of the two shops, whose pool has an open connection."""
    customer = shops[request.param].test_client()
    customer.kind = request.param
    customer.get("/stock/" + item)              # may fail: an earlier test has broken the pool's connection
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
    """Without a time-out the request waits until the database answers."""
    answers = []
    customer = threading.Thread(target=lambda: answers.append(shop.post("/orders/" + item)), daemon=True)
    with proxy.behavior("hang") as fault:
        begin = time.monotonic()
        customer.start()
        if shop.kind == "naive":
            customer.join(3 * PATIENCE)
            assert customer.is_alive()          # it would wait for ever
        else:
            customer.join(60)
            assert answers[0].status_code == 503 and answers[0].headers["Retry-After"]
            assert time.monotonic() - begin >= PATIENCE
        assert fault.hits
    customer.join(60)
    assert answers[0].status_code == (201 if shop.kind == "naive" else 503)
    assert shop.post("/orders/" + item).status_code == 201      # the shop recovers


def test_the_database_was_restarted(shop, item, proxy, direct):
    """Without a reconnect the next request gets the dead connection of the pool."""
    with proxy.behavior("blackout"):
        pass
    assert shop.get("/stock/" + item).status_code == (500 if shop.kind == "naive" else 200)
    assert shop.get("/stock/" + item).status_code == 200


def test_a_deadlock(shop, item, proxy, direct):
    """Without a retry the order is lost, though the server asks to repeat the transaction."""
    with proxy.behavior("error", failure="deadlock", match="^QUERY UPDATE", times=1) as fault:
        status = shop.post("/orders/" + item).status_code
    assert fault.hits == 1
    if shop.kind == "naive":
        assert status == 500 and kept(direct, item) == (10, 0)
    else:
        assert status == 201 and kept(direct, item) == (9, 1)   # once, not twice


def test_a_deadlock_that_does_not_end(shop, item, proxy, direct):
    """Retries end."""
    with proxy.behavior("error", failure="deadlock", match="^QUERY UPDATE") as fault:
        status = shop.post("/orders/" + item).status_code
    assert (status, fault.hits) == ((500, 1) if shop.kind == "naive" else (503, 3))
    assert kept(direct, item) == (10, 0)
