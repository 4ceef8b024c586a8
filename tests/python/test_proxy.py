"""vaurien.Proxy, start_proxy and stop_proxy: from start to stop, and what is left of them."""
import gc
import os
import signal
import subprocess
import sys
import threading

import pytest
from conftest import PACKAGE
from harness import VAURIEN, Clock, dial, free_port, listening, patience, until

import vaurien
import vaurien.process

PING = b"*1\r\n$4\r\nPING\r\n"
PONG = b"+PONG\r\n"


@pytest.fixture
def server(backend):
    """Says PONG to each command, whatever it is."""
    def play(end):
        while True:
            for _ in range(int(end.read_to(b"\r\n")[1:])):
                end.read(int(end.read_to(b"\r\n")[1:]) + 2)
            end.send(PONG)
    return backend.serve(play)


@pytest.fixture
def proxy(server):
    with vaurien.Proxy(server.address, protocol="redis") as proxy:
        yield proxy


def ping(proxy):
    with dial((proxy.host, proxy.port)) as client:
        return client.send(PING).read(5)


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as text:
            return text.read().rsplit(")", 1)[1].split()[0] != "Z"      # an orphan that nobody has collected yet
    except (FileNotFoundError, ProcessLookupError):
        return False


# ---- Proxy ----

def test_it_listens_on_a_port_of_its_own(server):
    with vaurien.Proxy(server.address, "redis") as one, vaurien.Proxy(("127.0.0.1", server.port), "redis") as two:
        assert one.port != two.port and one.address == "127.0.0.1:%d" % one.port
        assert ping(one) == ping(two) == PONG[:5]
    assert not listening(one.port) and not alive(one.pid)


def test_a_fault_s_counts_last_beyond_its_block(proxy):
    with proxy.behavior("error", failure="starting_up", match="^PING", times=2) as fault:
        assert [ping(proxy)[:1] for _ in range(3)] == [b"-", b"-", b"+"]
        assert (fault.seen, fault.hits) == (3, 2)
    assert ping(proxy) == PONG[:5]
    assert (fault.seen, fault.hits, fault.unreachable) == (3, 2, 0)
    assert proxy.client.get_behavior() == "dummy"


def test_blocks_nest_and_reset_goes_back_to_the_start(server):
    with vaurien.Proxy(server.address, "redis", behavior="1:delay", options=["--behavior-delay-sleep", 0.01]) as proxy:
        with proxy.behavior("delay", sleep=0.02):
            with proxy.behavior("abort"):
                assert proxy.client.get_behavior() == "abort"
            assert proxy.client.behavior()["options"]["sleep"] == 0.02
        proxy.set_behavior("hang")
        proxy.client.set_backend("127.0.0.1:9")
        proxy.reset()
        assert proxy.client.get_behavior() == "1:delay"
        assert proxy.client.behavior()["options"]["delay"]["sleep"] == 0.01
        assert proxy.client.get_backend() == server.address


def test_connections_are_seen_and_ended(proxy):
    with dial((proxy.host, proxy.port)) as one, dial((proxy.host, proxy.port)) as two, dial((proxy.host, proxy.port)) as three:
        for end in (one, two, three):
            end.send(PING).read(len(PONG))
        assert sorted(row["connection"] for row in proxy.client.connections()) == [1, 2, 3]
        assert proxy.client.end_connections(1, reset=True) == 1 and one.ends() == "rst"
        assert proxy.client.end_connections() == 2 and two.ends() == three.ends() == "fin"
    with pytest.raises(vaurien.HTTPError) as caught:
        proxy.client.end_connections(1)
    assert caught.value.status == 404


def test_rules_to_begin_with(server):
    with vaurien.Proxy(server.address, "redis", rules=['error failure=starting_up match="^PING" times=1', "delay sleep=1ms"]) as proxy:
        assert [ping(proxy)[:1] for _ in range(2)] == [b"-", b"+"]
        assert [(rule["behavior"], rule["hits"]) for rule in proxy.rules()] == [("error", 1), ("delay", 2)]
        proxy.reset()
        assert len(proxy.rules()) == 2


def names(proxy):
    return [rule["name"] for rule in proxy.rules()]


