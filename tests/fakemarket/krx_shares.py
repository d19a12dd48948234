"""KRX's shares as its statistics site has them: 2 700 made-up ones and those of the universe, by day or by share.

Any session of any share out of a seed (`walk.uniform`), so a whole board costs milliseconds. Prices are raw: as they
were traded, on the grid of ticks. Splits, bonus and rights issues move the base price; what was listed moves with a
split at once, with an issue some sessions later. A halted session has a close and zeros.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tests.fakemarket import walk
from tests.fakemarket.bars import date_of
from tests.fakemarket.market import Market
from tests.fakemarket.universe import INSTRUMENTS, Instrument
from utils import trading_day
from utils.trading_day import Session

BOARDS = {"STK": "KOSPI", "KSQ": "KOSDAQ", "KNX": "KONEX"}
COUNTS = {"STK": (950, 200_000, "KOSPI"), "KSQ": (1_750, 300_000, "KOSDAQ"), "KNX": (20, 500_000, "KONEX")}
GONE = 60
FIRST = dt.date(2012, 1, 2)
QUIET_SHARE = 1 / 250  # of the sessions of a made-up share
PRICE, OPEN, HIGH, LOW, VOLUME, TRADED, CENTRE, EVENT, COUNT = range(201, 210)
LONGEST_HALT = 40
TICKS = ((2_000, 1), (5_000, 5), (20_000, 10), (50_000, 50), (200_000, 100), (500_000, 500))
UNIVERSE_SHARES = {"005930": 5_919_637_922, "000660": 728_002_365}

Days = tuple[Session, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """From `session` on a price is `ratio` times what it was; what is listed becomes `shares` times as many from
    `listed` on. `halted` sessions before it nobody trades. `auctioned`: the base is the day's open, not a product."""

    session: dt.date
    ratio: float
    shares: float = 1.0
    listed: dt.date | None = None
    halted: int = 0
    auctioned: bool = False


