"""Set up symbols: fetch their first bars, write their instance files, print (or enable) the jobs for new bars."""

from __future__ import annotations

import shlex
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from utils import clock, paths
from utils.cli import Parser
from utils.errors import CannotWriteError, NightdeskError
from utils.exit_codes import ExitCode
from utils.run import run
from utils.settings import config

if TYPE_CHECKING:
    from pyjobs.market.bars import SeriesKey
    from pyjobs.market.ingest.instances import Instance


def main(argv: Sequence[str] | None = None) -> int:
    """Set up every symbol; one that fails ends it, unless errors are ignored: then it is reported and left out."""
    from pyjobs.market.ingest import bootstrap

    args = _parser(bootstrap.DEFAULT_SYMBOLS).parse_args(argv)
    ready = _first_backfills(_instances(args), ignore_errors=args.ignore_errors)
    gap_repair = any(each.gap_repair for each in ready)
    if not args.systemd:
        print("\ncrontab lines (crontab -e):")
        print("\n".join(bootstrap.crontab_lines(paths.entrance(), gap_repair=gap_repair)))
        return ExitCode.OK
    _timers(ready, enable=args.systemd == "enable", each=args.each)
    return ExitCode.OK


def _parser(defaults: Sequence[str]) -> Parser:
    parser = Parser(verb="bootstrap_symbols", doc=__doc__)
    parser.add_argument("--symbols", metavar="A,B,…", default=",".join(defaults), help="default: %(default)s")
    parser.add_argument("--exchange", metavar="NAME", default="BITFINEX", help="default: %(default)s")
    parser.add_argument("--timeframe", metavar="TF", default="1m", help="default: %(default)s")
    parser.add_argument("--lookback-days", metavar="N", type=float, help="default: as given before, else 3")
    parser.add_argument(
        "--enable-gap-repair", action="store_true", default=None, help="look for gaps every six hours, too"
    )
    parser.add_argument("--ignore-errors", action="store_true", help="go on when a symbol cannot be had")
    parser.add_argument(
        "--systemd", choices=("write", "enable"), help="instead of cron: write user units; enable: start their timers"
    )
    parser.add_argument("--each", action="store_true", help="with --systemd: a timer for each series, not one for all")
    return parser


def _instances(args: Namespace) -> list[Instance]:
    """The instances to be, each of them checked before anything is written."""
    from pyjobs.market.exchanges import load_exchanges, series_key
    from pyjobs.market.ingest.instances import refuse_another
    from utils.errors import UsageError

    exchanges = load_exchanges(config.own_or_default("exchanges.yaml"))
    symbols = list(dict.fromkeys(symbol.strip() for symbol in args.symbols.split(",") if symbol.strip()))
    if not symbols:
        raise UsageError("--symbols names no symbol")
    if args.lookback_days is not None and not 0 < args.lookback_days < 40_000:
        raise UsageError(f"--lookback-days {args.lookback_days:g} is not a number of days above 0")
    keys = dict.fromkeys(
        series_key(exchanges, exchange=args.exchange, symbol=symbol, timeframe=args.timeframe) for symbol in symbols
    )
    wanted = [_like_before(key, args) for key in keys]
    for instance in wanted:
        refuse_another(instance)
    return wanted


def _like_before(key: SeriesKey, args: Namespace) -> Instance:
    """The instance of a series: what is not given stays as in an earlier file of it."""
    from pyjobs.market.exchanges import load_exchanges, series_key
    from pyjobs.market.ingest import instances

    exchanges = load_exchanges(config.own_or_default("exchanges.yaml"))

    def is_it(one: Instance) -> bool:
        known = {name.casefold() for name in exchanges}
        same = one.exchange.casefold() in known and one.timeframe == key.timeframe
        return same and series_key(exchanges, exchange=one.exchange, symbol=one.symbol, timeframe=one.timeframe) == key

    before = next((replace(one, symbol=key.symbol) for one in instances.load_all() if is_it(one)), None)
    fresh = before or instances.Instance(
        exchange=key.exchange,
        symbol=key.symbol,
        timeframe=key.timeframe,
        lookback_days=instances.DEFAULT_LOOKBACK_DAYS,
        gap_repair=False,
    )
    given = {"lookback_days": args.lookback_days, "gap_repair": args.enable_gap_repair}
    return replace(fresh, **{name: value for name, value in given.items() if value is not None})


def _first_backfills(wanted: Sequence[Instance], *, ignore_errors: bool) -> list[Instance]:
    """Those set up. Raises if all fail; and once all were tried, if a file of ours cannot be written."""
    from pyjobs.market.ingest import backfill, instances
    from pyjobs.market.ingest import for_each_series as jobs
    from pyjobs.market.ingest.news.lines import mark_printed
    from pyjobs.market.ingest.series_source import SeriesSource
    from pyjobs.market.ingest.sources import Sources
    from pyjobs.market.store.open_store import open_store
    from utils.progress import ProgressReport

    store, now_ms, progress = open_store(), clock.now_ms(), ProgressReport(sys.stderr)
    asking = Sources(progress.say)

    def work(key: SeriesKey, source: SeriesSource, instance: Instance) -> str:
        added = backfill.new_bars(store, key)
        done = backfill.ingest_resume(
            store, key, source, lookback_ms=int(instance.lookback_days * jobs.DAY_MS), now_ms=now_ms, progress=progress
        )
        line = f"{key}: {added()} new bars{done.not_had}; {instances.save(instance)}"
        print("; ".join([line, *done.got.news]), flush=True)
        if done.got.news:
            mark_printed(store, key, done.got.news)  # it was noted until then
        return ""

    ready: list[Instance] = []
    failed: list[NightdeskError] = []
    for number, instance in enumerate(wanted, 1):
        progress.part(number, len(wanted))
        try:
            with jobs.foreseen():
                jobs.for_each([instance], job="ingest", work=work, say=lambda _: None, sources=asking)
            ready.append(instance)
        except NightdeskError as error:
            if not ignore_errors:
                raise
            print(f"[WARN] {instance.symbol}: {error} (left out)")
            failed.append(error)
    if failed and not ready:
        raise failed[0]
    print(f"{len(ready)} of {len(wanted)} symbols set up")
    _raise_what_is_ours(failed)
    return ready


def _raise_what_is_ours(failed: Sequence[NightdeskError]) -> None:
    """A full disk is no symbol's fault."""
    for error in failed:
        if isinstance(error, CannotWriteError):
            raise error


def _timers(ready: Sequence[Instance], *, enable: bool, each: bool) -> None:
    from pyjobs.market.ingest import bootstrap
    from pyjobs.runs import units

    templates = paths.config_dir() / "schedule" / "systemd"
    texts = bootstrap.unit_texts(templates, paths.entrance())
    lines = bootstrap.crontab_lines(paths.entrance(), gap_repair=any(one.gap_repair for one in ready))
    for_all = {} if each else units.unit_texts("\n".join(lines), paths.entrance(), "UTC")
    units.write({**texts, **for_all})
    timers = bootstrap.unit_names(ready) if each else sorted(name for name in for_all if name.endswith(".timer"))
    names = [units.named(name) for name in timers]
    print(f"units written to {units.folder()}")
    if enable:
        bootstrap.enable_timers(names, units.folder(), say=print)
    else:
        print("\n  ".join(["enable them with:", *map(shlex.join, bootstrap.enabling(names))]))


if __name__ == "__main__":
    sys.exit(run(main))
