"""vaurienctl: what it prints, where, and with which exit code."""
import fcntl
import json
import os
import pty
import re
import shlex
import struct
import subprocess
import termios
import threading

import pytest

from conftest import VAURIEN, free_port, patience, until

CTL = os.path.join(os.path.dirname(VAURIEN), "vaurienctl")


@pytest.fixture
def proxy(start):
    return start(backend="127.0.0.1:9")


@pytest.fixture
def ctl(run, proxy):
    """ctl(*words) -> (rc, stdout, stderr), asked of `proxy`"""
    def ctl_one(*words, **options):
        done = run("--host", "http://127.0.0.1:%d" % proxy.http, *words, program=CTL, **options)
        return done.returncode, done.stdout, done.stderr
    return ctl_one


def behaviors(proxy):
    return ", ".join(proxy.api("GET", "/behaviors")[1]["behaviors"])


def test_list_behaviors(ctl, proxy):
    assert ctl("list-behaviors") == (0, behaviors(proxy) + "\n", "")
    assert behaviors(proxy).startswith("abort, ")


def test_get_behavior(ctl):
    assert ctl("get-behavior") == (0, "dummy\n", "")
    assert ctl("get-behavior", "whatever") == (0, "dummy\n", "")


def test_get_behavior_json(ctl, proxy):
    proxy.set("delay", sleep=0.2)
    rc, out, err = ctl("get-behavior", "--json")
    assert (rc, err) == (0, "")
    assert json.loads(out)["behavior"] == "delay" and json.loads(out)["options"]["sleep"] == 0.2


def test_set_behavior(ctl, proxy):
    assert ctl("set-behavior", "blackout") == (0, 'Behavior changed to "blackout"\n', "")
    assert ctl("get-behavior") == (0, "blackout\n", "")
    assert ctl("set-behavior", "20:delay,10:error") == (0, 'Behavior changed to "20:delay,10:error"\n', "")


@pytest.mark.parametrize("words, options", [
    (["--sleep", "2"], {"sleep": 2, "before": True}),
    (["--sleep=0.25", "--before=false"], {"sleep": 0.25, "before": False}),
    (["--before", "false", "--sleep", "2"], {"sleep": 2, "before": False}),
    (["--before", "--sleep", "2"], {"sleep": 2, "before": True}),
    (["--sleep", "250ms"], {"sleep": 0.25}),
])
def test_set_behavior_with_options(ctl, proxy, words, options):
    assert ctl("set-behavior", "delay", *words) == (0, 'Behavior changed to "delay"\n', "")
    now = proxy.api("GET", "/behavior")[1]["options"]
    assert {key: now[key] for key in options} == options


def test_flag_without_value(ctl, proxy):
    assert ctl("set-behavior", "error", "--inject")[0] == 0
    assert proxy.api("GET", "/behavior")[1]["options"]["inject"] is True


def test_unknown_behavior(ctl, proxy):
    listed = "Please use one of %s\n" % behaviors(proxy)
    assert ctl("set-behavior") == (1, "", "The request failed. " + listed)
    for name, said in (("nope", "the 'nope' behavior does not exist. "),
                       ("dely", "the 'dely' behavior does not exist; did you mean 'delay'? "),
                       ("50:delay,20:eror", "the 'eror' behavior does not exist; did you mean 'error'? ")):
        assert ctl("set-behavior", name) == (1, "", "The request failed. " + said + listed)
    assert ctl("get-behavior") == (0, "dummy\n", "")


@pytest.mark.parametrize("name", ["cold_cache", "120:delay", "20%:delay", "delay:20", "delay,error", "60:delay,60:error"])
def test_the_server_s_sentence_about_a_name_that_exists(ctl, proxy, name):
    status, answer = proxy.api("PUT", "/behavior", {"name": name})
    assert status == 400
    assert ctl("set-behavior", name) == (1, "", "The request failed. %s\n" % answer["errors"][0]["description"])


def test_options_beside_percentages(ctl, proxy):
    assert ctl("set-behavior", "20:delay", "--sleep", "0.25", "--client", "10.0.0.0/8") == (0, 'Behavior changed to "20:delay"\n', "")
    assert proxy.api("GET", "/behavior")[1]["options"]["delay"]["sleep"] == 0.25
    assert ctl("get-behavior", "--verbose")[1].startswith("20:delay --sleep 0.25 ")
    for option, share in (("--sleep", " --probability SHARE"), ("--nope", " --probability SHARE"), ("--match", " --probability SHARE"), ("--probability", "")):
        rc, out, err = ctl("set-behavior", "50:delay,50:error", option, "0.5")
        assert (rc, out) == (1, "") and err.startswith("The request failed. %s: several behaviors take no options, " % option)
        assert err.endswith("'vaurienctl set-behavior NAME %s 0.5%s'\n" % (option, share))
    assert ctl("get-behavior") == (0, "20:delay\n", "")


