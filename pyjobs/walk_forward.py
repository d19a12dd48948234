"""Choose parameters of a strategy on the past and trade them on what comes next, again and again.

--sweep and --engine as for run_sweep; --train and --test are sessions. Kept as backtests/<timestamp>_walk-<strategy>/:
only what was traded on sessions that the choice could not see counts.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Sequence

from pyjobs.account.desk import desk_sweep
from pyjobs.account.desk.backtest import terms_of
from pyjobs.account.desk.desk_flags import add_desk_flags
from pyjobs.account.desk.strategy_job import look_up
from pyjobs.account.desk.walk_forward import walk
from pyjobs.account.engine_flags import add_engine_flags, engine_of
from pyjobs.account.sweep_axes import axes_of
from pyjobs.reporting.backtests.walk import write_walk
from pyjobs.runs.backtests import backtest_folder
from pyjobs.runs.backtests.backtest_inputs import inputs_of
from pyjobs.runs.backtests.keeping import keep
from utils import clock
from utils.cli import Parser
from utils.exit_codes import ExitCode
from utils.progress import ProgressReport
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Run every combination once, walk, write the run folder, print its report."""
    parser = Parser(verb="walk_forward", doc=__doc__)
    add_desk_flags(parser)
    parser.add_argument("--sweep", action="append", required=True, metavar="K=VALUES", help="may be repeated")
    parser.add_argument("--train", type=int, default=504, metavar="N", help="sessions to choose on (default 504)")
    parser.add_argument("--test", type=int, default=126, metavar="N", help="sessions to trade on (default 126)")
    add_engine_flags(parser)
    args = parser.parse_args(argv)
    started = dt.datetime.fromtimestamp(clock.now_s(), dt.UTC)
    axes, engine = axes_of(args.sweep, params=args.param), engine_of(args)
    job = look_up(args, axes)
    inputs, name = inputs_of(job), next(iter(job.accounts))
    backtest = desk_sweep.OnAccount(job=job, account=job.accounts[name]).from_common_start(axes)
    terms, report = terms_of(backtest.account, constrained=True), ProgressReport(sys.stderr)
    spans = {"train": args.train, "test": args.test}
    found = walk(axes, backtest.prepared, terms, **spans, per_year=backtest.per_year(), engine=engine, progress=report)
    about = {**backtest.job.as_manifest(name, job.setup()), "axes": axes, **spans}
    done = keep(
        args.root or backtest_folder.backtests_dir(),
        f"walk-{job.strategy}",
        started=started,
        request={**job.asked(), "axes": axes, "account": name, **spans},
        inputs=inputs,
        write=lambda folder: write_walk(folder, found, about, label=job.snapshot.desk.banner),
    )
    print(f"{(done / 'report.txt').read_text(encoding='utf-8')}\n{done}")
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(run(main))
