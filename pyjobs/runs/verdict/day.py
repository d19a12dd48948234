"""The result of a job on a given day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from pyjobs.runs.job_history import JobPlan, JobRun
from pyjobs.runs.verdict import logs, words
from pyjobs.runs.verdict.holders import Holder
from utils import schedule
from utils.trading_day import Calendar


def result_of(
    *,
    day: dt.date,
    runs: Sequence[JobRun],
    holder: Holder | None,
    left: logs.Last | None = None,
    plan: JobPlan | None,
    calendar: Calendar,
    log: Path,
    now_s: float,
) -> str:
    """Running, ran, failed, skipped because, busy, killed, or never started, of the runs of `day` (oldest first).

    `holder` holds the job's lock now; `left`: a run that was killed while it held it; `log` is the dated log the day's
    runs would have written to.
    """
    if holder is not None and calendar.local_date(holder.since_s) == day:
        since = words.clock(holder.since_s, calendar)
        return f"running since {since} (pid {holder.pid})" + words.tally(runs)
    last = logs.unrecorded(day.isoformat(), log, runs, calendar, (runs[0].job, runs[0].instance) if runs else ("", ""))
    last = last or (left if left is not None and left.day == day.isoformat() else None)
    if last is not None and last.run is None:
        what = "killed: its last run started and never ended (it, its supervisor, or the machine was killed)"
        what += f"; see {last.log}" if last.log else ""
        return what + (f" (before that {len(runs)} runs ended)" if runs else "")
    if last is not None and last.run is not None:
        runs = [*runs, last.run]
    if runs:
        telling = next((run for run in reversed(runs) if run.did_work), runs[-1])
        return words.of_run(telling, calendar) + words.tally(runs)
    return f"never started: {_why_never(plan, calendar, day, now_s)}"


def _why_never(plan: JobPlan | None, calendar: Calendar, day: dt.date, now_s: float) -> str:
    if day > calendar.local_date(now_s):
        return "that day has not come yet"
    if plan is None:
        return "no record of it, and the jobs file does not name it"
    if plan.every == "never":
        rhythm = (
            f"the schedule starts it every {words.span(schedule.interval_s(plan.interval))}" if plan.interval else ""
        )
        return f"no record of it; {rhythm or 'nothing starts it by itself; run it by hand'}"
    closed = "" if calendar.session(day) else f"{day} was no trading day of {plan.market}, and "
    due = f" (due {words.due(plan, calendar, day)})" if plan.due else ""
    return f"{closed}no record of it{due}: {words.CRONTAB}"
