"""Times as people write them: UTC, ISO 8601."""

from __future__ import annotations

import datetime as dt
from argparse import ArgumentTypeError


def utc_text(ts_ms: int) -> str:
    """`2026-11-20 09:00 UTC`; seconds where there are some."""
    instant = dt.datetime.fromtimestamp(ts_ms / 1000, tz=dt.UTC)
    return instant.strftime("%Y-%m-%d %H:%M:%S UTC" if instant.second else "%Y-%m-%d %H:%M UTC")


def parse_utc_ms(text: str) -> int:
    """Milliseconds of `2026-11-20` (its midnight), `2026-11-20T09:30`, `…Z` or `…+09:00`; UTC unless it has a zone."""
    try:
        instant = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a time like 2026-11-20 or 2026-11-20T09:30") from None
    return int((instant if instant.tzinfo else instant.replace(tzinfo=dt.UTC)).timestamp() * 1000)
