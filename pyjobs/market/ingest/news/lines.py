"""The lines about a series: noted in its `.looks.json` before its bars are stored, and removed once they were printed.

So a job that is killed in between has a line printed twice rather than never. What an answer brings each time (a
dividend that its provider still lacks, an impossible row) is printed once, and again when it has been away.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

from pyjobs.market.bars import Bars, IntArray, SeriesKey
from pyjobs.market.ingest import looks
from pyjobs.market.ingest.looks import Looks
from pyjobs.market.providers import Fetched
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.times import utc_text

MOST_LINES = 50  # lines that wait; a scan prints none of them, and a box may run nothing else
REBASED = "re-based: a split or dividend changed the stored history"


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """The news of one answer: the lines about it, and the dividends and rows reported by now.

    `before`: lines that an earlier job has noted and not printed. `changed`: others than before are known.
    """

    lines: tuple[str, ...]
    before: tuple[str, ...]
    worked_in: tuple[str, ...]
    untrue: tuple[int, ...]
    remark: str = ""
    changed: bool = False

    @property
    def all(self) -> tuple[str, ...]:
        """All lines to print now, each once."""
        return tuple(dict.fromkeys((*self.before, *self.lines)))

    def note(self, store: BarStore, key: SeriesKey, *more: str) -> None:
        """Keep it; `more`: lines that are only printed where this job is killed."""

        if not self.lines and not more and not self.changed:
            return

        def with_lines(old: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(dict.fromkeys((*old, *self.lines, *more)))[-MOST_LINES:]

        known = {"worked_in": self.worked_in, "untrue": self.untrue, "remark": self.remark}
        looks.change(store, key, lines=with_lines, **known)


def of_answer(known: Looks | None, fetched: Fetched | None, bars: Bars, found: tuple[str, ...] = ()) -> News:
    """The news of an answer, of which `bars` are stored; `found`: sentences about what is stored."""
    known = known or Looks()
    if fetched is None or not len(fetched.bars):
        same = {"worked_in": known.worked_in, "untrue": known.untrue, "remark": known.remark}
        return News(lines=found, before=known.lines, **same)  # type: ignore[arg-type]
    first, last = (_day(int(ts_ms)) for ts_ms in fetched.bars.ts_ms[[0, -1]])
    late = tuple(session for session, _ in fetched.worked_in)
    rows = tuple(ts_ms for ts_ms in fetched.untrue if ts_ms not in bars.ts_ms)
    lines = [*found, *_about_rows([ts_ms for ts_ms in rows if ts_ms not in known.untrue])]
    if new := [session for session in late if session not in known.worked_in]:
        lines.append(
            f"announced but not in the provider's prices yet, so worked in here: the dividend of {', '.join(new)}"
        )
    outside = [day for day in known.worked_in if not first <= day <= last]
    worked_in = tuple(sorted({*outside, *late}))
    others = [ts_ms for ts_ms in known.untrue if not first <= _day(ts_ms) <= last]
    untrue = tuple(sorted({*others, *rows}))
    if fetched.remark and fetched.remark != known.remark:
        lines.append(fetched.remark)
    changed = (worked_in, untrue, fetched.remark) != (known.worked_in, known.untrue, known.remark)
    return News(
        lines=tuple(lines),
        before=known.lines,
        worked_in=worked_in,
        untrue=untrue,
        remark=fetched.remark,
        changed=changed,
    )


def mark_printed(store: BarStore, key: SeriesKey, lines: Collection[str]) -> None:
    """These lines about a series have been printed; what another job has noted meanwhile, and prints itself, stays."""
    looks.change(store, key, lines=lambda old: tuple(entry for entry in old if entry not in lines))


def about_revised(revised: IntArray) -> tuple[str, ...]:
    """The sentence about stored bars that came with other numbers: `revised` are their closes, increasing."""
    if not revised.size:
        return ()
    which = f"{', the first' if revised.size > 1 else ':'} that of {utc_text(int(revised[0]))}"
    return (f"{revised.size} stored bar{'s' * (revised.size > 1)} revised by the provider{which}",)


def _about_rows(times: list[int]) -> list[str]:
    if not times:
        return []
    which = f"{', the first' if len(times) > 1 else ':'} that of {utc_text(times[0])}"
    return [f"{len(times)} row{'s' * (len(times) > 1)} of the provider cannot be true, left out{which}"]


def _day(ts_ms: int) -> str:
    return dt.datetime.fromtimestamp(ts_ms / 1000, dt.UTC).date().isoformat()
