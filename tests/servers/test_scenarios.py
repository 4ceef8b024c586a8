"""vaurien scenario: the three of examples/audit/scenarios.ini, shortened, on a shop with a real MariaDB and a real Redis."""
import json
import os
import re
import subprocess
import threading

import pytest

from conftest import mariadb                  # noqa: F401: a fixture
from harness import ROOT, RUNTIME_ERROR, VAURIEN, free_port, need_module, patience
from server_redis import server                        # noqa: F401: a fixture

need_module("pymysql")
need_module("redis")

# /        asks nothing
# /stock   asks Redis, and MariaDB if it is not there
# /order   writes to MariaDB
# A connection for each page, with time-outs of half a second, and a second try.
SHOP = '''
import http.server, os, socketserver, sys
import pymysql, redis

def database(statement):
    for attempt in 1, 2:
        try:
            connection = pymysql.connect(host=os.environ["DB_HOST"], port=int(os.environ["DB_PORT"]), user="app", password="secret",
                                         database="app", autocommit=True, connect_timeout=1, read_timeout=0.5)
            try:
                with connection.cursor() as cursor:
                    cursor.execute(statement)
                    return b"%r" % (cursor.fetchone(),)
            finally:
                connection.close()
        except pymysql.err.Error:
            if attempt == 2:
                raise

def stock():
    try:
        with redis.Redis(host=os.environ["CACHE_HOST"], port=int(os.environ["CACHE_PORT"]), socket_timeout=0.5,
                         socket_connect_timeout=0.5) as cache:
            found = cache.get("tea")
            if not found:
                found = database("SELECT COUNT(*) FROM orders")
                cache.set("tea", found)
            return found
    except redis.RedisError:
        return database("SELECT COUNT(*) FROM orders")

PAGES = {"/": lambda: b"hello", "/stock": stock, "/order": lambda: database("INSERT INTO orders VALUES (1)")}

class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            status, body = 200, PAGES[self.path]()
        except Exception as error:
            status, body = 500, repr(error).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads, request_queue_size = True, 50

Server(("127.0.0.1", int(sys.argv[1])), Page).serve_forever()
'''

# The outage that redis-restarts uses, a shorter one of the same name.
RESTART = """
[scenario:restart]
[phase:stops]
rule = error failure=shutting_down | close
for = 300ms
[phase:refuses]
rule = refuse
for = 700ms
"""


def shortened():
    """The examples with phases of a third, and with fewer requests."""
    with open(os.path.join(ROOT, "examples", "audit", "scenarios.ini")) as text:
        text = re.sub(r"^for = (\d+)s$", lambda found: "for = %dms" % (int(found.group(1)) * 300), text.read(), flags=re.M)
    return text.replace("> 200", "> 3").replace("< 100 for 2s", "< 2 for 2s").replace("for 5s", "for 1s").replace("for 3s", "for 1s") + RESTART


@pytest.fixture(scope="module")
def done(tmp_path_factory, mariadb, server):           # noqa: F811
    """The reports and exit codes of all three, which run at once: {name: (code, report, what was said)}"""
    import pymysql
    folder, results = tmp_path_factory.mktemp("scenarios"), {}
    (folder / "shop.py").write_text(SHOP)
    (folder / "scenarios.ini").write_text(shortened())
    with pymysql.connect(host="127.0.0.1", port=mariadb.port, user="app", password="secret", database="app") as connection:
        connection.cursor().execute("CREATE TABLE IF NOT EXISTS orders (n INT)")

    def one(name):
        port, out = free_port(), folder / (name + ".json")
        words = [VAURIEN, "scenario", str(folder / "scenarios.ini"), name, "--json", str(out),
                 "--add", "db=127.0.0.1:0=%s,mysql" % mariadb.address, "--add", "cache=127.0.0.1:0=%s,redis" % server.address,
                 "--env", "DB_HOST={db.host}", "--env", "DB_PORT={db.port}", "--env", "CACHE_HOST={cache.host}",
                 "--env", "CACHE_PORT={cache.port}", "--probe-every", "200ms", "--baseline", "1s", "--aftermath", "300ms",
                 "--recover-within", "15s", "--give-up", "15s"]
        for page, path in ("front", ""), ("stock", "stock"), ("order", "order"):
            words += ["--probe", "%s=http://127.0.0.1:%d/%s within=3s timeout=4s" % (page, port, path)]
        words += ["--", "/usr/bin/python3", str(folder / "shop.py"), str(port)]
        ran = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                             timeout=patience(100), universal_newlines=True)
        assert not RUNTIME_ERROR.search(ran.stderr), ran.stderr
        results[name] = (ran.returncode, json.loads(out.read_text()) if out.exists() else None, ran.stdout + ran.stderr)

    threads = [threading.Thread(target=one, args=(name,)) for name in ("primary-failover", "redis-restarts", "feedback")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def experiment(done, name):         # noqa: F811
    code, report, said = done[name]
    assert report and len(report["experiments"]) == 1, said
    assert report["ended"]["how"] == "complete", said
    one = report["experiments"][0]
    return one, {phase["name"]: phase for phase in one["phases"]}, said


def kept(phases):
    """{the text of each expectation: whether it held}"""
    return {each["text"]: each["held"] for phase in phases.values() for each in phase["expectations"]}


def test_primary_failover(done):
    one, phases, said = experiment(done, "primary-failover")
    assert done["primary-failover"][0] == 0, said
    assert (one["proxy"], one["verdict"]) == ("db", "degraded"), said
    assert list(phases) == ["killed", "nobody", "promoted", "well"]
    assert [phase["fault"] for phase in phases.values()] == [True, True, True, False]
    assert kept(phases) == dict.fromkeys(["always probe.front = ok", "ever probe.order = error within 3s",
                                          "always probe.stock <= slow within 4s", "finally probes = ok", "connections <= 20"], True)
    assert abs(phases["promoted"]["ended"] - one["t_off"]) < 0.5, "the last fault, not the last phase"
    assert phases["nobody"]["ended"] - phases["nobody"]["begun"] >= 1.19


def test_redis_restarts(done):
    one, phases, said = experiment(done, "redis-restarts")
    assert done["redis-restarts"][0] == 0, said
    assert one["proxy"] == "cache"
    assert list(phases) == ["twice", "twice.1.stops", "twice.1.refuses", "twice.2.stops", "twice.2.refuses", "loading", "empty"]
    assert phases["loading"]["rules"] == ["error failure=starting_up"] and phases["loading"]["does"] == ["reset"]
    assert phases["loading"]["begun"] - phases["twice"]["ended"] >= 0.9, "all well for a second"
    assert phases["empty"]["ended"] - phases["empty"]["begun"] < 17.5, "its condition ended it"
    assert all(kept(phases).values()) and len(kept(phases)) == 3, said


def test_feedback(done):
    one, phases, said = experiment(done, "feedback")
    assert done["feedback"][0] in (0, 1), said          # a sample may have waited for its time-outs
    assert list(phases) == ["trigger", "overload", "well"]
    assert phases["overload"]["begun"] < phases["trigger"]["ended"], "meanwhile"
    assert len(phases["overload"]["rules"]) == 2
    assert kept(phases) == dict.fromkeys(["retries <= 3", "ever probes = ok within 20s", "finally exchanges.rate < 60"], True), said
