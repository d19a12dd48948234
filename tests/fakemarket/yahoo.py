"""Yahoo's chart API v8, with the cookie, crumb and consent pages that come before it.

Daily rows are stamped with the session's open, the row of a running session with the time of its last price. Prices
are split-adjusted as of now; `adjclose` has the dividends out as well.
"""

from __future__ import annotations

import datetime as dt

import numpy as np

from tests.fakemarket.bars import DAY_MS, MINUTE_MS, Bars, date_of, day_ms, offset_ms, sessions_of
from tests.fakemarket.market import Market
from tests.fakemarket.universe import Instrument, by_name
from tests.fakemarket.wire import Reply, Request, html_reply, json_reply, text_reply
from utils import trading_day

COOKIE = "d=AQABBFakeMarket"
CHART = "/v8/finance/chart/"
MINUTES = {"1m": 1, "2m": 2, "5m": 5, "15m": 15, "30m": 30, "60m": 60, "90m": 90, "1h": 60}
# How far back an interval reaches, and how much of it one request may ask for.
REACH_DAYS = {"1m": (30, 8), "2m": (60, 60), "5m": (60, 60), "15m": (60, 60), "30m": (60, 60), "90m": (60, 60)}
HOUR_REACH = (730, 730)
LONG = {"1d": 1, "5d": 5, "1wk": 7, "1mo": 30, "3mo": 91}
RANGES = {"1d": 1, "5d": 7, "1mo": 31, "3mo": 92, "6mo": 183, "1y": 366, "2y": 731, "5y": 1827, "10y": 3653}
VALID_RANGES = [*RANGES, "ytd", "max"]


