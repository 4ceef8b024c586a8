"""Signals, and what is said at the start and at the end."""
import re
import signal
import socket

import pytest

from harness import listening, patience


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_bye(vaurien, backend, number):
    proxy = vaurien(backend=backend)
    client, server = proxy.meet(backend)
    proxy.process.send_signal(number)
    assert proxy.process.wait(patience()) == 0
    assert "Bye!" in proxy.log().splitlines()[-1]
    client.rest()
    server.rest()
    assert not listening(proxy.port)


def test_what_is_due_is_sent(vaurien, backend):
    """The client has not read yet what passed before the signal."""
    proxy = vaurien(backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"?")
    assert server.read(1) == b"?"
    server.send(b"x" * 100_000)
    assert client.sock.recv(1, socket.MSG_PEEK) == b"x"
    proxy.process.send_signal(signal.SIGTERM)
    data, _ = client.rest()
    assert data == b"x" * len(data)


def test_held_requests_do_not_delay_the_end(vaurien, backend):
    proxy = vaurien("--behavior", "hang", backend=backend)
    clients = [proxy.client().send(b"x") for _ in range(5)]
    assert clients[0].silent(0.1)
    proxy.process.send_signal(signal.SIGTERM)
    assert proxy.process.wait(patience(5)) == 0


def test_first_words(start, backend):
    proxy = start("--timeout", 20, backend=backend)
    expected = [
        "Starting the Chaos TCP Server",
        "Options:",
        "* proxies from 127.0.0.1:%d to %s" % (proxy.port, backend.address),
        "* timeout: 20",
        "* stay_connected: 0",
        "* pool_max_size: 100",
        "* pool_timeout: 30",
        "* async_mode: 1",
        "Started the HTTP server: http://127.0.0.1:%d" % proxy.http,
    ]
    proxy.logged("Started the HTTP server")
    form = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[%d\] \[(DEBUG|INFO|WARNING)\] (.*)" % proxy.pid)
    lines = [form.fullmatch(line) for line in proxy.log().splitlines()]
    assert all(lines), proxy.log()
    told = [line.group(2) for line in lines if line.group(2) in expected]
    assert told == expected
    proxy.set("delay")
    proxy.logged(r'\[INFO\] Handler changed to "delay"')
