"""The documents: what they name is there, what they show of code and files works. Their commands: tests/python/test_pages.py."""
import fnmatch
import glob
import os
import re
import shlex
import signal
import subprocess

import pytest

from harness import ROOT, SAN, VAURIEN, Clock, compiled, dial, free_port, listening, patience, until
from structure import PAGES

CTL = os.environ.get("VAURIENCTL_BIN") or os.path.join(os.path.dirname(VAURIEN), "vaurienctl")
once = pytest.mark.skipif(bool(SAN), reason="once is enough")


def read(name):
    with open(os.path.join(ROOT, name)) as text:
        return text.read()


def fenced(page, kind):
    """The blocks that begin with ```kind."""
    return re.findall(r"^```%s\n(.*?)^```$" % kind, read(page), re.S | re.M)


# ---- what is named is there ----

INTERNALS = "docs/internals.md"


def internals():
    """The page without its blocks of code."""
    return re.sub(r"\n\n(    .*\n)+", "\n\n", read(INTERNALS))


def sources():
    """The texts of all C of the program, without comments and strings."""
    texts = []
    for folder in ("src", "include", "audit", "cli"):
        for path in glob.glob(os.path.join(ROOT, folder, "**", "*.[ch]"), recursive=True):
            text = re.sub(r"/\*.*?\*/", " ", read(path), flags=re.S)
            texts.append(re.sub(r'"(?:\\.|[^"\\\n])*"', '""', text))
    return texts


@once
def test_internals_has_every_folder_with_its_law():
    rows = re.findall(r"^\| `(\w+)/` \| ([^|]*) \|", internals(), re.M)
    laws = dict(re.findall(r"^(\w+): *(.*)$", read("tests/layers.txt"), re.M))
    del laws["audit"]                           # beside src/: it has a section of its own
    assert {name: law.replace("-", "") for name, law in rows} == laws
    folders = {name for name in os.listdir(os.path.join(ROOT, "src")) if os.path.isdir(os.path.join(ROOT, "src", name))}
    assert {name for name, _ in rows} == folders


def missing(code, texts):
    """What there is not of that which a piece of code in the page names: a sentence, or None."""
    if re.fullmatch(r"[\w/.-]*\.(c|h|py|txt|md|mk)|[\w-]+(/[\w-]+)*/", code):
        there = any(os.path.exists(os.path.join(ROOT, base, code)) for base in ("", "src", "include"))
        return None if there else "there is no file %s" % code
    call = re.fullmatch(r"(\w+)\(\)", code)
    if call:            # a function or a macro; or a member, as the protocol's refuse()
        form = r"^\S[^;{}]*?\b%s\(|\(\*%s *\)\(" % (call.group(1), call.group(1))
        return None if any(re.search(form, text, re.M) for text in texts) else "there is no %s" % code
    kind = re.fullmatch(r"(struct|enum) (\w+)", code)
    if kind:
        return None if any(re.search(r"\b%s\s*\{" % code, text) for text in texts) else "there is no %s" % code
    if re.fullmatch(r"\w+(->\w+)+|[a-z]+_\w+|[A-Z]+_[A-Z_]+", code):
        for word in re.split("->", code):
            if not any(re.search(r"\b%s\b" % word, text) for text in texts):
                return "there is no %s" % word
    return None


@once
def test_all_that_internals_names_is_there():
    texts = sources() + [read("src/api/metrics.c")]             # the names of metrics are strings
    gone = [why for why in (missing(code, texts) for code in re.findall(r"`([^`]+)`", internals())) if why]
    assert not gone, "%s: %s" % (INTERNALS, "; ".join(gone))


@once
@pytest.mark.parametrize("code", ["engine/dialogue.c", "conn_ends()", "struct ties", "conn->ties", "VN_ON_WHIM", "exchange_told",
                                  "getaddrinfo()", "tests/nothing/"])
def test_what_is_not_there_is_found_missing(code):
    assert missing(code, sources())


@once
def test_readme_is_short_and_begins_with_all_that_matters():
    page = read("README.md")
    assert len(page.encode()) <= 9216
    first = "\n".join(page.split("\n")[:46])
    for word in ("3307", "3306", "vaurienctl set-behavior", "def test_", "hits", "seed", "Toxiproxy", "Not for", "TLS", "Windows"):
        assert word in first, word


@once
def test_what_a_match_looks_at():
    """The table's requests are those of the parsers' conversations, and its patterns find them."""
    part = read("docs/rules.md").split("\n## What a match looks at\n")[1].split("\n## ")[0]
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in part.split("\n") if line.startswith("| `")]
    assert {row[0].strip(" `") for row in rows} == {"dns", "http", "kafka", "memcache", "mongo", "mysql", "postgres", "redis", "smtp"}
    for protocol, _, request, pattern in ([cell.strip().strip("`").replace("\\|", "|") for cell in row] for row in rows):
        verb, subject = request.split(" ", 1)
        assert '-> ASKS %s "%s"' % (verb, subject) in read("tests/protocols/%s.txt" % protocol), request
        flag = "(?i)" in pattern                # which Python wants to be first
        assert re.search(pattern.replace("(?i)", ""), request, re.I if flag else 0), pattern


