#!/usr/bin/python3
"""interop.py - Vaurien between servers and clients that Debian does not have. It is no part of the check.

usage: interop.py [NAME...]     all systems, or those named; `make interop INTEROP=NAME` and `./dev interop` call it

A system is a file of this folder, whose name has no `_`, with:

    TITLE       the heading of its section in docs/interop.md
    NEEDS       programs without which it cannot be run
    TELLS       sentences below the heading
    prepare(work)               installs what it needs into a folder that is kept; returns what its cases get
    cases(work, ready)          yields (who, what, function); the function returns a figure or None, or fails

The section of each system that ran is written to docs/interop.md; the others stay. A case that fails is a row too, and
the exit code is 1. What cannot be run is reported, and its section stays as it was.
"""
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PAGE = os.path.join(ROOT, "docs", "interop.md")
WORK = os.path.join(ROOT, "build", "interop")
PATIENCE = 120                  # seconds that a client may take for a command
sys.path[:0] = [HERE, os.path.join(ROOT, "tests")]
from harness import Proxy, free_port, listening, patience, until         # noqa: E402,F401: for the systems


def call(*words, **options):
    """What a command prints. It fails with what the command has printed."""
    done = subprocess.run(list(map(str, words)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
                          timeout=600, **options)
    assert done.returncode == 0, "%s: %s" % (words[0], (done.stderr + done.stdout)[-2000:])
    return done.stdout


def go_built(work, module, program, files):
    """The path of a program of a module of Go, NAME@VERSION; built once. `files`: texts that its archive lacks, by path."""
    made = os.path.join(work, "bin", program.rsplit("/", 1)[1])
    if not os.path.exists(made):
        source = os.path.join(work, "source")
        shutil.rmtree(source, ignore_errors=True)
        there = json.loads(call("go", "mod", "download", "-json", module, cwd=work))["Dir"]
        shutil.copytree(there, source)
        call("chmod", "-R", "u+w", source)
        for path, text in files.items():
            with open(os.path.join(source, path), "w") as out:
                out.write(text)
        call("go", "build", "-buildvcs=false", "-o", made, program, cwd=source)
    return made


def laid(folder, names):
    """A kept folder with these files of ours: (its path, whether any of them is new)."""
    made, changed = os.path.join(WORK, folder), False
    os.makedirs(made, exist_ok=True)
    for name in names:
        with open(os.path.join(HERE, name)) as text:
            wanted = text.read()
        there = os.path.join(made, name)
        if not os.path.exists(there) or open(there).read() != wanted:
            changed = True
            with open(there, "w") as out:
                out.write(wanted)
    return made, changed


def npm_installed():
    """The folder of node_modules, with what package-lock.json has."""
    made, changed = laid("npm", ("package.json", "package-lock.json"))
    if changed or not os.path.exists(os.path.join(made, "node_modules")):
        call("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", cwd=made)
    return os.path.join(made, "node_modules")


def pip_installed():
    """A Python with what requirements.txt has."""
    made, changed = laid("pip", ("requirements.txt",))
    python = os.path.join(made, "bin", "python3")
    if changed or not os.path.exists(python):
        call("/usr/bin/python3", "-m", "venv", made)
        call(python, "-m", "pip", "install", "--quiet", "--no-deps", "-r", "requirements.txt", cwd=made)
    return python


def maven_installed():
    """The class path with what pom.xml has."""
    made, changed = laid("maven", ("pom.xml",))
    jars = os.path.join(made, "lib")
    if changed or not os.path.exists(jars):
        shutil.rmtree(jars, ignore_errors=True)
        call("mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib", cwd=made)
    return os.path.join(jars, "*")


def go_program(name):
    """The path of a program of this folder, NAME.go, with the modules of go.mod."""
    made, changed = laid("go", ("go.mod", "go.sum", name + ".go"))
    program = os.path.join(made, name)
    if changed or not os.path.exists(program):
        call("go", "build", "-o", program, name + ".go", cwd=made)
    return program


def node_words(program):
    return ["env", "NODE_PATH=" + npm_installed(), "node", os.path.join(HERE, program)]


def node(program, *words):
    """What a program of this folder prints, with the packages of npm."""
    return call(*node_words(program), *words)


def java_words(name, main, *options):
    """The command of NAME.java of this folder, compiled once; `main` is its class."""
    made, changed = laid("java-" + name, (name + ".java",))
    jars = maven_installed()
    if changed or not os.path.exists(os.path.join(made, main + ".class")):
        call("javac", "-nowarn", "-cp", jars, "-d", made, name + ".java", cwd=made)
    # a short life: no time is spent on the second compiler
    return ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", *options, "-cp", made + ":" + jars, main]


def java(name, main, *words):
    return call(*java_words(name, main), *words)


def dialed(pid):
    """The ports that sockets of a process are connected to, as the kernel lists them."""
    mine, found = set(), set()
    for fd in os.listdir("/proc/%d/fd" % pid):
        try:
            mine.add(os.readlink("/proc/%d/fd/%s" % (pid, fd)))
        except OSError:
            pass                                            # closed meanwhile
    for table in ("/proc/%d/net/tcp" % pid, "/proc/%d/net/tcp6" % pid):
        with open(table) as lines:
            for words in map(str.split, lines.readlines()[1:]):
                if "socket:[%s]" % words[9] in mine:
                    found.add(int(words[2].split(":")[1], 16))
    return found - {0}


class Asked:
    """A program that answers each line of JSON on its standard input with one on its output, by means of a client."""

    def __init__(self, folder, name, *words):
        self.errors = open(os.path.join(folder, "errors-" + name), "w+")
        self.process = subprocess.Popen(list(map(str, words)), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors, universal_newlines=True, bufsize=1)

    def answer(self, op, **words):
        """{"value": ...} or {"raised": its exception, "text": ...}"""
        self.process.stdin.write(json.dumps(dict(words, op=op)) + "\n")
        self.process.stdin.flush()
        clock = threading.Timer(PATIENCE, self.process.kill)
        clock.start()
        try:
            line = self.process.stdout.readline()
        finally:
            clock.cancel()
        assert line, "no answer to %s in %d s: %s" % (op, PATIENCE, open(self.errors.name).read()[-2000:])
        return json.loads(line)

    def do(self, op, **words):
        answer = self.answer(op, **words)
        assert "raised" not in answer, "%s: %s" % (op, answer)
        return answer["value"]

    def raised(self, op, **words):
        answer = self.answer(op, **words)
        assert "raised" in answer, "%s %r raised nothing: %r" % (op, words, answer)
        return answer

    def stop(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass                                            # it is gone already: the cases have seen that
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()


class Server:
    """A process that listens on a port of loopback. Its output is a file of the folder."""

    def __init__(self, folder, port, *words, **options):
        self.port, self.address = port, "127.0.0.1:%d" % port
        self.said = open(os.path.join(folder, "output-%d" % port), "w+")
        self.process = subprocess.Popen(list(map(str, words)), stdin=subprocess.DEVNULL, stdout=self.said,
                                        stderr=self.said, **options)
        until(self.up, 60, "%s to listen" % words[0])

    def up(self):
        assert self.process.poll() is None, open(self.said.name).read()[-2000:]
        return listening(self.port)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.said.close()


class Proxied:
    """with Proxied(server, "--protocol", "mongo") as proxy: a Vaurien with its API, as in tests/harness.py."""

    def __init__(self, server, *words):
        self.server, self.words = server, words

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.proxy = Proxy(self.folder.name, list(self.words), self.server, True, None)
        return self.proxy.wait_ready(lambda: listening(self.proxy.port))

    def __exit__(self, *_):
        try:
            self.proxy.stop()
        finally:
            self.proxy.destroy()
            self.folder.cleanup()


# ---- the page ----

HEAD = """# Interoperation

Servers and clients that are not in Debian, met by Vaurien. `./dev interop` installs them from their
own registries, runs the programs of `tests/interop/` and writes this page. It is not part of
`./dev check`.

A result is "ok", what the client raised, or what was measured.
"""


def cell(text):
    return str(text).replace("|", "\\|").replace("\n", " ")


def section_of(system, rows):
    lines = ["## " + system.TITLE, "", system.TELLS, "", "| client | case | result |", "|---|---|---|"]
    return "\n".join(lines + ["| %s | %s | %s |" % tuple(map(cell, row)) for row in rows]) + "\n"


def page_write(sections):
    """The sections that ran take the place of those of their titles; the others stay."""
    old = open(PAGE).read() if os.path.exists(PAGE) else HEAD
    kept = {part.split("\n", 1)[0]: part for part in re.split(r"^(?=## )", old, flags=re.M)[1:]}
    kept.update({text.split("\n", 1)[0]: text for text in sections})
    with open(PAGE, "w") as page:
        page.write("\n".join([HEAD] + [kept[title].rstrip("\n") + "\n" for title in sorted(kept)]))


# ---- running ----

def rows_of(system, work):
    """(rows, how many failed)"""
    rows, failed = [], 0
    for who, what, function in system.cases(work, system.prepare(work)):
        try:
            result = function() or "ok"
        except Exception as error:                          # a row of the page, and the rest goes on
            traceback.print_exc()
            result, failed = "FAILED: %s" % str(error).split("\n")[0][:120], failed + 1
        print("%-12s %-70s %s" % (who, what, result), flush=True)
        rows.append((who, what, result))
    return rows, failed


def main(names):
    there = sorted(name[:-3] for name in os.listdir(HERE)
                   if name.endswith(".py") and "_" not in name and name != "interop.py")
    unknown = set(names) - set(there)
    if unknown:
        sys.exit("interop: expected some of %s, got %s" % (", ".join(there), ", ".join(sorted(unknown))))
    sections, failed, left = [], 0, []
    for name in names or there:
        system = importlib.import_module(name)
        missing = [program for program in system.NEEDS if not shutil.which(program)]
        if missing:
            left.append(name)
            print("*** %s is not run: %s is not installed ***" % (name, ", ".join(missing)))
            continue
        print("== " + system.TITLE, flush=True)
        work = os.path.join(WORK, name)
        os.makedirs(work, exist_ok=True)
        rows, bad = rows_of(system, work)
        failed += bad
        sections.append(section_of(system, rows))
    page_write(sections)
    print("%d systems, %d cases failed, %d systems not run" % (len(sections), failed, len(left)))
    return 1 if failed or left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
