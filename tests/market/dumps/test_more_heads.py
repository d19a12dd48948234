"""Heads of brokers and vendors of more countries, dates whose year is short, and what stands beside a table."""

# ruff: noqa: E501 - rows of files as they come
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pyjobs.market.calendars.hours import MarketHours, hours_of
from tests.market.dumps.support.more_dialects import PLAIN, closes, read
from tests.market.dumps.test_more_dialects import MINUTES
from utils.errors import NightdeskError

BAR = [100.5, 103.25, 99.75, 102.0, 12345.0]
NY = {"zone": "America/New_York", "dates": "mdy"} | MINUTES


@pytest.fixture(scope="module")
def hours() -> dict[str, MarketHours]:
    return {market: hours_of(market) for market in ("XKRX", "24/7", "XNYS", "XTKS", "XTAI", "XSHG", "XBOM", "XLON")}


HEADS: dict[str, tuple[str, dict[str, Any], str]] = {
    "Thinkorswim, half days": ("Date,Time,Open,High,Low,Close,Volume\n1/2/24,9:30 AM,100.5,103.25,99.75,102,12345\n", NY | {"layout": "ohlcv_start"}, "2024-01-02T14:31"),
    "Kibot, no header": ("01/02/2024,09:30,100.5,103.25,99.75,102,12345\n", NY | {"layout": "ohlcv_start"}, "2024-01-02T14:31"),
    "Japan, a time of day": ("日付,時刻,始値,高値,安値,終値,出来高\n2024-01-04,09:00,100.5,103.25,99.75,102,12345\n", {"market": "XTKS", "zone": "Asia/Tokyo", "layout": "ohlcv_start"} | MINUTES, "2024-01-04T00:01"),
    "Bithumb": ("기준시간,시가,종가,고가,저가,거래량\n2024-01-02 00:00:00,100.5,102,103.25,99.75,12345\n", {"market": "24/7", "zone": "Asia/Seoul"}, "2024-01-02T15:00"),
    "Tonghuashun": ("时间\t开盘\t最高\t最低\t收盘\t总手\n2024-01-02,二\t100.5\t103.25\t99.75\t102\t123.45\n", {"market": "XSHG"}, "2024-01-02T07:00"),
    "Tongdaxin, its source below": ("日期,开盘,最高,最低,收盘,成交量\n2024/01/02,100.5,103.25,99.75,102,12345\n数据来源:通达信\n", {"market": "XSHG"}, "2024-01-02T07:00"),
    "TWSE": ('{"stat":"OK","fields":["日期","成交股數","開盤價","最高價","最低價","收盤價"],"data":[["113/01/02","12,345","100.50","103.25","99.75","102.00"]]}', {"market": "XTAI"}, "2024-01-02T05:30"),
    "FinMind": ("date,stock_id,Trading_Volume,open,max,min,close\n2024-01-02,2330,12345,100.5,103.25,99.75,102\n", {"market": "XTAI", "symbol": "2330"}, "2024-01-02T05:30"),
    "NSE, since 2024": ("TradDt,ISIN,TckrSymb,SctySrs,OpnPric,HghPric,LwPric,ClsPric,TtlTradgVol\n2024-01-02,INE002A01018,RELIANCE,EQ,100.5,103.25,99.75,102,12345\n", {"market": "XBOM", "symbol": "RELIANCE"}, "2024-01-02T10:00"),
    "Brazil's Profit": ("Ativo;Data;Hora;Abertura;Máximo;Mínimo;Fechamento;Volume;Quantidade\nX;02/01/2024;10:00:00;100,50;103,25;99,75;102,00;1.250.000,00;12345\n", {"market": "24/7", "dates": "dmy", "zone": "America/Sao_Paulo", "layout": "ohlcv_start"} | MINUTES, "2024-01-02T13:01"),
    "Financial Times": ('Date,Open,High,Low,Close,Volume\n"Tuesday, January 02, 2024Tue, Jan 02, 2024",100.5,103.25,99.75,102,"12,345"\n', {"market": "XLON"}, "2024-01-02T16:30"),
    "HTX, its layout said": ('{"data":[{"id":1704153600,"open":100.5,"close":102,"low":99.75,"high":103.25,"amount":12345,"vol":1250000,"count":3}]}', {"market": "24/7", "layout": "ohlcv_start"}, "2024-01-03T00:00"),
    "TradeStation, as it is": ('"Date","Time","Open","High","Low","Close","Up","Down"\n01/02/2024,09:31,100.5,103.25,99.75,102,12000,345\n', NY, "2024-01-02T14:31"),
}  # fmt: skip


