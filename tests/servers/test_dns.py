"""dns, before a real dnsmasq, unbound and knot: invisible while calm, believed by three resolvers, aimed by name and type, answers in any order."""
import os
import random
import socket
import struct
import sys
import threading

import pytest

from harness import ROOT, SAN, free_port, patience
from test_believed import cell, judged
from server_dns import NAMES, by_cares, by_dnspython, by_glibc, dns, dnsmasq, knot, unbound      # noqa: F401

sys.path.insert(0, os.path.join(ROOT, "tests", "scenarios"))
from test_events import Stream                  # noqa: E402

FAILURES = ("servfail not_found refused miss bad_request not_implemented truncated no_edns overloaded wrong_id wrong_question "
            "ttl_zero ttl_huge wrong_address").split()


def before(start, server, *words):
    port = free_port()
    made = start("--protocol", "dns", *words, listen="udp://127.0.0.1:%d" % port, backend=server, up=lambda: listens(port))
    made.port = port
    return made


@pytest.fixture
def proxy(start, dnsmasq):                      # noqa: F811
    return before(start, dnsmasq)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def ask(port, name, kind="A", how=dns.query.udp, **options):
    question = dns.message.make_query(name, kind, use_edns=0)
    return how(question, "127.0.0.1", port=port, timeout=patience(), **options)


def same(one, other):
    other.id = one.id
    return one.to_wire() == other.to_wire()


def test_answers_are_those_of_the_server(proxy, dnsmasq):       # noqa: F811
    for how in (dns.query.udp, dns.query.tcp):
        for name, kind in (("db.test", "A"), ("db.test", "AAAA"), ("DB.Test", "A"), ("text.test", "TXT"), ("nobody.test", "A"),
                           ("host7.test", "A"), ("version.bind", "TXT"), ("test", "SOA")):
            assert same(ask(dnsmasq.port, name, kind, how), ask(proxy.port, name, kind, how)), (name, kind)
    assert proxy.api("GET", "/info")[1]["proxies"][0]["exchanges"] == 16
    assert proxy.api("GET", "/info")[1]["proxies"][0]["waiting"] == 0


@pytest.mark.skipif(bool(SAN), reason="once is enough")
def test_three_resolvers_see_what_unbound_answers(start, unbound):      # noqa: F811
    """many.test does not fit into a datagram: each of them asks again by TCP, at the same port."""
    proxy = before(start, unbound)
    port, rows = proxy.port, 0
    for resolver in by_dnspython, by_cares, by_glibc:
        for name, kind in [("db.test", "A"), ("db.test", "AAAA"), ("nobody.test", "A"), ("text.test", "A"), ("many.test", "A")] + [
                (name, "A") for name in list(NAMES)[::60]]:
            direct = resolver(unbound.port, name, kind, seconds=patience(5))
            assert resolver(port, name, kind, seconds=patience(5)) == direct, (resolver.__name__, name, kind)
            rows += 1
            if name == "many.test":
                assert len(direct.split()) == 120
    for how in dns.query.udp, dns.query.tcp:
        for name, kind in (("db.test", "ANY"), ("many.test", "A"), ("text.test", "TXT"), ("test", "SOA"), ("x.elsewhere.test", "MX")):
            one, other = ask(unbound.port, name, kind, how), ask(port, name, kind, how)
            assert (one.flags, sorted(map(str, one.answer)), sorted(map(str, one.authority))) == \
                (other.flags, sorted(map(str, other.answer)), sorted(map(str, other.authority))), (name, kind)
            rows += 1
    info = proxy.api("GET", "/info")[1]["proxies"][0]
    assert info["exchanges"] == rows + 3 and not info["waiting"] and not info["raw"]     # three asked twice, the second time by TCP


@pytest.mark.skipif(bool(SAN), reason="once is enough")
def test_an_authority_answers_is_transferred_and_updated(start, knot):      # noqa: F811
    """Transfers and updates pass; the rule strikes look-ups alone."""
    proxy = before(start, knot)
    for how in dns.query.udp, dns.query.tcp:
        for name, kind in (("db.test", "A"), ("db.test", "ANY"), ("alias.test", "AAAA"), ("x.deep.test", "A"), ("nobody.test", "A"),
                           ("test", "SOA"), ("elsewhere.example", "A")):
            assert same(ask(knot.port, name, kind, how), ask(proxy.port, name, kind, how)), (name, kind)
        one, other = [ask(port, "many.test", how=how) for port in (knot.port, proxy.port)]     # dnspython shuffles what it writes
        assert one.flags == other.flags and one.answer == other.answer, how
    proxy.set("error", failure="servfail")

    def transfer(port):
        return sorted(str(records) for message in dns.query.xfr("127.0.0.1", "test", port=port, timeout=patience(), relativize=False)
                      for records in message.answer)
    whole = transfer(knot.port)
    assert transfer(proxy.port) == whole and len(whole) > 4000
    for number, how in enumerate((dns.query.udp, dns.query.tcp)):
        update = dns.update.Update("test")
        update.add("new%d" % number, 60, "A", "10.0.0.%d" % (20 + number))
        assert how(update, "127.0.0.1", port=proxy.port, timeout=patience()).rcode() == dns.rcode.NOERROR
        assert [str(one[0]) for one in ask(knot.port, "new%d.test" % number).answer] == ["10.0.0.%d" % (20 + number)]
        assert ask(proxy.port, "new%d.test" % number, how=how).rcode() == dns.rcode.SERVFAIL
    info = proxy.api("GET", "/info")[1]["proxies"][0]
    assert proxy.api("GET", "/behavior")[1]["hits"] == 2 and not info["waiting"] and not info["raw"]


