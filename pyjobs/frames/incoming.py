"""Frames that go in: into the store, checked like any dump; into a file for `--bars`. yfinance's, ccxt's, ours."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from pyjobs.frames.columns import PRICES, frame_of, typed
from pyjobs.market.bars import COLUMNS, TIMEFRAMES, Bars, checked
from pyjobs.market.desk.instrument import Basis, Instrument
from utils import clock
from utils.errors import BadDataError, NightdeskError, UsageError
from utils.files import atomic
from utils.trading_day import known_markets

if TYPE_CHECKING:
    import pandas as pd

    from pyjobs.market.dumps.read_dump import Dump

Marks = Literal["", "start", "close"]
OURS = "time"  # the name of our own frames' index, which is each bar's close
CCXT = ("timestamp", *PRICES)


def store(
    df: pd.DataFrame,
    symbol: str,
    *,
    exchange: str,
    market: str,
    timeframe: str = "1d",
    currency: str = "",
    prices: Basis = "raw",
    marks: Marks = "",
    zone: str = "",
) -> pd.DataFrame:
    """Store a frame's bars as the series exchange:symbol:timeframe, as `import_bars` would from a file of it.

    `df`: prices by name (open, high, low, close, volume in any spelling that an import takes), times in the index or
    in a column. `market`: the calendar of its sessions (XKRX, XNYS, 24/7 …). `prices`: raw, split, or adjusted for
    splits and dividends; never mixed with what is stored. `marks`: the end of an intraday bar that its time marks,
    where the column names do not show it; `zone`: the zone of times without one. Bars that had not closed are left
    out.

    Returns one row: exchange, symbol, timeframe (str), new, changed, same, left (Int64: stored bars it lacks), rebased
    (Int64; 1: the whole series is now on the frame's basis), first, last (UTC closes). Raises BadDataError with nothing
    stored for prices that cannot be true or would mix two bases, ConfigError when a key has to be set for the
    frame, UsageError for an unknown market or timeframe.
    """
    from pyjobs.market.dumps.compare import bring_in
    from pyjobs.market.store.open_store import open_store

    instrument = _instrument(
        df, symbol, exchange=exchange, market=market, timeframe=timeframe, currency=currency, prices=prices,
        marks=marks, zone=zone,
    )  # fmt: skip
    with _dump_of(df, instrument) as dump:
        done = bring_in(dump, instrument, open_store(), now_ms=clock.now_ms())
    counts = {name: int(getattr(done, name)) for name in ("new", "changed", "same", "left", "rebased")}
    key, ts_ms = instrument.key, dump.bars.ts_ms
    row = {"exchange": key.exchange, "symbol": key.symbol, "timeframe": key.timeframe, **counts}
    names = dict.fromkeys(("exchange", "symbol", "timeframe"), "str")
    return typed(
        [{**row, "first": int(ts_ms[0]), "last": int(ts_ms[-1])}],
        {**names, **dict.fromkeys(counts, "Int64"), "first": "utc", "last": "utc"},
    )


def from_yfinance(df: pd.DataFrame, *, market: str, timeframe: str = "1d", symbol: str = "") -> dict[str, pd.DataFrame]:
    """Frames of bars by symbol, from what `yf.download(…)` or `Ticker.history(…)` gives: for `write_bars`, or to see.

    `symbol`: the symbol, where the frame has none (`Ticker.history`, one level of columns). yfinance marks bars by
    their start, ours by their close; a bar that has not closed is left out. Close as the frame has it:
    `auto_adjust=True` (yfinance's default) gives prices adjusted for splits and dividends. Raises as `store`.
    """
    parts = _by_ticker(df, symbol)
    return {name: _read(part, name, market=market, timeframe=timeframe) for name, part in parts.items()}


def from_ccxt(df: pd.DataFrame, *, timeframe: str, market: str = "24/7") -> pd.DataFrame:
    """A frame of bars from `pd.DataFrame(exchange.fetch_ohlcv(…))`, with ccxt's column names or with none.

    ccxt marks bars by their start in milliseconds; the last one, which still runs, is left out. Raises as `store`.
    """
    if list(df.columns) == list(range(len(CCXT))):
        df = df.set_axis(list(CCXT), axis=1)
    if lacking := [name for name in CCXT if name not in df.columns]:
        raise BadDataError(f"the frame has no column {', '.join(lacking)}; ccxt's are {', '.join(CCXT)}")
    return _read(df[list(CCXT)], "frame", market=market, timeframe=timeframe, marks="start")


def write_bars(path: str | Path, frames: pd.DataFrame | Mapping[str, pd.DataFrame]) -> Path:
    """A Parquet file for `--bars` of run_bt, run_sweep and check_strategy, from frames of bars by symbol, or one frame.

    Such as `bars`, `from_yfinance` and `from_ccxt` give: float64 open, high, low, close, volume, index `time` the UTC
    closes. Old or new, never half. Raises BadDataError for what is no series of bars, naming symbol and place.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    named = {"": frames} if isinstance(frames, pd.DataFrame) else dict(frames)
    if not named:
        raise BadDataError("there is no frame to write")
    tables = []
    for symbol, frame in named.items():
        bars = _bars_in(frame, symbol or "frame")
        columns = {name: getattr(bars, name) for name in COLUMNS}
        tables.append(pa.table({**({"symbol": [symbol] * len(bars)} if symbol else {}), **columns}))
    path = Path(path)
    atomic.write_atomic(path, lambda temporary: pq.write_table(pa.concat_tables(tables), temporary))
    return path


def _bars_in(frame: pd.DataFrame, name: str) -> Bars:
    """The bars of a frame that is already ours."""
    import pandas as pd

    if not isinstance(frame.index, pd.DatetimeIndex) or frame.index.tz is None or frame.index.name != OURS:
        raise BadDataError(
            f"{name}: its index is not {OURS!r}, the UTC closes of bars; "
            "frames.from_yfinance and frames.from_ccxt make it"
        )
    if lacking := [column for column in PRICES if column not in frame.columns]:
        raise BadDataError(f"{name}: no column {', '.join(lacking)}")
    ts_ms = frame.index.tz_convert("UTC").as_unit("ms").asi8.astype(np.int64)
    columns = {column: frame[column].to_numpy(dtype=np.float64, na_value=np.nan) for column in PRICES}
    return checked(Bars(ts_ms=ts_ms, **columns), name=name)


def _read(df: pd.DataFrame, symbol: str, *, market: str, timeframe: str, marks: Marks = "") -> pd.DataFrame:
    instrument = _instrument(df, symbol, exchange="LOCAL", market=market, timeframe=timeframe, marks=marks)
    with _dump_of(df, instrument) as dump:
        return frame_of(dump.bars)


def _instrument(
    df: pd.DataFrame,
    symbol: str,
    *,
    exchange: str,
    market: str,
    timeframe: str,
    currency: str = "",
    prices: Basis = "raw",
    marks: Marks = "",
    zone: str = "",
) -> Instrument:
    if market not in known_markets():
        raise UsageError(f"market {market!r} is not one of {', '.join(known_markets())}")
    if timeframe not in TIMEFRAMES:
        raise UsageError(f"timeframe {timeframe!r} is not one of {', '.join(TIMEFRAMES)}")
    if prices not in ("raw", "split", "adjusted") or marks not in ("", "start", "close"):
        raise UsageError(f"prices are raw, split or adjusted, marks start or close: {prices!r}, {marks!r}")
    if not marks and df.index.name == OURS and set(PRICES) <= set(df.columns):
        marks = "close"
    layout = f"ohlcv_{marks}" if marks else "auto"
    return Instrument(
        symbol=symbol, exchange=exchange, market=market, timeframe=timeframe, currency=currency, prices=prices,
        layout=layout, zone=zone, file="frame.csv",
    )  # fmt: skip


@contextmanager
def _dump_of(df: pd.DataFrame, instrument: Instrument) -> Iterator[Dump]:
    """The frame read as a file of it would be. Errors name the frame."""
    import pandas as pd

    from pyjobs.market.calendars.hours import hours_of
    from pyjobs.market.dumps.read_dump import read_dump

    if df.empty:
        raise BadDataError(f"{instrument.key}: the frame has no rows")
    if isinstance(df.columns, pd.MultiIndex):
        raise BadDataError(f"{instrument.key}: the frame has columns of several levels: one symbol at a time")
    timed = not isinstance(df.index, pd.RangeIndex)
    if instrument.layout != "auto":  # by position: time, then the prices
        df = df[list(PRICES)] if timed else df[[df.columns[0], *PRICES]]
    with tempfile.TemporaryDirectory(prefix="nightdesk-frame-") as folder:
        path = Path(folder) / instrument.file
        df.to_csv(path, index=timed, index_label=(df.index.name or "Date") if timed else None)
        try:
            yield read_dump(path, instrument, hours_of(instrument.market), now_ms=clock.now_ms())
        except NightdeskError as error:
            raise type(error)(str(error).replace(str(path), f"{instrument.key}: the frame")) from None


def _by_ticker(df: pd.DataFrame, symbol: str) -> dict[str, pd.DataFrame]:
    """A yfinance frame, by ticker; its two levels may stand either way round."""
    import pandas as pd

    if not isinstance(df.columns, pd.MultiIndex):
        if not symbol:
            raise UsageError("the frame does not name its symbol: give symbol=…")
        return {symbol: df}
    levels = [level for level in range(df.columns.nlevels) if "Close" in df.columns.get_level_values(level)]
    if df.columns.nlevels != 2 or not levels:
        raise BadDataError(f"columns {list(df.columns[:3])} are not yfinance's: Price and Ticker")
    tickers = df.columns.get_level_values(1 - levels[0])
    return {
        str(ticker): df.xs(ticker, axis=1, level=1 - levels[0]).dropna(how="all") for ticker in dict.fromkeys(tickers)
    }
