"""Anyone's bars in one Parquet file: `[symbol,] ts_ms, open, high, low, close, volume`, read into checked series."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pyjobs.market import column_cache
from pyjobs.market.bar_columns import BATCH_ROWS, BarColumns
from pyjobs.market.bars import TIMEFRAME_MS, IntArray, first_problem
from pyjobs.market.column_file import Series, Stream, done_with
from utils import paths
from utils.errors import BadDataError, MissingInputError

EARLIEST_MS, LATEST_MS = 10**11, 10**14  # 1973 and 5138: seconds and microseconds lie outside
DAY_MS = TIMEFRAME_MS["1d"]
SHORTEST_DAY_MS = DAY_MS // 2  # a half day after a full one, or a change of clocks
RUN_OF_OTHER_BARS = 10  # as many equal steps in a row are no gaps but another timeframe


def read_bar_file(path: Path, *, cache: bool = True) -> Series:
    """Series by symbol, sorted by name. With `cache`, a second read maps the columns without opening the Parquet file.

    The file goes through memory in pieces into columns that are mapped: those of the cache; without it, or where it
    cannot be written, those of a nameless temporary file when the bars are many (`Stream.spilled`). Only where a
    symbol's rows do not lie together, say when they are sorted by time, is a column in memory, to be put in order.

    Raises MissingInputError without the file, BadDataError for missing columns, wrong types, NaN, prices of zero or
    less, high below low, unsorted or duplicate times, and bars of different timeframes.
    """
    if not path.is_file():
        raise MissingInputError(f"{path}: {'a folder, not a file' if path.is_dir() else 'no such file'}")
    if cache:
        folder = paths.data_dir() / "cache/columns/files"
        return column_cache.cached(folder, str(path.resolve()), [str(path)], lambda: opened(path))
    return opened(path).spilled()


def opened(path: Path) -> Stream:
    """The file's series, still to be read and checked."""
    columns = BarColumns(path)
    names, codes, lengths = columns.runs()
    if not len(codes):
        raise BadDataError(f"{path}: no bars")
    rows = np.bincount(codes, weights=lengths).astype(np.int64).tolist()
    parts = columns.parts
    if len(codes) > len(names):
        order = np.argsort(np.repeat(codes, lengths), kind="stable")
        parts = partial(_in_order, columns, order.astype(np.min_scalar_type(len(order))))
    return Stream(counts=list(zip(names, rows, strict=True)), parts=parts, check=partial(_refuse_bad, path))


def _in_order(columns: BarColumns, order: IntArray) -> Iterator[IntArray]:
    """The parts of the columns, their rows in another order: one column at a time is in memory."""
    column, at = np.empty(len(order), np.int64), 0
    for part in columns.parts():
        column[at : at + len(part)] = part.view(np.int64)
        at += len(part)
        if at == len(order):
            yield from (column[order[i : i + BATCH_ROWS]] for i in range(0, at, BATCH_ROWS))
            at = 0


def timeframe_ms(ts_ms: IntArray) -> int | None:
    """The step between bars: the most frequent one; for steps of about a day, a day. None for fewer than two bars."""
    steps = np.diff(ts_ms)
    if not len(steps):
        return None
    if int(steps[0]) == int(np.median(steps)):
        step = int(steps[0])
    else:
        values, counts = np.unique(steps, return_counts=True)
        step = int(values[counts.argmax()])
    return DAY_MS if SHORTEST_DAY_MS <= step < 2 * DAY_MS else step


def _refuse_bad(path: Path, series: Series) -> None:
    steps: dict[str, tuple[int, int]] = {}
    for symbol, bars in series.items():
        where = f"{path}: '{symbol}'"
        if problem := first_problem(bars):
            raise BadDataError(f"{where}: {problem}")
        if not EARLIEST_MS < bars.ts_ms[0] <= bars.ts_ms[-1] < LATEST_MS:
            raise BadDataError(f"{where}: ts_ms {bars.ts_ms[0]} to {bars.ts_ms[-1]} are not milliseconds since 1970")
        step = timeframe_ms(bars.ts_ms)
        if step is not None:
            _refuse_mixed(where, bars.ts_ms, step)
            steps[symbol] = step, len(bars)
        done_with(bars)
    _refuse_different(path, steps)


def _refuse_different(path: Path, steps: dict[str, tuple[int, int]]) -> None:
    """`steps`: of each symbol its step and how many bars. A few bars far apart are gaps: a share new on a Friday."""
    least = min((step for step, _ in steps.values()), default=0)
    usual = next((symbol for symbol, (step, _) in steps.items() if step == least), "")
    for symbol, (step, bars) in steps.items():
        if step > least and bars > (2 if step in TIMEFRAME_MS.values() else RUN_OF_OTHER_BARS):
            raise BadDataError(
                f"{path}: '{symbol}': mixed timeframes: bars every {step // 1000} s, but '{usual}' has them every "
                f"{least // 1000} s; one timeframe a file"
            )


def _refuse_mixed(where: str, ts_ms: IntArray, step: int) -> None:
    steps = np.diff(ts_ms)
    short = np.flatnonzero(steps < (SHORTEST_DAY_MS if step == DAY_MS else step))
    other = next((long for long in TIMEFRAME_MS.values() if long > step and _runs(steps == long)), None)
    if not short.size and (other is None or step >= DAY_MS):
        return
    at = int(short[0]) if short.size else int(np.flatnonzero(steps == other)[0])
    raise BadDataError(
        f"{where}: mixed timeframes: bars every {step // 1000} s, but bar {at + 1} (ts_ms {ts_ms[at + 1]}) comes "
        f"{int(steps[at]) // 1000} s after the one before; one timeframe a file"
    )


def _runs(flags: Any) -> bool:
    """Whether RUN_OF_OTHER_BARS flags in a row are set."""
    if int(flags.sum()) < RUN_OF_OTHER_BARS:
        return False
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.view(np.int8), [0]))))
    return bool((edges[1::2] - edges[::2]).max() >= RUN_OF_OTHER_BARS)
