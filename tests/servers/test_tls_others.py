"""Redis, memcached, Postfix and nginx with TLS on either leg: four combinations of legs, and what TLS needs of each protocol."""
import contextlib
import smtplib
import socket
import ssl
import subprocess
import urllib.request

import pytest

import test_http_protocol
import test_memcache
import test_redis as redis_workloads
import test_smtp
from conftest import need
from harness import SAN, dial, free_port, listening, need_module, patience, until
from server_http import serving
from server_memcache import Memcached
from server_smtp import Postfix
from tls_ends import TlsEnd, context
from tls_files import authority, legs           # noqa: F401: fixtures

INVISIBLE = pytest.mark.skipif(bool(SAN), reason="the pour and the vectors have shown it")
BACKENDS = pytest.mark.parametrize("backend", ["off", "verify"])


class Address:
    def __init__(self, port):
        self.port = port
        self.address = "127.0.0.1:%d" % port


def trusting(authority, alpn=None):     # noqa: F811
    """Of a client that trusts vaurien's CA and checks the name."""
    context = ssl.create_default_context(cafile=authority.own_ca)
    if alpn:
        context.set_alpn_protocols(alpn)
    return context


def re_encrypting(legs, authority, server, protocol, *more):   # noqa: F811
    """A proxy with TLS on both legs, and the file of the CAs by which a client verifies server and proxy."""
    proxy = legs(server, protocol, *more, client="require", backend="verify")
    proxy.scheme = "https"
    return proxy, authority.both()


def never_raw(proxy):
    return proxy.api("GET", "/stats")[1]["proxies"][0]["raw"] == 0


@contextlib.contextmanager
def secure_end(proxy, authority, alpn=None):    # noqa: F811
    with socket.create_connection(("127.0.0.1", proxy.port), patience()) as plain:
        with trusting(authority, alpn).wrap_socket(plain, server_hostname="localhost") as one:
            yield one


# ---- Redis ----

