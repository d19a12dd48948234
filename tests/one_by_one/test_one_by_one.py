"""Every loop over many things goes through them one by one: whatever one of them is, the others are met, in time."""

from __future__ import annotations

import resource
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from tests.one_by_one.house_table import HOUSE_TABLE
from tests.one_by_one.runs_table import RUNS_TABLE
from tests.one_by_one.spoiled import SPOILED, away

TABLE = RUNS_TABLE | HOUSE_TABLE
WELL = "as it should be"
BOUND_S = 20.0
MORE_BYTES = 500_000_000


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
    """What the loop does not meet of the others; empty when all is well."""
    loop = TABLE[name]
    found = seen(loop.read(home))
    return ", ".join(sorted(each for each in loop.others if each not in found))


def made(name: str, home: Path) -> Path:
    """A new home; the one in it that is spoiled."""
    home.mkdir()
    return TABLE[name].make(home)


@pytest.mark.parametrize("name", TABLE)
def test_one_bad_thing_among_many_hides_no_other(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = []
    home, whole = tmp_path / "home", tmp_path / "whole"
    monkeypatch.setenv("NIGHTDESK_HOME", str(home))
    place = made(name, home)
    for what, spoil in {WELL: place.__class__, **SPOILED}.items():
        if TABLE[name].changes and what != WELL:
            shutil.rmtree(home)
            made(name, home)
        if what != WELL:
            place.rename(whole)
            spoil(place)
        try:
            with bounded():
                told = lacking(name, home)
        except (Exception, Late) as error:  # noqa: BLE001  # the next kind is tried, too
            told = f"{type(error).__name__}: {error}"[:300]
        if what != WELL:
            away(place)
            whole.rename(place)
        if told:
            wrong.append(f"{what}: {told}")
    assert wrong == []
