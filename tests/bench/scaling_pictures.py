"""The picture of docs/SCALING.md: what was measured, and the straight lines through it, on logarithmic axes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pyjobs.reporting import charts

if TYPE_CHECKING:
    from tests.bench.scaling import Line, Point


def draw(path: Path, found: dict[str, list[Point]], lines: dict[str, Line], further: dict[str, Point]) -> None:
    """Processor seconds above, peak megabytes below; sizes as multiples of the largest that the lines know.

    `further`: measured beyond, to check the lines.
    """
    figure, (cost, memory) = charts.new_figure(rows=2, height_in=6.4)
    for (name, points), (marker, colour) in zip(found.items(), charts.MARKERS, strict=False):
        largest = points[-1].size
        sizes = [point.size / largest for point in points]
        cost.plot(sizes, [point.seconds for point in points], marker, color=colour, label=name)
        reach = np.geomspace(sizes[0], 100, 60)
        cost.plot(reach, [lines[name].at(x * largest) for x in reach], "-", color=colour, linewidth=0.9)
        if name in further:
            checked = further[name]
            cost.plot([checked.size / largest], [checked.seconds], marker, mfc="white", color=colour, markersize=9)
        memory.plot(sizes, [point.megabytes for point in points], marker, linestyle=":", color=colour, linewidth=0.9)
    cost.axvspan(1.15, 100, color="#F2F2F2", zorder=0)
    cost.text(1.3, cost.get_ylim()[0] * 1.6, "extrapolated (hollow: measured afterwards)", color=charts.GREY)
    for axes, title in ((cost, "Processor seconds of a whole sweep"), (memory, "Peak memory, MB")):
        axes.set_xscale("log")
        axes.set_xlim(0.008, 120)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_title(title)
    cost.set_yscale("log")
    cost.yaxis.set_major_formatter("{x:g}")
    memory.set_ylim(bottom=0)
    memory.set_xlabel("size, as a multiple of the largest that was measured")
    cost.legend(loc="upper left")
    charts.save(figure, path)
