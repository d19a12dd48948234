"""How the cost of a sweep grows: in bars, symbols and parameter sets, on a desk, over a Dask cluster's workers.

Whole processes of `run_sweep` on made-up prices. Cost is processor time (user and system, least of a few runs), which
other work on the machine disturbs less than time on the clock. Prints the tables of docs/SCALING.md and draws its
picture with --picture FILE.png. --quick measures one decade, to try it out.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.bench import scaling_pictures
from tests.bench.core import as_cron
from tests.bench.processes import ROOT, make_bars, measured
from tests.utils.pieces.support import pieces
from tests.utils.pieces.support.clusters import cluster
from utils.pieces.cluster import on_cluster
from utils.pieces.work import Work, local, silent

RUNS = 3
T_95 = {1: 12.706, 2: 4.303, 3: 3.182}  # two-sided, by degrees of freedom
SETS = {  # how many: the axes that make so many
    10: ("2", "110..119"),
    32: ("2..5", "110..117"),
    100: ("2..11", "110..119"),
    316: ("2..80", "110..113"),
    1000: ("2..101", "110..119"),
    10_000: ("2..101", "110..209"),
}
BASE_BARS, BASE_SYMBOLS, BASE_SETS = 2_520, 100, 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One size: how much of what grows, processor seconds, peak megabytes."""

    size: int
    seconds: float
    megabytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """seconds = fixed + each * size, by least squares of relative errors."""

    fixed: float
    each: float

    def at(self, size: float) -> float:
        """Seconds."""
        return self.fixed + self.each * size


def fit(points: Sequence[Point]) -> Line:
    """Every point counts alike, however large."""
    seconds = np.array([point.seconds for point in points])
    rows = np.array([[1.0, point.size] for point in points]) / seconds[:, None]
    (fixed, each), *_ = np.linalg.lstsq(rows, np.ones(len(points)), rcond=None)
    return Line(fixed=float(fixed), each=float(each))


def within(points: Sequence[Point], size: float) -> float:
    """Half the 95 % prediction interval of the line at `size`, as a fraction of its value there.

    Weighted least squares with errors in proportion to the value: s^2 (1 + x0' (X'X)^-1 x0), Student's t.
    """
    seconds = np.array([point.seconds for point in points])
    rows = np.array([[1.0, point.size] for point in points]) / seconds[:, None]
    line, free = fit(points), len(points) - 2
    spread = float(np.sum((rows @ [line.fixed, line.each] - 1) ** 2)) / free
    at = np.array([1.0, size]) / line.at(size)
    return T_95[free] * float(np.sqrt(spread * (1 + at @ np.linalg.inv(rows.T @ rows) @ at)))


def missed_by(points: Sequence[Point], factor: float) -> float:
    """How far the largest is from a line that knows only sizes up to the largest / `factor`; a fraction."""
    largest = points[-1]
    known = [point for point in points if point.size * factor <= largest.size * 1.01]
    return fit(known).at(largest.size) / largest.seconds - 1


def command(bars: Path, sets: int, *more: str) -> list[str]:
    """A sweep of so many parameter sets on a file."""
    fast, slow = SETS[sets]
    flags = ["--sweep", f"fast={fast}", "--sweep", f"slow={slow}", "--param", "stop_loss=0.05", "--no-cache", *more]
    return [sys.executable, "-m", "pyjobs.run_sweep", "--strategy", "ma_cross", "--bars", str(bars), *flags]


def series(sizes: Sequence[int], argv_of: Callable[[int], list[str]], home: Path) -> list[Point]:
    """One point per size."""
    found = []
    for size in sizes:
        cpu, _, peak = measured(argv_of(size), home, RUNS)
        found.append(Point(size=size, seconds=cpu, megabytes=peak))
        print(f"  {size:>8} {cpu:8.2f} s {peak:6.0f} MB", flush=True)
    return found


