"""Toxiproxy's HTTP API: each path, status, header and text that its clients may rely on. docs/toxiproxy.md has what differs."""
import json
import socket

import pytest

from conftest import Clock, dial, free_port, http_ask, listening, patience, until


class Api:
    def __init__(self, port):
        self.port = port

    def raw(self, method, path, body=None, headers=None):
        return http_ask(self.port, method, path, body, headers)

    def __call__(self, method, path, body=None):
        """(status, JSON). `body`: an object, or text as it goes."""
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        status, headers, text = self.raw(method, path, body)
        if status == 204:
            assert text == ""
            return status, None
        if status >= 400 and path != "/populate":
            assert headers["Content-Type"] == "text/plain; charset=utf-8" and headers["X-Content-Type-Options"] == "nosniff"
            assert text.endswith("}\n")
            answer = json.loads(text)
            assert list(answer) == ["error", "status"] and answer["status"] == status
            return status, answer["error"]
        assert headers["Content-Type"] == "application/json" and not text.endswith("\n")
        return status, json.loads(text)


@pytest.fixture
def api(start):
    proxy = start(listen="127.0.0.1:0", up=lambda: True)
    api = Api(proxy.http)
    api.proxy = proxy
    assert api("DELETE", "/proxies/default") == (204, None)
    return api


def make(api, name="p", upstream="127.0.0.1:9", **more):
    status, proxy = api("POST", "/proxies", dict({"name": name, "listen": "127.0.0.1:0", "upstream": upstream}, **more))
    assert status == 201, proxy
    return proxy


def port_of(proxy):
    return int(proxy["listen"].rsplit(":", 1)[1])


# ---- the ways there ----

def test_version(api):
    status, headers, text = api.raw("GET", "/version")
    assert (status, text) == (200, '{"version": "2.12.0"}\n')
    assert headers["Content-Type"] == "application/json;charset=utf-8"
    assert len(headers["X-Toxiproxy-Request-Id"]) == 20


@pytest.mark.parametrize("path", ["/proxies/", "/proxies/p/", "/proxies/p/toxic", "/proxies/p/toxics/t/x"])
def test_paths_that_are_none(api, path):
    status, headers, text = api.raw("GET", path)
    assert (status, text, headers["Content-Type"]) == (404, "404 page not found\n", "text/plain; charset=utf-8")
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["X-Toxiproxy-Request-Id"] is None


@pytest.mark.parametrize("method, path", [
    ("PUT", "/proxies"), ("HEAD", "/proxies"), ("OPTIONS", "/proxies"), ("DELETE", "/proxies"), ("PUT", "/proxies/p"),
    ("GET", "/populate"), ("GET", "/reset"), ("POST", "/version"), ("HEAD", "/version"), ("PUT", "/proxies/p/toxics/t"),
])
def test_methods_that_a_path_has_not(api, method, path):
    status, headers, text = api.raw(method, path)
    assert (status, text, headers["Allow"]) == (405, "", None)


def test_paths_are_cleaned(api):
    status, headers, text = api.raw("GET", "//proxies")
    assert (status, headers["Location"]) == (301, "/proxies")


def test_browsers_are_kept_out(api):
    host = "localhost:%d" % api.port
    status, headers, text = api.raw("GET", "/proxies", headers={"User-Agent": "Mozilla/5.0 (X11)"})
    assert (status, text, headers["Content-Type"]) == (403, "User agent not allowed\n", "text/plain; charset=utf-8")
    assert headers["X-Toxiproxy-Request-Id"]
    for more in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://" + host}):
        assert api.raw("GET", "/proxies", headers=dict(more, Host=host, **{"User-Agent": "Mozilla/5.0"}))[0] == 200
    assert api.raw("GET", "/proxies", headers={"User-Agent": "Mozilla/5.0", "Host": host, "Origin": "http://evil"})[0] == 403
    assert api.raw("GET", "/proxies", headers={"User-Agent": "mozilla/5.0"})[0] == 200
    assert api.raw("GET", "/proxies/x/y", headers={"User-Agent": "Mozilla/5.0"})[0] == 404
    assert api.raw("GET", "/proxies", headers={"Host": "evil.example"})[0] == 403          # rebound names
    assert api.raw("GET", "/proxies", headers={"User-Agent": "x", "Accept": "text/html", "Content-Type": "nonsense"})[0] == 200


# ---- proxies ----

