"""One strategy with many parameter sets on many symbols, in pieces, so that memory does not grow.

An indicator of one series and one window is computed once per symbol and piece, however many sets ask for it. A piece
gives the same numbers wherever and in whatever order it runs.
"""

from __future__ import annotations

import itertools
import pickle
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache, partial
from typing import Any

import numpy as np

from pyjobs.account.single.engine import Money, refuse_too_short, run_figures
from pyjobs.account.single.many_sets import ManySets
from pyjobs.market.bars import Bars, FloatArray, IntArray
from pyjobs.market.cache.release import keep_freed, one_at_a_time
from pyjobs.strategy.entry import Entry
from pyjobs.strategy.lifecycle import Semantics
from pyjobs.strategy.registry import entry_of, setup_of
from pyjobs.strategy.signals import Setup
from utils.errors import UsageError
from utils.pieces.work import Engine, Progress, Work, here, silent

Params = dict[str, int | float | str]
# A piece of work, in bars times setups: some 40 ms, in large sweeps up to a second, so that handing out stays small.
PIECE, LARGEST_PIECE, MANY_PIECES = 2_000_000, 50_000_000, 2_000
HELD = 20_000_000  # values of indicators remembered for one symbol in a piece at the very most, 160 MB
LOT_BARS = 100_000  # 5 MB of bars travel together


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sweep:
    """Three tables of shape (parameter sets, symbols): fractions, and entries filled."""

    combos: tuple[Params, ...]
    symbols: tuple[str, ...]
    total_return: FloatArray
    max_drawdown: FloatArray
    n_trades: IntArray


def strategies(name: str, combos: Iterable[Params], *, source: str) -> tuple[list[Params], list[Setup]]:
    """The possible parameter sets, and their strategies; a set whose windows do not ascend is left out.

    Raises ConfigError for anything else that is wrong with a set, UsageError when none is left.
    """
    kept: list[Params] = []
    made: list[Setup] = []
    entry = entry_of(name, source=source, of_desk=False)
    for combo in combos:
        if not _ascends(entry, combo):
            continue
        made.append(setup_of(entry, combo, where=f"{source}: {name}"))
        kept.append(combo)
    if not made:
        raise UsageError(f"{source}: no parameter set of {name} can be: windows must ascend")
    return kept, made


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lot:
    """A few symbols and all that is asked of them: the material of a sweep's work.

    `setups`: as `packed`, once for all lots; thousands of records would take longer to send than to run.
    """

    bars: tuple[Bars, ...]
    setups: bytes
    n_setups: int
    money: Money
    semantics: Semantics
    start_ms: int | None

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the lot for a worker. The bars will be used there, so their pages here can be released."""
        content = {each.name: getattr(self, each.name) for each in fields(self)}
        return partial(Lot, **content | {"bars": tuple(one_at_a_time(self.bars))}), ()

    def figures(self, share: tuple[int, int]) -> FloatArray:
        """(total return, deepest fall, entries) of setups [share) on each symbol: shape (setups, symbols, 3)."""
        keep_freed()
        sets = ManySets(unpacked(self.setups)[slice(*share)], self.semantics)
        found = (run_figures(each, sets, money=self.money, start_ms=self.start_ms) for each in one_at_a_time(self.bars))
        return np.stack(list(found), axis=1)


def sweep(
    series: Mapping[str, Bars],
    combos: Sequence[Params],
    setups: Sequence[Setup],
    *,
    money: Money,
    semantics: Semantics = "own",
    start_ms: int | None = None,
    engine: Engine = here,
    progress: Progress = silent,
) -> Sweep:
    """Every strategy of `setups` (made of `combos`, in that order) on every symbol of `series`."""
    for setup in setups:
        refuse_too_short(series, setup)
    content = packed(setups)
    total = sum(map(len, series.values())) * len(setups)
    piece = min(max(PIECE, total // MANY_PIECES), LARGEST_PIECE)
    lots = [
        Lot(bars=bars, setups=content, n_setups=len(setups), money=money, semantics=semantics, start_ms=start_ms)
        for bars in together(list(series.values()), min(piece // len(setups), LOT_BARS))
    ]
    work = Work(function=Lot.figures, batches=[(lot, shares(lot, piece)) for lot in lots])
    figures = np.concatenate([np.concatenate(parts) for parts in engine(work, progress)], axis=1)
    return Sweep(
        combos=tuple(combos),
        symbols=tuple(series),
        total_return=figures[:, :, 0],
        max_drawdown=figures[:, :, 1],
        n_trades=figures[:, :, 2].astype(np.int64),
    )


def packed(setups: Sequence[Setup]) -> bytes:
    """Small enough to travel with every lot."""
    return zlib.compress(pickle.dumps(tuple(setups)), level=1)


@lru_cache(maxsize=2)
def unpacked(content: bytes) -> tuple[Setup, ...]:
    """What was `packed`; within a process once for all lots of a sweep."""
    found: tuple[Setup, ...] = pickle.loads(zlib.decompress(content))
    return found


def together(series: Sequence[Bars], most: int) -> list[tuple[Bars, ...]]:
    """Neighbours together as long as they have at most so many bars."""
    lots: list[list[Bars]] = []
    for bars in series:
        if lots and sum(map(len, lots[-1])) + len(bars) <= most:
            lots[-1].append(bars)
        else:
            lots.append([bars])
    return [tuple(lot) for lot in lots]


def shares(lot: Lot, piece: int) -> list[tuple[int, int]]:
    """The setups of a lot in pieces of about the same size: [first, end) each."""
    n, lengths = lot.n_setups, [len(bars) for bars in lot.bars]
    pieces = min(n, max(-(-n * sum(lengths) // piece), -(-n * max(lengths) // HELD), 1))
    edges = [n * i // pieces for i in range(pieces + 1)]
    return list(itertools.pairwise(edges))


def _ascends(entry: Entry, combo: Params) -> bool:
    pairs = [(combo.get(a), combo.get(b)) for a, b in entry.ascending]
    return all(a < b for a, b in pairs if isinstance(a, int | float) and isinstance(b, int | float))
