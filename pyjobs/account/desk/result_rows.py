"""equity_curve.csv and trades.csv, the same wherever an account is run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pyjobs.account.figures.performance import CurvePoint
from pyjobs.account.portfolio import seats
from pyjobs.account.portfolio.simulate import ENTRY_PRICE, REASON, Deal, Deals, LaneName
from pyjobs.strategy.lifecycle import REASONS
from utils import csv_lines
from utils.text_files import write_csv, write_lines

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
    names = np.empty((2, len(deals.lanes)), dtype=object)  # texts are made where a deal needs them
    reasons = np.empty(len(REASONS), dtype=object)
    reasons[:] = [csv_lines.texts(reason) for reason in REASONS]
    for piece in csv_lines.pieces(len(deals), ROWS_AT_ONCE):
        rows = np.ascontiguousarray(deals.rows(piece).T)
        lanes, sides = rows[seats.SEAT_OF].astype(np.int64), rows[SIDE]
        for lane, side in zip(*(x.tolist() for x in np.unique(lanes, return_index=True)), strict=True):
            if names[0, lane] is None:
                names[:, lane] = _names(deals.lanes[lane], "long" if sides[side] > 0 else "short")
        own, where = names[:, lanes].tolist()
        times = [csv_lines.numbers(rows[place].astype(np.int64)) for place in TIMES]
        entry, stop, leave = (csv_lines.numbers(rows[place]) for place in (ENTRY_PRICE, STOP, EXIT_PRICE))
        money = (seats.SIZE, seats.FEES, seats.PNL, seats.RATE_IN, seats.RATE_OUT)
        size, fees, pnl, rate_in, rate_out = (csv_lines.numbers(rows[place]) for place in money)
        net = csv_lines.numbers(rows[seats.PNL] / (rows[seats.SIZE] * rows[ENTRY_PRICE] * rows[seats.RATE_IN]))
        why = reasons[rows[REASON].astype(np.int64)].tolist()
        opened = (own, *times[:2], entry, size, stop)
        yield csv_lines.lines((*opened, times[2], leave, why, fees, pnl, net, where, rate_in, rate_out))


def _names(lane: LaneName, side: str) -> tuple[object, object]:
    """The texts of a lane, before its numbers and between them; a lane has one side."""
    key = lane.key
    return (
        csv_lines.texts(key.symbol, side, lane.setup),
        csv_lines.texts(key.exchange, key.timeframe, lane.currency),
    )


def deal_cells(deal: Deal) -> list[object]:
    """One line of trades.csv: prices in the instrument's currency, money in the account's."""
    trade, key = deal.trade, deal.key
    opened = [trade.signal_ts_ms, trade.entry_ts_ms, trade.entry_price, deal.quantity, trade.stop]
    closed = [trade.exit_ts_ms, trade.exit_price, trade.reason, deal.fees, deal.pnl, deal.net_return]
    converted = [deal.currency, deal.entry_rate, deal.exit_rate]
    return [key.symbol, trade.side, deal.setup, *opened, *closed, key.exchange, key.timeframe, *converted]
