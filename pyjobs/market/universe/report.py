"""reports/fetch.json of a run: what each exchange brought, the state of every series, and all that is missing."""

from __future__ import annotations

from typing import Any

import msgspec

from pyjobs.market.desk.desk_file import Desk
from pyjobs.market.desk.snapshot import session_of
from pyjobs.market.times import utc_text
from pyjobs.market.universe.by_board import Boards
from pyjobs.market.universe.fetch_desk import Job, Part, Result
from pyjobs.market.universe.fetch_file import Fetch, FetchedFrom, FetchedSeries
from pyjobs.market.universe.verdict import due_session, has_session

OF_BOARDS = ("came", "went", "notes")  # written for exchanges that have boards only


def report(desk: Desk, result: Result, job: Job, *, network: bool) -> Fetch:
    """The content of fetch.json. `network`: jobs may ask the network (ALLOW_NET_FETCH)."""
    return Fetch(
        desk=desk.name,
        asof_utc=utc_text(job.now_ms),
        network=network,
        partial=result.verdict.partial,
        exchanges=[_exchange(part, result, job.boards.get(part.exchange)) for part in result.parts],
        instruments=[entry for part in result.parts for entry in _series(part)],
        missing=result.verdict.missing,
        markets=result.verdict.tallies,
    )


def as_json(fetch: Fetch, job: Job) -> dict[str, Any]:
    """The content of fetch.json."""
    content: dict[str, Any] = msgspec.to_builtins(fetch)
    for exchange in content["exchanges"]:
        if job.boards.get(exchange["exchange"]) is None:
            for name in OF_BOARDS:
                del exchange[name]
    return content


def _exchange(part: Part, result: Result, boards: Boards | None) -> FetchedFrom:
    missing = [each for each in result.verdict.missing if each.exchange == part.exchange]
    sessions = sorted({due_session(one) for one in part.series})
    ages = [one.newest_ms for one in part.series if one.newest_ms is not None]
    return FetchedFrom(
        exchange=part.exchange,
        market=part.series[0].want.exchange.market,
        session=sessions[-1],
        series=len(part.series),
        asked=sum(bool(one.asked) for one in part.series),
        questions=_questions(part, boards),
        new_bars=sum(one.new_bars for one in part.series),
        up_to_date=sum(has_session(one) for one in part.series),
        missing=len(missing),
        provisional=[one.want.key.symbol for one in part.series if one.newest_ms is not None and not one.final],
        rebased=[str(one.want.key) for one in part.series if one.rebased],
        revised=part.found.revised + sum(one.revised for one in part.series),
        lines=[
            *part.found.lines,
            *(f"{one.want.key}: {entry}" for one in part.series for entry in dict.fromkeys(one.lines)),
        ],
        set_aside=part.set_aside,
        oldest=utc_text(min(ages)) if ages else "",
        newest=utc_text(max(ages)) if ages else "",
        seconds=round(part.seconds, 2),
        came=boards.came if boards else [],
        went=boards.went if boards else [],
        notes=boards.notes if boards else [],
    )


def _questions(part: Part, boards: Boards | None) -> int:
    """How many were put to the provider: a board of a session is one, for however many series."""
    by_board = boards.questions if boards else 0
    return by_board + sum(one.asked - one.by_board for one in part.series)


def _series(part: Part) -> list[FetchedSeries]:
    dated = session_of(part.series[0].want.exchange.market)
    return [
        FetchedSeries(
            symbol=one.want.key.symbol,
            exchange=one.want.key.exchange,
            timeframe=one.want.key.timeframe,
            last_session=dated(one.newest_ms).isoformat() if one.newest_ms is not None else None,
            last_ts_ms=one.newest_ms,
            new_bars=one.new_bars,
        )
        for one in part.series
    ]
