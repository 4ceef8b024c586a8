"""Rules: whom they mean, how often, how long; and what they look like from outside."""
import json
import os
import re
import select

import pytest

from harness import VAURIEN, Clock, dial, patience, until

CTL = os.environ.get("VAURIENCTL_BIN") or os.path.join(os.path.dirname(VAURIEN), "vaurienctl")
BRIEF = "delay sleep=0.001 "    # strikes that are counted and leave everything as it was


def rounds(client, n=1):
    for _ in range(n):
        client.send(b"x")
        assert client.read(1) == b"x"


def rule(proxy, name):
    """What GET /rules tells of it."""
    found = [r for r in proxy.api("GET", "/rules")[1]["rules"] if r["name"] == name]
    return found[0] if found else None


def counts(proxy, name):
    now = rule(proxy, name)
    return now["seen"], now["hits"], now["unreachable"]


def struck(proxy):
    """(connection, exchange) of each strike, as the log has them so far."""
    return [(int(s["connection"]), int(s["exchange"])) for s in proxy.strikes()]


def fate(client):
    """echo, or how the connection ends instead."""
    client.send(b"x")
    return "echo" if client.sock.recv(1) == b"x" else client.ends()


# ---- whom ----

def test_one_client_among_others(vaurien, backend):
    backend.serve()
    proxy = vaurien("--rule", "abort client=127.0.0.2 name=two", backend=backend)
    meant = [proxy.client(source_address=("127.0.0.2", 0)) for _ in range(2)]
    other = proxy.client()
    rounds(other, 3)
    for client in meant:
        assert fate(client) == "fin"
    rounds(other)
    assert counts(proxy, "two") == (2, 2, 0)
    assert [s["rule"] for s in proxy.strikes()] == ["two", "two"]


@pytest.mark.parametrize("network, meant", [
    ("127.0.0.0/30", True), ("127.0.0.4/30", False), ("::ffff:127.0.0.2", True), ("0.0.0.0/0", True), ("::/0", False),
])
def test_a_network(start, backend, network, meant):
    backend.serve()
    proxy = start("--rule", "abort client=" + network, backend=backend)
    assert fate(proxy.client(source_address=("127.0.0.2", 0))) == ("fin" if meant else "echo")


def test_connections_of_others_are_not_reset(vaurien, backend):
    """At the moments of a whole connection, too: open ones and new ones."""
    backend.serve()
    proxy = vaurien(backend=backend)
    meant, other = proxy.client(source_address=("127.0.0.2", 0)), proxy.client()
    rounds(meant)
    rounds(other)
    proxy.set("blackout", client="127.0.0.2")
    assert meant.ends() == "rst"
    rounds(other)
    rounds(proxy.client())
    try:
        with proxy.client(source_address=("127.0.0.2", 0)) as client:
            assert client.ends() == "rst"
    except ConnectionResetError:
        pass


def test_a_client_of_a_unix_socket_has_no_address(start, backend, tmp_path):
    backend.serve()
    path = str(tmp_path / "proxy")
    start("--rule", "abort client=0.0.0.0/0", "--rule", BRIEF, backend=backend, listen="unix:" + path, up=lambda: os.path.exists(path))
    rounds(dial(path), 3)


# ---- how often ----

def test_a_share_of_them(vaurien, backend):
    backend.serve()
    proxy = vaurien("--rule", BRIEF + "probability=0.25 name=some", "--seed", 3, backend=backend)
    for _ in range(8):
        rounds(proxy.client(), 50)
    seen, hits, _ = counts(proxy, "some")
    assert 65 <= hits <= 135 and seen == hits           # 100 of 400, +- 4 deviations
    assert len(struck(proxy)) == hits


@pytest.mark.threads
def test_the_same_seed_strikes_the_same(vaurien, backend):
    backend.serve()
    fates = []
    for seed, words in ((9, "probability=0.3"), (9, "probability=0.3 client=127.0.0.0/8"), (10, "probability=0.3")):
        proxy = vaurien("--rule", BRIEF + words, "--rule", BRIEF + "probability=0.5 name=other", "--seed", seed, "--threads", 2,
                        backend=backend)
        clients = [proxy.client() for _ in range(5)]
        for _ in range(10):
            for client in clients:
                rounds(client)
        proxy.stop()
        fates.append({(s["connection"], s["exchange"], s["rule"]) for s in proxy.strikes()})
    assert fates[0] == fates[1] != fates[2]
    one, other = ({f[:2] for f in fates[0] if f[2] == name} for name in ("delay", "other"))
    assert one - other and other - one and one & other          # rules of different names draw apart


