"""vaurienctl rule, status, down, up, wait: rules in the words of --rule, and what became of them."""
import json
import os
import signal
import subprocess
import time

import pytest

from conftest import VAURIEN, Clock, dial, free_port, patience, until

CTL = os.path.join(os.path.dirname(VAURIEN), "vaurienctl")


@pytest.fixture
def redis(start, backend):
    """A proxy of redis, before a server that answers +OK to each line, and one of tcp, "cache"."""
    def answer(end):
        while True:
            end.read_to(b"\n")
            end.send(b"+OK\r\n")
    backend.serve(answer)
    return start("--protocol", "redis", "--add", "cache=127.0.0.1:%d=%s" % (free_port(), backend.address), backend=backend)


@pytest.fixture
def ctl(run, redis):
    def ctl_one(*words):
        done = run("--host", "http://127.0.0.1:%d" % redis.http, *words, program=CTL)
        return done.returncode, done.stdout, done.stderr
    return ctl_one


def rules(proxy, name="default"):
    return {rule["name"]: rule for rule in proxy.api("GET", "/%s/rules" % name)[1]["rules"]}


# ---- rule ----

@pytest.mark.parametrize("words, as_rule", [
    (["delay", "sleep=300ms", "match=^GET", "name=slow"], "delay sleep=300ms match=^GET name=slow"),
    (["delay", "--sleep", "300ms", "--match", "^GET", "--name", "slow"], "delay sleep=300ms match=^GET name=slow"),
    (["delay", "sleep=2", "--times=3"], "delay sleep=2s times=3"),
    (["delay"], "delay sleep=1s"),
    (['delay sleep=250us match="^GET a\\"b" name=slow'], 'delay sleep=250us match="^GET a\\"b" name=slow'),
    (["delay", "match=\"^SET x\"", "before=false"], 'delay sleep=1s before=false match="^SET x"'),
    (["delay", "match=7", "name=7"], "delay sleep=1s match=7 name=7"),
    (["slow_open", "--delay", "20"], "slow_open delay=20ms"),
    (["limit_data", "bytes=10", "per=connection", "probability=0.25"], "limit_data bytes=10 probability=0.25 per=connection"),
])
def test_a_rule_in_both_kinds_of_words(ctl, redis, words, as_rule):
    name = as_rule.rpartition("name=")[2] if "name=" in as_rule else as_rule.split()[0]
    rc, out, err = ctl("rule", "add", *words)
    assert (rc, out) == (0, "Added rule '%s' on proxy \"default\": %s\n" % (name, as_rule))
    before = rules(redis)[name]
    assert before["as_rule"] == as_rule
    assert ctl("rule", "remove", name) == (0, "Removed rule '%s' on proxy \"default\"\n" % name, "")
    assert ctl("rule", "add", as_rule)[0] == 0          # what it prints makes the same rule
    assert rules(redis) == {name: before}


def test_the_proxy_of_a_rule(ctl, redis):
    for number, words in enumerate((["cache: delay sleep=2s name=r0"], ["cache:", "delay", "name=r1"], ["--proxy", "cache", "delay", "name=r2"],
                                    ["delay", "name=r3", "--proxy", "cache"])):
        assert ctl("rule", "add", *words)[1].startswith("Added rule 'r%d' on proxy \"cache\": delay " % number)
    assert ctl("--no-headings", "rule", "list", "default")[1] == "" and len(ctl("--no-headings", "rule", "list", "cache")[1].splitlines()) == 4
    assert ctl("rule", "list", "cache") == ctl("rules", "cache")
    assert ctl("--proxy", "cache", "rule", "set", "r1", "sleep=5s")[1] == "Changed rule 'r1' on proxy \"cache\": delay sleep=5s name=r1\n"
    assert ctl("--proxy", "cache", "rule", "remove", "all") == (0, 'Removed all rules but the behavior on proxy "cache"\n', "")
    assert rules(redis, "cache") == {}


