"""drop: a message vanishes, and nobody is told."""
GET = b"GET /%s HTTP/1.1\r\nHost: h\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"


def test_requests(vaurien, backend):
    proxy = vaurien("--protocol", "http", "--rule", "drop times=1", backend=backend)
    client, server = proxy.meet(backend)
    client.send(GET % b"lost")
    assert server.silent(0.2)
    client.send(GET % b"found")
    assert b"/found " in server.read(len(GET % b"found"))
    server.send(ANSWER)
    assert client.read(len(ANSWER)) == ANSWER


def test_bytes_without_messages(vaurien, backend):
    """All that is said until the backend speaks is one request."""
    proxy = vaurien("--behavior", "drop", backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"lost")
    client.send(b"lost too")
    assert server.silent(0.2) and client.silent(0.1)


def test_answers(vaurien, backend):
    proxy = vaurien("--rule", "drop direction=response times=1", backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"one")
    assert server.read(3) == b"one"
    server.send(b"lost")
    assert client.silent(0.2)
    client.send(b"two")
    assert server.read(3) == b"two"
    server.send(b"found")
    assert client.read(5) == b"found"


def test_between_others(vaurien, backend):
    """One of three that were asked together: the answers of the others keep their places."""
    proxy = vaurien("--protocol", "http", "--rule", "drop match=/b", backend=backend)
    client, server = proxy.meet(backend)
    client.send(GET % b"a" + GET % b"b" + GET % b"c")
    assert b"/b " not in server.read(2 * len(GET % b"a"))
    server.send(ANSWER + ANSWER)
    assert client.read(2 * len(ANSWER)) == ANSWER + ANSWER
    assert client.silent(0.1)


def test_a_greeting_is_no_request(vaurien, backend):
    proxy = vaurien("--rule", "drop", backend=backend)
    client, server = proxy.meet(backend)
    server.send(b"220 ready\r\n")
    assert client.read(11) == b"220 ready\r\n"


def test_a_greeting_is_an_answer(vaurien, backend):
    proxy = vaurien("--rule", "drop direction=both", backend=backend)
    client, server = proxy.meet(backend)
    server.send(b"220 ready\r\n")
    assert client.silent(0.2)


def test_over_when_it_is_over(vaurien, backend):
    """Bytes without messages: what was dropped was the beginning of a turn, the rest of it is answered."""
    proxy = vaurien("--behavior", "drop", backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"lost")
    assert server.silent(0.2)
    proxy.set("dummy")
    client.send(b"found")
    assert server.read(5) == b"found"
    server.send(b"answer")
    assert client.read(6) == b"answer"
