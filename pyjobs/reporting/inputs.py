"""What a run folder holds, as types. What is missing or unreadable is said, and never stops a report."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from pyjobs.reporting.fetch_inputs import Fetch

T = TypeVar("T")
BOOKS = ("constrained", "unconstrained")


class Finding(msgspec.Struct, frozen=True):
    """Something the import found in a dump: how often, and where first."""

    what: str
    count: int
    first: str | int | None = None
    example: str | None = None


class Imported(msgspec.Struct, frozen=True):
    """One instrument in data.json."""

    symbol: str
    exchange: str
    timeframe: str
    file: str = ""
    rows_read: int = 0
    bars: int = 0
    first_session: str | None = None
    last_session: str | None = None
    last_ts_ms: int | None = None
    treated: list[Finding] = []
    warts: list[Finding] = []
    error: str | None = None


class Data(msgspec.Struct, frozen=True):
    """reports/data.json."""

    instruments: list[Imported]


class Scanned(msgspec.Struct, frozen=True):
    """One instrument in scan.json. `change` is a fraction of the previous bar's close."""

    symbol: str
    exchange: str
    timeframe: str
    status: str
    market: str = ""
    currency: str = ""
    name: str = ""
    role: str = "trade"
    bars: int = 0
    last_ts_ms: int | None = None
    last_session: str | None = None
    close: float | None = None
    change: float | None = None


class Signal(msgspec.Struct, frozen=True):
    """One signal in scan.json."""

    symbol: str
    exchange: str
    timeframe: str
    setup: str
    side: str
    ts_ms: int
    session: str
    close: float
    stop: float | None = None
    why: str = ""


class Scan(msgspec.Struct, frozen=True):
    """reports/scan.json."""

    session: str
    instruments: list[Scanned]
    signals: list[Signal]
    asof_ts_ms: int | None = None
    notes: list[str] = []


class SetupRow(msgspec.Struct, frozen=True):
    """One setup on one timeframe over one window. Rates and expectancies are fractions; None is undefined."""

    setup: str
    n: int
    n_closed: int
    verdict: str
    timeframe: str = ""
    n_effective: float | None = None
    win_rate: float | None = None
    win_rate_low: float | None = None
    win_rate_high: float | None = None
    expectancy: float | None = None
    expectancy_low: float | None = None
    expectancy_high: float | None = None
    avg_hold_bars: float | None = None
    best: float | None = None
    worst: float | None = None

    @property
    def label(self) -> str:
        """The setup and its timeframe."""
        return f"{self.setup} {self.timeframe}".rstrip()


class Window(msgspec.Struct, frozen=True):
    """One look-back in setups.json."""

    days: int
    rows: list[SetupRow]
    start: str = ""
    end: str = ""


class Setups(msgspec.Struct, frozen=True):
    """backtests/setups.json."""

    windows: list[Window]
    notes: list[str] = []


class LeftOut(msgspec.Struct, frozen=True):
    """An instrument an account could not trade."""

    symbol: str
    why: str


class Metrics(msgspec.Struct, frozen=True):
    """A book's metrics.json. Fractions; None is undefined."""

    currency: str = ""
    start: str | None = None
    end: str | None = None
    start_equity: float | None = None
    end_equity: float | None = None
    total_return: float | None = None
    cagr: float | None = None
    volatility: float | None = None
    sharpe: float | None = None
    sortino: float | None = None
    calmar: float | None = None
    max_drawdown: float | None = None
    max_drawdown_sessions: int | None = None
    n_trades: int | None = None
    win_rate: float | None = None
    profit_factor: float | None = None
    expectancy: float | None = None
    exposure: float | None = None
    turnover: float | None = None
    fees: float | None = None
    benchmark_return: float | None = None
    benchmark_start: str | None = None
    sessions_per_year: float | None = None
    short: bool | None = None
    ruin: str | None = None
    notes: list[str] = []
    signals_refused: dict[str, int] = {}
    left_out: list[LeftOut] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Values by session, ascending: money for a book, closes for a benchmark."""

    sessions: Sequence[str]
    values: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """One account, traded one way."""

    metrics: Metrics
    equity: Curve


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFiles:
    """portfolio/<name>/: its books by name, and the benchmark's closes when there is one."""

    name: str
    books: dict[str, Book]
    benchmark: Curve | None


