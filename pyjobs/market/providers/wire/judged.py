"""The answers of Yahoo, KRX, Bitfinex and Alpaca, each judged by its own rules. `None` means: as it should be.

Shapes and codes are those the clients themselves read (yfinance 1.7, pykrx 1.2.9, ccxt 4.5.90, alpaca-py 0.44).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pyjobs.market.providers.wire.http_answer import Answer, Fault, fault_of, json_of, page_fault
from pyjobs.market.providers.wire.krx_calls import BOARD_FIELDS, SHARE_FIELDS

Judge = Callable[[Answer, float], Fault | None]

KRX_EXPIRED = (
    "the KRX password has expired (CD010; it does every three months): log in at https://data.krx.co.kr, choose a new "
    "one, put it into .env as KRX_PW, then run: python -m pyjobs.provider_state --reset krx"
)
_YAHOO_FIELDS = ("open", "high", "low", "close", "volume")
_KRX_FIELDS = ("TRD_DD", "OPNPRC_IDX", "HGPRC_IDX", "LWPRC_IDX", "CLSPRC_IDX", "ACC_TRDVOL")
_KRX_SHARES = {"OutBlock_1": BOARD_FIELDS, "output": SHARE_FIELDS, "block1": ("short_code", "full_code")}
_ALPACA_FIELDS = ("t", "o", "h", "l", "c", "v")
_ALPACA_SNAPSHOT = {"latestTrade", "dailyBar"}
_QUOTE_FIELDS = ("symbol", "regularMarketTime", "regularMarketPrice")
_NUMBERS = frozenset({int, float})  # as JSON has them; true and false are none
_BITFINEX_LIMIT, _BITFINEX_SYMBOL, _BITFINEX_CLOSED = 11010, 10020, 20060


def is_yahoo_chart(url: str) -> bool:
    """Whether this is a request for prices; every other request of yfinance is for a cookie or a crumb."""
    return "/finance/chart/" in url


def yahoo(answer: Answer, now_s: float) -> Fault | None:
    """A chart or quotes; of requests for a cookie or a crumb only a refusal ends the matter."""
    quotes = answer.url.endswith("/finance/quote")
    if not is_yahoo_chart(answer.url) and not quotes:
        fault = page_fault(answer, now_s)
        if fault is None or answer.status == 404:
            return None
        return Fault(fault.kind, fault.detail, fault.retry_after_s, final=fault.kind in ("blocked", "rate_limit"))
    fault = fault_of(answer, now_s)
    found = _yahoo_error(answer) if answer.status in (200, 400, 401, 404, 422) else None
    if found or fault:
        return found or fault
    content, fault = json_of(answer)
    if fault:
        return fault
    return _yahoo_quotes(content) if quotes else _yahoo_chart(content)


def _yahoo_quotes(content: Any) -> Fault | None:
    rows = _get(_get(content, "quoteResponse"), "result")
    if not isinstance(rows, list):
        return Fault("schema", "no list quoteResponse.result in the answer")
    missing = [name for name in _QUOTE_FIELDS for row in rows if not isinstance(row, dict) or name not in row]
    return Fault("schema", f"the quotes have no {', '.join(dict.fromkeys(missing))}") if missing else None


def _yahoo_chart(content: Any) -> Fault | None:
    result = _first(_get(_get(content, "chart"), "result"))
    quote = _first(_get(_get(result, "indicators"), "quote"))
    if not isinstance(result, dict) or "meta" not in result or not isinstance(quote, dict):
        return Fault("schema", "no chart.result with meta and indicators.quote in the answer")
    missing = [name for name in _YAHOO_FIELDS if name not in quote]
    if missing and (quote or result.get("timestamp")):
        return Fault("schema", f"indicators.quote has no {', '.join(missing)}")
    if quote and not result.get("timestamp"):
        return Fault("schema", "quotes without timestamp")
    daily = _get(result["meta"], "dataGranularity") == "1d"
    if daily and quote and "adjclose" not in result["indicators"]:  # the client would call closes adjusted that are not
        return Fault("schema", "the days come without adjusted closes", retry_after_s=0.0)
    return None


def _yahoo_error(answer: Answer) -> Fault | None:
    """The error Yahoo itself names, if the body is one of its error objects."""
    content, _ = json_of(answer)
    error = _get(_get(content, "chart"), "error") or _get(_get(content, "finance"), "error")
    if not isinstance(error, dict):
        return None
    code, text = str(error.get("code", "")), str(error.get("description", ""))
    if code == "Not Found" or "data not available" in text or "No data found" in text:
        return Fault("no_data", text or code, retry_after_s=0.0)
    if code == "Unauthorized" or "Crumb" in text:  # the client may have one more try with another cookie
        return Fault("auth", f"{code}: {text}", final=False)
    return Fault("rate_limit", text) if "Too Many" in code + text else Fault("schema", f"{code}: {text}")


def krx(answer: Answer, now_s: float) -> Fault | None:
    """A page of the login, the login itself, or an index. `LOGOUT` in place of data means: not logged in."""
    return _krx(answer, now_s, {"output": _KRX_FIELDS})


def krx_shares(answer: Answer, now_s: float) -> Fault | None:
    """Like `krx` for all shares of a day, one share's days and all names; a client that was logged out may log in."""
    return _krx(answer, now_s, _KRX_SHARES, again=True)


