"""librdkafka and kafka-python, through vaurien, to librdkafka's mock of a Kafka: invisible, in step, and each fault as the client sees it."""
import contextlib
import os
import struct
import subprocess
import sys
import threading
import time

import pytest

from harness import SAN, dial, need, need_module, patience, until
from server_kafka import Brokers, before, before_in_tls, broker, brokers         # noqa: F401: fixtures

confluent_kafka = need_module("confluent_kafka")
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition      # noqa: E402

FAST = {"log_level": 0, "socket.timeout.ms": 10000, "retry.backoff.ms": 20, "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 100,
        "topic.metadata.refresh.fast.interval.ms": 20}


def address(ports):
    return ",".join("127.0.0.1:%d" % port for port in ports)


def named(options):
    return {name if name.endswith("_cb") else name.replace("_", "."): value for name, value in options.items()}


def producer(ports, **options):
    return Producer(dict(FAST, **named(options), **{"bootstrap.servers": address(ports)}))


def consumer(ports, group, **options):
    words = {"group.id": group, "auto.offset.reset": "earliest", "session.timeout.ms": 6000, "heartbeat.interval.ms": 100,
             "fetch.wait.max.ms": 50, "fetch.error.backoff.ms": 20}
    return Consumer(dict(FAST, **dict(words, **named(options)), **{"bootstrap.servers": address(ports)}))


def sent(client, topic, values, meanwhile=lambda: None, **options):
    """What became of each: the error's name, or None. `meanwhile` is called when all are on their way."""
    told = {}
    for value in values:
        try:                                    # the key decides the partition, so that it is the same without a proxy
            client.produce(topic, value, key=value[:6], **options,
                           on_delivery=lambda error, message: told.__setitem__(message.value(), error and error.name()))
        except KafkaException as error:         # the client remembers that it may not
            told[value] = error.args[0].name()
    meanwhile()
    assert client.flush(patience(20)) == 0
    return [told[value] for value in values]


def received(client, n, seconds=20):
    """n values, and the errors that came between."""
    values, errors = [], []

    def all_there():
        message = client.poll(0.2)
        if message is not None and message.error():
            errors.append(message.error().name())
        elif message is not None:
            values.append(message.value())
        return len(values) >= n
    until(all_there, seconds, "%d messages" % n)
    return values, errors


def peers(process):
    """The ports of 127.0.0.1 that this process is connected to."""
    inodes = set()
    for name in os.listdir("/proc/%d/fd" % process):
        try:
            inodes.add(os.readlink("/proc/%d/fd/%s" % (process, name)))
        except OSError:
            pass                                # closed meanwhile
    with open("/proc/net/tcp") as lines:
        rows = [line.split() for line in lines][1:]
    return {int(row[2].split(":")[1], 16) for row in rows if "socket:[%s]" % row[9] in inodes and row[3] != "0A"}


@contextlib.contextmanager
def peers_watched():
    """The ports that this process is connected to meanwhile."""
    seen, stop = set(), threading.Event()

    def watch():
        while not stop.is_set():
            seen.update(peers(os.getpid()))
            time.sleep(0.01)
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        stop.set()
        watcher.join()


