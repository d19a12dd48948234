"""Remove old runs (KEEP_DAYS, KEEP_MAX_RUNS), old logs (KEEP_LOG_DAYS), and caches past KEEP_CACHE_MB.

Logs older than the newest KEEP_PLAIN_LOG_DAYS dates are compressed.

Days are dates that have a good run (or a log of that name), the newest so many of them: no clock and no mtime takes
part. Never the newest good run of a desk, a pinned one (`pin_run`), one being built, a link, or anything that is not a
run. Backtests go only when KEEP_BACKTEST_DAYS is set; decisions and trades never. --dry-run only shows what would
happen, and why.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pyjobs.runs import cache_retention, log_retention, prune, retention
from pyjobs.runs.backtests import backtest_folder
from pyjobs.runs.retention import Decision
from utils import clock, paths
from utils.cli import Parser
from utils.errors import BadDataError, CannotWriteError
from utils.files import newest, os_files
from utils.run import run
from utils.tables import Column, text_table


def main(argv: Sequence[str] | None = None) -> int:
    """Look, decide, show every decision, and remove (unless --dry-run); too much at once is left, with an error."""
    options = _parser().parse_args(argv)
    share = prune.limit("PRUNE_MAX_SHARE", options.max_share, retention.MAX_SHARE)
    keep_max_runs = prune.limit("KEEP_MAX_RUNS", options.keep_max_runs, retention.KEEP_MAX_RUNS)
    keep_days = prune.limit("KEEP_DAYS", options.keep_days, retention.KEEP_DAYS)
    keep_log_days = prune.limit("KEEP_LOG_DAYS", options.keep_log_days, log_retention.KEEP_LOG_DAYS)
    plain_log_days = prune.limit("KEEP_PLAIN_LOG_DAYS", options.keep_plain_log_days, log_retention.KEEP_PLAIN_LOG_DAYS)
    keep_cache_mb = prune.limit("KEEP_CACHE_MB", options.keep_cache_mb, cache_retention.KEEP_CACHE_MB)
    found = Output(share=share, dry_run=options.dry_run, as_json=options.json == "1")
    runs_dir = options.runs or paths.data_dir() / "server_runs"
    with found.alone():
        decisions = retention.decide(prune.look(runs_dir), keep_days=keep_days, keep_max_runs=keep_max_runs)
        _prune_runs(found, runs_dir, decisions, named=prune.is_night)
    if options.keep_backtest_days is not None or os.environ.get("KEEP_BACKTEST_DAYS"):
        folder, keep = backtest_folder.backtests_dir(), prune.limit("KEEP_BACKTEST_DAYS", options.keep_backtest_days, 1)
        with found.alone():
            entries = prune.look(folder, prune.is_backtest)
            decisions = retention.decide(entries, keep_days=keep, keep_max_runs=sys.maxsize)
            _prune_runs(found, folder, decisions, named=prune.is_backtest)
    with found.alone():
        _prune_logs(found, keep_log_days, plain_log_days)
    with found.alone():
        _prune_cache(found, keep_cache_mb)
    found.end()
    if found.failed:
        raise CannotWriteError(f"cannot remove {len(found.failed)}: {found.failed[0]}")
    if found.stopped and not options.dry_run:
        raise BadDataError(
            f"nothing removed where more than {share} % would go: {'; '.join(found.stopped)}. See why with --dry-run; "
            "when it is right: --max-share 100, or PRUNE_MAX_SHARE"
        )
    return 0


@dataclass(slots=True, kw_only=True)
class Output:
    """The output of a prune: lines for a person as it goes, or one JSON document at its end.

    `stopped`: what was not begun because it is too much at once; `failed`: what could not be removed.
    """

    share: int
    dry_run: bool
    as_json: bool
    document: dict[str, object] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def say(self, line: str) -> None:
        """A line for a person."""
        if not self.as_json:
            print(line)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """One of the folders: where it cannot be listed it is named, and the others are pruned."""
        try:
            yield
        except OSError as error:
            self.failed.append(f"'{error.filename}': {error.strerror}")

    def end(self) -> None:
        """The document, when it was asked for."""
        if self.as_json:
            whole = {"dry_run": self.dry_run, **self.document, "stopped": self.stopped, "failed": self.failed}
            print(json.dumps(whole, ensure_ascii=False, indent=1))


def _parser() -> Parser:
    parser = Parser(verb="prune_runs", doc=__doc__)
    add = parser.add_argument
    add("--runs", type=Path, default=None, metavar="DIR", help="default: data/server_runs")
    add("--keep-days", type=int, default=None, help=f"default: $KEEP_DAYS, else {retention.KEEP_DAYS}")
    add("--keep-max-runs", type=int, default=None, help=f"default: $KEEP_MAX_RUNS, else {retention.KEEP_MAX_RUNS}")
    add("--keep-log-days", type=int, default=None, help=f"default: $KEEP_LOG_DAYS, else {log_retention.KEEP_LOG_DAYS}")
    add(
        "--keep-plain-log-days",
        type=int,
        default=None,
        help=f"older logs are compressed; default: $KEEP_PLAIN_LOG_DAYS, else {log_retention.KEEP_PLAIN_LOG_DAYS}",
    )
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
    add("--json", choices=("0", "1"), default="0", help="1: print one JSON document, for a program")
    add("--dry-run", action="store_true", help="remove nothing; give the reason for every item")
    return parser


def _prune_runs(found: Output, folder: Path, decisions: Sequence[Decision], *, named: prune.Named) -> None:
    """Show and carry out decisions. What a dead night or a dead prune left goes in any case: a full disk needs that."""
    rows = [[decision.entry.name, decision.action, decision.reason] for decision in decisions]
    found.say(text_table([Column("item"), Column("decision"), Column("reason")], rows).removesuffix("\n"))
    doomed = [decision for decision in decisions if decision.action == "remove"]
    runs = [decision for decision in doomed if decision.entry.kind == "run"]
    of = sum(decision.entry.kind == "run" for decision in decisions)
    stopped = newest.too_many(len(runs), of, found.share)
    going = [decision for decision in doomed if not (stopped and decision.entry.kind == "run")]
    failed = [] if found.dry_run else _remove(found, folder, going, named)
    done = "to remove" if found.dry_run else "removed"
    found.say(f"{len(decisions) - len(going)} kept, {len(going) - len(failed)} {done}")
    items = [{"item": name, "decision": action, "reason": reason} for name, action, reason in rows]
    found.document["runs" if named is prune.is_night else "backtests"] = {"folder": str(folder), "items": items}
    found.stopped += [f"{len(runs)} of {of} in '{folder}'"] if stopped else []
    found.failed += failed


def _prune_logs(found: Output, keep_days: int, plain_days: int) -> None:
    """Remove old logs, compress those in between, set a long history aside, and print what was done."""
    folder, today = paths.logs_dir(), datetime.fromtimestamp(clock.now_s(), UTC).date()
    os_files.must_answer(folder)
    names = [path.name for path in folder.iterdir() if not path.is_symlink()] if folder.is_dir() else []
    old, of = log_retention.old_logs(names, keep_days=keep_days), len(log_retention.dated(names))
    packed = [name for name in log_retention.to_compress(names, keep_days=plain_days) if name not in old]
    found.document["logs"] = {"folder": str(folder), "remove": old, "compress": packed}
    if newest.too_many(len(old), of, found.share):
        found.stopped.append(f"{len(old)} of {of} logs in '{folder}'")
        return
    text = f"older than the newest {keep_days} dates of their name"
    if found.dry_run:
        found.say(f"{len(old)} logs to remove: {text}; {len(packed)} to compress")
        return
    failed = _each(log_retention.compress, (folder / name for name in packed))
    failed += _each(_gone, (folder / name for name in old))
    aside = log_retention.set_history_aside(folder / "history.jsonl", today=today)
    found.say(
        f"{len(old)} logs removed: {text}; {len(packed)} compressed"
        + (f"; history set aside as {aside.name}" if aside else "")
        + (f"; {len(failed)} of both failed" if failed else "")
    )
    found.failed += failed


def _prune_cache(result: Output, keep_mb: int) -> None:
    """Bring data/cache within its size, and print what was done."""
    found = cache_retention.look(paths.data_dir() / "cache")
    gone = cache_retention.surplus(found, keep_mb=keep_mb)
    result.failed += [] if result.dry_run else _each(_gone, (each.path for each in gone))
    size = sum(each.size for each in gone) / cache_retention.MB
    done = "to remove" if result.dry_run else "removed"
    result.say(f"{len(gone)} of {len(found)} cache files {done}: {size:.1f} MB of what is past {keep_mb} MB")
    result.document["cache"] = {"remove": [str(each.path) for each in gone], "of": len(found), "mb": round(size, 6)}


def _remove(found: Output, runs_dir: Path, decisions: Sequence[Decision], named: prune.Named) -> list[str]:
    """Remove what may go; one that cannot be removed does not keep the others. Returns the problems."""
    failed = []
    for decision, wrong in prune.remove_each(runs_dir, decisions, named):
        if wrong == "":
            found.say(f"'{decision.entry.name}' has changed since it was looked at: left alone")
        failed += [wrong] if wrong else []
    return failed


def _each(act: Callable[[Path], object], files: Iterable[Path]) -> list[str]:
    """Do it to each file on its own. Returns the problems."""
    failed = []
    for path in files:
        try:
            act(path)
        except FileNotFoundError:
            continue  # another prune was faster
        except OSError as error:
            failed.append(f"'{path}': {error.strerror}")
    return failed


def _gone(path: Path) -> None:
    path.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(run(main))
