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


def test_what_it_needs(audit):
    for words, sentence in [(["--run"], "--run: expected -- COMMAND"),
                            (["--run", "--attach", "http://localhost:1", "--", "true"], "expected no --attach")]:
        done = subprocess.run([VAURIEN, "audit", "--probe", "http://localhost:1/", *words], capture_output=True, text=True)
        assert done.returncode == 2 and sentence in done.stderr, done.stderr
