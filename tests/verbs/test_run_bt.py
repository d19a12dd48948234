"""run_bt and run_sweep as whole processes: what they write, and how they refuse."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.verb_process import run_verb

ROOT = Path(__file__).resolve().parents[2]
DAY = 86_400_000


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng, n = np.random.default_rng(3), 300
    tables = []
    for symbol in ("AAA", "BBB", 'C,"C'):
        close = np.round(100 + np.cumsum(rng.normal(0, 1.2, n)), 2).clip(20)
        opening = np.concatenate((close[:1], close[:-1]))
        tables.append(
            pa.table(
                {
                    "symbol": [symbol] * n,
                    "ts_ms": 1_500_000_000_000 + DAY * np.arange(n, dtype=np.int64),
                    "open": opening,
                    "high": np.maximum(opening, close) + 0.5,
                    "low": np.minimum(opening, close) - 0.5,
                    "close": close,
                    "volume": np.ones(n),
                }
            )
        )
    path = tmp_path_factory.mktemp("bars") / "bars.parquet"
    pq.write_table(pa.concat_tables(tables), path)
    return path


def run(home: Path, verb: str, *args: str | Path) -> subprocess.CompletedProcess[str]:
    return run_verb(verb, *args, env={**os.environ, "NIGHTDESK_HOME": str(home)})


CROSS = ("--strategy", "ma_cross", "--param", "fast=5", "--param", "slow=20")


def test_a_run_writes_every_symbol_and_trade_the_same_bytes_twice(tmp_path: Path, bars: Path) -> None:
    outputs = []
    for name in ("first", "second"):
        files = [tmp_path / name / "symbols.csv", tmp_path / name / "trades.csv"]
        flags = ("--param", "stop_loss=0.05", "--fee-bps", "10", "--per-symbol", files[0], "--trades", files[1])
        done = run(tmp_path, "run_bt", *CROSS, *flags, "--bars", bars)
        assert (done.returncode, done.stdout.splitlines()[0][:9]) == (0, "3 symbols"), done.stderr
        outputs.append([file.read_bytes() for file in files])
    assert outputs[0] == outputs[1]
    symbols = list(csv.DictReader((tmp_path / "first/symbols.csv").open()))
    trades = list(csv.DictReader((tmp_path / "first/trades.csv").open()))
    assert list(symbols[0]) == ["symbol", "total_return", "max_drawdown", "n_trades"]
    assert ",".join(trades[0]) == "symbol,side,signal_bar,entry_bar,entry_price,stop,exit_bar,exit_price,reason,return"
    assert [row["symbol"] for row in symbols] == ["AAA", "BBB", 'C,"C']
    for row in symbols:
        mine = [trade for trade in trades if trade["symbol"] == row["symbol"]]
        assert len(mine) == int(row["n_trades"]) > 3
        assert np.prod([1 + float(trade["return"]) for trade in mine]) - 1 == pytest.approx(float(row["total_return"]))
        assert all(int(trade["entry_bar"]) == int(trade["signal_bar"]) + 1 for trade in mine)


def test_a_sweep_agrees_with_single_runs(tmp_path: Path, bars: Path) -> None:
    out, detail, single = tmp_path / "sets.csv", tmp_path / "detail.csv", tmp_path / "one.csv"
    axes = ("--sweep", "fast=5..25:10", "--sweep", "slow=20,40")
    done = run(
        tmp_path, "run_sweep", "--strategy", "ma_cross", *axes, "--bars", bars, "--out", out, "--per-symbol", detail
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1 of 6 parameter sets left out")
    sets = list(csv.DictReader(out.open()))
    assert [(row["fast"], row["slow"]) for row in sets] == [
        ("5", "20"),
        ("5", "40"),
        ("15", "20"),
        ("15", "40"),
        ("25", "40"),
    ]
    assert run(tmp_path, "run_bt", *CROSS, "--bars", bars, "--per-symbol", single).returncode == 0
    swept = [row for row in csv.DictReader(detail.open()) if (row["fast"], row["slow"]) == ("5", "20")]
    alone = list(csv.DictReader(single.open()))
    names = ("symbol", "total_return", "max_drawdown", "n_trades")
    assert [[row[name] for name in names] for row in swept] == [[row[name] for name in names] for row in alone]


REFUSED: list[tuple[tuple[str, ...], int, str]] = [
    (
        ("--strategy", "moon"),
        64,
        "unknown strategy 'moon'; known: breakout, breakout_20, krx_ma200, krx_ma200_monthly",
    ),
    ((*CROSS, "--param", "speed=3"), 64, "ma_cross: unknown parameter 'speed'; known: fast, slow, side, stop_loss"),
    (("--strategy", "ma_cross", "--param", "fast=0"), 64, "ma_cross.fast: 0 is outside 1..1000"),
    (("--strategy", "ma_cross", "--param", "fast=2.5"), 64, "fast: 2.5 is not a whole number"),
    (("--strategy", "ma_cross", "--param", "fast=60", "--param", "slow=20"), 64, "fast 60 must be less than slow 20"),
    ((*CROSS, "--param", "stop_loss=5"), 64, "stop_loss: 5 is outside 0.0..0.99"),
    ((*CROSS, "--param", "side=up"), 64, "side: 'up' is neither of long, both"),
    ((*CROSS, "--param", "fast"), 64, "--param 'fast' is not NAME=VALUE"),
    (("--strategy", "ma_cross", "--param", "slow=400"), 65, "needs 401 bars; the longest series has only 300"),
    ((*CROSS, "--param", "slow=30"), 64, "--param slow is given twice: slow=20 and slow=30"),
    ((*CROSS, "--start", "2031-01-01"), 65, "no bar from 2031-01-01 to the end; it has 2017-07-14 to 2018-05-09"),
    ((*CROSS, "--end", "2001-01-01"), 65, "no bar from the beginning to 2001-01-01"),
    ((*CROSS, "--start", "2018-02-02", "--end", "2018-02-01"), 64, "--end 2018-02-01 is before --start 2018-02-02"),
    ((*CROSS, "--start", "yesterday"), 64, "--start 'yesterday' is not a date"),
    ((*CROSS, "--cash", "0"), 64, "--cash 0.0 is not an amount above zero"),
    ((*CROSS, "--fee-bps", "-1"), 64, "--fee-bps -1.0 is not within"),
    ((*CROSS, "--symbols", "ZZZ"), 64, "has no ZZZ"),
]


@pytest.mark.parametrize(("flags", "code", "message"), REFUSED, ids=[message for *_, message in REFUSED])
def test_what_cannot_be_run_is_refused_with_its_own_code(
    tmp_path: Path, bars: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    flags: tuple[str, ...], code: int, message: str,
) -> None:  # fmt: skip
    from pyjobs import run_bt
    from utils.run import run as guarded

    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["run_bt", *flags, "--bars", str(bars)])
    assert guarded(run_bt.main) == code
    assert message in capfd.readouterr().err


@pytest.mark.parametrize("flag", ["--per-symbol", "--trades"])
def test_what_cannot_be_written_is_said_with_its_name(tmp_path: Path, bars: Path, flag: str) -> None:
    folder, below = tmp_path / "folder", bars / "out.csv"
    folder.mkdir()
    for target in (folder, below):
        done = run(tmp_path, "run_bt", *CROSS, "--bars", bars, flag, target)
        assert done.returncode == 73
        assert done.stderr.startswith(f"run_bt: cannot write '{target}': ")
    assert list(folder.iterdir()) == []


def test_a_missing_folder_for_results_is_made(tmp_path: Path, bars: Path) -> None:
    target = tmp_path / "not" / "yet" / "out.csv"
    assert run(tmp_path, "run_bt", *CROSS, "--bars", bars, "--per-symbol", target).returncode == 0
    assert target.read_text().startswith("symbol,total_return,max_drawdown,n_trades\nAAA,")


def test_a_series_too_short_to_be_decided_is_named_and_the_others_run(tmp_path: Path, bars: Path) -> None:
    table = pq.read_table(bars)
    short = table.filter(pa.compute.equal(table["symbol"], "AAA")).slice(0, 20)
    short = short.set_column(0, "symbol", pa.array(["NEW"] * len(short)))
    path = tmp_path / "with_new.parquet"
    pq.write_table(pa.concat_tables([table, short]), path)
    done = run(tmp_path, "run_bt", *CROSS, "--bars", path)
    assert done.returncode == 0
    assert done.stdout.startswith("[WARN] 1 of 4 symbols never trade: 21 bars are needed: NEW (20)\n4 symbols, ")


def test_a_missing_file_is_missing_input(tmp_path: Path) -> None:
    done = run(tmp_path, "run_bt", *CROSS, "--bars", tmp_path / "none.parquet")
    assert (done.returncode, "no such file" in done.stderr) == (66, True)


def test_without_the_index_it_needs_a_run_is_skipped(tmp_path: Path, bars: Path) -> None:
    done = run(tmp_path, "run_bt", "--strategy", "krx_ma200", "--bars", bars)
    assert done.returncode == 0
    assert done.stdout.startswith("[SKIP] required benchmark unavailable: KOSPI")


@pytest.mark.parametrize(
    ("days", "warning"),
    [
        (400, "[WARN] KOSPI has only 300 bars, too few for its moving average: the strategy never trades\n"),
        (-400, "[WARN] KOSPI ends on 2017-04-04, before the first bar; its last close is used throughout\n"),
    ],
)
def test_an_index_without_a_day_in_common_is_told(tmp_path: Path, bars: Path, days: int, warning: str) -> None:
    table = pq.read_table(bars)
    index = table.filter(pa.compute.equal(table["symbol"], "AAA"))
    moved = pa.compute.add(index["ts_ms"], days * DAY)
    index = index.set_column(0, "symbol", pa.array(["KOSPI"] * len(index))).set_column(1, "ts_ms", moved)
    path = tmp_path / "with.parquet"
    pq.write_table(pa.concat_tables([table, index]), path)
    flags = ("--param", "window=20", "--param", "regime=20")
    done = run(tmp_path, "run_bt", "--strategy", "krx_ma200", *flags, "--bars", path)
    assert (done.returncode, done.stdout.startswith(warning)) == (0, True), done.stdout + done.stderr


@pytest.mark.parametrize("flags", [("--trades", "{bars}"), ("--trades", "x.csv", "--per-symbol", "./x.csv")])
def test_a_result_never_takes_the_place_of_the_bars_or_of_the_other(
    tmp_path: Path, bars: Path, flags: tuple[str, ...]
) -> None:
    before = bars.read_bytes()
    done = run(tmp_path, "run_bt", *CROSS, "--bars", bars, *(flag.format(bars=bars) for flag in flags))
    assert (done.returncode, bars.read_bytes() == before) == (64, True), done.stdout
    assert "name one file twice" in done.stderr


def test_the_index_is_followed_and_not_traded(tmp_path: Path, bars: Path) -> None:
    table = pq.read_table(bars)
    index = table.filter(pa.compute.equal(table["symbol"], "AAA"))
    index = index.set_column(0, "symbol", pa.array(["KOSPI"] * len(index)))
    path, out = tmp_path / "with.parquet", tmp_path / "out.csv"
    pq.write_table(pa.concat_tables([table, index]), path)
    flags = ("--param", "window=20", "--param", "regime=20", "--per-symbol", out)
    done = run(tmp_path, "run_bt", "--strategy", "krx_ma200", *flags, "--bars", path)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(out.open()))
    assert [row["symbol"] for row in rows] == ["AAA", "BBB", 'C,"C']
    assert sum(int(row["n_trades"]) for row in rows) > 5
