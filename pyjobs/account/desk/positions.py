"""positions.csv: what an account holds after the last session, and what it would do at the next open."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pyjobs.account.portfolio.simulate import REASON, Deal, Deals, Waiting
from pyjobs.market.bars import SeriesKey
from pyjobs.strategy.kernel import STILL_OPEN

POSITION_COLUMNS = (
    *("next_open", "symbol", "exchange", "timeframe", "setup", "side", "quantity", "entry_ts_ms", "entry_price"),
    *("last_ts_ms", "last_price", "stop", "pnl", "return", "currency", "signal_ts_ms", "budget"),
)


def position_rows(
    deals: Sequence[Deal], waiting: Sequence[Waiting], closes: Mapping[SeriesKey, float]
) -> list[list[object]]:
    """One line for each position (`next_open`: hold or leave), then one for each entry that waits (enter).

    Prices in the instrument's currency; `pnl` and `budget` in the account's; `return` a fraction of the entry's
    notional before the cost of leaving. `closes`: the last close by series, for what waits. None: not known yet.
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


def _held(deal: Deal, leaves: bool) -> list[object]:
    trade, key = deal.trade, deal.key
    stop = None if trade.stop is None or math.isnan(trade.stop) else trade.stop
    return [
        *("leave" if leaves else "hold", key.symbol, key.exchange, key.timeframe, deal.setup, trade.side),
        *(deal.quantity, trade.entry_ts_ms, trade.entry_price, trade.exit_ts_ms, trade.exit_price, stop),
        *(deal.pnl, deal.net_return, deal.currency, None, None),
    ]


def _entering(each: Waiting, close: float | None) -> list[object]:
    key = each.key
    return [
        *("enter", key.symbol, key.exchange, key.timeframe, each.setup, each.side, None, None, None),
        *(None, close, None, None, None, None, each.signal_ts_ms, each.budget),
    ]
