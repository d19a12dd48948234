"""One field under two names: which of them it is, or the refusal that names the key that says so."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from pyjobs.market.bars import DAY_MS, TIMEFRAME_MS
from pyjobs.market.desk.desk_file import Instrument
from pyjobs.market.dumps.meaning.names import ENDS, STARTS
from pyjobs.market.dumps.reading.fields import column, is_time, number
from pyjobs.market.dumps.reading.grid import Grid, has_gaps
from pyjobs.market.dumps.reading.stamps import BAD, order_of, stamps
from utils.errors import BadDataError

SAMPLE = 500  # rows from either end that are held against each other
APART_MS = 2 * DAY_MS  # further apart than a bar and this, two times of one row are not of one bar
ONE_VOLUME = frozenset({"volume", "vol", "v"})
ROUNDED = 1e-6
Candidates = Sequence[tuple[int, int]]  # (rank, column)


def own_name(name: str, names: Sequence[str]) -> str:
    """`Close` for pandas' `Close.1` beside a `Close`: two columns had that name."""
    match = re.fullmatch(r"(.+)\.\d{1,2}", name)
    return match[1] if match and match[1] in names else name


def tickers_among_times(grid: Grid, times: Candidates) -> list[tuple[int, int]]:
    """Columns `T` that hold words, beside a time `t`: Polygon's tickers of a grouped day."""
    names = grid.names or []
    words = [(rank, at) for rank, at in times if names[at] == "T" and not is_time(_first(grid, at))]
    return words if len(words) < len(times) else []


def refuse_in_turns(grid: Grid, candidates: Candidates) -> None:
    """Raise BadDataError where the first of them has no value and another has: one field by turns."""
    (_, first), *others = candidates
    lacking = [row for row in range(len(grid)) if grid.cell(row, first) == ""] if has_gaps(grid, first) else []
    for _, place in others:
        row = next((row for row in lacking if grid.cell(row, place) != ""), None)
        if row is not None:
            one, two = _names(grid, first, place)
            what = f"{one!r} is empty and {two!r} is not: one field? Write one name, or say `columns: {{volume: NAME}}`"
            raise BadDataError(f"{grid.label}: {grid.unit} {int(grid.lines[row])}: {what}")


def refuse_other_volumes(grid: Grid, candidates: Candidates) -> None:
    """Raise BadDataError where two columns are named for the volume alone, and their numbers are not the same."""
    plain = [place for _, place in candidates if column((grid.names or [])[place]) in ONE_VOLUME]
    for place in plain[1:]:
        for row in _sample(grid):
            one, two = grid.cell(row, plain[0]), grid.cell(row, place)
            if _differ(one, two):
                raise _two(grid, row, "volume", plain[0], place, one, two)


def refuse_other_times(grid: Grid, chosen: int, candidates: Candidates, instrument: Instrument) -> None:
    """Raise BadDataError where another column of times is of other days than the one that is taken.

    One that stands still beside it is of when the file was made, and the ends of bars are judged elsewhere.
    """
    rows = _sample(grid)
    own = _times(grid, chosen, rows, instrument) if rows else None
    for _, place in candidates:
        if place == chosen or column((grid.names or [])[place]) in (*ENDS, *STARTS) or own is None:
            continue
        other = _times(grid, place, rows, instrument)
        if other is None or (np.unique(other).size == 1 and np.unique(own).size > 1):
            continue
        far = np.flatnonzero(np.abs(other - own) > TIMEFRAME_MS[instrument.timeframe] + APART_MS)
        if far.size:
            row = rows[int(far[0])]
            raise _two(grid, row, "time", chosen, place, grid.cell(row, chosen), grid.cell(row, place))


def _times(grid: Grid, place: int, rows: list[int], instrument: Instrument) -> np.ndarray | None:
    """The times of those rows (ms); None where not all of them are dates or times."""
    cells = grid.columns[place].take(rows)
    try:
        st = stamps(cells, instrument.dates or order_of(cells))
    except ValueError:
        return None
    return st.ms if len(st.ms) and not st.errors and not (st.kind == BAD).any() else None


def _differ(one: str, two: str) -> bool:
    try:
        a, b = number(one, loose=True), number(two, loose=True)
    except ValueError:
        return False
    return abs(a - b) > ROUNDED * max(abs(a), abs(b))


def _two(grid: Grid, row: int, role: str, one: int, two: int, here: str, there: str) -> BadDataError:
    first, second = _names(grid, one, two)
    what = f"two columns are named {role}, and differ: {first} {here!r}, {second} {there!r}"
    cure = f"say which with `columns: {{{role}: NAME}}`"
    return BadDataError(f"{grid.label}: {grid.unit} {int(grid.lines[row])}: {what}; {cure}")


def _names(grid: Grid, one: int, two: int) -> tuple[str, str]:
    names = grid.names or []
    return names[one], names[two]


def _sample(grid: Grid) -> list[int]:
    count = len(grid)
    return list(range(count)) if count <= 2 * SAMPLE else [*range(SAMPLE), *range(count - SAMPLE, count)]


def _first(grid: Grid, place: int) -> str:
    return grid.cell(0, place) if len(grid) else ""
