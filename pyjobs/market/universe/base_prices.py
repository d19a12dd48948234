"""Splits and issues of shares, out of KRX's base prices: what a session's change is measured against, exact in won.

Where the base is not the close of the session before, something has happened to the share. Kinds:

- `base`, worked into raw prices. Where the number of shares listed explains the base to within its tick, the ratio is
  that of the numbers (a split of 5:1 at 558 000 won is 0.2, although the base is rounded to 112 000); else it is base
  over last close: a rights or bonus issue, whose shares are listed weeks later. Dividends in cash are not in the base.
  - `first`, `auctioned`, `unexplained`: listed, not worked in; the user's own file can add their kind. `first` is a
  symbol's first session: its base is the price of its issue. `auctioned`: no trade in the session before, and the
  base is what the opening auction made it (the open itself), or lies outside LOWEST to 1 times the last close: a
  relisting after a demerger, a merger or a capital reduction. `unexplained`: it was traded, and the base rose, or fell
  below LOWEST.

A base less than a tick off the last close is the last close: no base price lies between two ticks.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pyjobs.market.desk.listings import Listing
from pyjobs.market.krx_ticks import tick_of
from pyjobs.market.providers.base import Refused
from pyjobs.market.providers.krx_board import MARKET, NAME, BoardDay, BoardRow, ShareDay
from utils import trading_day
from utils.errors import BadDataError

LOWEST = 0.1  # nine new shares for one old; no issue has been larger
MOVED_SHARE = 0.10  # more base prices than this off the last closes: not the day after; on its worst day 1 % move
FEWEST = 20  # fewer shares in common tell nothing

Kind = Literal["base", "first", "auctioned", "unexplained"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseChange:
    """A base price that is not the last close. `ratio` is by what older prices are multiplied; NaN on a first day."""

    symbol: str
    session: dt.date
    kind: Kind
    ratio: float
    source: str


@dataclass(frozen=True, slots=True)
class Last:
    """A share on the session before. `turnover` 0: no trade."""

    close: float
    turnover: float
    shares: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """Every share of the boards on the session before."""

    session: dt.date
    shares: Mapping[str, Last]


def before_of(days: Sequence[BoardDay]) -> Before:
    """The session before out of its boards, all of one session."""
    shares = {row.symbol: Last(row.close, row.turnover, row.shares) for day in days for row in day.rows.values()}
    return Before(session=days[0].session, shares=shares)


def before_of_listing(listing: Listing) -> Before:
    """The prices before, out of a kept listing."""
    shares = {row.symbol: Last(row.close, row.turnover, row.shares) for row in listing.rows if row.close > 0}
    return Before(session=listing.session, shares=shares)


def check_follows(before: Before, days: Sequence[BoardDay], *, shut: Collection[dt.date] = ()) -> None:
    """Raises Refused(schema) unless `days` can be the boards of the session after `before`: look before storing them.

    The rows have no date. They are `before` again when most shares have the same close and turnover, and of another
    day when more than MOVED_SHARE of base prices are not the last closes. Raises BadDataError when the calendar has a
    session between the two, but for those of `shut`, on which there was none after all.
    """
    session = days[0].session
    calendar = trading_day.load(MARKET)
    follows = calendar.next_session(before.session).date
    while follows in shut:
        follows = calendar.next_session(follows).date
    if follows != session:
        raise BadDataError(
            f"KRX: the session after {before.session} is {follows}, not {session}: base prices cannot be compared"
        )
    common = [
        (before.shares[row.symbol], row) for day in days for row in day.rows.values() if row.symbol in before.shares
    ]
    traded = [(last, row) for last, row in common if row.traded]
    if len(traded) < FEWEST:
        return
    named = f"{'+'.join(day.board for day in days)} {session}"
    same = sum(last.close == row.close and last.turnover == row.turnover for last, row in traded)
    if same > len(traded) / 2:
        detail = f"{same} of {len(traded)} shares have price and turnover of {before.session}: that day again"
        raise Refused("schema", provider=NAME, symbol=named, detail=detail)
    moved = sum(row.base != last.close for last, row in common if not math.isnan(row.base))
    if moved > MOVED_SHARE * len(common):
        detail = (
            f"{moved} of {len(common)} base prices are not the closes of {before.session}: the prices of another day"
        )
        raise Refused("schema", provider=NAME, symbol=named, detail=detail)


def base_changes(before: Before, days: Sequence[BoardDay], *, shut: Collection[dt.date] = ()) -> list[BaseChange]:
    """The actions of the shares of `days`, the boards of the session after `before`; by symbol.

    `before` must hold all of these boards, else what moved between boards looks new. Raises as `check_follows`.
    """
    check_follows(before, days, shut=shut)
    found: list[BaseChange] = []
    for day in days:
        for row in day.rows.values():
            found += _changes(row, day.session, before.shares.get(row.symbol), before.session)
    return sorted(found, key=lambda change: change.symbol)


def history_changes(days: Iterable[ShareDay]) -> list[BaseChange]:
    """The actions of one share between the sessions of its history (oldest first, none left out).

    The first of them shows nothing: what was before is not known.
    """
    found: list[BaseChange] = []
    last: ShareDay | None = None
    for day in days:
        if last is not None:
            known = Last(last.row.close, last.row.turnover, last.row.shares)
            found += _changes(day.row, day.session, known, last.session)
        last = day
    return found


def _changes(row: BoardRow, session: dt.date, last: Last | None, before: dt.date) -> Iterator[BaseChange]:
    if math.isnan(row.base):
        return
    if last is None:
        source = f"KRX {session}: the first session; base {row.base:.0f}"
        yield BaseChange(symbol=row.symbol, session=session, kind="first", ratio=math.nan, source=source)
        return
    tick = tick_of(last.close, session)
    if not last.close > 0 or abs(row.base - last.close) < tick:
        return
    kind, ratio = _judged(row, last, session)
    source = (
        f"KRX {session}: base {row.base:.0f}, close of {before} {last.close:.0f}, "
        f"shares {last.shares:.0f} to {row.shares}"
    )
    yield BaseChange(symbol=row.symbol, session=session, kind=kind, ratio=ratio, source=source)


def _judged(row: BoardRow, last: Last, session: dt.date) -> tuple[Kind, float]:
    """The action behind a base that moved, and its ratio."""
    if row.shares > 0 and last.shares > 0 and row.shares != last.shares:
        by_shares = last.shares / row.shares
        if abs(last.close * by_shares - row.base) <= tick_of(row.base, session):
            return "base", by_shares
    ratio = row.base / last.close
    idle = not last.turnover > 0
    if idle and (row.base == row.open or not LOWEST <= ratio < 1):
        return "auctioned", ratio
    return ("base" if LOWEST <= ratio < 1 else "unexplained"), ratio
