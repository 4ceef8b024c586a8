"""Failovers of real Redis servers behind the map: a replica takes a killed master's place in a cluster, a master asks for it in
another, Sentinel tells clients, or a rule keeps it from them. No client goes past the proxies."""
import re

import pytest

from harness import SAN, free_port, need_module, patience, until
from server_cluster import SLOTS, Node, watched                 # noqa: F401: a fixture
from test_redis_cluster import client, info_of, proxies_of, stays_behind      # noqa: F401: a fixture

redis = need_module("redis")
from redis import exceptions                                    # noqa: E402

pytestmark = pytest.mark.skipif(bool(SAN), reason="what is parsed is in the vectors, too")


@pytest.fixture(scope="module")
def replicated(tmp_path_factory):
    """A cluster of three masters, of which the first has a replica: [master, replica, master, master]."""
    directory = tmp_path_factory.mktemp("replicated")
    nodes = [Node(directory / str(i), "--cluster-enabled", "yes", "--cluster-port", free_port(), "--cluster-node-timeout", "2500",
                  "--repl-diskless-sync-delay", 0, "--repl-ping-replica-period", 1, "--cluster-replica-validity-factor", 0) for i in range(4)]
    bus = [node.ask("CONFIG", "GET", "cluster-port")[1] for node in nodes]
    for node, slots, epoch in zip((nodes[0], nodes[2], nodes[3]), SLOTS, (1, 2, 3)):
        node.ask("CLUSTER", "ADDSLOTSRANGE", *slots)
        node.ask("CLUSTER", "SET-CONFIG-EPOCH", epoch)
    for node, port in list(zip(nodes, bus))[1:]:
        nodes[0].ask("CLUSTER", "MEET", "127.0.0.1", node.port, port)
    until(lambda: all("cluster_known_nodes:4" in node.ask("CLUSTER", "INFO") for node in nodes), what="the nodes to meet")
    nodes[1].ask("CLUSTER", "REPLICATE", nodes[0].ask("CLUSTER", "MYID"))
    until(lambda: all("cluster_state:ok" in node.ask("CLUSTER", "INFO") and len(node.ask("CLUSTER", "SLOTS")) == 3 for node in nodes) and
          nodes[1].ask("INFO", "replication")["master_link_status"] == "up" and
          all(str(nodes[1].port) in str(node.ask("CLUSTER", "SLOTS")) for node in nodes), what="the replica")
    yield nodes
    for node in nodes:
        node.stop()


class Application:
    """It tries again for as long as the cluster is down. redis-py 4.3 cannot read the slots anew once it has lost a node
    (a lock in its options is not copied): then with a client of its own."""

    def __init__(self, client, port):
        self.client, self.port = client, port
        self.one = client(port)

    def write(self, keys, n):
        for key in keys:
            def tried():
                try:
                    return self.one.set(key, n)
                except exceptions.RedisClusterException:
                    self.one = self.client(self.port)
                except (exceptions.ConnectionError, exceptions.TimeoutError, exceptions.ClusterError, exceptions.ResponseError):
                    pass
            until(tried, 30, what="%s to be written" % key)
        assert [int(self.one.get(key)) for key in keys] == [n] * len(keys)


def test_a_replica_takes_over_and_a_killed_master_is_replaced(start, replicated, client):      # noqa: F811
    master, replica, other, third = replicated
    proxy = start("--protocol", "redis", "--threads", "2", *[word for name, node in (("replica", replica), ("two", other), ("three", third))
                                                             for word in ("--add", "%s=127.0.0.1:0=%s,redis" % (name, node.address))], backend=master)
    behind = proxies_of(proxy)
    app = Application(client, behind[other.port])
    keys = ["key:%d" % i for i in range(30)]
    app.write(keys, 1)
    stays_behind(proxy, *replicated)

    # each says who leads and who follows, by the names of the proxies
    for node, port in ((master, behind[master.port]), (replica, behind[replica.port])):
        with redis.Redis(port=port, socket_timeout=patience(), decode_responses=True) as direct:
            said, role = direct.info("replication"), direct.execute_command("ROLE")
        if node is master:
            assert (said["connected_slaves"], said["slave0"]["ip"], said["slave0"]["port"]) == (1, "127.0.0.1", behind[replica.port])
            assert [tuple(entry[:2]) for entry in role[2]] == [("127.0.0.1", str(behind[replica.port]))]
        else:
            assert (said["master_host"], said["master_port"]) == ("127.0.0.1", behind[master.port])
            assert (role[0], role[1], int(role[2])) == ("slave", "127.0.0.1", behind[master.port])

    # the replica is asked to take over, while the client works
    assert replica.ask("CLUSTER", "FAILOVER")
    until(lambda: replica.ask("ROLE")[0] == "master", 30, what="the replica to lead")
    app.write(keys, 2)
    stays_behind(proxy, *replicated)
    until(lambda: master.ask("ROLE")[0] == "slave" and master.ask("INFO", "replication")["master_link_status"] == "up", 30, what="the old master to follow")

    # the new master is killed: the old one leads again
    mine = [key for key in keys if app.one.keyslot(key) <= SLOTS[0][1]]
    assert mine and sum(1 for key in mine if replica.ask("EXISTS", key)) == len(mine)
    replica.stop()
    until(lambda: master.ask("ROLE")[0] == "master", 30, what="the old master to lead")
    app.write(keys, 3)
    assert {int(master.ask("GET", key)) for key in mine} == {3}
    stays_behind(proxy, *replicated)
    assert "unmapped_addresses" not in info_of(proxy)


def test_sentinels_news_is_lost_or_late(start, watched):        # noqa: F811
    """A client that waits for +switch-master does not hear it; INFO of Sentinel names proxies."""
    proxy = start("--protocol", "redis", "--add", "master=127.0.0.1:0=%s,redis" % watched.master.address,
                  "--add", "replica=127.0.0.1:0=%s,redis" % watched.replica.address, backend=watched.sentinel)
    behind = proxies_of(proxy)
    master = watched.master
    with redis.Redis(port=proxy.port, socket_timeout=patience(), decode_responses=True) as one:
        assert one.info("sentinel")["master0"]["address"] == "127.0.0.1:%d" % behind[master.port]
        assert proxy.api("POST", "/rules", {"behavior": "drop", "match": r"^PUSH \+switch-master", "direction": "response"})[0] == 200
        news = one.pubsub()
        news.psubscribe("*")
        until(lambda: news.get_message(timeout=1), what="the subscription")
        watched.fail_over()
        heard = []

        def over():
            message = news.get_message(timeout=1)
            if message:
                heard.append(message["channel"])
            return "+slave" in heard                            # the last of them
        until(over, 30, what="the failover")
        assert "+switch-master" not in heard and "+promoted-slave" in heard
        rule = proxy.api("GET", "/rules")[1]["rules"][-1]
        assert rule["hits"] == 1
        news.close()
    assert not re.search(r"127\.0\.0\.1:%d\b" % master.port, str(heard))
