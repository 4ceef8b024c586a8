"""The benchmark: what Vaurien costs, beside other proxies and none, in paired rounds on one CPU.

    make bench [BENCH=--quick]
    bench/bench.py --peer 'other=other-proxy --listen 127.0.0.1:{listen} --to 127.0.0.1:{backend}'

In each round every contender of a row runs for a moment, one after the other, in turned order every second time; a
ratio is the median of the rounds' ratios, so what else the machine does falls on both. All that runs is on one CPU:
a rate is then what all the work of an operation costs, and no luck of the scheduler. A program that is missing is
said, and left out.
"""
import argparse
import collections
import contextlib
import ctypes
import fcntl
import os
import re
import resource
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
VAURIEN = os.environ.get("VAURIEN_BIN") or os.path.join(ROOT, "bin", "vaurien")
LOAD = os.environ.get("LOAD_BIN") or os.path.join(ROOT, "build", "bench", "load")
US = "vaurien"

missing = []                                    # what the report must say
stack = contextlib.ExitStack()                  # processes and directories, ended in turn


# ---- the ground ----

def network_own():
    """A network of this run's own, where the kernel lets us: nobody else's packets, and our choice of congestion control."""
    if ctypes.CDLL(None, use_errno=True).unshare(0x40000000):
        return False
    with socket.socket() as s:
        fcntl.ioctl(s, 0x8914, struct.pack("16sH14x", b"lo", 0x49))        # SIOCSIFFLAGS: up and running
    return True


def tune(name, value=None):
    """A setting of the network; '' leaves it."""
    path = "/proc/sys/net/ipv4/" + name
    try:
        if value:
            with open(path, "w") as f:
                f.write(value)
    except OSError:
        missing.append("%s cannot be set to %s here" % (name, value))
    return open(path).read().strip()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def find(program):
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if not path and "%s is not installed" % program not in missing:
        missing.append("%s is not installed" % program)
    return path


def start(*words, **options):
    p = subprocess.Popen([str(w) for w in words], stdin=subprocess.DEVNULL, stderr=options.pop("stderr", subprocess.DEVNULL),
                         stdout=options.pop("stdout", subprocess.DEVNULL), **options)

    def end():
        p.terminate()
        try:
            p.wait(20)
        except subprocess.TimeoutExpired:
            p.kill()
    stack.callback(end)
    return p


def wait_port(port, process, patience=30):
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as s:
            if not s.connect_ex(("127.0.0.1", port)):
                return True
        time.sleep(0.02)
    return False


def directory():
    path = tempfile.mkdtemp(prefix="vaurien-bench-")
    os.chmod(path, 0o755)
    stack.callback(shutil.rmtree, path, ignore_errors=True)
    return path


def family(pid):
    """The process and its children, as they are now: a proxy may have workers."""
    pids = [pid] if pid else []
    for p in pids:
        with contextlib.suppress(OSError):
            for task in os.listdir("/proc/%d/task" % p):
                pids += [int(c) for c in open("/proc/%d/task/%s/children" % (p, task)).read().split()]
    return pids


def cpu_of(pid):
    """Nanoseconds that these have run, by their own clocks."""
    total = 0
    for p in family(pid):
        with contextlib.suppress(OSError):
            total += time.clock_gettime_ns((~p << 3) | 2)
    return total


def memory_of(pid):
    total = 0
    for p in family(pid):
        with contextlib.suppress(OSError):
            total += int(re.search(r"RssAnon:\s+(\d+)", open("/proc/%d/status" % p).read()).group(1)) * 1024
    return total


# ---- servers behind the proxies ----

def load_server(role, *words):
    p = start(LOAD, role, *words, stdout=subprocess.PIPE)
    return int(p.stdout.readline())


def redis_server():
    if not find("redis-server") or not find("redis-benchmark"):
        return None
    port = free_port()
    p = start(find("redis-server"), "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", directory())
    return port if wait_port(port, p) else None


def kafka_server():
    return int(start(sys.executable, os.path.join(HERE, "kafka.py"), "broker", stdout=subprocess.PIPE).stdout.readline())


NGINX = """
%(module)s
worker_processes 1; daemon off; pid %(dir)s/pid; error_log /dev/null; %(user)s
events { worker_connections 40000; }
"""


def nginx(blocks, name):
    module = "/usr/lib/nginx/modules/ngx_stream_module.so"
    path = directory()
    with open(path + "/conf", "w") as f:
        f.write(NGINX % {"dir": path, "user": "user root;" if os.getuid() == 0 else "",
                         "module": "load_module %s;" % module if "stream" in blocks and os.path.exists(module) else ""} + blocks % {"dir": path})
    return start(find("nginx"), "-c", path + "/conf", "-p", path, "-e", "/dev/null")


