"""memcached and its real clients through vaurien: invisible as dummy, and each fault as the application sees it."""
import atexit
import functools
import os
import re
import shutil
import subprocess
import tempfile

import pytest

from conftest import need
from harness import SAN, dial, need_module, patience
from server_memcache import cache, locked, memcached    # noqa: F401: fixtures

pymemcache = need_module("pymemcache")
from pymemcache.client.base import Client               # noqa: E402
from pymemcache import exceptions                       # noqa: E402


@pytest.fixture
def proxy(start, cache):
    cache.ask(b"flush_all\r\n", b"OK\r\n")
    return start("--protocol", "memcache", backend=cache)


@pytest.fixture
def proxies(vaurien, cache):
    """The same twice: the second one reads byte by byte."""
    cache.ask(b"flush_all\r\n", b"OK\r\n")
    return vaurien("--protocol", "memcache", backend=cache)


@pytest.fixture
def connect():
    """connect(server or proxy, **options): a pymemcache client; closed at the end."""
    opened = []

    def to(end, **options):
        opened.append(Client(("127.0.0.1", end.port), **dict({"timeout": patience(), "connect_timeout": patience()}, **options)))
        return opened[-1]
    yield to
    for client in opened:
        client.close()


@pytest.fixture
def raw():
    opened = []

    def to(end):
        opened.append(dial(end.port))
        return opened[-1]
    yield to
    for one in opened:
        one.close()


def told(call, *words, **options):
    """What a call returns, or raises."""
    try:
        return call(*words, **options)
    except (exceptions.MemcacheError, OSError) as error:
        return type(error).__name__, str(error)


# ---- (a) dummy: nothing to see ----

def workload(client, big, huge, many=300):
    """All that pymemcache can say, with noreply as it comes and without; what it answered."""
    c, answers = client, []

    def say(name, *words, **options):
        answers.append((name, told(getattr(c, name), *words, **options)))

    say("flush_all")
    say("set", "a", "1")
    say("get", "a")
    say("get", "nothing")
    say("add", "a", "2", noreply=False)
    say("add", "b", b"\r\nEND\r\nVALUE a 0 1\r\n\0\xff", noreply=False)
    say("get", "b")
    say("set", "empty", "")
    say("get", "empty")
    say("get_many", ["a", "b", "empty", "nothing"])
    say("gets", "a")
    say("cas", "a", "3", "99999", noreply=False)
    say("cas", "a", "4", c.gets("a")[1], noreply=False)
    say("cas", "nothing", "4", "1", noreply=False)
    say("replace", "a", "10", noreply=False)
    say("replace", "nothing", "10", noreply=False)
    say("append", "a", "0", noreply=False)
    say("prepend", "a", "1")
    say("get", "a")
    say("incr", "a", 5)
    say("decr", "a", 7)
    say("incr", "nothing", 1)
    say("incr", "b", 1)
    say("touch", "a", 100, noreply=False)
    say("touch", "nothing", 100, noreply=False)
    say("delete", "b", noreply=False)
    say("delete", "b", noreply=False)
    say("delete", "b")
    say("set_many", {"k%d" % i: "v" * i for i in range(many)})
    say("set_many", {"k%d" % i: "w" * i for i in range(many)}, noreply=False)
    say("get_many", ["k%d" % i for i in range(many)])
    say("delete_many", ["k%d" % i for i in range(100)], noreply=False)
    say("gets_many", ["k%d" % i for i in range(90, 110)])
    say("set", "k" * 250, "long")
    say("get", "k" * 250)
    say("version")
    say("cache_memlimit", 64)
    answers.append(sorted(c.stats("settings")))
    answers.append(len(c.stats("items")) > 0)
    body = os.urandom(big)
    say("set", "big", body, noreply=False)
    answers[-1] = c.get("big") == body
    say("set", "huge", b"v" * huge, noreply=False)
    say("get", "a")
    say("set", "huge", b"v" * huge)
    say("get", "a")
    say("quit")
    return answers


