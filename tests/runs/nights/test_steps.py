"""The table of steps, the exit code of a night, and one command as a process of its own."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from pyjobs.runs.nights import step_process
from pyjobs.runs.nights.night import Night, line, result_of
from pyjobs.runs.nights.steps import NIGHT, Step, StepResult, night_code, ready, why_not


def result(step: str, code: int | None, *, reason: str = "") -> StepResult:
    outcome = "skip" if code is None else "fail" if code else "ok"
    return StepResult(step=step, outcome=outcome, exit_code=code, seconds=0.8, reason=reason, log=f"logs/02_{step}.log")


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([0, 0, 0], 0),
        ([0, None, 65], 65),
        ([69, 0, 65], 65),  # an outage does not hide bad data
        ([2, 1], 1),  # staleness does not hide a bug
        ([69, 0, 69], 69),
        ([2, 0], 2),
        ([69, 2], 69),
        ([2, 69], 2),
        ([0, 73, 65], 73),
        ([143], 143),
        ([], 0),
    ],
)
def test_the_night_ends_with_the_first_failure_that_is_ours(codes: list[int | None], expected: int) -> None:
    assert night_code([result(f"step{number}", code) for number, code in enumerate(codes)]) == expected


def test_every_step_waits_only_for_earlier_ones_and_has_a_verb() -> None:
    seen: set[str] = set()
    for number, step in enumerate(NIGHT, start=1):
        assert step.number == number
        assert set(step.needs) | set(step.after) <= seen, step.verb
        assert (Path(__file__).resolve().parents[3] / f"pyjobs/{step.verb}.py").is_file()
        seen.add(step.verb)


def test_a_step_is_skipped_only_for_what_it_needs() -> None:
    queue = next(step for step in NIGHT if step.verb == "queue_signals")
    scan = next(step for step in NIGHT if step.verb == "scan")
    page = next(step for step in NIGHT if step.verb == "report_scan")
    assert not ready(queue, {})
    assert why_not(queue, {"scan": result("scan", 65)}, session="2026-11-20") == "needs scan"
    assert why_not(queue, {"scan": result("scan", 0)}, session="2026-11-20") == ""
    assert why_not(scan, {"import_bars": result("import_bars", 65)}, session="2026-11-20") == ""
    assert why_not(scan, {"import_bars": result("import_bars", 65)}, session=None).startswith("needs a session")
    assert why_not(page, {"scan": result("scan", None)}, session=None) == ""


def test_each_outcome_is_one_line_that_names_step_code_and_log() -> None:
    assert line(result("scan", 0)) == "[ok]   scan 0.8 s"
    assert line(result("scan", None, reason="needs import_bars")) == "[skip] scan: needs import_bars"
    told = line(result("scan", 65, reason="'A.csv' line 3: high below low"))
    assert told == "[FAIL] scan exit 65 after 0.8 s: 'A.csv' line 3: high below low — see logs/02_scan.log"


def run_python(code: str, log: Path) -> step_process.Ended:
    return step_process.start([sys.executable, "-c", code], log, cwd=log.parent, zone_s=9 * 3600).wait()


def test_the_log_holds_command_start_output_and_end_by_the_market_s_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_NOW", "1795190400")  # 20 November 2026, 16:00 UTC: in Seoul it is Saturday
    ended = run_python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(65)", tmp_path / "a.log")
    assert ended.exit_code == 65
    lines = (tmp_path / "a.log").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("$ ") and "-c" in lines[0]
    assert lines[1].startswith("# start 2026-11-21 01:") and lines[1].endswith(" UTC+9")
    assert sorted(lines[2:4]) == ["err", "out"]
    assert lines[4].startswith("# end 2026-11-21 01:") and " UTC+9 exit 65 after " in lines[4]


def test_the_reason_is_what_the_job_reported_else_its_last_line(tmp_path: Path) -> None:
    record = '{"code": 69, "kind": "timeout", "detail": "slow"}'
    report = f"import os; os.write(int(os.environ['OUTCOME_FD']), {record.encode()!r} + b'\\n')"
    log = tmp_path / "a.log"
    ended = run_python(f"{report}; print('noise'); raise SystemExit(69)", log)
    assert result_of("x", ended, log=log, shown_log="logs/a.log").reason == "timeout: slow"
    ended = run_python("print('first'); print('the end'); raise SystemExit(3)", log)
    assert result_of("x", ended, log=log, shown_log="logs/a.log").reason == "the end"


def test_a_daemon_that_keeps_the_output_open_holds_nobody_up(tmp_path: Path) -> None:
    ended = run_python(
        "import subprocess; print(subprocess.Popen(['sleep', '600']).pid, flush=True)", tmp_path / "a.log"
    )
    assert ended.exit_code == 0
    os.kill(int((tmp_path / "a.log").read_text(encoding="utf-8").splitlines()[2]), signal.SIGKILL)


def test_death_by_a_signal_is_128_and_its_number(tmp_path: Path) -> None:
    assert run_python("import os; os.kill(os.getpid(), 9)", tmp_path / "a.log").exit_code == 137


def test_stopping_ends_the_whole_group_also_what_ignores_term(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step_process, "TERM_GRACE_S", 0.3)
    deaf = "import signal, subprocess, time; signal.signal(15, signal.SIG_IGN); c = subprocess.Popen(['sleep', '600']);"
    child = step_process.start(
        [sys.executable, "-c", f"{deaf} print(c.pid, flush=True); time.sleep(600)"], tmp_path / "a.log", cwd=tmp_path
    )
    while not step_process.last_line(tmp_path / "a.log"):
        time.sleep(0.01)
    grandchild = int(step_process.last_line(tmp_path / "a.log"))
    step_process.stop_all([child])
    assert child.process.poll() is not None
    assert gone(grandchild)


def gone(pid: int) -> bool:
    """Whether a process has ended; a zombie nobody has reaped yet has."""
    for _ in range(3000):
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_a_step_that_takes_too_long_is_ended_by_name_and_the_next_one_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "logs").mkdir()
    naps = {"slow": "trap '' TERM; sleep 60 & wait", "quick": "echo done"}
    monkeypatch.setattr(step_process, "TERM_GRACE_S", 0.1)
    said: list[str] = []
    night = Night(
        run_dir=tmp_path, clone=tmp_path, desk_file=tmp_path / "d.yaml", about={}, tell_session=lambda: None,
        steps=[
            Step(number=1, verb="slow", session=False),
            Step(number=2, verb="quick", after=("slow",), session=False),
        ],
        say=said.append, limit_s=0.3,
    )  # fmt: skip
    monkeypatch.setattr(Night, "_command", lambda _, step: ["sh", "-c", naps[step.verb]])
    slow, quick = night.run()
    assert (slow.exit_code, slow.reason) == (124, "took longer than 0.3 s (STEP_LIMIT_S): ended")
    assert quick.outcome == "ok"