def workload(ports, name):
    """Batches, a group of two, offsets, transactions: what the client saw of it, in an order that does not depend on time."""
    seen = []
    values = [b"%06d" % n for n in range(600)]
    one = producer(ports, linger_ms=5, compression_type="gzip")
    seen.append(set(sent(one, name, values)))
    seen.append(set(sent(one, name, [b"x" * 300000, b"y" * 500000])))
    readers = [consumer(ports, name + "-group") for _ in range(2)]
    for reader in readers:
        reader.subscribe([name])
    got = set()         # when the second reader joins, it may read again what the first one has not committed

    def both():
        got.update(message.value() for reader in readers for message in reader.consume(200, 0.05) if not message.error())
        return len(got) == 602
    until(both, 30, "602 messages")
    seen.append(sorted(got))
    seen.append(sorted(partition.offset for reader in readers for partition in (reader.commit(asynchronous=False) or [])))
    for reader in readers:
        reader.close()
    late = consumer(ports, name + "-group")
    partitions = late.list_topics(name, timeout=patience()).topics[name].partitions
    seen.append(sorted((p.partition, p.offset > 0) for p in late.committed([TopicPartition(name, n) for n in partitions], timeout=patience())))
    seen.append(sorted((n,) + late.get_watermark_offsets(TopicPartition(name, n), timeout=patience()) for n in partitions if n > 99))
    late.close()
    exact = producer(ports, transactional_id=name + "-tx")
    exact.init_transactions(patience(20))
    for n in range(3):
        exact.begin_transaction()
        exact.produce(name + "-out", b"in one")
        exact.abort_transaction(patience(20)) if n == 1 else exact.commit_transaction(patience(20))
    seen.append(sorted(one.list_topics(timeout=patience()).brokers))
    return seen


@pytest.fixture
def secure(monkeypatch):
    """secure(proxy): from now on all clients use TLS, and verify certificate and name."""
    def one(proxy):
        for name, value in (("security.protocol", "ssl"), ("ssl.ca.location", proxy.ca)):
            monkeypatch.setitem(FAST, name, value)
        return proxy
    return one


@pytest.mark.parametrize("tls", [False, pytest.param(True, marks=pytest.mark.skipif(bool(SAN), reason="once is enough"))],
                         ids=["plain", "tls"])
def test_a_broad_workload_is_as_direct_and_stays_with_the_proxies(start, brokers, secure, tmp_path, tls):
    """The direct one runs in another process, so that the kernel's table shows where this one is connected to."""
    here = os.path.dirname(os.path.abspath(__file__))
    direct = subprocess.Popen([sys.executable, "-c", "import test_kafka; print(test_kafka.workload([%d], 'direct-%d'))" % (brokers.ports[0], tls)],
                              stdout=subprocess.PIPE, cwd=here, universal_newlines=True,
                              env=dict(os.environ, PYTHONPATH=os.path.dirname(here)))
    proxy = secure(before_in_tls(start, brokers, tmp_path)) if tls else before(start, brokers)
    name = "secured" if tls else "through"
    with peers_watched() as seen:
        through = workload(proxy.ports[:1], name)
    # the mock draws the leaders of partitions, so that a broker may have none
    assert len(set(proxy.ports) & seen) >= 2 and not set(brokers.ports) & seen
    assert direct.communicate(timeout=patience(60))[0] == "%s\n" % through
    assert [one["raw"] for one in proxy.api("GET", "/info")[1]["proxies"]] == [0, 0, 0]


@pytest.mark.skipif(bool(SAN), reason="once is enough")
def test_a_client_goes_on_while_a_broker_is_dead(start):
    """It leads a partition before and after. While it is dead, its proxy resets whom it cannot connect."""
    three = Brokers(3)
    try:
        three.do("topic_create", "mortal", 3, 3)
        three.lead("mortal", (1, 2, 3))
        proxy = before(start, three)
        values = [b"%06d" % n for n in range(30)]
        with peers_watched() as seen:
            one = producer(proxy.ports[:1])
            assert sent(one, "mortal", values[:10]) == [None] * 10
            until(lambda: set(proxy.ports) <= seen, what="connections to all brokers")

            def another_leads():
                proxy.logged("proxy=broker2 .*its client is reset")
                three.lead("mortal", (1, 3, 3))
            three.do("broker_set_down", 2)
            assert sent(one, "mortal", values[10:20], another_leads) == [None] * 10
            three.do("broker_set_up", 2)
            three.lead("mortal", (1, 2, 3))
            assert sent(one, "mortal", values[20:]) == [None] * 10
            reader = consumer(proxy.ports[:1], "mortal")
            reader.assign([TopicPartition("mortal", n, 0) for n in range(3)])
            assert sorted(received(reader, 30)[0]) == values
            reader.close()
        assert not set(three.ports) & seen
        assert [one["raw"] for one in proxy.api("GET", "/info")[1]["proxies"]] == [0, 0, 0]
    finally:
        three.stop()