def growth(folder: Path, *, quick: bool) -> dict[str, list[Point]]:
    """By bars, by symbols, by sets; and sets on a desk."""
    decades = [100, 316, 1000] if quick else [10, 32, 100, 316, 1000]

    def of_bars(n: int) -> list[str]:
        return command(make_bars(folder / "bars.parquet", 20, 100 * n), BASE_SETS, "--workers", "1")

    def of_symbols(n: int) -> list[str]:
        return command(make_bars(folder / "symbols.parquet", n, BASE_BARS), BASE_SETS, "--workers", "1")

    one = make_bars(folder / "one.parquet", BASE_SYMBOLS, BASE_BARS)
    desk = ["--strategy", "ma_cross", "--desk", "config/desk.sample.yaml", "--root", str(folder / "runs")]

    def on_desk(n: int) -> list[str]:
        sweep = ["--sweep", f"fast=2..{n // 2 + 1}", "--sweep", "slow=600,610", "--workers", "1"]
        return [sys.executable, "-m", "pyjobs.run_sweep", *desk, *sweep]

    found = {}
    for name, sizes, argv_of in (
        ("bars of each of 20 symbols, in hundreds", decades, of_bars),
        (f"symbols of {BASE_BARS} bars", decades, of_symbols),
        (f"parameter sets on {BASE_SYMBOLS} symbols", decades, lambda n: command(one, n, "--workers", "1")),
        ("parameter sets on the sample desk", [32, 100, 316] if quick else [10, 100, 316, 1000], on_desk),
    ):
        print(name, flush=True)
        found[name] = series(sizes, argv_of, folder / "home")
    return found


def shared_out(folder: Path, *, quick: bool) -> list[tuple[str, float, float]]:
    """(engine, processor seconds of all its processes, seconds on the clock) for one sweep; and what a piece costs."""
    bars = make_bars(folder / "shared.parquet", 100 if quick else 200, BASE_BARS)
    asked, rows = command(bars, 100), []
    for workers in (1, 2):
        cpu, clock, _ = measured([*asked, "--workers", str(workers)], folder / "home", RUNS)
        rows.append((f"local, {workers} processes" if workers > 1 else "local, 1 process", cpu, clock))
    for workers in (1, 2, 4):
        with cluster(folder / f"dask{workers}", workers=workers) as made:
            flags = ["--engine", "dask", "--scheduler", made.address]
            measured([*asked, *flags], folder / "home", 1)
            before = [used(process.pid) for process in (*made.workers, made.scheduler)]
            cpu, clock, _ = measured([*asked, *flags], folder / "home", RUNS)
            spent = [used(p.pid) - b for p, b in zip((*made.workers, made.scheduler), before, strict=True)]
            rows.append((f"dask, {workers} worker{'s' * (workers > 1)}", cpu + sum(spent) / RUNS, clock))
            if workers == 2:
                per_piece(made.address, made.scheduler.pid)
    return rows


def per_piece(address: str, scheduler: int, n: int = 2_000) -> None:
    """What the client and the scheduler spend on a piece that is no work at all."""
    work, begun = Work(function=pieces.root, batches=[(1.0, list(range(n)))]), used(scheduler)
    own, clock = time.process_time(), time.perf_counter()
    on_cluster(address)(work, silent)
    own, clock = time.process_time() - own, time.perf_counter() - clock
    client, theirs, whole = (1000 * x / n for x in (own, used(scheduler) - begun, clock))
    print(
        f"an empty piece: client {client:.2f} ms, scheduler {theirs:.2f} ms of processor, {whole:.2f} ms on the clock"
    )
    begun_local = time.perf_counter()
    local(1)(work, silent)
    print(f"  here: {1000 * (time.perf_counter() - begun_local) / n:.4f} ms")


