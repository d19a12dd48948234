"""Whole nights on a small desk, as the chain starts them: a process, its lines, its exit code, its run folder."""

from __future__ import annotations

import datetime as dt
import json
import math
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest
from filelock import FileLock

from pyjobs.runs import manifest
from pyjobs.runs.nights.steps import NIGHT
from pyjobs.runs.run_folder import finished_runs
from tests.support.verb_process import run_verb
from utils import trading_day

ROOT = Path(__file__).resolve().parents[2]
LAST = dt.date(2026, 11, 19)
DESK = """\
name: small
market: XKRX
dumps: dumps
session: last_bar
label: made-up prices
accounts:
  krw: {currency: KRW, cash: 100000000, max_positions: 2, max_weight: 0.5, fee_bps: 1.5}
setups:
  breakout_20: {window: 20}
instruments:
  - {symbol: AAA, exchange: HAND, market: XKRX, timeframe: 1d, currency: KRW, file: AAA.csv}
  - {symbol: BBB, exchange: HAND, market: XKRX, timeframe: 1d, currency: KRW, file: BBB.csv}
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A runtime root with such a desk."""
    make_desk(tmp_path)
    return tmp_path


def make_desk(tmp_path: Path) -> None:
    """A desk of two instruments over 300 sessions; AAA breaks out on the last one."""
    (tmp_path / "dumps").mkdir()
    (tmp_path / "desk.yaml").write_text(DESK, encoding="utf-8")
    sessions = trading_day.load("XKRX").sessions_between(LAST - dt.timedelta(days=450), LAST)[-300:]
    for symbol, jump in (("AAA", 9_000), ("BBB", 0)):
        rows = ["date,open,high,low,close,volume"]
        for i, session in enumerate(sessions):
            close = round(50_000 + 4_000 * math.sin(i / 8)) + (jump if i == len(sessions) - 1 else 0)
            rows.append(f"{session.date},{close - 100},{close + 300},{close - 400},{close},1000")
        (tmp_path / f"dumps/{symbol}.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def command(home: Path, *flags: str) -> list[str]:
    return [sys.executable, "-m", "pyjobs.nightly", "--desk", str(home / "desk.yaml"), *flags]


def night(home: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "NIGHTDESK_HOME": str(home)}
    return subprocess.run(
        command(home, *flags), cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


def another(home: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """A night whose processes are forks: what the first has shown of starting them need not be shown twice."""
    desk = () if "--desk" in flags else ("--desk", str(home / "desk.yaml"))
    return run_verb("nightly", *desk, *flags, env={**os.environ, "NIGHTDESK_HOME": str(home)})


def runs(home: Path) -> list[Path]:
    return finished_runs(home / "data/server_runs")


def queued(home: Path) -> list[tuple[str, str, str]]:
    with closing(sqlite3.connect(home / "data/queue/small.sqlite")) as queue:
        return queue.execute("SELECT symbol, session, status FROM signals ORDER BY symbol").fetchall()


def test_a_good_night_is_published_whole_and_a_second_one_queues_nothing_twice(home: Path) -> None:
    first = night(home)
    assert (first.returncode, first.stderr) == (0, "")
    assert "session 2026-11-19" in first.stdout and "[ok]   scan " in first.stdout
    (run,) = runs(home)
    assert manifest.verify(run) == []
    told = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    assert (told["status"], told["session"], told["desk"]) == ("ok", "2026-11-19", "small")
    assert [step["step"] for step in told["steps"]] == [step.verb for step in NIGHT]
    assert set(told["portfolio"]) == {"krw/constrained", "krw/unconstrained"}
    assert told["inputs"]["data"]["files"] == 4  # two instruments, 2025 and 2026
    log = (run / "logs/02_scan.log").read_text(encoding="utf-8")
    assert " -u -m pyjobs.scan --desk " in log and "# end " in log and " exit 0 after " in log
    assert (run / "reports/price_HAND_AAA_1d.png").is_file()
    assert queued(home) == [("AAA", "2026-11-19", "new")]
    other = home / "other.yaml"
    other.write_text(DESK.replace("name: small", "name: other"), encoding="utf-8")
    assert another(home, "--desk", str(other)).returncode == 0
    assert another(home).returncode == 0
    assert len(runs(home)) == 3
    index = (home / "reports/index.html").read_text(encoding="utf-8")
    links = re.findall(
        r'<tr(.*?)><td><a href="([^"]+)" .*?>2026-11-19</a></td><td class="desk">(\w+)</td><td><i>krw [+-]', index
    )
    assert [desk for _, _, desk in links] == ["small", "other", "small"]
    assert [bool(newest) for newest, _, _ in links] == [True, True, False]
    assert all((home / "reports" / link).is_file() for _, link, _ in links)
    newest = runs(home)
    assert (home / "reports/latest").resolve() == newest[2] and (home / "reports/other/latest").resolve() == newest[1]
    assert queued(home) == [("AAA", "2026-11-19", "new")]


def test_a_bad_dump_is_named_what_can_run_still_runs_and_a_rehearsed_clock_tells_run_and_session(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_NOW", "1795082400")  # 2026-11-19 10:00 UTC, after the close in Seoul
    (home / "desk.yaml").write_text(DESK.replace("last_bar", "last_closed"), encoding="utf-8")
    path = home / "dumps/BBB.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[5] = lines[5].split(",")[0] + ",100,90,110,100,5"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = another(home, "--jobs", "1")
    assert done.returncode == 65
    failed = next(line for line in done.stdout.splitlines() if line.startswith("[FAIL]"))
    assert "import_bars exit 65" in failed and "logs/01_import_bars.log" in failed
    assert "[ok]   scan " in done.stdout and "[ok]   report_index " in done.stdout
    (run,) = runs(home)
    assert run.name.startswith("20261119T100000Z-")
    assert (manifest.read(run)["session"], manifest.read(run)["status"]) == ("2026-11-19", "partial")
    assert manifest.verify(run) == []
    assert "import_bars" in (run / "reports/ops.md").read_text(encoding="utf-8")


def test_a_night_without_any_bar_still_says_so_on_every_page(home: Path) -> None:
    for path in (home / "dumps").iterdir():
        path.unlink()
    done = another(home)
    assert done.returncode not in (0, 2, 69)
    assert "session unknown" in done.stdout
    assert "[skip] scan: needs a session" in done.stdout and "[skip] queue_signals: needs scan" in done.stdout
    (run,) = runs(home)
    for name in ("scan", "daily", "ops", "golive"):
        assert (run / f"reports/{name}.md").is_file()
    assert "no session" not in (run / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_night_that_is_ended_leaves_no_run(home: Path, number: signal.Signals) -> None:
    environment = {**os.environ, "NIGHTDESK_HOME": str(home)}
    with (
        FileLock(home / ".locks/store-HAND-AAA-1d.lock"),  # the import waits for it, a minute long
        subprocess.Popen(command(home), cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as child,
    ):
        steps = once_there_are(child.pid)
        child.send_signal(number)
        said = child.communicate(timeout=120)[0]
    if number == signal.SIGTERM:
        assert child.returncode == 143
        assert "stopped by SIGTERM" in said
        assert not any(Path(f"/proc/{pid}").exists() for pid in steps)
    else:
        for pid in steps:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    assert runs(home) == []
    (left,) = (home / "data/server_runs").iterdir()
    assert left.name.startswith(".building-")


def test_a_data_folder_that_cannot_be_written_is_said_before_anything_is_done(home: Path) -> None:
    (home / "data").write_text("a file where the folder should be", encoding="utf-8")
    done = night(home)
    assert done.returncode == 73
    assert "cannot begin a run" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (("--desk", "no/such/desk.yaml"), 78, "no/such/desk.yaml"),
        (("--session", "yesterday"), 64, "yesterday"),
        (("--sess", "2026-11-19"), 64, "--sess"),
    ],
)
def test_wrong_use_has_its_own_code_and_makes_no_run(home: Path, flags: tuple[str, ...], code: int, said: str) -> None:
    done = night(home, *flags)
    assert done.returncode == code
    assert said in done.stderr
    assert not (home / "data").exists()


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()]


def once_there_are(pid: int) -> list[int]:
    """The processes of the steps that run, as soon as there are some and the night has noted them."""
    until = time.monotonic() + 60
    while not (found := children(pid)):
        assert time.monotonic() < until
        time.sleep(0.02)
    time.sleep(0.5)
    return found
