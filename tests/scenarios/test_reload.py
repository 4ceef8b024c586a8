"""SIGHUP: the file is read again. What has not changed is left alone; what is wrong changes nothing, and is told."""
import json
import os
import signal

import pytest

from conftest import dial, free_port, listening, until


@pytest.fixture
def world(start, backends, tmp_path):
    class World:
        a, b = free_port(), free_port()
        one, two = backends().serve(), backends().serve()
        path = tmp_path / "vaurien.ini"

        def write(self, text):
            self.path.write_text(text)

        def proxy(self, name, port, backend, more=""):
            return "[proxy:%s]\nlisten = 127.0.0.1:%d\nbackend = %s\n%s\n" % (name, port, backend.address, more)

        def begin(self, text, *words):
            self.write(text)
            self.vaurien = start("--config", self.path, *words, listen="", up=lambda: True)
            return self.vaurien

        def hup(self, text=None, expect=r"SIGHUP: (\d+) of (\d+) proxies change"):
            if text is not None:
                self.write(text)
            before = self.vaurien.log().count("SIGHUP")
            os.kill(self.vaurien.pid, signal.SIGHUP)
            until(lambda: self.vaurien.log().count("SIGHUP") > before, what="the file to be read again")
            return self.vaurien.logged(expect).group()

        def names(self):
            return [p["name"] for p in self.vaurien.api("GET", "/info")[1]["proxies"]]
    return World()


def talks(client):
    return client.send(b"x").read(1) == b"x"


def test_proxies_come_go_and_stay(world):
    a = world.proxy("a", world.a, world.one)
    world.begin(a + world.proxy("b", world.b, world.one))
    kept, gone = dial(world.a), dial(world.b)
    assert talks(kept) and talks(gone)
    c = free_port()
    assert "2 of 3" in world.hup(a + world.proxy("c", c, world.two))
    assert gone.ends() == "fin" and not listening(world.b)
    with dial(c) as new:
        assert talks(new)
    assert talks(kept) and world.names() == ["a", "c"]
    assert world.hup() and "0 of 2" in world.vaurien.log()
    assert talks(kept)


def test_rules_that_stay_keep_what_they_have_counted(world):
    rules = "rule = delay sleep=0 name=first\nrule = delay sleep=0 name=second\n"
    world.begin(world.proxy("a", world.a, world.one, rules))
    client = dial(world.a)
    assert talks(client)

    def seen():
        return {r["name"]: (r["seen"], r["options"]["sleep"]) for r in world.vaurien.api("GET", "/a/rules")[1]["rules"]}
    before = seen()
    assert before["first"][0] > 0
    world.hup(world.proxy("a", world.a, world.one, rules.replace("sleep=0 name=second", "sleep=0.001 name=second") + "rule = delay sleep=0 name=third\n"))
    assert talks(client)
    now = seen()
    assert now["first"][0] > before["first"][0] and now["second"][1] == 0.001 and now["second"][0] < now["first"][0] and "third" in now
    world.hup(world.proxy("a", world.a, world.one, "behavior = hang\n"))
    assert seen_names(world) == ["behavior"] and world.vaurien.api("GET", "/a/behavior")[1]["behavior"] == "hang"
    client.send(b"y")
    assert client.silent(0.05)
    world.hup(world.proxy("a", world.a, world.one))
    assert client.read(1) == b"y"


def seen_names(world):
    return [r["name"] for r in world.vaurien.api("GET", "/a/rules")[1]["rules"]]


def test_what_the_api_has_changed_stays(world):
    text = world.proxy("a", world.a, world.one, "rule = delay sleep=0 name=mine\n")
    world.begin(text)
    api = world.vaurien.api
    assert api("PUT", "/a/behavior", {"name": "abort"})[0] == 200
    assert api("PUT", "/a/backend", {"backend": world.two.address})[0] == 200
    assert api("POST", "/proxies/a/toxics", {"type": "noop"})[0] == 200
    assert api("POST", "/proxies", {"name": "made", "listen": "127.0.0.1:0", "upstream": "x"})[0] == 201
    world.hup(text + "linger = 5\n")
    assert seen_names(world) == ["mine", "behavior", "noop_downstream"]
    assert api("GET", "/a/backend")[1] == {"backend": world.two.address}
    assert world.names() == ["a", "made"]


