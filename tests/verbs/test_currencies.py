"""A desk whose account trades at home and abroad, from dumps to results, through the verbs as they are run at night."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyjobs import account_backtest, import_bars, run_bt, scan, setup_backtest, walk_forward
from pyjobs.runs.backtests import backtest_folder
from utils import trading_day
from utils.exit_codes import ExitCode
from utils.run import run

DESK = """
name: world
market: XKRX
dumps: dumps
session: last_bar
accounts:
  world:
    {currency: KRW, cash: 100000000, max_positions: 3, max_weight: 0.3, fee_bps: 2, sell_tax_bps: 15, trades: [USD],
     fx_bps: 10}
  usd: {currency: USD, cash: 100000, max_positions: 2, max_weight: 0.5, trades: [KRW]}
setups:
  ma_cross: {fast: 3, slow: 12}
instruments:
  - {symbol: HOME, exchange: KRX, market: XKRX, timeframe: 1d, currency: KRW, file: home.csv}
  - {symbol: AWAY, exchange: US, market: XNYS, timeframe: 1d, currency: USD, file: away.csv}
  - {symbol: USDKRW, exchange: FX, market: FX, timeframe: 1d, currency: KRW, base: USD, role: fx, file: usdkrw.csv}
"""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    monkeypatch.setenv("NIGHTDESK_HOME", str(home))
    monkeypatch.setenv("ALLOW_NET_FETCH", "0")
    (home / "dumps").mkdir(parents=True)
    for seed, (name, market, price) in enumerate((("home", "XKRX", 5e4), ("away", "XNYS", 90), ("usdkrw", "FX", 1200))):
        days = [s.date.isoformat() for s in trading_day.load(market).sessions()]
        days = [day for day in days if "2023-01-02" <= day <= "2024-06-28"]
        rng = np.random.default_rng(seed)
        closes = price * np.exp(np.cumsum(rng.normal(0, 0.02, len(days))))
        lines = ["date,open,high,low,close,volume"]
        lines += [f"{d},{c:.2f},{c * 1.01:.2f},{c * 0.99:.2f},{c:.2f},1" for d, c in zip(days, closes, strict=True)]
        (home / "dumps" / f"{name}.csv").write_text("\n".join(lines) + "\n")
    path = tmp_path / "desk.yaml"
    path.write_text(DESK)
    assert run(import_bars.main, ["--desk", str(path)]) == ExitCode.OK
    return path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as handle:
        return list(csv.DictReader(handle))


def told(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def adds_up(folder: Path) -> set[str]:
    """The currencies traded, once the money of the files has been added up from their own columns."""
    trades, curve = rows(folder / "trades.csv"), rows(folder / "equity_curve.csv")
    for each in trades:
        out, paid = (float(each[f"{end}_price"]) * float(each[f"{end}_rate"]) for end in ("exit", "entry"))
        pnl = float(each["quantity"]) * (out - paid) - float(each["fees"])
        assert float(each["pnl"]) == pytest.approx(pnl, rel=1e-9, abs=1e-5)
    gained = float(curve[-1]["equity"]) - float(curve[0]["equity"])
    assert math.fsum(float(each["pnl"]) for each in trades) == pytest.approx(gained, rel=1e-9)
    return {each["currency"] for each in trades}


def test_the_night_and_run_bt_convert_alike(desk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    (out / "reports").mkdir(parents=True)
    for verb in (scan, setup_backtest, account_backtest):
        assert run(verb.main, ["--desk", str(desk), "--out", str(out)]) == ExitCode.OK
    assert "account world (KRW)" in capsys.readouterr().out
    scanned = {each["symbol"]: each["status"] for each in told(out / "reports/scan.json")["instruments"]}
    assert scanned == {"HOME": "ok", "AWAY": "ok", "USDKRW": "ok"}
    fired = {row["symbol"] for row in rows(out / "backtests/triggers.csv")}
    assert fired == {"HOME", "AWAY"}
    for account in ("world", "usd"):
        for variant in ("constrained", "unconstrained"):
            assert adds_up(out / "portfolio" / account / variant) == {"KRW", "USD"}
    assert run(run_bt.main, ["--strategy", "ma_cross", "--desk", str(desk), "--benchmarks", "S&P500"]) == ExitCode.OK
    kept = backtest_folder.runs_of(backtest_folder.backtests_dir(), "ma_cross")[-1]
    assert rows(kept / "trades.csv") == rows(out / "portfolio/world/constrained/trades.csv")
    assert told(kept / "metrics.json")["terms"]["trades"] == ["USD"]
    assert "no cash is held abroad" in told(kept / "metrics.json")["conventions"]["currencies"]


def test_a_walk_forward_closes_out_abroad_too(desk: Path) -> None:
    flags = ["--strategy", "ma_cross", "--sweep", "fast=2,4", "--train", "120", "--test", "60", "--account", "world"]
    assert run(walk_forward.main, ["--desk", str(desk), *flags]) == ExitCode.OK
