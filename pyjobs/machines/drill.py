"""The restore drill: the newest backup into an empty folder, every database looked at, and a night run on it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from pyjobs.machines.restoring import restore
from pyjobs.runs import sealed
from pyjobs.runs.run_folder import finished_runs, is_being_built
from utils.errors import BadDataError, NightdeskError
from utils.files.os_files import hold_folder, must_answer

LENT = ("data/raw", "data/sample", "data/webcache")  # bars, fetched again: not in the backup, lent to the night
NIGHT_S = 3600.0
BRINGS_PRICES = {"fetch", "import_bars"}
SAMPLE = "config/desk.sample.yaml"


class Drilled(NamedTuple):
    """How it went: `ok`, and the sentence health shows."""

    ok: bool
    detail: str


def drill(snapshot: Path, home: Path, folder: Path, clone: Path) -> Drilled:
    """Restore `snapshot` into `folder` (empty), and run a night of each desk there; nothing of `home` is touched."""
    try:
        count = restore(snapshot, folder)
        found = sealed.read(snapshot).get("databases")
        rows = sum(sum(each["tables"].values()) for each in found.values()) if isinstance(found, dict) else 0
        _lend(home, folder)
        nights = [_night(desk, folder, clone) for desk in _desks(folder)]
    except NightdeskError as error:
        return Drilled(False, str(error))
    except OSError as error:
        return Drilled(False, f"'{error.filename or folder}': {error.strerror}")
    return Drilled(True, f"{count} files, {rows} rows of databases, {' and '.join(nights)}")


def _desks(folder: Path) -> list[str]:
    own = [folder / "config/desk.yaml", *sorted((folder / "config/desks").glob("*.yaml"))]
    return [str(path) for path in own if path.is_file()] or [SAMPLE]


def _lend(home: Path, folder: Path) -> None:
    """Hard links (a bar is written by a rename: the original stays), or copies on another disk."""
    for name in LENT:
        if (home / name).is_dir() and not (folder / name).exists():
            shutil.copytree(home / name, folder / name, symlinks=True, copy_function=_linked)


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _night(desk: str, folder: Path, clone: Path) -> str:
    """A night of a desk on what was restored, without the network; the run it made, in words. Raises BadDataError."""
    env = {**os.environ, "NIGHTDESK_HOME": str(folder), "ALLOW_NET_FETCH": "0"}
    env.pop("OUTCOME_FD", None)
    if desk == SAMPLE and not (folder / "data/sample").exists():
        _run(["make_sample"], clone, env)
    before = {path.name for path in finished_runs(folder / "data/server_runs")}
    result = _run(["nightly", "--desk", desk], clone, env)
    new = [path for path in finished_runs(folder / "data/server_runs") if path.name not in before]
    if not new:
        raise BadDataError(f"no night could be run on what was restored ({Path(desk).name}): {result}")
    steps = sealed.read(new[-1]).get("steps")
    failed = [each for each in steps if each.get("outcome") != "ok"] if isinstance(steps, list) else []
    worse = [each for each in failed if each.get("step") not in BRINGS_PRICES]
    if worse:
        found = worse[0]
        raise BadDataError(f"in the night on what was restored {found.get('step')} failed: {found.get('reason')}")
    return f"a night of {Path(desk).stem}"


def _run(verb: list[str], clone: Path, env: Mapping[str, str]) -> str:
    """Run a verb of ours; its last line."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", f"pyjobs.{verb[0]}", *verb[1:]], cwd=clone, env=dict(env), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=NIGHT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"{verb[0]} did not end in {NIGHT_S:g} s"
    return (done.stdout.strip().rpartition("\n")[2] or "no output") + f" (exit {done.returncode})"


@contextlib.contextmanager
def empty_folder(other: Path) -> Iterator[Path]:
    """A new folder in `other`, removed at the end; first what earlier drills left there, not what one at work has."""
    other.mkdir(parents=True, exist_ok=True)
    must_answer(other)
    for left in other.glob(".drill-*"):
        if not is_being_built(left):
            shutil.rmtree(left, ignore_errors=True)
    folder = other / f".drill-{os.getpid()}"
    folder.mkdir(mode=0o700)
    holding = hold_folder(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if holding >= 0:
            os.close(holding)
