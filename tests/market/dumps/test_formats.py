"""Price files of vendors and tools: a head of each as it comes, and the bar a person reads in its first row."""

# ruff: noqa: E501 - rows of files as they come
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pyjobs.market.calendars.hours import MarketHours
from pyjobs.market.desk.price_formats import price_formats
from tests.market.dumps.support.formats import (
    HOURLY,
    D,
    first_bar,
    hours,  # noqa: F401  # the fixture
    read,
)

HEADS = Path(__file__).with_name("heads")
COIN = {"market": "24/7"}
KRX = {"market": "XKRX", "currency": "KRW"}
# What the trials' heads hold, read off the files by eye: file, instrument, first bar (close in UTC), how many bars.
SHARED = [
    ("binance_ms.csv", HOURLY, ("2024-12-01T01:00", 96407.99, 96672.49, 96260.0, 96340.6, 532.95388), 4),
    ("coinbase.json", HOURLY, ("2024-04-04T02:00", 66312.4, 66331.99, 66055.14, 66181.6, 355.82896243), 1),
    ("cryptodatadownload_1h.csv", HOURLY, ("2022-08-19T23:00", 21073, 21306, 20924, 20980, 179.84377987), 3),
    ("fred_date_close.csv", {"symbol": "DEXKOUS"}, ("2014-02-10T21:00", 1072.3, 1072.3, 1072.3, 1072.3, 0), 3),
    ("histdata_ascii.csv", {"market": "FX", "timeframe": "1m"}, ("2012-02-01T05:01", 1.3066, 1.3066, 1.30656, 1.30656, 0), 3),
    ("ibkr_zone_name.csv", {"timeframe": "1m"}, ("2024-01-02T14:31", 10, 13, 9, 12, 5), 2),
    ("investing_en.csv", {}, ("2018-04-16T20:00", 2466.04, 2466.16, 2449.97, 2457.49, 347_170_000), 3),
    ("kraken_ohlcvt.csv", COIN, ("2013-10-07T00:00", 122, 122, 122, 122, 0.1), 4),
    (
        "metatrader5_export.csv",
        {"market": "FX", "timeframe": "15m", "zone": "Europe/Athens"},
        ("2024-01-01T22:15", 2062.94, 2064.31, 2062.10, 2063.55, 412),
        2,
    ),
    ("naive_times.csv", {"market": "FX", "timeframe": "1h", "zone": "+00:00"}, ("2024-11-27T06:00", 1.04854, 1.04857, 1.04777, 1.04827, 1047), 3),
    ("ohlcv.zip", COIN, ("2013-10-07T00:00", 122, 122, 122, 122, 0.1), 6),
    ("pandas_unnamed_index.csv", {}, ("2004-08-19T21:00", 100, 104.06, 95.96, 100.34, 22351900), 3),
    ("polygon.json", {"symbol": "AAPL", "prices": "split"}, ("2024-04-08T20:00", 188.5, 190.8, 188.1, 190.2, 51_200_000), 1),
    ("stooq_bulk.txt", {"symbol": "AAPL"}, ("1984-09-07T21:00", 0.40934, 0.41431, 0.40439, 0.40934, 24044444), 3),
    ("tradingview_before_2001.csv", {}, ("1950-01-03T21:00", 16.66, 16.66, 16.66, 16.66, 1260000), 3),
    (
        "yfinance_three_header_lines.csv",
        {"symbol": "SPY"},
        ("2015-07-01T20:00", 175.1109794107984, 175.3638741746747, 174.12470140816666, 174.91709899902344, 135979900),
        3,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "told", "bar", "count"), SHARED, ids=[row[0] for row in SHARED])
def test_the_head_of_a_file_that_people_keep_is_read(
    hours: dict[str, MarketHours], name: str, told: dict[str, Any], bar: tuple[Any, ...], count: int
) -> None:
    dump = read(HEADS / name, hours, **told)
    assert first_bar(dump) == bar
    assert len(dump.bars) == count


