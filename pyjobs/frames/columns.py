"""Columns as frames: bars with a UTC index, tables with their types. pandas is imported when the first one is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pyjobs.market.bars import Bars, IntArray

if TYPE_CHECKING:
    import pandas as pd

PRICES = ("open", "high", "low", "close", "volume")


def utc_index(ts_ms: IntArray, name: str = "time") -> pd.DatetimeIndex:
    """Milliseconds since 1970 as a UTC index to the millisecond."""
    import pandas as pd

    return pd.DatetimeIndex(np.asarray(ts_ms).astype("datetime64[ms]"), name=name).tz_localize("UTC")


def frame_of(bars: Bars) -> pd.DataFrame:
    """Bars with float64 columns open, high, low, close, volume and, as index `time`, each bar's close (UTC). A copy."""
    import pandas as pd

    return pd.DataFrame({name: np.array(getattr(bars, name)) for name in PRICES}, index=utc_index(bars.ts_ms))


def typed(rows: Iterable[Mapping[str, Any]], types: Mapping[str, str]) -> pd.DataFrame:
    """A table with exactly the columns of `types`, in that order; also without any row.

    `utc`: milliseconds to UTC times. `date`: YYYY-MM-DD to times at midnight without a zone. Other types are pandas'
    own. Missing and empty values are NaN, NaT or NA.
    """
    import pandas as pd

    rows = list(rows)
    columns = {}
    for name, kind in types.items():
        values = [None if (value := row.get(name)) == "" else value for row in rows]
        if kind == "utc":
            stamps = pd.array([None if value is None else int(value) for value in values], dtype="Int64")
            columns[name] = pd.to_datetime(pd.Series(stamps), unit="ms", utc=True).dt.as_unit("ms")
        elif kind == "date":
            columns[name] = pd.to_datetime(pd.Series(values, dtype="object"), format="%Y-%m-%d").dt.as_unit("s")
        elif kind == "Int64":
            columns[name] = pd.Series([None if value is None else int(float(value)) for value in values], dtype="Int64")
        elif kind == "float64":
            columns[name] = pd.Series([np.nan if value is None else float(value) for value in values], dtype="float64")
        else:
            columns[name] = pd.Series([pd.NA if v is None else str(v) for v in values], dtype=kind)
    return pd.DataFrame(columns, columns=list(types))
