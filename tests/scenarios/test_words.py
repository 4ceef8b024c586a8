"""The command line and the file: what is understood, what is refused and how."""
import os
import re
import signal
import socket

import pytest

from harness import free_port, until

NAMES = ["abort", "blackout", "delay", "dummy", "error", "hang", "transient"]


@pytest.mark.parametrize("words, rc, said", [
    (["--nope"], 2, "vaurien: error: "),
    (["--protocol", "nope"], 2, "nope"),
    (["--http-port", "abc"], 2, "abc"),
    (["--log-level", "Info"], 2, "Info"),
    (["--proto", "tcp"], 2, "ambiguous"),
    (["--proxy", "8000"], 1, "--proxy: expected HOST:PORT or :PORT, got '8000'"),
    (["--proxy", "localhost:abc"], 1, "--proxy: expected HOST:PORT or :PORT, got 'localhost:abc'"),
    (["--backend", "nocolon"], 1, "--backend: expected HOST:PORT or :PORT, got 'nocolon'"),
    (["--behavior", "nope"], 1, "'nope' is an unknown behavior. Pick one of: 'abort', "),
    (["--behavior", "100:nope"], 1, "'nope' is an unknown behavior"),
    (["--behavior", "80:delay,30:error"], 1, "--behavior '80:delay,30:error': The behavior total needs to be 100 or less\n"),
    (["--behavior", "10:delay:x"], 1, "--behavior '10:delay:x': You need to use percentage:name\n"),
    (["--behavior", "x:delay"], 1, "'x'"),
])
def test_refused(run, words, rc, said):
    done = run(*words)
    assert done.returncode == rc, done.stderr
    assert said in done.stderr
    if rc == 2:
        assert done.stderr.startswith("usage: vaurien")


def test_a_file_that_is_not_there(run, tmp_path):
    done = run("--config", tmp_path / "none.ini")
    assert done.returncode == 1
    assert done.stdout == "Unexistant filename '%s'\n" % (tmp_path / "none.ini")      # scripts of the Python Vaurien read it
    assert done.stderr == "cannot read '%s': No such file or directory\n" % (tmp_path / "none.ini")


@pytest.mark.parametrize("taken", ["--proxy", "--http-port"])
def test_a_port_in_use(run, taken):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        words = ["--proxy", "127.0.0.1:%d" % (port if taken == "--proxy" else free_port()),
                 "--http", "--http-host", "127.0.0.1", "--http-port", port if taken != "--proxy" else free_port()]
        done = run(*words)
    assert done.returncode == 1
    assert str(port) in done.stderr
    assert "in use" in done.stderr


