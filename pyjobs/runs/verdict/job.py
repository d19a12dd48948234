"""The verdict on a job: about the last time it was due, as of now. Health, `why` and the exit code have it from here.

Well is: ended well; sent home on a holiday; skipped for reasons outside, within its budget; kept out by a run that then
ended well. A run that a person started with a wrong command line (64) is no outage, unless nothing else came.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pyjobs.runs import job_history as jobs
from pyjobs.runs.job_history import JobPlan, JobRun
from pyjobs.runs.verdict import words
from pyjobs.runs.verdict.findings import State
from pyjobs.runs.verdict.holders import LONG_HELD_S, Holder
from pyjobs.runs.verdict.logs import Last
from utils import schedule
from utils.exit_codes import ExitCode
from utils.trading_day import Calendar, CalendarRangeError

MOST_MISSED = 400  # times counted back; more are just "many"
LATE_S = 60.0  # a run that ends so soon after another was kept out is the one that held the lock
MANY = 2  # times due and not come: a failure


class Verdict(NamedTuple):
    """One job at one moment. `day`: the market's date it is about; `word`: what became of it; `log`: where to look."""

    state: State
    word: str
    day: dt.date
    sentence: str
    log: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """All that is known of one job, or one instance of it, at `now_s`.

    `runs`: not later than now, in the order they ended. `holder`: who holds its lock. `left`: its last run, when it
    never ended. `anchor_s`: since when there has been something to start, for a job without any run.
    """

    plan: JobPlan
    calendar: Calendar
    runs: Sequence[JobRun]
    now_s: float
    holder: Holder | None = None
    left: Last | None = None
    anchor_s: float | None = None

    def day_of(self, run: JobRun) -> dt.date:
        """The market's date a run was about: by its own record, else the date it began.

        For a job that is due after the close, what began before the close is about the session before.
        """
        try:
            day = dt.date.fromisoformat(run.session)
        except ValueError:
            day = self.calendar.local_date(run.start_s)
        if self.plan.every != "session" or not run.start_s:
            return day
        try:
            session = self.calendar.session(day)
            if session is None or run.start_s >= session.close_utc_s:
                return day
            after_close = jobs.due_s(self.plan, self.calendar, day) > session.close_utc_s
            return self.calendar.previous_session(day).date if after_close else day
        except CalendarRangeError:
            return day


def judge(seen: Seen) -> Verdict:
    """The one verdict. Raises CalendarRangeError when the calendar does not reach now."""
    if seen.holder is not None:
        return _running(seen, seen.holder)
    if seen.left is not None:
        text = "killed: its last run started and never ended (it, its supervisor, or the machine was killed)"
        see = f"; see {seen.left.log}" if seen.left.log else ""
        day = _date_of(seen.left.day) or seen.calendar.local_date(seen.left.started_s)
        return Verdict("FAIL", "killed", day, text + see, seen.left.log)
    if seen.plan.every == "never":
        return _by_interval(seen) if seen.plan.interval else _unscheduled(seen)
    return _by_due(seen)


def is_scheduled(plan: JobPlan, *, has_instances: bool) -> bool:
    """Whether the jobs file starts it: at a due time, or, for what keeps instances, as soon as there is one."""
    return plan.every != "never" or (bool(plan.interval) and has_instances)


def _running(seen: Seen, holder: Holder) -> Verdict:
    """It runs now; what it has to make good stays in the sentence until it has."""
    calendar = seen.calendar
    before = judge(_without_holder(seen))
    at = words.clock(holder.since_s, calendar)
    day = calendar.local_date(min(holder.since_s, seen.now_s))
    text = f"running since {at} (pid {holder.pid})"
    state = before.state
    if holder.stuck:
        state, text = "FAIL", f"its run of {at} (pid {holder.pid}) is {holder.why_kept}"
    elif state == "OK" and seen.now_s - holder.since_s > LONG_HELD_S:
        state, text = "WARN", text + f", {words.age(seen.now_s - holder.since_s)}"
    return Verdict(state, "running", day, text + (f"; before: {before.sentence}" if seen.runs else ""), before.log)


