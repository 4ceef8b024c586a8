"""vaurien audit from Python: runs it, and returns its report as objects.

    report = vaurien.audit(config="shop.ini", command=["gunicorn", "-b", ":5000", "shop:app"], faults="quick")
    assert report.cell("front", "hang").verdict == "pass"
    report.check()                              # AssertionError with what to mend, where something failed

A report is also read from a file that --json wrote: Report.load("audit.json").
"""
import contextlib
import json
import os
import signal
import subprocess
import tempfile
from typing import Any, Dict, Generic, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple, TypeVar, Union

from .programs import find

__all__ = ["AuditError", "Cell", "Connections", "Experiment", "Finding", "Report", "audit"]

VERDICTS = ("pass", "degraded", "inconclusive", "fail")         # from best to worst
Words = Union[str, Iterable[str]]
Value = TypeVar("Value")


class AuditError(RuntimeError):
    """The audit could not be carried out: no baseline, no application, no backend. The message ends with what it wrote,
    also in `log`. exit_code: 4, 130, 143 or so. report: what there is of it, or None."""

    def __init__(self, exit_code: int, log: str, report: "Optional[Report]" = None) -> None:
        super().__init__("vaurien audit ended with exit code %d%s" % (exit_code, "\n" + log.rstrip() if log.strip() else ""))
        self.exit_code = exit_code
        self.log = log
        self.report = report

    def __reduce__(self) -> Any:                # from one process to another
        return AuditError, (self.exit_code, self.log, self.report)


class _Field(Generic[Value]):
    """A property of a part's JSON."""

    def __init__(self, name: str, otherwise: Any = None) -> None:
        self.name, self.otherwise = name, otherwise

    def __get__(self, part: "Optional[_Part]", owner: Any = None) -> Value:
        return self if part is None else part.json.get(self.name, self.otherwise)      # type: ignore[return-value]


class _Part:
    """A part of a report. `json` is all of it: docs/audit-report.schema.json has the properties, and times are seconds."""

    def __init__(self, json: Dict[str, Any]) -> None:
        self.json = json

    def __eq__(self, other: Any) -> bool:
        return type(other) is type(self) and other.json == self.json

    def __hash__(self) -> int:
        return hash(json.dumps(self.json, sort_keys=True))


class Finding(_Part):
    """A named thing that is wrong: `id`, `severity` (note, degraded, inconclusive, fail), `text`, `remedy` ("": none), and
    of a whole run `where` ("db/hang/stock"). known: the earlier report of --against has it, too."""

    id = _Field[str]("id")
    severity = _Field[str]("severity")
    text = _Field[str]("text")
    remedy = _Field[str]("remedy", "")
    where = _Field[List[str]]("where", [])
    known = _Field[bool]("known", False)

    def __repr__(self) -> str:
        return "<Finding %s (%s): %s>" % (self.id, self.severity, self.text)


class _Judged(_Part):
    verdict = _Field[str]("verdict")
    known = _Field[bool]("known", False)

    @property
    def findings(self) -> List[Finding]:
        """Worst first."""
        return [Finding(each) for each in self.json["findings"]]

    def has(self, finding: str) -> bool:
        """Is there a finding of this id?"""
        return any(each.id == finding for each in self.findings)


class Cell(_Judged):
    """What a probe saw of an outage. `place` is "PROXY/OUTAGE/PROBE".

    detect, recover: seconds; None: it never noticed, it did not come back. during, after: how many samples were "ok",
    "slow", "error", "timeout", "down" and "skipped" in the fault and after it.
    """

    def __init__(self, json: Dict[str, Any], place: str) -> None:
        super().__init__(json)
        self.place = place

    probe = _Field[str]("name")
    detect = _Field[Optional[float]]("detect")
    recover = _Field[Optional[float]]("recover")
    during = _Field[Dict[str, int]]("during")
    after = _Field[Dict[str, int]]("after")
    answers = _Field[Dict[str, int]]("answers")

    def __repr__(self) -> str:
        return "<Cell %s: %s%s>" % (self.place, self.verdict, "".join(", " + each.id for each in self.findings))


class Connections(_Judged):
    """What became of the connections to a proxy in an outage: `json` has the figures, such as "stuck" and "unnoticed"."""

    def __init__(self, json: Dict[str, Any], place: str) -> None:
        super().__init__(json)
        self.place = place

    def __repr__(self) -> str:
        return "<Connections %s: %s>" % (self.place, self.verdict)


