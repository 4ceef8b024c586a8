"""hang: the server is there and says nothing, for as long as that is set."""
import socket

from harness import Clock, until


def test_held_until_released_and_in_order(vaurien, backend):
    proxy = vaurien(backend=backend)
    client, server = proxy.meet(backend)
    proxy.set("hang")
    client.send(b"one ")
    assert server.silent(0.2)
    client.send(b"two ")
    client.send(b"three")
    assert server.silent(0.2)
    proxy.set("dummy")
    assert server.read(13) == b"one two three"
    server.send(b"yes")
    assert client.read(3) == b"yes"


def test_what_is_under_way_hangs_too(vaurien, backend):
    """The question was out when the hang came: its answer is what is held."""
    proxy = vaurien(backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"q")
    assert server.read(1) == b"q"
    proxy.set("hang")
    server.send(b"answer")
    assert client.silent(0.3)
    proxy.set("dummy")
    assert client.read(6) == b"answer"


def test_longer_than_the_time_out(vaurien, backend):
    proxy = vaurien("--timeout", 1, backend=backend)
    client, server = proxy.meet(backend)
    proxy.set("hang")
    client.send(b"patience")
    assert client.silent(2.5)
    proxy.set("dummy")
    assert server.read(8) == b"patience"


def test_new_connections_open_and_hang(vaurien, backend):
    proxy = vaurien("--behavior", "hang", backend=backend)
    client = proxy.client()
    client.send(b"anyone?")
    assert client.silent(0.3)
    proxy.set("dummy")
    assert backend.accept().read(7) == b"anyone?"


def test_clients_that_gave_up_are_forgotten(vaurien, backend):
    proxy = vaurien("--linger", "500ms", backend=backend)
    client, server = proxy.meet(backend)        # a first one, so that what is made lazily is there
    client.close()
    assert server.ends() == "fin"
    server.close()
    stays, _ = proxy.meet(backend)
    proxy.set("hang")
    before = proxy.descriptors()
    servers = []
    with Clock() as took:
        for i in range(10):
            client, server = proxy.meet(backend)
            client.send(b"DELETE everything")
            servers.append(server)
            client.close()
        until(lambda: proxy.descriptors() <= before, what="the descriptors of clients that left")
    assert took.seconds >= 0.5
    for server in servers:
        assert server.rest()[0] == b""          # and what they asked is not run later
    assert stays.silent(0.1)


def test_a_client_that_gave_up_on_a_long_delay_is_forgotten(start, backend):
    """But not one that has only said all it had to say."""
    proxy = start("--behavior", "delay", "--behavior-delay-sleep", 1e6, "--linger", 1, backend=backend)
    stays, _ = proxy.meet(backend)
    stays.send(b"?").finish()
    client, server = proxy.meet(backend)
    client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_LINGER2, 1)  # so soon its kernel forgets it
    client.send(b"DELETE everything").close()
    assert server.rest() == (b"", "rst")
    assert stays.silent(1.5)
    assert proxy.api("GET", "/info")[1]["proxies"][0]["connections"] == 1
