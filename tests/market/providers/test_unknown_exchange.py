"""An exchange of ccxt whose shapes are not known here: no candles is an answer only where it can be nothing else.

What is expected of Kraken's answers: https://docs.kraken.com/api/docs/rest-api/get-ohlc-data
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from pyjobs.market.ingest.looks import Looks
from pyjobs.market.ingest.news.lines import of_answer
from pyjobs.market.providers import BarRequest, ConfirmedEmpty, provider
from pyjobs.market.providers.base import Refused
from pyjobs.market.providers.wire.contracts import in_coins
from pyjobs.market.providers.wire.empty_answer import doubt
from pyjobs.market.providers.workers.client_calls import ccxt
from pyjobs.market.providers.workers.remote import Ccxt
from tests.fakemarket.server import FakeMarket

HOUR_MS = 3_600_000


@pytest.fixture(autouse=True)
def pointed_at_fakemarket(fakemarket: FakeMarket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec("ccxt") is None:
        pytest.skip("ccxt is not installed: make setup-providers")
    for name, value in {**fakemarket.env(), "NIGHTDESK_HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)


def last_day(symbol: str = "kraken:BTC/USD") -> BarRequest:
    now_ms = int(time.time() * 1000) // HOUR_MS * HOUR_MS
    return BarRequest(symbol=symbol, timeframe="1h", start_ms=now_ms - 24 * HOUR_MS, end_ms=now_ms - HOUR_MS)


def fetch(request: BarRequest) -> Any:
    """Without the shipped limit: a client that a busy machine loads for most of a minute is no timeout here."""
    return provider("ccxt").fetch(request, int(time.time() * 1000), limit_s=600.0)


def test_candles_come_and_hours_in_which_nobody_traded_are_confirmed(fakemarket: FakeMarket) -> None:
    request = last_day()
    assert fetch(request).bars.ts_ms.tolist() == list(range(request.start_ms, request.end_ms + 1, HOUR_MS))
    fakemarket.market.halt("BTCUSD", request.start_ms - HOUR_MS, int(time.time() * 1000) + HOUR_MS)
    with pytest.raises(ConfirmedEmpty) as empty:
        fetch(request)
    assert empty.value.confirmed_empty == ((request.start_ms, request.end_ms),)
    assert len(fakemarket.requests("kraken", "OHLC")) == 3  # the last one is for comparison


@pytest.mark.parametrize(
    ("fault", "options", "kind"),
    [
        ("html", {"match": "OHLC"}, "outage"),
        ("renamed", {"match": "OHLC", "times": 1}, "schema"),
        ("429", {"variant": "object"}, "rate_limit"),
        *(
            pytest.param(*cell, marks=pytest.mark.torture)
            for cell in [
                ("empty", {"match": "OHLC"}, "outage"),
                ("null", {"match": "OHLC"}, "schema"),
                ("null_bars", {"match": "OHLC"}, "schema"),
                ("null_bars", {"match": "OHLC", "times": 1}, "schema"),
                ("renamed", {"match": "OHLC"}, "schema"),
                ("renamed", {}, "schema"),
                ("404", {"match": "OHLC"}, "schema"),
                ("429", {}, "rate_limit"),
                ("503", {"variant": "object"}, "outage"),
            ]
        ),
    ],
)
def test_an_answer_that_cannot_be_read_is_no_empty_range(
    fakemarket: FakeMarket, fault: str, options: dict[str, Any], kind: str
) -> None:
    fakemarket.fault("kraken", fault, **options)
    with pytest.raises(Refused) as refusal:
        fetch(last_day())
    assert not isinstance(refusal.value, ConfirmedEmpty)
    assert refusal.value.kind == kind, str(refusal.value)


@pytest.mark.torture
@pytest.mark.parametrize("symbol", ["kraken:NOPE/USD", "mtgox:BTC/USD"])
def test_an_unknown_pair_or_exchange_is_no_data_and_nothing_is_confirmed(symbol: str) -> None:
    with pytest.raises(Refused, match="no_data") as refusal:
        fetch(last_day(symbol))
    assert not isinstance(refusal.value, ConfirmedEmpty)


def test_what_lies_before_the_newest_candles_that_it_sends_is_not_confirmed_empty() -> None:
    """Kraken sends its newest 720 whatever is asked: nothing is learned of older ones."""
    request = last_day()
    early = replace(request, start_ms=request.end_ms - 800 * HOUR_MS)
    fetched = fetch(early)
    assert len(fetched.bars) > 700
    assert all(first > int(fetched.bars.ts_ms[0]) for first, _ in fetched.confirmed_empty)
    long_ago = replace(request, start_ms=request.end_ms - 900 * HOUR_MS, end_ms=request.end_ms - 800 * HOUR_MS)
    with pytest.raises(Refused, match="newest 720 candles only") as refusal:
        fetch(long_ago)
    assert not isinstance(refusal.value, ConfirmedEmpty)


class Quiet:
    """Like Coinbase: three minutes from `since` on, less the quiet ones; nobody traded from 4 to 9."""

    features: ClassVar[dict[str, Any]] = {"spot": {"fetchOHLCV": {"limit": 3}}}
    last_http_response = "[[1, 2]]"

    def __init__(self, _: dict[str, Any]) -> None:
        self.asked: list[int] = []

    def load_markets(self) -> list[str]:
        return ["A/B"]

    def fetch_ohlcv(self, _: str, __: str, *, limit: int, since: int = 0) -> list[list[int]]:
        page = [[at, 1, 1, 1, 1, 1] for at in range(since, since + min(limit, 3)) if not 4 <= at <= 9 and at <= 12]
        self.last_http_response = json.dumps(page)
        return page


def test_a_page_without_candles_is_about_itself_and_not_about_all_that_comes_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ccxt", SimpleNamespace(exchanges=["quiet"], quiet=Quiet))  # a client, not ours
    question = {"symbol": "quiet:A/B", "timeframe": "1m", "step_ms": 1, "start_ms": 2, "end_ms": 13}
    assert [row[0] for row in ccxt(question, {})] == [1, 2, 3, 10, 11, 12]


ROWS = [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize(
    ("empty", "known", "believed"),
    [
        ([], ROWS, True),
        ({"data": []}, ROWS, False),
        ({"error": [], "result": {"X": [], "last": 0}}, {"error": [], "result": {"X": ROWS, "last": 5}}, True),
        ({"error": [], "results": {"X": []}}, {"error": [], "result": {"X": ROWS}}, False),
        ({"error": []}, {"error": [], "result": {"X": ROWS}}, False),
        ({"error": [], "result": None}, {"error": [], "result": {"X": ROWS}}, False),
        ({"data": {"rows": ROWS}}, {"data": {"rows": ROWS}}, False),
        ({"t": [], "o": []}, {"t": [1, 2], "o": [3, 4]}, True),
        ([], [], False),
        ({"result": {}}, {"result": {}}, False),
    ],
)
def test_an_empty_list_is_believed_only_where_candles_stand_otherwise(empty: Any, known: Any, believed: bool) -> None:
    assert (doubt(empty, known) is None) is believed


CANDLE = [60_000, 100.0, 110.0, 90.0, 105.0, 42.0]
LINEAR: dict[str, Any] = {"contract": True, "contractSize": 0.01, "inverse": False}
INVERSE: dict[str, Any] = {"contract": True, "contractSize": 21.0, "inverse": True}


@pytest.mark.parametrize(
    ("exchange", "about", "volume"),
    [
        ("gate", LINEAR, 0.42),
        ("mexc", INVERSE, 8.4),  # 42 contracts of 21 dollars, at 105
        ("okx", LINEAR, 42.0),
        ("gate", {"contract": False, "contractSize": None}, 42.0),
        ("bingx", {"contract": True, "contractSize": 1.0, "inverse": False}, 42.0),
    ],
)
def test_volumes_of_swaps_are_in_coins(exchange: str, about: dict[str, Any], volume: float) -> None:
    ((*prices, found),) = in_coins(exchange, {"A/B:B": about}, "A/B:B", [CANDLE])
    assert (prices, found) == (CANDLE[:5], pytest.approx(volume))


@pytest.mark.parametrize("lacking", [None, 0])
def test_a_row_without_its_close_or_volume_hides_no_other_of_an_inverse_swap(lacking: float | None) -> None:
    rows = [[*CANDLE[:4], lacking, 42.0], [*CANDLE[:5], lacking], CANDLE]
    found = in_coins("gate", {"A/B:B": INVERSE}, "A/B:B", rows)
    assert found == [*rows[:2], [*CANDLE[:5], pytest.approx(8.4)]]


def test_where_nobody_says_what_volumes_are_in_that_is_said_of_the_series() -> None:
    told = in_coins("bingx", {"A/B:B": LINEAR}, "A/B:B", [CANDLE])
    assert told == {"rows": [CANDLE], "remark": (
        "its volumes are in coins, or in contracts of 0.01: ccxt does not specify which")}  # fmt: skip
    assert in_coins("bingx", [], "A/B:B", [CANDLE]) == [CANDLE]
    record = {"rows": [CANDLE], "remark": told["remark"]}  # type: ignore[call-overload]
    answer = Ccxt().read(record, BarRequest(symbol="bingx:A/B:B", timeframe="1m", start_ms=0, end_ms=10**6), 10**6)
    first = of_answer(None, answer, answer.bars)
    assert first.lines == (answer.remark,) and first.changed
    assert of_answer(Looks(remark=answer.remark), answer, answer.bars).lines == ()
