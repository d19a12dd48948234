"""What a trade costs: a fee on both sides and a tax on the sale, in basis points of notional. No rounding to coins."""

from __future__ import annotations

from dataclasses import dataclass

from pyjobs.strategy.signals import Side

BASIS_POINT = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """`fee_bps` of each fill's notional, and `sell_tax_bps` on top of it for a sale."""

    fee_bps: float = 0.0
    sell_tax_bps: float = 0.0

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

    def net_return(self, side: Side, entry_price: float, exit_price: float) -> float:
        """Profit after both costs, as a fraction of the entry's notional."""
        gain = exit_price - entry_price if side == "long" else entry_price - exit_price
        return (gain - self.entering(side, entry_price) - self.leaving(side, exit_price)) / entry_price
