"""What no server of Debian does about TLS, played by scripts: MySQL 8's passwords between legs that differ, PostgreSQL 17's
TLS from the first byte, and backends that refuse TLS, send too much, or have none."""
import ssl
import struct

import pytest

from harness import dial, need_module, patience
from tls_files import authority, legs           # noqa: F401: fixtures

pymysql = need_module("pymysql")
rsa = need_module("cryptography.hazmat.primitives.asymmetric.rsa")
from cryptography.hazmat.primitives import hashes, serialization        # noqa: E402
from cryptography.hazmat.primitives.asymmetric import padding           # noqa: E402

# ---- MySQL 8 ----

SCRAMBLE = b"0123456789abcdefghij"
CAPABILITIES = 0x018fa28d               # of MySQL 8.0, without TLS and compression
SSL = 0x800


class MySQL8:
    """A server whose cache does not know the password. It fails an assertion, and closes, if a packet is not as MySQL wants it."""

    def __init__(self, backend, context=None, method="caching_sha2_password"):
        self.context, self.method = context, method
        self.key = rsa.generate_private_key(65537, 2048)
        self.told = []                          # passwords
        self.port, self.address = backend.port, backend.address
        backend.serve(self.play)

    def packet(self, end, expected):
        head = end.read(4)
        assert head[3] == expected, "sequence number %d, expected %d" % (head[3], expected)
        return end.read(int.from_bytes(head[:3], "little"))

    @staticmethod
    def send(end, seq, payload):
        end.send(len(payload).to_bytes(3, "little") + bytes([seq]) + payload)

    def play(self, end):
        can, default = CAPABILITIES | (SSL if self.context else 0), b"caching_sha2_password"
        self.send(end, 0, b"\x0a8.0.36\0" + struct.pack("<I", 7) + SCRAMBLE[:8] + b"\0" + struct.pack("<H", can & 0xffff) + b"\xff\2\0" +
                  struct.pack("<HB", can >> 16, 21) + bytes(10) + SCRAMBLE[8:] + b"\0" + default + b"\0")
        seq = 1
        if self.context:
            request = self.packet(end, 1)
            assert len(request) == 32 and request[1] & 8
            end.sock = self.context.wrap_socket(end.sock, server_side=True)
            seq = 2
        login = self.packet(end, seq)
        assert bool(login[1] & 8) == bool(self.context)
        if self.method != "caching_sha2_password":
            self.send(end, seq + 1, b"\xfe" + self.method.encode() + b"\0" + SCRAMBLE + b"\0")
        else:
            self.send(end, seq + 1, b"\x01\x04")
        password = self.packet(end, seq + 2)
        seq += 3
        if not self.context:
            assert password == (b"\x02" if self.method == "caching_sha2_password" else b"\x01")
            self.send(end, seq, b"\x01" + self.key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
            sealed = self.key.decrypt(self.packet(end, seq + 1), padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None))
            password = bytes(a ^ b for a, b in zip(sealed, (SCRAMBLE * 20)[:len(sealed)]))
            seq += 2
        self.told.append(password)
        if password != b"secret\0":
            self.send(end, seq, b"\xff\x15\x04#28000Access denied")
            return
        self.send(end, seq, b"\0\0\0\2\0\0\0")
        while self.packet(end, 0) != b"\x01":           # QUIT
            self.send(end, 1, b"\0\0\0\2\0\0\0")


