"""The control API: what is asked, what is answered, to the byte, and who is not answered."""
import http.client
import json
import os
import re
import socket
import stat
import threading
import time

import pytest

from conftest import Clock, dial, free_port, http_ask, listening, patience, until

ORIGINAL = ["abort", "blackout", "delay", "dummy", "error", "hang", "transient"]


def put(proxy, body, path="/behavior"):
    status, _, text = http_ask(proxy, "PUT", path, body)
    return status, text


def refusal(name, description, location="body"):
    return json.dumps({"status": "error", "errors": [{"location": location, "name": name, "description": description}]})


def talk(proxy, data):
    """All that the API answers to these bytes until it closes."""
    with dial(proxy.http) as end:
        return end.send(data).rest()[0]


# ---- the behavior ----

def test_behavior_as_at_the_start(start):
    status, headers, text = http_ask(start(), "GET", "/behavior")
    assert (status, text) == (200, '{"behavior": "dummy"}')
    assert headers["Content-Type"] == "application/json"
    assert headers["Content-Length"] == "21"
    assert headers["Allow"] is None


def test_behavior_is_set_with_its_options(start):
    proxy = start()
    assert put(proxy, '{"name": "delay", "sleep": 0.2}') == (200, '{"status": "ok"}')
    answer = proxy.api("GET", "/behavior")[1]
    assert answer["behavior"] == "delay" and list(answer)[0] == "behavior"
    assert answer["options"]["sleep"] == 0.2
    assert '"sleep": 0.2' in http_ask(proxy, "GET", "/behavior")[2]
    assert put(proxy, '{"name": "dummy"}') == (200, '{"status": "ok"}')
    assert http_ask(proxy, "GET", "/behavior")[2] == '{"behavior": "dummy"}'
    assert re.findall(r'\[INFO\] (Handler .*)', proxy.whole_log()) == [
        'Handler changed to "delay"', 'Handler changed to "dummy"']


def test_behavior_that_get_gave_can_be_put_back(start):
    proxy = start("--behavior", "20:delay,30:hang")
    was = proxy.api("GET", "/behavior")[1]
    assert proxy.api("PUT", "/behavior", {"name": "dummy"})[0] == 200
    assert proxy.api("PUT", "/behavior", dict(was, name=was["behavior"])) == (200, {"status": "ok"})
    now = proxy.api("GET", "/behavior")[1]
    assert (now["behavior"], now["options"]) == (was["behavior"], was["options"])


def test_the_answer_comes_when_the_behavior_is_in_force(start, backend):
    backend.serve()
    proxy = start("--threads", "2", backend=backend)
    client = proxy.client()
    assert client.send(b"x").read(1) == b"x"
    for _ in range(5):
        proxy.set("delay", sleep=0.15)
        with Clock() as took:
            assert client.send(b"x").read(1) == b"x"
        assert took.seconds >= 0.15
        proxy.set("dummy")
        hits = len(proxy.strikes())
        assert client.send(b"x").read(1) == b"x"
        assert len(proxy.strikes()) == hits


def test_behaviors(start):
    proxy = start()
    status, _, text = http_ask(proxy, "GET", "/behaviors")
    names = json.loads(text)["behaviors"]
    assert status == 200 and text == json.dumps({"behaviors": names})
    assert names == sorted(names) and set(ORIGINAL) <= set(names)


@pytest.mark.parametrize("body, name, description", [
    ('{"name": "nope"}', "name", "the 'nope' behavior does not exist"),
    ('{"name": ""}', "name", "the '' behavior does not exist"),
    ('{"name": null}', "name", "the 'null' behavior does not exist"),
    ('{"name": ["delay"]}', "name", "the '[\"delay\"]' behavior does not exist"),
    ('{}', "", 'the value should contain a "name" key'),
    ('{"sleep": 2}', "", 'the value should contain a "name" key'),
    ('', "", "the value is not a valid json object"),
    ('nope', "", "the value is not a valid json object"),
    ('{"name": "delay"', "", "the value is not a valid json object"),
    ('{"name": "delay"} {}', "", "the value is not a valid json object"),
    ('[1]', "", "the value is not a valid json object"),
    ('"x"', "", "the value is not a valid json object"),
    ('null', "", "the value is not a valid json object"),
    (b'{"name": "\xff"}', "", "the value is not a valid json object"),
    ('{"name": "dum\\u0000my"}', "", "the value is not a valid json object"),
    ('{"name": "delay", "sleep": 1e999}', "", "the value is not a valid json object"),
    pytest.param("[" * 100000 + "]" * 100000, "", "the value is not a valid json object", id="deep"),
])
def test_bodies_that_are_refused(start, body, name, description):
    proxy = start("--behavior", "delay")
    assert put(proxy, body) == (400, refusal(name, description))
    assert proxy.api("GET", "/behavior")[1]["behavior"] == "delay"
    assert "Handler changed" not in proxy.whole_log()