class Experiment(_Judged):
    """One outage on one proxy. state: "done", "broken_off", "not_run", "left_out"."""

    proxy = _Field[str]("proxy")
    outage = _Field[str]("outage")
    question = _Field[str]("question")
    state = _Field[str]("state")
    struck = _Field[int]("struck")

    @property
    def place(self) -> str:
        return "%s/%s" % (self.proxy, self.outage)

    @property
    def cells(self) -> List[Cell]:
        return [Cell(each, "%s/%s" % (self.place, each["name"])) for each in self.json["probes"]]

    @property
    def connections(self) -> Optional[Connections]:
        """None: it was not run."""
        wires = self.json["connections"]
        return None if wires is None else Connections(wires, self.place + "/connections")

    @property
    def request_timeout(self) -> Optional[float]:
        """The time-out that the application has for requests, in seconds (median); None: it gave up none."""
        return (self.json["timeouts"]["request"] or {}).get("median")

    def __repr__(self) -> str:
        return "<Experiment %s: %s>" % (self.place, self.verdict)


class Report(_Part):
    """The report of an audit. verdict: the worst of all experiments. exit_code: the program's."""

    def __init__(self, json: Dict[str, Any], log: str = "") -> None:
        if json.get("schema") != "vaurien-audit/1":
            raise ValueError("expected a report of the schema vaurien-audit/1, got %r" % (json.get("schema"),))
        super().__init__(json)
        self.log = log                          # what the audit wrote for a person

    verdict = _Field[str]("verdict")
    exit_code = _Field[int]("exit")
    counts = _Field[Dict[str, int]]("counts")
    took = _Field[float]("took")

    @property
    def seed(self) -> int:
        return int(self.json["seed"])

    @property
    def notes(self) -> List[str]:
        """What a reader must know before the verdicts."""
        return [each["text"] for each in self.json["notes"]]

    @property
    def findings(self) -> List[Finding]:
        """Of the whole run, with their places; worst first."""
        return [Finding(each) for each in self.json["findings"]]

    @property
    def experiments(self) -> List[Experiment]:
        """In the order of the plan."""
        return [Experiment(each) for each in self.json["experiments"]]

    @classmethod
    def load(cls, path: Union[str, "os.PathLike[str]"]) -> "Report":
        """A report that --json or --report has written."""
        with open(path, encoding="utf-8") as file:
            return cls(json.load(file))

    def save(self, path: Union[str, "os.PathLike[str]"]) -> None:
        """Write it as JSON, for load() and for --against."""
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self.json, file)

    def experiment(self, outage: str, proxy: Optional[str] = None) -> Experiment:
        """That of an outage. KeyError: there is none. proxy: needed where several proxies have it."""
        found = [each for each in self.experiments if each.outage == outage and proxy in (None, each.proxy)]
        if len(found) != 1:
            raise KeyError("%s: %s; there are %s" % (
                outage, "several proxies have it" if found else "no such experiment", ", ".join(each.place for each in self.experiments)))
        return found[0]

    def cell(self, probe: str, outage: str, proxy: Optional[str] = None) -> Cell:
        """What a probe saw of an outage. KeyError: there is no such probe or experiment, or it was not run."""
        experiment = self.experiment(outage, proxy)
        for each in experiment.cells:
            if each.probe == probe:
                return each
        raise KeyError("%s/%s: no such probe in it (it is %s); there are %s" % (
            experiment.place, probe, experiment.state, ", ".join(each.probe for each in experiment.cells) or "none"))

    def cells(self) -> List[Cell]:
        """All of them, in the order of the plan."""
        return [cell for experiment in self.experiments for cell in experiment.cells]

    def check(self, worst: str = "degraded") -> None:
        """AssertionError with what to mend, where a verdict is worse than this one. What is known from the report of
        --against does not count. What did not happen is inconclusive, and so is an audit that ended early."""
        if worst not in VERDICTS:
            raise ValueError("expected one of %s, got %r" % (", ".join(VERDICTS), worst))
        bad = [each for each in self._judged() if not each.known and VERDICTS.index(each.verdict) > VERDICTS.index(worst)]
        if not bad and not (self.json["ended"]["how"] != "complete" and worst in ("pass", "degraded")):
            return
        lines = ["vaurien audit: %s" % self.verdict]
        lines += ["  ended early: %s" % self.json["ended"]["text"]] if self.json["ended"]["text"] else []
        for each in bad:
            lines.append("  %-12s %s" % (each.verdict, each.place))
            lines += ["    %s: %s%s" % (found.id, found.text, "; " + found.remedy if found.remedy else "")
                      for found in each.findings if found.severity != "note"]
        raise AssertionError("\n".join(lines))

    def _judged(self) -> Iterator[Any]:
        for experiment in self.experiments:
            parts: List[Any] = list(experiment.cells)
            parts += [] if experiment.connections is None else [experiment.connections]
            yield from parts
            if all(VERDICTS.index(part.verdict) < VERDICTS.index(experiment.verdict) for part in parts) and \
                    experiment.state != "left_out":
                yield experiment                # it is worse than its parts by its own findings

    def __repr__(self) -> str:
        return "<Report %s: %s>" % (self.verdict, ", ".join("%d %s" % (self.counts[each], each) for each in VERDICTS))


