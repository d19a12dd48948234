"""The fetched series of a desk, and the bar that each should have by now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from pyjobs.market.bars import TIMEFRAME_MS, SeriesKey
from pyjobs.market.desk.desk_file import Desk, Instrument
from pyjobs.market.exchanges import Exchange
from pyjobs.market.ingest.expected import ROUND_THE_CLOCK, expected_closes
from pyjobs.market.ingest.gaps import counted_from_open
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.partitions import is_intraday
from utils import trading_day
from utils.trading_day import Calendar, Session

READY_AFTER_S = 900  # without a time of its own, a provider has the day's bars so long after the close
REVISED_FOR_MS = 3_600_000  # a bar that was stored as not final is asked for again so long after its close
LONGEST_PAUSE_MS = 20 * 86_400_000  # no market is closed for longer
FIRST_DAYS = 3_653  # how far back daily bars are fetched at first: ten years


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """One series that is fetched, and its state. Times are closes, UTC milliseconds.

    `newest_ms` is the newest stored bar's (None: there is none), `final` whether it is past revision. `closed_ms` is
    that of the newest bar its market has closed, `due_ms` of the newest that its provider must have by now.
    """

    instrument: Instrument
    exchange: Exchange
    newest_ms: int | None
    final: bool
    closed_ms: int
    due_ms: int

    @property
    def key(self) -> SeriesKey:
        """Where its bars are stored."""
        return self.instrument.key

    def is_to_be_asked(self, now_ms: int) -> bool:
        """Whether a bar is closed that is not stored, or the newest stored one may have been revised since."""
        if self.newest_ms is None or self.newest_ms < self.closed_ms:
            return True
        return not self.final and now_ms >= self.newest_ms + REVISED_FOR_MS


@dataclass(slots=True, kw_only=True)
class MarketClock:
    """The sessions that have closed, and those that are ready, at `now_ms`, looked up once for all series that are
    alike.

    `until_ms`: nothing is due that closes later.
    """

    now_ms: int
    until_ms: int | None = None
    _known: dict[tuple[str, ...], int] = field(default_factory=dict)

    def closed_ms(self, market: str, timeframe: str, *, from_open: bool = False) -> int:
        """The close of the newest bar that `market` has closed by now."""
        return self._newest(market, timeframe, self.now_ms, from_open)

    def due_ms(self, exchange: Exchange, timeframe: str, *, from_open: bool = False) -> int:
        """The close of the newest bar that the exchange's provider must have by now."""
        known = self._due_ms(exchange, timeframe, from_open)
        if self.until_ms is None or known <= self.until_ms:
            return known
        return self._newest(exchange.market, timeframe, self.until_ms, from_open)

    def _due_ms(self, exchange: Exchange, timeframe: str, from_open: bool) -> int:
        late_ms = self.now_ms - READY_AFTER_S * 1000
        if is_intraday(timeframe) or exchange.market == ROUND_THE_CLOCK:
            return self._newest(exchange.market, timeframe, late_ms, from_open)
        name = ("due", exchange.market, exchange.ready)
        if name not in self._known:
            self._known[name] = ready_session(exchange, self.now_ms / 1000).close_utc_s * 1000
        return self._known[name]

    def _newest(self, market: str, timeframe: str, at_ms: int, from_open: bool) -> int:
        name = ("newest", market, timeframe, str(at_ms), str(from_open))
        if name not in self._known:
            step = TIMEFRAME_MS[timeframe]
            if market == ROUND_THE_CLOCK:
                self._known[name] = at_ms // step * step
            elif not is_intraday(timeframe):
                self._known[name] = trading_day.load(market).last_closed_session(at_ms / 1000).close_utc_s * 1000
            else:
                closes = expected_closes(market, timeframe, at_ms - LONGEST_PAUSE_MS, at_ms, from_open=from_open)
                self._known[name] = int(closes[-1]) if closes.size else 0
        return self._known[name]


def fetched_instruments(desk: Desk, exchanges: Mapping[str, Exchange]) -> list[Instrument]:
    """Those whose bars come from their exchange, as the desk's file was read."""
    return [each for each in desk.instruments if each.fetched and each.exchange in exchanges]


def wanted(store: BarStore, instrument: Instrument, exchange: Exchange, clock: MarketClock) -> Want:
    """The state of one series. A partition that cannot be read is set aside by who fetches; it counts as none here."""
    key = instrument.key
    newest = store.newest(key)
    from_open = is_intraday(key.timeframe) and newest is not None and counted_from_open(store, key, exchange.market)
    return Want(
        instrument=instrument,
        exchange=exchange,
        newest_ms=newest[0] if newest else None,
        final=newest[1] if newest else False,
        closed_ms=clock.closed_ms(exchange.market, key.timeframe, from_open=from_open),
        due_ms=clock.due_ms(exchange, key.timeframe, from_open=from_open),
    )


def ready_session(exchange: Exchange, now_s: float) -> Session:
    """The newest session whose bars the exchange's provider must have by now.

    A market that closes later than usual (an exam day) is ready no earlier than its close.
    """
    calendar = trading_day.load(exchange.market)
    session = calendar.last_closed_session(now_s)
    while ready_s(exchange, calendar, session) > now_s:
        session = calendar.previous_session(session.date)
    return session


def ready_s(exchange: Exchange, calendar: Calendar, session: Session) -> float:
    """The UTC second from which the bars of a session are there."""
    if not exchange.ready:
        return session.close_utc_s + READY_AFTER_S
    at = dt.time.fromisoformat(exchange.ready)
    midnight_s = dt.datetime.combine(session.date, dt.time(), dt.UTC).timestamp()
    return max(
        session.close_utc_s, midnight_s - calendar.utc_offset_s(session.close_utc_s) + at.hour * 3600 + at.minute * 60
    )


def nothing_known(instrument: Instrument, exchange: Exchange, clock: MarketClock) -> Want:
    """The request for a series that cannot be looked at: as if nothing of it were stored."""
    return Want(
        instrument=instrument,
        exchange=exchange,
        newest_ms=None,
        final=False,
        closed_ms=clock.closed_ms(exchange.market, instrument.key.timeframe),
        due_ms=clock.due_ms(exchange, instrument.key.timeframe),
    )


def first_ms(want: Want, *, need_bars: int, now_ms: int) -> int:
    """From where a series is fetched of which nothing is stored.

    Its own `start`; else ten years of days, or as many shorter bars as setups look back (`need_bars`) and 180 days, as
    far as the provider's own limit (`page_days`) reaches.
    """
    if want.instrument.start_ms is not None:
        return want.instrument.start_ms
    timeframe, day = want.key.timeframe, TIMEFRAME_MS["1d"]
    if not is_intraday(timeframe):
        return now_ms - FIRST_DAYS * day
    share = 1.0 if want.exchange.market == ROUND_THE_CLOCK else 0.18  # of a week, the hours a market is open
    days = 180 + need_bars * TIMEFRAME_MS[timeframe] / day / share
    return now_ms - int(min(days, want.exchange.page_days.get(timeframe, FIRST_DAYS)) * day)
