"""The keys by which an instrument describes its price file, where the file does not describe itself."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Literal

import msgspec

from pyjobs.market.desk.price_formats import PLAIN, layout_names
from utils import clock

FIELDS = ("time", "clock", "open", "high", "low", "close", "adj_close", "volume", "symbol", "split", "currency")
BAD_ROWS_PERCENT = 1.0  # of `bad_rows: drop`


class DumpKeys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`layout`: what kind of file it is (`auto` looks; see price_formats.toml for the names).

    `zone`: of times without one (`Asia/Seoul`, `-05:00`). `dates`: the order of dates like 03/04/2020. `columns`: the
    column of each field, where its name does not show it. `scale`: what its prices are multiplied by (0.01: pence).
    `decimal`: the mark before its decimals, where 1.100 may be eleven hundred.
    `symbol_column`: the column of the symbols, in a file of many, or of one that calls the instrument by another name.
    `hours: extended`: bars before the open and after the close, too, as a series of their own. `bad_rows: drop`, or a
    per cent: rows that cannot be true are left out, up to that share (default 1 %), instead of the whole file.
    `units_changed` (a date): prices before it are in another unit (a new currency, pence) by a power of ten, and are
    put into the one since. `complete: true`: what the store holds of the series and the file lacks goes.
    """

    layout: str = "auto"
    zone: str = ""
    dates: Literal["", "dmy", "mdy", "ymd"] = ""
    columns: dict[str, str] = {}
    scale: float = 1.0
    decimal: Literal["", ".", ","] = ""
    symbol_column: str = ""
    hours: Literal["regular", "extended"] = "regular"
    bad_rows: str | float = ""
    units_changed: str = ""
    complete: bool = False

    @property
    def bad_rows_limit(self) -> float:
        """The share of rows that may be left out because they cannot be true: 0 when none may."""
        if self.bad_rows == "":
            return 0.0
        return (BAD_ROWS_PERCENT if self.bad_rows == "drop" else float(self.bad_rows)) / 100


def key_problems(keys: DumpKeys, *, intraday: bool) -> Iterator[tuple[str, str]]:
    """(key, what) for everything wrong with them that their types alone do not show."""
    if keys.layout not in PLAIN and keys.layout not in layout_names():
        yield "layout", f"unknown layout {keys.layout!r} (known: {', '.join(layout_names())})"
    if keys.zone and not is_zone(keys.zone):
        yield "zone", f"unknown time zone {keys.zone!r}: a name like Asia/Seoul, or an offset like -05:00"
    for field in keys.columns:
        if field not in FIELDS:
            yield "columns", f"{field!r} is no field (known: {', '.join(FIELDS)})"
    if not 0 < keys.scale < float("inf"):
        yield "scale", f"is what prices are multiplied by, more than 0; is {keys.scale:g}"
    if keys.hours == "extended" and not intraday:
        yield "hours", "extended hours are for bars shorter than a day"
    if keys.units_changed and not clock.is_date(keys.units_changed):
        yield "units_changed", f"{keys.units_changed!r} is not a date like 2005-01-01"
    if keys.bad_rows not in ("", "drop") and not _is_percent(keys.bad_rows):
        yield "bad_rows", f"is `drop`, or the share of rows in per cent, from 0 to 100; is {keys.bad_rows!r}"


def is_zone(name: str) -> bool:
    """Whether it is a zone of this machine's database, or an offset."""
    if re.fullmatch(r"[+-]\d{2}:?\d{2}", name):
        return True
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name).utcoffset(dt.datetime(2024, 1, 1, tzinfo=dt.UTC)) is not None
    except (KeyError, ValueError, OSError):
        return False


def _is_percent(value: str | float) -> bool:
    return not isinstance(value, str) and 0 <= value <= 100
