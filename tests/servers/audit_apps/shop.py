"""shop.py - a small shop on SQLAlchemy, with five pooled connections and a time-out of 1 s.

--test: the pool tests connections before use.
"""
import uuid

import sqlalchemy

from databases import place
from web import option, page, serve

engine = sqlalchemy.create_engine("mysql+pymysql://app:secret@{host}:{port}/app".format(**place("DB")),
                                  pool_size=5, max_overflow=5, pool_timeout=1, pool_pre_ping=bool(option("test")),
                                  connect_args={"connect_timeout": 1, "read_timeout": 1, "write_timeout": 1})


@page("/")
def front():
    return "welcome"


@page("/stock")
def stock():
    with engine.connect() as connection:
        return str(connection.execute(sqlalchemy.text("SELECT 5")).scalar())


@page("/order")
def order():
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("INSERT INTO shop (name) VALUES (:name)"), {"name": uuid.uuid4().hex})
    return "ordered"


with engine.begin() as first:
    first.execute(sqlalchemy.text("CREATE TABLE IF NOT EXISTS shop (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40))"))
for each in [engine.connect() for _ in range(5)]:
    each.close()
serve()
