"""Lanes and terms laid out in memory as `seats` describes it, ready for one walk of `book`."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from pyjobs.account.portfolio import seats
from pyjobs.account.portfolio.costs import Costs
from pyjobs.account.portfolio.fx import Rates
from pyjobs.account.portfolio.krx import Grid, Table
from pyjobs.account.portfolio.lane import Lane
from pyjobs.account.portfolio.sums import SUMS
from pyjobs.account.portfolio.tape import Places, Timeline, laid, timeline_of
from pyjobs.market.bars import FloatArray, IntArray, SeriesKey
from pyjobs.strategy import kernel
from pyjobs.strategy.lifecycle import FLAT, Rules

FlagArray = npt.NDArray[np.bool_]
BitArray = npt.NDArray[np.uint8]


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
class Memory:
    """Everything of one walk, in the order of its arguments."""

    x: FloatArray
    m: IntArray
    moments: Places
    prices: FloatArray
    flags: FlagArray
    bits: BitArray
    events: Places
    levels: FloatArray
    times: IntArray
    points: FloatArray
    deals: FloatArray

    @property
    def arrays(self) -> list[np.ndarray]:
        """What `book.walk` is given: flat views."""
        bars, wishes = (self.moments, self.prices, self.flags), (self.bits, self.events, self.levels)
        room = np.zeros(kernel.STATE), np.zeros(kernel.RULES)
        mine = (self.x, self.m, *bars, *wishes, self.times, self.points, self.deals, *room)
        return [each.reshape(-1) for each in mine]

    def on(self, terms: Terms) -> Memory:
        """This memory before the first bar, for an account of other money and limits but of equal costs."""
        x, m = self.x.copy(), self.m.copy()
        _fill_terms(x, m, terms)
        return replace(self, x=x, m=m, points=np.empty_like(self.points), deals=np.empty_like(self.deals))


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


def lay_out(lanes: Sequence[Lane], terms: Terms, start_ms: int, marks_ms: Sequence[int]) -> Memory:
    """The account before the first bar that closes at or after `start_ms`; its seats in the order of `lanes`."""
    own = {id(lane.bars): lane.bars for lane in lanes}  # two sides, and all setups, share a series' bars
    series = laid(list(own.values()))
    line = timeline_of(tuple(series), start_ms)
    times = line.times
    if any(lane.conversion for lane in lanes):  # what is held is worth something else at each of the marks too
        marks = np.array(marks_ms, np.int64)
        times = np.union1d(marks[marks >= start_ms], times)
    x = Layout(seats.SEATS, len(lanes), seats.SEAT, np.float64)
    m = Layout(seats.PLACES, len(lanes), seats.PLACE, np.int64)
    stretches = _fill_head(x, m, terms, line, times.size)
    _fill_seats(x.rows, lanes, terms)
    _fill_places(m.rows, lanes, dict(zip(own, stretches, strict=True)))
    begins, ends = (dict(zip(own, part.tolist(), strict=True)) for part in (line.begins, line.ends))
    bits, entries, levels = _wishes(m.rows, lanes, begins, ends)
    flags = _rates(x, m, lanes, times, begins, ends)
    _grids(x, m, lanes)
    moments = line.at(times)
    return Memory(
        x=np.concatenate(x.parts),
        m=np.concatenate(m.parts),
        moments=moments,
        prices=series[0].tape.prices if series else np.empty((4, 0)),
        flags=flags,
        bits=bits,
        events=_events(m.rows, entries, moments, times.size),
        levels=levels,
        times=times,
        points=np.empty((times.size, seats.POINT)),
        deals=np.empty((entries.size, seats.DEAL)),
    )


def _fill_head(x: Layout, m: Layout, terms: Terms, line: Timeline, n_times: int) -> list[int]:
    """The heads of both; where in `m` each stretch of bars has its row."""
    taxes, n_stretches = terms.costs.sell_tax_by_time, line.begins.size
    money, counts = x.parts[0], m.parts[0]
    _fill_terms(money, counts, terms)
    counts[seats.N_SEATS], counts[seats.N_TIMES], counts[seats.N_BARS] = len(m.rows), n_times, line.moments.size
    counts[seats.N_TAXES], counts[seats.N_STRETCHES] = len(taxes), n_stretches
    counts[seats.AT_TAX_TIMES] = m.put([from_ms for from_ms, _ in taxes])
    counts[seats.AT_TAXES] = x.put([bps for _, bps in taxes])
    counts[seats.AT_SUM] = x.put(np.zeros(SUMS))
    for place in (seats.AT_BUSY, seats.AT_SPARE, seats.AT_ENTERING, seats.AT_WANTING):
        counts[place] = m.put(np.zeros(len(m.rows)))
    rows = np.zeros((n_stretches, seats.STRETCH_ROW), np.int64)
    rows[:, seats.NEXT], rows[:, seats.END] = line.begins, line.ends
    first = counts[seats.AT_STRETCHES] = m.put(rows)
    return [first + number * seats.STRETCH_ROW for number in range(n_stretches)]


def _fill_terms(x: FloatArray, m: IntArray, terms: Terms) -> None:
    x[seats.CASH] = x[seats.START_CASH] = terms.cash
    x[seats.MAX_WEIGHT], x[seats.MAX_GROUP_WEIGHT] = terms.max_weight, terms.max_group_weight
    m[seats.MAX_POSITIONS], m[seats.CONSTRAINED] = terms.max_positions, terms.constrained


def _fill_seats(rows: FloatArray, lanes: Sequence[Lane], terms: Terms) -> None:
    kinds: dict[tuple[Rules, bool, bool, float], int] = {}
    alike = [
        kinds.setdefault((lane.wishes.rules, lane.taxed, lane.conversion is not None, lane.lot), len(kinds))
        for lane in lanes
    ]
    if kinds:
        rows[:] = np.array([_seat(terms, *kind) for kind in kinds])[alike]


def _seat(terms: Terms, own: Rules, taxed: bool, converted: bool, lot: float) -> list[float]:  # a key
    """The row of a seat before the first bar."""
    costs, rules = terms.costs.on(taxed=taxed, converted=converted), with_account_stop(own, terms.stop_loss)
    row = [0.0] * seats.SEAT
    row[: seats.QUANTITY] = [*FLAT.vector(), *rules.vector()]
    row[seats.RATE] = row[seats.ENTRY_RATE] = 1.0
    row[seats.SIGN :] = [
        1.0 if own.side == "long" else -1.0,
        lot,
        0.0 if lot >= 1 else round(1 / lot),
        costs.fee_bps,
        costs.sell_tax_bps,
        costs.borrow_bps,
        costs.slipped(buy=True),
        costs.slipped(buy=False),
    ]
    return row


def _fill_places(rows: IntArray, lanes: Sequence[Lane], stretches: Mapping[int, int]) -> None:
    keys = {key: number for number, key in enumerate(dict.fromkeys(lane.key for lane in lanes))}
    groups = {group: number for number, group in enumerate(dict.fromkeys(lane.group for lane in lanes if lane.group))}
    rows[:, seats.STRETCH] = [stretches[id(lane.bars)] for lane in lanes]
    rows[:, seats.SERIES] = [keys[lane.key] for lane in lanes]
    rows[:, seats.GROUP] = [groups.get(lane.group, -1) for lane in lanes]
    rows[:, seats.TAXED] = [lane.taxed for lane in lanes]
    rows[:, seats.HAS] = [lane.wishes.has for lane in lanes]
    rows[:, seats.RATES_OF] = -1


def _wishes(
    rows: IntArray, lanes: Sequence[Lane], begins: Mapping[int, int], ends: Mapping[int, int]
) -> tuple[BitArray, npt.NDArray[np.int32], FloatArray]:
    """Exits, a bit per bar; entries, lane after lane, as the numbers of their bars; what these carry."""
    bits: list[BitArray] = [np.zeros(1, np.uint8)]
    entries: list[npt.NDArray[np.int32]] = [np.zeros(0, np.int32)]
    levels: list[FloatArray] = [np.zeros(0)]
    n_bits, n_entries, n_levels = 8, 0, 0
    for row, lane in zip(rows, lanes, strict=True):
        wishes, bars = lane.wishes, len(lane.bars)
        if wishes.size != bars:
            raise ValueError(f"{lane.key}: signals must have one entry per bar, {bars} in all")
        before = begins[id(lane.bars)] + bars - ends[id(lane.bars)]  # bars that no account sees
        first = int(np.searchsorted(wishes.entries, before)) if before else 0
        row[seats.TO_BITS] = n_bits + before - begins[id(lane.bars)]
        row[seats.FIRST_ENTRY], row[seats.FIRST_LEVEL] = n_entries, n_levels
        bits.append(wishes.leaving)
        entries.append(wishes.entries[first:] + np.int32(begins[id(lane.bars)] - before))
        levels.append(wishes.levels[first:].reshape(-1))
        n_bits += 8 * wishes.leaving.size
        n_entries += entries[-1].size
        n_levels += levels[-1].size
    return np.concatenate(bits), np.concatenate(entries), np.concatenate(levels)


def _events(rows: IntArray, entries: npt.NDArray[np.int32], moments: Places, n_times: int) -> Places:
    """Where the entries of each moment begin; then every entry's seat and number, by moment and seat."""
    counts = np.diff(rows[:, seats.FIRST_ENTRY], append=entries.size)
    when = moments[entries].astype(np.uint16 if n_times < 1 << 16 else np.int32)  # short ones are sorted in a tenth
    order = np.argsort(when, kind="stable").astype(np.int32)
    head = n_times + 1
    events = np.empty(head + seats.EVENT * entries.size, np.int32)
    events[0] = head
    events[1:head] = head + seats.EVENT * np.cumsum(np.bincount(when, minlength=n_times))
    events[head :: seats.EVENT] = np.repeat(np.arange(len(rows), dtype=np.int32), counts)[order]
    events[head + 1 :: seats.EVENT] = order
    return events


