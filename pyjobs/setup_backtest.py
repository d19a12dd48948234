"""Every trigger of each setup over the last 30, 90 and 180 days, and what came of it.

Writes backtests/setups.json, setups_30d.csv, setups_90d.csv, setups_180d.csv and triggers.csv into the run folder.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from pyjobs.account.desk.desk_setups import setups_of
from pyjobs.account.figures.overlap import WORTH
from pyjobs.account.figures.setup_stats import WINDOWS_DAYS, Row, Trigger, summarise, triggers, window_start
from pyjobs.account.portfolio.costs import Costs
from pyjobs.account.portfolio.lanes import costs_on
from pyjobs.market.bars import Bars, last
from pyjobs.market.desk import open_desk as rim
from pyjobs.market.desk.desk_file import Desk, Instrument
from pyjobs.market.desk.snapshot import Snapshot, session_of
from pyjobs.reporting import setup_figures
from pyjobs.reporting.tables import Column, text_table
from pyjobs.strategy.scan import longest_lookback
from pyjobs.strategy.signals import Setup, one_sided
from utils.exit_codes import ExitCode
from utils.run import run
from utils.text_files import write_csv, write_json

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
TABLE = (Column("setup"), Column("timeframe"), *setup_figures.COLUMNS, Column("verdict"))


def main(argv: Sequence[str] | None = None) -> int:
    """Follow every trigger, summarise by window, write, print; see the module."""
    args = rim.parser("setup_backtest", __doc__, out_required=True).parse_args(argv)
    path, snapshot = rim.opened(args)
    known = setups_of(snapshot, source=str(path), judged=True)
    setups = known.setups
    found = all_triggers(snapshot, setups, days=max(WINDOWS_DAYS))
    windows = [(days, rows_of(found, snapshot, setups, days)) for days in WINDOWS_DAYS]
    write_all(args.out / "backtests", snapshot, found, windows, known.notes)
    for days, rows in windows:
        print(f"{days} days to {snapshot.session}, after fees and tax")
        print(text_table(TABLE, [[row.setup, row.timeframe, *setup_figures.cells(row), row.verdict] for row in rows]))
    print("".join(f"{note}\n" for note in (WORTH, *known.notes)), end="")
    return ExitCode.OK


def all_triggers(snapshot: Snapshot, setups: Mapping[str, Setup], *, days: int) -> list[Trigger]:
    """Every trigger on traded and watched instruments in the last `days`, by instrument, setup and time."""
    found: list[Trigger] = []
    first, dates = window_start(snapshot.session, days), lru_cache(lambda market: lru_cache(None)(session_of(market)))
    for series in snapshot.series:
        instrument = series.instrument
        if not instrument.scanned or not len(series.bars):
            continue
        bars = looked_at(series.bars, first, longest_lookback(setups))
        costs, dated = costs_for(snapshot.desk, instrument), dates(instrument.market)
        for name, signals in ((n, each) for n, s in setups.items() for each in one_sided(s.signals(bars))):
            found += triggers(
                key=instrument.key,
                setup=name,
                bars=bars,
                signals=signals,
                costs=costs,
                first=first,
                session_of=dated,
            )
    return found


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


def rows_of(found: Sequence[Trigger], snapshot: Snapshot, setups: Mapping[str, Setup], days: int) -> list[Row]:
    """A row per setup and timeframe of the universe: bars of five minutes and of a day are not one experiment."""
    first = window_start(snapshot.session, days)
    inside = [trigger for trigger in found if trigger.session >= first]
    universe = [series.instrument for series in snapshot.series if series.instrument.scanned]
    timeframes = list(dict.fromkeys(instrument.timeframe for instrument in universe))
    return [summarise(inside, setup=name, timeframe=timeframe) for name in setups for timeframe in timeframes]


def write_all(
    folder: Path,
    snapshot: Snapshot,
    found: Sequence[Trigger],
    windows: Sequence[tuple[int, list[Row]]],
    notes: Sequence[str],
) -> None:
    """All files of the module's docstring."""
    for days, rows in windows:
        write_csv(folder / f"setups_{days}d.csv", ROW_COLUMNS, [list(dataclasses.astuple(row)) for row in rows])
    write_csv(folder / "triggers.csv", TRIGGER_COLUMNS, [trigger_cells(trigger) for trigger in found])
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


def trigger_cells(trigger: Trigger) -> list[object]:
    """One line of triggers.csv."""
    key, trade = trigger.key, trigger.trade
    outcome: list[object] = [None] * 6
    if trade is not None:
        outcome = [trade.entry_ts_ms, trade.entry_price, trade.exit_ts_ms, trade.exit_price]
        outcome += [trade.reason, trade.bars_held]
    session: dt.date = trigger.session
    signal = [trigger.ts_ms, session.isoformat(), trigger.close, trigger.stop, trigger.status]
    return [key.symbol, key.exchange, key.timeframe, trigger.setup, trigger.side, *signal, *outcome, trigger.net_return]


if __name__ == "__main__":
    sys.exit(run(main))
