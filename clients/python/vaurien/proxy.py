"""A proxy for the length of a block: on a port of its own, with rules that come and go, and its log at hand."""
import contextlib
import os
import shutil
import subprocess
import tempfile
import threading
import weakref
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple, Union

from .client import Client, HTTPError
from .process import address, stop, wait_ready
from .programs import find

__all__ = ["Fault", "Proxy"]

Backend = Union[str, int, Tuple[str, int]]


class Fault:
    """A behavior that was set, or a rule that was added, for the length of a block. What it met can be asked during the
    block and afterwards.

    seen: exchanges that it looked at. hits: those that it struck; a test whose fault has none tested nothing.
    unreachable: those that it could not strike, since the connection's protocol is not understood.
    """

    def __init__(self, ask: Callable[[], Dict[str, Any]]) -> None:
        self._ask: Optional[Callable[[], Dict[str, Any]]] = ask
        self._told: Dict[str, Any] = {}

    def _count(self, word: str) -> int:
        if self._ask:
            self._told = self._ask() or self._told      # nothing: a ttl is over
        return int(self._told.get(word, 0))

    def _end(self) -> None:
        """Keep the counts as they are now."""
        self._count("hits")
        self._ask = None

    seen = property(lambda self: self._count("seen"))
    hits = property(lambda self: self._count("hits"))
    unreachable = property(lambda self: self._count("unreachable"))

    def __repr__(self) -> str:
        """What an assert on `hits` prints where it fails."""
        try:
            self._count("hits")
        except Exception:                       # the proxy is gone: the counts from before
            pass
        shown = ["%s=%s" % (word, self._told.get(word, 0)) for word in ("hits", "seen", "unreachable")]
        return "Fault(%s)" % ", ".join(shown)