def _rates(
    x: Layout,
    m: Layout,
    lanes: Sequence[Lane],
    times: IntArray,
    begins: Mapping[int, int],
    ends: Mapping[int, int],
) -> FlagArray:
    """Rates of exchange at every moment and at every bar's open; as flags, which of them were fresh."""
    tables: dict[SeriesKey, tuple[int, Rates]] = {}
    at_open: list[FloatArray] = [np.zeros(0)]
    may_enter: list[FlagArray] = [np.zeros(0, np.bool_)]
    may_signal: list[FlagArray] = [np.zeros(0, np.bool_)]
    places: dict[tuple[int, int], int] = {}
    n = 0
    for row, lane in zip(m.rows, lanes, strict=True):
        if lane.conversion is None:
            continue
        rates, own = lane.conversion.rates, (id(lane.conversion), id(lane.bars))
        row[seats.RATES_OF] = tables.setdefault(rates.key, (len(tables), rates))[0]
        if own not in places:
            size = ends[own[1]] - begins[own[1]]
            places[own] = n - begins[own[1]]
            n += size
            known = slice(len(lane.bars) - size, len(lane.bars))  # of bars that were cut short there may be more
            at_open.append(lane.conversion.at_open[known])
            may_enter.append(lane.conversion.may_enter[known])
            may_signal.append(lane.conversion.may_signal[known])
        row[seats.TO_RATES] = places[own]
    head = m.parts[0]
    head[seats.AT_RATES] = x.put(np.concatenate([np.zeros(0), *(rates.at(times) for _, rates in tables.values())]))
    head[seats.AT_OPEN_RATES] = x.put(np.concatenate(at_open))
    head[seats.FRESH_OPEN], head[seats.FRESH_CLOSE] = 0, n
    return np.concatenate([*may_enter, *may_signal, np.zeros(1, np.bool_)])


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
