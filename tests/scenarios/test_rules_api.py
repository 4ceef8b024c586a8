"""Rules by the API, in Vaurien's words: added, changed in place, taken away, replaced all together."""
import json

import pytest


def refusal(proxy, method, path, body):
    status, answer = proxy.api(method, path, body)
    return status, answer["errors"][0]["name"], answer["errors"][0]["description"]


def names(proxy, prefix=""):
    return [r["name"] for r in proxy.api("GET", prefix + "/rules")[1]["rules"]]


def test_a_rule_s_life(start, backend):
    backend.serve()
    proxy = start("--add", "other=127.0.0.1:0=%s" % backend.address, backend=backend)
    client = proxy.client()
    status, rule = proxy.api("POST", "/rules", {"behavior": "delay", "sleep": 0.002, "times": 5})
    assert status == 200 and (rule["name"], rule["behavior"], rule["options"]["sleep"], rule["options"]["times"]) == ("delay", "delay", 0.002, 5)
    assert proxy.api("POST", "/rules", {"behavior": "delay", "options": {"sleep": 0}})[1]["name"] == "delay-2"
    assert proxy.api("POST", "/other/rules", {"behavior": "hang", "name": "mine", "per": "connection"})[0] == 200
    assert names(proxy) == ["delay", "delay-2"] and names(proxy, "/other") == ["mine"]
    assert client.send(b"x").read(1) == b"x"
    hits = proxy.api("GET", "/rules/delay")[1]["hits"]
    status, rule = proxy.api("PUT", "/rules/delay", {"sleep": "1ms"})
    assert (status, rule["options"]["sleep"], rule["hits"], rule["options"]["times"]) == (200, 0.001, hits, 5) and hits > 0
    assert proxy.api("DELETE", "/rules/delay") == (200, {"status": "ok"})
    assert proxy.api("GET", "/rules/delay")[0] == proxy.api("DELETE", "/rules/delay")[0] == proxy.api("PUT", "/rules/delay", {})[0] == 404
    assert proxy.api("DELETE", "/other/rules/mine")[0] == 200 and names(proxy, "/other") == []
    assert client.send(b"y").read(1) == b"y"


def test_all_rules_together(start, backend):
    backend.serve()
    proxy = start("--behavior", "10:delay", "--rule", "delay sleep=0 name=one", "--rule", "abort match=x name=two", "--protocol", "http", backend=backend)
    client = proxy.client()
    client.send(b"GET / HTTP/1.0\r\n\r\n").read(1)
    was = proxy.api("GET", "/rules")[1]
    assert {r["name"]: r["seen"] for r in was["rules"]}["one"] > 0
    assert proxy.api("PUT", "/rules", was) == (200, {"status": "ok"})
    assert proxy.api("GET", "/rules")[1] == was             # the same words: nothing has changed, counts are kept
    assert proxy.api("PUT", "/rules", {"rules": [{"behavior": "hang"}, was["rules"][1]]}) == (200, {"status": "ok"})
    assert names(proxy) == ["behavior", "hang", "one"]
    assert proxy.api("GET", "/rules/one")[1]["seen"] > 0
    assert proxy.api("DELETE", "/rules/behavior")[0] == 200
    assert proxy.api("GET", "/behavior")[1] == {"behavior": "dummy"}
    assert proxy.api("PUT", "/rules", {"rules": []})[0] == 200 and names(proxy) == []


@pytest.mark.parametrize("method, path, body, name, description", [
    ("POST", "/rules", {}, "behavior", "behavior: expected one that GET /behaviors shows, got ''"),
    ("POST", "/rules", {"behavior": "nope"}, "behavior", "behavior: expected one that GET /behaviors shows, got 'nope'"),
    ("POST", "/rules", {"behavior": "delay", "name": ""}, "name", "name: expected a text"),
    ("POST", "/rules", {"behavior": "delay", "name": 1}, "name", "name: expected a text"),
    ("POST", "/rules", {"behavior": "delay", "name": "here"}, "name", "rule: the name 'here' is not free"),
    ("POST", "/rules", {"behavior": "delay", "name": "behavior"}, "name", "rule: the name 'behavior' is not free"),
    ("POST", "/rules", {"behavior": "delay", "sleep": "x"}, "sleep", "sleep: expected a number of seconds >= 0, got 'x'"),
    ("POST", "/rules", {"behavior": "delay", "options": []}, "options", "options: expected an object"),
    ("PUT", "/rules/here", {"sleep": -1}, "sleep", "sleep: expected a number of seconds >= 0, got -1"),
    ("PUT", "/rules", {}, "rules", "rules: expected an array"),
    ("PUT", "/rules", {"rules": [{"behavior": "hang"}, {"behavior": "delay", "match": "("}]}, "match", "match: tcp has no requests to match"),
    ("PUT", "/rules", {"rules": [1]}, "behavior", "behavior: expected one that GET /behaviors shows, got ''"),
])
def test_refused_and_unchanged(start, method, path, body, name, description):
    proxy = start("--rule", "delay name=here")
    before = proxy.api("GET", "/rules")[1]
    assert refusal(proxy, method, path, body) == (400, name, description)
    assert proxy.api("GET", "/rules")[1] == before


def test_there_may_be_so_many(start):
    proxy = start()
    for _ in range(64):
        assert proxy.api("POST", "/rules", {"behavior": "delay", "sleep": 0})[0] == 200
    assert refusal(proxy, "POST", "/rules", {"behavior": "delay"}) == (400, "name", "rule: expected at most 64 rules on a proxy")
