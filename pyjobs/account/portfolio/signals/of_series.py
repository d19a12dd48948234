"""What strategies want on each of many series: half of it is made on a second core where there is much to make."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import IO

import msgspec
import numpy as np

from pyjobs.account.portfolio.aligned_bars import AHEAD, AlignedBars
from pyjobs.account.portfolio.signals.packed import PackedSignals
from pyjobs.strategy import compiled
from pyjobs.strategy.lifecycle import Rules
from pyjobs.strategy.signals import Setup, one_sided
from pyjobs.strategy.trace import remembering
from utils.pieces import forked

OURS = "pyjobs.strategy.library."  # these only compute on arrays; one that a user wrote may use threads and locks
IN_TWO_FROM = 4_000_000  # bars, counted for each strategy: 0.1 s of work; a copy of a process costs half of that
Setups = Mapping[str, Setup]
Failed = dict[int, dict[str, Exception]]  # by the number of the series, what setups of these names raised
Named = list[tuple[str, PackedSignals]]  # each with its strategy's name: two of one name where it trades both sides


class Lengths(msgspec.Struct, frozen=True, array_like=True):
    """One `PackedSignals` on series `number` without its arrays: their lengths, the place of its rules in a list."""

    number: int
    setup: str
    size: int
    entries: int
    leaving: int
    kinds: int
    has: int
    rules: int


def packed_signals_of(
    aligned: AlignedBars, wanted: Mapping[int, Setups], *, second_core: bool, failed: Failed | None = None
) -> dict[int, Named]:
    """By the number of each series in `aligned`, ascending, the signals of its strategies.

    What a strategy raises on a series goes into `failed`, where that is given; else it ends this.
    """
    middle = _middle(aligned, wanted) if second_core and forked.is_possible() else None
    if middle is None:
        return {number: _made(aligned, number, setups, failed) for number, setups in wanted.items()}
    compiled.library()  # loaded before: a copy loads nothing
    second = {number: setups for number, setups in wanted.items() if number >= middle}
    with forked.in_a_copy(lambda file: _write(file, aligned, second)) as copy:
        found = {number: _made(aligned, number, setups, failed) for number, setups in wanted.items() if number < middle}
        written = copy.result() if copy else None
    if written is None:
        return found | {number: _made(aligned, number, setups, failed) for number, setups in second.items()}
    aligned.are_copied(second)
    return found | _read(written)


def _made(aligned: AlignedBars, number: int, setups: Setups, failed: Failed | None = None) -> Named:
    """Those of each setup and side; what several of them are made of is made once."""
    bars, found = aligned.bars(number), []
    with remembering():
        for name, setup in setups.items():
            try:
                found += [(name, PackedSignals.of(each)) for each in one_sided(setup.signals(bars))]
            except Exception as error:  # a strategy of one's own may raise anything
                if failed is None:
                    raise
                failed.setdefault(number, {})[name] = error
    return found


def _middle(aligned: AlignedBars, wanted: Mapping[int, Setups]) -> int | None:
    """The first series of the second half, at a place where copying begins; None where one process is as fast."""
    used = {type(setup) for setups in wanted.values() for setup in setups.values()}
    work = [(number, len(setups) * aligned.size(number)) for number, setups in wanted.items()]
    total = sum(bars for _, bars in work)
    if total < IN_TWO_FROM or not all(kind.__module__.startswith(OURS) for kind in used):
        return None
    done = itertools.accumulate(bars for _, bars in work)
    number = next(number for (number, _), so_far in zip(work, done, strict=True) if 2 * so_far >= total)
    return number - number % AHEAD


def _write(file: IO[bytes], aligned: AlignedBars, wanted: Mapping[int, Setups]) -> None:
    """The signals of some series: a head with what each is, then their levels, entries and exits, kind after kind."""
    rules: dict[Rules, int] = {}
    made = [(number, name, each) for number in wanted for name, each in _made(aligned, number, wanted[number])]
    lengths = [
        Lengths(
            number=number,
            setup=name,
            size=each.size,
            entries=each.entries.size,
            leaving=each.leaving.size,
            kinds=each.levels.shape[1],
            has=each.has,
            rules=rules.setdefault(each.rules, len(rules)),
        )
        for number, name, each in made
    ]
    head = msgspec.msgpack.encode((lengths, list(rules)))
    file.write(len(head).to_bytes(8, "little") + head.ljust(-len(head) % 8 + len(head), b"\0"))
    for name in ("levels", "entries", "leaving"):
        for _, _, each in made:
            file.write(np.ascontiguousarray(getattr(each, name)).data)


def _read(written: memoryview) -> dict[int, Named]:
    """What `_write` has written; the arrays are views of it."""
    size = int.from_bytes(written[:8], "little")
    lengths, rules = msgspec.msgpack.decode(written[8 : 8 + size], type=tuple[list[Lengths], list[Rules]])
    at = 8 + size + -size % 8
    n_levels, n_entries = sum(each.entries * each.kinds for each in lengths), sum(each.entries for each in lengths)
    levels = np.frombuffer(written, np.float64, n_levels, at)
    entries = np.frombuffer(written, np.int32, n_entries, at + 8 * n_levels)
    leaving = np.frombuffer(written, np.uint8, offset=at + 8 * n_levels + 4 * n_entries)
    found: dict[int, Named] = {each.number: [] for each in lengths}
    level = entry = bit = 0
    for each in lengths:
        carried = levels[level : level + each.entries * each.kinds].reshape(each.entries, each.kinds)
        packed = PackedSignals(
            size=each.size,
            entries=entries[entry : entry + each.entries],
            levels=carried,
            has=each.has,
            leaving=leaving[bit : bit + each.leaving],
            rules=rules[each.rules],
        )
        found[each.number].append((each.setup, packed))
        level, entry, bit = level + carried.size, entry + each.entries, bit + each.leaving
    return found
