"""The rows of a dump as arrays: whose they are, when their bars close, their numbers on one basis."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from pyjobs.market.bars import FloatArray
from pyjobs.market.dumps.findings import Finding
from pyjobs.market.dumps.meaning.basis import adjusted_numbers
from pyjobs.market.dumps.meaning.columns import COLUMN_NAMES, OHLC, Reading
from pyjobs.market.dumps.meaning.lengths import refuse_other_length
from pyjobs.market.dumps.meaning.periods import closes
from pyjobs.market.dumps.meaning.shapes import same_symbol
from pyjobs.market.dumps.meaning.source import UNTIMED, Ledger, Source, Table
from pyjobs.market.dumps.reading.fields import clock, column
from pyjobs.market.dumps.reading.numbers import has_decimal_commas, numbers
from pyjobs.market.dumps.reading.stamps import BAD, DATE, DAY_MS, INSTANT, NAIVE, Stamps, order_of, stamps
from pyjobs.market.dumps.reading.zones import localised
from utils.errors import BadDataError, ConfigError
from utils.foreign_text import quoted

FEW = 6


def table_of(readings: Sequence[Reading], source: Source, ledger: Ledger) -> Table:
    """All rows of all files. A daily row's `ts_ms` is 0 until its session is known; an intraday one's is final.

    Raises BadDataError for a file of several symbols of which none is the instrument, ConfigError when the desk must
    say which end of a bar a time marks.
    """
    tables = [_table(reading, source, ledger, part) for part, reading in enumerate(readings)]
    if len(tables) == 1:
        return tables[0]
    names = ("part", "line", "stamp", "day", "ts_ms", "ohlcv", "wrong")
    return Table(**{name: np.concatenate([getattr(each, name) for each in tables]) for name in names})


def _table(reading: Reading, source: Source, ledger: Ledger, part: int) -> Table:
    _of_one_symbol(reading, source, ledger)
    refuse_other_length(reading, source)
    complaints = _Complaints(len(reading.grid), ledger)
    st = _times(reading, source, complaints)
    day, ts_ms, errors = closes(st, source)
    complaints.add({at: f"{_time_text(reading, at)} {what}" for at, what in errors.items() if st.kind[at] != BAD})
    day = np.where(complaints.of_row >= 0, UNTIMED, day)
    ohlcv = _numbers(reading, source, ledger, complaints, st)
    return Table(
        part=np.full(len(st.ms), part, np.int16), line=reading.grid.lines, stamp=st.ms, day=day, ts_ms=ts_ms,
        ohlcv=ohlcv, wrong=complaints.of_row,
    )  # fmt: skip


class _Complaints:
    """What is wrong with each row, the first thing only."""

    def __init__(self, rows: int, ledger: Ledger) -> None:
        self.of_row = np.full(rows, -1, np.int32)
        self._ledger = ledger

    def add(self, errors: dict[int, str]) -> None:
        for at, what in errors.items():
            if self.of_row[at] < 0:
                self.of_row[at] = len(self._ledger.complaints)
                self._ledger.complaints.append(what)


def _time_text(reading: Reading, at: int) -> str:
    text = reading.grid.cell(at, reading.places["time"])
    return f"{text} {reading.grid.cell(at, reading.places['clock'])}" if "clock" in reading.places else text


def _of_one_symbol(reading: Reading, source: Source, ledger: Ledger) -> None:
    """Only the instrument's rows of a file of many; a file of another name is told."""
    grid, wanted = reading.grid, source.instrument.symbol
    told = grid.about.get("ticker") or grid.about.get("symbol")
    if "symbol" in reading.places and len(grid):
        import pyarrow as pa
        import pyarrow.compute as pc

        names = pc.fill_null(pc.cast(grid.columns[reading.places["symbol"]], pa.string()), "")
        symbols = [str(each) for each in pc.unique(names).to_pylist()]
        mine = [each for each in symbols if same_symbol(each, wanted)]
        if not mine and (other := _column_with(reading, wanted)) is not None:  # codes beside names
            reading.places["symbol"] = other
            reading.ignored = [name for name in reading.ignored if name != reading.name_of("symbol")]
            _of_one_symbol(reading, source, ledger)
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
            ledger.say(
                Finding(what=what, count=others, first="", example=", ".join(sorted(symbols)[:FEW])), treated=True
            )
            reading.grid = grid.picked(keep)
        told = mine[0] if mine else symbols[0]
    if isinstance(told, str) and told and not same_symbol(told, wanted):
        ledger.say(
            Finding(what=f"the file calls it {told!r}", count=len(grid), first="", example=f"the desk {wanted!r}")
        )


def _column_with(reading: Reading, wanted: str) -> int | None:
    """Another column of symbols that has the wanted one in a row: a file of codes and names has both."""
    grid = reading.grid
    for place, name in enumerate(grid.names or ()):
        if column(name) in COLUMN_NAMES["symbol"] and place not in reading.places.values():
            cells = grid.columns[place].cast("string").unique().to_pylist()
            if any(same_symbol(each, wanted) for each in cells if each):
                return place
    return None


