"""A sweep as it is asked for on a command line, and its result as tables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pyjobs.account.single import sweep as sweeps
from pyjobs.account.single.bt_files import PER_SYMBOL, cell, write_lines
from pyjobs.account.single.bt_request import Request, material_of, parameter, warn_of_look_ahead
from pyjobs.account.single.sweep import Sweep
from pyjobs.account.sweep_axes import axes_of, grid
from pyjobs.market.bars import FloatArray
from pyjobs.strategy.registry import needs
from utils.errors import ConfigError, UsageError
from utils.files.text_files import write_csv
from utils.pieces.work import Engine, Progress, here, silent

FIGURES = ("mean_return", "median_return", "winners", "deepest_drawdown", "n_trades")


def sweep_of(
    request: Request, texts: Sequence[str], engine: Engine = here, progress: Progress = silent
) -> Sweep | None:
    """Every combination of the axes in `texts` with the fixed parameters; None, reason printed, without the index."""
    fixed = dict(map(parameter, request.params))
    asked = grid({**{key: [value] for key, value in fixed.items()}, **axes_of(texts, params=request.params)})
    try:
        combos, setups = sweeps.strategies(request.strategy, asked, source="--strategy, --param, --sweep")
    except ConfigError as error:
        raise UsageError(str(error)) from None
    if len(combos) < len(asked):
        print(f"{len(asked) - len(combos)} of {len(asked)} parameter sets left out: their windows do not ascend")
    material = material_of(request, needs(setups[0]))
    if material is None:
        return None
    warn_of_look_ahead(request, material.with_index(setups[0]), material)
    return sweeps.sweep(
        material.series,
        combos,
        [material.with_index(setup) for setup in setups],
        money=material.money,
        semantics=request.semantics,
        start_ms=material.start_ms,
        engine=engine,
        progress=progress,
    )


def write_sets(path: Path, result: Sweep) -> None:
    """One line per parameter set: its parameters, then FIGURES over all symbols (fractions; n_trades is a sum)."""
    names = _names(result)
    rows = ([*(combo.get(name) for name in names), *figures(result, i)] for i, combo in enumerate(result.combos))
    write_csv(path, [*names, *FIGURES], rows)


def write_per_symbol(path: Path, result: Sweep) -> None:
    """One line per parameter set and symbol."""
    names = _names(result)
    write_lines(path, ",".join([*names, PER_SYMBOL]), _lines(result, names))


def figures(result: Sweep, i: int) -> list[float | int]:
    """FIGURES of parameter set i."""
    gains = result.total_return[i]
    mean, median = _mean(gains), float(np.median(gains))
    return [mean, median, int((gains > 0).sum()), float(result.max_drawdown[i].min()), int(result.n_trades[i].sum())]


def print_best(result: Sweep) -> None:
    """The best set by mean return, and the number tried, because the best of many is partly luck."""
    means = [_mean(gains) for gains in result.total_return]
    best = int(np.argmax(means))
    text = ", ".join(f"{key}={value}" for key, value in result.combos[best].items())
    print(f"{len(result.combos)} parameter sets on {len(result.symbols)} symbols; mean return {np.mean(means):+.2%}")
    print(f"best of {len(means)}: {text}: mean return {means[best]:+.2%}")


def _mean(gains: FloatArray) -> float:
    return math.fsum(gains.tolist()) / gains.size


def _lines(result: Sweep, names: Sequence[str]) -> Iterator[str]:
    symbols = [cell(symbol) for symbol in result.symbols]
    for i, combo in enumerate(result.combos):
        head = "".join(f"{cell(str(combo.get(name, '')))}," for name in names)
        columns = (result.total_return[i].tolist(), result.max_drawdown[i].tolist(), result.n_trades[i].tolist())
        for symbol, gain, fall, n in zip(symbols, *columns, strict=True):
            yield f"{head}{symbol},{gain!r},{fall!r},{n}\n"


def _names(result: Sweep) -> list[str]:
    return list(dict.fromkeys(name for combo in result.combos for name in combo))