@pytest.mark.skipif(bool(SAN), reason="once is enough")
def test_small_reads(start, brokers):
    proxy = before(start, brokers, "--bufsize", "1")
    one = producer(proxy.ports)
    assert sent(one, "small", [b"a", b"b"], partition=0) == [None, None]
    two = consumer(proxy.ports, "small")
    two.assign([TopicPartition("small", 0, 0)])
    assert sorted(received(two, 2)[0]) == [b"a", b"b"]
    two.close()


@pytest.mark.parametrize("failure, error, acks", [
    ("not_primary", None, "all"), ("query_timeout", "REQUEST_TIMED_OUT", "all"),
    ("no_replicas", "NOT_ENOUGH_REPLICAS", "all"), ("no_replicas_after_append", "NOT_ENOUGH_REPLICAS_AFTER_APPEND", "all"),
    ("disk_full", "KAFKA_STORAGE_ERROR", "1"), ("too_big", "MSG_SIZE_TOO_LARGE", "1"), ("unknown_topic", None, "1"),
    ("policy", "TOPIC_AUTHORIZATION_FAILED", "1"), ("internal_error", "UNKNOWN", "1")])
def test_produce_fails_as_the_broker_says_it(start, broker, failure, error, acks):
    """None: librdkafka looks for the leader and sends again, whatever `retries` is."""
    proxy = before(start, broker)
    one = producer(proxy.ports, retries=0, acks=acks, linger_ms=0)
    topic = "failing-" + failure
    assert sent(one, topic, [b"before"]) == [None]
    times = 1 if failure == "policy" else 3     # after which the client sends no more there
    proxy.set("error", failure=failure, match="^PRODUCE failing-", times=times)
    told = [sent(one, topic, [value])[0] for value in (b"1", b"2", b"3", b"4")]
    assert told == [error] * (4 if failure == "policy" else 3) + [None] * (failure != "policy")
    now = proxy.api("GET", "/behavior")[1]
    assert (now["hits"], now["unreachable"]) == (times, 0)


def test_a_refused_batch_is_sent_again_and_an_executed_one_twice(start, broker):
    """What is refused changes nothing in the broker; what is answered with a time-out is there."""
    proxy = before(start, broker)
    one = producer(proxy.ports, linger_ms=0)
    for failure in ("not_primary", "query_timeout"):
        proxy.set("error", failure=failure, match="^PRODUCE", times=1)
        assert sent(one, "again-" + failure, [b"v"], partition=0) == [None]
        assert proxy.api("GET", "/behavior")[1]["hits"] == 1
    proxy.set("dummy")
    two = consumer(broker.ports, "again")
    ends = [two.get_watermark_offsets(TopicPartition("again-" + name, 0), timeout=patience())[1] for name in ("not_primary", "query_timeout")]
    two.close()
    assert ends == [1, 2]


def test_without_acks_an_error_closes_the_connection(start, broker):
    proxy = before(start, broker)
    one = producer(proxy.ports, acks="0", linger_ms=0)
    assert sent(one, "acks", [b"before"]) == [None]
    proxy.set("error", failure="not_primary", match="^PRODUCE", times=1)
    assert sent(one, "acks", [b"lost"]) == [None]
    until(lambda: proxy.api("GET", "/behavior")[1]["hits"] == 1, what="the strike")
    assert proxy.logged("connection=\\d+ .*why=")
    assert sent(one, "acks", [b"after"]) == [None]


