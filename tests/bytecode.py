"""pytest -p tests.bytecode: what the tests are compiled to is kept in build/, for all parts and their workers.

Without it each worker compiles all files anew, for 2 s of CPU. Only pytest itself does so: what tests start keeps to
PYTHONDONTWRITEBYTECODE and leaves nothing in the tree."""
import os
import sys

sys.pycache_prefix = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "build", "bytecode")
sys.dont_write_bytecode = False
