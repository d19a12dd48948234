"""Made-up bars with trends, jumps and gaps, and a loop that is fed with them; each test's home is its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pyjobs.live.config import Limits, made
from pyjobs.live.feed import Answer
from pyjobs.live.journal.place import Place
from pyjobs.live.spec import Spec
from pyjobs.live.step import Loop, Setting
from pyjobs.market.bars import Bars

STEP_MS = 300_000
BEGAN_MS = 1_700_000_100_000  # a multiple of five minutes
OPENED: list[Loop] = []  # closed when the test has ended
PARAMS: Mapping[str, Any] = {"fast": 3, "slow": 8, "stop_atr": 1.5, "side": "both", "max_bars": 25}


def walk(n: int, seed: int = 1, *, step_ms: int = STEP_MS, home_every: int = 0) -> Bars:
    """`n` bars of a made-up price, some of which jump over a stop at their open.

    `home_every`: so often the price is back where it began, so that over years no short loses all that there is.
    """
    rng = np.random.default_rng(seed)
    moves = rng.normal(0, 0.004, n) + np.where(rng.random(n) < 0.03, rng.normal(0, 0.02, n), 0.0)
    if home_every:
        moves -= np.repeat(np.add.reduceat(moves, np.arange(0, n, home_every)) / home_every, home_every)[:n]
    close = np.round(30_000 * np.exp(np.cumsum(moves)), 1)
    jumps = np.where(rng.random(n) < 0.25, rng.normal(0, 200, n), 0.0)
    start = np.round(np.concatenate((close[:1], close[:-1])) + jumps, 1)
    high = np.round(np.maximum(start, close) + rng.integers(0, 60, n), 1)
    low = np.round(np.minimum(start, close) - rng.integers(0, 60, n), 1)
    ts_ms = BEGAN_MS + step_ms * np.arange(1, n + 1, dtype=np.int64)
    return Bars(ts_ms=ts_ms, open=start, high=high, low=low, close=close, volume=np.ones(n))


def a_spec(tag: str = "paper", **changed: Any) -> Spec:
    """A loop on made-up five-minute bars of a market round the clock."""
    words: dict[str, Any] = {
        "exchange": "MADEUP", "symbol": "BTC/USD", "timeframe": "5m", "strategy": "ma_cross", "params": PARAMS,
        "cash": 10_000.0, "fee_bps": 10.0, "gap": 0, "market": "24/7",
    }  # fmt: skip
    return made(tag, **(words | changed), exchanges={}, source="test")


def a_loop(spec: Spec, *, limits: Limits | None = None, configured: tuple[Place, ...] = ()) -> Loop:
    """It, opened, at a clock long after all bars."""
    setting = Setting(
        now_ms=lambda: BEGAN_MS + 10**11, limits=limits or Limits(), configured=configured, fetched=False, synced=False
    )
    OPENED.append(Loop(spec, setting))
    return OPENED[-1]


def shut() -> None:
    """Close all of them."""
    while OPENED:
        OPENED.pop().journal.close()


def fed(loop: Loop, bars: Bars, start: int, end: int, by: int = 1) -> Loop:
    """Give it answers of `bars` that end at `start`, and so on by `by` bars up to `end`."""
    for upto in range(start, end + 1, by):
        loop.take(Answer(bars=bars.slice(max(0, upto - 200), upto), final=False))
    return loop


def cells(path: Path) -> list[dict[str, str]]:
    """The rows of a file, by the names in its heading."""
    heading, *lines = path.read_text(encoding="utf-8").splitlines()
    return [dict(zip(heading.split(","), line.split(","), strict=True)) for line in lines]
