"""blackout: the server is gone. New and old connections are reset, busy or idle."""
from harness import Clock, patience


def test_new_connections_are_reset_at_once(vaurien, backend):
    proxy = vaurien("--behavior", "blackout", backend=backend)
    with Clock() as took:
        assert proxy.refuses() == "rst"
    assert took.seconds < patience(1)


def test_open_connections_are_reset_at_once_idle_or_not(vaurien, backend):
    proxy = vaurien(backend=backend)
    idle, idle_server = proxy.meet(backend)
    busy, busy_server = proxy.meet(backend)
    busy.send(b"question")
    assert busy_server.read(8) == b"question"
    proxy.set("blackout")
    assert idle.ends() == "rst"
    assert busy.ends() == "rst"
    assert idle_server.ends() == "rst"
    assert busy_server.ends() == "rst"


def test_over_when_it_is_over(vaurien, backend):
    proxy = vaurien("--behavior", "blackout", backend=backend)
    assert proxy.refuses() == "rst"
    proxy.set("dummy")
    client, server = proxy.meet(backend)
    client.send(b"x")
    assert server.read(1) == b"x"


def test_the_backend_hears_nothing_of_it(vaurien, backend):
    proxy = vaurien("--behavior", "blackout", backend=backend)
    assert proxy.refuses() == "rst"
    accepted = backend.waiting()
    assert accepted is None or accepted.rest()[0] == b""


def test_with_odds_it_strikes_exchanges(vaurien, backend):
    """Half of the exchanges: so a new connection stands until it asks."""
    proxy = vaurien("--behavior", "50:blackout", "--seed", 1, backend=backend)
    struck = 0
    for _ in range(40):
        client, server = proxy.meet(backend)
        client.send(b"?")
        try:
            answered = server.sock.recv(1) == b"?"
        except ConnectionResetError:
            answered = False
        if answered:
            server.send(b"!")
            assert client.read(1) == b"!"
        else:
            struck += 1
            assert client.ends() == "rst"
        client.close()
        server.close()
    assert 8 <= struck <= 32
