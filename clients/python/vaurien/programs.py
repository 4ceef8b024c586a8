"""Where the programs are: beside this package, wherever that was installed."""
import os
import shutil
import site
import sysconfig
from typing import Iterator

_HERE = os.path.dirname(os.path.abspath(__file__))


def _folders() -> Iterator[str]:
    yield sysconfig.get_path("scripts")                         # pip install, also in a virtual environment
    yield os.path.join(site.getuserbase(), "bin")               # pip install --user
    yield os.path.join(os.path.dirname(_HERE), "bin")           # pip install --target
    yield os.path.join(_HERE, "..", "..", "..", "bin")          # a source tree, after `make`


def _is_program(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)


def find(name: str = "vaurien") -> str:
    """The path of a program: what $VAURIEN_BIN (or $VAURIENCTL_BIN) says, else the one that was installed with this
    package, else the first in PATH. FileNotFoundError if there is none."""
    said = os.environ.get(name.upper() + "_BIN")
    if said and not _is_program(said):
        raise FileNotFoundError("%s_BIN: expected the path of a program, got '%s'" % (name.upper(), said))
    if said:
        return said
    for folder in _folders():
        path = os.path.normpath(os.path.join(folder, name))
        if _is_program(path):
            return path
    path_found = shutil.which(name)
    if path_found is None:
        raise FileNotFoundError("%s is neither installed beside %s nor in PATH; VAURIEN_BIN can say where it is" % (name, _HERE))
    return path_found
