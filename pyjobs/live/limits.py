"""Risk before an entry: what a person allows, against what all loops hold by their last synced rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from pyjobs.live.config import Limits
from pyjobs.live.deciding.core import Check
from pyjobs.live.journal import last_sizes, names
from pyjobs.live.journal.cells import FLAT_STATE
from pyjobs.live.journal.lines import LinesFile, Row
from pyjobs.live.journal.place import Place
from pyjobs.live.spec import market_days
from utils import paths
from utils.errors import BadDataError, NightdeskError
from utils.files.os_files import matching

STATE, STRATEGY, EQUITY, DAY_EQUITY = (
    names.DECISIONS.index(each) for each in ("state", "strategy", "equity", "day_equity")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One loop's share of the limits: the money in a position or on its way into one (0: flat), and the day's loss."""

    exchange: str
    symbol: str
    notional: float
    loss: float


def held_by(row: Row, at_ms: int) -> Held:
    """By its last row; a loss of a day that is over at `at_ms` is none. Raises ValueError and ConfigError."""
    equity, day = float(row[EQUITY]), float(row[DAY_EQUITY])
    busy = row[STATE] != FLAT_STATE
    then, now = market_days(row[STRATEGY].rpartition(";market=")[2], np.array([int(row[names.TS_MS]), at_ms]))
    loss = day - equity if then == now else 0.0
    return Held(exchange=row[0], symbol=row[1], notional=equity if busy else 0.0, loss=loss)


def others(own: Place, configured: Iterable[Place]) -> list[Place]:
    """The other loops: those of live.yaml, and those of the same tag."""
    found = {place.folder: place for place in configured}
    for path in matching(paths.data_dir() / "processed/decisions" / own.tag, "*/*/decisions.csv"):
        place = Place.of_decisions(path)
        found.setdefault(place.folder, place)
    found.pop(own.folder, None)
    return list(found.values())


def totals(places: Iterable[Place], at_ms: int) -> list[Held] | None:
    """What each of them holds at `at_ms`; None where one cannot be read. One that has decided nothing holds nothing."""
    found = []
    for place in places:
        try:
            rows = last_row(place)
            found += [held_by(row, at_ms) for row in rows]
        except (NightdeskError, OSError, ValueError):
            return None
    return found


def last_row(place: Place) -> list[Row]:
    """Its last whole row, if any. Nothing is mended here: the file is another loop's.

    Raises BadDataError where a step has left a file that is gone; and as `LinesFile.peek`.
    """
    if not place.decisions.exists():
        if last_sizes.kept(place):
            raise BadDataError(f"{place.decisions}: is gone")
        return []
    content = LinesFile(path=place.decisions, columns=names.DECISIONS)
    return content.peek(1)


def check_of(
    limits: Limits, own: tuple[str, str], own_loss: Callable[[], float], now_held: Callable[[int], list[Held] | None]
) -> Check | None:
    """The check of a loop on `own` (exchange, symbol); None where a person has set nothing."""
    if not limits.any_set:
        return None

    def check(at_ms: int, notional: float) -> tuple[str, str]:
        found = now_held(at_ms)
        if found is None:
            return "limits_unreadable", ""
        symbol = sum(each.notional for each in found if (each.exchange, each.symbol) == own) + notional
        whole = sum(each.notional for each in found) + notional
        count = sum(each.notional > 0.0 for each in found) + 1
        lost = sum(each.loss for each in found) + own_loss()
        seen = f"symbol={symbol:.2f};all={whole:.2f};open={count};loss={lost:.2f}"
        return _passed(limits, symbol, whole, count, lost), seen

    return check


def _passed(limits: Limits, symbol: float, whole: float, count: int, lost: float) -> str:
    rules: Sequence[tuple[str, float | None, float]] = (
        ("limit_symbol", limits.notional_per_symbol, symbol),
        ("limit_all", limits.notional, whole),
        ("limit_open", limits.open_positions, count),
    )
    for word, most, value in rules:
        if most is not None and value > most:
            return word
    return "limit_day_loss" if limits.day_loss is not None and lost >= limits.day_loss else ""
