"""Toxics by Toxiproxy's API, where it matters that they come this way: added to live connections, updated in place, removed."""
import random
import threading
import time

import pytest

from harness import SAN, Clock, late_ones, patience, until

TOXICS = "/proxies/default/toxics"


def add(proxy, type, stream="downstream", toxicity=1.0, name=None, **attributes):
    body = {"type": type, "stream": stream, "toxicity": toxicity, "attributes": attributes}
    status, answer = proxy.api("POST", TOXICS, dict(body, name=name) if name else body)
    assert status == 200, answer
    return answer["name"]


def update(proxy, name, toxicity=None, **attributes):
    body = {"attributes": attributes}
    status, answer = proxy.api("POST", TOXICS + "/" + name, body if toxicity is None else dict(body, toxicity=toxicity))
    assert status == 200, answer


def remove(proxy, name):
    assert proxy.api("DELETE", TOXICS + "/" + name)[0] == 204


@pytest.fixture
def met(vaurien, backend):
    """(proxy, client, server): a connection that was open before any toxic."""
    proxy = vaurien(backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"?")
    assert server.read(1) == b"?"
    return proxy, client, server


def test_bytes_that_have_passed_still_count_after_an_update(met):
    """Ten may pass, five have; then eight may: three more."""
    proxy, client, server = met
    name = add(proxy, "limit_data", bytes=10)
    server.send(b"12345")
    assert client.read(5) == b"12345"
    update(proxy, name, bytes=8)
    server.send(b"6789")
    assert client.rest() == (b"678", "fin")


def test_fewer_than_have_passed(met):
    proxy, client, server = met
    name = add(proxy, "limit_data", bytes=10)
    server.send(b"12345")
    assert client.read(5) == b"12345"
    update(proxy, name, bytes=3)
    assert client.silent(0.1)
    server.send(b"6")
    assert client.rest() == (b"", "fin")


def test_what_is_held_goes_at_an_update(met):
    proxy, client, server = met
    name = add(proxy, "latency", latency=20_000)
    server.send(b"late")
    assert client.silent(0.1)
    with Clock() as took:
        update(proxy, name, latency=1)
        assert client.read(4) == b"late"
        remove(proxy, name)
    assert took.seconds < patience(3)


def test_an_update_of_one_leaves_the_other(met):
    """Both hold; one lets go its part, and is then what it is told to be."""
    proxy, client, server = met
    name = add(proxy, "latency", latency=20_000)
    add(proxy, "latency", latency=300, name="other")
    with Clock() as took:
        server.send(b"late")
        update(proxy, name, latency=0)
        assert client.read(4) == b"late"
    assert 0.3 <= took.seconds < patience(3)


def test_a_timeout_is_shortened(met):
    proxy, client, server = met
    name = add(proxy, "timeout", timeout=60_000)
    assert client.silent(0.1)
    with Clock() as took:
        update(proxy, name, timeout=200)
        assert client.ends() == "fin"
    assert 0.2 <= took.seconds < patience(3)


def test_an_updated_timeout_closes_nothing_by_itself(met):
    proxy, client, server = met
    name = add(proxy, "timeout", timeout=1000)
    update(proxy, name, timeout=0)
    server.send(b"lost")
    assert client.silent(1.2)
    remove(proxy, name)
    assert client.ends() == "fin"


def test_a_reset_is_put_off(met):
    proxy, client, server = met
    name = add(proxy, "reset_peer", timeout=1000)
    update(proxy, name, timeout=60_000)
    assert client.silent(1.2)
    update(proxy, name, timeout=100)
    assert client.ends() == "rst"
    assert server.ends() == "rst"


