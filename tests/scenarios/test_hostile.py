"""Peers that mean ill: bounded memory, no crash, and others are served meanwhile."""
import itertools
import random
import threading

import pytest

from harness import SAN, until

HUGE = 32 << 20         # what an endless peer sends; far more than a head may take
BOUND = (64 if SAN else 16) << 20

ENDLESS = {             # protocol -> what a client repeats for ever: (once, then again and again)
    "http": [(b"GET / HTTP/1.1\r\n", b"X: y\r\n"), (b"GET /", b"a" * 1024), (b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"f" * 1024),
             (b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"1;" + b"x" * 1024)],
    "redis": [(b"", b"*1"), (b"", b"x" * 1024), (b"*2147483647\r\n", b"$1\r\nx\r\n"), (b"*3\r\n$", b"0" * 1024)],
    "mysql": [(b"\xff\xff\xff\x00\x03", b"S" * 1024), (b"", b"\x00" * 1024)],
    "postgres": [(b"\x7f\xff\xff\xff\x00\x03\x00\x00", b"k\0v\0"), (b"Q\x7f\xff\xff\xff", b"S" * 1024), (b"", b"P\x00\x00\x00\x04")],
    "memcache": [(b"get", b" k"), (b"", b"x" * 1024), (b"set k 0 0 18446744073709551615\r\n", b"x" * 1024), (b"\x80\x01", b"\xff" * 1024)],
    "kafka": [(b"\x00\xff\xff\xff\x00\x00\x00\x07\x00\x00\x00\x01\xff\xff", b"x" * 1024), (b"\x0f\xff\xff\xff\x00\x01\x00\x0c\x00\x00\x00\x01\xff\xff", b"\xff" * 1024)],
    "smtp": [(b"", b"x" * 1024), (b"DATA\r\n", b"x" * 1024), (b"BDAT 18446744073709551615\r\n", b"x" * 1024), (b"RCPT TO:<", b"a" * 1024)],
}
ANSWERS = {             # protocol -> (what a client asks, what the server then says, once and again)
    "http": [(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
             (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
             (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", b"x" * 1024)],
    "redis": [(b"PING\r\n", b"", b"*1\r\n"), (b"PING\r\n", b"$18446744073709551616\r\n", b"x" * 1024), (b"PING\r\n", b"", b"*9223372036854775807\r\n"),
              (b"PING\r\n", b"", b"|1\r\n+a\r\n")],
    "mysql": [(b"", b"\x0a", b"x" * 1024), (b"", b"\xff\xff\xff\x00", b"x" * 1024)],
    "postgres": [(b"\x00\x00\x00\x10\x00\x03\x00\x00user\0a\0\0", b"", b"N\x00\x00\x00\x08abc\0"),
                 (b"\x00\x00\x00\x10\x00\x03\x00\x00user\0a\0\0", b"", b"\xff" * 1024)],
    "memcache": [(b"get k\r\n", b"", b"VALUE k 0 1\r\nx\r\n"), (b"get k\r\n", b"VALUE k 0 99999999999999999999\r\n", b"x" * 1024),
                 (b"stats\r\n", b"STAT ", b"x" * 1024)],
    "kafka": [(b"\x00\x00\x00\x12\x00\x03\x00\x01\x00\x00\x00\x01\xff\xff\x00\x00\x00\x01\x00\x02t1", b"\x7f\xff\xff\xff\x00\x00\x00\x01", b"\xff" * 1024)],
    "smtp": [(b"", b"", b"220-more\r\n"), (b"", b"2", b"2" * 1024)],
}


def pour(end, once, again):
    """As much as it takes; that the proxy ends it, or takes no more, is an answer, too."""
    block = again * (65536 // len(again) + 1)
    end.sock.settimeout(1)
    try:
        end.send(once)
        for _ in range(HUGE // len(block)):
            end.send(block)
    except OSError:
        pass


def drain(end):
    try:
        while end.sock.recv(1 << 20):
            pass
    except OSError:
        pass


def cases(table):
    return [pytest.param(name, *row, id="%s-%d" % (name, i)) for name, rows in table.items() for i, row in enumerate(rows)]


def bounded(proxy, backend, talker, listener, once, again):
    """`talker` says it all, `listener` takes what gets through; then another connection is served."""
    before = proxy.memory()
    taking = threading.Thread(target=drain, args=(listener,), daemon=True)
    taking.start()
    pour(talker, once, again)
    assert proxy.memory() - before < BOUND
    assert proxy.process.poll() is None
    talker.reset()
    client, server = proxy.meet(backend)
    client.close()
    server.close()


@pytest.mark.parametrize("name, once, again", cases(ENDLESS))
def test_an_endless_client(start, backend, name, once, again):
    proxy = start("--protocol", name, "--rule", "error match=\"never\"", backend=backend)
    client, server = proxy.meet(backend)
    bounded(proxy, backend, client, server, once, again)


@pytest.mark.parametrize("name, ask, once, again", cases(ANSWERS))
def test_an_endless_server(start, backend, name, ask, once, again):
    proxy = start("--protocol", name, "--rule", "error match=\"never\"", backend=backend)
    client, server = proxy.meet(backend)
    client.send(ask)
    bounded(proxy, backend, server, client, once, again)


@pytest.mark.parametrize("name", sorted(ENDLESS))
def test_garbage(start, backend, name):
    """Anything at all from both sides at once, many times, cut anywhere."""
    proxy = start("--protocol", name, "--behavior", "30:error,10:delay", "--behavior-delay-sleep", "0.001", backend=backend)
    said = [part for rows in (ENDLESS[name], ANSWERS[name]) for row in rows for part in row]
    dice = random.Random(name)
    before = proxy.memory()

    def nonsense():
        parts = [dice.choice(said)[:dice.randrange(1, 60)] if dice.random() < 0.7 else dice.randbytes(dice.randrange(1, 40))
                 for _ in range(dice.randrange(1, 30))]
        return b"".join(parts)
    for _ in range(60):
        client, server = proxy.meet(backend)
        for end in itertools.islice(itertools.cycle((client, server)), dice.randrange(1, 6)):
            try:
                end.send(nonsense())
            except OSError:
                pass
        for end in dice.sample((client, server), 2):
            dice.choice((end.close, end.reset))()
    until(lambda: not proxy.api("GET", "/info")[1]["proxies"][0]["connections"], what="all to be gone")
    assert proxy.process.poll() is None and proxy.memory() - before < BOUND
