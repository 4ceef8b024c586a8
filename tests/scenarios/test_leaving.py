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


@pytest.mark.parametrize("given", [False, True])
def test_first_words(start, backend, given):
    """What listens where, the options in force, where the API is, and what to type; none of options that change nothing."""
    words = ["--timeout", 20, "--pool-max-size", 100, "--pool-timeout", 30, "--sync=false", "--stay-connected"] if given else []
    proxy = start(*words, backend=backend)
    expected = [
        "Starting the Chaos TCP Server",
        "default: tcp on 127.0.0.1:%d -> %s, dummy" % (proxy.port, backend.address),
        "Options:",
        *(["* timeout: 20", "* stay_connected: 1", "* pool_max_size: 100"] if given else []),
        "* seed: 1",
        "Started the HTTP server: http://127.0.0.1:%d" % proxy.http,
        "The page for a browser: http://127.0.0.1:%d/ui/" % proxy.http,
        "Next: vaurienctl --http-port %d rule add delay sleep=2s" % proxy.http,
    ]
    proxy.logged("Next: ")
    form = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[%d\] \[(DEBUG|INFO|WARNING)\] (.*)" % proxy.pid)
    lines = [form.fullmatch(line) for line in proxy.log().splitlines()]
    assert all(lines), proxy.log()
    told = [line.group(2) for line in lines if line.group(1) == "INFO"]
    assert told[:len(expected)] == expected
    proxy.set("delay")
    proxy.logged(r'\[INFO\] Handler changed to "delay"')


def test_a_line_for_each_proxy(start, backend):
    proxy = start("--protocol", "mysql", "--behavior", "10:delay", "--rule", "noop name=a", "--rule", "latency",
                  "--add", "off=127.0.0.1:1=127.0.0.1:2,redis enabled=no", backend=backend)
    proxy.logged(r"\[INFO\] default: mysql on 127\.0\.0\.1:%d -> %s, 10:delay, 2 rules\n" % (proxy.port, backend.address))
    proxy.logged(r"\[INFO\] off: redis on 127\.0\.0\.1:1 -> 127\.0\.0\.1:2, dummy, disabled\n")
    proxy.logged(r"\[INFO\] Next: vaurienctl --http-port %d status\n" % proxy.http)
    proxy.logged(r"\[WARNING\] proxy=default rule=latency latency: 0 ms, nothing will be late; give latency\n")


@pytest.mark.parametrize("port, protocol", [(3306, "mysql"), (5432, "postgres"), (6379, "redis"), (11211, "memcache"), (25, "smtp"), (80, "http"), (27017, "mongo"), (53, "dns"), (9092, "kafka")])
def test_a_hint_for_a_known_port(start, port, protocol):
    proxy = start(backend="127.0.0.1:%d" % port)
    proxy.logged(r"\[INFO\] default: port %d is usually %s; with --protocol %s faults can hit single requests" % (port, protocol, protocol))
    proxy = start("--protocol", protocol, backend="127.0.0.1:%d" % port)
    assert "is usually" not in proxy.whole_log()
    proxy = start(backend="127.0.0.1:%d" % (port + 1))
    assert "is usually" not in proxy.whole_log()


def test_a_rule_that_expires_is_named(start, backend):
    proxy = start(backend=backend)
    assert proxy.api("PUT", "/behavior", {"name": "blackout", "ttl": 0.05})[0] == 200
    proxy.logged(r'\[INFO\] proxy=default: rule "behavior" \(blackout\) has expired\n')
