"""Backtest a strategy on a desk's instruments, kept as a run folder.

Bars come from the store (pyjobs.fetch, pyjobs.import_bars). Every account runs under its limits and costs,
and the run is kept as backtests/<timestamp>_<strategy>/. Benchmarks come from config/data_sources.yaml; without
--benchmarks they are the desk's own, and KOSPI on a desk of XKRX. When a required one (KOSPI) cannot be had the run is
skipped: exit 0, no folder. An instrument on which a strategy of yours raises is left out and named, and then this
fails. --param may be repeated; every strategy also has side (long, both), stop_loss, stop_atr,
trail, trail_atr, target, target_atr, atr, max_bars.

With --bars FILE it is run_bt_file, on a file of bars: python -m pyjobs.run_bt_file -h.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pyjobs.account.desk.desk_flags import OF_A_FILE, add_desk_flags, on_a_file
from utils.cli import Parser, hand_over
from utils.errors import ExternalDataUnavailable
from utils.exit_codes import ExitCode
from utils.run import report_outcome, run

if TYPE_CHECKING:
    from pyjobs.account.portfolio.strategy_errors import StrategyErrors


def main(argv: Sequence[str] | None = None) -> int:
    """A required benchmark that cannot be had is reported on stdout and to the chain, and the job ends well."""
    arguments = sys.argv[1:] if argv is None else argv
    if on_a_file(arguments):
        return hand_over("run_bt_file", arguments)
    parser = Parser(verb="run_bt", doc=__doc__, elsewhere=OF_A_FILE.format("run_bt_file"))
    add_desk_flags(parser)
    parser.add_argument("--benchmarks", metavar="NAMES", help='separated by commas, quoted: "KOSPI,S&P500"')
    parser.add_argument("--html", action="store_true", help="add interactive.html to the run, a page of 5 MB")
    args = parser.parse_args(arguments)
    try:
        done, strategy_errors = _kept(args)
    except ExternalDataUnavailable as error:
        print(f"[SKIP] required benchmark unavailable: {error.symbol} ({error.kind}: {error.detail})")
        report_outcome(
            ExitCode.EXTERNAL, kind=error.kind, provider=error.provider, symbol=error.symbol, detail=error.detail
        )
        return ExitCode.OK
    print(f"{(done / 'report.txt').read_text(encoding='utf-8')}\n{done}")
    strategy_errors.refuse()
    return ExitCode.OK


def _kept(args: argparse.Namespace) -> tuple[Path, StrategyErrors]:
    """The finished run folder, and what is left out of it. A backtest on a file needs none of these imports."""
    from pyjobs.account.desk import desk_backtest
    from pyjobs.account.desk.strategy_job import look_up
    from pyjobs.reporting.backtests.files import write_all
    from pyjobs.runs.backtests import backtest_folder
    from pyjobs.runs.backtests.backtest_inputs import inputs_of, with_benchmarks
    from pyjobs.runs.backtests.keeping import keep
    from utils import clock

    started = dt.datetime.fromtimestamp(clock.now_s(), dt.UTC)
    job = look_up(args)
    inputs = inputs_of(job)
    results = desk_backtest.run(job, args.benchmarks)
    for warning in results.warnings:
        print(warning)
    done = keep(
        args.root or backtest_folder.backtests_dir(),
        job.strategy,
        started=started,
        request={**job.asked(), "benchmarks": [each.name for each in results.benchmarks]},
        inputs=with_benchmarks(inputs, results.benchmarks),
        write=lambda folder: write_all(
            folder,
            results.accounts,
            results.benchmarks,
            names={each.key: each.name for each in job.snapshot.desk.instruments},
            label=job.snapshot.desk.banner,
            page=args.html,
        ),
    )
    return done, results.strategy_errors


if __name__ == "__main__":
    sys.exit(run(main))
