"""What a backtest on a desk costs, and comparing two, as whole processes: the fastest and the median of a few."""

from __future__ import annotations

import csv
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.core import ROOT, ROUNDS, measured


def main() -> None:
    print(f"{'what':46} {'fastest s':>9} {'median s':>9} {'peak MB':>8}  asked")
    with tempfile.TemporaryDirectory() as folder:
        backtests(Path(folder))


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


def row(name: str, figures: tuple[float, float, float], note: str) -> None:
    """One line of the table, as soon as it is known."""
    fastest, median, peak = figures
    print(f"{name:46} {fastest:9.3f} {median:9.3f} {peak:8.0f}  {note}", flush=True)


if __name__ == "__main__":
    main()