def _times(reading: Reading, source: Source, complaints: _Complaints) -> Stamps:
    grid, shape = reading.grid, reading.shape
    cells = grid.columns[reading.places["time"]]
    order = source.instrument.dates or order_of(cells) or (shape.dates if shape else "")
    st = stamps(cells, order)
    if shape and shape.time == "milliseconds":
        st = Stamps(np.full(len(grid), NAIVE, np.uint8), st.ms)
    if "clock" in reading.places:
        _with_clock(st, grid.columns[reading.places["clock"]], complaints)
    if source.instrument.layout == "lean":
        _since_midnight(st, grid)
    _hint(st)
    complaints.add(st.errors)
    zone = source.instrument.zone or _own_zone(reading) or (shape.zone if shape else "")
    if shape and shape.broker:
        st.kind[st.kind == INSTANT] = NAIVE
    local = st.kind == NAIVE
    days_of_a_zone = source.all_day or source.hours.market == "FX"
    if not source.intraday:
        if days_of_a_zone and source.instrument.zone:
            local |= st.kind == DATE
        elif not st.has_clock()[local].any() and not (source.hours.market == "FX" and source.bar_ms == DAY_MS):
            local[:] = False  # a date is a session's name
    source.zone = zone if local.any() else ""
    if zone and local.any():
        ms, never = localised(st.ms[local], zone)
        rows = np.flatnonzero(local)
        complaints.add({int(rows[at]): f"{_time_text(reading, int(rows[at]))} {what}" for at, what in never.items()})
        st.ms[local], st.kind[local] = ms, INSTANT
    return st


def _own_zone(reading: Reading) -> str:
    """The zone that a file says its times are of. Raises BadDataError for one that nobody knows."""
    from zoneinfo import ZoneInfo

    told = reading.grid.about.get("zone", "")
    if told:
        try:
            ZoneInfo(told)
        except (KeyError, ValueError, OSError):
            what = f"its time zone is {quoted(told, 40)!r}, which nobody knows: say `zone:`"
            raise BadDataError(f"{reading.grid.label}: {what}") from None
    return str(told)


def _hint(st: Stamps) -> None:
    """The key that would help is named where a whole column cannot be read."""
    for at, what in st.errors.items():
        if "is not a time" in what and len(st.errors) > 1:
            st.errors[at] = f"{what}; `dates:` says the order of day and month, `columns:` which column it is"
            break


def _with_clock(st: Stamps, cells: Any, complaints: _Complaints) -> None:
    """Date and time of day apart: put together, as a clock of no zone."""
    texts = cells.cast("string").to_pylist()
    seen: dict[str, int] = {}
    for at, text in enumerate(texts):
        text = text or ""
        if text not in seen:
            try:
                time = clock(text)
                seen[text] = ((time.hour * 60 + time.minute) * 60 + time.second) * 1000
            except ValueError as error:
                complaints.add({at: str(error)})
                continue
        st.ms[at] += seen[text]
    st.kind[st.kind == DATE] = NAIVE


def _since_midnight(st: Stamps, grid: Any) -> None:
    """Lean's intraday files: milliseconds since midnight of the date in the file's name."""
    match = re.search(r"(\d{8})_[^/]*$", grid.label)
    if match is None or len(st.ms) == 0 or int(st.ms.max()) >= DAY_MS * 1000:
        return
    from pyjobs.market.dumps.reading.fields import instant

    day = instant(match[1])
    raw = st.ms // 1000  # epochs so small were taken for seconds
    st.ms[:] = (day.toordinal() - 719_163) * DAY_MS + raw
    st.kind[:] = NAIVE


def _numbers(reading: Reading, source: Source, ledger: Ledger, complaints: _Complaints, st: Stamps) -> FloatArray:
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
        ledger.say(
            Finding(what="volume: the number of price changes", count=len(grid), first="", example="its own is 0")
        )
        reading.ignored = [name for name in reading.ignored if name != reading.name_of("ticks")]
    if len(grid) and (ohlcv[:, 4] == -1).all():
        ohlcv[:, 4] = np.nan
        ledger.say(Finding(what="volume -1 throughout: none is counted", count=len(grid), first="", example=""))
    scale = source.instrument.scale * (shape.scale if shape else 1.0)
    if scale != 1.0:
        ohlcv[:, :4] = _scaled(ohlcv[:, :4], scale)
        ledger.say(Finding(what=f"prices times {scale:g}", count=len(grid), first="", example=""), treated=True)
    if "adj_close" in places:
        adjusted_numbers(reading, source, ledger, ohlcv, st, read, complaints.add, scale)
    return ohlcv


def _scaled(values: FloatArray, scale: float) -> FloatArray:
    """By division where the inverse is whole, so that 16600 ten-thousandths are 1.66 and not a hair beside it."""
    inverse = round(1 / scale)
    return values / inverse if abs(inverse * scale - 1) < 1e-12 else values * scale


def mark_of(readings: Sequence[Reading], source: Source) -> Any:
    """Which end of its bar a time marks: the desk's word, the format's, or asked for where it matters."""
    instrument, shape = source.instrument, readings[0].shape
    if instrument.layout in ("ohlcv_start", "ohlcv_close"):
        return "start" if instrument.layout == "ohlcv_start" else "end"
    if readings[0].order in ("bitfinex", "coinbase") or instrument.layout == "bitfinex":
        return "start"
    if shape is not None and shape.mark:
        return shape.mark
    if source.intraday and not instrument.zone:
        raise ConfigError(
            f"{source.path}: does a row's time mark the start or the end of its {instrument.timeframe} bar? "
            f"Say `layout: ohlcv_start` or `layout: ohlcv_close` for {instrument.key}"
        )
    if source.intraday:
        return "start"
    return ""