def without_cas(answers):
    """CAS numbers count up."""
    return re.sub(r"\(b'([^']*)', b'\d+'\)", r"\1", repr(answers))


def test_a_mixed_workload_through_dummy_is_as_direct(memcached, vaurien, connect, bufsize):
    server = memcached("-I", "512k" if bufsize else "1m")
    proxy = vaurien("--protocol", "memcache", backend=server)
    big, huge = (64 << 10, 520 << 10) if bufsize else (64 << 10 if SAN else 1000 << 10, 2 << 20)
    through = workload(connect(proxy), big, huge)
    server.ask(b"flush_all\r\n", b"OK\r\n")
    assert without_cas(through) == without_cas(workload(connect(server), big, huge))
    assert ("set", ("MemcacheServerError", "b'object too large for cache'")) in through
    assert "raw" not in proxy.log()


# Line by line, as a hand would say it; those that nothing answers are followed by one that is.
CONVERSATIONS = [
    b"set a 0 0 1\r\nx\r\nget a b\r\ngets a\r\ngat 0 a\r\ngats 0 a b\r\ntouch a 0\r\ndelete a 0\r\n",
    b"set a\r\nset a b c d\r\nx\r\nset a 0 0 -1\r\nset a 0 0 1 foo\r\nx\r\nset a 0 0 1 noreply foo\r\nx\r\nSET a 0 0 1\r\n",
    b"set a 0 0 1\r\nx\r\ncas a 0 0 1 x\r\nx\r\ncas a 0 0 1 noreply\r\nx\r\ncas a 0 0 1 18446744073709551615\r\nx\r\nset a 9223372036854775808 0 1\r\nx\r\n"
    b"set a 0 9223372036854775808 1\r\nx\r\nset a 18446744073709551616 0 1\r\nx\r\n",
    b"set a 0 0 -1 noreply\r\nx\r\nset a x 0 1 noreply\r\nx\r\nset a 0 0 1x\r\nset a 0 0 +1\r\nx\r\nset  a 0 0 01 \r\nx\r\n",
    b"set a 0 0 1\r\nxyz\r\nset a 0 0 1 noreply\r\nxyz\r\nset a 0 0 3\r\nx\r\nget a\r\nversion\r\n",
    b"get a " + b"k" * 251 + b" b\r\nset " + b"k" * 251 + b" 0 0 1\r\nx\r\nmg " + b"k" * 251 + b" q\r\nget\r\n\r\n\n  \r\nx\r\n",
    b"set a 0 0 2000000\r\n" + b"x" * 2000000 + b"\r\nset a 0 0 2000000 noreply\r\n" + b"x" * 2000000 + b"\r\nget a\r\n",
    b"ms a 2000000 q k\r\n" + b"x" * 2000000 + b"\r\nmn\r\nms a 1 !\r\nx\r\nms a x\r\ny\r\nms a 1 O" + b"o" * 40 + b"\r\nx\r\nms a 1\r\nxyz\r\n",
    b"incr n 1\r\nset n 0 0 1\r\n5\r\nincr n 3\r\ndecr n 100\r\nincr n x\r\nincr n 1 noreply\r\nincr n\r\nincr a 1 2 noreply\r\nget n\r\n",
    b"delete n noreply\r\ndelete n 1\r\ndelete n 1 noreply\r\ndelete noreply\r\ndelete\r\ntouch n x\r\ntouch n noreply\r\n",
    b"stats reset\r\nstats detail on\r\nget user:1\r\nstats detail dump\r\nstats detail off\r\nstats detail\r\nstats cachedump 1 0\r\n"
    b"stats cachedump\r\nstats nosuch\r\nstats sizes\r\nstats sizes_enable\r\nstats sizes_disable\r\n",
    b"verbosity 0\r\nverbosity\r\nverbosity noreply\r\ncache_memlimit 64\r\ncache_memlimit 64 noreply\r\nflush_all\r\nflush_all 0 noreply\r\n"
    b"flush_all x noreply\r\nflush_all 0 0 noreply\r\nslabs reassign 1 2 noreply\r\nslabs automove 0 noreply\r\nslabs automove 0\r\n"
    b"lru mode flat noreply\r\nlru mode segmented\r\nlru\r\nlru_crawler enable\r\nlru_crawler crawl 99\r\nshutdown\r\nversion noreply\r\n",
    b"ms a 2\r\nhi\r\nmg a\r\nmg a v k f s Oabc\r\nmg b k O1\r\nms YWI= 1 b k c\r\nx\r\nmg YWI= b k v\r\nmg YWI b k\r\nme b\r\nmn\r\nmx\r\n",
    b"ms a 1 q\r\n1\r\nms a 1 q ME k\r\n2\r\nmg a q v\r\nmg b q v\r\nmg a q v k\r\nmd b q\r\nmd a q\r\nma a q\r\nma a N0 J5 v q\r\nma a v Ox\r\nmn\r\n",
    b"ms a 1 q\r\n1\r\nget a\r\nmg b q\r\nset c 0 0 1\r\nx\r\nmg c q k\r\nmg d k\r\nms d 1 q\r\nx\r\nms e 1\r\nx\r\nmd f q O1\r\nmd f\r\n",
    b"get " + b"key " * 5000 + b"\r\ngets " + b"key " * 20 + b"\r\n",
]


