"""Fixtures shared by all tests."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ("tests.fakemarket.fixtures",)

ROOT = Path(__file__).resolve().parent.parent
KEPT = "NIGHTDESK_SHARED_DATA"
OURS = ("NIGHTDESK_", "CT_", "KRX_", "APCA_", "KEEP_")
SETTINGS = {
    "ALLOW_NET_FETCH", "BT_STRATEGY", "DATABASE_URL", "ENV", "JOB", "LOCK_BUSY_RC", "MARKET", "NEXT_START",
    "PYTHONBIN", "PYTHONDONTWRITEBYTECODE", "RETRY_BUDGET_S", "TERM_GRACE_S", "XDG_CONFIG_HOME",
}  # fmt: skip
for name in list(os.environ):  # neither this machine's settings nor its proxies are what is tested
    if name in SETTINGS or name.lower().endswith("_proxy") or (name.startswith(OURS) and name != KEPT):
        del os.environ[name]
sys.dont_write_bytecode = False  # read and written as everywhere: else each of 2 000 processes compiles what it imports
for number in (signal.SIGINT, signal.SIGQUIT):  # a shell has its background jobs ignore them, and theirs
    signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

# The same examples in every run, on a machine of any speed: what fails, fails always.
settings.register_profile("sure", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("sure")


@pytest.fixture(scope="session")
def golden_cases() -> Path:
    """The folder of the golden cases, whose answers others computed."""
    return ROOT / "tests" / "golden"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real prices, kept outside the clone; tests that need them skip where they are absent."""
    folder = Path(os.environ.get("NIGHTDESK_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no shared data folder at {folder}")
    return folder


OWN = ("config/desk.yaml", "config/desks", "config/instances", "config/env.local.sh", "secret", "strategies", ".env")
STATE = (".venv", ".venv-peers", "data", "logs", "reports", "backtests", ".locks", "bench-results")
CACHES = ("__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis")


def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Where somebody lives in this clone, the tests run in a copy of it without what is theirs."""
    theirs = [name for name in OWN if (ROOT / name).is_file() or any((ROOT / name).glob("[!R]*"))]  # not README.md
    if not theirs or hasattr(config, "workerinput"):
        return None
    with tempfile.TemporaryDirectory(prefix="nightdesk-tests-") as folder:
        copy = Path(folder) / ROOT.name
        left_out = {str(ROOT / name) for name in (*OWN, *STATE)}
        shutil.copytree(ROOT, copy, symlinks=True, ignore=lambda at, names: _ignored(at, names, left_out))
        for name in (".venv", ".venv-peers"):
            if (ROOT / name).exists():
                (copy / name).symlink_to((ROOT / name).resolve())
        for name in ("logs", "reports"):
            (copy / name).mkdir()
            (copy / name / ".gitkeep").touch()
        print(f"tests run in a copy of the clone, without {', '.join(theirs)}: {copy}", flush=True)
        env = {**os.environ, KEPT: os.environ.get(KEPT, str(ROOT.parent / "shared" / "data"))}
        words = [word.replace(str(ROOT), str(copy)) for word in config.invocation_params.args]
        at = copy / config.invocation_params.dir.resolve().relative_to(ROOT)
        return subprocess.run([sys.executable, "-m", "pytest", *words], cwd=at, env=env, check=False).returncode


# The files that take longest, by their processor time of 2026-11-29: begun last, one of them would be waited for alone.
LONG = (
    "verbs/test_nightly.py", "shell/test_bad_input.py", "utils/pieces/test_cluster.py", "verbs/test_old_and_new.py",
    "verbs/test_bans.py", "verbs/test_week.py", "shell/test_killing.py", "market/calendars/test_more_markets.py",
    "verbs/test_fetch_krx.py", "verbs/test_without_posix.py", "market/store/test_store_crash.py", "verbs/test_fetch.py",
    "frames/test_on_frames.py", "verbs/test_determinism.py", "verbs/test_run_bt_desk.py",
    "verbs/test_failing_writes.py",
    "verbs/test_killed_verbs.py", "market/calendars/test_calendar_build.py", "market/providers/asking/test_ask.py",
    "shell/test_exit_codes.py", "shell/test_external_guard.py", "verbs/test_new_desk.py", "shell/test_update.py",
)  # fmt: skip


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Each worker begins with another file: what one has compiled (ten seconds in a fresh clone) the others read."""
    worker = getattr(session.config, "workerinput", None)
    if worker is None or session.config.args != session.config.getini("testpaths"):
        return
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    first = len(files) * int(worker["workerid"].removeprefix("gw")) // worker["workercount"]
    for path in files[first:] + files[:first]:
        with contextlib.suppress(Exception, pytest.skip.Exception):  # the collection says what cannot be imported
            importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long files first: `make test` gives out whole files in this order."""
    place = {str(ROOT / "tests" / name): at for at, name in enumerate(LONG)}
    items.sort(key=lambda item: place.get(str(item.path), len(LONG)))


def pytest_collection_finish() -> None:
    """What 5 000 collected tests consist of stays to the end: no collection of garbage need look at it again."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure(config: pytest.Config) -> None:
    """The last line: how many proofs this machine did not run, and why."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if hasattr(config, "workerinput") or terminal is None:
        return
    skipped = [report.longrepr for report in terminal.stats.get("skipped", ())]
    reasons = Counter(why[2].removeprefix("Skipped: ") if isinstance(why, tuple) else str(why) for why in skipped)
    if not skipped and not terminal.stats.get("passed"):
        return
    said = [f"{len(skipped)} proofs were not run on this machine"]
    said += [f"{count} x {why}" for why, count in reasons.most_common()]
    if config.option.markexpr == "not torture":
        said.append("the long ones are run by `make torture`")
    terminal.write_line("; ".join(said))


def _ignored(at: str, names: list[str], left_out: set[str]) -> list[str]:
    return [name for name in names if name in CACHES or str(Path(at, name)) in left_out]
