"""Charts as HTML with SVG in it: no script, no font, no file. Lines stretch with the page, words and numbers do not.

A picture of pixels is too small on a phone and white at night; here the plot alone is scaled, its strokes keep their
width, and colours are the page's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape

import numpy as np

from pyjobs.reporting.document import Chart, Heat

MOST_POINTS = 500  # of a line, two for each: its lowest and its highest
MOST_NAMES = 12
MANY = 9.995  # from here on a phone gets thousands of percent
Height = Callable[[float], float]  # from a value to its place, 0 at the top, 1000 at the bottom
LINE = '<path class="s{number}" d="{path}"/>'


def drawn(chart: Chart) -> str:
    """The chart's HTML. A line without a number is not drawn; a chart without any gets a line instead."""
    known = {name: values for name, values in chart.lines.items() if any(value == value for value in values)}
    title = escape(chart.title)
    if not known:
        return f'<figure class="chart"><figcaption>{title}</figcaption><p class="note">Nothing to draw.</p></figure>'
    ticks = _ticks(chart, known)
    low, high = _scale(chart, ticks[0]), _scale(chart, ticks[-1])

    def height(value: float) -> float:
        return round(1000 * (high - _scale(chart, value)) / (high - low), 1)

    order = list(chart.lines)
    grid = "".join(f'<path class="grid" d="M0 {height(tick)}H1000"/>' for tick in ticks)
    zero = f'<path class="zero" d="M0 {height(0)}H1000"/>' if not chart.log and ticks[0] <= 0 <= ticks[-1] else ""
    shapes = ""
    for name, values in known.items():
        number, area = order.index(name), chart.area and name == order[0]
        shapes += _bars(number, len(known), values, height) if chart.bars else _line(number, values, height, area=area)
    side = "".join(f'<b style="top:{height(tick) / 10:g}%">{escape(chart.show(tick))}</b>' for tick in ticks)
    return (
        f'<figure class="chart" role="img" aria-label="{title}"><figcaption>{title}</figcaption>{_legend(chart, known)}'
        f'<div class="plot"><svg viewBox="0 0 1000 1000" preserveAspectRatio="none">{grid}{shapes}{zero}</svg>'
        f"{side}{_below(chart)}</div></figure>"
    )


def heat(table: Heat) -> str:
    """The table's HTML: each cell coloured by its number relative to the largest; phones get whole percents.

    The last column, the sum of its row, is apart, without a colour.
    """
    coloured = [cell for cells in table.rows.values() for cell in cells[:-1] if cell is not None and cell == cell]
    top = max(map(abs, coloured), default=0.0) or 1.0
    head = "".join(f"<th>{escape(each)}</th>" for each in table.columns)
    rows = ""
    for name, cells in table.rows.items():
        tops = [*[top] * (len(cells) - 1), math.inf]
        shown = [_cell(*each) for each in zip(map(escape, table.columns), cells, tops, strict=True)]
        rows += f"<tr><th>{escape(name)}</th>{''.join(shown)}</tr>"
    return f'<table class="heat"><thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _cell(column: str, value: float | None, top: float) -> str:
    if value is None or value != value:
        return "<td></td>"
    shade = f"{'up' if value > 0 else 'down'}{min(9, math.ceil(9 * abs(value) / top))}"
    brief = _signed(value, 0) if abs(value) < MANY else f"{value / 10:+.2g}k"  # 1,234 % is +1.2k
    return f'<td data-of="{column}" class="{shade}">{_signed(value, 1)}<i>{brief}</i></td>'


def _signed(value: float, digits: int) -> str:
    text = f"{100 * value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text


def _scale(chart: Chart, value: float) -> float:
    return math.log(value) if chart.log else value


