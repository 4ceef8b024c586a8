"""Programs that nobody here wrote, under `vaurien run`: they work unchanged, and a fault reaches them.

The table of docs/run.md is compared with the table of programs here.
"""
import os
import re
import shutil
import subprocess
import sys
import textwrap

import pytest

from conftest import ROOT, SAN, MariaDB, mariadb, need
from harness import Backend, End, free_port, left_out, missing, patience
from running import running, starting           # noqa: fixtures
from server_postgres import Postgres
from server_redis import Redis

pytestmark = pytest.mark.skipif(bool(SAN), reason="the programs are others', and their connects are those of test_run.py")


# ---- servers ----

class Web:
    """Answers each request of HTTP/1.1 with "hello"."""

    def __init__(self, folder):
        self.backend = Backend("127.0.0.1", backlog=1024).serve(self.play)
        self.port = self.backend.port
        self.url = "http://127.0.0.1:%d/" % self.port

    @staticmethod
    def play(end):
        while True:
            head = end.read_to(b"\r\n\r\n").decode()
            body = re.search(r"(?i)content-length: (\d+)", head)
            end.read(int(body.group(1)) if body else 0)
            text = b"%040d\trefs/heads/main\n" % 7 if "info/refs" in head else b"hello"
            end.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(text) + text)

    def stop(self):
        self.backend.close()


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """servers(NAME): started when it is first asked for."""
    started = {}

    def one(name):
        if name not in started:
            folder = tmp_path_factory.mktemp(name)
            made = {"web": Web, "redis": Redis, "mariadb": MariaDB, "postgres": lambda _: Postgres()}[name](folder)
            started[name] = made.start() if hasattr(made, "start") else made
        return started[name]
    yield one
    for each in started.values():
        each.stop()


# ---- programs ----

PYTHON = "/usr/bin/python3"
ASYNCIO = """
import asyncio
async def main():
    async def one():
        reader, writer = await asyncio.open_connection("127.0.0.1", %(port)d)
        writer.write(b"GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
        data = await reader.readuntil(b"hello")
        writer.close()
        return data[-5:].decode()
    print(*await asyncio.gather(*[one() for _ in range(10)]))
asyncio.run(main())
"""
WORKERS = """
import multiprocessing, urllib.request
def one(i): return urllib.request.urlopen("http://127.0.0.1:%(port)d/").read().decode()
if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(4) as pool: print(*pool.map(one, range(20)))
"""
NODE = ("const http = require('http'); http.get('http://127.0.0.1:%(port)d/', r => r.on('data', d => process.stdout.write(d)))")
JAVA = """
import java.net.*; import java.net.http.*; import java.util.*; import java.util.concurrent.*;
public class Pool { public static void main(String[] a) throws Exception {
  ExecutorService pool = Executors.newFixedThreadPool(4); HttpClient http = HttpClient.newHttpClient();
  List<Future<String>> all = new ArrayList<>();
  for (int i = 0; i < 20; i++) all.add(pool.submit(() -> http.send(HttpRequest.newBuilder(
    URI.create("http://127.0.0.1:%(port)d/")).build(), HttpResponse.BodyHandlers.ofString()).body()));
  for (Future<String> one : all) System.out.print(one.get());
  try (Socket s = new Socket("127.0.0.1", %(port)d)) { System.out.println(s.isConnected()); }
  pool.shutdown(); System.exit(0); } }
"""
GO = """
package main
import ("fmt"; "net"; "os")
func main() { c, err := net.Dial("tcp", "127.0.0.1:%(port)d"); if err != nil { panic(err) }
  fmt.Fprintf(c, "GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n"); b := make([]byte, 999)
  n, _ := c.Read(b); os.Stdout.Write(b[:n]) }
"""
NGINX = """
daemon off; pid %(folder)s/pid; error_log stderr; worker_processes 2; master_process on;
events {} http { access_log off; client_body_temp_path %(folder)s/b; proxy_temp_path %(folder)s/p;
fastcgi_temp_path %(folder)s/f; uwsgi_temp_path %(folder)s/u; scgi_temp_path %(folder)s/s;
server { listen 127.0.0.1:%(own)d; location / { proxy_pass http://127.0.0.1:%(port)d; } } }
"""
NGINX_RUN = "nginx -c %(folder)s/nginx.conf & sleep 1; curl -s http://127.0.0.1:%(own)d/; kill -QUIT $!; wait"


