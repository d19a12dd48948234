"""The rows of equity_curve.csv and trades.csv, the same wherever an account is run."""

from __future__ import annotations

from pyjobs.account.figures.performance import CurvePoint
from pyjobs.account.portfolio.simulate import Deal

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


def deal_cells(deal: Deal) -> list[object]:
    """One line of trades.csv: prices in the instrument's currency, money in the account's."""
    trade, key = deal.trade, deal.key
    opened = [trade.signal_ts_ms, trade.entry_ts_ms, trade.entry_price, deal.quantity, trade.stop]
    closed = [trade.exit_ts_ms, trade.exit_price, trade.reason, deal.fees, deal.pnl, deal.net_return]
    converted = [deal.currency, deal.entry_rate, deal.exit_rate]
    return [key.symbol, trade.side, deal.setup, *opened, *closed, key.exchange, key.timeframe, *converted]
