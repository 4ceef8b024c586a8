"""reset_peer: a connection is torn down with RST after a time, idle or not, old or new."""
import pytest

from harness import Clock, patience, until


@pytest.mark.parametrize("open_before", [True, False])
@pytest.mark.parametrize("speaks", [True, False])
def test_reset(vaurien, backend, open_before, speaks):
    proxy = vaurien(backend=backend)
    if open_before:
        client, server = proxy.meet(backend)
        client.send(b"ping")
        assert server.read(4) == b"ping"
    with Clock() as took:
        proxy.set("reset_peer", timeout=300)
        if not open_before:
            client, server = proxy.meet(backend)
        if speaks:
            try:
                server.send(b"lost")
            except OSError:
                pass                            # it is late, and reset
        assert client.rest() == (b"", "rst")
        assert server.rest() == (b"", "rst")
    assert 0.3 <= took.seconds < patience(3)


def test_at_once(vaurien, backend):
    proxy = vaurien(backend=backend)
    client, server = proxy.meet(backend)
    proxy.set("reset_peer")
    assert client.ends() == "rst"
    assert server.ends() == "rst"
    assert proxy.refuses() == "rst"


def test_without_a_time_out_the_backend_is_met_first(vaurien, backend):
    """As in Toxiproxy: the client connects, the backend accepts, the client sends, and its read is reset. Whoever says
    nothing is reset after 20 ms: then the client was late, and tries again."""
    proxy = vaurien("--rule", "reset_peer direction=request", backend=backend)

    def in_time():
        with Clock() as took:
            client, server = proxy.meet(backend)
            try:
                client.send(b"some bytes")
                sent = True
            except ConnectionResetError:
                sent = False
        assert sent or took.seconds >= 0.02
        assert client.rest() == (b"", "rst")
        assert server.rest() == (b"", "rst")
        return sent
    for _ in range(10):
        until(in_time)


def test_an_end_waits_for_the_reset(vaurien, backend):
    """The server has closed: its client is not told so, but reset."""
    proxy = vaurien("--rule", "reset_peer timeout=300", backend=backend)
    client, server = proxy.meet(backend)
    server.send(b"bye").finish()
    assert client.rest() == (b"", "rst")


def test_taken_back_in_time(vaurien, backend):
    proxy = vaurien(backend=backend).set("reset_peer", timeout=10_000)
    client, server = proxy.meet(backend)
    server.send(b"late")
    assert client.silent(0.1)
    with Clock() as took:
        proxy.set("dummy")
        assert client.read(4) == b"late"
    assert took.seconds < patience(2)


def test_those_it_does_not_strike_close_as_ever(vaurien, backend):
    """With no odds at all nothing lingers: a FIN is a FIN, and no byte is lost."""
    proxy = vaurien("--rule", "reset_peer probability=0", backend=backend)
    client, server = proxy.meet(backend)
    server.send(bytes(100_000)).close()
    assert client.rest() == (bytes(100_000), "fin")


def test_the_sooner_end_strikes(start, backend):
    """Each rule has a clock of its own."""
    proxy = start("--rule", "reset_peer timeout=5000", "--rule", "limit_time time=200", backend=backend)
    client, server = proxy.meet(backend)
    with Clock() as took:
        assert client.ends() == "fin"
    assert took.seconds < patience(3)
