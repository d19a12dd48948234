"""The records of one position: its rules, its state after a bar, and the trade it becomes. Plain values, printable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, nan
from typing import Literal, get_args

from pyjobs.strategy import kernel
from pyjobs.strategy.signals import Side, Signals

Phase = Literal["flat", "entering", "open", "exiting"]
Reason = Literal["open", "signal", "stop", "stop_gap", "time", "target", "kill"]
Semantics = Literal["own", "backtesting_py", "vectorbt"]

REASONS: tuple[Reason, ...] = get_args(Reason)  # by the kernel's numbers, 0 to 6
SEMANTICS: tuple[Semantics, ...] = get_args(Semantics)
ExitReason = Literal["signal", "time", "kill"]
EXITS: dict[ExitReason, float] = {"signal": kernel.BY_SIGNAL, "time": kernel.BY_TIME, "kill": kernel.BY_KILL}
EXIT_REASONS: dict[float, ExitReason] = {0.0: "signal", **{number: reason for reason, number in EXITS.items()}}


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
    """A position's state after a bar; plain values only. None: there is none. `bars_held`: closes lived through.

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
    exit_reason: ExitReason = "signal"
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
        leaving = 0.0 if self.phase == "open" else EXITS[self.exit_reason]
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
        stop, distance, target, trail = (none_for_nan(x) for x in s[kernel.ORDER_STOP : kernel.STATE])
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
            stop=none_for_nan(s[kernel.STOP]),
            target=none_for_nan(s[kernel.TARGET]),
            trail_distance=none_for_nan(s[kernel.TRAIL]),
            entry_ts_ms=int(s[kernel.ENTRY_TS]),
            entry_price=float(s[kernel.ENTRY_PRICE]),
            bars_held=int(s[kernel.HELD]),
            exit_reason=EXIT_REASONS[s[kernel.EXIT]],
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
            stop=none_for_nan(stop),
            exit_ts_ms=int(exit_ts),
            exit_price=float(exit_price),
            reason=REASONS[int(reason)],
            bars_held=int(held),
        )


FLAT = State()


def _nan(value: float | None) -> float:
    return nan if value is None else value


def none_for_nan(value: float) -> float | None:
    """A kernel's number, None for NaN."""
    return None if isnan(value) else float(value)
