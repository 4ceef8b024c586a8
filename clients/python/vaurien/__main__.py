"""python -m vaurien: the program vaurien itself."""
import os
import sys

from .programs import find

program = find()
os.execv(program, [program] + sys.argv[1:])
