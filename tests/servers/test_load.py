"""Thousands of idle connections and two hundred busy ones on one worker: nobody is turned away or forgotten.

Client and backend are processes of their own: each needs as many descriptors as half the proxy. The
backend is scripted, since MariaDB would need a thread per connection: it greets, takes any login and
answers OK to all.
"""
import multiprocessing
import resource
import select
import socket
import struct
import time

import pytest

from harness import SAN, free_port, patience

IDLE, BUSY, SECONDS = 9500, 200, 3
HARD = resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def packet(seq, payload):
    return struct.pack("<I", len(payload))[:3] + bytes([seq]) + payload


CAPABILITIES = 0x000fa28d                       # protocol 4.1, secure connection, plugin authentication, transactions
GREETING = packet(0, b"\x0a" b"5.5.5-10.11.0-fake\0" + struct.pack("<I", 1) + b"12345678\0" +
                  struct.pack("<HBHHB", CAPABILITIES & 0xffff, 33, 2, CAPABILITIES >> 16, 21) + bytes(10) +
                  b"123456789012\0" + b"mysql_native_password\0")
LOGIN = packet(1, struct.pack("<IIB", CAPABILITIES & ~8, 1 << 24, 33) + bytes(23) + b"app\0" + b"\x14" + b"x" * 20 +
               b"mysql_native_password\0")
OK = b"\x00\x00\x00\x02\x00\x00\x00"
QUERY = packet(0, b"\x03SELECT 1")
ANSWER = packet(1, OK)


def all_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (HARD, HARD))


def serve(port, ready):
    """The backend: one thread, one epoll."""
    all_descriptors()
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(4096)
    listener.setblocking(False)
    poll = select.epoll()
    poll.register(listener, select.EPOLLIN)
    clients = {}
    ready.set()
    while True:
        for fd, _ in poll.poll():
            if fd == listener.fileno():
                try:
                    sock, _ = listener.accept()
                except BlockingIOError:
                    continue
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                clients[sock.fileno()] = [sock, b""]
                poll.register(sock, select.EPOLLIN)
                sock.sendall(GREETING)
                continue
            client = clients[fd]
            try:
                data = client[0].recv(4096)
            except ConnectionError:
                data = b""
            if not data:
                clients.pop(fd)[0].close()
                continue
            client[1] += data
            while len(client[1]) >= 4:
                length = 4 + int.from_bytes(client[1][:3], "little")
                if len(client[1]) < length:
                    break
                client[0].sendall(packet((client[1][3] + 1) % 256, OK))
                client[1] = client[1][length:]


def expect(sock, n):
    data = b""
    while len(data) < n:
        piece = sock.recv(n - len(data))
        if not piece:
            raise ConnectionError("end after %d of %d bytes" % (len(data), n))
        data += piece
    return data


def drive(port, idle, busy, pipe):
    """The clients. Told over the pipe: when all are in; then how many round trips the busy ones made."""
    all_descriptors()
    try:
        socks = []
        while len(socks) < idle + busy:
            batch = []
            for _ in range(min(100, idle + busy - len(socks))):
                batch.append(socket.create_connection(("127.0.0.1", port), 30))
            for sock in batch:
                assert expect(sock, len(GREETING))[4:5] == b"\x0a"
                sock.sendall(LOGIN)
            for sock in batch:
                assert expect(sock, 11) == packet(2, OK)
            socks += batch
        pipe.send("in")
        pipe.recv()

        poll = select.epoll()
        workers = {sock.fileno(): sock for sock in socks[idle:]}
        for fd, sock in workers.items():
            poll.register(fd, select.EPOLLIN)
            sock.sendall(QUERY)
        trips, deadline = 0, time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            for fd, _ in poll.poll(1):
                assert expect(workers[fd], 11) == ANSWER
                trips += 1
                workers[fd].sendall(QUERY)
        for sock in workers.values():
            assert expect(sock, 11) == ANSWER
        pipe.send(trips)
        pipe.recv()

        for sock in socks:                      # the idle ones are still there, every one
            sock.sendall(QUERY)
        for sock in socks:
            assert expect(sock, 11) == ANSWER
        pipe.send("alive")
    except BaseException as error:              # whatever it was: the test says so
        pipe.send("%s: %s" % (type(error).__name__, error))


@pytest.fixture
def process():
    """process(function, *args) in a process of its own; ended at the end."""
    context, running = multiprocessing.get_context("fork"), []

    def begin(function, *args):
        running.append(context.Process(target=function, args=args, daemon=True))
        running[-1].start()
        return running[-1]
    begin.context = context
    yield begin
    for one in running:
        one.terminate()
        one.join()


def test_many_idle_and_some_busy(start, process):
    room = (HARD - 300) // 2 - BUSY             # the proxy has two descriptors a connection
    idle = min(1000 if SAN else IDLE, room)
    if idle < IDLE and not SAN:
        print("\n*** a hard limit of %d descriptors: %d idle connections instead of %d ***" % (HARD, idle, IDLE))
    port, ready = free_port(), process.context.Event()
    process(serve, port, ready)
    assert ready.wait(patience(10))
    proxy = start("--protocol", "mysql", "--threads", 1, "--log-level", "info", backend="127.0.0.1:%d" % port)
    empty = proxy.memory()
    here, there = process.context.Pipe()
    process(drive, proxy.port, idle, BUSY, there)

    def told(seconds):
        assert here.poll(patience(seconds)), "the clients are stuck:\n" + proxy.log()[-2000:]
        return here.recv()
    assert told(120) == "in"
    full = proxy.memory()
    asleep = proxy.cpu()
    time.sleep(1)                               # a second in which nobody says anything
    asleep = proxy.cpu() - asleep
    awake = proxy.cpu()
    here.send("go")
    trips = told(60)
    assert isinstance(trips, int), trips
    awake = proxy.cpu() - awake
    here.send("go")
    assert told(60) == "alive"

    print("\n%d idle + %d busy connections: %.1f MB (%.1f KB each), idle CPU %.1f %%, busy: %d round trips/s, "
          "%.1f us of CPU each" % (idle, BUSY, full / 1e6, (full - empty) / 1e3 / (idle + BUSY), asleep * 100,
                                   trips / SECONDS, awake / max(trips, 1) * 1e6))
    assert trips > BUSY
    assert SAN or (full - empty) / (idle + BUSY) < 16_000
    assert SAN or asleep < 0.2
    assert not [line for line in proxy.log().splitlines() if "[WARNING]" in line or "[ERROR]" in line]
