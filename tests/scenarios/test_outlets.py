"""Where lines go: readers that stall, disks that are full, names that would drive a terminal. Nothing waits, nothing is lost in silence."""
import json
import os
import re
import signal
import subprocess
import time

import pytest

from harness import VAURIEN, Deadline, dial, free_port, left_out, patience, until


def figure(proxy, name):
    text = proxy.api("GET", "/metrics")[1]
    return int(float(re.search(r"^%s (\S+)$" % name, text, re.M).group(1)))


def started(words, backend, **options):
    """The program itself, with descriptors of the test's own; ended by pid."""
    port, api = free_port(), free_port()
    process = subprocess.Popen([VAURIEN, "--proxy", "127.0.0.1:%d" % port, "--backend", backend.address, "--http",
                                "--http-port", str(api), "--log-level", "debug", *words], **options)
    return process, port, api


def asked(api, path="/version"):
    done = subprocess.run(["curl", "-s", "-m", str(patience(5)), "http://127.0.0.1:%d%s" % (api, path)], stdout=subprocess.PIPE)
    return done.returncode == 0 and done.stdout


@pytest.mark.parametrize("words", [("--log-output", "-"), ("--events", "-")])
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_pipe_that_nobody_reads(backend, words, how):
    """The API answers, connections are served, and the program ends when it is told to."""
    backend.serve()
    read, write = os.pipe()
    process, port, api = started(words, backend, stdout=write if words[0] == "--events" else subprocess.DEVNULL,
                                 stderr=write if words[0] == "--log-output" else subprocess.DEVNULL)
    os.close(write)
    try:
        until(lambda: asked(api))
        for i in range(600):                    # more lines than a pipe and a ring hold
            with dial(("127.0.0.1", port)) as client:
                client.send(b"x")
                assert client.read(1)
        assert asked(api)
        begun = time.monotonic()
        process.send_signal(how)
        process.wait(patience(10))
        assert process.returncode == 0 and time.monotonic() - begun < patience(2)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(read)


@pytest.fixture
def full(tmp_path):
    """A disk of 64 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(place)]).returncode:
        left_out("a file system of the test's own needs root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def taken(path):
    """The text of a file, which makes room for more."""
    text = path.read_text()
    path.write_text("")
    return text


def test_a_full_disk(vaurien, backend, full):
    """Lines are lost whole and counted, and go on when there is room."""
    backend.serve()
    proxy = vaurien("--log-output", full / "log", "--events", full / "events", "--log-level", "debug", backend=backend,
                    up=lambda: (full / "log").exists())

    def connect(n):
        for _ in range(n):
            with proxy.client() as client:
                client.send(b"x")
                assert client.read(1)

    connect(900)
    until(lambda: figure(proxy, "vaurien_log_lines_lost_total") > 0)
    until(lambda: figure(proxy, "vaurien_events_lost_total") > 0)
    for name in ("log", "events"):
        text = (full / name).read_text()
        assert text.endswith("\n")
        for line in text.splitlines():
            if name == "events":
                json.loads(line)
            else:
                assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[\d+\] \[[A-Z]+\] ", line)
    before = len((full / "events").read_text().splitlines())
    (full / "log").write_text("")
    connect(20)
    until(lambda: len((full / "events").read_text().splitlines()) > before)
    for name, what in (("events", '"lost"'), ("log", "log lines=")):
        until(lambda: what in taken(full / name))       # behind all that waited


HOSTILE = ["\x1b[31mred", "a\u009b31mb", "a\u0085b", "bell\x07", "new\nline", "a\x7fb"]


def test_no_control_character_reaches_log_or_events(vaurien, backend, tmp_path):
    events = tmp_path / "events"
    proxy = vaurien("--events", events, "--log-level", "debug", backend=backend)
    for i, name in enumerate(HOSTILE):
        proxy.api("POST", "/proxies", {"name": name, "listen": "127.0.0.1:0", "upstream": "127.0.0.1:1"})
        proxy.api("POST", "/rules", {"behavior": "delay", "name": name, "match": name})
    deadline = Deadline(5)
    until(lambda: events.read_text().count('"changed"') >= len(HOSTILE) or not deadline.left())
    for text in (events.read_text(), proxy.log()):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f\x80-\x9f]", text), text
