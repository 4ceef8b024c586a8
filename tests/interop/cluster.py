"""Redis Cluster and Sentinel behind the map of addresses, with ioredis and the redis-py of PyPI.

The programs cluster.js and cluster_client.py are told one command a line: cluster PORT, sentinel PORT, run WORDS, work,
close. Each calls its client, and answers what that returned or raised.
"""
import os
import pathlib
import shutil
import sys

from interop import HERE, Asked, Proxied, dialed, node_words, pip_installed, until

sys.path.insert(0, os.path.join(os.path.dirname(HERE), "servers"))
from server_cluster import Cluster, Watched         # noqa: E402

TITLE = "Redis Cluster and Sentinel"
NEEDS = ["node", "npm", "redis-server"]
TELLS = """Debian's Redis 7.0: a cluster of three nodes, and a master with a replica under Sentinel, each behind a
proxy. Clients: ioredis 6.0 from npm, and redis 8.1 from PyPI. After each case the kernel's list of
the client's connections has none to a real server."""

CLIENTS = ("ioredis", "redis-py")
CIRCLE = {"ioredis": ("Error", "Too many Cluster redirections"), "redis-py": ("ClusterError", "TTL exhausted")}
RAISED = {                      # by failure: of ioredis, of redis-py, the text
    "cluster_down": ("Error", "ClusterDownError", "The cluster is down"),      # ioredis tries other nodes, and gives up
    "masterdown": ("ReplyError", "MasterDownError", "Link with MASTER is down and "),
    "read_only": ("ReplyError", "ReadOnlyError", "You can't write against a read only replica."),
    "out_of_memory": ("ReplyError", "OutOfMemoryError", "command not allowed when used memory > 'maxmemory'."),
}


def words_of(who):
    return node_words("cluster.js") if who == "ioredis" else [pip_installed(), "-P", os.path.join(HERE, "cluster_client.py")]


class Three:
    """A proxy before each node, and a client that was told of the first one alone."""

    def __init__(self, cluster, asked):
        self.nodes, self.asked = cluster.nodes, asked
        self.proxied = Proxied(cluster.nodes[0], "--protocol", "redis",
                               *(word for i, node in enumerate(cluster.nodes[1:])
                                 for word in ("--add", "n%d=127.0.0.1:0=%s,redis" % (i, node.address))))

    def __enter__(self):
        self.proxy = self.proxied.__enter__()
        try:
            self.asked.do("cluster", port=self.proxy.port)
        except BaseException:
            self.proxied.__exit__()
            raise
        return self

    def __exit__(self, *error):
        try:
            if error[0] is None:
                stays_behind(self.asked, self.proxy, self.nodes)
        finally:
            self.asked.answer("close")
            self.proxied.__exit__()

    def run(self, *words):
        return self.asked.do("run", words=words)


def stays_behind(asked, proxy, real):
    ports = dialed(asked.process.pid)
    assert not ports & {node.port for node in real}, "the client is connected to a real server"
    behind = {int(one["listen"].rsplit(":", 1)[1]) for one in proxy.api("GET", "/proxies")[1].values()}
    assert ports & behind, "no connection to a proxy: %s" % ports


def alike(cluster, asked):
    for node in cluster.nodes:
        node.ask("FLUSHALL")
    asked.do("cluster", port=cluster.nodes[0].port)
    direct = asked.do("work")
    asked.do("close")
    for node in cluster.nodes:
        node.ask("FLUSHALL")
    with Three(cluster, asked) as three:
        assert asked.do("work") == direct and len(direct) > 95
        for one in three.proxy.api("GET", "/stats")[1]["proxies"]:
            assert one["raw"] == 0 and one["exchanges"] > 10, one
    return "%d results" % len(direct)


def slot_moves(cluster, asked):
    """A real slot moves, from the first half of its keys on: ASK, then MOVED, between other proxies."""
    with Three(cluster, asked) as three:
        tag = "{move}"
        old, slot = cluster.owner(tag)
        new = (old + 1) % 3
        giver, taker = cluster.nodes[old], cluster.nodes[new]
        three.run("SET", tag + "stays", "1")
        taker.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", cluster.ids[old])
        giver.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", cluster.ids[new])
        three.run("SET", tag + "new", "2")                  # by ASK
        assert taker.ask("CLUSTER", "COUNTKEYSINSLOT", slot) == 1
        for key in giver.ask("CLUSTER", "GETKEYSINSLOT", slot, 100):
            giver.ask("MIGRATE", "127.0.0.1", taker.port, key, 0, 5000)
        for node in (taker, giver, *cluster.nodes):
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", cluster.ids[new])
        assert (three.run("GET", tag + "stays"), three.run("GET", tag + "new")) == ("1", "2")       # by MOVED
        three.run("DEL", tag + "stays", tag + "new")
        for node in (giver, taker, *cluster.nodes):
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", cluster.ids[old])
        three.run("SET", tag + "back", "3")
        assert giver.ask("GET", tag + "back") == "3"


