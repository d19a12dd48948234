"""Which of a desk's markets are open at a moment, and the part of the desk that is to be looked at then."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from pyjobs.market.desk.desk_file import Desk
from utils import trading_day
from utils.trading_day import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """A market that does not trade now: its newest closed session, and the UTC second at which it opens next."""

    market: str
    last: dt.date
    opens_s: int


def open_markets(desk: Desk, now_s: float) -> dict[str, Session]:
    """The running session of each market of the desk's scanned instruments that trades now.

    Raises ConfigError for a market without a calendar, or beyond its end.
    """
    running = {}
    for market in sorted({each.market for each in desk.instruments if each.scanned}):
        calendar = trading_day.load(market)
        session = calendar.session(calendar.local_date(now_s))
        if session is not None and session.open_utc_s <= now_s < session.close_utc_s:
            running[market] = session
    return running


def closed_markets(desk: Desk, running: Mapping[str, Session], now_s: float) -> list[Closed]:
    """The others."""
    found = []
    for market in sorted({each.market for each in desk.instruments if each.scanned} - set(running)):
        calendar = trading_day.load(market)
        last = calendar.last_closed_session(now_s)
        found.append(Closed(market=market, last=last.date, opens_s=calendar.next_session(last.date).open_utc_s))
    return found


def part_open(desk: Desk, running: Mapping[str, Session]) -> Desk:
    """The desk with the instruments of the open markets, and every benchmark and rate: setups may follow one."""
    kept = [each for each in desk.instruments if each.market in running or not each.scanned]
    return msgspec.structs.replace(desk, instruments=kept)
