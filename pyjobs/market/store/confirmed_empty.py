"""The times of bars a provider confirmed it does not have: arrays of ts_ms, and their short text in a file's footer."""

from __future__ import annotations

import numpy as np

from pyjobs.market.bars import IntArray

NO_TIMES: IntArray = np.empty(0, np.int64)


def to_text(times: IntArray, step_ms: int) -> str:
    """Increasing times as runs: `1700000060000x3` is that time and the two that follow, `step_ms` apart."""
    if not times.size:
        return ""
    heads = np.flatnonzero(np.append(True, np.diff(times) != step_ms))
    lengths = np.diff(np.append(heads, times.size))
    runs = zip(times[heads].tolist(), lengths.tolist(), strict=True)
    return ",".join(f"{first}x{length}" for first, length in runs)


def from_text(text: str, step_ms: int) -> IntArray:
    """What `to_text` wrote. Raises ValueError for anything else."""
    if not text:
        return NO_TIMES
    runs = [run.split("x") for run in text.split(",")]
    first, length = np.array([[int(begin), int(count)] for begin, count in runs], np.int64).T
    within_run = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    return np.asarray(np.repeat(first, length) + step_ms * within_run, np.int64)


def without(times: IntArray, taken: IntArray) -> IntArray:
    """The members of `times` that are not among `taken`; both increasing."""
    if not times.size or not taken.size:
        return times
    at = np.minimum(np.searchsorted(taken, times), taken.size - 1)
    return np.asarray(times[taken[at] != times], np.int64)


def within(times: IntArray, first_ms: int, last_ms: int) -> IntArray:
    """The members of `times` from `first_ms` to `last_ms`, both included."""
    return times[np.searchsorted(times, first_ms) : np.searchsorted(times, last_ms, side="right")]
