"""The decision core's loops as machine code; see utils/native.py."""

from __future__ import annotations

from functools import lru_cache

from pyjobs.strategy import exact_sums, kernel, windows
from utils import native

# int64 ts_ms, four prices, entry and leaving (int8), four optional columns, has, start, end, state, rules, out.
EXPORTS = {
    "fold": "iIFFFBBFFFFiiiFFF",
    "follow": "iIFFFFBBFFFFiIiidFFFF",
    "decimal_sums": "iFiIIF",
    "mean_decimals": "iIIiidF",
    "running_sums": "dFiFFFF",
    "mean_floats": "iiidFBFFF",
    "settle": "iiiFFBF",
    "recursive_mean": "iFiidF",
    "spread": "iFiiFF",
    "changes": "iFFiF",
    "cross": "iFFiB",
    "shares": "iFFiF",
}


@lru_cache(maxsize=1)
def library() -> native.Library:
    """The functions of EXPORTS, by name."""
    return native.load("strategy", (kernel, windows, exact_sums), EXPORTS)
