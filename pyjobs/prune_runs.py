"""Remove old runs (KEEP_DAYS, KEEP_MAX_RUNS), logs older than KEEP_LOG_DAYS, and caches past KEEP_CACHE_MB.

Never the newest good run, one that holds a file called PINNED, one being built, one from the future, a link, or
anything that is not a run. Ages come from the run's name. --dry-run only says what would happen, and why.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pyjobs.reporting.tables import Column, text_table
from pyjobs.runs import cache_retention, log_retention, prune, retention
from pyjobs.runs.retention import Decision
from utils import clock, paths
from utils.cli import Parser
from utils.errors import CannotWriteError, ConfigError
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Look, decide, show every decision, and remove (unless --dry-run)."""
    parser = Parser(verb="prune_runs", doc=__doc__)
    parser.add_argument("--runs", type=Path, default=None, metavar="DIR", help="default: data/server_runs")
    parser.add_argument("--keep-days", type=int, default=None, help=f"default: $KEEP_DAYS, else {retention.KEEP_DAYS}")
    parser.add_argument(
        "--keep-max-runs", type=int, default=None, help=f"default: $KEEP_MAX_RUNS, else {retention.KEEP_MAX_RUNS}"
    )
    parser.add_argument(
        "--keep-log-days", type=int, default=None, help=f"default: $KEEP_LOG_DAYS, else {log_retention.KEEP_LOG_DAYS}"
    )
    parser.add_argument(
        "--keep-cache-mb", type=int, default=None, help=f"default: $KEEP_CACHE_MB, else {cache_retention.KEEP_CACHE_MB}"
    )
    parser.add_argument("--dry-run", action="store_true", help="remove nothing; give the reason for every item")
    options = parser.parse_args(argv)
    runs_dir = options.runs or paths.data_dir() / "server_runs"
    decisions = retention.decide(
        prune.look(runs_dir),
        now=datetime.fromtimestamp(clock.now_s(), UTC),
        keep_days=_limit("KEEP_DAYS", options.keep_days, retention.KEEP_DAYS),
        keep_max_runs=_limit("KEEP_MAX_RUNS", options.keep_max_runs, retention.KEEP_MAX_RUNS),
    )
    rows = [[decision.entry.name, decision.action, decision.reason] for decision in decisions]
    print(text_table([Column("item"), Column("decision"), Column("reason")], rows), end="")
    failed = [] if options.dry_run else _remove(runs_dir, decisions)
    doomed = sum(decision.action == "remove" for decision in decisions)
    print(f"{len(decisions) - doomed} kept, {doomed - len(failed)} {'to remove' if options.dry_run else 'removed'}")
    keep_log_days = _limit("KEEP_LOG_DAYS", options.keep_log_days, log_retention.KEEP_LOG_DAYS)
    _prune_logs(keep_log_days, dry_run=options.dry_run)
    keep_cache_mb = _limit("KEEP_CACHE_MB", options.keep_cache_mb, cache_retention.KEEP_CACHE_MB)
    _prune_cache(keep_cache_mb, dry_run=options.dry_run)
    if failed:
        raise CannotWriteError(f"cannot remove {len(failed)} of {doomed} in '{runs_dir}': {failed[0]}")
    return 0


def _prune_logs(keep_days: int, *, dry_run: bool) -> None:
    """Remove old logs, set a long history aside, and say what was done."""
    folder, today = paths.logs_dir(), datetime.fromtimestamp(clock.now_s(), UTC).date()
    names = [path.name for path in folder.iterdir() if not path.is_symlink()] if folder.is_dir() else []
    old = log_retention.old_logs(names, today=today, keep_days=keep_days)
    if dry_run:
        print(f"{len(old)} logs to remove: older than {keep_days} days")
        return
    for name in old:
        (folder / name).unlink(missing_ok=True)
    aside = log_retention.set_history_aside(folder / "history.jsonl", today=today)
    print(
        f"{len(old)} logs removed: older than {keep_days} days"
        + (f"; history set aside as {aside.name}" if aside else "")
    )


def _prune_cache(keep_mb: int, *, dry_run: bool) -> None:
    """Bring data/cache within its size, and say what was done."""
    found = cache_retention.look(paths.data_dir() / "cache")
    gone = cache_retention.surplus(found, keep_mb=keep_mb, now_s=clock.now_s())
    for each in () if dry_run else gone:
        each.path.unlink(missing_ok=True)
    size = sum(each.size for each in gone) / cache_retention.MB
    done = "to remove" if dry_run else "removed"
    print(f"{len(gone)} of {len(found)} cache files {done}: {size:.1f} MB of what is past {keep_mb} MB")


def _remove(runs_dir: Path, decisions: Sequence[Decision]) -> list[str]:
    """Remove what may go; one that cannot be removed does not keep the others. Returns the problems."""
    failed = []
    for decision in decisions:
        if decision.action != "remove":
            continue
        try:
            if not prune.remove(runs_dir, decision):
                print(f"'{decision.entry.name}' has changed since it was looked at: left alone")
        except OSError as error:
            failed.append(f"'{decision.entry.name}': {error.strerror} ('{error.filename}')")
    return failed


def _limit(name: str, flag: int | None, default: int) -> int:
    """A limit from its flag, its environment variable or its default; refused below 1: 0 would empty the folder."""
    text = str(flag) if flag is not None else os.environ.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ConfigError(f"{name}: {text!r} is not a whole number of at least 1")
    return int(text)


if __name__ == "__main__":
    sys.exit(run(main))
