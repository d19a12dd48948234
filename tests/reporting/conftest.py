"""A run folder written by hand, in the formats the other steps write."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.market.store.bar_store import BarStore

DAY_MS = 86_400_000
SESSION = "2026-11-20"
ASOF = 1_795_156_200_000  # 2026-11-20 06:30 UTC, the close in Seoul
DESK = """\
name: hand
market: XKRX
dumps: dumps
label: made-up prices
session: last_bar
accounts:
  krw: {currency: KRW, cash: 100000000, max_positions: 5, max_weight: 0.25}
instruments:
  - {symbol: AAA, exchange: SAMPLE, market: XKRX, timeframe: 1d, file: AAA.csv, currency: KRW}
  - {symbol: BBB, exchange: SAMPLE, market: XKRX, timeframe: 1d, file: BBB.csv, currency: KRW}
setups:
  ma_cross: {fast: 20, slow: 60}
"""


@pytest.fixture
def desk_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A desk of two made-up instruments; the runtime root is the test's own folder."""
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    path = tmp_path / "desk.yaml"
    path.write_text(DESK, encoding="utf-8")
    return path


@pytest.fixture
def empty_run(tmp_path: Path) -> Path:
    """A run folder in which every step before the reports failed."""
    run = tmp_path / "data/server_runs/.building-20261120T131000Z-0a1b"
    for name in ("reports", "backtests", "portfolio", "queue", "logs"):
        (run / name).mkdir(parents=True)
    return run


@pytest.fixture
def full_run(empty_run: Path, tmp_path: Path) -> Path:
    """A run folder with every input, and the bars of AAA in the store."""
    store_bars(tmp_path / "data/raw")
    put(empty_run / "reports/data.json", data_json())
    put(empty_run / "reports/scan.json", scan_json())
    put(empty_run / "backtests/setups.json", setups_json())
    put(empty_run / "logs/steps.json", steps_json())
    (empty_run / "logs/02_scan.log").write_text("$ scan\n", encoding="utf-8")
    triggers = ["exchange,symbol,timeframe,setup,ts_ms"]
    triggers += [
        f"SAMPLE,AAA,1d,{name},{ASOF - back * DAY_MS}" for name, back in (("ma_cross", 40), ("breakout_20", 90))
    ]
    (empty_run / "backtests/triggers.csv").write_text("\n".join(triggers) + "\n", encoding="utf-8")
    for number, variant in enumerate(("constrained", "unconstrained")):
        folder = empty_run / "portfolio/krw" / variant
        folder.mkdir(parents=True)
        put(folder / "metrics.json", metrics_json(number))
        curve = ["session,ts_ms,equity,cash,exposure,n_positions"]
        curve += [f"{day(i)},{ASOF},{equity(i, number):.2f},0,1,1" for i in range(300)]
        (folder / "equity_curve.csv").write_text("\n".join(curve) + "\n", encoding="utf-8")
    closes = ["session,ts_ms,close", *[f"{day(i)},{ASOF},{2500 + i}" for i in range(300)]]
    (empty_run / "portfolio/krw/benchmark.csv").write_text("\n".join(closes) + "\n", encoding="utf-8")
    return empty_run


