"""The rules of many Vauriens, in etcd: what `vaurienctl --fleet` does."""
import contextlib
import json
import os
import subprocess
from typing import Any, Dict, Iterator, List, Optional

from .programs import find


class FleetError(RuntimeError):
    """etcd does not answer, or no proxy can carry the rule out. The text is vaurienctl's sentence."""


class Fleet:
    """A fleet, by the URL that its members were given as --fleet.

        fleet = vaurien.Fleet("etcd://etcd:2379/shop")
        with fleet.rule("error", failure="deadlock", select="app=shop", max_members="10%"):
            ...                         # in force on a tenth of the shop's members

    If this program dies in the block, the rule ends within 10 s.
    """

    def __init__(self, url: str, *, ca: Optional[str] = None, cert: Optional[str] = None, key: Optional[str] = None,
                 user: Optional[str] = None) -> None:
        self.url = url
        self._words = [find("vaurienctl"), "--fleet", url, "--json"]
        for name, value in (("ca", ca), ("cert", cert), ("key", key)):
            if value is not None:
                self._words += ["--fleet-" + name, value]
        self._environment = dict(os.environ, **({"VAURIEN_FLEET_USER": user} if user is not None else {}))

    def members(self) -> List[Dict[str, Any]]:
        """Each member's name, labels, proxies, and on how many of these rules are applied or refused."""
        return self._ask("members")

    def rules(self) -> List[Dict[str, Any]]:
        """Each rule as its author wrote it, on how many members it is in force, and how often it struck."""
        return self._ask("rules")

    def add(self, behavior: str, seconds: float, *, name: Optional[str] = None, select: str = "",
            max_members: Optional[Any] = None, **options: Any) -> Dict[str, Any]:
        """A rule that ends by itself after so many seconds. The row of rules() that it is."""
        return self._ask(*_words(behavior, name, select, max_members, options), "--for", "%.3f" % seconds)

    @contextlib.contextmanager
    def rule(self, behavior: str, *, name: Optional[str] = None, select: str = "", max_members: Optional[Any] = None,
             guard: Optional[str] = None, **options: Any) -> Iterator[Dict[str, Any]]:
        """A rule for the time of a block. `guard`: a command that withdraws it when it fails."""
        words = [*self._words, *_words(behavior, name, select, max_members, options), *(["--guard", guard] if guard else [])]
        author = subprocess.Popen(words, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
        try:
            row = _first_value(author)
            if row is None:
                raise FleetError(_sentence(author.communicate()[1]))
            yield row
        finally:
            if author.poll() is None:
                author.terminate()
            author.communicate()

    def remove(self, name: str) -> None:
        self._ask("rule", "remove", name)

    def calm(self) -> int:
        """Withdraws all rules, everywhere. How many there were."""
        return int(self._ask("calm")["removed"])

    def _ask(self, *words: str) -> Any:
        done = subprocess.run([*self._words, *words], env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True)
        if done.returncode == 2:
            raise ValueError(_sentence(done.stderr))
        if done.returncode:
            raise FleetError(_sentence(done.stderr))
        return json.loads(done.stdout)


def _words(behavior: str, name: Optional[str], select: str, max_members: Optional[Any], options: Dict[str, Any]) -> List[str]:
    words = ["rule", "add", "--select", select, *(["--max-members", str(max_members)] if max_members is not None else []), behavior]
    if name is not None:
        options = dict(options, name=name)
    return words + ["%s=%s" % (key, str(value).lower() if isinstance(value, bool) else value) for key, value in options.items()]


def _first_value(author: "subprocess.Popen[str]") -> Optional[Dict[str, Any]]:
    """The first JSON object that it prints. None: it has ended without one."""
    text = ""
    for line in author.stdout or ():
        text += line
        with contextlib.suppress(ValueError):
            row = json.loads(text)
            return row if row.get("members") or not row.get("reported") else None
    return None


def _sentence(said: str) -> str:
    lines = said.strip().splitlines() or ["vaurienctl has ended"]
    return lines[-1].replace("vaurienctl: ", "", 1)
