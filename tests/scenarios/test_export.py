"""What `vaurienctl export` prints, `populate` takes back: nothing is changed, and another process becomes the same."""
import contextlib
import json
import os
import subprocess

import pytest

from harness import VAURIEN, dial, free_port, listening, patience

CTL = os.environ.get("VAURIENCTL_BIN") or os.path.join(os.path.dirname(VAURIEN), "vaurienctl")


def ctl(proxy, *words, given=None):
    done = subprocess.run([CTL, "--host", "http://127.0.0.1:%d" % proxy.http] + [str(word) for word in words], input=given,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, timeout=patience())
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def sockets(proxy):
    """The listening sockets of the process: (family, address, inode)."""
    mine, found = set(), set()
    for fd in os.listdir("/proc/%d/fd" % proxy.pid):
        with contextlib.suppress(FileNotFoundError):    # closed since
            mine.add(os.readlink("/proc/%d/fd/%s" % (proxy.pid, fd)))
    for family in ("tcp", "tcp6"):
        with open("/proc/net/" + family) as rows:
            for row in list(rows)[1:]:
                words = row.split()
                if words[3] == "0A" and "socket:[%s]" % words[9] in mine:
                    found.add((family, words[1], words[9]))
    return found


def rules(proxy, name):
    return proxy.api("GET", "/%s/rules" % name)[1]


RULES = [
    'delay name=a sleep=0.25 match="^QUERY SELECT" every=3 skip=2 times=9 ttl=1h direction=response probability=0.3',
    "dummy name=nothing", "latency latency=10ms jitter=1ms distribution=normal match=x", "error failure=deadlock per=connection",
    "bandwidth rate=100000 share=proxy direction=request client=10.0.0.0/8", "transient agitate=3 match=INSERT",
    "delay percentiles=50:10ms,99:1s probability=0.1 match=none", "noop",
]


@pytest.fixture
def full(start, backend):
    """A process with a proxy of each kind, an open connection, and rules that have counted."""
    words = [word for rule in RULES for word in ("--rule", rule)]
    port, off = free_port(), free_port()
    proxy = start("--protocol", "mysql", "--behavior", "10:delay,5:error", "--behavior-delay-sleep", "50ms", *words,
                  "--add", "off=:%d=%s,redis enabled=no behavior=error" % (off, backend.address),
                  "--add", "named=localhost:%d=%s behavior=5:reset,10:delay" % (free_port(), backend.address),
                  "--add", "any=127.0.0.1:0=%s behavior=hang" % backend.address,
                  "--add", "six=[::1]:%d=%s" % (free_port(), backend.address),
                  "--add", "path=unix:%s=%s" % (os.path.join("/tmp", "vaurien-%d.sock" % port), backend.address),
                  listen="0.0.0.0:%d" % port, backend=backend, up=lambda: listening(port))
    proxy.port = port
    assert proxy.api("POST", "/proxies/default/toxics", {"type": "reset_peer", "name": "some", "toxicity": 0.1, "stream": "Upstream",
                                                         "attributes": {"timeout": 5000}, "client": "10.0.0.0/8"})[0] == 200
    assert proxy.api("POST", "/proxies", {"name": "both", "listen": "0.0.0.0:%d" % free_port(), "upstream": "a.example:1",
                                          "toxics": [{"type": "latency", "toxicity": 0.25}]})[0] == 201
    return proxy


def test_populating_an_export_changes_nothing(full, backend):
    with dial(full.port) as client, backend.accept() as server:
        server.send(b"early")           # not the greeting of a server: a raw connection
        assert client.read(5) == b"early"
        before = ctl(full, "export")
        counted, listen = [rules(full, name) for name in ("default", "named", "any", "both")], sockets(full)
        for _ in range(2):
            assert ctl(full, "populate", "-", given=before).startswith("Populated 7 proxies: default, off, named, any, six, path, both")
            assert ctl(full, "export") == before
        raw = list(full.api("GET", "/proxies")[1].values())     # what others take from the API, counts and all
        for _ in range(2):
            assert full.api("POST", "/populate", raw)[0] == 201
            assert ctl(full, "export") == before
        assert [rules(full, name) for name in ("default", "named", "any", "both")] == counted
        assert sockets(full) == listen
        client.send(b"still")
        assert server.read(5) == b"still"
    assert full.api("GET", "/behavior")[1]["behavior"] == "10:delay,5:error"
    assert " is changed: " not in full.whole_log()


def test_an_export_makes_the_same_in_another_process(full, start, tmp_path):
    before, families = ctl(full, "export"), {(family, address) for family, address, _ in sockets(full)}
    kept = {name: full.api("GET", "/%s/behavior" % name)[1] for name in ("default", "off", "named", "any", "both")}
    full.stop()
    other = start(http=True, listen="", up=lambda: True)
    other.api("DELETE", "/proxies/default")
    for _ in range(2):
        ctl(other, "populate", "-", given=before)
        assert ctl(other, "export") == before
    assert {name: other.api("GET", "/%s/behavior" % name)[1] for name in kept} == kept
    now = {(family, address) for family, address, _ in sockets(other)}
    assert len(families) == len(now) and len(families & now) == len(families) - 1       # all but the API's
    assert other.api("GET", "/named/rules")[1]["rules"][0]["behavior"] == "reset"

    (tmp_path / "export.json").write_text(before)               # as a file to start from, too
    other.stop()
    third = start("--config", tmp_path / "export.json", listen="", up=lambda: True)
    assert ctl(third, "export") == before


