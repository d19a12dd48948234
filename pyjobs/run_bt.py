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

from pyjobs.account.bt_files import print_summary, write_per_symbol, write_trades
from pyjobs.account.bt_request import Request, backtest
from pyjobs.strategy.lifecycle import SEMANTICS
from utils.cli import Parser
from utils.exit_codes import ExitCode
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Read, run, write; see the module."""
    args = parser().parse_args(argv)
    result = backtest(
        Request(
            bars=args.bars,
            strategy=args.strategy,
            params=tuple(args.param),
            start=args.start,
            end=args.end,
            fee_bps=args.fee_bps,
            cash=args.cash,
            semantics=args.semantics,
            cache=not args.no_cache,
        )
    )
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
    made.add_argument("--strategy", required=True, metavar="NAME", help="a file of pyjobs/strategy/library")
    made.add_argument("--param", action="append", default=[], metavar="K=V", help="a parameter; may be repeated")
    made.add_argument("--bars", required=True, type=Path, metavar="FILE", help="the bars, Parquet")
    made.add_argument("--start", metavar="DATE", help="first UTC day traded; earlier bars warm up")
    made.add_argument("--end", metavar="DATE", help="last UTC day traded")
    made.add_argument("--fee-bps", type=float, default=0.0, metavar="BPS", help="of each fill's notional (default 0)")
    made.add_argument("--cash", type=float, default=1_000_000.0, help="per symbol (default 1000000)")
    made.add_argument("--semantics", choices=SEMANTICS, default="own", help="whose conventions (default own)")
    made.add_argument("--per-symbol", type=Path, metavar="OUT.csv", help="symbol,total_return,max_drawdown,n_trades")
    made.add_argument("--trades", type=Path, metavar="OUT.csv", help="every trade, with the numbers of its bars")
    made.add_argument("--no-cache", action="store_true", help="do not keep or use the columns under data/cache")
    return made


if __name__ == "__main__":
    sys.exit(run(main))