K = "2024-01-02T06:30"  # and of Seoul
OTHERS: dict[str, tuple[dict[str, Any], str, tuple[Any, ...], int]] = {
    "binance with a header, microseconds": (
        HOURLY,
        "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore\n"
        "1735689600000000,10,13,9,12,5,1735693199999999,50,3,1,2,0\n1735693200000000,12,13,9,12,5,1735696799999999,50,3,1,2,0\n",
        ("2025-01-01T01:00", 10, 13, 9, 12, 5), 2),
    "kraken api": (
        HOURLY,
        '{"error":[],"result":{"XXBTZUSD":[[1704153600,"10","13","9","12","11","5",3],[1704157200,"12","13","9","12","11","5",3]],"last":1704157200}}',
        ("2024-01-02T01:00", 10, 13, 9, 12, 5), 2),
    "cryptodatadownload, AM and PM, one volume in money": (
        {**HOURLY, "symbol": "BTCUSD"},
        "https://www.CryptoDataDownload.com\nDate,Symbol,Open,High,Low,Close,Volume BTC,Volume USD\n"
        "2019-10-17 01-PM,BTCUSD,10,13,9,12,5,50\n2019-10-17 12-PM,BTCUSD,10,13,9,12,6,60\n",
        ("2019-10-17T13:00", 10, 13, 9, 12, 6), 2),
    "coinbase exchange arrays": (
        HOURLY, "[[1704157200,9,13,10,12,5],[1704153600,8,14,11,13,6]]", ("2024-01-02T01:00", 11, 14, 8, 13, 6), 2),
    "pyupbit": (
        {"market": "24/7"}, ",open,high,low,close,volume,value\n2024-01-02 09:00:00,10,13,9,12,5,50\n2024-01-03 09:00:00,12,13,9,12,5,50\n",
        ("2024-01-03T00:00", 10, 13, 9, 12, 5), 2),
    "alpha vantage csv": (
        {}, "timestamp,open,high,low,close,volume\n2024-01-03,12,13,9,12,6\n2024-01-02,10,13,9,12,5\n", (D, 10, 13, 9, 12, 5), 2),
    "alpha vantage json": (
        {},
        json.dumps({"Meta Data": {"2. Symbol": "X"}, "Time Series (Daily)": {
            day: {"1. open": "10", "2. high": "13", "3. low": "9", "4. close": "12", "5. volume": "5"} for day in ("2024-01-03", "2024-01-02")}}),
        (D, 10, 13, 9, 12, 5), 2),
    "eodhd": ({}, "Date,Open,High,Low,Close,Adjusted_close,Volume\n2024-01-02,10,13,9,12,6,5\n", (D, 10, 13, 9, 12, 5), 1),
    "eodhd intraday": (
        {"timeframe": "5m"},
        "Timestamp,Gmtoffset,Datetime,Open,High,Low,Close,Volume\n1704205800,0,2024-01-02 14:30:00,10,13,9,12,5\n1704206100,0,2024-01-02 14:35:00,12,13,9,12,5\n",
        ("2024-01-02T14:35", 10, 13, 9, 12, 5), 2),
    "alpaca json of several symbols": (
        {"symbol": "AAPL"},
        '{"bars":{"AAPL":[{"c":12,"h":13,"l":9,"n":3,"o":10,"t":"2024-01-02T05:00:00Z","v":5,"vw":11}]},"next_page_token":null}',
        (D, 10, 13, 9, 12, 5), 1),
    "alpaca csv of two symbols": (
        {"symbol": "AAPL"},
        "symbol,timestamp,open,high,low,close,volume,trade_count,vwap\nAAPL,2024-01-02 05:00:00+00:00,10,13,9,12,5,3,11\nMSFT,2024-01-02 05:00:00+00:00,20,23,19,22,6,3,21\n",
        (D, 10, 13, 9, 12, 5), 1),
    "stooq's site": ({}, "Date,Open,High,Low,Close,Volume\n2024-01-02,10,13,9,12,5\n", (D, 10, 13, 9, 12, 5), 1),
    "metatrader 4": (
        {"market": "FX", "timeframe": "15m", "zone": "Europe/Athens"},
        "2024.01.02,00:00,10,13,9,12,5\n2024.01.02,00:15,12,13,9,12,5\n", ("2024-01-01T22:15", 10, 13, 9, 12, 5), 2),
    "ninjatrader: UTC, and the end of the bar": (
        {"timeframe": "1m"}, "20240102 143100;10;13;9;12;5\n20240102 143200;12;13;9;12;5\n", ("2024-01-02T14:31", 10, 13, 9, 12, 5), 2),
    "dukascopy": (
        {"market": "FX", "timeframe": "1h"},
        "Gmt time,Open,High,Low,Close,Volume\n03.01.2024 00:00:00.000,10,13,9,12,5\n03.01.2024 01:00:00.000,12,13,9,12,5\n",
        ("2024-01-03T01:00", 10, 13, 9, 12, 5), 2),
    "sierra chart": (
        {"timeframe": "30m", "zone": "America/New_York"},
        "Date, Time, Open, High, Low, Last, Volume, NumberOfTrades, BidVolume, AskVolume\n2024/1/2, 09:30:00, 10, 13, 9, 12, 5, 3, 2, 3\n2024/1/2, 10:00:00, 12, 13, 9, 12, 5, 3, 2, 3\n",
        ("2024-01-02T15:00", 10, 13, 9, 12, 5), 2),
    "investing.com in Korean": (
        KRX, '"날짜","종가","오픈","고가","저가","거래량","변동 %"\n"2024년 01월 03일","12","12","13","9","1.5M","1%"\n"2024년 01월 02일","12","10","13","9","5K","1%"\n',
        (K, 10, 13, 9, 12, 5000), 2),
    "investing.com with slashes": (
        {}, '"Date","Price","Open","High","Low","Vol.","Change %"\n"01/03/2024","12","12","13","9","1.5M","1%"\n"01/02/2024","1,012.5","1,010","1,013","1,009","5K","1%"\n',
        (D, 1010, 1013, 1009, 1012.5, 5000), 2),
    "nasdaq.com": (
        {}, "Date,Close/Last,Volume,Open,High,Low\n01/03/2024,$12,6,$12,$13,$9\n01/02/2024,$12,5,$10,$13,$9\n", (D, 10, 13, 9, 12, 5), 2),
    "krx": (
        KRX, "일자,종가,대비,등락률,시가,고가,저가,거래량,거래대금,시가총액,상장주식수\n2024/01/02,\"12\",1,0.1,10,13,9,\"5,000\",1,1,1\n", (K, 10, 13, 9, 12, 5000), 1),
    "naver": (KRX, "날짜,종가,전일비,시가,고가,저가,거래량\n2024.01.02,12,1,10,13,9,5\n", (K, 10, 13, 9, 12, 5), 1),
    "naver's chart": (KRX, "20240102|10|13|9|12|5\n20240103|12|13|9|12|6\n", (K, 10, 13, 9, 12, 5), 2),
    "financedatareader": (KRX, "Date,Open,High,Low,Close,Volume,Change\n2024-01-02,10,13,9,12,5,0.1\n", (K, 10, 13, 9, 12, 5), 1),
    "pykrx": (KRX, "날짜,시가,고가,저가,종가,거래량,등락률\n2024-01-02,10,13,9,12,5,0.1\n", (K, 10, 13, 9, 12, 5), 1),
    "kiwoom: a sign is a direction": (
        KRX, "일자,현재가,거래량,시가,고가,저가\n20240103,-12,6,-12,+13,-9\n20240102,+12,5,-10,+13,-9\n", (K, 10, 13, 9, 12, 5), 2),
    "lean, days": (
        {"layout": "lean"}, "20240102 00:00,100000,130000,90000,120000,5\n20240103 00:00,120000,130000,90000,120000,6\n", (D, 10, 13, 9, 12, 5), 2),
    "backtrader": (
        {}, "Date,Open,High,Low,Close,Volume,OpenInterest\n2024-01-02,10,13,9,12,5,0\n", (D, 10, 13, 9, 12, 5), 1),
    "zipline": ({}, "date,open,high,low,close,volume,dividend,split\n2024-01-02,10,13,9,12,5,0,1\n", (D, 10, 13, 9, 12, 5), 1),
    "freqtrade": (
        {**HOURLY, "layout": "freqtrade"}, "[[1704153600000,10,13,9,12,5],[1704157200000,12,13,9,12,6]]", ("2024-01-02T01:00", 10, 13, 9, 12, 5), 2),
    "yfinance, two tickers": (
        {"symbol": "MSFT"},
        "Price,Close,Close,High,High,Low,Low,Open,Open,Volume,Volume\nTicker,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT\nDate,,,,,,,,,,\n"
        "2024-01-02,22,12,23,13,19,9,20,10,6,5\n2024-01-03,22,12,23,13,19,9,20,12,6,5\n",
        (D, 10, 13, 9, 12, 5), 2),
    "yfinance, grouped by ticker": (
        {"symbol": "MSFT"},
        "Ticker,MSFT,MSFT,MSFT,MSFT,MSFT\nPrice,Open,High,Low,Close,Volume\nDate,,,,,\n2024-01-02,10,13,9,12,5\n", (D, 10, 13, 9, 12, 5), 1),
    "yfinance's own index": (
        {}, "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits\n2024-01-02 00:00:00-05:00,10,13,9,12,5,0.0,0.0\n", (D, 10, 13, 9, 12, 5), 1),
    "a decimal comma": ({}, "Date;Open;High;Low;Close;Volume\n02.01.2024;10,5;13,25;9,0;12,0;5\n15.01.2024;1.012,5;1.013,0;1.009,0;1.012,0;6\n", (D, 10.5, 13.25, 9, 12, 5), 1),
    "yahoo's chart": (
        {}, '{"chart":{"result":[{"meta":{"symbol":"X"},"timestamp":[1704205800],"indicators":{"quote":[{"open":[10],"high":[13],"low":[9],"close":[12],"volume":[5]}]}}],"error":null}}',
        (D, 10, 13, 9, 12, 5), 1),
    "pandas, columns by time": (
        {}, '{"open":{"1704153600000":10},"high":{"1704153600000":13},"low":{"1704153600000":9},"close":{"1704153600000":12},"volume":{"1704153600000":5}}',
        (D, 10, 13, 9, 12, 5), 1),
    "columns as lists": (
        {}, '{"s":"ok","t":[1704153600,1704240000],"o":[10,12],"h":[13,13],"l":[9,9],"c":[12,12],"v":[5,6]}', (D, 10, 13, 9, 12, 5), 2),
    "tradingview with what the chart shows": (
        HOURLY, "time,open,high,low,close,MA,Volume\n1704153600,10,13,9,12,11,5\n1704157200,12,13,9,12,11,5\n",
        ("2024-01-02T01:00", 10, 13, 9, 12, 5), 2),
    "yfinance, hours": (
        {"timeframe": "1h"}, "Datetime,Open,High,Low,Close,Volume\n2024-01-02 09:30:00-05:00,10,13,9,12,5\n2024-01-02 10:30:00-05:00,12,13,9,12,5\n",
        ("2024-01-02T15:30", 10, 13, 9, 12, 5), 2),
    "bitfinex with names": (
        HOURLY, "MTS,OPEN,CLOSE,HIGH,LOW,VOLUME\n1704153600000,10,12,13,9,5\n1704157200000,12,12,13,9,5\n", ("2024-01-02T01:00", 10, 13, 9, 12, 5), 2),
    "pence": ({"scale": 0.01}, "Date,Open,High,Low,Close,Volume\n2024-01-02,1000,1300,900,1200,5\n", (D, 10, 13, 9, 12, 5), 1),
    "columns by the desk's word": (
        {"columns": {"close": "PX_LAST", "time": "asof"}}, "asof,Open,High,Low,PX_LAST,Volume\n2024-01-02,10,13,9,12,5\n", (D, 10, 13, 9, 12, 5), 1),
    "a header-less file by column numbers": (
        {"columns": {"time": "2", "open": "3", "high": "4", "low": "5", "close": "6", "volume": "7"}}, "9,2024-01-02,10,13,9,12,5\n", (D, 10, 13, 9, 12, 5), 1),
    "days and months told by the desk": (
        {"dates": "dmy"}, "Date,Open,High,Low,Close,Volume\n02/01/2024,10,13,9,12,5\n", (D, 10, 13, 9, 12, 5), 1),
    "nanoseconds": ({}, "timestamp,open,high,low,close,volume\n1704153600000000000,10,13,9,12,5\n", (D, 10, 13, 9, 12, 5), 1),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_every_shape_of_the_table_is_read_as_its_vendor_means_it(
    hours: dict[str, MarketHours], tmp_path: Path, name: str
) -> None:
    told, text, bar, count = OTHERS[name]
    path = tmp_path / "file.dat"
    path.write_text(text, encoding="utf-8")
    dump = read(path, hours, **told)
    assert first_bar(dump) == bar
    if name != "a decimal comma":  # 2024-01-15 was a holiday in New York
        assert len(dump.bars) == count


def test_every_row_of_the_table_names_its_source_and_is_no_two_ways_to_say_one_thing() -> None:
    rows = price_formats()
    assert all(row.source.startswith("https://") for row in rows)
    assert all(row.header or row.width for row in rows)
    assert len({(row.name, row.source) for row in rows}) == len(rows)
