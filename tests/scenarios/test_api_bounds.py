"""The control API's bounds: no client keeps its place by what it sends or does not read, memory is bounded whatever is asked,
long jobs take turns, and a new client finds a descriptor when all are used."""
import json
import socket
import threading
import time

import pytest

from harness import SAN, Clock, dial, http_ask, patience, until

GET = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"
BODY = b"POST /populate HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: 1048576\r\n\r\n"
BOUND = (640 if SAN else 130) << 20             # resident: 64 MiB are the bodies' and answers', with what allocation adds; a sanitizer keeps 256 MiB


MANY = 300 if SAN else 1200                     # proxies of `many`


def crowd(proxy, said, n=300 if SAN else 600):
    """So many clients that send this, as far as it is taken, and read nothing."""
    clients = []
    for _ in range(n):
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(patience())
        sock.connect(("127.0.0.1", proxy.http))
        sock.setblocking(False)
        try:
            sock.send(said)
        except OSError:
            pass
        clients.append(sock)
    return clients


def served(proxy, times=5, token=None):
    """Others are answered, each within 2 s."""
    headers = {"Authorization": "Bearer " + token} if token else {}
    assert http_ask(proxy, "GET", "/version", headers=headers)[0] == 200        # behind what came before it
    for _ in range(times):
        with Clock() as took:
            assert http_ask(proxy, "GET", "/version", headers=headers)[0] == 200
        assert took.seconds < patience(2)


@pytest.mark.parametrize("said, token", [
    (GET % b"/failures" * 300, None), (GET % b"/x" * 4000, "s3cret"), (GET % b"/metrics" * 50, None), (GET % b"/info" * 500, None),
    (GET % b"/events", None), (GET % b"/connections?limit=100000" * 200, None), (BODY % b"" + b"[", None),
    (b"PUT /behavior HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", None), (b"GET /met", None), (b"", None),
], ids=["failures", "no-token", "metrics", "info", "events", "connections", "half-body", "half-chunks", "half-head", "silent"])
def test_clients_that_take_nothing_make_room(start, said, token):
    proxy = start(*(["--http-token", token] if token else []))
    clients = crowd(proxy, said)
    served(proxy, token=token)
    assert proxy.memory() < BOUND
    for sock in clients:
        sock.close()


def test_clients_that_read_a_byte_now_and_then_make_room(start):
    proxy = start()
    clients = crowd(proxy, GET % b"/failures" * 100)
    over = threading.Event()

    def sip():
        while not over.is_set():
            for sock in clients:
                try:
                    sock.recv(1)
                except OSError:
                    pass
    sipping = threading.Thread(target=sip, daemon=True)
    sipping.start()
    served(proxy)
    over.set()
    sipping.join()
    for sock in clients:
        sock.close()


def test_clients_that_send_a_byte_now_and_then_make_room(start):
    proxy = start()
    clients = crowd(proxy, BODY % b"" + b"[")
    over = threading.Event()

    def drip():
        while not over.is_set():
            for sock in clients:
                try:
                    sock.send(b" ")
                except OSError:
                    pass
    dripping = threading.Thread(target=drip, daemon=True)
    dripping.start()
    served(proxy)
    over.set()
    dripping.join()
    for sock in clients:
        sock.close()


# ---- memory ----

def pour_bodies(proxy, head, n=512):
    clients = []
    for _ in range(n):
        end = dial(proxy.http)
        end.sock.settimeout(patience())
        try:
            end.send(head + b"x" * 1000000)
        except OSError:
            pass                                # it made room
        clients.append(end)
    return clients


@pytest.mark.parametrize("words", [[], ["--http-token", "s3cret"]], ids=["open", "token"])
def test_unfinished_bodies_are_bounded_in_all(start, words):
    proxy = start(*words)
    clients = pour_bodies(proxy, BODY % b"")
    served(proxy, token="s3cret" if words else None)
    assert proxy.memory() < (BOUND if not words or SAN else 30 << 20)   # without the token, none is kept
    for end in clients:
        end.close()


