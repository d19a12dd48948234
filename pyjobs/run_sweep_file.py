"""Backtest a strategy with every combination of parameters on a file of bars, each symbol alone.

--sweep K=2,3,5 or K=2..11 or K=20..110:10 (from, to, by) may be repeated. --out gets a line per parameter set, over all
symbols; --per-symbol one per set and symbol. Windows that do not ascend are left out, and counted. --engine as for
run_sweep; the other flags as for run_bt_file. `run_sweep --bars FILE …` is this verb.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from pyjobs.account.engine_flags import add_engine_flags, engine_of
from pyjobs.account.single.bt_arguments import add_flags, request_of
from pyjobs.account.single.sweep_request import print_best, sweep_of, write_per_symbol, write_sets
from utils.cli import Parser
from utils.exit_codes import ExitCode
from utils.progress import ProgressReport
from utils.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """Run every combination, write what was asked for, print the best."""
    parser = Parser(verb="run_sweep_file", doc=__doc__)
    add_flags(parser)
    parser.add_argument("--sweep", action="append", required=True, metavar="K=VALUES", help="an axis; may be repeated")
    parser.add_argument("--out", type=Path, metavar="OUT.csv", help="one line per parameter set")
    parser.add_argument("--per-symbol", type=Path, metavar="OUT.csv", help="one line per parameter set and symbol")
    add_engine_flags(parser)
    args = parser.parse_args(argv)
    request = request_of(args, args.out, args.per_symbol)
    result = sweep_of(request, args.sweep, engine_of(args), ProgressReport(sys.stderr))
    if result is None:
        return ExitCode.OK
    if args.out:
        write_sets(args.out, result)
    if args.per_symbol:
        write_per_symbol(args.per_symbol, result)
    print_best(result)
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(run(main))
