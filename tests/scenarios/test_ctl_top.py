"""vaurienctl top in a real terminal: tmux is the terminal, its screen is what a person sees."""
import os
import re
import shlex
import subprocess

import pytest

from conftest import VAURIEN, Backend, dial, free_port, need, patience, until

CTL = os.path.join(os.path.dirname(VAURIEN), "vaurienctl")


class Terminal:
    """A program in a terminal of its own, of `columns` by `lines`."""

    def __init__(self, folder, words, columns=80, lines=24, **env):
        self.tmux = [need("tmux"), "-u", "-S", str(folder / "tmux"), "-f", "/dev/null"]
        self.rc = folder / "rc"
        line = "%s; echo $? >%s" % (" ".join(shlex.quote(str(word)) for word in words), shlex.quote(str(self.rc)))
        env = dict({name: value for name, value in os.environ.items() if name not in ("TMUX", "NO_COLOR")}, LC_ALL="C.UTF-8",
                   TERM="xterm-256color", **env)
        subprocess.run(self.tmux + ["new-session", "-d", "-x", str(columns), "-y", str(lines), line], check=True, env=env)

    def ask(self, *words):
        return subprocess.run(self.tmux + list(words), check=True, stdout=subprocess.PIPE, universal_newlines=True).stdout

    def press(self, *keys):
        self.ask("send-keys", *keys)

    def type(self, text, *keys):
        self.ask("send-keys", "-l", text)
        self.press(*keys)

    def screen(self, *how):
        return self.ask("capture-pane", "-p", *how)

    def shows(self, pattern):
        """The match, as soon as the screen has it."""
        return until(lambda: re.search(pattern, self.screen(), re.M), what=lambda: "%r on the screen:\n%s" % (pattern, self.screen()))

    def left(self):
        """The exit code, when it has left."""
        until(lambda: self.rc.exists() and self.rc.read_text())
        return int(self.rc.read_text())

    def close(self):
        subprocess.run(self.tmux + ["kill-server"], stderr=subprocess.DEVNULL)


@pytest.fixture
def redis(start, backend):
    def answer(end):
        while True:
            end.read_to(b"\n")
            end.send(b"+OK\r\n")
    backend.serve(answer)
    return start("--protocol", "redis", "--proxy-name", "db", "--add", "cache=127.0.0.1:%d=%s" % (free_port(), backend.address),
                 "--rule", "latency latency=1ms name=far", backend=backend)


@pytest.fixture
def top(redis, tmp_path):
    made = []

    def open_one(*words, proxy=redis, **options):
        words = [CTL, "--http-host", "127.0.0.1", "--http-port", proxy.http, *words, "top", "--interval", "200ms"]
        made.append(Terminal(tmp_path, words, **options))
        return made[-1]
    yield open_one
    for one in made:
        one.close()


def rules(proxy, name="db"):
    return {rule["name"]: rule["as_rule"] for rule in proxy.api("GET", "/%s/rules" % name)[1]["rules"]}


def test_layout(top, redis):
    """80 by 24: a head, the proxies, the rules of the chosen one, a message, the keys."""
    client = redis.client()
    client.send(b"GET a\r\n").read(5)
    screen = top()
    screen.shows(r"^db ")
    screen.press("j")
    screen.shows(r"^far +1 +1 +0 latency latency=1ms$")
    lines = screen.screen().split("\n")[:24]
    assert len(lines) == 24 and max(map(len, lines)) <= 80
    assert re.match(r"vaurien \d+\.\d+\.\d+: 2 proxies, 1 client, ", lines[0])
    assert lines[1].split() == ["proxy", "protocol", "state", "clients", "exch/s", "hits/s", "p50", "p99", "held", "in/s", "out/s"]
    assert [line.split()[:4] for line in lines[2:4]] == [["cache", "tcp", "up", "0"], ["db", "redis", "up", "1"]]
    assert lines[1].index("state") == lines[2].index("up") and lines[1].index("clients") + 6 == lines[2].index("0")
    assert lines[5].startswith("rules of db: 127.0.0.1:%d -> " % redis.port)
    assert lines[6].split() == ["rule", "seen", "hits", "unreachable", "behavior", "and", "conditions"]
    assert lines[22] == "" and lines[23].startswith("a add  e edit") and lines[23].endswith("? q")


