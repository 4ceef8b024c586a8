"""Redis Cluster and Sentinel behind proxies: clients that learn addresses stay behind them, and faults reach them."""
import json
import os
import re

import pytest

from harness import SAN, dial, http_ask, listening, need_module, patience, until
from server_cluster import Node, cluster, watched               # noqa: F401: fixtures

redis = need_module("redis")
from redis import exceptions                                    # noqa: E402
from redis.cluster import RedisCluster                          # noqa: E402
from redis.sentinel import Sentinel                             # noqa: E402

pytestmark = pytest.mark.skipif(SAN == "thread", reason="two threads are in the plain run, too")


def ports_dialed():
    """The ports that sockets of this process are connected to, as the kernel lists them."""
    mine = set()
    for fd in os.listdir("/proc/self/fd"):
        try:
            mine.add(os.readlink("/proc/self/fd/" + fd))
        except OSError:
            pass
    found = set()
    with open("/proc/self/net/tcp") as table:
        for line in table.readlines()[1:]:
            words = line.split()
            if "socket:[%s]" % words[9] in mine:
                found.add(int(words[2].split(":")[1], 16))
    return found


def proxies_of(proxy):
    """{real port: the port of its proxy}"""
    status, all_of = proxy.api("GET", "/proxies")
    assert status == 200
    return {int(one["upstream"].rsplit(":", 1)[1]): int(one["listen"].rsplit(":", 1)[1]) for one in all_of.values()}


def info_of(proxy, name="default"):
    return [one for one in proxy.api("GET", "/info")[1]["proxies"] if one["name"] == name][0]


@pytest.fixture
def three(start, cluster):                                      # noqa: F811
    """A proxy before each node; the first one is the default, and all reply to each other's names."""
    nodes = cluster.nodes
    return start("--protocol", "redis", "--threads", "2", "--add", "two=127.0.0.1:0=%s,redis" % nodes[1].address,
                 "--add", "three=127.0.0.1:0=%s,redis" % nodes[2].address, backend=nodes[0])


@pytest.fixture
def client():
    """client(port): a cluster client; closed at the end."""
    made = []

    def to(port, **options):
        made.append(RedisCluster(host="127.0.0.1", port=port, socket_timeout=patience(), **options))
        return made[-1]
    yield to
    for one in made:
        one.close()
        one.disconnect_connection_pools()


def stays_behind(proxy, *nodes):
    assert not ports_dialed() & {node.port for node in nodes}
    assert ports_dialed() & set(proxies_of(proxy).values())


def raw_answer(port, *words, host="127.0.0.1"):
    """One line."""
    with dial((host, port)) as end:
        end.send("".join(["*%d\r\n" % len(words)] + ["$%d\r\n%s\r\n" % (len(word), word) for word in words]).encode())
        return end.read_to(b"\r\n").decode()


def numbers_said(port, *commands):
    """All numbers in what is replied to a pipeline."""
    with dial(port) as end:
        end.send("\r\n".join(commands + ("nothing-else", "")).encode())
        return set(re.findall(r"\b\d+\b", end.read_to(b"nothing-else").decode()))


def test_a_cluster_client_stays_behind_the_proxies_while_slots_move(three, cluster, client):    # noqa: F811
    one = client(three.port)
    keys = {"key:%d" % i: "%d" % i for i in range(60)}
    for key, value in keys.items():
        one.set(key, value)
    assert {key: one.get(key).decode() for key in keys} == keys
    behind = proxies_of(three)
    assert {node.port for node in one.get_nodes()} == set(behind.values())
    stays_behind(three, *cluster.nodes)
    assert sum(len(node.ask("KEYS", "key:*")) for node in cluster.nodes) == len(keys)

    # a slot moves, while the client asks for its keys: ASK at first, then MOVED
    tag = "{key:0}"
    old, slot = cluster.owner(tag)
    new = (old + 1) % 3
    giver, taker = cluster.nodes[old], cluster.nodes[new]
    one.set(tag + "stays", "1")
    taker.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", cluster.ids[old])
    giver.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", cluster.ids[new])
    late = dial(behind[giver.port])
    try:
        late.send("MULTI\r\nGET {0}stays\r\n".format(tag).encode())
        assert late.read_to(b"+QUEUED\r\n") == b"+OK\r\n+QUEUED\r\n"
        assert raw_answer(behind[giver.port], "GET", tag + "new") == "-ASK %d 127.0.0.1:%d\r\n" % (slot, behind[taker.port])
        one.set(tag + "new", "2")                               # by ASK
        assert one.get(tag + "stays") == b"1" and one.get(tag + "new") == b"2"
        assert taker.ask("CLUSTER", "COUNTKEYSINSLOT", slot) == 1
    finally:
        for key in giver.ask("CLUSTER", "GETKEYSINSLOT", slot, 100):
            giver.ask("MIGRATE", "127.0.0.1", taker.port, key, 0, 5000)
        for node in (taker, giver, *cluster.nodes):
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", cluster.ids[new])
    try:
        assert raw_answer(behind[giver.port], "GET", tag + "new") == \
            "-MOVED %d 127.0.0.1:%d\r\n" % (slot, behind[taker.port])
        late.send(b"EXEC\r\n")                          # of what was queued while the slot was there
        assert late.read_to(b"\r\n").decode() == "-MOVED %d 127.0.0.1:%d\r\n" % (slot, behind[taker.port])
        assert one.get(tag + "stays") == b"1" and one.get(tag + "new") == b"2"      # by MOVED
        stays_behind(three, *cluster.nodes)
    finally:
        late.close()
        for key in taker.ask("CLUSTER", "GETKEYSINSLOT", slot, 100):
            taker.ask("DEL", key)
        for node in (giver, taker, *cluster.nodes):
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", cluster.ids[old])
    assert "unmapped_addresses" not in info_of(three)


