"""The formats of a report: whole, escaped, within their limits, and readable by what reads them in CI."""
import copy
import json
import os
import re
import subprocess
import xml.etree.ElementTree

import jsonschema
import junitparser
import pytest
import reports

HERE = os.path.dirname(os.path.abspath(__file__))
FORMATS = ("html", "json", "junit", "markdown", "text")


def strict(schema):
    """The schema, without room for properties that it does not name: what a program of today writes."""
    schema = copy.deepcopy(schema)

    def tighten(node):
        if isinstance(node, dict):
            if node.get("type") == "object" and "properties" in node:
                node.setdefault("additionalProperties", False)
            for each in node.values():
                tighten(each)
        elif isinstance(node, list):
            for each in node:
                tighten(each)
    tighten(schema)
    return jsonschema.Draft202012Validator(schema)


# ---- JSON ----

def test_schema(schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    strict(schema).validate(reports.usual())
    for text in reports.HOSTILE:
        strict(schema).validate(reports.hostile(text))


@pytest.mark.parametrize("name", ["verdict", "experiments", "counts", "seed"])
def test_schema_notices(schema, name):
    report = reports.usual()
    del report[name]
    with pytest.raises(jsonschema.ValidationError):
        strict(schema).validate(report)


def test_json(write, schema):
    report = reports.usual()
    written = write("json", report).decode()
    assert json.loads(written) == report
    strict(schema).validate(json.loads(written))
    lines = written.split("\n")
    assert len(lines) < 60                          # one a property, one an experiment: it can be compared
    assert sum('"outage":' in line for line in lines) == len(report["experiments"])


# ---- JUnit ----

def cases(root):
    return {(case.get("classname"), case.get("name")): case for case in root.iter("testcase")}


def checked_junit(text, tmp_path):
    path = tmp_path / "audit.xml"
    path.write_bytes(text)
    done = subprocess.run(["xmllint", "--noout", "--nonet", "--schema", os.path.join(HERE, "junit.xsd"), str(path)],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[:2000]
    root = xml.etree.ElementTree.fromstring(text)
    counts = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    for suite in list(root) + [root]:
        inside = list(suite.iter("testcase"))
        assert int(suite.get("tests")) == len(inside)
        for attribute in set(counts) & set(suite.keys()):
            tag = counts[attribute]
            assert int(suite.get(attribute)) == sum(case.find(tag) is not None for case in inside), (suite.get("name"), tag)
    assert len(cases(root)) == len(list(root.iter("testcase")))     # CI drops doubles
    for tag in ("failure", "error", "skipped"):
        for each in root.iter(tag):
            assert each.text.split() == each.get("message").split()     # some show one, some the other
    return root


def test_junit(write, tmp_path):
    root = checked_junit(write("junit", reports.usual()), tmp_path)
    assert [suite.get("name") for suite in root] == ["db/" + name for name in reports.OUTAGES]
    every = cases(root)
    assert set(name for _, name in every) == {"front", "stock", "order", "connections"}
    failure = every["vaurien.db.half_open", "stock"].find("failure")
    assert failure.get("type") == "hangs"
    assert "not back after 100 s, nothing tried" in failure.get("message")
    assert "set a time-out in the driver" in failure.get("message")
    assert every["vaurien.db.restart", "stock"].find("failure") is None
    assert "stale_pool" in every["vaurien.db.restart", "stock"].find("system-out").text
    assert every["vaurien.db.lost_reply", "stock"].find("skipped") is not None
    assert root[1].get("timestamp") == "2026-01-05T10:00:50"
    for each in every:
        assert not re.search(r"\d", "".join(each))                  # a figure would make it another case each time


def test_junit_by_junitparser(write, tmp_path):
    path = tmp_path / "audit.xml"
    path.write_bytes(write("junit", reports.usual()))
    suites = junitparser.JUnitXml.fromfile(str(path))
    assert (suites.tests, suites.failures, suites.errors, sum(suite.skipped for suite in suites)) == (24, 5, 0, 4)
    failing = [case for suite in suites for case in suite for result in case.result if isinstance(result, junitparser.Failure)]
    assert {(case.classname, case.name) for case in failing} == {
        ("vaurien.db.hang", "front"), ("vaurien.db.hang", "stock"), ("vaurien.db.hang", "order"),
        ("vaurien.db.half_open", "stock"), ("vaurien.db.half_open", "order")}


def test_junit_degraded(write, tmp_path):
    root = checked_junit(write("junit", dict(reports.usual(), fail_on="degraded")), tmp_path)
    assert cases(root)["vaurien.db.restart", "stock"].find("failure").get("type") == "stale_pool"


def test_junit_known(write, tmp_path):
    report = reports.usual()
    for part in report["experiments"][3]["probes"]:
        part["known"] = True
    every = cases(checked_junit(write("junit", report), tmp_path))
    assert every["vaurien.db.hang", "stock"].find("skipped").get("message").startswith("known from the earlier report")


def test_junit_expectation(write, tmp_path):
    report = reports.usual()
    report["experiments"][1]["phases"][2]["expectations"] = [
        {"text": "always probe.front = ok", "held": False, "why": "probe.front was error at 12.4 s"}]
    every = cases(checked_junit(write("junit", report), tmp_path))
    assert len(every["vaurien.db.restart", "outage"]) == 0          # the case is there before it fails
    report["experiments"][1]["findings"] = [reports.finding("expectation", "fail", "probe.front was error at 12.4 s")]
    every = cases(checked_junit(write("junit", report), tmp_path))
    assert every["vaurien.db.restart", "outage"].find("failure").get("type") == "expectation"


def test_junit_of_a_run_that_ended_early(write, tmp_path):
    """CI must see an error, not an empty file."""
    report = reports.count(dict(reports.usual(), experiments=[], findings=[],
                                ended={"how": "no_baseline", "text": "stock: error 500"}))
    root = checked_junit(write("junit", report), tmp_path)
    assert cases(root)["vaurien.run.run", "run"].find("error").get("type") == "no_baseline"
    report = reports.usual()
    report["experiments"][4] = reports.not_run(5, "half_open", "not_run", "interrupted", "SIGINT")
    report["ended"] = {"how": "interrupted", "text": "SIGINT"}
    every = cases(checked_junit(write("junit", report), tmp_path))
    assert every["vaurien.db.half_open", "stock"].find("error").get("type") == "interrupted"
    assert every["vaurien.db.half_open", "connections"].find("error") is not None


# ---- Markdown and GitHub ----

def test_markdown(write):
    text = write("markdown", reports.usual()).decode()
    assert text.startswith("## ✕ vaurien audit: fail\n")
    assert "1. ✕ **hangs, not&#95;recovered** stock, order&#58; hang, half&#95;open: requests to db have no time-out." in text
    table = [line for line in text.split("\n") if line.startswith("|")]
    assert len(table) == 2 + 6
    assert all(line.count("|") == 7 for line in table)
    assert "✕ **fail**" in table[5] and "△ degraded" in table[3]


def test_github(write, tmp_path):
    assert write("github", reports.usual()) == b""                  # elsewhere it prints nothing
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    environment = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    lines = write("github", reports.usual(), **environment).decode().strip().split("\n")
    assert [line.split(" ")[0] for line in lines] == ["::error"] * 5 + ["::warning"] * 2 + ["::notice"]
    assert lines[0].startswith("::error title=db/hang/stock::hangs: 20 samples had no answer in 5 s (no answer in 5 s,")
    assert lines[-1] == "::notice title=vaurien audit::places that fail: 5, degraded: 2"
    assert summary.read_text().startswith("before\n## ✕ vaurien audit")
    lines = write("github", reports.huge(12, 4, 5), GITHUB_ACTIONS="true").decode().strip().split("\n")
    assert sum(line.startswith("::error") for line in lines) == 10
    assert len(lines) <= 21 and lines[-1].endswith("; the 10 worst of each are annotated")
    report = reports.usual()
    report["findings"].append(dict(report["findings"][0], id="slow", severity="degraded", where=["db/hang/stock", "db/slow/order"]))
    lines = write("github", report, GITHUB_ACTIONS="true").decode().split("\n")
    assert [line.split("::")[1] for line in lines if "db/hang/stock" in line] == ["error title=db/hang/stock"]     # once


def runner_reads(line):
    """A workflow command as GitHub's runner reads it: its name, its properties, its message."""
    name, properties, message = re.fullmatch("::([a-z]+) ([^:]*)::(.*)", line).groups()

    def plain(text, codes):
        for code, character in codes:
            text = text.replace(code, character)
        return text
    lines = [("%0D", "\r"), ("%0A", "\n")]
    pairs = [each.partition("=") for each in properties.split(",")]
    return (name, {key: plain(value, lines + [("%3A", ":"), ("%2C", ","), ("%25", "%")]) for key, _, value in pairs},
            plain(message, lines + [("%25", "%")]))


@pytest.mark.parametrize("text", ["%0A::error::x", "x\ny\r\nz", "a:b,c=d::e 100%", "%25 \u00e9\U0001f9e8"])
def test_github_escapes(write, text):
    """The runner reads back what was meant, in the title as in the message."""
    report = reports.usual()
    report["findings"][0].update(where=[text], text=text, remedy=text)
    lines = write("github", report, GITHUB_ACTIONS="true").decode().split("\n")
    assert runner_reads(lines[0]) == ("error", {"title": text}, "%s: %s; %s" % (report["findings"][0]["id"], text, text))


# ---- text ----

def test_text(write):
    text = write("text", reports.usual()).decode()
    assert max(map(len, text.split("\n"))) <= 100
    assert "\x1b" not in text
    for part in ("stock  20 of 20 ok     8 ms   asks db: 1 read\n",
                 " 2/6  restart      db shuts down, refuses, starts                      5.5 s, struck 5\n",
                 "back after 1.7 s, 4 failures more\n", "FAIL      hangs,\n",
                 "time-out in force: none in 20.0 s (7 requests waited); no retries\n",
                 "to mend, worst first\n  hangs, not_recovered  stock, order: hang, half_open  requests to db",
                 "\nFAIL   8 pass  7 degraded  0 inconclusive  5 fail\n"):
        assert part in text, part


def test_screen(write):
    """Colours and the live line, as on a terminal: nothing of a text but ours is obeyed."""
    text = write("screen", reports.hostile("\x1b[31mred\x07\r\n")).decode()
    assert "\x07" not in text
    assert set(re.findall("\x1b.[0-9;]*[a-zA-Z]?", text)) <= {
        "\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[K", "\x1b[32m", "\x1b[33m", "\x1b[36m", "\x1b[1;31m"}
    assert re.sub("\x1b.[0-9;]*[a-zA-Z]", "", text).count("\r") == 6 + 6       # written and cleared


# ---- all ----

@pytest.mark.parametrize("text", reports.HOSTILE, ids=range(len(reports.HOSTILE)))
def test_hostile(write, tmp_path, text):
    """No text of a file, an application or a server is taken for the format's own."""
    report = reports.hostile(text)
    checked_junit(write("junit", report), tmp_path)
    assert json.loads(write("json", report)) == report

    page = write("html", report).decode()
    assert page.count("<script") == 1 and page.count("</script>") == 1 and page.count("<!--") == 0
    assert not re.search("<[^>]* on[a-z]+=", page)
    embedded = json.loads(re.search(r'<script type="application/json" id="report">(.*?)</script>', page, re.S).group(1))
    assert embedded == report

    plain = write("text", report).decode()
    assert not set(plain) & set(map(chr, list(range(10)) + list(range(11, 32)) + [127]))
    assert max(map(len, plain.split("\n"))) <= 100

    summary = write("markdown", report).decode()
    ours = "|---|" + re.sub(r"&#\d+;", "", summary)
    assert "<" not in ours and "`" not in ours and "](" not in ours
    rows = [line for line in summary.split("\n") if line.startswith("| ")]
    assert {line.count("|") for line in rows} == {7}

    for line in write("github", report, GITHUB_ACTIONS="true").decode().rstrip("\n").split("\n"):
        assert re.match("::(error|warning|notice) title=[^:,]*::", line), line


def test_limits(write, tmp_path):
    """Half an hour with 16 probes: each format stays within its size."""
    sanitized = bool(os.environ.get("VAURIEN_SAN"))                 # that is slow: less will do
    report = reports.huge(*((10, 6) if sanitized else ()))
    page = write("html", report)
    assert len(page) < 2 * 1000 * 1000
    assert page.count(b"<svg class=\"tl\"") == len(report["experiments"])      # every time line is there
    assert len(write("markdown", report)) < 60 * 1000
    checked_junit(write("junit", report), tmp_path)
    if sanitized:
        return
    more = reports.huge(150, 20, 1)                                # and far beyond
    assert len(write("html", more)) < 2 * 1000 * 1000
    assert len(write("markdown", more)) < 60 * 1000


def test_nothing_to_report(write, tmp_path, schema):
    """Before the baseline nothing is known, and that is what is written."""
    report = reports.count(dict(reports.usual(), experiments=[], findings=[], probes=[], proxies=[]))
    strict(schema).validate(report)
    for form in FORMATS:
        assert write(form, report)
    assert "No fault was tried" in write("html", report).decode()
