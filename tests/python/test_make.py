"""The makefiles and ./dev: what they print, what they say is missing, how they compile."""
import glob
import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from conftest import bare_environment, call

from harness import ROOT, VAURIEN

MAKE = shutil.which("make")
OBJECT = "build/plain/src/behaviors/dummy.o"
WIDELY = ("src", "include", "cli", "tests", "fuzz", "packaging", "bench", "examples", "docs", "audit", "Makefile", "dev")


def read(*path):
    with open(os.path.join(ROOT, *path)) as text:
        return text.read()


def listed(name):
    """The packages of one of dev's lists."""
    return set(re.search(r'^%s="(.*?)"' % name, read("dev"), re.S | re.M).group(1).split())


@pytest.fixture
def tree(tmp_path):
    """The source, with a build/ of its own."""
    for name in WIDELY:
        os.symlink(os.path.join(ROOT, name), str(tmp_path / name))
    return tmp_path


def refused(*words, cwd, path=None, **more):
    """What a command prints when it fails, without make's own lines."""
    environment = bare_environment(**more)
    if path:
        environment["PATH"] = str(path)
    done = subprocess.run([str(word) for word in words], cwd=str(cwd), env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, universal_newlines=True)
    assert done.returncode != 0, done.stdout
    return "".join(line for line in done.stdout.splitlines(True) if not line.startswith("make: ***"))


@pytest.fixture
def path(tmp_path):
    """path(program=text or None, ...): a folder that is all of PATH; without a text, the program is the system's."""
    folder = tmp_path / "path"
    folder.mkdir()

    def made(**programs):
        for name, text in programs.items():
            name = name.replace("_", "-")
            if text is None:
                os.symlink(shutil.which(name), str(folder / name))
            else:
                (folder / name).write_text("#!/bin/sh\n" + text + "\n")
                (folder / name).chmod(0o755)
        return folder
    return made


# ---- what make prints ----

def test_a_file_is_one_line(tree):
    assert call(MAKE, OBJECT, cwd=tree) == "  CC    src/behaviors/dummy.c\n"


def test_v_shows_the_whole_command(tree):
    said = call(MAKE, "V=1", OBJECT, cwd=tree)
    assert re.search(r"^\S+ .*-std=gnu11 .*-c -o %s src/behaviors/dummy\.c$" % OBJECT, said, re.M) and "  CC " not in said


def test_s_prints_nothing(tree):
    assert call(MAKE, "-s", OBJECT, cwd=tree) == ""


def test_no_recipe_echoes_a_compiler():
    for name in ("Makefile", "tests/tests.mk", "tests/reports.mk", "bench/bench.mk", "packaging/install.mk"):
        assert not re.search(r"(?<!\\\n)^\t(?:\$\((?:CC|COMPILE|LINK|GUEST)\)|clang)", read(name), re.M), name


def test_other_flags_compile_again(tree):
    for flags, lines in ((["OPT=-O2"], 1), (["OPT=-O2"], 0), (["OPT=-O0"], 1), (["OPT=-O0", "CFLAGS=-g1"], 1), (["OPT=-O0", "CFLAGS=-g1"], 0)):
        assert call(MAKE, *flags, OBJECT, cwd=tree).count("  CC    ") == lines, flags


def test_help_names_what_can_be_made(tree):
    said = call(MAKE, "help", cwd=tree)
    named = set(re.findall(r"(?:^|; |and )make ([a-z][\w.-]*)", said, re.M))
    assert {"check", "demo", "bench", "install", "uninstall", "deb", "fuzz", "docs", "clean", "cover", "analyze", "format"} <= named
    rules = "\n".join(read(name) for name in ("Makefile", "tests/tests.mk", "tests/reports.mk", "bench/bench.mk", "tests/interop/interop.mk", "packaging/install.mk",
                                                  "examples/audit/audit.mk"))
    for target in named:
        assert re.search(r"^(?:[^\s#].* )?" + re.escape(target) + r"(?: .*)?:", rules, re.M), target


