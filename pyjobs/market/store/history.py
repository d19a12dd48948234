"""A whole series, without decoding what has not changed: its older partitions as one mapped file, the newest ones read.

The mapped file (see `cache/column_cache`) holds the partitions that were there when it was made, but for the newest.
So a bar that is appended makes nothing untrue: the newest partitions are read each time, where they lie. When too many
have come that the file does not hold, or one that it holds has changed, it is made again.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from pyjobs.market.bars import Bars, SeriesKey, checked
from pyjobs.market.cache.column_cache import beginning, cached
from pyjobs.market.chained import chained
from pyjobs.market.seen import Seen, seen_in, with_seen
from pyjobs.market.store.merge import joined
from pyjobs.market.store.partitions import is_partition_file, read_partition, read_sealed
from pyjobs.market.store.rebase import STAGED

READ = 1  # newest partitions that the mapped file does not hold
FEWEST = READ + 2  # partitions that are worth one
READ_ANEW = 16  # of so many partitions, one more may have come since it was made


def whole(series: Path, key: SeriesKey, cache: Path) -> Bars | None:
    """The bars of the partitions in the folder `series`, in time order; None where they must be read one by one.

    That is so for few of them, while a series is being put in another's place, and when anything does not fit. Raises
    BadDataError for a partition that cannot be read, and OSError.
    """
    found = os.listdir(series)  # noqa: PTH208  # names only
    names = sorted(name for name in found if is_partition_file(key.timeframe, name))
    if len(names) < FEWEST or STAGED in found:  # staged: these may be the old files of a series that is new already
        return None
    where = os.path.abspath(series)  # noqa: PTH100  # a Path costs ten times as much, and there are thousands
    sources = [f"{where}/{name}" for name in names]
    kept = beginning(cache, where, sources, most=READ + 1 + len(sources) // READ_ANEW)
    if kept is None:
        held = sources[:-READ]
        kept = cached(cache, where, held, lambda: _made(held, key)), len(held)
    ((name, older),) = kept[0].items()
    about = _about.decode(name)
    basis, last_ms = about.basis, about.seen.last_ms if about.seen else 0
    parts = [with_seen(older, about.seen) if about.seen else older]
    for source in sources[kept[1] :]:
        bars, own = _read(source, key)
        if own != basis or (len(bars) and bars.ts_ms[0] <= last_ms):
            return None
        parts.append(bars)
        last_ms = int(bars.ts_ms[-1]) if len(bars) else last_ms
    return chained(parts)


def _read(source: str, key: SeriesKey) -> tuple[Bars, int]:
    """The partition's bars, looked at when they were written or now, and their basis."""
    sealed = read_sealed(source, key)
    if sealed is not None:
        return sealed
    part = read_partition(source, key)
    return (part.bars if part.sealed else checked(part.bars, name=str(Path(source).parent))), part.provenance.basis


class About(msgspec.Struct, frozen=True, kw_only=True):
    """The facts in the name of a mapped series, for which its bars need not be read; `seen` None: no bars."""

    basis: int
    seen: Seen | None


_about = msgspec.json.Decoder(About)


def _made(sources: Sequence[str], key: SeriesKey) -> dict[str, Bars]:
    """Their bars, named by what `About` them is known.

    Raises FileNotFoundError when they are of two bases: another process moves them.
    """
    parts = [_read(source, key) for source in sources]
    (basis, *others) = {basis for _, basis in parts}
    if others:
        raise FileNotFoundError(sources[0])
    bars = checked(joined([bars for bars, _ in parts]), name=str(Path(sources[0]).parent))
    about = About(basis=basis, seen=seen_in(bars) if len(bars) else None)
    return {msgspec.json.encode(about).decode(): bars}
