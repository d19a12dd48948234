"""Under which names the exchange with today's prices knows the symbols of another one."""

from __future__ import annotations

from collections.abc import Sequence

from pyjobs.market.desk import listings
from pyjobs.market.exchanges import Exchange
from pyjobs.market.providers.krx_board import NAME as KRX_SHARES
from utils.errors import MissingInputError

ENDINGS = {"KOSPI": ".KS", "KOSDAQ": ".KQ"}
"""What Yahoo puts behind KRX's codes, by board; it has no share of KONEX."""


def quoted_as(exchange: str, of: Exchange, symbols: Sequence[str], *, now_s: float) -> dict[str, str]:
    """The name of each symbol where its quotes come from; of KRX's shares by the board of its newest listing.

    Without a listing a share is looked for on KOSPI: a code of the other board is unknown there, never another share.
    """
    if not of.quotes or of.provider != KRX_SHARES:
        return {symbol: symbol for symbol in symbols}
    try:
        boards = {row.symbol: row.board for row in listings.newest(exchange, market=of.market, now_s=now_s).rows}
    except MissingInputError:
        boards = {}
    return {symbol: symbol + ENDINGS.get(boards.get(symbol, ""), ENDINGS["KOSPI"]) for symbol in symbols}
