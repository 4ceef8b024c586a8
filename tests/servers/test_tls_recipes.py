"""docs/tls.md: how each client trusts the CA. The commands are read from the page, and run as they are but for ports and accounts."""
import os
import re
import subprocess

import pytest

from conftest import ACCOUNT, CTL, need
from harness import ROOT, SAN, left_out, need_module, patience
from server_postgres import postgres                      # noqa: F401: a fixture
from server_redis import server as redis_server          # noqa: F401: a fixture
from test_tls_faults import ANSWER, SOURCES, behind_tls, go, java, node, serve          # noqa: F401: fixtures

pytestmark = pytest.mark.skipif(bool(SAN), reason="clients see the same of a build with sanitizers")
GOOD = "SELECT 41 + 1"


def recipes():
    with open(os.path.join(ROOT, "docs", "tls.md")) as page:
        table = re.search(r"^\| client \| how it trusts the CA \|\n\|---.*\n((?:\|.*\n)+)", page.read(), re.M).group(1)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return {name: re.findall("`([^`]+)`", cell) for name, cell in rows}


RECIPES = recipes()
DONE = set()


@pytest.fixture
def at_home(behind_tls, tmp_path):      # noqa: F811
    """at_home(protocol, backend): a proxy, and in this test's folder ca.pem, as `vaurienctl ca >ca.pem` writes it."""
    def make(protocol, backend):
        proxy = behind_tls(protocol, backend, tls="require")
        done = subprocess.run([CTL, "--http-host", "127.0.0.1", "--http-port", str(proxy.http), "ca"], stdout=subprocess.PIPE, check=True)
        (tmp_path / "ca.pem").write_bytes(done.stdout)
        proxy.folder = str(tmp_path)
        return proxy
    return make


def recipe(name, index=0):
    DONE.add(name)
    return RECIPES[name][index]


def run(proxy, command, port, more="", **env):
    """The shell's output for a recipe, with the proxy's port in place of the page's."""
    command = command.replace(port, str(proxy.port)) + more
    done = subprocess.run(command, shell=True, cwd=proxy.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
                          timeout=patience(), env=dict(os.environ, **env))
    assert done.returncode == 0, "%s: %s" % (command, done.stdout)
    return done.stdout


def python(proxy, lines, **env):
    script = os.path.join(proxy.folder, "script.py")
    with open(script, "w") as text:
        text.write(lines)
    return run(proxy, "/usr/bin/python3 script.py", "no port", **env)


def test_psql(at_home, postgres):       # noqa: F811
    proxy = at_home("postgres", postgres)
    need("psql")
    # channel binding needs the server's own certificate
    assert "42" in run(proxy, recipe("psql, libpq, psycopg"), "5433", " -tc '%s'" % GOOD, PGUSER="app", PGPASSWORD="secret", PGDATABASE="postgres",
                       PGCHANNELBINDING="disable")


def test_mysql(at_home, mariadb):
    proxy = at_home("mysql", mariadb)
    need("mariadb")
    assert "42" in run(proxy, recipe("mysql, mariadb"), "3307", " -uapp -psecret -e '%s'" % GOOD)
    need_module("pymysql")
    call = recipe("PyMySQL").replace("3307", str(proxy.port))
    assert "42" in python(proxy, "import pymysql\nfrom functools import partial\nreal = pymysql.connect\n"
                          "pymysql.connect = partial(real, user=%r, password=%r)\nwith %s as one:\n    cursor = one.cursor()\n"
                          "    cursor.execute('%s')\n    print(cursor.fetchall())\n" % (ACCOUNT["user"], ACCOUNT["password"], call, GOOD))


def test_redis(at_home, redis_server):  # noqa: F811
    proxy = at_home("redis", redis_server)
    assert run(proxy, recipe("redis-cli"), "6380", " PING") == "PONG\n"
    call = recipe("redis-py").replace("6380", str(proxy.port))
    assert "True" in python(proxy, "import redis\nprint(%s.ping())\n" % call)


@pytest.fixture
def web(at_home, backend):
    backend.serve(serve)
    return at_home("http", backend)


def test_curl_and_python(web):
    body = ANSWER.partition(b"\r\n\r\n")[2].decode()
    assert run(web, recipe("curl"), "8443", " -sS") == body
    url = "https://localhost:%d/" % web.port
    setting, call = RECIPES["requests"][1], recipe("requests")
    assert body in python(web, "import requests\nurl = %r\nprint(%s.text)\n" % (url, call))
    assert body in python(web, "import requests\nprint(requests.get(%r).text)\n" % url, **dict([setting.split("=")]))
    call, setting = recipe("other Python"), RECIPES["other Python"][1]
    ask = "import ssl, urllib.request\nprint(urllib.request.urlopen(%r%s).read().decode())\n"
    assert body in python(web, ask % (url, ", context=" + call))
    assert body in python(web, ask % (url, ""), **dict([setting.split("=")]))


def said(done):
    assert done.strip() == "ok %d" % len(ANSWER), done


def test_java(web, java):       # noqa: F811
    keytool, options = recipe("Java"), RECIPES["Java"][1]
    run(web, keytool, "no port")
    classes = java.words[java.words.index("-cp") + 1]
    said(run(web, "echo 9000 | %s -cp %s Client '' %d" % (options, classes, web.port), "no port"))


def test_go_and_node(web, go, node):    # noqa: F811
    for name, client in (("Go", go), ("Node", node)):
        setting = recipe(name)
        said(run(web, "echo 9000 | %s %s '' %d" % (setting, " ".join(client.words), web.port), "no port"))


def test_no_recipe_is_left_out():
    if DONE != set(RECIPES):
        left_out("recipes that were not run here: %s" % ", ".join(set(RECIPES) - DONE))
