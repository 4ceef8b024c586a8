"""Batches of 1 MB as Kafka's clients send and fetch them: a broker, and a client that waits for each answer.

    kafka.py broker                          prints its port
    kafka.py produce|fetch PORT SECONDS      prints what it has done
"""
import socket
import struct
import sys
import threading
import time

BATCH = 1 << 20
TOPIC = struct.pack(">ih5sii", 1, 5, b"bench", 1, 0)           # one topic with its partition 0
PRODUCED = struct.pack(">ih5siihqqqi", 1, 5, b"bench", 1, 0, 0, 0, -1, 0, 0)
FETCHED = struct.pack(">ihi", 0, 0, 0) + TOPIC + struct.pack(">hqqqiii", 0, 0, 0, 0, 0, -1, BATCH) + b"x" * BATCH


def framed(*parts):
    body = b"".join(parts)
    return struct.pack(">i", len(body)) + body


def exactly(sock, view):
    while len(view):
        n = sock.recv_into(view)
        if not n:
            raise EOFError
        view = view[n:]


def frame(sock, room):
    exactly(sock, room[:4])
    size = struct.unpack(">i", room[:4])[0]
    exactly(sock, room[:size])
    return room[:size]


def serve(sock):
    room = memoryview(bytearray(BATCH + 4096))
    try:
        while True:
            key, _, number = struct.unpack(">hhi", frame(sock, room)[:8])
            sock.sendall(framed(struct.pack(">i", number), FETCHED if key else PRODUCED))
    except (EOFError, OSError):
        sock.close()


def broker():
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


def client(what, port, seconds):
    head = lambda key, version: struct.pack(">hhih5s", key, version, 7, 5, b"bench")
    if what == "produce":
        request = framed(head(0, 7), struct.pack(">hhi", -1, 1, 1000), TOPIC, struct.pack(">i", BATCH), b"x" * BATCH)
    else:
        request = framed(head(1, 11), struct.pack(">iiiibii", -1, 500, 1, BATCH, 0, 0, -1), TOPIC,
                         struct.pack(">iqqi", -1, 0, -1, BATCH), struct.pack(">ih", 0, 0))
    room = memoryview(bytearray(BATCH + 4096))
    times = []
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        began = now = time.monotonic()
        while now < began + seconds:
            sock.sendall(request)
            frame(sock, room)
            times.append(time.monotonic() - now)
            now += times[-1]
    times.sort()
    print("ops=%d rate=%f p50=%f p99=%f" % (len(times), len(times) / (now - began), times[len(times) // 2] * 1e9,
                                            times[len(times) * 99 // 100] * 1e9))


if __name__ == "__main__":
    broker() if sys.argv[1] == "broker" else client(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
