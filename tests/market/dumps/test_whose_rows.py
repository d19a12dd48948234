"""Whose a file's rows are: another share's, another series of the share, several symbols in a column of any name."""

from __future__ import annotations

import errno
import time
from pathlib import Path

import pytest

from pyjobs.market.calendars.hours import MarketHours, hours_of
from pyjobs.market.dumps import read_dump
from tests.market.dumps.test_more_dialects import read
from utils.errors import NightdeskError

OHLCV = "open,high,low,close,volume"


@pytest.fixture(scope="module")
def hours() -> dict[str, MarketHours]:
    return {market: hours_of(market) for market in ("XNYS", "XBOM", "24/7")}


def table(column: str, *rows: tuple[str, str, int]) -> str:
    return f"date,{column},{OHLCV}\n" + "".join(f"2024-01-{day},{who},{p},{p},{p},{p},9\n" for day, who, p in rows)


def test_a_column_called_series_that_holds_symbols_is_asked_for(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    one_after_the_other = table("series", ("02", "AAPL", 100), ("03", "AAPL", 101), ("04", "MSFT", 110))
    with pytest.raises(NightdeskError, match="column 'series' holds 'AAPL' and 1 others: say `symbol_column: series`"):
        read(tmp_path / "x.csv", hours, one_after_the_other, symbol="AAPL")
    on_one_date = table("series", ("02", "A1", 100), ("02", "A2", 108), ("03", "A1", 101), ("04", "A1", 101))
    with pytest.raises(NightdeskError, match=r"lines 2 and 3: .*'series' tells them apart"):
        read(tmp_path / "x.csv", hours, on_one_date, symbol="AAPL")


def test_the_bonds_of_a_company_are_not_its_share_before_it_had_one(
    hours: dict[str, MarketHours], tmp_path: Path
) -> None:
    rows = table("SERIES", ("02", "N1", 1000), ("03", "EQ", 25), ("03", "N1", 1000), ("04", "BE", 26))
    dump = read(tmp_path / "x.csv", hours, rows, market="XBOM", symbol="IRFC")
    assert dump.bars.close.tolist() == [25, 26]
    assert [(each.count, each.example) for each in dump.cleaned if "another series" in each.what] == [(2, "N1")]


def test_a_server_that_does_not_even_say_how_old_a_file_is_ends_the_wait(
    hours: dict[str, MarketHours], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_dump, "PATIENCE_S", 0.05)
    monkeypatch.setattr(Path, "stat", lambda *_, **__: time.sleep(0.3))
    with pytest.raises(OSError, match="has not answered for 0 s") as raised:
        read(tmp_path / "x.csv", hours, table("who", ("02", "AAPL", 9)))
    assert raised.value.errno == errno.ETIMEDOUT