# ---- what is missing ----

@pytest.mark.parametrize("header, package", [
    ("ini.h", "libinih-dev"), ("microhttpd.h", "libmicrohttpd-dev"), ("jansson.h", "libjansson-dev"), ("pcre2.h", "libpcre2-dev"),
    ("lua5.4/lua.h", "liblua5.4-dev"), ("curl/curl.h", "libcurl4-openssl-dev"), ("ncurses.h", "libncurses-dev")])
def test_a_missing_library_is_named_with_its_package(tree, header, package):
    compiler = tree / "compiler"
    compiler.write_text('#!/bin/sh\ncase "$*" in *" -E "*) ! grep -q "<%s>" ;; *) exec cc "$@" ;; esac\n' % header)
    compiler.chmod(0o755)
    assert refused(MAKE, "CC=%s" % compiler, OBJECT, cwd=tree) == "make: libraries are missing; run: apt-get install %s\n" % package
    assert package in listed("to_build")
    assert call(MAKE, OBJECT, cwd=tree) == "  CC    src/behaviors/dummy.c\n"


def test_all_missing_libraries_are_named_at_once(tree):
    said = refused(MAKE, "CC=false", OBJECT, cwd=tree)
    assert said.count("\n") == 1 and listed("to_build") - {"make", "gcc", "libc6-dev", "pkg-config"} == set(said.split("install ")[1].split())


def test_a_missing_compiler_is_named(tree):
    assert refused(MAKE, "CC=no-such-compiler -m64", OBJECT, cwd=tree) == \
        "make: the compiler no-such-compiler is missing; run: apt-get install gcc\n"


def test_libraries_of_the_tests_are_named(tree):
    said = refused(MAKE, "CC=false", "build/plain/need-check", cwd=tree)
    assert said == "make: libraries are missing; run: apt-get install libcmocka-dev libmariadb-dev\n"
    assert {"libcmocka-dev", "libmariadb-dev"} <= listed("to_check")


def test_make_deb_without_dpkg_names_the_command(tree, path):
    assert refused(MAKE, "deb", cwd=tree, path=path(sed=None, find=None)) == "make deb: dpkg-buildpackage is missing; run: ./dev deb\n"


def test_make_deb_names_unmet_dependencies(tree, path):
    folder = path(sed=None, find=None, dpkg_buildpackage="exit 3", dpkg_checkbuilddeps=(
        'echo "dpkg-checkbuilddeps: error: Unmet build dependencies: debhelper-compat (= 13) libinih-dev" >&2; exit 1'))
    assert refused(MAKE, "deb", cwd=tree, path=folder) == \
        "make deb: Unmet build dependencies: debhelper-compat (= 13) libinih-dev; run: ./dev deb\n"
    assert not (tree / "build/deb").exists()


def test_dev_deb_installs_all_that_the_package_is_built_with():
    control = read("packaging", "debian", "control")
    needed = re.split(r"[,\s]+", re.sub(r"\(.*?\)", "", re.search(r"^Build-Depends: (.*?)^\S", control, re.S | re.M).group(1)).strip())
    needed = {name.replace("debhelper-compat", "debhelper") for name in needed}
    assert needed <= listed("to_build") | listed("to_deb")
    assert {"build-essential", "dpkg-dev"} <= listed("to_deb")


# ---- ./dev ----

@pytest.mark.parametrize("command", ["demo", "check", "deb", "bench"])
def test_dev_without_sudo_says_what_to_run(path, command):
    folder = path(dirname=None, id="echo 1000", apt_get="exit 3", dpkg_query="exit 1")
    said = refused("/bin/sh", os.path.join(ROOT, "dev"), command, cwd="/", path=folder)
    assert said.startswith("dev: run as root: apt-get install make gcc ") and said.count("\n") == 1
    assert listed("to_build") <= set(said.split())


def test_dev_without_apt_names_the_packages(path):
    said = refused("/bin/sh", os.path.join(ROOT, "dev"), "demo", cwd="/", path=path(dirname=None, id="echo 0", dpkg_query="exit 1"))
    assert said.startswith("dev: there is no apt-get; ") and listed("to_build") <= set(said.split()) and said.count("\n") == 1