@pytest.mark.parametrize("words, wanted", [
    ("skip=3", [4, 5, 6, 7, 8, 9, 10, 11, 12]),
    ("times=2", [1, 2]),
    ("skip=2 times=1", [3]),
    ("every=4", [1, 5, 9]),
    ("skip=1 every=3 times=3", [2, 5, 8]),
    ("skip=100", []),
])
def test_exactly_those(vaurien, backend, words, wanted):
    backend.serve()
    proxy = vaurien("--rule", BRIEF + words + " name=counts", backend=backend)
    rounds(proxy.client(), 12)
    assert counts(proxy, "counts") == (12, len(wanted), 0)
    assert struck(proxy) == [(1, x) for x in wanted]


@pytest.mark.threads
def test_exact_among_many(vaurien, backend):
    """Which of them is anyone's guess, but as many as was said."""
    backend.serve()
    proxy = vaurien("--rule", BRIEF + "skip=10 every=3 times=7 name=counts", "--threads", 2, backend=backend)
    clients = [proxy.client() for _ in range(10)]
    for _ in range(6):
        for client in clients:
            client.send(b"x")
        for client in clients:
            assert client.read(1) == b"x"
    assert counts(proxy, "counts") == (60, 7, 0)
    until(lambda: len(struck(proxy)) == 7)


def test_once_per_connection(vaurien, backend):
    """Drawn and counted as a whole: a connection that is struck is struck in all its exchanges."""
    backend.serve()
    proxy = vaurien("--rule", BRIEF + "per=connection skip=1 times=2 name=whole", backend=backend)
    clients = [proxy.client() for _ in range(4)]
    for client in clients:
        rounds(client, 3)
    assert counts(proxy, "whole") == (4, 2, 0)
    assert {c for c, _ in struck(proxy)} == {2, 3}


@pytest.mark.parametrize("behavior, end", [("blackout", "rst"), ("reset", "rst"), ("close", "fin")])
def test_connections_are_counted_where_connections_are_struck(vaurien, backend, behavior, end):
    """Not what goes on in those that were let by."""
    backend.serve()
    proxy = vaurien("--rule", behavior + " skip=1 times=2 name=whole", backend=backend)
    spared = proxy.client()
    rounds(spared, 3)
    assert [ended(proxy), ended(proxy)] == [end, end]
    rounds(spared)
    rounds(proxy.client(), 3)
    assert counts(proxy, "whole") == (4, 2, 0)


def ended(proxy):
    """How a connection ends by itself."""
    try:
        return proxy.client().ends()
    except ConnectionResetError:
        return "rst"


def test_connections_that_vanish_are_counted(vaurien, backend):
    backend.serve()
    proxy = vaurien("--rule", "vanish skip=1 times=1 name=whole", backend=backend)
    spared = proxy.client()
    rounds(spared, 3)
    assert proxy.client().send(b"x").silent(0.2)
    rounds(spared)
    rounds(proxy.client())
    assert counts(proxy, "whole") == (3, 1, 0)


@pytest.mark.parametrize("words, wanted", [
    ("hang skip=2", "..XX"), ("hang times=2", "XX.."), ("hang every=2", "X.X."), ("bandwidth rate=0 per=exchange times=2", "XX.."),
])
def test_a_client_that_leaves_is_no_exchange(vaurien, backend, words, wanted):
    backend.serve()
    proxy = vaurien("--rule", words + " name=counts", backend=backend)
    fates = ""
    for number in range(1, len(wanted) + 1):
        with proxy.client() as client:
            client.send(b"x")
            until(lambda: select.select([client.sock], [], [], 0)[0] or number in dict(struck(proxy)))
            fates += "X" if number in dict(struck(proxy)) and client.silent(0.1) else "." if client.read(1) == b"x" else "?"
    assert fates == wanted
    assert counts(proxy, "counts") == (4, wanted.count("X"), 0)


def test_a_rule_that_strikes_no_connection_says_so(start, backend):
    backend.serve()
    proxy = start("--rule", "limit_data bytes=1000", "--rule", "blackout skip=5 name=later", backend=backend)
    for _ in range(3):
        rounds(proxy.client())
    proxy.api("PUT", "/rules", {"rules": []})
    proxy.logged(r"no strike proxy=default rule=limit_data behavior=limit_data: 3 connections, none of which it does anything to\n")
    proxy.logged(r"no strike proxy=default rule=later behavior=blackout: 3 connections, none of which comes after those that it skips\n")


