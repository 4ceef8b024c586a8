"""Plugins: behaviors and protocols as shared objects. They are there as if they were built in, or the program says why not."""
import glob
import os
import re
import subprocess

import pytest

import harness
from harness import ROOT, SAN, compiled

BUILT = os.environ.get("GUESTS")                # by make scenarios
GUESTS = BUILT or os.path.join(ROOT, "build", SAN.replace(",", "-") or "plain", "tests", "guests")

ECHOES = """
#include "vaurien.h"

static const struct vn_opt options[] = {
	{ "words", VN_OPT_INT, 0, "3", "How many of them", .min = 1, .max = 9 },
	{ 0 }
};

static void act(const struct vn_event *e, struct vn_verdict *v)
{
	v->keep = (size_t)*(const int64_t *)e->opts;
}

VN_BEHAVIOR(NAME, .help = "Some bytes pass", .options = options, .opts_size = 8, .on = VN_ON_REQUEST, .act = act)
"""


@pytest.fixture(scope="module")
def some(tmp_path_factory):
    """A plugin with the behavior `some`."""
    return compiled(tmp_path_factory.mktemp("some") / "some.c", ECHOES.replace("NAME", "some"))


# ---- those of the program ----

@pytest.fixture(scope="module", autouse=True)
def guests():
    if not BUILT:
        subprocess.run(["make", "-s", "guests", "SAN=" + SAN] + ["OPT=-O1"] * bool(SAN), cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def as_plugins(*names):
    """The words that load these guests' sources, built unchanged against the public header alone; without names all."""
    paths = sorted(glob.glob(os.path.join(GUESTS, "*", "*.so")))
    return [word for path in paths if not names or os.path.basename(path)[:-3] in names for word in ("--plugin", path)]


def test_every_guest_of_ours_is_a_plugin_as_it_is(run):
    sources = glob.glob(os.path.join(ROOT, "src/behaviors/*.c"))
    # those with a _ are parts of others
    sources += [path for path in glob.glob(os.path.join(ROOT, "src/protocols/*.c")) if "_" not in os.path.basename(path)]
    bare = os.path.join(GUESTS, "vaurien")
    assert len(as_plugins()) == 2 * len(sources) > 40
    for question in ("--list", "--list=behaviors.md", "--list=protocols.md", "--help=all"):
        assert run(*as_plugins(), question, program=bare).stdout == run(question).stdout
    assert "delay" not in run("--list", program=bare).stdout


def test_they_work_as_plugins(start, backend, monkeypatch):
    monkeypatch.setattr(harness, "VAURIEN", os.path.join(GUESTS, "vaurien"))
    proxy = start(*as_plugins("dummy", "error", "delay", "close", "redis", "tcp"), "--protocol", "redis", backend=backend)
    client, server = proxy.meet(backend)
    proxy.set("error", failure="starting_up")
    client.send(b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n")
    assert b"GET" not in server.read(len(b"*1\r\n$15\r\n") + 17)     # what goes there in its place
    server.send(b"-ERR what\r\n")
    assert client.read_to(b"\r\n").startswith(b"-LOADING ")
    proxy.set("delay", sleep=0.1)
    with harness.Clock() as took:
        client.send(b"GET a\r\n")
        assert server.read_to(b"\r\n") == b"GET a\r\n"
    assert took.seconds >= 0.1


def test_a_parser_with_words_in_common_works_as_a_plugin(start, backend, monkeypatch):
    monkeypatch.setattr(harness, "VAURIEN", os.path.join(GUESTS, "vaurien"))
    proxy = start(*as_plugins("dummy", "error", "postgres", "mysql", "tcp"), "--protocol", "postgres", backend=backend)
    proxy.set("error", match="^QUERY DROP", failure="lock_timeout")
    client, server = proxy.meet(backend)
    client.send(b"\0\0\0\x08\0\3\0\0")
    server.read(8)
    server.send(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I")
    client.read(15)
    client.send(b"Q\0\0\0\x0bDROP x\0")
    substitute = server.read_to(b"\0")
    assert b"DROP" not in substitute


# ---- named on the command line, in the file ----

def test_its_options_are_flags_keys_checks_and_help(start, backend, run, some, tmp_path):
    assert re.search(r"--behavior-some-words N .*\n? *.*whole number from 1 to 9, default 3", run("--plugin", some, "--help", "all").stdout)
    assert re.search(r"^  some .*Some bytes pass\n +words ", run("--list", "--plugin", some).stdout, re.M)
    assert "## some" in run("--list=behaviors.md", "--plugin=" + some).stdout
    wrong = run("--plugin", some, "--behavior-some-words", "10")
    assert (wrong.returncode, wrong.stderr.splitlines()[-1]) == (
        2, "vaurien: error: argument --behavior-some-words: expected a whole number from 1 to 9, got '10'")

    proxy = start("--behavior-some-words", "2", "--plugin", some, "--plugin", some, "--behavior", "some", backend=backend)
    client, server = proxy.meet(backend)
    client.send(b"tea")
    assert server.read(2) == b"te"
    assert "some" in proxy.api("GET", "/behaviors")[1]["behaviors"]
    status, answer = proxy.api("PUT", "/behavior", {"name": "some", "words": 0})
    assert status == 400 and "words: expected a whole number from 1 to 9, got 0" in str(answer)

    folder = tmp_path / "guests"
    folder.mkdir()
    os.symlink(some, str(folder / "link.so"))
    config = tmp_path / "vaurien.ini"
    config.write_text("[vaurien]\nbehavior = some\n[behavior:some]\nplugin = guests/link.so\nwords = 1\n")
    proxy = start("--config", config, backend=backend)
    assert proxy.api("GET", "/behavior")[1]["options"] == {"words": 1}
    assert "unknown key" not in proxy.log()
    assert "--behavior-some-words" in run("--help", "all", "--config", config).stdout


def test_the_nearer_file_says_which_plugin(run, some, tmp_path):
    (tmp_path / "far.ini").write_text("[behavior:some]\nplugin = nowhere.so\nwords = 7\n")
    near = tmp_path / "near.ini"
    near.write_text("[DEFAULT]\nextends = far.ini\n[behavior:some]\nplugin = %s\n" % some)
    done = run("--config", near, "--list")
    assert done.returncode == 0 and "\n  some " in done.stdout


# ---- what may be wrong with one: one sentence, rc 1 ----

WRONG = {
    "taken": (ECHOES.replace("NAME", "delay"), r"plugin \S+/taken.so: behavior 'delay' was announced twice: the name is taken"),
    "abi": (ECHOES.replace("NAME", "some").replace('#include "vaurien.h"', '#include "vaurien.h"\n#undef VAURIEN_ABI\n#define VAURIEN_ABI 99'),
            r"plugin \S+/abi.so: a behavior was built for version 99 of vaurien.h, this is version \d+"),
    "silent": ("int nothing;\n", r"plugin \S+/silent.so: expected a BEHAVIOR\(\) or a PROTOCOL\(\) in it, found neither"),
    "symbol": ("int of_nobody(void);\nint (*at)(void) = of_nobody;\n", r"plugin \S+/symbol.so: undefined symbol: of_nobody"),
    "table": (ECHOES.replace("NAME", "some").replace('"3"', '"none"'), r"plugin \S+/table.so: some: the default of option words: expected .*"),
}


@pytest.mark.parametrize("what", sorted(WRONG))
def test_a_plugin_that_is_wrong(what, run, tmp_path):
    text, sentence = WRONG[what]
    done = run("--plugin", compiled(tmp_path / (what + ".c"), text), "--list")
    assert done.returncode == 1 and done.stdout == ""
    assert re.fullmatch(sentence + "\n", done.stderr)


def test_a_file_that_is_no_plugin(run, tmp_path, some):
    (tmp_path / "junk.so").write_bytes(b"no object")
    (tmp_path / "script.py").write_text("")
    for words, sentence in (
            (("--plugin", tmp_path / "none.so"), r"plugin \S+/none.so: No such file or directory"),
            (("--plugin", tmp_path / "junk.so"), r"plugin \S+/junk.so: (file too short|invalid ELF header)"),
            (("--plugin", tmp_path / "script.py"), r"plugin: expected a file that ends in \.so.*, got '\S+/script.py'")):
        done = run(*words)
        assert done.returncode == 1 and re.fullmatch(sentence + "\n", done.stderr), done.stderr
    config = tmp_path / "vaurien.ini"
    config.write_text("[vaurien]\nseed = 7\n[behavior:other]\nplugin = %s\n" % some)
    done = run("--config", config)
    assert done.returncode == 1             # a path that is long is not told to its end
    assert re.fullmatch(r"\S+/vaurien.ini:4: plugin \S+(/some.so|\.\.\.): expected a behavior 'other' in it, found none\n", done.stderr), done.stderr


def test_a_plugin_flag_without_a_file(run):
    done = run("--plugin")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (2, "vaurien: error: argument --plugin: expected one argument")
