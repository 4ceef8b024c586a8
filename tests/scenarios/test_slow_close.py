"""slow_close: all bytes pass at once, but the end comes late."""
from harness import Clock, patience


def test_the_end_is_late(vaurien, backend):
    proxy = vaurien("--rule", "slow_close delay=300", backend=backend)
    client, server = proxy.meet(backend)
    with Clock() as took:
        server.send(b"bye").finish()
        assert client.read(3) == b"bye"
        assert client.silent(0.1)
        assert client.ends() == "fin"
    assert 0.3 <= took.seconds < patience(2)


def test_the_other_direction_is_not(vaurien, backend):
    proxy = vaurien("--rule", "slow_close delay=5000", backend=backend)
    client, server = proxy.meet(backend)
    with Clock() as took:
        client.finish()
        assert server.ends() == "fin"
    assert took.seconds < patience(3)


def test_it_comes_when_the_rule_goes(vaurien, backend):
    proxy = vaurien(backend=backend).set("slow_close", delay=60_000)
    client, server = proxy.meet(backend)
    server.finish()
    assert client.silent(0.1)
    proxy.set("dummy")
    assert client.ends() == "fin"
