"""nginx and real HTTP clients through vaurien: invisible as dummy, and each fault as the application sees it."""
import hashlib
import http.client
import os
import re
import socket
import subprocess
import threading
import urllib.error
import urllib.request

import pytest

from conftest import need
from harness import SAN, Clock, dial, need_module, patience, until
from server_http import nginx                               # noqa: F401: a fixture

requests = need_module("requests")
urllib3 = need_module("urllib3")

# By name of failure: the method it strikes, the status that the client sees, the seconds of Retry-After,
# and whether the connection can be used afterwards. No status: the connection ends without a word.
FAILURES = {
    "internal_error": ("GET", 500, None, True),
    "not_implemented": ("GET", 501, None, True),
    "bad_gateway": ("GET", 502, None, True),
    "unavailable": ("GET", 503, None, True),
    "overloaded": ("GET", 503, "1", True),
    "starting_up": ("GET", 503, "2", True),
    "shutting_down": ("GET", 503, "5", False),
    "read_only": ("PUT", 503, "5", True),
    "gateway_timeout": ("GET", 504, None, True),
    "too_many_requests": ("GET", 429, "1", True),
    "conflict": ("PUT", 409, None, True),
    "misdirected": ("GET", 421, None, True),
    "disk_full": ("PUT", 507, None, True),
    "request_timeout": ("GET", 408, None, False),
    "pooler_timeout": ("GET", 504, None, True),
    "crash": ("GET", None, None, False),
    "gone": ("GET", None, None, False),
    "idle_timeout": ("GET", None, None, False),
}


@pytest.fixture
def proxies(vaurien, nginx):
    """vaurien before nginx; twice, the second one reads byte by byte."""
    return vaurien("--protocol", "http", backend=nginx)


@pytest.fixture
def proxy(start, nginx):
    return start("--protocol", "http", backend=nginx)


@pytest.fixture
def session():
    with requests.Session() as one:
        yield one


def url(end, path="/small.txt"):
    return "%s://127.0.0.1:%d%s" % (getattr(end, "scheme", "http"), end.port, path)


def curl(end, path, *words, stdin=None):
    """(rc, what it wrote)"""
    done = subprocess.run([need("curl"), "-sS", "--max-time", str(patience())] + list(words) + [url(end, path)],
                          input=stdin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=patience(30))
    return done.returncode, done.stdout


def was_raw(proxy):
    return [line for line in proxy.log().splitlines() if "raw proxy=" in line]


# ---- dummy: nothing to see ----

def undated(data):
    return re.sub(rb"\r\n(Date|ETag|Last-Modified): [^\r]*", b"", data)


def digest(data):
    return len(data), hashlib.sha256(data).hexdigest()


def by_requests(end, nginx, big):
    """What a session of many kinds of requests brings."""
    told = []

    def say(method, path, **words):
        answer = session.request(method, url(end, path), timeout=patience(), **words)
        headers = {name: value for name, value in answer.headers.items() if name not in ("Date", "ETag", "Last-Modified", "Location")}
        told.append((method, path, answer.status_code, headers, digest(answer.content)))
        return answer

    def pieces():
        for i in range(0, len(big), 70001):
            yield big[i:i + 70001]

    with requests.Session() as session:
        nginx.put("big.bin", big)
        etag = say("GET", "/small.txt").headers["ETag"]
        say("GET", "/small.txt", headers={"If-None-Match": etag})
        say("HEAD", "/big.bin")
        say("GET", "/big.bin")
        say("GET", "/big.bin", headers={"Range": "bytes=100-4999"})
        say("GET", "/gzip/page.txt")
        say("HEAD", "/gzip/page.txt")
        say("GET", "/ssi/page.txt")
        say("GET", "/none")
        say("GET", "/nowhere")
        say("POST", "/small.txt", data="not allowed")
        say("OPTIONS", "/small.txt")
        say("PUT", "/stored.bin", data=big)
        told.append(nginx.get("stored.bin") == big)
        say("PUT", "/stored.bin", data=pieces())            # chunked
        told.append(nginx.get("stored.bin") == big)
        say("PUT", "/stored.bin", data=b"")
        say("DELETE", "/stored.bin")
        told.append(nginx.get("stored.bin"))
    assert told.count(True) == 2
    return told


