"""Backtest one strategy with many parameter sets on a file of bars, all in one pass.

--sweep K=2,3,5 or K=2..11 or K=20..110:10 may be repeated; every combination is run (windows that do not ascend are
left out, and counted). --out gets a line per set, over all symbols; --per-symbol one per set and symbol.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pyjobs.account.bt_arguments import add_flags, request_of
from pyjobs.account.sweep_request import print_best, sweep_of, write_per_symbol, write_sets
from utils.cli import Parser
from utils.exit_codes import ExitCode
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Read, sweep, write; see the module."""
    args = parser().parse_args(argv)
    result = sweep_of(request_of(args), args.sweep)
    if result is None:
        return ExitCode.OK
    if args.out:
        write_sets(args.out, result)
    if args.per_symbol:
        write_per_symbol(args.per_symbol, result)
    print_best(result)
    return ExitCode.OK


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = Parser(verb="run_sweep", doc=__doc__)
    add_flags(made)
    made.add_argument("--sweep", action="append", required=True, metavar="K=VALUES", help="an axis; may be repeated")
    made.add_argument("--out", type=Path, metavar="OUT.csv", help="one line per parameter set")
    made.add_argument("--per-symbol", type=Path, metavar="OUT.csv", help="one line per parameter set and symbol")
    return made


if __name__ == "__main__":
    sys.exit(run(main))
