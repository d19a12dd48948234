"""A strategy on a series, as an account trades it."""

from __future__ import annotations

from dataclasses import dataclass

from pyjobs.account.portfolio.fx import Conversion
from pyjobs.account.portfolio.krx import Grid
from pyjobs.account.portfolio.signals.packed import PackedSignals
from pyjobs.market.bars import Bars, SeriesKey


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sleeve:
    """One setup on one series, on one side. `lot`: the least quantity that trades (1: whole shares; 1e-8: coins).

    `group`: what it shares a cap with ("": nothing). `grid`: the prices that can be traded, empty where all can.
    `currency`: of its prices; `conversion` into the account's, None where they are the same. `taxed`: whether its sale
    is.
    """

    key: SeriesKey
    setup: str
    bars: Bars
    signals: PackedSignals
    lot: float
    group: str = ""
    grid: Grid = ()
    currency: str = ""
    taxed: bool = True
    conversion: Conversion | None = None
