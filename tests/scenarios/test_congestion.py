"""Congestion control on loopback: where the system's paces what it sends, bulk between neighbours is not paced."""
import ctypes
import os
import socket

import pytest
from harness import left_out

PIDFD_GETFD = 438       # the system call, on all architectures
SYSTEM = open("/proc/sys/net/ipv4/tcp_congestion_control").read().strip()


def chosen_for(proxy, client, server):
    """What the proxy's sockets of this connection use: to the client, to the backend."""
    found, names = {}, [client.sock.getsockname(), server.sock.getsockname()]
    libc, pidfd = ctypes.CDLL(None, use_errno=True), os.pidfd_open(proxy.pid)
    try:
        for name in os.listdir("/proc/%d/fd" % proxy.pid):
            fd = libc.syscall(PIDFD_GETFD, pidfd, int(name), 0)
            if fd < 0:
                if ctypes.get_errno() in (1, 38):       # EPERM, ENOSYS
                    left_out("this kernel lets nobody look at another's sockets")
                continue
            try:
                sock = socket.socket(fileno=fd)
            except OSError:             # no socket
                os.close(fd)
                continue
            with sock:
                try:
                    ends = sock.getsockname(), sock.getpeername()
                except OSError:         # one that listens
                    continue
                if ends in ((client.sock.getpeername(), names[0]), (server.sock.getpeername(), names[1])):
                    said = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16)
                    found[ends[1]] = said.rstrip(b"\0").decode()
    finally:
        os.close(pidfd)
    return [found[name] for name in names]


@pytest.mark.parametrize("words, chosen", [
    ((), SYSTEM if SYSTEM in ("cubic", "reno") else "reno"),
    (("--loopback-congestion", "system"), SYSTEM),
])
def test_bulk_on_loopback(start, backend, words, chosen):
    proxy = start(*words, backend=backend)
    client, server = proxy.meet(backend)
    for one, other in ((client, server), (server, client)):
        one.send(b"few")
        assert other.read(3) == b"few"
    assert chosen_for(proxy, client, server) == [SYSTEM, SYSTEM]        # few bytes are worth no system call
    for one, other in ((client, server), (server, client)) * 4:
        one.send(bytes(1 << 17))
        other.read(1 << 17)
    assert chosen_for(proxy, client, server) == [chosen, chosen]