def test_a_fetch_is_struck_where_it_has_partitions(start, broker):
    """Without `times`: librdkafka throws answers away that it asked for before it was assigned anew."""
    proxy = before(start, broker)
    one = producer(proxy.ports, linger_ms=0)
    assert sent(one, "fetched", [b"x" * 200000], partition=0) == [None]
    two = consumer(proxy.ports, "fetched", auto_offset_reset="error")
    for failure, error in (("data_lost", "_AUTO_OFFSET_RESET"), ("policy", "TOPIC_AUTHORIZATION_FAILED")):
        proxy.set("error", failure=failure, match="^FETCH")
        two.assign([TopicPartition("fetched", 0, 0)])
        told = until(lambda: (message := two.poll(0.2)) is not None and message.error(), what="the error")
        assert told.name() == error
        assert proxy.api("GET", "/behavior")[1]["hits"] >= 1
        proxy.set("dummy")
        two.assign([TopicPartition("fetched", 0, 0)])
        assert received(two, 1)[0] == [b"x" * 200000]
    two.close()


def test_metadata_without_a_leader_is_asked_again(start, broker):
    proxy = before(start, broker)
    one = producer(proxy.ports)
    proxy.set("error", failure="no_leader", match="^METADATA", times=2)
    topic = one.list_topics("metadata", timeout=patience()).topics["metadata"]
    assert topic.error.name() == "LEADER_NOT_AVAILABLE"
    assert sent(one, "metadata", [b"v"]) == [None]
    assert proxy.api("GET", "/behavior")[1]["hits"] == 2


@pytest.mark.skipif(bool(SAN), reason="once is enough")
@pytest.mark.parametrize("failure, match", [("rebalance", "^HEARTBEAT"), ("member_lost", "^HEARTBEAT"), ("not_coordinator", "^JOINGROUP")])
def test_a_group_recovers(start, broker, failure, match):
    proxy = before(start, broker)
    one = producer(proxy.ports, linger_ms=0)
    topic = "group-" + failure
    assert sent(one, topic, [b"1"], partition=0) == [None]
    assigned = []
    if match != "^HEARTBEAT":
        proxy.set("error", failure=failure, match=match, times=1)
    two = consumer(proxy.ports, topic)
    two.subscribe([topic], on_assign=lambda _, partitions: assigned.append(len(partitions)))
    assert received(two, 1)[0] == [b"1"]
    if match == "^HEARTBEAT":
        proxy.set("error", failure=failure, match=match, times=1)
        until(lambda: two.poll(0.05) or len(assigned) == 2, 30, "the group to be joined anew")
    until(lambda: two.poll(0.05) or proxy.api("GET", "/behavior")[1]["hits"] == 1, what="the strike")
    assert sent(one, topic, [b"2"], partition=0) == [None]
    two.close()


def test_a_fenced_producer_is_lost_and_its_transaction_aborted(start, broker):
    proxy = before(start, broker)
    one = producer(proxy.ports, transactional_id="fenced")
    one.init_transactions(patience(20))
    one.begin_transaction()
    one.produce("fencing", b"v")
    one.flush(patience(20))
    proxy.set("error", failure="fenced", match="^ENDTXN", times=1)
    with pytest.raises(KafkaException) as told:
        one.commit_transaction(patience(20))
    assert told.value.args[0].fatal() and told.value.args[0].name() in ("_FENCED", "INVALID_PRODUCER_EPOCH", "PRODUCER_FENCED")
    assert proxy.api("GET", "/behavior")[1]["hits"] == 1
    del one
    two = producer(proxy.ports, transactional_id="fenced")
    two.init_transactions(patience(20))
    two.begin_transaction()
    two.produce("fencing", b"w")
    two.commit_transaction(patience(20))


def test_a_transaction_under_way_is_waited_for(start, broker):
    proxy = before(start, broker)
    proxy.set("error", failure="conflict", match="^INITPRODUCERID", times=2)
    one = producer(proxy.ports, transactional_id="busy")
    one.init_transactions(patience(20))
    assert proxy.api("GET", "/behavior")[1]["hits"] == 2


