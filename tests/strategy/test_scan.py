"""The scan is the backtest's last bar, on no more bars than each setup looks back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from pyjobs.market.bars import Bars
from pyjobs.strategy.registry import make_setups
from pyjobs.strategy.scan import last_bar_signals, longest_lookback
from pyjobs.strategy.signals import Signals
from tests.support.walks import days, walk

SETUPS = make_setups(
    {"ma_cross": {"fast": 3, "slow": 8}, "breakout_20": {}, "pullback_ma200": {"trend": 50}}, source=""
)


def test_every_bar_scanned_alone_says_what_the_whole_series_says() -> None:
    bars = walk(days(400), 9, moves=0.01, reach=0.2)
    whole = {name: setup.signals(bars) for name, setup in SETUPS.items()}
    fired = 0
    for t in range(400):
        got = {signal.setup: signal for signal in last_bar_signals(bars.slice(0, t + 1), SETUPS)}
        assert set(got) == {name for name, signals in whole.items() if signals.entry[t] and not signals.exit[t]}
        for name, signal in got.items():
            stop = whole[name].stop[t]
            assert signal.stop == (None if np.isnan(stop) else stop)
            assert (signal.ts_ms, signal.close) == (bars.ts_ms[t], bars.close[t])
        fired += len(got)
    assert fired > 50


@dataclass(frozen=True)
class Torn:
    """Wants in and out at every close."""

    lookback: int = 1

    def signals(self, bars: Bars) -> Signals:
        always = np.ones(len(bars), dtype=bool)
        return Signals(entry=always, exit=always, stop=np.full(len(bars), np.nan))

    def why(self, bars: Bars, t: int) -> str:
        raise AssertionError(f"asked why at {t} of {len(bars)}")


@pytest.mark.parametrize("n", [0, 1, 5])
def test_wanting_in_and_out_at_one_close_is_no_signal(n: int) -> None:
    assert last_bar_signals(walk(days(n + 1), 9, moves=0.01, reach=0.2).slice(0, n), {"torn": Torn()}) == []


def test_the_longest_lookback_decides_how_many_bars_are_needed() -> None:
    assert longest_lookback(SETUPS) == 50
    assert longest_lookback({}) == 1


class Raising:
    """A strategy of one's own that cannot bear a falling close."""

    lookback = 2

    def signals(self, bars: Bars) -> Signals:
        """Enters at every bar."""
        if bars.close[-1] < bars.close[-2]:
            raise IndexError("\x1b[31mno")
        return Signals(
            entry=np.ones(len(bars), dtype=bool), exit=np.zeros(len(bars), dtype=bool), stop=np.full(len(bars), np.nan)
        )

    def why(self, bars: Bars, t: int) -> str:  # noqa: ARG002
        """Nothing."""
        return ""


def test_a_setup_that_raises_hides_no_other_where_it_is_told_to_and_says_so() -> None:
    bars = walk(days(400), 9, moves=0.01, reach=0.2)
    falls = int(np.flatnonzero(np.diff(bars.close) < 0)[0]) + 2
    failed: dict[str, Exception] = {}
    last_bar_signals(bars.slice(0, falls), {"bad": Raising(), **SETUPS}, failed)
    assert list(failed) == ["bad"] and isinstance(failed["bad"], IndexError)
    rises = int(np.flatnonzero(np.diff(bars.close) > 0)[0]) + 2
    assert [each.setup for each in last_bar_signals(bars.slice(0, rises), {"bad": Raising()}, failed)] == ["bad"]
    with pytest.raises(IndexError):
        last_bar_signals(bars.slice(0, falls), {"bad": Raising()})