def test_sizes(top):
    screen = top()
    screen.shows(r"^db ")
    screen.press("j")
    screen.shows(r"^far")
    screen.ask("resize-window", "-x", "140", "-y", "40")
    screen.shows(r"out/s faults$")
    assert re.search(r"^db .* latency latency=1ms name=far$", screen.screen(), re.M)
    assert screen.screen().split("\n")[39].startswith("a add")
    screen.ask("resize-window", "-x", "30", "-y", "10")
    screen.shows(r"\A.*\n.*\n.*\n.*\n.*\n.*\n.*\n.*\n.*\na add  e edit")
    screen.ask("resize-window", "-x", "12", "-y", "4")
    screen.shows("too small")
    screen.ask("resize-window", "-x", "80", "-y", "24")
    screen.shows(r"^far ")
    screen.press("q")
    assert screen.left() == 0


def test_rates_and_times(top, redis):
    """What the last interval brought, of a client that asks all the time."""
    redis.api("POST", "/db/rules", {"behavior": "delay", "sleep": "20ms", "match": "^GET", "name": "slow"})
    screen = top()
    client = redis.client()

    def told():
        client.send(b"GET a\r\n").read(5)
        row = re.search(r"^db +redis +up +1 +(\d\S*) +(\d\S*) +(\d+)ms +(\d+)ms ", screen.screen(), re.M)
        return row and float(row.group(1)) > 0 and float(row.group(2)) > float(row.group(1)) and row
    row = until(told)
    assert 20 <= int(row.group(4)) and int(row.group(3)) <= int(row.group(4))
    until(lambda: re.search(r"^db .* -  +- ", screen.screen(), re.M))       # nobody asks any more


def test_rules_come_change_and_go(top, redis):
    screen = top()
    screen.shows(r"^db ")
    screen.press("j", "a")
    screen.shows(r"^add a rule:")
    screen.type("dely", "BSpace", "BSpace")
    screen.type('lay sleep=300ms match="^GET" name=slow', "Enter")
    screen.shows(r"^Added rule 'slow' on proxy \"db\": delay sleep=300ms match=\^GET name=slow$")
    assert rules(redis)["slow"] == "delay sleep=300ms match=^GET name=slow"
    screen.press("Tab", "j", "e")
    screen.shows(r"^change to: sleep=300ms match=\^GET")
    screen.press("C-u")
    screen.type("sleep=1ms times=2", "Enter")
    screen.shows(r"^slow +0 +0 +0 delay sleep=1ms match=\^GET times=2$")
    assert rules(redis)["slow"] == "delay sleep=1ms match=^GET times=2 name=slow"
    screen.press("d", "n")
    screen.press("d")
    screen.shows(r"^remove this rule\? \(y/n\)")
    assert "slow" in rules(redis)
    screen.press("y")
    until(lambda: "slow" not in rules(redis))
    screen.press("b")
    screen.shows(r"^set-behavior: dummy")
    screen.press("C-u")
    screen.type("delay sleep=5ms", "Enter")
    until(lambda: rules(redis).get("behavior") == "delay sleep=5ms")
    screen.shows(r"^behavior +0 +0 +0 delay sleep=5ms$")
    screen.press("Home", "t")
    screen.shows(r"^Changed rule ")
    until(lambda: [words for words in rules(redis).values() if "enabled=false" in words])
    screen.press("C", "y")
    screen.shows(r"^All calm: 1 rule was switched off$")
    assert all("enabled=false" in words for words in rules(redis).values())


def test_a_mistake_is_told_and_changes_nothing(top, redis):
    before = rules(redis)
    screen = top()
    screen.shows(r"^db ")
    for typed, said in (("dely", r"did you mean\s+'delay'"), ("delay slep=1", r"did you mean\s+'sleep'"), ("delay x", "expected OPTION=VALUE, got 'x'")):
        screen.press("a")
        screen.type(typed, "Enter")
        screen.shows(said)
    screen.press("a")
    screen.type("delay", "Escape")
    screen.press("x")
    screen.shows("no connection is chosen")
    assert rules(redis) == before and rules(redis, "cache") == {}


