"""Choose parameters of a strategy on the past and trade them on what comes next, again and again.

--sweep as for sweep_bt; --train and --test are sessions. Kept as backtests/<timestamp>_walk-<strategy>/: only what was
traded on sessions that the choice could not see counts.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Sequence
from dataclasses import replace

from pyjobs.account import desk_sweep as sweep
from pyjobs.account.backtest import terms_of
from pyjobs.account.strategy_job import add_flags, look_up
from pyjobs.account.strategy_run import Prepared, run_terms
from pyjobs.account.walk_forward import walk
from pyjobs.reporting.walk_files import write_walk
from pyjobs.runs import backtest_folder
from pyjobs.runs.backtest_inputs import inputs_of
from pyjobs.runs.keeping import keep
from utils import clock
from utils.cli import Parser
from utils.exit_codes import ExitCode
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Run every combination once, walk, write the run folder, print its report."""
    parser = Parser(verb="walk_forward", doc=__doc__)
    add_flags(parser)
    parser.add_argument("--sweep", action="append", required=True, metavar="K=VALUES", help="may be repeated")
    parser.add_argument("--train", type=int, default=504, metavar="N", help="sessions to choose on (default 504)")
    parser.add_argument("--test", type=int, default=126, metavar="N", help="sessions to trade on (default 126)")
    args = parser.parse_args(argv)
    started = dt.datetime.fromtimestamp(clock.now_s(), dt.UTC)
    axes = dict(map(sweep.parse_axis, args.sweep))
    job = look_up(args)
    name = next(iter(job.accounts))
    account, asked = job.accounts[name], job
    job = replace(job, start=sweep.common_start(axes, lambda params: asked.prepared(account, asked.setup(params))))
    terms = terms_of(account, constrained=True)

    def prepared(params: sweep.Params) -> Prepared:
        return job.prepared(account, job.setup(params))

    trials = sweep.run(axes, lambda params: run_terms(prepared(params), terms)).trials
    found = walk(trials, prepared, terms, train=args.train, test=args.test)
    about = {**job.told(name, job.setup()), "axes": axes, "train": args.train, "test": args.test}
    done = keep(
        args.root or backtest_folder.backtests_dir(),
        f"walk-{job.strategy}",
        started=started,
        request={**asked.asked(), "axes": axes, "account": name, "train": args.train, "test": args.test},
        inputs=inputs_of(job, []),
        write=lambda folder: write_walk(folder, found, about),
    )
    print(f"{(done / 'report.txt').read_text(encoding='utf-8')}\n{done}")
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(run(main))
