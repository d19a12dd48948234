"""The loop of the data jobs: the series of a command line, each under its own lock, one failure hiding no other."""

from __future__ import annotations

import errno
import os
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyjobs.market.bars import SeriesKey
from pyjobs.market.ingest import instances
from pyjobs.market.ingest.instances import Instance
from pyjobs.market.ingest.series_source import SeriesSource
from pyjobs.market.store.names import folder_name
from utils import paths
from utils.cli import Parser
from utils.errors import (
    CannotWriteError,
    ConfigError,
    ExternalDataUnavailable,
    LockBusyError,
    NightdeskError,
    UsageError,
)
from utils.exit_codes import ExitCode
from utils.files.job_lock import job_lock
from utils.run import one_line

if TYPE_CHECKING:
    from pyjobs.market.ingest.sources import Sources
    from utils.progress import ProgressReport

DAY_MS = 86_400_000
Work = Callable[[SeriesKey, SeriesSource, Instance], str]
"""One series' work; returns the line about its outcome."""
Say = Callable[[str], object]


def add_series_flags(parser: Parser) -> None:
    """--exchange, --symbol, --timeframe; or --instance; or --all."""
    parser.add_argument("--exchange", metavar="NAME", help="one of config/exchanges.yaml's (default: BITFINEX)")
    parser.add_argument("--symbol", metavar="SYMBOL", help="as the exchange calls it: BTCUSD")
    parser.add_argument("--timeframe", metavar="TF", help="1m, 5m, 15m, 30m, 1h, 4h or 1d")
    parser.add_argument("--instance", metavar="NAME", action="append", help="SYMBOL-TF, such as BTCUSD-1m; repeatable")
    parser.add_argument("--all", action="store_true", help="every instance under config/instances/")


def chosen(args: Namespace, parser: Parser) -> list[Instance]:
    """The instances a command line names; CT_SYMBOL … of the environment when it names none. Exits 64 for a mixture."""
    ways = [bool(args.symbol), bool(args.instance), args.all]
    if sum(ways) > 1:
        parser.error("--symbol, --instance and --all exclude each other")
    if args.all:
        return _all()
    if args.instance:
        return [instances.by_name(name) for name in args.instance]
    if args.symbol:
        if not args.timeframe:
            parser.error("--symbol needs --timeframe")
        given = {"CT_SYMBOL": args.symbol, "CT_TIMEFRAME": args.timeframe, "CT_EXCHANGE": args.exchange or ""}
        return [one for one in [instances.from_environment({**_lookback(), **given})] if one]
    named = instances.from_environment(os.environ)
    if named is None:
        parser.error("name a series: --symbol and --timeframe, --instance SYMBOL-TF, or --all")
    return [named]


def for_each(
    todo: Sequence[Instance],
    *,
    job: str,
    work: Work,
    say: Say,
    sources: Sources | None = None,
    progress: ProgressReport | None = None,
) -> int:
    """Do `work` for every instance, and return the worst exit code. `sources`: default, those of a scheduled job.

    A series that two of them name is one. `progress` gets which of how many is worked on.

    A single one's error is raised as it is. With several, a failure is printed and the rest go on; then the answer is
    69 when all failures were outside, else the code of the first one that was not. A scheduled job first serves every
    series whose provider is healthy, then retries the rest while time remains.
    """
    from pyjobs.market.ingest.sources import Sources

    job_sources = sources or Sources()
    run = _Run(job=job, work=work, say=say, sources=job_sources, progress=progress, todo=_each_once(todo, job_sources))
    if len(run.todo) == 1:
        run.attempt(run.todo[0])
        return int(ExitCode.OK)
    with job_sources.only_healthy():
        put_off = run.healthy_first()
    run.rest(job_sources.in_turn(put_off))
    return _worst(run.failed, len(run.todo), say)


