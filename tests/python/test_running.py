"""vaurien.run() and pytest --vaurien-run."""
import subprocess
import sys

import pytest
from harness import Backend

import vaurien

CONNECT = ("import socket; s = socket.create_connection(('127.0.0.1', %d)); s.sendall(b'hello'); "
           "print(s.recv(5).decode(), s.getpeername()[1] == %d)")


@pytest.fixture
def echo():
    backend = Backend().serve()
    yield backend
    backend.close()


def test_a_command(echo):
    ran = vaurien.run([sys.executable, "-c", CONNECT % (echo.port, echo.port)], except_="*:1", rule=["delay sleep=0"])
    assert (ran.returncode, ran.output) == (0, "hello False\n"), ran.errors
    assert ran.check().summary.startswith("vaurien: 1 proxy carried 1 connection: ")


def test_its_failure(echo):
    ran = vaurien.run(["sh", "-c", "exit 3"])
    assert ran.returncode == 3 and "no TCP connection at all" in ran.summary
    with pytest.raises(subprocess.CalledProcessError):
        ran.check()
    assert vaurien.run(["true"], require=True).returncode == 125
    with pytest.raises(ValueError):
        vaurien.run("true")
    with pytest.raises(subprocess.TimeoutExpired):
        vaurien.run(["sleep", "60"], timeout=0.5)


def test_pytest_begins_again_under_vaurien_run(echo, tests_in):
    test = """
import os, socket
def test_it():
    assert os.environ["VAURIEN_API"].startswith("unix:")
    s = socket.create_connection(("127.0.0.1", %d))
    s.sendall(b"hello")
    assert s.recv(5) == b"hello" and s.getpeername()[1] != %d
""" % (echo.port, echo.port)
    said = tests_in(test, "--vaurien-run")
    assert "1 passed" in said and "carried 1 connection" in said
    assert "carried 1 connection" in tests_in(test, "--vaurien-run", "--vaurien-run-options=--behavior dummy")
