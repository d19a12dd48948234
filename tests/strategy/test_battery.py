"""Every registered strategy passes the battery, long and both ways, with and without exits; and cheats do not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from pyjobs.market.bars import Bars
from pyjobs.strategy import battery, library
from pyjobs.strategy.indicators import highest, sma
from pyjobs.strategy.library.krx_ma200 import KrxMa200
from pyjobs.strategy.registry import REGISTRY, bound, make_setup, needs
from pyjobs.strategy.signals import Setup, Signals, no_stop
from pyjobs.strategy.trace import remembering
from tests.support.walks import days, walk

EXITS: dict[str, float | str] = {"stop_atr": 2.5, "trail": 0.06, "target_atr": 4.0, "max_bars": 30}
SHORT_WINDOWS: dict[str, dict[str, float | str]] = {
    "ma_cross": {"fast": 4, "slow": 11},
    "breakout": {"window": 9, "exit_window": 5},
    "breakout_20": {},
    "pullback_ma200": {"trend": 40, "dip": 5},
    "rsi_reversion": {"window": 4},
    "krx_ma200": {"window": 15, "regime": 20},
    "krx_ma200_monthly": {"window": 15, "regime": 20},
}
CASES = [  # a strategy that is new here comes with its defaults
    (name, {**SHORT_WINDOWS.get(name, {}), "side": side, **exits})
    for name in REGISTRY
    for side in ("long", "both")
    for exits in ({}, EXITS)
]


def prices(n: int, seed: int) -> Bars:
    return walk(days(n), seed, gaps=True, reach=0.3)


def test_every_file_of_the_library_is_a_strategy() -> None:
    files = {path.stem for path in Path(library.__file__).parent.glob("[a-z]*.py")}
    assert set(SHORT_WINDOWS) <= files == set(REGISTRY), [REGISTRY.broken(name) for name in files]


@pytest.mark.parametrize(("name", "params"), CASES)
def test_a_registered_strategy_passes_the_battery(name: str, params: dict[str, float | str]) -> None:
    setup = make_setup(name, params, source="test")
    n = max(900, 3 * setup.lookback)
    bars, index = prices(n, seed=len(name)), prices(n, seed=77)
    assert battery.failures(setup, bars, index=index) == []
    signals = (bound(setup, index) if needs(setup) else setup).signals(bars)
    assert signals.entry.sum() > 2
    assert params["side"] == "long" or (signals.short_entry is not None and signals.short_entry.sum() > 2)


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_a_registered_strategy_passes_with_its_defaults(name: str) -> None:
    setup = make_setup(name, {}, source="test")
    n = max(1300, 3 * setup.lookback)
    assert battery.failures(setup, prices(n, seed=3), index=prices(n, seed=78)) == []


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_spans_can_be_followed_through_every_registered_strategy(name: str) -> None:
    setup, bars = (
        make_setup(name, {**SHORT_WINDOWS.get(name, {}), "side": "both", **EXITS}, source=""),
        prices(300, seed=1),
    )
    assert battery.spans(bound(setup, bars) if needs(setup) else setup, bars)[1] == []


@dataclasses.dataclass(frozen=True)
class Cheat:
    """A strategy made of one function for its entries."""

    enters: Callable[[Bars], np.ndarray]
    lookback: int = 5

    def signals(self, bars: Bars) -> Signals:
        entry = self.enters(bars)
        return Signals(entry=entry, exit=~entry, stop=no_stop(bars))

    def why(self, bars: Bars, t: int) -> str:
        return f"{t} of {len(bars)}"


def peeks_by_slices(bars: Bars) -> np.ndarray:
    return np.concatenate((bars.close[1:] > bars.close[:-1], np.zeros(1, dtype=bool)))


def peeks_where_spans_are_lost(bars: Bars) -> np.ndarray:
    out = np.zeros(len(bars), dtype=bool)
    out[:-1] = np.asarray(bars.close)[1:] > np.asarray(bars.close)[:-1]
    return out


def knows_the_mean_of_all(bars: Bars) -> np.ndarray:
    return np.asarray(bars.close > np.mean(bars.close))


@pytest.mark.parametrize("enters", [peeks_by_slices, peeks_where_spans_are_lost, knows_the_mean_of_all])
def test_looking_ahead_is_found(enters: Callable[[Bars], np.ndarray]) -> None:
    found = battery.failures(Cheat(enters), prices(200, seed=2))
    assert any(what.startswith("looks_ahead") for what in found), found


def test_looking_one_bar_ahead_at_every_bar_is_named_without_running_again() -> None:
    assert "entry looks 1 bars ahead" in battery.spans(Cheat(peeks_by_slices), prices(200, seed=2))[1]


def test_a_lookback_that_is_too_short_is_named() -> None:
    cheat = Cheat(lambda bars: bars.close > sma(bars.close, 9), lookback=8)
    assert "looks_ahead: entry looks back on 9 bars, and its lookback is 8" in battery.failures(
        cheat, prices(200, seed=2)
    )


def test_a_running_total_depends_on_the_start() -> None:
    found = battery.failures(Cheat(lambda bars: np.cumsum(bars.close) % 2 > 1), prices(200, seed=2))
    assert any(what.startswith("depends_on_the_start") for what in found), found


def writes(bars: Bars) -> np.ndarray:
    close = bars.close
    close += 0.0
    return np.asarray(close > 100)


def test_writing_to_the_bars_is_found() -> None:
    assert any("writes to its input" in what for what in battery.failures(Cheat(writes), prices(200, seed=2)))


def test_chance_is_found() -> None:
    rng = np.random.default_rng()
    found = battery.failures(Cheat(lambda bars: rng.random(len(bars)) > 0.5), prices(200, seed=2))
    assert "is_not_repeatable: entry differs between two runs" in found


@dataclasses.dataclass(frozen=True)
class Wrong(Cheat):
    """A strategy that gives what it likes."""

    def signals(self, bars: Bars) -> Signals:
        return self.enters(bars)  # type: ignore[return-value]  # that is what is wrong


def made(bars: Bars, entry: object, **more: object) -> Signals:
    return Signals(**{"entry": entry, "exit": bars.close < 0, "stop": no_stop(bars), **more})  # type: ignore[arg-type]


MALFORMED: list[tuple[Callable[[Bars], object], str]] = [
    (lambda _: None, "signals() gives NoneType, not Signals"),
    (lambda bars: made(bars, [True] * 200), "entry must be 200 bool, one for each bar, and is "),
    (
        lambda bars: made(bars, (bars.close > 100)[1:]),
        "entry must be 200 bool, one for each bar, and is bool of shape (199",
    ),
    (lambda bars: made(bars, bars.close), "entry must be 200 bool, one for each bar, and is float64 of shape (200"),
    (lambda bars: made(bars, bars.close > 0, stop=None), "stop must be 200 float64, one for each bar, and is object"),
    (lambda bars: made(bars, bars.close > 0, short_entry=bars.close > 0), "short_entry and short_exit go together"),
    (lambda bars: made(bars, bars.close < 0), "enters at none of 200 bars"),
    (lambda bars: made(bars, bars.closed > 0), "AttributeError: 'Bars' object has no attribute 'closed' (test_battery"),
]


@pytest.mark.parametrize(("gives", "message"), MALFORMED, ids=[message for _, message in MALFORMED])
def test_what_is_no_strategy_is_told_in_words(gives: Callable[[Bars], object], message: str) -> None:
    found = battery.failures(Wrong(gives), prices(200, seed=2))  # type: ignore[arg-type]  # that is what is wrong
    assert found[0].startswith(f"is_malformed: {message}"), found


def test_a_lookback_of_nothing_is_named() -> None:
    cheat = Cheat(lambda bars: bars.close > 100, lookback=0)
    assert battery.failures(cheat, prices(200, seed=2)) == [
        "is_malformed: its lookback is 0, not a whole number of bars"
    ]


def test_what_is_kept_between_calls_is_found_though_it_changes_but_once() -> None:
    calls: list[int] = []

    def after_a_while(bars: Bars) -> np.ndarray:
        calls.append(len(bars))
        return np.asarray(bars.close > sma(bars.close, 5) + float(len(calls) > 30))

    found = battery.failures(Cheat(after_a_while), prices(200, seed=2))
    assert "is_not_repeatable: entry is no longer what it was at first: something is kept between calls" in found


@dataclasses.dataclass(frozen=True)
class Hasty(Cheat):
    """A strategy that can tell the signals of many of its kind at once, and does so as `changed` has it."""

    changed: Callable[[Signals], Signals] = lambda signals: signals

    @classmethod
    def signals_of_each(cls, setups: Sequence[Hasty], bars: Bars) -> Signals:
        each = [setup.signals(bars) for setup in setups]
        entry, leave = np.stack([one.entry for one in each]), np.stack([one.exit for one in each])
        return setups[0].changed(Signals(entry=entry, exit=leave, stop=no_stop(bars)))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (lambda signals: signals, None),
        (lambda signals: dataclasses.replace(signals, exit=signals.entry), "exit of signals_of_each is not that of"),
        (lambda signals: dataclasses.replace(signals, entry=signals.entry[:1]), "IndexError"),
        (lambda signals: dataclasses.replace(signals, max_bars=3), "signals_of_each has Rules(side='long'"),
    ],
)
def test_signals_told_of_many_at_once_must_be_those_of_each(
    changed: Callable[[Signals], Signals], message: str | None
) -> None:
    found = battery.failures(Hasty(lambda bars: bars.close > sma(bars.close, 5), changed=changed), prices(200, seed=2))
    assert [what.startswith(("differs_among_others: " + (message or ""), message or "-")) for what in found] == (
        [True] if message else []
    ), found


def test_methods_that_reach_over_bars_are_no_error_of_the_strategy() -> None:
    cheat = Cheat(lambda bars: bars.close > sma(bars.close.copy(), 5))
    assert battery.failures(cheat, prices(200, seed=2)) == []


def test_an_index_that_is_needed_is_asked_for() -> None:
    assert battery.failures(KrxMa200(), prices(700, seed=1)) == ["needs the bars of KOSPI"]


def test_the_index_is_never_seen_before_its_close() -> None:
    bars, index = prices(300, seed=4), prices(300, seed=9)
    setup: Setup = KrxMa200(window=5, regime=5)
    whole = bound(setup, index).signals(bars)
    for t in range(20, 300, 7):
        known = bound(setup, index.until(int(bars.ts_ms[t]))).signals(bars.slice(0, t + 1))
        assert (known.entry[t], known.exit[t]) == (whole.entry[t], whole.exit[t])


def test_what_is_remembered_has_bounds_and_the_longest_unused_goes_first() -> None:
    """Room for two maxima with their prices: the third pushes out the one not asked for since."""
    prices = np.linspace(1.0, 9.0, 100)
    with remembering(400):
        first, second = highest(prices, 2), highest(prices, 3)
        assert highest(prices, 2) is first
        third = highest(prices, 4)
        assert highest(prices, 4) is third
        assert highest(prices, 2) is first
        again = highest(prices, 3)
        assert again is not second
        np.testing.assert_array_equal(again, second)
