"""How long the bars of a file are by its own word: a column of periods, or the first and last moment of each."""

from __future__ import annotations

import re

import numpy as np

from pyjobs.market.dumps.meaning.columns import Reading
from pyjobs.market.dumps.meaning.names import ENDS, PERIOD_WORDS
from pyjobs.market.dumps.meaning.source import DumpSource
from pyjobs.market.dumps.reading.fields import column
from pyjobs.market.dumps.reading.stamps import DATE, DAY_MS, stamps
from utils.errors import BadDataError
from utils.foreign_text import quoted

SHORTEST = 8
PERIODS = {"D": "1d", "W": "1w", "M": "1mo", "1": "1m", "5": "5m", "15": "15m", "30": "30m", "60": "1h", "240": "4h"}
BEFORE = {"S": "s", "M": "m", "H": "h", "D": "d", "W": "w", "MN": "mo"}
MONTHS = (1, 2, 3, 4, 6, 12)
_WORDS = {
    "s": "s sec second seconds",
    "m": "m min mins minute minutes t",
    "h": "h hr hour hours hourly",
    "d": "d day days daily",
    "w": "w wk week weeks weekly",
    "mo": "M mo mon month months monthly",
}
UNITS = {word: unit for unit, words in _WORDS.items() for word in words.split()}


def refuse_other_length(reading: Reading, source: DumpSource) -> None:
    """Raise BadDataError when a file gives its bars another length than the desk."""
    _refuse_other_period(reading, source)
    _refuse_other_ends(reading, source)


def _refuse_other_ends(reading: Reading, source: DumpSource) -> None:
    """A file that has the first and the last moment of each bar, as Binance's do, and bars of another length."""
    grid, names = reading.grid, [column(name) for name in reading.grid.names or ()]
    if not grid.names and reading.shape is not None:
        names = [column(name) for name in reading.shape.columns[: len(grid.columns)]]
    ends = [at for at, name in enumerate(names) if name in ENDS and at != reading.places["time"]]
    if not ends or not len(grid) or (reading.shape is not None and reading.shape.mark == "end"):
        return
    first, last = (stamps(grid.columns[at]) for at in (reading.places["time"], ends[0]))
    known = (first.kind > DATE) & (last.kind == first.kind)
    if not known.any():
        return
    length = int(np.median((last.ms - first.ms)[known]))
    least, most = (28 * DAY_MS, 31 * DAY_MS) if source.instrument.timeframe == "1mo" else (source.bar_ms, source.bar_ms)
    if not source.intraday and not source.all_day:
        least //= SHORTEST  # a session is a part of its day
    if not least - 1000 <= length <= most + 1000:
        start, end = grid.cell(0, reading.places["time"]), grid.cell(0, ends[0])
        what = f"a row begins at {start} and ends at {end}: no bar of {source.instrument.timeframe}"
        raise BadDataError(f"{grid.label}: {grid.unit} {int(grid.lines[0])}: {what}; set `timeframe:`")


def _refuse_other_period(reading: Reading, source: DumpSource) -> None:
    """Refuse a file that gives its bars another length than the desk."""
    grid, where = reading.grid, "it"
    texts = [next((str(grid.about[name]) for name in PERIOD_WORDS if name in grid.about), "")]
    if "period" in reading.places and len(grid):
        cells = grid.columns[reading.places["period"]].cast("string").unique().to_pylist()
        texts, where = [str(cell) for cell in cells if cell], f"its column {reading.name_of('period')}"
    for text in texts:
        found = length_of(text)
        if found and source.instrument.timeframe not in (found, _in_capitals(text)):
            own = source.instrument.timeframe
            what = f"{where} says {quoted(text.strip(), 20)} ({found}), but the instrument is {own}"
            raise BadDataError(f"{grid.label}: {what}")


def _in_capitals(text: str) -> str:
    """The minutes that `15M` or `1M` means where capitals are not of months: the rows' distances decide."""
    match = re.fullmatch(r"\s*(\d{1,4})\s*M\s*", text)
    return length_of(f"{match[1]}m") if match else ""


def length_of(text: str) -> str:
    """The timeframe, or a length like one (`2h`), that a word for it means; "" for words of something else."""
    text = text.strip()
    if text.upper() in PERIODS:
        return PERIODS[text.upper()]
    match = re.fullmatch(r"(\d{1,4})[\s_-]*([A-Za-z]+)", text)
    count, unit = (int(match[1]), UNITS.get(match[2], UNITS.get(match[2].lower(), ""))) if match else (1, "")
    if match is None and (before := re.fullmatch(r"([SMHDW]|MN)(\d{1,3})", text)):  # OANDA's, MetaTrader's
        count, unit = int(before[2]), BEFORE[before[1]]
    elif match is None:
        unit = UNITS.get(text.lower(), "")
    if unit == "mo" and text[-1:] == "M" and count not in MONTHS:
        unit = "m"  # there are no bars of 15 months
    if unit == "m" and count % 60 == 0:
        count, unit = count // 60, "h"
    if unit == "h" and count % 24 == 0:
        count, unit = count // 24, "d"
    return "1w" if (count, unit) == (7, "d") else f"{count}{unit}" if unit and count else ""
