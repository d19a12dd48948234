"""The rows of equity_curve.csv and trades.csv, the same wherever an account is run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pyjobs.account.figures.performance import CurvePoint
from pyjobs.account.portfolio import seats
from pyjobs.account.portfolio.simulate import Deal, Deals
from pyjobs.strategy import kernel
from pyjobs.strategy.lifecycle import REASONS

CURVE_COLUMNS = ("session", "ts_ms", "equity", "cash", "exposure", "n_positions")
TRADE_COLUMNS = (
    "symbol",
    "side",
    "setup",
    "signal_ts_ms",
    "entry_ts_ms",
    "entry_price",
    "quantity",
    "stop",
    "exit_ts_ms",
    "exit_price",
    "reason",
    "fees",
    "pnl",
    "return",
    "exchange",
    "timeframe",
    "currency",
    "entry_rate",
    "exit_rate",
)


def curve_cells(point: CurvePoint) -> list[object]:
    """One line of equity_curve.csv."""
    return [point.session, point.ts_ms, point.equity, point.cash, point.exposure, point.n_positions]


def deal_rows(deals: Sequence[Deal]) -> Iterator[list[object]]:
    """The lines of trades.csv. An account's own deals, of which there may be millions, are not made records for it."""
    if not isinstance(deals, Deals):
        yield from map(deal_cells, deals)
        return
    for lane, row in deals.rows():
        side, signal_ts, entry_ts, entry_price, stop, exit_ts, exit_price, reason, _ = row[: kernel.TRADE]
        quantity, pnl, rate = row[seats.SIZE], row[seats.PNL], row[seats.RATE_IN]
        key = lane.key
        yield [
            *(key.symbol, "long" if side > 0 else "short", lane.setup),
            *(int(signal_ts), int(entry_ts), entry_price, quantity, None if stop != stop else stop),
            *(int(exit_ts), exit_price, REASONS[int(reason)], row[seats.FEES], pnl),
            *(pnl / (quantity * entry_price * rate), key.exchange, key.timeframe),
            *(lane.currency, rate, row[seats.RATE_OUT]),
        ]


def deal_cells(deal: Deal) -> list[object]:
    """One line of trades.csv: prices in the instrument's currency, money in the account's."""
    trade, key = deal.trade, deal.key
    opened = [trade.signal_ts_ms, trade.entry_ts_ms, trade.entry_price, deal.quantity, trade.stop]
    closed = [trade.exit_ts_ms, trade.exit_price, trade.reason, deal.fees, deal.pnl, deal.net_return]
    converted = [deal.currency, deal.entry_rate, deal.exit_rate]
    return [key.symbol, trade.side, deal.setup, *opened, *closed, key.exchange, key.timeframe, *converted]
