"""Where many backtests are worked on: on the processors here, or on a cluster."""

from __future__ import annotations

import argparse

from utils.cli import Parser
from utils.errors import UsageError
from utils.pieces.work import Engine, local


def add_engine_flags(parser: Parser) -> None:
    """Add --engine, --scheduler and --workers."""
    parser.add_argument("--engine", choices=("local", "dask"), default="local", help="where to work (default local)")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="of the Dask cluster: tcp://HOST:PORT")
    parser.add_argument("--workers", type=int, metavar="N", help="processes of the local engine (default: processors)")


def engine_of(args: argparse.Namespace) -> Engine:
    """The engine that the flags name. Raises UsageError, and as `on_cluster` does."""
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
