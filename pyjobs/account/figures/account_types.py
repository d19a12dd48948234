"""metrics.json and positions.csv of an account as types: the backtest writes them, the reports read them."""

from __future__ import annotations

import msgspec


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """A variant's metrics.json. Fractions; None or NaN is undefined. `performance.measures` describes each."""

    total_return: float | None = None
    cagr: float | None = None
    volatility: float | None = None
    sharpe: float | None = None
    sortino: float | None = None
    calmar: float | None = None
    max_drawdown: float | None = None
    max_drawdown_sessions: int | None = None
    var: float | None = None
    cvar: float | None = None
    n_trades: int | None = None
    n_open: int | None = None
    win_rate: float | None = None
    profit_factor: float | None = None
    expectancy: float | None = None
    fees: float | None = None
    exposure: float | None = None
    turnover: float | None = None
    alpha: float | None = None
    beta: float | None = None
    benchmark_return: float | None = None
    benchmark_start: str | None = None
    return_180d: float | None = None
    signals_refused: dict[str, int] | None = None
    start: str | None = None
    end: str | None = None
    start_equity: float | None = None
    end_equity: float | None = None
    sessions_per_year: float | None = None
    short: bool | None = None
    ruin: str | None = None
    currency: str = ""
    conventions: dict[str, str | float] = {}
    notes: list[str] = []
    left_out: list[dict[str, str]] = []
    behind: list[dict[str, str]] = []


FIGURES = tuple(name for name in Metrics.__struct_fields__[: Metrics.__struct_fields__.index("currency")])
"""What `performance.measures` gives; the rest says how they were taken, and of what."""


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """A line of positions.csv. `next_open`: hold, leave or enter; prices in the instrument's currency.

    `pnl` and `budget` are in the account's currency, `net_return` is a fraction of the entry's notional before the
    cost of leaving. None: not known yet.
    """

    next_open: str
    symbol: str
    exchange: str
    timeframe: str
    setup: str
    side: str
    quantity: float | None = None
    entry_ts_ms: int | None = None
    entry_price: float | None = None
    last_ts_ms: int | None = None
    last_price: float | None = None
    stop: float | None = None
    pnl: float | None = None
    net_return: float | None = msgspec.field(default=None, name="return")
    currency: str = ""
    signal_ts_ms: int | None = None
    budget: float | None = None


POSITION_COLUMNS = tuple(field.encode_name for field in msgspec.structs.fields(Position))
