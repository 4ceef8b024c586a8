"""python -m vaurien: the program vaurien itself."""
import os
import sys

from .programs import find


def run(name: str = "vaurien") -> None:
    """Become the program, under a name by which it knows what is wanted."""
    os.execv(find(), [name] + sys.argv[1:])


def toxiproxy_server() -> None:
    """By that name it takes Toxiproxy's command line."""
    run("toxiproxy-server")


if __name__ == "__main__":
    run()
