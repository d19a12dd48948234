"""What becomes of a provider's rows, whoever asked: closes, sessions, lengths and kinds."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyjobs.market.bars import FETCHED, TIMEFRAME_MS, Bars
from pyjobs.market.providers import bitfinex
from pyjobs.market.providers.base import About, BarRequest, ConfirmedEmpty, Fetched, Refused
from pyjobs.market.providers.identity import checked
from pyjobs.market.providers.rows import to_fetched
from utils.errors import BadDataError
from utils.trading_day import known_markets, load

NOW_MS = 1_795_176_000_000  # 2026-11-20T12:00Z
MARKETS = sorted(known_markets())
PRICES = (10.0, 11.0, 9.0, 10.5, 100.0)


def fetched(rows: list[tuple[object, ...]], timeframe: str, market: str, now_ms: int = NOW_MS) -> Fetched:
    request = BarRequest(symbol="X", timeframe=timeframe, start_ms=0, end_ms=2**45, market=market)
    return to_fetched(rows, request, provider="p", adjusted="raw", now_ms=now_ms, revised_for_ms=0)  # type: ignore[arg-type]


def at(text: str) -> int:
    return round(dt.datetime.fromisoformat(text).timestamp() * 1000)


@settings(max_examples=150, deadline=None)
@given(
    market=st.sampled_from(MARKETS),
    timeframe=st.sampled_from(FETCHED),
    minutes=st.lists(st.integers(0, 60 * 24 * 90), min_size=1, max_size=12, unique=True),
    now_ms=st.integers(NOW_MS - 40 * 86_400_000, NOW_MS),
)
def test_no_bar_closes_before_its_period_ends_in_any_market(
    market: str, timeframe: str, minutes: list[int], now_ms: int
) -> None:
    starts = [NOW_MS - one * 60_000 for one in sorted(minutes, reverse=True)]
    days = timeframe == "1d" and market != "24/7"
    calendar = load(market)
    if days:
        labels: list[object] = list(
            dict.fromkeys(dt.datetime.fromtimestamp(ms / 1000, dt.UTC).date().isoformat() for ms in starts)
        )
    else:
        labels = list(starts)
    try:
        bars = fetched([(label, *PRICES) for label in labels], timeframe, market, now_ms).bars
    except (ConfirmedEmpty, Refused):
        return
    assert bars.ts_ms[-1] <= now_ms
    if not days:
        ends = {start + TIMEFRAME_MS[timeframe] for start in starts}
        assert set(bars.ts_ms.tolist()) <= ends
        return
    for ts_ms in bars.ts_ms.tolist():  # the close of a session, by its calendar, of a day that came
        session = calendar.last_closed_session(ts_ms / 1000)
        assert session.close_utc_s * 1000 == ts_ms and session.date.isoformat() in labels


def test_rows_before_the_open_and_after_the_close_are_none_of_a_session() -> None:
    rows = [
        (at(f"2026-11-19T{clock}:00-05:00"), *PRICES)
        for clock in ("04:00", "09:00", "09:25", "09:30", "12:00", "15:55", "16:00", "18:30")
    ]
    kept = fetched(rows, "5m", "XNYS").bars.ts_ms.tolist()
    assert kept == [at(f"2026-11-19T{clock}:00-05:00") for clock in ("09:35", "12:05", "16:00")]
    hours = [(at(f"2026-11-19T{clock}:00-05:00"), *PRICES) for clock in ("08:00", "09:00", "15:00", "16:00")]
    assert len(fetched(hours, "1h", "XNYS").bars) == 2  # the hour from nine overlaps the session


def test_an_evening_session_and_a_half_day_keep_their_own_hours() -> None:
    early = [(at(f"2025-11-28T{clock}:00-05:00"), *PRICES) for clock in ("12:55", "13:00", "15:00")]
    assert fetched(early, "5m", "XNYS").bars.ts_ms.tolist() == [at("2025-11-28T13:00:00-05:00")]
    evening = [(at("2026-11-15T17:30:00-06:00"), *PRICES)]  # Sunday evening in Chicago
    assert len(fetched(evening, "30m", "CMES").bars) == 1
    assert len(fetched([(at("2026-11-14T12:00:00+00:00"), *PRICES), *evening], "1h", "FX").bars) == 1  # no Saturday


@pytest.mark.parametrize(("timeframe", "market", "every"), [("1h", "24/7", 4), ("1m", "24/7", 5), ("1d", "24/7", 7)])
def test_many_bars_that_lie_a_multiple_apart_are_longer_ones(timeframe: str, market: str, every: int) -> None:
    step = TIMEFRAME_MS[timeframe]
    starts = NOW_MS // TIMEFRAME_MS["1d"] * TIMEFRAME_MS["1d"] - np.arange(60, 0, -1) * every * step
    with pytest.raises(Refused, match=f"its 60 bars are {every} of them apart"):
        fetched([(int(start), *PRICES) for start in starts], timeframe, market)
    few = [(int(start), *PRICES) for start in starts[:10]]
    assert len(fetched(few, timeframe, market).bars) == 10  # an illiquid symbol


def test_weeks_called_days_of_an_exchange_are_refused() -> None:
    mondays = [(dt.date(2026, 1, 5) + dt.timedelta(weeks=week)).isoformat() for week in range(44)]
    with pytest.raises(Refused, match="asked for 1d"):
        fetched([(day, *PRICES) for day in mondays], "1d", "XKRX")


def test_a_session_in_which_nobody_traded_is_no_bar_and_an_index_without_volume_has_all_of_its_own() -> None:
    days = ["2026-11-16", "2026-11-17", "2026-11-18", "2026-11-19"]
    halted = [(days[0], *PRICES), (days[1], 0.0, 0.0, 0.0, 10.5, 0.0), (days[2], *[10.5] * 4, 0.0), (days[3], *PRICES)]
    assert len(fetched(halted, "1d", "XKRX").bars) == 2
    index = [(day, 10.0, 10.0, 10.0, 10.0, 0.0) for day in days]
    assert len(fetched(index, "1d", "XKRX").bars) == 4


@pytest.mark.parametrize(
    ("kind", "zone", "market", "fits"),
    [
        ("CURRENCY", "Europe/London", "XLON", False),
        ("FUTURE", "America/New_York", "XNYS", False),
        ("CRYPTOCURRENCY", "UTC", "24/7", True),
        ("EQUITY", "America/New_York", "XNYS", True),
        ("INDEX", "Europe/London", "FX", False),
        ("ECNQUOTE", "America/New_York", "XNYS", True),
    ],
)
def test_a_thing_is_taken_only_where_its_kind_is_traded(kind: str, zone: str, market: str, fits: bool) -> None:
    start = at("2026-11-19T15:00:00+00:00")
    answer = Fetched(
        bars=fetched([(start, *PRICES)], "1h", "24/7").bars, provider="yf_index", symbol="X", adjusted="raw",
        fetched_at_ms=NOW_MS, last_final=True, about=About(symbol="X", zone=zone, kind=kind),
    )  # fmt: skip
    request = BarRequest(symbol="X", timeframe="1h", start_ms=0, end_ms=NOW_MS, market=market)
    if fits:
        assert checked(answer, request) is answer
    else:
        with pytest.raises(BadDataError, match=f"as of the kind {kind}"):
            checked(answer, request)


@pytest.mark.parametrize(
    ("provider", "market", "fits"),
    [
        ("alpaca", "XKRX", False),
        ("alpaca", "24/7", False),
        ("alpaca", "XNYS", True),
        ("bitfinex", "XNYS", False),
        ("bitfinex", "24/7", True),
        ("ccxt", "FX", False),
        ("krx_stock", "XTKS", False),
        ("pykrx_index", "XKRX", True),
    ],
)
def test_a_provider_that_says_nothing_of_a_symbol_is_taken_for_its_own_market_alone(
    provider: str, market: str, fits: bool
) -> None:
    bars = fetched([(at("2026-11-19T15:00:00+00:00"), *PRICES)], "1h", "24/7").bars
    answer = Fetched(
        bars=bars, provider=provider, symbol="X", adjusted="raw", fetched_at_ms=NOW_MS, last_final=True
    )  # fmt: skip
    request = BarRequest(symbol="X", timeframe="1h", start_ms=0, end_ms=NOW_MS, market=market)
    if fits:
        assert checked(answer, request) is answer
    else:
        with pytest.raises(BadDataError, match=f"{provider} has X as traded in .*nothing of it was taken"):
            checked(answer, request)


SHARE = About(symbol="X", zone="America/New_York", kind="EQUITY", currency="USD")
DAY = BarRequest(symbol="X", timeframe="1d", start_ms=0, end_ms=NOW_MS, market="XNYS")


def of_share(closes: np.ndarray, adjusted: str = "adjusted") -> Fetched:
    ts_ms = NOW_MS - np.arange(len(closes), 0, -1, dtype=np.int64) * TIMEFRAME_MS["1d"]
    bars = Bars(ts_ms=ts_ms, open=closes, high=closes * 1.02, low=closes * 0.98, close=closes, volume=closes)
    return Fetched(
        bars=bars, provider="yf_etf", symbol="X", adjusted=adjusted, fetched_at_ms=NOW_MS, last_final=True, about=SHARE  # type: ignore[arg-type]
    )  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**31), unit=st.sampled_from([100.0, 0.01, 1000.0, 0.001]), rows=st.sets(st.integers(0, 48)))
def test_the_rows_of_another_unit_are_set_aside_and_no_others(seed: int, unit: float, rows: set[int]) -> None:
    closes = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.05, 60)))
    wrong = np.array(sorted(rows), int)
    closes[wrong] *= unit
    answer = of_share(closes)
    taken = checked(answer, DAY)
    assert taken.untrue == tuple(answer.bars.ts_ms[wrong].tolist())
    assert taken.bars.ts_ms.tolist() == np.delete(answer.bars.ts_ms, wrong).tolist()


@pytest.mark.parametrize(("name", "times"), [("high", 100.0), ("low", 0.01), ("open", 100.0), ("close", 0.001)])
def test_one_price_of_a_row_in_another_unit_sets_that_row_aside(name: str, times: float) -> None:
    answer = of_share(np.linspace(50.0, 60.0, 40))
    column = getattr(answer.bars, name).copy()
    column[20] *= times
    widened = {"high": np.maximum(answer.bars.high, column), "low": np.minimum(answer.bars.low, column), name: column}
    taken = checked(replace(answer, bars=replace(answer.bars, **widened)), DAY)
    assert taken.untrue == (int(answer.bars.ts_ms[20]),)


def test_an_answer_of_which_no_row_is_usable_is_none() -> None:
    answer = of_share(np.array([50.0]))
    with pytest.raises(Refused, match="none of 1 rows is usable"):
        checked(replace(answer, bars=replace(answer.bars, low=answer.bars.close / 100)), DAY)


@pytest.mark.parametrize(("bars", "at", "column"), [(60, 50, "all"), (60, 49, "all"), (10, 0, "close")])
def test_a_single_row_of_another_unit_just_before_the_newest_is_set_aside_too(bars: int, at: int, column: str) -> None:
    closes = np.linspace(50.0, 60.0, bars)
    wrong = np.where(np.arange(bars) == at, closes * 100, closes)
    answer = of_share(wrong)
    if column == "close":
        answer = replace(answer, bars=replace(answer.bars, open=closes, low=closes * 0.98))
    assert checked(answer, DAY).untrue == (int(answer.bars.ts_ms[at]),)


def test_a_change_of_unit_that_lasts_is_refused_while_it_is_new_and_the_older_rows_are_set_aside_later() -> None:
    closes = np.linspace(50.0, 60.0, 80)
    for since in (71, 79):
        with pytest.raises(Refused, match="100 times lower, and it reports no split: another unit"):
            checked(of_share(np.where(np.arange(80) >= since, closes / 100, closes)), DAY)
    old = of_share(np.where(np.arange(80) >= 40, closes / 100, closes))
    assert checked(old, DAY).bars.ts_ms.tolist() == old.bars.ts_ms[40:].tolist()
    assert checked(of_share(np.where(np.arange(80) >= 40, closes / 100, closes), "raw"), DAY).untrue == ()
    assert checked(of_share(closes * np.where(np.arange(80) >= 79, 0.05, 1)), DAY).untrue == ()  # it has fallen


def test_candles_of_other_days_prove_nothing_of_those_that_were_asked_for() -> None:
    """In seconds where milliseconds belong, say."""
    request = BarRequest(symbol="BTCUSD", timeframe="1m", start_ms=NOW_MS - 600_000, end_ms=NOW_MS)
    seconds = np.array([[NOW_MS / 1000 - 60 * at, *PRICES] for at in range(5)])
    with pytest.raises(Refused, match="none of the range that was asked for"):
        bitfinex._refuse_other_days(seconds, request, 60_000)
    bitfinex._refuse_other_days(seconds * [1000, 1, 1, 1, 1, 1], request, 60_000)
    bitfinex._refuse_other_days(np.empty((0, 6)), request, 60_000)