@pytest.fixture(scope="module")
def redis(tmp_path_factory, authority):         # noqa: F811
    """One server with a plain port and a port with TLS."""
    cert, key = authority.leaf("redis")
    plain, secure = Address(free_port()), Address(free_port())
    process = subprocess.Popen(
        [need("redis-server"), "--port", str(plain.port), "--tls-port", str(secure.port), "--bind", "127.0.0.1", "--save", "", "--dir",
         str(tmp_path_factory.mktemp("redis")), "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", authority.ca,
         "--tls-auth-clients", "optional"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: listening(plain.port) and listening(secure.port), what="Redis to listen")
    yield {"off": plain, "verify": secure}
    process.terminate()
    process.wait(patience())


@BACKENDS
def test_redis(legs, redis, authority, backend):        # noqa: F811
    """redis-py, plain and verifying; refusals and transactions are in step; redis-cli."""
    client = need_module("redis")
    proxy = legs(redis[backend], "redis", backend=backend)
    for options in ({}, {"ssl": True, "ssl_ca_certs": authority.own_ca, "ssl_check_hostname": True}):
        with client.Redis(host="localhost", port=proxy.port, socket_timeout=patience(), **options) as one:
            assert one.set("a", "x" * 3000000) and len(one.get("a")) == 3000000
            proxy.ctl.set("error", failure="out_of_memory", match="^SET", times=1)
            with pytest.raises(client.exceptions.ResponseError, match="OOM|maxmemory"):
                one.set("a", "y")
            assert one.get("a")[:1] == b"x"
            assert one.pipeline().incr("n").delete("n").execute()[1] == 1
            one.connection_pool.disconnect()
    done = subprocess.run([need("redis-cli"), "-h", "localhost", "-p", str(proxy.port), "--tls", "--cacert", authority.own_ca, "PING"],
                          stdout=subprocess.PIPE, universal_newlines=True, timeout=patience())
    assert done.stdout == "PONG\n"


@INVISIBLE
def test_redis_workload_is_as_direct(legs, redis, authority):   # noqa: F811
    client = need_module("redis")
    proxy, both = re_encrypting(legs, authority, redis["verify"], "redis")
    told = []
    for end in (redis["verify"], proxy):
        with client.Redis(host="localhost", port=end.port, socket_timeout=patience(), ssl=True, ssl_ca_certs=both,
                          ssl_check_hostname=True) as one:
            told.append(redis_workloads.workload(one, 2 << 20))
            one.connection_pool.disconnect()
    assert told[0] == told[1] and never_raw(proxy)


def test_redis_require(legs, redis, authority): # noqa: F811
    """Who begins without TLS is closed; and one client too many is closed before its handshake, as Redis does."""
    proxy = legs(redis["off"], "redis", client="require")
    with dial(proxy.port) as one:
        assert one.send(b"PING\r\n").rest()[0] != b"+PONG\r\n"
    with secure_end(proxy, authority) as one:
        one.sendall(b"PING\r\n")
        assert one.recv(7) == b"+PONG\r\n"
    proxy.ctl.set("error", failure="too_many_connections")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        with secure_end(proxy, authority) as one:
            one.recv(1)


# ---- memcached ----

@pytest.fixture(scope="module")
def memcached(authority):       # noqa: F811
    cert, key = authority.leaf("memcached")
    for path in (authority.directory, cert, key):       # it runs as another user
        subprocess.run(["chmod", "a+rx" if path == authority.directory else "a+r", path], check=True)
    servers = {"off": Memcached(), "verify": Memcached("-Z", "-o", "ssl_chain_cert=%s,ssl_key=%s" % (cert, key), "-u", "root")}
    for server in servers.values():
        server.start()
    yield servers
    for server in servers.values():
        server.stop()


@BACKENDS
def test_memcached(legs, memcached, authority, backend):        # noqa: F811
    client = need_module("pymemcache.client.base")
    proxy = legs(memcached[backend], "memcache", backend=backend)
    for context in (None, trusting(authority)):
        one = client.Client(("localhost", proxy.port), tls_context=context, timeout=patience(), connect_timeout=patience())
        assert one.set("a", b"x" * 500000, noreply=False) and len(one.get("a")) == 500000
        proxy.ctl.set("error", failure="out_of_memory", match="^SET", times=1)
        with pytest.raises(Exception, match="out of memory"):
            one.set("a", b"y", noreply=False)
        proxy.ctl.set("dummy")
        assert one.get("a") in (None, b"x" * 500000)
        one.close()


@INVISIBLE
def test_memcached_workload_is_as_direct(legs, memcached, authority):   # noqa: F811
    """With little at once: memcached waits for ever if one record of TLS has more than its buffer takes, also directly."""
    client = need_module("pymemcache.client.base")
    proxy, both = re_encrypting(legs, authority, memcached["verify"], "memcache")
    told = []
    for end in (memcached["verify"], proxy):
        with contextlib.closing(client.Client(("localhost", end.port), tls_context=ssl.create_default_context(cafile=both),
                                              timeout=patience(), connect_timeout=patience())) as one:
            told.append(test_memcache.without_cas(test_memcache.workload(one, 1000 << 10, 1 << 10, 30)))
    assert told[0] == told[1] and never_raw(proxy)


# ---- nginx ----

@pytest.fixture(scope="module")
def nginx(tmp_path_factory, authority): # noqa: F811
    with serving(tmp_path_factory.mktemp("nginx"), authority.leaf("nginx")) as server:
        server.put("index", b"x" * 2000000)
        yield {"off": server, "verify": server.https, "files": server}


@BACKENDS
def test_nginx(legs, nginx, authority, backend):        # noqa: F811
    """Also with the protocol tcp, for which the legs' TLS is all that there is."""
    for protocol in ("http", "tcp"):
        proxy = legs(nginx[backend], protocol, backend=backend)
        for scheme in ("http", "https"):
            def get(path):
                url = "%s://localhost:%d/%s" % (scheme, proxy.port, path)
                with urllib.request.urlopen(url, timeout=patience(), context=trusting(authority) if scheme == "https" else None) as answer:
                    return answer.read()
            assert len(get("index")) == 2000000
            assert get("scheme") == (b"http" if backend == "off" else b"https")
        if protocol == "http":
            proxy.ctl.set("error", failure="unavailable", times=1)
            with pytest.raises(urllib.error.HTTPError, match="503"):
                get("scheme")


@INVISIBLE
@pytest.mark.parametrize("workload", ["by_requests", "by_curl", "by_pipeline"])
def test_http_workloads_are_as_direct(legs, nginx, authority, monkeypatch, workload):   # noqa: F811
    """requests and curl, verifying; and a pipeline by hand."""
    proxy, both = re_encrypting(legs, authority, nginx["verify"], "http")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, both)
    told = []
    for end in (nginx["verify"], proxy):
        end.dial = lambda port=end.port: TlsEnd(dial(port).sock, context(False, ca=both))
        told.append(getattr(test_http_protocol, workload)(end, nginx["files"], b"some bytes" * 100000))
    assert told[0] == told[1] and never_raw(proxy)


