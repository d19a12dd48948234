"""Arrow arrays to numpy and back by their buffers: pyarrow's own ways import pandas (0.25 s, 70 MB) where it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def values_of(part: Any, dtype: npt.DTypeLike) -> Any:
    """An Arrow array of `dtype`'s width and without nulls as numpy; no copy, read-only."""
    if not len(part):
        return np.empty(0, dtype)
    return np.frombuffer(part.buffers()[1], dtype, count=part.offset + len(part))[part.offset :]


def column_of(table: Any, name: str) -> Any:
    """One column of bars of an Arrow table as numpy. Raises ValueError for another type, or when a value is missing."""
    dtype = _dtype(name)
    column = table.column(name)
    if str(column.type) != {"i": "int64", "f": "double"}[dtype.kind] or column.null_count:
        raise ValueError(f"column {name} is {column.type} with {column.null_count} empty cells, not {dtype}")
    parts = [values_of(chunk, dtype) for chunk in column.chunks]
    return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, dtype), *parts])


def _dtype(name: str) -> np.dtype[Any]:
    return np.dtype(np.int64 if name == "ts_ms" else np.float64)
