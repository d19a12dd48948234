"""positions.csv: what an account holds after the last session, and what it would do at the next open."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pyjobs.account.figures.account_types import Position
from pyjobs.account.portfolio.simulate import REASON, AccountTrade, AccountTrades, Waiting
from pyjobs.market.bars import SeriesKey
from pyjobs.strategy.kernel import STILL_OPEN


def positions(
    account_trades: Sequence[AccountTrade], waiting: Sequence[Waiting], closes: Mapping[SeriesKey, float]
) -> list[Position]:
    """One line for each position (`next_open`: hold or leave), then one for each entry that waits (enter).

    `closes`: the last close by series, for what waits.
    """
    leaving = {(each.key, each.setup, each.side) for each in waiting if each.budget is None}
    held = [
        _held(account_trade, (account_trade.key, account_trade.setup, account_trade.trade.side) in leaving)
        for account_trade in still_open(account_trades)
    ]
    return held + [_entering(each, closes.get(each.key)) for each in waiting if each.budget is not None]


def still_open(account_trades: Sequence[AccountTrade]) -> list[AccountTrade]:
    """Those at the end that are not closed; an account writes them last, so the others are not made records for it."""
    if not isinstance(account_trades, AccountTrades):
        return [account_trade for account_trade in account_trades if account_trade.trade.reason == "open"]
    count = int((account_trades.trade(REASON) == STILL_OPEN).sum())
    return account_trades.last(count)


def _held(account_trade: AccountTrade, leaves: bool) -> Position:
    trade, key = account_trade.trade, account_trade.key
    return Position(
        next_open="leave" if leaves else "hold",
        symbol=key.symbol,
        exchange=key.exchange,
        timeframe=key.timeframe,
        setup=account_trade.setup,
        side=trade.side,
        quantity=account_trade.quantity,
        entry_ts_ms=trade.entry_ts_ms,
        entry_price=trade.entry_price,
        last_ts_ms=trade.exit_ts_ms,
        last_price=trade.exit_price,
        stop=None if trade.stop is None or math.isnan(trade.stop) else trade.stop,
        pnl=account_trade.pnl,
        net_return=account_trade.net_return,
        currency=account_trade.currency,
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