def test_alpn(legs, nginx, authority):  # noqa: F811
    """http chooses http/1.1, and refuses who offers only others; tcp has the backend's choice."""
    http = legs(nginx["verify"], "http", backend="verify")
    with secure_end(http, authority, ["h2", "http/1.1"]) as one:
        assert one.selected_alpn_protocol() == "http/1.1"
    with secure_end(http, authority) as one:
        assert one.selected_alpn_protocol() is None
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        with secure_end(http, authority, ["smtp"]):
            pass
    tcp = legs(nginx["verify"], "tcp", backend="verify")
    with secure_end(tcp, authority, ["http/1.1"]) as one:
        assert one.selected_alpn_protocol() == "http/1.1"
        one.sendall(b"GET /scheme HTTP/1.0\r\n\r\n")
        assert one.recv(8) == b"HTTP/1.1"


# ---- Postfix ----

@pytest.fixture(scope="module")
def postfix(authority): # noqa: F811
    """With STARTTLS, and a port that begins with TLS; logins are for TLS only."""
    cert, key = authority.leaf("postfix")
    server = Postfix(smtpd_tls_cert_file=cert, smtpd_tls_key_file=key, smtpd_tls_auth_only="yes", smtpd_tls_received_header="yes")
    try:
        yield server.start()
    finally:
        server.destroy() if hasattr(server, "destroy") else server.stop()


def mail(one, subject):
    one.sendmail("app@example.test", ["bob@example.test"], "Subject: %s\r\n\r\nbody\r\n" % subject)


@BACKENDS
@pytest.mark.parametrize("client", ["plain", "starttls"])
def test_postfix(legs, postfix, authority, client, backend):    # noqa: F811
    """A mail arrives; the server offers logins where the backend leg is encrypted; a refusal leaves it in step."""
    proxy = legs(postfix, "smtp", backend=backend)
    with smtplib.SMTP("localhost", proxy.port, local_hostname="me.test", timeout=patience()) as one:
        one.ehlo()
        assert one.has_extn("starttls")
        if client == "starttls":
            assert one.starttls(context=trusting(authority))[0] == 220
            one.ehlo()
            assert not one.has_extn("starttls")
            assert one.docmd("STARTTLS")[0] == 554
        assert one.has_extn("auth") == (backend == "verify")
        if backend == "verify":
            one.login("app", "secret")
        subject = "%s-%s" % (client, backend)
        proxy.ctl.set("error", failure="disk_full", match="^MESSAGE", times=1)
        with pytest.raises(smtplib.SMTPDataError):
            mail(one, "refused-" + subject)
        mail(one, subject)
    boxes = until(lambda: [m for m in postfix.boxes()["bob"] if m["Subject"].endswith(subject)], what="the mail")
    assert [m["Subject"] for m in boxes] == [subject]
    assert ("with ESMTPS" in boxes[0]["Received"]) == (backend == "verify")


@INVISIBLE
def test_smtp_workload_is_as_direct(legs, postfix, authority):  # noqa: F811
    """smtplib after STARTTLS, verifying."""
    proxy, both = re_encrypting(legs, authority, postfix, "smtp")
    told = []
    for end in (postfix, proxy):
        postfix.clear()
        with contextlib.closing(smtplib.SMTP("localhost", end.port, local_hostname="client.test", timeout=patience())) as one:
            assert one.starttls(context=ssl.create_default_context(cafile=both))[0] == 220
            said = test_smtp.workload(one, test_smtp.BODIES)
            told.append((said, test_smtp.read(postfix.boxes())))
    assert told[0] == told[1] and never_raw(proxy)
    assert len(told[0][1]["bob"]) == len(test_smtp.BODIES) + 1


def test_postfix_wrapper(legs, postfix, authority):     # noqa: F811
    """Both legs begin with TLS: port 465."""
    words = ["--client-tls-start", "implicit", "--backend-tls-start", "implicit"]
    proxy = legs(Address(postfix.tls_port), "smtp", *words, client="require", backend="verify")
    with smtplib.SMTP_SSL("localhost", proxy.port, local_hostname="me.test", timeout=patience(), context=trusting(authority)) as one:
        one.login("app", "secret")
        mail(one, "wrapped")
    assert until(lambda: [m for m in postfix.boxes()["bob"] if m["Subject"] == "wrapped"], what="the mail")