class Proxy:
    """A vaurien before a backend. It listens on 127.0.0.1, on a port that the kernel chooses, so that any number of them
    can run side by side. To be used by `with`, or by start() and stop().

    backend: "HOST:PORT", "unix:/PATH", (host, port), or a port of 127.0.0.1. It need not run yet.
    protocol: what client and server speak; `vaurien --list` shows all.
    behavior: the behavior to begin with, or percents ("20:delay,10:error").
    rules: further rules to begin with, each as on the command line: 'error failure=deadlock match="^QUERY UPDATE"'.
    seed: of all random draws, 64 bits; None: drawn. Then `seed` has it.
    name: its name in its log; random draws depend on it. Default: the protocol's name.
    options: further words of vaurien's command line, as ["--behavior-delay-sleep", "2"].
    wait: the longest wait for it to listen, in seconds.

    Once started: `address` ("127.0.0.1:41234"), `host`, `port` (0 where `listen` is a unix socket), `seed`, `pid`, `client` (a Client of its control API,
    which is a unix socket at `api`: vaurienctl --host takes it, too).

    start() raises StartError, a ValueError, with what the program wrote, where it does not start.
    """

    def __init__(self, backend: Backend, protocol: str = "tcp", *, behavior: str = "dummy", rules: Iterable[str] = (),
                 seed: Optional[int] = None, name: Optional[str] = None, listen: str = "127.0.0.1:0",
                 options: Iterable[Any] = (), log_level: str = "info", wait: float = 10.0) -> None:
        self.backend = _backend(backend)
        self._words = ["--proxy", listen, "--backend", self.backend, "--protocol", protocol, "--behavior", behavior,
                       "--proxy-name", protocol if name is None else name, "--log-level", log_level]
        self._words += [word for rule in rules for word in ("--rule", rule)]
        self._words += [] if seed is None else ["--seed", str(seed)]
        self._words += [str(word) for word in options]
        self._wait = wait
        self._process: Optional[subprocess.Popen] = None
        self._directory: Optional[str] = None
        self._log = ""

    # ---- from start to stop ----

    def start(self) -> "Proxy":
        """Start it and return when it listens. StartError if it does not."""
        if self._process is not None:
            raise RuntimeError("this proxy runs already")
        program = find()
        self._directory = _directory()
        self.api = "unix:" + os.path.join(self._directory, "api")
        self.client = Client(self.api)
        try:
            with open(self._log_path, "wb") as log:
                self._process = subprocess.Popen([*_pact(), program, *self._words, "--http", "--http-host", self.api],
                                                 stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        except OSError:
            shutil.rmtree(self._directory)
            self._directory = None
            raise
        # Where it is forgotten, and at the program's end:
        self._last_will = weakref.finalize(self, _end, os.getpid(), self._process, self._directory)
        try:
            wait_ready(self._process, self._answers, self._wait, lambda: self.log)
            self._learn()
        except BaseException:
            self._clear()
            raise
        return self

    @property
    def running(self) -> bool:
        """Was it started, and neither stopped nor has it left by itself?"""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Stop it; what is due to clients is sent first, for a second at most. May be called twice. RuntimeError, with
        the log's end, where it did not leave as it should: a crash is never passed over."""
        if self._process is None:
            return
        rc = stop(self._process)
        self._clear()
        if rc != 0:
            raise RuntimeError("vaurien left with exit code %d\n%s" % (rc, self._log[-4000:]))

    def __enter__(self) -> "Proxy":
        return self.start()

    def __exit__(self, *_: Any) -> None:
        self.stop()

    def _answers(self) -> bool:
        try:
            self.client.info()
            return True
        except OSError:
            return False

    def _learn(self) -> None:
        """What was left to the program, and what it begins with."""
        info = self.client.info()
        self.pid = self._process.pid            # type: ignore[union-attr]
        self.seed = int(info["seed"])
        self.address = info["proxies"][0]["listen"]
        host, _, port = self.address.rpartition(":")
        self.host, self.port = (self.address, 0) if host == "unix" else (host.strip("[]"), int(port))
        self._first = self.client.behavior()
        self._first_rules = [rule for rule in self.rules() if rule["name"] != "behavior"]

    def _clear(self) -> None:
        self._log = self.log
        self._process = self._directory = None
        self._last_will()

    # ---- its log ----

    @property
    def _log_path(self) -> str:
        return os.path.join(self._directory or "", "log")

    def _read_log(self) -> str:
        with open(self._log_path, errors="replace") as log:
            return log.read()

    @property
    def log(self) -> str:
        """All that it has written so far; also when it has stopped."""
        return self._read_log() if self._directory is not None else self._log

    # ---- faults ----

    @contextlib.contextmanager
    def behavior(self, name: str, **options: Any) -> Iterator[Fault]:
        """Set a behavior for the length of a block, in place of the one before, which then is back, options and all.

        As Client.set_behavior: proxy.behavior("delay", sleep=2), proxy.behavior("error", failure="deadlock", times=1),
        proxy.behavior("20:delay,10:error", delay={"sleep": 2}). ValueError where the proxy refuses it.
        """
        before = self.client.behavior()
        self.client.set_behavior(name, **options)
        fault = Fault(self.client.behavior)
        try:
            yield fault
        finally:
            try:
                fault._end()
            finally:
                self.client._put_back(before)

    def set_behavior(self, name: str, **options: Any) -> None:
        """Set a behavior until another is set, or until reset()."""
        self.client.set_behavior(name, **options)

    @contextlib.contextmanager
    def rule(self, behavior: str, *, name: Optional[str] = None, **options: Any) -> Iterator[Fault]:
        """Add a rule beside the behavior and all other rules, for the length of a block. Any number can be in force; what
        several do to one exchange adds up.

            with proxy.rule("delay", sleep=0.1), proxy.rule("error", failure="deadlock", match="^QUERY UPDATE", times=1):

        name: its name in the log; random draws depend on it. Default: the behavior's name, with a number where there
        is a rule of that name. options: as of behavior(). ValueError where the proxy refuses it.
        """
        name = self.client.add_rule(behavior, name, **options)
        fault = Fault(lambda: next((rule for rule in self.rules() if rule["name"] == name), {}))
        try:
            yield fault
        finally:
            try:
                fault._end()
            finally:
                self._remove(name)

    @contextlib.contextmanager
    def down(self, seconds: Optional[float] = None) -> Iterator[None]:
        """No server for the length of a block: new clients are refused, open connections are reset. Then it is back.

        seconds: it is back after so long at the latest, even if this program is killed in the block. What refuses is a
        rule named "down", so `vaurienctl up` ends it, too.
        """
        name = self.client.add_rule("refuse", "down", **({} if seconds is None else {"ttl": seconds}))
        try:
            self.client.end_connections(reset=True)
            yield
        finally:
            self._remove(name)

    def _remove(self, name: str) -> None:
        try:
            self.client.remove_rule(name)
        except HTTPError as error:
            if error.status != 404:             # its ttl may be over
                raise

    def rules(self) -> List[Dict[str, Any]]:
        """All rules as they stand, with what they have met: "name", "behavior", "options", "seen", "hits", ..."""
        return self.client.rules()

    def reset(self) -> None:
        """Back to what it was started with: the behavior, the rules, the backend. Counts begin anew."""
        self.client._put_back(self._first)
        self.client.set_rules(self._first_rules)
        if self.client.get_backend() != self.backend:
            self.client.set_backend(self.backend)


def _pact() -> List[str]:
    """Words to start a program by: the kernel stops it when this one is killed and cannot. The kernel means the thread
    that started it, so it can be had from the main thread only."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv and threading.current_thread() is threading.main_thread() else []


def _end(owner: int, process: subprocess.Popen, directory: str) -> None:
    """Nothing is left of it; but a fork of the program that started it leaves it alone."""
    if os.getpid() != owner:
        return
    if process.poll() is None:
        process.kill()
        process.wait()
    shutil.rmtree(directory, ignore_errors=True)


def _backend(backend: Backend) -> str:
    if isinstance(backend, str):
        return backend
    return address(*("127.0.0.1", backend) if isinstance(backend, int) else backend)


def _directory() -> str:
    """A new one, where the name of a unix socket is not too long (107 bytes)."""
    made = tempfile.mkdtemp(prefix="vaurien-")
    if len(os.fsencode(made)) <= 90:
        return made
    os.rmdir(made)
    return tempfile.mkdtemp(prefix="vaurien-", dir="/tmp")
