"""What the ops report sees around the run: disk, other runs, and what ran lately."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from pyjobs.reporting.pages.ops import HISTORY_SHOWN, Machine
from pyjobs.runs import forecast
from pyjobs.runs.job_history import to_run
from pyjobs.runs.run_folder import finished_runs
from pyjobs.runs.witness import inputs_of, mixed, read
from utils import clock
from utils.files import os_files
from utils.files.os_files import files_below, held

HISTORY_TAIL_BYTES = 64 * 1024
AHEAD_S = 60


def look_around(run_dir: Path, history: Path, newest: Mapping[str, str] | None = None) -> Machine:
    """The state of the machine now. Runs are counted in the folder of `run_dir`: folders with a manifest.

    `newest`: of each series in the store (`exchange:symbol:timeframe`) the session of its newest bar.
    """
    usage = shutil.disk_usage(run_dir)
    return Machine(
        disk_total=usage.total,
        disk_free=usage.free,
        run_bytes=sum(map(_size, files_below(run_dir))),
        finished_runs=len(finished_runs(os_files.real(run_dir).parent)),
        forecast=forecast.of_runs(os_files.real(run_dir).parent, free_bytes=usage.free, environ=os.environ).sentence(),
        mixed=mixed(inputs_of(read(run_dir))),
        newest=newest or {},
        history=last_entries(history, HISTORY_SHOWN, clock.now_s()),
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # gone, or out of reach since
        return 0


def last_entries(history: Path, count: int, now_s: float) -> list[dict[str, object]]:
    """The newest `count` entries of history.jsonl, oldest first. Torn and foreign lines, and runs from later
    than now, are passed over; no file, no entries."""
    try:
        with held(history) as handle:
            handle.seek(max(0, history.stat().st_size - HISTORY_TAIL_BYTES))
            lines = handle.read().split(b"\n")
    except OSError:
        return []
    entries = []
    for line in lines:
        try:
            entry = json.loads(line)
            run = to_run(entry)
        except (ValueError, AttributeError, RecursionError):
            continue  # torn, or not ours
        if run.end_s <= now_s + AHEAD_S:
            entries.append(entry)
    return entries[-count:]