def _without_holder(seen: Seen) -> Seen:
    return Seen(plan=seen.plan, calendar=seen.calendar, runs=seen.runs, now_s=seen.now_s, anchor_s=seen.anchor_s)


def _unscheduled(seen: Seen) -> Verdict:
    today = seen.calendar.local_date(seen.now_s)
    if not seen.runs:
        return Verdict("OK", "not scheduled", today, "never started: nothing starts it by itself; run it by hand")
    last = seen.runs[-1]
    text = f"{words.of_run(last, seen.calendar)}; nothing in the jobs file starts it"
    return Verdict("OK", "not scheduled", seen.day_of(last), text, last.log)


def _by_interval(seen: Seen) -> Verdict:
    """A job that starts all day long: how long ago it last was well, against its budget of intervals."""
    every_s = schedule.interval_s(seen.plan.interval)
    budget_s = every_s * max(seen.plan.skip_budget, 1)
    worked = [run for run in seen.runs if run.did_work]
    last = worked[-1] if worked else None
    well = next((run for run in reversed(worked) if _is_well(run)), None)
    day = seen.day_of(last) if last else seen.calendar.local_date(seen.now_s)
    rhythm = f"the schedule starts it every {words.span(every_s)}"
    skipping = _skipping(seen, day)
    if skipping is not None:
        return skipping
    since_s = well.end_s if well else seen.anchor_s
    age_s = max(seen.now_s - since_s, 0.0) if since_s is not None else None
    if last is not None and not _is_well(last):
        state: State = "WARN" if well and age_s is not None and age_s <= budget_s else "FAIL"
        rest = f"; last well {words.age(age_s)} ago" if well and age_s is not None else "; never well yet"
        return Verdict(state, "failed", day, words.of_run(last, seen.calendar) + rest, last.log)
    if age_s is None or age_s > budget_s:
        state = "WARN" if age_s is None or age_s <= 2 * budget_s else "FAIL"
        text = f"last ran {words.age(age_s)} ago" if last and age_s is not None else "never started: no record of it"
        turned_away = words.tally([run for run in seen.runs if not run.did_work and run.end_s > (since_s or 0)])
        return Verdict(
            state, "never started", day, f"{text}; {rhythm}: {words.CRONTAB}{turned_away}", last.log if last else ""
        )
    assert last is not None or well is None  # an age within the budget comes from a run, or from a young house
    if last is None:
        return Verdict("OK", "not due", day, f"not started yet; {rhythm}")
    return Verdict("OK", "ran", day, f"{words.of_run(last, seen.calendar)}; {rhythm}", last.log)


def _by_due(seen: Seen) -> Verdict:
    due = jobs.last_due(seen.plan, seen.calendar, seen.now_s)
    assert due is not None  # such a plan is always due
    worked = [run for run in seen.runs if run.did_work]
    ours = [run for run in worked if run.code != ExitCode.USAGE]
    misused = [run for run in worked if run.code == ExitCode.USAGE and seen.day_of(run) >= due]
    after = words.next_due(seen.plan, seen.calendar, seen.now_s)
    day = seen.day_of(ours[-1]) if ours else due
    if ours and ours[-1].outcome in ("fail", "retry"):
        return Verdict("FAIL", "failed", day, _of_day(ours, day, seen), ours[-1].log)
    skipping = _skipping(seen, day)
    if skipping is not None:
        return skipping
    if _met_until(seen) >= due:
        telling = [*ours] or [run for run in seen.runs if not run.did_work]
        return Verdict(
            "OK",
            _word(telling[-1]),
            seen.day_of(telling[-1]),
            _of_day(telling, seen.day_of(telling[-1]), seen) + after,
            telling[-1].log,
        )
    if misused:
        text = (
            f"{words.of_run(misused[-1], seen.calendar)}: the line that starts it is wrong, nothing else came for {due}"
        )
        return Verdict("FAIL", "failed", due, text, misused[-1].log)
    if not seen.runs and _is_before_the_house(seen, due):
        return Verdict("OK", "not due", seen.calendar.local_date(seen.now_s), f"not started yet{after}")
    return _missed(seen, due, ours)


