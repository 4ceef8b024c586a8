"""lost_reply: done, but not told. Did it commit?"""
import pytest

GET = b"GET /%s HTTP/1.1\r\nHost: h\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"


@pytest.mark.parametrize("end, how", [("close", "fin"), ("reset", "rst")])
def test_the_request_is_done_and_the_answer_is_lost(vaurien, backend, bufsize, end, how):
    proxy = vaurien(backend=backend).set("lost_reply", end=end)
    client, server = proxy.meet(backend)
    client.send(b"COMMIT")
    assert server.read(6) == b"COMMIT"
    assert client.silent(0.1)                   # nothing ends before the answer came
    server.send(b"done")
    assert client.ends() == how
    assert server.ends() == how


def test_all_of_the_answer_is_waited_for(vaurien, backend):
    proxy = vaurien("--protocol", "http", "--behavior", "lost_reply", backend=backend)
    client, server = proxy.meet(backend)
    client.send(GET % b"x")
    server.read(len(GET % b"x"))
    server.send(ANSWER[:-1])
    assert client.silent(0.2)
    server.send(ANSWER[-1:])
    assert client.ends() == "fin"


def test_what_was_asked_before_is_answered(vaurien, backend):
    proxy = vaurien("--protocol", "http", "--rule", "lost_reply match=/b", backend=backend)
    client, server = proxy.meet(backend)
    client.send(GET % b"a" + GET % b"b")
    server.read(2 * len(GET % b"a"))
    server.send(ANSWER + ANSWER)
    assert client.rest() == (ANSWER, "fin")


def test_a_greeting_is_not_lost(vaurien, backend):
    proxy = vaurien("--behavior", "lost_reply", backend=backend)
    client, server = proxy.meet(backend)
    server.send(b"220 ready\r\n")
    assert client.read(11) == b"220 ready\r\n"
