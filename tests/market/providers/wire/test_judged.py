"""What came over the wire is named for what it is: bodies and codes as the providers really send them."""

from __future__ import annotations

import json

import pytest

from pyjobs.market.providers.wire import judged as answers
from pyjobs.market.providers.wire.http_answer import Answer, fault_of, hold_of

NOW_S = 1_790_000_000.0
HTML = "<!DOCTYPE html><html><head><title>{}</title></head><body>{}</body></html>"
CANDLES = "https://api-pub.bitfinex.com/v2/candles/trade:1m:tBTCUSD/hist"
CHART = "https://query2.finance.yahoo.com/v8/finance/chart/^KS11"
KRX = "https://data.krx.co.kr/comm/bldAttendant/getJsonData.cmd"
KRX_LOGIN = "https://data.krx.co.kr/contents/MDC/COMS/client/MDCCOMS001D1.cmd"
ALPACA = "https://data.alpaca.markets/v2/stocks/bars"


def kind(judge: answers.Judge, url: str, body: object, status: int = 200) -> str | None:
    content = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    fault = judge(Answer(url, status, {}, content), NOW_S)
    return fault.kind if fault else None


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (429, "Too Many Requests", "rate_limit"),
        (418, "", "blocked"),
        (451, "", "blocked"),
        (500, "oops", "outage"),
        (503, HTML.format("x", "x"), "outage"),
        (401, '{"message": "unauthorized"}', "auth"),
        (403, '{"message": "forbidden"}', "auth"),
        (403, HTML.format("Sorry", "no"), "blocked"),
        (404, "nothing", "schema"),
        (200, "", "outage"),
        (200, " \n", "outage"),
        (200, HTML.format("Access Denied", "your IP has been blocked"), "blocked"),
        (200, HTML.format("안내", "비정상적인 접근으로 차단되었습니다"), "blocked"),
        (200, HTML.format("Welcome", '<input type="password" name="pw">'), "auth"),
        (200, HTML.format("Will be right back", ""), "outage"),
        (200, HTML.format("News", "markets rose"), "schema"),
    ],
)
def test_a_status_or_a_page_has_its_kind_whatever_the_provider(status: int, body: str, expected: str) -> None:
    fault = fault_of(Answer("https://x", status, {}, body.encode()), NOW_S)
    assert fault is not None and fault.kind == expected


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "63"}, 63.0),
        ({"retry-after": "Mon, 21 Sep 2026 14:15:30 GMT", "date": "Mon, 21 Sep 2026 14:15:00 GMT"}, 30.0),
        ({"retry-after": "Mon, 21 Sep 2026 14:14:00 GMT", "date": "Mon, 21 Sep 2026 14:15:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "99999999999"}, 7 * 86_400.0),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(headers: dict[str, str], seconds: float | None) -> None:
    assert hold_of(Answer("https://x", 429, headers), NOW_S) == seconds


@pytest.mark.parametrize(
    ("ours_s", "seconds"), [(1_789_999_980.9, 59.3), (1_789_999_975.0, 60.0), (1_790_086_380.0, 60.0)]
)
def test_a_retry_after_date_is_met_to_the_fraction_where_our_clock_is_right(ours_s: float, seconds: float) -> None:
    """The date is 60 s after the answer's own Date, which is cut to seconds: 0.9 s of the 60 are gone, 0.2 spare."""
    headers = {"retry-after": "Mon, 21 Sep 2026 14:14:00 GMT", "date": "Mon, 21 Sep 2026 14:13:00 GMT"}
    assert hold_of(Answer("https://x", 429, headers), ours_s) == pytest.approx(seconds)


def test_a_retry_after_date_without_a_date_of_the_answer_is_measured_by_our_clock() -> None:
    assert hold_of(Answer("https://x", 429, {"retry-after": "Mon, 21 Sep 2026 14:14:00 GMT"}), 1_789_999_980.0) == 60.0


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, [[1790000000000, 1, 2, 3, 0.5, 9]], None),
        (200, [], None),
        (429, {"error": "ERR_RATE_LIMIT"}, "rate_limit"),
        (500, ["error", 11010, "ratelimit: error"], "rate_limit"),
        (500, ["error", 10020, "symbol: invalid"], "no_data"),
        (503, ["error", 20060, "maintenance"], "outage"),
        (200, ["error", 20060, "maintenance"], "outage"),
        (503, {"code": 503, "error": "temporarily_unavailable"}, "outage"),
        (200, None, "schema"),
        (200, [{"mts": 1790000000000}], "schema"),
        (200, [[1790000000000, 1, 2, 3]], "schema"),
        (200, "[[1790000000000,1,2,3,0.5,9],[17900", "network"),
        (200, "{bad json}", "schema"),
    ],
)
def test_bitfinex_says_the_same_thing_in_several_forms(status: int, body: object, expected: str | None) -> None:
    assert kind(answers.bitfinex, CANDLES, body, status) == expected