def test_help_and_version(run):
    done = run("--help", "all")
    assert done.returncode == 0
    for word in ["--behavior-delay-sleep", "--behavior-transient-agitate", "--protocol-mysql-reuse-socket",
                 "--statsd.sample-rate", "--protocol-tcp-buffer", "Runs a Chaos TCP proxy."]:
        assert word in done.stdout
    done = run("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()


def test_every_old_word_is_taken(start, backend):
    words = ["--stay-conn", "--sync", "--backlog", 100, "--pool-timeout", 5, "--pool-max-size=7", "--log-level", "DEBUG"]
    for protocol in ("tcp", "mysql"):
        words += ["--protocol-%s-reuse-socket" % protocol, "--protocol-%s-buffer" % protocol, 100]
    words += ["--protocol-tcp-keep-alive", "--behavior-delay-before", "--behavior-transient-inject"]
    proxy = start(*words, backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"x")
    assert server.read(1) == b"x"
    assert "* stay_connected: 1" in proxy.whole_log()
    assert "* pool_max_size: 7" in proxy.whole_log()


@pytest.fixture
def ini(tmp_path):
    def write(text):
        path = tmp_path / "vaurien.ini"
        path.write_text(text)
        return path
    return write


def behavior(proxy):
    status, answer = proxy.api("GET", "/behavior")
    assert status == 200
    return answer


def test_the_file_then_the_command_line(start, ini, backend):
    config = ini("[vaurien]\nbackend = %s\nbehavior = delay\ntimeout = 7\nstay_connected = true\n"
                 "[behavior:delay]\nsleep = 0.4\n[behavior:error]\nwarmup = 3\n" % backend.address)
    proxy = start("--config", config)
    assert behavior(proxy)["behavior"] == "delay"
    assert behavior(proxy)["options"]["sleep"] == 0.4
    assert "* timeout: 7" in proxy.whole_log()
    assert "* stay_connected: 1" in proxy.whole_log()
    proxy.set("error")
    assert behavior(proxy)["options"]["warmup"] == 3

    proxy = start("--config", config, "--behavior-delay-sleep", "0.1", "--timeout", 9)
    assert behavior(proxy)["options"]["sleep"] == 0.1
    assert "* timeout: 9" in proxy.whole_log()
    proxy.set("delay", before=False)            # what a request does not say is as it was said before
    assert behavior(proxy)["options"]["sleep"] == 0.1
    assert behavior(proxy)["options"]["before"] is False


def test_a_bad_value_in_the_file(run, ini):
    for text in ("[behavior:delay]\nsleep = abc\n", "[vaurien]\nprotocol = nope\n", "[vaurien]\nbehavior = nope\n",
                 "[vaurien]\nproxy = 8000\n"):
        done = run("--config", ini(text))
        assert done.returncode == 1, text
        assert text.split(" = ")[1].strip() in done.stderr


def test_weights_read_back_can_be_put_back(start, backend):
    proxy = start("--behavior", "20:delay,10:error", backend=backend)
    before = behavior(proxy)
    assert before["behavior"] == "20:delay,10:error"
    assert set(before["options"]) == {"delay", "error"}
    proxy.set("dummy")
    assert behavior(proxy) == {"behavior": "dummy"}
    proxy.set(before["behavior"], **before["options"])
    assert behavior(proxy) == before


def test_names(start, backend):
    names = start(backend=backend).api("GET", "/behaviors")[1]["behaviors"]
    assert names == sorted(names)
    assert set(NAMES) <= set(names)


# ---- what would open what it was to close, or never end ----

@pytest.mark.parametrize("token", ["", " ", "a ", " a", "\t", "a\tb", "a\nb", "a\x1b"])
def test_a_token_that_is_none_is_refused(run, tmp_path, token):
    words = ["--http", "--http-port", "0", "--proxy", "127.0.0.1:0", "--backend", "x:1"]
    done = run(*words, "--http-token", token)
    assert done.returncode == 2 and "argument --http-token: expected a text" in done.stderr
    path = tmp_path / "t.ini"
    path.write_text("[vaurien]\nhttp-token = ${SECRET}\n")
    done = run(*words, "--config", path, env=dict(os.environ, SECRET=token))
    assert done.returncode == 1 and done.stderr.startswith("http-token: expected a text")


def test_a_path_that_is_lost_is_refused(run, tmp_path):
    path = tmp_path / "t.ini"
    for name, expected in (("events", "a file"), ("tls-dir", "a directory")):
        done = run("--proxy", "127.0.0.1:0", "--backend", "x:1", "--" + name, "")
        assert done.returncode == 2 and "argument --%s: expected %s" % (name, expected) in done.stderr
        path.write_text("[vaurien]\n%s =\n" % name)
        done = run("--config", path)
        assert done.returncode == 1 and done.stderr.startswith("%s: expected %s" % (name, expected))


def test_a_token_that_is_lost_changes_nothing(start, tmp_path):
    path = tmp_path / "t.ini"
    path.write_text("[vaurien]\nhttp-token = s3cret\n")
    proxy = start("--config", path)
    for lost in ("", '"  "'):
        path.write_text("[vaurien]\nhttp-token = %s\n" % lost)
        before = proxy.log().count("SIGHUP: nothing is changed: http-token: expected a text")
        proxy.process.send_signal(signal.SIGHUP)
        until(lambda: proxy.log().count("SIGHUP: nothing is changed: http-token: expected a text") > before)
        assert proxy.api("GET", "/info")[0] == 401


def test_an_empty_host_of_the_api_is_refused(run):
    done = run("--http", "--http-host", "", "--proxy", "127.0.0.1:0", "--backend", "x:1")
    assert done.returncode == 2 and "argument --http-host: expected a name, an address or unix:/PATH" in done.stderr


def odd_file(path, kind):
    if path.is_symlink() or path.exists():
        path.unlink()
    if kind == "a pipe":
        os.mkfifo(str(path))
    elif kind == "a directory":
        path.mkdir()
    elif kind == "a device":
        path.symlink_to("/dev/zero")
    else:
        with open(str(path), "wb") as out:
            out.truncate(1 << 33)


@pytest.mark.parametrize("kind", ["a pipe", "a directory", "a device", "more"])
@pytest.mark.parametrize("name, flag", [("x.ini", "--config"), ("x.json", "--config"), ("x.lua", "--plugin"), ("x.so", "--plugin")])
def test_files_that_never_end_are_refused(run, tmp_path, name, flag, kind):
    if (name, kind) == ("x.so", "more"):
        pytest.skip("the system's loader maps a file, it does not read it")
    path = tmp_path / name
    odd_file(path, kind)
    done = run(flag, path)
    what = "expected a Lua script" if (name, kind) == ("x.lua", "more") else "expected a regular file, got " + kind
    assert done.returncode == 1 and (what if kind != "more" or name == "x.lua" else "bytes, got more") in done.stderr
    if name == "x.ini":
        extending = tmp_path / "y.ini"
        extending.write_text("[DEFAULT]\nextends = x.ini\n")
        assert run("--config", extending).returncode == 1


@pytest.mark.parametrize("kind", ["a pipe", "a device", "more"])
@pytest.mark.parametrize("name", ["x.ini", "x.json", "x.lua"])
def test_files_that_never_end_hold_up_no_reload(start, tmp_path, name, kind):
    path = tmp_path / name
    path.write_text({"x.ini": "[vaurien]\n", "x.json": "[]", "x.lua": "return { name = 'own', help = 'x', on = { ON_REQUEST }, "
                     "act = function() end }"}[name])
    proxy = start("--plugin" if name == "x.lua" else "--config", path, "--backend", "x:1")
    odd_file(path, kind)
    proxy.process.send_signal(signal.SIGHUP)
    proxy.logged("stays as it was: expected a" if name == "x.lua" else "SIGHUP: nothing is changed: .*expected a")
    assert proxy.api("GET", "/info")[0] == 200


# ---- --list WHAT ----

@pytest.mark.parametrize("words, lines", [
    (["--list", "behaviors"], ["  delay         Delays each request, or each response, once"]),
    (["--list=protocols"], ["protocols:", "  tcp           Any protocol, as plain bytes"]),
    (["--list", "rules"], ["fields of rules, for every behavior:"]),
    (["--list", "delay"], ["  delay         Delays each request, or each response, once", "      sleep                  Delay of each message (seconds, default 1)",
                           "A time may have its unit: 250ms, 2s, 1m.", "The fields of rules apply as well: vaurien --list rules."]),
    (["--list=slow_close"], ["--behavior-slow-close-OPTION of vaurien, OPTION in [behavior:slow_close] of the file, and",
                             "`vaurienctl set-behavior slow_close --OPTION VALUE` set them."]),
    (["--list", "mysql"], ["    failures:"]),
    (["--list", "tcp", "--http"], ["    failures: none, the protocol has no error replies"]),
    (["--list", "deadlock"], ["  deadlock"]),
    (["--list", "udp"], ["  protocols: dns tcp"]),
    (["--help", "udp"], ["udp: a proxy on udp://HOST:PORT passes datagrams, and its backend is UDP, too."]),
    (["--list", "tls_alert"], ["                             handshake_failure)"]),
])
def test_one_of_the_list(run, words, lines):
    done = run(*words)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(lines) <= set(done.stdout.split("\n"))
    assert all(len(line) <= 100 or "Example: " in line for line in done.stdout.split("\n"))


def test_each_name_of_the_list(run):
    """Each name of the whole list can be listed alone, and its lines are those of the whole list."""
    whole = run("--list").stdout
    names = set(re.findall(r"^  (\w+) ", whole, re.M)) | set(re.findall(r"^  (\w+)$", run("--list", "failures").stdout, re.M))
    assert {"delay", "mysql", "deadlock"} <= names
    failures = run("--list", "failures").stdout
    for name in sorted(names):
        done = run("--list", name)
        assert (done.returncode, done.stderr) == (0, ""), name
        block = done.stdout.split("\n\n")[0].split("The fields of rules")[0]
        assert block in whole or block in failures or "  %s\n    " % name in block, name


@pytest.mark.parametrize("word, meant", [
    ("dely", "delay"), ("mysq", "mysql"), ("dedlock", "deadlock"), ("behaviour", "behaviors"), ("failure", "failures"),
    ("quite-unlike-all", None), ("", None),
])
def test_not_of_the_list(run, word, meant):
    for words in ((["--list", word] if word else ["--list="]), ["--list=" + word]):
        done = run(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.endswith(
            "vaurien: error: argument --list: expected behaviors, protocols, failures, rules, udp or the name of one of these, got '%s'%s\n"
            % (word, "; did you mean '%s'?" % meant if meant else ""))


def test_a_list_for_shells(run):
    rows = dict(line.split("\t")[1:4:2] for line in run("--list=words").stdout.split("\n") if line.startswith("flag"))
    assert {"behaviors", "rules", "delay", "mysql", "deadlock"} <= set(rows["--list"].split())


# ---- an unknown name, and the one that was meant ----

def test_unknown_names_suggest_the_known_one(start, backend):
    proxy = start("--protocol", "mysql", backend=backend)

    def refused(method, path, body):
        status, answer = proxy.api(method, path, body)
        assert status == 400, answer
        return answer["errors"][0]["description"] if "errors" in answer else answer["error"]

    assert refused("PUT", "/behavior", {"name": "dely"}) == "the 'dely' behavior does not exist; did you mean 'delay'?"
    assert refused("PUT", "/behavior", {"name": "5:delay,5:eror"}).endswith("did you mean 'error'?")
    assert refused("PUT", "/behavior", {"name": "delay", "slep": 1}).endswith("; did you mean 'sleep'?")
    assert refused("PUT", "/behavior", {"name": "delay", "mach": "a"}).endswith("; did you mean 'match'?")
    assert refused("PUT", "/behavior", {"name": "delay", "distribution": "unifrom"}).endswith("; did you mean 'uniform'?")
    assert refused("PUT", "/behavior", {"name": "error", "failure": "dedlock"}).endswith("; did you mean 'deadlock'?")
    assert refused("POST", "/rules", {"behavior": "dely"}).endswith("; did you mean 'delay'?")
    assert refused("POST", "/rules", {"behavior": "delay", "tims": 1}).endswith("; did you mean 'times'?")
    long = refused("PUT", "/behavior", {"name": "error", "failure": "quite_unlike_all"})
    assert re.search(r"expected one of (\w+, )+and [1-9][0-9]* more; see vaurien --list failures$", long), long
    assert refused("POST", "/proxies", {"name": "x", "listen": ":0", "upstream": "a:1", "protocol": "mysl"}).endswith(
        "did you mean 'mysql'?")
