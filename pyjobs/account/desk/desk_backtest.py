"""A strategy on every account of a desk, with its benchmarks: everything run_bt needs before it writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pyjobs.account.desk.backtest_results import metrics_of
from pyjobs.account.desk.strategy_job import Job, places
from pyjobs.account.desk.strategy_run import Prepared, StrategyRun, run_account
from pyjobs.account.portfolio.strategy_errors import StrategyErrors
from pyjobs.market.benchmarks.closes import Benchmark, gather, parse_names
from pyjobs.market.benchmarks.policy import Policy, load_policy
from pyjobs.market.desk.desk_file import MADE_UP, Desk
from utils.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AccountResults:
    """One account's run with its metrics (as in metrics.json)."""

    name: str
    result: StrategyRun
    metrics: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DeskResults:
    """Every account that had something to run on, the first one first; benchmarks found; what is worth a warning.

    `strategy_errors`: instruments that the strategy raised on, which are left out.
    """

    accounts: list[AccountResults]
    benchmarks: list[Benchmark]
    warnings: list[str]
    strategy_errors: StrategyErrors


def run(job: Job, names: str | None) -> DeskResults:
    """Run them. `names`: benchmarks, separated by commas; None: the desk's own, and those its market requires.

    Raises ExternalDataUnavailable when a required benchmark cannot be had, UsageError when the first account has
    nothing to run on.
    """
    first_name, strategy_errors = next(iter(job.accounts)), StrategyErrors()
    first = job.prepared(job.accounts[first_name], job.setup(), strategy_errors)
    own = {each.symbol: each.currency for each in job.snapshot.desk.instruments if each.role == "benchmark"}
    policy = load_policy()
    wanted = by_default(job.snapshot.desk, list(own), policy) if names is None else parse_names(names)
    span = {"start": first.closes[0][0], "end": job.snapshot.session}
    found, missing = gather(wanted, policy, places(), **span, instruments=own)
    found = [replace(each, currency=own.get(each.name, "")) for each in found]
    warnings = [f"[WARN] benchmark unavailable: {name} (skipped)\n{name}: {why}" for name, why in missing.items()]
    accounts = []
    for name in job.accounts:
        try:
            prepared = first if name == first_name else job.prepared(job.accounts[name], job.setup(), strategy_errors)
            accounts.append(_account(job, name, prepared, found, missing))
        except UsageError as error:
            warnings.append(f"[WARN] account {name}: {error}")
    return DeskResults(
        accounts=accounts,
        benchmarks=found,
        warnings=[*warnings, *strategy_errors.notes],
        strategy_errors=strategy_errors,
    )


def by_default(desk: Desk, own: Sequence[str], policy: Policy) -> list[str]:
    """The desk's own benchmarks, after what the policy requires of its market; the made-up market is like no other."""
    made_up = all(each.exchange == MADE_UP for each in desk.instruments)
    required = [name for name in policy.required if name in policy.benchmarks and policy.market_of(name) == desk.market]
    return list(dict.fromkeys([*([] if made_up else required), *own]))


def _account(
    job: Job, name: str, prepared: Prepared, found: Sequence[Benchmark], missing: Mapping[str, str]
) -> AccountResults:
    """One account; a benchmark in another currency is not for it."""
    account = job.accounts[name]
    result, free = run_account(prepared, account), run_account(prepared, account, constrained=False)
    other = [each for each in found if each.currency in ("", account.currency)]
    metrics = metrics_of(
        result,
        free,
        request=job.as_manifest(name, job.setup()),
        currency=account.currency,
        benchmarks=other,
        missing=missing,
    )
    return AccountResults(name=name, result=result, metrics=metrics)
