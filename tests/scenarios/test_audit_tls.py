"""vaurien audit of an application that speaks TLS to its cache: the two outages of TLS strike, and what they find."""
import pytest

from auditing import SHORT, application, cache, probes, start_audit      # noqa: F401: fixtures
from harness import SAN, patience

pytestmark = pytest.mark.skipif(bool(SAN), reason="auditor and proxy are run with sanitizers elsewhere")
# What is left of the default set when all that has nothing to do with TLS is left out.
DEFAULT = "default" + "".join(",-" + name for name in (
    "slow lossy overloaded full read_only demoted failover idle_closed restart crash blackout hang half_open lost_reply "
    "cold_cache deadlock").split())


def test_outages_of_tls(start_audit, cache, application, tmp_path):     # noqa: F811
    """Both at once: one application whose time-out covers its handshakes, and one without any."""
    longest, shortest = patience(2), "%.1fs" % patience(0.6)

    def begin(outages, time_out, ca):
        words, port = application()
        folder = tmp_path / ("tls" + time_out)
        return start_audit("--add", "cache=127.0.0.1:0=%s,redis" % cache, "--client-tls", "require", "--tls-dir", folder,
                           *probes(port), *SHORT, "--fault-time", shortest, "--baseline", shortest,
                           "--probe-timeout", "%.1fs" % longest, "--hang-time", "%.1fs" % (longest + 0.5),
                           "--env", "CACHE_HOST=localhost", "--env", "CACHE_PORT={cache.port}", "--faults", outages, *ca, *words,
                           TIMEOUT=time_out)
    timed, naive = begin(DEFAULT, "%.1f" % patience(0.4), ["--env", "CACHE_CA={ca}", "--"]), begin(
        "tls_stall", "", ["--", "sh", "-c", 'CACHE_CA=$VAURIEN_CA exec "$@"', "-"])
    timed, naive = timed.done(), naive.done()
    assert (timed.code, timed.report["verdict"]) == (0, "degraded"), timed.said
    assert {experiment["outage"] for experiment in timed.report["experiments"]} == {"tls_stall", "certificate_expired"}
    for outage in ("tls_stall", "certificate_expired"):
        experiment = timed.experiment("cache/" + outage)
        assert experiment["struck"] > 1 and experiment["unreachable"] == 0, timed.said
        assert timed.cell("cache/%s/front" % outage) == ("pass", set())
        verdict, findings = timed.cell("cache/%s/stock" % outage)
        assert verdict == "degraded" and "errors" in findings, timed.said
    assert naive.cell("cache/tls_stall/stock")[0] == "fail" and naive.experiment("cache/tls_stall")["struck"] > 0, naive.said
    assert "hangs" in naive.cell("cache/tls_stall/stock")[1], naive.said
