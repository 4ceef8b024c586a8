"""Nothing is set: what goes in at one end comes out at the other, in both directions, ends included."""
import hashlib
import os
import threading

import pytest

from harness import until


def test_both_directions_at_once(vaurien, backend):
    client, server = vaurien(backend=backend).meet(backend)
    server.send(b"hello first")                 # nobody asked
    assert client.read(11) == b"hello first"
    client.send(b"one ")
    server.send(b"two ")
    client.send(b"three")
    assert server.read(9) == b"one three"
    assert client.read(4) == b"two "


def test_client_finishes_first_and_still_hears(vaurien, backend):
    client, server = vaurien(backend=backend).meet(backend)
    client.send(b"all I have").finish()
    assert server.rest() == (b"all I have", "fin")
    server.send(b"late answer")
    assert client.read(11) == b"late answer"
    server.close()
    assert client.ends() == "fin"


def test_backend_finishes_first_and_still_hears(vaurien, backend):
    client, server = vaurien(backend=backend).meet(backend)
    server.send(b"bye").finish()
    assert client.rest() == (b"bye", "fin")
    client.send(b"one more thing").finish()
    assert server.rest() == (b"one more thing", "fin")


def test_a_reset_is_passed_on_as_a_reset(vaurien, backend):
    proxy = vaurien(backend=backend)
    for one, other in ((0, 1), (1, 0)):
        ends = proxy.meet(backend)
        ends[0].send(b"x")
        assert ends[1].read(1) == b"x"
        ends[one].reset()
        assert ends[other].ends() == "rst"


@pytest.mark.threads
def test_much_data_both_ways_arrives_as_it_was_sent(vaurien, backend, bufsize):
    client, server = vaurien(backend=backend).meet(backend)
    size = 200_000 if bufsize else 64_000_000
    up, down = os.urandom(size), os.urandom(size)
    senders = [threading.Thread(target=client.send, args=(up,)), threading.Thread(target=server.send, args=(down,))]
    came = {}

    def receive(end, name):
        came[name] = hashlib.sha256(end.read(size)).digest()
    receivers = [threading.Thread(target=receive, args=words) for words in ((client, "down"), (server, "up"))]
    for thread in senders + receivers:
        thread.start()
    for thread in senders + receivers:
        thread.join()
    assert came == {"up": hashlib.sha256(up).digest(), "down": hashlib.sha256(down).digest()}


def test_nothing_is_left_of_connections_that_are_gone(vaurien, backend):
    proxy = vaurien(backend=backend)

    def come_and_go():
        client, server = proxy.meet(backend)
        client.send(b"x")
        assert server.read(1) == b"x"
        client.close()
        assert server.ends() == "fin"
        server.close()
    come_and_go()
    until(lambda: proxy.descriptors() < 40)
    before = proxy.descriptors()
    for _ in range(30):
        come_and_go()
    until(lambda: proxy.descriptors() <= before, what="descriptors to come back to %d" % before)
