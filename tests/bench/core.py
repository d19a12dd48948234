"""What the decision core costs, as whole processes, beside other engines where they are installed and a floor.

Workloads are those of bench/WORKLOADS.md, made by its script when `../shared/bench` (or NIGHTDESK_SHARED_BENCH) is
there. BENCH_PEERS names a Python that has vectorbt or backtesting.py. Times are the fastest and the median of a few.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("NIGHTDESK_SHARED_BENCH", ROOT.parent / "shared" / "bench"))
ROUNDS = 5

FLOOR = "import numpy, sys\nprint(numpy.load(sys.argv[1]).sum())"
FIRST_100 = "import pyarrow.parquet as p, sys; p.write_table(p.read_table(sys.argv[1]).slice(0, 252000), sys.argv[2])"
VECTORBT = """
import sys, numpy as np, pandas as pd, vectorbt as vbt
def one(frame, fast, slow, fee, **more):
    close, opening = frame["close"], frame["open"]
    f, s = vbt.MA.run(close, fast, short_name="f"), vbt.MA.run(close, slow, short_name="s")
    up = f.ma_crossed_above(s).to_numpy().reshape(close.shape)
    down = f.ma_crossed_below(s).to_numpy().reshape(close.shape)
    up, down = (pd.DataFrame(x, close.index, close.columns).shift(1, fill_value=False) for x in (up, down))
    pf = vbt.Portfolio.from_signals(close, up, down, price=opening, open=opening, high=frame["high"], low=frame["low"],
        fees=fee, sl_stop=0.05, stop_entry_price="fillprice", freq="1D", **more)
    return pf.total_return(), pf.max_drawdown(), pf.trades.count()
table = pd.read_parquet(sys.argv[2])
if sys.argv[1] == "W2":
    table["symbol"] = "X"
frame = {c: table.pivot(index="ts_ms", columns="symbol", values=c) for c in ("open", "high", "low", "close")}
if sys.argv[1] == "W3":
    for fast in range(2, 12):
        for slow in (20, *range(30, 111, 10)):
            one(frame, fast, slow, 0.001)
elif sys.argv[1] == "W2":
    one(frame, 20, 100, 0.0002)
else:
    one(frame, 10, 30, 0.001)
"""
BACKTESTING = """
import sys, pandas as pd
from backtesting import Backtest, Strategy
from backtesting.lib import crossover
def sma(x, n): return pd.Series(x).rolling(n).mean()
class Cross(Strategy):
    fast, slow = (20, 100) if sys.argv[1] == "W2" else (10, 30)
    def init(self):
        self.f, self.s = self.I(sma, self.data.Close, self.fast), self.I(sma, self.data.Close, self.slow)
    def next(self):
        if not self.position and crossover(self.f, self.s):
            self.buy(sl=self.data.Close[-1] * 0.95)
        elif self.position and crossover(self.s, self.f):
            self.position.close()
table = pd.read_parquet(sys.argv[2]).rename(columns=str.capitalize)
groups = [table] if sys.argv[1] == "W2" else [g for _, g in table.groupby("Symbol")]
for g in groups:
    g.index = pd.to_datetime(g["Ts_ms"], unit="ms")
    Backtest(g[["Open", "High", "Low", "Close", "Volume"]], Cross, cash=1e9, commission=0.0002).run()