def by_curl(end, nginx, big):
    told = []

    def say(path, *words, stdin=None):
        rc, out = curl(end, path, *words, stdin=stdin)
        told.append((path, words[:1], rc, digest(undated(out))))

    say("/small.txt", "-i")
    say("/small.txt", "--http1.0", "-i")
    say("/ssi/page.txt", "--http1.0", "-i")                 # ends with the connection
    say("/gzip/page.txt", "-i", "--raw", "-H", "Accept-Encoding: gzip")
    say("/small.txt", "-I")
    say("/small.txt", "-i", "-r", "1-3")
    for words in (["-T", "-"], ["-T", "-", "--http1.0"], ["-X", "PUT", "--data-binary", "@-", "-H", "Expect: 100-continue"]):
        say("/curled.bin", *words, stdin=big[:2 << 20])
        told.append(nginx.get("curled.bin") == big[:2 << 20])
        say("/curled.bin", "-X", "DELETE")
    say("/small.txt", "-i", url(end), url(end, "/page.txt"))
    return told


def by_pipeline(end, nginx, big):
    """A few hundred requests before the first answer is read: the bytes of all answers."""
    words = []
    curl(nginx, "/piped.txt", "-X", "DELETE")
    for i in range(100):
        words.append("GET /small.txt?%d HTTP/1.1\r\nHost: x\r\n\r\n" % i)
        words.append("HEAD /page.txt HTTP/1.1\nHost: x\n\n")
        words.append("PUT /piped.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\nGET / %02d\r\n" % i)
        words.append("PUT /piped.txt HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nGET /\r\n0\r\n\r\n\r\n")
        words.append("GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n")
    words.append("GET http://x/ssi/page.txt HTTP/1.0\r\n\r\n")
    with getattr(end, "dial", lambda: dial(end.port))() as client:
        sender = threading.Thread(target=lambda: client.send("".join(words).encode()))
        sender.start()
        data, how = client.rest()
        sender.join()
    return digest(re.sub(rb"Location: [^\r]*\r\n", b"", undated(data))), how, nginx.get("piped.txt")


@pytest.mark.parametrize("workload", [by_requests, by_curl, by_pipeline])
def test_a_mixed_workload_through_dummy_is_as_direct(nginx, proxies, workload, bufsize):
    big = os.urandom(1 << 16) * (3 if bufsize else 20 << 4)
    direct = workload(nginx, nginx, big)
    assert workload(proxies, nginx, big) == direct
    assert not was_raw(proxies)


@pytest.mark.skipif(bool(SAN), reason="once is enough")
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_100_megabytes_up_and_down(nginx, proxy, chunked):
    """Streamed, never collected."""
    piece, pieces = os.urandom(1 << 20), 100
    before = proxy.memory()

    class Body:
        """A file of that many pieces, as requests sees it."""
        len, left = pieces << 20, pieces

        def read(self, _):
            self.left -= 1
            return piece if self.left >= 0 else b""
    body = (piece for _ in range(pieces)) if chunked else Body()
    requests.put(url(proxy, "/large.bin"), data=body, timeout=patience()).raise_for_status()
    assert nginx.get("large.bin") == piece * pieces
    came = hashlib.sha256()
    with requests.get(url(proxy, "/large.bin"), stream=True, timeout=patience()) as answer:
        for data in answer.iter_content(1 << 20):
            came.update(data)
    assert came.digest() == hashlib.sha256(piece * pieces).digest()
    assert proxy.memory() - before < 16 << 20
    assert not was_raw(proxy)
    requests.delete(url(nginx, "/large.bin"), timeout=patience())


