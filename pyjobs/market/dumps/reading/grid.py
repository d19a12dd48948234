"""What every kind of file becomes: named columns of cells, and each row's line in the file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pyjobs.market.bars import IntArray
from pyjobs.market.cache import bar_columns

MANY_ROWS = 50_000


@dataclass(slots=True, kw_only=True)
class Grid:
    """A table as it stood in a file (or in one member of an archive).

    `columns` are Arrow arrays of one length: strings of a text file, numbers and times where the file has types.
    `names` are the header's cells, None without a header. `lines`: each row's line (`unit` is what that counts).
    `odd`: rows that have another number of cells, as (line, cells). `about`: what the file declares about itself.
    """

    label: str
    names: list[str] | None
    columns: list[Any]
    lines: IntArray
    unit: str = "line"
    header_line: int = 0
    delimiter: str = ""
    preamble: list[str] = field(default_factory=list)
    empty: list[int] = field(default_factory=list)
    odd: list[tuple[int, list[str]]] = field(default_factory=list)
    ends_cleanly: bool = True
    about: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return int(self.lines.size)

    def cell(self, row: int, place: int) -> str:
        """One cell as text."""
        value = self.columns[place][row].as_py()
        return "" if value is None else str(value)

    def picked(self, rows: Any) -> Grid:
        """The rows under a mask (numpy, bool)."""
        import pyarrow as pa

        mask = pa.array(rows.tolist(), pa.bool_()) if len(rows) < 1000 else packed(rows)
        return Grid(
            label=self.label, names=self.names, columns=[column.filter(mask) for column in self.columns],
            lines=self.lines[rows], unit=self.unit, header_line=self.header_line, delimiter=self.delimiter,
            preamble=self.preamble, empty=self.empty, odd=self.odd, ends_cleanly=self.ends_cleanly, about=self.about,
        )  # fmt: skip


def has_gaps(grid: Grid, place: int) -> bool:
    """Whether a cell of a column is empty."""
    import pyarrow as pa
    import pyarrow.compute as pc

    cells = grid.columns[place]
    return bool(cells.null_count or (pa.types.is_string(cells.type) and pc.any(pc.equal(cells, "")).as_py()))


def give_back(rows: int) -> None:
    """Return what reading so many rows left unused to the system; of few it is not worth the time."""
    if rows >= MANY_ROWS:
        bar_columns.give_back()


def packed(mask: Any) -> Any:
    """A numpy mask as an Arrow one."""
    import pyarrow as pa

    bits = np.packbits(np.asarray(mask, np.uint8), bitorder="little")
    return pa.Array.from_buffers(pa.bool_(), len(mask), [None, pa.py_buffer(bits)])
