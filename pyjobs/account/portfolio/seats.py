"""What is done to a seat: its position handed to strategy.kernel and back, fills priced, account trades written."""

from __future__ import annotations

from math import nan

import numpy as np

from pyjobs.account.portfolio.memory import AccountTradeColumns, Rates, Room, Seats, Series, Tables
from pyjobs.strategy.kernel import (
    ENTRY_PRICE,
    ENTRY_TS,
    EXIT,
    HELD,
    MAX_BARS,
    ORDER,
    ORDER_DISTANCE,
    ORDER_STOP,
    ORDER_TARGET,
    ORDER_TRAIL,
    ORDER_TS,
    SIDE,
    SIGNAL_TS,
    STOP,
    STOP_LOSS,
    TAKE_PROFIT,
    TARGET,
    TRADE,
    TRAIL,
    TRAIL_FRACTION,
    VARIANT,
)

BASIS_POINT, YEAR_MS = 1e-4, 365 * 86_400_000.0  # money is lent by the year of 365 days
NEAR = 1e-12  # relative: less than that off a tick is on it
EXIT_TS, EXIT_PRICE, REASON = 5, 6, 7  # places in a trade, as the kernel writes it
SLOTS, ALREADY_HELD, GROUP_FULL, NO_CASH, STOP_PASSED, NO_RATE, TAKEN = range(7)  # why a signal is refused, and if not


def take_out(seats: Seats, k: int, room: Room) -> None:
    """A seat's state and rules, as the kernel has them."""
    s, r = room.s, room.r
    s[SIDE], s[SIGNAL_TS], s[ENTRY_TS] = seats.side[k], seats.signal_ts[k], seats.entry_ts[k]
    s[ENTRY_PRICE], s[HELD], s[EXIT] = seats.entry_price[k], seats.held[k], seats.leaving[k]
    s[STOP], s[TARGET], s[TRAIL] = seats.stop[k], seats.target[k], seats.trail[k]
    s[ORDER], s[ORDER_TS], s[ORDER_STOP] = seats.order[k], seats.order_ts[k], seats.order_stop[k]
    s[ORDER_DISTANCE], s[ORDER_TARGET] = seats.order_distance[k], seats.order_target[k]
    s[ORDER_TRAIL] = seats.order_trail[k]
    r[STOP_LOSS], r[TAKE_PROFIT], r[TRAIL_FRACTION] = seats.stop_loss[k], seats.take_profit[k], seats.trail_fraction[k]
    r[MAX_BARS], r[VARIANT] = seats.max_bars[k], seats.variant[k]


def put_back(seats: Seats, k: int, room: Room) -> None:
    """The seat's state as the kernel has left it."""
    s = room.s
    seats.side[k], seats.signal_ts[k], seats.entry_ts[k] = s[SIDE], s[SIGNAL_TS], s[ENTRY_TS]
    seats.entry_price[k], seats.held[k], seats.leaving[k] = s[ENTRY_PRICE], s[HELD], s[EXIT]
    seats.stop[k], seats.target[k], seats.trail[k] = s[STOP], s[TARGET], s[TRAIL]
    seats.order[k], seats.order_ts[k], seats.order_stop[k] = s[ORDER], s[ORDER_TS], s[ORDER_STOP]
    seats.order_distance[k], seats.order_target[k] = s[ORDER_DISTANCE], s[ORDER_TARGET]
    seats.order_trail[k] = s[ORDER_TRAIL]


def flatten(seats: Seats, k: int) -> None:
    """No position and no order; levels and distances are none."""
    seats.side[k] = seats.signal_ts[k] = seats.entry_ts[k] = seats.entry_price[k] = seats.held[k] = 0.0
    seats.stop[k] = seats.target[k] = seats.trail[k] = nan
    seats.leaving[k] = seats.order[k] = seats.order_ts[k] = 0.0
    seats.order_stop[k] = seats.order_distance[k] = seats.order_target[k] = seats.order_trail[k] = nan


