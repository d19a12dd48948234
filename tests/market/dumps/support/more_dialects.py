"""What the tests of more dialects share."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from pyjobs.market.calendars.hours import MarketHours, hours_of
from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.dumps.read_dump import Dump, read_dump

NOW_MS = 1_795_910_400_000  # 2026-11-29
COIN, HOURLY = {"market": "24/7"}, {"market": "24/7", "timeframe": "1h"}
PLAIN = "time,open,high,low,close,volume\n"


@pytest.fixture(scope="module")
def hours() -> dict[str, MarketHours]:
    return {market: hours_of(market) for market in ("XKRX", "24/7", "XNYS", "FX", "XLON", "XETR", "XTKS", "CMES")}


def read(path: Path, hours: dict[str, MarketHours], text: str, **told: Any) -> Dump:
    path.write_text(text, encoding="utf-8")
    given = {"symbol": "X", "market": "XNYS", "timeframe": "1d", "currency": "USD", "others": {}} | told
    others = given.pop("others")
    instrument = Instrument(exchange="T", file=path.name, **given)
    return read_dump(path, instrument, hours[instrument.market], now_ms=NOW_MS, others=others)


def rows(times: list[str]) -> str:
    return PLAIN + "".join(f"{time},10,13,9,12,5\n" for time in times)


def closes(dump: Dump) -> list[str]:
    return [dt.datetime.fromtimestamp(ms / 1000, dt.UTC).strftime("%Y-%m-%dT%H:%M") for ms in dump.bars.ts_ms.tolist()]
