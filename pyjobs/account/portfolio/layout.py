"""Lanes and terms laid out in memory as `seats` describes it, ready for one walk of `book`."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pyjobs.account.portfolio import seats
from pyjobs.account.portfolio.costs import Costs
from pyjobs.account.portfolio.fx import Rates
from pyjobs.account.portfolio.krx import Grid, Table
from pyjobs.account.portfolio.lane import Lane
from pyjobs.market.bars import Bars, FloatArray, IntArray, SeriesKey
from pyjobs.strategy import kernel
from pyjobs.strategy.lifecycle import FLAT, Rules

FlagArray = npt.NDArray[np.bool_]
KEPT_TAPES = 2  # so many desks' bars are kept in one piece for the next run on them, 40 bytes a bar


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The account's money and limits; weights and `stop_loss` are fractions."""

    cash: float
    max_positions: int
    max_weight: float
    costs: Costs = field(default_factory=Costs)
    stop_loss: float = 0.0
    max_group_weight: float = 1.0
    constrained: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tape:
    """Bars one series after the other: `starts` of each with the end, `ts_ms`, and opens, highs, lows, closes."""

    starts: IntArray
    ts_ms: IntArray
    prices: FloatArray
    times: IntArray  # every moment at which a bar closes, once, ascending


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Memory:
    """Everything of one walk, in the order of its arguments."""

    x: FloatArray
    m: IntArray
    tape: Tape
    flags: FlagArray
    times: IntArray
    points: FloatArray
    deals: FloatArray

    @property
    def arrays(self) -> list[np.ndarray]:
        """What `book.walk` is given: flat views."""
        tape, room = self.tape, (np.zeros(kernel.STATE), np.zeros(kernel.RULES))
        mine = (self.x, self.m, tape.ts_ms, tape.prices, self.flags, self.times, self.points, self.deals)
        return [each.reshape(-1) for each in (*mine, *room)]


class Layout:
    """Parts of a memory, one after the other; `put` says where each begins."""

    def __init__(self, head: int, rows: int, width: int, dtype: npt.DTypeLike) -> None:
        self.parts: list[np.ndarray] = [np.zeros(head + rows * width, dtype)]
        self.rows = self.parts[0][head:].reshape(rows, width)
        self.size = self.parts[0].size

    def put(self, values: npt.ArrayLike) -> int:
        """Append them; where they begin."""
        part = np.asarray(values, self.parts[0].dtype).ravel()
        self.parts.append(part)
        self.size += part.size
        return self.size - part.size


