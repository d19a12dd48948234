"""Whether the last results can be believed: of one code and one data, with corporate actions that match something."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pyjobs.market.desk import doubts
from pyjobs.market.desk.desk_file import Desk
from pyjobs.runs import manifest
from pyjobs.runs.run_folder import finished_runs, started_at
from pyjobs.runs.verdict.findings import Check
from pyjobs.runs.verdict.records import AHEAD_S
from utils.errors import NightdeskError


def check_last_run(runs_dir: Path, now_s: float) -> Check:
    """The newest night that is not from later than now: unfinished steps, and inputs that changed under it."""
    until = datetime.fromtimestamp(now_s + AHEAD_S, UTC)
    known = [path for path in finished_runs(runs_dir) if (started_at(path.name) or until) <= until]
    if not known:
        return Check("run", "OK", "no night has been kept yet", "run")
    try:
        told = manifest.read(known[-1])
    except (NightdeskError, OSError) as error:
        return Check("run", "WARN", str(error), "run")
    mixed = told.get("mixed")
    if isinstance(mixed, list) and mixed:
        return Check("run", "WARN", f"{known[-1].name} is mixed: {'; '.join(map(str, mixed))}", "run")
    state = told.get("status")
    return Check("run", "OK" if state == "ok" else "WARN", f"{known[-1].name} of {told.get('session')}: {state}", "run")


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
