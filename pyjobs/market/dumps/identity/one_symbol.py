"""The rows of the desk's instrument alone: chosen by codes; what is another's is refused, or asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from pyjobs.market.desk.instrument import Instrument
from pyjobs.market.dumps.data_file import Finding
from pyjobs.market.dumps.identity.issuers import alike, code_in, is_isin, is_plain_name, is_spelling, verdict
from pyjobs.market.dumps.identity.symbols import compared, same_symbol
from pyjobs.market.dumps.identity.tickers import is_named
from pyjobs.market.dumps.meaning.columns import Reading
from pyjobs.market.dumps.meaning.names import COLUMN_NAMES
from pyjobs.market.dumps.meaning.source import DumpSource, Findings
from pyjobs.market.dumps.meaning.times import Complaints, times_of
from pyjobs.market.dumps.reading.fields import column
from pyjobs.market.dumps.reading.numbers import numbers
from utils.errors import BadDataError
from utils.foreign_text import quoted

FEW = 6
MOST_NAMES = 20  # that one share has had
NEXT_DAY_MS, NEXT_PRICE = 12 * 86_400_000, 0.3  # of one share under its next name
ABOUT = ("ticker", "symbol", "instrument", "name", "isin", "security", "title")


def of_one_symbol(reading: Reading, source: DumpSource, findings: Findings) -> None:
    """Only the instrument's rows of a file of many; a finding names a file that calls it otherwise.

    Raises BadDataError for a file of several of which none is the instrument, for one of another instrument, and for
    one of a name of which nothing shows that it is the instrument's: the desk says it is (`name`, `symbol_column`).
    """
    grid, wanted = reading.grid, source.instrument.symbol
    record = {f"its {name}": grid.about[name] for name in ABOUT if isinstance(grid.about.get(name), str)}
    columns = _columns(reading) if len(grid) else []
    if not columns:
        _refuse_unnamed(reading, wanted)
    for place, names, values in columns:
        if mine := _mine(reading, values, source):
            _refuse_gaps(reading, place, names, values)
            _use(reading, place)
            _keep(reading, names, values, mine, findings)
            return
    for place, names, values in columns:
        _refuse_gaps(reading, place, names, values)
        if len(values) > 1 and not _is_renamed(reading, place, names, values, source, findings):
            raise _several(reading, values, wanted)
        record[_called(reading, place)] = values[-1]
    _judge(reading, record, source, findings)


def _mine(reading: Reading, values: Sequence[str], source: DumpSource) -> list[str]:
    """Which of a column's values are the instrument: spellings of one code. Raises BadDataError where they are several.

    AAPL.US and AAPL.MX are two, of which the desk has one to the letter; `aapl` is AAPL. Where none is spelt so, the
    only one that can be the instrument is it (SAP GY Equity), or the one that has its `name`.
    """
    instrument, wanted = source.instrument, source.instrument.symbol
    spelt: dict[str, list[str]] = {}
    for each in values:
        if is_spelling(each, instrument) or (is_isin(each) and verdict(each, instrument) == "one"):
            spelt.setdefault(re.sub(r"[^A-Z0-9가-힣]", "", each.upper()).lstrip("0"), []).append(each)
    exact = [spellings for spellings in spelt.values() if wanted in spellings]
    if len(spelt) > 1 and not exact:
        raise _several(reading, values, wanted)
    if not spelt and len(values) > 1:
        named = [each for each in values if instrument.name and alike(each, instrument.name)]
        named = named or [
            each for each in values if compared(code_in(each), wanted) == "one" and verdict(each, instrument) == "one"
        ]
        return named if len(named) == 1 else []
    return next(iter(exact or spelt.values()), [])


def _columns(reading: Reading) -> list[tuple[int, Any, list[str]]]:
    """(place, cells, what they hold) of the columns that name a row's symbol, the surest first."""
    import pyarrow as pa
    import pyarrow.compute as pc

    grid, spellings = reading.grid, COLUMN_NAMES["symbol"]
    plain = [(column(name), at) for at, name in enumerate(grid.names or ())]
    ranked = [(spellings.index(name), at) for name, at in plain if name in spellings]
    others = [at for _, at in sorted(ranked) if at not in reading.places.values()]
    found = []
    for place in [*([reading.places["symbol"]] if "symbol" in reading.places else []), *others]:
        names = pc.utf8_trim_whitespace(pc.fill_null(pc.cast(grid.columns[place], pa.string()), ""))
        if values := [str(each) for each in pc.unique(names).to_pylist() if each]:
            found.append((place, names, values))
    return found


