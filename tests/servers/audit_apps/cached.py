"""cached.py - pages from a cache; without it each costs --queries=N of the database.

--local: it keeps a copy of its own, for when the cache is empty.
"""
import threading

from databases import ask, mysql, redis
from web import option, page, serve

lock = threading.Lock()
connection, cache = mysql(), redis()
local = {}


def make():
    for n in range(option("queries", 10)):
        ask(connection, "SELECT 'tea', %s", n)
    return "5 tea"


@page("/stock")
def stock():
    text = cache.get("stock")
    if text is None and option("local"):
        text = local.get("stock")
    if text is None:
        with lock:
            text = make()
        cache.set("stock", text)
    local["stock"] = text
    return text if isinstance(text, str) else text.decode()


serve()
