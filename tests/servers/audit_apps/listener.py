"""listener.py - waits for notifications on a connection that is idle otherwise, and dies when that ends.

--connect-again: it does not die.
"""
import os
import select
import threading
import time

import psycopg2

from databases import ask, postgres
from web import note, option, page, serve


def listen():
    connection = postgres()
    connection.autocommit = True
    ask(connection, "LISTEN orders")
    while True:
        select.select([connection], [], [])
        connection.poll()


def listen_for_ever():
    while True:
        try:
            listen()
        except psycopg2.Error:
            if not option("connect-again"):
                note("dies")
                os._exit(3)                     # as an 'error' event does that nobody handles
            time.sleep(0.2)


@page("/stock")
def stock():
    connection = postgres(connect_timeout=1)
    try:
        ask(connection, "SELECT 5")
    finally:
        connection.close()
    return "5 tea"


threading.Thread(target=listen_for_ever, daemon=True).start()
serve()
