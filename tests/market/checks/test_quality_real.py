"""The checks on real prices, and on what only a market as a whole tells."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pyjobs.check_data import main as check_data
from pyjobs.market.bars import COLUMNS, Bars, SeriesKey
from pyjobs.market.checks import quality
from pyjobs.market.checks.inspection import inspect
from pyjobs.market.checks.splits import breaks
from pyjobs.market.store.bar_store import BarStore
from tests.market.checks.support.quality import (
    DAY_MS,
    KEY,
    MIDNIGHT_MS,
    day,
    put,
    store,  # noqa: F401  # the fixture
)
from tests.market.support.made_up_exchange import picked
from tests.market.support.real_prices import real_candles, real_days
from utils.run import run


@pytest.mark.parametrize("name", ["1h", "30m"])
def test_a_year_of_real_candles_has_no_bad_print_and_no_break(shared_data: Path, name: str) -> None:
    bars = real(shared_data, name)
    assert not quality.bad_prints(bars).any()
    assert breaks(bars) == []
    for at in range(500, 6000, 500):
        spoiled = picked(bars, np.arange(len(bars)))
        spoiled.close[at] *= 100
        spoiled.high[at] = spoiled.close[at]
        assert np.flatnonzero(quality.bad_prints(spoiled)).tolist() == [at]


def real(shared_data: Path, name: str) -> Bars:
    if name in ("1h", "30m"):
        return real_candles(
            shared_data / f"bitfinex_bars/BFX_BTCUSD_{name}.json", 1_800_000 if name == "30m" else 3_600_000
        )
    days = real_days(shared_data / f"krx_daily/v1_{name}.csv")
    columns = np.array([days[day] for day in sorted(days)]).T
    high, low = np.maximum.reduce(columns[:4]), np.minimum.reduce(columns[:4])
    times = np.arange(columns.shape[1], dtype=np.int64) * DAY_MS
    return Bars(ts_ms=times, open=columns[0], high=high, low=low, close=columns[3], volume=columns[4])


@pytest.mark.parametrize("name", ["1h", "30m", "005930", "000660", "005380"])
def test_a_slipped_point_in_real_prices_is_found_in_calm_and_wild_weeks_and_at_both_ends(
    shared_data: Path, name: str
) -> None:
    bars = real(shared_data, name)
    rng = np.random.default_rng(20261120)
    for at in (0, 1, len(bars) - 2, len(bars) - 1, *rng.choice(len(bars), 400, replace=False).tolist()):
        near = np.arange(max(0, at - 20), min(len(bars), at + 21))
        for factor in (100.0, 0.01, 10.0):
            for fields in (("close",), ("open",), ("open", "high", "low", "close")):
                spoiled, i = picked(bars, near), at - int(near[0])
                for field in fields:
                    getattr(spoiled, field)[i] *= factor
                sides = [getattr(spoiled, field)[i] for field in ("open", "high", "low", "close")]
                spoiled.high[i], spoiled.low[i] = max(sides), min(sides)
                assert np.flatnonzero(quality.bad_prints(spoiled)).tolist() == [i], (at, factor, fields)


@pytest.mark.parametrize("name", ["1h", "30m", "005930", "000660", "005380"])
@pytest.mark.parametrize("deep", [0.4, 0.8, 0.95, 0.99])
def test_a_crash_through_real_prices_is_none(shared_data: Path, name: str, deep: float) -> None:
    """Three bars: down by half of it, to the bottom, and back to nearly where it began, all on heavy volume."""
    bars = real(shared_data, name)
    for at in np.random.default_rng(20261120).choice(np.arange(10, len(bars) - 10), 50, replace=False).tolist():
        crash = picked(bars, np.arange(at - 10, at + 10))
        top, bottom = float(crash.close[9]), float(crash.close[9]) * (1 - deep)
        turns = [top, (top + bottom) / 2, bottom, 0.97 * top]
        for i in range(3):
            opened, closed = turns[i], turns[i + 1]
            crash.open[10 + i], crash.close[10 + i] = opened, closed
            crash.high[10 + i], crash.low[10 + i] = max(opened, closed), min(opened, closed)
            crash.volume[10 + i] = 20 * max(float(crash.volume[:10].max()), 1.0)
        assert not quality.bad_prints(crash).any(), at


def printed(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str]:
    code = run(check_data, list(argv))
    return code, capsys.readouterr().out


def test_the_verb_prints_a_table_markdown_or_json_and_exits_65_for_what_is_broken(
    store: BarStore, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_NOW", str(MIDNIGHT_MS // 1000 + 86_460))
    put(store, picked(day(), np.r_[0:100, 110:1440]))
    code, text = printed(capsys)
    assert code == 0 and "WARN   BITFINEX:BTCUSD:1m  2026-01-01     10  gap: missing by the market's calendar" in text
    code, text = printed(capsys, "--markdown")
    assert code == 0 and text.startswith("# Stored bars\n") and "| WARN  | BITFINEX:BTCUSD:1m |" in text
    store.partitions(KEY)[0].write_bytes(b"torn")
    code, text = printed(capsys, "--json", "1", "--symbol", "BTCUSD")
    (series,) = json.loads(text)["series"]
    assert code == 65 and series["market"] == "24/7"
    assert [(f["level"], f["partition"]) for f in series["findings"]] == [("FAIL", "2026-01-01")]
    assert run(check_data, ["--symbol", "NONE"]) == 66


@pytest.mark.parametrize(("timeframe", "step", "first"), [("1d", DAY_MS, 16), ("1w", 7 * DAY_MS, 30)])
def test_days_and_weeks_that_end_at_an_hour_of_their_own_are_what_the_calendar_expects(
    store: BarStore, timeframe: str, step: int, first: int
) -> None:
    key = SeriesKey(exchange="T", symbol="X", timeframe=timeframe)
    times = MIDNIGHT_MS + first * 3_600_000 + step * np.arange(20, dtype=np.int64)
    bars = picked(day(20), np.arange(20))
    bars = Bars(ts_ms=times, **{name: getattr(bars, name) for name in COLUMNS[1:]})
    store.write(key, bars, provider="t", fetched_at_ms=1, adjusted="raw", last_final=True)
    assert inspect(store, key, "24/7", now_ms=int(times[-1])).flaws == ()


def test_a_fall_that_many_series_share_is_the_markets() -> None:
    from pyjobs.market.checks.inspection import BREAK, Flaw, Inspected, without_crashes

    def series(name: str, first: str) -> Inspected:
        flaw = Flaw(series=name, partition="2020", level="WARN", what=BREAK, count=1, first=first)
        key = SeriesKey(exchange="T", symbol=name, timeframe="1d")
        return Inspected(key=key, market="XNYS", partitions=1, bars=9, last="-", flaws=(flaw,))

    found = without_crashes([*(series(f"S{n}", "2020-03-16") for n in range(6)), series("T", "2014-06-09")])
    assert [one.flaws[0].level for one in found] == ["note"] * 6 + ["WARN"]


@pytest.mark.parametrize("name", ["005930", "000660", "005380"])
def test_thirty_years_of_real_adjusted_days_raise_no_false_alarm_of_a_split(shared_data: Path, name: str) -> None:
    assert len(breaks(real(shared_data, name), "XKRX")) <= (1 if name == "005930" else 0)  # 1989-12: of 26 674 days


def nights(count: int = 120, seed: int = 7) -> Bars:
    """Days that open a little off the close before, and swing a little."""
    random = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.008, count)))
    open_ = np.append(100.0, close[:-1]) * np.exp(random.normal(0, 0.004, count))
    high, low = np.maximum(open_, close) * 1.004, np.minimum(open_, close) * 0.996
    volume = 1e6 * np.exp(random.normal(0, 0.3, count))
    times = np.arange(1, count + 1, dtype=np.int64) * 86_400_000
    return Bars(ts_ms=times, open=open_, high=high, low=low, close=close, volume=volume)


def split_at(bars: Bars, at: int, ratio: float) -> Bars:
    """`bars` as they were traded where each share became `ratio` shares before the open of `at`."""
    factor = np.where(np.arange(len(bars)) < at, ratio, 1.0)
    prices = {name: getattr(bars, name) * factor for name in ("open", "high", "low", "close")}
    return Bars(ts_ms=bars.ts_ms, volume=bars.volume / factor, **prices)


@pytest.mark.parametrize("ratio", [5 / 4, 6 / 5, 7 / 6, 4 / 5, 5 / 6])
def test_a_split_that_moves_the_price_by_a_fifth_is_told_and_the_same_jump_on_news_is_not(ratio: float) -> None:
    bars = split_at(nights(), 100, ratio)
    ((at, size),) = breaks(bars, "XNYS")
    assert at == 100 and size == pytest.approx(1 / ratio, rel=0.03)
    busy = picked(bars, np.arange(len(bars)))
    busy.volume[100] *= 5
    wild = picked(bars, np.arange(len(bars)))
    wild.low[100] *= 0.95
    minutes = Bars(**{name: getattr(bars, name) for name in COLUMNS[1:]}, ts_ms=bars.ts_ms // 1440)
    for other in (busy, wild, minutes):
        assert breaks(other, "XNYS") == []
    assert breaks(bars, "24/7") == []


@pytest.mark.parametrize(("ratio", "least"), [(5 / 4, 20), (9 / 7, 20), (8 / 7, 14), (9 / 8, 10)])
def test_of_small_splits_planted_on_real_days_many_are_told(shared_data: Path, ratio: float, least: int) -> None:
    whole, found = real(shared_data, "005930"), 0
    for at in range(400, 8_400, 200):
        found += 100 in [k for k, _ in breaks(split_at(whole.slice(at - 100, at + 20), 100, ratio), "XKRX")]
    assert found >= least  # of 40


@pytest.mark.parametrize(("ratio", "level"), [(5 / 4, "WARN"), (9 / 8, "note")])
def test_a_jump_that_news_may_make_is_noted_and_a_larger_one_is_a_warning(
    tmp_path: Path, ratio: float, level: str
) -> None:
    store, key = (
        BarStore(tmp_path / "raw", locks=tmp_path / "locks"),
        SeriesKey(exchange="T", symbol="X", timeframe="1d"),
    )
    bars = split_at(nights(), 100, ratio)
    store.write(key, bars, provider="t", fetched_at_ms=1, adjusted="raw", last_final=True)
    flaws = inspect(store, key, None, now_ms=bars.last_ms).flaws
    assert [(flaw.level, flaw.first) for flaw in flaws if "jumps" in flaw.what] == [(level, "1970-04-12 00:00 UTC")]