class Program:
    """A row of the table: a program, the server it talks to, the command, what it prints."""

    def __init__(self, name, needs, server, command, prints, files=None, build=None):
        self.name, self.needs, self.server, self.command, self.prints = name, needs, server, command, prints
        self.files, self.build = files or {}, build


def sh(text):
    return ["sh", "-c", text]


APP = "mariadb --no-defaults -h127.0.0.1 -P%(port)d -uapp -psecret app "
PG = "postgresql://app:secret@127.0.0.1:%(port)d/app"
PROGRAMS = [
    Program("curl", ["curl"], "web", sh("curl -s http://127.0.0.1:%(port)d/"), "hello"),
    Program("wget", ["wget"], "web", sh("wget -qO- http://127.0.0.1:%(port)d/"), "hello"),
    Program("git over HTTP", ["git"], "web", sh("git ls-remote http://127.0.0.1:%(port)d/x.git"), "refs/heads/main"),
    Program("redis-cli", ["redis-cli"], "redis", sh("redis-cli -p %(port)d set a 7; redis-cli -p %(port)d get a"), "OK\n7"),
    Program("redis-benchmark", ["redis-benchmark"], "redis",
            sh("redis-benchmark -p %(port)d -n 2000 -c 20 -t get -q"), "requests per second"),
    Program("redis-py", ["@redis"], "redis",
            [PYTHON, "-c", "import redis; r = redis.Redis(port=%(port)d); r.set('b', 8); print(r.get('b'))"], "b'8'"),
    Program("mariadb", ["mariadb"], "mariadb", sh(APP + "-e 'SELECT 6 * 7'"), "42"),
    Program("mariadb on its socket", ["mariadb"], "mariadb",
            sh("mariadb --no-defaults -S%(socket)s -uapp -psecret app -e 'SELECT 6 * 7'"), "42"),
    Program("PyMySQL", ["@pymysql"], "mariadb", [PYTHON, "-c", textwrap.dedent("""
        import pymysql
        c = pymysql.connect(host="127.0.0.1", port=%(port)d, user="app", password="secret", database="app").cursor()
        c.execute("SELECT 6 * 7"); print(c.fetchall())""")], "42"),
    Program("php (mysqli)", ["php"], "mariadb", ["php", "-r",
            "$c = new mysqli('127.0.0.1', 'app', 'secret', 'app', %(port)d); "
            "print_r($c->query('SELECT 6 * 7')->fetch_row());"], "42"),
    Program("sysbench", ["sysbench"], "mariadb", sh(
        "for step in prepare run cleanup; do sysbench oltp_read_write --mysql-host=127.0.0.1 --mysql-port=%(port)d "
        "--mysql-user=app --mysql-password=secret --mysql-db=app --tables=1 --table-size=100 --threads=4 --events=50 "
        "$step 2>&1; done"), "transactions:"),
    Program("psql", ["psql"], "postgres", sh("psql -tA '%(url)s' -c 'SELECT 6 * 7'"), "42"),
    Program("pgbench", ["pgbench"], "postgres", sh(
        "pgbench -i -q '%(url)s' 2>&1; pgbench -c 4 -j 2 -t 20 '%(url)s' 2>&1"), "transactions actually processed: 80/80"),
    Program("psycopg2", ["@psycopg2"], "postgres", [PYTHON, "-c",
            "import psycopg2; c = psycopg2.connect('%(url)s').cursor(); c.execute('SELECT 6 * 7'); print(c.fetchone())"], "42"),
    Program("Python asyncio", [PYTHON], "web", [PYTHON, "-c", ASYNCIO], "hello hello"),
    Program("Python workers (fork)", [PYTHON], "web", [PYTHON, "%(folder)s/w.py"], "hello hello", {"w.py": WORKERS}),
    Program("Node", ["node"], "web", ["node", "-e", NODE], "hello"),
    Program("Java, a pool of threads", ["java", "javac"], "web", sh("java -Xshare:auto -cp %(folder)s Pool"), "hellohello.*true",
            {"Pool.java": JAVA}, "javac -d %(folder)s %(folder)s/Pool.java"),
    Program("Go, static", ["go"], "web", ["%(folder)s/get"], "hello", {"get.go": GO},
            "GOCACHE=/tmp/vaurien-tests-go HOME=%(folder)s CGO_ENABLED=0 go build -o %(folder)s/get %(folder)s/get.go"),
    Program("perl", ["perl"], "web", ["perl", "-MIO::Socket::INET", "-e",
            "my $s = IO::Socket::INET->new('127.0.0.1:%(port)d'); print $s \"GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n\"; "
            "my $d; sysread $s, $d, 999; print $d"], "hello"),
    Program("ruby", ["ruby"], "web", ["ruby", "-rnet/http", "-e", "puts Net::HTTP.get(URI('http://127.0.0.1:%(port)d/'))"], "hello"),
    Program("nginx as a reverse proxy", ["nginx", "curl"], "web", sh(NGINX_RUN), "hello", {"nginx.conf": NGINX}),
    Program("apt", ["apt-get"], "web", sh(
        "cd %(folder)s; mkdir -p var/lib/apt/lists/partial var/cache/apt/archives/partial etc/apt/apt.conf.d etc/apt/preferences.d; "
        "apt-get -o Dir=%(folder)s -o Dir::State::status=/dev/null -o Acquire::Retries=0 -o APT::Sandbox::User=root "
        "-o Dir::Etc::sourcelist=%(folder)s/l update 2>&1; true"), "Hit|Get|Err|Ign",
        {"l": "deb [trusted=yes] http://127.0.0.1:%(port)d/ ./"}),
    Program("busybox wget, static", ["busybox"], "web", sh("busybox wget -qO- http://127.0.0.1:%(port)d/"), "hello"),
    Program("socat", ["socat"], "web", sh(
        "printf 'GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' | socat -t1 - TCP:127.0.0.1:%(port)d"), "hello"),
]