def test_a_connection_is_kept(nginx, proxies):
    connection = http.client.HTTPConnection("127.0.0.1", proxies.port, timeout=patience())
    ports = set()
    for _ in range(50):
        connection.request("GET", "/small.txt")
        assert connection.getresponse().read() == b"hello\n"
        ports.add(connection.sock.getsockname())
    connection.close()
    assert len(ports) == 1


def test_the_host_header_is_overwritten_when_told(start, nginx):
    words = ["-H", "host: front.example"]
    assert curl(start("--protocol", "http", backend=nginx), "/host", *words) == (0, b"front.example")
    proxy = start("--protocol", "http", "--protocol-http-overwrite-host-header", backend=nginx)
    assert curl(proxy, "/host", *words) == (0, nginx.address.encode())
    assert curl(proxy, "/up.bin", "-T", "-", *words, stdin=b"x" * 100000)[0] == 0
    assert nginx.get("up.bin") == b"x" * 100000
    assert not was_raw(proxy)


# ---- what is not HTTP/1 passes ----

def test_an_upgrade_passes_as_bytes(nginx, proxies):
    with proxies.client() as client:
        client.send(b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.read(1)
        assert head.startswith(b"HTTP/1.1 101 ")
        for _ in range(10):
            client.send(b"\x81\x05GET /")
            assert client.read(7) == b"\x81\x05GET /"
        proxies.logged("raw proxy=.*tunnel")


def test_http2_and_tls_pass_as_bytes(start, nginx):
    proxy = start("--protocol", "http", backend=nginx.http2)
    assert curl(proxy, "/small.txt", "--http2-prior-knowledge") == (0, b"hello\n")
    proxy.logged("raw proxy=.*HTTP/2")
    proxy = start("--protocol", "http", backend=nginx.https)
    assert subprocess.run([need("curl"), "-sSk", "https://127.0.0.1:%d/small.txt" % proxy.port],
                          stdout=subprocess.PIPE, timeout=patience()).stdout == b"hello\n"
    proxy.logged("raw proxy=.*TLS")


def test_a_tunnel_by_connect(start, backend):
    proxy = start("--protocol", "http", backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"CONNECT far:22 HTTP/1.1\r\nHost: far:22\r\n\r\n")
    server.read(len("CONNECT far:22 HTTP/1.1\r\nHost: far:22\r\n\r\n"))
    server.send(b"HTTP/1.1 200 Connection established\r\n\r\nSSH-2.0-there\r\n")
    client.read(len("HTTP/1.1 200 Connection established\r\n\r\nSSH-2.0-there\r\n"))
    client.send(b"SSH-2.0-here\r\n")
    assert server.read(14) == b"SSH-2.0-here\r\n"
    server.send(b"\x00\x01")
    assert client.read(2) == b"\x00\x01"


# ---- a failure by name ----

def ask(connection, method, path):
    """(status, headers, body), or (None, ...) where the connection ends without a word."""
    try:
        connection.request(method, path, body=b"x" * 50000 if method == "PUT" else None)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    except (http.client.RemoteDisconnected, ConnectionError):
        connection.close()
        return None, {}, b""


def test_every_failure_that_is_offered_is_in_the_table(run):
    page = run("--list=protocols.md").stdout.split("\n## http\n")[1].split("\n## ")[0].split("| failure |")[1]
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.M)) == set(FAILURES)


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_by_name(nginx, proxies, name):
    method, status, retry, usable = FAILURES[name]
    path = "/fails-%s.txt" % name
    if method == "GET":
        nginx.put(path[1:], b"served\n")
    connection = http.client.HTTPConnection("127.0.0.1", proxies.port, timeout=patience())
    assert ask(connection, "GET", "/small.txt")[0] == 200
    before = connection.sock.getsockname()
    proxies.set("error", failure=name)
    got, headers, body = ask(connection, method, path)
    assert got == status
    assert headers.get("Retry-After") == retry
    if status:
        assert int(headers["Content-Length"]) == len(body)
        title = "%d %s" % (status, http.client.responses[status])
        assert body.startswith(b'<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN">\n<title>%s</title>\n<h1>%s</h1>\n<p>'
                               % (title.encode(), title[4:].encode()))
        assert (headers.get("Connection") == "close") == (not usable)
    if method == "PUT":
        assert nginx.get(path[1:]) is None
    assert not [line for line in nginx.requests() if path in line]
    proxies.set("dummy")
    if usable:
        assert ask(connection, "GET", "/small.txt")[0] == 200
        assert connection.sock.getsockname() == before
    connection.close()


