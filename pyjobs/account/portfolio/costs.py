"""What a trade costs: slippage, a fee on both sides, a tax on the sale, and borrowing what was sold short.

All in basis points of notional; nothing is rounded to coins, prices are rounded to ticks where a market has them.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace

import numpy as np

from pyjobs.market.bars import FloatArray
from pyjobs.strategy.signals import Side

BASIS_POINT = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """`fee_bps` of each fill's notional, and `sell_tax_bps` on top of it for a sale.

    `sell_tax_by_time`: (from this UTC ms on, basis points), ascending; where it has a rate it replaces the flat
    `sell_tax_bps`. `slippage_bps`: how much worse than the bar's price a fill is. `borrow_bps`: of a short position's
    value, per year of 365 days. `fx_bps`: of each fill's notional that had to be converted.
    """

    fee_bps: float = 0.0
    sell_tax_bps: float = 0.0
    sell_tax_by_time: tuple[tuple[int, float], ...] = ()
    slippage_bps: float = 0.0
    borrow_bps: float = 0.0
    fx_bps: float = 0.0

    def on(self, *, taxed: bool, converted: bool) -> Costs:
        """What they are on one instrument: whether its sale is taxed, and whether its money has to be converted."""
        fee = self.fee_bps + self.fx_bps if converted else self.fee_bps
        known = replace(self, fee_bps=fee, fx_bps=0.0)
        return known if taxed else replace(known, sell_tax_bps=0.0, sell_tax_by_time=())

    def at(self, ts_ms: int) -> Costs:
        """These costs with the tax that holds at `ts_ms`."""
        place = bisect_right(self.sell_tax_by_time, (ts_ms, float("inf"))) - 1
        return replace(self, sell_tax_bps=self.sell_tax_by_time[place][1], sell_tax_by_time=()) if place >= 0 else self

    def buying(self, notional: float) -> float:
        """Money paid on top of `notional` bought."""
        return notional * (self.fee_bps * BASIS_POINT)

    def selling(self, notional: float) -> float:
        """Money taken out of `notional` sold."""
        return notional * ((self.fee_bps + self.sell_tax_bps) * BASIS_POINT)

    def entering(self, side: Side, notional: float) -> float:
        """Cost of the fill that opens a position."""
        return self.buying(notional) if side == "long" else self.selling(notional)

    def leaving(self, side: Side, notional: float) -> float:
        """Cost of the fill that closes a position."""
        return self.selling(notional) if side == "long" else self.buying(notional)

    def filled(self, price: float, *, buy: bool) -> float:
        """The price of a fill, worse than the bar's by the slippage, before it moves to the next tick."""
        return price * self.slipped(buy=buy)

    def slipped(self, *, buy: bool) -> float:
        """What slippage multiplies a price by."""
        return 1 + (self.slippage_bps if buy else -self.slippage_bps) * BASIS_POINT

    def net_returns(self, side: Side, entry: FloatArray, leave: FloatArray, leave_ms: FloatArray) -> FloatArray:
        """`net_return` of many trades, each with the tax that holds when it ends."""
        bps = np.full(entry.size, self.sell_tax_bps)
        if self.sell_tax_by_time:
            froms, taxes = (np.array(column) for column in zip(*self.sell_tax_by_time, strict=True))
            place = np.searchsorted(froms, leave_ms, side="right") - 1
            bps = np.where(place >= 0, taxes[np.maximum(place, 0)], bps)
        opened, closed = entry * self.slipped(buy=side == "long"), leave * self.slipped(buy=side == "short")
        buying, selling = self.fee_bps * BASIS_POINT, (self.fee_bps + bps) * BASIS_POINT
        gain = closed - opened if side == "long" else opened - closed
        paid = (buying, selling) if side == "long" else (selling, buying)
        net: FloatArray = (gain - opened * paid[0] - closed * paid[1]) / opened
        return net

    def net_return(self, side: Side, entry_price: float, exit_price: float) -> float:
        """Profit after slippage and both costs, as a fraction of the entry's notional; without what a loan costs."""
        entry = self.filled(entry_price, buy=side == "long")
        leave = self.filled(exit_price, buy=side == "short")
        gain = leave - entry if side == "long" else entry - leave
        return (gain - self.entering(side, entry) - self.leaving(side, leave)) / entry
