"""What an account would do at the next open, of an account small enough to work out by hand."""

from __future__ import annotations

import numpy as np

from pyjobs.account.desk.positions import positions
from pyjobs.account.portfolio.costs import Costs
from pyjobs.account.portfolio.signals.packed import PackedSignals
from pyjobs.account.portfolio.simulate import Terms, simulate
from pyjobs.account.portfolio.sleeve import Sleeve
from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.strategy.signals import Signals

DAY = 86_400_000
TERMS = Terms(cash=10_000, max_positions=2, max_weight=0.4, costs=Costs(fee_bps=0, sell_tax_bps=0))


def flat(symbol: str, price: float, *, enters: int, leaves: int | None = None) -> Sleeve:
    """Four bars at one price; a signal to enter at the close of bar `enters`, to leave at that of `leaves`."""
    n, level = 4, np.full(4, price)
    signals = Signals(
        entry=np.arange(n) == enters, exit=np.arange(n) == (-1 if leaves is None else leaves), stop=np.full(n, np.nan)
    )
    bars = Bars(
        ts_ms=np.arange(1, n + 1, dtype=np.int64) * DAY, open=level, high=level, low=level, close=level, volume=level
    )
    key = SeriesKey(exchange="X", symbol=symbol, timeframe="1d")
    return Sleeve(key=key, setup="made_up", bars=bars, signals=PackedSignals.of(signals), lot=1.0)


def test_what_leaves_at_the_next_open_and_what_enters_within_the_limits_is_told_with_its_money() -> None:
    """A (100) is bought at bar 1 for 4000: 40 shares, to leave at the last close. B (50) is held: 80 shares.

    C and D signal at the last close; one seat is left only once A leaves, and a position that leaves still counts: both
    are refused. Without B there is one seat, and C (by symbol) gets it: 40 % of 10 000.
    """
    a, b = flat("A", 100, enters=0, leaves=3), flat("B", 50, enters=0)
    c, d = flat("C", 20, enters=3), flat("D", 20, enters=3)
    crowded = simulate([a, b, c, d], TERMS, start_ms=0)
    assert [(x.key.symbol, x.budget, x.signal_ts_ms) for x in crowded.waiting] == [("A", None, None)]
    assert crowded.refused["slots"] == 2
    run = simulate([a, c, d], TERMS, start_ms=0)
    told = [(x.key.symbol, x.side, x.budget, x.signal_ts_ms) for x in run.waiting]
    assert told == [("A", "long", None, None), ("C", "long", 4_000.0, 4 * DAY)]


def test_positions_csv_has_a_line_for_each_position_and_for_each_order_that_waits() -> None:
    a, c = flat("A", 100, enters=0, leaves=3), flat("C", 20, enters=3)
    run = simulate([a, c], TERMS, start_ms=0)
    rows = positions(run.account_trades, run.waiting, {c.key: 20.0})
    assert [(x.next_open, x.symbol, x.quantity, x.budget) for x in rows] == [
        ("leave", "A", 40.0, None),
        ("enter", "C", None, 4_000.0),
    ]
    assert rows[0].entry_price == rows[0].last_price == 100.0 and rows[0].pnl == 0.0
    assert rows[1].last_price == 20.0


def test_an_account_with_nothing_to_do_waits_for_nothing() -> None:
    run = simulate([flat("A", 100, enters=0)], TERMS, start_ms=0)
    assert run.waiting == []
