"""The last day and the last twenty, on bars whose answers can be computed in the head."""

from __future__ import annotations

import numpy as np
import pytest

from pyjobs.market.bars import Bars
from pyjobs.reporting.charts import bar_label, drawdowns, rebased
from pyjobs.reporting.pages.context import context_of
from pyjobs.reporting.run_files.accounts import Curve

DAY_MS = 86_400_000


def bars(close: list[float], *, step_ms: int = DAY_MS, volume: list[float] | None = None) -> Bars:
    values = np.array(close, np.float64)
    return Bars(
        ts_ms=np.arange(1, len(close) + 1, dtype=np.int64) * step_ms,
        open=values,
        high=values + 1,
        low=values - 1,
        close=values,
        volume=np.array(volume or [1.0] * len(close), np.float64),
    )


def test_twenty_one_daily_bars_tell_everything() -> None:
    close = [
        100.0,
        199.0,
        *[150.0] * 18,
        120.0,
    ]  # twenty sessions ago 100; the highest high since is 200, the lowest 119
    context = context_of(bars(close, volume=[2.0] * 20 + [5.0]), timeframe="1d")
    assert context is not None
    assert context.close == 120.0
    assert context.day == pytest.approx(120 / 150 - 1)
    assert context.twenty == pytest.approx(0.20)
    assert context.below_high == pytest.approx(120 / 200 - 1)
    assert context.above_low == pytest.approx(120 / 119 - 1)
    assert context.volume_ratio == pytest.approx(2.5)


def test_twenty_bars_do_not_tell_where_it_was_twenty_sessions_ago() -> None:
    context = context_of(bars([100.0] * 20), timeframe="1d")
    assert context is not None
    assert (context.twenty, context.volume_ratio) == (None, None)
    assert context.below_high is not None


def test_a_single_bar_has_only_a_close_and_no_bar_nothing() -> None:
    context = context_of(bars([100.0]), timeframe="1d")
    assert context is not None
    assert (context.close, context.day, context.twenty, context.below_high) == (100.0, None, None, None)
    assert context_of(bars([100.0]).slice(0, 0), timeframe="1d") is None


def test_hourly_bars_are_taken_together_by_24_hours_back_from_the_last() -> None:
    close = [float(number) for number in range(1, 50)]  # 49 hours: groups 1 | 2..25 | 26..49
    context = context_of(bars(close, step_ms=3_600_000), timeframe="1h")
    assert context is not None
    assert context.day == pytest.approx(49 / 25 - 1)


def test_no_volume_before_gives_no_ratio() -> None:
    context = context_of(bars([1.0 + number for number in range(25)], volume=[0.0] * 24 + [5.0]), timeframe="1d")
    assert context is not None and context.volume_ratio is None


def test_drawdowns_are_measured_from_the_highest_so_far() -> None:
    assert drawdowns([100.0, 80.0, 120.0, 90.0]) == pytest.approx([0.0, -0.2, 0.0, -0.25])


def test_a_benchmark_starts_with_the_books_money_on_the_first_session_they_share() -> None:
    benchmark = Curve(sessions=["d1", "d2", "d4"], values=[10.0, 20.0, 30.0])
    variant = Curve(sessions=["d2", "d3", "d4"], values=[1000.0, 1100.0, 1200.0])
    scaled = rebased(benchmark, variant)
    assert scaled is not None
    assert (list(scaled.sessions), list(scaled.values)) == (["d2", "d4"], [1000.0, 1500.0])
    assert rebased(benchmark, Curve(sessions=["x"], values=[1.0])) is None


def test_a_daily_close_at_midnight_belongs_to_the_day_that_ends() -> None:
    assert bar_label(1_795_132_800_000, intraday=False) == "2026-11-19"  # 2026-11-20 00:00 UTC
    assert bar_label(1_795_156_200_000, intraday=False) == "2026-11-20"
    assert bar_label(1_795_156_200_000, intraday=True) == "2026-11-20\n06:30 UTC"
