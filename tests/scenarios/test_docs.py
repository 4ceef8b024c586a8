"""The documents, run: what they show is done, what they name is there."""
import fnmatch
import glob
import os
import re
import shlex
import signal
import subprocess

import pytest

from harness import PATIENCE, ROOT, SAN, VAURIEN, Clock, compiled, dial, free_port, listening, until

CTL = os.environ.get("VAURIENCTL_BIN") or os.path.join(os.path.dirname(VAURIEN), "vaurienctl")
PAGES = ["README.md", "CHANGELOG.md", "docs/api.md", "docs/internals.md", "docs/writing-a-behavior.md", "docs/writing-a-protocol.md", "docs/python.md"]
once = pytest.mark.skipif(bool(SAN), reason="once is enough")


def read(name):
    with open(os.path.join(ROOT, name)) as text:
        return text.read()


def fenced(page, kind):
    """The blocks that begin with ```kind."""
    return re.findall(r"^```%s\n(.*?)^```$" % kind, read(page), re.S | re.M)


# ---- what is named is there ----

@once
def test_the_tour_names_every_file_and_every_name_is_a_file():
    tour = re.search(r"^## A tour of the source$(.*?)^## ", read("README.md"), re.S | re.M).group(1)
    named = set()
    for word in re.findall(r"`([^` ]+)`|\]\(([^)#]+)\)", tour):
        path = word[0] or word[1]
        if "/" in path or path == "Makefile":
            assert os.path.exists(os.path.join(ROOT, path)), path
            named.add(path)
        elif path.endswith(".c"):               # one of the folder that the item begins with
            folder = [p for p in glob.glob(os.path.join(ROOT, "src/behaviors/*.c")) if p.endswith("/" + path)]
            assert folder, path
            named.add(os.path.relpath(folder[0], ROOT))
    there = {os.path.relpath(path, ROOT) for path in glob.glob(os.path.join(ROOT, "src/**/*.c"), recursive=True)}
    assert there - named == set(), "not in the tour"


def routes():
    """(method, path) of all tables of routes but Toxiproxy's, which are on a page of their own."""
    for name in sorted(glob.glob(os.path.join(ROOT, "src", "api", "*.c"))):
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
    known = set(re.findall(flag, run("--help").stdout + run("--help", program=CTL).stdout))
    known |= {"--" + option for option in re.findall(r"--behavior-[a-z]+-([a-z-]+)", " ".join(known))}     # vaurienctl's
    known |= {"--" + field for field in re.findall(r"^\| `(\w+)`", read("docs/behaviors.md").split("## Fields of rules")[1], re.M)}
    known |= {"--" + name for name in re.findall(r'\{ "([a-z]+)", \d, NULL', read("tests/model/main.c"))}
    known |= {"--vaurien-seed", "--system-site-packages", "--no-build-isolation", "--no-index", "--cflags"}    # pytest's, pip's, pkg-config's
    known |= {"--behavior-flap-up", "--behavior-slow-writes-step", "--step"}    # shown in writing-a-behavior.md, and tried below
    for page in PAGES:
        for word in re.findall(flag, read(page)):
            word = word.rstrip(".")
            assert fnmatch.filter(known, word), "%s: %s" % (page, word)


# ---- what is shown is done ----

@once
def test_the_readme_s_session(start, backend, run):
    proxy = start("--protocol", "mysql", backend=backend)
    spoken = 0
    for block in fenced("README.md", "console"):
        for line, said in re.findall(r"^\$ (.*)\n((?:[^$\n].*\n)*)", block, re.M):
            words = shlex.split(line)
            if words[0] == "vaurien":           # understood as far as its flags go
                assert run(*words[1:], "--version").returncode == 0, line
                continue
            assert words[0] == "vaurienctl", line
            done = run("--http-host", "127.0.0.1", *shlex.split(re.sub(r"(--http-port) \d+", r"\1 %d" % proxy.http, re.sub(r"(--listen \S+:)\d+", r"\g<1>0", line)))[1:],
                       *([] if "--http-port" in line else ["--http-port", proxy.http]), program=CTL)
            assert done.stdout + done.stderr == said, line
            spoken += 1
    assert spoken >= 8


@once
def test_the_demo_prints_what_the_readme_shows(run):
    def rows(text):                             # without what the dice and the clock say
        return [(line[:48].rstrip(), line[107:].strip()) for line in text.splitlines() if line[107:].strip()]
    assert rows(fenced("README.md", "demo")[0]) == rows(run("demo").stdout.split("\n\n")[1])


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
            assert process.wait(PATIENCE) == 0
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
    assert "--behavior-slow-writes-step SECONDS" in run("--plugin", tmp_path / (name + ".lua"), "--help").stdout
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
                               universal_newlines=True, timeout=PATIENCE)
        assert '"5:error, 10:delay"' in asked.stdout and '"deadlock"' in asked.stdout and "0.25" in asked.stdout
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
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
