"""Failures are told with one name for one outage: on the terminal, through the API, on the generated page."""
import re

COMMON = {      # an outage -> who has it
    "overloaded": {"http", "mysql", "postgres", "redis"}, "shutting_down": {"http", "mysql", "postgres", "redis"},
    "starting_up": {"http", "postgres", "redis"}, "read_only": {"http", "mysql", "postgres", "redis"},
    "deadlock": {"mysql", "postgres"}, "lock_timeout": {"mysql", "postgres"},
    "disk_full": {"http", "mysql", "postgres", "redis"}, "out_of_memory": {"mysql", "postgres", "redis"},
    "pooler_timeout": {"http", "mysql", "postgres", "redis"}, "crash": {"http", "mysql", "postgres", "redis"},
    "gone": {"http", "mysql", "postgres", "redis"}, "idle_timeout": {"http", "mysql", "postgres", "redis"},
}


def test_an_outage_has_one_name(start):
    told = start(backend="127.0.0.1:1").api("GET", "/failures")[1]["failures"]
    for name, protocols in COMMON.items():
        assert protocols <= {failure["protocol"] for failure in told if failure["name"] == name}, name


def test_the_same_are_told_everywhere(start, run):
    told = start(backend="127.0.0.1:1").api("GET", "/failures")[1]["failures"]
    assert all(set(failure) == {"name", "protocol", "code", "text", "fits", "moments", "connection", "drawn"} for failure in told)
    assert all(failure["fits"] and failure["moments"] for failure in told)
    names = {failure["name"] for failure in told}
    text = run("--list", "failures").stdout
    assert set(re.findall(r"^  (\w+)$", text, re.M)) == names
    assert len(re.findall(r"^    \w+ +\S", text, re.M)) == len(told)
    page = run("--list=failures.md").stdout
    assert set(re.findall(r"^\| `(\w+)` ", page, re.M)) == names


def test_a_failure_that_fits_nothing_says_so(vaurien, backend):
    proxy = vaurien("--protocol", "redis", backend=backend).set("error", failure="read_only")
    client, server = proxy.meet(backend)
    client.send(b"GET secret\r\n")
    server.read_to(b"\r\n")
    server.send(b"$-1\r\n")
    assert client.read(5) == b"$-1\r\n"
    proxy.set("dummy")
    client.close()
    said = proxy.logged(r"no strike proxy=default rule=behavior behavior=error: 1 messages, none of which its failure fits; nearest: (.*)")
    assert said.group(1) == "GET secret"
