"""A setup's signals on one side of a series, kept small: a desk has seven of these for each of thousands."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pyjobs.market.bars import FloatArray
from pyjobs.strategy import kernel
from pyjobs.strategy.lifecycle import Rules
from pyjobs.strategy.signals import Side, Signals, no_stop_of

KINDS = (kernel.HAS_STOP, kernel.HAS_DISTANCE, kernel.HAS_TARGET, kernel.HAS_TRAIL)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PackedSignals:
    """Signals of `size` bars without what is never read: 1 bit a bar, and 4 bytes and its levels an entry.

    `entries`: the numbers of the bars at whose close an entry is signalled and no exit, increasing (int32). `levels`:
    what each carries (stop, distances of stop, target and trailing stop; NaN: none), a column for each bit of `has`
    (kernel.HAS_STOP ...), in their order. `leaving`: a bit per bar, the first in the lowest: an exit is signalled.
    """

    size: int
    entries: npt.NDArray[np.int32]
    levels: FloatArray
    has: int
    leaving: npt.NDArray[np.uint8]
    rules: Rules

    @classmethod
    def of(cls, signals: Signals) -> PackedSignals:
        """The packed form of signals for one side. Raises ValueError when their columns differ in length."""
        entry, leave = signals.entry, signals.exit
        size = entry.size
        stop = None if signals.stop is no_stop_of(size) else signals.stop
        columns = (stop, signals.stop_distance, signals.target_distance, signals.trail_distance)
        if any(each is not None and each.size != size for each in (leave, *columns)):
            raise ValueError(f"signals must have one entry per bar, {size} in all")
        entries = (entry > leave).nonzero()[0]  # in, and not out
        given, has = [], 0
        for bit, each in zip(KINDS, columns, strict=True):
            if each is not None and ((carried := each[entries]) == carried).any():
                given.append(carried)
                has |= bit
        levels = np.empty((entries.size, len(given)))
        for number, carried in enumerate(given):
            levels[:, number] = carried
        return cls(
            size=size,
            entries=entries.astype(np.int32),
            levels=levels,
            has=has,
            leaving=np.packbits(leave, bitorder="little"),
            rules=_rules(signals.side, signals.stop_loss, signals.take_profit, signals.trail, signals.max_bars),
        )

    def entries_from(self, first: int) -> tuple[npt.NDArray[np.int32], FloatArray]:
        """`entries` at bars from `first` on, and their `levels`."""
        if not self.entries.size or self.entries[0] >= first:
            return self.entries, self.levels
        at = int(np.searchsorted(self.entries, first))
        return self.entries[at:], self.levels[at:]

    def slice(self, start: int, stop: int) -> PackedSignals:
        """The signals at bars [start, stop)."""
        stop = min(stop, self.size)
        first, last = np.searchsorted(self.entries, (start, stop)).tolist()
        leaving = np.unpackbits(self.leaving, bitorder="little")[start:stop]
        return PackedSignals(
            size=stop - start,
            entries=self.entries[first:last] - np.int32(start),
            levels=self.levels[first:last],
            has=self.has,
            leaving=np.packbits(leaving, bitorder="little"),
            rules=self.rules,
        )


@lru_cache(maxsize=64)
def _rules(side: Side, stop_loss: float, take_profit: float, trail: float, max_bars: int) -> Rules:
    """One record for all sleeves that are alike."""
    return Rules(side=side, stop_loss=stop_loss, take_profit=take_profit, trail=trail, max_bars=max_bars)
