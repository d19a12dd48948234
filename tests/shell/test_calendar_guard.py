"""Contract 1, guards: bash and Python read the same calendar and agree; a skip costs no Python; the end is loud."""

from __future__ import annotations

import datetime as dt
import subprocess
from pathlib import Path

import pytest

from tests.shell.conftest import House
from utils import trading_day


def at(text: str) -> str:
    """UTC epoch seconds of an ISO time with its offset."""
    return str(int(dt.datetime.fromisoformat(text).timestamp()))


def outcome(house: House, mode: str, now: str, market: str = "XKRX") -> str:
    argv = house.chain("true", options=("--guard", mode, "--market", market))
    ended = house.run(argv, NIGHTDESK_NOW=at(now))
    assert ended.returncode == 0, ended.stderr
    return house.history()[-1]["outcome"]


@pytest.mark.parametrize(
    ("market", "now", "td", "th"),
    [
        ("XKRX", "2026-11-20T12:00+09:00", "ok", "ok"),
        ("XKRX", "2026-11-20T08:59:59+09:00", "ok", "skip:outside-hours"),
        ("XKRX", "2026-11-20T09:00+09:00", "ok", "ok"),
        ("XKRX", "2026-11-20T15:29:59+09:00", "ok", "ok"),
        ("XKRX", "2026-11-20T15:30+09:00", "ok", "skip:outside-hours"),
        ("XKRX", "2026-11-21T12:00+09:00", "skip:not-a-session", "skip:not-a-session"),  # Saturday
        ("XKRX", "2026-06-03T12:00+09:00", "skip:not-a-session", "skip:not-a-session"),  # local elections
        ("XKRX", "2026-07-17T12:00+09:00", "skip:not-a-session", "skip:not-a-session"),  # Constitution Day
        ("XKRX", "2026-11-19T09:30+09:00", "ok", "skip:outside-hours"),  # exam day: opens at 10:00
        ("XKRX", "2026-11-19T16:15+09:00", "ok", "ok"),  # and closes at 16:30
        ("XKRX", "2026-12-31T12:00+09:00", "skip:not-a-session", "skip:not-a-session"),  # year-end closing
        ("XKRX", "2026-11-20T00:30+09:00", "ok", "skip:outside-hours"),  # still the 19th in UTC
        ("XNYS", "2026-11-27T12:59-05:00", "ok", "ok"),  # the day after Thanksgiving closes at 13:00
        ("XNYS", "2026-11-27T13:00-05:00", "ok", "skip:outside-hours"),
        ("XNYS", "2026-03-06T14:29+00:00", "ok", "skip:outside-hours"),  # winter time: opens 14:30 UTC
        ("XNYS", "2026-03-09T13:30+00:00", "ok", "ok"),  # summer time: 13:30 UTC
        ("24/7", "2026-11-21T23:59:59+00:00", "ok", "ok"),
        ("FX", "2026-11-20T16:59:59-05:00", "ok", "ok"),  # Friday
        ("FX", "2026-11-20T17:00-05:00", "skip:not-a-session", "skip:not-a-session"),
        ("FX", "2026-11-22T16:59:59-05:00", "skip:not-a-session", "skip:not-a-session"),  # Sunday
        ("FX", "2026-11-22T17:00-05:00", "ok", "ok"),
        ("FX", "2026-07-17T20:59:59+00:00", "ok", "ok"),  # summer time: 17:00 is 21:00 UTC
        ("FX", "2026-07-17T21:00+00:00", "skip:not-a-session", "skip:not-a-session"),
    ],
)
def test_the_guard_knows_sessions_late_opens_half_days_and_summer_time(
    house: House, market: str, now: str, td: str, th: str
) -> None:
    assert (outcome(house, "td", now, market), outcome(house, "th", now, market)) == (td, th)


def test_bash_and_python_agree_at_the_edges_of_every_special_session(house: House) -> None:
    special = [s for m in ("XKRX", "XNYS") for s in trading_day.load(m).sessions() if s.note != "regular"][-14:]
    for market in ("XKRX", "XNYS"):
        for session in (s for s in special if trading_day.load(market).session(s.date) == s):
            for now in (session.open_utc_s - 1, session.open_utc_s, session.close_utc_s - 1, session.close_utc_s):
                iso = dt.datetime.fromtimestamp(now, dt.UTC).isoformat()
                assert (outcome(house, "th", iso, market) == "ok") == trading_day.in_trading_hours(now, market), iso


def test_a_skip_says_why_in_log_and_history_and_starts_no_python(house: House, tmp_path: Path) -> None:
    witness = tmp_path / "python"
    witness.write_text(f"#!/bin/sh\ntouch '{tmp_path}/started'\n")
    witness.chmod(0o755)
    ended = house.run([str(house.clone / "batch/run_scanner.sh")], NIGHTDESK_NOW="1795230000", PYTHONBIN=str(witness))
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")
    assert not (tmp_path / "started").exists()
    assert "[SKIP] 2026-11-21 is not a trading day of XKRX (guard th, 200)" in house.log("scanner")
    (record,) = house.history()
    assert (record["job"], record["code"], record["outcome"]) == ("scanner", 0, "skip:not-a-session")
    assert record["session"] == "2026-11-21"
    assert record["log"] == "logs/scanner_2026-11-21.log"


def test_beyond_the_calendar_every_guard_fails_loudly(house: House) -> None:
    ended = house.run(house.chain("true", options=("--guard", "td")), NIGHTDESK_NOW=at("2028-01-03T12:00+09:00"))
    assert ended.returncode == 78
    assert b"the calendar of XKRX covers 2010-01-01 to 2027-12-31, not 2028-01-03" in ended.stderr


def test_beyond_the_calendar_a_job_without_a_guard_runs_on(house: House) -> None:
    ended = house.run(house.chain("bash", "-c", "exit 4"), NIGHTDESK_NOW=at("2028-01-03T12:00+09:00"))
    assert ended.returncode == 4
    assert house.history()[-1]["session"] == "2028-01-03"


def test_an_unknown_market_is_78_and_names_the_file_that_is_missing(house: House) -> None:
    ended = house.run(house.chain("true", options=("--guard", "td", "--market", "XWBO")))
    assert ended.returncode == 78
    assert b"unknown market 'XWBO'" in ended.stderr and b"config/calendars/XWBO.tsv" in ended.stderr


def test_a_calendar_that_is_cut_off_is_78_not_a_quiet_night(house: House, tmp_path: Path) -> None:
    for folder in ("jobs", "config", "utils"):
        subprocess.run(["cp", "-R", str(house.clone / folder), str(tmp_path)], check=True)
    calendar = tmp_path / "config/calendars/XKRX.tsv"
    calendar.write_bytes(b"".join(calendar.read_bytes().splitlines(keepends=True)[:2000]))
    other = House(home=house.home, clone=tmp_path)
    ended = other.run(other.chain("true", options=("--guard", "td")), NIGHTDESK_NOW=at("2026-11-20T12:00+09:00"))
    assert ended.returncode == 78
    assert b"is cut off" in ended.stderr


def test_the_guard_needs_no_time_zones_on_the_box(house: House) -> None:
    now = at("2026-11-19T09:30+09:00")
    argv = house.chain("true", options=("--guard", "th"))
    house.run(argv, NIGHTDESK_NOW=now, TZ="Asia/Nowhere", TZDIR="/nowhere")
    assert house.history()[-1]["outcome"] == "skip:outside-hours"
