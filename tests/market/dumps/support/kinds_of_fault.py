"""What the tests of kinds of fault share."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from pyjobs.market.calendars.hours import hours_of
from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.dumps.read_dump import Dump, read_dump

TRIALS = Path(__file__).parents[1] / "trials"
NOW = dt.datetime(2026, 11, 29, tzinfo=dt.UTC)


def instrument(**told: Any) -> Instrument:
    given = {"symbol": "X", "market": "XNYS", "timeframe": "1d", "currency": "USD", "file": "x"} | told
    return Instrument(exchange="T", **given)


def read(path: Path, *, now: dt.datetime = NOW, **told: Any) -> Dump:
    one = instrument(**told)
    return read_dump(path, one, hours_of(one.market), now_ms=int(now.timestamp() * 1000))


def found(dump: Dump) -> dict[str, int]:
    return {finding.what: finding.count for finding in (*dump.cleaned, *dump.oddities)}


@pytest.fixture
def text(tmp_path: Path) -> Any:
    def put(content: str, **told: Any) -> Dump:
        (tmp_path / "x.csv").write_text(content, encoding="utf-8")
        return read(tmp_path / "x.csv", **told)

    return put


def utc(text: str) -> int:
    return int(dt.datetime.fromisoformat(f"{text}+00:00").timestamp() * 1000)


HEADER = "Date,Open,High,Low,Close,Volume\n"


def rows(times: list[str], price: float = 10.0, volume: str = "5") -> str:
    return HEADER + "".join(f"{time},{price},{price + 3},{price - 1},{price + 2},{volume}\n" for time in times)


def days(first: str, count: int, step: int = 1) -> list[str]:
    start = dt.date.fromisoformat(first)
    return [(start + dt.timedelta(days=step * i)).isoformat() for i in range(count)]
