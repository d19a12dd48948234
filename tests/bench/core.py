"""What the decision core costs, as whole processes, with other engines and a floor, all in the same run.

Workloads are those of WORKLOADS.md, made by `workloads.py`. The other engines run in `.venv-peers` (`make
bench-peers`), by the scripts in `peers/`. Times are the fastest and the median of a few, and the least time on
processors (which a busy machine stretches less); every row is compared with our result for each symbol, under the
conventions it follows.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.bench.peers.cases import ABSENT, PYTHON, SCRIPTS

ROOT = Path(__file__).resolve().parents[2]
ROUNDS, PEER_ROUNDS = 5, 2
ASKED = {"W1": (0.9, 0.4, 250), "W2": (0.9, 0.4, None), "W3": (0.8, 0.8, 250)}  # Parquet s, cached s, MB

FIRST_100 = "import pyarrow.parquet as p, sys; p.write_table(p.read_table(sys.argv[1]).slice(0, 252000), sys.argv[2])"
PEERS = {  # row: what it follows, its script, the works it can do, what to add to its command
    "vectorbt, numba": ("vectorbt", ("W1", "W2", "W3"), ["numba"]),
    "vectorbt, rust": ("vectorbt", ("W1", "W2", "W3"), ["rust"]),
    "backtesting.py": ("backtesting_py", ("W2",), []),  # takes one series at a time
}


class Measured(NamedTuple):
    """Seconds (least, in the middle, least on processors) and the peak in MB of a process run a few times."""

    fastest: float
    median: float
    cpu: float
    peak: float = 0.0


def as_cron() -> dict[str, str]:
    """The environment without what keeps Python from keeping compiled modules: no crontab has that."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def measured(argv: list[str], env: dict[str, str], rounds: int, *, codes: Sequence[int] = (0,)) -> Measured:
    """The whole process, `rounds` times, ending with one of `codes`. Its peak is at least this one's: keep it small."""
    times, cpu, peak = [], [], 0.0
    for _ in range(rounds):
        begun = time.perf_counter()
        child = subprocess.Popen(
            argv, cwd=ROOT, env={**as_cron(), **env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        assert child.returncode in codes, (argv, child.returncode)
        times.append(time.perf_counter() - begun)
        cpu.append(usage.ru_utime + usage.ru_stime)
        peak = max(peak, usage.ru_maxrss / 1024)
    return Measured(min(times), statistics.median(times), min(cpu), peak)


def ours(work: str, data: Path, out: Path) -> list[str]:
    """The command that does `work`."""
    base = [sys.executable, "-m"]
    common = ["--strategy", "ma_cross", "--bars", str(data / f"{work.lower()}.parquet"), "--per-symbol", str(out)]
    trades = ["--trades", str(data / "trades.csv")]
    if work == "W1":
        flags = ["--param", "fast=10", "--param", "slow=30", "--param", "stop_loss=0.05", "--fee-bps", "10"]
        return [*base, "pyjobs.run_bt", *common, *trades, *flags]
    if work == "W2":
        flags = ["--param", "fast=20", "--param", "slow=100", "--param", "stop_atr=2", "--fee-bps", "2"]
        return [*base, "pyjobs.run_bt", *common, *trades, *flags]
    axes = ["--sweep", "fast=2..11", "--sweep", "slow=20,30,40,50,60,70,80,90,100,110"]
    return [*base, "pyjobs.run_sweep", *common, *axes, "--param", "stop_loss=0.05", "--fee-bps", "10"]


def main() -> None:
    if not PYTHON.exists():
        print(f"core: {', '.join(PEERS)}: {ABSENT}")
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        made = "import pathlib, sys; from tests.bench.workloads import make; make(pathlib.Path(sys.argv[1]))"
        subprocess.run(
            [sys.executable, "-c", made, folder], cwd=ROOT, check=True
        )  # apart: its memory is no peak of ours
        subprocess.run([sys.executable, "-c", FIRST_100, data / "w1.parquet", data / "w3.parquet"], check=True)
        columns = f"{'fastest s':>9} {'median s':>9} {'cpu s':>7} {'peak MB':>7} {'x ours':>6} {'x cpu':>6}"
        print(f"{'work':4} {'way':30} {columns}  asked, agreement")
        for work in ("W1", "W2", "W3"):
            report(work, data)


def report(work: str, data: Path) -> None:
    """The rows of one workload."""
    home, out = data / "home", data / "ours.csv"
    env, command = {"NIGHTDESK_HOME": str(home)}, ours(work, data, out)
    from_file, from_cache, megabytes = ASKED[work]
    measured([*command, "--no-cache"], env, 1)  # compiles, warms the disk's cache
    parquet = measured([*command, "--no-cache"], env, ROUNDS)
    first = measured(command, env, 1)
    time.sleep(2.5)  # a cache as young as its source is verified by content; this one is not
    measured(command, env, 1)
    cached = measured(command, env, ROUNDS)
    room = f", {megabytes} MB" if megabytes else ""
    row(work, "nightdesk, Parquet", parquet, parquet, f"<= {from_file} s{room}")
    row(work, "nightdesk, making the columns", first, parquet, "")
    row(work, "nightdesk, cached columns", cached, parquet, f"<= {from_cache} s{room}")
    source = str(data / f"{work.lower()}.parquet")
    floor(work, source, out, parquet)
    for name, (semantics, works, more) in PEERS.items():
        if work in works and PYTHON.exists():
            theirs, likewise = data / "theirs.csv", data / "likewise.csv"
            argv = [str(PYTHON), str(Path(__file__).parent / "peers" / SCRIPTS[semantics]), work, source, str(theirs)]
            measured([*argv, *more], {}, 1)  # compiles
            took = measured([*argv, *more], {}, PEER_ROUNDS)
            measured([*ours(work, data, likewise), "--semantics", semantics], env, 1)
            row(work, name, took, parquet, agreement(theirs, likewise))
    shutil.rmtree(home, ignore_errors=True)


def floor(work: str, source: str, out: Path, best: Measured) -> None:
    """What a plain compiled loop costs with the prices in memory, and what reading them costs."""
    figures = out.with_name("floor.csv")
    ran = subprocess.run(
        [sys.executable, "-m", "tests.bench.floor", work, source, figures], cwd=ROOT, capture_output=True, check=True
    )
    seconds = json.loads(ran.stdout)
    start = measured([sys.executable, "-c", "import numpy, pyarrow.parquet"], {}, ROUNDS)
    row(work, "floor: the loop alone", Measured(*[seconds["loop"]] * 3), best, agreement(figures, out))
    row(work, "floor: pyarrow reads 4 columns", Measured(*[seconds["read"]] * 3), best, "")
    row(work, "floor: importing what reads", start, best, "")
    whole = Measured(*(seconds["loop"] + seconds["read"] + each for each in start[:3]))
    row(work, "floor: all three", whole, best, f"nightdesk takes {best.fastest / whole.fastest:.2f} times that")


def agreement(theirs: Path, own: Path) -> str:
    """How many results (one per symbol and parameter set, in the same order) are ours to 1e-9."""
    columns = ("total_return", "max_drawdown", "n_trades")
    a, b = ([[float(line[name]) for name in columns] for line in csv.DictReader(path.open())] for path in (theirs, own))
    off = [max(abs(x - y) for x, y in zip(one, other, strict=True)) for one, other in zip(a, b, strict=True)]
    same = sum(each <= 1e-9 for each in off)
    return f"{same} of {len(a)} results are ours"


def row(work: str, name: str, figures: Measured, best: Measured, note: str) -> None:
    """One line of the table, as soon as it is known."""
    ratios = f"{figures.fastest / best.fastest:6.2f} {figures.cpu / best.cpu:6.2f}"
    print(f"{work:4} {name:30} {told(figures)} {ratios}  {note}", flush=True)


def told(figures: Measured) -> str:
    """Its columns."""
    return f"{figures.fastest:9.3f} {figures.median:9.3f} {figures.cpu:7.3f} {figures.peak:7.0f}"


if __name__ == "__main__":
    main()
