"""What the dashboard stands on, without a browser: its files, who may have them, and what it reads. In a browser: tests/servers/test_browser.py."""
import glob
import json
import os
import re
import time

import pytest

from conftest import ROOT, Clock, http_ask, patience, until

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "User-Agent": "Mozilla/5.0"}
FILES = sorted(os.path.basename(path) for path in glob.glob(os.path.join(ROOT, "ui", "*")))


def names(rows):
    return [row["name"] for row in rows]


def only(proxy, path="/stats"):
    """The first proxy of GET /stats."""
    return proxy.api("GET", path)[1]["proxies"][0]


# ---- the page ----

def test_a_browser_is_sent_to_the_page_and_others_are_not(start):
    proxy = start()
    for path in ("/", "/ui", "/?x=1"):
        status, headers, text = http_ask(proxy, "GET", path, headers=BROWSER)
        assert (status, headers["Location"], text) == (302, "/ui/", "")
    for headers in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}, {"User-Agent": "Mozilla/5.0"}):
        assert http_ask(proxy, "GET", "/", headers=headers)[0] == 404
    assert http_ask(proxy, "PUT", "/", "{}", BROWSER)[0] == 404


def test_files_of_the_page(start):
    proxy = start()
    types = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
    for name in [""] + FILES:
        status, headers, text = http_ask(proxy, "GET", "/ui/" + name)
        with open(os.path.join(ROOT, "ui", name or "index.html")) as file:
            assert (status, text) == (200, file.read())
        assert headers["Content-Type"].split(";")[0] == types[os.path.splitext(name or "x.html")[1]]
        policy = headers["Content-Security-Policy"].split("; ")
        assert policy[0] == "default-src 'self'" and {"frame-ancestors 'none'", "base-uri 'none'", "object-src 'none'"} <= set(policy)
        assert not re.search("unsafe|https?:|data:|[*]", headers["Content-Security-Policy"])
        assert (headers["X-Content-Type-Options"], headers["X-Frame-Options"]) == ("nosniff", "DENY")
        assert headers["Referrer-Policy"] == "no-referrer" and headers["Access-Control-Allow-Origin"] is None
    assert http_ask(proxy, "GET", "/ui/nothing.js")[0] == 404
    status, headers, _ = http_ask(proxy, "POST", "/ui/")
    assert (status, headers["Allow"]) == (405, "GET, HEAD")


def test_nothing_of_the_page_is_inline_or_from_elsewhere():
    for name in FILES:
        with open(os.path.join(ROOT, "ui", name)) as file:
            text = file.read().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", text), name
        if name.endswith(".html"):
            assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script[^>]*>[^<]", text)
            assert not re.search(r"(?:src|href)=\"(?:/|\w+:)", text)


# ---- who may have what ----

TOKEN = ("--http-token", "secret")
TRICKS = ["/ui/../stats", "/ui/%2e%2e/stats", "/ui/app.js/../../stats", "/ui//../stats", "/ui/behavior", "/ui/rules", "/ui/connections",
          "/ui/app.js/../behavior", "/ui/..%2fstats", "/UI/", "/ui/app.js%00", "/ui/app.js/", "//ui/../stats", "/ui/?/../stats"]


def test_the_page_needs_no_token_and_its_data_does(start, backend):
    proxy = start(*TOKEN, "--proxy-name", "ui", backend=backend)
    for name in [""] + FILES:
        assert http_ask(proxy, "GET", "/ui/" + name)[0] == 200
    assert http_ask(proxy, "GET", "/", headers=BROWSER)[0] == 302
    for method, path in (("GET", "/stats"), ("GET", "/schema"), ("GET", "/recent"), ("GET", "/events"), ("POST", "/calm"), ("POST", "/ui/"),
                         ("GET", "/"), ("PUT", "/ui/behavior"), ("DELETE", "/ui/connections")):
        assert http_ask(proxy, method, path)[0] == 401, path
        assert http_ask(proxy, method, path, headers={"Authorization": "Bearer Secret"})[0] == 401
    good = {"Authorization": "Bearer secret"}
    assert http_ask(proxy, "GET", "/stats", headers=good)[0] == 200
    assert json.loads(http_ask(proxy, "GET", "/ui/rules", headers=good)[2]) == {"rules": []}


@pytest.mark.parametrize("path", TRICKS)
def test_no_path_leads_around_the_token(start, backend, path):
    proxy = start(*TOKEN, "--proxy-name", "ui", backend=backend)
    status, _, text = http_ask(proxy, "GET", path, headers=BROWSER)
    assert status in (401, 301) or (status == 200 and text.startswith("<!doctype html>"))
    assert "proxies" not in text and "behavior" not in text.replace("default", "")


