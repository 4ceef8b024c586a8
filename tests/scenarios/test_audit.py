"""vaurien audit in its ways, and what it finds."""
import json
import os
import subprocess
import threading

from auditing import SHORT, application, audit, cache, probes, serve_page, start_audit, started     # noqa: F401: fixtures
from harness import dial, free_port, listening, patience, until


def test_it_starts_all(audit, cache, application, tmp_path):
    words, port = application()
    done = audit(*probes(port), "--faults", "blackout", "--report", tmp_path / "all", *started(cache, words), TIMEOUT="0.5")
    assert done.code == 0, done.said + done.errors
    assert done.report["verdict"] == "degraded" and done.report["ended"] == {"how": "complete", "text": ""}
    assert done.cell("cache/blackout/front") == ("pass", set())
    assert done.cell("cache/blackout/stock")[0] == "degraded" and "errors" in done.cell("cache/blackout/stock")[1]
    assert done.experiment("cache/blackout")["struck"] > 3
    front, stock = done.report["probes"]
    assert front["asks"] == {} and stock["asks"]["cache"]["reads"] == 1
    assert done.report["application"] == {"command": " ".join(words), "exits": 0, "restarts": 0}
    assert "1/1  blackout" in done.said and done.said.rstrip().splitlines()[-1].startswith("degraded ")
    assert {"audit.html", "audit.xml", "audit.md", "application.log", "vaurien.log"} <= set(os.listdir(str(tmp_path / "all")))
    assert not listening(port), "the application was stopped"
    assert "Bye!" in (tmp_path / "all" / "vaurien.log").read_text(), "and the proxies, in order"


def test_it_attaches(audit, start, cache, application, tmp_path):
    events = tmp_path / "events"
    proxy = start("--protocol", "redis", "--events", events, backend=cache)
    _, port = application("127.0.0.1:%d" % proxy.port, TIMEOUT="0.5")
    done = audit("--attach", "http://127.0.0.1:%d" % proxy.http, *probes(port), *SHORT, "--faults", "blackout")
    assert done.code == 0, done.said + done.errors
    marks = [event["text"] for event in map(json.loads, events.read_text().splitlines()) if event["type"] == "mark"]
    assert marks == ["audit: default/blackout begins", "audit: default/blackout has ended"]
    assert done.cell("default/blackout/stock")[0] == "degraded"
    assert proxy.api("GET", "/rules") == (200, {"rules": []}) and listening(port)
    assert done.report["application"]["command"] is None


def test_it_attaches_by_a_socket_with_a_token(audit, start, cache, tmp_path):
    """And without any probe, only connections are judged: the report says so first."""
    proxy = start("--protocol", "redis", "--http", "--http-host", "unix:%s/api" % tmp_path, "--http-token", "secret",
                  backend=cache, http=False)
    until(lambda: (tmp_path / "api").exists(), what="the API")
    done = audit("--attach", "unix:%s/api" % tmp_path, *SHORT, "--plan")
    assert done.code == 4 and "401" in done.errors or "not the API" in done.errors or "token" in done.errors
    words = ["--attach", "unix:%s/api" % tmp_path, "--token", "secret", *SHORT, "--faults", "blackout"]
    done = audit(*words, "--plan")
    assert done.code == 0 and "default/blackout" in done.said and done.report is None
    end = dial(proxy.port)
    end.send(b"PING\r\n").read_to(b"PONG\r\n")
    done = audit(*words)
    assert done.report["notes"][0]["id"] == "no_probes" and done.report["probes"] == []
    assert done.experiment("default/blackout")["connections"]["before"] == 1 and end.ends() == "rst"
    assert "secret" not in json.dumps(done.report)