@lru_cache(maxsize=KEPT_TAPES)
def tape_of(series: tuple[Bars, ...], start_ms: int) -> Tape:
    """The bars that close at or after `start_ms`."""
    firsts = [int(np.searchsorted(bars.ts_ms, start_ms)) for bars in series]
    sizes = [len(bars) - first for bars, first in zip(series, firsts, strict=True)]
    starts = np.concatenate(([0], np.cumsum(sizes, dtype=np.int64)))
    ts_ms, prices = np.empty(starts[-1], np.int64), np.empty((4, starts[-1]))
    for bars, first, begin, end in zip(series, firsts, starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        ts_ms[begin:end] = bars.ts_ms[first:]
        for row, column in enumerate((bars.open, bars.high, bars.low, bars.close)):
            prices[row, begin:end] = column[first:]
    return Tape(starts=starts, ts_ms=ts_ms, prices=prices, times=np.unique(ts_ms))


def lay_out(lanes: Sequence[Lane], terms: Terms, start_ms: int, marks_ms: Sequence[int]) -> Memory:
    """The account before the first bar that closes at or after `start_ms`; its seats in the order of `lanes`."""
    own = {id(lane.bars): lane.bars for lane in lanes}  # two sides, and all setups, share a series' bars
    tape = tape_of(tuple(own.values()), start_ms)
    begins = dict(zip(own, tape.starts.tolist(), strict=False))
    times = tape.times
    if any(lane.conversion for lane in lanes):  # what is held is worth something else at each of the marks too
        marks = np.array(marks_ms, np.int64)
        times = np.union1d(marks[marks >= start_ms], times)
    x = Layout(seats.SEATS, len(lanes), seats.SEAT, np.float64)
    m = Layout(seats.PLACES, len(lanes), seats.PLACE, np.int64)
    _fill_head(x, m, terms, n_bars=tape.ts_ms.size, n_times=times.size)
    _fill_seats(x.rows, lanes, terms)
    _fill_places(m.rows, lanes, begins, start_ms)
    leaving, n_entries = _signals(x, m, lanes)
    flags = [np.zeros(0, np.bool_), *leaving, *_rates(x, m, lanes, times, sum(map(len, leaving)))]
    _grids(x, m, lanes)
    return Memory(
        x=np.concatenate(x.parts),
        m=np.concatenate(m.parts),
        tape=tape,
        flags=np.concatenate(flags, dtype=np.bool_, casting="unsafe"),
        times=times,
        points=np.empty((times.size, seats.POINT)),
        deals=np.empty((n_entries, seats.DEAL)),
    )


def _fill_head(x: Layout, m: Layout, terms: Terms, *, n_bars: int, n_times: int) -> None:
    taxes = terms.costs.sell_tax_by_time
    money, counts = x.parts[0], m.parts[0]
    money[seats.CASH] = money[seats.START_CASH] = terms.cash
    money[seats.MAX_WEIGHT], money[seats.MAX_GROUP_WEIGHT] = terms.max_weight, terms.max_group_weight
    counts[seats.N_SEATS], counts[seats.N_TIMES], counts[seats.N_BARS] = len(m.rows), n_times, n_bars
    counts[seats.MAX_POSITIONS], counts[seats.CONSTRAINED] = terms.max_positions, terms.constrained
    counts[seats.N_TAXES] = len(taxes)
    counts[seats.AT_TAX_TIMES] = m.put([from_ms for from_ms, _ in taxes])
    counts[seats.AT_TAXES] = x.put([bps for _, bps in taxes])
    counts[seats.AT_SUM] = x.put(np.zeros(seats.SUMS))
    for place in (seats.AT_HERE, seats.AT_BUSY, seats.AT_ENTERING, seats.AT_TAKEN):
        counts[place] = m.put(np.zeros(len(m.rows)))


def _fill_seats(rows: FloatArray, lanes: Sequence[Lane], terms: Terms) -> None:
    flat = FLAT.vector()
    for row, lane in zip(rows, lanes, strict=True):
        costs = terms.costs.on(taxed=lane.taxed, converted=lane.conversion is not None)
        rules = with_account_stop(Rules.of(lane.signals), terms.stop_loss).vector()
        row[: seats.QUANTITY] = [*flat, *rules]
        row[seats.RATE] = row[seats.ENTRY_RATE] = 1.0
        row[seats.SIGN :] = [
            1.0 if lane.signals.side == "long" else -1.0,
            lane.lot,
            0.0 if lane.lot >= 1 else round(1 / lane.lot),
            costs.fee_bps,
            costs.sell_tax_bps,
            costs.borrow_bps,
            costs.slipped(buy=True),
            costs.slipped(buy=False),
        ]


def _fill_places(rows: IntArray, lanes: Sequence[Lane], begins: Mapping[int, int], start_ms: int) -> None:
    keys = {key: number for number, key in enumerate(dict.fromkeys(lane.key for lane in lanes))}
    groups = {group: number for number, group in enumerate(dict.fromkeys(lane.group for lane in lanes if lane.group))}
    for row, lane in zip(rows, lanes, strict=True):
        begin = begins[id(lane.bars)]
        row[seats.AT] = begin
        row[seats.END] = begin + len(lane.bars) - int(np.searchsorted(lane.bars.ts_ms, start_ms))
        row[seats.SERIES], row[seats.GROUP] = keys[lane.key], groups.get(lane.group, -1)
        row[seats.RATES_OF] = -1
        row[seats.TAXED] = lane.taxed


def _signals(x: Layout, m: Layout, lanes: Sequence[Lane]) -> tuple[list[FlagArray], int]:
    """Exits as flags, one per bar; entries as the numbers of their bars and the levels they carry; how many."""
    leaving: list[FlagArray] = []
    entries: list[IntArray] = [np.zeros(0, np.int64)]
    levels: list[FloatArray] = [np.zeros((0, seats.LEVELS))]
    n_flags = n_entries = 0
    for row, lane in zip(m.rows, lanes, strict=True):
        signals, n = lane.signals, int(row[seats.END] - row[seats.AT])
        first = len(lane.bars) - n
        columns = (signals.stop, signals.stop_distance, signals.target_distance, signals.trail_distance)
        if any(each is not None and each.size != first + n for each in (signals.entry, signals.exit, *columns)):
            raise ValueError(f"{lane.key}: signals must have one entry per bar, {first + n} in all")
        way_out = signals.exit[first:]
        wanted = np.flatnonzero(signals.entry[first:] & ~way_out)
        carried = np.full((wanted.size, seats.LEVELS), np.nan)
        for number, column in enumerate(columns):
            if column is not None:
                carried[:, number] = column[first:][wanted]
        row[seats.TO_SIGNALS], row[seats.ENTRY] = n_flags - row[seats.AT], n_entries
        n_flags, n_entries = n_flags + n, n_entries + wanted.size
        row[seats.LAST_ENTRY] = n_entries
        leaving.append(way_out)
        entries.append(wanted + row[seats.AT])
        levels.append(carried)
    m.parts[0][seats.AT_ENTRIES] = m.put(np.concatenate(entries))
    m.parts[0][seats.AT_LEVELS] = x.put(np.concatenate(levels))
    return leaving, n_entries


def _rates(x: Layout, m: Layout, lanes: Sequence[Lane], times: IntArray, n_flags: int) -> list[FlagArray]:
    """Rates of exchange at every moment and at every bar's open; as flags, which of them were fresh."""
    tables: dict[SeriesKey, tuple[int, Rates]] = {}
    at_open: list[FloatArray] = [np.zeros(0)]
    may_enter: list[FlagArray] = []
    may_signal: list[FlagArray] = []
    n = 0
    for row, lane in zip(m.rows, lanes, strict=True):
        if lane.conversion is None:
            continue
        rates, begin, size = lane.conversion.rates, int(row[seats.AT]), int(row[seats.END] - row[seats.AT])
        row[seats.RATES_OF] = tables.setdefault(rates.key, (len(tables), rates))[0]
        row[seats.TO_RATES] = n - begin
        n += size
        known = slice(len(lane.bars) - size, len(lane.bars))  # of bars that were cut short there may be more
        at_open.append(lane.conversion.at_open[known])
        may_enter.append(lane.conversion.may_enter[known])
        may_signal.append(lane.conversion.may_signal[known])
    head = m.parts[0]
    head[seats.AT_RATES] = x.put(np.concatenate([np.zeros(0), *(rates.at(times) for _, rates in tables.values())]))
    head[seats.AT_OPEN_RATES] = x.put(np.concatenate(at_open))
    head[seats.FRESH_OPEN], head[seats.FRESH_CLOSE] = n_flags, n_flags + n
    return [*may_enter, *may_signal]


def _grids(x: Layout, m: Layout, lanes: Sequence[Lane]) -> None:
    """Tick tables, each once, and from when on which of them holds for a seat."""
    grids: dict[Grid, int] = {}
    tables: dict[Table, int] = {}
    rows: list[tuple[int, int]] = []
    for row, lane in zip(m.rows, lanes, strict=True):
        if lane.grid not in grids:
            grids[lane.grid] = len(rows)
            rows += [(from_ms, tables.setdefault(table, len(tables))) for from_ms, table in lane.grid]
        row[seats.GRID] = grids[lane.grid]
        row[seats.LAST_GRID] = grids[lane.grid] + len(lane.grid)
    head = m.parts[0]
    head[seats.AT_GRIDS] = m.put(rows)
    head[seats.AT_TABLES] = m.put(list(itertools.accumulate(map(len, tables), initial=0)))
    head[seats.AT_TICKS] = x.put([cell for table in tables for step in table for cell in step])


def with_account_stop(rules: Rules, stop_loss: float) -> Rules:
    """`rules` under the account's own percent stop too: the nearer of the two."""
    fractions = [fraction for fraction in (rules.stop_loss, stop_loss) if fraction]
    return replace(rules, stop_loss=min(fractions, default=0.0))
