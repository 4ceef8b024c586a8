"""docs/audit.md has every finding and every outage of the program, and no others."""
import glob
import os
import re

from conftest import ROOT


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def part(title):
    return read("docs", "audit.md").split("### %s\n" % title)[1].split("\n## ")[0].split("\n### ")[0]


def test_findings():
    rows = {name: severity for names, severity in re.findall(r"^\| (`[^|]*`) \| (\w+) \|", part("Findings"), re.M)
            for name in re.findall("`(.*?)`", names)}
    source = "".join(read(path) for path in sorted(glob.glob(os.path.join(ROOT, "audit", "*.c"))))
    known = {name: severity.lower() for name, severity in re.findall(r'\{ "(\w+)",\s*SEVERITY_(\w+),', source)}
    known.update({name: severity.lower() for name, severity in re.findall(r'finding_leak = \{\s*"(\w+)", SEVERITY_(\w+)', source)})
    assert len(known) > 25 and rows == known


def test_outages():
    sets = {}
    for path in glob.glob(os.path.join(ROOT, "audit", "outages", "*.ini")):
        text = read(path)
        sets.setdefault(re.search("^set = (.*)", text, re.M).group(1), set()).add(re.search(r"^\[scenario:(.*)\]", text, re.M).group(1))
    told = {first: set(re.findall("`([a-z_-]+)`", rest)) for first, rest in
            re.findall(r"^\| `([a-z]+)(?:,restart)?` \| (.*) \|$", part("Faults"), re.M)}
    assert told["quick"] == sets["quick"] and told["default"] == sets["default"] and told["all"] == sets["all"]
    assert told["hang"] == sets["named"]
