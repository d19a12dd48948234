"""Fetch bars into the store: a range, or what has come since the last run. Killed half-way, --resume finishes it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyjobs.market.times import parse_utc_ms, utc_text
from utils import clock, paths
from utils.cli import Parser
from utils.run import run

if TYPE_CHECKING:
    from argparse import Namespace

    from pyjobs.market.bars import SeriesKey
    from pyjobs.market.ingest.backfill import Report
    from pyjobs.market.ingest.instances import Instance
    from pyjobs.market.ingest.series_source import Source
    from pyjobs.market.store.bar_store import BarStore
    from utils.progress import ProgressReport


def main(argv: Sequence[str] | None = None) -> int:
    """Ingest every series the command line names; the exit code tells of the worst."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.resume == (args.start is not None):
        parser.error("say either --resume, or --start TIME [--end TIME]")
    if args.resume and args.end is not None:
        parser.error("--end goes with --start, not with --resume")

    from pyjobs.market import mirror
    from pyjobs.market.ingest import for_each_series as jobs
    from pyjobs.market.ingest import new_bars
    from pyjobs.market.ingest.sources import Sources
    from pyjobs.market.store.bar_store import BarStore
    from utils.progress import ProgressReport

    now_ms = clock.now_ms()
    if args.start is not None:
        jobs.check_range(args.start, now_ms if args.end is None else args.end, now_ms)
    store = BarStore(paths.data_dir() / "raw")
    progress = ProgressReport(sys.stderr)
    brief = args.all and not sys.stderr.isatty()
    went_on: list[bool] = []

    def work(key: SeriesKey, source: Source, instance: Instance) -> str:
        new = new_bars.counter(store, key, args.start)
        done = _ingested(args, store, key, source, instance, now_ms=now_ms, progress=progress)
        told = summary(key, done, new()) + mirror.follow(store, key)
        if not brief or is_news(done):
            return told
        went_on.append(done.got.partitions > 0)
        return ""

    todo = jobs.chosen(args, parser)
    asking = Sources(progress.say if args.start is not None or sys.stderr.isatty() else None)
    try:
        return jobs.for_each(todo, job="ingest", work=work, say=_said, sources=asking, progress=progress)
    finally:
        if any(went_on):
            print(f"{sum(went_on)} of {len(todo)} series have new bars")


def _ingested(
    args: Namespace,
    store: BarStore,
    key: SeriesKey,
    source: Source,
    instance: Instance,
    *,
    now_ms: int,
    progress: ProgressReport,
) -> Report:
    from pyjobs.market.ingest import backfill
    from pyjobs.market.ingest.for_each_series import DAY_MS

    if args.start is None:
        lookback_ms = int(instance.lookback_days * DAY_MS)
        return backfill.ingest_resume(store, key, source, lookback_ms=lookback_ms, now_ms=now_ms, progress=progress)
    start_ms, end_ms = args.start + 1, now_ms if args.end is None else args.end
    if told := backfill.given_up(store, key, start_ms, end_ms):
        print(told)
    return backfill.ingest_range(store, key, source, start_ms=start_ms, end_ms=end_ms, now_ms=now_ms, progress=progress)


def _said(line: str) -> None:
    if line:
        print(line)


def is_news(done: Report) -> bool:
    """Whether a series of many is worth a line of its own in the log: not when it has only gone on."""
    return bool(done.first or done.got.rebased or done.set_aside)


def summary(key: SeriesKey, done: Report, new: int) -> str:
    """One line about one series, of which there are `new` bars now that there were not."""
    got = done.got
    line = f"{key}: {new} new bars up to {utc_text(done.last_ms)}, {got.partitions} partitions changed"
    if not got.bars and not got.empty:
        line += "; the provider has none in this range"
    if got.empty:
        line += f", {got.empty} confirmed empty"
    if got.rebased:
        line += "; re-based: a split or dividend changed the stored history"
    if done.too_old:
        line += f"; what is older cannot be had ({done.too_old})"
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
    return parser


if __name__ == "__main__":
    sys.exit(run(main))