def test_a_proxy_s_life(api, backend):
    backend.serve()
    assert api("GET", "/proxies") == (200, {})
    status, headers, text = api.raw("POST", "/proxies", json.dumps({"name": "p", "listen": "localhost:0", "upstream": backend.address}))
    made = json.loads(text)
    port = port_of(made)
    assert (status, text) == (201, '{"name":"p","listen":"127.0.0.1:%d","upstream":"%s","enabled":true,"toxics":[]}' % (port, backend.address))
    assert api("GET", "/proxies") == (200, {"p": made}) and api("GET", "/proxies/p") == (200, made)
    client = dial(port)
    assert client.send(b"hello").read(5) == b"hello"
    assert api("POST", "/proxies/p", {}) == (200, made)                 # nothing said, nothing done
    assert client.send(b"still").read(5) == b"still"
    assert api("POST", "/proxies/p", {"enabled": False}) == (200, dict(made, enabled=False))
    assert client.ends() == "fin" and not listening(port)
    with pytest.raises(ConnectionRefusedError):
        dial(port)
    assert api("PATCH", "/proxies/p", {"enabled": True}) == (200, made)
    with dial(port) as client:
        assert client.send(b"again").read(5) == b"again"
    assert api("DELETE", "/proxies/p") == (204, None)
    assert not listening(port)
    assert api("GET", "/proxies") == (200, {})
    assert api("GET", "/proxies/p") == api("DELETE", "/proxies/p") == api("POST", "/proxies/p", "x") == (404, "proxy not found")


def test_down_closes_both_sides_with_fin(api, backend):
    for how in ({"enabled": False}, None):
        port = port_of(make(api, "down", backend.address))
        client = dial(port)
        server = backend.accept()
        client.send(b"x")
        server.read(1)
        assert api(*(("POST", "/proxies/down", how) if how else ("DELETE", "/proxies/down")))[0] in (200, 204)
        assert (client.ends(), server.ends()) == ("fin", "fin")
        if how:
            assert api("DELETE", "/proxies/down")[0] == 204


def test_another_address_drops_connections_and_one_that_cannot_be_had_changes_nothing(api, backends):
    old, new = backends().serve(), backends()
    proxy = make(api, "p", old.address)
    taken = port_of(make(api, "q"))
    client = dial(port_of(proxy))
    assert client.send(b"a").read(1) == b"a"
    for bad, text in (("127.0.0.1:%d" % taken, "listen tcp 127.0.0.1:%d: bind: address already in use" % taken),
                      ("192.0.2.1:1234", "listen tcp 192.0.2.1:1234: bind: cannot assign requested address"),
                      ("garbage", "address garbage: missing port in address"),
                      ("127.0.0.1:99999", "address 99999: invalid port"),
                      ("::1:80", "address ::1:80: too many colons in address"),
                      ("nobody.invalid:80", "lookup nobody.invalid: no such host")):
        assert api("POST", "/proxies/p", {"listen": bad, "upstream": "127.0.0.1:1"}) == (500, text)
        assert api("GET", "/proxies/p") == (200, proxy)
        assert client.send(b"b").read(1) == b"b"
    for same in (proxy["listen"], "localhost:%d" % port_of(proxy)):
        assert api("POST", "/proxies/p", {"listen": same}) == (200, proxy)
        assert client.send(b"c").read(1) == b"c"
    assert api("POST", "/proxies/p", {"upstream": new.address}) == (200, dict(proxy, upstream=new.address))
    assert client.ends() == "fin"
    client = dial(port_of(proxy))
    new.accept()
    was = port_of(proxy)
    status, moved = api("POST", "/proxies/p", {"listen": "127.0.0.1:0"})
    assert status == 200 and port_of(moved) != was          # another free port, as in Toxiproxy
    assert client.ends() == "fin" and listening(port_of(moved)) and not listening(was)
    proxy, client = moved, dial(port_of(moved))
    new.accept()
    there = free_port()
    assert api("PATCH", "/proxies/p", {"listen": "127.0.0.1:%d" % there})[1]["listen"] == "127.0.0.1:%d" % there
    assert client.ends() == "fin" and listening(there) and not listening(port_of(proxy))


