"""Anyone's bars in one Parquet file: `[symbol,] ts_ms, open, high, low, close, volume`, read into checked series."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from pyjobs.market.bars import TIMEFRAME_MS, IntArray, first_problem, pieces
from pyjobs.market.cache import column_cache
from pyjobs.market.cache.bar_columns import BarColumns
from pyjobs.market.cache.column_file import Series, Stream
from pyjobs.market.cache.regrouped import regrouped
from pyjobs.market.cache.release import one_at_a_time
from utils import paths
from utils.errors import BadDataError, MissingInputError
from utils.files import os_files

EARLIEST_MS, LATEST_MS = 10**11, 10**14  # 1973 and 5138: seconds and microseconds lie outside
DAY_MS = TIMEFRAME_MS["1d"]
SHORTEST_DAY_MS = DAY_MS // 2  # a half day after a full one, or a change of clocks
# (least and most usual step, the timeframe, least step of all): closes of holidays' weeks and of months move
UNEVEN = (
    (SHORTEST_DAY_MS, 2 * DAY_MS, DAY_MS, SHORTEST_DAY_MS),
    (6 * DAY_MS, 8 * DAY_MS + 1, TIMEFRAME_MS["1w"], 3 * DAY_MS),
    (26 * DAY_MS, 34 * DAY_MS, TIMEFRAME_MS["1mo"], 20 * DAY_MS),
)
MINUTE_MS, SECOND_MS, THURSDAY, SATURDAY = 60_000, 1000, 3, 5  # 1970 began on a Thursday
ENOUGH_DAYS, SAMPLE = 10, 5000
RUN_OF_OTHER_BARS = 10  # as many equal steps in a row are no gaps but another timeframe


def read_bar_file(path: Path, *, cache: bool = True) -> Series:
    """Series by symbol, sorted by name. With `cache`, a second read maps the columns without opening the Parquet file.

    The file goes through memory in pieces into columns that are mapped: those of the cache; without it, or where it
    cannot be written, those of a nameless temporary file when the bars are many (`Stream.spilled`). Only where a
    symbol's rows do not lie together, as in a file sorted by time, is a column in memory, to be put in order.

    Raises MissingInputError without the file, BadDataError for missing columns, wrong types, NaN, prices of zero or
    less, high below low, unsorted or duplicate times, and bars of different timeframes.
    """
    if not path.is_file():
        raise MissingInputError(f"{path}: {'a folder, not a file' if path.is_dir() else 'no such file'}")
    if cache:
        folder = paths.data_dir() / "cache/columns/files"
        return column_cache.cached(folder, str(os_files.real(path)), [str(path)], lambda: opened(path, folder))
    return opened(path).spilled()


def opened(path: Path, room: Path | None = None) -> Stream:
    """The file's series, still to be read and checked. `room`: a folder for what is put in order on the way."""
    columns = BarColumns(path)
    rows, together = columns.counted()
    if not rows:
        raise BadDataError(f"{path}: no bars")
    parts = columns.parts if together else partial(regrouped, columns, list(rows.values()), room)
    return Stream(counts=list(rows.items()), parts=parts, check=partial(_refuse_bad, path))


def timeframe_ms(ts_ms: IntArray) -> int | None:
    """The step between bars: the most frequent; a day, week or month for about that. None for fewer than two bars."""
    if len(ts_ms) < 2:
        return None
    first = int(ts_ms[1] - ts_ms[0])
    same = sum(int(np.count_nonzero(steps == first)) for _, steps in _steps(ts_ms))
    step = first if 2 * same >= len(ts_ms) else _usual(ts_ms, first)
    return next((whole for least, most, whole, _ in UNEVEN if least <= step < most), step)


