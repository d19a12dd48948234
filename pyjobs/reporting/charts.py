"""Pictures: small PNGs that a colour-blind person, a phone and a black-and-white printer can read.

Colours are Okabe and Ito's (2008), and every series differs in line or marker too. Equal data gives equal bytes:
no time and no version is written into the file. Korean names are drawn where a font has them (reporting/fonts.py).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyjobs.account.figures.setup_stats import Window
from pyjobs.reporting import fonts
from pyjobs.reporting.run_files.accounts import AccountFiles, Curve
from utils.files import atomic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREY, GREEN, PURPLE = "#0072B2", "#D55E00", "#6B6B6B", "#009E73", "#CC79A7"
INK = "#222222"
MARKERS = (("^", ORANGE), ("o", BLUE), ("s", GREEN), ("D", PURPLE), ("v", INK))
BOOK_LINES = {"constrained": (BLUE, "-", 1.6), "unconstrained": (ORANGE, "--", 1.3), "benchmark": (GREY, ":", 1.3)}
WIDTH_IN, DPI = 7.2, 146  # so that words are legible in half a page and on a phone
STYLE: Any = {  # matplotlib types its keys as a literal of 300 names
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#999999",
    "axes.labelcolor": INK,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#E4E4E4",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "text.parse_math": False,
    "figure.facecolor": "white",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A setup that fired at the close of the bar `ts_ms`; `tonight`: it is one of this run's signals."""

    ts_ms: int
    setup: str
    tonight: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSeries:
    """The last bars of one instrument, equally long and ascending; `stop` of tonight's signal, if it has one."""

    title: str
    ts_ms: Sequence[int]
    low: Sequence[float]
    high: Sequence[float]
    close: Sequence[float]
    intraday: bool
    stop: float | None = None


def price_chart(path: Path, series: PriceSeries, triggers: Sequence[Trigger]) -> None:
    """Closes with the range of each bar, and a marker below every bar on which a setup fired."""
    figure, axes = new_figure(rows=1, height_in=3.0)
    at = {ts_ms: index for index, ts_ms in enumerate(series.ts_ms)}
    axes[0].vlines(range(len(at)), series.low, series.high, color="#B9C4CC", linewidth=1.0)
    axes[0].plot(series.close, color=INK, linewidth=1.2)
    offset = 0.035 * (max(series.high) - min(series.low))
    for number, setup in enumerate(sorted({trigger.setup for trigger in triggers})):
        marker, colour = MARKERS[number % len(MARKERS)]
        places = [at[t.ts_ms] for t in triggers if t.setup == setup and t.ts_ms in at]
        heights = [series.low[place] - offset * (1 + number) for place in places]
        axes[0].plot(places, heights, marker, color=colour, markersize=6, linestyle="none", label=readable(setup))
    if series.stop is not None:
        axes[0].axhline(series.stop, color=ORANGE, linewidth=1.0, linestyle="-.", label="stop of tonight's signal")
    if any(trigger.tonight for trigger in triggers):
        axes[0].axvline(len(at) - 1, color="#999999", linewidth=0.8, linestyle=":")
    time_axis(axes[0], [bar_label(ts_ms, intraday=series.intraday) for ts_ms in series.ts_ms])
    axes[0].set_title(readable(series.title))
    legend(axes[0])
    thousands(axes[0])
    save(figure, path)


def equity_chart(path: Path, account: AccountFiles) -> None:
    """Equity of both variants and the benchmark (starting at the same money) above, their drawdowns below."""
    figure, axes = new_figure(rows=2, height_in=4.0)
    curves = {name: variant.equity for name, variant in account.variants.items() if variant.equity.values}
    sessions = sorted({session for curve in curves.values() for session in curve.sessions})
    benchmark = rebased(account.benchmark, next(iter(curves.values()))) if account.benchmark else None
    if benchmark:
        curves["benchmark"] = benchmark
    for name, curve in curves.items():
        colour, line, width = BOOK_LINES[name]
        places = _places(sessions, curve)
        label = name if curve.sessions[0] == sessions[0] else f"{name}, from {curve.sessions[0]}"
        axes[0].plot(places, curve.values, line, color=colour, linewidth=width, label=label)
        axes[1].plot(places, [100 * d for d in drawdowns(curve.values)], line, color=colour, linewidth=width)
    currency = next((variant.metrics.currency for variant in account.variants.values()), "")
    axes[0].set_title(readable(f"account {account.name}: equity in {currency}"))
    axes[1].set_title("drawdown, %")
    axes[0].tick_params(labelbottom=False)
    time_axis(axes[1], sessions)
    axes[0].set_xticks(axes[1].get_xticks())
    axes[0].set_xlim(axes[1].get_xlim())
    legend(axes[0])
    thousands(axes[0])
    save(figure, path)


