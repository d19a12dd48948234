"""One step of a loop: recent bars, less the newest; each closed bar that is not decided yet, in order; written, synced.

A step has no memory of the step before except the files.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from pyjobs.live import feed, kill_switch
from pyjobs.live.config import Limits
from pyjobs.live.deciding.core import Lane, Stand, deciders
from pyjobs.live.deciding.seen import Seen, scaled, seen_in
from pyjobs.live.deciding.standing import restored
from pyjobs.live.feed import Answer
from pyjobs.live.journal import last_sizes, names
from pyjobs.live.journal.cells import number
from pyjobs.live.journal.journal import Journal, LookDeeper
from pyjobs.live.journal.place import Place
from pyjobs.live.limits import Held, Turn, Unreadable, check_of, others, totals
from pyjobs.live.spec import Spec, code_of
from pyjobs.live.splits import alike, between, rebased, unexplained
from pyjobs.market.bars import COLUMNS, Bars
from utils.errors import BadDataError, ExternalDataUnavailable, LockBusyError, MissingInputError
from utils.files import os_files, private

BLOCK = 4096  # bars decided between two syncs
CODE = names.DECISIONS.index("code")
KIND, DETAIL = names.EVENTS.index("kind"), names.EVENTS.index("detail")
EVENTS_SEEN = 400
READ_S = 0.2  # a comparison holds the lock while it reads


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The input of a step besides its loop: limits, the loops of live.yaml, whether to ask a provider, the clock.

    `synced` False: the caller decides when what was written is synced to the disk (`Loop.journal.sync`).
    """

    now_ms: Callable[[], int]
    limits: Limits = field(default_factory=Limits)
    configured: tuple[Place, ...] = ()
    fetched: bool = True
    synced: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of a step: rows written, trades that ended, last decided bar (0: none yet), lines to print."""

    rows: int
    trades: int
    last_ms: int
    report: tuple[str, ...]
    noted: bool


def step(spec: Spec, setting: Setting) -> Outcome:
    """Do one, alone. Raises LockBusyError while another process works on this loop; and as the journal and the feed."""
    path = spec.place.lock
    private.make_folder(path.parent)
    try:
        with os_files.locked(path, READ_S):
            loop = Loop(spec, setting)
            try:
                return loop.step()
            finally:
                loop.journal.close()
    except os_files.HeldElsewhere:
        raise LockBusyError(f"{spec.place.name}: another process works on this loop ({path})") from None


class Loop:
    """One loop, opened; its lock is held by the caller. `step` may be taken again and again."""

    def __init__(self, spec: Spec, setting: Setting) -> None:
        self.spec, self.setting = spec, setting
        self.lane: Lane = spec.lane(f"loop {spec.tag}")
        self.code = code_of(spec.strategy)
        monotonic = os.environ.get("ENFORCE_DECISION_MONOTONIC") == "1"
        self.journal = Journal(place=spec.place, identity=spec.identity, monotonic=monotonic, synced=setting.synced)
        try:
            self.stand, self.report = self._opened()
            self.seen = seen_in(self.journal.bars).last(self.lane.lookback + feed.OVERLAP)
            self.waits = ""
            self.events = self.journal.events(EVENTS_SEEN)
        except BaseException:
            self.journal.close()
            raise

    def _opened(self) -> tuple[Stand, list[str]]:
        """After a clean step by the last rows; after anything else by ten thousand, and that is an event."""
        last_sizes.refuse_cut(self.spec.place)
        journal, now_ms, need = self.journal, self.setting.now_ms(), self.lane.lookback + feed.OVERLAP
        lines: list[str] = []
        with suppress(LookDeeper):
            lines = journal.open(now_ms=now_ms, bars=need, deep=False)
            if not lines and last_sizes.kept(self.spec.place) == journal.sizes():
                return restored(journal, self.lane), []
        lines = [*lines, *journal.open(now_ms=now_ms, bars=need, deep=True)]
        stand = restored(journal, self.lane)
        if not stand.ts_ms:
            last_sizes.forget(self.spec.place)
        lines = list(dict.fromkeys([*lines, *(each for file in journal.files.values() for each in file.repairs)]))
        if stand.ts_ms or lines:
            journal.event("repaired" if lines else "start", stand.ts_ms, "; ".join(lines), self._at())
        if lacking := self.setting.limits.lacking:
            lines.append(f"not set: {', '.join(lacking)} in live.yaml: no entry is held back by them")
        return stand, lines

    def step(self) -> Outcome:
        """Take one. Decisions before an error are kept."""
        found, self.report = self.report, []
        failing = next((row for row in reversed(self.events) if row[KIND] in ("fetch_failed", "fetch_ok")), None)
        failing = failing if failing and failing[KIND] == "fetch_failed" else None
        try:
            answer = self._answer()
        except ExternalDataUnavailable as error:
            if failing is None:
                self._event("fetch_failed", self.stand.ts_ms, f"{error.kind}: {error.detail}")
            raise
        found += answer.report
        self._note_revisions(answer)
        self._note_kill()
        if self.journal.decisions and self.journal.decisions[-1][CODE] != self.code:
            self._event("code_changed", self.stand.ts_ms, f"{self.journal.decisions[-1][CODE]} to {self.code}")
        rows, trades = 0, 0
        for block in self._blocks(answer, "fetch_failed" if failing else "late"):
            rows, trades = rows + block[0], trades + block[1]
        if failing:
            self._event("fetch_ok", self.stand.ts_ms, f"after {failing[names.EVENTS.index('at')]}")
        if self.stand.ts_ms:
            last_sizes.keep(self.journal)
        if self.waits:
            raise BadDataError(self.waits)
        found += self.report
        return Outcome(rows=rows, trades=trades, last_ms=self.stand.ts_ms, report=tuple(found), noted=answer.noted)

    def take(self, answer: Answer, late_word: str = "late") -> tuple[int, int]:
        """Decide what an answer holds: how many rows, how many trades that ended."""
        done = list(self._blocks(answer, late_word))
        return sum(rows for rows, _ in done), sum(trades for _, trades in done)

    def _answer(self) -> Answer:
        known = self.seen.bars
        since = int(known.ts_ms[-min(len(known), feed.OVERLAP)]) if len(known) else 0
        need, now_ms = self.lane.lookback + 2, self.setting.now_ms()
        answer = feed.look(self.spec, since_ms=since, bars=need, now_ms=now_ms, fetched=self.setting.fetched)
        if not len(answer.bars) and not len(known):
            raise MissingInputError(
                f"loop {self.spec.tag}: there is no bar of {self.spec.key}: python -m pyjobs.ingest, or the desk's "
                "import_bars, brings some"
            )
        return answer

    def _blocks(self, answer: Answer, late_word: str) -> Iterator[tuple[int, int]]:
        """Decide and write, block by block; of each how many rows and trades."""
        stand, reach, newer = self.stand, self.lane.lookback, 1 if answer.final else 0
        at = int(np.searchsorted(answer.bars.ts_ms, stand.ts_ms, side="right"))
        bars = answer.bars.slice(at, len(answer.bars))
        closed, newer = len(bars) - 1 + newer, len(bars) - 1 + newer
        if closed <= 0:
            return
        first = 0 if stand.ts_ms else closed - 1
        if not stand.ts_ms:
            self.seen = Seen.of(bars.slice(0, 0))
        skipped = max(0, first - reach)
        bars, first, closed, newer = bars.slice(skipped, len(bars)), first - skipped, closed - skipped, newer - skipped
        new = self._with_splits(bars, answer)
        closed = min(closed, len(new))
        warm: list[str] = []
        if not stand.ts_ms:
            self.seen = new.slice(0, min(first, closed))
            warm = self._bar_lines(self.seen, names.WARM_UP)
        kill = kill_switch.state()
        also = [*(["persist_failed"] if not answer.persisted else []), *([kill.words] if kill else [])]
        words = ["+".join(also), "+".join([late_word, *also])]
        for start in range(first, closed, BLOCK):
            end = min(start + BLOCK, closed)
            late = [newer - i >= 2 for i in range(start, end)]
            yield self._block(new.slice(start, end), late, words, warm)
            warm = []

    def _with_splits(self, bars: Bars, answer: Answer) -> Seen:
        """The new bars with the factors between them, up to one that must wait until a split is recorded."""
        if answer.splits is None:
            new = Seen.of(bars)
            if len(self.seen):
                new.factors[0] = rebased(self.seen, answer.bars)
            return new
        factors, late = between(self.lane, self.seen, bars, list(answer.splits))
        for at, split in late:
            ts_ms = int(self.seen.bars.ts_ms[at])
            self._event("split", ts_ms, f"{split.text} came after its bar was decided: nothing is rescaled")
        new = Seen(bars=bars, factors=factors)
        upto, self.waits = unexplained(self.spec, self.lane, self.seen, new, list(answer.splits))
        return new.slice(0, upto)

    def _block(self, new: Seen, late: list[bool], words: list[str], warm: list[str]) -> tuple[int, int]:
        with Turn() as turn:
            return self._decided(new, late, words, warm, turn)

    def _decided(self, new: Seen, late: list[bool], words: list[str], warm: list[str], turn: Turn) -> tuple[int, int]:
        known = self.seen.last(self.lane.lookback + feed.OVERLAP)
        whole, n = known.then(new), len(known)
        before = self.stand.copy()
        check = check_of(
            self.setting.limits,
            (self.spec.exchange, self.spec.symbol),
            lambda: self.stand.day_equity - self.stand.equity,
            lambda at_ms: self._held_elsewhere(at_ms, turn),
        )
        at, lines, trades = self._at(), [], []
        try:
            for a, b, _, decider in deciders(self.lane, self.stand, whole, n, len(whole)):
                for i in range(a, b):
                    is_late = late[i - n]
                    done = decider.decide(i, words[is_late], check)
                    lines.append(f"{done.text},{int(is_late)},{done.blocked_by},{done.risk},{self.code},{at}")
                    trades += [f"{trade},{at}" for trade in done.trades]
            if not before.ts_ms and lines:
                self._event("begun", int(new.bars.ts_ms[0]), "")
            for i in np.flatnonzero(new.factors != 1.0).tolist():  # before it is so: a kill between loses none
                factor = float(new.factors[i])
                self._event("split", int(new.bars.ts_ms[i]), f"all before it counts times {factor!r}")
            self.journal.append([*warm, *self._bar_lines(new, names.DECIDED)], lines, trades)
        except BaseException:
            self.stand = before
            raise
        self.seen = whole.last(self.lane.lookback + feed.OVERLAP)
        self.journal.decisions = [[*lines[-1].split(","), ""]]
        return len(lines), len(trades)

    def _held_elsewhere(self, at_ms: int, turn: Turn) -> list[Held] | Unreadable:
        configured = self.setting.configured
        found = totals(others(self.spec.place, configured), at_ms, configured) if turn.is_mine() else turn.lacking
        if isinstance(found, Unreadable):
            self.report = [f"an entry was forbidden (limits_unreadable): {found.why}"]
        return found

    def _bar_lines(self, new: Seen, kind: str) -> list[str]:
        prefix, columns = self.lane.prefix, [getattr(new.bars, name).tolist() for name in COLUMNS]
        return [
            f"{prefix}{ts},{number(o)},{number(h)},{number(low)},{number(c)},{number(v)},{names.kind_of(kind, factor)}"
            for ts, o, h, low, c, v, factor in zip(*columns, new.factors.tolist(), strict=True)
        ]

    def _note_revisions(self, answer: Answer) -> None:
        """Record as events: bars that were decided on and have changed, and bars older than the last decided."""
        known, old = self.seen.bars, answer.bars.until(self.stand.ts_ms)
        if not len(known) or not len(old):
            return
        old = old.slice(int(np.searchsorted(old.ts_ms, known.ts_ms[0])), len(old))
        at = np.minimum(np.searchsorted(known.ts_ms, old.ts_ms), len(known) - 1)
        same = np.logical_and.reduce([getattr(known, name)[at] == getattr(old, name) for name in COLUMNS])
        if same.all():
            return
        if answer.splits is None:  # all of a series moves with a split, and is rounded again
            now = scaled(self.seen.window(0, len(known)), rebased(self.seen, answer.bars))
            same |= (
                (now.ts_ms[at] == old.ts_ms)
                & (now.close[at] != known.close[at])
                & alike(now, at, old, np.arange(len(old)))
            )
        for i in np.flatnonzero(~same).tolist():
            now_says = "|".join(number(float(getattr(old, name)[i])) for name in COLUMNS[1:])
            if known.ts_ms[at[i]] != old.ts_ms[i]:
                self._event("old_bar", int(old.ts_ms[i]), now_says)
                continue
            then = "|".join(number(float(getattr(known, name)[at[i]])) for name in COLUMNS[1:])
            self._event("revised", int(old.ts_ms[i]), f"{then} to {now_says}")

    def _note_kill(self) -> None:
        """That the switch was seen on, or off again: what a drill of it leaves behind."""
        kill, seen = kill_switch.state(), [row[KIND] for row in self.events if row[KIND] in ("kill", "released")][-1:]
        if kill and seen != ["kill"]:
            self._event("kill", self.stand.ts_ms, f"{kill.words}: {kill.reason}")
        elif not kill and seen == ["kill"]:
            self._event("released", self.stand.ts_ms, "")

    def _event(self, kind: str, ts_ms: int, detail: str) -> None:
        """Add one, unless it repeats the last of its kind about that bar; of splits, which may be several, any."""
        lines = [row[DETAIL] for row in self.events if row[KIND] == kind and row[names.TS_MS] == str(ts_ms)]
        repeated = detail in (lines if kind == "split" else lines[-1:])
        if repeated and kind not in ("fetch_failed", "fetch_ok", "kill", "released"):
            return
        at = self._at()
        self.journal.event(kind, ts_ms, detail, at)
        self.events = [*self.events[-EVENTS_SEEN:], [*self.spec.identity[:3], str(ts_ms), kind, detail, at, ""]]

    def _at(self) -> str:
        now = dt.datetime.fromtimestamp(self.setting.now_ms() / 1000, dt.UTC)
        return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
