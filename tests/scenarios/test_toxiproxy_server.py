"""A program that is started as toxiproxy-server: that server's flags, port, log and exit codes."""
import json
import os
import signal
import subprocess

import pytest

from conftest import RUNTIME_ERROR, VAURIEN, Backend, dial, free_port, http_ask, listening, patience, until


@pytest.fixture
def server(tmp_path):
    """server(*args, env=): a running one, and its lines of log; server.run(*args): one that ends by itself."""
    link = tmp_path / "toxiproxy-server"
    os.symlink(VAURIEN, str(link))
    running = []

    class Server:
        def __init__(self, *args, env=None):
            self.out = open(str(tmp_path / ("out%d" % len(running))), "w+")
            self.process = subprocess.Popen([str(link)] + [str(a) for a in args], stdout=self.out, stderr=subprocess.STDOUT,
                                            stdin=subprocess.DEVNULL, env=dict(os.environ, **(env or {})))
            running.append(self)

        def lines(self):
            with open(self.out.name) as text:
                return [json.loads(line) for line in text if line.endswith("\n")]

        def stop(self, how=signal.SIGTERM):
            if self.process.poll() is None:
                self.process.send_signal(how)
            return self.process.wait(patience())

        @staticmethod
        def run(*args, env=None):
            return subprocess.run([str(link)] + list(args), stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
                                  timeout=patience(), env=dict(os.environ, **(env or {})))
    yield Server
    for one in running:
        one.stop()
        with open(one.out.name) as text:
            assert not RUNTIME_ERROR.search(text.read())
        one.out.close()


def get(port, path):
    status, _, text = http_ask(port, "GET", path)
    return status, text


@pytest.mark.parametrize("words", [["-port", "%d"], ["--port=%d"], ["-port=%d", "-host", "127.0.0.1", "-seed", "-5", "-proxy-metrics", "--runtime-metrics=true"]])
def test_it_starts_with_no_proxy_and_says_so_in_json(server, words):
    port = free_port()
    one = server(*[word.replace("%d", str(port)) for word in words])
    until(lambda: listening(port))
    assert get(port, "/proxies") == (200, "{}")
    assert get(port, "/version") == (200, '{"version": "2.12.0"}\n')
    assert get(port, "/nope") == (404, "404 page not found\n")
    assert get(port, "/metrics")[0] == 200
    assert get(port, "/behavior")[0] == 404                 # there is no proxy to have one
    assert get(port, "/behaviors")[0] == 200                # but behaviors there are
    assert one.stop(signal.SIGINT) == 0
    lines = one.lines()
    assert all(list(line)[:2] == ["level", "time"] and "message" in line for line in lines)
    assert any("Started the HTTP server" in line["message"] for line in lines)


def test_its_file(server, tmp_path):
    port, listen = free_port(), free_port()
    backend = Backend().serve()
    path = tmp_path / "config"                              # whatever its name
    path.write_text(json.dumps([{"name": "p", "listen": "127.0.0.1:%d" % listen, "upstream": backend.address, "toxics": [{"type": "noop"}]},
                                {"name": "off", "listen": "127.0.0.1:1", "upstream": "x", "enabled": False}]))
    one = server("-port", port, "-config", path, env={"LOG_LEVEL": "info"})
    until(lambda: listening(port) and listening(listen))
    proxies = json.loads(get(port, "/proxies")[1])
    assert sorted(proxies) == ["off", "p"] and proxies["p"]["toxics"][0]["name"] == "noop_downstream" and not proxies["off"]["enabled"]
    with dial(listen) as client:
        assert client.send(b"hello").read(5) == b"hello"
    path.write_text("[")
    one.process.send_signal(signal.SIGHUP)
    until(lambda: any("SIGHUP: nothing is changed" in line["message"] for line in one.lines()))
    assert listening(listen)
    backend.close()


@pytest.mark.parametrize("text, why", [
    (None, "cannot read '"), ("[", "unexpected EOF"), ('[{"name":"x"}]', "missing required field: upstream at proxy 1"),
    ('[{"name":"x","upstream":"y","listen":"192.0.2.1:1"}]', "cannot listen on '192.0.2.1:1': Cannot assign requested address"),
])
def test_a_bad_file_is_told_and_ends_nothing(server, tmp_path, text, why):
    port, path = free_port(), tmp_path / "x.json"
    if text:
        path.write_text(text)
    one = server("-port", port, "-config", path)
    until(lambda: listening(port))
    assert get(port, "/proxies") == (200, "{}")
    assert any(line["level"] == "error" and why in line["message"] for line in one.lines())


def test_words_that_it_prints(server):
    done = server.run("-version")
    assert (done.returncode, done.stdout) == (0, "toxiproxy-server version 2.12.0\n")
    done = server.run("-h")
    assert done.returncode == 0 and done.stderr.startswith("Usage of toxiproxy-server:\n  -config string\n")
    for words, said in ((["-nope"], "flag provided but not defined: -nope\nUsage"), (["--port"], "flag needs an argument: -port\nUsage"),
                        (["-seed", "x"], 'invalid value "x" for flag -seed: parse error\nUsage'),
                        (["-port", "99999"], 'invalid value "99999" for flag -port: expected a number from 0 to 65535\nUsage'),
                        (["-version=maybe"], 'invalid boolean value "maybe" for -version: parse error\nUsage')):
        done = server.run(*words)
        assert done.returncode == 2 and done.stderr.startswith(said)


def test_a_port_that_is_taken_ends_it(server):
    taken = Backend()
    done = server.run("-host", "127.0.0.1", "-port", str(taken.port))
    assert done.returncode == 1 and "Address already in use" in done.stderr
    taken.close()


def test_its_log_level(server):
    port = free_port()
    one = server("-port", port, env={"LOG_LEVEL": "error"})
    until(lambda: listening(port))
    assert one.stop() == 0 and one.lines() == []
    one = server("-port", port, env={"LOG_LEVEL": "loud"})
    until(lambda: listening(port))
    until(lambda: "LOG_LEVEL: expected panic, fatal, error, warn, info, debug or trace, got 'loud'" in [line["message"] for line in one.lines()])


@pytest.mark.parametrize("name, theirs", [
    ("toxiproxy", True), ("toxiproxy-server-linux-amd64", True), ("toxiproxy-server-darwin-arm64", True), ("toxiproxy-server.exe", True),
    ("toxiproxy.exe", True), ("toxiproxy-server-windows-amd64.exe", True), ("toxiproxy-serverless", False), ("toxiproxy-cli", False),
    ("my-toxiproxy", False), ("vaurien", False),
])
def test_its_names(run, tmp_path, name, theirs):
    link = tmp_path / name
    link.symlink_to(VAURIEN)
    done = run("-version", program=str(link))
    assert (done.returncode == 0 and done.stdout.startswith("toxiproxy-server version 2.")) == theirs
