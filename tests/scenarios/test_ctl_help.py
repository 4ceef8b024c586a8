"""vaurien --help: one screen, where the rest is, and what a mistyped word may have meant."""
import re

import pytest


def first_page(run, *words):
    done = run(*words)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_first_page_fits_one_screen(run):
    page = first_page(run, "--help")
    lines = page.splitlines()
    assert len(lines) <= 45 and max(map(len, lines)) <= 80
    options = re.findall(r"^  --([a-z-]+)", page, re.M)
    assert 20 <= len(options) <= 22 and {"proxy", "backend", "protocol", "behavior", "rule", "http", "config", "require-hit"} <= set(options)
    whole = first_page(run, "--help", "all")
    for option in options:
        assert re.search(r"^  --%s( |$)" % option, whole, re.M), option
    for words in (["-h"], ["--help=short"]):
        assert first_page(run, *words) == page


def test_each_hint_of_the_first_page_works(run):
    hints = re.findall(r"^  vaurien (--help [a-z]+)", first_page(run, "--help"), re.M)
    assert len(hints) == 4 and "\n  vaurien run " in first_page(run, "--help")
    for hint in hints:
        assert first_page(run, *hint.split())


@pytest.mark.parametrize("word, shown", [
    ("delay", "  delay  "), ("mysql", "--protocol-mysql-OPTION of vaurien"), ("deadlock", "  deadlock\n    mongo"), ("rules", "fields of rules"),
    ("behaviors", "behaviors, time ("), ("protocols", "protocols:\n"), ("failures", "failures, each"), ("threads", "  --threads N"),
    ("http-port", "  --http-port PORT"), ("behavior-delay-sleep", "    --behavior-delay-sleep SECONDS"), ("require-hit", "  --require-hit"),
    ("run", "vaurien run:\n"), ("statsd", "  --statsd.host HOST"), ("fleet", "Fleet:\n"), ("audit", "`vaurien audit --help`"),
])
def test_help_of_one_thing(run, word, shown):
    page = first_page(run, "--help", word)
    assert shown in page and page == first_page(run, "-h", word) == first_page(run, "--help=" + word)


@pytest.mark.parametrize("words, rc, meant", [
    (["--help", "dely"], 2, "'delay'"), (["--help", "mysq"], 2, "'mysql'"), (["--help", "deadlok"], 2, "'deadlock'"), (["--help", "al"], 2, "'all'"),
    (["--help", "thread"], 2, "'threads'"), (["--list", "dely"], 2, "'delay'"),
    (["--protocl", "mysql"], 2, "'--protocol'"), (["--require-hits"], 2, "'--require-hit'"), (["--behaviour", "delay"], 2, "'--behavior'"),
    (["--behavior-delay-slep", "1"], 2, "'--behavior-delay-sleep'"), (["dmo"], 2, "'demo'"),
    (["--protocol", "mysq"], 2, "'mysql'"), (["--behavior", "dely"], 1, "'delay'"), (["--behavior", "20:dely,10:error"], 1, "'delay'"),
    (["--rule", "dely"], 1, "'delay'"), (["--rule", "delay slep=1"], 1, "'sleep'"), (["--rule", "delay distribution=unifrom"], 1, "'uniform'"),
    (["--protocol", "mysql", "--rule", "error failure=deadlok"], 1, "'deadlock'"), (["--protocol", "mysql", "--behavior-error-failure", "deadlok",
                                                                                    "--behavior", "error"], 1, "'deadlock'"),
    (["--behavior-delay-distribution", "unifrom"], 2, "'uniform'"), (["--log-level", "inof"], 2, "'info'"),
    (["--add", "db=:0=:1,mysq"], 1, "'mysql'"), (["--add", "db=:0=:1,mysql bhavior=delay"], 2, "'behavior'"),
    (["--add", "db=:0=:1,mysql behavior=dely"], 1, "'delay'"), (["--add", "cache=:0=:1", "--rule", "cach: delay"], 1, "'cache'"),
])
def test_did_you_mean(run, words, rc, meant):
    done = run(*words)
    assert (done.returncode, done.stdout) == (rc, "") and "did you mean %s?" % meant in done.stderr, done.stderr


@pytest.mark.parametrize("text, meant", [
    ("[vaurien]\nbackand = :1\n", "backend"), ("[vaurien]\nprotocol = mysq\n", "mysql"), ("[vaurien]\nbehavior = dely\n", "delay"),
    ("[behavior:delay]\nslep = 1\n", "sleep"), ("[behavior:dely]\nsleep = 1\n", "delay"), ("[protocol:mysq]\ntls = pass\n", "mysql"),
    ("[rule:a]\nbehavior = dely\n", "delay"), ("[rule:a]\nbehavior = delay\nslep = 1\n", "sleep"),
    ("[proxy:a]\nlisten = :0\nbackend = :1\nprotocl = mysql\n", "protocol"), ("[vaurien]\nprotocol = mysql\n[rule:a]\nbehavior = error\nfailure = deadlok\n", "deadlock"),
])
def test_did_you_mean_in_a_file(run, tmp_path, text, meant):
    (tmp_path / "vaurien.ini").write_text(text)
    done = run("--config", tmp_path / "vaurien.ini")
    assert done.returncode == 1 and "did you mean '%s'?" % meant in done.stderr, done.stderr