@pytest.mark.parametrize("name", HEADS)
def test_a_head_is_the_bar_that_it_means(hours: dict[str, MarketHours], tmp_path: Path, name: str) -> None:
    text, told, close = HEADS[name]
    dump = read(tmp_path / "x", hours, text, **told)
    assert closes(dump)[0] == close
    assert [float(getattr(dump.bars, field)[0]) for field in ("open", "high", "low", "close", "volume")] == BAR


def days(*texts: str) -> str:
    return PLAIN + "".join(f"{text},10,13,9,12,5\n" for text in texts)


def test_a_short_year_before_or_behind_is_told_by_the_rows_or_asked_for(
    hours: dict[str, MarketHours], tmp_path: Path
) -> None:
    def first(*texts: str, **told: Any) -> str:
        return closes(read(tmp_path / "x.csv", hours, days(*texts), **told))[0]

    assert first("24/01/17", "24/01/18", "24/01/19") == "2024-01-17T21:00"
    assert first("17/01/24", "18/01/24", "19/01/24") == "2024-01-17T21:00"
    assert first("98/01/05", "98/01/06") == "1998-01-05T21:00"
    assert first("24/01/04", dates="ymd") == "2024-01-04T21:00"
    assert first("04/01/24", dates="dmy") == "2024-01-04T21:00"
    for texts in (("24/01/04",), ("24/01/04", "24/01/05")):
        with pytest.raises(
            NightdeskError, match=r"may begin or end with its year: set `dates: ymd`, or set `dates: dmy`"
        ):
            first(*texts)


def test_prices_in_another_currency_than_the_desks_are_refused(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    def table(*moneys: str) -> str:
        rows = (f"2024-01-0{2 + at},10,13,9,12,5,{money}\n" for at, money in enumerate(moneys))
        return "date,open,high,low,close,volume,currency\n" + "".join(rows)

    assert len(read(tmp_path / "x.csv", hours, table("USD", "USD")).bars) == 2
    for moneys in (("EUR", "EUR"), ("USD", "EUR")):
        with pytest.raises(NightdeskError, match="its prices are in EUR, the desk's in USD: set `currency: EUR`"):
            read(tmp_path / "x.csv", hours, table(*moneys))
    assert len(read(tmp_path / "x.csv", hours, table("EUR"), columns={"currency": ""}).bars) == 1
    london = {"market": "XLON", "currency": "GBP"}
    with pytest.raises(NightdeskError, match=r"in GBp, the desk's in GBP: `scale: 0.01` makes them whole"):
        read(tmp_path / "x.csv", hours, table("GBp"), **london)
    assert read(tmp_path / "x.csv", hours, table("GBp"), scale=0.01, **london).bars.close.tolist() == [0.12]


def test_one_row_of_another_length_or_not_final_is_seen(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    head = "date,open,high,low,close,volume"
    lengths = f"{head},interval\n2024-01-02,10,13,9,12,5,1d\n2024-01-03,10,13,9,12,5,1w\n"
    with pytest.raises(NightdeskError, match=r"its column interval says 1w \(1w\), but the instrument is 1d"):
        read(tmp_path / "x.csv", hours, lengths)
    final = f"{head},final\n2024-01-02,10,13,9,12,5,Y\n2024-01-03,10,13,9,12,5,N\n"
    assert closes(read(tmp_path / "x.csv", hours, final)) == ["2024-01-02T21:00"]
