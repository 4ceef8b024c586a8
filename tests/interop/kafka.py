"""Apache Kafka, three brokers in one JVM, behind the map of addresses, with clients of Java, Node and Python.

kafka.java is the brokers. The programs kafka_client.java, kafka.js and kafka_client.py are told one command a line: work
TOPIC, send TOPIC VALUE, fetch TOPIC, join TOPIC GROUP, commit, leave, transact TOPIC ID, throttled TOPIC, create TOPIC, produce TOPIC N PAUSE. That of Java has move
TOPIC, too. Each calls its client, and answers what that returned or raised.
"""
import os
import shutil
import threading
import time

from interop import HERE, Asked, Proxied, Server, dialed, free_port, java_words, listening, node_words, pip_installed, until

TITLE = "Apache Kafka 4.3"
NEEDS = ["java", "javac", "mvn", "node", "npm"]
TELLS = """Three brokers of Kafka 4.3.1 in one JVM (KRaft), each behind a proxy. Clients: kafka-clients 4.3.1
(Java), kafkajs 2.2.4 (npm), confluent-kafka 2.16.1 and kafka-python 3.0.12 (PyPI). The kernel's list
of each client's connections, read every 20 ms while it works, has none to a broker. What the broker
holds is counted by another client, which is connected to it directly. Not in the table: at
`data_lost` kafkajs starts anew by itself; at `conflict` kafka-python tries on without end; kafkajs
and confluent-kafka send a version of CreateTopics for which brokers have no `too_many_requests`."""

CLIENTS = ("kafka-clients", "kafkajs", "confluent-kafka", "kafka-python")
# failure: what is done, the requests, how many records the broker has afterwards (None: is not counted), what each client raises
FAILURES = {
    "not_primary": ("send", "PRODUCE", 0, ("NotLeaderOrFollowerException", "KafkaJSProtocolError NOT_LEADER_FOR_PARTITION",
                                           "KafkaException _MSG_TIMED_OUT", "NotLeaderForPartitionError")),
    "query_timeout": ("send", "PRODUCE", 1, ("TimeoutException", "KafkaJSProtocolError REQUEST_TIMED_OUT",
                                             "KafkaException REQUEST_TIMED_OUT", "RequestTimedOutError")),
    "no_replicas": ("send", "PRODUCE", 0, ("NotEnoughReplicasException", "KafkaJSProtocolError NOT_ENOUGH_REPLICAS",
                                           "KafkaException NOT_ENOUGH_REPLICAS", "NotEnoughReplicasError")),
    "no_replicas_after_append": ("send", "PRODUCE", 1, (
        "NotEnoughReplicasAfterAppendException", "KafkaJSProtocolError NOT_ENOUGH_REPLICAS_AFTER_APPEND",
        "KafkaException NOT_ENOUGH_REPLICAS_AFTER_APPEND", "NotEnoughReplicasAfterAppendError")),
    "disk_full": ("send", "PRODUCE", 0, ("KafkaStorageException", "KafkaJSProtocolError KAFKA_STORAGE_ERROR",
                                         "KafkaException KAFKA_STORAGE_ERROR", "KafkaStorageError")),
    "too_big": ("send", "PRODUCE", 0, ("RecordTooLargeException", "KafkaJSProtocolError MESSAGE_TOO_LARGE",
                                       "KafkaException MSG_SIZE_TOO_LARGE", "MessageSizeTooLargeError")),
    "unknown_topic": ("send", "PRODUCE", 0, ("UnknownTopicOrPartitionException", "KafkaJSProtocolError UNKNOWN_TOPIC_OR_PARTITION",
                                             "KafkaException _MSG_TIMED_OUT", "UnknownTopicOrPartitionError")),
    "policy": ("send", "PRODUCE", 0, ("TopicAuthorizationException", "KafkaJSProtocolError TOPIC_AUTHORIZATION_FAILED",
                                      "KafkaException TOPIC_AUTHORIZATION_FAILED", "TopicAuthorizationFailedError")),
    "internal_error": ("send", "PRODUCE", 0, ("UnknownServerException", "KafkaJSProtocolError UNKNOWN",
                                              "KafkaException UNKNOWN", "UnknownError")),
    "gone": ("send", "PRODUCE", 0, ("NetworkException", "KafkaJSConnectionClosedError", "KafkaException _TRANSPORT",
                                    "KafkaConnectionError")),
    "crash": ("send", "PRODUCE", 0, ("NetworkException", "KafkaJSConnectionError ECONNRESET", "KafkaException _TRANSPORT",
                                     "KafkaConnectionError")),
    "data_lost": ("fetch", "FETCH", None, ("OffsetOutOfRangeException", "",       # kafkajs begins anew, and says nothing
                                           "KafkaException _AUTO_OFFSET_RESET", "OffsetOutOfRangeError")),
    "starting_up": ("commit", "OFFSETCOMMIT", None, ("TimeoutException", "KafkaJSProtocolError GROUP_LOAD_IN_PROGRESS",
                                                     "KafkaException COORDINATOR_LOAD_IN_PROGRESS", "KafkaTimeoutError")),
    "unavailable": ("commit", "OFFSETCOMMIT", None, ("TimeoutException", "KafkaJSProtocolError GROUP_COORDINATOR_NOT_AVAILABLE",
                                                     "KafkaException COORDINATOR_NOT_AVAILABLE", "KafkaTimeoutError")),
    "not_coordinator": ("commit", "OFFSETCOMMIT", None, ("TimeoutException", "KafkaJSProtocolError NOT_COORDINATOR_FOR_GROUP",
                                                         "KafkaException NOT_COORDINATOR", "KafkaTimeoutError")),
    "rebalance": ("commit", "OFFSETCOMMIT", None, ("RebalanceInProgressException", "KafkaJSProtocolError REBALANCE_IN_PROGRESS",
                                                   "KafkaException REBALANCE_IN_PROGRESS", "CommitFailedError")),
    "member_lost": ("commit", "OFFSETCOMMIT", None, ("CommitFailedException", "KafkaJSProtocolError UNKNOWN_MEMBER_ID",
                                                     "KafkaException UNKNOWN_MEMBER_ID", "CommitFailedError")),
    "fenced": ("transact", "ENDTXN", None, ("ProducerFencedException", "KafkaJSProtocolError INVALID_PRODUCER_EPOCH",
                                            "KafkaException _FENCED", "ProducerFencedError")),
    "conflict": ("transact", "ENDTXN", None, ("TimeoutException", "KafkaJSProtocolError CONCURRENT_TRANSACTIONS",
                                              "KafkaException _TIMED_OUT", "")),          # kafka-python tries on without end
    "too_many_requests": ("create", "CREATETOPICS", None, (
        "ThrottlingQuotaExceededException", "", "", "ThrottlingQuotaExceededError")),      # the others send older versions
}


