"""How many sessions make a year: of each market its own, 365 where it never closes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from utils import trading_day


def sessions_a_year(market: str, sessions: Sequence[dt.date]) -> int:
    """Sessions per 365 days of `market`, over the whole calendar years in which `sessions` (ascending) lie.

    Years are cut where the calendar begins or ends; so the figure does not depend on the month a window begins in.
    """
    calendar = trading_day.load(market)
    first = max(dt.date(sessions[0].year, 1, 1), calendar.first)
    last = min(dt.date(sessions[-1].year, 12, 31), calendar.last)
    days = (last - first).days + 1
    return round(365 * len(calendar.sessions_between(first, last)) / days) if days > 0 else 252
