"""An account of three trades worked out by hand, and identities that hold whatever the market does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyjobs.account.portfolio.costs import Costs
from pyjobs.account.portfolio.signals.packed import PackedSignals
from pyjobs.account.portfolio.simulate import AccountRun, Terms, simulate
from pyjobs.account.portfolio.sleeve import Sleeve
from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.strategy.lifecycle import Rules, fold
from pyjobs.strategy.signals import Signals, one_sided

DAY = 86_400_000


def sleeve(
    symbol: str, ohlc: list[list[float]], entries: dict[int, float], exits: set[int], *, lot: float = 1.0
) -> Sleeve:
    o, h, low, c = np.array(ohlc, dtype=float).T
    n = len(ohlc)
    stop = np.full(n, np.nan)
    for at, level in entries.items():
        stop[at] = level
    return Sleeve(
        key=SeriesKey(exchange="X", symbol=symbol, timeframe="1d"),
        setup="made_up",
        bars=Bars(ts_ms=np.arange(1, n + 1, dtype=np.int64) * DAY, open=o, high=h, low=low, close=c, volume=np.ones(n)),
        signals=PackedSignals.of(
            Signals(entry=np.isin(np.arange(n), list(entries)), exit=np.isin(np.arange(n), list(exits)), stop=stop)
        ),
        lot=lot,
    )


NO_STOP = float("nan")
A = sleeve(
    "A",
    [[100, 101, 99, 100], [100, 112, 100, 110], [110, 121, 110, 120], [120, 121, 118, 119], [119, 119, 119, 119]],
    {0: NO_STOP},
    {2},
)
B = sleeve(
    "B", [[50, 50, 50, 50], [50, 51, 49, 50], [50, 50, 44, 45], [45, 46, 45, 46], [46, 46, 46, 46]], {0: 45.5}, set()
)
C = sleeve(
    "C",
    [[20, 20, 20, 20], [20, 20, 20, 20], [20, 20, 20, 20], [20, 21, 20, 21], [22, 23, 22, 23]],
    {0: NO_STOP, 2: NO_STOP},
    set(),
)
TERMS = Terms(cash=10_000, max_positions=2, max_weight=0.4, costs=Costs(fee_bps=10, sell_tax_bps=20))


def test_three_trades_by_hand() -> None:
    """
    Fee 0.1 % each side, tax 0.2 % of sales, at most two positions of 40 % each.
    Close 0: A, B, C signal; two slots: A and B (by symbol), C refused. Equity 10000, so 4000 each.
    Bar 1: A: 4000 / 100.1 = 39.96: 39 shares at 100, 3900, fee 3.9. B: 4000 / 50.05 = 79.92: 79 at 50, 3950, fee 3.95.
           cash 10000 - 3903.9 - 3953.95 = 2142.15; equity 2142.15 + 39 * 110 + 79 * 50 = 10382.15.
    Bar 2: B hits 45.5: 79 * 45.5 = 3594.5, costs 0.3 % = 10.7835; cash 5725.8665; pnl 79 * -4.5 - 3.95 - 10.7835.
           A 120: equity 5725.8665 + 4680 = 10405.8665. A signals out, C in again: one slot is free; 40 % = 4162.3466.
    Bar 3: A out at 120: 4680, costs 14.04; pnl 780 - 3.9 - 14.04 = 762.06; cash 10391.8265.
           C: 4162.3466 / 20.02 = 207.9, 207 at 20 = 4140, fee 4.14; cash 6247.6865; equity + 207 * 21 = 10594.6865.
    Bar 4: equity 6247.6865 + 207 * 23 = 11008.6865; C open: pnl 621 - 4.14 = 616.86.
    """
    run = simulate([C, B, A], TERMS, start_ms=0)
    np.testing.assert_allclose(run.equity, [10000, 10382.15, 10405.8665, 10594.6865, 11008.6865], rtol=1e-12)
    np.testing.assert_allclose(run.cash, [10000, 2142.15, 5725.8665, 6247.6865, 6247.6865], rtol=1e-12)
    assert run.n_positions.tolist() == [0, 2, 1, 1, 1]
    assert run.exposure[1] == pytest.approx((39 * 110 + 79 * 50) / 10382.15)
    got = [(d.key.symbol, d.quantity, d.trade.reason, round(d.fees, 6), round(d.pnl, 6)) for d in run.account_trades]
    assert got == [
        ("B", 79, "stop", 14.7335, -370.2335),
        ("A", 39, "signal", 17.94, 762.06),
        ("C", 207, "open", 4.14, 616.86),
    ]
    assert run.refused == {"slots": 1, "held": 0, "group": 0, "cash": 0, "stop": 0, "rate": 0}
    assert run.traded == pytest.approx(3900 + 3950 + 3594.5 + 4680 + 4140)


def test_unconstrained_takes_every_signal_with_the_same_notional() -> None:
    """4000 each in fractions: A 40, B 80, C 200 shares; C's second signal is ignored, it is in. No cash limit."""
    terms = Terms(cash=10_000, max_positions=2, max_weight=0.4, costs=Costs(), constrained=False)
    run = simulate([A, B, C], terms, start_ms=0)
    assert run.cash.tolist()[1] == -2000
    assert sorted((d.key.symbol, d.quantity, d.pnl) for d in run.account_trades) == [
        ("A", 40, 800),
        ("B", 80, -360),
        ("C", 200, 600),
    ]


