"""Every trigger of each setup over the last 30, 90 and 180 days, and what came of it.

Writes backtests/setups.json, setups_30d.csv, setups_90d.csv, setups_180d.csv and triggers.csv into the run folder.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from pyjobs.account.desk.desk_setups import check_desk, setups_of
from pyjobs.account.figures.overlap import WORTH
from pyjobs.account.figures.setup_stats import HELD, WINDOWS_DAYS, Row, summarise, window_start
from pyjobs.account.figures.triggers import (
    ENTRY_PRICE,
    ENTRY_TS,
    EXIT_PRICE,
    EXIT_TS,
    OPEN,
    STATUSES,
    Part,
    Triggers,
    part,
)
from pyjobs.account.portfolio.costs import Costs
from pyjobs.account.portfolio.lanes import costs_on
from pyjobs.market.bars import Bars, last
from pyjobs.market.cache.column_file import done_with
from pyjobs.market.desk import open_desk as rim
from pyjobs.market.desk.desk_file import Desk, Instrument
from pyjobs.market.desk.snapshot import Snapshot, refuse_unread, session_of
from pyjobs.reporting import setup_figures
from pyjobs.reporting.tables import Column, text_table
from pyjobs.strategy.lifecycle import REASONS
from pyjobs.strategy.scan import longest_lookback
from pyjobs.strategy.signals import Setup, one_sided
from pyjobs.strategy.trace import remembering
from utils.csv_text import lines as csv_lines
from utils.exit_codes import ExitCode
from utils.files.text_files import write_csv, write_json, write_lines
from utils.run import run

LINES_AT_ONCE = 4096
REASON = 7  # the place of the reason in a trade, as the kernel writes it
A_DAY = dt.timedelta(days=1)
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
TABLE = (Column("setup"), Column("timeframe"), *setup_figures.COLUMNS, Column("trades are"))


def main(argv: Sequence[str] | None = None) -> int:
    """Follow every trigger, summarise by window, write, print; see the module."""
    args = rim.parser("setup_backtest", __doc__, out_required=True).parse_args(argv)
    path, snapshot = rim.opened(args, check_desk)
    known = setups_of(snapshot, source=str(path), judged=True)
    setups = known.setups
    found = all_triggers(snapshot, setups, days=max(WINDOWS_DAYS))
    windows = [(days, rows_of(found, snapshot, setups, days)) for days in WINDOWS_DAYS]
    write_all(args.out / "backtests", snapshot, found, windows, known.notes)
    for days, rows in windows:
        print(f"{days} days to {snapshot.session}, after fees and tax")
        print(
            text_table(
                TABLE,
                [
                    [row.setup, row.timeframe, *setup_figures.cells(row), setup_figures.enough(row.verdict)]
                    for row in rows
                ],
            )
        )
    print("".join(f"{note}\n" for note in (WORTH, *known.notes)), end="")
    refuse_unread(snapshot)
    return ExitCode.OK


def all_triggers(snapshot: Snapshot, setups: Mapping[str, Setup], *, days: int) -> Triggers:
    """Every trigger on traded and watched instruments in the last `days`, by instrument, setup and time."""
    found: list[Part] = []
    first, dates = window_start(snapshot.session, days), lru_cache(lambda market: lru_cache(None)(session_of(market)))
    alike: dict[tuple[str, str], Costs] = {}
    for series in snapshot.series:
        instrument = series.instrument
        if not instrument.scanned or not len(series.bars):
            continue
        bars = looked_at(series.bars, first, longest_lookback(setups))
        done_with(series.bars)
        with remembering():
            signals = [(name, each) for name, setup in setups.items() for each in one_sided(setup.signals(bars))]
        kind = instrument.currency, instrument.kind
        costs = alike[kind] = alike[kind] if kind in alike else costs_for(snapshot.desk, instrument)
        found += [
            part(
                key=instrument.key,
                setup=name,
                bars=bars,
                signals=each,
                costs=costs,
                first=first,
                session_of=dates(instrument.market),
            )
            for name, each in signals
        ]
    return Triggers(found)


def looked_at(bars: Bars, first: dt.date, lookback: int) -> Bars:
    """The bars from `first` on, and before them what a setup looks back on: no signal depends on more."""
    begins = dt.datetime.combine(first - A_DAY, dt.time(), dt.UTC)  # east of it, a date begins earlier than in UTC
    from_first = len(bars) - int(np.searchsorted(bars.ts_ms, int(begins.timestamp() * 1000)))
    return last(bars, from_first + lookback).together()


def costs_for(desk: Desk, instrument: Instrument) -> Costs:
    """As the desk's first account in its currency pays them, else the first that trades it; none without either."""
    accounts = list(desk.accounts.values())
    at_home = [account for account in accounts if account.currency == instrument.currency]
    abroad = [account for account in accounts if instrument.currency in account.trades]
    return next((costs_on(account, instrument) for account in (*at_home, *abroad)), Costs())


def rows_of(found: Triggers, snapshot: Snapshot, setups: Mapping[str, Setup], days: int) -> list[Row]:
    """A row per setup and timeframe of the universe: bars of five minutes and of a day are not one experiment."""
    since = window_start(snapshot.session, days)
    universe = [series.instrument for series in snapshot.series if series.instrument.scanned]
    timeframes = list(dict.fromkeys(instrument.timeframe for instrument in universe))
    return [
        summarise(found, setup=name, timeframe=timeframe, since=since) for name in setups for timeframe in timeframes
    ]


def write_all(
    folder: Path,
    snapshot: Snapshot,
    found: Triggers,
    windows: Sequence[tuple[int, list[Row]]],
    notes: Sequence[str],
) -> None:
    """All files of the module's docstring."""
    for days, rows in windows:
        write_csv(folder / f"setups_{days}d.csv", ROW_COLUMNS, [list(dataclasses.astuple(row)) for row in rows])
    write_lines(folder / "triggers.csv", TRIGGER_COLUMNS, trigger_lines(found))
    content = {
        "desk": snapshot.desk.name,
        "session": snapshot.session.isoformat(),
        "notes": list(notes),
        "windows": [
            {
                "days": days,
                "start": window_start(snapshot.session, days).isoformat(),
                "end": snapshot.session.isoformat(),
                "rows": [dataclasses.asdict(row) for row in rows],
            }
            for days, rows in windows
        ],
    }
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


if __name__ == "__main__":
    sys.exit(run(main))
