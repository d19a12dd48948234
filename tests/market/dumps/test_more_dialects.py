"""Shapes that looked like others: exchanges' arrays of one width, clocks of no zone, names of zones, Lean's kinds."""

# ruff: noqa: E501 - rows of files as they come
from __future__ import annotations

import datetime as dt
import random
from pathlib import Path
from typing import Any

import pytest

from pyjobs.market.calendars.hours import MarketHours
from tests.market.dumps.support.more_dialects import (
    COIN,
    HOURLY,
    closes,
    hours,  # noqa: F401  # the fixture
    read,
    rows,
)
from utils.errors import NightdeskError

KRX, MINUTES = {"market": "XKRX", "currency": "KRW"}, {"timeframe": "1m"}
# Two hours from midnight of 2024-01-02: 43000 43300 42900 43200 with 7.1 coins, 43200 43400 43100 43300 with 5.1.
ARRAYS = {
    "mexc": '[[1704153600000,"43000","43300","42900","43200","7.1",1704157199999,"306000.5"],[1704157200000,"43200","43400","43100","43300","5.1",1704160799999,"220000.5"]]',
    "bitget": '{"code":"00000","data":[["1704153600000","43000","43300","42900","43200","7.1","306000.5","306000.5"],["1704157200000","43200","43400","43100","43300","5.1","220000.5","220000.5"]]}',
    "kraken's own": '{"error":[],"result":{"X":[[1704153600,"43000","43300","42900","43200","43100","7.1",9],[1704157200,"43200","43400","43100","43300","43200","5.1",9]],"last":1}}',
    "gate": '[["1704153600","306000.5","43200","43300","42900","43000","7.1","true"],["1704157200","220000.5","43300","43400","43100","43200","5.1","true"]]',
    "kucoin": '{"code":"200000","data":[["1704157200","43200","43300","43400","43100","5.1","220000"],["1704153600","43000","43200","43300","42900","7.1","306000"]]}',
    "bybit": '{"result":{"symbol":"X","list":[["1704157200000","43200","43400","43100","43300","5.1","220000"],["1704153600000","43000","43300","42900","43200","7.1","306000"]]}}',
    "okx": '{"code":"0","data":[["1704157200000","43200","43400","43100","43300","5.1","220000","220000","1"],["1704153600000","43000","43300","42900","43200","7.1","306000","306000","1"]]}',
    "htx": '{"data":[{"id":1704157200,"open":43200,"close":43300,"low":43100,"high":43400,"amount":5.1,"vol":220000,"count":3},{"id":1704153600,"open":43000,"close":43200,"low":42900,"high":43300,"amount":7.1,"vol":306000,"count":4}]}',
    "upbit, Seoul's time alone": "market,candle_date_time_kst,opening_price,high_price,low_price,trade_price,timestamp,candle_acc_trade_price,candle_acc_trade_volume\nX,2024-01-02T10:00:00,43200,43400,43100,43300,1,220000,5.1\nX,2024-01-02T09:00:00,43000,43300,42900,43200,1,306000,7.1\n",
}  # fmt: skip


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_of_one_width_are_told_apart_by_their_numbers(
    hours: dict[str, MarketHours], tmp_path: Path, name: str
) -> None:
    dump = read(tmp_path / "x", hours, ARRAYS[name], **HOURLY)
    bars = dump.bars
    assert closes(dump) == ["2024-01-02T01:00", "2024-01-02T02:00"]
    assert [bars.open.tolist(), bars.high.tolist()] == [[43000, 43200], [43300, 43400]]
    assert [bars.low.tolist(), bars.close.tolist()] == [[42900, 43100], [43200, 43300]]
    assert bars.volume.tolist() == [7.1, 5.1]


