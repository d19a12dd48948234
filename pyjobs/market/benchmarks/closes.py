"""The closes of a benchmark for a window of days, from the first provider that has them.

Order and names come from config/data_sources.yaml. The two local providers are here; those that use the network are
passed in as functions. A provider that has nothing, or nothing of the window, is not an error: the next one is asked.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyjobs.market.bars import Bars, FloatArray, SeriesKey
from pyjobs.market.benchmarks.policy import LOCAL, BenchmarkSource, Policy, Symbols
from pyjobs.market.dumps.benchmark_file import bars_of, files_for, plain_closes
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.names import folder_name
from utils import clock
from utils.errors import BadDataError, ExternalDataUnavailable, ExternalKind, NetworkForbidden, UsageError
from utils.files.os_files import matching

ROUND_THE_CLOCK = "24/7"  # every date is a day
FEWEST_DAYS = 2  # one close makes no return
HOLIDAY_DAYS = 10  # the longest that a market we know was closed in a row, with the weekends around it


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Closes:
    """One close per day, ascending: `days` (datetime64[D]) and `close` (float64, finite, > 0), equally long."""

    days: np.ndarray[tuple[int], np.dtype[np.datetime64]]
    close: FloatArray

    def within(self, start: dt.date, end: dt.date) -> Closes:
        """The days of the window, both ends included."""
        inside = (self.days >= np.datetime64(start)) & (self.days <= np.datetime64(end))
        return Closes(days=self.days[inside], close=self.close[inside])

    def dates(self) -> list[dt.date]:
        """The days as dates."""
        return [dt.date.fromisoformat(str(day)) for day in self.days]

    def sha256(self) -> str:
        """A fingerprint of days and closes, to see whether they changed."""
        return hashlib.sha256(self.days.astype("datetime64[D]").tobytes() + self.close.tobytes()).hexdigest()

    def at(self, sessions: Sequence[dt.date]) -> FloatArray:
        """The newest close dated on or before each session; NaN before the first."""
        if not self.days.size:
            return np.full(len(sessions), math.nan)
        wanted = np.array(sessions, dtype="datetime64[D]")
        place = np.searchsorted(self.days, wanted, side="right") - 1
        return np.where(place >= 0, self.close[np.maximum(place, 0)], math.nan)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Benchmark:
    """A benchmark that was found: where, under which name, and its closes in the window. `currency` "" is unknown."""

    name: str
    provider: str
    symbol: str
    closes: Closes
    currency: str = ""


# A provider on the network: (symbol, first day, last day) -> closes. Raises ExternalDataUnavailable.
Fetch = Callable[[str, dt.date, dt.date], Closes]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Places:
    """Where closes may come from on this machine, and `fetch`: the network's providers that may be asked, by name."""

    store: BarStore
    cache_dir: Path
    fetch: Mapping[str, Fetch]


def source_of(name: str, policy: Policy) -> BenchmarkSource:
    """The policy's entry for a benchmark; one without an entry is looked for on this machine by its own name."""
    return policy.benchmarks.get(name) or BenchmarkSource(providers=list(LOCAL), symbols=Symbols(local_keys=[name]))


def find(name: str, policy: Policy, places: Places, *, start: dt.date, end: dt.date) -> Benchmark:
    """The benchmark from its first provider whose closes reach the end of the window, give or take a holiday week.

    When none does, from the one that reaches furthest into it: an old local file does not hide a fresher source, and is
    better than nothing. Raises ExternalDataUnavailable with the kind of the last real failure (no_data when all just
    had nothing, NetworkForbidden when some might not be asked), naming each provider's answer; BadDataError
    for a local file that is not what it should be.
    """
    source, lines, behind = source_of(name, policy), [], []
    kind: ExternalKind = "no_data"
    forbidden = False
    for provider in source.providers:
        try:
            market = policy.market_of(name) if name in policy.benchmarks else ROUND_THE_CLOCK
            symbol, closes = _ask(name, provider, source, places, market, (start, end))
        except ExternalDataUnavailable as error:
            kind, forbidden = error.kind, forbidden or isinstance(error, NetworkForbidden)
            lines.append(f"{provider}: {error.kind}{f' ({error.detail})' if error.detail else ''}")
            continue
        found = Benchmark(name=name, provider=provider, symbol=symbol, closes=closes.within(start, end))
        if found.closes.days.size < FEWEST_DAYS:
            lines.append(f"{provider}: nothing of {start} to {end}")
        elif np.datetime64(end) - found.closes.days[-1] <= np.timedelta64(HOLIDAY_DAYS, "D"):
            return found
        else:
            behind.append(found)
    if behind:
        return max(behind, key=lambda each: (each.closes.days[-1], -behind.index(each)))
    if forbidden:
        raise NetworkForbidden(provider=source.providers[-1], symbol=name, detail="; ".join(lines))
    raise ExternalDataUnavailable(kind, provider=source.providers[-1], symbol=name, detail="; ".join(lines))


