"""Whatever stands in an environment variable, its reader returns something or says one clear line that names it."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pyjobs import deploy, fetch_runs, live_backtest, live_eq, nightly, push_data, release
from pyjobs.live import config as live_config
from pyjobs.live import scheduler
from pyjobs.machines import environments, remote, vaults
from pyjobs.market.ingest import instances
from pyjobs.market.providers.asking import ask, retry_budget
from pyjobs.runs import forecast, prune, units
from pyjobs.runs.alerts import bell
from tests.one_by_one.support.going import Late, bounded
from tests.one_by_one.support.spoiling import VALUES
from utils import alarm, clock, paths
from utils.errors import NightdeskError
from utils.files import formats, private
from utils.foreign_text import LONGEST_MESSAGE
from utils.run import exit_code_for, one_line, report_outcome
from utils.settings import credentials

ROOT = Path(__file__).resolve().parents[2]
NUMBERS = [
    "1e400",
    "nan",
    "inf",
    "-1",
    "0",
    "9" * 400,
    "1_0",
    "٣",
    "0x10",
    " 5",
    "5 ",
    "5s",
    "-rf",
    "--help",
    "~",
    "CON",
]
TEXTS = [str(each)[:20_000] for each in VALUES.values() if not isinstance(each, float | int)] + NUMBERS
"""The generator's values, as far as the kernel lets them into an environment."""
LIVE = live_config.LiveFile()


def loop() -> object:
    return live_config.from_environment(os.environ, LIVE)


def limit(name: str) -> Callable[[], object]:
    return lambda: prune.limit(name, None, 30)