@pytest.mark.parametrize("headers", [
    {"Host": "evil.example"}, {"Host": "localhost.evil.example"}, {"Host": "127.0.0.1.evil.example:80"}, {"Origin": "http://evil.example"},
    {"Origin": "null"}, {"Origin": "http://localhost:1"}, {"Host": "evil.example", "Origin": "http://evil.example"}])
@pytest.mark.parametrize("path", ["/", "/ui/", "/ui/app.js", "/stats", "/schema", "/recent"])
def test_other_hosts_and_origins_are_refused(start, path, headers):
    proxy = start()
    status, _, text = http_ask(proxy, "GET", path, headers=dict(BROWSER, **headers))
    assert status == 403 and json.loads(text)["errors"][0]["name"] in headers


def test_a_foreign_page_cannot_calm(start):
    proxy = start("--rule", "delay")
    assert http_ask(proxy, "POST", "/calm", headers={"Origin": "http://evil.example"})[0] == 403
    assert "enabled" not in only(proxy)["rules"][0]["options"]


# ---- GET /schema ----

def test_the_schema_has_all_and_each_default_is_accepted(start):
    proxy = start("--protocol", "redis")
    schema = proxy.api("GET", "/schema")[1]
    assert names(schema["behaviors"]) == proxy.api("GET", "/behaviors")[1]["behaviors"]
    assert schema["failures"] == proxy.api("GET", "/failures")[1]["failures"]
    assert {"http", "memcache", "mysql", "postgres", "redis", "smtp", "tcp"} <= set(names(schema["protocols"]))
    assert {"match", "probability", "ttl", "enabled"} <= set(names(schema["rule_fields"]))
    assert {b["group"] for b in schema["behaviors"]} <= set(names(schema["groups"]))
    keys = {"name", "type", "unit", "default", "help", "expects", "min", "max", "choices"}
    for owner in schema["behaviors"] + schema["protocols"] + [{"name": "", "options": schema["rule_fields"]}]:
        for option in owner["options"]:
            assert set(option) == keys, option
            assert (option["unit"] is not None) == (option["type"] in ("time", "table"))
            assert (option["choices"] is not None) == (option["type"] == "choice")
            assert option["default"] is None or option["min"] is None or option["min"] <= option["default"]
    for b in schema["behaviors"]:
        options = {o["name"]: o["default"] for o in b["options"] + schema["rule_fields"]}
        status, answer = proxy.api("POST", "/rules?check=true", dict({k: v for k, v in options.items() if v is not None}, behavior=b["name"]))
        assert status == 200
        for error in answer.get("errors", []):          # what needs another proxy says so
            assert re.search("needs a protocol|expected a proxy that listens on udp://|expected client_tls on or require", error["description"])


# ---- ?check=true ----

def test_a_check_changes_nothing(start):
    proxy = start("--rule", "delay name=slow", "--behavior", "hang")
    before = [proxy.api("GET", path)[1] for path in ("/rules", "/behavior", "/backend")]
    for method, path, body in (("POST", "/rules", {"behavior": "error"}), ("PUT", "/rules/slow", {"sleep": 2}), ("DELETE", "/rules/slow", None),
                               ("PUT", "/behavior", {"name": "dummy"}), ("PUT", "/rules", {"rules": []}), ("PUT", "/backend", {"backend": "localhost:1"})):
        status, answer = proxy.api(method, path + "?check=true", body)
        assert status == 200 and "errors" not in answer, path
    assert proxy.api("POST", "/rules?check=true", {"behavior": "delay", "sleep": "abc"}) == (200, {"status": "error", "errors": [
        {"location": "body", "name": "sleep", "description": "sleep: expected a number of seconds >= 0, got 'abc'"}]})
    assert "nothing will be late" in proxy.api("POST", "/rules?check=true", {"behavior": "latency"})[1]["warning"]
    assert [proxy.api("GET", path)[1] for path in ("/rules", "/behavior", "/backend")] == before
    assert "is set" not in proxy.whole_log() and "nothing will be late" not in proxy.whole_log()


# ---- a switch for rules, and all calm ----

def test_a_rule_is_switched_off_and_on(start, backend):
    backend.serve()
    proxy = start("--rule", "delay sleep=200ms name=slow", backend=backend)
    client = proxy.client()

    def late():
        with Clock() as took:
            assert client.send(b"x").read(1) == b"x"
        return took.seconds >= 0.2
    assert late()
    assert proxy.api("PUT", "/rules/slow", {"enabled": False})[1]["options"]["enabled"] is False
    hits = only(proxy)["rules"][0]["hits"]
    assert hits == 1 and not late() and not late()
    now = only(proxy)["rules"][0]
    assert (now["seen"], now["hits"]) == (1, 1)
    proxy.api("PUT", "/rules/slow", {"enabled": True})
    assert late() and only(proxy)["rules"][0]["hits"] == 2