@pytest.mark.parametrize("words, shown", [
    (["dummy"], "dummy\n"),
    (["delay", "--sleep", "2s", "--match", "it's (a|b)"],
     "delay --sleep 2 --before=true --jitter 0 --distribution uniform --in-order=false --match 'it'\\''s (a|b)'\n"),
    (["30:delay", "--sleep=0.5"], "30:delay --sleep 0.5 --before=true --jitter 0 --distribution uniform --in-order=false\n"),
    (["30:delay,20:waves"], None),
])
def test_get_behavior_verbose_is_what_set_behavior_takes(start, run, words, shown):
    proxy = start("--protocol", "redis", backend="127.0.0.1:9")

    def ctl_out(*more):
        done = run("--http-host", "127.0.0.1", "--http-port", proxy.http, *more, program=CTL)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout
    ctl_out("set-behavior", *words)
    assert ctl_out("get-behavior") == words[0] + "\n"
    out = ctl_out("get-behavior", "--verbose")
    if shown is None:
        assert [line.split()[0] for line in out.splitlines()] == ["30:delay,20:waves", "delay", "waves"]
        return
    assert out == shown
    before = proxy.api("GET", "/behavior")[1]
    ctl_out("set-behavior", "hang")
    ctl_out("set-behavior", *shlex.split(out))
    assert proxy.api("GET", "/behavior")[1] == before


def test_bad_options(ctl):
    rc, out, err = ctl("set-behavior", "delay", "--sleep", "abc")
    assert (rc, out) == (1, "") and err.startswith("The request failed. sleep: ")
    rc, out, err = ctl("set-behavior", "delay", "--nope=1")
    assert (rc, out) == (1, "") and err.startswith("The request failed. nope: ") and "did you mean" not in err
    assert ctl("set-behavior", "delay", "--slep", "1")[2].endswith("; did you mean 'sleep'?\n")
    assert ctl("set-behavior", "delay", "--distribution", "unifrom")[2].endswith("; did you mean 'uniform'?\n")
    assert ctl("toxic", "add", "default", "delay", "--tims", "1")[2].endswith("; did you mean 'times'?\n")


def test_backend(ctl):
    assert ctl("get-backend") == (0, "127.0.0.1:9\n", "")
    assert ctl("set-backend", "127.0.0.1:10") == (0, 'Backend changed to "127.0.0.1:10"\n', "")
    assert ctl("get-backend") == (0, "127.0.0.1:10\n", "")
    assert ctl("set-backend", "nocolon") == (1, "", "The request failed. backend: expected HOST:PORT or :PORT, got 'nocolon'\n")


def test_info(ctl, proxy):
    rc, out, err = ctl("info")
    told, known = json.loads(out), proxy.api("GET", "/info")[1]
    assert (rc, err) == (0, "") and told.pop("time") <= known.pop("time") and told == known


def test_where_to_ask(run, proxy):
    port = str(proxy.http)
    for words in (["--http-port", port, "get-behavior"],
                  ["get-behavior", "--http-port=" + port],
                  ["--http-host", "127.0.0.1", "get-behavior", "--http-port", port],
                  ["get-behavior", "--host", "localhost:" + port],
                  ["get-behavior", "--host", "http://localhost:%s/" % port]):
        done = run(*words, program=CTL)
        assert (done.returncode, done.stdout) == (0, "dummy\n"), done.stderr
    done = run("set-behavior", "delay", "--sleep", "2", "--http-port", port, program=CTL)
    assert done.returncode == 0
    assert proxy.api("GET", "/behavior")[1]["options"]["sleep"] == 2


def test_unix_socket(start, run, tmp_path):
    where = "unix:%s" % (tmp_path / "api")
    proxy = start("--http", "--http-host", where, http=False)
    proxy.logged("Started the HTTP server")
    for flag in ("--host", "--http-host"):
        done = run(flag, where, "get-behavior", program=CTL)
        assert (done.returncode, done.stdout) == (0, "dummy\n"), done.stderr


def test_proxies_of_the_environment_do_not_matter(ctl):
    env = dict(os.environ, http_proxy="http://127.0.0.1:1", HTTP_PROXY="http://127.0.0.1:1", all_proxy="http://127.0.0.1:1")
    assert ctl("get-behavior", env=env) == (0, "dummy\n", "")


def test_nobody_there(run):
    port = free_port()
    done = run("--http-port", port, "get-behavior", program=CTL)
    assert (done.returncode, done.stdout) == (1, "")
    assert "http://localhost:%d/behavior" % port in done.stderr and done.stderr.count("\n") == 1
    assert done.stderr.endswith(". Is vaurien running with --http?\n")


