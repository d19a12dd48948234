"""Slippage, ticks, tax by date, caps and loans: rules of the exchange from their sources, money by hand."""

from __future__ import annotations

import datetime as dt

import msgspec
import numpy as np
import pytest

from pyjobs.account.portfolio import krx
from pyjobs.account.portfolio.costs import Costs
from pyjobs.account.portfolio.seats import on_grid
from pyjobs.account.portfolio.signals.packed import PackedSignals
from pyjobs.account.portfolio.simulate import Terms, simulate
from pyjobs.account.portfolio.sleeve import Sleeve
from pyjobs.account.portfolio.sleeves import costs_on, grid_of
from pyjobs.market.bars import Bars, SeriesKey
from pyjobs.market.desk.desk_file import Account, Instrument
from pyjobs.strategy.signals import Side, Signals
from utils import trading_day

DAY = 86_400_000
NONE = float("nan")


def sleeve(
    symbol: str, ohlc: list[list[float]], entry: set[int], leave: set[int], *, side: Side = "long", group: str = ""
) -> Sleeve:
    o, h, low, c = np.array(ohlc, dtype=float).T
    n = np.arange(len(ohlc))
    return Sleeve(
        key=SeriesKey(exchange="X", symbol=symbol, timeframe="1d"),
        setup="made_up",
        bars=Bars(ts_ms=(n + 1) * DAY, open=o, high=h, low=low, close=c, volume=np.ones(n.size)),
        signals=PackedSignals.of(
            Signals(
                entry=np.isin(n, list(entry)), exit=np.isin(n, list(leave)), stop=np.full(n.size, np.nan), side=side
            )
        ),
        lot=1.0,
        group=group,
    )


def tick_size(day: dt.date, price: float, *, etf: bool = False) -> float:
    table = [table for first, table in (krx.ETF_TICKS if etf else krx.TICKS) if first <= day][-1]
    return [tick for low, tick in table if low <= price][-1]


def moved(day: dt.date, price: float, up: bool, *, etf: bool = False) -> float:
    return float(on_grid(price, tick_size(day, price, etf=etf), up))


def flat(price: float, bars: int = 4) -> list[list[float]]:
    return [[price] * 4] * bars


@pytest.mark.parametrize(
    ("traded", "bps"),
    [
        ("2018-01-02", 30.0),
        ("2019-05-29", 30.0),
        ("2019-05-30", 25.0),  # settled on 2019-06-03, when the cut came into force
        ("2020-12-28", 25.0),
        ("2020-12-29", 23.0),  # settled on 2021-01-04
        ("2022-12-26", 23.0),
        ("2023-06-01", 20.0),
        ("2024-06-03", 18.0),
        ("2025-06-02", 15.0),
        ("2025-12-26", 15.0),
        ("2025-12-29", 20.0),
        ("2026-06-01", 20.0),
    ],
)
def test_the_tax_on_a_sale_is_that_of_its_settlement(traded: str, bps: float) -> None:
    calendar = trading_day.load("XKRX")
    session = calendar.session(dt.date.fromisoformat(traded))
    assert session is not None
    costs = Costs(fee_bps=1, sell_tax_bps=99, sell_tax_by_time=krx.sell_tax_by_time(calendar))
    assert costs.at(session.close_utc_s * 1000).sell_tax_bps == bps
    assert costs.at(session.close_utc_s * 1000).selling(10_000) == pytest.approx(1 + bps)


@pytest.mark.parametrize(
    ("day", "price", "tick"),
    [
        ("2022-06-01", 999, 1), ("2022-06-01", 1_000, 5), ("2022-06-01", 4_995, 5), ("2022-06-01", 5_000, 10),
        ("2022-06-01", 10_000, 50), ("2022-06-01", 50_000, 100), ("2022-06-01", 195_500, 500),
        ("2022-06-01", 500_000, 1_000), ("2023-01-24", 166_500, 500), ("2026-11-20", 600_000, 1_000),
        ("2023-01-25", 1_999, 1), ("2023-01-25", 2_000, 5), ("2023-01-25", 19_990, 10), ("2023-01-25", 20_000, 50),
        ("2023-01-25", 166_500, 100), ("2023-01-25", 200_000, 500),
    ],
)  # fmt: skip
def test_ticks_are_those_of_the_day(day: str, price: float, tick: float) -> None:
    assert tick_size(dt.date.fromisoformat(day), price) == tick


