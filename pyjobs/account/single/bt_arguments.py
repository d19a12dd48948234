"""The flags of a backtest or a sweep on a file of bars."""

from __future__ import annotations

import argparse
from pathlib import Path

from pyjobs.account.single.bt_request import Request
from pyjobs.account.single.look_ahead import ALLOW
from pyjobs.strategy.lifecycle import SEMANTICS
from utils.cli import Parser
from utils.errors import UsageError
from utils.files import os_files


def add_flags(parser: Parser) -> None:
    """Add the flags that choose strategy, bars and conventions."""
    parser.add_argument(
        "--strategy", required=True, metavar="NAME", help="a file of strategies/ or pyjobs/strategy/library"
    )
    parser.add_argument("--param", action="append", default=[], metavar="K=V", help="a parameter; may be repeated")
    parser.add_argument(
        ALLOW, action="store_true", help="go on with a strategy of your own that looks ahead; the result is marked"
    )
    parser.add_argument("--bars", required=True, type=Path, metavar="FILE", help="the bars, Parquet")
    parser.add_argument("--symbols", default="", metavar="A,B", help="only these (default all)")
    parser.add_argument("--start", metavar="DATE", help="first UTC day traded; earlier bars warm up")
    parser.add_argument("--end", metavar="DATE", help="last UTC day traded")
    parser.add_argument("--fee-bps", type=float, default=0.0, metavar="BPS", help="of each fill's notional (default 0)")
    parser.add_argument("--cash", type=float, default=1_000_000.0, help="per symbol (default 1000000)")
    parser.add_argument("--semantics", choices=SEMANTICS, default="own", help="the conventions of fills (default own)")
    parser.add_argument("--no-cache", action="store_true", help="do not keep or use the columns under data/cache")


def request_of(args: argparse.Namespace, *outputs: Path | None) -> Request:
    """The parsed flags of `add_flags`. Raises UsageError where the bars and `outputs` name one file twice."""
    files = [os_files.real(path) for path in (args.bars, *outputs) if path]
    if len(set(files)) < len(files):
        raise UsageError("--bars and the results name one file twice: it would be overwritten")
    return Request(
        bars=args.bars,
        strategy=args.strategy,
        params=tuple(args.param),
        symbols=tuple(filter(None, args.symbols.split(","))),
        start=args.start,
        end=args.end,
        fee_bps=args.fee_bps,
        cash=args.cash,
        semantics=args.semantics,
        cache=not args.no_cache,
        despite_look_ahead=args.despite_look_ahead,
    )
