"""The health verb: what a fresh clone, a good one and one whose calendars ended say, and the codes they exit with."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from pyjobs import healthcheck, import_bars, make_sample
from utils import history
from utils.run import run

SEOUL = dt.timezone(dt.timedelta(hours=9))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    set_clock(monkeypatch, "2026-11-20 23:40")
    return tmp_path


def set_clock(monkeypatch: pytest.MonkeyPatch, seoul: str) -> float:
    now_s = dt.datetime.fromisoformat(seoul).replace(tzinfo=SEOUL).timestamp()
    monkeypatch.setenv("NIGHTDESK_NOW", str(int(now_s)))
    return now_s


def health(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, str]]:
    capsys.readouterr()
    code = run(healthcheck.main, ["--json", "1"])
    answer = json.loads(capsys.readouterr().out)
    named = {name: one["state"] for one in answer["checks"] for name in one.get("names", [one["name"]])}
    return code, named | {"all": answer["state"]}


def with_sample() -> None:
    assert run(make_sample.main, ["--end", "2026-11-20"]) == 0
    assert run(import_bars.main, []) == 0


def ran(home: Path, job: str, session: str, outcome: str = "ok") -> None:
    end = int(dt.datetime.fromisoformat(f"{session} 22:00").replace(tzinfo=SEOUL).timestamp())
    record = {"job": job, "instance": "", "session": session, "start": end - 5, "end": end, "attempts": 1}
    history.append(str(home / "logs/history.jsonl"), record | {"code": 0, "outcome": outcome, "log": f"logs/{job}.log"})


def test_a_fresh_clone_has_no_data_and_says_so_with_exit_3(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert home.is_dir()
    code, states = health(capsys)
    assert (code, states["all"], states["data SAMPLE:SMP001:1d"]) == (3, "FAIL", "FAIL")


def test_jobs_that_ran_and_data_of_the_session_are_well(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_sample()
    for job in ("nightly", "scanner", "report_eod", "precache_benchmarks", "report_watchlist"):
        ran(home, job, "2026-11-20")
    code, states = health(capsys)
    assert code == 0
    assert {name for name, state in states.items() if state != "OK"} <= {"code", "all"}  # the code may be edited here
    assert run(healthcheck.main, []) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("health: ")


def test_data_that_stands_still_turns_warn_then_fail_while_cron_sees_0(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_sample()
    seen = []
    for now in ("2026-11-20 23:40", "2026-11-23 23:40", "2026-11-24 23:40"):  # Friday, Monday, Tuesday
        set_clock(monkeypatch, now)
        code, states = health(capsys)
        seen.append((states["data SAMPLE:SMP001:1d"], code if states["all"] == "FAIL" else 0))
    assert [state for state, _ in seen] == ["OK", "WARN", "FAIL"]
    assert seen[-1][1] == 3
    assert home.is_dir()


def test_skips_past_the_budget_show(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_sample()
    for day in ("2026-11-16", "2026-11-17", "2026-11-18", "2026-11-19", "2026-11-20"):
        ran(home, "report_eod", day, "skip:rate_limit")
    assert health(capsys)[1]["report_eod"] == "FAIL"  # five in a row, the budget is two


def test_after_the_end_of_the_calendar_health_still_answers(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_clock(monkeypatch, "2028-01-03 12:00")
    code, states = health(capsys)
    assert (code, states["calendar XKRX"], states["calendar 24/7"]) == (3, "FAIL", "FAIL")
    set_clock(monkeypatch, "2027-12-10 12:00")
    assert health(capsys)[1]["calendar XKRX"] == "WARN"
    assert home.is_dir()


@pytest.mark.parametrize("wrong", [["--json", "2"], ["--desk", "/nowhere.yaml"], ["--unknown"]])
def test_wrong_use_is_refused(home: Path, wrong: list[str]) -> None:
    assert home.is_dir()
    try:
        code = run(healthcheck.main, wrong)
    except SystemExit as leaving:
        code = int(leaving.code or 0)
    assert code in (3, 64)  # a desk that cannot be read is a FAIL, and the other checks stand
