"""sockets.py - connects anew after an error, and forgets the socket that it had. --close: it closes that first."""
import threading

import pymysql

from databases import ask, mysql
from web import note, option, page, serve

lock = threading.Lock()
state = {"connection": mysql()}
forgotten = []


@page("/stock")
def stock():
    with lock:
        try:
            ask(state["connection"], "INSERT INTO sockets (note) VALUES ('tea')")
        except pymysql.MySQLError:
            if option("close"):
                state["connection"].close()
            else:
                forgotten.append(state["connection"])
                note("forgotten")
            state["connection"] = mysql()
            raise
    return "5 tea"


ask(state["connection"], "CREATE TABLE IF NOT EXISTS sockets (id INT AUTO_INCREMENT PRIMARY KEY, note VARCHAR(40))")
serve()
