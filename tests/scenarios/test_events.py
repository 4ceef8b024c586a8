"""Events: what happened, as a stream of the API and as lines in a file; told to who reads, lost for who does not."""
import json
import os
import signal
import socket
import subprocess
import threading
import time

import pytest

from harness import SAN, VAURIEN, Deadline, dial, free_port, listening, patience, until
from test_metrics import comes, metrics

BRIEF = "delay sleep=0.001"


class Stream:
    """A client of GET /events, which reads when it is told to."""

    def __init__(self, proxy, query="", receive=None):
        self.sock = socket.socket()
        if receive:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        self.sock.settimeout(patience())
        self.sock.connect(("127.0.0.1", proxy.http))
        self.sock.sendall(b"GET /events%s HTTP/1.0\r\nHost: localhost\r\n\r\n" % query.encode())
        self.file = self.sock.makefile("rb")
        assert b" 200 " in self.file.readline()
        self.headers = {}
        for line in iter(self.file.readline, b"\r\n"):
            name, value = line.decode().rstrip().split(": ", 1)
            self.headers[name] = value
        assert self.headers["Content-Type"] == "text/event-stream"

    def next(self):
        """The next event as an object; None: the stream has ended. Comments are passed over."""
        fields = {}
        deadline = Deadline()                   # comments would keep it waiting for ever
        for line in self.file:
            assert not deadline.passed(), "waited in vain for an event"
            line = line.decode().rstrip("\n")
            if not line and fields:
                event = json.loads(fields["data"])
                assert int(fields["id"]) == event["id"] and fields["event"] == event["type"]
                return event
            if line and not line.startswith(":"):
                name, value = line.split(": ", 1)
                assert name not in fields
                fields[name] = value
        return None

    def take(self, n):
        return [self.next() for _ in range(n)]

    def close(self):
        self.file.close()
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def lines(path):
    with open(path) as text:
        return [json.loads(line) for line in text if line.endswith("\n")]


def faults(events):
    """(connection, exchange, rule) -> verdict"""
    return {(e["connection"], e["exchange"], e["rule"]): e["verdict"] for e in events if e["type"] == "fault"}


# ---- what is told ----

@pytest.mark.threads
def test_a_connection_from_its_first_to_its_last(vaurien, backend):
    backend.serve()
    proxy = vaurien(backend=backend)
    with Stream(proxy) as stream:
        with proxy.client() as client:
            address = "127.0.0.1:%d" % client.local[1]
            client.send(b"x" * 300).read(300)
        opened, closed = stream.take(2)
    assert closed["time"] >= opened["time"] and closed["id"] > opened["id"]
    for event in opened, closed:
        assert (event["proxy"], event["connection"]) == ("default", 1)
        del event["time"], event["id"]
    assert opened == {"type": "opened", "proxy": "default", "connection": 1, "client": address, "backend": backend.address}
    assert closed.pop("age") > 0
    assert closed.pop("exchanges") >= 1
    assert closed == {"type": "closed", "proxy": "default", "connection": 1, "reason": "both_ended", "how": "close",
                      "request_received": 300, "request_sent": 300, "response_received": 300, "response_sent": 300,
                      "client_closed": True}


def test_a_fault(start, backend):
    backend.serve()
    proxy = start("--protocol", "redis", "--rule", "error failure=starting_up match=^GET name=mine", backend=backend)
    with Stream(proxy, "?type=fault") as stream:
        client = proxy.client()
        client.send(b"PING\r\nGET x\r\n")
        fault = stream.next()
    del fault["time"], fault["id"]
    assert fault == {"type": "fault", "proxy": "default", "connection": 1, "exchange": 2, "moment": "request", "verb": "GET",
                     "rule": "mine", "behavior": "error", "verdict": "reply:starting_up"}


