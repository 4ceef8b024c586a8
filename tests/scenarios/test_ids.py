"""Random stories of exchanges by id: dns, whose answers come in any order, and kafka and mongo, whose answers come in the order of requests.
Ids are used again while they are open, servers answer what nobody asked, and each answer that a client gets is looked at."""
import random
import socket
import struct

import pytest

from conftest import SAN, dial, free_port, listening, patience, until

SEEDS = range(2 if SAN else 6)


class Stream:
    """A connection. Messages are framed, and sent in pieces by chance."""

    def __init__(self, end, wire, dice):
        self.end, self.wire, self.dice = end, wire, dice

    def send(self, messages):
        data = b"".join(map(self.wire.framed, messages))
        while data:
            n = self.dice.choice((1, 2, 7, 40, 400, len(data)))
            self.end.send(data[:n])
            data = data[n:]

    def read(self):
        return self.wire.read(self.end)


class Datagrams:
    """A socket for UDP. `to`: its peer; without it, the one that sent the latest datagram."""

    def __init__(self, to=None):
        self.sock, self.to = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), to
        self.sock.bind(("127.0.0.1", 0))
        self.sock.settimeout(patience())
        self.address = "127.0.0.1:%d" % self.sock.getsockname()[1]

    def send(self, messages):
        for message in messages:
            self.sock.sendto(message, self.to)

    def read(self):
        message, self.to = self.sock.recvfrom(65536)
        return message

    def close(self):
        self.sock.close()


def rules_of(proxy):
    return [rule for rule in proxy.api("GET", "/rules")[1]["rules"] if rule["name"] != "behavior"]


def all_answered(proxy):
    """The number of exchanges, once none is open."""
    info = proxy.api("GET", "/info")[1]["proxies"][0]
    return not info["waiting"] and info["exchanges"]


# ---- dns ----

