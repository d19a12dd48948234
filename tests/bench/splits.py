"""How many splits are told that were planted on real days, and how many are that never were.

Prices are those outside the clone (NIGHTDESK_SHARED_DATA); each planted split stands alone among 200 days before it and
20 after it. `both`: prices and volumes as they were traded; `price`: the volumes put right already.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyjobs.market.bars import DAY_MS, Bars
from pyjobs.market.checks.splits import breaks
from tests.market.support.real_prices import real_candles, real_days

ROOT = Path(__file__).resolve().parents[2]
BEFORE, AFTER = 200, 20
KINDS = {
    "2:1 … 20:1": [(p, 1) for p in (2, 3, 4, 5, 6, 7, 9, 10, 12, 13, 15, 20)],
    "25:1 … 1000:1": [(p, 1) for p in (25, 35, 50, 100, 137, 250, 500, 1000)],
    "1:2 … 1:20": [(1, q) for q in (2, 3, 4, 5, 6, 7, 9, 10, 12, 13, 15, 20)],
    "1:25 … 1:1000": [(1, q) for q in (25, 35, 50, 100, 137, 250, 500, 1000)],
    "p:q, 1.5 and more": [(3, 2), (5, 3), (7, 4), (8, 5), (5, 2), (7, 3), (17, 11), (19, 12), (20, 13), (11, 4)],
    "p:q, 1.3 to 1.5": [(4, 3), (7, 5), (11, 8), (10, 7), (13, 9), (15, 11), (18, 13), (19, 14)],
    "9:7, 14:11, 5:4": [(9, 7), (14, 11), (5, 4)],
    "11:9, 17:14, 6:5": [(11, 9), (17, 14), (6, 5)],
    "13:11, 20:17, 7:6": [(13, 11), (20, 17), (7, 6)],
    "8:7": [(8, 7)],
    "9:8": [(9, 8)],
    "10:9": [(10, 9)],
    "11:10 … 20:19": [(p, p - 1) for p in range(11, 21)],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    name: str
    market: str
    bars: Bars


def series(folder: Path) -> list[Series]:
    """The real days of shares, and candles of a coin taken for a share (only for what never was one)."""
    found = []
    for path in sorted((folder / "krx_daily").glob("v1_[0-9]*.csv")):
        days = real_days(path)
        columns = np.array([days[day] for day in sorted(days)]).T
        high, low = np.maximum.reduce(columns[:4]), np.minimum.reduce(columns[:4])
        times = np.arange(columns.shape[1], dtype=np.int64) * DAY_MS
        bars = Bars(ts_ms=times, open=columns[0], high=high, low=low, close=columns[3], volume=columns[4])
        found.append(Series(name=path.stem, market="XKRX", bars=bars))
    for step, ms in (("1h", 3_600_000), ("30m", 1_800_000)):
        path = folder / f"bitfinex_bars/BFX_BTCUSD_{step}.json"
        found.append(Series(name=path.stem, market="coin", bars=real_candles(path, ms)))
    return found


def planted(bars: Bars, ratio: float, *, both: bool) -> Bars:
    """`bars` as traded where each share became `ratio` shares before the open of the bar at BEFORE."""
    factor = np.where(np.arange(len(bars)) < BEFORE, ratio, 1.0)
    prices = {name: getattr(bars, name) * factor for name in ("open", "high", "low", "close")}
    return Bars(ts_ms=bars.ts_ms, volume=bars.volume / (factor if both else 1), **prices)


def told(shares: list[Series], ratio: float, tries: int, *, both: bool) -> float:
    """The share of planted splits that are found, at their bar."""
    chance, found = np.random.default_rng(17), 0
    for _ in range(tries):
        each = shares[int(chance.integers(len(shares)))].bars
        at = int(chance.integers(BEFORE, len(each) - AFTER))
        piece = each.slice(at - BEFORE, at + AFTER)
        found += BEFORE in [place for place, _ in breaks(planted(piece, ratio, both=both), "XKRX")]
    return found / tries


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=40, help="planted splits of each ratio")
    tries = parser.parse_args().tries
    folder = Path(os.environ.get("NIGHTDESK_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        print(f"splits: no real prices at {folder}: not measured")
        return
    every = series(folder)
    shares = [each for each in every if each.market == "XKRX"]
    print(f"{'split':20} {'both':>6} {'price':>6}")
    for kind, ratios in KINDS.items():
        shown = [np.mean([told(shares, p / q, tries, both=both) for p, q in ratios]) for both in (True, False)]
        print(f"{kind:20} {shown[0]:6.0%} {shown[1]:6.0%}")
    for name in ("XKRX", "coin"):
        mine = [each for each in every if each.market == name]
        bars, false = sum(len(each.bars) for each in mine), sum(len(breaks(each.bars, "XKRX")) for each in mine)
        print(f"never one: {false} of {bars:,} real {'days' if name == 'XKRX' else 'candles'}")


if __name__ == "__main__":
    main()
