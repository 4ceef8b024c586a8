"""A behavior is one file: dropped in, it is in the help, the API and the pages, and it works; taken out, it is gone."""
import os
import shutil
import subprocess

import pytest

import harness
from harness import ROOT, SAN

SHOUT = """\
/* shout.c - what is asked arrives in capitals. */
#include <ctype.h>
#include "vaurien.h"

struct shout { int64_t most; };
static const struct vn_opt shout_options[] = {
	{ "most", VN_OPT_INT, offsetof(struct shout, most), "1000", "letters at most per piece" },
	{ 0 },
};

static void shout_act(const struct vn_event *e, struct vn_verdict *v)
{
	const struct shout *o = e->opts;
	for (size_t i = 0; i < e->len && i < (size_t)o->most; i++)
		e->data[i] = (uint8_t)toupper(e->data[i]);
	v->dirt.edited = true;
}

VN_BEHAVIOR(shout, .help = "requests in capitals", .options = shout_options, .opts_size = sizeof(struct shout),
	 .on = VN_ON_DATA, .direction = VN_REQUEST, .act = shout_act)
"""


def made(tree):
    """With the compiler that has built the rest: what another one made, make would not keep."""
    flags = tree / "build" / "plain" / "flags"
    compiler = ["CC=" + flags.read_text().split(" -D_GNU_SOURCE")[0]] if flags.exists() else ["OPT=-O0"]
    words = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "SAN", "MAKELEVEL")}
    done = subprocess.run(["make", "-j2", *compiler, "bin/vaurien"], cwd=str(tree), env=words, universal_newlines=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    assert "warning:" not in done.stdout, done.stdout
    return str(tree / "bin" / "vaurien")


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """The source, with one file more; and what make has built of the other files, with its dates: that is still good."""
    tree = tmp_path_factory.mktemp("tree")
    built = os.path.join(ROOT, "build", "plain")
    if os.path.isdir(built):
        shutil.copytree(built, str(tree / "build" / "plain"), ignore=shutil.ignore_patterns("tests", "fuzz", "*.so"))
    for name in ("src", "include", "cli", "ui", "examples", "tests", "fuzz", "packaging", "bench", "Makefile"):
        source = os.path.join(ROOT, name)
        if os.path.isdir(source):
            shutil.copytree(source, str(tree / name), ignore=shutil.ignore_patterns("__pycache__", "build", "bin"))
        elif os.path.exists(source):
            shutil.copy(source, str(tree / name))
    (tree / "src" / "behaviors" / "shout.c").write_text(SHOUT)
    return tree


@pytest.mark.skipif(bool(SAN), reason="once is enough")
def test_one_file(tree, run, start, backend, monkeypatch):
    shouting = made(tree)
    monkeypatch.setattr(harness, "VAURIEN", shouting)
    assert "--behavior-shout-most" in run("--help", "all", program=shouting).stdout
    page = run("--list=behaviors.md", program=shouting).stdout
    assert "shout" in page and "letters at most per piece" in page
    proxy = start(backend=backend)
    assert "shout" in proxy.api("GET", "/behaviors")[1]["behaviors"]
    proxy.set("shout", most=3)
    client, server = proxy.meet(backend)
    client.send(b"please")
    assert server.read(6) == b"PLEase"
    server.send(b"what?")
    assert client.read(5) == b"what?"
    (tree / "src" / "behaviors" / "shout.c").unlink()
    assert "shout" not in run("--list", program=made(tree)).stdout