@pytest.mark.parametrize("behavior", ["limit_time", "slow_connect", "slow_close"])
def test_a_match_where_nothing_is_said(start, backend, behavior):
    proxy = start("--protocol", "http", backend=backend)
    status, answer = proxy.api("POST", "/rules", {"behavior": behavior, "match": "x", "per": "exchange"})
    assert status == 400 and answer["errors"][0]["description"] == (
        "match: %s concerns connections, which are decided before a message has come" % behavior)


@pytest.mark.parametrize("words, why", [
    ("delay direction=response", "it does anything to"), ("truncate direction=request", "it does anything to"),
    ("delay skip=100", "comes after those that it skips"),
])
def test_a_rule_that_strikes_nothing_says_so(start, backend, words, why):
    backend.serve()
    proxy = start("--rule", words + " name=idle", backend=backend)
    rounds(proxy.client(), 3)
    proxy.api("PUT", "/rules", {"rules": []})
    proxy.logged(r"no strike proxy=default rule=idle behavior=\w+: 3 messages, none of which %s; nearest: DATA" % why)


def test_half_of_the_connections(vaurien, backend):
    backend.serve()
    proxy = vaurien("--behavior", "dummy", "--seed", 11, backend=backend)
    proxy.set("abort", per="connection", probability=0.5)
    ends = [fate(proxy.client()) for _ in range(100)]
    assert 30 <= ends.count("fin") <= 70 and ends.count("fin") + ends.count("echo") == 100


# ---- how long ----

def test_a_rule_that_goes_lets_go(vaurien, backend):
    proxy = vaurien("--rule", BRIEF + "name=stays", backend=backend)
    client, server = proxy.meet(backend)
    assert proxy.api("POST", "/rules", {"behavior": "hang", "ttl": 2, "name": "brief"})[0] == 200
    client.send(b"first")
    assert rule(proxy, "brief")["options"] == {"ttl": 2}
    assert server.silent(0.1)
    client.send(b"second")
    assert server.read(11) == b"firstsecond"
    server.send(b"answer")
    assert client.read(6) == b"answer"
    assert rule(proxy, "brief") is None
    assert rule(proxy, "stays")["hits"] >= 1
    proxy.logged(r"proxy=default: rule \"[\w-]+\" \(\w+\) has expired\n")


def test_a_lease_that_is_renewed_does_not_fill_the_log(vaurien, backend):
    proxy = vaurien("--rule", "dummy ttl=60 name=lease", backend=backend)
    for ttl in ("30s", "45s", "60s"):
        assert proxy.api("PUT", "/rules/lease", {"ttl": ttl})[0] == 200
    assert proxy.api("PUT", "/rules/lease", {"ttl": "60s", "probability": 0.5})[0] == 200
    proxy.logged("proxy=default rule=lease is changed")
    assert proxy.log().count("rule=lease") == 1


def test_a_behavior_that_goes(vaurien, backend):
    """Others stay, those that came with it and those that came before."""
    backend.serve()
    proxy = vaurien("--rule", BRIEF + "name=stays", backend=backend)
    client = proxy.client()
    with Clock() as took:
        proxy.set("delay", sleep=5, ttl=0.5)
        rounds(client)
    assert 0.5 <= took.seconds < patience(4)
    until(lambda: proxy.api("GET", "/behavior") == (200, {"behavior": "dummy"}))
    assert [r["name"] for r in proxy.api("GET", "/rules")[1]["rules"]] == ["stays"]
    proxy.set("delay", sleep=5, ttl=60)
    proxy.set("dummy")                          # nobody's time comes any more
    with Clock() as took:
        rounds(client)
    assert took.seconds < patience(3)


def test_times_that_come_one_after_the_other(vaurien, backend):
    backend.serve()
    proxy = vaurien("--rule", "dummy ttl=0.9 name=c", "--rule", "dummy ttl=0.6 name=b", "--rule", "dummy ttl=300ms name=a", backend=backend)

    def names():
        return "".join(r["name"] for r in proxy.api("GET", "/rules")[1]["rules"])
    met = []
    until(lambda: met.append(names()) or not met[-1])
    assert re.fullmatch("(cba )*(cb )*(c )*", "".join(names + " " for names in met if names))


# ---- which way ----

def test_only_responses(vaurien, backend):
    proxy = vaurien(backend=backend)
    proxy.set("hang", direction="response")
    client, server = proxy.meet(backend)
    client.send(b"ask")
    assert server.read(3) == b"ask"
    server.send(b"answer")
    assert client.silent(0.2)
    proxy.set("dummy")
    assert client.read(6) == b"answer"


