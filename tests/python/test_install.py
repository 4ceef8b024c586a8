"""make install, make deb and what they install: programs, manual pages, completions, a unit, a header."""
import glob
import os
import pty
import re
import select
import subprocess

import pytest
from conftest import bare_environment, call
from harness import ROOT, Deadline, free_port, listening, need, patience, until

import vaurien


def files(folder):
    return {os.path.relpath(path, str(folder)) for path in glob.glob(str(folder) + "/**", recursive=True) if os.path.isfile(path)}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("root")
    call("make", "-s", "install", "DESTDIR=%s" % folder, "prefix=/usr", cwd=ROOT)
    return folder


def help_of(program):
    """The words that print all flags."""
    return ["--help", "all"] if os.path.basename(str(program)) == "vaurien" else ["--help"]


def flags(program):
    return set(re.findall(r"^ +(?:-h, )?(--[a-z][\w.-]*)", call(program, *help_of(program), cwd="/"), re.M))


# ---- make install ----

def test_what_is_installed_is_there(root):
    assert {"usr/bin/vaurien", "usr/bin/vaurienctl", "usr/bin/vaurien-audit", "usr/share/man/man1/vaurien-audit.1",
            "usr/include/vaurien.h", "usr/share/pkgconfig/vaurien.pc",
            "usr/share/man/man1/vaurien.1", "usr/share/man/man1/vaurienctl.1", "usr/share/man/man7/vaurien-plugins.7",
            "usr/share/bash-completion/completions/vaurien", "usr/share/bash-completion/completions/vaurienctl",
            "usr/share/zsh/site-functions/_vaurien", "usr/lib/systemd/system/vaurien.service",
            "usr/share/doc/vaurien/README.md", "usr/share/doc/vaurien/docs/python.md"} <= files(root)
    assert "toxiproxy-server" in call(root / "usr/bin/toxiproxy-server", "-version", cwd="/")
    assert os.readlink(str(root / "usr/bin/toxiproxy-server")) == "vaurien"
    for program in ("vaurien", "vaurienctl", "vaurien-audit"):
        assert call(root / "usr/bin" / program, "--version", cwd="/") == vaurien.__version__ + "\n"
    for path in files(root):
        if not path.startswith(("usr/bin/", "usr/share/doc/")):
            assert not re.search(r"@\w+@", (root / path).read_text()), path


def test_uninstall_leaves_nothing(tmp_path):
    words = ["DESTDIR=%s" % tmp_path, "prefix=/opt/vaurien"]
    call("make", "-s", "install", *words, cwd=ROOT)
    assert (tmp_path / "opt/vaurien/bin/vaurien").exists()
    (tmp_path / "opt/vaurien/bin/other").write_text("not ours")
    call("make", "-s", "uninstall", *words, cwd=ROOT)
    assert files(tmp_path) == {"opt/vaurien/bin/other"}
    assert not (tmp_path / "opt/vaurien/share/doc/vaurien").exists()


def test_a_plugin_is_built_against_what_is_installed(root, tmp_path):
    with open(os.path.join(ROOT, "docs", "writing-a-behavior.md")) as page:
        source = re.search(r"^```c\n(/\* last_answer .*?)^```", page.read(), re.S | re.M).group(1)
    (tmp_path / "last_answer.c").write_text(source)
    cflags = call("pkg-config", "--cflags", "vaurien", cwd="/", PKG_CONFIG_PATH=str(root / "usr/share/pkgconfig"),
                  PKG_CONFIG_SYSROOT_DIR=str(root), PKG_CONFIG_ALLOW_SYSTEM_CFLAGS="1").split()
    assert cflags == ["-I%s/usr/include" % root]
    call("cc", "-Wall", "-Werror", "-shared", "-fPIC", *cflags, "-o", "last_answer.so", "last_answer.c", cwd=tmp_path)
    assert "last_answer" in call(root / "usr/bin/vaurien", "--plugin", tmp_path / "last_answer.so", "--list", cwd="/")


# ---- manual pages ----

@pytest.mark.parametrize("page", ["man1/vaurien.1", "man1/toxiproxy-server.1", "man1/vaurienctl.1", "man1/vaurien-audit.1",
                                  "man7/vaurien-plugins.7"])
