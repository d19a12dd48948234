"""The history as a witness: the runs that are ours and not later than now; the rest is counted, never trusted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pyjobs.runs.job_history import JobRun, to_run
from pyjobs.runs.verdict.findings import Check, many
from utils import history
from utils.files import os_files

AHEAD_S = 60  # a record so little ahead of this clock is no riddle
MENDED_S = 86_400  # a day of good records behind one from the future: the clock has been set right since


class Records(NamedTuple):
    """`runs`: not later than now, in the order they ended. `foreign`: lines passed over. `future`: runs from later."""

    runs: list[JobRun]
    foreign: int = 0
    future: Sequence[JobRun] = ()
    mended: bool = False


def read(logs: Path, now_s: float) -> Records:
    """The runs of logs/history.jsonl (and those set aside) at `now_s`; none without the file. Raises OSError."""
    os_files.must_answer(logs)
    passed_over: list[str] = []
    found = list(history.read(logs, passed_over))  # read first: what it passes over is counted after
    return sorted_out(found, now_s, len(passed_over))


def sorted_out(records: Iterable[Mapping[str, Any]], now_s: float, foreign: int = 0) -> Records:
    """Records in the order of the file, judged: ours, foreign or absurd, or from the future."""
    runs: list[JobRun] = []
    future: list[JobRun] = []
    since: list[int] = []  # ends of the good records after the last one from the future
    for record in records:
        try:
            run = to_run(record)
        except (TypeError, ValueError, OverflowError):
            foreign += 1
            continue
        if max(run.start_s, run.end_s) > now_s + AHEAD_S:
            future.append(run)
            since.clear()
        else:
            runs.append(run)
            since.append(run.end_s)
    mended = bool(since) and max(since) - min(since) > MENDED_S
    return Records(sorted(runs, key=lambda run: (run.end_s, run.start_s)), foreign, future, mended)


def check_history(records: Records) -> Check:
    """How many lines were passed over; a torn or foreign one is no fault of tonight's."""
    text = many(len(records.runs), "run")
    text += f", {many(records.foreign, 'foreign or torn line')} passed over" if records.foreign else ""
    text += f", {len(records.future)} from later than now passed over" if records.future else ""
    return Check("history", "OK", text, "history")
