"""`vaurien run`: commands whose connections go through proxies without a change of their settings."""
import json
import os
import pty
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import pytest

from harness import ROOT, Backend, free_port, left_out, need, patience, until
from running import NOBODY, Run, calls, compiled, echo, running, starting      # noqa: fixtures

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux only")
ROOT_ONLY = pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become another user")
DENIED = "pidfd_getfd"

# A case of run_calls.c, and what it prints, without Vaurien and with it.
SAME = {
    "plain": "0 echo=1", "again": "0 EISCONN echo=1", "wrong": "0 EFAULT EINVAL ENOTSOCK EBADF",
    "nonblocking": "EINPROGRESS poll=1 0 EISCONN echo=1", "bound": "0 echo=1", "v6only": "0 echo=1",
    "kept": "epoll=1/7 nodelay=1 flags=1 echo=1", "leader_gone": "0 echo=1", "unshared": "0 echo=1",
    "orphan": "0 echo=1", "call32": "0 echo=1 0 echo=1", "threads": "400", "forks": "8", "timer": "50 1",
}
SETTINGS = [(None, None), (NOBODY, None), (None, DENIED), (NOBODY, DENIED),
            (None, "process_vm_readv,process_vm_writev"), (None, "process_vm_readv,process_vm_writev,pidfd_getfd")]


def as_user(user):
    if user and os.getuid():
        pytest.skip("needs root, to become another user")


def carried(backend, n=1, protocol="tcp", faults="no fault"):
    return "vaurien: 1 proxy carried %d connection%s: %s %s %d, %s." % (
        n, "s" * (n != 1), backend.address, protocol, n, faults)


# ---- the system call, in all the ways that programs use it ----

@pytest.mark.threads
@pytest.mark.parametrize("case", sorted(SAME))
@pytest.mark.parametrize("host", ["127.0.0.2", "::1"])
def test_a_caller_sees_what_the_kernel_would_show(running, echo, calls, case, host):
    if case == "v6only" and host != "::1":
        host = "::1"
    backend = echo(host)
    n = {"threads": 400, "forks": 400, "timer": 50, "call32": 2, "wrong": 0}.get(case, 1)
    done = running(command=[calls, case, host, backend.port, 50])
    assert (done.out.strip(), done.code) == (SAME[case], 0), done.err
    if n:
        assert done.summary == carried(backend, n)


@pytest.mark.parametrize("user, deny", SETTINGS)
def test_other_users_and_systems_that_deny_calls(running, echo, calls, user, deny):
    as_user(user)
    backend = echo()
    for case in "plain", "nonblocking", "threads", "leader_gone", "unshared", "call32":
        done = running(command=[calls, case, "127.0.0.2", backend.port, 50], user=user, deny=deny)
        assert done.out.strip() == SAME[case], (case, done.err)
        assert ("mode=rewrite" in done.err) == ("getfd" in (deny or ""))


def test_the_address_may_be_mapped(running, echo, calls):
    backend = echo("127.0.0.2")
    done = running(command=[calls, "plain", "::ffff:127.0.0.2", backend.port])
    assert done.out == "0 echo=1\n" and done.summary == carried(backend)


def test_ten_thousand_connects_under_a_timer(running, echo, calls):
    backend = echo(play=lambda end: None)
    done = running("--protocol", "tcp", "--backend", backend.address,
                   command=[calls, "timer", "127.0.0.2", backend.port, 10000])
    assert done.out == "10000 1\n" and done.summary == carried(backend, 10000)


@pytest.mark.parametrize("deny", [None, DENIED])
def test_a_backend_that_is_down_refuses(running, calls, deny):
    port = free_port("127.0.0.2")
    done = running(command=[calls, "retry", "127.0.0.2", port, 3], deny=deny)
    if deny:                            # the price of that mode: connected, then reset
        assert done.out.split()[0] == "0"
        return
    assert done.out.split() == ["ECONNREFUSED"] * 3
    assert done.summary == ("vaurien: %s made no connection that went through a proxy. "
                            "Failed: 127.0.0.2:%d 3 (Connection refused)" % (calls, port))


