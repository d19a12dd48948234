"""Backtest a strategy with every combination of parameters: on a desk's account, or with --bars on a file of bars.

--sweep K=2,3,5 or K=2..11 or K=20..110:10 (from, to, by) may be repeated. On a desk, kept as
backtests/<timestamp>_sweep-<strategy>/ with every trial, a heat map of Sharpe ratios and the deflated Sharpe ratio of
the best (Bailey & Lopez de Prado, 2014), which measures how lucky it is; on the first account unless --account names
one.

With --bars, on each symbol alone: --out gets a line per parameter set, over all symbols; --per-symbol one per set and
symbol. Windows that do not ascend are left out, and counted.

--engine local works here, on all processors when that pays; --engine dask on the Dask cluster of --scheduler. The
results are the same to the byte.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections.abc import Sequence
from pathlib import Path

from pyjobs.account.single.bt_arguments import (
    add_desk_flags,
    add_engine_flags,
    add_flags,
    engine_of,
    refuse_mixed,
    request_of,
)
from utils.cli import Parser
from utils.exit_codes import ExitCode
from utils.pieces.work import Engine
from utils.progress import ProgressReport
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """On a file or on a desk, as the flags say; see the module."""
    made = parser()
    args = made.parse_args(argv)
    refuse_mixed(made, args)
    engine = engine_of(args)
    return _on_file(args, engine) if args.bars else _on_desk(args, engine)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = Parser(verb="run_sweep", doc=__doc__)
    add_flags(made, bars_required=False)
    made.add_argument("--sweep", action="append", required=True, metavar="K=VALUES", help="an axis; may be repeated")
    made.add_argument("--out", type=Path, metavar="OUT.csv", help="one line per parameter set")
    made.add_argument("--per-symbol", type=Path, metavar="OUT.csv", help="one line per parameter set and symbol")
    add_desk_flags(made)
    add_engine_flags(made)
    return made


def _on_file(args: argparse.Namespace, engine: Engine) -> int:
    from pyjobs.account.single.sweep_request import print_best, sweep_of, write_per_symbol, write_sets

    result = sweep_of(request_of(args), args.sweep, engine, ProgressReport(sys.stderr))
    if result is None:
        return ExitCode.OK
    if args.out:
        write_sets(args.out, result)
    if args.per_symbol:
        write_per_symbol(args.per_symbol, result)
    print_best(result)
    return ExitCode.OK


def _on_desk(args: argparse.Namespace, engine: Engine) -> int:
    """A sweep on a file needs none of these imports."""
    from pyjobs.account.desk import desk_sweep
    from pyjobs.account.desk.strategy_job import look_up
    from pyjobs.account.sweep_axes import axes_of
    from pyjobs.reporting.backtests.sweep import write_sweep
    from pyjobs.runs.backtests import backtest_folder
    from pyjobs.runs.backtests.backtest_inputs import inputs_of
    from pyjobs.runs.backtests.keeping import keep
    from utils import clock

    started = dt.datetime.fromtimestamp(clock.now_s(), dt.UTC)
    axes = axes_of(args.sweep, params=args.param)
    job = look_up(args, axes)
    inputs, name = inputs_of(job), next(iter(job.accounts))
    backtest = desk_sweep.OnAccount(job=job, account=job.accounts[name]).from_common_start(axes)
    result = desk_sweep.run(axes, backtest, engine, ProgressReport(sys.stderr), per_year=backtest.per_year())
    first, *_, last = result.sessions
    about = {
        **backtest.job.told(name, job.setup(result.best.params)),
        "start": first.isoformat(),
        "end": last.isoformat(),
    }
    done = keep(
        args.root or backtest_folder.backtests_dir(),
        f"sweep-{job.strategy}",
        started=started,
        request={**job.asked(), "axes": axes, "account": name},
        inputs=inputs,
        write=lambda folder: write_sweep(folder, result, about, label=job.snapshot.desk.banner),
    )
    print(f"{(done / 'report.txt').read_text(encoding='utf-8')}\n{done}")
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(run(main))
