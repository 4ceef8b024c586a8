"""loss: bytes come late by the waits for retransmissions, all of them, and in order."""
from harness import Clock


def test_nothing_is_missing_and_nothing_overtakes(vaurien, backend):
    proxy = vaurien("--rule", "loss rate=0.3 rto=5", "--seed", 1, backend=backend)
    client, server = proxy.meet(backend)
    sent = b"".join(b"%04d" % i for i in range(200))
    for i in range(0, len(sent), 4):
        client.send(sent[i:i + 4])
    assert server.read(len(sent)) == sent
    server.send(sent)
    assert client.read(len(sent)) == sent


def test_as_late_as_the_model_says(start, backend):
    """Of 60 round trips some lose a segment: each of them is late by 50, 150, 350 ms ... in either direction."""
    backend.serve()
    proxy = start("--rule", "loss rate=0.1 rto=50", "--seed", 2, backend=backend)
    client, took = proxy.client(), []
    for _ in range(60):
        with Clock() as clock:
            client.send(b"x")
            assert client.read(1) == b"x"
        took.append(clock.seconds)
    holds = [0.0] * 60
    for strike in proxy.strikes():
        hold = float(strike["verdict"].split("hold:")[1])
        assert hold in (0.05, 0.15, 0.35, 0.75, 1.55)
        holds[int(strike["exchange"]) - 1] += hold
    assert all(seconds >= hold for seconds, hold in zip(took, holds))
    assert 3 <= sum(hold > 0 for hold in holds) <= 25   # 11.4 +- 3
    assert min(took) < 0.05


def test_all_is_lost_and_comes_when_the_rule_goes(vaurien, backend):
    proxy = vaurien(backend=backend).set("loss", rate=1)
    client, server = proxy.meet(backend)
    client.send(b"ping")
    assert server.silent(0.3)
    proxy.set("dummy")
    assert server.read(4) == b"ping"
