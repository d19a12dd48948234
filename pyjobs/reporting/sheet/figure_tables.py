"""The figures of a tear sheet as tables: against each benchmark, over years, in the worst times, by trade."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pyjobs.account.figures import sheet
from pyjobs.account.figures.account_trade_figures import Ended
from pyjobs.market.bars import FloatArray
from pyjobs.reporting import numbers
from pyjobs.reporting.account_figures import Show, marked, under_a_year
from pyjobs.reporting.document import Heat, Table
from pyjobs.reporting.sheet.curve import Curve, known_part, number
from pyjobs.reporting.sheet.report import BENCHMARK_FIGURES
from pyjobs.strategy.lifecycle import REASONS
from utils.tables import Column

Rows = tuple[tuple[str, str, Show], ...]
TWO, ONE = numbers.decimal(2), numbers.decimal(1)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WORST_SHOWN = 10
RETURN: Rows = (
    ("start equity", "start_equity", numbers.count),
    ("end equity", "end_equity", numbers.count),
    ("total return", "total_return", numbers.change),
    ("CAGR", "cagr", numbers.change),
    ("Sharpe", "sharpe", TWO),
    ("likely that Sharpe is above 0", "likely_sharpe", numbers.percent),
    ("Sortino", "sortino", TWO),
    ("Calmar", "calmar", TWO),
    ("Omega", "omega", TWO),
    ("gain to pain", "gain_to_pain", TWO),
    ("recovery factor", "recovery", TWO),
    ("stability (R²)", "stability", TWO),
    ("exposure", "exposure", numbers.percent),
    ("turnover a year", "turnover", ONE),
    ("fees, tax and borrow", "fees", numbers.count),
)
RISK: Rows = (
    ("volatility", "volatility", numbers.percent),
    ("max drawdown", "max_drawdown", numbers.change),
    ("longest under water, sessions", "max_drawdown_sessions", numbers.count),
    ("mean drawdown", "mean_drawdown", numbers.change),
    ("its mean length, sessions", "mean_drawdown_sessions", ONE),
    ("ulcer index", "ulcer", numbers.percent),
    ("VaR, 5 % of sessions lose more", "var", numbers.change),
    ("CVaR, mean of those", "cvar", numbers.change),
    ("tail ratio", "tail_ratio", TWO),
    ("skewness", "skewness", TWO),
    ("excess kurtosis", "kurtosis", TWO),
)
RECENT: Rows = (
    ("this month so far", "month_to_date", numbers.change),
    ("three months", "three_months", numbers.change),
    ("six months", "six_months", numbers.change),
    ("this year so far", "year_to_date", numbers.change),
    ("one year", "one_year", numbers.change),
    ("three years, a year", "three_years", numbers.change),
    ("five years, a year", "five_years", numbers.change),
    ("ten years, a year", "ten_years", numbers.change),
)
EXTREMES: Rows = tuple(
    (label, f"{key}_{period}", show)
    for period in ("session", "month", "year")
    for label, key, show in (
        (f"best {period}", "best", numbers.change),
        (f"worst {period}", "worst", numbers.change),
        (f"{period}s won, of those that moved", "won", numbers.percent),
        (f"mean of {period}s won", "mean_up", numbers.change),
        (f"mean of {period}s lost", "mean_down", numbers.change),
    )
)


def beside(rows: Rows, columns: Mapping[str, Mapping[str, Any]], per_year: float) -> Table:
    """A row per figure that any of them has, a column for the account and each benchmark, marked by its age."""
    cells = [
        [label, *(marked(show(number(c.get(key))), key, short=c["n_sessions"] <= per_year) for c in columns.values())]
        for label, key, show in rows
        if any(number(each.get(key)) is not None for each in columns.values())
    ]
    return Table(columns=[Column("figure"), *(Column(name, right=True) for name in columns)], rows=cells)


def against(curve: Curve) -> Table | None:
    """The account measured by each benchmark, from that one's first session on; None without one."""
    found = curve.metrics.get("benchmarks") or {}
    if not found:
        return None
    shown: list[tuple[str, str, Show]] = [row for row in BENCHMARK_FIGURES if row[1] not in OWN]
    shown += [("up capture", "up_capture", TWO), ("down capture", "down_capture", TWO)]
    rows = [["from", *(str(each.get("start") or numbers.NOTHING) for each in found.values())]]
    rows += [
        [
            label,
            *(
                marked(show(number(each.get(key))), key, short=curve.short or under_a_year(each))
                for each in found.values()
            ),
        ]
        for label, key, show in shown
    ]
    r_squared = [None if (c := number(each.get("correlation"))) is None else c * c for each in found.values()]
    rows.append(["R²", *(TWO(each) for each in r_squared)])
    return Table(columns=[Column("figure"), *(Column(f"against {name}", right=True) for name in found)], rows=rows)


OWN = ("total_return", "cagr", "volatility", "sharpe", "max_drawdown")  # stand in the benchmark's own column


def each_year(curve: Curve) -> dict[str, dict[int, float]]:
    """Return of each calendar year, of the account and of each benchmark."""
    parts = {curve.name: (curve.sessions, curve.worth)}
    parts |= {name: known_part(curve, closes) for name, closes in curve.benchmarks.items()}
    return {name: sheet.by_year(*part) if len(part[0]) > 1 else {} for name, part in parts.items()}


