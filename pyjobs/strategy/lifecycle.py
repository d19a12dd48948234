"""The life of one position, as a fold over closed bars. Backtest, scan statistics and live all take these steps.

The order of events inside a bar:
  1. `on_open`: a pending exit fills at the open; else an open position whose stop was jumped over leaves at the open
     (`stop_gap`); else a pending entry fills at the open. The stop is live from that moment on.
  2. `on_range`: an open position leaves at its stop once the bar's range touches it (`stop`). Opening exactly at the
     stop is a touch, not a gap.
  3. `on_close`: the signals of this close become pending orders for the next open.
So a pending exit at the open beats a stop later in that bar, a stop can be hit on the entry bar, nothing leaves and
re-enters on one bar (whoever is out by the close may be signalled in again for the next open), and a signal on the last
bar stays pending. An entry that would fill at or beyond its own stop is dropped. Short is the mirror image of long.

The state is small, immutable, printable and free of array positions: stop after any bar, go on later, same result.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pyjobs.market.bars import Bars
from pyjobs.strategy.signals import Side, Signals

Phase = Literal["flat", "entering", "open", "exiting"]
Reason = Literal["signal", "stop", "stop_gap", "time", "open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What does not change during a fold. `stop_loss`: fraction from the fill (0: none). `max_bars`: 0 means never."""

    side: Side = "long"
    stop_loss: float = 0.0
    max_bars: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Where a position stands after a bar. `stop` is None where there is none; `bars_held`: closes lived through."""

    phase: Phase = "flat"
    signal_ts_ms: int = 0
    stop: float | None = None
    entry_ts_ms: int = 0
    entry_price: float = 0.0
    bars_held: int = 0
    exit_reason: Literal["signal", "time"] = "signal"


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


FLAT = State()


def on_open(state: State, rules: Rules, ts_ms: int, price: float) -> tuple[State, Trade | None]:
    """Step 1 at this bar's open `price`; `ts_ms` is the bar's close time, as everywhere."""
    if state.phase == "exiting":
        return FLAT, _trade(state, rules, ts_ms, price, state.exit_reason)
    if state.phase == "open":
        if state.stop is not None and _beyond(rules.side, price, state.stop):
            return FLAT, _trade(state, rules, ts_ms, price, "stop_gap")
        return state, None
    if state.phase == "entering":
        stop = live_stop(rules, price, state.stop)
        if stop is not None and (price == stop or _beyond(rules.side, price, stop)):
            return FLAT, None
        return (
            State(
                phase="open", signal_ts_ms=state.signal_ts_ms, stop=stop, entry_ts_ms=ts_ms, entry_price=float(price)
            ),
            None,
        )
    return state, None


def on_range(state: State, rules: Rules, ts_ms: int, high: float, low: float) -> tuple[State, Trade | None]:
    """Step 2: the bar's range against the stop."""
    if state.phase != "open" or state.stop is None:
        return state, None
    touched = low <= state.stop if rules.side == "long" else high >= state.stop
    return (FLAT, _trade(state, rules, ts_ms, state.stop, "stop")) if touched else (state, None)


def on_close(state: State, rules: Rules, ts_ms: int, *, entry: bool, leave: bool, level: float) -> State:
    """Step 3. `level`: the stop an entry would carry (NaN: none). Entry and exit at one close: no entry."""
    if state.phase == "open":
        held = state.bars_held + 1
        timed_out = 0 < rules.max_bars <= held
        return State(
            phase="exiting" if leave or timed_out else "open",
            signal_ts_ms=state.signal_ts_ms,
            stop=state.stop,
            entry_ts_ms=state.entry_ts_ms,
            entry_price=state.entry_price,
            bars_held=held,
            exit_reason="signal" if leave or not timed_out else "time",
        )
    if state.phase == "flat" and entry and not leave:
        return State(phase="entering", signal_ts_ms=ts_ms, stop=None if math.isnan(level) else level)
    return state


