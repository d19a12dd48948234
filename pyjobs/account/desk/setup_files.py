"""setups.json, setups_<days>d.csv and triggers.csv of a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pyjobs.account.figures.setup_stats import HELD, Row, Setups, Window, window_start
from pyjobs.account.figures.triggers import ENTRY_PRICE, ENTRY_TS, EXIT_PRICE, EXIT_TS, OPEN, STATUSES, Triggers
from pyjobs.market.desk.snapshot import Snapshot
from pyjobs.strategy.lifecycle import REASONS
from utils.csv_text import lines as csv_lines
from utils.files.text_files import write_csv, write_json, write_lines

LINES_AT_ONCE = 4096
REASON = 7  # the place of the reason in a trade, as the kernel writes it
ROW_COLUMNS = tuple(field.name for field in dataclasses.fields(Row))
TRIGGER_COLUMNS = (
    "symbol",
    "exchange",
    "timeframe",
    "setup",
    "side",
    "ts_ms",
    "session",
    "close",
    "stop",
    "status",
    "entry_ts_ms",
    "entry_price",
    "exit_ts_ms",
    "exit_price",
    "reason",
    "hold_bars",
    "net_return",
)


def write_setups(
    folder: Path,
    snapshot: Snapshot,
    found: Triggers,
    windows: Sequence[tuple[int, list[Row]]],
    notes: Sequence[str],
) -> None:
    """Write all of them into `folder`. `windows`: days and rows of each."""
    for days, rows in windows:
        write_csv(folder / f"setups_{days}d.csv", ROW_COLUMNS, [list(dataclasses.astuple(row)) for row in rows])
    write_lines(folder / "triggers.csv", TRIGGER_COLUMNS, trigger_lines(found))
    session = snapshot.session
    content = Setups(
        desk=snapshot.desk.name,
        session=session.isoformat(),
        notes=list(notes),
        windows=[
            Window(days=days, start=window_start(session, days).isoformat(), end=session.isoformat(), rows=rows)
            for days, rows in windows
        ],
    )
    write_json(folder / "setups.json", content)


def trigger_lines(found: Triggers) -> Iterator[bytes]:
    """The lines of triggers.csv, some thousands at a time."""
    labels = csv_lines.Labels()
    names = np.array(
        [labels.number(each.key.symbol, each.key.exchange, each.key.timeframe, each.setup, each.side)
         for each in found.parts], np.int64,
    )  # fmt: skip
    statuses, reasons = (np.array([labels.number(each) for each in texts]) for texts in (STATUSES, REASONS))
    for piece in csv_lines.pieces(len(found), LINES_AT_ONCE):
        status = found.status[piece]
        trades = np.where((status > OPEN)[:, None], np.nan, found.trades[piece])
        sessions = np.array([labels.number(session.isoformat()) for session in found.sessions[piece]])
        signal = (csv_lines.numbers(each[piece]) for each in (found.ts_ms, found.close, found.stop))
        ts_ms, close, stop = signal
        entry, leave, held = (csv_lines.whole(trades[:, place]) for place in (ENTRY_TS, EXIT_TS, HELD))
        bought, sold = (csv_lines.numbers(trades[:, place]) for place in (ENTRY_PRICE, EXIT_PRICE))
        ended = np.where(status > OPEN, 0.0, found.trades[piece][:, REASON]).astype(np.int64)
        why = np.where(status > OPEN, labels.NOTHING, reasons[ended])
        outcome = (entry, bought, leave, sold, labels.column(why), held)
        own, decided = labels.column(names[found.part_of[piece]]), labels.column(statuses[status])
        yield labels.lines(
            (own, ts_ms, labels.column(sessions), close, stop, decided, *outcome,
             csv_lines.numbers(found.net_return[piece]))
        )  # fmt: skip