def test_create_refused(api):
    taken = port_of(make(api, "taken"))
    for body, status, text in (
        ({}, 400, "missing required field: name"), ({"name": "", "upstream": "x"}, 400, "missing required field: name"),
        ({"name": "x"}, 400, "missing required field: upstream"), ({"name": "x", "upstream": ""}, 400, "missing required field: upstream"),
        ({"name": "taken", "upstream": "x", "listen": "garbage"}, 409, "proxy already exists"),
        ({"name": "x", "upstream": "y", "listen": "127.0.0.1:%d" % taken}, 500, "listen tcp 127.0.0.1:%d: bind: address already in use" % taken),
        ({"name": "x", "upstream": "y", "listen": "localhost"}, 500, "listen tcp: address localhost: missing port in address"),
        ({"name": "x", "upstream": "y", "listen": ":99999"}, 500, "listen tcp: address 99999: invalid port"),
        ({"name": "x", "upstream": "y", "listen": "nobody.invalid:1"}, 500, "listen tcp: lookup nobody.invalid: no such host"),
        ({"name": "x", "upstream": "y", "protocol": "nope"}, 400,
         "bad request body: protocol: expected the name of one that vaurien --list shows, got 'nope'"),
        ({"name": "x", "upstream": "y", "toxics": [{"type": "nope"}]}, 400, "invalid toxic type"),
        ({"name": "x\0y", "upstream": "y"}, 400, "bad request body: name: expected a text without a character 0"),
    ):
        assert api("POST", "/proxies", body) == (status, text)
    assert list(api("GET", "/proxies")[1]) == ["taken"]
    assert api("DELETE", "/proxies/taken%00x") == (404, "proxy not found")


@pytest.mark.parametrize("body, error", [
    ("", "EOF"), (" \n", "EOF"), ("{", "unexpected EOF"), ('{"name', "unexpected EOF"), ('{"name":', "unexpected EOF"),
    ('[1,', "unexpected EOF"), ("x", "invalid character 'x' looking for beginning of value"),
    ("\ufeff{}", "invalid character '\u00ef' looking for beginning of value"),
    ("{x", "invalid character 'x' looking for beginning of object key string"),
    ("{1:2}", "invalid character '1' looking for beginning of object key string"),
    ('{"a" 1}', "invalid character '1' after object key"), ('{"a":1 2}', "invalid character '2' after object key:value pair"),
    ("[1 2]", "invalid character '2' after array element"), ("trux", "invalid character 'x' in literal true (expecting 'e')"),
    ('{"a":"\n"}', "invalid character '\\n' in string literal"), ('{"a":"\\x"}', "invalid character 'x' in string escape code"),
    ('{"a":"\\u12g4"}', "invalid character 'g' in \\u hexadecimal character escape"), ("-x", "invalid character 'x' in numeric literal"),
    ("[1.x]", "invalid character 'x' after decimal point in numeric literal"), ("[1ex]", "invalid character 'x' in exponent of numeric literal"),
    ("[1]", "json: cannot unmarshal array into Go value of type toxiproxy.Proxy"),
    ('"x"', "json: cannot unmarshal string into Go value of type toxiproxy.Proxy"),
    ('{"enabled":"x"}', "json: cannot unmarshal string into Go struct field Proxy.enabled of type bool"),
    ('{"enabled":1}', "json: cannot unmarshal number into Go struct field Proxy.enabled of type bool"),
    ('{"name":1}', "json: cannot unmarshal number into Go struct field Proxy.name of type string"),
    ('{"NAME":true}', "json: cannot unmarshal bool into Go struct field Proxy.name of type string"),
    ('{"upstream":{}}', "json: cannot unmarshal object into Go struct field Proxy.upstream of type string"),
    ('{"listen":[]}', "json: cannot unmarshal array into Go struct field Proxy.listen of type string"),
])
def test_bodies_that_go_cannot_read(api, body, error):
    assert api("POST", "/proxies", body.encode()) == (400, "bad request body: " + error)


def test_bodies_as_go_reads_them(api):
    body = '{"NAME":"first","Name":"x<&>\\u2028\\ud83d\\ude00\\u0001","LISTEN":"127.0.0.1:0","upstream":"a","Upstream":"b","enabled":null,"unknown":{"x":[]}} trailing'
    status, headers, text = api.raw("POST", "/proxies", body)
    assert status == 201 and text.startswith('{"name":"x\\u003c\\u0026\\u003e\\u2028\U0001f600\\u0001","listen":"127.0.0.1:')
    assert '"upstream":"b","enabled":true' in text
    assert api("DELETE", "/proxies/x%3C%26%3E%E2%80%A8%F0%9F%98%80%01")[0] == 204
    assert api("POST", "/proxies", "null") == (400, "missing required field: name")


@pytest.mark.parametrize("name", ["a/b", "a b", "..", ".", "100%", "x" * 1000, "\u00fcber", "a?b#c"])
def test_any_name_can_be_addressed(api, name):
    import urllib.parse
    coded = urllib.parse.quote(name, safe="") if name.strip(".") else name.replace(".", "%2E")
    make(api, name)
    assert api("GET", "/proxies/" + coded)[1]["name"] == name
    assert api("POST", "/proxies/%s/toxics" % coded, {"type": "noop", "name": name})[0] == 200
    assert api("GET", "/proxies/%s/toxics/%s" % (coded, coded))[1]["name"] == name
    assert api("DELETE", "/proxies/" + coded)[0] == 204