def test_there_are_as_many_faults_as_hits(vaurien, backend, tmp_path):
    backend.serve()
    path = tmp_path / "events"
    proxy = vaurien("--events", path, "--rule", BRIEF + " probability=0.4 name=some", "--rule", BRIEF + " name=few times=3",
                    "--rule", BRIEF + " name=once per=connection", backend=backend)
    for _ in range(3):
        with proxy.client() as client:
            for _ in range(10):
                client.send(b"x").read(1)
    rules = proxy.api("GET", "/rules")[1]["rules"]
    until(lambda: len([e for e in lines(path) if e["type"] == "closed"]) == 3)
    told = [e["rule"] for e in lines(path) if e["type"] == "fault"]
    assert {r["name"]: r["hits"] for r in rules} == {name: told.count(name) for name in ("some", "few", "once")}


def test_what_a_rule_cannot_reach(start, backend):
    proxy = start("--protocol", "redis", "--behavior", "error", backend=backend)
    with Stream(proxy, "?type=raw,unreachable") as stream:
        client, server = proxy.meet(backend)
        client.send(b"*x\r\n")
        raw, unreachable = stream.take(2)
    assert (raw["type"], raw["connection"], raw["direction"]) == ("raw", 1, "request")
    assert (unreachable["type"], unreachable["rule"], unreachable["connection"]) == ("unreachable", "behavior", 1)


@pytest.mark.parametrize("protocol, bypasses", [("redis", True), ("mongo", True), ("kafka", True), ("mysql", False)])
def test_addresses_in_a_raw_connection_pass(start, backend, protocol, bypasses):
    """Nobody knows whether its server names any: the log and an event say that they would pass."""
    proxy = start("--protocol", protocol, backend=backend)
    with Stream(proxy, "?type=raw,bypass,closed") as stream:
        client, server = proxy.meet(backend)
        server.send(b"\0" * 64)                 # an answer to nothing
        assert client.read(64) == b"\0" * 64
        client.close()
        server.close()
        told = stream.take(3 if bypasses else 2)
    assert [one["type"] for one in told] == ["raw", "bypass", "closed"] if bypasses else ["raw", "closed"]
    assert ("are no longer changed: clients that connect to them bypass the proxies" in proxy.whole_log()) == bypasses
    if bypasses:
        assert (told[1]["connection"], told[1]["why"]) == (1, told[0]["why"]) and "address" not in told[1]


def test_addresses_in_a_raw_connection_are_no_bypass_where_they_may_pass(start, backend):
    proxy = start("--protocol", "mongo", "--topology", "pass", backend=backend)
    with Stream(proxy, "?type=raw,bypass,closed") as stream:
        client, server = proxy.meet(backend)
        server.send(b"\0" * 64)
        assert client.read(64) == b"\0" * 64
        client.close()
        server.close()
        assert [one["type"] for one in stream.take(2)] == ["raw", "closed"]


def test_what_a_rule_does_not_find(start, backend):
    proxy = start("--protocol", "redis", "--rule", "error name=mine match='^get k'", "--rule", "error name=other failure=read_only",
                  backend=backend)
    with Stream(proxy, "?type=missed") as stream:
        client, server = proxy.meet(backend)
        client.send(b"GET k12\r\nPING\r\n")
        server.read(15)
        proxy.api("DELETE", "/rules/mine")
        proxy.api("DELETE", "/rules/other")
        mine, other = stream.take(2)
    for event in mine, other:
        del event["time"], event["id"]
    assert mine == {"type": "missed", "proxy": "default", "what": "no match", "rule": "mine", "behavior": "error", "messages": 2,
                    "why": "none of which its match finds", "nearest": "GET k?", "but_for": "upper and lower case"}
    assert other == {"type": "missed", "proxy": "default", "what": "no strike", "rule": "other", "behavior": "error", "messages": 2,
                     "why": "none of which its failure fits", "nearest": "GET k?"}


