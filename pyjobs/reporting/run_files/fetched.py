"""reports/fetch.json as types."""

from __future__ import annotations

import msgspec


class FetchedFrom(msgspec.Struct, frozen=True):
    """One exchange. `came` and `went` are those of its listing since the one before.

    `provisional`: symbols whose newest bar the provider may still revise. `revised`: how many stored bars came with
    other numbers; `told`: which, a sentence for each series.
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
    seconds: float = 0.0
    newest: str = ""
    provisional: list[str] = []
    rebased: list[str] = []
    revised: int = 0
    told: list[str] = []
    set_aside: list[str] = []
    notes: list[str] = []
    came: list[str] = []
    went: list[str] = []


class Lacking(msgspec.Struct, frozen=True):
    """One series that lacks its newest bar; `expected`: it should have one."""

    exchange: str
    symbol: str
    timeframe: str
    kind: str
    since: str
    expected: bool
    news: bool = False
    detail: str = ""


class Fetch(msgspec.Struct, frozen=True):
    """The whole file. `network`: whether jobs might ask the network."""

    exchanges: list[FetchedFrom]
    missing: list[Lacking] = []
    partial: bool = False
    network: bool = True
    asof_utc: str = ""
