"""The columns of anyone's Parquet file of bars, in pieces: the symbol of each row, and the numbers, unchecked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pyjobs.market.arrow import values_of
from pyjobs.market.bars import COLUMNS
from utils.errors import BadDataError

SYMBOLS = frozenset({"symbol", "ticker", "tic", "instrument", "stock", "code", "pair"})
"""Names under which other tools write the symbol of a row."""
ONLY_SYMBOL = "BARS"  # the name of a file's series when it has no symbol column
BATCH_ROWS = 131_072
_NONE, _UNKNOWN = np.empty(0, np.int32), -1
BUFFER_BYTES = 1 << 20  # of a compressed column: without it, all of a row group's is in memory


class BarColumns:
    """An open file. Raises BadDataError for one that is not Parquet or without the columns, then or later."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._path = path
        with self._readable():
            self._source = pa.OSFile(str(path))  # also when another file takes its name: whose rows, and the rows
            self._file = pq.ParquetFile(self._source, buffer_size=BUFFER_BYTES)
            kinds = {field.name: field.type for field in self._file.schema_arrow}
        _refuse_schema(path, kinds)
        self._has_symbols = "symbol" in kinds
        for name in kinds if not self._has_symbols else ():
            if name.lower() in SYMBOLS:
                self._refuse_unnamed(name)

    def _refuse_unnamed(self, name: str) -> None:
        """Raise BadDataError where a column of another name holds several symbols."""
        with self._readable():
            column = self._file.read(columns=[name], use_threads=False).column(0)
            count = len(column.unique())
        if count > 1:
            what = f"no column symbol, and {name!r} holds {count} of them: call it symbol"
            raise BadDataError(f"{self._path}: {what}")

    def counted(self) -> tuple[dict[str, int], bool]:
        """(rows of each symbol, in the order in which they first come; whether each one's rows lie together)."""
        if not self._has_symbols:
            total = self._file.metadata.num_rows
            return ({ONLY_SYMBOL: total} if total else {}), True
        names: dict[str, int] = {}
        rows, runs, last = np.zeros(0, np.int64), 0, -1
        for numbers, lengths in self._runs(names):
            more = np.bincount(numbers, lengths, len(names)).astype(np.int64)
            more[: len(rows)] += rows
            rows = more
            runs += int(np.count_nonzero(np.diff(numbers, prepend=last)))  # one may go on over the edge of a piece
            last = int(numbers[-1])
        if "" in names:
            raise BadDataError(f"{self._path}: {rows[names['']]} rows have an empty symbol")
        return dict(zip(names, rows.tolist(), strict=True)), runs == len(names)

    def numbers(self) -> Iterator[Any]:
        """The number of each row's symbol, which is the place that `counted` gives it. In pieces."""
        return (np.repeat(numbers, lengths) for numbers, lengths in self._runs({}))

    def parts(self) -> Iterator[Any]:
        """All of one column, then all of the next, in the order of COLUMNS."""
        for name in COLUMNS:
            yield from self.column(name)
        give_back()

    def column(self, name: str) -> Iterator[Any]:
        """One column in pieces of int64 or float64; NaN for an empty cell."""
        with self._readable():
            for batch in self._file.iter_batches(batch_size=BATCH_ROWS, columns=[name], use_threads=False):
                yield self._checked(name, batch.column(0))

    def _checked(self, name: str, part: Any) -> Any:
        import pyarrow as pa

        kind, dtype = (pa.int64(), np.int64) if name == "ts_ms" else (pa.float64(), np.float64)
        part = part if part.type == kind else part.cast(kind)
        if part.null_count:
            if name == "ts_ms":
                raise BadDataError(f"{self._path}: column ts_ms has empty cells")
            part = part.fill_null(float("nan"))
        return values_of(part, dtype)

    def _runs(self, names: dict[str, int]) -> Iterator[tuple[Any, Any]]:
        """(number of the symbol, how many rows) of each run of rows, by pieces; new names get the next numbers."""
        found, numbers = None, _NONE
        for symbols in self._symbols():
            if found is None or not found.equals(symbols.dictionary):
                found = symbols.dictionary
                numbers = np.full(len(found), _UNKNOWN, np.int32)
            indices = values_of(symbols.indices, np.int32)
            starts = np.flatnonzero(np.diff(indices, prepend=-1))
            begun = indices[starts]
            if (numbers[begun] == _UNKNOWN).any():
                used, first = np.unique(begun, return_index=True)
                for index in used[np.argsort(first)].tolist():  # the order of a dictionary is anyone's
                    numbers[index] = names.setdefault(str(found[index].as_py()), len(names))
            yield numbers[begun], np.diff(starts, append=len(indices))

    def _symbols(self) -> Iterator[Any]:
        """The symbols as Arrow dictionary arrays. Raises BadDataError when the file has rows without one."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        nameless = 0
        with self._readable():
            file = pq.ParquetFile(self._source, buffer_size=BUFFER_BYTES, read_dictionary=["symbol"])
            for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=["symbol"], use_threads=False):
                part = batch.column(0)
                nameless += part.null_count
                if not nameless:
                    known = pa.types.is_dictionary(part.type)
                    yield part if known else part.cast(pa.string()).dictionary_encode()
        if nameless:
            raise BadDataError(f"{self._path}: {nameless} rows have no symbol")

    @contextmanager
    def _readable(self) -> Iterator[None]:
        import pyarrow as pa

        try:
            yield
        except (pa.ArrowException, OSError) as error:
            what = str(error).splitlines()[0]
            raise BadDataError(f"{self._path}: not a readable Parquet file: {what}") from None


def give_back() -> None:
    """Return pyarrow's unused pool memory (about 80 MB) to the system."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()


def _refuse_schema(path: Path, kinds: dict[str, Any]) -> None:
    import pyarrow as pa

    missing = [name for name in COLUMNS if name not in kinds]
    if missing:
        raise BadDataError(f"{path}: no column {', '.join(missing)} (has {', '.join(kinds)})")
    for name in COLUMNS:
        kind = kinds[name]
        number = pa.types.is_floating(kind) or pa.types.is_decimal(kind)
        if not pa.types.is_integer(kind) and (name == "ts_ms" or not number):
            wanted = "whole milliseconds (int64)" if name == "ts_ms" else "numbers"
            raise BadDataError(f"{path}: column {name} is {kind}, not {wanted}")
