"""Which session a night is about, by the desk's own rule."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import msgspec

from pyjobs.market.bars import SeriesKey
from pyjobs.market.desk.desk_file import Desk, last_bar_session
from pyjobs.market.desk.open_desk import must_be_session
from pyjobs.market.dumps.data_file import Data
from pyjobs.market.universe.fetch_file import Fetch
from utils import trading_day
from utils.cli import date_or_auto
from utils.files import os_files


def at_start(desk: Desk, *, asked: str, now_s: float) -> str | None:
    """The session when it is known before any bar is read: the one asked for, or the newest that has closed.

    None: `auto`, and the desk goes by its newest bar. Raises UsageError for what is neither `auto` nor a session.
    """
    if day := date_or_auto(asked, "--session"):
        must_be_session(desk.market, day)
        return day.isoformat()
    if desk.session == "last_closed":
        return trading_day.last_closed_session(desk.market, now_s).date.isoformat()
    return None


def after_prices(desk: Desk, reports: Path) -> str | None:
    """The session by the desk's `last_bar` rule; None: no bars. Read from the results of import and fetch, so quick."""
    session = last_bar_session(
        desk, {**_last_sessions(reports / "data.json", Data), **_last_sessions(reports / "fetch.json", Fetch)}
    )
    return session.isoformat() if session else None


def _last_sessions(file: Path, kind: type[Data] | type[Fetch]) -> dict[SeriesKey, dt.date]:
    try:
        series = msgspec.json.decode(os_files.held_bytes(file), type=kind).instruments
        return {
            SeriesKey(exchange=each.exchange, symbol=each.symbol, timeframe=each.timeframe): dt.date.fromisoformat(
                each.last_session
            )
            for each in series
            if each.last_session
        }
    except (OSError, ValueError, RecursionError):  # DecodeError among them
        return {}
