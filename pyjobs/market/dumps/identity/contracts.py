"""Contracts by their codes: futures of a month, perpetuals, options; whether two of them are one."""

from __future__ import annotations

import re
from typing import Literal

MONTHS = "FGHJKMNQUVXZ"  # January to December, as futures exchanges write them
NAMES = "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"
_MONTH = re.compile(rf"([A-Z0-9]{{1,4}})([{MONTHS}])(\d{{1,2}}|\d{{4}})")
_NUMBERED = re.compile(r"([A-Z0-9]{1,4}) (\d{2})-(\d{2})")  # NinjaTrader's ES 12-24
_ROLLED = re.compile(r"([A-Z0-9]{1,4})(?:(\d)!|=F|_F|[.-]C[.-](\d))|[/@]([A-Z0-9]{1,4})")
"""TradingView's ES1!, Yahoo's ES=F, Databento's ES.c.0, thinkorswim's /ES, TradeStation's @ES."""
_EXCHANGE = re.compile(r"[-.](?:CME|CBOT|CBT|COMEX|CMX|NYMEX|NYM|GLOBEX|EUREX|ICE|XCME)$")
_OPTION = re.compile(
    r"(?:O:)?[A-Z./ ]{1,6}\d{6}[CP]\d{8}"  # OCC's
    r"|.*[-_ ]\d+(?:[.D]\d+)?-[CP](?:-.*)?"  # Deribit's, Binance's, OKX's
    r"|.* \d{1,2}/\d{1,2}(?:/\d{2,4})? [CP]\d+(?:\.\d+)?(?: .*)?"  # Bloomberg's
)
_PERPETUAL = re.compile(r"PERP|PERPETUAL|SWAP")
_DUE = re.compile(r"\d{1,2}[A-Z]{3}\d{2}|\d{4}|\d{6}|\d{8}")
_KRAKEN = re.compile(r"^(?:P[FI]|F[FI])_(?=[A-Z]{5})")
PERPETUAL = "perpetual"


def is_option(code: str) -> bool:
    """Whether a code is that of an option, which is never what it is an option on."""
    return bool(_OPTION.fullmatch(code.strip().upper()))


def by_month(text: str, wanted: str) -> Literal["one", "two", "asked", ""]:
    """Whether two codes, of which one is a future's, are of one contract; a code of no month is of any.

    `asked`: a future of another root than the letters that the desk has. "": neither is a future's.
    """
    first, second = _future(text), _future(wanted)
    if first is None and second is None:
        return ""
    (root, due), (mine, own) = first or (text, ""), second or (wanted, "")
    if root == mine:
        return "one" if due == own or not due or not own else "two"
    if first is not None and second is not None:
        return "two"
    return "asked" if first is not None else ""


def without_contract(parts: list[str]) -> tuple[list[str], str]:
    """The parts of a code that name what is traded, and its due date: a day, `PERPETUAL`, or "" where there is none."""
    kept, due = parts[:1], ""
    for part in parts[1:]:
        if _PERPETUAL.fullmatch(part):
            due = due or PERPETUAL
        elif _DUE.fullmatch(part) and (day := _day(part)):
            due = day
        elif part != "SPOT":
            kept.append(part)
    return kept, due


def without_kind(symbol: str) -> str:
    """A symbol without Kraken's mark of a perpetual or a future (PF_XBTUSD)."""
    return _KRAKEN.sub("", symbol)


def _future(code: str) -> tuple[str, str] | None:
    """(root, month and last digit of the year, or "") of a future's code; None for another one."""
    code = _EXCHANGE.sub("", re.sub(r"^[A-Z0-9_]+:", "", code.strip().upper()))
    if match := _NUMBERED.fullmatch(code):
        month = int(match[2])
        return (match[1], MONTHS[month - 1] + match[3][-1]) if 1 <= month <= len(MONTHS) else None
    if match := _ROLLED.fullmatch(code):
        later = match[2] if match[2] not in (None, "1") else match[3] if match[3] not in (None, "0") else ""
        return match[1] or match[4], f"+{later}" if later else ""
    match = _MONTH.fullmatch(code.lstrip("/@"))
    if match is None or match[1].isdigit():
        return None
    return match[1], match[2] + match[3][-1]


def _day(text: str) -> str:
    """The day of delivery that `27SEP24`, `240927`, `20240927` or `0927` is, as MMDD; "" for none."""
    if named := re.fullmatch(r"(\d{1,2})([A-Z]{3})\d{2}", text):
        month = NAMES.find(named[2]) // 3 + 1 if named[2] in NAMES else 0
        return f"{month:02}{int(named[1]):02}" if month else ""
    month, day = int(text[-4:-2]), int(text[-2:])
    return text[-4:] if 1 <= month <= len(MONTHS) and 1 <= day <= 31 else ""