def test_where_go_listens(api, backend):
    backend.serve()
    port = free_port()
    for asked in ("0.0.0.0:%d" % port, ":%d" % port, "[::]:%d" % port):
        assert make(api, upstream=backend.address, listen=asked)["listen"] == "[::]:%d" % port
        for host in ("127.0.0.1", "::1"):
            dial((host, port)).close()
        assert api("DELETE", "/proxies/p")[0] == 204
    status, anywhere = api("POST", "/proxies", {"name": "p", "upstream": "x"})
    assert status == 201 and anywhere["listen"].startswith("[::]:") and listening(port_of(anywhere))
    assert make(api, "off", listen="localhost:1", enabled=False) == {
        "name": "off", "listen": "localhost:1", "upstream": "127.0.0.1:9", "enabled": False, "toxics": []}


def test_an_upstream_that_is_none_resets_at_once(api):
    port = port_of(make(api, upstream="nonsense"))
    with Clock() as took:
        try:
            assert dial(port).ends() == "rst"
        except ConnectionResetError:
            pass
    assert took.seconds < patience(7.5)


def test_a_proxy_may_speak_a_protocol(api):
    proxy = make(api, protocol="redis", toxics=[{"type": "error", "attributes": {"failure": "busy"}, "match": "^GET"}])
    assert list(proxy) == ["name", "listen", "upstream", "enabled", "protocol", "toxics"] and proxy["protocol"] == "redis"
    assert proxy["toxics"][0]["type"] == "error" and proxy["toxics"][0]["match"] == "^GET"
    assert api("POST", "/proxies/p", {"protocol": "mysql"}) == (
        400, [e for e in [api("POST", "/proxies/p", {"protocol": "mysql"})[1]] if "'busy' is not a failure of mysql" in e][0])
    assert api("POST", "/proxies/p", {"protocol": "tcp"})[0] == 400
    assert api("DELETE", "/proxies/p/toxics/error_both")[0] == 204
    assert "protocol" not in api("POST", "/proxies/p", {"protocol": "tcp"})[1]


# ---- populate, reset ----

def test_populate(api, backend):
    backend.serve()
    a, b = free_port(), free_port()
    wanted = [{"name": "a", "listen": "127.0.0.1:%d" % a, "upstream": backend.address},
              {"name": "b", "listen": "127.0.0.1:%d" % b, "upstream": backend.address, "enabled": False}]
    status, answer = api("POST", "/populate", wanted)
    assert status == 201 and [p["name"] for p in answer["proxies"]] == ["a", "b"]
    assert [p["enabled"] for p in answer["proxies"]] == [True, False]
    assert api("POST", "/proxies/a/toxics", {"type": "noop"})[0] == 200
    client = dial(a)
    assert client.send(b"x").read(1) == b"x"
    for _ in range(2):                                      # the same again: nothing is touched
        status, answer = api("POST", "/populate", [dict(wanted[0], enabled=False), dict(wanted[1], enabled=True)])
        assert status == 201 and [p["enabled"] for p in answer["proxies"]] == [True, False]
        assert [t["name"] for t in answer["proxies"][0]["toxics"]] == ["noop_downstream"]
        assert client.send(b"y").read(1) == b"y"
    status, answer = api("POST", "/populate", [dict(wanted[0], upstream="127.0.0.1:1")])
    assert answer["proxies"][0]["toxics"] == [] and client.ends() == "fin"
    assert api("GET", "/proxies/b")[0] == 200               # what is not in the list stays
    for empty in ("[]", "null"):
        assert api("POST", "/populate", empty) == (201, {"proxies": None})


@pytest.mark.parametrize("listen", ["0.0.0.0:%d", ":%d", "127.0.0.1:0", "", "localhost:%d", "[::1]:%d"])
def test_populate_again_changes_nothing(api, listen, backend):
    backend.serve()
    wanted = [{"name": "p", "listen": listen.replace("%d", str(free_port())), "upstream": backend.address,
               "toxics": [{"type": "latency", "attributes": {"latency": 1}}]}]
    first = api("POST", "/populate", wanted)
    client = dial(("::1" if "::1" in listen else "127.0.0.1", port_of(first[1]["proxies"][0])))
    assert client.send(b"x").read(1) == b"x"
    again = api("POST", "/populate", wanted)
    assert again[1]["proxies"][0]["toxics"][0]["hits"] > 0
    again[1]["proxies"][0]["toxics"][0].update(seen=0, hits=0)
    assert again == first
    assert client.send(b"y").read(1) == b"y"
    wanted[0]["toxics"][0]["attributes"]["latency"] = 2     # other toxics: connections stay
    assert api("POST", "/populate", wanted)[1]["proxies"][0]["toxics"][0]["attributes"] == {"latency": 2, "jitter": 0}
    assert client.send(b"z").read(1) == b"z"


