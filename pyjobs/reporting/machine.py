"""What the ops report sees around the run: disk, other runs, and what ran lately."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from pyjobs.reporting.pages.ops import HISTORY_SHOWN, Machine

HISTORY_TAIL_BYTES = 64 * 1024


def look_around(run_dir: Path, history: Path) -> Machine:
    """The state of the machine now. Runs are counted beside `run_dir`: folders with a manifest."""
    usage = shutil.disk_usage(run_dir)
    return Machine(
        disk_total=usage.total,
        disk_free=usage.free,
        run_bytes=sum(path.stat().st_size for path in run_dir.rglob("*") if path.is_file()),
        finished_runs=sum(1 for _ in run_dir.resolve().parent.glob("[!.]*/manifest.json")),
        history=last_entries(history, HISTORY_SHOWN),
    )


def last_entries(history: Path, count: int) -> list[dict[str, object]]:
    """The newest `count` entries of history.jsonl, oldest first. Torn lines are passed over; no file, no entries."""
    try:
        with history.open("rb") as handle:
            handle.seek(max(0, history.stat().st_size - HISTORY_TAIL_BYTES))
            lines = handle.read().split(b"\n")
    except OSError:
        return []
    entries = []
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            entries.append(entry)
    return entries[-count:]
