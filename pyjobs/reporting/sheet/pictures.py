"""A backtest in pictures: equity and drawdown with benchmarks, returns by month, trades on the price.

Equal data gives equal bytes, as for every picture of `charts`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyjobs.reporting import charts
from pyjobs.reporting.charts import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, readable

LINES = ((ORANGE, "--"), (GREEN, ":"), (PURPLE, "-."), (GREY, (0, (1, 3))))
FEW_TRADES = 25
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedTrade:
    """A trade to be drawn: bar numbers and prices of entry and exit; `pnl` colours it; `open`: not closed yet."""

    side: str
    entry_bar: int
    entry_price: float
    exit_bar: int
    exit_price: float
    pnl: float
    open: bool


def rebased(equity: Sequence[float], closes: Sequence[float]) -> list[float]:
    """Closes scaled to the account's money where they begin; NaN before, and where they begin at 0 or below."""
    first = next((place for place, close in enumerate(closes) if close == close), None)
    scale = float("nan") if first is None or closes[first] <= 0 else equity[first] / closes[first]
    return [close * scale for close in closes]


def equity_picture(
    path: Path,
    title: str,
    sessions: Sequence[str],
    equity: Sequence[float],
    benchmarks: Mapping[str, Sequence[float]],
    *,
    lines_at: Sequence[int] = (),
) -> None:
    """Equity above, drawdown below; each benchmark starts with the account's money of its first session.

    `lines_at`: places where a thin line marks that something new begins.
    """
    figure, axes = charts.new_figure(rows=2, height_in=4.0)
    curves = {"account": list(equity), **{name: rebased(equity, closes) for name, closes in benchmarks.items()}}
    for number, (name, values) in enumerate(curves.items()):
        colour, line = (BLUE, "-") if number == 0 else LINES[(number - 1) % len(LINES)]
        width = 1.6 if number == 0 else 1.2
        known = [(place, value) for place, value in enumerate(values) if value == value]
        places, shown = [place for place, _ in known], [value for _, value in known]
        below = [100 * each for each in charts.drawdowns(shown)]
        label = readable(name) + (f", from {sessions[places[0]]}" if places and places[0] else "")
        axes[0].plot(places, shown, linestyle=line, color=colour, linewidth=width, label=label)
        axes[1].plot(places, below, linestyle=line, color=colour, linewidth=width)
        if number == 0:
            axes[1].fill_between(places, below, color=BLUE, alpha=0.15, linewidth=0)
    for each in axes:
        each.vlines(lines_at, 0, 1, transform=each.get_xaxis_transform(), color=GREY, linewidth=0.7, linestyle=":")
    axes[0].set_title(readable(title))
    axes[1].set_title("drawdown, %")
    axes[0].tick_params(labelbottom=False)
    charts.time_axis(axes[1], list(sessions))
    axes[0].set_xticks(axes[1].get_xticks())
    axes[0].set_xlim(axes[1].get_xlim())
    if benchmarks:
        charts.legend(axes[0])
    charts.thousands(axes[0])
    charts.save(figure, path)


def monthly_picture(path: Path, title: str, months: Mapping[tuple[int, int], float]) -> None:
    """Return of each month (year, month) as a table of years, blue up and orange down, with the year at the right."""
    import numpy as np

    years = sorted({year for year, _ in months})
    table = np.array([[months.get((year, month), float("nan")) for month in range(1, 13)] for year in years])
    total = [float(np.prod(1 + row[~np.isnan(row)]) - 1) for row in table]
    figure, axes = charts.new_figure(rows=1, height_in=1.0 + 0.34 * len(years))
    top = max(0.01, float(np.nanmax(np.abs(table))))
    charts.heat(axes[0], np.hstack([table, np.full((len(years), 1), np.nan)]).tolist(), top=top, written=_percent)
    for y, value in enumerate(total):
        axes[0].text(12, y, _percent(value), ha="center", va="center", fontsize=8, color=INK, fontweight="bold")
    axes[0].set_xticks(range(13), [*MONTHS, "year"])
    axes[0].set_yticks(range(len(years)), [str(year) for year in years])
    axes[0].set_title(readable(f"{title}: return by month, %"))
    charts.save(figure, path)


def trades_picture(
    path: Path, title: str, labels: Sequence[str], close: Sequence[float], trades: Sequence[MarkedTrade]
) -> None:
    """Closes, and each trade from its entry to its exit: blue when it won, orange when it lost, hollow while open."""
    figure, axes = charts.new_figure(rows=1, height_in=3.2)
    size = 6.0 if len(trades) <= FEW_TRADES else 4.0
    axes[0].plot(close, color="#9AA5AD", linewidth=0.9, label="close")
    for won, colour, name in ((True, BLUE, "won"), (False, ORANGE, "lost")):
        mine = [trade for trade in trades if (trade.pnl > 0) == won]
        for trade in mine:
            ends = [trade.entry_bar, trade.exit_bar], [trade.entry_price, trade.exit_price]
            axes[0].plot(*ends, color=colour, linewidth=1.3, linestyle="-" if won else "--")
        up, down = [t for t in mine if t.side == "long"], [t for t in mine if t.side != "long"]
        for marker, group in (("^", up), ("v", down)):
            axes[0].plot(
                [t.entry_bar for t in group], [t.entry_price for t in group], marker, color=colour, markersize=size,
                linestyle="none", label=f"{'long' if marker == '^' else 'short'}, {name}" if group else None,
            )  # fmt: skip
        for fill, group in ((colour, [t for t in mine if not t.open]), ("white", [t for t in mine if t.open])):
            places, prices = [t.exit_bar for t in group], [t.exit_price for t in group]
            axes[0].plot(
                places, prices, "o", color=colour, markerfacecolor=fill, markersize=0.7 * size, linestyle="none"
            )
    for fill, name in ((GREY, "exit"), ("white", "still open")):
        if any(trade.open == (name == "still open") for trade in trades):
            axes[0].plot(
                [], [], "o", color=GREY, markerfacecolor=fill, markersize=0.7 * size, linestyle="none", label=name
            )
    charts.time_axis(axes[0], list(labels))
    axes[0].set_title(readable(title))
    charts.legend(axes[0])
    charts.thousands(axes[0])
    charts.save(figure, path)


def _percent(value: float) -> str:
    """0.0123 is `+1.2`; nothing at all has no sign."""
    text = f"{100 * value:+.1f}"
    return text[1:] if float(text) == 0 else text


def month_returns(sessions: Sequence[str], equity: Sequence[float]) -> dict[tuple[int, int], float]:
    """Return per (year, month), from the last equity of the month before; the first month from the first equity."""
    last: dict[tuple[int, int], float] = {}
    for session, value in zip(sessions, equity, strict=True):
        last[int(session[:4]), int(session[5:7])] = value
    found, before = {}, equity[0]
    for month, value in last.items():
        found[month] = value / before - 1 if before > 0 else float("nan")
        before = value
    return found
