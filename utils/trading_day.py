"""Trading sessions, read from the compiled files in config/calendars: no time zone data and nothing heavy is needed.

At `open_utc_s` a market is open, at `close_utc_s` closed; lunch is ignored. Outside a file's range: refused.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left, bisect_right
from functools import lru_cache
from math import inf
from pathlib import Path
from typing import NamedTuple

from utils import clock, paths
from utils.errors import ConfigError

DEFAULT_MARKET = "XKRX"
DAY_S = 86_400
REBUILD = "extend `covers` in config/calendars/overlay.yaml and run: python -m pyjobs.build_calendars"

_COLUMNS = 6
_EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()


class CalendarRangeError(ConfigError):
    """The calendar file does not reach the date asked about."""


class Session(NamedTuple):
    """One trading day. Times are UTC epoch seconds; `note` is `regular`, or what differs and why.

    A tuple, because a guard must not pay 10 ms to import dataclasses.
    """

    date: dt.date
    open_utc_s: int
    close_utc_s: int
    note: str


class Calendar(NamedTuple):
    """One market's file. `first` and `last` are the dates it covers, both included; rows are parsed when looked at.

    `offsets` are (UTC epoch second from which it holds, seconds east of UTC), ascending. `breaks`: lunches, as written.
    """

    market: str
    zone: str
    first: dt.date
    last: dt.date
    offsets: tuple[tuple[int, int], ...]
    path: Path
    header_lines: int
    rows: tuple[str, ...]
    breaks: tuple[str, ...] = ()

    def session(self, day: dt.date) -> Session | None:
        """The session of `day` (a local date), or None when the market is closed all day."""
        self._check(day)
        at = bisect_left(self.rows, _iso(day))
        if at < len(self.rows) and self.rows[at].startswith(_iso(day)):
            return self._parse(at)
        return None

    def local_date(self, now_s: float) -> dt.date:
        """The date it is at the exchange."""
        day = self._date_at(now_s)
        if day is None:
            raise self._out_of_range(f"time {now_s:.0f}")
        self._check(day)
        return day

    def is_open(self, now_s: float) -> bool:
        """Whether `now_s` is within open and close of that day's session."""
        session = self.session(self.local_date(now_s))
        return session is not None and session.open_utc_s <= now_s < session.close_utc_s

    def last_closed_session(self, now_s: float) -> Session:
        """The newest session that closed by `now_s`."""
        day = self.local_date(now_s)
        at = bisect_right(self.rows, _iso(day) + "~") - 1  # "~" sorts after the tab: the row of `day` is included
        if at >= 0 and self._parse(at).close_utc_s > now_s:
            at -= 1
        return self._row(at, f"the last closed session before {day}")

    def next_session(self, day: dt.date) -> Session:
        """The first session after `day`, `day` itself excluded."""
        self._check(day)
        return self._row(bisect_right(self.rows, _iso(day) + "~"), f"the session after {_iso(day)}")

    def previous_session(self, day: dt.date) -> Session:
        """The last session before `day`, `day` itself excluded."""
        self._check(day)
        return self._row(bisect_left(self.rows, _iso(day)) - 1, f"the session before {_iso(day)}")

    def sessions_between(self, first: dt.date, last: dt.date) -> list[Session]:
        """Every session from `first` to `last`, both included, ascending; empty when `last` is before `first`."""
        self._check(first)
        self._check(last)
        start, stop = bisect_left(self.rows, _iso(first)), bisect_right(self.rows, _iso(last) + "~")
        return [self._parse(at) for at in range(start, stop)]

    def sessions(self) -> list[Session]:
        """Every session of the file, ascending."""
        return list(_sessions(self))

    def days_left(self, now_s: float) -> int:
        """Days from now to the last day covered, negative when that has passed; the one question that never raises."""
        today = self._date_at(now_s) or (dt.date.max if now_s > 0 else dt.date.min)
        return (self.last - today).days

    def utc_offset_s(self, now_s: float) -> int:
        """Seconds that the exchange's clock is ahead of UTC at `now_s`, summer time included."""
        return self.offsets[max(bisect_right(self.offsets, (now_s, inf)) - 1, 0)][1]

    def _date_at(self, now_s: float) -> dt.date | None:
        """The local date by the offset last known, also outside the range; None past the years that Python has."""
        ordinal = _EPOCH_ORDINAL + int((now_s + self.utc_offset_s(now_s)) // DAY_S)
        return dt.date.fromordinal(ordinal) if 1 <= ordinal <= dt.date.max.toordinal() else None

    def _check(self, day: dt.date) -> None:
        if not _iso(self.first) <= _iso(day) <= _iso(self.last):
            raise self._out_of_range(_iso(day))

    def _out_of_range(self, what: str) -> CalendarRangeError:
        return CalendarRangeError(
            f"{self.market}: {what} is outside {self.path} ({self.first}..{self.last}); {REBUILD}"
        )

    def _row(self, at: int, what: str) -> Session:
        if not 0 <= at < len(self.rows):
            raise self._out_of_range(what)
        return self._parse(at)

    def _parse(self, at: int) -> Session:
        day, open_s, close_s, _, _, note = self.rows[at].split("\t")
        try:
            session = Session(dt.date.fromisoformat(day), int(open_s), int(close_s), note)
        except ValueError as error:
            raise _damaged(self.path, self.header_lines + at + 1, str(error)) from None
        if not session.open_utc_s < session.close_utc_s:
            raise _damaged(self.path, self.header_lines + at + 1, f"opens at {open_s} but closes at {close_s}")
        return session


def load(market: str = DEFAULT_MARKET, folder: Path | None = None) -> Calendar:
    """The calendar of `market` from `folder` (default config/calendars); read again only when the file has changed.

    Raises ConfigError when the market is unknown, or the file is damaged (with its line).
    """
    folder = folder or paths.config_dir() / "calendars"
    path = folder / f"{file_stem(market)}.tsv"
    if "-" in market or not path.is_file():  # 24-7 is how the file is called, not the market
        known = ", ".join(known_markets(folder)) or "no calendars"
        raise ConfigError(f"unknown market {market!r}: {folder} has {known}")
    status = path.stat()
    return _load(market, path, status.st_mtime_ns, status.st_size)


def known_markets(folder: Path | None = None) -> list[str]:
    """The markets that have a calendar file, sorted."""
    folder = folder or paths.config_dir() / "calendars"
    return sorted(path.stem.replace("24-7", "24/7") for path in folder.glob("*.tsv"))


def file_stem(market: str) -> str:
    """`24/7` as `24-7`: a market's name without what a file name cannot hold."""
    return market.replace("/", "-")


def is_trading_day(day: dt.date | None = None, market: str = DEFAULT_MARKET, now_s: float | None = None) -> bool:
    """Whether `market` has a session on `day` (a local date; default: the date it is there at `now_s`)."""
    calendar = load(market)
    return calendar.session(calendar.local_date(_now(now_s)) if day is None else day) is not None


def in_trading_hours(now_s: float | None = None, market: str = DEFAULT_MARKET) -> bool:
    """Whether `market` is open at `now_s` (default: now): open <= now < close, late opens and half days included."""
    return load(market).is_open(_now(now_s))


def local_date(market: str = DEFAULT_MARKET, now_s: float | None = None) -> dt.date:
    """The date it is at `market`."""
    return load(market).local_date(_now(now_s))


def last_closed_session(market: str = DEFAULT_MARKET, now_s: float | None = None) -> Session:
    """The newest session of `market` that has closed."""
    return load(market).last_closed_session(_now(now_s))


@lru_cache(maxsize=8)
def _sessions(calendar: Calendar) -> list[Session]:
    return calendar.sessions_between(calendar.first, calendar.last)


@lru_cache(maxsize=8)
def _load(market: str, path: Path, _mtime_ns: int, _size: int) -> Calendar:
    lines = _lines(path)
    header = next((at for at, line in enumerate(lines) if not line.startswith("# ")), len(lines))
    values, offsets = _header(path, lines[:header])
    if values["market"] != market:
        raise _damaged(path, 1, f"is the calendar of {values['market']!r}, not of {market!r}")
    first, last = _covers(path, values["covers"])
    rows, end = tuple(lines[header:-1]), f"# end {len(lines) - header - 1} sessions"
    if not rows or lines[-1] != end:
        raise _damaged(path, len(lines), f"sessions are missing, or the last line is not {end!r}")
    breaks = tuple(line[8:] for line in lines[:header] if line.startswith("# break "))
    _check_rows(calendar := Calendar(market, values["zone"], first, last, offsets, path, header, rows, breaks))
    return calendar


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start})") from None
    lines = text.split("\n")
    if lines.pop():
        raise _damaged(path, len(lines) + 1, "the last line is cut off")
    return lines