def test_who_changes_what(start, backend):
    proxy = start("--rule", "delay ttl=3", backend=backend)
    with Stream(proxy, "?type=changed") as stream:
        with dial(proxy.http) as api:
            api.send(b"PUT /behavior HTTP/1.0\r\nHost: localhost\r\nContent-Length: 16\r\n\r\n" + b'{"name": "hang"}').rest()
            by = "127.0.0.1:%d" % api.local[1]
        events = stream.take(2)
    assert [(e["proxy"], e["what"], e["by"], e["behavior"], e["rules"]) for e in events] == [
        ("default", "changed", by, "hang", "delay behavior"), ("default", "changed", "ttl", "hang", "behavior")]


def test_proxies_come_and_go(start, backend):
    backend.serve()
    proxy = start(backend=backend)
    with Stream(proxy, "?proxy=a%20%22b%22") as stream:
        status, made = proxy.api("POST", "/proxies", {"name": 'a "b"', "upstream": backend.address, "listen": "127.0.0.1:0"})
        assert status == 201
        with proxy.client() as other, dial(int(made["listen"].rsplit(":", 1)[1])) as client:
            other.send(b"x").read(1)
            client.send(b"x").read(1)
            assert proxy.api("POST", "/proxies/a%20%22b%22/toxics", {"type": "noop"})[0] == 200
            assert proxy.api("POST", "/proxies/a%20%22b%22", {"enabled": False})[0] == 200
            client.rest()
        assert proxy.api("DELETE", "/proxies/a%20%22b%22")[0] == 204
        told = [stream.next() for _ in range(6)]
    assert {e["proxy"] for e in told} == {'a "b"'}
    story = [(e["type"], e.get("what"), e.get("reason")) for e in told]
    assert story.index(("closed", None, "proxy_shut")) >= 4     # it waits for whether the client closes, too
    assert [event for event in story if event[0] != "closed"] == [
        ("changed", "created", None), ("opened", None, None), ("changed", "changed", None), ("changed", "changed", None),
        ("changed", "removed", None)]
    assert [e["listen"] for e in told if e["type"] == "changed"] == [made["listen"], made["listen"], "nowhere", "nowhere"]
    assert all(e["by"].startswith("127.0.0.1:") for e in told if "by" in e)
    assert told[2]["rules"] == "noop_downstream"


def test_a_file_that_is_read_again(start, backend, tmp_path):
    path = tmp_path / "vaurien.ini"
    one = "[proxy:one]\nlisten = 127.0.0.1:%d\nbackend = %s\n" % (free_port(), backend.address)
    path.write_text(one)
    proxy = start("--config", path, "--events", tmp_path / "events", listen="", up=lambda: True)
    path.write_text(one + "behavior = hang\n" + one.replace("one", "two").replace("listen = 127.0.0.1", "listen = 127.0.0.2"))
    proxy.process.send_signal(signal.SIGHUP)
    told = until(lambda: len(lines(tmp_path / "events")) >= 3 and lines(tmp_path / "events"))
    assert [(e["what"], e["proxy"], e["by"]) for e in told[:1]] == [("created", "one", "start")]
    assert {(e["what"], e["proxy"], e["by"], e["behavior"]) for e in told[1:]} == {
        ("changed", "one", "SIGHUP", "hang"), ("created", "two", "SIGHUP", "dummy")}


def test_only_what_is_asked_for(start, backend):
    backend.serve()
    proxy = start("--behavior", "delay", "--behavior-delay-sleep", "0.001", backend=backend)
    with Stream(proxy, "?type=opened,closed&proxy=default") as stream, Stream(proxy, "?proxy=other") as other:
        with proxy.client() as client:
            client.send(b"x").read(1)
        assert [e["type"] for e in stream.take(2)] == ["opened", "closed"]
        proxy.stop()
        assert other.next() is None


@pytest.mark.parametrize("query", ["?type=", "?type=nonsense", "?type=fault,,raw"])
def test_types_are_checked(start, query):
    status, answer = start().api("GET", "/events" + query)
    if query == "?type=":
        assert status == 400
    assert status == 400 and answer["errors"][0]["name"] == "type"
    assert "expected" in answer["errors"][0]["description"]


