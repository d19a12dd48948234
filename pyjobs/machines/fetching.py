"""Bring finished runs from the server: into `.incoming`, verified there against their manifest, then one rename.

data/server_runs_remote/<RUN_ID>/            whole, as on the server
data/server_runs_remote/.incoming/<RUN_ID>/  on its way; a fetch that is killed goes on here
data/server_runs_remote/_meta/               pull_history.tsv; pruned.txt: what was pruned here is not fetched again
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
from collections.abc import Callable, Container, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from pyjobs.machines.remote import RSYNC_PARTIAL, RSYNC_VANISHED, Host, error_text
from pyjobs.runs import sealed
from pyjobs.runs.run_folder import MANIFEST, PINNED, finished_runs, started_at
from utils.errors import BadDataError, CannotWriteError, MissingInputError, NightdeskError
from utils.files import os_files
from utils.files.atomic import sync_directory, write_text
from utils.foreign_text import quoted

INCOMING, META, HISTORY, PRUNED = ".incoming", "_meta", "pull_history.tsv", "pruned.txt"
COLUMNS = ("pull_timestamp_utc", "remote", "remote_root", "run_count", "latest_run_id", "latest_size_mb")
AT_ONCE = 8  # runs one rsync brings: each start costs a handshake, and each end publishes
LIST_TIMEOUT_S = 120.0
SPARE_BYTES = 100_000_000
LIST = """
cd -- {root} || exit 66
for run in [0-9]*Z-[0-9a-f]*; do
  [ -f "$run/manifest.json" ] && [ ! -L "$run" ] && echo "$run"
