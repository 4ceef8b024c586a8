"""pool.py - a pool of fixed size, first in, first out.

--test: each connection is tested before use. --forget: a dead one is thrown away, and no new one takes its place.
Else only the connection that failed is replaced, when it is needed next.
"""
import queue

import pymysql

from databases import ask, mysql
from web import note, option, page, serve

SIZE = option("size", 5)
TEST, FORGET = option("test", False), option("forget", False)
pool = queue.Queue()


def get():
    connection = pool.get(timeout=0.2)          # with --forget it is empty at last
    try:
        if connection is None:
            return mysql()
        if TEST:
            connection.ping(reconnect=True)
        return connection
    except pymysql.MySQLError:
        pool.put(None)
        raise


@page("/stock")
def stock():
    connection = get()
    try:
        ask(connection, "SELECT 'tea', 5")
    except pymysql.MySQLError as error:
        note("dead", error=repr(error))
        if not FORGET:
            pool.put(None)
        raise
    pool.put(connection)
    return "5 tea"


for _ in range(SIZE):
    pool.put(mysql())
serve()
