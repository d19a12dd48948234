"""The life of one position, as a fold over closed bars. Backtest, scan statistics, accounts and live take these steps.

`docs/SEMANTICS.md` defines the order of events; `kernel` holds it, once. Here are its types: the state as a record that
prints and survives JSON, and the fold over whole series, which runs the kernel as machine code. Stop after any bar, go
on later: the same result to the last bit.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import isnan, nan
from typing import Literal, get_args

import numpy as np

from pyjobs.market.bars import Bars, FloatArray
from pyjobs.strategy import compiled, kernel
from pyjobs.strategy.signals import Side, Signals
from utils.native import address

Phase = Literal["flat", "entering", "open", "exiting"]
Reason = Literal["open", "signal", "stop", "stop_gap", "time", "target"]
Semantics = Literal["own", "backtesting_py", "vectorbt"]

REASONS: tuple[Reason, ...] = get_args(Reason)  # by the kernel's numbers, 0 to 5
SEMANTICS: tuple[Semantics, ...] = get_args(Semantics)
EXIT_REASONS: tuple[Literal["signal", "time"], ...] = ("signal", "signal", "signal", "signal", "time")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What does not change during a fold. Fractions of the fill (of the best price for `trail`); 0 means none."""

    side: Side = "long"
    stop_loss: float = 0.0
    take_profit: float = 0.0
    trail: float = 0.0
    max_bars: int = 0
    semantics: Semantics = "own"

    @classmethod
    def of(cls, signals: Signals, semantics: Semantics = "own") -> Rules:
        """The rules that the signals themselves ask for."""
        return cls(
            side=signals.side,
            stop_loss=signals.stop_loss,
            take_profit=signals.take_profit,
            trail=signals.trail,
            max_bars=signals.max_bars,
            semantics=semantics,
        )

    def vector(self) -> list[float]:
        """As the kernel reads them."""
        variant = SEMANTICS.index(self.semantics)
        return [self.stop_loss, self.take_profit, self.trail, float(self.max_bars), float(variant)]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Where a position stands after a bar; plain values only. None: there is none. `bars_held`: closes lived through.

    While `entering`, `stop` is the level the signal gave; while in, the live stop. The distances wait for the fill.
    `next_*` is the opposite entry that fills at the same open as a pending exit (a reversal).
    """

    phase: Phase = "flat"
    side: Side = "long"
    signal_ts_ms: int = 0
    stop: float | None = None
    stop_distance: float | None = None
    target: float | None = None
    target_distance: float | None = None
    trail_distance: float | None = None
    entry_ts_ms: int = 0
    entry_price: float = 0.0
    bars_held: int = 0
    exit_reason: Literal["signal", "time"] = "signal"
    next_side: Side | None = None
    next_signal_ts_ms: int = 0
    next_stop: float | None = None
    next_stop_distance: float | None = None
    next_target_distance: float | None = None
    next_trail_distance: float | None = None

    def vector(self) -> list[float]:
        """As the kernel reads it."""
        sign = 1.0 if self.side == "long" else -1.0
        if self.phase in ("flat", "entering"):
            order = [sign if self.phase == "entering" else 0.0, float(self.signal_ts_ms), _nan(self.stop)]
            distances = (self.stop_distance, self.target_distance, self.trail_distance)
            return [0.0] * 5 + [nan] * 3 + [0.0] + order + [_nan(x) for x in distances]
        leaving = 0.0 if self.phase == "open" else kernel.BY_SIGNAL if self.exit_reason == "signal" else kernel.BY_TIME
        position = [sign, float(self.signal_ts_ms), float(self.entry_ts_ms), self.entry_price, float(self.bars_held)]
        levels = [_nan(self.stop), _nan(self.target), _nan(self.trail_distance)]
        after = {None: 0.0, "long": 1.0, "short": -1.0}[self.next_side]
        order = [after, float(self.next_signal_ts_ms), _nan(self.next_stop)]
        distances = (self.next_stop_distance, self.next_target_distance, self.next_trail_distance)
        return [*position, *levels, leaving, *order, *(_nan(x) for x in distances)]

    @classmethod
    def of(cls, s: Sequence[float]) -> State:
        """From the kernel's vector."""
        order, order_ts = s[kernel.ORDER], int(s[kernel.ORDER_TS])
        stop, distance, target, trail = (_none(x) for x in s[kernel.ORDER_STOP : kernel.STATE])
        if s[kernel.SIDE] == 0.0:
            if order == 0.0:
                return FLAT
            return cls(
                phase="entering",
                side="long" if order > 0 else "short",
                signal_ts_ms=order_ts,
                stop=stop,
                stop_distance=distance,
                target_distance=target,
                trail_distance=trail,
            )
        return cls(
            phase="exiting" if s[kernel.EXIT] else "open",
            side="long" if s[kernel.SIDE] > 0 else "short",
            signal_ts_ms=int(s[kernel.SIGNAL_TS]),
            stop=_none(s[kernel.STOP]),
            target=_none(s[kernel.TARGET]),
            trail_distance=_none(s[kernel.TRAIL]),
            entry_ts_ms=int(s[kernel.ENTRY_TS]),
            entry_price=float(s[kernel.ENTRY_PRICE]),
            bars_held=int(s[kernel.HELD]),
            exit_reason=EXIT_REASONS[int(s[kernel.EXIT])],
            next_side=None if order == 0.0 else "long" if order > 0 else "short",
            next_signal_ts_ms=order_ts,
            next_stop=stop,
            next_stop_distance=distance,
            next_target_distance=target,
            next_trail_distance=trail,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One finished trade, or with reason `open` one marked to a close. `ts_ms` are the closes of the bars filled in."""

    side: Side
    signal_ts_ms: int
    entry_ts_ms: int
    entry_price: float
    stop: float | None
    exit_ts_ms: int
    exit_price: float
    reason: Reason
    bars_held: int

    @classmethod
    def of(cls, row: Sequence[float]) -> Trade:
        """From the kernel's row."""
        side, signal_ts, entry_ts, entry_price, stop, exit_ts, exit_price, reason, held = row
        return cls(
            side="long" if side > 0 else "short",
            signal_ts_ms=int(signal_ts),
            entry_ts_ms=int(entry_ts),
            entry_price=float(entry_price),
            stop=_none(stop),
            exit_ts_ms=int(exit_ts),
            exit_price=float(exit_price),
            reason=REASONS[int(reason)],
            bars_held=int(held),
        )


FLAT = State()
_local = threading.local()


def on_open(state: State, rules: Rules, ts_ms: int, price: float) -> tuple[State, Trade | None]:
    """Step 1 at this bar's open `price`; `ts_ms` is the bar's close time, as everywhere."""
    s, out = state.vector(), [0.0] * kernel.TRADE
    ended = kernel.at_open(s, rules.vector(), float(ts_ms), price, out, 0)
    return State.of(s), Trade.of(out) if ended else None


def on_range(state: State, rules: Rules, ts_ms: int, high: float, low: float) -> tuple[State, Trade | None]:
    """Step 2: the bar's range against the stop and the target."""
    s, out = state.vector(), [0.0] * kernel.TRADE
    ended = kernel.in_range(s, rules.vector(), float(ts_ms), high, low, out, 0)
    return State.of(s), Trade.of(out) if ended else None


def on_close(
    state: State,
    rules: Rules,
    ts_ms: int,
    *,
    entry: bool,
    leave: bool,
    level: float,
    distances: tuple[float, float, float] = (nan, nan, nan),
    high: float = nan,
    low: float = nan,
) -> State:
    """Step 3 for the one side of `rules`. `level` and `distances` (of stop, target, trail): what an entry would carry.

    `high` and `low` of the bar are looked at by trailing stops only.
    """
    long = rules.side == "long"
    s = state.vector()
    wanted = (1.0 if long else -1.0) if entry else 0.0
    leaving = (kernel.LEAVE_LONG if long else kernel.LEAVE_SHORT) if leave else 0
    kernel.at_close(s, rules.vector(), float(ts_ms), high, low, wanted, leaving, level, *distances)
    return State.of(s)


def mark(state: State, rules: Rules, ts_ms: int, close: float) -> Trade | None:  # noqa: ARG001  # one shape of step
    """The position as a trade marked to `close`, reason `open`; None when there is no position."""
    if state.phase not in ("open", "exiting"):
        return None
    s, out = state.vector(), [0.0] * kernel.TRADE
    kernel.leave(s, out, 0, float(ts_ms), close, kernel.STILL_OPEN)
    return Trade.of(out)


class Tape:
    """Bars and signals side by side: as memory for the compiled fold, and as plain Python numbers for loops."""

    def __init__(self, bars: Bars, signals: Signals) -> None:
        self.bars, self.signals = bars, signals
        self._entry, self._leaving = sides(signals)
        columns = (signals.stop, signals.stop_distance, signals.target_distance, signals.trail_distance)
        self._has = sum(1 << bit for bit, column in enumerate(columns) if column is not None)
        self._prices = contiguous(bars)
        self._kept = [None if x is None else np.ascontiguousarray(x, dtype=np.float64) for x in columns]
        if any(x is not None and x.size != len(bars) for x in (self._entry, self._leaving, *self._kept)):
            raise ValueError(f"signals must have one entry per bar, {len(bars)} in all")
        self._at = (
            *self._prices[1],
            *(address(self._entry), address(self._leaving)),
            *[0 if x is None else address(x) for x in self._kept],
        )

    @classmethod
    def of(cls, bars: Bars, signals: Signals) -> Tape:
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
        return _none(float(self.signals.stop[i]))

    def wishes(self, i: int) -> tuple[float, int]:
        """What bar i's close asks for, as the kernel reads it: entry (+1, -1, 0) and the sides to leave."""
        return float(self._entry[i]), int(self._leaving[i])

    def distances(self, i: int) -> tuple[float, float, float]:
        """Of stop, target and trailing stop, that an entry signalled at bar i carries; NaN: none."""
        signals = self.signals
        columns = (signals.stop_distance, signals.target_distance, signals.trail_distance)
        stop, target, trail = (nan if column is None else float(column[i]) for column in columns)
        return stop, target, trail

    def run(self, s: FloatArray, rules: Rules, start: int, end: int, *, enter: bool = True) -> FloatArray:
        """Fold bars [start, end) from the state vector `s`, in place; a kernel row per finished trade."""
        return self.run_vector(s, np.array(rules.vector()), start, end, enter=enter)

    def run_vector(self, s: FloatArray, r: FloatArray, start: int, end: int, *, enter: bool = True) -> FloatArray:
        """`run` with the rules as the kernel reads them."""
        out, at = scratch(2 * (end - start)), self._at
        if not enter:
            none = np.zeros(len(self.bars), dtype=np.int8)
            at = (*at[:4], address(none), *at[5:])
        n = compiled.library()["fold"](*at, self._has, start, end, address(s), address(r), address(out))
        return out[:n].copy()


@lru_cache(maxsize=4)
def contiguous(bars: Bars) -> tuple[tuple[np.ndarray, ...], tuple[int, ...]]:
    """The arrays that the fold reads, in one piece each, and where they begin; kept for the next run on these bars."""
    prices = (np.ascontiguousarray(x, dtype=np.float64) for x in (bars.open, bars.high, bars.low))
    arrays = (np.ascontiguousarray(bars.ts_ms, dtype=np.int64), *prices)
    return arrays, tuple(address(x) for x in arrays)


def scratch(trades: int) -> FloatArray:
    """Room for that many trades, used again by this thread's next fold."""
    room: FloatArray | None = getattr(_local, "room", None)
    if room is None or len(room) < trades:
        room = _local.room = np.empty((max(trades, 1), kernel.TRADE))
    return room


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
    rows = Tape(bars, signals).run(s, rules, 0, len(bars))
    return State.of(s.tolist()), [Trade.of(row) for row in rows.tolist()]


def follow(tape: Tape, trigger: int, rules: Rules) -> tuple[State, Trade | None]:
    """What came of the entry signalled at bar `trigger`, taken alone: (state at its end, its trade once it is closed).

    With no trade the state tells: `flat` dropped at the open, `entering` no bar yet, else still open at the last bar.
    """
    ts_ms, level = int(tape.bars.ts_ms[trigger]), float(tape.signals.stop[trigger])
    start = on_close(FLAT, rules, ts_ms, entry=True, leave=False, level=level, distances=tape.distances(trigger))
    s = np.array(start.vector())
    rows = tape.run(s, rules, trigger + 1, len(tape.bars), enter=False)
    return State.of(s.tolist()), Trade.of(rows[0].tolist()) if len(rows) else None


def _flags(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, dtype=np.bool_).view(np.int8)


def _nan(value: float | None) -> float:
    return nan if value is None else value


def _none(value: float) -> float | None:
    return None if isnan(value) else float(value)
