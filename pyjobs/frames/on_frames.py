"""A strategy written on a DataFrame, as one like any other: `ENTRY = frames.strategy(signals, lookback=200)`.

pandas' means depend on where an array starts (`rolling` and `ewm` carry sums along), so what a bar is decided by must
not be where the caller's bars happen to begin. The bars are cut at starts fixed by the calendar: blocks of `block`
steps of the bars, counted from 1970. A block's frame begins `lookback - 1` bars before its first bar and ends with its
last, whatever the length of the series. A block whose frame would begin before the bars do decides nothing.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from pyjobs.frames import answers
from pyjobs.frames.columns import frame_of
from pyjobs.market.bars import TIMEFRAME_MS, Bars, IntArray
from pyjobs.strategy.entry import Entry, plain
from pyjobs.strategy.exits import NAMES as EXITS
from pyjobs.strategy.signals import Signals
from utils.errors import BadDataError, ConfigError

if TYPE_CHECKING:
    import pandas as pd

BLOCK = 64
TOLD = 3  # numbers of the strategy's own in a reason
Lookback = int | Callable[..., int]
Function = Callable[..., "pd.DataFrame"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Terms:
    """The part that is the same for every set of parameters."""

    function: Function
    lookback: Lookback
    block: int
    file: str


def strategy(
    function: Function,
    *,
    lookback: Lookback,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    ascending: Sequence[tuple[str, str]] = (),
    short: bool = False,
    block: int = BLOCK,
    volume: bool | None = None,
) -> Entry:
    """The ENTRY of a strategy whose `function(df, **parameters)` gives a DataFrame with a row for each row of `df`.

    `df`: columns open, high, low, close, volume (float64), its index the bars' closes (UTC); splits and dividends
    worked in. The result has `entry` and `exit` (bools; missing is False), may have `stop` (a price), `stop_distance`,
    `target_distance`, `trail_distance`, with `short=True` also `short_entry` and `short_exit`; other columns are
    printed as the reason of a signal. Parameters are those of `function` after the first, with their defaults: whole
    numbers, floats or texts. `lookback`: so many bars, ending at a bar, decide it; a number, or a function of
    parameters by name. `volume`: whether it reads volume, and so refuses series without; None: whether its file names
    the column.
    `ranges`: inclusive, where a parameter must lie. `ascending`: pairs of which the first must be less.

    Raises ConfigError for what cannot be.
    """
    name = function.__module__.rpartition(".")[2]
    file = f"{name}.py"
    defaults = _defaults(function, file)
    if block < 1:
        raise ConfigError(f"{file}: block {block} is not a number of bars")
    unknown = [each for each in [*(ranges or {}), *(x for pair in ascending for x in pair)] if each not in defaults]
    if unknown:
        raise ConfigError(
            f"{file}: ranges and ascending name {', '.join(unknown)}; signals takes {', '.join(defaults)}"
        )
    whole = {each for each, value in defaults.items() if isinstance(value, int)}
    texts = tuple(each for each, value in defaults.items() if isinstance(value, str))
    limits = {each: (ranges or {}).get(each, (-math.inf, math.inf)) for each in defaults if each not in texts}
    return Entry(
        make=_record(defaults, Terms(function=function, lookback=lookback, block=block, file=file)),
        ranges={each: limit for each, limit in limits.items() if each in whole},
        floats={each: limit for each, limit in limits.items() if each not in whole},
        names=texts,
        ascending=tuple(ascending),
        sides=("long", "both") if short else ("long",),
        volume=volume,
    )


@dataclass(frozen=True, kw_only=True)
class OnFrames:
    """The base of such a strategy's record; its parameters are fields that `strategy` adds."""

    terms: ClassVar[Terms]
    side: str = "long"

    @property
    def need(self) -> int:
        """How many bars, ending at one, decide it by the strategy's own account; two at least. Raises ConfigError."""
        asked, terms = self.terms.lookback, self.terms
        if callable(asked):
            wanted = inspect.signature(asked).parameters
            asked = asked(**{name: getattr(self, name) for name in wanted})
        if isinstance(asked, bool) or not isinstance(asked, int | np.integer) or asked < 1:
            raise ConfigError(f"{terms.file}: lookback is {asked!r}, not a whole number of bars")
        return max(int(asked), 2)

    @property
    def lookback(self) -> int:
        """`need`, and what of a block may lie before a bar."""
        return self.need + self.terms.block - 1

    def signals(self, bars: Bars) -> Signals:
        """The strategy's answers, block by block; see the module. Raises ConfigError naming its line."""
        ts_ms, found = np.asarray(bars.ts_ms), answers.nothing(len(bars), short=self.side == "both")
        for first, start, stop in windows(ts_ms, self.need, self.terms.block):
            asked = frame_of(bars.slice(first, stop))
            index = asked.index
            answer = answers.taken(self._asked(asked), index, self.terms.file, found)
            for name, values in answer.items():
                found[name][start:stop] = values[start - first :]
        answers.silence(found, self.lookback - 1, np.isfinite(bars.close))
        return answers.as_signals(found)

    def why(self, bars: Bars, t: int) -> str:
        """The strategy's own columns at bar t, for a person."""
        for first, start, stop in windows(np.asarray(bars.ts_ms[: t + 1]), self.need, self.terms.block):
            if start <= t < stop:
                row = self._asked(frame_of(bars.slice(first, t + 1))).iloc[-1]
                own = answers.numbers_of(row)
                return ", ".join(f"{name} {plain(value)}" for name, value in own[:TOLD]) or "its own rule"
        return "its own rule"

    def _asked(self, frame: pd.DataFrame) -> pd.DataFrame:
        parameters = {each.name: getattr(self, each.name) for each in dataclasses.fields(self) if each.name != "side"}
        try:
            return self.terms.function(frame, **parameters)
        except Exception as error:
            raise ConfigError(f"{self.terms.file}: {_line_in(error, self.terms.function)}") from error


