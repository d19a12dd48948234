"""What a setup finds in a series of bars: at which closes it would enter, leave, and where its stop would lie."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any, Literal, Protocol, get_args

import numpy as np

from pyjobs.market.bars import Bars, FloatArray
from pyjobs.strategy.indicators import BoolArray

Side = Literal["long", "short"]


FLAGS = ("entry", "exit", "short_entry", "short_exit")
ARRAYS = (*FLAGS[:2], "stop", *FLAGS[2:], "stop_distance", "target_distance", "trail_distance")
MUST_BE = ("entry", "exit", "stop")
FRACTIONS = ("stop_loss", "take_profit", "trail")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Signals:
    """Arrays with one entry per bar, each value decided at that bar's close and true of nothing later.

    `entry`: an entry is signalled, on `side`. `exit`: an exit is signalled. `stop`: the stop level (a price) an entry
    signalled at this bar carries; NaN means none. `short_entry` and `short_exit`, when given, are the same for a
    second, short side (`side` is `long` then). Distances are in price, from the fill: of a stop, of a target, of a
    stop that trails the best price. `stop_loss`, `take_profit` and `trail` are the same as fractions of the fill (of
    the best price for `trail`); 0: none. `max_bars`: leave at the first close after this many bars in the trade (0:
    never).
    """

    entry: BoolArray
    exit: BoolArray
    stop: FloatArray
    side: Side = "long"
    max_bars: int = 0
    short_entry: BoolArray | None = None
    short_exit: BoolArray | None = None
    stop_distance: FloatArray | None = None
    target_distance: FloatArray | None = None
    trail_distance: FloatArray | None = None
    stop_loss: float = 0.0
    take_profit: float = 0.0
    trail: float = 0.0

    def slice(self, start: int, stop: int) -> Signals:
        """The signals of bars [start, stop)."""
        values: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        return Signals(**{n: v[start:stop] if hasattr(v, "shape") else v for n, v in values.items()})


def lossless(signals: Any) -> Any:
    """Numbers of another type as `Signals` promises them, where each is the same then; anything else as it is."""
    if not isinstance(signals, Signals):
        return signals
    found: dict[str, Any] = {}
    for name in ARRAYS:
        array, kind = getattr(signals, name), np.dtype(bool if name in FLAGS else float)
        if isinstance(array, np.ndarray) and array.dtype.kind in "iuf" and array.dtype != kind:
            with np.errstate(all="ignore"):  # what overflows is not the same
                new = array.astype(kind)
                same = np.array_equal(new.astype(array.dtype), array, equal_nan=array.dtype.kind == "f")
            found |= {name: new} if same else {}
    return replace(signals, **found) if found else signals


def malformed(signals: object, n: int, sets: int = 0) -> Iterator[str]:
    """What a strategy gave for `n` bars that is not as `Signals` promises; in the order of `ARRAYS`.

    `sets`: of so many setups at once, see `signals_of_each`.
    """
    if not isinstance(signals, Signals):
        yield f"{'signals_of_each' if sets else 'signals'}() gives {type(signals).__name__}, not Signals"
        return
    shape, size, of_each = ((sets, n), f"{sets} x {n}", "setup and bar") if sets else ((n,), f"{n}", "bar")
    for name in ARRAYS:
        array, kind = getattr(signals, name), "bool" if name in FLAGS else "float64"
        if (array is None and name not in MUST_BE) or (sets and array is no_stop_of(n)):
            continue
        if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != kind:
            what = np.asarray(array)
            yield f"{name} must be {size} {kind}, one for each {of_each}, and is {what.dtype} of shape {what.shape}"
    if (signals.short_entry is None) != (signals.short_exit is None):
        yield "short_entry and short_exit go together"
    if signals.side not in get_args(Side):
        yield f"side is {signals.side!r}, neither of {', '.join(get_args(Side))}"
    if not isinstance(signals.max_bars, int | np.integer) or signals.max_bars < 0:
        yield f"max_bars is {signals.max_bars!r}, not a number of bars"
    for name in FRACTIONS:
        value: Any = getattr(signals, name)
        if not isinstance(value, int | float | np.floating) or not 0 <= value < math.inf:
            yield f"{name} is {value!r}, not a fraction of 0 or more"


def one_sided(signals: Signals) -> list[Signals]:
    """Signals for both sides as one for each, with the stop each carries; both sides' entries at one close are none."""
    entry, leave = signals.short_entry, signals.short_exit
    if entry is None or leave is None:
        return [signals]
    long = replace(signals, entry=signals.entry & ~entry, short_entry=None, short_exit=None)
    return [long, replace(long, side="short", entry=entry & ~signals.entry, exit=leave)]


class Setup(Protocol):
    """A frozen parameter record with one causal function. `lookback`: how many bars, ending at t, decide bar t."""

    @property
    def lookback(self) -> int: ...

    def signals(self, bars: Bars) -> Signals: ...

    def why(self, bars: Bars, t: int) -> str: ...


def signals_of_each(setups: Sequence[Setup], bars: Bars) -> Signals | None:
    """The signals of all of `setups` in one: arrays of shape (setups, bars), the rest common to all. None: ask each.

    A strategy with a class method of this name answers for all setups of its type at once: a sweep then spends no time
    on each. It may return None for setups that differ in what is common.
    """
    kind: Any = type(setups[0])
    if not hasattr(kind, "signals_of_each") or any(type(each) is not kind for each in setups):
        return None
    found: Signals | None = kind.signals_of_each(setups, bars)
    return found


def no_stop(bars: Bars) -> FloatArray:
    """The stop array of a setup that has no stop of its own."""
    return no_stop_of(len(bars))


def no_stop_of(n: int) -> FloatArray:
    """`no_stop` of n bars: known by its identity, so that a thread keeps its own, whatever the others ask for."""
    return _kept.no_stop(n)


def _no_stop(n: int) -> FloatArray:
    none = np.full(n, np.nan)
    none.flags.writeable = False
    return none


class _Kept(threading.local):
    """What a thread was given last."""

    def __init__(self) -> None:
        self.no_stop = lru_cache(maxsize=4)(_no_stop)


_kept = _Kept()
