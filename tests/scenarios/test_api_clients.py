"""The control API's clients: the slow, the endless and the silent keep nobody waiting, and a token keeps out who has none."""
import json
import signal
import socket
import threading

import pytest

from conftest import Clock, dial, http_ask, patience, until


@pytest.mark.parametrize("path, clean", [
    ("//behavior", "/behavior"), ("/a/../behavior", "/behavior"), ("/./behavior", "/behavior"), ("/a/..", "/"), ("//a/b//", "/a/b/"),
])
def test_a_path_that_is_not_clean_is_told_its_own(start, path, clean):
    status, headers, text = http_ask(start(), "GET", path)
    assert (status, headers["Location"], text) == (301, clean, "")


def test_names_in_a_path_are_decoded(start):
    proxy = start("--proxy-name", "a+b")
    for name in ("a+b", "a%2Bb", "%61%2bb"):
        assert http_ask(proxy, "GET", "/%s/behavior" % name)[0] == 200
    assert http_ask(proxy, "GET", "/%62ehavior")[0] == 200
    assert http_ask(proxy, "GET", "/a%2Fb/behavior")[0] == 404
    assert json.loads(http_ask(proxy, "PUT", "/a%2Fb/rules/x")[2])["errors"] == [
        {"location": "url", "name": "proxy", "description": "there is no proxy 'a/b'"}]
    assert http_ask(proxy, "GET", "/a%/behavior")[0] == 404


def test_only_who_shows_the_token_is_answered(start):
    proxy = start("--http-token", "s3cret")
    for shown in (None, "Bearer", "Bearer ", "Bearer s3cre", "Bearer s3cret2", "Basic s3cret", "s3cret", "Bearer s3crets3cret"):
        status, headers, text = http_ask(proxy, "GET", "/behavior", headers={"Authorization": shown} if shown else {})
        assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")
        assert json.loads(text)["errors"][0]["name"] == "Authorization"
    assert http_ask(proxy, "PUT", "/behavior", body='{"name": "hang"}')[0] == 401
    status, _, text = http_ask(proxy, "GET", "/behavior", headers={"Authorization": "Bearer s3cret"})
    assert (status, text) == (200, '{"behavior": "dummy"}')
    assert "s3cret" not in proxy.log()


# ---- none keeps others waiting ----

def test_clients_that_say_nothing_make_room(start):
    proxy = start()
    silent = [dial(proxy.http) for _ in range(300)]
    with Clock() as took:
        for _ in range(5):
            assert proxy.api("GET", "/behavior")[0] == 200
    assert took.seconds < patience(5)
    assert silent[0].ends() == "fin"                    # those that waited longest went
    assert silent[-1].send(b"GET /behavior HTTP/1.0\r\n\r\n").rest()[0].startswith(b"HTTP/1.1 200")
    for end in silent:
        end.close()


def test_clients_that_never_finish_make_room(start):
    proxy = start()
    half = [dial(proxy.http).send(b"PUT /behavior HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{") for _ in range(150)]
    half += [dial(proxy.http).send(b"GET /beh") for _ in range(150)]
    assert proxy.api("GET", "/behavior")[0] == 200
    assert half[-1].send(b"avior HTTP/1.0\r\n\r\n").rest()[0].startswith(b"HTTP/1.1 200")
    for end in half:
        end.close()


def test_a_body_without_end_is_cut_off(start):
    proxy = start()
    endless = dial(proxy.http).send(b"PUT /behavior HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
    sent = 0

    def pour():
        nonlocal sent
        try:
            while True:
                endless.send(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                sent += 65536
        except OSError:
            pass

    pouring = threading.Thread(target=pour, daemon=True)
    pouring.start()
    while pouring.is_alive():
        assert proxy.api("GET", "/behavior")[0] == 200
    assert sent < 64 << 20
    assert proxy.memory() < 400 << 20


def test_answers_that_nobody_reads_hold_up_nobody(start):
    proxy = start()
    deaf = socket.create_connection(("127.0.0.1", proxy.http))
    deaf.setblocking(False)
    try:
        while True:
            deaf.send(b"GET /behaviors HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100)
    except BlockingIOError:
        pass
    with Clock() as took:
        assert proxy.api("GET", "/behavior")[0] == 200
    assert took.seconds < patience(5)
    before = proxy.descriptors()
    deaf.close()
    until(lambda: proxy.descriptors() < before, what="its descriptor to be closed")


def test_streams_that_nobody_reads_make_room(start):
    proxy = start()
    streams = []
    for _ in range(300):
        streams.append(dial(proxy.http).send(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        assert streams[-1].read(12) == b"HTTP/1.1 200"
    with Clock() as took:
        for _ in range(5):
            assert proxy.api("GET", "/behavior")[0] == 200
    assert took.seconds < patience(5)
    before = proxy.descriptors()
    for end in streams:
        end.close()
    until(lambda: proxy.descriptors() <= before - 200, what="their descriptors to be closed")


def test_who_has_asked_is_answered_however_many_there_are(start):
    """A request that came while the program looked elsewhere is not taken for silence: a stream goes in its place."""
    proxy = start()
    streams = [dial(proxy.http).send(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n") for _ in range(256)]
    for end in streams:
        assert end.read(12) == b"HTTP/1.1 200"
    proxy.process.send_signal(signal.SIGSTOP)
    asking = [dial(proxy.http).send(b"GET /backend HTTP/1.0\r\n\r\n") for _ in range(20)]
    proxy.process.send_signal(signal.SIGCONT)
    for end in asking:
        assert end.rest()[0].startswith(b"HTTP/1.1 200")
    for end in streams + asking:
        end.close()


# ---- HTTP's ways of asking ----

def talk(proxy, *pieces):
    with dial(proxy.http) as end:
        for piece in pieces:
            end.send(piece)
        return end.finish().rest()[0]


def test_ways_of_asking(start):
    proxy = start()
    pieces = [b'{"name":"a', b'","listen":"[::1]:0","upstream":"x', b'"}', b""]
    chunked = [b"POST /proxies HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"]
    chunked += [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces]
    answer = talk(proxy, *chunked)
    assert b" 201 " in answer and b'"name":"a"' in answer
    body = b'{"enabled":false}'
    waits = dial(proxy.http).send(b"POST /proxies/a HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
    assert waits.read_to(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert waits.send(body).read(12) == b"HTTP/1.1 200"
    assert b" 200 " in talk(proxy, b"GET http://localhost:%d/proxies/a?x=y HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % proxy.http)
    assert b" 200 " in talk(proxy, b"GET /version HTTP/1.0\r\n\r\n")
    assert b" 400 " in talk(proxy, b"GET /version HTTP/1.1\r\nConnection: close\r\n\r\n")
    pipelined = talk(proxy, b"GET /proxies HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20)
    assert pipelined.count(b"HTTP/1.1 200") == 20
    waits.close()
