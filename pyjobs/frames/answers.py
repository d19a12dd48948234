"""What a strategy on a frame answers: its columns, checked, as the arrays that signals are made of."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pyjobs.frames.columns import PRICES
from pyjobs.strategy.signals import Signals
from utils.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

Arrays = dict[str, Any]
FLAGS, SHORT = ("entry", "exit"), ("short_entry", "short_exit")
DISTANCES = ("stop_distance", "target_distance", "trail_distance")
NUMBERS = ("stop", *DISTANCES)
KNOWN = (*FLAGS, *SHORT, *NUMBERS)
NEAR = 0.75  # of a name that must be a slip of the pen


def nothing(n: int, *, short: bool) -> Arrays:
    """No signal at any of `n` bars."""
    flags = {name: np.zeros(n, dtype=np.bool_) for name in (*FLAGS, *(SHORT if short else ()))}
    return {**flags, **{name: np.full(n, np.nan) for name in NUMBERS}}


def taken(answer: pd.DataFrame, index: pd.DatetimeIndex, file: str, wanted: Arrays) -> Arrays:
    """The columns of `answer` that `wanted` has, as arrays with a value for each bar of `index`.

    Raises ConfigError naming the file and column.
    """
    import pandas as pd

    if not isinstance(answer, pd.DataFrame):
        raise ConfigError(f"{file}: signals gives {type(answer).__name__}, not a DataFrame with entry and exit")
    if len(answer) != len(index):
        raise ConfigError(
            f"{file}: signals gives {len(answer)} rows for {len(index)} bars; keep one for each (no dropna)"
        )
    _in_step(answer.index, index, file)
    columns = [str(name) for name in answer.columns]
    if twice := [name for name in columns if columns.count(name) > 1]:
        raise ConfigError(f"{file}: the frame that signals gives has two columns {twice[0]!r}")
    lacking = [name for name in wanted if name in (*FLAGS, *SHORT) and name not in columns]
    if lacking:
        raise ConfigError(f"{file}: the frame that signals gives has no column {', '.join(lacking)}")
    for name in columns:
        near = difflib.get_close_matches(name, KNOWN, 1, NEAR) if name not in (*KNOWN, *PRICES) else []
        if near:
            raise ConfigError(f"{file}: unknown column {name!r}; did you mean {near[0]!r}? Else rename it")
    found = {}
    for name in wanted:
        if name in columns:
            make = _numbers if name in NUMBERS else _flags
            found[name] = make(answer[name], f"{file}: column {name!r}")
    return found


def _in_step(found: pd.Index, index: pd.DatetimeIndex, file: str) -> None:
    """Raise ConfigError unless the rows are those of `index` in its order; a frame may also be merely numbered."""
    import pandas as pd

    if isinstance(found, pd.DatetimeIndex) and found.tz is None:
        found = found.tz_localize("UTC")
    numbered = not isinstance(found, pd.DatetimeIndex) and bool((found == np.arange(len(index))).all())
    if numbered or found.equals(index):
        return
    at = int(np.argmax(np.asarray(found != index)))
    raise ConfigError(
        f"{file}: row {at} that signals gives is of {found[at]}, the bar of {index[at]}: "
        "give the rows in the frame's order, with its index"
    )


def silence(found: Arrays, before: int, priced: Any) -> None:
    """No signal at the bars before number `before`; no entry where there is no price."""
    for name, values in found.items():
        values[:before] = np.nan if name in NUMBERS else False
        if name in ("entry", "short_entry"):
            values &= priced


def as_signals(found: Arrays) -> Signals:
    """The arrays as signals; distances that are never given are left out."""
    distances = {name: found[name] for name in DISTANCES if not np.isnan(found[name]).all()}
    return Signals(
        entry=found["entry"],
        exit=found["exit"],
        stop=found["stop"],
        short_entry=found.get("short_entry"),
        short_exit=found.get("short_exit"),
        **distances,
    )


def numbers_of(row: Mapping[str, Any]) -> list[tuple[str, float]]:
    """The finite numbers of a row of the answer that are neither prices nor signals, in its order."""
    own = [(str(name), value) for name, value in row.items() if str(name) not in (*KNOWN, *PRICES)]
    numbers = [(name, float(value)) for name, value in own if isinstance(value, int | float | np.number)]
    return [(name, value) for name, value in numbers if np.isfinite(value)]


def _flags(series: pd.Series, where: str) -> Any:
    """Bools, also as pandas has them after a shift: objects, nullable, 0 and 1; what is missing is False."""
    import pandas as pd

    if series.dtype == bool:
        return series.to_numpy()
    kept = series[pd.notna(series)]
    odd = [
        value for value in kept.unique().tolist() if not isinstance(value, bool | int | float) or value not in (0, 1)
    ]
    if odd:
        raise ConfigError(f"{where} is to be True or False, and has {odd[0]!r}")
    found = np.zeros(len(series), dtype=np.bool_)
    found[pd.notna(series).to_numpy()] = kept.astype(bool).to_numpy()
    return found


def _numbers(series: pd.Series, where: str) -> Any:
    import pandas as pd

    try:
        found = pd.to_numeric(series).to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where} is to be a number or missing: {error}") from None
    if np.isinf(found).any():
        raise ConfigError(f"{where} is infinite somewhere")
    return found
