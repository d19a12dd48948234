"""The life of one position, as a fold over closed bars. Backtest, scan statistics, accounts and live take these steps.

`docs/SEMANTICS.md` defines the order of events; `kernel` holds it, once. Here are its types: the state as a record that
prints and survives JSON, and the fold over whole series, which runs the kernel as machine code. Stop after any bar, go
on later: the same result to the last bit.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cached_property, lru_cache
from math import nan
from typing import Literal

import numpy as np

from pyjobs.market.bars import Bars, FloatArray, IntArray
from pyjobs.strategy import compiled, kernel
from pyjobs.strategy.position import (
    FLAT,
    REASONS,
    SEMANTICS,
    Reason,
    Rules,
    Semantics,
    State,
    Trade,
    none_for_nan,
)
from pyjobs.strategy.signals import Signals, no_stop
from utils.native import address

__all__ = ["FLAT", "REASONS", "SEMANTICS", "KernelInput", "Reason", "Rules", "Semantics", "State", "Trade"]


Outcome = Literal["closed", "open", "pending", "dropped"]


class Room(threading.local):
    """A thread's own memory for the compiled fold, used again by its next one."""

    def __init__(self) -> None:
        self.state = np.empty(kernel.STATE)
        self.state_at = address(self.state)
        self.trades = np.empty((0, kernel.TRADE))
        self.trades_at = address(self.trades)

    def hold(self, trades: int) -> None:
        """Make room for that many trades."""
        if len(self.trades) < trades:
            self.trades = np.empty((trades, kernel.TRADE))
            self.trades_at = address(self.trades)


room = Room()


class KernelInput:
    """Bars and signals side by side: as memory for the compiled fold, and as plain Python numbers for loops."""

    def __init__(self, bars: Bars, signals: Signals) -> None:
        self.bars, self.signals = bars, signals
        self._entry, self._leaving, self._kept = kernel_columns(bars, signals, (len(bars),))
        self._prices, (*prices, self.close_at) = contiguous(bars)
        self.at = (
            *prices,
            *(address(self._entry), address(self._leaving)),
            *[0 if x is None else address(x) for x in self._kept],
            sum([1 << bit for bit, x in enumerate(self._kept) if x is not None]),
        )

    @classmethod
    def of(cls, bars: Bars, signals: Signals) -> KernelInput:
        """Both must have one entry per bar."""
        return cls(bars, signals)

    ts_ms: Sequence[int] = cached_property(lambda self: self.bars.ts_ms.tolist())  # type: ignore[assignment]
    open: Sequence[float] = cached_property(lambda self: self.bars.open.tolist())  # type: ignore[assignment]
    high: Sequence[float] = cached_property(lambda self: self.bars.high.tolist())  # type: ignore[assignment]
    low: Sequence[float] = cached_property(lambda self: self.bars.low.tolist())  # type: ignore[assignment]
    close: Sequence[float] = cached_property(lambda self: self.bars.close.tolist())  # type: ignore[assignment]
    entry: Sequence[bool] = cached_property(lambda self: self.signals.entry.tolist())  # type: ignore[assignment]
    exit: Sequence[bool] = cached_property(lambda self: self.signals.exit.tolist())  # type: ignore[assignment]
    stop: Sequence[float] = cached_property(lambda self: self.signals.stop.tolist())  # type: ignore[assignment]

    def level(self, i: int) -> float | None:
        """The stop level an entry signalled at bar i carries."""
        return none_for_nan(float(self.signals.stop[i]))

    def signals_at(self, i: int) -> tuple[float, int]:
        """The signals of bar i's close, as the kernel reads them: entry (+1, -1, 0) and the sides to leave."""
        return float(self._entry[i]), int(self._leaving[i])

    def distances(self, i: int) -> tuple[float, float, float]:
        """The distances of stop, target and trailing stop that an entry signalled at bar i carries; NaN: none."""
        signals = self.signals
        columns = (signals.stop_distance, signals.target_distance, signals.trail_distance)
        stop, target, trail = (nan if column is None else float(column[i]) for column in columns)
        return stop, target, trail

    def run(self, s: FloatArray, rules: Rules, start: int, end: int, *, enter: bool = True) -> FloatArray:
        """Fold bars [start, end) from the state vector `s`, in place; a kernel row per finished trade."""
        at = self.at
        room.hold(2 * (end - start))
        room.state[:] = s
        if not enter:
            none = np.zeros(len(self.bars), dtype=np.int8)
            at = (*at[:4], address(none), *at[5:])
        _, rules_at = in_memory(rules)
        n = compiled.library().fold(*at, start, end, room.state_at, rules_at, room.trades_at)
        s[:] = room.state
        return room.trades[:n].copy()