@pytest.mark.parametrize("words", [
    [], ["nope"], ["--nope"], ["-x"], ["--nope", "get-behavior"], ["set-behavior", "delay", "2"], ["set-backend"],
    ["get-behavior", "--http-port"], ["get-behavior", "--json=1"], ["set-behavior", "--sleep", "2"],
    ["toxic"], ["toxic", "nope"], ["toxic", "add", "x"], ["create"], ["create", "x", "--nope", "1"], ["list", "x"], ["list", "--latency", "1"],
    ["toxic", "remove", "x"], ["close", "x"], ["inspect"], ["toxic", "add", "--latency", "1", "x", "latency"],
    ["rules", "x", "y"], ["--proxy", "x", "rules", "y"], ["--proxy", "x", "inspect", "y"], ["--token", "", "list"], ["--token=", "list"],
    ["--token", "a\r\nb: c", "list"], ["--proxy", "x", "toxic", "add"], ["help", "a", "b", "c"], ["list", "--verbose"],
])
def test_misuse(run, words):
    done = run(*words, program=CTL)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: vaurienctl ") and "\nvaurienctl: error: " in done.stderr


def test_help_and_version(run):
    for flag in ("-h", "--help"):
        done = run(flag, program=CTL)
        assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("usage: vaurienctl ")
    version = run("--version", program=CTL)
    assert version.returncode == 0 and re.fullmatch(r"\d+\.\d+\.\d+\n", version.stdout)
    assert version.stdout == run("--version").stdout


# ---- proxies and toxics ----

def created(ctl, name, *words):
    assert ctl("create", name, "--listen", "127.0.0.1:0", "--upstream", "127.0.0.1:9", *words) == (0, "Created new proxy %s\n" % name, "")


def test_list(ctl, proxy):
    created(ctl, "b")
    created(ctl, "a b/c", "--enabled=false")
    rows = [line.split("\t") for line in ctl("list")[1].splitlines()]
    assert [row[0] for row in rows] == ["default", "b", "a b/c"]
    assert [row[2:] for row in rows] == [["127.0.0.1:9", "enabled", "0"], ["127.0.0.1:9", "enabled", "0"], ["127.0.0.1:9", "disabled", "0"]]
    assert rows[0][1] == "127.0.0.1:%d" % proxy.port
    assert sorted(json.loads(ctl("list", "--json")[1])) == ["a b/c", "b", "default"]


def test_one_proxy_from_its_first_day_to_its_last(ctl, proxy):
    created(ctl, "mine")
    assert ctl("toggle", "mine") == (0, "Proxy mine is now disabled\n", "")
    assert ctl("toggle", "mine") == (0, "Proxy mine is now enabled\n", "")
    assert ctl("disable", "mine") == (0, "Proxy mine is now disabled\n", "")
    assert ctl("enable", "mine") == (0, "Proxy mine is now enabled\n", "")
    assert ctl("delete", "mine") == (0, "Deleted proxy mine\n", "")
    assert ctl("delete", "mine") == (1, "", "The request failed. proxy not found: 'mine'. The proxies are default\n")
    assert ctl("toggle", "mine") == (1, "", "The request failed. proxy not found: 'mine'. The proxies are default\n")
    assert ctl("toggle", "defalt") == (1, "", "The request failed. proxy not found: 'defalt'; did you mean 'default'? The proxies are default\n")
    assert ctl("create", "default", "--listen", "127.0.0.1:0", "--upstream", "127.0.0.1:9") == (1, "", "The request failed. proxy already exists\n")


def test_toxics(ctl, proxy):
    assert ctl("toxic", "add", "default", "latency", "--latency", "1000000", "--jitter=20", "--toxicity", "0.5") == (
        0, "Added downstream latency toxic 'latency_downstream' on proxy 'default'\n", "")
    assert ctl("toxic", "add", "default", "limit_data", "--name", "7", "--stream", "upstream", "--bytes", "10", "--client", "10.0.0.0/8") == (
        0, "Added upstream limit_data toxic '7' on proxy 'default'\n", "")
    assert ctl("inspect", "default") == (
        0, "7\ttype=limit_data\tstream=upstream\ttoxicity=1.00\tattributes=[\tbytes=10\t]\tclient=10.0.0.0/8\n"
        "latency_downstream\ttype=latency\tstream=downstream\ttoxicity=0.50\tattributes=[\tjitter=20\tlatency=1e+06\t]\n", "")
    assert ctl("toxic", "update", "default", "latency_downstream", "--latency", "5") == (
        0, "Updated toxic 'latency_downstream' on proxy 'default'\n", "")
    toxic = proxy.api("GET", "/proxies/default/toxics/latency_downstream")[1]
    assert toxic["toxicity"] == 0.5 and toxic["attributes"] == {"latency": 5, "jitter": 20}     # what is not said stays
    assert proxy.api("GET", "/proxies/default/toxics/7")[1]["client"] == "10.0.0.0/8"
    assert ctl("toxic", "remove", "default", "7") == (0, "Removed toxic '7' on proxy 'default'\n", "")
    assert ctl("toxic", "remove", "default", "7") == (
        1, "", "The request failed. toxic not found: '7'. The toxics are latency_downstream\n")
    listed = "Please use one of %s\n" % behaviors(proxy)
    assert ctl("toxic", "add", "default", "nope") == (
        1, "", "The request failed. invalid toxic type: 'nope'. " + listed)
    assert ctl("toxic", "add", "default", "latenc") == (
        1, "", "The request failed. invalid toxic type: 'latenc'; did you mean 'latency'? " + listed)
    assert ctl("toxic", "add", "nope", "noop") == (1, "", "The request failed. proxy not found: 'nope'. The proxies are default\n")
    assert ctl("toxic", "remove", "default", "latency_downstrem")[2].startswith(
        "The request failed. toxic not found: 'latency_downstrem'; did you mean 'latency_downstream'? ")


