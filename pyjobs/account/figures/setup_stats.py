"""What came of every trigger of a setup: each taken alone, overlapping ones too, from the next open to its own end.

Intervals allow for the overlap (`pyjobs.account.figures.overlap`), and so does the verdict.

A trigger is a close at which the setup wants in (and not out). It is followed by the lifecycle all else uses, under the
setup's exit, stop and time limit; the account's own stop_loss and limits play no part. Returns are after fees and tax.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from pyjobs.account.figures.intervals import wilson
from pyjobs.account.figures.overlap import FEWEST_INDEPENDENT, Path, together
from pyjobs.account.portfolio.costs import Costs
from pyjobs.market.bars import TIMEFRAME_MS, Bars, SeriesKey
from pyjobs.strategy.lifecycle import Outcome, Rules, Tape, Trade, follow
from pyjobs.strategy.signals import Side, Signals

WINDOWS_DAYS = (30, 90, 180)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One trigger and its outcome.

    `status`: `closed`; `open` (marked to the last close); `pending` (no bar after the signal yet); `dropped` (the next
    open was at or beyond the stop). `trade` is None for the last two. `net_return` is after costs, a fraction of entry
    notional; an open trade's carries the cost of leaving now. `path`: of a closed one, bar by bar.
    """

    key: SeriesKey
    setup: str
    side: Side
    ts_ms: int
    session: dt.date
    close: float
    stop: float | None
    status: Outcome
    trade: Trade | None
    net_return: float | None
    path: Path | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One setup on one timeframe in one window; fractions over closed trades, None where undefined.

    `n_effective`: how many trades that share no bar would say as much as the closed ones do.
    """

    setup: str
    timeframe: str
    n: int
    n_closed: int
    n_open: int
    n_pending: int
    n_dropped: int
    n_effective: float | None
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
    rules, tape, found = Rules.of(signals), Tape.of(bars, signals), []
    times = bars.ts_ms
    wanted = np.flatnonzero(signals.entry & ~signals.exit)
    dated = [session_of(ts_ms) for ts_ms in times[wanted].tolist()]
    since = next((i for i, session in enumerate(dated) if session >= first), len(dated))
    numbers = wanted[since:].tolist()
    ended = follow(tape, numbers, rules)
    for t, session, (status, trade) in zip(numbers, dated[since:], ended, strict=True):
        net = None if trade is None else _net(costs, signals.side, trade)
        found.append(
            Trigger(
                key=key,
                setup=setup,
                side=signals.side,
                ts_ms=int(times[t]),
                session=session,
                close=float(bars.close[t]),
                stop=tape.level(t),
                status=status,
                trade=trade,
                net_return=net,
                path=path_of(bars, trade, net, key.timeframe)
                if trade and net is not None and status == "closed"
                else None,
            )
        )
    return found


def path_of(bars: Bars, trade: Trade, net: float, timeframe: str) -> Path:
    """What the trade made in each bar: from fill to close, close to close, close to fill; its costs spread evenly.

    The slot is the bar's time in bars of its length: of days, the UTC day it ends on.
    """
    first, last = np.searchsorted(bars.ts_ms, (trade.entry_ts_ms, trade.exit_ts_ms)).tolist()
    marks = np.concatenate(([trade.entry_price], bars.close[first:last], [trade.exit_price]))
    gross = np.diff(marks) / trade.entry_price * (1.0 if trade.side == "long" else -1.0)
    return Path(
        slots=(bars.ts_ms[first : last + 1] - 1) // TIMEFRAME_MS[timeframe],
        gains=gross + (net - gross.sum()) / gross.size,
    )


def window_start(session: dt.date, days: int) -> dt.date:
    """The first of the `days` calendar days that end with `session`, which is one of them."""
    return session - dt.timedelta(days=days - 1)


def summarise(found: Iterable[Trigger], *, setup: str, timeframe: str) -> Row:
    """n, win rate (a win is a net return above zero) with its Wilson interval, expectancy with its t interval.

    Both intervals are as wide as trades that overlap in time make them.
    """
    mine = [trigger for trigger in found if trigger.setup == setup and trigger.key.timeframe == timeframe]
    count = {status: sum(trigger.status == status for trigger in mine) for status in ("open", "pending", "dropped")}
    closed = [(t.trade, t.net_return) for t in mine if t.status == "closed" and t.trade and t.net_return is not None]
    returns, n = [net for _, net in closed], len(closed)
    win_rate = _mean([float(net > 0) for net in returns])
    pooled = together([t.path for t in mine if t.status == "closed" and t.path])
    n_effective = pooled.n_effective if pooled else min(float(n), 1.0)
    win_low, win_high = wilson((win_rate or 0.0) * n_effective, n_effective) or (None, None)
    return Row(
        setup=setup,
        timeframe=timeframe,
        n=len(mine),
        n_closed=n,
        n_open=count["open"],
        n_pending=count["pending"],
        n_dropped=count["dropped"],
        n_effective=n_effective if n else None,
        win_rate=win_rate,
        win_rate_low=win_low,
        win_rate_high=win_high,
        expectancy=_mean(returns),
        expectancy_low=pooled.low if pooled else None,
        expectancy_high=pooled.high if pooled else None,
        avg_hold_bars=_mean([float(trade.bars_held) for trade, _ in closed]),
        best=max(returns, default=None),
        worst=min(returns, default=None),
        verdict="ok" if n_effective >= FEWEST_INDEPENDENT else "too few",
    )


def _net(costs: Costs, side: Side, trade: Trade) -> float:
    return costs.at(trade.exit_ts_ms).net_return(side, trade.entry_price, trade.exit_price)


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
