"""docs/behaviors.md: each example is accepted, and the client sees what the page promises."""
import os
import re
import shlex
import socket
import subprocess

import pytest

from harness import SAN, VAURIEN, Clock
from test_port import unanswered

CTL = os.environ.get("VAURIENCTL_BIN") or os.path.join(os.path.dirname(VAURIEN), "vaurienctl")
GROUPS = ["Time", "Errors", "Connection", "Bytes", "Rate", "TLS", "Others"]
ANSWER = bytes(range(256)) * 3
pytestmark = pytest.mark.skipif(bool(SAN), reason="once is enough")


@pytest.fixture(scope="module")
def page():
    """{behavior: (group, text)}, from the program."""
    text = subprocess.run([VAURIEN, "--list=behaviors.md"], stdout=subprocess.PIPE, universal_newlines=True, check=True).stdout
    found = {}
    for group, part in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", text, re.S | re.M):
        for name, section in re.findall(r"^### (.*?)\n(.*?)(?=^### |\Z)", part, re.S | re.M):
            found[name] = (group, section)
    found[""] = (None, text.split("\n## ")[0])
    return found


def example(section):
    return re.search(r"^    vaurienctl set-behavior (.*)$", section, re.M).group(1)


def test_all_behaviors_have_a_group_an_example_and_what_the_client_sees(page, run):
    names = [name for name in page if name]
    assert sorted(names) == sorted([*SEES, *DATAGRAMS])
    assert [group for group in GROUPS if any(page[name][0] == group for name in names)] == GROUPS
    assert [name for name in names if page[name][0] == "Others"] == ["dummy", "noop"]
    for name in names:
        assert shlex.split(example(page[name][1]))[0] == name
        assert "\nThe client sees: %s.\n" % (DATAGRAMS.get(name) or SEES[name][0]) in page[name][1]


def test_the_page_begins_with_a_table_of_all(page):
    rows = re.findall(r"^\| (\w*) ?\| \[`(\w+)`\]\(#\2\) \| (.*) \|$", page[""][1], re.M)
    assert [row[1] for row in rows] == [name for name in page if name]
    group = None
    for title, name, _ in rows:
        group = title or group
        assert page[name][0].lower() == group
    assert [row[0] for row in rows if row[0]] == [group.lower() for group in GROUPS]


def test_help_and_list_have_the_groups_in_the_same_order(run):
    listed = re.findall(r"^behaviors, (\w+) \(", run("--list").stdout, re.M)
    assert listed == [name.lower() for name in GROUPS]
    helped = re.findall(r"^Behavior options \((\w+)\):$", run("--help", "all").stdout, re.M)
    assert helped == [name.lower() for name in GROUPS[:-1]]        # dummy and noop have no options
    for name, group in (("bandwidth", "rate"), ("truncate", "bytes")):
        assert re.search(r"^behaviors, %s \(((?!^behaviors).)*^  %s " % (group, name), run("--list").stdout, re.S | re.M)


def test_every_example_is_accepted(page, start, backend, run, tmp_path):
    backend.serve()
    proxy = start("--protocol", "mysql", "--proxy-name", "db", "--tls-dir", tmp_path / "ca",
                  "--add", "cache=127.0.0.1:0=%s,redis" % backend.address, "--add", "game=udp://127.0.0.1:0=127.0.0.1:9",
                  backend=backend)
    assert proxy.api("PATCH", "/proxies/db", {"client_tls": "on"})[0] == 200
    for name in (name for name in page if name):
        needs = "The protocol must have the failure" in page[name][1]
        other = ["--proxy", "cache"] if needs else ["--proxy", "game"] if name in DATAGRAMS else []
        done = run("--host", "http://127.0.0.1:%d" % proxy.http, *other, "set-behavior",
                   *shlex.split(example(page[name][1])), program=CTL)
        assert done.returncode == 0 and done.stdout.startswith('Behavior changed to "%s"' % name), done.stderr


def test_a_plugin_may_have_them_too(run, tmp_path):
    text = 'return { name = "own", help = "Of our own", on = { ON_REQUEST }, %s act = function(event, verdict) end }'
    path = tmp_path / "own.lua"
    path.write_text(text % "")
    assert re.search(r"^behaviors, others .*^  own ", run("--plugin", path, "--list").stdout, re.S | re.M)
    path.write_text(text % 'group = GROUP_RATE, example = "own --ttl 5s", sees = "a fault",')
    listed = run("--plugin", path, "--list").stdout
    assert re.search(r"^behaviors, rate \(((?!^behaviors).)*^  own ", listed, re.S | re.M)
    assert "  Example: vaurienctl set-behavior own --ttl 5s\n" in listed and "  The client sees: a fault.\n" in listed


