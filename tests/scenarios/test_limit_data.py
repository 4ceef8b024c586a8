"""limit_data: so many bytes pass, to the byte, and the connection is closed when they have."""
import pytest


@pytest.mark.parametrize("sizes", [[100], [10, 15], [25], [24, 1], [1] * 30, [5, 50]])
def test_to_the_byte(vaurien, backend, sizes):
    proxy = vaurien("--rule", "limit_data bytes=25", backend=backend)
    client, server = proxy.meet(backend)
    sent = bytes(range(100))
    at = 0
    for size in sizes:
        try:
            server.send(sent[at:at + size])
        except OSError:
            pass                                # closed meanwhile
        at += size
    assert client.rest() == (sent[:25], "fin")
    assert server.rest()[1] in ("fin", "rst")


def test_closed_as_soon_as_they_have_passed(vaurien, backend):
    """It does not wait for one byte more."""
    proxy = vaurien("--rule", "limit_data bytes=5", backend=backend)
    client, server = proxy.meet(backend)
    server.send(b"12345")
    assert client.rest() == (b"12345", "fin")
    assert server.ends() == "fin"


def test_none_may_pass(vaurien, backend):
    proxy = vaurien("--rule", "limit_data bytes=0", backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"ping")
    assert server.read(4) == b"ping"
    assert client.silent(0.1)                   # idle ones stay open
    server.send(b"x")
    assert client.ends() == "fin"


def test_each_connection_and_direction_counts(vaurien, backend):
    proxy = vaurien("--rule", "limit_data bytes=5 direction=both", backend=backend)
    for _ in range(2):
        client, server = proxy.meet(backend)
        client.send(b"1234")
        assert server.read(4) == b"1234"
        server.send(b"abcd")
        assert client.read(4) == b"abcd"
        client.send(b"56")
        assert server.rest() == (b"5", "fin")
        assert client.ends() == "fin"


def test_a_megabyte(start, backend):
    proxy = start("--rule", "limit_data bytes=1000001", backend=backend)
    client, server = proxy.meet(backend)
    backend.serve()
    try:
        for _ in range(20):
            server.send(bytes(100_000))
    except OSError:
        pass
    data, how = client.rest()
    assert (len(data), how) == (1_000_001, "fin")


def test_under_a_protocol(vaurien, backend):
    proxy = vaurien("--protocol", "http", "--rule", "limit_data bytes=50", backend=backend)
    client, server = proxy.meet(backend)
    ask, answer = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    client.send(ask)
    assert server.read(len(ask)) == ask
    server.send(answer)
    assert client.read(len(answer)) == answer
    client.send(ask)
    assert server.read(len(ask)) == ask
    server.send(answer)
    assert client.rest() == (answer[:50 - len(answer)], "fin")
