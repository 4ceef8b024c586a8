"""Reports that were made up: one of a usual run, a hostile one, a huge one. All are of the schema."""
import copy
import math
import random

OUTCOMES = ("ok", "slow", "error", "timeout", "down", "skipped")
TIMEOUT = 5.0

# outage: (question, summary, phases of (name, seconds), cure)
OUTAGES = {
    "slow": ("every answer takes a third of a second more?", "db answers later", [("slow", 10)], "off"),
    "restart": ("is it back on its feet after a restart?", "db shuts down, refuses, starts",
                [("shuts-down", 0.3), ("closes", 0.2), ("refuses", 3), ("starts", 2)], "off"),
    "blackout": ("what works while it is gone, and how hard does it try to come back?", "db is gone",
                 [("gone", 10)], "off"),
    "hang": ("are there time-outs, and which?", "db accepts and says nothing", [("hangs", 20)], "off"),
    "half_open": ("are connections given up that nobody answers (lost host, NAT, balancer)?",
                  "open connections go silent, new ones are well", [("silent", 10)], "reconnect"),
    "lost_reply": ("is anything done twice that was done, and its answer lost?", "db loses answers",
                   [("loses", 10)], "off"),
}


def outcomes(samples):
    return {name: sum(sample[2] == name for sample in samples) for name in OUTCOMES}


def finding(name, severity, text, remedy=None):
    return dict({"id": name, "severity": severity, "text": text}, **({"remedy": remedy} if remedy else {}))


STALE = finding("stale_pool", "degraded", "3 failures without asking db, of 5 pooled connections",
                "test connections before use")
HANGS = finding("hangs", "fail", "20 samples had no answer in 5 s", "set a time-out in the driver")


def cell(name, begun, t_on, t_off, end, bad=None, answer="500", late=0, findings=(), verdict="pass", took=0.008,
         never_back=False):
    """Samples every 500 ms: `bad` while the fault is on and `late` seconds more."""
    samples, at, dice = [], begun, random.Random(name)
    while at < end:
        ill = bad and t_on <= at < (end if never_back else t_off + late)
        length = {"timeout": TIMEOUT, "slow": 0.31, "error": 0.011, "down": 0.001}[bad] if ill else took
        samples.append([round(at, 3), round(length * dice.uniform(.8, 1.2 if length < 5 else 1), 4), bad if ill else "ok",
                        ("200" if bad == "slow" else "" if bad == "timeout" else answer) if ill else "200"])
        at += 0.5
    during = [sample for sample in samples if t_on <= sample[0] < t_off]
    after = [sample for sample in samples if sample[0] >= t_off]
    failing = bad not in (None, "slow")
    failures = sum(sample[2] not in ("ok", "slow") for sample in after)
    return {"name": name, "verdict": verdict, "detect": 0.4 if failing else None,
            "recover": None if never_back else late if failing else 0.0,
            "during": outcomes(during), "after": outcomes(after),
            "answers": {answer: 14} if bad == "error" else {}, "answer_median": {"timeout": TIMEOUT, "slow": .31,
                                                                              "error": .011, "down": .001}.get(bad),
            "failures_after": failures, "without_asking": failures, "tried": "nothing" if never_back else None,
            "findings": list(findings), "samples": samples}


def phases_of(outage, t_on):
    phases, at = [], t_on
    for name, seconds in OUTAGES[outage][2]:
        phases.append({"name": name, "fault": True, "rules": ["error failure=shutting_down"], "begun": at,
                       "ended": at + seconds, "expectations": []})
        at += seconds
    return phases, at


def series(begun, t_on, t_off, end):
    seconds = range(int(begun), int(end))
    return {"open": [[begun, 5], [t_on, 0], [t_off + .5, 2], [t_off + 1.5, 5]],
            "opened": [[t_off, 2], [t_off + 1, 3]],
            "exchanges": [[at, 0 if t_on <= at < t_off else 12] for at in seconds],
            "waiting": [[at, min(16, int(at - t_on)) if t_on <= at < t_off else 0] for at in seconds]}


def experiment(number, outage, begun, probes, connections=(), proxy="db", never_back=False, **more):
    question, summary, _, cure = OUTAGES[outage]
    t_on = begun + 4
    phases, t_off = phases_of(outage, t_on)
    end = t_off + (90 if never_back else 7)
    cells = [cell(name, begun, t_on, t_off, end, never_back=never_back and bool(words.get("bad")), **words)
             for name, words in probes]
    order = ("pass", "degraded", "inconclusive", "fail")
    wires = dict({"verdict": "pass", "before": 5, "after": 5, "opened": 5, "peak": 2, "unnoticed": 5, "stuck": 0,
                  "poisoned": 0, "silent": 0, "replaced": 0, "suspects": 0, "findings": []}, **dict(connections))
    verdict = max([each["verdict"] for each in cells] + [wires["verdict"]], key=order.index)
    return dict({"number": number, "proxy": proxy, "outage": outage, "question": question, "summary": summary,
                 "state": "done", "verdict": verdict, "cure": cure, "begun": begun, "t_on": t_on, "t_strike": t_on + .02,
                 "t_off": t_off, "end": end, "struck": 5, "unreachable": 0, "needed_restart": never_back, "phases": phases,
                 "findings": [], "probes": cells, "connections": wires,
                 "retries": {"median": 0, "most": 0, "spacing": "none", "gap": None, "samples": 14},
                 "timeouts": {"connect": None, "request": None}, "executed_twice": 0, "load": [],
                 "series": series(begun, t_on, t_off, end)}, **more)