@pytest.mark.parametrize("rule", ["delay sleep=200ms per=connection", "delay sleep=200ms probability=1 match=.", "latency latency=200",
                                  "bandwidth rate=1", "hang", "stall"])
def test_a_switch_concerns_open_connections(start, backend, rule):
    backend.serve(lambda end: [end.send(b"+%d\r\n" % len(end.read_to(b"\r\n"))) for _ in iter(int, 1)])
    proxy = start("--protocol", "redis", "--rule", rule + " name=it enabled=false", backend=backend)
    client = proxy.client()
    line = b"GET " + b"a" * 300 + b"\r\n"

    def quick():
        with Clock() as took:
            client.send(line).read_to(b"\r\n")
        return took.seconds < 0.2
    until(quick)
    for _ in range(2):
        proxy.api("PUT", "/rules/it", {"enabled": True})
        with Clock() as took:
            client.send(line)
            time.sleep(0.25)
            proxy.api("PUT", "/rules/it", {"enabled": False})      # what is held is let go
            client.read_to(b"\r\n")
        assert took.seconds >= 0.2
        client.send(line).read_to(b"\r\n")
    assert until(quick)


def test_a_port_is_switched(start, backend):
    backend.serve()
    proxy = start("--rule", "refuse name=shut", backend=backend, up=lambda: True)
    until(lambda: proxy.api("GET", "/info")[0] == 200)
    with pytest.raises(ConnectionRefusedError):
        proxy.client()
    for _ in range(2):
        proxy.api("PUT", "/rules/shut", {"enabled": False})
        assert proxy.client().send(b"x").read(1) == b"x"
        proxy.api("PUT", "/rules/shut", {"enabled": True})
        with pytest.raises(ConnectionRefusedError):
            proxy.client()


def test_the_behavior_is_switched_and_keeps_its_odds(start, backend):
    proxy = start("--behavior", "20:delay,30:hang", backend=backend)
    was = proxy.api("GET", "/behavior")[1]
    assert proxy.api("PUT", "/rules/behavior", {"enabled": False})[1] == {"status": "ok"}
    assert all(rule["options"]["enabled"] is False for rule in only(proxy)["rules"])
    assert proxy.api("PUT", "/rules/behavior", {"enabled": True})[1] == {"status": "ok"}
    assert proxy.api("GET", "/behavior")[1] == was
    assert proxy.api("PUT", "/rules/behavior", {"enabled": True, "sleep": 1})[0] == 400


def test_a_rule_that_is_off_from_the_start(start, backend):
    backend.serve()
    proxy = start("--rule", "hang enabled=false", "--rule", "refuse enabled=false name=closed", backend=backend)
    assert proxy.client().send(b"x").read(1) == b"x"
    assert [rule["seen"] for rule in only(proxy)["rules"]] == [0, 0]


def test_all_calm_lets_everything_go(start, backend, backends):
    other = backends().serve()
    backend.serve()
    proxy = start("--rule", "hang name=for_ever", "--behavior", "delay", "--add", "two=127.0.0.1:0=%s" % other.address, backend=backend)
    proxy.api("POST", "/two/rules", {"behavior": "hang"})
    two = int(proxy.api("GET", "/stats")[1]["proxies"][1]["listen"].rsplit(":", 1)[1])
    from conftest import dial
    clients = [proxy.client(), dial(two)]
    for client in clients:
        client.send(b"x")
    until(lambda: all(p["held"] for p in proxy.api("GET", "/stats")[1]["proxies"]))
    assert proxy.api("POST", "/calm")[1] == {"status": "ok", "rules": 3, "proxies": 2}
    for client in clients:
        assert client.read(1) == b"x"
    assert [p["held"] for p in proxy.api("GET", "/stats")[1]["proxies"]] == [0, 0]
    assert proxy.api("POST", "/calm")[1] == {"status": "ok", "rules": 0, "proxies": 0}
    proxy.logged("all calm: 3 rules of 2 proxies are disabled")


# ---- GET /stats ----

def test_stats_have_the_times_of_exchanges(start, backend):
    backend.serve()
    proxy = start("--rule", "delay sleep=60ms ttl=50s", backend=backend)
    client = proxy.client()
    for _ in range(3):
        assert client.send(b"x").read(1) == b"x"
    client.close()
    until(lambda: only(proxy)["exchanges"] == 3)
    now = only(proxy)
    assert sum(n for _, _, n in now["times"]) == 3
    for begin, end, _ in now["times"]:
        assert begin < end and end > 0.06 and end - begin < 0.1 * max(end, 0.1)
    assert (now["opened"], now["connections"]) == (1, 0)
    assert now["received"] == now["sent"] == {"request": 3, "response": 3}
    assert 0 < now["rules"][0]["left"] <= 50


