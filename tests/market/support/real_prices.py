"""The real prices outside the clone, read by hand: an answer to compare with must not come from our own readers."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np

from pyjobs.market.bars import Bars


def real_days(path: Path) -> dict[str, tuple[float, ...]]:
    """date -> open, high, low, close, volume of the days on which somebody traded."""
    with path.open(encoding="utf-8-sig", newline="") as lines:
        rows = {row[0]: tuple(float(cell.replace(",", "")) for cell in row[1:6]) for row in csv.reader(lines)}
    return {day: row for day, row in rows.items() if row[4] > 0 and min(row[:4]) > 0}


def real_candles(path: Path, step_ms: int) -> Bars:
    """Bitfinex's `[start, open, close, high, low, volume]`, as bars that are known by their close."""
    rows = np.array(json.loads(path.read_text()), float)
    start, open_, close, high, low, volume = rows[np.argsort(rows[:, 0])].T
    return Bars(ts_ms=start.astype(np.int64) + step_ms, open=open_, high=high, low=low, close=close, volume=volume)
