"""The tick sizes of the Korea Exchange, by date and price.

Shares: KRX, enforcement rules of the securities market business regulation; the table of 2010-10-04 is KOSPI's (KOSDAQ
stopped at 100 won), that of 2023-01-25 holds for KOSPI, KOSDAQ and KONEX.
Funds (ETF, ETN): 5 won at every price since the first one of 2002-10-14 (KRX, global site, ETF and ETN trading system);
1 won below 2 000 won since 2023-12-18, as KRX announced on 2023-10-05 (mediapen.com/news/view/860330; one paper,
etoday.co.kr/news/view/2289674, has 2023-12-08; eugenefn.com/ingo/iget/iget300r.do has both ticks as they are now).
"""

from __future__ import annotations

import datetime as dt

Table = tuple[tuple[float, float], ...]  # (from this price on, tick), ascending

# (first day, ((from this price on, tick in won), ...))
TICKS: tuple[tuple[dt.date, Table], ...] = (
    (
        dt.date(2010, 10, 4),
        ((0, 1), (1_000, 5), (5_000, 10), (10_000, 50), (50_000, 100), (100_000, 500), (500_000, 1_000)),
    ),
    (
        dt.date(2023, 1, 25),
        ((0, 1), (2_000, 5), (5_000, 10), (20_000, 50), (50_000, 100), (200_000, 500), (500_000, 1_000)),
    ),
)
# ETFs and ETNs have a table of their own.
ETF_TICKS: tuple[tuple[dt.date, Table], ...] = (
    (dt.date(2002, 10, 14), ((0, 5),)),
    (dt.date(2023, 12, 18), ((0, 1), (2_000, 5))),
)


def tick_of(price: float, day: dt.date) -> float:
    """The tick of a share at `price` won on `day`; before the first table as on its first day."""
    table = [table for first, table in TICKS if first <= day or first == TICKS[0][0]][-1]
    return [tick for least, tick in table if price >= least][-1]
