"""The simulated market: the same for every question, and changed only by what a test does to it."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from tests.fakemarket import oracle
from tests.fakemarket.bars import DAY_MS, MINUTE_MS, Bars, day_ms
from tests.fakemarket.market import Clock, Market
from tests.fakemarket.universe import BY_ID, INSTRUMENTS, Instrument

BTC, LTC = BY_ID["BTCUSD"], BY_ID["LTCUSD"]
NOON = day_ms(dt.date(2026, 11, 2)) + 12 * 3_600_000
HOUR_MS = 3_600_000


@pytest.fixture
def market() -> Market:
    made = Market(Clock())
    made.clock.set(NOON)
    return made


def table(bars: Bars) -> list[list[float]]:
    """start_ms, O, H, L, C, V per bar."""
    return np.column_stack([bars.start_ms, bars.ohlc, bars.volume]).tolist()


def test_minutes_are_what_the_scalar_oracle_says_and_quiet_ones_are_absent(market: Market) -> None:
    expected = []
    for start_ms in range(NOON - HOUR_MS, NOON, MINUTE_MS):
        if (row := oracle.bar("LTCUSD", start_ms, 1)) is not None:
            expected.append([start_ms, *row])
    assert 15 < len(expected) < 50  # 45 in 100 minutes are quiet
    assert table(market.intraday(LTC, MINUTE_MS, NOON - HOUR_MS, NOON)) == expected


@pytest.mark.parametrize("minutes", [5, 60, 180])
def test_longer_bars_fold_the_minutes(market: Market, minutes: int) -> None:
    step = minutes * MINUTE_MS
    start = NOON - 2 * step
    got = table(market.intraday(BTC, step, start, NOON))
    assert got == [[at, *(oracle.bar("BTCUSD", at, minutes) or ())] for at in (start, start + step)]


@pytest.mark.parametrize("symbol", ["BTCUSD", "KOSPI", "AAPL"])
def test_a_day_is_the_whole_session_of_its_market(market: Market, symbol: str) -> None:
    day = dt.date(2026, 10, 30)
    (row,) = table(market.daily(BY_ID[symbol], day, day))
    assert row[1:] == oracle.session_bar(symbol, day)


def test_a_late_opening_shortens_the_day(market: Market) -> None:
    """The day of the university entrance exam: Seoul opens at 10:00 and closes at 16:30."""
    market.clock.set(day_ms(dt.date(2026, 11, 25)))
    (row,) = table(market.daily(BY_ID["KOSPI"], dt.date(2026, 11, 19), dt.date(2026, 11, 19)))
    assert row[0] == day_ms(dt.date(2026, 11, 19)) + HOUR_MS  # 10:00 in Seoul
    assert row[1:] == oracle.bar("KOSPI", int(row[0]), 390)


def test_a_bar_does_not_depend_on_where_the_question_starts(market: Market) -> None:
    long = table(market.intraday(BTC, MINUTE_MS, NOON - 30 * DAY_MS, NOON))
    short = table(market.intraday(BTC, MINUTE_MS, NOON - 7 * MINUTE_MS, NOON))
    assert long[-len(short) :] == short


def test_a_closed_market_has_no_bar(market: Market) -> None:
    assert len(market.daily(BY_ID["KOSPI"], dt.date(2026, 10, 31), dt.date(2026, 11, 1))) == 0  # a weekend
    assert len(market.intraday(BY_ID["AAPL"], MINUTE_MS, NOON - 2 * HOUR_MS, NOON)) == 0  # before New York opens


def last(market: Market, one: Instrument = BTC, step: int = MINUTE_MS) -> list[float]:
    return table(market.intraday(one, step, market.clock.now_ms() - HOUR_MS, market.clock.now_ms() + 1))[-1]


def test_the_running_minute_is_on_its_way_and_becomes_final(market: Market) -> None:
    opened, _, _, closed, volume = oracle.bar("BTCUSD", NOON, 1) or ()
    market.clock.set(NOON + 15_000)
    at, first, _, _, reached, so_far = last(market)
    assert (at, first) == (NOON, round(opened))
    assert reached == pytest.approx(opened + 0.25 * (closed - opened), abs=0.51)  # whole dollars
    assert so_far == round(0.25 * volume, 8)
    market.clock.advance(45)
    assert last(market)[0] == NOON
    assert last(market)[1:] == oracle.bar("BTCUSD", NOON, 1)


def test_a_closed_bar_can_be_settled_later(market: Market) -> None:
    market.settle_s = 20
    market.clock.set(NOON + 60_000 + 5_000 - MINUTE_MS)
    early = table(market.intraday(BTC, MINUTE_MS, NOON - MINUTE_MS, NOON))[0]
    market.clock.advance(15)
    late = table(market.intraday(BTC, MINUTE_MS, NOON - MINUTE_MS, NOON))[0]
    assert late[1:] == oracle.bar("BTCUSD", NOON - MINUTE_MS, 1)
    assert early[5] < late[5]


def test_a_revision_changes_the_minute_and_every_bar_it_is_in(market: Market) -> None:
    before = market.daily(BTC, dt.date(2026, 10, 30), dt.date(2026, 10, 30)).ohlc[0]
    at = day_ms(dt.date(2026, 10, 30)) + 23 * HOUR_MS + 59 * MINUTE_MS
    market.revise("BTCUSD", at, 1.5)
    after = market.daily(BTC, dt.date(2026, 10, 30), dt.date(2026, 10, 30)).ohlc[0]
    assert after[3] == pytest.approx(before[3] * 1.5, abs=1)
    assert after[1] == after[3]
    assert after[0] == before[0]


def test_a_halt_leaves_nothing_behind(market: Market) -> None:
    market.halt("BTCUSD", NOON - HOUR_MS, NOON - HOUR_MS // 2)
    starts = market.intraday(BTC, MINUTE_MS, NOON - HOUR_MS, NOON).start_ms
    assert starts.min() >= NOON - HOUR_MS // 2
    assert len(starts) > 20


def test_a_split_shows_from_its_day_on_and_divides_what_was_before(market: Market) -> None:
    """AAPL, 4 for 1 on 2020-08-31: the prices of the Friday before are four times higher until then."""
    aapl, friday, monday = BY_ID["AAPL"], dt.date(2020, 8, 28), dt.date(2020, 8, 31)
    market.clock.set(day_ms(dt.date(2020, 8, 30)))
    (before,) = table(market.daily(aapl, friday, friday))
    assert before[1:] == oracle.session_bar("AAPL", friday, ratio=4)
    market.clock.set(day_ms(dt.date(2020, 9, 5)))
    (after,) = table(market.daily(aapl, friday, friday))
    assert after[1:] == oracle.session_bar("AAPL", friday)
    assert table(market.daily(aapl, friday, friday, as_traded=True)) == [before]
    (next_day,) = table(market.daily(aapl, monday, monday, as_traded=True))
    assert next_day[1:] == oracle.session_bar("AAPL", monday)


def test_a_split_can_be_ordered(market: Market) -> None:
    day = dt.date(2026, 10, 29)
    market.split("MSFT", dt.date(2026, 10, 30), 2)
    (row,) = table(market.daily(BY_ID["MSFT"], day, day, as_traded=True))
    assert row[1:] == oracle.session_bar("MSFT", day, ratio=2)


def test_dividends_take_their_share_out_of_the_days_before(market: Market) -> None:
    """0.26 on 2026-08-10: the factor is 1 - 0.26 / close of 2026-08-07."""
    aapl = BY_ID["AAPL"]
    close = oracle.session_bar("AAPL", dt.date(2026, 8, 7))[3]
    days = np.array([day_ms(dt.date(2026, 8, 7)), day_ms(dt.date(2026, 8, 10))])
    assert market.dividend_factor(aapl, days).tolist() == pytest.approx([1 - 0.26 / close, 1.0])


def test_halted_sessions_of_korean_stocks_have_a_close_and_no_volume(market: Market) -> None:
    bars = market.daily(BY_ID["005930"], dt.date(2015, 1, 1), dt.date(2025, 12, 31))
    halted = np.flatnonzero(~bars.traded)
    assert 3 <= len(halted) <= 20  # one in 300 of 2 700
    assert (bars.volume[halted] == 0).all()
    assert (bars.ohlc[halted, 3] == bars.ohlc[halted - 1, 3]).all()


def test_a_running_clock_runs_on_after_it_was_advanced() -> None:
    clock = Clock()
    real = clock.now_ms()
    clock.advance(3600)
    assert 3_600_000 <= clock.now_ms() - real < 3_660_000
    clock.set(5)
    clock.advance(1)
    assert clock.now_ms() == 1005


def test_reset_forgets_what_was_done(market: Market) -> None:
    market.halt("BTCUSD", 0, NOON)
    market.reset()
    market.clock.set(NOON)
    assert len(market.intraday(BTC, MINUTE_MS, NOON - HOUR_MS, NOON)) > 50


def test_names_and_seeds_are_unique() -> None:
    for field in ("id", "seed", "yahoo", "bitfinex", "krx_index", "krx_stock", "isin", "alpaca"):
        names = [getattr(one, field) for one in INSTRUMENTS if getattr(one, field)]
        assert len(names) == len(set(names)), field