def http_server():
    if not find("nginx") or not find("wrk"):
        return None
    port = free_port()
    p = nginx("""http { access_log off; keepalive_requests 1000000000; keepalive_timeout 1h;
                 client_body_temp_path %%(dir)s/b; proxy_temp_path %%(dir)s/p; fastcgi_temp_path %%(dir)s/f; uwsgi_temp_path %%(dir)s/u;
                 scgi_temp_path %%(dir)s/s;
                 server { listen 127.0.0.1:%d backlog=4096; location / { return 200 "hello from the backend\\n"; } } }""" % port, "http")
    return port if wait_port(port, p) else None


def mysql_server():
    if not find("mariadbd") or not find("mariadb-install-db") or not find("sysbench"):
        return None
    path, port = directory(), free_port()
    user = ["--user=root"] if os.getuid() == 0 else []
    subprocess.run([find("mariadb-install-db"), "--no-defaults", "--datadir=" + path + "/data", "--auth-root-authentication-method=normal",
                    "--skip-test-db", "--force"] + user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    p = start(find("mariadbd"), "--no-defaults", "--datadir=" + path + "/data", "--port=%d" % port, "--socket=" + path + "/socket",
              "--bind-address=127.0.0.1", "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0", "--skip-log-bin", *user)
    if not wait_port(port, p, 60):
        return None
    say = "CREATE DATABASE sbtest; CREATE USER bench@'%' IDENTIFIED BY 'bench'; GRANT ALL ON sbtest.* TO bench@'%';"
    subprocess.run([find("mariadb"), "--no-defaults", "-S", path + "/socket", "-u", "root", "-e", say], check=True)
    sysbench(port, "prepare")
    return port


def sysbench(port, *words):
    return subprocess.run([find("sysbench"), "oltp_point_select", "--mysql-host=127.0.0.1", "--mysql-port=%d" % port, "--mysql-user=bench",
                           "--mysql-password=bench", "--mysql-ssl=off", "--tables=1", "--table-size=1000", "--threads=8", "--events=0", *words],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True, check=True).stdout


# ---- proxies ----

Contender = collections.namedtuple("Contender", "name port pid")


def contender(name, port, process):
    if wait_port(port, process):
        return Contender(name, port, process.pid)
    missing.append("%s does not start" % name)
    return None


def vaurien(backend, *words, protocol="tcp", name=US):
    port = free_port()
    p = start(VAURIEN, "--proxy", "127.0.0.1:%d" % port, "--backend", "127.0.0.1:%d" % backend, "--protocol", protocol,
              "--log-level", "error", *words, stderr=None)
    return contender(name, port, p) or sys.exit("bench: vaurien does not start: %s" % " ".join(words))


def haproxy(backend, splice=False):
    if not find("haproxy"):
        return None
    port, path = free_port(), directory() + "/conf"
    with open(path, "w") as f:
        f.write("global\n nbthread 1\n maxconn %d\n %s\ndefaults\n mode tcp\n timeout client 1h\n timeout server 1h\n timeout connect 5s\n %s\n"
                "listen bench\n bind 127.0.0.1:%d backlog 4096\n server s 127.0.0.1:%d\n" %
                (resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2 - 100, "tune.pipesize 1048576\n maxpipes 64" if splice else "",
                 "option splice-request\n option splice-response" if splice else "", port, backend))
    p = start(find("haproxy"), "-f", path, "-db")
    return contender("haproxy splice" if splice else "haproxy", port, p)


def nginx_stream(backend):
    if not find("nginx"):
        return None
    port = free_port()
    p = nginx("stream { access_log off; server { listen 127.0.0.1:%d backlog=4096; proxy_pass 127.0.0.1:%d; proxy_timeout 1h; } }" %
              (port, backend), "stream")
    return contender("nginx", port, p)


def socat(backend):
    if not find("socat"):
        return None
    port = free_port()
    p = start(find("socat"), "-b", 65536, "TCP-LISTEN:%d,bind=127.0.0.1,fork,reuseaddr,backlog=4096,nodelay" % port,
              "TCP:127.0.0.1:%d,nodelay" % backend)
    return Contender("socat", port, None) if wait_port(port, p) else None      # a process each: its CPU is not counted


# ---- proxies that speak TLS ----

def certificate(kind):
    """A certificate with its key, one PEM file: "ec" is P-256, "rsa" RSA 2048."""
    path = os.path.join(directory(), kind + ".pem")
    key = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ec" else ["rsa:2048"]
    subprocess.run([find("openssl"), "req", "-x509", "-newkey", *key, "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-keyout", path + ".key", "-out", path + ".crt"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(path, "w") as both:
        both.write(open(path + ".crt").read() + open(path + ".key").read())
    os.chmod(path, 0o600)
    return path


def tls_vaurien(backend, pem, client, server):
    return vaurien(backend, *(("--client-tls", "require", "--client-tls-cert", pem) if client else ()),
                   *(("--backend-tls", "on") if server else ()))


def tls_haproxy(backend, pem, client, server):
    if not find("haproxy"):
        return None
    port, path = free_port(), directory() + "/conf"
    with open(path, "w") as f:
        f.write("global\n nbthread 1\n maxconn %d\n ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256\n"
                " ssl-default-server-ciphersuites TLS_AES_128_GCM_SHA256\n"
                "defaults\n mode tcp\n timeout client 1h\n timeout server 1h\n timeout connect 5s\n"
                "listen bench\n bind 127.0.0.1:%d backlog 4096 %s\n server s 127.0.0.1:%d %s\n" %
                (resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2 - 100, port, "ssl crt %s ssl-min-ver TLSv1.3" % pem if client else "",
                 backend, "ssl verify none ssl-min-ver TLSv1.3" if server else ""))
    return contender("haproxy", port, start(find("haproxy"), "-f", path, "-db"))


def tls_nginx(backend, pem, client, server):
    if not find("nginx"):
        return None
    port = free_port()
    words = "listen 127.0.0.1:%d %s backlog=4096;" % (port, "ssl" if client else "")
    if client:
        words += ("ssl_certificate %s; ssl_certificate_key %s; ssl_protocols TLSv1.3; ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;"
                  % (pem, pem))
    if server:
        words += "proxy_ssl on; proxy_ssl_protocols TLSv1.3;"
    p = nginx("stream { access_log off; server { %s proxy_pass 127.0.0.1:%d; proxy_timeout 1h; } }" % (words, backend), "stream")
    return contender("nginx", port, p)


def tls_contenders(backend, pem, client, server):
    made = [make(backend, pem, client, server) for make in (tls_vaurien, tls_haproxy, tls_nginx)]
    return [c for c in made if c]


def peers(backend, given):
    found = [haproxy(backend), haproxy(backend, True), nginx_stream(backend)]
    for text in given:
        name, _, words = text.partition("=")
        port = free_port()
        p = start(*[w.format(listen=port, backend=backend) for w in words.split()])
        found.append(contender(name, port, p))
    return [c for c in found if c]


# ---- measuring ----

Sample = collections.namedtuple("Sample", "rate cpu p50 p99")      # operations a second; CPU ns of the proxy per operation; ns


def load(*words):
    """Run a client of ours: its name=value as a dict."""
    done = subprocess.run([LOAD] + [str(w) for w in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
                          stdin=subprocess.DEVNULL, timeout=120)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return {k: float(v) for k, v in (pair.split("=") for pair in done.stdout.split())}


def by_load(role, n, seconds, *words):
    def run(port):
        v = load(role, port, n, seconds, *words)
        return v["ops"], v["rate"], v.get("time_p50"), v.get("time_p99")
    return run


def by_redis(pipeline, requests):
    def run(port):
        out = subprocess.run([find("redis-benchmark"), "-p", str(port), "-t", "get", "-n", str(requests), "-P", str(pipeline), "--csv"],
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True, check=True, timeout=60).stdout
        row = out.strip().splitlines()[-1].replace('"', "").split(",")
        return requests, float(row[1]), float(row[4]) * 1e6, float(row[6]) * 1e6
    return run


def by_kafka(what, seconds):
    """Its client and its broker are ours, in Python: most of their time is the kernel's."""
    def run(port):
        out = subprocess.run([sys.executable, os.path.join(HERE, "kafka.py"), what, str(port), str(seconds)], stdout=subprocess.PIPE,
                             universal_newlines=True, check=True, timeout=60).stdout
        v = {k: float(n) for k, n in (pair.split("=") for pair in out.split())}
        return v["ops"], v["rate"], v["p50"], v["p99"]
    return run


def document(**fields):
    """BSON of texts, int32, booleans, documents and lists of them."""
    def element(name, value):
        if isinstance(value, (dict, list)):
            inside = value if isinstance(value, dict) else {str(i): v for i, v in enumerate(value)}
            kind, value = 3 if value is inside else 4, document(**inside)
        elif isinstance(value, str):
            kind, value = 2, struct.pack("<i", len(value) + 1) + value.encode() + b"\0"
        else:
            kind, value = (8, struct.pack("<?", value)) if isinstance(value, bool) else (16, struct.pack("<i", value))
        return bytes([kind]) + name.encode() + b"\0" + value
    inside = b"".join(element(*f) for f in fields.items())
    return struct.pack("<i", len(inside) + 5) + inside + b"\0"


def op_msg(number, answers, **fields):
    body = b"\0\0\0\0\0" + document(**fields)
    return struct.pack("<iiii", len(body) + 16, number, answers, 2013) + body


MONGO_FIND = op_msg(7, 0, find="users", filter={"city": "Oslo"}, limit=100, singleBatch=True, **{"$db": "app"})


def mongo_server(documents):
    batch = [{"_id": i, "name": "Astrid %d" % i, "city": "Oslo", "about": "x" * 200, "active": True} for i in range(documents)]
    answer = op_msg(8, 7, cursor={"firstBatch": batch, "id": 0, "ns": "app.users"}, ok=1)
    return load_server("answer", "", answer.hex()), len(answer)


DNS_QUESTION = b"\3www\7example\3com\0" + struct.pack(">HH", 1, 1)
DNS_QUERY = struct.pack(">HHHHHH", 0, 0x0100, 1, 0, 0, 0) + DNS_QUESTION
DNS_ANSWER = (struct.pack(">HHHHHH", 0, 0x8180, 1, 1, 0, 0) + DNS_QUESTION + struct.pack(">HHHIH", 0xc00c, 1, 1, 300, 4) + bytes([192, 0, 2, 1]))


def by_wrk(seconds):
    def run(port):
        out = subprocess.run([find("wrk"), "-t1", "-c64", "-d%ds" % max(1, round(seconds)), "--latency", "http://127.0.0.1:%d/" % port],
                             stdout=subprocess.PIPE, universal_newlines=True, check=True, timeout=60).stdout
        assert "Socket errors" not in out and "Non-2xx" not in out, out
        unit = {"us": 1e3, "ms": 1e6, "s": 1e9}
        times = {k: float(v) * unit[u] for k, v, u in re.findall(r"(\d\d)%\s+([\d.]+)(us|ms|s)", out)}
        return int(re.search(r"(\d+) requests in", out).group(1)), float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)), times["50"], times["99"]
    return run


def by_sysbench(seconds):
    def run(port):
        out = sysbench(port, "--time=%d" % max(1, round(seconds)), "--percentile=99", "run")
        ops, rate = re.search(r"queries:\s+(\d+)\s+\(([\d.]+) per sec", out).groups()
        assert "ignored errors:                      0" in out, out
        return int(ops), float(rate), None, float(re.search(r"99th percentile:\s+([\d.]+)", out).group(1)) * 1e6
    return run


def sample(run, c):
    before = cpu_of(c.pid) if c.pid else 0
    ops, rate, p50, p99 = run(c.port)
    return Sample(rate, (cpu_of(c.pid) - before) / max(ops, 1) if c.pid else None, p50, p99)


def measure(run, contenders, rounds):
    """{name: [Sample of each round]}"""
    found = {c.name: [] for c in contenders}
    for c in contenders:
        run(c.port)                                     # once for nothing: memory, ports, caches
    for r in range(rounds):
        for c in contenders if r % 2 == 0 else reversed(contenders):
            found[c.name].append(sample(run, c))
    return found


def median(values):
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


# ---- showing ----

class Report:
    """A row is printed when it is known; the same rows make the page."""

    def __init__(self):
        self.lines = []

    def title(self, text, *columns):
        self.columns = columns
        self.lines += ["", "**%s**" % text, "", "| " + " | ".join(columns) + " |", "|---" * len(columns) + "|"]
        print("\n" + text + "\n" + self.text(columns), flush=True)

    def text(self, cells):
        return "".join(str(c).ljust(30 if i == 0 else 16) for i, c in enumerate(cells)).rstrip()

    def row(self, *cells):
        self.lines.append("| " + " | ".join(map(str, cells)) + " |")
        print(self.text(cells), flush=True)


def short(value, scale=1.0, digits=3):
    if value is None:
        return "-"
    value *= scale
    return "%.*f" % (max(0, digits - len(str(int(value)))), value)


def ratio(ours, theirs):
    pairs = [a / b for a, b in zip(ours, theirs) if a is not None and b]
    return "%.2f" % statistics.median(pairs) if pairs else "-"


def compare(report, what, found, base, scale, cpu_scale):
    """One line per contender; the ratios say how much better `base` is."""
    ours = found[base]
    for name, samples in found.items():
        theirs = samples
        report.row(what if name == next(iter(found)) else "", name, short(median(s.rate for s in theirs), scale),
                   "" if name == base else ratio([s.rate for s in ours], [s.rate for s in theirs]),
                   short(median(s.cpu for s in theirs), cpu_scale),
                   "" if name == base else ratio([s.cpu for s in theirs], [s.cpu for s in ours]),
                   short(median(s.p50 for s in theirs), 1e-3), short(median(s.p99 for s in theirs), 1e-3))


COLUMNS = ("", "through", "rate", "ours : it", "CPU", "its : ours", "p50 us", "p99 us")


# ---- the rows ----

def rows_tcp(o, report):
    backend = load_server("backend")
    ours = vaurien(backend)
    others = peers(backend, o.peer)
    direct = Contender("direct", backend, None)
    slow = [c for c in [socat(backend)] if c]
    if o.wants("bulk"):
        report.title("Bytes: GB/s, CPU s/GB of the proxy", *COLUMNS)
        for role, n in (("up", 1), ("down", 1), ("up", 8), ("down", 8)):
            compare(report, "%s, %d connection%s" % (role, n, "s" * (n > 1)),
                    measure(by_load(role, n, o.seconds), [ours, *others, *slow, direct], o.rounds), US, 1e-9, 1.0)
    if o.wants("pingpong"):
        report.title("Messages of 64 B: there and back/s, CPU us of the proxy for each", *COLUMNS)
        for n in (1, 64, 1000):
            compare(report, "%d connection%s" % (n, "s" * (n > 1)),
                    measure(by_load("pingpong", n, o.seconds), [ours, *others, *(slow if n == 64 else []), direct], o.rounds), US, 1.0, 1e-3)
    if o.wants("churn"):
        report.title("Connections: connected, asked, answered and closed/s, CPU us of the proxy for each", *COLUMNS)
        compare(report, "16 at a time", measure(by_load("churn", 16, o.seconds), [ours, *others, direct], o.rounds), US, 1.0, 1e-3)


def rows_tls(o, report):
    """Bulk, messages and handshakes through TLS 1.3: on the client's leg, on the backend's, on both."""
    if not o.wants("tls") or not find("openssl"):
        return
    pem, plain = certificate("ec"), load_server("backend")
    secure = tls_nginx(plain, pem, True, False)
    if not secure:
        return
    legs = {"terminate": tls_contenders(plain, pem, True, False), "originate": tls_contenders(secure.port, pem, False, True),
            "re-encrypt": tls_contenders(secure.port, pem, True, True)}
    client = lambda shape, role: role if shape == "originate" else "tls-" + role
    report.title("TLS, bytes: GB/s, CPU s/GB of the proxy", *COLUMNS)
    for shape, role, n in (("terminate", "up", 1), ("terminate", "down", 1), ("terminate", "up", 8), ("terminate", "down", 8),
                           ("originate", "up", 1), ("originate", "down", 1), ("re-encrypt", "up", 1), ("re-encrypt", "down", 1)):
        compare(report, "%s, %s, %d connection%s" % (shape, role, n, "s" * (n > 1)),
                measure(by_load(client(shape, role), n, o.seconds), legs[shape], o.rounds), US, 1e-9, 1.0)
    report.title("TLS, messages of 64 B: there and back/s, CPU us of the proxy for each", *COLUMNS)
    for shape, n in (("terminate", 1), ("terminate", 64), ("terminate", 1000), ("originate", 64), ("re-encrypt", 64)):
        compare(report, "%s, %d connection%s" % (shape, n, "s" * (n > 1)),
                measure(by_load(client(shape, "pingpong"), n, o.seconds), legs[shape], o.rounds), US, 1.0, 1e-3)
    report.title("TLS, handshakes: handshake, 64 B there and back, close/s, CPU us of the proxy for each", *COLUMNS)
    for kind in ("ec", "rsa"):
        made = legs["terminate"] if kind == "ec" else tls_contenders(plain, certificate(kind), True, False)
        for how in ("full", "resumed"):
            compare(report, "%s, %s" % ("P-256" if kind == "ec" else "RSA 2048", how),
                    measure(by_load("tls-churn", 16, o.seconds, how), made, o.rounds), US, 1.0, 1e-3)


def rows_tls_idle(o, report):
    if not o.wants("tls") or not find("openssl"):
        return
    n = min(500 if o.quick else 2000, (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 400) // 2)
    pem, plain = certificate("ec"), load_server("backend")
    secure = tls_nginx(plain, pem, True, False)
    if not secure:
        return
    report.title("TLS, idle: %d connections, each after one exchange" % n, "", "B each", "CPU us/s")
    for shape, server, client in (("terminate", plain, True), ("originate", secure.port, False)):
        for c in tls_contenders(server, pem, client, not client):
            cost, cpu = idle(c, n, [] if client else ["=e"], "tls-idle" if client else "idle")
            report.row("%s, %s" % (c.name, shape), short(cost), short(cpu, 1e-3))


NEVER = ["--rule", 'error failure=%s match="^NOTHING LIKE THIS$"']


def rows_protocol(o, report, protocol, server, tests, failure):
    """Through the protocol, beside plain tcp, and with a rule that never matches."""
    if not o.wants(protocol):
        return
    backend = server()
    if not backend:
        return
    plain, parsed = vaurien(backend, name="tcp"), vaurien(backend, protocol=protocol, name=protocol)
    ruled = vaurien(backend, NEVER[0], NEVER[1] % failure, protocol=protocol, name=protocol + ", a rule")
    others = peers(backend, o.peer)
    for what, run, rounds in tests:
        found = measure(run, [parsed, ruled, plain, *others, Contender("direct", backend, None)], rounds)
        compare(report, what, found, protocol, 1.0, 1e-3)


def rows_protocols(o, report):
    if not (o.wants("redis") or o.wants("http") or o.wants("mysql") or o.wants("kafka") or o.wants("mongo")):
        return
    report.title("Protocols: operations/s, CPU us/operation of the proxy; ours is the one that parses", *COLUMNS)
    n = 150000 if o.quick else 300000
    rows_protocol(o, report, "redis", redis_server,
                  [("redis GET, -P 1", by_redis(1, n // 12), o.rounds), ("redis GET, -P 16", by_redis(16, n), o.rounds)], "busy")
    rows_protocol(o, report, "http", http_server, [("HTTP keep-alive, 64", by_wrk(o.seconds), o.rounds)], "unavailable")
    rows_protocol(o, report, "mysql", mysql_server, [("MySQL point select, 8", by_sysbench(o.seconds), o.rounds)], "deadlock")
    rows_protocol(o, report, "kafka", kafka_server, [("Kafka produce, 1 MB", by_kafka("produce", o.seconds), o.rounds),
                                                     ("Kafka fetch, 1 MB", by_kafka("fetch", o.seconds), o.rounds)], "not_primary")
    for documents in (1, 100):
        port, size = mongo_server(documents)
        rows_protocol(o, report, "mongo", lambda: port, [("MongoDB find, %d of 300 B, 8" % documents,
                                                          by_load("ask", 8, o.seconds, MONGO_FIND.hex(), size), o.rounds)], "overloaded")


def udp_bound(port, process, patience=30):
    """Has someone bound this port for datagrams?"""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and process.poll() is None:
        if any(line.split()[1].endswith(":%04X" % port) for line in open("/proc/net/udp")):
            return True
        time.sleep(0.02)
    return False


def udp_contender(name, port, process):
    if udp_bound(port, process):
        return Contender(name, port, process.pid)
    missing.append("%s does not start" % name)
    return None


def udp_vaurien(backend, name, *words):
    port = free_port()
    return udp_contender(name, port, start(VAURIEN, "--proxy", "udp://127.0.0.1:%d" % port, "--backend", "127.0.0.1:%d" % backend,
                                           "--log-level", "error", *words, stderr=None))


def udp_peers(backend):
    """nginx, and a bare relay in both ways: socat, one client, a process."""
    found = []
    if find("nginx"):
        port = free_port()
        found.append(udp_contender("nginx", port, nginx("stream { access_log off; server { listen 127.0.0.1:%d udp; proxy_pass 127.0.0.1:%d; "
                                                        "proxy_timeout 1h; } }" % (port, backend), "stream")))
    if find("socat"):
        port = free_port()
        found.append(udp_contender("socat", port, start(find("socat"), "-b", 65536, "UDP-LISTEN:%d,bind=127.0.0.1,fork,reuseaddr" % port,
                                                        "UDP:127.0.0.1:%d" % backend)))
    return [c for c in found if c]


def dnsdist(backend):
    """A proxy that reads what it relays, as ours does."""
    if not find("dnsdist"):
        return None
    port, path = free_port(), directory() + "/conf"
    with open(path, "w") as f:
        f.write('setSecurityPollSuffix("")\nsetLocal("127.0.0.1:%d")\nnewServer("127.0.0.1:%d"):setUp()\n' % (port, backend))
    return udp_contender("dnsdist", port, start(find("dnsdist"), "--supervised", "-C", path))


def rows_udp(o, report):
    if not o.wants("udp"):
        return
    backend = load_server("udp-echo")
    report.title("Datagrams of 64 B: there and back/s, CPU us of the proxy for each", *COLUMNS)
    for window in (1, 32):
        compare(report, "%d at a time" % window,
                measure(by_load("udp", window, o.seconds),
                        [udp_vaurien(backend, US), *udp_peers(backend), Contender("direct", backend, None)], o.rounds), US, 1.0, 1e-3)
    many, n, lost = udp_vaurien(backend, US), 0, 0
    while n < 1e6 and not o.quick:
        v = load("udp", many.port, 32, 2)
        n, lost = n + v["ops"], lost + v["lost"]
    if n:
        report.row("a million, 32 at a time", US, "%d came" % n, "%d missing" % lost)


def rows_dns(o, report):
    """Questions through the protocol, beside plain datagrams, and with a rule that never matches."""
    if not o.wants("dns"):
        return
    backend, never = load_server("udp-echo", DNS_ANSWER.hex()), NEVER[1] % "servfail"
    dns = [udp_vaurien(backend, "dns", "--protocol", "dns"), udp_vaurien(backend, "dns, a rule", "--protocol", "dns", NEVER[0], never),
           udp_vaurien(backend, "udp"), *udp_peers(backend), *(c for c in [dnsdist(backend)] if c), Contender("direct", backend, None)]
    report.title("DNS over UDP: questions answered/s, CPU us of the proxy for each; ours is the one that parses", *COLUMNS)
    for window in (1, 32):
        compare(report, "%d at a time" % window, measure(by_load("udp", window, o.seconds, DNS_QUERY.hex()), dns, o.rounds), "dns", 1.0, 1e-3)


def rows_plugins(o, report):
    """What it costs to ask a behavior of each request: none, and one twice, in C and in Lua, that has nothing to say."""
    if not o.wants("plugins"):
        return
    backend = redis_server()
    if not backend:
        return
    examples, made = os.path.join(ROOT, "examples", "plugins"), os.path.join(directory(), "flap.so")
    subprocess.check_call([find("cc"), "-O2", "-shared", "-fPIC", "-I" + os.path.join(ROOT, "include"), "-o", made, os.path.join(examples, "flap.c")])
    asked = lambda file: ("--plugin", file, "--behavior-flap-up", "1000000", "--behavior", "flap")
    contenders = [vaurien(backend, protocol="redis", name="dummy"), vaurien(backend, *asked(made), protocol="redis", name="flap in C"),
                  vaurien(backend, *asked(os.path.join(examples, "flap.lua")), protocol="redis", name="flap in Lua")]
    report.title("Behaviors that are asked of each request: operations/s, CPU us/operation of the proxy; ours is the one without", *COLUMNS)
    compare(report, "redis GET, -P 16", measure(by_redis(16, 150000 if o.quick else 300000), contenders, o.rounds), "dummy", 1.0, 1e-3)


def packet(n, payload):
    return (struct.pack("<I", len(payload))[:3] + bytes([n]) + payload).hex()


def message(kind, payload):
    return (kind + struct.pack(">I", len(payload) + 4) + payload).hex()


MYSQL_GREETING = packet(0, b"\x0a10.11.0-MariaDB\0" + struct.pack("<I", 7) + b"12345678\0" + struct.pack("<HBHH", 0xf7fe, 8, 2, 0x81ff) + b"\x15" +
                        b"\0" * 10 + b"123456789012\0mysql_native_password\0")
MYSQL_LOGIN = packet(1, struct.pack("<IIB", 0x81a285, 1 << 24, 33) + b"\0" * 23 + b"app\0\0mysql_native_password\0")
MYSQL_OK = b"\0\0\0\x02\0\0\0"

IDLE = {                                        # by protocol: what the server says, and the client's words ("-": a greeting is awaited)
    "tcp": (["", "=pong"], ["=ping"]),
    "redis": (["", "=+PONG\\r\\n"], ["=*1\\r\\n$4\\r\\nPING\\r\\n"]),
    "http": (["", "=HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nhello"], ["=GET / HTTP/1.1\\r\\nHost: bench\\r\\n\\r\\n"]),
    "mysql": ([MYSQL_GREETING, packet(2, MYSQL_OK), packet(1, MYSQL_OK)], ["-", MYSQL_LOGIN, packet(0, b"\x03DO 1")]),
    "memcache": (["", "=END\\r\\n"], ["=get key\\r\\n"]),
    "smtp": (["=220 bench ESMTP\\r\\n", "=250 bench\\r\\n"], ["-", "=EHLO bench\\r\\n"]),
    "postgres": (["", message(b"R", b"\0\0\0\0") + message(b"Z", b"I"), message(b"C", b"SELECT 1\0") + message(b"Z", b"I")],
                 [struct.pack(">II", 17, 196608).hex() + b"user\0app\0\0".hex()[:18], message(b"Q", b"SELECT 1\0")]),
}


def idle(c, n, words, role="idle"):
    """Memory that a connection costs the proxy, and the CPU of a second in which nothing happens."""
    before = memory_of(c.pid)
    p = subprocess.Popen([LOAD, role, str(c.port), str(n), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    done = p.stdout.readline()
    time.sleep(0.1)                             # the backend's last words may still be under way
    cost, cpu, then = memory_of(c.pid) - before, cpu_of(c.pid), time.monotonic()
    time.sleep(1)
    cpu = (cpu_of(c.pid) - cpu) / (time.monotonic() - then)
    p.communicate()
    return (cost / n, cpu) if done else (None, None)


def rows_idle(o, report):
    if not o.wants("idle"):
        return
    n = min(1000 if o.quick else 9800, (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 400) // 2)
    report.title("Idle: %d connections, each after one exchange" % n, "", "B each", "CPU us/s")
    for protocol, (says, words) in IDLE.items():
        backend = load_server("answer", *says)
        for c in [vaurien(backend, protocol=protocol, name="%s, %s" % (US, protocol))] + (peers(backend, o.peer) if protocol == "tcp" else []):
            cost, cpu = idle(c, n, words)
            report.row(c.name, short(cost), short(cpu, 1e-3))


def rows_delay(o, report):
    if not o.wants("delay"):
        return
    report.title("Delays: how much longer than it says, and than without it in the same rhythm", "", "p50 us", "p99 us", "without: p50 us")
    for ms, messages in ((1, 500), (10, 100), (100, 20)):
        for held in (0, 9000):
            backend, messages_now = load_server("backend"), max(10, messages // (4 if o.quick else 1))
            base = load("delay", vaurien(backend).port, 0, messages_now, 0, ms)["time_p50"]       # in the same rhythm
            v = load("delay", vaurien(backend, "--rule", "delay sleep=%dms client=127.0.0.1 name=measured" % ms,
                                      "--rule", "delay sleep=1h client=127.0.0.2 name=held").port, ms, messages_now, held)
            report.row("%d ms, %d others held" % (ms, held), short(v["time_p50"] - base, 1e-3), short(v["time_p99"] - base, 1e-3), short(base, 1e-3))


def rows_bandwidth(o, report):
    known = subprocess.run([VAURIEN, "--list"], stdout=subprocess.PIPE, universal_newlines=True).stdout
    if not o.wants("bandwidth"):
        return
    if not re.search(r"^\s*bandwidth\b", known, re.M):
        missing.append("this vaurien has no behavior bandwidth")
        return
    backend = load_server("backend")
    report.title("Bandwidth: bytes over two seconds, of what was set", "", "of it")
    for rate in (100, 1000, 10000, 100000):
        c = vaurien(backend, "--behavior", "bandwidth", "--behavior-bandwidth-rate", str(rate))
        report.row("%d KB/s" % rate, "%.3f" % (load("down", c.port, 1, 2 if o.quick else 3)["rate"] / rate / 1000))


# ---- the page ----

def version(*words):
    path = find(words[0])
    out = subprocess.run([path, *words[1:]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True).stdout if path else ""
    found = re.search(r"\d+\.\d+[.\d]*", out)
    return "%s %s" % (words[0], found.group(0)) if found else None


def machine(o):
    model = re.search(r"model name\s*:\s*(.*)", open("/proc/cpuinfo").read())
    versions = [version(*w) for w in (("haproxy", "-v"), ("nginx", "-v"), ("socat", "-V"), ("redis-server", "--version"), ("mariadbd", "--version"))]
    return ("%s, %d CPUs, of which all ran on number %d; Linux %s; congestion control %s; load average at the start %.1f. %s. %d rounds of %.2f s."
            % (model.group(1) if model else "unknown CPU", os.cpu_count(), o.cpu, os.uname().release, o.congestion, o.load,
               ", ".join(v for v in versions if v), o.rounds, o.seconds))


def page_write(path, text):
    """Between the two marks of the page; the rest of it is written by hand."""
    begin, end = "<!-- figures: make bench -->\n", "<!-- end of figures -->\n"
    old = open(path).read() if os.path.exists(path) else "# Performance\n\n" + begin + end
    head, rest = old.split(begin)
    with open(path, "w") as f:
        f.write(head + begin + text + end + rest.split(end)[1])


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--quick", action="store_true", help="three minutes instead of seven: fewer, shorter rounds; no page is written")
    args.add_argument("--only", default="", help="of bulk pingpong churn udp dns tls redis http mysql kafka mongo plugins idle delay bandwidth, with commas between")
    args.add_argument("--rounds", type=int, help="paired rounds of each row")
    args.add_argument("--seconds", type=float, help="of each contender in each round")
    args.add_argument("--cpu", type=int, default=max(os.sched_getaffinity(0)), help="the one that all run on; -1: wherever they like")
    args.add_argument("--congestion", default="reno", help="congestion control of the bench's own network; '' leaves it")
    args.add_argument("--peer", action="append", default=[], metavar="NAME=COMMAND", help="another proxy: {listen} and {backend} are its ports")
    args.add_argument("--page", default=os.path.join(ROOT, "docs", "performance.md"), help="whose figures are written; '' for none")
    o = args.parse_args()
    o.rounds = o.rounds or (2 if o.quick else 4)
    o.seconds = o.seconds or (0.15 if o.quick else 0.25)
    o.wants = lambda what: not o.only or what in o.only.split(",")
    o.load = os.getloadavg()[0]
    if not network_own():
        missing.append("no network of its own (that takes root): other traffic on loopback, and the system's congestion control")
    else:
        tune("tcp_congestion_control", o.congestion)
        tune("tcp_max_tw_buckets", "64")        # no contender shall look for ports among another one's closed connections
        tune("ip_local_port_range", "10000 65000")
    o.congestion = tune("tcp_congestion_control")
    if o.cpu >= 0:
        os.sched_setaffinity(0, {o.cpu})
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    report, begun = Report(), time.monotonic()
    with stack:
        for rows in (rows_tcp, rows_udp, rows_dns, rows_tls, rows_tls_idle, rows_protocols, rows_plugins, rows_idle, rows_delay, rows_bandwidth):
            with contextlib.ExitStack() as apart:
                rows(o, report)
                apart.push(stack.pop_all())
    for text in missing:
        print("left out: " + text)
    print("%d seconds" % (time.monotonic() - begun))
    if o.page and not o.quick and not o.only:
        page_write(o.page, "\n%s\n%s\n%s\n" % (machine(o), "\n".join(report.lines), "".join("\nLeft out: %s.\n" % m for m in missing)))


if __name__ == "__main__":
    main()
