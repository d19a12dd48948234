"""Single fields of a dump: numbers, times and column names in the spellings people have.

These are the slow readers, a cell at a time, that know everything; `numbers` and `stamps` read whole columns and ask
here for what they do not know.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from decimal import Decimal
from functools import lru_cache

from pyjobs.market.dumps.reading.zones import ZONE, in_zone
from utils.foreign_text import quoted

_OF_VOLUME = re.compile(r"(vol[a-z.]*[\s_(]*)([$%])", re.IGNORECASE)
MISSING = frozenset({"", "-", "--", ".", "null", "none", "nan", "n/a", "na", "#n/a", "nat"})
_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?(?:\d{1,3}(?:[. \u00a0\u202f']\d{3})+|\d+)(?:,\d+)?(?:[eE][+-]?\d+)?")
_APOSTROPHES = re.compile(r"[+-]?\d{1,3}(?:(?:['\u2019]\d{3})+\.\d+|(?:['\u2019]\d{3}){2,})")
"""Switzerland's thousands; 112'165 alone may be a bond's 112 and 16.5 thirty-seconds."""
_ALL_SCALES: tuple[tuple[float, str], ...] = (
    (1.0, "shares shs stk stück units 주 株 股"),
    (1e3, "k tsd thousand thousands 천 千"),
    (1e4, "만 万 萬"),
    (1e5, "lakh lakhs lac"),
    (1e6, "m mn mio mln million millions 백만 百万"),
    (1e7, "cr crore crores"),
    (1e8, "억 亿 億"),
    (1e9, "b bn bln mrd billion billions"),
    (1e12, "t tn trillion 조 兆"),
)
SCALES = {word: times for times, words in _ALL_SCALES for word in words.split()}
"""What stands behind a number: `3.2 Mio.`, `647.28M`, `12,345 주`."""
_SCALED = re.compile(r"(.*?[\d.])\s*([^\W\d_]+)\.?")
_BLANKS = re.compile(r"[+-]?\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?:\.\d+)?|[+-]?\d{1,3}(?:\.\d{3}){2,}")
"""Thousands apart by blanks; or by points, where there are two."""
_SIGNS = "$€£¥₩원%"