def routes():
    """(method, path) of all tables of routes but Toxiproxy's, which are on a page of their own."""
    for name in sorted(glob.glob(os.path.join(ROOT, "src", "api", "*.c")) + glob.glob(os.path.join(ROOT, "src", "run", "*.c"))):
        with open(name) as source:
            for method, path in re.findall(r'^\t\{ (NULL|"[A-Z]+"), +"([^"]+)"', source.read(), re.M):
                if not name.endswith("toxiproxy.c"):
                    yield "GET" if method == "NULL" else method.strip('"'), path


@once
def test_the_api_has_all_its_requests_on_its_page():
    told = re.findall(r"`([A-Z]+) (/[^` ]*)`", read("docs/api.md").split("\n## ", 1)[0])
    assert set(told) == set(routes())


@once
def test_all_reasons_to_end_are_on_the_page():
    table = read("docs/api.md").split("| reason |", 1)[1].split("\n\n", 1)[0]
    told = re.findall(r"`(\w+)`", "\n".join(line.split("|")[1] for line in table.split("\n")[2:]))
    assert told == re.findall(r'^\t\[CLOSE_REASON_\w+\] += \{ "(\w+)"', read("src/engine/stats.c"), re.M)


@once
@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for target, anchor in re.findall(r"\]\(([^)#:]*)(#[^)]*)?\)", read(page)):
        path = os.path.join(ROOT, os.path.dirname(page), target) if target else os.path.join(ROOT, page)
        assert os.path.exists(path), target
        if anchor:
            with open(path) as text:
                heads = re.findall(r"^#+ (.*)$", text.read(), re.M)
            assert anchor[1:] in [re.sub(r"[^\w -]", "", head).lower().replace(" ", "-") for head in heads], anchor


@once
def test_every_flag_exists(run):
    flag = r"(?<![\w-])--[a-z][\w.*-]*"
    known = set(re.findall(flag, run("--help", "all").stdout + run("--help", program=CTL).stdout + run("audit", "--help").stdout))
    known |= {"--" + option for option in re.findall(r"--behavior-[a-z]+-([a-z-]+)", " ".join(known))}     # vaurienctl's
    known |= {"--" + name.replace("_", "-") for name in re.findall(r"^\| `(\w+)`", read("docs/behaviors.md"), re.M)}   # options and fields of rules
    known |= {"--" + name for name in re.findall(r'\{ "([a-z]+)", \d, NULL', read("tests/model/main.c"))}
    known |= {"--vaurien-seed", "--vaurien-run", "--vaurien-run-options", "--system-site-packages", "--no-build-isolation", "--no-index", "--cflags"}    # pytest's, pip's, pkg-config's
    for actions in glob.glob(os.path.join(ROOT, "cli", "*.c")):                 # vaurienctl's, as its actions' own help names them
        known |= set(re.findall(flag, read(os.path.relpath(actions, ROOT))))
    known |= {"--port", "--ssl-ca", "--ssl-verify-server-cert", "--cert-status", "--crlfile", "--cap-add", "--target"}    # mysql's, curl's, podman's
    known |= {"--behavior-flap-up", "--behavior-slow-writes-step", "--step", "--up", "--down"}    # shown in writing-a-behavior.md, and tried below
    strange = {"%s: %s" % (page, word) for page in PAGES for word in re.findall(flag, read(page))
               if not fnmatch.filter(known, word.rstrip("."))}
    assert not strange, sorted(strange)


# ---- what is shown is done ----

@once
def test_the_demo_prints_what_recipes_shows(run):
    def rows(text):                             # without what the dice and the clock say
        return [(line[:48].rstrip(), line[107:].strip()) for line in text.splitlines() if line[107:].strip()]
    assert rows(fenced("docs/recipes.md", "demo")[0]) == rows(run("demo", seconds=60).stdout.split("\n\n")[1])


@pytest.fixture(scope="module")
def guests(tmp_path_factory):
    """All C of the pages, compiled with the program's flags and -Werror: the words that load it."""
    folder, words = tmp_path_factory.mktemp("guests"), []
    for page in ("docs/writing-a-behavior.md", "docs/writing-a-protocol.md"):
        for text in fenced(page, "c"):
            name = re.match(r"/\* (\w+) - ", text).group(1)
            words += ["--plugin", compiled(folder / (name + ".c"), text)]
    return words