def test_ipv4_comes_back_as_ipv4(start, backend):
    """0.0.0.0 of a user of Vaurien is IPv4. In Toxiproxy's requests it is all addresses, and stays so."""
    port, theirs = free_port(), free_port()
    proxy = start(listen="0.0.0.0:%d" % port, backend=backend, up=lambda: listening(port))
    assert proxy.api("POST", "/proxies", {"name": "theirs", "listen": "0.0.0.0:%d" % theirs, "upstream": "a:1"})[0] == 201
    shown = proxy.api("GET", "/proxies")[1]
    assert (shown["default"]["listen"], shown["default"]["ipv4_only"]) == ("0.0.0.0:%d" % port, True)
    assert shown["theirs"]["listen"] == "[::]:%d" % theirs and "ipv4_only" not in shown["theirs"]
    was = sockets(proxy)
    # A client of Toxiproxy sends back what it was shown, without the keys that it does not know.
    with dial(port) as client, backend.accept() as server:
        plain = {key: shown["default"][key] for key in ("name", "listen", "upstream", "enabled")}
        assert proxy.api("POST", "/proxies/default", plain)[0] == 200
        assert proxy.api("POST", "/populate", [plain])[0] == 201
        client.send(b"open")
        assert server.read(4) == b"open"
    assert sockets(proxy) == was
    assert proxy.api("POST", "/proxies/theirs", {"listen": "0.0.0.0:%d" % theirs})[1]["listen"] == "[::]:%d" % theirs
    assert sockets(proxy) == was
    # Both can be had by asking for it.
    assert proxy.api("POST", "/proxies/theirs", {"listen": "0.0.0.0:%d" % theirs, "ipv4_only": True})[1]["ipv4_only"] is True
    answer = proxy.api("POST", "/proxies/theirs", {"listen": "0.0.0.0:%d" % theirs, "ipv4_only": False})[1]
    assert answer["listen"] == "[::]:%d" % theirs and "ipv4_only" not in answer


@pytest.mark.parametrize("body, said", [
    ({"listen": "[::1]:0", "ipv4_only": True}, "listen tcp: address [::1]:0: expected one of IPv4 with ipv4_only"),
    ({"ipv4_only": 1}, "bad request body: json: cannot unmarshal number into Go struct field Proxy.ipv4_only of type bool"),
    ({"behavior": "delay"}, 'bad request body: behavior: expected an object with a "name", as PUT /behavior takes it'),
    ({"behavior": {"name": "dely"}}, "bad request body: behavior: the 'dely' behavior does not exist; did you mean 'delay'?"),
    ({"behavior": {"name": "delay", "sleep": -1}}, "bad request body: behavior: sleep: expected a number of seconds >= 0, got -1"),
])
def test_refused(start, body, said):
    proxy = start(backend="127.0.0.1:9")
    status, answer = proxy.api("POST", "/proxies", dict({"name": "x", "upstream": "a:1", "listen": "127.0.0.1:0"}, **body))
    assert status in (400, 500) and answer["error"] == said
    assert list(proxy.api("GET", "/proxies")[1]) == ["default"]


def test_only_what_differs_is_changed(start, backend):
    """A populate with one rule more, one less and one changed: the others keep their counts, the connection stays."""
    proxy = start("--protocol", "redis", "--timeout", "5s", "--add", "own=127.0.0.1:%d=%s,redis timeout=7s" % (free_port(), backend.address),
                  "--rule", "delay name=stays sleep=0", "--rule", "noop name=goes", "--rule", "delay name=changes sleep=0 match=GET",
                  "--behavior", "10:delay", backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"GET a\r\n")
    assert server.read_to(b"\r\n")
    server.send(b"$-1\r\n")
    assert client.read(5) == b"$-1\r\n"
    was = {rule["name"]: rule for rule in rules(proxy, "default")["rules"]}
    exported = json.loads(ctl(proxy, "export"))
    mine = next(one for one in exported if one["name"] == "default")
    mine["toxics"] = [toxic for toxic in mine["toxics"] if toxic["name"] != "goes"] + [{"type": "latency", "name": "new"}]
    for toxic in mine["toxics"]:
        if toxic["name"] == "changes":
            toxic["attributes"]["sleep"] = 0.001
    ctl(proxy, "populate", "-", given=json.dumps(exported))
    now = {rule["name"]: rule for rule in rules(proxy, "default")["rules"]}
    assert set(now) == {"stays", "changes", "new", "behavior"}
    assert now["stays"] == was["stays"] and now["behavior"] == was["behavior"]
    assert was["stays"]["seen"] and was["changes"]["seen"] and not now["changes"]["seen"]
    client.send(b"GET a\r\n")
    assert server.read_to(b"\r\n")
    assert proxy.api("GET", "/behavior")[1]["behavior"] == "10:delay"
    del mine["behavior"]                        # without one there is none: the toxics are all
    ctl(proxy, "populate", "-", given=json.dumps([mine]))
    assert proxy.api("GET", "/behavior")[1] == {"behavior": "dummy"}


