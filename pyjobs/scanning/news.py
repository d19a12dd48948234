"""What of a scan is news: `data/scan/<desk>.json` keeps which signals were there at the scans before.

A signal is one setup on one side at one bar (of a running session: that session's bar). It is `new` at the first scan
that has it, `since` at the following ones, `again` when it had gone in between; once it is not there any more, or its
bar is not the newest any more, it is `gone`, once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import msgspec

from utils import paths
from utils.files import os_files
from utils.files.atomic import write_bytes

KEPT_MS = 7 * 86_400_000
JUMPED_MS = 60_000


class Seen(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One signal. Times are UTC milliseconds; `there`: whether the last scan that looked at its instrument had it."""

    first_ms: int
    last_ms: int
    there: bool
    close: float
    stop: float | None = None


class ScanState(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The whole file. `bars`: the provisional bars of the last scan, by series, with the time of their last price."""

    scanned_ms: int = 0
    signals: dict[str, Seen] = {}
    bars: dict[str, dict[str, float]] = {}


def file_of(desk: str) -> Path:
    """Where a desk's scans are remembered."""
    return paths.data_dir() / "scan" / f"{desk}.json"


def load(path: Path, now_ms: int) -> tuple[ScanState, str]:
    """What the scans before had seen, and a line where that is not to be used: damaged, or of a later time than now."""
    try:
        state = msgspec.json.decode(os_files.held_bytes(path), type=ScanState)
    except FileNotFoundError:
        return ScanState(), ""
    except (OSError, msgspec.MsgspecError, RecursionError) as error:
        return ScanState(), f"{path}: cannot be read ({error}): every signal is called new"
    if state.scanned_ms > now_ms + JUMPED_MS:
        return ScanState(), f"{path} is of a later time than now (is the clock right?): every signal is called new"
    return state, ""


def save(path: Path, state: ScanState) -> None:
    """Write the file whole. OSError names it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, msgspec.json.encode(state) + b"\n")


def compare(
    state: ScanState, signals: Sequence[dict[str, Any]], looked_at: Collection[str], now_ms: int
) -> list[dict[str, Any]]:
    """Mark each of `signals` (`news`: new, since or again; `first_ms`) and return those that are gone; updates `state`.

    `looked_at`: the series (exchange:symbol:timeframe) with a price in this scan: others are left out.
    """
    here = {name_of(signal): signal for signal in signals}
    gone = []
    for name, seen in state.signals.items():
        if seen.there and name not in here and series_of(name) in looked_at:
            seen.there = False
            gone.append({**parts_of(name), "first_ms": seen.first_ms, "close": seen.close, "stop": seen.stop})
    for name, signal in here.items():
        known = state.signals.get(name)
        signal["news"] = "new" if known is None else "since" if known.there else "again"
        signal["first_ms"] = known.first_ms if known else now_ms
        state.signals[name] = Seen(
            first_ms=signal["first_ms"], last_ms=now_ms, there=True, close=signal["close"], stop=signal["stop"]
        )
    state.signals = {
        name: seen for name, seen in state.signals.items() if seen.there or seen.last_ms > now_ms - KEPT_MS
    }
    state.scanned_ms = now_ms
    return gone


def name_of(signal: dict[str, Any]) -> str:
    """One signal's name in the file."""
    series = f"{signal['exchange']}:{signal['symbol']}:{signal['timeframe']}"
    return f"{series}|{signal['setup']}|{signal['side']}|{signal['ts_ms']}"


def series_of(name: str) -> str:
    """The series of a signal by its name."""
    return name.rsplit("|", 3)[0]


def parts_of(name: str) -> dict[str, Any]:
    """What a name is made of."""
    series, setup, side, ts_ms = name.rsplit("|", 3)
    exchange, rest = series.split(":", 1)
    symbol, timeframe = rest.rsplit(":", 1)
    about = {"exchange": exchange, "symbol": symbol, "timeframe": timeframe, "setup": setup, "side": side}
    return {**about, "ts_ms": int(ts_ms)}