def expectancy_chart(path: Path, windows: Sequence[Window]) -> None:
    """Expectancy per trade of each setup in each window: a dot with its interval, hollow where there are too few."""
    setups = sorted({row.label for window in windows for row in window.rows}, reverse=True)
    figure, axes = new_figure(rows=1, height_in=1.1 + 0.45 * len(setups))
    for number, window in enumerate(windows):
        marker, colour = MARKERS[number % len(MARKERS)]
        lift = 0.22 * ((len(windows) - 1) / 2 - number)
        axes[0].plot([], [], marker, color=colour, label=f"{window.days} days")
        for row in window.rows:
            if row.expectancy is None:
                continue
            y = setups.index(row.label) + lift
            if row.expectancy_low is not None and row.expectancy_high is not None:
                axes[0].hlines(y, 100 * row.expectancy_low, 100 * row.expectancy_high, color=colour, linewidth=1.6)
            fill = colour if row.verdict == "ok" else "white"
            axes[0].plot(100 * row.expectancy, y, marker, color=colour, markerfacecolor=fill, markersize=6)
    axes[0].axvline(0, color=INK, linewidth=0.8)
    axes[0].set_yticks(range(len(setups)), [readable(setup) for setup in setups])
    axes[0].set_ylim(-0.6, len(setups) - 0.4)
    axes[0].grid(axis="x", visible=True)
    axes[0].set_title("expectancy per trade, %, with its 95 % interval (hollow: too few trades)")
    legend(axes[0])
    save(figure, path)


def rebased(benchmark: Curve, variant: Curve) -> Curve | None:
    """The benchmark on the variant's sessions, scaled to its money on the first they share; None if they share none."""
    closes = dict(zip(benchmark.sessions, benchmark.values, strict=True))
    shared = [
        (session, money) for session, money in zip(variant.sessions, variant.values, strict=True) if session in closes
    ]
    if not shared:
        return None
    scale = shared[0][1] / closes[shared[0][0]]
    return Curve(sessions=[s for s, _ in shared], values=[closes[s] * scale for s, _ in shared])


def drawdowns(values: Sequence[float]) -> list[float]:
    """Each value over the highest up to it, minus 1: zero or negative."""
    highest, below = float("-inf"), []
    for value in values:
        highest = max(highest, value)
        below.append(value / highest - 1 if highest > 0 else 0.0)
    return below


def bar_label(ts_ms: int, *, intraday: bool) -> str:
    """The UTC time a bar closed, or for a daily one its date (a close at midnight belongs to the day that ends)."""
    if intraday:
        return datetime.fromtimestamp(ts_ms / 1000, UTC).strftime("%Y-%m-%d\n%H:%M UTC")
    return datetime.fromtimestamp(ts_ms / 1000 - 1, UTC).strftime("%Y-%m-%d")


def readable(text: str) -> str:
    """`text` with `?` for what no font here has, rather than an empty box."""
    return fonts.readable(text)


def new_figure(*, rows: int, height_in: float) -> tuple[Figure, list[Axes]]:
    """A figure in our style with its axes, one below the other; of two the upper is the larger."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # Nanum's bold is 600, which it warns of
    mpl.rcParams.update({**STYLE, "font.family": fonts.families()})
    figure = Figure(figsize=(WIDTH_IN, height_in), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    ratios = [3, 1.4] if rows == 2 else [1]
    axes = figure.subplots(rows, 1, squeeze=False, height_ratios=ratios)
    return figure, [row[0] for row in axes]


def time_axis(axes: Axes, labels: Sequence[str]) -> None:
    """About five labels, evenly spread; places are bar numbers, so that nights and holidays leave no holes."""
    last = len(labels) - 1
    places = sorted({round(last * step / 4) for step in range(5)}) if last > 0 else [0]
    axes.set_xticks(places, [labels[place] for place in places])
    axes.set_xlim(-0.02 * max(last, 1), 1.02 * max(last, 1))


def _places(sessions: Sequence[str], curve: Curve) -> list[int]:
    at = {session: place for place, session in enumerate(sessions)}
    return [at[session] for session in curve.sessions]


def legend(axes: Axes) -> None:
    """Below the plot, where it hides nothing and takes no width."""
    handles, labels = axes.get_legend_handles_labels()
    if labels:
        axes.figure.legend(handles, labels, loc="outside lower left", ncols=min(len(labels), 5), fontsize=8)


def thousands(axes: Axes) -> None:
    """Numbers at the y axis as people write them, all with as many decimals as one of them needs."""
    from matplotlib.ticker import Formatter

    class Thousands(Formatter):
        def __call__(self, value: float, _place: int | None = None) -> str:
            return self.format_ticks([value])[0]

        def format_ticks(self, values: Sequence[float]) -> list[str]:
            near = max(map(abs, values), default=1.0) * 1e-9
            decimals = next((n for n in range(9) if all(abs(round(v, n) - v) <= near for v in values)), 9)
            return [f"{value:,.{decimals}f}" for value in values]

    axes.yaxis.set_major_formatter(Thousands())


def heat(axes: Axes, table: Sequence[Sequence[float]], *, top: float, written: Callable[[float], str] | None) -> None:
    """A table of numbers as colours, orange at -top, blue at +top; NaN is blank.

    `written`: how to write each number into its cell; None: a scale at the side shows what the colours mean.
    """
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("heat", [ORANGE, "#FFFFFF", BLUE])
    image = axes.imshow(table, cmap=shades, vmin=-top, vmax=top, aspect="auto")
    for y, row in enumerate(table):
        for x, value in enumerate(row):
            if written and value == value:
                red, green, blue, _ = shades((value / top + 1) / 2)
                dark = 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.45
                colour = "white" if dark else INK
                axes.text(x, y, written(value), ha="center", va="center", fontsize=8, color=colour)
    if written is None:
        axes.figure.colorbar(image, ax=axes, pad=0.01, fraction=0.03)
    axes.tick_params(length=0)
    axes.grid(visible=False)


def save(figure: Figure, path: Path) -> None:
    """Write the PNG, whole or not at all; the same picture gives the same bytes."""
    atomic.write_atomic(path, lambda temporary: figure.savefig(temporary, format="png", metadata={"Software": None}))
