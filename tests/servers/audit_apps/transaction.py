"""transaction.py - a pool whose connections come back with their transaction open. --rollback: after an error it is ended."""
import queue

from databases import ask, postgres
from web import option, page, serve

pool = queue.LifoQueue()


@page("/stock")
def stock():
    try:
        connection = pool.get_nowait()
    except queue.Empty:
        connection = postgres()
    try:
        ask(connection, "SELECT count(*) FROM pg_class WHERE relname = %s", "tea")
        connection.commit()
    except Exception:
        if option("rollback"):
            connection.rollback()
        raise
    finally:
        pool.put(connection)                    # whatever became of it
    return "5 tea"


serve()