def test_fast_open_is_off_and_io_uring_too(running, echo, calls):
    backend = echo()
    done = running(command=[calls, "fast_open", "127.0.0.2", backend.port])
    assert done.out == "EOPNOTSUPP EOPNOTSUPP EOPNOTSUPP 0 echo=1\n"
    assert running(command=[calls, "uring", "127.0.0.2", 1]).out == "ENOSYS\n"
    done = running("--allow-io-uring", command=[calls, "uring", "127.0.0.2", 1])
    assert done.out != "ENOSYS\n" and "io_uring are not seen" in done.err


def test_a_send_timeout_bounds_a_connect(running, echo, calls):
    backend = echo()
    assert running(command=[calls, "send_timeout", "127.0.0.2", backend.port, 5000]).out.endswith("echo=1\n")
    done = running("--behavior", "vanish", command=[calls, "send_timeout", "127.0.0.2", backend.port, 300])
    name, ms, _ = done.out.split()
    assert name == "EINPROGRESS" and 290 <= int(ms) <= patience(2) * 1000
    assert "Failed: %s 1 (not answered, by a rule)" % backend.address in done.summary


def test_datagrams_are_left_alone_and_counted_if_they_stay(running, echo, calls):
    backend = echo()
    done = running(command=[calls, "udp", "127.0.0.2", backend.port])
    assert done.out == "0\n"
    assert done.summary.endswith("Left alone: %s 1 (UDP)" % backend.address)


@ROOT_ONLY
def test_a_process_that_may_not_be_read_is_told(running, echo, calls):
    done = running(command=[calls, "undumpable", "127.0.0.2", echo().port], user=NOBODY)
    assert done.out == "0 echo=1\n"
    assert done.summary.endswith("Left alone: connections of run_calls 1 (unreadable)")


@ROOT_ONLY
def test_a_root_vaurien_follows_commands_that_change_user(running, echo, calls):
    backend = echo()
    done = running(command=[need("setpriv"), "--reuid=%d" % NOBODY, "--clear-groups", calls, "plain", "127.0.0.2",
                            backend.port])
    assert done.out == "0 echo=1\n" and done.summary == carried(backend)


@ROOT_ONLY
def test_namespaces(running, echo, calls):
    backend = echo()
    done = running(command=[need("unshare"), "--pid", "--fork", "--user", "--map-root-user", calls, "plain", "127.0.0.2",
                            backend.port])
    assert done.out == "0 echo=1\n" and done.summary == carried(backend)
    done = running(command=["unshare", "--net", calls, "plain", "127.0.0.2", backend.port])
    assert done.out.split() == ["ENETUNREACH"]
    assert done.summary.endswith("Left alone: %s 1 (another network namespace)" % backend.address)


@ROOT_ONLY
def test_a_socket_bound_to_a_device(running, calls):
    ip = need("ip")
    name = "dummy7"
    if subprocess.run([ip, "link", "add", name, "type", "dummy"], capture_output=True).returncode:
        pytest.skip("no dummy device can be made here")
    try:
        subprocess.run([ip, "addr", "add", "192.0.2.1/24", "dev", name], check=True)
        subprocess.run([ip, "link", "set", name, "up"], check=True)
        done = running("--no-wait", command=["timeout", "1", calls, "device", "192.0.2.7", 9])
        assert "192.0.2.7:9 1 (bound to a device)" in done.summary
    finally:
        subprocess.run([ip, "link", "del", name])


# ---- exit status, signals, processes ----

def test_exit_status(running, tmp_path):
    plain = tmp_path / "plain"
    plain.write_text("no program")
    for command, code in [(["true"], 0), (["sh", "-c", "exit 7"], 7), (["sh", "-c", "kill -9 $$"], 137),
                          (["/nonexistent"], 127), ([str(plain)], 126)]:
        assert running(command=command).code == code
    assert "/nonexistent: No such file" in running(command=["/nonexistent"]).err


