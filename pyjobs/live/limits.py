"""Risk before an entry: what a person allows, against what all loops hold by their last synced rows."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from pyjobs.live.config import Limits
from pyjobs.live.deciding.core import Check
from pyjobs.live.journal import last_sizes, names
from pyjobs.live.journal.cells import FLAT_STATE
from pyjobs.live.journal.lines import LinesFile, Row
from pyjobs.live.journal.place import Place
from pyjobs.live.spec import market_days
from pyjobs.market.bars import DAY_MS
from utils import paths
from utils.errors import BadDataError, NightdeskError
from utils.files import os_files, private

STATE, STRATEGY, EQUITY, DAY_EQUITY = (
    names.DECISIONS.index(each) for each in ("state", "strategy", "equity", "day_equity")
)

ALL = "data/processed/decisions"
LOCK = "live-limits.lock"
TURN_S = 10.0  # a loop has its turn for the milliseconds of a block; what takes longer is a disk that hangs
ABANDONED_MS = 14 * DAY_MS  # longer than any market is closed


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One loop's share of the limits: the money in a position or on its way into one (0: flat), and the day's loss."""

    exchange: str
    symbol: str
    notional: float
    loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """Why the totals are not known: the journal's name, or LOCK; and what is wrong, with the way out."""

    name: str
    why: str


NO_TURN = Unreadable(
    name=LOCK,
    why=f"another loop has had its turn at the limits for longer than {TURN_S:.0f} s; fuser .locks/{LOCK} names it",
)


def held_by(row: Row, at_ms: int) -> Held:
    """By its last row; a loss of a day that is over at `at_ms` is none. Raises ValueError and ConfigError."""
    equity, day = float(row[EQUITY]), float(row[DAY_EQUITY])
    busy = row[STATE] != FLAT_STATE
    then, now = market_days(row[STRATEGY].rpartition(";market=")[2], np.array([int(row[names.TS_MS]), at_ms]))
    loss = day - equity if then == now else 0.0
    return Held(exchange=row[0], symbol=row[1], notional=equity if busy else 0.0, loss=loss)


class Turn:
    """One loop at a time reads what all hold, decides and writes its rows: else two might both be the last allowed.

    It is taken at the first order of a block (`is_mine`), and given back at the end of the `with`, when all is written.
    """

    def __init__(self, wait_s: float = TURN_S) -> None:
        self._wait_s, self._held, self._tried, self._mine = wait_s, ExitStack(), False, False
        self.lacking = NO_TURN  # why it is not mine

    def __enter__(self) -> Turn:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def is_mine(self) -> bool:
        """Whether no other loop is between its totals and its row; False where one was for all of the wait."""
        if not self._tried:
            self._tried, path = True, paths.locks_dir() / LOCK
            try:
                private.make_folder(path.parent)
                self._held.enter_context(os_files.locked(path, self._wait_s))
                self._mine = True
            except os_files.HeldElsewhere:
                self._mine = False
            except OSError as error:
                why = f"{path} cannot be locked ({error.strerror or error}): let the user of the loops write to it"
                self.lacking = Unreadable(name=LOCK, why=why)
        return self._mine


def others(own: Place, configured: Iterable[Place]) -> list[Place]:
    """The other loops: those of live.yaml, and whatever else has a loop's journal here (a backtest has no bars.csv)."""
    found = {place.folder: place for place in configured}
    for path in os_files.matching(paths.root() / ALL, "*/*/*/bars.csv"):
        place = Place.of_decisions(path)
        found.setdefault(place.folder, place)
    found.pop(own.folder, None)
    return list(found.values())


def totals(places: Iterable[Place], at_ms: int, configured: Container[Place] = ()) -> list[Held] | Unreadable:
    """The holdings of each loop at `at_ms`; or the loop that cannot be read.

    One that has decided nothing holds nothing, nor does one that is not `configured` and has decided no bar for
    ABANDONED_MS: it was given up.
    """
    found = []
    for place in places:
        try:
            rows = last_row(place)
            if rows and place not in configured and int(rows[0][names.TS_MS]) < at_ms - ABANDONED_MS:
                continue
            found += [held_by(row, at_ms) for row in rows]
        except (NightdeskError, OSError, ValueError) as error:
            text = str(error)
            wrong = text if str(place.folder) in text else f"{place.decisions}: {text}"
            way_out = f"put it back from a copy; or, where no loop goes on with it, move {place.folder} out of {ALL}/"
            return Unreadable(name=place.name, why=f"{wrong}. No other loop enters anything until then: {way_out}")
    return found


def last_row(place: Place) -> list[Row]:
    """Its last whole row, if any. Nothing is mended here: the file is another loop's.

    Raises BadDataError where a step has left more than is there now; and as `LinesFile.peek`.
    """
    last_sizes.refuse_cut(place)
    content = LinesFile(path=place.decisions, columns=names.DECISIONS)
    rows = content.peek(1) if place.decisions.exists() else []
    if not rows and last_sizes.kept(place):
        raise BadDataError(f"{place.decisions}: is gone")
    return rows


def check_of(
    limits: Limits,
    own: tuple[str, str],
    own_loss: Callable[[], float],
    now_held: Callable[[int], list[Held] | Unreadable],
) -> Check | None:
    """The check of a loop on `own` (exchange, symbol); None where a person has set nothing."""
    if not limits.any_set:
        return None

    def check(at_ms: int, notional: float) -> tuple[str, str]:
        found = now_held(at_ms)
        if isinstance(found, Unreadable):
            return "limits_unreadable", f"unreadable={found.name}"
        symbol = sum(each.notional for each in found if (each.exchange, each.symbol) == own) + notional
        whole = sum(each.notional for each in found) + notional
        count = sum(each.notional > 0.0 for each in found) + 1
        lost = sum(each.loss for each in found) + own_loss()
        seen = f"symbol={symbol:.2f};all={whole:.2f};open={count};loss={lost:.2f};loops={len(found) + 1}"
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
