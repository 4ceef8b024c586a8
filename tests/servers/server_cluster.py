"""A real Redis Cluster of three nodes, and a real Redis with a replica under Sentinel."""
import os
import subprocess

import pytest

from conftest import need
from harness import free_port, listening, patience, until

SLOTS = [(0, 5460), (5461, 10922), (10923, 16383)]


class Node:
    def __init__(self, directory, *words, sentinel=None):
        self.directory = str(directory)
        self.port = free_port()
        self.address = "127.0.0.1:%d" % self.port
        os.makedirs(self.directory, exist_ok=True)
        start = [need("redis-server")]
        if sentinel is not None:
            with open(os.path.join(self.directory, "conf"), "w") as file:
                file.write("port %d\nbind 127.0.0.1\ndir %s\n%s" % (self.port, self.directory, sentinel))
            start += [os.path.join(self.directory, "conf"), "--sentinel"]
        else:
            start += ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", self.directory]
        self.process = subprocess.Popen(start + [str(word) for word in words], stdin=subprocess.DEVNULL,
                                        stdout=open(os.path.join(self.directory, "log"), "w"), stderr=subprocess.STDOUT)
        until(lambda: self.process.poll() is not None or listening(self.port), what="Redis to listen")
        assert self.process.poll() is None, open(os.path.join(self.directory, "log")).read()[-2000:]

    def ask(self, *words):
        """Directly, by a client of its own."""
        import redis
        with redis.Redis(port=self.port, socket_timeout=patience(), decode_responses=True) as client:
            return client.execute_command(*words)

    def stop(self):
        self.process.kill()
        self.process.wait(patience())


class Cluster:
    """Three nodes, a third of the slots each."""

    def __init__(self, directory):
        self.nodes = [Node(directory / str(i), "--cluster-enabled", "yes", "--cluster-port", free_port(),
                           "--cluster-node-timeout", "15000") for i in range(3)]
        for node, (first, last), epoch in zip(self.nodes, SLOTS, (1, 2, 3)):
            node.ask("CLUSTER", "ADDSLOTSRANGE", first, last)
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", epoch)
        bus = [node.ask("CONFIG", "GET", "cluster-port")[1] for node in self.nodes]
        for node, port in list(zip(self.nodes, bus))[1:]:
            self.nodes[0].ask("CLUSTER", "MEET", "127.0.0.1", node.port, port)
        self.await_whole()
        self.ids = [node.ask("CLUSTER", "MYID") for node in self.nodes]

    def await_whole(self):
        def whole():
            said = [node.ask("CLUSTER", "INFO") for node in self.nodes]
            if not all("cluster_state:ok" in info and "cluster_known_nodes:3" in info for info in said):
                return False
            return all(len(node.ask("CLUSTER", "SLOTS")) == 3 for node in self.nodes)
        until(whole, what="the cluster to be whole")

    def owner(self, key):
        """(index of its node, its slot)"""
        slot = self.nodes[0].ask("CLUSTER", "KEYSLOT", key)
        return [first <= slot <= last for first, last in SLOTS].index(True), slot

    def stop(self):
        for node in self.nodes:
            node.stop()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    one = Cluster(tmp_path_factory.mktemp("cluster"))
    yield one
    one.stop()


class Watched:
    """A master, a replica, and a Sentinel that watches them."""

    def __init__(self, directory):
        self.master = Node(directory / "master", "--repl-diskless-sync-delay", 0)
        self.replica = Node(directory / "replica", "--replicaof", "127.0.0.1", self.master.port)
        self.directory = directory
        self.sentinel = self.watcher("sentinel")
        until(lambda: self.master.ask("ROLE")[2], what="the replica to follow")
        until(lambda: self.sentinel.ask("SENTINEL", "REPLICAS", "shop"), what="Sentinel to know the replica")

    def watcher(self, name):
        one = Node(self.directory / name, sentinel=(
            "sentinel monitor shop 127.0.0.1 %d 1\nsentinel down-after-milliseconds shop 60000\n"
            "sentinel failover-timeout shop 10000\n" % self.master.port))
        one.ask("SENTINEL", "DEBUG", "info-period", 200, "publish-period", 100)     # instead of 10 and 2 s
        return one

    def another_sentinel(self):
        """One more, which the first one knows."""
        one = self.watcher("another")
        until(lambda: self.sentinel.ask("SENTINEL", "SENTINELS", "shop"), what="the Sentinels to meet")
        return one

    def fail_over(self):
        """Asks until Sentinel knows enough of the replica."""
        def asked():
            try:
                return self.sentinel.ask("SENTINEL", "FAILOVER", "shop")
            except Exception as error:
                return "NOGOODSLAVE" not in str(error)
        until(asked, what="Sentinel to begin")

    def stop(self):
        for node in (self.sentinel, self.replica, self.master):
            node.stop()


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    one = Watched(tmp_path_factory.mktemp("watched"))
    yield one
    one.stop()
