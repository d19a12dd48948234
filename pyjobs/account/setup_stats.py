"""What came of every trigger of a setup: each taken alone, overlapping ones too, from the next open to its own end.

A trigger is a close at which the setup wants in (and not out). It is followed by the lifecycle all else uses, under the
setup's exit, stop and time limit; the account's own stop_loss and limits play no part. Returns are after fees and tax.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pyjobs.account.costs import Costs
from pyjobs.account.intervals import mean_interval, wilson
from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.strategy.lifecycle import Rules, State, Tape, Trade, follow, mark
from pyjobs.strategy.signals import Side, Signals

WINDOWS_DAYS = (30, 90, 180)
# Below ten closed trades even a setup that always wins has a Wilson interval reaching down to 72 %: no verdict.
FEWEST_CLOSED = 10

Status = Literal["closed", "open", "pending", "dropped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One trigger and its outcome.

    `status`: `closed`; `open` (marked to the last close); `pending` (no bar after the signal yet); `dropped` (the next
    open was at or beyond the stop). `trade` is None for the last two. `net_return` is after costs, a fraction of entry
    notional; an open trade's carries the cost of leaving now.
    """

    key: SeriesKey
    setup: str
    side: Side
    ts_ms: int
    session: dt.date
    close: float
    stop: float | None
    status: Status
    trade: Trade | None
    net_return: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One setup on one timeframe in one window; fractions over closed trades, None where undefined."""

    setup: str
    timeframe: str
    n: int
    n_closed: int
    n_open: int
    n_pending: int
    n_dropped: int
    win_rate: float | None
    win_rate_low: float | None
    win_rate_high: float | None
    expectancy: float | None
    expectancy_low: float | None
    expectancy_high: float | None
    avg_hold_bars: float | None
    best: float | None
    worst: float | None
    verdict: Literal["ok", "too few"]


def triggers(
    *,
    key: SeriesKey,
    setup: str,
    bars: Bars,
    signals: Signals,
    costs: Costs,
    first: dt.date,
    session_of: Callable[[int], dt.date],
) -> list[Trigger]:
    """Every trigger whose session is not before `first`, oldest first. `session_of` dates a bar by its `ts_ms`."""
    rules = Rules.of(signals)
    tape, found = Tape.of(bars, signals), []
    for t in reversed(np.flatnonzero(signals.entry & ~signals.exit).tolist()):
        session = session_of(tape.ts_ms[t])
        if session < first:
            break
        state, trade = follow(tape, t, rules)
        marked = trade or mark(state, rules, tape.ts_ms[-1], tape.close[-1])
        found.append(
            Trigger(
                key=key,
                setup=setup,
                side=signals.side,
                ts_ms=tape.ts_ms[t],
                session=session,
                close=tape.close[t],
                stop=tape.level(t),
                status=_status(state, trade),
                trade=marked,
                net_return=None
                if marked is None
                else costs.at(marked.exit_ts_ms).net_return(signals.side, marked.entry_price, marked.exit_price),
            )
        )
    return found[::-1]


def window_start(session: dt.date, days: int) -> dt.date:
    """The first of the `days` calendar days that end with `session`, which is one of them."""
    return session - dt.timedelta(days=days - 1)


def summarise(found: Iterable[Trigger], *, setup: str, timeframe: str) -> Row:
    """n, win rate (a win is a net return above zero) with its Wilson interval, expectancy with its t interval."""
    mine = [trigger for trigger in found if trigger.setup == setup and trigger.key.timeframe == timeframe]
    count = {status: sum(trigger.status == status for trigger in mine) for status in ("open", "pending", "dropped")}
    closed = [(t.trade, t.net_return) for t in mine if t.status == "closed" and t.trade and t.net_return is not None]
    returns, n = [net for _, net in closed], len(closed)
    wins = sum(net > 0 for net in returns)
    win_low, win_high = wilson(wins, n) or (None, None)
    low, high = mean_interval(returns) or (None, None)
    return Row(
        setup=setup,
        timeframe=timeframe,
        n=len(mine),
        n_closed=n,
        n_open=count["open"],
        n_pending=count["pending"],
        n_dropped=count["dropped"],
        win_rate=_mean([float(net > 0) for net in returns]),
        win_rate_low=win_low,
        win_rate_high=win_high,
        expectancy=_mean(returns),
        expectancy_low=low,
        expectancy_high=high,
        avg_hold_bars=_mean([float(trade.bars_held) for trade, _ in closed]),
        best=max(returns, default=None),
        worst=min(returns, default=None),
        verdict="ok" if n >= FEWEST_CLOSED else "too few",
    )


def _status(state: State, trade: Trade | None) -> Status:
    if trade is not None:
        return "closed"
    return {"flat": "dropped", "entering": "pending"}.get(state.phase, "open")  # type: ignore[return-value]


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
