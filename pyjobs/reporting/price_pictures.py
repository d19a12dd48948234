"""The price pictures of a scan: the instruments with a signal, on a quiet night those that fired last."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from pyjobs.market.bars import TIMEFRAME_MS, Bars, SeriesKey
from pyjobs.market.desk.corporate_actions import Action, actions_of, concerning, worked_in
from pyjobs.market.desk.desk_file import Desk
from pyjobs.market.store.bar_store import BarStore
from pyjobs.reporting.charts import PriceSeries, Trigger, price_chart
from pyjobs.reporting.run_files.accounts import csv_columns
from pyjobs.scanning.scan_file import Scan, Signal
from utils.errors import BadDataError

BARS_SHOWN = 180
PICTURES_AT_MOST, QUIET_PICTURES = 12, 3
DAY_MS = TIMEFRAME_MS["1d"]
_TOLD = ("exchange", "symbol", "timeframe", "ts_ms", "setup")


def draw_all(run_dir: Path, scan: Scan, desk: Desk, store: BarStore) -> list[str]:
    """Draw a picture for the first twelve instruments with a signal, without any for the three that fired last.

    Splits and dividends are worked in, as the scan has them. Returns the file names in reports/. An instrument whose
    bars are not in the store is left out.
    """
    actions = actions_of(desk)
    tonight = _tonight(scan)
    past = past_triggers(run_dir / "backtests" / "triggers.csv", of=tonight)
    drawn = []
    for key, signals in (tonight or _fired_last(past)).items():
        bars = shown(key, scan, desk, actions, store)
        if bars is None:
            continue
        series = _series(bars, key, signals, scan)
        known = {(trigger.ts_ms, trigger.setup): trigger for trigger in past.get(key, [])}
        known |= {(s.ts_ms, s.setup): Trigger(ts_ms=s.ts_ms, setup=s.setup, tonight=True) for s in signals}
        name = picture_name(key)
        price_chart(run_dir / "reports" / name, series, list(known.values()))
        drawn.append(name)
    return drawn


def _tonight(scan: Scan) -> dict[SeriesKey, list[Signal]]:
    """Tonight's signals by instrument."""
    by_key: dict[SeriesKey, list[Signal]] = {}
    for signal in sorted(scan.signals, key=lambda each: (each.symbol, each.timeframe)):
        key = SeriesKey(exchange=signal.exchange, symbol=signal.symbol, timeframe=signal.timeframe)
        by_key.setdefault(key, []).append(signal)
    return dict(list(by_key.items())[:PICTURES_AT_MOST])


def _fired_last(past: Mapping[SeriesKey, Sequence[Trigger]]) -> dict[SeriesKey, list[Signal]]:
    """The instruments with the youngest newest trigger; none of them has a signal tonight."""
    newest = sorted(past, key=lambda key: (-max(trigger.ts_ms for trigger in past[key]), str(key)))
    return {key: [] for key in newest[:QUIET_PICTURES]}


def picture_name(key: SeriesKey) -> str:
    """`price_<exchange>_<symbol>_<timeframe>.png`, with `_` for what a file name should not hold."""
    plain = "".join(c if c.isascii() and c.isalnum() else "_" for c in f"{key.exchange}_{key.symbol}_{key.timeframe}")
    return f"price_{plain}.png"


def past_triggers(triggers_csv: Path, *, of: Collection[SeriesKey] = ()) -> dict[SeriesKey, list[Trigger]]:
    """Every trigger of the setup backtests by series; none when the file is missing or of another shape.

    `of`: only of these series, when there are any; a market has a hundred thousand triggers.
    """
    found: dict[SeriesKey, list[Trigger]] = {}
    wanted = {(key.exchange, key.symbol, key.timeframe) for key in of}
    try:
        for exchange, symbol, timeframe, ts_ms, setup in csv_columns(triggers_csv, _TOLD):
            if not wanted or (exchange, symbol, timeframe) in wanted:
                key = SeriesKey(exchange=exchange, symbol=symbol, timeframe=timeframe)
                found.setdefault(key, []).append(Trigger(ts_ms=int(ts_ms), setup=setup, tonight=False))
    except (OSError, ValueError):
        return {}
    return found


def shown(key: SeriesKey, scan: Scan, desk: Desk, actions: Sequence[Action], store: BarStore) -> Bars | None:
    """The last 180 bars that had closed at the scan's moment, `actions` known by then worked in.

    None when there are none or they cannot be read.
    """
    if scan.asof_ts_ms is None:
        return None
    length = TIMEFRAME_MS[key.timeframe]
    span = BARS_SHOWN * max(length, DAY_MS if length >= DAY_MS else length) * 2
    try:
        bars = store.read(key, start_ms=scan.asof_ts_ms - span, end_ms=scan.asof_ts_ms)
    except (BadDataError, OSError):
        return None
    if not len(bars):
        return None
    bars = bars.slice(max(0, len(bars) - BARS_SHOWN), len(bars))
    instrument = next((each for each in desk.instruments if each.key == key), None)
    known = concerning(instrument, actions, dt.date.fromisoformat(scan.session)) if instrument else []
    return worked_in(bars, known, instrument) if instrument and known else bars


def _series(bars: Bars, key: SeriesKey, signals: Sequence[Signal], scan: Scan) -> PriceSeries:
    """What is drawn of them."""
    fired = ", ".join(sorted(signal.setup for signal in signals))
    known = {(each.exchange, each.symbol, each.timeframe): each for each in scan.instruments}
    mine = known.get((key.exchange, key.symbol, key.timeframe))
    currency, name = (mine.currency, mine.name) if mine else ("", "")
    what = f"{key.symbol} {name} {key.timeframe}" if name else f"{key.symbol} {key.timeframe}"
    stops = [signal.stop for signal in signals if signal.stop is not None]
    return PriceSeries(
        title=f"{what}{f', {currency}' if currency else ''}: {fired or 'no signal tonight'}",
        ts_ms=bars.ts_ms.tolist(),
        low=bars.low.tolist(),
        high=bars.high.tolist(),
        close=bars.close.tolist(),
        intraday=TIMEFRAME_MS[key.timeframe] < DAY_MS,
        stop=max(stops, default=None),
    )