def test_every_reply_that_names_nodes_names_proxies(three, cluster):    # noqa: F811
    behind = proxies_of(three)
    real = {str(port) for port in behind}
    with redis.Redis(port=three.port, socket_timeout=patience(), decode_responses=True) as one:
        slots = one.execute_command("CLUSTER SLOTS")
        assert {entry[2][1] for entry in slots} == set(behind.values())
        nodes = one.execute_command("CLUSTER NODES")
        assert {int(at.rsplit(":", 1)[1]) for at in nodes} == set(behind.values())
    asked = "CLUSTER SHARDS", "CLUSTER SLOTS", "CLUSTER NODES", "MULTI", "INFO replication", "CLUSTER SLOTS", "ROLE", "EXEC"
    for hello in (), ("HELLO 3",):
        said = numbers_said(three.port, *hello, *asked)
        assert not said & real and {str(port) for port in behind.values()} <= said
        transaction = numbers_said(three.port, *hello, *asked[3:])
        assert not transaction & real and {str(port) for port in behind.values()} <= transaction


def test_replies_that_no_client_follows_stay(three, cluster):       # noqa: F811
    first = str(cluster.nodes[0].port)
    real = {str(node.port) for node in cluster.nodes}
    for hello in (), ("HELLO 3",):
        assert first in numbers_said(three.port, *hello, "CONFIG GET port")
        assert first in numbers_said(three.port, *hello, "CLIENT INFO")        # laddr
        assert not real & numbers_said(three.port, *hello, "CLUSTER LINKS", "CLUSTER INFO", "CLUSTER MYID")


def test_a_client_gets_addresses_that_it_can_reach(start, cluster):     # noqa: F811
    """A proxy on all addresses has the one that the client came to."""
    one, two = cluster.nodes[:2]
    proxy = start("--protocol", "redis", "--add", "two=:0=%s,redis known_as='node-two.example:6379 10.9.8.7:1'" % two.address,
                  backend=one)
    port = proxies_of(proxy)[two.port]
    key = next("k%d" % i for i in range(100) if cluster.owner("k%d" % i)[0] == 1)
    assert raw_answer(proxy.port, "GET", key).endswith(" 127.0.0.1:%d\r\n" % port)
    # by a proxy on all addresses, for it is to be reached where this client is
    assert proxy.api("PATCH", "/proxies/default", {"listen": "0.0.0.0:%d" % proxy.port})[0] == 200
    assert raw_answer(proxy.port, "GET", key, host="127.0.0.3").endswith(" 127.0.0.3:%d\r\n" % port)


def test_unmapped_add_makes_proxies_with_the_same_rules(start, cluster, client):   # noqa: F811
    proxy = start("--protocol", "redis", "--threads", "2", "--unmapped", "add",
                  "--rule", "error failure=cluster_down match='^GET stop' name=stop", backend=cluster.nodes[0])
    one = client(proxy.port)
    for i in range(30):
        one.set("key:%d" % i, i)
    assert [int(one.get("key:%d" % i)) for i in range(30)] == list(range(30))
    stays_behind(proxy, *cluster.nodes)
    all_of = {entry["name"]: entry for entry in proxy.api("GET", "/info")[1]["proxies"]}
    others = {node.address for node in cluster.nodes[1:]}
    assert set(all_of) == {"default"} | others
    told = all_of["default"]["unmapped_addresses"]
    assert {(at["address"], at["fate"], at["proxy"]) for at in told} == {(name, "added", name) for name in others}
    for name in others:
        assert all_of[name]["listen"].startswith("127.0.0.1:") and all_of[name]["unmapped"] == "add"
    stop = next("stop%d" % i for i in range(100) if cluster.owner("stop%d" % i)[0] == 1)
    assert raw_answer(proxies_of(proxy)[cluster.nodes[1].port], "GET", stop) == "-CLUSTERDOWN The cluster is down\r\n"
    # one that is removed is made again when it is told of again
    name = cluster.nodes[1].address
    assert proxy.api("DELETE", "/proxies/" + name)[0] == 204
    assert raw_answer(proxy.port, "GET", stop.replace("stop", "go")) is not None
    client(proxy.port).ping()
    until(lambda: name in proxy.api("GET", "/proxies")[1], what="the proxy to be added again")


