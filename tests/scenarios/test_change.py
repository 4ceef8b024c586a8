"""Behaviors changed under load: whatever is set and taken back, no byte is lost, doubled or moved."""
import hashlib
import os
import threading
import time

import pytest

from harness import patience, until

CHANGES = [
    ("delay", {"sleep": 0.01}), ("dummy", {}), ("hang", {}), ("dummy", {}),
    ("delay", {"sleep": 0.02, "before": False}), ("50:delay", {}), ("hang", {}), ("delay", {"sleep": 0}),
]


@pytest.mark.threads
@pytest.mark.parametrize("threads", [1, 2])
def test_every_byte_arrives(vaurien, backend, bufsize, threads):
    backend.serve()
    proxy = vaurien("--threads", threads, "--behavior-delay-sleep", "0.005", backend=backend)
    block = 200 if bufsize else 50_000
    stop, rounds, wrong = threading.Event(), [], []

    def lockstep(client):
        count = 0
        while not stop.is_set():
            data = os.urandom(block)
            client.send(data)
            if client.read(block) != data:
                wrong.append("an echo differs")
                return
            count += 1
        rounds.append(count)

    def stream(client):
        """Sends without waiting for the echo: much is under way at every change."""
        sent, came = hashlib.sha256(), hashlib.sha256()
        total = [0]

        def send():
            try:
                while not stop.is_set():
                    data = os.urandom(block)
                    sent.update(data)
                    client.send(data)
                    total[0] += block
                    time.sleep(0.02 if bufsize else 0.001)
                client.finish()
            except OSError as error:
                wrong.append("sending failed: %s" % error)
        sender = threading.Thread(target=send)
        sender.start()
        data, how = receive_all(client, came)
        sender.join()
        if (data, how) != (total[0], "fin") or came.digest() != sent.digest():
            wrong.append("a stream differs: %r of %d" % ((data, how), total[0]))
        rounds.append(data)

    def receive_all(client, digest):
        n = 0
        while True:
            try:
                piece = client.sock.recv(1 << 16)
            except ConnectionResetError:
                return n, "rst"
            if not piece:
                return n, "fin"
            digest.update(piece)
            n += len(piece)

    clients = [proxy.client() for _ in range(8)]
    for client in clients:
        client.sock.settimeout(patience(60))
    workers = [threading.Thread(target=lockstep if i % 2 else stream, args=(client,)) for i, client in enumerate(clients)]
    for worker in workers:
        worker.start()
    deadline = time.monotonic() + 2
    changes = 0
    while time.monotonic() < deadline or changes < 2 * len(CHANGES):
        name, options = CHANGES[changes % len(CHANGES)]
        proxy.set(name, **options)
        changes += 1
        time.sleep(0.01)
    proxy.set("dummy")
    stop.set()
    for worker in workers:
        worker.join()
    assert not wrong
    assert len(rounds) == 8 and min(rounds) > 0


@pytest.mark.threads
def test_outages_come_and_go_and_nothing_leaks(vaurien, backend):
    backend.serve()
    proxy = vaurien("--threads", 2, "--linger", "200ms", backend=backend)
    proxy.client().close()
    stop = threading.Event()

    def knock():
        while not stop.is_set():
            try:
                with proxy.client() as client:
                    client.sock.settimeout(0.2)
                    client.send(b"x" * 1000)
                    client.read(1000)
            except (OSError, AssertionError):
                pass                            # outages are what this is about
    threads = [threading.Thread(target=knock) for _ in range(6)]
    for thread in threads:
        thread.start()
    for i in range(12):
        for name in ("blackout", "abort", "error", "hang", "dummy"):
            proxy.set(name)
            time.sleep(0.02)
    stop.set()
    for thread in threads:
        thread.join()
    until(lambda: proxy.descriptors() < 45, what="descriptors to come back")
    client = proxy.client()
    client.send(b"well")
    assert client.read(4) == b"well"