def _ticks(chart: Chart, known: Mapping[str, Sequence[float]]) -> list[float]:
    """Round numbers that hold all values between them, about five."""
    values = [value for each in known.values() for value in each if math.isfinite(value)]
    low, high = min(values), max(values)
    if chart.log:
        return _log_ticks(low, high)
    if chart.bars or chart.area:
        low, high = min(low, 0.0), max(high, 0.0)
    if high == low:
        low, high = low - (abs(low) or 1) * 0.1, high + (abs(high) or 1) * 0.1
    rough = (high - low) / 4
    size = 10 ** math.floor(math.log10(rough))
    step = next(each * size for each in (1, 2, 2.5, 5, 10) if each * size >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [step * place for place in range(first, last + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for parts in ((1, 2, 5), (1, 1.5, 2, 3, 5, 7), tuple(place / 10 for place in range(10, 100))):
        marks = [part * 10.0**power for power in powers for part in parts]
        first = max((place for place, mark in enumerate(marks) if mark <= low), default=0)
        last = min((place for place, mark in enumerate(marks) if mark >= high), default=len(marks) - 1)
        if last - first >= 3:
            break
    found = marks[first : last + 1]
    every = math.ceil(len(found) / 7)
    return found if every == 1 else sorted({*found[::every], found[-1]})


def _line(number: int, values: Sequence[float], at: Height, *, area: bool) -> str:
    last = max(len(values) - 1, 1)
    parts, pen = [], "M"
    kept = _kept(values)
    for place in kept:
        value = values[place]
        if not math.isfinite(value):
            pen = "M"
            continue
        parts.append(f"{pen}{1000 * place / last:.4g} {at(value)}")
        pen = "L"
    path = "".join(parts)
    filled = ""
    if area:
        known = [place for place in kept if math.isfinite(values[place])]
        ends = 1000 * known[0] / last, 1000 * known[-1] / last
        inside = path.replace("M", "L")[1:]
        filled = f'<path class="area" d="M{ends[0]:.4g} {at(0)}L{inside}L{ends[1]:.4g} {at(0)}Z"/>'
    return filled + LINE.format(number=number % 5, path=path)


def _kept(values: Sequence[float]) -> list[int]:
    """Which points are drawn: all of a short line; of a long one the lowest and the highest of each stretch."""
    count = len(values)
    if count <= 2 * MOST_POINTS:
        return list(range(count))
    array = np.asarray(values, dtype=np.float64)
    known = np.flatnonzero(np.isfinite(array))
    kept = {0, count - 1, int(known[0]), int(known[-1])}
    for part in np.array_split(known, MOST_POINTS):
        if part.size:
            kept |= {int(part[np.argmin(array[part])]), int(part[np.argmax(array[part])])}
    return sorted(kept)


def _bars(number: int, count: int, values: Sequence[float], at: Height) -> str:
    slot = 1000 / max(len(values), 1)
    wide = slot * (0.92 if count == 1 else 0.84) / count
    shapes = []
    for place, value in enumerate(values):
        if not math.isfinite(value) or value == 0:
            continue
        left = place * slot + (slot - wide * count) / 2 + number * wide
        top, bottom = sorted((at(value), at(0)))
        shapes.append(f"M{left:.4g} {top}h{wide:.4g}V{bottom}h-{wide:.4g}Z")
    return f'<path class="bar s{number % 5}" d="{"".join(shapes)}"/>'


def _legend(chart: Chart, known: Mapping[str, Sequence[float]]) -> str:
    if len(known) < 2:
        return ""
    order = list(chart.lines)
    kind = "bar " if chart.bars else ""
    sample = "M0 0H24V10H0Z" if chart.bars else "M0 5H24"
    return "".join(
        ['<div class="legend">']
        + [
            f'<span><svg viewBox="0 0 24 10"><path class="{kind}s{order.index(name) % 5}" d="{sample}"/></svg>'
            f"{escape(name)}</span>"
            for name in known
        ]
        + ["</div>"]
    )


def _below(chart: Chart) -> str:
    """Up to five labels below, of named bars more; a phone shows three of them."""
    last = len(chart.labels) - 1
    places = sorted({round(last * step / 4) for step in range(5)}) if last > 0 else [0]
    if chart.each and last < MOST_NAMES:
        places = list(range(last + 1))
    shown = []
    for number, place in enumerate(places):
        left = 100 * (place + chart.each / 2) / (last + 1) if chart.bars else 100 * place / max(last, 1)
        few = number in (0, len(places) - 1) or (len(places) % 2 == 1 and number == len(places) // 2)
        edge = "" if chart.bars else " first" if number == 0 else " last" if place == last else ""
        kind = f"{'' if few else 'more'}{edge}".strip()
        shown.append(f'<em class="{kind}" style="left:{left:.4g}%">{escape(chart.labels[place])}</em>')
    return "".join(shown)
