"""What is done: verbs are files, nouns are packages."""

import os
import sys
from importlib.util import find_spec

STANDALONE = {f"pyjobs.{verb}" for verb in ("fetch_runs", "deploy", "push_data", "uninstall", "doctor")}
# every other verb would end in a traceback about a module nobody has heard of
if find_spec("msgspec") is None and not STANDALONE & set(sys.orig_argv):
    sys.stderr.write(
        f"{sys.executable} has not the packages of requirements-nas.txt: run 'make setup' (or mend PYTHONBIN)\n"
    )
    sys.exit(78)

# numpy's OpenBLAS starts a thread per core, which spins for 0.1 processor seconds in every process, and splits long
# sums by the number of cores. Nothing here multiplies matrices: one thread, the same last bit on every machine.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
