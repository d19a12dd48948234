"""The trades of an account as arrays, however they are kept; there may be millions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyjobs.account.portfolio.simulate import ENTRY_PRICE, REASON, Deal, Deals
from pyjobs.market.bars import FloatArray, IntArray
from pyjobs.strategy.lifecycle import REASONS

SIDE, ENTRY_TIME, EXIT_TIME = 0, 2, 5  # places in a trade, as the kernel writes it
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ended:
    """The closed trades: net return and pnl after costs, days held, whether long, and why each ended (in REASONS)."""

    returns: FloatArray
    pnl: FloatArray
    days: FloatArray
    long: npt.NDArray[np.bool_]
    reasons: IntArray

    def of(self, chosen: npt.NDArray[np.bool_]) -> Ended:
        """Those of them."""
        return Ended(
            returns=self.returns[chosen],
            pnl=self.pnl[chosen],
            days=self.days[chosen],
            long=self.long[chosen],
            reasons=self.reasons[chosen],
        )


def ended(deals: Sequence[Deal]) -> Ended:
    """The closed ones of `deals`, in their order."""
    if isinstance(deals, Deals):
        return _of_columns(deals)
    closed = [deal for deal in deals if deal.trade.reason != "open"]
    times = [(deal.trade.exit_ts_ms - deal.trade.entry_ts_ms) / DAY_MS for deal in closed]
    return Ended(
        returns=np.array([deal.net_return for deal in closed], np.float64),
        pnl=np.array([deal.pnl for deal in closed], np.float64),
        days=np.array(times, np.float64),
        long=np.array([deal.trade.side == "long" for deal in closed], bool),
        reasons=np.array([REASONS.index(deal.trade.reason) for deal in closed], np.int64),
    )


def _of_columns(deals: Deals) -> Ended:
    reasons, pnl = deals.trade(REASON).astype(np.int64), deals.money("pnl")
    return Ended(
        returns=pnl / (deals.money("size") * deals.trade(ENTRY_PRICE) * deals.money("rate_in")),
        pnl=pnl,
        days=(deals.trade(EXIT_TIME) - deals.trade(ENTRY_TIME)) / DAY_MS,
        long=deals.trade(SIDE) > 0,
        reasons=reasons,
    ).of(reasons != REASONS.index("open"))
