"""stall: nothing is read any more, so that who goes on writing meets a zero window."""
import socket
import time

from harness import Clock, patience, until


def pour(end, quiet=0.3):
    """Write until no more is taken for a while; how much was."""
    end.sock.setblocking(False)
    taken, since = 0, time.monotonic()
    while time.monotonic() - since < quiet:
        try:
            taken += end.sock.send(b"x" * 65536)
            since = time.monotonic()
        except BlockingIOError:
            time.sleep(0.01)
    end.sock.settimeout(patience())
    return taken


def test_both_peers_meet_a_zero_window(start, backend):
    proxy = start(backend=backend)
    client, server = proxy.meet(backend)
    for end in client, server:
        end.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
    proxy.set("stall")
    up, down = pour(client), pour(server)
    assert 0 < up < 64 << 20 and 0 < down < 64 << 20
    assert client.silent(0.1) and server.silent(0.1)
    proxy.set("dummy")                          # not a byte is missing
    assert server.read(up) == b"x" * up
    assert client.read(down) == b"x" * down


def test_new_connections_too(vaurien, backend):
    proxy = vaurien("--behavior", "stall", backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"question")
    server.send(b"greeting")
    assert server.silent(0.2) and client.silent(0.1)
    proxy.set("dummy")
    assert server.read(8) == b"question"
    assert client.read(8) == b"greeting"


def test_after_a_time(vaurien, backend):
    proxy = vaurien("--rule", "stall after=0.5", backend=backend)
    with Clock() as took:
        client, server = proxy.meet(backend)
        client.send(b"in time")
        assert server.read(7) == b"in time"

        def unread():
            client.send(b"?")
            try:
                server.sock.settimeout(0.4)
                server.sock.recv(100)
            except socket.timeout:
                return True
        until(unread)
    assert took.seconds > 0.5


def test_with_a_match_from_there_on(vaurien, backend):
    proxy = vaurien("--protocol", "http", "--rule", "stall match=/b", backend=backend)
    client, server = proxy.meet(backend)
    get = b"GET /%s HTTP/1.1\r\nHost: h\r\n\r\n"
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"
    client.send(get % b"a")
    server.read(len(get % b"a"))
    server.send(answer)
    assert client.read(len(answer)) == answer
    client.send(get % b"b")
    assert b"/b " in server.read(len(get % b"b"))
    server.send(answer)
    assert client.silent(0.3)


def test_a_client_that_leaves_leaves_nothing(vaurien, backend):
    proxy = vaurien("--behavior", "stall", "--linger", 0.3, backend=backend)
    proxy.meet(backend)[0].close()              # behind a first connection, one is kept ready for the next
    before = until(lambda: proxy.api("GET", "/info")[1]["proxies"][0]["connections"] == 0 and proxy.descriptors())
    for _ in range(5):
        client, _ = proxy.meet(backend)
        client.close()
    until(lambda: proxy.descriptors() <= before, what="no descriptor to be left")