def test_connections_are_ended(top, redis):
    clients = [redis.client() for _ in range(3)]
    for client in clients:
        client.send(b"GET a\r\n").read(5)
    screen = top()
    screen.shows(r"^db .* 3 ")
    screen.press("j", "c", "Tab")
    screen.shows(r"^ +2 127\.0\.0\.1:%d +open " % clients[1].local[1])
    screen.press("j", "X")
    assert clients[1].ends() == "rst"
    screen.shows(r"^Reset connection 2 of proxy db$")
    until(lambda: clients[1].local[1] and not re.search(r"^ +2 127", screen.screen(), re.M))
    screen.press("x")
    screen.shows(r"^Closed connection 3 of proxy db$")
    assert clients[2].ends() == "fin"
    screen.press("D")
    assert clients[0].ends() == "rst"
    screen.shows(r"^db +redis +down ")
    with pytest.raises(ConnectionRefusedError):
        redis.client()
    screen.press("D")
    screen.shows(r"^db +redis +up ")


def test_filter_and_sort(top, redis):
    screen = top()
    screen.shows(r"^cache .*\ndb ")
    screen.press("r")
    screen.shows(r"^db .*\ncache ")
    screen.press("r", "s")                      # by protocol
    screen.shows(r"^db .*\ncache ")
    screen.press("s", "s")                      # by clients, the most first
    client = dial(redis.port)
    screen.shows(r"^db .* 1 .*\ncache ")
    client.close()
    screen.press("/")
    screen.type("CACH", "Enter")
    until(lambda: not re.search(r"^db ", screen.screen(), re.M))
    screen.shows("^vaurien .*filter: CACH")
    screen.press("Escape")
    screen.shows(r"^db ")
    screen.press("?")
    screen.shows("all calm: switch off all rules")
    screen.press("x", "p")
    screen.shows("paused")


def test_it_goes_on_when_vaurien_is_back(top, redis, start, backend, tmp_path):
    screen = top()
    screen.shows(r"^db ")
    redis.stop()
    screen.shows(r"^no answer from http://127\.0\.0\.1:%d/info: " % redis.http)
    assert "\ndb " in screen.screen()           # what was known stays in sight
    start("--http", "--http-host", "127.0.0.1", "--http-port", redis.http, "--proxy-name", "other", http=False, backend=backend)
    screen.shows(r"^other ")
    assert "no answer" not in screen.screen()
    screen.press("C-c")
    assert screen.left() == 0


def test_colours(top, redis):
    screen = top()
    screen.shows(r"^db ")
    assert "\x1b[32m" in screen.screen("-e")    # up
    screen.close()


def test_no_colours(top):
    screen = top(NO_COLOR="1")
    screen.shows(r"^db ")
    assert not re.search("\x1b\\[3[0-7]m", screen.screen("-e"))


@pytest.mark.parametrize("name", ["\x1b]0;title\x07x", "a\u202eb", "c\u0085d", "\u540d\u524d", "e" * 200, "<b>'\"\\"])
def test_hostile_names_are_text(top, redis, name):
    assert redis.api("POST", "/proxies", {"name": name, "listen": "127.0.0.1:0", "upstream": "127.0.0.1:9"})[0] == 201
    shown = re.sub("[\x00-\x1f\u202e\u0085]", "?", name)
    screen = top("--proxy", name)
    fits = shown if len(shown) <= 14 else shown[:7] + "~" + shown[-6:]
    screen.shows("^" + re.escape(fits) + " ")
    screen.shows("^rules of " + re.escape(shown[:60]))
    screen.press("a")
    screen.type("noop", "Enter")
    until(lambda: any(proxy["toxics"] for proxy in redis.api("GET", "/proxies")[1].values() if proxy["name"] == name))
    assert max(map(len, screen.screen().split("\n"))) <= 80


def test_without_a_terminal(run, redis):
    done = run("--http-port", redis.http, "top", program=CTL)
    assert (done.returncode, done.stdout) == (1, "") and "expected a terminal" in done.stderr
    done = run("--http-port", redis.http, "top", "--interval", "1ms", program=CTL)
    assert done.returncode == 2 and "--interval: expected" in done.stderr
