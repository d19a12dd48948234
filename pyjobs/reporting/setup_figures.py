"""What is shown of a setup's triggers in one window, on stdout at night and on the go-live page alike."""

from __future__ import annotations

from typing import Protocol

from pyjobs.reporting import numbers
from pyjobs.reporting.tables import Column

TITLES = ("n", "closed", "worth", "win rate", "95 %", "expectancy", "95 %", "bars held", "worst … best")
COLUMNS = tuple(Column(title, right=True) for title in TITLES)


class SetupFigures(Protocol):
    """A row of setups.json, or what it is written from. Rates and expectancies are fractions; None is undefined."""

    @property
    def n(self) -> int: ...
    @property
    def n_closed(self) -> int: ...
    @property
    def n_effective(self) -> float | None: ...
    @property
    def win_rate(self) -> float | None: ...
    @property
    def win_rate_low(self) -> float | None: ...
    @property
    def win_rate_high(self) -> float | None: ...
    @property
    def expectancy(self) -> float | None: ...
    @property
    def expectancy_low(self) -> float | None: ...
    @property
    def expectancy_high(self) -> float | None: ...
    @property
    def avg_hold_bars(self) -> float | None: ...
    @property
    def best(self) -> float | None: ...
    @property
    def worst(self) -> float | None: ...


def enough(verdict: str) -> str:
    """The verdict of a row in words that nobody takes for a GO: it is about how many trades there are, not how good."""
    return "enough" if verdict == "ok" else "too few" if verdict == "too few" else verdict


def cells(row: SetupFigures) -> list[str]:
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
