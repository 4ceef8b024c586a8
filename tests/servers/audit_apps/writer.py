"""writer.py - writes on one connection that it keeps. --discard: not when the server says that it is read-only."""
import threading
import uuid

import pymysql

from databases import ask, mysql
from web import option, page, serve

READ_ONLY = (1290, 1792, 1836)
lock = threading.Lock()
state = {"connection": None}


@page("/order")
def order():
    with lock:
        if not state["connection"]:
            state["connection"] = mysql()
        try:
            ask(state["connection"], "INSERT INTO written (note) VALUES (%s)", uuid.uuid4().hex)
        except pymysql.MySQLError as error:
            if error.args[0] not in READ_ONLY or option("discard"):
                state["connection"].close()
                state["connection"] = None
            raise
    return "ordered"


@page("/stock")
def stock():
    with lock:
        if state["connection"]:
            ask(state["connection"], "SELECT 1")
    return "5 tea"


ask(mysql(), "CREATE TABLE IF NOT EXISTS written (id INT AUTO_INCREMENT PRIMARY KEY, note VARCHAR(40))")
serve()
