"""Several proxies in one process: from the command line and from the file, each with words of its own."""
import pytest

from conftest import Backend, dial, free_port, listening


@pytest.fixture
def two():
    backends = [Backend(), Backend()]
    yield backends
    for backend in backends:
        backend.close()


def names(proxy):
    return [p["name"] for p in proxy.api("GET", "/info")[1]["proxies"]]


def test_proxies_are_added_on_the_command_line(start, two, tmp_path):
    port, path = free_port(), str(tmp_path / "in.sock")
    proxy = start("--add", "cache=127.0.0.1:%d=%s,redis" % (port, two[1].address),
                  "--add", "file=unix:%s=%s behavior='100:delay' timeout=5" % (path, two[1].address), backend=two[0])
    assert names(proxy) == ["default", "cache", "file"]
    info = proxy.api("GET", "/info")[1]["proxies"]
    assert [p["protocol"] for p in info] == ["tcp", "redis", "tcp"]
    assert [p["behavior"] for p in info] == ["dummy", "dummy", "delay"]
    for address, backend in ((proxy.port, two[0]), (port, two[1]), (path, two[1])):
        with dial(address) as client:
            server = backend.accept()
            assert client.send(b"PING\r\n") and server.read(6) == b"PING\r\n"
    assert proxy.api("GET", "/cache/behavior") == (200, {"behavior": "dummy"})
    assert proxy.api("PUT", "/%d/behavior" % port, {"name": "hang"})[0] == 200
    assert proxy.api("GET", "/cache/behavior")[1]["behavior"] == "hang"
    assert proxy.api("GET", "/behavior") == (200, {"behavior": "dummy"})


def test_ipv6_on_both_sides(start):
    with_v6 = Backend("::1")
    port = free_port("::1")
    proxy = start("--add", "six=[::1]:%d=%s,http" % (port, with_v6.address), backend="127.0.0.1:9")
    with dial(("::1", port)) as client:
        assert client.send(b"GET / HTTP/1.0\r\n\r\n") and with_v6.accept().read(3) == b"GET"
    assert proxy.api("GET", "/six/backend") == (200, {"backend": with_v6.address})
    with_v6.close()


def test_without_proxy_there_is_none_but_those_added(start, two):
    ports = [free_port(), free_port()]
    proxy = start("--add", "a=127.0.0.1:%d=%s" % (ports[0], two[0].address), "--add", "b=127.0.0.1:%d=%s" % (ports[1], two[1].address),
                  "--behavior", "delay", "--rule", "b: hang", "--rule", "abort", "--timeout", "7", listen="", up=lambda: True)
    info = proxy.api("GET", "/info")[1]["proxies"]
    assert [p["name"] for p in info] == ["a", "b"]
    assert [p["behavior"] for p in info] == ["delay", "dummy"]          # --behavior speaks of the first
    assert [r["name"] for r in proxy.api("GET", "/a/rules")[1]["rules"]] == ["behavior", "abort"]
    assert [r["name"] for r in proxy.api("GET", "/b/rules")[1]["rules"]] == ["hang"]


INI = """
[vaurien]
linger = 3
[behavior:delay]
sleep = 0.5
[behavior:error]
failure = deadlock
[rule:slow]
behavior = delay
proxy = cache
[proxy:cache]
listen = 127.0.0.1:%d
backend = %s
protocol = redis
behavior = 10:delay,5:error
behavior.delay.sleep = 0.25
rule = hang match="^GET"
rule = abort match="^SET" name=sets
[proxy:plain]
listen = 127.0.0.1:%d
backend = %s
enabled = false
[proxy:default]
behavior.delay.sleep = 0.125
"""


def test_proxies_of_the_file(start, two, tmp_path):
    ports = [free_port(), free_port()]
    (tmp_path / "v.ini").write_text(INI % (ports[0], two[0].address, ports[1], two[1].address))
    proxy = start("--config", tmp_path / "v.ini", backend=two[0])
    assert names(proxy) == ["default", "cache", "plain"]
    behavior = proxy.api("GET", "/cache/behavior")[1]
    assert behavior["behavior"] == "10:delay,5:error"
    assert behavior["options"]["delay"]["sleep"] == 0.25
    assert behavior["options"]["error"]["failure"] is None              # deadlock is no failure of redis
    assert [(r["name"], r["behavior"]) for r in proxy.api("GET", "/cache/rules")[1]["rules"][2:]] == [
        ("slow", "delay"), ("hang", "hang"), ("sets", "abort")]
    assert not listening(ports[1])
    for path, sleep in (("", 0.125), ("/cache", 0.25), ("/plain", 0.5)):
        assert proxy.api("PUT", path + "/behavior", {"name": "delay"}) == (200, {"status": "ok"})
        assert proxy.api("GET", path + "/behavior")[1]["options"]["sleep"] == sleep