def not_run(number, outage, state, name, text):
    made = experiment(number, outage, 0, [])
    made.update({"state": state, "verdict": "inconclusive", "connections": None, "retries": None, "struck": 0,
                 "phases": [], "findings": [finding(name, "inconclusive", text)], "needed_restart": False})
    made.update({time: None for time in ("begun", "t_on", "t_strike", "t_off", "end")})
    made["series"] = {name: [] for name in ("open", "opened", "exchanges", "waiting")}
    return made


def count(report):
    """Counts, verdict and exit code of what is there."""
    cells = [part["verdict"] for each in report["experiments"] for part in each["probes"] + [each["connections"]] if part]
    report["counts"] = dict({name: cells.count(name) for name in ("pass", "degraded", "inconclusive", "fail")}, known=0)
    report["verdict"] = max([each["verdict"] for each in report["experiments"]] or ["inconclusive"],
                            key=("pass", "degraded", "inconclusive", "fail").index)
    report["exit"] = {"fail": 1, "inconclusive": 3}.get(report["verdict"], 0)
    return report


def probe(name, what, asks, **more):
    return dict({"name": name, "what": what, "expect": "any", "within": .25, "timeout": TIMEOUT, "every": .5,
                 "asks": asks, "asks_given": False, "samples": 20, "ok": 20, "median": .008, "slowest": .012}, **more)


def usual():
    """The example of the specification: a page without the database, one that reads it, one that writes."""
    error = dict(bad="error", verdict="degraded",
                 findings=[finding("errors", "degraded", "11 answers 500, in 11 ms (median)")])
    stale = dict(error, late=1.7, findings=[STALE])
    hangs = dict(bad="timeout", verdict="fail", findings=[HANGS])
    collateral = dict(bad="timeout", verdict="fail",
                      findings=[finding("collateral", "fail", "18 samples had no answer, and front asks nothing of db")])
    not_back = dict(bad="timeout", verdict="fail", findings=[
        HANGS, finding("not_recovered", "fail", "no answer for 90 s; nothing was tried", "set a time-out in the driver")])
    slow = dict(bad="slow", verdict="degraded", findings=[finding("slow", "degraded", "20 of 20 samples took 0.3 s")])
    waited = {"connect": None, "request": {"waited": 7, "given_up": 0, "watched": 20.0, "least": None, "median": None,
                                           "most": None}}
    given_up = {"connect": {"waited": 3, "given_up": 3, "watched": 20.0, "least": 1.9, "median": 2.0, "most": 2.1},
                "request": {"waited": 7, "given_up": 5, "watched": 20.0, "least": 2.9, "median": 3.0, "most": 4.1}}
    twice = dict(bad="error", verdict="fail", findings=[
        finding("executed_twice", "fail", "3 writes were done twice", "retry with an idempotency key")])
    experiments = [
        experiment(1, "slow", 20, [("front", {}), ("stock", slow), ("order", slow)]),
        experiment(2, "restart", 50, [("front", {}), ("stock", stale), ("order", error)], timeouts=given_up),
        experiment(3, "blackout", 80, [("front", {}), ("stock", error), ("order", error)],
                   {"verdict": "degraded", "peak": 40, "findings": [
                       finding("reconnect_storm", "degraded", "40 connections were opened in a second",
                               "back off between attempts")]},
                   retries={"median": 3.0, "most": 4, "spacing": "growing", "gap": .4, "samples": 12}),
        experiment(4, "hang", 120, [("front", collateral), ("stock", hangs), ("order", hangs)], timeouts=waited),
        experiment(5, "half_open", 170, [("front", {}), ("stock", not_back), ("order", not_back)],
                   {"unnoticed": 0, "silent": 5, "replaced": 0}, never_back=True),
        not_run(6, "lost_reply", "left_out", "not_run", "the baseline saw no writes"),
    ]
    summaries = [
        ("hangs", "fail", "requests to db have no time-out", "set a time-out in the driver",
         ["db/hang/stock", "db/hang/order", "db/half_open/stock", "db/half_open/order"]),
        ("not_recovered", "fail", "it does not come back", "set a time-out in the driver",
         ["db/half_open/stock", "db/half_open/order"]),
        ("collateral", "fail", "a page without db waits behind those with it", "", ["db/hang/front"]),
        ("reconnect_storm", "degraded", "connections are opened without a pause", "back off between attempts",
         ["db/blackout/connections"]),
        ("stale_pool", "degraded", "pooled connections are not tested", "test connections before use",
         ["db/restart/stock"]),
        ("unnoticed", "note", "the pool does not notice closed connections", "", ["db/restart/connections"]),
    ]
    return count({
        "schema": "vaurien-audit/1", "program": "vaurien 3.0.0", "seed": 8124905712, "started": "2026-01-05T10:00:00Z",
        "took": 371.2, "fail_on": "fail", "ended": {"how": "complete", "text": ""},
        "notes": [{"id": "clock", "text": "The clocks may be 2 ms apart"}],
        "application": {"command": "gunicorn -b :5000 shop:app", "exits": 0, "restarts": 1},
        "options": {"faults": "default", "fault-time": 10.0, "probe": ["front", "stock", "order"]},
        "command_line": ["vaurien", "audit", "--env", "DATABASE_URL=...", "--", "gunicorn", "-b", ":5000", "shop:app"],
        "clock_uncertainty": 0.002, "events_lost": 0,
        "proxies": [{"name": "db", "protocol": "mysql", "listen": "127.0.0.1:3307", "backend": "db:3306", "injected": True,
                     "connections": [2, 5], "exchanges_per_second": 12.1}],
        "probes": [probe("front", "GET http://localhost:5000/", {}, median=.003),
                   probe("stock", "GET http://localhost:5000/stock/tea", {"db": {"reads": 1}}),
                   probe("order", "POST http://localhost:5000/orders/tea", {"db": {"reads": 1, "writes": 2}})],
        "experiments": experiments,
        "findings": [{"id": name, "severity": severity, "text": text, "remedy": remedy, "where": where}
                     for name, severity, text, remedy, where in summaries]})