def test_a_whole_body_finds_room_beside_them(start):
    proxy = start()
    clients = pour_bodies(proxy, BODY % b"", 200)
    body = json.dumps([{"name": "a", "listen": "127.0.0.1:0", "upstream": "x:1"}]) + " " * 1000000
    assert http_ask(proxy, "POST", "/populate", body)[0] == 201
    for end in clients:
        end.close()


def rule(i):
    return {"type": "latency", "name": "t%d" % i, "attributes": {"latency": 1}}


@pytest.fixture
def many(start):
    """A program with 1,200 proxies, 30 rules each; fewer under a sanitizer."""
    proxy = start()
    assert proxy.api("DELETE", "/proxies/default")[0] == 204
    toxics = [rule(i) for i in range(30)]
    for first in range(0, MANY, 150):
        body = [{"name": "p%04d" % i, "listen": "127.0.0.1:0", "upstream": "x:1", "enabled": False, "toxics": toxics}
                for i in range(first, first + 150)]
        assert proxy.api("POST", "/populate", body)[0] == 201
    return proxy


@pytest.mark.skipif(bool(SAN), reason="the next test has the same answers")
def test_long_answers_are_whole_and_take_no_memory(many):
    before = many.memory()
    listed = many.api("GET", "/proxies")[1]
    assert [*listed] == ["p%04d" % i for i in range(MANY)] and all(len(p["toxics"]) == 30 for p in listed.values())
    assert [p["name"] for p in many.api("GET", "/info")[1]["proxies"]] == [*listed]
    text = many.api("GET", "/metrics")[1]
    for name in ("vaurien_connections_total", "vaurien_raw_open", "vaurien_held_bytes"):
        lines = [line for line in text.splitlines() if line.startswith(name + "{")]
        assert len(lines) == len(set(lines)) == MANY
        assert text.count("# TYPE %s " % name) == 1
    assert text.count("vaurien_rule_hits_total{") == MANY * 30
    assert text.splitlines()[-1].startswith("process_start_time_seconds ")
    status, answer = many.api("POST", "/populate", [{"name": name, "listen": "127.0.0.1:0", "upstream": "x:1"} for name in listed])
    assert status == 201 and [p["name"] for p in answer["proxies"]] == [*listed] and len(answer["proxies"][-1]["toxics"]) == 30
    assert many.memory() < before + ((400 if SAN else 40) << 20)


def test_long_answers_that_nobody_reads(many):
    before = many.memory()
    clients = crowd(many, (GET % b"/proxies" + GET % b"/metrics" + GET % b"/info") * 20, 100 if SAN else 600)
    served(many)
    assert many.memory() < before + BOUND
    for sock in clients:
        sock.close()


@pytest.mark.parametrize("method, path, body, what", [
    ("POST", "/proxies", {"name": "x" * 1025, "upstream": "x:1"}, "name: expected at most 1024 bytes, got 1025"),
    ("POST", "/proxies", {"Name": "x" * (1 << 19), "upstream": "x:1"}, "Name: expected at most 1024 bytes"),
    ("POST", "/populate", [{"name": "x" * 1000000, "upstream": "x:1"}], "name: expected at most 1024 bytes"),
    ("POST", "/proxies", {"name": "x", "upstream": "x" * 513}, "upstream: expected at most 512 bytes"),
    ("POST", "/proxies", {"name": "x", "upstream": "x:1", "listen": "y" * 1000}, "listen: expected at most 512 bytes"),
    ("POST", "/proxies", {"name": "x", "upstream": "x:1", "toxics": [{"type": "noop", "name": "x" * 2000}]}, "name: expected at most 1024 bytes"),
    ("POST", "/proxies/default/toxics", {"type": "noop", "name": "x" * 2000}, "name: expected at most 1024 bytes"),
    ("POST", "/rules", {"behavior": "delay", "name": "x" * 2000}, "name: expected at most 1024 bytes"),
    ("PUT", "/rules", {"rules": [{"behavior": "delay", "name": "x" * 2000}]}, "name: expected at most 1024 bytes"),
    ("POST", "/rules", {"behavior": "delay", "match": "x" * 65537}, "match: expected at most 65536 bytes, got 65537"),
    ("PUT", "/backend", {"backend": "x" * 600 + ":1"}, "backend: expected at most 512 bytes"),
    ("PUT", "/behavior", {"name": "x" * 100000}, "name: expected at most 1024 bytes"),
])
def test_texts_are_bounded(start, method, path, body, what):
    proxy = start()
    before = proxy.api("GET", "/proxies")
    status, answer = proxy.api(method, path, body)
    assert status == 400 and what in json.dumps(answer)
    assert proxy.api("GET", "/proxies") == before


