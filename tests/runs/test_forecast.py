"""What the nights will take, by the arithmetic of the sizing rule; sums by hand."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import pytest

from pyjobs.runs import forecast, prune, retention
from pyjobs.runs.forecast import Forecast


def test_a_year_has_260_weekdays_and_365_days() -> None:
    told = Forecast(night_mb=20.0, a_night=1, kept=10, most=120, free_mb=1e6)
    assert (told.weekdays_mb, told.days_mb) == (5200.0, 7300.0)
    # 120 runs of 20 MB are 2.4 GB, and 110 of them, 2.2 GB, are still to come: they fit
    assert (
        told.sentence()
        == "20.0 MB a night: 5.2 GB a year on weekdays, 7.3 GB every day; 120 runs are kept at most, 2.4 GB"
    )


def test_the_disk_is_full_when_what_retention_still_lets_grow_does_not_fit() -> None:
    assert Forecast(night_mb=50.0, a_night=1, kept=100, most=120, free_mb=999.0).nights_left == 19
    assert Forecast(night_mb=50.0, a_night=1, kept=100, most=120, free_mb=1001.0).nights_left is None
    assert Forecast(night_mb=50.0, a_night=1, kept=120, most=120, free_mb=1.0).nights_left is None
    two_desks = Forecast(night_mb=50.0, a_night=2, kept=100, most=120, free_mb=499.0)  # ten nights until 120
    assert two_desks.nights_left == 9
    assert two_desks.sentence().endswith("the disk is full in 9 nights")


def test_each_desk_counts_by_the_mean_of_its_nights_and_what_is_no_size_by_none(tmp_path: Path) -> None:
    for number, told in enumerate(
        ({"desk": "a", "size_mb": 2}, {"desk": "a", "size_mb": 4}, {"desk": "b", "size_mb": 10}, {"desk": "b"}, [], "{")
    ):
        folder = tmp_path / f"20261120T13000{number}Z-0001"
        folder.mkdir()
        (folder / "manifest.json").write_text(json.dumps(told) if told != "{" else "{")
    found = forecast.of_runs(tmp_path, free_bytes=5_000_000, environ={})
    assert (found.night_mb, found.a_night, found.kept, found.free_mb) == (13.0, 2, 6, 5.0)
    assert (
        forecast.of_runs(tmp_path / "none", free_bytes=1, environ={}).sentence()
        == "no night has been kept yet: no forecast"
    )


def test_what_stays_is_what_the_prune_leaves_by_dates_or_by_runs_whichever_is_less(tmp_path: Path) -> None:
    # two weeks of weekday nights, 40 MB each, one of them pinned: nine count. KEEP_DAYS=30: 21 more are 840 MB
    for day in (2, 3, 4, 5, 6, 9, 10, 11, 12, 13):
        folder = tmp_path / f"202611{day:02}T131000Z-0001"
        folder.mkdir()
        (folder / "manifest.json").write_text(json.dumps({"desk": "a", "size_mb": 40, "status": "ok"}))
    (folder / "PINNED").write_text("a baseline")

    def told(free_mb: int, **environ: str) -> str:
        return forecast.of_runs(tmp_path, free_bytes=free_mb * 10**6, environ=environ).sentence()

    head = "40.0 MB a night: 10.4 GB a year on weekdays, 14.6 GB every day"
    assert told(841) == f"{head}; 30 runs are kept at most, 1.2 GB"
    assert told(839) == f"{head}; the disk is full in 20 nights"
    assert told(839, KEEP_DAYS="29") == f"{head}; 29 runs are kept at most, 1.2 GB"
    assert told(839, KEEP_MAX_RUNS="12") == f"{head}; 12 runs are kept at most, 480.0 MB"
    assert told(4439, KEEP_DAYS="365") == f"{head}; the disk is full in 110 nights"  # 111 until 120 runs
    entries = prune.look(tmp_path)
    dates = (dt.date(2026, 11, 14) + dt.timedelta(day) for day in range(200))
    names = [date.strftime("%Y%m%dT131000Z-0001") for date in dates]
    future = [replace(entries[0], name=name, run_id=name) for name in names]
    stay = retention.decide([*entries, *future], keep_days=30, keep_max_runs=120)
    assert sum(each.action == "keep" and not each.entry.pinned for each in stay) == 30


@pytest.mark.parametrize(("given", "most"), [("", 30), ("7", 7), ("0", 30), ("many", 30), ("9" * 5000, 30)])
def test_a_setting_that_the_prune_refuses_leaves_the_forecast_its_default(
    tmp_path: Path, given: str, most: int
) -> None:
    assert forecast.of_runs(tmp_path, free_bytes=1, environ={"KEEP_DAYS": given}).most == most
