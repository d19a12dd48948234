"""What a desk costs, as whole processes: a scan of 2 500 symbols over ten years, backtests, a sweep, two runs compared.

BENCH_SYMBOLS says how many symbols the scan has, BENCH_DESK how many the account trades. Columns as in `core`. The
markets are made in memory where that can be.
"""

from __future__ import annotations

import csv
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.core import ROOT, Measured, measured, told

SYMBOLS, ROUNDS, IN_MEMORY = int(os.environ.get("BENCH_SYMBOLS", "2500")), 5, "/dev/shm"
TWO_LATER = "2026-11-23"  # two sessions of XKRX after the made-up market's last one
TRADED = int(os.environ.get("BENCH_DESK", "500"))


def main() -> None:
    print(f"{'what':46} {'fastest s':>9} {'median s':>9} {'cpu s':>7} {'peak MB':>7}  asked")
    with tempfile.TemporaryDirectory() as folder:
        compile_loops(Path(folder))
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if Path(IN_MEMORY).is_dir() else None) as folder:
        scan(Path(folder))
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if Path(IN_MEMORY).is_dir() else None) as folder:
        account(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        backtests(Path(folder))


def compile_loops(home: Path) -> None:
    """A small account, so that a new clone compiles its loops before anything is measured."""
    desk = home / "desk.yaml"
    subprocess.run([sys.executable, "-m", "tests.bench.made_up_market", desk, "3"], cwd=ROOT, check=True)
    command = [sys.executable, "-m", "pyjobs.account_backtest", "--desk", str(desk), "--out", str(home)]
    measured(command, {"NIGHTDESK_HOME": str(home)}, 1)


def scan(home: Path) -> None:
    """The last closed bar of a whole market."""
    desk = home / "desk.yaml"
    subprocess.run([sys.executable, "-m", "tests.bench.made_up_market", desk, str(SYMBOLS)], cwd=ROOT, check=True)
    env = {"NIGHTDESK_HOME": str(home)}
    command = [sys.executable, "-m", "pyjobs.scan", "--desk", str(desk)]
    size = f"{SYMBOLS} x 2520, all setups"
    row(f"scan {size}, no columns yet", measured(command, env, 1), "")
    warm = measured(command, env, ROUNDS)
    row(f"scan {size}, warm", warm, "<= 1.5 s (for 2500)")
    the_day_after(home, desk, warm)


def the_day_after(home: Path, desk: Path, warm: Measured) -> None:
    """One bar more for each series, and what a night does then; beside the warm scan."""
    env, out = {"NIGHTDESK_HOME": str(home), "ALLOW_NET_FETCH": "0"}, home / "run"
    for name in ("reports", "backtests", "portfolio", "queue", "logs"):
        (out / name).mkdir(parents=True)
    verb = [sys.executable, "-m"]
    more, flags = [*verb, "tests.bench.one_more_bar", str(home)], ["--desk", str(desk), "--out", str(out)]
    for name, command, asked in (
        ("a bar more for each", more, "<= 1.5 x"),
        ("scan on the day after", [*verb, "pyjobs.scan", *flags], "<= 1.5 x"),
        ("setup_backtest", [*verb, "pyjobs.setup_backtest", *flags], "<= 2.5 x, 600 MB"),
        ("account_backtest", [*verb, "pyjobs.account_backtest", *flags], "<= 2.5 x, 600 MB"),
    ):
        figures = measured(command, env, 1)
        row(name, figures, f"{ratios(figures, warm)}, asked {asked}")
    measured(more, env, 1)
    night = [*verb, "pyjobs.nightly", "--desk", str(desk), "--session", TWO_LATER]
    took = measured(night, env, 1, codes=(0, 66))  # there is no dump: everything but the import
    row("a night on the day after that", took, f"{ratios(took, warm)}, asked <= 16 x, 1 GB")


def ratios(took: Measured, warm: Measured) -> str:
    """To the warm scan, on the clock and in processor seconds: a busy machine stretches the first."""
    return f"{took.fastest / warm.fastest:.2f} x the warm scan, {took.cpu / warm.cpu:.2f} x in processor seconds"


def account(home: Path) -> None:
    """One account on a whole market: a backtest with its files and pictures, and a sweep in one process."""
    desk = home / "desk.yaml"
    subprocess.run([sys.executable, "-m", "tests.bench.made_up_market", desk, str(TRADED)], cwd=ROOT, check=True)
    text = desk.read_text()
    desk.write_text(text.replace("max_positions: 1, max_weight: 1", "max_positions: 20, max_weight: 0.05"))
    env, flags = {"NIGHTDESK_HOME": str(home)}, ["--desk", str(desk), "--strategy", "ma_cross"]
    run_bt = [sys.executable, "-m", "pyjobs.run_bt", *flags]
    sweep = [sys.executable, "-m", "pyjobs.run_sweep", *flags, "--workers", "1"]
    axes = ["--sweep", "fast=5,10,15,20", "--sweep", "slow=30..90:20"]
    for name, command in (("run_bt", run_bt), ("run_sweep, 16 sets", [*sweep, *axes])):
        measured(command, env, 1)  # makes the columns
        row(f"{name}, {TRADED} x 2520 on one account", measured(command, env, 3), "")


def backtests(home: Path) -> None:
    """The sample desk's account backtest with all its pictures, and two runs of it one last bit apart."""
    env = {"NIGHTDESK_HOME": str(home), "ALLOW_NET_FETCH": "0"}
    for verb in ("make_sample", "import_bars"):
        measured([sys.executable, "-m", f"pyjobs.{verb}"], env, 1)
    run_bt = [sys.executable, "-m", "pyjobs.run_bt", "--strategy", "ma_cross"]
    measured(run_bt, env, 1)
    row("run_bt on the sample desk, files and pictures", measured(run_bt, env, ROUNDS), "")
    *_, a, b = sorted((home / "backtests").iterdir())
    compare = [sys.executable, "-m", "pyjobs.compare_runs", str(a), str(b)]
    row("compare_runs, the same", measured(compare, env, ROUNDS), "<= 0.3 s")
    where = nudge(b / "trades.csv")
    said = subprocess.run(compare, cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True).stdout
    assert "DRIFT" in said and where in said, said
    row("compare_runs, one fill one last bit off: found", measured(compare, env, ROUNDS), "<= 0.3 s")


def nudge(path: Path) -> str:
    """Move the fill of the middle trade by one unit in the last place; how the comparison will call it."""
    rows = list(csv.reader(path.open(newline="")))
    number, column = len(rows) // 2, rows[0].index("entry_price")
    rows[number][column] = repr(math.nextafter(float(rows[number][column]), math.inf))
    with path.open("w", newline="") as out:
        csv.writer(out, lineterminator="\n").writerows(rows)
    return f"trade {number} ("


def row(name: str, figures: Measured, note: str) -> None:
    """One line of the table, as soon as it is known."""
    print(f"{name:46} {told(figures)}  {note}", flush=True)


if __name__ == "__main__":
    main()