def test_a_manual_page_is_shown_without_a_warning(root, page):
    need("man")
    done = subprocess.run(["man", "--warnings", "-P", "cat", "-l", str(root / "usr/share/man" / page)],
                          env=bare_environment(MANWIDTH="100", LC_ALL="C.UTF-8", MANROFFOPT="-c"), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True)
    assert done.returncode == 0 and done.stderr == ""
    said = re.sub(".\b", "", done.stdout)
    assert "NAME" in said and vaurien.__version__ in said
    if page.startswith("man1"):                 # all flags, and all that is said of them
        words = " ".join(re.sub("\u2010\n +", "", said).split())
        program = root / "usr/bin" / ("vaurien" if "server" in page else page[len("man1/"):-len(".1")])
        helped = call(program, *help_of(program), cwd="/")
        for flag in re.findall(r"^ +(?:-h, )?(--[a-z][\w.-]*)", helped, re.M):
            assert flag in words, flag
    else:
        assert "VN_BEHAVIOR(last_answer" in said and "ON_LISTEN" in said and "vn_verdict_refuse" in said


# ---- completions ----

TYPED = [
    (["vaurien", "--protocol", "my"], ["mysql"]),
    (["vaurien", "--behavior-waves-sh"], ["--behavior-waves-shape"]),
    (["vaurien", "--behavior-waves-shape", "sq"], ["square"]),
    (["vaurien", "--http", "--stay"], ["--stay-connected"]),
    (["vaurien", "audi"], ["audit"]),
    (["vaurien", "audit", "--fault-t"], ["--fault-time"]),
    (["vaurien", "audit", "--backl"], ["--backlog"]),
    (["vaurien", "--behavior-error-failure", "deadl"], ["deadlock"]),
    (["vaurien", "de"], ["demo"]),
    (["vaurienctl", "set-be"], ["set-behavior"]),
    (["vaurienctl", "tox"], ["toxic"]),
    (["vaurienctl", "toxic", "upd"], ["update"]),
    (["vaurienctl", "rule", "rem"], ["remove"]),
    (["vaurienctl", "rule", "add", "slow_con"], ["slow_connect"]),
    (["vaurienctl", "rule", "add", "slow_connect", "--jit"], ["--jitter"]),
    (["vaurienctl", "wait", "--hi"], ["--hits"]),
    (["vaurien", "--help", "mysq"], ["mysql"]),
    (["vaurienctl", "toxic", "add", "db", "reset_p"], ["reset_peer"]),
    (["vaurienctl", "toxic", "add", "db", "latency", "--toxi"], ["--toxicity"]),
    (["vaurienctl", "toxic", "add", "db", "latency", "--jit"], ["--jitter"]),
    (["vaurienctl", "--json", "create", "db", "--upst"], ["--upstream"]),
    (["vaurienctl", "--js"], ["--json"]),
    (["vaurienctl", "set-behavior", "slow_conn"], ["slow_connect"]),
    (["vaurienctl", "set-behavior", "slow_connect", "--jit"], ["--jitter"]),
    (["vaurienctl", "set-behavior", "slow_connect", "--distribution", "par"], ["pareto"]),
    (["vaurienctl", "set-behavior", "error", "--failure", "deadl"], ["deadlock"]),
    (["vaurienctl", "set-behavior", "dummy", "--prob"], ["--probability"]),
    (["vaurienctl", "set-behavior", "dummy", "--per", "conn"], ["connection"]),
]


@pytest.mark.parametrize("words, completed", TYPED, ids=lambda words: " ".join(words))
def test_bash_completes(root, words, completed):
    assert bash_completes(root, words) == completed


# Before these stands where the vaurien is: mysql is its first proxy, cache and "c d" are redis.
ASKED = [
    (["disable", "ca"], ["cache"]),
    (["inspect", "my"], ["mysql"]),
    (["toxic", "add", "ca"], ["cache"]),
    (["rules", "my"], ["mysql"]),
    (["toxic", "remove", "cache", "lat"], ["latency_downstream"]),
    (["toxic", "update", "cache", "mi"], ["mine"]),
    (["--proxy", "cac"], ["cache"]),
    (["toxic", "add", "cache", "error", "--failure", "mast"], ["masterdown"]),
    (["--proxy", "cache", "set-behavior", "error", "--failure", "cluster"], ["cluster_down"]),
    (["set-behavior", "error", "--failure", "dead"], ["deadlock"]),
    (["close", "cache", "al"], ["all"]),
    (["help", "slow_conn"], ["slow_connect"]),
    (["help", "set-be"], ["set-behavior"]),
]


