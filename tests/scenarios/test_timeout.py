"""timeout: bytes go nowhere, and the connection is closed when none come any more, or when the rule goes."""
from harness import Clock, patience, until


def test_silence_then_an_end(vaurien, backend):
    proxy = vaurien("--rule", "timeout timeout=300", backend=backend)
    with Clock() as took:
        client, server = proxy.meet(backend)
        server.send(b"lost")
        assert client.rest() == (b"", "fin")
        assert server.rest() == (b"", "fin")
    assert 0.3 <= took.seconds < patience(2)


def test_the_other_direction_is_free(vaurien, backend):
    proxy = vaurien("--rule", "timeout timeout=0", backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"ping")
    assert server.read(4) == b"ping"
    server.send(b"lost")
    assert client.silent(0.3)


def test_each_byte_starts_the_clock_anew(start, backend):
    """Every 300 ms one, with a timeout of two seconds: it never closes; then it does."""
    proxy = start("--rule", "timeout timeout=2000", backend=backend)
    client, server = proxy.meet(backend)
    for _ in range(8):
        server.send(b"x")
        assert client.silent(0.3)
    with Clock() as took:
        server.send(b"x")
        assert client.ends() == "fin"
    assert 2 <= took.seconds < patience(5)


def test_each_direction_has_its_own_clock(start, backend):
    """Requests go on, the last one a second and a half after the first; but no answer has come for three."""
    proxy = start("--rule", "timeout timeout=3000 direction=request", "--rule", "timeout timeout=3000 name=other", backend=backend)
    with Clock() as took:
        client, server = proxy.meet(backend)
        for _ in range(4):
            client.send(b"x")
            assert server.silent(0.5)
        assert client.ends() == "fin"
    assert 3 <= took.seconds < patience(4.5), "the requests' clock was the only one"


def test_connections_that_were_open_before(vaurien, backend):
    proxy = vaurien(backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"ping")
    assert server.read(4) == b"ping"
    proxy.set("timeout", timeout=200)
    assert client.ends() == "fin"
    assert server.ends() == "fin"


def test_the_rule_goes_and_the_connections_with_it(vaurien, backend):
    """What was dropped can't be given back: nobody shall go on behind a gap."""
    proxy = vaurien(backend=backend).set("timeout", timeout=0)
    client, server = proxy.meet(backend)
    server.send(b"lost")
    assert client.silent(0.1)
    proxy.set("dummy")
    assert client.ends() == "fin"
    assert server.ends() == "fin"
    client, server = proxy.meet(backend)
    server.send(b"there")
    assert client.read(5) == b"there"


def test_a_peer_that_closes_is_heard(vaurien, backend):
    proxy = vaurien("--rule", "timeout timeout=0", backend=backend)
    client, server = proxy.meet(backend)
    server.send(b"lost").finish()
    assert client.ends() == "fin"
    client.close()
    assert server.ends() == "fin"


def test_with_odds_some_connections_only(start, backend):
    backend.serve()
    proxy = start("--rule", "timeout probability=0.5 name=t", "--seed", 1, backend=backend)
    clients = [proxy.client() for _ in range(40)]
    for client in clients:
        client.send(b"x")
    answered = set()

    def each_is_answered_or_struck():
        for client in clients:
            client.sock.setblocking(False)
            try:
                if client.sock.recv(1) == b"x":
                    answered.add(client)
            except BlockingIOError:
                pass
        rule = proxy.api("GET", "/rules")[1]["rules"][0]
        return rule["seen"] == rule["hits"] == 40 - len(answered)
    until(each_is_answered_or_struck)
    assert 8 <= len(answered) <= 32