def test_populate_refused(api, backend):
    def refused(body):
        status, headers, text = api.raw("POST", "/populate", body if isinstance(body, str) else json.dumps(body))
        assert headers["Content-Type"] == "application/json" and not text.endswith("\n")
        answer = json.loads(text)
        assert list(answer) == ["error", "status", "proxies"] and answer["status"] == status
        return status, answer["error"], answer["proxies"]

    good = {"name": "a", "listen": "127.0.0.1:0", "upstream": "x"}
    assert refused("") == (400, "bad request body: EOF", None)
    assert refused("{}")[1].startswith("bad request body: json: cannot unmarshal object into Go value of type []struct")
    assert refused([good, {"name": "b"}]) == (400, "missing required field: upstream at proxy 2", None)
    assert refused([{"upstream": "x"}]) == (400, "missing required field: name at proxy 1", None)
    assert refused([dict(good, enabled="x")]) == (400, "bad request body: json: cannot unmarshal string into Go struct field .enabled of type bool", None)
    assert api("GET", "/proxies") == (200, {})
    backend.serve()
    kept = make(api, "kept", backend.address)
    client = dial(port_of(kept))
    status, error, proxies = refused([good, {"name": "kept", "listen": "garbage", "upstream": "x"}, dict(good, name="c")])
    assert (status, error) == (500, "address garbage: missing port in address") and [p["name"] for p in proxies] == ["a"]
    status, error, proxies = refused([{"name": "kept", "listen": "192.0.2.1:1", "upstream": "x"}])
    assert (status, error, proxies) == (500, "listen tcp 192.0.2.1:1: bind: cannot assign requested address", None)
    assert client.send(b"x").read(1) == b"x"                # the old one goes on
    assert sorted(api("GET", "/proxies")[1]) == ["a", "kept"]
    status, answer = api("POST", "/populate", [good, dict(good, upstream="y")])
    assert [p["upstream"] for p in answer["proxies"]] == ["x", "y"] and api("GET", "/proxies/a")[1]["upstream"] == "y"


def test_reset(api, backend):
    backend.serve()
    on = make(api, "on", backend.address, toxics=[{"type": "noop"}])
    off = make(api, "off", enabled=False, listen="127.0.0.1:%d" % free_port())
    client = dial(port_of(on))
    assert api("POST", "/reset", "ignored") == (204, None)
    proxies = api("GET", "/proxies")[1]
    assert all(p["enabled"] and p["toxics"] == [] for p in proxies.values()) and listening(port_of(off))
    assert client.send(b"x").read(1) == b"x"
    assert api("POST", "/proxies/off", {"enabled": False})[0] == 200
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.bind(("127.0.0.1", port_of(off)))
        thief.listen()
        assert api("POST", "/reset") == (500, "listen tcp %s: bind: address already in use" % off["listen"])
    assert api("GET", "/proxies/off")[1]["enabled"] is False
    assert api("POST", "/reset") == (204, None)


# ---- toxics ----

ORIGINALS = {
    "latency": '"latency":0,"jitter":0', "bandwidth": '"rate":0', "slow_close": '"delay":0', "timeout": '"timeout":0', "reset_peer": '"timeout":0',
    "slicer": '"average_size":0,"size_variation":0,"delay":0', "limit_data": '"bytes":0', "noop": "", "packet_loss": '"loss_rate":0,"correlation":0',
}


@pytest.mark.parametrize("type", sorted(ORIGINALS))
def test_the_original_s_toxics(api, type):
    make(api)
    status, headers, text = api.raw("POST", "/proxies/p/toxics", json.dumps({"type": type, "attributes": {"unknown": 1}}))
    shown = ('{"attributes":{%s},"name":"%s_downstream","type":"%s","stream":"downstream","toxicity":1,"seen":0,"hits":0,"unreachable":0}'
             % (ORIGINALS[type], type, type))
    assert (status, text) == (200, shown)
    assert api.raw("GET", "/proxies/p/toxics/%s_downstream" % type)[2] == shown
    assert api.raw("GET", "/proxies/p/toxics")[2] == "[%s]" % shown
    for method in ("POST", "PATCH"):
        assert api(method, "/proxies/p/toxics/%s_downstream" % type, {"toxicity": 0.5})[1]["toxicity"] == 0.5
        for name in json.loads(shown)["attributes"]:
            status, changed = api(method, "/proxies/p/toxics/%s_downstream" % type, {"attributes": {name.upper(): 1}})
            assert status == 200 and changed["attributes"][name] == 1 and changed["toxicity"] == 0.5
    assert api("DELETE", "/proxies/p/toxics/%s_downstream" % type) == (204, None)
    assert api("GET", "/proxies/p/toxics") == (200, [])


