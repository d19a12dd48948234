"""The flags of backtests: on a file of bars, on a desk."""

from __future__ import annotations

import argparse
from pathlib import Path

from pyjobs.account.bt_request import Request
from pyjobs.strategy.lifecycle import SEMANTICS


def add_flags(parser: argparse.ArgumentParser, *, bars_required: bool = True) -> None:
    """What to run on what, under whose conventions."""
    parser.add_argument("--strategy", required=True, metavar="NAME", help="a file of pyjobs/strategy/library")
    parser.add_argument("--param", action="append", default=[], metavar="K=V", help="a parameter; may be repeated")
    parser.add_argument("--bars", required=bars_required, type=Path, metavar="FILE", help="the bars, Parquet")
    parser.add_argument("--symbols", default="", metavar="A,B", help="only these (default all)")
    parser.add_argument("--start", metavar="DATE", help="first UTC day traded; earlier bars warm up")
    parser.add_argument("--end", metavar="DATE", help="last UTC day traded")
    parser.add_argument("--fee-bps", type=float, default=0.0, metavar="BPS", help="of each fill's notional (default 0)")
    parser.add_argument("--cash", type=float, default=1_000_000.0, help="per symbol (default 1000000)")
    parser.add_argument("--semantics", choices=SEMANTICS, default="own", help="whose conventions (default own)")
    parser.add_argument("--no-cache", action="store_true", help="do not keep or use the columns under data/cache")


def add_desk_flags(parser: argparse.ArgumentParser) -> None:
    """Those of them that a backtest on a file of bars does not have."""
    parser.add_argument("--desk", metavar="FILE", help="desk file (default: config/desk.yaml, else the sample's)")
    parser.add_argument("--account", metavar="NAME", help="one account of the desk (default: all, the first first)")
    parser.add_argument("--root", type=Path, metavar="DIR", help="where runs are kept (default: backtests)")


def request_of(args: argparse.Namespace) -> Request:
    """The parsed flags of `add_flags`."""
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
    )
