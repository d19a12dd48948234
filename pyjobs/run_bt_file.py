"""Backtest a strategy on a file of bars: each symbol alone and all in, under docs/SEMANTICS.md.

The file is Parquet with [symbol,] ts_ms, open, high, low, close, volume. A strategy that follows an index (krx_ma200:
KOSPI) takes the series of that name from the file. --param may be repeated; every strategy also has side (long, both),
stop_loss, stop_atr, trail, trail_atr, target, target_atr, atr, max_bars. `run_bt --bars FILE …` is this verb.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from pyjobs.account.single.bt_arguments import add_flags, request_of
from pyjobs.account.single.bt_files import print_summary, write_per_symbol, write_trades
from pyjobs.account.single.bt_request import backtest
from utils.cli import Parser
from utils.exit_codes import ExitCode
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Run it, write what was asked for, print a few lines."""
    parser = Parser(verb="run_bt_file", doc=__doc__)
    add_flags(parser)
    parser.add_argument("--per-symbol", type=Path, metavar="OUT.csv", help="symbol,total_return,max_drawdown,n_trades")
    parser.add_argument("--trades", type=Path, metavar="OUT.csv", help="every trade, with the numbers of its bars")
    args = parser.parse_args(argv)
    result = backtest(request_of(args, args.trades, args.per_symbol))
    if result is None:
        return ExitCode.OK
    if args.per_symbol:
        write_per_symbol(args.per_symbol, result)
    if args.trades:
        write_trades(args.trades, result)
    print_summary(result)
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(run(main))
