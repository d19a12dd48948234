"""Many parameter sets of a strategy on one series after another: a few compiled calls for all of them.

Signals are asked for set by set, or of all at once where the strategy can give them so (`signals.signals_of_each`); the
folds and their money are one compiled call (`sets_loop`).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import nullcontext
from functools import lru_cache

import numpy as np

from pyjobs.account.single import equity_loop, sets_loop
from pyjobs.account.single.sets_loop import FIGURES, Sets
from pyjobs.market.bars import Bars, FloatArray
from pyjobs.strategy import kernel
from pyjobs.strategy.exits import Guarded
from pyjobs.strategy.lifecycle import FLAT, Rules, Semantics, contiguous, kernel_columns, room
from pyjobs.strategy.signals import Setup, signals_of_each
from pyjobs.strategy.trace import remembering
from utils import native
from utils.native import address

VALUES = 1 << 18  # bars times sets in one call: its signals stay in the processor's cache
NOTHING = np.zeros(1)  # never read


class Stand(threading.local):
    """The state of this thread's `equity_loop.worth`, and its address."""

    def __init__(self) -> None:
        self.state = np.empty(equity_loop.STATE)
        self.at = address(self.state)


stand = Stand()


class ManySets:
    """Strategies, mostly one with many parameter sets, under one semantics: what does not depend on the series."""

    def __init__(self, setups: Sequence[Setup], semantics: Semantics) -> None:
        self.setups, self.semantics = tuple(setups), semantics
        self._bare = tuple(each.setup if isinstance(each, Guarded) else each for each in self.setups)
        self._rules: dict[Rules, FloatArray] = {}  # of all sets, by what is common to their signals

    def figures(self, bars: Bars, start: int, cash: float, fee: float) -> FloatArray:
        """Total return, deepest fall and entries filled of each from bar `start` on. Shape (sets, FIGURES)."""
        out = np.empty((len(self.setups), FIGURES))
        together = max(VALUES // max(len(bars), 1), 1)
        with remembering() if len(self.setups) > 1 else nullcontext():  # what several ask for is computed once
            for at in range(0, len(self.setups), together):
                setups = self.setups[at : at + together]
                wanted = self._at_once(at, setups, bars) or one_by_one(setups, self.semantics, bars)
                run(bars, wanted, start, cash, fee, out[at : at + together])
        return out

    def _at_once(self, at: int, setups: Sequence[Setup], bars: Bars) -> Sets | None:
        """What `setups`, which begin at number `at`, want of `bars`; None where each must be asked."""
        if any(isinstance(each, Guarded) and each.exits.uses_atr for each in setups):
            return None
        signals = signals_of_each(self._bare[at : at + len(setups)], bars)
        if signals is None:
            return None
        entry, leaving, levels = kernel_columns(bars, signals, (len(setups), len(bars)))
        has = sum(1 << bit for bit, column in enumerate(levels) if column is not None)
        common = Rules.of(signals, self.semantics)
        if common not in self._rules:
            guarded = (each.guarded(signals) if isinstance(each, Guarded) else signals for each in self.setups)
            self._rules[common] = np.array([Rules.of(each, self.semantics).vector() for each in guarded])
        columns = [NOTHING if column is None else column for column in levels]
        rules = self._rules[common][at : at + len(setups)]
        return Sets._make((entry, leaving, *columns, np.full(len(setups), has), rules))


def one_by_one(setups: Sequence[Setup], semantics: Semantics, bars: Bars) -> Sets:
    """The signals of each of them on `bars`."""
    wanted, rules = [], []
    for setup in setups:
        signals = setup.signals(bars)
        entry, leaving, levels = kernel_columns(bars, signals, (len(bars),))
        wanted.append((entry, leaving, *levels))
        rules.append(Rules.of(signals, semantics).vector())
    has = [sum(1 << bit for bit, column in enumerate(each[2:]) if column is not None) for each in wanted]
    columns = [_after_each_other(column, len(bars)) for column in zip(*wanted, strict=True)]
    return Sets._make((*columns, np.array(has), np.array(rules)))


def _after_each_other(columns: Sequence[np.ndarray | None], size: int) -> np.ndarray:
    """All in one piece, with room of `size` for each that is not there."""
    if len(columns) == 1:
        return NOTHING if columns[0] is None else columns[0]
    if all(column is None for column in columns):
        return NOTHING
    return np.concatenate([np.zeros(size) if column is None else column for column in columns])


def run(bars: Bars, wanted: Sets, start: int, cash: float, fee: float, figures: FloatArray) -> int:
    """Fill `figures`, a row of FIGURES for each set; returns how many trades of the last one count.

    They and the state after its last bar are then in this thread's `lifecycle.room`.
    """
    room.hold(2 * (len(bars) - start) + 1)
    _, prices_at = contiguous(bars)
    n: int = library().each_alone(
        *(*prices_at, *map(address, wanted), len(figures), start, len(bars), cash, fee),
        *(_flat()[1], room.state_at, room.trades_at, stand.at, address(figures)),
    )
    return n


@lru_cache(maxsize=1)
def _flat() -> tuple[FloatArray, int]:
    vector = np.array(FLAT.vector())
    return vector, address(vector)


@lru_cache(maxsize=1)
def library() -> native.Library:
    """The compiled loops of accounts of one symbol."""
    return native.load("account", (kernel, equity_loop, sets_loop), (sets_loop.each_alone, equity_loop.worth))
