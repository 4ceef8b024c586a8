"""Odds: so many of a hundred round trips, and the same ones whenever the seed is the same."""
import collections
import threading

import pytest

from harness import patience

ROUNDS, CLIENTS = 20, 20


def fate(client):
    """What becomes of one round trip on an echo backend: echo, junk, or the way the connection ends."""
    client.send(b"x")
    try:
        first = client.sock.recv(1)
    except ConnectionResetError:
        return "rst"
    if not first:
        return "fin"
    client.sock.setblocking(False)
    try:
        more = len(client.sock.recv(2000))
    except BlockingIOError:
        more = 0
    finally:
        client.sock.settimeout(patience())
    return "junk" if more else "echo"


def test_so_many_of_a_hundred(vaurien, backend):
    backend.serve()
    proxy = vaurien("--behavior", "30:abort,20:error", "--seed", 20, backend=backend)
    seen = collections.Counter()
    for _ in range(400):
        with proxy.client() as client:
            seen[fate(client)] += 1
    assert 85 <= seen["fin"] <= 155, seen       # 120 +- 4 deviations
    assert 48 <= seen["junk"] <= 112, seen      # 80
    assert seen["rst"] == 0


def test_all_of_a_hundred(vaurien, backend):
    backend.serve()
    proxy = vaurien("--behavior", "60:abort,40:blackout", backend=backend)
    for _ in range(30):
        with proxy.client() as client:
            assert fate(client) in ("fin", "rst")


def test_a_name_twice_adds_up(vaurien, backend):
    backend.serve()
    proxy = vaurien("--behavior", "50:abort,50:abort", backend=backend)
    for _ in range(20):
        with proxy.client() as client:
            assert fate(client) == "fin"


def strikes(proxy):
    return {(int(s["connection"]), int(s["exchange"])): s["behavior"] for s in proxy.strikes()}


def in_order(clients):
    for client in clients:
        for _ in range(ROUNDS):
            client.send(b"x")
            assert client.read(1) == b"x"


def in_turn(clients):
    for _ in range(ROUNDS):
        for client in reversed(clients):
            client.send(b"x")
        for client in clients:
            assert client.read(1) == b"x"


def at_once(clients):
    threads = [threading.Thread(target=in_order, args=([client],)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.threads
def test_the_same_seed_strikes_the_same_exchanges(vaurien, backend):
    """Whatever the interleaving and the number of threads: a fate hangs on seed, connection and exchange."""
    backend.serve()
    fates = []
    for threads, play in ((1, in_order), (1, in_turn), (2, at_once), (2, in_turn)):
        proxy = vaurien("--behavior", "25:delay", "--behavior-delay-sleep", "0.001", "--seed", 5,
                        "--threads", threads, backend=backend)
        play([proxy.client() for _ in range(CLIENTS)])
        proxy.stop()
        fates.append(strikes(proxy))
    assert 60 <= len(fates[0]) <= 140           # 100 of 400
    assert all(other == fates[0] for other in fates[1:])


def test_another_seed_strikes_others(vaurien, backend):
    backend.serve()
    fates = []
    for seed in (5, 6):
        proxy = vaurien("--behavior", "25:delay", "--behavior-delay-sleep", "0.001", "--seed", seed, backend=backend)
        in_order([proxy.client() for _ in range(5)])
        proxy.stop()
        fates.append(strikes(proxy))
    assert fates[0] != fates[1]


def test_the_seed_is_in_the_log(vaurien, backend):
    vaurien("--seed", 12345, backend=backend).logged(r"seed\W+12345")