def test_only_requests(vaurien, backend):
    proxy = vaurien(backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"ask")
    assert server.read(3) == b"ask"
    proxy.set("hang", direction="request")      # an answer that is owed is no request
    server.send(b"answer")
    assert client.read(6) == b"answer"
    client.send(b"more")
    assert server.silent(0.2)
    proxy.set("dummy")
    assert server.read(4) == b"more"


def test_a_direction_in_which_it_does_nothing(vaurien, backend):
    proxy = vaurien(backend=backend)
    status, answer = proxy.api("PUT", "/behavior", {"name": "abort", "direction": "response"})
    assert status == 400
    assert answer["errors"][0]["name"] == "direction"
    assert answer["errors"][0]["description"] == "direction: abort does nothing to a response"


# ---- seen from outside ----

FIELDS = {"client": "127.0.0.0/8", "direction": "request", "probability": 0.5, "skip": 1, "times": 2, "every": 3, "ttl": 60.0}


def test_fields_are_options_like_others(vaurien, backend):
    proxy = vaurien(backend=backend)
    proxy.set("delay", sleep=2, **FIELDS)
    status, now = proxy.api("GET", "/behavior")
    assert now["options"] == dict(now["options"], sleep=2.0, **FIELDS)
    assert proxy.api("PUT", "/behavior", dict(now, name=now["behavior"])) == (200, {"status": "ok"})
    assert proxy.api("GET", "/behavior") == (200, now)
    proxy.set("delay")                          # what is not said is at its default, and not shown
    assert set(proxy.api("GET", "/behavior")[1]["options"]) == set(now["options"]) - set(FIELDS)
    proxy.set("delay", per="connection")
    assert proxy.api("GET", "/behavior")[1]["options"]["per"] == "connection"


def test_fields_beside_weights(vaurien, backend):
    backend.serve()
    proxy = vaurien(backend=backend)
    proxy.set("50:delay,50:hang", options={"delay": {"sleep": 0.001, "times": 3}, "hang": {"client": "127.0.0.9"}})
    status, now = proxy.api("GET", "/behavior")
    assert now["options"]["hang"] == {"client": "127.0.0.9"} and now["options"]["delay"]["times"] == 3
    assert proxy.api("PUT", "/behavior", dict(now, name=now["behavior"])) == (200, {"status": "ok"})
    assert proxy.api("GET", "/behavior") == (200, now)
    rounds(proxy.client(), 20)
    assert proxy.api("GET", "/behavior")[1]["hits"] == 3
    status, answer = proxy.api("PUT", "/behavior", {"name": "50:delay", "probability": 0.5})
    assert status == 400 and answer["errors"][0]["description"] == "probability: expected none beside weights, which are probabilities"


@pytest.mark.parametrize("field, value, sentence", [
    ("match", "^QUERY", "match: tcp has no requests to match"),
    ("client", "localhost", "client: expected an address or a network such as 10.0.0.0/8, got 'localhost'"),
    ("probability", 1.1, "probability: expected a number from 0 to 1, got 1.1"),
    ("every", 0, "every: expected a whole number from 1 to 1e+15, got 0"),
    ("times", -1, "times: expected a whole number >= 0, got -1"),
    ("ttl", "soon", "ttl: expected a number of seconds >= 0, got 'soon'"),
    ("per", "day", "per: expected one of own, exchange, connection, got 'day'"),
])
def test_a_field_refused(start, backend, run, field, value, sentence):
    proxy = start(backend=backend)
    proxy.set("hang")
    status, answer = proxy.api("PUT", "/behavior", {"name": "delay", field: value})
    assert (status, answer["errors"][0]["name"], answer["errors"][0]["description"]) == (400, field, sentence)
    assert proxy.api("GET", "/behavior")[1]["behavior"] == "hang"
    done = run("--rule", "delay %s=%s" % (field, value))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "rule: " + re.sub(r"got ([\d.-]+)$", r"got '\1'", sentence) + "\n"