def test_without_a_command_it_is_a_usage_error(tmp_path):
    for words in [], ["--"], ["--proxy", ":1", "--", "true"], ["--only", "a/b", "true"], ["--rule", "dleay", "true"]:
        done = subprocess.run([Run.__init__.__globals__["VAURIEN"], "run"] + words, capture_output=True, text=True)
        assert done.returncode in (2, 125), (words, done.stderr)
        assert done.stderr


def test_options_end_with_the_first_word(running):
    assert running("--behavior", "dummy", command=["sh", "-c", "echo $0", "--help"]).out == "--help\n"


def test_nested_runs_are_refused(running):
    vaurien = Run.__init__.__globals__["VAURIEN"]
    done = running(command=[vaurien, "run", "--", "true"])
    assert done.code == 125 and "the kernel allows one only" in done.err


def test_a_system_that_denies_seccomp(running):
    done = running(command=["true"], deny="seccomp")
    assert done.code == 125 and "use vaurien with --proxy" in done.err


# Not by print(): a handler may run within another print(), which then fails.
SIGNALLED = """
import os, signal, time
for name in "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGINT":
    signal.signal(getattr(signal, name), lambda number, frame: os.write(1, b"%s\\n" % signal.Signals(number).name.encode()))
os.write(1, b"ready\\n")
while True: time.sleep(1)
"""


def test_signals_are_forwarded(starting):
    run = starting(command=[sys.executable, "-c", SIGNALLED])
    assert run.process.stdout.readline() == "ready\n"
    for name in "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGINT":
        run.process.send_signal(getattr(signal, name))
        assert run.process.stdout.readline() == name + "\n"
    child = run.api("GET", "/run")[1]["pid"]
    os.kill(child, signal.SIGKILL)
    assert run.wait().code == 137


def test_ctrl_c_reaches_the_command_and_vaurien_waits(echo):
    vaurien = Run.__init__.__globals__["VAURIEN"]
    script = ("import signal, time\ncame = []\nsignal.signal(signal.SIGINT, lambda *_: came.append(1))\nprint('ready', flush=True)\n"
              "while not came: time.sleep(0.01)\ntime.sleep(0.3)\nprint('came', len(came), flush=True)\nraise SystemExit(5)")
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(vaurien, [vaurien, "run", "--", sys.executable, "-c", script])
    said = b""
    while b"ready" not in said:
        said += os.read(terminal, 1000)
    os.write(terminal, b"\x03")
    try:
        while True:
            said += os.read(terminal, 1000)
    except OSError:                     # the end of a terminal
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5
    os.close(terminal)
    assert b"came 1\r\n" in said and b"no TCP connection at all" in said