@once
def test_the_pages_guests_work(guests, start, backend, run):
    listed = run(*guests, "--list").stdout
    for name in ("last_answer", "flap", "lines"):
        assert re.search(r"^  %s " % name, listed, re.M), name
    proxy = start(*guests, "--protocol", "lines", backend=backend)

    client, server = proxy.meet(backend)
    proxy.set("flap", up=0, down=1000)
    client.send(b"one\n")
    assert server.silent(0.2)
    proxy.set("error", failure="busy")          # lets go of the first, refuses the second in its turn
    client.send(b"two\n")
    assert server.read(4) == b"one\n"
    server.send(b"1\n")
    assert client.read(23) == b"1\nBUSY come back later\n"
    assert server.silent(0.1)

    proxy.set("last_answer")
    client.send(b"three\n")
    assert server.read(6) == b"three\n"
    server.send(b"3\n")
    assert client.read(2) == b"3\n"
    assert client.ends() == "fin"


@pytest.fixture
def typed(backend, tmp_path):
    """typed(command, directory): a proxy started by a page's command, of which only the ports are others. (port, port of the API)"""
    log, processes = tmp_path / "log", []

    def begin(command, directory):
        port, http = free_port(), free_port()
        words = [VAURIEN] + shlex.split(re.sub(r"localhost:\d+", backend.address, command))[1:]
        with open(str(log), "w") as out:
            processes.append(subprocess.Popen([*words, "--proxy", "127.0.0.1:%d" % port, "--http-port", str(http)], cwd=str(directory),
                                              stdout=out, stderr=out, stdin=subprocess.DEVNULL))
        until(lambda: processes[0].poll() is not None or (listening(port) and listening(http)), what="vaurien to listen")
        assert processes[0].poll() is None, log.read_text()
        return port, http
    yield begin
    for process in processes:
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(patience()) == 0
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    assert "WARNING" not in log.read_text()


@once
def test_the_page_s_lua_typed_as_it_stands(backend, run, typed, tmp_path):
    page = "docs/writing-a-behavior.md"
    text = fenced(page, "lua")[0]
    name = re.match(r"-- (\w+) - ", text).group(1)
    (tmp_path / (name + ".lua")).write_text(text)
    assert "--behavior-slow-writes-step SECONDS" in run("--plugin", tmp_path / (name + ".lua"), "--help", "all").stdout
    port, http = typed(re.search(r"^    (vaurien --plugin %s.lua .*--behavior .*)$" % name, read(page), re.M).group(1), tmp_path)
    client, server = dial(port), backend.accept()
    changed = run("--http-port", http, "set-behavior", name, "--step", "50ms", program=CTL)
    assert changed.stdout == 'Behavior changed to "%s"\n' % name
    for request, late in ((b"GET a\r\n", 0), (b"SET a 1\r\n", 0.05), (b"SET a 2\r\n", 0.1)):
        with Clock() as took:
            client.send(request)
            assert server.read(len(request)) == request
        assert took.seconds >= late
        server.send(b"+OK\r\n")
        client.read(5)


@once
def test_the_page_s_protocol_typed_as_it_stands(backend, run, typed):
    commands = re.findall(r"^    (vaurien(?:ctl)? .*)$", read("docs/writing-a-protocol.md"), re.M)
    port, http = typed(commands[0], ROOT)
    client, server = dial(port), backend.accept()
    done = run("--http-port", http, *shlex.split(commands[1])[1:], program=CTL)
    assert done.stdout == 'Behavior changed to "error"\n'
    client.send(b"reserve\r\nreserve\r\n")
    assert client.read(15) == b"DEADLINE_SOON\r\n"
    assert server.read(9) == b"reserve\r\n"


@once
def test_the_page_s_scenario(start, backend):
    scenes = {}
    exec(fenced("docs/writing-a-behavior.md", "python")[0], scenes)
    scenes["test_a_held_request"](start, backend)


# ---- docs/recipes.md: which of these? ----

def compared(heading):
    """The behaviors of one of the page's tables."""
    part = read("docs/recipes.md").split("\n**%s**\n" % heading)[1].split("\n**")[0]
    return re.findall(r"^\| `(?:vaurienctl )?(\w+)`", part, re.M)


ENDS = {                # how an open connection ends, and how a new one does; None: it does not
    "close": ("fin", "fin"), "reset": ("rst", "rst"), "reset_peer": ("rst", "rst"), "blackout": ("rst", "rst"),
    "refuse": (None, "refused"), "disable": ("fin", "refused"),
}


