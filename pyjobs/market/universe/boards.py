"""A board of KRX into the store, a bar for each share that is wanted, and into the exchange's listing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pyjobs.market.bars import Bars, IntArray, SeriesKey
from pyjobs.market.desk.listings import Listed
from pyjobs.market.ingest.gaps import first_bar
from pyjobs.market.providers.krx_board import NAME, BoardDay, BoardRow
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.ledger import NO_TIMES
from pyjobs.market.store.merge import joined
from utils.errors import NightdeskError


@dataclass(slots=True, kw_only=True)
class StoredBoard:
    """What became of each symbol that was wanted of a board; every one of them is in exactly one of these.

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

    One series that cannot be written hides no other. The bar is written whatever stands before it: who lets sessions
    out leaves a gap. Raises OSError (a full disk), with every series old or new.
    """
    told = StoredBoard()
    for key in wanted:
        symbol, row = key.symbol, day.rows.get(key.symbol)
        if row is None:
            missing = told.unpriced if symbol in day.unpriced else told.untrue if symbol in day.untrue else told.absent
            missing.append(symbol)
            continue
        try:
            if row.traded:
                (told.stored if _write(store, key, day, row) else told.same).append(symbol)
            else:
                _remember_idle(store, key, day)
                told.halted.append(symbol)
        except NightdeskError as error:
            told.failed[symbol] = error
    return told


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


def _write(store: BarStore, key: SeriesKey, day: BoardDay, row: BoardRow) -> bool:
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
