"""Figures of an account by hand, and that chance earns nothing."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pytest

from pyjobs.account.figures.account_types import FIGURES
from pyjobs.account.figures.performance import curve, measures
from pyjobs.account.portfolio.signals.packed import PackedSignals
from pyjobs.account.portfolio.simulate import AccountRun, Terms, simulate
from pyjobs.account.portfolio.sleeve import Sleeve
from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.strategy.registry import make_setups

DAY = 86_400_000
START = dt.date(2023, 1, 1)


def run_of(equity: list[float]) -> AccountRun:
    n = len(equity)
    return AccountRun(
        ts_ms=np.arange(n, dtype=np.int64) * 365 * DAY,
        equity=np.array(equity),
        cash=np.array(equity) / 2,
        exposure=np.full(n, 0.5),
        n_positions=np.ones(n, dtype=np.int64),
        account_trades=[],
        refused={},
        traded=3000.0,
    )


def closes(n: int) -> list[tuple[dt.date, int]]:
    return [(START + dt.timedelta(days=365 * i), i * 365 * DAY) for i in range(n)]


def test_figures_by_hand() -> None:
    # 1000, 1200, 900, 1100 a year (365 days) apart: returns +20 %, -25 %, +22.2 %; deepest 900 / 1200 - 1.
    run = run_of([1000, 1200, 900, 1100])
    figures = measures(curve(run, closes(4), cash=1000), run, np.array([math.nan, 50, 55, 60]), per_year=252)
    assert figures["total_return"] == pytest.approx(0.1)
    assert figures["cagr"] == pytest.approx(1.1 ** (365.25 / 1095) - 1)
    assert figures["max_drawdown"] == pytest.approx(-0.25)
    assert figures["calmar"] == pytest.approx((1.1 ** (365.25 / 1095) - 1) / 0.25)
    assert figures["max_drawdown_sessions"] == 2
    mean, spread = (0.2 - 0.25 + 2 / 9) / 3, np.std([0.2, -0.25, 2 / 9], ddof=1)
    assert figures["sharpe"] == pytest.approx(mean / spread * math.sqrt(252))
    assert figures["exposure"] == 0.5
    assert figures["turnover"] == pytest.approx(3000 / 2 / 1050 / (1095 / 365.25))
    assert figures["benchmark_return"] == pytest.approx(0.2)
    assert figures["benchmark_start"] == "2024-01-01"
    assert figures["return_180d"] == pytest.approx(1100 / 900 - 1)
    assert (figures["win_rate"], figures["profit_factor"], figures["n_trades"]) == (None, None, 0)


def test_before_the_first_event_the_account_is_its_cash() -> None:
    points = curve(run_of([1000.0]), [(START, -DAY), (START, 0)], cash=777.0)
    assert [(p.equity, p.cash, p.exposure, p.n_positions) for p in points] == [(777, 777, 0, 0), (1000, 500, 0.5, 1)]


def test_what_is_undefined_is_there_as_none() -> None:
    figures = measures([], run_of([]), None, per_year=252)
    assert set(figures) == set(FIGURES)
    assert figures["sharpe"] is None


def test_an_account_that_lost_more_than_all_has_no_ratios() -> None:
    run = run_of([1000, -200, 100])
    figures = measures(curve(run, closes(3), cash=1000), run, None, per_year=252)
    assert (figures["sharpe"], figures["max_drawdown"], figures["total_return"]) == (None, None, pytest.approx(-0.9))


def random_walk(rng: np.random.Generator, symbol: str, n: int) -> tuple[SeriesKey, Bars]:
    inside, gap = rng.normal(0, 0.015, n), rng.normal(0, 0.005, n)
    close = 50_000 * np.exp(np.cumsum(inside + gap - (0.015**2 + 0.005**2) / 2))
    start = close / np.exp(inside)
    high = np.maximum(start, close) * np.exp(np.abs(rng.normal(0, 0.004, n)))
    low = np.minimum(start, close) * np.exp(-np.abs(rng.normal(0, 0.004, n)))
    ts_ms = np.arange(1, n + 1, dtype=np.int64) * DAY
    bars = Bars(ts_ms=ts_ms, open=start, high=high, low=low, close=close, volume=np.ones(n))
    return SeriesKey(exchange="X", symbol=symbol, timeframe="1d"), bars


def test_without_costs_chance_earns_nothing() -> None:
    """A peek at the future would show: on price walks without drift the mean trade is zero within its error."""
    setups = make_setups({"ma_cross": {}, "breakout_20": {}, "pullback_ma200": {}}, source="test")
    returns: list[float] = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        series = [random_walk(rng, f"S{i:02}", 900) for i in range(8)]
        sleeves = [
            Sleeve(key=key, setup=name, bars=bars, signals=PackedSignals.of(setup.signals(bars)), lot=1.0)
            for key, bars in series
            for name, setup in setups.items()
        ]
        run = simulate(sleeves, Terms(cash=1e8, max_positions=5, max_weight=0.2, constrained=False), start_ms=0)
        returns += [
            account_trade.net_return for account_trade in run.account_trades if account_trade.trade.reason != "open"
        ]
    assert len(returns) > 700
    assert abs(np.mean(returns)) < 3 * np.std(returns) / math.sqrt(len(returns))


def test_ruin_and_a_short_window_are_said_in_the_figures() -> None:
    run = run_of([1000, -200, 100])
    figures = measures(curve(run, closes(3), cash=1000), run, None, per_year=365)
    assert (figures["ruin"], figures["short"], figures["sessions_per_year"]) == ("2024-01-01", True, 365)
    assert (figures["exposure"], figures["turnover"]) == (None, None)  # of an equity below zero they mean nothing
    run = run_of([1000.0, 1100.0, 1200.0])
    assert (measures(curve(run, closes(3), cash=1000), run, None, per_year=2)["short"], figures["volatility"]) == (
        False,
        None,
    )


def test_sharpe_and_volatility_go_by_the_market_s_year() -> None:
    run = run_of([1000, 1200, 900, 1100])
    coin, share = (measures(curve(run, closes(4), cash=1000), run, None, per_year=n) for n in (365, 252))
    for name in ("sharpe", "volatility", "sortino"):
        assert float(str(coin[name])) / float(str(share[name])) == pytest.approx(math.sqrt(365 / 252))
