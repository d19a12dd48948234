"""What a scan of a whole market costs, as a process: 2 500 symbols x 10 years of days, every setup there is.

The bars are made up; writing them takes a minute or two. BENCH_SYMBOLS changes the number. The first scan fills the
column cache; the figures are of those after it.
"""

from __future__ import annotations

import os
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from pyjobs.market.bars import Bars, IntArray, SeriesKey
from pyjobs.market.store import BarStore
from pyjobs.strategy.registry import REGISTRY
from tests.bench.core import ROUNDS, measured
from utils import trading_day

SYMBOLS = int(os.environ.get("BENCH_SYMBOLS", "2500"))
ASKED_S = 1.5
HEAD = """
name: market
market: XKRX
session: last_bar
dumps: dumps
accounts: {krw: {currency: KRW, cash: 1000000, max_positions: 1, max_weight: 1}}
"""
LINE = "- {{symbol: {}, exchange: X, market: XKRX, timeframe: 1d, currency: KRW, file: f, role: {}}}"


@lru_cache(maxsize=1)
def closes() -> IntArray:
    """When the sessions of ten years closed."""
    sessions = [s for s in trading_day.load("XKRX").sessions() if 2015 <= s.date.year <= 2024]
    return np.array([s.close_utc_s * 1000 for s in sessions], np.int64)


def bars(seed: int) -> Bars:
    """Ten years of XKRX sessions."""
    ts_ms = closes()
    steps = np.random.default_rng(seed).normal(0.0003, 0.02, ts_ms.size)
    close = np.round(50_000 * np.exp(np.cumsum(steps))).clip(1_000)
    return Bars(ts_ms=ts_ms, open=close, high=close * 1.01, low=close * 0.99, close=close, volume=np.ones(close.size))


def fill(home: Path) -> Path:
    """The store of the market and its desk file."""
    store, symbols = BarStore(home / "data" / "raw"), [f"S{n:04d}" for n in range(SYMBOLS)]
    for seed, symbol in enumerate(["KOSPI", *symbols]):
        store.write(_key(symbol), bars(seed), provider="bench", fetched_at_ms=0, adjusted="raw", last_final=True)
    lines = [LINE.format(symbol, "trade") for symbol in symbols] + [LINE.format("KOSPI", "benchmark")]
    setups = "setups:\n" + "".join(f"  {name}: {{}}\n" for name in REGISTRY)
    desk = home / "desk.yaml"
    desk.write_text(HEAD + setups + "instruments:\n" + "\n".join(f"  {line}" for line in lines) + "\n")
    return desk


def _key(symbol: str) -> SeriesKey:
    return SeriesKey(exchange="X", symbol=symbol, timeframe="1d")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        desk = fill(home)
        command = [sys.executable, "-m", "pyjobs.scan", "--desk", str(desk)]
        env = {"NIGHTDESK_HOME": str(home)}
        first, _, _ = measured(command, env, 1)
        measured(command, env, 1)
        fastest, median, peak = measured(command, env, ROUNDS)
        print(f"scan of {SYMBOLS} symbols x 10 years, {len(REGISTRY)} setups: {fastest:.2f} s warm (asked {ASKED_S}),")
        print(f"  median {median:.2f} s, {peak:.0f} MB, {first:.1f} s the first time")


if __name__ == "__main__":
    main()
