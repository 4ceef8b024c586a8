"""An etcd of one or three members on loopback, and members of a fleet in it."""
import base64
import contextlib
import json
import signal
import subprocess
import urllib.error
import urllib.request

from harness import free_port, listening, need, patience, until

DELAY = {"behavior": "delay", "sleep": "300ms"}
LEASE = 15                              # seconds: STORE_LEASE of src/fleet/store.h


def b64(text):
    return base64.b64encode(text.encode()).decode()


class Etcd:
    """A cluster. `ask` speaks its JSON; `members` are processes, by index."""

    def __init__(self, path, n=1, extra=(), host="127.0.0.1", scheme="http"):
        self.host = host
        self.ports = [free_port() for _ in range(n)]
        peers = [free_port() for _ in range(n)]
        cluster = ",".join("m%d=http://127.0.0.1:%d" % (i, port) for i, port in enumerate(peers))
        self.commands = [[
            need("etcd"), "--name", "m%d" % i, "--data-dir", str(path / ("m%d" % i)), "--heartbeat-interval", "50", "--election-timeout", "500",
            "--listen-client-urls", "%s://%s:%d" % (scheme, host, self.ports[i]),
            "--advertise-client-urls", "%s://%s:%d" % (scheme, host, self.ports[i]),
            "--listen-peer-urls", "http://127.0.0.1:%d" % peers[i], "--initial-advertise-peer-urls", "http://127.0.0.1:%d" % peers[i],
            "--initial-cluster", cluster, "--unsafe-no-fsync", *extra] for i in range(n)]
        self.log = open(path / "etcd.log", "ab")
        self.members = [None] * n
        for i in range(n):
            self.start(i)
        self.url = "etcd://" + ",".join("%s:%d" % (host, port) for port in self.ports)
        until(self.well if scheme == "http" else lambda: all(map(listening, self.ports)), what="etcd is up")

    def start(self, i):
        self.members[i] = subprocess.Popen(self.commands[i], stdout=self.log, stderr=self.log)

    def well(self):
        try:
            return self.put("up", "yes") is not None
        except (OSError, ValueError):
            return False

    def ask(self, path, body, at=None):
        for port in self.ports if at is None else [self.ports[at]]:
            request = urllib.request.Request("http://%s:%d/v3/%s" % (self.host, port, path), json.dumps(body).encode())
            try:
                with urllib.request.urlopen(request, timeout=patience(5)) as answer:
                    return json.load(answer)
            except urllib.error.HTTPError:
                raise
            except OSError as error:
                last = error
        raise last

    def put(self, key, value, lease=0):
        value = value if isinstance(value, str) else json.dumps(value)
        return self.ask("kv/put", {"key": b64(key), "value": b64(value), "lease": lease})

    def delete(self, key, whole=False):
        body = {"key": b64(key)}
        if whole:
            body["range_end"] = b64(key[:-1] + chr(ord(key[-1]) + 1))
        return self.ask("kv/deleterange", body)

    def get(self, prefix):
        """Texts by key."""
        answer = self.ask("kv/range", {"key": b64(prefix), "range_end": b64(prefix[:-1] + chr(ord(prefix[-1]) + 1))})
        return {base64.b64decode(kv["key"]).decode("utf-8", "replace"): base64.b64decode(kv.get("value", "")).decode("utf-8", "replace")
                for kv in answer.get("kvs", [])}

    def lease(self, seconds):
        return self.ask("lease/grant", {"TTL": seconds})["ID"]

    def requests(self):
        """That it has been asked so far, by its own count."""
        with urllib.request.urlopen("http://%s:%d/metrics" % (self.host, self.ports[0])) as answer:
            lines = [line for line in answer.read().decode().splitlines() if line.startswith("grpc_server_started_total{")]
        return sum(float(line.split()[-1]) for line in lines)

    def leader(self):
        for i, member in enumerate(self.members):
            with contextlib.suppress(OSError, ValueError):
                status = self.ask("maintenance/status", {}, at=i)
                if status.get("leader") == status["header"]["member_id"]:
                    return i
        return None

    def kill(self, i, how=signal.SIGKILL):
        self.members[i].send_signal(how)
        self.members[i].wait()
        self.members[i] = None

    def stop(self):
        for i, member in enumerate(self.members):
            if member:
                member.send_signal(signal.SIGCONT)
                self.kill(i)
        self.log.close()


def wish(select="", rule=None, **more):
    return dict({"select": select, "rule": rule or DELAY}, **more)


class Fleet:
    """Members under a prefix of their own."""

    def __init__(self, etcd, start, prefix):
        self.etcd, self.start, self.prefix = etcd, start, "/" + prefix
        self.members = {}

    def join(self, name, labels="app=shop", *words, proxies=1, **options):
        more = [word for i in range(1, proxies) for word in ("--add", "p%02d=127.0.0.1:0=127.0.0.1:1,redis" % i)]
        member = self.start("--protocol", "redis", "--fleet", self.etcd.url + self.prefix, "--fleet-name", name,
                            "--fleet-labels", labels, *more, *words, backend="127.0.0.1:1", **options)
        self.members[name] = member
        return member

    def seen(self, *names):
        until(lambda: set(names) <= set(self.texts("members")), what="the members to be known")

    def texts(self, folder):
        head = "%s/%s/" % (self.prefix, folder)
        found = self.etcd.get(head)
        return {key[len(head):]: text for key, text in found.items()}

    def put(self, name, document, **options):
        self.etcd.put("%s/rules/%s" % (self.prefix, name), document, **options)

    def delete(self, name):
        self.etcd.delete("%s/rules/%s" % (self.prefix, name))

    def status(self, member, rule):
        found = self.etcd.get("%s/status/%s" % (self.prefix, member))
        return json.loads(next(iter(found.values()), '{"rules": {}}'))["rules"].get(rule, {})



def rules(member, proxy="default"):
    return [rule["name"] for rule in member.api("GET", "/%s/rules" % proxy)[1]["rules"]]


def in_force(member, *names, seconds=15):
    until(lambda: rules(member) == ["fleet-" + name for name in names], seconds,
          lambda: "%s, got %s: %s" % (names, rules(member), member.log()[-1500:]))
