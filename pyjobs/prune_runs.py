"""Remove old runs (KEEP_DAYS, KEEP_MAX_RUNS), old logs (KEEP_LOG_DAYS), and caches past KEEP_CACHE_MB.

Days are dates that have a good run (or a log of that name), the newest so many of them: no clock and no mtime takes
part. Never the newest good run of a desk, one that holds a file called PINNED, one being built, a link, or anything
that is not a run. Backtests go only when KEEP_BACKTEST_DAYS says so. --dry-run only says what would happen, and why.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pyjobs.reporting.tables import Column, text_table
from pyjobs.runs import backtest_folder, cache_retention, log_retention, prune, retention
from pyjobs.runs.retention import Decision
from utils import clock, newest, paths
from utils.cli import Parser
from utils.errors import BadDataError, CannotWriteError, ConfigError
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Look, decide, show every decision, and remove (unless --dry-run); what is too much at once is left and said."""
    options = _parser().parse_args(argv)
    share = _limit("PRUNE_MAX_SHARE", options.max_share, retention.MAX_SHARE)
    keep_max_runs = _limit("KEEP_MAX_RUNS", options.keep_max_runs, retention.KEEP_MAX_RUNS)
    keep_days = _limit("KEEP_DAYS", options.keep_days, retention.KEEP_DAYS)
    keep_log_days = _limit("KEEP_LOG_DAYS", options.keep_log_days, log_retention.KEEP_LOG_DAYS)
    keep_cache_mb = _limit("KEEP_CACHE_MB", options.keep_cache_mb, cache_retention.KEEP_CACHE_MB)
    runs_dir = options.runs or paths.data_dir() / "server_runs"
    decisions = retention.decide(prune.look(runs_dir), keep_days=keep_days, keep_max_runs=keep_max_runs)
    stopped, failed = _prune_runs(runs_dir, decisions, share=share, dry_run=options.dry_run, named=prune.is_night)
    if options.keep_backtest_days is not None or os.environ.get("KEEP_BACKTEST_DAYS"):
        folder, keep = backtest_folder.backtests_dir(), _limit("KEEP_BACKTEST_DAYS", options.keep_backtest_days, 1)
        decisions = retention.decide(prune.look(folder, prune.is_backtest), keep_days=keep, keep_max_runs=sys.maxsize)
        more = _prune_runs(folder, decisions, share=share, dry_run=options.dry_run, named=prune.is_backtest)
        stopped, failed = stopped + more[0], failed + more[1]
    for problems, each in zip(
        (stopped, failed), _prune_logs(keep_log_days, share=share, dry_run=options.dry_run), strict=True
    ):
        problems += each
    failed += _prune_cache(keep_cache_mb, dry_run=options.dry_run)
    if failed:
        raise CannotWriteError(f"cannot remove {len(failed)}: {failed[0]}")
    if stopped and not options.dry_run:
        raise BadDataError(
            f"nothing removed where more than {share} % would go: {'; '.join(stopped)}. See why with --dry-run; "
            "when it is right: --max-share 100, or PRUNE_MAX_SHARE"
        )
    return 0


def _parser() -> Parser:
    parser = Parser(verb="prune_runs", doc=__doc__)
    add = parser.add_argument
    add("--runs", type=Path, default=None, metavar="DIR", help="default: data/server_runs")
    add("--keep-days", type=int, default=None, help=f"default: $KEEP_DAYS, else {retention.KEEP_DAYS}")
    add("--keep-max-runs", type=int, default=None, help=f"default: $KEEP_MAX_RUNS, else {retention.KEEP_MAX_RUNS}")
    add("--keep-log-days", type=int, default=None, help=f"default: $KEEP_LOG_DAYS, else {log_retention.KEEP_LOG_DAYS}")
    add(
        "--keep-cache-mb", type=int, default=None, help=f"default: $KEEP_CACHE_MB, else {cache_retention.KEEP_CACHE_MB}"
    )
    add("--keep-backtest-days", type=int, default=None, help="default: $KEEP_BACKTEST_DAYS, else all backtests stay")
    add(
        "--max-share",
        type=int,
        default=None,
        metavar="PERCENT",
        help=f"stop where more would go at once; default: $PRUNE_MAX_SHARE, else {retention.MAX_SHARE}",
    )
    add("--dry-run", action="store_true", help="remove nothing; give the reason for every item")
    return parser


