"""The interface of every provider: one name, one question (a `BarRequest`), one answer (`Fetched`), one error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from utils.errors import ConfigError, ExternalDataUnavailable, ExternalKind, NightdeskError

if TYPE_CHECKING:
    from pyjobs.market.bars import Bars
    from pyjobs.market.store.partitions import Adjusted

LONGEST_FETCH_S = 45.0
"""No single attempt lasts longer, however many requests it is made of."""

Range = tuple[int, int]
"""First and last `ts_ms` of a stretch of bars, both included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BarRequest:
    """The requested bars: `symbol` in this provider's spelling, and the bars' closes, both ends included, UTC
    milliseconds.

    `market` is the calendar by which a daily bar closes. `local_keys` are other names a local source may know.
    `currency` is that of the prices ("": whatever comes): an answer in another is refused. `stored`: who asks has bars
    of it, and compares units with those (`units.in_stored_unit`). `anew`: no answer that was kept will do.
    """

    symbol: str
    timeframe: str
    start_ms: int
    end_ms: int
    market: str = "24/7"
    local_keys: tuple[str, ...] = ()
    currency: str = ""
    stored: bool = False
    anew: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """The kind of the symbol at the provider; empty where its answer has none.

    `currency` as the provider writes it (GBp is pence); `zone` is a tz name; `kind` its own word (EQUITY, INDEX …);
    `granularity` is the length of the bars it sent, in its own words (1d, 15m).
    """

    symbol: str = ""
    currency: str = ""
    zone: str = ""
    kind: str = ""
    granularity: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A corporate action before the open of `session` (YYYY-MM-DD), as the provider sends it with its bars.

    `value` of a `split` is the new shares for one old, of a `dividend` the amount for one share of now.
    """

    session: str
    kind: Literal["split", "dividend"]
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The running session of one symbol, as its provider has it: `ts_ms` is when `last` was traded, UTC milliseconds.

    Prices are those of today's shares, `volume` that of the session so far; NaN where the provider has none. `open` to
    `volume` belong to the session in which `last` was traded. `state` is the provider's word (REGULAR, CLOSED …),
    `delay_s` how old its prices are by its own word; `about` what it has the symbol as.
    """

    symbol: str
    ts_ms: int
    open: float
    high: float
    low: float
    last: float
    volume: float
    previous_close: float
    state: str = ""
    delay_s: float = 0.0
    about: About | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """At least one bar, in order, all closed when fetched, and where they came from.

    `last_final`: the last bar is past the time in which this provider still revises it. `confirmed_empty`: stretches
    within the request about which the provider answered and in which it has no bar (no trades): do not ask again.
    `events` came with the bars, in order of time; a provider that sends none may still have some. `untrue`: the closes
    of rows within the request that cannot be true, and are none of the bars. `worked_in`: sessions before whose open a
    dividend was announced that its adjusted closes lacked, and by what all earlier prices of these bars were
    multiplied here.
    `remark`: a sentence about all of its bars.
    """

    bars: Bars
    provider: str
    symbol: str
    adjusted: Adjusted
    fetched_at_ms: int
    last_final: bool
    confirmed_empty: tuple[Range, ...] = ()
    about: About | None = None
    events: tuple[Event, ...] = ()
    untrue: tuple[int, ...] = ()
    worked_in: tuple[tuple[str, float], ...] = ()
    remark: str = ""


class Provider(Protocol):
    """Where bars come from. `network`: asking it needs the network, so it is gated, retried and may be forbidden."""

    @property
    def name(self) -> str:
        """The name in config/data_sources.yaml, in provenance and in the state file."""

    @property
    def network(self) -> bool:
        """Whether asking it leaves the machine."""

    def rate_limit_group(self, request: BarRequest) -> str:
        """Its rate-limit group: providers that use the same servers share one state."""

    def cached(self, request: BarRequest, now_ms: int) -> Fetched | None:
        """An earlier answer that is still true, without a request; None without one."""

    def prepare(self) -> None:
        """Get ready for a `fetch` that comes after a pause; sends nothing."""

    def fetch(self, request: BarRequest, now_ms: int, *, limit_s: float = LONGEST_FETCH_S) -> Fetched:
        """One attempt, ended after `limit_s`. Never returns without bars.

        Raises ExternalDataUnavailable, ConfigError, BadDataError.
        """


@runtime_checkable
class AsksMany(Protocol):
    """A provider that can be asked about many symbols at once."""

    def chunks(self, requests: Sequence[BarRequest]) -> list[list[BarRequest]]:
        """The requests, put together in such a way that one attempt at each chunk ends well within its time."""

    def fetch_many(
        self, requests: Sequence[BarRequest], now_ms: int, *, limit_s: float = LONGEST_FETCH_S, gap_s: float = 0.0
    ) -> Iterator[tuple[BarRequest, Fetched | NightdeskError]]:
        """One attempt at a chunk: an answer for each request, as they come; `gap_s` between two requests at least.

        After a failure that is about the provider nothing more is sent: what was not asked is `Unasked`.
        Raises ConfigError.
        """


@runtime_checkable
class Quotes(Protocol):
    """A provider of prices of now."""

    @property
    def quotes_at_once(self) -> int:
        """The most symbols it is asked about in one attempt."""

    def rate_limit_group(self, request: BarRequest) -> str:
        """As that of `Provider`."""

    def prepare(self) -> None:
        """As that of `Provider`."""

    def fetch_quotes(
        self, symbols: Sequence[str], *, limit_s: float = LONGEST_FETCH_S
    ) -> Iterator[tuple[str, Quote | ExternalDataUnavailable]]:
        """One attempt at up to `quotes_at_once` symbols; as `fetch_many` otherwise."""


class Refused(ExternalDataUnavailable):
    """One attempt failed; `retry_after_s` is how long the provider itself forbids requests (None: not stated)."""

    def __init__(
        self,
        kind: ExternalKind,
        *,
        provider: str,
        symbol: str = "",
        detail: str = "",
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(kind, provider=provider, symbol=symbol, detail=detail)
        self.retry_after_s = retry_after_s

    def about(self, symbol: str) -> Refused:
        """This failure, for another symbol of one request."""
        return type(self)(
            self.kind, provider=self.provider, symbol=symbol, detail=self.detail, retry_after_s=self.retry_after_s
        )


class ConfirmedEmpty(Refused):
    """The provider answered properly that it has no bar in the range (kind `no_data`): remember, and do not ask again.

    Not raised for a symbol it does not know: that is a plain `no_data`.
    """

    def __init__(self, *, provider: str, symbol: str, ranges: tuple[Range, ...]) -> None:
        super().__init__("no_data", provider=provider, symbol=symbol, detail="no bar in the range asked for")
        self.confirmed_empty = ranges


class Renamed(Refused):
    """The provider answered about another symbol than was asked for (kind `schema`): what was asked for is gone."""


class NotAsked(ExternalDataUnavailable):
    """Nothing was sent: the provider is blocked, or there is no time for it. `kind` is its last failure's."""


class Unasked(Refused):
    """Nothing was sent about this symbol, because the provider failed at another one; `kind` is that failure's."""


class NotSetUp(ConfigError):
    """A provider cannot be asked here: no key or password is set, or its client is not installed. Nothing was sent."""
