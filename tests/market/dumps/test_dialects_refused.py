"""Dialects that the desk must describe, archives of many symbols, and closes that are never too early."""

# ruff: noqa: E501 - rows of files as they come
from __future__ import annotations

import calendar
import datetime as dt
import zipfile
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pyjobs.market.calendars.hours import MarketHours
from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.dumps.read_dump import read_dump
from tests.market.dumps.support.dialects import (
    COIN,
    CURRENCY,
    HOURLY,
    NOW_MS,
    hours,  # noqa: F401  # a fixture
    read,
)
from utils.errors import NightdeskError

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
