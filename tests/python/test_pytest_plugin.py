"""The pytest plugin, seen from runs of pytest of its own."""
import re

from harness import need_module


def test_a_proxy_for_a_test(tests_in):
    said = tests_in("""
def test_it(vaurien_proxy):
    proxy = vaurien_proxy(9, protocol="mysql")
    assert proxy.client.get_behavior() == "dummy"
    open("port", "w").write(str(proxy.pid))

def test_it_was_stopped(vaurien_proxy):
    import os, pytest
    with pytest.raises(ProcessLookupError):
        os.kill(int(open("port").read()), 0)
""")
    assert "2 passed" in said and "seed" not in said


def test_faults_are_undone_before_fixtures_clean_up(tests_in):
    assert "2 passed" in tests_in("""
import pytest

@pytest.fixture(scope="session")
def database(vaurien_session_proxy):
    return vaurien_session_proxy(9, protocol="mysql", behavior="5:delay")

@pytest.fixture
def rows(database):
    yield
    assert database.client.get_behavior() == "5:delay"
    assert database.client.get_backend() == "127.0.0.1:9"
    assert [rule["name"] for rule in database.rules()] == ["behavior"]

def test_one(database, rows):
    database.set_behavior("hang")
    database.client.add_rule("delay", "lasting", sleep=1)
    database.client.set_backend("127.0.0.1:10")
    open("port", "w").write(database.address)

def test_two(database, rows):
    assert database.client.get_behavior() == "5:delay"
    assert database.address == open("port").read()
""")


FAILS = """
def test_before(vaurien_session_proxy):
    proxy = vaurien_session_proxy(9, name="lasting")
    proxy.set_behavior("stall")

def test_it(vaurien_proxy):
    proxy = vaurien_proxy(9, protocol="mysql")
    proxy.set_behavior("abort")
    open("seed-%s" % proxy.seed, "w")
    assert False

def test_after():
    assert False
"""


def test_a_failure_tells_the_seed_and_the_log(tests_in, tmp_path):
    said = tests_in(FAILS, rc=1)
    section = re.search(r"^-+ vaurien -+$(.*?)^_{5}", said, re.S | re.M).group(1)
    seed = re.search(r"^the seed of all random draws is (\d+): repeat them with --vaurien-seed=\1$", section, re.M).group(1)
    assert (tmp_path / ("seed-" + seed)).exists()
    assert 'Handler changed to "abort"' in section and "127.0.0.1:9" in section
    assert '"stall"' not in section             # an earlier test's affair
    assert said.count("--vaurien-seed") == 1    # the third test has no proxy


def test_the_seed_is_set(tests_in, tmp_path):
    assert "--vaurien-seed=42" in tests_in(FAILS, "--vaurien-seed", "42", rc=1)
    assert (tmp_path / "seed-42").exists()
    assert "--vaurien-seed=255" in tests_in(FAILS, "--vaurien-seed", "0xff", rc=1)
    for bad in ("-1", "x", str(1 << 64)):
        assert "argument --vaurien-seed: expected a number of 64 bits, decimal or 0x..., got '%s'" % bad in tests_in(
            FAILS, "--vaurien-seed=" + bad, rc=4)


def test_a_seed_of_its_own_is_told_too(tests_in):
    said = tests_in("""
def test_it(vaurien_proxy):
    assert vaurien_proxy(9, seed=7).seed == 8
""", "--vaurien-seed=42", rc=1)
    assert "--vaurien-seed=42" in said and "with a seed of its own: 7" in said


def test_workers_throw_the_same_dice_on_ports_of_their_own(tests_in, tmp_path):
    need_module("xdist")
    said = tests_in("""
import pytest, time

@pytest.mark.parametrize("n", range(8))
def test_it(vaurien_proxy, vaurien_session_proxy, worker_id, n):
    proxies = [vaurien_proxy(9), vaurien_proxy(9), vaurien_session_proxy(9)]
    assert len({proxy.port for proxy in proxies}) == 3
    with open("seeds", "a") as seeds:
        seeds.write("%s %s\\n" % (worker_id, proxies[n % 3].seed))
    time.sleep(0.05)
""", "-n", "2", "--dist", "load")
    assert "8 passed" in said
    rows = [line.split() for line in (tmp_path / "seeds").read_text().splitlines()]
    assert len({seed for _, seed in rows}) == 1
    assert {worker for worker, _ in rows} == {"gw0", "gw1"}


def test_a_proxy_that_died_fails_the_test(tests_in):
    said = tests_in("""
import os, signal

def test_it(vaurien_proxy):
    os.kill(vaurien_proxy(9).pid, signal.SIGKILL)
    vaurien_proxy(9)

def test_next(vaurien_proxy):
    vaurien_proxy(9)
""", rc=1)
    assert "2 passed, 1 error" in said and "vaurien left with exit code -9" in said


def test_a_proxy_that_does_not_start_says_why(tests_in):
    assert "expected one of" in tests_in("""
def test_it(vaurien_proxy):
    vaurien_proxy(9, protocol="nope")
""", rc=1)
