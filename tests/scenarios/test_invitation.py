"""An invitation to go on is not the answer: it passes, and what strikes answers strikes the one that follows."""
import pytest


def typed(kind, body=b""):
    return kind + (len(body) + 4).to_bytes(4, "big") + body


def packet(seq, body):
    return len(body).to_bytes(3, "little") + bytes([seq]) + body


PG_LOGIN = typed(b"", b"\0\3\0\0user\0app\0\0")
PG_IN = typed(b"R", b"\0" * 4) + typed(b"Z", b"I")
COPY = typed(b"G", b"\0\0\1\0\0")
DONE = typed(b"C", b"COPY 2\0")
READY = typed(b"Z", b"I")
ROWS = typed(b"d", b"1\n") + typed(b"d", b"2\n") + typed(b"c")

MY_GREETING = packet(0, b"\x0a5.5.5-10.11.6-MariaDB\0" + b"\1\0\0\0" + b"12345678\0" + (0x8288 | 0x2000).to_bytes(2, "little") +
                     b"\x21\2\0" + b"\x08\0" + b"\x15" + b"\0" * 10 + b"123456789012\0mysql_native_password\0")
MY_LOGIN = packet(1, (0x8288 | 0x2000 | 0x80000).to_bytes(4, "little") + b"\0\0\0\1\x21" + b"\0" * 23 + b"app\0\0mysql_native_password\0")
MY_OK = b"\0\0\0\2\0\0\0"
MY_SWITCH = packet(2, b"\xfemysql_native_password\0" + b"12345678901234567890\0")

SMTP_IN = [("S", b"220 mx.test ESMTP\r\n"), ("C", b"EHLO c\r\n"), ("S", b"250-mx.test\r\n250 AUTH LOGIN\r\n")]
MAILING = SMTP_IN + [("C", b"MAIL FROM:<a@x>\r\n"), ("S", b"250 Ok\r\n"), ("C", b"RCPT TO:<b@x>\r\n"), ("S", b"250 Ok\r\n")]
PUT = b"PUT /up HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"