def test_a_series_already_held_is_not_bought_twice() -> None:
    other = Sleeve(key=A.key, setup="other", bars=A.bars, signals=A.signals, lot=1.0)
    run = simulate([A, other], TERMS, start_ms=0)
    assert [d.setup for d in run.account_trades] == ["made_up"]
    assert run.refused["held"] == 1


def test_a_share_too_dear_for_the_cash_is_refused() -> None:
    run = simulate([A], Terms(cash=99, max_positions=1, max_weight=1.0), start_ms=0)
    assert (list(run.account_trades), run.refused["cash"], run.equity.tolist()) == ([], 1, [99.0] * 5)


def test_the_older_signal_is_filled_first() -> None:
    """Z signals at day 1 but does not trade on days 2 and 3; A signals at day 3; both fill on day 4, Z before A."""
    flat = [[10.0, 10, 10, 10]]
    z, a = sleeve("Z", flat * 2, {0: NO_STOP}, set()), sleeve("A", flat * 4, {2: NO_STOP}, set())
    z.bars.ts_ms[1] = 4 * DAY
    run = simulate([a, z], Terms(cash=1000, max_positions=2, max_weight=0.7), start_ms=0)
    assert {account_trade.key.symbol: account_trade.quantity for account_trade in run.account_trades} == {
        "Z": 70,
        "A": 30,
    }


def test_of_two_signals_at_one_close_the_first_symbol_is_filled_first() -> None:
    flat = [[10.0, 10, 10, 10]] * 2
    sleeves = [sleeve("Z", flat, {0: NO_STOP}, set()), sleeve("A", flat, {0: NO_STOP}, set())]
    run = simulate(sleeves, Terms(cash=1000, max_positions=2, max_weight=0.7), start_ms=0)
    assert {account_trade.key.symbol: account_trade.quantity for account_trade in run.account_trades} == {
        "A": 70,
        "Z": 30,
    }


def test_coins_are_bought_in_fractions() -> None:
    coin = sleeve("A", [[3, 3, 3, 3], [3, 3, 3, 3]], {0: NO_STOP}, set(), lot=1e-8)
    assert (
        simulate([coin], Terms(cash=10, max_positions=1, max_weight=1.0), start_ms=0).account_trades[0].quantity
        == 3.33333333
    )


