"""The trades of an account as arrays, however they are kept; there may be millions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pyjobs.account.portfolio.simulate import ENTRY_PRICE, REASON, AccountTrade, AccountTrades
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


def ended(account_trades: Sequence[AccountTrade]) -> Ended:
    """The closed ones of `account_trades`, in their order."""
    if isinstance(account_trades, AccountTrades):
        return _of_columns(account_trades)
    closed = [account_trade for account_trade in account_trades if account_trade.trade.reason != "open"]
    times = [(account_trade.trade.exit_ts_ms - account_trade.trade.entry_ts_ms) / DAY_MS for account_trade in closed]
    return Ended(
        returns=np.array([account_trade.net_return for account_trade in closed], np.float64),
        pnl=np.array([account_trade.pnl for account_trade in closed], np.float64),
        days=np.array(times, np.float64),
        long=np.array([account_trade.trade.side == "long" for account_trade in closed], bool),
        reasons=np.array([REASONS.index(account_trade.trade.reason) for account_trade in closed], np.int64),
    )


def _of_columns(account_trades: AccountTrades) -> Ended:
    reasons, pnl = account_trades.trade(REASON).astype(np.int64), account_trades.money("pnl")
    return Ended(
        returns=pnl
        / (account_trades.money("size") * account_trades.trade(ENTRY_PRICE) * account_trades.money("rate_in")),
        pnl=pnl,
        days=(account_trades.trade(EXIT_TIME) - account_trades.trade(ENTRY_TIME)) / DAY_MS,
        long=account_trades.trade(SIDE) > 0,
        reasons=reasons,
    ).of(reasons != REASONS.index("open"))
