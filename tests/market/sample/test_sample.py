"""The sample market: the same everywhere, labelled, and with what real data has."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import time
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from pyjobs.make_sample import main
from pyjobs.market.sample.files import write_sample
from pyjobs.market.sample.prices import BAR_MS, SPLITS, Daily, daily_market, pair_candles
from utils.trading_day import load

END = dt.date(2026, 10, 30)


@cache
def market(end: dt.date) -> dict[str, Daily]:
    session = load("XKRX").session(end)
    assert session is not None
    return {series.symbol: series for series in daily_market(load("XKRX"), session)}


def close_ms(end: dt.date) -> int:
    session = load("XKRX").session(end)
    assert session is not None
    return session.close_utc_s * 1000


def write(folder: Path, end: dt.date) -> None:
    write_sample(folder, list(market(end).values()), pair_candles(close_ms(end)))


def test_the_sample_is_the_same_on_every_machine(tmp_path: Path) -> None:
    write(tmp_path, END)
    whole = hashlib.sha256()
    for path in sorted(tmp_path.iterdir()):
        whole.update(path.name.encode() + b"\0" + path.read_bytes())
    assert whole.hexdigest() == PINNED, (
        "the made-up prices changed: intended? then every figure in the docs changes too"
    )


PINNED = "53a893ddb63083cb153cd8e16904f9728def7ad7382812413cf513e10e5aa9fe"


def test_a_date_has_the_same_price_whichever_day_the_sample_ends() -> None:
    later, earlier = market(END), market(dt.date(2025, 3, 14))
    for symbol, series in earlier.items():
        known = {day: tuple(row) for day, row in zip(later[symbol].dates, later[symbol].ohlc.tolist(), strict=True)}
        common = [day for day in series.dates if day in known]
        assert len(common) > 1000
        mine = dict(zip(series.dates, map(tuple, series.ohlc.tolist()), strict=True))
        assert all(mine[day] == known[day] for day in common)
    one, other = pair_candles(close_ms(END)), pair_candles(close_ms(END) - 10 * 86_400_000)
    shared, at_one, at_other = np.intersect1d(one.start_ms, other.start_ms[:-1], return_indices=True)
    assert len(shared) > 22_000
    assert np.array_equal(one.ohlc[at_one][1:], other.ohlc[at_other][1:])


def test_it_covers_six_years_of_korean_sessions_and_ninety_days_of_candles() -> None:
    days = market(END)["SMP001"].dates
    sessions = [session.date for session in load("XKRX").sessions_between(days[0], END)]
    assert days == sessions
    assert dt.timedelta(days=6 * 365) <= END - days[0] <= dt.timedelta(days=6 * 366 + 4)
    candles = pair_candles(close_ms(END))
    assert (candles.start_ms[-1] - candles.start_ms[0]) // 86_400_000 == 90
    assert candles.start_ms[-1] == close_ms(END)  # one candle is still running at the end


def test_every_bar_is_possible_and_on_the_tick_grid_of_the_exchange() -> None:
    for series in market(END).values():
        opened, high, low, close = series.ohlc.T
        assert (
            (low > 0).all() and (low <= np.minimum(opened, close)).all() and (high >= np.maximum(opened, close)).all()
        )
    for low_price, high_price, tick in [(2000, 5000, 5), (20_000, 50_000, 50), (200_000, 500_000, 500)]:
        prices = market(END)["SMP006"].ohlc.ravel()
        there = prices[(prices >= low_price) & (prices < high_price)]
        assert (there % tick == 0).all()


def test_it_has_gaps_through_any_stop_halts_and_splits_off_the_tick_grid() -> None:
    for series in market(END).values():
        if series.symbol == "SMPIDX":
            continue
        traded = series.ohlc[series.volume > 0]
        gaps = traded[1:, 0] / traded[:-1, 3] - 1
        assert (gaps < -0.075).any(), series.symbol
        assert (gaps > -0.16).all(), series.symbol
        assert (series.volume == 0).any(), series.symbol
    for split in SPLITS:
        series = market(END)[split.symbol]
        at = series.dates.index(split.session)
        assert (series.volume[at - 3 : at] == 0).all() and series.volume[at] > 0
        before = np.array([day < split.session for day in series.dates])
        assert (series.ohlc[before] % 50 != 0).any()  # divided by the ratio and rounded to the won
        assert (series.ohlc[~before] % 50 == 0).all()


def test_the_pair_has_a_flash_crash_and_missing_bars() -> None:
    candles = pair_candles(close_ms(END))
    close = candles.ohlc[:, 3]
    falls = close[4:] / close[:-4] - 1
    worst = int(np.argmin(falls))
    assert falls[worst] < -0.17
    assert close[worst + 12] / close[worst] - 1 > -0.05  # and back within the hour
    steps = np.diff(candles.start_ms) // BAR_MS
    assert (steps > 1).sum() > 40
    assert steps.max() >= 24  # an outage of two hours


@pytest.mark.parametrize("end", [dt.date(2022, 3, 10), dt.date(2024, 1, 5), dt.date(2025, 6, 2), END])
def test_all_three_setups_find_something_in_the_last_half_year_whenever_it_ends(end: dt.date) -> None:
    crosses = breakouts = pullbacks = 0
    for series in list(market(end).values())[:12]:
        closes = series.ohlc[series.volume > 0, 3].tolist()
        for i in range(len(closes) - 120, len(closes)):
            now, before = closes[: i + 1], closes[:i]
            crosses += sum(now[-20:]) / 20 > sum(now[-60:]) / 60 and sum(before[-20:]) / 20 <= sum(before[-60:]) / 60
            breakouts += now[-1] > max(before[-20:])
            pullbacks += now[-1] > sum(now[-200:]) / 200 and now[-1] == min(now[-10:])
    assert crosses >= 5
    assert breakouts >= 30
    assert pullbacks >= 10


def test_it_says_everywhere_that_it_is_made_up(tmp_path: Path) -> None:
    write(tmp_path, END)
    names = {path.name for path in tmp_path.iterdir()} - {"README.txt", "corporate_actions.csv"}
    assert len(names) == 14 and all(name.startswith("made-up_") for name in names)
    assert (tmp_path / "README.txt").read_text().startswith("MADE-UP PRICES")
    with (tmp_path / "corporate_actions.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [(row["symbol"], row["session"], row["ratio"]) for row in rows] == [
        ("SMP004", "2023-05-04", "50:1"),
        ("SMP009", "2026-03-12", "5:1"),
    ]


def test_making_it_again_touches_nothing(tmp_path: Path) -> None:
    arguments = ["--end", END.isoformat(), "--out", str(tmp_path)]
    assert main(arguments) == 0
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    started = time.process_time()
    assert main(arguments) == 0
    assert time.process_time() - started < 1.5
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
