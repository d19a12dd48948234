"""Backtest one strategy on a file of bars, each symbol alone and all in, under docs/SEMANTICS.md.

--bars takes a Parquet file with [symbol,] ts_ms, open, high, low, close, volume. --param may be repeated; beside a
strategy's own there are side (long, both), stop_loss, stop_atr, trail, trail_atr, target, target_atr, atr, max_bars.
A strategy that follows an index (krx_ma200: KOSPI) takes the series of that name from the file.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pyjobs.account.bt_arguments import add_flags, request_of
from pyjobs.account.bt_files import print_summary, write_per_symbol, write_trades
from pyjobs.account.bt_request import backtest
from utils.cli import Parser
from utils.exit_codes import ExitCode
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Read, run, write; see the module."""
    args = parser().parse_args(argv)
    result = backtest(request_of(args))
    if result is None:
        return ExitCode.OK
    if args.per_symbol:
        write_per_symbol(args.per_symbol, result)
    if args.trades:
        write_trades(args.trades, result)
    print_summary(result)
    return ExitCode.OK


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = Parser(verb="run_bt", doc=__doc__)
    add_flags(made)
    made.add_argument("--per-symbol", type=Path, metavar="OUT.csv", help="symbol,total_return,max_drawdown,n_trades")
    made.add_argument("--trades", type=Path, metavar="OUT.csv", help="every trade, with the numbers of its bars")
    return made


if __name__ == "__main__":
    sys.exit(run(main))