def test_toxics_in_their_order_and_under_their_names(api):
    make(api)
    assert api("POST", "/proxies/p/toxics", {"type": "noop", "stream": "DownStream", "name": "d1", "toxicity": -1})[1]["stream"] == "DownStream"
    for body, name in (({"type": "noop", "stream": "upstream"}, "noop_upstream"), ({"type": "noop"}, "noop_downstream"),
                       ({"type": "noop", "stream": "UPSTREAM"}, "noop_UPSTREAM"), ({"type": "noop", "name": "both", "stream": "both"}, "both")):
        status, toxic = api("POST", "/proxies/p/toxics", body)
        assert (status, toxic["name"]) == (200, name)
    assert [t["name"] for t in api("GET", "/proxies/p/toxics")[1]] == ["noop_upstream", "noop_UPSTREAM", "both", "d1", "noop_downstream"]
    assert api("GET", "/proxies/p")[1]["toxics"] == api("GET", "/proxies/p/toxics")[1]
    assert api("POST", "/proxies/p/toxics", {"type": "noop", "name": "d1", "stream": "upstream"}) == (409, "toxic already exists")
    assert api("POST", "/proxies/p/toxics", {"type": "noop", "name": "behavior"}) == (409, "toxic already exists")


@pytest.mark.parametrize("toxicity, shown", [("0.333333333", "0.33333334"), ("1e-9", "1e-9"), ("2", "2"), ("-1", "-1"), ("0", "0"), ("null", "1"), ("0.1", "0.1"),
                                             ("3.4028235e38", "3.4028235e+38"), ("1e-400", "0"), ("1e-45", "1e-45")])
def test_toxicity_is_a_float32(api, toxicity, shown):
    make(api)
    status, headers, text = api.raw("POST", "/proxies/p/toxics", '{"type":"noop","toxicity":%s}' % toxicity)
    assert status == 200 and '"toxicity":%s,' % shown in text


def test_toxics_refused(api):
    make(api)
    assert api("POST", "/proxies/x/toxics", "x") == (404, "proxy not found")
    for path in ("/proxies/x/toxics", "/proxies/x/toxics/t"):
        assert api("GET", path) == (404, "proxy not found")
    for method in ("GET", "POST", "PATCH", "DELETE"):
        assert api(method, "/proxies/p/toxics/t", "x") == (404, "toxic not found")
    go = "bad request body: json: cannot unmarshal "
    for body, text in (
        ("", "bad request body: EOF"), ({"type": "noop", "stream": "sideways"}, "stream was invalid, can be either upstream or downstream"),
        ({}, "invalid toxic type"), ({"type": "down"}, "invalid toxic type"), ({"type": "Latency"}, "invalid toxic type"), ({"type": "dummy"}, "invalid toxic type"),
        ({"type": 1}, go + "number into Go struct field ToxicWrapper.type of type string"),
        ({"type": "noop", "toxicity": "x"}, go + "string into Go struct field ToxicWrapper.toxicity of type float32"),
        ('{"type":"noop","toxicity":1e39}', go + "number 1e+39 into Go struct field ToxicWrapper.toxicity of type float32"),
        ('{"type":"noop","toxicity":-3.4028236e38}', go + "number -3.4028236e+38 into Go struct field ToxicWrapper.toxicity of type float32"),
        ({"type": "latency", "attributes": {"latency": "x"}}, go + "string into Go struct field LatencyToxic.attributes.latency of type int64"),
        ({"type": "latency", "attributes": {"jitter": 0.5}}, go + "number 0.5 into Go struct field LatencyToxic.attributes.jitter of type int64"),
        ({"type": "slicer", "attributes": {"delay": True}}, go + "bool into Go struct field SlicerToxic.attributes.delay of type int"),
        ({"type": "latency", "attributes": {"latency": 99999999999999999999}},
         go + "number 100000000000000000000 into Go struct field LatencyToxic.attributes.latency of type int64"),
        ({"type": "bandwidth", "attributes": {"rate": -1}}, "bad request body: rate: expected a whole number >= 0, got -1"),
        ({"type": "latency", "attributes": {"jitter": 1 << 62}}, "bad request body: jitter: expected a number of milliseconds >= 0, got %d" % (1 << 62)),
        ({"type": "noop", "attributes": []}, go + "array into Go struct field ToxicWrapper.attributes of type toxics.NoopToxic"),
        ({"type": "noop", "skip": "x"}, "bad request body: skip: expected a whole number >= 0, got 'x'"),
        ({"type": "noop", "share": "proxy"}, "bad request body: share: noop has no bandwidth that connections could share"),
        ({"type": "noop", "match": "GET"}, "bad request body: match: tcp has no requests to match"),
        ({"type": "error", "attributes": {"failure": "deadlock"}}, "bad request body: failure: tcp has no failures; give the proxy another protocol"),
        ({"type": "abort", "stream": "downstream"}, "bad request body: direction: abort does nothing to a response"),
        ({"type": "delay", "attributes": {"sleeep": 1}}, None),
    ):
        status, error = api("POST", "/proxies/p/toxics", body)
        assert status == 400 and (error == text if text else error.startswith("bad request body: sleeep: delay has no such option; expected one of ")), error
    assert api("GET", "/proxies/p/toxics") == (200, [])