def test_errors_are_counted_while_somebody_looks(start, backend):
    backend.serve(lambda end: [end.send(b"-ERR no\r\n" if end.read_to(b"\r\n").startswith(b"BAD") else b"+OK\r\n") for _ in iter(int, 1)])
    proxy = start("--protocol", "redis", "--rule", 'error failure=busy match="^SET"', backend=backend)
    client = proxy.client()
    assert client.send(b"BAD one\r\n").read_to(b"\r\n") == b"-ERR no\r\n"
    assert only(proxy)["errors"] == 0                               # nobody has looked
    for line, errors in ((b"BAD two", 1), (b"GET a", 1), (b"BAD three", 2), (b"SET a 1", 3)):
        client.send(line + b"\r\n").read_to(b"\r\n")
        until(lambda: only(proxy)["errors"] == errors)


# ---- GET /recent ----

def redis_like(end):
    while True:
        end.read_to(b"\r\n")
        end.send(b"+OK\r\n")


def asked(proxy, *lines):
    client = proxy.client()
    for line in lines:
        assert client.send(line + b"\r\n").read(5) == b"+OK\r\n"
    return client


def test_recent_requests_and_what_a_match_would_find(start, backend):
    backend.serve(redis_like)
    proxy = start("--protocol", "redis", "--rule", 'delay sleep=0 match="^GET order:"', backend=backend)
    asked(proxy, b"GET before")
    assert proxy.api("GET", "/recent")[1]["messages"] == 0         # nothing is recorded until somebody looks
    client = asked(proxy, b"GET orders:12", b"SET secret 1234", b"get lower", b"GET orders:13")
    now = proxy.api("GET", "/recent?match=%5EGET%20orders")[1]
    assert (now["messages"], now["exact"], now["verbs"]) == (4, True, {"GET": 3, "SET": 1})
    assert [now["match"][key] for key in ("messages", "hits", "whole", "nearest")] == [4, 2, True, None]
    assert [(r["exchange"], r["text"]) for r in now["latest"]] == [(1, "GET orders:?"), (2, "SET secret ?"), (3, "GET lower"), (4, "GET orders:?")]
    rule = now["rules"]["delay"]
    assert (rule["hits"], rule["nearest"]) == (0, "GET orders:?")  # it has the most of "^GET order:"
    assert proxy.api("GET", "/recent?match=%5EGET%20LOWER")[1]["match"]["nearest"] == "GET lower"
    status, answer = proxy.api("GET", "/recent?match=(")
    assert status == 400 and answer["errors"][0]["name"] == "match"
    assert proxy.api("GET", "/nobody/recent")[0] == 404
    client.close()


def test_a_flood_of_requests_is_sampled(start, backend):
    backend.serve(lambda end: [end.send(b"+OK\r\n" * end.sock.recv(1 << 16).count(b"\n")) for _ in iter(int, 1)])
    proxy = start("--protocol", "redis", backend=backend)
    proxy.api("GET", "/recent")
    client, n = proxy.client(), 0
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline:
        client.send(b"GET a\r\nGET b\r\nGET a\r\nSET a 1\r\n" * 20).read(80 * 5)
        n += 80
    now = proxy.api("GET", "/recent?match=%5ESET")[1]
    assert not now["exact"] and len(now["latest"]) == 100
    assert now["verbs"] == {"GET": n * 3 // 4, "SET": n // 4}
    assert 0.8 * n < now["messages"] <= n
    assert 0.1 < now["match"]["hits"] / now["match"]["messages"] < 0.4


def test_a_slow_match_does_not_hold_the_api_up(start, backend):
    backend.serve(redis_like)
    proxy = start("--protocol", "redis", backend=backend)
    proxy.api("GET", "/recent")
    asked(proxy, *[b"GET " + b"a" * 400 + b"b"] * 50)
    with Clock() as took:
        answer = proxy.api("GET", "/recent?match=(a%7Caa)%2B%24")[1]
    assert answer["match"]["hits"] == 0 and not answer["match"]["whole"]
    assert took.seconds < patience(5)


def test_recent_of_a_proxy_without_messages(start, backend):
    backend.serve()
    proxy = start("--rule", "delay", backend=backend)
    assert proxy.api("GET", "/recent")[1]["messages"] == 0
    assert proxy.api("DELETE", "/proxies/default")[0] == 204       # with its record
    assert http_ask(proxy, "GET", "/recent")[0] == 404
