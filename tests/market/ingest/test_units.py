"""Prices that come in another unit, and no split is told: what is stored stays, what is newer waits for a word."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pyjobs.market.bars import COLUMNS, Bars, SeriesKey
from pyjobs.market.ingest import backfill, looks
from pyjobs.market.ingest.fetching import take_step
from pyjobs.market.providers import BarRequest, Fetched
from pyjobs.market.providers.base import About
from pyjobs.market.providers.identity import checked
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.merge import same_bars
from tests.market.support.made_up_exchange import MadeUpExchange, picked, scaled
from utils import trading_day
from utils.errors import BadDataError, MisfitError, UsageError

KEY = SeriesKey(exchange="YAHOO", symbol="ABC", timeframe="1d")
STORED, ALL, HOURS_MS = 150, 180, 7_200_000
WORDS = ("unit", "split", "traded")


def days() -> Bars:
    """Days of New York, close after close, no one of which opens otherwise than the last has closed."""
    sessions = trading_day.load("XNYS").sessions_between(dt.date(2026, 1, 2), dt.date(2026, 11, 20))[:ALL]
    close = 50 * np.exp(np.cumsum(np.random.default_rng(3).normal(0, 0.015, ALL)))
    open_ = np.append(close[0], close[:-1])
    high, low = np.maximum(open_, close) * 1.01, np.minimum(open_, close) * 0.99
    ts_ms = np.array([one.close_utc_s * 1000 for one in sessions], np.int64)
    return Bars(ts_ms=ts_ms, open=open_, high=high, low=low, close=close, volume=np.full(ALL, 1e6))


BARS = days()


class Share(MadeUpExchange):
    """As Yahoo has a share: its answers say what they are about."""

    def ask(self, request: BarRequest) -> Fetched:
        return checked(replace(super().ask(request), about=About(kind="EQUITY", zone="America/New_York")), request)


class World:
    """A series of which STORED days are stored, and the provider, whose prices are those days' times `factors`."""

    def __init__(self, home: Path) -> None:
        self.store = BarStore(home / "raw", locks=home / ".locks")
        self.share = Share(BARS, 0, market="XNYS", adjusted="adjusted")
        self.night(STORED - 1)

    def night(self, last: int, factors: np.ndarray | float = 1.0) -> backfill.Report:
        self.share.bars, self.share.now_ms = scaled(BARS, factors), int(BARS.ts_ms[last]) + HOURS_MS  # type: ignore[arg-type]
        return backfill.ingest_resume(
            self.store, KEY, self.share.source, lookback_ms=400 * 86_400_000, now_ms=self.share.now_ms,
            progress=lambda *_: None,
        )  # fmt: skip

    def has(self, count: int, factors: np.ndarray | float = 1.0) -> bool:
        bars, want = self.store.read(KEY), scaled(BARS, factors).slice(0, count)  # type: ignore[arg-type]
        return len(bars) == count and all(np.allclose(getattr(bars, name), getattr(want, name)) for name in COLUMNS)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def since(first: int, factor: float, *, until: int = ALL) -> np.ndarray:
    at = np.arange(ALL)
    return np.where((at >= first) & (at < until), factor, 1.0)


@pytest.mark.parametrize("factor", [0.01, 100.0, 0.001, 1000.0])
def test_day_by_day_nothing_is_taken_and_nothing_stored_goes_until_the_provider_mends_it(
    world: World, factor: float
) -> None:
    for night in range(14):  # longer than a change was new once
        with pytest.raises(MisfitError, match="--symbol ABC --timeframe 1d --resume --step unit") as found:
            world.night(STORED + night, since(STORED, factor))
        way = "lower" if factor < 1 else "higher"
        times = f"{round(max(factor, 1 / factor))} times {way} than those that are stored"
        assert times in str(found.value) and "2026-08-10 20:00 UTC" in str(found.value)
        assert world.has(STORED)
    assert world.night(STORED + 14, factor).got.rebased  # it has worked it into all of its prices
    assert world.has(STORED + 15, factor)


def test_a_unit_that_comes_back_leaves_out_the_days_between_and_takes_them_when_they_are_mended(world: World) -> None:
    wrong = since(STORED, 0.01, until=STORED + 12)
    with pytest.raises(MisfitError):
        world.night(STORED + 11, wrong)
    told = world.night(STORED + 12, wrong).got.lines
    assert told == ("12 rows of the provider cannot be true, left out, the first that of 2026-08-10 20:00 UTC",)
    assert same_bars(world.store.read(KEY), picked(BARS.slice(0, STORED + 13), wrong[: STORED + 13] == 1.0))
    world.night(STORED + 13)
    assert world.has(STORED + 14)


def test_shared_days_tell_the_unit_of_those_that_follow(world: World) -> None:
    for night in range(2):  # also the five newest that are stored come in pence by now
        world.night(STORED + night, since(STORED - 5, 100.0))
        assert world.has(STORED + night + 1)


def test_a_provider_that_has_forgotten_what_was_before_changes_nothing_either(world: World) -> None:
    world.share.ask = Share(scaled(BARS, 0.01).slice(STORED, ALL), 0, market="XNYS", adjusted="adjusted").ask  # type: ignore[method-assign]
    world.share.ask.__self__.now_ms = int(BARS.ts_ms[-1]) + HOURS_MS  # type: ignore[attr-defined]
    with pytest.raises(MisfitError, match="100 times lower"):
        world.night(ALL - 1)
    assert world.has(STORED)


