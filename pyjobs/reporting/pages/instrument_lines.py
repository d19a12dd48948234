"""From a desk's snapshot to the lines of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyjobs.market.desk.snapshot import Series, Snapshot
from pyjobs.reporting import numbers
from pyjobs.reporting.pages.context import context_of
from pyjobs.reporting.pages.instruments import Line
from pyjobs.strategy.scan import last_bar_signals
from pyjobs.strategy.signals import Setup
from utils.tables import Called, called

NOT_ON_DESK = "not on this desk"


def all_lines(snapshot: Snapshot, setups: Mapping[str, Setup]) -> list[Line]:
    """One line per instrument, in the desk's order."""
    name = _called(snapshot)
    return [line_of(series, setups, name) for series in snapshot.series]


def watched_lines(snapshot: Snapshot, setups: Mapping[str, Setup], symbols: Sequence[str]) -> list[Line]:
    """The lines of `symbols` in their order; a symbol of several instruments has several, an unknown one gets a line
    that names it as such.

    A symbol may be written `EXCHANGE:SYMBOL`.
    """
    lines, name = [], _called(snapshot)
    for symbol in symbols:
        found = [series for series in snapshot.series if symbol in _names(series)]
        lines += [line_of(series, setups, name) for series in found] or [Line(symbol=symbol, state=NOT_ON_DESK)]
    return lines


def line_of(series: Series, setups: Mapping[str, Setup], name: Called) -> Line:
    """The line of one instrument. A stale one, or one that is not scanned, has no signals."""
    each = series.instrument
    silent = series.stale or not each.scanned or not len(series.bars)
    signals = [] if silent else last_bar_signals(series.bars, setups)
    empty = "unreadable" if series.fault else "no bars"
    state = empty if not len(series.bars) else "stale" if series.stale else "ok"
    return Line(
        symbol=name(each.exchange, each.symbol),
        name=each.name,
        timeframe=each.timeframe,
        market=each.market,
        currency=each.currency,
        last_session=series.last_session.isoformat() if series.last_session else numbers.NOTHING,
        context=context_of(series.bars, timeframe=each.timeframe),
        signals=[f"{signal.setup} {signal.side}" for signal in signals],
        state=state,
    )


def _called(snapshot: Snapshot) -> Called:
    return called((each.instrument.exchange, each.instrument.symbol) for each in snapshot.series)


def _names(series: Series) -> tuple[str, str]:
    return series.instrument.symbol, f"{series.instrument.exchange}:{series.instrument.symbol}"
