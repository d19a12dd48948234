"""What is done: verbs are files, nouns are packages."""

import os
import sys
from importlib.util import find_spec

STANDALONE = {"fetch_runs", "deploy", "push_data", "uninstall", "doctor"}  # need no package
_words = sys.orig_argv[sys.orig_argv.index("-m") + 1 :] if "-m" in sys.orig_argv else []
_verb = _words[1] if _words[:1] == ["pyjobs"] and len(_words) > 1 else "".join(_words[:1]).removeprefix("pyjobs.")
# every other verb would end in a traceback about an unknown module
if find_spec("msgspec") is None and _verb not in STANDALONE:
    sys.stderr.write(
        f"{sys.executable} has not the packages of requirements-nas.txt: run 'make setup' (or mend PYTHONBIN)\n"
    )
    sys.exit(78)

# numpy's OpenBLAS starts a thread per core, which spins for 0.1 processor seconds in every process, and splits long
# sums by the number of cores. Nothing here multiplies matrices: one thread, the same last bit on every machine.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