def test_rules_come_and_go_beside_each_other(proxy):
    with proxy.rule("error", failure="starting_up", match="^PING", skip=1, times=1) as error, proxy.rule("delay", sleep=0.01) as delay:
        assert names(proxy) == ["error", "delay"]
        with proxy.rule("error", failure="read_only", times=1):
            assert names(proxy) == ["error", "delay", "error-2"]
        with proxy.behavior("delay", sleep=0.01) as behavior:
            assert [ping(proxy)[:1] for _ in range(3)] == [b"+", b"-", b"+"]
        assert (error.seen, error.hits) == (3, 1)
        with pytest.raises(KeyError):
            with proxy.rule("abort", name="of a block that fails"):
                raise KeyError
        assert names(proxy) == ["error", "delay"]
    assert names(proxy) == [] and ping(proxy) == PONG[:5]
    assert (error.hits, delay.hits, behavior.hits) == (1, 3, 3)


def test_a_rule_s_fields_arrive(proxy):
    fields = {"client": "127.0.0.0/8", "direction": "response", "probability": 0.5, "per": "connection", "skip": 1, "times": 2,
              "every": 3, "ttl": 60}
    with proxy.rule("delay", name="full", sleep="250ms", **fields):
        (rule,) = proxy.rules()
    assert (rule["name"], rule["behavior"], rule["options"]["sleep"]) == ("full", "delay", 0.25)
    for name, value in fields.items():
        assert rule["options"][name] == value or name == "ttl" and 0 < rule["options"][name] <= value, name


def test_a_rule_is_struck_per_exchange_unless_told_otherwise(proxy):
    with proxy.rule("delay", sleep=0.01) as rule, dial((proxy.host, proxy.port)) as client:
        for _ in range(3):
            client.send(PING).read(len(PONG))
        assert rule.hits == 3
    assert repr(rule) == "Fault(hits=3, seen=3, unreachable=0)"


def test_a_rule_that_is_refused(proxy):
    for name, options, sentence in (("nope", {}, "nope"), ("delay", {"sleep": "x"}, "sleep"), ("delay", {"slep": 1}, "slep"),
                                    ("delay", {"match": "("}, "match"), ("delay", {"direction": "up"}, "direction")):
        with pytest.raises(ValueError, match=sentence):
            with proxy.rule(name, **options):
                pytest.fail("not refused")
    with proxy.rule("delay", name="one"), pytest.raises(ValueError, match="not free"):
        proxy.client.add_rule("delay", "one")
    assert names(proxy) == []


def test_a_rule_is_changed_in_place(proxy):
    with proxy.rule("error", failure="starting_up") as rule:
        assert ping(proxy)[:1] == b"-"
        proxy.client.change_rule("error", match="^SET")
        assert ping(proxy)[:1] == b"+" and rule.hits == 1
        with pytest.raises(ValueError, match="slep"):
            proxy.client.change_rule("error", slep=1)
    with pytest.raises(vaurien.HTTPError) as caught:
        proxy.client.change_rule("error", match="^SET")
    assert caught.value.status == 404


def refused(proxy):
    try:
        return not dial((proxy.host, proxy.port)).close() and False
    except ConnectionRefusedError:
        return True


def test_the_server_is_down_for_a_block(proxy):
    client = dial((proxy.host, proxy.port))
    assert client.send(PING).read(7) == PONG
    with pytest.raises(KeyError), proxy.down():
        assert client.ends() == "rst" and refused(proxy)
        raise KeyError
    assert ping(proxy) == PONG[:5] and proxy.rules() == []
    with proxy.down(seconds=0.2):
        until(lambda: not refused(proxy))       # back before the block has ended
    with proxy.down(60), pytest.raises(ValueError):
        with proxy.down():
            pass
    assert ping(proxy) == PONG[:5]


def test_a_rule_that_went_before_its_block_ended(proxy):
    with proxy.rule("error", failure="starting_up") as rule:
        assert ping(proxy)[:1] == b"-" and rule.hits == 1
        proxy.client.remove_rule("error")
        assert rule.hits == 1
    assert rule.hits == 1
    with proxy.rule("delay", ttl=0.05):
        until(lambda: names(proxy) == [], what="the end of a rule that goes by itself")


def test_reset_removes_what_was_added(server):
    with vaurien.Proxy(server.address, "redis", rules=["delay name=mine sleep=1ms"]) as proxy:
        proxy.client.add_rule("abort", "theirs")
        proxy.reset()
        assert names(proxy) == ["mine"]
        proxy.client.add_rule("abort", "theirs")
        proxy.client.remove_rule("theirs")
        with pytest.raises(vaurien.HTTPError) as caught:
            proxy.client.remove_rule("theirs")
        assert caught.value.status == 404 and names(proxy) == ["mine"]


def test_the_seed_decides(server):
    def fates(**words):
        with vaurien.Proxy(server.address, "redis", behavior="50:error", **words) as proxy:
            return proxy.seed, [ping(proxy)[:1] for _ in range(40)]
    seed, first = fates()
    assert fates(seed=seed) == (seed, first)
    assert fates(seed=seed ^ 1)[1] != first


