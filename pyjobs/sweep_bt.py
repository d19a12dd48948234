"""Backtest a strategy on a desk with every combination of parameters, and say how lucky the best one is.

--sweep fast=5,10,20 --sweep slow=40..120:20 (FIRST..LAST:STEP). Kept as backtests/<timestamp>_sweep-<strategy>/ with
every trial, a heat map of Sharpe ratios and the deflated Sharpe ratio of the best (Bailey & Lopez de Prado, 2014).
"""

from __future__ import annotations

import datetime as dt
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from pyjobs.account import desk_sweep as sweep
from pyjobs.account.strategy_job import add_flags, look_up
from pyjobs.account.strategy_run import run_account
from pyjobs.reporting.sweep_files import write_sweep
from pyjobs.runs import backtest_folder
from pyjobs.runs.backtest_inputs import inputs_of
from pyjobs.runs.keeping import keep
from utils import clock
from utils.cli import Parser
from utils.exit_codes import ExitCode
from utils.run import run

BEAT_S = 10.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the grid on the first account (or --account), write the run folder, print its report."""
    parser = Parser(verb="sweep_bt", doc=__doc__)
    add_flags(parser)
    parser.add_argument("--sweep", action="append", required=True, metavar="K=VALUES", help="may be repeated")
    args = parser.parse_args(argv)
    started = dt.datetime.fromtimestamp(clock.now_s(), dt.UTC)
    axes = dict(map(sweep.parse_axis, args.sweep))
    job = look_up(args)
    name = next(iter(job.accounts))
    account, asked = job.accounts[name], job
    job = replace(job, start=sweep.common_start(axes, lambda params: asked.prepared(account, asked.setup(params))))
    result = sweep.run(axes, lambda params: run_account(job.prepared(account, job.setup(params)), account), progress())
    first, *_, last = result.best.sessions
    about = {**job.told(name, job.setup(result.best.params)), "start": first.isoformat(), "end": last.isoformat()}
    done = keep(
        args.root or backtest_folder.backtests_dir(),
        f"sweep-{job.strategy}",
        started=started,
        request={**asked.asked(), "axes": axes, "account": name},
        inputs=inputs_of(job, []),
        write=lambda folder: write_sweep(folder, result, about),
    )
    print(f"{(done / 'report.txt').read_text(encoding='utf-8')}\n{done}")
    return ExitCode.OK


def progress() -> Callable[[int, int], None]:
    """Says how far it is: always on a terminal, else every ten seconds."""
    last = time.monotonic()

    def tell(done: int, of: int) -> None:
        nonlocal last
        if sys.stderr.isatty():
            print(f"\r{done} of {of}", end="" if done < of else "\n", file=sys.stderr, flush=True)
        elif time.monotonic() - last > BEAT_S:
            last = time.monotonic()
            print(f"{done} of {of}", flush=True)

    return tell


if __name__ == "__main__":
    sys.exit(run(main))
