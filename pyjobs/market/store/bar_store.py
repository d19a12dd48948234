"""The bar store: `<root>/<exchange>/<symbol>/<timeframe>/<partition>.parquet`. Files are the only truth."""

from __future__ import annotations

import itertools
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from pyjobs.market.bars import TIMEFRAME_MS, Bars, IntArray, SeriesKey, checked
from pyjobs.market.store import history, rebase
from pyjobs.market.store.confirmed_empty import NO_TIMES, within, without
from pyjobs.market.store.folders import locked, make_folder, read_when_stable, set_aside
from pyjobs.market.store.merge import beside, joined, merge_partition
from pyjobs.market.store.names import folder_name, symbol_of
from pyjobs.market.store.partitions import (
    SUFFIX,
    Adjusted,
    Partition,
    Provenance,
    content_of,
    encoded,
    parsed,
    partition_name,
    partitioned,
)
from pyjobs.market.times import utc_text
from utils import paths
from utils.errors import BadDataError, LockBusyError
from utils.files import os_files, private
from utils.files.atomic import written_together

REBASE_READS, LOCK_TIMEOUT_S = 8, 60.0
KEPT_PARTITIONS = 8  # in memory, so that a job that looks at one several times parses it once


class BarStore:
    """Bars of every series under `root` (usually data/raw).

    Writers of one series exclude each other by a lock file under `locks`; readers never wait, and see every partition
    as it was before or after a write, never between.
    """

    def __init__(self, root: Path, *, locks: Path | None = None) -> None:
        self.root = root
        self.locks = locks or paths.locks_dir()
        self.columns = root.parent / "cache/columns/store"  # what `read` maps; derived from the files, never truth
        self._parsed: dict[str, tuple[bytes, Partition]] = {}
        self._folders: dict[SeriesKey, Path] = {}  # a night asks for each of thousands dozens of times

    def folder(self, key: SeriesKey) -> Path:
        """Where the series' partitions are. Raises BadDataError for names that cannot be a folder."""
        if key in self._folders:
            return self._folders[key]
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}", key.exchange):
            raise BadDataError(f"{key}: exchange {key.exchange!r} is not a plain name (letters, digits, _ and -)")
        if key.timeframe not in TIMEFRAME_MS:
            raise BadDataError(f"{key}: timeframe {key.timeframe!r} is not one of {', '.join(TIMEFRAME_MS)}")
        return self._folders.setdefault(key, self.root.joinpath(key.exchange, folder_name(key.symbol), key.timeframe))

    def series(self) -> list[SeriesKey]:
        """Every series that has at least one partition, sorted by exchange, symbol, timeframe."""
        found = []
        for folder in os_files.matching(self.root, "*/*/*"):
            exchange, name, timeframe = folder.parts[-3:]
            symbol = symbol_of(name)
            if symbol is not None and timeframe in TIMEFRAME_MS:
                key = SeriesKey(exchange=exchange, symbol=symbol, timeframe=timeframe)
                if not os_files.has_folder(folder) or self.paths(key):  # no folder: its reader reports it
                    found.append(key)
        return sorted(found, key=lambda key: (key.exchange, key.symbol, key.timeframe))

    def partitions(self, key: SeriesKey) -> list[Path]:
        """The series' partition files in time order; empty when there is none."""
        return [Path(path) for path in self.paths(key)]

    def paths(self, key: SeriesKey) -> list[str]:
        """The paths of `files` as text, in a tenth of the time."""
        return [path for _, path in sorted(rebase.current_files(self.folder(key), key.timeframe).items())]

    def read(self, key: SeriesKey, *, start_ms: int | None = None, end_ms: int | None = None) -> Bars:
        """The bars with start_ms <= ts_ms <= end_ms, increasing in time; no bars when there are none.

        Only the partitions that can hold them are opened; of a whole series, older ones are mapped columns (see
        `history`), and arrays may be read-only. Raises BadDataError naming a torn or untrue partition.
        """
        if start_ms is None and end_ms is None:
            with suppress(OSError):  # moved by another job, or never a file: the store can wait, and report it
                whole = history.whole(self.folder(key), key, self.columns)
                if whole is not None:
                    return whole
        parts = self._of_one_basis(key, start_ms, end_ms)
        bars = _in_order(parts) or checked(joined([part.bars for part in parts]), name=f"{self.folder(key)}")
        start = 0 if start_ms is None else int(np.searchsorted(bars.ts_ms, start_ms, side="left"))
        stop = len(bars) if end_ms is None else int(np.searchsorted(bars.ts_ms, end_ms, side="right"))
        return bars.slice(start, stop)

    def confirmed_empty(self, key: SeriesKey, *, start_ms: int | None = None, end_ms: int | None = None) -> IntArray:
        """Close times of bars that the provider confirmed it does not have; increasing."""
        times = np.concatenate([NO_TIMES, *(part.empty for part in self._of_one_basis(key, start_ms, end_ms))])
        return within(times, start_ms if start_ms is not None else -(2**62), end_ms if end_ms is not None else 2**62)

    def files(self, key: SeriesKey, start_ms: int | None, end_ms: int | None) -> list[Path]:
        """The partitions that can hold bars from `start_ms` to `end_ms`, in time order."""
        low = partition_name(key.timeframe, start_ms) + SUFFIX if start_ms is not None else ""
        high = partition_name(key.timeframe, end_ms) + SUFFIX if end_ms is not None else "~"
        return [Path(path) for path in self.paths(key) if low <= path.rpartition("/")[2] <= high]

    def _of_one_basis(self, key: SeriesKey, start_ms: int | None, end_ms: int | None) -> list[Partition]:
        """The partitions of a range; read again when a writer put a re-based series in place meanwhile."""

        def look() -> list[Partition]:
            files = self.files(key, start_ms, end_ms)
            parts = [self._partition(path, key) for path in files]
            if any(part.provenance.basis for part in parts) and self.files(key, start_ms, end_ms) != files:
                raise FileNotFoundError  # the new prices, in a list of the old files
            return parts

        for attempt in range(REBASE_READS):
            if attempt:  # a sleep of no time waits for the processor, thousands of times
                time.sleep(0.02 * attempt)
            parts = read_when_stable(look)
            if len({part.provenance.basis for part in parts}) <= 1:
                return parts
        raise BadDataError(
            f"{self.folder(key)}: holds prices of two bases (a split or dividend apart); read refused, "
            "fetch the series again with ingest --start … --end …"
        )

    def provenance(self, key: SeriesKey) -> Provenance | None:
        """The provenance of the newest partition, or None without one."""

        def look() -> Provenance | None:
            files = self.paths(key)
            return self._partition(files[-1], key).provenance if files else None

        return read_when_stable(look)

    def newest(self, key: SeriesKey) -> tuple[int, bool] | None:
        """The close of the newest bar and whether it is final; None without a bar. Opens the newest files only."""

        def look() -> tuple[int, bool] | None:
            for path in reversed(self.paths(key)):
                part = self._partition(path, key)
                if len(part.bars):
                    return int(part.bars.ts_ms[-1]), part.provenance.last_final
            return None

        return read_when_stable(look)

    def write(
        self,
        key: SeriesKey,
        bars: Bars,
        *,
        provider: str,
        fetched_at_ms: int,
        adjusted: Adjusted,
        last_final: bool,
        empty: IntArray = NO_TIMES,
        basis: int | None = None,
        only_new: bool = False,
    ) -> list[Path]:
        """Merge `bars` into the series and return the partitions that changed.

        On a shared time the new bar wins; `only_new`: the stored one stays.
        `empty`: increasing close times of bars the provider confirmed it does not have. `last_final` False: the last
        bar may still be revised; it never replaces a final one. A partition that stays the same is not touched, down
        to its bytes; one that cannot be read is set aside first. `basis`: that of the series when they were asked for.
        Raises BadDataError for untrue bars or when raw would meet adjusted; LockBusyError when another writer stays for
        a minute, or has re-based the series since; OSError, with every file old or new.
        """
        checked(bars, name=str(key))
        fresh = Provenance(provider=provider, fetched_at_ms=fetched_at_ms, adjusted=adjusted, last_final=last_final)
        with self.writing(key) as folder:
            newest, known = self._known(key)
            if known and known.provenance.adjusted != adjusted:
                raise BadDataError(
                    f"{key}: the store holds {known.provenance.adjusted} prices, these are {adjusted}; never mixed "
                    f"(a desk sets it with `prices`; move {folder} away to begin again)"
                )
            held = known.provenance.basis if known else 0
            if basis is not None and basis != held:
                raise LockBusyError(f"{key}: replaced by another job meanwhile; old prices, not stored: run again")
            changed = []
            with written_together(folder) as put:
                for name, part in partitioned(key, bars, empty, replace(fresh, basis=held)):
                    path = folder / f"{name}{SUFFIX}"
                    seen = known if f"{path}" == newest else None
                    old = self._old(path, key, seen)
                    part = beside(old, part) if only_new and old else part
                    if (merged_part := part if old is None else merge_partition(old, part)) is not None:
                        put(path.name, encoded(key, merged_part))
                        changed.append(path)
            return changed

    def rebase(
        self, key: SeriesKey, bars: Bars, *, provider: str, fetched_at_ms: int, last_final: bool, whole: bool = True
    ) -> list[Path]:
        """Put `bars` in the place of the whole series, all of it or nothing, also when killed half-way.

        Raises BadDataError when they lack a time the store holds: then the old prices stay. `whole` False: they may.
        """
        checked(bars, name=str(key))
        with self.writing(key) as folder:
            old = self._of_one_basis(key, None, None)
            lost = without(np.concatenate([NO_TIMES, *(part.bars.ts_ms for part in old)]), bars.ts_ms)
            if (lost.size and whole) or not old:
                first = f" (the first: {utc_text(int(lost[0]))})" if lost.size else ""
                raise BadDataError(
                    f"{key}: cannot be re-based: {lost.size} stored bars{first} are not among the {len(bars)} new "
                    "ones; the stored history stays as it is"
                )
            provenance = Provenance(
                provider=provider,
                fetched_at_ms=fetched_at_ms,
                adjusted=old[-1].provenance.adjusted,
                last_final=last_final,
                basis=old[-1].provenance.basis + 1,
            )
            empty = np.concatenate([NO_TIMES, *(part.empty for part in old)])
            parts = dict(partitioned(key, bars, without(empty, bars.ts_ms), provenance))
            nothing = Partition(bars=bars.slice(0, 0), provenance=provenance)
            gone = {path.stem: nothing for path in self.partitions(key) if path.stem not in parts}
            return rebase.replace_all(folder, key, sorted((gone | parts).items(), key=lambda part: part[0]))

    def set_aside_unreadable(self, key: SeriesKey, start_ms: int, end_ms: int) -> list[Path]:
        """Move every partition of the range that cannot be read to `.quarantine/`; where each one is now."""
        moved = []
        for path in self.files(key, start_ms, end_ms):
            try:
                self._partition(path, key)
            except FileNotFoundError:
                continue  # another job was faster
            except BadDataError:
                with self.writing(key) as folder:
                    here = folder / path.name
                    if (here.exists() or here.is_symlink()) and self._old(here, key) is None:
                        moved.append(here)
        return moved

    def _partition(self, path: Path | str, key: SeriesKey) -> Partition:
        """`read_partition`; a file whose bytes are those of last time is not taken apart again."""
        content = content_of(path)
        seen = self._parsed.get(name := os.fspath(path))
        if seen is None or seen[0] != content:
            seen = content, parsed(content, path, key)
            if len(self._parsed) >= KEPT_PARTITIONS:
                self._parsed.clear()
            self._parsed[name] = seen
        return seen[1]

    def _known(self, key: SeriesKey) -> tuple[str, Partition | None]:
        """The newest partition that can be read, and where it lies."""
        for path in reversed(self.paths(key)):
            try:
                return path, self._partition(path, key)
            except BadDataError:
                continue
        return "", None

    def _old(self, path: Path, key: SeriesKey, seen: Partition | None = None) -> Partition | None:
        """What is stored at `path` (`seen`: as read already); None for an unreadable file, which is quarantined."""
        try:
            part = seen or self._partition(path, key)
            if not part.sealed:  # what is written is sealed
                checked(part.bars, name=str(path))
            return part
        except FileNotFoundError:
            return None
        except BadDataError:
            set_aside(path)
            return None

    @contextmanager
    def writing(self, key: SeriesKey) -> Iterator[Path]:
        """The series' folder, made, swept and locked; a re-basing that was cut short is finished first."""
        folder = self.folder(key)
        private.make_folder(self.locks)
        path = self.locks / f"store-{key.exchange}-{folder.parent.name}-{key.timeframe}.lock"
        with locked(path, key, LOCK_TIMEOUT_S):
            make_folder(folder)
            rebase.tidy(folder)
            yield folder


def _in_order(parts: Sequence[Partition]) -> Bars | None:
    """The bars of sealed partitions with checked prices; None where anything must be looked at."""
    some = [part.bars for part in parts if len(part.bars)]
    if not some or not all(part.sealed for part in parts):
        return None
    if any(later.ts_ms[0] <= earlier.ts_ms[-1] for earlier, later in itertools.pairwise(some)):
        return None
    return joined(some) if len(some) > 1 else some[0]
