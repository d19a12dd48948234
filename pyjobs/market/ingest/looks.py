"""When a series was last looked at again, and what is still to be: `.looks.json` in the folder of its partitions.

A provider revises bars, delivers late what it had not, and works a dividend in weeks after it fell due. So:

- stored bars are asked for again when they are an hour, a day, a week and a month old (`AGES`), never twice for an age;
- a bar that was confirmed empty is asked for again after the same intervals; then the confirmation stands;
- of adjusted prices the whole history is compared every so often, for what was worked in late moves all before it;
- who has been silent for long is asked for less and less often (`PART_OF_SILENCE`).

Without the file (or with a damaged one) confirmations are final, and the looks start again.
"""

from __future__ import annotations

import itertools
from zlib import crc32

import msgspec
import numpy as np

from pyjobs.market.bars import TIMEFRAME_MS, IntArray, SeriesKey
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.confirmed_empty import NO_TIMES, within
from pyjobs.market.store.partitions import is_intraday, partition_name
from utils.files import os_files
from utils.files.atomic import write_bytes

FILE = ".looks.json"
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
EPOCH_WEEKDAY, TURNS = 3, (1, 2, 3, 4)  # Monday is 0
AGES = {"hour": HOUR_MS, "day": DAY_MS, "week": 7 * DAY_MS, "month": 30 * DAY_MS}
PART_OF_SILENCE, LONGEST_PAUSE_MS = 16, DAY_MS - HOUR_MS  # a night is never on the second