def _header(path: Path, lines: list[str]) -> tuple[dict[str, str], tuple[tuple[int, int], ...]]:
    values: dict[str, str] = {}
    offsets: list[tuple[int, int]] = []
    for number, line in enumerate(lines, 1):
        key, _, value = line[2:].partition(" ")
        values[key] = value
        if key == "offset":
            try:
                since, seconds = value.split()
                offsets.append((int(since), int(seconds)))
            except ValueError:
                raise _damaged(path, number, f"offset {value!r} is not two integers") from None
    for key in ("market", "zone", "covers", "offset"):
        if not values.get(key):
            raise _damaged(path, 1, f"the header `# {key} ...` is missing")
    return values, tuple(sorted(offsets))


def _covers(path: Path, value: str) -> tuple[dt.date, dt.date]:
    try:
        first, last = (dt.date.fromisoformat(text) for text in value.split())
    except ValueError:
        raise ConfigError(f"{path}: damaged: header `# covers {value}` is not two dates") from None
    return first, last


def _check_rows(calendar: Calendar) -> None:
    """Cheap checks of every row (columns, order); its values are checked when it is read."""
    before = ""
    for number, row in enumerate(calendar.rows, calendar.header_lines + 1):
        if row.count("\t") != _COLUMNS - 1 or row[10:11] != "\t":
            raise _damaged(calendar.path, number, f"{row[:40]!r} has not {_COLUMNS} columns")
        if row[:10] <= before:
            raise _damaged(calendar.path, number, f"{row[:10]} is not after {before}")
        before = row[:10]


def _damaged(path: Path, line: int, what: str) -> ConfigError:
    return ConfigError(f"{path}:{line}: damaged: {what}; restore it from git, or run: python -m pyjobs.build_calendars")


def _iso(day: dt.date) -> str:
    """The date alone, also of a datetime."""
    return f"{day.year:04d}-{day.month:02d}-{day.day:02d}"


def _now(now_s: float | None) -> float:
    return clock.now_s() if now_s is None else now_s
