"""A behavior whose options make it do nothing, or stop everything, says so; and one that only concerns new connections."""
import os
import subprocess

import pytest

from harness import VAURIEN, patience

CTL = os.environ.get("VAURIENCTL_BIN") or os.path.join(os.path.dirname(VAURIEN), "vaurienctl")

WARNED = [
    ("latency", {}, "latency: 0 ms, nothing will be late; give latency"),
    ("latency", {"latency": 0, "jitter": 0}, "latency: 0 ms, nothing will be late; give latency"),
    ("delay", {"sleep": 0}, "delay: 0 s, nothing will be late; give sleep"),
    ("slow_open", {}, "slow_open: 0 ms, nothing will be late; give delay"),
    ("slow_close", {}, "slow_close: 0 ms, no end will be late; give delay"),
    ("slow_connect", {"sleep": 0}, "slow_connect: 0 s, no connection will be late; give sleep"),
    ("slicer", {"delay": "10us"}, "slicer: average_size is 0, nothing will be sliced; give average_size"),
    ("packet_loss", {}, "packet_loss: loss_rate is 0, nothing will be lost; give loss_rate"),
    ("loss", {"rate": 0}, "loss: rate is 0, nothing will be lost; give rate"),
    ("corrupt", {"bits": 0}, "corrupt: bits is 0, nothing will be corrupted; give bits"),
    ("waves", {"high": 0}, "waves: 0 s, nothing will be late; give low"),
    ("bandwidth", {}, "bandwidth: rate is 0, nothing passes; give rate"),
    ("limit_data", {}, "limit_data: bytes is 0, each connection ends at its first byte; give bytes"),
    ("limit_time", {}, "limit_time: 0 ms, each connection ends at once; give time"),
]
CALM = [
    ("latency", {"jitter": 5}), ("latency", {"percentiles": "50:1ms"}), ("delay", {}), ("slow_connect", {}), ("slicer", {"average_size": 9}),
    ("corrupt", {"bits": 0, "random": True}), ("waves", {}), ("bandwidth", {"rate": 1}), ("limit_data", {"bytes": 1}), ("dummy", {}),
    ("hang", {}), ("refuse", {}), ("error", {}), ("reset_peer", {}), ("timeout", {}),
]


@pytest.mark.parametrize("name, options, warning", WARNED)
def test_warned(start, name, options, warning):
    proxy = start(backend="127.0.0.1:9")
    assert proxy.api("PUT", "/behavior", dict(options, name=name)) == (200, {"status": "ok", "warning": warning})
    assert "[WARNING] proxy=default rule=behavior %s\n" % warning in proxy.whole_log()
    status, rule = proxy.api("POST", "/rules", dict(options, behavior=name, name="mine"))
    assert (status, rule["warning"], rule["behavior"]) == (200, warning, name)
    assert proxy.api("PUT", "/rules", {"rules": [rule]})[0] == 200      # what was answered can be sent back
    assert "warning" not in proxy.api("GET", "/rules/mine")[1]
    assert proxy.api("PUT", "/rules/mine", options)[1]["warning"] == warning
    assert proxy.api("PUT", "/rules", {"rules": [dict(options, behavior=name)]})[1] == {
        "status": "ok", "warning": warning}                            # not again of the behavior, which stays
    status, toxic = proxy.api("POST", "/proxies/default/toxics", {"type": name, "name": "toxic"})
    assert status == 200 and "warning" not in toxic                     # Toxiproxy's answers stay as they are


@pytest.mark.parametrize("name, options", CALM)
def test_not_warned(start, name, options):
    proxy = start("--protocol", "redis", backend="127.0.0.1:9")
    proxy.set(name, **options)
    if name != "dummy":
        assert "warning" not in proxy.api("POST", "/rules", dict(options, behavior=name))[1]
    assert "[WARNING]" not in proxy.whole_log()


def test_several_of_one_draw(start):
    proxy = start(backend="127.0.0.1:9")
    answer = proxy.api("PUT", "/behavior", {"name": "10:latency,20:delay,30:bandwidth"})[1]
    assert answer["warning"] == "latency: 0 ms, nothing will be late; give latency; bandwidth: rate is 0, nothing passes; give rate"


@pytest.mark.parametrize("name", ["slow_connect", "refuse"])
def test_what_concerns_new_connections(start, backend, name):
    proxy = start(backend=backend)
    proxy.set(name).set("dummy")
    one, two = proxy.meet(backend), proxy.meet(backend)
    answer = proxy.api("PUT", "/behavior", {"name": name})[1]
    assert answer == {"status": "ok", "warning": name + ": concerns new connections; 2 are open"}
    assert one and two


def test_vaurienctl_prints_it(start, backend):
    proxy = start(backend=backend)
    words = [CTL, "--host", "http://127.0.0.1:%d" % proxy.http, "set-behavior"]

    def typed(*more):
        done = subprocess.run(words + list(more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, timeout=patience())
        return done.returncode, done.stdout, done.stderr

    assert typed("latency") == (0, 'Behavior changed to "latency"\n', "warning: latency: 0 ms, nothing will be late; give latency\n")
    assert typed("latency", "--latency", "5") == (0, 'Behavior changed to "latency"\n', "")


LUA = """return { name = "mine", help = "Mine", on = { ON_REQUEST }, traits = { TRAIT_NEW }, needs = "wait more", without = "nothing is late",
    options = { { name = "wait", type = OPT_TIME, unit = "s", help = "x" }, { name = "more", type = OPT_INT, help = "x", min = -3 },
                { name = "nth", type = OPT_INT, default = "3", help = "x", min = 1 } },
    act = function(event, verdict) end }
"""


def test_a_script(start, run, backend, tmp_path):
    path = tmp_path / "mine.lua"
    path.write_text(LUA)
    proxy = start("--plugin", path, backend=backend)
    assert proxy.api("PUT", "/behavior", {"name": "mine"})[1]["warning"] == "mine: 0 s, nothing is late; give wait"
    assert proxy.api("PUT", "/behavior", {"name": "mine", "wait": 1}) == (200, {"status": "ok"})
    with proxy.client():
        backend.accept()
        assert proxy.api("PUT", "/behavior", {"name": "mine", "wait": 1})[1]["warning"] == "mine: concerns new connections; 1 is open"
    # An option with only a lower bound has no upper one.
    assert proxy.api("PUT", "/behavior", {"name": "mine", "nth": 10 ** 12, "more": 7})[0] == 200
    assert proxy.api("PUT", "/behavior", {"name": "mine", "nth": 0})[1]["errors"][0]["description"] == (
        "nth: expected a whole number >= 1, got 0")
    assert "(whole number >= 1, default 3)" in run("--plugin", path, "--list", "mine").stdout
    path.write_text(LUA.replace('"wait more"', '"wait moer"'))
    done = run("--plugin", path)
    assert done.returncode == 1 and "needs: it has no option 'moer'" in done.stderr
