"""A board of KRX into the store, a bar for each share that is wanted, and into the exchange's listing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pyjobs.market.bars import Bars, IntArray, SeriesKey
from pyjobs.market.desk.listings import Listed
from pyjobs.market.ingest.for_each_series import foreseen
from pyjobs.market.ingest.gaps import first_bar
from pyjobs.market.providers.krx_board import NAME, BoardDay, BoardRow
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.confirmed_empty import NO_TIMES
from pyjobs.market.store.merge import joined
from utils.errors import NightdeskError

WRITERS = 8  # at a time: a write waits for the disk most of its time


@dataclass(slots=True, kw_only=True)
class StoredBoard:
    """The result for each symbol requested from a board; every one of them is in exactly one of these.

    `stored` have the session's bar now, `same` had it before. `halted` are listed and had no trade; `unpriced` are
    listed without a price; `untrue` came with prices that cannot be true; `absent` are not on the board: gone, renamed,
    not listed yet, or of another board. `failed`: the bar is there and could not be stored, and why.
    """

    stored: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    halted: list[str] = field(default_factory=list)
    unpriced: list[str] = field(default_factory=list)
    untrue: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    failed: dict[str, NightdeskError] = field(default_factory=dict)


def store_board(store: BarStore, day: BoardDay, wanted: Iterable[SeriesKey]) -> StoredBoard:
    """Write the session's raw bar of each wanted daily series; who had no trade has that remembered, once it is final.

    One series that cannot be written hides no other. The bar is written whatever is before it: leaving sessions out
    leaves a gap. Raises OSError (a full disk), with every series old or new.
    """
    found, present = StoredBoard(), list[tuple[SeriesKey, BoardRow]]()
    for key in wanted:
        symbol, row = key.symbol, day.rows.get(key.symbol)
        if row is None:
            missing = (
                found.unpriced if symbol in day.unpriced else found.untrue if symbol in day.untrue else found.absent
            )
            missing.append(symbol)
        else:
            present.append((key, row))
    shares = [present[at::WRITERS] for at in range(WRITERS)]  # a task for each share costs as much as its file
    with ThreadPoolExecutor(WRITERS) as pool:
        done = list(pool.map(lambda share: [_tried(store, day, *one) for one in share], shares))
    for at, (key, row) in enumerate(present):
        outcome = done[at % WRITERS][at // WRITERS]
        if isinstance(outcome, NightdeskError):
            found.failed[key.symbol] = outcome
        elif row.traded:
            (found.stored if outcome else found.same).append(key.symbol)
        else:
            found.halted.append(key.symbol)
    return found


def _tried(store: BarStore, day: BoardDay, key: SeriesKey, row: BoardRow) -> bool | NightdeskError:
    """Whether the series has changed, or why it could not be written."""
    try:
        with foreseen():
            if row.traded:
                return put_bar(store, key, day, row)
            _remember_idle(store, key, day)
    except NightdeskError as error:
        return error
    return False


@dataclass(slots=True, kw_only=True)
class Stretch:
    """The result for shares in a stretch of sessions. `first`: the oldest session that was asked for; None: of none.

    `newest`: the close of each share's newest bar, and `bars` how many there are, of those that have any. `idle`:
    listed on the last session without a trade. `final`: the last session will not be revised. `failed`: not stored.
    """

    first: dt.date | None = None
    newest: dict[str, int] = field(default_factory=dict)
    bars: dict[str, int] = field(default_factory=dict)
    idle: set[str] = field(default_factory=set)
    final: bool = True
    failed: dict[str, NightdeskError] = field(default_factory=dict)


def store_stretch(
    store: BarStore, exchange: str, days: Sequence[Sequence[BoardDay]], starts: Mapping[str, int]
) -> Stretch:
    """Write the raw daily bars of `days` (the boards of each session, oldest first) of shares from their `starts` on.

    Each series is written once; sessions without a trade are remembered once they are final, in a series that has bars.
    One that cannot be written hides no other. Raises OSError (a full disk), with every series old or new.
    """
    got = Stretch(final=days[-1][0].final)
    rows: dict[str, list[tuple[BoardDay, BoardRow]]] = {symbol: [] for symbol in starts}
    for day in (day for boards in days for day in boards):
        for symbol, row in day.rows.items():
            if symbol in rows and day.ts_ms >= starts[symbol]:
                rows[symbol].append((day, row))

    def write(symbol: str) -> NightdeskError | None:
        key = SeriesKey(exchange=exchange, symbol=symbol, timeframe="1d")
        try:
            with foreseen():
                if any(row.traded for _, row in rows[symbol]) or store.partitions(key):
                    _write_stretch(store, key, rows[symbol])
        except NightdeskError as error:
            return error
        return None

    some = [symbol for symbol, found in rows.items() if found]
    with ThreadPoolExecutor(WRITERS) as pool:
        for symbol, error in zip(some, pool.map(write, some), strict=True):
            if error is not None:
                got.failed[symbol] = error
                continue
            traded = [day.ts_ms for day, row in rows[symbol] if row.traded]
            if traded:
                got.newest[symbol], got.bars[symbol] = traded[-1], len(traded)
            day, row = rows[symbol][-1]
            if day.session == days[-1][0].session and not row.traded:
                got.idle.add(symbol)
    return got


def _write_stretch(store: BarStore, key: SeriesKey, rows: Sequence[tuple[BoardDay, BoardRow]]) -> None:
    traded = [(day, row) for day, row in rows if row.traded]
    times = np.array([day.ts_ms for day, _ in traded], np.int64)
    numbers = {
        name: np.array([getattr(row, name) for _, row in traded], np.float64)
        for name in ("open", "high", "low", "close", "volume")
    }
    idle = np.array([day.ts_ms for day, row in rows if day.final and not row.traded], np.int64)
    final = not traded or traded[-1][0].final
    store.write(
        key, Bars(ts_ms=times, **numbers), provider=NAME, fetched_at_ms=rows[-1][0].fetched_at_ms, adjusted="raw",
        last_final=final, empty=idle,
    )  # fmt: skip


def listing_of(days: Sequence[BoardDay]) -> list[Listed]:
    """The rows of the listing of a session out of all its boards, by board and symbol.

    A share without a price yet has NaN for close and turnover.
    """
    rows = [
        Listed(row.symbol, row.name, day.board, row.close, row.turnover, float(row.shares))
        for day in days
        for row in day.rows.values()
    ]
    nan = float("nan")
    rows += [Listed(symbol, "", day.board, nan, nan, nan) for day in days for symbol in (*day.unpriced, *day.untrue)]
    order = [day.board for day in days]
    return sorted(rows, key=lambda row: (order.index(row.board), row.symbol))


def put_bar(store: BarStore, key: SeriesKey, day: BoardDay, row: BoardRow) -> bool:
    """Write the session's raw bar of a share that has traded; whether that has changed anything."""
    numbers = {name: np.array([getattr(row, name)], np.float64) for name in ("open", "high", "low", "close", "volume")}
    bars = Bars(ts_ms=np.array([day.ts_ms], np.int64), **numbers)
    return bool(_put(store, key, day, bars))


def _remember_idle(store: BarStore, key: SeriesKey, day: BoardDay) -> None:
    """That the exchange has no bar of the session, in a series that began before it."""
    if day.final and store.partitions(key) and first_bar(store, key) < day.ts_ms:
        _put(store, key, day, joined([]), empty=np.array([day.ts_ms], np.int64))


def _put(store: BarStore, key: SeriesKey, day: BoardDay, bars: Bars, empty: IntArray = NO_TIMES) -> list[Path]:
    return store.write(
        key, bars, provider=NAME, fetched_at_ms=day.fetched_at_ms, adjusted="raw", last_final=day.final, empty=empty
    )
