"""Dialects of the known formats: each is read as its vendor means it, or refused by the key that helps."""

# ruff: noqa: E501 - rows of files as they come
from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from pyjobs.market.calendars.hours import MarketHours
from tests.market.dumps.support.dialects import (
    COIN,
    CURRENCY,
    HOURLY,
    hours,  # noqa: F401  # a fixture
    read,
)

KRX: dict[str, Any] = {"market": "XKRX", "currency": "KRW", "symbol": "005930"}
D, K = "2024-01-02T21:00", "2024-01-02T06:30"  # the closes of New York and Seoul
BAR = (10, 13, 9, 12, 5)


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
