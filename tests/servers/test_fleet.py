"""A fleet over a real etcd: members, rules that reach them, limits, and each way to lose the store."""
import itertools
import json
import os
import signal
import socket
import subprocess
import time

import pytest

from fleet import DELAY, Etcd, Fleet, b64, in_force, rules, wish
from harness import SAN, VAURIEN, Clock, http_ask, listening, need, patience, until

prefixes = itertools.count()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    etcd = Etcd(tmp_path_factory.mktemp("etcd"))
    yield etcd
    etcd.stop()


@pytest.fixture
def fleet(shared, start):
    return Fleet(shared, start, "t%d" % next(prefixes))


# ---- membership ----

def test_a_member_registers_itself_and_leaves(fleet):
    member = fleet.join("one", "app=shop,zone=a", proxies=3)
    fleet.seen("one")
    said = json.loads(fleet.texts("members")["one"])
    assert said["labels"] == {"app": "shop", "zone": "a"} and said["version"] == "3.0.0"
    assert said["api"] == "http://127.0.0.1:%d" % member.http
    assert [(p["name"], p["protocol"]) for p in said["proxies"]] == [("default", "redis"), ("p01", "redis"), ("p02", "redis")]
    assert member.api("POST", "/proxies", {"name": "late", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"})[0] == 201
    until(lambda: "late" in fleet.texts("members")["one"], what="the new proxy to be known")
    with Clock() as took:
        member.stop()
    assert took.seconds < patience(2) and fleet.texts("members") == fleet.texts("status") == {}


def test_without_a_name_a_member_is_called_by_its_api(fleet):
    member = fleet.start("--fleet", fleet.etcd.url + fleet.prefix, backend="127.0.0.1:1")
    fleet.seen("127.0.0.1:%d" % member.http)


# ---- rules ----

def test_a_rule_reaches_whom_it_is_for(fleet):
    shop, other = fleet.join("shop", "app=shop,zone=a", proxies=3), fleet.join("other", "app=mail", proxies=2)
    fleet.seen("shop", "other")
    fleet.put("slow", wish("app=shop,proxy=p0*,protocol=redis", **{"for": 60}))
    until(lambda: rules(shop, "p01") == rules(shop, "p02") == ["fleet-slow"], 1, "the rule within a second")
    assert rules(shop) == rules(other, "p01") == []
    until(lambda: fleet.status("shop", "slow").get("applied") == 2, what="the report")
    assert fleet.status("other", "slow") == {}
    shop.api("POST", "/proxies", {"name": "p03", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1", "protocol": "redis"})
    until(lambda: shop.api("GET", "/p03/rules")[0] == 200 and rules(shop, "p03") == ["fleet-slow"], what="the rule on a new proxy")
    fleet.delete("slow")
    until(lambda: rules(shop, "p01") == rules(shop, "p02") == [], 1, "the rule to go within a second")
    until(lambda: fleet.status("shop", "slow") == {}, what="the report to go")


def test_what_a_rule_struck_is_reported(fleet, backends):
    server = backends()
    member = fleet.start("--fleet", fleet.etcd.url + fleet.prefix, "--fleet-name", "one", backend=server)
    fleet.put("gone", wish(rule={"behavior": "reset"}, **{"for": 60}))
    in_force(member, "gone")
    for _ in range(3):
        with pytest.raises(OSError), socket.create_connection(("127.0.0.1", member.port), patience()) as client:
            client.settimeout(patience())
            client.sendall(b"x")
            assert client.recv(1)
            raise OSError("closed")
    until(lambda: fleet.status("one", "gone").get("hits", 0) >= 3, what="the hits in the report")
    table = member.api("GET", "/fleet")[1]
    assert table["rules"][0]["hits"] >= 3 and table["rules"][0]["members"] == table["rules"][0]["proxies"] == 1
    assert table["members"][0]["name"] == "one" and table["members"][0]["applied"] == 1


def test_a_rule_that_a_proxy_cannot_carry_out_is_refused_there(fleet):
    member = fleet.join("one", "app=shop", "--add", "raw=127.0.0.1:0=127.0.0.1:1", "--add", "sql=127.0.0.1:0=127.0.0.1:1,mysql")
    fleet.put("dead", wish(rule={"behavior": "error", "failure": "deadlock"}, **{"for": 60}))
    until(lambda: rules(member, "sql") == ["fleet-dead"], what="the rule where it can be")
    until(lambda: fleet.status("one", "dead").get("refused") == 2, what="the refusals")
    why = fleet.status("one", "dead")["why"]
    assert "'deadlock' is not a failure of redis" in why["default"] and "tcp" in why["raw"]
    table = member.api("GET", "/fleet")[1]["rules"][0]
    assert (table["proxies"], table["refused"]) == (1, 2) and set(table["why"]) == {"one/default", "one/raw"}
    member.logged("rule=fleet-dead is refused: .*deadlock")


@pytest.mark.parametrize("document, sentence", [
    ("{", "expected a JSON object"), ("[]", "expected a JSON object"), ({"rule": DELAY}, "for: expected seconds"),
    (wish(), "for: expected seconds"), (wish(**{"for": -1}), "for: expected seconds"), (wish(**{"for": "x"}), "for: expected seconds"),
    (wish("app", **{"for": 9}), "select: expected NAME=VALUE"), (wish("a=b,a=c", **{"for": 9}), "'a' is given twice"),
    ({"select": 1, "rule": DELAY, "for": 9}, "select: expected a text"), ({"rule": {}, "for": 9}, "rule: expected what POST /rules takes"),
    (wish(rule=dict(DELAY, ttl="5s"), **{"for": 9}), "expected neither name nor ttl"),
    (wish(max_members="200%", **{"for": 9}), "max_members: expected"), (wish(max_members=-1, **{"for": 9}), "max_members: expected"),
    (wish(color="red", **{"for": 9}), "expected select, rule, for, max_members or author, got 'color'"),
    ("x" * 70000, "expected a JSON object of at most 65536"),
])
def test_a_document_that_is_not_understood(fleet, document, sentence):
    member = fleet.join("one")
    fleet.put("odd", document)
    until(lambda: sentence in fleet.status("one", "odd").get("error", ""), 15, lambda: fleet.texts("status"))
    fleet.put("good", wish(**{"for": 60}))
    in_force(member, "good")
    fleet.put("odd", wish(**{"for": 60}))
    until(lambda: set(rules(member)) == {"fleet-good", "fleet-odd"}, what="the rule, once it is understood")


def test_a_changed_rule_takes_the_place_of_the_one_before(fleet):
    member = fleet.join("one")
    fleet.put("a", wish(**{"for": 60}))
    in_force(member, "a")
    fleet.put("a", wish(rule={"behavior": "hang"}, **{"for": 60}))
    until(lambda: [r["behavior"] for r in member.api("GET", "/rules")[1]["rules"]] == ["hang"], 1, "the other behavior")


def test_the_deadline_counts_from_the_receipt(fleet):
    member = fleet.join("one")
    fleet.seen("one")
    with Clock() as took:
        fleet.put("a", wish(**{"for": 2}))
        member.logged("rule=fleet-a is set by the fleet")       # a busy machine may see it too late in force
        in_force(member)
    assert 1.9 <= took.seconds < patience(3)
    assert "a" in fleet.texts("rules")          # the key is its author's
    time.sleep(1.2)
    assert rules(member) == []                  # and is not taken again


def test_a_late_member_gets_what_is_left(fleet):
    brief = min(int(patience(5)), 20)           # seconds, in which it must have joined
    fleet.put("a", wish(**{"for": 300}), lease=fleet.etcd.lease(brief))
    member = fleet.join("one")
    until(lambda: rules(member) == ["fleet-a"], what="the rule")
    rule = member.api("GET", "/rules")[1]["rules"][0]
    assert rule["options"]["ttl"] <= brief
    in_force(member)


def test_an_author_that_dies_withdraws_his_rule(fleet):
    member = fleet.join("one")
    fleet.put("a", wish(), lease=fleet.etcd.lease(min(int(patience(2)), 15)))
    in_force(member, "a")
    assert member.api("GET", "/rules")[1]["rules"][0]["options"].get("ttl") is None
    in_force(member)
    member.logged("rule a is withdrawn")


def test_a_percent_is_always_of_the_same_members(fleet):
    names = ["m%02d" % i for i in range(9)]
    members = [fleet.join(name) for name in names]
    fleet.join("other", "app=mail")
    fleet.seen(*names)

    def struck(rule):
        return [n for n, m in zip(names, members) if "fleet-" + rule in rules(m)]

    fleet.put("tenth", wish("app=shop", max_members="10%", **{"for": 100}))
    fleet.put("third", wish("app=shop", max_members="33%", **{"for": 100}))
    fleet.put("three", wish("app=shop", max_members=3, **{"for": 100}))
    until(lambda: len(struck("three")) == 3 and len(struck("third")) == 3 and len(struck("tenth")) == 1, what="1, 3 and 3 members")
    assert struck("third") == struck("three") and set(struck("tenth")) < set(struck("third"))
    gone = struck("tenth")[0]
    fleet.members[gone].stop()                  # the next in order takes its place: still as many
    alive = [n for n in names if n != gone]
    until(lambda: len([n for n in alive if "fleet-three" in rules(fleet.members[n])]) == 3, what="three again")
    fleet.put("tenth", wish("app=shop", max_members="0%", **{"for": 100}))
    until(lambda: not [n for n in alive if "fleet-tenth" in rules(fleet.members[n])], what="none of 0 %")


def test_ten_thousand_keys_of_rubbish(fleet):
    member = fleet.join("one")
    fleet.put("before", wish(**{"for": 100}))
    in_force(member, "before")
    for first in range(0, 10000, 100):
        fleet.etcd.ask("kv/txn", {"success": [{"requestPut": {
            "key": b64("%s/rules/%s%d" % (fleet.prefix, "a b/" if i % 2 else "x\x00", i)),
            "value": "eHh4"}} for i in range(first, first + 100)]})
    fleet.put("after", wish(**{"for": 100}))
    in_force(member, "before", "after")
    late = fleet.join("late")
    in_force(late, "after", "before")
    late.logged("[0-9]+ more keys under rules/ are ignored")
    assert late.log().count("is ignored: expected a name") == 8


# ---- time ----

def test_a_member_that_was_away_while_etcd_compacted(fleet):
    member = fleet.join("one")
    fleet.put("a", wish(**{"for": 600}))
    in_force(member, "a")
    os.kill(member.pid, signal.SIGSTOP)
    fleet.delete("a")
    fleet.put("b", wish(**{"for": 600}))
    revision = fleet.etcd.put("more", "x")["header"]["revision"]
    fleet.etcd.ask("kv/compaction", {"revision": revision, "physical": True})
    time.sleep(1)
    os.kill(member.pid, signal.SIGCONT)
    in_force(member, "b")


def test_a_clock_that_is_an_hour_off(fleet):
    """Deadlines are of our own monotonic clock, from the receipt on."""
    need("faketime")
    library = subprocess.run(["sh", "-c", "ls /usr/lib/*/faketime/libfaketimeMT.so.1 | head -1"], stdout=subprocess.PIPE,
                             universal_newlines=True, check=True).stdout.strip()
    for off in ("+1h", "-1h"):
        member = fleet.join("off" + off[0], env={"LD_PRELOAD": library, "FAKETIME": off, "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                                                 "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"})
        fleet.put("a", wish(**{"for": 3}))
        with Clock() as took:
            member.logged("rule=fleet-a is set by the fleet")
            in_force(member)
        assert took.seconds < patience(5)
        fleet.delete("a")


# ---- words ----

@pytest.mark.parametrize("words, sentence", [
    (["--fleet", "etcd://127.0.0.1"], "fleet: expected etcd://HOST:PORT"), (["--fleet", "http://a/b"], "fleet: expected etcd://"),
    (["--fleet", "etcd://a:0/b"], "fleet: expected etcd://"), (["--fleet", ""], "expected etcd://HOST:PORT"),
    (["--fleet-labels", "a=b"], "expected --fleet beside it"), (["--fleet", "etcd://a/b", "--fleet-labels", "ab"], "fleet_labels: expected NAME=VALUE"),
    (["--fleet", "etcd://a/b", "--fleet-labels", "proxy=x"], "'proxy' is a word of selectors"),
    (["--fleet", "etcd://a/b", "--fleet-name", "x/y"], "fleet_name: expected at most 200 bytes without '/'"),
    (["--fleet", "etcd://a/b", "--fleet-user", "me"], "fleet_user: expected NAME:PASSWORD"),
])
def test_bad_words(words, sentence):
    done = subprocess.run([VAURIEN, "--proxy", "127.0.0.1:0", "--backend", "127.0.0.1:1", *words], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, universal_newlines=True, timeout=patience(20))
    assert done.returncode in (1, 2) and sentence in done.stdout and "Traceback" not in done.stdout


def test_an_etcd_that_is_not_there_delays_nothing(start, backend):
    proxy = start("--fleet", "etcd://127.0.0.1:1,no.such.host.invalid:2379/t", backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"ping")
    assert server.read(4) == b"ping"
    assert listening(proxy.http) and http_ask(proxy, "GET", "/fleet")[0] == 503
    proxy.logged("fleet: http://.*: asking for a lease: ")
    with Clock() as took:
        proxy.stop()
    assert took.seconds < patience(2)


@pytest.mark.skipif(bool(SAN), reason="fifty programs under a sanitizer are more than a small machine has")
def test_fifty_members_of_twenty_proxies(fleet, tmp_path):
    """In force on all within a second, gone within a second; and an idle member asks etcd at most twice a second."""
    names = ["m%02d" % i for i in range(50)]
    for name in names:
        fleet.join(name, "app=shop", "--log-level", "info", "--events", tmp_path / (name + ".events"), proxies=20)

    def changed_last(name):
        """When the last of its proxies was changed by the fleet, as its events tell: seconds since 1970."""
        with open(str(tmp_path / (name + ".events"))) as text:
            return max(event["time"] for event in map(json.loads, text) if event.get("by") == "fleet")

    fleet.seen(*names)
    before, begun = fleet.etcd.requests(), time.monotonic()
    time.sleep(5)
    assert (fleet.etcd.requests() - before) / (time.monotonic() - begun) <= 2 * len(names)
    late = []
    for _ in range(3):
        written = time.time()
        fleet.put("a", wish(**{"for": 600}))
        until(lambda: sum(fleet.status(n, "a").get("applied", 0) for n in names) == 1000, what="1,000 proxies to have it")
        late += [changed_last(n) - written for n in names]
        gone = time.time()
        fleet.delete("a")
        until(lambda: not any(fleet.status(n, "a") for n in names), what="the rule to go")
        late += [changed_last(n) - gone for n in names]
    print("p50 %.3f s, p99 %.3f s" % (sorted(late)[len(late) // 2], sorted(late)[int(len(late) * 0.99)]))
    assert sorted(late)[int(len(late) * 0.99)] < patience(1)
    chosen = []
    for _ in range(2):
        fleet.put("b", wish(max_members="10%", **{"for": 600}))
        until(lambda: sum(1 for n in names if fleet.status(n, "b").get("applied")) == 5, what="five members of fifty")
        chosen.append([n for n in names if fleet.status(n, "b").get("applied")])
        fleet.delete("b")
        until(lambda: not any(fleet.status(n, "b") for n in names), what="the rule to go")
    assert chosen[0] == chosen[1]