def test_what_rules_have_met(vaurien, backend):
    backend.serve()
    proxy = vaurien("--rule", BRIEF + "times=2 name=a", "--rule", "dummy", "--behavior", "50:delay,50:delay",
                    "--behavior-delay-sleep", "0.001", backend=backend)
    rounds(proxy.client(), 5)
    status, answer = proxy.api("GET", "/rules")
    delay = proxy.api("GET", "/behavior")[1]["options"]
    assert delay["sleep"] == 0.001
    words = [rule.pop("as_rule") for rule in answer["rules"]]
    assert words == ["delay sleep=1ms", "delay sleep=1ms times=2 name=a", "dummy"]
    assert [abs(rule.pop("last_hit") or 0) > 0 for rule in answer["rules"]] == [True, True, False]
    assert (status, answer) == (200, {"rules": [
        {"name": "behavior", "behavior": "delay", "options": delay, "seen": 5, "hits": 5, "unreachable": 0},
        {"name": "a", "behavior": "delay", "options": dict(delay, times=2), "seen": 5, "hits": 2, "unreachable": 0},
        {"name": "dummy", "behavior": "dummy", "options": {}, "seen": 0, "hits": 0, "unreachable": 0},
    ]})


def test_rules_stay_when_the_behavior_changes(vaurien, backend):
    """Their counts go on, and what they hold is held."""
    proxy = vaurien("--rule", "hang client=127.0.0.2 name=held", "--rule", BRIEF + "client=127.0.0.1 skip=2 times=1 name=third",
                    backend=backend)
    held = proxy.client(source_address=("127.0.0.2", 0)).send(b"held")
    silent = backend.accept()
    client, server = proxy.meet(backend)
    for name, options in (("delay", {"sleep": 0.01}), ("dummy", {}), ("50:delay", {"sleep": 0.01})):
        proxy.set(name, **options)
        client.send(b"x")
        assert server.read(1) == b"x"
        server.send(b"y")
        assert client.read(1) == b"y"
    assert counts(proxy, "third") == (3, 1, 0)
    assert [s["exchange"] for s in proxy.strikes() if s["rule"] == "third"] == ["3"]
    assert silent.silent(0.2)
    held.close()


def test_delays_add_up(vaurien, backend):
    backend.serve()
    proxy = vaurien("--rule", "delay sleep=0.3", "--rule", "delay sleep=0.2 before=false", "--rule", "delay sleep=0.1", backend=backend)
    assert [r["name"] for r in proxy.api("GET", "/rules")[1]["rules"]] == ["delay", "delay-2", "delay-3"]
    client = proxy.client()
    with Clock() as took:
        rounds(client)
    assert 0.6 <= took.seconds < patience(3)
    proxy.set("delay", sleep=0.4)
    with Clock() as took:
        rounds(client)
    assert 1.0 <= took.seconds < patience(4)


# ---- the words' other ways in ----

def test_vaurienctl_sets_fields(start, backend, run):
    proxy = start("--protocol", "mysql", backend=backend)
    done = run("--http-port", proxy.http, "set-behavior", "error", "--match", "^QUERY (?i)update", "--times", "1", "--client", "127.0.0.1",
               program=CTL)
    assert (done.returncode, done.stdout) == (0, 'Behavior changed to "error"\n'), done.stderr
    done = run("--http-port", proxy.http, "get-behavior", "--json", program=CTL)
    now = json.loads(done.stdout)["options"]
    assert (now["match"], now["times"], now["client"]) == ("^QUERY (?i)update", 1, "127.0.0.1")
    done = run("--http-port", proxy.http, "set-behavior", "error", "--match", "(", program=CTL)
    assert (done.returncode, done.stderr) == (1, "The request failed. match: expected a regular expression; at offset 1: "
                                                 "missing closing parenthesis\n")


def test_rules_of_a_file(vaurien, backend, tmp_path):
    backend.serve()
    config = tmp_path / "rules.ini"
    config.write_text("[vaurien]\nbehavior = dummy\n[rule:late]\nbehavior = delay\nsleep = 1ms\nskip = 1\ntimes = 2\n"
                      "[rule:never]\nbehavior = abort\nprobability = 0\n")
    proxy = vaurien("--config", config, "--rule", BRIEF + "times=1", backend=backend)
    rounds(proxy.client(), 4)
    assert [r["name"] for r in proxy.api("GET", "/rules")[1]["rules"]] == ["late", "never", "delay"]
    assert counts(proxy, "late") == (4, 2, 0) and counts(proxy, "never") == (0, 0, 0) and counts(proxy, "delay") == (4, 1, 0)
    assert sorted((s["rule"], s["exchange"]) for s in proxy.strikes()) == [("delay", "1"), ("late", "2"), ("late", "3")]


def test_the_end_while_a_time_runs(start, backend):
    """A rule whose time comes while the program goes leaves nothing behind."""
    backend.serve()
    for ttl in (0.01, 0.03, 0.3):
        proxy = start("--rule", "delay ttl=%s" % ttl, backend=backend)
        proxy.stop()
