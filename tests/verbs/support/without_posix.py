"""Runs a verb as on a system without POSIX, with no fcntl and no fork.

`python -m tests.verbs.support.without_posix VERB ARG… [and VERB ARG… …]`: one after the other; a script in place of a
verb is its path. Each verb that ends well is named on stdout; the first that does not ends all, with its code.
"""

from __future__ import annotations

import os
import runpy
import sys

MODULES = ("fcntl", "pwd", "grp", "resource", "termios")
CALLS = ("fork", "forkpty", "getuid", "geteuid", "killpg", "sched_getaffinity", "pread", "O_CLOEXEC", "O_DIRECTORY")

if __name__ == "__main__":
    for module in MODULES:
        sys.modules[module] = None  # type: ignore[assignment]  # an import of it raises ImportError from now on
    for call in CALLS:
        delattr(os, call)
    asked = sys.argv[1:]
    while asked:
        end = asked.index("and") if "and" in asked else len(asked)
        sys.argv, asked = asked[:end], asked[end + 1 :]
        try:
            if sys.argv[0].endswith(".py"):
                runpy.run_path(sys.argv[0], run_name="__main__")
            else:
                runpy.run_module(f"pyjobs.{sys.argv[0]}", run_name="__main__", alter_sys=True)
        except SystemExit as ended:
            if ended.code:
                raise
        print(f"{sys.argv[0]} ended well", flush=True)