def _of_day(runs: Sequence[JobRun], day: dt.date, seen: Seen) -> str:
    """The last of `runs`, and how many there were that day, of whatever outcome."""
    same_day = [run for run in seen.runs if seen.day_of(run) == day]
    return words.of_run(runs[-1], seen.calendar) + words.tally(same_day)


def _is_before_the_house(seen: Seen, due: dt.date) -> bool:
    """Whether it was last due before there was anything here to start; by a clock set back that is not known."""
    made_s = seen.anchor_s
    return made_s is not None and jobs.due_s(seen.plan, seen.calendar, due) < made_s <= seen.now_s


def _missed(seen: Seen, due: dt.date, ours: Sequence[JobRun]) -> Verdict:
    """It was due and did not come: once is a WARN, twice a FAIL."""
    missed = _times_missed(seen, due)
    state: State = "FAIL" if missed >= MANY else "WARN"
    when = f"due {words.due(seen.plan, seen.calendar, due)} on {due}" if seen.plan.due else f"due on {due}"
    times = f", missed {missed} times" if missed >= MANY else ""
    sent_home = [run for run in seen.runs if not run.did_work and seen.day_of(run) >= due]
    if sent_home and all(run.outcome == "skip:busy" for run in sent_home):
        text = f"busy: {words.of_run(sent_home[-1], seen.calendar)}; {when}{times}, and no run of it ended well"
        return Verdict(state, "busy", due, text + words.tally(sent_home))
    if ours:
        text = f"never started: no record of it ({when}{times}; last seen for {seen.day_of(ours[-1])}): {words.CRONTAB}"
    elif seen.runs:
        sent = f"the guard skipped it {len(seen.runs)} times, last {seen.runs[-1].outcome}"
        text = f"never ran: {sent} ({when}{times}): {words.ZONE}"
    else:
        text = f"never started: no record of it ({when}{times}): {words.CRONTAB}"
    return Verdict(state, "never started", due, text, ours[-1].log if ours else "")


def _times_missed(seen: Seen, due: dt.date) -> int:
    """How often in a row it was due, not before its house was made, and did not end well."""
    missed, day, met = 0, due, _met_until(seen)
    worked = any(run.did_work for run in seen.runs)
    try:
        while missed < MOST_MISSED and day > met:
            if not worked and (seen.anchor_s is None or jobs.due_s(seen.plan, seen.calendar, day) < seen.anchor_s):
                break
            missed, day = missed + 1, jobs.due_before(seen.plan, seen.calendar, day)
    except CalendarRangeError:
        pass
    return missed


def _met_until(seen: Seen) -> dt.date:
    """The newest date for which a run ended well, was skipped, had a holiday, or was kept out by one that did."""
    newest = dt.date.min
    for run in seen.runs:
        if _is_well(run):
            newest = max(newest, seen.day_of(run))
        elif run.outcome == "skip:not-a-session":
            day = seen.day_of(run)
            newest = max(newest, day) if seen.calendar.session(day) is None else newest
        elif run.outcome == "skip:busy" and any(
            other.outcome == "ok" and other.start_s <= run.end_s <= other.end_s + LATE_S for other in seen.runs
        ):
            newest = max(newest, seen.day_of(run))
    return newest


def _is_well(run: JobRun) -> bool:
    return run.outcome == "ok" or run.outcome == jobs.FORBIDDEN or run.is_outside_skip


def _skipping(seen: Seen, day: dt.date) -> Verdict | None:
    """More skips in a row than the budget has: a WARN, past twice of it a FAIL; None within it."""
    skips, budget = jobs.skips_in_a_row(seen.runs), seen.plan.skip_budget
    if skips <= budget:
        return None
    last = next(run for run in reversed(seen.runs) if run.is_outside_skip)
    text = f"{skips} skips in a row, budget {budget}: {words.of_run(last, seen.calendar)}"
    return Verdict("FAIL" if skips > 2 * budget else "WARN", "skipped", day, text, last.log)


def _word(run: JobRun) -> str:
    return {"ok": "ran", "skip:busy": "busy"}.get(run.outcome, "skipped")


def _date_of(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None
