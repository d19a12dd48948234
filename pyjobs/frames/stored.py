"""Stored bars as frames: of one series, of a desk. Splits and dividends are worked into the prices on request."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pyjobs.frames.columns import PRICES, frame_of, typed, utc_index
from pyjobs.market.bars import SeriesKey
from pyjobs.market.desk import corporate_actions
from pyjobs.market.desk.desk_file import desk_path, load_desk
from pyjobs.market.desk.snapshot import Series, Snapshot, refuse_unread, take
from pyjobs.market.store.open_store import open_store
from utils import clock, paths
from utils.cli import date_of
from utils.errors import BadDataError, MissingInputError, UsageError

if TYPE_CHECKING:
    import pandas as pd

Day = str | dt.date
Prices = Literal["adjusted", "raw"]
DAY_MS = 86_400_000


def series() -> pd.DataFrame:
    """Every stored series: columns exchange, symbol, timeframe (str), bars (Int64), first, last (UTC closes).

    The last three of one that cannot be read are missing (`<NA>`, `NaT`); `bars` holds the reason.
    """
    store = open_store()
    rows = []
    for key in store.series():
        about: dict[str, object] = {"exchange": key.exchange, "symbol": key.symbol, "timeframe": key.timeframe}
        rows.append(about)
        with suppress(BadDataError, OSError):  # it hides no other
            ts_ms = store.read(key).ts_ms
            about["bars"] = len(ts_ms)
            about |= {"first": int(ts_ms[0]), "last": int(ts_ms[-1])} if len(ts_ms) else {}
    names = dict.fromkeys(("exchange", "symbol", "timeframe"), "str")
    return typed(rows, {**names, "bars": "Int64", "first": "utc", "last": "utc"})


def bars(
    symbol: str, *, exchange: str, timeframe: str = "1d", start: Day | None = None, end: Day | None = None
) -> pd.DataFrame:
    """The bars of one stored series as they are stored: columns open, high, low, close, volume (float64), no NaN.

    Index `time`: each bar's close, UTC, increasing. `start`, `end`: UTC days on which bars close, both included;
    midnight belongs to the day it ends. Raises MissingInputError when nothing is stored of it, BadDataError for damaged
    files.
    """
    key = SeriesKey(exchange=exchange, symbol=symbol, timeframe=timeframe)
    store = open_store()
    if not store.partitions(key):
        near = [str(each) for each in store.series() if symbol in (each.symbol, str(each))]
        also = f"; there is {', '.join(near)}" if near else "; frames.series() lists what there is"
        raise MissingInputError(f"{key}: no bars of it in {store.root}{also}")
    start_ms, end_ms = _midnight_ms(start, "start"), _midnight_ms(end, "end")
    low = None if start_ms is None else start_ms + 1
    return frame_of(store.read(key, start_ms=low, end_ms=None if end_ms is None else end_ms + DAY_MS))


def instruments(desk: str | Path | None = None) -> pd.DataFrame:
    """The instruments of a desk with what is known of their bars at its session.

    Columns symbol, exchange, market, timeframe, currency, name, role, prices (str), bars (Int64), last (UTC close),
    stale (boolean: behind the session). Raises as `load_desk` and `take`.
    """
    texts = ("symbol", "exchange", "market", "timeframe", "currency", "name", "role", "prices")
    found = _opened(desk, "raw", None).series
    rows = [
        {
            **{name: getattr(each.instrument, name) for name in texts},
            "bars": len(each.bars),
            "last": each.bars.last_ms if len(each.bars) else None,
        }
        for each in found
    ]
    table = typed(rows, {**dict.fromkeys(texts, "str"), "bars": "Int64", "last": "utc"})
    table["stale"] = [each.stale for each in found]
    return table


def desk(
    desk: str | Path | None = None,
    *,
    wide: bool = False,
    column: str = "close",
    prices: Prices = "adjusted",
    session: Day | None = None,
    symbols: Sequence[str] | None = None,
    timeframe: str | None = None,
) -> pd.DataFrame:
    """The bars of a desk's instruments up to its session: what a strategy sees of them (`prices="raw"`: as traded).

    `desk`: its file; config/desk.yaml where none is named, else the sample's. Long: columns symbol, exchange, timeframe
    (categories), open, high, low, close, volume (float64), index `time` (each bar's close, UTC), by instrument in the
    desk's order, then time. Wide: one `column` of them, a column for each symbol, NaN where it has no bar at that time;
    `timeframe` must be named where the desk has several. Raises UsageError for what cannot be, and as `load_desk`.
    """
    taken = _opened(desk, prices, session).series
    found = [
        each
        for each in taken
        if (symbols is None or each.instrument.symbol in symbols) and timeframe in (None, each.instrument.timeframe)
    ]
    if symbols is not None and (unknown := set(symbols) - {each.instrument.symbol for each in found}):
        raise UsageError(
            f"symbols: the desk has no {', '.join(sorted(unknown))}{f' of {timeframe}' if timeframe else ''}"
        )
    return _wide(found, column) if wide else _long(found)


def _opened(desk: str | Path | None, prices: str, session: Day | None) -> Snapshot:
    if prices not in ("adjusted", "raw"):
        raise UsageError(f"prices {prices!r} is neither of adjusted, raw")
    found = load_desk(desk_path(None if desk is None else str(desk), paths.config_dir()))
    asked = None if session is None else _day(session, "session")
    taken = take(found, open_store(), asked=asked, now_s=clock.now_s())
    refuse_unread(taken)
    return corporate_actions.on_desk(taken) if prices == "adjusted" else taken


def _long(found: Sequence[Series]) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    names = ("symbol", "exchange", "timeframe")
    sizes = [len(each.bars) for each in found]
    columns: dict[str, object] = {}
    for name in names:
        values = [getattr(each.instrument, name) for each in found]
        kinds = list(dict.fromkeys(values))
        codes = np.repeat(np.array([kinds.index(value) for value in values], dtype=np.int64), sizes)
        columns[name] = pd.Categorical.from_codes(codes, categories=pd.Index(kinds, dtype="str"))
    nothing = [np.empty(0)]
    for name in PRICES:
        columns[name] = np.concatenate([*nothing, *(getattr(each.bars, name) for each in found)])
    ts_ms = np.concatenate([np.empty(0, np.int64), *(each.bars.ts_ms for each in found)])
    return pd.DataFrame(columns, index=utc_index(ts_ms))


def _wide(found: Sequence[Series], column: str) -> pd.DataFrame:
    import pandas as pd

    if column not in PRICES:
        raise UsageError(f"column {column!r} is not one of {', '.join(PRICES)}")
    kinds = sorted({each.instrument.timeframe for each in found})
    if len(kinds) > 1:
        raise UsageError(f"a wide frame is of one timeframe, and there are {', '.join(kinds)}: name one")
    twice = [each.instrument.symbol for each in found]
    labels = [
        each.instrument.symbol if twice.count(each.instrument.symbol) == 1 else str(each.instrument.key)
        for each in found
    ]
    columns = {label: frame_of(each.bars)[column] for label, each in zip(labels, found, strict=True)}
    return pd.DataFrame(columns).sort_index().rename_axis(index="time", columns="symbol")


def _day(day: Day, what: str) -> dt.date:
    return date_of(day, what) if isinstance(day, str) else day


def _midnight_ms(day: Day | None, what: str) -> int | None:
    """UTC milliseconds of the midnight at which the day begins."""
    if day is None:
        return None
    return (_day(day, what) - dt.date(1970, 1, 1)).days * DAY_MS
