"""Splits, from a file beside the dumps, worked into raw series when they are read; the store keeps what was traded.

corporate_actions.csv has columns symbol, session, action, ratio, note. A split of ratio 50:1 makes fifty shares of one,
first traded on `session`: older prices are divided by fifty and older volumes multiplied. A reverse split is 1:10.
Series that the desk calls adjusted are left alone.
"""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from pyjobs.market.bars import Bars
from pyjobs.market.desk import Desk
from pyjobs.market.snapshot import Snapshot, session_of
from utils import paths
from utils.errors import BadDataError

FILE = "corporate_actions.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """`ratio` new shares for one old, first traded on `session`."""

    symbol: str
    session: dt.date
    ratio: float


def file_of(desk: Desk) -> Path:
    """Where a desk's corporate actions stand, whether there are any or not: beside its dumps."""
    return paths.root() / desk.dumps / FILE


def read_splits(path: Path) -> list[Split]:
    """Every split in the file, by session; none without a file. Other actions are not ours and are passed over.

    Raises BadDataError naming the line for a split whose session or ratio cannot be read.
    """
    if not path.is_file():
        return []
    found = []
    with path.open(encoding="utf-8-sig", newline="") as handle:
        for number, row in enumerate(csv.DictReader(handle), 2):
            if row.get("action") != "split":
                continue
            try:
                new, _, old = row["ratio"].partition(":")
                ratio = float(new) / float(old or 1)
                split = Split(symbol=row["symbol"], session=dt.date.fromisoformat(row["session"]), ratio=ratio)
            except (KeyError, TypeError, ValueError, ZeroDivisionError):
                raise BadDataError(f"{path}: line {number}: not a split like '2018-05-04,split,50:1': {row}") from None
            if not 0 < ratio < float("inf"):
                raise BadDataError(f"{path}: line {number}: ratio {row['ratio']!r} is not more than zero")
            found.append(split)
    return sorted(found, key=lambda split: (split.session, split.symbol))


def adjusted(bars: Bars, splits: Sequence[Split], sessions: Sequence[dt.date]) -> Bars:
    """Bars in today's shares: each divided by the ratio of every split after its session (`sessions`: one per bar)."""
    factor = np.ones(len(bars))
    days = np.array(sessions, dtype="datetime64[D]")
    for split in splits:
        factor[days < np.datetime64(split.session)] *= split.ratio
    prices = {name: getattr(bars, name) / factor for name in ("open", "high", "low", "close")}
    return Bars(ts_ms=bars.ts_ms, volume=bars.volume * factor, **prices)


def honoured(snapshot: Snapshot, splits: Sequence[Split]) -> tuple[Snapshot, dict[str, list[str]]]:
    """The snapshot with the splits up to its session worked into its raw series, and which were: symbol -> sessions.

    Those series are called adjusted from then on: their prices are not on the exchange's grid. A split after the
    snapshot's session is not known yet and changes nothing.
    """
    worked: dict[str, list[str]] = {}
    series = []
    for each in snapshot.series:
        instrument = each.instrument
        mine = [s for s in splits if s.symbol == instrument.symbol and s.session <= snapshot.session]
        if mine and instrument.prices == "raw" and len(each.bars):
            dated = session_of(instrument.market)
            sessions = [dated(ts_ms) for ts_ms in each.bars.ts_ms.tolist()]
            instrument = msgspec.structs.replace(instrument, prices="adjusted")
            each = dataclasses.replace(each, instrument=instrument, bars=adjusted(each.bars, mine, sessions))
            worked[instrument.symbol] = [split.session.isoformat() for split in mine]
        series.append(each)
    return dataclasses.replace(snapshot, series=tuple(series)), worked


def on_desk(snapshot: Snapshot) -> Snapshot:
    """The snapshot with what stands in the desk's own file worked in. Raises as `read_splits`."""
    return honoured(snapshot, read_splits(file_of(snapshot.desk)))[0]


def described(worked: Mapping[str, Sequence[str]]) -> list[str]:
    """`SMP004 split 2023-05-04`, one per split."""
    return [f"{symbol} split {session}" for symbol, sessions in worked.items() for session in sessions]
