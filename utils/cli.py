"""The command line of a verb: argparse, but wrong usage exits 64, because 2 means stale data here.

Flags that many verbs have, and the only reading of a date, are here once.
"""

from __future__ import annotations

import argparse
import datetime as dt
import importlib
import sys
from collections.abc import Sequence
from typing import NoReturn

from utils.errors import UsageError
from utils.exit_codes import ExitCode

DESK_HELP = "a file, or the name of one in config/desks/"
DESK_DEFAULT = "config/desk.yaml, else the sample"


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that takes the verb's docstring as its help and exits 64 on wrong usage.

    Flags must be written out (`--sess` is not `--session`): a later flag cannot change an old crontab's meaning.
    """

    def __init__(self, *, verb: str, doc: str | None, elsewhere: str = "") -> None:
        """`elsewhere`: where the flags are that this verb does not know, for its message."""
        self._elsewhere = elsewhere
        super().__init__(
            prog=f"python -m pyjobs.{verb}",
            description=doc,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def add_desk(self, *, required: bool = False, default: str = DESK_DEFAULT, what: str = DESK_HELP) -> None:
        """Add --desk. `default` is what holds without it, in words; `what` is for a verb that reads it otherwise."""
        self.add_argument(
            "--desk", metavar="DESK", required=required, help=what if required else f"{what}; default: {default}"
        )

    def error(self, message: str) -> NoReturn:
        """Print usage and the problem to stderr, exit 64."""
        self.print_usage(sys.stderr)
        if self._elsewhere and message.startswith("unrecognized"):
            message += f"; {self._elsewhere}"
        self.exit(ExitCode.USAGE, f"{self.prog}: usage: {message}\n")


def hand_over(verb: str, arguments: Sequence[str]) -> int:
    """Go on as another verb, in this process: for a command line that began as this one's. Returns its exit code."""
    code: int = importlib.import_module(f"pyjobs.{verb}").main(arguments)
    return code


def name_and_value(text: str, what: str, form: str = "NAME=VALUE") -> tuple[str, str]:
    """`fast=10` as (fast, 10). Raises UsageError that begins with `what` where either is missing."""
    name, _, value = (each.strip() for each in text.partition("="))
    if not (name and value):
        raise UsageError(f"{what} {text!r} is not {form}".lstrip())
    return name, value


def value_of(text: str) -> int | float | str:
    """A number where `text` reads as one."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def date_of(text: str, what: str) -> dt.date:
    """`text` (YYYY-MM-DD) as a date. Raises UsageError that begins with `what`, a flag or the name of an argument."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{what} {text!r} is not a date (YYYY-MM-DD)") from None


def date_or_auto(text: str, what: str) -> dt.date | None:
    """The date of a flag; None for `auto`. Raises UsageError for anything else."""
    if text == "auto":
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{what} {text!r} is neither a date (YYYY-MM-DD) nor 'auto'") from None