def key_of(cluster):
    """One of the first node, where the failures are set."""
    return next("k%d" % i for i in range(100) if cluster.owner("k%d" % i)[0] == 0)


def led_away(cluster, asked, failure):
    """Sent to another proxy once, the client comes back and gets its answer."""
    with Three(cluster, asked) as three:
        key = key_of(cluster)
        three.run("SET", key, "v")
        for _ in range(5):
            three.proxy.set("error", failure=failure, times=1, match="^(GET|SET)")
            assert three.run("GET", key) == "v"
            assert three.proxy.api("GET", "/behavior")[1]["hits"] == 1


def in_a_circle(cluster, asked, who):
    with Three(cluster, asked) as three:
        key = key_of(cluster)
        three.run("SET", key, "v")
        three.proxy.set("error", failure="moved", match="^GET")
        answer = asked.raised("run", words=["GET", key])
        assert answer["raised"] == CIRCLE[who][0] and CIRCLE[who][1] in answer["text"], answer
        three.proxy.set("dummy")
        assert three.run("GET", key) == "v"
        return "%s: %s" % (answer["raised"], answer["text"].split(".")[0])


def raises(cluster, asked, who, failure):
    with Three(cluster, asked) as three:
        key = key_of(cluster)
        three.run("SET", key, "v")
        three.proxy.set("error", failure=failure, match="^SET")
        answer = asked.raised("run", words=["SET", key, "lost"])
        expected = RAISED[failure]
        assert answer["raised"] == expected[CLIENTS.index(who)], answer
        assert expected[2] in answer["text"] or CIRCLE["ioredis"] == (answer["raised"], answer["text"].split(".")[0]), answer
        three.proxy.set("dummy")
        assert cluster.nodes[0].ask("GET", key) == "v" and three.run("GET", key) == "v"
        return "%s: %s" % (answer["raised"], answer["text"][:40])


def failover(work, asked):
    """The master is killed; Sentinel promotes the replica; the client follows through the proxies."""
    folder = pathlib.Path(work) / "sentinel"
    shutil.rmtree(str(folder), ignore_errors=True)
    watched = Watched(folder)
    real = (watched.master, watched.replica, watched.sentinel)
    try:
        watched.sentinel.ask("SENTINEL", "SET", "shop", "down-after-milliseconds", 1000)
        with Proxied(watched.sentinel, "--protocol", "redis", "--add", "m=127.0.0.1:0=%s,redis" % watched.master.address,
                     "--add", "r=127.0.0.1:0=%s,redis" % watched.replica.address) as proxy:
            asked.do("sentinel", port=proxy.port)
            asked.do("run", words=["SET", "order", "1"])
            stays_behind(asked, proxy, real)
            until(lambda: watched.replica.ask("GET", "order") == "1", what="the replica to have it")
            watched.master.process.kill()
            until(lambda: watched.replica.ask("ROLE")[0] == "master", 60, what="the replica to lead")
            asked.do("run", words=["SET", "order", "2"])
            assert watched.replica.ask("GET", "order") == "2"
            stays_behind(asked, proxy, real)
            asked.do("close")
    finally:
        watched.stop()


def prepare(work):
    folder = pathlib.Path(work) / "cluster"
    shutil.rmtree(str(folder), ignore_errors=True)
    return Cluster(folder)


def cases(work, cluster):
    try:
        for who in CLIENTS:
            asked = Asked(work, who, *words_of(who))
            yield who, "a broad workload, equal to direct; nothing raw", lambda: alike(cluster, asked)
            yield who, "a slot moves: ASK, then MOVED, of the servers themselves", lambda: slot_moves(cluster, asked)
            for failure in ("moved", "ask"):
                yield who, "`%s` with times=1, five times" % failure, lambda: led_away(cluster, asked, failure)
            yield who, "`moved` without a limit", lambda: in_a_circle(cluster, asked, who)
            for failure in RAISED:
                yield who, "`%s`; the value read directly" % failure, lambda: raises(cluster, asked, who, failure)
            yield who, "a failover of Sentinel: the master is killed", lambda: failover(work, asked)
            asked.stop()
    finally:
        cluster.stop()
