"""One step of a loop: recent bars, less the newest; each closed bar that is not decided yet, in order; written, synced.

A step knows nothing of the step before but what stands in the files.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from pyjobs.live import feed, kill_switch
from pyjobs.live.config import Limits
from pyjobs.live.deciding.core import Decider, Lane, Stand
from pyjobs.live.deciding.standing import bars_in, restored
from pyjobs.live.feed import Answer
from pyjobs.live.journal import names
from pyjobs.live.journal.cells import number
from pyjobs.live.journal.journal import Journal, LookDeeper
from pyjobs.live.journal.place import Place
from pyjobs.live.limits import check_of, others, totals
from pyjobs.live.spec import Spec, code_of
from pyjobs.market.bars import COLUMNS, Bars, last
from pyjobs.market.times import utc_text
from utils.errors import ExternalDataUnavailable, LockBusyError, MissingInputError
from utils.files import os_files, private

BLOCK = 4096  # bars decided between two syncs
SIZES = "sizes.json"  # what the last step left; another size or time than that, and the files are looked at for longer
CODE = names.DECISIONS.index("code")
KIND, DETAIL = names.EVENTS.index("kind"), names.EVENTS.index("detail")
EVENTS_SEEN = 400
READ_S = 0.2  # a comparison holds the lock while it reads


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a step goes by besides its loop: limits, the loops of live.yaml, whether to ask anybody, the clock.

    `synced` False: the caller says when what was written is to be made last (`Loop.journal.sync`).
    """

    now_ms: Callable[[], int]
    limits: Limits = field(default_factory=Limits)
    configured: tuple[Place, ...] = ()
    fetched: bool = True
    synced: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a step did: rows written, trades that ended, the last decided bar (0: none yet), what is to be said."""

    rows: int
    trades: int
    last_ms: int
    told: tuple[str, ...]


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
        self.stand, self.told = self._opened()
        self.history = last(bars_in(self.journal.bars), self.lane.lookback + feed.OVERLAP)
        self.events = self.journal.events(EVENTS_SEEN)

    def _opened(self) -> tuple[Stand, list[str]]:
        """After a clean step by the last rows; after anything else by ten thousand, and that is an event."""
        journal, now_ms, need = self.journal, self.setting.now_ms(), self.lane.lookback + feed.OVERLAP
        told: list[str] = []
        with suppress(LookDeeper):
            told = journal.open(now_ms=now_ms, bars=need, deep=False)
            if not told and self._kept_sizes() == journal.sizes():
                return restored(journal, self.lane), []
        told = [*told, *journal.open(now_ms=now_ms, bars=need, deep=True)]
        stand = restored(journal, self.lane)
        told = list(dict.fromkeys([*told, *(each for file in journal.files.values() for each in file.told)]))
        if stand.ts_ms or told:
            journal.event("repaired" if told else "start", stand.ts_ms, "; ".join(told), self._at())
        return stand, told

    def step(self) -> Outcome:
        """Take one. What was decided before an error stays decided."""
        told, self.told = self.told, []
        failing = next((row for row in reversed(self.events) if row[KIND] in ("fetch_failed", "fetch_ok")), None)
        failing = failing if failing and failing[KIND] == "fetch_failed" else None
        try:
            answer = self._answer()
        except ExternalDataUnavailable as error:
            if failing is None:
                self._event("fetch_failed", self.stand.ts_ms, f"{error.kind}: {error.detail}")
            raise
        told += answer.told
        self._note_revisions(answer.bars)
        if self.journal.decisions and self.journal.decisions[-1][CODE] != self.code:
            self._event("code_changed", self.stand.ts_ms, f"{self.journal.decisions[-1][CODE]} to {self.code}")
        rows, trades = 0, 0
        for block in self._blocks(answer, "fetch_failed" if failing else "late"):
            rows, trades = rows + block[0], trades + block[1]
        if failing:
            self._event("fetch_ok", self.stand.ts_ms, f"after {failing[names.EVENTS.index('at')]}")
        self._keep_sizes()
        return Outcome(rows=rows, trades=trades, last_ms=self.stand.ts_ms, told=tuple(told))

    def take(self, answer: Answer, late_word: str = "late") -> tuple[int, int]:
        """Decide what an answer holds: how many rows, how many trades that ended."""
        done = list(self._blocks(answer, late_word))
        return sum(rows for rows, _ in done), sum(trades for _, trades in done)

    def _answer(self) -> Answer:
        known = self.history
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
        new, stand = answer.bars, self.stand
        new = new.slice(int(np.searchsorted(new.ts_ms, stand.ts_ms, side="right")), len(new))
        closed = len(new) - (0 if answer.final else 1)
        if closed <= 0:
            return
        warm: list[str] = []
        first = 0
        if not stand.ts_ms:
            first = closed - 1
            warm = self._bar_lines(new.slice(max(0, first - self.lane.lookback), first), names.WARM_UP)
            self.history = new.slice(max(0, first - self.lane.lookback), first)
        newer = len(new) - 1 + (1 if answer.final else 0)
        kill = kill_switch.state()
        also = [*(["persist_failed"] if not answer.persisted else []), *([kill.words] if kill else [])]
        words = ["+".join(also), "+".join([late_word, *also])]
        for start in range(first, closed, BLOCK):
            end = min(start + BLOCK, closed)
            late = [newer - i >= 2 for i in range(start, end)]
            yield self._block(new.slice(start, end), late, words, warm)
            warm = []

    def _block(self, bars: Bars, late: list[bool], words: list[str], warm: list[str]) -> tuple[int, int]:
        known = last(self.history, self.lane.lookback + feed.OVERLAP)
        window = chain(known, bars)
        before = _copied(self.stand)
        decider = Decider(self.lane, self.stand, window)
        check = check_of(
            self.setting.limits,
            (self.spec.exchange, self.spec.symbol),
            lambda: self.stand.day_equity - self.stand.equity,
            lambda at_ms: totals(others(self.spec.place, self.setting.configured), at_ms),
        )
        at, lines, trades = self._at(), [], []
        for i, is_late in enumerate(late):
            done = decider.decide(len(known) + i, words[is_late], check)
            lines.append(f"{done.text},{int(is_late)},{done.blocked_by},{done.risk},{self.code},{at}")
            trades += [f"{trade},{at}" for trade in done.trades]
        try:
            self.journal.append([*warm, *self._bar_lines(bars, names.DECIDED)], lines, trades)
        except BaseException:
            self.stand = before
            raise
        self.history = last(window, self.lane.lookback + feed.OVERLAP)
        self.journal.decisions = [[*lines[-1].split(","), ""]]
        return len(lines), len(trades)

    def _bar_lines(self, bars: Bars, kind: str) -> list[str]:
        prefix, columns = self.lane.prefix, [getattr(bars, name).tolist() for name in COLUMNS]
        return [
            f"{prefix}{ts},{number(o)},{number(h)},{number(low)},{number(c)},{number(v)},{kind}"
            for ts, o, h, low, c, v in zip(*columns, strict=True)
        ]

    def _note_revisions(self, bars: Bars) -> None:
        """What the provider now says of bars that were decided on, and bars older than the last decided: events."""
        known, old = self.history, bars.until(self.stand.ts_ms)
        if not len(known) or not len(old):
            return
        old = old.slice(int(np.searchsorted(old.ts_ms, known.ts_ms[0])), len(old))
        at = np.minimum(np.searchsorted(known.ts_ms, old.ts_ms), len(known) - 1)
        same = np.logical_and.reduce([getattr(known, name)[at] == getattr(old, name) for name in COLUMNS])
        for i in np.flatnonzero(~same).tolist():
            now = "|".join(number(float(getattr(old, name)[i])) for name in COLUMNS[1:])
            if known.ts_ms[at[i]] != old.ts_ms[i]:
                self._event("old_bar", int(old.ts_ms[i]), now)
                continue
            then = "|".join(number(float(getattr(known, name)[at[i]])) for name in COLUMNS[1:])
            self._event("revised", int(old.ts_ms[i]), f"{then} to {now}")

    def _event(self, kind: str, ts_ms: int, detail: str) -> None:
        """Add one, unless it is what the last of its kind about that bar said."""
        told = [row[DETAIL] for row in self.events if row[KIND] == kind and row[names.TS_MS] == str(ts_ms)]
        if told[-1:] == [detail] and kind not in ("fetch_failed", "fetch_ok"):
            return
        at = self._at()
        self.journal.event(kind, ts_ms, detail, at)
        self.events = [*self.events[-EVENTS_SEEN:], [*self.spec.identity[:3], str(ts_ms), kind, detail, at, ""]]

    def _at(self) -> str:
        now = dt.datetime.fromtimestamp(self.setting.now_ms() / 1000, dt.UTC)
        return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _kept_sizes(self) -> object:
        try:
            return json.loads((self.spec.place.folder / SIZES).read_bytes())
        except (OSError, ValueError):
            return None

    def _keep_sizes(self) -> None:
        """Not synced: what is lost costs a longer look."""
        if self.stand.ts_ms:
            with suppress(OSError):
                (self.spec.place.folder / SIZES).write_text(json.dumps(self.journal.sizes()))


def chain(first: Bars, then: Bars) -> Bars:
    """Both, one after the other."""
    if not len(first):
        return then
    return Bars(**{name: np.concatenate([getattr(first, name), getattr(then, name)]) for name in COLUMNS})


def _copied(stand: Stand) -> Stand:
    return Stand(
        cash=stand.cash, equity=stand.equity, day_equity=stand.day_equity, ts_ms=stand.ts_ms, day=stand.day,
        trades=stand.trades, quantity=stand.quantity, s=list(stand.s),
    )  # fmt: skip


def said(spec: Spec, done: Outcome) -> str:
    """One line about a step."""
    upto = f" up to {utc_text(done.last_ms)}" if done.last_ms else ""
    news = f"{done.rows} decided{upto}" if done.rows else f"nothing new{upto}"
    ended = f", {done.trades} trades ended" if done.trades else ""
    return f"{spec.tag} {spec.key}: {news}{ended}" + "".join(f"; {each}" for each in done.told)
