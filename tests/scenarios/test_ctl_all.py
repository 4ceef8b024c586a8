"""vaurienctl: --proxy all, lists of all proxies, and `set`: what it does with several proxies, and what it says."""
import json
import os
import re

import pytest

from conftest import VAURIEN
from running import echo, running, starting     # noqa: fixtures

CTL = os.path.join(os.path.dirname(VAURIEN), "vaurienctl")


@pytest.fixture
def proxy(start):
    """default (redis), web (http) and cache (tcp), in this order."""
    return start("--protocol", "redis", "--add", "web=127.0.0.1:0=127.0.0.1:9,http", "--add", "cache=127.0.0.1:0=127.0.0.1:9",
                 backend="127.0.0.1:9")


@pytest.fixture
def ctl(run, proxy):
    def ctl_one(*words):
        done = run("--host", "http://127.0.0.1:%d" % proxy.http, *words, program=CTL)
        return done.returncode, done.stdout, done.stderr
    return ctl_one


NAMES = ["default", "web", "cache"]


def rules(proxy, name):
    return [rule["name"] for rule in proxy.api("GET", "/%s/rules" % name)[1]["rules"]]


def lines(text):
    """`text`, once for each proxy"""
    return "".join(text % name + "\n" for name in NAMES)


# ---- all ----

def test_what_is_done_for_all_proxies(ctl, proxy):
    for words, said in (
            (["set-behavior", "hang", "--proxy", "all"], 'Behavior changed to "hang" on proxy "%s"'),
            (["set-backend", "127.0.0.1:7", "--proxy", "all"], 'Backend changed to "127.0.0.1:7" on proxy "%s"'),
            (["rule", "add", "delay", "--proxy", "all"], "Added rule 'delay' on proxy \"%s\": delay sleep=1s"),
            (["rule", "add", "all: delay name=two"], "Added rule 'two' on proxy \"%s\": delay sleep=1s name=two"),
            (["rule", "add", "all:", "delay", "name=three"], "Added rule 'three' on proxy \"%s\": delay sleep=1s name=three"),
            (["rule", "set", "two", "sleep=2s", "--proxy", "all"], "Changed rule 'two' on proxy \"%s\": delay sleep=2s name=two"),
            (["--proxy", "all", "rule", "remove", "two"], "Removed rule 'two' on proxy \"%s\""),
            (["toxic", "add", "all", "latency", "--latency", "1"], "Added downstream latency toxic 'latency_downstream' on proxy '%s'"),
            (["toxic", "update", "all", "latency_downstream", "--latency", "2"], "Updated toxic 'latency_downstream' on proxy '%s'"),
            (["toxic", "remove", "latency_downstream", "--proxy", "all"], "Removed toxic 'latency_downstream' on proxy '%s'"),
            (["rule", "remove", "all", "--proxy", "all"], 'Removed all rules but the behavior on proxy "%s"'),
            (["down", "all", "--for", "60s"], "Proxy %s is down for 60s; 0 connections were reset"),
            (["up", "all"], "Proxy %s is up again"), (["up", "--proxy", "all"], "Proxy %s was not down"),
            (["disable", "all"], "Proxy %s is now disabled"), (["toggle", "all"], "Proxy %s is now enabled"),
            (["close", "all", "all"], "Closed all connections of proxy %s"),
            (["set", "all", "known_as=db:1"], "Changed proxy %s: known_as=db:1")):
        assert ctl(*words) == (0, lines(said), ""), words
    assert [proxy.api("GET", "/%s/behavior" % name)[1]["behavior"] for name in NAMES] == ["hang"] * 3
    assert ctl("calm", "all")[1] == "All calm: 3 rules were switched off\n"
    assert ctl("delete", "all")[1] == lines("Deleted proxy %s")
    assert ctl("disable", "all") == (1, "", "The request failed. there are no proxies\n")
    assert ctl("list") == (0, "", "no proxies\n")


