"""Listings of an exchange: one file a session, data/listings/<EXCHANGE>/<session>.csv, as the provider gave it.

Columns: symbol, name, board, close, turnover, shares, first_seen. `close` and `turnover` are of that session and in
the exchange's currency, `nan` where there was none. `first_seen` is the first session whose listing had the symbol; it
is empty for those in the very first kept listing, since their age is not known.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from utils import paths, trading_day
from utils.errors import BadDataError, MissingInputError
from utils.files.atomic import write_text
from utils.files.os_files import held_bytes, matching

COLUMNS = ("symbol", "name", "board", "close", "turnover", "shares", "first_seen")
SMALL_BOARD = 4  # shares; a board of fewer may well lose half of them


class Listed(NamedTuple):
    """One share of a listing; numbers that are not known are NaN, `first_seen` is ISO or empty."""

    symbol: str
    name: str
    board: str
    close: float
    turnover: float
    shares: float
    first_seen: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """All that `exchange` lists on `session`, in the file's order."""

    exchange: str
    session: dt.date
    path: Path
    rows: tuple[Listed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The symbols that came and went from one listing to the next; `renamed` has the same symbol under its old and new
    name.
    """

    before: dt.date
    now: dt.date
    came: tuple[Listed, ...]
    went: tuple[Listed, ...]
    renamed: tuple[tuple[Listed, Listed], ...]


def sessions_kept(exchange: str) -> list[dt.date]:
    """The sessions whose listings are kept, ascending."""
    kept = []
    for path in matching(_folder(exchange), "????-??-??.csv"):
        with suppress(ValueError):
            kept.append(dt.date.fromisoformat(path.stem))
    return kept


def newest(exchange: str, *, market: str, now_s: float) -> Listing:
    """The newest listing that is not of a day to come. Raises MissingInputError without one, as `read_listing`."""
    today = trading_day.load(market).local_date(now_s)
    kept = [session for session in sessions_kept(exchange) if session <= today]
    if not kept:
        raise MissingInputError(
            f"{_folder(exchange)}: no listing of {exchange} was kept yet; bring it with: "
            "python -m pyjobs.fetch, and --desk NAME for a desk that is not config/desk.yaml"
        )
    return read_listing(exchange, kept[-1])


def read_listing(exchange: str, session: dt.date) -> Listing:
    """The listing of one session. Raises MissingInputError without it, BadDataError naming file and line."""
    path = _folder(exchange) / f"{session}.csv"
    try:
        text = held_bytes(path).decode("utf-8")
    except FileNotFoundError:
        raise MissingInputError(f"{path}: no such listing") from None
    except OSError as error:
        raise BadDataError(f"{path}: cannot be read: {error.strerror}; mend it, or move it away") from None
    except UnicodeDecodeError as error:
        raise BadDataError(f"{path}: not UTF-8 text (byte {error.start}); move the file away") from None
    with io.StringIO(text, newline="") as handle:
        table = csv.reader(handle)
        try:
            if tuple(next(table, [])) != COLUMNS:
                raise BadDataError(f"{path}:1: the columns are not {','.join(COLUMNS)}; move the file away")
            rows = tuple(
                Listed(symbol, name, board, float(close), float(turnover), float(shares), first_seen)
                for symbol, name, board, close, turnover, shares, first_seen in table
            )
        except (ValueError, csv.Error) as error:
            raise BadDataError(f"{path}:{table.line_num}: {error}; move the file away") from None
    return Listing(exchange=exchange, session=session, path=path, rows=rows)


def write_listing(exchange: str, session: dt.date, rows: Iterable[Listed], *, shrunk: bool = False) -> Path:
    """Keep what `exchange` listed on `session`; where it is. `first_seen` is filled in from the listing before.

    Raises BadDataError when it, or a board of it, has no more than half of the shares of the listing before: that is
    a damaged answer, not a market. With `shrunk` it is taken as true all the same.
    """
    new = list(rows)
    before = check_listing(exchange, session, new, shrunk=shrunk)
    seen = {each.symbol: each.first_seen for each in before.rows} if before else {}
    otherwise = session.isoformat() if before else ""
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(COLUMNS)
    for each in new:
        numbers = [_number(value) for value in (each.close, each.turnover, each.shares)]
        out.writerow([each.symbol, each.name, each.board, *numbers, seen.get(each.symbol, otherwise)])
    path = _folder(exchange) / f"{session}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text.getvalue())
    return path


def check_listing(exchange: str, session: dt.date, rows: Sequence[Listed], *, shrunk: bool = False) -> Listing | None:
    """The listing kept before `session`, which `rows` can follow. Raises BadDataError as `write_listing`."""
    kept = [day for day in sessions_kept(exchange) if day < session]
    before = read_listing(exchange, kept[-1]) if kept else None
    _check(exchange, session, rows, before, shrunk=shrunk)
    return before


def newest_two(exchange: str, *, market: str, now_s: float) -> tuple[Listing, Listing] | None:
    """The two newest listings that are not of a day to come, the older first; None without two."""
    today = trading_day.load(market).local_date(now_s)
    kept = [day for day in sessions_kept(exchange) if day <= today]
    return (read_listing(exchange, kept[-2]), read_listing(exchange, kept[-1])) if len(kept) > 1 else None


def between(before: Listing, now: Listing) -> Changes:
    """The symbols that came and went from one listing to another, in their order there."""
    old, new = {each.symbol: each for each in before.rows}, {each.symbol: each for each in now.rows}
    return Changes(
        before=before.session,
        now=now.session,
        came=tuple(each for each in now.rows if each.symbol not in old),
        went=tuple(each for each in before.rows if each.symbol not in new),
        renamed=tuple(
            (old[each.symbol], each) for each in now.rows if each.symbol in old and each.name != old[each.symbol].name
        ),
    )


def passing(
    rows: Sequence[Listed],
    *,
    boards: Sequence[str],
    session: dt.date,
    market: str,
    min_turnover: float = 0.0,
    min_price: float = 0.0,
    max_price: float = 0.0,
    min_sessions: int = 0,
) -> list[Listed]:
    """The shares of `boards` that pass, in order; one whose number is not known does not pass a bound on it.

    `min_sessions`: at least so many sessions of `market` up to `session` since first seen; one that stood in the first
    listing kept is old enough.
    """
    since = _sessions_before(session, market, min_sessions) if min_sessions > 1 else "9999"
    highest = max_price or math.inf
    return [
        each
        for each in rows
        if each.board in boards
        and (not min_turnover or each.turnover >= min_turnover)
        and (not (min_price or max_price) or min_price <= each.close <= highest)
        and each.first_seen <= since
    ]


def _sessions_before(session: dt.date, market: str, count: int) -> str:
    """The first of the last `count` sessions up to `session`, ISO; the calendar's first day when it has not so many."""
    calendar = trading_day.load(market)
    begin = max(calendar.first, session - dt.timedelta(days=2 * count + 30))
    found = calendar.sessions_between(begin, session)[-count:]
    return found[0].date.isoformat() if len(found) == count else calendar.first.isoformat()


def _check(exchange: str, session: dt.date, new: Sequence[Listed], before: Listing | None, *, shrunk: bool) -> None:
    if not new:
        raise BadDataError(f"{exchange}: the listing of {session} is empty; nothing was kept")
    twice = len(new) - len({each.symbol for each in new})
    if twice:
        raise BadDataError(f"{exchange}: {twice} symbols are twice in the listing of {session}; nothing was kept")
    if before is None or shrunk:
        return
    for board in [None, *sorted({each.board for each in before.rows})]:
        was, now = (sum(board in (None, each.board) for each in rows) for rows in (before.rows, new))
        if now * 2 <= was and (board is None or was >= SMALL_BOARD):
            raise BadDataError(
                f"{exchange}: the listing of {session} has {now} shares{f' of {board}' if board else ''}, that of "
                f"{before.session} had {was}: half a market does not go overnight; nothing was kept, {before.path} "
                "stays in force (remove it if the shrinking is true)"
            )


def _number(value: float) -> str:
    return "nan" if math.isnan(value) else str(int(value)) if value == int(value) else repr(value)


def _folder(exchange: str) -> Path:
    return paths.data_dir() / "listings" / exchange