@pytest.mark.parametrize("options, name", [
    ({"sleep": "abc"}, "sleep"),
    ({"sleep": -1}, "sleep"),
    ({"nope": 1}, "nope"),
])
def test_options_that_are_refused_change_nothing(start, options, name):
    proxy = start()
    status, answer = proxy.api("PUT", "/behavior", dict(options, name="delay"))
    assert status == 400 and answer["status"] == "error"
    error, = answer["errors"]
    assert (error["location"], error["name"]) == ("body", name)
    assert error["description"].startswith(name + ":")
    assert proxy.api("GET", "/behavior")[1] == {"behavior": "dummy"}


def test_the_last_of_two_equal_keys_wins(start):
    proxy = start()
    assert put(proxy, '{"name": "nope", "name": "hang"}')[0] == 200
    assert proxy.api("GET", "/behavior")[1]["behavior"] == "hang"


# ---- the backend ----

def test_backend_is_changed_for_new_connections(start, backends):
    first, second = backends(), backends()
    proxy = start(backend=first)
    assert http_ask(proxy, "GET", "/backend")[2] == json.dumps({"backend": first.address})
    old = proxy.client()
    old_server = first.accept()
    assert put(proxy, json.dumps({"backend": second.address}), "/backend") == (200, '{"status": "ok"}')
    assert http_ask(proxy, "GET", "/backend")[2] == json.dumps({"backend": second.address})
    new = proxy.client()
    new_server = second.accept()
    old.send(b"old")
    new.send(b"new")
    assert old_server.read(3) == b"old" and new_server.read(3) == b"new"


@pytest.mark.parametrize("body, name, description", [
    ('{"backend": "nocolon"}', "backend", "backend: expected HOST:PORT or :PORT, got 'nocolon'"),
    ('{"backend": 3306}', "backend", None),
    ('{}', "backend", 'the value should contain a "backend" key'),
    ('nope', "", "the value is not a valid json object"),
])
def test_backends_that_are_refused(start, body, name, description):
    proxy = start(backend="127.0.0.1:9")
    status, text = put(proxy, body, "/backend")
    assert status == 400
    error, = json.loads(text)["errors"]
    assert error["name"] == name and description in (None, error["description"])
    assert proxy.api("GET", "/backend")[1] == {"backend": "127.0.0.1:9"}


# ---- the rest of the map ----

def test_info(start, backend):
    proxy = start("--seed", "1234", "--behavior", "delay", backend=backend)
    client, server = proxy.meet(backend)
    answer = until(lambda: (lambda a: a["proxies"][0]["connections"] == 1 and a)(proxy.api("GET", "/info")[1]))
    assert (answer["name"], answer["seed"]) == ("vaurien", "1234")
    assert re.fullmatch(r"\d+\.\d+\.\d+", answer["version"]) and answer["threads"] >= 1
    one, = answer["proxies"]
    assert one["listen"] == "127.0.0.1:%d" % proxy.port and one["backend"] == backend.address
    assert (one["protocol"], one["behavior"], one["raw"]) == ("tcp", "delay", 0)
    client.close()
    server.close()
    until(lambda: proxy.api("GET", "/info")[1]["proxies"][0]["connections"] == 0)


def test_paths_of_one_proxy(start):
    proxy = start(backend="127.0.0.1:9")
    name = proxy.api("GET", "/info")[1]["proxies"][0]["name"]
    for prefix in ("/" + name, "/%d" % proxy.port):
        assert put(proxy, '{"name": "hang"}', prefix + "/behavior")[0] == 200
        assert proxy.api("GET", prefix + "/behavior")[1]["behavior"] == "hang"
        assert proxy.api("GET", prefix + "/behaviors")[0] == 200
        assert proxy.api("GET", prefix + "/backend")[1] == {"backend": "127.0.0.1:9"}
        assert proxy.api("GET", prefix + "/info")[0] == 404
        assert proxy.api("POST", prefix + "/backend")[0] == 405
    for prefix in ("/nobody", "/0", "/1", "/%d0" % proxy.port):
        assert proxy.api("GET", prefix + "/behavior")[0] == 404


@pytest.mark.parametrize("path", ["/", "/nope", "/behavior/", "/Behavior", "/behaviorx"])
def test_no_such_path(start, path):
    status, headers, text = http_ask(start(), "GET", path)
    assert status == 404 and headers["Content-Type"] == "application/json"
    assert json.loads(text)["code"] == "404 Not Found"


