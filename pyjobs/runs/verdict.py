"""What became of a job on a day, in one sentence a tired person understands."""

from __future__ import annotations

import datetime as dt
import mmap
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pyjobs.runs.jobs import FORBIDDEN, Holder, JobPlan, Run
from utils.trading_day import Calendar

DAY_S = 86_400
STAMP_BYTES = 19
_STAMP = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


def verdict(
    *,
    day: dt.date,
    runs: Sequence[Run],
    held: Sequence[Holder],
    plan: JobPlan | None,
    calendar: Calendar,
    log: Path,
    now_s: float,
) -> str:
    """Running, ran, failed, skipped because, busy, killed, or never started, of the runs of `day` (oldest first).

    `held` are the job's locks held now, `log` is the dated log the day's runs would have written to.
    """
    offset_s = calendar.utc_offset_s(now_s)
    running = [holder for holder in held if _date(holder.since_s, offset_s) == day]
    if running:
        return f"running since {_clock(running[0].since_s, offset_s)} (pid {running[0].pid})" + _tally(runs)
    if _never_ended(log):
        what = "killed: its last run started and never ended (it, its supervisor, or the machine was killed)"
        return f"{what}; see logs/{log.name}" + (f" (before that {len(runs)} runs ended)" if runs else "")
    if runs:
        telling = next((run for run in reversed(runs) if run.did_work), runs[-1])
        return _of_run(telling, offset_s) + _tally(runs)
    return f"never started: {_why_never(plan, calendar, day, now_s)}"


def _never_ended(log: Path) -> bool:
    """Whether the last [START] of a log has no [END] after it; searched from the end, however long the log is.

    Only right behind the stamp of a line: a job may print such words, too.
    """
    if not log.exists() or not log.stat().st_size:
        return False
    with log.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        return _last(text, b" [START] ") > _last(text, b" [END] ")


def _last(text: mmap.mmap, mark: bytes) -> int:
    """Where `mark` last stands behind a line's stamp; -1 when it nowhere does."""
    at = text.rfind(mark)
    while at >= 0:
        begins = text.rfind(b"\n", 0, at) + 1
        if at - begins == STAMP_BYTES and _STAMP.fullmatch(text[begins:at]):
            return at
        at = text.rfind(mark, 0, begins)
    return -1


def _of_run(run: Run, offset_s: int) -> str:
    at, see = _clock(run.end_s, offset_s), f"; see {run.log}" if run.log else ""
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
    tries = "1 try" if run.attempts == 1 else f"{run.attempts} tries"
    return f"failed: exit {run.code} at {at} after {tries}{see}"


def _tally(runs: Sequence[Run]) -> str:
    if len(runs) < 2:
        return ""
    counted = Counter(run.outcome for run in runs).most_common()
    return f" ({len(runs)} runs: {', '.join(f'{count} {outcome}' for outcome, count in counted)})"


def _why_never(plan: JobPlan | None, calendar: Calendar, day: dt.date, now_s: float) -> str:
    today = calendar.local_date(now_s)
    if day > today:
        return "that day has not come yet"
    if plan is None:
        return "no record of it, and config/jobs.yaml does not name it"
    if plan.every == "never":
        return "nothing starts it by itself; run it by hand"
    closed = "" if calendar.session(day) else f"{day} was no trading day of {plan.market}, and "
    due = f" (due {plan.due})" if plan.due else ""
    return f"{closed}no record of it{due}: is its line in the crontab (crontab -l), and was the machine on?"


def _date(at_s: float, offset_s: int) -> dt.date:
    return dt.datetime.fromtimestamp(at_s + offset_s, dt.UTC).date()


def _clock(at_s: float, offset_s: int) -> str:
    return dt.datetime.fromtimestamp(at_s + offset_s, dt.UTC).strftime("%H:%M:%S")
