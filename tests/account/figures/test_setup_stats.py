"""Intervals against printed tables, and triggers followed by hand."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from pyjobs.account.figures.intervals import t_975, wilson
from pyjobs.account.figures.overlap import Path, Paths, together
from pyjobs.account.figures.setup_stats import summarise, window_start
from pyjobs.account.figures.triggers import Triggers, part
from pyjobs.account.portfolio.costs import Costs
from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.strategy.library.breakout import Breakout
from pyjobs.strategy.signals import Signals
from tests.support.walks import days, walk

DAY = 86_400_000
KEY = SeriesKey(exchange="X", symbol="A", timeframe="1d")


def session_of(ts_ms: int) -> dt.date:
    return dt.date(1970, 1, 1) + dt.timedelta(days=ts_ms // DAY)


def test_wilson_agrees_with_published_examples() -> None:
    # Newcombe (1998), Statistics in Medicine 17, table I, method 3: 81/263, 15/148, 0/20, 1/29.
    for wins, n, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        assert wilson(wins, n) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))
    assert wilson(20, 20) == (pytest.approx(0.8389, abs=5e-5), 1.0)
    assert wilson(0, 0) is None


def test_t_agrees_with_the_nist_table() -> None:
    # NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2, column 0.975.
    table = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 9: 2.262, 10: 2.228, 30: 2.042, 60: 2.000, 100: 1.984}
    for df, value in table.items():
        assert t_975(df) == pytest.approx(value, abs=5.1e-4)
    assert t_975(1000) == pytest.approx(t_975(1001), abs=1e-5)


def path(slots: list[int], gains: list[float]) -> Path:
    return Path(slots=np.array(slots), gains=np.array(gains))


def test_trades_that_share_no_bar_have_students_interval() -> None:
    # 1, 2, 3: mean 2, s 1, t(2) 4.3027: 2 -+ 4.3027 / sqrt(3)
    got = together(Paths.of([path([1], [1.0]), path([2], [2.0]), path([3], [3.0])]))
    assert got is not None
    assert (got.low, got.high) == (pytest.approx(-0.48414, abs=1e-4), pytest.approx(4.48414, abs=1e-4))
    assert got.n_effective == pytest.approx(3)
    assert together(Paths.of([path([1], [1.0])])) is None


def test_the_interval_of_two_trades_that_share_a_bar_by_hand() -> None:
    """
    A makes 1 % in bar 1 and 3 % in bar 2, B 2 % in bar 2 and -2 % in bar 3: 4 % and 0, mean 2 %.
    Bars made 1, 5, -2 %; their shares of the mean are 1, 2, 1 %: left over 0, 3, -3 %, squares 18e-4.
    Freedom (1 + 4 + 1)^2 / (1 + 16 + 1) = 2: V = 18e-4 * 2 = 36e-4; half 12.7062 * 6 % / 2 = 38.1186 %.
    Alone, each less 1 %: A 0 and 2, B 1 and -3 %: squares 0 + 4 + 1 + 9 = 14e-4. Effective: 2 * 14 / 18 = 1.5556.
    """
    got = together(Paths.of([path([1, 2], [0.01, 0.03]), path([2, 3], [0.02, -0.02])]))
    assert got is not None
    assert (got.mean, got.high) == (pytest.approx(0.02), pytest.approx(0.401186, abs=1e-5))
    assert got.n_effective == pytest.approx(14 / 9)


def test_the_same_trade_twice_says_no_more_than_once() -> None:
    """And an interval of trades that all lived in one bar is none at all."""
    one = [path([at, at + 1], [0.01 * (at % 3), -0.01]) for at in range(0, 60, 2)]
    single, double = together(Paths.of(one)), together(Paths.of([*one, *one]))
    assert single is not None and double is not None
    assert (double.low, double.high) == (pytest.approx(single.low), pytest.approx(single.high))
    assert double.n_effective == pytest.approx(single.n_effective)
    assert together(Paths.of([path([7], [0.1]), path([7], [0.2])])) is None


def made(entries: dict[int, float], exits: set[int], *, max_bars: int = 0) -> tuple[Bars, Signals]:
    rows = [
        [100, 101, 99, 100],
        [100, 111, 99, 110],
        [110, 122, 109, 121],
        [121, 121, 88, 90],
        [80, 95, 79, 95],
        [95, 100, 94, 99],
    ]
    o, h, low, c = np.array(rows, dtype=float).T
    n = len(rows)
    stop = np.full(n, np.nan)
    for at, level in entries.items():
        stop[at] = level
    bars = Bars(ts_ms=np.arange(1, n + 1, dtype=np.int64) * DAY, open=o, high=h, low=low, close=c, volume=np.ones(n))
    index = np.arange(n)
    return bars, Signals(
        entry=np.isin(index, list(entries)), exit=np.isin(index, list(exits)), stop=stop, max_bars=max_bars
    )


def found(entries: dict[int, float], exits: set[int], first: str = "1970-01-01") -> Triggers:
    bars, signals = made(entries, exits)
    return Triggers(
        [
            part(
                key=KEY,
                setup="s",
                bars=bars,
                signals=signals,
                costs=Costs(fee_bps=10, sell_tax_bps=20),
                first=dt.date.fromisoformat(first),
                session_of=session_of,
            )
        ]
    )


def test_overlapping_triggers_are_followed_each_on_its_own() -> None:
    """
    0: in at 100, stop 90 hit in bar 3 at 90: (90 - 100 - 0.1 - 0.27) / 100. 1: in at 110, no stop, signalled out at the
    close of bar 3, out at 80: (80 - 110 - 0.11 - 0.24) / 110. 2: opens bar 3 at 121 with its stop at 125: dropped.
    4: in at 95, marked at 99, open. 5: the last bar, pending.
    """
    nan = float("nan")
    got = found({0: 90.0, 1: nan, 2: 125.0, 4: nan, 5: nan}, {3})
    assert [t.status for t in got] == ["closed", "closed", "dropped", "open", "pending"]
    assert [t.trade and t.trade.reason for t in got] == ["stop", "signal", None, "open", None]
    net = [t.net_return for t in got]
    assert net[:2] == [pytest.approx(-0.1037), pytest.approx((80 - 110 - 0.11 - 0.24) / 110)]
    assert net[2] is None and net[4] is None
    assert net[3] == pytest.approx((99 - 95 - 0.095 - 0.297) / 95)
    row = summarise(got, setup="s", timeframe="1d")
    assert (row.n, row.n_closed, row.n_open, row.n_pending, row.n_dropped) == (5, 2, 1, 1, 1)
    assert (row.win_rate, row.verdict, row.avg_hold_bars) == (0.0, "too few", 2.0)
    assert row.best == pytest.approx(-0.1037)


def test_wanting_in_and_out_at_one_close_is_no_trigger() -> None:
    assert [t.ts_ms // DAY for t in found({0: 90.0, 3: float("nan")}, {3})] == [1]


def test_a_trade_that_nets_nothing_is_no_win() -> None:
    bars, signals = made({1: float("nan")}, set(), max_bars=1)
    ones = np.full(len(bars), 100.0)
    flat = Bars(ts_ms=bars.ts_ms, open=ones, high=ones, low=ones, close=ones, volume=ones)
    even = Triggers(
        [
            part(
                key=KEY,
                setup="s",
                bars=flat,
                signals=signals,
                costs=Costs(),
                first=dt.date(1970, 1, 1),
                session_of=session_of,
            )
        ]
    )
    assert [(t.status, t.net_return) for t in even] == [("closed", 0.0)]
    row = summarise(even, setup="s", timeframe="1d")
    assert (row.win_rate, row.win_rate_low, row.win_rate_high) == (0.0, *(wilson(0, 1) or ()))


def test_a_window_counts_calendar_days_and_includes_the_session() -> None:
    assert window_start(dt.date(2024, 3, 30), 30) == dt.date(2024, 3, 1)
    assert [t.session.day for t in found({0: 90.0, 2: 90.0, 4: 90.0}, set(), first="1970-01-04")] == [4, 6]


def test_without_a_trigger_everything_is_undefined() -> None:
    row = summarise(Triggers([]), setup="s", timeframe="1d")
    assert (row.n, row.win_rate, row.win_rate_low, row.expectancy, row.best, row.verdict) == (
        0,
        None,
        None,
        None,
        None,
        "too few",
    )


def of(bars: Bars, setup: Breakout) -> Triggers:
    return Triggers(
        [
            part(
                key=KEY,
                setup="s",
                bars=bars,
                signals=setup.signals(bars),
                costs=Costs(),
                first=dt.date(1970, 1, 1),
                session_of=session_of,
            )
        ]
    )


def test_truncating_the_future_changes_no_past_trigger_and_no_closed_trade() -> None:
    bars, setup = walk(days(260, first=1), 5, moves=0.01, reach=0.3), Breakout(window=10, exit_window=5)
    whole = of(bars, setup)
    assert len(whole) > 20
    for n in range(20, 260, 7):
        cut = of(bars.slice(0, n), setup)
        assert [t.ts_ms for t in cut] == [t.ts_ms for t in whole if t.ts_ms <= n * DAY]
        for before, after in zip(cut, whole, strict=False):
            if before.status in ("closed", "dropped"):
                assert before == after


def test_triggers_do_not_depend_on_where_the_history_starts() -> None:
    bars, setup = walk(days(260, first=1), 5, moves=0.01, reach=0.3), Breakout(window=10, exit_window=5)
    whole = of(bars, setup)
    for start in (1, 2, 17, 100):
        tail = of(bars.slice(start, 260), setup)
        assert list(tail) == [t for t in whole if t.ts_ms > (start + setup.lookback - 1) * DAY]