def years(found: Mapping[str, Mapping[int, float]]) -> Table:
    """The returns by year as a table."""
    rows = [
        [str(year), *(numbers.change(each.get(year)) for each in found.values())]
        for year in sorted({year for each in found.values() for year in each})
    ]
    return Table(columns=[Column("year"), *(Column(name, right=True) for name in found)], rows=rows)


def worst(curve: Curve) -> Table:
    """The deepest drawdowns."""
    rows = [
        [
            numbers.change(each.depth),
            each.start.isoformat(),
            each.bottom.isoformat(),
            each.end.isoformat() if each.end else "not yet",
            numbers.count(each.sessions),
        ]
        for each in sheet.drawdowns(curve.sessions, curve.worth)[:WORST_SHOWN]
    ]
    columns = [
        Column("depth", right=True),
        Column("from"),
        Column("bottom"),
        Column("back"),
        Column("sessions", right=True),
    ]
    return Table(columns=columns, rows=rows)


def months(months: Mapping[tuple[int, int], float]) -> Heat:
    """Return of each month by year, newest year first, with the whole year at the end."""
    rows: dict[str, list[float | None]] = {}
    for year in sorted({year for year, _ in months}, reverse=True):
        cells = [months.get((year, month)) for month in range(1, 13)]
        known = [1 + cell for cell in cells if cell is not None and cell == cell]
        rows[str(year)] = [*cells, float(np.prod(known)) - 1 if known else None]
    return Heat(columns=[*MONTHS, "year"], rows=rows)


def quantiles(curve: Curve) -> Table:
    """How returns of each length spread."""
    titles = ("worst", "5 %", "25 %", "median", "75 %", "95 %", "best")
    names = {"session": "sessions", "weekly": "weeks", "monthly": "months", "quarterly": "quarters", "yearly": "years"}
    rows = [
        [names[name], numbers.count(found[0]), *(numbers.change(each, 1) for each in found[1:])]
        for name, found in sheet.quantiles(curve.sessions, curve.worth).items()
    ]
    columns = [Column("returns of"), Column("how many", right=True), *(Column(each, right=True) for each in titles)]
    return Table(columns=columns, rows=rows)


def trades(found: Ended, metrics: Mapping[str, Any]) -> Table:
    """Closed trades, all and by side; money after costs."""
    sides = {"all": found, "long": found.of(found.long), "short": found.of(~found.long)}
    if not len(sides["short"].pnl):
        sides = {"all": found}
    rows: list[tuple[str, Callable[[Ended], str]]] = [
        ("closed", lambda each: numbers.count(len(each.pnl))),
        ("win rate", lambda each: numbers.percent(_mean(each.pnl > 0))),
        ("profit factor", lambda each: TWO(_ratio(_sum(each.pnl, up=True), -_sum(each.pnl, up=False)))),
        ("expectancy per trade", lambda each: numbers.change(_mean(each.returns))),
        ("mean win", lambda each: numbers.change(_mean(each.returns[each.pnl > 0]))),
        ("mean loss", lambda each: numbers.change(_mean(each.returns[each.pnl < 0]))),
        ("payoff (mean win / mean loss)", lambda each: TWO(_payoff(each.returns, each.pnl))),
        ("best", lambda each: numbers.change(float(each.returns.max()) if each.returns.size else None)),
        ("worst", lambda each: numbers.change(float(each.returns.min()) if each.returns.size else None)),
        ("days held, mean", lambda each: ONE(_mean(each.days))),
        ("most losses in a row", lambda each: numbers.count(_losses_in_a_row(each.pnl))),
        ("profit and loss", lambda each: numbers.count(float(each.pnl.sum()))),
    ]
    cells = [[label, *(show(each) for each in sides.values())] for label, show in rows]
    still_open = number(metrics.get("n_open"))
    if still_open:
        cells.insert(1, ["still open", numbers.count(still_open), *[numbers.NOTHING] * (len(sides) - 1)])
    return Table(columns=[Column("trades"), *(Column(name, right=True) for name in sides)], rows=cells)


def endings(found: Ended) -> Table:
    """Closed trades by what ended them, the commonest first."""
    rows = []
    for reason in sorted(set(found.reasons.tolist()), key=lambda each: -int((found.reasons == each).sum())):
        mine = found.of(found.reasons == reason)
        name = REASONS[reason].replace("_", " ")
        figures = [numbers.percent(_mean(mine.pnl > 0)), numbers.change(_mean(mine.returns))]
        rows.append([name, numbers.count(len(mine.pnl)), *figures, numbers.count(float(mine.pnl.sum()))])
    titles = ("trades", "win rate", "mean return", "profit and loss")
    return Table(columns=[Column("ended by"), *(Column(each, right=True) for each in titles)], rows=rows)


def _mean(values: FloatArray | np.ndarray) -> float | None:
    return float(values.mean()) if values.size else None


def _sum(values: FloatArray, *, up: bool) -> float:
    return float(values[values > 0].sum() if up else values[values < 0].sum())


def _ratio(a: float, b: float) -> float | None:
    return a / b if b > 0 else None


def _payoff(returns: FloatArray, pnl: FloatArray) -> float | None:
    win, loss = _mean(returns[pnl > 0]), _mean(returns[pnl < 0])
    return win / -loss if win is not None and loss is not None and loss < 0 else None


def _losses_in_a_row(pnl: FloatArray) -> int:
    ends = np.flatnonzero(np.concatenate(([True], pnl >= 0, [True])))
    return int(np.diff(ends).max()) - 1