# ---- the same seed, the same events ----

@pytest.mark.threads
def test_two_runs_at_once_decide_alike(start, backends):
    """Two proxies with one seed, both busy, in whatever order their connections speak: each (connection, exchange)
    meets the same verdict."""
    told = []
    proxies = []
    for threads in 1, 3:
        proxies.append(start("--threads", threads, "--seed", "42", "--rule", "delay sleep=1ms jitter=1ms probability=0.3 name=late",
                             "--rule", "noop probability=0.5", "--behavior", "20:delay,10:lost_reply",
                             "--behavior-delay-sleep", "0.001", backend=backends().serve()))

    def drive(proxy):
        with Stream(proxy, "?type=opened,fault") as stream:
            clients = []
            for _ in range(8):
                clients.append(proxy.client())
                assert stream.next()["type"] == "opened"
            threads = [threading.Thread(target=speak, args=(client,)) for client in clients]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            hits = sum(r["hits"] for r in proxy.api("GET", "/rules")[1]["rules"])
            told.append(faults(stream.take(hits)))

    def speak(client):
        for _ in range(20):
            try:
                client.send(b"x").read(1)
            except (AssertionError, OSError):
                return                  # its reply was lost

    runs = [threading.Thread(target=drive, args=(proxy,)) for proxy in proxies]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert len(told) == 2 and len(told[0]) > 20
    assert told[0] == told[1]


# ---- readers ----

def pong(end):
    """A Redis that knows PING, however many come at once."""
    owed = b""
    while True:
        data = end.sock.recv(1 << 16)
        if not data:
            return
        n, left = divmod(len(owed + data), 6)
        owed = (owed + data)[6 * n:]
        assert len(owed) == left
        end.send(b"+PONG\r\n" * n)


