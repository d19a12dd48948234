"""Whatever a server answers, and whatever git or ssh says: it is judged or quoted, in one printable line."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest

from pyjobs.machines import remote
from pyjobs.market.providers import bitfinex
from pyjobs.market.providers.wire import empty_answer, http_answer, judged
from pyjobs.market.providers.wire.http_answer import Answer
from pyjobs.runs.alerts import child
from tests.one_by_one.support.going import Late, bounded
from tests.one_by_one.support.spoiling import some, spoiled
from tests.support import hostile
from utils.errors import BadDataError, ExternalDataUnavailable
from utils.foreign_text import LONGEST_MESSAGE, outcome_of
from utils.run import one_line

NOW_S = 1_795_176_000.0
CHART = (
    '{"chart": {"result": [{"meta": {"symbol": "A"}, "timestamp": [1, 2], '
    '"indicators": {"quote": [{"close": [1.5]}]}}]}}'
)
QUOTES = '{"quoteResponse": {"result": [{"symbol": "A", "regularMarketPrice": 1.5}], "error": null}}'
KRX = '{"OutBlock_1": [{"ISU_SRT_CD": "005930", "TDD_CLSPRC": "60,000"}], "CURRENT_DATETIME": "2026.11.20 PM 06:00:00"}'
CANDLES = "[[1795176000000, 1.5, 1.6, 1.7, 1.4, 3.0], [1795176300000, 1.5, 1.6, 1.7, 1.4, 3.0]]"
ALPACA = (
    '{"bars": {"SPY": [{"t": "2026-11-20T05:00:00Z", "o": 1.5, "h": 2, "l": 1, "c": 1.5, "v": 3}]}, '
    '"next_page_token": null}'
)
YAHOO_URL = "https://query2.finance.yahoo.com/v8/finance/chart/A"
KRX_URL = "https://data.krx.co.kr/comm/bldAttendant/getJsonData.cmd"


def judge(by: judged.Judge, url: str) -> Callable[[bytes], object]:
    """Every kind of status with that body, and that body in the headers that are read."""

    def read(body: bytes) -> object:
        text = body[:3000].decode("latin-1")
        heads = {"date": text, "retry-after": text, "content-type": text, "x-ratelimit-reset": text}
        found = [by(Answer(url, status, {}, body), NOW_S) for status in (200, 400, 401, 404, 429, 500, 302)]
        return [*found, by(Answer(url, 429, heads, body), NOW_S), http_answer.hold_of(Answer(url, 429, heads), NOW_S)]

    return read


def said(body: bytes) -> object:
    return remote.error_text(subprocess.CompletedProcess([], 1, b"", body))


def sent(body: bytes) -> object:
    text = body.decode("utf-8", "replace")[:500]
    return child.send(1, {"kind": "ping", "address": text, "title": text, "body": text, "well": True})[1]


ROWS: dict[str, tuple[str, Callable[[bytes], object]]] = {
    "a chart of Yahoo's": (CHART, judge(judged.yahoo, YAHOO_URL)),
    "quotes of Yahoo's": (QUOTES, judge(judged.yahoo, "https://query2.finance.yahoo.com/v7/finance/quote")),
    "rows of KRX's": (KRX, judge(judged.krx, KRX_URL)),
    "shares of KRX's": (KRX, judge(judged.krx_shares, KRX_URL)),
    "candles of Bitfinex's": (CANDLES, judge(judged.bitfinex, "https://api-pub.bitfinex.com/v2/candles/x/hist")),
    "their numbers": (CANDLES, lambda body: bitfinex.plain_candles(Answer("x", 200, {}, body))),
    "bars of Alpaca's": (ALPACA, judge(judged.alpaca, "https://data.alpaca.markets/v2/stocks/bars")),
    "snapshots of Alpaca's": (ALPACA, judge(judged.alpaca, "https://data.alpaca.markets/v2/stocks/snapshots")),
    "what another exchange sends": (CANDLES, judge(judged.any_json, "https://192.0.2.1/x")),
    "an empty answer": (CHART, lambda body: empty_answer.doubt(http_answer.json_of(Answer("x", 200, {}, body))[0], [])),
    "the control of one": (
        CHART,
        lambda body: empty_answer.doubt({}, http_answer.json_of(Answer("x", 200, {}, body))[0]),
    ),
    "the outcome of a job": ('{"kind": "outage", "code": 69, "detail": "x"}\n', outcome_of),
    "what ssh or git says": ('{"x": "fatal: no such path"}', said),
    "where a notice goes": ('["ftp://192.0.2.1/x"]', sent),
}


def wrong(name: str, tried: list[tuple[str, bytes]]) -> list[str]:
    found = []
    for what, body in tried:
        try:
            with bounded():
                told = ROWS[name][1](body)
            for each in told if isinstance(told, list) else [told]:
                detail = getattr(each, "detail", each)
                line = detail if isinstance(detail, str) else ""
                line = one_line(ExternalDataUnavailable("schema", provider="p", detail=line)) if line else ""
                if not line.isprintable() or len(line) > LONGEST_MESSAGE + 100:
                    found.append(f"{what}: {line[:200]!r}")
        except BadDataError as error:
            found += [] if one_line(error).isprintable() else [f"{what}: {one_line(error)[:200]!r}"]
        except (Exception, Late) as error:  # noqa: BLE001  # the next one is tried, too
            found.append(f"{what}: {type(error).__name__}: {str(error)[:150]!r}")
    return found


@pytest.mark.parametrize("name", ROWS)
def test_whatever_comes_is_judged_or_quoted(name: str) -> None:
    texts = [(each, text.encode("utf-8", "surrogatepass")) for each, text in hostile.TEXTS.items()]
    assert (
        wrong(name, [("good", ROWS[name][0].encode()), *texts, *some(ROWS[name][0].encode(), "json", 60, seed=10)])
        == []
    )


@pytest.mark.torture
@pytest.mark.parametrize("name", ROWS)
def test_all_that_may_come_is(name: str) -> None:
    assert wrong(name, list(spoiled(json.dumps(json.loads(ROWS[name][0])).encode(), "json"))) == []