def test_a_toxic_that_was_changed_as_a_rule_is_shown_as_it_is(start):
    proxy = start(backend="127.0.0.1:9")
    proxy.api("POST", "/proxies/default/toxics", {"type": "latency", "name": "slow", "stream": "Downstream", "toxicity": 0.1})
    assert proxy.api("GET", "/rules/slow")[1]["options"]["probability"] == 0.1
    assert proxy.api("GET", "/proxies/default/toxics/slow")[1]["stream"] == "Downstream"
    assert proxy.api("PUT", "/rules/slow", {"probability": 0.5, "direction": "request"})[0] == 200
    toxic = proxy.api("GET", "/proxies/default/toxics/slow")[1]
    assert (toxic["toxicity"], toxic["stream"]) == (0.5, "upstream")
    exported = ctl(proxy, "export")
    ctl(proxy, "populate", "-", given=exported)
    assert ctl(proxy, "export") == exported


# ---- a match decides for each exchange, however the rule is given ----

GIVEN = {
    "flag": lambda start, words, backend: start("--protocol", "redis", "--rule", words + ' match="^GET"', backend=backend),
    "behavior": lambda start, words, backend: start("--protocol", "redis", backend=backend).set(
        words.split()[0], match="^GET", **dict(word.split("=") for word in words.split()[1:])),
}


def posted(path, key):
    def give(start, words, backend):
        proxy = start("--protocol", "redis", backend=backend)
        name, *options = words.split()
        options = dict(word.split("=") for word in options)
        if key == "type":
            body = {"type": name, "match": "^GET", "attributes": {word: int(value) for word, value in options.items()}}
        else:
            body = dict(options, behavior=name, match="^GET")
        assert proxy.api("POST", path, body)[0] == 200
        return proxy
    return give


def updated(path, key):
    """The match comes later."""
    def give(start, words, backend):
        proxy = start("--protocol", "redis", backend=backend)
        name, *options = words.split()
        attributes = {word: int(value) for word, value in (option.split("=") for option in options)}
        assert proxy.api("POST", "/proxies/default/toxics", {"type": name, "name": "x", "attributes": attributes})[0] == 200
        status, answer = proxy.api("POST" if key == "toxic" else "PUT", path, {"match": "^GET"})
        assert status == 200, answer
        return proxy
    return give


def from_file(start, words, backend):
    name, *options = words.split()
    path = os.path.join(os.environ.get("TMPDIR", "/tmp"), "vaurien-%d-%d.ini" % (os.getpid(), free_port()))
    with open(path, "w") as file:
        file.write("[vaurien]\nprotocol = redis\n[rule:x]\nbehavior = %s\nmatch = ^GET\n%s\n" % (name, "\n".join(options)))
    try:
        return start("--config", path, backend=backend)
    finally:
        os.unlink(path)


GIVEN.update({"json": posted("/rules", "behavior"), "toxic": posted("/proxies/default/toxics", "type"), "file": from_file,
              "toxic-update": updated("/proxies/default/toxics/x", "toxic"), "rule-update": updated("/rules/x", "rule")})


@pytest.mark.parametrize("given", sorted(GIVEN))
@pytest.mark.parametrize("words", ["latency latency=40", "bandwidth rate=1", "slicer average_size=1 delay=10"])
def test_a_match_makes_it_per_exchange(start, backend, given, words):
    proxy = GIVEN[given](start, words, backend)
    rule = proxy.api("GET", "/rules")[1]["rules"][0]
    assert rule["options"].get("per", "own") != "connection"
    client, server = proxy.meet(backend)
    for line in (b"SET a 1\r\n", b"GET a\r\n", b"SET b 2\r\n", b"GET b\r\n"):
        client.send(line)
        assert server.read_to(b"\r\n") == line
        server.send(b"+OK\r\n")
        assert client.read(5) == b"+OK\r\n"
    rule = proxy.api("GET", "/rules")[1]["rules"][0]
    assert (rule["seen"], rule["hits"]) == (2, 2)


def test_a_match_for_connections_is_refused(start):
    proxy = start("--protocol", "redis", backend="127.0.0.1:9")
    for path, body in (("/rules", {"behavior": "latency", "match": "a", "per": "connection"}),
                       ("/proxies/default/toxics", {"type": "latency", "match": "a", "per": "connection"})):
        status, answer = proxy.api("POST", path, body)
        assert status == 400 and "match: expected per = exchange beside it" in json.dumps(answer)
    for behavior in ("slow_connect", "slow_close"):
        status, answer = proxy.api("POST", "/rules", {"behavior": behavior, "match": "a"})
        assert status == 400 and "concerns connections" in answer["errors"][0]["description"]
