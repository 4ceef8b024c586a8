"""What a core dump of the proxy would hold behind traffic: no private key, no key of tickets, no password of a login. Nor do log,
events and answers."""
import re
import socket
import ssl

import pytest

from harness import SAN, need_module, patience, until
from test_tls_scripted import MySQL8, connect, pymysql, server_side     # noqa: F401: a fixture
from tls_files import authority, legs           # noqa: F401: fixtures

pytestmark = pytest.mark.skipif(bool(SAN), reason="sanitizers keep freed memory")
PASSWORD = "correct-Horse-battery-Staple-7"
PIECE = PASSWORD[14:22].encode()
PAGE, MOST = 4096, 1 << 24
OPENSSL_HEAP = 1 << 16                        # bytes; in a mapping of its own. It has numbers that are no secret, too


def read_used(memory, size):
    """What the next `size` bytes of memory have, without empty pages."""
    used = []
    for at in range(0, size, MOST):
        data = memory.read(min(MOST, size - at))
        used += [data[i:i + PAGE] for i in range(0, len(data), PAGE) if data[i:i + PAGE] != bytes(PAGE)]
    return b"".join(used)


def mappings(pid):
    """(whether a core has it, its size, its bytes without empty pages) of each mapping that the process can write."""
    with open("/proc/%d/smaps" % pid) as text:
        parts = re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", text.read(), flags=re.M)[1:]
    with open("/proc/%d/mem" % pid, "rb", 0) as memory:
        for part in parts:
            first, last, rights = re.match("([0-9a-f]+)-([0-9a-f]+) (....)", part).groups()
            if "w" not in rights:
                continue
            memory.seek(int(first, 16))
            size = int(last, 16) - int(first, 16)
            data = read_used(memory, size)
            flags = re.search("^VmFlags:(.*)$", part, re.M).group(1).split()
            yield "dd" not in flags, size, data


def numbers(key_file):
    """A private number as OpenSSL and as a file have it."""
    serialization = need_module("cryptography.hazmat.primitives.serialization")
    with open(key_file, "rb") as file:
        pem = file.read()
    number = serialization.load_pem_private_key(pem, None).private_numbers().private_value
    return {"big end first": number.to_bytes(32, "big"), "little end first": number.to_bytes(32, "little"), "PEM": pem.split(b"\n")[1][10:50]}


def ticket_keys(hidden):
    """Pieces of the keys of tickets: each is at the begin of a page of its own. The page of a file in PEM is text."""
    pages = [data[at:at + 170] for data in hidden for at in range(0, len(data), PAGE)]
    pieces = {page[at:at + 24] for page in pages for at in range(0, len(page) - 24, 8)}
    return {piece for piece in pieces if len(set(piece)) > 18 and not all(32 <= c < 127 or c == 10 for c in piece)}


def handshakes(port, ca, n):
    context, session = ssl.create_default_context(cafile=ca), None
    for _ in range(n):
        with context.wrap_socket(socket.create_connection(("localhost", port), patience()), server_hostname="localhost", session=session) as one:
            one.settimeout(patience())
            one.sendall(b"x")
            assert one.recv(1) == b"x"
            session = one.session
            resumed = one.session_reused
    return resumed


def log_in(proxy, authority, ports):    # noqa: F811
    for port, ca in ((ports["default"], authority.own_ca), (ports["secure"], None)):
        with pytest.raises(pymysql.err.OperationalError):
            connect(proxy, ca, password=PASSWORD, port=port)


def log_in_by_two(proxy, authority, port, monkeypatch):         # noqa: F811
    """The proxy has read the first record, which ends within the password, when the second is sent."""
    def received():
        return max((one["connection"], one["request"]["received"]) for one in proxy.api("GET", "/connections")[1]["connections"])[1]

    def in_two(connection, data):
        at = data.find(PASSWORD.encode())
        if at >= 0:
            before = received()
            connection._sock.sendall(data[:-6])
            until(lambda: received() == before + len(data) - 6)
            cut.append(data[:-6])
        connection._sock.sendall(data[-6:] if at >= 0 else data)

    cut = []
    monkeypatch.setattr(pymysql.connections.Connection, "_write_bytes", in_two)
    with pytest.raises(pymysql.err.OperationalError):
        connect(proxy, authority.own_ca, password=PASSWORD, port=port)
    assert len(cut) == 1 and PIECE in cut[0]


def test_no_secret_is_left(legs, backends, authority, server_side, tmp_path, monkeypatch):   # noqa: F811
    cert, key = authority.leaf("front")
    events = tmp_path / "events"
    plain, secure, echo = MySQL8(backends()), MySQL8(backends(), server_side()), backends()
    echo.serve()
    proxy = legs(plain, "mysql", "--events", events,
                 "--add", "secure=127.0.0.1:0=%s,mysql backend_tls=verify backend_tls_ca=%s" % (secure.address, authority.ca),
                 "--add", "file=127.0.0.1:0=%s,tcp client_tls_cert=%s client_tls_key=%s" % (echo.address, cert, key),
                 "--add", "auto=127.0.0.1:0=%s,tcp" % echo.address)
    ports = {name: int(one["listen"].rpartition(":")[2]) for name, one in proxy.api("GET", "/proxies")[1].items()}
    log_in(proxy, authority, ports)
    for name in "default", "secure":             # a password waits in a queue
        assert proxy.api("PUT", "/%s/behavior" % name, {"name": "latency", "latency": 100, "direction": "both"})[0] == 200
    log_in(proxy, authority, ports)
    log_in_by_two(proxy, authority, ports["default"], monkeypatch)
    assert not [data for dumped, _, data in mappings(proxy.pid) if dumped and PIECE in data]
    assert plain.told[:2] == secure.told == [PASSWORD.encode() + b"\0"] * 2 and plain.told[2:] == plain.told[:1]
    assert handshakes(ports["file"], authority.ca, 3) and handshakes(ports["auto"], authority.own_ca, 3)

    all = list(mappings(proxy.pid))
    kept, hidden = (b"".join(data for dumped, _, data in all if dumped is which) for which in (True, False))
    assert len(kept) > 1 << 19
    for file in key, authority.own + "/ca.key":
        for name, number in numbers(file).items():
            assert number not in kept, "%s of %s" % (name, file)
        assert numbers(file)["little end first"] in hidden               # or the search would find nothing anywhere
    keys = ticket_keys([data for dumped, size, data in all if not dumped and size < OPENSSL_HEAP])
    assert len(keys) > 10 and not [key for key in keys if key in kept]
    assert PASSWORD.encode() not in kept

    told = proxy.whole_log() + events.read_text()
    for path in "proxies", "connections", "metrics", "info", "stats", "behavior", "events", "exchanges":
        told += str(proxy.api("GET", "/" + path)[1]) if path != "events" else ""
    secrets = [PASSWORD, "PRIVATE KEY"] + [number.hex() for file in (key, authority.own + "/ca.key") for number in list(numbers(file).values())[:2]]
    assert not [secret for secret in secrets + [key.hex() for key in keys] if secret.lower() in told.lower()]
