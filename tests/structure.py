#!/usr/bin/python3
"""structure.py - checks the structure of the source: laws of the folders, no circle between files, short functions.

usage: structure.py [--objects DIR]     DIR: the objects of src/, built before

1. Includes are written from src/ and point where tests/layers.txt lets them. audit/ lies beside src/, and counts as one
   of its folders.
2. No file depends on itself through others. A file here is a .c with its .h. It depends on another
   when it includes its header, or when its object refers to a symbol that the other's object defines
   (nm), so calls and data count, also those declared elsewhere.
3. No function is longer than 70 lines (universal-ctags).
4. No line is longer than 100 columns, tabs of 8, except those counted in tests/long-lines.txt. Nor
   is a line of prose in a page, except in those that programs write.
5. A file that opens with a file's name opens with its own: "/* loop.c - ...".
6. Each file of src/engine/ is in the table of docs/internals.md, once.

Each finding is a line; the last line says how many checks passed and failed.
"""
import argparse
import collections
import glob
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FUNCTION_LINES = 70
COLUMNS = 100
PAGES = sorted({os.path.relpath(path, ROOT) for path in glob.glob(ROOT + "/*.md") + glob.glob(ROOT + "/docs/*.md")} -
               {"docs/%s.md" % page for page in ("behaviors", "failures", "interop", "performance", "protocols", "tls-options")})
CODE = ("src", "include", "cli", "audit", "tests", "fuzz", "bench", "examples")


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as text:
        return text.read()


def sources():
    """All .c and .h of src/, as paths from src/; and of audit/, which begin with audit/."""
    found = glob.glob(os.path.join(ROOT, "src", "**", "*.[ch]"), recursive=True)
    return sorted([os.path.relpath(path, os.path.join(ROOT, "src")) for path in found] +
                  [os.path.relpath(path, ROOT) for path in glob.glob(os.path.join(ROOT, "audit", "*.[ch]"))])


def place(path):
    """Where it is, from the root."""
    return path if path.startswith("audit/") else "src/" + path


def unit(path):
    return os.path.splitext(path)[0]


def includes(path):
    """(line, header) of each include in quotes."""
    for number, line in enumerate(read(place(path)).split("\n"), 1):
        found = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if found:
            yield number, found.group(1)


# ---- 1. the laws of the folders ----

def laws():
    allowed = {}
    for line in read("tests/layers.txt").split("\n"):
        if line and not line.startswith("#"):
            folder, _, rest = line.partition(":")
            allowed[folder] = set(rest.split())
    return allowed


def broken_laws():
    allowed = laws()
    folders = {path.split("/")[0] for path in sources() if "/" in path}
    for folder in sorted(folders ^ set(allowed)):
        yield "tests/layers.txt: %s is %s" % (folder, "without a law" if folder in folders else "no folder of src/")
    for path in sources():
        folder = path.split("/")[0] if "/" in path else None
        for number, header in includes(path):
            where = "%s:%d" % (place(path), number)
            if header == "vaurien.h":
                continue
            if "/" not in header and folder:
                yield '%s: write "FOLDER/%s"' % (where, header)
            elif not os.path.exists(os.path.join(ROOT, place(header))):
                yield '%s: "%s" is no header of src/' % (where, header)
            elif folder in allowed and header.split("/")[0] != folder and \
                    not allowed[folder] & {header.split("/")[0], header}:
                yield "%s: %s/ may not include %s" % (where, folder, header)


# ---- 2. no circle ----

def symbols(objects):
    """Of each unit the symbols that its object defines, and those that it needs from others."""
    built = os.path.dirname(objects)
    paths = [os.path.join(built, place(unit(path)) + ".o") for path in sources() if path.endswith(".c")]
    listing = subprocess.run(["nm", "-A", "-P"] + paths, stdout=subprocess.PIPE, check=True,
                             universal_newlines=True).stdout
    defined, needed = {}, collections.defaultdict(set)
    for line in listing.split("\n"):
        found = re.match(r"(.*?)\.o: (\S+) (\w)", line)
        if not found:
            continue
        name = os.path.relpath(found.group(1), built)
        name = name[4:] if name.startswith("src/") else name
        if found.group(3) == "U":
            needed[name].add(found.group(2))
        elif found.group(3) in "TDBRVWC":
            defined[found.group(2)] = name
    return defined, needed


def arrows(objects):
    """{unit: {unit it depends on: how}}"""
    graph = collections.defaultdict(dict)
    for path in sources():
        for number, header in includes(path):
            if unit(header) != unit(path) and header != "vaurien.h":
                graph[unit(path)][unit(header)] = "%s:%d includes it" % (place(path), number)
    defined, needed = symbols(objects)
    for name, wanted in needed.items():
        for symbol in sorted(wanted):
            other = defined.get(symbol)
            if other and other != name:
                graph[name].setdefault(other, "needs " + symbol)
    return graph


