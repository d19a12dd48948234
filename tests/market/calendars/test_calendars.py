"""The committed calendar files against published facts, an independent calendar and real prices."""

from __future__ import annotations

import csv
import datetime as dt
from itertools import pairwise
from pathlib import Path

import pytest

from utils.trading_day import Session, load

LIBRARYS = (  # taken from exchange_calendars as they are
    *("XLON", "XETR", "XPAR", "XAMS", "XSWX", "XMIL", "XMAD", "XSTO"),
    *("XHKG", "XSHG", "XTAI", "XASX", "XTSE", "XBOM", "XSES", "CMES"),
)
MARKETS = ("XKRX", "XNYS", "XTKS", "FX", "24/7", *LIBRARYS)

EXAM_DAYS = (
    *("2010-11-18", "2011-11-10", "2012-11-08", "2013-11-07", "2014-11-13", "2015-11-12", "2016-11-17"),
    *("2017-11-16", "2017-11-23"),  # the Pohang earthquake put the exam off to the 23rd; the 16th kept its late hours
    *("2018-11-15", "2019-11-14", "2020-12-03", "2021-11-18", "2022-11-17", "2023-11-16", "2024-11-14", "2025-11-13"),
    *("2026-11-19", "2027-11-18"),
)

SHARED_XKRX_IS_WRONG = {
    "2026-07-17": "Constitution Day is a public holiday again (amendment of 2026-02-10); the table has a session",
    "2026-11-19": "exam day; the table has the regular hours",
    "2026-12-30": "an ordinary day; the table opens at 10:00, its last row is taken for the first session of a year",
}


def weekdays(first: str, last: str) -> set[str]:
    begin, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    days = (begin + dt.timedelta(days=n) for n in range((end - begin).days + 1))
    return {day.isoformat() for day in days if day.weekday() < 5}


def sessions(market: str, first: str = "2010-01-01", last: str = "2027-12-31") -> dict[str, Session]:
    found = load(market).sessions_between(dt.date.fromisoformat(first), dt.date.fromisoformat(last))
    return {session.date.isoformat(): session for session in found}


def closed(market: str, year: int) -> set[str]:
    """Weekdays without a session, as `mm-dd`."""
    days = weekdays(f"{year}-01-01", f"{year}-12-31") - set(sessions(market, f"{year}-01-01", f"{year}-12-31"))
    return {day[5:] for day in days}


def utc_hours(session: Session) -> tuple[str, str]:
    return tuple(f"{dt.datetime.fromtimestamp(s, dt.UTC):%Y-%m-%dT%H:%M:%SZ}" for s in session[1:3])  # type: ignore[return-value]  # two of them


def hours(market: str, day: str, east_hours: int) -> str:
    session = sessions(market, day, day)[day]
    zone = dt.timezone(dt.timedelta(hours=east_hours))
    return "-".join(f"{dt.datetime.fromtimestamp(s, zone):%H:%M}" for s in (session.open_utc_s, session.close_utc_s))


def shared_table(path: Path, last: str) -> dict[str, tuple[str, str]]:
    with path.open(encoding="utf-8") as lines:
        return {row[0][:10]: (row[1], row[2]) for row in csv.reader(lines) if row[0] and "2010" <= row[0][:10] <= last}


@pytest.mark.parametrize("market", MARKETS)
def test_the_rows_of_a_file_say_the_same_in_utc_and_in_local_time(market: str) -> None:
    calendar = load(market)
    for row in calendar.rows:
        day, open_s, close_s, local_open, local_close, _ = row.split("\t")
        for epoch_s, local in ((int(open_s), local_open), (int(close_s), local_close)):
            offset_s = [seconds for since, seconds in calendar.offsets if since <= epoch_s][-1]
            hour, minute = map(int, local.split(":"))
            midnight_utc_s = (dt.date.fromisoformat(day) - dt.date(1970, 1, 1)).days * 86_400
            assert epoch_s + offset_s == midnight_utc_s + hour * 3600 + minute * 60, row


