"""When the schedule starts a job again: by its `interval` in config/jobs.yaml, counted from midnight UTC."""

from __future__ import annotations

import math
import re
from functools import cache
from pathlib import Path

import msgspec

from utils.settings.config import load_yaml, wrong

DAY_S = 86_400
_UNIT_S = {"s": 1, "m": 60, "h": 3600}


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    interval: str = ""


class _Plans(msgspec.Struct, frozen=True, kw_only=True):
    jobs: dict[str, _Plan]


def interval_s(text: str) -> int:
    """The seconds of `60s`, `5m` or `6h`. Raises ValueError for anything else, and for what does not divide a day."""
    found = re.fullmatch(r"([1-9][0-9]{0,4})([smh])", text)
    seconds = int(found[1]) * _UNIT_S[found[2]] if found else 0
    if not seconds or DAY_S % seconds:
        raise ValueError(f"{text!r} is not an interval such as 60s, 5m or 6h that divides a day")
    return seconds


def next_start_s(job: str, jobs_file: Path, now_s: float) -> float:
    """UTC seconds of the next start of `job` after `now_s`; infinity when `jobs_file` (jobs.yaml) gives it no interval.

    `job` may be an instance, `ingest@BTCUSD-1m`. Raises ConfigError for an interval that is none.
    """
    every_s = _interval_of(job.partition("@")[0], jobs_file)
    return (now_s // every_s + 1) * every_s if every_s else math.inf


@cache
def _interval_of(job: str, jobs_file: Path) -> int:
    plan = load_yaml(jobs_file, _Plans).jobs.get(job)
    if plan is None or not plan.interval:
        return 0
    try:
        return interval_s(plan.interval)
    except ValueError as error:
        raise wrong(jobs_file, ["jobs", job, "interval"], str(error)) from None
