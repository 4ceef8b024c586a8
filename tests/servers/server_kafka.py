"""Kafka's brokers as librdkafka mocks them for its own tests: one or three, in a process of their own, on real sockets."""
import subprocess
import sys

import pytest

from harness import free_port, need_module, patience

confluent_kafka = need_module("confluent_kafka")

MOCK = """
import ctypes
import sys

rd = ctypes.CDLL("librdkafka.so.1")
for name in "rd_kafka_new", "rd_kafka_conf_new", "rd_kafka_mock_cluster_new":
    getattr(rd, name).restype = ctypes.c_void_p
rd.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
conf, error = ctypes.c_void_p(rd.rd_kafka_conf_new()), ctypes.create_string_buffer(512)
rd.rd_kafka_conf_set(conf, b"log_level", b"0", error, len(error))
cluster = ctypes.c_void_p(rd.rd_kafka_mock_cluster_new(ctypes.c_void_p(rd.rd_kafka_new(0, conf, error, len(error))), int(sys.argv[1])))
print(rd.rd_kafka_mock_cluster_bootstraps(cluster).decode(), flush=True)
for line in sys.stdin:
    name, *words = line.split()
    words = [ctypes.c_int(int(word)) if word.isdigit() else word.encode() for word in words]
    print(getattr(rd, "rd_kafka_mock_" + name)(cluster, *words), flush=True)
"""


class Brokers:
    """Their ids are 1 to n."""

    def __init__(self, n):
        self.process = subprocess.Popen([sys.executable, "-c", MOCK, str(n)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, universal_newlines=True)
        self.ports = [int(address.rsplit(":", 1)[1]) for address in self.process.stdout.readline().split(",")]
        assert len(self.ports) == n
        self.address = "127.0.0.1:%d" % self.ports[0]

    def do(self, *words):
        """A function of librdkafka's rd_kafka_mock.h, without that name at its beginning."""
        print(*words, file=self.process.stdin, flush=True)
        assert self.process.stdout.readline() == "0\n"

    def lead(self, topic, leaders):
        for partition, broker in enumerate(leaders):
            self.do("partition_set_leader", topic, partition, broker)

    def stop(self):
        self.process.stdin.close()
        self.process.wait(patience())
        self.process.stdout.close()


@pytest.fixture(scope="module")
def brokers():
    three = Brokers(3)
    yield three
    three.stop()


@pytest.fixture(scope="module")
def broker():
    one = Brokers(1)
    yield one
    one.stop()


def before(start, brokers, *words):
    """A proxy before each broker, in one Vaurien. Its `ports` are those of the proxies, and its `address` is the first."""
    ports = [free_port() for _ in brokers.ports[1:]]
    for n, (port, broker) in enumerate(zip(ports, brokers.ports[1:]), 2):
        words += ("--add", "broker%d=127.0.0.1:%d=127.0.0.1:%d,kafka" % (n, port, broker))
    proxy = start("--protocol", "kafka", *words, backend=brokers)
    proxy.ports, proxy.address = [proxy.port] + ports, "127.0.0.1:%d" % proxy.port
    return proxy


def before_in_tls(start, brokers, directory, *words):
    """As before(), with TLS on both legs of each proxy. The brokers have none: their TLS is that of proxies of their own.
    `ca` is the certificate by which clients verify."""
    theirs, ours = str(directory / "theirs"), str(directory / "ours")
    behind = before(start, brokers, "--tls-dir", theirs, "--client-tls", "require")
    proxy = before(start, behind, "--tls-dir", ours, "--client-tls", "require", "--backend-tls", "verify", "--backend-tls-ca",
                   theirs + "/ca.pem", *words)
    proxy.ca = ours + "/ca.pem"
    return proxy
