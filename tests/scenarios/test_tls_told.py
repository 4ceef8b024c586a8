"""What a user is told of TLS that does not work: clients without it, matches that find no handshake, failures in the API and in
vaurienctl."""
import json
import os
import ssl
import struct
import subprocess

import pytest
from test_tls import comes, metric
from tls_ends import TlsEnd, backend_certificate, context, raw

from harness import VAURIEN, End, need, until

CTL = os.environ.get("VAURIENCTL_BIN") or os.path.join(os.path.dirname(VAURIEN), "vaurienctl")


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return str(tmp_path_factory.mktemp("ca") / "tls")


@pytest.fixture
def secured(start, ca):
    def one(*words, backend, protocol="tcp", client="require"):
        return start("--threads", 1, "--tls-dir", ca, "--protocol", protocol, "--client-tls", client, *words, backend=backend)
    return one


def told(path, kind):
    return [event for event in map(json.loads, path.read_text().splitlines()) if event["type"] == kind]


# ---- clients without TLS ----

def packet(seq, payload):
    return len(payload).to_bytes(3, "little") + bytes([seq]) + payload


SQL_GREETING = packet(0, b"\x0a8.0.36\0" + struct.pack("<I", 8) + b"abcdefgh\0" + b"\x89\xaa\xff\2\0\x8f\1\x15" + bytes(10) +
                      b"ijklmnopqrst\0caching_sha2_password\0")
SQL_LOGIN = packet(1, bytes.fromhex("89a28f01000000402d") + bytes(23) + b"app\0\x14" + b"\xaa" * 20 + b"shop\0caching_sha2_password\0")
STARTUP = struct.pack("!I", len(b"\0\3\0\0user\0app\0\0") + 4) + b"\0\3\0\0user\0app\0\0"
MAIL = b"MAIL FROM:<a@example.test>\r\n"
REJECTED = {                            # what the server says first, what the client says, what it reads
    "postgres": (b"", STARTUP, b"no pg_hba.conf entry"),
    "mysql": (SQL_GREETING, SQL_LOGIN, b"insecure transport are prohibited"),
    "smtp": (b"220 mail ESMTP\r\n", MAIL + MAIL + b"QUIT\r\n", b"530 5.7.0 Must issue"),
}


@pytest.mark.parametrize("protocol", REJECTED)
def test_a_client_without_tls_is_told(secured, backend, tmp_path, protocol):
    """A line for the proxy; a count and an event for each connection, however many commands it tries."""
    greeting, asks, reads = REJECTED[protocol]

    def play(end):
        end.send(greeting)
        if protocol == "smtp":
            assert end.read_to(b"QUIT\r\n") == b"QUIT\r\n"
            end.send(b"221 bye\r\n")
        else:
            assert end.rest()[0] == b""
    backend.serve(play)
    path = tmp_path / "events"
    proxy = secured("--events", str(path), backend=backend, protocol=protocol)
    for n in (1, 2):
        with End(raw(proxy.port)) as client:
            client.read(len(greeting))
            client.send(asks)
            came = client.rest()[0]
        assert reads in came
        comes(proxy, "vaurien_tls_failures_total", n, leg="client", reason="refused")
    line = r"\[WARNING\] tls proxy=default connection=\d+ leg=client: a client without TLS is rejected, as client_tls is require; "
    proxy.logged(line)
    assert proxy.whole_log().count("a client without TLS is rejected") == 1
    until(lambda: len(told(path, "tls")) == 2, what=lambda: path.read_text())
    assert {(event["leg"], event["outcome"], event["reason"]) for event in told(path, "tls")} == {("client", "failed", "refused")}


@pytest.mark.parametrize("protocol", ["tcp", "redis", "http"])
def test_a_client_that_does_not_begin_with_tls_is_told(secured, backend, protocol):
    proxy = secured(backend=backend, protocol=protocol)
    with End(raw(proxy.port)) as client:
        client.send(b"PING\r\n")
        assert client.rest()[1] == "fin"
    proxy.logged(r"leg=client: TLS with the client has failed \(refused\): the client does not use TLS, and client_tls is require\n")
    assert metric(proxy, "vaurien_tls_failures_total", leg="client", reason="refused") == 1