def _prune_runs(
    folder: Path, decisions: Sequence[Decision], *, share: int, dry_run: bool, named: prune.Named
) -> tuple[list[str], list[str]]:
    """Show and carry out decisions. Returns what was not begun because it is too much, and what could not be removed.

    What a dead night or a dead prune left goes in any case: a full disk needs that.
    """
    rows = [[decision.entry.name, decision.action, decision.reason] for decision in decisions]
    print(text_table([Column("item"), Column("decision"), Column("reason")], rows), end="")
    doomed = [decision for decision in decisions if decision.action == "remove"]
    runs = [decision for decision in doomed if decision.entry.kind == "run"]
    of = sum(decision.entry.kind == "run" for decision in decisions)
    stopped = newest.too_many(len(runs), of, share)
    going = [decision for decision in doomed if not (stopped and decision.entry.kind == "run")]
    failed = [] if dry_run else _remove(folder, going, named)
    done = "to remove" if dry_run else "removed"
    print(f"{len(decisions) - len(going)} kept, {len(going) - len(failed)} {done}")
    return ([f"{len(runs)} of {of} in '{folder}'"] if stopped else []), failed


def _prune_logs(keep_days: int, *, share: int, dry_run: bool) -> tuple[list[str], list[str]]:
    """Remove old logs, set a long history aside, and say what was done; the result is like that of `_prune_runs`."""
    folder, today = paths.logs_dir(), datetime.fromtimestamp(clock.now_s(), UTC).date()
    names = [path.name for path in folder.iterdir() if not path.is_symlink()] if folder.is_dir() else []
    old, of = log_retention.old_logs(names, keep_days=keep_days), len(log_retention.dated(names))
    said = f"older than the newest {keep_days} dates of their name"
    if newest.too_many(len(old), of, share):
        return [f"{len(old)} of {of} logs in '{folder}'"], []
    if dry_run:
        print(f"{len(old)} logs to remove: {said}")
        return [], []
    failed = _unlink(folder / name for name in old)
    aside = log_retention.set_history_aside(folder / "history.jsonl", today=today)
    print(f"{len(old) - len(failed)} logs removed: {said}" + (f"; history set aside as {aside.name}" if aside else ""))
    return [], failed


def _prune_cache(keep_mb: int, *, dry_run: bool) -> list[str]:
    """Bring data/cache within its size, and say what was done. Returns what could not be removed."""
    found = cache_retention.look(paths.data_dir() / "cache")
    gone = cache_retention.surplus(found, keep_mb=keep_mb)
    failed = [] if dry_run else _unlink(each.path for each in gone)
    size = sum(each.size for each in gone) / cache_retention.MB
    done = "to remove" if dry_run else "removed"
    print(f"{len(gone)} of {len(found)} cache files {done}: {size:.1f} MB of what is past {keep_mb} MB")
    return failed


def _remove(runs_dir: Path, decisions: Sequence[Decision], named: prune.Named) -> list[str]:
    """Remove what may go; one that cannot be removed does not keep the others. Returns the problems."""
    failed = []
    for decision in decisions:
        try:
            if not prune.remove(runs_dir, decision, named):
                print(f"'{decision.entry.name}' has changed since it was looked at: left alone")
        except OSError as error:
            failed.append(f"'{decision.entry.name}': {error.strerror} ('{error.filename}')")
    return failed


def _unlink(files: Iterable[Path]) -> list[str]:
    """Remove files, each on its own. Returns the problems."""
    failed = []
    for path in files:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            failed.append(f"'{path}': {error.strerror}")
    return failed


def _limit(name: str, flag: int | None, default: int) -> int:
    """A limit from its flag, its environment variable or its default; refused below 1: 0 would empty the folder."""
    text = str(flag) if flag is not None else os.environ.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ConfigError(f"{name}: {text!r} is not a whole number of at least 1")
    return int(text)


if __name__ == "__main__":
    sys.exit(run(main))
