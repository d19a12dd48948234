"""What came of every trigger of a setup: each taken alone, overlapping ones too, from the next open to its own end.

A trigger is a close at which the setup signals an entry (and no exit). It is followed by the lifecycle all else uses,
under the setup's exit, stop and time limit; the account's own stop_loss and limits play no part. Returns are after
fees and tax. There are tens of thousands on a desk: they are kept as columns, and a record is made of one that is
looked at.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import get_args, overload

import numpy as np

from pyjobs.account.figures.overlap import Paths
from pyjobs.account.portfolio.costs import Costs
from pyjobs.market.bars import TIMEFRAME_MS, Bars, FloatArray, IntArray, SeriesKey
from pyjobs.strategy import kernel
from pyjobs.strategy.lifecycle import KernelInput, Outcome, Rules, Trade, followed
from pyjobs.strategy.position import none_for_nan
from pyjobs.strategy.signals import Side, Signals

STATUSES: tuple[Outcome, ...] = get_args(Outcome)
CLOSED, OPEN, PENDING, DROPPED = range(4)  # places in STATUSES
ENTRY_TS, ENTRY_PRICE, EXIT_TS, EXIT_PRICE = 2, 3, 5, 6  # places in a trade, as the kernel writes it


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One trigger and its outcome.

    `status`: `closed`; `open` (marked to the last close); `pending` (no bar after the signal yet); `dropped` (the next
    open was at or beyond the stop). `trade` is None for the last two. `net_return` is after costs, a fraction of entry
    notional; an open trade's carries the cost of leaving now.
    """

    key: SeriesKey
    setup: str
    side: Side
    ts_ms: int
    session: dt.date
    close: float
    stop: float | None
    status: Outcome
    trade: Trade | None
    net_return: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """The triggers of one setup and side on one series: `numbers` of their bars, and how each `ended`.

    `ended`: a row each of `lifecycle.followed`. `stops`: the level each carries; NaN: none.
    """

    key: SeriesKey
    setup: str
    side: Side
    bars: Bars
    costs: Costs
    sessions: list[dt.date]
    numbers: IntArray
    stops: FloatArray
    ended: FloatArray


def part(
    *,
    key: SeriesKey,
    setup: str,
    bars: Bars,
    signals: Signals,
    costs: Costs,
    first: dt.date,
    session_of: Callable[[int], dt.date],
) -> Part:
    """Every trigger whose session is not before `first`, oldest first. `session_of` dates a bar by its `ts_ms`."""
    wanted = np.flatnonzero(signals.entry & ~signals.exit)
    dated = [session_of(ts_ms) for ts_ms in bars.ts_ms[wanted].tolist()]
    since = next((i for i, session in enumerate(dated) if session >= first), len(dated))
    numbers = wanted[since:]
    return Part(
        key=key,
        setup=setup,
        side=signals.side,
        bars=bars,
        costs=costs,
        sessions=dated[since:],
        numbers=numbers,
        stops=signals.stop[numbers],
        ended=followed(KernelInput.of(bars, signals), numbers, Rules.of(signals)),
    )