def test_addresses_and_more_change_in_place(world):
    world.begin(world.proxy("a", world.a, world.one) + world.proxy("b", world.b, world.one, "protocol = redis\n"))
    a, b = dial(world.a), dial(world.b)
    assert talks(a)
    world.hup(world.proxy("a", world.b, world.two) + world.proxy("b", world.a, world.two, "protocol = redis\n"))      # they swap
    for port in (world.a, world.b):
        assert listening(port)
    info = {p["name"]: p for p in world.vaurien.api("GET", "/info")[1]["proxies"]}
    assert info["a"]["listen"].endswith(":%d" % world.b) and info["a"]["backend"] == world.two.address
    assert talks(a)                                         # it had its backend, and keeps it
    world.hup(world.proxy("a", world.b, world.two, "enabled = false\n") + world.proxy("b", world.a, world.two, "protocol = http\n"))
    assert a.ends() == "fin" and b.ends() == "fin"          # disabled; and it speaks something else now
    assert not listening(world.b)


@pytest.mark.parametrize("bad, why", [
    ("nonsense\n", "expected KEY = VALUE or [SECTION]"),
    ("[proxy:x]\nlisten = 1\nbackend = h:1\n", "[proxy:x]: listen: expected HOST:PORT or :PORT, got '1'"),
    ("[proxy:x]\nlisten = 127.0.0.1:1\nbackend = h:1\nbehavior = nope\n", "[proxy:x]: 'nope' is an unknown behavior."),
    ("[proxy:x]\nlisten = 192.0.2.1:1234\nbackend = h:1\n", "proxy=x: cannot listen on '192.0.2.1:1234': Cannot assign requested address"),
    ("[proxy:x]\nlisten = nobody.invalid:1234\nbackend = h:1\n", "proxy=x: cannot listen on 'nobody.invalid:1234': "),
    (None, "cannot read '"),
])
def test_a_bad_file_changes_nothing_and_is_told(world, bad, why):
    world.begin(world.proxy("a", world.a, world.one) + world.proxy("b", world.b, world.one))
    client = dial(world.a)
    assert talks(client)
    if bad is None:
        world.path.unlink()
    said = world.hup(bad and world.proxy("a", world.b, world.two) + bad, r"SIGHUP: nothing is changed: .*")
    assert why in said
    assert talks(client) and world.names() == ["a", "b"]
    for port in (world.a, world.b):
        with dial(port) as new:
            assert talks(new)
    world.vaurien.stop()
    assert world.vaurien.said() == ""                       # it is the log that tells of it


def test_what_changes_with_the_next_start_only_is_told(world):
    world.begin(world.proxy("a", world.a, world.one))
    world.hup("[vaurien]\nthreads = 2\n" + world.proxy("a", world.a, world.one))
    world.vaurien.logged("change with the next start, not before")


def test_toxiproxy_s_file(start, backend, tmp_path):
    backend.serve()
    path, port = tmp_path / "toxi.json", free_port()
    wanted = {"name": "p", "listen": "127.0.0.1:%d" % port, "upstream": backend.address,
              "toxics": [{"type": "latency", "name": "late", "attributes": {"latency": 1}}]}
    path.write_text(json.dumps([wanted]))
    proxy = start("--config", path, listen="", up=lambda: True)
    assert [p["name"] for p in proxy.api("GET", "/info")[1]["proxies"]] == ["p"]
    client = dial(port)
    assert talks(client)
    hits = proxy.api("GET", "/proxies/p/toxics/late")[1]["hits"]
    wanted["toxics"].append({"type": "noop"})
    path.write_text(json.dumps([wanted, {"name": "q", "listen": "127.0.0.1:0", "upstream": "x"}]))
    os.kill(proxy.pid, signal.SIGHUP)
    proxy.logged("SIGHUP: 2 of 2 proxies change")
    assert talks(client)
    toxics = proxy.api("GET", "/proxies/p/toxics")[1]
    assert [t["name"] for t in toxics] == ["late", "noop_downstream"] and toxics[0]["hits"] == hits == 1
    path.write_text('[{"name": "p"}]')
    os.kill(proxy.pid, signal.SIGHUP)
    proxy.logged("SIGHUP: nothing is changed: .*toxi.json: missing required field: upstream at proxy 1")
    assert talks(client)


def test_many_at_once_are_one_after_the_other(world):
    world.begin(world.proxy("a", world.a, world.one))
    for _ in range(50):
        os.kill(world.vaurien.pid, signal.SIGHUP)
    with dial(world.a) as client:
        assert talks(client)