# Instrument, text, the closes in UTC.
TIMES: dict[str, tuple[dict[str, Any], str, list[str]]] = {
    "a zone that begins like AM": (MINUTES, rows(["20240102 09:30:00 America/New_York"]), ["2024-01-02T14:31"]),
    "a zone with a hyphen": ({**MINUTES, "market": "XLON"}, rows(["20240702 08:00:00 GB-Eire"]), ["2024-07-02T07:01"]),
    "a zone without a place": ({**MINUTES, "market": "XETR"}, rows(["20240702 09:00:00 MET"]), ["2024-07-02T07:01"]),
    "summer time by its letters": (MINUTES, rows(["20240702 09:30:00 EDT"]), ["2024-07-02T13:31"]),
    "Seoul's by its letters": ({**MINUTES, **KRX}, rows(["20240702 09:00:00 KST"]), ["2024-07-02T00:01"]),
    "a whole number of hours": ({**MINUTES, **KRX}, rows(["2024-07-02 09:00:00 UTC+9"]), ["2024-07-02T00:01"]),
    "EST in summer, as the desk says": ({**MINUTES, "zone": "America/New_York"}, rows(["20240702 09:30:00 EST"]), ["2024-07-02T13:31"]),
    "forenoon and afternoon in Korean": ({**MINUTES, **KRX, "zone": "Asia/Seoul"}, rows(["2024-07-02 오후 1:00:00", "2024-07-02 오후 1:01:00"]), ["2024-07-02T04:01", "2024-07-02T04:02"]),
    "epochs with all their digits": (COIN, rows(["1.704153600000e+09", "1.704240000000e+09"]), ["2024-01-03T00:00", "2024-01-04T00:00"]),
    "the exchange's own clock": ({}, rows(["2024-01-02 09:30:00", "2024-01-03 16:00:00"]), ["2024-01-02T21:00", "2024-01-03T21:00"]),
    "a newest day that is a price of now": (COIN, rows(["2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z", "2024-01-03T10:23:45Z"]), ["2024-01-02T00:00", "2024-01-03T00:00"]),
    "coingecko: the price at that moment": (COIN, "snapped_at,price,market_cap,total_volume\n2024-01-01 00:00:00 UTC,12,99,5\n2024-01-02 00:00:00 UTC,12,99,5\n", ["2024-01-01T00:00", "2024-01-02T00:00"]),
    "coingecko's arrays": ({**COIN, "layout": "coingecko"}, "[[1704067200000,10,13,9,12],[1704153600000,10,13,9,12]]", ["2024-01-01T00:00", "2024-01-02T00:00"]),
    "zipline's minutes are ends": ({**MINUTES, "zone": "+00:00"}, "date,open,high,low,close,volume,dividend,split\n2024-01-02 14:31:00,10,13,9,12,5,0,1\n2024-01-02 14:32:00,10,13,9,12,5,0,1\n2024-01-02 21:00:00,10,13,9,12,5,0,1\n", ["2024-01-02T14:31", "2024-01-02T14:32", "2024-01-02T21:00"]),
    "lean's futures are not scaled": ({"market": "CMES", "layout": "lean"}, "20131007 00:00,10,13,9,12,5\n", ["2013-10-07T22:00"]),
    "lean's indices are not scaled": ({"layout": "lean"}, "20131007 00:00,10.0,13.0,9.0,12,5\n20131008 00:00,10.5,13.25,9.5,12.5,5\n20131009 00:00,10.5,13.25,9.5,12.5,5\n", ["2013-10-07T20:00", "2013-10-08T20:00", "2013-10-09T20:00"]),
}  # fmt: skip


@pytest.mark.parametrize("name", TIMES)
def test_a_bar_closes_when_its_file_says(hours: dict[str, MarketHours], tmp_path: Path, name: str) -> None:
    told, text, expected = TIMES[name]
    dump = read(tmp_path / "x", hours, text, **told)
    assert closes(dump) == expected
    assert dump.bars.close[0] == 12


