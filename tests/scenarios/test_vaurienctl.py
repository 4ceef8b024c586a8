"""vaurienctl: what it prints, where, and with which exit code."""
import json
import os
import re

import pytest

from conftest import VAURIEN, free_port

CTL = os.path.join(os.path.dirname(VAURIEN), "vaurienctl")


@pytest.fixture
def proxy(start):
    return start(backend="127.0.0.1:9")


@pytest.fixture
def ctl(run, proxy):
    """ctl(*words) -> (rc, stdout, stderr), asked of `proxy`"""
    def ctl_one(*words, **options):
        done = run("--host", "http://127.0.0.1:%d" % proxy.http, *words, program=CTL, **options)
        return done.returncode, done.stdout, done.stderr
    return ctl_one


def behaviors(proxy):
    return ", ".join(proxy.api("GET", "/behaviors")[1]["behaviors"])


def test_list_behaviors(ctl, proxy):
    assert ctl("list-behaviors") == (0, behaviors(proxy) + "\n", "")
    assert behaviors(proxy).startswith("abort, ")


def test_get_behavior(ctl):
    assert ctl("get-behavior") == (0, "dummy\n", "")
    assert ctl("get-behavior", "whatever") == (0, "dummy\n", "")


def test_get_behavior_json(ctl, proxy):
    proxy.set("delay", sleep=0.2)
    rc, out, err = ctl("get-behavior", "--json")
    assert (rc, err) == (0, "")
    assert json.loads(out)["behavior"] == "delay" and json.loads(out)["options"]["sleep"] == 0.2


def test_set_behavior(ctl, proxy):
    assert ctl("set-behavior", "blackout") == (0, 'Behavior changed to "blackout"\n', "")
    assert ctl("get-behavior") == (0, "blackout\n", "")
    assert ctl("set-behavior", "20:delay,10:error") == (0, 'Behavior changed to "20:delay,10:error"\n', "")


@pytest.mark.parametrize("words, options", [
    (["--sleep", "2"], {"sleep": 2, "before": True}),
    (["--sleep=0.25", "--before=false"], {"sleep": 0.25, "before": False}),
    (["--before", "false", "--sleep", "2"], {"sleep": 2, "before": False}),
    (["--before", "--sleep", "2"], {"sleep": 2, "before": True}),
    (["--sleep", "250ms"], {"sleep": 0.25}),
])
def test_set_behavior_with_options(ctl, proxy, words, options):
    assert ctl("set-behavior", "delay", *words) == (0, 'Behavior changed to "delay"\n', "")
    now = proxy.api("GET", "/behavior")[1]["options"]
    assert {key: now[key] for key in options} == options


def test_flag_without_value(ctl, proxy):
    assert ctl("set-behavior", "error", "--inject")[0] == 0
    assert proxy.api("GET", "/behavior")[1]["options"]["inject"] is True


def test_unknown_behavior(ctl, proxy):
    sentence = "The request failed. Please use one of %s\n" % behaviors(proxy)
    assert ctl("set-behavior", "nope") == (1, "", sentence)
    assert ctl("set-behavior") == (1, "", sentence)
    assert ctl("get-behavior") == (0, "dummy\n", "")


def test_bad_options(ctl):
    rc, out, err = ctl("set-behavior", "delay", "--sleep", "abc")
    assert (rc, out) == (1, "") and err.startswith("The request failed. sleep: ")
    rc, out, err = ctl("set-behavior", "delay", "--nope=1")
    assert (rc, out) == (1, "") and err.startswith("The request failed. nope: ")


def test_backend(ctl):
    assert ctl("get-backend") == (0, "127.0.0.1:9\n", "")
    assert ctl("set-backend", "127.0.0.1:10") == (0, 'Backend changed to "127.0.0.1:10"\n', "")
    assert ctl("get-backend") == (0, "127.0.0.1:10\n", "")
    assert ctl("set-backend", "nocolon") == (1, "", "The request failed. Expected HOST:PORT: 'nocolon'\n")


def test_info(ctl, proxy):
    rc, out, err = ctl("info")
    assert (rc, err) == (0, "") and json.loads(out) == proxy.api("GET", "/info")[1]


def test_where_to_ask(run, proxy):
    port = str(proxy.http)
    for words in (["--http-port", port, "get-behavior"],
                  ["get-behavior", "--http-port=" + port],
                  ["--http-host", "127.0.0.1", "get-behavior", "--http-port", port],
                  ["get-behavior", "--host", "localhost:" + port],
                  ["get-behavior", "--host", "http://localhost:%s/" % port]):
        done = run(*words, program=CTL)
        assert (done.returncode, done.stdout) == (0, "dummy\n"), done.stderr
    done = run("set-behavior", "delay", "--sleep", "2", "--http-port", port, program=CTL)
    assert done.returncode == 0
    assert proxy.api("GET", "/behavior")[1]["options"]["sleep"] == 2


def test_unix_socket(start, run, tmp_path):
    where = "unix:%s" % (tmp_path / "api")
    proxy = start("--http", "--http-host", where, http=False)
    proxy.logged("Started the HTTP server")
    for flag in ("--host", "--http-host"):
        done = run(flag, where, "get-behavior", program=CTL)
        assert (done.returncode, done.stdout) == (0, "dummy\n"), done.stderr


def test_proxies_of_the_environment_do_not_matter(ctl):
    env = dict(os.environ, http_proxy="http://127.0.0.1:1", HTTP_PROXY="http://127.0.0.1:1", all_proxy="http://127.0.0.1:1")
    assert ctl("get-behavior", env=env) == (0, "dummy\n", "")


def test_nobody_there(run):
    port = free_port()
    done = run("--http-port", port, "get-behavior", program=CTL)
    assert (done.returncode, done.stdout) == (1, "")
    assert "http://localhost:%d/behavior" % port in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [
    [], ["nope"], ["--nope"], ["-x"], ["--nope", "get-behavior"], ["set-behavior", "delay", "2"], ["set-backend"],
    ["get-behavior", "--http-port"], ["get-behavior", "--json=1"], ["set-behavior", "--sleep", "2"],
])
def test_misuse(run, words):
    done = run(*words, program=CTL)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: vaurienctl ") and "\nvaurienctl: error: " in done.stderr


def test_help_and_version(run):
    for flag in ("-h", "--help"):
        done = run(flag, program=CTL)
        assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("usage: vaurienctl ")
    version = run("--version", program=CTL)
    assert version.returncode == 0 and re.fullmatch(r"\d+\.\d+\.\d+\n", version.stdout)
    assert version.stdout == run("--version").stdout
