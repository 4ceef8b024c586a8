"""SIGTERM and SIGINT end the program in 2 s whatever goes on; and what a user's limits refuse is told in a sentence."""
import json
import os
import re
import resource
import signal
import subprocess
import time

import pytest

from harness import RUNTIME_ERROR, SAN, VAURIEN, Clock, compiled, dial, free_port, listening, patience, until

SLEEPS = """
#include <unistd.h>
#include "vaurien.h"

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	sleep(60);
}

VN_BEHAVIOR(sleeps, .help = "The thread sleeps", .on = VN_ON_REQUEST, .act = act)
"""

LUA = """
return { name = "busy", help = "Never returns", on = { ON_REQUEST }, act = function(event, verdict)
	local n = 0
	while true do n = n + 1 end
end }
"""

# A name server that never answers.
HUNG = """
#include <netdb.h>
#include <string.h>
#include <unistd.h>
#include <dlfcn.h>

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = dlsym(RTLD_NEXT, "getaddrinfo");

	while (node && strstr(node, "hung") && !(hints && hints->ai_flags & AI_NUMERICHOST))
		sleep(60);
	return real(node, service, hints, found);
}
"""


@pytest.fixture(scope="module")
def hung(tmp_path_factory):
    """The environment in which names with `hung` in them are never found."""
    if SAN:
        pytest.skip("a sanitizer has a getaddrinfo() of its own")
    source = tmp_path_factory.mktemp("hung") / "hung.c"
    source.write_text(HUNG)
    made = str(source)[:-2] + ".so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", made, str(source)], check=True)
    return {"LD_PRELOAD": made}


def heeds(pid, number):
    """Does it take that signal by now? A thread of its waits for it, so it is blocked in the others."""
    with open("/proc/%d/status" % pid) as text:
        return int(re.search(r"SigBlk:\s*(\w+)", text.read()).group(1), 16) >> (number - 1) & 1


def ends(process, how=signal.SIGTERM):
    """In 2 s, with rc 0."""
    with Clock() as took:
        process.send_signal(how)
        assert process.wait(patience()) == 0
    assert took.seconds < patience(2)


def connections(proxy, backend):
    backend.serve()
    return [dial(proxy.port).send(b"x") for _ in range(800)]


def half_bodies(proxy, backend):
    head = b"POST /populate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n["
    return [dial(proxy.http).send(head) for _ in range(200)]


