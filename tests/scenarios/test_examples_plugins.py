"""examples/plugins/: a behavior and a protocol, in C and in Lua. Both do the same, before a small queue of ours."""
import os

import pytest

from harness import ROOT, Clock, compiled

FOLDER = os.path.join(ROOT, "examples", "plugins")


@pytest.fixture(params=["c", "lua"])
def plugin(request, tmp_path):
    """plugin(name): the words that load that example."""
    def words(name):
        path = os.path.join(FOLDER, name + "." + request.param)
        if request.param == "c":
            with open(path) as text:
                path = compiled(tmp_path / (name + ".c"), text.read())
        return ["--plugin", path]
    return words


def queue(end):
    """A server of one tube: puts and reserves in order, and what it was asked in end.asked."""
    jobs, end.asked, n = [], [], 0
    while True:
        words = end.read_to(b"\r\n").split()
        end.asked.append(words[0])
        if words[0] == b"put":
            jobs.append(end.read(int(words[4]) + 2)[:-2])
            n += 1
            end.send(b"INSERTED %d\r\n" % n)
        elif words[0] == b"reserve" and jobs:
            end.send(b"RESERVED %d %d\r\n%s\r\n" % (n, len(jobs[0]), jobs.pop(0)))
        elif words[0] == b"reserve":
            end.send(b"TIMED_OUT\r\n")
        elif words[0] == b"delete":
            end.send(b"DELETED\r\n")
        else:
            end.send(b"UNKNOWN_COMMAND\r\n")


@pytest.fixture
def asked(backend):
    """What the server was asked, one list a connection."""
    seen = []

    def play(end):
        end.asked = None
        seen.append(end)
        queue(end)
    backend.serve(play)
    return lambda: [end.asked for end in seen]


def test_nobody_can_tell_which_is_which(run, tmp_path):
    def said(made):
        words = [word for name in ("flap", "beanstalk") for word in ("--plugin", made(name))]
        return [run(*words, question).stdout for question in ("--list", "--list=behaviors.md", "--list=protocols.md", "--help=all")]

    def in_c(name):
        with open(os.path.join(FOLDER, name + ".c")) as text:
            return compiled(tmp_path / (name + ".c"), text.read())
    lua = said(lambda name: os.path.join(FOLDER, name + ".lua"))
    assert lua == said(in_c)
    assert "beanstalkd's jobs in tubes" in lua[0] and "--behavior-flap-up SECONDS" in lua[3]


@pytest.mark.parametrize("page, name", [("writing-a-behavior.md", "flap.c"), ("writing-a-behavior.md", "flap.lua"),
                                        ("writing-a-protocol.md", "beanstalk.lua")])
def test_the_pages_show_them_as_they_are(page, name):
    with open(os.path.join(ROOT, "docs", page)) as text, open(os.path.join(FOLDER, name)) as example:
        assert "```%s\n%s```" % (name.rsplit(".")[-1], example.read()) in text.read()


def test_flap(vaurien, backend, plugin):
    proxy = vaurien(*plugin("flap"), backend=backend)
    client, server = proxy.meet(backend)
    proxy.set("flap", up=1000, down=1)
    client.send(b"one")
    assert server.read(3) == b"one"
    server.send(b"1")
    client.read(1)
    proxy.set("flap", up=0, down=1000)
    client.send(b"two")
    assert server.silent(0.2)
    proxy.set("flap", up=0, down=0.3)
    assert server.read(3) == b"two"


def test_jobs_pass(vaurien, backend, asked, plugin):
    client = vaurien(*plugin("beanstalk"), "--protocol", "beanstalk", backend=backend).client()
    for i in range(3):
        body = b"reserve\r\n" * (i * 10000)
        client.send(b"put 0 0 60 %d\r\n%s\r\nreserve\r\n" % (len(body), body))
        assert client.read_to(b"\r\n") == b"INSERTED %d\r\n" % (i + 1)
        assert client.read_to(b"\r\n") == b"RESERVED %d %d\r\n" % (i + 1, len(body))
        assert client.read(len(body) + 2) == body + b"\r\n"


def test_failures_in_its_words(vaurien, backend, asked, plugin):
    proxy = vaurien(*plugin("beanstalk"), "--protocol", "beanstalk", backend=backend)
    client = proxy.client()
    for failure, said in (("out_of_memory", b"OUT_OF_MEMORY\r\n"), ("draining", b"DRAINING\r\n"), ("too_big", b"JOB_TOO_BIG\r\n")):
        proxy.set("error", failure=failure)
        client.send(b"put 0 0 60 4\r\n\r\n\r\n\r\nreserve\r\n")
        assert client.read(len(said)) == said
        assert client.read_to(b"\r\n") == b"TIMED_OUT\r\n"      # what does not fit passes
    proxy.set("error", failure="not_found")
    client.send(b"delete 1\r\nbury 1 0\r\nput 0 0 60 3\r\ntea\r\n")
    assert client.read(34) == b"NOT_FOUND\r\nNOT_FOUND\r\nINSERTED 1\r\n"
    assert asked() == [[b"reserve"] * 3 + [b"put"]]


def test_aimed_at_one_command(vaurien, backend, asked, plugin):
    proxy = vaurien(*plugin("beanstalk"), "--protocol", "beanstalk", "--rule", "delay sleep=0.2 match='^RESERVE'",
                    "--rule", "error failure=deadline_soon match='^RESERVE$' skip=1", backend=backend)
    client = proxy.client()
    client.send(b"put 0 0 60 3\r\ntea\r\n")
    assert client.read_to(b"\r\n") == b"INSERTED 1\r\n"
    with Clock() as took:
        client.send(b"reserve\r\n")
        assert client.read(19) == b"RESERVED 1 3\r\ntea\r\n"
    assert took.seconds >= 0.2
    client.send(b"reserve\r\n")
    assert client.read_to(b"\r\n") == b"DEADLINE_SOON\r\n"


def test_named_in_the_file(start, backend, asked, tmp_path, run):
    config = tmp_path / "vaurien.ini"
    config.write_text("[vaurien]\nprotocol = beanstalk\nbehavior = flap\n[protocol:beanstalk]\nplugin = %s/beanstalk.lua\n"
                      "[behavior:flap]\nplugin = %s/flap.lua\nup = 1h\n" % (FOLDER, FOLDER))
    client = start("--config", config, backend=backend).client()
    client.send(b"put 0 0 60 3\r\ntea\r\nreserve\r\n")
    assert client.read(31) == b"INSERTED 1\r\nRESERVED 1 3\r\ntea\r\n"
    wrong = config.with_name("wrong.ini")
    wrong.write_text(config.read_text().replace("protocol:beanstalk", "protocol:flap"))
    done = run("--config", wrong)
    assert done.returncode == 1 and "wrong.ini:5: plugin %s/beanstalk.lua: expected a protocol 'flap' in it, found none" % FOLDER in done.stderr