def test_korea_agrees_with_the_independent_table_but_for_three_named_days(shared_data: Path) -> None:
    table = shared_table(shared_data / "calendars" / "xkrx.csv", "2026-12-30")
    ours = {day: utc_hours(session) for day, session in sessions("XKRX", last="2026-12-30").items()}
    assert {day for day in table | ours if table.get(day) != ours.get(day)} == set(SHARED_XKRX_IS_WRONG)
    assert len(table) > 4000


def test_new_york_agrees_with_the_independent_table(shared_data: Path) -> None:
    table = shared_table(shared_data / "calendars" / "xnys.csv", "2023-01-13")
    ours = {day: utc_hours(session) for day, session in sessions("XNYS", last="2023-01-13").items()}
    assert ours == table
    assert len(table) > 3000


@pytest.mark.parametrize("name", ["v1_005930.csv", "v1_000660.csv", "v1_005380.csv", "v1_035420.csv", "v1_kospi.csv"])
def test_korea_has_exactly_the_sessions_on_which_there_are_prices(shared_data: Path, name: str) -> None:
    text = (shared_data / "krx_daily" / name).read_text(encoding="utf-8-sig").replace("\t", ",")
    days = {row[0] for row in csv.reader(text.splitlines()) if row and row[0] >= "2010"}
    assert days == set(sessions("XKRX", min(days), max(days)))
    assert len(days) > 500


@pytest.mark.parametrize(
    ("year", "count"),
    # Korea Exchange's own counts: imaeil.com 2011-12-29 (2011, 2012), wowtv.co.kr 2020-12-28 (2010, 2017, 2020, 2021:
    # 251 announced, less the three substitute holidays decided in August 2021)
    [(2010, 251), (2011, 248), (2012, 248), (2017, 243), (2020, 248), (2021, 251 - 3)],
)
def test_korea_has_as_many_sessions_a_year_as_the_exchange_counted(year: int, count: int) -> None:
    assert len(sessions("XKRX", f"{year}-01-01", f"{year}-12-31")) == count


@pytest.mark.parametrize(
    "day",
    [
        *("2012-04-11", "2012-12-19", "2014-06-04", "2016-04-13", "2017-05-09", "2018-06-13", "2020-04-15"),
        *("2022-03-09", "2022-06-01", "2024-04-10", "2025-06-03", "2026-06-03"),
    ],
)
def test_korea_is_closed_on_every_nationwide_election_day(day: str) -> None:
    assert day not in sessions("XKRX")


@pytest.mark.parametrize(
    "day",
    [
        *("2014-09-10", "2015-09-29", "2016-02-10", "2017-01-30", "2018-05-07", "2019-05-06", "2020-01-27"),
        *("2021-08-16", "2021-10-04", "2021-10-11", "2022-09-12", "2022-10-10", "2023-01-24", "2023-05-29"),
        *("2024-02-12", "2024-05-06", "2025-03-03", "2025-05-06", "2025-10-08", "2026-03-02", "2026-05-25"),
        *("2026-08-17", "2026-10-05"),
    ],
)
def test_korea_is_closed_on_substitute_holidays(day: str) -> None:
    assert day not in sessions("XKRX")


@pytest.mark.parametrize("day", ["2015-08-14", "2016-05-06", "2017-10-02", "2020-08-17", "2023-10-02", "2024-10-01"])
def test_korea_is_closed_on_temporary_public_holidays(day: str) -> None:
    assert day not in sessions("XKRX")


@pytest.mark.parametrize("day", ["2021-12-27", "2022-01-03", "2022-12-26", "2026-06-08", "2026-09-28", "2027-06-07"])
def test_korea_trades_where_no_substitute_holiday_was_granted(day: str) -> None:
    assert day in sessions("XKRX")


def test_korea_is_closed_over_chuseok_2025_from_3_to_9_october() -> None:
    assert set(sessions("XKRX", "2025-10-01", "2025-10-12")) == {"2025-10-01", "2025-10-02", "2025-10-10"}


def test_korea_2026_is_closed_on_the_seventeen_weekdays_the_exchange_lists() -> None:
    listed = "01-01 02-16 02-17 02-18 03-02 05-01 05-05 05-25 06-03 07-17 08-17 09-24 09-25 10-05 10-09 12-25 12-31"
    assert closed("XKRX", 2026) == set(listed.split())


