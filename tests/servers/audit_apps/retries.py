"""retries.py - asks again what failed: --times=N, first after --wait=SECONDS, then after twice as long each time."""
import threading
import time
import uuid

import pymysql

from databases import ask, mysql
from web import note, option, page, serve

TIMES, WAIT = option("times", 8), option("wait", 0.0)
lock = threading.Lock()
connection = mysql()


@page("/order")
def order():
    name = uuid.uuid4().hex
    with lock:
        ask(connection, "SELECT 'tea', 5")
        for n in range(TIMES + 1):
            try:
                ask(connection, "INSERT INTO retried (note) VALUES (%s)", name)
                return "ordered"
            except pymysql.MySQLError:
                if n == TIMES:
                    raise
                note("retry")
                time.sleep(WAIT * 2 ** n)


ask(connection, "CREATE TABLE IF NOT EXISTS retried (id INT AUTO_INCREMENT PRIMARY KEY, note VARCHAR(40))")
serve()