@pytest.mark.parametrize("method, path, allow", [
    ("POST", "/behavior", "PUT, GET, HEAD"),
    ("DELETE", "/backend", "PUT, GET, HEAD"),
    ("PUT", "/behaviors", "GET, HEAD"),
    ("PUT", "/info", "GET, HEAD"),
    ("OPTIONS", "/behavior", "PUT, GET, HEAD"),
])
def test_no_such_method(start, method, path, allow):
    status, headers, text = http_ask(start(), method, path, "{}")
    assert status == 405 and headers["Allow"] == allow
    assert text == json.dumps({"message": "The method %s is not allowed for this resource. \n\n\n" % method,
                               "code": "405 Method Not Allowed", "title": "Method Not Allowed"})


def test_head_and_queries(start):
    proxy = start()
    status, headers, text = http_ask(proxy, "HEAD", "/behavior")
    assert (status, headers["Content-Length"], text) == (200, "21", "")
    assert http_ask(proxy, "GET", "/behavior?a=b&c")[2] == '{"behavior": "dummy"}'


def test_pipelined_and_absolute(start):
    body = b'{"name": "hang"}'
    answer = talk(start(), b"GET http://localhost/behavior HTTP/1.1\r\nHost: localhost\r\n\r\n"
                  b"PUT /behavior HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s"
                  b"GET /behavior HTTP/1.0\r\n\r\n" % (len(body), body))
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 3
    dummy, ok, hang = (answer.index(word) for word in (b'"dummy"', b'"ok"', b'"hang"'))
    assert dummy < ok < hang


# ---- who is not served ----

@pytest.mark.parametrize("host, status", [
    ("localhost", 200), ("LOCALHOST:80", 200), ("127.0.0.1:1", 200), ("127.8.9.10", 200), ("[::1]:8080", 200),
    ("evil.example", 403), ("evil.example:8080", 403), ("localhost.evil.example", 403), ("127.0.0.1.evil.example", 403),
    ("128.0.0.1", 403), ("[::2]", 403), ("[::1]x", 403), ("", 403), ("x" * 1000, 403),
])
def test_host(start, host, status):
    proxy = start()
    got, _, text = http_ask(proxy, "GET", "/behavior", headers={"Host": host})
    assert got == status
    if status == 403:
        answer = json.loads(text)
        assert answer["status"] == "error"
        assert (answer["errors"][0]["location"], answer["errors"][0]["name"]) == ("header", "Host")
    assert http_ask(proxy, "PUT", "/behavior", '{"name": "hang"}', {"Host": host})[0] == status
    assert proxy.api("GET", "/behavior")[1]["behavior"] == ("hang" if status == 200 else "dummy")


