"""A small shop on MySQL and Redis, as one writes it first. `diff naive.py repaired.py` shows what an audit made of it.

    DATABASE_URL=mysql+pymysql://app:secret@localhost/app REDIS_URL=redis://localhost/0 python3 naive.py 5000
"""
import os
import sys

import redis
import sqlalchemy
from flask import Flask, jsonify
from sqlalchemy import text

app = Flask(__name__)
database = sqlalchemy.create_engine(os.environ["DATABASE_URL"])
cache = redis.Redis.from_url(os.environ["REDIS_URL"])


@app.get("/")
def front():
    return "A small shop"


@app.get("/stock/<item>")
def stock(item):
    pieces = cache.get("stock:" + item)
    if pieces is None:
        with database.begin() as connection:
            pieces = connection.execute(text("SELECT pieces FROM stock WHERE item = :item"), {"item": item}).scalar()
        cache.set("stock:" + item, pieces, px=500)
    return jsonify(pieces=int(pieces))


@app.post("/orders/<item>")
def order(item):
    with database.begin() as connection:
        connection.execute(text("UPDATE stock SET pieces = pieces - 1 WHERE item = :item"), {"item": item})
        connection.execute(text("INSERT INTO orders (item) VALUES (:item)"), {"item": item})
    cache.delete("stock:" + item)
    return "ordered", 201


if __name__ == "__main__":
    app.run(port=int(sys.argv[1]), threaded=False)      # one request at a time
