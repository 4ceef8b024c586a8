"""What real clients report of each fault of TLS: the table in docs/tls-faults.md, read from that page.
One proxy per protocol; faults come and go on it."""
import asyncio
import os
import re
import socket
import ssl
import subprocess
import threading
from importlib import metadata

import pytest

from conftest import ACCOUNT, Control, need, need_module
from harness import ROOT, SAN, left_out, patience, until
from server_postgres import postgres                      # noqa: F401: a fixture
from server_redis import server as redis_server          # noqa: F401: a fixture

pytestmark = pytest.mark.skipif(bool(SAN), reason="clients see the same of a build with sanitizers")
SOON = 0.7                                                # seconds: a client's own time-out, where the proxy says nothing
limit = patience()                                        # ... of the clients of now
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
                     "-verify_hostname", "localhost", "-servername", "localhost", "-quiet", *more, send=REQUEST, seconds=limit)
    return "ok" if code == 0 and "200 OK" in text else "%s %s" % (code, " ".join(text.split("\n")))


def curl(port, ca, *more):
    code, text = ran(need("curl"), "-sS", "-o", "/dev/null", "-m", str(limit), "--cacert", ca, *more, "https://localhost:%d/" % port)
    return "ok" if code == 0 else "%s %s" % (code, text.split("\n")[0])


def patient(are=True):
    global limit
    limit = patience() if are else SOON


def raised(error):
    return "%s: %s" % (type(error).__name__, error)


def python(port, ca):
    try:
        context = ssl.create_default_context(cafile=ca)
        with context.wrap_socket(socket.create_connection(("localhost", port), limit), server_hostname="localhost") as sock:
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
        need_module("requests").get("https://localhost:%d/" % port, verify=ca, timeout=limit)
        return "ok"
    except OSError as error:
        return raised(error)


