"""Sentences about runs, in words a tired person understands; times are the market's, at that moment."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence

from pyjobs.runs import job_history as jobs
from pyjobs.runs.job_history import FORBIDDEN, JobPlan, JobRun
from utils.trading_day import Calendar

CRONTAB = "is its line in the crontab (crontab -l), and was the machine on?"
ZONE = "are its crontab line and the machine's time zone right?"


def of_run(run: JobRun, calendar: Calendar) -> str:
    """One run: ran, busy, skipped because, or failed."""
    at, see = clock(run.end_s, calendar), f"; see {run.log}" if run.log else ""
    if run.outcome == "ok":
        tries = f" at try {run.attempts}" if run.attempts > 1 else ""
        return f"ran: ended well{tries} at {at} after {run.end_s - run.start_s} s{see}"
    if run.outcome == "skip:busy":
        return f"busy: another run held the lock at {at}"
    if run.outcome == FORBIDDEN:
        return f"skipped because ALLOW_NET_FETCH=0 forbids the network, at {at}{see}"
    if run.outcome.startswith("skip:"):
        what = run.outcome.removeprefix("skip:").replace("-", " ")
        return f"skipped because {'outside data failed: ' if run.is_outside_skip else ''}{what}, at {at}{see}"
    tries = (
        "before it started"
        if run.attempts == 0
        else "after 1 try"
        if run.attempts == 1
        else f"after {run.attempts} tries"
    )
    return f"failed: exit {run.code} at {at} {tries}{see}"


def tally(runs: Sequence[JobRun]) -> str:
    """` (3 runs: 2 ok, 1 fail)`; nothing for fewer than two."""
    if len(runs) < 2:
        return ""
    counted = Counter(run.outcome for run in runs).most_common()
    return f" ({len(runs)} runs: {', '.join(f'{count} {outcome}' for outcome, count in counted)})"


def next_due(plan: JobPlan, calendar: Calendar, now_s: float) -> str:
    """`; not due before 23:30 today`, or on its date; nothing where that is not known."""
    day = jobs.next_due(plan, calendar, now_s)
    if day is None or not plan.due:
        return ""
    on = "today" if day == calendar.local_date(now_s) else f"on {day}"
    return f"; not due before {due(plan, calendar, day)} {on}"


def due(plan: JobPlan, calendar: Calendar, day: dt.date) -> str:
    """`23:30 UTC+9`: when it is due that day."""
    return f"{plan.due} {zone(calendar, jobs.due_s(plan, calendar, day))}"


def clock(at_s: float, calendar: Calendar) -> str:
    """`22:10:20 UTC+9` by the market's clock of that moment, summer time included."""
    local = dt.datetime.fromtimestamp(at_s + calendar.utc_offset_s(at_s), dt.UTC)
    return f"{local:%H:%M:%S} {zone(calendar, at_s)}"


def zone(calendar: Calendar, at_s: float) -> str:
    """`UTC+9`, as the chain's logs have it: the market's at that moment."""
    return f"UTC{calendar.utc_offset_s(at_s) / 3600:+g}"


def age(seconds: float) -> str:
    """`40 s`, `12 min`, `5 h`, `9 days`."""
    for unit_s, name, least in ((86_400, "days", 2), (3600, "h", 2), (60, "min", 2)):
        if seconds >= unit_s * least:
            return f"{seconds / unit_s:.0f} {name}"
    return f"{seconds:.0f} s"


def span(seconds: int) -> str:
    """An interval as the jobs file has it: `60 s`, `5 min`, `6 h`."""
    return (
        f"{seconds // 3600} h"
        if seconds % 3600 == 0
        else f"{seconds // 60} min"
        if seconds > 60 and seconds % 60 == 0
        else f"{seconds} s"
    )