def test_the_account_stop_is_a_fraction_below_the_fill() -> None:
    run = simulate([B], Terms(cash=1000, max_positions=1, max_weight=1.0, stop_loss=0.02), start_ms=0)
    assert [(d.trade.stop, d.trade.exit_price, d.trade.exit_ts_ms // DAY) for d in run.account_trades] == [
        (49.0, 49.0, 2)
    ]


def test_signals_before_the_start_are_silent() -> None:
    run = simulate([A, B, C], TERMS, start_ms=2 * DAY)
    assert [d.key.symbol for d in run.account_trades] == ["C"]
    assert run.ts_ms[0] == 2 * DAY


def test_an_account_without_lanes_has_no_events() -> None:
    run = simulate([], TERMS, start_ms=0)
    assert (run.equity.size, len(run.account_trades)) == (0, 0)


@pytest.mark.parametrize("seed", range(12))
def test_an_account_with_one_series_trades_both_sides_as_the_fold_does(seed: int) -> None:
    """The trades of the fold, stops of shorts, reversals and closes that want both sides in included, one by one."""
    rng, n = np.random.default_rng(seed), 300
    c = np.round(50 * np.exp(np.cumsum(rng.normal(0, 0.02, n))), 2)
    o = np.round(np.concatenate((c[:1], c[:-1])) * np.exp(rng.normal(0, 0.01, n)), 2)
    rows = np.stack((o, np.maximum(o, c) + 0.4, np.minimum(o, c) - 0.4, c), axis=1)
    wants_long, wants_short = rng.random(n) < 0.2, rng.random(n) < 0.2
    signals = Signals(
        entry=wants_long,
        exit=wants_short | (rng.random(n) < 0.05),
        stop=np.where(wants_short, c * 1.03, c * 0.97),
        short_entry=wants_short,
        short_exit=wants_long | (rng.random(n) < 0.05),
        trail=0.05,
        max_bars=9,
    )
    made = sleeve("A", rows.tolist(), {}, set(), lot=1e-8)
    sleeves = [replace(made, signals=PackedSignals.of(side)) for side in one_sided(signals)]
    run = simulate(sleeves, Terms(cash=10**6, max_positions=1, max_weight=0.1), start_ms=0)
    _, trades = fold(made.bars, signals, Rules.of(signals))
    assert [
        account_trade.trade for account_trade in run.account_trades if account_trade.trade.reason != "open"
    ] == trades
    assert {trade.side for trade in trades if trade.reason == "stop"} == {"long", "short"}


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Sleeve], Terms]:
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    sleeves = []
    for symbol in "ABCD"[: draw(st.integers(1, 4))]:
        n = int(rng.integers(5, 40))
        c = np.round(50 * np.exp(np.cumsum(rng.normal(0, 0.05, n))), 2)
        o = np.round(np.roll(c, 1) * np.exp(rng.normal(0, 0.03, n)), 2)
        rows = np.stack((o, np.maximum(o, c) + 0.5, np.minimum(o, c) - 0.5, c), axis=1)
        entries = {int(i): float(rng.choice([np.nan, rows[i, 2] * 0.97])) for i in np.flatnonzero(rng.random(n) < 0.3)}
        exits = set(np.flatnonzero(rng.random(n) < 0.2).tolist())
        sleeves.append(sleeve(symbol, rows.tolist(), entries, exits, lot=float(rng.choice([1.0, 1e-8]))))
    terms = Terms(
        cash=10_000,
        max_positions=draw(st.integers(1, 3)),
        max_weight=draw(st.sampled_from([0.2, 0.5, 1.0])),
        costs=Costs(fee_bps=15, sell_tax_bps=20),
        stop_loss=draw(st.sampled_from([0.0, 0.06])),
        constrained=draw(st.booleans()),
    )
    return sleeves, terms


@settings(max_examples=120, deadline=None)
@given(worlds())
def test_the_books_balance(world: tuple[list[Sleeve], Terms]) -> None:
    sleeves, terms = world
    run = simulate(sleeves, terms, start_ms=0)
    gained = sum(account_trade.pnl for account_trade in run.account_trades)
    assert run.equity[-1] - terms.cash == pytest.approx(gained, abs=1e-6)
    np.testing.assert_allclose(run.cash + worth_by_account_trades(sleeves, run), run.equity, rtol=1e-9)
    if terms.constrained:
        assert run.cash.min() >= -1e-6
        assert run.n_positions.max() <= terms.max_positions


def worth_by_account_trades(sleeves: list[Sleeve], run: AccountRun) -> np.ndarray:
    """Second source: what was held at each time by the list of account trades, at the newest close of its series."""
    worth = np.zeros(run.ts_ms.size)
    for account_trade in run.account_trades:
        bars = next(sleeve.bars for sleeve in sleeves if sleeve.key == account_trade.key)
        for at, ts_ms in enumerate(run.ts_ms.tolist()):
            held = account_trade.trade.entry_ts_ms <= ts_ms and (
                ts_ms < account_trade.trade.exit_ts_ms or account_trade.trade.reason == "open"
            )
            worth[at] += held * account_trade.quantity * bars.until(ts_ms).close[-1]
    return worth


@settings(max_examples=30, deadline=None)
@given(worlds())
def test_the_order_of_the_universe_does_not_matter(world: tuple[list[Sleeve], Terms]) -> None:
    sleeves, terms = world
    one, other = simulate(sleeves, terms, start_ms=0), simulate(sleeves[::-1], terms, start_ms=0)
    np.testing.assert_array_equal(one.equity, other.equity)
    assert list(one.account_trades) == list(other.account_trades)


@settings(max_examples=30, deadline=None)
@given(worlds(), st.integers(1, 30))
def test_the_account_never_sees_the_future(world: tuple[list[Sleeve], Terms], k: int) -> None:
    sleeves, terms = world
    cut = [
        Sleeve(key=x.key, setup=x.setup, bars=x.bars.slice(0, k), signals=x.signals.slice(0, k), lot=x.lot)
        for x in sleeves
    ]
    whole, short = simulate(sleeves, terms, start_ms=0), simulate(cut, terms, start_ms=0)
    np.testing.assert_array_equal(whole.equity[: short.equity.size], short.equity)