def test_reset_prints_what_it_took_away(ctl, proxy):
    done = "All proxies are enabled, and have no behavior, rules or toxics"
    assert ctl("reset") == (0, done + "\n", "")
    created(ctl, "b")
    ctl("toxic", "add", "b", "latency", "--latency", "1")
    ctl("toxic", "add", "b", "noop", "--name", "mine")
    ctl("set-behavior", "hang")
    ctl("disable", "b")
    assert ctl("reset") == (0, done + "; removed from default: behavior (hang); enabled b; removed from b: latency_downstream, mine (noop)\n", "")
    rc, out, err = ctl("inspect", "b")                  # as Toxiproxy's client prints it, and what it leaves out
    assert (rc, out) == (0, "") and re.fullmatch(r"b: 127\.0\.0\.1:[0-9]+ -> 127\.0\.0\.1:9, enabled; no toxics\n", err)
    assert ctl("get-behavior")[:2] == (0, "dummy\n")


@pytest.mark.parametrize("option, shown", [
    (["--match", "^x", "--per", "exchange"], ["match=^x", "per=exchange"]), (["--client", "10.0.0.0/8"], ["client=10.0.0.0/8"]),
    (["--share", "proxy"], ["share=proxy"]), (["--times", "3", "--skip", "1", "--every", "2"], ["times=3", "skip=1", "every=2"]),
])
def test_inspect_shows_conditions(start, run, option, shown):
    proxy = start("--protocol", "redis", backend="127.0.0.1:9")
    where = ["--http-host", "127.0.0.1", "--http-port", proxy.http]
    done = run(*where, "toxic", "add", "default", "bandwidth", "--rate", "1000", *option, program=CTL)
    assert done.returncode == 0, done.stderr
    line = run(*where, "inspect", "default", program=CTL).stdout
    assert set(shown) <= set(line.split("\t]")[1].strip().split("\t"))
    header, row = on_terminal(where + ["inspect", "default"]).splitlines()[-2:]
    assert header.split()[-1] == "conditions" and set(shown) <= set(row[header.index("conditions"):].split())


def test_inspect_shows_a_ttl(ctl):
    ctl("toxic", "add", "default", "noop", "--ttl", "1h")
    assert re.search(r"\tttl=[\d.]+\n", ctl("inspect", "default")[1])


@pytest.mark.parametrize("failure, protocols", [("deadlock", "mongo, mysql or postgres"), ("masterdown", "redis")])
def test_a_failure_of_a_proxy_without_a_protocol(ctl, failure, protocols):
    created(ctl, "db")
    cure = "; the protocol of proxy db is tcp: make it with --protocol %s\n" % protocols
    for words in (["toxic", "add", "db", "error"], ["--proxy", "db", "set-behavior", "error"]):
        rc, out, err = ctl(*words, "--failure", failure)
        assert (rc, out) == (1, "") and err.startswith("The request failed. ") and err.endswith(cure)
    assert ctl("toxic", "add", "db", "delay", "--match", "x")[2].endswith(
        "; the protocol of proxy db is tcp: make it with --protocol dns, http, kafka, memcache, mongo, mysql, postgres, redis or smtp\n")
    created(ctl, "other", "--protocol", protocols.split()[-1])
    assert ctl("toxic", "add", "other", "error", "--failure", failure)[0] == 0


@pytest.mark.parametrize("typed, meant", [("deadlok", "deadlock"), ("too_many_conections", "too_many_connections"), ("readonly", "read_only")])
def test_a_misspelt_failure(start, run, typed, meant):
    proxy = start("--protocol", "mysql", backend="127.0.0.1:9")
    for words in (["set-behavior", "error"], ["toxic", "add", "default", "error"]):
        done = run("--http-host", "127.0.0.1", "--http-port", proxy.http, *words, "--failure", typed, program=CTL)
        assert done.returncode == 1 and done.stderr.endswith("; did you mean '%s'?\n" % meant)


