"""A vaurien as a process: started, seen to listen, stopped. For Proxy and for start_proxy."""
import os
import signal
import subprocess
import time
from typing import Any, Callable, Dict, List, Set


class StartError(ValueError):
    """The proxy did not start. The message ends with what it wrote, also in `log`."""

    def __init__(self, why: str, log: str) -> None:
        super().__init__("Could not start the proxy: %s%s" % (why, "\n" + log.rstrip() if log.strip() else ""))
        self.why = why
        self.log = log

    def __reduce__(self) -> Any:                # from one process to another
        return StartError, (self.why, self.log)


def address(host: str, port: int) -> str:
    """As the program takes it."""
    return "%s:%d" % ("[%s]" % host if ":" in host and host[0] != "[" else host, port)


def wait_ready(process: subprocess.Popen, ready: Callable[[], bool], seconds: float, log: Callable[[], str]) -> None:
    """Wait for ready(). StartError if the process leaves before, or is not ready after so many seconds."""
    deadline = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None:
            raise StartError("vaurien left with exit code %d" % process.returncode, log())
        if time.monotonic() > deadline:
            stop(process)                       # and so has said all
            raise StartError("it does not listen after %g seconds" % seconds, log())
        time.sleep(0.002)


def stop(process: subprocess.Popen, seconds: float = 5.0) -> int:
    """SIGTERM; what is due is sent, for a second at most; SIGKILL after `seconds`. The exit code, as Popen tells it."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def listening_ports(pid: int) -> Set[int]:
    """The TCP ports that a process listens on, as the kernel tells; no connection is made."""
    inodes = _socket_inodes(pid)
    rows: List[Dict[str, str]] = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if os.path.exists(table):
            with open(table) as lines:
                rows += [dict(address=w[1], state=w[3], inode=w[9]) for w in (line.split() for line in list(lines)[1:])]
    return {int(row["address"].rsplit(":", 1)[1], 16) for row in rows if row["state"] == "0A" and row["inode"] in inodes}


def _socket_inodes(pid: int) -> Set[str]:
    found = set()
    try:
        for name in os.listdir("/proc/%d/fd" % pid):
            target = os.readlink("/proc/%d/fd/%s" % (pid, name))
            if target.startswith("socket:["):
                found.add(target[len("socket:["):-1])
    except OSError:                             # the process has gone, or a descriptor of it
        pass
    return found
