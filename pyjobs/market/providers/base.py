"""What every provider is: one name, one question (a `BarRequest`), one answer (`Fetched`), one error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from utils.errors import ConfigError, ExternalDataUnavailable, ExternalKind

if TYPE_CHECKING:
    from pyjobs.market.bars import Bars
    from pyjobs.market.store.partitions import Adjusted

LONGEST_FETCH_S = 45.0
"""No single attempt lasts longer, however many requests it is made of."""

Range = tuple[int, int]
"""First and last `ts_ms` of a stretch of bars, both included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BarRequest:
    """Which bars: `symbol` as this provider calls it, and the bars' closes, both ends included, UTC milliseconds.

    `market` is the calendar by which a daily bar closes. `local_keys` are other names a local source may know.
    """

    symbol: str
    timeframe: str
    start_ms: int
    end_ms: int
    market: str = "24/7"
    local_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the provider says of the symbol it answered about; empty where it does not say.

    `currency` as the provider writes it (GBp is pence); `zone` is a tz name; `kind` its own word (EQUITY, INDEX …).
    """

    symbol: str = ""
    currency: str = ""
    zone: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """At least one bar, in order, all closed when fetched, and where they came from.

    `last_final`: the last bar is past the time in which this provider still revises it. `confirmed_empty`: stretches
    within the request about which the provider answered and in which it has no bar (no trades): do not ask again.
    """

    bars: Bars
    provider: str
    symbol: str
    adjusted: Adjusted
    fetched_at_ms: int
    last_final: bool
    confirmed_empty: tuple[Range, ...] = ()
    about: About | None = None


class Provider(Protocol):
    """Where bars come from. `network`: asking it needs the network, so it is gated, retried and may be forbidden."""

    @property
    def name(self) -> str:
        """The name in config/data_sources.yaml, in provenance and in the state file."""

    @property
    def network(self) -> bool:
        """Whether asking it leaves the machine."""

    def gate(self, request: BarRequest) -> str:
        """Who is behind it, and may ban us: providers that ask the same servers share one state."""

    def cached(self, request: BarRequest, now_ms: int) -> Fetched | None:
        """An earlier answer that is still true, without asking anybody; None without one."""

    def prepare(self) -> None:
        """Get ready for a `fetch` that comes after a pause; sends nothing."""

    def fetch(self, request: BarRequest, now_ms: int, *, limit_s: float = LONGEST_FETCH_S) -> Fetched:
        """One attempt, ended after `limit_s`. Never returns without bars.

        Raises ExternalDataUnavailable, ConfigError, BadDataError.
        """


class Refused(ExternalDataUnavailable):
    """One attempt failed; `hold_s` is how long the provider itself wants to be left alone (None: it did not say)."""

    def __init__(
        self, kind: ExternalKind, *, provider: str, symbol: str = "", detail: str = "", hold_s: float | None = None
    ) -> None:
        super().__init__(kind, provider=provider, symbol=symbol, detail=detail)
        self.hold_s = hold_s


class ConfirmedEmpty(Refused):
    """The provider answered properly that it has no bar in the range (kind `no_data`): remember, and do not ask again.

    Not raised for a symbol it does not know: that is a plain `no_data`.
    """

    def __init__(self, *, provider: str, symbol: str, ranges: tuple[Range, ...]) -> None:
        super().__init__("no_data", provider=provider, symbol=symbol, detail="no bar in the range asked for")
        self.confirmed_empty = ranges


class NotAsked(ExternalDataUnavailable):
    """Nothing was sent: the provider is to be left alone, or there is no time for it. `kind` is its last failure's."""


class NotSetUp(ConfigError):
    """A provider cannot be asked here: no key or password is set, or its client is not installed. Nothing was sent."""
