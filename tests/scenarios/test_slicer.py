"""slicer: what was sent at once arrives in pieces of the size that was said, so far apart."""
import socket
import struct

import pytest

from harness import Clock, patience, until


def pieces(client, total):
    """The sizes in which it arrives, as the kernel counts segments: one read a piece, if we are quick."""
    sizes = []
    while sum(sizes) < total:
        sizes.append(len(client.sock.recv(1 << 16)))
    return sizes


def test_pieces_are_as_long_as_said(start, backend):
    """Some time apart, so that each is a read of its own; the last is what is left."""
    proxy = start("--rule", "slicer average_size=100 size_variation=10 delay=5000", "--seed", 3, backend=backend)
    client, server = proxy.meet(backend)
    whole = []

    def enough():
        server.send(bytes(3_000))
        whole.extend(size for size in pieces(client, 3_000)[:-1] if size <= 110)    # we may be late, and read two at once
        assert not whole or min(whole) >= 90
        return len(whole) > 80
    until(enough, what=lambda: "eighty of them: %r" % whole)
    assert 96 < sum(whole) / len(whole) < 104
    assert len(set(whole)) > 10                 # drawn, each size as likely


def test_each_piece_is_a_segment(start, backend):
    """Whoever looks at the socket sees as many segments as there are pieces: what was sent in one would come in one."""
    proxy = start("--rule", "slicer average_size=2000", backend=backend)

    def segments():
        client, server = proxy.meet(backend)
        server.send(bytes(20_000))
        assert client.read(20_000) == bytes(20_000)
        found = struct.unpack_from("I", client.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256), 152)[0]   # tcpi_data_segs_in
        assert found <= 10
        return found >= 8                       # a kernel that is busy may join some
    until(segments, what="ten pieces in ten segments")


def test_so_far_apart(start, backend):
    proxy = start("--rule", "slicer average_size=10 delay=10000", backend=backend)
    client, server = proxy.meet(backend)
    with Clock() as took:
        server.send(bytes(200))
        client.read(200)
    assert 0.19 <= took.seconds < patience(4)


def test_content_is_what_was_sent(vaurien, backend):
    proxy = vaurien("--rule", "slicer average_size=7 size_variation=6 direction=both", backend=backend)
    client, server = proxy.meet(backend)
    data = bytes(range(256)) * 40
    client.send(data)
    assert server.read(len(data)) == data
    server.send(data).finish()
    assert client.rest() == (data, "fin")


@pytest.mark.parametrize("options, good", [
    ({}, True), ({"average_size": 0, "size_variation": 0, "delay": 0}, True), ({"average_size": -1}, False), ({"size_variation": -1}, False),
    ({"delay": -1}, False), ({"average_size": 10, "size_variation": 100}, True), ({"average_size": 1, "size_variation": 1}, True),
    ({"average_size": 2 ** 63 - 1, "size_variation": 2 ** 63 - 1}, True), ({"size_variation": 5}, True), ({"delay": 100}, True),
    ({"average_size": 2 ** 63}, False), ({"delay": 2 ** 62}, False), ({"average_size": 3, "delay": 2 * 10 ** 15}, True),
])
def test_any_number(start, backend, options, good):
    """Those of a Toxiproxy that died of them, and more."""
    backend.serve()
    proxy = start(backend=backend)
    assert proxy.api("PUT", "/behavior", dict(options, name="slicer"))[0] == (200 if good else 400)
    client = proxy.client().send(b"four")
    assert client.read(1) == b"f"
    proxy.set("dummy")
    assert client.read(3) == b"our"
