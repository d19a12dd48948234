"""The columns of anyone's Parquet file of bars, in pieces: whose rows are whose, and the numbers, unchecked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pyjobs.market.arrow import values_of
from pyjobs.market.bars import COLUMNS
from utils.errors import BadDataError

ONLY_SYMBOL = "BARS"  # the name of a file's series when it has no symbol column
BATCH_ROWS = 131_072
_NONE = np.empty(0, np.int32)
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

    def runs(self) -> tuple[list[str], Any, Any]:
        """(names as they first come; the runs of rows with one symbol: the number of its name, how many rows)."""
        if not self._has_symbols:
            rows = self._file.metadata.num_rows
            return [ONLY_SYMBOL], np.zeros(min(rows, 1), np.int64), np.array([rows] * min(rows, 1), np.int64)
        names: dict[str, int] = {}
        codes, lengths = self._pieces_of_runs(names)
        if "" in names:
            raise BadDataError(f"{self._path}: {lengths[codes == names['']].sum()} rows have an empty symbol")
        starts = np.flatnonzero(np.diff(codes, prepend=-1))  # a run goes on over the edge of a piece
        if len(starts) == len(codes):
            return list(names), codes, lengths
        return list(names), codes[starts], np.add.reduceat(lengths, starts, dtype=np.int64)

    def parts(self) -> Iterator[Any]:
        """All of one column, then all of the next, in the order of COLUMNS: int64 or float64; NaN for an empty cell."""
        import pyarrow as pa

        for name in COLUMNS:
            with self._readable():
                for batch in self._file.iter_batches(batch_size=BATCH_ROWS, columns=[name], use_threads=False):
                    yield self._numbers(name, batch.column(0))
        pa.default_memory_pool().release_unused()  # it keeps 80 MB for more of the same

    def _numbers(self, name: str, part: Any) -> Any:
        import pyarrow as pa

        kind, dtype = (pa.int64(), np.int64) if name == "ts_ms" else (pa.float64(), np.float64)
        part = part if part.type == kind else part.cast(kind)
        if part.null_count:
            if name == "ts_ms":
                raise BadDataError(f"{self._path}: column ts_ms has empty cells")
            part = part.fill_null(float("nan"))
        return values_of(part, dtype)

    def _pieces_of_runs(self, names: dict[str, int]) -> tuple[Any, ...]:
        found = [_runs_of(symbols, names) for symbols in self._symbols()]
        return tuple(np.concatenate(parts) for parts in zip((_NONE, _NONE), *found, strict=True))

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


def _runs_of(symbols: Any, names: dict[str, int]) -> tuple[Any, Any]:
    """(number, length) of each run in a piece; new names are added to `names` with the next numbers."""
    indices = values_of(symbols.indices, np.int32)
    starts = np.flatnonzero(np.diff(indices, prepend=-1))
    used, at = np.unique(indices[starts], return_inverse=True)
    told = [str(symbols.dictionary[int(index)].as_py()) for index in used]
    numbers = np.array([names.setdefault(name, len(names)) for name in told], np.int32)
    return numbers[at], np.diff(starts, append=len(indices)).astype(np.int32)


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