"""


def measured(argv: list[str], env: dict[str, str], rounds: int) -> tuple[float, float, float]:
    """(fastest s, median s, peak MB) of a whole process."""
    times, peak = [], 0.0
    for _ in range(rounds):
        begun = time.perf_counter()
        child = subprocess.Popen(
            argv, cwd=ROOT, env={**os.environ, **env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        assert child.returncode == 0, argv
        times.append(time.perf_counter() - begun)
        peak = max(peak, usage.ru_maxrss / 1024)
    return min(times), statistics.median(times), peak


def ours(work: str, data: Path) -> list[str]:
    """The command that does `work`."""
    base = [sys.executable, "-m"]
    outputs = ["--per-symbol", str(data / "per_symbol.csv")]
    trades = ["--trades", str(data / "trades.csv")]
    common = ["--strategy", "ma_cross", "--bars", str(data / f"{work.lower()}.parquet"), *outputs]
    if work == "W1":
        flags = ["--param", "fast=10", "--param", "slow=30", "--param", "stop_loss=0.05", "--fee-bps", "10"]
        return [*base, "pyjobs.run_bt", *common, *trades, *flags]
    if work == "W2":
        flags = ["--param", "fast=20", "--param", "slow=100", "--param", "stop_atr=2", "--fee-bps", "2"]
        return [*base, "pyjobs.run_bt", *common, *trades, *flags]
    axes = ["--sweep", "fast=2..11", "--sweep", "slow=20,30,40,50,60,70,80,90,100,110"]
    return [*base, "pyjobs.run_sweep", *common, *axes, "--param", "stop_loss=0.05", "--fee-bps", "10"]


def peers() -> dict[str, list[str]]:
    """Engines that are installed, as the beginning of a command that takes a workload and its file."""
    python = os.environ.get("BENCH_PEERS", sys.executable)
    found = {}
    for name, module, code in (("vectorbt", "vectorbt", VECTORBT), ("backtesting.py", "backtesting", BACKTESTING)):
        if subprocess.run([python, "-c", f"import {module}"], capture_output=True, cwd="/").returncode == 0:
            found[name] = [python, "-c", code]
    return found


def main() -> None:
    if not (SHARED / "make_workloads.py").is_file():
        print(f"core: no workloads: {SHARED}/make_workloads.py is not there (NIGHTDESK_SHARED_BENCH names the folder)")
        return
    with tempfile.TemporaryDirectory() as folder:
        data, home = Path(folder), Path(folder) / "home"
        subprocess.run([sys.executable, SHARED / "make_workloads.py", folder], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([sys.executable, "-c", FIRST_100, data / "w1.parquet", data / "w3.parquet"], check=True)
        others = peers()
        print(f"{'work':4} {'way':28} {'fastest s':>10} {'median s':>9} {'peak MB':>8} {'x ours':>7}")
        for work in ("W1", "W2", "W3"):
            report(work, data, home, others)


def report(work: str, data: Path, home: Path, others: dict[str, list[str]]) -> None:
    """The rows of one workload."""
    env, command = {"NIGHTDESK_HOME": str(home)}, ours(work, data)
    measured([*command, "--no-cache"], env, 1)  # compiles, warms the disk's cache
    parquet = measured([*command, "--no-cache"], env, ROUNDS)
    measured(command, env, 1)
    time.sleep(2.5)  # a cache as young as its source is verified by content; this one is not
    measured(command, env, 1)
    cached = measured(command, env, ROUNDS)
    best = cached[0]
    row(work, "nightdesk, Parquet", parquet, best)
    row(work, "nightdesk, cached columns", cached, best)
    npy = data / ("w2_ohlc.npy" if work == "W2" else "w1_ohlc.npy")
    row(work, "floor: read the .npy, add", measured([sys.executable, "-c", FLOOR, str(npy)], {}, ROUNDS), best)
    for name, argv in others.items():
        if name == "vectorbt" or work == "W2":  # backtesting.py takes one series at a time
            row(work, name, measured([*argv, work, str(data / f"{work.lower()}.parquet")], {}, 1), best)
    shutil.rmtree(home, ignore_errors=True)


def row(work: str, name: str, figures: tuple[float, float, float], best: float) -> None:
    """One line of the table, as soon as it is known."""
    fastest, median, peak = figures
    print(f"{work:4} {name:28} {fastest:10.2f} {median:9.2f} {peak:8.0f} {fastest / best:7.1f}", flush=True)


if __name__ == "__main__":
    main()
