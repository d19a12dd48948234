"""Sleeves and terms laid out in memory by the names of `memory`, ready for walks of `account_loop`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pyjobs.account.portfolio import memory, seats
from pyjobs.account.portfolio.aligned_bars import PRICES, AlignedSeries, Places, Timeline, laid, timeline_of
from pyjobs.account.portfolio.costs import Costs
from pyjobs.account.portfolio.lookups import Columns, rates_of, tables_of
from pyjobs.account.portfolio.order_admission import EVENT
from pyjobs.account.portfolio.sleeve import Sleeve
from pyjobs.account.portfolio.unlimited.moves import STEPS
from pyjobs.market.bars import FloatArray, IntArray
from pyjobs.strategy import kernel
from pyjobs.strategy.exact_sums import SUMS
from pyjobs.strategy.lifecycle import FLAT, Rules

FLOATS = memory.Seats._fields[: memory.Seats._fields.index("stretch")]  # those of a seat that are float64
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


class Memory(NamedTuple):
    """Everything of one walk, in the order of its arguments."""

    account: memory.Account
    lists: memory.Lists
    seats: memory.Seats
    series: memory.Series
    signals: memory.Signals
    tables: memory.Tables
    rates: memory.Rates
    points: memory.Points
    account_trades: memory.AccountTradeColumns
    room: memory.Room


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layout:
    """What walks over the same sleeves have in common: what they read, and where seats and stretches begin."""

    seats: memory.Seats
    series: memory.Series
    signals: memory.Signals
    tables: memory.Tables
    rates: memory.Rates

    def on(self, terms: Terms) -> Memory:
        """Before the first bar, for an account of this money and these limits, but of the same costs."""
        n, moments = self.seats.side.size, self.series.times.size
        changing = {name: getattr(self.series, name).copy() for name in ("next", "here")}
        return Memory(
            account=_account(terms),
            lists=memory.Lists(*(np.zeros(n, np.int64) for _ in range(5)), *(np.zeros(1, np.int64) for _ in range(4))),
            seats=memory.Seats(*(column.copy() for column in self.seats)),
            series=self.series._replace(**changing),
            signals=self._signals(terms),
            tables=self.tables,
            rates=self.rates,
            points=memory.Points(*(np.zeros(moments) for _ in memory.Points._fields)),
            account_trades=_room_for(self.signals.entries.size),
            room=memory.Room(np.zeros(kernel.STATE), np.zeros(kernel.RULES)),
        )

    def _signals(self, terms: Terms) -> memory.Signals:
        if not terms.constrained:
            return self.signals
        return self.signals._replace(
            events=_events(self.seats.first_entry, self.signals.entries, self.series.moments, self.series.times.size)
        )


def room_to_follow(memory_of: Memory) -> tuple[memory.Worth, memory.Moves]:
    """The extra memory of a walk without limits; most of it is never touched."""
    account_trades, moments = memory_of.signals.n_entries, memory_of.series.n_times
    short = memory_of.seats.stretch[memory_of.seats.sign < 0]
    lends = int((memory_of.series.end - memory_of.series.next)[short].sum())
    most = 3 * account_trades + lends
    return (
        memory.Worth(*(np.zeros(moments) for _ in memory.Worth._fields)),
        memory.Moves(
            step=np.empty(most, np.int32),
            cash=np.empty(most),
            account_trade=np.empty(most, np.int32),
            order=np.empty(most, np.int32),
            account_trades=np.empty(account_trades, np.int32),
            begins=np.empty(STEPS * (moments + 1) + 1, np.int32),
            held=np.empty(memory_of.signals.n_seats, np.int32),
            place=np.empty(account_trades, np.int32),
            count=np.zeros(1, np.int64),
            n_held=np.zeros(1, np.int64),
        ),
    )


def _room_for(account_trades: int) -> memory.AccountTradeColumns:
    names = memory.AccountTradeColumns._fields[1:-1]
    columns = {name: np.empty(account_trades) for name in names}
    return memory.AccountTradeColumns(
        trades=np.empty(account_trades * kernel.TRADE), count=np.zeros(1, np.int64), **columns
    )


def _account(terms: Terms) -> memory.Account:
    return memory.Account(
        cash=np.array([terms.cash], np.float64),
        traded=np.zeros(1),
        refused=np.zeros(seats.TAKEN, np.int64),
        parts=np.zeros(SUMS),
        start_cash=terms.cash,
        max_weight=terms.max_weight,
        max_group_weight=terms.max_group_weight,
        max_positions=terms.max_positions,
        constrained=int(terms.constrained),
    )


def lay_out(sleeves: Sequence[Sleeve], terms: Terms, start_ms: int, marks_ms: Sequence[int]) -> Layout:
    """The account before the first bar that closes at or after `start_ms`; its seats in the order of `sleeves`."""
    own = {id(sleeve.bars): sleeve.bars for sleeve in sleeves}  # two sides, and all setups, share a series' bars
    stretches = {bars: number for number, bars in enumerate(own)}
    bars = laid(list(own.values()))
    line = timeline_of(tuple(bars), start_ms)
    times = line.times
    if any(sleeve.conversion for sleeve in sleeves):  # what is held is worth something else at each of the marks too
        marks = np.array(marks_ms, np.int64)
        times = np.union1d(marks[marks >= start_ms], times)
    begins, ends = (dict(zip(own, part.tolist(), strict=True)) for part in (line.begins, line.ends))
    wanted = _all_signals(sleeves, begins, ends)
    rates, own_rates = rates_of(sleeves, times, begins, ends)
    tables, grids = tables_of(sleeves, terms.costs)
    moments = line.at(times)
    return Layout(
        seats=memory.Seats(
            **_columns(sleeves, terms),
            **_places(sleeves, stretches),
            **wanted.places,
            **own_rates,
            **grids,
        ),
        series=_series(bars, line, times, moments),
        signals=memory.Signals(
            wanted.leaving, wanted.entries, np.empty(0, np.int32), wanted.levels, wanted.entries.size, len(sleeves)
        ),
        tables=tables,
        rates=rates,
    )


def _series(bars: Sequence[AlignedSeries], line: Timeline, times: IntArray, moments: Places) -> memory.Series:
    n = len(bars)
    prices = bars[0].aligned.prices if bars else np.empty((4, 0))
    return memory.Series(
        times=times,
        moments=moments,
        **dict(zip(PRICES, prices, strict=True)),
        next=line.begins,
        end=line.ends,
        here=np.zeros(n, np.int8),
        n_times=times.size,
        n_stretches=n,
    )


def _columns(sleeves: Sequence[Sleeve], terms: Terms) -> Columns:
    """Position, rules and money of the seats before the first bar, by the names that `Seats` has for them."""
    kinds: dict[tuple[Rules, bool, bool, float], int] = {}
    alike = [
        kinds.setdefault((sleeve.signals.rules, sleeve.taxed, sleeve.conversion is not None, sleeve.lot), len(kinds))
        for sleeve in sleeves
    ]
    rows = np.array([_seat(terms, *kind) for kind in kinds]).reshape(-1, len(FLOATS))[alike].T
    return dict(zip(FLOATS, map(np.ascontiguousarray, rows), strict=True))


def _seat(terms: Terms, own: Rules, taxed: bool, converted: bool, lot: float) -> list[float]:  # a key
    """The numbers of a seat before the first bar."""
    costs, rules = terms.costs.on(taxed=taxed, converted=converted), with_account_stop(own, terms.stop_loss)
    money = {"quantity": 0.0, "entry_fee": 0.0, "budget": 0.0, "borrowed": 0.0, "rate": 1.0, "entry_rate": 1.0}
    fixed = {
        "sign": 1.0 if own.side == "long" else -1.0,
        "lot": lot,
        "per_unit": 0.0 if lot >= 1 else round(1 / lot),
        "fee_bps": costs.fee_bps,
        "tax_bps": costs.sell_tax_bps,
        "loan_bps": costs.borrow_bps,
        "buys_at": costs.slipped(buy=True),
        "sells_at": costs.slipped(buy=False),
    }
    assert tuple({**money, **fixed}) == FLOATS[kernel.STATE + kernel.RULES :]
    return [*FLAT.vector(), *rules.vector(), *money.values(), *fixed.values()]


def _places(sleeves: Sequence[Sleeve], stretches: Mapping[int, int]) -> Columns:
    keys = {key: number for number, key in enumerate(dict.fromkeys(sleeve.key for sleeve in sleeves))}
    groups = {
        group: number for number, group in enumerate(dict.fromkeys(sleeve.group for sleeve in sleeves if sleeve.group))
    }
    return {
        "stretch": np.array([stretches[id(sleeve.bars)] for sleeve in sleeves], np.int64),
        "series": np.array([keys[sleeve.key] for sleeve in sleeves], np.int64),
        "group": np.array([groups.get(sleeve.group, -1) for sleeve in sleeves], np.int64),
        "taxed": np.array([sleeve.taxed for sleeve in sleeves], np.int64),
        "has": np.array([sleeve.signals.has for sleeve in sleeves], np.int64),
    }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AllSignals:
    """Exits, a bit per bar; entries, sleeve after sleeve, as numbers of bars; what they carry; where each begins."""

    leaving: BitArray
    entries: Places
    levels: FloatArray
    places: Columns


def _all_signals(sleeves: Sequence[Sleeve], begins: Mapping[int, int], ends: Mapping[int, int]) -> AllSignals:
    for sleeve in sleeves:
        if sleeve.signals.size != len(sleeve.bars):
            raise ValueError(f"{sleeve.key}: signals must have one entry per bar, {len(sleeve.bars)} in all")
    first = np.array([begins[id(sleeve.bars)] for sleeve in sleeves], np.int64)
    begin = np.array([ends[id(sleeve.bars)] - sleeve.signals.size for sleeve in sleeves], np.int64)
    unseen = first - begin  # bars of each that no account sees
    seen = [sleeve.signals.entries_from(before) for sleeve, before in zip(sleeves, unseen.tolist(), strict=True)]
    leaving = [np.zeros(1, np.uint8), *(sleeve.signals.leaving for sleeve in sleeves)]
    entries = [np.zeros(0, np.int32), *(each for each, _ in seen)]
    levels = [np.zeros(0), *(each.reshape(-1) for _, each in seen)]
    shifts = np.repeat(begin.astype(np.int32), np.array([each.size for each, _ in seen], np.int64))
    return AllSignals(
        leaving=np.concatenate(leaving),
        entries=np.concatenate(entries) + shifts,
        levels=np.concatenate(levels),
        places={
            "to_bits": 8 * _begins(leaving) - begin,
            "first_entry": _begins(entries),
            "first_level": _begins(levels),
        },
    )


def _begins(arrays: Sequence[npt.NDArray[Any]]) -> IntArray:
    """Where each array but the first begins when they lie one after the other."""
    return np.cumsum([each.size for each in arrays], dtype=np.int64)[:-1]


def _events(firsts: IntArray, entries: Places, moments: Places, n_times: int) -> Places:
    """For each moment, where its entries begin; then every entry's seat and number, by moment and seat."""
    counts = np.diff(firsts, append=entries.size)
    when = moments[entries].astype(np.uint16 if n_times < 1 << 16 else np.int32)  # short ones are sorted in a tenth
    order = np.argsort(when, kind="stable").astype(np.int32)
    head = n_times + 1
    events = np.empty(head + EVENT * entries.size, np.int32)
    events[0] = head
    events[1:head] = head + EVENT * np.cumsum(np.bincount(when, minlength=n_times))
    events[head::EVENT] = np.repeat(np.arange(firsts.size, dtype=np.int32), counts)[order]
    events[head + 1 :: EVENT] = order
    return events


def with_account_stop(rules: Rules, stop_loss: float) -> Rules:
    """`rules` under the account's own percent stop too: the nearer of the two."""
    fractions = [fraction for fraction in (rules.stop_loss, stop_loss) if fraction]
    return replace(rules, stop_loss=min(fractions, default=0.0))
