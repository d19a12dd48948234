"""The history of jobs as a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyjobs.frames.columns import typed
from utils import history as lines
from utils import paths

if TYPE_CHECKING:
    import pandas as pd


def history() -> pd.DataFrame:
    """Every run of a job, oldest first, from logs/history.jsonl and those set aside before it.

    Columns job, instance (str), session (the market's date), start, end (UTC), seconds (float64), attempts, code
    (Int64: what cron saw), outcome (ok, skip:…, fail …), kind, provider (str; of failures outside), log (its path).
    Lines that are no records are passed over.
    """
    rows = []
    for record in lines.read(paths.logs_dir()):
        start, end = (_ms(record.get(name)) for name in ("start", "end"))
        seconds = None if start is None or end is None else (end - start) / 1000
        rows.append({**record, "start": start, "end": end, "seconds": seconds})
    texts = dict.fromkeys(("outcome", "kind", "provider", "log"), "str")
    return typed(
        rows,
        {
            "job": "str", "instance": "str", "session": "date", "start": "utc", "end": "utc", "seconds": "float64",
            "attempts": "Int64", "code": "Int64", **texts,
        },
    )  # fmt: skip


def _ms(seconds: object) -> int | None:
    return round(seconds * 1000) if isinstance(seconds, int | float) else None
