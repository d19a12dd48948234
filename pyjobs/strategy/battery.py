"""What every strategy must be able to do before it may trade, as one function: `failures(setup, bars)`.

It sees no future at any bar (spans of a traced run, for the cost of about one run, and truncations), decides from its
lookback alone wherever the series starts, is silenced by a missing value for its windows and no longer, takes a gap as
the next bar, gives the same bits twice without writing to its input, remembers nothing between calls, and its fold goes
on from any bar through JSON. An error inside it is reported like any other failure, with its line.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from pyjobs.market.bars import COLUMNS, Bars
from pyjobs.strategy import kernel
from pyjobs.strategy.exits import FAILS, Guarded, place_of
from pyjobs.strategy.lifecycle import FLAT, KernelInput, Rules, State, Trade, fold
from pyjobs.strategy.registry import bound, needs
from pyjobs.strategy.signals import ARRAYS, Setup, Signals, malformed, signals_of_each
from pyjobs.strategy.trace import NotTraceable, Traced, remembering

SPOTS = 12
Check = Callable[[Setup, Bars], Iterator[str]]


def failures(setup: Setup, bars: Bars, *, index: Bars | None = None) -> list[str]:
    """What the strategy fails at, in words; empty when it passes. `index`: the series that one like krx_ma200 needs.

    `bars` should have at least three lookbacks and make the strategy enter; being too short is a failure as well.
    """
    if needs(setup):
        if index is None:
            return [f"needs the bars of {needs(setup)}"]
        setup = bound(setup, index)
    if malformed := problems(is_malformed, setup, bars):
        return malformed
    if len(bars) < 3 * setup.lookback:
        return [f"{len(bars)} bars are too few for a verdict: three times its lookback of {setup.lookback} are needed"]
    first = setup.signals(bars)
    checks: tuple[Check, ...] = (
        looks_ahead,
        depends_on_the_start,
        mistakes_a_hole,
        mistakes_a_gap,
        is_not_repeatable,
        differs_among_others,
        cannot_be_resumed,
    )
    found = [what for check in checks for what in problems(check, setup, bars)]
    if name := difference(first, setup.signals(bars)):
        found.append(f"is_not_repeatable: {name} is no longer what it was at first: something is kept between calls")
    return found


def problems(check: Check, setup: Setup, bars: Bars) -> list[str]:
    """The lines of a check."""
    found: list[str] = []
    try:
        found.extend(check(setup, bars))
    except FAILS as error:
        found.append(place_of(error))
    return [f"{check.__name__}: {what}" for what in found]


def is_malformed(setup: Setup, bars: Bars) -> Iterator[str]:
    """Not the requested `Signals`; or never an entry, so that nothing can be checked."""
    if not isinstance(setup.lookback, int) or setup.lookback < 1:
        yield f"its lookback is {setup.lookback!r}, not a whole number of bars"
    signals: Any = setup.signals(bars)
    wrong = list(malformed(signals, len(bars)))
    yield from wrong
    if not wrong and not signals.entry.any():
        yield f"enters at none of {len(bars)} bars"


def looks_ahead(setup: Setup, bars: Bars) -> Iterator[str]:
    """By spans at every bar; where the code cannot be followed, by truncating at every bar; at some bars by both."""
    with remembering():  # what is made of the index alone is the same in every truncation
        try:
            whole, beyond = spans(setup, bars)
            spots = _spots(setup.lookback - 1, len(bars))
        except NotTraceable:
            whole, beyond = setup.signals(bars), []
            spots = range(setup.lookback - 1, len(bars))
        yield from beyond
        yield from _differs_when_truncated(setup, bars, whole, spots)


def _differs_when_truncated(setup: Setup, bars: Bars, whole: Signals, spots: Sequence[int]) -> Iterator[str]:
    for t in spots:
        tail = setup.signals(bars.slice(t + 1 - setup.lookback, t + 1))
        if name := difference(_part(tail, setup.lookback - 1, setup.lookback), _part(whole, t, t + 1)):
            yield (
                f"{name} at bar {t} changes when only its {setup.lookback} lookback bars are given: "
                "it depends on older bars"
            )
            return


def spans(setup: Setup, bars: Bars) -> tuple[Signals, list[str]]:
    """The signals, and which arrays depend on bars after their own or before their lookback. Raises NotTraceable."""
    found: list[str] = []
    traced = Bars(**{name: Traced(getattr(bars, name)) for name in COLUMNS})  # type: ignore[arg-type]  # as an array
    signals = setup.signals(traced)
    plain = {name: getattr(signals, name) for name in ARRAYS}
    for name, array in plain.items():
        if isinstance(array, Traced):
            plain[name] = array.values
            if array.last > 0:
                found.append(f"{name} looks {array.last} bars ahead")
            if array.first <= -setup.lookback:
                found.append(f"{name} looks back on {1 - array.first} bars, and its lookback is {setup.lookback}")
        elif array is not None and not _constant(array):
            raise NotTraceable(f"{name} is a plain array")
    return dataclasses.replace(signals, **plain), found


def depends_on_the_start(setup: Setup, bars: Bars) -> Iterator[str]:
    """Bars from a later start must give equal bits once the lookback is full; before that, no entry."""
    whole, need = setup.signals(bars), setup.lookback
    if whole.entry[: need - 1].any():
        yield f"enters before its {need} bars are full"
    for start in (1, need // 2 + 1, need, len(bars) // 2 - need // 2):
        late = setup.signals(bars.slice(start, len(bars)))
        if name := difference(_part(late, need - 1, len(bars)), _part(whole, start + need - 1, len(bars))):
            yield f"{name} changes when the series starts at bar {start}"
            return


def mistakes_a_hole(setup: Setup, bars: Bars) -> Iterator[str]:
    """A missing high, low and close: no entry there, nothing else before it or once it has left the lookback."""
    at, whole = len(bars) // 2, setup.signals(bars)
    columns = {name: getattr(bars, name).copy() for name in COLUMNS}
    for name in ("high", "low", "close", "volume"):
        columns[name][at] = np.nan
    holed = setup.signals(Bars(**columns))
    if holed.entry[at] or (holed.short_entry is not None and holed.short_entry[at]):
        yield "enters at a bar without prices"
    if earlier := difference(_part(holed, 0, at), _part(whole, 0, at)):
        yield f"{earlier} before a hole changes with it"
    after = at + setup.lookback
    if later := difference(_part(holed, after, len(bars)), _part(whole, after, len(bars))):
        yield f"{later} has not forgotten a hole after {setup.lookback} bars"


def mistakes_a_gap(setup: Setup, bars: Bars) -> Iterator[str]:
    """Bars that are not there: the same before, and the same again a lookback after."""
    at, missing, whole = len(bars) // 2, 7, setup.signals(bars)
    columns = {name: np.delete(getattr(bars, name), slice(at, at + missing)) for name in COLUMNS}
    gapped = setup.signals(Bars(**columns))
    if name := difference(_part(gapped, 0, at), _part(whole, 0, at)):
        yield f"{name} before a gap changes with it"
    after, end = at + setup.lookback, len(bars)
    if later := difference(_part(gapped, after, end - missing), _part(whole, after + missing, end)):
        yield f"{later} has not forgotten a gap after {setup.lookback} bars"


def is_not_repeatable(setup: Setup, bars: Bars) -> Iterator[str]:
    """Twice the same bits, from arrays that cannot be written to."""
    columns = {name: getattr(bars, name).copy() for name in COLUMNS}
    for column in columns.values():
        column.flags.writeable = False
    try:
        first, second = setup.signals(Bars(**columns)), setup.signals(Bars(**columns))
    except ValueError as error:
        yield f"writes to its input: {error}"
        return
    if name := difference(first, second):
        yield f"{name} differs between two runs"


def differs_among_others(setup: Setup, bars: Bars) -> Iterator[str]:
    """What `signals_of_each` gives of it and its like, where it has that, must be what `signals` gives of each."""
    bare: Any = setup.setup if isinstance(setup, Guarded) else setup
    whole, signals = bare.signals(bars), signals_of_each([bare, bare], bars)
    if signals is None:
        return
    if Rules.of(signals) != Rules.of(whole):
        yield f"signals_of_each has {Rules.of(signals)} and signals {Rules.of(whole)}"
    arrays = {name: getattr(signals, name) for name in ARRAYS}
    for row in range(2):
        of_row = {name: array[row] for name, array in arrays.items() if array is not None and array.ndim == 2}
        if name := difference(dataclasses.replace(signals, **of_row), whole):
            yield f"{name} of signals_of_each is not that of signals"
            return


def cannot_be_resumed(setup: Setup, bars: Bars) -> Iterator[str]:
    """The fold in parts, and bar by bar by the uncompiled kernel, with the state as JSON in between."""
    signals = setup.signals(bars)
    rules = Rules.of(signals)
    whole = fold(bars, signals, rules)
    for cut in _spots(1, len(bars)):
        state, first = fold(bars.slice(0, cut), signals.slice(0, cut), rules)
        again = State(**json.loads(json.dumps(dataclasses.asdict(state))))
        state, second = fold(bars.slice(cut, len(bars)), signals.slice(cut, len(bars)), rules, again)
        if (state, first + second) != whole:
            yield f"stopped after bar {cut - 1} and gone on, the trades are others"
            return
    if stepped(bars, signals, rules) != whole:
        yield "bar by bar the trades are others than in one fold"


def stepped(bars: Bars, signals: Signals, rules: Rules) -> tuple[State, list[Trade]]:
    """The fold by the kernel as plain Python, one bar at a time, as the live loop takes it."""
    inputs, trades = KernelInput(bars, signals), []
    s, r = FLAT.vector(), rules.vector()
    for i in range(len(bars)):
        out = [0.0] * (2 * kernel.TRADE)
        ts_ms, high, low = float(inputs.ts_ms[i]), inputs.high[i], inputs.low[i]
        n = kernel.before_close(s, r, ts_ms, inputs.open[i], high, low, out, 0)
        trades += [Trade.of(out[k * kernel.TRADE : (k + 1) * kernel.TRADE]) for k in range(n)]
        entry, leaving = inputs.signals_at(i)
        kernel.at_close(s, r, ts_ms, high, low, entry, leaving, inputs.stop[i], *inputs.distances(i))
        s = State.of(s).vector()
    return State.of(s), trades


def difference(one: Signals, other: Signals) -> str | None:
    """The name of the first array that is not the same to the last bit, or None."""
    for name in ARRAYS:
        a, b = getattr(one, name), getattr(other, name)
        if (a is None) != (b is None) or (a is not None and not np.array_equal(a, b, equal_nan=a.dtype.kind == "f")):
            return name
    return None


def _part(signals: Signals, start: int, stop: int) -> Signals:
    return signals.slice(start, stop)


def _spots(low: int, high: int) -> Sequence[int]:
    """Some bars in [low, high), spread evenly, the last one among them."""
    return sorted({*np.linspace(low, high - 1, SPOTS).astype(int).tolist()})


def _constant(array: np.ndarray) -> bool:
    if not array.size:
        return True
    return bool(np.array_equal(array, np.full_like(array, array.flat[0]), equal_nan=array.dtype.kind == "f"))