class Talker:
    """A client in another language, which asks once per line of its stdin: its time-out in ms. It resumes its sessions."""

    def __init__(self, *words):
        self.words = words
        self.process = None

    def __call__(self, port, ca):
        if not self.process:
            self.process = subprocess.Popen([*self.words, ca, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.process.stdin.write(b"%d\n" % (limit * 1000))
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

class Page:
    """The table of the page. A cell is a text: in it ".." is anything, X a name, and H the client's; "accepted" is no error, and "the same"
    is the cell above. Behind a semicolon are the texts of some clients: "hostname mismatch; curl, libpq: another text"."""

    def __init__(self):
        with open(os.path.join(ROOT, "docs", "tls-faults.md")) as page:
            table = re.search(r"^\| fault \|.*\n\|---.*\n((?:\|.*\n)+)", page.read(), re.M)
        self.columns = [cell.strip() for cell in table.group(0).split("\n")[0].strip("|").split("|")][1:]
        self.rows, above = {}, None
        for line in table.group(1).splitlines():
            faults, *cells = [cell.strip() for cell in line.strip("|").split("|")]
            above = [over if cell == "the same" else cell for cell, over in zip(cells, above or cells)]
            self.rows.update({fault: above for fault in faults.replace("`", "").split(", ")})

    def says(self, fault, column, client):
        """A pattern; and whether it is of this client alone."""
        first, *others = self.rows[fault][self.columns.index(column)].split("; ")
        own = [text.partition(": ")[2] for text in others if client in text.partition(": ")[0].split(", ")]
        text = own[0] if own else first
        if text.startswith("accepted"):
            return "^ok$", True
        text = re.escape(text).replace(r"\ \.\.\ ", ".*")
        return "(?i:%s)" % re.sub(r"\bX\b", r"\\S+", re.sub(r"\bH\b", "localhost", text)), bool(own)


PAGE = Page()
STAGES = {          # of a fault: how clients of OpenSSL wrap the text; else it is "shaking"
    **dict.fromkeys(FLAWS, "verifying"), "huge": "shaking", "tls_break reset": "reset", "tls_break close": "ended", "tls_stall": "stalled",
    "tls_client_cert": "later", "tls_corrupt mac": "later",
}
WRAPS = {           # of a client: the text of the page is %s, unless the client hides it
    "s_client": {"reset": "errno=104", "stalled": "^time-out", "": "%s"},
    "curl": {"verifying": "^60 .*%s", "later": "^56 .*%s", "stalled": "^28 ", "ended": "^35 .*SSL_ERROR_SYSCALL", "": "^35 .*%s"},
    "Python": {"verifying": "^SSLCertVerificationError: .*%s", "reset": "^ConnectionResetError: .*%s", "ended": "^SSLZeroReturnError: .*EOF",
               "stalled": "^TimeoutError: ", "": r"^SSLError: \[SSL.*\] %s"},
    "requests": {"reset": "^ConnectionError: .*%s", "ended": "^SSLError: .*SSLZeroReturnError.*EOF", "stalled": "^ReadTimeout: ",
                 "": "^SSLError: .*%s"},
    "asyncpg": {"verifying": "^SSLCertVerificationError: .*%s", "reset": "^ConnectionResetError: .*%s", "ended": "^ConnectionResetError: $",
                "stalled": "^TimeoutError: ", "later": "^ConnectionDoesNotExistError: connection was closed in the middle of operation",
                "": r"^SSLError: \[SSL.*\] %s"},
    "libpq": {"verifying": "^OperationalError: .* SSL error: certificate verify failed\n", "stalled": "timeout expired\n",
              "reset": "server closed the connection unexpectedly.*\nSSL SYSCALL error: %s", "ended": "SSL SYSCALL error: EOF detected\n",
              "": "^OperationalError: .* SSL error: %s\n"},
    "PyMySQL": {"stalled": r"^OperationalError: \(2003, .*timed out", "ended": r"^OperationalError: \(2003, .*\(EOF\)",
                "later": r"^OperationalError: \(2013, .*%s", "": r"^OperationalError: \(2003, .*%s"},
    "MariaDB": {"stalled": r"Connection timed out \(110\)", "": r"ERROR 2026 \(HY000\): TLS/SSL error: %s"},
    "redis-py": {"reset": r"^ConnectionError: Error 104 connecting to localhost:\d+\. %s", "ended": r"^ConnectionError: Error 6 connecting to .* \(EOF\)",
                 "later": r"^ConnectionError: Error while reading from localhost:\d+ ?: .*%s", "stalled": "^TimeoutError: ",
                 "": r"^ConnectionError: Error 1 connecting to localhost:\d+\. \[SSL.*\] .*%s"},
    "redis-cli": {"verifying": "SSL_connect failed: certificate verify failed$", "stalled": "^time-out", "": "SSL_connect failed: %s$"},
}
TRIED = {           # what the rows of the page stand for
    **{flaw: ("tls_certificate", {"flaw": flaw}) for flaw in FLAWS},
    "tls_alert": ("tls_alert", {}), "tls_alert internal_error": ("tls_alert", {"alert": "internal_error"}), "tls_cipher": ("tls_cipher", {}),
    "tls_version 1.0": ("tls_version", {"only": "1.0"}), "tls_version 1.1": ("tls_version", {"only": "1.1"}), "tls_alpn": ("tls_alpn", {}),
    "tls_plain": ("tls_plain", {}), "tls_break reset": ("tls_break", {"how": "reset"}), "tls_break close": ("tls_break", {"how": "close"}),
    "tls_client_cert": ("tls_client_cert", {}), "tls_corrupt mac": ("tls_corrupt", {}), "tls_truncate": ("tls_truncate", {"after": 100}),
    "tls_stall": ("tls_stall", {}),
}


def expected(fault, client):
    """The pattern that this client's line must have. A client may be one version of what the page names."""
    column = client.split()[0] if client.split()[0] in PAGE.columns else "OpenSSL"
    text, own = PAGE.says(fault, column, client)
    if own or column != "OpenSSL":
        return text
    wraps = WRAPS["requests" if client == "urllib3 2" else client]
    wrap = wraps.get(STAGES.get(fault, "shaking"), wraps[""])
    return "(?s)" + (wrap % text if "%s" in wrap else wrap)


SHORT = ["tls_truncate"]        # these servers' answers have fewer bytes


def test_each_row_is_tried():
    assert set(PAGE.rows) == set(TRIED)


def counts(proxy):
    answer = proxy.api("GET", "/behavior")[1]
    return answer["seen"], answer["hits"], answer["unreachable"]


def check(proxy, clients, rows, retries=False):
    """Each row is (behavior, options, {client: pattern}). All that is different is told at once. Each client connects once."""
    wrong = []
    for name, options, wanted in rows:
        proxy.set(name, **options)
        patient(name != "tls_stall")
        for client in sorted(wanted):
            said = clients[client](proxy.port, proxy.ca)
            if not re.search(wanted[client], said):
                wrong.append("%s %s: %s said %r, not %r" % (name, options, client, said[:400], wanted[client]))
        n = len(wanted)
        seen, hits, unreachable = counts(proxy)
        if (hits, unreachable) != (seen, 0) or seen < n or (seen > n and not retries):
            wrong.append("%s %s: %s of %d connections" % (name, options, counts(proxy), n))
    patient()
    assert not wrong, "\n".join(wrong)
    proxy.set("dummy")
    for client in sorted(clients):
        assert clients[client](proxy.port, proxy.ca) == "ok", client


def check_page(proxy, clients, more=(), but=(), retries=False):
    """Each row of the page with each client, and more rows."""
    check(proxy, clients, [(*TRIED[fault], {client: expected(fault, client) for client in clients})
                           for fault in TRIED if fault not in but] + list(more), retries)


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


REQUESTS = "requests" if metadata.version("urllib3") < "2" else "urllib3 2"
HTTP = {"s_client": s_client, "curl": curl, "Python": python, REQUESTS: requests}


def test_the_page(web):
    check_page(web, HTTP)
    with open(os.path.join(ROOT, "src", "tls", "flaw.c")) as source:
        assert re.findall(r'"(\w+)"', re.search(r"tls_flaw_names\[\] = \{(.*?)\}", source.read(), re.S).group(1)) == FLAWS


def alike(text, curl_code=35):
    return {"s_client": text, "curl": "^%d .*%s" % (curl_code, text), "Python": r"^SSLError: \[SSL.*\] " + text, REQUESTS: "^SSLError: .*" + text}


def of_page(fault):
    return {client: expected(fault, client) for client in HTTP}


FINE = dict.fromkeys(HTTP, "^ok$")
PLACES = ["client_hello", "server_hello", "finished"]


def test_handshakes(web):
    rows = [("tls_break", {"how": how, "at": at}, of_page("tls_break " + how)) for how in ("reset", "close") for at in PLACES[1:]]
    check(web, HTTP, rows + [
        ("tls_alert", {"alert": "missing_extension"}, {"s_client": "alert number 109"}),
        ("tls_cipher", {"only": "TLS_CHACHA20_POLY1305_SHA256"}, FINE),
        ("tls_version", {"only": "1.2"}, FINE), ("tls_version", {"only": "1.3"}, FINE),
        ("tls_delay", {"sleep": 0.1, "at": "finished"}, FINE),
    ] + [("tls_stall", {"at": at}, {"curl": "^28 "}) for at in PLACES[1:]])


def test_records(web):
    check(web, HTTP, [
        ("tls_corrupt", {"what": "length"}, alike("packet length too long", 56)),
        ("tls_corrupt", {"what": "type"}, alike("bad record type", 56)),
        ("tls_corrupt", {"direction": "request"}, alike("sslv3 alert bad record mac", 56)),
        ("tls_corrupt", {"nth": 50}, FINE),
        ("tls_truncate", {}, dict(FINE, s_client="unexpected eof while reading")),
    ])


def test_versions_of_before(behind_tls, backend):
    """TLS 1.2: a client certificate is demanded while the client connects, and all places of a handshake are there."""
    backend.serve(serve)
    proxy = behind_tls("http", backend, "--client-tls-max", "1.2")
    check(proxy, HTTP, [("tls_client_cert", {}, alike("sslv3 alert handshake failure")),
                        ("tls_break", {"at": "server_hello", "how": "close"}, of_page("tls_break close")),
                        ("tls_break", {"at": "finished"}, {"curl": expected("tls_break reset", "curl")}),
                        ("tls_corrupt", {}, dict(alike("decryption failed or bad record mac", 56), curl="^56 .*cipher operation failed",
                                                 s_client="cipher operation failed.*decryption failed or bad record mac")),
                        ("tls_delay", {"sleep": 0.1, "at": "finished"}, FINE)])


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


# ---- revocation: the CRL, and the stapled response ----

def test_clients_that_check_revocation(web, tmp_path):
    """The leaf that they meet is in the list of GET /ca.crl, and its stapled response is signed by the CA."""
    import urllib.request
    web.set("tls_certificate", flaw="revoked")
    assert python(web.port, web.ca) == "ok"
    der, pem = tmp_path / "ca.crl", str(tmp_path / "crl.pem")
    with urllib.request.urlopen("http://127.0.0.1:%d/ca.crl" % web.http) as answer:
        der.write_bytes(answer.read())
    assert ran("openssl", "crl", "-inform", "DER", "-in", str(der), "-out", pem, "-CAfile", web.ca)[1].strip() == "verify OK"
    both = tmp_path / "both.pem"
    both.write_text(open(web.ca).read() + open(pem).read())
    context = ssl.create_default_context(cafile=str(both))
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF

    def python_crl():
        try:
            context.wrap_socket(socket.create_connection(("localhost", web.port), limit), server_hostname="localhost").close()
            return "ok"
        except ssl.SSLError as error:
            return raised(error)

    def all_clients():
        return [s_client(web.port, web.ca, "-crl_check", "-CRL", pem), curl(web.port, web.ca, "--crlfile", pem), python_crl(),
                curl(web.port, web.ca, "--cert-status"), ran("openssl", "s_client", "-connect", "localhost:%d" % web.port, "-CAfile", web.ca,
                                                              "-servername", "localhost", "-status")[1]]
    for said, told in zip(all_clients(), ["certificate revoked", "^60 .*certificate revoked", "^SSLCertVerificationError: .*certificate revoked",
                                          r"^91 .*SSL certificate revocation reason: .*\(1\)",
                                          "OCSP Response Status: successful(?s:.*)Cert Status: revoked(?s:.*)Verify return code: 0"]):
        assert re.search(told, said), said
    assert counts(web) == (6, 6, 0)
    web.set("dummy")
    for said, told in zip(all_clients(), ["^ok$", "^ok$", "^ok$", "^91 .*No OCSP response received", "OCSP response: no response sent"]):
        assert re.search(told, said), said


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
            with self.context.wrap_socket(socket.create_connection(("localhost", self.web.port), limit), server_hostname="localhost",
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
            assert re.search(expected(flaw, "Python"), client()), flaw
            assert counts(web) == (1, 1, 0)
    for name, options, said in (("tls_alert", {}, "handshake failure"), ("tls_break", {}, "ConnectionResetError"), ("tls_cipher", {}, "handshake failure"),
                                ("tls_client_cert", {}, "certificate required|handshake failure"), ("tls_plain", {}, "wrong version number"),
                                ("tls_stall", {}, "timed out"), ("tls_corrupt", {}, "bad record mac"), ("tls_version", {"only": "1.0"}, "protocol version|legacy sigalg"),
                                ("tls_break", {"at": "finished"}, "ConnectionResetError")):
        web.set(name, **options)
        patient(name != "tls_stall")
        assert re.search(said, client()), name
        patient()
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
    check_page(web, {"Java": java})


def test_go(web, go):
    check_page(web, {"Go 1.19" if " go1.19" in ran("go", "version")[1] else "Go": go})


def test_node(web, node):
    of_debian = "true" in ran("node", "-p", "process.config.variables.node_shared_openssl")[1]
    check_page(web, {"Node of Debian" if of_debian else "Node": node})


# ---- databases ----

def test_redis(behind_tls, redis_server):
    redis = need_module("redis")

    def redis_py(port, ca):
        try:
            with redis.Redis("localhost", port, ssl=True, ssl_ca_certs=ca, socket_timeout=limit, socket_connect_timeout=limit) as one:
                return "ok" if one.ping() else "?"
        except redis.RedisError as error:
            return raised(error)

    def redis_cli(port, ca):
        code, text = ran(need("redis-cli"), "-h", "localhost", "-p", str(port), "--tls", "--cacert", ca, "PING", seconds=limit)
        return "ok" if text == "PONG\n" else "%s %s" % (code, text.strip())
    proxy = behind_tls("redis", redis_server)

    check_page(proxy, {"redis-py": redis_py, "redis-cli": redis_cli}, but=SHORT, retries=True)    # redis-cli connects twice


def test_postgres(behind_tls, postgres):
    psycopg2, asyncpg = need_module("psycopg2"), need_module("asyncpg")

    def libpq(port, ca, mode="verify-full"):
        try:
            psycopg2.connect(host="localhost", port=port, user="app", password="secret", dbname="postgres", sslmode=mode, sslrootcert=ca,
                             channel_binding="disable", connect_timeout=max(2, int(limit))).close()
            return "ok"
        except psycopg2.Error as error:
            return raised(error)

    def over_asyncpg(port, ca):
        async def ask():
            one = await asyncpg.connect(host="localhost", port=port, user="app", password="secret", database="postgres", timeout=limit,
                                        ssl=ssl.create_default_context(cafile=ca))
            await one.close()
            return "ok"
        try:
            return asyncio.run(ask())
        except Exception as error:      # of asyncio, of ssl, of asyncpg: they have no class in common
            return raised(error)
    proxy = behind_tls("postgres", postgres)
    check_page(proxy, {"libpq": libpq, "asyncpg": over_asyncpg}, [
        ("tls_refuse", {}, {"libpq": "server does not support SSL, but SSL was required\n", "asyncpg": "^ConnectionError: .* rejected SSL upgrade$"}),
        ("tls_stall", {"at": "upgrade"}, {"libpq": "timeout expired\n", "asyncpg": "^TimeoutError: $"}),
        ("tls_break", {"at": "upgrade"}, {"libpq": "server closed the connection unexpectedly", "asyncpg": r"^ConnectionResetError: \[Errno 104\]"}),
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
            pymysql.connect(**dict(ACCOUNT, host="localhost", port=port, connect_timeout=limit, read_timeout=limit, write_timeout=limit,
                                   ssl={"ca": ca, "check_hostname": True})).close()
            return "ok"
        except pymysql.err.MySQLError as error:
            return raised(error)

    def mariadb_(port, ca):
        code, text = ran(need("mariadb"), "-h", "localhost", "--protocol=tcp", "-P", str(port), "-uapp", "-psecret", "--ssl-ca=" + ca,
                         "--ssl-verify-server-cert", "--connect-timeout=%d" % max(1, limit), "-e", "SELECT 1", seconds=patience())
        return "ok" if code == 0 else "%s %s" % (code, text.strip())
    proxy = behind_tls("mysql", mariadb)

    # Without TLS PyMySQL 1.0 goes on in plain text, though it was told to use it.
    check_page(proxy, {"PyMySQL": pymysql_, "MariaDB": mariadb_}, [
        ("tls_stall", {"at": "upgrade"}, {client: expected("tls_stall", client) for client in ("PyMySQL", "MariaDB")}),
        ("tls_refuse", {}, {"PyMySQL": "^ok$", "MariaDB": "^1 ERROR 2026 .*TLS/SSL error: SSL is required, but the server does not support it"}),
    ], but=SHORT)


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