@pytest.mark.parametrize("name", [name for name in FAILURES if name != "idle_timeout"])
def test_the_exceptions_of_requests_and_urllib(proxy, name):
    method, status, _, _ = FAILURES[name]
    proxy.set("error", failure=name)
    ask_for = urllib.request.Request(url(proxy), method=method, data=b"x" if method == "PUT" else None)
    if status:
        with pytest.raises(requests.HTTPError) as caught:
            requests.request(method, url(proxy), timeout=patience()).raise_for_status()
        assert caught.value.response.status_code == status
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(ask_for, timeout=patience())
        assert caught.value.code == status
        assert curl(proxy, "/small.txt", "-f", "-X", method)[0] == 22
    else:
        with pytest.raises(requests.ConnectionError):
            requests.request(method, url(proxy), timeout=patience())
        with pytest.raises((http.client.RemoteDisconnected, urllib.error.URLError, ConnectionError)):
            urllib.request.urlopen(ask_for, timeout=patience())
        assert curl(proxy, "/small.txt")[0] in (7, 52, 56)  # reset before it asked; an empty reply; reset


def test_an_error_without_a_name_is_one_of_four(proxies):
    connection = http.client.HTTPConnection("127.0.0.1", proxies.port, timeout=patience())
    assert ask(connection, "GET", "/small.txt")[0] == 200
    before = connection.sock.getsockname()
    proxies.set("error")
    seen = [ask(connection, method, "/small.txt")[0] for method in ("GET", "PUT", "DELETE", "OPTIONS") * 25]
    assert set(seen) == {500, 501, 502, 503}
    assert min(seen.count(status) for status in set(seen)) > 8
    assert connection.sock.getsockname() == before
    connection.close()


def test_head_is_refused_without_a_page(proxies):
    proxies.set("error", failure="unavailable")
    connection = http.client.HTTPConnection("127.0.0.1", proxies.port, timeout=patience())
    for _ in range(3):
        status, headers, body = ask(connection, "HEAD", "/small.txt")
        assert (status, body) == (503, b"") and int(headers["Content-Length"]) > 100
    connection.close()


def test_a_client_of_http_1_0_sees_the_end(proxies):
    proxies.set("error", failure="unavailable")
    with proxies.client() as client:
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        data, how = client.rest()
        assert data.startswith(b"HTTP/1.1 503 ") and b"\r\nConnection: close\r\n" in data and how == "fin"
    with proxies.client() as client:
        client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" * 2 + b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        data, how = client.rest()
        assert data.count(b"HTTP/1.1 503 ") == 3 and data.count(b"Connection: keep-alive") == 2 and how == "fin"


def test_a_read_only_server_still_reads(nginx, proxies, session):
    nginx.put("kept.txt", b"kept\n")
    proxies.set("error", failure="read_only")
    assert session.get(url(proxies, "/kept.txt"), timeout=patience()).text == "kept\n"
    assert session.head(url(proxies, "/kept.txt"), timeout=patience()).status_code == 200
    for method in ("PUT", "DELETE", "POST"):
        assert session.request(method, url(proxies, "/kept.txt"), data="x", timeout=patience()).status_code == 503
    assert nginx.get("kept.txt") == b"kept\n"


# ---- bodies of refused requests ----