def test_a_rule_that_is_changed_keeps_its_counts(ctl, redis):
    ctl("rule", "add", "delay", "sleep=1ms", "name=slow")
    assert redis.client().send(b"GET a\r\n").read(5) == b"+OK\r\n"
    assert json.loads(ctl("rule", "set", "slow", "--sleep", "2ms", "--skip", "9", "--json")[1])["as_rule"] == "delay sleep=2ms skip=9 name=slow"
    now = rules(redis)["slow"]
    assert (now["hits"], now["options"]["sleep"], now["options"]["skip"]) == (1, 0.002, 9)


@pytest.mark.parametrize("words, rc, said", [
    (["rule", "add", "dely"], 1, "did you mean 'delay'?"), (["rule", "add", "delay", "slep=1"], 1, "did you mean 'sleep'?"),
    (["rule", "add", "delay", "--mach", "x"], 1, "did you mean 'match'?"), (["rule", "add", "error", "failure=masterdwn"], 1, "did you mean 'masterdown'?"),
    (["rule", "add", "delay", "distribution=unifrom"], 1, "did you mean 'uniform'?"),
    (["rule", "add", "cach: delay"], 1, "did you mean 'cache'?"), (["rule", "set", "slw", "sleep=1"], 1, "did you mean 'slow'?"),
    (["rule", "remove", "slw"], 1, "did you mean 'slow'?"), (["rule", "ad", "delay"], 2, "did you mean 'add'?"),
    (["wait", "--rule", "slw"], 1, "did you mean 'slow'?"), (["down", "cach"], 1, "did you mean 'cache'?"), (["stats"], 2, "did you mean 'status'?"),
    (["wait", "--rul", "slow"], 2, "did you mean '--rule'?"), (["status", "cach"], 1, "did you mean 'cache'?"),
    (["rule", "add", "delay", "sleep"], 2, "rule add: expected OPTION=VALUE, got 'sleep'"), (["rule", "add"], 2, "rule add: expected BEHAVIOR"),
    (["rule", "add", "delay sleep=\"1"], 2, "rule add: expected a closing \""), (["rule", "set", "slow"], 2, "rule set: expected OPTION=VALUE"),
    (["rule", "add", "cache:"], 2, "rule add: expected a behavior"), (["rule", "add", "delay", "sleep=abc"], 1, "expected a number of seconds"),
    (["wait", "--hits", "3"], 2, "--rule: expected"), (["wait", "--rule", "slow", "--hits", "0"], 2, "--hits: expected"),
    (["wait", "--timeout", "soon"], 2, "--timeout: expected"), (["down", "cache", "--for", "0"], 2, "expected --for and a time above 0"),
    (["down", "cache", "--for"], 2, "expected --for and a time above 0"), (["down"], 2, "down: expected PROXY"),
])
def test_mistakes(ctl, redis, words, rc, said):
    ctl("rule", "add", "delay", "sleep=1ms", "name=slow")
    before = rules(redis), rules(redis, "cache")
    code, out, err = ctl(*words)
    assert (code, out) == (rc, "") and said in err, err
    assert (rules(redis), rules(redis, "cache")) == before


# ---- status ----

def test_status(ctl, redis):
    ctl("set-behavior", "20:delay,10:error")
    ctl("rule", "add", "cache: latency latency=1ms name=far")
    heads, *rows = [line.split("\t") for line in ctl("status")[1].splitlines()]
    assert heads == ["proxy", "protocol", "listen", "backend", "state", "clients", "last fault", "faults"]
    assert [row[0:2] + row[4:7] for row in rows] == [["default", "redis", "up", "0", "-"], ["cache", "tcp", "up", "0", "-"]]
    assert rows[0][7] == "delay sleep=1s, 0 hits; error, 0 hits" and rows[1][7] == "latency latency=1ms name=far, 0 hits"
    client = dial(int(rows[1][2].rpartition(":")[2]))
    assert client.send(b"x\n").read(5) == b"+OK\r\n"
    row = ctl("--no-headings", "status", "cache")[1].rstrip("\n").split("\t")
    assert row[5] == "1" and row[6].startswith("far, ") and row[6].endswith(" s ago") and row[7].endswith("name=far, 1 hit")
    answer = json.loads(ctl("--json", "status")[1])["proxies"]
    assert [one["name"] for one in answer] == ["default", "cache"]
    assert abs(answer[1]["rules"][0]["last_hit"] - time.time()) < patience(10) and answer[0]["rules"][0]["last_hit"] is None


