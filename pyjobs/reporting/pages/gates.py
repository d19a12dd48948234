"""Go-live gates: what a setup, an account and the data must show before money follows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pyjobs.account.figures.overlap import FEWEST_INDEPENDENT
from pyjobs.account.figures.setup_stats import Row
from pyjobs.reporting import numbers
from pyjobs.reporting.run_files.accounts import VARIANTS, Variant
from pyjobs.reporting.run_files.read_run import RunInputs

MIN_TRADES = 30
MAX_DRAWDOWN = 0.25  # fraction of the highest equity so far
Verdict = Literal["GO", "NO-GO", "TOO FEW", "UNKNOWN"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One line of the checklist: the requirement, its subject, the finding."""

    subject: str
    asks: str
    found: str
    verdict: Verdict


def all_gates(inputs: RunInputs) -> list[Gate]:
    """Every gate, data first. A missing input is UNKNOWN, never a pass."""
    return [*data_gates(inputs), *setup_gates(inputs), *account_gates(inputs)]


def decision(gates: Sequence[Gate]) -> Verdict:
    """GO when the data is fresh, at least one setup passes all its gates, and every account passes all of its own."""
    by_kind: dict[str, list[Gate]] = {}
    for gate in gates:
        by_kind.setdefault(gate.subject.partition(" ")[0], []).append(gate)
    setups: dict[str, bool] = {}
    for gate in by_kind.get("setup", []):
        setups[gate.subject] = setups.get(gate.subject, True) and gate.verdict == "GO"
    others = [*by_kind.get("data", []), *by_kind.get("account", [])]
    complete = {"data", "setup", "account"} <= by_kind.keys()
    return "GO" if complete and any(setups.values()) and all(gate.verdict == "GO" for gate in others) else "NO-GO"


def data_gates(inputs: RunInputs) -> list[Gate]:
    """Every traded instrument has a bar of this session."""
    asks = "every traded instrument has a bar of this session"
    if inputs.scan is None:
        return [Gate(subject="data", asks=asks, found="no scan", verdict="UNKNOWN")]
    traded = [each for each in inputs.scan.instruments if each.role == "trade"]
    behind = [each.symbol for each in traded if each.status in ("stale", "no_bars", "unreadable")]
    found = f"{len(traded) - len(behind)} of {len(traded)} have one"
    if behind:
        found += f" (not {', '.join(behind[:5])}{' …' if len(behind) > 5 else ''})"
    return [Gate(subject="data", asks=asks, found=found, verdict="GO" if traded and not behind else "NO-GO")]


def setup_gates(inputs: RunInputs) -> list[Gate]:
    """Enough closed trades in the longest window, and an expectancy whose whole interval is above zero."""
    if inputs.setups is None or not inputs.setups.windows:
        return [Gate(subject="setup (all)", asks="there are backtests", found="none", verdict="UNKNOWN")]
    longest = max(inputs.setups.windows, key=lambda window: window.days)
    return [gate for row in longest.rows for gate in _setup(row, longest.days)]


def account_gates(inputs: RunInputs) -> list[Gate]:
    """Enough trades, a gain, and a bearable drawdown, each of the constrained variant."""
    if not inputs.accounts:
        return [Gate(subject="account (all)", asks="there are backtests", found="none", verdict="UNKNOWN")]
    gates = []
    for account in inputs.accounts:
        variant = account.variants.get(VARIANTS[0])
        if variant is None:
            missing = Gate(
                subject=f"account {account.name}", asks="there is a backtest", found="none", verdict="UNKNOWN"
            )
            gates.append(missing)
        else:
            gates += _account(account.name, variant)
    return gates


def _setup(row: Row, days: int) -> list[Gate]:
    subject = f"setup {row.label}"
    enough = row.n_closed >= MIN_TRADES and row.verdict == "ok"
    asked = f"at least {MIN_TRADES} closed trades in {days} days, worth {FEWEST_INDEPENDENT} independent ones"
    closed = f"{row.n_closed:,}" if row.n_effective is None else f"{row.n_closed:,}, worth {row.n_effective:,.1f}"
    gates = [Gate(subject=subject, asks=asked, found=closed, verdict="GO" if enough else "TOO FEW")]
    interval = numbers.interval(row.expectancy_low, row.expectancy_high, numbers.change)
    found = f"{numbers.change(row.expectancy)} ({interval})"
    verdict: Verdict = "TOO FEW"
    if enough:
        verdict = "GO" if row.expectancy_low is not None and row.expectancy_low > 0 else "NO-GO"
    gates.append(Gate(subject=subject, asks="expectancy interval above 0", found=found, verdict=verdict))
    return gates


def _account(name: str, variant: Variant) -> list[Gate]:
    subject, metrics = f"account {name}", variant.metrics
    trades = metrics.n_trades or 0
    deepest = None if metrics.max_drawdown is None else abs(metrics.max_drawdown)
    return [
        Gate(
            subject=subject,
            asks=f"at least {MIN_TRADES} trades",
            found=f"{trades:,}",
            verdict="GO" if trades >= MIN_TRADES else "TOO FEW",
        ),
        Gate(
            subject=subject,
            asks="total return above 0",
            found=numbers.change(metrics.total_return),
            verdict=_judged(metrics.total_return is None, (metrics.total_return or 0) > 0),
        ),
        Gate(
            subject=subject,
            asks=f"drawdown at most {numbers.percent(MAX_DRAWDOWN, 0)}",
            found=numbers.percent(deepest),
            verdict=_judged(deepest is None, (deepest or 0) <= MAX_DRAWDOWN),
        ),
    ]


def _judged(unknown: bool, passed: bool) -> Verdict:
    if unknown:
        return "UNKNOWN"
    return "GO" if passed else "NO-GO"
