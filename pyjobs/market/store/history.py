"""A whole series, without decoding what has not changed: its older partitions as one mapped file, the newest ones read.

The mapped file (see `cache/column_cache`) holds the partitions that were there when it was made, but for the newest.
So a bar that is appended makes nothing untrue: the newest partitions are read each time, where they lie. When too many
have come that the file does not hold, or one that it holds has changed, it is made again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from pyjobs.market.bars import Bars, checked
from pyjobs.market.cache.column_cache import beginning, cached
from pyjobs.market.chained import chained
from pyjobs.market.store.merge import joined
from pyjobs.market.store.partitions import Partition, is_partition_file
from pyjobs.market.store.rebase import STAGED

READ = 1  # newest partitions that the mapped file does not hold
FEWEST = READ + 2  # partitions that are worth one
READ_ANEW = 16  # of so many partitions, one more may have come since it was made
Read = Callable[[str], Partition]


def whole(series: Path, timeframe: str, cache: Path, read: Read) -> Bars | None:
    """The bars of the partitions in the folder `series`, in time order; None where they must be read one by one.

    That is so for few of them, while a series is being put in another's place, and when anything does not fit. Raises
    BadDataError for a partition that cannot be read, and OSError.
    """
    found = os.listdir(series)  # noqa: PTH208  # names only
    names = sorted(name for name in found if is_partition_file(timeframe, name))
    if len(names) < FEWEST or STAGED in found:  # staged: these may be the old files of a series that is new already
        return None
    where = os.path.abspath(series)  # noqa: PTH100  # a Path costs ten times as much, and there are thousands
    sources = [f"{where}/{name}" for name in names]
    kept = beginning(cache, where, sources, most=READ + 1 + len(sources) // READ_ANEW)
    if kept is None:
        held = sources[:-READ]
        kept = cached(cache, where, held, lambda: _made(held, read)), len(held)
    ((name, older),) = kept[0].items()
    basis, last_ms = map(int, name.split())
    parts = [older]
    for source in sources[kept[1] :]:
        part = read(source)
        bars = checked(part.bars, name=where)
        if part.provenance.basis != basis or (len(bars) and bars.ts_ms[0] <= last_ms):
            return None
        parts.append(bars)
        last_ms = int(bars.ts_ms[-1]) if len(bars) else last_ms
    return chained(parts)


def _made(sources: Sequence[str], read: Read) -> dict[str, Bars]:
    """Their bars, named by their basis and the last close (so that nobody need look at it).

    Raises FileNotFoundError when they are of two: who moves them?
    """
    parts = [read(source) for source in sources]
    (basis, *others) = {part.provenance.basis for part in parts}
    if others:
        raise FileNotFoundError(sources[0])
    bars = checked(joined([part.bars for part in parts]), name=str(Path(sources[0]).parent))
    return {f"{basis} {bars.ts_ms[-1] if len(bars) else 0}": bars}
