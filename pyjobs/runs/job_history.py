"""What became of each job: its runs from logs/history.jsonl, read against when it was due."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from utils import schedule
from utils.errors import NETWORK_FORBIDDEN, ConfigError
from utils.foreign_text import quoted
from utils.settings.config import load_yaml, wrong
from utils.trading_day import Calendar

SENT_HOME = {"skip:not-a-session", "skip:outside-hours", "skip:busy"}
OF_A_DESK = ("nightly", "scanner", "report_eod", "report_watchlist")  # each desk has its own
FORBIDDEN = f"skip:{NETWORK_FORBIDDEN}"  # the user's own setting; every other skip is the outside world's fault


class JobPlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One job of config/jobs.yaml: `due` is HH:MM on the market's clock, `skip_budget` a number of runs.

    `interval`: `60s`, `5m`, `6h`, when the schedule starts it so often; see utils/schedule.py.
    """

    market: str
    every: Literal["session", "day", "open", "never"]
    skip_budget: int
    due: str = ""
    interval: str = ""
    log: str = ""


class JobPlans(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """config/jobs.yaml."""

    jobs: dict[str, JobPlan]

    def name_of(self, job_or_log: str) -> str:
        """The job of this name, or of this log name; the name itself when there is none."""
        return next((name for name, plan in self.jobs.items() if job_or_log in (name, plan.log)), job_or_log)

    def plan_of(self, job: str, instance: str) -> JobPlan | None:
        """The plan of an instance: its own, `nightly@us`, when there is one, else that of its job."""
        return self.jobs.get(f"{job}@{instance}") or self.jobs.get(job)

    def on_desks(self, markets: Mapping[str, str]) -> JobPlans:
        """The plans of a house with these desks: their markets by name; the desk without a name has an empty one.

        Each named desk has a line of its own for each job of a desk: the file's entry for `nightly@us`, else its entry
        for `nightly`, on that desk's market. Where every desk has a name, no job runs without one.
        """
        found: dict[str, JobPlan] = {}
        for job, plan in self.jobs.items():
            found[job] = plan
            if job in OF_A_DESK and markets:
                home = markets.get("")
                found[job] = msgspec.structs.replace(plan, market=home) if home else _by_hand(plan)
                named = {f"{job}@{name}": market for name, market in markets.items() if name}
                found |= {
                    each: self.jobs.get(each) or msgspec.structs.replace(plan, market=market)
                    for each, market in named.items()
                }
        return JobPlans(jobs=found)


def _by_hand(plan: JobPlan) -> JobPlan:
    return msgspec.structs.replace(plan, every="never", interval="", due="")


class JobRun(NamedTuple):
    """One line of the history. Times are UTC seconds; `session` is the market's date the run was about."""

    job: str
    instance: str
    session: str
    start_s: int
    end_s: int
    attempts: int
    code: int
    outcome: str
    log: str
    kind: str

    @property
    def is_outside_skip(self) -> bool:
        """Whether the run was skipped because data from outside could not be had."""
        return self.outcome.startswith("skip:") and self.outcome not in SENT_HOME and self.outcome != FORBIDDEN

    @property
    def did_work(self) -> bool:
        """Whether the job itself was started: not when a guard or a held lock sent it home."""
        return self.outcome not in SENT_HOME


def load_job_plans(path: Path) -> JobPlans:
    """config/jobs.yaml; ConfigError for an `interval` that is none, a `due` that is no time of day, or lacks."""
    plans = load_yaml(path, JobPlans)
    for name, plan in plans.jobs.items():
        if plan.interval:
            try:
                schedule.interval_s(plan.interval)
            except ValueError as error:
                raise wrong(path, ["jobs", name, "interval"], str(error)) from None
        if plan.every in ("session", "day"):
            try:
                dt.time.fromisoformat(plan.due)
            except ValueError:
                raise ConfigError(
                    f"{path}: jobs.{name}.due: {plan.due!r} is not a time of day such as '18:45'"
                ) from None
    return plans


def to_run(record: Mapping[str, Any]) -> JobRun:
    """A history record, whatever older fields it lacks. Raises ValueError for one that cannot be a run of ours."""
    text = {key: quoted(_text(record.get(key))) for key in ("job", "instance", "session", "outcome", "log", "kind")}
    text["outcome"] = text["outcome"].replace("network-forbidden", NETWORK_FORBIDDEN)  # its name before 2026-11-29
    number = {key: _whole(record.get(key)) for key in ("start", "end", "attempts", "code")}
    if not text["job"] or not text["outcome"] or number["end"] < number["start"] or number["code"] > 255:
        raise ValueError(f"no run of ours: {record!r:.200}")
    return JobRun(
        text["job"],
        text["instance"],
        text["session"],
        number["start"],
        number["end"],
        number["attempts"],
        number["code"],
        text["outcome"],
        text["log"],
        text["kind"],
    )


def _text(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    raise ValueError(f"{value!r:.80} is no text")


def _whole(value: object) -> int:
    """A number of a record: finite, not negative, and no later than Python's own calendar goes."""
    if isinstance(value, bool) or not (value is None or isinstance(value, int | float)) or not 0 <= (value or 0) < 2e11:
        raise ValueError(f"{value!r:.80} is no number of a run")
    return int(value or 0)


def runs_of(runs: Iterable[JobRun], job: str, instance: str = "") -> list[JobRun]:
    """The runs of one job (of one instance of it, when given), in the order they ended."""
    found = [run for run in runs if run.job == job and (not instance or run.instance == instance)]
    return sorted(found, key=lambda run: run.end_s)


def skips_in_a_row(runs: Sequence[JobRun]) -> int:
    """How many of the last runs that did work were skipped for reasons outside, counted back from the newest.

    A run that was not allowed to use the network shows nothing about the outside: it neither counts nor ends the row.
    """
    count = 0
    for run in reversed([run for run in runs if run.did_work and run.outcome != FORBIDDEN]):
        if not run.is_outside_skip:
            break
        count += 1
    return count


def last_due(plan: JobPlan, calendar: Calendar, now_s: float) -> dt.date | None:
    """The newest date for which the job should have ended by now; None when it is never due."""
    if plan.every == "never":
        return None
    if plan.every == "open":
        return calendar.last_closed_session(now_s).date
    day = calendar.local_date(now_s)
    passed = now_s >= due_s(plan, calendar, day)
    if plan.every == "day":
        return day if passed else day - dt.timedelta(days=1)
    return day if passed and calendar.session(day) else calendar.previous_session(day).date


def due_s(plan: JobPlan, calendar: Calendar, day: dt.date) -> float:
    """The UTC second at which the job is due on `day`: on the market's clock of that moment, summer time included."""
    if plan.every == "open":
        session = calendar.session(day)
        return float(session.close_utc_s) if session else 0.0
    due = dt.time.fromisoformat(plan.due)
    wall_s = dt.datetime.combine(day, due, dt.UTC).timestamp()
    return wall_s - calendar.utc_offset_s(wall_s - calendar.utc_offset_s(wall_s))


def due_before(plan: JobPlan, calendar: Calendar, day: dt.date) -> dt.date:
    """The date for which the job was due the time before `day`. Raises CalendarRangeError where the calendar begins."""
    return day - dt.timedelta(days=1) if plan.every == "day" else calendar.previous_session(day).date


def next_due(plan: JobPlan, calendar: Calendar, now_s: float) -> dt.date | None:
    """The first date for which the job is due after now; None when it never is, or the calendar ends before."""
    if plan.every == "never":
        return None
    try:
        last, today = last_due(plan, calendar, now_s), calendar.local_date(now_s)
        if plan.every == "day":
            return today if last is None or last < today else today + dt.timedelta(days=1)
        return calendar.next_session(last or today).date
    except ConfigError:
        return None
