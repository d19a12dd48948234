"""The decision core's loops as machine code; see utils/native."""

from __future__ import annotations

from functools import lru_cache

from pyjobs.strategy import exact_sums, kernel, windows
from utils import native

EXPORTS = (
    *(kernel.fold, kernel.follow),
    *(windows.decimal_sums, windows.mean_decimals, windows.running_sums, windows.mean_floats, exact_sums.round_exactly),
    *(windows.recursive_mean, windows.changes, windows.cross, windows.crosses, windows.shares),
)


@lru_cache(maxsize=1)
def library() -> native.Library:
    """The functions of EXPORTS, by name."""
    return native.load("strategy", (kernel, windows, exact_sums), EXPORTS)