def test_korea_2027_is_closed_on_the_weekdays_of_the_official_almanac_and_at_the_end_of_the_year() -> None:
    almanac = (
        "01-01 02-08 02-09 03-01 05-03 05-05 05-13 07-19 08-16 09-14 09-15 09-16 10-04 10-11 12-27"  # holidays-kr 2027
    )
    assert closed("XKRX", 2027) == {*almanac.split(), "12-31"}


@pytest.mark.parametrize("year", range(2010, 2028))
def test_korea_is_closed_on_the_last_weekday_of_every_year(year: int) -> None:
    last = max(day for day in weekdays(f"{year}-12-25", f"{year}-12-31"))
    assert last[5:] in closed("XKRX", year)


def test_korea_opens_at_ten_and_closes_as_usual_on_the_first_session_of_every_year() -> None:
    for year in range(2010, 2028):
        first = min(sessions("XKRX", f"{year}-01-01", f"{year}-01-31"))
        assert hours("XKRX", first, 9) == ("10:00-15:00" if year <= 2016 else "10:00-15:30"), first
        assert sessions("XKRX", first, first)[first].note == "late_open: first session of the year"


@pytest.mark.parametrize("day", EXAM_DAYS)
def test_korea_opens_and_closes_an_hour_late_on_every_exam_day(day: str) -> None:
    assert hours("XKRX", day, 9) == ("10:00-16:00" if day < "2016-08-01" else "10:00-16:30")
    projection = ", projection" if day > "2026-12-31" else ""
    note = f"late_open,late_close: university entrance exam (CSAT){projection}"
    assert sessions("XKRX", day, day)[day].note == note


def test_korea_has_no_other_special_hours() -> None:
    special = {day for day, session in sessions("XKRX").items() if session.note != "regular"}
    firsts = {min(sessions("XKRX", f"{year}-01-01", f"{year}-01-31")) for year in range(2010, 2028)}
    assert special == firsts | set(EXAM_DAYS)


def test_korea_closes_at_three_until_july_2016_and_at_half_past_three_since() -> None:
    assert hours("XKRX", "2016-07-29", 9) == "09:00-15:00"
    assert hours("XKRX", "2016-08-01", 9) == "09:00-15:30"


@pytest.mark.parametrize(
    ("day", "opens", "closes"),
    [
        ("2026-03-06", "14:30", "21:00"),
        ("2026-03-09", "13:30", "20:00"),  # summer time began on Sunday 8 March
        ("2026-10-30", "13:30", "20:00"),
        ("2026-11-02", "14:30", "21:00"),  # and ended on Sunday 1 November
        ("2026-11-27", "14:30", "18:00"),
        ("2024-07-03", "13:30", "17:00"),
        ("2020-12-24", "14:30", "18:00"),
    ],
)
def test_new_york_moves_in_utc_with_summer_time_and_closes_early_on_half_days(
    day: str, opens: str, closes: str
) -> None:
    assert utc_hours(sessions("XNYS", day, day)[day]) == (f"{day}T{opens}:00Z", f"{day}T{closes}:00Z")


def test_new_york_has_the_half_days_nyse_announced_and_says_why() -> None:
    announced = {  # NYSE Group releases for 2019 to 2027
        **dict.fromkeys(("2019-07-03", "2023-07-03", "2024-07-03", "2025-07-03"), "day before Independence Day"),
        **dict.fromkeys(("2019-11-29", "2020-11-27", "2021-11-26", "2022-11-25"), "day after Thanksgiving"),
        **dict.fromkeys(("2023-11-24", "2024-11-29", "2025-11-28", "2026-11-27"), "day after Thanksgiving"),
        **dict.fromkeys(("2019-12-24", "2020-12-24", "2024-12-24", "2025-12-24", "2026-12-24"), "Christmas Eve"),
        "2027-11-26": "day after Thanksgiving",
    }
    special = {day: s.note for day, s in sessions("XNYS", first="2019-01-01").items() if s.note != "regular"}
    assert special == {day: f"early_close: {why}" for day, why in announced.items()}