def words_of(who):
    return {"kafka-clients": lambda: java_words("kafka_client", "KafkaProgram", "-Xmx256m"), "kafkajs": lambda: node_words("kafka.js"),
            "confluent-kafka": lambda: [pip_installed(), "-P", os.path.join(HERE, "kafka_client.py"), "confluent"],
            "kafka-python": lambda: [pip_installed(), "-P", os.path.join(HERE, "kafka_client.py"), "plain"]}[who]()


class Brokers:
    def __init__(self, work):
        folder = os.path.join(work, "state")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        self.ports = [free_port() for _ in range(3)]
        self.server = Server(work, self.ports[0], *java_words("kafka", "Brokers", "-Xmx768m"), folder, free_port(), *self.ports)
        until(lambda: all(map(listening, self.ports)), 60, "the brokers to listen")
        self.direct = Asked(work, "direct", *words_of("confluent-kafka"), "127.0.0.1:%d" % self.ports[0])
        for n in range(6):                                  # and the coordinators, of groups and of transactions
            until(lambda: "raised" not in self.direct.answer("work", topic="warm-%d" % time.monotonic_ns()), 60, "the brokers")

    def ends(self, topic):
        """How many records its partitions hold, as the brokers count them."""
        return self.direct.do("ends", topic=topic)

    def stop(self):
        self.direct.stop()
        self.server.stop()


class Behind:
    """A proxy before each broker, and a client that was told of the first one alone."""

    def __init__(self, work, who, brokers, *words):
        self.work, self.who, self.brokers, self.seen = work, who, brokers, set()
        self.proxied = Proxied(brokers.server, "--protocol", "kafka", *words,
                               *(word for i, port in enumerate(brokers.ports[1:])
                                 for word in ("--add", "n%d=127.0.0.1:0=127.0.0.1:%d,kafka" % (i, port))))

    def watch(self):
        while not self.over.is_set():
            try:
                self.seen |= dialed(self.asked.process.pid)
            except OSError:
                return                                      # it is gone
            self.over.wait(0.02)

    def __enter__(self):
        words = words_of(self.who)
        self.proxy = self.proxied.__enter__()
        self.asked = Asked(self.work, self.who, *words, "127.0.0.1:%d" % self.proxy.port)
        self.do, self.over = self.asked.do, threading.Event()
        self.watcher = threading.Thread(target=self.watch)
        self.watcher.start()
        return self

    def __exit__(self, *error):
        self.over.set()
        self.watcher.join()
        self.asked.stop()
        try:
            if error[0] is None:
                assert not self.seen & set(self.brokers.ports), "the client was connected to a broker"
        finally:
            self.proxied.__exit__()

    def proxies(self):
        return {name: int(one["listen"].rsplit(":", 1)[1]) for name, one in self.proxy.api("GET", "/proxies")[1].items()}

    def fail(self, failure, match):
        """At all proxies, as a partition's leader may be any broker."""
        for name in self.proxies():
            status, told = self.proxy.api("POST", "/proxies/%s/toxics" % name, {
                "name": "fails", "type": "error", "attributes": {"failure": failure}, "match": match})
            assert status == 200, told

    def mend(self):
        """The hits of all proxies; the rules go."""
        hits = 0
        for name in self.proxies():
            hits += self.proxy.api("GET", "/proxies/%s/toxics/fails" % name)[1]["hits"]
            self.proxy.api("DELETE", "/proxies/%s/toxics/fails" % name)
        return hits