def test_every_answer_as_json(ctl):
    assert json.loads(ctl("toxic", "add", "default", "noop", "--json")[1])["type"] == "noop"
    assert json.loads(ctl("inspect", "default", "--json")[1])["name"] == "default"
    assert json.loads(ctl("toxic", "update", "default", "noop_downstream", "--toxicity=0", "--json")[1])["toxicity"] == 0
    for words in (["toxic", "remove", "default", "noop_downstream"], ["reset"]):
        assert json.loads(ctl(*words, "--json")[1]) == {}
    assert json.loads(ctl("rules", "--json")[1]) == {"rules": []}
    assert json.loads(ctl("set-behavior", "dummy", "--json")[1]) == {"status": "ok"}
    assert json.loads(ctl("set-backend", "127.0.0.1:10", "--json")[1]) == {"status": "ok"}
    assert json.loads(ctl("failures", "--json")[1])["failures"]
    assert json.loads(ctl("disable", "default", "--json")[1])["enabled"] is False


def test_what_export_says_populate_takes(ctl, start, run, tmp_path):
    created(ctl, "one")
    ctl("toxic", "add", "one", "latency", "--latency", "70", "--toxicity", "0.25", "--match", "x", "--per", "exchange", "--name", "slow")
    ctl("toxic", "add", "one", "bandwidth", "--rate", "1000", "--share", "proxy", "--stream", "upstream")
    created(ctl, "two", "--enabled", "false")
    rc, out, err = ctl("export")
    assert (rc, err) == (0, "")
    proxies = json.loads(out)
    assert [proxy["name"] for proxy in proxies] == ["default", "one", "two"]
    for proxy in proxies:
        proxy["listen"] = "127.0.0.1:0" if proxy["enabled"] else proxy["listen"]       # the other has these
    (tmp_path / "file").write_text(json.dumps(proxies))

    other = start("--http-token=secret", backend="127.0.0.1:9")
    where = ["--host", "http://127.0.0.1:%d" % other.http, "--token", "secret"]
    done = run(*where, "populate", tmp_path / "file", program=CTL)
    assert (done.returncode, done.stdout) == (0, "Populated 3 proxies: default, one, two\n"), done.stderr
    again = json.loads(run(*where, "export", program=CTL).stdout)
    for proxy in again:
        proxy["listen"] = "127.0.0.1:0" if proxy["enabled"] else proxy["listen"]
    assert again == proxies
    done = run("--host", where[1], "list", program=CTL)
    assert done.returncode == 1 and "token" in done.stderr


def test_a_behavior_is_exported_as_one(ctl, proxy):
    ctl("toxic", "add", "default", "delay", "--name", "delay")
    ctl("set-behavior", "delay", "--sleep", "3", "--probability", "0.5")
    one = json.loads(ctl("export")[1])[0]
    assert [(toxic["name"], toxic["toxicity"], toxic["attributes"]["sleep"]) for toxic in one["toxics"]] == [("delay", 1, 1)]
    assert one["behavior"]["name"] == "delay" and one["behavior"]["options"]["sleep"] == 3
    ctl("set-behavior", "20:delay,10:abort")
    rc, out, err = ctl("export")
    assert (rc, err) == (0, "") and json.loads(out)[0]["behavior"]["name"] == "20:delay,10:abort"
    ctl("set-behavior", "dummy")
    assert "behavior" not in json.loads(ctl("export")[1])[0]


def test_populate_refused(ctl, tmp_path):
    assert ctl("populate", tmp_path) == (1, "", "vaurienctl: %s: Is a directory\n" % tmp_path)
    rc, out, err = ctl("populate", tmp_path / "nothing")
    assert (rc, out) == (1, "") and err.startswith("vaurienctl: ") and err.count("\n") == 1
    (tmp_path / "file").write_text("[{]")
    rc, out, err = ctl("populate", tmp_path / "file")
    assert (rc, out) == (1, "") and "line 1: expected JSON" in err
    (tmp_path / "file").write_text('[{"name": "x"}]')
    assert ctl("populate", tmp_path / "file") == (1, "", "The request failed. missing required field: upstream at proxy 1\n")


# ---- looking on ----

def on_terminal(words, columns=0, **env):
    """What it prints where a person looks on, without colours unless `env` is given. columns: of the terminal, 0: unknown."""
    env = dict({name: value for name, value in os.environ.items() if name != "NO_COLOR"}, **(env or {"NO_COLOR": "1"}))
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    one = subprocess.Popen([CTL] + [str(word) for word in words], stdin=subprocess.DEVNULL, stdout=slave, stderr=subprocess.PIPE, env=env)
    os.close(slave)
    stop = threading.Timer(patience(), one.kill)
    stop.start()
    text = b""
    while True:
        try:
            piece = os.read(master, 4096)
        except OSError:
            break
        if not piece:
            break
        text += piece
    os.close(master)
    _, told = one.communicate()
    stop.cancel()
    assert one.returncode == 0, told
    return text.decode().replace("\r\n", "\n")


