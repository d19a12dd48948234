"""What a run folder holds, as types. What is missing or unreadable is noted, and never stops a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from pyjobs.account.figures.setup_stats import Setups
from pyjobs.market.dumps.data_file import Data
from pyjobs.market.universe.fetch_file import Fetch
from pyjobs.reporting.run_files.accounts import AccountFiles, read_account, read_json
from pyjobs.runs.nights.loops import FILE as LOOPS
from pyjobs.runs.nights.loops import GoLive
from pyjobs.runs.nights.steps import StepResult
from pyjobs.scanning.scan_file import Scan
from utils.files import os_files


class Steps(msgspec.Struct, frozen=True):
    """logs/steps.json."""

    steps: list[StepResult]
    run_id: str = ""
    desk: str = ""
    session: str | None = None
    started_utc: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInputs:
    """Everything a report may want; None where it is missing, with the reason in `missing`, by file."""

    data: Data | None
    scan: Scan | None
    setups: Setups | None
    steps: Steps | None
    accounts: Sequence[AccountFiles]
    fetch: Fetch | None = None
    loops: GoLive | None = None
    missing: dict[str, str] = field(default_factory=dict)


def read_run(run_dir: Path) -> RunInputs:
    """Read the whole run folder. Never raises for what is missing, torn or of another shape."""
    missing: dict[str, str] = {}
    return RunInputs(
        data=read_json(run_dir, "reports/data.json", Data, missing),
        scan=read_json(run_dir, "reports/scan.json", Scan, missing),
        setups=read_json(run_dir, "backtests/setups.json", Setups, missing),
        steps=read_json(run_dir, "logs/steps.json", Steps, missing),
        fetch=read_json(run_dir, "reports/fetch.json", Fetch, missing),
        loops=read_json(run_dir, LOOPS, GoLive, {}),
        accounts=[read_account(run_dir, folder, missing) for folder in _folders(run_dir / "portfolio", missing)],
        missing=missing,
    )


def _folders(portfolio: Path, missing: dict[str, str]) -> list[Path]:
    os_files.must_answer(portfolio)
    found = sorted(path for path in portfolio.iterdir() if path.is_dir()) if portfolio.is_dir() else []
    if not found:
        missing["portfolio/"] = "holds no account"
    return found