def test_values_of_all_proxies_are_a_table(ctl):
    ctl("set-behavior", "20:delay,10:hang", "--proxy", "web")
    for words in (["get-behavior", "--proxy", "all"], ["get-behavior", "all"]):
        assert ctl(*words) == (0, "proxy\tbehavior\ndefault\tdummy\nweb\t20:delay,10:hang\ncache\tdummy\n", "")
    assert ctl("get-backend", "all")[1] == "proxy\tbackend\n" + lines("%s\t127.0.0.1:9")
    assert "web\t20:delay,10:hang --sleep 1" not in ctl("get-behavior", "all")[1]
    assert re.search(r"\nweb\t20:delay,10:hang.*--sleep 1.*\ncache\tdummy\n", ctl("get-behavior", "--verbose", "--proxy", "all")[1])
    assert ctl("get-backend", "wb") == (1, "", "The request failed. there is no proxy 'wb'; did you mean 'web'? The proxies are default, web, cache\n")


def test_all_as_json(ctl):
    for words in (["set-behavior", "delay"], ["get-behavior"], ["rule", "add", "delay", "name=x"], ["down"], ["up"], ["up"], ["toggle"],
                  ["rule", "remove", "x"], ["set", "client_tls=off"], ["inspect"]):
        rc, out, err = ctl("--json", "--proxy", "all", *words)
        assert (rc, err, list(json.loads(out))) == (0, "", NAMES), words
    assert json.loads(ctl("--json", "get-behavior", "--proxy", "all")[1])["web"]["behavior"] == "delay"


def test_some_refuse(ctl, proxy):
    """The others are changed all the same; a sentence that is about all is printed once, and names none."""
    rc, out, err = ctl("set-behavior", "error", "--failure", "masterdown", "--proxy", "all")
    assert (rc, out) == (1, 'Behavior changed to "error" on proxy "default"\n')
    said = err.splitlines()
    assert len(said) == 2 and said[0].startswith("The request failed on web. failure: 'masterdown' is not a failure of http; ")
    assert said[1].startswith("The request failed on cache. failure: tcp has no failures")
    rc, out, err = ctl("set-behavior", "dely", "--proxy", "all")
    assert (rc, out, err.count("\n")) == (1, "", 1) and err.startswith("The request failed. the 'dely' behavior does not exist; did you mean 'delay'?")
    ctl("rule", "add", "web: delay name=mine")
    rc, out, err = ctl("rule", "remove", "mine", "--proxy", "all")
    assert (rc, out) == (1, "Removed rule 'mine' on proxy \"web\"\n") and err.startswith("The request failed on ")
    assert ctl("rule", "add", "delay", "sleep", "--proxy", "all")[2] == "vaurienctl: error: rule add: expected OPTION=VALUE, got 'sleep'\n"
    rc, out, err = ctl("wait", "--rule", "nope", "--proxy", "all", "--timeout", "50ms")
    assert (rc, out) == (1, "") and "there is no rule of that name" in err