def test_the_client_sees_that_it_is_throttled(start, broker):
    proxy = before(start, broker, "--protocol-kafka-throttle-time", "700")
    told = []
    one = producer(proxy.ports, linger_ms=0, throttle_cb=lambda event: told.append(event.throttle_time))
    assert sent(one, "throttled", [b"1"]) == [None]
    proxy.set("error", failure="overloaded", match="^PRODUCE", times=1)
    assert sent(one, "throttled", [b"2"]) == [None]
    until(lambda: one.poll(0.1) or told, what="the client to be told")
    assert told[0] == pytest.approx(0.7)
    began = time.monotonic()                    # the broker answers at once, and then reads nothing for so long
    assert sent(one, "throttled", [b"3"]) == [None]
    assert time.monotonic() - began > 0.4
    proxy.set("error", failure="overloaded", match="^PRODUCE", times=1)
    assert sent(one, "throttled", [b"4"]) == [None]
    proxy.set("dummy")                          # a rule that goes takes this with it
    assert sent(one, "throttled", [b"5"]) == [None]


@pytest.mark.parametrize("failure", ["gone", "crash", "shutting_down"])
def test_a_lost_connection_is_made_anew(start, broker, failure):
    proxy = before(start, broker)
    one = producer(proxy.ports, linger_ms=0)
    assert sent(one, "lost", [b"1"]) == [None]
    proxy.set("error", failure=failure, match="^PRODUCE", times=1)
    assert sent(one, "lost", [b"2"]) == [None]
    assert proxy.api("GET", "/behavior")[1]["hits"] == 1


@pytest.mark.skipif(bool(SAN), reason="once is enough")
def test_kafka_python_meets_its_own_exceptions(start, broker):
    kafka = need_module("kafka")
    proxy = before(start, broker)
    client = kafka.KafkaProducer(bootstrap_servers=address(proxy.ports), api_version=(1, 0, 0), max_block_ms=patience() * 1000)
    try:
        assert client.send("python", b"1").get(patience()).offset == 0
        proxy.set("error", failure="not_primary", match="^PRODUCE", times=1)
        with pytest.raises(kafka.errors.NotLeaderForPartitionError):
            client.send("python", b"2").get(patience())
        proxy.set("error", failure="policy", match="^PRODUCE", times=1)
        with pytest.raises(kafka.errors.TopicAuthorizationFailedError):
            client.send("python", b"3").get(patience())
    finally:
        client.close()


@pytest.mark.parametrize("both", [False, True], ids=["terminate", "re-encrypt"])
def test_faults_are_met_through_tls(start, broker, secure, tmp_path, both):
    """A refusal of the broker's, as librdkafka and kafka-python meet it; and a lost connection."""
    kafka = need_module("kafka")
    if both:
        proxy = before_in_tls(start, broker, tmp_path)
    else:
        proxy = before(start, broker, "--tls-dir", tmp_path / "ca", "--client-tls", "require")
        proxy.ca = str(tmp_path / "ca" / "ca.pem")
    one = producer(secure(proxy).ports)
    assert sent(one, "secured", [b"1"]) == [None]
    proxy.set("error", failure="too_big", match="^PRODUCE", times=1)
    assert sent(one, "secured", [b"2"]) == ["MSG_SIZE_TOO_LARGE"]
    proxy.set("error", failure="crash", match="^PRODUCE", times=1)
    assert sent(one, "secured", [b"3"]) == [None]
    client = kafka.KafkaProducer(bootstrap_servers=address(proxy.ports), api_version=(1, 0, 0), max_block_ms=patience() * 1000,
                                 security_protocol="SSL", ssl_cafile=proxy.ca)
    try:
        proxy.set("error", failure="policy", match="^PRODUCE", times=1)
        with pytest.raises(kafka.errors.TopicAuthorizationFailedError):
            client.send("secured", b"4").get(patience())
        assert client.send("secured", b"5").get(patience()).offset >= 0
    finally:
        client.close()
    assert proxy.api("GET", "/stats")[1]["proxies"][0]["raw"] == 0