def test_tables(ctl, proxy):
    where = ["--http-host", "127.0.0.1", "--http-port", proxy.http]
    assert on_terminal(where + ["rules"]) == "no rules\n"
    ctl("set-behavior", "delay", "--sleep", "2", "--jitter", "1")
    header, row = on_terminal(where + ["rules"]).splitlines()
    assert header.split() == ["rule", "behavior", "seen", "hits", "unreachable", "options"]
    assert row.index("delay") == header.index("behavior")
    assert row.endswith("sleep=2.0 before=true jitter=1.0 distribution=uniform in_order=false")
    header, row = on_terminal(where + ["list"]).splitlines()
    assert header.split() == ["name", "listen", "upstream", "enabled", "toxics"] and row.startswith("default")
    assert on_terminal(where + ["inspect", "default"]).startswith("default: 127.0.0.1:%d -> 127.0.0.1:9, enabled\n" % proxy.port)


def test_tables_fit_the_terminal(ctl, proxy):
    """A column without room begins a line of its own, in the headings and in each row; the last one is broken at blanks."""
    where = ["--http-host", "127.0.0.1", "--http-port", proxy.http]
    assert ctl("rule", "add", "delay", "sleep=2s", "name=%s" % ("x" * 50), "client=10.0.0.0/8")[0] == 0
    for words in (["status"], ["rules"], ["failures"], ["list"], ["inspect", "default"]):
        wide, narrow = (on_terminal(where + words, columns) for columns in (0, 80))
        assert "".join(wide.split()) == "".join(narrow.split()), words
        assert max(len(line) for line in wide.splitlines()) > 80 or words == ["list"]
        assert max(len(line) for line in narrow.splitlines()) <= 80, words
    lines = on_terminal(where + ["failures"], 80).splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["failure", "the"] and lines[1].startswith("    the connection  text")
    lines = on_terminal(where + ["failures"], 160).splitlines()
    assert lines[0].endswith("  text") and any(line.startswith(" " * lines[0].index("text")) for line in lines)


def test_the_age_of_a_connection(vaurien, backend):
    proxy = vaurien(backend=backend)
    client, _ = proxy.meet(backend)
    header, row = on_terminal(["--http-host", "127.0.0.1", "--http-port", proxy.http, "connections"]).splitlines()
    assert re.match(r"\d+(\.\d)? s  ", row[header.index("age"):]) and client


def test_colours(ctl, proxy):
    """On a terminal alone, and not if NO_COLOR or the terminal says so."""
    where = ["--http-host", "127.0.0.1", "--http-port", proxy.http]
    ctl("disable", "default")
    coloured = on_terminal(where + ["list"], TERM="xterm")
    assert "\x1b[1mname" in coloured and "\x1b[31mdisabled" in coloured and coloured.count("\x1b[0m") == 2
    plain = re.sub("\x1b\\[[0-9]*m", "", coloured)
    assert plain == on_terminal(where + ["list"], NO_COLOR="1") == on_terminal(where + ["list"], TERM="dumb")
    assert "\x1b" not in ctl("rules")[1] + ctl("status")[1]


def test_calm(ctl, proxy):
    ctl("set-behavior", "hang")
    created(ctl, "b")
    ctl("toxic", "add", "b", "latency", "--latency", "5")
    assert ctl("calm") == (0, "All calm: 2 rules were switched off\n", "")
    assert json.loads(ctl("calm", "--json")[1])["rules"] == 0
    assert "enabled=false" in ctl("--no-headings", "rules", "b")[1]
    assert ctl("rule", "set", "behavior", "enabled=true") == (0, "Changed rule 'behavior' on proxy \"default\"\n", "")
    assert proxy.api("GET", "/rules")[1]["rules"][0]["as_rule"] == "hang"


def test_an_attribute_that_a_toxic_ignores(ctl):
    rc, out, err = ctl("toxic", "add", "default", "latency", "--latncy", "5")
    assert (rc, err) == (0, "warning: latncy: latency has no such attribute; did you mean 'latency'?\n") and out.startswith("Added downstream latency")
    assert ctl("toxic", "add", "default", "latency", "--latency", "5", "--name", "b", "--kind", "x")[0] == 1


def test_failures(ctl):
    rows = [line.split("\t") for line in ctl("failures")[1].splitlines()]
    assert rows[0] == ["failure", "protocol", "code", "the connection", "text"]
    assert ["deadlock", "mysql", "1213/40001"] in [row[:3] for row in rows]
    assert {len(row) for row in rows} == {5}
    assert [line.split("\t") for line in ctl("failures", "--no-headings")[1].splitlines()] == rows[1:]
    created(ctl, "cache", "--protocol", "redis")
    assert {row.split("\t")[1] for row in ctl("failures", "cache", "--no-headings")[1].splitlines()} == {"redis"}
    assert ctl("failures", "default", "--no-headings") == (0, "", "")
    assert ctl("failures", "cach")[2].startswith("The request failed. there is no proxy 'cach'; did you mean 'cache'? ")


