"""What can be traded in fakemarket, and under which name each provider knows it.

One instrument is one price history: Yahoo's `^KS11` and KRX's index 1001 are the same series, as they are outside.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """`ratio` new shares for one old, first traded on `session`."""

    session: dt.date
    ratio: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Dividend:
    """`amount` per share as they were counted that day, without it from `session` on."""

    session: dt.date
    amount: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """`price` is where its walk is centred, `decimals` what is quoted, `size` the volume of a middling minute.

    `quiet` is the share of minutes in which nobody trades; `every` minutes somebody may, which makes years of it cheap.
    Provider names are empty where a provider does not have it.
    """

    id: str
    seed: int
    market: str
    currency: str
    name: str
    kind: str
    price: float
    decimals: int
    size: float
    volume_decimals: int = 0
    quiet: float = 0.0
    every: int = 1
    listed: dt.date = dt.date(2012, 1, 2)
    yahoo: str = ""
    bitfinex: str = ""
    krx_index: str = ""
    krx_stock: str = ""
    isin: str = ""
    alpaca: str = ""
    splits: tuple[Split, ...] = ()
    dividends: tuple[Dividend, ...] = ()


def _coin(id: str, seed: int, price: float, size: float, quiet: float, decimals: int, **names: str) -> Instrument:
    return Instrument(
        id=id, seed=seed, market="24/7", currency="USD", name=id, kind="CRYPTOCURRENCY", price=price, decimals=decimals,
        size=size, volume_decimals=8, quiet=quiet, listed=dt.date(2015, 1, 1), **names,
    )  # fmt: skip


def _korean(id: str, seed: int, name: str, kind: str, price: float, size: float, **names: str) -> Instrument:
    return Instrument(
        id=id, seed=seed, market="XKRX", currency="KRW", name=name, kind=kind, price=price,
        decimals=2 if kind == "INDEX" else 0, size=size, **names,
    )  # fmt: skip


def _american(
    id: str,
    seed: int,
    name: str,
    kind: str,
    price: float,
    *,
    splits: tuple[Split, ...] = (),
    dividends: tuple[Dividend, ...] = (),
    **names: str,
) -> Instrument:
    return Instrument(
        id=id, seed=seed, market="XNYS", currency="USD", name=name, kind=kind, price=price, decimals=2, size=40_000,
        splits=splits, dividends=dividends, **names,
    )  # fmt: skip


def _made_up_coins() -> tuple[Instrument, ...]:
    """A hundred pairs XAAUSD … XDVUSD, for jobs over many symbols."""
    names = [f"X{first}{second}" for first in "ABCD" for second in "ABCDEFGHIJKLMNOPQRSTUVWXY"]
    return tuple(
        _coin(f"{name}USD", 1_000 + number, 10.0, 50.0, 0.05, 4, bitfinex=f"t{name}USD", alpaca=f"{name}/USD")
        for number, name in enumerate(names)
    )


def _made_up_shares() -> tuple[Instrument, ...]:
    """A thousand American shares ZAAA … ZJJJ, traded each half hour; Yahoo has the first 250 of them."""
    names = ["Z" + "".join("ABCDEFGHIJ"[int(digit)] for digit in f"{number:03}") for number in range(1_000)]
    return tuple(
        Instrument(
            id=name, seed=2_000 + number, market="XNYS", currency="USD", name=name, kind="EQUITY",
            price=20.0 + number % 300, decimals=2, size=100_000, every=30, alpaca=name,
            yahoo=name if number < YAHOO_SHARES else "",
        )
        for number, name in enumerate(names)
    )  # fmt: skip


YAHOO_SHARES = 250
INSTRUMENTS: tuple[Instrument, ...] = (
    *_made_up_coins(),
    *_made_up_shares(),
    _coin("BTCUSD", 1, 60_000, 2.0, 0.02, 0, bitfinex="tBTCUSD", yahoo="BTC-USD", alpaca="BTC/USD"),
    _coin("ETHUSD", 2, 3_000, 20.0, 0.10, 1, bitfinex="tETHUSD", yahoo="ETH-USD", alpaca="ETH/USD"),
    _coin("LTCUSD", 3, 90, 30.0, 0.45, 3, bitfinex="tLTCUSD", yahoo="LTC-USD", alpaca="LTC/USD"),
    _coin("SOLUSD", 4, 150, 60.0, 0.25, 3, bitfinex="tSOLUSD", yahoo="SOL-USD", alpaca="SOL/USD"),
    _coin("DOGEUSD", 5, 0.2, 9_000.0, 0.60, 6, bitfinex="tDOGE:USD", yahoo="DOGE-USD", alpaca="DOGE/USD"),
    _coin("XRPUSD", 6, 2.0, 4_000.0, 0.20, 5, bitfinex="tXRPUSD", yahoo="XRP-USD", alpaca="XRP/USD"),
    _coin("ADAUSD", 7, 0.7, 9_000.0, 0.35, 5, bitfinex="tADAUSD", yahoo="ADA-USD"),
    _coin("DOTUSD", 8, 6.0, 800.0, 0.40, 4, bitfinex="tDOTUSD", yahoo="DOT-USD"),
    _coin("LINKUSD", 9, 15.0, 300.0, 0.35, 4, bitfinex="tLINK:USD", yahoo="LINK-USD"),
    _coin("AVAXUSD", 10, 30.0, 200.0, 0.45, 4, bitfinex="tAVAX:USD", yahoo="AVAX-USD"),
    _korean("KOSPI", 11, "코스피", "INDEX", 2_700, 1_100_000, yahoo="^KS11", krx_index="1001"),
    _korean("KOSPI200", 12, "코스피 200", "INDEX", 360, 400_000, yahoo="^KS200", krx_index="1028"),
    _korean("KOSDAQ", 13, "코스닥", "INDEX", 800, 2_400_000, yahoo="^KQ11", krx_index="2001"),
    Instrument(
        id="005930", seed=14, market="XKRX", currency="KRW", name="삼성전자", kind="EQUITY", price=70_000, decimals=0,
        size=45_000, yahoo="005930.KS", krx_stock="005930", isin="KR7005930003",
        splits=(Split(session=dt.date(2018, 5, 4), ratio=50),),
        dividends=(
            Dividend(session=dt.date(2025, 12, 29), amount=361),
            Dividend(session=dt.date(2026, 3, 30), amount=372),
        ),
    ),
    _korean("000660", 15, "SK하이닉스", "EQUITY", 200_000, 9_000,
            yahoo="000660.KS", krx_stock="000660", isin="KR7000660001"),
    _korean("069500", 16, "KODEX 200", "ETF", 36_000, 20_000,
            yahoo="069500.KS", krx_stock="069500", isin="KR7069500007"),
    _korean("229200", 17, "KODEX 코스닥150", "ETF", 12_000, 30_000,
            yahoo="229200.KS", krx_stock="229200", isin="KR7229200001"),
    _american("SPX", 21, "S&P 500", "INDEX", 5_000, yahoo="^GSPC"),
    _american("NDX", 22, "NASDAQ Composite", "INDEX", 16_000, yahoo="^IXIC"),
    _american("SPY", 23, "SPDR S&P 500 ETF", "ETF", 500, yahoo="SPY", alpaca="SPY",
              dividends=(Dividend(session=dt.date(2026, 9, 18), amount=1.85),)),
    _american("EWY", 24, "iShares MSCI South Korea ETF", "ETF", 62, yahoo="EWY", alpaca="EWY"),
    _american("QQQ", 27, "Invesco QQQ", "ETF", 450, yahoo="QQQ", alpaca="QQQ"),
    _american("AAPL", 25, "Apple Inc.", "EQUITY", 190, yahoo="AAPL", alpaca="AAPL",
              splits=(Split(session=dt.date(2020, 8, 31), ratio=4),),
              dividends=(Dividend(session=dt.date(2026, 8, 10), amount=0.26),
                         Dividend(session=dt.date(2026, 11, 9), amount=0.26))),
    _american("MSFT", 26, "Microsoft Corporation", "EQUITY", 400, yahoo="MSFT", alpaca="MSFT"),
    *(_american(name, seed, name, "ETF", 200, yahoo=name, alpaca=name)
      for seed, name in enumerate(("DIA", "IWM", "VTI", "GLD", "TLT"), 32)),
    Instrument(
        id="EURUSD", seed=31, market="FX", currency="USD", name="EUR/USD", kind="CURRENCY", price=1.1, decimals=5,
        size=0, quiet=0.01, yahoo="EURUSD=X",
    ),
)  # fmt: skip

BY_ID = {instrument.id: instrument for instrument in INSTRUMENTS}


def by_name(provider: str, name: str) -> Instrument | None:
    """The instrument that `provider` (an attribute of Instrument, such as `yahoo`) calls `name`."""
    return _names_of(provider).get(name)


@lru_cache
def _names_of(provider: str) -> dict[str, Instrument]:
    """What the provider has, by its name for it."""
    return {name: one for one in reversed(INSTRUMENTS) if (name := getattr(one, provider))}