# What some format or another takes for its own.
HOSTILE = ["<script>alert(1)</script>", "</script><!--", "a]]>b", "%0A::error::x", "\x1b[31mred\x07", "x\ny\r\nz", "| a | `b` |",
           "\"quoted\" 'n' &amp;", "\u202egnp.exe\u202c", "\ufffe\uffff\x00\x01\x7f", "[x](javascript:alert(1))", "*_~#",
           "\U0001f9e8" * 20, "w" * 300, "${{ secrets.X }}", "..", ""]


def map_texts(value, change, path=()):
    if isinstance(value, dict):
        return {name: map_texts(each, change, path + (name,)) for name, each in value.items()}
    if isinstance(value, list):
        return [map_texts(each, change, path + ("[]",)) for each in value]
    return change(value, path) if isinstance(value, str) else value


FREE = {"text", "remedy", "question", "summary", "what", "listen", "backend", "command", "why", "program", "expect"}


def hostile(text):
    """The usual report with this text in all places that a file or an application could fill."""
    report = usual()

    def change(value, path):
        if path[-1] in FREE or (path[-1] == "[]" and path[-2] in ("rules", "does", "command_line", "probe")):
            return text
        return value
    report = map_texts(report, change)
    report["ended"] = {"how": "guard", "text": text}
    key = text.replace("\x00", "")                           # the parser refuses such a name
    report["options"][key] = text
    old, new = "stock", (text.replace("/", "_") or "stock")
    for each in report["experiments"]:
        each["outage"] = each["outage"] + text.replace("/", "_")
        for part in each["probes"]:
            part["name"] = new if part["name"] == old else part["name"]
            part["answers"] = {key[:64]: 3} if part["answers"] else {}
            part["samples"] = [sample[:3] + [text[:64]] for sample in part["samples"]]
    report["probes"][1]["name"] = new
    report["probes"][1]["asks"] = {"db": {key: 2.0}}
    return report


def huge(experiments=40, probes=16, seconds=20):
    """As much as a run of half an hour can bring."""
    report = usual()
    report["probes"] = [probe("probe-%d" % n, "GET http://localhost:5000/%d" % n, {"db": {"reads": 1}}) for n in range(probes)]
    report["experiments"] = []
    report["took"] = 1800.0
    dice = random.Random(1)
    for number in range(experiments):
        made = copy.deepcopy(experiment(number + 1, "hang", 20 + number * 60, []))
        made["outage"] = "hang-%d" % number
        made["end"] = made["t_off"] + seconds
        for n in range(probes):
            part = cell("probe-%d" % n, made["begun"], made["t_on"], made["t_off"], made["end"],
                        bad=dice.choice([None, "error", "timeout", "down", "slow"]), late=dice.uniform(0, 20),
                        findings=[HANGS] * 3, verdict="fail")
            made["probes"].append(part)
        steps = int((made["end"] - made["begun"]) * 10)
        for name in made["series"]:
            made["series"][name] = [[made["begun"] + step / 10, int(20 * math.sin(step / 7) + 20)] for step in range(steps)][:4000]
        made["verdict"] = "fail"
        report["experiments"].append(made)
    report["findings"] = [dict(each, where=["db/hang-%d/probe-%d" % (n, k) for n in range(experiments) for k in range(probes)])
                          for each in report["findings"] for _ in range(3)]
    for n, each in enumerate(report["findings"]):
        each["remedy"] = "remedy %d" % n
    return count(report)