def test_connections(start, backend, run):
    proxy = start("--rule", "latency latency=60000", backend=backend)
    where = ["--host", "http://127.0.0.1:%d" % proxy.http]
    pairs = [proxy.meet(backend) for _ in range(3)]
    pairs[0][1].send(b"four")
    until(lambda: proxy.api("GET", "/connections")[1]["connections"][0]["held_by"])
    heads, *rows = [line.split("\t") for line in run(*where, "connections", program=CTL).stdout.splitlines()]
    assert heads[0] == "number" and heads[-1] == "asks" and {len(row) for row in rows} == {len(heads)}
    assert [row[0] for row in rows] == ["1", "2", "3"]
    assert rows[0][9] == "latency" and rows[1][9] == "-"
    for words in (["connections", "default"], ["--proxy", "default", "connections"]):
        assert len(run(*where, "--no-headings", *words, program=CTL).stdout.splitlines()) == 3
    assert run(*where, "close", "default", 2, program=CTL).stdout == "Closed connection 2 of proxy default\n"
    assert pairs[1][0].ends() == "fin"
    assert run(*where, "close", "default", 1, "--reset", program=CTL).stdout == "Reset connection 1 of proxy default\n"
    assert pairs[0][0].ends() == "rst"
    assert run(*where, "close", "default", 1, program=CTL).returncode == 1
    assert run(*where, "close", "default", "all", program=CTL).stdout == "Closed all connections of proxy default\n"
    assert run(*where, "--proxy", "none", "rules", program=CTL).stderr == "The request failed. there is no proxy 'none'. The proxies are default\n"
    assert pairs[2][0].ends() == "fin"