def _usual(ts_ms: IntArray, first: int) -> int:
    """The `first` step when it is the median one, else the most frequent one; of equals the shortest."""
    parts = [np.unique(steps, return_counts=True) for _, steps in _steps(ts_ms)]
    found, at = np.unique(np.concatenate([values for values, _ in parts]), return_inverse=True)
    counts = np.bincount(at, np.concatenate([counts for _, counts in parts]))
    middle = [(len(ts_ms) - 2) // 2, (len(ts_ms) - 1) // 2]
    median = int(found[np.searchsorted(np.cumsum(counts), middle, side="right")].mean())
    return first if first == median else int(found[counts.argmax()])


def _steps(ts_ms: IntArray, overlap: int = 0) -> Iterator[tuple[int, IntArray]]:
    """(number of the first, steps between bars) of each piece; with the last `overlap` of the one before."""
    for start, stop in one_at_a_time(pieces(0, len(ts_ms) - 1), lambda at: ts_ms[slice(*at)]):
        begin = max(start - overlap, 0)
        yield begin, np.diff(ts_ms[begin : stop + 1])


def _refuse_bad(path: Path, series: Series) -> None:
    steps: dict[str, tuple[int, int]] = {}
    for symbol, bars in one_at_a_time(series.items(), itemgetter(1)):
        where = f"{path}: '{symbol}'"
        if problem := first_problem(bars, one_at_a_time):
            raise BadDataError(f"{where}: {problem}")
        if not EARLIEST_MS < bars.ts_ms[0] <= bars.ts_ms[-1] < LATEST_MS:
            raise BadDataError(f"{where}: ts_ms {bars.ts_ms[0]} to {bars.ts_ms[-1]} are not milliseconds since 1970")
        step = timeframe_ms(bars.ts_ms)
        _refuse_stamps(where, bars.ts_ms[:SAMPLE], step)
        if step is not None:
            _refuse_mixed(where, bars.ts_ms, step)
            steps[symbol] = step, len(bars)
    _refuse_different(path, steps)


def _refuse_stamps(where: str, ts_ms: IntArray, step: int | None) -> None:
    """Refuse times that show that they are no closes: dates of sessions, or the last moment before a bar's end."""
    weekday = (ts_ms // DAY_MS + THURSDAY) % 7
    if step == DAY_MS and len(ts_ms) >= ENOUGH_DAYS and not (ts_ms % DAY_MS).any() and weekday.max() < SATURDAY:
        raise BadDataError(
            f"{where}: days at midnight UTC of Mondays to Fridays (the first: ts_ms {ts_ms[0]}) are dates, before the "
            "close of their sessions: ts_ms is a bar's close: write that moment, or import the file (import_bars)"
        )
    last = (ts_ms % SECOND_MS == SECOND_MS - 1).all() or (ts_ms % MINUTE_MS == MINUTE_MS - SECOND_MS).all()
    if len(ts_ms) > 1 and last:
        raise BadDataError(
            f"{where}: ts_ms {ts_ms[0]} is the last moment of a bar, not its close: write the moment after it"
        )


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
    at = _other_timeframe(ts_ms, step)
    if at is not None:
        raise BadDataError(
            f"{where}: mixed timeframes: bars every {step // 1000} s, but bar {at + 1} (ts_ms {ts_ms[at + 1]}) comes "
            f"{int(ts_ms[at + 1] - ts_ms[at]) // 1000} s after the one before; one timeframe a file"
        )


def _other_timeframe(ts_ms: IntArray, step: int) -> int | None:
    """After which bar a step comes that is too short; else the first step of a longer timeframe that has a run."""
    least = next((shortest for *_, whole, shortest in UNEVEN if whole == step), step)
    first, others = dict[int, int](), set[int]()
    for begin, steps in _steps(ts_ms, RUN_OF_OTHER_BARS - 1):
        short = np.flatnonzero(steps < least)
        if short.size:
            return begin + int(short[0])
        for longer in (each for each in TIMEFRAME_MS.values() if each > step):
            same = steps == longer
            if same.any():
                first.setdefault(longer, begin + int(same.argmax()))
            if _runs(same):
                others.add(longer)
    return first[min(others)] if others else None


def _runs(flags: Any) -> bool:
    """Whether RUN_OF_OTHER_BARS flags in a row are set."""
    if int(flags.sum()) < RUN_OF_OTHER_BARS:
        return False
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.view(np.int8), [0]))))
    return bool((edges[1::2] - edges[::2]).max() >= RUN_OF_OTHER_BARS)
