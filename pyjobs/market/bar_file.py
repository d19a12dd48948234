"""Anyone's bars in one Parquet file: `[symbol,] ts_ms, open, high, low, close, volume`, read into checked series."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np

from pyjobs.market import column_cache
from pyjobs.market.arrow import values_of
from pyjobs.market.bars import COLUMNS, TIMEFRAME_MS, Bars, IntArray, first_problem
from utils import paths
from utils.errors import BadDataError, MissingInputError

ONLY_SYMBOL = "BARS"  # the name of a file's series when it has no symbol column
EARLIEST_MS, LATEST_MS = 10**11, 10**14  # 1973 and 5138: seconds and microseconds lie outside
BATCH_ROWS = 131_072
DAY_MS = TIMEFRAME_MS["1d"]
SHORTEST_DAY_MS = DAY_MS // 2  # a half day after a full one, or a change of clocks
RUN_OF_OTHER_BARS = 10  # as many equal steps in a row are no gaps but another timeframe


def read_bar_file(path: Path, *, cache: bool = True) -> dict[str, Bars]:
    """Series by symbol, sorted by name. With `cache`, a second read maps the columns without opening the Parquet file.

    Raises MissingInputError without the file, BadDataError for missing columns, wrong types, NaN, prices of zero or
    less, high below low, unsorted or duplicate times, and bars of different timeframes.
    """
    if not path.is_file():
        raise MissingInputError(f"{path}: {'a folder, not a file' if path.is_dir() else 'no such file'}")
    if not cache:
        return parsed(path)
    folder = paths.data_dir() / "cache/columns/files"
    return column_cache.cached(folder, str(path.resolve()), [str(path)], lambda: parsed(path))


def parsed(path: Path) -> dict[str, Bars]:
    """The file's series, checked."""
    columns, codes, names = _columns(path)
    if not len(codes):
        raise BadDataError(f"{path}: no bars")
    order = None if bool((np.diff(codes) >= 0).all()) else np.argsort(codes, kind="stable")
    if order is not None:
        codes, columns = codes[order], {name: column[order] for name, column in columns.items()}
    edges = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(codes)]
    found = {
        names[codes[start]]: Bars(**{name: column[start:stop] for name, column in columns.items()})
        for start, stop in itertools.pairwise(edges)
    }
    series = dict(sorted(found.items()))
    _refuse_bad(path, series)
    return series


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


def _refuse_bad(path: Path, series: dict[str, Bars]) -> None:
    first: tuple[str, int] | None = None
    for symbol, bars in series.items():
        where = f"{path}: '{symbol}'"
        if problem := first_problem(bars):
            raise BadDataError(f"{where}: {problem}")
        if not EARLIEST_MS < bars.ts_ms[0] <= bars.ts_ms[-1] < LATEST_MS:
            raise BadDataError(f"{where}: ts_ms {bars.ts_ms[0]} to {bars.ts_ms[-1]} are not milliseconds since 1970")
        step = timeframe_ms(bars.ts_ms)
        if step is None:
            continue
        _refuse_mixed(where, bars.ts_ms, step)
        if first is None:
            first = (symbol, step)
        elif step != first[1]:
            raise BadDataError(
                f"{where}: mixed timeframes: bars every {step // 1000} s, but '{first[0]}' has them every "
                f"{first[1] // 1000} s; one timeframe a file"
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


def _columns(path: Path) -> tuple[dict[str, Any], Any, list[str]]:
    """(the six columns, each row's symbol as a number, the names of the numbers)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        kinds = {field.name: field.type for field in file.schema_arrow}
        _refuse_schema(path, kinds)
        columns = {name: _column(path, file, name) for name in COLUMNS}
        if "symbol" not in kinds:
            return columns, np.zeros(len(columns["ts_ms"]), dtype=np.int32), [ONLY_SYMBOL]
        symbols = pq.ParquetFile(path, read_dictionary=["symbol"]).read(columns=["symbol"]).column(0)
    except (pa.ArrowException, OSError) as error:
        raise BadDataError(f"{path}: not a readable Parquet file: {str(error).splitlines()[0]}") from None
    if symbols.null_count:
        raise BadDataError(f"{path}: {symbols.null_count} rows have no symbol")
    if not pa.types.is_dictionary(symbols.type):
        symbols = symbols.cast(pa.string()).dictionary_encode()
    together = symbols.unify_dictionaries()
    codes = np.concatenate([np.empty(0, np.int32), *(values_of(c.indices, np.int32) for c in together.chunks)])
    names = [str(name) for name in (together.chunks[0].dictionary.to_pylist() if together.num_chunks else [])]
    if "" in names:
        raise BadDataError(f"{path}: {int((codes == names.index('')).sum())} rows have an empty symbol")
    return columns, codes, names


def _refuse_schema(path: Path, kinds: dict[str, Any]) -> None:
    import pyarrow as pa

    missing = [name for name in COLUMNS if name not in kinds]
    if missing:
        raise BadDataError(f"{path}: no column {', '.join(missing)} (has {', '.join(kinds)})")
    for name in COLUMNS:
        kind = kinds[name]
        number = pa.types.is_floating(kind) or pa.types.is_decimal(kind)
        if not pa.types.is_integer(kind) and (name == "ts_ms" or not number):
            wanted = "whole milliseconds (int64)" if name == "ts_ms" else "numbers"
            raise BadDataError(f"{path}: column {name} is {kind}, not {wanted}")


def _column(path: Path, file: Any, name: str) -> Any:
    """One column, a row group at a time: the decoded whole would lie in memory twice."""
    import pyarrow as pa

    kind, dtype = (pa.int64(), np.int64) if name == "ts_ms" else (pa.float64(), np.float64)
    out, at = np.empty(file.metadata.num_rows, dtype=dtype), 0
    for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=[name], use_threads=False):
        part = batch.column(0) if batch.column(0).type == kind else batch.column(0).cast(kind)
        if part.null_count:
            if name == "ts_ms":
                raise BadDataError(f"{path}: column ts_ms has empty cells")
            part = part.fill_null(float("nan"))
        out[at : at + len(part)] = values_of(part, dtype)
        at += len(part)
    return out