@pytest.mark.parametrize("how", [[], ["--json"]])
def test_watch(start, backend, how):
    proxy = start(backend=backend)
    words = [CTL, "--http-host", "127.0.0.1", "--http-port", str(proxy.http), "watch", "--type", "opened,closed"]
    watching = subprocess.Popen(words + how, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    try:
        until(lambda: "vaurien_event_readers 1" in proxy.api("GET", "/metrics")[1])
        proxy.client().close()
        backend.accept().close()
        for what in ("opened", "closed"):
            line = watching.stdout.readline()
            if how:
                assert json.loads(line)["type"] == what and json.loads(line)["connection"] == 1
            else:
                assert line.split("\t")[1:4] == [what, "default", "connection=1"]
    finally:
        watching.kill()
        watching.communicate()


def test_watch_refused(ctl):
    rc, out, err = ctl("watch", "--type", "nope")
    assert (rc, out) == (1, "") and err.startswith("The request failed. type: expected opened, closed")
    assert ctl("watch", "--type", "falt")[2].endswith("; did you mean 'fault'?\n")


def test_environment(run, proxy):
    for name in ("VAURIEN_URL", "TOXIPROXY_URL"):
        env = {key: value for key, value in os.environ.items() if not key.endswith("_URL")}
        env[name] = "http://127.0.0.1:%d" % proxy.http
        assert run("get-behavior", program=CTL, env=env).stdout == "dummy\n"


def test_of_several_proxies_one(ctl, proxy):
    created(ctl, "other")
    assert ctl("--proxy", "other", "set-behavior", "delay") == (0, 'Behavior changed to "delay" on proxy "other"\n', "")
    assert ctl("set-behavior", "dummy") == (0, 'Behavior changed to "dummy" on proxy "default"\n', "")
    assert ctl("set-backend", "127.0.0.1:10") == (0, 'Backend changed to "127.0.0.1:10" on proxy "default"\n', "")
    assert ctl("get-behavior", "other") == (0, "delay\n", "") and ctl("get-backend", "other") == (0, "127.0.0.1:9\n", "")
    assert ctl("get-behavior", "--proxy", "other") == (0, "delay\n", "")
    assert ctl("get-behavior") == (0, "dummy\n", 'of proxy "default"; for others: --proxy NAME, or --proxy all\n')
    heads = "rule\tbehavior\tseen\thits\tunreachable\toptions\n"
    for words in (["--proxy", "other", "rules"], ["rules", "other"], ["rules", "--proxy", "other", "other"]):
        assert ctl(*words)[1].startswith(heads + "behavior\tdelay\t0\t0\t0\t")
        assert ctl("--no-headings", *words)[1].startswith("behavior\tdelay\t0\t0\t0\t")
    assert ctl("rules", "default") == (0, heads, "")
    assert ctl("--proxy", "nope", "get-behavior")[0] == 1


def test_a_proxy_may_be_named_either_way(ctl):
    created(ctl, "db")
    assert ctl("--proxy", "db", "toxic", "add", "latency", "--latency", "5")[1] == (
        "Added downstream latency toxic 'latency_downstream' on proxy 'db'\n")
    assert ctl("toxic", "update", "latency_downstream", "--proxy", "db", "--latency", "6")[0] == 0
    assert ctl("toxic", "update", "latency_downstream", "--latency", "6", "--proxy", "db")[0] == 2     # what is 6 of?
    assert ctl("--proxy", "db", "toxic", "update", "latency_downstream", "--latency", "6")[0] == 0
    assert ctl("--proxy", "db", "inspect") == ctl("inspect", "db")
    assert ctl("--proxy", "db", "toxic", "remove", "latency_downstream")[0] == 0
    assert ctl("disable", "--proxy", "db") == (0, "Proxy db is now disabled\n", "")
    assert ctl("close", "all", "--proxy", "db")[0] == 0


def test_addresses_are_the_same_as_json(start, run):
    proxy = start("--add", "four=0.0.0.0:0=127.0.0.1:9", "--add", "six=:0=127.0.0.1:9", backend="127.0.0.1:9")
    where = ["--http-host", "127.0.0.1", "--http-port", proxy.http]
    rows = [line.split("\t") for line in run(*where, "list", program=CTL).stdout.splitlines()]
    proxies = json.loads(run(*where, "list", "--json", program=CTL).stdout)
    assert {row[0]: (row[1], row[2]) for row in rows} == {name: (one["listen"], one["upstream"]) for name, one in proxies.items()}


# ---- help, and what was meant ----

@pytest.mark.parametrize("words", [["help"], ["--help"], ["help", "--help"]])
def test_help_of_all(run, words):
    out = run(*words, program=CTL).stdout
    assert out.startswith("usage: vaurienctl ") and (words == ["help", "--help"] or "\n  set-behavior BEHAVIOR" in out)


def actions(run):
    listed = run("help", program=CTL).stdout.split("\nactions:\n")[1].split("\n\n")[0]
    return [re.match(r"[a-z-]+( [a-z]+)?(?= |$)", line[2:]).group() for line in listed.splitlines() if line[2] != " "]


def test_help_of_each_action_alone(run):
    names = actions(run)
    assert {"set-behavior", "toxic add", "list", "help"} <= set(names) and len(names) > 20
    for name in names:
        for words in ([*name.split(), "--help"], ["help", *name.split()], [*name.split(), "-h"]):
            done = run(*words, program=CTL)
            assert (done.returncode, done.stderr) == (0, ""), words
            assert done.stdout.startswith("usage: vaurienctl [OPTION]... %s" % name)
            assert "\nactions:\n" not in done.stdout
    for words in (["toxic", "--help"], ["help", "toxic"]):
        out = run(*words, program=CTL).stdout
        assert all("\n  toxic %s PROXY" % what in out for what in ("add", "update", "remove")) and "set-behavior" not in out


def test_help_of_a_behavior(ctl, run):
    for words in (["set-behavior", "delay", "--help"], ["set-behavior", "20:delay", "-h"], ["toxic", "add", "db", "delay", "--help"]):
        done = run(*words, program=CTL)
        assert done.returncode == 0 and "`vaurien --list delay` shows the options of delay" in done.stdout
    rc, out, err = ctl("help", "delay")
    assert (rc, err) == (0, "") and "`vaurien --list delay`" in out
    assert ctl("help", "dely") == (2, "", "vaurienctl: help: expected an action or a behavior, got 'dely'; did you mean 'delay'?\n")
    done = run("help", "delay", "--http-port", free_port(), program=CTL)
    assert done.returncode == 1 and "`vaurien --list delay`" in done.stderr


@pytest.mark.parametrize("words, meant", [
    (["lst"], "list"), (["set-behaviour", "x"], "set-behavior"), (["behavior"], "set-behavior"), (["ruls"], "rules"), (["conections"], "connections"),
    (["toxic", "ad", "x"], "add"), (["toxic", "updte", "x"], "update"), (["list", "--jsn"], "--json"), (["--http-token", "x", "list"], "--token"),
    (["create", "x", "--lisen", "y"], "--listen"), (["watch", "--typ", "x"], "--type"), (["close", "x", "1", "--rest"], "--reset"),
    (["list", "--no-heading-s"], "--no-headings"), (["get-behavior", "--verbos"], "--verbose"),
])
def test_did_you_mean(run, words, meant):
    done = run(*words, program=CTL)
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.endswith("; did you mean '%s'?\n" % meant)


@pytest.mark.parametrize("words", [["zzzz"], ["q"], ["-q"], ["toxic", "add", "-t", "latency", "db"], ["list", "--zzzzzz"], ["toxic", "zzzz"], ["x" * 5000]])
def test_nothing_is_near(run, words):
    done = run(*words, program=CTL)
    assert done.returncode == 2 and "did you mean" not in done.stderr
    assert re.search("; see 'vaurienctl (--help|inspect PROXY|help toxic add)'\n$", done.stderr)


def test_without_an_action(run):
    done = run(program=CTL)
    assert done.returncode == 2 and done.stderr.endswith("vaurienctl: error: expected an action; see 'vaurienctl --help'\n")


def test_a_word_after_toxic(run):
    for words, said in ((["toxic", "list", "db"], "toxic: expected add, update or remove, got 'list'; see 'vaurienctl inspect PROXY'\n"),
                        (["toxic"], "toxic: expected add, update or remove; see 'vaurienctl inspect PROXY'\n")):
        assert run(*words, program=CTL).stderr.endswith("\nvaurienctl: error: " + said)