@pytest.mark.parametrize("fields, sentence", [
    ('example = "other"', "behavior 'own': its example must be one line that begins with its name, got 'other'"),
    ('example = 7', "behavior 'own': its example must be one line that begins with its name, got '7'"),
    ('sees = ""', "behavior 'own': `sees` must be one line of text"),
    ('group = "time"', "own.lua: group: expected one of the words that vaurien.h has for it"),
    ('group = 7', "own.lua: group: expected one of the words that vaurien.h has for it"),
])
def test_a_plugin_with_wrong_ones(fields, sentence, run, tmp_path):
    path = tmp_path / "own.lua"
    path.write_text('return { name = "own", on = { ON_REQUEST }, %s, act = function(event, verdict) end }' % fields)
    done = run("--plugin", path, "--list")
    assert (done.returncode, done.stdout) == (1, "") and sentence in done.stderr


# ---- what the client sees ----

def serve(end):
    """Each request gets ANSWER; "bye" gets it, and then the end."""
    while True:
        data = end.sock.recv(1 << 16)
        if data:
            end.send(ANSWER)
        if not data or data == b"bye":
            return


def ask(client, data=b"ask"):
    """The seconds until the answer was complete."""
    with Clock() as took:
        client.send(data)
        assert client.read(len(ANSWER)) == ANSWER
    return took.seconds


def late(proxy, client):
    assert ask(client) >= 0.2


def silent_and_then_all(proxy, client):
    client.send(b"ask")
    assert client.silent(0.2)
    proxy.set("dummy")
    assert client.read(len(ANSWER)) == ANSWER


def some_late(proxy, client):
    assert any(ask(client) >= 0.1 for _ in range(40))


def end_late(proxy, client):
    ask(client, b"bye")
    with Clock() as took:
        assert client.ends() == "fin"
    assert took.seconds >= 0.1                  # of 0.2: the answer itself took some of it


def first_response_late(proxy, client):
    with Clock() as took, proxy.client() as new:        # the time counts from the connect
        ask(new)
    assert took.seconds >= 0.2


def first_only_late(proxy, client):
    late(proxy, client)
    assert min(ask(client) for _ in range(5)) < 0.2


def end_instead(how):
    def see(proxy, client):
        client.send(b"ask")
        assert client.ends() == how
    return see


def idle_end(how):
    def see(proxy, client):
        assert client.ends() == how
    return see


def refused(proxy, client):
    with pytest.raises(ConnectionRefusedError):
        proxy.client()
    ask(client)


def blocked(proxy, client):
    client.send(b"ask")
    assert client.silent(0.2)
    client.sock.settimeout(0.5)
    with pytest.raises(socket.timeout):
        while True:
            client.sock.send(bytes(1 << 20))


def nothing(proxy, client):
    client.send(b"ask")
    assert client.silent(0.2) and unanswered(proxy)


def other_bits(proxy, client):
    client.send(b"ask")
    got = client.read(len(ANSWER))
    assert got != ANSWER and client.silent(0.1)


def no_response(proxy, client):
    client.send(b"ask")
    assert client.silent(0.2)
    proxy.set("dummy")
    ask(client)


def beginning(proxy, client):
    client.send(b"ask")
    data, how = client.rest()
    assert how == "fin" and 0 < len(data) < len(ANSWER) and ANSWER.startswith(data)


def exactly_10(proxy, client):
    client.send(b"ask")
    assert client.rest() == (ANSWER[:10], "fin")


def pieces(proxy, client):
    client.send(b"ask")
    assert len(client.sock.recv(1 << 16)) <= 10


def unchanged(proxy, client):
    ask(client)


def redis(end):
    """The key k has a value, others have none."""
    while True:
        words = [end.read(int(end.read_to(b"\r\n")[1:]) + 2)[:-2] for _ in range(int(end.read_to(b"\r\n")[1:]))]
        if words[0].upper() == b"GET":
            end.send(b"$1\r\nx\r\n" if words[1] == b"k" else b"$-1\r\n")
        else:
            end.send(b"+OK\r\n")


