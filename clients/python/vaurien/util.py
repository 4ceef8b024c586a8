"""start_proxy and stop_proxy, as the announcement shows them: a proxy on ports that the caller chooses.

For ports that nobody has to choose, and for more than one rule, see vaurien.Proxy.
"""
import os
import subprocess
import threading
from typing import Dict, List, Optional, Tuple

from .process import StartError, address, listening_ports, stop, wait_ready
from .programs import find

__all__ = ["start_proxy", "stop_proxy", "StartError"]

_running: Dict[int, Tuple[subprocess.Popen, "_Echo"]] = {}


class _Echo(threading.Thread):
    """Passes on to our standard error what the proxy writes to its own, and keeps the first of it."""

    def __init__(self, process: subprocess.Popen) -> None:
        super().__init__(name="vaurien-log-%d" % process.pid, daemon=True)
        self.fd = os.dup(process.stderr.fileno())       # type: ignore[union-attr]
        process.stderr.close()                          # type: ignore[union-attr]
        self.head = b""
        self.start()

    def run(self) -> None:
        while True:
            data = os.read(self.fd, 1 << 16)
            if not data:
                break
            if len(self.head) < 1 << 16:
                self.head += data
            try:
                os.write(2, data)
            except OSError:                     # nobody listens to us either
                pass
        os.close(self.fd)

    def text(self) -> str:
        """What came until the process left."""
        self.join(1)                            # longer only if someone else has its standard error, too
        return self.head.decode("utf-8", "replace")


def start_proxy(proxy_host: str = "localhost", proxy_port: int = 8000, backend_host: str = "localhost",
                backend_port: int = 8888, protocol: str = "tcp", http: bool = True, warmup: float = 10,
                http_host: str = "localhost", http_port: int = 8080, options: Optional[List[str]] = None,
                log_level: str = "info", log_output: str = "-", port: Optional[int] = None) -> int:
    """Start a vaurien before a backend, wait until it listens, and return its process id, for stop_proxy.

    http: open the control API, on http_host and http_port (`port` is an older name of http_port). options: further
    words of vaurien's command line. log_output: a file to append to; "-" is this process's standard error.

    warmup: the longest wait for it to listen, in seconds; 0: do not wait. (The original slept as long in any case.)

    StartError, a ValueError, with what the proxy wrote: it left (a port is taken, an option is wrong) or it did not
    listen in time. FileNotFoundError: there is no program, see vaurien.programs.find.
    """
    http_port = http_port if port is None else port
    words = [find(), "--backend", address(backend_host, backend_port), "--proxy", address(proxy_host, proxy_port),
             "--log-level", log_level, "--log-output", log_output, "--protocol", protocol]
    if http:
        words += ["--http", "--http-host", http_host, "--http-port", str(http_port)]
    process = subprocess.Popen(words + [str(word) for word in options or []], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    echo = _Echo(process)
    wanted = {proxy_port, http_port} if http else {proxy_port}

    def ready() -> bool:
        ports = listening_ports(process.pid)
        return len(ports) >= len(wanted) and wanted - {0} <= ports

    if warmup > 0:
        try:
            wait_ready(process, ready, warmup, echo.text)
        except BaseException:
            stop(process)
            raise
    elif process.poll():
        raise StartError("vaurien left with exit code %d" % process.returncode, echo.text())
    _running[process.pid] = process, echo
    return process.pid


def stop_proxy(pid: int) -> None:
    """Stop what start_proxy started; what is due to clients is sent first, for a second at most. ValueError: no proxy
    of start_proxy's has this process id."""
    if pid not in _running:
        raise ValueError("Not found")
    process, echo = _running.pop(pid)
    stop(process)
    echo.join(1)