def converse(end, words):
    """Everything that is said to this, all at once."""
    return end.send(words + b"mg last k\r\n").read_to(b"EN klast\r\n")


@pytest.mark.parametrize("words", CONVERSATIONS, ids=range(len(CONVERSATIONS)))
def test_conversations_by_hand_are_as_direct(memcached, vaurien, raw, words, bufsize):
    if bufsize and len(words) > 100000:
        pytest.skip("too long for one byte after the other")
    one, other = memcached(), memcached()
    proxy = vaurien("--protocol", "memcache", "--rule", "delay sleep=0 match=. name=all", backend=other)
    through = raw(proxy)
    assert converse(through, words) == converse(raw(one), words)
    assert "raw" not in proxy.log()
    proxy.set("error", failure="gone")          # it strikes who rests: nothing is owed any more
    assert through.ends() == "fin"
    assert one.ask(b"get a b n YWI=\r\n") == other.ask(b"get a b n YWI=\r\n")


def test_metadump_and_conns(proxies, raw):
    one = raw(proxies)
    one.send(b"set n 0 0 1\r\nx\r\n").read_to(b"STORED\r\n")
    assert one.send(b"lru_crawler metadump all\r\n").read_to(b"END\r\n").startswith(b"key=n ")
    assert b"STAT" in one.send(b"stats conns\r\n").read_to(b"END\r\n")
    one.send(b"version\r\n").read_to(b"\r\n")
    assert "raw" not in proxies.log()


def test_watching_is_raw_and_that_is_said(proxies, cache, raw):
    one = raw(proxies)
    one.send(b"watch mutations\r\n").read_to(b"OK\r\n")
    cache.ask(b"set seen 0 0 1\r\nx\r\n", b"STORED\r\n")
    one.read_to(b"key=seen ")
    proxies.logged("raw .*watch")


def test_a_login_in_text(locked, vaurien, raw):
    proxy = vaurien("--protocol", "memcache", backend=locked)
    one = raw(proxy)
    assert one.send(b"get a\r\n").read_to(b"\r\n") == b"CLIENT_ERROR unauthenticated\r\n"
    assert one.send(b"set a 0 0 9\r\napp wrong\r\n").read_to(b"\r\n") == b"CLIENT_ERROR authentication failure\r\n"
    assert one.send(b"set a 0 0 10\r\napp secret\r\nget a\r\n").read_to(b"END\r\n") == b"STORED\r\nEND\r\n"
    assert one.send(b"set a 0 0 1\r\nx\r\nget a\r\n").read_to(b"END\r\n") == b"STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n"
    assert "secret" not in proxy.log() and "raw" not in proxy.log()