def ready(program):
    for what in program.needs:
        if what.startswith("@"):
            if subprocess.run([PYTHON, "-c", "import " + what[1:]], capture_output=True).returncode:
                missing("Python's " + what[1:])
        elif not shutil.which(what, path=os.environ["PATH"] + ":/usr/sbin:/usr/local/go/bin"):
            left_out("%s is not installed: under vaurien run it is not tested" % what)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_a_program_runs_unchanged(program, servers, running, tmp_path):
    ready(program)
    server = servers(program.server)
    words = {"port": server.port, "folder": str(tmp_path), "own": free_port(), "socket": getattr(server, "socket", ""),
             "url": "postgresql://%s@127.0.0.1:%d/%s" % (getattr(server, "account", "app:secret"), server.port, "app")}
    for name, text in program.files.items():
        (tmp_path / name).write_text(text % words)
    env = {"PATH": os.environ["PATH"] + ":/usr/sbin:/usr/local/go/bin"}
    if program.build:
        built = subprocess.run(program.build % words, shell=True, env=dict(os.environ, **env), capture_output=True, text=True)
        assert built.returncode == 0, built.stderr
    options = ["--protocol", "mysql", "--backend", "unix:" + server.socket] if "socket" in program.name else [
        "--backend", "127.0.0.1:%d" % server.port, "--protocol", {"web": "http", "mariadb": "mysql"}.get(
            program.server, program.server)]
    done = running(*options, command=[word % words for word in program.command], env=env)
    assert re.search(program.prints, done.out, re.DOTALL), (done.out, done.err)
    assert done.code == 0, done.err
    assert re.search(r"carried [1-9]\d* connections?: ", done.summary), done.err


def test_the_page_has_the_table_of_programs():
    with open(os.path.join(ROOT, "docs", "run.md")) as page:
        listed = re.findall(r"^\| (.+?) \| (.+?) \|$", page.read().split("## Programs")[1], re.MULTILINE)[1:]
    servers = {"web": "HTTP", "redis": "Redis", "mariadb": "MariaDB", "postgres": "PostgreSQL"}
    assert listed == [(program.name, servers[program.server]) for program in PROGRAMS]


def test_a_fault_reaches_the_driver(servers, running):
    server = servers("mariadb")
    script = textwrap.dedent("""
        import pymysql
        c = pymysql.connect(host="127.0.0.1", port=%d, user="app", password="secret", database="app").cursor()
        c.execute("CREATE TEMPORARY TABLE t (n INT)")
        for i in range(2):
            try:
                print(c.execute("INSERT INTO t VALUES (1)"))
            except pymysql.err.OperationalError as error:
                print(error.args[0])
        """) % server.port
    done = running("--add", "db=127.0.0.1:%d,mysql" % server.port, "--rule",
                   'db: error failure=deadlock match="^QUERY INSERT" times=1', command=[PYTHON, "-c", script])
    assert done.out == "1213\n1\n", done.err
    assert done.summary == "vaurien: 1 proxy carried 1 connection: db mysql 1, 1 fault."
