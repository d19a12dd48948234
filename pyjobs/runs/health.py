"""Is all quiet because all is well? Checks that read files and answer OK, WARN or FAIL, each with its reason."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from pyjobs.market.providers.state import State as ProviderState
from pyjobs.market.providers.state import as_line
from pyjobs.runs.jobs import FORBIDDEN, Holder, JobPlan, Run, last_due, runs_of, skips_in_a_row
from utils.trading_day import Calendar

State = Literal["OK", "WARN", "FAIL"]
RANK: dict[State, int] = {"OK": 0, "WARN": 1, "FAIL": 2}
DAY_S = 86_400
CALENDAR_WARNING_DAYS = 30
RECENT_ERRORS_DAYS = 7
LONG_HELD_S = 6 * 3600
MANY_FAILURES = 3
DISK_WARN_BYTES, DISK_FAIL_BYTES = 2_000_000_000, 200_000_000


class Check(NamedTuple):
    """One answer: what was looked at, how it is, and why."""

    name: str
    state: State
    detail: str


def worst(checks: Sequence[Check]) -> State:
    """The state of the whole: that of its worst part."""
    return max((check.state for check in checks), key=RANK.__getitem__, default="OK")


def check_disk(free_bytes: int, folder: str) -> Check:
    """Room for the next night: below 2 GB is a WARN, below 200 MB a FAIL."""
    state: State = "FAIL" if free_bytes < DISK_FAIL_BYTES else "WARN" if free_bytes < DISK_WARN_BYTES else "OK"
    return Check("disk", state, f"{free_bytes / 1e9:.1f} GB free at {folder}")


def check_private(problems: Sequence[str]) -> Check:
    """Whether only the jobs' user and a trusted group can lock what jobs lock; the next job mends what it may."""
    said = "; ".join(problems[:3]) + (f" and {len(problems) - 3} more" if len(problems) > 3 else "")
    detail = f"{said}: the next job sets it right, or the owner with chmod and chown" if problems else "as it should be"
    return Check("other users", "WARN" if problems else "OK", detail)


def check_calendar(market: str, days_left: int) -> Check:
    """Beyond its end a calendar refuses every guard: a WARN begins 30 days before."""
    detail = f"{days_left} days left" if days_left >= 0 else f"ended {-days_left} days ago"
    state: State = "FAIL" if days_left < 0 else "WARN" if days_left < CALENDAR_WARNING_DAYS else "OK"
    return Check(f"calendar {market}", state, detail + ("" if state == "OK" else ": update nightdesk"))


def check_job(name: str, plan: JobPlan, runs: Sequence[Run], calendar: Calendar, now_s: float) -> Check:
    """The newest run of a job that did work, how many skips it ends with, and whether one was due and never came."""
    own = runs_of(runs, name)
    worked = [run for run in own if run.did_work]
    skips = skips_in_a_row(own)
    if skips > plan.skip_budget:
        state: State = "FAIL" if skips > 2 * plan.skip_budget else "WARN"
        last = next(run for run in reversed(worked) if run.is_outside_skip)
        return Check(name, state, f"{skips} skips in a row ({last.outcome}), budget {plan.skip_budget}: {_see(last)}")
    if worked and worked[-1].outcome in ("fail", "retry"):
        return Check(
            name, "FAIL", f"last run failed: exit {worked[-1].code}, session {worked[-1].session}: {_see(worked[-1])}"
        )
    due = last_due(plan, calendar, now_s)
    newest = max((run.session for run in worked), default="")  # sent home by a guard every time is not at work
    if due and newest < due.isoformat():
        if not worked:
            sent_home = f"sent home {len(own)} times, last {own[-1].outcome}" if own else "never started"
            return Check(
                name, "WARN", f"never at work ({sent_home}): are its crontab line and the machine's time zone right?"
            )
        return Check(name, _missed(plan, calendar, newest, due), f"due for {due}, but last seen for {newest}")
    if not worked:
        return Check(name, "OK", "nothing due")
    why = " (ALLOW_NET_FETCH=0)" if worked[-1].outcome == FORBIDDEN else ""
    return Check(name, "OK", f"last run {worked[-1].outcome}{why}, session {worked[-1].session}")


def _missed(plan: JobPlan, calendar: Calendar, newest: str, due: dt.date) -> State:
    """One time missed is a WARN, more are a FAIL."""
    before = due - dt.timedelta(days=1) if plan.every == "day" else calendar.previous_session(due).date
    return "WARN" if newest >= before.isoformat() else "FAIL"


def _see(run: Run) -> str:
    return f"see {run.log}" if run.log else "no log"


def check_recent_errors(runs: Sequence[Run], now_s: float) -> Check:
    """Failures of the last seven days, also those that a later run has made good."""
    failed = [
        run for run in runs if run.outcome in ("fail", "retry") and run.end_s > now_s - RECENT_ERRORS_DAYS * DAY_S
    ]
    if not failed:
        return Check("recent errors", "OK", f"none in {RECENT_ERRORS_DAYS} days")
    last = failed[-1]
    return Check(
        "recent errors",
        "WARN",
        f"{len(failed)} in {RECENT_ERRORS_DAYS} days, last {last.job} exit {last.code}: {_see(last)}",
    )


def check_locks(held: Sequence[Holder], now_s: float) -> list[Check]:
    """Who runs now; more than six hours is worth a look."""
    checks = []
    for holder in held:
        age_s = int(now_s - holder.since_s)
        state: State = "WARN" if age_s > LONG_HELD_S else "OK"
        checks.append(
            Check(f"lock {holder.name}", state, f"held by pid {holder.pid} for {age_s // 60} min: {holder.command}")
        )
    return checks or [Check("locks", "OK", "none held")]


def check_data(series: str, last_session: dt.date | None, calendar: Calendar, now_s: float) -> Check:
    """How many closed sessions of its market a series lacks: one is a WARN, more are a FAIL."""
    name = f"data {series}"
    if last_session is None:
        return Check(name, "FAIL", "no bars at all: import them (python -m pyjobs.import_bars)")
    newest = calendar.last_closed_session(now_s).date
    behind = (
        len(calendar.sessions_between(max(last_session, calendar.first), newest)) - 1 if last_session < newest else 0
    )
    state: State = "OK" if behind <= 0 else "WARN" if behind == 1 else "FAIL"
    late = "" if state == "OK" else f", {behind} sessions behind {newest}"
    return Check(name, state, f"last bar {last_session}{late}")


def check_providers(states: Sequence[ProviderState], now_s: float) -> list[Check]:
    """What the machine knows of each data provider: one that is left alone, or fails again and again, is a WARN."""
    checks = []
    for known in states:
        troubled = known.closed_for_s(now_s) > 0 or known.failures >= MANY_FAILURES
        checks.append(Check(f"provider {known.provider}", "WARN" if troubled else "OK", as_line(known, now_s)))
    return checks or [Check("providers", "OK", "none has been asked yet")]


def as_lines(checks: Sequence[Check]) -> list[str]:
    """A table for a person: state, what, why; what is wrong comes last, where the eye is and cron's mail ends."""
    width = max((len(check.name) for check in checks), default=0)
    ordered = sorted(checks, key=lambda check: RANK[check.state])
    return [f"[{check.state:4}] {check.name:{width}}  {check.detail}" for check in ordered]


def as_json(checks: Sequence[Check]) -> Mapping[str, object]:
    """The same for a monitor."""
    return {"state": worst(checks), "checks": [check._asdict() for check in checks]}