@pytest.fixture
def server_side(authority):     # noqa: F811
    """server_side(alpn): a context of a server that the proxy trusts."""
    cert, key = authority.leaf("scripted")

    def make(alpn=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        if alpn:
            context.set_alpn_protocols(alpn)
        return context
    return make


def connect(proxy, ca, **options):
    words = dict(host="localhost", port=proxy.port, user="app", password="secret", connect_timeout=patience(), read_timeout=patience())
    return pymysql.connect(**dict(words, ssl={"ca": ca} if ca else None, **options))


@pytest.mark.parametrize("method", ["caching_sha2_password", "sha256_password"])
@pytest.mark.parametrize("client", ["plain", "tls"])
@pytest.mark.parametrize("backend_tls", ["off", "verify"])
def test_mysql_passwords(legs, backends, authority, server_side, method, client, backend_tls):  # noqa: F811
    """Where one leg is in TLS and the other is not, the password is opened, or sealed by the server's key."""
    server = MySQL8(backends(), server_side() if backend_tls == "verify" else None, method)
    proxy = legs(server, "mysql", backend=backend_tls)
    ca = authority.own_ca if client == "tls" else None
    with connect(proxy, ca) as one:
        one.ping()
        one.cursor().execute("DO 1")
    one = connect(proxy, ca, password="wrong", defer_connect=True)
    with pytest.raises(pymysql.err.OperationalError) as caught:
        one.connect()
    assert caught.value.args[0] == 1045
    one._sock.close()                           # PyMySQL leaves it open, and the proxy would wait for it
    assert server.told == [b"secret\0", b"wrong\0"]
    assert "secret" not in proxy.whole_log() and "raw proxy" not in proxy.whole_log()


def test_mysql_stored_key(legs, backends, authority, server_side):      # noqa: F811
    """A client that has stored the server's key need not ask for one: it is told why that cannot work here."""
    server = MySQL8(backends(), server_side())
    proxy = legs(server, "mysql", backend="verify")
    key = server.key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(pymysql.err.MySQLError) as caught:
        connect(proxy, None, server_public_key=key)
    assert caught.value.args[0] == 1105 and "must ask for the key" in caught.value.args[1]
    assert server.told == []


# ---- backends that have no TLS ----

GREETING = b"\x0a8.0.36\0" + bytes(4) + b"abcdefgh\0\x8d\xa2\xff\2\0\x8f\1\x15" + bytes(10) + b"ijklmnopqrst\0caching_sha2_password\0"
GREETING = len(GREETING).to_bytes(3, "little") + b"\0" + GREETING
SSL_REQUEST = struct.pack("!II", 8, 80877103)

# protocol; what the backend says first; what it waits for, and what it answers to that; what the log has
REFUSALS = [
    ("mysql", GREETING, b"", b"", "its greeting does not offer it"),
    ("mysql", b"HTTP/1.1 400 Bad Request\r\n", b"", b"", "its greeting does not offer it"),
    ("postgres", b"", SSL_REQUEST, b"N", "it answered N to SSLRequest"),
    ("postgres", b"", SSL_REQUEST, b"E\0\0\0\x0bSFATAL\0\0", "it answered SSLRequest by an error"),
    ("postgres", b"", SSL_REQUEST, b"SS", "more than its answer to SSLRequest"),
    ("smtp", b"220 mail ESMTP\r\n", b"EHLO [127.0.0.1]\r\n", b"250 mail\r\n", "does not offer STARTTLS"),
    ("redis", b"", b"", b"", "TLS with the backend has failed"),
]


@pytest.mark.parametrize("protocol, first, asked, answer, logged", REFUSALS)
def test_no_backend_tls(legs, backends, protocol, first, asked, answer, logged):        # noqa: F811
    """The connection is reset, and nothing of the client goes to the backend in plain text."""
    heard = []

    def play(end):
        end.send(first)
        if asked:
            assert end.read(len(asked)) == asked
            end.send(answer)
        elif protocol == "redis":
            end.read(1)
            end.send(b"-ERR unknown command\r\n")
        heard.append(end.rest()[0])
    server = backends().serve(play)
    proxy = legs(server, protocol, backend="on")
    with dial(proxy.port) as client:
        assert client.rest() == (b"", "rst")
    proxy.logged(logged)
    proxy.logged('why="TLS with the backend has failed"')
    assert not any(b"app" in data for data in heard)


def test_smtp_greeting_that_refuses(legs, backends):    # noqa: F811
    """The client sees it; there is no TLS then, and nothing but QUIT would go there."""
    heard = []

    def play(end):
        end.send(b"554 No SMTP service here\r\n")
        heard.append(end.rest()[0])
    proxy = legs(backends().serve(play), "smtp", backend="on")
    with dial(proxy.port) as client:
        assert client.read_to(b"\r\n") == b"554 No SMTP service here\r\n"
        assert client.send(b"MAIL FROM:<a@example.test>\r\n").read(4) == b"421 "
        assert client.rest() == (b"4.4.2 localhost Error: the server is not reached by TLS\r\n", "fin")
    assert heard in ([], [b""])


def test_no_plain_text_by_nonsense(legs, backends):     # noqa: F811
    """Bytes that are not understood pass unchanged elsewhere: not where TLS must begin by a request."""
    heard = []

    def play(end):
        end.send(greeting)
        heard.append(end.rest()[0])
    greeting = b""
    proxy = legs(backends().serve(play), "postgres", client="require")
    with dial(proxy.port) as client:
        assert client.send(b"GET / HTTP/1.1\r\n\r\n").rest() == (b"", "rst")
    proxy.logged('why="TLS with the client has failed"')
    greeting = GREETING.replace(b"\x8d\xa2", b"\x8d\xaa")          # it has TLS
    proxy = legs(backends().serve(play), "mysql", backend="on")
    with dial(proxy.port) as client:
        assert client.read(len(greeting)) == greeting
        assert client.send(b"\x20\0\0\1" + bytes(32)).rest() == (b"", "rst")          # a login of MySQL 4.0
    proxy.logged('why="TLS with the backend has failed"')
    assert not any(heard)


def test_postgres_17_backend(legs, backends, server_side):      # noqa: F811
    """backend_tls_start=implicit: no SSLRequest, but ALPN."""
    heard = []

    def play(end):
        with server_side(["postgresql"]).wrap_socket(end.sock, server_side=True) as inside:
            heard.append(inside.selected_alpn_protocol())
            heard.append(inside.recv(100))
            inside.sendall(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I")
            inside.recv(1)
    proxy = legs(backends().serve(play), "postgres", "--backend-tls-start", "implicit", backend="verify")
    startup = struct.pack("!II", 8 + 10, 3 << 16) + b"user\0app\0\0"
    with dial(proxy.port) as client:
        assert client.send(startup).read(15) == b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I"
    assert heard == ["postgresql", startup]


def test_mysql_plain_dialogue_in_a_tunnel(legs, backends, authority, server_side):      # noqa: F811
    """backend_tls_start=implicit: a server behind stunnel knows nothing of TLS, so its passwords go by RSA."""
    inside = MySQL8.__new__(MySQL8)
    inside.context, inside.method, inside.told, inside.key = None, "caching_sha2_password", [], rsa.generate_private_key(65537, 2048)

    def play(end):
        end.sock = server_side().wrap_socket(end.sock, server_side=True)
        inside.play(end)
    proxy = legs(backends().serve(play), "mysql", "--backend-tls-start", "implicit", backend="verify")
    for ca in (None, authority.own_ca):
        connect(proxy, ca).close()
    assert inside.told == [b"secret\0"] * 2
