"""What is shown of an account: label, key in metrics.json, and how the number is written."""

from __future__ import annotations

from collections.abc import Callable

from pyjobs.reporting import numbers

Show = Callable[[float | None], str]
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