class Triggers(Sequence[Trigger]):
    """The triggers of some parts, part after part; columns with an entry each.

    `part_of`: the place in `parts`. `status`: a place in STATUSES. `trades`: rows as the kernel writes them, of no
    meaning where there is no trade. `net_return`: NaN there. `paths`: of the closed ones, in their order.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = [each for each in parts if each.numbers.size]
        counts = [each.numbers.size for each in self.parts]
        self.part_of = np.repeat(np.arange(len(self.parts)), counts)
        self.ts_ms = _joined([each.bars.ts_ms[each.numbers] for each in self.parts], np.int64)
        self.close = _joined([each.bars.close[each.numbers] for each in self.parts])
        self.stop = _joined([each.stops for each in self.parts])
        self.sessions = list(itertools.chain.from_iterable(each.sessions for each in self.parts))
        ended = np.concatenate([np.zeros((0, 3 + kernel.TRADE)), *(each.ended for each in self.parts)])
        self.trades = ended[:, 3:]
        over, held, waits = ended[:, 0] != 0.0, ended[:, 1] != 0.0, ended[:, 2] != 0.0
        self.status = np.where(over, CLOSED, np.where(held, OPEN, np.where(waits, PENDING, DROPPED)))
        self.net_return = self._net_returns()
        self.paths = self._paths()

    def __len__(self) -> int:
        return len(self.sessions)

    @overload
    def __getitem__(self, at: int) -> Trigger: ...
    @overload
    def __getitem__(self, at: slice) -> list[Trigger]: ...
    def __getitem__(self, at: int | slice) -> Trigger | list[Trigger]:
        if isinstance(at, slice):
            return [self._record(i) for i in range(*at.indices(len(self)))]
        return self._record(range(len(self))[at])

    def __iter__(self) -> Iterator[Trigger]:
        return map(self._record, range(len(self)))

    def _record(self, i: int) -> Trigger:
        own, status = self.parts[self.part_of[i]], int(self.status[i])
        return Trigger(
            key=own.key,
            setup=own.setup,
            side=own.side,
            ts_ms=int(self.ts_ms[i]),
            session=self.sessions[i],
            close=float(self.close[i]),
            stop=none_for_nan(self.stop[i]),
            status=STATUSES[status],
            trade=Trade.of(self.trades[i].tolist()) if status in (CLOSED, OPEN) else None,
            net_return=none_for_nan(self.net_return[i]),
        )

    def _net_returns(self) -> FloatArray:
        net = np.full(len(self), np.nan)
        alike: dict[tuple[Costs, Side], list[int]] = {}
        for number, own in enumerate(self.parts):
            alike.setdefault((own.costs, own.side), []).append(number)
        for (costs, side), numbers in alike.items():
            at = np.flatnonzero((self.status <= OPEN) & np.isin(self.part_of, numbers))
            trades = self.trades[at]
            net[at] = costs.net_returns(side, trades[:, ENTRY_PRICE], trades[:, EXIT_PRICE], trades[:, EXIT_TS])
        return net

    def _paths(self) -> Paths:
        """What each closed trade made in each bar: from fill to close, close to close, close to fill.

        Its costs are spread evenly. The slot is the bar's time in bars of its length: of days, the UTC day it ends on.
        """
        closed = np.flatnonzero(self.status == CLOSED)
        trades, number, net = self.trades[closed], self.part_of[closed], self.net_return[closed]
        first, last = np.empty(closed.size, np.int64), np.empty(closed.size, np.int64)  # bars, in all of `ts` below
        edges, begin = np.searchsorted(number, np.arange(len(self.parts) + 1)).tolist(), 0
        ts, closes, slots = [np.zeros(0, np.int64)], [np.zeros(0)], [np.zeros(0, np.int64)]
        for own, (start, end) in zip(self.parts, itertools.pairwise(edges), strict=True):
            if not (ts[-1] is own.bars.ts_ms and closes[-1] is own.bars.close):  # setups share a series' bars
                begin += ts[-1].size
                ts.append(own.bars.ts_ms)
                closes.append(own.bars.close)
                slots.append((own.bars.ts_ms - 1) // TIMEFRAME_MS[own.key.timeframe])
            first[start:end] = begin + np.searchsorted(own.bars.ts_ms, trades[start:end, ENTRY_TS])
            last[start:end] = begin + np.searchsorted(own.bars.ts_ms, trades[start:end, EXIT_TS])
        side = np.array([1.0 if own.side == "long" else -1.0 for own in self.parts])
        sizes = last - first + 1
        at = Paths.places(sizes)
        gains = np.empty(at.size)
        starts = np.cumsum(sizes) - sizes
        every_close = np.concatenate(closes)
        for size in np.unique(sizes).tolist():
            same = np.flatnonzero(sizes == size)
            between = every_close[first[same, None] + np.arange(size - 1)]
            entry, leave = trades[same, ENTRY_PRICE, None], trades[same, EXIT_PRICE, None]
            gross = np.diff(np.concatenate((entry, between, leave), axis=1)) / entry * side[number[same], None]
            rest = (net[same] - gross.sum(axis=1)) / size
            gains[starts[same, None] + np.arange(size)] = gross + rest[:, None]
        return Paths(sizes=sizes, slots=np.concatenate(slots)[np.repeat(first, sizes) + at], gains=gains)


def _joined(arrays: Sequence[np.ndarray], dtype: type = np.float64) -> np.ndarray:
    return np.concatenate([np.zeros(0, dtype), *arrays])