class Yahoo:
    """Remembers which crumb is good; `rotate_crumb` makes the ones handed out before invalid."""

    name = "yahoo"
    hosts = (
        "query1.finance.yahoo.com",
        "query2.finance.yahoo.com",
        "fc.yahoo.com",
        "guce.yahoo.com",
        "consent.yahoo.com",
        "finance.yahoo.com",
    )
    paths = (CHART, "/v1/test/getcrumb", "/v10/finance/", "/v7/finance/", "/ws/fundamentals")
    null_bars = b'{"chart":{"result":null,"error":null}}'
    renamed = ((b'"timestamp"', b'"timestamps"'), (b'"quote"', b'"quotes"'), (b'"close"', b'"closing"'))

    def __init__(self) -> None:
        self.crumbs = 1

    def reset(self) -> None:
        self.crumbs = 1

    def rotate_crumb(self) -> None:
        self.crumbs += 1

    @property
    def crumb(self) -> str:
        return f"fake.crumb{self.crumbs}"

    def answer(self, request: Request, market: Market) -> Reply:
        if request.path.startswith(CHART):
            return self._chart(request, market)
        if request.path == "/v1/test/getcrumb":
            known = "A3" in request.cookies
            return text_reply(self.crumb) if known else refused("Invalid Cookie")
        if request.host == "fc.yahoo.com":
            reply = html_reply("Yahoo", 404)
            reply.headers["Set-Cookie"] = (
                f"A3={COOKIE}; Max-Age=31557600; Domain=.yahoo.com; Path=/; SameSite=None; Secure"
            )
            return reply
        if request.host in ("guce.yahoo.com", "consent.yahoo.com"):
            return consent(request)
        return json_reply(
            {"finance": {"result": None, "error": {"code": "Not Found", "description": "no such page"}}}, 404
        )

    def failure(self, status: int, _variant: str) -> Reply:
        if status == 429:
            return text_reply("Too Many Requests\r\n", 429)
        if status == 401:
            return refused("Invalid Crumb")
        if status in (500, 503):
            return html_reply("Will be right back...", status, "<p>Thank you for your patience.</p>")
        return json_reply(
            {"finance": {"result": None, "error": {"code": str(status), "description": "refused"}}}, status
        )

    def _chart(self, request: Request, market: Market) -> Reply:
        if request.params.get("crumb", self.crumb) != self.crumb:
            return refused("Invalid Crumb")
        one = by_name("yahoo", request.path.removeprefix(CHART))
        if one is None:
            return chart_error(404, "Not Found", "No data found, symbol may be delisted")
        interval = request.params.get("interval", "1d")
        if interval not in MINUTES and interval not in LONG:
            valid = ", ".join([*MINUTES, *LONG])
            return chart_error(
                422,
                "Unprocessable Entity",
                f"Invalid input - interval={interval} is not supported. Valid intervals: [{valid}]",
            )
        start_s, end_s = asked_range(request, one)
        too_far = out_of_reach(interval, start_s, end_s, request.now_ms // 1000)
        if too_far and "period1" in request.params:
            return chart_error(422, "Unprocessable Entity", too_far)
        if interval in MINUTES:
            step = MINUTES[interval] * MINUTE_MS
            bars = market.intraday(one, step, start_s * 1000, end_s * 1000, from_open=True)
        else:
            bars = longer(market.daily(one, local_day(one, start_s), local_day(one, end_s - 1)), one, interval)
        return json_reply(chart(one, interval, bars, market, request))


def asked_range(request: Request, one: Instrument) -> tuple[int, int]:
    """First second and the one after the last, from `period1`/`period2` or `range`."""
    params, now_s = request.params, request.now_ms // 1000
    if "period1" in params:
        return int(params["period1"]), int(params.get("period2", now_s + 1))
    name = params.get("range", "1d")
    today = local_day(one, now_s)
    if name == "ytd":
        first = today.replace(month=1, day=1)
    elif name == "max":
        first = one.listed
    elif name == "1d":
        first = trading_day.load(one.market).last_closed_session(now_s).date
        first = today if trading_day.load(one.market).session(today) and opened(one, today, now_s) else first
    else:
        first = today - dt.timedelta(days=RANGES.get(name) or int(name.rstrip("dmoy") or 1))
    return (day_ms(first) - int(offset_ms(one, np.array([day_ms(first)]))[0])) // 1000, now_s + 1


def opened(one: Instrument, day: dt.date, now_s: int) -> bool:
    session = trading_day.load(one.market).session(day)
    return session is not None and session.open_utc_s <= now_s


def local_day(one: Instrument, at_s: int) -> dt.date:
    at_ms = max(at_s, 0) * 1000
    return date_of(at_ms + int(offset_ms(one, np.array([at_ms]))[0]))


def out_of_reach(interval: str, start_s: int, end_s: int, now_s: int) -> str:
    """What Yahoo says when an intraday request is too old or too long; empty when it is neither."""
    if interval not in MINUTES:
        return ""
    back, span = REACH_DAYS.get(interval, HOUR_REACH)
    said = f"{interval} data not available for startTime={start_s} and endTime={end_s}. "
    if end_s - start_s > span * 86_400 + 3600:
        return f"{said}Only {span} days worth of {interval} granularity data are allowed to be fetched per request."
    if start_s < now_s - back * 86_400 - 3600:
        return f"{said}The requested range must be within the last {back} days."
    return ""


def longer(bars: Bars, one: Instrument, interval: str) -> Bars:
    """Daily bars folded into weeks from Monday or calendar months; `5d` counts trading days."""
    if interval == "1d" or not len(bars):
        return bars
    from tests.fakemarket.bars import aggregate

    local = (bars.start_ms + offset_ms(one, bars.start_ms)) // DAY_MS
    if interval == "1wk":
        bucket = local - (local + 3) % 7
    elif interval == "5d":
        bucket = local[np.arange(len(local)) // 5 * 5]
    else:
        months = local.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
        months = months // (3 if interval == "3mo" else 1) * (3 if interval == "3mo" else 1)
        bucket = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    folded = aggregate(bars, bucket)
    start_ms = folded.start_ms * DAY_MS
    return Bars(
        start_ms=start_ms - offset_ms(one, start_ms), ohlc=folded.ohlc, volume=folded.volume, traded=folded.traded
    )


def chart(one: Instrument, interval: str, bars: Bars, market: Market, request: Request) -> dict[str, object]:
    """The whole answer; without a bar there is no `timestamp` and an empty quote."""
    result: dict[str, object] = {"meta": meta(one, interval, bars, request)}
    quote: dict[str, object] = {}
    if len(bars):
        result["timestamp"] = stamps(one, interval, bars, request.now_ms)
        opens, highs, lows, closes = bars.ohlc.T.tolist()
        quote = {"open": opens, "high": highs, "low": lows, "close": closes, "volume": bars.volume.astype(int).tolist()}
        if found := events(one, bars, market):
            result["events"] = found
    result["indicators"] = {"quote": [quote]}
    if interval in LONG:
        adjusted = bars.ohlc[:, 3] * market.dividend_factor(one, market.dates_ms(one, bars)) if len(bars) else []
        result["indicators"]["adjclose"] = [{"adjclose": np.round(adjusted, 6).tolist()} if len(bars) else {}]  # type: ignore[index]
    return {"chart": {"result": [result], "error": None}}


def stamps(one: Instrument, interval: str, bars: Bars, now_ms: int) -> list[int]:
    """Row times in seconds; the last daily row of a running session carries the time of its price."""
    seconds = [int(at) for at in bars.start_ms // 1000]
    session = trading_day.load(one.market).session(local_day(one, seconds[-1]))
    if interval == "1d" and session is not None and session.open_utc_s < now_ms // 1000 < session.close_utc_s:
        seconds[-1] = now_ms // 1000
    return seconds


def meta(one: Instrument, interval: str, bars: Bars, request: Request) -> dict[str, object]:
    now_s = request.now_ms // 1000
    east_s = trading_day.load(one.market).utc_offset_s(now_s)
    zone = "UTC" if one.market == "24/7" else trading_day.load(one.market).zone
    short = {"Asia/Seoul": "KST", "America/New_York": "EDT" if east_s == -14_400 else "EST"}.get(zone, "UTC")
    regular = {"timezone": short, "gmtoffset": east_s, "start": now_s, "end": now_s}
    told: dict[str, object] = {
        "currency": one.currency, "symbol": one.yahoo, "exchangeName": one.market, "fullExchangeName": one.market,
        "instrumentType": one.kind, "firstTradeDate": day_ms(one.listed) // 1000, "regularMarketTime": now_s,
        "hasPrePostMarketData": False, "gmtoffset": east_s, "timezone": short, "exchangeTimezoneName": zone,
        "regularMarketPrice": float(bars.ohlc[-1, 3]) if len(bars) else None, "priceHint": 2,
        "currentTradingPeriod": {"pre": regular, "regular": regular, "post": regular},
        "dataGranularity": interval, "range": request.params.get("range", ""), "validRanges": VALID_RANGES,
        "longName": one.name, "shortName": one.name,
    }  # fmt: skip
    if interval in MINUTES:
        told["tradingPeriods"] = trading_periods(one, bars, short)
    return told


def trading_periods(one: Instrument, bars: Bars, short: str) -> list[list[dict[str, object]]]:
    days = sorted({local_day(one, int(at) // 1000) for at in bars.start_ms})
    found = [trading_day.load(one.market).session(day) for day in days]
    east = trading_day.load(one.market).utc_offset_s
    return [
        [{"timezone": short, "start": day.open_utc_s, "end": day.close_utc_s, "gmtoffset": east(day.open_utc_s)}]
        for day in found
        if day is not None
    ]


def events(one: Instrument, bars: Bars, market: Market) -> dict[str, object]:
    """Splits and dividends of the days served, keyed by the second of their session's open."""
    first, last = local_day(one, int(bars.start_ms[0]) // 1000), local_day(one, int(bars.start_ms[-1]) // 1000)
    opens = {
        day.date: day.open_utc_s for year in range(first.year, last.year + 1) for day in sessions_of(one.market, year)
    }
    found: dict[str, object] = {}
    splits = {str(opens[s.session]): {"date": opens[s.session], "numerator": s.ratio, "denominator": 1,
                                      "splitRatio": f"{s.ratio:g}:1"}
              for s in market.splits(one.id) if first <= s.session <= last and s.session in opens}  # fmt: skip
    dividends = {}
    for paid in market.dividends(one.id):
        if first <= paid.session <= last and paid.session in opens:
            later = float(np.prod([s.ratio for s in market.splits(one.id) if s.session > paid.session]))
            at = opens[paid.session]
            dividends[str(at)] = {"amount": round(paid.amount / later, 6), "date": at}
    if splits:
        found["splits"] = splits
    if dividends:
        found["dividends"] = dividends
    return found


def refused(why: str) -> Reply:
    return json_reply({"finance": {"result": None, "error": {"code": "Unauthorized", "description": why}}}, 401)


def chart_error(status: int, code: str, description: str) -> Reply:
    return json_reply({"chart": {"result": None, "error": {"code": code, "description": description}}}, status)


def consent(request: Request) -> Reply:
    """The European consent form, and the cookie for who has agreed."""
    if request.path == "/consent":
        fields = '<input name="csrfToken" value="fake-csrf"><input name="sessionId" value="fake-session">'
        return html_reply("Your privacy choices", body=f"<form method=post>{fields}</form>")
    reply = html_reply("Yahoo")
    reply.headers["Set-Cookie"] = f"A3={COOKIE}; Max-Age=31557600; Domain=.yahoo.com; Path=/; SameSite=None; Secure"
    return reply
