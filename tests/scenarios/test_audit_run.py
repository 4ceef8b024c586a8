"""vaurien audit --run: neither --env nor free ports; the proxies are those that discovery makes."""
import subprocess

import pytest

from auditing import SHORT, application, audit, cache, probes, start_audit      # noqa: F401: fixtures
from harness import VAURIEN, listening


@pytest.mark.parametrize("named", [True, False])
def test_the_proxies_of_a_run_are_audited(audit, cache, application, named):
    words, port = application()
    host, _, number = cache.rpartition(":")
    options = ["--protocol", "redis", "--backend", cache] if named else []
    done = audit("--run", *probes(port), *SHORT, "--faults", "blackout", *options, "--", *words,
                 CACHE_HOST=host, CACHE_PORT=number, TIMEOUT="0.5")
    assert done.code == 0, done.said + done.errors
    assert done.report["verdict"] == "degraded", done.said
    (proxy,) = done.report["proxies"]
    assert proxy["name"].endswith(":" + number) and proxy["protocol"] == "redis"
    assert done.cell(proxy["name"] + "/blackout/front") == ("pass", set())
    assert done.cell(proxy["name"] + "/blackout/stock")[0] == "degraded"
    assert "1 proxy carried" in done.errors and not listening(port)


def test_a_probe_names_what_is_discovered(audit, cache, application):
    words, port = application()
    host, _, number = cache.rpartition(":")
    for asks, code in (("store", 0), ("nobody", 2)):
        done = audit("--run", "--probe", "stock=http://127.0.0.1:%d/stock every=200ms asks=%s" % (port, asks), *SHORT, "--faults", "blackout",
                     "--add", "store=%s,redis" % cache, "--", *words, CACHE_HOST=host, CACHE_PORT=number, TIMEOUT="0.5")
        assert done.code == code, done.said + done.errors
        if code:
            assert "asks: expected one of the proxies store, got 'nobody'" in done.errors, done.errors
        else:
            assert done.report["probes"][0]["asks_given"] and list(done.report["probes"][0]["asks"]) == ["store"]


def test_what_it_needs(audit):
    for words, sentence in [(["--run"], "--run: expected -- COMMAND"),
                            (["--run", "--attach", "http://localhost:1", "--", "true"], "expected no --attach")]:
        done = subprocess.run([VAURIEN, "audit", "--probe", "http://localhost:1/", *words], capture_output=True, text=True)
        assert done.returncode == 2 and sentence in done.stderr, done.stderr
