"""The table of known price files (price_formats.toml): what each looks like and what its columns mean."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

import msgspec

TABLE = Path(__file__).with_suffix(".toml")
PLAIN = ("auto", "ohlcv", "ohlcv_start", "ohlcv_close", "bitfinex")


class PriceFormat(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One row of the table; its keys are explained at the head of the file."""

    name: str
    source: str
    header: list[str] = []
    exact: list[str] = []
    lacks: list[str] = []
    width: list[int] = []
    time: Literal["", "epoch", "compact", "daily", "dotted", "milliseconds"] = ""
    delimiter: str = ""
    columns: list[str] = []
    take: dict[str, str] = {}
    preamble: str = ""
    mark: Literal["", "start", "end"] = ""
    zone: str = ""
    dates: Literal["", "dmy", "mdy", "ymd"] = ""
    scale: float = 1.0
    asked: bool = False
    without: bool = False
    quiet: bool = False
    markets: Literal["", "sessions", "futures", "round"] = ""
    broker: bool = False
    zoned: bool = False
    signed: bool = False
    shares: Literal["", "now"] = ""
    told: list[str] = []
    adjusted: Literal["", "split"] = ""


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: list[PriceFormat]


@lru_cache(maxsize=1)
def price_formats() -> tuple[PriceFormat, ...]:
    """Every row of the table, in its order."""
    return tuple(msgspec.toml.decode(TABLE.read_bytes(), type=_Table).format)


def layout_names() -> list[str]:
    """The values of `layout:`: the plain ones, then the formats of the table."""
    return [*PLAIN, *dict.fromkeys(each.name for each in price_formats())]
