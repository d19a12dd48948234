"""Each setup by hand, then the battery that every registered setup passes."""

from __future__ import annotations

import numpy as np
import pytest

from pyjobs.market.bars import Bars
from pyjobs.strategy.library.breakout import Breakout
from pyjobs.strategy.library.ma_cross import MaCross
from pyjobs.strategy.library.pullback_ma200 import Pullback
from pyjobs.strategy.registry import REGISTRY, bound, make_setup, make_setups, needs
from pyjobs.strategy.signals import Setup
from utils.errors import ConfigError


def from_closes(closes: list[float], *, wick: float = 0.0) -> Bars:
    c = np.array(closes, dtype=float)
    o = np.concatenate((c[:1], c[:-1]))
    ts = np.arange(1, c.size + 1, dtype=np.int64) * 86_400_000
    high, low = np.maximum(o, c) + wick, np.minimum(o, c) - wick
    return Bars(ts_ms=ts, open=o, high=high, low=low, close=c, volume=np.ones(c.size))


def random_bars(n: int, seed: int) -> Bars:
    rng = np.random.default_rng(seed)
    return from_closes(np.round(100 + np.cumsum(rng.normal(0.02, 1.0, n)), 1).clip(5).tolist(), wick=0.5)


def at(flags: np.ndarray) -> list[int]:
    return np.flatnonzero(flags).tolist()


def test_ma_cross_enters_where_fast_rises_above_slow_and_leaves_where_it_falls_below() -> None:
    #        SMA2:  -  10  10  11.5  13  11.5  9   8.5
    #        SMA3:  -   -  10  11  12  11.67  10.33  9  ... at 3: 11.5 > 11, before: 10 <= 10; at 5: 11.5 < 11.67
    signals = MaCross(fast=2, slow=3).signals(from_closes([10, 10, 10, 13, 13, 10, 8, 9]))
    assert (at(signals.entry), at(signals.exit)) == ([3], [5])
    assert np.isnan(signals.stop).all()


def test_breakout_compares_with_the_bars_before_and_not_with_itself() -> None:
    # highs 10 10 11 11 12 | the close 11 at bar 2 beats highs 10, 10; 11 at bar 3 does not beat 11; 12 at bar 4 does.
    signals = Breakout(window=2, exit_window=2).signals(from_closes([10, 10, 11, 11, 12, 10.5, 10]))
    assert at(signals.entry) == [2, 4]
    # lows 10 10 10 11 11 10.5 10: the close 10.5 at bar 5 is below min(11, 11); 10 at bar 6 is below min(11, 10.5).
    assert at(signals.exit) == [5, 6]
    np.testing.assert_array_equal(signals.stop, [np.nan, 10, 10, 10, 11, 10.5, 10])


def test_pullback_wants_a_dip_that_ended_within_an_uptrend() -> None:
    # SMA2: -  10.5  11.5  12.5  12.5  12.5  11  9  9.5;  SMA4 at 5: (12 + 13 + 12 + 13) / 4 = 12.5.
    # Bar 4 closes at 12 < 12.5: the dip. Bar 5 at 13, above both. Bar 8 is above SMA2, but bar 7 was not below it.
    # Bars 6, 7 and 8 close below SMA4.
    signals = Pullback(trend=4, dip=2, hold=3).signals(from_closes([10, 11, 12, 13, 12, 13, 9, 9, 10]))
    assert at(signals.entry) == [5]
    assert at(signals.exit) == [6, 7, 8]
    assert signals.max_bars == 3
    assert signals.stop[5] == 12


def made(name: str, params: dict[str, float | str]) -> Setup:
    setup = make_setup(name, params, source="test")
    return bound(setup, random_bars(700, seed=5)) if needs(setup) else setup


ALL = [(name, made(name, {})) for name in REGISTRY] + [
    ("ma_cross", MaCross(fast=3, slow=9)),
    ("breakout_20", Breakout(window=4, exit_window=7)),
    ("pullback_ma200", Pullback(trend=12, dip=3, hold=4)),
]


@pytest.mark.parametrize(("name", "setup"), ALL)
def test_constant_prices_give_no_signal(name: str, setup: Setup) -> None:
    assert name in REGISTRY
    signals = setup.signals(from_closes([0.1] * 450))
    assert at(signals.entry) == []


@pytest.mark.parametrize(("name", "setup"), ALL)
def test_every_entry_says_why(name: str, setup: Setup) -> None:
    bars = random_bars(600, seed=11)
    entries = at(setup.signals(bars).entry)
    assert entries, name
    assert all(any(word in setup.why(bars, t) for word in (" above ", " rose ")) for t in entries)


def test_a_reason_reads_like_a_price_list() -> None:
    bars = from_closes([1_600_000.0] * 20 + [1_761_000.0])
    assert Breakout().why(bars, 20) == "close 1761000 above the 20-bar high 1600000"
    assert MaCross(fast=1, slow=3).why(from_closes([0.1, 0.1, 0.25]), 2) == "SMA1 0.25 rose above SMA3 0.15"


@pytest.mark.parametrize(
    ("name", "params", "problem"),
    [
        (
            "ma_crossing",
            {},
            "unknown setup 'ma_crossing'; known: breakout, breakout_20, krx_ma200, krx_ma200_monthly",
        ),
        ("ma_cross", {"fats": 3}, "setups.ma_cross: unknown parameter 'fats'; known: fast, slow, side, stop_loss"),
        ("ma_cross", {"fast": 0}, "setups.ma_cross.fast: 0 is outside 1..1000"),
        ("ma_cross", {"fast": 2.5}, "setups.ma_cross.fast: 2.5 is not a whole number"),
        ("ma_cross", {"fast": float("inf")}, "setups.ma_cross.fast: inf is not a whole number"),
        ("ma_cross", {"fast": 60, "slow": 60}, "setups.ma_cross: fast 60 must be less than slow 60"),
        ("pullback_ma200", {"trend": 10, "dip": 20}, "dip 20 must be less than trend 10"),
        ("breakout_20", {"window": True}, "setups.breakout_20.window: True is not a whole number"),
    ],
)
def test_a_wrong_setup_is_refused_by_name(name: str, params: dict[str, float], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make_setups({name: params}, source="desk.yaml")
    assert str(caught.value).startswith("desk.yaml: ")
    assert problem in str(caught.value)


def test_a_known_setup_is_made_with_its_parameters_and_defaults() -> None:
    assert make_setup("ma_cross", {"fast": 5.0}, source="x") == MaCross(fast=5, slow=60)
    assert make_setup("breakout_20", {"window": 20}, source="x") == Breakout(window=20, exit_window=10)
