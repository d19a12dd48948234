"""What has been traded in the newest session of an instrument, up to a moment: the stuff of quotes and snapshots."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from tests.fakemarket.bars import MINUTE_MS, local_day
from tests.fakemarket.market import Market
from tests.fakemarket.universe import Instrument
from utils import trading_day
from utils.trading_day import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Traded:
    """The session so far: its last trade at `at_ms`, and the close of the session before."""

    session: Session
    at_ms: int
    open: float
    high: float
    low: float
    last: float
    volume: float
    previous_close: float


def traded(one: Instrument, market: Market, until_ms: int) -> Traded | None:
    """The newest session with a trade before `until_ms`; None when there is none within ten days."""
    calendar = trading_day.load(one.market)
    today = local_day(one, until_ms // 1000)
    days = calendar.sessions_between(today - dt.timedelta(days=10), today)
    for at in range(len(days) - 1, 0, -1):
        if days[at].open_utc_s * 1000 >= until_ms:
            continue
        ends_ms = min(until_ms, days[at].close_utc_s * 1000)
        minutes = market.intraday(one, MINUTE_MS, days[at].open_utc_s * 1000, ends_ms)
        if len(minutes):
            before = market.daily(one, days[at - 1].date, days[at - 1].date)
            return Traded(
                session=days[at],
                at_ms=min(int(minutes.start_ms[-1]) + MINUTE_MS, ends_ms),
                open=float(minutes.ohlc[0, 0]),
                high=float(minutes.ohlc[:, 1].max()),
                low=float(minutes.ohlc[:, 2].min()),
                last=float(minutes.ohlc[-1, 3]),
                volume=float(minutes.volume.sum()),
                previous_close=float(before.ohlc[-1, 3]),
            )
    return None
