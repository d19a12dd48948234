"""The tear sheet as a page: every part of it, drawn into the page, legible without a network or a script."""

from __future__ import annotations

import datetime as dt
import math
import re

import numpy as np
import pytest

from pyjobs.account.figures.account_trade_figures import Ended
from pyjobs.reporting import drawing
from pyjobs.reporting.document import Chart, Heat, Page, Section, Table, markdown
from pyjobs.reporting.html import render
from pyjobs.reporting.sheet.curve import Curve
from pyjobs.reporting.sheet.tear_sheet import evened, histogram, tear_sheet

START = dt.date(2022, 1, 3)


def curve(count: int = 800, **more: object) -> Curve:
    rng = np.random.default_rng(1)
    days = [START + dt.timedelta(days=n) for n in range(count)]
    worth = 1e8 * np.cumprod(1 + rng.normal(0.0005, 0.01, count))
    closes = 2000 * np.cumprod(1 + rng.normal(0.0002, 0.01, count))
    closes[:10] = math.nan
    trades = Ended(
        returns=np.array([0.1, -0.05, -0.02, 0.03, 0.2]),
        pnl=np.array([10.0, -5.0, -2.0, 3.0, 20.0]),
        days=np.array([1.0, 2, 3, 4, 5]),
        long=np.array([True, True, True, True, False]),
        reasons=np.array([1, 2, 2, 1, 4]),
    )
    metrics = {
        "total_return": 0.1234,
        "benchmarks": {"KOSPI": {"total_return": 0.05, "beta": 0.9, "start": str(START + dt.timedelta(days=10))}},
    }
    given = {"name": "krw", "sessions": days, "worth": worth, "per_year": 365.0, "unit": "KRW", "metrics": metrics}
    given |= {"benchmarks": {"KOSPI": closes}, "exposure": np.full(count, 0.5), "trades": trades}
    return Curve(**{**given, **more})  # type: ignore[arg-type]


def page_of(made: Curve) -> str:
    page = tear_sheet(made, anchor="a", title="Account krw")
    return render(title="t", label="", cards=[], pages=[page], files=[])


def test_a_tear_sheet_has_every_part_that_people_look_for() -> None:
    text = page_of(curve())
    headings = re.findall(r"<h3>(.*?)</h3>", text)
    parts = (
        "Worth|Return|Risk|Months, %|Lately|Years|Against the benchmark|Worst drawdowns|Exposure|Rolling Sharpe ratio"
    )
    parts += (
        "|Rolling volatility|Rolling beta|Distribution of sessions|Distribution of months|Trades|Distribution of trades"
    )
    assert set(parts.split("|")) <= set(headings)
    assert "+12.34 %" in text and "KOSPI +5.00 %" in text
    assert not re.search(r"<script|https?:|@import|url\(", text)


def test_less_than_a_window_less_than_a_year_and_nothing_left_are_said() -> None:
    short = page_of(curve(100))
    assert "of 100 sessions, less than a year (365)" in short
    assert "Rolling figures look back on 182 sessions; there are 99." in short and "Rolling beta" not in short
    worth = np.array([100.0, 50.0, -1.0])
    gone = page_of(
        curve(3, worth=worth, benchmarks={}, metrics={"ruin": "2022-01-05", "total_return": -1.01}, exposure=None)
    )
    assert "ruin on 2022-01-05" in gone and "There is nothing to measure" in gone and "Sharpe" not in gone


def test_a_benchmark_that_is_not_above_zero_is_measured_by_nothing() -> None:
    closes = np.linspace(-5.0, 5.0, 800)  # a rate, say
    text = page_of(curve(benchmarks={"RATE": closes}, metrics={"total_return": 0.1}))
    assert "nan" not in text and "inf" not in text.replace("information", "") and "Rolling Sharpe ratio" in text
    assert "Rolling beta" not in text