def test_dev_shows_its_commands():
    said = call(os.path.join(ROOT, "dev"), "--help", cwd="/")
    assert said == call(os.path.join(ROOT, "dev"), cwd="/")
    assert set(re.findall(r"\./dev (\w+)", said)) == set(re.findall(r"^(\w+)\)$", read("dev"), re.M)) == {"demo", "check", "deb", "bench", "interop"}
    assert refused(os.path.join(ROOT, "dev"), "chekc", cwd="/") == said


def test_the_workflow_calls_the_same_commands():
    runs = re.findall(r"^ +- run: (.*)$", read(".github", "workflows", "check.yml"), re.M)
    assert {"./dev demo", "./dev check"} <= set(runs)
    assert set(re.findall(r"uses: (\S+)@", read(".github", "workflows", "check.yml"))) == {"actions/checkout"}


# ---- how it compiles ----

def test_the_program_is_hardened():
    headers = call("readelf", "-hldW", VAURIEN, cwd="/")
    assert re.search(r"Type: +DYN \(Pos", headers) and "GNU_RELRO" in headers and "BIND_NOW" in headers
    names = call("nm", "-D", VAURIEN, cwd="/")
    assert "__stack_chk_fail" in names
    if os.environ.get("OPT") != "-O0":
        assert re.search(r"__\w+_chk\b", names.replace("__stack_chk_fail", ""))


def test_compile_commands(tree):
    call(MAKE, "-s", "compile_commands.json", cwd=tree)
    commands = json.loads((tree / "compile_commands.json").read_text())
    named = {entry["file"] for entry in commands}
    assert {os.path.relpath(p, ROOT) for kind in ("src", "cli") for p in glob.glob("%s/%s/**/*.c" % (ROOT, kind), recursive=True)} <= named
    assert len(named) == len(commands)
    for entry in commands[::40]:
        assert entry["directory"] == str(tree)
        call("sh", "-c", entry["command"] + " -o /dev/null", cwd=tree)


def has_formatter():
    return any(shutil.which(name) and int(re.search(r"version (\d+)", call(name, "--version", cwd="/")).group(1)) >= 16
               for name in ["clang-format"] + ["clang-format-%d" % n for n in range(16, 41)])


HOUSE = """\
struct short_one { int a, b; };

static int twice(int n)                 /* of what is given */
{
	if (n > 1)
		return n * 2;
	return 0;
}
"""


@pytest.mark.skipif(not has_formatter() or not shutil.which("git"), reason="clang-format 16 and git are not installed")
def test_format_shows_changed_lines_alone(tmp_path):
    def git(*words):
        call("git", "-c", "user.name=a", "-c", "user.email=a@b", *words, cwd=tmp_path)
    shutil.copy(os.path.join(ROOT, ".clang-format"), str(tmp_path))
    (tmp_path / "a.c").write_text("static int   old( int n ){ return n; }\n")
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "a")
    words = [sys.executable, os.path.join(ROOT, "tests", "format.py")]
    old = (tmp_path / "a.c").read_text()
    (tmp_path / "a.c").write_text(old + HOUSE)
    assert call(*words, cwd=tmp_path) == "differences: 0, files with changed lines: 1\n"
    for bad, shown in ((("\tif (n > 1)\n", "\tif( n>1 )\n"), "a.c:6:\n-\tif( n>1 )\n+\tif (n > 1)\n"),
                       (("\treturn 0;\n", "    return 0;\n"), "a.c:8:\n-    return 0;\n+\treturn 0;\n"),
                       (("n * 2;", "n * 2;" + " " * 80 + "/* far */"), "a.c:7: 118 columns, expected at most 100\n")):
        (tmp_path / "a.c").write_text(old + HOUSE.replace(*bad))
        assert refused(*words, cwd=tmp_path) == shown + "differences: 1, files with changed lines: 1\n"
