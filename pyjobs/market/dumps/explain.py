"""What an import would take a file for, column by column, and what it would store or refuse. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pyjobs.market.bars import COLUMNS, Bars
from pyjobs.market.calendars.hours import hours_of
from pyjobs.market.desk.desk_file import Desk, Instrument
from pyjobs.market.dumps.identity.tickers import named_after_another
from pyjobs.market.dumps.meaning.columns import Reading, understood
from pyjobs.market.dumps.read_dump import NOBODY, chosen, read_dump
from pyjobs.market.times import utc_text
from utils.errors import NightdeskError, UsageError
from utils.foreign_text import LONGEST_MESSAGE, quoted


def instrument_for(desk: Desk, path: Path, symbol: str | None) -> Instrument:
    """The desk's instrument of that symbol, or the one with this file. Raises UsageError when there is none."""
    named = [each for each in desk.instruments if each.symbol == symbol]
    mine = [each for each in named or desk.instruments if each.file and Path(each.file).name == path.name]
    found = mine or named
    if found and (symbol is None or named):
        return found[0]
    if symbol is not None:
        raise UsageError(f"--symbol {symbol}: desk {desk.name} has no such instrument")
    raise UsageError(
        f"--explain {path}: no instrument of desk {desk.name} has this file: name its instrument with --symbol SYMBOL"
    )


def explained(
    path: Path,
    instrument: Instrument,
    *,
    now_ms: int,
    splits: Mapping[int, float] | None = None,
    others: Mapping[str, str] = NOBODY,
) -> tuple[list[str], NightdeskError | None]:
    """Lines for a person, and the error the import would end with (None: it would store the bars)."""
    lines = [
        f"{path}, as {instrument.key} ({instrument.market}, prices {instrument.prices}, layout {instrument.layout})"
    ]
    try:
        grids = chosen(path, instrument.symbol)[0]
        named_after_another(grids, instrument, others)
        for grid in grids:
            lines += _columns(understood(grid, instrument))
        dump = read_dump(path, instrument, hours_of(instrument.market), now_ms=now_ms, splits=splits, others=others)
    except NightdeskError as error:
        return [*lines, f"refused: {quoted(error, LONGEST_MESSAGE)}"], error
    lines += [f"rows: {dump.rows_read}, bars: {len(dump.bars)}", f"first bar: {_bar(dump.bars, 0)}"]
    lines += [f"last bar:  {_bar(dump.bars, -1)}, unconfirmed until a later row or a later file has it"]
    for kind, findings in (("cleaned", dump.cleaned), ("oddity", dump.oddities)):
        lines += [f"{kind}: {each.count} {each.what} {each.first} {each.example}".rstrip() for each in findings]
    return lines, None


def _columns(reading: Reading) -> Iterator[str]:
    grid, shape = reading.grid, reading.shape
    plain = (
        "by its columns" if reading.order in ("names", "columns") else f"no header, in the order of `{reading.order}`"
    )
    kind = f"{shape.name} ({shape.source})" if shape else plain
    yield f"{grid.label}: {len(grid)} rows; format: {kind}"
    roles: dict[int, list[str]] = {}
    for name, place in reading.places.items():
        roles.setdefault(place, []).append(name)
    for place in range(len(grid.columns)):
        name = (grid.names[place] if grid.names else "") or f"column {place + 1}"
        taken = ", ".join(roles.get(place, [])) or "not used"
        yield f"  {name!r}: {taken}; first {grid.cell(0, place) if len(grid) else ''!r}"


def _bar(bars: Bars, at: int) -> str:
    numbers = " ".join(f"{name} {getattr(bars, name)[at]:.10g}" for name in COLUMNS[1:])
    return f"closes {utc_text(int(bars.ts_ms[at]))}: {numbers}"
