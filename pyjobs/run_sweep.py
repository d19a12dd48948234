"""Backtest a strategy with every combination of parameters, on an account of a desk.

--sweep K=2,3,5 or K=2..11 or K=20..110:10 (from, to, by) may be repeated. Kept as
backtests/<timestamp>_sweep-<strategy>/ with every trial, a heat map of Sharpe ratios and the deflated Sharpe ratio of
the best (Bailey & Lopez de Prado, 2014), which measures how lucky it is; on the first account unless --account names
one. Windows that do not ascend are left out, and counted.

--engine local works here, on all processors when that pays; --engine dask on the Dask cluster of --scheduler. The
results are the same to the byte. With --bars FILE it is run_sweep_file, on a file of bars:
python -m pyjobs.run_sweep_file -h.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections.abc import Sequence

from pyjobs.account.desk.desk_flags import OF_A_FILE, add_desk_flags, on_a_file
from pyjobs.account.engine_flags import add_engine_flags, engine_of
from utils.cli import Parser, hand_over
from utils.exit_codes import ExitCode
from utils.pieces.work import Engine
from utils.progress import ProgressReport
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Run every combination, write the run folder, print its report."""
    arguments = sys.argv[1:] if argv is None else argv
    if on_a_file(arguments):
        return hand_over("run_sweep_file", arguments)
    parser = Parser(verb="run_sweep", doc=__doc__, elsewhere=OF_A_FILE.format("run_sweep_file"))
    add_desk_flags(parser)
    parser.add_argument("--sweep", action="append", required=True, metavar="K=VALUES", help="an axis; may be repeated")
    add_engine_flags(parser)
    args = parser.parse_args(arguments)
    return _kept(args, engine_of(args))


def _kept(args: argparse.Namespace, engine: Engine) -> int:
    """A sweep on a file comes through this module, and needs none of these imports."""
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
        **backtest.job.as_manifest(name, job.setup(result.best.params)),
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