# Instrument, text, the closes in UTC and the volumes: what a file declares about its own rows.
TOLD: dict[str, tuple[dict[str, Any], str, list[str], list[float]]] = {
    "coinapi: both ends, and the first and last trade": (
        COIN, "time_period_start;time_period_end;time_open;time_close;price_open;price_high;price_low;price_close;volume_traded\n"
        "2024-01-02T00:00:00.0000000Z;2024-01-03T00:00:00.0000000Z;2024-01-02T00:00:01.0000000Z;2024-01-02T23:59:58.0000000Z;10;13;9;12;5\n",
        ["2024-01-03T00:00"], [5]),
    "a stamp at the end beside the open": (
        COIN, "timestamp,time_open,time_close,open,high,low,close,volume\n2024-01-03T00:00:00Z,2024-01-02T00:00:00Z,2024-01-03T00:00:00Z,10,13,9,12,5\n",
        ["2024-01-03T00:00"], [5]),
    "the end alone": (COIN, "timeClose,open,high,low,close,volume\n2024-01-03T00:00:00Z,10,13,9,12,5\n", ["2024-01-03T00:00"], [5]),
    "a session's open and close": ({}, "timeOpen,timeClose,open,high,low,close,volume\n2024-01-02T14:30:00Z,2024-01-02T21:00:00Z,10,13,9,12,5\n", ["2024-01-02T21:00"], [5]),
    "an open that is a time of day": ({}, "date,open_time,open,high,low,close,volume\n2024-01-02,09:30:00,10,13,9,12,5\n", ["2024-01-02T21:00"], [5]),
    "okx: a bar that runs": (
        HOURLY, '{"data":[["1704157200000","12","13","9","12","5","60","60","0"],["1704153600000","10","13","9","12","6","66","66","1"]]}', ["2024-01-02T01:00"], [6]),
    "okx in columns": (
        {**HOURLY, "symbol": "X-USDT"}, "instrument_name,open,high,low,close,vol,vol_ccy,vol_quote,open_time,confirm\nX-USDT,10,13,9,12,5,60,60,1704153600000,1\n", ["2024-01-02T01:00"], [5]),
    "oanda: a level of its own, and a bar that runs": (
        {**HOURLY, "layout": "ohlcv_start"},
        '{"candles":[{"complete":true,"volume":5,"time":"2024-01-02T00:00:00.000000000Z","mid":{"o":"10","h":"13","l":"9","c":"12"}},'
        '{"complete":false,"volume":1,"time":"2024-01-02T01:00:00.000000000Z","mid":{"o":"10","h":"13","l":"9","c":"12"}}]}', ["2024-01-02T01:00"], [5]),
    "tiingo's coins": (
        {**COIN, "symbol": "BTCUSD"}, '[{"ticker":"btcusd","baseCurrency":"btc","priceData":[{"open":10,"high":13,"low":9,"close":12,"volume":5,"date":"2024-01-02T00:00:00+00:00"}]}]', ["2024-01-03T00:00"], [5]),
    "coinmarketcap's answer": (
        {**COIN, "symbol": "BTC"},
        '{"data":{"id":1,"name":"Bitcoin","symbol":"BTC","quotes":[{"timeOpen":"2024-01-02T00:00:00.000Z","timeClose":"2024-01-02T23:59:59.999Z","timeHigh":"x","timeLow":"x","quote":{"USD":{"open":10,"high":13,"low":9,"close":12,"volume":60}}}]}}',
        ["2024-01-03T00:00"], [0]),
    "naver's chart as it comes": (KRX, '<?xml version="1.0" encoding="EUC-KR" ?>\n<protocol>\n<chartdata symbol="X" count="1">\n<item data="20240103|10|13|9|12|5" />\n</chartdata>\n</protocol>\n', ["2024-01-03T06:30"], [5]),
    "naver's table with empty rows": (KRX, ",날짜,종가,전일비,시가,고가,저가,거래량\n1,2024.01.03,12.0,상승2,10.0,13.0,9.0,5.0\n2,,,,,,,\n", ["2024-01-03T06:30"], [5]),
    "yahoo's page, with a dividend among its days": (
        {}, 'Date,Open,High,Low,Close,Adj Close,Volume\n"Jan 03, 2024",10,13,9,12,12,5\n"Jan 02, 2024",0.24 Dividend,,,,,\n"Jan 02, 2024",10,13,9,12,12,5\n',
        ["2024-01-02T21:00", "2024-01-03T21:00"], [5, 5]),
    "Tokyo's words": ({"market": "XTKS"}, "日付,始値,高値,安値,終値,出来高\n2024-01-04,10,13,9,12,5\n", ["2024-01-04T06:00"], [5]),
}  # fmt: skip


