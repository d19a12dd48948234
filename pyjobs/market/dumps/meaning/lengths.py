"""How long the bars of a file are by its own word: a column of periods, or the first and last moment of each."""

from __future__ import annotations

import numpy as np

from pyjobs.market.dumps.meaning.columns import Reading
from pyjobs.market.dumps.meaning.names import ENDS
from pyjobs.market.dumps.meaning.source import DumpSource
from pyjobs.market.dumps.reading.fields import column
from pyjobs.market.dumps.reading.stamps import DATE, DAY_MS, stamps
from utils.errors import BadDataError

SHORTEST = 8
PERIODS = {"D": "1d", "W": "1w", "M": "1mo", "1": "1m", "5": "5m", "15": "15m", "30": "30m", "60": "1h", "240": "4h"}


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
        raise BadDataError(f"{grid.label}: {grid.unit} {int(grid.lines[0])}: {what}; say `timeframe:`")


def _refuse_other_period(reading: Reading, source: DumpSource) -> None:
    """Refuse a file that gives its bars another length than the desk."""
    if "period" not in reading.places or not len(reading.grid):
        return
    told = reading.grid.cell(0, reading.places["period"]).strip().upper()
    timeframe = source.instrument.timeframe
    if PERIODS.get(told, timeframe) != timeframe:
        what = (
            f"its column {reading.name_of('period')} says {told} ({PERIODS[told]}), but the instrument is {timeframe}"
        )
        raise BadDataError(f"{reading.grid.label}: {what}")
