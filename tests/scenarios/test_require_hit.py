"""--require-hit: exit code 3 if a rule of the start never struck, and its name."""
import signal
import sys

import pytest

from conftest import patience


def end(proxy, *signals):
    for number in signals or [signal.SIGTERM]:
        proxy.process.send_signal(number)
    proxy.owes = proxy.process.wait(patience())
    return proxy.process.wait(patience()), [line for line in proxy.said().splitlines() if "never struck" in line]


@pytest.fixture
def hits(start, backend):
    backend.serve()
    return lambda *words, **more: start("--require-hit", *words, backend=backend, **more)


def test_all_have_struck(hits):
    proxy = hits("--rule", "delay sleep=1ms name=a", "--rule", "latency latency=1ms")
    assert proxy.client().send(b"x").read(1) == b"x"
    assert end(proxy) == (0, [])


def test_one_of_them_has_not(hits):
    proxy = hits("--rule", "delay sleep=1ms name=a", "--rule", "delay skip=1 name=late", "--behavior", "10:hang")
    proxy.api("DELETE", "/rules/a")             # it is gone when the program ends, but was required
    proxy.api("POST", "/rules", {"behavior": "close", "after": 60, "name": "new"})      # and this one was not
    assert end(proxy) == (3, ["vaurien: rule '%s' (%s) of proxy 'default' never struck: seen 0, unreachable 0" % row
                              for row in (("behavior", "hang"), ("a", "delay"), ("late", "delay"))])


def test_one_that_struck_and_is_gone(hits):
    proxy = hits("--rule", "delay sleep=1ms name=a")
    assert proxy.client().send(b"x").read(1) == b"x"
    proxy.api("DELETE", "/rules/a")
    assert end(proxy) == (0, [])


def test_an_end_by_force(hits):
    """The thread of the signals ends the program: the code is the same."""
    proxy = hits("--rule", "delay name=a", "--add", "other=127.0.0.1:0=127.0.0.1:9 behavior=hang")
    proxy.process.send_signal(signal.SIGSTOP)   # both wait until it goes on
    proxy.process.send_signal(signal.SIGTERM)
    proxy.process.send_signal(signal.SIGINT)
    rc, said = end(proxy, signal.SIGCONT)
    assert rc == 3 and {line.split("'")[3] for line in said} == {"default", "other"}


def test_of_a_command(run, backend):
    """In `vaurien run` a rule must strike in one of the proxies, whichever they are."""
    backend.serve()
    asks = [sys.executable, "-c", "import socket; s = socket.create_connection(('127.0.0.1', %d)); s.send(b'x'); s.recv(1)" % backend.port]
    for rules, rc, named in ((["delay sleep=1ms"], 0, []), (["delay sleep=1ms", "delay skip=1 name=late"], 3, ["late"]),
                             (["delay sleep=1ms", "error match=^GET"], 3, ["error"]), ([], 125, [])):
        done = run("run", "--require-hit", *(word for rule in rules for word in ("--rule", rule)), "--", *asks)
        said = [line for line in done.stderr.splitlines() if "never struck" in line]
        assert (done.returncode, len(said)) == (rc, len(named)), done.stderr
        assert all("'%s'" % name in line for name, line in zip(named, said))
    assert run("run", "--require-hit", "--rule", "delay", "--", "false").returncode == 1       # the command's own code goes before


@pytest.mark.parametrize("words, said", [
    ([], "--require-hit: expected a rule or a behavior at the start, got none"),
    (["--rule", "refuse"], "--require-hit: expected rules whose hits can be counted, got rule 'refuse' of proxy 'default'"),
])
def test_what_cannot_be_required(run, words, said):
    done = run("--require-hit", "--proxy", "127.0.0.1:0", *words)
    assert done.returncode == 1 and done.stderr.startswith(said)