# ---- libmemcached's tools, in text and in binary ----

@functools.lru_cache(maxsize=None)
def patient():
    """The library that lets a tool wait longer than its five seconds."""
    made = os.path.join(tempfile.mkdtemp(prefix="vaurien-"), "patient.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", made, os.path.join(os.path.dirname(__file__), "patient.c")], check=True)
    atexit.register(shutil.rmtree, os.path.dirname(made), True)
    return made


def tool(port, name, *words):
    return subprocess.run([need(name), "--servers=127.0.0.1:%d" % port, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=patience(120),
                          env=dict(os.environ, LD_PRELOAD=patient(), POLL_AT_LEAST=str(1000 * patience(60))))


@pytest.mark.parametrize("binary", [[], ["--binary"]], ids=["text", "binary"])
def test_the_tools_of_libmemcached(cache, proxies, tmp_path, binary):
    def run_all(port):
        seen = []
        for name, *words in [["memcflush"], ["memccp", str(small), str(large)], ["memccat", "small"], ["memccat", "large", "small"],
                             ["memccat", "nothing"], ["memcexist", "small"], ["memcexist", "nothing"], ["memctouch", "small"],
                             ["memcrm", "small"], ["memcrm", "small"], ["memccat", "small"], ["memcping"]]:
            done = tool(port, name, *words, *(binary if name not in ("memcping",) else []))
            seen.append((name, done.returncode, done.stdout.replace(b":%d" % port, b":PORT")))
        return seen
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"END\r\n")
    large.write_bytes(b"0123456789" * 50000)
    seen = run_all(proxies.port)
    assert seen == run_all(cache.port)
    assert seen[2] == ("memccat", 0, b"END\r\n\n") and len(seen[3][2]) > 500000
    assert b"127.0.0.1" in tool(proxies.port, "memcstat", *binary).stdout or binary
    assert "raw" not in proxies.log()


@pytest.mark.parametrize("which", ["-a", "-b"], ids=["text", "binary"])
def test_libmemcached_finds_the_server_capable(proxies, which):
    done = subprocess.run([need("memccapable"), "-h", "127.0.0.1", "-p", str(proxies.port), "-t", str(patience(60)), which],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, timeout=patience(240))
    assert done.returncode == 0 and done.stdout.count("[pass]") == 27, done.stdout
    assert "raw" not in proxies.log()


def test_values_of_any_size_flow(memcached, start, connect):
    proxy = start("--protocol", "memcache", backend=memcached("-I", "64m", "-m", "512"))
    application, value = connect(proxy), os.urandom(1 << 20) * 40
    before = proxy.memory()
    assert application.set("big", value, noreply=False) and application.get("big") == value
    application.set("big", value[1:])
    assert application.get_many(["big", "other", "big"]) == {"big": value[1:]}
    assert proxy.memory() - before < 30 << 20 or SAN
    assert "raw" not in proxy.log()


@pytest.mark.parametrize("binary", [[], ["--binary"]], ids=["text", "binary"])
def test_what_the_server_counts(memcached, start, binary):
    server = memcached()
    proxy = start("--protocol", "memcache", *["--rule=delay sleep=0 match='^%s ' name=%s" % (verb, verb.lower()) for verb in ("GET", "SET")],
                  backend=server)
    requests = "200" if SAN else "2000"
    done = tool(proxy.port, "memcslap", "--execute-number=" + requests, "--concurrency=4", "--initial-load=100", "--test=get", *binary)
    assert done.returncode == 0, done.stdout
    done = tool(proxy.port, "memcslap", "--execute-number=" + requests, "--concurrency=4", "--test=set", *binary)
    assert done.returncode == 0, done.stdout
    seen = {rule["name"]: rule["seen"] for rule in proxy.api("GET", "/rules")[1]["rules"]}
    counts = server.stats()
    assert seen == {"get": counts["cmd_get"], "set": counts["cmd_set"]}
    assert seen["set"] >= 4 * int(requests)
    assert "raw" not in proxy.log()
