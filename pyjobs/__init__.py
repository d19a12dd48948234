"""What is done: verbs are files, nouns are packages."""

import sys
from importlib.util import find_spec

if find_spec("msgspec") is None:  # else every verb would end in a traceback about a module nobody has heard of
    sys.stderr.write(
        f"{sys.executable} has not the packages of requirements-nas.txt: run 'make setup' (or mend PYTHONBIN)\n"
    )
    sys.exit(78)