def interval_over(since_ms: int, asked_ms: int, now_ms: int, *, slack: int = 24) -> bool:
    """Whether an hour, a day, a week or a month has passed since `since_ms` without a request since then.

    `slack`: less a part of it, for a night is never on the second. A clock that was ahead then does not count.
    """
    if max(since_ms, asked_ms) > now_ms:
        return True
    return any(asked_ms < since_ms + age - (age // slack if slack else 0) <= now_ms for age in AGES.values())


def intervals_through(since_ms: int, asked_ms: int, *, slack: int = 24) -> bool:
    """Whether it was asked for after the longest of them."""
    longest = max(AGES.values())
    return asked_ms >= since_ms + longest - (longest // slack if slack else 0)


class Confirmed(msgspec.Struct, frozen=True, kw_only=True):
    """Bars from `first_ms` to `last_ms` that the provider confirmed it has not, at `since_ms`; `asked_ms` is the last
    time that it was asked for them."""

    first_ms: int
    last_ms: int
    since_ms: int
    asked_ms: int

    def due(self, now_ms: int) -> bool:
        """Whether an interval has passed since it was asked."""
        return interval_over(self.since_ms, self.asked_ms, now_ms, slack=0)

    @property
    def stands(self) -> bool:
        """Whether it has been asked for after the longest interval."""
        return intervals_through(self.since_ms, self.asked_ms, slack=0)

    def asked_at(self, now_ms: int) -> Confirmed:
        """It, when it has been asked for again in vain; a clock that was ahead counts from now."""
        return msgspec.structs.replace(self, since_ms=min(self.since_ms, now_ms), asked_ms=now_ms)


class Looks(msgspec.Struct, frozen=True, kw_only=True):
    """`looked`: by age, up to which close the bars were looked at when they were so old. `lost`: see that module.

    `lines`: lines still to be printed; `remark`: lines printed about all its bars. `worked_in` and `untrue`: the
    dividends (by session) and the rows (by close) that were already reported as lacking at the provider, or as
    impossible. `waiting`: the close from which on prices come in another unit, and by how many tens; `traded_ms`: the
    close from which on a person has confirmed that they are traded so.
    """

    looked: dict[str, int] = {}
    compared_ms: int = 0
    asked_ms: int = 0
    confirmed: tuple[Confirmed, ...] = ()
    lost: tuple[tuple[int, int], ...] = ()
    lines: tuple[str, ...] = msgspec.field(default=(), name="told")
    worked_in: tuple[str, ...] = ()
    untrue: tuple[int, ...] = ()
    remark: str = ""
    waiting: tuple[int, int] | None = None
    traded_ms: int = 0


def load(store: BarStore, key: SeriesKey) -> Looks | None:
    """The looks of a series; None without a file, or for a damaged one."""
    try:
        return msgspec.json.decode(os_files.held_bytes(store.folder(key) / FILE), type=Looks)
    except (FileNotFoundError, NotADirectoryError, msgspec.MsgspecError, RecursionError):
        return None


def change(store: BarStore, key: SeriesKey, **values: object) -> None:
    """Keep these values; of a series that has a folder. a function is one of the old one."""
    with store.writing(key) as folder:
        known = load(store, key) or Looks()
        new = {name: value(getattr(known, name)) if callable(value) else value for name, value in values.items()}
        changed = msgspec.structs.replace(known, **new)
        if changed != known:
            write_bytes(folder / FILE, msgspec.json.encode(changed) + b"\n")


def to_look_at(key: SeriesKey, known: Looks | None, now_ms: int) -> dict[str, tuple[int, int]]:
    """By age, the closes (first and last) of the bars that are to be asked for again by now."""
    if known is None:
        return {}
    found = {}
    for age, long_ms in AGES.items():
        since = known.looked.get(age)
        if since is not None and long_ms >= TIMEFRAME_MS[key.timeframe] and now_ms - long_ms - since >= long_ms:
            found[age] = since + 1, now_ms - long_ms
    return found


def note_looked(store: BarStore, key: SeriesKey, now_ms: int, ages: dict[str, tuple[int, int]]) -> None:
    """These ages have been looked at; of the others it begins now, where it has not, or by a clock that was ahead."""
    known, latest = load(store, key), {age: now_ms - long_ms for age, long_ms in AGES.items()}
    if ages or known is None or any(known.looked.get(age, now_ms) > latest[age] for age in AGES):
        done = {age: last for age, (_, last) in ages.items()}
        change(
            store, key,
            looked=lambda old: {age: done.get(age, min(old.get(age, now_ms), latest[age])) for age in AGES},
        )  # fmt: skip


def has_its_turn(key: SeriesKey, now_ms: int) -> bool:
    """Whether today is the series' day of the week, from Tuesday to Friday (UTC), when every schedule has nights."""
    weekday = (now_ms // DAY_MS + EPOCH_WEEKDAY) % 7
    return weekday == TURNS[crc32(str(key).encode()) % len(TURNS)]


def comparison_due(store: BarStore, key: SeriesKey, now_ms: int, every_ms: int) -> bool:
    """Whether all of an adjusted history is to be compared with the provider's by now.

    Series of which nothing is known take turns, where it is not every day.
    """
    known = load(store, key)
    if known is None or not known.compared_ms:
        return every_ms <= DAY_MS or has_its_turn(key, now_ms)
    return now_ms >= known.compared_ms + every_ms - HOUR_MS or known.compared_ms > now_ms


def confirmed(store: BarStore, key: SeriesKey, times: IntArray, now_ms: int) -> None:
    """These closes (increasing) were confirmed empty just now, for the first time."""
    if not times.size:
        return
    fresh = [
        Confirmed(first_ms=first, last_ms=last, since_ms=now_ms, asked_ms=now_ms)
        for first, last in _runs(key.timeframe, times)
    ]
    change(store, key, confirmed=lambda old: _put_together(key.timeframe, [*old, *fresh]))


def to_ask_again(store: BarStore, key: SeriesKey, now_ms: int) -> IntArray:
    """The closes of bars that were confirmed empty, and are to be asked for again by now."""
    known = load(store, key)
    due = [one for one in known.confirmed if one.due(now_ms)] if known else []
    if not due:
        return NO_TIMES
    empty = store.confirmed_empty(
        key, start_ms=min(one.first_ms for one in due), end_ms=max(one.last_ms for one in due)
    )
    return np.unique(np.concatenate([NO_TIMES, *(within(empty, one.first_ms, one.last_ms) for one in due)]))


def note_asked_again(store: BarStore, key: SeriesKey, now_ms: int) -> None:
    """Note that everything due was asked for."""

    def asked(old: tuple[Confirmed, ...]) -> tuple[Confirmed, ...]:
        new = [one.asked_at(now_ms) if one.due(now_ms) else one for one in old]
        return tuple(one for one in new if not one.stands)

    change(store, key, confirmed=asked)


def rests(known: Looks, silent_since_ms: int, now_ms: int) -> bool:
    """Whether a series that has been silent since then, and was asked for since, is not due yet."""
    if known.asked_ms < silent_since_ms or known.asked_ms > now_ms:
        return False
    return now_ms - known.asked_ms < pause_ms(silent_since_ms, known.asked_ms)


def pause_ms(silent_since_ms: int, asked_ms: int) -> int:
    """For how long a series is left alone that was silent from then until it was asked."""
    return min((asked_ms - silent_since_ms) // PART_OF_SILENCE, LONGEST_PAUSE_MS)


def _runs(timeframe: str, times: IntArray) -> list[tuple[int, int]]:
    """First and last of `times` that lie in one file, of bars within the day; else of neighbours."""
    heads: IntArray = (times - 1) // DAY_MS if is_intraday(timeframe) else times - np.arange(times.size) * DAY_MS
    edges = [0, *(np.flatnonzero(np.diff(heads)) + 1).tolist(), times.size]
    return [(int(times[a]), int(times[b - 1])) for a, b in itertools.pairwise(edges)]


def _put_together(timeframe: str, some: list[Confirmed]) -> tuple[Confirmed, ...]:
    """One entry for each day's file, of the newest confirmation: a quiet coin has hundreds a day."""
    if not is_intraday(timeframe):
        return tuple(some)
    by_file: dict[str, Confirmed] = {}
    for one in some:
        name = partition_name(timeframe, one.first_ms)
        known = by_file.get(name)
        by_file[name] = one if known is None else Confirmed(
            first_ms=min(known.first_ms, one.first_ms), last_ms=max(known.last_ms, one.last_ms),
            since_ms=max(known.since_ms, one.since_ms), asked_ms=max(known.asked_ms, one.asked_ms),
        )  # fmt: skip
    return tuple(by_file.values())