def is_flat(seats: Seats, k: int) -> bool:
    """Whether seat k has no position and no order."""
    return bool(seats.side[k] == 0.0 and seats.order[k] == 0.0)


def is_here(seats: Seats, series: Series, k: int) -> bool:
    """Whether a bar of seat k's series closes at this moment."""
    return bool(series.here[seats.stretch[k]] != 0)


def next_bar(seats: Seats, series: Series, k: int) -> int:
    """The number of the bar that seat k's series has next; once that has closed, of the one after it."""
    return int(series.next[seats.stretch[k]])


def value(seats: Seats, series: Series, k: int) -> float:
    """The position at its last close, without a sign, in the account's money."""
    return float(seats.quantity[k] * series.close[next_bar(seats, series, k) - 1] * seats.rate[k])


def write_account_trade(seats: Seats, account_trades: AccountTradeColumns, k: int, cost: float, rate: float) -> None:
    """The money of the next account trade, which is written here."""
    d = account_trades.count[0]
    paid, price = account_trades.trades[d * TRADE + ENTRY_PRICE], account_trades.trades[d * TRADE + EXIT_PRICE]
    fees = seats.entry_fee[k] + cost + seats.borrowed[k]
    gain = seats.sign[k] * (seats.quantity[k] * (price * rate - paid * seats.entry_rate[k]))
    account_trades.seat[d] = float(k)
    account_trades.size[d] = seats.quantity[k]
    account_trades.fees[d] = fees
    account_trades.pnl[d] = gain - fees
    account_trades.rate_in[d] = seats.entry_rate[k]
    account_trades.rate_out[d] = rate
    account_trades.to_leave[d] = 0.0
    account_trades.count[0] += 1


def open_rate(seats: Seats, rates: Rates, k: int, i: int) -> float:
    """The rate known when bar i opened."""
    return 1.0 if seats.rates_of[k] < 0 else float(rates.at_open[seats.to_rates[k] + i])


def rate_at(seats: Seats, series: Series, rates: Rates, k: int, j: int) -> float:
    """The rate of exchange at moment j."""
    return 1.0 if seats.rates_of[k] < 0 else float(rates.at_moment[seats.rates_of[k] * series.n_times + j])


def cost_of(seats: Seats, tables: Tables, k: int, ts: int, notional: float, sale: bool) -> float:
    """Money taken by a fill: the fee, and of a sale the tax that holds at `ts`."""
    if not sale:
        return float(notional * (seats.fee_bps[k] * BASIS_POINT))
    tax, last = seats.tax_bps[k], tables.n_taxes - 1
    if seats.taxed[k]:
        while last >= 0 and tables.tax_from[last] > ts:
            last -= 1
        if last >= 0:
            tax = tables.tax_bps[last]
    return float(notional * ((seats.fee_bps[k] + tax) * BASIS_POINT))


def filled(seats: Seats, tables: Tables, k: int, ts: int, price: float, buy: bool) -> float:
    """The price of a fill: worse than the bar's by the slippage, and then by what is missing to the next tick."""
    worse = price * (seats.buys_at[k] if buy else seats.sells_at[k])
    first, last = seats.grid[k], seats.last_grid[k]
    if first == last:
        return float(worse)
    while last - 1 > first and tables.grid_from[last - 1] > ts:
        last -= 1
    table = tables.grid_table[last - 1]
    at, begin = tables.table_begins[table + 1] - 1, tables.table_begins[table]
    while at > begin and tables.tick_from[at] > worse:
        at -= 1
    return on_grid(worse, tables.tick[at], buy)


def on_grid(price: float, tick: float, up: bool) -> float:
    """The nearest multiple of `tick` at or above (`up`), or at or below, a price; a rounding error off one is on it.

    A price below the first tick stays as it is where it would become 0: nothing is sold for nothing.
    """
    steps = price / tick
    nearest = np.floor(steps + 0.5)
    if abs(steps - nearest) <= NEAR * max(abs(steps), abs(nearest)):
        return float(nearest * tick)
    rounded = (np.ceil(steps) if up else np.floor(steps)) * tick
    return float(rounded if rounded > 0.0 else price)
