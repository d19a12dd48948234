"""A loop's trades against those that another engine exported: freqtrade's JSON, or a CSV whose columns are named.

Their times are of candles' starts or of moments within; ours are closes. So a time belongs to the bar that it lies in,
and trades are the same when side, the bars of entry and exit, and both prices are.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pyjobs.live.equal.logs import Log
from pyjobs.live.journal import names
from pyjobs.market.bars import TIMEFRAME_MS
from utils.errors import BadDataError, MissingInputError, UsageError
from utils.files.text_files import bytes_of

FREQTRADE = {
    "side": "is_short", "entry": "open_timestamp", "exit": "close_timestamp", "entry_price": "open_rate",
    "exit_price": "close_rate",
}  # fmt: skip
CELLS = {name: names.TRADES.index(name) for name in ("side", "entry_ts_ms", "ts_ms", "entry_price", "exit_price")}
CLOSE_ENOUGH = 1e-9  # relative: others round


class Fill(NamedTuple):
    """A finished trade: side, the closes of the bars of entry and exit, both prices."""

    side: str
    entry_ms: int
    exit_ms: int
    entry_price: float
    exit_price: float

    def __str__(self) -> str:
        return f"{self.side} {self.entry_ms} at {self.entry_price!r}, {self.exit_ms} at {self.exit_price!r}"


def read(path: Path, timeframe: str, *, columns: Mapping[str, str], pair: str) -> list[Fill]:
    """The finished trades of the file, in order of entry. `pair`: of this one only.

    Raises MissingInputError without the file, BadDataError for what is not such a file, UsageError for unknown columns.
    """
    try:
        text = bytes_of(path).decode("utf-8-sig")
    except FileNotFoundError:
        raise MissingInputError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadDataError(f"{path}: cannot be read: {error}") from None
    known = {**FREQTRADE, **columns}
    if extra := set(columns) - set(FREQTRADE):
        raise UsageError(f"--map: unknown {', '.join(sorted(extra))} (known: {', '.join(FREQTRADE)})")
    rows = _objects(path, text) if text.lstrip()[:1] in ("{", "[") else _lines(path, text)
    step, found = TIMEFRAME_MS[timeframe], []
    for number, row in enumerate(rows, 1):
        if pair and str(row.get("pair", pair)) != pair:
            continue
        if known["exit"] in row and row[known["exit"]] in (None, ""):
            continue  # still open
        try:
            found.append(
                Fill(
                    side=_side(row[known["side"]]),
                    entry_ms=_bar(row[known["entry"]], step),
                    exit_ms=_bar(row[known["exit"]], step),
                    entry_price=float(row[known["entry_price"]]),
                    exit_price=float(row[known["exit_price"]]),
                )
            )
        except KeyError as error:
            raise BadDataError(f"{path}: trade {number} has no {error}: give its name with --map") from None
        except (ValueError, TypeError, OverflowError) as error:
            raise BadDataError(f"{path}: trade {number}: {error}") from None
    return sorted(found, key=lambda each: (each.entry_ms, each.exit_ms))


def _objects(path: Path, text: str) -> list[dict[str, Any]]:
    """The trades of a JSON export: a list, {"trades": […]}, or a backtest's {"strategy": {NAME: {"trades": […]}}}."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadDataError(f"{path}: is not JSON: {error}") from None
    if isinstance(content, dict) and isinstance(content.get("strategy"), dict):
        if len(content["strategy"]) != 1:
            raise BadDataError(f"{path}: has {len(content['strategy'])} strategies; export one")
        content = next(iter(content["strategy"].values()))
    trades = content.get("trades") if isinstance(content, dict) else content
    if not isinstance(trades, list) or not all(isinstance(each, dict) for each in trades):
        raise BadDataError(f"{path}: holds no list of trades")
    return trades


def _lines(path: Path, text: str) -> list[dict[str, Any]]:
    """The rows of a CSV."""
    try:
        return list(csv.DictReader(io.StringIO(text)))
    except csv.Error as error:
        raise BadDataError(f"{path}: is neither JSON nor CSV: {error}") from None


def _side(value: object) -> str:
    """Long or short, as a word or as whether it is short."""
    word = str(value).strip().lower()
    if word in ("true", "1", "short", "sell"):
        return "short"
    if word in ("false", "0", "long", "buy"):
        return "long"
    raise ValueError(f"{value!r} is neither long nor short")


def _bar(value: object, step: int) -> int:
    """The close of the bar in which a time lies: milliseconds, seconds or ISO 8601."""
    text = str(value).strip()
    try:
        number = float(text)
    except ValueError:
        instant = dt.datetime.fromisoformat(text)
        number = (instant if instant.tzinfo else instant.replace(tzinfo=dt.UTC)).timestamp()
    ms = int(number if number > 1e11 else number * 1000)
    return ms // step * step + step


def ours(live: Log) -> list[Fill]:
    """The journal's own."""
    return [
        Fill(
            side=row[CELLS["side"]],
            entry_ms=int(row[CELLS["entry_ts_ms"]]),
            exit_ms=int(row[CELLS["ts_ms"]]),
            entry_price=float(row[CELLS["entry_price"]]),
            exit_price=float(row[CELLS["exit_price"]]),
        )
        for row in live.trades
    ]


def compared(live: Log, theirs: Sequence[Fill]) -> tuple[bool, list[str]]:
    """Whether they are the same over the loop's window, and the lines that say so."""
    mine = ours(live)
    inside = [each for each in theirs if live.first_ms <= each.entry_ms and each.exit_ms <= live.last_ms]
    apart = next((k for k, (a, b) in enumerate(zip(mine, inside, strict=False)) if not same(a, b)), None)
    if apart is None and len(mine) != len(inside):
        apart = min(len(mine), len(inside))
    lines = [f"[trades] {'PASS' if apart is None else 'FAIL'}"]
    if len(mine) != len(inside):
        lines.append(f"[trades] length mismatch: LIVE={len(mine)} OTHER={len(inside)}")
    if apart is None:
        return True, [*lines, f"{len(mine)} trades compared from {live.first_ms} to {live.last_ms}"]
    live_one, other = (str(rows[apart]) if apart < len(rows) else "-" for rows in (mine, inside))
    return False, [*lines, f"First mismatch: trade {apart + 1}", f"  LIVE:  {live_one}", f"  OTHER: {other}"]


def same(a: Fill, b: Fill) -> bool:
    """Whether they are one trade: bars and side to the letter, prices but for rounding."""
    prices = zip(a[3:], b[3:], strict=True)
    return a[:3] == b[:3] and all(abs(x - y) <= CLOSE_ENOUGH * abs(x) for x, y in prices)