def windows(ts_ms: IntArray, need: int, block: int) -> Iterator[tuple[int, int, int]]:
    """(first bar of its frame, first bar, bar after its last) of each block that has `need - 1` bars before it.

    Raises BadDataError where a block has more bars than steps: they are not evenly apart.
    """
    if len(ts_ms) <= need:
        return
    number = (ts_ms - 1) // (block * step_ms(ts_ms))
    starts = np.flatnonzero(number[1:] != number[:-1]) + 1
    for start, stop in zip(starts.tolist(), [*starts[1:].tolist(), len(ts_ms)], strict=True):
        if stop - start > block:
            raise BadDataError(f"{stop - start} bars in the time of {block}: a strategy on frames needs even steps")
        if start >= need - 1:
            yield start - need + 1, start, stop


def step_ms(ts_ms: IntArray) -> int:
    """How long a bar lasts, of the timeframes there are: the nearest to the step that a tenth are shorter than.

    So neither missing bars, nor nights, nor a change of clocks, nor a stray bar make it another.
    """
    steps = np.diff(ts_ms)
    step = int(np.partition(steps, len(steps) // 10)[len(steps) // 10])
    return min(TIMEFRAME_MS.values(), key=lambda each: abs(math.log(each / step)))


def _record(defaults: Mapping[str, int | float | str], terms: Terms) -> type[OnFrames]:
    """The type of its records. It is found as `<its module>.ENTRY.make` by whatever pickles one."""
    fields = [(name, type(value), dataclasses.field(default=value)) for name, value in defaults.items()]
    made = dataclasses.make_dataclass(
        terms.function.__name__, fields, bases=(OnFrames,), namespace={"terms": terms}, frozen=True, kw_only=True
    )
    made.__module__, made.__qualname__ = terms.function.__module__, "ENTRY.make"
    return made


def _defaults(function: Function, file: str) -> dict[str, int | float | str]:
    frame, *others = inspect.signature(function).parameters.values()
    found: dict[str, int | float | str] = {}
    for each in others:
        if isinstance(each.default, bool) or not isinstance(each.default, int | float | str):
            raise ConfigError(f"{file}: parameter {each.name} of signals needs a number or a text as its default")
        if each.name in (*EXITS, "side", "terms", "need", "lookback", "signals", "why"):
            raise ConfigError(
                f"{file}: parameter {each.name} of signals has a name that means something else: rename it"
            )
        found[each.name] = each.default
    if frame.default is not inspect.Parameter.empty:
        raise ConfigError(f"{file}: the first parameter of signals is the frame, and has no default")
    return found


def _line_in(error: Exception, function: Function) -> str:
    """The error, with the line of the strategy's own file it came from."""
    here = inspect.getsourcefile(function)
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == here]
    at = f"line {lines[-1]}: " if lines else ""
    return f"{at}{type(error).__name__}: {error}"
