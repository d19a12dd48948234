"""The end-of-day report and the watchlist report: one line per instrument, with its context and its signals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyjobs.reporting import numbers
from pyjobs.reporting.document import Block, Page, Section, Table, Text
from pyjobs.reporting.pages.common import noted, sessions_of_markets
from pyjobs.reporting.pages.context import Context
from pyjobs.runs.verdict.findings import many
from utils.tables import Column

COLUMNS = (
    Column("symbol"),
    Column("name"),
    Column("timeframe"),
    Column("last session"),
    Column("close", right=True),
    Column("day", right=True),
    Column("20 days", right=True),
    Column("from 20-day high", right=True),
    Column("from 20-day low", right=True),
    Column("volume", right=True),
    Column("signals"),
    Column("state"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One instrument on a report; only `symbol` and `state` for one that is not on the desk or has no bars."""

    symbol: str
    state: str
    name: str = ""
    timeframe: str = ""
    market: str = ""
    currency: str = ""
    last_session: str = numbers.NOTHING
    context: Context | None = None
    signals: Sequence[str] = ()


def eod_page(*, session: str, lines: Sequence[Line], notes: Sequence[str] = ()) -> Page:
    """Everything that closed on `session`; `notes`: on what the signals rest."""
    up = sum(1 for line in lines if line.context and (line.context.day or 0) > 0)
    down = sum(1 for line in lines if line.context and (line.context.day or 0) < 0)
    fired = sum(len(line.signals) for line in lines)
    return Page(
        name=f"eod_{session}",
        title=f"End of day {session}",
        summary=f"{many(len(lines), 'instrument')}: {up} rose, {down} fell, {many(fired, 'signal')}.",
        sections=[Section(title="Instruments", blocks=_blocks(lines, notes))],
    )


def watchlist_page(*, date: str, session: str, source: str, lines: Sequence[Line], notes: Sequence[str] = ()) -> Page:
    """The watched symbols, on the morning of `date`, as of `session`."""
    lost = [line.symbol for line in lines if line.context is None]
    text = f"; without prices: {', '.join(lost)}" if lost else ""
    return Page(
        name=f"watchlist_{date}",
        title=f"Watchlist of {date}",
        summary=f"{len(lines)} lines from {source}, prices as of session {session}{text}.",
        sections=[Section(title="Watched", blocks=_blocks(lines, notes))],
    )


def _blocks(lines: Sequence[Line], notes: Sequence[str]) -> list[Block]:
    several = sessions_of_markets([(x.market, x.last_session) for x in lines if x.context and x.market])
    own = [Text(several, tone="note")] if several else []
    return [_table(lines), *noted(notes), *own, Text(_legend(), tone="note")]


def _table(lines: Sequence[Line]) -> Table:
    return Table(columns=COLUMNS, rows=[_row(line) for line in lines])


def _row(line: Line) -> list[str]:
    names = [line.symbol, line.name, line.timeframe, line.last_session]
    return [*names, *_figures(line.context, line.currency), ", ".join(line.signals), line.state]


def _figures(context: Context | None, currency: str) -> list[str]:
    if context is None:
        return [numbers.NOTHING] * 6
    ratio = context.volume_ratio
    return [
        numbers.price(context.close, currency),
        numbers.change(context.day),
        numbers.change(context.twenty, 1),
        numbers.change(context.below_high, 1),
        numbers.change(context.above_low, 1),
        numbers.NOTHING if ratio is None else f"{ratio:.1f} ×",
    ]


def _legend() -> str:
    return "Volume: the last day's over the mean of the twenty days before. Bars shorter than a day: days of 24 hours."
