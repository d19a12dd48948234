"""One partition of a series: which bars belong into which file, and the Parquet file itself."""

from __future__ import annotations

import datetime as dt
import errno
import itertools
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from pyjobs.market.arrow import column_of
from pyjobs.market.bars import COLUMNS, DAY_MS, TIMEFRAME_MS, Bars, IntArray, SeriesKey
from pyjobs.market.store import basis, plain
from pyjobs.market.store.confirmed_empty import NO_TIMES, from_text, to_text, within, without
from utils.errors import BadDataError
from utils.files import os_files

Adjusted = basis.Adjusted
FORMAT = "nightdesk.bars/1"
SUFFIX = ".parquet"
END_BYTES = 4096  # a footer of ours has 1 200, and more where there are many empty times
EPOCH_DAY = dt.date(1970, 1, 1).toordinal()
_DATE_FILE = re.compile(r"\d{4}-\d{2}-\d{2}\.parquet")
_YEAR_FILE = re.compile(r"\d{4}\.parquet")


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Where a partition's bars came from. `last_final`: its last bar will not be revised any more.

    `basis` counts how often the series was re-based after a split or dividend; two bases never meet in one series.
    """

    provider: str
    fetched_at_ms: int
    adjusted: Adjusted
    last_final: bool
    basis: int = 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Partition:
    """One partition file, read: its bars (increasing in time; there may be none) and their provenance.

    `empty`: close times (ts_ms, increasing) of bars that the provider confirmed it does not have. `sealed`: from a
    file with a checksum that proves that `BarStore` wrote it, which looks at every bar before it does.
    """

    bars: Bars
    provenance: Provenance
    empty: IntArray = field(default_factory=lambda: NO_TIMES)
    sealed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outline:
    """The content of a partition's footer. `aligned`: every close is a whole number of timeframes since 1970."""

    rows: int
    aligned: bool
    empty: IntArray
    provenance: Provenance


def is_intraday(timeframe: str) -> bool:
    """True for timeframes shorter than a day: one file per UTC date; else one per year."""
    return TIMEFRAME_MS[timeframe] < DAY_MS


def partition_name(timeframe: str, ts_ms: int) -> str:
    """`2026-11-20` or `2026`: the UTC date or year of the bar's last instant; a day's last bar stays in its day."""
    instant = dt.datetime.fromtimestamp((ts_ms - 1) // 1000, tz=dt.UTC)
    return instant.strftime("%Y-%m-%d") if is_intraday(timeframe) else f"{instant.year:04d}"


@lru_cache(maxsize=4096)  # thousands of series have files of the same names
def is_partition_file(timeframe: str, name: str) -> bool:
    """Whether `name` is a partition of such a series (a temporary or foreign file is not)."""
    return (_DATE_FILE if is_intraday(timeframe) else _YEAR_FILE).fullmatch(name) is not None


def split(timeframe: str, bars: Bars) -> Iterator[tuple[str, Bars]]:
    """(partition name, its bars) in time order."""
    for name, start, stop in runs(timeframe, bars.ts_ms):
        yield name, bars.slice(start, stop)


def runs(timeframe: str, times: IntArray) -> Iterator[tuple[str, int, int]]:
    """(partition name, first of its times, one after its last) of increasing close times."""
    days = (times - 1) // DAY_MS
    if not is_intraday(timeframe):
        days = days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64)
    edges = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), len(times)]
    for start, stop in itertools.pairwise(edges):
        if stop > start:
            yield partition_name(timeframe, int(times[start])), start, stop


def partition_span(timeframe: str, name: str) -> tuple[int, int]:
    """The first and last ts_ms that the partition `name` can hold (both included)."""
    if is_intraday(timeframe):
        day = dt.date.fromisoformat(name).toordinal() - EPOCH_DAY
        return day * DAY_MS + 1, (day + 1) * DAY_MS
    first, after = (dt.date(year, 1, 1).toordinal() - EPOCH_DAY for year in (int(name), int(name) + 1))
    return first * DAY_MS + 1, after * DAY_MS


def partitioned(key: SeriesKey, bars: Bars, empty: IntArray, provenance: Provenance) -> Iterator[tuple[str, Partition]]:
    """(partition name, its bars and confirmed empty times) in time order."""
    by_name = dict(split(key.timeframe, bars))
    names = {partition_name(key.timeframe, ts) for ts in empty.tolist()} if empty.size else set()
    for name in sorted({*by_name, *names}):
        part = by_name.get(name, bars.slice(0, 0))
        last_of_all = len(part) and part.ts_ms[-1] == bars.ts_ms[-1]
        own = without(within(empty, *partition_span(key.timeframe, name)), part.ts_ms) if names else NO_TIMES
        final = provenance.last_final or not last_of_all
        yield name, Partition(bars=part, provenance=replace(provenance, last_final=bool(final)), empty=own)


def encoded(key: SeriesKey, partition: Partition) -> bytes:
    """The bytes of its file: Parquet as in `plain`, provenance in its metadata."""
    bars, provenance = partition.bars, partition.provenance
    about = {
        **_identity(key),
        "provider": provenance.provider,
        "fetched_at_ms": str(provenance.fetched_at_ms),
        "adjusted": provenance.adjusted,
        "last_final": "1" if provenance.last_final else "0",
        "basis": str(provenance.basis),
        "aligned": "0" if (bars.ts_ms % TIMEFRAME_MS[key.timeframe]).any() else "1",
        "empty": to_text(partition.empty, TIMEFRAME_MS[key.timeframe]),
    }
    return plain.encoded(bars, about)


def read_partition(path: Path | str, key: SeriesKey) -> Partition:
    """Read the file. Raises BadDataError naming it when it is torn or holds something else; OSError as it comes."""
    return parsed(content_of(path), path, key)


