"""time_outs.py - one connection for each thread of a small pool.

--time-out=SECONDS: for answers and for connecting; else there is none.
"""
import queue

from databases import ask, mysql
from web import note, option, page, serve

SECONDS = option("time-out", 0.0)
idle = queue.LifoQueue()


def connect():
    return mysql(connect_timeout=SECONDS, read_timeout=SECONDS) if SECONDS else mysql()


@page("/stock")
def stock():
    try:
        connection = idle.get_nowait()
    except queue.Empty:
        connection = connect()
    try:
        ask(connection, "SELECT 'tea', 5")
    except Exception as error:
        note("failed", error=repr(error))
        connection.close()
        raise
    idle.put(connection)
    return "5 tea"


@page("/")
def front():
    return "welcome"


serve()
