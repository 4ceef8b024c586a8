"""vaurien audit's options and files, what is wrong in them, and what a run costs."""
import os
import re
import signal
import time

import pytest

from auditing import application, audit, cache, probes, start_audit, started       # noqa: F401: fixtures
from harness import SAN, patience, until


@pytest.mark.parametrize("words, sentence", [
    ([], "expected the options of a proxy"),
    (["--prob", "http://x/"], "did you mean '--probe'"),
    (["--baseline", "abc"], "--baseline: expected a number of seconds"),
    (["--baseline"], "--baseline: expected a value"),
    (["--probe", "nonsense"], "--probe: expected [NAME=]http://..."),
    (["--probe", "http://x/ contans=tea"], "a probe has no word 'contans'; did you mean 'contains'?"),
    (["--probe", "http://x/ status=99"], "status: expected codes and classes"),
    (["--probe", "a=http://x/", "--probe", "a=http://y/"], "expected a name that no other has, got 'a'"),
    (["--probe", "connections=http://x/"], "expected another name than 'connections', which reports use"),
    (["--fail-on", "never"], "--fail-on: expected one of fail, degraded"),
    (["--env", "A=1"], "--env: expected -- COMMAND"),
    (["--recover-within", "2m"], "--recover-within: expected at most --give-up"),
    (["--token", "x"], "--token: expected --attach URL"),
    (["--against", "/no/such/file"], "--against: cannot read '/no/such/file'"),
    (["--against", "/etc/passwd"], "--against: /etc/passwd:1: expected a JSON report"),
    (["--scenario", "/no/such/file"], "/no/such/file"),
    (["--add", "db=1"], "argument --add: expected NAME=LISTEN=BACKEND"),
    (["--add", "db=127.0.0.1:0=x:1,mysqll"], "did you mean 'mysql'?"),
    (["--add", "db=127.0.0.1:0=x:1,mysql", "--faults", "restrt"], "did you mean 'restart'?"),
    (["--add", "db=127.0.0.1:0=x:1,mysql", "--faults", "bd/restart"], "did you mean 'db'?"),
    (["--add", "db=127.0.0.1:0=x:1,mysql", "--faults", "db/cold_cache"], "--faults: db/cold_cache"),
    (["--add", "db=127.0.0.1:0=x:1,mysql", "--faults", "cold_cache"], "no proxy has a protocol for 'cold_cache'"),
    (["--add", "db=127.0.0.1:0=x:1,mysql", "--only", "bd"], "--only: expected the name of a proxy, got 'bd'; did you mean 'db'?"),
    (["--add", "db=127.0.0.1:0=x:1,mysql", "--probe", "a=http://x/ asks=bd"], "probe a: asks: expected one of the proxies db, got 'bd'; did you mean 'db'?"),
    (["--add", "db=127.0.0.1:0=x:1,mysql", "--probe", "a=http://x/ expect=works:bd"], "probe a: expect: expected one of the proxies db, got 'bd'"),
    (["--add", "db=127.0.0.1:0=x:1,mysql", "--json", "/no/such/dir/x"], "cannot write '/no/such/dir/x'"),
    (["--attach", "http://127.0.0.1:1", "--add", "db=:1=x:1"], "--attach: expected no options of a proxy beside it"),
    (["--attach", "http://10.1.2.3:1"], "expected --yes-remote"),
    (["--attach", "ftp://x"], "--attach: expected http://HOST:PORT or unix:/PATH"),
    (["--only-client", "here"], "--only-client: expected an address or a network"),
    (["--list"], "--list: expected `vaurien scenario`"),
])
def test_a_wrong_word_is_one_sentence(run, words, sentence):
    done = run("audit", *words)
    assert sentence in done.stderr, done.stderr
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done.stderr


@pytest.mark.parametrize("text, line, sentence", [
    ("[audit]\nbaselin = 3s\n", 2, "unknown key 'baselin' in section [audit]; did you mean 'baseline'?"),
    ("[audit]\nbaseline = never\n", 2, "baseline: expected a number of seconds"),
    ("[probe:front]\nurl = http://x/\nmetod = POST\n", 3, "a probe has no word 'metod'; did you mean 'method'?"),
    ("[scenario:a]\n[phase:b]\nrule = delay slep=1s\nfor = 1s\n", 3, "slep"),
    ("[proxy:db]\nlisten = :0\nbackend = x:1\nprotocl = mysql\n", 4, "did you mean 'protocol'?"),
])
def test_a_wrong_line_is_named(run, tmp_path, text, line, sentence):
    file = tmp_path / "shop.ini"
    file.write_text(text)
    done = run("audit", "--config", file, "--add", "web=127.0.0.1:0=x:1,http")
    assert "%s:%d: " % (file, line) in done.stderr and sentence in done.stderr, done.stderr
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done.stderr