def content_of(path: Path | str) -> bytes:
    """The file's bytes. Raises BadDataError for anything but a file in its place, or a link that leads nowhere."""
    try:
        descriptor = os.open(path, os_files.READ | getattr(os, "O_NONBLOCK", 0))  # a pipe is not waited for
        try:
            return _all_of(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno == errno.EINVAL or Path(path).is_dir() or Path(path).is_symlink():
            raise _unreadable(path, "a folder or a link, a pipe or a device, and no file") from None
        if error.filename is None:
            raise OSError(error.errno, os.strerror(error.errno or 0), str(path)) from error
        raise


def _all_of(descriptor: int) -> bytes:
    """The bytes of an open file; a third of the time of `Path.read_bytes`, and there are thousands."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "no file")
    size = status.st_size
    content = os.read(descriptor, size + 1)
    while len(content) != size and (more := os.read(descriptor, 1 << 20)):  # it grows, or is longer than a read
        content += more
    return content


def parsed(content: bytes, path: Path | str, key: SeriesKey) -> Partition:
    """The content of the file at `path`, given as bytes; raises BadDataError as `read_partition`."""
    with _named(path):
        ours = plain.opened(content)
        if ours is not None:
            outline, bars = _outline(ours.about(), ours.rows, key), ours.bars()
        else:
            table = _opened(content).read(columns=list(COLUMNS), use_threads=False)
            outline = _outline(table.schema.metadata, table.num_rows, key)
            bars = Bars(**{name: column_of(table, name) for name in COLUMNS})
    return Partition(bars=bars, provenance=outline.provenance, empty=outline.empty, sealed=ours is not None)


def read_sealed(path: str, key: SeriesKey) -> tuple[Bars, int] | None:
    """The file's bars and their basis, without the rest of its metadata; None where that must be read.

    A fifth of the time of `read_partition`: a scan reads thousands. Raises BadDataError and OSError as that.
    """
    content = content_of(path)
    with _named(path):
        ours = plain.opened(content)
    if ours is None or not ours.holds_first(_identity(key)):
        return None
    basis = ours.metadata("basis")
    return None if basis is None else (ours.bars(), int(basis))


def _identity(key: SeriesKey) -> dict[str, str]:
    """The first metadata of a file."""
    return {"format": FORMAT, "exchange": key.exchange, "symbol": key.symbol, "timeframe": key.timeframe}


def read_outline(path: Path | str, key: SeriesKey) -> Outline:
    """The file's metadata about its bars; raises as `read_partition`, but does not look at them."""
    end, size = _end_of(path)
    with _named(path):
        ours = plain.ending(end, size)
        if ours is not None:
            return replace(_outline_of(ours[1], key), rows=ours[0])
        content = content_of(path)
        whole = plain.opened(content)
        if whole is not None:
            return _outline(whole.about(), whole.rows, key)
        footer = _opened(content).metadata  # not schema_arrow: that costs as much again
        return _outline(footer.metadata, footer.num_rows, key)


def _end_of(path: Path | str) -> tuple[bytes, int]:
    """The file's last bytes, where a footer of ours is, and its size; nothing of what is no file."""
    try:
        descriptor = os.open(path, os_files.AT_ONCE)
        try:
            size = os.fstat(descriptor).st_size
            return os_files.read_at(descriptor, END_BYTES, max(0, size - END_BYTES)), size
        finally:
            os.close(descriptor)
    except OSError:
        return b"", 0


def read_times(path: Path | str, key: SeriesKey) -> tuple[IntArray, Outline]:
    """The close times of the file's bars, and its outline; raises as `read_partition`."""
    content = content_of(path)
    with _named(path):
        ours = plain.opened(content)
        if ours is not None:
            return ours.column(0), _outline(ours.about(), ours.rows, key)
        table = _opened(content).read(columns=["ts_ms"], use_threads=False)
        return column_of(table, "ts_ms"), _outline(table.schema.metadata, table.num_rows, key)


def _opened(content: bytes) -> Any:
    """A file that others, or this program before November 2026, have laid out."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    return pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)


@contextmanager
def _named(path: Path | str) -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, OSError) as error:  # pyarrow's errors are ValueErrors and OSErrors
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise _unreadable(path, reason) from None
    except ForeignPartition as error:
        raise BadDataError(f"{path}: {error}") from None


def _unreadable(path: Path | str, reason: str) -> BadDataError:
    return BadDataError(f"{path}: not a readable partition: {reason}; ingest, gap_repair and import_bars replace it")


class ForeignPartition(Exception):
    """A partition file of one series lies in another's folder."""


@lru_cache(maxsize=512)  # partitions that were written together have the same marks: half the time of a gap scan
def _outline_of(found: bytes, key: SeriesKey) -> Outline:
    return _outline(plain.metadata_of(found), 0, key)


def _outline(metadata: Mapping[bytes, bytes] | None, rows: int, key: SeriesKey) -> Outline:
    about = {k.decode(): v.decode() for k, v in (metadata or {}).items()}
    provenance = Provenance(
        provider=about["provider"],
        fetched_at_ms=int(about["fetched_at_ms"]),
        adjusted=basis.of_file(about, key.timeframe),
        last_final=about["last_final"] == "1",
        basis=int(about.get("basis", "0")),
    )
    held = (about.get("exchange"), about.get("symbol"), about.get("timeframe"))
    if held != (key.exchange, key.symbol, key.timeframe):
        raise ForeignPartition(f"holds the bars of {':'.join(str(part) for part in held)}, not of {key}")
    empty = from_text(about.get("empty", ""), TIMEFRAME_MS[key.timeframe])
    return Outline(rows=rows, aligned=about.get("aligned") == "1", empty=empty, provenance=provenance)