def test_a_bad_change_changes_nothing(api):
    make(api)
    toxic = api("POST", "/proxies/p/toxics", {"type": "latency", "attributes": {"latency": 1, "jitter": 2}})[1]
    path = "/proxies/p/toxics/latency_downstream"
    assert api("POST", path, {"attributes": {"latency": 5, "jitter": "x"}})[0] == 400
    assert api("POST", path, {"attributes": {"latency": 5}, "toxicity": "x"}) == (
        400, "bad request body: json: cannot unmarshal string into Go struct field .toxicity of type float32")
    assert api("POST", path, '{"toxicity":1e400}')[0] == 400
    assert api("POST", path, {"attributes": None, "toxicity": None, "name": "x", "type": "y", "stream": "z"}) == (200, toxic)
    assert api("GET", path) == (200, toxic)


def test_every_behavior_is_a_toxic(api):
    make(api, protocol="redis", client_tls="on")
    schema = api.proxy.api("GET", "/schema")[1]["behaviors"]
    for behavior in [b["name"] for b in schema if not b["only_datagrams"]]:
        if behavior == "dummy":
            continue
        status, toxic = api("POST", "/proxies/p/toxics", {"type": behavior, "toxicity": 1})
        assert status == 200, (behavior, toxic)
        assert toxic["type"] == behavior and toxic["name"] == "%s_%s" % (behavior, toxic["stream"])
        assert toxic["stream"] in ("upstream", "downstream", "both")
        assert list(toxic)[:5] == ["attributes", "name", "type", "stream", "toxicity"] and list(toxic)[-3:] == ["seen", "hits", "unreachable"]
        assert api("DELETE", "/proxies/p/toxics/" + toxic["name"])[0] == 204


def test_fields_of_rules(api):
    make(api, protocol="redis")
    body = {"type": "delay", "attributes": {"sleep": "250ms"}, "match": "^GET", "client": "10.0.0.0/8", "skip": 1, "times": 2, "every": 3, "ttl": 60}
    toxic = api("POST", "/proxies/p/toxics", body)[1]
    assert list(toxic) == ["attributes", "name", "type", "stream", "toxicity", "match", "client", "skip", "times", "every", "ttl", "per", "seen", "hits", "unreachable"]
    assert (toxic["match"], toxic["client"], toxic["skip"], toxic["times"], toxic["every"], toxic["ttl"], toxic["per"]) == (
        "^GET", "10.0.0.0/8", 1, 2, 3, 60, "exchange")
    assert toxic["attributes"]["sleep"] == 0.25
    assert api("POST", "/proxies/p/toxics/" + toxic["name"], {"times": 5, "match": None})[1]["times"] == 5
    assert api("POST", "/proxies/p/toxics", {"type": "bandwidth", "attributes": {"rate": 5}, "share": "proxy"})[1]["share"] == "proxy"
    latency = api("POST", "/proxies/p/toxics", {"type": "latency", "attributes": {"latency": 5, "distribution": "normal"}})[1]
    assert latency["attributes"] == {"latency": 5, "jitter": 0, "distribution": "normal"}


def test_toxics_are_rules_and_the_group_stands_beside_them(start):
    proxy = start("--rule", "delay sleep=1 name=slow")
    api = Api(proxy.http)
    assert [(t["name"], t["type"]) for t in api("GET", "/proxies/default/toxics")[1]] == [("slow", "delay")]
    assert api("POST", "/proxies/default/toxics", {"type": "latency"})[0] == 200
    assert [r["name"] for r in proxy.api("GET", "/rules")[1]["rules"]] == ["slow", "latency_downstream"]
    proxy.set("20:delay,10:hang")
    toxics = api("GET", "/proxies/default/toxics")[1]
    assert [(t["name"], t["type"], t["toxicity"]) for t in toxics if t["name"] == "behavior"] == [("behavior", "delay", 0.2), ("behavior", "hang", 0.1)]
    assert api("POST", "/proxies/default/toxics/behavior", {})[0] == 400
    assert api("DELETE", "/proxies/default/toxics/behavior")[0] == 204
    assert proxy.api("GET", "/behavior") == (200, {"behavior": "dummy"})
    assert api("POST", "/reset")[0] == 204
    assert proxy.api("GET", "/rules") == (200, {"rules": []})