class Dns:
    RULES = [("error", {"failure": "refused", "match": r"refuse\d"}), ("error", {"failure": "ttl_zero", "match": r"edit\d", "name": "edit"}),
             ("drop", {"match": r"lose\d", "direction": "response"}), ("error", {"failure": "servfail", "match": r"perhaps\d", "probability": 0.5, "name": "perhaps"}),
             ("delay", {"match": r"late\d", "sleep": "2ms", "before": False, "direction": "response"})]
    KINDS = ("plain", "plain", "refuse", "edit", "lose", "perhaps", "late")

    @staticmethod
    def framed(message):
        return struct.pack(">H", len(message)) + message

    @staticmethod
    def read(end):
        return end.read(struct.unpack(">H", end.read(2))[0])

    @staticmethod
    def question(ident, name):
        return struct.pack(">6H", ident, 0x100, 1, 0, 0, 0) + bytes([len(name)]) + name.encode() + b"\4test\0\0\1\0\1"

    @staticmethod
    def answer(question, serial, ttl=60):
        """The serial is the address, so that no two answers are the same."""
        return question[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + question[12:] + b"\xc0\x0c\0\1\0\1" + struct.pack(">IHI", ttl, 4, serial)

    @staticmethod
    def refusal(question, code):
        return question[:2] + bytes([0x81, 0x80 | code]) + question[4:]

    @staticmethod
    def name(question):
        return question[13:13 + question[12]].decode()


def dns_story(proxy, client, server, dice):
    """Returns how many questions were asked, and how many hits each rule should have."""
    serial, open_ones, asked, hits = 0, [], 0, dict.fromkeys(("error", "edit", "drop", "perhaps", "delay"), 0)
    for turn in range(30):
        # few ids and names: many are the same as one that is open, some with another name
        batch = [Dns.question(dice.randrange(4), dice.choice(Dns.KINDS) + str(dice.randrange(2))) for _ in range(dice.randrange(6))]
        batch.append(Dns.question(1000 + turn, "sync"))         # when it has come, all before it have
        client.send(batch)
        asked += len(batch)
        came = [server.read()]
        while came[-1] != batch[-1]:
            came.append(server.read())
        left, refused = list(came), []
        for question in batch:
            if left and left[0] == question and not Dns.name(question).startswith("refuse"):
                left.pop(0)
            else:
                kind = Dns.name(question)[:-1]
                assert kind in ("refuse", "perhaps"), kind
                hits["error" if kind == "refuse" else kind] += 1
                refused.append(Dns.refusal(question, 5 if kind == "refuse" else 2))
        assert not left                                         # as they were asked, in their order, and none twice
        open_ones += came
        dice.shuffle(open_ones)
        answers, due = [], []
        for question in open_ones[:dice.randrange(len(open_ones) + 1) if turn < 29 else len(open_ones)]:
            open_ones.remove(question)
            serial += 1
            kind = Dns.name(question)[:-1]
            answers.append(Dns.answer(question, serial))
            hits.update({rule: hits[rule] + 1 for rule, of in (("edit", "edit"), ("drop", "lose"), ("delay", "late")) if kind == of})
            if kind != "lose":
                due.append(Dns.answer(question, serial, 0 if kind == "edit" else 60))
            if dice.random() < 0.2:                             # nobody asked: an id, or a name, that is not open
                serial += 1
                answers.append(Dns.answer(dice.choice((Dns.question(5000, "plain0"), Dns.question(dice.randrange(4), "other0"))), serial))
                due.append(answers[-1])
        server.send(answers)
        got = [client.read() for _ in range(len(due) + len(refused))]
        assert [message for message in got if message in refused] == refused
        told = [message for message in got if message not in refused]
        assert (sorted(told) if isinstance(client, Datagrams) else told) == (sorted(due) if isinstance(client, Datagrams) else due)
    return asked, hits


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("udp", [False, True], ids=["tcp", "udp"])
def test_answers_in_any_order(start, backends, udp, seed):
    dice = random.Random(seed)
    backend = Datagrams() if udp else backends()
    port = free_port()
    proxy = start("--protocol", "dns", listen=("udp://" if udp else "") + "127.0.0.1:%d" % port, backend=backend.address, up=lambda: listening(port))
    for behavior, options in Dns.RULES:
        assert proxy.api("POST", "/rules", dict(options, behavior=behavior))[0] == 200
    if udp:
        client, server = Datagrams(("127.0.0.1", port)), backend
    else:
        client, server = Stream(dial(port), Dns, dice), Stream(backend.accept(), Dns, dice)
    asked, hits = dns_story(proxy, client, server, dice)
    assert until(lambda: all_answered(proxy), what="all to be answered") == asked
    assert {rule["name"]: rule["hits"] for rule in rules_of(proxy)} == hits
    if udp:
        client.close()
        server.close()


# ---- in the order of requests ----

class Lengths:
    """Messages that begin with their length, in 4 bytes."""
    order, itself = "big", 0

    def rules(failure):
        return [("error", {"failure": failure, "match": "refuse"}), ("error", {"failure": failure, "match": "perhaps", "probability": 0.5, "name": "perhaps"})]

    @staticmethod
    def framed(message):
        return message

    @classmethod
    def read(cls, end):
        head = end.read(4)
        return head + end.read(int.from_bytes(head, cls.order) - cls.itself)


class Kafka(Lengths):
    """Heartbeats of groups."""
    RULES = Lengths.rules("rebalance")
    RAW = "an answer to another request than the oldest"

    @staticmethod
    def request(ident, name):
        body = struct.pack(">HHIhH", 12, 0, ident, -1, len(name)) + name.encode() + struct.pack(">IH", 7, 2) + b"me"
        return struct.pack(">I", len(body)) + body

    @staticmethod
    def answer(ident, serial):
        return struct.pack(">IIH", 6, ident, serial % 10)       # any code will do

    @staticmethod
    def is_refusal(message, ident):
        return message == struct.pack(">IIH", 6, ident, 27)


class Mongo(Lengths):
    """find."""
    RULES = Lengths.rules("query_timeout")
    RAW = "the server answers what was not asked"
    order, itself = "little", 4

    @staticmethod
    def message(ident, to, elements):
        document = struct.pack("<I", 5 + len(elements)) + elements + b"\0"
        return struct.pack("<IIIIIB", 21 + len(document), ident, to, 2013, 0, 0) + document

    @classmethod
    def request(cls, ident, name):
        return cls.message(ident, 0, b"\2find\0" + struct.pack("<I", len(name) + 1) + name.encode() + b"\0" b"\2$db\0\4\0\0\0app\0")

    @classmethod
    def answer(cls, ident, serial):
        return cls.message(serial, ident, b"\1ok\0" + struct.pack("<d", 1))

    @staticmethod
    def is_refusal(message, ident):
        return struct.unpack_from("<I", message, 8)[0] == ident and b"\x10code\0" + struct.pack("<I", 50) in message


def fifo_story(client, server, wire, dice):
    """Returns as dns_story() does."""
    asked, hits, serial, waiting, expected = 0, {"error": 0, "perhaps": 0}, 0, [], []
    for turn in range(30):
        batch = [(dice.randrange(3), dice.choice(("plain", "refuse"))) for _ in range(dice.randrange(6))]
        batch = batch[:3] + [(100 + turn, "perhaps")] + batch[3:] + [(1000 + turn, "sync")]
        client.send([wire.request(*one) for one in batch])
        asked += len(batch)
        came = server.read()
        for one in batch:
            if came == wire.request(*one) and one[1] != "refuse":
                waiting.append(one[0])
                expected.append((one[0], None))
                came = server.read() if one[1] != "sync" else None
            else:
                assert one[1] != "plain"
                hits["error" if one[1] == "refuse" else "perhaps"] += 1
                expected.append((one[0], "refused"))
        answers = []
        for ident in waiting[:dice.randrange(len(waiting) + 1) if turn < 29 else len(waiting)]:
            serial += 1
            answers.append(wire.answer(ident, serial))
        del waiting[:len(answers)]
        server.send(answers)
        while expected and (expected[0][1] or answers):         # a refusal waits for the answers before it
            ident, refused = expected.pop(0)
            got = client.read()
            assert wire.is_refusal(got, ident) if refused else got == answers.pop(0)
    assert not expected
    return asked, hits


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("wire", [Kafka, Mongo])
def test_answers_in_the_order_of_requests(start, backend, wire, seed):
    dice = random.Random(seed)
    proxy = start("--protocol", wire.__name__.lower(), backend=backend)
    for behavior, options in wire.RULES:
        assert proxy.api("POST", "/rules", dict(options, behavior=behavior))[0] == 200
    ends = proxy.meet(backend)
    client, server = (Stream(end, wire, dice) for end in ends)
    asked, hits = fifo_story(client, server, wire, dice)
    assert until(lambda: all_answered(proxy), what="all to be answered") == asked
    assert {rule["name"]: rule["hits"] for rule in rules_of(proxy)} == hits
    # an unknown id: from there on it is plain bytes, in both directions, and the rules say that they cannot reach them
    client.send([wire.request(7, "plain"), wire.request(8, "plain")])
    assert [server.read(), server.read()] == [wire.request(7, "plain"), wire.request(8, "plain")]
    strange = [wire.answer(7, 1), wire.answer(99, 2), wire.answer(8, 3)]
    server.send(strange)
    assert [client.read() for _ in strange] == strange
    proxy.logged(wire.RAW)
    client.send([wire.request(9, "refuse")])
    assert server.read() == wire.request(9, "refuse")
    first = rules_of(proxy)[0]
    assert first["hits"] == hits["error"] and first["unreachable"] > 0


def test_an_unknown_id_while_a_refusal_is_owed_ends_the_connection(start, backend):
    """Its place among the answers is lost."""
    proxy = start("--protocol", "kafka", backend=backend).set("error", failure="rebalance", match="refuse")
    client, server = proxy.meet(backend)
    client.send(Kafka.request(1, "plain") + Kafka.request(2, "refuse"))
    assert Kafka.read(server) == Kafka.request(1, "plain")
    server.send(Kafka.answer(5, 0))
    assert client.rest()[1] == "rst"
