"""Currencies of an account: late and missing rates, which bars they are of, what a desk must say."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from pyjobs.account.desk.backtest import backtest
from pyjobs.account.portfolio.fx import opens_of
from pyjobs.account.portfolio.sleeves import costs_on, sleeves_of
from pyjobs.market.bars import Bars
from pyjobs.market.desk.desk_file import Instrument, load_desk
from pyjobs.market.desk.snapshot import Series
from pyjobs.strategy.registry import make_setups
from tests.account.portfolio.support.fx import DAY, HOUR, INSTRUMENTS, WORLD, desk_of, made
from utils.errors import ConfigError


def test_a_rate_that_comes_later_changes_nothing_before_it() -> None:
    """The same account where every rate after a day is another: until then the curve is the same to the last bit."""
    setups = make_setups({"ma_cross": {"fast": 2, "slow": 7}}, source="test")
    day_ms = int(dt.datetime(2019, 3, 13, 6, 30, tzinfo=dt.UTC).timestamp() * 1000)
    other = {}
    for seed, (symbol, market, _, price, role, _) in enumerate(INSTRUMENTS):
        if role == "fx":
            bars = made(market, price, seed)
            scale = np.where(bars.ts_ms > day_ms, 1.7, 1.0)
            four = {name: getattr(bars, name) * scale for name in ("open", "high", "low", "close")}
            other[symbol] = Bars(ts_ms=bars.ts_ms, volume=bars.volume, **four)
    one, two = (backtest(desk_of(WORLD, bars), WORLD, setups).variants["constrained"].curve for bars in (None, other))
    at = sum(point.ts_ms <= day_ms for point in one)
    assert one[:at] == two[:at] and one[at:] != two[at:] and 200 < at < len(one)


def test_an_account_without_further_currencies_trades_its_own_only() -> None:
    account = msgspec.structs.replace(WORLD, trades=[])
    found = sleeves_of(desk_of(account), account, make_setups({"ma_cross": {}}, source="test"))
    assert [sleeve.key.symbol for sleeve in found.sleeves] == ["HOME1", "HOME2"] and found.left_out == []


@pytest.mark.parametrize(
    ("first", "sleeves", "why"),
    [
        ("2018-06-01", 5, "not traded before there is a rate: USDKRW begins on 2018-06-01"),
        ("2019-12-31", 3, "no rate of USD in KRW: USDKRW has no bars"),
    ],
)
def test_a_late_or_missing_rate_leaves_its_shares_out_and_says_why(first: str, sleeves: int, why: str) -> None:
    snapshot = desk_of(WORLD, {"USDKRW": made("FX", 1150, 5, first)})
    setups = make_setups({"ma_cross": {"fast": 2, "slow": 7}}, source="test")
    found = sleeves_of(snapshot, WORLD, setups)
    assert len(found.sleeves) == sleeves
    assert [(each["symbol"], each["why"]) for each in found.left_out] == [("YANK1", why), ("YANK2", why)]
    account_trades = backtest(snapshot, WORLD, setups).variants["constrained"].account_trades
    yanks = [account_trade for account_trade in account_trades if account_trade.currency == "USD"]
    assert bool(yanks) == (sleeves == 5)
    begins = dt.datetime.fromisoformat(first).replace(tzinfo=dt.UTC).timestamp() * 1000
    assert all(account_trade.trade.signal_ts_ms >= begins for account_trade in yanks)


def test_bars_open_with_their_session_or_their_length_before_their_close() -> None:
    def opens(market: str, timeframe: str, ts_ms: int) -> int:
        instrument = Instrument(symbol="A", exchange="X", market=market, timeframe=timeframe, file="f", currency="USD")
        one = np.ones(1)
        bars = Bars(ts_ms=np.array([ts_ms]), open=one, high=one, low=one, close=one, volume=one)
        return int(opens_of(Series(instrument=instrument, bars=bars, last_session=None, stale=False))[0])

    close = int(dt.datetime(2024, 7, 3, 17, 0, tzinfo=dt.UTC).timestamp()) * 1000  # a half day in New York
    assert close - opens("XNYS", "1d", close) == 3.5 * HOUR
    assert close - opens("XNYS", "5m", close) == 300_000
    assert close + 1 - opens("XNYS", "1d", close + 1) == DAY


def test_the_tax_on_sales_is_for_shares_at_home() -> None:
    def bps(**about: str) -> tuple[float, float]:
        values = {"symbol": "A", "exchange": "X", "market": "XKRX", "timeframe": "1d", "file": "f", "currency": "KRW"}
        costs = costs_on(WORLD, Instrument(**{**values, **about}))  # type: ignore[arg-type]
        return costs.fee_bps, costs.sell_tax_bps

    assert (bps(), bps(kind="etf"), bps(currency="USD")) == ((5, 25), (5, 0), (25, 0))


GOOD = """\
name: mine
market: XKRX
dumps: d
accounts:
  world: {currency: KRW, cash: 1000, max_positions: 2, max_weight: 0.5, trades: [USD]}
instruments:
  - {symbol: A, exchange: KRX, market: XKRX, timeframe: 1d, file: a.csv, currency: KRW}
  - {symbol: B, exchange: US, market: XNYS, timeframe: 1d, file: b.csv, currency: USD}
  - {symbol: USDKRW, exchange: FX, market: FX, timeframe: 1d, file: c.csv, base: USD, currency: KRW, role: fx}
setups: {}
"""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.replace("trades: [USD]", "trades: [EUR]"), "no instrument with role trade is in 'EUR'"),
        (lambda t: t.replace("trades: [USD]", "trades: [USD, USD]"), "USD is given twice"),
        (lambda t: t.replace("trades: [USD]", "trades: [KRW]"), "KRW is given twice"),
        (lambda t: t.replace("trades: [USD]", "trades: USD"), "accounts.world.trades"),
        (lambda t: t.replace("USD]", "USD], fx_bps: -1"), "fx_bps"),
        (lambda t: "".join(x for x in t.splitlines(True) if "USDKRW" not in x), "no instrument with role fx converts"),
        (lambda t: t.replace("base: USD, ", ""), "names the currency that this prices in KRW; is ''"),
        (lambda t: t.replace("base: USD", "base: KRW"), "names the currency that this prices in KRW; is 'KRW'"),
        (lambda t: t.replace("b.csv", "b.csv, base: USD"), "is for role fx only"),
        (
            lambda t: t.replace("setups", "  - {symbol: KRWUSD, exchange: FX, market: FX, timeframe: 1d, file: d, "
                                          "base: KRW, currency: USD, role: fx}\nsetups"),
            "already have a rate",
        ),
    ],
)  # fmt: skip
def test_a_desk_that_cannot_convert_is_refused(tmp_path: Path, change: Callable[[str], str], said: str) -> None:
    path = tmp_path / "desk.yaml"
    path.write_text(GOOD)
    assert load_desk(path).accounts["world"].trades == ["USD"]
    path.write_text(change(GOOD))
    with pytest.raises(ConfigError, match=r"desk\.yaml") as caught:
        load_desk(path)
    assert said in str(caught.value)


def test_an_account_may_trade_abroad_alone(tmp_path: Path) -> None:
    path = tmp_path / "desk.yaml"
    path.write_text("".join(line for line in GOOD.splitlines(True) if "symbol: A," not in line))
    assert [i.symbol for i in load_desk(path).instruments] == ["B", "USDKRW"]
