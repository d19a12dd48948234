"""Whether an answer is about what was asked: the symbol, its currency, its market, the days and the length of bars.

Every door to the providers passes here (`ask`, `ask_many`, `ask_quotes`). What only the user can set right (the wrong
exchange, the wrong currency) is BadDataError and names what would fit; what the provider has mixed up is `schema`.
"""

from __future__ import annotations

from pyjobs.market.exchanges import load_exchanges
from pyjobs.market.provider_names import RATE_LIMIT_GROUPS
from pyjobs.market.providers.base import About, BarRequest, Fetched, Quote, Refused, Renamed
from pyjobs.market.providers.own_events import contradicted
from pyjobs.market.providers.units import newest_in_another_unit, of_one_unit
from utils import trading_day
from utils.errors import BadDataError, MisfitError
from utils.settings import config

SAME_LENGTH = {"30m": ("30m", "15m"), "1h": ("1h", "60m"), "1d": ("1d",)}
"""What a provider may call the bars it sends; yfinance 1.7.0 makes half hours of quarters (scrapers/history.py)."""
OTHER_ZONES = {"24/7": "UTC", "FX": "Europe/London", "CMES": "America/New_York"}
"""Yahoo's zone of a market where that is not the calendar's own."""


MARKET_OF = {"CRYPTOCURRENCY": "24/7", "CURRENCY": "FX", "FUTURE": "CMES"}
"""Where things of a kind, in Yahoo's words, are traded. London's shares have the zone of its currencies."""
EXCHANGED = ("EQUITY", "ETF", "INDEX", "MUTUALFUND")
"""Kinds that are traded on none of those markets."""
TRADED = {
    "alpaca": About(zone="America/New_York", kind="EQUITY"),
    "bitfinex": About(zone="UTC", kind="CRYPTOCURRENCY"),
    "ccxt": About(zone="UTC", kind="CRYPTOCURRENCY"),
    "krx_stock": About(zone="Asia/Seoul", kind="EQUITY"),
    "pykrx_index": About(zone="Asia/Seoul", kind="INDEX"),
}
"""What all of a provider's symbols are, where its answers do not say so."""


def checked(fetched: Fetched, request: BarRequest) -> Fetched:
    """`fetched`, when it is about what `request` asked for; where no bar is `stored`, without rows in another unit
    than the newest.

    Raises BadDataError or Refused(schema).
    """
    if known := TRADED.get(fetched.provider):
        _same_market(known, fetched.provider, request.symbol, request.market, "")
    if fetched.about is None:
        return fetched
    check_about(fetched.about, fetched.provider, request)
    why = contradicted(fetched, request.market) or ("" if request.stored else newest_in_another_unit(fetched))
    if why:
        raise Refused("schema", provider=fetched.provider, symbol=request.symbol, detail=why, retry_after_s=0.0)
    if request.stored:
        return fetched
    taken = of_one_unit(fetched)
    if not len(taken.bars):
        why = f"none of {len(fetched.bars)} rows is usable: a price of theirs is in another unit"
        raise Refused("schema", provider=fetched.provider, symbol=request.symbol, detail=why, retry_after_s=0.0)
    return taken


def check_about(about: About, provider: str, request: BarRequest) -> None:
    """Raises as `checked` when an answer, still unparsed, is about something else."""
    _same_symbol(about, provider, request.symbol)
    _same_market(about, provider, request.symbol, request.market, request.currency)
    if about.granularity and about.granularity not in SAME_LENGTH.get(request.timeframe, (request.timeframe,)):
        detail = f"it sends bars of {about.granularity}, asked for {request.timeframe}"
        raise Refused("schema", provider=provider, symbol=request.symbol, detail=detail, retry_after_s=0.0)


def as_taken(fetched: Fetched, request: BarRequest) -> Fetched | None:
    """The result of `checked`; None where it takes nothing."""
    try:
        return checked(fetched, request)
    except (Refused, BadDataError):
        return None


def checked_quote(quote: Quote, provider: str, market: str, currency: str) -> Quote:
    """`quote`, checked to be of one of `market`'s symbols in `currency` ("": any)."""
    if quote.about is not None:
        _same_symbol(quote.about, provider, quote.symbol)
        _same_market(quote.about, provider, quote.symbol, market, currency)
    return quote


def zone_of(market: str) -> str:
    """The time zone that providers name for a market's symbols."""
    return OTHER_ZONES.get(market) or trading_day.load(market).zone


def _same_symbol(about: About, provider: str, symbol: str) -> None:
    if about.symbol and about.symbol.casefold() != symbol.casefold():
        detail = f"it answers about {about.symbol}: was {symbol} renamed?"
        raise Renamed("schema", provider=provider, symbol=symbol, detail=detail, retry_after_s=0.0)


def _same_market(about: About, provider: str, symbol: str, market: str, currency: str) -> None:
    zone = zone_of(market)
    if about.zone and about.zone != zone:
        text = f"{provider} has {symbol} as traded in {about.zone}, and {market} is in {zone}"
        raise MisfitError(f"{text}: {_fitting(provider, about)}; nothing of it was taken")
    if not _traded_on(market, about.kind):
        text = f"{provider} has {symbol} as of the kind {about.kind}, and {market} has no such thing"
        raise MisfitError(f"{text}: {_fitting(provider, about)}; nothing of it was taken")
    if currency and about.currency and about.currency != currency:
        text = f"{provider} has {symbol} in {about.currency}{_unit(about.currency)}, not in {currency}"
        raise MisfitError(f"{text}: {_fitting(provider, about)}; nothing of it was taken")


def _traded_on(market: str, kind: str) -> bool:
    """Whether such things can be; of a kind that is not known here, yes."""
    if kind in MARKET_OF:
        return market == MARKET_OF[kind]
    return kind not in EXCHANGED or market not in MARKET_OF.values()


def _unit(currency: str) -> str:
    """The currency behind a hundredth of one: providers quote some shares in hundredths."""
    pence = {"GBp": "pence, a hundredth of GBP", "ZAc": "cents, a hundredth of ZAR", "ILA": "agorot, hundredths of ILS"}
    return f" ({pence[currency]})" if currency in pence else ""


def _fitting(provider: str, about: About) -> str:
    """The exchange of config/exchanges.yaml that fits such a symbol."""
    path = config.own_or_default("exchanges.yaml")
    fitting = [
        name
        for name, one in load_exchanges(path).items()
        if RATE_LIMIT_GROUPS.get(one.provider) == RATE_LIMIT_GROUPS.get(provider)
        and about.zone in ("", zone_of(one.market))
        and _traded_on(one.market, about.kind)
        and one.currency in ("", about.currency or one.currency)
    ]
    if fitting:
        return f"exchange {' or '.join(fitting)} fits"
    wanted = " and ".join(
        [f"`market` in {about.zone}"] * bool(about.zone) + [f"`currency` {about.currency}"] * bool(about.currency)
    )
    return f"no exchange of {path} fits: it needs one with {wanted}"