def _words(options: Mapping[str, Any]) -> List[str]:
    """faults="quick", only=["db", "cache"], stay=True, and what may be given several times as a list."""
    words: List[str] = []
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            words.append(flag)
        elif value is None or value is False:
            continue
        elif isinstance(value, (list, tuple)):
            words += [word for each in value for word in (flag, str(each))]
        else:
            words += [flag, "%gs" % value if isinstance(value, float) else str(value)]
    return words


def audit(config: "Optional[Union[str, os.PathLike[str]]]" = None, *, attach: Optional[str] = None,
          probes: Union[Words, Mapping[str, str]] = (), command: Optional[Sequence[str]] = None,
          env: Optional[Mapping[str, str]] = None, options: Iterable[Any] = (), echo: bool = False,
          environ: Optional[Mapping[str, str]] = None, **more: Any) -> Report:
    """Run `vaurien audit` and return its report, whatever its verdict.

    config: a file as of --config. attach: the control API of a running Vaurien. probes: words of --probe, or a dictionary
    {"front": "http://localhost:5000/"}. command: the application, started between its proxies. env: its environment, with
    {db} for the address of proxy db. more: the options of the command line, with _ for -: faults="quick",
    add=["db=127.0.0.1:0=db:3306,mysql"], fault_time="5s" (a float is seconds). options: further words. echo: what it
    writes goes to the standard output, too. environ: in place of this process's environment.

    ValueError with its sentence: an option, a file or a value is wrong, and nothing was started. AuditError: it could not
    be carried out, or was interrupted. FileNotFoundError: there is no program, see vaurien.programs.find.
    """
    named = ["%s=%s" % pair for pair in probes.items()] if isinstance(probes, Mapping) else \
        [probes] if isinstance(probes, str) else list(probes)
    words = [find(), "audit"]
    words += _words({"config": None if config is None else os.fspath(config), "attach": attach, "probe": named,
                     "env": ["%s=%s" % pair for pair in (env or {}).items()]})
    words += _words(more) + [str(word) for word in options]
    with tempfile.TemporaryDirectory(prefix="vaurien-audit-") as folder:
        path = os.path.join(folder, "audit.json")
        words += [] if "json" in more else ["--json", path]
        path = str(more.get("json", path))
        if os.path.exists(path):
            os.unlink(path)                     # an earlier report must not be taken for this one
        code, log = _run(words + (["--"] + list(command) if command else []), echo, environ)
        report = None
        with contextlib.suppress(OSError, ValueError):
            report = Report.load(path)
            report.log = log
    if code == 2:
        raise ValueError(log.strip() or "vaurien audit refused its options")
    if report is None or code not in (0, 1, 3):
        raise AuditError(code, log, report)
    return report


def _run(words: List[str], echo: bool, environ: Optional[Mapping[str, str]]) -> Tuple[int, str]:
    """Its exit code and what it wrote. It gets an interrupt, too, and then takes its faults back before it ends."""
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               env=None if environ is None else dict(environ))
    lines: List[bytes] = []
    assert process.stdout is not None
    try:
        for line in process.stdout:
            lines.append(line)
            if echo:
                print(line.decode("utf-8", "replace"), end="", flush=True)
        code = process.wait()
    except BaseException:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise
    finally:
        process.stdout.close()
    return code, b"".join(lines).decode("utf-8", "replace")
