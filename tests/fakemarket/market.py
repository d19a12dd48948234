"""The one market behind all providers: bars of any instrument and timeframe as they stand at the simulated clock.

A minute is still moving until it has closed and `settle_s` more seconds have passed: a bar asked for twice in that
time is two different bars. `revise` changes a closed one later, `halt` takes trading away, `split` and `dividend`
happen on their day and change what was served before.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from dataclasses import dataclass, field

import numpy as np

from tests.fakemarket import walk
from tests.fakemarket.bars import (
    DAY_MS,
    EMPTY,
    MINUTE_MS,
    Bars,
    aggregate,
    concatenate,
    date_of,
    day_ms,
    offset_ms,
    session_edges,
    sessions_of,
)
from tests.fakemarket.universe import BY_ID, Dividend, Instrument, Split
from tests.fakemarket.walk import FloatArray, IntArray
from utils.trading_day import Session

KEPT: dict[tuple[object, ...], Bars] = {}  # sessions that are over, by all they depend on: the same in every test
MOST_KEPT = 20_000
SHORT_DAYS = 60  # a range that is cheaper by its days than by its years
HALT_SHARE = 1 / 300  # of a Korean stock's sessions


@dataclass(slots=True)
class Changes:
    """What a test has done to one instrument."""

    revised: dict[int, float] = field(default_factory=dict)
    halts: list[tuple[int, int]] = field(default_factory=list)
    splits: list[Split] = field(default_factory=list)
    dividends: list[Dividend] = field(default_factory=list)


class Clock:
    """Simulated time in UTC milliseconds: real time until `set`, which makes it stand still; `advance` moves both."""

    def __init__(self) -> None:
        self._fixed_ms: int | None = None
        self._ahead_ms = 0

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self._ahead_ms if self._fixed_ms is None else self._fixed_ms

    def set(self, now_ms: int | None) -> None:
        """Stand still at `now_ms`, or (None) run with real time again."""
        self._fixed_ms, self._ahead_ms = now_ms, 0

    def advance(self, seconds: float) -> None:
        """Later by `seconds`: a standing clock stands there, a running one runs on from there."""
        if self._fixed_ms is None:
            self._ahead_ms += round(seconds * 1000)
        else:
            self._fixed_ms += round(seconds * 1000)


class Market:
    """Everything that can be asked of the simulated world; safe to use from several threads."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.settle_s = 0.0
        self._changes: dict[str, Changes] = {}
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """As at the start: nothing revised or halted, real time."""
        self.clock.set(None)
        self.settle_s = 0.0
        with self._lock:
            self._changes.clear()

    def revise(self, symbol: str, start_ms: int, factor: float) -> None:
        """Multiply the close of the minute starting at `start_ms`: its bar, and every longer bar it is in, changes."""
        self._changes_of(symbol).revised[start_ms // MINUTE_MS] = factor

    def halt(self, symbol: str, start_ms: int, end_ms: int) -> None:
        """No trade from `start_ms` to before `end_ms`: the provider will confirm that there is nothing."""
        self._changes_of(symbol).halts.append((start_ms, end_ms))

    def split(self, symbol: str, session: dt.date, ratio: float) -> None:
        self._changes_of(symbol).splits.append(Split(session=session, ratio=ratio))

    def dividend(self, symbol: str, session: dt.date, amount: float) -> None:
        self._changes_of(symbol).dividends.append(Dividend(session=session, amount=amount))

    def splits(self, symbol: str) -> list[Split]:
        """The splits that have happened by now."""
        return [one for one in self._changes_of(symbol).splits if one.session <= self._today(BY_ID[symbol])]

    def dividends(self, symbol: str) -> list[Dividend]:
        """The dividends whose day has come, in shares of their own day."""
        return [one for one in self._changes_of(symbol).dividends if one.session <= self._today(BY_ID[symbol])]

    def intraday(self, one: Instrument, step_ms: int, start_ms: int, end_ms: int, *, from_open: bool = False) -> Bars:
        """Bars of `step_ms` that start in [start_ms, end_ms), split-adjusted as of now; empty buckets are left out.

        `from_open` counts buckets from the session's open instead of from midnight UTC.
        """
        first, last = start_ms // step_ms * step_ms, -(-end_ms // step_ms) * step_ms
        minutes = self._minutes(one, first, last)
        origin = self._opens(one, minutes.start_ms) if from_open else np.zeros(len(minutes), np.int64)
        bars = aggregate(minutes, (minutes.start_ms - origin) // step_ms * step_ms + origin)
        bars = bars.take((bars.start_ms >= start_ms) & (bars.start_ms < end_ms))
        return self._quoted(one, bars, as_traded=False)

    def daily(self, one: Instrument, first: dt.date, last: dt.date, *, as_traded: bool = False) -> Bars:
        """One bar per session `first..last`, stamped with the session's open; the running session included.

        Split-adjusted as of now unless `as_traded`. A session without a trade repeats the last close, volume 0.
        """
        if one.every > 1 and (last - first).days <= SHORT_DAYS:  # such a one has traded in every session
            some = [day for year in {first.year, last.year} for day in sessions_of(one.market, year)]
            bars = self._session_bars(one, tuple(day for day in sorted(some) if first <= day.date <= last))
        else:
            years = range(max(first, one.listed).year, last.year + 1)
            bars = concatenate([self._session_bars(one, sessions_of(one.market, year)) for year in years])
        low, high = day_ms(max(first, one.listed)), day_ms(last) + DAY_MS
        dates = self.dates_ms(one, bars)
        return self._quoted(one, bars.take((dates >= low) & (dates < high)), as_traded=as_traded)

    def dates_ms(self, one: Instrument, bars: Bars) -> IntArray:
        """The local date of each bar, as UTC midnight in milliseconds."""
        return (bars.start_ms + offset_ms(one, bars.start_ms)) // DAY_MS * DAY_MS

    def split_factor(self, symbol: str, dates_ms: IntArray, *, as_traded: bool = False) -> FloatArray:
        """How many times higher each day is quoted than when every split of the table has happened."""
        today = self._today(BY_ID[symbol])
        factor = np.ones(len(dates_ms))
        for one in self._changes_of(symbol).splits:
            if as_traded or one.session > today:
                factor[dates_ms < day_ms(one.session)] *= one.ratio
        return factor

    def dividend_factor(self, one: Instrument, dates_ms: IntArray) -> FloatArray:
        """What a split-adjusted close is multiplied by to take dividends out: 1 - amount / close of the day before."""
        factor = np.ones(len(dates_ms))
        for paid in self.dividends(one.id):
            before = self.daily(
                one, paid.session - dt.timedelta(days=15), paid.session - dt.timedelta(days=1), as_traded=True
            )
            if len(before):
                factor[dates_ms < day_ms(paid.session)] *= 1 - paid.amount / before.ohlc[-1, 3]
        return factor

    def _changes_of(self, symbol: str) -> Changes:
        with self._lock:
            if symbol not in self._changes:
                one = BY_ID[symbol]
                self._changes[symbol] = Changes(splits=list(one.splits), dividends=list(one.dividends))
            return self._changes[symbol]

    def _today(self, one: Instrument) -> dt.date:
        now_ms = self.clock.now_ms()
        return date_of(now_ms + int(offset_ms(one, np.array([now_ms]))[0]))

    def _session_bars(self, one: Instrument, sessions: tuple[Session, ...]) -> Bars:
        """One bar for each of `sessions` (no other session between them) that has begun, unadjusted."""
        now_ms = self.clock.now_ms()
        opens = np.array([one.open_utc_s * 1000 for one in sessions], np.int64)
        opens = opens[opens < now_ms]
        if not len(opens):
            return EMPTY
        end_s, changes = sessions[len(opens) - 1].close_utc_s, self._changes_of(one.id)
        if end_s + self.settle_s >= now_ms / 1000:  # still moving, as those before it are not
            earlier = self._session_bars(one, sessions[: len(opens) - 1])
            before = float(earlier.ohlc[-1, 3]) if len(earlier) else one.price
            return concatenate([earlier, self._traded_bars(one, opens[-1:], end_s, before)])
        key = (one.id, int(opens[0]), end_s, tuple(changes.revised.items()), tuple(changes.halts))
        found = KEPT.get(key)
        if found is None:
            found = self._traded_bars(one, opens, end_s, one.price)
            if len(KEPT) >= MOST_KEPT:
                KEPT.clear()
            KEPT[key] = found
        return found

    def _traded_bars(self, one: Instrument, opens: IntArray, end_s: int, before: float) -> Bars:
        """A bar for each session that begins at one of `opens`; the last one ends at `end_s`."""
        minutes = self._minutes(one, int(opens[0]), end_s * 1000)
        bars = aggregate(minutes, opens[np.searchsorted(opens, minutes.start_ms, side="right") - 1])
        at = np.searchsorted(bars.start_ms, opens)
        traded = np.isin(opens, bars.start_ms)
        close = bars.ohlc[np.maximum(at - 1, 0), 3] if len(bars) else np.full(len(opens), before)
        ohlc = np.repeat(close[:, None], 4, axis=1)
        volume = np.zeros(len(opens))
        ohlc[traded], volume[traded] = bars.ohlc, bars.volume
        return Bars(start_ms=opens, ohlc=ohlc, volume=volume, traded=traded)

    def _minutes(self, one: Instrument, start_ms: int, end_ms: int) -> Bars:
        """The traded minutes that start in [start_ms, end_ms) and have begun: unrounded, every split done."""
        now_ms, listed = self.clock.now_ms(), day_ms(one.listed)
        first, last = max(start_ms, listed) // MINUTE_MS, -(-min(end_ms, now_ms) // MINUTE_MS)
        number = np.arange(-(-first // one.every) * one.every, max(first, last), one.every, dtype=np.int64)
        number = number[self._tradeable(one, number)]
        bars = self._priced(one, number)
        if len(bars) and bars.start_ms[-1] + MINUTE_MS + self.settle_s * 1000 > now_ms:
            return self._running(bars, now_ms)
        return bars

    def _priced(self, one: Instrument, number: IntArray) -> Bars:
        opened, high, low, closed = walk.minute_prices(one.seed, one.price, number)
        for minute, factor in self._changes_of(one.id).revised.items():
            closed = np.where(number == minute, closed * factor, closed)
        ohlc = np.stack([opened, np.maximum(high, closed), np.minimum(low, closed), closed], axis=1)
        volume = walk.minute_volume(one.seed, one.size, number)
        return Bars(start_ms=number * MINUTE_MS, ohlc=ohlc, volume=volume, traded=np.ones(len(number), bool))

    def _tradeable(self, one: Instrument, number: IntArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        chosen = np.ones(len(number), bool)
        if one.market != "24/7" and len(number):
            opens, closes = session_edges(one.market)
            at = np.searchsorted(opens, number * MINUTE_MS, side="right") - 1
            chosen &= (at >= 0) & (number * MINUTE_MS < closes[at])
            if one.krx_stock:
                chosen &= walk.uniform(one.seed, walk.HALT, opens[at] // DAY_MS) >= HALT_SHARE
        if one.quiet:
            chosen &= walk.uniform(one.seed, walk.QUIET, number) >= one.quiet
        for start_ms, end_ms in self._changes_of(one.id).halts:
            chosen &= (number * MINUTE_MS < start_ms) | (number * MINUTE_MS >= end_ms)
        return chosen

    def _running(self, bars: Bars, now_ms: int) -> Bars:
        """The last minute as far as it has got: a share of the way to its close, and of its volume."""
        share = min((now_ms - int(bars.start_ms[-1])) / MINUTE_MS, 0.9)
        opened, closed = bars.ohlc[-1, 0], bars.ohlc[-1, 3]
        reached = opened + share * (closed - opened)
        bars.ohlc[-1] = [opened, max(opened, reached), min(opened, reached), reached]
        bars.volume[-1] *= share
        return bars

    def _opens(self, one: Instrument, start_ms: IntArray) -> IntArray:
        if one.market == "24/7":
            return np.zeros(len(start_ms), np.int64)
        opens, _ = session_edges(one.market)
        return np.asarray(opens[np.searchsorted(opens, start_ms, side="right") - 1], np.int64)

    def _quoted(self, one: Instrument, bars: Bars, *, as_traded: bool) -> Bars:
        """Prices in shares of now (or of their own day), rounded to what the exchange quotes."""
        factor = self.split_factor(one.id, self.dates_ms(one, bars), as_traded=as_traded)
        return Bars(
            start_ms=bars.start_ms,
            ohlc=np.round(bars.ohlc * factor[:, None], one.decimals),
            volume=np.round(bars.volume / factor, one.volume_decimals),
            traded=bars.traded,
        )
