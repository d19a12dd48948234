"""One strategy with many parameter sets on many symbols. Symbols one after the other, so memory does not grow.

An indicator of one series and one window is computed once per symbol, however many sets ask for it. `sweep_symbol` is
the unit of work: the same numbers wherever and in whatever order it runs.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pyjobs.account.engine import Money, refuse_too_short, run_symbol
from pyjobs.market.bars import Bars, FloatArray, IntArray
from pyjobs.strategy.lifecycle import Semantics
from pyjobs.strategy.registry import REGISTRY, make_setup
from pyjobs.strategy.signals import Setup
from pyjobs.strategy.trace import remembering
from utils.errors import UsageError

Params = dict[str, int | float | str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sweep:
    """Three tables of shape (parameter sets, symbols): fractions, and entries filled."""

    combos: tuple[Params, ...]
    symbols: tuple[str, ...]
    total_return: FloatArray
    max_drawdown: FloatArray
    n_trades: IntArray


def grid(axes: Mapping[str, Sequence[int | float | str]]) -> list[Params]:
    """Every combination, the last axis running fastest."""
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def strategies(name: str, combos: Iterable[Params], *, source: str) -> tuple[list[Params], list[Setup]]:
    """The parameter sets that can be, and their strategies; a set whose windows do not ascend is left out.

    Raises ConfigError for anything else that is wrong with a set, UsageError when none is left.
    """
    kept: list[Params] = []
    made: list[Setup] = []
    for combo in combos:
        if name in REGISTRY and not _ascends(name, combo):
            continue
        made.append(make_setup(name, combo, source=source))
        kept.append(combo)
    if not made:
        raise UsageError(f"{source}: no parameter set of {name} can be: windows must ascend")
    return kept, made


def sweep(
    series: Mapping[str, Bars],
    combos: Sequence[Params],
    setups: Sequence[Setup],
    *,
    money: Money,
    semantics: Semantics = "own",
    start_ms: int | None = None,
) -> Sweep:
    """Every strategy of `setups` (made of `combos`, in that order) on every symbol of `series`."""
    for setup in setups:
        refuse_too_short(series, setup)
    columns = [
        sweep_symbol(bars, setups, money=money, semantics=semantics, start_ms=start_ms) for bars in _each(series)
    ]
    figures = np.stack(columns, axis=1)
    return Sweep(
        combos=tuple(combos),
        symbols=tuple(series),
        total_return=figures[:, :, 0],
        max_drawdown=figures[:, :, 1],
        n_trades=figures[:, :, 2].astype(np.int64),
    )


def sweep_symbol(
    bars: Bars, setups: Sequence[Setup], *, money: Money, semantics: Semantics = "own", start_ms: int | None = None
) -> FloatArray:
    """(total return, deepest fall, entries) of each strategy on one symbol: shape (len(setups), 3)."""
    out = np.empty((len(setups), 3))
    with remembering():
        for i, setup in enumerate(setups):
            result = run_symbol("", bars, setup, money=money, semantics=semantics, start_ms=start_ms)
            out[i] = result.total_return, result.max_drawdown, result.n_trades
    return out


def _each(series: Mapping[str, Bars]) -> Iterator[Bars]:
    yield from series.values()


def _ascends(name: str, combo: Params) -> bool:
    pairs = [(combo.get(a), combo.get(b)) for a, b in REGISTRY[name].ascending]
    return all(a < b for a, b in pairs if isinstance(a, int | float) and isinstance(b, int | float))
