"""Accounts of several currencies: by hand, and against a ledger kept apart in decimals from nothing but prices."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal, getcontext

import numpy as np
import pytest

from pyjobs.account.desk.backtest import Variant, backtest
from pyjobs.account.portfolio.costs import Costs
from pyjobs.account.portfolio.fx import Conversion, Rates
from pyjobs.account.portfolio.signals.packed import PackedSignals
from pyjobs.account.portfolio.simulate import Terms, simulate
from pyjobs.account.portfolio.sleeve import Sleeve
from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.market.desk.snapshot import Snapshot
from pyjobs.strategy.registry import make_setups
from pyjobs.strategy.signals import Side, Signals
from tests.account.portfolio.support.fx import DAY, HOUR, WORLD, desk_of

getcontext().prec = 50


def abroad(
    ohlc: list[list[float]], entry: set[int], leave: set[int], rates: dict[float, float], *, side: Side = "long"
) -> Sleeve:
    """Daily bars that open at half a day's end before their close; `rates`: closing time in days -> rate."""
    o, h, low, c = np.array(ohlc, dtype=float).T
    n = np.arange(len(ohlc))
    ts_ms = (n + 1) * DAY
    opens = ts_ms - 6 * HOUR
    known = Rates(
        key=SeriesKey(exchange="FX", symbol="USDKRW", timeframe="1d"),
        ts_ms=np.array([int(day * DAY) for day in rates], np.int64),
        rate=np.array(list(rates.values())),
    )
    return Sleeve(
        key=SeriesKey(exchange="X", symbol="A", timeframe="1d"),
        setup="made_up",
        bars=Bars(ts_ms=ts_ms, open=o, high=h, low=low, close=c, volume=np.ones(n.size)),
        signals=PackedSignals.of(
            Signals(
                entry=np.isin(n, list(entry)), exit=np.isin(n, list(leave)), stop=np.full(n.size, np.nan), side=side
            )
        ),
        lot=1.0,
        currency="USD",
        taxed=False,
        conversion=Conversion(
            rates=known, at_open=known.at(opens), may_enter=known.fresh(opens), may_signal=known.fresh(ts_ms)
        ),
    )


PRICES = [[10, 10, 10, 10], [10, 11, 10, 11], [11, 12, 11, 12], [13, 13, 13, 13]]


def test_a_trade_abroad_by_hand() -> None:
    """
    10 000 won, all in at most, fee 0.1 % and 0.1 % for converting; the sale abroad is not taxed. Rates: 100 from the
    start, 110 from day 1.5 on (before bar 1 opens, on day 1.75), 120 from day 1.9 on (after), 90 from day 3.5 on.
    Close 0 signals. Bar 1 opens at 10 dollars x 110 = 1 100 won: 10 000 / 1 102.2 = 9.07: 9 shares, 9 900, fee 19.8.
       cash 80.2; marked at 11 x 120: 80.2 + 9 x 1 320 = 11 960.2.
    Bar 2: 12 x 120 = 1 440: 80.2 + 12 960 = 13 040.2; signalled out.
    Day 3.6, without a bar: 12 x 90: 80.2 + 9 720 = 9 800.2.
    Bar 3 opens on day 3.75 at 13 x 90 = 1 170: 10 530, fee 21.06: cash 10 589.14; pnl 10 530 - 9 900 - 40.86 = 589.14.
    """
    sleeve = abroad(PRICES, {0}, {2}, {0.0: 100.0, 1.5: 110.0, 1.9: 120.0, 3.5: 90.0})
    terms = Terms(cash=10_000, max_positions=1, max_weight=1.0, costs=Costs(fee_bps=10, sell_tax_bps=30, fx_bps=10))
    run = simulate([sleeve], terms, start_ms=0, marks_ms=[int(3.6 * DAY)])
    assert run.equity.tolist() == pytest.approx([10_000, 11_960.2, 13_040.2, 9_800.2, 10_589.14], rel=1e-12)
    assert run.cash.tolist() == pytest.approx([10_000, 80.2, 80.2, 80.2, 10_589.14], rel=1e-12)
    (account_trade,) = run.account_trades
    assert (
        account_trade.trade.entry_price,
        account_trade.entry_rate,
        account_trade.trade.exit_price,
        account_trade.exit_rate,
    ) == (10, 110, 13, 90)
    assert (account_trade.fees, account_trade.pnl) == (pytest.approx(40.86), pytest.approx(589.14))
    assert account_trade.net_return == pytest.approx(589.14 / 9_900)