@pytest.mark.parametrize("name", TOLD)
def test_what_a_file_says_of_its_rows_is_believed(hours: dict[str, MarketHours], tmp_path: Path, name: str) -> None:
    told, text, expected, volumes = TOLD[name]
    bars = read(tmp_path / "x", hours, text, **told)
    assert closes(bars) == expected
    assert bars.bars.volume.tolist() == volumes
    assert [bars.bars.open[0], bars.bars.close[0]] == [10, 12]


DAYS = [(dt.date(2024, 1, 1) + dt.timedelta(days=day)).isoformat() for day in range(30)]
# What stored a bar before it was known, or another number than the file's: now asked for by the key that helps.
ASKED: dict[str, tuple[dict[str, Any], str, str]] = {
    "Seoul's days as UTC without a zone": (KRX, rows(["2024-01-01 15:00:00", "2024-01-02 15:00:00"]), "2024-01-01 15:00:00 has no time zone: set `zone:`"),
    "the same when Seoul closed at three": (KRX, rows(["2014-01-01 15:00:00", "2014-01-02 15:00:00"]), "has no time zone: set `zone:`"),
    "London's days as UTC in summer": ({"market": "XLON"}, rows(["2024-06-30 23:00:00", "2024-07-01 23:00:00"]), "has no time zone: set `zone:`"),
    "Tokyo's months as UTC": ({"market": "XTKS", "timeframe": "1mo"}, rows(["2024-04-30 15:00:00", "2024-05-31 15:00:00"]), "has no time zone: set `zone:`"),
    "a coin's months of some zone": ({**COIN, "timeframe": "1mo"}, rows(["2024-04-30 15:00:00", "2024-05-31 15:00:00"]), "has no time zone: set `zone:`"),
    "futures' days that begin in the evening": ({"market": "CMES"}, rows(["2024-01-02 17:00:00", "2024-01-03 17:00:00"]), "has no time zone: set `zone:`"),
    "New York's days in Seoul's clock": ({}, rows(["2024-01-03 06:00:00", "2024-01-04 06:00:00"]), "has no time zone: set `zone:`"),
    "a coin on an exchange": ({}, rows(DAYS), "2024-01-01 (Monday) is no session of XNYS, nor are the dates of 9 more of 30 rows: is it another `market:`"),
    "an adjusted close for a volume": ({}, "2024-01-02,10,13,9,12,11.5\n2024-01-03,10,13,9,12,11.5\n2024-01-04,10,13,9,12,11.4\n", "line 1: column 6, '11.5', lies between low and high in every row"),
    "an adjusted close among seven": (COIN, "1704153600,10,13,9,12,11.5,5\n1704240000,10,13,9,12,11.5,5\n1704326400,10,13,9,12,11.5,5\n", "column 6, '11.5', lies between low and high"),
    "arrays of a time and four prices": (COIN, "[[1704067200000,10,13,9,12],[1704153600000,10,13,9,12]]", "set `layout: coingecko` or `layout: ohlcv_start`"),
    "epochs that Excel has shortened": (COIN, rows(["1.70407E+12", "1.70415E+12"]), "line 2: '1.70407E+12' is an epoch that has lost its last digits"),
    "EST in summer": (MINUTES, rows(["20240702 09:30:00 EST"]), "EST in summer, America/New_York's clock or an hour later? Set `zone:`"),
    "a zone that is two": (MINUTES, rows(["20240702 09:30:00 IST"]), "'IST' is no known time zone: set `zone:`"),
    "lean's minutes without their date": ({**MINUTES, "layout": "lean"}, "34200000,100000,130000,90000,120000,5\n", "line 1: 34200000: milliseconds since midnight, of which date?"),
    "lean's minutes, not named": (MINUTES, "34200000,100000,130000,90000,120000,5\n", "set `layout: lean`"),
    "one price of lean's that is not whole": ({"layout": "lean"}, "20131007 00:00,100000,130000,90000,120000,5\n20131008 00:00,100000,130000,90000,120000,5\n20131009 00:00,100000,130000,90000,120000.5,5\n", "line 3: a price that is not whole, in a file of ten-thousandths"),
    "a comma that is two things": ({}, "Date;Open;High;Low;Close;Volume\n2024-01-02;1,050;1,325;1,000;1,200;5\n", "line 2: open: '1,050' is not a number: is its comma of thousands or of decimals?"),
    "a vendor's excuse in words": ({}, "Exceeded the daily hits limit\n", "line 1: neither tabs, semicolons nor commas make columns of 'Exceeded the daily hits limit'"),
    "a page": ({}, "<!DOCTYPE html><html><table><tr><td>Date</td></tr></table></html>\n", "an XML or HTML page, not a table of prices"),
    "bids and asks": (HOURLY, '{"candles":[{"time":"2024-01-02T00:00:00Z","bid":{"o":"10","h":"13","l":"9","c":"12"},"ask":{"o":"10","h":"13","l":"9","c":"12"}}]}', "no open, high, low, close in 'time, bid.o, bid.h"),
    "two rows and one wrong key": ({}, "Date,Open,High,Low,Close,Volume\n01/03/24,10,13,9,12,5\n01/02/24,10,13,9,12,5\n", "set `dates: dmy` or `dates: mdy` (2 such lines)"),
    "one day of a coin at an hour of its own": (COIN, rows([f"{day}T00:00:00Z" if at != 4 else f"{day}T09:00:00Z" for at, day in enumerate(DAYS)]), "begins at another time of day than the others (00:00)"),
}  # fmt: skip