def alike(work, who, brokers):
    straight = Asked(work, who + "-direct", *words_of(who), "127.0.0.1:%d" % brokers.ports[0])
    topic = "work-" + who
    direct = straight.do("work", topic=topic + "-a")
    straight.stop()
    with Behind(work, who, brokers) as behind:
        begun = behind.do("work", topic=topic + "-b")
        assert begun == direct, "%r\n%r" % (begun, direct)
        assert brokers.ends(topic + "-b") == brokers.ends(topic + "-a") == [101, 101, 101]
        for one in behind.proxy.api("GET", "/stats")[1]["proxies"]:
            assert one["raw"] == 0 and one["exchanges"] > 3, one
        assert len(behind.seen & set(behind.proxies().values())) == 3
    assert direct[-1] == [["one", "two"], ["aborted", "one", "two"]], direct[-1]
    return "303 records in the brokers; the aborted one is read uncommitted alone"


def fails(work, who, brokers, failure):
    deed, verb, left, raised = FAILURES[failure]
    expected = raised[CLIENTS.index(who)]
    topic = "%s-%s" % (failure, who)
    with Behind(work, who, brokers) as behind:
        if deed != "create":
            brokers.direct.do("create", topic=topic)
            assert behind.do("send", topic=topic, value="before") == 0
        if deed == "commit":
            behind.do("join", topic=topic, group=topic)
        words = {"send": {"topic": topic, "value": "lost"}, "fetch": {"topic": topic}, "commit": {}, "create": {"topic": topic},
                 "transact": {"topic": topic, "id": topic}}[deed]
        behind.fail(failure, "^" + verb)
        answer = behind.asked.raised(deed, **words)
        hits = behind.mend()
        assert hits > 0, "no strike; the client raised %s" % answer
        assert answer["raised"] == expected, answer
        if left is not None:
            counted = brokers.ends(topic)[0]
            assert counted == 1 + hits * left, "%d records after %d hits" % (counted, hits)
        if deed in ("send", "fetch", "create"):
            behind.do(deed, **words)                        # and the client goes on
        elif deed == "commit":
            behind.asked.answer("leave")
        else:
            behind.do(deed, topic=topic + "-next", id=topic + "-next")
    return expected


def throttled(work, who, brokers):
    topic = "throttled-" + who
    brokers.direct.do("create", topic=topic)
    with Behind(work, who, brokers, "--protocol-kafka-throttle-time", "700") as behind:
        behind.fail("overloaded", "^PRODUCE")
        told = behind.do("throttled", topic=topic)
        assert behind.mend() > 0 and 690 <= told <= 1500, told
        return "%d ms" % told


def added(work, who, brokers):
    """One proxy, and `unmapped = add`: the others are made when a broker first names theirs."""
    with Proxied(brokers.server, "--protocol", "kafka", "--unmapped", "add") as proxy:
        asked = Asked(work, who, *words_of(who), "127.0.0.1:%d" % proxy.port)
        try:
            answer = asked.do("work", topic="added-" + who)
            assert len(proxy.api("GET", "/proxies")[1]) == 3
            assert brokers.ends("added-" + who) == [101, 101, 101]
            return "%d results" % len(answer)
        finally:
            asked.stop()


def moved(work, who, brokers):
    """The partition's leader becomes another broker, twice, while one producer sends to it."""
    topic = "moved-" + who
    brokers.direct.do("create", topic=topic)
    mover = Asked(work, "mover", *words_of("kafka-clients"), "127.0.0.1:%d" % brokers.ports[0])
    try:
        with Behind(work, who, brokers) as behind:
            told = []
            sender = threading.Thread(target=lambda: told.append(behind.asked.answer("produce", topic=topic, n=100, pause=40)))
            sender.start()
            until(lambda: brokers.ends(topic)[0] > 5, 60, "the first records")
            led = [mover.do("move", topic=topic) for _ in range(2)]
            assert sender.is_alive(), "it was over before the partition had moved"
            sender.join()
            assert "raised" not in told[0], told
            assert brokers.ends(topic) == [100, 0, 0] and len(set(led)) == 2
    finally:
        mover.stop()
    return "100 records, sent and counted"


def prepare(work):
    return Brokers(work)


def cases(work, brokers):
    try:
        for who in CLIENTS:
            yield who, "a broad workload, equal to direct; nothing raw", lambda: alike(work, who, brokers)
            yield who, "`unmapped = add`: the same workload by one proxy", lambda: added(work, who, brokers)
            yield who, "a partition moves to other brokers, twice, under a producer", lambda: moved(work, who, brokers)
            for failure, row in FAILURES.items():
                if row[3][CLIENTS.index(who)]:
                    counted = "; the records counted directly" if row[2] is not None else ""
                    yield who, "`%s`%s" % (failure, counted), lambda: fails(work, who, brokers, failure)
            yield who, "`overloaded` by 700 ms: what the client was told", lambda: throttled(work, who, brokers)
    finally:
        brokers.stop()