def unread_answers(proxy, backend):
    return [dial(proxy.http).send(b"GET /failures HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20) for _ in range(100)]


def streams(proxy, backend):
    return [dial(proxy.http).send(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n") for _ in range(100)]


def long_job(proxy, backend):
    rows = [{"name": "%d" % i, "listen": "127.0.0.1:0", "upstream": "x:1"} for i in range(8000)]
    body = json.dumps(rows).encode()
    end = dial(proxy.http)
    return [end.send(b"POST /populate HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))]


def held(proxy, backend):
    proxy.set("hang")
    return [dial(proxy.port).send(b"x") for _ in range(50)]


def unread_data(proxy, backend):
    """A backend that floods a client which does not read."""
    def flood(end):
        while True:
            end.send(b"x" * 65536)
    backend.serve(flood)
    return [dial(proxy.port).send(b"x") for _ in range(20)]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("busy", [connections, half_bodies, unread_answers, streams, long_job, held, unread_data])
def test_it_ends_whatever_its_clients_do(start, backend, busy, how):
    proxy = start(backend=backend)
    ends_of = busy(proxy, backend)
    ends(proxy.process, how)
    for end in ends_of:
        end.close()


@pytest.mark.parametrize("signals", [1, 2])
def test_it_ends_while_a_thread_is_stuck(start, backend, tmp_path, signals):
    plugin = compiled(tmp_path / "sleeps.c", SLEEPS)
    proxy = start("--plugin", plugin, "--behavior", "sleeps", backend=backend)
    client = dial(proxy.port).send(b"x")
    time.sleep(0.2)                     # there is no sign of a thread that sleeps
    with Clock() as took:
        proxy.process.send_signal(signal.SIGTERM)
        if signals == 2:
            time.sleep(0.3)             # so soon after the first it would be the same signal
            proxy.process.send_signal(signal.SIGINT)
        assert proxy.process.wait(patience()) == 0
    assert took.seconds < patience(2 if signals == 1 else 1)
    client.close()


def test_it_ends_while_a_script_runs(start, backend, tmp_path):
    (tmp_path / "busy.lua").write_text(LUA)
    proxy = start("--plugin", tmp_path / "busy.lua", "--behavior", "busy", backend=backend)
    backend.serve()
    clients = [dial(proxy.port).send(b"x") for _ in range(50)]
    ends(proxy.process)
    for client in clients:
        client.close()


def test_a_signal_that_comes_twice_at_once_is_one(start, backend):
    """As timeout(1) sends it: what is due is still sent, and the log has its last line."""
    proxy = start(backend=backend)
    client, server = proxy.meet(backend)
    for _ in range(3):
        proxy.process.send_signal(signal.SIGTERM)
    assert proxy.process.wait(patience()) == 0
    assert "Bye!" in proxy.log()
    client.close()


@pytest.mark.parametrize("ask", [
    ("POST", "/proxies", {"name": "x", "listen": "hung.test:0", "upstream": "x:1"}),
    ("POST", "/populate", [{"name": "%d" % i, "listen": "hung%d.test:0" % i, "upstream": "x:1"} for i in range(20)]),
    ("PATCH", "/proxies/default", {"listen": "hung.test:0"}),
])
def test_it_ends_while_a_name_server_hangs(start, backend, hung, ask):
    proxy = start(backend=backend, env=hung)
    method, path, body = ask
    text = json.dumps(body).encode()
    end = dial(proxy.http).send(b"%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s"
                                % (method.encode(), path.encode(), len(text), text))
    proxy.api("GET", "/version")        # answered meanwhile
    ends(proxy.process)
    end.close()


def test_it_ends_while_a_backend_s_name_hangs(start, hung):
    proxy = start(backend="hung.test:1", env=hung)
    clients = [dial(proxy.port) for _ in range(10)]
    ends(proxy.process)
    for client in clients:
        client.close()


@pytest.mark.parametrize("words", [
    ["--proxy", "hung.test:0"], ["--http", "--http-host", "hung.test", "--proxy", "127.0.0.1:0"],
    ["--statsd.enabled", "--statsd.host", "hung.test", "--proxy", "127.0.0.1:0"],
], ids=["proxy", "api", "statsd"])
def test_it_ends_while_it_starts(hung, words):
    process = subprocess.Popen([VAURIEN, "--backend", "x:1", *words], env=dict(os.environ, **hung), stderr=subprocess.PIPE)
    until(lambda: heeds(process.pid, signal.SIGTERM))
    time.sleep(0.3)                     # it waits for the name server, and says nothing of that
    assert process.poll() is None
    ends(process)
    process.stderr.close()


# ---- limits ----

@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("limit", [4, 5, 6, 7, 8, 9, 11, 13, 14, 16, 18, 19, 20, 21, 22, 24, 28, 32])
def test_few_descriptors(tmp_path, backend, limit, threads):
    """It says so and ends with 1, or it runs, and then its API answers and its proxy takes clients."""
    backend.serve()
    http, port, said = free_port(), free_port(), tmp_path / "said"
    # the search for leaks needs descriptors of its own
    sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"

    def before():
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    with open(str(said), "w") as out:
        process = subprocess.Popen([VAURIEN, "--proxy", "127.0.0.1:%d" % port, "--backend", backend.address, "--threads", str(threads),
                                    "--http", "--http-port", str(http)], stdout=out, stderr=out, preexec_fn=before,
                                   env=dict(os.environ, ASAN_OPTIONS=sanitizer))
    try:
        until(lambda: process.poll() is not None or (listening(http) and "descriptors" not in said.read_text()))
        for _ in range(3):
            try:
                with dial(http) as end:
                    assert end.send(b"GET /version HTTP/1.0\r\n\r\n").rest()[0].startswith(b"HTTP/1.1 200")
                with dial(port) as end:
                    assert end.send(b"x").read(1) == b"x"
            except (OSError, AssertionError):
                assert process.wait(patience()) == 1            # it was about to end
                break
    finally:
        if process.poll() is None:
            process.terminate()
        rc = process.wait(patience())
    text = said.read_text()
    assert not RUNTIME_ERROR.search(text), text
    assert rc == 0 or (rc == 1 and ("Too many open files" in text or "expected a limit of at least" in text)), text


@pytest.mark.skipif("address" in SAN or "thread" in SAN, reason="these sanitizers need more memory than there is")
def test_little_memory(run):
    def before():
        resource.setrlimit(resource.RLIMIT_AS, (1 << 26, 1 << 26))
    done = run("--proxy", "127.0.0.1:0", "--backend", "x:1", "--bufsize", "67108864", preexec_fn=before)
    assert done.returncode in (1, 127) and done.stderr      # 127: it could not even be loaded


def test_descriptors_run_out_while_it_runs(start, backend):
    backend.serve()
    proxy = start(backend=backend, limit=48)
    statuses = [proxy.api("POST", "/proxies", {"name": "%d" % i, "listen": "127.0.0.1:0", "upstream": "x:1"})[0] for i in range(60)]
    assert set(statuses) == {201, 500} and statuses[-1] == 500
    status, answer = proxy.api("POST", "/proxies", {"name": "more", "listen": "127.0.0.1:0", "upstream": "x:1"})
    assert (status, answer["error"].rsplit(": ", 1)[1]) == (500, "too many open files")
    assert proxy.api("GET", "/metrics")[0] == 200
    for i, status in enumerate(statuses):
        if status == 201:
            assert proxy.api("DELETE", "/proxies/%d" % i)[0] == 204
    assert proxy.api("POST", "/proxies", {"name": "more", "listen": "127.0.0.1:0", "upstream": "x:1"})[0] == 201