# ---- down and up ----

def refused(port):
    try:
        dial(port).close()
    except ConnectionRefusedError:
        return True
    return False


def test_down_and_up(ctl, redis):
    client = redis.client()
    assert client.send(b"GET a\r\n").read(5) == b"+OK\r\n"
    assert ctl("down", "default") == (0, "Proxy default is down; 1 connection was reset\n", "")
    assert client.ends() == "rst" and refused(redis.port)
    assert ctl("--no-headings", "status", "default")[1].split("\t")[4] == "down"
    assert ctl("down", "default", "--for", "60") == (0, "Proxy default is down for 60 s; 0 connections were reset\n", "")
    assert rules(redis)["down"]["options"]["ttl"] == 60
    assert ctl("up", "default") == (0, "Proxy default is up again\n", "")
    client = redis.client()
    assert client.send(b"GET a\r\n").read(5) == b"+OK\r\n"
    assert ctl("up", "default") == (0, "It was not down\n", "")
    assert json.loads(ctl("down", "default", "--json")[1]) == {"status": "ok", "ended": 1}
    ctl("up", "default")
    ctl("rule", "add", "delay", "name=down")
    assert ctl("down", "default") == (1, "", "The request failed. down: another rule has the name 'down'\n")
    assert ctl("up", "default")[1] == "It was not down\n" and "down" in rules(redis)


def test_a_proxy_comes_back_by_itself_when_vaurienctl_is_killed(redis):
    """Killed as soon as it is down: what brings it back is in the proxy."""
    words = [CTL, "--http-host", "127.0.0.1", "--http-port", str(redis.http), "down", "default", "--for", "700ms"]
    begun = time.monotonic()
    with Clock() as took:
        going = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        until(lambda: "down" in rules(redis))
        going.send_signal(signal.SIGKILL)
        going.wait()
        until(lambda: refused(redis.port) or time.monotonic() - begun > 0.7)    # a rule is shown a moment before it is in force
        until(lambda: not refused(redis.port))
    assert took.seconds >= 0.7 and rules(redis) == {}


# ---- wait ----

def test_wait(ctl, redis):
    ctl("rule", "add", "delay", "sleep=1ms", "name=slow", "match=^GET")
    with Clock() as took:
        assert ctl("wait", "--rule", "slow", "--hits", "2", "--timeout", "300ms") == (
            1, "", "vaurienctl: wait: rule 'slow' on proxy \"default\" has 0 of 2 hits after 300ms; seen 0, unreachable 0\n")
    assert took.seconds >= 0.3
    words = [CTL, "--http-host", "127.0.0.1", "--http-port", str(redis.http), "wait", "--rule", "slow", "--hits", "2", "--timeout", "100s"]
    waiting = subprocess.Popen(words)
    client = redis.client()
    for command in (b"GET a\r\n", b"SET a b\r\n"):
        client.send(command).read(5)
    assert waiting.poll() is None
    client.send(b"GET a\r\n").read(5)
    assert waiting.wait(patience()) == 0
    assert json.loads(ctl("wait", "--rule", "slow", "--hits", "2", "--json")[1])["hits"] == 2


def test_wait_for_an_answer(run, start, backend):
    port = free_port()
    done = run("--http-port", port, "wait", "--timeout", "200ms", program=CTL)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "vaurienctl: wait: no answer from http://localhost:%d/ within 200ms\n" % port
    waiting = subprocess.Popen([CTL, "--http-port", str(port), "wait", "--timeout", "100s"])
    start("--http", "--http-port", port, http=False, backend=backend)
    assert waiting.wait(patience()) == 0
    assert json.loads(run("--http-port", port, "wait", "--json", program=CTL).stdout)["name"] == "vaurien"


def test_a_rule_that_goes_while_it_is_waited_for(ctl):
    ctl("rule", "add", "delay", "ttl=200ms", "name=brief")
    rc, out, err = ctl("wait", "--rule", "brief", "--timeout", "60s")
    assert (rc, out) == (1, "") and "there is no rule of that name" in err
