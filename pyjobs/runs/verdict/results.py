"""Whether the last results can be trusted: of one code and one data, with corporate actions that match something."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pyjobs.market.desk import doubts
from pyjobs.market.desk.desk_file import Desk
from pyjobs.runs import forecast, manifest
from pyjobs.runs.run_folder import finished_runs, started_at
from pyjobs.runs.verdict.findings import Check
from pyjobs.runs.verdict.records import AHEAD_S
from utils.errors import NightdeskError
from utils.foreign_text import quoted


def check_last_runs(runs_dir: Path, now_s: float, desks: Sequence[str]) -> list[Check]:
    """The newest night of each desk that is not from later than now: unfinished steps, inputs that changed under it.

    Without `desks` it is the newest night of all; manifests are read from the newest on, until each desk has been met.
    """
    until = datetime.fromtimestamp(now_s + AHEAD_S, UTC)
    known = [path for path in finished_runs(runs_dir) if (started_at(path.name) or until) <= until]
    if not desks:
        return [_last_run("run", known[-1]) if known else Check("run", "OK", "no night has been kept yet", "run")]
    found: dict[str, Check] = {}
    unread: list[Check] = []
    for path in reversed(known):
        if len(found) == len(desks):
            break
        try:
            name = str(manifest.read(path).get("desk"))
        except (NightdeskError, OSError) as error:
            unread = unread or [Check("run", "WARN", str(error), "run")]
            continue
        if name in desks and name not in found:
            found[name] = _last_run(f"run {name}", path)
    none = [Check(f"run {name}", "OK", "no night has been kept yet", "run") for name in desks if name not in found]
    return [*unread, *found.values(), *none]


def _last_run(name: str, path: Path) -> Check:
    try:
        record = manifest.read(path)
    except (NightdeskError, OSError) as error:
        return Check(name, "WARN", str(error), "run")
    mixed = record.get("mixed")
    if isinstance(mixed, list) and mixed:
        return Check(name, "WARN", f"{path.name} is mixed: {quoted('; '.join(map(str, mixed)))}", "run")
    state = record.get("status")
    return Check(
        name,
        "OK" if state == "ok" else "WARN",
        f"{path.name} of {quoted(record.get('session'), 80)}: {quoted(state, 80)}",
        "run",
    )


def check_storage(runs_dir: Path, free_bytes: int) -> Check:
    """What the nights take a year, and when the disk is full: a WARN when that is within thirty nights."""
    found = forecast.of_runs(runs_dir, free_bytes=free_bytes, environ=os.environ)
    soon = found.nights_left is not None and found.nights_left < forecast.FEW_NIGHTS
    return Check("storage", "WARN" if soon else "OK", found.sentence(), "storage")


def check_actions(desk: Desk) -> list[Check]:
    """The desk's file of splits and dividends: refused as a whole, or lines that match nothing."""
    try:
        found = doubts.of_desk(desk)
    except (NightdeskError, OSError) as error:
        return [Check("actions", "FAIL", str(error), "actions")]
    if not found:
        return [Check("actions", "OK", "every corporate action matches an instrument and a session", "actions")]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return [Check("actions", "WARN", found[0].removeprefix("[WARN] ") + more, "actions")]