def test_a_toxic_acts_and_is_counted(api, backend):
    backend.serve()
    port = port_of(make(api, "p", backend.address))
    client = dial(port)
    api("POST", "/proxies/p/toxics", {"type": "latency", "attributes": {"latency": 150}})
    with Clock() as took:
        assert client.send(b"x").read(1) == b"x"
    assert took.seconds >= 0.15
    toxic = api("GET", "/proxies/p/toxics/latency_downstream")[1]
    assert toxic["hits"] >= 1
    api("POST", "/proxies/p/toxics/latency_downstream", {"attributes": {"latency": 60000}})
    client.send(b"y")
    assert client.silent(0.1)
    with Clock() as took:                                   # what it held goes at once
        assert api("DELETE", "/proxies/p/toxics/latency_downstream")[0] == 204
        assert client.read(1) == b"y"
    assert took.seconds < patience(7.5)


def test_control_never_waits_for_a_backend_that_does_not_answer(api, backends):
    full = backends(backlog=0)
    deaf = make(api, "deaf", full.address)
    hung = [socket.socket() for _ in range(3)]
    for sock in hung:                                       # its queue is full from now on
        sock.setblocking(False)
        sock.connect_ex(("127.0.0.1", full.port))
    clients = [dial(port_of(deaf)) for _ in range(5)]
    control_goes_on(api, "deaf")
    for end in clients + hung:
        end.close()


def control_goes_on(api, name):
    path = "/proxies/%s/toxics" % name
    with Clock() as took:
        assert api("POST", path, {"type": "latency", "attributes": {"latency": 60000}})[0] == 200
        assert api("POST", path + "/latency_downstream", {"attributes": {"latency": 1}})[0] == 200
        assert api("GET", "/proxies")[0] == 200
        assert api("DELETE", path + "/latency_downstream")[0] == 204
        assert api("POST", "/proxies/" + name, {"enabled": False})[0] == 200
        assert api("DELETE", "/proxies/" + name)[0] == 204
    assert took.seconds < patience(5)


def test_control_never_waits_for_a_client_that_does_not_read(api, backend):
    backend.serve(lambda end: [end.send(b"x" * 65536) for _ in range(4096)])
    make(api, "deaf", backend.address, toxics=[{"type": "latency", "name": "held", "attributes": {"latency": 100}}])
    client = dial(port_of(api("GET", "/proxies/deaf")[1]))
    until(lambda: api("GET", "/proxies/deaf/toxics/held")[1]["hits"] > 0)
    control_goes_on(api, "deaf")
    client.close()


def test_numbers_of_connections_go_on_when_a_proxy_was_down(api, backend):
    backend.serve()
    port = port_of(make(api, "p", backend.address))
    for expected in (1, 2, 3):
        with dial(port) as client:
            assert client.send(b"x").read(1) == b"x"
        api.proxy.logged("opened proxy=p connection=%d " % expected)
        assert api("POST", "/proxies/p", {"enabled": False})[0] == api("POST", "/proxies/p", {"enabled": True})[0] == 200


def test_ports_may_change_hands(api, backend):
    """From 0.0.0.0 to 127.0.0.1 and back, and from one proxy to another, on the same port."""
    port = port_of(make(api, "p", backend.address, listen=":%d" % free_port()))
    assert api("POST", "/proxies/p", {"listen": "127.0.0.1:%d" % port})[1]["listen"] == "127.0.0.1:%d" % port
    assert api("POST", "/proxies/p", {"listen": ":%d" % port})[1]["listen"] == "[::]:%d" % port
    assert api("DELETE", "/proxies/p")[0] == 204
    assert make(api, "q", backend.address, listen=":%d" % port)["listen"] == "[::]:%d" % port
    with dial(port) as client:
        assert backend.accept() and client


def test_nothing_is_left_behind(api, backend):
    backend.serve()
    make(api, "stays", backend.address)
    before = api.proxy.descriptors()
    for i in range(20):
        port = port_of(make(api, "p", backend.address, toxics=[{"type": "timeout"}, {"type": "bandwidth", "stream": "upstream"}]))
        clients = [dial(port).send(b"x") for _ in range(5)]
        if i % 2:
            api("POST", "/proxies/p", {"enabled": False})
        assert api("DELETE", "/proxies/p")[0] == 204
        for client in clients:
            client.close()
    until(lambda: api.proxy.descriptors() <= before, what="all descriptors to be closed")
