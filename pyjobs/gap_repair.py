"""Find bars that are missing by the market's own calendar and ask for them once; what there is not is remembered."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from utils import clock
from utils.cli import Parser
from utils.errors import MissingInputError
from utils.run import run

if TYPE_CHECKING:
    from pyjobs.market.ingest.repair import Repaired
    from utils.errors import ExternalDataUnavailable


def main(argv: Sequence[str] | None = None) -> int:
    """Repair every series the command line names; the exit code is the worst one's."""
    from pyjobs.market.ingest import for_each_series as jobs

    args = (parser := _parser()).parse_args(argv)
    if args.lookback_days is not None and not 0 < args.lookback_days < 40_000:
        parser.error(f"--lookback-days {args.lookback_days:g} is not a number of days above 0")

    from pyjobs.market import mirror
    from pyjobs.market.bars import SeriesKey
    from pyjobs.market.ingest import lost
    from pyjobs.market.ingest.instances import Instance
    from pyjobs.market.ingest.news.lines import mark_printed
    from pyjobs.market.ingest.repair import repair
    from pyjobs.market.ingest.series_source import SeriesSource
    from pyjobs.market.store.open_store import open_store
    from utils.progress import ProgressReport

    now_ms = clock.now_ms()
    store = open_store()
    progress = ProgressReport(sys.stderr)
    refused: list[ExternalDataUnavailable | None] = []

    def work(key: SeriesKey, source: SeriesSource, instance: Instance) -> str:
        if not store.partitions(key):
            if args.all:
                return f"{key}: nothing is stored yet: its first ingest is still to come"
            raise MissingInputError(f"{key}: nothing is stored of it, so nothing can be missing: ingest it first")
        if args.accept_lost:
            count = lost.accept(store, key, source.market, now_ms)
            return f"{key}: {count} lost bars: they are not waited for any more"
        days = args.lookback_days or instance.lookback_days
        lookback_ms = int(days * jobs.DAY_MS)
        done = repair(store, key, source, lookback_ms=lookback_ms, now_ms=now_ms, progress=progress)
        refused.append(done.refused)
        _said(summary(done) + mirror.follow(store, key))
        if done.got.news:
            mark_printed(store, key, done.got.news)  # it was noted until then
        return ""

    todo = [one for one in jobs.chosen(args, parser) if one.gap_repair or not args.all]
    return jobs.for_each(todo, job="gap_repair", work=work, say=_said, progress=progress) or _unless_all(refused)


def _said(line: str) -> None:
    if line:
        print(line, flush=True)


def _parser() -> Parser:
    from pyjobs.market.ingest import for_each_series as jobs

    parser = Parser(verb="gap_repair", doc=__doc__)
    jobs.add_series_flags(parser)
    parser.add_argument(
        "--lookback-days", metavar="N", type=float, help="how far back (default: the instance's CT_LOOKBACK_DAYS)"
    )
    parser.add_argument(
        "--accept-lost", action="store_true", help="ask for nothing: bars that can no longer be had are taken for lost"
    )
    return parser


def _unless_all(refused: Sequence[ExternalDataUnavailable | None]) -> int:
    """0, unless something was refused of every series: then it may be the provider, and that is raised."""
    if all(refused) and (first := next(iter(refused), None)) is not None:
        raise first
    return 0


def summary(done: Repaired) -> str:
    """One line about one series."""
    if not done.missing and not done.again and not done.set_aside:
        return f"{done.key}: nothing missing, no provider asked"
    again = f" and {done.again} confirmed empty a while ago" if done.again else ""
    line = (
        f"{done.key}: {done.missing} missing{again}: {done.filled} filled, {done.confirmed_empty} confirmed empty, "
        f"{done.left} left, by {done.got.requests} requests"
    )
    if done.refused is not None:
        line += f"; not to be had: {done.refused.detail}"
    line += "".join(f"; {entry}" for entry in done.got.news)
    if done.set_aside:
        line += f"; unreadable, set aside in .quarantine: {', '.join(done.set_aside)}"
    return line


if __name__ == "__main__":
    sys.exit(run(main))