def test_vaurienctl_reaches_it(proxy, run):
    ctl = os.path.join(os.path.dirname(VAURIEN), "vaurienctl")
    assert run("--host", proxy.api, "set-behavior", "hang", program=ctl).returncode == 0
    assert proxy.client.get_behavior() == "hang"


def test_the_log_is_kept(proxy):
    with proxy.behavior("error", failure="starting_up"):
        ping(proxy)
    assert "* seed: %d" % proxy.seed in proxy.log and "behavior=error" in proxy.log
    proxy.stop()
    assert "Bye!" in proxy.log
    proxy.stop()                                # once is enough, twice is allowed


def test_what_does_not_start_says_why(server):
    with pytest.raises(vaurien.StartError, match="unrecognized arguments: --nope"):
        vaurien.Proxy(server.address, options=["--nope"]).start()
    with vaurien.Proxy(server.address) as one:
        with pytest.raises(ValueError, match="Address already in use"):
            vaurien.Proxy(server.address, listen=one.address).start()


def test_a_proxy_that_died_is_told_of(proxy):
    os.kill(proxy.pid, signal.SIGKILL)
    with pytest.raises(RuntimeError, match=r"exit code -9\n(.*\n)*.*Starting"):
        proxy.stop()


def test_a_crash_is_told_of_beside_what_came_of_it(server):
    with pytest.raises(RuntimeError, match="exit code -9") as caught:
        with vaurien.Proxy(server.address, "redis") as proxy, proxy.behavior("delay", sleep=0.01):
            os.kill(proxy.pid, signal.SIGKILL)
            until(lambda: not proxy.running, what="its end")
            raise KeyError
    assert isinstance(caught.value.__context__, ConnectionRefusedError)


def test_a_unix_socket(server, tmp_path):
    path = str(tmp_path / "socket")
    with vaurien.Proxy(server.address, "redis", listen="unix:" + path) as proxy:
        assert (proxy.address, proxy.port) == ("unix:" + path, 0)
        with dial(path) as client:
            assert client.send(PING).read(5) == PONG[:5]


def test_an_exception_in_the_block_stops_it(server):
    with pytest.raises(KeyError):
        with vaurien.Proxy(server.address) as proxy:
            raise KeyError
    assert not alive(proxy.pid)


def test_one_that_is_forgotten_goes(server):
    proxy = vaurien.Proxy(server.address).start()
    pid, folder = proxy.pid, os.path.dirname(proxy.api[len("unix:"):])
    assert os.path.isdir(folder)
    del proxy
    gc.collect()
    until(lambda: not alive(pid), what="the end of the forgotten proxy")
    assert not os.path.exists(folder)


@pytest.mark.parametrize("end", ["pass", "os.kill(os.getpid(), signal.SIGKILL)"], ids=["in peace", "killed"])
def test_one_does_not_outlive_the_program(end):
    text = "import os, signal, vaurien; proxy = vaurien.Proxy(9).start(); print(proxy.pid, flush=True); " + end
    done = subprocess.run([sys.executable, "-c", text], env=dict(os.environ, PYTHONPATH=PACKAGE), stdout=subprocess.PIPE)
    until(lambda: not alive(int(done.stdout)), what="the end of the proxy")


def test_one_outlives_the_thread_that_started_it(server):
    made = []
    thread = threading.Thread(target=lambda: made.append(vaurien.Proxy(server.address, "redis").start()))
    thread.start()
    thread.join()
    assert ping(made[0]) == PONG[:5]
    made[0].stop()


def test_a_fork_leaves_it_alone(proxy):
    pid = os.fork()
    if pid == 0:
        proxy._last_will()
        os._exit(0)
    os.waitpid(pid, 0)
    assert ping(proxy) == PONG[:5]


def test_a_long_path_of_temporary_files(server, tmp_path, monkeypatch):
    long = tmp_path / ("x" * 90)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    with vaurien.Proxy(server.address, "redis") as proxy:
        assert ping(proxy) == PONG[:5]


# ---- start_proxy, stop_proxy ----

@pytest.fixture
def ports():
    return {"proxy_port": free_port(), "http_port": free_port()}


