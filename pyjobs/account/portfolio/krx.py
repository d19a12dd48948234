"""What the Korea Exchange requires of a fill: the tax on sales and the tick sizes, by date.

Tax: stocks of KOSPI and KOSDAQ alike, the special tax for rural areas included. A change holds for sales that are
settled (two sessions after the trade) on or after its day: the cut of 2019-06-03 held for trades from 2019-05-30 on.
Sources: Securities Transaction Tax Act art. 5 and its enforcement decree art. 5; Act on the special rural tax art. 5;
KBS 2019-03-19 and EY 2019-04-18 (30 -> 25 bp), the decree of 2022-12 (23 -> 20 -> 18 -> 15), Ministry of Economy and
Finance 2025-12-01 (-> 20 from 2026).
Ticks: `pyjobs.market.krx_ticks`. Funds pay no tax on sales: they are not shares in the sense of the Securities
Transaction Tax Act (eugenefn.com/ingo/iget/iget300r.do: exempt).
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence

from pyjobs.market.krx_ticks import ETF_TICKS, TICKS, Table
from utils.trading_day import Calendar

__all__ = ["ETF_TICKS", "SELL_TAX_BPS", "TICKS", "Grid", "Table", "by_time", "sell_tax_by_time"]

Grid = tuple[tuple[int, Table], ...]  # (from this UTC millisecond on, table), ascending

DAY_MS = 86_400_000
SETTLEMENT_SESSIONS = 2
# (first settlement day, basis points of a sale)
SELL_TAX_BPS: tuple[tuple[dt.date, float], ...] = (
    (dt.date(1996, 4, 1), 30.0),
    (dt.date(2019, 6, 3), 25.0),
    (dt.date(2021, 1, 1), 23.0),
    (dt.date(2023, 1, 1), 20.0),
    (dt.date(2024, 1, 1), 18.0),
    (dt.date(2025, 1, 1), 15.0),
    (dt.date(2026, 1, 1), 20.0),
)


def sell_tax_by_time(calendar: Calendar) -> tuple[tuple[int, float], ...]:
    """(from this UTC millisecond on, basis points), ascending: each change at the open of its first trading session.

    Among changes before the calendar begins only the last counts, from the beginning of time.
    """
    sessions = calendar.sessions()
    days = [session.date for session in sessions]
    schedule: list[tuple[int, float]] = []
    for effective, bps in SELL_TAX_BPS:
        first = bisect_right(days, effective - dt.timedelta(days=1)) - SETTLEMENT_SESSIONS
        if first >= len(days):
            break
        if first <= 0:
            schedule = [(-(2**62), bps)]
        else:
            schedule.append((sessions[first].open_utc_s * 1000, bps))
    return tuple(schedule)


def by_time(dated: Sequence[tuple[dt.date, Table]], day_of: Callable[[int], dt.date]) -> Grid:
    """The tables of TICKS or ETF_TICKS, each from the first `ts_ms` that `day_of` dates on its day or later."""
    found: list[tuple[int, Table]] = [(-(2**62), dated[0][1])]
    for first, table in dated[1:]:
        low = int(dt.datetime(first.year, first.month, first.day, tzinfo=dt.UTC).timestamp() * 1000) - 2 * DAY_MS
        moments = range(low, low + 4 * DAY_MS)
        found.append((moments[bisect_left(moments, first, key=day_of)], table))
    return tuple(found)
