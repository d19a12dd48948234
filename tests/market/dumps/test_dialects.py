"""Dialects of the known formats: each is read as its vendor means it, or refused by the key that helps."""

# ruff: noqa: E501 - rows of files as they come
from __future__ import annotations

import calendar
import datetime as dt
import json
import zipfile
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pyjobs.market.calendars.hours import MarketHours, hours_of
from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.dumps.read_dump import Dump, read_dump
from utils.errors import NightdeskError

NOW_MS = int(dt.datetime(2026, 11, 29, tzinfo=dt.UTC).timestamp() * 1000)
COIN: dict[str, Any] = {"market": "24/7"}
HOURLY = COIN | {"timeframe": "1h"}
CURRENCY: dict[str, Any] = {"market": "FX", "timeframe": "1h"}
KRX: dict[str, Any] = {"market": "XKRX", "currency": "KRW", "symbol": "005930"}
D, K = "2024-01-02T21:00", "2024-01-02T06:30"  # the closes of New York and Seoul
BAR = (10, 13, 9, 12, 5)


@pytest.fixture(scope="module")
def hours() -> dict[str, MarketHours]:
    return {market: hours_of(market) for market in ("XKRX", "24/7", "XNYS", "FX")}


def read(path: Path, hours: dict[str, MarketHours], text: str, **told: Any) -> Dump:
    path.write_text(text, encoding="utf-8")
    given = {"symbol": "X", "market": "XNYS", "timeframe": "1d", "currency": "USD"} | told
    instrument = Instrument(exchange="T", file=path.name, **given)
    return read_dump(path, instrument, hours[instrument.market], now_ms=NOW_MS)


def av(kind: str, zone: str, *times: str) -> str:
    numbers = {"1. open": "10", "2. high": "13", "3. low": "9", "4. close": "12", "5. volume": "5"}
    return json.dumps({"Meta Data": {"6. Time Zone": zone}, f"Time Series ({kind})": dict.fromkeys(times, numbers)})