def test_a_refused_body_of_many_bytes_is_swallowed(nginx, proxies, session, bufsize):
    big = b"GET /small.txt HTTP/1.1\r\n\r\n" * (2000 if bufsize else 300000)
    proxies.set("error", failure="disk_full")
    assert session.put(url(proxies, "/refused.bin"), data=big, timeout=patience()).status_code == 507
    assert session.put(url(proxies, "/refused.bin"), data=(big[i:i + 5000] for i in range(0, len(big), 5000)),
                       timeout=patience()).status_code == 507
    assert session.get(url(proxies), timeout=patience()).text == "hello\n"
    assert nginx.get("refused.bin") is None
    assert not was_raw(proxies)


def test_who_waits_for_leave_to_send_is_told_no(nginx, proxies):
    head = b"PUT /never.bin HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 100000\r\n\r\n"
    proxies.set("error", failure="disk_full")
    for body in (b"", b"x" * 1000, b"x" * 100000):          # it waits; it gives up waiting; it does not wait
        with proxies.client() as client:
            client.send(head)
            try:
                client.send(body)
            except ConnectionError:
                pass
            data, how = client.rest()
            assert data.startswith(b"HTTP/1.1 507 ") and b"\r\nConnection: close\r\n" in data and how == "fin"
    with Clock() as took:
        rc, out = curl(proxies, "/never.bin", "-T", "-", "-H", "Expect: 100-continue", "--expect100-timeout", str(patience(20)),
                       "-w", "%{http_code}", "-o", os.devnull, stdin=b"x" * (2 << 20))
    assert (rc, out) == (0, b"507")
    assert took.seconds < patience(15)                      # it did not wait in vain
    assert nginx.get("never.bin") is None


