"""A shop that takes orders, with Flask, SQLAlchemy's pool and MySQL: a first version, and a repaired one."""
import sqlalchemy
from flask import Flask, jsonify
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

PATIENCE = 1.0                                  # seconds to wait for the database
LOST_TO_OTHERS = {1205, 1213}                   # lock wait timeout, deadlock: the transaction can be repeated

TABLES = (
    "CREATE TABLE IF NOT EXISTS stock (item VARCHAR(40) PRIMARY KEY, pieces INT NOT NULL) ENGINE=InnoDB",
    "CREATE TABLE IF NOT EXISTS orders (id INT AUTO_INCREMENT PRIMARY KEY, item VARCHAR(40) NOT NULL) ENGINE=InnoDB",
)

# The first version lacks these: without time-outs the driver waits for ever, and without pre_ping the pool hands out
# dead connections.
REPAIRED = {
    "pool_pre_ping": True,
    "connect_args": {"connect_timeout": PATIENCE, "read_timeout": PATIENCE, "write_timeout": PATIENCE},
}


def create_app(url, repaired):
    app = Flask(__name__)
    engine = app.engine = sqlalchemy.create_engine(url, **(REPAIRED if repaired else {}))

    def in_transaction(work, tries=3 if repaired else 1):
        """Run work(connection) in a transaction; repeat it if the server rolled it back for the sake of another."""
        while True:
            try:
                with engine.begin() as connection:
                    return work(connection)
            except DBAPIError as error:
                tries -= 1
                if not tries or error.orig.args[0] not in LOST_TO_OTHERS:
                    raise

    @app.get("/stock/<item>")
    def stock(item):
        def count(connection):
            return connection.execute(text("SELECT pieces FROM stock WHERE item = :item"), {"item": item}).scalar()
        return jsonify(pieces=in_transaction(count))

    @app.post("/orders/<item>")
    def order(item):
        def take(connection):
            taken = connection.execute(text("UPDATE stock SET pieces = pieces - 1 WHERE item = :item AND pieces > 0"), {"item": item})
            if taken.rowcount:
                connection.execute(text("INSERT INTO orders (item) VALUES (:item)"), {"item": item})
            return taken.rowcount
        return ("ordered", 201) if in_transaction(take) else ("sold out", 409)

    if repaired:
        @app.errorhandler(DBAPIError)
        def unavailable(error):
            return "try again later", 503, {"Retry-After": "1"}

    return app
