"""PyPI's confluent-kafka, and its kafka-python: see kafka.py for the commands, one JSON object a line."""
import json
import sys
import time

at = sys.argv[2]


def short(value):
    value = value.decode()
    return "%d bytes" % len(value) if len(value) > 20 else value


class Client:
    """What both do with their consumer()."""

    def transacted(self, topic):
        """What a transaction has left, to readers of either level."""
        out = []
        for level, n in (("read_committed", 2), ("read_uncommitted", 3)):
            one = self.consumer(isolation_level=level)
            one.assign(self.partitions(topic)[:1])
            out.append(self.read(one, n))
            one.close()
        return out


class Confluent(Client):
    def __init__(self):
        import confluent_kafka
        from confluent_kafka import admin
        self.kafka, self.admin = confluent_kafka, admin
        self.member = None

    def producer(self, **words):
        return self.kafka.Producer({"bootstrap.servers": at, "log_level": 0, "retry.backoff.ms": 20,
                                    **{name.replace("_", ".") if name != "throttle_cb" else name: value
                                       for name, value in words.items()}})

    def consumer(self, **words):
        return self.kafka.Consumer({"bootstrap.servers": at, "log_level": 0, "auto.offset.reset": "earliest", "group.id": "none",
                                    "enable.auto.commit": False, "fetch.wait.max.ms": 50,
                                    **{name.replace("_", "."): value for name, value in words.items()}})

    def partitions(self, topic):
        return [self.kafka.TopicPartition(topic, n, 0) for n in range(3)]

    def read(self, one, n):
        values, until = [], time.monotonic() + 60
        while len(values) < n and time.monotonic() < until:
            message = one.poll(0.2)
            if message is not None and message.error():
                raise self.kafka.KafkaException(message.error())
            if message is not None:
                values.append(short(message.value()))
        return sorted(values)

    def made(self, topics):
        client = self.admin.AdminClient({"bootstrap.servers": at, "log_level": 0})
        for done in client.create_topics([self.admin.NewTopic(topic, 3, 1) for topic in topics], operation_timeout=20).values():
            done.result()
        return client

    def delivered(self, to, records):
        told = []
        for topic, partition, value in records:
            to.produce(topic, value, key="k", partition=partition,
                       on_delivery=lambda error, message: told.append(error or (message.partition(), message.offset())))
        assert to.flush(60) == 0
        for one in told:
            if isinstance(one, self.kafka.KafkaError):
                raise self.kafka.KafkaException(one)
        return sorted(told)

    def ends(self, topic):
        one = self.consumer()
        try:
            return [one.get_watermark_offsets(where, timeout=20)[1] for where in self.partitions(topic)]
        finally:
            one.close()

    def work(self, topic):
        client = self.made([topic, topic + "-tx"])
        out = [sorted(client.list_topics(timeout=20).brokers)]
        to = self.producer(compression_type="gzip", linger_ms=5)
        out.append(self.delivered(to, [(topic, i % 3, "v%d" % i) for i in range(300)] +
                                  [(topic, i, "x" * 300000) for i in range(3)]))
        one = self.consumer(group_id=topic + "-group")
        one.subscribe([topic])
        out.append(self.read(one, 303))
        one.commit(asynchronous=False)
        out.append([where.offset for where in one.committed(self.partitions(topic), timeout=20)])
        one.close()
        newer = self.consumer(group_id=topic + "-newer", group_protocol="consumer")
        newer.subscribe([topic])
        out.append(len(self.read(newer, 303)))
        newer.close()
        out += [self.ends(topic), self.transact(topic + "-tx", topic)]
        return out

    def transact(self, topic, id):
        to = self.producer(transactional_id=id)
        to.init_transactions(20)
        for value in ("one", "aborted", "two"):
            to.begin_transaction()
            to.produce(topic, value, partition=0)
            to.flush(20)
            to.abort_transaction(8) if value == "aborted" else to.commit_transaction(8)
        return self.transacted(topic)

    def send(self, topic, value):
        to = self.producer(retries=0, acks="all", linger_ms=0, message_timeout_ms=4000)
        return self.delivered(to, [(topic, 0, value)])[0][1]

    def fetch(self, topic):
        one = self.consumer(auto_offset_reset="error")
        one.assign(self.partitions(topic)[:1])
        try:
            return self.read(one, 1)
        finally:
            one.close()

    def join(self, topic, group):
        self.member = self.consumer(group_id=group)
        self.member.subscribe([topic])
        return len(self.read(self.member, 1))

    def commit(self):
        self.member.commit(offsets=[self.kafka.TopicPartition(*self.where())], asynchronous=False)

    def where(self):
        one = self.member.assignment()[0]
        return one.topic, one.partition, 1

    def leave(self):
        self.member.close()

    def throttled(self, topic):
        told = []
        to = self.producer(linger_ms=0, throttle_cb=lambda event: told.append(event.throttle_time))
        for _ in range(3):
            self.delivered(to, [(topic, 0, "v")])
        return 1000 * max(told, default=0)

    def produce(self, topic, n, pause):
        to = self.producer(linger_ms=0, enable_idempotence=True)
        for _ in range(n):
            self.delivered(to, [(topic, 0, "v")])
            time.sleep(pause / 1000)

    def create(self, topic):
        self.made([topic])

    def named(self, error):
        if not isinstance(error, self.kafka.KafkaException):
            return type(error).__name__, str(error)
        return "%s %s" % (type(error).__name__, error.args[0].name()), error.args[0].str()