RIGHT: dict[str, tuple[dict[str, Any], str, str, tuple[float, ...], int]] = {
    "yfinance of old, grouped by ticker": (
        {"symbol": "MSFT"},
        ",AAPL,AAPL,AAPL,AAPL,AAPL,MSFT,MSFT,MSFT,MSFT,MSFT\n,Open,High,Low,Close,Volume,Open,High,Low,Close,Volume\nDate,,,,,,,,,,\n2024-01-02,20,23,19,22,6,10,13,9,12,5\n",
        D, BAR, 1),
    "yfinance after reset_index": (
        {"symbol": "AAPL"},
        "Price,Date,Close,High,Low,Open,Volume\nTicker,,AAPL,AAPL,AAPL,AAPL,AAPL\n0,2024-01-02,12,13,9,10,5\n1,2024-01-03,12,13,9,12,5\n",
        D, BAR, 2),
    "binance, an archive that goes from ms to us": (
        COIN,
        "1735603200000,10,13,9,12,5,1735689599999,50,3,1,2,0\n1735689600000000,12,13,9,12,5,1735775999999999,50,3,1,2,0\n",
        "2025-01-01T00:00", BAR, 2),
    "kraken, a minute without trades after the other": (
        COIN | {"timeframe": "1m"},
        "1381017600,10,13,9,12,5,1\n1381017900,10,13,9,12,5,1\n1381018800,10,13,9,12,5,1\n1381018920,10,13,9,12,5,1\n",
        "2013-10-06T00:01", BAR, 4),
    "coinbase, arrays with names": (
        HOURLY, "time,low,high,open,close,volume\n1704157200,9,13,12,12,5\n1704153600,9,13,10,12,5\n", "2024-01-02T01:00", BAR, 2),
    "coinbase, arrays in a text file": (
        HOURLY | {"layout": "coinbase"}, "1704157200,9,13,12,12,5\n1704153600,9,13,10,12,5\n", "2024-01-02T01:00", BAR, 2),
    "alpha vantage: currencies are in the zone that the file tells": (
        CURRENCY, av("60min", "UTC", "2024-01-03 01:00:00", "2024-01-03 00:00:00"), "2024-01-03T01:00", BAR, 2),
    "alpha vantage: shares in New York's": (
        {"timeframe": "5m"}, av("5min", "US/Eastern", "2024-01-02 09:35:00", "2024-01-02 09:30:00"), "2024-01-02T14:35", BAR, 2),
    "alpaca, several symbols in one answer": (
        {"symbol": "AAPL", "timeframe": "1m"},
        '{"bars":{"AAPL":[{"c":12,"h":13,"l":9,"n":3,"o":10,"t":"2024-01-02T14:30:00Z","v":5,"vw":11}],"MSFT":[{"c":22,"h":23,"l":19,"n":3,"o":20,"t":"2024-01-02T14:30:00Z","v":6,"vw":11}]},"next_page_token":null}',
        "2024-01-02T14:31", BAR, 1),
    "stooq in Polish": ({}, "Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen\n2024-01-02,10,13,9,12,5\n", D, BAR, 1),
    "dukascopy in Eastern European time": (
        CURRENCY, "Time (EET),Open,High,Low,Close,Volume \n2024.01.03 00:00:00,10,13,9,12,5\n2024.01.03 01:00:00,12,13,9,12,5\n",
        "2024-01-02T23:00", BAR, 2),
    "interactive brokers, currencies have volume -1": (
        CURRENCY, "date,open,high,low,close,volume,average,barCount\n2024-01-02 10:00:00-05:00,10,13,9,12,-1,-1,-1\n2024-01-02 11:00:00-05:00,12,13,9,12,-1,-1,-1\n",
        "2024-01-02T16:00", (10, 13, 9, 12, 0), 2),
    "investing.com in Britain": (
        {}, '"Date","Price","Open","High","Low","Vol.","Change %"\n"18/04/2018","12","12","13","9","5K","1%"\n"17/04/2018","12","10","13","9","5K","1%"\n',
        "2018-04-17T20:00", (10, 13, 9, 12, 5000), 2),
    "investing.com in German": (
        {}, '"Datum","Zuletzt","Eröffn.","Hoch","Tief","Vol.","+/- %"\n"18.04.2018","1.012,98","1.010,5","1.013,0","1.009,25","5K","1,07%"\n',
        "2018-04-18T20:00", (1010.5, 1013, 1009.25, 1012.98, 5000), 1),
    "fred, one of two series": (
        {"columns": {"close": "SP500"}}, "observation_date,SP500,NASDAQCOM\n2024-01-02,10,20\n2024-01-03,11,21\n", D, (10, 10, 10, 10, 0), 2),
    "krx until 2020": (
        KRX, '년/월/일,종가,대비,거래량(주),거래대금(원),시가,고가,저가,시가총액(백만),상장주식수(주)\n2024/01/02,12,-1,"5",1,10,13,9,1,1\n', K, BAR, 1),
    "naver's siseJson": (
        KRX, "\n [['날짜', '시가', '고가', '저가', '종가', '거래량', '외국인소진율'],\n\n[\"20240102\", 10, 13, 9, 12, 5, 54.0],\n[\"20240103\", 12, 13, 9, 12, 6, 54.0]\n]\n", K, BAR, 2),
    "naver's chart of phones": (
        KRX, '[{"localDate":"20240102","closePrice":12,"openPrice":10,"highPrice":13,"lowPrice":9,"accumulatedTradingVolume":5}]', K, BAR, 1),
    "marcap: codes beside names": (
        KRX, "Code,Name,Close,Volume,Open,High,Low,Date\n005930,삼성전자,12,5,10,13,9,2024-01-02\n000660,SK하이닉스,22,5,20,23,19,2024-01-02\n", K, BAR, 1),
    "kiwoom's REST interface": (
        KRX, '{"stk_cd":"005930","stk_dt_pole_chart_qry":[{"cur_prc":"-12","trde_qty":"5","dt":"20240102","open_pric":"10","high_pric":"+13","low_pric":"-9"}],"return_code":0}', K, BAR, 1),
    "korea investment": (
        KRX, '{"output1":{"stck_prpr":"1"},"output2":[{"stck_bsop_date":"20240102","stck_clpr":"12","stck_oprc":"10","stck_hgpr":"13","stck_lwpr":"9","acml_vol":"5"}]}', K, BAR, 1),
    "yfinance, two levels of names run together": (
        {"symbol": "MSFT"},
        "Date,\"('Close', 'AAPL')\",\"('Close', 'MSFT')\",\"('High', 'AAPL')\",\"('High', 'MSFT')\",\"('Low', 'AAPL')\",\"('Low', 'MSFT')\",\"('Open', 'AAPL')\",\"('Open', 'MSFT')\",\"('Volume', 'AAPL')\",\"('Volume', 'MSFT')\"\n2024-01-02,22,12,23,13,19,9,20,10,6,5\n",
        D, BAR, 1),
    "yfinance, the same in JSON": (
        {"symbol": "AAPL"},
        json.dumps({f"('{name}', 'AAPL')": {"1704153600000": value} for name, value in zip(("Close", "High", "Low", "Open", "Volume"), (12, 13, 9, 10, 5), strict=True)}),
        D, BAR, 1),
    "field and ticker with a line between": (
        {"symbol": "AAPL"}, "Date,Close_AAPL,High_AAPL,Low_AAPL,Open_AAPL,Volume_AAPL\n2024-01-02,12,13,9,10,5\n", D, BAR, 1),
    "both ends of a bar beside each other": (
        HOURLY, "timestamp,open,high,low,close,volume,close_time\n1704153600000,10,13,9,12,5,1704157199999\n1704157200000,12,13,9,12,5,1704160799999\n", "2024-01-02T01:00", BAR, 2),
    "polygon's client": (
        {"timeframe": "1m"}, "open,high,low,close,volume,vwap,timestamp,transactions,otc\n10,13,9,12,5,11,1704205800000,3,\n12,13,9,12,5,11,1704205860000,3,\n", "2024-01-02T14:31", BAR, 2),
    "coinmarketcap: the open is the time, and the volume is money": (
        COIN,
        'timeOpen;timeClose;timeHigh;timeLow;name;open;high;low;close;volume;marketCap;timestamp\n"2024-01-02T00:00:00.000Z";"2024-01-02T23:59:59.999Z";"2024-01-02T10:00:00.000Z";"2024-01-02T20:00:00.000Z";"2781";10;13;9;12;500;1;"2024-01-02T23:59:59.999Z"\n',
        "2024-01-03T00:00", (10, 13, 9, 12, 0), 1),
    "bitmex: the end of the bar": (
        HOURLY, "timestamp,symbol,open,high,low,close,trades,volume,vwap,lastSize,turnover,homeNotional,foreignNotional\n2024-01-02T01:00:00.000Z,X,10,13,9,12,3,5,11,1,1,1,1\n2024-01-02T02:00:00.000Z,X,12,13,9,12,3,5,11,1,1,1,1\n",
        "2024-01-02T01:00", BAR, 2),
    "investing.com in Spanish": (
        {}, '"Fecha","Último","Apertura","Máximo","Mínimo","Vol.","% var."\n"16.01.2024","1.012,50","1.010,00","1.013,00","1.009,00","5,5K","1,07%"\n', "2024-01-16T21:00", (1010, 1013, 1009, 1012.5, 5500), 1),
    "kiwoom: the code stands in the first row alone": (
        KRX, "종목코드,현재가,거래량,거래대금,일자,시가,고가,저가\n005930,-12,6,70,20240103,-10,+13,-9\n,12,5,70,20240102,10,13,9\n", K, BAR, 2),
    "days whose time is their last second": (
        COIN | {"zone": "Asia/Seoul"}, "date,open,high,low,close,volume\n2024-01-02 23:59:59,10,13,9,12,5\n2024-01-03 23:59:59,12,13,9,12,5\n", "2024-01-02T15:00", BAR, 2),
    "hours whose time is their last millisecond": (
        HOURLY, "date,open,high,low,close,volume\n1704157199999,10,13,9,12,5\n1704160799999,12,13,9,12,5\n", "2024-01-02T01:00", BAR, 2),
    "a row at the session's close, none at its open: ends": (
        {"timeframe": "30m", "zone": "America/New_York"}, "Date,Time,Open,High,Low,Close,Volume\n2024-01-02,15:30:00,10,13,9,12,5\n2024-01-02,16:00:00,12,13,9,12,5\n", "2024-01-02T20:30", BAR, 2),
    "a row at the session's open, none at its close: starts": (
        {"timeframe": "30m", "zone": "America/New_York"}, "Date,Time,Open,High,Low,Close,Volume\n2024-01-02,09:30:00,10,13,9,12,5\n2024-01-02,10:00:00,12,13,9,12,5\n", "2024-01-02T15:00", BAR, 2),
    "currencies: Friday's close shows ends, the evenings between nothing": (
        CURRENCY | {"zone": "America/New_York"}, "time,open,high,low,close,volume\n2024-01-04 17:00,10,13,9,12,5\n2024-01-05 16:00,12,13,9,12,5\n2024-01-05 17:00,12,13,9,12,5\n", "2024-01-04T22:00", BAR, 3),
    "a date alone names its day, also where times mark ends": (
        COIN | {"zone": "Asia/Seoul", "layout": "ohlcv_close"}, "date,open,high,low,close,volume\n2024-01-02,10,13,9,12,5\n2024-01-03,12,13,9,12,5\n", "2024-01-02T15:00", BAR, 2),
    "midnight with its clock is an end": (
        COIN | {"zone": "Asia/Seoul", "layout": "ohlcv_close"}, "date,open,high,low,close,volume\n2024-01-02 00:00:00,10,13,9,12,5\n2024-01-03 00:00:00,12,13,9,12,5\n", "2024-01-01T15:00", BAR, 2),
    "an object a line": (
        {}, '{"date":"2024-01-02","open":10,"high":13,"low":9,"close":12,"volume":5}\n{"date":"2024-01-03","open":12,"high":13,"low":9,"close":12,"volume":5}\n', D, BAR, 2),
    "barchart's last line": (
        {"dates": "mdy"}, 'Time,Open,High,Low,Last,Change,%Chg,Volume\n01/03/2024,12,13,9,12,1,1%,6\n01/02/2024,10,13,9,12,1,1%,5\n"Downloaded from Barchart.com as of 01-03-2024 05:00pm CST"\n', D, BAR, 2),
    "lean's coins are not scaled, and are in UTC": (
        COIN | {"layout": "lean"}, "20240102 00:00,10,13,9,12,5\n20240103 00:00,12,13,9,12,5\n", "2024-01-03T00:00", BAR, 2),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_a_dialect_is_read_as_its_vendor_means_it(hours: dict[str, MarketHours], tmp_path: Path, name: str) -> None:
    told, text, close, bar, count = RIGHT[name]
    bars = read(tmp_path / "x.dat", hours, text, **told).bars
    first = dt.datetime.fromtimestamp(int(bars.ts_ms[0]) / 1000, dt.UTC).strftime("%Y-%m-%dT%H:%M")
    assert first == close
    assert tuple(float(getattr(bars, field)[0]) for field in ("open", "high", "low", "close", "volume")) == bar
    assert len(bars) == count


BINANCE = "1735603200000,10,13,9,12,5,{end},50,3,1,2,0\n"
REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "one row of a day in a series of hours": (HOURLY, BINANCE.format(end=1735689599999), "no bar of 1h; set `timeframe:`"),
    "one row of an hour in a series of days": (COIN, BINANCE.format(end=1735606799999), "no bar of 1d; set `timeframe:`"),
    "two hours of one day in a series of days": (
        COIN, "time,open,high,low,close,volume\n1704153600,10,13,9,12,5\n1704157200,12,13,9,12,5\n", "one hour apart, not bars of 1d"),
    "three rows four hours apart in a series of hours": (
        CURRENCY | {"layout": "ohlcv_start"},
        "time,open,high,low,close,volume\n1704204000,10,13,9,12,5\n1704218400,12,13,9,12,5\n", "4 hours apart, not bars of 1h"),
    "two rows a week apart as days": (COIN, "Date,Open,High,Low,Close,Volume\n2024-01-01,10,13,9,12,5\n2024-01-08,12,13,9,12,5\n", "one week apart, not bars of 1d"),
    "two symbols in a column that nobody knows": (
        {"symbol": "AAPL"}, "Paper,Date,Open,High,Low,Close,Volume\nAAPL,2024-01-02,10,13,9,12,5\nMSFT,2024-01-03,20,23,19,22,6\n", "set `symbol_column: Paper`"),
    "two symbols and no column that tells": (
        {}, "Date,Open,High,Low,Close,Volume\n2024-01-02,10,13,9,12,5\n2024-01-03,12,13,9,12,5\n2024-01-02,20,23,19,22,6\n2024-01-03,20,23,19,22,6\n",
        "line 2 and 4 are of one time, with closes of 12 and 22 (2 of 2 times stand twice so): several symbols in one? `symbol_column:`"),
    "a row of nobody in a file of two symbols": (
        {"symbol": "AAPL"}, "Symbol,Date,Open,High,Low,Close,Volume\nAAPL,2024-01-02,10,13,9,12,5\n,2024-01-03,12,13,9,12,5\nMSFT,2024-01-03,20,23,19,22,6\n", "line 3: no symbol in 'Symbol'"),
    "days as Excel counts them": ({}, "date,open,high,low,close,volume\n45293,10,13,9,12,5\n45294,12,13,9,12,5\n", "line 2: date: 45293 is no epoch (Excel's number of a day?)"),
    "months as numbers": ({"timeframe": "1w"}, "date,open,high,low,close,volume\n202401,10,13,9,12,5\n202402,12,13,9,12,5\n", "202401 is no epoch"),
    "New York's days in Seoul's zone": (
        {}, "Date,Open,High,Low,Close,Volume\n2024-03-06 00:00:00+09:00,10,13,9,12,5\n2024-03-07 00:00:00+09:00,12,13,9,12,5\n",
        "line 2: 2024-03-06 00:00:00+09:00 is within the session of 2024-03-05, another date"),
    "midnights of no zone that are ends": (
        COIN | {"layout": "ohlcv_close"}, "date,open,high,low,close,volume\n2024-01-02 00:00:00,10,13,9,12,5\n2024-01-03 00:00:00,12,13,9,12,5\n", "has no time zone: set `zone:`"),
    "days of London for currencies": (
        {"market": "FX"}, "Gmt time,Open,High,Low,Close,Volume\n02.01.2024 00:00:00.000,10,13,9,12,5\n03.01.2024 00:00:00.000,12,13,9,12,5\n", "after 17:00 in New York"),
    "days of a zone for currencies": (
        {"market": "FX", "zone": "Europe/London"}, "Date,Open,High,Low,Close,Volume\n2024-01-02,10,13,9,12,5\n2024-01-03,12,13,9,12,5\n", "after 17:00 in New York"),
    "lean's days, not named": ({}, "20240102 00:00,100000,130000,90000,120000,5\n", "set `layout: lean`"),
    "two vendors' shape without a volume": (
        {"timeframe": "1m"}, "20240102 143100;10;13;9;12;0\n20240102 143200;12;13;9;12;0\n", "set `layout: histdata` or `layout: ninjatrader`"),
    "a broker's clock written as if it were UTC": (
        CURRENCY, "time,open,high,low,close,tick_volume,spread,real_volume\n1704204000,10,13,9,12,5,2,0\n1704207600,12,13,9,12,5,2,0\n", "set `zone:`"),
    "ticks": ({"market": "FX", "timeframe": "1m"}, "20120201 000003660,1.3066,1.3067,0\n20120201 000003960,1.3065,1.3067,0\n", "set `columns:"),
    "two series and no word which": ({}, "observation_date,SP500,NASDAQCOM\n2024-01-02,10,20\n", "set `columns:"),
    "a vendor's excuse": ({}, '{"Information":"Thank you! Our rate limit is 25 requests a day."}', "its text: 'Thank you! Our rate limit"),
    "one impossible row": (
        {}, "Date,Open,High,Low,Close,Volume\n" + "".join(f"2024-01-{day:02},10,13,9,12,5\n" for day in range(2, 12)) + "2024-01-12,10,8,9,12,5\n",
        "line 12: high is below low; are columns swapped (see `layout:`)? 2024-01-12 open 10 high 8 low 9 close 12 volume 5; `bad_rows: drop` leaves such rows out"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_what_the_desk_says_is_refused_by_the_key_that_helps(
    hours: dict[str, MarketHours], tmp_path: Path, name: str
) -> None:
    told, text, words = REFUSED[name]
    with pytest.raises(NightdeskError) as caught:
        read(tmp_path / "x.dat", hours, text, **told)
    assert words in str(caught.value)
    assert "x.dat" in str(caught.value)


def test_of_an_archive_of_many_symbols_the_files_of_the_instrument_are_read_and_the_rest_is_told(
    hours: dict[str, MarketHours], tmp_path: Path
) -> None:
    head = "Date,Open,High,Low,Close,Volume\n"
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("us/AAPL_2024-01.csv", f"{head}2024-01-02,10,13,9,12,5\n")
        archive.writestr("us/AAPL_2024-02.csv", f"{head}2024-02-01,12,13,9,12,5\n")
        archive.writestr("us/MSFT_2024-01.csv", f"{head}2024-01-03,20,23,19,22,6\n")
        archive.writestr("us/AAPL.CHECKSUM", "9f86d081884c7d65  AAPL.csv\n")
        archive.writestr("us/.DS_Store", "x")
    instrument = Instrument(exchange="T", file="x.zip", symbol="AAPL", market="XNYS", timeframe="1d", currency="USD")
    dump = read_dump(tmp_path / "x.zip", instrument, hours["XNYS"], now_ms=NOW_MS)
    assert dump.bars.open.tolist() == [10, 12]
    assert ("files named otherwise: left out", "MSFT_2024-01.csv") in [
        (each.what, each.example) for each in dump.cleaned
    ]


def test_a_history_in_microseconds_keeps_its_first_weeks_of_1970(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    starts = [dt.datetime(1969, 12, 30, tzinfo=dt.UTC) + dt.timedelta(days=day) for day in range(0, 2000, 7)]
    text = "time,open,high,low,close,volume\n" + "".join(
        f"{int(start.timestamp()) * 1_000_000},10,13,9,12,5\n" for start in starts
    )
    bars = read(tmp_path / "x.csv", hours, text, **COIN, timeframe="1w").bars
    assert bars.ts_ms.tolist() == [int((start + dt.timedelta(days=7)).timestamp()) * 1000 for start in starts]


ZONES = ("UTC", "Asia/Seoul", "America/New_York", "Europe/Athens", "Asia/Kolkata", "Pacific/Auckland", "-05:00")
SECONDS = {"1m": 60, "5m": 300, "15m": 900, "30m": 1800, "1h": 3600, "4h": 14_400}


OPEN = {"XNYS": dt.time(16), "XKRX": dt.time(4)}  # a time of every session, in UTC


def place(zone: str) -> dt.tzinfo:
    return dt.timezone(dt.timedelta(hours=-5)) if zone == "-05:00" else ZoneInfo(zone)


def periods(timeframe: str, zone: str, first: dt.date, market: str) -> list[tuple[dt.datetime, dt.datetime]]:
    """Five periods in that zone's clock: (start, end), both aware; by the calendar, not by the code under test."""
    here, found = place(zone), []
    for at in range(5):
        if timeframe in SECONDS:
            step = dt.timedelta(seconds=SECONDS[timeframe])
            start = (dt.datetime.combine(first, OPEN.get(market, dt.time(12)), dt.UTC) + at * step).astimezone(here)
            found.append((start, start + step))
            continue
        day = first + dt.timedelta(days=at * (7 if timeframe == "1w" else 1))
        if timeframe == "1w":
            day -= dt.timedelta(days=day.weekday())
        length = {"1d": 1, "1w": 7}.get(timeframe, 0)
        if timeframe == "1mo":
            month = first.month - 1 + at
            day = dt.date(first.year + month // 12, month % 12 + 1, 1)
            length = calendar.monthrange(day.year, day.month)[1]
        ends = day + dt.timedelta(days=length)
        found.append((dt.datetime.combine(day, dt.time(), here), dt.datetime.combine(ends, dt.time(), here)))
    return found


@pytest.mark.parametrize("timeframe", [*SECONDS, "1d", "1w", "1mo"])
@pytest.mark.parametrize("market", ["24/7", "FX", "XNYS", "XKRX"])
def test_no_bar_is_stored_with_a_close_before_the_end_of_its_period_whatever_the_zone_and_the_mark(
    hours: dict[str, MarketHours], tmp_path: Path, market: str, timeframe: str
) -> None:
    """A row's volume is its number. Where a market closes, a day and longer end with the period's last session."""
    stored = 0
    for zone in ZONES:
        for mark in ("start", "close"):
            for first in (dt.date(2024, 3, 6), dt.date(2024, 10, 31)):  # both around a change of the clocks
                spans = periods(timeframe, zone, first, market)
                text = "time,open,high,low,close,volume\n" + "".join(
                    f"{span[0 if mark == 'start' else 1]:%Y-%m-%d %H:%M:%S},10,13,9,12,{at + 1}\n"
                    for at, span in enumerate(spans)
                )
                told = {"market": market, "timeframe": timeframe, "zone": zone, "layout": f"ohlcv_{mark}"}
                try:
                    bars = read(tmp_path / "x.csv", hours, text, **told).bars
                except NightdeskError:
                    continue  # a refusal is right, too
                stored += len(bars)
                for close, number in zip(bars.ts_ms.tolist(), bars.volume.tolist(), strict=True):
                    end = true_end_ms(*spans[int(number) - 1], hours[market], timeframe)
                    assert close >= end, (zone, mark, first, number)
                    assert close == end or timeframe not in SECONDS, (zone, mark, first, number)
    assert stored, "every file was refused"


def true_end_ms(start: dt.datetime, end: dt.datetime, hours: MarketHours, timeframe: str) -> int:
    if hours.market == "24/7" or timeframe in SECONDS:
        return int(end.timestamp()) * 1000
    dates = [start.date() + dt.timedelta(days=day) for day in range((end.date() - start.date()).days)]
    sessions = [date for date in dates if hours.is_session(date.toordinal())]
    return hours.close_ms(sessions[-1].toordinal()) if sessions else 0