def test_a_short_abroad_by_hand() -> None:
    """Sold at 10 x 100, 5 of them: 5 000 in; bought back at 13 x 80 = 5 200. The dollar's fall nearly paid for it."""
    sleeve = abroad(PRICES, {0}, {2}, {0.0: 100.0, 3.5: 80.0}, side="short")
    run = simulate([sleeve], Terms(cash=10_000, max_positions=1, max_weight=0.5), start_ms=0)
    assert [account_trade.quantity for account_trade in run.account_trades] == [5]
    assert run.equity.tolist() == pytest.approx([10_000, 9_500, 9_000, 9_800])
    assert run.account_trades[0].pnl == pytest.approx(-200)


@pytest.mark.parametrize(
    ("rates", "why"),
    [
        ({9.0: 100.0}, "none yet"),
        ({-10.2: 100.0}, "eleven days old at the signal"),
        ({-8.5: 100.0}, "ten days old when the bar opens"),
    ],
)
def test_nothing_is_bought_without_a_fresh_rate(rates: dict[float, float], why: str) -> None:
    run = simulate([abroad(PRICES, {0}, set(), rates)], Terms(cash=1e6, max_positions=1, max_weight=1), start_ms=0)
    assert (len(run.account_trades), run.refused["rate"]) == (0, 1), why
    assert run.equity.tolist() == [1e6] * 4


def test_what_is_held_is_sold_at_the_last_rate_however_old() -> None:
    rows = [[10.0] * 4] * 20
    run = simulate([abroad(rows, {0}, {15}, {0.0: 100.0})], Terms(cash=1e4, max_positions=1, max_weight=1), start_ms=0)
    assert [(d.entry_rate, d.exit_rate, d.pnl) for d in run.account_trades] == [(100, 100, 0)]


