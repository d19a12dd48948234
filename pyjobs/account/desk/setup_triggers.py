"""Every trigger of each setup of a desk, and what came of it after fees and tax."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from pyjobs.account.figures.setup_stats import Row, summarise, window_start
from pyjobs.account.figures.triggers import Part, Triggers, part
from pyjobs.account.portfolio.costs import Costs
from pyjobs.account.portfolio.sleeves import costs_on
from pyjobs.account.portfolio.strategy_errors import StrategyErrors
from pyjobs.market.bars import Bars, last
from pyjobs.market.cache.release import one_at_a_time
from pyjobs.market.desk.desk_file import Desk, Instrument
from pyjobs.market.desk.snapshot import Snapshot, session_of
from pyjobs.strategy.scan import longest_lookback
from pyjobs.strategy.signals import Setup, Signals, one_sided
from pyjobs.strategy.trace import remembering

A_DAY = dt.timedelta(days=1)


def all_triggers(
    snapshot: Snapshot, setups: Mapping[str, Setup], *, days: int, strategy_errors: StrategyErrors | None = None
) -> Triggers:
    """Every trigger on traded and watched instruments in the last `days`, by instrument, setup and time.

    A setup that raises on an instrument has none there, and is reported to `strategy_errors`, where that is given.
    """
    found: list[Part] = []
    first, dates = window_start(snapshot.session, days), lru_cache(lambda market: lru_cache(None)(session_of(market)))
    alike: dict[tuple[str, str], Costs] = {}
    for series in one_at_a_time(snapshot.series, lambda each: each.bars):
        instrument = series.instrument
        if not instrument.scanned or not len(series.bars):
            continue
        bars = looked_at(series.bars, first, longest_lookback(setups))
        signals = _signals(series.instrument, bars, setups, strategy_errors)
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


def _signals(
    instrument: Instrument, bars: Bars, setups: Mapping[str, Setup], strategy_errors: StrategyErrors | None
) -> list[tuple[str, Signals]]:
    """Those of each setup and side; what several of them are made of is made once."""
    found, failed = [], {}
    with remembering():
        for name, setup in setups.items():
            try:
                found += [(name, each) for each in one_sided(setup.signals(bars))]
            except Exception as error:  # a strategy of one's own may raise anything
                if strategy_errors is None:
                    raise
                failed[name] = error
    if strategy_errors is not None:
        strategy_errors.add(instrument, failed)
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


def rows_of(found: Triggers, snapshot: Snapshot, setups: Mapping[str, Setup], days: int) -> list[Row]:
    """A row per setup and timeframe of the universe: bars of five minutes and of a day are not one experiment."""
    since = window_start(snapshot.session, days)
    universe = [series.instrument for series in snapshot.series if series.instrument.scanned]
    timeframes = list(dict.fromkeys(instrument.timeframe for instrument in universe))
    return [
        summarise(found, setup=name, timeframe=timeframe, since=since) for name in setups for timeframe in timeframes
    ]
