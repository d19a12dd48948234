"""A loop's trades are held against what another engine exported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pyjobs.live_eq import main as live_eq
from tests.live.support.worlds import STEP_MS, a_loop, a_spec, cells, fed, walk
from utils.run import run


@pytest.fixture
def theirs(home: Path) -> list[dict[str, Any]]:
    """What freqtrade would have exported of the loop's own trades: candles' starts, a pair, whether short."""
    spec = a_spec("mine")
    fed(a_loop(spec), walk(300), 60, 300)
    assert home.is_dir()
    return [
        {
            "pair": "BTC/USD", "is_short": row["side"] == "short", "open_timestamp": int(row["entry_ts_ms"]) - STEP_MS,
            "close_timestamp": int(row["ts_ms"]) - STEP_MS + 61_000, "open_rate": float(row["entry_price"]),
            "close_rate": float(row["exit_price"]), "exit_reason": "exit_signal",
        }
        for row in cells(spec.place.trades)
    ]  # fmt: skip


def said(path: Path, capsys: pytest.CaptureFixture[str], *flags: str) -> tuple[int, list[str]]:
    code = run(live_eq, ["--live-tag", "mine", "--trades", str(path), *flags])
    return code, capsys.readouterr().out.splitlines()


def test_freqtrades_export_passes_and_fails_at_the_trade_that_differs(
    theirs: list[dict[str, Any]], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, n = home / "result.json", len(theirs)
    other = {**theirs[0], "pair": "ETH/USD"}
    path.write_text(json.dumps({"strategy": {"MyOwn": {"trades": [*theirs, other]}}}))
    code, lines = said(path, capsys, "--pair", "BTC/USD")
    assert code == 0 and lines[0] == "[trades] PASS" and lines[1].startswith(f"{n} trades compared")
    path.write_text(json.dumps({"trades": [*theirs[:3], {**theirs[3], "open_rate": 1.0}, *theirs[4:]]}))
    code, lines = said(path, capsys)
    assert code == 65 and lines[:2] == ["[trades] FAIL", "First mismatch: trade 4"]
    path.write_text(json.dumps(theirs[1:]))
    code, lines = said(path, capsys)
    assert code == 65 and lines[1:3] == [f"[trades] length mismatch: LIVE={n} OTHER={n - 1}", "First mismatch: trade 1"]


def test_a_csv_goes_by_its_column_map(
    theirs: list[dict[str, Any]], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = home / "trades.csv"
    rows = [
        f"{'sell' if t['is_short'] else 'buy'},{t['open_timestamp'] // 1000},{t['close_timestamp']},"
        f"{t['open_rate']},{t['close_rate']}"
        for t in theirs
    ]
    path.write_text("\n".join(["way,opened,closed,paid,got", *rows]) + "\n")
    columns = "side=way,entry=opened,exit=closed,entry_price=paid,exit_price=got"
    assert said(path, capsys, "--map", columns)[0] == 0
    assert run(live_eq, ["--live-tag", "mine", "--trades", str(path)]) == 65
    assert "trade 1 has no 'is_short': say what it is called with --map" in capsys.readouterr().err
    assert run(live_eq, ["--live-tag", "mine", "--trades", str(home / "nope.json")]) == 66
    assert run(live_eq, ["--live-tag", "mine", "--trades", str(path), "--map", "what=way"]) == 64


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("way\0,opened\n" + "x" * 200_000 + ",1\n", "is neither JSON nor CSV"),
        (
            '[{"is_short": false, "open_timestamp": Infinity, "close_timestamp": 1, "open_rate": 1, "close_rate": 1}]',
            "trade 1: cannot convert float infinity to integer",
        ),
    ],
)
def test_a_file_of_anything_else_is_refused(
    home: Path, capsys: pytest.CaptureFixture[str], text: str, says: str
) -> None:
    fed(a_loop(a_spec("mine")), walk(70), 60, 70)
    (home / "odd").write_text(text)
    assert run(live_eq, ["--live-tag", "mine", "--trades", str(home / "odd")]) == 65
    assert says in capsys.readouterr().err
