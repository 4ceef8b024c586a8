"""docs/api.md, held against the program: it has all metrics, events and fields, and no others. Its requests: test_docs.py."""
import json
import os
import re

import pytest

from harness import ROOT, until
from test_connections import connections
from test_events import Stream
from test_metrics import metrics

with open(os.path.join(ROOT, "docs", "api.md")) as text:
    PAGE = text.read()


SOME = {"process", "destination", "tls"}        # of `vaurien run` alone: see test_run.py; of TLS: see test_tls.py


def rows(heading):
    """The table's cells behind a heading, row by row."""
    part = PAGE.split("\n" + heading + "\n", 1)[1].split("\n#", 1)[0]
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in part.split("\n") if line.startswith("| ")]


def test_all_metrics(start):
    told = re.findall(r"`((?:vaurien|toxiproxy)_\w+)`|`(_\w+)`", "\n".join(row[0] for row in rows("## Metrics")))
    names = set()
    for whole, ending in told:
        names.add(whole or "vaurien_rule" + ending)
    assert names == {name for name in metrics(start()).types if not name.startswith("process_")}


def test_all_labels(start, backend):
    backend.serve()
    proxy = start("--rule", "delay sleep=0", backend=backend)
    now = metrics(proxy)
    for row in rows("## Metrics")[1:]:
        for name in re.findall(r"`((?:vaurien|toxiproxy)_\w+)`", row[0]):
            if not name.endswith("_seconds"):
                labels = {key for key in row[1].split(", ") if key}
                assert all(set(has) == labels for has, _ in now.all(name)), name


def test_the_connection_shown(start, backend):
    shown = json.loads(re.search(r"```json\n(.*?)```", PAGE, re.S).group(1))
    proxy = start("--rule", "hang", backend=backend)
    client = proxy.client()
    client.send(b"x")
    live = until(lambda: [c for c in connections(proxy) if c["held_by"]])[0]

    def shape(value):
        return {key: shape(inner) for key, inner in value.items()} if isinstance(value, dict) else None
    assert shape(live) == shape(shown["connections"][0])
    fields = {name for row in rows("## Connections")[1:] for name in re.findall(r"`(\w+)`", row[0])}
    assert fields - SOME == set(live)


@pytest.mark.parametrize("kind", ["opened", "closed", "fault", "changed"])
def test_fields_of_events(start, backend, kind):
    backend.serve()
    proxy = start(backend=backend)
    with Stream(proxy, "?type=" + kind) as stream:
        proxy.set("delay", sleep=0.001)
        with proxy.client() as client:
            client.send(b"x").read(1)
        event = stream.next()
    row = [row for row in rows("## Events") if row[0] == "`%s`" % kind][0]
    told = set(re.findall(r"`(\w+)`", row[2])) - {"close", "reset", "push", "created", "changed", "removed", "start", "SIGHUP", "ttl"} - SOME
    assert told == set(event) - {"id", "time", "type", "proxy"}
