"""The committed calendars, as a fresh build and as the library has them; it is asked once for each market."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from pyjobs import build_calendars
from pyjobs.market.benchmarks.policy import market_by_yahoo
from pyjobs.market.calendars.hours import hours_of
from pyjobs.market.calendars.lunch import lunch_utc_s, lunches_ms
from pyjobs.market.ingest.expected import are_from_open, expected_closes
from tests.market.calendars.test_calendars import LIBRARYS
from utils import trading_day
from utils.exit_codes import ExitCode
from utils.run import run

CALENDARS = Path(__file__).resolve().parents[3] / "config" / "calendars"


def ms(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp() * 1000)


def starts(market: str, first: str, last: str, timeframe: str = "30m") -> str:
    """The local (by `first`'s offset) begin of every bar expected between two times."""
    closes = expected_closes(market, timeframe, ms(first), ms(last))
    zone = dt.datetime.fromisoformat(first).tzinfo
    step = {"30m": 1800, "1h": 3600}[timeframe]
    return " ".join(f"{dt.datetime.fromtimestamp(close / 1000 - step, zone):%H:%M}" for close in closes.tolist())


def test_the_committed_files_are_what_a_fresh_build_gives_and_no_correction_is_redundant(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(build_calendars.main, ["--check"]) == ExitCode.OK
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "XKRX  2010-01-01..2027-12-31: 4428 sessions" in printed.out
    assert "a projection after 2026-12-31" in printed.out


@pytest.mark.parametrize("market", LIBRARYS)
def test_every_open_and_close_is_the_librarys_in_utc(market: str) -> None:
    import exchange_calendars

    ours = trading_day.load(market)
    theirs = exchange_calendars.get_calendar(market, start=str(ours.first), end=str(ours.last))
    assert [(each.open_utc_s, each.close_utc_s) for each in ours.sessions()] == [
        (int(opens.timestamp()), int(closes.timestamp()))
        for opens, closes in zip(theirs.opens, theirs.closes, strict=True)
    ]
    assert len(ours.rows) > 4_000


@pytest.mark.parametrize("market", ["XHKG", "XSHG", "XTKS"])
def test_lunch_is_the_librarys_on_every_day(market: str) -> None:
    import exchange_calendars

    ours = trading_day.load(market)
    theirs = exchange_calendars.get_calendar(market, start=str(ours.first), end=str(ours.last)).schedule
    lunches = {
        day.date(): (int(row.break_start.timestamp()), int(row.break_end.timestamp()))
        for day, row in theirs.iterrows()
        if row.break_start == row.break_start
    }
    assert {s.date: lunch for s in ours.sessions() if (lunch := lunch_utc_s(ours, s)) and s.date in lunches} == lunches
    begin, end = (each // 1000 for each in lunches_ms(hours_of(market)))
    here = begin < end
    held = zip(begin[here].tolist(), end[here].tolist(), strict=True)
    days = (dt.date.fromordinal(day) for day in hours_of(market).days[here].tolist())
    assert {day: lunch for day, lunch in zip(days, held, strict=True) if day in lunches} == lunches


def test_no_bar_is_expected_at_lunch_and_one_that_only_touches_it_is() -> None:
    hongkong = starts("XHKG", "2026-11-20T00:00+08:00", "2026-11-20T23:00+08:00")
    assert hongkong == "09:30 10:00 10:30 11:00 11:30 13:00 13:30 14:00 14:30 15:00 15:30"
    shanghai = starts("XSHG", "2026-11-20T00:00+08:00", "2026-11-20T23:00+08:00")
    assert shanghai == "09:30 10:00 10:30 11:00 13:00 13:30 14:00 14:30"
    tokyo = starts("XTKS", "2026-11-20T00:00+09:00", "2026-11-20T23:00+09:00", "1h")
    assert tokyo == "09:00 10:00 11:00 12:00 13:00 14:00 15:00"  # 11:00 and 12:00 are half lunch


@pytest.mark.parametrize(
    ("market", "zone", "clocks"),
    [
        ("XTKS", "+09:00", "09:00 10:00 11:00 12:30 13:30 14:30"),
        ("XHKG", "+08:00", "09:30 10:30 11:30 13:00 14:00 15:00"),
        ("XSHG", "+08:00", "09:30 10:30 13:00 14:00"),
    ],
)
def test_hours_that_are_counted_from_the_open_are_counted_anew_after_lunch(market: str, zone: str, clocks: str) -> None:
    closes = [ms(f"2026-11-20T{clock}{zone}") + 3_600_000 for clock in clocks.split()]
    assert are_from_open(market, "1h", np.array(closes))
    assert not are_from_open(market, "1h", np.array([ms(f"2026-11-20T10:00{zone}"), ms(f"2026-11-20T14:00{zone}")]))
    whole_day = ms(f"2026-11-20T00:00{zone}"), ms(f"2026-11-20T23:00{zone}")
    assert expected_closes(market, "1h", *whole_day, from_open=True).tolist() == closes


def test_a_half_day_that_ends_at_noon_has_no_lunch() -> None:
    eve = starts("XHKG", "2025-12-24T00:00+08:00", "2025-12-24T23:00+08:00")
    assert eve == "09:30 10:00 10:30 11:00 11:30"


@pytest.mark.parametrize(
    ("symbol", "market"),
    [("VOD.L", "XLON"), ("SAP.DE", "XETR"), ("0700.HK", "XHKG"), ("600519.SS", "XSHG"), ("BHP.AX", "XASX")],
)
def test_a_benchmarks_market_is_told_by_the_ending_of_its_yahoo_symbol(symbol: str, market: str) -> None:
    assert market_by_yahoo(symbol) == market


def test_another_market_of_the_library_is_added_by_name_and_built(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = (CALENDARS / "overlay.yaml").read_text(encoding="utf-8")
    begin, foreign, london = (shipped.index(text) for text in ("  XKRX:", "  FX:", "  XLON:"))
    (tmp_path / "overlay.yaml").write_text(shipped[:begin] + shipped[foreign:london], encoding="utf-8")  # one market
    assert run(build_calendars.main, ["--folder", str(tmp_path), "--add", "XWBO"]) == ExitCode.OK
    vienna = trading_day.load("XWBO", tmp_path)
    session = vienna.session(dt.date(2026, 11, 20))
    assert session is not None
    assert session[1:3] == (ms("2026-11-20T09:00+01:00") // 1000, ms("2026-11-20T17:30+01:00") // 1000)
    assert run(build_calendars.main, ["--folder", str(tmp_path), "--add", "XWBO"]) == ExitCode.USAGE
    assert "has it" in capsys.readouterr().err
    assert run(build_calendars.main, ["--folder", str(tmp_path), "--add", "XNONE"]) == ExitCode.USAGE
    assert "has no market 'XNONE'" in capsys.readouterr().err