@dataclass(slots=True, kw_only=True)
class Share:
    """One share. `gone`: the first session it is no longer listed on. `renamed`: from when on it has its new name."""

    code: str
    name: str
    board: str
    number: int
    centre: float
    listed: dt.date
    count: int
    gone: dt.date | None = None
    renamed: tuple[dt.date, str] | None = None
    events: list[Event] = field(default_factory=list)
    halts: list[tuple[dt.date, dt.date]] = field(default_factory=list)

    @property
    def isin(self) -> str:
        return isin_of(self.code)

    def is_listed(self, day: dt.date) -> bool:
        return self.listed <= day and (self.gone is None or day < self.gone)

    def name_on(self, day: dt.date) -> str:
        return self.renamed[1] if self.renamed and day >= self.renamed[0] else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One share on one session: won, shares. A session without a trade has open, high, low and volume 0."""

    day: dt.date
    open: int
    high: int
    low: int
    close: int
    base: int
    volume: int
    count: int

    @property
    def change(self) -> int:
        return self.close - self.base


def isin_of(code: str) -> str:
    """KR7, the code, 00 and the check digit of ISO 6166."""
    text = f"KR7{code}00"
    digits = "".join(str(int(letter, 36)) for letter in text)
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value // 10 + value % 10
    return f"{text}{-total % 10}"


def tick(price: float) -> int:
    return next((size for below, size in TICKS if price < below), 1_000)


def on_grid(price: float) -> int:
    """The nearest price on the grid of ticks, at least one tick."""
    size = tick(price)
    return max(round(price / size) * size, size)


@lru_cache(maxsize=1)
def sessions() -> tuple[list[dt.date], dict[dt.date, int], Days]:
    found = tuple(trading_day.load("XKRX").sessions())
    days = [one.date for one in found]
    return days, {day: at for at, day in enumerate(days)}, found


def made_up() -> list[Share]:
    """The shares as they are at the start: 2 700 listed ones, KONEX's, and some that are gone."""
    days, at, _ = sessions()
    first, last = at[next(day for day in days if day >= FIRST)], at[max(day for day in days if day.year <= 2026)]
    shares: list[Share] = []
    for board, (count, code, word) in COUNTS.items():
        extra = GONE if board == "KSQ" else 0
        for place in range(count + extra):
            number = code + 10 * place
            draws = [float(walk.uniform(7, CENTRE + k, np.array([number]))[0]) for k in range(6)]
            share = Share(
                code=f"{number:06d}", name=f"{word}{place:04d}", board=board, number=number,
                centre=float(np.exp(7.2 + 4.2 * draws[0])), listed=days[first], count=1_000_000 + int(9e7 * draws[1]),
            )  # fmt: skip
            when = first + int((last - first) * (0.4 + 0.6 * draws[2]))
            if place >= count:
                share.gone = days[min(when, last - 30)]
            elif place % 40 == 7:
                share.listed = days[when]
            elif place % 15 == 4:
                _give_event(share, place // 15 % 5, when, days)
            elif place % 50 == 9:
                share.renamed = (days[when], f"{word}{place:04d}홀딩스")
            shares.append(share)
    return shares


def _give_event(share: Share, kind: int, when: int, days: list[dt.date]) -> None:
    """A split, a bonus issue, a rights issue, a reverse split or the relisting of what is left after a demerger."""
    day, later = days[when], days[min(when + 15, len(days) - 1)]
    share.events.append([
        Event(session=day, ratio=1 / 5, shares=5, listed=day, halted=3),
        Event(session=day, ratio=0.5, shares=2, listed=later),
        Event(session=day, ratio=0.93, shares=1.2, listed=later),
        Event(session=day, ratio=10, shares=1 / 10, listed=day, halted=15),
        Event(session=day, ratio=1.5, shares=0.68, listed=day, halted=21, auctioned=True),
    ][kind])  # fmt: skip


class Shares:
    """What is listed, and what a test has done to it. `publish`: local time from which a day is there (None: 10 minutes
    after the close). `closed`: sessions of the calendar on which the exchange stayed shut all the same."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        self.publish: dt.time | None = None
        self.closed: set[dt.date] = set()
        self._all: dict[str, Share] = {}  # made when somebody asks: most tests never do

    @property
    def all(self) -> dict[str, Share]:
        with self._lock:
            if not self._all:
                self._all = {
                    share.code: replace(share, events=list(share.events), halts=list(share.halts))
                    for share in _made_up_once()
                }
            return self._all

    def published(self, session: Session, now_ms: int) -> bool:
        """Whether the session's day is there."""
        at_s = session.close_utc_s + 600
        if self.publish is not None:
            midnight = dt.datetime.combine(session.date, dt.time(), dt.UTC).timestamp() - 9 * 3600
            at_s = int(midnight + self.publish.hour * 3600 + self.publish.minute * 60)
        return now_ms >= at_s * 1000

    def board(self, board: str, day: dt.date, market: Market) -> list[tuple[str, str, str, Row]]:
        """(code, name, board, row) of each share listed on a session; those of the universe first."""
        found = [
            (one.krx_stock, one.name, "STK", rows[-1])
            for one in INSTRUMENTS
            if one.krx_stock in UNIVERSE_SHARES and board in ("STK", "ALL")
            if (rows := universe_rows(one, day, day, market, self.closed))
        ]
        chosen = [share for share in self.all.values() if board in (share.board, "ALL") and share.is_listed(day)]
        rows = rows_of([(share, day) for share in chosen], self.closed)
        return found + [(s.code, s.name_on(day), s.board, row) for s, row in zip(chosen, rows, strict=True)]

    def history(self, share: Share, first: dt.date, last: dt.date) -> list[Row]:
        """Its sessions, oldest first."""
        days = [
            day for day in sessions()[0] if first <= day <= last and share.is_listed(day) and day not in self.closed
        ]
        return rows_of([(share, day) for day in days], self.closed)


@lru_cache(maxsize=1)
def _made_up_once() -> tuple[Share, ...]:
    return tuple(made_up())


def universe_rows(
    one: Instrument, first: dt.date, last: dt.date, market: Market, closed: Collection[dt.date]
) -> list[Row]:
    """A share of the universe as it was traded, with its base price; oldest first."""
    bars = market.daily(one, first - dt.timedelta(days=12), last, as_traded=True)
    days = [date_of(int(at)) for at in market.dates_ms(one, bars)]
    found, last_close, count = [], 0, UNIVERSE_SHARES.get(one.krx_stock, 1_000_000)
    splits = market.splits(one.id)
    for day, ohlc, volume, traded in zip(days, bars.ohlc.tolist(), bars.volume.tolist(), bars.traded, strict=True):
        if day in closed:
            continue
        base, last_close = last_close or int(ohlc[3]), int(ohlc[3])
        for split in splits:
            if split.session == day:
                base = on_grid(base / split.ratio)
        listed = round(count / float(np.prod([s.ratio for s in splits if s.session > day])))
        opened, high, low = (int(price) for price in ohlc[:3]) if traded else (0, 0, 0)
        if day >= first:
            found.append(Row(day=day, open=opened, high=high, low=low, close=int(ohlc[3]), base=base,
                             volume=int(volume), count=listed))  # fmt: skip
    return found


def rows_of(asked: list[tuple[Share, dt.date]], closed: Collection[dt.date]) -> list[Row]:
    """The rows of shares on sessions on which they are listed."""
    if not asked:
        return []
    _, at, _ = sessions()
    index = np.array([at[day] for _, day in asked])
    close, traded = _closes(asked, index, closed)
    before, _ = _closes(asked, index - 1, closed)
    number = np.array([share.number for share, _ in asked], np.int64) * 65_536 + index
    draws = [walk.uniform(7, stream, number) for stream in (OPEN, HIGH, LOW, VOLUME)]
    return [
        _row(share, day, int(close[i]), int(before[i]), bool(traded[i]), [float(each[i]) for each in draws])
        for i, (share, day) in enumerate(asked)
    ]


def _row(share: Share, day: dt.date, close: int, before: int, traded: bool, draws: list[float]) -> Row:
    opened = on_grid(close * (0.99 + 0.02 * draws[0]))
    base = before if before else on_grid(close * 0.8)
    for event in share.events:
        if event.session == day and before:
            base = opened if event.auctioned else on_grid(before * event.ratio)
    count = share.count
    for event in share.events:
        if event.listed is not None and event.listed <= day:
            count = round(count * event.shares)
    if not traded:
        return Row(day=day, open=0, high=0, low=0, close=close, base=base, volume=0, count=count)
    high = max(on_grid(max(opened, close) * (1 + 0.01 * draws[1])), opened, close)
    low = min(on_grid(min(opened, close) * (1 - 0.01 * draws[2])), opened, close)
    volume = 1 + int(count * 0.02 * draws[3] ** 2)
    return Row(day=day, open=opened, high=high, low=low, close=close, base=base, volume=volume, count=count)


def _closes(
    asked: list[tuple[Share, dt.date]], index: NDArray[np.int64], closed: Collection[dt.date]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Each share's last close by the session with that index (0: none yet), and whether it was traded on it."""
    days, at, _ = sessions()
    number = np.array([share.number for share, _ in asked], np.int64)
    listed = np.array([at[share.listed] for share, _ in asked], np.int64)
    special = [i for i, (share, _) in enumerate(asked) if share.events or share.halts or closed]
    found = np.zeros(len(asked), np.int64)
    open_ = np.flatnonzero(index >= listed)
    traded = np.zeros(len(asked), bool)
    for back in range(LONGEST_HALT):
        if not len(open_):
            break
        then = index[open_] - back
        quiet = walk.uniform(7, TRADED, number[open_] * 65_536 + then) < QUIET_SHARE
        quiet &= then > listed[open_]
        halted = np.zeros(len(asked), bool)
        for i in special:
            then_day = days[int(index[i]) - back]
            halted[i] = then_day in closed or _is_halted(asked[i][0], then_day, at)
        free = ~quiet & ~halted[open_]
        hit = open_[free]
        found[hit] = [
            _level(asked[i][0], days[int(index[i]) - back], level)
            for i, level in zip(hit, _levels(number[hit], index[hit] - back).tolist(), strict=True)
        ]
        if back == 0:
            traded[hit] = True
        open_ = open_[~free]
        open_ = open_[index[open_] - back - 1 >= listed[open_]]
    return found, traded


def _is_halted(share: Share, day: dt.date, at: dict[dt.date, int]) -> bool:
    if any(first <= day <= last for first, last in share.halts):
        return True
    return any(0 < at[event.session] - at[day] <= event.halted for event in share.events)


def _level(share: Share, day: dt.date, level: float) -> int:
    """The close in shares of that day: after the last event the made-up price itself."""
    price = share.centre * level
    for event in share.events:
        if event.session > day:
            price /= event.ratio
    return on_grid(price)


def _levels(number: NDArray[np.int64], index: NDArray[np.int64]) -> NDArray[np.float64]:
    """The made-up price over its centre: straight-line noises, each four times as long, twice as high."""
    total = np.zeros(len(number))
    for octave in range(5):
        span = 4**octave
        knot, part = index // span, (index % span) / span
        low, high = (walk.uniform(7, PRICE + 20 * octave, number * 65_536 + knot + k) for k in (0, 1))
        total += 0.012 * 2**octave * (2 * (low + (high - low) * part) - 1)
    return np.exp(total)
