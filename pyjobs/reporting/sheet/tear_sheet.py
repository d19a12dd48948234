"""A tear sheet: one curve with its benchmarks, in figures and in charts, as a page of sections."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from pyjobs.account.figures import sheet
from pyjobs.account.figures.calendar_returns import aggregate
from pyjobs.market.bars import FloatArray
from pyjobs.reporting import numbers
from pyjobs.reporting.account_figures import ruined, short_window
from pyjobs.reporting.document import Block, Chart, Page, Section, Text
from pyjobs.reporting.sheet import figure_tables as tables
from pyjobs.reporting.sheet.curve import Curve, columns_of, known_part, number
from pyjobs.reporting.sheet.curve_charts import below, dates, plain, scale_of
from pyjobs.reporting.sheet.pictures import month_returns, rebased

FEWEST_MONTHS, FEWEST_YEARS, FEWEST_TRADES = 12, 3, 5  # below, a distribution means nothing
LOG_FROM = 3.0  # growth from which equal steps of money hide what happened early
FIGURES_NOTE = (
    "Likely that Sharpe is above 0: the probabilistic Sharpe ratio of Bailey and López de Prado. Gain to pain: sum of "
    "returns over the sum of those below 0. Recovery: total return over the deepest drawdown. Ulcer index: root mean "
    "square of the drawdown. An asterisk: carried to a year from less than one. The rest "
    "as in metrics.json; no risk-free rate is taken off."
)
LAST, UNDEFINED = "last ", "There is nothing to measure: fewer than two sessions, or equity not above zero."


def tear_sheet(curve: Curve, *, anchor: str, title: str, notes: Sequence[str] = ()) -> Page:
    """The page; `notes` stand first. Without returns (see `Curve.alive`) there is the curve, and what is missing."""
    lines = [Text(note.removeprefix("[WARN] "), tone="warn" if "[WARN]" in note else "note") for note in notes]
    if curve.metrics.get("ruin"):
        lines.append(Text(f"{ruined(curve.name, curve.metrics['ruin']).removeprefix('[WARN] ')}.", tone="warn"))
    sections = [Section(title="Worth", blocks=[*lines, *_worth(curve)])]
    sections += _measured(curve) if curve.alive else [Section(title="Figures", blocks=[Text(UNDEFINED, tone="warn")])]
    sections += _traded(curve)
    return Page(name=anchor, title=title, summary=_summary(curve), sections=evened(sections))


def evened(sections: Sequence[Section]) -> list[Section]:
    """`sections`, where a half that would be alone in its row takes all of it."""
    found: list[Section] = []
    left = False  # whether the last one is in the left half of an open row
    for each in sections:
        if left and not each.half:
            found[-1] = replace(found[-1], half=False)
        left = each.half and not left
        found.append(each)
    if left:
        found[-1] = replace(found[-1], half=False)
    return found


def _summary(curve: Curve) -> str:
    figures = curve.metrics
    text = f"{curve.sessions[0]} to {curve.sessions[-1]}, {len(curve.sessions):,} sessions"
    other = "".join(
        f"; {name} {numbers.change(number(each.get('total_return')))}"
        for name, each in figures.get("benchmarks", {}).items()
    )
    return f"{text}: {numbers.change(number(figures.get('total_return')))}{other}."


def _worth(curve: Curve) -> list[Block]:
    labels = dates(curve.sessions)
    scale, word = scale_of(curve.worth.tolist())
    lines = {curve.name: (curve.worth / scale).tolist()}
    for name, closes in curve.benchmarks.items():
        lines[name] = [value / scale for value in rebased(curve.worth.tolist(), closes.tolist())]
    what = f"worth, {word}{curve.unit}"
    blocks: list[Block] = [Chart(title=what, labels=labels, lines=lines, show=plain)]
    if curve.alive and curve.worth.max() / curve.worth.min() >= LOG_FROM:
        title = f"{what}: equal steps are equal percentages"
        blocks.append(Chart(title=title, labels=labels, lines=lines, show=plain, log=True))
    deep = {name: [100 * each for each in below(values)] for name, values in lines.items()}
    blocks.append(Chart(title="below the highest so far, %", labels=labels, lines=deep, show=plain, area=True))
    return blocks


def _measured(curve: Curve) -> list[Section]:
    columns = columns_of(curve)
    months = month_returns([day.isoformat() for day in curve.sessions], curve.worth.tolist())
    mark: list[Block] = []
    if curve.short:
        line = short_window(len(curve.sessions), curve.per_year).removeprefix("[WARN] ")
        mark = [Text(f"{line}.", tone="warn")]
    found = [
        Section(title="Return", blocks=[tables.beside(tables.RETURN, columns, curve.per_year)], half=True),
        Section(title="Risk", blocks=[tables.beside(tables.RISK, columns, curve.per_year)], half=True),
        *([Section(title="What the figures are", blocks=[*mark, Text(FIGURES_NOTE, tone="note")])]),
        Section(title="Months, %", blocks=[tables.months(months)]),
        Section(title="Lately", blocks=[tables.beside(tables.RECENT, columns, curve.per_year)], half=True),
        Section(title="Years", blocks=[tables.years(tables.each_year(curve))], half=True),
    ]
    measured = tables.against(curve)
    if measured:
        found.append(Section(title="Against the benchmark", blocks=[measured], half=True))
    worst = tables.worst(curve)
    if worst.rows:
        found.append(Section(title="Worst drawdowns", blocks=[worst], half=True))
    extremes = tables.beside(tables.EXTREMES, columns, curve.per_year)
    found.append(Section(title="Best and worst", blocks=[extremes], half=True))
    return [*found, *_rolling(curve), *_spread(curve, months)]


def _rolling(curve: Curve) -> list[Section]:
    half, year = round(curve.per_year / 2), round(curve.per_year)
    blocks = []
    labels = dates(curve.sessions[1:])
    if curve.exposure is not None:
        shown = (100 * curve.exposure[1:]).tolist()
        chart = Chart(title="exposure, % of equity", labels=labels, lines={curve.name: shown}, show=plain, area=True)
        blocks.append(Section(title="Exposure", blocks=[chart], half=True))
    if len(labels) < half + 2:
        text = f"Rolling figures look back on {half} sessions; there are {len(labels)}."
        return [*blocks, Section(title="Rolling", blocks=[Text(text, tone="note")], half=True)]
    returns = {curve.name: curve.returns}
    whole = {name: closes for name, closes in curve.benchmarks.items() if len(known_part(curve, closes)[0])}
    returns |= {name: closes[1:] / closes[:-1] - 1 for name, closes in whole.items()}
    pairs = {name: sheet.rolling(each, half, per_year=curve.per_year) for name, each in returns.items()}
    beta = {
        f"{name}, {LAST}{n}": sheet.rolling_beta(curve.returns, returns[name], n)
        for name in whole
        for n in (half, year)
    }
    drawn: dict[str, Mapping[str, FloatArray]] = {
        f"Sharpe ratio of the {LAST}{half} sessions": {name: pair[0] for name, pair in pairs.items()},
        f"volatility of the {LAST}{half} sessions, %": {name: 100 * pair[1] for name, pair in pairs.items()},
    }
    drawn |= {"beta": beta} if beta else {}
    for title, lines in drawn.items():
        kept = {name: each[half - 1 :].tolist() for name, each in lines.items()}
        chart = Chart(title=title, labels=dates(curve.sessions[half:]), lines=kept, show=plain)
        heading = "Rolling " + title.split(" of ")[0]
        blocks.append(Section(title=heading, blocks=[chart], half=True))
    return blocks


def _spread(curve: Curve, months: Mapping[tuple[int, int], float]) -> list[Section]:
    found = [
        Section(
            title="Distribution of sessions",
            blocks=[histogram("sessions by return, %", 100 * curve.returns)],
            half=True,
        )
    ]
    if len(months) >= FEWEST_MONTHS:
        days = np.array(curve.sessions[1:], dtype="datetime64[D]")
        each = 100 * aggregate(days, curve.returns, "monthly")
        chart = histogram("months by return, %", each)
        found.append(Section(title="Distribution of months", blocks=[chart], half=True))
    each_year = tables.each_year(curve)
    span = sorted({year for found_in in each_year.values() for year in found_in})
    if len(span) >= FEWEST_YEARS:
        lines = {name: [100 * found_in.get(year, math.nan) for year in span] for name, found_in in each_year.items()}
        chart = Chart(
            title="return by year, %", labels=list(map(str, span)), lines=lines, show=plain, bars=True, each=True
        )
        found.append(Section(title="Years side by side", blocks=[chart], half=True))
    return [*found, Section(title="How returns spread", blocks=[tables.quantiles(curve)])]


def _traded(curve: Curve) -> list[Section]:
    found: list[Section] = []
    trades = curve.trades
    if trades is not None and len(trades.pnl):
        found.append(Section(title="Trades", blocks=[tables.trades(trades, curve.metrics)], half=True))
        blocks: list[Block] = [tables.endings(trades)]
        if len(trades.pnl) >= FEWEST_TRADES:
            blocks.insert(0, histogram("closed trades by net return, %", 100 * trades.returns))
        found.append(Section(title="Distribution of trades", blocks=blocks, half=True))
    elif trades is not None:
        found.append(Section(title="Trades", blocks=[Text("No trade was closed.")]))
    if curve.pictures:
        found.append(Section(title="The most traded", blocks=list(curve.pictures)))
    return found


def histogram(title: str, values: FloatArray) -> Chart:
    """How many of `values` fall into each of some equal steps, named by where they begin.

    The outer ones hold what lies beyond.
    """
    low, high = np.quantile(values, [0.005, 0.995]).tolist()
    width = _step(max(high - low, 1e-9) / min(40, max(8, math.isqrt(values.size) * 2)))
    first, last = math.floor(low / width), math.ceil(high / width)
    count = max(last - first, 1)
    places = np.clip(np.floor(values / width).astype(np.int64) - first, 0, count - 1)
    counts = np.bincount(places, minlength=count).astype(np.float64)
    digits = max(0, -math.floor(math.log10(width)) + (width * 10 ** -math.floor(math.log10(width)) == 2.5))
    labels = [f"{(first + place) * width:.{digits}f}".replace("-", "−") for place in range(count)]
    return Chart(title=title, labels=labels, lines={title: counts.tolist()}, show=numbers.count, bars=True)


def _step(rough: float) -> float:
    size = float(10 ** math.floor(math.log10(rough)))
    return next(each * size for each in (1, 2, 2.5, 5, 10) if each * size >= rough * (1 - 1e-9))
