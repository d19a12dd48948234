"""Choosing on the past, trading what comes next."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace

import numpy as np
import pytest

from pyjobs.account.desk import desk_sweep as sweep
from pyjobs.account.desk.desk_sweep import Params, table_of
from pyjobs.account.desk.strategy_run import Prepared, run_terms
from pyjobs.account.desk.walk_forward import between, walk, windows
from pyjobs.account.portfolio.costs import Costs
from pyjobs.account.portfolio.signals.packed import PackedSignals
from pyjobs.account.portfolio.simulate import Terms
from pyjobs.account.portfolio.sleeve import Sleeve
from pyjobs.account.sweep_axes import axis
from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.strategy.signals import Signals
from utils.errors import ConfigError, UsageError

DAY = 86_400_000
N = 40
TERMS = Terms(cash=1_000.0, max_positions=1, max_weight=1.0, costs=Costs(fee_bps=10))


def prepared(params: Params, *, until: int = N) -> Prepared:
    """Prices rise by 1 a day for 20 days, then fall; `in` 1 is in from the first close on, 0 from the 20th."""
    if params["in"] == 9:
        raise ConfigError("desk.yaml: setups.x: in 9 cannot be")
    price = np.concatenate([np.arange(100.0, 120.0), np.arange(120.0, 100.0, -1.0)])[:until]
    n = np.arange(price.size)
    bars = Bars(ts_ms=(n + 1) * DAY, open=price, high=price, low=price, close=price, volume=np.ones(price.size))
    entry = (n >= (0 if params["in"] else 20)) & (n % 7 == 0)
    signals = Signals(entry=entry, exit=n % 7 == 6, stop=np.full(price.size, np.nan))
    key = SeriesKey(exchange="X", symbol="A", timeframe="1d")
    closes = [(dt.date(2026, 1, 1) + dt.timedelta(days=int(k)), int((k + 1) * DAY)) for k in n]
    sleeve = Sleeve(key=key, setup="x", bars=bars, signals=PackedSignals.of(signals), lot=1e-8)
    return Prepared(sleeves=[sleeve], closes=closes, left_out=[], behind=[])


def trials_of(axes: dict[str, list[float]]) -> sweep.Sweep:
    return sweep.run(axes, lambda params: run_terms(prepared(params), TERMS), per_year=252)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("fast=5,10,20", ("fast", [5, 10, 20])),
        ("slow=40..120:20", ("slow", [40, 60, 80, 100, 120])),
        ("x=0.1..0.3:0.1", ("x", pytest.approx([0.1, 0.2, 0.3]))),
        ("x=3", ("x", [3])),
        ("x=3..5", ("x", [3, 4, 5])),
        ("side=long,both", ("side", ["long", "both"])),
    ],
)
def test_an_axis_is_a_list_or_a_range_that_holds_its_end(text: str, wanted: object) -> None:
    assert axis(text) == wanted


@pytest.mark.parametrize(
    "text", ["fast", "fast=", "=1,2", "fast=1,1", "fast=1:2", "fast=2:1:1", "fast=1:2:0", "fast=nan"]
)
def test_what_is_no_axis_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--sweep"):
        axis(text)


def test_a_grid_runs_every_combination_and_tells_those_that_cannot_be() -> None:
    found = trials_of({"in": [0, 1, 9]})
    assert [trial.params for trial in found.trials] == [{"in": 0}, {"in": 1}]
    assert found.left_out == ["in=9: in 9 cannot be"]
    assert found.best.params == {"in": 1}  # the other one only sees prices fall
    assert (found.deflated.trials, found.deflated.n) == (2, N - 1)
    down, across, table = table_of(found)
    assert (down, across) == ("in", "")
    assert [math.isnan(row[0]) for row in table] == [False, False, True]
    with pytest.raises(ConfigError, match="cannot be"):
        trials_of({"in": [9]})


def test_over_a_third_axis_a_cell_has_the_best_also_when_the_last_one_never_traded() -> None:
    def quiet(params: Params) -> Prepared:
        made = prepared(params)
        none = {"entries": np.zeros(0, np.int32), "levels": np.zeros((0, 0))}
        silent = [replace(sleeve, signals=replace(sleeve.signals, **none)) for sleeve in made.sleeves]
        return made if params["z"] < 3 else replace(made, sleeves=silent)

    axes: dict[str, list[float]] = {"in": [0, 1], "y": [1], "z": [1, 3]}
    found = sweep.run(axes, lambda params: run_terms(quiet(params), TERMS), per_year=252)
    assert [math.isnan(trial.sharpe) for trial in found.trials] == [False, True, False, True]
    assert table_of(found)[2] == [[found.trials[0].sharpe], [found.trials[2].sharpe]]


def test_ruin_is_the_loss_of_everything_and_not_a_session_without_a_return() -> None:
    returns = sweep.session_returns(np.array([100.0, 110.0, -5.0, 10.0]))
    np.testing.assert_allclose(returns, [0.1, -1.0, np.nan])
    assert sweep.sharpe_of(returns, 252) < 0


def test_folds_follow_one_another_and_a_short_rest_is_dropped() -> None:
    assert windows(10, 4, 2) == [(0, 4, 6), (2, 6, 8), (4, 8, 10)]
    assert windows(11, 4, 2)[-1] == (4, 8, 10)
    for n, train, test in ((5, 4, 2), (10, 1, 2), (10, 4, 0)):
        with pytest.raises(UsageError):
            windows(n, train, test)


def test_what_is_chosen_does_not_depend_on_what_comes_after() -> None:
    """The first fold of the whole history is that of a history which ends with it."""
    one = walk({"in": [0, 1]}, prepared, TERMS, train=14, test=8, per_year=252).folds[0]
    other = walk(
        {"in": [0, 1]}, lambda params: prepared(params, until=22), TERMS, train=14, test=8, per_year=252
    ).folds[0]
    assert one.params == other.params == {"in": 1}
    assert one.returns.tolist() == other.returns.tolist()
    assert (one.train_end, one.sessions[0]) == (dt.date(2026, 1, 14), dt.date(2026, 1, 15))


def test_a_test_begins_flat_and_pays_its_way_out() -> None:
    """
    Trained on the first 15 sessions, tested on the next five, from the close of session 15 (number 14) on: the signal
    of that close (14 is divisible by 7) buys at 115; the last close, number 19, is 119; fees 0.1 % on both sides.
    """
    found = walk({"in": [0, 1]}, prepared, TERMS, train=15, test=5, per_year=252)
    fold = found.folds[0]
    assert fold.n_trades == 1
    quantity = 1_000 / (115 * 1.001)
    assert fold.test_return == pytest.approx(quantity * 119 * 0.999 / 1_000 - 1, rel=1e-7)
    assert found.total_return == pytest.approx(np.prod([1 + each.test_return for each in found.folds]) - 1)
    assert found.sessions[0] == fold.sessions[0]


def test_an_account_between_two_sessions_sees_no_bar_after_the_second() -> None:
    cut = between(prepared({"in": 1}), dt.date(2026, 1, 10), dt.date(2026, 1, 20))
    assert int(cut.sleeves[0].bars.ts_ms[-1]) == 20 * DAY
    assert cut.sleeves[0].signals.size == len(cut.sleeves[0].bars) == 20
    assert (cut.closes[0][0], cut.closes[-1][0]) == (dt.date(2026, 1, 10), dt.date(2026, 1, 20))


def test_a_fold_without_any_trade_in_training_stays_out_of_the_market() -> None:
    found = walk({"in": [0]}, prepared, TERMS, train=15, test=5, per_year=252)
    assert math.isnan(found.folds[0].train_sharpe)
    assert (found.folds[0].n_trades, found.folds[0].test_return) == (0, 0.0)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("fast=10..5", "from 10 by 1 one never comes to 5"),
        ("fast=1..9:0", "a step of 0 goes nowhere"),
        ("fast=5..9:-1", "never comes to 9"),
    ],
)
def test_a_range_that_cannot_be_says_why(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        axis(text)


def test_what_a_long_set_cuts_off_and_what_is_never_tested_is_said() -> None:
    found = walk({"in": [0, 1]}, prepared, TERMS, train=15, test=5, per_year=252)
    assert (len(found.folds[-1].sessions), len(found.untested)) == (5, (N - 15) % 5)
