"""A walk-forward as files: the folds, the tests one after the other, a picture, figures and words."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pyjobs.account.desk.desk_sweep import named
from pyjobs.account.desk.walk_forward import Fold, WalkForward
from pyjobs.account.figures import metrics
from pyjobs.reporting import numbers
from pyjobs.reporting.account_figures import beside_figures, marked, under_a_year
from pyjobs.reporting.document import Page, Section, Table, Text
from pyjobs.reporting.html import Card, files_in, render
from pyjobs.reporting.sheet import pictures as backtest_pictures
from pyjobs.reporting.sheet.curve import Curve
from pyjobs.reporting.sheet.tear_sheet import tear_sheet
from utils.files import atomic
from utils.files.text_files import write_csv, write_json
from utils.tables import Column, text_table

CONVENTIONS = {
    "returns": "of the tests only, one after the other, each begun flat; what is open at a test's end pays its way out",
    "training": "returns of one run over the whole history, cut to the window; chosen by Sharpe ratio",
    "cagr": "prod(1 + r) ^ (sessions_per_year / sessions) - 1",
    "sharpe": "annualised: mean / sample standard deviation of session returns, times sqrt(sessions_per_year)",
    "efficiency": "Sharpe ratio of all tests / mean Sharpe ratio of the trainings that chose them",
}
COLUMNS_SHOWN = (
    *(Column("tested"), Column("parameters")),
    *(Column(title, right=True) for title in ("train", "test", "return")),
)
COLUMNS = ("train_start", "train_end", "test_start", "test_end", "params", "train_sharpe", "test_sharpe", "test_return")


def write_walk(folder: Path, found: WalkForward, about: Mapping[str, object], *, label: str = "") -> None:
    """folds.csv, daily_returns.csv, equity_curve.csv (growth of 1), its PNG, metrics.json, report.txt, index.html.

    `label`: the desk's banner.
    """
    sessions = [session.isoformat() for session in found.sessions]
    growth = metrics.cumulative(found.returns).tolist()
    write_csv(folder / "folds.csv", (*COLUMNS, "n_trades"), [cells(fold) for fold in found.folds])
    write_csv(folder / "daily_returns.csv", ("session", "return"), zip(sessions, found.returns.tolist(), strict=True))
    write_csv(folder / "equity_curve.csv", ("session", "growth"), zip(sessions, growth, strict=True))
    title = f"{about['strategy']}, account {about['account']}: growth of 1 in {len(found.folds)} tests (a line at each)"
    begins = [sessions.index(fold.sessions[0].isoformat()) for fold in found.folds]
    backtest_pictures.equity_picture(folder / "equity_curve.png", title, sessions, growth, {}, lines_at=begins)
    names = ("total_return", "cagr", "sharpe", "max_drawdown", "train_sharpe", "efficiency", "n_params")
    figures = {name: getattr(found, name) for name in names}
    span = {"start": sessions[0], "end": sessions[-1], "n_folds": len(found.folds)}
    span |= {"sessions_per_year": found.per_year, "short": len(sessions) <= found.per_year}
    span |= {"n_untested": len(found.untested)}
    write_json(folder / "metrics.json", {**about, **span, **figures, "conventions": CONVENTIONS})
    atomic.write_text(folder / "report.txt", report(found, about))
    _write_page(folder, found, about, figures, label)


def _write_page(
    folder: Path, found: WalkForward, about: Mapping[str, object], figures: Mapping[str, object], label: str
) -> None:
    """The tests one after the other as a tear sheet, after the folds and what they are worth."""
    curve = Curve(
        name="tests",
        sessions=[found.folds[0].train_end, *found.sessions],
        worth=np.concatenate(([1.0], metrics.cumulative(found.returns))),
        per_year=found.per_year,
        unit="from 1",
        metrics=figures,
    )
    lines = [
        Text(line.removeprefix("[WARN] "), tone="warn" if "[WARN]" in line else "plain") for line in words(found, about)
    ]
    folds = Section(title="Folds", blocks=[Table(columns=COLUMNS_SHOWN, rows=lines_of(found)), *lines])
    page = tear_sheet(curve, anchor="tests", title="Tests")
    first = Page(
        name="folds",
        title="Folds",
        summary="Sharpe ratios of training and test; * carried to a year from less than one.",
        sections=[folds],
    )
    title = f"walk-forward of {about['strategy']} on desk {about['desk']}, account {about['account']}"
    cards = [Card(title=name, value=value) for name, value in _cards(found)]
    text = render(title=title, label=label, cards=cards, pages=[first, page], files=files_in(folder))
    atomic.write_text(folder / "index.html", text)


def _cards(found: WalkForward) -> list[tuple[str, str]]:
    return [
        ("return of the tests", numbers.change(_known(found.total_return))),
        ("Sharpe of the tests", _of_all(found)),
        ("Sharpe of the trainings", numbers.decimal(2)(_known(found.train_sharpe))),
        ("kept", kept(found)),
    ]


def cells(fold: Fold) -> list[object]:
    """One line of folds.csv."""
    tested = [fold.sessions[0], fold.sessions[-1], named(fold.params)]
    figures = [fold.train_sharpe, fold.test_sharpe, fold.test_return, fold.n_trades]
    return [fold.train_start, fold.train_end, *tested, *figures]


def report(found: WalkForward, about: Mapping[str, object]) -> str:
    """Fold by fold, then all tests together."""
    head = f"walk-forward of {about['strategy']} on desk {about['desk']}, account {about['account']}"
    table = text_table(COLUMNS_SHOWN, lines_of(found))
    return (
        f"{head}\n(Sharpe ratios of training and test; * carried to a year from less than one)\n\n{table}\n"
        + "\n".join(words(found, about))
        + "\n"
    )


def lines_of(found: WalkForward) -> list[list[str]]:
    """A line for each fold."""
    return [
        [
            f"{fold.sessions[0]} to {fold.sessions[-1]}",
            named(fold.params) if not math.isnan(fold.train_sharpe) else "out of the market",
            _sharpe(fold.train_sharpe, fold.train_start, fold.train_end),
            _sharpe(fold.test_sharpe, fold.sessions[0], fold.sessions[-1]),
            numbers.change(_known(fold.test_return)),
        ]
        for fold in found.folds
    ]


def _sharpe(value: float, start: dt.date, end: dt.date) -> str:
    short = under_a_year({"start": start.isoformat(), "end": end.isoformat()})
    return marked(numbers.decimal(2)(_known(value)), "sharpe", short=short)


def words(found: WalkForward, about: Mapping[str, object]) -> list[str]:
    """All tests together, and what has to be known of them."""
    two = numbers.decimal(2)
    a_year = marked(numbers.change(_known(found.cagr)), "cagr", short=len(found.sessions) <= found.per_year)
    lines = [
        f"tests together: return {numbers.change(_known(found.total_return))}, "
        f"a year {a_year}, Sharpe {_of_all(found)}, "
        f"max drawdown {numbers.change(_known(found.max_drawdown))}",
        f"trainings promised a Sharpe ratio of {two(_known(found.train_sharpe))}: {kept(found)}",
        f"{found.n_params} different choices in {len(found.folds)} folds",
    ]
    if found.untested:
        lines.append(
            f"{len(found.untested)} sessions, {found.untested[0]} to {found.untested[-1]}, are not tested: "
            "too few for another fold"
        )
    return lines + beside_figures(about, len(found.sessions), found.per_year)


def _of_all(found: WalkForward) -> str:
    return marked(numbers.decimal(2)(_known(found.sharpe)), "sharpe", short=len(found.sessions) <= found.per_year)


def kept(found: WalkForward) -> str:
    """How much of the trainings' Sharpe ratio the tests kept; a share only where both are gains."""
    share = found.efficiency
    if not math.isfinite(share):
        return "nothing to compare it with"
    if share <= 0:
        return f"none of it was kept (tests: {numbers.decimal(2)(found.sharpe)})"
    return f"{numbers.percent(share, 0)} of it was kept" if share <= 1 else "all of it was kept, and more"


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
