"""Times that name a month, a week or a quarter: read where bars are so long, elsewhere refused with what would help."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyjobs.market.calendars.hours import MarketHours, hours_of
from tests.market.dumps.support.more_dialects import closes, read, rows
from utils.errors import NightdeskError

MONTHS = ["2024-01 2024-02", "Jan-24 Feb-24", "202401 202402", "01/2024 02/2024", "2024M01 2024M02", "2024/1 2024/2"]
WEEKS = [
    "2024-W05 2024-W06",
    "W05-2024 W06-2024",
    "KW5/2024 KW6/2024",
    "2024W05 2024W06",
    "2024-01-29/2024-02-04 2024-02-05/2024-02-11",
]
QUARTERS = ["2024Q1 2024Q2", "1Q24 2Q24", "Q1-2024 Q2-2024", "2024H1 2024H2", "1H24 2H24"]


@pytest.fixture(scope="module")
def hours() -> dict[str, MarketHours]:
    return {market: hours_of(market) for market in ("XNYS", "24/7")}


def test_months_and_weeks_close_when_they_end(hours: dict[str, MarketHours], tmp_path: Path) -> None:
    for timeframe, texts, stock, coin in (
        ("1mo", MONTHS, ["2024-01-31T21:00", "2024-02-29T21:00"], ["2024-02-01T00:00", "2024-03-01T00:00"]),
        ("1w", WEEKS, ["2024-02-02T21:00", "2024-02-09T21:00"], ["2024-02-05T00:00", "2024-02-12T00:00"]),
    ):
        for text in texts:
            for market, right in (("XNYS", stock), ("24/7", coin)):
                dump = read(tmp_path / "x.csv", hours, rows(text.split(" ")), market=market, timeframe=timeframe)
                assert closes(dump) == right, text


@pytest.mark.parametrize("timeframe", ["1h", "1d", "1w", "1mo"])
def test_elsewhere_they_are_refused_with_what_would_help(
    hours: dict[str, MarketHours], tmp_path: Path, timeframe: str
) -> None:
    for span, texts in (("1mo", MONTHS), ("1w", WEEKS), ("no timeframe is so long", QUARTERS)):
        for text in texts if span != timeframe else ():
            with pytest.raises(NightdeskError, match=span):
                read(tmp_path / "x.csv", hours, rows(text.split(" ")), timeframe=timeframe)


def test_a_week_from_saturday_on_is_that_of_its_sessions_and_none_round_the_clock(
    hours: dict[str, MarketHours], tmp_path: Path
) -> None:
    text = rows(["2024-01-27/2024-02-02", "2024-02-03/2024-02-09"])
    assert closes(read(tmp_path / "x.csv", hours, text, timeframe="1w")) == ["2024-02-02T21:00", "2024-02-09T21:00"]
    with pytest.raises(NightdeskError, match="is a week, no 1w bar: its days are not Monday to Sunday"):
        read(tmp_path / "x.csv", hours, text, timeframe="1w", market="24/7")


TOGETHER = [
    ("01252024 01262024", "", ["2024-01-25", "2024-01-26"]),
    ("25012024 26012024", "", ["2024-01-25", "2024-01-26"]),
]
TOGETHER += [
    ("1022024 1032024", "mdy", ["2024-01-02", "2024-01-03"]),
    ("02012024 03012024", "dmy", ["2024-01-02", "2024-01-03"]),
]
TOGETHER += [("12252023", "", ["2023-12-25"]), ("240116 240117", "ymd", ["2024-01-16", "2024-01-17"])]
TOGETHER += [("010224 010324", "mdy", ["2024-01-02", "2024-01-03"])]


def test_days_months_and_years_run_together_are_dates_and_no_epochs_of_1970(
    hours: dict[str, MarketHours], tmp_path: Path
) -> None:
    for text, order, right in TOGETHER:
        dump = read(tmp_path / "x.csv", hours, rows(text.split(" ")), market="24/7", dates=order, layout="ohlcv_start")
        assert [each[:10] for each in closes(dump)] == [f"{day[:8]}{int(day[8:]) + 1:02}" for day in right], text
    with pytest.raises(NightdeskError, match="'01/02/2024' may be day/month or month/day: set `dates: dmy`"):
        read(tmp_path / "x.csv", hours, rows(["01022024", "01032024"]))
    with pytest.raises(NightdeskError, match=r"240116 is no epoch .*set `dates:`"):
        read(tmp_path / "x.csv", hours, rows(["240116", "240117"]))
    with pytest.raises(NightdeskError, match="'25/01/2024' is no date by `dates: mdy`"):
        read(tmp_path / "x.csv", hours, rows(["25012024", "26012024"]), dates="mdy")
