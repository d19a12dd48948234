"""The process that keeps loops stepping: none delays another, and it can be watched, stopped and started again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from pyjobs.live import scheduler
from pyjobs.live.scheduler import AFTER_S, Scheduler, next_due, notify, watchdog_s
from pyjobs.live_loop import LOCK, Listed
from pyjobs.live_loop import main as live_loop
from utils.files import os_files
from utils.run import run

ROOT = Path(__file__).resolve().parents[2]
RUN = """
import sys, time
sys.path.insert(0, {root!r})
from pyjobs.live.scheduler import Scheduler, stamped_log
TEXT = {{"good": "print('good: 1 decided')", "hangs": "import time; time.sleep(60)", "fails": "raise SystemExit(73)"}}
Scheduler(
    command=lambda name: [sys.executable, "-I", "-S", "-c", TEXT[name]],
    listed=lambda: ([(name, "1m") for name in TEXT], ""), say=stamped_log("live_loop"), limit_s=1.0,
).run()
"""

Made = Callable[..., tuple[Scheduler, list[str]]]


def until(ready: Callable[[], bool], within_s: float = 20.0) -> None:
    end = time.monotonic() + within_s
    while not ready():
        assert time.monotonic() < end, "not within its time"
        time.sleep(0.02)


def test_it_looks_after_each_close_and_again_when_a_look_brought_nothing() -> None:
    noon = 1_795_176_000.0
    assert next_due("5m", noon + 10, 0) == noon + 300 + AFTER_S
    assert next_due("5m", noon + 1, 0) == noon + AFTER_S
    assert next_due("5m", noon + 10, 1) == noon + 20
    assert next_due("5m", noon + 290, 9) == noon + 300 + AFTER_S
    assert next_due("1d", noon + 10, 0) == noon + 3600 + AFTER_S


def test_one_that_hangs_or_fails_delays_no_other_and_what_hangs_is_ended(home: Path) -> None:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    where = str(home / "notify")
    listener.bind(where)
    listener.settimeout(20)
    process = subprocess.Popen(
        [sys.executable, "-c", RUN.format(root=str(ROOT))], stdout=subprocess.DEVNULL,
        env={**os.environ, "NOTIFY_SOCKET": where},
    )  # fmt: skip
    try:
        assert listener.recv(100) == b"READY=1"
        log = home / "logs"
        until(
            lambda: any("hangs" in path.read_text() and "longer than" in path.read_text() for path in log.glob("*.log"))
        )
        said = next(log.glob("live_loop_*.log")).read_text()
        assert said.index("good: good: 1 decided") < said.index("hangs: step ended")
        assert "fails:  (exit 73)" in said
        memory = (Path("/proc") / str(process.pid) / "status").read_text()
        resident = int(memory.partition("VmRSS:")[2].split()[0])
        assert resident < 25_000, f"{resident} kB"
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
        listener.close()
    state = json.loads((home / "data/live/loop.json").read_text())
    assert state["stopped"] and state["loops"]["good"]["code"] == 0 and state["loops"]["fails"]["code"] == 73


@pytest.mark.parametrize("kind", ["a file", "an abstract name"])
def test_systemd_hears_twice_within_its_time_that_turns_are_taken(
    kind: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = str(home / "notify") if kind == "a file" else f"\0nightdesk-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(where)
        listener.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", where.replace("\0", "@"))
        monkeypatch.setenv("WATCHDOG_USEC", "120000")
        kept = Scheduler(command=lambda _: [], listed=lambda: ([], ""), say=print)
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            kept.turn()
            kept._sleep()
        heard = []
        with suppress(BlockingIOError):
            while True:
                heard.append(listener.recv(100))
        assert set(heard) == {b"WATCHDOG=1"} and 3 <= len(heard) <= 7
    notify("WATCHDOG=1")  # systemd has gone
    monkeypatch.delenv("NOTIFY_SOCKET")
    notify("WATCHDOG=1")  # there never was one


def test_a_watchdog_that_asks_another_process_or_nobody_is_none() -> None:
    own = str(os.getpid())
    assert (
        watchdog_s({"WATCHDOG_USEC": "240000000", "WATCHDOG_PID": own})
        == 240.0
        == watchdog_s({"WATCHDOG_USEC": "240000000"})
    )
    for usec in ("", "0", "x"):
        assert watchdog_s({"WATCHDOG_USEC": usec}) == float("inf")
    assert watchdog_s({"WATCHDOG_USEC": "9", "WATCHDOG_PID": own + "0"}) == watchdog_s({}) == float("inf")


@pytest.fixture
def one() -> Made:
    """A scheduler of one loop that runs that text."""

    def made(text: str, timeframes: Sequence[str] = ("1m",)) -> tuple[Scheduler, list[str]]:
        said, left = list[str](), list(timeframes)
        listed = [("a", left.pop(0) if len(left) > 1 else left[0])]
        kept = Scheduler(
            command=lambda _: [sys.executable, "-I", "-S", "-c", text],
            listed=lambda: (listed, ""), say=said.append,
        )  # fmt: skip
        kept.turn()
        listed[0] = ("a", left[0])
        return kept, said

    return made


def test_a_step_that_says_much_is_told_by_its_last_line(one: Made, home: Path) -> None:
    kept, said = one("print('Traceback'); print('x' * 9000); print('live_step: what went wrong'); raise SystemExit(1)")
    until(lambda: kept.turn() is None and len(said) > 1)
    assert said[1] == "a: live_step: what went wrong (exit 1)"
    assert json.loads((home / "data/live/loop.json").read_text())["loops"]["a"]["code"] == 1  # at once


def test_a_loop_of_another_timeframe_leaves_no_step_of_before(one: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, said = one("import time; time.sleep(60)", ("1m", "5m"))
    monkeypatch.setenv("NIGHTDESK_NOW", str(time.time() + 61))
    kept.turn()
    assert said == ["a: on, 1m", "a: step ended: it is now of 5m", "a: on, 5m"]
    kept._end(kept._loops["a"], "done")


def test_a_disk_that_takes_no_file_stops_no_scheduler(one: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise FileNotFoundError("No usable temporary directory found")

    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "TemporaryFile", full)
        kept, said = one("print('1 decided')")
    assert said == ["a: on, 1m", "a: cannot be started: No usable temporary directory found"]
    monkeypatch.setenv("NIGHTDESK_NOW", str(time.time() + 30))
    until(lambda: kept.turn() is None and len(said) > 2)
    assert said[2] == "a: 1 decided"


def test_no_step_begins_amid_an_update_and_no_update_amid_a_step(
    one: Made, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "LOCKS", home)
    lock = home / "code.lock"
    with os_files.locked(lock, 0.0):  # as jobs/update holds it
        kept, said = one("import time; time.sleep(60)")
    assert said[0] == "a: on, 1m" and said[1].startswith("an update is at work; no step begins")
    monkeypatch.setenv("NIGHTDESK_NOW", str(time.time() + 5))
    (home / "update.plan").touch()  # a kill has left it half done
    kept.turn()
    assert kept._loops["a"].process is None and len(said) == 2
    (home / "update.plan").unlink()
    monkeypatch.setenv("NIGHTDESK_NOW", str(time.time() + 10))
    kept.turn()
    assert kept._loops["a"].process is not None
    with pytest.raises(os_files.HeldElsewhere), os_files.locked(lock, 0.0):
        pass
    kept._end(kept._loops["a"], "done")
    with os_files.locked(lock, 0.0):
        pass


def test_a_clock_that_is_set_back_by_a_day_makes_no_loop_wait_for_a_day(
    one: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTDESK_NOW", str(time.time() + 86_400))
    kept, said = one("print('1 decided')")
    until(lambda: kept.turn() is None and len(said) > 1)
    monkeypatch.delenv("NIGHTDESK_NOW")
    until(lambda: kept.turn() is None and len(said) > 3)
    assert said[2].startswith("the clock was set back by 8") and said[3] == "a: 1 decided"


def test_without_loops_nothing_is_missed_and_with_some_it_is(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(live_loop, ["--status"]) == 0
    (home / "secret").mkdir()
    (home / "secret/live.yaml").write_text("loops:\n  a: {symbol: BTC/USD, timeframe: 5m, strategy: ma_cross}\n")
    assert run(live_loop, ["--status"]) == 3
    assert "live loop: not running; 1 loops" in capsys.readouterr().out


def test_up_status_and_down_are_three_commands(home: Path) -> None:
    (home / "secret").mkdir()
    (home / "secret/live.yaml").write_text("loops:\n  a: {symbol: BTC/USD, timeframe: 5m, strategy: ma_cross}\n")
    (home / "repos.lock").write_text("api\tapi\tfile:///x\t" + "0" * 40 + "\n")
    env = {**os.environ, "ALLOW_NET_FETCH": "0", "XDG_RUNTIME_DIR": str(home), "DBUS_SESSION_BUS_ADDRESS": "disabled:"}

    def live(word: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [ROOT / "jobs/live.sh", word], env=env, cwd="/", capture_output=True, text=True, timeout=60
        )

    unheard = live("logs")
    assert unheard.returncode == 66 and "no loop has written a log yet" in unheard.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(env, "DRY_RUN", "0")
        refused = live("up")
        assert refused.returncode == 78 and "DRY_RUN=0: only paper money exists here" in refused.stderr
    up = live("up")
    assert up.stdout.startswith("started, pid ") and "1 of 1 are not as pinned: api: '" in up.stderr
    try:
        log = home / "logs"
        until(
            lambda: any(
                "a: " in path.read_text() and "exit 66" in path.read_text() for path in log.glob("live_loop_*.log")
            ),
            40,
        )
        assert any("[WARN] repos api: '" in path.read_text() for path in log.glob("live_loop_*.log"))
        assert live("up").stdout.startswith("running already")
        assert (home / "data/live/run.pid").stat().st_mode & 0o777 == 0o640  # who may open it may lock it
        second = live("run")
        assert second.returncode == 75 and "the loops are kept already, by pid" in second.stderr
        status = live("status")
        assert status.returncode == 3 and "live loop: alive, pid" in status.stdout and "a: LATE" in status.stdout
        assert run(live_loop, ["--status", "--wait", "20"]) == 0  # after a boot: that it has begun is what is asked
    finally:
        down = live("down")
    assert down.stdout == "stopped\n", down.stderr
    assert live("down").stdout == "not running\n"


def test_a_look_at_whether_it_lives_keeps_no_loop_from_beginning(home: Path) -> None:
    lock = home / ".locks" / LOCK
    lock.parent.mkdir(mode=0o700)
    with os_files.locked(lock, 0.0):  # as `live_loop --status` does for a moment
        process = subprocess.Popen(
            [sys.executable, "-m", "pyjobs.live_loop"], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.3)
    until(lambda: (home / "data/live/loop.json").exists())
    process.terminate()
    assert process.communicate(timeout=20)[1] == b"" and process.returncode == 0


def test_the_loops_are_asked_for_again_only_when_their_file_has_changed(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "secret").mkdir()
    python = home / "python"
    python.write_text(f"#!/bin/sh\necho asked >> '{home}/asked'\nprintf 'paper\\t5m\\n'\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    listed = Listed()
    for content in ("loops: {}", "loops: {paper: {}}"):
        (home / "secret/live.yaml").write_text(content)
        assert [listed() for _ in range(3)] == [([("paper", "5m")], "")] * 3
    assert len((home / "asked").read_text().split()) == 2
