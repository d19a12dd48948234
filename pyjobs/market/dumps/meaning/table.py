"""The rows of a dump as arrays: whose they are, when their bars close, their numbers on one basis."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from pyjobs.market.bars import FloatArray
from pyjobs.market.dumps.data_file import Finding
from pyjobs.market.dumps.meaning.basis import adjusted_numbers
from pyjobs.market.dumps.meaning.columns import OHLC, Reading
from pyjobs.market.dumps.meaning.lengths import refuse_other_length
from pyjobs.market.dumps.meaning.marks import whole_ends
from pyjobs.market.dumps.meaning.names import COLUMN_NAMES
from pyjobs.market.dumps.meaning.periods import closes
from pyjobs.market.dumps.meaning.plausible import unfinished
from pyjobs.market.dumps.meaning.shapes import is_another, same_symbol
from pyjobs.market.dumps.meaning.source import UNTIMED, DumpSource, Findings, Table
from pyjobs.market.dumps.meaning.spacing import refuse_told_apart, without_other_series
from pyjobs.market.dumps.meaning.times import Complaints, dates_of_another_zone, time_text, times_of
from pyjobs.market.dumps.reading.fields import column
from pyjobs.market.dumps.reading.grid import give_back
from pyjobs.market.dumps.reading.numbers import has_decimal_commas, numbers
from pyjobs.market.dumps.reading.stamps import BAD, Stamps
from utils.errors import BadDataError
from utils.foreign_text import quoted

FEW = 6


def table_of(readings: Sequence[Reading], source: DumpSource, findings: Findings) -> Table:
    """All rows of all files. A daily row's `ts_ms` is 0 until its session is known; an intraday one's is final.

    Raises BadDataError for a file of several symbols of which none is the instrument, ConfigError when the desk must
    say which end of a bar a time marks.
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
    _of_one_symbol(reading, source, findings)
    _without_unfinished(reading, findings)
    refuse_other_length(reading, source)
    complaints = Complaints(len(reading.grid), findings)
    st = whole_ends(times_of(reading, source, complaints), source)
    day, ts_ms, errors = closes(st, source)
    complaints.add({at: f"{time_text(reading, at)} {what}" for at, what in errors.items() if st.kind[at] != BAD})
    complaints.add(dates_of_another_zone(reading, st, day, source))
    day = np.where(complaints.of_row >= 0, UNTIMED, day)
    give_back(len(reading.grid))
    ohlcv = _numbers(reading, source, findings, complaints, st)
    table = Table(
        part=np.full(len(st.ms), part, np.int16), line=reading.grid.lines, stamp=st.ms, day=day, ts_ms=ts_ms,
        ohlcv=ohlcv, wrong=complaints.of_row,
    )  # fmt: skip
    refuse_told_apart(reading, table)
    return without_other_series(_without_nothing(table, reading, st, findings), reading, findings)


def _without_nothing(table: Table, reading: Reading, st: Stamps, findings: Findings) -> Table:
    """Without rows of neither a time nor a price, and those that only tell of a dividend or a split (Yahoo's pages)."""
    priceless = np.flatnonzero((table.wrong >= 0) & np.isnan(table.ohlcv[:, :4]).all(axis=1)).tolist()
    bare = [at for at in priceless if st.kind[at] == BAD and not time_text(reading, at).strip()]
    told = [at for at in priceless if re.search(r"dividend|split", _first_price(reading, at), re.IGNORECASE)]
    keep = np.ones(len(table), bool)
    for rows, what in ((bare, "row without a time and prices: left out"), (told, "dividend or split: left out")):
        if rows:
            first = f"{reading.grid.unit} {int(table.line[rows[0]])}"
            example = _first_price(reading, rows[0])
            findings.say(Finding(what=what, count=len(rows), first=first, example=example), cleaned=True)
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
        what, count = "not complete, as the file says: left out", int(running.sum())
        example = (
            f"{reading.name_of('complete')} {reading.grid.cell(int(running.argmax()), reading.places['complete'])}"
        )
        reading.grid = reading.grid.picked(~running)
        findings.say(Finding(what=what, count=count, first="", example=example), cleaned=True)


def _of_one_symbol(reading: Reading, source: DumpSource, findings: Findings) -> None:
    """Only the instrument's rows of a file of many; a finding names a file of another symbol."""
    grid, wanted = reading.grid, source.instrument.symbol
    told = grid.about.get("ticker") or grid.about.get("symbol")
    if "symbol" in reading.places and len(grid):
        import pyarrow as pa
        import pyarrow.compute as pc

        names = pc.fill_null(pc.cast(grid.columns[reading.places["symbol"]], pa.string()), "")
        symbols = _without_gaps(reading, names)
        mine = [each for each in symbols if same_symbol(each, wanted)]
        if not mine and (other := _column_with(reading, wanted)) is not None:  # codes next to names
            reading.places["symbol"] = other
            reading.ignored = [name for name in reading.ignored if name != reading.name_of("symbol")]
            _of_one_symbol(reading, source, findings)
            return
        if len(mine) > 1:
            mine = [each for each in mine if each == wanted] or mine
        if len(symbols) > 1:
            if len(mine) != 1:
                listed = ", ".join(sorted(symbols)[:FEW]) + (" …" if len(symbols) > FEW else "")
                what = f"holds {len(symbols)} symbols ({listed}), none of them {wanted!r}: `symbol:` chooses one"
                raise BadDataError(f"{grid.label}: {what}")
            keep = np.array(pc.equal(names, mine[0]).to_pylist(), bool)
            others = int((~keep).sum())
            what = f"rows of {len(symbols) - 1} other symbols: left out"
            findings.say(
                Finding(what=what, count=others, first="", example=", ".join(sorted(symbols)[:FEW])), cleaned=True
            )
            reading.grid = grid.picked(keep)
        told = mine[0] if mine else symbols[0]
    else:
        _refuse_unnamed(reading, wanted)
    if isinstance(told, str) and told and not same_symbol(told, wanted):
        _refuse_another(reading, source, told)
        findings.say(
            Finding(what=f"the file calls it {told!r}", count=len(grid), first="", example=f"the desk {wanted!r}")
        )