def test_no_host(start):
    proxy = start()
    assert talk(proxy, b"GET /behavior HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    assert talk(proxy, b"GET /behavior HTTP/1.1\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("origin, status", [
    ("http://localhost:8080", 200), ("http://LocalHost:8080", 200),
    ("http://localhost", 403), ("http://evil.example", 403), ("null", 403), ("localhost:8080", 403), ("", 403),
])
def test_origin(start, origin, status):
    proxy = start()
    headers = {"Host": "localhost:8080", "Origin": origin}
    got, _, text = http_ask(proxy, "PUT", "/behavior", '{"name": "hang"}', headers)
    assert got == status
    if status == 403:
        assert json.loads(text)["errors"][0]["name"] == "Origin"
        assert proxy.api("GET", "/behavior")[1]["behavior"] == "dummy"


def test_bound_wide_is_said_aloud_and_takes_any_host(start):
    proxy = start("--http-host", "0.0.0.0")
    assert "[WARNING] The HTTP server listens on 0.0.0.0:%d" % proxy.http in proxy.whole_log()
    assert http_ask(proxy, "GET", "/behavior", headers={"Host": "vaurien:8080"})[0] == 200
    assert http_ask(proxy, "GET", "/behavior", headers={"Host": "vaurien:8080", "Origin": "http://evil"})[0] == 403


# ---- what does no harm ----

@pytest.mark.parametrize("size, status", [(1 << 20, 400), ((1 << 20) + 1, 413), (3 << 20, 413)])
def test_big_bodies(start, size, status):
    proxy = start()
    got, text = put(proxy, b" " * size)
    assert got == status and json.loads(text)["status"] == "error"
    status, _, text = http_ask(proxy, "PUT", "/behavior", iter([b" " * 70000] * 40))         # chunked
    assert status == 413 and json.loads(text)["status"] == "error"
    assert proxy.api("GET", "/behavior") == (200, {"behavior": "dummy"})


def test_slow_and_silent_clients_stop_nobody(start):
    proxy = start()
    idle = [dial(proxy.http) for _ in range(50)]
    for end in idle[:25]:
        end.send(b"PUT /behavior HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
    with Clock() as took:
        proxy.set("delay", sleep=0.1)
    assert took.seconds < patience(2)
    for end in idle:
        end.close()


def test_clients_that_leave_in_the_middle(start):
    proxy = start()
    before = proxy.descriptors()
    body = b'{"name": "delay"}'
    for n in range(60):                 # 36: in the headers; 64: behind them; 97: the whole
        with dial(proxy.http) as end:
            end.send((b"PUT /behavior HTTP/1.1\r\nHost: localhost\r\nContent-Length: 17\r\n\r\n" + body)[:30 + n * 2])
            if n % 2:
                end.reset()
    assert proxy.api("GET", "/behavior")[0] == 200
    until(lambda: proxy.descriptors() <= before, what="descriptors to be closed")


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_half_closed(start, version):
    with dial(start().http) as end, Clock() as took:
        end.send(b"GET /behavior HTTP/%s\r\nHost: localhost\r\n\r\n" % version).finish()
        data, how = end.rest()
    assert data.endswith(b'{"behavior": "dummy"}') and how == "fin"
    assert took.seconds < patience(5)


def test_garbage(start):
    proxy = start()
    for data in (b"garbage\r\n\r\n", b"\xff\xfe\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\r\n\r\n",
                 b"PUT /behavior HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
                 b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100000 + b"\r\n\r\n"):
        with dial(proxy.http) as end:
            try:
                end.send(data).finish()
            except OSError:             # it may be shown the door before it has said all
                continue
            assert b" 200 " not in end.rest()[0]
    assert proxy.api("GET", "/behavior") == (200, {"behavior": "dummy"})


def test_many_at_once(start):
    proxy = start("--threads", "2")
    wrong = []

    def many(name):
        for _ in range(30):
            if proxy.api("PUT", "/behavior", {"name": name}) != (200, {"status": "ok"}):
                wrong.append(name)
    threads = [threading.Thread(target=many, args=(name,)) for name in ("delay", "hang", "dummy", "error")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert proxy.whole_log().count("Handler changed to") == 120


def test_the_end_under_load(start):
    proxy = start()
    leave = threading.Event()

    def load():
        while not leave.is_set():
            try:
                proxy.api("PUT", "/behavior", {"name": "delay"})
            except (OSError, http.client.HTTPException):
                return
    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.2)
    try:
        proxy.stop()
    finally:
        leave.set()
        for thread in threads:
            thread.join()


# ---- where it listens ----

def test_started_line(start):
    proxy = start("--http-host", "localhost")
    proxy.logged(r"\[INFO\] Started the HTTP server: http://localhost:%d\n" % proxy.http)


def test_any_free_port(start):
    proxy = start("--http", "--http-port", "0", http=False)
    port = int(proxy.logged(r"Started the HTTP server: http://localhost:(\d+)\n").group(1))
    assert port > 0 and listening(port)
    proxy.http = port
    assert proxy.api("GET", "/behavior") == (200, {"behavior": "dummy"})


def test_port_in_use(start, run):
    proxy = start()
    done = run("--proxy", "127.0.0.1:%d" % free_port(), "--http", "--http-host", "127.0.0.1", "--http-port", proxy.http)
    assert done.returncode == 1
    assert "127.0.0.1:%d: Address already in use" % proxy.http in done.stderr
    assert "Traceback" not in done.stderr


def over_unix(path, method="GET", target="/behavior"):
    with dial(path) as end:
        end.send(("%s %s HTTP/1.0\r\n\r\n" % (method, target)).encode())
        return end.rest()[0]


def test_unix_socket(start, tmp_path):
    path = str(tmp_path / "api")
    proxy = start("--http", "--http-host", "unix:" + path, http=False)
    proxy.logged("Started the HTTP server: unix:" + re.escape(path))
    assert over_unix(path).endswith(b'{"behavior": "dummy"}')
    proxy.stop()
    assert not os.path.exists(path)


def test_unix_socket_of_one_who_was_killed(start, tmp_path):
    path = str(tmp_path / "api")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    assert stat.S_ISSOCK(os.stat(path).st_mode)
    start("--http", "--http-host", "unix:" + path, http=False).logged("Started the HTTP server")
    assert over_unix(path).endswith(b'{"behavior": "dummy"}')


def test_unix_path_that_is_a_file_is_left_alone(run, tmp_path):
    path = tmp_path / "precious"
    path.write_text("data")
    done = run("--proxy", "127.0.0.1:%d" % free_port(), "--http", "--http-host", "unix:%s" % path)
    assert done.returncode == 1 and "Address already in use" in done.stderr
    assert path.read_text() == "data"
