"""The two sources on this machine: files a person has put into data/benchmarks, and the bar store."""

from __future__ import annotations

from collections.abc import Iterator

from pyjobs.market.bars import COLUMNS, Bars, SeriesKey
from pyjobs.market.dumps.benchmark_file import bars_of, files_for, plain_closes
from pyjobs.market.providers.base import BarRequest, Fetched
from pyjobs.market.providers.rows import Row, to_fetched
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.names import folder_name
from pyjobs.market.store.open_store import open_store
from pyjobs.market.store.partitions import Provenance
from utils import paths
from utils.errors import BadDataError, ExternalDataUnavailable
from utils.files.os_files import matching


class LocalCache:
    """`data/benchmarks/<key>.csv` (or another price file): columns date,close, or any dump that `read_dump` reads.

    In a date,close file every bar has open = high = low = close and no volume.
    """

    name = "local_cache"
    network = False

    def rate_limit_group(self, request: BarRequest) -> str:  # noqa: ARG002 - there is nobody to ban us
        """Itself."""
        return self.name

    def cached(self, request: BarRequest, now_ms: int) -> Fetched | None:  # noqa: ARG002 - nothing to save
        """Nothing: the files are read each time."""
        return None

    def prepare(self) -> None:
        """Nothing to get ready."""

    def fetch(self, request: BarRequest, now_ms: int, *, limit_s: float = 0.0) -> Fetched:  # noqa: ARG002 - nobody is waited for
        """The first file there is for one of the keys. Raises ExternalDataUnavailable(no_data), BadDataError."""
        folder = paths.data_dir() / "benchmarks"
        path = next(files_for(folder, (request.symbol, *request.local_keys)), None)
        if path is None:
            raise _nothing(self.name, request, f"no file for it in {folder}")
        closes = plain_closes(path)
        if closes is not None:
            rows: list[Row] = [(day.isoformat(), *[close] * 4, 0.0) for day, close in closes.items()]
            return to_fetched(rows, request, provider=self.name, adjusted="raw", now_ms=now_ms, revised_for_ms=0)
        bars = bars_of(path, request.symbol, request.market, now_ms=now_ms)
        source = Provenance(provider=self.name, fetched_at_ms=now_ms, adjusted="raw", last_final=True)
        return _within(self.name, request, path.name, bars, source)


class StoredBars:
    """The bar store: what a provider's download has put there first, then any series that has one of the keys."""

    name = "parquet"
    network = False

    def __init__(self, store: BarStore | None = None) -> None:
        self.store = store or open_store()

    def rate_limit_group(self, request: BarRequest) -> str:  # noqa: ARG002 - there is nobody to ban us
        """Itself."""
        return self.name

    def cached(self, request: BarRequest, now_ms: int) -> Fetched | None:  # noqa: ARG002 - nothing to save
        """Nothing: the store is read each time."""
        return None

    def prepare(self) -> None:
        """Nothing to get ready."""

    def fetch(self, request: BarRequest, now_ms: int, *, limit_s: float = 0.0) -> Fetched:  # noqa: ARG002 - as above
        """The series that reaches furthest. Raises ExternalDataUnavailable(no_data), BadDataError."""
        found: tuple[SeriesKey, Bars] | None = None
        damaged: BadDataError | None = None
        for key in self._keys(request):
            try:
                bars = self.store.read(key, start_ms=request.start_ms, end_ms=request.end_ms)
            except BadDataError as error:
                damaged = damaged or error
                continue
            if len(bars) and (found is None or bars.ts_ms[-1] > found[1].ts_ms[-1]):
                found = key, bars
        if found is None and damaged is not None:
            raise damaged
        if found is None:
            raise _nothing(self.name, request, f"no bars of it in {self.store.root}")
        source = self.store.provenance(found[0])
        assert source is not None, "bars were read, so there is a partition"
        return _within(self.name, request, str(found[0]), found[1], source)

    def _keys(self, request: BarRequest) -> Iterator[SeriesKey]:
        names = dict.fromkeys(name for name in (request.symbol, *request.local_keys) if name)
        for name in names:
            for folder in matching(self.store.root, f"*/{folder_name(name)}/{request.timeframe}"):
                yield SeriesKey(exchange=folder.parts[-3], symbol=name, timeframe=request.timeframe)


def _within(provider: str, request: BarRequest, source: str, bars: Bars, about: Provenance) -> Fetched:
    inside = (bars.ts_ms >= request.start_ms) & (bars.ts_ms <= request.end_ms)
    if not inside.any():
        raise _nothing(provider, request, f"{source} has no bar in the range asked for")
    return Fetched(
        bars=Bars(**{name: getattr(bars, name)[inside] for name in COLUMNS}),
        provider=provider,
        symbol=source,
        adjusted=about.adjusted,
        fetched_at_ms=about.fetched_at_ms,
        last_final=about.last_final,
    )


def _nothing(provider: str, request: BarRequest, detail: str) -> ExternalDataUnavailable:
    return ExternalDataUnavailable("no_data", provider=provider, symbol=request.symbol, detail=detail)
