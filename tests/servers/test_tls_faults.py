"""What real clients report of each fault of TLS: the table in docs/tls.md. One proxy per protocol; faults come and go on it."""
import asyncio
import os
import re
import socket
import ssl
import subprocess
import threading

import pytest

from conftest import ACCOUNT, Control, need, need_module
from harness import ROOT, SAN, left_out, patience, until
from server_postgres import postgres                      # noqa: F401: a fixture
from server_redis import server as redis_server          # noqa: F401: a fixture

pytestmark = pytest.mark.skipif(bool(SAN), reason="clients see the same of a build with sanitizers")
SOON = 0.7                                                # seconds: a client's own time-out, where the proxy says nothing
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\nConnection: close\r\n\r\n" + b"x" * 300
FLAWS = ["expired", "not_yet_valid", "wrong_host", "self_signed", "unknown_ca", "incomplete_chain", "expired_chain", "revoked", "wrong_usage",
         "no_san", "weak_key", "weak_signature", "huge"]


# ---- clients: what an application sees, in one line; "ok" if nothing is wrong ----

def ran(*words, seconds=None, send=b"", env=None):
    try:
        done = subprocess.run(words, input=send, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds or patience(),
                              env=dict(os.environ, **(env or {})))
        return done.returncode, done.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired:
        return "time-out", ""


def s_client(port, ca, *more):
    code, text = ran(need("openssl"), "s_client", "-connect", "localhost:%d" % port, "-CAfile", ca, "-verify_return_error",
                     "-verify_hostname", "localhost", "-servername", "localhost", "-quiet", *more, send=REQUEST, seconds=2 * SOON)
    return "ok" if code == 0 and "200 OK" in text else "%s %s" % (code, " ".join(text.split("\n")))


def curl(port, ca, *more):
    code, text = ran(need("curl"), "-sS", "-o", "/dev/null", "-m", str(SOON), "--cacert", ca, *more, "https://localhost:%d/" % port)
    return "ok" if code == 0 else "%s %s" % (code, text.split("\n")[0])


def raised(error):
    return "%s: %s" % (type(error).__name__, error)


def python(port, ca):
    try:
        context = ssl.create_default_context(cafile=ca)
        with context.wrap_socket(socket.create_connection(("localhost", port), SOON), server_hostname="localhost") as sock:
            sock.sendall(REQUEST)
            said = b""
            while True:
                piece = sock.recv(65536)
                if not piece:
                    return "ok" if len(said) == len(ANSWER) else "ok, with %d bytes" % len(said)
                said += piece
    except OSError as error:
        return raised(error)


def requests(port, ca):
    try:
        need_module("requests").get("https://localhost:%d/" % port, verify=ca, timeout=SOON)
        return "ok"
    except OSError as error:
        return raised(error)


