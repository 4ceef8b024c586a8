"""How vaurien audit ends where it cannot go on: its exit codes, and what becomes of application and proxies."""
import signal
import subprocess

from auditing import SHORT, application, audit, cache, probes, start_audit, started     # noqa: F401: fixtures
from harness import free_port, http_ask, listening, until


def test_an_application_that_goes_past_the_proxy_is_inconclusive(audit, cache, application):
    host, _, number = cache.rpartition(":")
    words, port = application()
    done = audit(*probes(port), "--faults", "blackout,hang", "--add", "cache=127.0.0.1:0=%s,redis" % cache, *SHORT,
                 "--env", "CACHE_HOST=" + host, "--env", "CACHE_PORT=" + number, "--", *words)
    assert done.code == 3, done.said + done.errors
    assert {one["verdict"] for one in done.report["experiments"]} == {"inconclusive"}
    assert "no_traffic" in done.notes() and "does not go through it" in done.said


def test_rules_in_force_are_named(audit, start, cache, application):
    proxy = start("--protocol", "redis", backend=cache)
    proxy.api("POST", "/rules", {"behavior": "delay", "sleep": 0.01, "name": "mine"})
    _, port = application("127.0.0.1:%d" % proxy.port)
    done = audit("--attach", "127.0.0.1:%d" % proxy.http, *probes(port), *SHORT)
    assert done.code == 4 and "'mine' (delay) of proxy 'default'" in done.errors
    assert [rule["name"] for rule in proxy.api("GET", "/rules")[1]["rules"]] == ["mine"]


def test_one_audit_at_a_time(start_audit, audit, start, cache, application):
    proxy = start("--protocol", "redis", backend=cache)
    _, port = application("127.0.0.1:%d" % proxy.port)
    first = start_audit("--attach", "127.0.0.1:%d" % proxy.http, *probes(port), *SHORT, "--faults", "hang")
    until(lambda: proxy.api("GET", "/rules")[1]["rules"], what="its reservation")
    second = audit("--attach", "127.0.0.1:%d" % proxy.http, *probes(port), *SHORT)
    assert second.code == 4 and "another audit" in second.errors
    first.process.send_signal(signal.SIGTERM)
    assert first.done().code == 143
    assert proxy.api("GET", "/rules") == (200, {"rules": []})


def test_rules_of_others_end_it(start_audit, start, cache, application):
    proxy = start("--protocol", "redis", backend=cache)
    _, port = application("127.0.0.1:%d" % proxy.port)
    running = start_audit("--attach", "127.0.0.1:%d" % proxy.http, *probes(port), *SHORT, "--faults", "slow,hang",
                          "--fault-time", "20s")
    running.says("plan  ")
    until(lambda: len(proxy.api("GET", "/rules")[1]["rules"]) > 1, what="its fault")
    proxy.api("POST", "/rules", {"behavior": "delay", "sleep": 0.01, "name": "mine"})
    done = running.done()
    assert done.code == 3 and done.report["ended"]["how"] == "changed_by_others" and "mine" in done.report["ended"]["text"]
    assert [rule["name"] for rule in proxy.api("GET", "/rules")[1]["rules"]] == ["mine"]


def test_no_baseline(audit, cache, application):
    words, port = application()
    done = audit("--probe", "gone=http://127.0.0.1:%d/" % free_port(), "--add", "cache=127.0.0.1:0=%s,redis" % cache, "--app-start",
                 "300ms", "--", *words, CACHE_HOST="127.0.0.1", CACHE_PORT="1")
    assert done.code == 4 and "probe gone is not ok: down, refused" in done.errors
    _, port = application(cache)
    done = audit("--probe", "odd=http://127.0.0.1:%d/ contains=farewell" % port, "--add", "cache=127.0.0.1:0=%s,redis" % cache,
                 *SHORT)
    assert done.code == 4 and "probe odd is not ok: error, 200 lacks a text" in done.errors
    done = audit("--probe", "sh: no-such-program", "--add", "cache=127.0.0.1:0=%s,redis" % cache, *SHORT)
    assert done.code == 4 and "cannot be asked: exit 127" in done.errors


