"""The four files of one instance, opened so that they agree: decisions, bars, trades, events.

Written in this order: bars, synced; then trades and decisions, synced. So after a kill there may be more bars than
decisions (they are cut off), and more or fewer trades than decisions have (they are cut off, or made again from the
bars).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pyjobs.live.journal import names
from pyjobs.live.journal.lines import LinesFile, Row
from pyjobs.live.journal.place import Place
from pyjobs.market.times import utc_text
from utils.errors import BadDataError, ConfigError
from utils.files.atomic import sync_directory

CHECKED_AT_A_START = 10_000
SLACK_MS = 60_000  # a provider's clock and ours
IDENTITY = (0, 1, 2)
STRATEGY, FINGERPRINT, TRADES = (names.DECISIONS.index(each) for each in ("strategy", "fingerprint", "trades"))
NUMBER = names.TRADES.index("number")
KIND, EVENT_KIND = names.BARS.index("kind"), names.EVENTS.index("kind")


class LookDeeper(Exception):
    """More rows are needed than a step looks at."""


class Identity(NamedTuple):
    """The loop of the journal."""

    exchange: str
    symbol: str
    timeframe: str
    strategy: str
    fingerprint: str


@dataclass(slots=True, kw_only=True)
class Journal:
    """The files of one place. After `open`, `decisions`, `bars` and `trades` are the rows that were looked at."""

    place: Place
    identity: Identity
    monotonic: bool = False
    synced: bool = True
    decisions: list[Row] = field(default_factory=list)
    bars: list[Row] = field(default_factory=list)
    trades: list[Row] = field(default_factory=list)
    files: dict[str, LinesFile] = field(default_factory=dict)

    def open(self, *, now_ms: int, bars: int, deep: bool) -> list[str]:
        """Read and set right what a kill left; what was done, each a sentence. `bars`: how many are needed at least.

        `deep`: look at the last 10 000 rows, not at the last few. Raises BadDataError and ConfigError for what is
        not ours or does not fit; then nothing is changed but what a torn write left; LookDeeper only when not `deep`.
        """
        place = self.place
        self.files = {
            "decisions": LinesFile(path=place.decisions, columns=names.DECISIONS),
            "bars": LinesFile(path=place.bars, columns=names.BARS),
            "trades": LinesFile(path=place.trades, columns=names.TRADES),
            "events": LinesFile(path=place.events, columns=names.EVENTS),
        }
        look = CHECKED_AT_A_START if deep else 1
        self.decisions = self.files["decisions"].tail(look + 1)
        self.bars = self.files["bars"].tail(look + bars + 1)
        self.trades = self.files["trades"].tail(look + 1)
        self._refuse_foreign()
        for name, rows in (("decisions", self.decisions), ("bars", self.bars), ("trades", self.trades)):
            refuse_disorder(self.files[name], rows, strictly=name != "trades")
        last = int(self.decisions[-1][names.TS_MS]) if self.decisions else 0
        if last > now_ms + SLACK_MS:
            raise BadDataError(
                f"{place.decisions}: its last row is of {utc_text(last)}, and it is {utc_text(now_ms)}: set the clock "
                "right, or put the file of before back; nothing was written"
            )
        if deep and len(self.decisions) <= look:
            self._refuse_headless()
        self._drop_undecided(last, deep=deep)
        return [entry for file in self.files.values() for entry in file.repairs]

    def _refuse_foreign(self) -> None:
        """Raises ConfigError for a file of another series, strategy or parameters."""
        for rows, path in ((self.decisions, self.place.decisions), (self.bars, self.place.bars)):
            for row in rows[:1] + rows[-1:]:
                found = [row[i] for i in IDENTITY]
                if found != list(self.identity[:3]):
                    raise ConfigError(
                        f"{path}: is of {':'.join(found)}, and this loop is {':'.join(self.identity[:3])}: choose "
                        "another tag; nothing was written"
                    )
        for row in self.decisions[:1] + self.decisions[-1:]:
            mine = (self.identity.strategy, self.identity.fingerprint)
            if (row[STRATEGY], row[FINGERPRINT]) != mine:
                raise ConfigError(
                    f"{self.place.decisions}: was written by {row[STRATEGY]} [{row[FINGERPRINT]}], and this loop is "
                    f"{mine[0]} [{mine[1]}]: a tag has one strategy, one set of parameters and one cash; choose "
                    "another tag; nothing was written"
                )

    def _refuse_headless(self) -> None:
        """Raises BadDataError where bars or events show a decision before the first one; a whole file was looked at."""
        decided = [int(row[names.TS_MS]) for row in self.bars if row[KIND].startswith(names.DECIDED)][:1]
        marks = [row for row in self.events(CHECKED_AT_A_START) if row[EVENT_KIND] == "begun"][-1:]
        refuse_disorder(self.files["events"], marks, strictly=False)
        begun = min([*decided, *(int(row[names.TS_MS]) for row in marks)], default=0)
        first = int(self.decisions[0][names.TS_MS]) if self.decisions else 0
        if begun < first and begun:
            raise BadDataError(
                f"{self.place.decisions}: begins with the bar of {utc_text(first)}, and the loop began with that of "
                f"{utc_text(begun)}: its first rows are gone. Nothing was written; put the file of before back, or "
                "choose another tag"
            )

    def _drop_undecided(self, last: int, *, deep: bool) -> None:
        """Bars that were stored and not decided on any more go; decisions without their bar are refused."""
        if not last and (self.trades or sum(row[KIND].startswith(names.DECIDED) for row in self.bars) > 1):
            raise BadDataError(
                f"{self.place.decisions}: is not there, or empty, and {self.place.bars} has bars that it decided: put "
                "it back from a copy, or choose another tag; nothing was written"
            )
        beyond = [row for row in self.bars if int(row[names.TS_MS]) > last]
        if beyond and not last:
            self.files["bars"].clear("bars that had not been decided on")
            self.bars = []
        elif beyond and len(beyond) == len(self.bars) and not deep:
            raise LookDeeper
        elif beyond and len(beyond) < len(self.bars):
            kept = self.bars[: len(self.bars) - len(beyond)]
            self.files["bars"].drop(beyond, kept[-1][-1], "bars that had not been decided on")
            self.bars = kept
        if last and (not self.bars or int(self.bars[-1][names.TS_MS]) != last):
            raise BadDataError(
                f"{self.place.bars}: lacks the bar of {utc_text(last)} that {self.place.decisions.name} was decided "
                "on: the two are not of one time. Put both back from one copy, or choose another tag"
            )

    def append(self, bars: Sequence[str], decisions: Sequence[str], trades: Sequence[str]) -> None:
        """Add the lines of one block, and make them last. Raises CannotWriteError; BadDataError as `_in_order`."""
        self._in_order(decisions)
        for name in ("decisions", "trades"):
            folder = self.files[name].path.parent
            if not folder.is_dir():
                folder.mkdir(parents=True, exist_ok=True)
                sync_directory(folder.parent)
        marks = {name: (file.size, file.last) for name, file in self.files.items()}
        try:
            self.files["bars"].append(bars)
            if self.synced:
                self.files["bars"].sync()
            self.files["trades"].append(trades)
            self.files["decisions"].append(decisions)
            if self.synced:
                self.sync()
        except BaseException:
            for name in ("decisions", "trades", "bars"):
                if marks[name][0] < self.files[name].size:
                    self.files[name].back_to(marks[name])
            raise

    def sync(self) -> None:
        """Returns once the appended lines are on the disk. `synced` False leaves it to the caller when."""
        for name in ("bars", "trades", "decisions"):
            self.files[name].sync()

    def _in_order(self, decisions: Sequence[str]) -> None:
        """With ENFORCE_DECISION_MONOTONIC=1: raises BadDataError for a row that is not newer than the one before."""
        if not self.monotonic:
            return
        before = int(self.decisions[-1][names.TS_MS]) if self.decisions else 0
        for line in decisions:
            ts_ms = int(line.split(",", names.TS_MS + 1)[names.TS_MS])
            if ts_ms <= before:
                raise BadDataError(
                    f"{self.place.decisions}: the decision of {utc_text(ts_ms)} is not newer than the last one, of "
                    f"{utc_text(before)}; nothing was written (ENFORCE_DECISION_MONOTONIC=1)"
                )
            before = ts_ms

    def event(self, kind: str, ts_ms: int, detail: str, at: str) -> None:
        """Add a line about something that is no decision."""
        assert kind in names.EVENT_KINDS
        clean = detail.replace(",", ";").replace("\n", " ").replace('"', "'")[:300]
        file = self.files["events"]
        if not file.size and not file.repairs:
            file.tail(1)
        if not file.path.parent.is_dir():
            file.path.parent.mkdir(parents=True, exist_ok=True)
        file.append([f"{','.join(self.identity[:3])},{ts_ms},{kind},{clean},{at}"])
        file.sync()

    def events(self, rows: int = 200) -> list[Row]:
        """The last of them."""
        return self.files["events"].tail(rows)

    def sizes(self) -> list[list[int]]:
        """Bytes and times of the files that decisions are made from, to see whether another process wrote to them."""
        found = []
        for name in ("decisions", "bars", "trades"):
            try:
                state = os.stat(self.files[name].path)  # noqa: PTH116  # a Path costs more than the call
                found.append([state.st_size, state.st_mtime_ns])
            except FileNotFoundError:
                found.append([0, 0])
        return found

    def close(self) -> None:
        """Let the files go."""
        for file in self.files.values():
            file.close()


def refuse_disorder(file: LinesFile, rows: Sequence[Row], *, strictly: bool) -> None:
    """Raises BadDataError where times do not grow: a block came twice, after a restore for example, or was moved."""
    before = -1
    for row in rows:
        try:
            ts_ms = int(row[names.TS_MS])
        except ValueError:
            ts_ms = -1
        if ts_ms < before + strictly or ts_ms < 0:
            raise BadDataError(
                f"{file.path}: the row of ts_ms {row[names.TS_MS]} comes after one of {before}: a block came twice, "
                "or rows were moved. Nothing was written; put the file of before back, or choose another tag"
            )
        before = ts_ms
