"""What the nights will take, by the arithmetic of the sizing rule; sums by hand."""

from __future__ import annotations

import json
from pathlib import Path

from pyjobs.runs import forecast
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
    found = forecast.of_runs(tmp_path, free_bytes=5_000_000)
    assert (found.night_mb, found.a_night, found.kept, found.free_mb) == (13.0, 2, 6, 5.0)
    assert forecast.of_runs(tmp_path / "none", free_bytes=1).sentence() == "no night has been kept yet: no forecast"


def test_a_setting_that_the_prune_refuses_leaves_the_forecast_its_default() -> None:
    assert [forecast.most_runs(given) for given in (None, "", "7", "0", "many")] == [120, 120, 7, 120, 120]
