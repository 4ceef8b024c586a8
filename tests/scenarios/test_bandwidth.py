"""bandwidth: so many bytes a second, per connection or for all together; what waits for ever leaves nothing behind."""
import threading
import time

import pytest

from harness import Clock, dial, until


def blast(end, stop):
    """Send until told to stop, or until the other end is gone."""
    piece = bytes(1 << 16)
    try:
        while not stop.is_set():
            end.send(piece)
    except OSError:
        pass


def measured(end, seconds, skip=0.1):
    """Bytes a second that arrive in so many seconds, the first moments left out."""
    end.sock.settimeout(5)
    buffer = bytearray(1 << 20)
    begin = time.monotonic() + skip
    while time.monotonic() < begin:
        end.sock.recv_into(buffer)
    got, begin = 0, time.monotonic()
    last = begin
    while last < begin + seconds:
        got += end.sock.recv_into(buffer)
        last = time.monotonic()
    return got / (last - begin)


def serve_blast(backend):
    stop = threading.Event()
    backend.serve(lambda end: blast(end, stop))
    return stop


@pytest.mark.parametrize("rate", [100, 10_000, 100_000])
def test_as_fast_as_said(start, backend, rate):
    stop = serve_blast(backend)
    proxy = start("--rule", "bandwidth rate=%d" % rate, backend=backend)
    found = measured(proxy.client(), 1)
    stop.set()
    assert abs(found / (rate * 1000) - 1) < 0.03, found