def _refuse_another(reading: Reading, source: DumpSource, told: str) -> None:
    """Raise BadDataError for a file that is plainly another instrument's, unless the desk names where it says so."""
    grid, instrument = reading.grid, source.instrument
    if instrument.symbol_column or "symbol" in instrument.columns or not is_another(told, instrument.symbol):
        return
    inside = next((name for name in ("ticker", "symbol") if grid.about.get(name) == told), "symbol")
    name = reading.name_of("symbol") if "symbol" in reading.places else inside
    what = f"the file is of {quoted(told, 40)!r} ({quoted(name, 40)}), the desk's symbol is {instrument.symbol!r}"
    cure = f"`file` or `symbol` is wrong; where both are one thing, say `symbol_column: {quoted(name, 40)}`"
    raise BadDataError(f"{grid.label}: {grid.unit} {int(grid.lines[0]) if len(grid) else 1}: {what}: {cure}")


def _without_gaps(reading: Reading, names: Any) -> list[str]:
    """The symbols of a column; one that only some rows have is all rows' (Kiwoom's first row alone has it)."""
    import pyarrow.compute as pc

    symbols = [str(each) for each in pc.unique(names).to_pylist()]
    told = [each for each in symbols if each.strip()]
    if len(told) == len(symbols) or len(told) < 2:
        return told or symbols
    grid, at = reading.grid, int(pc.index(names, next(each for each in symbols if not each.strip())).as_py())
    what = f"no symbol in {reading.name_of('symbol')!r}, in a file of {len(told)} symbols: whose row is it?"
    raise BadDataError(f"{grid.label}: {grid.unit} {int(grid.lines[at])}: {what}")


def _refuse_unnamed(reading: Reading, wanted: str) -> None:
    """A column of unknown meaning in which the wanted symbol stands among others."""
    import pyarrow as pa

    grid = reading.grid
    for place, name in enumerate(grid.names or ()):
        cells = grid.columns[place]
        if place in reading.places.values() or not pa.types.is_string(cells.type):
            continue
        told = [each for each in cells.unique().to_pylist() if each]
        if len(told) > 1 and any(same_symbol(each, wanted) for each in told):
            what = f"column {name!r} holds {wanted!r} and {len(told) - 1} others: say `symbol_column: {name}`"
            raise BadDataError(f"{grid.label}: {what}")


def _column_with(reading: Reading, wanted: str) -> int | None:
    """Another column of symbols that has the wanted one in a row: a file of codes and names has both."""
    grid = reading.grid
    for place, name in enumerate(grid.names or ()):
        if column(name) in COLUMN_NAMES["symbol"] and place not in reading.places.values():
            cells = grid.columns[place].cast("string").unique().to_pylist()
            if any(same_symbol(each, wanted) for each in cells if each):
                return place
    return None


def _numbers(
    reading: Reading, source: DumpSource, findings: Findings, complaints: Complaints, st: Stamps
) -> FloatArray:
    """OHLCV; for adjusted prices with an `Adj Close` column, all of it on that column's basis."""
    grid, places, shape = reading.grid, reading.places, reading.shape
    texts = [grid.columns[places[name]] for name in OHLC]
    comma = grid.unit == "line" and has_decimal_commas(texts)
    ohlcv = np.zeros((len(grid), 5), np.float64)

    def read(name: str) -> FloatArray:
        values, errors = numbers(grid.columns[places[name]], delimiter=grid.delimiter, decimal_comma=comma)
        complaints.add({at: f"{name if name != 'ticks' else 'volume'}: {what}" for at, what in errors.items()})
        return values

    done: dict[int, int] = {}
    for at, name in enumerate(OHLC):
        same = done.setdefault(places[name], at)
        ohlcv[:, at] = ohlcv[:, same] if same != at else read(name)
    if shape and shape.signed:
        ohlcv[:, :4] = np.abs(ohlcv[:, :4])
    if "volume" in places:
        ohlcv[:, 4] = read("volume")
    if places.get("ticks", -1) not in (-1, places.get("volume")) and not np.nan_to_num(ohlcv[:, 4]).any():
        ohlcv[:, 4] = read("ticks")
        findings.say(
            Finding(what="volume: the number of price changes", count=len(grid), first="", example="its own is 0")
        )
        reading.ignored = [name for name in reading.ignored if name != reading.name_of("ticks")]
    if len(grid) and (ohlcv[:, 4] == -1).all():
        ohlcv[:, 4] = np.nan
        findings.say(Finding(what="volume -1 throughout: none is counted", count=len(grid), first="", example=""))
    scale = source.instrument.scale * _scale_of(reading, ohlcv)
    if scale != 1.0:
        ohlcv[:, :4] = _scaled(ohlcv[:, :4], scale)
        findings.say(Finding(what=f"prices times {scale:g}", count=len(grid), first="", example=""), cleaned=True)
    if "adj_close" in places:
        adjusted_numbers(reading, source, findings, ohlcv, st, read, complaints.add, scale)
    return ohlcv


def _scale_of(reading: Reading, ohlcv: FloatArray) -> float:
    """The format's unit of price (Lean has shares in ten-thousandths, whole numbers, but not indices and futures)."""
    if reading.shape is None or reading.shape.scale == 1.0 or not len(ohlcv):
        return 1.0
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