@pytest.mark.parametrize("day", ["2012-10-29", "2012-10-30", "2018-12-05", "2025-01-09"])
def test_new_york_was_closed_for_sandy_and_for_two_presidents(day: str) -> None:
    assert day not in sessions("XNYS")


def test_new_york_keeps_juneteenth_since_2022_and_not_before() -> None:
    juneteenths = ("2022-06-20", "2023-06-19", "2024-06-19", "2025-06-19", "2026-06-19", "2027-06-18")
    assert not set(juneteenths) & set(sessions("XNYS"))
    assert {"2020-06-19", "2021-06-18"} <= set(sessions("XNYS"))


def test_new_york_2027_is_closed_on_the_ten_days_nyse_announced() -> None:
    announced = "01-01 01-18 02-15 03-26 05-31 06-18 07-05 09-06 11-25 12-24"
    assert closed("XNYS", 2027) == set(announced.split())


def test_tokyo_2019_had_a_golden_week_of_ten_days() -> None:
    assert set(sessions("XTKS", "2019-04-26", "2019-05-07")) == {"2019-04-26", "2019-05-07"}


def test_tokyo_keeps_the_day_of_the_outage_as_a_session() -> None:
    assert sessions("XTKS", "2020-10-01", "2020-10-01")["2020-10-01"].note == "regular"
    assert hours("XTKS", "2020-10-01", 9) == "09:00-15:00"


def test_tokyo_closes_half_an_hour_later_since_5_november_2024() -> None:
    assert hours("XTKS", "2024-11-01", 9) == "09:00-15:00"
    assert hours("XTKS", "2024-11-05", 9) == "09:00-15:30"
    assert {session.note for session in sessions("XTKS").values()} == {"regular"}


def test_tokyo_2027_is_closed_on_the_national_holidays_and_at_the_turn_of_the_year() -> None:
    holidays = "01-01 01-11 02-11 02-23 03-22 04-29 05-03 05-04 05-05 07-19 08-11 09-20 09-23 10-11 11-03 11-23"
    assert closed("XTKS", 2027) == {*holidays.split(), "12-31"}


def test_tokyo_2026_has_the_holiday_between_two_holidays_in_september() -> None:
    assert {"09-21", "09-22", "09-23"} <= closed("XTKS", 2026)


def test_a_market_that_never_closes_has_every_utc_day_from_midnight_to_midnight() -> None:
    every = list(sessions("24/7").values())
    assert len(every) == (dt.date(2028, 1, 1) - dt.date(2010, 1, 1)).days
    assert every[0].open_utc_s == dt.datetime(2010, 1, 1, tzinfo=dt.UTC).timestamp()
    assert all(session.close_utc_s - session.open_utc_s == 86_400 for session in every)
    assert all(before.close_utc_s == after.open_utc_s for before, after in pairwise(every))


@pytest.mark.parametrize(
    ("day", "opens", "closes"),
    [
        ("2026-03-06", "2026-03-05T22:00:00Z", "2026-03-06T22:00:00Z"),  # the last in winter time: 17:00 is 22:00 UTC
        ("2026-03-09", "2026-03-08T21:00:00Z", "2026-03-09T21:00:00Z"),  # New York's clocks went forward on the 8th
        ("2026-10-30", "2026-10-29T21:00:00Z", "2026-10-30T21:00:00Z"),
        ("2026-11-02", "2026-11-01T22:00:00Z", "2026-11-02T22:00:00Z"),  # and back on 1 November
    ],
)
def test_a_day_of_currencies_lasts_from_17_to_17_in_new_york_also_when_its_clocks_change(
    day: str, opens: str, closes: str
) -> None:
    assert utc_hours(sessions("FX", day, day)[day]) == (opens, closes)


def test_currencies_trade_without_a_break_from_sunday_evening_to_friday_evening() -> None:
    every = list(sessions("FX").values())
    assert {session.date.isoformat() for session in every} == weekdays("2010-01-01", "2027-12-31")
    assert all(session.close_utc_s - session.open_utc_s == 86_400 for session in every)
    breaks = {(after.open_utc_s - before.close_utc_s) // 3600 for before, after in pairwise(every)}
    assert breaks == {0, 47, 48, 49}  # a weekend is an hour shorter or longer when the clocks change in it
