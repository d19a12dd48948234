"""The dump being read and its instrument; its rows as arrays; the findings in them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from pyjobs.market.bars import DAY_MS, TIMEFRAME_MS, FloatArray, IntArray
from pyjobs.market.calendars.hours import MarketHours
from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.dumps.data_file import Finding
from utils.errors import BadDataError

Mask = npt.NDArray[np.bool_]
Mark = Literal["", "start", "end"]
EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()
UNTIMED = -1  # the date of a row whose time cannot be read
FEW_OF = 10  # one bad row of so many is worth a hint
EXAMPLES = 20  # bad rows that are listed one by one


@dataclass(slots=True, kw_only=True)
class DumpSource:
    """The dump being read. `now_ms` is the wall clock; nothing in the file is younger than `taken_ms`.

    `labels`: its files. `mark`: which end of its bar a time marks ("": not known). `zone`: the zone of its times ("":
    they carried their own zone). `splits`: by session (an ordinal), the price after over before of the desk's splits.
    """

    path: Path
    instrument: Instrument
    hours: MarketHours
    now_ms: int
    taken_ms: int
    labels: list[str] = field(default_factory=list)
    unit: str = "line"
    mark: Mark = ""
    zone: str = ""
    splits: Mapping[int, float] = field(default_factory=dict)

    @property
    def bar_ms(self) -> int:
        """Length of a bar in milliseconds; of a month, the least it can be."""
        return TIMEFRAME_MS[self.instrument.timeframe]

    @property
    def intraday(self) -> bool:
        """True when several bars make a day."""
        return self.bar_ms < DAY_MS

    @property
    def all_day(self) -> bool:
        """True for a market that never closes."""
        return self.hours.market == "24/7"

    @property
    def start_day(self) -> int:
        """The first date (ordinal) that the desk wants; 0 when it wants all."""
        return dt.date.fromisoformat(self.instrument.start).toordinal() if self.instrument.start else 0

    def refuse(self, line: int, what: str, count: int = 1, part: int = 0, *, hint: bool = False) -> BadDataError:
        """The error for a row that cannot be true; with the key that lets few such rows go, where there is a `hint`."""
        more = f" ({count} such {self.unit}s)" if count > 1 else ""
        more += "; `bad_rows: drop` leaves such rows out, where they are few" if hint else ""
        label = self.labels[part] if self.labels else self.path
        return BadDataError(f"{label}: {self.unit} {line}: {what}{more}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows as arrays of one length: file and line, local date (ordinal), close (UTC ms), numbers (n x 5 OHLCV).

    `stamp`: the time as the file has it (ms, of a naive one as if it were UTC). `wrong`: which of the findings's
    complaints a row has, -1 for none.
    """

    part: npt.NDArray[np.int16]
    line: IntArray
    stamp: IntArray
    day: IntArray
    ts_ms: IntArray
    ohlcv: FloatArray
    wrong: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return int(self.line.size)

    def pick(self, rows: Mask | IntArray) -> Table:
        """The rows chosen by a mask or by indices."""
        return Table(**{each.name: getattr(self, each.name)[rows] for each in fields(self)})


@dataclass(slots=True)
class Findings:
    """The findings: `cleaned` rows were changed or left out, `oddities` were kept. `halted`: days without a trade;

    `splits`: days on which the file's own column has one.
    """

    source: DumpSource
    halted: set[int] = field(default_factory=set)
    splits: set[int] = field(default_factory=set)
    cleaned: list[Finding] = field(default_factory=list)
    oddities: list[Finding] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    bad: int = 0

    def drop(self, what: str, table: Table, gone: Mask) -> Table:
        """`table` without the rows in `gone`, noted as cleaned when there are any."""
        if not gone.any():
            return table
        self._note(self.cleaned, what, table, gone)
        return table.pick(~gone)

    def refuse(self, what: str, table: Table, wrong: Mask, *, of_row: bool = False) -> Table:
        """`table` without the rows in `wrong`, which cannot be true; the error when the desk does not let them go.

        `of_row`: name the numbers of the first one, too.
        """
        found = np.flatnonzero(wrong)
        if not found.size:
            return table
        if not self.source.instrument.bad_rows_limit:
            first = table.pick(found[:1])
            shown = f" {_values(self.source, first)}" if of_row else ""
            hint = found.size < len(table) and found.size * FEW_OF <= max(len(table), FEW_OF)
            raise self.source.refuse(int(first.line[0]), what + shown, found.size, int(first.part[0]), hint=hint)
        self.bad += found.size
        for at in found[:EXAMPLES].tolist():
            here = np.arange(len(table)) == at
            self._note(self.cleaned, f"bad row left out: {what}", table, here)
        if found.size > EXAMPLES:
            more = np.zeros(len(table), bool)
            more[found[EXAMPLES:]] = True
            self._note(self.cleaned, f"bad rows left out: {what}", table, more)
        return table.pick(~wrong)

    def clean(self, what: str, table: Table, where: Mask) -> None:
        """Note rows that were changed."""
        self._note(self.cleaned, what, table, where)

    def oddity(self, what: str, table: Table, where: Mask) -> None:
        """Note rows that were kept as they are."""
        self._note(self.oddities, what, table, where)

    def say(self, finding: Finding, *, cleaned: bool = False) -> None:
        """Note something about the file as a whole."""
        (self.cleaned if cleaned else self.oddities).append(finding)

    def _note(self, notes: list[Finding], what: str, table: Table, where: Mask) -> None:
        found = np.flatnonzero(where)
        if found.size:
            first = table.pick(found[:1])
            numbers = " ".join(f"{value:.10g}" for value in first.ohlcv[0])
            example = f"{self.source.unit} {first.line[0]}: {numbers}"
            notes.append(Finding(what=what, count=int(found.size), first=_when(self.source, first), example=example))


def _values(source: DumpSource, row: Table) -> str:
    o, h, lo, c, v = (f"{value:,.10g}" for value in row.ohlcv[0])
    return f"{_when(source, row)} open {o} high {h} low {lo} close {c} volume {v}"


def _when(source: DumpSource, row: Table) -> str:
    if int(row.day[0]) == UNTIMED:
        return f"{source.unit} {int(row.line[0])}"
    return when(source, int(row.day[0]), int(row.ts_ms[0]))


def when(source: DumpSource, day: int, ts_ms: int) -> str:
    """A bar's time for a person: the session of a daily bar, the UTC start of an intraday one."""
    if not source.intraday:
        return dt.date.fromordinal(day).isoformat()
    start_s = (ts_ms - source.bar_ms) // 1000
    return (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=start_s)).strftime("%Y-%m-%dT%H:%MZ")


def date_text(ordinal: int) -> str:
    """The date of an ordinal, as text."""
    return dt.date.fromordinal(ordinal).isoformat()
