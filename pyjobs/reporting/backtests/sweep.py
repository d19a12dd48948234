"""A sweep as files: every trial, a heat map, figures, and words about luck."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from pyjobs.account.desk.desk_sweep import Sweep, named, rows, table_of
from pyjobs.reporting import charts, numbers
from pyjobs.reporting.account_figures import beside_figures, marked
from pyjobs.reporting.charts import INK, readable
from pyjobs.reporting.document import Block, Image, Page, Section, Table, Text
from pyjobs.reporting.html import Card, files_in, render
from utils.files import atomic
from utils.files.text_files import write_csv, write_json
from utils.tables import Column, text_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CONVENTIONS = {
    "sharpe": "annualised: mean / sample standard deviation of session returns, times sqrt(sessions_per_year)",
    "best": "the trial with the highest Sharpe ratio; of equals the first of the grid",
    "deflated": "Bailey & Lopez de Prado (2014); Sharpe ratios per session; trials taken as independent",
    "probability": "that the best one's true Sharpe ratio is above expected_best, the best of so many by luck alone",
}
SHOWN = 10
COLUMNS = (
    Column("parameters"),
    *(Column(each, right=True) for each in ("Sharpe", "return", "drawdown", "trades")),
)
MOST_LABELS = 24


def write_sweep(folder: Path, sweep: Sweep, about: Mapping[str, object], *, label: str = "") -> None:
    """sweep.csv, heatmap.png, metrics.json, report.txt and index.html; `label`: the desk's banner."""
    header = [*sweep.axes, "total_return", "sharpe", "max_drawdown", "n_trades"]
    write_csv(folder / "sweep.csv", header, rows(sweep))
    best = {"params": sweep.best.params, "total_return": sweep.best.total_return, "sharpe": sweep.best.sharpe}
    figures = {"best": best, "deflated": {**asdict(sweep.deflated), "verdict": sweep.deflated.verdict()}}
    year = {"sessions_per_year": sweep.per_year, "short": len(sweep.sessions) <= sweep.per_year}
    rest = {**year, "axes": sweep.axes, "left_out": sweep.left_out, "conventions": CONVENTIONS}
    write_json(folder / "metrics.json", {**about, **figures, **rest})
    atomic.write_text(folder / "report.txt", report(sweep, about))
    heat_map(folder / "heatmap.png", f"{about['strategy']}: Sharpe ratio a year", sweep)
    _write_page(folder, sweep, about, label)


def _write_page(folder: Path, sweep: Sweep, about: Mapping[str, object], label: str) -> None:
    lines: list[Block] = [
        Text(line.removeprefix("[WARN] "), tone="warn" if "[WARN]" in line else "plain") for line in luck(sweep, about)
    ]
    sections = [
        Section(title="The best", blocks=[Table(columns=COLUMNS, rows=best_of(sweep))]),
        Section(title="How much luck", blocks=lines, half=True),
        Section(title="All of them", blocks=[Image(path="heatmap.png", alt="Sharpe ratio by parameters")], half=True),
    ]
    title = f"sweep of {about['strategy']} on desk {about['desk']}, account {about['account']}"
    span = f"{about['start']} to {about['end']}, {len(sweep.sessions):,} sessions"
    page = Page(name="sweep", title="Sweep", summary=span, sections=sections)
    deflated = sweep.deflated
    cards = [
        Card(title=f"Sharpe of the best of {deflated.trials}", value=_a_year(sweep, sweep.best.sharpe)),
        Card(title="its parameters", value=named(sweep.best.params)),
        Card(title="better than luck", value=_percent(deflated.probability)),
        Card(title="verdict", value=deflated.verdict()),
    ]
    atomic.write_text(
        folder / "index.html", render(title=title, label=label, cards=cards, pages=[page], files=files_in(folder))
    )


