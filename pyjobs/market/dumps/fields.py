"""Single fields of a dump: numbers, times and column names in the spellings people have."""

from __future__ import annotations

import datetime as dt
import math
import re
from pathlib import Path

from utils.foreign_text import quoted

COLUMN_NAMES: dict[str, tuple[str, ...]] = {
    "time": (
        *("date", "datetime", "time", "timestamp", "ts", "mts", "day", "opentime", "tradedate", "candledatetimeutc"),
        *("날짜", "일자", "거래일", "거래일자", "기준일", "일시"),
    ),
    "open": ("open", "o", "openprice", "openingprice", "시가", "시작가"),
    "high": ("high", "h", "highprice", "max", "고가"),
    "low": ("low", "l", "lowprice", "min", "저가"),
    "close": ("close", "c", "closeprice", "last", "closelast", "종가", "현재가"),
    "adj_close": ("adjclose", "adjustedclose", "adjcloseprice", "수정종가", "수정주가"),
    "volume": ("volume", "vol", "v", "tradevolume", "거래량", "누적거래량"),
}
_FIELD_OF = {spelling: field for field, spellings in COLUMN_NAMES.items() for spelling in spellings}

_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_MISSING = frozenset({"", "-", "null", "none", "nan", "n/a", "na"})

_DATE = re.compile(r"(\d{4})([-/.]?)(\d{2})\2(\d{2})")
_CLOCK = re.compile(r"[T ](\d{2}):?(\d{2})(?::?(\d{2})(?:\.(\d{1,9}))?)?\s*(Z|UTC|[+-]\d{2}:?\d{2})?")
EARLIEST_YEAR = 1700
_EPOCH_DIGITS = {10: 1000, 13: 1}  # seconds and milliseconds of the years 2001 to 2286
TIME_FORMATS = "YYYY-MM-DD, YYYYMMDD, YYYY/MM/DD, ISO 8601 with a zone, or epoch seconds or milliseconds"


def column(name: str) -> str | None:
    """Which field a header cell names (`Adj Close` is adj_close, `거래량` is volume), or None."""
    return _FIELD_OF.get(re.sub(r"[\s_\-.<>()\"'*/]", "", name).lower())


def unexpected(path: Path, text: str) -> str:
    """A line that is not what a dump begins with, for a message, unless it may be a secret of somebody's.

    That is what looks like one (`NAME=value`), stands in a hidden file or below `secret`, or nobody else may read.
    """
    try:
        whole = path.resolve()
        hidden = any(part.startswith(".") or part == "secret" for part in whole.parts[-3:])
        hidden = hidden or not whole.stat().st_mode & 0o077
    except OSError:
        hidden = True
    if hidden or "=" in text or "-----" in text:
        return f"a line of {len(text)} characters, not shown"
    return repr(quoted(text, 80))


def number(text: str, *, commas: bool = True) -> float:
    """The number in a field: `1,234.5` is 1234.5; an empty or null field is NaN. Raises ValueError for anything else.

    With `commas=False` a comma is refused: between semicolons it may be a decimal comma.
    """
    text = text.strip()
    if _PLAIN.fullmatch(text):
        return finite(float(text))
    if commas and _THOUSANDS.fullmatch(text):
        return finite(float(text.replace(",", "")))
    if text.lower() in _MISSING:
        return math.nan
    raise ValueError(f"{quoted(text, 60)!r} is not a number")


def finite(value: float) -> float:
    """`value`, unless it overflowed: then ValueError."""
    if math.isinf(value):
        raise ValueError("a number is too large")
    return value


def instant(text: str) -> dt.date | dt.datetime:
    """The time in a field: a date when it has no clock, else a datetime (UTC when it had a zone or was an epoch).

    Raises ValueError for an unknown format; a date like 03/04/2020 is one, because two readings are possible.
    """
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) in _EPOCH_DIGITS:
        return from_epoch_ms(int(text) * _EPOCH_DIGITS[len(text)])
    match = _DATE.match(text)
    if match is None:
        raise ValueError(f"{quoted(text, 60)!r} is not a time (known: {TIME_FORMATS})")
    date = dt.date(int(match[1]), int(match[3]), int(match[4]))
    if date.year < EARLIEST_YEAR:
        raise ValueError(f"{quoted(text, 60)!r} is before {EARLIEST_YEAR}")
    rest = text[match.end() :]
    return date if not rest else _with_clock(date, rest, text)


def from_epoch_ms(ms: int) -> dt.datetime:
    """UTC milliseconds as a datetime, to the millisecond."""
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=ms)


def epoch_ms(moment: dt.datetime) -> int:
    """An aware datetime as UTC milliseconds."""
    return (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(milliseconds=1)


def _with_clock(date: dt.date, rest: str, text: str) -> dt.datetime:
    match = _CLOCK.fullmatch(rest)
    if match is None:
        raise ValueError(f"{quoted(text, 60)!r} is not a time (known: {TIME_FORMATS})")
    microsecond = int((match[4] or "").ljust(6, "0")[:6] or 0)
    clock = dt.time(int(match[1]), int(match[2]), int(match[3] or 0), microsecond)
    naive = dt.datetime.combine(date, clock)
    if not match[5]:
        return naive
    if match[5] in ("Z", "UTC"):
        return naive.replace(tzinfo=dt.UTC)
    sign = -1 if match[5][0] == "-" else 1
    hours, minutes = int(match[5][1:3]), int(match[5][-2:])
    return naive.replace(tzinfo=dt.timezone(sign * dt.timedelta(hours=hours, minutes=minutes))).astimezone(dt.UTC)
