"""The next start of a job: whole intervals from midnight UTC, and none for a job that has none."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from pyjobs.runs.job_history import load_job_plans
from utils.errors import ConfigError
from utils.schedule import interval_s, next_start_s

MIDNIGHT_S = 1_795_132_800  # 2026-11-20T00:00Z
BOOK = """
jobs:
  minute: {market: XKRX, every: never, interval: 60s, skip_budget: 1}
  quarter: {market: XKRX, every: never, interval: 6h, skip_budget: 1}
  nightly: {market: XKRX, every: never, skip_budget: 1}
"""


@pytest.fixture
def jobs_file(tmp_path: Path) -> Path:
    path = tmp_path / "jobs.yaml"
    path.write_text(BOOK)
    return path


@pytest.mark.parametrize(
    ("job", "after_s", "next_s"),
    [
        ("minute", 0.0, 60),
        ("minute", 59.999, 60),
        ("minute", 60.0, 120),
        ("minute@BTCUSD-1m", 90.5, 120),
        ("quarter", 6 * 3600 + 17 * 60, 12 * 3600),
        ("quarter", 23.5 * 3600, 24 * 3600),
        ("nightly", 0.0, math.inf),
        ("fx", 0.0, math.inf),
    ],
)
def test_the_next_start_is_the_next_whole_interval(jobs_file: Path, job: str, after_s: float, next_s: float) -> None:
    assert next_start_s(job, jobs_file, MIDNIGHT_S + after_s) == (
        MIDNIGHT_S + next_s if next_s < math.inf else math.inf
    )


@pytest.mark.parametrize(("text", "seconds"), [("60s", 60), ("5m", 300), ("6h", 21_600), ("24h", 86_400)])
def test_intervals_are_seconds_minutes_or_hours(text: str, seconds: int) -> None:
    assert interval_s(text) == seconds


@pytest.mark.parametrize("text", ["7m", "0m", "1d", "5", "m", "-5m", "1.5h", " 5m", "99999h", ""])
def test_an_interval_that_is_none_or_drifts_through_the_days_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an interval such as 60s, 5m or 6h"):
        interval_s(text)


def test_a_wrong_interval_is_named_with_its_line_by_whoever_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "jobs.yaml"
    path.write_text(BOOK.replace("6h", "7m"))
    said = r"jobs.yaml:4: jobs.quarter.interval: '7m' is not an interval"
    with pytest.raises(ConfigError, match=said):
        next_start_s("quarter", path, MIDNIGHT_S)
    with pytest.raises(ConfigError, match=said):
        load_job_plans(path)
    assert next_start_s("minute", path, MIDNIGHT_S) == MIDNIGHT_S + 60
