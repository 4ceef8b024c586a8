"""Run a command in a network of its own, where every port is free, with one port that leads to a unix socket. Where the
system grants no such network, in this one.

    alone.py VAURIEN PORT SOCKET COMMAND...
"""
import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import sys

NEWUSER, NEWNET = 0x10000000, 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


def leave():
    """For a new network, whose loopback is to be switched on."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEWNET if os.getuid() == 0 else NEWUSER | NEWNET) != 0:
        print("no network of its own: %s" % os.strerror(ctypes.get_errno()), file=sys.stderr)
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        ask = struct.pack("16sh22x", b"lo", 0)
        flags = struct.unpack("16xh22x", fcntl.ioctl(sock, SIOCGIFFLAGS, ask))[0]
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | IFF_UP))


def main(vaurien, port, path, *command):
    leave()
    relay = subprocess.Popen([vaurien, "--proxy", "127.0.0.1:" + port, "--backend", "unix:" + path, "--log-level", "error"])
    try:
        return subprocess.call(command)
    finally:
        relay.terminate()
        relay.wait()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