def test_a_storm_of_look_ups_each_checked(proxy, dnsmasq):      # noqa: F811
    """Many at once, while answers are late, lost and come twice: each that comes is that of its question."""
    for rule in ("latency latency=3 jitter=3", "drop probability=0.02", "duplicate probability=0.1", "reorder probability=0.1 wait=5"):
        assert proxy.api("POST", "/rules", dict({"behavior": rule.split()[0]},
                                                **{k: float(v) for k, v in (w.split("=") for w in rule.split()[1:])}))[0] == 200
    wrong, answered, dice = [], [], random.Random(1)

    def client(names):
        for name in names:
            try:
                question = dns.message.make_query(name, "A")
                answer = dns.query.udp(question, "127.0.0.1", port=proxy.port, timeout=patience(0.5), ignore_unexpected=True)
                (answered if answer.answer[0][0].address == NAMES[name] else wrong).append(name)
            except dns.exception.Timeout:
                pass
    threads = [threading.Thread(target=client, args=(dice.choices(list(NAMES), k=20 if SAN else 60),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and len(answered) > (120 if SAN else 400)
    for name in ("latency", "drop", "duplicate", "reorder"):
        assert proxy.api("DELETE", "/rules/" + name)[0] == 200
    assert ask(proxy.port, "db.test").answer


@pytest.mark.skipif(bool(SAN), reason="once is enough")
def test_each_failure_is_believed(proxy):
    """What three resolvers make of a look-up of db.test, which has the address 10.0.0.1, with EDNS and one try: docs/failures.md."""
    lines = ["## dns: dnspython, c-ares and glibc\n", "| failure | dnspython | c-ares | glibc |", "|---|---|---|---|"]
    for failure in (failure for failure in FAILURES if failure != "overloaded"):
        proxy.set("error", failure=failure)
        told = by_dnspython(proxy.port), by_cares(proxy.port), by_glibc(proxy.port)
        assert proxy.api("GET", "/behavior")[1]["hits"] >= 3, failure
        lines.append("| `%s` | %s |" % (failure, " | ".join(map(cell, told))))
    judged("dns: ", "\n".join(lines) + "\n")


@pytest.mark.parametrize("how", [dns.query.udp, dns.query.tcp], ids=["udp", "tcp"])
def test_answers_with_errors_are_those_of_a_server(proxy, how):
    codes = {"servfail": "SERVFAIL", "unavailable": "SERVFAIL", "not_found": "NXDOMAIN", "refused": "REFUSED", "policy": "REFUSED",
             "miss": "NOERROR", "bad_request": "FORMERR", "not_implemented": "NOTIMP", "no_edns": "FORMERR"}
    for failure, code in codes.items():
        proxy.set("error", failure=failure)
        answer = ask(proxy.port, "Db.TEST", how=how)
        assert dns.rcode.to_text(answer.rcode()) == code and not answer.answer
        assert answer.edns == (-1 if failure == "no_edns" else 0)
        assert str(answer.question[0].name) == "Db.TEST." and answer.flags & dns.flags.RA and not answer.flags & dns.flags.AA


def test_ttls_and_addresses_are_edited(proxy):
    for how in (dns.query.udp, dns.query.tcp):
        proxy.set("error", failure="ttl_zero")
        assert ask(proxy.port, "host3.test", how=how).answer[0].ttl == 0
        proxy.set("error", failure="ttl_huge")
        assert ask(proxy.port, "host3.test", how=how).answer[0].ttl == 2 ** 31 - 1
        proxy.set("error", failure="wrong_address")
        assert ask(proxy.port, "db.test", "AAAA", how=how).answer[0][0].address == "2001:db8::1"
        assert ask(proxy.port, "text.test", "TXT", how=how).answer[0][0].strings == (b"hello",)         # it does not fit
    proxy.set("error", failure="ttl_zero")
    assert ask(proxy.port, "nobody.test").rcode() == dns.rcode.NXDOMAIN
    told = proxy.api("GET", "/behavior")[1]
    assert (told["hits"], told["unreachable"]) == (0, 1)        # there is nothing in it to edit


def test_half_an_answer(proxy):
    proxy.set("error", failure="miss", match="^QUERY AAAA ")
    assert by_dnspython(proxy.port) == "10.0.0.1" and by_dnspython(proxy.port, kind="AAAA") == "NoAnswer"
    proxy.set("error", failure="not_found", match=r"^QUERY \S+ db\.test$")
    assert by_dnspython(proxy.port) == "NXDOMAIN" and by_dnspython(proxy.port, "host9.test") == NAMES["host9.test"]
    proxy.set("cold_cache")
    assert by_dnspython(proxy.port) == "NoAnswer"


def test_a_rule_closes_both_ports(proxy):
    proxy.set("refuse")
    with pytest.raises(ConnectionRefusedError):
        ask(proxy.port, "db.test", how=dns.query.tcp)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", proxy.port))
        client.send(b"x")
        with pytest.raises(ConnectionRefusedError):
            client.settimeout(patience())
            client.recv(10)
    proxy.set("dummy")
    assert by_dnspython(proxy.port, seconds=patience()) == "10.0.0.1"


# ---- a scripted server: answers in any order ----

def query(ident, name, kind=1):
    labels = b"".join(bytes([len(part)]) + part for part in name.encode().split(b"."))
    return struct.pack(">HHHHHH", ident, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", kind, 1)


def reply(question):
    return question[:2] + b"\x81\x80" + question[4:]


def framed(message):
    return struct.pack(">H", len(message)) + message


def test_on_tcp_answers_come_in_any_order(vaurien, backend):
    proxy = vaurien("--protocol", "dns", backend=backend).set("error", failure="servfail", match="refuse")
    client, server = proxy.meet(backend)
    one, two, bad, three = query(1, "one.test"), query(2, "two.test"), query(3, "refuse.test"), query(4, "three.test")
    client.send(b"".join(map(framed, (one, two, bad, three))))
    assert server.read(len(framed(one)) * 2 + len(framed(three))) == framed(one) + framed(two) + framed(three)
    answer = client.read(len(framed(bad)))              # nothing older is answered
    assert answer[2:4] == b"\0\3" and answer[5] & 15 == 2
    for question in (three, one, two):
        server.send(framed(reply(question)))
        assert client.read(len(framed(question))) == framed(reply(question))
    assert proxy.api("GET", "/info")[1]["proxies"][0]["waiting"] == 0
    assert proxy.api("GET", "/info")[1]["proxies"][0]["exchanges"] == 4


def test_on_tcp_the_answer_to_one_question_is_late(vaurien, backend):
    proxy = vaurien("--protocol", "dns", backend=backend).set("delay", sleep=0.3, before=False, match="two", direction="response")
    client, server = proxy.meet(backend)
    client.send(framed(query(1, "one.test")) + framed(query(2, "two.test")))
    server.read(2 * len(framed(query(1, "one.test"))))
    server.send(framed(reply(query(2, "two.test"))))
    assert client.silent(0.1)
    assert client.read(4)[2:] == b"\0\2"


def test_by_udp_only_the_answer_of_one_question_is_lost(start):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    server.settimeout(patience())
    port = free_port()
    start("--protocol", "dns", "--rule", "drop match=two direction=response", listen="udp://127.0.0.1:%d" % port,
          backend="127.0.0.1:%d" % server.getsockname()[1], up=lambda: listens(port))
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.connect(("127.0.0.1", port))
    client.settimeout(patience())
    questions = [query(1, "one.test"), query(2, "two.test"), query(3, "three.test")]
    for question in questions:
        client.send(question)
    come = [server.recvfrom(512) for _ in questions]
    for data, where in reversed(come):
        server.sendto(reply(data), where)
    assert [client.recv(512)[1] for _ in range(2)] == [3, 1]
    client.settimeout(0.2)
    with pytest.raises(socket.timeout):
        client.recv(512)
    server.close()
    client.close()


def test_events_and_errors(proxy):
    assert proxy.api("POST", "/rules", {"behavior": "error", "failure": "refused", "match": "host1"})[0] == 200
    with Stream(proxy, "?type=exchange") as stream:
        for name in ("db.test", "nobody.test", "host1.test"):
            ask(proxy.port, name)
        told = stream.take(3)
    assert [(e["verb"], e["by"], e["error"], e["rule"]) for e in told] == [
        ("QUERY", "backend", None, None), ("QUERY", "backend", "NXDOMAIN", None), ("QUERY", "rule", "REFUSED", "error")]
    assert all(e["answered"] >= e["asked"] for e in told) and told[2]["rules"] == ["error"]
