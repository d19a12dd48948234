"""The order of events inside a bar, against the golden cases, a slow second implementation, and itself in two parts."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyjobs.market.bars import Bars
from pyjobs.strategy.lifecycle import FLAT, KernelInput, Rules, State, Trade, fold
from pyjobs.strategy.signals import Signals
from tests.strategy.support.folded import follow, mark

DAY = 86_400_000


def bars_of(ohlc: list[list[float]]) -> Bars:
    o, h, low, c = np.array(ohlc, dtype=float).reshape(-1, 4).T
    ts = np.arange(1, len(ohlc) + 1, dtype=np.int64) * DAY
    return Bars(ts_ms=ts, open=o, high=h, low=low, close=c, volume=np.ones(len(ohlc)))


def signals_of(n: int, entries: dict[int, float], exits: set[int], *, side: str = "long", max_bars: int = 0) -> Signals:
    stop = np.full(n, np.nan)
    for at, level in entries.items():
        stop[at] = level
    return Signals(
        entry=np.array([i in entries for i in range(n)], dtype=bool),
        exit=np.array([i in exits for i in range(n)], dtype=bool),
        stop=stop,
        side=side,  # type: ignore[arg-type]  # parametrised text
        max_bars=max_bars,
    )


GOLDEN = (
    "touch_intrabar",
    "gap_whole_bar_below",
    "gap_open_below_high_above",
    "open_equals_stop",
    "low_equals_stop",
    "low_just_above_stop",
    "entry_bar_low_hits_stop",
    "exit_signal_then_low_hits",
    "exit_signal_then_gap",
    "two_bar_stop_second_gap",
)


def golden(golden_cases: Path, name: str) -> dict[str, Any]:
    cases = json.loads((golden_cases / "stop_micro_cases.json").read_text())["cases"]
    assert sorted(cases) == sorted(GOLDEN)
    return dict(cases[name])


@pytest.mark.parametrize("name", GOLDEN)
@pytest.mark.parametrize("how", ["level", "percent"])
def test_golden_stop_case(golden_cases: Path, name: str, how: str) -> None:
    case = golden(golden_cases, name)
    exits = set() if case["exit_signal_bar"] is None else {case["exit_signal_bar"]}
    signals = signals_of(len(case["bars"]), {0: 95.0 if how == "level" else np.nan}, exits)
    rules = Rules(stop_loss=0.0 if how == "level" else 0.05)
    _, trades = fold(bars_of(case["bars"]), signals, rules)
    got = [[t.exit_ts_ms // DAY - 1, t.exit_price, t.reason] for t in trades]
    assert got == ([] if case["expected"] is None else [case["expected"]])


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_stop_case_mirrored_short(golden_cases: Path, name: str) -> None:
    case = golden(golden_cases, name)
    mirrored = [[200 - o, 200 - low, 200 - h, 200 - c] for o, h, low, c in case["bars"]]
    exits = set() if case["exit_signal_bar"] is None else {case["exit_signal_bar"]}
    signals = signals_of(len(mirrored), {0: 105.0}, exits, side="short")
    _, trades = fold(bars_of(mirrored), signals, Rules(side="short"))
    got = [[t.exit_ts_ms // DAY - 1, 200 - t.exit_price, t.reason] for t in trades]
    assert got == ([] if case["expected"] is None else [case["expected"]])


CALM = [[100, 101, 99, 100]] * 6


def test_a_signal_on_the_last_bar_stays_pending() -> None:
    state, trades = fold(bars_of(CALM[:3]), signals_of(3, {2: 95.0}, set()), Rules())
    assert trades == []
    assert state == State(phase="entering", signal_ts_ms=3 * DAY, stop=95.0)


def test_an_open_position_at_the_end_is_marked_to_the_last_close() -> None:
    state, trades = fold(bars_of(CALM), signals_of(6, {0: 95.0}, set()), Rules())
    assert trades == []
    marked = mark(state, 6 * DAY, 100.0)
    assert marked is not None
    assert (marked.reason, marked.exit_price, marked.bars_held) == ("open", 100.0, 5)


def test_out_at_the_open_and_signalled_in_at_that_close_enters_one_bar_later() -> None:
    state, trades = fold(bars_of(CALM), signals_of(6, {0: np.nan, 2: np.nan}, {1}), Rules())
    assert [(t.entry_ts_ms // DAY - 1, t.exit_ts_ms // DAY - 1) for t in trades] == [(1, 2)]
    assert state.entry_ts_ms // DAY - 1 == 3


def test_an_entry_signal_while_in_is_ignored() -> None:
    _, trades = fold(bars_of(CALM), signals_of(6, {0: 95.0, 1: 99.0, 2: 99.0}, {3}), Rules())
    assert [(t.signal_ts_ms // DAY - 1, t.reason, t.stop) for t in trades] == [(0, "signal", 95.0)]


def test_entry_and_exit_at_one_close_is_no_entry() -> None:
    assert fold(bars_of(CALM), signals_of(6, {1: 95.0}, {1}), Rules()) == (FLAT, [])


def test_an_entry_that_opens_at_or_beyond_its_stop_is_dropped() -> None:
    for opening in (95.0, 94.0):
        bars = bars_of([[100, 101, 99, 100], [opening, 101, 90, 100], *CALM])
        assert fold(bars, signals_of(8, {0: 95.0}, set()), Rules()) == (FLAT, [])


def test_a_time_exit_fills_at_the_open_after_the_last_bar_allowed() -> None:
    _, trades = fold(bars_of(CALM), signals_of(6, {0: np.nan}, set()), Rules(max_bars=2))
    assert [(t.entry_ts_ms // DAY - 1, t.exit_ts_ms // DAY - 1, t.reason, t.bars_held) for t in trades] == [
        (1, 3, "time", 2)
    ]


def test_the_nearer_of_level_and_percent_stop_holds() -> None:
    for level, expected in ((97.0, 97.0), (80.0, 95.0)):
        state, _ = fold(bars_of(CALM[:2]), signals_of(2, {0: level}, set()), Rules(stop_loss=0.05))
        assert state.stop == expected


def test_the_state_survives_json() -> None:
    state, _ = fold(bars_of(CALM), signals_of(6, {0: 95.0}, set()), Rules())
    assert State(**json.loads(json.dumps(asdict(state)))) == state


def reference(bars: Bars, signals: Signals, rules: Rules) -> list[tuple[int, float, int, float, str]]:
    """Second implementation, the other way round: from each entry, look ahead for the first thing that ends it."""
    sign = 1 if rules.side == "long" else -1
    o, h, low, c = (sign * x for x in (bars.open, bars.high, bars.low, bars.close))
    worst = low if sign == 1 else h
    n, trades, t = len(c), [], 0
    while t < n - 1:
        if not signals.entry[t] or signals.exit[t]:
            t += 1
            continue
        fill = o[t + 1]
        candidates = []
        if not np.isnan(signals.stop[t]):
            candidates.append(sign * signals.stop[t])
        if rules.stop_loss:
            candidates.append(sign * (abs(fill) * (1 - sign * rules.stop_loss)))
        stop = max(candidates, default=-np.inf)
        if fill <= stop:
            t += 1
            continue
        asked = [x + 1 for x in range(t + 1, n) if signals.exit[x]]
        timed = [t + 1 + rules.max_bars] if rules.max_bars else []
        by_order = min([x for x in asked + timed if x < n], default=n + 5)
        by_gap = min([x for x in range(t + 2, n) if o[x] < stop], default=n + 5)
        by_touch = min([x for x in range(t + 1, n) if worst[x] <= stop], default=n + 5)
        end = min(by_order, by_gap, by_touch)
        if end > n:
            break
        if end == by_order:
            price, reason = o[end], "signal" if end in asked else "time"
        elif end == by_gap:
            price, reason = o[end], "stop_gap"
        else:
            price, reason = stop, "stop"
        trades.append((t + 1, sign * float(fill), end, sign * float(price), reason))
        t = end
    return trades


@st.composite
def markets(draw: st.DrawFn) -> tuple[Bars, Signals, Rules]:
    n = draw(st.integers(2, 25))
    price = st.integers(90, 110).map(float)
    rows = []
    for _ in range(n):
        o, c, a, b = (draw(price) for _ in range(4))
        rows.append([o, max(o, c, a, b), min(o, c, a, b), c])
    side = draw(st.sampled_from(["long", "short"]))
    entries = {
        i: draw(st.sampled_from([np.nan, 93.0, 97.0, 103.0, 107.0])) for i in draw(st.sets(st.integers(0, n - 1)))
    }
    exits = draw(st.sets(st.integers(0, n - 1), max_size=4))
    rules = Rules(side=side, stop_loss=draw(st.sampled_from([0.0, 0.04])), max_bars=draw(st.sampled_from([0, 1, 3])))
    return bars_of(rows), signals_of(n, entries, exits, side=side), rules


def seen(trades: list[Trade]) -> list[tuple[int, float, int, float, str]]:
    return [(t.entry_ts_ms // DAY - 1, t.entry_price, t.exit_ts_ms // DAY - 1, t.exit_price, t.reason) for t in trades]


@settings(max_examples=400, deadline=None)
@given(markets())
def test_the_fold_agrees_with_a_slow_second_implementation(market: tuple[Bars, Signals, Rules]) -> None:
    bars, signals, rules = market
    assert seen(fold(bars, signals, rules)[1]) == reference(bars, signals, rules)


@settings(max_examples=150, deadline=None)
@given(markets())
def test_stopping_after_any_bar_and_going_on_changes_nothing(market: tuple[Bars, Signals, Rules]) -> None:
    bars, signals, rules = market
    whole = fold(bars, signals, rules)
    for k in range(len(bars) + 1):
        state, first = fold(bars.slice(0, k), signals.slice(0, k), rules)
        state, second = fold(bars.slice(k, len(bars)), signals.slice(k, len(bars)), rules, state)
        assert (state, first + second) == whole


@settings(max_examples=150, deadline=None)
@given(markets())
def test_following_a_trigger_is_the_fold_with_only_that_entry(market: tuple[Bars, Signals, Rules]) -> None:
    bars, signals, rules = market
    triggers = np.flatnonzero(signals.entry & ~signals.exit).tolist()
    for t, got in zip(triggers, follow(KernelInput.of(bars, signals), triggers, rules), strict=True):
        alone = signals_of(
            len(bars), {t: float(signals.stop[t])}, set(np.flatnonzero(signals.exit).tolist()), side=rules.side
        )
        state, trades = fold(bars, alone, rules)
        if trades:
            assert got == ("closed", trades[0]) and len(trades) == 1
        else:
            marked = mark(state, int(bars.ts_ms[-1]), float(bars.close[-1]))
            assert got == ({"flat": "dropped", "entering": "pending"}.get(state.phase, "open"), marked)