@pytest.mark.parametrize(
    ("day", "price", "tick"),
    [
        ("2008-06-02", 10_000, 5), ("2022-06-01", 35, 5), ("2022-06-01", 1_995, 5), ("2022-06-01", 31_250, 5),
        ("2023-12-15", 1_999, 5), ("2023-12-18", 1_999, 1), ("2023-12-18", 2_000, 5), ("2026-11-20", 112_345, 5),
    ],
)  # fmt: skip
def test_ticks_of_funds_are_those_of_the_day(day: str, price: float, tick: float) -> None:
    """KRX: 5 won at every price; since 2023-12-18 1 won below 2 000."""
    assert tick_size(dt.date.fromisoformat(day), price, etf=True) == tick


def test_a_fund_fills_on_its_own_grid_and_its_sale_is_not_taxed() -> None:
    """By hand, 2026: a share of 31 252 buys at 31 300 and sells at 31 250; a fund at 31 255 and 31 250.

    Below 2 000 won a fund moves by one: 1 777.4 buys at 1 778.
    """
    day = dt.date(2026, 11, 20)
    assert [moved(day, 31_252, up) for up in (True, False)] == [31_300, 31_250]
    assert [moved(day, 31_252, up, etf=True) for up in (True, False)] == [31_255, 31_250]
    assert [moved(day, 1_777.4, up, etf=True) for up in (True, False)] == [1_778, 1_777]
    account = Account(currency="KRW", cash=1e6, max_positions=1, max_weight=1, fee_bps=1, rules="KRX")
    share = Instrument(symbol="A", exchange="KRX", market="XKRX", timeframe="1d", file="f", currency="KRW")
    fund = msgspec.structs.replace(share, kind="etf")
    new_tables_ms = [int(dt.datetime(2023, 1, 24, 15, tzinfo=dt.UTC).timestamp()), 1_702_825_200]  # midnight in Seoul
    for instrument, dated, from_s in zip((share, fund), (krx.TICKS, krx.ETF_TICKS), new_tables_ms, strict=True):
        assert [table for _, table in grid_of(account, instrument)] == [table for _, table in dated]
        assert grid_of(account, instrument)[1][0] == from_s * 1000 + 1  # at midnight it is still the day before
    assert grid_of(account, msgspec.structs.replace(fund, prices="adjusted")) == ()
    assert grid_of(account, msgspec.structs.replace(share, currency="USD")) == ()
    noon_ms = int(dt.datetime(2026, 11, 20, 3, 0, tzinfo=dt.UTC).timestamp()) * 1000
    assert costs_on(account, share).at(noon_ms).selling(10_000) == pytest.approx(21)
    assert costs_on(account, fund).at(noon_ms).selling(10_000) == pytest.approx(1)


def test_a_price_moves_to_the_next_one_that_trades_against_you_and_stays_when_it_trades() -> None:
    day = dt.date(2026, 11, 20)
    assert moved(day, 71_234.0, True) == 71_300
    assert moved(day, 71_234.0, False) == 71_200
    assert moved(day, 71_200.0, True) == moved(day, 71_200.0, False) == 71_200
    assert moved(day, 1_234 * (1 + 1e-16), True) == 1_234


def test_slippage_makes_both_fills_worse_and_the_stop_is_measured_from_the_fill() -> None:
    """Buy at 100 * 1.01 = 101; stop 10 % below: 90.9; hit, sold at 90.9 * 0.99 = 89.991."""
    run = simulate(
        [sleeve("A", [[100] * 4, [100] * 4, [95, 95, 90, 91], [91] * 4], {0}, set())],
        Terms(cash=1_010, max_positions=1, max_weight=1, costs=Costs(slippage_bps=100), stop_loss=0.1),
        start_ms=0,
    )
    account_trade = run.account_trades[0]
    assert (account_trade.quantity, account_trade.trade.entry_price) == (10, 101)
    assert (account_trade.trade.stop, account_trade.trade.exit_price) == (pytest.approx(90.9), pytest.approx(89.991))
    assert run.cash[-1] == pytest.approx(1_010 - 1_010 + 899.91)


def test_a_fill_lands_on_the_tick_grid_of_its_day() -> None:
    """10 010 bought with 0.1 % slippage is 10 020.01, next tick 10 030; sold at 10 010 * 0.999 = 9 999.99: 9 990."""
    plain = sleeve("A", flat(10_010), {0}, {1})
    on_grid = Sleeve(
        key=plain.key, setup="made_up", bars=plain.bars, signals=plain.signals, lot=1.0,
        grid=((0, krx.TICKS[1][1]),),
    )  # fmt: skip
    run = simulate([on_grid], Terms(cash=1e6, max_positions=1, max_weight=1, costs=Costs(slippage_bps=10)), start_ms=0)
    assert (run.account_trades[0].trade.entry_price, run.account_trades[0].trade.exit_price) == (10_030, 9_990)


