"""What is shown of a setup's triggers in one window, on stdout at night and on the go-live page alike."""

from __future__ import annotations

from collections.abc import Sequence

from pyjobs.account.figures.setup_stats import Row
from pyjobs.reporting import numbers
from utils.tables import Column, text_table

TITLES = ("n", "closed", "worth", "win rate", "95 %", "expectancy", "95 %", "bars held", "worst … best")
COLUMNS = tuple(Column(title, right=True) for title in TITLES)
TABLE = (Column("setup"), Column("timeframe"), *COLUMNS, Column("trades are"))


def enough(verdict: str) -> str:
    """The verdict of a row in words that are not mistaken for a GO: it is about how many trades there are, not how
    good.
    """
    return "enough" if verdict == "ok" else "too few" if verdict == "too few" else verdict


def cells(row: Row) -> list[str]:
    """One text for each of COLUMNS."""
    return [
        numbers.count(row.n),
        numbers.count(row.n_closed),
        numbers.decimal(1)(row.n_effective),
        numbers.percent(row.win_rate),
        numbers.interval(row.win_rate_low, row.win_rate_high, numbers.percent),
        numbers.change(row.expectancy),
        numbers.interval(row.expectancy_low, row.expectancy_high, numbers.change),
        numbers.decimal(1)(row.avg_hold_bars),
        numbers.interval(row.worst, row.best, numbers.change),
    ]


def window_table(rows: Sequence[Row]) -> str:
    """The rows of one window for a terminal."""
    return text_table(TABLE, [[row.setup, row.timeframe, *cells(row), enough(row.verdict)] for row in rows])
