"""Whose a file's rows are: another share's, another series of the share, several symbols in a column of any name."""

from __future__ import annotations

import errno
import time
from pathlib import Path

import pytest

from pyjobs.market.calendars.hours import MarketHours, hours_of
from pyjobs.market.dumps import read_dump
from pyjobs.market.dumps.meaning.shapes import is_another
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


POLYGON = '{"ticker":"TSLA","results":[{"v":5,"o":10,"c":12,"h":13,"l":9,"t":1712548800000,"n":4}]}'
TWO_LEVELS = "Date,Close_TSLA,High_TSLA,Low_TSLA,Open_TSLA,Volume_TSLA\n2024-01-02,12,13,9,10,5\n"


@pytest.mark.parametrize(
    ("text", "name"), [(table("Ticker", ("02", "TSLA", 9)), "Ticker"), (POLYGON, "ticker"), (TWO_LEVELS, "ticker")]
)
def test_a_file_of_another_share_is_refused_until_the_desk_names_where_it_says_so(
    hours: dict[str, MarketHours], tmp_path: Path, text: str, name: str
) -> None:
    with pytest.raises(NightdeskError, match=rf"of 'TSLA' .* is 'AAPL': .*`symbol_column: {name}`"):
        read(tmp_path / "x.csv", hours, text, symbol="AAPL")
    dump = read(tmp_path / "x.csv", hours, text, symbol="AAPL", symbol_column=name)
    assert len(dump.bars) == 1
    assert "the file calls it 'TSLA'" in [each.what for each in dump.oddities]


OTHERS = ["TSLA AAPL", "tsla AAPL", "TSLA.US AAPL", "NASDAQ:TSLA AAPL", "000660 005930", "A000660 005930"]
OTHERS += ["000660.KS 005930.KS", "sh.600000 600519", "ETH/USDT BTC/USDT", "ETHUSDT BTCUSD", "KRW-ETH KRW-BTC"]
OTHERS += ["BTC-USD BTC-KRW", "EURUSD GBPUSD", "ethusdt BTCUSDT"]
NONE = ["XBT/USD BTC/USD", "XBTUSD BTCUSD", "XXBTZUSD BTCUSD", "KRW-BTC BTC/KRW", "USDT_BTC BTCUSDT", "BTCUSDT BTC"]
NONE += ["BTCUSDT BTC-USD", "BINANCE:BTCUSDT BTCUSDT", "X:BTCUSD BTC/USD", "BTC-PERPETUAL BTC-USD", "tBTCUSD BTCUSD"]
NONE += ["bitcoin BTC", "Bitcoin BTC", "Tesla AAPL", "애플 AAPL", "삼성전자 005930", "Samsung 005930", "2781 BTC"]
NONE += ["US0378331005 AAPL", "AAPL.O AAPL", "AAPL AAPL.US", "^GSPC SPX", "GSPC SPX", "ESZ4 ES", "TSLA F", "AAPL X"]
NONE += ["KR7005930003 005930", "72030 7203", "HK.00700 700", "00700 0700", "1001 KOSPI", "KS11 KOSPI", "KRW=X USDKRW"]
NONE += ["005930 SAMSUNG", "BTC/USDT X", "RELIANCE-EQ RELIANCE", "EURUSD.m EURUSD", "BRK-B BRK.B"]


@pytest.mark.parametrize(("pairs", "another"), [(OTHERS, True), (NONE, False)])
def test_only_a_code_of_the_same_kind_is_held_against_the_desks_symbol(pairs: list[str], another: bool) -> None:
    assert [each for each in pairs if is_another(*each.split(" ")) is not another] == []


def test_a_server_that_does_not_even_say_how_old_a_file_is_ends_the_wait(
    hours: dict[str, MarketHours], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_dump, "PATIENCE_S", 0.05)
    monkeypatch.setattr(Path, "stat", lambda *_, **__: time.sleep(0.3))
    with pytest.raises(OSError, match="has not answered for 0 s") as raised:
        read(tmp_path / "x.csv", hours, table("who", ("02", "AAPL", 9)))
    assert raised.value.errno == errno.ETIMEDOUT
