"""Finding the backend: addresses of all kinds, and backends that are not there."""
import os
import select
import socket
import time

import pytest

from harness import Clock, Deadline, End, dial, free_port, listening, patience, until


def test_refused_is_a_reset_and_the_log_says_why(vaurien):
    proxy = vaurien(backend="127.0.0.1:%d" % free_port())
    assert proxy.refuses() == "rst"
    proxy.logged(r"(?i)refused")


def test_a_name_that_is_none_is_a_reset_and_the_log_says_which(vaurien):
    proxy = vaurien(backend="name.invalid:80")
    assert proxy.refuses() == "rst"
    proxy.logged(r"name\.invalid")


def connect_errors(address, n=50):
    """How often connect fails for a client whose event loop is busy for a millisecond when the connection opens. Who looks
    after the 20 ms that a connection lives at least is too late: that says nothing."""
    errors, deadline = 0, Deadline()
    while n and not deadline.passed():
        with socket.socket() as sock, Clock() as took:
            sock.setblocking(False)
            sock.connect_ex(address)
            time.sleep(0.001)                   # the loop is busy with something else
            select.select([], [sock], [], patience())
            failed = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0
        if not failed or took.seconds < 0.02:
            errors += failed
            n -= 1
    return errors + n


@pytest.mark.parametrize("behavior", [None, "blackout", "reset_peer"])
def test_connect_succeeds_before_a_reset(vaurien, backend, behavior):
    """The backend is down, or a rule resets connections: the client is connected first, as by every network."""
    proxy = vaurien(backend=backend if behavior else "127.0.0.1:%d" % free_port())
    if behavior:
        proxy.set(behavior)
    assert connect_errors(("127.0.0.1", proxy.port)) == 0
    assert proxy.refuses() == "rst"


@pytest.fixture
def full(backends):
    """A backend whose queue is full: it neither answers nor refuses."""
    backend = backends(backlog=0)
    waiting = []
    while True:
        sock = socket.socket()
        sock.settimeout(0.3)
        waiting.append(sock)
        try:
            sock.connect(("127.0.0.1", backend.port))
        except socket.timeout:
            break
    yield backend
    for sock in waiting:
        sock.close()


def test_a_connect_that_hangs_holds_up_nobody_else(vaurien, backend, full):
    proxy = vaurien(backend=full)
    stuck = proxy.client()
    assert stuck.silent(0.3)
    assert proxy.api("PUT", "/backend", {"backend": backend.address}) == (200, {"status": "ok"})
    client, server = proxy.meet(backend)
    client.send(b"x")
    assert server.read(1) == b"x"
    assert stuck.silent(0.2)


def test_timeout_bounds_the_connect(vaurien, full):
    client = vaurien("--timeout", 1, backend=full).client()
    start = time.monotonic()
    assert client.ends() == "rst"
    assert 0.9 < time.monotonic() - start < patience(4)


def test_put_backend_is_for_new_connections(vaurien, backends):
    first, second = backends(), backends()
    proxy = vaurien(backend=first)
    old_client, old_server = proxy.meet(first)
    assert proxy.api("PUT", "/backend", {"backend": second.address})[0] == 200
    assert proxy.api("GET", "/backend") == (200, {"backend": second.address})
    proxy.meet(second)
    old_client.send(b"still here")
    assert old_server.read(10) == b"still here"


def relay(client, server):
    client.send(b"ping")
    assert server.read(4) == b"ping"
    server.send(b"pong")
    assert client.read(4) == b"pong"


@pytest.mark.parametrize("listen, dialled", [
    ("127.0.0.1:{port}", "127.0.0.1"),
    ("[::1]:{port}", "::1"),
    (":{port}", "127.0.0.1"),
    ("localhost:{port}", "localhost"),
    ("0.0.0.0:{port}", "127.0.0.1"),
])
def test_listening(vaurien, backend, listen, dialled):
    port = free_port()
    vaurien(backend=backend, listen=listen.format(port=port), up=lambda: listening(port))
    relay(dial((dialled, port)), backend.accept())


@pytest.mark.parametrize("host, written", [
    ("127.0.0.1", "127.0.0.1:{port}"),
    ("::1", "[::1]:{port}"),
    ("127.0.0.1", ":{port}"),
    ("127.0.0.1", "localhost:{port}"),
])
def test_dialling(vaurien, backends, host, written):
    backend = backends(host=host)
    relay(*vaurien(backend=written.format(port=backend.port)).meet(backend))


def test_unix_sockets_on_both_sides(vaurien, backends, tmp_path):
    backend = backends(path=str(tmp_path / "backend"))
    here = str(tmp_path / "here")
    vaurien(backend=backend, listen="unix:" + here, up=lambda: os.path.exists(here))

    def connect():
        try:
            return dial(here)
        except ConnectionRefusedError:          # bound, and not yet listening
            return None
    client = until(connect)
    server = backend.accept()
    relay(client, server)
    client.send(b"done").finish()
    assert server.rest() == (b"done", "fin")
    server.send(b"me too").finish()
    assert client.rest() == (b"me too", "fin")


def test_a_unix_socket_left_by_the_dead_is_taken_over_that_of_the_living_is_not(start, run, backend, tmp_path):
    path = str(tmp_path / "here")
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(path)
    dead.close()                                # the file stays
    start(backend=backend, listen="unix:" + path, up=lambda: _answers(path))
    second = run("--proxy", "unix:" + path, "--backend", backend.address)
    assert second.returncode == 1
    assert path in second.stderr
    relay(dial(path), _next(backend))


def _answers(path):
    try:
        End(socket.socket(socket.AF_UNIX)).sock.connect(path)
        return True
    except OSError:
        return False


def _next(backend):
    """The newest connection: those before it were only made to see whether someone answers."""
    newest = backend.accept()
    while True:
        later = backend.waiting(0.3)
        if later is None:
            return newest
        newest = later
