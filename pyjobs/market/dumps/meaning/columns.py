"""What each column of a grid is: by its name, by the table of known formats, by the desk's word, or asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.desk.price_formats import PriceFormat
from pyjobs.market.dumps.data_file import Finding
from pyjobs.market.dumps.identity.issuers import verdict
from pyjobs.market.dumps.identity.symbols import bases_of, pair_of, same_symbol
from pyjobs.market.dumps.identity.tickers import NO_SYMBOLS, UNITS, one_ticker, told_above
from pyjobs.market.dumps.meaning.names import (
    CLOCKS,
    COLUMN_NAMES,
    FIELD_OF,
    RANKED,
    own_name,
    refuse_in_turns,
    refuse_other_times,
    refuse_other_volumes,
    stands_still,
    tickers_among_times,
    without_last_trades,
)
from pyjobs.market.dumps.meaning.orders import headerless
from pyjobs.market.dumps.meaning.plausible import NO, YES, is_a_price
from pyjobs.market.dumps.meaning.shapes import first_cell, headless_shape, shape_of
from pyjobs.market.dumps.meaning.volumes import volume_of
from pyjobs.market.dumps.reading.fields import column, is_number, is_time
from pyjobs.market.dumps.reading.grid import Grid
from pyjobs.market.dumps.reading.limits import unexpected
from utils.errors import BadDataError
from utils.foreign_text import quoted

OHLC = ("open", "high", "low", "close")
MAIN_SERIES = "EQ"  # NSE's series of shares that anybody may trade within the day


@dataclass(slots=True, kw_only=True)
class Reading:
    """The place of each field, the meaning of the times, and the findings about the file as a whole.

    `volume_times`: how many shares or coins each of the volume's numbers is (1 000 in `Volume (K)`).
    """

    grid: Grid
    places: dict[str, int]
    shape: PriceFormat | None
    order: str = "names"
    ignored: list[str] = field(default_factory=list)
    said: list[Finding] = field(default_factory=list)
    volume_times: float = 1.0

    def name_of(self, what: str) -> str:
        """How the file calls a field."""
        place = self.places[what]
        return self.grid.names[place] if self.grid.names else f"column {place + 1}"


def understood(grid: Grid, instrument: Instrument) -> Reading:
    """The field of each column. Raises BadDataError naming those that are missing or unclear, and the key that
    helps.
    """
    told_above(grid, instrument)
    if grid.names is None:
        return headerless_reading(grid, instrument)
    one_ticker(grid, instrument)
    shape = shape_of(grid, instrument)
    places = _places(grid, instrument, shape)
    found, times = volume_of(grid, instrument, places)
    reading = Reading(grid=grid, places=places, shape=shape, said=found, volume_times=times)
    _only_closes(reading, instrument)
    missing = [name for name in ("time", *OHLC) if name not in places]
    if missing:
        raise BadDataError(_missing(grid, missing))
    used = {*places.values()}
    reading.ignored = [name or f"column {i + 1}" for i, name in enumerate(grid.names) if i not in used]
    return reading


def headerless_reading(grid: Grid, instrument: Instrument) -> Reading:
    """Read a file without column names: by the table of formats, else by the order that fits all rows."""
    width = len(grid.columns)
    if instrument.columns:
        places = {name: _numbered(grid, name, entry, width) for name, entry in instrument.columns.items() if entry}
        return Reading(grid=grid, places=places, shape=None, order="columns")
    shape = headless_shape(grid, instrument, width)
    if shape is not None:
        names = shape.columns
        places = {name: i for i, name in enumerate(names[:width]) if name in COLUMN_NAMES or name == "clock"}
        ignored = [name for name in names[:width] if name not in places]
        _refuse_a_price(grid, instrument, places)
        return Reading(grid=grid, places=places, shape=shape, order=shape.name, ignored=ignored)
    places, order = headerless(grid, instrument)
    _refuse_a_price(grid, instrument, places)
    return Reading(grid=grid, places=places, shape=None, order=order)


def _refuse_a_price(grid: Grid, instrument: Instrument, places: dict[str, int]) -> None:
    """A last column that lies between low and high in every row is not a volume."""
    if instrument.layout == "auto" and "volume" in places and is_a_price(grid, places):
        place = places["volume"] + 1
        what = f"column {place}, {grid.cell(0, place - 1)!r}, lies between low and high in every row: not a volume"
        text = "an adjusted close? set `columns: {time: 1, open: 2, high: 3, low: 4, close: 5, …}`"
        raise BadDataError(f"{grid.label}: {grid.unit} {int(grid.lines[0])}: {what}, {text}")


def _numbered(grid: Grid, name: str, text: str, width: int) -> int:
    if not (text.isdigit() and 1 <= int(text) <= width):
        what = f"has no header, so `columns: {{{name}: …}}` is a column's number from 1 to {width}; is {text!r}"
        raise BadDataError(f"{grid.label}: {what}")
    return int(text) - 1


def _missing(grid: Grid, missing: Sequence[str]) -> str:
    names = grid.names or []
    where = f"line {grid.header_line}" if grid.unit == "line" else f"row {int(grid.lines[0]) if len(grid) else 1}"
    what = f"no column for {', '.join(missing)}" if grid.unit == "line" else f"no {', '.join(missing)}"
    listed = unexpected(grid.label, ", ".join(names))
    wanted = ", ".join(f"{name}: NAME" for name in missing)
    if set(OHLC) <= set(missing):
        one = ", ".join(f"{name}: NAME" for name in missing if name in ("time", "close"))
        wanted += f"}}`, or where a row has one price `columns: {{{one}"
    return f"{grid.label}: {where}: {what} in {listed}; set `columns: {{{wanted}}}`"


def _places(grid: Grid, instrument: Instrument, shape: PriceFormat | None) -> dict[str, int]:
    names = grid.names or []
    record = {name: _told(grid, name, wanted) for name, wanted in instrument.columns.items() if wanted}
    none = {name for name, wanted in instrument.columns.items() if not wanted}
    if (
        instrument.symbol_column and instrument.symbol_column not in grid.about
    ):  # not in the rows, as in Polygon's files
        record["symbol"] = _told(grid, "symbol", instrument.symbol_column)
    found: dict[str, list[tuple[int, int]]] = {}
    for place, name in enumerate(names):
        if place in record.values():
            continue
        plain = column(own_name(name, names))
        role, rank = (shape.take[plain], 0) if shape and plain in shape.take else FIELD_OF.get(plain, ("", 0))
        if role and role not in record and role not in none:
            found.setdefault(role, []).append((rank, place))
    places = dict(record)
    if tickers := tickers_among_times(grid, found.get("time", [])):
        found["time"] = [each for each in found["time"] if each not in tickers]
        found.setdefault("symbol", []).extend(tickers)
    for role, candidates in found.items():
        candidates[:] = sorted(without_last_trades(names, candidates) if role == "close" else candidates)
        twice = len(candidates) > 1 and (role not in RANKED or candidates[0][0] == candidates[1][0])
        if twice and not (role == "time" and _is_clock(grid, candidates[1][1])):
            columns = ", ".join(names)
            what = f"two columns are named {role}: {columns}; choose one with `columns: {{{role}: NAME}}`"
            raise BadDataError(f"{grid.label}: line {grid.header_line or 1}: {what}")
        if role == "volume" and len(candidates) > 1:
            refuse_in_turns(grid, candidates)
            if shape is None:
                refuse_other_volumes(grid, candidates)
        places[role] = candidates[0][1]
        if role == "time":
            places[role] = _time_among(grid, candidates)
            if len(candidates) > 1 and shape is None:
                dates = [each for each in candidates if not _is_clock(grid, each[1])]
                refuse_other_times(grid, places[role], dates, instrument)
    _without_other_words(grid, places)
    _clock(grid, places, found.get("time", []))
    _unnamed_index(grid, places)
    return places


def _time_among(grid: Grid, candidates: list[tuple[int, int]]) -> int:
    """The column of the rows' times: of `date` and `open_time` the latter may be a time of day."""
    times = [at for _, at in candidates if is_time(first_cell(grid, at))]
    if len(times) > 1:
        times = [at for at in times if not (_is_clock(grid, at) or stands_still(grid, at))] or times
    return next(iter(times), candidates[0][1])