def test_no_backend(audit, application):
    words, port = application()
    done = audit(*probes(port), *started("127.0.0.1:%d" % free_port(), words))
    assert done.code == 4 and "cannot be reached" in done.errors


def test_a_command_that_ends_at_once(audit, cache):
    done = audit("--probe", "http://127.0.0.1:%d/" % free_port(), *started(cache, ["sh", "-c", "echo no module shop; exit 3"]))
    assert done.code == 4 and "COMMAND ended (exit 3): no module shop" in done.errors


def test_a_command_that_dies_of_a_fault_is_started_anew(audit, cache, application):
    words, port = application()
    done = audit(*probes(port), "--faults", "blackout,slow", *started(cache, words), TIMEOUT="0.5", DIES="1")
    assert done.code == 1, done.said + done.errors
    assert done.report["application"]["exits"] >= 1 and done.report["application"]["restarts"] >= 1
    found = {finding["id"] for finding in done.report["findings"]}
    assert "exited" in found, done.said


def test_a_guard_ends_it(audit, cache, application, tmp_path):
    words, port = application()
    done = audit(*probes(port), "--faults", "slow", "--guard", "exit 7", "--load", "sleep 60 & sleep 60", *started(cache, words))
    assert done.code == 4 and done.report["ended"]["how"] == "guard" and "exit 7" in done.report["ended"]["text"]
    assert not subprocess.run(["pgrep", "-f", "sleep 60 & sleep 60"], stdout=subprocess.DEVNULL).returncode == 0


def test_the_run_limit(audit, cache, application):
    words, port = application()
    done = audit(*probes(port), "--faults", "slow", "--run-limit", "2s", *started(cache, words))
    assert done.code == 3 and done.report["ended"]["how"] == "run_limit", done.said + done.errors
    assert [one["state"] for one in done.report["experiments"]] == ["not_run"]


def test_own_proxies_may_stay(start_audit, cache, application):
    proxy = free_port()
    _, port = application("127.0.0.1:%d" % proxy, TIMEOUT="0.5")
    running = start_audit("--protocol", "redis", "--proxy", "127.0.0.1:%d" % proxy, "--backend", cache, *probes(port, "stock"),
                          *SHORT, "--faults", "blackout", "--baseline", "300ms", "--stay")
    running.says("the proxies stay, calm, until Ctrl-C: default 127.0.0.1:%d; the API: unix:/" % proxy)
    assert http_ask(port, "GET", "/stock")[0] == 200
    running.process.send_signal(signal.SIGINT)
    assert running.done(10).code == 0 and not listening(proxy)


def test_an_application_that_does_not_recover_is_restarted(audit, start, cache, application, tmp_path):
    """Of one page that is ill until a file is gone: --restart-app removes it, and the run goes on."""
    proxy, ill = start("--protocol", "redis", backend=cache), tmp_path / "ill"
    words = ["--probe", "page=sh: test ! -e %s && (redis-cli -p %d get tea || ! touch %s)" % (ill, proxy.port, ill)]
    done = audit("--attach", "127.0.0.1:%d" % proxy.http, *words, *SHORT, "--give-up", "1s", "--recover-within", "1s", "--faults",
                 "blackout,slow", "--baseline", "300ms", "--restart-app", "rm %s" % ill)
    assert done.code == 1 and done.report["ended"]["how"] == "complete", done.said + done.errors
    assert done.report["application"]["restarts"] == 1
    assert "not_recovered" in done.cell("default/blackout/page")[1] and not ill.exists()
    done = audit("--attach", "127.0.0.1:%d" % proxy.http, *words, *SHORT, "--give-up", "1s", "--recover-within", "1s", "--faults",
                 "blackout,flapping", "--baseline", "300ms")
    assert done.code == 1 and done.report["ended"]["how"] == "not_recovered", done.said + done.errors
    assert [one["state"] for one in done.report["experiments"]] == ["done", "not_run"]