@pytest.mark.skipif(bool(SAN), reason="once is enough")
def test_kcat(start, brokers):
    proxy = before(start, brokers)
    words = [need("kcat"), "-b", address(proxy.ports[:1])]
    subprocess.run(words + ["-P", "-t", "cat"], input=b"a\nb\n", check=True, timeout=patience(20))
    read = subprocess.run(words + ["-C", "-t", "cat", "-e", "-q"], stdout=subprocess.PIPE, check=True, timeout=patience(20)).stdout
    assert sorted(read.split()) == [b"a", b"b"]
    listed = subprocess.run(words + ["-L"], stdout=subprocess.PIPE, check=True, timeout=patience(20)).stdout.decode()
    assert all("at 127.0.0.1:%d" % port in listed for port in proxy.ports)


def test_a_client_without_tls_and_one_with(start, broker):
    proxy = before(start, broker)
    with pytest.raises(KafkaException) as told:
        producer(proxy.ports, security_protocol="ssl").list_topics(timeout=1)
    assert told.value.args[0].code() == KafkaError._TRANSPORT
    assert proxy.logged("raw proxy=default .*no frames of Kafka; a client may want TLS")


@pytest.mark.skipif(bool(SAN), reason="once is enough")
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_brokers_without_a_proxy_get_one_when_they_are_named(start, brokers, secure, tmp_path, tls):
    """With the options of the first one: a client with TLS finds it behind each address."""
    words = ["--tls-dir", tmp_path / "ca", "--client-tls", "require"] if tls else []
    proxy = start("--protocol", "kafka", "--unmapped", "add", *words, backend=brokers)
    if tls:
        proxy.ca = str(tmp_path / "ca" / "ca.pem")
        secure(proxy)
    one = producer([proxy.port])
    assert sent(one, "added", [b"%d" % n for n in range(20)]) == [None] * 20
    ports = {broker.port for broker in one.list_topics(timeout=patience()).brokers.values()}
    assert len(ports) == 3 and not ports & set(brokers.ports)
    assert len(proxy.api("GET", "/info")[1]["proxies"]) == 3


METADATA = struct.pack(">ihhihi", 14, 3, 1, 7, -1, -1)      # version 1, correlation 7


def brokers_named(client, broker, ports):
    """The ports that the client reads when the broker, which is played here, names these."""
    client.send(METADATA)
    assert broker.read(len(METADATA)) == METADATA
    body = struct.pack(">ii", 7, len(ports))
    for node, port in enumerate(ports):
        body += struct.pack(">ih9sih", node, 9, b"127.0.0.1", port, -1)
    body += struct.pack(">ii", 0, 0)
    broker.send(struct.pack(">i", len(body)) + body)
    said = client.read(4 + len(body))
    return [struct.unpack_from(">i", said, 12 + 21 * node + 15)[0] for node in range(len(ports))]


@pytest.mark.skipif(bool(SAN), reason="once is enough")
def test_a_broker_that_is_new_gets_a_proxy_when_it_is_named(start, backends):
    first, late = backends(), backends()
    ports = [int(one.address.rsplit(":", 1)[1]) for one in (first, late)]
    proxy = start("--protocol", "kafka", "--unmapped", "add", "--rule", "delay sleep=0.001 match=^METADATA name=slow", backend=first)
    with dial(proxy.port) as client:
        server = first.accept()
        assert brokers_named(client, server, ports[:1]) == [proxy.port]
        assert len(proxy.api("GET", "/proxies")[1]) == 1
        same, new = brokers_named(client, server, ports)
        assert same == proxy.port and new not in ports
        assert brokers_named(client, server, ports) == [same, new]
    with dial(new) as client:
        assert brokers_named(client, late.accept(), ports) == [same, new]
    rules = [one["rules"][0] for one in proxy.api("GET", "/stats")[1]["proxies"]]
    assert [(rule["name"], rule["hits"]) for rule in rules] == [("slow", 3), ("slow", 1)]


@pytest.mark.skipif(bool(SAN), reason="once is enough")
def test_brokers_can_be_hidden(start, brokers):
    proxy = start("--protocol", "kafka", "--unmapped", "hide", backend=brokers)
    assert [broker.port for broker in producer([proxy.port]).list_topics(timeout=patience()).brokers.values()] == [proxy.port]