def test_more_toxicity_strikes_more_and_those_as_before(start, backend):
    """The draws stay: whoever was struck at a quarter is struck at a half, and at nothing nobody is."""
    backend.serve()
    proxy = start("--seed", 3, backend=backend)
    clients = [proxy.client() for _ in range(32)]
    name = add(proxy, "latency", toxicity=0.25, latency=200)
    quarter = late_ones(proxy, clients, 0.2)
    update(proxy, name, latency=200)
    assert late_ones(proxy, clients, 0.2) == quarter
    update(proxy, name, toxicity=0.6)
    more = late_ones(proxy, clients, 0.2)
    assert quarter < more < set(range(32))
    update(proxy, name, toxicity=1)
    assert late_ones(proxy, clients, 0.2) == set(range(32))
    update(proxy, name, toxicity=0)
    assert late_ones(proxy, clients, 0.2) == set()


def test_a_removed_toxic_answers_at_once_while_a_client_does_not_read(start, backend):
    """What wedges the original for good."""
    stop = threading.Event()

    def play(end):
        while not stop.is_set():
            end.send(bytes(1 << 16))
    backend.serve(play)
    proxy = start(backend=backend)
    times, clients = [], []

    def quick():
        """Of the three removals the one in the middle takes less than a tenth of a second: others use this machine too."""
        names = [add(proxy, "latency", latency=1000), add(proxy, "bandwidth", rate=100_000), add(proxy, "slicer", average_size=1000)]
        while len(clients) < 20:
            clients.append(proxy.client())
        assert clients[0].read(1)
        until(lambda: proxy.api("GET", "/info")[1]["proxies"][0]["connections"] == 20)
        del times[:]
        for name in names:
            with Clock() as took:
                remove(proxy, name)
            times.append(took.seconds)
        assert max(times) < patience(3.75)
        return SAN or sorted(times)[1] < 0.1
    until(quick, what=lambda: "removals that take no time: %r" % times)
    assert proxy.api("GET", "/proxies")[0] == 200
    assert len(clients[3].read(1 << 20)) == 1 << 20
    stop.set()


def test_clients_that_came_and_went_under_no_bandwidth(start, backend):
    backend.serve()
    proxy = start("--linger", "0.3", backend=backend)
    with proxy.client() as first:               # what is kept ready for the next is there from then on
        assert first.send(b"x").read(1) == b"x"
    before = until(lambda: proxy.api("GET", "/info")[1]["proxies"][0]["connections"] == 0 and proxy.descriptors())
    add(proxy, "bandwidth", rate=0)
    for _ in range(50):
        proxy.client().send(b"hello").close()
    until(lambda: proxy.descriptors() <= before, what=lambda: "%d descriptors, not %d" % (proxy.descriptors(), before))


def test_idle_connections_cost_next_to_nothing(start, backend):
    """With a toxic on each. The original takes 38 kB for one."""
    proxy = start(backend=backend)
    add(proxy, "latency", stream="both", latency=5)

    def meet(n):
        for _ in range(n):
            pairs.append(proxy.meet(backend))
            pairs[-1][0].send(b"x")
        for _, server in pairs[-n:]:
            assert server.read(1) == b"x"
    pairs = []
    meet(50)                                    # what is there for all of them
    before = proxy.memory()
    meet(350)
    assert SAN or proxy.memory() - before < 350 * 2000


def test_both_streams(met):
    proxy, client, server = met
    add(proxy, "latency", stream="both", latency=100)
    with Clock() as took:
        client.send(b"ping")
        assert server.read(4) == b"ping"
        server.send(b"pong")
        assert client.read(4) == b"pong"
    assert 0.2 <= took.seconds < patience(3)


KINDS = [
    ("latency", lambda dice: {"latency": dice.randrange(30), "jitter": dice.randrange(20)}),
    ("bandwidth", lambda dice: {"rate": dice.choice([0, 50, 5_000, 500_000])}),
    ("slicer", lambda dice: {"average_size": dice.choice([1, 100, 10_000]), "size_variation": dice.randrange(50), "delay": dice.randrange(300)}),
    ("slow_open", lambda dice: {"delay": dice.randrange(50)}),
    ("reset_peer", lambda dice: {"timeout": 600_000}),
    ("limit_data", lambda dice: {"bytes": 10 ** 12}),
    ("slow_close", lambda dice: {"delay": dice.randrange(50)}),
]


