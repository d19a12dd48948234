"""Bitfinex: candles in its own order and pages, and its errors."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import requests

from tests.fakemarket import oracle
from tests.fakemarket.bars import day_ms
from tests.fakemarket.conftest import HOUR_MS, NOW
from tests.fakemarket.server import FakeMarket


def candles(session: requests.Session, what: str, **params: object) -> Any:
    return session.get(f"https://api-pub.bitfinex.com/v2/candles/trade:{what}", params=params).json()  # type: ignore[arg-type]


def test_rows_are_open_close_high_low_newest_first(session: requests.Session) -> None:
    expected = []
    for at in range(NOW - 20 * 60_000, NOW, 60_000):
        if row := oracle.bar("LTCUSD", at, 1):
            expected.insert(0, [at, row[0], row[3], row[1], row[2], row[4]])
    got = candles(session, "1m:tLTCUSD/hist", limit=5, end=NOW - 1)
    assert got == expected[:5]


def test_start_and_end_are_inclusive_and_sort_1_is_oldest_first(session: requests.Session) -> None:
    got = candles(session, "1h:tBTCUSD/hist", start=NOW - 3 * HOUR_MS, end=NOW - HOUR_MS, sort=1)
    assert [row[0] for row in got] == [NOW - 3 * HOUR_MS, NOW - 2 * HOUR_MS, NOW - HOUR_MS]


def test_a_page_has_100_rows_unless_asked_and_never_more_than_10000(session: requests.Session) -> None:
    assert len(candles(session, "1m:tBTCUSD/hist")) == 100
    assert len(candles(session, "1m:tDOGE:USD/hist", limit=10_000)) == 10_000  # through 60 % quiet minutes
    assert candles(session, "1m:tBTCUSD/hist", limit=10_001) == ["error", 10020, "limit: invalid"]


def test_last_is_one_row_and_a_halt_is_confirmed_empty(fakemarket: FakeMarket, session: requests.Session) -> None:
    assert candles(session, "1D:tBTCUSD/last")[0] == day_ms(dt.date(2026, 11, 20))
    fakemarket.market.halt("BTCUSD", NOW - HOUR_MS, NOW)
    assert candles(session, "1m:tBTCUSD/hist", start=NOW - HOUR_MS, end=NOW - 1) == []


@pytest.mark.parametrize("what", ["1m:tNOPE/hist", "7m:tBTCUSD/hist"])
def test_wrong_questions_are_told_so(session: requests.Session, what: str) -> None:
    answer = session.get(f"https://api-pub.bitfinex.com/v2/candles/trade:{what}")
    assert answer.status_code == 500
    assert answer.json()[:2] == ["error", 10020]


@pytest.mark.parametrize(
    ("kind", "variant", "body"),
    [
        ("429", "", ["error", 11010, "ratelimit: error"]),
        ("429", "object", {"error": "ERR_RATE_LIMIT"}),
        ("503", "", ["error", 20060, "maintenance"]),
    ],
)
def test_trouble_has_two_shapes(
    fakemarket: FakeMarket, session: requests.Session, kind: str, variant: str, body: object
) -> None:
    fakemarket.fault("bitfinex", kind, variant=variant)
    assert candles(session, "1m:tBTCUSD/hist") == body


def test_a_revision_shows_between_two_requests(fakemarket: FakeMarket, session: requests.Session) -> None:
    before = candles(session, "1h:tBTCUSD/hist", limit=2)
    fakemarket.market.revise("BTCUSD", NOW - 60_000, 1.01)
    after = candles(session, "1h:tBTCUSD/hist", limit=2)
    (old,), (new,) = ([row for row in rows if row[0] == NOW - HOUR_MS] for rows in (before, after))
    assert new[2] == pytest.approx(old[2] * 1.01, abs=1)