def test_the_default_proxy_has_a_section_too(start, two, tmp_path):
    (tmp_path / "v.ini").write_text("[proxy:default]\nlisten = 127.0.0.1:1\nbackend = h:1\nbehavior = hang\nlinger = 9\n")
    proxy = start("--config", tmp_path / "v.ini", backend=two[0])
    info = proxy.api("GET", "/info")[1]["proxies"]
    assert [(p["name"], p["listen"], p["backend"], p["behavior"]) for p in info] == [
        ("default", "127.0.0.1:%d" % proxy.port, two[0].address, "hang")]


def test_the_command_line_counts_for_more_than_the_file(start, two, tmp_path):
    ports = [free_port(), free_port()]
    (tmp_path / "v.ini").write_text(INI % (ports[0], two[0].address, ports[1], two[1].address))
    proxy = start("--config", tmp_path / "v.ini", "--add", "cache=127.0.0.1:%d=%s behavior=hang" % (ports[1], two[1].address), backend=two[0])
    assert names(proxy) == ["default", "cache", "plain"]
    info = proxy.api("GET", "/info")[1]["proxies"][1]
    assert (info["listen"], info["protocol"], info["behavior"]) == ("127.0.0.1:%d" % ports[1], "redis", "hang")


@pytest.mark.parametrize("words, rc, sentence", [
    (["--add", "x"], 2, "argument --add: expected NAME=LISTEN=BACKEND first, got 'x'"),
    (["--add", "x=:1"], 2, "argument --add: expected NAME=LISTEN=BACKEND first, got 'x=:1'"),
    (["--add", "x=:1=h:2", "--add", "x=:3=h:2"], 2, "argument --add: expected a name that no other has, got 'x'"),
    (["--proxy", ":1", "--add", "default=:3=h:2"], 2, "argument --add: expected a name that no other has, got 'default'"),
    (["--add", "x=:1=h:2 nope=1"], 2, "argument --add: expected option=value of a proxy, got 'nope'"),
    (["--add", "x=:1=h:2 http=true"], 2, "argument --add: expected option=value of a proxy, got 'http'"),
    (["--add", "x=:1=h:2 linger=abc"], 2, "argument --add: linger: expected a number of seconds >= 0, got 'abc'"),
    (["--add", "x=:1=h:2 behavior='delay"], 2, "argument --add: expected a closing '"),
    (["--add", "x=:1=h:2,nope"], 1, "[proxy:x]: protocol: expected one of dns, http, "),
    (["--add", "x=:1=h"], 1, "[proxy:x]: backend: expected HOST:PORT or :PORT, got 'h'"),
    (["--add", "x=1=h:2"], 1, "[proxy:x]: listen: expected HOST:PORT or :PORT, got '1'"),
    (["--add", "a/b=:1=h:2"], 1, "[proxy:a/b]: expected a name of 1 to 64 characters, none of them a blank or one of /?#%"),
    (["--add", "x=:1=h:2 behavior=nope"], 1, "[proxy:x]: 'nope' is an unknown behavior. Pick one of: "),
    (["--add", "x=:1=h:2,redis behavior.error.failure=deadlock"], 1, "[proxy:x]: failure: 'deadlock' is not a failure of redis"),
    (["--rule", "nobody: delay"], 1, "rule: expected the name of a proxy, got 'nobody'"),
])
def test_bad_words(run, words, rc, sentence):
    done = run(*words)
    assert done.returncode == rc and sentence in done.stderr


def test_bad_words_of_the_file(run, tmp_path):
    for text, sentence in (
        ("[proxy:x]\nbackend = h:1\n", "[proxy:x]: listen: expected HOST:PORT, got nothing"),
        ("[proxy:x]\nlisten = h:1\n", "[proxy:x]: backend: expected HOST:PORT, got nothing"),
        ("[proxy:x]\nlinger = x\n", "v.ini:2: linger: expected a number of seconds >= 0, got 'x'"),
        ("[rule:r]\nbehavior = delay\nproxy = y\n", "[rule:r]: proxy: expected the name of a proxy, got 'y'"),
    ):
        (tmp_path / "v.ini").write_text(text)
        done = run("--config", str(tmp_path / "v.ini"))
        assert done.returncode == 1 and sentence in done.stderr


def test_an_address_in_use_is_told_before_anyone_is_served(run, two):
    port = free_port()
    done = run("--add", "a=127.0.0.1:%d=h:1" % port, "--add", "b=127.0.0.1:%d=h:1" % port)
    assert done.returncode == 1
    assert "cannot listen on '127.0.0.1:%d': Address already in use\n" % port in done.stderr
