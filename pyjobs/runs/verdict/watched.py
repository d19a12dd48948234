"""Who is judged: each job that the jobs file schedules, and each instance of it by itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pyjobs.runs.job_history import JobPlan, JobPlans, JobRun
from pyjobs.runs.verdict import logs
from pyjobs.runs.verdict.holders import Holder
from pyjobs.runs.verdict.job import Seen, is_scheduled
from utils.trading_day import Calendar

FORGOTTEN_S = 7 * 86_400  # an instance that no file names any more is judged so long after its last run
SAME_RUN_S = 5
FIRST_HOUSE_S = 1_577_836_800  # 2020-01-01: an older stamp is of a clock that lost its battery


class Kept(NamedTuple):
    """An instance that is kept up to date, since when (UTC seconds), and whether its gaps are filled."""

    name: str
    since_s: float
    gap_repair: bool


class Unit(NamedTuple):
    """One thing that is judged: a job, or one instance of it. `runs`: all that concern it, in the order they ended."""

    job: str
    instance: str
    plan: JobPlan
    runs: Sequence[JobRun]
    since_s: float | None

    @property
    def name(self) -> str:
        """`nightly`, or `ingest@BTCUSD-1m`."""
        return f"{self.job}@{self.instance}" if self.instance else self.job


class Place(NamedTuple):
    """Where the traces of the runs are: logs, and who holds which lock, or was killed while it held one."""

    logs: Path
    held: Sequence[Holder] = ()
    left: Sequence[Holder] = ()


def units(
    plans: JobPlans,
    runs: Sequence[JobRun],
    kept: Sequence[Kept],
    now_s: float,
    since_s: float | None,
    desks: Mapping[str, float] | None = None,
) -> tuple[list[Unit], list[str]]:
    """What is judged, in the order of the jobs file, and the jobs that nothing schedules.

    A line of the file may be about one instance: `nightly@us`. `desks`: since when there is each, by name (UTC s).
    """
    judged: list[Unit] = []
    others: list[str] = []
    for line, plan in plans.jobs.items():
        job, _, instance = line.partition("@")
        if instance:
            own = [run for run in runs if run.job == job and run.instance == instance]
            if is_scheduled(plan, has_instances=True):
                judged.append(Unit(job, instance, plan, own, (desks or {}).get(instance, since_s)))
            else:
                others.append(line)
            continue
        mine = [run for run in runs if run.job == job and f"{job}@{run.instance}" not in plans.jobs]
        found = list(_of_job(job, plan, mine, [k for k in kept if k.gap_repair or job != "gap_repair"], now_s, since_s))
        judged += found
        if not found:
            others.append(job)
    return judged, others


def _of_job(
    job: str, plan: JobPlan, runs: Sequence[JobRun], kept: Sequence[Kept], now_s: float, since_s: float | None
) -> Iterable[Unit]:
    own = {run.instance for run in runs if run.instance and run.end_s > now_s - FORGOTTEN_S}
    by_interval = plan.every == "never"
    since = {each.name: each.since_s for each in kept} if by_interval else {}
    if not is_scheduled(plan, has_instances=bool(since or own)):
        return
    own |= {run.instance for run in runs if run.instance in since}
    general = [run for run in runs if not run.instance]
    together = [name for name in since if name not in own] if by_interval else ["all"] if general or not own else []
    if together:
        started_s = max((since[name] for name in together), default=None) if by_interval else since_s
        yield Unit(job, "", plan, general, started_s)
    for name in sorted(own):
        all_of_them = name in since  # one run for all instances is a run of each that is configured
        mine = [run for run in runs if run.instance == name or (all_of_them and not run.instance)]
        yield Unit(job, name, plan, mine, since.get(name, since_s))


def seen(unit: Unit, place: Place, calendar: Calendar, now_s: float) -> Seen:
    """Everything there is about it: history, dated log, lock."""
    prefix = (unit.plan.log or unit.job) + (f"@{unit.instance}" if unit.instance else "")
    holder = next((each for each in place.held if each.name == unit.name), None)
    last = None
    found = logs.newest(place.logs, prefix, calendar.local_date(now_s))
    if found and holder is None:
        last = logs.unrecorded(*found, unit.runs, calendar, (unit.job, unit.instance))
    runs = list(unit.runs)
    if last is not None and last.run is not None:  # the history had no room for it
        runs, last = sorted([*runs, last.run], key=lambda run: run.end_s), None
    if last is None and holder is None:
        last = left_run(unit.name, unit.runs, place.left, calendar)
    return Seen(
        plan=unit.plan, calendar=calendar, runs=runs, now_s=now_s, holder=holder, left=last, anchor_s=unit.since_s
    )


def left_run(name: str, runs: Sequence[JobRun], left: Sequence[Holder], calendar: Calendar) -> logs.Last | None:
    """A line of a holder that is still there, and no run in the history that began with it or later."""
    for each in left:
        if each.name == name and all(run.start_s < each.since_s - SAME_RUN_S for run in runs):
            day = calendar.local_date(each.since_s).isoformat()
            return logs.Last(day, each.since_s, "", None)
    return None


def house_made_s(root: Path, runs: Sequence[JobRun]) -> float | None:
    """Since when there has been a house here: its first run, or the oldest of the files it keeps; None without any."""
    times = [float(run.start_s) for run in runs]
    for folder in (root, root / "config", root / "secret", root / "data", root / "data" / "raw", root / "logs"):
        try:
            times += [entry.stat().st_mtime for entry in folder.iterdir() if not entry.is_symlink()]
        except OSError:
            continue
    return min((at_s for at_s in times if at_s >= FIRST_HOUSE_S), default=None)


def calendars(plans: Mapping[str, JobPlan]) -> set[str]:
    """The markets with the calendars of the jobs."""
    return {plan.market for plan in plans.values()}


def date_of(run: JobRun, calendar: Calendar) -> dt.date:
    """The market's date a run was about by its own record, or that it began on."""
    try:
        return dt.date.fromisoformat(run.session)
    except ValueError:
        return calendar.local_date(run.start_s)
