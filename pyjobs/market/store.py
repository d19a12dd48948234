"""The bar store: `<root>/<exchange>/<symbol>/<timeframe>/<partition>.parquet`. Files are the only truth."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from pyjobs.market.bars import COLUMNS, TIMEFRAME_MS, Bars, SeriesKey, checked
from pyjobs.market.names import folder_name, symbol_of
from pyjobs.market.partitions import (
    SUFFIX,
    Adjusted,
    Partition,
    Provenance,
    is_partition_file,
    partition_name,
    read_partition,
    split,
    write_partition,
)
from utils import paths
from utils.atomic import TMP_MARK, sync_directory
from utils.errors import BadDataError, LockBusyError

LOCK_TIMEOUT_S = 60.0


class BarStore:
    """Bars of every series under `root` (usually data/raw).

    Writers of one series exclude each other by a lock file under `locks`; readers never wait, and see every partition
    as it was before or after a write, never between.
    """

    def __init__(self, root: Path, *, locks: Path | None = None) -> None:
        self.root = root
        self.locks = locks or paths.locks_dir()

    def folder(self, key: SeriesKey) -> Path:
        """Where the series' partitions are. Raises BadDataError for names that cannot be a folder."""
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", key.exchange):
            raise BadDataError(f"{key}: exchange {key.exchange!r} is not a plain name (letters, digits, _ and -)")
        if key.timeframe not in TIMEFRAME_MS:
            raise BadDataError(f"{key}: timeframe {key.timeframe!r} is none of {', '.join(TIMEFRAME_MS)}")
        return self.root / key.exchange / folder_name(key.symbol) / key.timeframe

    def series(self) -> list[SeriesKey]:
        """Every series that has at least one partition, sorted by exchange, symbol, timeframe."""
        found = []
        for folder in self.root.glob("*/*/*"):
            exchange, name, timeframe = folder.parts[-3:]
            symbol = symbol_of(name)
            if symbol is not None and timeframe in TIMEFRAME_MS:
                key = SeriesKey(exchange=exchange, symbol=symbol, timeframe=timeframe)
                if self.partitions(key):
                    found.append(key)
        return sorted(found, key=lambda key: (key.exchange, key.symbol, key.timeframe))

    def partitions(self, key: SeriesKey) -> list[Path]:
        """The series' partition files in time order; empty when there is none."""
        folder = self.folder(key)
        names = (path.name for path in folder.iterdir()) if folder.is_dir() else ()
        return [folder / name for name in sorted(names) if is_partition_file(key.timeframe, name)]

    def read(self, key: SeriesKey, *, start_ms: int | None = None, end_ms: int | None = None) -> Bars:
        """The bars with start_ms <= ts_ms <= end_ms, increasing in time; no bars when there are none.

        Only the partitions that can hold them are opened. Raises BadDataError naming a torn or untrue partition.
        """
        low = partition_name(key.timeframe, start_ms) + SUFFIX if start_ms is not None else ""
        high = partition_name(key.timeframe, end_ms) + SUFFIX if end_ms is not None else "~"
        files = [path for path in self.partitions(key) if low <= path.name <= high]
        bars = checked(joined([read_partition(path, key).bars for path in files]), name=f"{self.folder(key)}")
        start = 0 if start_ms is None else int(np.searchsorted(bars.ts_ms, start_ms, side="left"))
        stop = len(bars) if end_ms is None else int(np.searchsorted(bars.ts_ms, end_ms, side="right"))
        return bars.slice(start, stop)

    def provenance(self, key: SeriesKey) -> Provenance | None:
        """The provenance of the newest partition, or None without one."""
        files = self.partitions(key)
        return read_partition(files[-1], key).provenance if files else None

    def write(
        self, key: SeriesKey, bars: Bars, *, provider: str, fetched_at_ms: int, adjusted: Adjusted, last_final: bool
    ) -> list[Path]:
        """Merge `bars` into the series (on a shared time the new bar wins) and return the partitions that changed.

        A partition whose bars stay the same is not touched, down to its bytes. Raises BadDataError for untrue bars or
        when raw would meet adjusted; LockBusyError when another writer stays for a minute; OSError from the disk, with
        every file old or new.
        """
        checked(bars, name=str(key))
        folder = self.folder(key)
        with self._writing(key):
            make_folder(folder)
            sweep(folder)
            known = self.provenance(key)
            if known and known.adjusted != adjusted:
                raise BadDataError(f"{key}: the store holds {known.adjusted} prices, these are {adjusted}; never mixed")
            changed = []
            for name, part in split(key.timeframe, bars):
                final = last_final or part.ts_ms[-1] < bars.ts_ms[-1]
                fresh = Provenance(
                    provider=provider, fetched_at_ms=fetched_at_ms, adjusted=adjusted, last_final=bool(final)
                )
                path = folder / f"{name}{SUFFIX}"
                if _merge_into(path, key, Partition(bars=part, provenance=fresh)):
                    changed.append(path)
            return changed

    @contextmanager
    def _writing(self, key: SeriesKey) -> Iterator[None]:
        from filelock import FileLock, Timeout

        make_folder(self.locks)
        path = self.locks / f"store-{key.exchange}-{folder_name(key.symbol)}-{key.timeframe}.lock"
        try:
            with FileLock(path, timeout=LOCK_TIMEOUT_S):
                yield
        except Timeout:
            raise LockBusyError(f"{key}: another writer has held {path} for {LOCK_TIMEOUT_S:.0f} s") from None


def joined(parts: list[Bars]) -> Bars:
    """The parts one after the other; no parts make no bars."""
    empty = {name: np.empty(0, np.int64 if name == "ts_ms" else np.float64) for name in COLUMNS}
    return Bars(**{name: np.concatenate([empty[name], *(getattr(p, name) for p in parts)]) for name in COLUMNS})


def merged(old: Bars, new: Bars) -> Bars:
    """Both, increasing in time; where they share a time the new bar stands. Each must be increasing already."""
    both = joined([old, new])
    order = np.argsort(both.ts_ms, kind="stable")  # stable: of two equal times the new one comes second
    ts_ms = both.ts_ms[order]
    last = order[np.append(ts_ms[1:] != ts_ms[:-1], True)] if len(both) else order
    return Bars(**{name: getattr(both, name)[last] for name in COLUMNS})


def same_bars(one: Bars, other: Bars) -> bool:
    """Whether both hold the same numbers."""
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in COLUMNS)


def make_folder(folder: Path) -> None:
    """`mkdir -p`, with every new entry synced, so that a power cut cannot take a written partition's folder away."""
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for created in reversed(missing):
        sync_directory(created.parent)


def sweep(folder: Path) -> None:
    """Remove temporary files that a killed writer left; only called while holding the series' lock."""
    for leftover in folder.glob(f".*{TMP_MARK}*"):
        leftover.unlink(missing_ok=True)


def _merge_into(path: Path, key: SeriesKey, fresh: Partition) -> bool:
    """Merge `fresh` into the partition file at `path`; False when that changes nothing."""
    if not path.exists():
        write_partition(path, key, fresh)
        return True
    old = read_partition(path, key)
    bars = merged(old.bars, fresh.bars)
    newest = fresh if bars.ts_ms[-1] == fresh.bars.ts_ms[-1] else old
    final = newest.provenance.last_final
    if same_bars(bars, old.bars) and final == old.provenance.last_final:
        return False
    fetched = fresh.provenance
    provenance = Provenance(
        provider=fetched.provider, fetched_at_ms=fetched.fetched_at_ms, adjusted=fetched.adjusted, last_final=final
    )
    write_partition(path, key, Partition(bars=bars, provenance=provenance))
    return True
