"""vaurienctl --fleet against a real etcd: an author's rule, and each way in which it ends."""
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from conftest import CTL, ROOT
from fleet import Etcd, Fleet, in_force, rules
from harness import Clock, patience, until

prefixes = itertools.count()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    etcd = Etcd(tmp_path_factory.mktemp("etcd"))
    yield etcd
    etcd.stop()


class Author:
    """vaurienctl --fleet with these words."""

    def __init__(self, fleet):
        self.words = [CTL, "--fleet", fleet.etcd.url + fleet.prefix]
        self.running = []

    def __call__(self, *words):
        done = subprocess.run([*self.words, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
                              timeout=patience(30))
        return done.returncode, done.stdout

    def stays(self, *words):
        process = subprocess.Popen([*self.words, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
        self.running.append(process)
        return process


@pytest.fixture
def fleet(shared, start):
    return Fleet(shared, start, "c%d" % next(prefixes))


@pytest.fixture
def ctl(fleet):
    author = Author(fleet)
    yield author
    for process in author.running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_a_rule_from_the_wish_to_the_end(fleet, ctl):
    shop, mail = fleet.join("shop", "app=shop,zone=a", proxies=2), fleet.join("mail", "app=mail")
    fleet.seen("shop", "mail")
    rc, said = ctl("rule", "add", "--select", "app=shop,zone=a", "--for", "5m", "--max-members", "10%", "error", "failure=busy")
    assert (rc, said) == (0, "error: in force on 1 of 1 members, 2 proxies; struck 0\n")
    assert rules(shop) == rules(shop, "p01") == ["fleet-error"] and rules(mail) == []
    assert ctl("rule", "add", "error", "failure=busy", "--for", "5m")[0] == 1         # the name is taken
    rc, said = ctl("rules")
    assert rc == 0 and "RULE" in said and "error failure=busy\tapp=shop,zone=a\t10%\t1\t2\t0\t0\t" in said
    rc, said = ctl("members")
    assert rc == 0 and "mail\tapp=mail\t1\t0\t0\t3.0.0\t" in said and "shop\tapp=shop,zone=a\t2\t2\t0\t" in said
    assert json.loads(ctl("--json", "rules")[1])[0]["for"] == 300
    assert ctl("rule", "remove", "error") == (0, "Rule 'error' is withdrawn\n")
    in_force(shop, seconds=1)
    assert ctl("rule", "remove", "error") == (1, "vaurienctl: the fleet has no rule 'error'\n")


def test_what_no_proxy_can_carry_out_is_withdrawn(fleet, ctl):
    fleet.join("one")
    fleet.seen("one")
    rc, said = ctl("rule", "add", "--for", "5m", "error", "failure=deadlock")
    assert rc == 1 and "refused by one/default: failure: 'deadlock' is not a failure of redis" in said
    assert said.endswith("no proxy can carry it out: the rule is withdrawn\n") and fleet.texts("rules") == {}
    rc, said = ctl("rule", "add", "--for", "5m", "delai")
    assert rc == 1 and "did you mean 'delay'" in said and fleet.texts("rules") == {}
    rc, said = ctl("rule", "add", "--for", "5m", "--select", "app=mail", "delay")
    assert (rc, said) == (0, "delay: no member is meant by it now\n")


def test_calm_is_everything_off_everywhere(fleet, ctl):
    members = [fleet.join("m%d" % i) for i in range(3)]
    fleet.seen("m0", "m1", "m2")
    for name in "ab":
        assert ctl("rule", "add", "delay", "sleep=1ms", "name=" + name, "--for", "5m")[0] == 0
    with Clock() as took:
        assert ctl("calm") == (0, "2 rules are withdrawn; none is in force anywhere\n")
    assert took.seconds < patience(3) and [rules(m) for m in members] == [[], [], []]
    assert ctl("calm") == (0, "0 rules are withdrawn; none is in force anywhere\n")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_author_that_is_interrupted_withdraws_at_once(fleet, ctl, how):
    member = fleet.join("one")
    author = ctl.stays("rule", "add", "delay", "sleep=1ms")
    in_force(member, "delay")
    until(lambda: "one" in fleet.texts("status"), what="the report")
    assert author.stdout.readline().startswith("delay: ") and "Ctrl-C withdraws it" in author.stdout.readline()
    author.send_signal(how)
    assert author.wait(patience(5)) == 128 + how
    in_force(member, seconds=2)


def test_an_author_killed_at_any_moment_leaves_nothing(fleet, ctl):
    """By his lease of 10 s; all at once, so that the wait is one."""
    member, dice = fleet.join("one"), random.Random(7)
    authors = []
    for i in range(20):
        authors.append(ctl.stays("rule", "add", "delay", "sleep=1ms", "name=r%d" % i))
        time.sleep(dice.random() * 0.2)
        authors[dice.randrange(len(authors))].kill()
    for author in authors:
        author.kill()
    until(lambda: rules(member) == [] and not fleet.texts("rules"), 10 + 5, "the leases to end")


def test_the_guard_withdraws(fleet, ctl, tmp_path):
    member, flag = fleet.join("one"), tmp_path / "well"
    flag.write_text("")
    author = ctl.stays("rule", "add", "--guard", "test -e %s" % flag, "--for", "5m", "delay", "sleep=1ms")
    in_force(member, "delay")
    flag.unlink()
    assert author.wait(patience(10)) == 1 and "the guard failed (exit code 1)" in author.stdout.read()
    in_force(member, seconds=2)


def test_the_time_ends_a_rule_with_a_guard(fleet, ctl):
    member = fleet.join("one")
    with Clock() as took:
        rc, said = ctl("rule", "add", "--guard", "true", "--for", "2s", "delay", "sleep=1ms")
    assert rc == 0 and "The time is over" in said and took.seconds >= 2
    in_force(member)


def test_two_authors_at_once_do_not_overwrite_each_other(fleet, ctl):
    fleet.join("one")
    both = [ctl.stays("rule", "add", "delay", "sleep=%dms" % i, "--for", "5m") for i in range(8)]
    assert sorted(author.wait(patience(20)) for author in both) == [0] + [1] * 7
    assert len(fleet.texts("rules")) == 1


def test_watch_tells_each_change(fleet, ctl):
    watch = ctl.stays("watch")
    fleet.join("one")
    assert " member one  proxies=1" in watch.stdout.readline()
    ctl("rule", "add", "delay", "sleep=1ms", "--for", "5m")
    lines = [watch.stdout.readline() for _ in range(2)]
    assert any("  rule delay" in line for line in lines)


@pytest.mark.parametrize("words, rc, sentence", [
    (["rule", "add"], 2, "rule add: expected BEHAVIOR"), (["nosuch"], 2, "unknown action: nosuch"),
    (["rule", "add", "--select", "app", "delay"], 2, "--select: expected NAME=VALUE"),
    (["rule", "add", "--for", "soon", "delay"], 2, "--for: expected a time above 0"),
    (["rule", "add", "--for", "-5", "delay"], 2, "--for: expected a time above 0"),
    (["rule", "add", "--max-members", "many", "delay"], 2, "max_members: expected a number of members"),
    (["rule", "add", "delay", "name=a/b"], 2, "expected a name of at most 64 letters"),
    (["rule", "add", "db:", "delay"], 2, "--select proxy=NAME"),
    (["rule", "remove"], 2, "rule remove: expected NAME"), (["member"], 2, "did you mean 'members'?"),
])
def test_bad_words(fleet, ctl, words, rc, sentence):
    got, said = ctl(*words)
    assert got == rc and sentence in said and fleet.texts("rules") == {}


@pytest.mark.parametrize("url, rc, sentence", [
    ("etcd://127.0.0.1:1/t", 1, "no answer from http://127.0.0.1:1"), ("http://x/y", 2, "expected etcd://HOST:PORT"),
    ("etcd://x", 2, "expected etcd://HOST:PORT"),
])
def test_an_etcd_that_is_none(url, rc, sentence):
    done = subprocess.run([CTL, "--fleet", url, "members"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
                          timeout=patience(20))
    assert done.returncode == rc and sentence in done.stdout


# ---- from Python ----

@pytest.fixture
def python(fleet, monkeypatch):
    sys.path.insert(0, os.path.join(ROOT, "clients", "python"))
    monkeypatch.setenv("VAURIENCTL_BIN", CTL)
    try:
        import vaurien
        yield vaurien.Fleet(fleet.etcd.url + fleet.prefix), vaurien.FleetError
    finally:
        sys.path.pop(0)


def test_python_has_a_rule_for_a_block(fleet, python):
    mine, FleetError = python
    member = fleet.join("one", "app=shop", proxies=2)
    fleet.seen("one")
    with mine.rule("delay", sleep="1ms", select="app=shop", max_members="50%") as row:
        assert (row["members"], row["proxies"]) == (1, 2) and rules(member) == ["fleet-delay"]
        assert [r["name"] for r in mine.rules()] == ["delay"]
    in_force(member, seconds=2)
    assert mine.members()[0]["name"] == "one"
    mine.add("delay", 60, name="x", sleep=0.001, before=False)
    assert rules(member) == ["fleet-x"]
    mine.remove("x")
    mine.add("delay", 60)
    assert mine.calm() == 1 and rules(member) == []
    with pytest.raises(FleetError, match="no proxy can carry it out"):
        mine.add("error", 60, failure="deadlock")
    with pytest.raises(FleetError, match="no proxy can carry it out"), mine.rule("error", failure="deadlock"):
        pass
    with pytest.raises(FleetError, match="the fleet has no rule 'x'"):
        mine.remove("x")
    with pytest.raises(ValueError, match="expected NAME=VALUE"):
        mine.add("delay", 60, select="app")
    assert fleet.texts("rules") == {}