def test_no_more_are_added_than_discover_says(start, cluster, tmp_path):    # noqa: F811
    events = tmp_path / "events"
    proxy = start("--protocol", "redis", "--unmapped", "add", "--discover", 1, "--events", events, backend=cluster.nodes[0])
    with redis.Redis(port=proxy.port, socket_timeout=patience()) as one:
        one.execute_command("CLUSTER SLOTS")
        one.execute_command("CLUSTER SLOTS")
    fates = sorted(at["fate"] for at in info_of(proxy)["unmapped_addresses"])
    assert fates == ["added", "passed"]
    proxy.logged("--discover allows no more")
    found = until(lambda: [line for line in events.read_text().splitlines() if '"bypass"' in line], what="the event")
    assert len(found) == 1 and json.loads(found[0])["address"] in {node.address for node in cluster.nodes[1:]}


def test_unmapped_addresses_pass_with_one_warning_or_are_hidden(start, cluster, tmp_path):  # noqa: F811
    events = tmp_path / "events"
    proxy = start("--protocol", "redis", "--events", events, backend=cluster.nodes[0])
    key = next("k%d" % i for i in range(100) if cluster.owner("k%d" % i)[0] == 1)
    real = cluster.nodes[1].address
    for _ in range(3):
        assert raw_answer(proxy.port, "GET", key).endswith(" %s\r\n" % real)
    assert len(re.findall(r"names %s to clients, and no proxy stands before it" % real, proxy.whole_log())) == 1
    assert [(at["address"], at["fate"], at["times"]) for at in info_of(proxy)["unmapped_addresses"]] == [(real, "passed", 3)]
    until(lambda: events.read_text().count('"type": "bypass"') == 1, what="the event")
    metrics = http_ask(proxy, "GET", "/metrics")[2]
    assert 'vaurien_bypasses_total{proxy="default"} 3\n' in metrics
    assert 'vaurien_unmapped_addresses{proxy="default",fate="passed"} 1\n' in metrics

    assert proxy.api("PATCH", "/proxies/default", {"unmapped": "hide"})[0] == 200
    assert raw_answer(proxy.port, "GET", key) == "-CLUSTERDOWN Hash slot not served\r\n"
    with redis.Redis(port=proxy.port, socket_timeout=patience()) as one:
        assert len(one.execute_command("CLUSTER SLOTS")) == 1
    # a proxy that knows the name is found from then on
    assert proxy.api("POST", "/proxies", {"name": "late", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1",
                                          "protocol": "redis", "known_as": "x.example:1, %s" % real})[0] == 201
    assert raw_answer(proxy.port, "GET", key).endswith(" 127.0.0.1:%d\r\n" % proxies_of(proxy)[1])
    # topology = hide leaves this server alone
    assert proxy.api("PATCH", "/proxies/default", {"topology": "hide"})[0] == 200
    assert raw_answer(proxy.port, "GET", key) == "-CLUSTERDOWN Hash slot not served\r\n"
    assert proxy.api("PATCH", "/proxies/default", {"topology": "pass"})[0] == 200
    assert raw_answer(proxy.port, "GET", key).endswith(" %s\r\n" % real)


# ---- failures ----

def test_moved_and_ask_lead_to_another_proxy(three, cluster, client):       # noqa: F811
    behind = proxies_of(three)
    key = next("k%d" % i for i in range(100) if cluster.owner("k%d" % i)[0] == 0)
    slot = cluster.owner(key)[1]
    one = client(three.port)
    one.set(key, "v")
    others = {behind[node.port] for node in cluster.nodes[1:]}
    for failure in "moved", "ask":
        three.set("error", failure=failure, times=1)
        word, number, at = raw_answer(three.port, "GET", key).split()
        assert (word, int(number)) == ("-" + failure.upper(), slot) and int(at.split(":")[1]) in others
        # the client follows, and the server there sends it back
        three.set("error", failure=failure, times=1)
        assert one.get(key) == b"v"
        assert three.api("GET", "/behavior")[1]["hits"] == 1
    # in a circle: for ever sent away
    three.set("error", failure="moved", match="^GET")
    with pytest.raises(exceptions.ClusterError):
        one.get(key)
    three.set("dummy")
    assert one.get(key) == b"v"
    stays_behind(three, *cluster.nodes)