def test_the_command_has_the_signals_and_limits_that_vaurien_had(running):
    show = ["sh", "-c", "grep -E '^Sig(Blk|Ign)' /proc/self/status; ulimit -n; ls /proc/self/fd"]
    plain = subprocess.run(show, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout
    assert running(command=show).out == plain


def test_orphans_are_waited_for(running, starting, echo, calls):
    backend = echo()
    done = running(command=[calls, "orphan", "127.0.0.2", backend.port, 1500])
    assert done.out == "0 echo=1\n" and carried(backend) in done.summary
    assert re.search(r"has ended, and processes that it has started still run: run_calls \(\d+\)", done.err)
    began = time.monotonic()
    assert running("--no-wait", command=["sh", "-c", "sleep 60 & exit 3"]).code == 3
    assert time.monotonic() - began < patience(10)
    done = running("--no-wait", command=["sh", "-c", "(trap '' TERM; while :; do sleep 1; done) & exit 0"])
    assert time.monotonic() - began < patience(20) and done.code == 0


def test_killed_it_takes_the_command_along(starting):
    run = starting(command=["sleep", "60"])
    child = run.api("GET", "/run")[1]["pid"]
    run.process.kill()
    run.process.communicate()
    (left,) = os.listdir(run.folder)
    os.utime(os.path.join(run.folder, left), (1, 1))
    until(lambda: not os.path.exists("/proc/%d" % child) or "Z" in open("/proc/%d/stat" % child).read().split(")")[1][:3],
          what="the command to end")
    subprocess.run([Run.__init__.__globals__["VAURIEN"], "run", "--", "true"], env=dict(os.environ, XDG_RUNTIME_DIR=run.folder),
                   check=True, capture_output=True)
    assert os.listdir(run.folder) == []         # the next one clears up


def test_nothing_is_left_behind(starting, echo, calls):
    backend = echo()
    run = starting(command=["sh", "-c", "read line; %s threads 127.0.0.2 %d 20; echo; read line" % (calls, backend.port)],
                   stdin=subprocess.PIPE)
    run.api("GET", "/run")
    before = len(os.listdir("/proc/%d/fd" % run.pid))
    run.process.stdin.write("\n")
    run.process.stdin.flush()
    assert run.process.stdout.readline() == "160\n"
    until(lambda: len(os.listdir("/proc/%d/fd" % run.pid)) <= before + 4, what="descriptors to be closed")
    until(lambda: [process["name"] for process in run.api("GET", "/run")[1]["processes"]] == ["sh"], what="the caller to be gone")
    children = subprocess.run(["ps", "--ppid", str(run.pid), "-o", "stat="], capture_output=True, text=True).stdout
    assert "Z" not in children
    run.process.stdin.close()
    run.process.stdin = None
    run.wait()


MANY = """
import os, socket, time
for i in range(8):
    if os.fork() == 0:
        sockets = [socket.create_connection(("127.0.0.2", %d)) for _ in range(10)]
        for one in sockets: one.sendall(b"x")
        os.write(1, b"%%d\\n" %% sum(one.recv(1) == b"x" for one in sockets))
        time.sleep(0.5)
        os._exit(0)
for i in range(8): os.wait()
"""


def test_without_descriptors_connections_are_left_alone(running, echo):
    backend = echo()
    done = running(command=[sys.executable, "-c", MANY % backend.port],
                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (80, 80)))
    assert done.out == "10\n" * 8 and "(out of descriptors)" in done.summary


# ---- which destinations ----

def test_only_and_except(running, echo, calls):
    one, two = echo("127.0.0.2"), echo("127.0.0.3")
    command = ["sh", "-c", "%s plain 127.0.0.2 %d; %s plain 127.0.0.3 %d" % (calls, one.port, calls, two.port)]
    left = "%s Left alone: %s 1 (%%s)"
    for options, carrying, alone, why in [
            (["--except", "127.0.0.3:*"], one, two, "excluded"), (["--except", "127.0.0.3/32"], one, two, "excluded"),
            (["--except", "*:%d" % one.port], two, one, "excluded"), (["--only", "*:%d" % one.port], one, two, "not selected"),
            (["--only", "127.0.0.0/8:%d" % one.port], one, two, "not selected"),
            (["--no-discover", "--add", "one=" + one.address], one, two, "not a named backend")]:
        done = running(*options, command=command)
        assert done.out == "0 echo=1\n" * 2
        name = "one" if "--add" in options else carrying.address
        assert done.summary == "vaurien: 1 proxy carried 1 connection: %s tcp 1, no fault. Left alone: %s 1 (%s)" % (
            name, alone.address, why)


def test_a_protocol_is_discovered_alone(running, echo, calls):
    backend = echo()
    done = running("--protocol", "mysql", command=[calls, "plain", "127.0.0.2", backend.port])
    assert done.summary == (
        "vaurien: %s made no connection that went through a proxy. Left alone: %s 1 (no port of mysql; --backend %s "
        "would take it)" % (calls, backend.address, backend.address))


def test_named_backends(running, echo, calls):
    backend = echo()
    command = [calls, "plain", "127.0.0.2", backend.port]
    done = running("--add", "db=*:%d,tcp behavior=reset" % backend.port, command=command)
    assert done.out == "0 echo=0\n"
    assert done.summary == "vaurien: 1 proxy carried 1 connection: db tcp 1, 1 fault."
    done = running("--backend", "localhost:%d" % backend.port, command=command)
    assert "vaurien: localhost:%d saw no connection to localhost:%d. Nearest: %s, its port elsewhere." % (
        backend.port, backend.port, backend.address) in done.summary
    done = running("--require", "--add", "db=127.0.0.2:1", command=command)
    assert done.code == 125
    assert "vaurien: db saw no connection to 127.0.0.2:1. Nearest: %s, its address at another port." % (
        backend.address) in done.summary
    assert "--require" in done.summary
    assert running("--require", "--add", "db=" + backend.address, command=command).code == 0
    assert running("--require", command=["true"]).code == 125
    assert running("--require", command=command).code == 0