def test_a_proxy_of_that_name(ctl, proxy):
    assert ctl("create", "all", "--listen", "127.0.0.1:0", "--upstream", "127.0.0.1:9")[::2] == (
        2, "vaurienctl: error: create: expected another name: all means all proxies\n")
    proxy.api("POST", "/proxies", {"name": "all", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:9"})
    for words in (["rule", "add", "delay", "--proxy", "all"], ["rule", "add", "all: delay name=two"]):
        rc, out, err = ctl(*words)
        assert (rc, err) == (0, "") and out.startswith("Added rule '") and 'on proxy "all"' in out
    assert rules(proxy, "all") == ["delay", "two"] and rules(proxy, "web") == []
    assert ctl("delete", "all") == (0, "Deleted proxy all\n", "")
    assert ctl("--no-headings", "list")[1].count("\n") == 3


# ---- which proxy, if none is named ----

def test_lists_are_of_all_proxies(ctl, proxy):
    ctl("rule", "add", "default: delay name=a")
    ctl("rule", "add", "cache: delay name=b")
    for words in (["rules"], ["rules", "all"], ["rule", "list"], ["rule", "list", "--proxy", "all"]):
        heads, *rows = [line.split("\t") for line in ctl(*words)[1].splitlines()]
        assert heads == ["proxy", "rule", "behavior", "seen", "hits", "unreachable", "options"]
        assert [row[:3] for row in rows] == [["default", "a", "delay"], ["cache", "b", "delay"]]
    listed = json.loads(ctl("rules", "--json")[1])["rules"]
    assert [(rule["proxy"], rule["name"]) for rule in listed] == [("default", "a"), ("cache", "b")]
    assert ctl("rules", "cache")[1].splitlines()[1].startswith("b\tdelay\t")
    assert "proxy" not in json.loads(ctl("rules", "cache", "--json")[1])["rules"][0]
    with proxy.client():
        heads, *rows = [line.split("\t") for line in ctl("connections")[1].splitlines()]
        assert heads[:2] == ["proxy", "number"] and all(row[0] == "default" for row in rows)
        assert set(json.loads(ctl("connections", "--json")[1])) == {"connections", "open"}


def test_a_rule_of_another_proxy(ctl):
    ctl("rule", "add", "cache: delay name=b")
    for words in (["rule", "remove", "b"], ["rule", "set", "b", "sleep=1s"], ["wait", "--rule", "b"]):
        assert ctl(*words) == (1, "", "The request failed. there is no rule of that name: 'b'; proxy \"cache\" has it: --proxy cache\n")
    assert ctl("rule", "add", "cache: delay", "--proxy", "web") == (
        2, "", "vaurienctl: error: rule add: expected the proxy of --proxy, got 'cache'\n")


def test_one_order(ctl):
    ctl("create", "a", "--listen", "127.0.0.1:0", "--upstream", "127.0.0.1:9")
    order = ["default", "web", "cache", "a"]
    for action in ("list", "status"):
        assert [line.split("\t")[0] for line in ctl("--no-headings", action)[1].splitlines()] == order
    assert [one["name"] for one in json.loads(ctl("export")[1])] == order


def test_no_proxy_is_ignored(ctl, proxy):
    """An action of all proxies is not done for one that is named, nor for all in spite of it."""
    for words in (["reset"], ["list"], ["export"], ["info"], ["ca"]):
        rc, out, err = ctl("--proxy", "web", *words)
        assert (rc, out) == (2, "") and err.endswith("%s: expected no --proxy, since it is not about one proxy; got 'web'\n" % words[0])
    assert ctl("--proxy", "all", "list") == ctl("list")
    ctl("set-behavior", "20:delay,10:hang", "--proxy", "web")
    ctl("rule", "add", "delay", "--proxy", "all")
    assert ctl("calm", "web") == (0, "Calm: 3 rules of proxy web were switched off\n", "")
    assert ctl("--proxy", "web", "calm")[1] == "Calm: 0 rules of proxy web were switched off\n"
    assert ctl("calm", "wb") == (1, "", "The request failed. there is no proxy 'wb'; did you mean 'web'? The proxies are default, web, cache\n")
    assert ctl("calm", "--json")[1] == '{\n  "status": "ok",\n  "rules": 2,\n  "proxies": 2\n}\n'


# ---- set ----

def test_set(ctl, proxy):
    assert ctl("set", "web", "client_tls=require", "client-tls-min=1.3") == (
        0, "Changed proxy web: client_tls=require client_tls_min=1.3\n", "")
    assert ctl("set", "web", "--backend-tls", "on", "protocol=tcp", "--backend", "127.0.0.1:8")[0] == 0
    now = proxy.api("GET", "/proxies/web")[1]
    assert {key: now[key] for key in ("client_tls", "client_tls_min", "backend_tls", "upstream")} == {
        "client_tls": "require", "client_tls_min": "1.3", "backend_tls": "on", "upstream": "127.0.0.1:8"}
    assert ctl("--proxy", "web", "set", "enabled=false", "client_tls=off")[1] == "Changed proxy web: enabled=false client_tls=off\n"
    assert proxy.api("GET", "/proxies/web")[1]["enabled"] is False


@pytest.mark.parametrize("words, rc, said", [
    (["web", "client_tls=onn"], 1, "client_tls: expected one of off, on, require, got 'onn'; did you mean 'on'?"),
    (["web", "client_tls=on", "client_tls_cert=/nope"], 1, "client_tls_cert: cannot read /nope: No such file or directory"),
    (["web", "client_tls_mn=1.3"], 1, "client_tls_mn: expected an option of a proxy; did you mean 'client_tls_min'?"),
    (["web", "client_tls_versions=1.3"], 1, "client_tls_versions: expected an option of a proxy; see 'vaurien --help tls'"),
    (["web", "client_tls_min=1.5"], 1, "client_tls_min: expected one of 1.0, 1.1, 1.2, 1.3, got '1.5'\n"),
    (["web", "protocol=htp"], 1, "did you mean 'http'?"), (["web", "enabled=maybe"], 1, "Proxy.enabled of type bool"),
    (["wb", "client_tls=on"], 1, "proxy not found: 'wb'; did you mean 'web'?"),
    (["web", "lisen=127.0.0.1:1"], 2, "did you mean 'listen'?"), (["web", "clinet_tls=on"], 2, "did you mean 'client_tls'?"),
    (["web", "behavior=delay"], 2, "see 'vaurienctl help set-behavior'"), (["web", "name=x"], 2, "set: expected listen, upstream, "),
    (["behavior", "delay"], 2, "set: expected OPTION=VALUE, got 'delay'; did you mean 'set-behavior'?\n"),
    (["web"], 2, "set: expected OPTION=VALUE\n"), (["web", "client_tls"], 2, "set: expected OPTION=VALUE, got 'client_tls'\n"),
    (["web", "--client-tls"], 2, "set: expected OPTION=VALUE, got 'client_tls'\n"), ([], 2, "set: expected PROXY OPTION=VALUE"),
])
def test_set_refuses(ctl, proxy, words, rc, said):
    before = proxy.api("GET", "/proxies")
    code, out, err = ctl("set", *words)
    assert (code, out) == (rc, "") and said in err, err
    assert proxy.api("GET", "/proxies") == before


@pytest.mark.parametrize("words, said", [
    (["set-behavior", "delay", "sleep=2"], "unrecognized argument: sleep=2; did you mean '--sleep=2'?"),
    (["toxic", "add", "web", "latency", "latency=5"], "unrecognized argument: latency=5; did you mean '--latency=5'?"),
    (["down", "web", "5s"], "unrecognized argument: 5s; down takes PROXY [--for TIME]"),
    (["list", "web"], "unrecognized argument: web; list takes no argument"),
    (["list", "-v"], "unrecognized option: -v; see 'vaurienctl help list'"),
    (["--proxy", "", "rules"], "expected the name of a proxy, got none"),
    (["rules", ""], "expected the name of a proxy, got none"),
])
def test_a_word_too_many(run, words, said):
    done = run(*words, program=CTL)
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.endswith("\nvaurienctl: error: %s\n" % said)


# ---- vaurien run ----

RUN = """import json, socket, subprocess, sys
def ctl(*words):
    done = subprocess.run([%(ctl)r, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout
for port in sys.argv[1:]:
    socket.create_connection(("127.0.0.1", int(port))).close()
said = [ctl("set-behavior", "delay"), ctl("set-behavior", "delay", "--proxy", "all"), ctl("rule", "add", "all: delay name=x"),
        ctl("rule", "remove", "x"), ctl("get-behavior"), ctl("--no-headings", "rules"), ctl("--no-headings", "rules", "all"), ctl("up", "all")]
print(json.dumps(said))
"""


def test_all_in_a_run(running, echo):
    """What is for all proxies anyway is for those to come, too."""
    ports = [str(echo("127.0.0.1").port) for _ in range(2)]
    done = running(command=["/usr/bin/python3", "-c", RUN % {"ctl": CTL}, *ports])
    assert done.code == 0, done.err
    first, all_of_them, added, removed, value, rows, of_each, up = json.loads(done.out)
    assert first == all_of_them == 'Behavior changed to "delay" on all proxies\n'
    assert added == "Added rule 'x' on all proxies: delay sleep=1s name=x\n" and removed == "Removed rule 'x' on all proxies\n"
    assert value == "delay\n" and rows.startswith("behavior\tdelay\t") and rows.count("\n") == 1
    assert sorted(row.split("\t")[1:3] for row in of_each.splitlines()) == [["behavior", "delay"]] * 2
    assert up.count(" was not down\n") == 2
