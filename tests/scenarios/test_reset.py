"""reset: RST, now, later, or after so many bytes."""
from harness import Clock, patience


def test_open_and_new_connections(vaurien, backend):
    proxy = vaurien(backend=backend)
    client, server = proxy.meet(backend)
    proxy.set("reset")
    assert client.ends() == "rst"
    assert server.ends() == "rst"
    assert proxy.refuses() == "rst"


def test_after_a_time_idle_or_not(vaurien, backend):
    proxy = vaurien(backend=backend)
    client, server = proxy.meet(backend)
    idle, _ = proxy.meet(backend)
    with Clock() as took:
        proxy.set("reset", after=1)
        client.send(b"question")                # meanwhile all is as always
        assert server.read(8) == b"question"
        server.send(b"answer")
        assert client.read(6) == b"answer"
        assert client.ends() == "rst"
        assert idle.ends() == "rst"
    assert 1 <= took.seconds < patience(4)


def test_after_so_many_bytes_of_answers(vaurien, backend):
    proxy = vaurien("--rule", "reset bytes=10", backend=backend)
    client, server = proxy.meet(backend)
    server.send(b"12345")
    assert client.read(5) == b"12345"
    server.send(b"67890abcdef")
    assert client.rest() == (b"67890", "rst")
    assert server.rest()[1] == "rst"


def test_after_so_many_bytes_of_requests(vaurien, backend):
    proxy = vaurien("--rule", "reset bytes=10 direction=request", backend=backend)
    client, server = proxy.meet(backend)
    server.send(b"x" * 20)
    assert client.read(20) == b"x" * 20
    client.send(b"1234567890")                  # reached exactly
    assert server.rest() == (b"1234567890", "rst")
    assert client.ends() == "rst"


def test_with_a_match_the_exchanges_it_finds(vaurien, backend):
    proxy = vaurien("--protocol", "http", "--rule", "reset match=^PUT", backend=backend)
    client, server = proxy.meet(backend)
    get, put = (b"%s / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n" % verb for verb in (b"GET", b"PUT"))
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    client.send(get)
    assert server.read(3) == b"GET"
    server.send(answer)
    assert client.read(len(answer)) == answer
    client.send(put)
    assert client.ends() == "rst"
    assert b"PUT" not in server.rest()[0]


def test_each_third_connection(vaurien, backend):
    backend.serve()
    proxy = vaurien("--rule", "reset every=3", backend=backend)
    seen = []
    for _ in range(6):
        try:
            with proxy.client() as client:
                client.send(b"x")
                seen.append(client.sock.recv(1))
        except ConnectionError:
            seen.append("rst")
    assert seen == ["rst", b"x", b"x"] * 2