def test_no_connection_at_all(running):
    assert running(command=["true"]).summary == (
        "vaurien: true made no TCP connection at all. Is its work done by a process that ran before, such as a daemon or "
        "a container?")


def test_names_come_from_environment_and_arguments(running, echo, calls):
    backend = echo("127.0.0.1")
    command = [calls, "plain", "127.0.0.1", backend.port]
    done = running(command=command, env={"DATABASE_URL": "mysql://u:p@localhost:%d/x" % backend.port})
    assert "carried 1 connection: localhost:%d tcp 1" % backend.port in done.summary


def test_own_listeners_are_left_alone(running):
    script = ("import os, socket; s = socket.socket(socket.AF_UNIX); s.connect(os.environ['VAURIEN_API'][5:]);"
              "s.sendall(b'GET /run HTTP/1.0\\r\\n\\r\\n'); print(s.recv(12))")
    assert running(command=[sys.executable, "-c", script]).out == "b'HTTP/1.1 200'\n"


def test_the_api_of_http_is_left_alone_too(running):
    script = "import os, urllib.request as u; print(u.urlopen(os.environ['VAURIEN_API'] + '/run').status)"
    done = running("--http", "--http-port", free_port(), command=[sys.executable, "-c", script])
    assert done.out == "200\n" and "no TCP connection at all" in done.summary


# ---- protocols by first bytes ----

