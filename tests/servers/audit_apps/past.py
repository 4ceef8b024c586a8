"""past.py - asks the backend at --port=N itself, and not the proxy that it was told. --tls: through the proxy, in TLS."""
import os
import ssl

from databases import ask, mysql
from web import option, page, serve

if not option("tls"):
    os.environ["VAURIEN_DB_HOST"], os.environ["VAURIEN_DB_PORT"] = "127.0.0.1", option("port")


def connect():
    if not option("tls"):
        return mysql()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return mysql(ssl=context)


@page("/stock")
def stock():
    connection = connect()
    try:
        ask(connection, "SELECT 'tea', 5")
    finally:
        connection.close()
    return "5 tea"


serve()
