"""Build the files in config/calendars, one per market: exchange_calendars gives the days, the overlay corrects them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import yaml
from msgspec.structs import replace

from utils.errors import ConfigError, MissingInputError, UsageError

HOUR_S = 3600
FX = "FX"
AHEAD = {  # a market's clock before its zone's, so that its 17:00, at which each of its days ends, is 24:00
    FX: dt.timedelta(hours=7),
    "CMES": dt.timedelta(hours=7),
}
ANY_MONTH = 0
_EPOCH = dt.date(1970, 1, 1)
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d|24:00")

Hours = tuple[str, str]


class Closure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A day the library has open and the exchange has not."""

    date: dt.date
    why: str
    source: str


class ExtraSession(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A day the library has closed and the exchange's calendar has not; its hours are the regular ones."""

    date: dt.date
    why: str
    source: str


class SpecialHours(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Local open and close (`HH:MM`) of a session the library has wrong. A `projection` is marked in its note."""

    date: dt.date
    open: str
    close: str
    why: str
    source: str
    projection: bool = False


class MarketOverlay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One market. `published_to`: the last day the exchange itself has announced; the rest is worked out from rules.

    `last` is the last day that the library covers, where that is not the overlay's own. `reasons` (by month, 0 for
    any) is why the library's own late opens and half days are what they are.
    """

    published_to: dt.date
    last: dt.date | None = None
    reasons: dict[int, str] = {}
    closures: tuple[Closure, ...] = ()
    sessions: tuple[ExtraSession, ...] = ()
    hours: tuple[SpecialHours, ...] = ()


class Covers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The dates the files answer for, both included."""

    first: dt.date
    last: dt.date


class Overlay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of overlay.yaml."""

    covers: Covers
    markets: dict[str, MarketOverlay]

    def covers_of(self, market: str) -> Covers:
        """The dates the market's file answers for."""
        return Covers(first=self.covers.first, last=self.markets[market].last or self.covers.last)


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """One market by the library: local hours by session, and which hours are regular from which date on.

    The market's clock is `ahead` of `zone`: so that a session which begins on the evening before lies on one date.
    `breaks`: (from which date on, (begin, end)) of its lunch, local.
    """

    zone: str
    hours: dict[dt.date, Hours]
    regular_from: tuple[tuple[dt.date, Hours], ...]
    ahead: dt.timedelta = dt.timedelta(0)
    breaks: tuple[tuple[dt.date, Hours], ...] = ()

    @property
    def clock(self) -> str:
        """The name of the market's clock: its zone, and how far ahead of that zone the market's days are counted."""
        return self.zone + (f"+{self.ahead // dt.timedelta(hours=1):02d}:00" if self.ahead else "")

    def regular(self, day: dt.date) -> Hours:
        """The hours of an ordinary session on `day`."""
        return [hours for since, hours in self.regular_from if since <= day][-1]


class Compiled(msgspec.Struct, frozen=True, kw_only=True):
    """One market's file, and the entries of its overlay that change nothing."""

    text: str
    sessions: int
    special: int
    corrected: int
    redundant: tuple[str, ...]


def load_overlay(path: Path) -> Overlay:
    """The overlay at `path`; a date that is not one, an unknown key or a missing source raises ConfigError."""
    try:
        plain = yaml.load(path.read_bytes(), yaml.BaseLoader)  # strings only: YAML's own rules read 10:00 as 600
        overlay = msgspec.convert(plain, Overlay, strict=False)
    except OSError as error:
        raise ConfigError(f"{path}: cannot read: {error.strerror}") from None
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise ConfigError(f"{path}: {error}") from None
    for market, entries in overlay.markets.items():
        if not overlay.covers.first <= (entries.last or overlay.covers.last) <= overlay.covers.last:
            raise ConfigError(f"{path}: markets.{market}: last {entries.last} is outside covers")
        _check_entries(f"{path}: markets.{market}", entries, overlay.covers_of(market))
    return overlay


def read_library(market: str, covers: Covers) -> Schedule:
    """Ask exchange_calendars. Raises MissingInputError when it is not installed: it is needed at build time only."""
    try:
        import exchange_calendars
    except ImportError as error:
        raise MissingInputError(f"{error}: pip install --require-hashes -r requirements-dev.txt") from None
    if market == FX:  # the library's 24/5 has the days, but counts them in UTC
        days = read_library("24/5", covers)
        return replace(days, zone="America/New_York", ahead=AHEAD[FX])
    calendar = exchange_calendars.get_calendar(market, start=covers.first.isoformat(), end=covers.last.isoformat())
    zone, ahead = ZoneInfo(calendar.tz.key), AHEAD.get(market, dt.timedelta(0))
    seconds = (times.dt.as_unit("s").astype("int64") for times in (calendar.opens, calendar.closes))
    hours = {
        day.date(): (_clock(zone, day.date(), opens, ahead), _clock(zone, day.date(), closes, ahead))
        for day, opens, closes in zip(calendar.sessions, *seconds, strict=True)
    }
    regular = ((covers.first, ("00:00", "24:00")),) if ahead else _regular_from(calendar, covers.first)
    lunch = tuple(_breaks_from(calendar, zone, covers.first))
    return Schedule(zone=zone.key, hours=hours, regular_from=regular, ahead=ahead, breaks=lunch)


def last_known(market: str, covers: Covers) -> dt.date:
    """The last day of `covers` for which the library has a market's holidays. Raises UsageError for no market."""
    import exchange_calendars

    try:
        found = exchange_calendars.get_calendar(market)
    except (exchange_calendars.errors.InvalidCalendarName, NotImplementedError):
        raise UsageError(f"exchange_calendars has no market {market!r}") from None
    bound = found.bound_max()
    return min(covers.last, bound.date()) if bound is not None else covers.last


def compile_market(market: str, schedule: Schedule, overlay: MarketOverlay, covers: Covers) -> Compiled:
    """Correct `schedule` by `overlay` and write it down. Entries that change nothing are named in `redundant`."""
    hours, why, redundant = _corrected(schedule, overlay)
    zone = ZoneInfo(schedule.zone)
    notes = {day: _note(market, day, hours[day], schedule.regular(day), why, overlay.reasons) for day in hours}
    rows = [_row(zone, schedule.ahead, day, hours[day], notes[day]) for day in sorted(hours)]
    header = [f"# market {market}", f"# zone {schedule.clock}", f"# covers {covers.first} {covers.last}"]
    header += [f"# break {since} {begin} {end}" for since, (begin, end) in schedule.breaks]
    ahead_s = int(schedule.ahead.total_seconds())
    header += [f"# offset {since} {seconds + ahead_s}" for since, seconds in _offsets(zone, covers)]
    return Compiled(
        text="\n".join([*header, *rows, f"# end {len(rows)} sessions"]) + "\n",
        sessions=len(rows),
        special=sum(not row.endswith("\tregular") for row in rows),
        corrected=len(overlay.closures) + len(overlay.sessions) + len(overlay.hours) - len(redundant),
        redundant=tuple(f"{market} {what}" for what in redundant),
    )


def _corrected(
    schedule: Schedule, overlay: MarketOverlay
) -> tuple[dict[dt.date, Hours], dict[dt.date, str], list[str]]:
    """Local hours by session after the overlay, the overlay's reasons, and its entries that changed nothing."""
    hours, why, redundant = dict(schedule.hours), {}, []
    for closure in overlay.closures:
        if hours.pop(closure.date, None) is None:
            redundant.append(f"closures {closure.date}: exchange_calendars has no session then")
    for extra in overlay.sessions:
        if extra.date in hours:
            redundant.append(f"sessions {extra.date}: exchange_calendars has that session")
        hours.setdefault(extra.date, schedule.regular(extra.date))
    for special in overlay.hours:
        if special.date not in hours:
            raise ConfigError(f"overlay: hours {special.date} ({special.why}): there is no session that day")
        if hours[special.date] == (special.open, special.close):
            redundant.append(f"hours {special.date}: exchange_calendars has {special.open}-{special.close} too")
        hours[special.date] = (special.open, special.close)
        why[special.date] = special.why + (", projection" if special.projection else "")
    return hours, why, redundant


def _note(
    market: str, day: dt.date, hours: Hours, regular: Hours, why: dict[dt.date, str], reasons: dict[int, str]
) -> str:
    """`regular`, or what differs from the regular hours and why."""
    if hours == regular:
        return "regular"
    kinds = [f"{'late' if hours[0] > regular[0] else 'early'}_open"] * (hours[0] != regular[0])
    kinds += [f"{'late' if hours[1] > regular[1] else 'early'}_close"] * (hours[1] != regular[1])
    reason = why.get(day) or reasons.get(day.month) or reasons.get(ANY_MONTH)
    if not reason:
        raise ConfigError(f"overlay: markets.{market}.reasons: {day} is {hours[0]}-{hours[1]}, and no reason is given")
    return f"{','.join(kinds)}: {reason}"


def _row(zone: ZoneInfo, ahead: dt.timedelta, day: dt.date, hours: Hours, note: str) -> str:
    return "\t".join((day.isoformat(), *(str(_epoch_s(zone, ahead, day, clock)) for clock in hours), *hours, note))


def _epoch_s(zone: ZoneInfo, ahead: dt.timedelta, day: dt.date, clock: str) -> int:
    """UTC epoch second of `clock` on `day`, on a clock `ahead` of the zone's; 24:00 is the next day's midnight."""
    hour, minute = map(int, clock.split(":"))
    local = dt.datetime.combine(day, dt.time()) + dt.timedelta(hours=hour, minutes=minute) - ahead
    return int(local.replace(tzinfo=zone).timestamp())


def _clock(zone: ZoneInfo, day: dt.date, second: int, ahead: dt.timedelta) -> str:
    """UTC epoch `second` as wall clock of `day`, on a clock `ahead` of the zone's."""
    local = dt.datetime.fromtimestamp(second, zone).replace(tzinfo=None) + ahead
    return "24:00" if local.date() > day else f"{local:%H:%M}"


def _regular_from(calendar: Any, first: dt.date) -> tuple[tuple[dt.date, Hours], ...]:
    """The library's own table of regular hours, as (date from which they hold, (open, close)), ascending."""

    def at(day: dt.date, table: Iterable[tuple[Any, dt.time]], next_day: int = 0) -> str:
        clock = [time for since, time in table if since is None or since.date() <= day][-1]
        return "24:00" if next_day and clock == dt.time(0) else f"{clock:%H:%M}"

    opens, closes, next_day = calendar.open_times, calendar.close_times, calendar.close_offset
    changes = {first} | {since.date() for since, _ in (*opens, *closes) if since is not None and since.date() > first}
    return tuple((day, (at(day, opens), at(day, closes, next_day))) for day in sorted(changes))


def _breaks_from(calendar: Any, zone: ZoneInfo, first: dt.date) -> Iterator[tuple[dt.date, Hours]]:
    """The library's lunch breaks, as (date from which they hold, (begin, end)), ascending."""
    held: Hours | None = None
    for day, begin, end in zip(calendar.sessions, calendar.break_starts, calendar.break_ends, strict=True):
        if begin == begin:  # not NaT
            found = (f"{begin.astimezone(zone):%H:%M}", f"{end.astimezone(zone):%H:%M}")
            if found != held:
                yield (day.date() if held else first), found
                held = found


def _offsets(zone: ZoneInfo, covers: Covers) -> list[tuple[int, int]]:
    """(UTC epoch second, seconds east) at the start of the coverage, as second 0, and at each change within it."""

    def east(hour: int) -> int:
        return int((dt.datetime.fromtimestamp(hour * HOUR_S, zone).utcoffset() or dt.timedelta()).total_seconds())

    start, stop = (covers.first - _EPOCH).days * 24 - 24, (covers.last - _EPOCH).days * 24 + 48
    changes = [(0, east(start))]
    for day in range(start, stop - 24, 24):
        if east(day + 24) != changes[-1][1]:  # no zone leaves its offset and comes back to it within a day
            for hour in range(day + 1, day + 25):  # all changes since 2010 in these zones are on the hour
                if (seconds := east(hour)) != changes[-1][1]:
                    changes.append((hour * HOUR_S, seconds))
    return changes


def _check_entries(where: str, overlay: MarketOverlay, covers: Covers) -> None:
    """Refuse what can only be a slip: a date twice or outside the coverage, no source, a clock that is none."""
    seen: set[dt.date] = set()
    entries: list[Closure | ExtraSession | SpecialHours] = [*overlay.closures, *overlay.sessions, *overlay.hours]
    for entry in entries:
        if entry.date in seen:
            raise ConfigError(f"{where}: {entry.date} is given twice")
        if not covers.first <= entry.date <= covers.last:
            raise ConfigError(f"{where}: {entry.date} is outside covers {covers.first}..{covers.last}")
        if not entry.source.strip() or not entry.why.strip() or "\t" in entry.why or "\n" in entry.why:
            raise ConfigError(f"{where}: {entry.date}: `why` must be one line, and `source` not empty")
        seen.add(entry.date)
    for special in overlay.hours:
        if not all(_CLOCK.fullmatch(clock) for clock in (special.open, special.close)) or special.open >= special.close:
            raise ConfigError(
                f"{where}: {special.date}: {special.open}-{special.close} is not an open and a later close, HH:MM"
            )
