"""No wait without an end: for a lock that another user keeps, or for a pipe in the place of a file."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from utils.files import os_files

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(path for folder in ("pyjobs", "utils", "jobs") for path in (ROOT / folder).rglob("*.py"))
READS = "read_text|read_bytes|open"
NO_FILES = ("os", "gzip", "tarfile", "journal", "self")
PLAIN = {  # who opens what nobody else writes: of the clone, of the kernel, of a library, or written a moment ago
    "jobs/judge/rules.py", "jobs/process_tree.py", "jobs/survivors.py", "jobs/update/__main__.py",
    "jobs/update/environment.py", "jobs/update/switch.py", "pyjobs/__main__.py",
    "pyjobs/build_calendars.py", "pyjobs/live/golive/drill.py", "pyjobs/machines/deploying.py",
    "pyjobs/machines/environments.py", "pyjobs/machines/installing.py", "pyjobs/market/cache/column_cache.py",
    "pyjobs/market/calendars/build.py",
    "pyjobs/market/desk/price_formats.py", "pyjobs/market/ingest/bootstrap.py", "pyjobs/market/sample/files.py",
    "pyjobs/new_desk.py", "pyjobs/reporting/backtests/files.py", "pyjobs/reporting/backtests/interactive.py",
    "pyjobs/reporting/html.py", "pyjobs/reporting/nights.py", "pyjobs/runs/verdict/holders.py",
    "utils/exception_classes.py", "utils/files/atomic.py", "utils/native/__init__.py", "utils/pieces/cluster_task.py",
    "utils/history.py", "utils/wall_clock.py",
}  # fmt: skip
LOOKS_FIRST = {  # what is a file, and no pipe, has been looked at before
    "pyjobs/machines/artifact.py", "pyjobs/market/dumps/reading/opened.py", "pyjobs/run_bt.py", "pyjobs/run_sweep.py",
    "pyjobs/runs/timetable.py", "pyjobs/runs/units.py", "pyjobs/walk_forward.py",
    "pyjobs/write_units.py", "utils/files/formats.py", "utils/settings/config.py", "utils/settings/strict_yaml.py",
    "utils/trading_day.py",
}  # fmt: skip


def calls(path: Path, words: str) -> list[tuple[str, ast.Call]]:
    """The calls in the file of what is called one of `words`, with that name."""
    text = path.read_text(encoding="utf-8")
    if not re.search(rf"\b({words})\(", text):
        return []
    found = (each for each in ast.walk(ast.parse(text)) if isinstance(each, ast.Call))
    named = ((getattr(each.func, "attr", getattr(each.func, "id", "")), each) for each in found)
    return [(name, each) for name, each in named if re.fullmatch(words, name)]


def reads(name: str, call: ast.Call) -> bool:
    """Whether it opens a file to read it, and would wait for a pipe in its place."""
    method = isinstance(call.func, ast.Attribute)
    if name != "open":
        return True
    if isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) in NO_FILES:
        return False
    modes = [each for each in call.args[0 if method else 1 :][:1] if isinstance(each, ast.Constant)]
    modes += [each.value for each in call.keywords if each.arg == "mode" and isinstance(each.value, ast.Constant)]
    return not modes or (isinstance(modes[0].value, str) and "r" in modes[0].value and "+" not in modes[0].value)


def test_every_lock_is_waited_for_for_a_bounded_time() -> None:
    endless = []
    for path in FILES:
        for name, call in calls(path, "flock|lockf|FileLock"):
            said = ast.unparse(call)
            if name != "FileLock" and not re.search(r"LOCK_NB|LOCK_UN", said):
                endless.append(f"{path}: {said}")
            if name == "FileLock" and "timeout=" not in said:
                endless.append(f"{path}: {said}")
    for path in (*(ROOT / "jobs").glob("*.sh"), *(ROOT / "batch").glob("*.sh"), ROOT / "nightdesk"):
        lines = re.sub(r"#.*", "", path.read_text()).splitlines()
        endless += [f"{path}: {line}" for line in lines if re.search(r"(^|[;&|]\s*|C )flock (?!-n|-w|must know)", line)]
    assert endless == []


def test_whatever_others_may_have_put_there_is_opened_without_waiting_for_a_pipe() -> None:
    found = {path.relative_to(ROOT).as_posix() for path in FILES if any(reads(*each) for each in calls(path, READS))}
    assert sorted(found - PLAIN - LOOKS_FIRST) == [], "open it by os_files.held_bytes, held_text or text_files.bytes_of"
    assert sorted((PLAIN | LOOKS_FIRST) - found) == [], "it opens nothing any more"


def test_no_loop_of_links_is_followed_by_what_raises_a_runtime_error_for_it(tmp_path: Path) -> None:
    """Path.resolve() does, of a path that a person or another user made."""
    found = {
        f"{path.relative_to(ROOT)}: {ast.unparse(each)}"
        for path in FILES
        for _, each in calls(path, "resolve")
        if not each.args
    }
    assert [each for each in sorted(found) if "__file__" not in each] == [], "os_files.real"
    (tmp_path / "loop").symlink_to("loop")
    assert os_files.real(tmp_path / "loop/x") == tmp_path / "loop/x"
