"""Importing files, whole processes: a year of minutes as one CSV, and many files of ten years of days.

Processor seconds and the most memory are printed beside what was asked for; wall seconds depend on the disk, which
waits for every partition.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from tests.bench.core import as_cron
from utils import trading_day

ROOT = Path(__file__).resolve().parents[2]
MINUTES, MINUTES_S, MINUTES_MB = 525_600, 1.5, 200
FILES, FILES_S, FILES_ASKED = 250, 25.0, 2_500
HEAD = (
    "name: bench\nmarket: {market}\nsession: last_bar\ndumps: data/dumps\naccounts: {{}}\nsetups: {{}}\ninstruments:\n"
)


def minutes(home: Path) -> None:
    """One file of a year of minutes, and its desk."""
    chance, price, rows = random.Random(1), 100.0, ["timestamp,open,high,low,close,volume"]
    for i in range(MINUTES):
        opened, price = price, round(price * (1 + chance.gauss(0, 1e-4)), 2)
        low, high = min(opened, price) - 0.01, max(opened, price) + 0.01
        rows.append(f"{1_577_836_800 + 60 * i},{opened:.2f},{high:.2f},{low:.2f},{price:.2f},{chance.random():.4f}")
    (home / "data/dumps/m.csv").write_text("\n".join(rows) + "\n")
    line = (
        "  - {symbol: M, exchange: T, market: 24/7, timeframe: 1m, file: m.csv, currency: USD, layout: ohlcv_start}\n"
    )
    (home / "desk.yaml").write_text(HEAD.format(market="24/7") + line)


def files(home: Path, count: int) -> None:
    """So many files of ten years of New York's days, and their desk."""
    chance, lines = random.Random(2), []
    days = [s.date.isoformat() for s in trading_day.load("XNYS").sessions() if "2015" <= s.date.isoformat() < "2025"]
    for n in range(count):
        price, rows = 100.0, ["Date,Open,High,Low,Close,Volume"]
        for day in days:
            opened, price = price, round(price * (1 + chance.gauss(0, 0.01)), 2)
            low, high = min(opened, price) - 0.5, max(opened, price) + 0.5
            rows.append(f"{day},{opened:.2f},{high:.2f},{low:.2f},{price:.2f},{chance.randint(1000, 9_000_000)}")
        (home / f"data/dumps/s{n}.csv").write_text("\n".join(rows) + "\n")
        lines.append(f"  - {{symbol: S{n}, exchange: T, market: XNYS, timeframe: 1d, file: s{n}.csv, currency: USD}}\n")
    (home / "desk.yaml").write_text(HEAD.format(market="XNYS") + "".join(lines))


def took(home: Path) -> tuple[float, float, float]:
    """(wall seconds, processor seconds, most megabytes) of one import; of all children so far the most."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "pyjobs.import_bars", "--desk", str(home / "desk.yaml")]
    env = as_cron() | {"NIGHTDESK_HOME": str(home)}
    subprocess.run(command, cwd=ROOT, env=env, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return time.perf_counter() - began, cpu, after.ru_maxrss / 1024


def main() -> None:
    """Print both, first import and second (nothing new)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", metavar="N", type=int, default=FILES, help=f"how many (asked: {FILES_ASKED})")
    count = parser.parse_args().files
    many = (f"{count} files of ten years", partial(files, count=count))
    for name, prepare in ((f"{MINUTES} minutes", minutes), many):
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            (home / "data/dumps").mkdir(parents=True)
            prepare(home)
            for which in ("first", "again"):
                wall_s, cpu_s, peak_mb = took(home)
                print(f"{name}, {which}: {cpu_s:.2f} s of processor, {wall_s:.2f} s wall, at most {peak_mb:.0f} MB")
    scale, cores = FILES_ASKED / count, os.cpu_count() or 1
    print(f"asked: {MINUTES_S} s and {MINUTES_MB} MB for the minutes;", end=" ")
    print(f"{FILES_S:.0f} s on two cores for {FILES_ASKED} files, {scale:g} times as many ({cores} cores here)")


if __name__ == "__main__":
    main()
