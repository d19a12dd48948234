"""Fetch the benchmarks of config/data_sources.yaml into the store, so that later jobs need no provider."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from utils import clock
from utils.cli import Parser
from utils.errors import (
    BadDataError,
    CannotWriteError,
    ExternalDataUnavailable,
    LockBusyError,
    NightdeskError,
    StaleDataError,
    UsageError,
)
from utils.exit_codes import ExitCode
from utils.run import run

if TYPE_CHECKING:
    from pyjobs.market.benchmarks.bars import Found
    from pyjobs.market.benchmarks.policy import Policy
    from pyjobs.market.providers.asking.retry_budget import RetryBudget


def main(argv: Sequence[str] | None = None) -> int:
    """Warm every benchmark. One that cannot be had does not hide the others; without a required one the exit is 69."""
    parser = Parser(verb="precache_benchmarks", doc=__doc__)
    parser.add_argument("--policy", metavar="FILE", type=Path, help="default: secret/ or config/data_sources.yaml")
    parser.add_argument("--benchmarks", metavar="A,B", help="only these, such as 'KOSPI,S&P500'")
    parser.add_argument(
        "--budget-s", metavar="S", type=float, default=600.0, help="seconds to wait for providers in all (default 600)"
    )
    args = parser.parse_args(argv)

    from pyjobs.market.benchmarks.policy import load_policy
    from pyjobs.market.providers.asking.retry_budget import retry_budget

    policy = load_policy(args.policy)
    names = [name.strip() for name in args.benchmarks.split(",")] if args.benchmarks else list(policy.benchmarks)
    for name in names:
        if name not in policy.benchmarks:
            raise UsageError(f"--benchmarks: unknown {name!r} (known: {', '.join(policy.benchmarks)})")
    names.sort(key=lambda name: name not in policy.required)  # after a refusal a provider rests, and time is short
    return _warm_all(names, policy, retry_budget(budget_s=args.budget_s))


def _warm_all(names: list[str], policy: Policy, waiting: RetryBudget) -> int:
    """Warm each; raise for a required one that is missing or stale, or when none could be had."""
    from pyjobs.market.benchmarks import bars as benchmark_bars
    from pyjobs.market.ingest.for_each_series import foreseen
    from pyjobs.market.providers.asking.circuit_breaker import ProviderStates
    from pyjobs.market.store.open_store import open_store

    store, states = open_store(), ProviderStates()
    errors: dict[str, NightdeskError] = {}
    for name in names:
        try:
            with foreseen():
                found = benchmark_bars.warm(
                    name, policy, store, now_s=clock.now_s(), states=states, budget=waiting, say=_progress
                )
        except (ExternalDataUnavailable, BadDataError, CannotWriteError, LockBusyError, UsageError) as error:
            print(f"[WARN] benchmark unavailable: {name} (skipped)")
            _progress(str(error))
            errors[name] = error
            continue
        print(_line(name, found))
        if found.stale and name in policy.required:
            errors[name] = StaleDataError(f"{name}: the newest bars there are end before the last closed session")
    for name, missing in errors.items():
        if name in policy.required or len(errors) == len(names):
            raise missing
    return ExitCode.OK


def _line(name: str, found: Found) -> str:
    """What there is of a benchmark now, where it is from, and who could not answer."""
    import datetime as dt

    bars = found.fetched.bars
    first, last = (dt.datetime.fromtimestamp(int(bars.ts_ms[i]) / 1000, dt.UTC).date() for i in (0, -1))
    late = " STALE: no provider has the last closed session" if found.stale else ""
    failed = "".join(f"; {attempt.provider}: {attempt.kind}" for attempt in found.attempts)
    return f"{name}: {len(bars)} bars {first}..{last} from {found.fetched.provider}{failed}{late}"


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(run(main))
