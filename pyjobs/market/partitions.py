"""One partition of a series: which bars belong into which file, and the Parquet file itself."""

from __future__ import annotations

import datetime as dt
import itertools
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pyjobs.market.bars import COLUMNS, TIMEFRAME_MS, Bars, SeriesKey
from utils.atomic import write_atomic
from utils.errors import BadDataError

Adjusted = Literal["raw", "adjusted"]
FORMAT = "nightdesk.bars/1"
SUFFIX = ".parquet"
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a partition's bars came from. `last_final`: its last bar had closed when it was fetched."""

    provider: str
    fetched_at_ms: int
    adjusted: Adjusted
    last_final: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """One partition file, read: its bars (increasing in time) and their provenance."""

    bars: Bars
    provenance: Provenance


def is_intraday(timeframe: str) -> bool:
    """True for timeframes shorter than a day: one file per UTC date; else one per year."""
    return TIMEFRAME_MS[timeframe] < _DAY_MS


def partition_name(timeframe: str, ts_ms: int) -> str:
    """`2026-11-20` or `2026`: the UTC date or year of the bar's last instant; a day's last bar stays in its day."""
    instant = dt.datetime.fromtimestamp((ts_ms - 1) // 1000, tz=dt.UTC)
    return instant.strftime("%Y-%m-%d") if is_intraday(timeframe) else f"{instant.year:04d}"


def is_partition_file(timeframe: str, name: str) -> bool:
    """Whether `name` is a partition of such a series (a temporary or foreign file is not)."""
    pattern = r"\d{4}-\d{2}-\d{2}" if is_intraday(timeframe) else r"\d{4}"
    return re.fullmatch(pattern + re.escape(SUFFIX), name) is not None


def split(timeframe: str, bars: Bars) -> Iterator[tuple[str, Bars]]:
    """(partition name, its bars) in time order."""
    days = (bars.ts_ms - 1) // _DAY_MS
    if not is_intraday(timeframe):
        days = days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64)
    edges = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), len(bars)]
    for start, stop in itertools.pairwise(edges):
        if stop > start:
            yield partition_name(timeframe, int(bars.ts_ms[start])), bars.slice(start, stop)


def write_partition(path: Path, key: SeriesKey, partition: Partition) -> None:
    """Write the file atomically: zstd, page checksums, provenance in the schema's metadata. OSError names the file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    bars, provenance = partition.bars, partition.provenance
    about = {
        "format": FORMAT,
        "exchange": key.exchange,
        "symbol": key.symbol,
        "timeframe": key.timeframe,
        "provider": provenance.provider,
        "fetched_at_ms": str(provenance.fetched_at_ms),
        "adjusted": provenance.adjusted,
        "last_final": "1" if provenance.last_final else "0",
    }
    table = pa.table({name: getattr(bars, name) for name in COLUMNS}, metadata=about)
    try:
        write_atomic(path, lambda new: pq.write_table(table, new, compression="zstd", write_page_checksum=True))
    except OSError as error:
        if error.errno and not error.filename:  # pyarrow says neither
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
        raise


def read_partition(path: Path, key: SeriesKey) -> Partition:
    """Read the file. Raises BadDataError naming it when it is torn or holds something else; OSError as it comes."""
    content = path.read_bytes()
    try:
        table = _table(content)
        about = {k.decode(): v.decode() for k, v in (table.schema.metadata or {}).items()}
        columns = {name: table.column(name).to_numpy() for name in COLUMNS}
        provenance = Provenance(
            provider=about["provider"],
            fetched_at_ms=int(about["fetched_at_ms"]),
            adjusted="adjusted" if about["adjusted"] == "adjusted" else "raw",
            last_final=about["last_final"] == "1",
        )
    except (ValueError, KeyError, OSError) as error:  # pyarrow's errors are ValueErrors and OSErrors
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadDataError(f"{path}: not a readable partition: {reason}; move it away and import again") from None
    held = (about.get("exchange"), about.get("symbol"), about.get("timeframe"))
    if held != (key.exchange, key.symbol, key.timeframe):
        raise BadDataError(f"{path}: holds the bars of {':'.join(str(part) for part in held)}, not of {key}")
    return Partition(bars=Bars(**columns), provenance=provenance)


def _table(content: bytes) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)
    return file.read(columns=list(COLUMNS), use_threads=False)