def used(pid: int) -> float:
    """Processor seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(folder: Path, *, quick: bool) -> None:
    """Peaks with files of 100 to 10 000 symbols: read first, read again, read without the cache."""
    print("\n| bars | read | run_bt s | MB | run_sweep s | MB |\n|---:|---|---:|---:|---:|---:|")
    flags = ["--param", "stop_loss=0.05", "--per-symbol", str(folder / "out.csv")]
    for symbols in (100, 1000) if quick else (100, 1000, 10_000):
        bars = make_bars(folder / "memory.parquet", symbols, BASE_BARS)
        common, home = ["--strategy", "ma_cross", "--bars", str(bars), *flags], folder / "memory"
        run = [*common, "--param", "fast=10", "--param", "slow=30", "--trades", str(folder / "trades.csv")]
        sets = [*common, "--sweep", "fast=5,10", "--sweep", "slow=30,50,70,100", "--workers", "1"]
        ways = [[sys.executable, "-m", "pyjobs.run_bt", *run], [sys.executable, "-m", "pyjobs.run_sweep", *sets]]
        for read, more, before in (
            ("first", [], lambda: shutil.rmtree(folder / "memory/data/cache/columns", ignore_errors=True)),
            ("again", [], lambda: None),
            ("`--no-cache`", ["--no-cache"], lambda: None),
        ):
            found = [measured([*argv, *more], home, RUNS, before) for argv in ways]
            told = " | ".join(f"{cpu:.2f} | {peak:.0f}" for cpu, _, peak in found)
            print(f"| {symbols * BASE_BARS / 1e6:.2f} M | {read} | {told} |", flush=True)
        bars.unlink()


def table(found: dict[str, list[Point]]) -> None:
    """The measurements, the lines through them, and how far off such a line is when it does not know the largest."""
    print("\n| grows | from, to | seconds | fixed s | each ms | off at × 3 | off at × 10 | at × 100, 95 % | peak MB |")
    print("|---|---|---|---:|---:|---:|---:|---:|---|")
    for name, points in found.items():
        line, first, last = fit(points), points[0], points[-1]
        print(
            f"| {name} | {first.size} to {last.size} | {first.seconds:.2f} to {last.seconds:.2f} | {line.fixed:.2f} "
            f"| {1000 * line.each:.2f} | {missed_by(points, 3):+.0%} | {missed_by(points, 10):+.0%} "
            f"| {line.at(100 * last.size):.0f} s ± {within(points, 100 * last.size):.0%} "
            f"| {first.megabytes:.0f} to {max(point.megabytes for point in points):.0f} |"
        )


def check(folder: Path, found: dict[str, list[Point]]) -> dict[str, Point]:
    """Ten times the largest number of parameter sets, once, against the line."""
    name = f"parameter sets on {BASE_SYMBOLS} symbols"
    cpu, _, peak = measured(command(folder / "one.parquet", 10_000, "--workers", "1"), folder / "home", 1)
    said = fit(found[name]).at(10_000)
    print(
        f"\n10000 {name}: {cpu:.1f} s of processor, {peak:.0f} MB; the line said {said:.1f} s ({said / cpu - 1:+.1%})"
    )
    return {name: Point(size=10_000, seconds=cpu, megabytes=peak)}


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    print(f"load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        home = {**as_cron(), "NIGHTDESK_HOME": str(folder / "home")}
        for verb in ("make_sample", "import_bars --desk config/desk.sample.yaml"):
            subprocess.run(
                [sys.executable, "-m", *f"pyjobs.{verb}".split()],
                cwd=ROOT,
                env=home,
                check=True,
                stdout=subprocess.DEVNULL,
            )
        found = growth(folder, quick=args.quick)
        table(found)
        memory(folder, quick=args.quick)
        further = {} if args.quick else check(folder, found)
        print("\n| engine | processor seconds | seconds on the clock |\n|---|---:|---:|")
        for engine, cpu, clock in shared_out(folder, quick=args.quick):
            print(f"| {engine} | {cpu:.2f} | {clock:.2f} |")
    if args.picture:
        scaling_pictures.draw(args.picture, found, {name: fit(points) for name, points in found.items()}, further)


if __name__ == "__main__":
    main()