def test_it_brings_the_proxy_of_a_running_application(audit, cache, application):
    proxy = free_port()
    _, port = application("127.0.0.1:%d" % proxy, TIMEOUT="0.5")
    done = audit("--protocol", "redis", "--proxy", "127.0.0.1:%d" % proxy, "--backend", cache, *probes(port), *SHORT,
                 "--faults", "restart")
    assert done.code == 0, done.said + done.errors
    assert done.cell("default/restart/front") == ("pass", set())
    assert [phase["fault"] for phase in done.experiment("default/restart")["phases"]] == [True] * 4
    assert not listening(proxy) and listening(port)


def test_all_of_it_in_a_file(audit, cache, application, tmp_path):
    words, port = application()
    (tmp_path / "shop.ini").write_text("""
[proxy:cache]
listen = 127.0.0.1:0
backend = %s
protocol = redis
[audit]
faults = slow, gone
fault_time = 1s
baseline = 1s
probe_every = 100ms
aftermath = 200ms
env = CACHE_HOST={cache.host}
env = CACHE_PORT={cache.port}
markdown = shop.md
[probe:front]
url = http://127.0.0.1:%d/
expect = works
contains = hello
[probe:stock]
url = http://127.0.0.1:%d/stock
[probe:shell]
command = test "$(echo $VAURIEN_CACHE_ADDRESS)" = "$VAURIEN_CACHE_HOST:$VAURIEN_CACHE_PORT"
asks = none
[scenario:gone]
question = What if it closes all connections once?
[phase:away]
rule = refuse
for = 500ms
do = close
expect = always probe.front = ok
""" % (cache, port, port))
    done = audit("--config", tmp_path / "shop.ini", "--", *words, TIMEOUT="0.5")
    assert done.code == 0, done.said + done.errors
    assert [one["outage"] for one in done.report["experiments"]] == ["slow", "gone"]
    assert [one["name"] for one in done.report["probes"]] == ["front", "stock", "shell"]
    assert done.report["probes"][2]["asks_given"] and done.report["probes"][2]["asks"] == {}
    assert done.experiment("cache/gone")["phases"][0]["expectations"] == [{"text": "always probe.front = ok", "held": True}]
    assert (tmp_path / "shop.md").exists()


def test_scenarios_alone(audit, cache, application, tmp_path):
    words, port = application()
    (tmp_path / "own.ini").write_text("""
[scenario:one]
[phase:late]
rule = delay sleep=10ms
for = 500ms
[scenario:two]
question = Does the page with Redis work while Redis refuses?
[phase:gone]
rule = refuse
do = reset
for = 1s
expect = always probe.stock = ok within 300ms
""")
    done = audit(tmp_path / "own.ini", "two", *probes(port), *started(cache, words), action="scenario", TIMEOUT="0.5")
    assert done.code == 1, done.said + done.errors
    assert [one["outage"] for one in done.report["experiments"]] == ["two"]
    assert not done.experiment("cache/two")["phases"][0]["expectations"][0]["held"]


# ---- verdicts and exit codes ----

def test_a_page_that_hangs_fails(audit, cache, application):
    words, port = application()
    done = audit(*probes(port), "--faults", "hang", *started(cache, words))
    assert done.code == 1, done.said + done.errors
    assert done.cell("cache/hang/front") == ("pass", set())
    assert done.cell("cache/hang/stock")[0] == "fail" and "hangs" in done.cell("cache/hang/stock")[1]


def test_fail_on_and_against(audit, cache, application, tmp_path):
    words, port = application()
    known = ["--probe", "stock=http://127.0.0.1:%d/stock every=250ms" % port, "--faults", "blackout", "--fail-on", "degraded"]
    first = audit(*known, *started(cache, words), TIMEOUT="0.5")
    assert first.code == 1, first.said + first.errors
    (tmp_path / "last.json").write_text(json.dumps(first.report))
    again = audit(*known, "--against", tmp_path / "last.json", *started(cache, words), TIMEOUT="0.5")
    assert again.code == 0, again.said + again.errors
    assert again.report["against"]["worse"] == []


