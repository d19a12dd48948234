"""Numbers as a person reads them. None (undefined) is an en dash; a fraction becomes percent only here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

NOTHING = "–"
Number = int | float | None
Show = Callable[[float | None], str]


def percent(value: Number, digits: int = 1) -> str:
    """A fraction as percent: 0.1234 is `12.3 %`."""
    return NOTHING if value is None else f"{value * 100:,.{digits}f} %"


def change(value: Number, digits: int = 2) -> str:
    """A fraction as a signed percentage: 0.0123 is `+1.23 %`; nothing at all is `0.00 %`."""
    if value is None:
        return NOTHING
    text = f"{value * 100:+,.{digits}f} %"
    return text[1:] if float(text[:-2].replace(",", "")) == 0 else text


def count(value: Number) -> str:
    """A whole number with thousands separators."""
    return NOTHING if value is None else f"{value:,.0f}"


def decimal(digits: int) -> Callable[[Number], str]:
    """A formatter with that many decimals."""
    return lambda value: NOTHING if value is None else f"{value:,.{digits}f}"


WHOLE = ("KRW", "JPY", "VND", "IDR", "CLP")  # currencies that are quoted without decimals


def price(value: Number, currency: str = "") -> str:
    """A price with the decimals of its currency: 71,300 and 6,920 won, 231.00 and 231.25 dollars, 1.0842 if small.

    So the prices of one instrument have as many decimals on every day. An index in won keeps its own: 3,250.26.
    """
    if value is None:
        return NOTHING
    size = abs(value)
    whole = currency in (*WHOLE, "") and (size >= 10_000 or (size >= 100 and value == round(value)))
    return decimal(0 if whole else 2 if size >= 10 else 4)(value)


def megabytes(value: Number) -> str:
    """Bytes as MB (10^6)."""
    return NOTHING if value is None else f"{value / 1e6:,.2f} MB"


def interval(low: Number, high: Number, show: Callable[[Number], str]) -> str:
    """`low … high` with the unit once, or a dash when there is none."""
    return NOTHING if low is None or high is None else f"{show(low).removesuffix(' %')} … {show(high)}"


def utc_time(ts_ms: int | None) -> str:
    """A bar's time to the minute, UTC."""
    return NOTHING if ts_ms is None else datetime.fromtimestamp(ts_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def refusals(counts: object) -> str:
    """How many signals an account refused, and for what: `31 slots, 4 held`."""
    lines = [f"{n:,} {why}" for why, n in counts.items() if n] if isinstance(counts, dict) else []
    return ", ".join(lines) or NOTHING
