"""positions.csv: what an account holds after the last session, and what it would do at the next open."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pyjobs.account.figures.account_types import Position
from pyjobs.account.portfolio.simulate import REASON, Deal, Deals, Waiting
from pyjobs.market.bars import SeriesKey
from pyjobs.strategy.kernel import STILL_OPEN


def positions(deals: Sequence[Deal], waiting: Sequence[Waiting], closes: Mapping[SeriesKey, float]) -> list[Position]:
    """One line for each position (`next_open`: hold or leave), then one for each entry that waits (enter).

    `closes`: the last close by series, for what waits.
    """
    leaving = {(each.key, each.setup, each.side) for each in waiting if each.budget is None}
    held = [_held(deal, (deal.key, deal.setup, deal.trade.side) in leaving) for deal in still_open(deals)]
    return held + [_entering(each, closes.get(each.key)) for each in waiting if each.budget is not None]


def still_open(deals: Sequence[Deal]) -> list[Deal]:
    """Those at the end that are not closed; an account writes them last, so the others are not made records for it."""
    if not isinstance(deals, Deals):
        return [deal for deal in deals if deal.trade.reason == "open"]
    count = int((deals.trade(REASON) == STILL_OPEN).sum())
    return deals.last(count)


def _held(deal: Deal, leaves: bool) -> Position:
    trade, key = deal.trade, deal.key
    return Position(
        next_open="leave" if leaves else "hold",
        symbol=key.symbol,
        exchange=key.exchange,
        timeframe=key.timeframe,
        setup=deal.setup,
        side=trade.side,
        quantity=deal.quantity,
        entry_ts_ms=trade.entry_ts_ms,
        entry_price=trade.entry_price,
        last_ts_ms=trade.exit_ts_ms,
        last_price=trade.exit_price,
        stop=None if trade.stop is None or math.isnan(trade.stop) else trade.stop,
        pnl=deal.pnl,
        net_return=deal.net_return,
        currency=deal.currency,
    )


def _entering(each: Waiting, close: float | None) -> Position:
    key = each.key
    return Position(
        next_open="enter",
        symbol=key.symbol,
        exchange=key.exchange,
        timeframe=key.timeframe,
        setup=each.setup,
        side=each.side,
        last_price=close,
        signal_ts_ms=each.signal_ts_ms,
        budget=each.budget,
    )
