"""close: FIN, now, later, after so many bytes, or behind an answer."""
from harness import Clock, patience

GET = b"GET /%s HTTP/1.1\r\nHost: h\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"


def test_open_and_new_connections(vaurien, backend):
    proxy = vaurien(backend=backend)
    client, server = proxy.meet(backend)
    proxy.set("close")
    assert client.ends() == "fin"
    assert server.ends() == "fin"
    assert proxy.refuses() == "fin"


def test_a_connection_s_age(vaurien, backend):
    proxy = vaurien("--rule", "close after=1", backend=backend)
    with Clock() as took:
        client, server = proxy.meet(backend)
        client.send(b"question")
        assert server.read(8) == b"question"
        assert client.ends() == "fin"
        assert server.ends() == "fin"
    assert 1 <= took.seconds < patience(4)


def test_after_so_many_bytes(vaurien, backend):
    proxy = vaurien("--rule", "close bytes=10 direction=response", backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"what it says does not count")
    assert server.read(27) == b"what it says does not count"
    server.send(b"1234567")
    server.send(b"890abc")
    assert client.rest() == (b"1234567890", "fin")


def test_the_count_goes_on_when_others_change(vaurien, backend):
    proxy = vaurien("--rule", "close bytes=10", backend=backend)
    client, server = proxy.meet(backend)
    server.send(b"1234567")
    assert client.read(7) == b"1234567"
    proxy.set("delay", sleep=0)
    server.send(b"890abc")
    assert client.rest() == (b"890", "fin")


def test_with_a_match_behind_the_answer(vaurien, backend):
    """As where a server does not keep connections alive: all is answered, then the end."""
    proxy = vaurien("--protocol", "http", "--rule", "close match=/last", backend=backend)
    client, server = proxy.meet(backend)
    for path in (b"first", b"last"):
        client.send(GET % path)
        assert b"/" + path in server.read(len(GET % path))
        server.send(ANSWER)
        assert client.read(len(ANSWER)) == ANSWER
    assert client.ends() == "fin"
    assert server.ends() == "fin"


def test_so_long_behind_the_answer(vaurien, backend):
    proxy = vaurien("--protocol", "http", "--rule", "close match=/last after=0.4", backend=backend)
    client, server = proxy.meet(backend)
    client.send(GET % b"last")
    server.read(len(GET % b"last"))
    with Clock() as took:
        server.send(ANSWER)
        assert client.read(len(ANSWER)) == ANSWER
        assert client.ends() == "fin"
    assert 0.4 <= took.seconds < patience(4)
