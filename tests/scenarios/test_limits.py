"""More than there is room for: data, descriptors, clients."""
import hashlib
import re
import threading
import time

import pytest

from harness import SAN, Clock, patience, until


def test_a_backend_that_does_not_read_makes_the_client_wait(vaurien, backend, bufsize):
    proxy = vaurien(backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"first")
    assert server.read(5) == b"first"
    before = proxy.memory()

    block = bytes(range(256)) * 4096            # 1 MiB
    blocks = 1 if bufsize else 200
    sent = [0]

    def send():
        for _ in range(blocks):
            client.send(block)
            sent[0] += 1
        client.finish()
    client.sock.settimeout(None)
    sender = threading.Thread(target=send, daemon=True)
    sender.start()

    def stuck():
        count = sent[0]
        time.sleep(0.4)                         # nothing moves for so long: that is what stuck means
        return count == sent[0]
    until(stuck)
    if not bufsize:
        assert sent[0] < blocks
    grown = proxy.memory() - before
    assert SAN or grown < 40_000_000, "%d bytes more" % grown

    digest, expected = hashlib.sha256(), hashlib.sha256()
    for _ in range(blocks):
        digest.update(server.read(len(block)))
        expected.update(block)
    assert digest.digest() == expected.digest()
    assert server.ends() == "fin"
    sender.join()


@pytest.mark.threads
def test_out_of_descriptors_accept_pauses_and_resumes(vaurien, backend):
    backend.serve()
    proxy = vaurien(backend=backend, limit=64)
    clients = [proxy.client() for _ in range(60)]       # the kernel's queue has room for all
    for client in clients:
        client.send(b"x")
    proxy.logged(r"WARNING.*accepting pauses")
    assert proxy.api("GET", "/info")[0] == 200              # some are kept for who wants to help
    for client in clients:                      # each in turn is served: those before it have left
        assert client.read(1) == b"x"
        client.close()
    assert proxy.client().send(b"y").read(1) == b"y"
    assert len(re.findall(r"WARNING", proxy.log())) == 1


def test_pool_max_size_is_the_most_clients_at_once(vaurien, backend):
    backend.serve()
    proxy = vaurien("--pool-max-size", 2, backend=backend)
    first, second, third = [proxy.client().send(b"x") for _ in range(3)]
    assert first.read(1) == second.read(1) == b"x"
    assert third.silent(0.4)
    first.close()
    assert third.read(1) == b"x"


def test_hold_max_stops_the_reading(vaurien, backend, bufsize):
    """Held bytes are bounded: past the bound the client's own sends wait, and nothing is lost."""
    proxy = vaurien("--hold-max", 100_000, backend=backend)
    client, server = proxy.meet(backend)
    proxy.set("hang")
    before = proxy.memory()
    total = 200_000 if bufsize else 30_000_000
    client.sock.settimeout(patience())
    sender = threading.Thread(target=client.send, args=(b"z" * total,), daemon=True)
    sender.start()
    assert server.silent(0.5)
    assert SAN or proxy.memory() - before < 20_000_000
    proxy.set("dummy")
    assert server.read(total) == b"z" * total
    sender.join()


def test_a_busy_connection_holds_up_nobody(vaurien, backend, bufsize):
    """One client sends as fast as it can and reads as fast as it can; another one asks now and then."""
    backend.serve()
    proxy = vaurien("--log-level", "info", backend=backend).set("delay", sleep=0.001)
    busy, other = proxy.client(), proxy.client()
    block = b"x" * (200 if bufsize else 100_000)
    stop = threading.Event()

    def send():
        try:
            while not stop.is_set():
                busy.send(block)
        except OSError:
            pass                                # the blackout
    threads = [threading.Thread(target=send), threading.Thread(target=busy.rest)]
    for thread in threads:
        thread.start()
    took, deadline = [], time.monotonic() + 2
    while time.monotonic() < deadline:
        with Clock() as clock:
            other.send(b"?")
            assert other.read(1) == b"?"
        took.append(clock.seconds)
    with Clock() as change:
        proxy.set("blackout")                   # an end to it, however much is still under way
    stop.set()
    for thread in threads:
        thread.join()
    assert max(took) < patience(3.75), "one round trip took %.3f s" % max(took)
    assert change.seconds < patience(3.75)