def _refuse_gaps(reading: Reading, place: int, names: Any, values: Sequence[str]) -> None:
    """A row without a symbol among several; one that only some rows have is all rows' (Kiwoom's first has it)."""
    import pyarrow.compute as pc

    grid, at = reading.grid, int(pc.index(names, "").as_py())
    if at < 0 or len(values) < 2:
        return
    what = f"no symbol in {_called(reading, place)!r}, in a file of {len(values)} symbols: of which symbol is its row?"
    raise BadDataError(f"{grid.label}: {grid.unit} {int(grid.lines[at])}: {what}")


def _use(reading: Reading, place: int) -> None:
    reading.places["symbol"] = place
    reading.ignored = [name for name in reading.ignored if name != reading.name_of("symbol")]


def _keep(reading: Reading, names: Any, values: Sequence[str], mine: Sequence[str], findings: Findings) -> None:
    import pyarrow.compute as pc

    if len(mine) == len(values):
        return
    keep = np.isin(names.to_pylist(), mine) if len(mine) > 1 else np.array(pc.equal(names, mine[0]).to_pylist(), bool)
    what, example = f"rows of {len(values) - len(mine)} other symbols: left out", ", ".join(sorted(values)[:FEW])
    findings.say(Finding(what=what, count=int((~keep).sum()), first="", example=example), cleaned=True)
    reading.grid = reading.grid.picked(keep)


def _several(reading: Reading, values: Sequence[str], wanted: str) -> BadDataError:
    listed = quoted(", ".join(sorted(values)[:FEW]), 200) + (" …" if len(values) > FEW else "")
    what = f"holds {len(values)} symbols ({listed}), none of them {wanted!r}: `symbol:` chooses one"
    return BadDataError(f"{reading.grid.label}: {what}, or `name:` does, as the file has it")


def _is_renamed(
    reading: Reading, place: int, names: Any, values: list[str], source: DumpSource, findings: Findings
) -> bool:
    """Whether the names of a column follow one another in time, as those of one share do, at one price."""
    if len(values) > MOST_NAMES:
        return False
    cells = np.array(names.to_pylist(), np.str_)
    for other in values[1:]:
        cells[cells == other] = next(each for each in values if alike(each, other))
    kept = list(dict.fromkeys(cells.tolist()))
    st = times_of(reading, source, Complaints(len(cells), Findings(source)))
    order = np.argsort(st.ms, kind="stable")
    cells, ms = cells[order], st.ms[order]
    at = np.flatnonzero(cells[1:] != cells[:-1])
    close = np.array(numbers(reading.grid.columns[reading.places["close"]])[0])[order]
    values[:] = list(dict.fromkeys(cells.tolist()))
    if at.size != len(kept) - 1 or not st.kind.all():
        return False
    step = np.abs(np.log(close[at + 1] / close[at]))
    apart = ms[at + 1] - ms[at]
    if (apart > NEXT_DAY_MS).any() or not apart.all() or not (step < NEXT_PRICE).all():
        return False
    for i in at.tolist():
        line = int(reading.grid.lines[order][i + 1])
        what = f"{_called(reading, place)} changes in the middle: one share, renamed?"
        example = f"{str(cells[i])!r}, then {str(cells[i + 1])!r}"
        findings.say(Finding(what=what, count=1, first=f"{reading.grid.unit} {line}", example=quoted(example, 120)))
    return True


