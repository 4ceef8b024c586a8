"""databases.py - how the small applications connect: to where the audit tells them, with the drivers' defaults."""
import os


def place(name):
    return {"host": os.environ["VAURIEN_%s_HOST" % name], "port": int(os.environ["VAURIEN_%s_PORT" % name])}


def mysql(**options):
    import pymysql
    return pymysql.connect(**dict(place("DB"), user="app", password="secret", database="app", autocommit=True, **options))


def postgres(**options):
    import psycopg2
    return psycopg2.connect(**dict(place("DB"), user="app", password="secret", dbname="app", sslmode="disable", **options))


def redis(**options):
    import redis as driver
    return driver.Redis(**dict(place("CACHE"), **options))


def ask(connection, statement, *values):
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else None
