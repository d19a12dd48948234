"""Yahoo's chart API v8, with the cookie, crumb and consent pages that come before it.

Daily rows are stamped with the session's open, the row of a running session with the time of its last price. Prices
are split-adjusted as of now; `adjclose` has the dividends out as well.
"""

from __future__ import annotations

import datetime as dt

import numpy as np

from tests.fakemarket.bars import MINUTE_MS, day_ms, local_day, offset_ms
from tests.fakemarket.market import Market
from tests.fakemarket.universe import Instrument, by_name
from tests.fakemarket.wire import Reply, Request, html_reply, json_reply, replaced, text_reply
from tests.fakemarket.yahoo_chart import MINUTES, RANGES, chart, longer, zone_of
from tests.fakemarket.yahoo_quote import quote_row
from utils import trading_day

# Short-lived: should one ever reach a cache that is also used outside, it is dropped there as expired.
SET_COOKIE = "A3=d=AQABBFakeMarket; Max-Age=600; Domain=.yahoo.com; Path=/; SameSite=None; Secure"
CHART = "/v8/finance/chart/"
QUOTE = "/v7/finance/quote"
# How far back an interval reaches, and how much of it one request may ask for.
REACH_DAYS = {"1m": (30, 8), "2m": (60, 60), "5m": (60, 60), "15m": (60, 60), "30m": (60, 60), "90m": (60, 60)}
HOUR_REACH = (730, 730)
LONG = ("1d", "5d", "1wk", "1mo", "3mo")


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

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.crumbs = 1
        self.null_rows: set[int] = set()  # start_ms of rows that are served with null for every value

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
            reply.headers["Set-Cookie"] = SET_COOKIE
            return reply
        if request.host in ("guce.yahoo.com", "consent.yahoo.com"):
            return consent(request)
        if request.path == QUOTE:
            return self._quotes(request, market)
        return about(request)

    def rename(self, body: bytes) -> bytes:
        return replaced(body, (b'"timestamp"', b'"timestamps"'), (b'"quote"', b'"quotes"'), (b'"close"', b'"closing"'))

    def failure(self, status: int, variant: str) -> Reply:
        if (status, variant) == (404, "unknown"):
            return chart_error(404, "Not Found", "No data found, symbol may be delisted")
        if status == 429:
            return text_reply("Too Many Requests\r\n", 429)
        if status == 401:
            return refused("Invalid Crumb")
        if status in (500, 503):
            return html_reply("Will be right back...", status, "<p>Thank you for your patience.</p>")
        return json_reply(
            {"finance": {"result": None, "error": {"code": str(status), "description": "refused"}}}, status
        )

    def _quotes(self, request: Request, market: Market) -> Reply:
        """Those it knows of the symbols asked for, others are left out; nobody is answered without cookie and crumb."""
        if request.params.get("crumb") != self.crumb or "A3" not in request.cookies:
            return refused("Invalid Crumb" if "crumb" in request.params else "User is unable to access this feature")
        named = [by_name("yahoo", symbol) for symbol in request.params.get("symbols", "").split(",")]
        rows = [quote_row(one, market, request.now_ms) for one in named if one is not None]
        return json_reply({"quoteResponse": {"result": rows, "error": None}})

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
            days = market.daily(one, local_day(one, start_s), local_day(one, end_s - 1))
            days = days.take((days.start_ms >= start_s * 1000) & (days.start_ms < end_s * 1000))
            bars = longer(days, one, interval)
        return json_reply(chart(one, interval, bars, market, request, self.null_rows))


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


def out_of_reach(interval: str, start_s: int, end_s: int, now_s: int) -> str:
    """Yahoo's message when an intraday request is too old or too long; empty when it is neither."""
    if interval not in MINUTES:
        return ""
    back, span = REACH_DAYS.get(interval, HOUR_REACH)
    said = f"{interval} data not available for startTime={start_s} and endTime={end_s}. "
    if end_s - start_s > span * 86_400 + 3600:
        return f"{said}Only {span} days worth of {interval} granularity data are allowed to be fetched per request."
    if start_s < now_s - back * 86_400 - 3600:
        return f"{said}The requested range must be within the last {back} days."
    return ""


def about(request: Request) -> Reply:
    """The other calls yfinance falls through to for a time zone: summary and (empty) fundamentals."""
    symbol = request.params.get("symbols") or request.path.rpartition("/")[2]
    one = by_name("yahoo", symbol)
    if one is None:
        return json_reply(
            {"finance": {"result": None, "error": {"code": "Not Found", "description": "no such page"}}}, 404
        )
    zone = zone_of(one)
    told = {"symbol": symbol, "quoteType": one.kind, "shortName": one.name, "currency": one.currency}
    if "/quoteSummary/" in request.path:
        kind = told | {"timeZoneFullName": zone, "exchange": one.market}
        return json_reply({"quoteSummary": {"result": [{"quoteType": kind}], "error": None}})
    return json_reply({"timeseries": {"result": [], "error": None}})


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
    reply.headers["Set-Cookie"] = SET_COOKIE
    return reply