def test_a_refused_request_for_tls_is_told(secured, backend, tmp_path):
    """tls_refuse: the strike is an event, a hit and a line."""
    path = tmp_path / "events"
    backend.serve()
    proxy = secured("--events", str(path), "--rule", "tls_refuse name=no", backend=backend, protocol="postgres", client="on")
    with End(raw(proxy.port)) as client:
        assert client.send(struct.pack("!II", 8, 80877103)).read(1) == b"N"
    until(lambda: [event["rule"] for event in told(path, "fault")] == ["no"], what=lambda: path.read_text())
    proxy.logged("strike proxy=default connection=1 .*rule=no behavior=tls_refuse")
    assert proxy.api("GET", "/rules")[1]["rules"][0]["hits"] == 1


# ---- what OpenSSL's texts mean here ----

def openssl(*words):
    subprocess.run([need("openssl"), *map(str, words), "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
                   check=True, stderr=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def signed(tmp_path_factory):
    """(a CA's certificate, a leaf for shop.example with its key, the same with the CA behind it)."""
    at = tmp_path_factory.mktemp("signed")
    ca, key, leaf, chain = (str(at / name) for name in ("ca.pem", "ca.key", "leaf.pem", "chain.pem"))
    openssl("req", "-x509", "-subj", "/CN=shop's CA", "-keyout", key, "-out", ca)
    openssl("req", "-x509", "-CA", ca, "-CAkey", key, "-subj", "/CN=shop", "-addext", "subjectAltName=DNS:shop.example",
            "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", leaf, "-out", leaf + ".cert")
    parts = [(at / name).read_text() for name in ("leaf.pem", "leaf.pem.cert", "ca.pem")]
    (at / "leaf.pem").write_text("".join(parts[:2]))
    (at / "chain.pem").write_text("".join(parts))
    return ca, leaf, chain


CA_MISSING, OTHER_NAME = "backend_tls_ca names the file of a CA of your own", "backend_tls_name is the name that is expected"
MEANINGS = [                            # the server's certificate, further words of the proxy, OpenSSL's text, what it means
    ("self", "", "self-signed certificate", CA_MISSING),
    ("chain", "", "self-signed certificate in certificate chain", CA_MISSING),
    ("leaf", "", "unable to get local issuer certificate", CA_MISSING),
    ("leaf", "backend_tls_ca=%s backend_tls_name=mail.example", "hostname mismatch", OTHER_NAME),
    ("leaf", "backend_tls_ca=%s", "IP address mismatch", OTHER_NAME),
    (None, "", "wrong version number", "the backend does not speak TLS"),
]


def test_texts_of_openssl_have_a_meaning(start, backends, signed):
    """Of backends: one proxy for each."""
    ca, leaf, chain = signed
    files, words = {"self": backend_certificate(), "leaf": leaf, "chain": chain}, []

    def server(which):
        made, speaks = backends(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if which:
            speaks.load_cert_chain(files[which])

        def play(end):
            try:
                if which:
                    speaks.wrap_socket(end.sock, server_side=True)
                else:
                    end.read(1)
                    end.send(b"-ERR unknown command\r\n")
            except OSError:             # an ssl.SSLError, too
                pass
        made.serve(play)
        return made.address
    for n, (which, more, *_) in enumerate(MEANINGS):
        words += ["--add", "p%d=127.0.0.1:0=%s backend_tls=verify %s" % (n, server(which), more % ca if more else "")]
    proxy = start(*words, backend=server(None))
    for n, (_, _, text, means) in enumerate(MEANINGS):
        with End(raw(int(proxy.api("GET", "/proxies/p%d" % n)[1]["listen"].rpartition(":")[2]))) as client:
            assert client.ends() == "rst"
        proxy.logged(r"proxy=p%d .*leg=backend: TLS with the backend has failed \(\w+\): [^(]*\b%s \(%s\)\n" % (n, text, means))


def test_a_client_that_asks_for_tls_and_speaks_none_is_named(secured, backend):
    backend.serve()
    proxy = secured(backend=backend, protocol="postgres", client="on")
    with End(raw(proxy.port)) as client:
        assert client.send(struct.pack("!II", 8, 80877103)).read(1) == b"S"
        client.send(STARTUP).rest()
    proxy.logged(r"leg=client: TLS with the client has failed \(\w+\): wrong version number \(the client does not speak TLS\)\n")


# ---- matches ----

@pytest.mark.parametrize("match, never", [("^GET", True), ("^hello", True), (r"\AHELLO:|^QUERY x", True), ("^HELLO db", False),
                                          ("GET", False), ("^.*h2", False), ("^(?i)hello", False)])
def test_a_match_of_no_handshake_is_warned_of(secured, backend, match, never):
    proxy = secured(backend=backend, protocol="http")
    status, answer = proxy.api("POST", "/rules", {"behavior": "tls_certificate", "flaw": "expired", "match": match})
    warning = "match: tls_certificate meets TLS handshakes, whose text is 'HELLO name alpn', and '%s' finds none" % match
    assert (status, answer.get("warning")) == (200, warning if never else None)


def test_a_handshake_that_a_match_misses_is_told(secured, backend, run):
    proxy = secured(backend=backend, protocol="http")
    done = run("--host", "http://127.0.0.1:%d" % proxy.http, "rule", "add", "tls_certificate", "flaw=expired", "match=^GET", "name=old",
               program=CTL)
    assert done.returncode == 0 and "warning: match: tls_certificate meets TLS handshakes" in done.stderr, done
    for name in ("db1.example", "localhost"):
        TlsEnd(raw(proxy.port), context(False, alpn=["http/1.1"]), name=name).close()
    proxy.logged(r"missed proxy=default connection=1 rule=old behavior=tls_certificate: its match does not find 'HELLO db1\.example http/1\.1'\n")
    rule = proxy.api("GET", "/rules")[1]["rules"][0]
    assert (rule["seen"], rule["hits"], rule["unreachable"]) == (0, 0, 0)
    proxy.api("DELETE", "/rules/old")
    proxy.logged("no match proxy=default rule=old behavior=tls_certificate: 2 messages, none of which its match finds; nearest: HELLO ")
    assert proxy.whole_log().count("missed proxy=") == 1


# ---- failures ----

def test_failures_are_in_the_api_and_in_status(secured, start, backend, ca, run):
    """Of each leg that has TLS; nothing where none has."""
    backend.serve()                     # in plain text
    plain = start(backend=backend)
    assert [("tls" in plain.api("GET", path)[1]["proxies"][0]) for path in ("/info", "/stats")] == [False, False]
    proxy = secured("--backend-tls", "on", backend=backend)
    with End(raw(proxy.port)) as client:
        client.send(b"PING\r\n").rest()
    try:
        TlsEnd(raw(proxy.port), context(False)).rest()
    except OSError:                     # an ssl.SSLError, too
        pass

    def counts(path):
        return proxy.api("GET", path)[1]["proxies"][0]["tls"]
    until(lambda: all(leg["failures"] for leg in counts("/info").values()), what=lambda: counts("/info"))
    assert counts("/info") == counts("/stats") and sorted(counts("/info")) == ["backend", "client"]
    done = run("--host", "http://127.0.0.1:%d" % proxy.http, "status", program=CTL)
    row = done.stdout.splitlines()[1].split("\t")
    n = counts("/info")
    words = ["TLS with %s failed %d time%s" % (who, n[leg]["failures"], "" if n[leg]["failures"] == 1 else "s")
             for leg, who in (("client", "clients"), ("backend", "the backend"))]
    assert row[4] == "up" and row[7] == "; ".join(words)


def test_handshakes_are_counted(secured, backend):
    backend.serve()
    proxy = secured(backend=backend)
    with TlsEnd(raw(proxy.port), context(False)) as client:
        assert client.send(b"ping").read(4) == b"ping"
    assert proxy.api("GET", "/info")[1]["proxies"][0]["tls"] == {"client": {"handshakes": 1, "failures": 0}}
