"""The engine against a slow account written from tests/bench/WORKLOADS.md alone, and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pyjobs.account.single import engine
from pyjobs.account.single.engine import Money
from pyjobs.account.single.sweep import strategies, sweep
from pyjobs.account.sweep_axes import grid
from pyjobs.market.bars import Bars
from pyjobs.strategy.registry import make_setup
from utils.errors import BadDataError, UsageError

DAY = 86_400_000


def walks(symbols: int, n: int, seed: int) -> dict[str, Bars]:
    """Four-decimal prices with overnight gaps, as make_workloads.py makes them."""
    rng = np.random.default_rng(seed)
    found = {}
    for k in range(symbols):
        inside, gap = 0.0002 + 0.015 * rng.standard_normal(n), 0.005 * rng.standard_normal(n)
        gap *= 1 + 6 * (rng.random(n) < 0.02)
        close = rng.uniform(20, 200) * np.exp(np.cumsum(inside + gap))
        prices = [np.round(x, 4) for x in (close * np.exp(-inside), close)]
        high, low = (np.round(close * np.exp(s * np.abs(0.006 * rng.standard_normal(n))), 4) for s in (1, -1))
        high, low = np.maximum(high, np.maximum(*prices)), np.minimum(low, np.minimum(*prices))
        ts_ms = np.arange(20_000, 20_000 + n, dtype=np.int64) * DAY
        found[f"S{k}"] = Bars(ts_ms=ts_ms, open=prices[0], high=high, low=low, close=prices[1], volume=np.ones(n))
    return found


def slow_account(
    bars: Bars, fast: int, slow: int, fee: float, *, stop_loss: float = 0.0, stop_atr: float = 0.0
) -> tuple[float, float, list[tuple[int, int, int]]]:
    """WORKLOADS.md, read line by line: (total return, deepest fall, [(signal bar, entry bar, exit bar or -1)])."""
    o, h, low, c = (x.tolist() for x in (bars.open, bars.high, bars.low, bars.close))
    whole = [round(x * 10_000) for x in c]

    def mean(t: int, n: int) -> float:
        return sum(whole[t - n + 1 : t + 1]) / n

    ranges = [h[0] - low[0]] + [max(h[t], c[t - 1]) - min(low[t], c[t - 1]) for t in range(1, len(c))]
    cash, quantity, stop, wish, signal = 1e6, 0.0, 0.0, "", -1
    equity: list[float] = []
    trades: list[list[int]] = []
    for t in range(len(c)):
        if wish == "buy":
            quantity, cash = cash / (o[t] * (1 + fee)), 0.0
            stop = o[t] * (1 - stop_loss) if stop_loss else o[t] - stop_atr * sum(ranges[signal - 13 : signal + 1]) / 14
            trades.append([signal, t, -1])
        elif wish == "sell":
            cash, quantity, trades[-1][2] = quantity * o[t] * (1 - fee), 0.0, t
        wish = ""
        if quantity and (o[t] < stop or low[t] <= stop):
            price = o[t] if o[t] < stop else stop
            cash, quantity, trades[-1][2] = quantity * price * (1 - fee), 0.0, t
        if t >= slow:
            now, before = mean(t, fast) - mean(t, slow), mean(t - 1, fast) - mean(t - 1, slow)
            if not quantity and now > 0 and before <= 0:
                wish, signal = "buy", t
            elif quantity and now < 0 and before >= 0:
                wish = "sell"
        equity.append(cash + quantity * c[t])
    peaks = np.maximum.accumulate([1e6, *equity])[1:]
    return equity[-1] / 1e6 - 1, float((np.array(equity) / peaks - 1).min()), [tuple(trade) for trade in trades]  # type: ignore[misc]


WORKLOADS = {
    "W1": (10, 30, 10.0, {"stop_loss": 0.05}),
    "W2": (20, 100, 2.0, {"stop_atr": 2.0}),
    "W3": (3, 20, 10.0, {"stop_loss": 0.05}),
}


@pytest.mark.parametrize("name", WORKLOADS)
def test_the_engine_agrees_with_a_slow_account_written_from_the_definition(name: str) -> None:
    fast, slow, fee_bps, stops = WORKLOADS[name]
    setup = make_setup("ma_cross", {"fast": fast, "slow": slow, **stops}, source="test")
    result = engine.run(walks(6, 700, seed=len(name) + fast), setup, money=Money(fee_bps=fee_bps))
    assert sum(each.count("stop_gap") for each in result.symbols) >= 1
    for each in result.symbols:
        gain, deepest, trades = slow_account(each.bars, fast, slow, fee_bps / 1e4, **stops)
        numbers = [each.bar_numbers(column).tolist() for column in (1, engine.ENTRY_TS, engine.EXIT_TS)]
        still_in = each.count("open")
        got = list(zip(*numbers, strict=True))
        assert got[: len(got) - still_in] == trades[: len(trades) - still_in]
        assert [trade[:2] for trade in got] == [trade[:2] for trade in trades]
        assert each.total_return == pytest.approx(gain, rel=1e-10)
        assert each.max_drawdown == pytest.approx(deepest, rel=1e-10)


def flat_then(prices: list[float]) -> Bars:
    c = np.array(prices)
    o = np.concatenate((c[:1], c[:-1]))
    ts_ms = np.arange(1, c.size + 1, dtype=np.int64) * DAY
    return Bars(ts_ms=ts_ms, open=o, high=np.maximum(o, c), low=np.minimum(o, c), close=c, volume=np.ones(c.size))


def test_a_long_and_a_short_by_hand() -> None:
    # Close over SMA2: up at bar 2 (11 > 10.5), in at 11; down at bar 3 (9 < 10), out and short at 9; last close 8.
    bars = flat_then([10, 10, 11, 9, 8])
    setup = make_setup("ma_cross", {"fast": 1, "slow": 2, "side": "both"}, source="test")
    (each,) = engine.run({"X": bars}, setup, money=Money(cash=1000, fee_bps=100)).symbols
    assert each.n_trades == 1 + 1
    after_long = 1000 / (11 * 1.01) * 9 * 0.99
    shares = after_long / (9 * 1.01)
    assert each.equity(Money(cash=1000, fee_bps=100))[-1] == pytest.approx(shares * (2 * 9 - 8))
    assert each.total_return == pytest.approx(shares * 10 / 1000 - 1)
    assert each.net_returns(0.01).tolist() == pytest.approx([after_long / 1000 - 1, shares * 10 / after_long - 1])


def test_the_returns_of_all_trades_compound_to_the_total_return() -> None:
    money = Money(fee_bps=7)
    setup = make_setup("breakout", {"side": "both", "stop_atr": 2.0, "target": 0.08}, source="test")
    for each in engine.run(walks(4, 600, seed=5), setup, money=money).symbols:
        assert each.n_trades > 10
        assert np.prod(1 + each.net_returns(money.fee)) - 1 == pytest.approx(each.total_return, rel=1e-9)
        assert each.equity(money)[-1] / money.cash - 1 == pytest.approx(each.total_return, rel=1e-12)


def test_the_deepest_fall_is_that_of_the_worth_at_each_close_to_the_last_bit() -> None:
    money, bars = Money(fee_bps=7), walks(6, 500, seed=23)
    for asked in ({"side": "both", "stop_loss": 0.04}, {"side": "long", "trail": 0.06, "max_bars": 30}):
        setup = make_setup("ma_cross", {"fast": 3, "slow": 11, **asked}, source="test")
        for each in engine.run(bars, setup, money=money, start_ms=int(bars["S0"].ts_ms[40])).symbols:
            worth = each.equity(money)
            peaks = np.maximum.accumulate([money.cash, *worth])[1:]
            assert each.max_drawdown == (worth / peaks - 1.0).min() < -0.01


def test_bars_before_the_start_warm_up_and_trade_nothing() -> None:
    bars = walks(1, 600, seed=8)["S0"]
    setup, start_ms = make_setup("ma_cross", {"fast": 5, "slow": 20}, source="test"), int(bars.ts_ms[300])
    (whole,) = engine.run({"X": bars}, setup).symbols
    (late,) = engine.run({"X": bars}, setup, start_ms=start_ms).symbols
    expected = [row for row in whole.rows.tolist() if row[1] >= start_ms]
    np.testing.assert_array_equal(late.rows, expected)
    assert len(expected) > 2
    assert len(late.equity(Money())) == 300


def test_a_strategy_longer_than_every_series_is_refused() -> None:
    with pytest.raises(BadDataError, match="needs 61 bars; the longest series has only 40"):
        engine.run(walks(1, 40, seed=1), make_setup("ma_cross", {}, source="test"))


def test_a_sweep_is_each_run_alone() -> None:
    series = walks(3, 400, seed=12)
    combos, setups = strategies(
        "ma_cross", grid({"fast": [2, 5, 30], "slow": [10, 30], "stop_loss": [0.05]}), source="test"
    )
    assert [(c["fast"], c["slow"]) for c in combos] == [(2, 10), (2, 30), (5, 10), (5, 30)]
    table = sweep(series, combos, setups, money=Money(fee_bps=10))
    for i, setup in enumerate(setups):
        for j, each in enumerate(engine.run(series, setup, money=Money(fee_bps=10)).symbols):
            assert table.total_return[i, j] == each.total_return
            assert table.max_drawdown[i, j] == each.max_drawdown
            assert table.n_trades[i, j] == each.n_trades


def test_a_sweep_without_a_possible_set_is_refused() -> None:
    with pytest.raises(UsageError, match="windows must ascend"):
        strategies("ma_cross", grid({"fast": [9], "slow": [4]}), source="test")


def test_a_short_that_lost_more_than_all_is_the_last_trade() -> None:
    """Short at 80, bought back at 350: 2 * 80 - 350 is left of every 80. From 350 to 200 it would have been long."""
    price = np.array([100.0, 100.0, 90.0, 80.0, 70.0, 300.0, 350.0, 360.0, 300.0, 200.0, 250.0])
    bars = Bars(
        ts_ms=np.arange(1, 12, dtype=np.int64) * DAY, open=price, high=price, low=price, close=price, volume=price
    )
    (found,) = engine.run(
        {"A": bars}, make_setup("ma_cross", {"fast": 1, "slow": 2, "side": "both"}, source="")
    ).symbols
    assert [(row[0], row[3], row[6]) for row in found.rows.tolist()] == [(-1.0, 80.0, 350.0)]
    assert found.total_return == pytest.approx((160 - 350) / 80 - 1)
    assert found.equity(Money())[6:] == pytest.approx([1e6 * (160 - 350) / 80] * 5)