class StepLine(msgspec.Struct, frozen=True):
    """One step in logs/steps.json."""

    step: str
    outcome: str
    exit_code: int | None
    seconds: float
    reason: str = ""
    log: str = ""


class Steps(msgspec.Struct, frozen=True):
    """logs/steps.json."""

    steps: list[StepLine]
    run_id: str = ""
    desk: str = ""
    session: str | None = None
    started_utc: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInputs:
    """Everything a report may want; None where it is missing, and `missing` says why, by file."""

    data: Data | None
    scan: Scan | None
    setups: Setups | None
    steps: Steps | None
    accounts: Sequence[AccountFiles]
    fetch: Fetch | None = None
    missing: dict[str, str] = field(default_factory=dict)


def read_run(run_dir: Path) -> RunInputs:
    """Read the whole run folder. Never raises for what is missing, torn or of another shape."""
    missing: dict[str, str] = {}
    return RunInputs(
        data=_json(run_dir, "reports/data.json", Data, missing),
        scan=_json(run_dir, "reports/scan.json", Scan, missing),
        setups=_json(run_dir, "backtests/setups.json", Setups, missing),
        steps=_json(run_dir, "logs/steps.json", Steps, missing),
        fetch=_json(run_dir, "reports/fetch.json", Fetch, missing),
        accounts=[_account(run_dir, folder, missing) for folder in _folders(run_dir / "portfolio", missing)],
        missing=missing,
    )


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file by column name. Raises OSError or ValueError (also for a row of another length)."""
    with path.open(encoding="utf-8", newline="") as handle:
        rows: list[dict[str, Any]] = list(csv.DictReader(handle))
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise ValueError(f"line {number} has not as many cells as the heading")
    return rows


def _json(run_dir: Path, name: str, kind: type[T], missing: dict[str, str]) -> T | None:
    try:
        return msgspec.json.decode((run_dir / name).read_bytes(), type=kind)
    except FileNotFoundError:
        missing[name] = "is not there"
    except OSError as error:
        missing[name] = f"cannot be read: {error.strerror}"
    except msgspec.DecodeError as error:
        missing[name] = f"is not as expected: {error}"
    return None


def _folders(portfolio: Path, missing: dict[str, str]) -> list[Path]:
    found = sorted(path for path in portfolio.iterdir() if path.is_dir()) if portfolio.is_dir() else []
    if not found:
        missing["portfolio/"] = "holds no account"
    return found


def _account(run_dir: Path, folder: Path, missing: dict[str, str]) -> AccountFiles:
    books = {}
    for name in BOOKS:
        base = f"portfolio/{folder.name}/{name}"
        metrics = _json(run_dir, f"{base}/metrics.json", Metrics, missing)
        equity = _curve(run_dir, f"{base}/equity_curve.csv", "equity", missing)
        if metrics and equity:
            books[name] = Book(metrics=metrics, equity=equity)
    benchmark = f"portfolio/{folder.name}/benchmark.csv"
    closes = _curve(run_dir, benchmark, "close", missing) if (run_dir / benchmark).exists() else None
    return AccountFiles(name=folder.name, books=books, benchmark=closes)


def _curve(run_dir: Path, name: str, column: str, missing: dict[str, str]) -> Curve | None:
    try:
        rows = read_csv(run_dir / name)
        return Curve(sessions=[row["session"] for row in rows], values=[float(row[column]) for row in rows])
    except FileNotFoundError:
        missing[name] = "is not there"
    except (OSError, ValueError, KeyError) as error:
        missing[name] = f"is not as expected: {error}"
    return None
