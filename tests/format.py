"""make format: what clang-format would change in the lines of C that differ from a commit (HEAD by default).

It shows changes of indentation and of spacing, and added lines of more than 100 columns. It hides what clang-format
cannot express: aligned trailing comments, aligned tables, and short structs on one line.
"""
import difflib
import re
import shutil
import subprocess
import sys

COLUMNS = 100


def run(*words, rc=(0,)):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    if done.returncode not in rc:
        sys.exit("make format: %s: %s" % (words[0], done.stderr.strip()))
    return done.stdout


def formatter():
    """A clang-format that knows .clang-format's keys."""
    for name in ["clang-format"] + ["clang-format-%d" % n for n in range(40, 13, -1)]:
        if shutil.which(name) and int(re.search(r"version (\d+)", run(name, "--version")).group(1)) >= 14:
            return name
    sys.exit("make format: it needs clang-format 14 or later; run: apt-get install clang-format")


def changed(base):
    """{file: [(first, last)]} of the lines that were changed or added since `base`."""
    lines, name = {}, None
    for line in run("git", "diff", "-U0", "--no-color", "--no-ext-diff", "--relative", base, "--", "*.c", "*.h").split("\n"):
        if line.startswith("+++ "):
            name = line[6:] if line.startswith("+++ b/") else None
        found = re.match(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@", line)
        if found and name and found.group(2) != "0":
            first = int(found.group(1))
            lines.setdefault(name, []).append((first, first + int(found.group(2) or 1) - 1))
    return lines


def same(old, new):
    """No difference but in blanks within lines, or in where a line ends."""
    def begin(line):
        return line[:len(line) - len(line.lstrip())]
    if len(old) == len(new) and any(begin(a) != begin(b) for a, b in zip(old, new)):
        return False
    return " ".join(old).split() == " ".join(new).split()


def differences(binary, name, ranges):
    with open(name) as source:
        old = source.read().split("\n")
    for first, last in ranges:
        for n in range(first, last + 1):
            width = len(old[n - 1].expandtabs(8))
            if width > COLUMNS:
                yield "%s:%d: %d columns, expected at most %d" % (name, n, width, COLUMNS)
    new = run(binary, *["--lines=%d:%d" % pair for pair in ranges], name).split("\n")
    for what, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what != "equal" and not same(old[a:b], new[c:d]):
            yield "\n".join(["%s:%d:" % (name, a + 1)] + ["-" + s for s in old[a:b]] + ["+" + s for s in new[c:d]])


def main():
    base, binary, found = (sys.argv + ["HEAD"])[1], formatter(), 0
    files = changed(base)
    for name in sorted(files):
        for difference in differences(binary, name, files[name]):
            print(difference)
            found += 1
    print("differences: %d, files with changed lines: %d" % (found, len(files)))
    sys.exit(found > 0)


main()