@dataclass(slots=True, kw_only=True)
class _Run:
    """One job's series. `failed`: the errors so far, each printed; `ended`: how many series need nothing more."""

    job: str
    work: Work
    say: Say
    sources: Sources
    progress: ProgressReport | None
    todo: Sequence[Instance]
    failed: list[NightdeskError] = field(default_factory=list)
    ended: int = 0

    def healthy_first(self) -> dict[Instance, NightdeskError]:
        """Attempt all; a scheduled job puts off those that another try may help. Returns these, with their errors."""
        put_off: dict[Instance, NightdeskError] = {}
        for instance in self.todo:
            error = self._error_of(instance)
            if error is not None and self.sources.scheduled and self.sources.can_wait(error):
                put_off[instance] = error
            else:
                self._end(instance, error)
        return put_off

    def rest(self, put_off: Sequence[Instance]) -> None:
        """Attempt those that were put off, while there is time."""
        for instance in put_off:
            self._end(instance, self._error_of(instance))

    def attempt(self, instance: Instance) -> None:
        """Do the work of one series under its lock."""
        key = self.sources.key(instance)
        if self.progress is not None:
            self.progress.part(self.ended + 1, len(self.todo))
        source = self.sources.of(key)
        with series_lock(self.job, key):
            self.say(self.work(key, source, instance))

    def _error_of(self, instance: Instance) -> NightdeskError | None:
        try:
            with foreseen():
                self.attempt(instance)
        except NightdeskError as error:
            return error
        return None

    def _end(self, instance: Instance, error: NightdeskError | None) -> None:
        if error is not None:
            self.say(f"{instance.name}: failed: {error}")
            self.failed.append(error)
        self.ended += 1


@contextmanager
def foreseen() -> Iterator[None]:
    """An unexpected error becomes the error of the series that is being written, unless no series can be written any
    more.
    """
    try:
        yield
    except NightdeskError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            raise
        raise CannotWriteError(one_line(error)) from error
    except Exception as error:
        raise NightdeskError(f"{type(error).__name__}: {error}") from error


def _each_once(todo: Sequence[Instance], asking: Sources) -> list[Instance]:
    """The first instance of each series; one that is none is left in, so that its error is reported in its turn."""
    found: dict[object, Instance] = {}
    for instance in todo:
        try:
            found.setdefault(asking.key(instance), instance)
        except NightdeskError:
            found[instance] = instance
    return list(found.values())


def _worst(failed: Sequence[NightdeskError], of: int, say: Say) -> int:
    """The exit code; raises the external error when there is no other result, preferably that of a provider that was
    asked.
    """
    from pyjobs.market.providers.base import NotAsked

    ours = [error for error in failed if not isinstance(error, ExternalDataUnavailable | LockBusyError)]
    outside = [error for error in failed if isinstance(error, ExternalDataUnavailable)]
    if failed:
        say(f"{len(failed)} of {of} failed")
    if outside and not ours:
        raise min(outside, key=lambda error: isinstance(error, NotAsked))
    return int(ours[0].exit_code) if ours else int(ExitCode.OK)


def series_lock(job: str, key: SeriesKey) -> AbstractContextManager[None]:
    """One run of `job` per series at a time. Raises LockBusyError at once when another run has it."""
    path = paths.locks_dir() / f"{job}-{key.exchange}-{folder_name(key.symbol)}-{key.timeframe}.lock"
    return job_lock(path, 0.0, LockBusyError(f"{key}: another {job} works on it ({path})"))


def _all() -> list[Instance]:
    found = instances.load_each()
    if not found:
        places = ", ".join(str(folder) for folder in instances.folders())
        raise ConfigError(f"no instance is configured (looked in {places}): python -m pyjobs.bootstrap_symbols")
    return found


def _lookback() -> dict[str, str]:
    days = os.environ.get("CT_LOOKBACK_DAYS")
    return {"CT_LOOKBACK_DAYS": days} if days else {}


def check_range(start_ms: int, end_ms: int, now_ms: int) -> None:
    """Raises UsageError for a range that ends before it begins, or that has not happened yet."""
    from pyjobs.market.times import utc_text

    for flag, ts_ms in (("--start", start_ms), ("--end", end_ms)):
        if ts_ms > now_ms:
            raise UsageError(f"{flag} {utc_text(ts_ms)} is in the future (it is {utc_text(now_ms)})")
    if start_ms > end_ms:
        raise UsageError(f"--start {utc_text(start_ms)} is after --end {utc_text(end_ms)}")
