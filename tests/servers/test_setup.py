"""`error` and its kin without a name: clients connect and set their sessions up, and the first real statement fails.

Real drivers and pools: what they send at connect is what the servers' protocols must take for set-up.
"""
import asyncio

import pytest

from conftest import ask, connect                           # noqa: F401: a fixture
from harness import need_module
from server_postgres import postgres                        # noqa: F401
from server_redis import server as redis_server             # noqa: F401

sqlalchemy = need_module("sqlalchemy")
pymysql = need_module("pymysql")

MANY = 100


def engine_of(proxy, kind):
    url = {"mysql": "mysql+pymysql", "postgres": "postgresql+psycopg2"}[kind]
    return sqlalchemy.create_engine("%s://app:secret@127.0.0.1:%d/app" % (url, proxy.port), pool_size=MANY, max_overflow=0)


@pytest.fixture
def proxy_of(start, request):
    """proxy_of(kind): a proxy before the real server."""
    def make(kind, *words):
        server = request.getfixturevalue({"mysql": "mariadb", "postgres": "postgres"}[kind])
        return start("--protocol", kind, *words, backend=server)
    return make


@pytest.mark.parametrize("behavior", ["error", "transient"])
@pytest.mark.parametrize("kind", ["mysql", "postgres"])
def test_a_pool_connects_and_its_first_statement_fails(proxy_of, kind, behavior):
    proxy = proxy_of(kind)
    proxy.set(behavior, **({"agitate": 10 * MANY} if behavior == "transient" else {}))
    engine = engine_of(proxy, kind)
    connections = [engine.connect() for _ in range(MANY)]
    codes = set()
    for connection in connections:
        with pytest.raises(sqlalchemy.exc.DBAPIError) as caught:
            connection.execute(sqlalchemy.text("SELECT 1"))
        error = caught.value.orig
        codes.add(error.args[0] if kind == "mysql" else error.pgcode)
        connection.invalidate()
    rule = proxy.api("GET", "/rules")[1]["rules"][0]
    assert rule["hits"] >= MANY                             # and more: the pool's ROLLBACKs
    assert not codes & {9001, 1047, 1792, "08P01"}          # no pooler, no cluster
    engine.dispose()


def test_no_pooler_and_no_cluster(start, mariadb, connect):         # noqa: F811
    """Whatever the statement: what is drawn is what this server can say."""
    proxy = start("--protocol", "mysql", backend=mariadb)
    proxy.set("error")
    codes = set()
    connection = connect(proxy)
    for statement in ("SELECT 1", "INSERT INTO nowhere VALUES (1)", "COMMIT", "BEGIN", "CREATE TABLE nowhere (n INT)", "SHOW TABLES"):
        for _ in range(60):
            try:
                ask(connection, statement)
            except pymysql.err.MySQLError as error:
                codes.add(error.args[0])
    assert codes and not codes & {9001, 1047, 1792}
    drawn = {failure["name"] for failure in proxy.api("GET", "/failures")[1]["failures"] if failure["drawn"]}
    assert not [name for name in drawn if "pooler" in name and name != "pooler_timeout"]
    for protocol in ("mysql", "postgres", "redis", "smtp"):
        named = {failure["name"]: failure["drawn"] for failure in proxy.api("GET", "/failures")[1]["failures"]
                 if failure["protocol"] == protocol}
        assert not named["pooler_timeout"], protocol


@pytest.mark.parametrize("options", [{"failure": "out_of_memory"}, {"match": "^QUERY SET"}])
def test_a_name_or_a_match_strikes_set_up(start, mariadb, connect, options):        # noqa: F811
    proxy = start("--protocol", "mysql", backend=mariadb)
    proxy.set("error", **options)
    with pytest.raises(pymysql.err.MySQLError):
        connect(proxy, autocommit=False)


def test_lost_reply_lets_a_pool_connect(proxy_of):
    proxy = proxy_of("mysql")
    proxy.set("lost_reply")
    engine = engine_of(proxy, "mysql")
    with engine.connect() as connection:
        with pytest.raises(sqlalchemy.exc.DBAPIError):
            connection.execute(sqlalchemy.text("SELECT 1"))
    engine.dispose()


def test_set_up_later_in_a_session_is_still_set_up(start, mariadb, connect):        # noqa: F811
    """A pool resets its sessions; but BEGIN and COMMIT are work once there was some."""
    proxy = start("--protocol", "mysql", backend=mariadb)
    connection = connect(proxy)
    ask(connection, "BEGIN")
    ask(connection, "SELECT 1")
    proxy.set("error")
    ask(connection, "SET NAMES utf8mb4")
    ask(connection, "SELECT @@autocommit")
    with pytest.raises(pymysql.err.MySQLError):
        ask(connection, "COMMIT")
    rule = proxy.api("GET", "/rules")[1]["rules"][0]
    assert (rule["seen"], rule["hits"]) == (1, 1)


def test_asyncpg(proxy_of):
    asyncpg = need_module("asyncpg")
    proxy = proxy_of("postgres")
    proxy.set("error")

    async def story():
        connection = await asyncpg.connect(host="127.0.0.1", port=proxy.port, user="app", password="secret", database="app")
        with pytest.raises(asyncpg.PostgresError):
            await connection.fetch("SELECT 1")
        await connection.reset()
        connection.terminate()
    asyncio.run(story())


def test_psycopg(proxy_of):
    psycopg = need_module("psycopg")
    proxy = proxy_of("postgres")
    proxy.set("error")
    with psycopg.connect(host="127.0.0.1", port=proxy.port, user="app", password="secret", dbname="app") as connection:
        with pytest.raises(psycopg.Error):
            connection.execute("SELECT 1")
        connection.rollback()


def test_redis(start, redis_server):                        # noqa: F811
    redis = need_module("redis")
    proxy = start("--protocol", "redis", backend=redis_server)
    proxy.set("error")
    for _ in range(MANY):
        client = redis.Redis(port=proxy.port, db=1, client_name="app")
        with pytest.raises(redis.RedisError) as caught:
            client.get("a")
        assert not [word for word in ("CLUSTERDOWN", "MASTERDOWN", "NOAUTH", "timed out") if word in str(caught.value)]
        client.close()
    assert proxy.api("GET", "/rules")[1]["rules"][0]["hits"] == MANY
