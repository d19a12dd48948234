"""scan.json as types: what the scan writes, and the reports read."""

from __future__ import annotations

import msgspec


class Scanned(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument. `change` is a fraction of the previous bar's close."""

    symbol: str
    exchange: str
    timeframe: str
    market: str = ""
    currency: str = ""
    name: str = ""
    role: str = "trade"
    status: str
    bars: int = 0
    last_ts_ms: int | None = None
    last_session: str | None = None
    close: float | None = None
    change: float | None = None


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """One signal at the close of `session`'s bar; `session` is None where the bar is of none."""

    symbol: str
    exchange: str
    timeframe: str
    setup: str
    side: str
    ts_ms: int
    session: str | None
    close: float
    stop: float | None = None
    why: str = ""


class Scan(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file."""

    desk: str = ""
    session: str
    asof_ts_ms: int | None = None
    instruments: list[Scanned]
    signals: list[Signal]
    notes: list[str] = []
