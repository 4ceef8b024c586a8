"""growing.py - a pool that grows when more is asked for at once, and keeps what it has."""
import queue

from databases import ask, mysql
from web import page, serve

pool = queue.LifoQueue()


@page("/stock")
def stock():
    try:
        connection = pool.get_nowait()
    except queue.Empty:
        connection = mysql()
    ask(connection, "SELECT 'tea', 5")
    pool.put(connection)
    return "5 tea"


serve()