TALKS = {
    "mysql": (b"\x08\0\0\0\x0a8.0.11\0", b"\x01\0\0\x01x"), "smtp": (b"220 mail ESMTP\r\n", b"NOOP\r\n"),
    "http": (b"", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "redis": (b"", b"*1\r\n$4\r\nPING\r\n"),
    "postgres": (b"", b"\0\0\0\x08\x04\xd2\x16\x2f"), "tcp": (b"", b"\x16\x03\x01hello, server"),
}


@pytest.mark.parametrize("protocol", sorted(TALKS))
def test_a_protocol_is_recognised_by_its_first_bytes(running, echo, protocol):
    first, then = TALKS[protocol]

    def play(end):
        end.send(first)
        end.read(len(then))
    backend = echo(play=play)
    script = ("import socket\nfor i in range(2):\n s = socket.create_connection(('127.0.0.2', %d))\n if %r: s.recv(100)\n"
              " s.sendall(%r)\n s.recv(1)\n" % (backend.port, first, then))
    done = running("--log-level", "info", command=[sys.executable, "-c", script])
    assert done.summary == carried(backend, 2, protocol)
    assert ("its first bytes are %s" % protocol in done.err) == (protocol != "tcp")


# ---- rules ----

def test_rules_by_name(running, echo, calls):
    one, two = echo("127.0.0.2"), echo("127.0.0.3")
    command = ["sh", "-c", "%s plain 127.0.0.2 %d; %s plain 127.0.0.3 %d" % (calls, one.port, calls, two.port)]
    assert running("--rule", "127.0.0.3:*: reset", command=command).out == "0 echo=1\n0 echo=0\n"
    assert running("--rule", "reset", command=command).out == "0 echo=0\n" * 2
    done = running("--rule", "error failure=deadlock", "--log-level", "info", command=command)
    assert done.out == "0 echo=1\n" * 2
    assert done.err.count('rule "error failure=deadlock" does not apply') == 1


def test_refuse_and_a_port_that_opens_again(starting, echo, calls):
    backend = echo()
    run = starting("--behavior", "refuse", command=["sh", "-c", "%s retry 127.0.0.2 %d; read line; %s plain 127.0.0.2 %d" % (
        calls, backend.port, calls, backend.port)], stdin=subprocess.PIPE)
    assert run.process.stdout.readline() == "ECONNREFUSED \n"
    assert run.api("PUT", "/behavior", {"name": "dummy"}) == (200, {"status": "ok", "proxies": 1})
    run.process.stdin.write("\n")
    run.process.stdin.flush()
    assert run.wait().out == "0 echo=1\n"
    assert "Failed: %s 1 (refused by a rule)" % backend.address in run.summary


def test_vanish_and_an_answer_after_all(starting, echo, calls):
    backend = echo()
    run = starting("--behavior", "vanish", command=[calls, "plain", "127.0.0.2", backend.port])
    until(lambda: run.api("GET", "/run")[1]["failed"], what="the connect")
    time.sleep(0.3)
    run.api("PUT", "/behavior", {"name": "dummy"})
    assert run.wait().out == "0 echo=1\n"          # the SYN is sent again


def test_rules_that_act_on_opening_come_before_the_backend(running, calls):
    port = free_port("127.0.0.2")       # nobody is there, and nobody is asked
    done = running("--behavior", "slow_connect", "--behavior-slow-connect-sleep", "10", command=[
        "timeout", "0.5", calls, "plain", "127.0.0.2", port])
    assert done.code == 124 and "carried 1 connection" in done.summary


# ---- the API ----

def test_the_api_speaks_of_all_proxies(starting, echo, calls):
    one, two = echo("127.0.0.2"), echo("127.0.0.3")
    go = "%s plain 127.0.0.2 %d; %s plain 127.0.0.3 %d; read line; " % (calls, one.port, calls, two.port)
    run = starting(command=["sh", "-c", "read line; " + go * 3], stdin=subprocess.PIPE)

    def step(expected):
        run.process.stdin.write("\n")
        run.process.stdin.flush()
        assert [run.process.stdout.readline() for _ in range(2)] == [line + "\n" for line in expected]
    assert run.api("GET", "/behavior") == (200, {"behavior": "dummy"})
    assert run.api("PUT", "/behavior", {"name": "reset"}) == (200, {"status": "ok", "proxies": 0})
    step(["0 echo=0"] * 2)
    assert run.api("GET", "/behavior")[1]["hits"] == 2
    assert run.api("PUT", "/behavior", {"name": "dummy"})[1]["proxies"] == 2
    assert run.api("PUT", "/%s/behavior" % one.address, {"name": "reset"})[0] == 200
    step(["0 echo=0", "0 echo=1"])
    assert run.api("PUT", "/behavior", {"name": "dummy"})[0] == 200
    assert run.api("POST", "/rules", {"behavior": "reset", "name": "r"})[1]["proxies"] == 2
    assert [rule["name"] for rule in run.api("GET", "/rules")[1]["rules"]] == ["r"]
    assert run.api("PUT", "/rules/r", {"probability": 0.0})[0] == 200
    step(["0 echo=1"] * 2)
    assert run.api("DELETE", "/rules/r")[0] == 200
    assert run.api("DELETE", "/rules/r")[0] == 404
    assert run.api("POST", "/rules", {"behavior": "dleay"})[0] == 400
    assert run.api("PUT", "/behavior", {"name": "dleay"})[0] == 400
    run.process.stdin.close()
    run.process.stdin = None
    run.wait()                          # the faults of behaviors that are gone count, too
    assert "%s tcp 3, 2 faults; %s tcp 3, " % (one.address, two.address) in run.summary    # 1 fault; a rule may meet an open one


def test_connections_and_events_name_process_and_destination(starting, echo, tmp_path):
    backend = echo()
    script = "import socket; s = socket.create_connection(('127.0.0.2', %d)); input()" % backend.port
    events = tmp_path / "events"
    run = starting("--events", events, command=[sys.executable, "-c", script], stdin=subprocess.PIPE)
    path = "/proxies/%s/connections" % backend.address
    until(lambda: run.api("GET", path)[1].get("connections"), what="a connection")
    listed = run.api("GET", path)[1]["connections"][0]
    status, about = run.api("GET", "/run")
    name = os.path.basename(sys.executable)[:15]
    assert listed["destination"] == listed["backend"] == backend.address
    assert listed["process"] == {"pid": about["pid"], "name": name}
    assert about["mode"] == "socket" and about["running"] and about["command"][1] == "-c"
    assert about["processes"] == [{"pid": about["pid"], "name": name}] and about["left_alone"] == []
    info = run.api("GET", "/info")[1]["proxies"]
    assert [proxy["discovered"] for proxy in info] == [True]
    run.process.stdin.close()
    run.process.stdin = None
    run.wait()
    opened = [json.loads(line) for line in events.read_text().splitlines() if '"opened"' in line][0]
    assert opened["process"] == listed["process"] and opened["destination"] == backend.address


def test_a_proxy_may_be_disabled_moved_and_removed(starting, echo, calls):
    one, two = echo("127.0.0.2"), echo("127.0.0.3", play=lambda end: end.send(b"two"))
    run = starting(command=["sh", "-c", "while read line; do %s plain 127.0.0.2 %d; done" % (calls, one.port)],
                   stdin=subprocess.PIPE)

    def step():
        run.process.stdin.write("\n")
        run.process.stdin.flush()
        return run.process.stdout.readline()
    assert step() == "0 echo=1\n"
    assert run.api("POST", "/toxiproxy/proxies/" + one.address, {"enabled": False})[0] in (200, 404)
    assert run.api("PUT", "/%s/backend" % one.address, {"backend": two.address})[0] == 200
    step()
    assert run.api("PUT", "/%s/backend" % one.address, {"backend": one.address})[0] == 200
    assert step() == "0 echo=1\n"
    run.process.stdin.close()
    run.process.stdin = None
    run.wait()


# ---- unix sockets ----

@pytest.mark.parametrize("deny", [None, DENIED])
def test_unix_sockets_of_databases(running, calls, deny):
    folder = tempfile.mkdtemp(prefix="vr-", dir="/tmp")
    path = folder + "/redis-long-enough-to-be-replaced-by-another-path.sock"
    backend = Backend(path=path).serve(lambda end: end.send(b"+PONG\r\n") if end.read(6) else None)
    script = "import socket; s = socket.socket(socket.AF_UNIX); s.connect(%r); s.sendall(b'PING\\r\\n'); print(s.recv(9))"
    done = running(command=[sys.executable, "-c", script % path], deny=deny)
    assert done.out == "b'+PONG\\r\\n'\n"
    assert "carried 1 connection: redis-long-enough-to-be-replaced-by-another-path.sock redis 1" in done.summary
    backend.close()
    os.unlink(path)
    backend = Backend(path=path).serve()
    options = ["--add", "mine=unix:%s,tcp" % path]
    done = running(*options, command=[calls, "plain", path], deny=deny)
    assert done.out == "0 echo=1\n" and "mine tcp 1" in done.summary
    if not deny:                        # the room for a path is the caller's
        done = running(*options, command=[calls, "plain", "./" + os.path.basename(path)], cwd=folder)
        assert done.out == "0 echo=1\n" and "mine tcp 1" in done.summary
    os.rename(path, folder + "/plain.sock")
    done = running(command=[calls, "plain", folder + "/plain.sock"])
    assert done.out == "0 echo=1\n" and "no TCP connection at all" in done.summary
    backend.close()
    shutil.rmtree(folder)


# ---- other processors ----

@pytest.mark.parametrize("file", ["filter", "caller", "command"])
def test_it_compiles_for_arm64(file):
    compiler = shutil.which("aarch64-linux-gnu-gcc")
    if not compiler:
        left_out("gcc-aarch64-linux-gnu is not installed: vaurien run is not compiled for arm64")
    subprocess.run([compiler, "-std=gnu11", "-Wall", "-Werror", "-D_GNU_SOURCE", "-Iinclude", "-Isrc", "-fsyntax-only",
                    "src/run/%s.c" % file], cwd=ROOT, check=True)
