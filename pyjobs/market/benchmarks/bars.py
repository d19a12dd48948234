"""A benchmark's daily bars: its providers in the policy's order, until one reaches the last closed session."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.market.benchmarks.policy import LOCAL, BenchmarkSource, Policy, market_by_yahoo
from pyjobs.market.ingest.fetching import put_in_place
from pyjobs.market.providers import BarRequest, Fetched, NotSetUp, provider
from pyjobs.market.providers.asking.ask import ask
from pyjobs.market.providers.asking.circuit_breaker import ProviderStates
from pyjobs.market.providers.asking.retry_budget import RetryBudget
from pyjobs.market.store.bar_store import BarStore
from pyjobs.market.store.basis import rescaled
from utils import trading_day
from utils.errors import NETWORK_FORBIDDEN, BadDataError, ExternalDataUnavailable, ExternalKind, NetworkForbidden

TIMEFRAME = "1d"
DAY_MS = 86_400_000
OVERLAP_MS = 14 * DAY_MS
REVISED_FOR_MS = 3_600_000  # so long after its close no provider of benchmarks revises a day


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A provider that could not answer, or not far enough.

    `kind`: an ExternalKind, `stale`, `not_set_up` or `network_forbidden`.
    """

    provider: str
    kind: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A benchmark's bars. `stale`: no provider reached the last session; these are the bars that go furthest."""

    fetched: Fetched
    stale: bool
    attempts: tuple[Attempt, ...]


def find(
    name: str,
    policy: Policy,
    *,
    start_ms: int,
    end_ms: int,
    now_s: float,
    states: ProviderStates,
    budget: RetryBudget,
    providers: tuple[str, ...] | None = None,
    since_ms: Mapping[str, int] | None = None,
) -> Found:
    """The bars of benchmark `name` with closes in [start_ms, end_ms], from the first provider that has them all.

    `providers` limits the providers; `since_ms` is the start of a request, when not `start_ms`. Raises
    ExternalDataUnavailable when no provider has any, of the kind of the last one that could have known.
    """
    benchmark, market = policy.benchmarks[name], policy.market_of(name)
    target_ms = last_close_ms(market, end_ms, now_s)
    attempts: list[Attempt] = []
    best: Fetched | None = None
    for source in benchmark.providers if providers is None else providers:
        first_ms = (since_ms or {}).get(source, start_ms)
        request = request_for(name, benchmark, source, market, start_ms=first_ms, end_ms=end_ms)
        try:
            fetched = ask(provider(source), request, states=states, budget=budget)
        except ExternalDataUnavailable as error:
            attempts.append(Attempt(provider=source, kind=error.kind, why=error.detail))
            continue
        except NotSetUp as error:
            attempts.append(Attempt(provider=source, kind="not_set_up", why=str(error)))
            continue
        except BadDataError as error:  # a local file that cannot be true hides no other source
            attempts.append(Attempt(provider=source, kind="schema", why=str(error)))
            continue
        if fetched.bars.ts_ms[-1] >= target_ms:
            return Found(fetched=fetched, stale=False, attempts=tuple(attempts))
        attempts.append(Attempt(provider=source, kind="stale", why="ends before the last closed session"))
        if best is None or fetched.bars.ts_ms[-1] > best.bars.ts_ms[-1]:
            best = fetched
    if best is not None:
        return Found(fetched=best, stale=True, attempts=tuple(attempts))
    raise nobody(name, attempts)


def request_for(
    name: str, benchmark: BenchmarkSource, source: str, market: str, *, start_ms: int, end_ms: int
) -> BarRequest:
    """The request in the words of one provider; for a local source with every name of the benchmark."""
    return BarRequest(
        symbol=benchmark.symbols.of(source) if source not in LOCAL else "",
        timeframe=TIMEFRAME,
        start_ms=start_ms,
        end_ms=end_ms,
        market=market,
        local_keys=benchmark.local_names(name),
    )


def last_close_ms(market: str, end_ms: int, now_s: float) -> int:
    """The close of the newest session of `market` that had closed at `end_ms`, and by now."""
    return trading_day.load(market).last_closed_session(min(end_ms / 1000, now_s)).close_utc_s * 1000


def nobody(name: str, attempts: list[Attempt]) -> ExternalDataUnavailable:
    """The error when every provider failed: it names each; its kind is that of the last one that was asked."""
    kinds: dict[str, ExternalKind] = {kind: kind for kind in get_args(ExternalKind)} | {"not_set_up": "auth"}
    lines = [kinds[one.kind] for one in attempts if one.provider not in LOCAL and one.kind in kinds]
    detail = "; ".join(f"{attempt.provider}: {attempt.kind}: {attempt.why}" for attempt in attempts)
    if any(attempt.kind == NETWORK_FORBIDDEN for attempt in attempts):
        return NetworkForbidden(provider="benchmark", symbol=name, detail=detail)
    return ExternalDataUnavailable(lines[-1] if lines else "no_data", provider="benchmark", symbol=name, detail=detail)


