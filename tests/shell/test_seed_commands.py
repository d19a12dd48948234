"""What people who come from a seed type: the same commands, as far as they mean something here."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SUNDAY_S = "1720321200"  # 7 July 2024, noon in Seoul
DESK = "name: mine\nmarket: {market}\ndumps: dumps\naccounts: {{}}\nsetups: {{}}\ninstruments: []\n"


def run(home: Path, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
    kept = {"NIGHTDESK_HOME": str(home), "NIGHTDESK_NOW": SUNDAY_S, "ALLOW_NET_FETCH": "0", **env}
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **kept}, capture_output=True, text=True, timeout=300, check=False
    )


def test_the_watchlist_takes_the_guard_that_the_seed_gave_it(tmp_path: Path) -> None:
    done = run(tmp_path, "batch/run_report_watchlist.sh", "--guard", "td")
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "logs/history.jsonl").read_text().splitlines()[-1])
    assert (told["job"], told["outcome"]) == ("report_watchlist", "skip:not-a-session")
    assert run(tmp_path, "batch/run_report_watchlist.sh", "--guard", "tx").returncode == 64


@pytest.mark.parametrize(("market", "strategy"), [("XKRX", "krx_ma200"), ("XNYS", "ma_cross")])
def test_the_strategy_that_nobody_names_is_the_desk_s(tmp_path: Path, market: str, strategy: str) -> None:
    desk = tmp_path / "config" / "desk.yaml"
    desk.parent.mkdir()
    desk.write_text(DESK.format(market=market))
    run(tmp_path, "jobs/run_bt.sh", "--desk", str(desk))
    run(tmp_path, "jobs/bt_postprocess.sh")
    logs = sorted(path.name for path in (tmp_path / "logs").glob("*.log"))
    assert [name.rpartition("_")[0] for name in logs] == [f"bt_{strategy}", f"compare_{strategy}"]
    assert run(tmp_path, "jobs/bt_postprocess.sh", BT_STRATEGY="breakout").returncode != 78
    assert list((tmp_path / "logs").glob("compare_breakout_*.log"))
