"""workers.py - one worker for all pages. --threads: one for each request."""
from databases import ask, mysql
from web import OneWorker, Threads, option, page, serve


@page("/")
def front():
    return "welcome"


@page("/stock")
def stock():
    connection = mysql(connect_timeout=1, read_timeout=1)
    try:
        ask(connection, "SELECT 'tea', 5")
    finally:
        connection.close()
    return "5 tea"


serve(Threads if option("threads") else OneWorker)