def live_stop(rules: Rules, fill: float, level: float | None) -> float | None:
    """The stop of a position filled at `fill`: its signal's level or the percent stop, the nearer of the two."""
    if not rules.stop_loss:
        return level
    if rules.side == "long":
        percent = fill * (1 - rules.stop_loss)
        return percent if level is None else max(level, percent)
    percent = fill * (1 + rules.stop_loss)
    return percent if level is None else min(level, percent)


def mark(state: State, rules: Rules, ts_ms: int, close: float) -> Trade | None:
    """The position as a trade marked to `close`, reason `open`; None when there is no position."""
    if state.phase in ("open", "exiting"):
        return _trade(state, rules, ts_ms, close, "open")
    return None


def fold(bars: Bars, signals: Signals, rules: Rules, state: State = FLAT) -> tuple[State, list[Trade]]:
    """All trades finished within `bars`, from `state` on, and the state after the last bar.

    Folding two halves one after the other gives the same, bit for bit, as folding the whole.
    """
    tape = Tape.of(bars, signals)
    trades = []
    for i in range(len(bars)):
        if state.phase == "flat" and not tape.entry[i]:
            continue
        state, trade = tape.step(i, state, rules)
        if trade is not None:
            trades.append(trade)
    return state, trades


def follow(tape: Tape, trigger: int, rules: Rules) -> tuple[State, Trade | None]:
    """What came of the entry signalled at bar `trigger`, taken alone: (state at its end, its trade once it is closed).

    With no trade the state tells: `flat` dropped at the open, `entering` no bar yet, else still open at the last bar.
    """
    state = State(phase="entering", signal_ts_ms=tape.ts_ms[trigger], stop=tape.level(trigger))
    for i in range(trigger + 1, len(tape.ts_ms)):
        state, trade = tape.step(i, state, rules, may_enter=False)
        if trade is not None or state.phase == "flat":
            return state, trade
    return state, None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tape:
    """Bars and signals side by side as plain Python numbers, which loops read ten times faster than numpy's."""

    ts_ms: Sequence[int]
    open: Sequence[float]
    high: Sequence[float]
    low: Sequence[float]
    close: Sequence[float]
    entry: Sequence[bool]
    exit: Sequence[bool]
    stop: Sequence[float]

    @classmethod
    def of(cls, bars: Bars, signals: Signals) -> Tape:
        """Both must have one entry per bar."""
        prices = {name: getattr(bars, name).tolist() for name in ("ts_ms", "open", "high", "low", "close")}
        return cls(**prices, entry=signals.entry.tolist(), exit=signals.exit.tolist(), stop=signals.stop.tolist())

    def level(self, i: int) -> float | None:
        """The stop level an entry signalled at bar i carries."""
        return None if math.isnan(self.stop[i]) else self.stop[i]

    def step(self, i: int, state: State, rules: Rules, *, may_enter: bool = True) -> tuple[State, Trade | None]:
        """The three steps of bar i. At most one trade can end in a bar."""
        ts_ms = self.ts_ms[i]
        state, left_at_open = on_open(state, rules, ts_ms, self.open[i])
        state, left_in_range = on_range(state, rules, ts_ms, self.high[i], self.low[i])
        entry = may_enter and self.entry[i]
        state = on_close(state, rules, ts_ms, entry=entry, leave=self.exit[i], level=self.stop[i])
        return state, left_at_open or left_in_range


def _beyond(side: Side, price: float, stop: float) -> bool:
    return price < stop if side == "long" else price > stop


def _trade(state: State, rules: Rules, ts_ms: int, price: float, reason: Reason) -> Trade:
    return Trade(
        side=rules.side,
        signal_ts_ms=state.signal_ts_ms,
        entry_ts_ms=state.entry_ts_ms,
        entry_price=state.entry_price,
        stop=state.stop,
        exit_ts_ms=ts_ms,
        exit_price=float(price),
        reason=reason,
        bars_held=state.bars_held,
    )
