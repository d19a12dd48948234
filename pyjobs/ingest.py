"""Fetch bars into the store: a range, or what has come since the last run. Killed half-way, --resume finishes it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyjobs.market.times import parse_utc_ms, utc_text
from utils import clock
from utils.cli import Parser
from utils.errors import ExternalDataUnavailable, MisfitError
from utils.run import run

if TYPE_CHECKING:
    from argparse import Namespace

    from pyjobs.market.bars import SeriesKey
    from pyjobs.market.ingest.backfill import Report
    from pyjobs.market.ingest.instances import Instance
    from pyjobs.market.ingest.series_source import SeriesSource
    from pyjobs.market.store.bar_store import BarStore
    from pyjobs.market.universe.absent import Absent
    from utils.progress import ProgressReport


def main(argv: Sequence[str] | None = None) -> int:
    """Ingest every series the command line names; the exit code is the worst one's."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.resume == (args.start is not None):
        parser.error("give either --resume, or --start TIME [--end TIME]")
    if args.resume and args.end is not None:
        parser.error("--end goes with --start, not with --resume")
    if args.step and (args.all or not args.resume):
        parser.error("--step is about one series that resumes: --symbol … --timeframe … --resume")

    from pyjobs.market.ingest import for_each_series as jobs
    from pyjobs.market.ingest.sources import Sources
    from pyjobs.market.store.open_store import open_store
    from pyjobs.market.universe.absent import Absent
    from utils.progress import ProgressReport

    now_ms = clock.now_ms()
    if args.start is not None:
        jobs.check_range(args.start, now_ms if args.end is None else args.end, now_ms)
    store, progress = open_store(), ProgressReport(sys.stderr)
    absent = Absent(store=store, now_ms=now_ms, many=args.all)
    job = _Job(args=args, store=store, now_ms=now_ms, progress=progress, absent=absent)
    todo = jobs.chosen(args, parser)
    asking = Sources(progress.say if args.start is not None or sys.stderr.isatty() else None)
    try:
        code = jobs.for_each(todo, job="ingest", work=job.work, say=_said, sources=asking, progress=progress)
        if not code and (failure := absent.failure()):
            raise failure
        return code
    finally:
        if any(job.went_on):
            print(f"{sum(job.went_on)} of {len(todo)} series have new bars")


@dataclass(slots=True, kw_only=True)
class _Job:
    """One ingest of several series. `went_on`: of each that has only gone on, whether that changed anything."""

    args: Namespace
    store: BarStore
    now_ms: int
    progress: ProgressReport
    absent: Absent
    went_on: list[bool] = field(default_factory=list)

    def work(self, key: SeriesKey, source: SeriesSource, instance: Instance) -> str:
        """Ingest one; return the line about it."""
        from pyjobs.market import mirror
        from pyjobs.market.ingest.backfill import new_bars
        from pyjobs.market.ingest.fetching import take_step

        if self.args.step:
            print(take_step(self.store, key, self.args.step), flush=True)
        resumes, brief = self.args.resume, self.args.all and not sys.stderr.isatty()
        if resumes and (why := self.absent.resting(key, source)):
            return "" if brief else why
        new = new_bars(self.store, key, self.args.start)
        try:
            done = self._ingested(key, source, instance)
        except (ExternalDataUnavailable, MisfitError) as error:
            if resumes and (why := self.absent.set_aside(key, source, error)):
                return why
            raise
        silent = self.absent.has_answered(key, source) if resumes else ""
        text = summary(key, done, new()) + (f"; {silent}" if silent else "") + mirror.follow(self.store, key)
        if not brief or silent or is_news(done):
            return self._said(key, text, done)
        self.went_on.append(done.got.partitions > 0)
        return ""

    def _said(self, key: SeriesKey, text: str, done: Report) -> str:
        """Print the line at once where it has news that are noted until they are reported; else return it."""
        from pyjobs.market.ingest.news.lines import mark_printed

        if not done.got.news:
            return text
        print(text, flush=True)
        mark_printed(self.store, key, done.got.news)
        return ""

    def _ingested(self, key: SeriesKey, source: SeriesSource, instance: Instance) -> Report:
        from pyjobs.market.ingest import backfill
        from pyjobs.market.ingest.for_each_series import DAY_MS

        store, now_ms, progress = self.store, self.now_ms, self.progress
        if self.args.start is None:
            lookback_ms = int(instance.lookback_days * DAY_MS)
            return backfill.ingest_resume(store, key, source, lookback_ms=lookback_ms, now_ms=now_ms, progress=progress)
        start_ms, end_ms = self.args.start + 1, now_ms if self.args.end is None else self.args.end
        if found := backfill.given_up(store, key, start_ms, end_ms):
            print(found)
        return backfill.ingest_range(
            store, key, source, start_ms=start_ms, end_ms=end_ms, now_ms=now_ms, progress=progress
        )


def _said(line: str) -> None:
    if line:
        print(line)


def is_news(done: Report) -> bool:
    """Whether a series of many is worth a line of its own in the log: not when it has only gone on."""
    return bool(done.first or done.got.news or done.set_aside or done.too_old)


def summary(key: SeriesKey, done: Report, new: int) -> str:
    """One line about one series, of which there are `new` bars now that there were not."""
    got = done.got
    line = f"{key}: {new} new bars up to {utc_text(done.last_ms)}, {got.partitions} partitions changed"
    if not got.bars and not got.empty:
        line += "; the provider has none in this range"
    if got.empty:
        line += f", {got.empty} confirmed empty"
    line += "".join(f"; {entry}" for entry in got.news)
    line += done.not_had
    if done.set_aside:
        line += f"; unreadable, set aside in .quarantine and fetched again: {', '.join(done.set_aside)}"
    return line


def _parser() -> Parser:
    from pyjobs.market.ingest.for_each_series import add_series_flags

    parser = Parser(verb="ingest", doc=__doc__)
    add_series_flags(parser)
    parser.add_argument("--resume", action="store_true", help="finish what was begun, else go on from the newest bar")
    parser.add_argument("--start", metavar="TIME", type=parse_utc_ms, help="bars that close after it (UTC)")
    parser.add_argument("--end", metavar="TIME", type=parse_utc_ms, help="and not after this (default: now)")
    parser.add_argument("--step", choices=("unit", "split", "traded"), help="what waiting prices in another unit are")
    return parser


if __name__ == "__main__":
    sys.exit(run(main))
