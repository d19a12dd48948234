"""The flags of backtests and sweeps: on a file of bars, on a desk, here or on a cluster."""

from __future__ import annotations

import argparse
from pathlib import Path

from pyjobs.account.single.bt_request import Request
from pyjobs.account.single.look_ahead import ALLOW
from pyjobs.strategy.lifecycle import SEMANTICS
from utils.cli import Parser
from utils.errors import UsageError
from utils.pieces.work import Engine, local

OF_DESKS = ("desk", "account", "benchmarks", "root", "html")
OF_FILES = ("per_symbol", "trades", "out", "symbols", "fee_bps", "cash", "semantics", "no_cache")


def add_flags(parser: Parser, *, bars_required: bool = True) -> None:
    """What to run on what, under whose conventions."""
    parser.add_argument(
        "--strategy", required=True, metavar="NAME", help="a file of strategies/ or pyjobs/strategy/library"
    )
    parser.add_argument("--param", action="append", default=[], metavar="K=V", help="a parameter; may be repeated")
    parser.add_argument(
        ALLOW, action="store_true", help="go on with a strategy of your own that looks ahead; the result is marked"
    )
    parser.add_argument("--bars", required=bars_required, type=Path, metavar="FILE", help="the bars, Parquet")
    parser.add_argument("--symbols", default="", metavar="A,B", help="only these (default all)")
    parser.add_argument("--start", metavar="DATE", help="first UTC day traded; earlier bars warm up")
    parser.add_argument("--end", metavar="DATE", help="last UTC day traded")
    parser.add_argument("--fee-bps", type=float, default=0.0, metavar="BPS", help="of each fill's notional (default 0)")
    parser.add_argument("--cash", type=float, default=1_000_000.0, help="per symbol (default 1000000)")
    parser.add_argument("--semantics", choices=SEMANTICS, default="own", help="whose conventions (default own)")
    parser.add_argument("--no-cache", action="store_true", help="do not keep or use the columns under data/cache")


def add_desk_flags(parser: Parser) -> None:
    """Add the flags of desk backtests only."""
    parser.add_desk()
    parser.add_argument("--account", metavar="NAME", help="one account of the desk (default: all, the first first)")
    parser.add_argument("--root", type=Path, metavar="DIR", help="where runs are kept (default: backtests)")


def add_engine_flags(parser: Parser) -> None:
    """Where many backtests are worked on."""
    parser.add_argument("--engine", choices=("local", "dask"), default="local", help="where to work (default local)")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of the Dask cluster: tcp://HOST:PORT")
    parser.add_argument("--workers", type=int, metavar="N", help="processes of the local engine (default: processors)")


def engine_of(args: argparse.Namespace) -> Engine:
    """The engine that the flags of `add_engine_flags` name. Raises UsageError, and as `on_cluster` does."""
    if args.engine == "local":
        if args.scheduler:
            raise UsageError("--scheduler goes with --engine dask")
        if args.workers is not None and args.workers < 1:
            raise UsageError(f"--workers {args.workers} is not one or more")
        return local(args.workers)
    if not args.scheduler:
        raise UsageError("--engine dask needs --scheduler tcp://HOST:PORT")
    if args.workers is not None:
        raise UsageError("--workers goes with --engine local: a cluster has the workers it has")
    from utils.pieces.cluster import on_cluster

    return on_cluster(args.scheduler)


def refuse_mixed(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Raise UsageError for a flag of desks with --bars, one of files without it, and for one file named twice."""
    for name in OF_DESKS if args.bars else OF_FILES:
        if getattr(args, name, None) != parser.get_default(name):
            raise UsageError(f"--{name.replace('_', '-')} goes {'without' if args.bars else 'with'} --bars")
    files = [path.resolve() for name in ("bars", "trades", "per_symbol", "out") if (path := getattr(args, name, None))]
    if len(set(files)) < len(files):
        raise UsageError("--bars and the results name one file twice: it would be overwritten")


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
        despite_look_ahead=args.despite_look_ahead,
    )
