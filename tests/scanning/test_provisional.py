"""The bar of a running session: from a quote of this session on the same basis only, and never out of order."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import numpy as np
import pytest

from pyjobs.market.bars import Bars
from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.desk.snapshot import Series
from pyjobs.market.providers.base import Quote
from pyjobs.scanning.provisional import with_quote
from utils import trading_day

CALENDAR = trading_day.load("XNYS")
FRIDAY, MONDAY = dt.date(2026, 11, 20), dt.date(2026, 11, 23)
RUNNING = CALENDAR.session(MONDAY)
HALF_PAST_TEN = int(dt.datetime(2026, 11, 23, 15, 30, tzinfo=dt.UTC).timestamp() * 1000)
assert RUNNING is not None


def series(*, last: dt.date = FRIDAY, closes: tuple[float, ...] = (98.0, 99.0, 100.0)) -> Series:
    days = [session for session in CALENDAR.sessions() if session.date <= last][-len(closes) :]
    close = np.array(closes)
    bars = Bars(
        ts_ms=np.array([day.close_utc_s * 1000 for day in days], np.int64),
        open=close, high=close, low=close, close=close, volume=np.ones(len(close)),
    )  # fmt: skip
    instrument = Instrument(symbol="SPY", exchange="YAHOO", market="XNYS", timeframe="1d", currency="USD", file="")
    return Series(instrument=instrument, bars=bars, last_session=last, stale=False)


def quote(**changed: Any) -> Quote:
    told = {"open": 100.5, "high": 103.0, "low": 99.5, "last": 102.0, "volume": 5e6, "previous_close": 100.0}
    return Quote(**{"symbol": "SPY", "ts_ms": HALF_PAST_TEN, **told, **changed})


def test_a_quote_of_the_running_session_is_its_bar_so_far() -> None:
    live = with_quote(series(), quote(), RUNNING, need=2)
    assert live.status == "ok" and live.as_of_ms == HALF_PAST_TEN
    assert live.bars.close.tolist() == [99.0, 100.0, 102.0]
    last = live.bars.slice(2, 3)
    assert [float(getattr(last, name)[0]) for name in ("open", "high", "low", "volume")] == [100.5, 103.0, 99.5, 5e6]
    assert last.ts_ms.tolist() == [int(dt.datetime(2026, 11, 23, 21, tzinfo=dt.UTC).timestamp() * 1000)]


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"ts_ms": HALF_PAST_TEN - 3 * 86_400_000}, "no_trade_yet"),  # Friday's last price
        ({"ts_ms": HALF_PAST_TEN + 86_400_000}, "no_trade_yet"),  # a clock that is ahead
        ({"open": math.nan}, "no_quote"),
        ({"previous_close": 50.0}, "other_basis"),  # a split this morning
        ({"low": 102.5, "open": 103.0}, "ok"),  # the last price is the new low
        ({"low": 104.0}, "bad_quote"),
        ({"last": -1.0}, "bad_quote"),
        ({"volume": math.nan}, "ok"),
        ({"previous_close": math.nan}, "ok"),
        ({"previous_close": 100.3}, "ok"),
    ],
)
def test_what_cannot_be_a_bar_of_this_session_makes_none(changed: dict[str, float], status: str) -> None:
    live = with_quote(series(), quote(**changed), RUNNING, need=5)
    assert live.status == status
    assert len(live.bars) == (4 if status == "ok" else 3)


def test_a_series_that_lacks_fridays_bar_is_behind_and_gets_none() -> None:
    assert with_quote(series(last=dt.date(2026, 11, 19)), quote(), RUNNING, need=5).status == "behind"
    assert with_quote(series(last=MONDAY), quote(), RUNNING, need=5).status == "behind"
