"""What is shown of an account: label, key in metrics.json, and how the number is written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from pyjobs.reporting import numbers

Show = numbers.Show
FIGURES: tuple[tuple[str, str, Show], ...] = (
    ("start equity", "start_equity", numbers.count),
    ("end equity", "end_equity", numbers.count),
    ("total return", "total_return", numbers.change),
    ("CAGR", "cagr", numbers.change),
    ("volatility", "volatility", numbers.percent),
    ("Sharpe", "sharpe", numbers.decimal(2)),
    ("Sortino", "sortino", numbers.decimal(2)),
    ("Calmar", "calmar", numbers.decimal(2)),
    ("max drawdown", "max_drawdown", numbers.change),
    ("longest under water, sessions", "max_drawdown_sessions", numbers.count),
    ("VaR, 5 % of sessions lose more", "var", numbers.change),
    ("CVaR, mean of those", "cvar", numbers.change),
    ("trades", "n_trades", numbers.count),
    ("of which open", "n_open", numbers.count),
    ("win rate", "win_rate", numbers.percent),
    ("profit factor", "profit_factor", numbers.decimal(2)),
    ("expectancy per trade", "expectancy", numbers.change),
    ("fees, tax and borrow", "fees", numbers.count),
    ("exposure", "exposure", numbers.percent),
    ("turnover a year", "turnover", numbers.decimal(1)),
)

A_YEAR = (
    "cagr",
    "volatility",
    "sharpe",
    "sortino",
    "calmar",
    "turnover",
    "alpha",
    "information_ratio",
    "tracking_error",
)
BARELY = "*"
A_YEAR_DAYS = 364  # 52 weeks: 252 sessions end on the weekday they began on


def marked(shown: str, key: str, *, short: bool) -> str:
    """A figure of a year that less than a year was measured for has an asterisk."""
    return f"{shown} {BARELY}" if short and key in A_YEAR and shown != numbers.NOTHING else shown


def under_a_year(figures: Mapping[str, object]) -> bool:
    """Whether what was measured `start` to `end` (ISO dates) is less than a year, though the account may be older."""
    start, end = figures.get("start"), figures.get("end")
    if not isinstance(start, str) or not isinstance(end, str):
        return False
    return (dt.date.fromisoformat(end) - dt.date.fromisoformat(start)).days < A_YEAR_DAYS


def short_window(sessions: int, per_year: float) -> str:
    """What the asterisk means."""
    return (
        f"[WARN] {BARELY} of {sessions} sessions, less than a year ({per_year:g}): figures a year are carried far "
        "beyond what was measured"
    )


def ruined(name: str, session: object) -> str:
    """The note on an account with nothing left."""
    return f"[WARN] {name}: ruin on {session}: equity is not above zero from then on, and has no returns"


def beside_figures(about: Mapping[str, object], sessions: int, per_year: float) -> list[str]:
    """Lines under the figures of a sweep or a walk-forward: short windows, and the notes of the job."""
    notes = about.get("notes")
    lines = [short_window(sessions, per_year)] if sessions <= per_year else []
    return lines + (list(map(str, notes)) if isinstance(notes, list) else [])
