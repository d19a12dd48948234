"""Files of benchmarks that a person keeps (data/benchmarks): one rule for where they are, one reader for all."""

from __future__ import annotations

import csv
import datetime as dt
import math
from collections.abc import Iterable, Iterator
from pathlib import Path

from pyjobs.market.bars import Bars
from pyjobs.market.store.names import folder_name
from utils.errors import BadDataError
from utils.files import os_files

SUFFIXES = (".csv", ".tsv", ".txt", ".json", ".parquet", ".feather", ".xlsx", ".csv.gz", ".zip")


def files_for(folder: Path, keys: Iterable[str]) -> Iterator[Path]:
    """The files there are for the first of the keys, then the next: `KEY.csv`, or another suffix of a price file."""
    for key in keys:
        for name in (stem + suffix for stem in dict.fromkeys(_stems(key)) for suffix in SUFFIXES):
            if (folder / name).is_file():
                yield folder / name


def _stems(key: str) -> list[str]:
    """How a file for `key` may be called: safely (`%5EGSPC`), or just so where that is a plain name."""
    return [folder_name(key), key] if key and "/" not in key else [folder_name(key)] if key else []


def plain_closes(path: Path) -> dict[dt.date, float] | None:
    """The closes of a file with the columns date (YYYY-MM-DD, each once) and close; None for a file of another kind.

    Raises BadDataError naming the line.
    """
    if path.suffix not in (".csv", ".tsv", ".txt"):
        return None
    with os_files.held_text(path, "utf-8-sig", "replace") as handle:
        table = csv.reader(handle)
        try:
            if [cell.strip().lower() for cell in next(table, [])] != ["date", "close"]:
                return None
            return _closes(path, table)
        except csv.Error:
            return None


def _closes(path: Path, table: Iterator[list[str]]) -> dict[dt.date, float]:
    found: dict[dt.date, float] = {}
    for number, row in enumerate(table, 2):
        try:
            day, close = dt.date.fromisoformat(row[0].strip()), float(row[1])
        except (IndexError, ValueError):
            raise BadDataError(f"{path}: line {number}: needs date (YYYY-MM-DD) and close, has {row}") from None
        if not (math.isfinite(close) and close > 0) or day in found:
            raise BadDataError(f"{path}: line {number}: {day} is given twice, or its close {close} is impossible")
        found[day] = close
    return found


def bars_of(path: Path, symbol: str, market: str, *, now_ms: int) -> Bars:
    """The daily bars of a file of any kind that `read_dump` reads. Raises as it does."""
    from pyjobs.market.calendars.hours import hours_of
    from pyjobs.market.desk.desk_file import Instrument
    from pyjobs.market.dumps.read_dump import read_dump

    instrument = Instrument(
        symbol=symbol or path.stem,
        exchange="LOCAL",
        market=market,
        timeframe="1d",
        file=path.name,
        currency="",
        role="benchmark",
    )  # fmt: skip
    return read_dump(path, instrument, hours_of(market), now_ms=now_ms).bars
