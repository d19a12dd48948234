"""A clock that jumps deletes nothing true: prunes and whole nights under it, on nights, logs and backtests that are."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path

import pytest

from pyjobs import prune_runs
from tests.support.verb_process import run_verb
from tests.verbs.test_nightly import home

__all__ = ["home"]
TRUE_S = int(dt.datetime(2026, 11, 20, 13, 10, tzinfo=dt.UTC).timestamp())  # 22:10 in Seoul
DAY_S = 86_400
CLOCKS = {
    "60 days ahead": TRUE_S + 60 * DAY_S,
    "a year ahead": TRUE_S + 365 * DAY_S,
    "1970": 3_600,
    "2038": 2_147_483_700,
    "frozen": TRUE_S,
    "a month back": TRUE_S - 30 * DAY_S,
}


def true_house(root: Path, dates: int) -> set[str]:
    """So many nights, backtests and days of logs, one a date up to the true one; their paths."""
    for age in range(dates):
        at = dt.datetime.fromtimestamp(TRUE_S - age * DAY_S, dt.UTC)
        night = root / f"data/server_runs/{at:%Y%m%dT%H%M%SZ}-00{age:02x}"
        backtest = root / f"backtests/{at:%Y%m%dT%H%M%S}000Z_ma_cross"
        for folder, status in ((night, "ok"), (backtest, "")):
            folder.mkdir(parents=True)
            told = {"desk": "small", "status": status, "files": {}}
            (folder / "manifest.json").write_text(json.dumps(told))
        (root / "logs").mkdir(exist_ok=True)
        (root / f"logs/nightly_{at:%Y-%m-%d}.log").write_text(f"{at:%Y-%m-%d} 22:10:00 [START] a night\n")
    return kept(root)


def kept(root: Path) -> set[str]:
    """Nights, backtests and logs that are there; a log may have been compressed."""
    places = (*root.glob("data/server_runs/2*"), *root.glob("backtests/2*"), *root.glob("logs/nightly_*"))
    return {path.relative_to(root).as_posix().removesuffix(".gz") for path in places}


@pytest.mark.parametrize("clock", CLOCKS)
def test_a_prune_under_a_wrong_clock_removes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], clock: str
) -> None:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    monkeypatch.setenv("NIGHTDESK_NOW", str(CLOCKS[clock]))
    monkeypatch.setenv("KEEP_BACKTEST_DAYS", "30")
    there = true_house(tmp_path, 30)
    assert prune_runs.main([]) == 0, capsys.readouterr()
    assert kept(tmp_path) == there


@pytest.mark.parametrize("clock", CLOCKS)
def test_and_where_something_is_too_old_it_is_the_same_as_under_a_right_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: str
) -> None:
    left = []
    for name, now_s in (("right", TRUE_S), ("wrong", CLOCKS[clock])):
        monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path / name))
        monkeypatch.setenv("NIGHTDESK_NOW", str(now_s))
        true_house(tmp_path / name, 40)
        prune_runs.main(["--keep-days", "30", "--keep-log-days", "30"])
        left.append(kept(tmp_path / name))
    assert left[0] == left[1] and sum(path.startswith("data") for path in left[0]) == 30


def a_night(home: Path, now_s: int) -> None:
    """A whole night at that time, whatever becomes of it."""
    env = {**os.environ, "NIGHTDESK_HOME": str(home), "NIGHTDESK_NOW": str(now_s), "KEEP_DAYS": "9"}
    run_verb("nightly", "--desk", str(home / "desk.yaml"), env=env, timeout_s=300)


@pytest.mark.torture
@pytest.mark.parametrize("session", ["last_bar", "last_closed"])
def test_nights_under_every_wrong_clock_remove_no_true_night(home: Path, session: str) -> None:
    desk = home / "desk.yaml"
    desk.write_text(desk.read_text().replace("session: last_bar", f"session: {session}"))
    for age in (2, 1, 0):
        a_night(home, TRUE_S - age * DAY_S)
    true_house(home, 3)
    true = kept(home)
    assert sum(path.startswith("data") for path in true) >= 3
    for now_s in CLOCKS.values():
        a_night(home, now_s)
        assert true <= kept(home), now_s
    a_night(home, TRUE_S + DAY_S)
    assert true <= kept(home)


@pytest.mark.torture
def test_a_night_60_days_ahead_and_the_next_right_one_leave_all(home: Path) -> None:
    true = true_house(home, 7)  # with the two that come it is nine dates, and nine are kept
    a_night(home, CLOCKS["60 days ahead"])
    a_night(home, TRUE_S + DAY_S)
    assert true <= kept(home)
