"""What a desk knew when a session closed: its instruments' bars up to that moment, and which of them are behind."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.market.desk.desk_file import Desk, Instrument, last_bar_session
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.merge import joined
from utils import trading_day
from utils.errors import BadDataError, MissingInputError, UsageError

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """One instrument and its bars that had closed. `stale`: the last one is older than the session asked for.

    `fault` is why its bars cannot be read; it has none then.
    """

    instrument: Instrument
    bars: Bars
    last_session: dt.date | None
    stale: bool
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Snapshot:
    """`asof_ts_ms` is the close of `session` on the desk's market; no bar in `series` closed later."""

    desk: Desk
    session: dt.date
    asof_ts_ms: int
    series: tuple[Series, ...]


def take(desk: Desk, store: BarStore, *, asked: dt.date | None, now_s: float) -> Snapshot:
    """The desk at the close of the session `asked`, or by the desk's own rule when that is None.

    A series that cannot be read hides no other (see `refuse_unread`). Raises MissingInputError when the store has no
    bar of any instrument, BadDataError when that is because none can be read, UsageError when `asked` is no session.
    """
    bars, faults = _read(desk, store)
    if not any(len(each) for each in bars.values()):
        for fault in faults.values():
            raise BadDataError(fault)
        raise MissingInputError(
            f"desk {desk.name!r}: no bars under {store.root} for any of its {len(desk.instruments)} instruments; "
            f"bring them in with: {desk.brought_by} --desk FILE"
        )
    session = _session(desk, bars_of=[(i, bars[i.key]) for i in desk.instruments], asked=asked, now_s=now_s)
    asof_ts_ms = session.close_utc_s * 1000
    return Snapshot(
        desk=desk,
        session=session.date,
        asof_ts_ms=asof_ts_ms,
        series=_all_series(desk, bars, faults, asof_ts_ms),
    )


def take_now(desk: Desk, store: BarStore, *, now_s: float) -> Snapshot:
    """The desk now: `session` is the running one of its market, else the last closed; `asof_ts_ms` is now."""
    bars, faults = _read(desk, store)
    calendar, now_ms = trading_day.load(desk.market), int(now_s * 1000)
    running = calendar.session(calendar.local_date(now_s))
    is_running = running is not None and running.open_utc_s <= now_s < running.close_utc_s
    session = running if running is not None and is_running else calendar.last_closed_session(now_s)
    return Snapshot(desk=desk, session=session.date, asof_ts_ms=now_ms, series=_all_series(desk, bars, faults, now_ms))


def refuse_unread(snapshot: Snapshot) -> None:
    """Raise BadDataError naming what cannot be read; a caller that continues without it calls this last."""
    unread = [each for each in snapshot.series if each.fault]
    if unread:
        more = f", and {len(unread) - 1} more" if len(unread) > 1 else ""
        raise BadDataError(f"{unread[0].instrument.key} cannot be read{more}: {unread[0].fault}")


def _read(desk: Desk, store: BarStore) -> tuple[dict[SeriesKey, Bars], dict[SeriesKey, str]]:
    """The bars of each series, none of one that cannot be read, and why it cannot."""
    bars, faults = dict[SeriesKey, Bars](), dict[SeriesKey, str]()
    for instrument in desk.instruments:
        key = instrument.key
        try:
            bars[key] = store.read(key)
        except (BadDataError, OSError) as error:
            bars[key], faults[key] = joined([]), str(error)
    return bars, faults


def session_of(market: str) -> Callable[[int], dt.date]:
    """Dates a bar of `market` by its close `ts_ms`: a bar that closes at midnight belongs to the day it ends.

    Outside the years the calendar covers it is the UTC date.
    """
    calendar = trading_day.load(market)

    def of(ts_ms: int) -> dt.date:
        inside_s = (ts_ms - 1) / 1000
        try:
            return calendar.local_date(inside_s)
        except trading_day.CalendarRangeError:
            return dt.datetime.fromtimestamp(inside_s, dt.UTC).date()

    return of


def is_stale(market: str, last_ts_ms: int, asof_ts_ms: int) -> bool:
    """Whether a newer bar should exist: by the market's own last closed session; round the clock, within a day."""
    return staleness(market, asof_ts_ms)(last_ts_ms)


def staleness(market: str, asof_ts_ms: int) -> Callable[[int], bool]:
    """`is_stale` for many series of one market."""
    if market == "24/7":
        return lambda last_ts_ms: asof_ts_ms - last_ts_ms > DAY_MS
    dated, newest = session_of(market), trading_day.load(market).last_closed_session(asof_ts_ms / 1000).date
    return lambda last_ts_ms: dated(last_ts_ms) < newest


def _all_series(
    desk: Desk, bars: Mapping[SeriesKey, Bars], faults: Mapping[SeriesKey, str], asof_ts_ms: int
) -> tuple[Series, ...]:
    markets = {
        instrument.market: (session_of(instrument.market), staleness(instrument.market, asof_ts_ms))
        for instrument in {each.market: each for each in desk.instruments if len(bars[each.key])}.values()
    }
    series = []
    for instrument in desk.instruments:
        known = bars[instrument.key].until(asof_ts_ms)
        last_ts_ms = known.last_ms if len(known) else None
        if last_ts_ms is None:
            fault = faults.get(instrument.key, "")
            series.append(Series(instrument=instrument, bars=known, last_session=None, stale=False, fault=fault))
            continue
        dated, stale = markets[instrument.market]
        series.append(
            Series(instrument=instrument, bars=known, last_session=dated(last_ts_ms), stale=stale(last_ts_ms))
        )
    return tuple(series)


def _session(
    desk: Desk, *, bars_of: Sequence[tuple[Instrument, Bars]], asked: dt.date | None, now_s: float
) -> trading_day.Session:
    calendar = trading_day.load(desk.market)
    if asked is None:
        if desk.session == "last_closed":
            return calendar.last_closed_session(now_s)
        asked = _newest_session(desk, bars_of)
    session = calendar.session(asked)
    if session is None:
        before = calendar.previous_session(asked).date
        raise UsageError(f"{asked} is not a session of {desk.market}; the one before is {before}")
    return session


def _newest_session(desk: Desk, bars_of: Sequence[tuple[Instrument, Bars]]) -> dt.date:
    """By the desk's `last_bar` rule; where nothing is traded at home, the home session that had closed by then."""
    newest = {i.key: bars.last_ms for i, bars in bars_of if len(bars)}
    dated = {market: session_of(market) for market in {i.market for i, _ in bars_of if i.key in newest}}
    found = last_bar_session(desk, {i.key: dated[i.market](newest[i.key]) for i, _ in bars_of if i.key in newest})
    calendar = trading_day.load(desk.market)
    if found is not None and calendar.session(found):
        return found
    return calendar.last_closed_session(max(newest.values()) / 1000).date