def test_trades_are_counted_by_side_and_by_what_ended_them() -> None:
    sections = {each.title: each for each in tear_sheet(curve(), anchor="a", title="t").sections}
    table = sections["Trades"].blocks[0]
    assert isinstance(table, Table)
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["closed"] == ["5", "4", "1"]
    assert rows["profit factor"] == ["4.71", "1.86", "–"]  # 33 / 7, 13 / 7, no losses
    assert rows["payoff (mean win / mean loss)"][0] == "3.14"  # 0.11 / 0.035
    assert rows["most losses in a row"] == ["2", "2", "0"]
    ends = next(block for block in sections["Distribution of trades"].blocks if isinstance(block, Table))
    assert [row[:2] for row in ends.rows] == [["signal", "2"], ["stop", "2"], ["time", "1"]]


def test_a_line_stops_where_a_number_is_missing_and_a_long_one_keeps_its_extremes() -> None:
    line = Chart(title="a <b>", labels=list("abcd"), lines={"<x>": [1.0, math.nan, 3.0, 2.0]}, show="{:g}".format)
    drawn = drawing.drawn(line)
    path = re.search(r'class="s0" d="(.*?)"', drawn)
    assert path and path[1].count("M") == 2 and path[1].count("L") == 1
    assert "<b>" not in drawn.replace("<b style", "") and "a &lt;b&gt;" in drawn
    values = [0.0] * 20_000
    values[7_777], values[12_345] = 50.0, -50.0
    many = drawing.drawn(Chart(title="x", labels=["x"] * 20_000, lines={"x": values}, show="{:g}".format))
    assert len(many) < 30_000
    heights = [
        float(each) for each in re.findall(r"[ML][\d.e+]+ ([\d.]+)", re.search(r'class="s0" d="(.*?)"', many)[1])
    ]  # type: ignore[index]
    assert (min(heights), max(heights)) == (0, 1000)
    assert "Nothing to draw" in drawing.drawn(Chart(title="x", labels=[], lines={"x": [math.nan]}, show=str))


@pytest.mark.parametrize(
    ("low", "high", "log", "ticks"),
    [
        (0.0, 100.0, False, "0 25 50 75 100"),
        (-13.6, 0.0, False, "-15 -10 -5 0"),
        (5.0, 5.0, False, "4.5 4.75 5 5.25 5.5"),
        (1.2, 480.0, True, "1 2 5 10 20 50 100 200 500"),
    ],
)
def test_numbers_at_the_side_are_round_and_hold_every_value(low: float, high: float, log: bool, ticks: str) -> None:
    chart = Chart(title="x", labels=["a", "b"], lines={"x": [low, high]}, show="{:g}".format, log=log)
    shown = re.findall(r"<b style=.*?>(.*?)</b>", drawing.drawn(chart))
    assert shown == ticks.split() or (
        log and set(shown) <= set(ticks.split()) and (shown[0], shown[-1]) == ("1", "500")
    )


def test_a_histogram_counts_every_value_once_also_the_far_ones() -> None:
    values = np.concatenate((np.linspace(-1, 1, 1000), [50.0, -70.0]))
    chart = histogram("x", values)
    (counts,) = chart.lines.values()
    assert sum(counts) == 1002 and len(counts) <= 41
    assert chart.bars and len(chart.labels) == len(counts)
    assert sum(next(iter(histogram("x", np.zeros(5)).lines.values()))) == 5


def test_a_heat_map_colours_months_by_the_largest_and_leaves_the_year_plain() -> None:
    table = Heat(columns=["Jan", "Feb", "year"], rows={"2024": [0.10, -0.05, 0.045], "2023": [None, 0.0, 0.0]})
    shown = drawing.heat(table)
    cells = re.findall(r'<td data-of="(.*?)" class="(.*?)">(.*?)<i>(.*?)</i>', shown)
    assert cells[:2] == [("Jan", "up9", "+10.0", "+10"), ("Feb", "down5", "-5.0", "-5")]
    assert cells[2] == ("year", "up0", "+4.5", "+4")
    assert "<th>2023</th><td></td>" in shown
    page = Page(name="x", title="x", summary="x", sections=[Section(title="Months", blocks=[table])])
    assert "| 2024 | +10.0 % | -5.0 % | +4.5 % |" in markdown(page)  # where nothing can be coloured, numbers stand


def test_a_half_without_a_neighbour_takes_the_whole_row() -> None:
    halves = [Section(title=str(n), blocks=[], half=half) for n, half in enumerate((True, True, True, False, True))]
    assert [each.half for each in evened(halves)] == [True, True, False, False, False]
