"""The steps of a night, in one table, and what became of each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from utils.exit_codes import ExitCode
from utils.files import atomic, os_files

STEPS_FILE = "logs/steps.json"
Outcome = Literal["ok", "fail", "skip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One verb of the night.

    It starts when everything in `needs` has ended well and everything in `after` has ended, however. `session`: it is
    about a session, and is skipped when none is known. (A report gets the session only if there is one: a page that
    names what is missing is better than no page.)
    """

    number: int
    verb: str
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    session: bool = True
    report: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """What became of one step. `exit_code` is None and `seconds` 0 for a skipped one; `log` is relative to the run."""

    step: str
    outcome: Outcome
    exit_code: int | None
    seconds: float
    reason: str
    log: str


_PRICES = ("import_bars",)
_FIGURES = ("scan", "queue_signals", "setup_backtest", "account_backtest")
_PAGES = ("report_scan", "report_daily", "report_golive")

# What brings prices comes before all that reads bars, but is not needed: yesterday's bars are still in the store.
# The table is a night's on dumps; `steps_of` puts what brings the prices of a desk in the place of its first step.
NIGHT: tuple[Step, ...] = (
    Step(number=1, verb="import_bars", session=False),
    Step(number=2, verb="scan", after=_PRICES),
    Step(number=3, verb="queue_signals", needs=("scan",)),
    Step(number=4, verb="setup_backtest", after=_PRICES),
    Step(number=5, verb="account_backtest", after=_PRICES),
    Step(number=6, verb="report_scan", after=("scan", "setup_backtest"), report=True),
    Step(number=7, verb="report_daily", after=_FIGURES, report=True),
    Step(number=8, verb="report_golive", after=_FIGURES, report=True),
    Step(number=9, verb="report_ops", after=(*_FIGURES, *_PAGES), report=True),
    Step(number=10, verb="report_index", after=(*_FIGURES, *_PAGES, "report_ops"), report=True),
)


def steps_of(*, imports: bool, fetches: bool) -> tuple[Step, ...]:
    """The steps of a desk's night: files first, then what goes on from them, then the rest of the table.

    Where prices neither come from files nor are fetched it is the table unchanged.
    """
    if not fetches:
        return NIGHT
    prices = ("import_bars", "fetch") if imports else ("fetch",)
    first = [Step(number=at, verb=verb, after=prices[: at - 1], session=False) for at, verb in enumerate(prices, 1)]
    rest = [
        replace(step, number=at, after=prices if step.after == _PRICES else step.after)
        for at, step in enumerate(NIGHT[1:], len(first) + 1)
    ]
    return (*first, *rest)


def log_name(step: Step) -> str:
    """The step's command log, relative to the run folder."""
    return f"logs/{step.number:02d}_{step.verb}.log"


def ready(step: Step, done: Mapping[str, StepResult]) -> bool:
    """Whether everything it waits for has ended."""
    return all(name in done for name in (*step.needs, *step.after))


def why_not(step: Step, done: Mapping[str, StepResult], *, session: str | None) -> str:
    """Why a ready step cannot run, for a person; empty when it can."""
    lacking = [name for name in step.needs if done[name].outcome != "ok"]
    if lacking:
        return f"needs {', '.join(lacking)}"
    return "needs a session, and none is known" if step.session and not step.report and session is None else ""


def night_code(results: Sequence[StepResult]) -> int:
    """The exit code of the whole night.

    0 when every step ended well. Otherwise that of the first failed step with a fault of ours; only when all failures
    are temporary (69 external, 2 stale) that of the first of those. So neither an outage nor staleness hides a bug.
    """
    codes = [result.exit_code or ExitCode.BUG for result in results if result.outcome == "fail"]
    ours = [code for code in codes if code not in (ExitCode.EXTERNAL, ExitCode.STALE)]
    return int((ours or codes or [ExitCode.OK])[0])


def write_steps(run_dir: Path, *, about: Mapping[str, object], results: Sequence[StepResult]) -> None:
    """Note what has become of the steps so far; later steps and the manifest read it."""
    content = {**about, "steps": [asdict(result) for result in results]}
    atomic.write_text(run_dir / STEPS_FILE, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def read_steps(run_dir: Path) -> dict[str, Any]:
    """What `write_steps` wrote. Raises OSError or ValueError as it comes."""
    content = os_files.read_json(run_dir / STEPS_FILE)
    if not isinstance(content, dict):
        raise ValueError(f"'{run_dir / STEPS_FILE}' is not a JSON object")
    return content
