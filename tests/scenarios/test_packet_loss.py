"""packet_loss: bytes vanish from the stream. limit_time, slow_open: connections that end early, or begin late. noop."""
import pytest

from harness import Clock, patience, until


def test_nothing_gets_through(vaurien, backend):
    proxy = vaurien(backend=backend)
    client, server = proxy.meet(backend)
    proxy.set("packet_loss", loss_rate=1)
    server.send(b"lost")
    assert client.silent(0.2)
    proxy.set("dummy")
    server.send(b"there")
    assert client.read(5) == b"there"


def test_some_of_it_does(start, backend):
    proxy = start("--rule", "packet_loss loss_rate=0.3 direction=both", "--seed", 4, "--bufsize", 1, backend=backend)
    client, server = proxy.meet(backend)
    server.send(b"x" * 200).finish()            # each byte is a piece of its own
    came, how = client.rest()
    assert 110 <= len(came) <= 170 and how == "fin"     # 140 +- 6.5


def test_what_loses_bytes_says_numbers_from_0_to_1(start, backend):
    proxy = start(backend=backend)
    for options in ({"loss_rate": 1.5}, {"loss_rate": -0.1}, {"correlation": 2}):
        assert proxy.api("PUT", "/behavior", dict(options, name="packet_loss"))[0] == 400


def test_a_time_to_live(vaurien, backend):
    proxy = vaurien("--rule", "limit_time time=1000", backend=backend)
    with Clock() as took:
        client, server = proxy.meet(backend)
        client.send(b"ping")
        assert server.read(4) == b"ping"
        server.send(b"pong")
        assert client.rest() == (b"pong", "fin")
        assert server.ends() == "fin"
    assert 1 <= took.seconds < patience(4)


def test_a_slow_start(start, backend):
    proxy = start("--rule", "slow_open delay=800", backend=backend)
    client, server = proxy.meet(backend)

    def one():
        with Clock() as took:
            server.send(b"x")
            assert client.read(1) == b"x"
        return took.seconds
    assert 0.8 <= one() < patience(4)
    until(lambda: one() < 0.8)


def test_nothing_happens(vaurien, backend):
    proxy = vaurien(backend=backend).set("noop")
    client, server = proxy.meet(backend)
    client.send(b"ping")
    assert server.read(4) == b"ping"
    assert proxy.api("GET", "/behavior")[1]["behavior"] == "noop"
