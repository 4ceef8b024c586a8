"""orders.py - an order whose answer is lost is sent again, on a new connection. --key: with a key that the table has once."""
import threading
import uuid

import pymysql

from databases import ask, mysql
from web import note, option, page, serve

TABLE = "orders_with_key" if option("key") else "orders"
DUPLICATE = 1062
lock = threading.Lock()
state = {"connection": mysql()}


@page("/order")
def order():
    name = uuid.uuid4().hex
    with lock:
        for last in (False, False, True):
            try:
                ask(state["connection"], "INSERT INTO %s (name) VALUES (%%s)" % TABLE, name)
                break
            except pymysql.MySQLError as error:
                if error.args[0] == DUPLICATE:
                    break
                note("again")
                state["connection"].close() if state["connection"].open else None
                state["connection"] = mysql()
                if last:
                    raise
    return "ordered"


ask(state["connection"], "CREATE TABLE IF NOT EXISTS %s (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40)%s)"
    % (TABLE, ", UNIQUE (name)" if option("key") else ""))
serve()