def test_start_returns_when_it_listens(server, ports):
    with Clock() as took:
        pid = vaurien.start_proxy(backend_port=server.port, protocol="redis", warmup=60, **ports)
    try:
        assert listening(ports["proxy_port"]) and listening(ports["http_port"])
        client = vaurien.Client(port=ports["http_port"])
        with client.with_behavior("error", failure="starting_up"), dial(ports["proxy_port"]) as end:
            assert end.send(PING).read(1) == b"-"
        assert took.seconds < patience(30)                # the original slept as long as warmup says
    finally:
        assert vaurien.stop_proxy(pid) is None
    assert not listening(ports["proxy_port"]) and not alive(pid)


def test_port_is_the_control_port(server, ports):
    pid = vaurien.start_proxy(port=ports["http_port"], proxy_port=ports["proxy_port"], backend_port=server.port)
    try:
        assert vaurien.Client(port=ports["http_port"]).get_behavior() == "dummy"
    finally:
        vaurien.stop_proxy(pid)


def test_ipv6(server, ports):
    pid = vaurien.start_proxy(proxy_host="::1", backend_port=server.port, http_host="::1", protocol="redis", **ports)
    try:
        assert vaurien.Client("::1", ports["http_port"]).get_behavior() == "dummy"
        with dial(("::1", ports["proxy_port"])) as end:
            assert end.send(PING).read(5) == PONG[:5]
    finally:
        vaurien.stop_proxy(pid)


def test_without_http_and_with_options(server, ports):
    pid = vaurien.start_proxy("127.0.0.1", ports["proxy_port"], "127.0.0.1", server.port, "redis", http=False,
                              options=["--behavior", "100:error", "--behavior-error-failure", "starting_up"])
    try:
        assert vaurien.process.listening_ports(pid) == {ports["proxy_port"]}
        with dial(ports["proxy_port"]) as end:
            assert end.send(PING).read(1) == b"-"
    finally:
        vaurien.stop_proxy(pid)


def test_a_token(server, ports):
    pid = vaurien.start_proxy(backend_port=server.port, options=["--http-token", "open sesame"], **ports)
    try:
        assert vaurien.Client(port=ports["http_port"], token="open sesame").get_behavior() == "dummy"
        with pytest.raises(vaurien.HTTPError) as caught:
            vaurien.Client(port=ports["http_port"]).set_behavior("hang")
        assert caught.value.status == 401
    finally:
        vaurien.stop_proxy(pid)


def test_start_fails_with_the_log(server, ports, capfd):
    with pytest.raises(ValueError, match=r"Could not start the proxy(.*\n)*.*expected one of"):
        vaurien.start_proxy(protocol="nope", **ports)
    assert "expected one of" in capfd.readouterr().err
    with pytest.raises(ValueError, match="%d: Address already in use" % server.port):
        vaurien.start_proxy(port=server.port, proxy_port=ports["proxy_port"])
    assert not listening(ports["proxy_port"])


def test_the_log_goes_where_it_is_told(server, ports, capfd, tmp_path):
    vaurien.stop_proxy(vaurien.start_proxy(backend_port=server.port, **ports))
    assert "Bye!" in capfd.readouterr().err

    vaurien.stop_proxy(vaurien.start_proxy(backend_port=server.port, log_output=str(tmp_path / "log"), **ports))
    assert "Bye!" in (tmp_path / "log").read_text()
    assert "Bye!" not in capfd.readouterr().err


def test_warmup_is_the_longest_wait(monkeypatch, tmp_path, ports):
    sluggard = tmp_path / "vaurien"
    sluggard.write_text("#!/bin/sh\nexec sleep 60\n")
    sluggard.chmod(0o755)
    monkeypatch.setenv("VAURIEN_BIN", str(sluggard))
    with Clock() as took, pytest.raises(ValueError, match="does not listen after 0.2 seconds"):
        vaurien.start_proxy(warmup=0.2, **ports)
    assert took.seconds >= 0.2
    pid = vaurien.start_proxy(warmup=0, **ports)
    assert alive(pid)
    vaurien.stop_proxy(pid)
    assert not alive(pid)


def test_who_is_not_ours_is_not_found():
    with pytest.raises(ValueError, match="^Not found$"):
        vaurien.stop_proxy(os.getpid())


# ---- the programs ----

def test_no_program(monkeypatch):
    monkeypatch.delenv("VAURIEN_BIN")
    monkeypatch.setattr("vaurien.programs._folders", lambda: iter(()))
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(FileNotFoundError, match="VAURIEN_BIN"):
        vaurien.Proxy(9).start()


def test_what_is_no_program(monkeypatch, tmp_path):
    monkeypatch.setenv("VAURIEN_BIN", str(tmp_path / "nothing"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="nothing"):
        vaurien.Proxy(9).start()
    assert not list(tmp_path.iterdir())
