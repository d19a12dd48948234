"""Price files as people have them into bars: `read_dump` is the whole of it.

`layout:` of an instrument names its file's form: one of the known formats (price_formats.toml), `ohlcv` (time, open,
high, low, close, volume), `ohlcv_start` and `ohlcv_close` (the same, by which end of the bar the time marks),
`bitfinex` (start, open, close, high, low, volume), or `auto`, which takes column names where there are any, a format
whose shape is plain to see, and an order of columns only when no other one fits the prices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyjobs.market.bars import Bars, checked
from pyjobs.market.calendars.hours import MarketHours
from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.dumps.cleaning import bars_from
from pyjobs.market.dumps.data_file import Finding
from pyjobs.market.dumps.identity.tickers import named_after_another, of_the_symbol
from pyjobs.market.dumps.meaning.columns import Reading, understood
from pyjobs.market.dumps.meaning.marks import mark_of
from pyjobs.market.dumps.meaning.odd_rows import mended
from pyjobs.market.dumps.meaning.source import DumpSource, Findings, when
from pyjobs.market.dumps.meaning.spacing import refuse_other_spacing
from pyjobs.market.dumps.meaning.table import table_of
from pyjobs.market.dumps.oddities import note_oddities
from pyjobs.market.dumps.reading.grid import Grid, give_back
from pyjobs.market.dumps.reading.limits import unexpected
from pyjobs.market.dumps.reading.opened import files_of, grids
from utils.errors import BadDataError
from utils.files.in_time import within
from utils.files.text_files import PATIENCE_S

NOBODY: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dump:
    """The result of reading a dump: bars, the number of rows read, and the findings.

    The newest bar is not confirmed: nothing in the file shows that it was complete when it was written. `written_ms`:
    when the file was, by its time.
    """

    bars: Bars
    rows_read: int
    first: str
    last: str
    written_ms: int
    cleaned: list[Finding]
    oddities: list[Finding]


def read_dump(
    path: Path,
    instrument: Instrument,
    hours: MarketHours,
    *,
    now_ms: int,
    splits: Mapping[int, float] | None = None,
    others: Mapping[str, str] = NOBODY,
) -> Dump:
    """The bars of `path`, all of them closed. `first` and `last` name the session (daily) or UTC start of a bar.

    `splits`: the desk's actions on the symbol, by session (an ordinal): the price after over before.
    `others`: the desk's symbols, `spelt`; a file named after another one of them is not this one's.

    Raises MissingInputError, BadDataError (file, line, values), ConfigError when the desk must set a key.
    """
    written_ms = within(PATIENCE_S, lambda: max(each.stat().st_mtime_ns for each in files_of(path)), path) // 1_000_000
    taken_ms = min(now_ms, written_ms)
    source = DumpSource(
        path=path, instrument=instrument, hours=hours, now_ms=now_ms, taken_ms=taken_ms, splits=splits or {}
    )
    findings = Findings(source)
    readings = _readings(path, source, findings, others)
    read = sum(len(each.grid) + len(each.grid.empty) for each in readings)
    if not any(len(each.grid) for each in readings):
        raise BadDataError(f"{path}: holds no rows")
    give_back(read)
    source.mark = mark_of(readings, source, findings)
    table = table_of(readings, source, findings)
    _note_files(readings, findings)
    give_back(read)
    refuse_other_spacing(table, source)
    bars, table = bars_from(table, findings)
    note_oddities(table, findings)
    return Dump(
        bars=checked(bars, name=str(path)),
        rows_read=read,
        first=when(source, int(table.day[0]), int(table.ts_ms[0])),
        last=when(source, int(table.day[-1]), int(table.ts_ms[-1])),
        written_ms=written_ms,
        cleaned=findings.cleaned,
        oddities=findings.oddities,
    )


def chosen(path: Path, symbol: str) -> tuple[list[Grid], Finding | None]:
    """The tables of `path` that are the symbol's, by the names of files and sheets, and a finding of the others."""
    return of_the_symbol([each for each in grids(path) if each.columns], symbol)


def _readings(path: Path, source: DumpSource, findings: Findings, symbols: Mapping[str, str]) -> list[Reading]:
    readings = []
    mine, others = chosen(path, source.instrument.symbol)
    if others is not None:
        findings.say(others, cleaned=True)
    if found := named_after_another(mine, source.instrument, symbols):
        findings.say(found)
    for grid in mine:
        source.labels.append(grid.label)
        source.unit = grid.unit
        reading = understood(grid, source.instrument)
        mended(reading, findings)
        readings.append(reading)
    if not readings:
        raise BadDataError(f"{path}: holds no rows")
    return readings


def _note_files(readings: Sequence[Reading], findings: Findings) -> None:
    """Oddities of each file as a whole."""
    for reading in readings:
        grid = reading.grid
        if grid.empty:
            what, example = "empty row: left out", "only separators"
            found = Finding(what=what, count=len(grid.empty), first=f"line {grid.empty[0]}", example=example)
            findings.say(found, cleaned=True)
        if grid.preamble:
            what = "line before the table: left out"
            example = unexpected(grid.label, grid.preamble[0])
            found = Finding(what=what, count=len(grid.preamble), first=f"{grid.unit} 1", example=example)
            findings.say(found, cleaned=True)
        if not grid.ends_cleanly:
            what = "no line end at the end of the file: its last number may be cut"
            findings.say(Finding(what=what, count=1, first="", example=""))
        if others := grid.about.get("sheets"):
            found = Finding(what="other sheets: not read", count=len(others), first="", example=", ".join(others))
            findings.say(found)
        for finding in reading.said:
            findings.say(finding)
    for ignored in dict.fromkeys(tuple(reading.ignored) for reading in readings):  # once for all months of an archive
        if ignored:
            findings.say(Finding(what="columns not used", count=len(ignored), first="", example=", ".join(ignored)))
