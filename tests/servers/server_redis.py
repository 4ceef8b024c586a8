"""The real Redis, in a directory of its own."""
import os
import subprocess

import pytest

from conftest import need
from harness import free_port, listening, patience, until


class Redis:
    """Without persistence."""

    def __init__(self, directory):
        self.directory = str(directory)
        self.port = free_port()
        self.address = "127.0.0.1:%d" % self.port
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [need("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", self.directory,
             "--logfile", "log", "--proto-max-bulk-len", "512mb"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: self.process.poll() is not None or listening(self.port), what="Redis to listen")
        assert self.process.poll() is None, open(os.path.join(self.directory, "log")).read()[-2000:]
        return self

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(patience())
        self.process = None


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    one = Redis(tmp_path_factory.mktemp("redis")).start()
    yield one
    one.stop()
