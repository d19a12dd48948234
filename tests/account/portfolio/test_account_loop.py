"""The account's compiled walk: the same as its Python, sums without rounding, tables by time, bars cut short."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyjobs.account.desk.desk_sweep import trial
from pyjobs.account.desk.strategy_run import Prepared, StrategyRun
from pyjobs.account.desk.walk_forward import between
from pyjobs.account.portfolio import account_loop
from pyjobs.account.portfolio.costs import Costs
from pyjobs.account.portfolio.fx import Conversion, Rates
from pyjobs.account.portfolio.layout import lay_out, room_to_follow
from pyjobs.account.portfolio.signals.packed import PackedSignals
from pyjobs.account.portfolio.simulate import Terms, simulate
from pyjobs.account.portfolio.sleeve import Sleeve
from pyjobs.account.portfolio.unlimited import follow
from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.strategy import exact_sums
from pyjobs.strategy.signals import Signals
from utils import trading_day

DAY = 86_400_000
ROUGH = ((0, ((0.0, 1.0), (100.0, 5.0))), (100 * DAY, ((0.0, 2.0), (100.0, 10.0))))


def world(seed: int, n: int = 200) -> tuple[list[Sleeve], Terms]:
    """Eight sleeves, all that an account knows: two sides, groups, ticks, tax, loans, slippage, another currency."""
    rng, sleeves = np.random.default_rng(seed), []
    for number in range(8):
        size = int(rng.integers(n // 2, n))
        close = 100 * np.exp(np.cumsum(rng.normal(0, 0.03, size)))
        start = np.concatenate((close[:1], close[:-1])) * np.exp(rng.normal(0, 0.01, size))
        ts_ms = np.sort(rng.choice(np.arange(1, n + 1), size, replace=False)) * DAY
        high, low = np.maximum(start, close) * 1.01, np.minimum(start, close) * 0.99
        signals = Signals(
            entry=rng.random(size) < 0.2,
            exit=rng.random(size) < 0.1,
            stop=np.full(size, np.nan),
            side="short" if number % 2 else "long",
            stop_distance=close * 0.1 if number % 3 else None,
            trail=0.08 if number == 5 else 0.0,
            max_bars=12,
        )
        sleeve = Sleeve(
            key=SeriesKey(exchange="X", symbol=f"S{number % 5}", timeframe="1d"),
            setup="made_up",
            bars=Bars(ts_ms=ts_ms, open=start, high=high, low=low, close=close, volume=np.ones(size)),
            signals=PackedSignals.of(signals),
            lot=1.0 if number % 3 else 1e-8,
            group=("", "one", "two")[number % 3],
            grid=ROUGH if number < 4 else (),
            taxed=number != 6,
            conversion=converted(ts_ms, rng) if number >= 6 else None,
        )
        sleeves.append(sleeve)
    costs = Costs(
        fee_bps=5, sell_tax_bps=9, sell_tax_by_time=((60 * DAY, 20.0), (120 * DAY, 15.0)), slippage_bps=7,
        borrow_bps=300, fx_bps=11,
    )  # fmt: skip
    return sleeves, Terms(cash=500, max_positions=3, max_weight=0.3, costs=costs, stop_loss=0.15, max_group_weight=0.5)


def converted(ts_ms: np.ndarray, rng: np.random.Generator) -> Conversion:
    times = np.arange(40, 250, 3, dtype=np.int64) * DAY
    key = SeriesKey(exchange="FX", symbol="USDKRW", timeframe="1d")
    rates = Rates(key=key, ts_ms=times, rate=1.2 * np.exp(np.cumsum(rng.normal(0, 0.01, times.size))))
    opens = ts_ms - DAY // 2
    return Conversion(rates=rates, at_open=rates.at(opens), may_enter=rates.fresh(opens), may_signal=rates.fresh(ts_ms))


@pytest.mark.parametrize("constrained", [True, False])
def test_the_compiled_walk_is_its_python_to_the_last_bit(constrained: bool) -> None:
    sleeves, terms = world(1)
    terms = replace(terms, constrained=constrained)
    sleeves.sort(key=lambda sleeve: sleeve.key.symbol)
    marks = [day * DAY + 1 for day in range(20, 180, 7)]
    run = simulate(sleeves, terms, start_ms=10 * DAY, marks_ms=marks)
    memory = lay_out(sleeves, terms, 10 * DAY, marks).on(terms)
    order = slice(None)
    if constrained:
        account_loop.walk(*memory)
    else:
        worth, moves = room_to_follow(memory)
        follow.follow_seats(*memory, worth, moves)
        order = moves.account_trades[: len(run.account_trades)]
    assert len(run.account_trades) == memory.account_trades.count[0] > 20
    for column, mine in zip(memory.points, (run.equity, run.cash, run.exposure, run.n_positions), strict=True):
        np.testing.assert_array_equal(column, mine)
    assert [account_trade.pnl for account_trade in run.account_trades] == memory.account_trades.pnl[
        : len(run.account_trades)
    ][order].tolist()
    refused = [count for reason, count in run.refused.items() if reason != "stop"]
    assert min(refused) > 0 if constrained else run.refused["rate"] > 0


@pytest.mark.parametrize("seed", [5, 6])
def test_an_account_followed_seat_by_seat_is_the_one_walked_moment_by_moment(seed: int) -> None:
    """Marks, shorts, rates, gaps between bars: money is counted in the order of time, to the last bit."""
    sleeves, terms = world(seed, 400)
    terms = replace(terms, constrained=False)
    sleeves.sort(key=lambda sleeve: sleeve.key.symbol)
    marks = [day * DAY + 1 for day in range(20, 180, 7)]
    run = simulate(sleeves, terms, start_ms=10 * DAY, marks_ms=marks)
    laid = lay_out(sleeves, terms, 10 * DAY, marks)
    memory = laid.on(terms)._replace(signals=laid.on(replace(terms, constrained=True)).signals)  # with all events
    account_loop.walk(*memory)
    for column, mine in zip(memory.points, (run.equity, run.cash, run.exposure, run.n_positions), strict=True):
        np.testing.assert_array_equal(column, mine)
    assert run.traded == memory.account.traded[0]
    columns = [column[: len(run.account_trades)] for column in memory.account_trades[1:-1]]
    np.testing.assert_array_equal(run.account_trades.piece(slice(None))[1], columns)


class CountedReads(list[float]):
    """Numbers that count how often they are looked at."""

    reads = 0

    def __getitem__(self, at: object) -> float:  # type: ignore[override]  # never a slice
        self.reads += 1
        return super().__getitem__(at)  # type: ignore[call-overload, no-any-return]


def test_worth_is_summed_over_what_is_held_and_not_over_every_trade() -> None:
    """Of few positions many a sum lies between two numbers and is taken exactly: at one moment of four with two."""
    sleeves, terms = world(5)
    terms = replace(terms, constrained=False)
    memory = lay_out(sleeves, terms, 0, ()).on(terms)
    trades = CountedReads(memory.account_trades.trades.tolist())
    memory = memory._replace(account_trades=memory.account_trades._replace(trades=trades))
    follow.follow_seats(*memory, *room_to_follow(memory))
    assert 100 < memory.account_trades.count[0] < trades.reads < 10 * memory.account_trades.count[0]


@pytest.mark.parametrize("seed", range(4))
def test_cash_and_account_trades_add_up_whatever_the_account_knows(seed: int) -> None:
    """Equity at the end is the starting cash and what every trade made: money neither comes nor goes on its way."""
    sleeves, terms = world(seed)
    run = simulate(sleeves, terms, start_ms=0)
    assert math.fsum(account_trade.pnl for account_trade in run.account_trades) == pytest.approx(
        run.equity[-1] - terms.cash, rel=1e-9
    )


def test_bars_that_are_cut_short_meet_the_rates_they_met_before() -> None:
    """A walk-forward cuts bars and signals, and leaves the rates of exchange as they are."""
    sleeves, terms = world(2)
    days = trading_day.load("XKRX").sessions()
    closes = [(days[number].date, number * DAY) for number in range(30, 150)]
    prepared = Prepared(sleeves=sleeves, closes=closes, left_out=[], behind=[])
    cut = between(prepared, closes[0][0], closes[80][0])
    whole, short = (simulate(each.sleeves, terms, start_ms=30 * DAY) for each in (prepared, cut))
    assert 20 < short.equity.size < whole.equity.size
    np.testing.assert_array_equal(whole.equity[: short.equity.size], short.equity)


def test_what_a_sweep_keeps_of_a_trial_does_not_grow_with_its_sessions() -> None:
    sleeves, terms = world(3)
    days = trading_day.load("XKRX").sessions()
    sizes = []
    for n in (40, 160):
        closes = [(days[number].date, number * DAY) for number in range(10, 10 + n)]
        prepared = Prepared(sleeves=sleeves, closes=closes, left_out=[], behind=[])
        run = simulate(sleeves, terms, start_ms=closes[0][1], marks_ms=[ts_ms for _, ts_ms in closes])
        result = StrategyRun(run=run, prepared=prepared, cash=terms.cash)
        assert result.equity.tolist() == [point.equity for point in result.points]
        sizes.append(len(pickle.dumps(trial({"a": 1}, result, [(0, 20)], per_year=252))))
    assert abs(sizes[0] - sizes[1]) < 50


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(-1e300, 1e300), max_size=12))
def test_a_sum_is_that_of_pythons_fsum(terms: list[float]) -> None:
    parts, n = np.zeros(exact_sums.SUMS), 0
    for term in terms:
        n = exact_sums.add(parts, n, term)
    assert exact_sums.total(parts, n) == math.fsum(terms)


def test_a_sum_with_what_is_not_finite_is_not_finite() -> None:
    parts = np.zeros(exact_sums.SUMS)
    n = exact_sums.add(parts, exact_sums.add(parts, exact_sums.begin_sum(parts), 1.0), math.nan)
    assert math.isnan(exact_sums.total(parts, exact_sums.add(parts, n, 2.0)))


def test_ticks_change_on_their_day() -> None:
    """Slippage 1 %: 151.5 and 148.5 on steps of 5, then, from day 100 on, of 10: 155 and 145, 160 and 140."""
    n = np.arange(1, 131)
    entry, leave = np.isin(n, (50, 110)), np.isin(n, (60, 120))
    flat = np.full(n.size, 150.0)
    bars = Bars(ts_ms=n * DAY, open=flat, high=flat, low=flat, close=flat, volume=np.ones(n.size))
    signals = Signals(entry=entry, exit=leave, stop=np.full(n.size, np.nan))
    key = SeriesKey(exchange="X", symbol="A", timeframe="1d")
    sleeve = Sleeve(key=key, setup="x", bars=bars, signals=PackedSignals.of(signals), lot=1.0, grid=ROUGH)
    terms = Terms(cash=10_000, max_positions=1, max_weight=1, costs=Costs(slippage_bps=100))
    trades = [account_trade.trade for account_trade in simulate([sleeve], terms, start_ms=0).account_trades]
    assert [(trade.entry_price, trade.exit_price) for trade in trades] == [(155, 145), (160, 140)]