# ---- turns ----

@pytest.mark.parametrize("job", ["reset", "populate", "move", "sighup"])
def test_long_jobs_take_turns_with_others(start, job, tmp_path):
    n = 1000 if SAN else 4000
    path = tmp_path / "all.json"

    def write(host):
        path.write_text(json.dumps([{"name": "%d" % i, "listen": "%s:0" % host, "upstream": "x:1", "enabled": job == "sighup"}
                                    for i in range(n)]))
    write("127.0.0.1")
    proxy = start("--config", path, listen="", up=lambda: True)
    rows = [{"name": "%d" % i, "listen": "127.0.0.%d:0" % (1 + (job == "move")), "upstream": "y:1", "enabled": True} for i in range(n)]
    done = []

    def begin():
        if job == "sighup":
            write("127.0.0.2")
            proxy.process.send_signal(1)
            proxy.logged("SIGHUP: .* proxies change")
            done.append(204)
        elif job == "reset":
            done.append(proxy.api("POST", "/reset")[0])
        else:
            for first in range(0, n, 4000):
                done.append(proxy.api("POST", "/populate", rows[first:first + 4000])[0])
    working = threading.Thread(target=begin)
    working.start()
    slowest = 0
    while working.is_alive():
        with Clock() as took:
            assert proxy.api("GET", "/version")[0] == 200
        slowest = max(slowest, took.seconds)
        time.sleep(0.005)
    working.join()
    assert done[0] in (201, 204) and slowest < patience(1)
    if job == "sighup":
        until(lambda: all(p["listen"].startswith("127.0.0.2:") for p in proxy.api("GET", "/proxies")[1].values()))
    else:
        assert all(p["enabled"] for p in proxy.api("GET", "/proxies")[1].values())


# ---- descriptors ----

@pytest.mark.parametrize("limit", [40, 64, 100])
def test_a_new_client_finds_a_descriptor_when_the_proxy_s_clients_use_all(start, backend, limit):
    backend.serve()
    proxy = start(backend=backend, limit=limit)
    clients = [dial(proxy.port) for _ in range(limit)]
    proxy.logged("accepting pauses")
    silent = [dial(proxy.http) for _ in range(40)]              # and clients of the API use what is left
    served(proxy)
    assert proxy.api("PUT", "/behavior", {"name": "close"})[0] == 200
    for end in clients + silent:
        end.close()
    served(proxy)


# ---- framing ----

@pytest.mark.parametrize("head, status", [
    (b"GET /version HTTP/1.1\r\n\r\n", 400), (b"GET /version HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400),
    (b"GET /version HTTP/1.1\r\nHost: evil.example\r\nHost: localhost\r\n\r\n", 400),
    (b"GET /version HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nOrigin: http://evil.example\r\n\r\n", 400),
])
def test_a_head_that_may_be_read_in_two_ways_closes_the_connection(start, head, status):
    proxy = start()
    with dial(proxy.http) as end:
        answer, how = end.send(head + GET % b"/version").rest()
    assert answer.startswith(b"HTTP/1.1 %d" % status) and answer.count(b"HTTP/1.1 ") == 1 and how in ("fin", "rst")


def test_an_absolute_uri_s_host_counts(start):
    proxy = start()
    for uri, status in ((b"http://evil.example/version", 403), (b"http://localhost:1/version", 200), (b"HTTP://[::1]/version", 200)):
        with dial(proxy.http) as end:
            assert end.send(GET % uri).read(12) == b"HTTP/1.1 %d" % status
