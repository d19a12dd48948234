"""Backtest a strategy: on a desk's instruments, kept as a run folder, or with --bars on a file of bars.

On a desk (bars come from the store: pyjobs.fetch, pyjobs.import_bars) every account runs under its limits and costs,
and the run is kept as backtests/<timestamp>_<strategy>/. Benchmarks come from config/data_sources.yaml; without
--benchmarks they are the desk's own, and KOSPI on a desk of XKRX. When a required one (KOSPI) cannot be had the run is
skipped: exit 0, no folder.

With --bars, a Parquet file with [symbol,] ts_ms, open, high, low, close, volume: each symbol alone and all in, under
docs/SEMANTICS.md; a strategy that follows an index (krx_ma200: KOSPI) takes the series of that name from the file.
--param may be repeated; every strategy also has side (long, both), stop_loss, stop_atr, trail, trail_atr,
target, target_atr, atr, max_bars.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections.abc import Sequence
from pathlib import Path

from pyjobs.account.single.bt_arguments import add_desk_flags, add_flags, refuse_mixed, request_of
from pyjobs.account.single.bt_files import print_summary, write_per_symbol, write_trades
from pyjobs.account.single.bt_request import backtest
from utils.cli import Parser
from utils.errors import ExternalDataUnavailable
from utils.exit_codes import ExitCode
from utils.run import report_outcome, run


def main(argv: Sequence[str] | None = None) -> int:
    """On a file or on a desk, as the flags say; see the module."""
    made = parser()
    args = made.parse_args(argv)
    refuse_mixed(made, args)
    return _on_file(args) if args.bars else _on_desk(args)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = Parser(verb="run_bt", doc=__doc__)
    add_flags(made, bars_required=False)
    made.add_argument("--per-symbol", type=Path, metavar="OUT.csv", help="symbol,total_return,max_drawdown,n_trades")
    made.add_argument("--trades", type=Path, metavar="OUT.csv", help="every trade, with the numbers of its bars")
    add_desk_flags(made)
    made.add_argument("--benchmarks", metavar="NAMES", help='separated by commas, quoted: "KOSPI,S&P500"')
    made.add_argument("--html", action="store_true", help="add interactive.html to the run, a page of 5 MB")
    return made


def _on_file(args: argparse.Namespace) -> int:
    result = backtest(request_of(args))
    if result is None:
        return ExitCode.OK
    if args.per_symbol:
        write_per_symbol(args.per_symbol, result)
    if args.trades:
        write_trades(args.trades, result)
    print_summary(result)
    return ExitCode.OK


def _on_desk(args: argparse.Namespace) -> int:
    """A required benchmark that cannot be had is reported on stdout and to the chain, and the job ends well."""
    try:
        done = _kept(args)
    except ExternalDataUnavailable as error:
        print(f"[SKIP] required benchmark unavailable: {error.symbol} ({error.kind}: {error.detail})")
        report_outcome(
            ExitCode.EXTERNAL, kind=error.kind, provider=error.provider, symbol=error.symbol, detail=error.detail
        )
        return ExitCode.OK
    print(f"{(done / 'report.txt').read_text(encoding='utf-8')}\n{done}")
    return ExitCode.OK


def _kept(args: argparse.Namespace) -> Path:
    """The finished run folder. A backtest on a file needs none of these imports."""
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
    return keep(
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


if __name__ == "__main__":
    sys.exit(run(main))