def parse_names(text: str) -> list[str]:
    """`KOSPI,S&P500` as names, in order, each once. Raises UsageError for an empty one."""
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise UsageError(f'--benchmarks {text!r}: names are separated by single commas, as in "KOSPI,S&P500"')
    return list(dict.fromkeys(names))


def from_bars(bars: Bars) -> Closes:
    """Daily bars as closes; a bar is dated by the UTC day of its last instant. The last of a day counts."""
    days = ((bars.ts_ms - 1) // 86_400_000).astype("datetime64[D]")
    last = np.append(days[1:] != days[:-1], True) if days.size else np.zeros(0, dtype=bool)
    return Closes(days=days[last], close=bars.close[last])


def read_csv(path: Path, market: str = ROUND_THE_CLOCK, *, now_ms: int | None = None) -> Closes:
    """Closes from a file: columns date (YYYY-MM-DD, each once) and close, or any price file that an import reads.

    `market`: the calendar of its days. Raises BadDataError.
    """
    found = plain_closes(path)
    if found is None:
        return from_bars(bars_of(path, path.stem, market, now_ms=clock.now_ms() if now_ms is None else now_ms))
    days = sorted(found)
    return Closes(days=np.array(days, dtype="datetime64[D]"), close=np.array([found[day] for day in days], np.float64))


def _ask(
    name: str, provider: str, source: BenchmarkSource, places: Places, market: str, window: tuple[dt.date, dt.date]
) -> tuple[str, Closes]:
    """(what it is called there, its closes), or ExternalDataUnavailable."""
    start, end = window
    if provider in LOCAL:
        names = source.local_names(name)
        for key in names:
            closes = _cached(key, places, market) if provider == "local_cache" else _stored(key, places)
            if closes is not None and closes.within(start, end).days.size >= FEWEST_DAYS:
                return key, closes
        raise ExternalDataUnavailable("no_data", provider=provider, detail=f"none of {', '.join(names)}")
    symbol = source.symbols.of(provider)
    if provider not in places.fetch:
        raise ExternalDataUnavailable("no_data", provider=provider, symbol=symbol, detail="not to be asked")
    return symbol, places.fetch[provider](symbol, start, end)


def _cached(key: str, places: Places, market: str = ROUND_THE_CLOCK) -> Closes | None:
    path = next(files_for(places.cache_dir, [key]), None)
    return read_csv(path, market) if path else None


def _stored(key: str, places: Places) -> Closes | None:
    """The series of that symbol in the store; of several exchanges the one with the newest bar.

    Raises BadDataError where none can be read and one is damaged.
    """
    found, damaged = [], None
    for folder in matching(places.store.root, f"*/{folder_name(key)}/1d"):
        try:
            bars = places.store.read(SeriesKey(exchange=folder.parts[-3], symbol=key, timeframe="1d"))
        except (BadDataError, OSError) as error:
            damaged = damaged or error
            continue
        if len(bars):
            found.append(bars)
    if damaged and not found:
        raise damaged
    return from_bars(max(found, key=lambda bars: int(bars.ts_ms[-1]))) if found else None


def gather(
    names: Sequence[str],
    policy: Policy,
    places: Places,
    *,
    start: dt.date,
    end: dt.date,
    instruments: Collection[str] = (),
) -> tuple[list[Benchmark], dict[str, str]]:
    """Every benchmark that can be had, and why each of the others cannot.

    Raises ExternalDataUnavailable when one that the policy requires is among the others; UsageError for a name that
    neither the policy, nor the desk's `instruments`, nor this machine has ever heard of, so that a slip of the pen is
    not taken for an outage.
    """
    found, missing = [], {}
    for name in names:
        try:
            found.append(find(name, policy, places, start=start, end=end))
        except ExternalDataUnavailable as error:
            if name in policy.required:
                raise
            if name not in policy.benchmarks and name not in instruments and not _known_here(name, places):
                known = ", ".join(policy.benchmarks) or "none"
                raise UsageError(f"unknown benchmark {name!r}: config/data_sources.yaml has {known}") from None
            missing[name] = f"{error.kind}: {error.detail}"
    return found, missing


def _known_here(name: str, places: Places) -> bool:
    return _cached(name, places) is not None or _stored(name, places) is not None
