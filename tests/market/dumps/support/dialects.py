"""What the tests of dialects share."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from pyjobs.market.calendars.hours import MarketHours, hours_of
from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.dumps.read_dump import Dump, read_dump

NOW_MS = int(dt.datetime(2026, 11, 29, tzinfo=dt.UTC).timestamp() * 1000)
COIN: dict[str, Any] = {"market": "24/7"}
HOURLY = COIN | {"timeframe": "1h"}
CURRENCY: dict[str, Any] = {"market": "FX", "timeframe": "1h"}


@pytest.fixture(scope="module")
def hours() -> dict[str, MarketHours]:
    return {market: hours_of(market) for market in ("XKRX", "24/7", "XNYS", "FX")}


def read(path: Path, hours: dict[str, MarketHours], text: str, **told: Any) -> Dump:
    path.write_text(text, encoding="utf-8")
    given = {"symbol": "X", "market": "XNYS", "timeframe": "1d", "currency": "USD"} | told
    instrument = Instrument(exchange="T", file=path.name, **given)
    return read_dump(path, instrument, hours[instrument.market], now_ms=NOW_MS)
