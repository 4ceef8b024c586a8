"""The small shop of naive.py, after its audit: what is new has a comment.

    DATABASE_URL=mysql+pymysql://app:secret@localhost/app REDIS_URL=redis://localhost/0 python3 repaired.py 5000
"""
import os
import random
import sys
import time
import uuid

import redis
import sqlalchemy
from flask import Flask, jsonify
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, TimeoutError

AGAIN = {1205, 1213}            # lock wait time-out, deadlock: the server has rolled back, and asks to try again
LOST = {2006, 2013}             # the connection is gone: the transaction may have been done
LEAVE = {1290, 1792, 1836}      # read-only: this was the primary once
TRIES, PATIENCE = 3, 1.0       # times, and seconds after which nothing is tried again

app = Flask(__name__)
# hangs: time-outs, for connecting and for each request. stale_pool: connections are tested before use.
database = sqlalchemy.create_engine(
    os.environ["DATABASE_URL"], pool_pre_ping=True, pool_size=20, pool_timeout=1,
    connect_args={"connect_timeout": 1, "read_timeout": 1, "write_timeout": 1})
cache = redis.Redis.from_url(os.environ["REDIS_URL"], socket_timeout=0.3, socket_connect_timeout=0.3)


def cached(work):
    """A cache may be away: then the database is asked."""
    try:
        return work()
    except redis.RedisError:
        return None


def in_transaction(work):
    """Run work(connection). Again, with growing pauses, where it was not done, or finds out itself that it was."""
    begin = time.monotonic()
    for attempt in range(1, TRIES + 1):
        try:
            with database.begin() as connection:
                return work(connection)
        except DBAPIError as error:
            code = error.orig.args[0] if error.orig and error.orig.args else None
            if code in LEAVE:
                database.dispose()              # demoted: new connections may find the new primary
            if code not in AGAIN | LOST | LEAVE or attempt == TRIES or time.monotonic() > begin + PATIENCE:
                raise
            time.sleep(random.uniform(0.5, 1) * 0.05 * 2 ** attempt)


@app.get("/")
def front():
    return "A small shop"


@app.get("/stock/<item>")
def stock(item):
    pieces = cached(lambda: cache.get("stock:" + item))
    if pieces is None:
        pieces = in_transaction(lambda connection: connection.execute(
            text("SELECT pieces FROM stock WHERE item = :item"), {"item": item}).scalar())
        cached(lambda: cache.set("stock:" + item, pieces, px=500))
    return jsonify(pieces=int(pieces))


@app.post("/orders/<item>")
def order(item):
    number = str(uuid.uuid4())                  # executed_twice: an order that was lost on the way is known again

    def take(connection):
        if connection.execute(text("SELECT 1 FROM orders WHERE number = :number"), {"number": number}).first():
            return
        connection.execute(text("INSERT INTO orders (item, number) VALUES (:item, :number)"), {"item": item, "number": number})
        # slow: all orders wait for this row, so it is locked last.
        connection.execute(text("UPDATE stock SET pieces = pieces - 1 WHERE item = :item"), {"item": item})
    in_transaction(take)
    cached(lambda: cache.delete("stock:" + item))
    return "ordered", 201


@app.errorhandler(DBAPIError)
@app.errorhandler(TimeoutError)                 # of the pool
def unavailable(error):
    return "try again later", 503, {"Retry-After": "1"}


if __name__ == "__main__":
    app.run(port=int(sys.argv[1]), threaded=True)       # collateral: pages do not wait for each other
