"""A backtest as one page to zoom and hover in: equity, drawdown, trades on the price. It works from a USB stick.

Plotly's own script is written into the page (about 5 MB, from the installed package), and a content security policy
forbids it to load anything from anywhere. Equal results give equal bytes.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pyjobs.reporting import charts
from pyjobs.reporting.charts import BLUE, ORANGE
from pyjobs.reporting.sheet.pictures import LINES, MarkedTrade, rebased
from utils.errors import MissingInputError
from utils.files import atomic
from utils.files.text_files import without_nan

DASHES = {"--": "dash", ":": "dot", "-.": "dashdot", "-": "solid"}
MARGIN = {"t": 30, "b": 40, "r": 20}
LEGEND = {"orientation": "h", "y": 1, "yanchor": "bottom"}
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:">
<style>body {{ font-family: sans-serif; margin: 1em; color: #222; background: #fff; overflow-wrap: anywhere }}
h1 {{ font-size: 1.4em }} h2 {{ font-size: 1em; margin: 1.5em 0 0 }} pre {{ font-size: 12px; overflow-x: auto }}</style>
<script>{plotly}</script></head><body><h1>{title}</h1>
{places}
<pre>{report}</pre>
<script>
const figures = {figures};
figures.forEach((figure, number) =>
  Plotly.newPlot("figure" + number, figure.data, figure.layout, {{
    displaylogo: false, responsive: true,
    modeBarButtons: [["toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]]}}));
</script></body></html>
"""


def write_page(path: Path, title: str, figures: Sequence[Mapping[str, Any]], report: str) -> None:
    """The page with one figure below the other and the report's text. Raises MissingInputError without plotly."""
    data = json.dumps(without_nan(list(figures)), separators=(",", ":"), sort_keys=True, allow_nan=False)
    places = "\n".join(
        f'<h2>{html.escape(figure["title"])}</h2>\n<div id="figure{number}"></div>'
        for number, figure in enumerate(figures)
    )
    page = PAGE.format(
        title=html.escape(title),
        plotly=script(),
        places=places,
        report=html.escape(report),
        figures=data.replace("<", "\\u003c"),  # so that no name can end the script
    )
    atomic.write_text(path, page)


def script() -> str:
    """Plotly's script as its Python package carries it."""
    from importlib import resources

    try:
        return (resources.files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
    except (ModuleNotFoundError, FileNotFoundError):
        raise MissingInputError("--html needs the package plotly, which is not installed: run 'make setup'") from None


def equity_figure(
    title: str, sessions: Sequence[str], equity: Sequence[float], benchmarks: Mapping[str, Sequence[float]]
) -> dict[str, Any]:
    """Equity and drawdown, one above the other on one time axis; benchmarks begin with the account's money."""
    curves = {"account": list(equity), **{name: rebased(equity, closes) for name, closes in benchmarks.items()}}
    data = []
    for number, (name, values) in enumerate(curves.items()):
        colour, dash = (BLUE, "-") if number == 0 else LINES[(number - 1) % len(LINES)]
        line = {"color": colour, "width": 1.6, "dash": DASHES.get(str(dash), "dot")}
        known = [(session, value) for session, value in zip(sessions, values, strict=True) if value == value]
        x, y = [session for session, _ in known], [value for _, value in known]
        shared = {"x": x, "mode": "lines", "line": line, "name": name, "legendgroup": name}
        below = [100 * each for each in charts.drawdowns(y)]
        data += [{**shared, "y": y}, {**shared, "y": below, "yaxis": "y2", "showlegend": False}]
    layout = {
        "height": 560,
        "legend": LEGEND,
        "hovermode": "x unified",
        "xaxis": {"anchor": "y2"},
        "margin": MARGIN,
        "yaxis": {"domain": [0.36, 1], "tickformat": ",.0f"},
        "yaxis2": {"domain": [0, 0.3], "title": {"text": "drawdown, %"}},
    }
    return {"title": title, "data": data, "layout": layout}


def trades_figure(
    title: str, labels: Sequence[str], close: Sequence[float], trades: Sequence[MarkedTrade]
) -> dict[str, Any]:
    """Closes with every trade from entry (up: long, down: short) to exit: blue won, orange lost."""
    labels = [label.replace("\n", "<br>") for label in labels]
    data: list[dict[str, Any]] = [
        {
            "x": labels,
            "y": list(close),
            "mode": "lines",
            "name": "close",
            "line": {"color": "#9AA5AD", "width": 1},
        }
    ]
    for won, colour, name in ((True, BLUE, "won"), (False, ORANGE, "lost")):
        x: list[str | None] = []
        y: list[float | None] = []
        ends: list[str] = []
        for trade in (each for each in trades if (each.pnl > 0) == won):
            x += [labels[trade.entry_bar], labels[trade.exit_bar], None]
            y += [trade.entry_price, trade.exit_price, None]
            ends += ["triangle-up" if trade.side == "long" else "triangle-down", "circle", "circle"]
        line = {"color": colour, "dash": "solid" if won else "dash"}
        marker = {"size": 8, "symbol": ends}
        data.append({"x": x, "y": y, "mode": "lines+markers", "name": name, "line": line, "marker": marker})
    axis = {"type": "category", "nticks": 4, "tickangle": 0, "automargin": True}
    layout = {"height": 380, "legend": LEGEND, "margin": MARGIN, "xaxis": axis, "yaxis": {"tickformat": ",.10~g"}}
    return {"title": title, "data": data, "layout": layout}
