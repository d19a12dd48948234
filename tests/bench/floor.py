"""How little the workloads of tests/bench/WORKLOADS.md can cost: one plain compiled loop, arrays already in memory.

`python -m tests.bench.floor W1|W2|W3 BARS.parquet OUT.csv` prints JSON: seconds of reading the prices with pyarrow and
of the loop alone. Nothing is checked, averages are running sums, nothing but the figures is kept.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numba
import numpy as np
import pyarrow.parquet as pq


@numba.njit(error_model="numpy")
def averages(close: Any, n: int) -> Any:
    out = np.full(close.size, np.nan)
    total = 0.0
    for t in range(close.size):
        total += close[t]
        if t >= n:
            total -= close[t - n]
        if t >= n - 1:
            out[t] = total / n
    return out


@numba.njit(error_model="numpy")
def distances(high: Any, low: Any, close: Any) -> Any:
    """Two average true ranges of 14."""
    ranges = np.empty(close.size)
    ranges[0] = high[0] - low[0]
    for t in range(1, close.size):
        ranges[t] = max(high[t], close[t - 1]) - min(low[t], close[t - 1])
    return 2.0 * averages(ranges, 14)


@numba.njit(error_model="numpy")
def run(bars: Any, fast: Any, slow: Any, percent: float, distance: Any, fee: float) -> Any:
    """(total return, deepest fall, entries) of one series."""
    opening, low, close = bars[0], bars[2], bars[3]
    cash, held, stop, peak, deepest, entries, order = 1e6, 0.0, 0.0, 1e6, 0.0, 0, 0
    for t in range(close.size):
        if order == 1:
            held, cash = cash / (opening[t] * (1 + fee)), 0.0
            stop = opening[t] * (1 - percent) if percent > 0 else opening[t] - distance[t - 1]
            entries += 1
        elif order == -1:
            cash, held = held * opening[t] * (1 - fee), 0.0
        order = 0
        if held > 0 and low[t] <= stop:
            cash, held = held * min(stop, opening[t]) * (1 - fee), 0.0
        equity = cash + held * close[t]
        peak = max(peak, equity)
        deepest = min(deepest, equity / peak - 1)
        if t > 0:
            if held == 0 and fast[t] > slow[t] and fast[t - 1] <= slow[t - 1]:
                order = 1
            elif held > 0 and fast[t] < slow[t] and fast[t - 1] >= slow[t - 1]:
                order = -1
    return (cash + held * close[-1]) / 1e6 - 1, deepest, entries


@numba.njit(error_model="numpy")
def everything(table: Any, symbols: int, fast: Any, slow: Any, percent: float, fee: float) -> Any:
    """Every pair of windows on every series; shape (pairs * symbols, 3)."""
    n = table.shape[1] // symbols
    out = np.empty((fast.size * slow.size * symbols, 3))
    for i in range(symbols):
        bars = table[:, i * n : (i + 1) * n]
        quick, calm = [averages(bars[3], k) for k in fast], [averages(bars[3], k) for k in slow]
        distance = averages(bars[3], 1) if percent > 0 else distances(bars[1], bars[2], bars[3])
        for a in range(fast.size):
            for b in range(slow.size):
                gain, fall, entries = run(bars, quick[a], calm[b], percent, distance, fee)
                out[(a * slow.size + b) * symbols + i] = np.array([gain, fall, float(entries)])
    return out


WINDOWS = {"W1": ([10], [30]), "W2": ([20], [100]), "W3": (list(range(2, 12)), [20, *range(30, 111, 10)])}
STOP = {"W1": 0.05, "W2": 0.0, "W3": 0.05}
FEE = {"W1": 0.001, "W2": 0.0002, "W3": 0.001}
SYMBOLS = {"W1": 500, "W2": 1, "W3": 100}


def main(work: str, path: str, out: str) -> None:
    fast, slow = (np.array(windows) for windows in WINDOWS[work])
    reads, loops = [], []
    for _ in range(4):  # the first one compiles
        begun = time.perf_counter()
        read = pq.read_table(path, columns=["open", "high", "low", "close"], use_threads=False)
        table = np.stack([read.column(name).to_numpy() for name in read.column_names])
        reads.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        figures = everything(table, SYMBOLS[work], fast, slow, STOP[work], FEE[work])
        loops.append(time.perf_counter() - begun)
    np.savetxt(out, figures, delimiter=",", header="total_return,max_drawdown,n_trades", comments="")
    print(json.dumps({"read": min(reads), "loop": min(loops)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