def test_faults_reach_only_one_client(audit, start, cache, application, tmp_path):
    """The application is not that client: nothing strikes it."""
    (tmp_path / "own.ini").write_text("[scenario:gone]\n[phase:away]\nrule = refuse\ndo = close\nfor = 500ms\n")
    proxy = start("--protocol", "redis", backend=cache)
    _, port = application("127.0.0.1:%d" % proxy.port, TIMEOUT="0.5")
    words = [tmp_path / "own.ini", "--attach", "127.0.0.1:%d" % proxy.http, *probes(port, "stock"), *SHORT, "--baseline", "300ms"]
    done = audit(*words, "--only-client", "127.0.0.9", action="scenario")
    assert done.code == 3 and done.experiment("default/gone")["struck"] == 0, done.said + done.errors
    assert done.experiment("default/gone")["probes"][0]["during"]["ok"] > 2
    done = audit(*words, "--only-client", "127.0.0.0/8", action="scenario")
    assert done.code == 0 and done.experiment("default/gone")["struck"] > 1, done.said + done.errors


def test_samples_do_not_wait_for_each_other(audit, start, backends, tmp_path):
    """A page that never answers, and a command that outlives its time: at most 16 samples at once, and no process is left."""
    page, mark = backends(), tmp_path / "mark"
    page.serve(serve_page)
    proxy = start("--protocol", "http", backend=page)
    (tmp_path / "own.ini").write_text("""
[probe:page]
url = http://127.0.0.1:%d/
every = 20ms
timeout = 1s
[probe:command]
command = test ! -e %s || sleep 77.25
every = 100ms
timeout = 500ms
[scenario:silent]
[phase:silent]
rule = hang
do = run touch %s
for = 2s
""" % (proxy.port, mark, mark))
    done = audit(tmp_path / "own.ini", "--attach", "127.0.0.1:%d" % proxy.http, *SHORT, "--give-up", "1s", "--recover-within", "1s",
                 "--baseline", "500ms", "--config", tmp_path / "own.ini", action="scenario")
    assert done.code == 1, done.said + done.errors
    page, command = done.experiment("default/silent")["probes"]
    assert page["during"]["skipped"] > 5 and page["during"]["timeout"] >= 16
    assert "hangs" in {finding["id"] for finding in page["findings"]}
    assert command["during"]["timeout"] >= 5 and command["during"]["skipped"] == 0
    assert subprocess.run(["pgrep", "-f", "sleep 77.25"], stdout=subprocess.DEVNULL).returncode == 1


def test_needs_are_told_from_other_traffic(audit, start, cache, application):
    """A client of its own sends 20 requests a second. A quick page is told from it, a slow command is not: that counts as
    a need. The word `asks` overrules. On a busy machine no page is quick: all is as much slower there."""
    proxy = start("--protocol", "redis", backend=cache)
    slower = patience(1)
    _, port = application("127.0.0.1:%d" % proxy.port, TIMEOUT="%g" % (slower / 2))
    end, stop = dial(proxy.port), threading.Event()

    def ask():
        while not stop.wait(slower / 20):
            end.send(b"PING\r\n").read_to(b"PONG\r\n")
    thread = threading.Thread(target=ask)
    thread.start()
    try:
        done = audit("--attach", "127.0.0.1:%d" % proxy.http, *probes(port), "--probe", "slow=sh: sleep %g" % (slower * 0.4),
                     "--probe", "told=http://127.0.0.1:%d/ asks=default" % port, *SHORT, "--probe-timeout", "%gs" % slower,
                     "--probe-every", "%gs" % (slower / 10), "--baseline", "%gs" % slower, "--run-limit", "1s")
    finally:
        stop.set()
        thread.join()
    assert done.code == 3, done.said + done.errors
    front, stock, slow, told = done.report["probes"]
    assert front["asks"] == {} and stock["asks"]["default"]["reads"] >= 1
    assert slow["asks"] == {"default": None} and "default" in told["asks"] and told["asks_given"]
