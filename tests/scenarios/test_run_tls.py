"""TLS under `vaurien run`: it passes unread, and says so; or it ends at a proxy, and rules reach it."""
import os
import re
import subprocess
import sys

import pytest

from harness import ROOT, VAURIEN, patience
from running import echo, running, starting     # noqa: fixtures
from tls_ends import TlsEnd, backend_certificate, context

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux only")
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
UNAVAILABLE = "error failure=unavailable"


def page(end):
    secure = TlsEnd(end.sock, context(True), server=True)
    secure.read_to(b"\r\n\r\n")
    secure.send(HELLO)
    secure.finish()


@pytest.fixture
def web(echo):
    """The port of a server of HTTPS."""
    return echo("127.0.0.1", page).port


def curl(port, *more):
    return ["curl", "-s", "--max-time", str(int(patience())), *more, "https://localhost:%d/" % port]


# ---- unread ----

def test_tls_passes_unread_and_both_the_log_and_the_end_say_so(running, web):
    done = running("--log-level", "info", command=curl(web, "-k"))
    assert done.out == "hello", done.err
    assert "carried 1 connection: localhost:%d tcp 1 (TLS, unread), no fault." % web in done.summary
    assert done.summary.endswith(" TLS is read with --add 'NAME=localhost:%d,PROTOCOL client_tls=on backend_tls=on', "
                                 "if the command trusts $VAURIEN_CA." % web)
    assert len(re.findall(r"INFO.*localhost:%d: TLS passes unread" % web, done.err)) == 1, done.err


@pytest.mark.parametrize("options", [["--rule", UNAVAILABLE], ["--behavior", "cold_cache"]])
def test_what_does_not_fit_is_reported_once(running, echo, options):
    one, two = echo("127.0.0.1", page).port, echo("127.0.0.1", page).port
    urls = ["https://localhost:%d/" % port for port in (one, two, one)]
    done = running(*options, command=["curl", "-sk", *urls])
    assert done.out == "hello" * 3, done.err
    assert done.err.count("does not apply to localhost:%d, nor to other" % one) == 1, done.err
    assert done.err.count("does not apply") == 1 and done.err.count("TLS passes unread") == 2, done.err


def test_what_fits_nothing_is_an_error(starting, web, tmp_path):
    runs = []
    for option in "--behavior", "--rule":
        done = subprocess.run([VAURIEN, "run", option, "tls_stall", "--", "true"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 2 and "tls_stall: expected client_tls on or require" in done.stderr
        # ... and what fits a named proxy alone is none
        runs.append(starting(option, "tls_stall", "--tls-dir", tmp_path, "--add", "web=localhost:%d,http client_tls=on backend_tls=on" % web,
                             command=["curl", "-sk", "--max-time", "3", "https://localhost:%d/" % web]))
    for run in runs:
        run.wait()
        assert run.code == 28 and "web http 1, 1 fault" in run.summary, run.err


def test_a_misspelt_failure_suggests_that_of_any_protocol():
    for rule, meant in ("error failure=bad_gatway", "bad_gateway"), ("error failure=serialisation_failure", "serialization_failure"):
        done = subprocess.run([VAURIEN, "run", "--rule", rule, "--", "true"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 2 and done.stderr.endswith("did you mean '%s'?\n" % meant), done.stderr


# ---- the API ----

def test_legs_and_behaviors_change_while_the_command_runs(starting, web, tmp_path):
    loop = 'while read line; do curl -s --max-time %d --cacert "$line" -o /dev/null -w "%%{http_code}\\n" https://localhost:%d/; done' % (patience(), web)
    run = starting("--tls-dir", tmp_path, command=["sh", "-c", loop], stdin=subprocess.PIPE)
    name = "localhost:%d" % web

    def ask(ca):
        run.process.stdin.write("%s\n" % ca)
        run.process.stdin.flush()
        return run.process.stdout.readline()
    assert ask(backend_certificate()) == "200\n"
    wanted = {"name": "error", "failure": "unavailable"}
    assert run.api("PUT", "/behavior", wanted)[0] == 200        # it fits proxies to come
    assert ask(backend_certificate()) == "200\n"
    assert run.api("PUT", "/behavior", {"name": "tls_stall"})[0] == 400
    status, made = run.api("PATCH", "/proxies/" + name, {"client_tls": "on", "backend_tls": "on", "protocol": "http"})
    assert (status, made["client_tls"], made["backend_tls"]) == (200, "on", "on")
    own = tmp_path / "ca.pem"
    assert ask(own) == "200\n"
    assert run.api("PUT", "/%s/behavior" % name, wanted)[0] == 200
    assert ask(own) == "503\n"
    status, why = run.api("PATCH", "/proxies/" + name, {"listen": "127.0.0.1:1"})
    assert status == 400 and "listen: expected no other address" in str(why)
    assert ask(own) == "503\n"
    assert run.api("PATCH", "/proxies/" + name, {"enabled": False})[0] == 200
    assert ask(own) == "000\n"
    assert run.api("PATCH", "/proxies/" + name, {"enabled": True})[0] == 200
    assert run.api("PUT", "/%s/behavior" % name, {"name": "dummy"})[0] == 200
    assert ask(own) == "200\n"
    run.process.stdin.close()
    run.process.stdin = None
    run.wait()
    assert run.err.count('behavior "error" does not apply to %s, nor to' % name) == 1, run.err


# ---- where the CA is ----

def test_the_command_has_the_path_of_the_ca(running, tmp_path):
    command = ["sh", "-c", 'echo "$VAURIEN_CA"']
    assert running("--client-tls", "on", "--tls-dir", "own", command=command, cwd=str(tmp_path)).out == "%s/own/ca.pem\n" % tmp_path
    assert (tmp_path / "own/ca.pem").exists()
    assert running("--tls-dir", tmp_path, command=command).out == "\n"


def commands_of_the_page():
    with open(os.path.join(ROOT, "docs", "run.md")) as text:
        part = text.read().split("\n## TLS\n")[1].split("\n## ")[0]
    return re.findall(r"^    (vaurien run (?:.*\\\n)*.*)$", part, re.M)


@pytest.mark.parametrize("number", range(2))
def test_commands_of_the_page(web, tmp_path, number):
    all = commands_of_the_page()
    assert len(all) == 2
    text = all[number].replace("vaurien run", "%s run --tls-dir %s" % (VAURIEN, tmp_path), 1).replace("localhost:443", "localhost:%d" % web)
    done = subprocess.run(["sh", "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=patience(20))
    assert (done.stdout, done.returncode) == ("hello", 0), done.stderr
    assert ("web http 1, no fault" if number == 0 else "localhost:%d tcp 1, no fault" % web) in done.stderr


def test_a_server_without_tls_is_named_in_the_log(running, echo):
    waits = echo("127.0.0.1", lambda end: end.rest())
    done = running("--client-tls", "on", "--backend-tls", "on", "--tls-timeout", "300ms",
                   command=curl(waits.port, "-k"))
    assert done.code in (35, 52, 56), done.err
    assert "no handshake with the backend within --tls-timeout; it may have no TLS" in done.err
    done = running("--client-tls", "on", "--backend-tls", "on", command=["curl", "-sk", "--max-time", "3", "https://localhost:%d/" % waits.port])
    assert done.code == 28 and "without a handshake with the backend so far; that may have no TLS" in done.err
