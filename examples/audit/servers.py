"""A MariaDB and a Redis of one's own, for as long as a command runs:

    python3 servers.py COMMAND...       it finds SHOP_DATABASE, SHOP_CACHE and SHOP_PORT in its environment
"""
import contextlib
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time

TABLES = """
CREATE DATABASE IF NOT EXISTS app;
CREATE USER IF NOT EXISTS app@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('secret');
GRANT ALL ON app.* TO app@'%';
USE app;
CREATE TABLE stock (item VARCHAR(40) PRIMARY KEY, pieces INT NOT NULL);
CREATE TABLE orders (id INT AUTO_INCREMENT PRIMARY KEY, item VARCHAR(40) NOT NULL, number VARCHAR(40) UNIQUE);
INSERT INTO stock VALUES ('tea', 1000000);
"""


def program(*names):
    """The path of the first that there is."""
    for name in names:
        found = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        if found:
            return found
    sys.exit("servers.py: %s is missing; in Debian: apt-get install mariadb-server mariadb-client redis-server" % names[0])


def free_port():
    """Below the range from which the kernel gives ports to clients: no other program gets it meanwhile."""
    while True:
        port = random.randrange(10000, 30000)
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port


def wait_for(done, process, what):
    deadline = time.monotonic() + 60
    while not done():
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit("servers.py: %s did not start" % what)
        time.sleep(0.05)


def listens(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def running(words, **more):
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, **more)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def mariadb(folder):
    port, sock = free_port(), os.path.join(folder, "socket")
    data, log = os.path.join(folder, "data"), os.path.join(folder, "log")
    os.makedirs(os.path.join(folder, "tmp"))
    always = ["--no-defaults", "--datadir=" + data, "--tmpdir=" + os.path.join(folder, "tmp")]
    always += ["--user=root"] if os.getuid() == 0 else []
    with open(log, "w") as to:
        subprocess.run([program("mariadb-install-db"), *always, "--auth-root-authentication-method=normal", "--skip-test-db", "--force"],
                       stdout=to, stderr=to, check=True)
        words = [program("mariadbd"), *always, "--port=%d" % port, "--socket=" + sock, "--bind-address=127.0.0.1", "--skip-name-resolve",
                 "--pid-file=" + os.path.join(folder, "pid"), "--innodb-flush-log-at-trx-commit=0", "--max-connections=500"]
        with running(words, stdout=to, stderr=to) as server:
            wait_for(lambda: listens(port), server, "MariaDB")
            subprocess.run([program("mariadb"), "--no-defaults", "--socket=" + sock, "--user=root"], input=TABLES.encode(), check=True)
            yield "127.0.0.1:%d" % port


@contextlib.contextmanager
def redis(folder):
    port = free_port()
    words = [program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
    with running(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        wait_for(lambda: listens(port), server, "Redis")
        yield "127.0.0.1:%d" % port


@contextlib.contextmanager
def servers():
    """The environment of the shop, while the servers run."""
    with tempfile.TemporaryDirectory(prefix="vaurien-shop-") as folder:
        with mariadb(os.path.join(folder, "mariadb")) as database, redis(folder) as cache:
            yield {"SHOP_DATABASE": database, "SHOP_CACHE": cache, "SHOP_PORT": str(free_port())}


if __name__ == "__main__":
    with servers() as environment:
        sys.exit(subprocess.run(sys.argv[1:], env=dict(os.environ, **environment)).returncode)
