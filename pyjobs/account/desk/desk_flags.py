"""The flags of a strategy on a desk. They need nothing of desks: a command on a file of bars comes by here, too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from utils.cli import Parser

FILE = "--bars"
OF_A_FILE = "a run on a file of bars has flags of its own: see python -m pyjobs.{} -h"


def on_a_file(arguments: Sequence[str]) -> bool:
    """Whether a command line names a file of bars: then it is another verb's."""
    return any(each == FILE or each.startswith(f"{FILE}=") for each in arguments)


def add_desk_flags(parser: Parser) -> None:
    """Add what `strategy_job.look_up` reads, and --root."""
    parser.add_argument(
        "--strategy", required=True, metavar="NAME", help="a file of strategies/ or pyjobs/strategy/library"
    )
    parser.add_argument("--param", action="append", default=[], metavar="K=V", help="a parameter; may be repeated")
    parser.add_argument("--start", metavar="DATE", help="default: as soon as it can decide")
    parser.add_argument("--end", metavar="DATE", help="default: by the desk's own rule")
    parser.add_argument(
        "--despite-look-ahead",
        action="store_true",
        help="go on with a strategy of your own that looks ahead; the result is marked",
    )
    parser.add_desk()
    parser.add_argument("--account", metavar="NAME", help="one account of the desk (default: all, the first first)")
    parser.add_argument("--root", type=Path, metavar="DIR", help="where runs are kept (default: backtests)")
