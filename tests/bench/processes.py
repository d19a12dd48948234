"""Whole processes and what they cost, and made-up bars for them to work on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tests.bench.core import as_cron

ROOT = Path(__file__).resolve().parents[2]
GROUP_ROWS = 250_000
# A small process in between: a new one begins with the peak memory of the one that started it.
LAUNCHER = """
import os, sys, time
began, child = time.perf_counter(), os.fork()
if not child:
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1), os.dup2(nothing, 2)
    os.execv(sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(child, 0)
print(usage.ru_utime + usage.ru_stime, time.perf_counter() - began, usage.ru_maxrss / 1024)
sys.exit(status != 0)
"""


def measured(
    argv: Sequence[str], home: Path, runs: int, before: Callable[[], object] = lambda: None
) -> tuple[float, float, float]:
    """(processor seconds, seconds on the clock, peak megabytes) of a whole process: the least of some runs each."""
    found = []
    for _ in range(runs):
        before()
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", LAUNCHER, *argv],
            cwd=ROOT,
            env={**as_cron(), "NIGHTDESK_HOME": str(home)},
            stdout=subprocess.PIPE,
            check=True,
        )
        found.append([float(figure) for figure in done.stdout.split()])
    cpu, clock, peak = zip(*found, strict=True)
    return min(cpu), min(clock), min(peak)


def make_bars(path: Path, symbols: int, bars: int) -> Path:
    """Random walks to hundredths, a file per size, some symbols a row group."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng, writer, tables = np.random.default_rng(symbols * bars), None, []
    ts_ms = 1_000_000_000_000 + 300_000 * np.arange(bars, dtype=np.int64)
    for symbol in range(symbols):
        close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 0.01, bars))), 2).clip(1)
        start = np.concatenate((close[:1], close[:-1]))
        high, low = np.maximum(start, close) + 0.1, np.minimum(start, close) - 0.1
        table = pa.table({"symbol": [f"S{symbol:05}"] * bars, "ts_ms": ts_ms, "open": start, "high": high, "low": low})
        tables.append(table.append_column("close", pa.array(close)).append_column("volume", pa.array(np.ones(bars))))
        if len(tables) * bars >= GROUP_ROWS or symbol == symbols - 1:
            writer = writer or pq.ParquetWriter(path, tables[0].schema)
            writer.write_table(pa.concat_tables(tables))
            tables = []
    if writer:
        writer.close()
    return path
