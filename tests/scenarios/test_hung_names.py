"""A name server that does not answer: nothing waits for it but what needs its names."""
import contextlib
import http.client
import os
import socket
import subprocess
import threading

import pytest

from harness import dial, left_out, listening, patience, until

MOUNTS = 'mount --bind "$0" /etc/resolv.conf && mount --bind "$1" /etc/hosts && shift && exec "$@"'


@pytest.fixture
def silent_server(tmp_path):
    """The words before a program that make it ask a name server that says nothing; good.test is in its hosts."""
    if os.geteuid() or subprocess.run(["unshare", "-m", "true"]).returncode:
        left_out("a mount namespace of the test's own needs root")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        address = "127.66.%d.%d" % (os.getpid() // 250 % 250 + 1, os.getpid() % 250 + 1)
        server.bind((address, 53))
        names, hosts = tmp_path / "resolv.conf", tmp_path / "hosts"
        names.write_text("nameserver %s\noptions timeout:5 attempts:4\n" % address)
        hosts.write_text("127.0.0.1 localhost good.test\n")
        yield ["unshare", "-m", "--propagation", "private", "sh", "-c", MOUNTS, str(names), str(hosts)]


def echo(port, server):
    with dial(port) as client, server.accept() as there:
        client.send(b"hello")
        assert there.read(5) == b"hello"


def test_other_names_are_found(start, backend, silent_server):
    proxy = start("--backend", "good.test:%d" % backend.port, prefix=silent_server)
    echo(proxy.port, backend)
    for i in range(8):
        status, made = proxy.api("POST", "/proxies", {"name": "n%d" % i, "listen": "127.0.0.1:0", "upstream": "hung%d.test:80" % i})
        assert status == 201
    ports = [int(p["listen"].rsplit(":", 1)[1]) for p in proxy.api("GET", "/info")[1]["proxies"] if p["name"] != "default"]
    waiting = [socket.create_connection(("127.0.0.1", port)) for port in ports]
    until(lambda: all(len(proxy.api("GET", "/proxies/n%d/connections" % i)[1]["connections"]) == 1 for i in range(8)))
    echo(proxy.port, backend)
    for client in waiting:
        client.close()


def test_the_api_answers_meanwhile(start, backend, silent_server):
    proxy = start(backend=backend, prefix=silent_server)
    answers = []

    def ask():
        with contextlib.suppress(http.client.HTTPException, OSError):   # it ends with the program
            answers.append(proxy.api("POST", "/proxies", {
                "name": "named", "listen": "nowhere.test:0", "upstream": "127.0.0.1:1"}))
    asking = threading.Thread(target=ask)
    asking.start()
    for _ in range(20):
        assert proxy.api("GET", "/info")[0] == 200
    assert not answers          # the name is still looked for
    proxy.process.terminate()
    assert proxy.process.wait(patience()) == 0
    assert not listening(proxy.port)
    asking.join()