def put(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def day(i: int) -> str:
    return str(np.datetime64("2026-01-25") + np.timedelta64(i, "D"))


def equity(i: int, variant: int) -> float:
    return 1e8 * (1 + 0.0005 * (1 + variant) * i + 0.03 * (1 + variant) * math.sin(i / 17))


def store_bars(raw: Path) -> None:
    i = np.arange(220)
    close = np.round(50_000 + 60 * i + 1500 * np.sin(i / 9))
    bars = Bars(
        ts_ms=ASOF - DAY_MS * i[::-1],
        open=close,
        high=close + 400,
        low=close - 500,
        close=close,
        volume=np.full(220, 1e5),
    )
    key = SeriesKey(exchange="SAMPLE", symbol="AAA", timeframe="1d")
    store = BarStore(raw, locks=raw.parent / "locks")
    store.write(key, bars, provider="hand", fetched_at_ms=ASOF, adjusted="raw", last_final=True)


def data_json() -> dict[str, object]:
    oddity = {"what": "zero-volume day", "count": 3, "first": "2024-01-04", "example": "2024-01-04,100,100,100,100,0"}
    series = {"exchange": "SAMPLE", "timeframe": "1d", "rows_read": 1480, "bars": 1478, "error": None}
    sessions = {"first_session": "2020-11-20", "first_ts_ms": 0, "last_ts_ms": ASOF}
    first = {"symbol": "AAA", "file": "AAA.csv", "last_session": SESSION, "cleaned": [oddity], "oddities": []}
    second = {"symbol": "BBB", "file": "BBB.csv", "last_session": "2026-11-19", "cleaned": [], "oddities": [oddity]}
    return {"desk": "hand", "instruments": [{**series, **sessions, **each} for each in (first, second)]}


def scan_json() -> dict[str, object]:
    both = {"exchange": "SAMPLE", "timeframe": "1d", "market": "XKRX", "currency": "KRW", "role": "trade", "bars": 1478}
    return {
        "desk": "hand",
        "session": SESSION,
        "asof_ts_ms": ASOF,
        "instruments": [
            {**both, "symbol": "AAA", "name": "가나다 <b>전자</b>", "status": "ok", "last_ts_ms": ASOF}
            | {"last_session": SESSION, "close": 62_540.0, "change": 0.0213},
            {**both, "symbol": "BBB", "name": "", "status": "stale", "last_ts_ms": ASOF - DAY_MS}
            | {"last_session": "2026-11-19", "close": 1_234.5, "change": None},
        ],
        "signals": [
            {
                "symbol": "AAA",
                "exchange": "SAMPLE",
                "timeframe": "1d",
                "setup": "ma_cross",
                "side": "long",
                "ts_ms": ASOF,
            }
            | {"session": SESSION, "close": 62_540.0, "stop": 60_100.0, "why": "sma20 62,010 > sma60 61,400 | crossed"}
        ],
    }


def setup_row(setup: str, n: int, low: float, mid: float, high: float, verdict: str) -> dict[str, object]:
    rates = {"win_rate": 0.6, "win_rate_low": 0.45, "win_rate_high": 0.73}
    returns = {"expectancy": mid, "expectancy_low": low, "expectancy_high": high, "best": 0.21, "worst": -0.08}
    head = {"setup": setup, "timeframe": "1d", "n": n + 1, "n_closed": n, "avg_hold_bars": 12.5, "verdict": verdict}
    return {**head, **rates, **returns}


def setups_json() -> dict[str, object]:
    rows = {
        30: [
            setup_row("ma_cross", 4, -0.05, 0.01, 0.07, "too few"),
            setup_row("breakout_20", 6, -0.04, -0.01, 0.02, "too few"),
        ],
        90: [
            setup_row("ma_cross", 14, -0.02, 0.01, 0.04, "ok"),
            setup_row("breakout_20", 20, -0.03, -0.005, 0.02, "ok"),
        ],
        180: [
            setup_row("ma_cross", 30, 0.001, 0.012, 0.023, "ok"),
            setup_row("breakout_20", 41, -0.02, -0.004, 0.012, "ok"),
        ],
    }
    windows = [{"days": days, "start": "2026-01-01", "end": SESSION, "rows": each} for days, each in rows.items()]
    return {"desk": "hand", "session": SESSION, "windows": windows}


def metrics_json(number: int) -> dict[str, object]:
    figures = {"total_return": 0.149 * (1 + number), "cagr": 0.12, "volatility": 0.18, "sharpe": 0.7, "sortino": 1.1}
    depths = {"calmar": 1.0, "max_drawdown": -0.12 * (1 + number), "max_drawdown_sessions": 61, "n_trades": 44}
    rest = {"win_rate": 0.55, "profit_factor": 1.4, "expectancy": 0.004, "exposure": 0.61, "turnover": 7.5}
    money = {"start": day(0), "end": day(299), "start_equity": 1e8, "end_equity": 1.149e8, "currency": "KRW"}
    return {**figures, **depths, **rest, **money, "conventions": {}, "left_out": [{"symbol": "CCC", "why": "no bars"}]}


def steps_json() -> dict[str, object]:
    def step(name: str, outcome: str, code: int | None, reason: str, log: str) -> dict[str, object]:
        return {"step": name, "outcome": outcome, "exit_code": code, "seconds": 0.84, "reason": reason, "log": log}

    lines = [
        step("import_bars", "fail", 65, "import_bars: 'BBB.csv' line 3: high below low", ""),
        step("scan", "ok", 0, "", "logs/02_scan.log"),
        step("queue_signals", "skip", None, "needs import_bars", ""),
    ]
    return {"run_id": "20261120T131000Z-0a1b", "desk": "hand", "session": SESSION, "started_utc": "", "steps": lines}