def test_masterdown_and_cluster_down_are_believed(three, cluster, client):      # noqa: F811
    key = next("k%d" % i for i in range(100) if cluster.owner("k%d" % i)[0] == 0)
    one = client(three.port, cluster_error_retry_attempts=1)
    for failure, error, text in (("masterdown", exceptions.MasterDownError, "Link with MASTER is down and "),
                                 ("cluster_down", exceptions.ClusterDownError, "The cluster is down"),
                                 ("slot_not_served", exceptions.ClusterDownError, "Hash slot not served")):
        three.set("error", failure=failure, match="^GET")
        with pytest.raises(error) as caught:
            one.get(key)
        assert text in str(caught.value)
        three.set("dummy")
        one.set(key, "v")
        assert one.get(key) == b"v"


# ---- Sentinel ----

def test_every_reply_of_sentinel_names_proxies(start, watched):     # noqa: F811
    second = watched.another_sentinel()
    try:
        nodes = watched.master, watched.replica, watched.sentinel, second
        proxy = start("--protocol", "redis", "--unmapped", "add", backend=watched.sentinel)
        with redis.Redis(port=proxy.port, socket_timeout=patience()) as one:
            one.execute_command("SENTINEL SENTINELS", "shop"), one.execute_command("SENTINEL REPLICAS", "shop")
            one.execute_command("SENTINEL MASTERS")
        # as soon as they are made
        behind = until(lambda: (lambda found: found if len(found) == 4 else None)(proxies_of(proxy)), what="the proxies")
        real = {str(node.port) for node in nodes}
        names = {node: str(behind[node.port]) for node in nodes}
        for hello in (), ("HELLO 3",):
            for command, node in (("GET-MASTER-ADDR-BY-NAME", watched.master), ("MASTER", watched.master),
                                  ("REPLICAS", watched.replica), ("SLAVES", watched.replica), ("SENTINELS", second)):
                said = numbers_said(proxy.port, *hello, "SENTINEL %s shop" % command)
                assert names[node] in said and not said & real, command
            for command in "SENTINEL MASTERS", "INFO":
                said = numbers_said(proxy.port, *hello, command)
                assert names[watched.master] in said and (command == "INFO" or not said & real), command
            # no client follows it
            assert str(watched.master.port) in numbers_said(proxy.port, *hello, "SENTINEL INFO-CACHE shop")
    finally:
        second.stop()


def test_a_failover_of_sentinel_is_watched_through_proxies(start, watched):    # noqa: F811
    proxy = start("--protocol", "redis", "--add", "master=127.0.0.1:0=%s,redis" % watched.master.address,
                  "--add", "replica=127.0.0.1:0=%s,redis" % watched.replica.address, backend=watched.sentinel)
    behind = proxies_of(proxy)
    master, replica = behind[watched.master.port], behind[watched.replica.port]
    sentinel = Sentinel([("127.0.0.1", proxy.port)], socket_timeout=patience(), decode_responses=True)
    assert sentinel.discover_master("shop") == ("127.0.0.1", master)
    assert sentinel.discover_slaves("shop") == [("127.0.0.1", replica)]
    shop = sentinel.master_for("shop", socket_timeout=patience())
    shop.set("order", "1")
    assert watched.master.ask("GET", "order") == "1"

    with redis.Redis(port=proxy.port, socket_timeout=patience(), decode_responses=True) as one:
        said = one.sentinel_master("shop")
        assert (said["ip"], said["port"]) == ("127.0.0.1", master)
        said = one.sentinel_slaves("shop")[0]
        assert said["name"] == "127.0.0.1:%d" % replica and said["master-port"] in (master, str(master))
        news = one.pubsub()
        news.psubscribe("+*")
        until(lambda: news.get_message(timeout=1), what="the subscription")
        watched.fail_over()
        heard = {}

        def switched():
            message = news.get_message(timeout=1)
            if message:
                heard[message["channel"]] = message["data"]
            return "+switch-master" in heard
        until(switched, 30, what="+switch-master")
        assert heard["+switch-master"] == "shop 127.0.0.1 %d 127.0.0.1 %d" % (master, replica)
        assert heard["+try-failover"] == "master shop 127.0.0.1 %d" % master
        stays_behind(proxy, watched.master, watched.replica, watched.sentinel)
        news.close()
    assert sentinel.discover_master("shop") == ("127.0.0.1", replica)
    shop.connection_pool.disconnect()
    until(lambda: watched.replica.ask("ROLE")[0] == "master", what="the replica to lead")
    shop.set("order", "2")
    assert watched.replica.ask("GET", "order") == "2"
    stays_behind(proxy, watched.master, watched.replica, watched.sentinel)
    shop.connection_pool.disconnect()
    for one in sentinel.sentinels:
        one.connection_pool.disconnect()
    assert "unmapped_addresses" not in info_of(proxy)