# protocol, rule, what goes to and fro up to the answer, the answer
TALKS = {
    "copy": ("postgres", "^QUERY copy", [("C", PG_LOGIN), ("S", PG_IN), ("C", typed(b"Q", b"copy t from stdin\0")), ("S", COPY), ("C", ROWS)],
             DONE + READY),
    "copy of an Execute": ("postgres", "^EXECUTE copy",
                           [("C", PG_LOGIN), ("S", PG_IN), ("C", typed(b"P", b"\0copy t from stdin\0\0\0") + typed(b"B", b"\0" * 8) +
                                                            typed(b"E", b"\0" * 5)),
                            ("S", typed(b"1") + typed(b"2") + COPY), ("C", ROWS + typed(b"S"))], DONE + READY),
    "copy behind a notice": ("postgres", "^QUERY copy",
                             [("C", PG_LOGIN), ("S", PG_IN), ("C", typed(b"Q", b"copy t from stdin\0")),
                              ("S", typed(b"N", b"SNOTICE\0\0") + COPY), ("C", ROWS)], DONE + READY),
    "password": ("postgres", "^LOGIN", [("C", PG_LOGIN), ("S", typed(b"R", b"\0\0\0\3")), ("C", typed(b"p", b"secret\0"))], PG_IN),
    "file": ("mysql", "^QUERY load", [("S", MY_GREETING), ("C", MY_LOGIN), ("S", packet(2, MY_OK)),
                                      ("C", packet(0, b"\3load data local infile 'f' into table t")), ("S", packet(1, b"\xfbf")),
                                      ("C", packet(2, b"1\n2\n") + packet(3, b""))], packet(4, MY_OK)),
    "auth switch": ("mysql", "^LOGIN", [("S", MY_GREETING), ("C", MY_LOGIN), ("S", MY_SWITCH), ("C", packet(3, b"d" * 20))], packet(4, MY_OK)),
    "100": ("http", "PUT", [("C", PUT), ("S", b"HTTP/1.1 100 Continue\r\n\r\n"), ("C", b"hello")],
            b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok"),
    "102, 103, 100": ("http", "PUT", [("C", PUT), ("S", b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
                                      ("S", b"HTTP/1.1 100 Continue\r\n\r\n"), ("C", b"hello")],
                      b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok"),
    "334": ("smtp", "^AUTH", SMTP_IN + [("C", b"AUTH LOGIN\r\n"), ("S", b"334 VXNlcm5hbWU6\r\n"), ("C", b"YXBw\r\n"),
                                        ("S", b"334-more\r\n334 UGFzc3dvcmQ6\r\n"), ("C", b"c2VjcmV0\r\n")], b"235 2.7.0 welcome\r\n"),
    "354": ("smtp", "^DATA", MAILING + [("C", b"DATA\r\n"), ("S", b"354 go\r\n"), ("C", b"x\r\n.\r\n")], b"250 2.0.0 queued\r\n"),
}
LOGINS = ("password", "auth switch", "334")     # which lost_reply lets by

ends = pytest.mark.parametrize("talk", sorted(TALKS))


def invited(vaurien, backend, talk, rule):
    """A talk up to its answer, which each side has seen as the other sent it. Returns both ends, and the answer."""
    protocol, match, steps, answer = TALKS[talk]
    proxy = vaurien("--protocol", protocol, "--rule", "%s match='%s'" % (rule, match), backend=backend)
    client, server = proxy.meet(backend)
    for side, data in steps:
        one, other = (client, server) if side == "C" else (server, client)
        one.send(data)
        assert other.read(len(data)) == data
    return proxy, client, server, answer


@ends
@pytest.mark.parametrize("rule, how", [("lost_reply", "fin"), ("lost_reply end=reset", "rst")])
def test_lost_reply_loses_the_answer(vaurien, backend, talk, rule, how):
    proxy, client, server, answer = invited(vaurien, backend, talk, rule)
    server.send(answer)
    if talk in LOGINS:
        assert client.read(len(answer)) == answer
    else:
        # of the extended protocol the Sync is an exchange of its own, and its answer comes later
        assert client.ends() == how
        assert len(proxy.strikes()) == 1


@ends
def test_truncate_cuts_the_answer(vaurien, backend, talk):
    proxy, client, server, answer = invited(vaurien, backend, talk, "truncate bytes=3")
    server.send(answer)
    assert client.rest() == (answer[:3], "fin")


@ends
def test_corrupt_spoils_the_answer(vaurien, backend, talk):
    proxy, client, server, answer = invited(vaurien, backend, talk, "corrupt bits=3")
    server.send(answer)
    got = client.read(len(answer))
    assert got != answer and len(got) == len(answer)


@ends
def test_random_bytes_come_in_place_of_the_answer_only(vaurien, backend, talk):
    proxy, client, server, answer = invited(vaurien, backend, talk, "corrupt random=true")
    server.send(answer)
    assert client.read(len(answer)) != answer


@ends
def test_error_injects_into_the_answer(vaurien, backend, talk):
    proxy, client, server, answer = invited(vaurien, backend, talk, "error inject=true")
    server.send(answer)
    got = client.read(len(answer) + 100)
    assert answer not in got


@ends
def test_drop_drops_the_answer(vaurien, backend, talk):
    proxy, client, server, answer = invited(vaurien, backend, talk, "drop direction=response")
    server.send(answer)
    kept = READY if talk == "copy of an Execute" else b""
    assert client.read(len(kept)) == kept
    assert client.silent(0.1)


@ends
def test_a_delay_of_answers_is_met_once(vaurien, backend, talk):
    proxy, client, server, answer = invited(vaurien, backend, talk, "delay sleep=200ms before=false")
    server.send(answer)
    assert client.silent(0.1)
    assert client.read(len(answer)) == answer
    assert len(proxy.strikes()) == 1


# ---- in the middle of an answer that is swallowed ----

MIDDLES = {
    "copy": ("postgres", "^QUERY select", [("C", PG_LOGIN), ("S", PG_IN), ("C", typed(b"Q", b"select 1; copy t from stdin\0"))],
             typed(b"T", b"\0\0") + typed(b"C", b"SELECT 0\0"), COPY),
    "file": ("mysql", "^QUERY do", [("S", MY_GREETING), ("C", MY_LOGIN), ("S", packet(2, MY_OK)), ("C", packet(0, b"\3do 1; load data local infile 'f' into table t"))],
             packet(1, b"\0\0\0\x0a\0\0\0"), packet(2, b"\xfbf")),
}


@pytest.mark.parametrize("middle", sorted(MIDDLES))
@pytest.mark.parametrize("rule", ["lost_reply", "lost_reply end=reset", "drop direction=response", "truncate bytes=%d"])
@pytest.mark.parametrize("together", [True, False])
def test_who_is_invited_in_a_lost_answer_is_closed(vaurien, backend, middle, rule, together):
    protocol, match, steps, first, invitation = MIDDLES[middle]
    rule = rule.replace("%d", str(len(first) + 2))
    proxy = vaurien("--protocol", protocol, "--rule", "%s match='%s'" % (rule, match), backend=backend)
    client, server = proxy.meet(backend)
    for side, data in steps:
        one, other = (client, server) if side == "C" else (server, client)
        one.send(data)
        assert other.read(len(data)) == data
    if together:
        server.send(first + invitation)
    else:
        server.send(first)
        server.send(invitation)
    if rule.startswith("truncate"):
        got, how = client.rest()
        assert got == (first + invitation)[:len(first) + 2] and how == "fin"
    else:
        assert client.ends() == ("rst" if "reset" in rule else "fin")
    assert server.ends() in ("fin", "rst")


@pytest.mark.parametrize("middle", sorted(MIDDLES))
def test_who_is_invited_in_an_answer_that_passes_goes_on(vaurien, backend, middle):
    protocol, match, steps, first, invitation = MIDDLES[middle]
    proxy = vaurien("--protocol", protocol, "--rule", "corrupt bits=0 match='%s'" % match, backend=backend)
    client, server = proxy.meet(backend)
    for side, data in steps + [("S", first + invitation), ("C", ROWS if middle == "copy" else packet(3, b""))]:
        one, other = (client, server) if side == "C" else (server, client)
        one.send(data)
        assert other.read(len(data)) == data


# ---- what goes on with a dropped request ----

def test_the_body_of_a_dropped_head_is_dropped(vaurien, backend):
    proxy = vaurien("--protocol", "http", "--rule", "drop match=PUT", backend=backend)
    client, server = proxy.meet(backend)
    client.send(PUT)
    assert server.silent(0.1)
    client.send(b"hello" + b"GET / HTTP/1.1\r\n\r\n")          # it has waited long enough
    assert server.read(18) == b"GET / HTTP/1.1\r\n\r\n"
