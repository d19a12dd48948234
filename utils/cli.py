"""The command line of a verb: argparse, but wrong usage exits 64, because 2 means stale data here."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

from utils.exit_codes import ExitCode

DESK_HELP = "a file, or the name of one in config/desks/; default: config/desk.yaml, else the sample"


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that takes the verb's docstring as its help and exits 64 on wrong usage.

    Flags must be written out (`--sess` is not `--session`): a later flag cannot change an old crontab's meaning.
    """

    def __init__(self, *, verb: str, doc: str | None) -> None:
        super().__init__(
            prog=f"python -m pyjobs.{verb}",
            description=doc,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def error(self, message: str) -> NoReturn:
        """Print usage and the problem to stderr, exit 64."""
        self.print_usage(sys.stderr)
        self.exit(ExitCode.USAGE, f"{self.prog}: usage: {message}\n")
