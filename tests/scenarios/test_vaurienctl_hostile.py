"""vaurienctl before a server that is not Vaurien, or means it ill: what it prints stays clean, what it reads is bounded."""
import json
import os
import pty
import resource
import socket
import subprocess
import threading

import pytest

from conftest import RUNTIME_ERROR, SAN, VAURIEN, patience

CTL = os.environ.get("VAURIENCTL_BIN") or os.path.join(os.path.dirname(VAURIEN), "vaurienctl")

EVIL = "\x1b]0;owned\x07\x1b[31mRED\u009b2J\x7f\u202e\x08\r\nBehavior changed\t"

# Each with what makes it ask for something.
ACTIONS = [
    ["list-behaviors"], ["set-behavior", "delay"], ["set-behavior"], ["get-behavior"], ["get-behavior", "--verbose"], ["get-backend"],
    ["set-backend", "h:1"], ["info"], ["rules"], ["failures"], ["failures", "db"], ["list"], ["inspect", "db"],
    ["create", "db", "--listen", ":1", "--upstream", ":2"], ["delete", "db"], ["enable", "db"], ["disable", "db"], ["toggle", "db"], ["reset"],
    ["populate", "-"], ["export"], ["toxic", "add", "db", "latency"], ["toxic", "update", "db", "x"], ["toxic", "remove", "db", "x"],
    ["watch"], ["connections"], ["connections", "db"], ["close", "db", "1"], ["help", "delay"],
]

TOXIC = {"name": EVIL, "type": EVIL, "stream": EVIL, "toxicity": 1, "attributes": {EVIL: EVIL}, "match": EVIL, EVIL: EVIL}
PROXY = {"name": EVIL, "listen": EVIL, "upstream": EVIL, "enabled": False, "protocol": EVIL, "toxics": [TOXIC]}
ROW = {"name": EVIL, "behavior": EVIL, "options": {EVIL: EVIL}, "protocol": EVIL, "text": EVIL, "client": EVIL, "state": EVIL,
       "held_by": {"rule": EVIL}, "asks": {"verb": EVIL}}
# In one object what any of Vaurien's answers has.
ALL = {"behaviors": [EVIL, EVIL], "behavior": EVIL, "options": {EVIL: EVIL}, "backend": EVIL, "rules": [ROW], "failures": [ROW], "connections": [ROW],
       "proxies": [PROXY, PROXY], "listen": EVIL, "upstream": EVIL, "toxics": [TOXIC], "name": EVIL, "type": EVIL, "stream": EVIL}


class Server:
    """Answers each request with what `answer(method, path)` returns: bytes, or pieces of them."""

    def __init__(self, answer):
        self.answer = answer
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                end = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(end,), daemon=True).start()

    def serve(self, end):
        with end:
            try:
                asked = end.recv(65536).decode().split(" ")
                answer = self.answer(asked[0], asked[1].split("?")[0])
                for piece in [answer] if isinstance(answer, bytes) else answer:
                    end.sendall(piece)
            except OSError:
                pass

    def close(self):
        self.listener.close()


@pytest.fixture
def server():
    made = []

    def make(answer):
        made.append(Server(answer))
        return made[-1]
    yield make
    for one in made:
        one.close()


def http(body, status="200 OK"):
    text = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (status.encode(), len(text)) + text


def small():
    if not SAN:                                 # which reserve more
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))


def ask(server, *words, terminal=False, **options):
    """(rc, stdout, stderr) in bytes; both streams are stdout's where they are a terminal."""
    words = [CTL, "--http-host", "127.0.0.1", "--http-port", str(server.port), *words]
    if not terminal:
        done = subprocess.run(words, input=b"[]", stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=patience(), **options)
        assert not RUNTIME_ERROR.search(done.stderr.decode("utf-8", "replace")), done.stderr
        return done.returncode, done.stdout, done.stderr
    master, slave = pty.openpty()
    env = dict({name: value for name, value in os.environ.items() if name != "NO_COLOR"}, TERM="xterm")     # its colours would be escapes, too
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=slave, stderr=slave, env=env) as process:
        os.close(slave)
        out = b""
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:
                break
            if not piece:
                break
            out += piece
    os.close(master)
    return process.returncode, out.replace(b"\r\n", b"\n"), b""


