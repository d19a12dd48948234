"""Every loop over logs, records, locks and the rest of a house, each with one bad thing among three."""

from __future__ import annotations

from pathlib import Path

from pyjobs.live import kill_switch
from pyjobs.machines import snapshot
from pyjobs.runs import cache_retention, log_retention, sealed
from pyjobs.runs.verdict import backups, holders, logs, places, records, watched
from tests.one_by_one.support.runs_table import OTHERS, arrived, files, incoming
from tests.one_by_one.support.spoiled import Loop
from tests.runs.test_run_folder import NOW
from utils import history, trading_day
from utils.files import atomic, private

RECORD = '{"job":"{0}","instance":"","session":"","start":1,"end":{1},"attempts":1,"code":0,"outcome":"ok","log":"x"}\n'
CALENDAR = trading_day.load("XKRX")
LOGS = ("x_2026-11-18.log", "x_2026-11-19.log", "x_2026-11-20.log")
START = "2026-11-20 12:00:00 [START] x (pid 1, UTC+9)\n"


def pruned(home: Path) -> list[str]:
    folder = home / "logs"
    names = [path.name for path in folder.iterdir()]
    for name in log_retention.to_compress(names, keep_days=1):
        try:
            log_retention.compress(folder / name)
        except OSError:
            continue
    return [path.name for path in folder.iterdir()]


def backed_up(home: Path) -> list[str]:
    done = snapshot.make(home, home / "backups", now=NOW, clone=home)
    kept = sealed.read(done)
    return [*map(str, kept["files"]), *map(str, kept["problems"])]  # type: ignore[call-overload]


def a_lock(home: Path) -> Path:
    """The middle one of three; the last is a folder, which is told."""
    middle = files(".locks", "a.lock", "b.lock")(home)
    (home / ".locks/c.lock").mkdir()
    return middle


def open_locks(home: Path) -> Path:
    middle = files(".locks", "a.lock", "b.lock", "c.lock")(home)
    (home / ".locks/c.lock").chmod(0o666)
    (home / ".locks").chmod(0o755)
    return middle


def swept(home: Path) -> list[str]:
    atomic.sweep(home / "d")
    return [f"no {each}" for each in "ac" if not (home / f"d/.{each}.tmp-1-00").exists()]


HOUSE_TABLE: dict[str, Loop] = {
    "utils/history.py read": Loop(
        make=files("logs", "history-2026-11-18.jsonl", "history-2026-11-19.jsonl", "history.jsonl", text=RECORD),
        read=lambda h: [each["job"] for each in history.read(h / "logs")],
        others=frozenset(("history-2026-11-18", "history")),
    ),
    "runs/verdict/records.py read": Loop(
        make=files("logs", "history-2026-11-18.jsonl", "history-2026-11-19.jsonl", "history.jsonl", text=RECORD),
        read=lambda h: [run.job for run in records.read(h / "logs", 100).runs],
        others=frozenset(("history-2026-11-18", "history")),
    ),
    "runs/verdict/logs.py newest": Loop(
        make=files("logs", *LOGS, text=START),
        read=lambda h: [logs.newest(h / "logs", "x", NOW.date())[1].name],  # type: ignore[index]
        others=frozenset((LOGS[2],)),
    ),
    "runs/verdict/logs.py unrecorded": Loop(
        make=files("logs", *LOGS, text=START),
        read=lambda h: [
            str(logs.unrecorded("2026-11-19", h / "logs" / name, [], CALENDAR, ("x", "")) is not None) for name in LOGS
        ],
        others=frozenset(("True",)),
    ),
    "runs/log_retention.py compress": Loop(
        make=files("logs", *LOGS, "x_2026-11-21.log"),
        read=pruned,
        changes=True,
        others=frozenset((f"{LOGS[0]}.gz", f"{LOGS[2]}.gz")),
    ),
    "runs/cache_retention.py look": Loop(
        make=files("cache/native", "a-1.o", "b-1.o", "c-1.o"),
        read=lambda h: [each.path.name for each in cache_retention.look(h / "cache")],
        others=frozenset(("a-1.o", "c-1.o")),
    ),
    "runs/verdict/holders.py left_behind": Loop(
        make=files(".locks", "a.holder", "b.holder", "c.holder", text="99999999\t1\tx\n"),
        read=lambda h: [each.name for each in holders.left_behind(h / ".locks")],
        others=frozenset(("a", "c")),
    ),
    "runs/verdict/places.py check_lock_files": Loop(
        make=a_lock,
        read=lambda h: [each.name for each in places.check_lock_files(h / ".locks")],
        others=frozenset(("lock c",)),
    ),
    "runs/verdict/watched.py house_made_s": Loop(
        make=files("config", "a", "b", "c"),
        read=lambda h: [str(bool(watched.house_made_s(h, [])))],
        others=frozenset(("True",)),
    ),
    "runs/verdict/backups.py check_backup": Loop(
        make=files("data", "a.json", "backups.json", "drill.json"),
        read=lambda h: [backups.check_backup(h / "data", 1e9).kind],
        others=frozenset(("backup",)),
    ),
    "utils/files/private.py _looked_at": Loop(
        make=open_locks,
        read=lambda h: " ".join(private.problems(str(h))),
        others=frozenset(("c.lock", "mode 755, not 750: chmod 750")),
    ),
    "utils/files/atomic.py sweep": Loop(
        changes=True,
        make=files("d", ".a.tmp-1-00", ".b.tmp-1-00", ".c.tmp-1-00"),
        read=swept,
        others=frozenset(("no a", "no c")),
    ),
    "machines/snapshot.py sources": Loop(
        make=files("strategies", "a.py", "b.py", "c.py"),
        read=backed_up,
        others=frozenset(("files/strategies/a.py", "files/strategies/c.py")),
    ),
    "machines/fetching.py bring": Loop(make=incoming, read=arrived, changes=True, others=OTHERS),
    "live/kill_switch.py state": Loop(
        make=files("data/live", "a", "KILL", "c"),
        read=lambda _: [str(kill_switch.state() is not None)],
        others=frozenset(("True",)),
    ),
}
