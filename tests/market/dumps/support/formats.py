"""What the tests of formats share."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from pyjobs.market.calendars.hours import MarketHours, hours_of
from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.dumps.read_dump import Dump, read_dump

NOW = dt.datetime(2026, 11, 29, tzinfo=dt.UTC)
HOURLY = {"market": "24/7", "timeframe": "1h"}


@pytest.fixture(scope="module")
def hours() -> dict[str, MarketHours]:
    return {market: hours_of(market) for market in ("XKRX", "24/7", "XNYS", "FX")}


def read(path: Path, hours: dict[str, MarketHours], **told: Any) -> Dump:
    given = {"symbol": "X", "market": "XNYS", "timeframe": "1d", "currency": "USD"} | told
    instrument = Instrument(exchange="T", file=path.name, **given)
    return read_dump(path, instrument, hours[instrument.market], now_ms=int(NOW.timestamp() * 1000))


def first_bar(dump: Dump) -> tuple[str, float, float, float, float, float]:
    bars = dump.bars
    time = dt.datetime.fromtimestamp(int(bars.ts_ms[0]) / 1000, dt.UTC).strftime("%Y-%m-%dT%H:%M")
    return (time, *(float(getattr(bars, name)[0]) for name in ("open", "high", "low", "close", "volume")))  # type: ignore[return-value]


# Two or three rows each, in the shape their vendor gives them: instrument, text, first bar, how many bars.
D = "2024-01-02T21:00"  # the close of New York on that day
