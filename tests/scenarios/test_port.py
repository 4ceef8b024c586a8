"""What befalls the port itself: refuse and vanish."""
import os
import select
import socket

import pytest

import harness
from harness import Clock, dial, until


def refused(proxy):
    try:
        dial(proxy.port).close()
        return False
    except ConnectionRefusedError:
        return True


def unanswered(proxy, seconds=0.5):
    """Does a connect get neither yes nor no for so long?"""
    with socket.socket() as sock:
        sock.settimeout(seconds)
        try:
            sock.connect(("127.0.0.1", proxy.port))
            return False
        except socket.timeout:
            return True


def test_refuse_closes_the_port_and_opens_it_again(vaurien, backend):
    proxy = vaurien(backend=backend)
    client, server = proxy.meet(backend)
    proxy.set("refuse")
    assert refused(proxy) and refused(proxy)
    server.send(b"still here")                  # open connections stay
    assert client.read(10) == b"still here"
    with socket.socket() as taker:              # and nobody else gets the port meanwhile
        with pytest.raises(OSError):
            taker.bind(("127.0.0.1", proxy.port))
    proxy.set("dummy")
    client, server = proxy.meet(backend)
    client.send(b"x")
    assert server.read(1) == b"x"


def test_refuse_from_the_start(vaurien, backend):
    proxy = vaurien("--behavior", "refuse", backend=backend, up=lambda: True)
    assert refused(proxy)
    proxy.set("dummy")
    proxy.meet(backend)


def test_refuse_on_a_path(vaurien, backend, tmp_path):
    path = str(tmp_path / "front")
    proxy = vaurien(backend=backend, listen="unix:" + path, up=lambda: os.path.exists(path))
    dial(path).close()
    proxy.set("refuse")
    with pytest.raises(ConnectionRefusedError):
        dial(path)
    proxy.set("dummy")
    client = dial(path)
    client.send(b"x")
    until(lambda: backend.accept().sock.recv(1) == b"x")


def test_refuse_takes_no_odds(vaurien, backend):
    proxy = vaurien(backend=backend)
    status, answer = proxy.api("PUT", "/behavior", {"name": "50:refuse"})
    assert status == 400 and "concerns the port" in answer["errors"][0]["description"]


def filters(proxy):
    return proxy.api("GET", "/info")[1]["vanish"] == "filter"


def test_vanish_answers_nobody(vaurien, backend):
    proxy = vaurien(backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"before")
    assert server.read(6) == b"before"
    proxy.set("vanish")
    if filters(proxy):
        assert unanswered(proxy)                # SYNs are dropped
    client.send(b"into the void")
    server.send(b"from the void")
    assert client.silent(0.3) and server.silent(0.1)
    if filters(proxy):                          # not even the kernel acknowledges it
        assert unacknowledged(client.sock) > 0
    proxy.set("dummy")
    assert server.read(13) == b"into the void"  # sent again by the client's kernel
    assert client.read(13) == b"from the void"
    proxy.meet(backend)


def unacknowledged(sock):
    """Segments on their way, by the kernel's own count: tcpi_unacked."""
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return int.from_bytes(info[24:28], "little")


def test_vanish_with_odds_takes_the_connections_drawn(vaurien, backend):
    backend.serve()
    proxy = vaurien("--seed", 5, backend=backend)
    proxy.set("50:vanish")
    lost = 0
    for i in range(12):
        with proxy.client() as client:
            client.send(b"?")
            drawn = until(lambda: [s for s in proxy.strikes() if s["connection"] == str(i + 1)] or answered(client))
            if drawn is True:
                assert client.read(1) == b"?"
            else:
                assert client.silent(0.1)
                lost += 1
    assert 0 < lost < 12
    assert len(proxy.strikes()) == lost


def answered(client):
    return bool(select.select([client.sock], [], [], 0)[0])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up privileges")
def test_vanish_without_the_privilege_is_a_stall(vaurien, backend, monkeypatch, tmp_path):
    humble = tmp_path / "humble"
    humble.write_text("#!/bin/sh\nexec setpriv --bounding-set=-all --inh-caps=-all %s \"$@\"\n" % harness.VAURIEN)
    humble.chmod(0o755)
    monkeypatch.setattr(harness, "VAURIEN", str(humble))
    proxy = vaurien(backend=backend)
    assert not filters(proxy)
    client, server = proxy.meet(backend)
    proxy.set("vanish")
    client.send(b"unheard")
    assert server.silent(0.3)
    held = [socket.socket() for _ in range(4)]  # the queue has no length: who comes later is not answered
    for sock in held:
        sock.setblocking(False)
        sock.connect_ex(("127.0.0.1", proxy.port))
    assert unanswered(proxy)
    for sock in held:
        sock.close()
    proxy.set("dummy")
    assert server.read(7) == b"unheard"