def report(sweep: Sweep, about: Mapping[str, object]) -> str:
    """The best trials, and how much the best one is worth."""
    head = f"sweep of {about['strategy']} on desk {about['desk']}, account {about['account']}"
    span = f"{about['start']} to {about['end']}"
    return f"{head}\n{span}\n\n{text_table(COLUMNS, best_of(sweep))}\n" + "\n".join(luck(sweep, about)) + "\n"


def best_of(sweep: Sweep) -> list[list[str]]:
    """A line for each of the best trials."""
    ranked = sorted(sweep.trials, key=lambda each: -each.sharpe if each.sharpe == each.sharpe else math.inf)[:SHOWN]
    return [
        [
            named(each.params),
            _a_year(sweep, each.sharpe),
            numbers.change(each.total_return),
            numbers.change(_known(each.max_drawdown)),
            numbers.count(each.n_trades),
        ]
        for each in ranked
    ]


def luck(sweep: Sweep, about: Mapping[str, object]) -> list[str]:
    """What the best one is worth, and what has to be known of it."""
    deflated, best = sweep.deflated, sweep.best
    lucky = deflated.expected_best * math.sqrt(sweep.per_year)
    lines = [
        f"best of {deflated.trials}: {named(best.params)}, Sharpe {_a_year(sweep, best.sharpe)}",
        f"the best of {deflated.trials} without any skill would show {_a_year(sweep, lucky)}",
        f"probability that it is better than that (deflated Sharpe ratio): {_percent(deflated.probability)}",
        f"probability that it is better than nothing, had it been the only trial: {_percent(deflated.against_zero)}",
        f"verdict: {deflated.verdict()}",
    ]
    lines += [f"left out: {each}" for each in sweep.left_out[:SHOWN]]
    if len(sweep.left_out) > SHOWN:
        lines.append(f"left out: {len(sweep.left_out) - SHOWN} more, see metrics.json")
    return lines + beside_figures(about, len(sweep.sessions), sweep.per_year)


def heat_map(path: Path, title: str, sweep: Sweep) -> None:
    """Sharpe ratios over the first two axes, the best one framed."""
    down, across, table = table_of(sweep)
    ys, xs = sweep.axes[down], sweep.axes.get(across, [])
    fits = len(xs) <= 20 and len(ys) <= MOST_LABELS
    figure, axes = charts.new_figure(rows=1, height_in=min(9.4 if fits else 7.0, 1.2 + 0.34 * len(ys)))
    top = max((abs(cell) for row in table for cell in row if cell == cell), default=1.0) or 1.0
    charts.heat(axes[0], table, top=top, written="{:.2f}".format if fits else None)
    axes[0].set_xticks(*_labels(xs or [""]))
    axes[0].set_yticks(*_labels(ys))
    axes[0].set_xlabel(readable(across))
    axes[0].set_ylabel(readable(down))
    place = xs.index(sweep.best.params[across]) if xs else 0, ys.index(sweep.best.params[down])
    _frame(axes[0], place)
    further = ", best over " + ", ".join(list(sweep.axes)[2:]) if len(sweep.axes) > 2 else ""
    axes[0].set_title(readable(f"{title}{further} (framed: the highest)"))
    charts.save(figure, path)


def _labels(values: Sequence[int | float | str]) -> tuple[list[int], list[str]]:
    """Places and texts of an axis' values; of many only every so manieth, so that they do not run into each other."""
    places = list(range(0, len(values), math.ceil(len(values) / MOST_LABELS)))
    shown = [values[place] for place in places]
    return places, [readable(each) if isinstance(each, str) else f"{each:g}" for each in shown]


def _frame(axes: Axes, place: Sequence[int]) -> None:
    x, y = place
    left, right, low, high = x - 0.48, x + 0.48, y - 0.48, y + 0.48
    axes.plot([left, right, right, left, left], [low, low, high, high, low], color=INK, linewidth=2)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _a_year(sweep: Sweep, sharpe: float) -> str:
    return marked(numbers.decimal(2)(_known(sharpe)), "sharpe", short=len(sweep.sessions) <= sweep.per_year)


def _percent(value: float) -> str:
    return numbers.percent(_known(value))
