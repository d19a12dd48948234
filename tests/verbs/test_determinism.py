"""The same inputs give the same bytes: whatever threads, other processes, seed of hashing and processor."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pyjobs.account.single.engine import Money, run_symbol
from pyjobs.market.bars import Bars
from pyjobs.strategy.registry import make_setup
from tests.support.verb_process import run_verb
from tests.support.walks import days, walk
from utils import paths

ROOT = Path(__file__).resolve().parents[2]
THREADS = ("1", "2", "4")
PROCESSORS = {"1": "Nehalem", "2": "Haswell", "4": "Prescott"}  # whose loops OpenBLAS takes; it is not to matter
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
GUARDED = {"fast": 5, "slow": 20, "stop_atr": 2, "trail": 0.1, "side": "both"}


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bars") / "bars.parquet"
    parts = [
        pa.table({"symbol": [f"S{i}"] * 700, **{name: getattr(prices, name) for name in Bars.__slots__}})
        for i, prices in enumerate(walk(days(700), seed, drift=0) for seed in range(8))
    ]
    pq.write_table(pa.concat_tables(parts), path)
    return path


def started(verb: str, *flags: object, home: Path, threads: str) -> subprocess.Popen[str]:
    env = {**os.environ, "NIGHTDESK_HOME": str(home), "ALLOW_NET_FETCH": "0", "PYTHONHASHSEED": threads}
    env["OPENBLAS_CORETYPE"] = PROCESSORS[threads]
    return subprocess.Popen(
        [sys.executable, "-m", f"pyjobs.{verb}", *map(str, flags)], cwd=ROOT, text=True,
        env=env | dict.fromkeys(THREAD_VARIABLES, threads), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def ended(processes: list[subprocess.Popen[str]]) -> list[str]:
    told = [each.communicate() for each in processes]
    assert [each.returncode for each in processes] == [0] * len(processes), told
    return [out for out, _ in told]


def test_a_backtest_on_a_file_is_the_same_with_1_2_and_4_threads_and_all_at_once(tmp_path: Path, bars: Path) -> None:
    params = [f"--param={name}={value}" for name, value in GUARDED.items()]
    outputs = [(tmp_path / f"symbols{n}.csv", tmp_path / f"trades{n}.csv") for n in THREADS]
    told = ended([
        started("run_bt", "--strategy", "ma_cross", *params, "--bars", bars, "--per-symbol", symbols,
                "--trades", trades, home=tmp_path, threads=threads)
        for threads, (symbols, trades) in zip(THREADS, outputs, strict=True)
    ])  # fmt: skip
    assert len(set(told)) == 1
    assert len({(symbols.read_bytes(), trades.read_bytes()) for symbols, trades in outputs}) == 1
    assert len(outputs[0][1].read_text().splitlines()) > 200


def test_a_run_on_a_desk_is_the_same_with_1_and_4_threads_side_by_side(tmp_path: Path) -> None:
    for verb in ("make_sample", "import_bars"):
        assert run_verb(verb, env={**os.environ, "NIGHTDESK_HOME": str(tmp_path)}).returncode == 0
    roots = {threads: tmp_path / f"root{threads}" for threads in ("1", "4")}
    flags = ("--strategy", "ma_cross", "--start", "2025-01-02")
    ended([
        started("run_bt", *flags, "--root", root, home=tmp_path, threads=threads)
        for threads, root in roots.items()
    ])  # fmt: skip
    one, four = (content(*root.iterdir()) for root in roots.values())
    assert one == four
    assert {"metrics.json", "trades.csv", "equity_curve.csv", "equity_curve.png", "report.txt"} <= set(one)


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a run but its manifest, which has its name and times."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_symbols_run_in_1_2_or_4_threads_of_one_process_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(paths.ROOT))
    setup, money = make_setup("ma_cross", GUARDED, source="test"), Money(fee_bps=5)
    series = [walk(days(400 + 40 * seed), seed, drift=0) for seed in range(12)] * 20

    def figures(bars: Bars) -> tuple[bytes, bytes, float, float]:
        made = run_symbol("", bars, setup, money=money)
        return made.rows.tobytes(), made.vector.tobytes(), made.total_return, made.max_drawdown

    alone = [figures(each) for each in series]
    for threads in (1, 2, 4):
        with ThreadPoolExecutor(threads) as pool:
            assert list(pool.map(figures, series)) == alone