def pings(client, n, at_once=500):
    for _ in range(n // at_once):
        client.send(b"PING\r\n" * at_once)
        assert client.read(7 * at_once) == b"+PONG\r\n" * at_once


@pytest.mark.threads
def test_a_reader_that_does_not_read(start, backend):
    """It loses events, is told how many, and nobody else notices; one that reads has them all."""
    backend.serve(pong)
    proxy = start("--threads", "2", "--protocol", "redis", "--rule", "delay sleep=1us", backend=backend)
    client, n, begun = proxy.client(), 0, time.monotonic()
    with Stream(proxy, "?type=fault", receive=4096) as idle:
        before = proxy.memory()
        while n < 40000 and (time.monotonic() < begun + 20 or not metrics(proxy).get("vaurien_events_lost_total")):
            pings(client, 2000)                 # fewer on a slow machine: who reads nothing for a minute is let go
            n += 2000
        until(lambda: metrics(proxy).get("vaurien_events_lost_total"))
        assert SAN or proxy.memory() - before < 16 << 20        # what was freed, a sanitizer keeps
        seen = missed = 0
        while seen + missed < n:
            event = idle.next()
            if event["type"] == "lost":
                missed += event["lost"]
            else:
                seen += 1
                assert event["exchange"] == seen + missed
        assert (seen + missed, missed) == (n, metrics(proxy).get("vaurien_events_lost_total"))


@pytest.mark.threads
def test_thousands_of_events_a_second(start, backend):
    """A reader that keeps up has each of them, in order; how fast that goes is the machine's."""
    backend.serve(pong)
    proxy = start("--threads", "2", "--protocol", "redis", "--rule", "delay sleep=1us", backend=backend)
    clients, n, events = [proxy.client() for _ in range(2)], 5000, []
    with Stream(proxy, "?type=fault") as stream:
        for _ in range(n // 250):
            speakers = [threading.Thread(target=pings, args=(client, 250, 50)) for client in clients]
            for speaker in speakers:
                speaker.start()
            events += stream.take(500)
            for speaker in speakers:
                speaker.join()
    assert [e["id"] for e in events] == sorted(e["id"] for e in events)
    for connection in 1, 2:
        assert [e["exchange"] for e in events if e["connection"] == connection] == list(range(1, n + 1))


def test_who_left_is_forgotten(start, backend):
    backend.serve()
    proxy = start(backend=backend)
    streams = [Stream(proxy) for _ in range(20)]
    assert metrics(proxy).get("vaurien_event_readers") == 20
    held = proxy.descriptors()
    for stream in streams[:10]:
        stream.close()
    for stream in streams[10:]:
        stream.sock.shutdown(socket.SHUT_WR)
    comes(proxy, "vaurien_event_readers", 0)
    until(lambda: proxy.descriptors() <= held - 20)


def test_the_end_of_the_proxy_is_the_end_of_the_stream(start, backend):
    proxy = start(backend=backend)
    client, server = proxy.meet(backend)
    with Stream(proxy, "?type=closed") as stream:
        proxy.stop()
        event = stream.next()
        assert event is None or event["reason"] == "proxy_stops"


# ---- a file ----

def test_lines_are_appended(start, backend, tmp_path):
    backend.serve()
    path = tmp_path / "events"
    path.write_text('{"before": true}\n')
    proxy = start("--events", path, backend=backend)
    with proxy.client() as client:
        client.send(b"x").read(1)
    until(lambda: len(lines(path)) == 4)
    proxy.client().send(b"x").read(1)
    proxy.stop()
    told = lines(path)
    assert [e.get("type") for e in told] == [None, "changed", "opened", "closed", "opened", "closed"]
    assert (told[1]["what"], told[1]["by"]) == ("created", "start")
    assert told[-1]["reason"] in ("proxy_stops", "both_ended", "backend_reset", "client_reset")


def test_standard_output(backend, tmp_path):
    """Events on one, the log on the other; and a reader of it that has left stops nothing."""
    backend.serve()
    port = free_port()
    process = subprocess.Popen([VAURIEN, "--events", "-", "--proxy", "127.0.0.1:%d" % port, "--backend", backend.address],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        until(lambda: listening(port))
        with dial(port) as client:
            client.send(b"x").read(1)
        assert [json.loads(process.stdout.readline())["type"] for _ in range(3)] == ["changed", "opened", "closed"]
        process.stdout.close()
        for _ in range(3):
            with dial(port) as client:
                client.send(b"x").read(1)
        process.terminate()
        assert process.wait(patience()) == 0
        assert b"no more events are written: Broken pipe" in process.stderr.read()
    finally:
        process.kill()
        process.wait()


def test_a_pipe_that_nobody_reads(start, backend, tmp_path):
    """It holds up neither the proxy nor its end, and what is read in the end adds up."""
    backend.serve()
    path = str(tmp_path / "pipe")
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    proxy = start("--events", path, backend=backend)
    for _ in range(2000):
        with proxy.client() as client:
            client.send(b"x").read(1)
    until(lambda: metrics(proxy).get("vaurien_connections_open") == 0)
    until(lambda: metrics(proxy).get("vaurien_events_lost_total"))
    seen = missed = 0
    text = b""
    while seen + missed < 4001:
        try:
            text += until(lambda: os.read(reader, 65536))
        except BlockingIOError:
            continue
        *whole, text = text.split(b"\n")
        for line in whole:
            event = json.loads(line)
            missed += event.get("lost", 0)
            seen += event["type"] != "lost"
    assert (seen + missed, missed) == (4001, metrics(proxy).get("vaurien_events_lost_total"))
    os.close(reader)


def test_a_file_that_cannot_be_written(tmp_path):
    path = str(tmp_path / "no" / "such")
    done = subprocess.run([VAURIEN, "--events", path, "--proxy", "127.0.0.1:%d" % free_port()], capture_output=True, text=True,
                          timeout=patience())
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] != "" and "cannot write events to '%s': No such file or directory" % path in done.stderr
