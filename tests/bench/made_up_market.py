"""`python -m tests.bench.made_up_market DESK.yaml SYMBOLS`: ten years of days, an index, a desk of all setups."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.market.store.bar_store import BarStore
from pyjobs.strategy.registry import REGISTRY
from utils import trading_day

BARS, LAST = 2520, "2026-11-19"
HEAD = """name: bench
market: XKRX
dumps: x
session: last_bar
accounts: {a: {currency: KRW, cash: 1000000, max_positions: 1, max_weight: 1}}
"""
LINE = "  - {{symbol: {}, exchange: BENCH, market: XKRX, timeframe: 1d, currency: KRW, file: x, role: {}}}\n"


def main(desk: Path, symbols: int) -> None:
    closes = [s.close_utc_s * 1000 for s in trading_day.load("XKRX").sessions() if s.date.isoformat() <= LAST][-BARS:]
    ts_ms, store = np.array(closes, dtype=np.int64), BarStore(desk.parent / "data/raw", locks=desk.parent / ".locks")
    lines = []
    names = ["KOSPI", *(f"B{number:04d}" for number in range(symbols))]
    for number, name in enumerate(names):
        key = SeriesKey(exchange="BENCH", symbol=name, timeframe="1d")
        store.write(key, walk(ts_ms, number), provider="b", fetched_at_ms=1, adjusted="raw", last_final=True)
        lines.append(LINE.format(name, "trade" if number else "benchmark"))
    setups = "".join(f"  {name}: {{}}\n" for name in REGISTRY)
    desk.write_text(f"{HEAD}setups:\n{setups}instruments:\n" + "".join(lines))


def walk(ts_ms: np.ndarray, seed: int) -> Bars:
    """Prices to the cent that wander; each is the float that its two decimals read as, as a file has it."""
    rng = np.random.default_rng(seed)
    close = np.round(100 * np.exp(np.cumsum(0.015 * rng.standard_normal(ts_ms.size))) + 1, 2)
    start = np.concatenate((close[:1], close[:-1]))
    high, low = np.round(np.maximum(start, close) + 0.25, 2), np.round(np.minimum(start, close) - 0.25, 2)
    return Bars(ts_ms=ts_ms, open=start, high=high, low=low, close=close, volume=np.ones(ts_ms.size))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
