"""What the tests of dumps share."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path
from typing import Any

import pytest

from pyjobs.market.calendars.hours import MarketHours, hours_of
from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.dumps.read_dump import Dump, read_dump

NOW = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)  # a Friday, the Korean session has closed


@pytest.fixture(scope="module")
def hours() -> dict[str, MarketHours]:
    return {market: hours_of(market) for market in ("XKRX", "24/7", "XNYS")}


class Reader:
    """Writes a dump with a known modification time and reads it."""

    def __init__(self, folder: Path, hours: dict[str, MarketHours]) -> None:
        self.path = folder / "dump.txt"
        self.hours = hours

    def __call__(
        self, content: str | bytes, *, now: dt.datetime = NOW, written: dt.datetime | None = None, **told: Any
    ) -> Dump:
        self.path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        os.utime(self.path, (0, (written or now).timestamp()))
        given = {"market": "XKRX", "timeframe": "1d", "currency": "KRW"} | told
        instrument = Instrument(symbol="X", exchange="T", file=self.path.name, **given)
        now_ms = int(now.timestamp() * 1000)
        return read_dump(self.path, instrument, self.hours[instrument.market], now_ms=now_ms)


@pytest.fixture
def read(tmp_path: Path, hours: dict[str, MarketHours]) -> Reader:
    return Reader(tmp_path, hours)


PLAIN = "2018-01-24,10,13,9,12,1000\n2018-01-25,12,14,11,13,2000\n"
SPELLINGS = [
    PLAIN,
    "\ufeff" + PLAIN,
    PLAIN.replace("\n", "\r\n"),
    PLAIN.replace(",", "\t"),
    PLAIN.replace(",", ";"),
    PLAIN.replace("-", ""),
    PLAIN.replace("-", "/"),
    PLAIN.replace("-", "."),
    PLAIN.replace("1000", '"1,000"').replace("2000", '"2,000"'),
    PLAIN + ",,,,,\n,,,,,\n",
    "\n" + PLAIN + "\n",
    PLAIN.encode("utf-16").decode("utf-16"),
    "Date,Open,High,Low,Close,Volume\n" + PLAIN,
    "Date,Open,High,Low,Close,Adj Close,Volume\n2018-01-24,10,13,9,12,6,1000\n2018-01-25,12,14,11,13,6.5,2000\n",
    "<TICKER>,<DATE>,<CLOSE>,<LOW>,<HIGH>,<OPEN>,<VOL>\nX,20180124,12,9,13,10,1000\nX,20180125,13,11,14,12,2000\n",
    "일자,종가,시가,고가,저가,거래량\n2018/01/24,12,10,13,9,1000\n2018/01/25,13,12,14,11,2000\n",
    "2018-01-24 00:00:00,10,13,9,12,1000\n2018-01-25T00:00:00+09:00,12,14,11,13,2000\n",
    "1516752000,10,13,9,12,1000\n1516838400000,12,14,11,13,2000\n",  # UTC midnights, seconds and milliseconds
    "1516719600,10,13,9,12,1000\n1516806000,12,14,11,13,2000\n",  # midnights in Seoul
    json.dumps([["2018-01-24", 10, 13, 9, 12, 1000], ["2018-01-25", 12, 14, 11, 13, "2,000"]]),
    json.dumps([[1516752000000, 10, 12, 13, 9, 1000], [1516838400000, 12, 13, 14, 11, 2000]]),  # Bitfinex order
    json.dumps(
        [
            {"date": "2018-01-24", "open": 10, "high": 13, "low": 9, "close": 12, "volume": 1000},
            {"date": "2018-01-25", "open": 12, "high": 14, "low": 11, "close": 13, "volume": 2000},
        ]
    ),
]
