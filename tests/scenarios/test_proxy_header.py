"""A load balancer's header of the PROXY protocol: it passes at once, it is no exchange, and the protocol begins behind it."""
import time

import pytest

from harness import dial, free_port, until
from test_invitation import MY_GREETING, MY_LOGIN, MY_OK, PG_IN, PG_LOGIN, packet, typed

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V4 = b"\xc0\0\2\1\xc0\0\2\2\x9c\x40\0\x19"
HEADERS = {
    "v1": b"PROXY TCP4 192.0.2.1 192.0.2.2 40000 25\r\n",
    "v1 of IPv6": b"PROXY TCP6 2001:db8::1 2001:db8::2 40000 25\r\n",
    "v1 unknown": b"PROXY UNKNOWN\r\n",
    "v2": SIGNATURE + b"\x21\x11\0\x0c" + V4,
    "v2 local": SIGNATURE + b"\x20\0\0\0",
    "v2 with TLVs": SIGNATURE + b"\x21\x11\0\x19" + V4 + b"\x04\0\x0aHELO x\r\nOK",
    "v2 of unix": SIGNATURE + b"\x21\x31\0\xd8" + b"/a\n" * 72,
    "v2 at its longest": SIGNATURE + b"\x21\x11\xff\xff" + V4 + b"\r\n" * 32761 + b"x",
}
GREET = [("S", b"220 mx.test ESMTP\r\n"), ("C", b"EHLO c\r\n"), ("S", b"250 mx.test\r\n")]
# what is said behind the header, and how many exchanges that is
TALKS = {
    "tcp": ([("C", b"ping"), ("S", b"pong"), ("C", b"ping")], 2),
    "http": ([("C", b"GET / HTTP/1.1\r\n\r\n"), ("S", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")], 1),
    "mysql": ([("S", MY_GREETING), ("C", MY_LOGIN), ("S", packet(2, MY_OK)), ("C", packet(0, b"\x0e"))], 2),
    "postgres": ([("C", PG_LOGIN), ("S", PG_IN), ("C", typed(b"Q", b"select 1\0"))], 2),
    "redis": ([("C", b"PING\r\n"), ("S", b"+PONG\r\n"), ("C", b"*1\r\n$4\r\nPING\r\n")], 2),
    "memcache": ([("C", b"get a\r\n"), ("S", b"END\r\n")], 1),
    "smtp": (GREET, 1),
}


def connections(proxy):
    return proxy.api("GET", "/connections")[1]["connections"]


def play(client, server, steps):
    for side, data in steps:
        one, other = (client, server) if side == "C" else (server, client)
        one.send(data)
        assert other.read(len(data)) == data


@pytest.mark.parametrize("protocol", sorted(TALKS))
@pytest.mark.parametrize("header", sorted(HEADERS))
def test_it_passes_and_is_no_exchange(vaurien, backend, protocol, header):
    steps, exchanges = TALKS[protocol]
    proxy = vaurien("--protocol", protocol, backend=backend)
    client, server = proxy.meet(backend)
    play(client, server, [("C", HEADERS[header])] + steps)
    assert connections(proxy)[0]["exchanges"] == exchanges
    assert "raw proxy=" not in proxy.whole_log()


@pytest.mark.parametrize("protocol", sorted(TALKS))
@pytest.mark.parametrize("header", ["v1", "v2"])
def test_it_may_come_with_the_first_request(vaurien, backend, protocol, header):
    steps, exchanges = TALKS[protocol]
    if steps[0][0] == "S":
        steps = steps[1:] if protocol == "smtp" else steps
    if protocol == "mysql":
        return                                  # whose login answers the greeting
    proxy = vaurien("--protocol", protocol, backend=backend)
    client, server = proxy.meet(backend)
    first = HEADERS[header] + steps[0][1]
    play(client, server, [("C", first)])
    if protocol == "smtp":
        play(client, server, [("S", GREET[0][1])])
    play(client, server, steps[1:])
    assert connections(proxy)[0]["exchanges"] == exchanges


@pytest.mark.parametrize("header", ["v1", "v1 unknown", "v2", "v2 with TLVs"])
@pytest.mark.parametrize("protocol", ["smtp", "tcp", "http"])
def test_it_may_come_in_two(vaurien, backend, protocol, header):
    steps, exchanges = TALKS[protocol]
    proxy = vaurien("--protocol", protocol, backend=backend)
    whole = HEADERS[header]
    for at in range(1, len(whole)):
        client, server = proxy.meet(backend)
        client.send(whole[:at])
        time.sleep(0.002)                       # the first half is read by itself, mostly
        client.send(whole[at:])
        assert server.read(len(whole)) == whole
        play(client, server, steps)
        assert connections(proxy)[-1]["exchanges"] == exchanges
        client.close()
        server.close()
        until(lambda: not connections(proxy), what="the connection to go")


@pytest.mark.parametrize("header", ["v1", "v2"])
def test_rules_strike_behind_it(vaurien, backend, header):
    proxy = vaurien("--protocol", "http", "--rule", "error failure=unavailable times=1", backend=backend)
    client, server = proxy.meet(backend)
    client.send(HEADERS[header] + b"GET / HTTP/1.1\r\n\r\n")
    assert server.read(len(HEADERS[header])) == HEADERS[header]
    assert client.read(12) == b"HTTP/1.1 503"
    assert server.silent(0.05)


def test_a_greeting_behind_it_is_exchange_0(vaurien, backend):
    proxy = vaurien("--protocol", "tcp", "--rule", "lost_reply", backend=backend)
    client, server = proxy.meet(backend)
    play(client, server, [("C", HEADERS["v2"]), ("S", b"220 hello\r\n")])      # which lost_reply lets by
    client.send(b"EHLO\r\n")
    assert server.read(6) == b"EHLO\r\n"
    server.send(b"250\r\n")
    assert client.ends() == "fin"


# ---- what only begins as one ----

@pytest.mark.parametrize("protocol, data, answer", [
    ("tcp", b"P", b"yes"), ("tcp", b"\r\n", b"yes"), ("tcp", b"\r\n\r\n\0", b"yes"), ("memcache", b"\r\n", b"ERROR\r\n"),
])
def test_what_is_none_is_answered(vaurien, backend, protocol, data, answer):
    proxy = vaurien("--protocol", protocol, backend=backend)
    client, server = proxy.meet(backend)
    play(client, server, [("C", data), ("S", answer)])
    assert connections(proxy)[0]["exchanges"] == 1


@pytest.mark.parametrize("protocol", sorted(TALKS))
@pytest.mark.parametrize("broken", [
    b"PROXY TCP4 192.0.2.1\r\n", b"PROXY TCP4 " + b"1" * 200, b"PROXY UNKNOWN " + b"x" * 200, b"PROXY TCP6 ::1 ::1 1 2\n", SIGNATURE + b"\x11\x11\0\x0c" + V4,
])
def test_a_broken_one_is_left_to_the_server(vaurien, backend, protocol, broken):
    proxy = vaurien("--protocol", protocol, backend=backend)
    client, server = proxy.meet(backend)
    client.send(broken)
    assert server.read(len(broken)) == broken
    server.close()
    assert client.ends() in ("fin", "rst")


@pytest.mark.parametrize("protocol", sorted(TALKS))
@pytest.mark.parametrize("cut", [3, 9, 20, 27])
def test_a_torn_one_passes_with_the_end(vaurien, backend, protocol, cut):
    for whole in (HEADERS["v1"], HEADERS["v2"]):
        proxy = vaurien("--protocol", protocol, backend=backend)
        client, server = proxy.meet(backend)
        client.send(whole[:cut])
        client.finish()
        assert server.read(cut) == whole[:cut]
        assert server.ends() == "fin"


# ---- other bytes before a greeting ----

@pytest.mark.parametrize("preamble", [b"\x02\x01\x07", b"hello from the balancer", b"\0", b"\r\n\x7f\r\nx", b"\xff\xfe\xfd"])
@pytest.mark.parametrize("protocol, greeting", [("smtp", b"220 mx.test ESMTP\r\n"), ("mysql", MY_GREETING)])
def test_bytes_before_the_greeting_pass(vaurien, backend, protocol, greeting, preamble):
    proxy = vaurien("--protocol", protocol, backend=backend)
    client, server = proxy.meet(backend)
    play(client, server, [("C", preamble), ("S", greeting), ("C", b"EHLO c\r\n"), ("S", b"250 mx.test\r\n")])


def test_commands_before_the_greeting_have_their_own_answers(vaurien, backend):
    proxy = vaurien("--protocol", "smtp", "--rule", "error failure=policy match=^MAIL", backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"EHLO c\r\nMAIL FROM:<a@x>\r\nNOOP\r\n")
    assert server.read(20) == b"EHLO c\r\nNOOP\r\nNOOP\r\n"
    server.send(b"220 mx.test ESMTP\r\n250 mx.test\r\n250 Ok\r\n250 really\r\n")
    expected = b"220 mx.test ESMTP\r\n250 mx.test\r\n550 5.7.1 Command rejected\r\n250 really\r\n"
    assert client.read(len(expected)) == expected


# ---- whom the header names, for `client` ----

GET = b"GET / HTTP/1.1\r\n\r\n"
ASKED = ["--proxy-protocol", "address"]
NAMED, SOCKET = "192.0.2.0/24", "127.0.0.0/8"


def meets(client, server, header, refused):
    """A request behind this header is refused, or is not."""
    client.send(header + GET)
    assert server.read(len(header)) == header
    if refused:
        assert client.read(12) == b"HTTP/1.1 503"
        assert server.silent(0.02)
    else:
        assert server.read(len(GET)) == GET


@pytest.mark.parametrize("words, header, client, expected", [
    (ASKED, "v1", NAMED, True), (ASKED, "v2", NAMED, True), (ASKED, "v2 with TLVs", NAMED, True), (ASKED, "v1", SOCKET, False),
    (ASKED, "v1 of IPv6", "2001:db8::/32", True), (ASKED, "v1 of IPv6", NAMED, False), (ASKED, "v2", "192.0.3.0/24", False),
    (ASKED, "v1 unknown", SOCKET, True), (ASKED, "v2 local", SOCKET, True), (ASKED, "v2 of unix", SOCKET, True), (ASKED, "", SOCKET, True),
    (ASKED, "", NAMED, False), ([], "v1", NAMED, False), ([], "v1", SOCKET, True), (["--proxy-protocol", "pass"], "v2", SOCKET, True),
])
def test_client_is_whom_the_header_names(vaurien, backend, words, header, client, expected):
    proxy = vaurien("--protocol", "http", *words, "--rule", "error failure=unavailable client=%s" % client, backend=backend)
    meets(*proxy.meet(backend), HEADERS.get(header, b""), expected)


def test_rules_that_come_later_know_the_client(vaurien, backend):
    proxy = vaurien("--protocol", "http", *ASKED, backend=backend)
    client, server = proxy.meet(backend)
    play(client, server, [("C", HEADERS["v2"] + GET), ("S", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")])
    proxy.set("error", failure="unavailable", client=SOCKET)
    play(client, server, [("C", GET), ("S", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")])
    proxy.set("error", failure="unavailable", client=NAMED)
    client.send(GET)
    assert client.read(12) == b"HTTP/1.1 503"


def test_a_rule_for_whole_connections_meets_the_named_one(vaurien, backend):
    proxy = vaurien("--protocol", "smtp", *ASKED, "--rule", "reset client=%s" % NAMED, backend=backend)
    client, server = proxy.meet(backend)
    assert client.silent(0.05)
    client.send(HEADERS["v1"])
    assert client.ends() == "rst"
    client, server = proxy.meet(backend)
    play(client, server, [("C", HEADERS["v1"].replace(b"192.0.2.1 ", b"192.0.3.1 "))] + GREET)


def test_a_greeting_behind_the_header_meets_the_rule(vaurien, backend):
    proxy = vaurien("--protocol", "smtp", *ASKED, "--rule", "delay sleep=200ms before=false client=%s" % NAMED, backend=backend)
    client, server = proxy.meet(backend)
    client.send(HEADERS["v2"])
    assert server.read(28) == HEADERS["v2"]
    server.send(GREET[0][1])
    assert client.silent(0.1)
    assert client.read(len(GREET[0][1])) == GREET[0][1]


def test_each_proxy_has_its_own(start, backend, tmp_path):
    rule = "[rule:%s]\nbehavior = error\nfailure = unavailable\nclient = 192.0.2.0/24\nproxy = %s\n"
    ini = tmp_path / "vaurien.ini"
    port = free_port()
    ini.write_text("[proxy:named]\nlisten = 127.0.0.1:%d\nbackend = %s\nprotocol = http\nproxy-protocol = address\n" % (port, backend.address)
                   + rule % ("a", "named") + rule % ("b", "default"))
    proxy = start("--protocol", "http", "--config", str(ini), backend=backend)
    for at, expected in ((proxy.port, False), (port, True)):
        meets(dial(at), backend.accept(), HEADERS["v1"], expected)


def test_the_word_is_checked(run):
    done = run("--proxy-protocol", "adress")
    assert done.returncode == 2 and "argument --proxy-protocol: expected one of pass, address" in done.stderr
