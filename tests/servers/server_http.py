"""The real nginx in a directory of its own: files that can be read, written and deleted, and an echo behind it."""
import contextlib
import os
import shutil
import signal
import subprocess

import pytest

from conftest import need
from harness import Backend, free_port, listening, patience, until

CONFIG = """
daemon off; master_process off; pid {d}/pid; error_log {d}/error.log info;
{user}
events {{ worker_connections 512; }}
http {{
    access_log {d}/access.log;
    client_body_temp_path {d}/t1; proxy_temp_path {d}/t2; fastcgi_temp_path {d}/t3;
    uwsgi_temp_path {d}/t4; scgi_temp_path {d}/t5;
    keepalive_timeout 1h; client_header_timeout 1h; client_body_timeout 1h; send_timeout 1h;   # longer than any patience()
    keepalive_requests 100000; client_max_body_size 0; types {{ text/plain txt; }} default_type application/octet-stream;
    server {{
        listen 127.0.0.1:{port};
        listen 127.0.0.1:{https} ssl; ssl_certificate {d}/cert; ssl_certificate_key {d}/key;
        root {d}/root;
        location / {{ dav_methods PUT DELETE; }}
        location /gzip/ {{ alias {d}/root/; gzip on; gzip_types *; gzip_min_length 1; add_trailer X-Trailer end; }}
        location /ssi/ {{ alias {d}/root/; ssi on; ssi_types *; }}
        location = /host {{ return 200 "$http_host"; }}
        location = /none {{ return 204; }}
        location = /scheme {{ return 200 $scheme; }}
        location = /ws {{
            proxy_pass http://127.0.0.1:{echo}; proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;
        }}
    }}
    server {{ listen 127.0.0.1:{http2} http2; root {d}/root; }}
}}
"""


def switch(end):
    """Takes any request for an upgrade and echoes from there."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += end.read(1)
    end.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n")
    while True:
        data = end.sock.recv(1 << 16)
        if not data:
            return
        end.send(data)


class Server:
    """An address of nginx; address and port are what harness and clients ask for."""

    def __init__(self, port, scheme="http"):
        self.port, self.scheme = port, scheme
        self.address = "127.0.0.1:%d" % port


class Nginx(Server):
    def __init__(self, directory, echo, leaf=None):
        """`leaf`: certificate and key; else one that nobody trusts."""
        super().__init__(free_port())
        self.directory = str(directory)
        self.root = os.path.join(self.directory, "root")
        os.mkdir(self.root)
        self.http2, self.https = Server(free_port()), Server(free_port(), "https")
        if leaf:
            for source, name in zip(leaf, ("cert", "key")):
                shutil.copy(source, self.path(name))
        else:
            subprocess.run([need("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                            "-keyout", self.path("key"), "-out", self.path("cert")],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        words = {"d": self.directory, "port": self.port, "echo": echo.port, "http2": self.http2.port, "https": self.https.port,
                 "user": "user root;" if os.getuid() == 0 else ""}
        with open(self.path("nginx.conf"), "w") as config:
            config.write(CONFIG.format(**words))
        self.process = None

    def path(self, name):
        return os.path.join(self.directory, name)

    def put(self, name, content):
        """A file that the server serves."""
        with open(os.path.join(self.root, name), "wb") as file:
            file.write(content)

    def get(self, name):
        """What a client has stored there; None: nothing."""
        try:
            with open(os.path.join(self.root, name), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def requests(self):
        """What the server has been asked, so far."""
        with open(self.path("access.log")) as log:
            return [line.split('"')[1] for line in log if '"' in line]

    def start(self):
        with open(self.path("out"), "a") as out:
            self.process = subprocess.Popen([need("nginx"), "-p", self.directory, "-c", self.path("nginx.conf")],
                                            stdout=out, stderr=out, stdin=subprocess.DEVNULL)

        def up():
            assert self.process.poll() is None, open(self.path("out")).read()
            return listening(self.port)
        until(up, what="nginx to listen")
        return self

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(patience())
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None


@contextlib.contextmanager
def serving(directory, leaf=None):
    echo = Backend().serve(switch)
    server = Nginx(directory, echo, leaf)
    server.put("small.txt", b"hello\n")
    server.put("page.txt", b"a line of text that can be packed\n" * 3000)
    yield server.start()
    server.stop()
    echo.close()


@pytest.fixture(scope="session")
def nginx(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("nginx")) as server:
        yield server