class Talker:
    """A client in another language, which asks once per line of its stdin. It resumes its sessions."""

    def __init__(self, *words):
        self.words = words
        self.process = None

    def __call__(self, port, ca):
        if not self.process:
            self.process = subprocess.Popen([*self.words, ca, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.process.stdin.write(b"go\n")
        self.process.stdin.flush()
        text = self.process.stdout.readline().decode().strip()
        return "ok" if text == "ok %d" % len(ANSWER) else text

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.communicate()


SOURCES = os.path.join(ROOT, "tests", "clients", "tls")


@pytest.fixture(scope="module")
def java(tmp_path_factory):
    import shutil
    if not shutil.which("javac"):
        left_out("javac is not installed: what Java reports of TLS is not tested")
    directory = str(tmp_path_factory.mktemp("java"))
    code, text = ran("javac", "-d", directory, os.path.join(SOURCES, "Client.java"), seconds=patience(60))
    assert code == 0, text
    one = Talker("java", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-cp", directory, "Client")
    yield one
    one.stop()


@pytest.fixture(scope="module")
def go(tmp_path_factory):
    import shutil
    if not shutil.which("go"):
        left_out("go is not installed: what Go reports of TLS is not tested")
    program = str(tmp_path_factory.mktemp("go") / "client")
    code, text = ran("go", "build", "-o", program, os.path.join(SOURCES, "client.go"), seconds=patience(120), env={"GOFLAGS": "-mod=mod"})
    assert code == 0, text
    one = Talker(program)
    yield one
    one.stop()


@pytest.fixture(scope="module")
def node():
    import shutil
    if not shutil.which("node"):
        left_out("node is not installed: what Node reports of TLS is not tested")
    one = Talker("node", os.path.join(SOURCES, "client.js"))
    yield one
    one.stop()


# ---- faults, and what is expected of them ----

def counts(proxy):
    answer = proxy.api("GET", "/behavior")[1]
    return answer["seen"], answer["hits"], answer["unreachable"]


def check(proxy, clients, rows, retries=False):
    """Each row is (behavior, options, {client: pattern}). All that is different is told at once. Each client connects once."""
    wrong = []
    for name, options, expected in rows:
        proxy.set(name, **options)
        for client in sorted(expected):
            said = clients[client](proxy.port, proxy.ca)
            if not re.search(expected[client], said):
                wrong.append("%s %s: %s said %r, not %r" % (name, options, client, said[:400], expected[client]))
        n = len(expected)
        seen, hits, unreachable = counts(proxy)
        if (hits, unreachable) != (seen, 0) or seen < n or (seen > n and not retries):
            wrong.append("%s %s: %s of %d connections" % (name, options, counts(proxy), n))
    assert not wrong, "\n".join(wrong)
    proxy.set("dummy")
    for client in sorted(clients):
        assert clients[client](proxy.port, proxy.ca) == "ok", client


@pytest.fixture
def behind_tls(start, tmp_path):
    """behind_tls(protocol, backend, *words): vaurien with client_tls, .ca is the file of its CA."""
    def make(protocol, backend, *words, tls="on"):
        proxy = start("--protocol", protocol, "--client-tls", tls, "--tls-dir", tmp_path / "ca", *words, backend=backend)
        proxy.ca = str(tmp_path / "ca" / "ca.pem")
        proxy.ctl = Control(proxy)
        return proxy
    return make


def serve(end):
    end.read_to(b"\r\n\r\n")
    end.send(ANSWER)
    end.finish()


@pytest.fixture
def web(behind_tls, backend):
    backend.serve(serve)
    return behind_tls("http", backend)


OPENSSL = {         # fault: what OpenSSL says, with which s_client, curl and Python agree
    "expired": "certificate has expired", "expired_chain": "certificate has expired", "not_yet_valid": "certificate is not yet valid",
    "self_signed": "self-signed certificate", "unknown_ca": "unable to get local issuer certificate",
    "incomplete_chain": "unable to get local issuer certificate", "wrong_usage": "unsuitable certificate purpose",
    "weak_key": "EE certificate key too weak", "weak_signature": "CA signature digest algorithm too weak",
    "huge": "[Ee]xcessive message size",
}


def of_openssl(flaw):
    if flaw == "wrong_host":
        return {"s_client": "hostname mismatch", "curl": "^60 .*no alternative certificate subject name matches target host name 'localhost'",
                "python": "SSLCertVerificationError.*Hostname mismatch", "requests": "SSLError.*(Hostname mismatch|doesn't match)"}
    if flaw in ("revoked", "no_san"):
        return {"s_client": "^ok$", "curl": "^ok$", "python": "^ok$", "requests": "^ok$" if flaw == "revoked" else "^ok$|SSLError.*Hostname mismatch"}
    text = OPENSSL[flaw]
    return {"s_client": text, "curl": "^%d .*%s" % (35 if flaw == "huge" else 60, text),
            "python": "%s.*%s" % ("SSLError" if flaw == "huge" else "SSLCertVerificationError", text), "requests": "SSLError.*" + text}


HTTP = {"s_client": s_client, "curl": curl, "python": python, "requests": requests}


def test_flaws_of_certificates(web):
    check(web, HTTP, [("tls_certificate", {"flaw": flaw}, of_openssl(flaw)) for flaw in FLAWS])
    with open(os.path.join(ROOT, "src", "tls", "flaw.c")) as source:
        assert re.findall(r'"(\w+)"', re.search(r"tls_flaw_names\[\] = \{(.*?)\}", source.read(), re.S).group(1)) == FLAWS


def alike(text, curl_code=35, error="SSLError"):
    return {"s_client": text, "curl": "^%d .*%s" % (curl_code, text), "python": "%s.*%s" % (error, text), "requests": "SSLError.*" + text}


RESET = {"s_client": "errno=104", "curl": "^35 .*Connection reset by peer", "python": "ConnectionResetError", "requests": "ConnectionError.*104"}
ENDED = {"s_client": "unexpected eof while reading", "curl": "^35 .*SSL_ERROR_SYSCALL", "python": "SSL(EOF|ZeroReturn)Error.*EOF",
         "requests": "SSLError.*EOF"}
STALLED = {"s_client": "^time-out", "curl": "^28 ", "python": "TimeoutError|timeout: ", "requests": "ReadTimeout"}
FINE = {"s_client": "^ok$", "curl": "^ok$", "python": "^ok$", "requests": "^ok$"}
PLACES = ["client_hello", "server_hello", "finished"]


def test_handshakes(web):
    rows = [("tls_break", {"how": how, "at": at}, seen) for how, seen in (("reset", RESET), ("close", ENDED)) for at in PLACES]
    check(web, HTTP, rows + [
        ("tls_alert", {}, alike("sslv3 alert handshake failure")),
        ("tls_alert", {"alert": "internal_error"}, alike("tlsv1 alert internal error")),
        ("tls_alert", {"alert": "missing_extension"}, {"s_client": "alert number 109"}),
        ("tls_cipher", {}, alike("sslv3 alert handshake failure")),
        ("tls_cipher", {"only": "TLS_CHACHA20_POLY1305_SHA256"}, FINE),
        ("tls_version", {"only": "1.0"}, alike("(legacy sigalg disallowed or unsupported|tlsv1 alert protocol version)")),
        ("tls_version", {"only": "1.2"}, FINE), ("tls_version", {"only": "1.3"}, FINE),
        ("tls_plain", {}, alike("wrong version number")),
        ("tls_alpn", {}, alike("tlsv1 alert no application protocol")),
        ("tls_client_cert", {}, alike("tlsv13 alert certificate required", 56)),
        ("tls_delay", {"sleep": 0.1, "at": "finished"}, FINE),
    ])


def test_stalled_handshakes(web):
    check(web, HTTP, [("tls_stall", {"at": at}, STALLED if at == "client_hello" else {"curl": "^28 "}) for at in PLACES])


def test_records(web):
    cut = {"s_client": "unexpected eof while reading", "curl": "^(18|56) ", "python": "^ok, with 100 bytes$", "requests": "^ok$|ChunkedEncodingError.*IncompleteRead"}
    check(web, HTTP, [
        ("tls_corrupt", {}, alike("decryption failed or bad record mac", 56)),
        ("tls_corrupt", {"what": "length"}, alike("packet length too long", 56)),
        ("tls_corrupt", {"what": "type"}, alike("bad record type", 56)),
        ("tls_corrupt", {"direction": "request"}, alike("sslv3 alert bad record mac", 56)),
        ("tls_corrupt", {"nth": 50}, FINE),
        ("tls_truncate", {"after": 100}, cut),
        ("tls_truncate", {}, dict(FINE, s_client="unexpected eof while reading")),
    ])


def test_versions_of_before(behind_tls, backend):
    """TLS 1.2: a client certificate is demanded while the client connects, and all places of a handshake are there."""
    backend.serve(serve)
    proxy = behind_tls("http", backend, "--client-tls-max", "1.2")
    check(proxy, HTTP, [("tls_client_cert", {}, alike("sslv3 alert handshake failure")),
                        ("tls_break", {"at": "server_hello", "how": "close"}, ENDED), ("tls_break", {"at": "finished"}, {"curl": "^35 "}),
                        ("tls_corrupt", {}, alike("(decryption failed or bad record mac|cipher operation failed)", 56)), ("tls_delay", {"sleep": 0.1, "at": "finished"}, FINE)])


def test_alpn(web):
    """A client that offers nothing can be told nothing: that is unreachable, and no strike."""
    chosen = "ALPN protocol: (.*)|(No ALPN) negotiated"

    def alpn(*offer):
        _, text = ran("openssl", "s_client", "-connect", "localhost:%d" % web.port, "-CAfile", web.ca, *offer, seconds=patience())
        return re.search(chosen, text).group(0)
    web.set("tls_alpn", choose="none")
    assert alpn("-alpn", "http/1.1") == "No ALPN negotiated" and counts(web) == (1, 1, 0)
    web.set("tls_alpn", choose="h2")
    assert alpn("-alpn", "h2,http/1.1") == "ALPN protocol: h2" and counts(web) == (1, 1, 0)
    assert alpn() == "No ALPN negotiated" and counts(web) == (2, 1, 1)
    assert "offers no ALPN" in web.whole_log()


@pytest.fixture
def client_cert(tmp_path):
    key, cert = str(tmp_path / "client.key"), str(tmp_path / "client.pem")
    assert ran(need("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
               "/CN=client", "-keyout", key, "-out", cert)[0] == 0
    os.chmod(key, 0o600)
    return cert, key


def test_certificates_of_clients(web, client_cert):
    show = ["--cert", client_cert[0], "--key", client_cert[1]]
    for reason, alert in (("unknown_ca", "tlsv1 alert unknown ca"), ("expired", "sslv3 alert certificate expired"),
                          ("revoked", "sslv3 alert certificate revoked"), ("bad", "sslv3 alert bad certificate")):
        web.set("tls_client_cert", reject=reason)
        assert re.search("^56 .*" + alert, curl(web.port, web.ca, *show)), reason
        web.set("tls_client_cert", reject=reason, demand="request")
        assert curl(web.port, web.ca) == "ok"
    web.set("tls_client_cert")
    assert curl(web.port, web.ca, *show) == "ok" and counts(web) == (1, 1, 0)


def test_a_file_is_shown(web, client_cert, tmp_path):
    both = tmp_path / "both.pem"
    both.write_text(open(client_cert[0]).read() + open(client_cert[1]).read())
    both.chmod(0o600)
    web.set("tls_certificate", file=str(both))
    assert re.search("self-signed certificate", s_client(web.port, web.ca)) and counts(web) == (1, 1, 0)
    for file, sentence in ((tmp_path / "none.pem", "No such file"), (client_cert[0], "expected a key beside the certificate")):
        os.path.exists(file) and os.chmod(file, 0o600)
        status, answer = web.api("PUT", "/behavior", {"name": "tls_certificate", "file": str(file)})
        assert status == 400 and sentence in str(answer), answer


# ---- sessions that are resumed ----

class Resuming:
    """A client that keeps its ticket, and shows it at the next connection."""

    def __init__(self, web, version=None):
        self.web = web
        self.context = ssl.create_default_context(cafile=web.ca)
        if version:
            self.context.maximum_version = version
        self.session = None

    def __call__(self):
        """"new", "resumed", or the error"""
        try:
            with self.context.wrap_socket(socket.create_connection(("localhost", self.web.port), SOON), server_hostname="localhost",
                                          session=self.session) as sock:
                sock.sendall(REQUEST)
                while sock.recv(65536):
                    pass
                self.session = sock.session
                return "resumed" if sock.session_reused else "new"
        except OSError as error:
            return raised(error)


@pytest.mark.parametrize("version", [None, ssl.TLSVersion.TLSv1_2], ids=["1.3", "1.2"])
def test_who_resumes_meets_each_fault_too(web, version):
    client = Resuming(web, version)
    assert [client(), client()] == ["new", "resumed"]
    for flaw in FLAWS:
        if flaw not in ("revoked", "no_san"):
            web.set("tls_certificate", flaw=flaw)
            assert re.search("Hostname mismatch" if flaw == "wrong_host" else OPENSSL[flaw], client()), flaw
            assert counts(web) == (1, 1, 0)
    for name, options, said in (("tls_alert", {}, "handshake failure"), ("tls_break", {}, "ConnectionResetError"), ("tls_cipher", {}, "handshake failure"),
                                ("tls_client_cert", {}, "certificate required|handshake failure"), ("tls_plain", {}, "wrong version number"),
                                ("tls_stall", {}, "timed out"), ("tls_corrupt", {}, "bad record mac"), ("tls_version", {"only": "1.0"}, "protocol version|legacy sigalg"),
                                ("tls_break", {"at": "finished"}, "ConnectionResetError")):
        web.set(name, **options)
        assert re.search(said, client()), name
        assert counts(web) == (1, 1, 0)
    web.set("tls_certificate", flaw="revoked")
    assert client() == "new"
    web.set("dummy")
    assert client() in ("new", "resumed") and client() == "resumed"
    web.set("tls_forget")
    assert client() == "new" and counts(web) == (1, 1, 0)
    client.session = None
    assert client() == "new" and counts(web) == (2, 1, 0)   # nothing to forget


# ---- rules that come and go ----

@pytest.mark.parametrize("at", PLACES)
def test_a_rule_taken_back_frees_a_stalled_handshake(web, at):
    said = []
    web.set("tls_stall", at=at)
    clients = [threading.Thread(target=lambda: said.append(curl(web.port, web.ca, "-m", str(patience())))) for _ in range(3)]
    for client in clients:
        client.start()
    until(lambda: counts(web) == (3, 3, 0), what="three stalled handshakes")
    web.set("dummy")
    for client in clients:
        client.join(patience())
    assert said == ["ok"] * 3


def test_a_delay_taken_back_is_over(web):
    said = []
    web.set("tls_delay", sleep=1000, at="finished")
    client = threading.Thread(target=lambda: said.append(curl(web.port, web.ca, "-m", str(patience()))))
    client.start()
    until(lambda: counts(web) == (1, 1, 0), what="a late handshake")
    web.set("tls_delay", sleep=0, jitter=0, at="client_hello")
    client.join(patience())
    assert said == ["ok"]


def test_odds_match_and_times(web):
    web.set("tls_alert", match="^HELLO localhost http/1.1$")
    assert s_client(web.port, web.ca) == "ok" and counts(web) == (0, 0, 0)
    assert "handshake failure" in s_client(web.port, web.ca, "-alpn", "http/1.1") and counts(web) == (1, 1, 0)
    web.set("tls_alert", times=1, skip=1)
    assert [python(web.port, web.ca)[:2] for _ in range(3)] == ["ok", "SS", "ok"] and counts(web) == (3, 1, 0)
    web.set("tls_alert", probability=0.5)
    said = [python(web.port, web.ca) == "ok" for _ in range(12)]
    seen, hits, unreachable = counts(web)
    assert 0 < hits < 12 and (seen, said.count(False), unreachable) == (hits, hits, 0)


def test_plain_clients_are_unreachable(web):
    web.set("tls_stall")
    assert ran("curl", "-sS", "http://localhost:%d/" % web.port)[1] == "x" * 300
    assert counts(web) == (0, 0, 1)
    assert "the client does not use TLS" in web.whole_log()


def test_what_is_refused(web, start, backend):
    plain = start("--protocol", "http", backend=backend)
    for proxy, body, sentence in (
            (plain, {"name": "tls_stall"}, "tls_stall: expected client_tls on or require"),
            (plain, {"name": "tls_refuse"}, "tls_refuse: expected client_tls on or require"),
            (web, {"name": "tls_refuse"}, "tls_refuse concerns the request for TLS, but TLS of this http proxy begins with the first byte"),
            (web, {"name": "tls_stall", "at": "upgrade"}, "TLS of this http proxy begins with the first byte"),
            (web, {"name": "tls_stall", "kind": "reads"}, "tls_stall concerns handshakes"),
            (web, {"name": "tls_cipher", "only": "nonsense"}, "only: expected a list of ciphers as OpenSSL writes it, got 'nonsense'"),
            (web, {"name": "tls_alert", "alert": "handshake"}, "alert: expected one of handshake_failure")):
        status, answer = proxy.api("PUT", "/behavior", body)
        assert status == 400 and sentence in str(answer), answer
    status, answer = web.api("PUT", "/behavior", {"name": "tls_stall"})
    assert status == 200
    status, answer = web.api("PATCH", "/proxies/default", {"client_tls": "off"})
    assert status == 400 and "expected client_tls on or require" in str(answer), answer


# ---- other languages ----

def test_java(web, java):
    fatal = "^SSLHandshakeException: Received fatal alert: %s"
    path, trust = "^SSLHandshakeException: PKIX path validation failed.*%s", "^SSLHandshakeException: PKIX path building failed.*unable to find valid"
    flaws = {"expired": path % "CertificateExpiredException", "expired_chain": path % "CertificateExpiredException",
             "not_yet_valid": path % "CertificateNotYetValidException", "self_signed": trust, "unknown_ca": trust, "incomplete_chain": trust,
             "wrong_host": "^SSLHandshakeException: No subject alternative DNS name matching localhost found", "no_san": "^ok$", "revoked": "^ok$",
             "wrong_usage": "^SSLHandshakeException: Extended key usage does not permit use for TLS server authentication",
             "weak_key": "^ok$", "weak_signature": "^ok$", "huge": r"^SSLProtocolException: .*exceeds the maximum allowed size \(32768\)"}
    check(web, {"java": java}, [("tls_certificate", {"flaw": flaw}, {"java": flaws[flaw]}) for flaw in FLAWS] + [
        (name, options, {"java": said}) for name, options, said in (
            ("tls_alert", {}, fatal % "handshake_failure"), ("tls_cipher", {}, fatal % "handshake_failure"),
            ("tls_version", {"only": "1.0"}, fatal % "protocol_version"), ("tls_break", {}, "^SocketException: Connection reset"),
            ("tls_break", {"how": "close"}, "^SSLHandshakeException: Remote host terminated the handshake"),
            ("tls_plain", {}, "^SSLException: Unsupported or unrecognized SSL message"), ("tls_client_cert", {}, fatal % "certificate_required"),
            ("tls_corrupt", {}, "^SSLException: Tag mismatch!"), ("tls_truncate", {"after": 100}, "^ok 100$|^SSLException"),
            ("tls_alpn", {}, fatal % "no_application_protocol"), ("tls_stall", {}, "^SocketTimeoutException: Read timed out"))])


def test_go(web, go):
    unknown = "x509: certificate signed by unknown authority"
    flaws = {"expired": "x509: certificate has expired or is not yet valid: .* is after", "expired_chain": "x509: certificate has expired .* is after",
             "not_yet_valid": "is before", "self_signed": unknown, "unknown_ca": unknown, "incomplete_chain": unknown, "revoked": "^ok$",
             "wrong_host": "x509: certificate is valid for .*, not localhost", "wrong_usage": "incompatible key usage",
             "no_san": "legacy Common Name field, use SANs", "weak_key": "^ok$|weak|tls: .*key", "weak_signature": "insecure algorithm", "huge": "^ok$|exceeds maximum"}
    check(web, {"go": go}, [("tls_certificate", {"flaw": flaw}, {"go": flaws[flaw]}) for flaw in FLAWS] + [
        (name, options, {"go": said}) for name, options, said in (
            ("tls_alert", {}, "remote error: tls: handshake failure"), ("tls_cipher", {}, "remote error: tls: handshake failure"),
            ("tls_version", {"only": "1.0"}, "protocol version not supported|unsupported protocol version"), ("tls_break", {}, "connection reset by peer"),
            ("tls_break", {"how": "close"}, "^EOF$"), ("tls_plain", {}, "first record does not look like a TLS handshake"),
            ("tls_client_cert", {}, "remote error: tls: certificate required"), ("tls_corrupt", {}, "local error: tls: bad record MAC"),
            ("tls_truncate", {"after": 100}, "unexpected EOF"), ("tls_stall", {}, "timeout|deadline exceeded"))])


def test_node(web, node):
    flaws = {"expired": "CERT_HAS_EXPIRED", "wrong_host": "ERR_TLS_CERT_ALTNAME_INVALID", "self_signed": "DEPTH_ZERO_SELF_SIGNED_CERT",
             "unknown_ca": "UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "wrong_usage": "INVALID_PURPOSE"}
    check(web, {"node": node}, [("tls_certificate", {"flaw": flaw}, {"node": flaws[flaw]}) for flaw in flaws] + [
        (name, options, {"node": said}) for name, options, said in (
            ("tls_alert", {}, "HANDSHAKE_FAILURE"), ("tls_break", {}, "ECONNRESET"), ("tls_plain", {}, "WRONG_VERSION_NUMBER"),
            ("tls_break", {"how": "close"}, "ECONNRESET Client network socket disconnected before secure TLS connection"),
            ("tls_client_cert", {}, "CERTIFICATE_REQUIRED"), ("tls_corrupt", {}, "BAD_RECORD_MAC"), ("tls_stall", {}, "^timeout"))])


# ---- databases ----

def test_redis(behind_tls, redis_server):
    redis = need_module("redis")

    def redis_py(port, ca):
        try:
            with redis.Redis("localhost", port, ssl=True, ssl_ca_certs=ca, socket_timeout=SOON, socket_connect_timeout=SOON) as one:
                return "ok" if one.ping() else "?"
        except redis.RedisError as error:
            return raised(error)

    def redis_cli(port, ca):
        code, text = ran(need("redis-cli"), "-h", "localhost", "-p", str(port), "--tls", "--cacert", ca, "PING", seconds=2 * SOON)
        return "ok" if text == "PONG\n" else "%s %s" % (code, text.strip())
    proxy = behind_tls("redis", redis_server)

    def both(text, py="ConnectionError: Error 1 connecting to localhost:%d. .*" % proxy.port):
        return {"redis-py": py + text, "redis-cli": "SSL_connect failed: .*"}
    check(proxy, {"redis-py": redis_py, "redis-cli": redis_cli}, [
        ("tls_certificate", {"flaw": "expired"}, both("certificate has expired")),
        ("tls_certificate", {"flaw": "self_signed"}, both("self-signed certificate")),
        ("tls_certificate", {"flaw": "wrong_host"}, {"redis-py": "^ok$", "redis-cli": "^ok$"}),
        ("tls_alert", {}, both("alert handshake failure")), ("tls_plain", {}, both("wrong version number")),
        ("tls_version", {"only": "1.0"}, {"redis-py": "ConnectionError.*(protocol version|legacy sigalg)", "redis-cli": "SSL_connect failed"}),
        ("tls_break", {}, {"redis-py": "ConnectionError: .*(104|reset)", "redis-cli": "Could not connect|SSL_connect failed"}),
        ("tls_stall", {}, {"redis-py": "TimeoutError", "redis-cli": "^time-out"}),
    ], retries=True)


def test_postgres(behind_tls, postgres):
    psycopg2, asyncpg = need_module("psycopg2"), need_module("asyncpg")

    def libpq(port, ca, mode="verify-full"):
        try:
            psycopg2.connect(host="localhost", port=port, user="app", password="secret", dbname="postgres", sslmode=mode, sslrootcert=ca,
                             channel_binding="disable", connect_timeout=2).close()
            return "ok"
        except psycopg2.Error as error:
            return raised(error)

    def over_asyncpg(port, ca):
        async def ask():
            one = await asyncpg.connect(host="localhost", port=port, user="app", password="secret", database="postgres", timeout=SOON,
                                        ssl=ssl.create_default_context(cafile=ca))
            await one.close()
            return "ok"
        try:
            return asyncio.run(ask())
        except Exception as error:      # of asyncio, of ssl, of asyncpg: they have no class in common
            return raised(error)
    proxy = behind_tls("postgres", postgres)
    verify = "OperationalError: .*SSL error: certificate verify failed"

    def both(libpq, asyncpg):
        return {"libpq": "(?s)" + libpq, "asyncpg": "(?s)" + asyncpg}
    check(proxy, {"libpq": libpq, "asyncpg": over_asyncpg}, [
        ("tls_certificate", {"flaw": "expired"}, both(verify, "SSLCertVerificationError.*certificate has expired")),
        ("tls_certificate", {"flaw": "unknown_ca"}, both(verify, "SSLCertVerificationError.*unable to get local issuer")),
        ("tls_certificate", {"flaw": "wrong_host"}, both('server certificate for ".*" does not match host name "localhost"', "Hostname mismatch")),
        ("tls_alert", {}, both("SSL error: sslv3 alert handshake failure", "SSLError.*handshake failure|ConnectionError")),
        ("tls_version", {"only": "1.0"}, both("SSL error: tlsv1 alert protocol version", "SSLError.*(protocol version|legacy sigalg)")),
        ("tls_break", {"how": "close"}, both("SSL SYSCALL error: EOF detected|SSL error: unexpected eof", ".")),
        ("tls_break", {}, both("Connection reset by peer", "ConnectionResetError|ConnectionError")),
        ("tls_plain", {}, both("SSL error: wrong version number", "(?i)wrong.version.number")),
        ("tls_refuse", {}, both("server does not support SSL, but SSL was required", "ConnectionError.*rejected SSL upgrade")),
        ("tls_stall", {"at": "upgrade"}, both("timeout expired", "TimeoutError")),
        ("tls_stall", {}, both("timeout expired", "TimeoutError")),
        ("tls_break", {"at": "upgrade"}, both("Connection reset|server closed the connection", ".")),
        ("tls_client_cert", {}, both("certificate required|server closed", ".")),
    ])
    proxy.set("tls_refuse")
    assert libpq(proxy.port, proxy.ca, "prefer") == "ok" and counts(proxy) == (1, 1, 0)    # it goes on in plain text
    proxy.set("tls_stall", at="upgrade")
    assert libpq(proxy.port, proxy.ca, "disable") == "ok"
    until(lambda: counts(proxy) == (1, 0, 1), what="a plain client to count")
    proxy.set("tls_alert")
    assert libpq(proxy.port, proxy.ca, "disable") == "ok"
    until(lambda: counts(proxy) == (0, 0, 1), what="a plain client to count")


def test_mariadb(behind_tls, mariadb):
    pymysql = need_module("pymysql")

    def pymysql_(port, ca):
        try:
            pymysql.connect(**dict(ACCOUNT, host="localhost", port=port, connect_timeout=2, read_timeout=2, write_timeout=1,
                                   ssl={"ca": ca, "check_hostname": True})).close()
            return "ok"
        except pymysql.err.MySQLError as error:
            return raised(error)

    def mariadb_(port, ca):
        code, text = ran(need("mariadb"), "-h", "localhost", "--protocol=tcp", "-P", str(port), "-uapp", "-psecret", "--ssl-ca=" + ca,
                         "--ssl-verify-server-cert", "--connect-timeout=2", "-e", "SELECT 1", seconds=4)
        return "ok" if code == 0 else "%s %s" % (code, text.strip())
    proxy = behind_tls("mysql", mariadb)

    def both(text, py="2003, "):
        return {"pymysql": r"OperationalError: \(%s.*%s" % (py, text), "mariadb": r"ERROR 2026 \(HY000\): TLS/SSL error: .*" + text}
    check(proxy, {"pymysql": pymysql_, "mariadb": mariadb_}, [
        ("tls_certificate", {"flaw": "expired"}, both("certificate has expired")),
        ("tls_certificate", {"flaw": "self_signed"}, both("self-signed certificate")),
        ("tls_certificate", {"flaw": "wrong_host"}, {"pymysql": r"\(2003, .*Hostname mismatch", "mariadb": "ERROR 2026.*Validation of SSL server certificate failed"}),
        ("tls_alert", {}, both("alert handshake failure")), ("tls_plain", {}, both("wrong version number")),
        ("tls_cipher", {}, both("alert handshake failure")),
        ("tls_break", {}, {"pymysql": r"\(2003, .*104", "mariadb": "ERROR 20(13|26)"}),
        ("tls_stall", {}, {"pymysql": r"\(2003, .*timed out", "mariadb": "ERROR 20(13|26)|^time-out"}),
        ("tls_stall", {"at": "upgrade"}, {"pymysql": r"\(2003, .*timed out", "mariadb": "ERROR 20(13|26)|^time-out"}),
        ("tls_refuse", {}, {"pymysql": "SSL is required|SSL|ok", "mariadb": "ERROR 2026.*SSL is required, but the server does not support it"}),
    ])




# ---- the auditor ----

def test_outages_of_tls_are_for_proxies_that_have_it(start, backend, run, tmp_path):
    backend.serve(serve)

    def planned(*words):
        done = run("audit", "--plan", "--proxy", "127.0.0.1:%d" % backend.port, "--backend", backend.address, "--protocol", "http", *words,
                   "--probe", "page=http://127.0.0.1:1/", "--", "true")
        return re.findall(r" default/(tls_stall|certificate_expired) ", done.stdout)
    assert planned() == [] and planned("--client-tls", "on", "--tls-dir", tmp_path / "ca") == ["tls_stall", "certificate_expired"]


# ---- scripts ----

def test_a_script_sees_the_hello_and_breaks_the_handshake(behind_tls, backend, tmp_path):
    script = tmp_path / "picky.lua"
    script.write_text("""return { name = "picky", help = "Of our own", on = { ON_HELLO }, act = function(event, verdict)
        local hello, tls = event.hello, verdict.tls
        if hello.name == "localhost" and hello.highest == "1.3" and not hello.resumes and tls.stall == nil then
            if hello.alpn == "" then tls.alert = "access_denied" else tls.breaks, tls.ends = "server_hello", RESET end
        end
    end }""")
    backend.serve(serve)
    proxy = behind_tls("http", backend, "--plugin", script)
    proxy.set("picky")
    assert "tlsv1 alert access denied" in python(proxy.port, proxy.ca)
    assert re.search("^35 .*Connection reset by peer", curl(proxy.port, proxy.ca)) and counts(proxy) == (2, 2, 0)
    assert curl(proxy.port, proxy.ca, "--tls-max", "1.2") == "ok" and counts(proxy) == (3, 2, 0)
