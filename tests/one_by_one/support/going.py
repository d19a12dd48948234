"""Going through every loop of the tables, bounded in time and memory.

Under the library that makes opening fail, `python -m tests.one_by_one.support.going HOME` prints as JSON which loops
then lack what, for each way of failing.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from tests.one_by_one.support.desk_table import DESK_TABLE
from tests.one_by_one.support.house_table import HOUSE_TABLE
from tests.one_by_one.support.market_table import MARKET_TABLE
from tests.one_by_one.support.runs_table import RUNS_TABLE

TABLE = RUNS_TABLE | HOUSE_TABLE | MARKET_TABLE | DESK_TABLE
BOUND_S = 20.0
MORE_BYTES = 500_000_000
FAILING = [(errno.ESTALE, ""), (errno.ESTALE, "open"), (errno.EIO, ""), (errno.EACCES, "open")]


class Late(BaseException):
    """Nobody catches it on the way."""


@contextmanager
def bounded() -> Iterator[None]:
    """Whoever waits for a pipe, or reads a device to its end, is told so by an exception."""

    def late(*_: object) -> NoReturn:
        raise Late("waits for ever")

    before, (soft, hard) = signal.signal(signal.SIGALRM, late), resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MORE_BYTES, hard))
    signal.setitimer(signal.ITIMER_REAL, BOUND_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.signal(signal.SIGALRM, before)


def seen(what: object) -> str | set[str]:
    return what if isinstance(what, str) else {str(each) for each in what}  # type: ignore[attr-defined]


def lacking(name: str, home: Path) -> str:
    """What the loop does not meet of the others, or what it raises; empty when all is well."""
    loop = TABLE[name]
    try:
        with bounded():
            found = seen(loop.read(home))
    except (Exception, Late) as error:  # noqa: BLE001  # the next kind is tried, too
        return f"{type(error).__name__}: {error}"[:300]
    return ", ".join(sorted(each for each in loop.others if each not in found))


def made(name: str, home: Path) -> Path:
    """A new home; the one in it that is spoiled."""
    home.mkdir()
    return TABLE[name].make(home)


def main(folder: Path) -> None:
    """One home a loop, and a new one where reading changes it; what is wrong is printed."""
    wrong = {}
    for name in (each for each in TABLE if not TABLE[each].long):
        for number, calls in FAILING:
            home = folder / "home"
            shutil.rmtree(home, ignore_errors=True)
            os.environ |= {"NIGHTDESK_HOME": str(home), "BAD_PATH": ""}
            place = made(name, home)
            os.environ |= {"BAD_PATH": str(place), "BAD_ERRNO": str(number), "BAD_CALLS": calls}
            told = lacking(name, home)
            os.environ["BAD_PATH"] = ""
            if told:
                wrong[f"{name}: {errno.errorcode[number]} {calls}"] = told
    print(json.dumps(wrong))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