def test_a_delay_strikes_once_though_there_are_two_responses(nginx, proxies):
    proxies.set("delay", sleep=0.8)
    with Clock() as took, proxies.client() as client:
        client.send(b"PUT /late.bin HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        assert client.read(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(b"hello")
        assert client.read(12) in (b"HTTP/1.1 201", b"HTTP/1.1 204")
    assert 0.8 <= took.seconds < patience(1.6)
    assert nginx.get("late.bin") == b"hello"


@pytest.mark.parametrize("rule, rc", [({"name": "lost_reply"}, 52), ({"name": "lost_reply", "end": "reset"}, 56),
                                      ({"name": "truncate", "bytes": 20}, 52)])
def test_who_has_leave_to_send_is_stored_and_the_answer_is_lost(nginx, proxies, rule, rc):
    proxies.set(**dict(rule, match="^PUT"))
    got, _ = curl(proxies, "/lost.bin", "-T", "-", "-H", "Expect: 100-continue", "--expect100-timeout", "20", stdin=b"stored")
    assert got == rc
    assert nginx.get("lost.bin") == b"stored"


def test_a_refusal_in_a_pipeline_is_in_its_place(nginx, proxies):
    nginx.put("kept.txt", b"kept\n")
    proxies.set("error", failure="read_only")
    with proxies.client() as client:
        client.send(b"GET /small.txt HTTP/1.1\r\nHost: x\r\n\r\n"
                    b"DELETE /kept.txt HTTP/1.1\r\nHost: x\r\n\r\n"
                    b"GET /kept.txt HTTP/1.1\r\nHost: x\r\n\r\n"
                    b"PUT /kept.txt HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbad\r\n0\r\n\r\n"
                    b"GET /kept.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        data, _ = client.rest()
    assert re.findall(rb"HTTP/1.1 (\d+)|(hello|kept)\n", data) == [
        (b"200", b""), (b"", b"hello"), (b"503", b""), (b"200", b""), (b"", b"kept"), (b"503", b""), (b"200", b""), (b"", b"kept")]


# ---- each behavior, set live; the same session recovers ----

def outcome(session, end):
    try:
        return session.get(url(end), timeout=patience()).status_code
    except requests.ConnectionError:
        return "ConnectionError"


def test_a_session_meets_every_behavior_and_recovers(proxies, session):
    assert outcome(session, proxies) == 200
    proxies.set("delay", sleep=0.1)
    with Clock() as took:
        assert outcome(session, proxies) == 200
    assert took.seconds > 0.1
    for name, met in (("error", {500, 501, 502, 503}), ("abort", {"ConnectionError"}), ("blackout", {"ConnectionError"})):
        proxies.set(name)
        assert outcome(session, proxies) in met, name
        proxies.set("dummy")
        assert [outcome(session, proxies) for _ in range(3)] == [200] * 3, name
    proxies.set("error", inject=True)
    try:
        session.get(url(proxies), timeout=1)                # junk in the middle of an answer: anything may come of it
    except requests.RequestException:
        pass
    proxies.set("dummy")
    session.close()
    assert outcome(session, proxies) == 200
    proxies.set("transient", agitate=2)
    assert [outcome(session, proxies) in (500, 501, 502, 503) for _ in range(4)] == [True, True, False, False]

    proxies.set("hang")
    answers = []
    waiter = threading.Thread(target=lambda: answers.append(outcome(session, proxies)))
    waiter.start()
    waiter.join(0.5)
    assert waiter.is_alive()
    proxies.set("dummy")
    waiter.join()
    assert answers == [200]


def test_abort_does_the_work_and_loses_the_answer(nginx, proxies, session):
    proxies.set("abort")
    with pytest.raises(requests.ConnectionError):
        session.put(url(proxies, "/aborted.txt"), data="done", timeout=patience())
    until(lambda: nginx.get("aborted.txt") == b"done", what="what was stored though its answer was lost")


def test_a_client_that_retries_gets_over_it(proxy):
    pool = urllib3.PoolManager(retries=urllib3.Retry(total=5, status_forcelist=[429, 503], backoff_factor=0))
    proxy.set("transient", failure="too_many_requests", agitate=1)
    with Clock() as took:
        assert pool.request("GET", url(proxy)).status == 200
    assert took.seconds >= 1                                # Retry-After
    proxy.set("transient", failure="gone", agitate=2)
    assert pool.request("GET", url(proxy)).status == 200
    proxy.set("blackout")
    with pytest.raises(urllib3.exceptions.MaxRetryError):
        pool.request("GET", url(proxy))
    proxy.set("dummy")
    assert pool.request("GET", url(proxy)).status == 200


def test_idle_connections_of_a_pool_are_closed(proxies, session):
    assert outcome(session, proxies) == 200
    with proxies.client() as idle:
        idle.send(b"GET /small.txt HTTP/1.1\r\nHost: x\r\n\r\n")
        idle.read_to(b"hello\n")
        proxies.set("error", failure="idle_timeout")
        assert idle.ends() == "fin"
    proxies.set("dummy")
    assert outcome(session, proxies) == 200


def test_an_error_can_reach_no_tunnel_and_that_is_said(nginx, proxy):
    with proxy.client() as client:
        client.send(b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
        client.read_to(b"\r\n\r\n")
        client.send(b"one")
        assert client.read(3) == b"one"
        assert proxy.api("PUT", "/behavior", {"name": "error", "failure": "unavailable"})[0] == 200
        client.send(b"two")
        assert client.read(3) == b"two"
        proxy.logged("unreachable")


def test_the_server_stops_and_starts_behind_the_proxy(nginx, proxy, session):
    assert outcome(session, proxy) == 200
    nginx.stop()
    assert outcome(session, proxy) == "ConnectionError"
    nginx.start()
    assert outcome(session, proxy) == 200


def test_a_peer_that_is_silent_gets_no_answer_from_us(proxy):
    with proxy.client() as client:
        client.send(b"GET /small.txt HTTP/1.1\r\nHost: x\r\n")      # half a head
        assert client.silent(0.3)
        client.send(b"\r\n")
        assert client.read(15) == b"HTTP/1.1 200 OK"
        client.sock.shutdown(socket.SHUT_WR)
        data, how = client.rest()
        assert data.endswith(b"hello\n") and how == "fin"
