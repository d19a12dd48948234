"""equity_curve.csv and trades.csv, the same wherever an account is run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pyjobs.account.figures.performance import CurvePoint
from pyjobs.account.portfolio.simulate import ENTRY_PRICE, REASON, Deal, Deals
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


def write_deals(path: Path, deals: Sequence[Deal]) -> None:
    """trades.csv: prices in the instruments' currencies, money in the account's."""
    if isinstance(deals, Deals):  # there may be millions
        write_lines(path, TRADE_COLUMNS, deal_lines(deals))
    else:
        write_csv(path, TRADE_COLUMNS, map(deal_cells, deals))


def deal_lines(deals: Deals) -> Iterator[bytes]:
    """The lines of an account's own deals, some thousands at a time, without a record for each."""
    labels = csv_lines.Labels()
    own, where = _names(deals, labels)
    reasons = np.array([labels.number(reason) for reason in REASONS])
    for piece in csv_lines.pieces(len(deals), ROWS_AT_ONCE):
        rows, money = deals.piece(piece)
        trades = np.ascontiguousarray(rows.T)
        lanes, why = money[0].astype(np.int64), trades[REASON].astype(np.int64)
        _, size, fees, pnl, rate_in, rate_out, _ = map(csv_lines.numbers, money)
        signal, entry, leave = (csv_lines.whole(trades[place]) for place in TIMES)
        bought, stop, sold = (csv_lines.numbers(trades[place]) for place in (ENTRY_PRICE, STOP, EXIT_PRICE))
        net = csv_lines.numbers(pnl.values / (size.values * trades[ENTRY_PRICE] * rate_in.values))
        opened = (labels.column(own[lanes]), signal, entry, bought, size, stop)
        closed = (leave, sold, labels.column(reasons[why]), fees, pnl, net)
        yield labels.lines((*opened, *closed, labels.column(where[lanes]), rate_in, rate_out))


def _names(deals: Deals, labels: csv_lines.Labels) -> tuple[IntArray, IntArray]:
    """The numbers of each lane's texts, before and between its numbers, where it has a deal; a lane has one side."""
    sides = np.zeros(len(deals.lanes))
    sides[deals.money("seat").astype(np.int64)] = deals.trade(SIDE)
    own, where = np.zeros(sides.size, np.int64), np.zeros(sides.size, np.int64)
    for number in np.flatnonzero(sides).tolist():
        lane = deals.lanes[number]
        own[number] = labels.number(lane.key.symbol, "long" if sides[number] > 0 else "short", lane.setup)
        where[number] = labels.number(lane.key.exchange, lane.key.timeframe, lane.currency)
    return own, where


def deal_cells(deal: Deal) -> list[object]:
    """One line of trades.csv: prices in the instrument's currency, money in the account's."""
    trade, key = deal.trade, deal.key
    opened = [trade.signal_ts_ms, trade.entry_ts_ms, trade.entry_price, deal.quantity, trade.stop]
    closed = [trade.exit_ts_ms, trade.exit_price, trade.reason, deal.fees, deal.pnl, deal.net_return]
    converted = [deal.currency, deal.entry_rate, deal.exit_rate]
    return [key.symbol, trade.side, deal.setup, *opened, *closed, key.exchange, key.timeframe, *converted]
