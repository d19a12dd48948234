"""Times that name a whole month, week or quarter (`2024-01`, `Jan-24`, `2024-W05`, `2024Q1`): read where bars are."""

from __future__ import annotations

import datetime as dt
import re
from contextlib import suppress
from typing import Any, Literal

Span = Literal["", "month", "week", "quarter", "half-year"]
NAMES = "janfebmaraprmayjunjulaugsepoctnovdec"
IN_PLACE_OF = {"1mo": "month", "1w": "week"}
_YEAR_FIRST = re.compile(r"(\d{4})(?:(?:[-/. ]|\s*년\s*|年|[Mm])(0?[1-9]|1[0-2])|(0[1-9]|1[0-2]))(?:월|月)?")
_MONTH_FIRST = re.compile(r"(0?[1-9]|1[0-2])[-/.](\d{4})")
_NAMED = re.compile(r"([A-Za-z]{3,9})\.?[-/ ,']+(\d{4}|\d{2})|(\d{4})[-/ ]([A-Za-z]{3,9})")
_WEEK = re.compile(r"(?P<Y>\d{4})[-/ ]?(?:KW|W)(?P<W>\d{1,2})|(?:KW|W|[Ww]eek) ?(?P<W2>\d{1,2})[-/ ](?P<Y2>\d{4})")
_PERIOD = re.compile(r"(\d{4}-\d{2}-\d{2})\s*/\s*(\d{4}-\d{2}-\d{2})")
_QUARTER = re.compile(r"\d{4}[-/ ]?Q[1-4]|Q[1-4][-/ ]?(?:\d{4}|\d{2})|[1-4]Q[-/ ]?(?:\d{4}|\d{2})|\d{4}년?\s*[1-4]분기")


_HALF = re.compile(
    r"\d{4}[-/ ]?[HS][12]|[HS][12][-/ ]?(?:\d{4}|\d{2})|[12]H[-/ ]?(?:\d{4}|\d{2})|\d{4}년?\s*[상하]반기"
)
_TOGETHER = r"(0?[1-9]|[12]\d|3[01])(0[1-9]|[12]\d|3[01])((?:19|20)\d\d)"
_SHORT = r"(\d\d)(\d\d)(\d\d)"
LARGEST = 31_122_099


def span_of(text: str) -> tuple[Span, dt.date | None]:
    """What a time names, and its first day; ("", None) for anything else. A quarter and a half-year have no day."""
    text = text.strip()
    if _QUARTER.fullmatch(text):
        return "quarter", None
    if _HALF.fullmatch(text):
        return "half-year", None
    with suppress(ValueError):
        if week := _WEEK.fullmatch(text):
            return "week", dt.date.fromisocalendar(int(week["Y"] or week["Y2"]), int(week["W"] or week["W2"]), 1)
        if period := _PERIOD.fullmatch(text):
            return _between(*(dt.date.fromisoformat(each) for each in period.groups()))
        if (month := _month(text)) is not None:
            return "month", month
    return "", None


def put_apart(cells: Any, order: str) -> Any:
    """A column of days, months and years run together (01252024, in any order of the first two) as 01/25/2024.

    A column of whole numbers may have lost its first zeros. With an `order`, six digits are a date, too (240125). What
    is anything else is left.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    whole = pa.types.is_integer(cells.type)
    if not len(cells) or not (whole or pa.types.is_string(cells.type)):
        return cells
    if whole and (pc.max(cells).as_py() or 0) > LARGEST:
        return cells
    if not re.fullmatch(r"\s*\d{5,8}\s*", str(cells[0].as_py() or "")):
        return cells
    texts = pc.utf8_trim_whitespace(cells.cast(pa.string()))
    for shape in (_TOGETHER, _SHORT) if order else (_TOGETHER,):
        padded = pc.utf8_lpad(texts, width=6, padding="0") if shape == _SHORT and whole else texts
        if re.fullmatch(shape, padded[0].as_py() or "") and (
            pc.all(pc.match_substring_regex(pc.fill_null(padded, ""), f"^{shape}$")).as_py()
        ):
            return pc.replace_substring_regex(padded, f"^{shape}$", r"\1/\2/\3")
    return cells


def as_dates(cells: Any, timeframe: str, *, all_day: bool) -> Any:
    """A column of strings with the months of a `1mo` series, or the weeks of a `1w` one, as their first days.

    `all_day`: the market never closes, so a week from Saturday to Friday is not that from Monday on, and is left.
    """
    import pyarrow as pa

    wanted = IN_PLACE_OF.get(timeframe)
    if wanted is None or not len(cells):
        return cells
    texts = cells.cast(pa.string()) if pa.types.is_integer(cells.type) else cells
    if not pa.types.is_string(texts.type) or span_of(texts[0].as_py() or "")[0] != wanted:
        return cells
    found = []
    for text in texts.to_pylist():
        kind, day = span_of(text or "")
        shifted = (
            all_day and _PERIOD.fullmatch(text or "") is not None and not (text or "").strip().startswith(str(day))
        )
        found.append(day.isoformat() if day is not None and kind == wanted and not shifted else text)
    return pa.array(found, pa.string())


def _between(first: dt.date, last: dt.date) -> tuple[Span, dt.date | None]:
    """pandas' periods: a week is named by its Monday, also where its days are counted from Saturday to Friday."""
    if (last - first).days == 6:
        return "week", last - dt.timedelta(days=last.weekday())
    return ("month", first) if first.day == 1 and 27 <= (last - first).days <= 30 else ("", None)


def _month(text: str) -> dt.date | None:
    if match := _YEAR_FIRST.fullmatch(text):
        return dt.date(int(match[1]), int(match[2] or match[3]), 1) if 1700 <= int(match[1]) < 2200 else None
    if match := _MONTH_FIRST.fullmatch(text):
        return dt.date(int(match[2]), int(match[1]), 1)
    if (match := _NAMED.fullmatch(text)) is None:
        return None
    name, year = (match[1], match[2]) if match[1] else (match[4], match[3])
    at = NAMES.find(name[:3].lower())
    if at < 0 or at % 3:
        return None
    number = int(year) if len(year) == 4 else int(year) + (2000 if int(year) < 70 else 1900)
    return dt.date(number, at // 3 + 1, 1)
