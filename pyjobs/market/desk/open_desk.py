"""The first steps of every verb that reads a desk's bars: the same flags, the same desk, the same snapshot."""

from __future__ import annotations

import datetime as dt
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from pyjobs.market.desk import corporate_actions, snapshot
from pyjobs.market.desk.desk_file import Desk, load_desk
from pyjobs.market.desk.snapshot import Snapshot
from pyjobs.market.desks import desk_path
from pyjobs.market.store.open_store import open_store
from utils import clock, paths, trading_day
from utils.cli import Parser, date_of
from utils.errors import UsageError


def parser(verb: str, doc: str | None, *, out_required: bool) -> Parser:
    """A parser with --desk, --session and --out."""
    made = Parser(verb=verb, doc=doc)
    made.add_desk()
    made.add_argument("--session", metavar="YYYY-MM-DD", help="default: by the desk's own rule")
    made.add_argument(
        "--out", metavar="RUNDIR", type=Path, required=out_required, help="run folder that takes the results"
    )
    return made


def opened(args: Namespace, check: Callable[[Desk, Path], None]) -> tuple[Path, Snapshot]:
    """The desk file and what the desk knew at its session, splits and dividends worked in.

    `check` raises for a desk that will not do, before any bar is read. Raises UsageError, and as `load_desk`, `check`,
    `take` and `on_desk`.
    """
    session = None if args.session is None else date_of(args.session, "--session")
    if args.out is not None and not args.out.is_dir():
        raise UsageError(f"--out {args.out}: there is no such folder")
    path = desk_path(args.desk, paths.config_dir())
    desk, store = load_desk(path), open_store()
    check(desk, path)
    if session is not None:
        must_be_session(desk.market, session)  # before the bars of a thousand instruments are read
    taken = snapshot.take(desk, store, asked=session, now_s=clock.now_s())
    return path, corporate_actions.on_desk(taken)


def must_be_session(market: str, day: dt.date) -> None:
    """Raise UsageError for a day on which the market does not trade; CalendarRangeError beyond the calendar."""
    calendar = trading_day.load(market)
    if calendar.session(day) is None:
        raise UsageError(f"{day} is not a session of {market}; the one before is {calendar.previous_session(day).date}")
