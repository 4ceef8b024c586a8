"""The pytest plugin: proxies for tests, faults undone after each test, and the seed where a test fails.

    def test_a_slow_database(vaurien_proxy):
        proxy = vaurien_proxy("127.0.0.1:3306", protocol="mysql")
        with proxy.behavior("delay", sleep=0.5) as fault:
            ...
        assert fault.hits

Each proxy has ports of its own, so that tests can run side by side (pytest-xdist).
"""
import argparse
import os
import random
import shlex
import sys
from typing import Any, Callable, Dict, Iterator, List

import pytest

from .programs import find
from .proxy import Proxy

MAKERS = ("vaurien_proxy", "vaurien_session_proxy")
LOG_LINES = 40                                  # of each proxy, in the report of a test that failed

Maker = Callable[..., Proxy]


def _seed(text: str) -> int:
    try:
        seed = int(text, 0)
    except ValueError:
        seed = -1
    if not 0 <= seed < 1 << 64:
        raise argparse.ArgumentTypeError("expected a number of 64 bits, decimal or 0x..., got '%s'" % text)
    return seed


def pytest_addoption(parser: Any) -> None:
    group = parser.getgroup("vaurien")
    group.addoption("--vaurien-seed", type=_seed, metavar="N",
                    help="seed of all random draws of the proxies, 64 bits, decimal or 0x...; not given: "
                         "drawn, and shown where a test fails")
    group.addoption("--vaurien-run", action="store_true",
                    help="start pytest again under `vaurien run`, which carries the connections of the tests")
    group.addoption("--vaurien-run-options", default="", metavar="WORDS",
                    help="options of `vaurien run`, such as '--protocol mysql'")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: Any) -> None:
    """A process cannot be caught after its start, so pytest begins anew: once, and not in workers, which inherit it."""
    if not config.getoption("vaurien_run") or "VAURIEN_RUN_PYTEST" in os.environ or hasattr(config, "workerinput"):
        return
    line = [find("vaurien"), "run", *shlex.split(config.getoption("vaurien_run_options")), "--", sys.executable, "-m", "pytest",
            *config.invocation_params.args]
    sys.stdout.flush()
    os.environ["VAURIEN_RUN_PYTEST"] = "1"
    os.chdir(str(config.invocation_params.dir))
    os.execv(line[0], [str(word) for word in line])


def pytest_configure(config: Any) -> None:
    config.pluginmanager.register(Proxies(config), "vaurien-proxies")


def _each(proxies: List[Proxy], do: Callable[[Proxy], None]) -> None:
    """Do it to all of them, whatever becomes of one; then raise the first error."""
    errors = []
    for proxy in proxies:
        try:
            do(proxy)
        except Exception as error:
            errors.append(error)
    if errors:
        raise errors[0]


class Proxies:
    """The proxies of this run, or of one of its workers."""

    def __init__(self, config: Any) -> None:
        given = getattr(config, "workerinput", {}).get("vaurien_seed", config.getoption("vaurien_seed"))
        self.seed: int = random.SystemRandom().getrandbits(64) if given is None else given
        self.running: List[Proxy] = []
        self.told: Dict[Proxy, int] = {}        # how much of each log belongs to earlier tests

    def make(self, *words: Any, **more: Any) -> Proxy:
        more.setdefault("seed", self.seed)
        proxy = Proxy(*words, **more).start()
        self.running.append(proxy)
        return proxy

    def stop(self, proxies: List[Proxy]) -> None:
        for proxy in proxies:
            self.running.remove(proxy)
            self.told.pop(proxy, None)
        _each(proxies, Proxy.stop)

    # ---- what pytest calls ----

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """pytest-xdist: all workers throw the same dice."""
        node.workerinput["vaurien_seed"] = self.seed

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        self.told = {proxy: len(proxy.log) for proxy in self.running}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self) -> None:
        """Before fixtures clean up behind a test, they have their servers back as they were."""
        _each([proxy for proxy in self.running if proxy.running], Proxy.reset)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: Any) -> Iterator[None]:
        outcome: Any = yield
        report = outcome.get_result()
        if report.failed and set(MAKERS) & set(getattr(item, "fixturenames", ())):
            report.sections.append(("vaurien", self.tell()))

    def tell(self) -> str:
        lines = ["the seed of all random draws is %d: repeat them with --vaurien-seed=%d" % (self.seed, self.seed)]
        for proxy in self.running:
            log = proxy.log[self.told.get(proxy, 0):].splitlines()
            own = "" if proxy.seed == self.seed else ", with a seed of its own: %d" % proxy.seed
            lines += ["", "%s before %s%s" % (proxy.address, proxy.backend, own)]
            lines += ["... %d lines before" % (len(log) - LOG_LINES)] if len(log) > LOG_LINES else []
            lines += log[-LOG_LINES:]
        return "\n".join(lines)


def _maker(request: Any) -> Iterator[Maker]:
    proxies: Proxies = request.config.pluginmanager.get_plugin("vaurien-proxies")
    made: List[Proxy] = []

    def make(*words: Any, **more: Any) -> Proxy:
        made.append(proxies.make(*words, **more))
        return made[-1]

    yield make
    proxies.stop(made)


@pytest.fixture
def vaurien_proxy(request: Any) -> Iterator[Maker]:
    """vaurien_proxy(backend, protocol="tcp", **words): a running vaurien.Proxy, stopped when the test is over. Its seed
    is the run's."""
    yield from _maker(request)


@pytest.fixture(scope="session")
def vaurien_session_proxy(request: Any) -> Iterator[Maker]:
    """As vaurien_proxy, but its proxies last as long as the run, for applications and pools that do. What a test did to
    one is undone when that test is over."""
    yield from _maker(request)
