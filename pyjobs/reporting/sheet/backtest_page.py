"""index.html of a backtest's folder: a tear sheet for each account, on one page that works offline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pyjobs.account.desk.backtest_results import equity_of
from pyjobs.account.desk.desk_backtest import AccountResults
from pyjobs.account.desk.strategy_run import sessions_of
from pyjobs.account.figures.account_trade_figures import ended
from pyjobs.market.benchmarks.closes import Benchmark
from pyjobs.reporting import html, numbers
from pyjobs.reporting.account_figures import marked
from pyjobs.reporting.document import Image, Page
from pyjobs.reporting.html import Card
from pyjobs.reporting.sheet.curve import Curve, number
from pyjobs.reporting.sheet.report import beside
from pyjobs.reporting.sheet.tear_sheet import tear_sheet
from utils.files import atomic

NAME = "index.html"
CARDS: tuple[tuple[str, str, numbers.Show], ...] = (
    ("total return", "total_return", numbers.change),
    ("Sharpe", "sharpe", numbers.decimal(2)),
    ("max drawdown", "max_drawdown", numbers.change),
)


def backtest_sheet(account: AccountResults, benchmarks: Sequence[Benchmark], pictures: Sequence[str]) -> Curve:
    """What the account's sheet is made from; `pictures`: of its trades, relative to the page."""
    points = account.result.points
    days = sessions_of(points)
    worth = equity_of(points)
    return Curve(
        name=account.name,
        sessions=days,
        worth=worth,
        per_year=float(account.metrics["sessions_per_year"] or 252),
        unit=str(account.metrics["currency"]),
        metrics=account.metrics,
        benchmarks={each.name: np.asarray(each.closes.at(days), np.float64) for each in benchmarks},
        exposure=np.array([point.exposure for point in points]) if (worth > 0).all() else None,
        trades=ended(account.result.run.account_trades),
        pictures=[Image(path=path, alt=f"price and trades: {Path(path).stem[7:]}") for path in pictures],
    )


def write_sheets(
    folder: Path, metrics: Mapping[str, Mapping[str, Any]], curves: Sequence[Curve], *, label: str
) -> None:
    """The page, from what the folder holds so far. `metrics`: by account, without NaN, as the report has them."""
    pages: list[Page] = []
    for place, curve in enumerate(curves):
        notes = [
            f"[WARN] benchmark unavailable: {name} (skipped): {why}" for name, why in _missing(curve, place).items()
        ]
        notes += [line for line in beside(curve.name, metrics[curve.name]) if not line.startswith("[WARN] *")]
        pages.append(tear_sheet(curve, anchor=f"account-{place}", title=f"Account {curve.name}", notes=notes))
    first = curves[0].metrics
    values = ", ".join(f"{key} {value}" for key, value in first["params"].items())
    title = f"{first['strategy']} on desk {first['desk']}"
    text = html.render(
        title=title,
        label=label,
        cards=_cards(curves),
        pages=pages,
        files=html.files_in(folder),
        under=values,
    )
    atomic.write_text(folder / NAME, text)


def _missing(curve: Curve, place: int) -> Mapping[str, str]:
    return curve.metrics["benchmarks_missing"] if place == 0 else {}


def _cards(curves: Sequence[Curve]) -> list[Card]:
    cards = []
    for curve in curves:
        for label, key, show in CARDS:
            value = marked(show(number(curve.metrics.get(key))), key, short=curve.short)
            cards.append(Card(title=f"{curve.name}: {label}", value=value))
    return cards
