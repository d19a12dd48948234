"""run_sweep --engine dask on real worker processes: the bytes that run_sweep writes alone, whoever is killed."""

from __future__ import annotations

import contextlib
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pyjobs import compare_runs, run_sweep, walk_forward
from pyjobs.account.desk.desk_sweep import TOGETHER
from pyjobs.runs.backtests import backtest_folder
from tests.utils.pieces.support.clusters import ROOT, Cluster, cluster
from utils.exit_codes import ExitCode
from utils.run import run

GRID = ("--sweep", "fast=2..9", "--sweep", "slow=10..60:10", "--sweep", "side=long,both")


def prices(path: Path, symbols: int, n: int) -> Path:
    """Random walks to hundredths, one of them named KOSPI."""
    rng, tables = np.random.default_rng(8), []
    for name in ["KOSPI", *(f"S{i:03}" for i in range(1, symbols))]:
        close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 0.02, n))), 2).clip(1)
        start = np.concatenate((close[:1], close[:-1]))
        high, low = np.maximum(start, close) + 0.5, np.minimum(start, close) - 0.5
        ts_ms = 1_500_000_000_000 + 86_400_000 * np.arange(n, dtype=np.int64)
        columns = {"ts_ms": ts_ms, "open": start, "high": high, "low": low, "close": close, "volume": np.ones(n)}
        tables.append(pa.table({"symbol": [name] * n, **columns}))
    pq.write_table(pa.concat_tables(tables), path)
    return path


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("two"), workers=2) as made:
        yield made


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / "home"))
    return tmp_path


def on(made: Cluster) -> list[str]:
    return ["--engine", "dask", "--scheduler", made.address]


@pytest.mark.parametrize(
    "asked",
    [
        ("--strategy", "ma_cross", *GRID, "--param", "stop_atr=2", "--fee-bps", "10", "--start", "2018-01-05"),
        ("--strategy", "krx_ma200", "--sweep", "window=20..40:5", "--sweep", "regime=20,60"),
    ],
    ids=["many pieces", "with an index beside each symbol"],
)
def test_a_sweep_on_a_file_is_the_same_bytes(home: Path, two: Cluster, asked: tuple[str, ...]) -> None:
    bars, written = prices(home / "bars.parquet", 7, 30_000), []
    for name, engine in (("here", []), ("there", on(two))):
        files = [home / name / each for each in ("sets.csv", "symbols.csv")]
        flags = [*asked, "--bars", str(bars), "--out", str(files[0]), "--per-symbol", str(files[1])]
        assert run(run_sweep.main, [*flags, *engine]) == ExitCode.OK
        written.append([file.read_bytes() for file in files])
    assert written[0] == written[1]
    assert written[0][1].count(b"\n") > 60


@pytest.mark.parametrize("verb", [run_sweep, walk_forward], ids=["run_sweep", "walk_forward"])
def test_a_run_on_a_desk_is_the_same_run(
    desk: list[str], two: Cluster, capsys: pytest.CaptureFixture[str], verb: object
) -> None:
    """On series of two partitions each, in more than one piece; a walk's folds reach over both."""
    more = [] if verb is run_sweep else ["--train", "120", "--test", "40"]
    fast = range(3, 3 + TOGETHER)  # two with each: more than one piece
    flags = [*desk, "--sweep", f"fast={fast[0]}..{fast[-1]}", "--sweep", "slow=20,40", *more]
    for engine in ([], on(two)):
        assert run(verb.main, [*flags, *engine]) == ExitCode.OK  # type: ignore[attr-defined]
    kind = "sweep" if verb is run_sweep else "walk"
    a, b = backtest_folder.runs_of(backtest_folder.backtests_dir(), f"{kind}-ma_cross")
    assert [each.name for each in a.iterdir() if each.read_bytes() != (b / each.name).read_bytes()] == ["manifest.json"]
    capsys.readouterr()
    assert run(compare_runs.main, [str(a), str(b)]) == ExitCode.OK
    assert "SAME" in capsys.readouterr().out


