"""Where a symbol is listed, by the marks that vendors add: AAPL.DE, EPA:MC, SAP GY Equity."""

from __future__ import annotations

import re

_MARKETS = {
    "XNYS": "US O OQ N NYSE NASDAQ AMEX ARCA NYSEARCA NASDAQGS XNAS XNYS UN UW UQ",
    "XETR": "DE F BE MU SG HM DU HA ETR FRA XETRA XETR GY GR",
    "XLON": "L LN LON LSE XLON",
    "XPAR": "PA FP EPA XPAR",
    "XAMS": "AS NA AMS XAMS",
    "XSWX": "SW S SIX SWX VTX XSWX",
    "XMIL": "MI IM BIT XMIL",
    "XMAD": "MC SM BME XMAD",
    "XSTO": "ST SS STO XSTO",
    "XTSE": "TO CN TSX XTSE",
    "XKRX": "KS KQ KP KRX XKRX KOSPI KOSDAQ",
    "XTKS": "T JP JT TYO XTKS",
    "XHKG": "HK HKG HKEX XHKG",
    "XSHG": "SS SH SZ SHA SHE CH CG XSHG XSHE",
    "XTAI": "TW TWO TT TPE XTAI",
    "XASX": "AX AU AT ASX XASX",
    "XBOM": "NS BO IN IB IS NSE BSE BOM XBOM",
    "XSES": "SI SP SGX XSES",
    "": "MX BMV BA BCBA VI WBAG LS ELI BR EBR HE OL WA TA",
}  # fmt: skip
"""Yahoo's and Reuters' endings, Google's and TradingView's beginnings, Bloomberg's words; some are of two markets, the
last ones of exchanges without a calendar here.
"""
_OF: dict[str, set[str]] = {}
for _market, _marks in _MARKETS.items():
    for _mark in _marks.split():
        _OF.setdefault(_mark, set()).add(_market)
_MARKED = re.compile(
    r"(?:([A-Z]{1,8}):)?[A-Z0-9^-]+?(?:[.]([A-Z]{1,4})|-([A-Z]{2,4})| ([A-Z]{2})(?: (?:EQUITY|INDEX))?)?"
)


def is_elsewhere(text: str, symbol: str, market: str) -> bool:
    """Whether a code's mark is that of other exchanges than `market`, and the desk's symbol has not the same mark."""
    if market not in _MARKETS:
        return False
    mark = _mark_of(text)
    places = _OF.get(mark, set())
    return bool(places) and market not in places and mark != _mark_of(symbol)


def dotted(code: str, market: str) -> str:
    """A code with its mark behind a point where a hyphen stands (MC-PA, AAPL-US), if the mark is of `market`."""
    base, _, mark = code.rpartition("-")
    return f"{base}.{mark}" if base and len(mark) > 1 and market in _OF.get(mark, ()) else code


def _mark_of(code: str) -> str:
    match = _MARKED.fullmatch(code.strip().upper())
    return next((each for each in match.groups() if each in _OF), "") if match else ""
