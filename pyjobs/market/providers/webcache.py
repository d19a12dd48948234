"""Downloads of the day: `data/webcache/yf/<ticker>/<session>_<provider>_<timeframe>.json`, daily bars only.

`session` is the last one that had closed: when another closes, the file is no longer looked at.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pyjobs.market.providers.base import BarRequest
from pyjobs.market.store.names import folder_name
from utils import paths, trading_day
from utils.atomic import sweep, write_text
from utils.newest import older

KEPT = 6


def load(provider: str, request: BarRequest, now_ms: int) -> list[list[Any]] | None:
    """The rows kept for this question since the last session closed; None when there are none, or a damaged file."""
    if request.timeframe != "1d":
        return None
    try:
        kept = json.loads(_file(provider, request, now_ms).read_text(encoding="utf-8"))
        covers = kept["start_ms"] <= request.start_ms and request.end_ms >= kept["last_ts_ms"]
        rows: list[list[Any]] | None = kept["rows"] if covers else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return rows


def save(provider: str, request: BarRequest, rows: list[list[Any]], now_ms: int, *, last_ts_ms: int) -> None:
    """Keep a daily answer that reaches the last closed session, and drop all but the newest sessions of the ticker."""
    market = trading_day.load(request.market)
    if request.timeframe != "1d" or last_ts_ms < market.last_closed_session(now_ms / 1000).close_utc_s * 1000:
        return
    path = _file(provider, request, now_ms)
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent)  # one job at a time asks Yahoo
    about = {
        "provider": provider,
        "symbol": request.symbol,
        "fetched_at_ms": now_ms,
        "start_ms": request.start_ms,
        "last_ts_ms": last_ts_ms,
    }
    write_text(path, json.dumps({**about, "rows": rows}))
    kept = [("", each.name.partition("_")[0], each.name) for each in path.parent.glob("*.json")]
    for old in older(kept, KEPT):
        if old != path.name:  # a clock that was ahead has left newer names
            (path.parent / old).unlink(missing_ok=True)


def _file(provider: str, request: BarRequest, now_ms: int) -> Path:
    session = trading_day.load(request.market).last_closed_session(now_ms / 1000).date
    folder = paths.data_dir() / "webcache" / "yf" / folder_name(request.symbol)
    return folder / f"{session}_{provider}_{request.timeframe}.json"