@pytest.fixture(scope="module")
def port(root):
    """Of a vaurien's API, which has proxies and toxics that completion can ask for."""
    port = free_port()
    with subprocess.Popen([str(root / "usr/bin/vaurien"), "--add", "mysql=127.0.0.1:0=127.0.0.1:9,mysql", "--add", "cache=127.0.0.1:0=127.0.0.1:9,redis",
                           "--http", "--http-port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            until(lambda: listening(port))
            for words in (["latency", "--latency", "1"], ["noop", "--name", "mine"]):
                call(root / "usr/bin/vaurienctl", "--http-port", str(port), "toxic", "add", "cache", *words, cwd="/")
            yield str(port)
        finally:
            process.terminate()


def bash_completes(root, words):
    words = [str(root / "usr/bin" / words[0])] + words[1:]
    text = '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _${1##*/} "$1"; printf "%s\\n" "${COMPREPLY[@]}"'
    return call("bash", "-c", text, root / "usr/share/bash-completion/completions" / os.path.basename(words[0]), *words, cwd="/").split()


@pytest.mark.parametrize("words, completed", ASKED, ids=lambda words: " ".join(words))
def test_bash_asks_the_vaurien(root, port, words, completed):
    for where in (["--http-port", port], ["--http-port", "=", port], ["--host", "localhost:" + port]):
        assert bash_completes(root, ["vaurienctl", *where, *words]) == completed


def test_bash_offers_failures_of_the_protocol_only(root, port):
    offered = bash_completes(root, ["vaurienctl", "--http-port", port, "toxic", "add", "cache", "error", "--failure", ""])
    assert "masterdown" in offered and "deadlock" not in offered and "bad_gateway" not in offered
    offered = bash_completes(root, ["vaurienctl", "--http-port", port, "set-behavior", "error", "--failure", ""])
    assert "deadlock" in offered and "masterdown" not in offered


def test_bash_completes_behind_an_equals_sign_and_files(root):
    def complete(*words):
        text = '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _vaurien "$1"; printf "%s\\n" "${COMPREPLY[@]}"'
        return call("bash", "-c", text, root / "usr/share/bash-completion/completions/vaurien",
                    root / "usr/bin/vaurien", *words, cwd=ROOT).split()
    assert complete("--protocol", "=", "my") == ["mysql"] and "mysql" in complete("--protocol", "=")
    assert complete("--config", "READM") == ["README.md"]


def test_bash_offers_all_flags(root):
    text = '. "$0"; COMP_WORDS=("$1" --); COMP_CWORD=1; _${1##*/} "$1"; printf "%s\\n" "${COMPREPLY[@]}"'
    for program in ("vaurien", "vaurienctl"):
        said = call("bash", "-c", text, root / "usr/share/bash-completion/completions" / program, root / "usr/bin" / program, cwd="/")
        older = {flag for flag in flags(root / "usr/bin" / program) - set(said.split())}
        assert all(re.match("--(pool-timeout|sync|protocol-.*-(keep-alive|reuse-socket|buffer))$", flag) for flag in older)


ZSH = """
PS1= PS2= RPS1= TERM=dumb
fpath=(%(root)s/usr/share/zsh/site-functions $fpath)
path=(%(root)s/usr/bin $path)
autoload -Uz compinit && compinit -u -D
show() { zle complete-word; print -r -- "<<$BUFFER>>"; zle kill-whole-line }
zle -N show && bindkey '^T' show
print 'rea''dy'
"""


class Terminal:
    """A zsh that someone types at."""

    def __init__(self, text):
        pid, self.fd = pty.fork()
        if pid == 0:
            os.execvpe("zsh", ["zsh", "-f", "-i"], bare_environment())
        self.pid, self.said = pid, ""
        self.type(text)
        self.wait("ready")

    def type(self, text):
        os.write(self.fd, text.encode())

    def wait(self, pattern):
        deadline = Deadline()
        while not re.search(pattern, self.said):
            assert not deadline.passed(), self.said
            if select.select([self.fd], [], [], 0.1)[0]:
                self.said += os.read(self.fd, 1 << 16).decode("utf-8", "replace")
        found, self.said = re.search(pattern, self.said), ""
        return found

    def close(self):
        os.close(self.fd)                       # it gets SIGHUP
        os.waitpid(self.pid, 0)


def test_zsh_completes(root, port, tmp_path):
    need("zsh")
    (tmp_path / "begin").write_text(ZSH % {"root": root})
    zsh = Terminal(". %s\n" % (tmp_path / "begin"))
    try:
        for words, completed in TYPED + [(["vaurienctl", "--http-port", port, *words], completed) for words, completed in ASKED]:
            zsh.type(" ".join(words) + "\x14")
            assert zsh.wait(r"<<(.*?)=?>>").group(1).split() == words[:-1] + completed
    finally:
        zsh.close()


# ---- the service ----

def test_the_unit_is_sound_and_hardened(root, tmp_path):
    need("systemd-analyze")
    text = (root / "usr/lib/systemd/system/vaurien.service").read_text()
    assert "ExecStart=/usr/bin/vaurien --config /etc/vaurien.ini" in text
    unit = tmp_path / "vaurien.service"
    unit.write_text(text.replace("/usr/bin/", str(root / "usr/bin") + "/"))
    assert call("systemd-analyze", "verify", "--man=no", unit, cwd="/") == ""
    said = call("systemd-analyze", "security", "--offline=true", "--threshold=15", unit, cwd="/")
    assert re.search(r"Overall exposure level.*: 1\.\d OK", said)


# ---- make deb ----

PLUGGED = """
import vaurien

def test_it(vaurien_proxy):
    assert vaurien.__file__.startswith("%s")
    assert vaurien_proxy("127.0.0.1:1", behavior="delay").client.get_behavior() == "delay"
"""


@pytest.fixture(scope="module")
def deb():
    need("dpkg-buildpackage")
    need("dh")
    call("make", "-s", "deb", cwd=ROOT, OPT="-O0", DEB_BUILD_OPTIONS="noautodbgsym")
    made = sorted(glob.glob(ROOT + "/build/deb/*.deb"))
    assert [os.path.basename(path).split("_")[0] for path in made] == ["python3-vaurien", "vaurien"]
    return made


def test_the_package_is_built_from_what_make_needs():
    with open(os.path.join(ROOT, "dev")) as script, open(os.path.join(ROOT, "packaging", "debian", "control")) as control:
        needed = re.search(r'^to_build="(.*?)"', script.read(), re.S | re.M).group(1).split()
        said = re.split(r"[,\s]+", re.search(r"^Build-Depends: (.*?)^\S", control.read(), re.S | re.M).group(1))
    assert set(needed) - {"make", "gcc", "libc6-dev"} <= set(said)      # those three are there in any case


def test_lintian_finds_nothing_wrong(deb):
    need("lintian")
    said = call("lintian", "--allow-root", "--fail-on", "error,warning", *glob.glob(ROOT + "/build/deb/*.changes"), cwd="/")
    assert "E:" not in said and "W:" not in said


@pytest.mark.skipif(os.getuid() != 0, reason="dpkg installs for root only")
def test_the_packages_come_and_go(deb, tmp_path):
    (tmp_path / "var/lib/dpkg/info").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/updates").mkdir()
    (tmp_path / "var/lib/dpkg/status").write_text("")
    dpkg = ["dpkg", "--root=%s" % tmp_path, "--force-script-chrootless", "--force-depends", "--log=/dev/null"]
    modules = "usr/lib/python3/dist-packages"

    def ours():
        return {path for path in files(tmp_path) if not path.startswith("var/lib/dpkg/")}
    call(*dpkg, "--install", *deb, cwd="/")
    assert {"usr/bin/vaurien", "etc/vaurien.ini", "lib/systemd/system/vaurien.service", "usr/share/man/man1/vaurien.1.gz",
            "usr/share/zsh/vendor-completions/_vaurien", modules + "/vaurien/py.typed", modules + "/vaurienclient/__init__.py"} <= ours()
    assert call(tmp_path / "usr/bin/vaurien", "--version", cwd="/") == vaurien.__version__ + "\n"
    assert not glob.glob(str(tmp_path) + "/etc/systemd/system/*")       # it starts when someone wants it

    (tmp_path / "test_it.py").write_text(PLUGGED % (tmp_path / modules))
    said = call("/usr/bin/python3", "-m", "pytest", "-p", "no:cacheprovider", "test_it.py", cwd=tmp_path,
                PYTHONPATH=str(tmp_path / modules), PATH="%s/usr/bin:%s" % (tmp_path, os.environ["PATH"]))
    assert "1 passed" in said and "vaurien-%s" % vaurien.__version__ in said        # pytest found the plugin by itself
    (tmp_path / "test_it.py").unlink()

    call(*dpkg, "--remove", "python3-vaurien", "vaurien", cwd="/")
    assert {path for path in ours() if not path.startswith("var/lib/systemd/")} == {"etc/vaurien.ini"}
    call(*dpkg, "--purge", "vaurien", cwd="/")
    assert ours() == set()