@pytest.mark.threads
@pytest.mark.parametrize("threads", [1, 2])
def test_whatever_comes_and_goes_no_byte_is_lost(start, backend, threads):
    """Toxics that lose nothing are added, updated and removed at random, while bytes go both ways."""
    backend.serve()
    proxy = start("--threads", threads, "--log-level", "info", backend=backend)
    stop, wrong, rounds = threading.Event(), [], []

    def talk(seed):
        dice, client, n = random.Random(seed), proxy.client(), 0
        while not stop.is_set():
            data = dice.randbytes(dice.choice([1, 1000, 100_000]))
            sender = threading.Thread(target=client.send, args=(data,))
            sender.start()
            if client.read(len(data)) != data:
                wrong.append(seed)
            sender.join()
            n += 1
        rounds.append(n)
        if client.finish().ends() != "fin":
            wrong.append(seed)
    talkers = [threading.Thread(target=talk, args=(seed,)) for seed in range(6)]
    for talker in talkers:
        talker.start()
    dice, there, until_then = random.Random(threads), {}, time.monotonic() + 2.5
    while time.monotonic() < until_then:
        kind, draw = dice.choice(KINDS)
        if kind in there and dice.random() < 0.5:
            remove(proxy, there.pop(kind))
        elif kind in there:
            update(proxy, there[kind], toxicity=dice.choice([0.3, 1.0]), **draw(dice))
        else:
            there[kind] = add(proxy, kind, stream=dice.choice(["upstream", "downstream", "both"]), toxicity=dice.choice([0.5, 1.0]), **draw(dice))
    assert proxy.api("POST", "/reset")[0] == 204
    stop.set()
    for talker in talkers:
        talker.join(patience())
    assert not wrong
    assert len(rounds) == 6 and sum(rounds) > 6


INT64 = 2 ** 63 - 1


@pytest.mark.parametrize("type, attributes", [
    ("slicer", {}), ("slicer", {"average_size": -5}), ("slicer", {"average_size": 1, "size_variation": 100}),
    ("slicer", {"average_size": INT64, "size_variation": INT64, "delay": INT64}), ("slicer", {"average_size": 1, "delay": -1}),
    ("latency", {"jitter": 2 ** 62}), ("latency", {"latency": INT64, "jitter": INT64}), ("latency", {"latency": -INT64 - 1}),
    ("bandwidth", {"rate": -1}), ("bandwidth", {"rate": INT64}), ("bandwidth", {"rate": -INT64 - 1}),
    ("limit_data", {"bytes": -1}), ("limit_data", {"bytes": INT64}), ("timeout", {"timeout": -1}), ("timeout", {"timeout": INT64}),
    ("reset_peer", {"timeout": -1}), ("reset_peer", {"timeout": INT64}), ("slow_close", {"delay": -1}), ("slow_close", {"delay": INT64}),
    ("limit_time", {"time": INT64}), ("slow_open", {"delay": INT64}), ("packet_loss", {"loss_rate": -1e300}),
    ("packet_loss", {"loss_rate": 1e300, "correlation": -5}), ("latency", {"latency": 1e30}), ("bandwidth", {"rate": 2 ** 64}),
])
def test_numbers_that_kill_the_original(start, backend, type, attributes):
    """Each is refused with a sentence, or means something; then bytes pass as ever."""
    backend.serve()
    proxy = start(backend=backend)
    client = proxy.client()
    status, answer = proxy.api("POST", TOXICS, {"type": type, "attributes": attributes})
    assert status in (200, 400)
    if status == 400:
        assert answer["status"] == 400 and answer["error"].startswith("bad request body: ")
    try:
        client.send(b"some bytes, more than two")
    except OSError:
        pass                                    # a 0 can mean: at once
    if status == 200:
        client.sock.settimeout(0.05)
        try:
            client.sock.recv(100)
        except OSError:
            pass
        remove(proxy, answer["name"])
    with proxy.client() as other:
        assert other.send(b"x").read(1) == b"x"
