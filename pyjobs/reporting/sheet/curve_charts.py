"""The curves of an account's variants as charts: what they are worth, and how far below their highest."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence

from pyjobs.reporting import charts
from pyjobs.reporting.document import Block, Chart, Image
from pyjobs.reporting.run_files.accounts import Curve
from pyjobs.reporting.sheet.pictures import month_returns

__all__ = ["below", "curve_charts", "dates", "month_returns", "plain", "scale_of"]

LONG_DAYS = 800
SCALES = ((1e9, "billion "), (1e6, "million "), (1e3, "thousand "))


def curve_charts(
    variants: Mapping[str, Curve], benchmark: Curve | None, currency: str, *, instead: Image | None
) -> list[Block]:
    """Two charts over all sessions of the variants; the benchmark begins with the money of the first one."""
    curves = dict(variants)
    moved = charts.rebased(benchmark, next(iter(variants.values()))) if benchmark else None
    if moved:
        curves["benchmark"] = moved
    sessions = sorted({session for curve in variants.values() for session in curve.sessions})
    worth = {name: _on(sessions, curve) for name, curve in curves.items()}
    scale, word = scale_of([value for values in worth.values() for value in values])
    lines = {name: [value / scale for value in values] for name, values in worth.items()}
    labels = dates([dt.date.fromisoformat(session) for session in sessions])
    deep = {name: [100 * each for each in below(values)] for name, values in lines.items()}
    return [
        Chart(title=f"equity, {word}{currency}", labels=labels, lines=lines, show=plain, instead=instead),
        Chart(title="below the highest so far, %", labels=labels, lines=deep, show=plain, area=True),
    ]


def _on(sessions: Sequence[str], curve: Curve) -> list[float]:
    known = dict(zip(curve.sessions, curve.values, strict=True))
    return [known.get(session, math.nan) for session in sessions]


def below(values: Sequence[float]) -> list[float]:
    """Each value over the highest so far, minus 1; NaN where it is."""
    known = iter(charts.drawdowns([value for value in values if value == value]))
    return [next(known) if value == value else math.nan for value in values]


def scale_of(values: Sequence[float]) -> tuple[float, str]:
    """What money is divided by so that numbers at the side are short, and the word for it."""
    most = max((abs(value) for value in values if value == value), default=0.0)
    return next(((scale, word) for scale, word in SCALES if most >= 10 * scale), (1.0, ""))


def dates(sessions: Sequence[dt.date]) -> list[str]:
    """Labels of a time axis: over some years only both ends have the day."""
    if not sessions:
        return []
    short = (sessions[-1] - sessions[0]).days > LONG_DAYS
    ends = {0, len(sessions) - 1}
    return [day.isoformat()[: 7 if short and place not in ends else 10] for place, day in enumerate(sessions)]


def plain(value: float) -> str:
    """A number at the side: as short as it can be, with thousands."""
    text = f"{round(value, 10):,.4f}".rstrip("0").rstrip(".")
    return text.replace("-", "−") if text != "-0" else "0"