def kernel_columns(
    bars: Bars, signals: Signals, shape: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray | None]]:
    """What signals ask for, as the kernel reads it: entry, leaving, and the four levels an entry carries, or None.

    Raises ValueError where one has not `shape`, the last number of which is that of the bars.
    """
    stop = None if signals.stop is no_stop(bars) else signals.stop
    columns = (stop, signals.stop_distance, signals.target_distance, signals.trail_distance)
    levels = [None if x is None else np.ascontiguousarray(x, dtype=np.float64) for x in columns]
    flags = (
        signals.entry,
        signals.exit,
        signals.short_entry,
        signals.short_exit,
    )  # each: numpy would stretch a short one
    if any([x is not None and x.shape != shape for x in (*flags, *levels)]):  # noqa: C419  # faster
        raise ValueError(f"signals must have one entry per bar, {shape[-1]} in all")
    return *sides(signals), levels


@lru_cache(maxsize=4)
def contiguous(bars: Bars) -> tuple[tuple[np.ndarray, ...], tuple[int, ...]]:
    """Times and prices, in one piece each, and where they begin; kept for the next run on these bars."""
    prices = (np.ascontiguousarray(x, dtype=np.float64) for x in (bars.open, bars.high, bars.low, bars.close))
    arrays = (np.ascontiguousarray(bars.ts_ms, dtype=np.int64), *prices)
    return arrays, tuple(address(x) for x in arrays)


@lru_cache(maxsize=256)
def in_memory(rules: Rules) -> tuple[FloatArray, int]:
    """The rules as the kernel reads them, and where they begin."""
    vector = np.array(rules.vector())
    return vector, address(vector)


def sides(signals: Signals) -> tuple[np.ndarray, np.ndarray]:
    """(entry, leaving) as the kernel reads them, int8: +1 long, -1 short, 0 none or both; bits of sides to leave."""
    entry, leave = _flags(signals.entry), _flags(signals.exit)
    if signals.short_entry is not None and signals.short_exit is not None:
        return entry - _flags(signals.short_entry), leave + 2 * _flags(signals.short_exit)
    return (entry, leave) if signals.side == "long" else (-entry, 2 * leave)


def fold(bars: Bars, signals: Signals, rules: Rules, state: State = FLAT) -> tuple[State, list[Trade]]:
    """All trades finished within `bars`, from `state` on, and the state after the last bar.

    Folding two halves one after the other gives the same, bit for bit, as folding the whole.
    """
    s = np.array(state.vector())
    rows = KernelInput(bars, signals).run(s, rules, 0, len(bars))
    return State.of(s.tolist()), [Trade.of(row) for row in rows.tolist()]


def followed(inputs: KernelInput, numbers: IntArray, rules: Rules) -> FloatArray:
    """The result as rows: how many trades ended (0 or 1), the side still held, the side still ordered, the trade.

    The trade is as the kernel writes it; one that is still held is marked to the last close.
    """
    ends = np.empty((numbers.size, 3 + kernel.TRADE))
    if not numbers.size:
        return ends
    numbers, none = np.ascontiguousarray(numbers, np.int64), np.zeros(len(inputs.bars), np.int8)
    times, opens, highs, lows, _, leaving, *levels = inputs.at
    _, rules_at = in_memory(rules)
    room.hold(2)
    run = (address(numbers), numbers.size, len(inputs.bars), 1.0 if rules.side == "long" else -1.0)
    where = (times, opens, highs, lows, inputs.close_at, address(none), leaving, *levels)
    compiled.library().follow(*where, *run, room.state_at, rules_at, room.trades_at, address(ends))
    return ends


def _flags(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, dtype=np.bool_).view(np.int8)