def test_postfix_require(legs, postfix, authority):     # noqa: F811
    """Before TLS the words are Postfix's own."""
    proxy = legs(postfix, "smtp", client="require", backend="verify")
    with smtplib.SMTP("localhost", proxy.port, local_hostname="me.test", timeout=patience()) as one:
        one.ehlo()
        assert one.noop()[0] == 250
        assert one.docmd("MAIL FROM:<app@example.test>") == (530, b"5.7.0 Must issue a STARTTLS command first")
        assert one.docmd("STARTTLS", "now")[0] == 501
        one.starttls(context=trusting(authority))
        one.login("app", "secret")
        mail(one, "required")


def test_postfix_injection(legs, postfix, authority):   # noqa: F811
    """Commands behind STARTTLS in plain text are discarded (CVE-2011-0411), and the log has it."""
    proxy = legs(postfix, "smtp", backend="verify")
    with dial(proxy.port) as one:
        assert one.read_to(b"\r\n")[:3] == b"220"
        one.send(b"EHLO me.test\r\n").read_to(b"STARTTLS\r\n")
        one.send(b"STARTTLS\r\nMAIL FROM:<evil@example.test>\r\nRCPT TO:<bob@example.test>\r\n")
        assert one.read_to(b"\r\n") == b"220 2.0.0 Ready to start TLS\r\n"
        with trusting(authority).wrap_socket(one.sock, server_hostname="localhost") as inside:
            inside.sendall(b"EHLO me.test\r\n")
            assert inside.recv(4) == b"250-"
            while not inside.recv(4096).endswith(b"CHUNKING\r\n"):
                pass
            inside.sendall(b"RCPT TO:<bob@example.test>\r\n")
            assert inside.recv(3) == b"503"     # no MAIL has come
    proxy.logged("plain bytes behind the request for TLS are discarded")


def test_tls_unavailable(legs, postfix, authority):     # noqa: F811
    """A rule answers STARTTLS, and the connection goes on without."""
    proxy = legs(postfix, "smtp")
    proxy.ctl.set("error", failure="tls_unavailable", times=1)
    with smtplib.SMTP("localhost", proxy.port, local_hostname="me.test", timeout=patience()) as one:
        one.ehlo()
        assert one.docmd("STARTTLS")[0] == 454
        assert one.noop()[0] == 250
        assert one.starttls(context=trusting(authority))[0] == 220
        one.ehlo()
        assert one.noop()[0] == 250


def test_postfix_refuses(legs, postfix):        # noqa: F811
    """tls_refuse: STARTTLS is not offered, and refused to who asks all the same. The connection goes on in plain text."""
    proxy = legs(postfix, "smtp")
    proxy.ctl.set("tls_refuse")
    with smtplib.SMTP("localhost", proxy.port, local_hostname="me.test", timeout=patience()) as one:
        with pytest.raises(smtplib.SMTPNotSupportedError, match="STARTTLS extension not supported by server"):
            one.starttls()
        assert one.docmd("STARTTLS") == (454, b"4.7.0 TLS not available due to local problem")
        mail(one, "refused TLS")
    answer = proxy.api("GET", "/behavior")[1]
    assert (answer["seen"], answer["hits"], answer["unreachable"]) == (1, 1, 0)
    assert until(lambda: [m for m in postfix.boxes()["bob"] if m["Subject"] == "refused TLS"], what="the mail")


def test_postfix_upgrade_fails(legs, postfix, authority):       # noqa: F811
    """at=upgrade: STARTTLS has no answer; or the connection ends in place of it."""
    proxy = legs(postfix, "smtp")

    def starts(seconds=patience()):
        with smtplib.SMTP("localhost", proxy.port, local_hostname="me.test", timeout=patience()) as one:
            one.ehlo()
            one.sock.settimeout(seconds)
            return one.starttls(context=trusting(authority))
    proxy.ctl.set("tls_stall", at="upgrade")
    with pytest.raises(smtplib.SMTPServerDisconnected, match="timed out"):
        starts(0.3)
    proxy.ctl.set("tls_break", at="upgrade", how="close")
    with pytest.raises(smtplib.SMTPServerDisconnected, match="Connection unexpectedly closed$"):
        starts()
    proxy.ctl.set("tls_break", at="upgrade", how="reset")
    with pytest.raises(smtplib.SMTPServerDisconnected, match="Connection unexpectedly closed: .*104"):
        starts()
    proxy.ctl.set("tls_delay", at="upgrade", sleep=0.1)
    assert starts()[0] == 220
