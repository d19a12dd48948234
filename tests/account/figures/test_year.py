"""A year has the sessions of its market; counted by hand from the calendar files, not by the code under test."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from pyjobs.account.figures.year import sessions_a_year

CALENDARS = Path(__file__).resolve().parents[3] / "config/calendars"


def lines_of(market: str, years: range) -> int:
    text = (CALENDARS / f"{market.replace('/', '-')}.tsv").read_text()
    return sum(line[:4] in {str(year) for year in years} for line in text.splitlines())


@pytest.mark.parametrize(
    ("market", "first", "last", "days"),
    [("XKRX", 2022, 2024, 1096), ("XNYS", 2020, 2025, 2192), ("XKRX", 2025, 2025, 365)],
)
def test_it_is_the_market_s_own_over_whole_calendar_years(market: str, first: int, last: int, days: int) -> None:
    found = sessions_a_year(market, [dt.date(first, 3, 3), dt.date(last, 6, 28)])
    assert found == round(lines_of(market, range(first, last + 1)) * 365 / days)
    assert 240 <= found <= 253


@pytest.mark.parametrize("last", [dt.date(2024, 2, 1), dt.date(2024, 12, 31), dt.date(2026, 3, 1)])
def test_a_market_that_never_closes_has_365_also_in_a_leap_year(last: dt.date) -> None:
    assert sessions_a_year("24/7", [dt.date(2024, 1, 5), last]) == 365


def test_the_month_in_which_a_window_begins_does_not_change_it() -> None:
    windows = [[dt.date(2025, month, 1), dt.date(2025, month, 20)] for month in range(1, 13)]
    assert len({sessions_a_year("XKRX", window) for window in windows}) == 1