@pytest.mark.parametrize("word", WORDS)
def test_a_persons_word_decides_once_and_what_comes_later_goes_by_it(world: World, word: str) -> None:
    old = since(STORED, 0.01)
    with pytest.raises(UsageError, match="no prices of it wait"):
        take_step(world.store, KEY, word)
    with pytest.raises(MisfitError):
        world.night(STORED + 1, old)
    take_step(world.store, KEY, word)
    world.night(STORED + 2, old)
    bars = world.store.read(KEY)
    before = 1.0 if word == "traded" else 0.01
    assert np.allclose(bars.close, BARS.close[: STORED + 3] * np.where(np.arange(STORED + 3) < STORED, before, 0.01))
    assert set(bars.volume[:STORED]) == {1e8 if word == "split" else 1e6} and set(bars.volume[STORED:]) == {1e6}
    with pytest.raises(UsageError, match="no prices of it wait"):
        take_step(world.store, KEY, word)
    dividend = 1 - 0.02 * (np.arange(ALL) < STORED + 1)
    assert world.night(STORED + 4, old * dividend).got.rebased  # the provider's older days are in the old unit still
    now = world.store.read(KEY)
    assert np.allclose(now.close[:STORED], bars.close[:STORED] * 0.98) and np.allclose(
        now.volume[:STORED], bars.volume[:STORED]
    )
    if word == "traded":
        with pytest.raises(BadDataError, match="a part of what comes now is in another unit"):
            world.night(STORED + 5, 0.01 * dividend)
    else:
        world.night(STORED + 5, 0.01 * dividend)  # at last it has mended them
        assert np.allclose(world.store.read(KEY).close, (BARS.close * 0.01 * dividend)[: STORED + 6])


def test_a_word_that_comes_after_newer_bars_were_imported_moves_none_of_them(world: World) -> None:
    with pytest.raises(MisfitError):
        world.night(STORED, since(STORED, 0.01))
    new = BARS.slice(STORED, STORED + 2)
    world.store.write(KEY, new, provider="import", fetched_at_ms=0, adjusted="adjusted", last_final=True)
    with pytest.raises(UsageError, match="2026-08-10 20:00 UTC on are stored meanwhile"):
        take_step(world.store, KEY, "unit")
    assert world.has(STORED + 2)
    world.night(STORED + 2)
    with pytest.raises(UsageError, match="no prices of it wait"):
        take_step(world.store, KEY, "unit")


def test_a_price_that_a_person_has_confirmed_leaves_the_next_change_to_a_word_of_its_own(world: World) -> None:
    fallen = since(STORED, 0.01)
    with pytest.raises(MisfitError):
        world.night(STORED, fallen)
    take_step(world.store, KEY, "traded")
    world.night(STORED + 1, fallen)
    stray = since(STORED, 0.01, until=STORED + 2) * since(STORED + 3, 0.01)
    with pytest.raises(MisfitError, match="100 times higher"):
        world.night(STORED + 2, stray)
    assert world.has(STORED + 2, fallen)
    world.night(STORED + 3, stray)
    known = np.flatnonzero(np.arange(STORED + 4) != STORED + 2)
    assert same_bars(world.store.read(KEY), picked(scaled(BARS, stray), known))  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [2, 20, 66], ids=["far from stored bars", "after stored ones", "before stored ones"])
def test_a_stray_unit_in_an_older_stretch_is_left_out_and_nothing_newer_waits(tmp_path: Path, wrong: int) -> None:
    store, at = BarStore(tmp_path / "raw", locks=tmp_path / ".locks"), np.arange(ALL)
    share = Share(scaled(BARS, np.where(at == wrong, 100.0, 1.0)), 0, market="XNYS", adjusted="adjusted")  # type: ignore[arg-type]
    share.page_days, share.now_ms = {"1d": 30}, int(BARS.ts_ms[-1]) + HOURS_MS
    for first, last in ((140, 160), (0, 66)):
        backfill.ingest_range(
            store, KEY, share.source, start_ms=int(BARS.ts_ms[first]), end_ms=int(BARS.ts_ms[last]),
            now_ms=share.now_ms, progress=lambda *_: None,
        )  # fmt: skip
    known = looks.load(store, KEY)
    assert known is not None and known.waiting is None
    bars = store.read(KEY)
    want = picked(BARS, np.isin(BARS.ts_ms, bars.ts_ms))
    assert BARS.ts_ms[wrong] not in bars.ts_ms and same_bars(bars, want)
    assert set(at[1:67]) - {wrong} <= set(np.searchsorted(BARS.ts_ms, bars.ts_ms).tolist())


def test_a_job_that_is_killed_before_the_stored_prices_are_moved_has_moved_none(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(MisfitError):
        world.night(STORED, since(STORED, 0.01))
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(BarStore, "rebase", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        take_step(world.store, KEY, "unit")
    known = looks.load(world.store, KEY)
    assert world.has(STORED) and known is not None and known.waiting is None
    with pytest.raises(MisfitError):
        world.night(STORED, since(STORED, 0.01))
    take_step(world.store, KEY, "unit")
    world.night(STORED, since(STORED, 0.01))
    assert world.has(STORED + 1, 0.01)
