"""Whose a file's rows are: another share's, another series of the share, several symbols in a column of any name."""

from __future__ import annotations

import errno
import time
from pathlib import Path

import pytest

from pyjobs.market.calendars.hours import MarketHours, hours_of
from pyjobs.market.dumps import read_dump
from tests.market.dumps.test_more_dialects import read

OHLCV = "open,high,low,close,volume"


@pytest.fixture(scope="module")
def hours() -> dict[str, MarketHours]:
    return {market: hours_of(market) for market in ("XNYS", "XBOM", "24/7")}


def table(column: str, *rows: tuple[str, str, int]) -> str:
    return f"date,{column},{OHLCV}\n" + "".join(f"2024-01-{day},{who},{p},{p},{p},{p},9\n" for day, who, p in rows)


def test_a_server_that_does_not_even_say_how_old_a_file_is_ends_the_wait(
    hours: dict[str, MarketHours], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_dump, "PATIENCE_S", 0.05)
    monkeypatch.setattr(Path, "stat", lambda *_, **__: time.sleep(0.3))
    with pytest.raises(OSError, match="has not answered for 0 s") as raised:
        read(tmp_path / "x.csv", hours, table("who", ("02", "AAPL", 9)))
    assert raised.value.errno == errno.ETIMEDOUT
