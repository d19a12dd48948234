"""The rows of a dump as arrays: their symbols, the closes of their bars, their numbers on one basis."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from pyjobs.market.bars import FloatArray
from pyjobs.market.dumps.data_file import Finding
from pyjobs.market.dumps.identity.one_symbol import of_one_symbol
from pyjobs.market.dumps.meaning.basis import (
    adjusted_numbers,
    in_shares,
    refuse_other_basis,
    refuse_other_money,
    split_rows,
)
from pyjobs.market.dumps.meaning.columns import OHLC, Reading
from pyjobs.market.dumps.meaning.lengths import refuse_other_length
from pyjobs.market.dumps.meaning.marks import whole_ends
from pyjobs.market.dumps.meaning.periods import closes
from pyjobs.market.dumps.meaning.plausible import unfinished
from pyjobs.market.dumps.meaning.source import UNTIMED, DumpSource, Findings, Table
from pyjobs.market.dumps.meaning.spacing import refuse_told_apart, without_other_series
from pyjobs.market.dumps.meaning.times import Complaints, dates_of_another_zone, time_text, times_of
from pyjobs.market.dumps.reading.grid import give_back
from pyjobs.market.dumps.reading.numbers import has_decimal_commas, numbers, points_of_thousands
from pyjobs.market.dumps.reading.stamps import BAD, INSTANT, Stamps
from utils.errors import BadDataError
from utils.foreign_text import quoted

_SUMS = re.compile(
    r"\s*(?:(?:grand |sub)?totals?|sums?|averages?|avg|means?|median|min(?:imum)?|max(?:imum)?|high(?:est)?|low(?:est)?"
    r"|count|std(?:ev)?|summen?|gesamt|durchschnitt|mittelwert|moyenne|somme|promedio|suma|media|totale|итого|среднее"
    r"|합계|총계|평균|소계|최고|최저|合計|平均|合计|总计)\s*(?:[.:].*)?$",
    re.IGNORECASE,
)
"""What the first cell of a row below a table, or above it, is called that is none of its rows."""


def table_of(readings: Sequence[Reading], source: DumpSource, findings: Findings) -> Table:
    """All rows of all files. A daily row's `ts_ms` is 0 until its session is known; an intraday one's is final.

    Raises BadDataError for a file of several symbols of which none is the instrument, ConfigError when the desk must
    set which end of a bar a time marks.
    """
    tables = []
    for part, reading in enumerate(readings):
        tables.append(_table(reading, source, findings, part))
        reading.grid.columns = []  # as much again
    if len(tables) == 1:
        return tables[0]
    names = ("part", "line", "stamp", "day", "ts_ms", "ohlcv", "wrong")
    parts = {name: [getattr(each, name) for each in tables] for name in names}
    tables.clear()
    return Table(**{name: np.concatenate(parts.pop(name)) for name in names})


def _table(reading: Reading, source: DumpSource, findings: Findings, part: int) -> Table:
    of_one_symbol(reading, source, findings)
    _without_unfinished(reading, findings)
    refuse_other_length(reading, source)
    refuse_other_money(reading, source)
    refuse_other_basis(reading, source)
    complaints = Complaints(len(reading.grid), findings)
    st = whole_ends(times_of(reading, source, complaints), source)
    day, ts_ms, errors = closes(st, source)
    complaints.add({at: f"{time_text(reading, at)} {what}" for at, what in errors.items() if st.kind[at] != BAD})
    complaints.add(dates_of_another_zone(reading, st, day, source))
    early = (st.kind != BAD) & (day < source.start_day - (st.kind != INSTANT))  # of no zone: maybe a day later
    day = np.where((complaints.of_row >= 0) & ~early, UNTIMED, day)
    give_back(len(reading.grid))
    ohlcv = _numbers(reading, source, findings, complaints, st)
    if source.instrument.prices == "raw":
        findings.splits.update(day[split_rows(reading, ohlcv, st)].tolist())
    if "split" in reading.places:
        split = np.nan_to_num(numbers(reading.grid.columns[reading.places["split"]])[0])
        findings.splits.update(day[(split > 0) & (split != 1)].tolist())
    table = Table(
        part=np.full(len(st.ms), part, np.int16), line=reading.grid.lines, stamp=st.ms, day=day, ts_ms=ts_ms,
        ohlcv=ohlcv, wrong=complaints.of_row,
    )  # fmt: skip
    refuse_told_apart(reading, table)
    return without_other_series(_without_nothing(table, reading, st, findings), reading, findings)


def _without_nothing(table: Table, reading: Reading, st: Stamps, findings: Findings) -> Table:
    """Without rows of neither a time nor a price, and those that only report a dividend or a split (Yahoo's pages)."""
    priceless = np.flatnonzero((table.wrong >= 0) & np.isnan(table.ohlcv[:, :4]).all(axis=1)).tolist()
    bare = [at for at in priceless if st.kind[at] == BAD and not time_text(reading, at).strip()]
    lines = [at for at in priceless if re.search(r"dividend|split", _first_price(reading, at), re.IGNORECASE)]
    name = reading.name_of("time").strip() if reading.grid.names else "-"
    heads = [at for at in priceless if name and time_text(reading, at).strip() == name]
    sums = [at for at in np.flatnonzero(st.kind == BAD).tolist() if _SUMS.match(time_text(reading, at))]
    keep, dated = np.ones(len(table), bool), np.flatnonzero(st.kind != BAD)
    sums = [at for at in sums if not dated.size or at > dated[-1] or at < dated[0]]
    found = (
        *((heads, "the header again"), (bare, "row without a time and prices"), (lines, "dividend or split")),
        (sums, "sum or mean of the other rows"),
    )
    for rows, what in found:
        if rows:
            first = f"{reading.grid.unit} {int(table.line[rows[0]])}"
            example = _first_price(reading, rows[0])
            said = Finding(what=f"{what}: left out", count=len(rows), first=first, example=example)
            findings.say(said, cleaned=True)
            keep[rows] = False
    return table if keep.all() else table.pick(keep)


def _first_price(reading: Reading, at: int) -> str:
    return reading.grid.cell(at, reading.places["open"])


def _without_unfinished(reading: Reading, findings: Findings) -> None:
    """Bars that the file itself marks as not complete yet."""
    if "complete" not in reading.places:
        return
    running = unfinished(reading.grid, reading.places["complete"])
    if running is None:
        reading.ignored.append(reading.name_of("complete"))
        del reading.places["complete"]
    elif running.any():
        what, count = "marked as not complete in the file: left out", int(running.sum())
        example = (
            f"{reading.name_of('complete')} {reading.grid.cell(int(running.argmax()), reading.places['complete'])}"
        )
        reading.grid = reading.grid.picked(~running)
        findings.say(Finding(what=what, count=count, first="", example=example), cleaned=True)


def _numbers(
    reading: Reading, source: DumpSource, findings: Findings, complaints: Complaints, st: Stamps
) -> FloatArray:
    """OHLCV; for adjusted prices with an `Adj Close` column, all of it on that column's basis."""
    grid, places, shape = reading.grid, reading.places, reading.shape
    comma = _commas(reading, source)
    ohlcv = np.zeros((len(grid), 5), np.float64)

    def read(name: str) -> FloatArray:
        delimiter = "," if source.instrument.decimal == "." else grid.delimiter  # then its commas are of thousands
        values, errors = numbers(grid.columns[places[name]], delimiter=delimiter, decimal_comma=comma)
        complaints.add(_said(name, errors))
        return values

    done: dict[int, int] = {}
    for at, name in enumerate(OHLC):
        same = done.setdefault(places[name], at)
        ohlcv[:, at] = ohlcv[:, same] if same != at else read(name)
    if shape and shape.signed:
        ohlcv[:, :4] = np.abs(ohlcv[:, :4])
    if "volume" in places:
        ohlcv[:, 4] = read("volume")
    if "down_volume" in places:
        ohlcv[:, 4] += read("down_volume")
    if places.get("ticks", -1) not in (-1, places.get("volume")) and not np.nan_to_num(ohlcv[:, 4]).any():
        ohlcv[:, 4] = read("ticks")
        findings.say(
            Finding(what="volume: the number of price changes", count=len(grid), first="", example="its own is 0")
        )
        reading.ignored = [name for name in reading.ignored if name != reading.name_of("ticks")]
    ohlcv[:, 4] *= reading.volume_times
    if len(grid) and (ohlcv[:, 4] == -1).all():
        ohlcv[:, 4] = np.nan
        findings.say(Finding(what="volume -1 throughout: none is counted", count=len(grid), first="", example=""))
    if reading.volume_times == 1.0:
        in_shares(reading, source, findings, ohlcv)
    scale = source.instrument.scale * _scale_of(reading, ohlcv)
    if scale != 1.0:
        ohlcv[:, :4] = _scaled(ohlcv[:, :4], scale)
        findings.say(Finding(what=f"prices times {scale:g}", count=len(grid), first="", example=""), cleaned=True)
    if "adj_close" in places:
        adjusted_numbers(reading, source, findings, ohlcv, st, read, complaints.add, scale)
    return ohlcv


def _commas(reading: Reading, source: DumpSource) -> bool:
    """Whether a comma is of decimals, and a point of thousands. Raises BadDataError where 1.100 may be either."""
    grid, places, told = reading.grid, reading.places, source.instrument.decimal
    if grid.unit == "line" and told:
        return _told_comma(reading, told)
    if grid.unit != "line" or has_decimal_commas([grid.columns[places[name]] for name in OHLC]):
        return grid.unit == "line"
    if grid.delimiter not in (";", "\t") or reading.shape is not None or source.hours.market == "FX":
        return False
    mine = dict.fromkeys(places[name] for name in (*OHLC, "volume") if name in places)
    times = [places[name] for name in ("time", "clock") if name in places]
    others = [each for place, each in enumerate(grid.columns) if place not in (*mine, *times)]
    found = points_of_thousands([grid.columns[place] for place in mine], others)
    if found is None:
        line, cell = int(grid.lines[0]), grid.cell(0, places["close"])
        what = f"{quoted(cell, 20)!r} may be a number of thousands or have three decimals, and no other number shows it"
        raise BadDataError(f"{grid.label}: {grid.unit} {line}: {what}: set `decimal: ','` or `decimal: '.'`")
    return found


def _told_comma(reading: Reading, told: str) -> bool:
    """Whether the desk's `decimal` is a comma. Raises BadDataError where the prices' own mark is the other one."""
    grid, places = reading.grid, reading.places
    columns = [grid.columns[places[name]] for name in OHLC]
    points = any(str(each.type) == "double" for each in columns)
    if (told == "," and points) or (told == "." and has_decimal_commas(columns)):
        cell = grid.cell(0, places["close"])
        what = f"{quoted(cell, 20)!r} under `decimal: '{told}'`: its prices have the other mark of decimals"
        raise BadDataError(f"{grid.label}: {grid.unit} {int(grid.lines[0])}: {what}")
    return told == ","


def _said(name: str, errors: dict[int, str]) -> dict[int, str]:
    """The faults of numbers, by row, with the field's name; for a volume also the way to do without it."""
    cure = "; `columns: {volume: ''}` leaves the volume out" if name in ("volume", "ticks", "down_volume") else ""
    return {at: f"{'volume' if cure else name}: {what}{cure}" for at, what in errors.items()}


def _scale_of(reading: Reading, ohlcv: FloatArray) -> float:
    """The format's unit of price (Lean has shares in ten-thousandths, whole numbers, but not indices and futures)."""
    if reading.shape is None or reading.shape.scale == 1.0 or not len(ohlcv):
        return 1.0
    if "." in reading.grid.cell(0, reading.places["open"]):
        return 1.0  # Databento's text
    parts = (np.nan_to_num(ohlcv[:, :4]) % 1 != 0).any(axis=1)
    if not parts.any():
        return reading.shape.scale
    if 2 * parts.sum() > len(parts):
        return 1.0
    grid, at = reading.grid, int(np.flatnonzero(parts)[0])
    what = f"a price that is not whole, in a file of ten-thousandths (`layout: {reading.shape.name}`)"
    raise BadDataError(f"{grid.label}: {grid.unit} {int(grid.lines[at])}: {what}: {int(parts.sum())} such {grid.unit}s")


def _scaled(values: FloatArray, scale: float) -> FloatArray:
    """By division where the inverse is whole, so that 16600 ten-thousandths are 1.66 and not one bit off."""
    inverse = round(1 / scale)
    return values / inverse if abs(inverse * scale - 1) < 1e-12 else values * scale
