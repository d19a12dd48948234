"""How new bars meet stored ones: last write wins, but a bar that may still change never replaces one that may not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pyjobs.market.bars import COLUMNS, Bars
from pyjobs.market.store.confirmed_empty import NO_TIMES, without
from pyjobs.market.store.partitions import Partition


def joined(parts: list[Bars]) -> Bars:
    """The parts one after the other; no parts make no bars."""
    empty = {name: np.empty(0, np.int64 if name == "ts_ms" else np.float64) for name in COLUMNS}
    return Bars(**{name: np.concatenate([empty[name], *(getattr(p, name) for p in parts)]) for name in COLUMNS})


def merged(old: Bars, new: Bars) -> Bars:
    """Both, increasing in time; where they share a time the new bar counts. Each must be increasing already."""
    both = joined([old, new])
    if not len(old) or not len(new) or old.last_ms < new.ts_ms[0]:
        return both
    order = np.argsort(both.ts_ms, kind="stable")  # stable: of two equal times the new one comes second
    ts_ms = both.ts_ms[order]
    last = order[np.append(ts_ms[1:] != ts_ms[:-1], True)]
    return Bars(**{name: getattr(both, name)[last] for name in COLUMNS})


def same_bars(one: Bars, other: Bars) -> bool:
    """Whether both hold the same numbers."""
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in COLUMNS)


def merge_partition(old: Partition, fresh: Partition) -> Partition | None:
    """`fresh` merged into `old`, or None when that changes nothing.

    A provisional bar (the last one, where `last_final` is False) of `fresh` is dropped when `old` has a final bar of
    that time or a later one. A provisional bar of `old` goes when `fresh` passes over it: it would look final.
    """
    incoming, kept = _incoming(old, fresh), _kept(old, fresh)
    bars = merged(kept, incoming)
    if not len(bars):
        final = True
    elif len(incoming) and bars.ts_ms[-1] == incoming.ts_ms[-1]:
        final = fresh.provenance.last_final or len(incoming) < len(fresh.bars)
    else:
        final = old.provenance.last_final or len(kept) < len(old.bars)
    both = np.union1d(old.empty, fresh.empty) if old.empty.size or fresh.empty.size else NO_TIMES
    empty = without(both, bars.ts_ms)
    known = old.provenance
    if same_bars(bars, old.bars) and final == known.last_final and np.array_equal(empty, old.empty):
        return None
    provenance = replace(fresh.provenance, last_final=final, basis=known.basis)
    return Partition(bars=bars, provenance=provenance, empty=empty)


def _incoming(old: Partition, fresh: Partition) -> Bars:
    if fresh.provenance.last_final or not len(fresh.bars) or not len(old.bars):
        return fresh.bars
    newest, last = int(fresh.bars.ts_ms[-1]), int(old.bars.ts_ms[-1])
    passed = newest < last or (newest == last and old.provenance.last_final)
    return fresh.bars.slice(0, len(fresh.bars) - 1) if passed else fresh.bars


def _kept(old: Partition, fresh: Partition) -> Bars:
    if old.provenance.last_final or not len(old.bars):
        return old.bars
    provisional = old.bars.ts_ms[-1]
    passed = bool(len(fresh.bars)) and fresh.bars.ts_ms[-1] > provisional
    gone = (passed and provisional not in fresh.bars.ts_ms) or provisional in fresh.empty
    return old.bars.slice(0, len(old.bars) - 1) if gone else old.bars


def beside(old: Partition, fresh: Partition) -> Partition:
    """The additions of `fresh` to `old`: final bars of times without a final one, and confirmed empty times."""
    bars = fresh.bars if fresh.provenance.last_final else fresh.bars.slice(0, max(0, len(fresh.bars) - 1))
    sure = old.bars.ts_ms if old.provenance.last_final else old.bars.ts_ms[:-1]
    lacking = ~np.isin(bars.ts_ms, sure)
    return Partition(
        bars=Bars(**{name: getattr(bars, name)[lacking] for name in COLUMNS}),
        provenance=replace(fresh.provenance, last_final=True),
        empty=without(fresh.empty, old.bars.ts_ms),
    )
