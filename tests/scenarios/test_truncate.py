"""truncate: a reply breaks off, inside its framing, behind it, in its content or after so many bytes."""
import pytest

GET = b"GET /%s HTTP/1.1\r\nHost: h\r\n\r\n"
STATUS = b"HTTP/1.1 200 OK\r\n"
ANSWER = STATUS + b"Content-Length: 10\r\n\r\n0123456789"


def ask(client, server, path=b"x"):
    client.send(GET % path)
    server.read(len(GET % path))
    server.send(ANSWER)


@pytest.mark.parametrize("end, how", [("close", "fin"), ("reset", "rst")])
def test_after_so_many_bytes(vaurien, backend, end, how):
    proxy = vaurien("--rule", "truncate bytes=7 end=%s" % end, backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"question")
    assert server.read(8) == b"question"
    server.send(b"1234")
    server.send(b"567890")
    assert client.rest() == (b"1234567", how)
    assert server.rest()[1] == how


def test_shorter_replies_pass(vaurien, backend):
    proxy = vaurien("--rule", "truncate bytes=7", backend=backend)
    client, server = proxy.meet(backend)
    for _ in range(3):
        client.send(b"?")
        assert server.read(1) == b"?"
        server.send(b"1234567")
        assert client.read(7) == b"1234567"
    client.send(b"?")
    assert server.read(1) == b"?"
    server.send(b"12345678")
    assert client.rest() == (b"1234567", "fin")


@pytest.mark.parametrize("where, n", [("prefix", len(STATUS) // 2), ("boundary", len(STATUS))])
def test_around_the_framing(vaurien, backend, where, n):
    """What a parser calls framing is that of the answer, whatever the question looked like."""
    proxy = vaurien("--protocol", "http", "--rule", "truncate where=%s" % where, backend=backend)
    client, server = proxy.meet(backend)
    ask(client, server, b"x" * 200)
    data, how = client.rest()
    assert (data.rstrip(b"\r\n"), how) == (STATUS[:n].rstrip(b"\r\n"), "fin")


def test_in_the_middle(vaurien, backend):
    proxy = vaurien("--protocol", "http", "--rule", "truncate", backend=backend)
    client, server = proxy.meet(backend)
    ask(client, server)
    data, how = client.rest()
    assert how == "fin"
    assert ANSWER.startswith(data) and len(STATUS) < len(data) < len(ANSWER)


def test_with_a_match_only_those(vaurien, backend):
    proxy = vaurien("--protocol", "http", "--rule", "truncate match=/bad bytes=5", backend=backend)
    client, server = proxy.meet(backend)
    ask(client, server)
    assert client.read(len(ANSWER)) == ANSWER
    ask(client, server, b"bad")
    assert client.rest() == (ANSWER[:5], "fin")


def test_what_was_asked_before_is_answered(vaurien, backend):
    proxy = vaurien("--protocol", "http", "--rule", "truncate match=/bad bytes=5", backend=backend)
    client, server = proxy.meet(backend)
    client.send(GET % b"x" + GET % b"bad" + GET % b"y")
    server.read(len(GET % b"x"))
    server.send(ANSWER + ANSWER + ANSWER)
    assert client.rest() == (ANSWER + ANSWER[:5], "fin")


def test_a_greeting_is_no_reply(vaurien, backend):
    proxy = vaurien("--rule", "truncate", backend=backend)
    client, server = proxy.meet(backend)
    server.send(b"220 ready\r\n")
    assert client.read(11) == b"220 ready\r\n"