@pytest.mark.parametrize("name", ASKED)
def test_what_cannot_be_known_is_asked_for(hours: dict[str, MarketHours], tmp_path: Path, name: str) -> None:
    told, text, words = ASKED[name]
    with pytest.raises(NightdeskError) as caught:
        read(tmp_path / "x", hours, text, **told)
    assert words in str(caught.value)


def test_a_key_that_helps_no_row_is_not_offered(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    text = rows(["2024-01-02 15:00", "2024-01-02 15:30", "2024-01-02 16:00"])
    with pytest.raises(NightdeskError) as caught:
        read(tmp_path / "x", hours, text, timeframe="30m", layout="ohlcv_start")
    assert str(caught.value).endswith("or set `zone:` to the file's clock (3 such lines)")


BITS = (
    "",
    "0",
    "nan",
    ",",
    ";",
    "\n",
    '"',
    "9" * 25,
    "1e400",
    "24:00",
    "2024-02-30",
    "x",
    "é",
    "null",
    "[",
    "{",
    "-",
    "오전",
    "EST",
)


def damaged(chance: random.Random, text: str) -> str:
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(text) + 1)
        text = text[:at] + chance.choice(BITS) + text[at + chance.randint(0, 6) :]
        lines = text.split("\n")
        if chance.random() < 0.3:
            lines.insert(chance.randrange(len(lines) + 1), chance.choice(lines))
        text = "\n".join(lines) or "x"
    return text


def damaged_files(seeds: range, path: Path, hours: dict[str, MarketHours]) -> None:
    tables = [*TIMES.values(), *TOLD.values(), *ASKED.values(), *((HOURLY, text) for text in ARRAYS.values())]
    for seed in seeds:
        chance = random.Random(seed)
        told, text = chance.choice(tables)[:2]
        told = told | chance.choice(
            [{}, {}, {"bad_rows": 50}, {"market": "XNYS"}, {"timeframe": "1mo"}, {"zone": "-05:00"}]
        )
        try:
            read(path, hours, damaged(chance, text), **told)
        except NightdeskError as refusal:
            assert str(path) in str(refusal)


def test_a_damaged_file_of_any_shape_is_read_or_refused_by_its_name(
    hours: dict[str, MarketHours], tmp_path: Path
) -> None:
    damaged_files(range(80), tmp_path / "x", hours)


@pytest.mark.torture
def test_five_thousand_damaged_files_are_read_or_refused_by_their_name(
    hours: dict[str, MarketHours], tmp_path: Path
) -> None:
    damaged_files(range(5000), tmp_path / "x", hours)