def _judge(reading: Reading, record: dict[str, str], source: DumpSource, findings: Findings) -> None:
    """Refuse what is another's, or may be; name what the file calls the instrument."""
    instrument, grid = source.instrument, reading.grid
    let_in = bool(instrument.symbol_column or "symbol" in instrument.columns)
    verdicts = {where: verdict(each, instrument) for where, each in record.items()}
    if "file" in grid.about and not record and not (let_in or _is_close(reading, instrument)):
        raise BadDataError(f"{_place(reading)}: {_named_otherwise(str(grid.about['file']), source)}")
    for where, each in record.items():
        if verdicts[where] == "two" and not let_in:
            raise BadDataError(f"{_place(reading)}: {_another(where, each, source)}")
    asked = next((where for where, each in verdicts.items() if each == "asked"), "")
    tied = is_plain_name(record.get(asked, "")) and is_named(grid.label, instrument.symbol)
    if asked and "one" not in verdicts.values() and not (let_in or tied) and instrument.role != "benchmark":
        raise BadDataError(f"{_place(reading)}: {_asked(asked, record[asked], source)}")
    for each in record.values():
        if not same_symbol(each, instrument.symbol):
            what = f"the file calls it {quoted(each, 60)!r}"
            findings.say(Finding(what=what, count=len(grid), first="", example=f"the desk {instrument.symbol!r}"))
            return


def _called(reading: Reading, place: int) -> str:
    return reading.grid.names[place] if reading.grid.names else f"column {place + 1}"


def _place(reading: Reading) -> str:
    grid = reading.grid
    return f"{grid.label}: {grid.unit} {int(grid.lines[0]) if len(grid) else 1}"


def _another(where: str, text: str, source: DumpSource) -> str:
    instrument, name = source.instrument, quoted(where.removeprefix("its "), 40)
    mine = f"{instrument.symbol!r}" + (f" ({instrument.name})" if instrument.name else "")
    what = f"the file is of {quoted(text, 40)!r} ({name}), the desk's symbol is {mine}"
    return f"{what}: `file` or `symbol` is wrong; where both are one thing, set `symbol_column: {name}`"


def _is_close(reading: Reading, instrument: Instrument) -> bool:
    """Whether the column of the closes is called as the instrument is."""
    return "close" in reading.places and same_symbol(reading.name_of("close"), instrument.symbol)


def _named_otherwise(name: str, source: DumpSource) -> str:
    what = f"nothing in the file says whose it is, and it is named after {quoted(name, 40)!r}"
    mine = f"the desk's symbol is {source.instrument.symbol!r}"
    return f"{what}, {mine}: `file` or `symbol` is wrong; where both are right, set `symbol_column: file`"


def _asked(where: str, text: str, source: DumpSource) -> str:
    name, symbol = quoted(where.removeprefix("its "), 40), source.instrument.symbol
    what = f"the file is of {quoted(text, 40)!r} ({name}), and nothing shows that this is the desk's {symbol!r}"
    cure = f"`symbol_column: {name}`" if is_isin(text) else f"`name: {quoted(text, 40)}` or `symbol_column: {name}`"
    return f"{what}: where it is, set {cure} for the instrument"


def _refuse_unnamed(reading: Reading, wanted: str) -> None:
    """A column of unknown meaning that holds the wanted symbol among others."""
    import pyarrow as pa

    grid = reading.grid
    for place, name in enumerate(grid.names or ()):
        cells = grid.columns[place]
        if place in reading.places.values() or not pa.types.is_string(cells.type):
            continue
        lines = [each for each in cells.unique().to_pylist() if each]
        if len(lines) > 1 and any(same_symbol(each, wanted) for each in lines):
            what = f"column {name!r} holds {wanted!r} and {len(lines) - 1} others: set `symbol_column: {name}`"
            raise BadDataError(f"{grid.label}: {what}")
