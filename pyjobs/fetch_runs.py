"""Fetch finished runs from the server to this machine, each verified against its manifest before it gets its name.

REMOTE (user@host) and REMOTE_ROOT (the server's data/server_runs) set the source; SSH_PORT and SSH_COMMAND the way.
They go to data/server_runs_remote/. Killed at any moment, the next fetch goes on. Exit 69: the server cannot be had;
65: a run is damaged over there or was on its way (the others are here); 75: another fetch is at work; 73: no room.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from pyjobs.machines import fetching
from pyjobs.machines.fetching import Fetch
from pyjobs.machines.remote import host_of, no_questions
from pyjobs.runs import prune, retention
from pyjobs.runs.run_folder import finished_runs
from utils import clock, paths
from utils.cli import Parser
from utils.errors import BadDataError, CannotWriteError, LockBusyError, UsageError
from utils.files import private
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """List the runs over there, bring those that are not here, record the pull, print what is new."""
    parser = Parser(verb="fetch_runs", doc=__doc__)
    parser.add_argument(
        "--dry-run", action="store_true", help="print what would be fetched, and how much; write nothing"
    )
    parser.add_argument("--since", default="", metavar="DATE", help="only runs that began on or after 2026-11-20 (UTC)")
    parser.add_argument(
        "--prune-local", action="store_true", help="then remove old runs here, by KEEP_DAYS and KEEP_MAX_RUNS"
    )
    options = parser.parse_args(argv)
    no_questions()
    since = _since(options.since)
    keep_days = prune.limit("KEEP_DAYS", None, retention.KEEP_DAYS)
    keep_max_runs = prune.limit("KEEP_MAX_RUNS", None, retention.KEEP_MAX_RUNS)
    here = paths.data_dir() / "server_runs_remote"
    fetch = _fetch(here, write=not options.dry_run)
    there = fetching.listed(fetch)
    if not there:
        print(f"[WARN] '{fetch.root}' over there has no finished run: is it the server's data/server_runs?", flush=True)
    wanted = fetching.missing_here(fetch, there, since)
    megabytes = sum(there[name] for name in wanted)
    if options.dry_run:
        for name in wanted:
            print(f"would fetch {name}  {there[name]:.2f} MB")
        print(f"{len(wanted)} of {len(there)} runs to fetch, {megabytes:.2f} MB")
        return 0
    fetching.check_room(fetch, megabytes)
    fetching.forget_gone(fetch, there)
    before = {path.name for path in finished_runs(here)}
    try:
        problems = fetching.bring(fetch, wanted)
    finally:
        fetching.record(fetch, clock.utc_stamp(clock.now_s()))
    if options.prune_local:
        _prune(here, keep_days, keep_max_runs)
    _summary(here, before)
    if problems:
        raise BadDataError(f"{len(problems)} runs could not be taken: {'; '.join(problems[:3])}")
    return 0


def _fetch(here: Path, *, write: bool) -> Fetch:
    """The fetch that the environment describes, with the lock on the folder held. Raises UsageError, LockBusyError."""
    remote, root = os.environ.get("REMOTE", ""), os.environ.get("REMOTE_ROOT", "")
    if not remote or not root:
        raise UsageError("from where? REMOTE=user@host REMOTE_ROOT=/path/to/nightdesk/data/server_runs fetch_runs.sh")
    if "\n" in root:
        raise UsageError("REMOTE_ROOT is one path")
    host = host_of(remote, os.environ)
    return Fetch(host, root, here, _say, _held(here) if write else -1)


def _held(here: Path) -> int:
    import fcntl  # rsync belongs to Unix as well

    try:
        here.mkdir(parents=True, exist_ok=True)
        fd = os.open(here / ".lock", os.O_RDWR | os.O_CREAT, private.LOCK_MODE)
        with contextlib.suppress(PermissionError):  # another user's
            os.fchmod(fd, private.LOCK_MODE)
    except OSError as error:
        raise CannotWriteError(f"cannot write '{here}': {error.strerror}") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LockBusyError(f"another fetch, or what one that was killed left, is at work on '{here}'") from None
    return fd


def _since(text: str) -> str:
    """`2026-11-20` as RUN_IDs begin."""
    if text and not re.fullmatch(r"\d{4}-?\d\d-?\d\d", text):
        raise UsageError(f"--since takes a date such as 2026-11-20, not {text!r}")
    return text.replace("-", "")


def _prune(here: Path, keep_days: int, keep_max_runs: int) -> None:
    """By the one retention module; what goes is remembered, or the next fetch would bring it again."""
    decisions = retention.decide(prune.look(here), keep_days=keep_days, keep_max_runs=keep_max_runs)
    doomed = [each for each in decisions if each.action == "remove"]
    fetching.note_pruned(here, [each.entry.run_id for each in doomed])
    for each, wrong in prune.remove_each(here, doomed):
        if wrong != "":
            print(f"[WARN] cannot be removed: {wrong}" if wrong else f"{each.entry.name}: removed here: {each.reason}")


def _summary(here: Path, before: set[str]) -> None:
    """What is new, and the page to open."""
    finished = finished_runs(here)
    new = [path for path in finished if path.name not in before]
    print(f"{len(new)} new, {len(finished)} here" + (f": {', '.join(path.name for path in new[-5:])}" if new else ""))
    pages = [path / "index.html" for path in finished if (path / "index.html").is_file()]
    if pages:
        print(f"look at {pages[-1]}")


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(run(main))
