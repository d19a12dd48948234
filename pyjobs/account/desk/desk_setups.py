"""A desk's setups, ready to look at bars: those that follow an index have it, with a note on what that means.

The index is the desk's instrument with role benchmark of that name (KOSPI, or the setup's `index`); a bar of
it counts from its close on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pyjobs.account.single.look_ahead import refuse_or_warn
from pyjobs.market.cache.release import one_at_a_time
from pyjobs.market.desk import doubts
from pyjobs.market.desk.desk_file import Desk
from pyjobs.market.desk.snapshot import Series, Snapshot, session_of
from pyjobs.strategy.registry import bound, decides_from_ms, make_setup, make_setups, needs
from pyjobs.strategy.signals import Setup
from utils.errors import ConfigError
from utils.settings.config import line_of, nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskSetups:
    """The setups by name, and lines a reader has to know about the indices some of them follow."""

    setups: dict[str, Setup]
    notes: list[str]


def setups_of(snapshot: Snapshot, *, source: str, judged: bool = False) -> DeskSetups:
    """Every setup of the desk. `judged`: for a backtest, those that look ahead are refused or noted.

    Raises ConfigError as `make_setups`, and for an index the desk does not have.
    """
    setups, first_close = made(snapshot.desk.setups, source=source), first_closes(snapshot)
    notes = doubts.of_snapshot(snapshot, doubts.worked_in(snapshot))
    for name, setup in setups.items():
        if index := needs(setup):
            series = index_series(snapshot, index)
            if series is None:
                raise ConfigError(f"{source}: setups.{name}: {not_on_desk(snapshot, index)}")
            setups[name] = bound(setup, series.bars)
            notes += index_notes(name, setups[name], series, first_close)
    if judged:
        scanned = [each.bars for each in snapshot.series if each.instrument.scanned]
        notes += [line for name, setup in setups.items() for line in refuse_or_warn(name, setup, scanned, allowed=True)]
    return DeskSetups(setups=setups, notes=notes)


def check_setups(configured: Mapping[str, Mapping[str, int | float | str]], *, source: str) -> None:
    """Raise ConfigError for a wrong setup, before any bar is read."""
    made(configured, source=source)


def check_desk(desk: Desk, path: Path) -> None:
    """`check_setups` of a desk that has just been read from `path`."""
    check_setups(desk.setups, source=str(path))


def made(configured: Mapping[str, Mapping[str, int | float | str]], *, source: str) -> dict[str, Setup]:
    """As `make_setups`; an error in a desk's file names the line, and the nearest name there is."""
    try:
        return make_setups(configured, source=source)
    except ConfigError as error:
        if not Path(source).is_file():
            raise
        raise ConfigError(_placed(configured, source, str(error))) from None


def _placed(configured: Mapping[str, Mapping[str, int | float | str]], source: str, text: str) -> str:
    """The message with the line of the setup, or of the parameter, that alone gives the same one."""
    for name in configured:
        if _problem(name, configured[name], source) == text:
            params = {} if _problem(name, {}, source) == text else configured[name]
            alone = [key for key, value in params.items() if _problem(name, {key: value}, source) == text]
            line = line_of(Path(source), ["setups", name, *alone[:1]])
            at = f"{source}:{line}" if line else source
            known = text.rpartition("known: ")[2].split(", ") if "known: " in text else []
            return text.replace(source, at, 1) + nearest([name, *alone][-1], known)
    return text


def _problem(name: str, params: Mapping[str, int | float | str], source: str) -> str:
    try:
        make_setup(name, params, source=source)
    except ConfigError as error:
        return str(error)
    return ""


def index_series(snapshot: Snapshot, index: str) -> Series | None:
    """The desk's benchmark of that name."""
    return next(
        (each for each in snapshot.series if each.instrument.role == "benchmark" and each.instrument.symbol == index),
        None,
    )


def not_on_desk(snapshot: Snapshot, index: str) -> str:
    """The line about an index that the desk does not have."""
    there = ", ".join(each.instrument.symbol for each in snapshot.series if each.instrument.role == "benchmark")
    return (
        f"follows {index}, and no instrument of the desk with role benchmark has that symbol "
        f"(there is {there or 'none'}); add it, or name another with `index:`"
    )


def index_notes(name: str, setup: Setup, series: Series, first_close: Callable[[int], int]) -> list[str]:
    """When a setup's index begins later than what it is to decide on, ends before the session, or is not there.

    `first_close`: that of `first_closes`.
    """
    index, bars = needs(setup), series.bars
    first_ms = decides_from_ms(setup)
    if first_ms is None:
        has = f"{len(bars)} bars of {index} are too few" if len(bars) else f"there are no bars of {index}"
        return [f"{name}: {has} to decide by; cash throughout"]
    notes = []
    if first_ms > first_close(setup.lookback - 1):
        begins = session_of(series.instrument.market)(first_ms)
        notes.append(f"{name}: index {index} from {begins} on; cash before")
    if series.stale:
        notes.append(f"{name}: index {index} ends on {series.last_session}; its last close decides from then on")
    return notes


def first_closes(snapshot: Snapshot) -> Callable[[int], int]:
    """Tells the earliest close of bar number `at` of any series that is scanned: a setup that looks back so far could
    decide then, had it an index all along."""

    @cache
    def first_close(at: int) -> int:
        earliest = 2**62
        scanned = (each.bars for each in snapshot.series if each.instrument.scanned and len(each.bars) > at)
        for bars in one_at_a_time(scanned):
            earliest = min(earliest, bars.slice(at, at + 1).last_ms)  # not the column: there are thousands
        return earliest

    return first_close
