"""Memory of mapped files, given back: a walk over many series uses `one_at_a_time`.

Mapped memory is the system's page cache, but what a process has touched counts as its own until it is given back. So a
desk of any size, or a series of any length, is worked on in little memory.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np

from pyjobs.market.bars import Bars, IntArray
from pyjobs.market.chained import parts_of

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, KEPT_BYTES = -1, -3, 32 << 20  # numbers of malloc.h
USED_ROWS = 500_000  # 24 MB may have been touched before they are given back: a call for each series would cost more
T = TypeVar("T")


class Mapped(mmap.mmap):
    """A file's memory."""

    def touched(self, rows: int) -> None:
        """Count them, of all files together; when there are many, give all pages back: they come again as they were."""
        _touched.files[id(self)] = self
        _touched.rows += rows
        if _touched.rows > USED_ROWS:
            _give_back()


class _Touched(threading.local):
    """The pages that a thread has touched since it last gave some back."""

    def __init__(self) -> None:
        self.files: dict[int, Mapped] = {}
        self.rows = 0


_touched = _Touched()


def one_at_a_time(
    items: Iterable[T],
    bars_of: Callable[[T], Bars | IntArray | None] = lambda item: item,  # type: ignore[assignment,return-value]  # bars themselves
    *,
    for_good: bool = False,
) -> Iterator[T]:
    """Each of `items`, in their order; when the next one is asked for, the memory of its bars may be used otherwise.

    `bars_of`: the bars of an item, or their times; None for an item whose bars were not touched. `for_good`: give all
    back after the last one, since nothing here will be looked at again soon. No bar changes. No effect on bars held in
    memory, or on systems without madvise.
    """
    for item in items:
        yield item
        bars = bars_of(item)
        for part in parts_of(bars) if isinstance(bars, Bars) else () if bars is None else (bars,):
            memory: Any = part.ts_ms if isinstance(part, Bars) else part
            while isinstance(memory, np.ndarray | memoryview):
                memory = memory.base if isinstance(memory, np.ndarray) else memory.obj
            if isinstance(memory, Mapped):
                memory.touched(len(part))
    if for_good:
        _give_back()


def _give_back() -> None:
    used, _touched.files, _touched.rows = _touched.files, {}, 0
    for memory in used.values():
        with contextlib.suppress(AttributeError, OSError, ValueError):  # a system without it; locked; closed
            memory.madvise(mmap.MADV_DONTNEED)


def give_back_freed() -> None:
    """Give freed memory back to the system, where the C library can do that."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


@lru_cache(maxsize=1)
def keep_freed() -> None:
    """Let this process keep up to 32 MB that it has freed for its next allocations, where the C library can do that.

    For work that takes and frees the same megabyte thousands of times: to have it cleared by the system each time
    costs as much as to compute a crossing of averages (glibc, mallopt(3)).
    """
    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_option is not None:
        for option in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD):
            set_option(option, KEPT_BYTES)