def clean(text):
    for char in text.decode():
        assert char in "\n\t" or char.isprintable(), (char, text)


def hostile(method, path):
    if path == "/events":
        event = json.dumps({"id": 1, "time": 1, "type": EVIL, "proxy": EVIL, EVIL: EVIL})
        raw = '{"id": 1, "time": 1e300, "type": "a\u009b\x7f", "proxy": "\u202e"}'
        return http(("id: 1\nevent: x\ndata: %s\n\ndata: %s\r\n\n" % (event, raw)).encode())
    if path == "/proxies" and method == "GET":
        return http({EVIL: PROXY, "db": PROXY})
    if method == "POST" and path == "/populate":
        return http(ALL, "201 Created")
    return http(ALL)


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize("flags", [[], ["--json"], ["--no-headings"]])
@pytest.mark.parametrize("words", ACTIONS, ids=" ".join)
def test_no_control_character_is_printed(server, words, flags, terminal):
    rc, out, err = ask(server(hostile), *words, *flags, terminal=terminal)
    clean(out)
    clean(err)
    assert rc in (0, 1, 2) and b"\nBehavior changed" not in out + err
    if "--json" in flags and not terminal and rc == 0 and words[0] != "help":
        for text in out.decode().splitlines() if words == ["watch"] else [out.decode()]:
            json.loads(text)


ERRORS = [
    {"error": EVIL, "status": 400}, {"message": EVIL, "code": EVIL, "title": EVIL},
    {"errors": [{"location": EVIL, "name": "name", "description": EVIL}]}, {"errors": [{"name": "proxy", "description": EVIL + "'" + EVIL + "'"}]},
    {"errors": [{"name": EVIL, "description": "x: expected one of " + EVIL + ", a, b"}]}, {"error": "x" * 1000000, "status": 400},
]


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "500 Oops"])
@pytest.mark.parametrize("body", ERRORS, ids=range(len(ERRORS)))
def test_no_control_character_of_an_error(server, body, status):
    one = server(lambda method, path: hostile(method, path) if path in ("/behaviors", "/info") else http(body, status))
    for words in (["set-behavior", "delay"], ["--proxy", "db", "rules"], ["toxic", "add", "db", "latency"], ["watch"], ["list"], ["info"]):
        rc, out, err = ask(one, *words)
        clean(err)
        assert len(err) < 20000
        if words != ["info"]:
            assert (rc, out) == (1, b"") and err.startswith(b"The request failed. ") and err.count(b"\n") == 1


WRONG = [None, 1, "text", [], [1], {}, {"a": 1}, {"a": [1]}, {key: 1 for key in ALL}, {key: {} for key in ALL}, {key: [1, None, "x"] for key in ALL},
         {key: [{}] for key in ALL}, {key: [{"name": 1, "toxics": 1, "held_by": 1, "request": {"held": 2 ** 63 - 1}, "response": {"held": 2 ** 63 - 1}}] for key in ALL},
         {"errors": 1}, {"errors": [1]}, {"errors": [{"description": 1}]}]


@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request"] if SAN else ["200 OK", "201 Created", "400 Bad Request", "404 Not Found"])
@pytest.mark.parametrize("body", WRONG, ids=range(len(WRONG)))
def test_wrong_types(server, body, status):
    one = server(lambda method, path: http(body, status))
    for words in ACTIONS:
        rc, out, err = ask(one, *words)
        assert rc in (0, 1, 2), (words, rc, err)
        clean(out)
        clean(err)
        if not status.startswith("2"):
            assert rc == 1 or words[0] == "help", words


