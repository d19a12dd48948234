"""The desk file that is written for somebody holds what they wished, and loads."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyjobs.market.desk.desk_file import load_desk
from pyjobs.market.desk.new_desk_text import DeskChoices, desk_text
from pyjobs.market.exchanges import Exchange, load_exchanges

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def exchanges() -> dict[str, Exchange]:
    return load_exchanges(ROOT / "config" / "exchanges.yaml")


@pytest.mark.parametrize(
    ("exchange", "market", "currency", "benchmark"),
    [
        ("YAHOO", "XNYS", "USD", "SPY"),
        ("YAHOO_KR", "XKRX", "KRW", "^KS11"),
        ("BITFINEX", "24/7", "USD", "BTCUSD"),
        ("YAHOO_FX", "FX", "USD", ""),
    ],
)
def test_it_loads_on_every_market_with_what_stands_for_the_whole_of_it(
    tmp_path: Path, exchanges: dict[str, Exchange], exchange: str, market: str, currency: str, benchmark: str
) -> None:
    path = tmp_path / "desk.yaml"
    path.write_text(desk_text(DeskChoices(exchange=exchange, symbols=("005930", "NO", "a:b, c"), cash=5e7), exchanges))
    desk = load_desk(path)
    assert desk.market == market
    traded = [i for i in desk.instruments if i.role == "trade"]
    assert [i.symbol for i in traded] == ["005930", "NO", "a:b, c"]  # no number, no false, no two symbols
    assert all(i.fetched and i.currency == currency and i.exchange == exchange for i in traded)
    assert [i.symbol for i in desk.instruments if i.role == "benchmark"] == ([benchmark] if benchmark else [])
    assert desk.accounts[currency.lower()].cash == 5e7


def test_what_is_traded_is_no_benchmark_and_the_rest_is_as_wished(
    tmp_path: Path, exchanges: dict[str, Exchange]
) -> None:
    choices = DeskChoices(
        exchange="YAHOO", symbols=("SPY",), timeframe="1h", start="2024-01-02", currency="EUR", name='a"b', cash=1.5
    )
    path = tmp_path / "desk.yaml"
    path.write_text(desk_text(choices, exchanges).replace('a\\"b', "ab"))
    (only,) = load_desk(path).instruments
    assert (only.symbol, only.role, only.timeframe, only.start) == ("SPY", "trade", "1h", "2024-01-02")
    assert (only.currency, load_desk(path).accounts["eur"].cash) == ("EUR", 1.5)
