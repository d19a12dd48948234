"""Whether what cannot be made again is backed up, and whether a restore has been tried."""

from __future__ import annotations

from pathlib import Path

from pyjobs.runs.verdict.findings import Check
from pyjobs.runs.verdict.records import AHEAD_S
from utils.files.os_files import read_json
from utils.foreign_text import quoted

DAY_S = 86_400.0
BACKUP_DAYS, DRILL_DAYS = 3, 45
FAR_S = 1e12  # later than any clock
BACKUP, DRILL = "backups.json", "drill.json"


def check_backup(data_dir: Path, now_s: float) -> Check:
    """OK with a note where none was ever made (a choice); else the age and the result of the last backup and drill.

    A drill has DRILL_DAYS from the first backup on. Stamps from later than now are passed over: they cannot be.
    """
    backup, drill = _read(data_dir / BACKUP, now_s), _read(data_dir / DRILL, now_s)
    if not backup:
        return Check("backup", "OK", "none has been made here: batch/run_backup.sh makes one", "backup")
    age = (now_s - _at(backup)) / DAY_S
    late = age > BACKUP_DAYS
    text = f"{quoted(backup.get('snapshot'))} in {quoted(backup.get('to'))}, {_days(age)} old"
    bad = backup.get("problems")
    if isinstance(bad, list) and bad:
        return Check("backup", "FAIL", f"{text}, without {quoted(bad[0])}", "backup")
    if drill.get("ok") is False:
        return Check("backup", "FAIL", f"{text}; the restore drill failed: {quoted(drill.get('detail'))}", "backup")
    first_s = _at(backup, "first_at_s")
    if not drill and first_s and 0 <= now_s - first_s <= DRILL_DAYS * DAY_S:
        text += "; not yet restored: batch/run_drill.sh tries it"
        return Check("backup", "WARN" if late else "OK", text, "backup")
    if not drill:
        return Check("backup", "WARN", f"{text}; no restore has been tried: batch/run_drill.sh", "backup")
    drilled = (now_s - _at(drill)) / DAY_S
    old = late or drilled > DRILL_DAYS
    text += f"; restored {_days(drilled)} ago: {quoted(drill.get('detail'))}"
    return Check("backup", "WARN" if old else "OK", text, "backup")


def _read(path: Path, now_s: float) -> dict[str, object]:
    try:
        record = read_json(path)
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) and 0 < _at(record) <= now_s + AHEAD_S else {}


def _at(record: dict[str, object], name: str = "at_s") -> float:
    at_s = record.get(name)
    return float(at_s) if isinstance(at_s, int | float) and -FAR_S < at_s < FAR_S else 0.0


def _days(days: float) -> str:
    return f"{days:.0f} days" if days >= 2 else f"{days * 24:.0f} hours"
