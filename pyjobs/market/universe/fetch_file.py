"""reports/fetch.json as types: the fetch writes them, the reports read them."""

from __future__ import annotations

import msgspec


class FetchedFrom(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange. `came` and `went` are those of its listing since the one before.

    `provisional`: symbols with a newest bar that the provider may still revise. `revised`: how many stored bars came
    with other numbers; `lines`: which, a sentence for each series.
    """

    exchange: str
    market: str
    session: str
    series: int
    asked: int = 0
    questions: int = 0
    new_bars: int = 0
    up_to_date: int = 0
    missing: int = 0
    provisional: list[str] = []
    rebased: list[str] = []
    revised: int = 0
    lines: list[str] = msgspec.field(default_factory=list, name="told")
    set_aside: list[str] = []
    oldest: str = ""
    newest: str = ""
    seconds: float = 0.0
    came: list[str] = []
    went: list[str] = []
    notes: list[str] = []


class FetchedSeries(msgspec.Struct, frozen=True, kw_only=True):
    """One series: its newest stored bar, and how many bars came."""

    symbol: str
    exchange: str
    timeframe: str
    last_session: str | None = None
    last_ts_ms: int | None = None
    new_bars: int = 0


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """A series without its newest bar. `expected`: it should have one; `news`: it is reported for the first time.

    `kind` is the provider's failure (rate_limit, outage …); `late`: it answers and has the session of too few;
    `no_bar`: it has that of the others; `gone`, `unknown`, `renamed`, `not_listed`, `halted`, `silent` as in
    `symbol_states`.
    `since` is the session from which it lacks.
    """

    exchange: str
    symbol: str
    timeframe: str
    kind: str
    since: str
    expected: bool
    news: bool = False
    detail: str = ""


class Tally(msgspec.Struct, kw_only=True):
    """The due series of one market: how many there are, how many a provider has not yet, how many it failed to give."""

    due: int = 0
    late: int = 0
    failed: int = 0


class Fetch(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file. `network`: whether jobs might ask the network (ALLOW_NET_FETCH)."""

    desk: str = ""
    asof_utc: str = ""
    network: bool = True
    partial: bool = False
    exchanges: list[FetchedFrom]
    instruments: list[FetchedSeries] = []
    missing: list[Missing] = []
    markets: dict[str, Tally] = {}
