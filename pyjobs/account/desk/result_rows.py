"""equity_curve.csv and trades.csv, the same wherever an account is run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pyjobs.account.figures.performance import CurvePoint
from pyjobs.account.portfolio.simulate import ENTRY_PRICE, REASON, AccountTrade, AccountTrades
from pyjobs.market.bars import IntArray
from pyjobs.strategy.lifecycle import REASONS
from utils.csv_text import lines as csv_lines
from utils.files.text_files import write_csv, write_lines

SIDE, TIMES, STOP, EXIT_PRICE = 0, (1, 2, 5), 4, 6  # places in a trade, as the kernel writes it
ROWS_AT_ONCE = 2048  # their text stays in the processor's cache
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


def write_curve(path: Path, points: Sequence[CurvePoint]) -> None:
    """equity_curve.csv."""
    write_csv(path, CURVE_COLUMNS, map(curve_cells, points))


def write_account_trades(path: Path, account_trades: Sequence[AccountTrade]) -> None:
    """trades.csv: prices in the instruments' currencies, money in the account's."""
    if isinstance(account_trades, AccountTrades):  # there may be millions
        write_lines(path, TRADE_COLUMNS, account_trade_lines(account_trades))
    else:
        write_csv(path, TRADE_COLUMNS, map(account_trade_cells, account_trades))


def account_trade_lines(account_trades: AccountTrades) -> Iterator[bytes]:
    """The lines of an account's own account trades, some thousands at a time, without a record for each."""
    labels = csv_lines.Labels()
    own, where = _names(account_trades, labels)
    reasons = np.array([labels.number(reason) for reason in REASONS])

    def lines(piece: slice) -> bytes:
        rows, money = account_trades.piece(piece)
        trades = np.ascontiguousarray(rows.T)
        sleeves, why = money[0].astype(np.int64), trades[REASON].astype(np.int64)
        _, size, fees, pnl, rate_in, rate_out, _ = map(csv_lines.numbers, money)
        signal, entry, leave = (csv_lines.whole(trades[place]) for place in TIMES)
        bought, stop, sold = (csv_lines.numbers(trades[place]) for place in (ENTRY_PRICE, STOP, EXIT_PRICE))
        net = csv_lines.numbers(pnl.values / (size.values * trades[ENTRY_PRICE] * rate_in.values))
        opened = (labels.column(own[sleeves]), signal, entry, bought, size, stop)
        closed = (leave, sold, labels.column(reasons[why]), fees, pnl, net)
        return labels.lines((*opened, *closed, labels.column(where[sleeves]), rate_in, rate_out))

    return csv_lines.made_ahead(lines, csv_lines.pieces(len(account_trades), ROWS_AT_ONCE))


def _names(account_trades: AccountTrades, labels: csv_lines.Labels) -> tuple[IntArray, IntArray]:
    """The numbers of each sleeve's texts, before and between its numbers, where it traded; each has one side."""
    sides = np.zeros(len(account_trades.sleeves))
    sides[account_trades.money("seat").astype(np.int64)] = account_trades.trade(SIDE)
    own, where = np.zeros(sides.size, np.int64), np.zeros(sides.size, np.int64)
    for number in np.flatnonzero(sides).tolist():
        sleeve = account_trades.sleeves[number]
        own[number] = labels.number(sleeve.key.symbol, "long" if sides[number] > 0 else "short", sleeve.setup)
        where[number] = labels.number(sleeve.key.exchange, sleeve.key.timeframe, sleeve.currency)
    return own, where


def account_trade_cells(account_trade: AccountTrade) -> list[object]:
    """One line of trades.csv: prices in the instrument's currency, money in the account's."""
    trade, key = account_trade.trade, account_trade.key
    opened = [trade.signal_ts_ms, trade.entry_ts_ms, trade.entry_price, account_trade.quantity, trade.stop]
    closed = [
        trade.exit_ts_ms,
        trade.exit_price,
        trade.reason,
        account_trade.fees,
        account_trade.pnl,
        account_trade.net_return,
    ]
    converted = [account_trade.currency, account_trade.entry_rate, account_trade.exit_rate]
    return [key.symbol, trade.side, account_trade.setup, *opened, *closed, key.exchange, key.timeframe, *converted]