def circles(graph):
    """Groups of units that depend on each other (Tarjan's strongly connected components)."""
    index, low, stack, on, found = {}, {}, [], set(), []

    def visit(node):
        work = [(node, iter(sorted(graph.get(node, ()))))]
        index[node] = low[node] = len(index)
        stack.append(node)
        on.add(node)
        while work:
            at, rest = work[-1]
            for other in rest:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    on.add(other)
                    work.append((other, iter(sorted(graph.get(other, ())))))
                    break
                if other in on:
                    low[at] = min(low[at], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[at])
                if low[at] == index[at]:
                    group = set()
                    while at not in group:
                        group.add(stack.pop())
                    on.difference_update(group)
                    if len(group) > 1:
                        found.append(group)

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def told_circles(objects):
    graph = arrows(objects)
    for group in circles(graph):
        yield "circle of %d files: %s" % (len(group), " ".join(sorted(group)))
        for name in sorted(group):
            for other in sorted(set(graph[name]) & group):
                yield "    %s -> %s: %s" % (name, other, graph[name][other])


# ---- 3. short functions ----

def long_functions():
    paths = [path for folder in CODE for path in
             glob.glob(os.path.join(ROOT, folder, "**", "*.[ch]"), recursive=True)]
    listing = subprocess.run(["ctags", "-f", "-", "--languages=C", "--langmap=C:.c.h", "--kinds-C=f",
                              "--fields=+ne"] + sorted(paths),
                             stdout=subprocess.PIPE, check=True, universal_newlines=True).stdout
    for line in listing.split("\n"):
        found = re.search(r"^(\w+)\t([^\t]+)\t.*\tline:(\d+).*\tend:(\d+)", line)
        if found and int(found.group(4)) - int(found.group(3)) + 1 > FUNCTION_LINES:
            yield "%s:%s: %s has %d lines, at most %d" % (
                os.path.relpath(found.group(2), ROOT), found.group(3), found.group(1),
                int(found.group(4)) - int(found.group(3)) + 1, FUNCTION_LINES)


# ---- 4. lines ----

def long_lines():
    """No new line over 100 columns: a file may have as many as tests/long-lines.txt counts, and no more."""
    counted = dict(line.rsplit(" ", 1) for line in read("tests/long-lines.txt").split("\n")
                   if line and not line.startswith("#")) if os.path.exists(os.path.join(ROOT, "tests/long-lines.txt")) else {}
    for folder in CODE:
        for path in sorted(glob.glob(os.path.join(ROOT, folder, "**", "*.[ch]"), recursive=True)):
            name = os.path.relpath(path, ROOT)
            lines = [number for number, line in enumerate(read(name).split("\n"), 1)
                     if len(line.expandtabs(8)) > COLUMNS]
            most = int(counted.pop(name, 0))
            if len(lines) > most:
                yield "%s: %d lines over %d columns, at most %d: %s" % (
                    name, len(lines), COLUMNS, most, " ".join(map(str, lines[:8])))
            elif len(lines) < most:
                yield "tests/long-lines.txt: %s has %d long lines now, not %d" % (name, len(lines), most)
    for name in sorted(counted):
        yield "tests/long-lines.txt: %s is no file" % name


def long_prose():
    """Lines of code, tables, links and pictures may be longer."""
    for page in PAGES:
        code = False
        for number, line in enumerate(read(page).split("\n"), 1):
            code ^= bool(re.match(" *```", line))
            if len(line) > COLUMNS and not code and not re.match(r"\||    |- .*\]\(|!\[|<!--", line):
                yield "%s:%d: %d columns, at most %d" % (page, number, len(line), COLUMNS)


def strange_names():
    for directory in CODE:
        for path in sorted(glob.glob(os.path.join(ROOT, directory, "**", "*.[ch]"), recursive=True)):
            name = re.match(r"/\* ([\w.]+\.[ch])\b", read(os.path.relpath(path, ROOT)))
            if name and name[1] != os.path.basename(path):
                yield "%s: opens as %s" % (os.path.relpath(path, ROOT), name[1])


# ---- 6. the map of the engine ----

def unlisted_files():
    table = re.search(r"^The files of `engine/`.*?(?=^Where is)", read("docs/internals.md"), re.M | re.S)
    listed = re.findall(r"\w+", re.sub(r"\([^)]*\)|\.h\b", "", " ".join(re.findall(r"\| ([^|]*) \|$", table.group(0), re.M)[1:])))
    files = {os.path.basename(unit(path)) for path in sources() if path.startswith("engine/")}
    for name in sorted(files ^ set(listed)):
        yield "docs/internals.md: the table of engine/ %s %s" % ("lacks" if name in files else "has no file", name)
    for name in sorted({name for name in listed if listed.count(name) > 1}):
        yield "docs/internals.md: the table of engine/ has %s twice" % name


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--objects", default=os.path.join(ROOT, "build", "plain", "src"))
    options = parser.parse_args()
    passed = failed = 0
    for findings in (broken_laws(), told_circles(options.objects), long_functions(), long_lines(), long_prose(), strange_names(),
                     unlisted_files()):
        found = list(findings)
        print("\n".join(found), end="\n" if found else "")
        passed, failed = passed + (not found), failed + bool(found)
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