def test_the_proxy_itself_passes_over_the_auditor_s_sections(run, tmp_path):
    file = tmp_path / "shop.ini"
    file.write_text("[audit]\nfaults = quick\n[probe:x]\nurl = http://x/\n[scenario:a]\n[phase:b]\nfor = 1s\n[vaurien]\nproxi = x\n")
    done = run("--config", file)
    assert "%s:9" % file in done.stderr and done.returncode == 1


def test_help_is_one_screen(run):
    done = run("audit", "--help")
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and len(lines) <= 60 and max(map(len, lines)) <= 100
    assert "--restart-app COMMAND" in done.stdout and run("scenario", "--help").stdout == done.stdout


def test_a_plan_starts_nothing(run, backend):
    done = run("audit", "--add", "db=127.0.0.1:0=%s,mysql" % backend.address, "--faults", "restart,hang", "--plan",
               "--probe", "http://127.0.0.1:1/", "--", "no-such-program")
    assert done.returncode == 0 and "2 experiments" in done.stdout and "db/restart" in done.stdout, done.stdout + done.stderr
    assert re.search(r"hangs +hang, 20 s", done.stdout) and not backend.waiting()


def test_lists_of_scenarios(run):
    done = run("scenario", "--list")
    assert done.returncode == 0 and "half_open" in done.stdout and "rolling-restart" in done.stdout
    done = run("scenario", "--show", "restart", "--protocol", "mysql")
    assert done.returncode == 0 and "[scenario:restart]" in done.stdout and "shutting_down" in done.stdout
    done = run("scenario", "--show", "restrt", "--protocol", "mysql")
    assert done.returncode == 2 and "did you mean 'restart'?" in done.stderr
    done = run("scenario")
    assert done.returncode == 2 and "expected FILE" in done.stderr


def test_secrets_are_not_in_the_report(audit, cache, application, tmp_path):
    words, port = application()
    done = audit("--probe", "front=http://user:sesame1@127.0.0.1:%d/ header='X-Key: sesame2' body=sesame3 method=POST" % port,
                 "--faults", "slow", "--run-limit", "1s", "--env", "SECRET=sesame4", "--report", tmp_path / "all",
                 *started(cache, [*words, "mysql://app:sesame5@db/shop"]))
    assert done.code == 3, done.said + done.errors
    for name in os.listdir(str(tmp_path / "all")):
        if name.startswith("audit."):
            assert "sesame" not in (tmp_path / "all" / name).read_text(), name
    assert "sesame" not in done.said + done.errors


# ---- what it costs ----

@pytest.mark.skipif(bool(SAN), reason="a sanitizer's cost is another one")
def test_what_a_thousand_samples_a_second_cost(start_audit, start, backend):
    """And 500 events a second: below one core and 64 MiB. The page is a Vaurien, too, which answers by itself."""
    page = start("--protocol", "http", "--behavior", "error", "--behavior-error-failure", "overloaded", "--log-level", "error",
                 backend=backend.serve())
    proxy = start("--protocol", "http", "--log-level", "error", backend="127.0.0.1:%d" % page.port)
    words = [word for i in range(30) for word in ("--probe", "p%d=http://127.0.0.1:%d/ status=503" % (i, proxy.port if i < 6
                                                                                                     else page.port))]
    every = patience(0.03)              # on a busy machine fewer, of which none must be lost
    running = start_audit("--attach", "127.0.0.1:%d" % proxy.http, *words, "--probe-every", "%dms" % (1000 * every),
                          "--probe-timeout", "60s", "--baseline", "60s")
    pid = running.process.pid

    def used():
        with open("/proc/%d/stat" % pid) as text:
            return sum(map(int, text.read().rsplit(")", 1)[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")

    def exchanges():
        assert running.process.poll() is None, running.err.read_text()
        return proxy.api("GET", "/info")[1]["proxies"][0]["exchanges"]
    until(lambda: exchanges() > 1000, 30, "samples")
    before, begun, asked = used(), time.monotonic(), exchanges()
    time.sleep(3)
    took = time.monotonic() - begun
    share, rate = (used() - before) / took, (exchanges() - asked) / took
    with open("/proc/%d/status" % pid) as text:
        memory = int(re.search(r"VmHWM:\s+(\d+)", text.read()).group(1))
    running.process.send_signal(signal.SIGINT)
    running.done(10)
    assert rate > 3 / every, "of five times as many samples, each with three events"
    assert share < 1 and memory < 64 << 10, (share, memory)