def _krx(answer: Answer, now_s: float, lists: Mapping[str, Sequence[str]], *, again: bool = False) -> Fault | None:
    if answer.body.strip() == b"LOGOUT":
        detail = "KRX answers LOGOUT: the session is not logged in; are KRX_ID and KRX_PW right?"
        return Fault("auth", detail, final=not again)
    if not answer.url.endswith(("getJsonData.cmd", "MDCCOMS001D1.cmd")):
        return page_fault(answer, now_s)
    fault = fault_of(answer, now_s)
    content, bad = (None, fault) if fault else json_of(answer)
    if bad:
        return bad
    return _krx_login(content) if answer.url.endswith("MDCCOMS001D1.cmd") else _krx_rows(content, lists)


def _krx_login(content: Any) -> Fault | None:
    code = _get(content, "_error_code")
    if code == "CD001":
        return None
    if code == "CD010":
        return Fault("auth", KRX_EXPIRED)
    if code == "CD011":  # logged in elsewhere: the client insists, once
        return Fault("auth", "KRX_ID is logged in elsewhere (CD011)", final=False)
    if not isinstance(code, str):
        return Fault("schema", "the login answers without _error_code")
    return Fault("auth", f"KRX refuses the login ({code}): are KRX_ID and KRX_PW right?")


def _krx_rows(content: Any, lists: Mapping[str, Sequence[str]]) -> Fault | None:
    name = next((name for name in lists if isinstance(_get(content, name), list)), None)
    if name is None:
        return Fault("schema", f"no list `{'` or `'.join(lists)}` in the answer")
    rows = content[name]
    missing = [field for field in lists[name] if rows and (not isinstance(rows[0], dict) or field not in rows[0])]
    return Fault("schema", f"the rows have no {', '.join(missing)}") if missing else None


def bitfinex(answer: Answer, now_s: float) -> Fault | None:
    """Candles `[MTS, OPEN, CLOSE, HIGH, LOW, VOLUME]`, or one of the exchange's error forms, whatever the status."""
    fault = fault_of(answer, now_s)
    content, bad = (None, None) if answer.failed else json_of(answer)
    found = _bitfinex_error(content, fault)
    if found or fault or bad:
        return found or fault or bad
    if not isinstance(content, list):
        return Fault("schema", "not a list of candles")
    if "/candles/" not in answer.url:
        return None
    if any(not isinstance(row, list) or len(row) < 6 or not _NUMBERS.issuperset(map(type, row[:6])) for row in content):
        return Fault("schema", "a candle is not six numbers [MTS, OPEN, CLOSE, HIGH, LOW, VOLUME]")
    return None


