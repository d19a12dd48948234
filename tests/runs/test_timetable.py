"""A desk's crontab in the box's zone: never before the bars are there, in summer and in winter, on either side."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest

from pyjobs.market.exchanges import Exchange
from pyjobs.runs.job_history import load_job_plans
from pyjobs.runs.timetable import added, timetable
from utils.errors import UsageError
from utils.wall_clock import box_zone, day_field, zone_of

ROOT = Path(__file__).resolve().parents[2]
KRX = Exchange(provider="krx_stock", market="XKRX", page_bars=1, ready="18:35")
YAHOO = Exchange(provider="yf_etf", market="XNYS", page_bars=1)
ONE_SUMMER, ONE_WINTER = (dt.datetime(2026, month, 1, tzinfo=dt.UTC).timestamp() for month in (7, 12))


def lines(market: str, exchanges: list[Exchange], zone: str, now_s: float = ONE_SUMMER) -> dict[str, str]:
    found = timetable(market, exchanges, zone, now_s).crontab(Path("/nightdesk"), "")
    return {Path(words[-1]).stem: " ".join(words[:5]) for words in map(str.split, found) if words[-1].endswith(".sh")}


@pytest.mark.parametrize("now_s", [ONE_SUMMER, ONE_WINTER])
@pytest.mark.parametrize(
    ("market", "exchange", "zone", "expected"),
    [
        # Seoul is nine hours ahead of UTC all year. KRX's bars are there at 18:35; the market is open 9:00 to 15:30,
        # and to 16:30 on the day of the exam
        ("XKRX", KRX, "UTC", {
            "precache_benchmarks": "20 23 * * 0-4", "run_scanner": "*/5 0-7 * * 1-5", "run_report_eod": "40 9 * * 1-5",
            "run_nightly": "10 10 * * 1-5", "run_healthcheck": "40 11 * * *"}),
        # New York is 14 hours behind Seoul in winter and 13 in summer: 18:40 is 04:40 or 05:40, the later never early.
        # The open of 9:00 is 19:00 or 20:00 of the day before: what must be over by then is there at the earlier
        ("XKRX", KRX, "America/New_York", {
            "precache_benchmarks": "20 18 * * 0-4", "run_scanner": "*/5 0-2,19-23 * * 0-5",
            "run_report_eod": "40 5 * * 1-5", "run_nightly": "10 6 * * 1-5"}),
        # the other way round: 16:20 in New York is 06:20 (winter) or 05:20 in Seoul on the day after
        ("XNYS", YAHOO, "Asia/Seoul", {
            "precache_benchmarks": "50 21 * * 1-5", "run_scanner": "*/5 0-5,22-23 * * 1-6",
            "run_report_eod": "20 6 * * 2-6", "run_nightly": "50 6 * * 2-6"}),
        # Berlin is six hours ahead of New York, five in the weeks when only one of the two has summer time
        ("XNYS", YAHOO, "Europe/Berlin", {
            "precache_benchmarks": "50 13 * * 1-5", "run_scanner": "*/5 14-21 * * 1-5",
            "run_report_eod": "20 22 * * 1-5", "run_nightly": "50 22 * * 1-5"}),
    ],
)  # fmt: skip
def test_each_line_stands_where_the_market_and_the_box_agree_all_year(
    market: str, exchange: Exchange, zone: str, expected: dict[str, str], now_s: float
) -> None:
    found = lines(market, [exchange], zone, now_s)
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(("market", "zone"), [("XKRX", "America/New_York"), ("XNYS", "Europe/Berlin"), ("FX", "UTC")])
def test_no_day_of_two_years_starts_the_report_before_its_bars_or_health_before_the_last_due(
    market: str, zone: str
) -> None:
    table = timetable(market, [Exchange(provider="p", market=market, page_bars=1)], zone, ONE_SUMMER)
    jobs = {job.job: job for job in table.jobs}
    market_zone = {"XKRX": "Asia/Seoul", "XNYS": "America/New_York", "FX": "America/New_York"}[market]
    later = dt.timedelta(hours=7 if market == "FX" else 0)  # the day of FX begins at 17:00 in New York
    ready = {"XKRX": "15:45", "XNYS": "16:15", "FX": "00:15"}[market]
    for number in range(730):
        for name, earliest in (("report_eod", ready), ("nightly", ready), ("healthcheck", jobs["nightly"].due)):
            minute, hour = map(int, jobs[name].when.split()[:2])
            here = dt.datetime(2026, 1, 1, hour, minute, tzinfo=zone_of(zone)) + dt.timedelta(days=number)
            there = here.astimezone(zone_of(market_zone)).replace(tzinfo=None) + later
            assert f"{there:%H:%M}" >= earliest, (name, here)


def test_a_round_the_clock_desk_works_every_day_just_after_midnight() -> None:
    found = lines("24/7", [], "UTC")
    assert (found["run_nightly"], found["run_scanner"]) == ("35 0 * * *", "*/5 * * * *")


def test_what_the_jobs_expect_follows_the_lines(tmp_path: Path) -> None:
    table = timetable("XNYS", [YAHOO], "Europe/Berlin", ONE_SUMMER)
    path = tmp_path / "jobs.yaml"
    path.write_text(table.job_plans((ROOT / "config/jobs.yaml").read_text(encoding="utf-8")), encoding="utf-8")
    plans, shipped = load_job_plans(path).jobs, load_job_plans(ROOT / "config/jobs.yaml").jobs
    assert list(plans) == list(shipped)
    assert {plan.market for plan in plans.values()} == {"XNYS", "24/7"}  # ingest and gap repair are anybody's
    # it starts at 16:50, or 17:50 when Berlin is only five hours ahead, and may take eighty minutes
    assert (plans["nightly"].due, plans["report_eod"].due, plans["precache_benchmarks"].due) == (
        "19:10",
        "17:55",
        "09:30",
    )
    assert plans["scanner"].interval == shipped["scanner"].interval


def test_a_clone_with_a_space_and_a_percent_is_quoted_and_another_desk_named() -> None:
    found = timetable("XKRX", [KRX], "UTC", ONE_SUMMER).crontab(Path("/my disk/100%"), "/my desk.yaml")
    assert r"10 10 * * 1-5  '/my disk/100\%/batch/run_nightly.sh' --desk '/my desk.yaml'" in found
    assert not any("precache" in line and "--desk" in line for line in found)
    assert all(re.match(r"#|MARKET=|[\d*/]", line) for line in found)


def test_the_zone_is_the_one_cron_goes_by(tmp_path: Path) -> None:
    target = tmp_path / "zoneinfo" / "Europe" / "Berlin"
    target.parent.mkdir(parents=True)
    target.touch()
    (tmp_path / "localtime").symlink_to(target)
    (tmp_path / "timezone").write_text("Asia/Seoul\n")
    assert box_zone(tmp_path / "localtime", tmp_path / "timezone") == "Europe/Berlin"
    assert box_zone(tmp_path / "none", tmp_path / "timezone") == "Asia/Seoul"
    assert box_zone(tmp_path / "none", tmp_path / "neither") == "UTC"
    with pytest.raises(UsageError, match="'Berlin' is no time zone"):
        zone_of("Berlin")


def test_weekdays_are_written_as_cron_has_them() -> None:
    assert [day_field(days) for days in ((1, 2, 3, 4, 5), (7, 1, 2), (6, 7), range(1, 8))] == ["1-5", "0-2", "0,6", "*"]


LINES = '  "nightly@us": {market: XNYS, every: session, due: "19:10", skip_budget: 2}\n'
JOBS = "# mine\njobs:\n  nightly: {market: XKRX, every: session, due: '20:30', skip_budget: 2}"


def test_the_jobs_of_a_second_desk_are_added_to_a_jobs_file_that_then_says_all_it_said(tmp_path: Path) -> None:
    path = tmp_path / "jobs.yaml"
    path.write_text(JOBS)
    assert added(path, LINES) and path.read_text() == f"{JOBS}\n{LINES}"
    assert path.stat().st_mode & 0o777 == 0o600
    assert not added(path, LINES), "they are there already"
    assert list(load_job_plans(path).jobs) == ["nightly", "nightly@us"]


@pytest.mark.parametrize(
    "text",
    [
        f"{JOBS}\nmore: 1\n",
        "jobs: {}\n",
        "jobs:\n    nightly: {}\n",
        "[1]\n",
        "",
        "jobs: [\n",
        "jobs:\n",
        f"{JOBS}\n  #",
    ],
)
def test_a_jobs_file_of_another_form_stays_as_it_is(tmp_path: Path, text: str) -> None:
    path = tmp_path / "jobs.yaml"
    path.write_text(text)
    done = added(path, LINES)
    assert done == text.endswith("#") and path.read_text() == (f"{text}\n{LINES}" if done else text)
