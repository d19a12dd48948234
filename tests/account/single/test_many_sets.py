"""Many parameter sets in a few compiled calls: to the bit what each gives alone."""

from __future__ import annotations

import itertools
import threading
from dataclasses import replace

import numpy as np
import pytest

from pyjobs.account.single import many_sets, sets_loop
from pyjobs.account.single.engine import Money, run_figures, run_symbol
from pyjobs.account.single.many_sets import ManySets
from pyjobs.account.single.sets_loop import FIGURES, Prices, Sets
from pyjobs.market.bars import Bars
from pyjobs.strategy import kernel
from pyjobs.strategy.indicators import crossing, crossings
from pyjobs.strategy.lifecycle import FLAT, SEMANTICS, Rules, kernel_columns
from pyjobs.strategy.registry import make_setup
from pyjobs.strategy.signals import Setup, no_stop_of, signals_of_each
from tests.account.single.test_pieces import MONEY
from tests.support.walks import days, walk

AXES = {
    "fast": (2, 5, 9),
    "slow": (11, 40),
    "side": ("long", "both"),
    "stop_loss": (0.0, 0.03),
    "max_bars": (0, 7),
}
WAYS = [dict(zip(AXES, values, strict=True)) for values in itertools.product(*AXES.values())]
OF_ONE_SIDE = [way for way in WAYS if way["side"] == "both"]
OTHERS = [way | {"trail_atr": 2.0} for way in WAYS[:3]]


def made(ways: list[dict[str, object]], name: str = "ma_cross") -> list[Setup]:
    return [make_setup(name, way, source="here") for way in ways]  # type: ignore[arg-type]  # numbers and names


def alone(setups: list[Setup], bars: Bars, semantics: str, start_ms: int | None) -> list[list[float]]:
    found = [
        run_symbol("S", bars, setup, money=MONEY, semantics=semantics, start_ms=start_ms)  # type: ignore[arg-type]
        for setup in setups
    ]
    return [[each.total_return, each.max_drawdown, each.n_trades] for each in found]


@pytest.mark.parametrize("values", [1, 5_000, many_sets.VALUES])
@pytest.mark.parametrize("ways", [WAYS, OF_ONE_SIDE, [*OF_ONE_SIDE, *OTHERS]], ids=["both sides", "one", "and an ATR"])
def test_each_set_is_what_it_is_alone_however_many_go_together(
    monkeypatch: pytest.MonkeyPatch, ways: list[dict[str, object]], values: int
) -> None:
    monkeypatch.setattr(many_sets, "VALUES", values)
    bars, setups = walk(days(900), 5, gaps=True), made(ways)
    for semantics, start_ms in ((SEMANTICS[0], None), (SEMANTICS[2], int(bars.ts_ms[300]))):
        together = run_figures(bars, ManySets(setups, semantics), money=MONEY, start_ms=start_ms)
        assert together.tolist() == alone(setups, bars, semantics, start_ms)
        assert together[:, 2].min() > 0


@pytest.mark.parametrize("values", [1_200, many_sets.VALUES])
def test_one_collection_of_sets_serves_series_of_any_length(monkeypatch: pytest.MonkeyPatch, values: int) -> None:
    """Also where a long series takes fewer sets together than a short one after it."""
    monkeypatch.setattr(many_sets, "VALUES", values)
    sets, setups = ManySets(made(OF_ONE_SIDE), "own"), made(OF_ONE_SIDE)
    for n in (900, 1, 0, 39, 41, 300):
        bars = walk(days(900), n, gaps=True).slice(0, n)
        assert run_figures(bars, sets, money=MONEY).tolist() == alone(setups, bars, "own", None)


def test_series_of_other_lengths_in_other_threads_take_nothing_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker of a cluster has many threads, each with a series of its own."""
    bars, setups = walk(days(300), 5, gaps=True), made(OF_ONE_SIDE)

    def after_others(*given: object) -> object:
        other = threading.Thread(target=lambda: [no_stop_of(n) for n in range(20)])
        other.start()
        other.join()
        return kernel_columns(*given)  # type: ignore[arg-type]  # handed on

    monkeypatch.setattr(many_sets, "kernel_columns", after_others)
    assert run_figures(bars, ManySets(setups, "own"), money=MONEY).tolist() == alone(setups, bars, "own", None)


def test_signals_of_sets_of_one_side_are_told_at_once_and_those_of_both_are_not() -> None:
    bars = walk(days(200), 3, gaps=True)
    assert signals_of_each(made([{"fast": 2, "slow": 9}, {"fast": 3, "slow": 9, "side": "both"}]), bars) is None
    assert signals_of_each(made([{}], "breakout"), bars) is None
    setups = made([{"fast": 2, "slow": 9}, {"fast": 2, "slow": 11}])
    signals = signals_of_each(setups, bars)
    assert signals is not None and signals.entry.shape == (2, 200)
    for row, setup in enumerate(setups):
        assert signals.entry[row].tolist() == setup.signals(bars).entry.tolist()


def test_crossings_of_pairs_are_those_of_each_pair() -> None:
    lines = [np.array(line) for line in ([1.0, 2, 3, np.nan, 1, 5], [2.0, 2, 2, 2, 2, 2], [3.0, 1, 4, 1, 5, 1])]
    above, below = crossings(lines, [(0, 1), (2, 1), (1, 2), (0, 0)])
    assert above.tolist()[0] == [False, False, True, False, False, True]
    assert above.tolist()[1] == below.tolist()[2] == [False, False, True, False, True, False]
    for row, (one, other) in enumerate([(0, 1), (2, 1), (1, 2), (0, 0)]):
        assert (above[row].astype(int) - below[row]).tolist() == crossing(lines[one], lines[other]).tolist()


def test_the_compiled_loop_over_sets_is_the_python_it_was_made_of() -> None:
    bars, setups = (
        walk(days(80), 4, gaps=True),
        made([{"fast": 2, "slow": 5}, {"fast": 2, "slow": 9, "stop_loss": 0.02}]),
    )
    columns = [kernel_columns(bars, setup.signals(bars), (80,)) for setup in setups]
    rules = [number for setup in setups for number in Rules.of(setup.signals(bars)).vector()]
    entry, leaving = ([x for each in columns for x in each[i].tolist()] for i in (0, 1))  # type: ignore[union-attr]
    sets = Sets(entry, leaving, [], [], [], [], [0, 0], rules)
    prices = Prices(*(x.tolist() for x in (bars.ts_ms, bars.open, bars.high, bars.low, bars.close)))
    state, trades, worth, figures = [0.0] * kernel.STATE, [0.0] * 2_000, [0.0] * 9, [0.0] * 2 * FIGURES
    money = Money(fee_bps=10)
    n = sets_loop.each_alone(
        prices, sets, 2, 0, 80, money.cash, money.fee, FLAT.vector(), state, trades, worth, figures
    )
    assert [figures[:3], figures[3:]] == run_figures(bars, ManySets(setups, "own"), money=money).tolist()
    assert n == figures[5] > 1


@pytest.mark.parametrize("short", ["all", "entry", "short_entry", "short_exit"])
def test_a_signal_for_too_few_bars_is_refused(short: str) -> None:
    """Also a column of one value, which numpy would take for as many as there are bars."""
    bars = walk(days(50), 4, gaps=True)
    signals = made([{"fast": 2, "slow": 5, "side": "both"}])[0].signals(bars)
    signals = signals.slice(0, 49) if short == "all" else replace(signals, **{short: np.ones(1, dtype=np.bool_)})
    with pytest.raises(ValueError, match="signals must have one entry per bar, 50 in all"):
        kernel_columns(bars, signals, (50,))