@pytest.mark.parametrize("answer", [
    http(b"<html>not here", "404 Not Found"), http(b"<html>welcome"), http({"detail": "Not Found"}, "404 Not Found"), http([]),
    http({"timestamp": 1, "status": 404, "error": "Not Found", "path": "/x"}, "404 Not Found"), http(b"", "502 Bad Gateway"),
], ids=range(6))
def test_another_server(server, answer):
    one = server(lambda method, path: answer)
    for words in ACTIONS:
        if words[0] == "help":
            continue
        rc, out, err = ask(one, *words)
        where = b"http://127.0.0.1:%d is not Vaurien's API" % one.port
        assert (rc, out) == (1, b"") and where in err and err.count(b"\n") == 1, words


def endless(head, piece):
    def pieces():
        yield head
        while True:
            yield piece
    return lambda method, path: pieces()


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize("answer, said", [
    (endless(OK + b"\r\n[", b"0," * 50000), b"longer than 16 MiB"), (endless(OK + b"\r\n", b"\0" * 50000), b"longer than 16 MiB"),
    (endless(OK, b"X-Header: value\r\n" * 100), b"headers"), (endless(OK + b"X: ", b"x" * 50000), b"http"),
    (endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100), b"headers"), (endless(b"HTTP/1.1 404 No\r\n\r\n", b"x" * 50000), b"longer than 16 MiB"),
], ids=["body", "zeros", "headers", "header", "continue", "error"])
def test_an_answer_without_end(server, answer, said):
    one = server(answer)
    for words in (["info"], ["list"], ["set-behavior", "delay"], ["reset"], ["watch"], ["toxic", "add", "db", "x"]):
        rc, out, err = ask(one, *words, preexec_fn=small)
        clean(err)
        if words == ["watch"] and said == b"longer than 16 MiB":
            assert (rc, out) == (1, b"") and b"longer than" in err
        else:
            assert (rc, out) == (1, b"") and said in err, (words, err)


MANY = 100000 if SAN else 1000000              # sanitizers make it slow, not large


@pytest.mark.parametrize("text", [b"[" + b"[]," * 5 * MANY + b"[]]", b'{"proxies": [' + b"{}," * 5 * MANY + b"{}]}", b"[" * 16 * MANY,
                                  b'{"behaviors": ["' + b"x" * 16 * MANY + b'"]}', b'{"behaviors": [' + b'"",' * 4 * MANY + b'""]}',
                                  b'{"rules": [' + b"{}," * 99999 + b'{"name": "' + b"x" * 10 * MANY + b'"}]}'],
                         ids=["arrays", "objects", "depth", "a name", "names", "a cell"])
def test_an_answer_that_is_large(server, text):
    one = server(lambda method, path: http(text))
    for words in (["list"], ["rules"], ["list-behaviors"]):
        rc, out, err = ask(one, *words, preexec_fn=small)
        assert rc in (0, 1) and len(out) < 200 << 20, (words, rc, err[:300])


def test_a_stream_is_bounded_and_goes_on(server):
    event = b'data: {"id": 1, "time": 1, "type": "opened", "proxy": "db"}\n\n'
    event = event.replace(b'"db"', b'"%s"' % (b"x" * 10000))
    one = server(lambda method, path: [OK + b"\r\n"] + [event * 100] * 25)           # 25 MB of good events
    rc, out, err = ask(one, "watch")
    assert (rc, err, out.count(b"\n")) == (0, b"", 2500)
    one = server(endless(OK + b"\r\n" + event + b"data: ", b"x" * 50000))
    rc, out, err = ask(one, "watch", preexec_fn=small)
    assert rc == 1 and out.count(b"\n") == 1 and b"an event is longer than 1 MiB" in err


def test_what_cannot_be_written_is_no_success(server):
    one = server(hostile)
    with open("/dev/full", "wb") as full:
        done = subprocess.run([CTL, "--http-host", "127.0.0.1", "--http-port", str(one.port), "info"], stdout=full, stderr=subprocess.PIPE, timeout=patience())
    assert done.returncode == 1 and b"not all of the answer could be written" in done.stderr