def test_nothing_is_sold_for_nothing_below_the_first_tick() -> None:
    """Sold short at 0.4, under the first tick of 1: 500 / 0.4 = 1250; bought back at 0.3, up to 1: 1500 - 1250."""
    cheap = sleeve("A", [[0.4] * 4, [0.4] * 4, [0.4] * 4, [0.3] * 4], {0}, {2}, side="short")
    on_grid = Sleeve(
        key=cheap.key, setup="made_up", bars=cheap.bars, signals=cheap.signals, lot=1.0, grid=((0, krx.TICKS[1][1]),),
    )  # fmt: skip
    run = simulate([on_grid], Terms(cash=1_000, max_positions=1, max_weight=0.5, costs=Costs()), start_ms=0)
    trade = run.account_trades[0]
    assert (trade.quantity, trade.trade.entry_price, trade.trade.exit_price) == (1_250, 0.4, 1.0)
    np.testing.assert_allclose(run.cash, [1_000, 1_500, 1_500, 250])


def test_a_short_sale_by_hand() -> None:
    """
    Cash 1000, half of it: 500 / (50 + tax 0.2 % 0.1) = 9.98: 9 shares at 50 = 450, tax 0.9: cash 1449.1.
    Close 1: price 50: equity 1449.1 - 450 = 999.1.
    Close 2: price 40, loan for a day on 9 * 50 at 36.5 % a year: 0.45: cash 1448.65; equity 1448.65 - 360 = 1088.65.
    Bar 3: the exit signal of close 2 is bought back at 40: 360, no tax on buying: cash 1088.65; pnl 90 - 0.9 - 0.45.
    """
    prices = [[50] * 4, [50] * 4, [50, 50, 40, 40], [40] * 4]
    terms = Terms(cash=1_000, max_positions=1, max_weight=0.5, costs=Costs(sell_tax_bps=20, borrow_bps=3_650))
    run = simulate([sleeve("A", prices, {0}, {2}, side="short")], terms, start_ms=0)
    np.testing.assert_allclose(run.equity, [1_000, 999.1, 1_088.65, 1_088.65])
    np.testing.assert_allclose(run.cash, [1_000, 1_449.1, 1_448.65, 1_088.65])
    np.testing.assert_allclose(run.exposure[:3], [0, 450 / 999.1, 360 / 1_088.65])
    assert run.account_trades[0].pnl == pytest.approx(90 - 0.9 - 0.45)
    assert run.account_trades[0].fees == pytest.approx(1.35)


def test_the_proceeds_of_a_short_sale_buy_nothing() -> None:
    """600 sold short: cash 1600, of which 1200 are tied up: 400 are left for the other, not 600."""
    sleeves = [sleeve("A", flat(100), {0}, set(), side="short"), sleeve("B", flat(100), {0}, set())]
    run = simulate(sleeves, Terms(cash=1_000, max_positions=2, max_weight=0.6), start_ms=0)
    assert {account_trade.key.symbol: account_trade.quantity for account_trade in run.account_trades} == {
        "A": 6,
        "B": 4,
    }


def test_a_short_leaves_at_a_stop_above_and_a_gap_at_the_open() -> None:
    prices = [[100] * 4, [100] * 4, [120, 121, 119, 120], [120] * 4]
    terms = Terms(cash=1_000, max_positions=1, max_weight=0.5, stop_loss=0.1)
    trade = simulate([sleeve("A", prices, {0}, set(), side="short")], terms, start_ms=0).account_trades[0].trade
    assert (trade.reason, trade.exit_price, trade.stop) == ("stop_gap", 120, pytest.approx(110))


def test_a_group_never_gets_more_than_its_share_and_others_do_not_count() -> None:
    """Three of one sector at 30 % each under a cap of 60 %: two fit. A fourth of another sector is taken."""
    sleeves = [sleeve(name, flat(10), {0}, set(), group="chips") for name in "ABC"]
    sleeves.append(sleeve("D", flat(10), {0}, set(), group="banks"))
    terms = Terms(cash=1_000, max_positions=4, max_weight=0.3, max_group_weight=0.6)
    run = simulate(sleeves, terms, start_ms=0)
    assert [account_trade.key.symbol for account_trade in run.account_trades] == ["A", "B", "D"]
    assert run.refused["group"] == 1


def test_without_rules_nothing_changes() -> None:
    costs = Costs(fee_bps=15, sell_tax_bps=20)
    assert costs.at(0) is costs
    assert costs.filled(71_234.5, buy=True) == costs.filled(71_234.5, buy=False) == 71_234.5
    assert costs.net_return("long", 100, 110) == pytest.approx((10 - 0.15 - 110 * 0.0035) / 100)