done
say='/^ "size_mb": / {{ split(FILENAME, run, "/"); sub(",", "", $2); print run[1], $2 }}'
awk "$say" [0-9]*/manifest.json 2>/dev/null
exit 0
"""


class Fetch(NamedTuple):
    """A fetch: its source and its folder here; `say` gets one line per event; `hold` lives until rsync has ended."""

    host: Host
    root: str
    here: Path
    say: Callable[[str], None]
    hold: int

    @property
    def incoming(self) -> Path:
        """Where runs are until they have been verified."""
        return self.here / INCOMING


def listed(fetch: Fetch) -> dict[str, float]:
    """The finished runs over there, oldest first, each with its `size_mb` (0 where its manifest has none).

    One connection, whatever there is. Raises ExternalDataUnavailable, MissingInputError.
    """
    done = fetch.host.run(LIST.format(root=shlex.quote(fetch.root)), timeout_s=LIST_TIMEOUT_S)
    if done.returncode:
        raise MissingInputError(
            f"'{fetch.host.remote}' has no folder '{fetch.root}' ({error_text(done)}): "
            "REMOTE_ROOT is the server's data/server_runs"
        )
    found: dict[str, float] = {}
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        name, _, size = line.partition(" ")
        if started_at(name) and not size:
            found[name] = 0.0
        elif name in found:
            with contextlib.suppress(ValueError):
                found[name] = float(size)
    return dict(sorted(found.items()))


def missing_here(fetch: Fetch, there: Iterable[str], since: str) -> list[str]:
    """The runs over there from `since` (`20261120…`) on that are not here and were not pruned here."""
    have = {path.name for path in finished_runs(fetch.here)}
    pruned = set(pruned_before(fetch.here))
    return [name for name in there if name not in have and name not in pruned and name >= since]


def check_room(fetch: Fetch, megabytes: float) -> None:
    """Raises CannotWriteError where so much does not fit; begun runs are counted as if nothing of them were here."""
    free = shutil.disk_usage(fetch.here).free
    if megabytes * 1e6 + SPARE_BYTES > free:
        raise CannotWriteError(
            f"no room: {megabytes:.1f} MB to fetch, {free / 1e6:.1f} MB free at '{fetch.here}': free some space, "
            "or take less of it: --since DATE"
        )


def bring(fetch: Fetch, runs: Sequence[str]) -> list[str]:
    """Fetch, verify and publish runs; returns the problems, one line each. A run that arrived whole stays.

    Raises ExternalDataUnavailable when the server is lost on the way: the next fetch goes on from there.
    """
    problems = []
    for at in range(0, len(runs), AT_ONCE):
        batch = runs[at : at + AT_ONCE]
        trouble = _carry(fetch, batch)
        gone = [] if trouble is None else sorted(set(batch) - set(listed(fetch)))
        for name in batch:
            if name in gone:
                shutil.rmtree(fetch.incoming / name, ignore_errors=True)
                fetch.say(f"{name}: removed over there while it was fetched")
                continue
            problem = _arrived(fetch, name)
            problems += [f"{name}: {problem}" + (f" (rsync: {trouble})" if trouble else "")] if problem else []
    return problems


def _carry(fetch: Fetch, runs: Iterable[str]) -> str | None:
    """rsync some runs into `.incoming`; None when it ended well, else its message."""
    fetch.incoming.mkdir(parents=True, exist_ok=True)
    sources = [f"{fetch.host.remote}:{name}" for name in runs]
    done = fetch.host.rsync(["-rlt", *sources, f"{fetch.incoming}/"], fetch.root, keep_open=[fetch.hold])
    if done.returncode == 0:
        return None
    if done.returncode in (RSYNC_PARTIAL, RSYNC_VANISHED):
        return error_text(done)
    if b"No space left" in done.stderr:
        raise CannotWriteError(f"cannot write '{fetch.incoming}': no space left on device: free some, start it again")
    raise fetch.host.failed(done, fetch.root)


def _arrived(fetch: Fetch, name: str) -> str:
    """Verify a run that was carried, and give it its name; empty when it is here now, else what is wrong.

    Files of rsync that are not in the manifest (temporary files of one that was killed, a pin) go first. A file whose
    bytes differ from the manifest goes, too, so that the next fetch brings it again.
    """
    path = fetch.incoming / name
    try:
        found = sealed.read(path)["files"]
        for extra in set(sealed.file_names(path)) - set(found):  # type: ignore[call-overload]  # `read` made sure
            (path / extra).unlink()
        (path / PINNED).unlink(missing_ok=True)
        problems = sealed.verify(path)
    except (MissingInputError, BadDataError) as error:
        (path / MANIFEST).unlink(missing_ok=True)
        return str(error)
    if problems:
        for each in found if isinstance(found, dict) else ():
            if any(line.startswith(f"'{each}' has changed") for line in problems):
                (path / each).unlink()
        return f"differs from its manifest: {problems[0]}" + (
            f" and {len(problems) - 1} more" if len(problems) > 1 else ""
        )
    _sync(path)
    try:
        path.rename(fetch.here / name)
    except OSError as error:
        raise CannotWriteError(f"cannot publish '{path}' as '{fetch.here / name}': {error.strerror}") from error
    sync_directory(fetch.here)
    fetch.say(f"{name}: fetched and verified")
    return ""


def _sync(run: Path) -> None:
    for name in [MANIFEST, *sealed.file_names(run)]:
        if not (run / name).is_symlink():
            fd = os.open(run / name, os.O_RDONLY)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
    for folder in {run, *((run / name).parent for name in sealed.file_names(run))}:
        sync_directory(folder)


def forget_gone(fetch: Fetch, there: Container[str]) -> None:
    """Remove what was begun of runs that the server has no more, and from pruned.txt what it does not offer."""
    if fetch.incoming.is_dir():
        for path in fetch.incoming.iterdir():
            if started_at(path.name) and path.name not in there:
                shutil.rmtree(path, ignore_errors=True)
    before = pruned_before(fetch.here)
    if any(name not in there for name in before):
        note_pruned(fetch.here, [name for name in before if name in there], fresh=True)


def pruned_before(here: Path) -> list[str]:
    """Runs that were pruned here although the server may still have them."""
    try:
        return os_files.held_bytes(here / META / PRUNED).decode("utf-8", "replace").split()
    except FileNotFoundError:
        return []


def note_pruned(here: Path, names: Iterable[str], *, fresh: bool = False) -> None:
    """Remember what is not to be fetched again; `fresh`: and nothing else."""
    (here / META).mkdir(parents=True, exist_ok=True)
    known = sorted({*names, *([] if fresh else pruned_before(here))})
    write_text(here / META / PRUNED, "".join(f"{name}\n" for name in known))


def record(fetch: Fetch, stamp: str) -> None:
    """Add this pull to pull_history.tsv, whole or not at all: how many runs are here now, and which is the newest.

    `stamp` is UTC, `2026-11-20T13:10:00Z`. A line that an older writer left torn is dropped.
    """
    runs = finished_runs(fetch.here)
    size: object = ""
    if runs:
        with contextlib.suppress(NightdeskError):
            size = sealed.read(runs[-1]).get("size_mb", "")
    latest = runs[-1].name if runs else ""
    row = [stamp, fetch.host.remote, fetch.root, str(len(runs)), latest, str(size)]
    path = fetch.here / META / HISTORY
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        before = os_files.held_bytes(path).decode("utf-8", "replace").split("\n")
    except FileNotFoundError:
        before = []
    whole = [line for line in before if line.count("\t") == len(COLUMNS) - 1] or ["\t".join(COLUMNS)]
    clean = "\t".join(quoted(field, 200) for field in row)
    write_text(path, "\n".join([*whole, clean]) + "\n")