class Terminal(StringIO):
    """A terminal that does something when the bar has come so far."""

    def __init__(self, share: int, then: object) -> None:
        super().__init__()
        self.share, self.then, self.done = share, then, False

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        found = re.search(r" (\d+)%", text)
        if found and int(found[1]) >= self.share and not self.done:
            self.done = True
            self.then()  # type: ignore[operator]
        return super().write(text)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--engine", "dask"], "--engine dask needs --scheduler"),
        (["--scheduler", "tcp://127.0.0.1:8786"], "--scheduler goes with --engine dask"),
        (["--engine", "dask", "--scheduler", "127.0.0.1:8786"], "is not an address such as tcp://"),
        (["--engine", "dask", "--scheduler", "tcp://127.0.0.1:8786", "--workers", "2"], "goes with --engine local"),
        (["--workers", "0"], "--workers 0 is not one or more"),
        (["--bars", "x.parquet", "--desk", "d.yaml"], "unrecognized arguments: --desk"),
        (["--fee-bps", "3"], "unrecognized arguments: --fee-bps 3; a run on a file of bars has flags of its own"),
        (["--param", "fast=3"], "already given by another --sweep or a --param"),
        (["--sweep", "side=long,both"], "on a desk, numbers only"),
    ],
)
def test_flags_that_do_not_fit_are_usage(
    desk: list[str], capsys: pytest.CaptureFixture[str], flags: list[str], says: str
) -> None:
    with contextlib.suppress(SystemExit):  # argparse's way out
        assert run(run_sweep.main, [*desk, "--sweep", "fast=3,5", *flags]) == ExitCode.USAGE
    assert says in capsys.readouterr().err


def test_a_scheduler_that_dies_leaves_no_half_output(home: Path, two: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last test of `two`."""
    bars, out = prices(home / "bars.parquet", 20, 30_000), home / "sets.csv"
    screen = Terminal(10, two.scheduler.kill)
    monkeypatch.setattr(sys, "stderr", screen)
    flags = ["--strategy", "ma_cross", *GRID, "--bars", str(bars), "--out", str(out), *on(two)]
    assert run(run_sweep.main, flags) == ExitCode.EXTERNAL
    assert screen.done and not out.exists()
    assert f"dask {two.address}: network: the scheduler" in screen.getvalue()


@pytest.mark.torture
def test_no_kill_at_any_moment_changes_a_byte(home: Path) -> None:
    """Whole processes; a worker is killed at each of 12 seeded shares of the bar, and another one is started."""
    bars, chance = prices(home / "bars.parquet", 30, 30_000), random.Random(20261120)
    asked = ["--strategy", "ma_cross", *GRID, "--bars", str(bars), "--fee-bps", "10"]
    alone = home / "alone.csv"
    command = [sys.executable, "-m", "pyjobs.run_sweep", *asked, "--per-symbol", str(alone)]
    subprocess.run(command, cwd=ROOT, env=os.environ.copy(), check=True, capture_output=True)
    for round_ in range(12):
        out = home / f"{round_}.csv"
        with cluster(home / f"c{round_}", workers=3) as made, pytest.MonkeyPatch.context() as patch:
            victims = chance.sample(range(3), chance.randint(1, 3))

            def kill(made: Cluster = made, victims: list[int] = victims) -> None:
                for victim in victims:
                    made.kill(victim)
                made.add(len(victims), threads=chance.randint(1, 2))

            patch.setattr(sys, "stderr", Terminal(chance.randint(1, 95), kill))
            assert run(run_sweep.main, [*asked, "--per-symbol", str(out), *on(made)]) == ExitCode.OK
            assert sys.stderr.done  # type: ignore[attr-defined]
        assert out.read_bytes() == alone.read_bytes()