def chart(**changes: object) -> dict[str, object]:
    quote = {"open": [1], "high": [1], "low": [1], "close": [1], "volume": [0]}
    result = {"meta": {"symbol": "X"}, "timestamp": [1790000000], "indicators": {"quote": [quote]}, **changes}
    return {"chart": {"result": [result], "error": None}}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, chart(), None),
        (200, chart(timestamp=None, indicators={"quote": [{}]}), None),
        (
            200,
            chart(indicators={"quote": [{"open": [1], "high": [1], "low": [1], "last": [1], "volume": [0]}]}),
            "schema",
        ),
        (200, {"chart": {"result": None, "error": None}}, "schema"),
        (200, {"spark": []}, "schema"),
        (404, {"chart": {"result": None, "error": {"code": "Not Found", "description": "No data found"}}}, "no_data"),
        (422, {"chart": {"error": {"code": "x", "description": "1m data not available for startTime=1"}}}, "no_data"),
        (401, {"finance": {"result": None, "error": {"code": "Unauthorized", "description": "Invalid Crumb"}}}, "auth"),
    ],
)
def test_yahoo_names_its_errors_in_the_body(status: int, body: object, expected: str | None) -> None:
    assert kind(answers.yahoo, CHART, body, status) == expected


def test_yahoo_s_cookie_page_may_be_missing_but_a_ban_there_is_a_ban() -> None:
    assert kind(answers.yahoo, "https://fc.yahoo.com/", HTML.format("404", ""), 404) is None
    assert kind(answers.yahoo, "https://fc.yahoo.com/", "", 418) == "blocked"


ROW = {
    "TRD_DD": "2026/11/19",
    "OPNPRC_IDX": "1",
    "HGPRC_IDX": "1",
    "LWPRC_IDX": "1",
    "CLSPRC_IDX": "1",
    "ACC_TRDVOL": "1",
}


@pytest.mark.parametrize(
    ("url", "status", "body", "expected"),
    [
        (KRX, 200, {"output": [ROW]}, None),
        (KRX, 200, {"output": []}, None),
        (KRX, 400, "LOGOUT", "auth"),
        (KRX, 200, {"output": None}, "schema"),
        (KRX, 200, {"output": [{**ROW, "CLSPRC_IDX": None} | {"TRD_DT": 1}]}, None),
        (KRX, 200, {"output": [{"TRD_DT": "2026/11/19"}]}, "schema"),
        (KRX_LOGIN, 200, {"_error_code": "CD001"}, None),
        (KRX_LOGIN, 200, {"_error_code": "CD010"}, "auth"),
        (KRX_LOGIN, 200, {"_error_code": "CD002"}, "auth"),
        (KRX_LOGIN, 200, {"ok": 1}, "schema"),
    ],
)
def test_krx_login_and_rows_are_told_apart(url: str, status: int, body: object, expected: str | None) -> None:
    assert kind(answers.krx, url, body, status) == expected


def test_an_expired_krx_password_has_its_own_message_and_a_second_login_is_not_the_end() -> None:
    expired = answers.krx(Answer(KRX_LOGIN, 200, {}, b'{"_error_code": "CD010"}'), NOW_S)
    assert expired and "expired" in expired.detail and "KRX_PW" in expired.detail and expired.final
    elsewhere = answers.krx(Answer(KRX_LOGIN, 200, {}, b'{"_error_code": "CD011"}'), NOW_S)
    assert elsewhere and not elsewhere.final


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"bars": {"SPY": [{"t": "x", "o": 1, "h": 1, "l": 1, "c": 1, "v": 1}]}, "next_page_token": None}, None),
        (200, {"bars": None}, None),
        (200, {"bars": {}}, None),
        (200, None, "schema"),
        (200, {"candles": {}}, "schema"),
        (200, {"bars": {"SPY": [{"time": "x", "o": 1, "h": 1, "l": 1, "c": 1, "v": 1}]}}, "schema"),
        (403, {"message": "subscription does not permit querying recent SIP data"}, "auth"),
        (422, {"message": "invalid symbol: NOPE"}, "no_data"),
        (401, {"message": "unauthorized."}, "auth"),
    ],
)
def test_alpaca_bars_may_be_null_but_never_missing(status: int, body: object, expected: str | None) -> None:
    assert kind(answers.alpaca, ALPACA, body, status) == expected