def _bitfinex_error(content: Any, fault: Fault | None) -> Fault | None:
    retry_after_s = fault.retry_after_s if fault else None
    if isinstance(content, dict) and "error" in content:
        content = ["error", content.get("code"), str(content["error"])]
    if not isinstance(content, list) or content[:1] != ["error"]:
        return None
    code, text = ([*content[1:3], "", ""])[:2]
    words = f"{code}: {text}"
    if code == _BITFINEX_LIMIT or "ratelimit" in str(text).lower() or "RATE_LIMIT" in str(text):
        return Fault("rate_limit", words, retry_after_s)
    if code == _BITFINEX_SYMBOL:
        return Fault("no_data", f"it has no such symbol (its answer: {words})", retry_after_s=0.0)
    if code == _BITFINEX_CLOSED or "unavailable" in str(text):
        return Fault("outage", words, retry_after_s)
    return Fault(fault.kind if fault else "schema", words, retry_after_s)


def alpaca(answer: Answer, now_s: float) -> Fault | None:
    """Bars by symbol; `bars: null` means that there are none."""
    fault = fault_of(answer, now_s)
    content, bad = json_of(answer) if answer.status else (None, None)
    message = str(_get(content, "message") or "")
    if fault and "subscription" in message:
        return Fault("auth", message, retry_after_s=0.0)
    if fault and "invalid symbol" in message:
        return Fault("no_data", message, retry_after_s=0.0, final=False)  # the others are asked for without it
    if fault or bad:
        return fault or bad
    if "/snapshots" in answer.url:
        return _alpaca_snapshots(content)
    if not isinstance(content, dict) or "bars" not in content:
        return Fault("schema", "no `bars` in the answer")
    bars = content["bars"] or {}
    if not isinstance(bars, dict) or any(not isinstance(rows, list) for rows in bars.values()):
        return Fault("schema", "`bars` is not a list for each symbol")
    rows = [row for rows in bars.values() for row in rows[:1] + rows[-1:]]
    missing = [name for name in _ALPACA_FIELDS for row in rows if not isinstance(row, dict) or name not in row]
    return Fault("schema", f"the bars have no {', '.join(dict.fromkeys(missing))}") if missing else None


def _alpaca_snapshots(content: Any) -> Fault | None:
    """An object by symbol; null, or without a trade, for who was not traded."""
    if not isinstance(content, dict) or not all(one is None or isinstance(one, dict) for one in content.values()):
        return Fault("schema", "the snapshots are not an object for each symbol")
    trades = [trade for one in content.values() if one and (trade := one.get("latestTrade")) is not None]
    if any(not {"t", "p"} <= set(trade) for trade in trades):
        return Fault("schema", "the latest trades have no t, p")
    if content and not any(one is None or one.keys() & _ALPACA_SNAPSHOT for one in content.values()):
        return Fault("schema", f"the snapshots have no {', '.join(sorted(_ALPACA_SNAPSHOT))}")
    return None


def any_json(answer: Answer, now_s: float) -> Fault | None:
    """An exchange of unknown shapes: JSON that is not null must come.

    A 4xx with a JSON body is not final: the client may be able to interpret it. Anything that is not JSON is final.
    """
    fault = fault_of(answer, now_s)
    content, bad = (None, None) if answer.failed else json_of(answer)
    if fault and fault.kind == "schema" and answer.status >= 400 and not bad:
        return Fault(fault.kind, fault.detail, fault.retry_after_s, final=False)
    if fault or bad:
        return fault or bad
    return Fault("schema", "null instead of data") if content is None else None


OF_EXCHANGES: dict[str, Judge] = {"bitfinex": bitfinex}
"""The exchanges asked through ccxt whose shapes are known here."""


def _get(content: Any, name: str) -> Any:
    return content.get(name) if isinstance(content, dict) else None


def _first(content: Any) -> Any:
    return content[0] if isinstance(content, list) and content else None
