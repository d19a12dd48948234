"""docs/SEMANTICS.md by hand-made cases: other engines' conventions by name, targets, trailing stops, reversals."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyjobs.market.bars import Bars
from pyjobs.strategy.battery import stepped
from pyjobs.strategy.lifecycle import Rules, Semantics, Trade, fold
from pyjobs.strategy.signals import Signals

DAY = 86_400_000
PEERS: dict[str, Semantics] = {
    "backtesting.py [sl in the order]": "own",
    "backtesting.py [arm at close of entry bar]": "backtesting_py",
    "vectorbt [stop_entry_price=fillprice]": "vectorbt",
    "vectorbt [stop_entry_price=close]": "vectorbt",
}


def bars_of(ohlc: list[list[float]]) -> Bars:
    o, h, low, c = np.array(ohlc, dtype=float).reshape(-1, 4).T
    ts = np.arange(1, len(ohlc) + 1, dtype=np.int64) * DAY
    return Bars(ts_ms=ts, open=o, high=h, low=low, close=c, volume=np.ones(len(ohlc)))


def flags(n: int, at: set[int]) -> np.ndarray:
    return np.array([i in at for i in range(n)], dtype=bool)


def signals_of(n: int, entries: set[int], exits: set[int] = frozenset(), **more: object) -> Signals:  # type: ignore[assignment]
    values = {"stop": np.full(n, np.nan), **more}
    return Signals(entry=flags(n, entries), exit=flags(n, set(exits)), **values)  # type: ignore[arg-type]


def seen(trades: list[Trade]) -> list[tuple[str, int, float, int, float, str]]:
    return [
        (t.side, t.entry_ts_ms // DAY - 1, t.entry_price, t.exit_ts_ms // DAY - 1, t.exit_price, t.reason)
        for t in trades
    ]


def run(bars: Bars, signals: Signals, semantics: Semantics = "own") -> list[tuple[str, int, float, int, float, str]]:
    return seen(fold(bars, signals, Rules.of(signals, semantics))[1])


@pytest.mark.parametrize("peer", PEERS)
def test_another_engines_conventions_are_reproduced_by_name(golden_cases: Path, peer: str) -> None:
    table = json.loads((golden_cases / "stop_micro_cases.json").read_text())
    for name, case in table["cases"].items():
        exits = set() if case["exit_signal_bar"] is None else {case["exit_signal_bar"]}
        signals = signals_of(len(case["bars"]), {0}, exits, stop_loss=0.05)
        got = [[leave, price] for _, _, _, leave, price, _ in run(bars_of(case["bars"]), signals, PEERS[peer])]
        expected = table["peers"][peer][name]
        assert got == ([] if expected is None else [expected]), name


CALM = [100.0, 101.0, 99.0, 100.0]


def test_a_target_fills_at_its_price_or_at_a_better_open() -> None:
    touched = bars_of([CALM, CALM, [100, 111, 99, 105], CALM])
    passed = bars_of([CALM, CALM, [115, 116, 112, 113], CALM])
    signals = signals_of(4, {0}, take_profit=0.1)
    assert run(touched, signals) == [("long", 1, 100, 2, pytest.approx(110), "target")]
    assert run(passed, signals) == [("long", 1, 100, 2, 115, "target")]


def test_of_stop_and_target_in_one_bar_the_stop_is_taken() -> None:
    wild = bars_of([CALM, CALM, [100, 120, 80, 100], CALM])
    assert run(wild, signals_of(4, {0}, take_profit=0.1, stop_loss=0.05)) == [("long", 1, 100, 2, 95, "stop")]


def test_a_target_by_distance_and_one_by_percent_the_nearer_is_taken() -> None:
    rising = bars_of([CALM, CALM, [100, 130, 99, 120], CALM])
    near = np.array([7.0, np.nan, np.nan, np.nan])
    assert run(rising, signals_of(4, {0}, target_distance=near, take_profit=0.2)) == [
        ("long", 1, 100, 2, 107, "target")
    ]


def test_a_trailing_stop_follows_the_best_price_from_the_next_bar_on() -> None:
    # 10 below the best: 90 at the fill, 100 after the high of 110 at bar 2 (whose own low of 95 is above 90),
    # 105 after the high of 115 at bar 3; the low of 104 at bar 4 touches it.
    bars = bars_of([CALM, CALM, [100, 110, 95, 108], [108, 115, 107, 112], [112, 113, 104, 106], CALM])
    signals = signals_of(6, {0}, trail_distance=np.full(6, 10.0))
    assert run(bars, signals) == [("long", 1, 100, 4, 105, "stop")]
    assert run(bars, signals_of(6, {0}, trail=0.09)) == [("long", 1, 100, 4, 115 * (1 - 0.09), "stop")]


def test_a_stop_by_distance_is_measured_from_the_fill() -> None:
    bars = bars_of([CALM, [102, 103, 101, 102], [101, 102, 96, 97], CALM])
    distance = np.array([5.5, np.nan, np.nan, np.nan])
    assert run(bars, signals_of(4, {0}, stop_distance=distance)) == [("long", 1, 102, 2, 96.5, "stop")]


def both(n: int, up: set[int], down: set[int], **more: object) -> Signals:
    return signals_of(n, up, down, short_entry=flags(n, down), short_exit=flags(n, up), **more)


def test_leaving_one_side_and_entering_the_other_fill_at_the_same_open() -> None:
    bars = bars_of([CALM, CALM, CALM, [98, 99, 97, 98], CALM, CALM])
    trades = run(bars, both(6, {0}, {2}))
    assert trades == [("long", 1, 100, 3, 98, "signal")]
    state, _ = fold(bars, both(6, {0}, {2}), Rules())
    assert (state.phase, state.side, state.entry_ts_ms, state.entry_price) == ("open", "short", 4 * DAY, 98)


def test_a_reversal_can_be_stopped_on_its_own_first_bar() -> None:
    bars = bars_of([CALM, CALM, CALM, [98, 110, 97, 98], CALM])
    trades = run(bars, both(5, {0}, {2}, stop_loss=0.05))
    assert trades == [("long", 1, 100, 3, 98, "signal"), ("short", 3, 98, 3, 98 * 1.05, "stop")]


def test_a_pending_reversal_is_in_the_printed_state() -> None:
    state, _ = fold(bars_of([CALM] * 3), both(3, {0}, {2}), Rules())
    assert (state.phase, state.side, state.next_side, state.next_signal_ts_ms) == ("exiting", "long", "short", 3 * DAY)


def test_both_sides_at_one_close_are_no_entry() -> None:
    signals = signals_of(4, {1}, short_entry=flags(4, {1}), short_exit=flags(4, set()))
    assert fold(bars_of([CALM] * 4), signals, Rules())[0].phase == "flat"


def test_orders_wait_where_there_is_no_price() -> None:
    nothing = [float("nan")] * 4
    bars = bars_of([CALM, nothing, [101, 102, 100, 101], CALM, nothing, [99, 100, 98, 99]])
    assert run(bars, signals_of(6, {0}, {3})) == [("long", 2, 101, 5, 99, "signal")]


@st.composite
def markets(draw: st.DrawFn) -> tuple[Bars, Signals]:
    n = draw(st.integers(2, 25))
    price = st.integers(90, 110).map(float)
    rows = []
    for _ in range(n):
        o, c, a, b = (draw(price) for _ in range(4))
        rows.append([o, max(o, c, a, b), min(o, c, a, b), c])
    some = st.sets(st.integers(0, n - 1), max_size=8)
    distance = st.lists(st.sampled_from([np.nan, 3.0, 6.0]), min_size=n, max_size=n).map(np.array)
    signals = signals_of(
        n,
        draw(some),
        draw(some),
        short_entry=flags(n, draw(some)),
        short_exit=flags(n, draw(some)),
        stop_distance=draw(st.one_of(st.none(), distance)),
        target_distance=draw(st.one_of(st.none(), distance)),
        trail_distance=draw(st.one_of(st.none(), distance)),
        stop_loss=draw(st.sampled_from([0.0, 0.04])),
        take_profit=draw(st.sampled_from([0.0, 0.05])),
        trail=draw(st.sampled_from([0.0, 0.07])),
        max_bars=draw(st.sampled_from([0, 1, 3])),
    )
    return bars_of(rows), signals


@settings(max_examples=300, deadline=None)
@given(markets(), st.sampled_from(["own", "backtesting_py", "vectorbt"]))
def test_the_compiled_fold_is_the_kernel_bar_by_bar(market: tuple[Bars, Signals], semantics: Semantics) -> None:
    bars, signals = market
    rules = Rules.of(signals, semantics)
    assert fold(bars, signals, rules) == stepped(bars, signals, rules)


@settings(max_examples=150, deadline=None)
@given(markets())
def test_short_is_the_mirror_image_of_long(market: tuple[Bars, Signals]) -> None:
    bars, signals = market
    if signals.stop_loss or signals.take_profit or signals.trail:
        return  # a fraction of the price is not the same distance in the mirror
    mirrored = Bars(
        ts_ms=bars.ts_ms, open=200 - bars.open, high=200 - bars.low, low=200 - bars.high, close=200 - bars.close,
        volume=bars.volume,
    )  # fmt: skip
    turned = signals_of(
        len(bars), set(), short_entry=signals.entry, short_exit=signals.exit, stop_distance=signals.stop_distance,
        target_distance=signals.target_distance, trail_distance=signals.trail_distance, max_bars=signals.max_bars,
    )  # fmt: skip
    turned = Signals(
        **{name: getattr(turned, name) for name in turned.__slots__ if name not in ("entry", "exit")},
        entry=signals.short_entry, exit=signals.short_exit,
    )  # fmt: skip
    there = [(e, 200 - p, x, 200 - q, why) for _, e, p, x, q, why in run(mirrored, turned)]
    assert there == [trade[1:] for trade in run(bars, signals)]
