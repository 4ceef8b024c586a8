"""breaker.py - a circuit breaker: after a failure nothing is asked for --open=SECONDS. Notes when it closes again."""
import threading
import time

from databases import ask, mysql
from web import note, option, page, serve

OPEN = option("open", 6.0)
lock = threading.Lock()
state = {"connection": None, "open_until": 0}


@page("/stock")
def stock():
    with lock:
        if time.monotonic() < state["open_until"]:
            raise RuntimeError("the breaker is open")
        try:
            if not state["connection"]:
                state["connection"] = mysql(connect_timeout=1, read_timeout=1)
            ask(state["connection"], "SELECT 'tea', 5")
        except Exception:
            state["connection"] = None
            state["open_until"] = time.monotonic() + OPEN
            note("opened")
            raise
        if state["open_until"]:
            state["open_until"] = 0
            note("closed")
    return "5 tea"


serve()