ROWS: dict[str, Callable[[], object]] = {
    "ALLOW_NET_FETCH": ask.network_allowed,
    "APCA_API_SECRET_KEY": lambda: credentials.for_provider("APCA_API_SECRET_KEY"),
    "BACKUP_TO": lambda: vaults.vault_of(os.environ["BACKUP_TO"], os.environ, Path("/nowhere")),
    "CCXT_EXCHANGE": loop,
    "CT_EXCHANGE": loop,
    "CT_LOOKBACK_DAYS": lambda: instances.from_environment({"CT_SYMBOL": "A", **os.environ}),
    "CT_SYMBOL": lambda: instances.from_environment(os.environ),
    "CT_TIMEFRAME": lambda: instances.from_environment({"CT_SYMBOL": "A", **os.environ}),
    "DATA_TAG": loop,
    "DRY_RUN": live_config.refuse_real_money,
    "END_TS_MS": lambda: live_backtest._time("END_TS_MS", os.environ["END_TS_MS"]),
    "ENV": lambda: bell._text([]),
    "FEE_BPS": loop,
    "JOB": retry_budget.retry_budget,
    "KEEP_BACKTEST_DAYS": limit("KEEP_BACKTEST_DAYS"),
    "KEEP_BACKUPS": limit("KEEP_BACKUPS"),
    "KEEP_CACHE_MB": limit("KEEP_CACHE_MB"),
    "KEEP_DAYS": lambda: (forecast.of_runs(Path("/nowhere"), free_bytes=1, environ=os.environ), limit("KEEP_DAYS")()),
    "KEEP_LOG_DAYS": limit("KEEP_LOG_DAYS"),
    "KEEP_MAX_RUNS": limit("KEEP_MAX_RUNS"),
    "KEEP_PLAIN_LOG_DAYS": limit("KEEP_PLAIN_LOG_DAYS"),
    "KEEP_RELEASES": release._keep,
    "LIVE_MARKET": loop,
    "MAX_GAP_BARS": loop,
    "NEXT_START": retry_budget.retry_budget,
    "NIGHTDESK_GROUP": lambda: (private.group_id(), private.problems(str(paths.root()))),
    "NIGHTDESK_HOME": lambda: (formats.stored(str(paths.root())), paths.data_dir() / "x"),
    "NIGHTDESK_NOW": clock.now_s,
    "NOTIFY_SOCKET": lambda: scheduler.notify("READY=1"),
    "OUTCOME_FD": lambda: report_outcome(1),
    "PAPER_CASH": loop,
    "PRUNE_MAX_SHARE": limit("PRUNE_MAX_SHARE"),
    "REMOTE": lambda: remote.host_of(os.environ["REMOTE"], os.environ),
    "REMOTE_ROOT": lambda: fetch_runs._fetch(Path("/nowhere"), write=False),
    "RETRY_BUDGET_S": retry_budget.retry_budget,
    "RUNID": live_eq._parser,
    "SSH_COMMAND": lambda: remote.host_of("me@192.0.2.1", os.environ),
    "SSH_PORT": lambda: remote.host_of("me@192.0.2.1", os.environ),
    "START_TS_MS": lambda: live_backtest._time("START_TS_MS", os.environ["START_TS_MS"]),
    "STEP_LIMIT_S": lambda: alarm.seconds_of("STEP_LIMIT_S", nightly.STEP_LIMIT_S),
    "STRATEGY": loop,
    "STRATEGY_LIMIT_S": lambda: alarm.seconds_of("STRATEGY_LIMIT_S", 300.0),
    "STRATEGY_PARAMS": loop,
    "SYMBOL": loop,
    "TARGET": lambda: (deploy._target(os.environ["TARGET"]), push_data._target(os.environ["TARGET"])),
    "TIMEFRAME": loop,
    "WATCHDOG_PID": lambda: scheduler.watchdog_s({"WATCHDOG_USEC": "5", **os.environ}),
    "WATCHDOG_USEC": lambda: scheduler.watchdog_s(os.environ),
    "XDG_CONFIG_HOME": lambda: (instances.folders(), units.folder(), environments.known()),
}
COMPARED = {  # with words of ours, or handed on as it is to a program that says what is wrong with it
    "ENFORCE_DECISION_MONOTONIC", "FORCE_FETCH_FAIL", "FORCE_PERSIST_FAIL", "GIT_SSH_COMMAND", "NIGHTDESK_CODE",
    "RELEASE_KEY", "UPDATE_SIGNERS", "UPDATE_BRANCH",
}  # fmt: skip
BY_VARIABLE = {  # the names are told to it: those have rows
    "pyjobs/live/config.py", "pyjobs/machines/vaults.py", "pyjobs/market/ingest/instances.py",
    "pyjobs/market/providers/asking/retry_budget.py", "pyjobs/market/providers/wire/http.py", "pyjobs/runs/forecast.py",
    "pyjobs/runs/prune.py", "utils/alarm.py", "utils/files/private.py", "utils/run.py", "utils/settings/credentials.py",
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_whatever_stands_there_is_taken_or_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = []
    monkeypatch.setenv("NIGHTDESK_HOME", str(tmp_path))
    monkeypatch.setenv("DATA_TAG", "t")
    monkeypatch.setenv("REMOTE", "me@192.0.2.1")
    for text in TEXTS:
        try:
            monkeypatch.setenv(name, text)
        except ValueError:  # a NUL, half a letter
            continue
        try:
            with bounded():
                ROWS[name]()
        except NightdeskError as error:
            line = one_line(error)
            if exit_code_for(error) in (1, 3) or not line.isprintable() or len(line) > LONGEST_MESSAGE + 100:
                wrong.append(f"{text[:50]!r}: exit {exit_code_for(error)}: {line[:200]!r}")
        except (Exception, Late) as error:  # noqa: BLE001  # the next one is tried, too
            wrong.append(f"{text[:50]!r}: {type(error).__name__}: {str(error)[:150]!r}")
    assert wrong == []


def asked(path: Path) -> set[str]:
    """The variables that a file reads, by name; its own path where the name is not written there."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("get", "getenv")
            and node.args
        ):
            of, key = ast.unparse(node.func.value), node.args[0]
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            of, key = ast.unparse(node.value), node.slice
        else:
            continue
        if of in ("os.environ", "environ", "os"):
            literal = isinstance(key, ast.Constant) and isinstance(key.value, str)
            found.add(key.value if literal else path.relative_to(ROOT).as_posix())  # type: ignore[attr-defined]
    return found


def test_every_variable_that_is_read_has_a_row() -> None:
    files = [path for folder in ("pyjobs", "utils") for path in sorted((ROOT / folder).rglob("*.py"))]
    found = set().union(*map(asked, files))
    assert sorted(found - set(ROWS) - COMPARED - BY_VARIABLE) == [], "give it a row"
    assert sorted(BY_VARIABLE - found) == []
    assert sorted(COMPARED & set(ROWS)) == []