def warm(
    name: str,
    policy: Policy,
    store: BarStore,
    *,
    now_s: float,
    states: ProviderStates,
    budget: RetryBudget,
    say: Callable[[str], None],
) -> Found:
    """Bring a benchmark into the store up to the last closed session, unless it is there already.

    Each provider keeps a series of its own, `<provider>/<symbol>/1d`: an index and a fund that follows it are never
    mixed. Adjusted prices are always fetched from the benchmark's `start`, so that no history has two bases.
    """
    benchmark, end_ms = policy.benchmarks[name], int(now_s * 1000)
    local = tuple(source for source in benchmark.providers if source in LOCAL)
    remote = tuple(source for source in benchmark.providers if source not in LOCAL)
    span: dict[str, Any] = {"start_ms": benchmark.start_ms, "end_ms": end_ms, "now_s": now_s}
    here: Found | None = None
    with contextlib.suppress(ExternalDataUnavailable):
        here = find(name, policy, **span, states=states, budget=budget, providers=local)
        if not remote or not (here.stale or _provisional(here.fetched, end_ms)):
            return here
    say(f"{name}: asking {', '.join(remote) or 'none: no network provider is named'}")
    since_ms = {source: _next_ms(name, benchmark, source, store) for source in remote}
    try:
        found = find(name, policy, **span, states=states, budget=budget, providers=remote, since_ms=since_ms)
    except ExternalDataUnavailable as error:
        if here is None or here.stale:
            raise
        say(f"{name}: the newest bar here may still be revised, and no provider can be asked: {error}")
        return here
    keep(series_key(name, benchmark, found.fetched.provider), found.fetched, store)
    return found


def _provisional(fetched: Fetched, now_ms: int) -> bool:
    """Whether the newest stored bar was fetched while its provider still revised it, and would be final by now."""
    return not fetched.last_final and now_ms >= int(fetched.bars.ts_ms[-1]) + REVISED_FOR_MS


def _next_ms(name: str, benchmark: BenchmarkSource, source: str, store: BarStore) -> int:
    """From where a provider's own series goes on: with some overlap, or from the start when prices are adjusted."""
    key = series_key(name, benchmark, source)
    known = store.provenance(key)
    if known is None or known.adjusted != "raw":
        return benchmark.start_ms
    return max(int(store.read(key).ts_ms[-1]) - OVERLAP_MS, benchmark.start_ms)


def series_key(name: str, benchmark: BenchmarkSource, source: str) -> SeriesKey:
    """Where a provider's bars are kept: under the first of its names that a local source looks for."""
    symbol = benchmark.symbols.of(source)
    named = next((one for one in (symbol, name) if one in benchmark.symbols.local_keys), symbol)
    return SeriesKey(exchange=source, symbol=named, timeframe=TIMEFRAME)


def keep(key: SeriesKey, fetched: Fetched, store: BarStore) -> None:
    """Write what a provider delivered into its own series; replace the series where a dividend has moved the stored
    prices.

    Raises BadDataError where two adjustments would meet, and for raw prices that have been rescaled.
    """
    first_ms = int(fetched.bars.ts_ms[0])
    if fetched.adjusted != "raw" and len(store.read(key, end_ms=first_ms - 1)):
        raise BadDataError(
            f"{key}: the store begins before this download, and prices adjusted at two times do not go together: "
            f"move {store.folder(key)} away, or set `start` in config/data_sources.yaml as early as it was"
        )
    old = store.read(key, start_ms=first_ms, end_ms=int(fetched.bars.ts_ms[-1]))
    if rescaled(key, old, fetched.bars, adjusted=fetched.adjusted != "raw"):
        put_in_place(store, key, fetched.bars, fetched, now_ms=fetched.fetched_at_ms, silent=True)
        return
    store.write(
        key,
        fetched.bars,
        provider=fetched.provider,
        fetched_at_ms=fetched.fetched_at_ms,
        adjusted=fetched.adjusted,
        last_final=fetched.last_final,
    )


Ask = Callable[[str, dt.date, dt.date], Bars]
"""(a provider's own symbol, first day, last day) -> daily bars, at least one; raises ExternalDataUnavailable."""


def network_asks(states: ProviderStates, budget: RetryBudget) -> dict[str, Ask]:
    """One `Ask` for each network provider of benchmarks, for a job that walks the order by itself."""

    def of(source: str) -> Ask:
        def put(symbol: str, first: dt.date, last: dt.date) -> Bars:
            market = "XKRX" if source == "pykrx_index" else market_by_yahoo(symbol)
            request = BarRequest(
                symbol=symbol, timeframe=TIMEFRAME, start_ms=_midnight_ms(first),
                end_ms=_midnight_ms(last) + DAY_MS, market=market,
            )  # fmt: skip
            try:
                return ask(provider(source), request, states=states, budget=budget).bars
            except NotSetUp as error:
                raise ExternalDataUnavailable("auth", provider=source, symbol=symbol, detail=str(error)) from None

        return put

    return {source: of(source) for source in ("pykrx_index", "yf_index", "yf_etf")}


def _midnight_ms(day: dt.date) -> int:
    return int(dt.datetime.combine(day, dt.time(), dt.UTC).timestamp()) * 1000