def get(client):
    client.send(b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n")
    return client.read_to(b"\r\n")


def errors(times):
    def see(proxy, client):
        for _ in range(times):
            assert re.match(rb"-[A-Z]+ ", get(client))
        if times > 1:
            assert get(client) == b"$1\r\n" and client.read(3) == b"x\r\n"
    return see


def a_miss(proxy, client):
    assert get(client) == b"$-1\r\n"


SEES = {        # behavior: what the page promises, options, how to see it (None: servers/test_tls_faults.py)
    "abort": ("no response, the connection closes (FIN)", {}, end_instead("fin")),
    "bandwidth": ("each response arrives slowly, at the given rate", {"rate": 2}, late),
    "blackout": ("the connection is reset (RST), even an idle one", {}, idle_end("rst")),
    "close": ("the connection closes (FIN), even an idle one", {}, idle_end("fin")),
    "cold_cache": ("each read finds nothing", {}, a_miss),
    "corrupt": ("the response has the right length and wrong bits", {"bits": 3}, other_bits),
    "delay": ("each response arrives late, by the given time", {"sleep": 0.2}, late),
    "drop": ("no response, the connection stays open", {}, no_response),
    "dummy": ("what the backend sends", {}, unchanged),
    "error": ("an error of the server, in its own format", {}, errors(1)),
    "hang": ("no response, the connection stays open; later all responses, in order", {}, silent_and_then_all),
    "latency": ("all bytes arrive late, by the given time", {"latency": 200}, late),
    "limit_data": ("the given number of bytes, then the connection closes (FIN)", {"bytes": 10}, exactly_10),
    "limit_time": ("the connection closes (FIN) after the given time", {"time": 100}, idle_end("fin")),
    "loss": ("some bytes arrive late, and none are missing", {"rate": 0.2, "rto": 100, "rto_max": 100}, some_late),
    "lost_reply": ("no response, the connection closes (FIN) once the backend has answered", {}, end_instead("fin")),
    "noop": ("what the backend sends", {}, unchanged),
    "packet_loss": ("bytes of a response are missing", {"loss_rate": 1}, no_response),
    "refuse": ("a connect is refused; open connections work", {}, refused),
    "reset": ("the connection is reset (RST)", {}, idle_end("rst")),
    "reset_peer": ("no response, the connection is reset (RST) after the given time", {"timeout": 100}, end_instead("rst")),
    "slicer": ("each response arrives in small pieces", {"average_size": 10, "delay": 20000}, pieces),
    "slow_close": ("all bytes at once, then the end of the stream (FIN) late", {"delay": 200}, end_late),
    "slow_connect": ("a connection at once, and the first response late", {"sleep": 0.2}, first_response_late),
    "slow_open": ("the first response arrives late, later ones do not", {"delay": 200}, first_only_late),
    "stall": ("no response; sending blocks once the buffers are full", {}, blocked),
    "timeout": ("no response, the connection closes (FIN) after the given time", {"timeout": 100}, end_instead("fin")),
    "tls_alert": ("the handshake fails with that alert", {}, None),
    "tls_alpn": ("the alert no_application_protocol; or no protocol, or a wrong one, is agreed on", {}, None),
    "tls_break": ("the connection is reset, or ends, before the handshake is done", {}, None),
    "tls_certificate": ("a client that verifies rejects the certificate, and does not connect", {}, None),
    "tls_cipher": ("the handshake fails with the alert handshake_failure", {}, None),
    "tls_client_cert": ("an alert; with TLS 1.3 at the first read, when the client believes that it is connected", {}, None),
    "tls_corrupt": ("the client rejects the record, or gets the alert with which it is rejected", {}, None),
    "tls_delay": ("a connect that takes longer, by the given time", {}, None),
    "tls_forget": ("full handshakes, which take longer than resumed ones", {}, None),
    "tls_plain": ("the handshake fails: what the client reads is no record of TLS", {}, None),
    "tls_refuse": ("a client that requires TLS fails; one that prefers it goes on in plain text", {}, None),
    "tls_stall": ("a connect that never ends, but for the client's own time-out", {}, None),
    "tls_truncate": ("an unexpected end of the stream; some clients take it for a clean one", {}, None),
    "tls_version": ("a client without that version gets the alert protocol_version", {}, None),
    "transient": ("the given number of errors, then responses", {"agitate": 2}, errors(2)),
    "truncate": ("the beginning of a response, then the connection closes (FIN)", {}, beginning),
    "vanish": ("a connect gets no answer, an open connection no response", {}, nothing),
    "waves": ("responses arrive late, by a time that rises and falls", {"low": 0.2, "high": 0.4}, late),
}
DATAGRAMS = {"duplicate": "the same datagram several times", "reorder": "datagrams arrive in another order"}     # test_udp.py
WORDED = {"cold_cache", "error", "transient"}


@pytest.mark.parametrize("name", sorted(name for name in SEES if SEES[name][2]))
def test_what_the_client_sees(name, start, backend):
    _, options, see = SEES[name]
    backend.serve(redis if name in WORDED else serve)
    proxy = start(*(["--protocol", "redis"] if name in WORDED else []), backend=backend)
    client = proxy.client()
    if name in WORDED:
        assert get(client) == b"$1\r\n" and client.read(3) == b"x\r\n"
    else:
        ask(client)
    proxy.set(name, **options)
    see(proxy, client)
    client.close()
