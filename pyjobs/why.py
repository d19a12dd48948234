"""Why did a job keep quiet? One line: ran, skipped because, busy, failed, running, killed, or never started."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Sequence

from pyjobs.runs import jobs
from pyjobs.runs.verdict import verdict
from utils import clock, config, history, paths, trading_day
from utils.cli import Parser
from utils.errors import UsageError
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Print the answer for JOB on DATE."""
    parser = Parser(verb="why", doc=__doc__)
    parser.add_argument("job", metavar="JOB", help="a job, job@instance, or the name of its log: scanner, report")
    parser.add_argument("date", metavar="DATE", nargs="?", help="YYYY-MM-DD; default: today at the job's market")
    args = parser.parse_args(argv)

    book = jobs.load_job_book(config.own_or_default("jobs.yaml"))
    every_run = [jobs.to_run(record) for record in history.read(paths.logs_dir())]
    asked, _, instance = args.job.partition("@")
    job = book.name_of(asked)
    runs = jobs.runs_of(every_run, job, instance)
    if not runs and job not in book.jobs:
        known = sorted({*book.jobs, *(run.job for run in every_run)})
        raise UsageError(f"unknown job {args.job!r}; known: {', '.join(known)}")

    plan = book.jobs.get(job)
    calendar = trading_day.load(plan.market if plan else trading_day.DEFAULT_MARKET)
    day = _date(args.date) if args.date else calendar.local_date(clock.now_s())
    log = (plan.log if plan else "") or job
    said = verdict(
        day=day,
        runs=[run for run in runs if run.session == day.isoformat()],
        held=[holder for holder in jobs.holders(paths.locks_dir()) if holder.name.partition("@")[0] == job],
        plan=plan,
        calendar=calendar,
        log=paths.logs_dir() / f"{log}_{day}.log",
        now_s=clock.now_s(),
    )
    print(f"{args.job} {day}: {said}")
    return 0


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"DATE must be YYYY-MM-DD, not {text!r}") from None


if __name__ == "__main__":
    sys.exit(run(main))
