"""Idle connections live until someone asks for a time-out, and even then while something is owed."""
from harness import Clock, patience


def relay(client, server):
    client.send(b"x")
    assert server.read(1) == b"x"
    server.send(b"y")
    assert client.read(1) == b"y"


def test_timeout_closes_what_is_idle(vaurien, backend):
    client, server = vaurien("--timeout", 1, backend=backend).meet(backend)
    with Clock() as took:
        relay(client, server)
        client.rest()
        server.rest()
    assert 1 <= took.seconds < patience(4)


def test_traffic_is_not_idle(vaurien, backend):
    client, server = vaurien("--timeout", 3, backend=backend).meet(backend)
    for _ in range(8):
        assert client.silent(0.4)
        relay(client, server)


def test_an_answer_that_is_owed_is_waited_for(vaurien, backend):
    client, server = vaurien("--timeout", 1, backend=backend).meet(backend)
    client.send(b"x")
    assert server.read(1) == b"x"
    assert client.silent(2.5)
    server.send(b"y")
    assert client.read(1) == b"y"


def test_stay_connected_and_no_time_out(vaurien, backends):
    ends = []
    for words in (["--timeout", 1, "--stay-connected"], ["--timeout", 0], []):
        backend = backends()
        ends.append(vaurien(*words, backend=backend).meet(backend))
    assert ends[0][0].silent(2.5)               # all of them have been idle meanwhile
    for client, server in ends:
        relay(client, server)
