"""Bars that lie in several places, one after the other: a column is put together when it is asked for."""

from __future__ import annotations

import weakref
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

import numpy as np

from pyjobs.market.bars import COLUMNS, Bars, FloatArray, IntArray


class Chained(Bars):
    """`parts`, each later than the one before it, as one series.

    A part of it (`slice`, `until`) touches no other part. A requested column is a copy that lives as long as its user:
    a desk of thousands of series is never in memory as a whole.
    """

    __slots__ = ("_begins", "_columns", "parts")
    parts: tuple[Bars, ...]
    _begins: tuple[int, ...]
    _columns: dict[str, weakref.ref[Any]]

    def __init__(self, parts: Sequence[Bars]) -> None:
        begins = [0]
        for part in parts:
            begins.append(begins[-1] + len(part))
        for name, value in (("parts", tuple(parts)), ("_begins", tuple(begins)), ("_columns", {})):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return self._begins[-1]

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the parts, for a worker of a cluster: its columns are no fields that could be set there."""
        return Chained, (self.parts,)

    @property
    def last_ms(self) -> int:
        """As in Bars; touches the last part only."""
        return int(self.parts[-1].ts_ms[-1])

    def slice(self, start: int, stop: int) -> Bars:
        """Bars [start, stop); as views where they lie in one part."""
        first, last = self._part(start), self._part(max(start, stop - 1))
        begin = self._begins[first]
        if first == last:
            return self.parts[first].slice(start - begin, stop - begin)
        middle = self.parts[first + 1 : last]
        head = self.parts[first].slice(start - begin, len(self.parts[first]))
        return Chained((head, *middle, self.parts[last].slice(0, stop - self._begins[last])))

    def until(self, ts_ms: int) -> Bars:
        """The bars that had closed at `ts_ms` (inclusive)."""
        if self.last_ms <= ts_ms:
            return self
        for number in range(len(self.parts) - 1, -1, -1):
            part = self.parts[number]
            if len(part) and part.ts_ms[0] <= ts_ms:
                stop = self._begins[number] + int(np.searchsorted(part.ts_ms, ts_ms, side="right"))
                return self.slice(0, stop)
        return self.slice(0, 0)

    def together(self) -> Bars:
        """As in Bars."""
        return Bars(**{name: self._column(name) for name in COLUMNS})

    @property
    def ts_ms(self) -> IntArray:
        """As in Bars."""
        column: IntArray = self._column("ts_ms")
        return column

    @property
    def open(self) -> FloatArray:
        """As in Bars."""
        column: FloatArray = self._column("open")
        return column

    @property
    def high(self) -> FloatArray:
        """As in Bars."""
        column: FloatArray = self._column("high")
        return column

    @property
    def low(self) -> FloatArray:
        """As in Bars."""
        column: FloatArray = self._column("low")
        return column

    @property
    def close(self) -> FloatArray:
        """As in Bars."""
        column: FloatArray = self._column("close")
        return column

    @property
    def volume(self) -> FloatArray:
        """As in Bars."""
        column: FloatArray = self._column("volume")
        return column

    def _column(self, name: str) -> Any:
        held = self._columns.get(name)
        column = held() if held is not None else None
        if column is None:
            column = np.concatenate([getattr(part, name) for part in self.parts])
            column.flags.writeable = False  # as those of a part are: another caller may get the same one
            self._columns[name] = weakref.ref(column)
        return column

    def _part(self, place: int) -> int:
        return min(max(bisect_right(self._begins, place) - 1, 0), len(self.parts) - 1)


def parts_of(bars: Bars) -> tuple[Bars, ...]:
    """The parts, each in one place, one after the other."""
    return bars.parts if isinstance(bars, Chained) else (bars,)


def chained(parts: Sequence[Bars]) -> Bars:
    """The parts as one series; those without bars left out. There is at least one part."""
    some = [part for part in parts if len(part)]
    return Chained(some) if len(some) > 1 else (some or list(parts[:1]))[0]
