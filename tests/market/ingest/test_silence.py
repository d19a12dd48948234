"""A pair in which nobody trades is silent although its bars come; bars that nobody can have any more stay named."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.market.exchanges import load_exchanges
from pyjobs.market.ingest import looks, lost, silence
from pyjobs.market.ingest.questions import to_ask
from pyjobs.market.ingest.series_source import SeriesSource
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.universe import symbol_states
from pyjobs.market.universe.looking.looked import Tried, after
from pyjobs.runs.verdict.series import check_all
from utils.errors import ConfigError, MisfitError

KEY = SeriesKey(exchange="KRAKEN", symbol="ABCUSD", timeframe="1m")
NOON_MS = 1_795_176_000_000  # 2026-11-20T12:00Z
MINUTE_MS, DAY_MS = 60_000, 86_400_000


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path / "raw", locks=tmp_path / ".locks")


def minutes(first_ms: int, count: int, *, traded: int) -> Bars:
    """Bars of which the first `traded` have volume, and all the others stand at their last price."""
    times = first_ms + MINUTE_MS * np.arange(count, dtype=np.int64)
    price = np.where(np.arange(count) < traded, 10.0 + np.arange(count) % 3, 10.0 + (traded - 1) % 3)
    volume = np.where(np.arange(count) < traded, 5.0, 0.0)
    return Bars(ts_ms=times, open=price, high=price, low=price, close=price, volume=volume)


def keep(store: BarStore, bars: Bars, key: SeriesKey = KEY) -> None:
    store.write(key, bars, provider="ccxt", fetched_at_ms=NOON_MS, adjusted="raw", last_final=True)


def health(store: BarStore, now_ms: int, **silent_ms: int) -> tuple[str, str]:
    (found,) = check_all([(KEY, "24/7", "minutes")], store, now_ms / 1000, silent_ms=silent_ms)
    return found.state, found.detail


def test_flat_bars_without_volume_are_no_trade_over_days_of_them(store: BarStore) -> None:
    keep(store, minutes(NOON_MS, 3 * 1440, traded=100))
    now_ms = NOON_MS + 3 * DAY_MS
    assert silence.silent_since(store, KEY, "24/7", now_ms) == NOON_MS + 100 * MINUTE_MS
    state, told = health(store, now_ms)
    assert state == "WARN" and told.startswith("silent since 2026-11-20 13:40 UTC: its bars come")
    assert health(store, now_ms, KRAKEN=4 * DAY_MS)[0] == "OK"  # its exchange's own `silent_after`


def test_a_bar_that_moved_or_had_volume_is_a_trade_and_a_pair_without_any_is_silent_from_its_first_bar(
    store: BarStore,
) -> None:
    bars = minutes(NOON_MS, 120, traded=1)
    moved = replace(bars, high=bars.high + (np.arange(120) == 119))  # a currency has prices and no volume
    keep(store, moved)
    assert silence.silent_since(store, KEY, "24/7", NOON_MS + 121 * MINUTE_MS) is None
    dead = replace(KEY, symbol="DEAD")
    keep(store, minutes(NOON_MS, 300, traded=0), dead)
    assert silence.silent_since(store, dead, "24/7", NOON_MS + 300 * MINUTE_MS) == NOON_MS + MINUTE_MS


def test_a_dead_pair_that_sends_flat_bars_is_asked_ever_less_often(store: BarStore) -> None:
    source = SeriesSource(market="24/7", page_bars=1000, ask=pytest.fail)
    keep(store, minutes(NOON_MS, 3 * 1440, traded=10))
    now_ms = NOON_MS + 3 * DAY_MS
    assert "silent since 2026-11-20 12:10 UTC" in silence.note_asked(store, KEY, source, now_ms)
    assert silence.resting(store, KEY, source, now_ms + 4 * 3_600_000)  # a sixteenth of three days
    assert not silence.resting(store, KEY, source, now_ms + 5 * 3_600_000)
    patient = replace(source, silent_ms=5 * DAY_MS)
    assert not silence.resting(store, KEY, patient, now_ms + 60_000)


def test_lost_bars_are_named_by_health_until_they_are_there_or_a_person_takes_them_for_lost(store: BarStore) -> None:
    keep(store, minutes(NOON_MS, 60, traded=60))
    keep(store, minutes(NOON_MS + 120 * MINUTE_MS, 60, traded=60))
    now_ms = NOON_MS + 180 * MINUTE_MS
    assert health(store, now_ms)[0] == "OK"
    assert lost.note(store, KEY, "24/7", (NOON_MS + 60 * MINUTE_MS, now_ms - MINUTE_MS)) == 60
    state, told = health(store, now_ms)
    assert state == "WARN" and told.startswith("60 bars from 2026-11-20 13:00 UTC to 2026-11-20 13:59 UTC can no")
    assert "gap_repair --accept-lost --exchange KRAKEN --symbol ABCUSD --timeframe 1m" in told
    keep(store, minutes(NOON_MS + 60 * MINUTE_MS, 30, traded=30))
    assert health(store, now_ms)[1].startswith("30 bars from 2026-11-20 13:30 UTC")
    assert lost.accept(store, KEY, "24/7", now_ms) == 30
    assert health(store, now_ms)[0] == "OK" and looks.load(store, KEY).lost == ()  # type: ignore[union-attr]
    assert len(store.confirmed_empty(KEY)) == 30


def test_of_many_lost_stretches_each_stays_apart_and_health_counts_those_that_it_does_not_name(store: BarStore) -> None:
    for hour in range(30):
        keep(store, minutes(NOON_MS + hour * 60 * MINUTE_MS, 50, traded=50))
        lost.note(store, KEY, "24/7", (NOON_MS + (hour * 60 + 50) * MINUTE_MS, NOON_MS + (hour * 60 + 59) * MINUTE_MS))
    assert len(looks.load(store, KEY).lost) == 30  # type: ignore[union-attr]
    now_ms = NOON_MS + 29 * 60 * MINUTE_MS + 50 * MINUTE_MS
    keep(store, minutes(NOON_MS + 50 * MINUTE_MS, 10, traded=10))  # one of them has come
    state, told = health(store, now_ms)
    assert state == "WARN" and told.startswith("290 bars from 2026-11-20 13:50 UTC to 2026-11-20 13:59 UTC, ")
    assert " and 26 more can no longer be had" in told
    windows = tuple((at * 1000, at * 1000 + 10 + at) for at in range(250))
    assert len(lost._few(windows)) == 200 and lost._few(windows)[0] == (0, 10)  # the nearest are joined, not all
    assert lost._few(((5, 9), (1, 3), (2, 6))) == ((1, 9),)


def test_other_letters_are_refused_round_the_clock_too_unless_the_exchange_tells_them_apart(store: BarStore) -> None:
    source = SeriesSource(market="24/7", page_bars=1000, ask=pytest.fail)
    keep(store, minutes(NOON_MS, 60, traded=60))
    for symbol in ("abcusd", "ABCusd"):
        twin = replace(KEY, symbol=symbol)
        with pytest.raises(MisfitError, match="ABCUSD is stored, and the provider takes both for the same"):
            to_ask(store, twin, source, (NOON_MS, NOON_MS), now_ms=NOON_MS)
        apart = replace(source, letters_count=True)
        assert to_ask(store, twin, apart, (NOON_MS, NOON_MS), now_ms=NOON_MS).key == twin


@pytest.mark.parametrize("value", ["soon", "0h", "1w", "h", "-1d"])
def test_a_silence_that_is_no_length_of_time_is_named(tmp_path: Path, value: str) -> None:
    path = tmp_path / "exchanges.yaml"
    line = "exchanges: {K: {provider: ccxt, market: '24/7', page_bars: 10, silent_after: %s}}\n"
    path.write_text(line % "6h")
    assert load_exchanges(path)["K"].silent_ms == 6 * 3_600_000
    path.write_text(line % f"'{value}'")
    with pytest.raises(ConfigError, match=rf"silent_after.*'{value}' is no length of time like 30m, 6h or 2d"):
        load_exchanges(path)


def test_a_dead_pair_at_a_desk_is_asked_ever_less_often_about_one_session() -> None:
    since, hour = "2026-11-02", 3_600_000
    state = symbol_states.SymbolState(state="silent", since=since, last="2026-11-20", asked_ms=NOON_MS, sessions=9)
    rest = [later for later in range(48) if state.rests(NOON_MS + later * hour, "2026-11-20")]
    assert rest == list(range(23))  # 18.5 days, of which a sixteenth is more than a day
    young = msgspec.structs.replace(state, since="2026-11-15")
    assert [later for later in range(48) if young.rests(NOON_MS + later * hour, "2026-11-20")] == list(range(9))
    waited_for = symbol_states.SymbolState(state="silent", since=since, last="2026-11-20", asked_ms=NOON_MS)
    assert not waited_for.rests(NOON_MS + hour, "2026-11-20") and not state.rests(NOON_MS + hour, "2026-11-21")


def test_looks_that_a_clock_has_noted_that_was_a_year_ahead_go_on_when_it_is_right_again(store: BarStore) -> None:
    bars = minutes(NOON_MS, 3, traded=3)
    store.write(
        KEY, bars, provider="ccxt", fetched_at_ms=NOON_MS, adjusted="raw", last_final=True,
        empty=bars.ts_ms[-1:] + MINUTE_MS,
    )  # fmt: skip
    looks.confirmed(store, KEY, bars.ts_ms[-1:] + MINUTE_MS, NOON_MS + 365 * DAY_MS)
    looks.note_looked(store, KEY, NOON_MS + 365 * DAY_MS, {})
    now_ms = NOON_MS + DAY_MS
    assert looks.to_ask_again(store, KEY, now_ms).size == 1
    looks.note_asked_again(store, KEY, now_ms)
    looks.note_looked(store, KEY, now_ms, {})
    assert looks.to_ask_again(store, KEY, now_ms).size == 0 and looks.to_look_at(KEY, known(store), now_ms) == {}
    later_ms = now_ms + 2 * looks.HOUR_MS
    assert looks.to_ask_again(store, KEY, later_ms).size == 1 and "hour" in looks.to_look_at(
        KEY, known(store), later_ms
    )


def known(store: BarStore) -> looks.Looks | None:
    return looks.load(store, KEY)


def test_a_board_that_failed_by_a_clock_that_was_ahead_is_asked_for_again() -> None:
    day, now_ms = dt.date(2026, 11, 20), NOON_MS
    ahead = Tried(since_ms=now_ms + 365 * DAY_MS, asked_ms=now_ms + 365 * DAY_MS)
    assert ahead.due(now_ms)
    left, stand = after({day: ahead}, [day], {day: True}, now_ms)
    assert left == {day: Tried(since_ms=now_ms, asked_ms=now_ms)} and not stand and not left[day].due(now_ms)