def _without_other_words(grid: Grid, places: dict[str, int]) -> None:
    """Take back what only looked like a field by its name: its cells are of something else."""
    if "series" in places and MAIN_SERIES not in map(str.strip, _words(grid, places["series"])):
        del places["series"]  # another exchange's, or a column of symbols
    at = places.get("adj_close", -1)
    if (
        at >= 0
        and column((grid.names or [])[at]) == "adjusted"
        and {w.lower() for w in _words(grid, at)} <= {*YES, *NO}
    ):
        del places["adj_close"]  # whether the prices are adjusted


def _words(grid: Grid, place: int) -> list[str]:
    return [str(each).upper() for each in grid.columns[place].cast("string").unique().to_pylist() if each]


def _told(grid: Grid, name: str, wanted: str) -> int:
    names = grid.names or []
    if wanted in names:
        return names.index(wanted)  # of Hyperliquid's `t` and `T` the one that is meant
    for place, each in enumerate(names):
        if column(each) == column(wanted):
            return place
    found = unexpected(grid.label, ", ".join(names))
    what = f"`columns`/`symbol_column` sets {name} to {wanted!r}, but the columns are {found}"
    raise BadDataError(f"{grid.label}: {what}")


def _is_clock(grid: Grid, place: int) -> bool:
    text = first_cell(grid, place)
    return bool(re.fullmatch(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?(\s*[AaPp][Mm])?|\d{3,6}", text))


def _clock(grid: Grid, places: dict[str, int], times: list[tuple[int, int]]) -> None:
    """Date and time apart: the time of day is a field of its own."""
    for place in [
        *(place for _, place in times),
        *(at for at, name in enumerate(grid.names or ()) if column(name) in CLOCKS),
    ]:
        if place != places.get("time") and "clock" not in places and _is_clock(grid, place):
            text = first_cell(grid, places["time"])
            if is_time(text) and ":" not in text and len(text) <= 12:
                places["clock"] = place


def _unnamed_index(grid: Grid, places: dict[str, int]) -> None:
    """A table written with its index, which had no name: where no column is the time, it is."""
    names = grid.names or [""]
    nameless = [i for i, name in enumerate(names) if not name or column(name).startswith(("unnamed", "index"))]
    for place in nameless if len(grid) and "time" not in places else ():
        if is_time(first_cell(grid, place)):
            places["time"] = place
            return


def _only_closes(reading: Reading, instrument: Instrument) -> None:
    """A date and one value: the value is the close, and all there is of the bar."""
    grid, places = reading.grid, reading.places
    names = grid.names or []
    if any(name in places for name in ("open", "high", "low")):
        return
    if "close" not in places and (own := _named_by_symbol(grid, instrument, places)) is not None:
        places["close"] = own
    if "close" not in places or "time" not in places:
        return
    name = column(names[places["close"]])
    found = "close" in instrument.columns or (reading.shape is not None and reading.shape.take.get(name) == "close")
    mine = same_symbol(names[places["close"]], instrument.symbol)
    if len(names) > 2 and not found and name != "close" and not mine:
        return
    places |= dict.fromkeys(("open", "high", "low"), places["close"])
    what = "only one price a row: open, high and low are the close"
    reading.said.append(Finding(what=what, count=len(grid), first="", example=f"column {reading.name_of('close')}"))


def _named_by_symbol(grid: Grid, instrument: Instrument, places: dict[str, int]) -> int | None:
    """The only column besides the time, or of several the one that is named as the instrument: its closes."""
    names = grid.names or []
    if "time" not in places:
        return None
    if len(names) > 2:
        mine = [
            at for at, name in enumerate(names) if at not in places.values() and same_symbol(name, instrument.symbol)
        ]
        return mine[0] if len(mine) == 1 and is_number(_some(grid, mine[0])) else None
    if places["time"] != 0 or len(names) != 2 or not is_number(_some(grid, 1)):
        return None
    whose = "" if _says_nothing(names[1], instrument) else verdict(names[1], instrument)
    if whose in ("two", "asked") and instrument.role != "benchmark":  # an index may stand for a fund to compare with
        what = f"line {grid.header_line or 1}: its one value is called {quoted(names[1], 40)!r}, the desk's symbol is "
        cure = f"where that is its price, set `columns: {{close: {quoted(names[1], 40)}}}`"
        raise BadDataError(f"{grid.label}: {what}{instrument.symbol!r}: {cure}")
    return 1


def _says_nothing(name: str, instrument: Instrument) -> bool:
    """Whether all words of a value's name are such as any price has: a unit is one, and the money that a pair is paid
    in (USD of BTC-USD), but no money of a pair of two (EUR of EURUSD).
    """
    pair = pair_of(instrument.symbol.upper())
    units = pair - {*bases_of(instrument.symbol)} if pair else UNITS
    words = re.findall(r"[^\W_]+|[$€£]", re.sub("(?<=[a-z])(?=[A-Z])", " ", name))
    return all(word.lower() in NO_SYMBOLS or word.upper() in units for word in words)


def _some(grid: Grid, place: int) -> str:
    """The first cell of a column that is not missing."""
    return next(
        (text for row in range(min(len(grid), 200)) if (text := grid.cell(row, place).strip()) not in ("", ".")), ""
    )
