"""What the proxy counts is what the server counts: each statement, command and request is one exchange, no more, no less."""
import collections
import re


from conftest import ask, connect                       # noqa: F401: a fixture
from harness import dial, need_module, patience, until
from server_http import nginx                               # noqa: F401
from server_postgres import Postgres, psycopg2
from server_redis import server                             # noqa: F401

redis = need_module("redis")
psycopg = need_module("psycopg")
requests = need_module("requests")


def counters(**matches):
    """Rules that do nothing but count what they match."""
    words = []
    for name, match in matches.items():
        words += ["--rule", 'delay sleep=0 name=%s match="%s"' % (name, match)]
    return words


def seen(proxy):
    return {rule["name"]: rule["seen"] for rule in proxy.api("GET", "/rules")[1]["rules"]}


def test_mysql(start, mariadb, connect):                    # noqa: F811
    direct = connect(mariadb)
    ask(direct, "CREATE TABLE IF NOT EXISTS tallied (n INT)")
    proxy = start("--protocol", "mysql", "--bufsize", 100, *counters(
        questions="^(QUERY|EXECUTE|PREPARE|INIT_DB)", select="^QUERY SELECT", insert="^QUERY INSERT", update="^QUERY UPDATE",
        commit="^QUERY COMMIT", ping="^PING"), backend=mariadb)

    def status():
        names = "'Questions','Com_select','Com_insert','Com_update','Com_commit','Com_admin_commands'"
        return collections.Counter({name: int(value) for name, value in
                                    ask(direct, "SHOW GLOBAL STATUS WHERE Variable_name IN (%s)" % names)})
    before = status()
    application = connect(proxy, autocommit=False)
    for n in range(40):
        ask(application, "INSERT INTO tallied VALUES (%s)", n)
        ask(application, "UPDATE tallied SET n = n + 1 WHERE n = %s", n)
        ask(application, "SELECT REPEAT('x', %s)", n * 1000)
        if n % 8 == 0:
            application.commit()
            application.ping()
    application.select_db("app")
    after, mine = status(), seen(proxy)
    after.subtract(before)
    assert after["Questions"] - 1 == mine["questions"]      # the second status is a question too
    assert [after["Com_" + name] for name in ("select", "insert", "update", "commit")] == [
        mine[name] for name in ("select", "insert", "update", "commit")] == [40, 40, 40, 5]
    assert mine["ping"] == 5


def test_postgres(start):
    server = Postgres("-c", "log_statement=all").start()
    try:
        proxy = start("--protocol", "postgres", "--bufsize", 100, *counters(query="^QUERY", execute="^EXECUTE"), backend=server)
        words = dict(host="127.0.0.1", port=proxy.port, user="app", password="secret", dbname="app")
        logged = len(open(server.log).read())
        with psycopg2.connect(**words) as old, old.cursor() as cursor:
            cursor.execute("CREATE TABLE tallied (n int)")
            for n in range(30):
                cursor.execute("INSERT INTO tallied VALUES (%s)", (n,))
                cursor.execute("SELECT repeat('x', %s)", (n * 1000,))
        old.close()
        with psycopg.connect(**words, connect_timeout=patience()) as new:
            for n in range(30):
                new.execute("SELECT count(*) FROM tallied WHERE n < %s", (n,), prepare=n > 10)
            with new.pipeline():
                for n in range(20):
                    new.execute("INSERT INTO tallied VALUES (%s)", (n,))
        said = open(server.log, errors="replace").read()[logged:]
        found = (len(re.findall(r"LOG:  statement: ", said)), len(re.findall(r"LOG:  execute ", said)))
        assert found == (seen(proxy)["query"], seen(proxy)["execute"])
        assert found[0] > 60 and found[1] >= 50
    finally:
        server.destroy()


def test_redis(start, server):                              # noqa: F811
    proxy = start("--protocol", "redis", "--bufsize", 100,
                  *counters(all=".", set="^SET ", get="^GET ", incr="^INCR", mget="^MGET ", exec="^EXEC"), backend=server)
    direct = redis.Redis(port=server.port)
    direct.config_resetstat()
    application = redis.Redis(port=proxy.port, single_connection_client=True)
    for n in range(50):
        application.set("k%d" % n, "x" * n * 100)
        application.get("k%d" % n)
    with application.pipeline(transaction=True) as pipeline:
        for n in range(200):
            pipeline.incr("n")
        pipeline.execute()
    with application.pipeline(transaction=False) as pipeline:
        for n in range(200):
            pipeline.mget("k1", "k2")
        pipeline.execute()
    stats, mine = direct.info("commandstats"), seen(proxy)
    for name in ("set", "get", "exec", "mget"):
        assert stats["cmdstat_" + name]["calls"] == mine[name], name
    assert stats["cmdstat_incrby"]["calls"] + stats.get("cmdstat_incr", {"calls": 0})["calls"] == mine["incr"] == 200
    total = sum(row["calls"] for name, row in stats.items() if name not in ("cmdstat_info", "cmdstat_config|resetstat"))
    assert total == mine["all"]
    application.connection_pool.disconnect()
    direct.close()


def test_http(start, nginx):                                # noqa: F811
    proxy = start("--protocol", "http", "--bufsize", 100, *counters(all=".", get="^GET ", put="^PUT ", head="^HEAD "), backend=nginx)
    before = len(nginx.requests())
    with requests.Session() as session:
        for n in range(20):
            for method in ("GET", "HEAD"):
                session.request(method, "http://127.0.0.1:%d/small.txt" % proxy.port).raise_for_status()
            session.put("http://127.0.0.1:%d/tallied.txt" % proxy.port, data=b"x" * n * 1000).raise_for_status()
    with dial(proxy.port) as client:
        client.send(b"GET /small.txt HTTP/1.1\r\nHost: x\r\n\r\n" * 50 + b"GET /small.txt HTTP/1.0\r\n\r\n")
        client.rest()
    until(lambda: len(nginx.requests()) - before >= 111, what="nginx to log the last one")
    logged = collections.Counter(line.split(" ")[0] for line in nginx.requests()[before:])
    assert logged == {"GET": 71, "HEAD": 20, "PUT": 20}
    assert seen(proxy) == {"all": 111, "get": 71, "head": 20, "put": 20}
