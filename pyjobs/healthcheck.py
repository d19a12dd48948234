"""Is all quiet because all is well, or because it is broken? One line per thing looked at: OK, WARN or FAIL."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence

from pyjobs.market.bars import SeriesKey
from pyjobs.market.desk.desk_file import Desk, Instrument, desk_path, load_desk
from pyjobs.market.providers.state import StateBook
from pyjobs.market.store.bar_store import BarStore
from pyjobs.runs import health, jobs
from utils import clock, history, paths, private, trading_day
from utils.cli import Parser
from utils.exit_codes import ExitCode
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Look at everything; exit 1 on FAIL (with --strict also on WARN), else 0."""
    parser = Parser(verb="healthcheck", doc=__doc__)
    parser.add_argument(
        "--desk", metavar="FILE", help="whose data to look at; default: config/desk.yaml, else the sample"
    )
    parser.add_argument("--json", choices=("0", "1"), default="0", help="1: print JSON, for a monitor")
    parser.add_argument("--strict", action="store_true", help="exit 1 on WARN too")
    args = parser.parse_args(argv)

    desk = load_desk(desk_path(args.desk, paths.config_dir()))
    checks = list(look(desk, clock.now_s()))
    state = health.worst(checks)
    if args.json == "1":
        print(json.dumps(health.as_json(checks), ensure_ascii=False, indent=1))
    else:
        print("\n".join([*health.as_lines(checks), f"health: {state}"]))
    return ExitCode.BUG if state == "FAIL" or (args.strict and state == "WARN") else ExitCode.OK


def look(desk: Desk, now_s: float) -> Iterator[health.Check]:
    """Every check, in the order a person would ask."""
    runs = [jobs.to_run(record) for record in history.read(paths.logs_dir())]
    book = jobs.load_job_book(paths.config_dir() / "jobs.yaml")
    yield git_head()
    yield health.check_disk(shutil.disk_usage(paths.root()).free, str(paths.root()))
    yield health.check_private(private.problems(str(paths.root())))
    markets = sorted(
        {desk.market, *(i.market for i in desk.instruments), *(plan.market for plan in book.jobs.values())}
    )
    for market in markets:
        yield health.check_calendar(market, trading_day.days_left(market, now_s))
    known = {market for market in markets if trading_day.days_left(market, now_s) >= 0}  # others answer no question
    for name, plan in book.jobs.items():
        if plan.market in known:
            yield health.check_job(name, plan, runs, trading_day.load(plan.market), now_s)
    yield health.check_recent_errors(runs, now_s)
    yield from health.check_locks(jobs.holders(paths.locks_dir()), now_s)
    yield from health.check_providers(StateBook().all(), now_s)
    yield from data_checks([i for i in desk.instruments if i.market in known], desk.session, now_s)


def data_checks(instruments: Sequence[Instrument], rule: str, now_s: float) -> Iterator[health.Check]:
    """The age of each series; those of a desk that goes by its newest bar (`last_bar`) only need to have one."""
    store = BarStore(paths.data_dir() / "raw")
    for instrument in instruments:
        calendar = trading_day.load(instrument.market)
        newest = last_session(store, instrument.key, calendar)
        if rule == "last_bar" and newest is not None:
            yield health.Check(f"data {instrument.key}", "OK", f"last bar {newest}; the desk is about its newest bar")
        else:
            yield health.check_data(str(instrument.key), newest, calendar, now_s)


def last_session(store: BarStore, key: SeriesKey, calendar: trading_day.Calendar) -> dt.date | None:
    """The market's date of the newest bar of a series; None when it has none."""
    newest = store.newest(key)
    return calendar.local_date((newest[0] - 1) / 1000) if newest else None


def git_head() -> health.Check:
    """Which code runs here, and whether somebody has edited it in place."""
    git = ["git", "-C", str(paths.ROOT)]
    head = subprocess.run([*git, "log", "-1", "--format=%D %h %cs"], capture_output=True, text=True, check=False)
    if head.returncode:
        return health.Check("code", "WARN", "not a git clone: update_from_git.sh cannot work here")
    dirty = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True, text=True, check=False).stdout
    edited = f"; edited here: {len(dirty.splitlines())} files" if dirty else ""
    return health.Check("code", "WARN" if dirty else "OK", head.stdout.strip() + edited)


if __name__ == "__main__":
    sys.exit(run(main))