_MONTHS = {
    name: i
    for i, names in enumerate(("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1)
    for name in (names,)
}
_YMD = r"(?P<Y>\d{4})(?P<s>[-/.]?)(?P<m>\d{2})(?P=s)(?P<d>\d{2})"
_YMD_LOOSE = r"(?P<Y>\d{4})\s*(?:[-/.]|[년年])\s*(?P<m>\d{1,2})\s*(?:[-/.]|[월月])\s*(?P<d>\d{1,2})\s*[일日]?"
_DMY = r"(?P<a>\d{1,2})(?P<s>[-/.])\s?(?P<b>\d{1,2})(?P=s)\s?(?P<Y>\d{4}|\d{2})"
_NAMED = (
    r"(?:(?P<mon>[A-Za-z]{3,9})\.?\s+(?P<d>\d{1,2}),?\s+|(?P<d2>\d{1,2})[-\s](?P<mon2>[A-Za-z]{3,9})\.?[-,\s]\s*)"
    r"(?P<Y>\d{4}|\d{2})"
)
_CLOCK = (
    r"(?:(?:T|\s+|-)(?:(?P<ap2>오전|오후|[上下]午|午[前後])\s*)?(?P<H>\d{1,2})(?::?(?P<M>\d{2})(?::?(?P<S>\d{2})(?:[.,](?P<f>\d{1,9}))?)?)?"
    rf"(?:[\s-]*(?P<ap>[AaPp][Mm])(?![A-Za-z]))?(?:\s*(?P<z>{ZONE}))?)?"
)
_TIMES = tuple(re.compile(f"(?:{date}){_CLOCK}") for date in (_YMD, _DMY, _NAMED, _YMD_LOOSE))
_MINGUO = re.compile(r"(1\d{2})([/.-])(\d{2})\2(\d{2})")  # Taiwan's years, from 100 (2011) on
_CLOCK_ALONE = re.compile(r"(\d{1,2}):?(\d{2})(?::?(\d{2})(?:\.\d+)?)?(?:\s*([AaPp])[Mm])?")
_DAYS = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*"
_WEEKDAY = re.compile(
    rf"^{_DAYS},?\s+|(?<=\d{{4}}){_DAYS}, .*$"
    rf"|\s*[,(（]\s*(?:[一二三四五六日月火水木金土]|[월화수목금토일]|{_DAYS})[)）]?$"
)
"""Before a date or behind it, and the short form that the Financial Times writes behind the long one."""
_EPOCH = re.compile(r"[+-]?\d{9,19}(?:\.\d+)?|-\d{1,8}(?:\.\d+)?|\d{9,10}\.\d+")
_SHORT_EPOCH = re.compile(r"(\d\.(\d+))[eE]\+?(\d{1,2})")
EARLIEST_YEAR = 1700
LONGEST_MONTH = 31
EARLIEST_MS, LATEST_MS = -8_520_336_000_000, 10**14  # the first moment of 1700; of 5138, some day
TIME_FORMATS = "YYYY-MM-DD, YYYYMMDD, YYYY/MM/DD, ISO 8601 with a zone, or epoch seconds or milliseconds"


class Unclear(ValueError):
    """A date that can be read in two ways."""


def column(name: str) -> str:
    """A header cell without what people vary: `Adj Close` is adjclose, `<TICKVOL>` tickvol; `Volume ($)` is money."""
    name = _OF_VOLUME.sub(lambda match: match[1] + {"$": "usd", "%": "percent"}[match[2]], name)
    return re.sub(r"[\s_\-.<>()\"'*/%,:$#]", "", name).lower()


def is_number(text: str) -> bool:
    """Whether a cell holds a number in any spelling (an empty one holds none)."""
    try:
        return not math.isnan(number(text, loose=True))
    except ValueError:
        return False


def is_time(text: str) -> bool:
    """Whether a cell holds a time, also one in which day and month may be swapped."""
    try:
        instant(text)
    except Unclear:
        return True
    except ValueError:
        return False
    return True


def number(text: str, *, decimal_comma: bool = False, commas: bool = True, loose: bool = False) -> float:
    """The number in a field: `1,234.5` is 1234.5, `647.28M` is 647 280 000, `$3` is 3; an empty or null field is NaN.

    `decimal_comma`: `1,5` is 1.5. `commas` False: a comma is refused, as its meaning is not known. Raises ValueError.
    """
    text = text.strip()
    if text.lower() in MISSING:
        return math.nan
    bare = text.strip(_SIGNS + " \u00a0")
    if text[:1] in "+-" and text[1:2] in _SIGNS:
        bare = text[0] + text[1:].strip(_SIGNS + " ")
    match = _SCALED.fullmatch(bare)
    factor = SCALES.get(match[2].lower(), 0.0) if match else 0.0
    if match and factor:
        bare, decimal_comma = match[1], decimal_comma or re.fullmatch(r"[+-]?\d+,\d{1,2}", match[1]) is not None
    factor = factor or 1.0
    bare = re.sub("['\u2019]", "", bare) if _APOSTROPHES.fullmatch(bare) else bare
    if _PLAIN.fullmatch(bare) and not (decimal_comma and re.fullmatch(r"[+-]?\d{1,3}(?:\.\d{3})+", bare)):
        return finite(float(bare) * factor)
    if (decimal_comma or loose) and _DECIMAL_COMMA.fullmatch(bare):
        return finite(float(re.sub(r"[. \u00a0\u202f']", "", bare).replace(",", ".")) * factor)
    if commas and not decimal_comma and _THOUSANDS.fullmatch(bare):
        return finite(float(bare.replace(",", "")) * factor)
    if not decimal_comma and _BLANKS.fullmatch(bare):
        whole = bare.replace(".", "") if bare.count(".") > 1 else bare
        return finite(float(re.sub(r"[ \u00a0\u202f]", "", whole)) * factor)
    if not commas and _THOUSANDS.fullmatch(bare):
        raise ValueError(
            f"{quoted(text, 60)!r} is not a number: is its comma of thousands or of decimals? Write a point"
        )
    raise ValueError(f"{quoted(text, 60)!r} is not a number")


def finite(value: float) -> float:
    """`value`, unless it overflowed: then ValueError."""
    if math.isinf(value):
        raise ValueError("a number is too large")
    return value


@lru_cache(maxsize=4096)
def instant(text: str, order: str = "") -> dt.date | dt.datetime:
    """The time in a field: a date when it has no clock, else a datetime (aware when it had a zone or was an epoch).

    `order`: `dmy` or `mdy`, for dates like 03/04/2020; without it such a one raises Unclear when both can be.
    Raises ValueError for an unknown format.
    """
    text = text.strip()
    for pattern in _TIMES:
        match = pattern.fullmatch(text)
        if match:
            return _from(match.groupdict(), text, order)
    if (date := _WEEKDAY.sub("", text)) != text:
        return instant(date, order)
    if minguo := _MINGUO.fullmatch(text):
        return dt.date(int(minguo[1]) + 1911, int(minguo[3]), int(minguo[4]))
    if text.isascii() and text.isdigit() and len(text) in (12, 14) and _compact(text):
        return dt.datetime.fromisoformat(f"{text[:8]}T{text[8:]}")
    if short := _SHORT_EPOCH.fullmatch(text):
        text = _whole(text, short)
    if _EPOCH.fullmatch(text):
        value = float(text) if "." in text else int(text)
        return from_epoch_ms(int(value * 1000 / epoch_unit(abs(value))))
    raise ValueError(f"{quoted(text, 60)!r} is not a time (known: {TIME_FORMATS})")


def _whole(text: str, short: re.Match[str]) -> str:
    """The digits of an epoch written like 1.704067200E+9. Raises ValueError where some of them are lost."""
    if len(short[2]) < int(short[3]) >= 9:
        what = "is an epoch that has lost its last digits, as Excel shows them: format the column as a whole number"
        raise ValueError(f"{text!r} {what} and save it again")
    return f"{Decimal(text):f}"


def clock(text: str) -> dt.time:
    """A time of day alone: `09:30`, `09:30:00`, `093000`. Raises ValueError."""
    text = text.strip()
    match = _CLOCK_ALONE.fullmatch(
        text.zfill(4 if len(text) < 4 else 2 * ((len(text) + 1) // 2)) if text.isdigit() else text
    )
    if match is None:
        raise ValueError(f"{quoted(text, 60)!r} is not a time of day")
    hour = int(match[1]) if not match[4] else int(match[1]) % 12 + 12 * (match[4] in "pP")
    return dt.time(hour, int(match[2]), int(match[3] or 0))


def epoch_unit(size: float) -> int:
    """How many of its units make a second, by the size of an epoch: seconds until 5138, then ms, us, ns."""
    return 1 if size < 1e11 else 1000 if size < 1e14 else 1_000_000 if size < 1e17 else 1_000_000_000


def from_epoch_ms(ms: int) -> dt.datetime:
    """UTC milliseconds as a datetime. Raises ValueError past the years in which there are prices."""
    if not EARLIEST_MS <= ms < LATEST_MS:
        raise ValueError(f"{quoted(ms, 60)} is no time in milliseconds of the years {EARLIEST_YEAR} to 5138")
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=ms)


def epoch_ms(moment: dt.datetime) -> int:
    """An aware datetime as UTC milliseconds."""
    return (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(milliseconds=1)


def _compact(text: str) -> bool:
    return "1800" <= text[:4] < "2200" and "01" <= text[4:6] <= "12" and "01" <= text[6:8] <= "31" and text[8:10] < "24"


def _from(parts: dict[str, str | None], text: str, order: str) -> dt.date | dt.datetime:
    year = int(parts["Y"] or 0)
    if len(parts["Y"] or "") == 2:
        year = _century(year)
    if parts.get("a") and len(parts["Y"] or "") == 2 and _is_year_first(parts, text, order):
        year, month, day = _century(int(parts["a"] or 0)), int(parts["b"] or 0), int(parts["Y"] or 0)
    elif parts.get("a"):
        month, day = _month_day(int(parts["a"] or 0), int(parts["b"] or 0), text, order)
    elif name := parts.get("mon") or parts.get("mon2"):
        month, day = _MONTHS.get(name[:3].lower(), 0), int(parts["d"] or parts["d2"] or 0)
    else:
        month, day = int(parts["m"] or 0), int(parts["d"] or 0)
    try:
        date = dt.date(year, month, day)
    except ValueError:
        raise ValueError(f"{quoted(text, 60)!r} is no date" + (f" by `dates: {order}`" if order else "")) from None
    if year < EARLIEST_YEAR:
        raise ValueError(f"{quoted(text, 60)!r} is before {EARLIEST_YEAR}")
    if parts["H"] is None:
        return date
    hour = int(parts["H"])
    if half := parts["ap"] or parts["ap2"]:
        hour = hour % 12 + (12 if half.lower() in ("pm", "오후", "下午", "午後") else 0)
    elif parts["M"] is None:
        raise ValueError(f"{quoted(text, 60)!r} is not a time (known: {TIME_FORMATS})")
    if hour == 24 and not int(parts["M"] or 0) and not int(parts["S"] or 0):
        date, hour = date + dt.timedelta(days=1), 0
    micro = int((parts["f"] or "").ljust(6, "0")[:6] or 0)
    naive = dt.datetime.combine(date, dt.time(hour, int(parts["M"] or 0), int(parts["S"] or 0), micro))
    return naive if not parts["z"] else in_zone(naive, parts["z"], text)


def _century(year: int) -> int:
    return year + (2000 if year < 70 else 1900)


def _is_year_first(parts: dict[str, str | None], text: str, order: str) -> bool:
    """Whether 24/01/04 is of 2024. Raises Unclear where it may as well be of 2004."""
    first, second, third = (int(parts[name] or 0) for name in ("a", "b", "Y"))
    if order or first > LONGEST_MONTH:
        return order in ("", "ymd")
    if 1 <= second <= 12 and 1 <= third <= LONGEST_MONTH and (first > 12 or third > 12 or first == 0):
        what = f"{quoted(text, 60)!r} may begin or end with its year"
        raise Unclear(f"{what}: set `dates: ymd`, or set `dates: dmy` or `dates: mdy`")
    return False


def _month_day(first: int, second: int, text: str, order: str) -> tuple[int, int]:
    if order == "dmy" or (not order and first > 12 >= second):
        return second, first
    if order == "mdy" or (not order and second > 12 >= first):
        return first, second
    raise Unclear(f"{quoted(text, 60)!r} may be day/month or month/day: set `dates: dmy` or `dates: mdy`")