class Plain(Client):
    """kafka-python."""

    def __init__(self):
        import kafka
        from kafka import errors
        from kafka.admin import NewTopic
        self.kafka, self.errors, self.NewTopic = kafka, errors, NewTopic
        self.member = None

    def producer(self, **words):
        return self.kafka.KafkaProducer(bootstrap_servers=at, max_block_ms=8000, retry_backoff_ms=20, **words)

    def consumer(self, *topics, **words):
        return self.kafka.KafkaConsumer(*topics, **dict(dict(bootstrap_servers=at, auto_offset_reset="earliest", group_id=None,
                                                             enable_auto_commit=False, retry_backoff_ms=20), **words))

    def partitions(self, topic):
        return [self.kafka.TopicPartition(topic, n) for n in range(3)]

    def read(self, one, n):
        values, until = [], time.monotonic() + 60
        while len(values) < n and time.monotonic() < until:
            for messages in one.poll(200).values():
                values += [short(message.value) for message in messages]
        return sorted(values)

    def made(self, topics):
        client = self.kafka.KafkaAdminClient(bootstrap_servers=at, retry_backoff_ms=20)
        try:
            client.create_topics([self.NewTopic(topic, num_partitions=3, replication_factor=1) for topic in topics])
            return sorted(node["broker_id" if "broker_id" in node else "node_id"]
                          for node in client.describe_cluster()["brokers"])
        finally:
            client.close()

    def work(self, topic):
        out = [self.made([topic, topic + "-tx"])]
        to = self.producer(compression_type="gzip", linger_ms=5)
        sent = [to.send(topic, b"v%d" % i, b"k", partition=i % 3) for i in range(300)]
        sent += [to.send(topic, b"x" * 300000, b"k", partition=i) for i in range(3)]
        out.append(sorted((told.partition, told.offset) for told in (one.get(60) for one in sent)))
        to.close()
        one = self.consumer(topic, group_id=topic + "-group")
        out.append(self.read(one, 303))
        one.commit()
        out.append([one.committed(where) for where in self.partitions(topic)])
        out.append(sorted(one.end_offsets(self.partitions(topic)).values()))
        one.close()
        out.append(self.transact(topic + "-tx", topic))
        return out

    def transact(self, topic, id):
        to = self.producer(transactional_id=id)
        try:
            to.init_transactions()
            for value in (b"one", b"aborted", b"two"):
                to.begin_transaction()
                to.send(topic, value, partition=0)
                to.flush(20)
                to.abort_transaction() if value == b"aborted" else to.commit_transaction()
        finally:
            to.close(timeout=2)
        return self.transacted(topic)

    def send(self, topic, value):
        to = self.producer(retries=0, enable_idempotence=False, acks="all", request_timeout_ms=4000, delivery_timeout_ms=5000)
        try:
            return to.send(topic, value.encode(), b"k", partition=0).get(20).offset
        finally:
            to.close(timeout=2)

    def fetch(self, topic):
        one = self.consumer(auto_offset_reset="none")
        one.assign(self.partitions(topic)[:1])
        one.seek(self.partitions(topic)[0], 0)
        try:
            return self.read(one, 1)
        finally:
            one.close()

    def join(self, topic, group):
        self.member = self.consumer(topic, group_id=group)
        return len(self.read(self.member, 1))

    def commit(self):
        self.member.commit(timeout_ms=4000)

    def leave(self):
        self.member.close()

    def throttled(self, topic):
        to = self.producer()
        try:
            for _ in range(3):
                to.send(topic, b"v", b"k", partition=0).get(20)
            return max(value for group in to.metrics().values() for name, value in group.items() if name == "throttle-time-max")
        finally:
            to.close()

    def produce(self, topic, n, pause):
        to = self.producer()
        try:
            for _ in range(n):
                to.send(topic, b"v", b"k", partition=0).get(20)
                time.sleep(pause / 1000)
        finally:
            to.close()

    def create(self, topic):
        self.made([topic])

    def named(self, error):
        return type(error).__name__, str(error)


client = {"confluent": Confluent, "plain": Plain}[sys.argv[1]]()
for line in sys.stdin:
    asked = json.loads(line)
    try:
        answer = {"value": getattr(client, asked.pop("op"))(**asked)}
    except Exception as raised:
        name, text = client.named(raised)
        answer = {"raised": name, "text": text}
    print(json.dumps(answer), flush=True)
