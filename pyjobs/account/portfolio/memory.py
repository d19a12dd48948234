"""All that an account's walk works on, by name: tuples of arrays, which are pointers when compiled (utils/native).

Bars stand one stretch after the other, a stretch for the bars of a series; a seat is a sleeve with its place in time
and its position.
"""

from __future__ import annotations

from typing import NamedTuple

from utils.native import Bytes, Floats, Ints, Shorts


class Account(NamedTuple):
    """The account's money and limits. `cash`, `traded`: one number. `refused`: how many signals, by reason.

    `parts`: room for an exact sum (see `exact_sums`).
    """

    cash: Floats
    traded: Floats
    refused: Ints
    parts: Floats
    start_cash: float
    max_weight: float
    max_group_weight: float
    max_positions: int
    constrained: int


class Seats(NamedTuple):
    """A sleeve each. First position and order as strategy.kernel has them (`leaving`: its EXIT), then its rules.

    `rate`: of exchange at the last moment; `entry_rate`: when it was filled. `sign`: 1.0 long, -1.0 short. `per_unit`:
    lots in one, 0 where a lot is whole units. `buys_at`, `sells_at`: what slippage multiplies a price by. `stretch`:
    of its bars. `to_bits`, `to_rates`: from the number of a bar to its place in other columns. `first_entry`,
    `first_level`: of its signals; `has`: the kernel's bits of what they carry. `rates_of`, `group`: -1 for none.
    """

    side: Floats
    signal_ts: Floats
    entry_ts: Floats
    entry_price: Floats
    held: Floats
    stop: Floats
    target: Floats
    trail: Floats
    leaving: Floats
    order: Floats
    order_ts: Floats
    order_stop: Floats
    order_distance: Floats
    order_target: Floats
    order_trail: Floats
    stop_loss: Floats
    take_profit: Floats
    trail_fraction: Floats
    max_bars: Floats
    variant: Floats
    quantity: Floats
    entry_fee: Floats
    budget: Floats
    borrowed: Floats
    rate: Floats
    entry_rate: Floats
    sign: Floats
    lot: Floats
    per_unit: Floats
    fee_bps: Floats
    tax_bps: Floats
    loan_bps: Floats
    buys_at: Floats
    sells_at: Floats
    stretch: Ints
    to_bits: Ints
    first_entry: Ints
    first_level: Ints
    has: Ints
    series: Ints
    group: Ints
    rates_of: Ints
    to_rates: Ints
    taxed: Ints
    grid: Ints
    last_grid: Ints


class Lists(NamedTuple):
    """Numbers of seats, and how many. `busy`: with a position or an order, ascending; behind them those let in now.

    `acting`: those of them with something to do at this moment; `entering`: to be filled, oldest signal first.
    `wanting`: signals (places in `Signals.events`) at flat seats; `spare`: room for as many.
    """

    busy: Ints
    acting: Ints
    entering: Ints
    wanting: Ints
    spare: Ints
    n_busy: Ints
    n_new: Ints
    n_acting: Ints
    n_entering: Ints


class Series(NamedTuple):
    """All bars: `moments`: the place of each bar's close in `times`; four prices.

    A stretch each: `next`: its next bar, and once that has closed the one after it; `end`: the one after its last;
    `here`: whether one closes at this moment.
    """

    times: Ints
    moments: Shorts
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    next: Ints
    end: Ints
    here: Bytes
    n_times: int
    n_stretches: int


class Signals(NamedTuple):
    """`leaving`: exit signals, a bit per bar, sleeve by sleeve. `entries`: the bars of entry signals, sleeve by sleeve.

    `events`: for each moment where its entry signals begin, then of each, in the order of the seats, its seat and its
    number (none of them where the account has no limits); `levels`: what they carry.
    """

    leaving: Bytes
    entries: Shorts
    events: Shorts
    levels: Floats
    n_entries: int
    n_seats: int


class Tables(NamedTuple):
    """Taxes on sales by time, and ticks: `grid_from` and `grid_table` give the time from which each table holds.

    `table_begins` is where in `tick_from` (prices) and `tick` each table begins, and the last ends.
    """

    tax_from: Ints
    tax_bps: Floats
    grid_from: Ints
    grid_table: Ints
    table_begins: Ints
    tick_from: Floats
    tick: Floats
    n_taxes: int


class Rates(NamedTuple):
    """Rates of exchange at every moment, table after table, and at bars' opens; whether fresh then, and at closes."""

    at_moment: Floats
    at_open: Floats
    fresh_at_open: Bytes
    fresh_at_close: Bytes


class Points(NamedTuple):
    """The account at every moment."""

    equity: Floats
    cash: Floats
    exposure: Floats
    positions: Floats


class AccountTradeColumns(NamedTuple):
    """A account trade each: `trades`: rows of TRADE numbers as the kernel writes them; then what it was in money."""

    trades: Floats
    seat: Floats
    size: Floats
    fees: Floats
    pnl: Floats
    rate_in: Floats
    rate_out: Floats
    to_leave: Floats
    count: Ints


class Room(NamedTuple):
    """A seat's state and rules while the kernel works on them."""

    s: Floats
    r: Floats


class Worth(NamedTuple):
    """What is known so far of the positions at every moment: the sums high + low of the long and the short ones."""

    high: Floats
    low: Floats
    short_high: Floats
    short_low: Floats


class Moves(NamedTuple):
    """Money that moves: `step`, by moment; `cash`; the number of the `account_trade` that it begins or ends, or -1.

    `count`: how many there are. `order`: their numbers as they are counted; `account_trades`: those of the account
    trades, likewise; `begins`: room for a number for each step. While they are counted: `held`: the `n_held` account
    trades that last, in no order; `place`: the place of each there.
    """

    step: Shorts
    cash: Floats
    account_trade: Shorts
    order: Shorts
    account_trades: Shorts
    begins: Shorts
    held: Shorts
    place: Shorts
    count: Ints
    n_held: Ints
