"""slow_connect: the client is accepted at once, the backend is dialled late."""
from harness import Clock, patience


def test_the_dial_waits_and_what_was_said_meanwhile_is_kept(vaurien, backend):
    proxy = vaurien("--behavior", "slow_connect", "--behavior-slow-connect-sleep", 0.8, backend=backend)
    with Clock() as took:
        with Clock() as connected:
            client = proxy.client()
            client.send(b"early")
        server = backend.accept()
    assert connected.seconds < patience(0.8) and 0.8 <= took.seconds < patience(4)
    assert server.read(5) == b"early"
    with Clock() as took:                       # from there on all is as always
        server.send(b"answer")
        assert client.read(6) == b"answer"
    assert took.seconds < patience(0.8)


def test_open_connections_do_not_wait(vaurien, backend):
    proxy = vaurien(backend=backend)
    client, server = proxy.meet(backend)
    proxy.set("slow_connect", sleep=60)
    client.send(b"x")
    assert server.read(1) == b"x"


def test_when_it_goes_the_dial_is_made(vaurien, backend):
    proxy = vaurien(backend=backend).set("slow_connect", sleep=60)
    client = proxy.client()
    client.send(b"x")
    assert not backend.waiting(0.2)
    proxy.set("dummy")
    assert backend.accept().read(1) == b"x"


def test_some_connections(vaurien, backend):
    backend.serve()
    proxy = vaurien("--rule", "slow_connect sleep=0.2 probability=0.5", "--seed", 3, backend=backend)
    quick = set()
    for i in range(30):
        with Clock() as took, proxy.client() as client:
            client.send(b"x")
            assert client.read(1) == b"x"
        if took.seconds < 0.2:
            quick.add(i + 1)
    late = {int(strike["connection"]) for strike in proxy.strikes()}
    assert 5 <= len(late) <= 25 and not late & quick
    assert quick                                # and those that are neither: a busy machine's


def test_by_percentile(vaurien, backend):
    backend.serve()
    proxy = vaurien("--rule", "slow_connect percentiles=0:100ms,50:110ms,100:120ms", backend=backend)
    for _ in range(10):
        with Clock() as took, proxy.client() as client:
            client.send(b"x")
            assert client.read(1) == b"x"
        assert 0.1 < took.seconds < patience(1)