@once
@pytest.mark.parametrize("name", ENDS)
def test_how_connections_end(start, backend, run, name):
    assert compared("The connection ends") == list(ENDS)
    proxy = start(backend=backend)
    client, server = proxy.meet(backend)
    words = ["disable", "default"] if name == "disable" else ["set-behavior", name]
    assert run("--host", "http://127.0.0.1:%d" % proxy.http, *words, program=CTL).returncode == 0
    opened, new = ENDS[name]
    if opened:
        assert client.ends() == opened
    else:
        assert client.send(b"x") and server.read(1) == b"x"
    if new == "refused":
        with pytest.raises(ConnectionRefusedError):
            proxy.client()
    else:
        assert proxy.refuses() == new


@once
def test_requests_without_an_answer(start, backend):
    assert compared("The request was sent, and no answer comes") == ["abort", "lost_reply", "drop"]
    proxy = start(backend=backend)
    client, server = proxy.set("abort").meet(backend)
    assert client.send(b"x") and server.read(1) == b"x"
    assert client.ends() == "fin"
    client, server = proxy.set("lost_reply").meet(backend)
    assert client.send(b"x") and server.read(1) == b"x" and client.silent(0.05)
    server.send(b"y")
    assert client.ends() == "fin"
    client, server = proxy.set("drop").meet(backend)
    assert client.send(b"x") and server.silent(0.05) and client.silent(0.05)
    proxy.set("dummy")
    assert client.send(b"z") and server.read(1) == b"z"


@once
@pytest.mark.parametrize("name, direction, later", [
    ("hang", "request", "delivered"), ("stall", "request", "delivered"), ("timeout", "response", "fin"), ("drop", "request", "lost")])
def test_silence_and_what_comes_after_it(start, backend, name, direction, later):
    assert compared("Nothing comes any more") == ["hang", "stall", "timeout", "drop", "vanish"]
    proxy = start(backend=backend)
    client, server = proxy.meet(backend)
    assert client.send(b"a") and server.read(1) == b"a"
    proxy.set(name)
    sender, receiver = (client, server) if direction == "request" else (server, client)
    assert sender.send(b"x") and receiver.silent(0.05)
    proxy.set("dummy")
    if later == "fin":
        assert receiver.ends() == "fin"
        return
    assert sender.send(b"z")
    assert receiver.read(1) == (b"x" if later == "delivered" else b"z")


# ---- examples/vaurien.ini ----

@once
@pytest.mark.parametrize("spoken", ["as it is", "with all that it only mentions"])
def test_the_example_s_file(spoken, tmp_path, backend):
    proxy, http = free_port(), free_port()
    text = read("examples/vaurien.ini")
    for here, there in (("localhost:3307", "127.0.0.1:%d" % proxy), ("localhost:3306", backend.address),
                        ("http_port = 8080", "http_port = %d" % http), ("localhost:6380", "localhost:%d" % free_port())):
        assert text.count(here) == 1
        text = text.replace(here, there)
    if spoken != "as it is":
        text = re.sub(r"^;", "", text, flags=re.M)
        (tmp_path / "common.ini").write_text("[vaurien]\nseed = 7\nproxy_name = shared\n")
    config = tmp_path / "vaurien.ini"
    config.write_text(text)

    log = tmp_path / "log"
    with open(str(log), "w") as errors:
        process = subprocess.Popen([VAURIEN, "--config", str(config)], stdout=errors, stderr=errors, stdin=subprocess.DEVNULL)
    try:
        until(lambda: process.poll() is not None or (listening(proxy) and listening(http)), what="vaurien to listen")
        assert process.poll() is None, log.read_text()
        asked = subprocess.run([CTL, "--http-port", str(http), "get-behavior", "--json"], stdout=subprocess.PIPE,
                               universal_newlines=True, timeout=patience())
        assert '"5:error, 10:delay"' in asked.stdout and '"deadlock"' in asked.stdout and "0.25" in asked.stdout
        process.send_signal(signal.SIGTERM)
        assert process.wait(patience()) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    said = log.read_text()
    assert "* seed: 42" in said
    assert "WARNING" not in said and "unknown" not in said, said


# ---- examples/proxies.json ----

@once
def test_toxiproxy_s_example(start, tmp_path):
    text = read("examples/proxies.json")
    for port in ("3307", "6380", "2525"):
        assert text.count(":%s\"" % port) == 1
        text = text.replace(":%s\"" % port, ":%d\"" % free_port())
    (tmp_path / "proxies.json").write_text(text)
    proxy = start("--config", tmp_path / "proxies.json", listen="", up=lambda: True)
    proxies = proxy.api("GET", "/proxies")[1]
    assert {name: (p["enabled"], [t["name"] for t in p["toxics"]]) for name, p in proxies.items()} == {
        "orders-db": (True, ["error_both", "latency_downstream"]), "sessions": (True, ["bandwidth_upstream"]), "mails": (False, [])}


@once
def test_pictures_are_small():
    for path in glob.glob(os.path.join(ROOT, "docs", "*.png")):
        assert os.path.getsize(path) < 150000, path
