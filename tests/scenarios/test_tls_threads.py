"""TLS in several workers at once: handshakes and resumption, names that need certificates, rules and options that change, and
the API that looks at it. Mostly for the build with -fsanitize=thread, which must have nothing to say."""
import os
import signal
import socket
import ssl
import threading
import time
import urllib.request

import pytest
from tls_ends import backend_certificate, context

from harness import patience, until

RULES = [
    [], [{"behavior": "delay", "sleep": "1ms"}], [{"behavior": "tls_certificate"}], [{"behavior": "tls_forget"}],
    [{"behavior": "tls_delay", "sleep": "2ms"}, {"behavior": "tls_alert", "probability": 0.5}], [{"behavior": "tls_corrupt", "nth": 2}], [],
    [{"behavior": "tls_client_cert", "demand": "require"}], [{"behavior": "tls_version", "only": "1.2"}],
    [{"behavior": "tls_break", "at": "finished"}], [{"behavior": "tls_stall"}],
]
OPTIONS = [{"client_tls_key_type": "rsa"}, {"client_tls_names": "one.test,two.test"}, {"client_tls_tickets": 0}, {"client_tls_max": "1.2"},
           {"backend_tls_resume": False}, {"client_tls_alpn": "a,b"}]


def serve(sock):
    """An echo with TLS on each connection, one thread for each."""
    secure = context(True)

    def one(plain):
        try:
            plain.settimeout(patience())
            with secure.wrap_socket(plain, server_side=True) as end:
                while data := end.recv(1 << 16):
                    end.sendall(data)
        except OSError:
            plain.close()

    def accept():
        while True:
            try:
                plain = sock.accept()[0]
            except OSError:
                return
            threading.Thread(target=one, args=(plain,), daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()


class Client:
    """Connects again and again, with its last session and with names of its own."""

    def __init__(self, proxy, number):
        self.proxy, self.number, self.echoes, self.refused, self.wrong, self.session = proxy, number, 0, 0, None, None
        self.context = context(False)

    def once(self, turn):
        with socket.create_connection(("127.0.0.1", self.proxy.port), patience()) as plain:
            plain.settimeout(patience(0.3))
            with self.context.wrap_socket(plain, server_hostname="n%d-%d.test" % (self.number, turn % 5), session=self.session) as end:
                data = os.urandom(3000)
                end.sendall(data)
                back = b""
                while len(back) < len(data):
                    piece = end.recv(1 << 16)
                    if not piece:
                        raise ConnectionError
                    back += piece
                self.session = end.session
                if back != data:
                    self.wrong = "an echo differs"
                self.echoes += 1

    def run(self, over):
        turn = 0
        while not over.is_set() and not self.wrong:
            turn += 1
            try:
                self.once(turn)
            except (OSError, ValueError):       # a fault, or a session of another version
                self.refused += 1
                self.session = None


def resumed(proxy, leg):
    return sum(float(line.split()[-1]) for line in proxy.api("GET", "/metrics")[1].splitlines()
               if line.startswith("vaurien_tls_handshakes_total{") and 'leg="%s"' % leg in line and 'resumed="true"' in line)


@pytest.mark.threads
def test_handshakes_in_workers_while_all_changes(start, backend, tmp_path):
    serve(backend.sock)
    proxy = start("--threads", 3, "--tls-dir", tmp_path / "ca", "--client-tls", "require", "--backend-tls", "verify", "--backend-tls-ca",
                  backend_certificate() + ".cert", "--linger", "200ms", backend=backend)
    over = threading.Event()
    clients = [Client(proxy, number) for number in range(6)]
    threads = [threading.Thread(target=client.run, args=(over,), daemon=True) for client in clients]
    for thread in threads:
        thread.start()

    def done(*words):
        status, answer = proxy.api(*words)
        assert status == 200, (words, answer)

    def calm():
        done("PUT", "/rules", {"rules": []})
        count = sum(client.echoes for client in clients)
        until(lambda: sum(client.echoes for client in clients) > count + 6, what="clients to be served")
    calm()
    for turn in range(24):
        done("PUT", "/rules", {"rules": RULES[turn % len(RULES)]})
        if turn % 4 == 0:
            done("PATCH", "/proxies/default", OPTIONS[turn // 4])
        if turn % 8 == 3:
            os.kill(proxy.pid, signal.SIGHUP)
        for path in ("/connections", "/ca.pem", "/stats"):
            done("GET", path)
        urllib.request.urlopen("http://127.0.0.1:%d/ca.crl" % proxy.http, timeout=patience()).close()
        time.sleep(0.03)
    calm()
    over.set()
    for thread in threads:
        thread.join(patience())
    assert not [client.wrong for client in clients if client.wrong]
    assert all(client.echoes for client in clients) and any(client.refused for client in clients)
    assert resumed(proxy, "client") > 0 and resumed(proxy, "backend") > 0
    until(lambda: proxy.descriptors() < 60, what=lambda: "descriptors to come back: %d" % proxy.descriptors())