class Ledger:
    """Cash and positions in decimals, from prices and the calendars alone: no line of the engine's."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.bars = {each.instrument.symbol: each.bars for each in snapshot.series}
        self.instrument = {each.instrument.symbol: each.instrument for each in snapshot.series}

    def rate(self, currency: str, moment_ms: int) -> Decimal:
        """Won for one unit, at the last close not after the moment."""
        if currency == "KRW":
            return Decimal(1)
        bars = self.bars["USDKRW" if currency == "USD" else "KRWJPY"]
        known = [c for ts, c in zip(bars.ts_ms.tolist(), bars.close.tolist(), strict=True) if ts <= moment_ms]
        return Decimal(known[-1]) if currency == "USD" else 1 / Decimal(known[-1])

    def open_of(self, symbol: str, close_ms: int) -> int:
        """When the session opened that closed then: Seoul and Tokyo 09:00 local, New York 09:30."""
        market = self.instrument[symbol].market
        local = {"XKRX": 9, "XTKS": 9}.get(market)
        day = dt.datetime.fromtimestamp(close_ms / 1000, dt.UTC)
        if local:
            midnight = int((day + dt.timedelta(hours=9)).replace(hour=0, minute=0, second=0).timestamp()) - 9 * 3600
            first_of_year = day.date().isoformat()[5:] == "01-02" and market == "XKRX"
            return (midnight + local * 3600 + (3600 if first_of_year else 0)) * 1000
        from zoneinfo import ZoneInfo

        here = day.astimezone(ZoneInfo("America/New_York")).replace(hour=9, minute=30, second=0)
        return int(here.timestamp()) * 1000

    def costs(self, symbol: str, sale: bool) -> Decimal:
        abroad = self.instrument[symbol].currency != "KRW"
        return (Decimal(5) + (20 if abroad else 0) + (25 if sale and not abroad else 0)) / 10_000

    def flows(self, run: Variant) -> tuple[list[tuple[int, Decimal]], list[Decimal]]:
        """((moment, cash in), ...) of all fills and loans, and the pnl of each account trade."""
        flows: list[tuple[int, Decimal]] = []
        pnls = []
        for account_trade in run.account_trades:
            symbol, trade, q = account_trade.key.symbol, account_trade.trade, Decimal(account_trade.quantity)
            currency, sign = self.instrument[symbol].currency, 1 if trade.side == "long" else -1
            bought = q * Decimal(trade.entry_price) * self.rate(currency, self.open_of(symbol, trade.entry_ts_ms))
            mine = [(trade.entry_ts_ms, -sign * bought - bought * self.costs(symbol, sale=sign < 0))]
            if trade.reason == "open":
                worth = q * Decimal(trade.exit_price) * self.rate(currency, run.curve[-1].ts_ms)
            else:
                sold = q * Decimal(trade.exit_price) * self.rate(currency, self.open_of(symbol, trade.exit_ts_ms))
                mine.append((trade.exit_ts_ms, sign * sold - sold * self.costs(symbol, sale=sign > 0)))
                worth = Decimal(0)
            if sign < 0:
                mine += self.loans(symbol, q, trade.entry_ts_ms, trade.exit_ts_ms, trade.reason, currency)
            flows += mine
            pnls.append(sum((money for _, money in mine), Decimal(0)) + sign * worth)
        return flows, pnls

    def loans(
        self, symbol: str, q: Decimal, first: int, last: int, reason: str, currency: str
    ) -> list[tuple[int, Decimal]]:
        """Two per cent a year of each close while short, from the entry bar's close on."""
        bars, paid = self.bars[symbol], []
        for before, ts, close in zip(bars.ts_ms[:-1], bars.ts_ms[1:], bars.close[:-1], strict=True):
            if first < ts <= last and (ts < last or reason == "open"):
                rate = self.rate(currency, self.open_of(symbol, int(ts)))
                lent = q * Decimal(float(close)) * rate * Decimal("0.02") * int(ts - before) / (365 * DAY)
                paid.append((int(ts), -lent))
        return paid

    def equity(self, run: Variant, flows: list[tuple[int, Decimal]], moment_ms: int) -> Decimal:
        total = Decimal(10) ** 8 + sum((money for ts, money in flows if ts <= moment_ms), Decimal(0))
        for account_trade in run.account_trades:
            symbol, trade = account_trade.key.symbol, account_trade.trade
            gone = trade.reason != "open" and trade.exit_ts_ms <= moment_ms
            if trade.entry_ts_ms <= moment_ms and not gone:
                bars = self.bars[symbol]
                close = float(bars.close[bars.ts_ms <= moment_ms][-1])
                value = Decimal(account_trade.quantity) * Decimal(close)
                value *= self.rate(self.instrument[symbol].currency, moment_ms)
                total += value if trade.side == "long" else -value
        return total


@pytest.mark.parametrize("name", ["constrained", "unconstrained"])
def test_every_session_of_three_currencies_agrees_with_a_ledger_in_decimals(name: str) -> None:
    snapshot = desk_of(WORLD)
    setups = make_setups({"ma_cross": {"fast": 2, "slow": 7}, "breakout_20": {"window": 15}}, source="test")
    setups["both"] = make_setups({"ma_cross": {"fast": 3, "slow": 9, "side": "both"}}, source="test")["ma_cross"]
    variant = backtest(snapshot, WORLD, setups).variants[name]
    seen = {(snapshot_currency(snapshot, d.key.symbol), d.trade.side) for d in variant.account_trades}
    assert seen == {(c, s) for c in ("KRW", "USD", "JPY") for s in ("long", "short")}
    assert {d.trade.reason for d in variant.account_trades} >= {"open", "signal", "stop"}
    ledger = Ledger(snapshot)
    flows, pnls = ledger.flows(variant)
    for account_trade, pnl in zip(variant.account_trades, pnls, strict=True):
        assert account_trade.pnl == pytest.approx(float(pnl), rel=1e-9, abs=1e-4), account_trade
    for point in variant.curve[:: 1 if name == "constrained" else 40]:
        assert point.equity == pytest.approx(float(ledger.equity(variant, flows, point.ts_ms)), rel=1e-9)
    gained = variant.curve[-1].equity - variant.curve[0].equity
    assert sum(account_trade.pnl for account_trade in variant.account_trades) == pytest.approx(gained, rel=1e-9)
    assert gained == pytest.approx(float(sum(pnls, Decimal(0))), rel=1e-9)


def snapshot_currency(snapshot: Snapshot, symbol: str) -> str:
    return next(each.instrument.currency for each in snapshot.series if each.instrument.symbol == symbol)
