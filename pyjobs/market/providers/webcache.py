"""Downloads of the day: `data/webcache/yf/<ticker>/<session>_<provider>_<timeframe>.json`, daily bars only.

`session` is the last one that had closed: when another closes, the file is no longer looked at. Nor is it when its last
bar was not final yet, and would be by now: an answer is never more final than it was when it came.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from pyjobs.market.providers.base import BarRequest
from pyjobs.market.store.names import folder_name
from utils import paths, trading_day
from utils.files import os_files
from utils.files.atomic import sweep, write_bytes
from utils.files.newest import older

KEPT = 6


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """One answer: rows `(date, o, h, l, c, v)` from `start_ms`, asked for at `fetched_at_ms`, and what came with it."""

    provider: str
    symbol: str
    fetched_at_ms: int
    start_ms: int
    last_ts_ms: int
    rows: list[list[Any]]
    about: dict[str, str] | None = None
    events: list[dict[str, Any]] = []
    worked_in: list[tuple[str, float]] = []


def load(provider: str, request: BarRequest, now_ms: int, *, revised_for_ms: int) -> Kept | None:
    """The answer kept for this question since the last session closed; None without one, or for a damaged file.

    `revised_for_ms`: how long after its close a bar is revised.
    """
    if request.timeframe != "1d":
        return None
    try:
        kept = msgspec.json.decode(os_files.held_bytes(_file(provider, request, now_ms)), type=Kept)
    except (OSError, msgspec.MsgspecError, RecursionError):
        return None
    final_ms = kept.last_ts_ms + revised_for_ms
    if kept.fetched_at_ms < final_ms <= now_ms:
        return None
    return kept if kept.start_ms <= request.start_ms and request.end_ms >= kept.last_ts_ms else None


def save(provider: str, request: BarRequest, record: Mapping[str, Any], now_ms: int, *, last_ts_ms: int) -> None:
    """Keep a daily answer that reaches the last closed session, and drop all but the newest sessions of the ticker."""
    market = trading_day.load(request.market)
    if request.timeframe != "1d" or last_ts_ms < market.last_closed_session(now_ms / 1000).close_utc_s * 1000:
        return
    path = _file(provider, request, now_ms)
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent)  # one job at a time asks Yahoo
    kept = Kept(
        provider=provider, symbol=request.symbol, fetched_at_ms=now_ms, start_ms=request.start_ms,
        last_ts_ms=last_ts_ms, rows=record["rows"], about=record.get("about"), events=record.get("events") or [],
        worked_in=record.get("worked_in") or [],
    )  # fmt: skip
    write_bytes(path, msgspec.json.encode(kept))
    names = [("", each.name.partition("_")[0], each.name) for each in path.parent.glob("*.json")]
    for old in older(names, KEPT):
        if old != path.name:  # a clock that was ahead has left newer names
            with suppress(OSError):  # gone, or no file: the new one is written
                (path.parent / old).unlink()


def _file(provider: str, request: BarRequest, now_ms: int) -> Path:
    session = trading_day.load(request.market).last_closed_session(now_ms / 1000).date
    folder = paths.data_dir() / "webcache" / "yf" / folder_name(request.symbol)
    return folder / f"{session}_{provider}_{request.timeframe}.json"
