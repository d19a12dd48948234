"""Why did a job keep quiet? One line: ran, skipped because, busy, failed, running, killed, or never started.

Without DATE it is about the last time the job was due, in the words of health; without JOB there is a line for each.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterator, Sequence

from pyjobs.runs.job_history import JobPlan, JobPlans, JobRun, runs_of
from pyjobs.runs.verdict import day, logs, look, records, watched
from pyjobs.runs.verdict.job import Verdict, judge
from pyjobs.runs.verdict.look import House
from pyjobs.runs.verdict.watched import Unit
from utils import clock, paths, trading_day
from utils.cli import Parser, date_of
from utils.errors import UsageError
from utils.run import run

TROUBLE = ("failed", "killed")


def main(argv: Sequence[str] | None = None) -> int:
    """Print the answer for JOB (or for each), and of what failed the last lines of its log."""
    parser = Parser(verb="why", doc=__doc__)
    parser.add_argument(
        "job",
        metavar="JOB",
        nargs="?",
        help="a job, job@instance, or the name of its log: scanner, report; default: each",
    )
    parser.add_argument(
        "date", metavar="DATE", nargs="?", help="YYYY-MM-DD at the job's market; default: the last time it was due"
    )
    args = parser.parse_args(argv)

    plans, now_s = look.load_plans(), clock.now_s()
    runs = records.read(paths.logs_dir(), now_s).runs
    if args.date:
        print(f"{args.job} {args.date}: {_of_day(plans, runs, args.job, date_of(args.date, 'DATE'), now_s)}")
        return 0
    found = list(_units(plans, runs, args.job or "", now_s))
    if args.job and not found:
        known = sorted({*plans.jobs, *(run.job for run in runs)})
        raise UsageError(f"unknown job {args.job!r}; known: {', '.join(known)}")
    for unit in found:
        verdict = _judged(unit, now_s)
        name = args.job if args.job and len(found) == 1 else unit.name
        print(f"{name} {verdict.day}: {verdict.sentence}")
        if verdict.word in TROUBLE and verdict.log:
            for line in logs.last_lines(paths.root() / verdict.log):
                print(f"    {line}")
    return 0


def _units(plans: JobPlans, runs: Sequence[JobRun], asked: str, now_s: float) -> Iterator[Unit]:
    """What is judged of the job that is asked about (of each, when none is), scheduled or not."""
    name, _, instance = asked.partition("@")
    job = plans.name_of(name)
    made_s = watched.house_made_s(paths.root(), runs)
    judged, others = watched.units(plans, runs, look.load_kept(), now_s, made_s, look.load_since())
    if instance or (asked and job not in plans.jobs):
        exact = [unit for unit in judged if unit.name == f"{job}@{instance}"]
        mine = runs_of(runs, job, instance)
        plan = plans.plan_of(job, instance) or JobPlan(market=trading_day.DEFAULT_MARKET, every="never", skip_budget=1)
        yield from exact or ([Unit(job, instance, plan, mine, made_s)] if mine or job in plans.jobs else [])
        return
    for each in plans.jobs:
        if not asked or each == job:
            named = [unit for unit in judged if unit.job == each]
            yield from named
            rest = _unscheduled(plans, each, runs, made_s) if each in others else None
            if rest is not None and (rest.runs or not named or asked):  # with desks that have names, no other is missed
                yield rest


def _unscheduled(plans: JobPlans, line: str, runs: Sequence[JobRun], made_s: float | None) -> Unit:
    """A job that nothing starts here; an interval without an instance is none."""
    job, _, instance = line.partition("@")
    plan = plans.jobs[line]
    plan = JobPlan(market=plan.market, every="never", skip_budget=plan.skip_budget, log=plan.log)
    mine = [run for run in runs_of(runs, job, instance) if instance or f"{job}@{run.instance}" not in plans.jobs]
    return Unit(job, instance, plan, mine, made_s)


def _judged(unit: Unit, now_s: float) -> Verdict:
    return judge(watched.seen(unit, House(now_s).place(), trading_day.load(unit.plan.market), now_s))


def _of_day(plans: JobPlans, runs: Sequence[JobRun], asked: str, on: dt.date, now_s: float) -> str:
    name, _, instance = asked.partition("@")
    job = plans.name_of(name)
    mine, plan = runs_of(runs, job, instance), plans.plan_of(job, instance)
    if not mine and plan is None:
        known = sorted({*plans.jobs, *(run.job for run in runs)})
        raise UsageError(f"unknown job {asked!r}; known: {', '.join(known)}")
    calendar = trading_day.load(plan.market if plan else trading_day.DEFAULT_MARKET)
    prefix = ((plan.log if plan else "") or job) + (f"@{instance}" if instance else "")
    place, target = House(now_s).place(), f"{job}@{instance}" if instance else job
    return day.result_of(
        day=on,
        runs=[run for run in mine if watched.date_of(run, calendar) == on],
        holder=next((each for each in place.held if target in (each.name, each.name.partition("@")[0])), None),
        left=watched.left_run(target, mine, place.left, calendar),
        plan=plan,
        calendar=calendar,
        log=paths.logs_dir() / f"{prefix}_{on}.log",
        now_s=now_s,
    )


if __name__ == "__main__":
    sys.exit(run(main))
